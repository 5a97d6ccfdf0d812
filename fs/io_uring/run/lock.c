// SPDX-License-Identifier: GPL-2.0
/*
 * The ring lock, and what releasing it entails.
 *
 * iou_ring_unlock() publishes and completes. It shows the program all CQEs that
 * were written since the lock was taken, and wakes who waits for them. And it
 * completes what workers have finished meanwhile (ring->done), so that no
 * worker sleeps for the lock to report a result.
 *
 * It starts nothing, because whoever unlocks may be in the middle of anything: a
 * kernel worker, another process, the reader of a file of /proc. Requests whose
 * turn has come are pushed on the lane that they belong to, work goes to its pool.
 * A lane's own task, where it might as well submit, calls iou_lane_unlock(): that
 * starts what is ready for this lane before it unlocks, which saves the way over
 * the lane.
 *
 * Between a worker that has finished and the holder of the lock:
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
#include "../req/state.h"
#include "../req/wake.h"
#include "../rsrc/pin.h"
#include "lock.h"
#include "worker.h"

/* Rounds after which the unlocker may go home and leave ->done to a kworker */
#define IOU_MAX_DRAINS	16

/* CQEs that are moved from the backlog before others have their turn */
#define IOU_FLUSH	64

/* Rings that one unlocker goes on to kick; a kworker takes the rest */
#define IOU_MAX_HOPS	16

/* A task that was killed waits so long, in all, for the locks of rings */
#define IOU_LEAVE_TIME	HZ

/* Until when does the current task wait, which was killed? */
static unsigned long leave_end(void)
{
	struct io_uring_task *task = current->io_uring;
	unsigned long end = jiffies + IOU_LEAVE_TIME;

	if (!task)
		return end;
	/* It is never 0 afterwards */
	if (!task->iou.leave_end)
		task->iou.leave_end = end | 1;
	return task->iou.leave_end;
}

/* Return: 0 or -EINTR */
static noinline int lock_until(struct iou_ring *ring, unsigned long end)
{
	int error = 0;

	if (iou_ring_trylock(ring))
		return 0;

	/* So that a long loop lets go of the lock */
	atomic_inc(&ring->knocking);
	while (!iou_ring_trylock(ring)) {
		if (time_after_eq(jiffies, end)) {
			error = -EINTR;
			break;
		}
		schedule_timeout_uninterruptible(1);
	}
	atomic_dec(&ring->knocking);
	return error;
}

/**
 * iou_ring_lock_to_leave() - lock a ring that is being left, or closed
 * @ring: kept by the caller
 *
 * Whoever has the lock may be stuck in a fault, for as long as another program likes. A
 * task that exits because it was killed cannot be killed any more: it waits for a while
 * only. A kernel worker does not wait.
 *
 * Context: sleeps.
 * Return: 0; -EINTR: a kernel worker has to try later.
 */
int iou_ring_lock_to_leave(struct iou_ring *ring)
{
	if (current->flags & PF_WQ_WORKER)
		return iou_ring_trylock(ring) ? 0 : -EINTR;
	if (!iou_task_is_killed() || fatal_signal_pending(current))
		return iou_ring_lock_killable(ring);
	return lock_until(ring, leave_end());
}

