// SPDX-License-Identifier: GPL-2.0
/*
 * Lanes.
 *
 * Pushing is legal everywhere: in hard interrupts, under waitqueue locks, on
 * PREEMPT_RT. It takes no lock but those inside task_work_add() and of the
 * scheduler, allocates nothing, and sleeps nowhere.
 */
#include <linux/eventfd.h>
#include <linux/io_uring.h>
#include <linux/rcupdate.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/slab.h>

#include <trace/events/io_uring.h>

#include "../rsrc/node.h"
#include "lane.h"
#include "op.h"
#include "state.h"
#include "wake.h"

static __always_inline bool task_is_killed(void)
{
	const struct signal_struct *signal = current->signal;
	const struct task_struct *exec = READ_ONCE(signal->group_exec_task);

	return (signal->flags & SIGNAL_GROUP_EXIT) || fatal_signal_pending(current) ||
	       (unlikely(exec) && exec != current);
}

/**
 * iou_task_is_killed() - is the current process ending, or all of it but the thread
 *	that runs another program?
 *
 * Return: whether; also after its SIGKILL was taken.
 */
bool iou_task_is_killed(void)
{
	return task_is_killed();
}

/**
 * iou_task_is_ending() - will the current thread not come back to its rings?
 *
 * Then what it still runs has to come to an end: what goes on and on would keep it.
 *
 * Return: whether.
 */
bool iou_task_is_ending(void)
{
	const struct io_uring_task *task = current->io_uring;

	return (current->flags & PF_EXITING) || (task && task->iou.leaving) ||
	       task_is_killed();
}

/* This is the owner's lane; from here on others look into it without the ring lock */
static void lane_publish(struct iou_lane *lane)
	__must_hold(&lane->ring->lock)
{
	/*
	 * What it says was written before this. Readers follow the pointer: the litmus test
	 * "owner-lane".
	 */
	smp_store_release(&lane->ring->owner_lane, lane);
}

/**
 * iou_lanes_init() - prepare a ring for lanes
 * @ring: being made; ->setup_flags are set
 */
void iou_lanes_init(struct iou_ring *ring)
{
	u32 flags = ring->setup_flags;

	INIT_LIST_HEAD(&ring->lanes);
	ring->deferred = flags & IORING_SETUP_DEFER_TASKRUN;
	ring->single_issuer = flags & IORING_SETUP_SINGLE_ISSUER;
	/* Else the one who enables it */
	if (ring->single_issuer && !(flags & IORING_SETUP_R_DISABLED))
		ring->owner = get_task_struct(current);
}

/**
 * iou_lanes_free() - forget the owner
 * @ring: nobody can reach it any more, so it has no lanes
 */
void iou_lanes_free(struct iou_ring *ring)
{
	if (ring->owner)
		put_task_struct(ring->owner);
}

/**
 * iou_lane_create() - attach a task to a ring
 * @ring: locked, not closing
 * @task: current's
 *
 * Context: ring lock. May sleep.
 * Return: the lane, or NULL without memory.
 */
struct iou_lane *iou_lane_create(struct iou_ring *ring, struct iou_task *task)
{
	struct iou_lane *lane = kzalloc(sizeof(*lane), GFP_KERNEL_ACCOUNT);
	u32 flags = ring->setup_flags;

	if (!lane)
		return NULL;
	refcount_set(&lane->refs, 1);
	lane->ring = ring;
	lane->task = task;
	lane->deferred = ring->deferred;
	lane->taskrun_flag = flags & IORING_SETUP_TASKRUN_FLAG;
	lane->notify = flags & IORING_SETUP_COOP_TASKRUN ? TWA_SIGNAL_NO_IPI : TWA_SIGNAL;
	init_llist_head(&lane->events);
	get_task_struct(task->task);
	list_add_tail(&lane->ring_node, &ring->lanes);
	if (lane->deferred && ring->owner == task->task)
		lane_publish(lane);
	spin_lock(&task->lock);
	list_add(&lane->task_node, &task->lanes);
	spin_unlock(&task->lock);
	return lane;
}

/**
 * iou_lane_find_owner() - a ring has got its owner, which may have a lane already
 * @ring: locked
 *
 * Before, any task could register something with the ring.
 *
 * Context: ring lock.
 */
