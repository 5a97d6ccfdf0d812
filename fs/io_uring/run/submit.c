// SPDX-License-Identifier: GPL-2.0
/*
 * Submission: from SQEs to started requests.
 */
#include <linux/blkdev.h>
#include <linux/cred.h>
#include <linux/sched/signal.h>
#include <linux/security.h>

#include "../req/complete.h"
#include "../req/req.h"
#include "../rsrc/creds.h"
#include "../rsrc/pbuf.h"
#include "../rsrc/restrict.h"
#include "iopoll.h"
#include "issue.h"
#include "lock.h"
#include "submit.h"

#define IOU_SQE_FLAGS							\
	(IOSQE_FIXED_FILE | IOSQE_IO_DRAIN | IOSQE_IO_LINK |		\
	 IOSQE_IO_HARDLINK | IOSQE_ASYNC | IOSQE_BUFFER_SELECT |	\
	 IOSQE_CQE_SKIP_SUCCESS)

/* Requests from which on it pays to collect block I/O */
#define IOU_PLUG_MIN	3

/* Whatever outlives its submission runs with the credentials of its own */
static void hold_creds(struct iou_req *req, const struct cred *creds)
{
	req->creds = get_cred(creds);
	req->held |= IOU_HELD_CREDS;
}

/*
 * Run with other credentials than the task's. The program may change the SQE at any
 * time: opcodes ask iou_req_is_personal() instead of reading the word once more.
 */
static int take_creds(struct iou_req *req, const struct io_uring_sqe __shared *sqe)
	__must_hold(&iou_req_ring(req)->lock)
{
	u16 id = iou_sqe_get(sqe, personality);
	const struct cred *creds;
	int error;

	if (!id) {
		if (iou_req_ring(req)->strict & IOU_STRICT_CREDS)
			hold_creds(req, current_cred());
		return 0;
	}
	creds = iou_creds_find(iou_req_ring(req), id);
	if (!creds)
		return iou_reject(req, sqe, -EINVAL, "no such personality");
	error = security_uring_override_creds(creds);
	if (error)
		return iou_reject(req, sqe, error, "personality: refused by a security module");
	hold_creds(req, creds);
	return 0;
}

/* It wants a provided buffer */
static void set_select(struct iou_req *req, const struct io_uring_sqe __shared *sqe)
{
	req->notes |= IOU_NOTE_SELECT;
	req->buf_group = iou_sqe_get(sqe, buf_group);
	req->buf_cap = iou_pbuf_cap(iou_sqe_get(sqe, len));
}

/* The checks that only SQEs with flags, ioprio or personality need. In order. */
static int check_sqe(struct iou_req *req, const struct io_uring_sqe __shared *sqe,
		     union iou_sqe_head head)
	__must_hold(&iou_req_ring(req)->lock)
{
	struct iou_ring *ring = iou_req_ring(req);
	const struct iou_op *op = iou_req_op(req);

	/* There is ioprio, see iou_req.head */
	req->held = 0;
	req->notes = 0;
	/* Or what follows would hide it, and change the ring */
	if (head.opcode >= IORING_OP_LAST)
		return iou_reject(req, sqe, -EINVAL, "opcode is not supported");
	if (head.flags & ~IOU_SQE_FLAGS)
		return iou_reject(req, sqe, -EINVAL, "unknown flag");
	if ((head.flags & IOSQE_BUFFER_SELECT) && !op->pbuf)
		return iou_reject(req, sqe, -EOPNOTSUPP, "opcode selects no buffer");
	if (head.flags & IOSQE_CQE_SKIP_SUCCESS)
		ring->no_drain = true;
	if ((head.flags & IOSQE_IO_DRAIN) && ring->no_drain)
		return iou_reject(req, sqe, -EOPNOTSUPP, "IO_DRAIN after CQE_SKIP_SUCCESS");
	if ((ring->strict & IOU_STRICT_RESTRICT) &&
	    !iou_restrict_sqe_ok(ring->restrictions, head.opcode, head.flags))
		return iou_reject(req, sqe, -EACCES, "restricted");
	if (head.flags & IOSQE_BUFFER_SELECT)
		set_select(req, sqe);
	if (head.ioprio && !op->has_ioprio)
		return iou_reject(req, sqe, -EINVAL, "opcode has no ioprio");
	return take_creds(req, sqe);
}

