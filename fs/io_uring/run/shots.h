/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Multishot requests: many results from one submission.
 */
#ifndef IOU_RUN_SHOTS_H
#define IOU_RUN_SHOTS_H

#include "../iou.h"

void iou_shots_park(struct iou_req *req, __poll_t events)
	__must_hold(&iou_req_ring(req)->lock);

#endif
