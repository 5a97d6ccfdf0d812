// SPDX-License-Identifier: GPL-2.0
/*
 * READ, WRITE, READV, WRITEV, READ_FIXED, WRITE_FIXED, READ_MULTISHOT.
 *
 * An attempt ends in one of these ways:
 *
 *   done               the CQE can be written
 *   queued (O_DIRECT)  the device calls rw_complete() when it has finished
 *   queued (buffered)  a page is being read; rw_page_wake() is called when it
 *                      is there, and the next attempt goes on from it
 *   would block        parked in poll if the file knows that, else a worker
 *
 * What was transferred before is in ->done; each attempt builds its iterator
 * on the stack from what is left. Transfers on regular files and block devices
 * go on until all is done, the end of the file or an error; an error after
 * partial success is not reported.
 */
#include <linux/blkdev.h>
#include <linux/fs.h>
#include <linux/fsnotify.h>
#include <linux/ioprio.h>
#include <linux/overflow.h>
#include <linux/pagemap.h>
#include <linux/slab.h>
#include <linux/uio.h>

#include "../req/complete.h"
#include "../rsrc/pbuf.h"
#include "../run/issue.h"
#include "../run/worker.h"
#include "ops.h"

#define IOU_FAST_IOV	8

/**
 * struct iou_rw - a transfer
 * @iocb: ki_filp is NULL until the first attempt; until then ki_flags are the
 *        RWF_* of the SQE and ki_pos is its off
 * @addr: the buffer, or unused with iou_req.aux
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
enum rw_mark {
	RW_NOWAIT	= 1 << 0,	/* -EAGAIN is a result: the program set RWF_NOWAIT */
	RW_CUR_POS	= 1 << 1,	/* the file position is used and updated */
};

/**
 * struct iou_vec - the stable copy of an array of iovecs; iou_req.aux
 * @iter: over all of it
 * @big: allocated array, or NULL
 * @fast: used if there are few
 */
struct iou_vec {
	struct iov_iter iter;
	struct iovec *big;
	struct iovec fast[IOU_FAST_IOV];
};

static_assert(sizeof(struct wait_page_queue) <= sizeof_field(struct iou_req, opwait));

static noinline int prep_ioprio(struct iou_req *req, const struct io_uring_sqe __shared *sqe,
				u16 ioprio)
{
	int error = ioprio_check_cap(ioprio);

	iou_req_cmd(req, struct iou_rw)->iocb.ki_ioprio = ioprio;
	return error ? iou_reject(req, sqe, error, "rw: bad ioprio") : 0;
}

static __always_inline int prep_rw_inline(struct iou_req *req,
					  const struct io_uring_sqe __shared *sqe)
{
	struct iou_rw *rw = iou_req_cmd(req, struct iou_rw);
	u16 ioprio = iou_sqe_get(sqe, ioprio);

	rw->iocb.ki_filp = NULL;
	rw->iocb.ki_pos = iou_sqe_get(sqe, off);
	rw->iocb.ki_flags = (__force int)iou_sqe_get(sqe, rw_flags);
	rw->addr = iou_sqe_get(sqe, addr);
	rw->len = min_t(u32, iou_sqe_get(sqe, len), MAX_RW_COUNT);
	rw->done = 0;
	/* None: as the task has, see rw_begin() */
	rw->iocb.ki_ioprio = 0;
	return unlikely(ioprio) ? prep_ioprio(req, sqe, ioprio) : 0;
}

static int prep_rw(struct iou_req *req, const struct io_uring_sqe __shared *sqe)
{
	return prep_rw_inline(req, sqe);
}

static int prep_vec(struct iou_req *req, const struct io_uring_sqe __shared *sqe, int dir)
{
	struct iou_rw *rw = iou_req_cmd(req, struct iou_rw);
	u32 nr = iou_sqe_get(sqe, len);
	int error = prep_rw(req, sqe);
	struct iou_vec *vec;
	ssize_t len;

	if (error)
		return error;
	vec = kmalloc(sizeof(*vec), GFP_KERNEL_ACCOUNT);
	if (!vec)
		return iou_reject(req, sqe, -ENOMEM, "rw: no memory for the iovecs");
	vec->big = vec->fast;
	len = __import_iovec(dir, u64_to_user_ptr(rw->addr), nr, IOU_FAST_IOV, &vec->big,
			     &vec->iter, iou_req_ring(req)->compat);
	if (len < 0) {
		kfree(vec);
		return iou_reject(req, sqe, len, "rw: bad iovecs");
	}
	rw->len = len;
	req->aux = vec;
	req->held |= IOU_HELD_CLEANUP;
	return 0;
}

static __always_inline int prep_rw_fixed_inline(struct iou_req *req,
						const struct io_uring_sqe __shared *sqe)
	__must_hold(&iou_req_ring(req)->lock)
{
	u32 index = iou_sqe_get(sqe, buf_index);
	int error = prep_rw_inline(req, sqe);

	if (error)
		return error;
	if (index >= iou_req_ring(req)->bufs.nr)
		return iou_reject(req, sqe, -EFAULT, "rw: buf_index beyond the table");
	/* An empty slot is an error of the attempt */
	iou_req_get_buf(req, index);
	return 0;
}

