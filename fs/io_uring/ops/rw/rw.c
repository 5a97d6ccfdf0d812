// SPDX-License-Identifier: GPL-2.0
/*
 * READ, WRITE, READV, WRITEV, READ_FIXED, WRITE_FIXED, READ_MULTISHOT: what they read of
 * their SQE. What they do is in attempt.c, and the same for all.
 */
#include <linux/blkdev.h>
#include <linux/fs.h>
#include <linux/ioprio.h>
#include <linux/slab.h>
#include <linux/uio.h>

#include "../../req/complete.h"
#include "../../rsrc/pbuf.h"
#include "../iovec.h"
#include "../ops.h"
#include "attempt.h"

/* Where the data is */
enum rw_kind {
	RW_PLAIN,	/* one buffer, the program's own or a provided one */
	RW_VEC,		/* iovecs */
	RW_FIXED,	/* a part of a registered buffer */
};

static noinline int prep_ioprio(struct iou_req *req, const struct io_uring_sqe __shared *sqe,
				u16 ioprio)
{
	int error = ioprio_check_cap(ioprio);

	iou_req_cmd(req, struct iou_rw)->iocb.ki_ioprio = ioprio;
	return error ? iou_reject(req, sqe, error, "rw: bad ioprio") : 0;
}

/* One iovec says how much of a provided buffer to use */
static int prep_cap(struct iou_req *req, const struct io_uring_sqe __shared *sqe)
{
	const struct iou_rw *rw = iou_req_cmd(req, struct iou_rw);
	int error;
	u32 cap;

	if (rw->len != 1)
		return iou_reject(req, sqe, -EINVAL, "rw: one iovec with BUFFER_SELECT");

	error = iou_iovec_cap(u64_to_user_ptr(rw->addr), &cap, iou_req_ring(req)->compat);
	if (error)
		return iou_reject(req, sqe, error, "rw: bad iovec");
	req->buf_cap = iou_pbuf_cap(cap);
	return 0;
}

static int prep_vec(struct iou_req *req, const struct io_uring_sqe __shared *sqe, int dir)
{
	struct iou_rw *rw = iou_req_cmd(req, struct iou_rw);
	struct iou_rw_aux *aux;
	ssize_t len;

	if (unlikely(req->notes & IOU_NOTE_SELECT))
		return prep_cap(req, sqe);

	aux = kmalloc(sizeof(*aux), GFP_KERNEL_ACCOUNT);
	if (!aux)
		return iou_reject(req, sqe, -ENOMEM, "rw: no memory for the iovecs");

	len = iou_iovec_import(dir, u64_to_user_ptr(rw->addr), rw->len, aux->fast, IOU_FAST_IOV,
			       &aux->big, &aux->iter, iou_req_ring(req)->compat);
	if (len < 0) {
		kfree(aux);
		return iou_reject(req, sqe, len, "rw: bad iovecs");
	}

	rw->len = len;
	req->aux = aux;
	req->held |= IOU_HELD_CLEANUP;
	return 0;
}

static void cleanup_rw(struct iou_req *req)
{
	struct iou_rw_aux *aux = req->aux;

	kfree(aux->big);
	kfree(aux);
}

static __always_inline int prep_fixed(struct iou_req *req,
				      const struct io_uring_sqe __shared *sqe)
	__must_hold(&iou_req_ring(req)->lock)
{
	const struct iou_rw *rw = iou_req_cmd(req, struct iou_rw);

	if (unlikely(!iou_req_get_buf(req, iou_sqe_get(sqe, buf_index))))
		return iou_reject(req, sqe, -EFAULT, "rw: there is no buffer buf_index");
	if (unlikely(!iou_buf_contains(iou_req_buf(req), rw->addr, rw->len)))
		return iou_reject(req, sqe, -EFAULT, "rw: not inside buffer buf_index");
	return 0;
}

static __always_inline int prep_plain(struct iou_req *req,
				      const struct io_uring_sqe __shared *sqe, bool own)
{
	struct iou_rw *rw = iou_req_cmd(req, struct iou_rw);

	if ((own || !(req->notes & IOU_NOTE_SELECT)) &&
	    unlikely(!access_ok(u64_to_user_ptr(rw->addr), rw->len)))
		return iou_reject(req, sqe, -EFAULT, "rw: the buffer is not user memory");
	return 0;
}

