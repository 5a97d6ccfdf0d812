/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Parking: a request waits for something and can be found meanwhile.
 */
#ifndef IOU_REQ_PARK_H
#define IOU_REQ_PARK_H

#include "../iou.h"

/**
 * struct iou_park_ops - a way of waiting
 * @claim: take the request away from what it waits for. Ring lock held. Returns
 *         true: it is the caller's, CLAIMED, and nothing refers to it any more;
 *         false: its event is on the way
 * @of_task: what it waits for belongs to the task, and ends with it
 */
struct iou_park_ops {
	bool (*claim)(struct iou_req *req);
	bool of_task;
};

typedef bool (*iou_req_match_fn)(const struct iou_req *req, void *data);

int iou_park(struct iou_req *req, const struct iou_park_ops *ops)
	__must_hold(&iou_req_ring(req)->lock);
void iou_unpark(struct iou_req *req) __must_hold(&iou_req_ring(req)->lock);
bool iou_park_claim(struct iou_req *req) __must_hold(&iou_req_ring(req)->lock);
struct iou_req *iou_park_find(struct iou_ring *ring, u64 user_data,
			      iou_req_match_fn match, void *data)
	__must_hold(&ring->lock);
u32 iou_park_claim_all(struct iou_ring *ring, iou_req_match_fn match, void *data,
		       struct hlist_head *claimed)
	__must_hold(&ring->lock);
void iou_park_init(struct iou_ring *ring);
void iou_park_destroy(struct iou_ring *ring);

/**
 * iou_park_wake() - the event of a parked request has come
 * @req: PARKED, or already claimed by somebody else
 *
 * Context: any.
 * Return: true: the caller has it, and pushes it. false: somebody was faster,
 * and @req may be gone.
 */
static inline bool iou_park_wake(struct iou_req *req)
{
	return cmpxchg(&req->state, IOU_S_PARKED, IOU_S_CLAIMED) == IOU_S_PARKED;
}

#endif