/* Prepare, and leave the rest to a worker */
static iou_verdict_t start_async(struct iou_req *req,
				 const struct io_uring_sqe __shared *sqe)
	__must_hold(&iou_req_ring(req)->lock)
{
	const struct iou_op *op = iou_req_op(req);

	if (op->prep(req, sqe))
		return IOU_REJECTED;
	if (!op->work)
		return op->issue(req);
	iou_issue_async(req);
	return IOU_TAKEN;
}

static bool must_drain(const struct iou_req *head)
	__must_hold(&iou_req_ring(head)->lock)
{
	return (head->sqe_flags & IOSQE_IO_DRAIN) ||
	       (iou_req_ring(head)->strict & IOU_STRICT_DRAIN);
}

/* No other member follows: start the chain or let it wait */
static void chain_close(struct iou_ring *ring)
	__must_hold(&ring->lock)
{
	struct iou_chain chain = ring->chain;

	ring->chain.head = NULL;
	ring->chain.tail = NULL;
	ring->strict &= ~IOU_STRICT_CHAIN;
	chain.tail->link = NULL;
	if (chain.failed)
		iou_chain_refuse(chain.head);
	else if (unlikely(must_drain(chain.head)))
		iou_issue_drain(chain.head);
	else
		iou_issue_chain(chain.head);
	/* A message must not wait for the SQEs behind the chain, which may sleep */
	if (unlikely(ring->kick) && iou_sq_pending(&ring->sq))
		iou_ring_forward(ring);
}

/* Put @req behind the last member. Drain on any member is for all of them */
static void chain_add(struct iou_ring *ring, struct iou_req *req)
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

/* It may not start before others, and has been prepared, or refused (@rejected) */
static noinline iou_verdict_t held_add(struct iou_ring *ring, struct iou_req *req,
				       bool rejected)
	__must_hold(&ring->lock)
{
	bool linked = req->sqe_flags & IOU_LINK_FLAGS;

	if (linked || (ring->chain.head && !rejected)) {
		chain_add(ring, req);
		/* In the middle of a chain that does not end the batch */
		ring->chain.failed |= rejected;
		if (!linked)
			chain_close(ring);
		return IOU_TAKEN;
	}
	if (!rejected) {
		iou_issue_drain(req);
		return IOU_TAKEN;
	}
	if (ring->chain.head) {
		ring->chain.failed = true;
		chain_close(ring);
	}
	return IOU_REJECTED;
}

/* A member of a chain that has nothing else special, or what follows such a one */
static noinline iou_verdict_t submit_link(struct iou_ring *ring, struct iou_req *req,
					  const struct io_uring_sqe __shared *sqe,
					  const struct iou_op *op)
	__must_hold(&ring->lock)
{
	if (unlikely(op->prep(req, sqe)))
		return held_add(ring, req, true);
	req->state = IOU_S_HELD;
	if (!ring->chain.head || !(req->sqe_flags & IOU_LINK_FLAGS))
		return held_add(ring, req, false);
	trace_io_uring_link(ring, req, ring->chain.head);
	ring->chain.tail->link = req;
	ring->chain.tail = req;
	return IOU_TAKEN;
}

/* An SQE that may not start before others: prepared and held */
static iou_verdict_t submit_held(struct iou_ring *ring, struct iou_req *req,
				 const struct io_uring_sqe __shared *sqe, bool rejected)
	__must_hold(&ring->lock)
{
	if (!rejected)
		rejected = iou_req_op(req)->prep(req, sqe);
	if (!rejected)
		req->state = IOU_S_HELD;
	return held_add(ring, req, rejected);
}

/* An SQE with credentials. The attempt is made with them, see iou_issue_prepared() */
static iou_verdict_t submit_as(struct iou_req *req,
			       const struct io_uring_sqe __shared *sqe)
	__must_hold(&iou_req_ring(req)->lock)
{
	if (iou_req_op(req)->prep(req, sqe))
		return IOU_REJECTED;
	iou_issue_prepared(req);
	return IOU_TAKEN;
}