static int prep_rw_fixed(struct iou_req *req, const struct io_uring_sqe __shared *sqe)
	__must_hold(&iou_req_ring(req)->lock)
{
	return prep_rw_fixed_inline(req, sqe);
}

static void cleanup_vec(struct iou_req *req)
{
	struct iou_vec *vec = req->aux;

	kfree(vec->big);
	kfree(vec);
}

static bool rw_is_disk(const struct file *file)
{
	umode_t mode = file_inode(file)->i_mode;

	return S_ISREG(mode) || S_ISBLK(mode);
}

static int rw_check_mode(const struct file *file, int dir)
{
	fmode_t may = dir == READ ? FMODE_READ : FMODE_WRITE;
	fmode_t can = dir == READ ? FMODE_CAN_READ : FMODE_CAN_WRITE;

	if (likely((file->f_mode & (may | can)) == (may | can)))
		return 0;
	return file->f_mode & may ? -EINVAL : -EBADF;
}

static void rw_complete(struct kiocb *iocb, long res);
static void rw_complete_polled(struct kiocb *iocb, long res);

/* IOCB_HIPRI is set by IOPOLL rings, and by programs elsewhere (RWF_HIPRI) */
static noinline int rw_begin_polled(struct iou_req *req)
{
	struct kiocb *iocb = &iou_req_cmd(req, struct iou_rw)->iocb;

	if (!(iou_req_ring(req)->gate & IOU_GATE_IOPOLL))
		return -EINVAL;
	if (!(iocb->ki_flags & IOCB_DIRECT) || !req->file->f_op->iopoll)
		return -EOPNOTSUPP;
	iocb->ki_complete = rw_complete_polled;
	/* What is polled for; the file system sets it */
	iocb->private = NULL;
	return 0;
}

/* Before the first attempt: what depends on the file */
static __always_inline int rw_begin_with(struct iou_req *req, struct file *file, int dir)
{
	struct iou_rw *rw = iou_req_cmd(req, struct iou_rw);
	struct kiocb *iocb = &rw->iocb;
	rwf_t flags = (__force rwf_t)iocb->ki_flags;
	int error;

	if (unlikely(!file))
		return -EBADF;
	error = rw_check_mode(file, dir);
	if (error)
		return error;
	iocb->ki_filp = file;
	iocb->ki_flags = file->f_iocb_flags | iou_req_ring(req)->iocb_flags;
	iocb->ki_complete = rw_complete;
	error = kiocb_set_rw_flags(iocb, flags, dir);
	if (error)
		return error;
	if (iocb->ki_flags & IOCB_DIRECT) {
		/* The block layer would do that, but perhaps in another thread */
		if (!iocb->ki_ioprio)
			iocb->ki_ioprio = get_current_ioprio();
	}
	if (unlikely(iocb->ki_flags & IOCB_HIPRI)) {
		error = rw_begin_polled(req);
		if (error)
			return error;
	}
	if (unlikely(iocb->ki_flags & IOCB_NOWAIT))
		req->mark |= RW_NOWAIT;
	if (iocb->ki_pos == -1) {
		iocb->ki_pos = 0;
		if (!(file->f_mode & FMODE_STREAM)) {
			iocb->ki_pos = file->f_pos;
			req->mark |= RW_CUR_POS;
		}
	}
	return rw_verify_area(dir, file, &iocb->ki_pos, rw->len);
}

static noinline int rw_begin(struct iou_req *req, int dir)
{
	return rw_begin_with(req, req->file ?: iou_req_find_file(req), dir);
}

/* Files without read_iter() or write_iter() know nothing but user memory */
static bool rw_has_iter(const struct file *file, int dir)
{
	return dir == READ ? !!file->f_op->read_iter : !!file->f_op->write_iter;
}

/* A part of a registered buffer, beginning with what is left to do */
static int rw_iter_fixed(struct iou_req *req, int dir, struct iov_iter *iter)
{
	struct iou_rw *rw = iou_req_cmd(req, struct iou_rw);
	u64 addr = rw->addr + rw->done;
	u32 len = rw->len - rw->done;
	int error = iou_buf_import(iou_req_buf(req), dir, addr, len, iter);

	if (unlikely(!error && !rw_has_iter(req->file, dir)))
		error = import_ubuf(dir, u64_to_user_ptr(addr), len, iter);
	return error;
}

/*
 * rw_begin() did not know the length. This is the part of rw_verify_area() that looks at
 * it: asking for permission is for once.
 */
static noinline int rw_check_far_end(const struct iou_rw *rw, u32 len)
{
	const struct file *file = rw->iocb.ki_filp;
	loff_t pos = rw->iocb.ki_pos;
	loff_t end;

	/* Before rw_begin(), which will know it */
	if (!file)
		return 0;
	if (check_add_overflow(pos, (loff_t)len, &end))
		return file->f_op->fop_flags & FOP_UNSIGNED_OFFSET ? 0 : -EINVAL;
	/* From the far end of unsigned offsets to their beginning */
	return pos < 0 && end >= 0 ? -EOVERFLOW : 0;
}

