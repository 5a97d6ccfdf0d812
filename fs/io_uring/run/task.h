/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Tasks: what a thread owns for all its rings.
 */
#ifndef IOU_RUN_TASK_H
#define IOU_RUN_TASK_H

#include "../iou.h"

struct iou_task *iou_task_current(void);
struct iou_lane *iou_task_attached(struct iou_task *task, struct iou_ring *ring)
	__must_hold(&ring->lock);
struct iou_lane *iou_task_find_lane(struct iou_ring *ring) __must_hold(&ring->lock);
bool iou_task_run_lane(struct iou_lane *lane, bool cancel)
	__must_hold(&lane->ring->lock);
bool iou_task_run_work(void);

/**
 * iou_task_lane() - the lane of the current task and a ring
 * @ring: locked; its file is open
 *
 * Context: ring lock. May sleep.
 * Return: the lane, attached if need be; or NULL without memory.
 */
static inline struct iou_lane *iou_task_lane(struct iou_ring *ring)
	__must_hold(&ring->lock)
{
	struct io_uring_task *task = current->io_uring;

	if (likely(task && READ_ONCE(task->iou.last_ring) == ring))
		return task->iou.last_lane;
	return iou_task_find_lane(ring);
}

/**
 * iou_task_own_lane() - iou_task_lane(), if there is one
 * @ring: locked; its file is open
 *
 * For who submits nothing: a task without a lane does not have to lock the ring when it
 * exits, which may be impossible.
 *
 * Context: ring lock.
 * Return: the lane or NULL.
 */
static inline struct iou_lane *iou_task_own_lane(struct iou_ring *ring)
	__must_hold(&ring->lock)
{
	struct io_uring_task *task = current->io_uring;

	if (!task)
		return NULL;
	if (READ_ONCE(task->iou.last_ring) == ring)
		return task->iou.last_lane;
	return iou_task_attached(&task->iou, ring);
}

#endif
