// SPDX-License-Identifier: GPL-2.0
/*
 * Waiting for completions in io_uring_enter().
 *
 * A waiter sleeps on ring->cq_wait until what has happened comes to a number (see
 * req/wake.h). Publishing CQEs wakes every waiter whose number is reached; none stands
 * before another.
 *
 *   waiter                              poster (iou_ring_unlock)
 *
 *   queue itself, say what it wants     publish cq.tail, ring->wake.extra
 *   full barrier                        full barrier
 *   read cq.tail, ring->wake.extra      look at cq_wait, and what is wanted
 *
 * On a deferred ring the events themselves have to wake the waiter, together with the
 * CQEs that others have posted:
 *
 *   waiter                              pusher (iou_lane_push)
 *
 *   say what it wants, wake.asleep      queue the event, count it
 *   full barrier                        full barrier
 *   read lane->coming, cq.tail          read wake.asleep, and cq.tail
 *
 * and the poster above also looks at lane->coming, so that of a poster and a
 * pusher who come at the same time one sees both.
 */
#include <linux/compat.h>
#include <linux/hrtimer.h>
#include <linux/sched/signal.h>
#include <linux/task_work.h>

#include <trace/events/io_uring.h>

#include "../req/lane.h"
#include "../req/wake.h"
#include "lock.h"
#include "napi.h"
#include "task.h"
#include "wait.h"

/**
 * struct iou_wait - somebody waits
 * @entry: in ring->cq_wait
 * @ring: on which
 * @lane: deferred, and the waiter's; else NULL
 * @target: what it waits for, see req/wake.h
 * @expires: then it stops, on the ring's clock; KTIME_MAX: never
 * @min_expires: the first phase ends then, and not earlier for @expires' sake;
 *               one CQE will do afterwards. KTIME_MAX: there is none, or it is over
 * @busy_until: so long it polls network devices instead of sleeping
 * @iowait: account the sleep as waiting for I/O
 */
struct iou_wait {
	struct wait_queue_entry entry;
	struct iou_ring *ring;
	struct iou_lane *lane;
	u32 target;
	ktime_t expires;
	ktime_t min_expires;
	ktime_t busy_until;
	bool iowait;
};

static bool wait_reached(const struct iou_wait *wait)
{
	return iou_wake_reached(iou_wake_seq(wait->ring), wait->target);
}

/* A waiter whose number is not there yet does not hide the next one */
static int wait_wake(struct wait_queue_entry *entry, unsigned int mode, int sync,
		     void *key)
{
	struct iou_wait *wait = container_of(entry, struct iou_wait, entry);
	u32 seq = iou_wake_seq(wait->ring) + iou_wake_coming(wait->lane);

	if (!iou_wake_reached(seq, wait->target))
		return 0;
	return default_wake_function(entry, mode, sync, key);
}

/*
 * Say when to wake @wait, which is in the queue or about to be. With several waiters
 * who wants least and who wants most count, and when one leaves nothing changes:
 * wake-ups that come too early are sorted out by wait_wake(). On a deferred ring there is
 * one waiter, whoever else polls it.
 */
static void wait_set_wake(struct iou_wait *wait)
	__must_hold(&wait->ring->cq_wait.lock)
{
	bool alone = wait->lane || list_empty(&wait->ring->cq_wait.head);
	struct iou_wake *wake = &wait->ring->wake;

	if (alone || !iou_wake_reached(wait->target, wake->least))
		WRITE_ONCE(wake->least, wait->target);
	if (alone || !iou_wake_reached(wake->most, wait->target))
		WRITE_ONCE(wake->most, wait->target);
}

/**
 * iou_wait_any() - have the waiters woken by every CQE
 * @ring: locked, so that no CQEs are published meanwhile
 *
 * For who is in cq_wait without being in iou_wait_events(); until the queue is
 * empty.
 *
 * Context: ring lock.
 */
void iou_wait_any(struct iou_ring *ring)
{
	iou_assert_locked(ring);
	spin_lock_irq(&ring->cq_wait.lock);
	WRITE_ONCE(ring->wake.least, iou_wake_seq(ring));
	spin_unlock_irq(&ring->cq_wait.lock);
}

static void wait_enter(struct iou_wait *wait)
{
	struct wait_queue_head *head = &wait->ring->cq_wait;

	spin_lock_irq(&head->lock);
	wait_set_wake(wait);
	__add_wait_queue(head, &wait->entry);
	spin_unlock_irq(&head->lock);
}

/* @wait, in the queue, wants less */
static void wait_lower(struct iou_wait *wait, u32 target)
{
	struct wait_queue_head *head = &wait->ring->cq_wait;

	spin_lock_irq(&head->lock);
	wait->target = target;
	wait_set_wake(wait);
	spin_unlock_irq(&head->lock);
}

/*
 * Run what is pending and flush the backlog. If others want the lock meanwhile, only until
 * what has happened comes to @target, if there is one, or a signal has come: the rest is
 * left on the lane. Return: -EINTR if being killed
 */
