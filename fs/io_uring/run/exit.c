// SPDX-License-Identifier: GPL-2.0
/*
 * The end of a ring, of a task, of a program.
 *
 * What waits for a worker is taken back, what runs in one is interrupted. When a
 * ring is closed or a program replaced, what is parked ends at once, too. What a
 * device is busy with ends by itself, and its lane and ring live until then;
 * nobody waits for it but exec.
 */
#include <linux/sched/signal.h>
#include <linux/sched/task.h>

#include <linux/io_uring.h>

#include "../req/lane.h"
#include "../req/state.h"
#include "../rsrc/creds.h"
#include "../rsrc/files.h"
#include "../rsrc/node.h"
#include "cancel.h"
#include "exit.h"
#include "iopoll.h"
#include "lock.h"
#include "ringfd.h"
#include "task.h"
#include "worker.h"

#define IOU_EXIT_READ_TIME	(10 * HZ)	/* a disk that takes longer is not waited for */

/* Nothing that is started from here on finds them */
static void take_table(struct iou_ring *ring, struct iou_table *from, struct iou_table *table)
	__must_hold(&ring->lock)
{
	u32 i;

	*table = *from;
	*from = (struct iou_table) { };
	for (i = 0; i < table->nr; i++) {
		iou_table_disown(table, i);
		if (iou_ring_hold(ring, i + 1) == IOU_HOLD_YIELD)
			iou_ring_yield(ring);
	}
}

/**
 * iou_exit_ring() - the ring's file is gone
 * @ring: will be freed when nothing is in flight any more; the caller must not
 *        touch it afterwards
 *
 * The files and the memory that were registered are let go without the lock, but before
 * this returns: programs expect close() to have done it.
 *
 * Context: may sleep.
 */
void iou_exit_ring(struct iou_ring *ring)
{
	struct iou_table files, bufs, leaving;
	struct iou_lane *lane;

	/* The last lane may go while the lock is let go */
	refcount_inc(&ring->refs);
	iou_ring_lock(ring);
	iou_ring_step(ring, IOU_RING_CLOSING);
	iou_cancel_ring(ring);
	/* Nobody will come and ask for the events */
	list_for_each_entry(lane, &ring->lanes, ring_node)
		iou_lane_orphan(lane);
	iou_iopoll_orphan(ring);
	take_table(ring, &ring->files, &files);
	take_table(ring, &ring->bufs, &bufs);
	take_table(ring, &ring->leaving, &leaving);
	iou_files_drop_slots(ring);
	iou_creds_drop(ring);
	/* Not before: each unlock would look at all lanes */
	ring->watch |= IOU_COLD_REAP;
	ring->cold |= IOU_COLD_REAP;
	iou_ring_unlock(ring);
	iou_ring_put(ring);

	iou_table_release(&files);
	iou_table_release(&bufs);
	iou_table_release(&leaving);
}

/* The ring of some lane of a task, of each in turn, with a reference; or NULL */
static struct iou_ring *task_any_ring(struct iou_task *task)
{
	struct iou_ring *ring = NULL;
	struct iou_lane *lane;

	spin_lock(&task->lock);
	lane = list_first_entry_or_null(&task->lanes, struct iou_lane, task_node);
	if (lane) {
		list_move_tail(&lane->task_node, &task->lanes);
		/* A lane on this list was not reaped, so its ring is not dead */
		ring = lane->ring;
		refcount_inc(&ring->refs);
	}
	spin_unlock(&task->lock);
	return ring;
}

/* The task exits and does not come back to this ring */
static void leave_ring(struct iou_task *task, struct iou_ring *ring)
	__must_hold(&ring->lock)
{
	/* It may have been closed, and the lane reaped, meanwhile */
	struct iou_lane *lane = iou_task_attached(task, ring);

	if (!lane)
		return;

	/*
	 * Work that ends by itself is still done, so that writes are not lost;
	 * unless the process ends and takes the workers with it.
	 */
	iou_cancel_for_exit(lane, iou_task_is_killed());

	/* Or during this */
	lane = iou_task_attached(task, ring);
	if (!lane)
		return;
	iou_lane_detach(lane);
	iou_lane_orphan(lane);
	if (lane->nr_inflight)
		iou_iopoll_orphan(ring);
}

/*
 * Does a buffered read of the task wait for its disk? On a deferred ring nobody asks
 * for its result any more, and nobody can when the ring is being closed.
 */
