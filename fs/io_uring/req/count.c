// SPDX-License-Identifier: GPL-2.0
/*
 * Counting CQEs: TIMEOUT with an off.
 *
 * The list is in the order in which the requests end, so that the unlock looks
 * at the first only, and only while there is one (IOU_COLD_COUNT).
 */
#include "complete.h"
#include "count.h"
#include "park.h"

/* Requests that are ended before others have their turn */
#define IOU_COUNT_STEPS		64

/* CQEs in the CQ since it was made, without those of timeouts; wraps around */
static u32 count_now(const struct iou_ring *ring)
{
	return iou_cq_counted(&ring->cq, ring->cq.tail);
}

/* The cmd as what this file knows of it */
static struct iou_count *count_of(struct iou_req *req)
{
	return iou_req_cmd(req, struct iou_count);
}

/*
 * How many CQEs are missing? 0: none, and the next iou_count_check() ends it; more than
 * asked for may have come since the last one.
 */
static u32 count_left(const struct iou_count *count, u32 now)
{
	u32 elapsed = max((s32)(now - count->start), 0);

	return elapsed < count->nr ? count->nr - elapsed : 0;
}

static struct iou_req *count_req(struct iou_count *count)
{
	return iou_cmd_req(count);
}

/**
 * iou_count_init() - prepare a ring for requests that count CQEs
 * @ring: being made
 */
void iou_count_init(struct iou_ring *ring)
{
	INIT_LIST_HEAD(&ring->counting);
}

/**
 * iou_count_add() - end a request after a number of CQEs
 * @req: about to be parked; its cmd begins with a struct iou_count
 * @nr: how many CQEs
 * @tail: of the CQ, from where they are counted: now, or not long ago
 *
 * Context: ring lock.
 */
void iou_count_add(struct iou_req *req, u32 nr, u32 tail)
{
	struct iou_ring *ring = iou_req_ring(req);
	struct iou_count *count = count_of(req);
	u32 now = count_now(ring);
	struct iou_count *other;
	u32 left;

	iou_assert_locked(ring);
	count->start = iou_cq_counted(&ring->cq, tail);
	count->nr = nr;
	left = count_left(count, now);

	/* Most are put in with the same number: look from the end */
	list_for_each_entry_reverse(other, &ring->counting, node)
		if (count_left(other, now) <= left)
			break;
	list_add(&count->node, &other->node);
	ring->cold |= IOU_COLD_COUNT;
}

/**
 * iou_count_check() - end requests whose number is reached
 * @ring: locked
 *
 * Context: ring lock. May sleep.
 * Return: whether there are more of them.
 */
bool iou_count_check(struct iou_ring *ring)
{
	struct iou_count *count, *next;
	u32 now = count_now(ring);
	u32 steps = IOU_COUNT_STEPS;
	bool more = false;

	iou_assert_locked(ring);
	list_for_each_entry_safe(count, next, &ring->counting, node) {
		struct iou_req *req = count_req(count);

		if (count_left(count, now))
			break;
		more = !steps--;
		if (more)
			break;
		list_del_init(&count->node);
		/* If its time is up in this moment, its handler ends it */
		if (!iou_park_claim(req))
			continue;
		iou_req_end(req, 0);
	}
	if (!list_empty(&ring->counting))
		ring->cold |= IOU_COLD_COUNT;
	return more;
}