/*
 * The .prep of all of them; @dir, @kind and @own are constants. @own: it is known to want
 * no provided buffer
 */
static __always_inline int prep_rw(struct iou_req *req, const struct io_uring_sqe __shared *sqe,
				   int dir, enum rw_kind kind, bool own)
	__must_hold(&iou_req_ring(req)->lock)
{
	struct iou_rw *rw = iou_req_cmd(req, struct iou_rw);
	u16 ioprio = iou_sqe_get(sqe, ioprio);

	rw->iocb.ki_filp = NULL;
	rw->iocb.ki_pos = iou_sqe_get(sqe, off);
	rw->iocb.ki_flags = (__force int)iou_sqe_get(sqe, rw_flags);
	rw->addr = iou_sqe_get(sqe, addr);
	rw->len = min_t(u32, iou_sqe_get(sqe, len), MAX_RW_COUNT);
	rw->done = 0;

	/* None: as the task has, see iou_rw_begin() */
	rw->iocb.ki_ioprio = 0;
	if (unlikely(ioprio)) {
		int error = prep_ioprio(req, sqe, ioprio);

		if (error)
			return error;
	}

	if (kind == RW_VEC)
		return prep_vec(req, sqe, dir);
	if (kind == RW_FIXED)
		return prep_fixed(req, sqe);
	return prep_plain(req, sqe, own);
}

/* Something was transferred, and there will be no further attempt */
static s32 partial_rw(struct iou_req *req)
{
	struct iou_rw *rw = iou_req_cmd(req, struct iou_rw);

	if (rw->done)
		iou_rw_finish(req, rw->iocb.ki_flags & IOCB_WRITE ? WRITE : READ, 0);
	return rw->done;
}

static int take_rw(struct iou_req *req)
	__must_hold(&iou_req_ring(req)->lock)
{
	return iou_rw_take_buf(req);
}

static int iopoll_rw(struct iou_req *req, struct io_comp_batch *iob)
{
	struct iou_rw *rw = iou_req_cmd(req, struct iou_rw);

	return req->file->f_op->iopoll(&rw->iocb, iob, BLK_POLL_ONESHOT);
}

static void iopoll_done_rw(struct iou_req *req)
	__must_hold(&iou_req_ring(req)->lock)
{
	iou_rw_event(req, false);
}

/* The .start of most of them; @dir, @kind and @own are constants */
static __always_inline iou_verdict_t start_rw(struct iou_req *req,
					      const struct io_uring_sqe __shared *sqe,
					      int dir, enum rw_kind kind, bool own)
	__must_hold(&iou_req_ring(req)->lock)
{
	if (unlikely(prep_rw(req, sqe, dir, kind, own)))
		return IOU_REJECTED;
	return kind == RW_VEC ? iou_rw_issue(req, dir) : iou_rw_start(req, dir, own);
}

static noinline iou_verdict_t start_select(struct iou_req *req,
					   const struct io_uring_sqe __shared *sqe)
	__must_hold(&iou_req_ring(req)->lock)
{
	return start_rw(req, sqe, READ, RW_PLAIN, false);
}

static noinline iou_verdict_t start_own(struct iou_req *req,
					const struct io_uring_sqe __shared *sqe)
	__must_hold(&iou_req_ring(req)->lock)
{
	return start_rw(req, sqe, READ, RW_PLAIN, true);
}

/* A READ comes with a buffer or without, both often: each way has a function of its own */
static __always_inline iou_verdict_t start_any(struct iou_req *req,
					       const struct io_uring_sqe __shared *sqe,
					       int dir, enum rw_kind kind)
	__must_hold(&iou_req_ring(req)->lock)
{
	if (dir == READ && kind == RW_PLAIN)
		return req->notes & IOU_NOTE_SELECT ? start_select(req, sqe) :
						      start_own(req, sqe);
	return start_rw(req, sqe, dir, kind, true);
}

