/* SPDX-License-Identifier: GPL-2.0 */
/*
 * An attempt to read or write: what the commonest transfers need, so that it becomes one
 * function with the reading of their SQE. See attempt.c.
 */
#ifndef IOU_OPS_RW_ATTEMPT_H
#define IOU_OPS_RW_ATTEMPT_H

#include <linux/fs.h>
#include <linux/fsnotify.h>
#include <linux/ioprio.h>
#include <linux/poll.h>

#include "iter.h"

/*
 * How a file can be tried without waiting. It is read once in an attempt: any process that
 * has the file open can change O_NONBLOCK, and splice() takes FMODE_NOWAIT from a pipe.
 */
enum iou_rw_can {
	RW_CAN_NOWAIT,	/* it obeys IOCB_NOWAIT */
	RW_CAN_ASK,	/* it has a poll method, which knows whether it would wait */
	RW_CAN_TRY,	/* it is O_NONBLOCK, for what that is worth */
	RW_CAN_NOT,	/* only a worker can try it */
};

/**
 * struct iou_rw_try - one attempt
 * @dir: READ or WRITE
 * @can: enum iou_rw_can
 * @nowait: IOCB_NOWAIT is set
 * @restless: what would sleep and can be interrupted is not to sleep
 * @worker: it is a worker's: it may block, and it has no ring lock
 * @own: it has its buffer from the beginning, not a provided one
 * @shot: of a multishot request: it is not queued, and no worker can do it
 *
 * How far the transfer got is in &struct iou_rw; what was taken, in iou_req.held.
 */
struct iou_rw_try {
	u8 dir;
	u8 can;
	bool nowait;
	bool restless;
	bool worker;
	bool own;
	bool shot;
};

/* Besides the verdicts of an attempt: it is not over, there is another call to make */
#define RW_GO	((__force iou_verdict_t)0x100)

int iou_rw_impossible(struct iou_req *req, struct file *file, int dir);
int iou_rw_begin_polled(struct iou_req *req);
void iou_rw_complete(struct kiocb *iocb, long res);
enum iou_rw_can iou_rw_can_otherwise(struct file *file);
ssize_t iou_rw_loop(struct kiocb *iocb, struct iov_iter *iter, int dir);
ssize_t iou_rw_once_looking(struct iou_req *req, const struct iou_rw_try *try);
ssize_t iou_rw_once_restless(struct iou_req *req, const struct iou_rw_try *try);
iou_verdict_t iou_rw_decide(struct iou_req *req, const struct iou_rw_try *try, ssize_t ret);
iou_verdict_t iou_rw_leave(struct iou_req *req, const struct iou_rw_try *try, iou_verdict_t how);
iou_verdict_t iou_rw_finish(struct iou_req *req, int dir, ssize_t ret);
iou_verdict_t iou_rw_attempt(struct iou_req *req, struct iou_rw_try *try);
iou_verdict_t iou_rw_issue(struct iou_req *req, int dir)
	__must_hold(&iou_req_ring(req)->lock);
iou_verdict_t iou_rw_issue_shot(struct iou_req *req)
	__must_hold(&iou_req_ring(req)->lock);
iou_verdict_t iou_rw_work(struct iou_req *req, int dir);
void iou_rw_event(struct iou_req *req, bool cancel)
	__must_hold(&iou_req_ring(req)->lock);

/* Was it opened for that, and has it a method for it? */
static inline bool iou_rw_is_possible(const struct file *file, int dir)
{
	fmode_t mode = dir == READ ? FMODE_READ | FMODE_CAN_READ :
				     FMODE_WRITE | FMODE_CAN_WRITE;

	return (file->f_mode & mode) == mode;
}

/* Not to be relied on, unless the request has the position for itself */
static inline loff_t iou_rw_pos(const struct file *file)
{
	/* That of a file which is on no disk has no lock, and read(2) changes it, too */
	return data_race(file->f_pos);
}

static inline void iou_rw_set_pos(struct file *file, loff_t pos)
{
	/* As read(2) does: of two that do it at the same time one wins */
	data_race(file->f_pos = pos);
}

/* What of a request's flags has to be thought of before it begins. Return: as iou_rw_begin() */
static __always_inline int iou_rw_begin_flags(struct iou_req *req)
{
	struct kiocb *iocb = &iou_req_cmd(req, struct iou_rw)->iocb;

	if (unlikely(iocb->ki_flags & IOCB_NOWAIT))
		req->mark |= RW_NOWAIT;

	/* The block layer would do that, but perhaps in another thread */
	if ((iocb->ki_flags & IOCB_DIRECT) && !iocb->ki_ioprio)
		iocb->ki_ioprio = get_current_ioprio();

	return unlikely(iocb->ki_flags & IOCB_HIPRI) ? iou_rw_begin_polled(req) : 0;
}

