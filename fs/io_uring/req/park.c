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
 * many does not look at all of them. When it gets crowded, or nearly empty, it gets
 * other buckets, and each request that is added from then on moves a few of those
 * that are there: nobody waits while a million of them change places. If there is
 * no memory for other buckets it stays as it is.
 *
 * Buckets are emptied in order, so that the number of the bucket that is being emptied
 * (old_next) says where a request is: in the new ones if its old bucket comes before
 * that one, in its old bucket if that comes behind, in either if it is this one. New
 * buckets are prepared when the first request may come.
 *
 * Who goes through all requests may let the ring go on the way (iou_walk_pause()).
 * Meanwhile nothing is moved, and a mark keeps the place: a request that is DONE and
 * of no use.
 */
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include "park.h"

/* Requests per bucket before there are more buckets */
#define IOU_INDEX_LOAD		2

/* It does not shrink below that */
#define IOU_INDEX_KEEP_BITS	6

#define IOU_INDEX_MAX_BITS	28

/* Requests that are moved, or empty buckets that are passed, for each that is added */
#define IOU_INDEX_STEPS		8

/* Say when the number of buckets is to be changed */
static void index_set_limits(struct iou_index *index)
{
	index->low = index->bits > IOU_INDEX_KEEP_BITS ? (1u << index->bits) / 4 : 0;
	index->span = (IOU_INDEX_LOAD << index->bits) - index->low;
}

/* Requests of this old bucket may be in new ones from now on: prepare those */
static void index_open_bucket(struct iou_index *index, u32 i)
{
	u32 less = index->old_bits - index->bits;

	if (index->bits > index->old_bits) {
		INIT_HLIST_HEAD(&index->heads[2 * i]);
		INIT_HLIST_HEAD(&index->heads[2 * i + 1]);
	} else if (!(i & ((1u << less) - 1))) {
		INIT_HLIST_HEAD(&index->heads[i >> less]);
	}
}

/* How many new buckets were prepared? */
static u32 index_nr_open(const struct iou_index *index)
{
	if (!index->old)
		return 1u << index->bits;
	if (index->bits > index->old_bits)
		return 2 * (index->old_next + 1);
	return (index->old_next >> (index->old_bits - index->bits)) + 1;
}

/* There is no memory: try again when it has become worse by as much */
static void index_put_off(struct iou_index *index)
{
	u32 high = index->low + index->span;

	if (index->nr < index->low)
		index->low /= 2;
	else
		high = 2 * index->nr;
	index->span = high - index->low;
}

/* Get another number of buckets */
static void index_begin_move(struct iou_index *index)
{
	struct hlist_head *heads;
	u32 bits;

	if (index->nr >= index->low)
		bits = min(index->bits + 1, IOU_INDEX_MAX_BITS);
	else
		bits = max(ilog2(index->nr | 1) + 1, IOU_INDEX_KEEP_BITS);
	heads = bits == index->bits ? NULL :
		kvmalloc_array(1u << bits, sizeof(*heads),
			       GFP_NOIO | __GFP_ACCOUNT | __GFP_NOWARN);
	if (!heads) {
		index_put_off(index);
		return;
	}
	index->old = index->heads;
	index->old_bits = index->bits;
	index->old_next = 0;
	index->heads = heads;
	index->bits = bits;
	index_open_bucket(index, 0);
	/* Each that is added moves others until this is over */
	index->low = 0;
	index->span = 0;
}

static void index_end_move(struct iou_index *index)
{
	if (index->old != index->first)
		kvfree(index->old);
	index->old = NULL;
	index_set_limits(index);
}

/* Move one request, or go on to the next bucket */
static void index_move_one(struct iou_index *index)
{
	struct hlist_node *node = index->old[index->old_next].first;
	struct iou_req *req;

	if (node) {
		req = hlist_entry(node, struct iou_req, index);
		hlist_del(node);
		hlist_add_head(node, &index->heads[hash_64(req->user_data, index->bits)]);
		return;
	}
	if (++index->old_next >> index->old_bits)
		index_end_move(index);
	else
		index_open_bucket(index, index->old_next);
}

static void index_move_some(struct iou_index *index)
{
	u32 steps;

	if (!index->old)
		index_begin_move(index);
	for (steps = 0; index->old && steps < IOU_INDEX_STEPS; steps++)
		index_move_one(index);
}

/**
 * iou_index_add_slow() - iou_index_add() while the number of buckets is not right
 * @index: of a locked ring
 * @req: not in there; the caller counts it
 *
 * Context: ring lock. May sleep.
 */
void iou_index_add_slow(struct iou_index *index, struct iou_req *req)
{
	struct hlist_head *bucket;
	u32 i;

	if (!atomic_read(&index->nr_walks))
		index_move_some(index);
	bucket = &index->heads[hash_64(req->user_data, index->bits)];
	if (index->old) {
		i = hash_64(req->user_data, index->old_bits);
		if (i > index->old_next)
			bucket = &index->old[i];
	}
	hlist_add_head(&req->index, bucket);
}

/**
 * iou_index_bucket() - any bucket of an index
 * @index: of a locked ring
 * @i: from 0 on. Others may have these numbers when the ring was unlocked
 *
 * Context: ring lock.
 * Return: the bucket, in which there may be marks (DONE); or NULL: no more.
 */
struct hlist_head *iou_index_bucket(const struct iou_index *index, u32 i)
{
	u32 nr_old = index->old ? (1u << index->old_bits) - index->old_next : 0;

	if (i < nr_old)
		return &index->old[index->old_next + i];
	i -= nr_old;
	return i < index_nr_open(index) ? &index->heads[i] : NULL;
}