static __always_inline void release(struct iou_ring *ring)
{
	iou_holds_end(ring);
	mutex_unlock(&ring->lock);
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

/*
 * Is the number of some waiter reached? Pollers want every CQE. Who sleeps has
 * said what it wants before its full barrier.
 */
static bool waiter_is_due(const struct iou_ring *ring)
{
	return iou_wake_is_due(ring, READ_ONCE(ring->owner_lane)) || READ_ONCE(ring->polled);
}

/* Is there a reason to wake all who wait? To be found out after all else was done */
static bool take_wake(struct iou_ring *ring)
	__must_hold(&ring->lock)
{
	bool wake = ring->cold & IOU_COLD_WAKE;

	ring->cold &= ~IOU_COLD_WAKE;
	return wake;
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

/* In the midst of completing many that workers have finished */
static noinline void show_some(struct iou_ring *ring)
	__must_hold(&ring->lock)
{
	if (ring->cq.published != ring->cq.tail) {
		iou_cq_publish(&ring->cq);
		/* As in iou_ring_unlock() */
		smp_mb();
		tell(ring, true);
	}
	cond_resched();
}

/*
 * A worker has finished this, or it was the turn of this on its inode, which a device has
 * now. Whoever comes next there does not have to wait for the device, nor for the owner of
 * a deferred ring, where CQEs appear only when that asks for them.
 */
static __always_inline void end_work(struct iou_req *req)
	__must_hold(&iou_req_ring(req)->lock)
{
	struct iou_ring *ring = iou_req_ring(req);

	if (req->held & IOU_HELD_SERIAL)
		iou_hash_leave(req);

	if (unlikely(req->verdict != IOU_DONE)) {
		iou_req_leave(req);
	} else if (likely(!ring->deferred)) {
		iou_req_complete(req);
	} else {
		WRITE_ONCE(ring->evfd_by_worker, true);
		iou_lane_push_lazy(req);
	}
}

/* Have whoever unlocks the ring ask the kernel worker again that could not lock it */
static void mark_stranded(struct iou_ring *ring)
{
	/* After the lane or the request was added. Pairs with release_stranded() */
	if (!xchg(&ring->stranded_marked, true))
		/* J */
		llist_add(&ring->stranded_mark, &ring->done);
}

/* Let a kernel worker look after a ring. Takes over a reference. */
static void ring_drain_later(struct iou_ring *ring)
{
	if (!queue_work(system_unbound_wq, &ring->drain_work))
		iou_ring_put(ring);
}

/* The same with a reference of its own, for who keeps the ring */
static void ring_ask_worker(struct iou_ring *ring)
{
	refcount_inc(&ring->refs);
	ring_drain_later(ring);
}

/*
 * The lock was taken when somebody wanted to run the events of these lanes. It is one's
 * turn: all of them at once would be in each other's way. See iou_ring_next_stranded().
 */
static void release_stranded(struct iou_ring *ring)
	__must_hold(&ring->lock)
{
	struct llist_node *node;

	WRITE_ONCE(ring->stranded_marked, false);
	/* Who comes after this marks it again; who came before is found */
	smp_mb();
	node = llist_del_first(&ring->stranded);
	if (node)
		iou_lane_hand_over(llist_entry(node, struct iou_lane, ready_node));
	if (unlikely(ring->elsewhere))
		ring_ask_worker(ring);
}

/* Return: whether it is something that a worker has done */
static bool drain_one(struct iou_ring *ring, struct llist_node *node)
	__must_hold(&ring->lock)
{
	struct iou_req *req = llist_entry(node, struct iou_req, qnode);

	if (unlikely(node == &ring->stranded_mark)) {
		release_stranded(ring);
		return false;
	}
	if (unlikely(iou_req_ring(req) != ring)) {
		iou_req_op(req)->deliver(req, ring);
		return false;
	}
	end_work(req);
	return true;
}

/* Does somebody sleep, or spin, for a mutex that is held? */
#if defined(CONFIG_PREEMPT_RT)
static bool mutex_is_contended(struct mutex *lock)
{
	return !RB_EMPTY_ROOT(&lock->rtmutex.waiters.rb_root);
}
#elif defined(CONFIG_MUTEX_SPIN_ON_OWNER)
static bool mutex_is_contended(struct mutex *lock)
{
	return !list_empty(&lock->wait_list) || osq_is_locked(&lock->osq);
}
#else
static bool mutex_is_contended(struct mutex *lock)
{
	return !list_empty(&lock->wait_list);
}
#endif

static bool lock_is_contended(struct iou_ring *ring)
{
	return mutex_is_contended(&ring->lock) || atomic_read(&ring->knocking) ||
	       iou_holds_is_crowded();
}

/* Take what has come in. Return: there is something, and it is in order */
static bool take_done(struct iou_ring *ring)
	__must_hold(&ring->lock)
{
	struct iou_batch *batch = &ring->finished;

	if (!batch->next)
		iou_batch_take(batch, &ring->done);
	while (unlikely(batch->taken) && !iou_batch_order(batch)) {
		cond_resched();
		if (lock_is_contended(ring))
			return false;
	}
	return batch->next;
}

/*
 * Complete what has come in; or a part of it, if somebody wants the lock (COLD_DONE).
 * Return: whether there was something that a worker has done.
 */
static bool drain_done(struct iou_ring *ring)
	__must_hold(&ring->lock)
{
	struct iou_batch *batch = &ring->finished;
	bool by_worker = false;
	bool more;
	u32 nr = 0;

	if (llist_empty(&ring->done) && likely(!batch->next))
		return false;

	more = take_done(ring);
	while (more) {
		struct llist_node *node = batch->next;

		batch->next = node->next;
		by_worker |= drain_one(ring, node);
		more = batch->next;
		if (likely(++nr % IOU_HOLD_STEPS))
			continue;
		show_some(ring);
		more &= !lock_is_contended(ring);
	}

	if (unlikely(batch->next))
		ring->cold |= IOU_COLD_DONE;
	return by_worker;
}

/*
 * The turn of a held request has come. If its lane is @mine, current is where it
 * could submit, and starts it. A kernel worker, that does the same for a task that
 * is gone, ends it.
 */
static void settle_held(struct iou_req *req, const struct iou_lane *mine)
	__must_hold(&iou_req_ring(req)->lock)
{
	struct iou_lane *lane = req->lane;

	if (unlikely(iou_ring_is_closing(lane->ring))) {
		req->event(req, true);
		return;
	}
	if (lane == mine) {
		req->event(req, iou_lane_is_detached(lane) || current != lane->task->task ||
				iou_task_is_ending());
		return;
	}
	iou_req_step(req, IOU_S_CLAIMED);
	iou_lane_push(req);
}

/* The turn of work on its inode has come: its pool has been expecting it */
static void settle_work(struct iou_req *req)
	__must_hold(&iou_req_ring(req)->lock)
{
	struct iou_pool *pool = req->lane->task->pool;
	struct iou_work work = { .unbound = req->work.unbound };

	req->work.expected = false;
	if (iou_ring_is_closing(iou_req_ring(req)) || !iou_pool_queue(pool, &req->work))
		iou_req_end(req, -ECANCELED);
	iou_pool_unexpect(pool, &work);
}

/*
 * Deal with what is ready: successors in chains, units whose drain is over, work
 * whose turn has come on its inode, and what was cancelled.
 * Return: false: somebody wants the lock, and there is more.
 */
static bool settle_ready(struct iou_ring *ring, const struct iou_lane *mine)
	__must_hold(&ring->lock)
{
	u32 nr = 0;

	while (!list_empty(&ring->ready)) {
		struct iou_req *req = list_first_entry(&ring->ready, struct iou_req,
						       work.node);

		list_del(&req->work.node);
		if (req->state == IOU_S_HELD)
			settle_held(req, mine);
		else if (req->state == IOU_S_CLAIMED)
			iou_req_complete(req);
		else
			settle_work(req);

		if (unlikely(iou_ring_hold(ring, ++nr) == IOU_HOLD_YIELD || ring->kick)) {
			ring->cold |= IOU_COLD_READY;
			return list_empty(&ring->ready);
		}
	}
	return true;
}

/*
 * End what has counted enough CQEs. Return: false: somebody wants the lock, and there is
 * more
 */
static bool settle_counted(struct iou_ring *ring)
	__must_hold(&ring->lock)
{
	while (iou_count_check(ring)) {
		if (iou_ring_look_around(ring) != IOU_HOLD_YIELD)
			continue;
		/* IOU_COLD_COUNT alone does not say that there is something to do */
		ring->cold |= IOU_COLD_READY;
		return false;
	}
	return true;
}

/*
 * Make ready what can be, and deal with it, until nothing is. @mine: start what is
 * this lane's; NULL: start nothing.
 * Return: false: somebody wants the lock, and there is more.
 */
static bool settle(struct iou_ring *ring, const struct iou_lane *mine)
	__must_hold(&ring->lock)
{
	u32 cold;

	/* Each of these may end requests, and so make others ready */
	while ((cold = ring->cold & IOU_COLD_SETTLE)) {
		ring->cold &= ~IOU_COLD_SETTLE;
		if (cold & IOU_COLD_DRAIN)
			iou_drain_advance(ring);
		if (!list_empty(&ring->ready) && !settle_ready(ring, mine)) {
			ring->cold |= cold & IOU_COLD_COUNT;
			return false;
		}
		if ((cold & IOU_COLD_COUNT) && !settle_counted(ring))
			return false;
		if (!(ring->cold & IOU_COLD_SETTLE & ~IOU_COLD_COUNT))
			break;
	}
	return true;
}

/*
 * A lane has left its task. Was it the last one? Nobody needs the workers then. The task
 * takes its pool away under the same lock.
 */
static void task_retire_workers(struct iou_task *task)
{
	spin_lock(&task->lock);
	if (list_empty(&task->lanes) && task->pool)
		iou_pool_retire(task->pool);
	spin_unlock(&task->lock);
}

/* Let lanes go that nobody needs. Return: the ring goes with the last. */
static bool reap_lanes(struct iou_ring *ring)
	__must_hold(&ring->lock)
{
	struct iou_lane *lane, *next;

	list_for_each_entry_safe(lane, next, &ring->lanes, ring_node) {
		if (lane->nr_inflight || !(iou_lane_is_detached(lane) || iou_ring_is_closing(ring)))
			continue;
		if (unlikely(!iou_lane_retire(lane)))
			continue;
		iou_lane_detach(lane);
		task_retire_workers(lane->task);
		iou_lane_free(lane);
	}
	if (ring->state != IOU_RING_CLOSING || !list_empty(&ring->lanes))
		return false;
	iou_ring_step(ring, IOU_RING_DEAD);
	return true;
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
	ring->cold &= ~IOU_COLD_KICK;
}

/**
 * struct iou_release - what there is to do for an unlock
 * @kick: a ring to look after when this one is unlocked, with a reference; or NULL
 * @visit: who unlocks has come with a message, and does not clean up for others
 * @last: the ring is dead, and its reference has to go
 * @more: something is ready that was left for after the release
 * @unpin: buffers that nobody uses any more
 */
struct iou_release {
	struct iou_ring *kick;
	bool visit;
	bool last;
	bool more;
	struct list_head unpin;
};

/* Have buffers let go of, which takes its time, when the lock was released */
static void take_unpin(struct iou_ring *ring, struct iou_release *release)
	__must_hold(&ring->lock)
{
	if (release->visit) {
		ring_ask_worker(ring);
		return;
	}
	ring->cold &= ~IOU_COLD_UNPIN;
	list_splice_tail_init(&ring->unpin, &release->unpin);
}

static void do_cold(struct iou_ring *ring, struct iou_release *release)
	__must_hold(&ring->lock)
{
	if (ring->kick)
		take_kick(ring, &release->kick);
	release->more |= !settle(ring, NULL);
	if (ring->cold & IOU_COLD_UNPIN)
		take_unpin(ring, release);
	if (!(ring->cold & IOU_COLD_REAP))
		return;
	ring->cold &= ~IOU_COLD_REAP;
	release->last |= reap_lanes(ring);
}

/* What takes its time is done when the lock was released */
static void unpin_all(struct list_head *list)
{
	struct iou_buf *buf, *next;

	list_for_each_entry_safe(buf, next, list, unpin)
		iou_buf_free(buf);
}

/* There is more to do, perhaps. Return: locked again */
static noinline bool relock(struct iou_ring *ring, u32 rounds)
{
	if (rounds >= IOU_MAX_DRAINS) {
		if (refcount_inc_not_zero(&ring->refs))
			ring_drain_later(ring);
		return false;
	}
	if (!iou_ring_trylock(ring))
		return false;
	if (likely(!iou_ring_is_dead(ring)))
		return true;
	release(ring);
	return false;
}

/*
 * Release the lock, and tell who waits; with @wake all of them. @more: there is
 * something left to do.
 * Return: locked again, because there is more to complete.
 */
static __always_inline bool unlock_once(struct iou_ring *ring, bool by_worker, bool wake, bool more,
					u32 rounds)
{
	bool posted = ring->cq.published != ring->cq.tail;
	bool again;

	if (posted)
		iou_cq_publish(&ring->cq);
	if (wake)
		iou_wake_all(ring);
	/* From the release on only RCU keeps the ring */
	rcu_read_lock();
	release(ring);
	/* L-M above, and cq.tail against cq_wait */
	smp_mb();
	if (posted)
		tell(ring, by_worker);
	else if (wake)
		wake_waiters(ring);
	again = unlikely(more || !llist_empty(&ring->done)) && relock(ring, rounds);
	rcu_read_unlock();
	return again;
}

/*
 * There is more to do than to publish. @visit: for current, who has come with a message,
 * less than that. Return: a ring to kick, with a reference, or NULL
 */
static struct iou_ring *unlock_rounds(struct iou_ring *ring, bool by_worker, bool visit)
{
	struct iou_release release = {
		.visit	= visit,
		.unpin	= LIST_HEAD_INIT(release.unpin),
	};
	u32 rounds = 0;
	bool wake;

	do {
		by_worker |= drain_done(ring);
		release.more = ring->finished.next;
		if (!release.more)
			ring->cold &= ~IOU_COLD_DONE;
		if (ring->cold)
			do_cold(ring, &release);
		wake = take_wake(ring);
	} while (unlock_once(ring, by_worker, wake, release.more, rounds++));
	if (unlikely(release.last))
		iou_ring_put(ring);
	unpin_all(&release.unpin);
	return release.kick;
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
		next = unlock_rounds(ring, false, true);
	iou_ring_put(ring);
	return next;
}

static noinline void unlock_slow(struct iou_ring *ring, bool by_worker)
{
	struct iou_ring *kick = unlock_rounds(ring, by_worker, false);
	u32 hops = 0;

	/* How far this goes is up to the program: in a loop, and not for long */
	while (kick && hops++ < IOU_MAX_HOPS)
		kick = ring_kick(kick);
	if (unlikely(kick))
		ring_drain_later(kick);
}

/* Start what is ready for a lane, then unlock */
static noinline void unlock_run_ready(struct iou_ring *ring, const struct iou_lane *lane)
{
	bool by_worker = false;
	u32 rounds = 0;

	/*
	 * What completes may make more ready, and the other way round. Messages may come
	 * without end: then it is the unlock, and a kernel worker, that go on.
	 */
	do
		by_worker |= drain_done(ring);
	while (settle(ring, lane) && !llist_empty(&ring->done) && !ring->finished.next &&
	       ++rounds < IOU_MAX_DRAINS);

	unlock_slow(ring, by_worker);
}

static __always_inline bool has_more_to_do(const struct iou_ring *ring)
{
	return unlikely(ring->cold || !llist_empty(&ring->done));
}

/**
 * iou_ring_unlock() - publish, unlock, and complete what came in meanwhile
 * @ring: locked. After this only who has the file open or a request in flight
 *        may touch it
 *
 * Starts no request.
 *
 * Context: may sleep.
 */
void iou_ring_unlock(struct iou_ring *ring)
{
	if (has_more_to_do(ring) || unlikely(unlock_once(ring, false, false, false, 0)))
		unlock_slow(ring, false);
}

/**
 * iou_lane_unlock() - start what is ready for a lane, then iou_ring_unlock()
 * @ring: locked
 * @lane: its, and current's: at a point where current could submit; or of a task
 *        that is gone, and current is a kernel worker that ends what is ready. NULL: as
 *        iou_ring_unlock()
 *
 * Context: may sleep.
 */
void iou_lane_unlock(struct iou_ring *ring, const struct iou_lane *lane)
{
	if (has_more_to_do(ring))
		unlock_run_ready(ring, lane);
	else if (unlikely(unlock_once(ring, false, false, false, 0)))
		unlock_slow(ring, false);
}

/**
 * iou_ring_end_peek() - release a ring that was only looked at
 * @ring: after iou_ring_try_peek(); its file is open
 *
 * Whoever looks is not concerned with what has come in meanwhile: a kernel worker
 * completes it.
 *
 * Context: any that may sleep.
 */
void iou_ring_end_peek(struct iou_ring *ring)
{
	/* Left by an unlock that could not get the lock again, because of us */
	bool more = ring->cold & ~IOU_COLD_COUNT;

	release(ring);
	/* L-M above */
	smp_mb();
	if (unlikely(more || !llist_empty(&ring->done)))
		ring_ask_worker(ring);
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
	bool by_worker = drain_done(ring);

	if (ring->cq.published == ring->cq.tail)
		return;
	iou_cq_publish(&ring->cq);
	/* As in iou_ring_unlock() */
	smp_mb();
	tell(ring, by_worker);
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
	u32 nr = 0;

	if (likely(list_empty(&ring->cq.backlog)))
		return;
	/* A program that takes them as fast as they come does not keep us here */
	while (iou_cq_flush_backlog(&ring->cq, IOU_FLUSH) && nr < ring->cq.entries) {
		nr += IOU_FLUSH;
		iou_ring_publish(ring);
		iou_ring_hold(ring, nr);
	}
	iou_ring_publish(ring);
	iou_cq_end_overflow(&ring->cq);
}

/* Does anybody want something that a long hold keeps from them? */
static bool hold_is_disturbed(struct iou_ring *ring)
	__must_hold(&ring->lock)
{
	/* One look at the flags: need_resched() alone is never true on PREEMPT kernels */
	if (read_thread_flags() & (_TIF_NEED_RESCHED | _TIF_SIGPENDING))
		return true;
	if (!llist_empty(&ring->done) || ring->finished.next || ring->kick ||
	    lock_is_contended(ring))
		return true;

	/* CQEs that nobody has seen: they fill the CQ, or a waiter may want them */
	if (ring->cq.tail == ring->cq.published)
		return false;
	if (ring->cq.tail - ring->cq.published >= ring->cq.entries / 4)
		return true;
	/* No barrier: publishing has one, and looks for waiters again */
	return waitqueue_active(&ring->cq_wait);
}

/**
 * iou_ring_forward() - let a kernel worker deliver what was sent under this hold
 * @ring: locked, and for longer
 *
 * Delivering it here would mean to hold two ring locks.
 *
 * Context: ring lock.
 */
void iou_ring_forward(struct iou_ring *ring)
{
	iou_assert_locked(ring);
	if (!ring->kick)
		return;
	ring_drain_later(ring->kick);
	ring->kick = NULL;
	ring->cold &= ~IOU_COLD_KICK;
}

/**
 * iou_ring_look_around() - iou_ring_hold(), when it is time to
 * @ring: locked, for long
 *
 * Context: ring lock. May sleep.
 * Return: as there.
 */
enum iou_hold iou_ring_look_around(struct iou_ring *ring)
{
	if (likely(!hold_is_disturbed(ring)))
		return IOU_HOLD_ON;

	iou_ring_publish(ring);
	iou_ring_forward(ring);
	cond_resched();
	if (unlikely(fatal_signal_pending(current)))
		return IOU_HOLD_END;
	return lock_is_contended(ring) ? IOU_HOLD_YIELD : IOU_HOLD_ON;
}

/* K. Something was put on the ring's done queue, in an RCU read section, which ends here */
static void pushed_done(struct iou_ring *ring)
	__releases(RCU)
{
	bool locked;

	/* J before K, against L before M */
	smp_mb();
	locked = iou_ring_trylock(ring);
	/* A dead ring has no requests: what was put there was taken, and was the last */
	if (locked && iou_ring_is_dead(ring)) {
		release(ring);
		locked = false;
	}
	rcu_read_unlock();
	if (locked)
		iou_ring_unlock(ring);
}

/**
 * iou_ring_push_done() - a worker has finished a request
 * @req: its, CLAIMED, with the result in place; or, before iou_req_leave(), because it has
 *       the turn on its inode. On a deferred ring only in that case. Not to be touched
 *       afterwards
 *
 * Context: may sleep. Takes no ring lock but a free one.
 */
void iou_ring_push_done(struct iou_req *req)
{
	struct iou_ring *ring = iou_req_ring(req);

	/* As long as it is in flight the ring is not dead */
	if (likely(iou_ring_trylock(ring))) {
		end_work(req);
		if (has_more_to_do(ring) || unlikely(unlock_once(ring, true, false, false, 0)))
			unlock_slow(ring, true);
		return;
	}
	rcu_read_lock();
	/* J */
	llist_add(&req->qnode, &ring->done);
	pushed_done(ring);
}

/**
 * iou_ring_strand() - a kernel worker cannot run a lane's events, as the ring is locked
 * @ring: the lane's, by somebody who may be stuck
 * @lane: of a task that is gone; has events, and is on no list. A deferred one is kept by
 *        a reference, which is taken over. Not to be touched afterwards
 *
 * When the ring is unlocked, a kernel worker is asked again.
 *
 * Context: kernel worker, which keeps the ring if @lane is deferred.
 */
void iou_ring_strand(struct iou_ring *ring, struct iou_lane *lane)
{
	rcu_read_lock();
	/* Events keep the lane, and by that the ring; once it is queued only RCU does */
	llist_add(&lane->ready_node, &ring->stranded);
	mark_stranded(ring);
	pushed_done(ring);
}

/**
 * iou_ring_next_stranded() - a kernel worker has run the events of a lane
 * @ring: the lane's, locked
 *
 * If there are others that nobody could run, the unlock has the next one run.
 *
 * Context: ring lock.
 */
void iou_ring_next_stranded(struct iou_ring *ring)
{
	iou_assert_locked(ring);
	if (unlikely(!llist_empty(&ring->stranded)))
		mark_stranded(ring);
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

/**
 * iou_ring_run_elsewhere() - let a kernel worker run a request's event, as if it was
 *	cancelled
 * @req: CLAIMED, and taken off its lane; its ring is locked
 *
 * Context: ring lock.
 */
void iou_ring_run_elsewhere(struct iou_req *req)
{
	struct iou_lane *lane = req->lane;
	struct iou_ring *ring = lane->ring;

	iou_assert_locked(ring);
	req->qnode.next = NULL;
	if (lane->elsewhere)
		lane->elsewhere_last->next = &req->qnode;
	else
		lane->elsewhere = &req->qnode;
	lane->elsewhere_last = &req->qnode;
	WRITE_ONCE(ring->elsewhere, true);

	ring_ask_worker(ring);
}

/* Return: false: somebody wants the lock, and there is more */
static bool lane_run_elsewhere(struct iou_lane *lane)
	__must_hold(&lane->ring->lock)
{
	u32 nr = 0;

	while (lane->elsewhere) {
		struct iou_req *req = llist_entry(lane->elsewhere, struct iou_req, qnode);

		lane->elsewhere = req->qnode.next;
		req->event(req, true);
		if (iou_ring_hold(lane->ring, ++nr) == IOU_HOLD_YIELD)
			return !lane->elsewhere;
	}
	return true;
}

/* Run such events of all lanes. If somebody wants the lock, the worker comes back. */
static void run_elsewhere(struct iou_ring *ring)
	__must_hold(&ring->lock)
{
	struct iou_lane *lane;

	list_for_each_entry(lane, &ring->lanes, ring_node) {
		if (lane_run_elsewhere(lane))
			continue;
		ring_ask_worker(ring);
		return;
	}
	WRITE_ONCE(ring->elsewhere, false);
}

/* Who has the lock may be stuck; a kernel worker must not be, and the holder does it */
static void ring_drain_work(struct work_struct *work)
{
	struct iou_ring *ring = container_of(work, struct iou_ring, drain_work);

	if (unlikely(READ_ONCE(ring->elsewhere))) {
		mark_stranded(ring);
		/* J before K, also if others are about to put the mark there */
		smp_mb();
	}
	if (iou_ring_trylock(ring)) {
		if (unlikely(ring->elsewhere))
			run_elsewhere(ring);
		iou_ring_unlock(ring);
	}
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
 * iou_lock_init() - prepare the lock, and what releasing it looks after
 * @ring: being made
 */
void iou_lock_init(struct iou_ring *ring)
{
	mutex_init(&ring->lock);
	INIT_LIST_HEAD(&ring->ready);
	INIT_LIST_HEAD(&ring->unpin);
	init_llist_head(&ring->done);
	init_llist_head(&ring->stranded);
	init_waitqueue_head(&ring->cq_wait);
	init_irq_work(&ring->poll_wake, ring_poll_wake);
	timer_setup(&ring->evfd_late, ring_evfd_late, 0);
	INIT_WORK(&ring->drain_work, ring_drain_work);
	refcount_set(&ring->refs, 1);
}

/**
 * iou_lock_free() - stop signalling, and forget the eventfd
 * @ring: nobody can reach it any more
 *
 * Context: may sleep.
 */
void iou_lock_free(struct iou_ring *ring)
{
	struct iou_evfd *evfd = rcu_dereference_protected(ring->evfd, true);
	struct iou_lane *lane, *next;

	/* Deferred lanes, which others had emptied when a kernel worker came for them */
	llist_for_each_entry_safe(lane, next, llist_del_all(&ring->stranded), ready_node)
		iou_lane_put(lane);

	timer_shutdown_sync(&ring->evfd_late);
	irq_work_sync(&ring->poll_wake);
	if (evfd)
		iou_evfd_free(evfd);
}
