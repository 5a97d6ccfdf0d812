// SPDX-License-Identifier: GPL-2.0
/*
 * IOPOLL: completions are found by asking the device.
 *
 * A request that is with a device that will not interrupt is on ring->polling.
 * When the device has it, which may be noticed while somebody polls for another
 * request or another ring, its state becomes CLAIMED with release, and nothing
 * else: no queue, no lock, no wake-up. A pass asks the device of one request and then
 * collects those that are CLAIMED, in whatever order they were finished. It does not look
 * at all that are in flight: it gives up after some in a row that are not, and if it has
 * found none puts these at the end of the list, for others to be looked at the next time.
 *
 * Each pass asks on behalf of another request, so that several devices, or
 * several queues of one, all get their turn.
 *
 * Who passes: a thread in io_uring_enter(), the SQPOLL thread, and a kernel
 * worker when nobody else will, because the ring was closed or the thread that
 * submitted has gone.
 */
#include <linux/blkdev.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include "../req/lane.h"
#include "../req/op.h"
#include "../req/complete.h"
#include "../req/park.h"
#include "iopoll.h"
#include "lock.h"
#include "task.h"

/* Passes between two looks at the rest of the world */
#define IOU_IOPOLL_PASSES	32

/* Requests that a pass completes at most */
#define IOU_IOPOLL_BATCH	64

/* In a row that have not arrived: then a pass looks no farther */
#define IOU_IOPOLL_MISSES	32

static bool polled_arrived(const struct iou_req *req)
{
	/* Pairs with the release in iou_req_arrived_polled(): the result */
	u8 state = smp_load_acquire(&req->state);

	/* All that mean that its event has come */
	return state >= IOU_S_CLAIMED && state <= IOU_S_ENDED;
}

/* It has to be tried again, and only its own task can do that */
static void polled_event(struct iou_req *req, bool cancel)
	__must_hold(&iou_req_ring(req)->lock)
{
	if (cancel)
		iou_req_complete(req);
	else
		iou_req_op(req)->iopoll_done(req);
}

static void polled_finish(struct iou_req *req)
	__must_hold(&iou_req_ring(req)->lock)
{
	list_del(&req->node);
	if (req->res == -EAGAIN && req->lane->task->task != current) {
		req->event = polled_event;
		iou_lane_push(req);
		return;
	}
	iou_req_op(req)->iopoll_done(req);
}

/*
 * Ask the device of the first request that it still has, and the next time that of
 * another one. Return: 0 or an error
 */
static int polled_ask(struct iou_ring *ring)
	__must_hold(&ring->lock)
{
	DEFINE_IO_COMP_BATCH(iob);
	struct iou_req *req;
	u32 nr = 0;
	int ret = 0;

	list_for_each_entry(req, &ring->polling, node) {
		if (polled_arrived(req)) {
			if (++nr < IOU_IOPOLL_BATCH)
				continue;
			/* There is enough to collect */
			return 0;
		}
		ret = iou_req_op(req)->iopoll(req, &iob);
		if (iob.complete)
			iob.complete(&iob);
		if (!polled_arrived(req))
			list_move_tail(&req->node, &ring->polling);
		break;
	}
	return min(ret, 0);
}

/*
 * Complete those that have arrived. Devices finish nearly in order, so that these are
 * near the front of the list; if there are none, the next pass looks farther behind.
 */
static void polled_collect(struct iou_ring *ring)
	__must_hold(&ring->lock)
{
	struct iou_req *req, *next;
	u32 nr = 0, missing = 0;

	list_for_each_entry_safe(req, next, &ring->polling, node) {
		if (!polled_arrived(req)) {
			if (++missing == IOU_IOPOLL_MISSES)
				break;
			continue;
		}
		missing = 0;
		polled_finish(req);
		if (++nr == IOU_IOPOLL_BATCH)
			return;
	}
	if (!nr && missing == IOU_IOPOLL_MISSES)
		list_bulk_move_tail(&ring->polling, ring->polling.next, &req->node);
}

/**
 * iou_iopoll_pass() - find and complete some of what has finished
 * @ring: locked
 *
 * Looks at a limited number of requests, at others the next time.
 *
 * Context: ring lock. May sleep.
 * Return: 0, or the device's error.
 */
int iou_iopoll_pass(struct iou_ring *ring)
{
	int error = polled_ask(ring);

	polled_collect(ring);
	return error;
}

/**
 * iou_iopoll_add() - a request is with a device that has to be polled
 * @req: kept; perhaps it has arrived already
 *
 * Context: ring lock.
 */
void iou_iopoll_add(struct iou_req *req)
{
	struct iou_ring *ring = iou_req_ring(req);

	iou_assert_locked(ring);
	/* A worker has started it, perhaps */
	iou_index_leave(req);
	list_add_tail(&req->node, &ring->polling);
	/* Nobody may come to ask for it any more */
	if (unlikely(iou_ring_is_closing(ring) || iou_lane_is_detached(req->lane)))
		iou_iopoll_orphan(ring);
}

static void join_event(struct iou_req *req, bool cancel)
	__must_hold(&iou_req_ring(req)->lock)
{
	iou_iopoll_add(req);
}

/**
 * iou_iopoll_will_join() - iou_iopoll_add() for workers, who have no lock
 * @req: of a worker, which pushes it on its lane
 *
 * Context: any.
 */
void iou_iopoll_will_join(struct iou_req *req)
{
	req->event = join_event;
}

static bool iopoll_is_disturbed(struct iou_ring *ring)
{
	return !llist_empty(&ring->done) || signal_pending(current) || need_resched() ||
	       (ring->deferred && ring->owner_lane && iou_lane_pending(ring->owner_lane));
}

