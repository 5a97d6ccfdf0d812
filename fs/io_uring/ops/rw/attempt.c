// SPDX-License-Identifier: GPL-2.0
/*
 * An attempt to read or write.
 *
 * It begins with a look at what the file can do without waiting, which is taken once, and
 * calls the file until iou_rw_decide() says that the attempt is over:
 *
 *   done     all was transferred, or there is no more, or an error
 *   queued   a device has it (O_DIRECT) and calls iou_rw_complete(); or a page is being
 *            read, page_wake() is called when it is there, and the next attempt goes on
 *   RETRY    it would wait, and poll tells when not any more
 *   WORK     it would wait, and only a worker can find out for how long
 *
 * What was transferred is in iou_rw.done. Transfers on regular files and block devices go
 * on until all is done, the end of the file or an error; an error after a part was
 * transferred is not reported.
 *
 * A short write goes on in a worker, never in the submitter: behind a limit the next call
 * raises SIGXFSZ, which would kill a program that write(2) tells of a short write. In a
 * worker all signals are blocked.
 *
 * A file that can be polled, but does not obey IOCB_NOWAIT (terminals, inotify, FUSE's
 * device), is asked before it is read. Another reader may be faster, or O_NONBLOCK be
 * cleared: then ->read_iter() would wait, with the ring lock, for what may never come. So
 * it is called as if a signal was pending. Whatever sleeps interruptibly then returns
 * instead, and the request waits in poll. Writes look at signals before they do anything,
 * and are left to a worker unless the file is O_NONBLOCK. A worker is not let sleep by its
 * pool, for both.
 */
#include <linux/blkdev.h>
#include <linux/pagemap.h>
#include <linux/sched/signal.h>
#include <linux/task_work.h>

#include <trace/events/io_uring.h>

#include "../../req/complete.h"
#include "../../run/issue.h"
#include "../../run/worker.h"
#include "attempt.h"

static_assert(sizeof(struct wait_page_queue) <= sizeof_field(struct iou_req, opwait));

static bool rw_is_polled(const struct iou_req *req)
{
	return req->mark & RW_POLLED;
}

/* The same on an IOPOLL ring */
static void rw_complete_polled(struct kiocb *iocb, long res)
{
	struct iou_req *req = iou_cmd_req(container_of(iocb, struct iou_rw, iocb));

	iou_rw_end_write(iocb);
	req->res = res;
	iou_req_arrived_polled(req);
}

/**
 * iou_rw_complete() - a device has finished: ki_complete
 * @iocb: of a request that was queued
 * @res: the result
 *
 * Context: any.
 */
void iou_rw_complete(struct kiocb *iocb, long res)
{
	struct iou_req *req = iou_cmd_req(container_of(iocb, struct iou_rw, iocb));

	iou_rw_end_write(iocb);
	req->res = res;
	req->event = iou_rw_event;
	if (likely(res >= 0))
		iou_req_arrived(req);
	else
		iou_req_goes_on(req);
}

/**
 * iou_rw_impossible() - why a file cannot be read, or written
 * @req: prepared, not begun
 * @file: not opened for that, or without a method for it
 * @dir: READ or WRITE
 *
 * What its RWF_* ask for, and the file does not have either, comes before the method.
 *
 * Context: any.
 * Return: -EBADF, -EINVAL, -EOPNOTSUPP.
 */
int iou_rw_impossible(struct iou_req *req, struct file *file, int dir)
{
	rwf_t flags = (__force rwf_t)iou_req_cmd(req, struct iou_rw)->iocb.ki_flags;
	struct kiocb iocb = { .ki_filp = file, .ki_flags = file->f_iocb_flags };
	int error;

	if (!(file->f_mode & (dir == READ ? FMODE_READ : FMODE_WRITE)))
		return -EBADF;

	error = kiocb_set_rw_flags(&iocb, flags, dir);
	if (error)
		return error;
	return iou_req_ring(req)->gate & IOU_GATE_IOPOLL ? -EOPNOTSUPP : -EINVAL;
}

