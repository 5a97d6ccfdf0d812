/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How requests end, and what that means for the chain they are in.
 */
#ifndef IOU_REQ_COMPLETE_H
#define IOU_REQ_COMPLETE_H

#include <trace/events/io_uring.h>

#include "../iou.h"
#include "req.h"

void iou_req_complete(struct iou_req *req) __must_hold(&iou_req_ring(req)->lock);
bool iou_req_post_more(struct iou_req *req, s32 res, u32 cflags)
	__must_hold(&iou_req_ring(req)->lock);
void iou_chain_refuse(struct iou_req *head) __must_hold(&iou_req_ring(head)->lock);
void iou_chain_cancel(struct iou_req *head) __must_hold(&iou_req_ring(head)->lock);
void iou_req_end_soon(struct iou_req *req, s32 res)
	__must_hold(&iou_req_ring(req)->lock);

#define IOU_LINK_FLAGS	(IOSQE_IO_LINK | IOSQE_IO_HARDLINK)

/* The next member of a request's chain, or NULL */
static inline struct iou_req *iou_chain_next(const struct iou_req *req)
{
	return req->sqe_flags & IOU_LINK_FLAGS ? req->link : NULL;
}

/**
 * iou_req_complete_fast() - complete a request that was just started
 * @ring: the request's
 * @req: ISSUED; ->res and ->cflags are set
 *
 * A request in a chain is counted as in flight, so it goes the long way.
 *
 * Context: ring lock. May sleep.
 */
static __always_inline void iou_req_complete_fast(struct iou_ring *ring, struct iou_req *req)
	__must_hold(&ring->lock)
{
	if (unlikely(req->held | (req->sqe_flags & IOSQE_CQE_SKIP_SUCCESS))) {
		iou_req_complete(req);
		return;
	}
	trace_io_uring_complete(ring, req, req->user_data, req->res, req->cflags, 0, 0);
	iou_cq_post(&ring->cq, req->user_data, req->res, req->cflags);
	iou_req_recycle(ring, req);
}

/* The result is @res, unless a part of it was done: what was transferred counts */
static inline void iou_req_set_result(struct iou_req *req, s32 res)
{
	const struct iou_op *op = iou_req_op(req);
	s32 done = op->partial ? op->partial(req) : 0;

	req->res = done ?: res;
}

/* Complete with this result, without trying again */
static inline void iou_req_end(struct iou_req *req, s32 res)
	__must_hold(&iou_req_ring(req)->lock)
{
	iou_req_set_result(req, res);
	iou_req_complete(req);
}

#endif