static bool task_waits_for_page(struct iou_task *task)
{
	struct iou_lane *lane;
	bool waits = false;

	spin_lock(&task->lock);
	list_for_each_entry(lane, &task->lanes, task_node)
		waits |= READ_ONCE(lane->nr_page_waits) && !lane->deferred &&
			 !iou_ring_is_closing(lane->ring);
	spin_unlock(&task->lock);
	return waits;
}

/*
 * Only the thread itself can copy what was read, as nobody else has both the memory and
 * its requests. It is about to go, and the process lives on: it waits for the disk,
 * as it would have in read(2), until it is killed. But whoever waits for the thread may be
 * the one who serves that disk, so not for ever.
 */
static void task_finish_reads(struct iou_task *task)
{
	unsigned long end = jiffies + IOU_EXIT_READ_TIME;

	while (task_waits_for_page(task) && time_before(jiffies, end) &&
	       !iou_task_is_killed())
		if (!iou_task_run_work())
			schedule_timeout_killable(1);
}

/*
 * The thread exits: nothing waits, but reads that the disk is busy with. What is parked
 * stays so, because another thread or process may hold the ring; when its event
 * comes, a kernel worker ends it. The lanes live on until all has ended.
 */
static void task_exit(struct iou_task *task)
{
	struct iou_ring *ring;

	task_finish_reads(task);
	task->leaving = true;
	iou_ringfd_drop(task);
	/* Workers that were asked for are not made any more: fork refuses */
	iou_task_run_work();
	if (task->pool)
		iou_pool_exit(task->pool);
	while ((ring = task_any_ring(task))) {
		iou_ring_lock(ring);
		leave_ring(task, ring);
		iou_ring_unlock(ring);
		iou_ring_put(ring);
	}
}

static size_t task_nr_lanes(struct iou_task *task)
{
	size_t nr;

	spin_lock(&task->lock);
	nr = list_count_nodes(&task->lanes);
	spin_unlock(&task->lock);
	return nr;
}

/* The task runs another program. Return: how much is in flight */
static u32 clear_ring(struct iou_task *task, struct iou_ring *ring)
	__must_hold(&ring->lock)
{
	struct iou_lane *lane = iou_task_attached(task, ring);

	if (!lane)
		return 0;
	/* Other lanes run their events in task work */
	if (lane->deferred)
		iou_task_run_lane(lane, true);
	iou_cancel_lane(lane);
	if (!list_empty(&ring->polling))
		iou_iopoll_pass(ring);

	/* The ring may have been closed, and the lane reaped, by others */
	lane = iou_task_attached(task, ring);
	if (lane && !lane->nr_inflight)
		iou_lane_detach(lane);
	return lane ? lane->nr_inflight : 0;
}

/*
 * Of all rings: what a request in one of them waits for may be another's. Return: how
 * much is in flight
 */
static size_t clear_rings(struct iou_task *task)
{
	size_t nr = task_nr_lanes(task);
	struct iou_ring *ring;
	size_t left = 0;

	while (nr-- && (ring = task_any_ring(task))) {
		iou_ring_lock(ring);
		left += clear_ring(task, ring);
		/* What is ready ends */
		iou_lane_unlock(ring, iou_task_attached(task, ring));
		iou_ring_put(ring);
	}
	return left;
}

/*
 * Another program is about to run: what is in flight may use the memory of the
 * old one, so wait for it. What is not started yet ends when its turn comes.
 */
static void task_exec(struct iou_task *task)
{
	size_t left, before = SIZE_MAX;
	struct iou_pool *pool;

	task->leaving = true;
	iou_ringfd_drop(task);
	while ((left = clear_rings(task))) {
		if (fatal_signal_pending(current))
			return;
		/* What has ended may have let others begin, and end */
		if (!iou_task_run_work() && left >= before)
			schedule_timeout_killable(1);
		before = left;
	}
	task->leaving = false;

	/* Whoever takes the last ring away now looks at it, see task_retire_workers() */
	spin_lock(&task->lock);
	pool = task->pool;
	task->pool = NULL;
	spin_unlock(&task->lock);
	if (!pool)
		return;

	iou_pool_exit(pool);
	iou_pool_join(pool);
	iou_pool_free(pool);
}

/**
 * __io_uring_cancel() - the current thread exits or runs another program
 * @exec: the latter
 *
 * Context: may sleep.
 */
void __io_uring_cancel(bool exec)
{
	struct iou_task *task = &current->io_uring->iou;

	if (exec)
		task_exec(task);
	else
		task_exit(task);
}