static __always_inline int rw_check_end(const struct iou_rw *rw, u32 len)
{
	/* No buffer reaches the end from there */
	if (likely((u64)rw->iocb.ki_pos <= LLONG_MAX - MAX_RW_COUNT))
		return 0;
	return rw_check_far_end(rw, len);
}

/* Look at the next provided buffer, and be about to use it */
static __always_inline int rw_select(struct iou_req *req, struct iou_pbuf *buf)
	__must_hold(&iou_req_ring(req)->lock)
{
	struct iou_rw *rw = iou_req_cmd(req, struct iou_rw);
	int error = iou_pbuf_look(req, buf);

	if (unlikely(error))
		return -ENOBUFS;
	rw->addr = buf->addr;
	rw->len = buf->len;
	return rw_check_end(rw, rw->len);
}

/* Take a provided buffer, whatever becomes of the transfer */
static __always_inline int take_rw_inline(struct iou_req *req, struct iou_pbuf *buf)
	__must_hold(&iou_req_ring(req)->lock)
{
	int error = rw_select(req, buf);

	if (!error)
		iou_pbuf_commit(req, buf, 0, IOU_PBUF_KEEP);
	return error;
}

static int take_rw(struct iou_req *req)
	__must_hold(&iou_req_ring(req)->lock)
{
	struct iou_pbuf buf __uninitialized;

	return take_rw_inline(req, &buf);
}

/*
 * An attempt has been made with a provided buffer that is not taken yet. READ, unlike a
 * multishot and unlike RECV, takes it at the end of the file, too.
 */
static void rw_selected(struct iou_req *req, const struct iou_pbuf *buf, ssize_t ret)
	__must_hold(&iou_req_ring(req)->lock)
{
	/* What may go on after a part needs all of the buffer */
	bool goes_on = ret == -EIOCBQUEUED || (ret > 0 && rw_is_disk(req->file));

	if (goes_on || iou_pbuf_is_used(iou_req_op(req)->pbuf, ret))
		iou_pbuf_commit(req, buf, ret, goes_on ? IOU_PBUF_KEEP : IOU_PBUF_LEAVE);
}

/* An iterator over one buffer, all of it. Return: 0, -EFAULT, -ENOBUFS */
static __always_inline int rw_iter_plain(struct iou_req *req, int dir, struct iov_iter *iter)
	__must_hold(&iou_req_ring(req)->lock)
{
	struct iou_rw *rw = iou_req_cmd(req, struct iou_rw);

	if (unlikely(!access_ok(u64_to_user_ptr(rw->addr), rw->len)))
		return -EFAULT;
	iov_iter_ubuf(iter, dir, u64_to_user_ptr(rw->addr), rw->len);
	return 0;
}

/* The same over a provided buffer, which is taken */
static __always_inline int rw_iter_taken(struct iou_req *req, int dir, struct iov_iter *iter)
	__must_hold(&iou_req_ring(req)->lock)
{
	struct iou_pbuf buf __uninitialized;
	int error = take_rw_inline(req, &buf);

	if (likely(!error))
		iov_iter_ubuf(iter, dir, u64_to_user_ptr(buf.addr), buf.len);
	return error;
}

/*
 * An iterator over what is left to do. A request that waits for readiness only
 * looks at its buffer (@buf) until there is data. Return: 0, -EFAULT, -ENOBUFS
 */
static int rw_iter(struct iou_req *req, int dir, struct iov_iter *iter,
		   struct iou_pbuf *buf)
{
	struct iou_rw *rw = iou_req_cmd(req, struct iou_rw);
	struct iou_vec *vec = req->aux;
	int error;

