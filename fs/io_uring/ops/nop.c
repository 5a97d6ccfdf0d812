// SPDX-License-Identifier: GPL-2.0
/*
 * NOP: the shortest opcode. Measures what all of them cost.
 */
#include "../req/req.h"
#include "ops.h"

static int prep_nop(struct iou_req *req, const struct io_uring_sqe __shared *sqe)
{
	u32 flags = iou_sqe_get(sqe, nop_flags);

	if (unlikely(flags & ~IORING_NOP_INJECT_RESULT))
		return iou_reject(req, sqe, -EINVAL, "nop: unknown nop_flags");
	req->res = flags ? (s32)iou_sqe_get(sqe, len) : 0;
	return 0;
}

static iou_verdict_t issue_nop(struct iou_req *req)
{
	return IOU_DONE;
}

IOU_FUSE(nop)

/* Only with IOSQE_ASYNC */
static iou_verdict_t work_nop(struct iou_req *req)
{
	return IOU_DONE;
}

const struct iou_op iou_op_nop = {
	.name		= "NOP",
	.start		= start_nop,
	.prep		= prep_nop,
	.issue		= issue_nop,
	.work		= work_nop,
	.on_iopoll	= true,
};
