// SPDX-License-Identifier: GPL-2.0
/*
 * The ring lock, and what releasing it entails.
 *
 * iou_ring_unlock() is the only publisher: it shows the program all CQEs that
 * were written since the lock was taken, and wakes who waits for them. And it
 * completes what workers have finished meanwhile (ring->done), so that no
 * worker sleeps for the lock to report a result:
 *
 *   worker                            holder
 *
 *   (J) push on ring->done            (L) release the lock
 *       full barrier                      full barrier
 *   (K) try to lock                   (M) look at ring->done
 *
 * If K fails, M finds what J pushed. Without the two barriers both could miss.
 *
 * The same barrier orders (L') publishing cq.tail against looking for sleepers
 * on ring->cq_wait, who queue themselves, full barrier, read the tail.
 */
#include <linux/poll.h>
#include <linux/rcupdate.h>
#include <uapi/linux/eventpoll.h>

#include "../req/hash.h"
#include "../req/lane.h"
#include "../req/req.h"
#include "lock.h"
#include "worker.h"

/* Rounds after which the unlocker may go home and leave ->done to a kworker */
#define IOU_MAX_DRAINS	16

static void drain_done(struct iou_ring *ring)
	__must_hold(&ring->lock)
{
	struct llist_node *list = llist_reverse_order(llist_del_all(&ring->done));
	struct iou_req *req, *next;

	llist_for_each_entry_safe(req, next, list, qnode) {
		if (likely(!ring->deferred)) {
			iou_req_complete(req);
			continue;
		}
		/*
		 * Here CQEs appear only when the owner asks for them. But who
		 * comes next on the inode does not have to wait for that.
		 */
		iou_hash_leave(req);
		iou_lane_push(req);
	}
}

/* Work whose turn on its inode has come */
static void start_ready(struct iou_ring *ring)
	__must_hold(&ring->lock)
{
	while (!list_empty(&ring->ready)) {
		struct iou_req *req = list_first_entry(&ring->ready, struct iou_req,
						       work.node);
		struct iou_pool *pool = req->lane->task->pool;

		list_del(&req->work.node);
		if (ring->closing || !iou_pool_queue(pool, &req->work))
			iou_req_end(req, -ECANCELED);
	}
}

/* Let lanes go that nobody needs. Return: the ring goes with the last. */
static bool reap_lanes(struct iou_ring *ring)
	__must_hold(&ring->lock)
{
	struct iou_lane *lane, *next;

	list_for_each_entry_safe(lane, next, &ring->lanes, ring_node) {
		if (lane->nr_inflight || !(lane->detached || ring->closing))
			continue;
		iou_lane_detach(lane);
		iou_lane_free(lane);
	}
	if (!ring->closing || ring->dead || !list_empty(&ring->lanes))
		return false;
	ring->dead = true;
	return true;
}

/* Return: the caller has to put the ring after unlocking */
static bool do_cold(struct iou_ring *ring)
	__must_hold(&ring->lock)
{
	if (ring->cold & IOU_COLD_READY)
		start_ready(ring);
	ring->cold = 0;
	return reap_lanes(ring);
}

static void wake_waiters(struct iou_ring *ring)
{
	/* After a full barrier; who sleeps looked at the tail after another */
	if (waitqueue_active(&ring->cq_wait))
		__wake_up(&ring->cq_wait, TASK_NORMAL, 0,
			  poll_to_key(EPOLL_URING_WAKE | EPOLLIN | EPOLLRDNORM));
}

/* Is there more to complete? Return: locked again */
static bool relock(struct iou_ring *ring, u32 rounds)
{
	if (likely(llist_empty(&ring->done)))
		return false;
	if (rounds >= IOU_MAX_DRAINS) {
		if (refcount_inc_not_zero(&ring->refs) &&
		    !queue_work(system_unbound_wq, &ring->drain_work))
			iou_ring_put(ring);
		return false;
	}
	if (!iou_ring_trylock(ring))
		return false;
	if (likely(!ring->dead))
		return true;
	mutex_unlock(&ring->lock);
	return false;
}

