// SPDX-License-Identifier: GPL-2.0
/*
 * Tasks, and how they come to run their events.
 */
#include <linux/cred.h>
#include <linux/rcupdate.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/slab.h>

#include <linux/io_uring.h>
#include <trace/events/io_uring.h>

#include "../req/lane.h"
#include "lock.h"
#include "task.h"
#include "worker.h"

/* Put what was taken off a lane in order. Return: false: somebody waits for the lock */
static noinline bool batch_order(struct iou_lane *lane)
	__must_hold(&lane->ring->lock)
{
	while (!iou_batch_order(&lane->batch))
		if (iou_ring_look_around(lane->ring) == IOU_HOLD_YIELD)
			return false;
	return true;
}

/*
 * Run the events that were taken off a lane.
 * Return: true: some are left, because somebody waits for the lock, or for a message.
 */
static __always_inline bool run_batch(struct iou_lane *lane, bool cancel)
	__must_hold(&lane->ring->lock)
{
	struct iou_ring *ring = lane->ring;
	bool yield = false;
	u32 nr = 0;

	if (unlikely(lane->batch.taken) && !batch_order(lane))
		return true;

	while (lane->batch.next && !yield) {
		struct iou_req *req = llist_entry(lane->batch.next, struct iou_req, qnode);

		/* Others may look whether there are some */
		WRITE_ONCE(lane->batch.next, lane->batch.next->next);
		if (unlikely(task_sigpending(current)))
			cancel |= iou_task_is_ending();
		req->event(req, cancel);

		/* A message must not wait for the next event, which may sleep */
		yield = iou_ring_hold(ring, ++nr) == IOU_HOLD_YIELD || unlikely(ring->kick);
	}
	if (lane->deferred)
		trace_io_uring_local_work_run(ring, nr, 1);
	return lane->batch.next;
}

/* What was left the last time. Return: as run_batch() */
static noinline bool run_left(struct iou_lane *lane, bool cancel)
	__must_hold(&lane->ring->lock)
{
	return run_batch(lane, cancel);
}

/**
 * iou_task_run_lane() - run the events of a lane
 * @lane: deferred; its ring is locked
 * @cancel: its task cannot do anything any more: requests have to end. A task that is
 *          being killed meanwhile notices that itself
 *
 * Context: ring lock; in the lane's task.
 * Return: true: some are left, because somebody waits for the lock, or for a message.
 * Who does not come back for them leaves them to iou_lane_orphan().
 */
bool iou_task_run_lane(struct iou_lane *lane, bool cancel)
{
	/* What was left the last time comes first */
	bool more = unlikely(lane->batch.next) && run_left(lane, cancel);

	if (likely(!more)) {
		iou_lane_take(lane);
		more = run_batch(lane, cancel);
	}
	if (unlikely(more) && lane->taskrun_flag)
		iou_sq_set_flag(&lane->ring->sq, IORING_SQ_TASKRUN);
	return more;
}

/*
 * A lane's events keep it, and it keeps its ring. But of a deferred lane, which is an
 * orphan if it comes here, others may have run them: then it is all that is left, and
 * the ready list has kept it.
 * Return: whether its ring is there, with a reference to that if it is deferred.
 */
static bool ready_lane_begin(struct iou_lane *lane)
{
	bool there;

	if (!lane->deferred)
		return true;
	rcu_read_lock();
	there = !iou_lane_is_gone(lane) && refcount_inc_not_zero(&lane->ring->refs);
	rcu_read_unlock();
	if (!there)
		iou_lane_put(lane);
	return there;
}

/* @deferred: of the lane, that may be gone, but for the reference */
static void ready_lane_put(struct iou_lane *lane, struct iou_ring *ring, bool deferred)
{
	if (deferred) {
		iou_lane_put(lane);
		iou_ring_put(ring);
	}
}

static void ready_lane_end(struct iou_lane *lane, struct iou_ring *ring)
	__must_hold(&ring->lock)
{
	/* Without a reference, the lane may go with the unlock */
	bool deferred = lane->deferred;

	iou_lane_unlock(ring, iou_lane_is_gone(lane) ? NULL : lane);
	ready_lane_put(lane, ring, deferred);
}

/*
 * Run the events of a lane that was taken off the ready list, and is @queued: nobody else
 * puts it there. When that is cleared the next event that comes does.
 *
 * Return: true: some are left, because somebody wants the lock, and it is @queued: the
 * caller sees to it that they are run. False: there are none left, or others will.
 */