/**
 * iou_rw_begin_polled() - the part of iou_rw_begin() for IOCB_HIPRI
 * @req: IOPOLL rings set it, and programs on other rings (RWF_HIPRI)
 *
 * Context: any.
 * Return: 0, -EINVAL, -EOPNOTSUPP.
 */
int iou_rw_begin_polled(struct iou_req *req)
{
	struct kiocb *iocb = &iou_req_cmd(req, struct iou_rw)->iocb;

	if (!(iou_req_ring(req)->gate & IOU_GATE_IOPOLL))
		return -EINVAL;
	if (!(iocb->ki_flags & IOCB_DIRECT) || !iocb->ki_filp->f_op->iopoll)
		return -EOPNOTSUPP;

	req->mark |= RW_POLLED;
	iocb->ki_complete = rw_complete_polled;
	/* What is polled for; the file system sets it */
	iocb->private = NULL;
	return 0;
}

/**
 * iou_rw_can_otherwise() - how to try a file that does not obey IOCB_NOWAIT
 * @file: this
 *
 * Context: any.
 * Return: how.
 */
enum iou_rw_can iou_rw_can_otherwise(struct file *file)
{
	if (file_can_poll(file))
		return RW_CAN_ASK;
	return READ_ONCE(file->f_flags) & O_NONBLOCK ? RW_CAN_TRY : RW_CAN_NOT;
}

/* Bytes in the first segment. iter_iov_len() is not for a single buffer advanced before */
static size_t rw_segment(const struct iov_iter *iter)
{
	size_t count = iov_iter_count(iter);

	return iter_is_ubuf(iter) ? count : min(iter_iov_len(iter), count);
}

static ssize_t rw_one(struct file *file, int dir, struct iov_iter *iter, size_t len,
		      loff_t *pos)
{
	void __user *base = iter_iov_addr(iter);

	if (dir == READ)
		return file->f_op->read(file, base, len, pos);
	return file->f_op->write(file, base, len, pos);
}

/**
 * iou_rw_loop() - iou_rw_call() for files without read_iter() or write_iter()
 * @iocb: of the request
 * @iter: over user memory
 * @dir: READ or WRITE
 *
 * Context: may sleep.
 * Return: bytes, or an error.
 */
ssize_t iou_rw_loop(struct kiocb *iocb, struct iov_iter *iter, int dir)
{
	struct file *file = iocb->ki_filp;
	loff_t *pos = file->f_mode & FMODE_STREAM ? NULL : &iocb->ki_pos;
	ssize_t total = 0;

	while (iov_iter_count(iter)) {
		size_t want = rw_segment(iter);
		ssize_t ret = rw_one(file, dir, iter, want, pos);

		if (ret < 0)
			return total ?: ret;

		total += ret;
		iov_iter_advance(iter, ret);
		if (ret != want)
			break;
	}
	return total;
}

/**
 * iou_rw_once_looking() - iou_rw_once() with a provided buffer that may stay
 * @req: wants one, and can wait for its file
 * @try: the attempt
 *
 * Context: ring lock.
 * Return: as iou_rw_once().
 */
ssize_t iou_rw_once_looking(struct iou_req *req, const struct iou_rw_try *try)
{
	struct iou_rw *rw = iou_req_cmd(req, struct iou_rw);
	struct iov_iter iter __uninitialized;
	struct iou_pbuf buf __uninitialized;
	ssize_t ret;

	ret = iou_rw_select(req, &buf);
	if (ret)
		return ret;

	iov_iter_ubuf(&iter, try->dir, u64_to_user_ptr(buf.addr), buf.len);
	ret = iou_rw_call(&rw->iocb, &iter, try->dir);
	iou_rw_commit_buf(req, &buf, ret);
	return ret;
}

