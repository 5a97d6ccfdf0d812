/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Requests that wait for a time.
 */
#ifndef IOU_RUN_TIMEOUT_H
#define IOU_RUN_TIMEOUT_H

#include <linux/hrtimer.h>

#include "../iou.h"
#include "../req/count.h"

/**
 * struct iou_timeout - the cmd of TIMEOUT and LINK_TIMEOUT
 * @count: TIMEOUT: ends it early, too
 * @time: when
 * @clock: by which clock
 * @absolute: @time is a time, not a span
 * @flags: IORING_TIMEOUT_*
 * @nr: TIMEOUT: number of CQEs to count, 0: none; MULTISHOT: periods left, 0: no end
 */
struct iou_timeout {
	struct iou_count count;
	ktime_t time;
	clockid_t clock;
	bool absolute;
	u32 flags;
	u32 nr;
};

int iou_timeout_start(struct iou_req *req) __must_hold(&iou_req_ring(req)->lock);
void iou_timeout_unpark(struct iou_req *req) __must_hold(&iou_req_ring(req)->lock);
void iou_timeout_again(struct iou_req *req) __must_hold(&iou_req_ring(req)->lock);

#endif
