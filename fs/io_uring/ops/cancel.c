// SPDX-License-Identifier: GPL-2.0
/*
 * ASYNC_CANCEL.
 */
#include "../req/req.h"
#include "../run/cancel.h"
#include "ops.h"

#define IOU_CANCEL_FLAGS						\
	(IORING_ASYNC_CANCEL_ALL | IORING_ASYNC_CANCEL_FD |		\
	 IORING_ASYNC_CANCEL_ANY | IORING_ASYNC_CANCEL_FD_FIXED |	\
	 IORING_ASYNC_CANCEL_USERDATA | IORING_ASYNC_CANCEL_OP)

static int prep_cancel(struct iou_req *req, const struct io_uring_sqe __shared *sqe)
{
	struct iou_cancel *cancel = iou_req_cmd(req, struct iou_cancel);
	u32 flags = iou_sqe_get(sqe, cancel_flags);

	if (iou_sqe_get(sqe, off) || iou_sqe_mid(sqe).file_index)
		return iou_reject(req, sqe, -EINVAL, "cancel: off and splice_fd_in must be 0");
	if (flags & ~IOU_CANCEL_FLAGS)
		return iou_reject(req, sqe, -EINVAL, "cancel: unknown cancel_flags");
	if ((flags & IORING_ASYNC_CANCEL_ANY) &&
	    (flags & (IORING_ASYNC_CANCEL_FD | IORING_ASYNC_CANCEL_OP)))
		return iou_reject(req, sqe, -EINVAL, "cancel: ANY with FD or OP");
	cancel->flags = flags;
	/* Any number: one that is no opcode is nobody's */
	cancel->opcode = iou_sqe_get(sqe, len);
	cancel->user_data = iou_sqe_get(sqe, addr);
	cancel->file = NULL;
	return 0;
}

static iou_verdict_t issue_cancel(struct iou_req *req)
{
	struct iou_cancel *cancel = iou_req_cmd(req, struct iou_cancel);

	if (cancel->flags & IORING_ASYNC_CANCEL_FD) {
		if (cancel->flags & IORING_ASYNC_CANCEL_FD_FIXED)
			req->sqe_flags |= IOSQE_FIXED_FILE;
		if (!iou_req_get_file(req))
			return iou_done(req, -EBADF);
		cancel->file = req->file;
	}
	return iou_done(req, iou_cancel(iou_req_ring(req), cancel));
}

IOU_FUSE(cancel)

const struct iou_op iou_op_async_cancel = {
	.name		= "ASYNC_CANCEL",
	.start		= start_cancel,
	.prep		= prep_cancel,
	.issue		= issue_cancel,
};