/**
 * iou_rw_once_restless() - iou_rw_once() as if a signal was pending, see above
 * @req: as there
 * @try: the attempt
 *
 * That is what TIF_NOTIFY_SIGNAL is for: it announces task work, so it stays if there is
 * some.
 *
 * Context: as the attempt.
 * Return: as iou_rw_once().
 */
ssize_t iou_rw_once_restless(struct iou_req *req, const struct iou_rw_try *try)
{
	const struct iou_rw_try same = { .dir = try->dir, .worker = try->worker };
	ssize_t ret;

	set_thread_flag(TIF_NOTIFY_SIGNAL);
	ret = iou_rw_once(req, &same);

	/* A full barrier: task work that found the flag set is seen below */
	clear_notify_signal();
	if (task_work_pending(current))
		set_notify_signal(current);
	return ret;
}

/**
 * iou_rw_finish() - there will be no further attempt
 * @req: its result is what was transferred, or if that is nothing ...
 * @dir: READ or WRITE
 * @ret: ... this
 *
 * Context: as the attempt.
 * Return: IOU_DONE.
 */
iou_verdict_t iou_rw_finish(struct iou_req *req, int dir, ssize_t ret)
{
	struct iou_rw *rw = iou_req_cmd(req, struct iou_rw);

	if (rw->done)
		ret = rw->done;
	if (ret > 0)
		return iou_rw_succeed(req, dir, ret);

	if (ret != rw->len)
		req->notes |= IOU_NOTE_SHORT;
	return iou_done(req, ret);
}

/**
 * iou_rw_leave() - the attempt would wait
 * @req: may not want that: RWF_NOWAIT
 * @try: the attempt
 * @how: IOU_RETRY: poll tells when it would not; IOU_WORK: only a worker finds out
 *
 * Context: as the attempt.
 * Return: a verdict.
 */
iou_verdict_t iou_rw_leave(struct iou_req *req, const struct iou_rw_try *try, iou_verdict_t how)
{
	if (req->mark & RW_NOWAIT)
		return iou_rw_finish(req, try->dir, -EAGAIN);
	return how;
}

static int page_wake(struct wait_queue_entry *entry, unsigned int mode, int sync, void *key)
{
	struct wait_page_queue *page = container_of(entry, struct wait_page_queue, wait);
	struct iou_req *req = entry->private;

	if (!wake_page_match(page, key))
		return 0;

	list_del_init(&entry->entry);
	/* The next page may not be there */
	iou_req_goes_on(req);
	return 1;
}

/* Can a page that is not there be waited for without a worker, and is it not yet? */
static bool rw_can_wait_for_page(const struct iou_req *req, const struct iou_rw_try *try)
{
	const struct iou_rw *rw = (const struct iou_rw *)req->cmd;

	return try->dir == READ && !try->shot && iou_file_is_disk(req->file) &&
	       !(rw->iocb.ki_flags & (IOCB_DIRECT | IOCB_WAITQ)) &&
	       (req->file->f_op->fop_flags & FOP_BUFFER_RASYNC);
}

/* The page is there */
static void page_event(struct iou_req *req, bool cancel)
	__must_hold(&iou_req_ring(req)->lock)
{
	req->lane->nr_page_waits--;
	iou_issue_again(req, cancel);
}

/* From the next call on: start reading the page and be told when it is there */
static void rw_wait_for_page(struct iou_req *req)
{
	struct wait_page_queue *page = (struct wait_page_queue *)req->opwait;
	struct iou_rw *rw = iou_req_cmd(req, struct iou_rw);

	init_waitqueue_func_entry(&page->wait, page_wake);
	INIT_LIST_HEAD(&page->wait.entry);
	page->wait.private = req;
	rw->iocb.ki_waitq = page;
	rw->iocb.ki_flags &= ~IOCB_NOWAIT;
	rw->iocb.ki_flags |= IOCB_WAITQ;
	req->mark |= RW_PAGE;
	req->event = page_event;
}

