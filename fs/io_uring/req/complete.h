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
struct iou_req *iou_req_complete_next(struct iou_req *req)
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

/* Is there no more to a request's end than its CQE, and perhaps a successor? */
static __always_inline bool iou_req_is_plain(const struct iou_req *req)
{
	return !(req->traits & iou_traits(.sqe_flags = IOSQE_CQE_SKIP_SUCCESS,
					  .held = 0xff, .notes = 0xff));
}

/**
 * iou_req_post() - write the CQE of a plain request
 * @ring: the request's
 * @req: ISSUED; ->res and ->cflags are set. Has no successor, or the caller knows
 *       it. The caller recycles it
 *
 * Context: ring lock. May sleep.
 */
static __always_inline void iou_req_post(struct iou_ring *ring, struct iou_req *req)
	__must_hold(&ring->lock)
{
	trace_io_uring_complete(ring, req, req->user_data, req->res, req->cflags, 0, 0);
	iou_cq_post(&ring->cq, req->user_data, req->res, req->cflags);
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

/* A timeout has ended, or a period of it: that ends waits */
static inline void iou_ring_end_waits(struct iou_ring *ring)
	__must_hold(&ring->lock)
{
	/* Who begins to wait after this waits for the next one */
	if (waitqueue_active(&ring->cq_wait))
		ring->cold |= IOU_COLD_WAKE;
}

#endif
