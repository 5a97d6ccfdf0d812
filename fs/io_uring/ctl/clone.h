/* SPDX-License-Identifier: GPL-2.0 */
/*
 * CLONE_BUFFERS.
 */
#ifndef IOU_CTL_CLONE_H
#define IOU_CTL_CLONE_H

#include "../iou.h"

long iou_clone_buffers(struct iou_ring *ring, void __user *arg, u32 nr);

#endif
