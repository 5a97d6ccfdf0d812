/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Parking: a request waits on the waitqueues of its file.
 */
#ifndef IOU_RUN_POLL_H
#define IOU_RUN_POLL_H

#include "../iou.h"

int iou_poll_park(struct iou_req *req, __poll_t events)
	__must_hold(&iou_req_ring(req)->lock);
void iou_poll_unpark(struct iou_req *req) __must_hold(&iou_req_ring(req)->lock);
bool iou_poll_claim(struct iou_req *req) __must_hold(&iou_req_ring(req)->lock);

#endif
