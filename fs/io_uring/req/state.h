/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The state of a request, see enum iou_state, and those of lanes and rings. They change by
 * these functions; on kernels with lockdep these warn of a step that must not be. Two
 * places exchange a request's state by themselves, because what comes next depends on what
 * was: claim() in run/poll.c, and what drivers do to their commands, in ops/uring_cmd.c.
 */
#ifndef IOU_REQ_STATE_H
#define IOU_REQ_STATE_H

#include "../iou.h"

bool iou_state_may_follow(enum iou_state from, enum iou_state to);
void iou_req_check_step(const struct iou_req *req, enum iou_state from, enum iou_state to);
bool iou_lane_state_may_follow(enum iou_lane_state from, enum iou_lane_state to);
void iou_lane_check_step(const struct iou_lane *lane, enum iou_lane_state to);
bool iou_ring_state_may_follow(enum iou_ring_state from, enum iou_ring_state to);
void iou_ring_check_step(const struct iou_ring *ring, enum iou_ring_state to);

#define IOU_CHECK_STEPS	IS_ENABLED(CONFIG_PROVE_LOCKING)

/**
 * iou_req_begin() - the state of a request that had none, or none that matters
 * @req: the caller's
 * @state: ISSUED; BUSY, for one that no SQE stands for; DONE, for one that is not used
 */
static __always_inline void iou_req_begin(struct iou_req *req, enum iou_state state)
{
	req->state = state;
}

/**
 * iou_req_step() - a request's owner changes its state
 * @req: nobody else may change it now
 * @to: the new state
 */
static __always_inline void iou_req_step(struct iou_req *req, enum iou_state to)
{
	if (IOU_CHECK_STEPS)
		iou_req_check_step(req, READ_ONCE(req->state), to);
	WRITE_ONCE(req->state, to);
}

/**
 * iou_req_step_release() - the same, with all that was written before
 * @req: nobody else may change it now, but perhaps after this
 * @to: the new state
 */
static __always_inline void iou_req_step_release(struct iou_req *req, enum iou_state to)
{
	if (IOU_CHECK_STEPS)
		iou_req_check_step(req, READ_ONCE(req->state), to);
	/* Pairs with whoever sees @to: iou_req_try_step(), or the acquire in run/iopoll.c */
	smp_store_release(&req->state, to);
}

/**
 * iou_req_try_step() - the same, where two parties may want the request
 * @req: may be gone if somebody was faster
 * @from: the state in which it is to be had
 * @to: the new state
 *
 * Return: whether it was in @from. A full barrier if so.
 */
static __always_inline bool iou_req_try_step(struct iou_req *req, enum iou_state from,
					     enum iou_state to)
{
	if (IOU_CHECK_STEPS)
		iou_req_check_step(req, from, to);
	return cmpxchg(&req->state, from, to) == from;
}

/**
 * iou_lane_step() - change the state of a lane
 * @lane: any
 * @to: the new state
 *
 * Some look at it without the lock.
 *
 * Context: ring lock.
 */
static inline void iou_lane_step(struct iou_lane *lane, enum iou_lane_state to)
	__must_hold(&lane->ring->lock)
{
	if (IOU_CHECK_STEPS)
		iou_lane_check_step(lane, to);
	WRITE_ONCE(lane->state, to);
}

/**
 * iou_ring_step() - change the state of a ring
 * @ring: any
 * @to: the new state
 *
 * Some look at it without the lock.
 *
 * Context: ring lock, or nobody has the ring yet.
 */
static inline void iou_ring_step(struct iou_ring *ring, enum iou_ring_state to)
{
	if (IOU_CHECK_STEPS)
		iou_ring_check_step(ring, to);
	WRITE_ONCE(ring->state, to);
}

#endif
