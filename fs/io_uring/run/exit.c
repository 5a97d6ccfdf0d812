// SPDX-License-Identifier: GPL-2.0
/*
 * The end of a ring, of a task, of a program.
 *
 * What waits for a worker is taken back, what runs in one is interrupted. When a
 * ring is closed or a program replaced, what is parked ends at once, too. What a
 * device is busy with ends by itself, and its lane and ring live until then;
 * nobody waits for it but exec.
 */
#include <linux/sched/mm.h>
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

/* So long a kernel worker waits between attempts to get a lock; longer from time to time */
#define IOU_LEAVE_PAUSE_MAX	HZ

enum {
	CLOSING_FILES,
	CLOSING_BUFS,
	CLOSING_LEAVING,
	NR_CLOSING_TABLES,
};

/**
 * struct iou_closing - a ring that is being closed
 * @ring: with a reference
 * @thread: to be told: it serves the ring; or NULL
 * @tables: what was registered with it
 * @taken: that has been taken away from the ring
 * @table: all before this one have been disowned ...
 * @slot: ... and of this one those before this
 * @pause: between the attempts of @work
 * @work: goes on where a task that was killed has given up
 */
struct iou_closing {
	struct iou_ring *ring;
	struct task_struct *thread;
	struct iou_table tables[NR_CLOSING_TABLES];
	bool taken;
	u32 table;
	u32 slot;
	unsigned long pause;
	struct delayed_work work;
};

static void take_table(struct iou_table *from, struct iou_table *table)
{
	*table = *from;
	*from = (struct iou_table) { };
}

/* Nothing that is started from here on finds what was registered */
static void closing_take(struct iou_closing *closing)
	__must_hold(&closing->ring->lock)
{
	struct iou_ring *ring = closing->ring;

	take_table(&ring->files, &closing->tables[CLOSING_FILES]);
	take_table(&ring->bufs, &closing->tables[CLOSING_BUFS]);
	take_table(&ring->leaving, &closing->tables[CLOSING_LEAVING]);
	iou_files_drop_slots(ring);
	iou_creds_drop(ring);
	closing->taken = true;
}

/* Return: 0; -EINTR: not locked any more */
static int closing_disown(struct iou_closing *closing)
{
	struct iou_ring *ring = closing->ring;

	for (; closing->table < NR_CLOSING_TABLES; closing->table++) {
		struct iou_table *table = &closing->tables[closing->table];

		while (closing->slot < table->nr) {
			iou_table_disown(table, closing->slot++);
			if (iou_ring_hold(ring, closing->slot) == IOU_HOLD_YIELD &&
			    iou_ring_yield(ring))
				return -EINTR;
		}
		closing->slot = 0;
	}
	return 0;
}

/* All that needs the lock. Return: 0; -EINTR: not locked any more, and to be called again */
static int closing_end_all(struct iou_closing *closing)
{
	struct iou_ring *ring = closing->ring;
	struct iou_lane *lane;

	if (!iou_ring_is_closing(ring))
		iou_ring_step(ring, IOU_RING_CLOSING);
	if (iou_cancel_ring(ring))
		return -EINTR;

	/* Nobody will come and ask for the events */
	list_for_each_entry(lane, &ring->lanes, ring_node)
		iou_lane_orphan(lane);
	iou_iopoll_orphan(ring);
	if (!closing->taken)
		closing_take(closing);
	return closing_disown(closing);
}

/* Return: whether the ring is closed, as far as is up to us, and @closing is gone */
static bool closing_run(struct iou_closing *closing)
{
	struct iou_ring *ring = closing->ring;
	u32 i;

	if (iou_ring_lock_to_leave(ring) || closing_end_all(closing))
		return false;
	/* Not before: each unlock would look at all lanes */
	ring->watch |= IOU_COLD_REAP;
	ring->cold |= IOU_COLD_REAP;
	iou_ring_unlock(ring);
	iou_ring_put(ring);

	if (closing->thread) {
		wake_up_state(closing->thread, TASK_INTERRUPTIBLE);
		put_task_struct(closing->thread);
	}
	for (i = 0; i < NR_CLOSING_TABLES; i++)
		iou_table_release(&closing->tables[i]);
	kfree(closing);
	return true;
}

/* How long a kernel worker waits before it tries again. Whoever is stuck may be so for long */
static unsigned long next_pause(unsigned long *pause)
{
	*pause = min(2 * *pause + 1, IOU_LEAVE_PAUSE_MAX);
	return *pause;
}

static void closing_work(struct work_struct *work)
{
	struct iou_closing *closing = container_of(to_delayed_work(work), struct iou_closing,
						   work);

	if (!closing_run(closing))
		queue_delayed_work(system_unbound_wq, &closing->work,
				   next_pause(&closing->pause));
}

/**
 * iou_exit_ring() - the ring's file is gone
 * @ring: will be freed when nothing is in flight any more; the caller must not
 *        touch it afterwards
 * @thread: of another one that serves the ring: it is woken; or NULL
 *
 * The files and the memory that were registered are let go without the lock, but before
 * this returns: programs expect close() to have done it. Unless the task is being killed
 * and somebody is stuck with the lock.
 *
 * Context: may sleep.
 */