/* Marks of those who were killed on the way */
static void free_abandoned(struct iou_index *index)
{
	struct llist_node *list = llist_del_all(&index->abandoned);
	struct iou_req *mark, *next;

	llist_for_each_entry_safe(mark, next, list, qnode) {
		hlist_del(&mark->index);
		kfree(mark);
	}
}

/**
 * iou_walk_begin() - start to go through all requests of an index
 * @walk: prepared
 * @ring: locked. The caller keeps it until iou_walk_end()
 * @mark: for iou_walk_pause(), or NULL
 *
 * Context: ring lock.
 */
void iou_walk_begin(struct iou_walk *walk, struct iou_ring *ring, struct iou_req *mark)
{
	iou_assert_locked(ring);
	free_abandoned(&ring->parked);
	walk->mark = mark;
	walk->index = &ring->parked;
	walk->place = 0;
	walk->next = NULL;
	atomic_inc(&walk->index->nr_walks);
}

/**
 * iou_walk_next() - the next request
 * @walk: begun, and not paused
 * @req: receives it; the caller may take it off the index, and no other one. Or NULL:
 *       ask again
 *
 * A short step, so that the caller knows how long it goes on.
 *
 * Context: ring lock.
 * Return: false: there are no more.
 */
bool iou_walk_next(struct iou_walk *walk, struct iou_req **req)
{
	struct hlist_head *bucket;

	*req = hlist_entry_safe(walk->next, struct iou_req, index);
	if (*req) {
		walk->next = walk->next->next;
		/* Another one's mark */
		if (READ_ONCE((*req)->state) == IOU_S_DONE)
			*req = NULL;
		return true;
	}
	bucket = iou_index_bucket(walk->index, walk->place);
	if (!bucket)
		return false;
	walk->place++;
	walk->next = bucket->first;
	return true;
}

/**
 * iou_walk_pause() - before the ring is unlocked on the way
 * @walk: begun
 *
 * Context: ring lock.
 */
void iou_walk_pause(struct iou_walk *walk)
{
	if (!walk->next)
		return;
	walk->mark->user_data = 0;
	walk->mark->state = IOU_S_DONE;
	hlist_add_before(&walk->mark->index, walk->next);
}

/**
 * iou_walk_resume() - after it
 * @walk: paused
 *
 * Context: ring lock.
 */
void iou_walk_resume(struct iou_walk *walk)
{
	if (!walk->next)
		return;
	walk->next = walk->mark->index.next;
	hlist_del(&walk->mark->index);
}

/**
 * iou_walk_end() - the end
 * @walk: begun, and not paused
 *
 * Context: any: there need not be a lock any more.
 */
void iou_walk_end(struct iou_walk *walk)
{
	atomic_dec(&walk->index->nr_walks);
}

/**
 * iou_walk_abandon() - the end of who does not get the lock back
 * @walk: paused. Its mark was allocated with kmalloc(), and is the index's from here on
 *
 * Context: any.
 */
void iou_walk_abandon(struct iou_walk *walk)
{
	/* It stays where it is until somebody else goes through the index */
	if (walk->next)
		llist_add(&walk->mark->qnode, &walk->index->abandoned);
	else
		kfree(walk->mark);
	iou_walk_end(walk);
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

static __always_inline struct iou_req *bucket_find(const struct hlist_head *bucket,
						   u64 user_data, iou_req_match_fn match,
						   void *data)
{
	struct iou_req *req;

	hlist_for_each_entry(req, bucket, index)
		if (req->user_data == user_data && READ_ONCE(req->state) != IOU_S_DONE &&
		    (!match || match(req, data)))
			return req;
	return NULL;
}

/* While requests are being moved to other buckets, it may be in one of two */
static noinline struct iou_req *find_moving(const struct iou_index *index, u64 user_data,
					    iou_req_match_fn match, void *data)
{
	u32 i = hash_64(user_data, index->old_bits);
	struct iou_req *req = NULL;

	if (i >= index->old_next)
		req = bucket_find(&index->old[i], user_data, match, data);
	if (req || i > index->old_next)
		return req;
	return bucket_find(&index->heads[hash_64(user_data, index->bits)], user_data,
			   match, data);
}

/**
 * iou_park_find() - find a parked request by its user_data
 * @ring: locked
 * @user_data: to look for
 * @match: which of several; NULL: any
 * @data: for @match
 *
 * Context: ring lock.
 * Return: the request, perhaps already claimed; or NULL.
 */
struct iou_req *iou_park_find(struct iou_ring *ring, u64 user_data,
			      iou_req_match_fn match, void *data)
{
	struct iou_index *index = &ring->parked;

	iou_assert_locked(ring);
	if (unlikely(index->old))
		return find_moving(index, user_data, match, data);
	return bucket_find(&index->heads[hash_64(user_data, index->bits)], user_data,
			   match, data);
}

/**
 * iou_park_init() - prepare the index
 * @ring: being made
 */
void iou_park_init(struct iou_ring *ring)
{
	ring->parked.heads = ring->parked.first;
	ring->parked.bits = IOU_INDEX_MIN_BITS;
	index_set_limits(&ring->parked);
}

/**
 * iou_park_free() - free the index
 * @ring: nobody can reach it any more
 */
void iou_park_free(struct iou_ring *ring)
{
	struct iou_index *index = &ring->parked;

	WARN_ON_ONCE(index->nr || atomic_read(&index->nr_walks));
	free_abandoned(index);
	if (index->heads != index->first)
		kvfree(index->heads);
	if (index->old != index->first)
		kvfree(index->old);
}
