// SPDX-License-Identifier: GPL-2.0
/*
 * io_uring: the three system calls.
 *
 * Start reading at fs/io_uring/iou.h.
 */
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/sched/signal.h>
#include <linux/syscalls.h>
#include <linux/uaccess.h>

#include "io_uring/ctl/register.h"
#include "io_uring/ctl/setup.h"
#include "io_uring/iou.h"
#include "io_uring/req/lane.h"
#include "io_uring/run/iopoll.h"
#include "io_uring/rsrc/ringfile.h"
#include "io_uring/run/lock.h"
#include "io_uring/run/ringfd.h"
#include "io_uring/run/sqpoll.h"
#include "io_uring/run/submit.h"
#include "io_uring/run/task.h"
#include "io_uring/run/wait.h"

#define IOU_ENTER_FLAGS							\
	(IORING_ENTER_GETEVENTS | IORING_ENTER_SQ_WAKEUP |		\
	 IORING_ENTER_SQ_WAIT | IORING_ENTER_EXT_ARG |			\
	 IORING_ENTER_REGISTERED_RING | IORING_ENTER_ABS_TIMER)

SYSCALL_DEFINE2(io_uring_setup, u32, entries, struct io_uring_params __user *, params)
{
	return iou_setup(entries, params);
}

static int enter_wait_args(u32 flags, const void __user *argp, size_t argsz,
			   struct iou_wait_args *args)
{
	struct io_uring_getevents_arg ext;

	args->absolute = flags & IORING_ENTER_ABS_TIMER;
	if (likely(!(flags & IORING_ENTER_EXT_ARG))) {
		args->sigmask = argp;
		args->sigmask_size = argsz;
		args->min_wait_us = 0;
		args->ts = NULL;
		return 0;
	}
	if (argsz != sizeof(ext))
		return -EINVAL;
	if (copy_from_user(&ext, argp, sizeof(ext)))
		return -EFAULT;
	args->sigmask = u64_to_user_ptr(ext.sigmask);
	args->sigmask_size = ext.sigmask_sz;
	args->min_wait_us = ext.min_wait_usec;
	args->ts = u64_to_user_ptr(ext.ts);
	return 0;
}

static noinline int enter_wait(struct iou_ring *ring, u32 min_complete, u32 flags,
			       const void __user *argp, size_t argsz)
{
	struct iou_wait_args args;
	int error = enter_wait_args(flags, argp, argsz, &args);

	if (error)
		return error;
	/* The thread of an SQPOLL ring polls, too */
	if (unlikely((ring->gate & (IOU_GATE_IOPOLL | IOU_GATE_SQPOLL)) == IOU_GATE_IOPOLL))
		return iou_iopoll_wait(ring, min_complete);
	return iou_wait_events(ring, min_complete, &args);
}

/*
 * Submit; who wants events gets those that are there in the same lock section.
 * Return: number of SQEs consumed, or an error.
 */
static __always_inline int enter_submit_some(struct iou_ring *ring, u32 to_submit, u32 flags)
{
	struct iou_lane *lane;
	int ret;

	if (iou_ring_lock_killable(ring))
		return -EINTR;
	lane = iou_task_lane(ring);
	if (unlikely(!lane)) {
		iou_ring_unlock(ring);
		return -ENOMEM;
	}

	ret = iou_submit(ring, lane, to_submit);
	if ((flags & IORING_ENTER_GETEVENTS) && ring->deferred && iou_lane_pending(lane))
		iou_task_run_lane(lane, false);
	iou_lane_unlock(ring, lane);
	return ret;
}

/*
 * Have others waited for the lock, which is free now, so that there may be more to submit?
 * Nobody else submits by this lane.
 */
static bool enter_has_yielded(const struct iou_ring *ring)
{
	struct io_uring_task *task = current->io_uring;
	struct iou_lane *lane;
	bool yielded;

	if (!task || READ_ONCE(task->iou.last_ring) != ring)
		return false;
	lane = task->iou.last_lane;
	yielded = lane->yielded;
	lane->yielded = false;
	return yielded;
}

