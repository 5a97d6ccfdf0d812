/* SPDX-License-Identifier: GPL-2.0 */
/*
 * SYNC_CANCEL.
 */
#ifndef IOU_CTL_SYNC_CANCEL_H
#define IOU_CTL_SYNC_CANCEL_H

#include "../iou.h"

long iou_sync_cancel(struct iou_ring *ring, void __user *arg, u32 nr);

#endif
