/* SPDX-License-Identifier: GPL-2.0 */
/*
 * IOPOLL: completions are found by asking the device.
 */
#ifndef IOU_RUN_IOPOLL_H
#define IOU_RUN_IOPOLL_H

#include "../iou.h"

void iou_iopoll_add(struct iou_req *req) __must_hold(&iou_req_ring(req)->lock);
void iou_iopoll_will_join(struct iou_req *req);
int iou_iopoll_pass(struct iou_ring *ring) __must_hold(&ring->lock);
int iou_iopoll_wait(struct iou_ring *ring, u32 min_complete);
void iou_iopoll_orphan(struct iou_ring *ring) __must_hold(&ring->lock);
int iou_iopoll_init(struct iou_ring *ring);
void iou_iopoll_free(struct iou_ring *ring);

#endif
