/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Parking: a request waits for something and can be found meanwhile.
 */
#ifndef IOU_REQ_PARK_H
#define IOU_REQ_PARK_H

#include <linux/hash.h>

#include "../iou.h"
#include "state.h"

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

void iou_index_grow(struct iou_index *index);
bool iou_park_claim(struct iou_req *req) __must_hold(&iou_req_ring(req)->lock);
struct iou_req *iou_park_find(struct iou_ring *ring, u64 user_data,
			      iou_req_match_fn match, void *data)
	__must_hold(&ring->lock);
u32 iou_park_claim_all(struct iou_ring *ring, iou_req_match_fn match, void *data,
		       struct hlist_head *claimed)
	__must_hold(&ring->lock);
void iou_park_init(struct iou_ring *ring);
void iou_park_free(struct iou_ring *ring);

#define IOU_INDEX_LOAD	2	/* requests per bucket before it grows */

static inline struct hlist_head *iou_index_bucket(struct iou_index *index, u64 user_data)
{
	return &index->heads[hash_64(user_data, index->bits)];
}

/**
 * iou_park() - a request is about to wait
 * @req: with ->event for when it is over. The caller arms what it waits for
 *       after this, because the event may come at once
 * @ops: how it waits
 *
 * Context: ring lock, in the lane's task. May sleep.
 * Return: 0, and @req is PARKED; -ECANCELED: it has to end, because the ring is
 * being closed or somebody cancelled it while it was not parked.
 */
static inline int iou_park(struct iou_req *req, const struct iou_park_ops *ops)
	__must_hold(&iou_req_ring(req)->lock)
{
	struct iou_ring *ring = iou_req_ring(req);
	struct iou_index *index = &ring->parked;

	iou_assert_locked(ring);
	if (unlikely(ring->closing || req->cancelled))
		return -ECANCELED;
	if (unlikely(index->nr >= IOU_INDEX_LOAD << index->bits))
		iou_index_grow(index);
	index->nr++;
	hlist_add_head(&req->index, iou_index_bucket(index, req->user_data));
	req->park = ops;
	/* Who sees PARKED may push: all that the handler needs is in place */
	iou_req_step_release(req, IOU_S_PARKED);
	return 0;
}

/**
 * iou_unpark() - forget a request that was parked and then claimed
 * @req: is off what it waited for
 *
 * Context: ring lock.
 */
static inline void iou_unpark(struct iou_req *req)
	__must_hold(&iou_req_ring(req)->lock)
{
	iou_assert_locked(iou_req_ring(req));
	hlist_del(&req->index);
	iou_req_ring(req)->parked.nr--;
}

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
	return iou_req_try_step(req, IOU_S_PARKED, IOU_S_CLAIMED);
}

#endif