/**
 * iou_rw_begin() - before the first attempt: what depends on the file
 * @req: prepared
 * @file: its file, or NULL
 * @dir: READ or WRITE
 *
 * Context: as the attempt.
 * Return: 0 or the request's error.
 */
static __always_inline int iou_rw_begin(struct iou_req *req, struct file *file, int dir)
{
	struct iou_rw *rw = iou_req_cmd(req, struct iou_rw);
	struct kiocb *iocb = &rw->iocb;
	rwf_t flags = (__force rwf_t)iocb->ki_flags;
	int error;

	if (unlikely(!file))
		return -EBADF;
	if (unlikely(!iou_rw_is_possible(file, dir)))
		return iou_rw_impossible(req, file, dir);

	iocb->ki_filp = file;
	iocb->ki_flags = file->f_iocb_flags | iou_req_ring(req)->iocb_flags;
	iocb->ki_complete = iou_rw_complete;
	error = kiocb_set_rw_flags(iocb, flags, dir);
	if (error)
		return error;
	if (iocb->ki_flags & (IOCB_NOWAIT | IOCB_DIRECT | IOCB_HIPRI)) {
		error = iou_rw_begin_flags(req);
		if (unlikely(error))
			return error;
	}

	if (iocb->ki_pos == -1) {
		iocb->ki_pos = 0;
		if (!(file->f_mode & FMODE_STREAM)) {
			iocb->ki_pos = iou_rw_pos(file);
			req->mark |= RW_CUR_POS;
		}
	}
	return rw_verify_area(dir, file, &iocb->ki_pos, rw->len);
}

/* See enum iou_rw_can */
static __always_inline enum iou_rw_can iou_rw_can(struct file *file, int dir)
{
	if (likely((READ_ONCE(file->f_mode) & FMODE_NOWAIT) && iou_rw_has_iter(file, dir)))
		return RW_CAN_NOWAIT;
	return iou_rw_can_otherwise(file);
}

/* Is it a buffered write to a file system that can only do that with blocking? */
static inline bool iou_rw_write_blocks(const struct iou_req *req)
{
	const struct iou_rw *rw = (const struct iou_rw *)req->cmd;

	return !(rw->iocb.ki_flags & IOCB_DIRECT) &&
	       S_ISREG(iou_file_mode(req->file)) &&
	       !(req->file->f_op->fop_flags & FOP_BUFFER_WASYNC);
}

/*
 * A write to a regular file is protected against freezing for as long as it is
 * with the file system: from before the call until it returns or, if it was
 * queued, until iou_rw_complete().
 */
static inline void iou_rw_end_write(struct kiocb *iocb)
{
	if ((iocb->ki_flags & IOCB_WRITE) && S_ISREG(iou_file_mode(iocb->ki_filp)))
		kiocb_end_write(iocb);
}

/* Return: false: frozen, and may not wait */
static inline bool iou_rw_start_write(struct kiocb *iocb, bool wait)
{
	struct inode *inode = file_inode(iocb->ki_filp);

	iocb->ki_flags |= IOCB_WRITE;
	if (!S_ISREG(iou_file_mode(iocb->ki_filp)))
		return true;

	if (wait)
		sb_start_write(inode->i_sb);
	else if (!sb_start_write_trylock(inode->i_sb))
		return false;

	/* It may be released by another thread, see kiocb_end_write() */
	__sb_writers_release(inode->i_sb, SB_FREEZE_WRITE);
	return true;
}

static __always_inline ssize_t iou_rw_call(struct kiocb *iocb, struct iov_iter *iter, int dir)
{
	const struct file_operations *fops = iocb->ki_filp->f_op;

	if (dir == READ && likely(fops->read_iter))
		return fops->read_iter(iocb, iter);
	if (dir == WRITE && likely(fops->write_iter))
		return fops->write_iter(iocb, iter);
	return iou_rw_loop(iocb, iter, dir);
}