static bool rw_is_ready(struct file *file, int dir)
{
	__poll_t want = dir == READ ? EPOLLIN : EPOLLOUT;

	return vfs_poll(file, NULL) & (want | EPOLLERR | EPOLLHUP);
}

/* Has a worker's call, that might have waited, nothing to wait for? FUSE's files say such */
static bool rw_would_block_for_good(const struct iou_req *req, const struct iou_rw_try *try)
{
	if (!file_can_poll(req->file))
		return true;
	return !try->nowait && iou_file_is_disk(req->file) && rw_is_ready(req->file, try->dir);
}

/*
 * The file would wait, in spite of being O_NONBLOCK, for instance. Where its poll method
 * has said too often that it would not, ask again after a while.
 */
static iou_verdict_t rw_worker_would_block(struct iou_req *req, const struct iou_rw_try *try)
{
	if (rw_would_block_for_good(req, try))
		return iou_rw_finish(req, try->dir, -EAGAIN);

	if (!iou_req_can_park(req)) {
		schedule_timeout_interruptible(1);
		req->nr_polls = 0;
	}
	return iou_rw_leave(req, try, IOU_RETRY);
}

static iou_verdict_t rw_would_wait(struct iou_req *req, const struct iou_rw_try *try)
{
	if (try->worker)
		return rw_worker_would_block(req, try);

	if (!(req->mark & RW_NOWAIT) && rw_can_wait_for_page(req, try)) {
		rw_wait_for_page(req);
		return RW_GO;
	}
	return iou_rw_leave(req, try, file_can_poll(req->file) ? IOU_RETRY : IOU_WORK);
}

static bool rw_is_restart(ssize_t ret)
{
	return ret == -EINTR || (ret <= -ERESTARTSYS && ret >= -ERESTART_RESTARTBLOCK);
}

/* Does @ret mean that the file would wait, or has to be told that it may? */
static bool rw_is_would_wait(const struct iou_req *req, const struct iou_rw_try *try, ssize_t ret)
{
	if (ret == -EAGAIN)
		return true;

	/* Some file systems say so; a disk that cannot be polled means it */
	if (ret == -EOPNOTSUPP)
		return try->nowait && iou_file_is_disk(req->file) && !rw_is_polled(req);

	if (!rw_is_restart(ret))
		return false;
	if (try->worker)
		return iou_worker_refused();
	/* The signal that was pending was none, unless there is one, too */
	return try->restless && !task_sigpending(current);
}

/* Something was transferred, but not all. Is it worth going on? */
static bool rw_goes_on(struct iou_req *req, int dir)
{
	struct iou_rw *rw = iou_req_cmd(req, struct iou_rw);

	if (rw->done == rw->len || !iou_file_is_disk(req->file) || fatal_signal_pending(current))
		return false;
	return dir == WRITE ||
	       rw->iocb.ki_pos < i_size_read(req->file->f_mapping->host);
}

/* A buffered write was cut short, by a full disk or a limit for instance */
static void rw_trace_short(const struct iou_req *req, ssize_t ret)
{
	const struct iou_rw *rw = (const struct iou_rw *)req->cmd;

	if (rw->iocb.ki_flags & IOCB_DIRECT)
		return;
	trace_io_uring_short_write(iou_req_ring(req), rw->iocb.ki_pos - ret, rw->len, ret);
}

/* A write in a worker was to wait for more room, and must not: that is no reason to end */
static bool rw_was_cut(const struct iou_req *req, const struct iou_rw_try *try)
{
	const struct iou_rw *rw = (const struct iou_rw *)req->cmd;

	return try->worker && try->dir == WRITE && rw->done < rw->len && iou_worker_refused();
}