void iou_lane_find_owner(struct iou_ring *ring)
{
	struct iou_lane *lane;

	iou_assert_locked(ring);
	list_for_each_entry(lane, &ring->lanes, ring_node)
		if (lane->deferred && lane->task->task == ring->owner)
			lane_publish(lane);
}

/**
 * iou_lane_detach() - take a lane off its task's list
 * @lane: attached or not
 *
 * Context: ring lock.
 */
void iou_lane_detach(struct iou_lane *lane)
{
	struct iou_task *task = lane->task;

	iou_assert_locked(lane->ring);
	if (iou_lane_is_detached(lane))
		return;
	iou_lane_step(lane, IOU_LANE_DETACHED);
	spin_lock(&task->lock);
	list_del(&lane->task_node);
	if (task->last_lane == lane) {
		task->last_lane = NULL;
		WRITE_ONCE(task->last_ring, NULL);
	}
	spin_unlock(&task->lock);
	lane->ring->cold |= IOU_COLD_REAP;
}

/**
 * iou_lane_put() - drop a reference
 * @lane: freed if it was the last. Its ring may be gone
 *
 * Context: any.
 */
void iou_lane_put(struct iou_lane *lane)
{
	if (!refcount_dec_and_test(&lane->refs))
		return;
	put_task_struct(lane->task->task);
	kfree(lane);
}

static void lane_put_rcu(struct rcu_head *rcu)
{
	iou_lane_put(container_of(rcu, struct iou_lane, rcu));
}

/**
 * iou_lane_retire() - have a lane not be queued any more
 * @lane: has nothing in flight, and will not
 *
 * Whoever has pushed its last event may only now be about to queue it, though others,
 * who had left some of its events for later, have run that one, too.
 *
 * Context: ring lock.
 * Return: false: it is queued, and IOU_COLD_REAP is set when it has been found empty.
 */
bool iou_lane_retire(struct iou_lane *lane)
{
	iou_assert_locked(lane->ring);
	/* Who has queued a deferred one has a reference */
	return lane->deferred || !cmpxchg(&lane->queued, 0, IOU_LANE_RETIRED);
}

/**
 * iou_lane_free() - let a lane go that has nothing in flight
 * @lane: detached and retired. A pusher may still be looking at it: it gets a grace period. An
 *        orphan lives on while it is on its task's ready list
 *
 * Context: ring lock.
 */
void iou_lane_free(struct iou_lane *lane)
{
	iou_assert_locked(lane->ring);
	list_del(&lane->ring_node);
	if (lane->ring->owner_lane == lane)
		WRITE_ONCE(lane->ring->owner_lane, NULL);
	iou_lane_step(lane, IOU_LANE_GONE);
	call_rcu(&lane->rcu, lane_put_rcu);
}

/* Have a kernel worker run the events of a task that cannot */
static void task_run_orphans(struct iou_task *task)
{
	get_task_struct(task->task);
	if (!queue_work(system_unbound_wq, &task->orphan_work))
		put_task_struct(task->task);
}

/* Have a lane's task run its events as soon as it can */
static void lane_make_ready(struct iou_lane *lane)
{
	struct iou_task *task = lane->task;
	bool self = task->task == current;
	u32 how = self ? TWA_NONE : lane->notify;

	if (!llist_add(&lane->ready_node, &task->ready))
		return;
	/* KASAN's records would be allocated, which raw locks do not allow */
	if (unlikely(task_work_add(task->task, &task->tw, how | TWAF_NO_ALLOC))) {
		/* The task runs no work any more, so that a kernel worker may take the list */
		WRITE_ONCE(task->ended, true);
		task_run_orphans(task);
		return;
	}
	/* As TWA_SIGNAL does; but who is awake, perhaps about to sleep, is not woken */
	if (self)
		set_thread_flag(TIF_NOTIFY_SIGNAL);
}

/*
 * Have a lane's events run, unless somebody is about to. Others than its task may run an
 * orphan's, and free it, while it is on the ready list: that holds a reference.
 */
static void lane_queue(struct iou_lane *lane)
{
	/* After the event was queued. Pairs with ready_lane_run() */
	if (xchg(&lane->queued, 1))
		return;
	if (unlikely(lane->deferred))
		refcount_inc(&lane->refs);
	lane_make_ready(lane);
}

