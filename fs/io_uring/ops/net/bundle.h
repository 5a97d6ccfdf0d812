/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Bundles: several provided buffers in one send or receive.
 */
#ifndef IOU_OPS_NET_BUNDLE_H
#define IOU_OPS_NET_BUNDLE_H

#include "common.h"

/**
 * struct iou_bundle - a send or receive of several buffers; its opcode's part begins so
 * @xfer: common part; ->addr is where @rest is
 * @rest: bytes of a buffer that it has taken and not used yet
 * @next: where the group's head was when it had to wait: the bundle goes on only
 *        there, because its buffers follow each other
 * @cap: no more bytes than that
 */
struct iou_bundle {
	struct iou_xfer xfer;
	u32 rest;
	u32 next;
	u32 cap;
};

/* Does the request use several buffers at once? */
static inline bool iou_bundle_wanted(const struct iou_xfer *xfer)
{
	return xfer->flags & IORING_RECVSEND_BUNDLE;
}

void iou_bundle_prep(struct iou_req *req);
int iou_bundle_begin(struct iou_req *req, int dir, struct iou_pbuf_run *run,
		     struct iov_iter *iter) __must_hold(&iou_req_ring(req)->lock);
iou_verdict_t iou_bundle_settle(struct iou_req *req, const struct socket *sock,
				const struct iou_pbuf_run *run, ssize_t ret)
	__must_hold(&iou_req_ring(req)->lock);
bool iou_bundle_has_more(struct iou_req *req) __must_hold(&iou_req_ring(req)->lock);
void iou_bundle_next(struct iou_req *req);

#endif
