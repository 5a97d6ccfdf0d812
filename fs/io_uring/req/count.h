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
bool iou_count_check(struct iou_ring *ring) __must_hold(&ring->lock);

/**
 * iou_count_del() - stop counting for a request
 * @req: given to iou_count_add(), or its list node is initialised
 *
 * Context: ring lock.
 */
static inline void iou_count_del(struct iou_req *req)
	__must_hold(&iou_req_ring(req)->lock)
{
	struct iou_count *count = iou_req_cmd(req, struct iou_count);

	iou_assert_locked(iou_req_ring(req));
	if (unlikely(!list_empty(&count->node)))
		list_del_init(&count->node);
}

#endif
