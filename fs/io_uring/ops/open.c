// SPDX-License-Identifier: GPL-2.0
/*
 * OPENAT, OPENAT2, CLOSE.
 *
 * A file whose path is cached is opened at once. A path that has to be read
 * from a disk, and a file that may be made or truncated, are left to a worker.
 */
#include <linux/fcntl.h>
#include <linux/fdtable.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/io_uring.h>
#include <linux/namei.h>
#include <linux/openat2.h>
#include <linux/resource.h>
#include <linux/task_work.h>
#include <linux/uaccess.h>

#include "../../internal.h"
#include "../req/audit.h"
#include "../req/complete.h"
#include "../req/req.h"
#include "../rsrc/files.h"
#include "../run/lock.h"
#include "../run/worker.h"
#include "ops.h"

/**
 * struct iou_open - a file to be opened
 * @name: its path
 * @how: in which way
 * @nofile: limit of descriptors when the SQE was read
 * @dfd: where @name starts
 * @slot: 0: a descriptor is wanted; else a fixed file, as in the SQE
 */
struct iou_open {
	struct filename *name;
	struct open_how how;
	unsigned long nofile;
	int dfd;
	u32 slot;
};

static void cleanup_open(struct iou_req *req)
{
	struct iou_open *open = iou_req_cmd(req, struct iou_open);

	putname(open->name);
}

/* When ->how is known */
static int prep_open(struct iou_req *req, const struct io_uring_sqe __shared *sqe)
{
	struct iou_open *open = iou_req_cmd(req, struct iou_open);
	union iou_sqe_mid mid = iou_sqe_mid(sqe);

	if (unlikely(mid.buf_index))
		return iou_reject(req, sqe, -EINVAL, "open: buf_index must be 0");
	if (unlikely(req->sqe_flags & IOSQE_FIXED_FILE))
		return iou_reject(req, sqe, -EBADF, "open: a directory cannot be a fixed file");
	if (!(open->how.flags & O_PATH) && force_o_largefile())
		open->how.flags |= O_LARGEFILE;
	open->dfd = req->fd;
	open->slot = mid.file_index;
	open->nofile = rlimit(RLIMIT_NOFILE);
	open->name = getname(u64_to_user_ptr(iou_sqe_get(sqe, addr)));
	if (IS_ERR(open->name))
		return iou_reject(req, sqe, PTR_ERR(open->name), "open: bad path in addr");
	req->held |= IOU_HELD_CLEANUP;

	/* An error of the path comes first */
	if (unlikely(mid.file_index && (open->how.flags & O_CLOEXEC)))
		return iou_reject(req, sqe, -EINVAL, "open: O_CLOEXEC with a fixed file");
	return 0;
}

static int read_openat(struct iou_req *req, const struct io_uring_sqe __shared *sqe)
{
	struct iou_open *open = iou_req_cmd(req, struct iou_open);

	open->how = build_open_how(iou_sqe_get(sqe, open_flags), iou_sqe_get(sqe, len));
	return prep_open(req, sqe);
}

static int read_openat2(struct iou_req *req, const struct io_uring_sqe __shared *sqe)
{
	struct iou_open *open = iou_req_cmd(req, struct iou_open);
	u32 size = iou_sqe_get(sqe, len);
	int error;

	if (size < OPEN_HOW_SIZE_VER0)
		return iou_reject(req, sqe, -EINVAL, "openat2: struct open_how is too short");
	error = copy_struct_from_user(&open->how, sizeof(open->how),
				      u64_to_user_ptr(iou_sqe_get(sqe, addr2)), size);
	if (error)
		return iou_reject(req, sqe, error, "openat2: bad struct open_how");
	return prep_open(req, sqe);
}

/* May it change a file system? Then there is no point in trying without waiting. */
static bool open_may_block(const struct iou_open *open)
{
	return open->how.flags & (O_TRUNC | O_CREAT | __O_TMPFILE);
}

/* Only the path has to be waited for: what comes then is as if that had been cached */
static bool open_is_cold(const struct iou_req *req)
{
	const struct iou_open *open = (const struct iou_open *)req->cmd;

	return !(req->sqe_flags & IOSQE_ASYNC) && !open_may_block(open);
}

