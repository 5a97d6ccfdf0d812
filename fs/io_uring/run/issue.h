/* SPDX-License-Identifier: GPL-2.0 */
/*
 * From a verdict to what happens next.
 */
#ifndef IOU_RUN_ISSUE_H
#define IOU_RUN_ISSUE_H

#include "../iou.h"

void iou_issue_settle(struct iou_req *req, iou_verdict_t verdict)
	__must_hold(&iou_req_ring(req)->lock);
void iou_issue_async(struct iou_req *req) __must_hold(&iou_req_ring(req)->lock);
void iou_issue_prepared(struct iou_req *req) __must_hold(&iou_req_ring(req)->lock);
void iou_issue_again(struct iou_req *req, bool cancel)
	__must_hold(&iou_req_ring(req)->lock);

#endif
