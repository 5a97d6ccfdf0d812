/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Requests that end after a number of CQEs.
 */
#ifndef IOU_REQ_COUNT_H
#define IOU_REQ_COUNT_H

#include "../iou.h"

/**
 * struct iou_count - the first part of the cmd of such a request
 * @node: in ring->counting
 * @start: the count when it began
 * @nr: it ends that many CQEs later
 */
struct iou_count {
	struct list_head node;
	u32 start;
	u32 nr;
};

void iou_count_init(struct iou_ring *ring);
void iou_count_add(struct iou_req *req, u32 nr, u32 tail)
	__must_hold(&iou_req_ring(req)->lock);
void iou_count_del(struct iou_req *req) __must_hold(&iou_req_ring(req)->lock);
bool iou_count_check(struct iou_ring *ring) __must_hold(&ring->lock);

#endif