static iou_verdict_t rw_progress(struct iou_req *req, const struct iou_rw_try *try, ssize_t ret)
{
	struct iou_rw *rw = iou_req_cmd(req, struct iou_rw);

	rw->done += ret;
	if (rw_was_cut(req, try))
		return rw_worker_would_block(req, try);
	if (!rw_goes_on(req, try->dir))
		return iou_rw_finish(req, try->dir, 0);

	/* filemap_read() does not queue what has made progress, and says so by IOCB_NOWAIT */
	if (rw->iocb.ki_flags & IOCB_WAITQ)
		rw->iocb.ki_flags &= ~IOCB_NOWAIT;
	if (try->dir == READ)
		return RW_GO;

	rw_trace_short(req, ret);
	if (try->worker)
		return RW_GO;
	/* As write(2) would end */
	if (req->mark & RW_NOWAIT)
		return iou_rw_finish(req, try->dir, 0);
	return IOU_WORK;
}

/**
 * iou_rw_decide() - what becomes of an attempt after a call
 * @req: all of it was not transferred by this call, and it was not queued
 * @try: how the file was called
 * @ret: what it said
 *
 * Context: as the attempt.
 * Return: RW_GO: call again; or the attempt's verdict.
 */
iou_verdict_t iou_rw_decide(struct iou_req *req, const struct iou_rw_try *try, ssize_t ret)
{
	if (ret > 0)
		return rw_progress(req, try, ret);
	if (unlikely(rw_is_would_wait(req, try, ret)))
		return rw_would_wait(req, try);
	return iou_rw_finish(req, try->dir, ret);
}

/*
 * May the submitter ask a file's poll method? Of regular files even the question may take
 * long: FUSE passes it on to its server. Multishots ask all the same, as no worker can do
 * it; and so does what would go to a worker with a provided buffer, and keep that there.
 */
static bool rw_may_ask(const struct iou_req *req, const struct iou_rw_try *try)
{
	return try->shot || (req->sqe_flags & IOSQE_BUFFER_SELECT) || !iou_file_is_disk(req->file);
}

/* May it call a file that is ready? Regular files nearly always are, and take their time */
static bool rw_may_call(const struct iou_req *req, const struct iou_rw_try *try)
{
	if (try->dir == WRITE)
		return READ_ONCE(req->file->f_flags) & O_NONBLOCK;
	return try->shot || !iou_file_is_disk(req->file);
}

static iou_verdict_t rw_look_submitter(struct iou_req *req, struct iou_rw_try *try)
{
	switch (try->can) {
	case RW_CAN_NOWAIT:
		try->nowait = true;
		fallthrough;
	case RW_CAN_TRY:
		if (try->dir == WRITE && iou_rw_write_blocks(req))
			return iou_rw_leave(req, try, IOU_WORK);
		return RW_GO;
	case RW_CAN_ASK:
		if (!rw_may_ask(req, try))
			return iou_rw_leave(req, try, IOU_WORK);
		if (!rw_is_ready(req->file, try->dir))
			return iou_rw_leave(req, try, IOU_RETRY);
		if (!rw_may_call(req, try))
			return iou_rw_leave(req, try, IOU_WORK);
		try->restless = try->dir == READ;
		return RW_GO;
	}
	return iou_rw_leave(req, try, IOU_WORK);
}

/*
 * A worker does not wait for what can be polled: where IOCB_NOWAIT does not help, the pool
 * sees to it, see iou_worker_refused(). It blocks on regular files that are ready, as most
 * always are, and where poll has said too often that it would not.
 */
static iou_verdict_t rw_look_worker(struct iou_req *req, struct iou_rw_try *try)
{
	if (!iou_req_can_park(req))
		return RW_GO;

	if (try->can == RW_CAN_NOWAIT)
		try->nowait = true;
	else if (!rw_is_ready(req->file, try->dir))
		return iou_rw_leave(req, try, IOU_RETRY);
	return RW_GO;
}

