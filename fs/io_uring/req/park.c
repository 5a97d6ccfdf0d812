// SPDX-License-Identifier: GPL-2.0
/*
 * Parking.
 *
 * A parked request is wanted by two: its event, in any context, and a cancel,
 * under the ring lock. Each way of waiting has an arbiter between them, behind
 * iou_park_ops.claim; for waitqueues it is the compare-and-exchange PARKED -> CLAIMED,
 * for timers the lock of their queue. Who loses walks away without touching the request.
 *
 * The index finds requests by their user_data, so that cancelling one among
 * many does not look at all of them. It doubles when it gets crowded; if there
 * is no memory for that it stays as it is.
 */
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include "park.h"

/**
 * iou_index_grow() - double the number of buckets, if there is memory
 * @index: of a locked ring
 *
 * Context: ring lock. May sleep.
 */
void iou_index_grow(struct iou_index *index)
{
	struct hlist_head *old = index->heads;
	u32 i, nr = 1u << index->bits;
	struct hlist_head *heads;
	struct hlist_node *next;
	struct iou_req *req;

	heads = kvcalloc(2 * nr, sizeof(*heads),
			 GFP_NOIO | __GFP_ACCOUNT | __GFP_NOWARN);
	if (!heads)
		return;
	index->heads = heads;
	index->bits++;
	for (i = 0; i < nr; i++) {
		hlist_for_each_entry_safe(req, next, &old[i], index) {
			hlist_del(&req->index);
			hlist_add_head(&req->index, iou_index_bucket(index, req->user_data));
		}
	}
	if (old != index->first)
		kvfree(old);
}

/**
 * iou_park_claim() - take a parked request away from its event
 * @req: parked
 *
 * Context: ring lock. May sleep.
 * Return: true: it is the caller's and not parked any more. false: the event
 * was faster, and will be handled when the lane's task comes to it.
 */
bool iou_park_claim(struct iou_req *req)
{
	if (!req->park->claim(req))
		return false;
	iou_unpark(req);
	return true;
}

/**
 * iou_park_find() - find a parked request by its user_data
 * @ring: locked
 * @user_data: to look for
 * @match: which of several; NULL: any
 * @data: for @match
 *
 * Context: ring lock.
 * Return: the request that was parked last, perhaps already claimed; or NULL.
 */
struct iou_req *iou_park_find(struct iou_ring *ring, u64 user_data,
			      iou_req_match_fn match, void *data)
{
	struct iou_req *req;

	iou_assert_locked(ring);
	hlist_for_each_entry(req, iou_index_bucket(&ring->parked, user_data), index)
		if (req->user_data == user_data && (!match || match(req, data)))
			return req;
	return NULL;
}

/**
 * iou_park_claim_all() - claim parked requests
 * @ring: locked
 * @match: which
 * @data: for @match
 * @claimed: those that could be claimed are linked there by ->index. All of
 *           them are claimed before the first is completed, since completing
 *           one may end others
 *
 * Requests whose event is on the way are marked, so that they end with
 * -ECANCELED instead of being parked again.
 *
 * Context: ring lock. May sleep.
 * Return: how many matched.
 */
u32 iou_park_claim_all(struct iou_ring *ring, iou_req_match_fn match, void *data,
		       struct hlist_head *claimed)
{
	struct hlist_node *next;
	struct iou_req *req;
	u32 i, nr = 0;

	iou_assert_locked(ring);
	for (i = 0; i < 1u << ring->parked.bits; i++) {
		hlist_for_each_entry_safe(req, next, &ring->parked.heads[i], index) {
			if (!match(req, data))
				continue;
			nr++;
			if (iou_park_claim(req))
				hlist_add_head(&req->index, claimed);
			else
				req->cancelled = true;
		}
		cond_resched();
	}
	return nr;
}

/**
 * iou_park_init() - prepare the index
 * @ring: being made
 */
void iou_park_init(struct iou_ring *ring)
{
	ring->parked.heads = ring->parked.first;
	ring->parked.bits = IOU_INDEX_MIN_BITS;
}

/**
 * iou_park_free() - free the index
 * @ring: nobody can reach it any more
 */
void iou_park_free(struct iou_ring *ring)
{
	WARN_ON_ONCE(ring->parked.nr);
	if (ring->parked.heads != ring->parked.first)
		kvfree(ring->parked.heads);
}
