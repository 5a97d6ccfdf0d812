/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Personalities: credentials that a ring keeps for requests to be run with.
 */
#ifndef IOU_RSRC_CREDS_H
#define IOU_RSRC_CREDS_H

#include "../iou.h"

long iou_creds_register(struct iou_ring *ring, void __user *arg, u32 nr)
	__must_hold(&ring->lock);
long iou_creds_unregister(struct iou_ring *ring, void __user *arg, u32 id)
	__must_hold(&ring->lock);
const struct cred *iou_creds_find(struct iou_ring *ring, u16 id) __must_hold(&ring->lock);
void iou_creds_init(struct iou_ring *ring);
void iou_creds_drop(struct iou_ring *ring) __must_hold(&ring->lock);

#endif