static int wait_collect(struct iou_ring *ring, struct iou_lane *lane, const u32 *target)
{
	bool backlog = !list_empty_careful(&ring->cq.backlog);
	bool more;

	iou_task_run_work();
	if (!backlog && !(lane && iou_lane_pending(lane)))
		return 0;

	do {
		if (iou_ring_lock_killable(ring))
			return -EINTR;
		more = lane && iou_task_run_lane(lane, fatal_signal_pending(current));
		iou_ring_flush_backlog(ring);
		iou_lane_unlock(ring, lane);
	} while (more && !task_sigpending(current) &&
		 !(target && iou_wake_reached(iou_wake_seq(ring), *target)));

	/* The last reference to a file was dropped: a peer may wait for its end */
	if (unlikely(task_work_pending(current)))
		iou_task_run_work();
	return 0;
}

/*
 * May any event lead to more than one CQE? If others wait for a drain, or count
 * CQEs. Only the waiter itself can change the answer to yes.
 */
static bool wait_for_each(const struct iou_ring *ring)
{
	return (READ_ONCE(ring->watch) & IOU_COLD_DRAIN) ||
	       !list_empty_careful(&ring->counting);
}

/* Tell pushers what the waiter waits for, until it is awake */
static void wait_set_asleep(struct iou_wait *wait, bool asleep)
{
	struct iou_ring *ring = wait->ring;

	if (!wait->lane)
		return;
	if (asleep)
		WRITE_ONCE(ring->wake.least, wait_for_each(ring) ? iou_wake_seq(ring) + 1 :
								   wait->target);
	WRITE_ONCE(ring->wake.asleep, asleep);
}

static bool wait_has_events(const struct iou_wait *wait)
{
	const struct iou_lane *lane = wait->lane;

	if (!lane)
		return false;
	/* What was taken and then left, because somebody wanted the lock, is counted no more */
	return READ_ONCE(lane->batch.next) ||
	       (iou_lane_pending(lane) && iou_wake_is_due(wait->ring, lane));
}

/* Return: -ETIME: the time of this phase is over; else 0 */
static int wait_sleep(struct iou_wait *wait)
{
	bool first_phase = wait->min_expires != KTIME_MAX;
	ktime_t expires = first_phase ? wait->min_expires : wait->expires;
	int token = 0;
	int ret = 0;

	wait_set_asleep(wait, true);
	/* The full barrier of both tables above */
	set_current_state(TASK_INTERRUPTIBLE);
	/* Its own events may have closed files, for instance: that is work, and no signal */
	if (wait_reached(wait) || wait_has_events(wait) || signal_pending(current) ||
	    task_work_pending(current)) {
		__set_current_state(TASK_RUNNING);
		wait_set_asleep(wait, false);
		return 0;
	}

	if (wait->iowait)
		token = io_schedule_prepare();
	if (expires == KTIME_MAX)
		schedule();
	else if (!schedule_hrtimeout_range_clock(&expires, 0, HRTIMER_MODE_ABS,
						 wait->ring->clockid))
		ret = -ETIME;
	if (wait->iowait)
		io_schedule_finish(token);

	__set_current_state(TASK_RUNNING);
	wait_set_asleep(wait, false);
	return ret;
}

/* The first phase is over. Return: 0: wait on, for one CQE; else the end */
static int wait_next_phase(struct iou_wait *wait)
{
	if (wait->min_expires == KTIME_MAX || wait->expires <= wait->min_expires ||
	    wait->expires == KTIME_MAX || iou_cq_ready(&wait->ring->cq))
		return -ETIME;

	wait->min_expires = KTIME_MAX;
	wait_lower(wait, iou_wake_seq(wait->ring) + 1);
	return 0;
}

static int wait_loop(struct iou_wait *wait)
{
	int ret;

	for (;;) {
		ret = wait_sleep(wait);
		if (wait_collect(wait->ring, wait->lane, &wait->target))
			return -EINTR;
		if (wait_reached(wait))
			return 0;

		if (ret)
			ret = wait_next_phase(wait);
		if (ret)
			return ret;

		if (task_sigpending(current))
			return -EINTR;
		if (READ_ONCE(wait->ring->cq.lost_unreported))
			return 0;
	}
}

/* CQEs were lost: say so once */
static int wait_report_lost(struct iou_ring *ring)
{
	if (likely(!READ_ONCE(ring->cq.lost_unreported)))
		return 0;
	WRITE_ONCE(ring->cq.lost_unreported, false);
	return -EBADR;
}

/* Has this thread I/O in flight? Only the ring it used last is looked at. */
static bool wait_is_iowait(const struct iou_ring *ring)
{
	struct io_uring_task *task = current->io_uring;

	return task && READ_ONCE(task->iou.last_ring) == ring &&
	       READ_ONCE(task->iou.last_lane->nr_inflight);
}

static ktime_t ring_time(const struct iou_ring *ring)
{
	return ring->clockid == CLOCK_BOOTTIME ? ktime_get_boottime() : ktime_get();
}

