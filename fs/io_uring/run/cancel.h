/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Cancelling requests.
 */
#ifndef IOU_RUN_CANCEL_H
#define IOU_RUN_CANCEL_H

#include "../iou.h"

/**
 * struct iou_cancel - which requests
 * @flags: IORING_ASYNC_CANCEL_*: which of the keys count, and how many requests
 * @opcode: with CANCEL_OP
 * @user_data: with CANCEL_USERDATA, or with no other key
 * @file: with CANCEL_FD
 */
struct iou_cancel {
	u32 flags;
	u8 opcode;
	u64 user_data;
	struct file *file;
};

void iou_cancel_init(struct iou_ring *ring);
void iou_cancel_free(struct iou_ring *ring);
int iou_cancel(struct iou_ring *ring, const struct iou_cancel *what)
	__must_hold(&ring->lock);
int iou_cancel_finally(struct iou_ring *ring, const struct iou_cancel *what, u32 *nr)
	__must_hold(&ring->lock);
int iou_cancel_req(struct iou_req *req) __must_hold(&iou_req_ring(req)->lock);
int __must_check iou_cancel_lane(struct iou_lane *lane);
int __must_check iou_cancel_ring(struct iou_ring *ring);
int __must_check iou_cancel_for_exit(struct iou_lane *lane, bool killed);
void iou_cancel_commands(struct iou_lane *lane) __must_hold(&lane->ring->lock);

#endif
