/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The file of a ring.
 */
#ifndef IOU_CTL_RINGFILE_H
#define IOU_CTL_RINGFILE_H

#include "../iou.h"

struct file *iou_ringfile_open(struct iou_ring *ring);
void iou_ringfile_discard(struct iou_ring *ring);
void iou_ringfile_setup(void);

#endif
