/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Fixed files: a table of files that belongs to a ring.
 */
#ifndef IOU_RSRC_FILES_H
#define IOU_RSRC_FILES_H

#include "../iou.h"
#include "node.h"

long iou_files_register(struct iou_ring *ring, void __user *arg, u32 nr)
	__must_hold(&ring->lock);
long iou_files_register2(struct iou_ring *ring, void __user *arg, u32 size)
	__must_hold(&ring->lock);
long iou_files_update(struct iou_ring *ring, void __user *arg, u32 nr)
	__must_hold(&ring->lock);
long iou_files_update2(struct iou_ring *ring, void __user *arg, u32 size)
	__must_hold(&ring->lock);
long iou_files_set_range(struct iou_ring *ring, void __user *arg, u32 nr)
	__must_hold(&ring->lock);
long iou_files_update_range(struct iou_ring *ring, const struct iou_rsrc_range *range)
	__must_hold(&ring->lock);
long iou_files_update_any(struct iou_ring *ring, s32 __user *fds, u32 nr)
	__must_hold(&ring->lock);
int iou_files_install(struct iou_ring *ring, struct file *file, u32 file_index)
	__must_hold(&ring->lock);
int iou_files_remove(struct iou_ring *ring, u32 slot) __must_hold(&ring->lock);
struct file *iou_files_get(struct iou_ring *ring, u32 slot) __must_hold(&ring->lock);
void iou_files_drop_slots(struct iou_ring *ring) __must_hold(&ring->lock);

#endif
