// SPDX-License-Identifier: GPL-2.0
/*
 * Chains of links, and requests that have to wait for a drain.
 *
 * While a batch is submitted, members are collected in ring->chain: they are prepared
 * and HELD. A member without a link flag, or the end of the batch, closes the chain.
 * Then
 *
 *   a member was rejected   nothing is started, see iou_chain_refuse()
 *   there is IO_DRAIN       the chain queues up, see req/drain.c
 *   else                    members are started, one after the other, for as long as
 *                           they complete on the spot. When one does not, what is
 *                           left of the chain outlives its submission. Whoever
 *                           completes it puts the next one on ring->ready
 *
 * How a chain ends is in req/complete.c.
 */
#include "../req/drain.h"
#include "../req/req.h"
#include "chain.h"
#include "issue.h"
#include "lock.h"

/* The event of a HELD request: its turn has come, or @cancel: it is not to start */
static void chain_event(struct iou_req *req, bool cancel)
	__must_hold(&iou_req_ring(req)->lock)
{
	if (unlikely(cancel || iou_ring_is_closing(iou_req_ring(req)))) {
		iou_req_end(req, -ECANCELED);
		return;
	}
	iou_issue_prepared(req);
}

/* A chain, or what is left of it, outlives its submission */
static void chain_keep(struct iou_req *req)
	__must_hold(&iou_req_ring(req)->lock)
{
	struct iou_req *next;

	for (; req; req = next) {
		next = iou_chain_next(req);
		if (req->held & IOU_HELD_INFLIGHT)
			continue;

		iou_req_keep(req);
		/* A LINK_TIMEOUT has its own */
		if (req->state == IOU_S_HELD && req->opcode != IORING_OP_LINK_TIMEOUT)
			req->event = chain_event;
	}
}

/* Must it go to a worker, is it guarded by a LINK_TIMEOUT, or has it a personality? */
static __always_inline bool chain_must_keep(const struct iou_req *req,
					    const struct iou_op *op)
{
	return !op->issue ||
	       (req->traits & iou_traits(.sqe_flags = IOSQE_ASYNC, .held = IOU_HELD_CREDS,
					 .notes = IOU_NOTE_GUARDED));
}

/*
 * Start @req, HELD and the first of what is left of a chain.
 * Return: the next member to start, or NULL: the rest does not need this loop.
 */
static __always_inline struct iou_req *chain_start_one(struct iou_ring *ring,
						       struct iou_req *req)
	__must_hold(&ring->lock)
{
	const struct iou_op *op = ring->ops[req->opcode];
	struct iou_req *next = req->link;
	iou_verdict_t verdict;

	if (unlikely(chain_must_keep(req, op))) {
		chain_keep(req);
		iou_issue_prepared(req);
		return NULL;
	}

	iou_req_step(req, IOU_S_ISSUED);
	verdict = op->issue(req);
	if (unlikely(verdict != IOU_DONE)) {
		chain_keep(req);
		iou_issue_settle(req, verdict);
		return NULL;
	}

	if (unlikely(!iou_req_is_plain(req) || req->res < 0))
		return iou_req_complete_next(req);
	iou_req_post(ring, req);
	iou_req_recycle(ring, req);
	return next;
}

/* Let others have the lock before a chain goes on with @req */
static void chain_pause(struct iou_ring *ring, struct iou_req *req)
	__must_hold(&ring->lock)
{
	chain_keep(req);
	list_add_tail(&req->work.node, &ring->ready);
	ring->cold |= IOU_COLD_READY;
}

/* Start a chain that was just submitted. Nothing of it is kept */
static void chain_start(struct iou_ring *ring, struct iou_req *req)
	__must_hold(&ring->lock)
{
	u32 nr = 0;

	while (req) {
		req = chain_start_one(ring, req);
		if (likely(++nr % IOU_HOLD_STEPS || !req))
			continue;

		switch (iou_ring_look_around(ring)) {
		case IOU_HOLD_END:
			iou_chain_cancel(req);
			return;
		case IOU_HOLD_YIELD:
			chain_pause(ring, req);
			return;
		default:
			break;
		}
	}
}

/* Let a unit wait for its turn: a single request or a chain. Nothing of it is kept */
static void chain_drain(struct iou_req *head)
	__must_hold(&iou_req_ring(head)->lock)
{
	chain_keep(head);
	iou_drain_enter(head);
}

static bool chain_must_drain(const struct iou_ring *ring, const struct iou_req *head)
	__must_hold(&ring->lock)
{
	return (head->sqe_flags & IOSQE_IO_DRAIN) || (ring->strict & IOU_STRICT_DRAIN);
}

/**
 * iou_chain_close() - no other member follows: start the chain or let it wait
 * @ring: locked; has a chain that is being built
 *
 * Context: ring lock, in the lane's task. May sleep.
 */
void iou_chain_close(struct iou_ring *ring)
{
	struct iou_chain chain = ring->chain;

	iou_assert_locked(ring);
	ring->chain.head = NULL;
	ring->chain.tail = NULL;
	ring->strict &= ~IOU_STRICT_CHAIN;
	chain.tail->link = NULL;

	if (chain.failed)
		iou_chain_refuse(chain.head);
	else if (unlikely(chain_must_drain(ring, chain.head)))
		chain_drain(chain.head);
	else
		chain_start(ring, chain.head);

	/* A message must not wait for the SQEs behind the chain, which may sleep */
	if (unlikely(ring->kick) && iou_sq_pending(&ring->sq))
		iou_ring_forward(ring);
}

/* Put @req behind the last member. IO_DRAIN on any member is for all of them */
static void chain_append(struct iou_ring *ring, struct iou_req *req)
	__must_hold(&ring->lock)
{
	struct iou_chain *chain = &ring->chain;

	if (!chain->head) {
		chain->head = req;
		chain->failed = false;
		ring->strict |= IOU_STRICT_CHAIN;
	} else {
		trace_io_uring_link(ring, req, chain->head);
		chain->tail->link = req;
		chain->head->sqe_flags |= req->sqe_flags & IOSQE_IO_DRAIN;
	}
	chain->tail = req;
}

/**
 * iou_chain_add() - take a request that may not start before others
 * @ring: locked
 * @req: HELD; or ISSUED, if @rejected
 * @rejected: its SQE was
 *
 * It becomes a member of a chain, or waits for a drain.
 *
 * Context: ring lock, in the lane's task. May sleep.
 * Return: IOU_TAKEN; IOU_REFUSED: it was the last of a chain, and rejected;
 * IOU_REJECTED: it was rejected, and not taken.
 */
iou_verdict_t iou_chain_add(struct iou_ring *ring, struct iou_req *req, bool rejected)
{
	bool linked = req->sqe_flags & IOU_LINK_FLAGS;

	iou_assert_locked(ring);
	if (!linked && !ring->chain.head) {
		if (rejected)
			return IOU_REJECTED;
		chain_drain(req);
		return IOU_TAKEN;
	}

	chain_append(ring, req);
	ring->chain.failed |= rejected;
	if (linked)
		return IOU_TAKEN;

	iou_chain_close(ring);
	return rejected ? IOU_REFUSED : IOU_TAKEN;
}