static iou_verdict_t rw_attempt(struct iou_req *req, struct iou_rw_try *try)
{
	struct iou_rw *rw = iou_req_cmd(req, struct iou_rw);
	iou_verdict_t verdict;

	/* From an attempt before */
	rw->iocb.ki_flags &= ~(IOCB_NOWAIT | IOCB_WAITQ);
	req->mark &= ~RW_PAGE;

	if (try->worker)
		verdict = rw_look_worker(req, try);
	else
		verdict = rw_look_submitter(req, try);
	if (verdict != RW_GO)
		return verdict;
	return iou_rw_run(req, try);
}

/* Positions that others may not use meanwhile. A shot could not wait in a worker */
static bool rw_owns_pos(const struct iou_req *req, const struct iou_rw_try *try)
{
	return iou_file_is_disk(req->file) && !try->shot;
}

/* Return: false: it would wait, or a worker was interrupted */
static bool rw_lock_pos(struct file *file, bool wait)
{
	return wait ? !mutex_lock_interruptible(&file->f_pos_lock) :
		      mutex_trylock(&file->f_pos_lock);
}

/* The position is another one's. A worker was interrupted; perhaps only for a while */
static iou_verdict_t rw_without_pos(struct iou_req *req, const struct iou_rw_try *try)
{
	if (try->worker && !iou_worker_restarts())
		return iou_rw_finish(req, try->dir, -EINTR);
	return iou_rw_leave(req, try, IOU_WORK);
}

/* What is with a device moves the position when it completes; what waits for a page, now */
static bool rw_moves_pos_later(const struct iou_req *req, iou_verdict_t verdict)
{
	return iou_rw_is_queued(verdict) && !(req->mark & RW_PAGE);
}

/*
 * An attempt at the file position: what it is now, when the turn of the request has come,
 * and not when it was submitted. It belongs to the attempt, as to read(2) and write(2),
 * until that is over.
 */
static iou_verdict_t rw_attempt_at_pos(struct iou_req *req, struct iou_rw_try *try)
{
	struct iou_rw *rw = iou_req_cmd(req, struct iou_rw);
	struct file *file = req->file;
	bool owns = rw_owns_pos(req, try);
	iou_verdict_t verdict;
	loff_t from;
	int error;

	if (owns && !rw_lock_pos(file, try->worker))
		return rw_without_pos(req, try);

	if (!rw->done)
		rw->iocb.ki_pos = iou_rw_pos(file);
	from = rw->iocb.ki_pos;
	error = iou_rw_check_end(rw, rw->len - rw->done);
	if (error)
		verdict = iou_rw_finish(req, try->dir, error);
	else
		verdict = rw_attempt(req, try);

	if (!rw_moves_pos_later(req, verdict) && rw->iocb.ki_pos != from)
		iou_rw_set_pos(file, rw->iocb.ki_pos);
	if (owns)
		mutex_unlock(&file->f_pos_lock);
	return verdict;
}

/**
 * iou_rw_attempt() - an attempt of any kind
 * @req: begun
 * @try: dir, can and worker are set
 *
 * Context: in a worker without a lock, else under the ring lock, in the lane's task.
 * Return: a verdict.
 */
iou_verdict_t iou_rw_attempt(struct iou_req *req, struct iou_rw_try *try)
{
	if (unlikely(req->mark & RW_CUR_POS))
		return rw_attempt_at_pos(req, try);
	return rw_attempt(req, try);
}

static int rw_begin(struct iou_req *req, int dir)
{
	struct iou_rw *rw = iou_req_cmd(req, struct iou_rw);

	if (rw->iocb.ki_filp)
		return 0;
	return iou_rw_begin(req, req->file ?: iou_req_find_file(req), dir);
}

/**
 * iou_rw_issue() - an attempt of the submitter
 * @req: prepared
 * @dir: READ or WRITE
 *
 * Context: ring lock, in the lane's task.
 * Return: a verdict.
 */
