/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Requests that wait for a time.
 */
#ifndef IOU_RUN_TIMEOUT_H
#define IOU_RUN_TIMEOUT_H

#include <linux/ktime.h>

#include "../iou.h"
#include "../req/count.h"

/* Clocks */
enum iou_clock_nr {
	IOU_MONOTONIC,
	IOU_BOOTTIME,
	IOU_REALTIME,
	IOU_NR_CLOCKS,
};

/**
 * struct iou_timeout - the cmd of TIMEOUT and LINK_TIMEOUT
 * @count: TIMEOUT: ends it early, too
 * @time: when
 * @clock: enum iou_clock_nr
 * @absolute: @time is a time, not a span
 * @first: TIMEOUT: it stands behind nothing in a chain
 * @flags: IORING_TIMEOUT_*
 * @nr: TIMEOUT: number of CQEs to count, 0: none; MULTISHOT: periods left, 0: no end
 */
struct iou_timeout {
	struct iou_count count;
	ktime_t time;
	u8 clock;
	bool absolute;
	bool first;
	u32 flags;
	u32 nr;
};

bool iou_timeout_make_clocks(struct iou_ring *ring) __must_hold(&ring->lock);
void iou_timeout_free(struct iou_ring *ring);
int iou_timeout_start(struct iou_req *req) __must_hold(&iou_req_ring(req)->lock);
void iou_timeout_unpark(struct iou_req *req) __must_hold(&iou_req_ring(req)->lock);
void iou_timeout_again(struct iou_req *req) __must_hold(&iou_req_ring(req)->lock);

/**
 * iou_timeout_prepare() - before a timeout of a ring
 * @ring: locked
 *
 * Context: ring lock. May sleep.
 * Return: false without memory.
 */
static inline bool iou_timeout_prepare(struct iou_ring *ring)
	__must_hold(&ring->lock)
{
	return likely(ring->clocks) || iou_timeout_make_clocks(ring);
}

#endif
