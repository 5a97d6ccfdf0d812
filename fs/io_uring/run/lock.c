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
 * on ring->cq_wait, who queue themselves and say how many CQEs they want
 * (ring->wake), full barrier, read the tail.
 */
#include <linux/poll.h>
#include <linux/rcupdate.h>
#include <linux/sched/signal.h>
#include <uapi/linux/eventpoll.h>

#include "../mem/evfd.h"
#include "../req/complete.h"
#include "../req/count.h"
#include "../req/drain.h"
#include "../req/hash.h"
#include "../req/lane.h"
#include "lock.h"
#include "worker.h"

/* Rounds after which the unlocker may go home and leave ->done to a kworker */
#define IOU_MAX_DRAINS	16

/* Rings that one unlocker goes on to kick; a kworker takes the rest */
#define IOU_MAX_HOPS	16

/* A worker has finished this */
static void end_work(struct iou_req *req)
	__must_hold(&iou_req_ring(req)->lock)
{
	if (likely(!iou_req_ring(req)->deferred)) {
		iou_req_complete(req);
		return;
	}
	/*
	 * Here CQEs appear only when the owner asks for them. But who comes next
	 * on the inode does not have to wait for that.
	 */
	iou_hash_leave(req);
	WRITE_ONCE(iou_req_ring(req)->evfd_by_worker, true);
	iou_lane_push(req);
}

static void drain_done(struct iou_ring *ring)
	__must_hold(&ring->lock)
{
	struct llist_node *list = iou_lane_in_order(llist_del_all(&ring->done));
	struct iou_req *req, *next;

	llist_for_each_entry_safe(req, next, list, qnode) {
		if (unlikely(iou_req_ring(req) != ring))
			iou_req_op(req)->deliver(req, ring);
		else
			end_work(req);
	}
}

/* A held request whose turn has come: here if this is its task, else over there */
static void start_held(struct iou_req *req)
	__must_hold(&iou_req_ring(req)->lock)
{
	if (likely(current == req->lane->task->task)) {
		req->event(req, iou_req_ring(req)->closing || req->lane->detached ||
				iou_task_is_ending());
		return;
	}
	req->notes |= IOU_NOTE_URGENT;
	req->state = IOU_S_CLAIMED;
	iou_lane_push(req);
}

/* Work whose turn has come on its inode: its pool has been expecting it */
static void start_work(struct iou_req *req)
	__must_hold(&iou_req_ring(req)->lock)
{
	struct iou_pool *pool = req->lane->task->pool;
	struct iou_work work = { .unbound = req->work.unbound };

	if (iou_req_ring(req)->closing || !iou_pool_queue(pool, &req->work))
		iou_req_end(req, -ECANCELED);
	iou_pool_unexpect(pool, &work);
}