/* An opcode: its name, READ or WRITE, where its data is, and what else it can */
#define RW_OP(op, NAME, dir, kind, ...)							\
static int prep_##op(struct iou_req *req, const struct io_uring_sqe __shared *sqe)	\
	__must_hold(&iou_req_ring(req)->lock)						\
{											\
	return prep_rw(req, sqe, dir, kind, false);					\
}											\
											\
static iou_verdict_t start_##op(struct iou_req *req,					\
				const struct io_uring_sqe __shared *sqe)		\
	__must_hold(&iou_req_ring(req)->lock)						\
{											\
	return start_any(req, sqe, dir, kind);						\
}											\
											\
static iou_verdict_t issue_##op(struct iou_req *req)					\
	__must_hold(&iou_req_ring(req)->lock)						\
{											\
	return iou_rw_issue(req, dir);							\
}											\
											\
static iou_verdict_t work_##op(struct iou_req *req)					\
{											\
	return iou_rw_work(req, dir);							\
}											\
											\
const struct iou_op iou_op_##op = {							\
	.name		= NAME,								\
	.start		= start_##op,							\
	.prep		= prep_##op,							\
	.issue		= issue_##op,							\
	.work		= work_##op,							\
	.partial	= partial_rw,							\
	.iopoll		= iopoll_rw,							\
	.iopoll_done	= iopoll_done_rw,						\
	.on_iopoll	= true,								\
	.poll_events	= (dir) == READ ? EPOLLIN | IOU_POLL_LAZY : EPOLLOUT,		\
	.needs_file	= true,								\
	.has_ioprio	= true,								\
	.hashed		= (dir) == WRITE,						\
	.unbound	= true,								\
	__VA_ARGS__									\
}

RW_OP(read, "READ", READ, RW_PLAIN, .pbuf = IOU_PBUF_USED | IOU_PBUF_AT_END,
	.take = take_rw);
RW_OP(write, "WRITE", WRITE, RW_PLAIN);
RW_OP(readv, "READV", READ, RW_VEC, .pbuf = IOU_PBUF_USED | IOU_PBUF_AT_END,
	.take = take_rw, .cleanup = cleanup_rw);
RW_OP(writev, "WRITEV", WRITE, RW_VEC, .cleanup = cleanup_rw);
RW_OP(read_fixed, "READ_FIXED", READ, RW_FIXED);
RW_OP(write_fixed, "WRITE_FIXED", WRITE, RW_FIXED);

static int prep_read_multishot(struct iou_req *req, const struct io_uring_sqe __shared *sqe)
	__must_hold(&iou_req_ring(req)->lock)
{
	if (!(req->notes & IOU_NOTE_SELECT))
		return iou_reject(req, sqe, -EINVAL, "read_multishot: needs BUFFER_SELECT");
	if (iou_sqe_get(sqe, addr) || iou_sqe_get(sqe, len))
		return iou_reject(req, sqe, -EINVAL, "read_multishot: addr and len must be 0");

	req->notes |= IOU_NOTE_MULTISHOT;
	return prep_rw(req, sqe, READ, RW_PLAIN, false);
}

static iou_verdict_t issue_read_multishot(struct iou_req *req)
	__must_hold(&iou_req_ring(req)->lock)
{
	int i;

	for (i = 0; i < IOU_MAX_SHOTS; i++) {
		iou_verdict_t verdict = iou_rw_issue_shot(req);

		if (verdict != IOU_DONE)
			return verdict;
		/* After a shot, a buffer is needed when there is more data, and not before */
		if (req->res <= 0)
			return i && iou_pbuf_is_missed(req) ? IOU_TURN : IOU_DONE;
		if (!iou_req_post_more(req, req->res, req->cflags))
			return IOU_DONE;
		iou_req_next_shot(req);
	}
	return IOU_TURN;
}

IOU_FUSE(read_multishot)

const struct iou_op iou_op_read_multishot = {
	.name		= "READ_MULTISHOT",
	.start		= start_read_multishot,
	.prep		= prep_read_multishot,
	.issue		= issue_read_multishot,
	.poll_events	= EPOLLIN | IOU_POLL_LAZY,
	.needs_file	= true,
	.pbuf		= IOU_PBUF_USED,
	.unbound	= true,
};
