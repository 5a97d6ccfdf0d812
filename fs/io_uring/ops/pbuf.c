// SPDX-License-Identifier: GPL-2.0
/*
 * PROVIDE_BUFFERS and REMOVE_BUFFERS.
 */
#include <linux/overflow.h>
#include <linux/uaccess.h>

#include "../req/req.h"
#include "../rsrc/pbuf.h"
#include "ops.h"

/**
 * struct iou_provide - buffers to be added or removed
 * @first: the first one, to be added
 * @nr: how many
 * @bgid: the group
 */
struct iou_provide {
	struct io_uring_buf first;
	u32 nr;
	u16 bgid;
};

static __always_inline int prep_common(struct iou_req *req, const struct io_uring_sqe __shared *sqe)
{
	struct iou_provide *provide = iou_req_cmd(req, struct iou_provide);
	union iou_sqe_mid mid = iou_sqe_mid(sqe);

	if ((__force u32)iou_sqe_get(sqe, rw_flags) || mid.file_index)
		return iou_reject(req, sqe, -EINVAL,
				  "buffers: rw_flags and splice_fd_in must be 0");
	provide->nr = req->fd;
	provide->bgid = mid.buf_index;
	return 0;
}

/* The program cannot have such buffers: why? */
static noinline int refuse_bufs(struct iou_req *req, const struct io_uring_sqe __shared *sqe)
{
	struct iou_provide *provide = iou_req_cmd(req, struct iou_provide);
	unsigned long addr = provide->first.addr, size, end;

	if (check_mul_overflow((unsigned long)provide->first.len, provide->nr, &size) ||
	    check_add_overflow(addr, size, &end))
		return iou_reject(req, sqe, -EOVERFLOW, "provide_buffers: addresses wrap");
	if (!size)
		return iou_reject(req, sqe, -EINVAL, "provide_buffers: buffers without length");
	return iou_reject(req, sqe, -EFAULT, "provide_buffers: not user memory");
}

static __always_inline int prep_provide(struct iou_req *req,
					const struct io_uring_sqe __shared *sqe)
{
	struct iou_provide *provide = iou_req_cmd(req, struct iou_provide);
	struct io_uring_buf *first = &provide->first;
	u64 bid = iou_sqe_get(sqe, off);
	unsigned long size;

	if (prep_common(req, sqe))
		return req->res;
	if (!provide->nr || provide->nr > IOU_PBUF_MAX)
		return iou_reject(req, sqe, -E2BIG, "provide_buffers: 1 to 65536 of them");
	first->addr = iou_sqe_get(sqe, addr);
	first->len = iou_sqe_get(sqe, len);
	if (unlikely(check_mul_overflow((unsigned long)first->len, provide->nr, &size) ||
		     !size || !access_ok(u64_to_user_ptr(first->addr), size)))
		return refuse_bufs(req, sqe);
	if (bid > U16_MAX)
		return iou_reject(req, sqe, -E2BIG, "provide_buffers: first number above 65535");
	if (bid + provide->nr > IOU_PBUF_MAX)
		return iou_reject(req, sqe, -EINVAL, "provide_buffers: numbers above 65535");
	first->bid = bid;
	return 0;
}

static iou_verdict_t issue_provide(struct iou_req *req)
	__must_hold(&iou_req_ring(req)->lock)
{
	struct iou_provide *provide = iou_req_cmd(req, struct iou_provide);

	req->res = iou_pbuf_provide(iou_req_ring(req), provide->bgid, &provide->first,
				    provide->nr);
	return IOU_DONE;
}

IOU_FUSE(provide)

const struct iou_op iou_op_provide_buffers = {
	.name	= "PROVIDE_BUFFERS",
	.start	= start_provide,
	.prep	= prep_provide,
	.issue	= issue_provide,
	.on_iopoll = true,
};

static int prep_remove(struct iou_req *req, const struct io_uring_sqe __shared *sqe)
{
	struct iou_provide *provide = iou_req_cmd(req, struct iou_provide);

	if (prep_common(req, sqe))
		return req->res;
	if (iou_sqe_get(sqe, addr) || iou_sqe_get(sqe, len) || iou_sqe_get(sqe, off))
		return iou_reject(req, sqe, -EINVAL,
				  "remove_buffers: addr, len and off must be 0");
	if (!provide->nr || provide->nr > IOU_PBUF_MAX)
		return iou_reject(req, sqe, -EINVAL, "remove_buffers: 1 to 65536 of them");
	return 0;
}

static iou_verdict_t issue_remove(struct iou_req *req)
	__must_hold(&iou_req_ring(req)->lock)
{
	struct iou_provide *provide = iou_req_cmd(req, struct iou_provide);

	return iou_done(req, iou_pbuf_remove(iou_req_ring(req), provide->bgid, provide->nr));
}

IOU_FUSE(remove)

const struct iou_op iou_op_remove_buffers = {
	.name	= "REMOVE_BUFFERS",
	.start	= start_remove,
	.prep	= prep_remove,
	.issue	= issue_remove,
	.on_iopoll = true,
};
