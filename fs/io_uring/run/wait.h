/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Waiting for completions.
 */
#ifndef IOU_RUN_WAIT_H
#define IOU_RUN_WAIT_H

#include <linux/ktime.h>

#include "../iou.h"

/**
 * struct iou_wait_args - how to wait
 * @sigmask: user pointer to the signal mask while waiting, or NULL
 * @sigmask_size: in bytes
 * @ts: user pointer to the timeout, or NULL: for ever
 * @absolute: the timeout is a point in time, on the ring's clock
 * @min_wait_us: so long for the full number, afterwards for one; 0: always for
 *               the full number
 */
struct iou_wait_args {
	const void __user *sigmask;
	size_t sigmask_size;
	const struct __kernel_timespec __user *ts;
	bool absolute;
	u32 min_wait_us;
};

void iou_wait_any(struct iou_ring *ring) __must_hold(&ring->lock);
int iou_wait_events(struct iou_ring *ring, u32 min_complete,
		    const struct iou_wait_args *args);

/**
 * iou_wait_is_over() - are there enough CQEs?
 * @ring: its file is open
 * @min_complete: how many
 *
 * What is pending for the task otherwise is done when it returns to user space.
 *
 * Context: any.
 * Return: false: iou_wait_events() has to look closer.
 */
static inline bool iou_wait_is_over(const struct iou_ring *ring, u32 min_complete)
{
	return iou_cq_ready(&ring->cq) >= min_complete && list_empty(&ring->cq.backlog);
}

#endif
