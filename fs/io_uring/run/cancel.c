// SPDX-License-Identifier: GPL-2.0
/*
 * Cancelling requests.
 *
 * A request is found where it waits:
 *
 *   parked             in the index; claimed, and completed by the unlock; or, if
 *                      its event is on the way, marked, so that it does not
 *                      park again
 *   queued             in a worker pool or behind its inode's turn; taken out
 *   run by a worker    interrupted; its own result comes later
 *   given back by one  among its lane's events, to be parked: marked
 *
 * What a device is busy with cannot be cancelled and counts as not found.
 */
#include <linux/io_uring.h>

#include "../req/complete.h"
#include "../req/drain.h"
#include "../req/hash.h"
#include "../req/park.h"
#include "cancel.h"
#include "worker.h"

/**
 * struct search - one pass over a ring
 * @ring: which
 * @match: which requests
 * @data: for it
 * @all: every match, not only the first
 * @nr: matches so far
 * @nr_ended: of these, those that have completed
 */
struct search {
	struct iou_ring *ring;
	iou_req_match_fn match;
	void *data;
	bool all;
	u32 nr;
	u32 nr_ended;
};

/**
 * iou_cancel_init() - prepare a ring for commands that can be stopped
 * @ring: being made
 */
void iou_cancel_init(struct iou_ring *ring)
{
	INIT_LIST_HEAD(&ring->commands);
}

static bool search_match(const struct iou_req *req, struct search *search)
{
	if (!search->all && search->nr)
		return false;
	/* A pool serves all rings of its task */
	if (iou_req_ring(req) != search->ring)
		return false;
	/* A LINK_TIMEOUT ends with what it guards */
	if (req->opcode == IORING_OP_LINK_TIMEOUT || !search->match(req, search->data))
		return false;
	search->nr++;
	return true;
}

static bool search_match_work(struct iou_work *work, void *data)
{
	return search_match(container_of(work, struct iou_req, work), data);
}

static bool search_match_parked(const struct iou_req *req, void *data)
{
	return search_match(req, data);
}

static void search_end(struct iou_req *req, struct search *search)
	__must_hold(&iou_req_ring(req)->lock)
{
	search->nr_ended++;
	iou_req_end_soon(req, -ECANCELED);
}

static void search_pool(struct iou_pool *pool, struct search *search)
{
	struct iou_req *req, *next;
	LIST_HEAD(removed);

	if (!pool)
		return;
	iou_pool_cancel(pool, search_match_work, search, &removed);
	list_for_each_entry_safe(req, next, &removed, work.node) {
		list_del(&req->work.node);
		search_end(req, search);
	}
}

/* Whose turn on an inode has come, but is not with the pool */
static void search_ready(struct iou_ring *ring, struct search *search)
	__must_hold(&ring->lock)
{
	struct iou_req *req, *next;

	list_for_each_entry_safe(req, next, &ring->ready, work.node) {
		if (req->state != IOU_S_QUEUED || !search_match(req, search))
			continue;
		/* It gives on the turn when it completes */
		list_del(&req->work.node);
		iou_pool_unexpect(req->lane->task->pool, &req->work);
		search_end(req, search);
	}
}

/* Who waits for a turn on an inode, or has just got it */
static void search_hashed(struct iou_ring *ring, struct search *search)
	__must_hold(&ring->lock)
{
	struct iou_req *req, *next;
	int i;

	for (i = 0; ring->hash && i < IOU_NR_TURNS; i++) {
		list_for_each_entry_safe(req, next, &ring->hash[i].waiting, work.node) {
			if (!search_match(req, search))
				continue;
			iou_hash_abandon(req);
			iou_pool_unexpect(req->lane->task->pool, &req->work);
			search_end(req, search);
		}
	}
	search_ready(ring, search);
}

static void search_parked(struct iou_ring *ring, struct search *search)
	__must_hold(&ring->lock)
{
	HLIST_HEAD(claimed);
	struct hlist_node *next;
	struct iou_req *req;

	iou_park_claim_all(ring, search_match_parked, search, &claimed);
	hlist_for_each_entry_safe(req, next, &claimed, index)
		search_end(req, search);
}