/**
 * iou_lane_orphan() - nobody will come and ask for a lane's events
 * @lane: its task exits, or its ring is being closed
 *
 * What a deferred lane has now is run by whoever can. What comes later, too, if
 * the ring is being closed. If not, it waits for that: without an owner the ring
 * shows no more completions, as programs know it from 6.12.
 *
 * Context: ring lock, so that the lane stays.
 */
void iou_lane_orphan(struct iou_lane *lane)
{
	if (!lane->deferred)
		return;
	WRITE_ONCE(lane->orphan, true);
	/* Pairs with the barrier in push_deferred() */
	smp_mb();
	if (iou_lane_pending(lane))
		lane_queue(lane);
}

/**
 * iou_lane_hand_over() - let a kernel worker run a lane's events
 * @lane: has events, and is on no list; its task is being killed
 *
 * Not by the ready list: who makes that empty must have taken the task's work off, too.
 *
 * Context: the lane's task, or the kernel worker.
 */
void iou_lane_hand_over(struct iou_lane *lane)
{
	struct iou_task *task = lane->task;

	/* From here on the worker, if it runs already, may do away with the lane */
	llist_add(&lane->ready_node, &task->left);
	task_run_orphans(task);
}

/*
 * Tell those who poll a deferred ring's file, and its eventfd.
 *
 * When an eventfd is being signalled right now, another one cannot be. It may
 * even be the ring's own, and the event that of the request which reads it.
 */
static void tell_pollers(struct iou_ring *ring)
{
	/* SQPOLL threads have the flag, too */
	if (in_task() && (current->flags & PF_IO_WORKER) && current->worker_private)
		WRITE_ONCE(ring->evfd_by_worker, true);
	if (rcu_access_pointer(ring->evfd) && !eventfd_signal_allowed())
		mod_timer(&ring->evfd_late, jiffies + 1);
	irq_work_queue(&ring->poll_wake);
}

/*
 * Can the event of a lane without a task wait until its ring is closed? Not if the
 * request holds the file of a ring: that may be why it is not closed. Before the
 * event is queued, as the request may be gone then; if the lane loses its task only
 * after this, it cannot wait.
 */
static bool event_can_wait(const struct iou_lane *lane, const struct iou_req *req)
{
	return READ_ONCE(lane->orphan) && !(req->file && io_is_uring_fops(req->file));
}

static bool has_tag(const struct iou_node *node)
{
	return node->tag;
}

/*
 * Does a request whose end is near lead to one CQE, and to nothing else that anybody may
 * wait for? Not if others have their turn then, or if there may be no CQE, or several:
 * perhaps nothing more comes, so that the waiter has to see what there is.
 */
static bool req_is_lazy(const struct iou_req *req)
{
	const u32 never = iou_traits(.sqe_flags = IOSQE_IO_LINK | IOSQE_IO_HARDLINK |
						  IOSQE_CQE_SKIP_SUCCESS,
				     .held = IOU_HELD_SERIAL,
				     .notes = IOU_NOTE_MULTISHOT);
	const u32 perhaps = iou_traits(.held = IOU_HELD_CLEANUP | IOU_HELD_FILE_NODE |
					       IOU_HELD_BUF);

	if (likely(!(req->traits & (never | perhaps))))
		return true;
	if (req->traits & never)
		return false;
	/* The notification does not come before it ends */
	if ((req->held & IOU_HELD_CLEANUP) && iou_req_op(req)->notifies)
		return false;
	/* The last user of what was registered posts the tag's CQE */
	if ((req->held & IOU_HELD_FILE_NODE) && has_tag(req->file_node))
		return false;
	return !((req->held & IOU_HELD_BUF) && has_tag(req->buf_node));
}

static __always_inline void push_deferred(struct iou_lane *lane, bool first, bool lazy,
					  bool can_wait)
{
	struct iou_ring *ring = lane->ring;

	/*
	 * A full barrier between queueing the event and looking at what the
	 * sleeper wants, or whether there is one at all. Pairs with those in
	 * wait_sleep() and iou_lane_orphan().
	 */
	if (lazy)
		atomic_inc(&lane->coming);
	else
		atomic_or(IOU_COMING_ANY, &lane->coming);
	/* See above */
	smp_mb__after_atomic();

	if (unlikely(READ_ONCE(lane->orphan)) && (!can_wait || iou_ring_is_closing(ring))) {
		lane_queue(lane);
		return;
	}
	if (READ_ONCE(ring->wake.asleep) && iou_wake_is_due(ring, lane))
		wake_up_state(lane->task->task, TASK_INTERRUPTIBLE);
	if (!first)
		return;
	if (lane->taskrun_flag)
		iou_sq_set_flag(&ring->sq, IORING_SQ_TASKRUN);
	if (READ_ONCE(ring->polled))
		tell_pollers(ring);
}

