// SPDX-License-Identifier: GPL-2.0
/*
 * IO_DRAIN.
 *
 * From the first request with IO_DRAIN on, all that is submitted queues up here
 * in units: a single request or a whole chain. A unit with IO_DRAIN starts when
 * nothing that was started is left, and what stands behind it when it has
 * completed. When the queue is empty and its last unit with IO_DRAIN complete,
 * submission goes the direct way again.
 *
 * What is in flight is known from the lanes; nothing is counted for drain's sake
 * while nobody uses it.
 */
#include <trace/events/io_uring.h>

#include "complete.h"
#include "drain.h"

/* Units that are moved before others have their turn */
#define IOU_DRAIN_STEPS		64

/*
 * How much of what is in flight is a unit's. A notification is made with its send:
 * until that starts, nobody must wait for it.
 */
static u32 unit_size(const struct iou_req *req)
{
	u32 nr = 0;

	for (; req; req = iou_chain_next(req))
		nr += iou_req_op(req)->notifies ? 2 : 1;
	return nr;
}

/**
 * iou_drain_init() - prepare a ring for IO_DRAIN
 * @ring: being made
 */
void iou_drain_init(struct iou_ring *ring)
{
	INIT_LIST_HEAD(&ring->drain.queue);
}

/**
 * iou_drain_enter() - queue a unit
 * @head: HELD. It has IO_DRAIN, or the ring is IOU_STRICT_DRAIN
 *
 * Whoever unlocks next finds out what can start.
 *
 * Context: ring lock.
 */
void iou_drain_enter(struct iou_req *head)
{
	struct iou_ring *ring = iou_req_ring(head);

	iou_assert_locked(ring);
	trace_io_uring_defer(ring, head, head->user_data, head->opcode);
	list_add_tail(&head->work.node, &ring->drain.queue);
	ring->drain.nr_reqs += unit_size(head);
	ring->strict |= IOU_STRICT_DRAIN;
	ring->watch |= IOU_COLD_DRAIN;
	ring->cold |= IOU_COLD_DRAIN;
}

/* Requests that were started and are not complete */
static u32 nr_started(const struct iou_ring *ring)
{
	const struct iou_lane *lane;
	u32 nr = 0;

	list_for_each_entry(lane, &ring->lanes, ring_node)
		nr += lane->nr_inflight;
	return nr - ring->drain.nr_reqs;
}

/**
 * iou_drain_advance() - move units that can start to ring->ready
 * @ring: locked. If there may be more, IOU_COLD_DRAIN is set
 *
 * Context: ring lock.
 */
void iou_drain_advance(struct iou_ring *ring)
{
	struct iou_drain *drain = &ring->drain;
	u32 busy = nr_started(ring);
	u32 steps = IOU_DRAIN_STEPS;

	iou_assert_locked(ring);
	while (!list_empty(&drain->queue)) {
		struct iou_req *head = list_first_entry(&drain->queue, struct iou_req,
							work.node);
		bool wants = head->sqe_flags & IOSQE_IO_DRAIN;
		u32 nr;

		if (busy && (wants || drain->barrier))
			return;
		if (!steps--) {
			ring->cold |= IOU_COLD_DRAIN;
			return;
		}
		nr = unit_size(head);
		drain->barrier = wants;
		drain->nr_reqs -= nr;
		busy += nr;
		list_move_tail(&head->work.node, &ring->ready);
		ring->cold |= IOU_COLD_READY;
	}
	if (busy && drain->barrier)
		return;
	drain->barrier = false;
	ring->strict &= ~IOU_STRICT_DRAIN;
	ring->watch &= ~IOU_COLD_DRAIN;
}

/**
 * iou_drain_cancel() - end what is in the queue
 * @ring: locked
 * @lane: only what is this one's; or NULL
 * @max: so many units at most
 *
 * Context: ring lock. May sleep.
 * Return: whether there may be more.
 */
bool iou_drain_cancel(struct iou_ring *ring, const struct iou_lane *lane, u32 max)
{
	struct iou_req *head, *next;

	iou_assert_locked(ring);
	list_for_each_entry_safe(head, next, &ring->drain.queue, work.node) {
		if (lane && head->lane != lane)
			continue;
		if (!max--)
			return true;
		list_del(&head->work.node);
		ring->drain.nr_reqs -= unit_size(head);
		iou_chain_cancel(head);
	}
	return false;
}
