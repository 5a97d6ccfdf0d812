/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Parking on the waitqueues of a file.
 */
#ifndef IOU_RUN_POLL_H
#define IOU_RUN_POLL_H

#include "../iou.h"

int iou_poll_park(struct iou_req *req, __poll_t events)
	__must_hold(&iou_req_ring(req)->lock);
void iou_poll_unpark(struct iou_req *req) __must_hold(&iou_req_ring(req)->lock);
int iou_poll_rearm(struct iou_req *req) __must_hold(&iou_req_ring(req)->lock);
bool iou_poll_ended(const struct iou_req *req)
	__must_hold(&iou_req_ring(req)->lock);

#endif