/* An SQE with flags, or at a time when all need care */
static noinline iou_verdict_t submit_special(struct iou_ring *ring, struct iou_req *req,
					     const struct io_uring_sqe __shared *sqe)
	__must_hold(&ring->lock)
{
	union iou_sqe_head head = { .word = req->head };
	const struct iou_op *op = iou_req_op(req);
	bool rejected = check_sqe(req, sqe, head);

	if ((head.flags & (IOU_LINK_FLAGS | IOSQE_IO_DRAIN)) ||
	    (ring->strict & (IOU_STRICT_CHAIN | IOU_STRICT_DRAIN)))
		return submit_held(ring, req, sqe, rejected);
	if (rejected)
		return IOU_REJECTED;
	if (req->held & IOU_HELD_CREDS)
		return submit_as(req, sqe);
	if (op->start && !(head.flags & IOSQE_ASYNC))
		return op->start(req, sqe);
	return start_async(req, sqe);
}

/* Has an SQE flags other than these, or ioprio? A fixed file is nothing special */
static __always_inline bool head_has_more(u64 head, u8 flags)
{
	const union iou_sqe_head more = {
		.flags = 0xff ^ (flags | IOSQE_FIXED_FILE),
		.ioprio = 0xffff,
	};

	return head & more.word;
}

/* Is it a member of a chain and has nothing else special, or does it follow such a one? */
static __always_inline bool sqe_is_link(const struct iou_ring *ring, const struct iou_req *req,
					const struct io_uring_sqe __shared *sqe)
	__must_hold(&ring->lock)
{
	const u8 others = 0xff ^ (IOU_LINK_FLAGS | IOSQE_FIXED_FILE);

	return !(req->traits & iou_traits(others, 0xff, 0xff)) && !iou_sqe_get(sqe, personality) &&
	       !(ring->strict & ~IOU_STRICT_CHAIN) &&
	       ((req->sqe_flags & IOU_LINK_FLAGS) || ring->strict);
}

/* Can .start be called, as far as it is not a matter of the head? */
static __always_inline bool sqe_may_start(const struct iou_ring *ring,
					  const struct io_uring_sqe __shared *sqe,
					  const struct iou_op *op)
	__must_hold(&ring->lock)
{
	return likely(!iou_sqe_get(sqe, personality) && !ring->strict && op->start);
}

/*
 * Is there nothing about an SQE but what .start can do? A provided buffer is noted as
 * the last thing, because that changes the head.
 */
static __always_inline bool sqe_is_simple(struct iou_ring *ring, struct iou_req *req,
					  const struct io_uring_sqe __shared *sqe, u64 head,
					  const struct iou_op *op)
	__must_hold(&ring->lock)
{
	if (likely(!head_has_more(head, 0)))
		return sqe_may_start(ring, sqe, op);
	if (head_has_more(head, IOSQE_BUFFER_SELECT) || !op->pbuf ||
	    !sqe_may_start(ring, sqe, op))
		return false;
	set_select(req, sqe);
	return true;
}

/*
 * An SQE with flags, or at a time when all need care, but no link: for a worker, or
 * something rare.
 */
static noinline iou_verdict_t submit_flagged(struct iou_ring *ring, struct iou_req *req,
					     const struct io_uring_sqe __shared *sqe)
	__must_hold(&ring->lock)
{
	u8 flags = req->sqe_flags & ~IOSQE_FIXED_FILE;

	if (head_has_more(req->head, 0xff) || iou_sqe_get(sqe, personality) || ring->strict)
		return submit_special(ring, req, sqe);
	if (!flags || flags == IOSQE_ASYNC)
		return start_async(req, sqe);
	return submit_special(ring, req, sqe);
}

/* It is not complete, or not just a CQE. Return: the batch may go on */
static noinline bool submit_settle(struct iou_ring *ring, struct iou_req *req,
				   iou_verdict_t verdict)
	__must_hold(&ring->lock)
{
	if (likely((verdict == IOU_BUSY || verdict == IOU_PARKED || verdict == IOU_POLLED) &&
		   !(req->held & IOU_HELD_INFLIGHT))) {
		iou_req_keep(req);
		if (verdict == IOU_POLLED)
			iou_iopoll_add(req);
		return true;
	}
	iou_issue_settle(req, verdict);
	return verdict != IOU_REJECTED || ring->submit_all;
}

