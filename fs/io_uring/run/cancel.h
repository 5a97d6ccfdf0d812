/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The end of a ring, of a task, of a program.
 */
#ifndef IOU_RUN_CANCEL_H
#define IOU_RUN_CANCEL_H

#include "../iou.h"

void iou_cancel_ring(struct iou_ring *ring);

#endif
