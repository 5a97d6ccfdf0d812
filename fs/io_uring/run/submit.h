/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Taking SQEs from the SQ.
 */
#ifndef IOU_RUN_SUBMIT_H
#define IOU_RUN_SUBMIT_H

#include "../iou.h"

int iou_submit(struct iou_ring *ring, struct iou_lane *lane, u32 to_submit)
	__must_hold(&ring->lock);

#endif
