/* SPDX-License-Identifier: GPL-2.0 */
/*
 * IO_DRAIN: requests that wait until all earlier ones have completed.
 */
#ifndef IOU_REQ_DRAIN_H
#define IOU_REQ_DRAIN_H

#include "../iou.h"

void iou_drain_init(struct iou_ring *ring);
void iou_drain_enter(struct iou_req *head) __must_hold(&iou_req_ring(head)->lock);
void iou_drain_advance(struct iou_ring *ring) __must_hold(&ring->lock);
bool iou_drain_cancel(struct iou_ring *ring, const struct iou_lane *lane, u32 max)
	__must_hold(&ring->lock);

#endif
