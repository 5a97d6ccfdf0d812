/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Reads and writes: what a request knows of its transfer, and where the data of the next
 * call is.
 */
#ifndef IOU_OPS_RW_ITER_H
#define IOU_OPS_RW_ITER_H

#include <linux/fs.h>
#include <linux/uaccess.h>
#include <linux/uio.h>

#include "../../req/req.h"
#include "../../rsrc/pbuf.h"

/**
 * struct iou_rw - a transfer
 * @iocb: ki_filp is NULL until the first attempt; until then ki_flags are the
 *        RWF_* of the SQE and ki_pos is its off
 * @addr: the buffer, or unused with &struct iou_rw_aux
 * @len: bytes wanted
 * @done: bytes transferred so far
 */
struct iou_rw {
	struct kiocb iocb;
	u64 addr;
	u32 len;
	u32 done;
};

/* In iou_req.mark */
enum iou_rw_mark {
	RW_NOWAIT	= 1 << 0,	/* the program set RWF_NOWAIT */
	RW_CUR_POS	= 1 << 1,	/* the file position is used and updated */
	RW_POLLED	= 1 << 2,	/* its device does not interrupt */
	RW_PAGE		= 1 << 3,	/* what it is queued for is a page */
};

#define IOU_FAST_IOV	8

/**
 * struct iou_rw_aux - what only few transfers have; iou_req.aux
 * @iter: over all of the stable copy of the iovecs
 * @big: allocated array of iovecs, or NULL
 * @fast: used if there are few
 */
struct iou_rw_aux {
	struct iov_iter iter;
	struct iovec *big;
	struct iovec fast[IOU_FAST_IOV];
};

int iou_rw_iter_rest(struct iou_req *req, int dir, struct iov_iter *iter);
int iou_rw_check_far_end(const struct iou_rw *rw, u32 len);
void iou_rw_commit_buf(struct iou_req *req, const struct iou_pbuf *buf, ssize_t ret)
	__must_hold(&iou_req_ring(req)->lock);

/* Files without read_iter() or write_iter() know nothing but user memory */
static inline bool iou_rw_has_iter(const struct file *file, int dir)
{
	return dir == READ ? !!file->f_op->read_iter : !!file->f_op->write_iter;
}

/*
 * The part of rw_verify_area() that looks at the length, for lengths and positions that
 * were not known when it was called: asking for permission is for once.
 */
static __always_inline int iou_rw_check_end(const struct iou_rw *rw, u32 len)
{
	/* No buffer reaches the end from there */
	if (likely((u64)rw->iocb.ki_pos <= LLONG_MAX - MAX_RW_COUNT))
		return 0;
	return iou_rw_check_far_end(rw, len);
}

/* Look at the next provided buffer, and be about to use it */
static __always_inline int iou_rw_select(struct iou_req *req, struct iou_pbuf *buf)
	__must_hold(&iou_req_ring(req)->lock)
{
	struct iou_rw *rw = iou_req_cmd(req, struct iou_rw);
	int error = iou_pbuf_look(req, buf);

	if (unlikely(error))
		return -ENOBUFS;

	rw->addr = buf->addr;
	rw->len = buf->len;
	return iou_rw_check_end(rw, rw->len);
}

/* Take a provided buffer, whatever becomes of the transfer */
static __always_inline int iou_rw_take_buf(struct iou_req *req)
	__must_hold(&iou_req_ring(req)->lock)
{
	struct iou_pbuf buf __uninitialized;
	int error = iou_rw_select(req, &buf);

	if (likely(!error))
		iou_pbuf_commit(req, &buf, 0, IOU_PBUF_KEEP);
	return error;
}

/**
 * iou_rw_iter() - an iterator over what is left to do
 * @req: prepared, and has its buffer, whose address was checked when it got it
 * @dir: READ or WRITE
 * @iter: receives it
 *
 * It is made anew for each call, so nothing has to be reverted when a callee has advanced
 * it too far.
 *
 * Context: any.
 * Return: 0, -EFAULT.
 */
static __always_inline int iou_rw_iter(struct iou_req *req, int dir, struct iov_iter *iter)
{
	struct iou_rw *rw = iou_req_cmd(req, struct iou_rw);

	if ((req->held & (IOU_HELD_CLEANUP | IOU_HELD_BUF)) || unlikely(rw->done))
		return iou_rw_iter_rest(req, dir, iter);

	iov_iter_ubuf(iter, dir, u64_to_user_ptr(rw->addr), rw->len);
	return 0;
}

#endif
