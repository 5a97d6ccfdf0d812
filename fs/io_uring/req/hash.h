/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Taking turns: work on the same inode runs one after the other.
 */
#ifndef IOU_REQ_HASH_H
#define IOU_REQ_HASH_H

#include "../iou.h"

void iou_hash_free(struct iou_ring *ring);
bool iou_hash_enter(struct iou_req *req) __must_hold(&iou_req_ring(req)->lock);
void iou_hash_leave(struct iou_req *req) __must_hold(&iou_req_ring(req)->lock);

#endif
