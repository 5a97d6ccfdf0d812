// SPDX-License-Identifier: GPL-2.0
/*
 * SPLICE and TEE: always done by a worker.
 *
 * What is written to a file, as bounded work, comes from a pipe. If that is empty somebody
 * else has to fill it, so the work goes on as unbounded. It takes no turn on the file's
 * inode: those who write there would have to wait for the pipe, too.
 */
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/splice.h>

#include "../req/req.h"
#include "../rsrc/files.h"
#include "../run/lock.h"
#include "../run/worker.h"
#include "ops.h"

/**
 * struct iou_splice - from where to where; the request's file is the one written
 * @off_in: offset there, or -1
 * @off_out: offset in the request's file, or -1
 * @len: bytes
 * @fd_in: descriptor or slot of the file read
 * @flags: SPLICE_F_*
 */
struct iou_splice {
	loff_t off_in;
	loff_t off_out;
	u32 len;
	int fd_in;
	u32 flags;
};

static int prep_splice(struct iou_req *req, const struct io_uring_sqe __shared *sqe)
{
	struct iou_splice *splice = iou_req_cmd(req, struct iou_splice);

	splice->off_in = iou_sqe_get(sqe, splice_off_in);
	splice->off_out = iou_sqe_get(sqe, off);
	splice->len = iou_sqe_get(sqe, len);
	splice->flags = iou_sqe_get(sqe, splice_flags);
	splice->fd_in = iou_sqe_get(sqe, splice_fd_in);
	if (splice->flags & ~(SPLICE_F_FD_IN_FIXED | SPLICE_F_ALL))
		return iou_reject(req, sqe, -EINVAL, "splice: unknown splice_flags");
	return 0;
}

static int prep_tee(struct iou_req *req, const struct io_uring_sqe __shared *sqe)
{
	struct iou_splice *splice = iou_req_cmd(req, struct iou_splice);
	int error = prep_splice(req, sqe);

	if (error)
		return error;
	if (splice->off_in || splice->off_out)
		return iou_reject(req, sqe, -EINVAL, "tee: offsets must be 0");
	return 0;
}

/* The file to read, with a reference; or NULL: there is none, or the worker is killed */
static struct file *splice_get_in(struct iou_req *req)
{
	struct iou_splice *splice = iou_req_cmd(req, struct iou_splice);
	struct iou_ring *ring = iou_req_ring(req);
	struct file *file;

	if (!(splice->flags & SPLICE_F_FD_IN_FIXED))
		return fget(splice->fd_in);
	if (iou_ring_lock_killable(ring))
		return NULL;
	file = iou_files_get(ring, splice->fd_in);
	iou_ring_unlock(ring);
	return file;
}

static long do_the_splice(struct iou_req *req, struct file *in, bool nowait)
{
	struct iou_splice *splice = iou_req_cmd(req, struct iou_splice);
	u32 flags = (splice->flags & SPLICE_F_ALL) | (nowait ? SPLICE_F_NONBLOCK : 0);

	if (!splice->len)
		return 0;
	if (req->opcode == IORING_OP_TEE)
		return do_tee(in, req->file, splice->len, flags);
	return do_splice(in, splice->off_in == -1 ? NULL : &splice->off_in,
			 req->file, splice->off_out == -1 ? NULL : &splice->off_out,
			 splice->len, flags);
}

static iou_verdict_t work_splice(struct iou_req *req)
{
	struct iou_splice *splice = iou_req_cmd(req, struct iou_splice);
	bool nowait = !req->work.unbound && !(splice->flags & SPLICE_F_NONBLOCK);
	struct file *in = splice_get_in(req);
	long ret;

	if (!in)
		return iou_done(req, -EBADF);
	ret = do_the_splice(req, in, nowait);
	fput(in);
	if (ret == -EAGAIN ? nowait : ret == -ERESTARTSYS && iou_worker_restarts())
		return IOU_WORK;

	if (ret != splice->len)
		req->notes |= IOU_NOTE_SHORT;
	return iou_done(req, ret);
}

const struct iou_op iou_op_splice = {
	.name		= "SPLICE",
	.prep		= prep_splice,
	.work		= work_splice,
	.needs_file	= true,
	.unbound	= true,
};

const struct iou_op iou_op_tee = {
	.name		= "TEE",
	.prep		= prep_tee,
	.work		= work_splice,
	.needs_file	= true,
	.unbound	= true,
};
