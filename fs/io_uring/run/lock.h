/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The ring lock: taken and released here and nowhere else.
 */
#ifndef IOU_RUN_LOCK_H
#define IOU_RUN_LOCK_H

#include "../iou.h"

void iou_ring_unlock(struct iou_ring *ring);
void iou_ring_publish(struct iou_ring *ring) __must_hold(&ring->lock);
void iou_ring_flush_backlog(struct iou_ring *ring) __must_hold(&ring->lock);
bool iou_ring_breathe(struct iou_ring *ring) __must_hold(&ring->lock);
void iou_ring_push_done(struct iou_req *req);
void iou_ring_send(struct iou_ring *ring, struct iou_ring *target, struct iou_req *req)
	__must_hold(&ring->lock);
void iou_ring_put(struct iou_ring *ring);
void iou_ring_init_lock(struct iou_ring *ring);

/* Who locks keeps the ring alive, see the banner of iou.h */
static inline void iou_ring_lock(struct iou_ring *ring)
{
	mutex_lock(&ring->lock);
}

/* Return: 0, or -EINTR: a fatal signal came first */
static inline int __must_check iou_ring_lock_killable(struct iou_ring *ring)
{
	/* Spares a look at whether to reschedule; but lockdep learns less from it */
	if (!IS_ENABLED(CONFIG_PROVE_LOCKING) && likely(mutex_trylock(&ring->lock)))
		return 0;
	return mutex_lock_killable(&ring->lock);
}

/* Return: whether it was free */
static inline bool __must_check iou_ring_trylock(struct iou_ring *ring)
{
	return mutex_trylock(&ring->lock);
}

/* So often a long loop looks whether there is something else to do */
#define IOU_BREATHE	16

/**
 * iou_ring_breathes() - in a loop under the lock: look after others now and then
 * @ring: locked, for long
 * @nr: how often the loop has been passed
 *
 * Context: ring lock. May sleep.
 * Return: true: the loop is to end, the task is being killed.
 */
static __always_inline bool iou_ring_breathes(struct iou_ring *ring, u32 nr)
	__must_hold(&ring->lock)
{
	return unlikely(nr % IOU_BREATHE == 0) && iou_ring_breathe(ring);
}

#endif
