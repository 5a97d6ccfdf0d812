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

/**
 * struct iou_walk - a way through all requests of an index
 * @index: of a locked ring
 * @place: the bucket to look into next
 * @next: the request to come next, or NULL: none of the last bucket
 * @mark: stands in front of that while the ring is not locked. The caller's; NULL: the
 *        ring stays locked
 */
struct iou_walk {
	struct iou_index *index;
	u32 place;
	struct hlist_node *next;
	struct iou_req *mark;
};

typedef bool (*iou_req_match_fn)(const struct iou_req *req, void *data);

void iou_index_add_slow(struct iou_index *index, struct iou_req *req);
struct hlist_head *iou_index_bucket(const struct iou_index *index, u32 i);
void iou_walk_begin(struct iou_walk *walk, struct iou_ring *ring, struct iou_req *mark)
	__must_hold(&ring->lock);
bool iou_walk_next(struct iou_walk *walk, struct iou_req **req);
void iou_walk_pause(struct iou_walk *walk);
void iou_walk_resume(struct iou_walk *walk);
void iou_walk_end(struct iou_walk *walk);
void iou_walk_abandon(struct iou_walk *walk);
bool iou_park_claim(struct iou_req *req) __must_hold(&iou_req_ring(req)->lock);
struct iou_req *iou_park_find(struct iou_ring *ring, u64 user_data,
			      iou_req_match_fn match, void *data)
	__must_hold(&ring->lock);
void iou_park_init(struct iou_ring *ring);
void iou_park_free(struct iou_ring *ring);

/**
 * iou_index_add() - have the index find a request
 * @index: of its ring, locked
 * @req: not in there
 *
 * Context: ring lock. May sleep.
 */
static inline void iou_index_add(struct iou_index *index, struct iou_req *req)
{
	if (likely(index->nr - index->low < index->span))
		hlist_add_head(&req->index,
			       &index->heads[hash_64(req->user_data, index->bits)]);
	else
		iou_index_add_slow(index, req);
	index->nr++;
}

/**
 * iou_index_enter() - a request goes to a worker: have a cancel find it
 * @req: perhaps it has been there before
 *
 * Until it has ended, or iou_index_leave().
 *
 * Context: ring lock. May sleep.
 */
static inline void iou_index_enter(struct iou_req *req)
	__must_hold(&iou_req_ring(req)->lock)
{
	if (req->notes & IOU_NOTE_INDEXED)
		return;
	iou_index_add(&iou_req_ring(req)->parked, req);
	req->notes |= IOU_NOTE_INDEXED;
	req->park = NULL;
}

/* Is a request that the index has found with a worker? Its notes may be written by that */
static inline bool iou_index_is_work(const struct iou_req *req)
{
	return !req->park;
}

/**
 * iou_index_leave() - it is not with a worker any more
 * @req: any
 *
 * Context: ring lock.
 */
static inline void iou_index_leave(struct iou_req *req)
	__must_hold(&iou_req_ring(req)->lock)
{
	if (!(req->notes & IOU_NOTE_INDEXED))
		return;
	hlist_del(&req->index);
	iou_req_ring(req)->parked.nr--;
	req->notes &= ~IOU_NOTE_INDEXED;
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

	iou_assert_locked(ring);
	if (unlikely(iou_ring_is_closing(ring) || req->cancelled))
		return -ECANCELED;
	lockdep_assert(!(req->notes & IOU_NOTE_INDEXED));
	iou_index_add(&ring->parked, req);
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
