// SPDX-License-Identifier: GPL-2.0
/*
 * Which states of a request, of a lane, and of a ring may follow each other.
 */
#include "state.h"

#define S(state)	BIT(IOU_S_##state)

/*
 * An attempt may find a request in the hands of another for a moment (BUSY), and have it
 * back when its callee returns: so whatever may follow ISSUED may follow BUSY. The same
 * is true of the event of a request that goes on waiting where it is (CLAIMED, AGAIN).
 * A request that is complete at once is used for the next SQE without being DONE.
 */
#define AFTER_ATTEMPT	(S(ISSUED) | S(PARKED) | S(BUSY) | S(CLAIMED) | S(QUEUED) | S(DONE))

static const u16 next_states[] = {
	[IOU_S_ISSUED]	 = AFTER_ATTEMPT | S(HELD),
	[IOU_S_HELD]	 = S(ISSUED) | S(PARKED) | S(CLAIMED) | S(DONE),
	[IOU_S_PARKED]	 = S(CLAIMED),
	[IOU_S_BUSY]	 = AFTER_ATTEMPT,
	[IOU_S_CLAIMED]	 = AFTER_ATTEMPT | S(AGAIN),
	[IOU_S_AGAIN]	 = AFTER_ATTEMPT,
	[IOU_S_ENDED]	 = S(CLAIMED) | S(DONE),
	[IOU_S_QUEUED]	 = S(WORKING) | S(RETURNED) | S(CLAIMED) | S(DONE),
	[IOU_S_WORKING]	 = S(CLAIMED) | S(BUSY) | S(RETURNED) | S(QUEUED),
	[IOU_S_RETURNED] = S(ISSUED) | S(CLAIMED) | S(DONE),
	[IOU_S_DONE]	 = 0,
};

/**
 * iou_state_may_follow() - is this a step that a request may make?
 * @from: a state
 * @to: another
 *
 * Return: whether.
 */
bool iou_state_may_follow(enum iou_state from, enum iou_state to)
{
	return from < ARRAY_SIZE(next_states) && (next_states[from] & BIT(to));
}

/**
 * iou_req_check_step() - warn of a step that must not be
 * @req: which makes it
 * @from: its state
 * @to: the next
 *
 * Context: any.
 */
void iou_req_check_step(const struct iou_req *req, enum iou_state from, enum iou_state to)
{
	WARN_ONCE(!iou_state_may_follow(from, to),
		  "io_uring: a request with opcode %u goes from state %d to %d\n",
		  req->opcode, from, to);
}

static const u8 next_lane_states[] = {
	[IOU_LANE_ATTACHED] = BIT(IOU_LANE_DETACHED),
	[IOU_LANE_DETACHED] = BIT(IOU_LANE_GONE),
	[IOU_LANE_GONE]	    = 0,
};

/**
 * iou_lane_state_may_follow() - is this a step that a lane may make?
 * @from: a state
 * @to: another
 *
 * Return: whether.
 */
bool iou_lane_state_may_follow(enum iou_lane_state from, enum iou_lane_state to)
{
	return from < ARRAY_SIZE(next_lane_states) && (next_lane_states[from] & BIT(to));
}

/**
 * iou_lane_check_step() - warn of a step that must not be
 * @lane: which makes it
 * @to: the next state
 *
 * Context: ring lock.
 */
void iou_lane_check_step(const struct iou_lane *lane, enum iou_lane_state to)
{
	iou_assert_locked(lane->ring);
	WARN_ONCE(!iou_lane_state_may_follow(lane->state, to),
		  "io_uring: a lane goes from state %d to %d\n", lane->state, to);
}

/* A ring that nobody has enabled can be closed */
static const u8 next_ring_states[] = {
	[IOU_RING_DISABLED] = BIT(IOU_RING_ENABLED) | BIT(IOU_RING_CLOSING),
	[IOU_RING_ENABLED]  = BIT(IOU_RING_CLOSING),
	[IOU_RING_CLOSING]  = BIT(IOU_RING_DEAD),
	[IOU_RING_DEAD]	    = 0,
};

/**
 * iou_ring_state_may_follow() - is this a step that a ring may make?
 * @from: a state
 * @to: another
 *
 * Return: whether.
 */
bool iou_ring_state_may_follow(enum iou_ring_state from, enum iou_ring_state to)
{
	return from < ARRAY_SIZE(next_ring_states) && (next_ring_states[from] & BIT(to));
}

/**
 * iou_ring_check_step() - warn of a step that must not be
 * @ring: which makes it
 * @to: the next state
 *
 * Context: ring lock, or nobody has the ring yet.
 */
void iou_ring_check_step(const struct iou_ring *ring, enum iou_ring_state to)
{
	WARN_ONCE(!iou_ring_state_may_follow(ring->state, to),
		  "io_uring: a ring goes from state %d to %d\n", ring->state, to);
}