/*
 * Does opening it wait for another program? A FIFO waits for its other end, and devices
 * may wait, too. What is looked at here need not be what is opened later.
 */
static bool open_lasts(struct iou_req *req)
{
	struct iou_open *open = iou_req_cmd(req, struct iou_open);
	u64 how = open->how.flags;
	struct open_flags flags;
	struct path path;
	umode_t mode;

	if ((how & (O_NONBLOCK | O_PATH | O_DIRECTORY)) || open_is_cold(req))
		return false;
	/* Looking is not for nothing */
	if ((how & O_ACCMODE) != O_WRONLY && !(how & O_CREAT) && !iou_workers_are_scarce())
		return false;
	if ((how & O_CREAT) && (how & O_EXCL))
		return false;
	if (build_open_flags(&open->how, &flags) ||
	    filename_lookup(open->dfd, open->name, flags.lookup_flags, &path, NULL))
		return false;

	mode = d_inode(path.dentry)->i_mode;
	path_put(&path);
	return S_ISFIFO(mode) || S_ISCHR(mode);
}

/* For what an open has to wait */
enum open_wait {
	OPEN_NOWAIT,		/* nothing: only what is cached is looked at */
	OPEN_WAIT_PATH,		/* its path */
	OPEN_WAIT,		/* whatever it takes */
};

/*
 * Open it. O_NONBLOCK, which the program may not have asked for, keeps leases, and FIFOs
 * without a peer, from blocking.
 */
static struct file *open_file(struct iou_open *open, enum open_wait wait)
{
	struct open_flags flags;
	struct file *file;
	int error = build_open_flags(&open->how, &flags);

	if (unlikely(error))
		return ERR_PTR(error);
	if (wait == OPEN_NOWAIT)
		flags.lookup_flags |= LOOKUP_CACHED;
	if (wait != OPEN_WAIT)
		flags.open_flag |= O_NONBLOCK;
	file = do_filp_open(open->dfd, open->name, &flags);
	/* Nobody else knows the file yet */
	if (wait != OPEN_WAIT && !IS_ERR(file) && !(open->how.flags & O_NONBLOCK))
		file->f_flags &= ~O_NONBLOCK;
	return file;
}

/* Return: descriptor, or negative errno */
static long open_fd(struct iou_open *open, enum open_wait wait)
{
	int fd = __get_unused_fd_flags(open->how.flags, open->nofile);
	struct file *file;

	if (unlikely(fd < 0))
		return fd;
	file = open_file(open, wait);
	if (IS_ERR(file)) {
		put_unused_fd(fd);
		return PTR_ERR(file);
	}
	fd_install(fd, file);
	return fd;
}

/* Return: slot, 0 for one that was named, or negative errno */
static long open_slot(struct iou_req *req, struct file *file)
	__must_hold(&iou_req_ring(req)->lock)
{
	struct iou_open *open = iou_req_cmd(req, struct iou_open);

	if (IS_ERR(file))
		return PTR_ERR(file);
	return iou_files_install(iou_req_ring(req), file, open->slot);
}

/* It was tried without waiting. Did that say that it cannot be? */
static bool open_blocks(const struct iou_open *open, long ret)
{
	return ret == -EAGAIN && !(open->how.resolve & RESOLVE_CACHED);
}

static iou_verdict_t try_open(struct iou_req *req)
{
	struct iou_open *open = iou_req_cmd(req, struct iou_open);
	long ret;

	if (open->slot)
		ret = open_slot(req, open_file(open, OPEN_NOWAIT));
	else
		ret = open_fd(open, OPEN_NOWAIT);
	return open_blocks(open, ret) ? IOU_RETRY : iou_done(req, ret);
}

static iou_verdict_t issue_open(struct iou_req *req)
{
	return open_may_block(iou_req_cmd(req, struct iou_open)) ?
		IOU_RETRY : iou_audited(req, try_open);
}

