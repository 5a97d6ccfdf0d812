/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Making rings.
 */
#ifndef IOU_CTL_SETUP_H
#define IOU_CTL_SETUP_H

#include "../iou.h"

int iou_ring_init(struct iou_ring *ring);
int iou_setup(u32 entries, struct io_uring_params __user *uparams);

#endif