static __always_inline void lane_push(struct iou_req *req, bool lazy)
{
	struct iou_lane *lane = req->lane;
	bool first, can_wait;

	/* The request keeps the lane only until somebody takes it from there */
	rcu_read_lock();
	/* Its arguments would be read in any case */
	if (trace_io_uring_task_add_enabled())
		trace_io_uring_task_add(lane->ring, req, req->user_data, req->opcode, 0);
	if (lane->deferred) {
		lazy = lazy && req_is_lazy(req);
		can_wait = event_can_wait(lane, req);
		first = llist_add(&req->qnode, &lane->events);
		push_deferred(lane, first, lazy, can_wait);
	} else if (llist_add(&req->qnode, &lane->events)) {
		if (lane->taskrun_flag)
			iou_sq_set_flag(&lane->ring->sq, IORING_SQ_TASKRUN);
		lane_queue(lane);
	}
	rcu_read_unlock();
}

/**
 * iou_lane_push() - a request's event has come
 * @req: CLAIMED by the caller, who must not touch it afterwards
 *
 * @req->event() will be called in the lane's task, with the ring locked.
 * Events of one lane run in the order in which they were pushed.
 *
 * On a deferred ring this wakes the owner if it waits, whatever for.
 *
 * Context: any.
 */
void iou_lane_push(struct iou_req *req)
{
	lane_push(req, false);
}

/**
 * iou_lane_push_lazy() - iou_lane_push() for an event that leads to nothing but a CQE
 * @req: CLAIMED by the caller, who must not touch it afterwards. Its event ends it, or
 *       finds that it came in vain; nobody has to wait for that but who waits for the CQE
 *
 * A waiter that wants several CQEs sleeps on until there are enough. What can be seen of
 * the request itself, that it leads to more than that, is looked after here.
 *
 * Context: any.
 */
void iou_lane_push_lazy(struct iou_req *req)
{
	lane_push(req, true);
}

/* Events that are put in order before others have their turn */
#define IOU_BATCH_STEPS		1024

/**
 * iou_batch_take() - take all off a lock-free list
 * @batch: empty; receives them
 * @list: the list
 *
 * Context: the caller owns @batch.
 */
void iou_batch_take(struct iou_batch *batch, struct llist_head *list)
{
	struct llist_node *newest = llist_del_all(list);

	WRITE_ONCE(batch->next, newest);
	/* It is often a single one */
	if (likely(!newest || !newest->next))
		return;
	batch->taken = newest->next;
	newest->next = NULL;
}

/**
 * iou_batch_order() - put what was taken in order, or a part of it
 * @batch: after iou_batch_take()
 *
 * Context: the caller owns @batch.
 * Return: whether all of it is.
 */
bool iou_batch_order(struct iou_batch *batch)
{
	struct llist_node *taken = batch->taken, *next = batch->next;
	u32 steps;

	for (steps = IOU_BATCH_STEPS; taken && steps; steps--) {
		struct llist_node *node = taken;

		taken = node->next;
		node->next = next;
		next = node;
	}
	WRITE_ONCE(batch->next, next);
	batch->taken = taken;
	return !taken;
}

/**
 * iou_lane_take() - take all events off a lane
 * @lane: its ring is locked, and its batch empty: they are found there
 *
 * Context: ring lock. A full barrier before the events are taken.
 */
void iou_lane_take(struct iou_lane *lane)
{
	if (lane->taskrun_flag)
		iou_sq_clear_flag(&lane->ring->sq, IORING_SQ_TASKRUN);
	/*
	 * A full barrier, before the events are taken: pushers count theirs after they have
	 * queued it. So what is not taken here is counted; of what is taken something may
	 * be counted yet, so that a waiter is woken too early once.
	 */
	if (lane->deferred)
		atomic_xchg(&lane->coming, 0);
	iou_batch_take(&lane->batch, &lane->events);
}