/* In a worker. Return: as open_fd() and open_slot() */
static long open_waiting(struct iou_req *req, enum open_wait wait)
{
	struct iou_open *open = iou_req_cmd(req, struct iou_open);
	struct iou_ring *ring = iou_req_ring(req);
	struct file *file;
	long ret;

	if (!open->slot)
		return open_fd(open, wait);

	file = open_file(open, wait);
	if (iou_ring_lock_killable(ring)) {
		if (!IS_ERR(file))
			fput(file);
		return -EINTR;
	}
	ret = open_slot(req, file);
	iou_ring_unlock(ring);
	return ret;
}

static iou_verdict_t work_open(struct iou_req *req)
{
	long ret = -EAGAIN;

	if (open_is_cold(req))
		ret = open_waiting(req, OPEN_WAIT_PATH);
	/* A lease has to be broken */
	if (ret == -EAGAIN)
		ret = open_waiting(req, OPEN_WAIT);
	if (ret == -ERESTARTSYS && iou_worker_restarts())
		return IOU_WORK;
	return iou_done(req, ret);
}

/* Prepared, to be opened in another system call or by a worker */
static int leave_open(struct iou_req *req)
{
	iou_audit_leave(iou_req_cmd(req, struct iou_open)->name);
	return 0;
}

static int prep_openat(struct iou_req *req, const struct io_uring_sqe __shared *sqe)
{
	return read_openat(req, sqe) ?: leave_open(req);
}

static int prep_openat2(struct iou_req *req, const struct io_uring_sqe __shared *sqe)
{
	return read_openat2(req, sqe) ?: leave_open(req);
}

/* Prepared, to be opened at once */
static iou_verdict_t start_open(struct iou_req *req)
{
	iou_verdict_t verdict = issue_open(req);

	if (verdict == IOU_RETRY)
		leave_open(req);
	return verdict;
}

static iou_verdict_t start_openat(struct iou_req *req, const struct io_uring_sqe __shared *sqe)
{
	return read_openat(req, sqe) ? IOU_REJECTED : start_open(req);
}

static iou_verdict_t start_openat2(struct iou_req *req, const struct io_uring_sqe __shared *sqe)
{
	return read_openat2(req, sqe) ? IOU_REJECTED : start_open(req);
}

const struct iou_op iou_op_openat = {
	.name		= "OPENAT",
	.start		= start_openat,
	.prep		= prep_openat,
	.issue		= issue_open,
	.work		= work_open,
	.lasts		= open_lasts,
	.cleanup	= cleanup_open,
	.audit		= true,
};

const struct iou_op iou_op_openat2 = {
	.name		= "OPENAT2",
	.start		= start_openat2,
	.prep		= prep_openat2,
	.issue		= issue_open,
	.work		= work_open,
	.lasts		= open_lasts,
	.cleanup	= cleanup_open,
	.audit		= true,
};

/**
 * struct iou_close - what is to be closed
 * @fd: a descriptor
 * @slot: if not 0 a fixed file, as in the SQE
 * @file: what an SQPOLL thread has taken away, with a reference
 * @work: drops that
 */
struct iou_close {
	int fd;
	u32 slot;
	struct file *file;
	struct callback_head work;
};

static int prep_close(struct iou_req *req, const struct io_uring_sqe __shared *sqe)
{
	struct iou_close *close = iou_req_cmd(req, struct iou_close);
	union iou_sqe_mid mid = iou_sqe_mid(sqe);

	if (mid.buf_index || iou_sqe_get(sqe, off) || iou_sqe_get(sqe, addr) ||
	    iou_sqe_get(sqe, len) || iou_sqe_get(sqe, rw_flags))
		return iou_reject(req, sqe, -EINVAL,
				  "close: off, addr, len, rw_flags and buf_index must be 0");
	if (req->sqe_flags & IOSQE_FIXED_FILE)
		return iou_reject(req, sqe, -EBADF, "close: a fixed file is named by file_index");
	close->fd = req->fd;
	close->slot = mid.file_index;
	if (close->slot && close->fd)
		return iou_reject(req, sqe, -EINVAL, "close: both fd and file_index");
	return 0;
}