/* The rest of a batch is for later, unless a chain is being built */
static noinline bool batch_yields(struct iou_ring *ring, struct iou_lane *lane)
	__must_hold(&ring->lock)
{
	lane->yielded = !ring->chain.head;
	return lane->yielded;
}

static __always_inline bool batch_pauses(struct iou_ring *ring, struct iou_lane *lane, u32 done)
	__must_hold(&ring->lock)
{
	switch (iou_ring_hold(ring, done)) {
	case IOU_HOLD_YIELD:
		return batch_yields(ring, lane);
	case IOU_HOLD_END:
		return true;
	default:
		return false;
	}
}

/*
 * The loop that every SQE goes through. A request that is complete at once is
 * used for the next SQE without a way over the free list.
 *
 * Return: number of SQEs consumed, or -EAGAIN: no memory for the first.
 */
static int submit_batch(struct iou_ring *ring, struct iou_lane *lane, u32 to_submit)
	__must_hold(&ring->lock)
{
	u32 nr = min(to_submit, iou_sq_pending(&ring->sq));
	struct iou_req *req = NULL;
	u32 done = 0;

	if (unlikely(!nr))
		return 0;

	do {
		const struct io_uring_sqe __shared *sqe;
		union iou_sqe_head head;
		const struct iou_op *op;
		iou_verdict_t verdict;

		if (!req) {
			req = iou_req_alloc(ring);
			if (unlikely(!req))
				break;
			req->lane = lane;
		}
		sqe = iou_sq_next(&ring->sq);
		if (unlikely(!sqe))
			break;
		done++;

		head = iou_sqe_head(sqe);
		req->file = NULL;
		req->user_data = iou_sqe_get(sqe, user_data);
		req->head = head.word;
		req->cflags = 0;
		req->state = IOU_S_ISSUED;
		req->cancelled = false;
		req->nr_polls = 0;
		req->mark = 0;
		trace_io_uring_submit_req(ring, req, req->user_data, head.opcode, head.flags,
					  ring->seat);

		op = ring->ops[head.opcode];
		if (likely(sqe_is_simple(ring, req, sqe, head.word, op)))
			verdict = op->start(req, sqe);
		else
			verdict = sqe_is_link(ring, req, sqe) ?
				  submit_link(ring, req, sqe, op) :
				  submit_flagged(ring, req, sqe);

		if (likely(verdict == IOU_DONE && iou_req_is_plain(req))) {
			iou_req_post(ring, req);
		} else if (verdict == IOU_TAKEN) {
			req = NULL;
		} else {
			bool ok = submit_settle(ring, req, verdict);

			req = NULL;
			if (unlikely(!ok))
				break;
			/* A message must not wait for the next SQE, which may sleep */
			if (unlikely(ring->kick) && done < nr && batch_yields(ring, lane))
				break;
		}
	} while (done < nr && likely(!batch_pauses(ring, lane, done)));

	if (req)
		iou_req_recycle(ring, req);
	else if (unlikely(!done))
		return -EAGAIN;
	if (unlikely(ring->chain.head))
		chain_close(ring);
	iou_sq_publish(&ring->sq);
	return done;
}

static noinline int submit_plugged(struct iou_ring *ring, struct iou_lane *lane,
				   u32 to_submit)
	__must_hold(&ring->lock)
{
	u32 nr = min(to_submit, iou_sq_pending(&ring->sq));
	struct blk_plug plug;
	int done;

	if (nr < IOU_PLUG_MIN)
		return submit_batch(ring, lane, nr);
	blk_start_plug_nr_ios(&plug, nr);
	done = submit_batch(ring, lane, nr);
	blk_finish_plug(&plug);
	return done;
}

/**
 * iou_submit() - submit requests
 * @ring: locked
 * @lane: current's
 * @to_submit: at most that many
 *
 * Context: ring lock. May sleep.
 * Return: number of SQEs consumed, or -EAGAIN: no memory for the first.
 */
int iou_submit(struct iou_ring *ring, struct iou_lane *lane, u32 to_submit)
{
	iou_assert_locked(ring);
	return to_submit < IOU_PLUG_MIN ? submit_batch(ring, lane, to_submit) :
					  submit_plugged(ring, lane, to_submit);
}
