/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Chains of links: how they are built, and how they start.
 */
#ifndef IOU_RUN_CHAIN_H
#define IOU_RUN_CHAIN_H

#include <trace/events/io_uring.h>

#include "../iou.h"
#include "../req/complete.h"

iou_verdict_t iou_chain_add(struct iou_ring *ring, struct iou_req *req, bool rejected)
	__must_hold(&ring->lock);
void iou_chain_close(struct iou_ring *ring) __must_hold(&ring->lock);

/**
 * iou_chain_extend() - put a request in the middle of a chain
 * @ring: locked
 * @req: HELD, and has no IO_DRAIN
 *
 * The common case of iou_chain_add(), and all there is to it then.
 *
 * Context: ring lock.
 * Return: false if it begins or ends a chain; then nothing was done.
 */
static __always_inline bool iou_chain_extend(struct iou_ring *ring, struct iou_req *req)
	__must_hold(&ring->lock)
{
	struct iou_chain *chain = &ring->chain;

	if (!chain->head || !(req->sqe_flags & IOU_LINK_FLAGS))
		return false;

	trace_io_uring_link(ring, req, chain->head);
	chain->tail->link = req;
	chain->tail = req;
	return true;
}

#endif