	if (req->held & IOU_HELD_BUF)
		return rw_iter_fixed(req, dir, iter);
	if (unlikely(req->notes & IOU_NOTE_SELECT)) {
		if (file_can_poll(req->file))
			error = rw_select(req, buf);
		else
			error = take_rw(req);
		if (error)
			return error;
	}
	if (req->held & IOU_HELD_CLEANUP) {
		*iter = vec->iter;
	} else {
		error = import_ubuf(dir, u64_to_user_ptr(rw->addr), rw->len, iter);
		if (unlikely(error))
			return error;
	}
	if (rw->done)
		iov_iter_advance(iter, rw->done);
	return 0;
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

/* For files without read_iter() or write_iter(): segment by segment */
static ssize_t rw_loop(struct kiocb *iocb, struct iov_iter *iter, int dir)
{
	struct file *file = iocb->ki_filp;
	loff_t *pos = file->f_mode & FMODE_STREAM ? NULL : &iocb->ki_pos;
	ssize_t total = 0;

	if ((iocb->ki_flags & IOCB_NOWAIT) && !(file->f_flags & O_NONBLOCK))
		return -EAGAIN;
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

static __always_inline ssize_t rw_call(struct kiocb *iocb, struct iov_iter *iter, int dir)
{
	const struct file_operations *fops = iocb->ki_filp->f_op;

	if (dir == READ && likely(fops->read_iter))
		return fops->read_iter(iocb, iter);
	if (dir == WRITE && likely(fops->write_iter))
		return fops->write_iter(iocb, iter);
	return rw_loop(iocb, iter, dir);
}

/*
 * A write to a regular file is protected against freezing for as long as it is
 * with the file system: from before the call until it returns or, if it was
 * queued, until rw_complete().
 */
static void rw_end_write(struct kiocb *iocb)
{
	if ((iocb->ki_flags & IOCB_WRITE) && S_ISREG(file_inode(iocb->ki_filp)->i_mode))
		kiocb_end_write(iocb);
}

/* Return: false: frozen, and may not wait */
static bool rw_start_write(struct kiocb *iocb, bool wait)
{
	struct inode *inode = file_inode(iocb->ki_filp);

	iocb->ki_flags |= IOCB_WRITE;
	if (!S_ISREG(inode->i_mode))
		return true;
	if (wait)
		sb_start_write(inode->i_sb);
	else if (!sb_start_write_trylock(inode->i_sb))
		return false;
	/* It may be released by another thread, see kiocb_end_write() */
	__sb_writers_release(inode->i_sb, SB_FREEZE_WRITE);
	return true;
}

/* The end, if @ret bytes were transferred: result, file position, fsnotify */
static __always_inline iou_verdict_t rw_succeed(struct iou_req *req, int dir, ssize_t ret)
{
	struct iou_rw *rw = iou_req_cmd(req, struct iou_rw);

	if (unlikely(ret != rw->len))
		req->notes |= IOU_NOTE_SHORT;
	if (req->mark & RW_CUR_POS)
		req->file->f_pos = rw->iocb.ki_pos;
	if (dir == READ)
		fsnotify_access(req->file);
	else
		fsnotify_modify(req->file);
	return iou_done(req, ret);
}

/* The end. An error after partial success is none */
static noinline iou_verdict_t rw_finish(struct iou_req *req, int dir, ssize_t ret)
{
	struct iou_rw *rw = iou_req_cmd(req, struct iou_rw);

	if (rw->done)
		ret = rw->done;
	if (ret > 0)
		return rw_succeed(req, dir, ret);
	if (ret != rw->len)
		req->notes |= IOU_NOTE_SHORT;
	return iou_done(req, ret);
}

/* Something was transferred, and there will be no further attempt */
static s32 partial_rw(struct iou_req *req)
{
	struct iou_rw *rw = iou_req_cmd(req, struct iou_rw);

	if (rw->done)
		rw_finish(req, rw->iocb.ki_flags & IOCB_WRITE ? WRITE : READ, 0);
	return rw->done;
}

/* Something was transferred, but not all. Is it worth going on? */
static bool rw_goes_on(struct iou_req *req, int dir)
{
	struct iou_rw *rw = iou_req_cmd(req, struct iou_rw);

	if (!rw_is_disk(req->file))
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

/*
 * Try until it would block.
 * Return: -EAGAIN: it would; or what the verdict is about: an error, or all that was
 * transferred, earlier attempts included. But 0 may mean that there is no more.
 */
static noinline ssize_t rw_try(struct iou_req *req, int dir)
{
	struct iou_rw *rw = iou_req_cmd(req, struct iou_rw);
	struct iou_pbuf buf;
	struct iov_iter iter __uninitialized;
	ssize_t ret;

	for (;;) {
		ret = rw_iter(req, dir, &iter, &buf);
		if (unlikely(ret))
			return ret;
		ret = rw_call(&rw->iocb, &iter, dir);
		if (unlikely(req->notes & IOU_NOTE_SELECT))
			rw_selected(req, &buf, ret);
		if (ret <= 0)
			return ret;
		rw->done += ret;
		if (likely(rw->done == rw->len) || !rw_goes_on(req, dir))
			return rw->done;
		if (dir == WRITE)
			rw_trace_short(req, ret);
		if (fatal_signal_pending(current))
			return rw->done;
	}
}

/* The same for the usual case: one buffer, all of it at once */
static __always_inline ssize_t rw_try_inline(struct iou_req *req, int dir)
{
	struct iou_rw *rw = iou_req_cmd(req, struct iou_rw);
	struct iov_iter iter __uninitialized;
	ssize_t ret;

	if (unlikely((req->held & IOU_HELD_CLEANUP) || rw->done))
		return rw_try(req, dir);
	if (unlikely(req->notes & IOU_NOTE_SELECT)) {
		if (file_can_poll(req->file))
			return rw_try(req, dir);
		ret = rw_iter_taken(req, dir, &iter);
	} else if (req->held & IOU_HELD_BUF) {
		ret = rw_iter_fixed(req, dir, &iter);
	} else {
		ret = rw_iter_plain(req, dir, &iter);
	}
	if (unlikely(ret))
		return ret;
	ret = rw_call(&rw->iocb, &iter, dir);
	if (likely(ret == rw->len || ret <= 0))
		return ret;
	rw->done = ret;
	if (!rw_goes_on(req, dir))
		return ret;
	if (dir == WRITE)
		rw_trace_short(req, ret);
	return fatal_signal_pending(current) ? ret : rw_try(req, dir);
}

static bool rw_is_polled(const struct iou_req *req)
{
	const struct iou_rw *rw = (const struct iou_rw *)req->cmd;

	return rw->iocb.ki_complete == rw_complete_polled;
}

/*
 * Some file systems say EOPNOTSUPP when they cannot do it without blocking; a
 * disk that cannot be polled means it.
 */
static bool rw_would_block(const struct iou_req *req, ssize_t ret)
{
	return ret == -EAGAIN ||
	       (ret == -EOPNOTSUPP && rw_is_disk(req->file) && !rw_is_polled(req));
}

static int rw_page_wake(struct wait_queue_entry *entry, unsigned int mode, int sync,
			void *key)
{
	struct wait_page_queue *page = container_of(entry, struct wait_page_queue, wait);
	struct iou_req *req = entry->private;

	if (!wake_page_match(page, key))
		return 0;
	list_del_init(&entry->entry);
	iou_req_arrived(req);
	return 1;
}

/* The device has it */
static iou_verdict_t rw_queued(const struct iou_req *req)
{
	return unlikely(rw_is_polled(req)) ? IOU_POLLED : IOU_BUSY;
}

/* Can a page that is not there be waited for without a worker? */
static bool rw_can_wait_for_page(const struct iou_req *req, int dir)
{
	const struct iou_rw *rw = (const struct iou_rw *)req->cmd;

	return dir == READ && rw_is_disk(req->file) &&
	       !(rw->iocb.ki_flags & IOCB_DIRECT) &&
	       (req->file->f_op->fop_flags & FOP_BUFFER_RASYNC);
}

/* The page is there. A thread that exits waits for this, see run/exit.c */
static void rw_page_event(struct iou_req *req, bool cancel)
	__must_hold(&iou_req_ring(req)->lock)
{
	req->lane->nr_page_waits--;
	iou_issue_again(req, cancel);
}

/* Start reading the page and be told when it is there, or find it there */
static ssize_t rw_wait_for_page(struct iou_req *req)
	__must_hold(&iou_req_ring(req)->lock)
{
	struct wait_page_queue *page = (struct wait_page_queue *)req->opwait;
	struct iou_rw *rw = iou_req_cmd(req, struct iou_rw);
	ssize_t ret;

	init_waitqueue_func_entry(&page->wait, rw_page_wake);
	INIT_LIST_HEAD(&page->wait.entry);
	page->wait.private = req;
	rw->iocb.ki_waitq = page;
	rw->iocb.ki_flags &= ~IOCB_NOWAIT;
	rw->iocb.ki_flags |= IOCB_WAITQ;
	req->event = rw_page_event;
	ret = rw_try(req, READ);
	if (ret == -EIOCBQUEUED)
		req->lane->nr_page_waits++;
	return ret;
}

/* Can @dir be tried on this file without blocking? Not with ->read() or ->write() */
static bool rw_can_nowait(const struct file *file, int dir)
{
	if (file->f_flags & O_NONBLOCK)
		return true;
	return (file->f_mode & FMODE_NOWAIT) && rw_has_iter(file, dir);
}

/* Is there no point in trying @dir without blocking? */
static bool rw_always_blocks(const struct iou_req *req, int dir)
{
	const struct iou_rw *rw = (const struct iou_rw *)req->cmd;
	const struct file *file = req->file;

	if (unlikely(!rw_can_nowait(file, dir)))
		return true;
	return dir == WRITE && !(rw->iocb.ki_flags & (IOCB_DIRECT | IOCB_NOWAIT)) &&
	       S_ISREG(file_inode(file)->i_mode) &&
	       !(file->f_op->fop_flags & FOP_BUFFER_WASYNC);
}

/* An attempt without blocking, after rw_begin() */
static __always_inline iou_verdict_t rw_issue(struct iou_req *req, int dir)
{
	struct iou_rw *rw = iou_req_cmd(req, struct iou_rw);
	ssize_t ret;

	if (rw_always_blocks(req, dir)) {
		/* Poll until it is ready, once; then a worker */
		if ((req->held & IOU_HELD_INFLIGHT) && req->nr_polls)
			req->nr_polls = IOU_MAX_POLLS;
		return IOU_RETRY;
	}
	if (dir == WRITE && !rw_start_write(&rw->iocb, false)) {
		if (req->mark & RW_NOWAIT)
			return rw_finish(req, dir, -EAGAIN);
		return IOU_RETRY;
	}
	if (likely(req->file->f_mode & FMODE_NOWAIT))
		rw->iocb.ki_flags |= IOCB_NOWAIT;
	/* Its completion may come before the call returns */
	req->state = IOU_S_BUSY;
	ret = rw_try_inline(req, dir);
	if (likely(ret > 0)) {
		if (dir == WRITE)
			rw_end_write(&rw->iocb);
		return rw_succeed(req, dir, ret);
	}
	if (ret == -EAGAIN && !(req->mark & RW_NOWAIT) && rw_can_wait_for_page(req, dir))
		ret = rw_wait_for_page(req);
	if (ret == -EIOCBQUEUED)
		return rw_queued(req);
	if (dir == WRITE)
		rw_end_write(&rw->iocb);
	if (unlikely(rw_would_block(req, ret)) && !(req->mark & RW_NOWAIT))
		return IOU_RETRY;
	return rw_finish(req, dir, ret);
}

static __always_inline iou_verdict_t issue_rw(struct iou_req *req, int dir)
{
	struct kiocb *iocb = &iou_req_cmd(req, struct iou_rw)->iocb;

	if (!iocb->ki_filp) {
		int error = rw_begin(req, dir);

		if (unlikely(error))
			return rw_finish(req, dir, error);
	}
	/* From an attempt that waited for a page */
	iocb->ki_flags &= ~IOCB_WAITQ;
	return rw_issue(req, dir);
}

/* The same for the first attempt, right after the SQE was read */
static __always_inline iou_verdict_t start_rw(struct iou_req *req, int dir)
{
	int error = rw_begin_with(req, iou_req_find_file(req), dir);

	if (unlikely(error))
		return rw_finish(req, dir, error);
	return rw_issue(req, dir);
}

/* A worker that must not wait for the file had to, perhaps after a part of a write */
static bool rw_was_refused(const struct iou_req *req, int dir, ssize_t ret)
{
	const struct iou_rw *rw = (const struct iou_rw *)req->cmd;

	if (likely(!iou_worker_refused()))
		return false;
	if (ret > 0)
		return dir == WRITE && ret < rw->len;
	return ret == -EINTR || (ret <= -ERESTARTSYS && ret >= -ERESTART_RESTARTBLOCK);
}

static iou_verdict_t work_rw(struct iou_req *req, int dir)
{
	struct iou_rw *rw = iou_req_cmd(req, struct iou_rw);
	bool park = false;
	ssize_t ret;

	if (!rw->iocb.ki_filp) {
		ret = rw_begin(req, dir);
		if (ret)
			return rw_finish(req, dir, ret);
	}
	rw->iocb.ki_flags &= ~(IOCB_WAITQ | IOCB_NOWAIT);
	if (req->mark & RW_NOWAIT)
		rw->iocb.ki_flags |= IOCB_NOWAIT;
	else
		park = iou_req_can_park(req) && rw_can_nowait(req->file, dir);
	if (park && (req->file->f_mode & FMODE_NOWAIT))
		rw->iocb.ki_flags |= IOCB_NOWAIT;
	if (dir == WRITE)
		rw_start_write(&rw->iocb, true);
	ret = rw_try(req, dir);
	if (ret == -EIOCBQUEUED)
		return rw_queued(req);
	if (dir == WRITE)
		rw_end_write(&rw->iocb);
	if ((ret == -EAGAIN && park) || unlikely(rw_was_refused(req, dir, ret)))
		return IOU_RETRY;
	return rw_finish(req, dir, ret);
}

/* A device has finished */
static void rw_event(struct iou_req *req, bool cancel)
	__must_hold(&iou_req_ring(req)->lock)
{
	struct iou_rw *rw = iou_req_cmd(req, struct iou_rw);
	ssize_t ret = req->res;

	if (unlikely(ret < 0) && rw_would_block(req, ret) && (rw->iocb.ki_flags & IOCB_NOWAIT) &&
	    !(req->mark & RW_NOWAIT) && !cancel) {
		/* It was asked not to block; a worker may */
		iou_issue_async(req);
		return;
	}
	/* Nothing was done before: then this is all */
	if (unlikely(rw->done) && ret > 0)
		rw->done += ret;
	if (rw->iocb.ki_flags & IOCB_WRITE)
		rw_finish(req, WRITE, ret);
	else if (likely(ret > 0 && !rw->done))
		rw_succeed(req, READ, ret);
	else
		rw_finish(req, READ, ret);
	iou_req_complete(req);
}

/* Any context */
static void rw_complete(struct kiocb *iocb, long res)
{
	struct iou_rw *rw = container_of(iocb, struct iou_rw, iocb);
	struct iou_req *req = iou_cmd_req(rw);

	rw_end_write(iocb);
	req->res = res;
	req->event = rw_event;
	iou_req_arrived(req);
}

/* The same on an IOPOLL ring */
static void rw_complete_polled(struct kiocb *iocb, long res)
{
	struct iou_req *req = iou_cmd_req(container_of(iocb, struct iou_rw, iocb));

	rw_end_write(iocb);
	req->res = res;
	iou_req_arrived_polled(req);
}

static int iopoll_rw(struct iou_req *req, struct io_comp_batch *iob)
{
	struct iou_rw *rw = iou_req_cmd(req, struct iou_rw);

	return req->file->f_op->iopoll(&rw->iocb, iob, BLK_POLL_ONESHOT);
}

static void iopoll_done_rw(struct iou_req *req)
	__must_hold(&iou_req_ring(req)->lock)
{
	rw_event(req, false);
}

static iou_verdict_t issue_read(struct iou_req *req)
{
	return issue_rw(req, READ);
}

static iou_verdict_t work_read(struct iou_req *req)
{
	return work_rw(req, READ);
}

static iou_verdict_t issue_write(struct iou_req *req)
{
	return issue_rw(req, WRITE);
}

static iou_verdict_t work_write(struct iou_req *req)
{
	return work_rw(req, WRITE);
}

static iou_verdict_t start_read(struct iou_req *req, const struct io_uring_sqe __shared *sqe)
{
	return prep_rw_inline(req, sqe) ? IOU_REJECTED : start_rw(req, READ);
}

static iou_verdict_t start_write(struct iou_req *req, const struct io_uring_sqe __shared *sqe)
{
	return prep_rw_inline(req, sqe) ? IOU_REJECTED : start_rw(req, WRITE);
}

/* One iovec says how much of a provided buffer to use */
static int prep_readv_select(struct iou_req *req, const struct io_uring_sqe __shared *sqe)
{
	struct iovec fast, *vec;

	if (iou_sqe_get(sqe, len) != 1)
		return iou_reject(req, sqe, -EINVAL, "rw: one iovec with BUFFER_SELECT");
	vec = iovec_from_user(u64_to_user_ptr(iou_sqe_get(sqe, addr)), 1, 1, &fast,
			      iou_req_ring(req)->compat);
	if (IS_ERR(vec))
		return iou_reject(req, sqe, PTR_ERR(vec), "rw: bad iovec");
	req->buf_cap = iou_pbuf_cap(min_t(size_t, vec->iov_len, MAX_RW_COUNT));
	return prep_rw(req, sqe);
}

static int prep_readv(struct iou_req *req, const struct io_uring_sqe __shared *sqe)
{
	if (unlikely(req->notes & IOU_NOTE_SELECT))
		return prep_readv_select(req, sqe);
	return prep_vec(req, sqe, READ);
}

static int prep_writev(struct iou_req *req, const struct io_uring_sqe __shared *sqe)
{
	return prep_vec(req, sqe, WRITE);
}

static iou_verdict_t start_readv(struct iou_req *req, const struct io_uring_sqe __shared *sqe)
{
	return prep_readv(req, sqe) ? IOU_REJECTED : issue_read(req);
}

static iou_verdict_t start_writev(struct iou_req *req, const struct io_uring_sqe __shared *sqe)
{
	return prep_writev(req, sqe) ? IOU_REJECTED : issue_write(req);
}

static iou_verdict_t issue_read_fixed(struct iou_req *req)
{
	if (unlikely(!(req->held & IOU_HELD_BUF)))
		return iou_done(req, -EFAULT);
	return issue_rw(req, READ);
}

static iou_verdict_t work_read_fixed(struct iou_req *req)
{
	if (unlikely(!(req->held & IOU_HELD_BUF)))
		return iou_done(req, -EFAULT);
	return work_rw(req, READ);
}

static iou_verdict_t issue_write_fixed(struct iou_req *req)
{
	if (unlikely(!(req->held & IOU_HELD_BUF)))
		return iou_done(req, -EFAULT);
	return issue_rw(req, WRITE);
}

static iou_verdict_t work_write_fixed(struct iou_req *req)
{
	if (unlikely(!(req->held & IOU_HELD_BUF)))
		return iou_done(req, -EFAULT);
	return work_rw(req, WRITE);
}

static iou_verdict_t start_read_fixed(struct iou_req *req,
				      const struct io_uring_sqe __shared *sqe)
	__must_hold(&iou_req_ring(req)->lock)
{
	if (unlikely(prep_rw_fixed_inline(req, sqe)))
		return IOU_REJECTED;
	if (unlikely(!(req->held & IOU_HELD_BUF)))
		return iou_done(req, -EFAULT);
	return start_rw(req, READ);
}

static iou_verdict_t start_write_fixed(struct iou_req *req,
				       const struct io_uring_sqe __shared *sqe)
	__must_hold(&iou_req_ring(req)->lock)
{
	if (unlikely(prep_rw_fixed_inline(req, sqe)))
		return IOU_REJECTED;
	if (unlikely(!(req->held & IOU_HELD_BUF)))
		return iou_done(req, -EFAULT);
	return start_rw(req, WRITE);
}

const struct iou_op iou_op_read = {
	.name		= "READ",
	.start		= start_read,
	.prep		= prep_rw,
	.issue		= issue_read,
	.work		= work_read,
	.iopoll		= iopoll_rw,
	.iopoll_done	= iopoll_done_rw,
	.on_iopoll	= true,
	.take		= take_rw,
	.partial	= partial_rw,
	.poll_events	= EPOLLIN | IOU_POLL_LAZY,
	.needs_file	= true,
	.has_ioprio	= true,
	.pbuf		= IOU_PBUF_USED | IOU_PBUF_AT_END,
	.unbound	= true,
};

const struct iou_op iou_op_write = {
	.name		= "WRITE",
	.start		= start_write,
	.prep		= prep_rw,
	.issue		= issue_write,
	.work		= work_write,
	.iopoll		= iopoll_rw,
	.iopoll_done	= iopoll_done_rw,
	.on_iopoll	= true,
	.partial	= partial_rw,
	.poll_events	= EPOLLOUT,
	.needs_file	= true,
	.has_ioprio	= true,
	.hashed		= true,
	.unbound	= true,
};

const struct iou_op iou_op_readv = {
	.name		= "READV",
	.start		= start_readv,
	.prep		= prep_readv,
	.issue		= issue_read,
	.work		= work_read,
	.iopoll		= iopoll_rw,
	.iopoll_done	= iopoll_done_rw,
	.on_iopoll	= true,
	.cleanup	= cleanup_vec,
	.take		= take_rw,
	.partial	= partial_rw,
	.poll_events	= EPOLLIN | IOU_POLL_LAZY,
	.needs_file	= true,
	.has_ioprio	= true,
	.pbuf		= IOU_PBUF_USED | IOU_PBUF_AT_END,
	.unbound	= true,
};

const struct iou_op iou_op_writev = {
	.name		= "WRITEV",
	.start		= start_writev,
	.prep		= prep_writev,
	.issue		= issue_write,
	.work		= work_write,
	.iopoll		= iopoll_rw,
	.iopoll_done	= iopoll_done_rw,
	.on_iopoll	= true,
	.cleanup	= cleanup_vec,
	.partial	= partial_rw,
	.poll_events	= EPOLLOUT,
	.needs_file	= true,
	.has_ioprio	= true,
	.hashed		= true,
	.unbound	= true,
};

const struct iou_op iou_op_read_fixed = {
	.name		= "READ_FIXED",
	.start		= start_read_fixed,
	.prep		= prep_rw_fixed,
	.issue		= issue_read_fixed,
	.work		= work_read_fixed,
	.partial	= partial_rw,
	.poll_events	= EPOLLIN | IOU_POLL_LAZY,
	.needs_file	= true,
	.has_ioprio	= true,
	.unbound	= true,
	.iopoll		= iopoll_rw,
	.iopoll_done	= iopoll_done_rw,
	.on_iopoll	= true,
};

const struct iou_op iou_op_write_fixed = {
	.name		= "WRITE_FIXED",
	.start		= start_write_fixed,
	.prep		= prep_rw_fixed,
	.issue		= issue_write_fixed,
	.work		= work_write_fixed,
	.partial	= partial_rw,
	.poll_events	= EPOLLOUT,
	.needs_file	= true,
	.has_ioprio	= true,
	.hashed		= true,
	.unbound	= true,
	.iopoll		= iopoll_rw,
	.iopoll_done	= iopoll_done_rw,
	.on_iopoll	= true,
};

static int prep_read_multishot(struct iou_req *req, const struct io_uring_sqe __shared *sqe)
{
	if (!(req->notes & IOU_NOTE_SELECT))
		return iou_reject(req, sqe, -EINVAL, "read_multishot: needs BUFFER_SELECT");
	if (iou_sqe_get(sqe, addr) || iou_sqe_get(sqe, len))
		return iou_reject(req, sqe, -EINVAL, "read_multishot: addr and len must be 0");
	req->notes |= IOU_NOTE_MULTISHOT;
	return prep_rw(req, sqe);
}

/* Before the first attempt. It must be possible to wait, and to try without */
static int shots_begin(struct iou_req *req)
{
	struct iou_rw *rw = iou_req_cmd(req, struct iou_rw);
	int error = rw_begin(req, READ);

	if (error)
		return error;
	if (!file_can_poll(req->file) || !rw_can_nowait(req->file, READ))
		return -EBADFD;
	/* Nothing completes later */
	rw->iocb.ki_complete = NULL;
	if (req->file->f_mode & FMODE_NOWAIT)
		rw->iocb.ki_flags |= IOCB_NOWAIT;
	return 0;
}

static iou_verdict_t issue_read_multishot(struct iou_req *req)
	__must_hold(&iou_req_ring(req)->lock)
{
	struct iou_rw *rw = iou_req_cmd(req, struct iou_rw);
	ssize_t ret;
	int i;

	if (!rw->iocb.ki_filp) {
		ret = shots_begin(req);
		if (ret)
			return rw_finish(req, READ, ret);
	}
	for (i = 0; i < IOU_MAX_SHOTS; i++) {
		ret = rw_try(req, READ);
		if (ret == -EAGAIN)
			return IOU_RETRY;
		if (ret <= 0 || !iou_req_post_more(req, ret, req->cflags))
			return rw_finish(req, READ, ret);
		iou_req_next_shot(req);
		rw->done = 0;
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