/* Not all were @submitted: go on, if that was for others' sake. Return: all that were */
static noinline int enter_submit_rest(struct iou_ring *ring, u32 to_submit, u32 flags,
				      int submitted)
{
	/* The tail is the program's, and what comes meanwhile is for the next call */
	u32 nr = min(to_submit, ring->sq.entries);

	/* If nobody wants the lock, nothing else in here looks for a signal, or reschedules */
	while (enter_has_yielded(ring) && !fatal_signal_pending(current)) {
		int ret;

		cond_resched();
		ret = enter_submit_some(ring, nr - submitted, flags);
		if (ret <= 0)
			break;
		submitted += ret;
	}
	return submitted;
}

static __always_inline int enter_submit(struct iou_ring *ring, u32 to_submit, u32 flags)
{
	int submitted = enter_submit_some(ring, to_submit, flags);

	if (unlikely(submitted != to_submit))
		submitted = enter_submit_rest(ring, to_submit, flags, submitted);
	return submitted;
}

/* The usual end: no wait, or it need not begin. Its arguments would be checked first */
static __always_inline bool enter_is_over(struct iou_ring *ring, u32 min_complete, u32 flags)
{
	if (!(flags & IORING_ENTER_GETEVENTS))
		return true;
	return likely(!(flags & IORING_ENTER_EXT_ARG) && !(ring->gate & IOU_GATE_IOPOLL)) &&
	       iou_wait_is_over(ring, min_complete);
}

static __always_inline int enter(struct iou_ring *ring, u32 to_submit, u32 min_complete,
				 u32 flags, const void __user *argp, size_t argsz)
{
	/* Pairs with the release in register_enable() */
	u32 gate = smp_load_acquire(&ring->gate);
	int submitted = 0;
	int ret;

	if (unlikely(gate & (IOU_GATE_DISABLED | IOU_GATE_SQPOLL))) {
		ret = gate & IOU_GATE_DISABLED ? -EBADFD : iou_sqpoll_enter(ring, flags);
		if (ret)
			return ret;
		submitted = to_submit;
	} else if (likely(to_submit)) {
		if (ring->single_issuer && READ_ONCE(ring->owner) != current)
			return -EEXIST;
		submitted = enter_submit(ring, to_submit, flags);
		if (submitted != to_submit || enter_is_over(ring, min_complete, flags))
			return submitted;
	} else if (!ring->deferred && enter_is_over(ring, min_complete, flags)) {
		return 0;
	}
	if (!(flags & IORING_ENTER_GETEVENTS))
		return submitted;
	ret = enter_wait(ring, min_complete, flags, argp, argsz);
	return submitted ?: ret;
}

SYSCALL_DEFINE6(io_uring_enter, unsigned int, fd, u32, to_submit, u32, min_complete,
		u32, flags, const void __user *, argp, size_t, argsz)
{
	struct iou_ring *ring;
	struct fd f = EMPTY_FD;
	long ret;

	if (unlikely(flags & ~IOU_ENTER_FLAGS))
		return -EINVAL;
	if (flags & IORING_ENTER_REGISTERED_RING) {
		ring = iou_ringfd_ring(fd);
		if (IS_ERR(ring))
			return PTR_ERR(ring);
	} else {
		f = fdget(fd);
		if (unlikely(fd_empty(f)))
			return -EBADF;
		ring = iou_ring_of_file(fd_file(f));
	}
	if (likely(ring))
		ret = enter(ring, to_submit, min_complete, flags, argp, argsz);
	else
		ret = -EOPNOTSUPP;
	fdput(f);
	return ret;
}

SYSCALL_DEFINE4(io_uring_register, unsigned int, fd, unsigned int, opcode,
		void __user *, arg, unsigned int, nr_args)
{
	bool registered = opcode & IORING_REGISTER_USE_REGISTERED_RING;
	struct iou_ring *ring;
	struct fd f;
	long ret;

	opcode &= ~IORING_REGISTER_USE_REGISTERED_RING;
	if (opcode >= IORING_REGISTER_LAST)
		return -EINVAL;
	if (registered) {
		ring = iou_ringfd_ring(fd);
		return IS_ERR(ring) ? PTR_ERR(ring) : iou_register(ring, opcode, arg, nr_args);
	}
	f = fdget(fd);
	if (fd_empty(f))
		return -EBADF;
	ring = iou_ring_of_file(fd_file(f));
	ret = ring ? iou_register(ring, opcode, arg, nr_args) : -EOPNOTSUPP;
	fdput(f);
	return ret;
}