static void search_events(struct llist_node *events, struct search *search)
{
	struct iou_req *req;

	llist_for_each_entry(req, events, qnode)
		if (req->state == IOU_S_RETURNED && search_match(req, search))
			req->cancelled = true;
}

/* What workers have given back. After the pools: from there it comes here */
static void search_returned(struct iou_ring *ring, struct search *search)
	__must_hold(&ring->lock)
{
	struct iou_lane *lane;

	/* Only who has the ring lock takes events off */
	list_for_each_entry(lane, &ring->lanes, ring_node) {
		search_events(READ_ONCE(lane->events.first), search);
		search_events(lane->batch, search);
	}
}

/* The pools of all tasks of the ring, current's first */
static void search_pools(struct iou_ring *ring, struct search *search)
	__must_hold(&ring->lock)
{
	struct iou_lane *lane;

	list_for_each_entry(lane, &ring->lanes, ring_node)
		if (lane->task->task == current)
			search_pool(iou_lane_pool(lane), search);
	list_for_each_entry(lane, &ring->lanes, ring_node)
		if (lane->task->task != current)
			search_pool(iou_lane_pool(lane), search);
}

static int search_result(const struct search *search)
{
	if (search->all)
		return search->nr;
	if (!search->nr)
		return -ENOENT;
	return search->nr_ended ? 0 : -EALREADY;
}

static bool match_keys(const struct iou_req *req, void *data)
{
	const struct iou_cancel *what = data;
	u32 flags = what->flags;

	if (flags & IORING_ASYNC_CANCEL_ANY)
		return true;
	if ((flags & IORING_ASYNC_CANCEL_FD) && req->file != what->file)
		return false;
	if ((flags & IORING_ASYNC_CANCEL_OP) && req->opcode != what->opcode)
		return false;
	if ((flags & IORING_ASYNC_CANCEL_USERDATA) ||
	    !(flags & (IORING_ASYNC_CANCEL_FD | IORING_ASYNC_CANCEL_OP)))
		return req->user_data == what->user_data;
	return true;
}

static bool is_by_user_data(const struct iou_cancel *what)
{
	return !(what->flags & (IORING_ASYNC_CANCEL_ALL | IORING_ASYNC_CANCEL_ANY |
				IORING_ASYNC_CANCEL_FD | IORING_ASYNC_CANCEL_OP));
}

static bool match_parked(const struct iou_req *req, void *data)
{
	return req->opcode != IORING_OP_LINK_TIMEOUT;
}

/* One parked request, which the index finds */
static bool cancel_parked_one(struct iou_ring *ring, u64 user_data, int *ret)
	__must_hold(&ring->lock)
{
	struct iou_req *req = iou_park_find(ring, user_data, match_parked, NULL);

	if (!req)
		return false;
	*ret = iou_cancel_req(req);
	return true;
}

/**
 * iou_cancel() - cancel requests
 * @ring: locked
 * @what: which
 *
 * Context: ring lock. May sleep.
 * Return: with CANCEL_ALL or CANCEL_ANY how many were found. Otherwise 0: the
 * first that was found completes with -ECANCELED in the unlock; -EALREADY: it will, or
 * with its own result, soon; -ENOENT: none was found.
 */
int iou_cancel(struct iou_ring *ring, const struct iou_cancel *what)
{
	struct search search = {
		.ring	= ring,
		.match	= match_keys,
		.data	= (void *)what,
		.all	= what->flags & (IORING_ASYNC_CANCEL_ALL | IORING_ASYNC_CANCEL_ANY),
	};
	int ret;

	iou_assert_locked(ring);
	if (is_by_user_data(what) && cancel_parked_one(ring, what->user_data, &ret))
		return ret;
	search_pools(ring, &search);
	search_returned(ring, &search);
	search_hashed(ring, &search);
	if (!is_by_user_data(what))
		search_parked(ring, &search);
	return search_result(&search);
}

static bool match_one(const struct iou_req *req, void *data)
{
	return req == data;
}

/**
 * iou_cancel_req() - cancel a request
 * @req: any
 *
 * Context: ring lock. May sleep.
 * Return: 0: it completes with -ECANCELED in the unlock; 1: the same for what waits for
 * a futex or a child, where 6.12 counts and programs know that. -EALREADY: it is ending.
 * -ENOENT: it cannot be cancelled.
 */
