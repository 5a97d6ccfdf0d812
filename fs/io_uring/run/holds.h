/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How long ring locks are held, if CONFIG_IO_URING_HOLDS asks for it.
 */
#ifndef IOU_RUN_HOLDS_H
#define IOU_RUN_HOLDS_H

#include "../iou.h"

#ifdef CONFIG_IO_URING_HOLDS
#include <linux/timex.h>

extern bool iou_holds_crowd;

void __iou_holds_add(u64 cycles);

/**
 * iou_holds_begin() - a ring was locked
 * @ring: locked
 *
 * Context: ring lock.
 */
static inline void iou_holds_begin(struct iou_ring *ring)
{
	ring->held_since = get_cycles();
}

/**
 * iou_holds_end() - a ring is about to be unlocked
 * @ring: locked
 *
 * Context: ring lock.
 */
static inline void iou_holds_end(const struct iou_ring *ring)
{
	__iou_holds_add(get_cycles() - ring->held_since);
}

/**
 * iou_holds_is_crowded() - is somebody said to wait for every lock?
 *
 * Context: any.
 * Return: whether loops are to behave as if there was.
 */
static inline bool iou_holds_is_crowded(void)
{
	return READ_ONCE(iou_holds_crowd);
}
#else
static inline void iou_holds_begin(struct iou_ring *ring) { }
static inline void iou_holds_end(const struct iou_ring *ring) { }
static inline bool iou_holds_is_crowded(void) { return false; }
#endif

#endif