/*
 * Take a descriptor away. Return: its file; -EBADF, also for a ring, which must
 * not be closed from within; -EAGAIN: closing it may block and shall not.
 */
static struct file *close_take(int fd, bool nowait)
{
	struct files_struct *files = current->files;
	struct file *file;

	spin_lock(&files->file_lock);
	file = files_lookup_fd_locked(files, fd);
	if (!file || io_is_uring_fops(file))
		file = ERR_PTR(-EBADF);
	else if (nowait && file->f_op->flush)
		file = ERR_PTR(-EAGAIN);
	else
		file_close_fd_locked(files, fd);
	spin_unlock(&files->file_lock);
	return file;
}

/*
 * Close a descriptor. @nowait: -EAGAIN if a worker has to do it. @closed: receives the
 * file, with a reference, if there was one; or NULL.
 * Return: 0 or negative errno.
 */
static long do_close_fd(int fd, bool nowait, struct file **closed)
{
	struct file *file = close_take(fd, nowait);

	if (IS_ERR(file))
		return PTR_ERR(file);
	if (closed)
		*closed = get_file(file);
	return filp_close(file, current->files);
}

/* The same for a fixed file */
static long do_close_slot(struct iou_ring *ring, u32 slot, struct file **closed)
	__must_hold(&ring->lock)
{
	if (closed)
		*closed = iou_files_get(ring, slot);
	return iou_files_remove(ring, slot);
}

static void close_event(struct iou_req *req, bool cancel)
	__must_hold(&iou_req_ring(req)->lock)
{
	iou_req_complete(req);
}

static void close_late(struct callback_head *work)
{
	struct iou_close *close = container_of(work, struct iou_close, work);

	__fput_sync(close->file);
	iou_req_arrived(iou_cmd_req(close));
}

/*
 * Other tasks drop the last reference when they return to the program, which an SQPOLL
 * thread never does: a program that has seen the CQE would find the file still open. So
 * the request completes when it is closed, and that is done without the ring lock.
 */
static iou_verdict_t close_in_thread(struct iou_req *req, long ret)
{
	struct iou_close *close = iou_req_cmd(req, struct iou_close);

	init_task_work(&close->work, close_late);
	req->res = ret;
	req->event = close_event;
	iou_req_step(req, IOU_S_BUSY);
	if (!task_work_add(current, &close->work, TWA_NONE))
		return IOU_BUSY;
	fput(close->file);
	return iou_done(req, ret);
}

static iou_verdict_t try_close(struct iou_req *req)
{
	struct iou_close *close = iou_req_cmd(req, struct iou_close);
	bool in_thread = current->flags & PF_IO_WORKER;
	struct file **closed = in_thread ? &close->file : NULL;
	long ret;

	close->file = NULL;
	if (close->slot)
		ret = do_close_slot(iou_req_ring(req), close->slot - 1, closed);
	else
		ret = do_close_fd(close->fd, true, closed);
	if (close->file)
		return close_in_thread(req, ret);
	return ret == -EAGAIN ? IOU_RETRY : iou_done(req, ret);
}

static iou_verdict_t issue_close(struct iou_req *req)
{
	return iou_audited(req, try_close);
}

IOU_FUSE(close)

static iou_verdict_t work_close(struct iou_req *req)
{
	struct iou_close *close = iou_req_cmd(req, struct iou_close);
	struct iou_ring *ring = iou_req_ring(req);
	struct file *file = NULL;
	long ret;

	if (close->slot) {
		if (iou_ring_lock_killable(ring))
			return iou_done(req, -EINTR);
		ret = do_close_slot(ring, close->slot - 1, &file);
		iou_ring_unlock(ring);
	} else {
		ret = do_close_fd(close->fd, false, &file);
	}
	/* Before the program sees the CQE, as close(2) does it */
	if (file)
		__fput_sync(file);
	return iou_done(req, ret);
}

const struct iou_op iou_op_close = {
	.name	= "CLOSE",
	.start	= start_close,
	.prep	= prep_close,
	.issue	= issue_close,
	.work	= work_close,
	.audit	= true,
};
