/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Fixed buffers: a table of pinned memory that belongs to a ring.
 */
#ifndef IOU_RSRC_BUFS_H
#define IOU_RSRC_BUFS_H

#include "../iou.h"

long iou_bufs_register(struct iou_ring *ring, void __user *arg, u32 nr)
	__must_hold(&ring->lock);
long iou_bufs_register2(struct iou_ring *ring, void __user *arg, u32 size)
	__must_hold(&ring->lock);
long iou_bufs_update(struct iou_ring *ring, void __user *arg, u32 size)
	__must_hold(&ring->lock);
int iou_bufs_copy(struct iou_ring *ring, struct iou_table *copy) __must_hold(&ring->lock);

#endif