static bool ready_lane_run(struct iou_lane *lane, bool cancel)
	__must_hold(&lane->ring->lock)
{
	if (unlikely(lane->batch.next) && run_left(lane, cancel))
		return true;

	WRITE_ONCE(lane->queued, 0);
	/* A full barrier. Pairs with the xchg() of who queues the lane after the event */
	iou_lane_take(lane);
	if (unlikely(!lane->batch.next)) {
		/* Others had run its last event before it was queued: it may go now */
		lane->ring->cold |= IOU_COLD_REAP;
		return false;
	}
	return run_batch(lane, cancel) && !xchg(&lane->queued, 1);
}

/* Nobody waits for the lock: its holder may be stuck in a fault */
static void ready_lane_hand_over(struct iou_lane *lane)
{
	struct iou_ring *ring = lane->deferred ? lane->ring : NULL;

	iou_lane_hand_over(lane);
	if (ring)
		iou_ring_put(ring);
}

/* Return: 0; -EINTR: being killed, or killed before: then it does not wait for long */
static int ready_lane_lock(struct iou_ring *ring, bool cancel)
{
	return unlikely(cancel) ? iou_ring_lock_to_leave(ring) : iou_ring_lock_killable(ring);
}

/* Run a ready lane's events, in its task: as long as that is not killed */
static void ready_lane_work(struct iou_lane *lane, struct iou_ring *ring, bool cancel)
	__must_hold(&lane->ring->lock)
{
	while (!iou_lane_is_gone(lane) && ready_lane_run(lane, cancel)) {
		/* What is left keeps the lane */
		iou_lane_unlock(ring, lane);
		if (ready_lane_lock(ring, cancel)) {
			ready_lane_hand_over(lane);
			return;
		}
	}
	ready_lane_end(lane, ring);
}

/* Task work: run the events of all ready lanes */
static void task_work(struct callback_head *cb)
{
	struct iou_task *task = container_of(cb, struct iou_task, tw);
	struct llist_node *list = iou_lane_in_order(llist_del_all(&task->ready));
	bool cancel = iou_task_is_ending();
	struct iou_lane *lane, *next;
	u32 nr = 0;

	llist_for_each_entry_safe(lane, next, list, ready_node) {
		struct iou_ring *ring = lane->ring;

		nr++;
		if (!ready_lane_begin(lane))
			continue;
		if (ready_lane_lock(ring, cancel)) {
			ready_lane_hand_over(lane);
			continue;
		}
		ready_lane_work(lane, ring, cancel);
	}
	trace_io_uring_task_work_run(task, nr);
}

/* The ring is locked, or others wait for it. Who unlocks it asks a kernel worker again. */
static void run_orphan_later(struct iou_lane *lane)
{
	struct iou_ring *ring = lane->ring;
	bool deferred = lane->deferred;

	iou_ring_strand(ring, lane);
	if (deferred)
		iou_ring_put(ring);
}

/* Run a lane's events in a kernel worker, as long as nobody waits for the ring */
static void run_orphan(struct iou_lane *lane, struct iou_ring *ring)
	__must_hold(&ring->lock)
{
	bool more = !iou_lane_is_gone(lane) && ready_lane_run(lane, true);

	/* There may be others that could not be run either */
	iou_ring_next_stranded(ring);
	if (likely(!more)) {
		ready_lane_end(lane, ring);
		return;
	}
	iou_lane_unlock(ring, lane);
	run_orphan_later(lane);
}

/* Run the events of lanes in a kernel worker. It does not sleep for a ring. */
static void run_orphans(struct llist_node *list)
{
	struct iou_lane *lane, *next;

	llist_for_each_entry_safe(lane, next, list, ready_node) {
		struct iou_ring *ring = lane->ring;

		if (!ready_lane_begin(lane))
			continue;
		if (!iou_ring_trylock(ring)) {
			run_orphan_later(lane);
			continue;
		}
		run_orphan(lane, ring);
		cond_resched();
	}
}

/* The task is gone, or on its way out */
static void task_orphan_work(struct work_struct *work)
{
	struct iou_task *task = container_of(work, struct iou_task, orphan_work);

	run_orphans(iou_lane_in_order(llist_del_all(&task->left)));
	if (READ_ONCE(task->ended))
		run_orphans(iou_lane_in_order(llist_del_all(&task->ready)));
	put_task_struct(task->task);
}