void iou_exit_ring(struct iou_ring *ring, struct task_struct *thread)
{
	/* A close cannot fail */
	struct iou_closing *closing = kzalloc(sizeof(*closing), GFP_KERNEL | __GFP_NOFAIL);

	/* The last lane may go while the lock is let go */
	refcount_inc(&ring->refs);
	closing->ring = ring;
	closing->thread = thread ? get_task_struct(thread) : NULL;
	INIT_DELAYED_WORK(&closing->work, closing_work);
	if (!closing_run(closing))
		queue_delayed_work(system_unbound_wq, &closing->work, 0);
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

/* Return: as iou_cancel_lane() */
static int cancel_for_exit(struct iou_task *task, struct iou_lane *lane)
{
	if (task->abandons)
		return iou_cancel_lane(lane);
	/*
	 * Work that ends by itself is still done, so that writes are not lost;
	 * unless the process ends and takes the workers with it.
	 */
	return iou_cancel_for_exit(lane, task->killed);
}

/*
 * The task exits and does not come back to this ring.
 * Return: 0; -EINTR: not locked any more, and to be called again
 */
static int leave_ring(struct iou_task *task, struct iou_ring *ring)
{
	/* It may have been closed, and the lane reaped, meanwhile */
	struct iou_lane *lane = iou_task_attached(task, ring);

	if (!lane)
		return 0;
	if (cancel_for_exit(task, lane))
		return -EINTR;

	/* Or during this */
	lane = iou_task_attached(task, ring);
	if (!lane)
		return 0;
	iou_lane_detach(lane);
	iou_lane_orphan(lane);
	if (lane->nr_inflight)
		iou_iopoll_orphan(ring);
	return 0;
}

static size_t task_nr_lanes(struct iou_task *task)
{
	size_t nr;

	spin_lock(&task->lock);
	nr = list_count_nodes(&task->lanes);
	spin_unlock(&task->lock);
	return nr;
}

/* Return: false: not all of them, because somebody may be stuck with a ring */
static bool leave_rings(struct iou_task *task)
{
	size_t nr = task_nr_lanes(task);
	struct iou_ring *ring;
	bool all = true;

	while (nr-- && (ring = task_any_ring(task))) {
		if (iou_ring_lock_to_leave(ring) || leave_ring(task, ring))
			all = false;
		else
			iou_ring_unlock(ring);
		iou_ring_put(ring);
	}
	return all;
}

static void task_leave_work(struct work_struct *work)
{
	struct iou_task *task = container_of(to_delayed_work(work), struct iou_task, leave_work);

	if (!leave_rings(task)) {
		queue_delayed_work(system_unbound_wq, &task->leave_work,
				   next_pause(&task->leave_pause));
		return;
	}
	mmdrop(task->leave_mm);
	put_task_struct(task->task);
}

/* A kernel worker leaves the rings that the task, which was killed, does not get hold of */
static void task_leave_later(struct iou_task *task)
{
	get_task_struct(task->task);
	task->leave_mm = current->mm;
	mmgrab(task->leave_mm);
	INIT_DELAYED_WORK(&task->leave_work, task_leave_work);
	queue_delayed_work(system_unbound_wq, &task->leave_work, 0);
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
	task_finish_reads(task);
	task->leaving = true;
	iou_ringfd_drop(task);
	/* Workers that were asked for are not made any more: fork refuses */
	iou_task_run_work();
	if (task->pool)
		iou_pool_exit(task->pool);
	task->killed = iou_task_is_killed();
	if (!leave_rings(task))
		task_leave_later(task);
}

/*
 * The task runs another program. @left: how much is in flight is added to it.
 * Return: 0; -EINTR: being killed, and not locked any more
 */
static int clear_ring(struct iou_task *task, struct iou_ring *ring, size_t *left)
{
	struct iou_lane *lane = iou_task_attached(task, ring);

	if (!lane)
		return 0;
	/* Other lanes run their events in task work */
	if (lane->deferred)
		iou_task_run_lane(lane, true);
	if (iou_cancel_lane(lane))
		return -EINTR;
	if (!list_empty(&ring->polling))
		iou_iopoll_pass(ring);

	/* The ring may have been closed, and the lane reaped, by others */
	lane = iou_task_attached(task, ring);
	if (!lane)
		return 0;
	*left += lane->nr_inflight;
	if (!lane->nr_inflight)
		iou_lane_detach(lane);
	return 0;
}

/*
 * Of all rings: what a request in one of them waits for may be another's. @left receives
 * how much is in flight. Return: 0; -EINTR: being killed
 */
static int clear_rings(struct iou_task *task, size_t *left)
{
	size_t nr = task_nr_lanes(task);
	struct iou_ring *ring;
	int error = 0;

	*left = 0;
	while (!error && nr-- && (ring = task_any_ring(task))) {
		error = iou_ring_lock_to_leave(ring) ?: clear_ring(task, ring, left);
		/* What is ready ends */
		if (!error)
			iou_lane_unlock(ring, iou_task_attached(task, ring));
		iou_ring_put(ring);
	}
	return error;
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
	for (;;) {
		if (clear_rings(task, &left) || (left && fatal_signal_pending(current)))
			return;
		if (!left)
			break;
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