/* CQEs that the program can see, or will see after unlocking */
static u32 iopoll_ready(struct iou_ring *ring)
	__must_hold(&ring->lock)
{
	return ring->cq.tail - iou_cq_head(&ring->cq);
}

/* The number is not reached yet, and others are to have the lock for a moment */
#define IOPOLL_AGAIN	1

/*
 * Some passes. @idle: there was nothing to poll for the last time, and the task's own work
 * was run since. Return: 0: enough CQEs, or nothing is left to poll for; IOPOLL_AGAIN; or
 * an error
 */
static int iopoll_turn(struct iou_ring *ring, struct iou_lane *lane, u32 min_complete,
		       bool *idle)
	__must_hold(&ring->lock)
{
	u32 passes = 0;
	int error;

	do {
		error = iou_iopoll_pass(ring);
		if (error || iopoll_ready(ring) >= min_complete)
			return error;
		if (list_empty(&ring->polling)) {
			if (*idle)
				return 0;
			*idle = true;
			break;
		}
		*idle = false;
	} while (++passes < IOU_IOPOLL_PASSES && !iopoll_is_disturbed(ring));

	if (lane && lane->deferred && iou_lane_pending(lane))
		iou_task_run_lane(lane, fatal_signal_pending(current));
	return min_complete && iopoll_ready(ring) >= min_complete ? 0 : IOPOLL_AGAIN;
}

/**
 * iou_iopoll_wait() - wait for completions by polling
 * @ring: its file is open
 * @min_complete: how many CQEs, if none is visible yet; 0: one pass
 *
 * Ends early when nothing is left that could be polled for.
 *
 * Context: sleeps for the lock only.
 * Return: 0; -EEXIST: the ring is deferred and somebody else's; -EBADR: CQEs
 * were lost; -EINTR; an error of the device's driver.
 */
int iou_iopoll_wait(struct iou_ring *ring, u32 min_complete)
{
	u32 nr = min(min_complete, ring->cq.entries);
	struct iou_lane *lane;
	bool idle = false;
	int ret = 0;

	if (ring->deferred && READ_ONCE(ring->owner) != current)
		return -EEXIST;
	iou_task_run_work();
	if (iou_ring_lock_killable(ring))
		return -EINTR;
	lane = iou_task_own_lane(ring);
	iou_ring_flush_backlog(ring);
	if (unlikely(ring->cq.lost_unreported)) {
		ring->cq.lost_unreported = false;
		ret = -EBADR;
	} else if (!iopoll_ready(ring)) {
		ret = iopoll_turn(ring, lane, nr, &idle);
	}
	iou_lane_unlock(ring, lane);

	while (ret == IOPOLL_AGAIN) {
		cond_resched();
		iou_task_run_work();
		if (task_sigpending(current) || iou_ring_lock_killable(ring))
			return -EINTR;
		ret = iopoll_turn(ring, lane, nr, &idle);
		iou_lane_unlock(ring, lane);
	}
	return ret;
}

/**
 * struct iou_iopoll - what an IOPOLL ring has and others have not
 * @work: polls when nobody else will; holds a reference to the ring
 * @ring: which
 */
struct iou_iopoll {
	struct delayed_work work;
	struct iou_ring *ring;
};

static void iopoll_work(struct work_struct *work)
{
	struct iou_iopoll *iopoll = container_of(to_delayed_work(work), struct iou_iopoll, work);
	struct iou_ring *ring = iopoll->ring;
	bool again = true;
	u32 passes = 0;

	/* Who has the lock may be stuck; a kernel worker must not be */
	if (iou_ring_trylock(ring)) {
		while (!list_empty(&ring->polling) && passes++ < IOU_IOPOLL_PASSES)
			iou_iopoll_pass(ring);
		again = !list_empty(&ring->polling);
		iou_ring_unlock(ring);
	}
	if (!again || !queue_delayed_work(system_unbound_wq, &iopoll->work, 1))
		iou_ring_put(ring);
}

/**
 * iou_iopoll_orphan() - let a kernel worker poll for what is in flight
 * @ring: locked. Its file was closed, or a task that used it exits
 *
 * Context: ring lock.
 */
void iou_iopoll_orphan(struct iou_ring *ring)
{
	iou_assert_locked(ring);
	if (list_empty(&ring->polling))
		return;
	refcount_inc(&ring->refs);
	if (!queue_delayed_work(system_unbound_wq, &ring->iopoll->work, 0))
		iou_ring_put(ring);
}

/**
 * iou_iopoll_init() - prepare a ring for polled requests
 * @ring: being made
 *
 * Context: may sleep.
 * Return: 0 or -ENOMEM.
 */
int iou_iopoll_init(struct iou_ring *ring)
{
	struct iou_iopoll *iopoll;

	INIT_LIST_HEAD(&ring->polling);
	if (!(ring->setup_flags & IORING_SETUP_IOPOLL))
		return 0;

	iopoll = kmalloc(sizeof(*iopoll), GFP_KERNEL_ACCOUNT);
	if (!iopoll)
		return -ENOMEM;
	INIT_DELAYED_WORK(&iopoll->work, iopoll_work);
	iopoll->ring = ring;
	ring->iopoll = iopoll;
	ring->iocb_flags |= IOCB_HIPRI;
	ring->gate |= IOU_GATE_IOPOLL;
	return 0;
}

/**
 * iou_iopoll_free() - free what iou_iopoll_init() has made
 * @ring: nobody can reach it any more
 */
void iou_iopoll_free(struct iou_ring *ring)
{
	kfree(ring->iopoll);
}