int iou_cancel_req(struct iou_req *req)
{
	struct iou_ring *ring = iou_req_ring(req);
	struct search search = { .ring = ring, .match = match_one, .data = req };

	switch (req->state) {
	case IOU_S_PARKED:
		if (iou_park_claim(req)) {
			iou_req_end_soon(req, -ECANCELED);
			return req->park->of_task ? 1 : 0;
		}
		break;
	case IOU_S_CLAIMED:
	case IOU_S_AGAIN:
	case IOU_S_ENDED:
	case IOU_S_RETURNED:
		break;
	case IOU_S_QUEUED:
	case IOU_S_WORKING:
		search_hashed(ring, &search);
		if (!search.nr)
			search_pool(iou_lane_pool(req->lane), &search);
		if (!search.nr && READ_ONCE(req->state) == IOU_S_RETURNED)
			break;
		return search_result(&search);
	default:
		return -ENOENT;
	}
	req->cancelled = true;
	return -EALREADY;
}

static bool match_lane(const struct iou_req *req, void *data)
{
	return req->lane == data;
}

static bool match_unbound_lane(const struct iou_req *req, void *data)
{
	/* A driver that is to stop what it has accepted does not get more of it */
	return (req->work.unbound || iou_req_op(req)->ask_cancel) && match_lane(req, data);
}

/* Parked requests that cannot outlive their task, or would keep rings alive */
static bool match_of_task(const struct iou_req *req, void *data)
{
	return match_lane(req, data) &&
	       (req->park->of_task || (req->file && io_is_uring_fops(req->file)));
}

/**
 * iou_cancel_commands() - ask drivers to stop commands
 * @lane: whose commands, as far as they can be stopped. It will not be used any more
 *
 * They end when the drivers say so. A driver may have reasons to go on for now;
 * then it has to be asked again.
 *
 * Context: ring lock.
 */
void iou_cancel_commands(struct iou_lane *lane)
{
	struct iou_req *req;

	iou_assert_locked(lane->ring);
	list_for_each_entry(req, &lane->ring->commands, node) {
		if (req->lane != lane)
			continue;
		lane->stopping = true;
		iou_req_op(req)->ask_cancel(req);
	}
}

/**
 * iou_cancel_lane() - end all of a lane's requests that can be ended
 * @lane: its ring is locked
 *
 * Context: ring lock. May sleep.
 */
void iou_cancel_lane(struct iou_lane *lane)
{
	struct search search = {
		.ring	= lane->ring,
		.match	= match_lane,
		.data	= lane,
		.all	= true,
	};

	if (!lane->nr_inflight)
		return;
	iou_drain_cancel(lane);
	search_hashed(lane->ring, &search);
	search_pool(iou_lane_pool(lane), &search);
	iou_cancel_commands(lane);
	search_parked(lane->ring, &search);
}

/**
 * iou_cancel_work() - end what workers do, or would do, for a lane
 * @lane: its ring is locked
 * @unbound_only: only what may take for ever
 *
 * Context: ring lock. May sleep.
 */
void iou_cancel_work(struct iou_lane *lane, bool unbound_only)
{
	struct search search = {
		.ring	= lane->ring,
		.match	= unbound_only ? match_unbound_lane : match_lane,
		.data	= lane,
		.all	= true,
	};

	if (!lane->nr_inflight)
		return;
	if (!unbound_only)
		search_hashed(lane->ring, &search);
	search_pool(iou_lane_pool(lane), &search);
	iou_cancel_commands(lane);
}

/**
 * iou_cancel_ring_files() - end a lane's requests that wait for a ring
 * @lane: its ring is locked, its task exits
 *
 * They hold the file of that ring, which may be this one: without this it would
 * never be closed.
 *
 * Context: ring lock. May sleep.
 */
void iou_cancel_ring_files(struct iou_lane *lane)
{
	struct search search = {
		.ring	= lane->ring,
		.match	= match_of_task,
		.data	= lane,
		.all	= true,
	};

	if (lane->nr_inflight)
		search_parked(lane->ring, &search);
}
