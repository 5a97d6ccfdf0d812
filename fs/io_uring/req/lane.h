/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Lanes: how an event of a request reaches the task it belongs to.
 */
#ifndef IOU_REQ_LANE_H
#define IOU_REQ_LANE_H

#include "../iou.h"

void iou_lanes_init(struct iou_ring *ring);
void iou_lanes_free(struct iou_ring *ring);
struct iou_lane *iou_lane_create(struct iou_ring *ring, struct iou_task *task);
void iou_lane_find_owner(struct iou_ring *ring) __must_hold(&ring->lock);
void iou_lane_detach(struct iou_lane *lane) __must_hold(&lane->ring->lock);
bool iou_lane_retire(struct iou_lane *lane) __must_hold(&lane->ring->lock);
void iou_lane_free(struct iou_lane *lane) __must_hold(&lane->ring->lock);
void iou_lane_orphan(struct iou_lane *lane);
void iou_lane_hand_over(struct iou_lane *lane);
void iou_lane_put(struct iou_lane *lane);
bool iou_task_is_killed(void);
bool iou_task_is_ending(void);
void iou_lane_push(struct iou_req *req);
void iou_lane_push_lazy(struct iou_req *req);
void iou_lane_take(struct iou_lane *lane) __must_hold(&lane->ring->lock);
void iou_batch_take(struct iou_batch *batch, struct llist_head *list);
bool iou_batch_order(struct iou_batch *batch);

/* Are there events to run? Lock-free. */
static inline bool iou_lane_pending(const struct iou_lane *lane)
{
	return !llist_empty(&lane->events) || READ_ONCE(lane->batch.next);
}

/* A list that was taken off an llist_head, oldest first. It is often a single one */
static inline struct llist_node *iou_lane_in_order(struct llist_node *list)
{
	return list && list->next ? llist_reverse_order(list) : list;
}

#endif