/**
 * iou_task_run_work() - run what is pending for the current task
 *
 * For those who wait: TIF_NOTIFY_SIGNAL alone is no signal.
 *
 * Context: no lock held. May sleep.
 * Return: whether there was something.
 */
bool iou_task_run_work(void)
{
	if (test_thread_flag(TIF_NOTIFY_SIGNAL))
		clear_notify_signal();
	iou_thread_resume();
	if (!task_work_pending(current))
		return false;
	__set_current_state(TASK_RUNNING);
	task_work_run();
	return true;
}

/**
 * iou_task_current() - the current thread's iou_task
 *
 * Context: may sleep.
 * Return: it, made if need be; or NULL without memory.
 */
struct iou_task *iou_task_current(void)
{
	struct io_uring_task *task = current->io_uring;

	if (task)
		return &task->iou;
	task = kzalloc(sizeof(*task), GFP_KERNEL_ACCOUNT);
	if (!task)
		return NULL;
	task->iou.task = current;
	spin_lock_init(&task->iou.lock);
	INIT_LIST_HEAD(&task->iou.lanes);
	init_llist_head(&task->iou.ready);
	init_task_work(&task->iou.tw, task_work);
	init_llist_head(&task->iou.left);
	INIT_WORK(&task->iou.orphan_work, task_orphan_work);
	current->io_uring = task;
	return &task->iou;
}

/* In two lists at once: that of the one that has few comes to its end soon */
static struct iou_lane *search_both(struct iou_task *task, struct iou_ring *ring)
	__must_hold(&ring->lock) __must_hold(&task->lock)
{
	struct iou_lane *mine = list_first_entry(&task->lanes, struct iou_lane, task_node);
	struct iou_lane *its = list_first_entry(&ring->lanes, struct iou_lane, ring_node);

	while (!list_entry_is_head(mine, &task->lanes, task_node) &&
	       !list_entry_is_head(its, &ring->lanes, ring_node)) {
		if (mine->ring == ring)
			return mine;
		if (its->task == task && !iou_lane_is_detached(its))
			return its;
		mine = list_next_entry(mine, task_node);
		its = list_next_entry(its, ring_node);
	}
	return NULL;
}

/**
 * iou_task_attached() - the lane of a task and a ring, if there is one
 * @task: current's
 * @ring: locked
 *
 * Context: ring lock.
 * Return: the lane, attached as long as the ring is locked; or NULL.
 */
struct iou_lane *iou_task_attached(struct iou_task *task, struct iou_ring *ring)
{
	struct iou_lane *lane;

	iou_assert_locked(ring);
	/* Most rings have no other one */
	lane = list_first_entry_or_null(&ring->lanes, struct iou_lane, ring_node);
	if (!lane || (lane->task == task && !iou_lane_is_detached(lane)))
		return lane;

	spin_lock(&task->lock);
	lane = search_both(task, ring);
	spin_unlock(&task->lock);
	return lane;
}

/**
 * iou_task_find_lane() - iou_task_lane(), when it is not the ring used last
 * @ring: locked; its file is open
 *
 * Context: ring lock. May sleep.
 * Return: the lane or NULL.
 */
struct iou_lane *iou_task_find_lane(struct iou_ring *ring)
{
	struct iou_task *task = iou_task_current();
	struct iou_lane *lane;

	iou_assert_locked(ring);
	if (!task)
		return NULL;
	lane = iou_task_attached(task, ring);
	if (!lane)
		lane = iou_lane_create(ring, task);
	if (!lane)
		return NULL;
	spin_lock(&task->lock);
	task->last_lane = lane;
	WRITE_ONCE(task->last_ring, ring);
	spin_unlock(&task->lock);
	return lane;
}

/**
 * __io_uring_free() - free what a task_struct owned
 * @tsk: its last reference is gone, so no lane pins it
 *
 * Context: any in which task_structs are freed. Does not sleep.
 */
void __io_uring_free(struct task_struct *tsk)
{
	struct iou_task *task = &tsk->io_uring->iou;

	WARN_ON_ONCE(!list_empty(&task->lanes));
	WARN_ON_ONCE(!llist_empty(&task->ready) || !llist_empty(&task->left));
	if (task->pool)
		iou_pool_free(task->pool);
	put_cred(task->creds);
	kfree(tsk->io_uring);
	tsk->io_uring = NULL;
}