/* Work whose turn has come on its inode, successors in chains, what was cancelled */
static void start_ready(struct iou_ring *ring)
	__must_hold(&ring->lock)
{
	while (!list_empty(&ring->ready)) {
		struct iou_req *req = list_first_entry(&ring->ready, struct iou_req,
						       work.node);

		list_del(&req->work.node);
		if (req->state == IOU_S_HELD)
			start_held(req);
		else if (req->state == IOU_S_CLAIMED)
			iou_req_complete(req);
		else
			start_work(req);
		cond_resched();
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

/* Let a kernel worker look after a ring. Takes over a reference. */
static void ring_drain_later(struct iou_ring *ring)
{
	if (!queue_work(system_unbound_wq, &ring->drain_work))
		iou_ring_put(ring);
}

/* Which ring is to be kicked after unlocking? One; others are left to a worker. */
static void take_kick(struct iou_ring *ring, struct iou_ring **kick)
	__must_hold(&ring->lock)
{
	if (*kick)
		ring_drain_later(ring->kick);
	else
		*kick = ring->kick;
	ring->kick = NULL;
}

/* Return: the caller has to put the ring after unlocking, and kick *@kick */
static bool do_cold(struct iou_ring *ring, struct iou_ring **kick)
	__must_hold(&ring->lock)
{
	u32 cold;

	/* Each of these may end requests, and so make others ready */
	while ((cold = ring->cold & ~IOU_COLD_REAP)) {
		ring->cold &= IOU_COLD_REAP;
		if (cold & IOU_COLD_DRAIN)
			iou_drain_advance(ring);
		if ((cold | ring->cold) & IOU_COLD_READY)
			start_ready(ring);
		if (cold & IOU_COLD_COUNT)
			iou_count_check(ring);
		if (cold & IOU_COLD_KICK)
			take_kick(ring, kick);
		if (!(ring->cold & ~(IOU_COLD_REAP | IOU_COLD_COUNT)))
			break;
	}
	if (!(ring->cold & IOU_COLD_REAP))
		return false;
	ring->cold &= ~IOU_COLD_REAP;
	return reap_lanes(ring);
}

static void wake_waiters(struct iou_ring *ring)
{
	/* After a full barrier; who sleeps looked at the tail after another */
	if (waitqueue_active(&ring->cq_wait))
		__wake_up(&ring->cq_wait, TASK_NORMAL, 0,
			  poll_to_key(EPOLL_URING_WAKE | EPOLLIN | EPOLLRDNORM));
}

static noinline void signal_evfd(struct iou_ring *ring, bool by_worker)
{
	const struct iou_evfd *evfd;

	rcu_read_lock();
	evfd = rcu_dereference(ring->evfd);
	if (evfd)
		iou_evfd_signal(evfd, &ring->cq, by_worker);
	rcu_read_unlock();
}

/* On a deferred ring what others publish and its own events count together */
static bool owner_is_due(const struct iou_ring *ring)
{
	const struct iou_lane *lane = READ_ONCE(ring->owner_lane);

	return lane && READ_ONCE(lane->asleep) && iou_lane_is_due(lane);
}

/*
 * Is the number of some waiter reached? Pollers want every CQE. Who sleeps has
 * said what it wants before its full barrier.
 */
static bool waiter_is_due(const struct iou_ring *ring)
{
	return (s32)(READ_ONCE(ring->cq.published) - READ_ONCE(ring->wake.target)) >= 0 ||
	       READ_ONCE(ring->nr_timeouts) != READ_ONCE(ring->wake.nr_timeouts) ||
	       READ_ONCE(ring->polled) || (ring->deferred && owner_is_due(ring));
}

/* CQEs were published; @by_worker: workers have made some of them */
static __always_inline void tell(struct iou_ring *ring, bool by_worker)
{
	/* After a full barrier; who sleeps looked at the tail after another */
	if (waitqueue_active(&ring->cq_wait) && waiter_is_due(ring))
		wake_waiters(ring);
	if (unlikely(rcu_access_pointer(ring->evfd)))
		signal_evfd(ring, by_worker);
}

/* Is there more to complete? Return: locked again */
static bool relock(struct iou_ring *ring, u32 rounds)
{
	if (likely(llist_empty(&ring->done)))
		return false;
	if (rounds >= IOU_MAX_DRAINS) {
		if (refcount_inc_not_zero(&ring->refs))
			ring_drain_later(ring);
		return false;
	}
	if (!iou_ring_trylock(ring))
		return false;
	if (likely(!ring->dead))
		return true;
	mutex_unlock(&ring->lock);
	return false;
}

/*
 * Release the lock, and tell who waits.
 * Return: locked again, because there is more to complete.
 */
static __always_inline bool unlock_once(struct iou_ring *ring, bool by_worker, u32 rounds)
{
	bool posted = ring->cq.published != ring->cq.tail;
	bool again;

	if (posted)
		iou_cq_publish(&ring->cq);
	/* From the release on only RCU keeps the ring */
	rcu_read_lock();
	mutex_unlock(&ring->lock);
	/* L-M above, and cq.tail against cq_wait */
	smp_mb();
	if (posted)
		tell(ring, by_worker);
	again = relock(ring, rounds);
	rcu_read_unlock();
	return again;
}

/* There is more to do than to publish. Return: a ring to kick, with a reference, or NULL */
static struct iou_ring *unlock_rounds(struct iou_ring *ring, bool by_worker)
{
	struct iou_ring *kick = NULL;
	bool last = false;
	u32 rounds = 0;

	do {
		if (!llist_empty(&ring->done)) {
			drain_done(ring);
			by_worker = true;
		}
		if (ring->cold)
			last |= do_cold(ring, &kick);
	} while (unlock_once(ring, by_worker, rounds++));
	if (unlikely(last))
		iou_ring_put(ring);
	return kick;
}

/*
 * Something was put on the ring's done queue before a full barrier. If it is
 * locked, its holder will see that.
 * Return: the next one, as what was put there may make this ring send, too.
 */
static struct iou_ring *ring_kick(struct iou_ring *ring)
{
	struct iou_ring *next = NULL;

	if (iou_ring_trylock(ring))
		next = unlock_rounds(ring, false);
	iou_ring_put(ring);
	return next;
}

static noinline void unlock_slow(struct iou_ring *ring, bool by_worker)
{
	struct iou_ring *kick = unlock_rounds(ring, by_worker);
	u32 hops = 0;

	/* How far this goes is up to the program: in a loop, and not for long */
	while (kick && hops++ < IOU_MAX_HOPS)
		kick = ring_kick(kick);
	if (unlikely(kick))
		ring_drain_later(kick);
}

/* @by_worker: CQEs were posted for a worker */
static __always_inline void ring_unlock(struct iou_ring *ring, bool by_worker)
{
	if (unlikely(ring->cold || !llist_empty(&ring->done)) ||
	    unlikely(unlock_once(ring, by_worker, 0)))
		unlock_slow(ring, by_worker);
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
	ring_unlock(ring, false);
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
	bool drained = !llist_empty(&ring->done);

	drain_done(ring);
	if (ring->cq.published == ring->cq.tail)
		return;
	iou_cq_publish(&ring->cq);
	/* As in iou_ring_unlock() */
	smp_mb();
	tell(ring, drained);
}

/**
 * iou_ring_flush_backlog() - show what waits for room in the CQ, as far as there is some
 * @ring: locked
 *
 * Who asks for it need not be the one who waits, so that all are told.
 *
 * Context: ring lock. May sleep.
 */
void iou_ring_flush_backlog(struct iou_ring *ring)
{
	if (likely(list_empty(&ring->cq.backlog)))
		return;
	iou_cq_flush_backlog(&ring->cq);
	iou_ring_publish(ring);
	iou_cq_end_overflow(&ring->cq);
}

/**
 * iou_ring_breathe() - publish, and let others run, if there is a reason
 * @ring: locked, for long
 *
 * Context: ring lock. May sleep.
 * Return: whether the task is being killed; perhaps only the next time.
 */
bool iou_ring_breathe(struct iou_ring *ring)
{
	if (likely(llist_empty(&ring->done) && !need_resched()))
		return false;
	iou_ring_publish(ring);
	cond_resched();
	return fatal_signal_pending(current);
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

	/* As long as it is in flight the ring is not dead */
	if (likely(iou_ring_trylock(ring))) {
		end_work(req);
		ring_unlock(ring, true);
		return;
	}
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

/**
 * iou_ring_send() - let another ring do something with a request
 * @ring: the request's, locked
 * @target: kept by the request
 * @req: BUSY. Its opcode's .deliver() is called with @target locked
 *
 * Locks of two rings are never held at once: @target's is tried when @ring was
 * unlocked.
 *
 * Context: ring lock.
 */
void iou_ring_send(struct iou_ring *ring, struct iou_ring *target, struct iou_req *req)
{
	iou_assert_locked(ring);
	refcount_inc(&target->refs);
	/* J; for K see ring_kick() */
	llist_add(&req->qnode, &target->done);
	if (!ring->kick) {
		ring->kick = target;
		ring->cold |= IOU_COLD_KICK;
	} else if (ring->kick == target) {
		iou_ring_put(target);
	} else {
		ring_drain_later(target);
	}
}

/* Who has the lock may be stuck; a kernel worker must not be, and the holder does it */
static void ring_drain_work(struct work_struct *work)
{
	struct iou_ring *ring = container_of(work, struct iou_ring, drain_work);

	if (iou_ring_trylock(ring))
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

/*
 * For poll(2) on a deferred ring, and its eventfd: events are pending, entering
 * would help. Events come in contexts where waking sleepers on a file is not
 * possible, and many of them before this runs.
 */
static void ring_poll_wake(struct irq_work *work)
{
	struct iou_ring *ring = container_of(work, struct iou_ring, poll_wake);

	wake_waiters(ring);
	if (!timer_pending(&ring->evfd_late))
		signal_evfd(ring, xchg(&ring->evfd_by_worker, false));
}

static void ring_evfd_late(struct timer_list *timer)
{
	struct iou_ring *ring = container_of(timer, struct iou_ring, evfd_late);

	signal_evfd(ring, xchg(&ring->evfd_by_worker, false));
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
	timer_setup(&ring->evfd_late, ring_evfd_late, 0);
	INIT_WORK(&ring->drain_work, ring_drain_work);
	refcount_set(&ring->refs, 1);
}