/* Call the file with what is left to do */
static __always_inline ssize_t iou_rw_once(struct iou_req *req, const struct iou_rw_try *try)
{
	struct iou_rw *rw = iou_req_cmd(req, struct iou_rw);
	struct iov_iter iter __uninitialized;
	int error;

	if (unlikely(try->restless))
		return iou_rw_once_restless(req, try);
	if (!try->own && (req->notes & IOU_NOTE_SELECT)) {
		/* What waits for its file only looks at a buffer until there is data */
		if (file_can_poll(req->file))
			return iou_rw_once_looking(req, try);
		error = iou_rw_take_buf(req);
		if (unlikely(error))
			return error;
	}

	error = iou_rw_iter(req, try->dir, &iter);
	if (unlikely(error))
		return error;
	return iou_rw_call(&rw->iocb, &iter, try->dir);
}

/* All of it was transferred, or that is the result nevertheless */
static __always_inline iou_verdict_t iou_rw_succeed(struct iou_req *req, int dir, ssize_t ret)
{
	struct iou_rw *rw = iou_req_cmd(req, struct iou_rw);

	if (unlikely(ret != rw->len))
		req->notes |= IOU_NOTE_SHORT;

	if (dir == READ)
		fsnotify_access(req->file);
	else
		fsnotify_modify(req->file);
	return iou_done(req, ret);
}

/* A device has the transfer, or a page is being read; that may have been finished already */
static inline iou_verdict_t iou_rw_queued(struct iou_req *req)
{
	if (likely(!(req->mark & (RW_POLLED | RW_PAGE))))
		return IOU_BUSY;
	if (req->mark & RW_POLLED)
		return IOU_POLLED;

	/* A thread that exits waits for these, see run/exit.c */
	req->lane->nr_page_waits++;
	return IOU_BUSY;
}

static inline bool iou_rw_is_queued(iou_verdict_t verdict)
{
	return verdict == IOU_BUSY || verdict == IOU_POLLED;
}

/**
 * iou_rw_run() - the loop of an attempt
 * @req: begun
 * @try: how
 *
 * Context: in a worker without a lock, else under the ring lock, in the lane's task.
 * Return: a verdict.
 */
static __always_inline iou_verdict_t iou_rw_run(struct iou_req *req, const struct iou_rw_try *try)
{
	struct iou_rw *rw = iou_req_cmd(req, struct iou_rw);
	iou_verdict_t verdict;
	ssize_t ret;

	if (try->dir == WRITE && unlikely(!iou_rw_start_write(&rw->iocb, try->worker)))
		return iou_rw_leave(req, try, IOU_WORK);

	if (try->nowait)
		rw->iocb.ki_flags |= IOCB_NOWAIT;
	/* Its completion may come before the call returns */
	if (!try->worker && !try->shot)
		iou_req_step(req, IOU_S_BUSY);

	do {
		ret = iou_rw_once(req, try);
		if (likely(ret > 0 && ret == rw->len))
			verdict = iou_rw_succeed(req, try->dir, ret);
		else if (likely(ret == -EIOCBQUEUED))
			verdict = iou_rw_queued(req);
		else
			verdict = iou_rw_decide(req, try, ret);
	} while (unlikely(verdict == RW_GO));

	if (try->dir == WRITE && !iou_rw_is_queued(verdict))
		iou_rw_end_write(&rw->iocb);
	return verdict;
}

/**
 * iou_rw_start() - the first attempt, right after the SQE was read
 * @req: prepared
 * @dir: READ or WRITE
 * @own: it has its buffer
 *
 * Context: ring lock, in the lane's task.
 * Return: a verdict.
 */
static __always_inline iou_verdict_t iou_rw_start(struct iou_req *req, int dir, bool own)
	__must_hold(&iou_req_ring(req)->lock)
{
	/* Constants, and in memory for those that take a pointer: nothing is built here */
	static const struct iou_rw_try usual[2][2] = {
		[READ][false]	= { .dir = READ, .nowait = true },
		[READ][true]	= { .dir = READ, .nowait = true, .own = true },
		[WRITE][true]	= { .dir = WRITE, .nowait = true, .own = true },
	};
	struct file *file = iou_req_find_file_here(req);
	int error = iou_rw_begin(req, file, dir);
	enum iou_rw_can can;

	if (unlikely(error))
		return iou_rw_finish(req, dir, error);

	can = iou_rw_can(file, dir);
	/* There is nothing to be tried here. So are all files on tmpfs */
	if (can == RW_CAN_NOT && likely(!(req->mark & (RW_NOWAIT | RW_CUR_POS))))
		return IOU_WORK;
	if (unlikely(can != RW_CAN_NOWAIT || (req->mark & RW_CUR_POS)) ||
	    (dir == WRITE && iou_rw_write_blocks(req)))
		return iou_rw_attempt(req, &(struct iou_rw_try){ .dir = dir, .can = can });

	return iou_rw_run(req, &usual[dir][own]);
}

#endif