static int wait_set_time(struct iou_wait *wait, const struct iou_wait_args *args)
{
	ktime_t now = 0;

	wait->expires = KTIME_MAX;
	wait->min_expires = KTIME_MAX;
	if (args->min_wait_us || (args->ts && !args->absolute))
		now = ring_time(wait->ring);

	if (args->ts) {
		struct timespec64 ts;

		if (get_timespec64(&ts, args->ts))
			return -EFAULT;
		/* A time before now is no error: it is over */
		wait->expires = max_t(ktime_t, timespec64_to_ktime(ts), 0);
		if (!args->absolute)
			wait->expires = ktime_add_safe(wait->expires, now);
	}

	if (args->min_wait_us)
		wait->min_expires = ktime_add_us(now, args->min_wait_us);
	return 0;
}

/* Is it time to see to other things than network devices? */
static bool wait_busy_over(void *data)
{
	const struct iou_wait *wait = data;

	return wait_reached(wait) || (wait->lane && iou_lane_pending(wait->lane)) ||
	       signal_pending(current) || ring_time(wait->ring) >= wait->busy_until;
}

/* Poll the devices for a while, if that was registered. SQPOLL threads do it themselves. */
static noinline void wait_busy(struct iou_wait *wait)
{
	struct iou_ring *ring = wait->ring;
	struct iou_napi napi;

	if ((ring->gate & IOU_GATE_SQPOLL) || !iou_napi_get(ring, &napi))
		return;

	wait->busy_until = min3(ktime_add_us(ring_time(ring), napi.busy_us), wait->expires,
				wait->min_expires);
	do {
		iou_napi_poll(&napi, wait_busy_over, wait);
		if (wait_collect(ring, wait->lane, &wait->target))
			return;
	} while (!wait_reached(wait) && !task_sigpending(current) &&
		 ring_time(ring) < wait->busy_until);
}

static int wait_set_sigmask(const struct iou_wait_args *args)
{
	if (!args->sigmask)
		return 0;
	if (in_compat_syscall())
		return set_compat_user_sigmask(args->sigmask, args->sigmask_size);
	return set_user_sigmask(args->sigmask, args->sigmask_size);
}

/*
 * Find the lane whose events are run here and nowhere else: that of a deferred
 * ring. Return: the lane; -EINTR if being killed; -ENOMEM.
 */
static struct iou_lane *wait_find_lane(struct iou_ring *ring)
{
	struct io_uring_task *task = current->io_uring;
	struct iou_lane *lane;

	if (likely(task && READ_ONCE(task->iou.last_ring) == ring))
		return task->iou.last_lane;

	if (iou_ring_lock_killable(ring))
		return ERR_PTR(-EINTR);
	lane = iou_task_lane(ring);
	iou_ring_unlock(ring);
	return lane ?: ERR_PTR(-ENOMEM);
}

/* There are not enough CQEs yet: iou_wait_events() with a waiter */
static noinline int wait_slow(struct iou_ring *ring, struct iou_lane *lane,
			      u32 min_complete, const struct iou_wait_args *args)
{
	struct iou_wait wait = {
		.entry = {
			.func = wait_wake,
			.private = current,
		},
		.ring = ring,
		.lane = lane,
		.iowait = wait_is_iowait(ring),
		.target = iou_cq_head(&ring->cq) + READ_ONCE(ring->wake.extra) + min_complete,
	};
	int ret = wait_set_sigmask(args);

	if (ret)
		return ret;
	ret = wait_set_time(&wait, args);
	if (!ret)
		ret = wait_report_lost(ring);

	trace_io_uring_cqring_wait(ring, min_complete);
	if (!ret) {
		wait_enter(&wait);
		if (unlikely(READ_ONCE(ring->napi)))
			wait_busy(&wait);
		ret = wait_loop(&wait);
		remove_wait_queue(&ring->cq_wait, &wait.entry);
	}

	restore_saved_sigmask_unless(ret == -EINTR);
	return iou_cq_ready(&ring->cq) ? 0 : ret;
}

/**
 * iou_wait_events() - wait until enough CQEs are visible
 * @ring: its file is open
 * @min_complete: how many; 0: collect what there is
 * @args: how
 *
 * Context: sleeps.
 * Return: 0 if any CQE is visible. Otherwise -ETIME, -EINTR, -EBADR (some were
 * lost), 0 if none was asked for; -EFAULT, -EINVAL for bad arguments; -EEXIST:
 * the ring is deferred and somebody else's.
 */
int iou_wait_events(struct iou_ring *ring, u32 min_complete,
		    const struct iou_wait_args *args)
{
	struct iou_lane *lane = NULL;
	u32 target;

	if (ring->deferred) {
		if (READ_ONCE(ring->owner) != current)
			return -EEXIST;
		lane = wait_find_lane(ring);
		if (IS_ERR(lane))
			return PTR_ERR(lane);
	}

	min_complete = min(min_complete, ring->cq.entries);
	target = iou_cq_head(&ring->cq) + READ_ONCE(ring->wake.extra) + min_complete;
	if (wait_collect(ring, lane, min_complete ? &target : NULL))
		return -EINTR;
	if (iou_cq_ready(&ring->cq) >= min_complete)
		return 0;
	return wait_slow(ring, lane, min_complete, args);
}
