// SPDX-License-Identifier: GPL-2.0
/*
 * SYNC_CANCEL: cancel, and wait until what was running has ended.
 */
#include <linux/file.h>
#include <linux/hrtimer.h>
#include <linux/string.h>
#include <linux/sched/signal.h>
#include <linux/time64.h>
#include <linux/uaccess.h>

#include "../rsrc/files.h"
#include "../run/cancel.h"
#include "../run/lock.h"
#include "../run/task.h"
#include "../run/wait.h"
#include "sync_cancel.h"

#define IOU_SYNC_CANCEL_FLAGS						\
	(IORING_ASYNC_CANCEL_ALL | IORING_ASYNC_CANCEL_FD |		\
	 IORING_ASYNC_CANCEL_ANY | IORING_ASYNC_CANCEL_FD_FIXED |	\
	 IORING_ASYNC_CANCEL_USERDATA | IORING_ASYNC_CANCEL_OP)

/* A request may end without a CQE that wakes us: look again after this, in ns */
#define IOU_SYNC_CANCEL_PAUSE	(20 * NSEC_PER_MSEC)

/* When to give up. Return: KTIME_MAX: never */
static ktime_t cancel_deadline(const struct __kernel_timespec *timeout)
{
	struct timespec64 ts = {
		.tv_sec = timeout->tv_sec,
		.tv_nsec = timeout->tv_nsec,
	};
	ktime_t span;

	if (ts.tv_sec == -1 && ts.tv_nsec == -1)
		return KTIME_MAX;

	/* Less than nothing is over at once */
	span = max(timespec64_to_ktime(ts), 0);
	return ktime_add_safe(ktime_get(), span);
}

/* What workers have finished on a deferred ring shows now, not in the next enter */
static void run_deferred(struct iou_ring *ring)
	__must_hold(&ring->lock)
{
	struct iou_lane *lane = iou_task_own_lane(ring);

	if (lane && lane->deferred)
		iou_task_run_lane(lane, fatal_signal_pending(current));
}

/*
 * Cancel. If something has not ended yet, sleep until anything has happened. @nr is set as
 * by iou_cancel_finally(), unless the result is -EINTR.
 * Return: as iou_cancel(); -EINTR: being killed. Not locked
 */
static int cancel_once(struct iou_ring *ring, const struct iou_cancel *what,
		       ktime_t deadline, u32 *nr)
{
	ktime_t until = min(deadline, ktime_add_ns(ktime_get(), IOU_SYNC_CANCEL_PAUSE));
	DEFINE_WAIT(wait);
	int ret;

	if (iou_ring_lock_killable(ring))
		return -EINTR;
	run_deferred(ring);
	ret = iou_cancel_finally(ring, what, nr);
	if (ret != -EALREADY) {
		if (ret != -EINTR)
			iou_ring_unlock(ring);
		return ret;
	}
	add_wait_queue(&ring->cq_wait, &wait);
	iou_wait_any(ring);
	/* May sleep. A wake-up that comes before the state is set is late by the pause */
	iou_ring_unlock(ring);

	set_current_state(TASK_INTERRUPTIBLE);
	if (!iou_task_run_work())
		schedule_hrtimeout(&until, HRTIMER_MODE_ABS);
	__set_current_state(TASK_RUNNING);
	remove_wait_queue(&ring->cq_wait, &wait);
	return ret;
}

static long cancel_and_wait(struct iou_ring *ring, const struct iou_cancel *what,
			    ktime_t deadline)
{
	u32 nr, left;
	int ret = cancel_once(ring, what, deadline, &nr);

	if (ret != -EALREADY)
		return ret;
	while (ret == -EALREADY) {
		if (task_sigpending(current))
			return -EINTR;
		if (ktime_get() >= deadline)
			return -ETIME;
		ret = cancel_once(ring, what, deadline, &left);
	}
	/* What was to be cancelled is gone, one way or the other */
	return ret >= 0 || ret == -ENOENT ? nr : ret;
}

/* Return: the file with a reference; or -EBADF, -EINTR */
static struct file *cancel_get_file(struct iou_ring *ring, s32 fd, u32 flags)
{
	struct file *file;

	if (!(flags & IORING_ASYNC_CANCEL_FD_FIXED))
		return fget(fd) ?: ERR_PTR(-EBADF);
	if (iou_ring_lock_killable(ring))
		return ERR_PTR(-EINTR);
	file = iou_files_get(ring, fd);
	iou_ring_unlock(ring);
	return file ?: ERR_PTR(-EBADF);
}

/**
 * iou_sync_cancel() - SYNC_CANCEL
 * @ring: its file is open
 * @arg: struct io_uring_sync_cancel_reg
 * @nr: 1
 *
 * Context: sleeps.
 * Return: 0; with ALL or ANY, how many were found at first. -EINVAL, -EFAULT: arguments.
 * -EBADF: no such file. -ENOENT: nothing to cancel. -ETIME, -EINTR: it has been told to
 * stop, and still runs.
 */
long iou_sync_cancel(struct iou_ring *ring, void __user *arg, u32 nr)
{
	struct io_uring_sync_cancel_reg sc;
	struct iou_cancel what;
	long ret;

	if (copy_from_user(&sc, arg, sizeof(sc)))
		return -EFAULT;
	if (sc.flags & ~IOU_SYNC_CANCEL_FLAGS)
		return -EINVAL;
	if (memchr_inv(sc.pad, 0, sizeof(sc.pad)) || memchr_inv(sc.pad2, 0, sizeof(sc.pad2)))
		return -EINVAL;

	what.flags = sc.flags;
	what.opcode = sc.opcode;
	what.user_data = sc.addr;
	what.file = NULL;
	if (sc.flags & IORING_ASYNC_CANCEL_FD) {
		what.file = cancel_get_file(ring, sc.fd, sc.flags);
		if (IS_ERR(what.file))
			return PTR_ERR(what.file);
	}

	ret = cancel_and_wait(ring, &what, cancel_deadline(&sc.timeout));
	if (what.file)
		fput(what.file);
	return ret;
}
