/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The ring lock: taken and released here and nowhere else.
 */
#ifndef IOU_RUN_LOCK_H
#define IOU_RUN_LOCK_H

#include "../iou.h"
#include "holds.h"

int __must_check iou_ring_lock_to_leave(struct iou_ring *ring);
void iou_ring_unlock(struct iou_ring *ring);
void iou_lane_unlock(struct iou_ring *ring, const struct iou_lane *lane);
void iou_ring_end_peek(struct iou_ring *ring);
void iou_ring_publish(struct iou_ring *ring) __must_hold(&ring->lock);
void iou_ring_flush_backlog(struct iou_ring *ring) __must_hold(&ring->lock);
void iou_ring_forward(struct iou_ring *ring) __must_hold(&ring->lock);
void iou_ring_push_done(struct iou_req *req);
void iou_ring_strand(struct iou_ring *ring, struct iou_lane *lane);
void iou_ring_next_stranded(struct iou_ring *ring) __must_hold(&ring->lock);
void iou_ring_run_elsewhere(struct iou_req *req) __must_hold(&iou_req_ring(req)->lock);
void iou_ring_send(struct iou_ring *ring, struct iou_ring *target, struct iou_req *req)
	__must_hold(&ring->lock);
void iou_ring_put(struct iou_ring *ring);
void iou_lock_init(struct iou_ring *ring);
void iou_lock_free(struct iou_ring *ring);

/*
 * Who locks keeps the ring alive, see the banner of iou.h. There is no way to lock one
 * that cannot be interrupted: its holder may be stuck in a fault, for as long as another
 * program likes.
 *
 * Return: 0, or -EINTR: a fatal signal came first
 */
static inline int __must_check iou_ring_lock_killable(struct iou_ring *ring)
{
	/* Spares a look at whether to reschedule; but lockdep learns less from it */
	if (IS_ENABLED(CONFIG_PROVE_LOCKING) || unlikely(!mutex_trylock(&ring->lock))) {
		int error = mutex_lock_killable(&ring->lock);

		if (unlikely(error))
			return error;
	}
	iou_holds_begin(ring);
	return 0;
}

/* Return: whether it was free */
static inline bool __must_check iou_ring_trylock(struct iou_ring *ring)
{
	if (!mutex_trylock(&ring->lock))
		return false;
	iou_holds_begin(ring);
	return true;
}

/**
 * iou_ring_try_peek() - lock a ring in order to look at it
 * @ring: its file is open
 *
 * The caller changes nothing, is quick, and calls iou_ring_end_peek().
 *
 * Return: false: it is locked by somebody else, perhaps for long.
 */
static inline bool __must_check iou_ring_try_peek(struct iou_ring *ring)
{
	return iou_ring_trylock(ring);
}

/* So often a long loop looks whether there is something else to do */
#define IOU_HOLD_STEPS	16

/**
 * enum iou_hold - how a loop under the ring lock goes on
 * @IOU_HOLD_ON: nobody is kept from anything
 * @IOU_HOLD_YIELD: somebody waits for the lock. The loop lets it go as soon as its state
 *                  allows, and comes back for the rest
 * @IOU_HOLD_END: the task is being killed. The loop ends, or does what remains the
 *                short way
 */
enum iou_hold {
	IOU_HOLD_ON,
	IOU_HOLD_YIELD,
	IOU_HOLD_END,
};

enum iou_hold iou_ring_look_around(struct iou_ring *ring) __must_hold(&ring->lock);

/**
 * iou_ring_hold() - in a loop under the lock: how is it to go on?
 * @ring: locked; any number of things is to be done under this hold
 * @nr: how many have been done
 *
 * Every so often it publishes, when somebody waits for CQEs, or many have not been shown
 * yet; completes what workers have finished; leaves messages to a kernel worker; and
 * reschedules. It does not release the lock: only the loop knows when it can do that.
 * So one step must be short, and all that the loop works on must bear that requests
 * complete meanwhile.
 *
 * Context: ring lock. May sleep.
 * Return: what the loop should do. It may ignore IOU_HOLD_YIELD, if the rest is short.
 */
static __always_inline enum iou_hold iou_ring_hold(struct iou_ring *ring, u32 nr)
	__must_hold(&ring->lock)
{
	if (likely(nr % IOU_HOLD_STEPS))
		return IOU_HOLD_ON;
	return iou_ring_look_around(ring);
}

/**
 * iou_ring_yield() - let the lock go for who waits for it
 * @ring: locked. The caller keeps it, and bears whatever others do with it meanwhile
 *
 * A kernel worker holds on: it might not get the lock again for a long time.
 *
 * Context: ring lock. Sleeps.
 * Return: 0: locked again. -EINTR: not locked any more, see iou_ring_lock_to_leave().
 */
static inline int __must_check iou_ring_yield(struct iou_ring *ring)
{
	if (unlikely(current->flags & PF_WQ_WORKER))
		return 0;
	iou_ring_unlock(ring);
	return iou_ring_lock_to_leave(ring);
}

#endif
