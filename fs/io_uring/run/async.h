/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Requests that are done by workers.
 */
#ifndef IOU_RUN_ASYNC_H
#define IOU_RUN_ASYNC_H

#include "../iou.h"

void iou_async_max_workers(const struct iou_ring *ring, u32 max[2])
	__must_hold(&ring->lock);
struct iou_pool *iou_async_pool(struct iou_lane *lane) __must_hold(&lane->ring->lock);
int iou_async_begin(struct iou_req *req) __must_hold(&iou_req_ring(req)->lock);
void iou_async_queue(struct iou_req *req) __must_hold(&iou_req_ring(req)->lock);
int iou_async_start(struct iou_req *req) __must_hold(&iou_req_ring(req)->lock);

#endif