/**
 * iou_ring_unlock() - publish, unlock, and complete what came in meanwhile
 * @ring: locked. After this only who has the file open or a request in flight
 *        may touch it
 *
 * Context: may sleep.
 */
void iou_ring_unlock(struct iou_ring *ring)
{
	bool last = false;
	bool posted, again;
	u32 rounds = 0;

	do {
		if (!llist_empty(&ring->done))
			drain_done(ring);
		if (unlikely(ring->cold))
			last |= do_cold(ring);
		posted = ring->cq.published != ring->cq.tail;
		if (posted)
			iou_cq_publish(&ring->cq);
		/* From the release on only RCU keeps the ring */
		rcu_read_lock();
		mutex_unlock(&ring->lock);
		/* L-M above, and cq.tail against cq_wait */
		smp_mb();
		if (posted)
			wake_waiters(ring);
		again = relock(ring, rounds++);
		rcu_read_unlock();
	} while (unlikely(again));
	if (unlikely(last))
		iou_ring_put(ring);
}

/**
 * iou_ring_publish() - show and complete what there is, without unlocking
 * @ring: locked, for long
 *
 * So that finished work is not held back by somebody else's batch.
 *
 * Context: ring lock. May sleep.
 */
void iou_ring_publish(struct iou_ring *ring)
{
	drain_done(ring);
	if (ring->cq.published == ring->cq.tail)
		return;
	iou_cq_publish(&ring->cq);
	/* As in iou_ring_unlock() */
	smp_mb();
	wake_waiters(ring);
}

/**
 * iou_ring_push_done() - a worker has finished a request
 * @req: its, CLAIMED, with the result in place; not to be touched afterwards.
 *       On a deferred ring only if it has the turn on its inode
 *
 * Context: may sleep. Takes no ring lock but a free one.
 */
void iou_ring_push_done(struct iou_req *req)
{
	struct iou_ring *ring = iou_req_ring(req);
	bool locked;

	rcu_read_lock();
	/* J */
	llist_add(&req->qnode, &ring->done);
	/* J before K, against L before M */
	smp_mb();
	/* K. A dead ring has no requests: ours was taken, and was the last */
	locked = iou_ring_trylock(ring);
	if (locked && ring->dead) {
		mutex_unlock(&ring->lock);
		locked = false;
	}
	rcu_read_unlock();
	if (locked)
		iou_ring_unlock(ring);
}

static void ring_drain_work(struct work_struct *work)
{
	struct iou_ring *ring = container_of(work, struct iou_ring, drain_work);

	iou_ring_lock(ring);
	iou_ring_unlock(ring);
	iou_ring_put(ring);
}

/**
 * iou_ring_put() - drop a reference
 * @ring: freed after a grace period if it was the last
 *
 * Context: any.
 */
void iou_ring_put(struct iou_ring *ring)
{
	if (refcount_dec_and_test(&ring->refs))
		queue_rcu_work(system_unbound_wq, &ring->free_work);
}

/* For poll(2) on a deferred ring: events are pending, entering would help */
static void ring_poll_wake(struct irq_work *work)
{
	struct iou_ring *ring = container_of(work, struct iou_ring, poll_wake);

	wake_waiters(ring);
}

/**
 * iou_ring_init_lock() - prepare the lock and what belongs to it
 * @ring: being made
 */
void iou_ring_init_lock(struct iou_ring *ring)
{
	mutex_init(&ring->lock);
	init_llist_head(&ring->done);
	init_waitqueue_head(&ring->cq_wait);
	init_irq_work(&ring->poll_wake, ring_poll_wake);
	INIT_WORK(&ring->drain_work, ring_drain_work);
	refcount_set(&ring->refs, 1);
}