iou_verdict_t iou_rw_issue(struct iou_req *req, int dir)
{
	struct iou_rw_try try = { .dir = dir };
	int error = rw_begin(req, dir);

	if (unlikely(error))
		return iou_rw_finish(req, dir, error);

	try.can = iou_rw_can(req->file, dir);
	return iou_rw_attempt(req, &try);
}

/* Before the first shot. It must be possible to wait */
static int shots_begin(struct iou_req *req)
{
	struct iou_rw *rw = iou_req_cmd(req, struct iou_rw);
	int error;

	if (rw->iocb.ki_filp)
		return 0;
	error = rw_begin(req, READ);
	if (error)
		return error;

	/* Nothing completes later */
	rw->iocb.ki_complete = NULL;
	return file_can_poll(req->file) ? 0 : -EBADFD;
}

/**
 * iou_rw_issue_shot() - iou_rw_issue() for one shot of a multishot read
 * @req: prepared; or its last shot has been posted
 *
 * Context: ring lock, in the lane's task.
 * Return: IOU_DONE: its result is to be posted; IOU_RETRY: nothing to read now.
 */
iou_verdict_t iou_rw_issue_shot(struct iou_req *req)
{
	struct iou_rw_try try = { .dir = READ, .shot = true };
	struct iou_rw *rw = iou_req_cmd(req, struct iou_rw);
	int error = shots_begin(req);
	iou_verdict_t verdict;

	if (unlikely(error))
		return iou_rw_finish(req, READ, error);

	rw->done = 0;
	try.can = iou_rw_can(req->file, READ);
	verdict = iou_rw_attempt(req, &try);

	/* It asks for what there is. Less than a buffer is no failure, and the end is none */
	req->notes &= ~IOU_NOTE_SHORT;
	return verdict;
}

/**
 * iou_rw_work() - an attempt of a worker
 * @req: prepared
 * @dir: READ or WRITE
 *
 * Context: no lock.
 * Return: a verdict.
 */
iou_verdict_t iou_rw_work(struct iou_req *req, int dir)
{
	struct iou_rw_try try = { .dir = dir, .worker = true };
	int error = rw_begin(req, dir);

	if (unlikely(error))
		return iou_rw_finish(req, dir, error);

	try.can = iou_rw_can(req->file, dir);
	return iou_rw_attempt(req, &try);
}

/* The device was asked not to block, and says that it would */
static bool rw_event_would_wait(const struct iou_req *req)
{
	const struct iou_rw *rw = (const struct iou_rw *)req->cmd;

	if (!(rw->iocb.ki_flags & IOCB_NOWAIT) || (req->mark & RW_NOWAIT))
		return false;
	return req->res == -EAGAIN || (req->res == -EOPNOTSUPP && !rw_is_polled(req));
}

/**
 * iou_rw_event() - a device has finished
 * @req: its result is in ->res
 * @cancel: no further attempt
 *
 * Context: ring lock, in the lane's task unless @cancel.
 */
void iou_rw_event(struct iou_req *req, bool cancel)
{
	struct iou_rw *rw = iou_req_cmd(req, struct iou_rw);
	int dir = rw->iocb.ki_flags & IOCB_WRITE ? WRITE : READ;
	ssize_t ret = req->res;

	if (unlikely(ret < 0) && !cancel && rw_event_would_wait(req)) {
		iou_issue_async(req);
		return;
	}

	if (unlikely(req->mark & RW_CUR_POS) && ret > 0)
		iou_rw_set_pos(req->file, rw->iocb.ki_pos);

	if (likely(ret > 0 && !rw->done)) {
		/* Nothing was done before: then this is all */
		iou_rw_succeed(req, dir, ret);
	} else {
		if (ret > 0)
			rw->done += ret;
		iou_rw_finish(req, dir, ret);
	}
	iou_req_complete(req);
}
