/* SPDX-License-Identifier: GPL-2.0 */
/*
 * When to wake who waits in io_uring_enter().
 *
 * What has happened on a ring is a sequence number: the CQEs that were published, and
 * something on top for what ends waits without being enough CQEs (iou_ring.wake.extra). A
 * waiter sleeps until that reaches a number of its own. On a deferred ring the events of
 * its owner's lane, which the waiter itself has to run, are counted in: each adds what it
 * leads to, see iou_lane_push().
 */
#ifndef IOU_REQ_WAKE_H
#define IOU_REQ_WAKE_H

#include <linux/atomic.h>

#include "../iou.h"

/* An event that may lead to anything: more than anybody waits for */
#define IOU_COMING_ANY	BIT(30)

/* What has happened so far. Lock-free */
static inline u32 iou_wake_seq(const struct iou_ring *ring)
{
	return READ_ONCE(ring->cq.published) + READ_ONCE(ring->wake.extra);
}

/* What the events of a lane will add to that; NULL: nothing. Lock-free */
static inline u32 iou_wake_coming(const struct iou_lane *lane)
{
	return lane ? atomic_read(&lane->coming) : 0;
}

/* Has @seq come to @target? Both wrap around */
static inline bool iou_wake_reached(u32 seq, u32 target)
{
	return (s32)(seq - target) >= 0;
}

/* May some waiter have got what it waits for, if @lane's events are run? Lock-free */
static inline bool iou_wake_is_due(const struct iou_ring *ring, const struct iou_lane *lane)
{
	return iou_wake_reached(iou_wake_seq(ring) + iou_wake_coming(lane),
				READ_ONCE(ring->wake.least));
}

/**
 * iou_wake_all() - whoever waits has waited long enough
 * @ring: locked. CQEs that go with it are published
 *
 * Context: ring lock.
 */
static inline void iou_wake_all(struct iou_ring *ring)
	__must_hold(&ring->lock)
{
	u32 seq = iou_wake_seq(ring);
	u32 most = READ_ONCE(ring->wake.most);

	if (!iou_wake_reached(seq, most))
		WRITE_ONCE(ring->wake.extra, ring->wake.extra + (most - seq));
}

#endif
