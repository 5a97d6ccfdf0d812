// SPDX-License-Identifier: GPL-2.0
/*
 * Submission: from SQEs to started requests.
 *
 * An SQE is read once, its first eight bytes and the personality in one load each.
 * sqe_classify() says from these what has to be looked at, and submit_sqe() has a way
 * for each of its answers:
 *
 *   PLAIN     nothing: the opcode starts it
 *   SELECT    the same, but it wants a provided buffer
 *   ASYNC     a worker does it
 *   LINK      it is a member of a chain, and that is all
 *   SPECIAL   anything else: all checks are made, in the order of 6.12
 */
#include <linux/blkdev.h>
#include <linux/cred.h>
#include <linux/security.h>

#include "../req/complete.h"
#include "../req/req.h"
#include "../rsrc/creds.h"
#include "../rsrc/pbuf.h"
#include "../rsrc/restrict.h"
#include "chain.h"
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

/* What has to be looked at in an SQE, see above */
enum sqe_class {
	SQE_PLAIN,
	SQE_SELECT,
	SQE_ASYNC,
	SQE_LINK,
	SQE_SPECIAL,
};

/* Has an SQE ioprio, or flags other than these? A fixed file is nothing special */
static __always_inline bool head_has_more(union iou_sqe_head head, u8 flags)
{
	const union iou_sqe_head more = {
		.flags = (u8)~(flags | IOSQE_FIXED_FILE),
		.ioprio = U16_MAX,
	};

	return head.word & more.word;
}

/*
 * Say what has to be looked at. Without side effects: nothing is stored or read here.
 * An opcode that does not exist has an op, whose .start refuses.
 */
static __always_inline enum sqe_class sqe_classify(const struct iou_ring *ring,
						   const struct iou_op *op,
						   union iou_sqe_head head, u16 personality)
	__must_hold(&ring->lock)
{
	if (likely(!head_has_more(head, 0) && !personality && !ring->strict))
		return likely(op->start) ? SQE_PLAIN : SQE_ASYNC;

	if (personality || (ring->strict & ~IOU_STRICT_CHAIN))
		return SQE_SPECIAL;

	if (!ring->strict && !head_has_more(head, IOSQE_BUFFER_SELECT) && op->pbuf && op->start)
		return SQE_SELECT;

	/* Whatever comes while a chain is being built is its member */
	if (!head_has_more(head, IOU_LINK_FLAGS))
		return SQE_LINK;

	if (!ring->strict && !head_has_more(head, IOSQE_ASYNC))
		return SQE_ASYNC;
	return SQE_SPECIAL;
}

/* It wants a provided buffer */
static void set_select(struct iou_req *req, const struct io_uring_sqe __shared *sqe)
{
	req->notes |= IOU_NOTE_SELECT;
	req->buf_group = iou_sqe_get(sqe, buf_group);
	req->buf_cap = iou_pbuf_cap(iou_sqe_get(sqe, len));
}

/* Prepare, and leave the rest to a worker */
static noinline iou_verdict_t submit_async(struct iou_req *req,
					   const struct io_uring_sqe __shared *sqe,
					   const struct iou_op *op)
	__must_hold(&iou_req_ring(req)->lock)
{
	if (op->prep(req, sqe))
		return IOU_REJECTED;
	if (!op->work)
		return op->issue(req);
	iou_issue_async(req);
	return IOU_TAKEN;
}

/* A member of a chain that has nothing else special */
static noinline iou_verdict_t submit_link(struct iou_ring *ring, struct iou_req *req,
					  const struct io_uring_sqe __shared *sqe,
					  const struct iou_op *op)
	__must_hold(&ring->lock)
{
	if (unlikely(op->prep(req, sqe)))
		return iou_chain_add(ring, req, true);

	iou_req_step(req, IOU_S_HELD);
	if (iou_chain_extend(ring, req))
		return IOU_TAKEN;
	return iou_chain_add(ring, req, false);
}

/* Whatever outlives its submission runs with the credentials of its own */
static void hold_creds(struct iou_req *req, const struct cred *creds)
{
	req->creds = get_cred(creds);
	req->held |= IOU_HELD_CREDS;
}

/*
 * Run with other credentials than the task's. Opcodes ask iou_req_is_personal() instead
 * of reading the personality once more: the program may change it at any time.
 */
static int take_creds(struct iou_req *req, const struct io_uring_sqe __shared *sqe,
		      u16 personality)
	__must_hold(&iou_req_ring(req)->lock)
{
	const struct cred *creds;
	int error;

	if (!personality) {
		if (iou_req_ring(req)->strict & IOU_STRICT_CREDS)
			hold_creds(req, current_cred());
		return 0;
	}

	creds = iou_creds_find(iou_req_ring(req), personality);
	if (!creds)
		return iou_reject(req, sqe, -EINVAL, "no such personality");
	error = security_uring_override_creds(creds);
	if (error)
		return iou_reject(req, sqe, error, "personality: refused by a security module");
	hold_creds(req, creds);
	return 0;
}

/* All checks that do not depend on the opcode's own arguments. In order */
static int check_sqe(struct iou_req *req, const struct io_uring_sqe __shared *sqe,
		     union iou_sqe_head head, u16 personality)
	__must_hold(&iou_req_ring(req)->lock)
{
	struct iou_ring *ring = iou_req_ring(req);
	const struct iou_op *op = iou_req_op(req);

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
	return take_creds(req, sqe, personality);
}

/* An SQE that may not start before others: it is prepared and held */
static iou_verdict_t submit_held(struct iou_ring *ring, struct iou_req *req,
				 const struct io_uring_sqe __shared *sqe, bool rejected)
	__must_hold(&ring->lock)
{
	if (!rejected)
		rejected = iou_req_op(req)->prep(req, sqe);
	if (!rejected)
		iou_req_step(req, IOU_S_HELD);
	return iou_chain_add(ring, req, rejected);
}

/* An SQE that may have anything, or comes at a time when all need care */
static noinline iou_verdict_t submit_special(struct iou_ring *ring, struct iou_req *req,
					     const struct io_uring_sqe __shared *sqe,
					     union iou_sqe_head head, u16 personality)
	__must_hold(&ring->lock)
{
	const struct iou_op *op = iou_req_op(req);
	bool rejected;

	/* In the request, ioprio's place is that of what it holds */
	req->held = 0;
	req->notes = 0;
	rejected = check_sqe(req, sqe, head, personality);

	if ((head.flags & (IOU_LINK_FLAGS | IOSQE_IO_DRAIN)) ||
	    (ring->strict & (IOU_STRICT_CHAIN | IOU_STRICT_DRAIN)))
		return submit_held(ring, req, sqe, rejected);
	if (rejected)
		return IOU_REJECTED;

	/* The attempt is made with its credentials, see iou_issue_prepared() */
	if (req->held & IOU_HELD_CREDS) {
		if (op->prep(req, sqe))
			return IOU_REJECTED;
		iou_issue_prepared(req);
		return IOU_TAKEN;
	}

	if (op->start && !(head.flags & IOSQE_ASYNC))
		return op->start(req, sqe);
	return submit_async(req, sqe, op);
}

/* Make a request of an SQE, and start it if nothing stands against that */
static __always_inline iou_verdict_t submit_sqe(struct iou_ring *ring, struct iou_req *req,
						const struct io_uring_sqe __shared *sqe)
	__must_hold(&ring->lock)
{
	union iou_sqe_head head = iou_sqe_head(sqe);
	u16 personality = iou_sqe_get(sqe, personality);
	const struct iou_op *op = ring->ops[head.opcode];

	req->file = NULL;
	req->user_data = iou_sqe_get(sqe, user_data);
	req->head = head.word;
	req->cflags = 0;
	iou_req_begin(req, IOU_S_ISSUED);
	req->cancelled = false;
	req->nr_polls = 0;
	req->mark = 0;
	/* Its arguments would be read in any case */
	if (trace_io_uring_submit_req_enabled())
		trace_io_uring_submit_req(ring, req, req->user_data, head.opcode, head.flags,
					  ring->seat);

	switch (sqe_classify(ring, op, head, personality)) {
	case SQE_SELECT:
		set_select(req, sqe);
		fallthrough;
	case SQE_PLAIN:
		return op->start(req, sqe);
	case SQE_ASYNC:
		return submit_async(req, sqe, op);
	case SQE_LINK:
		return submit_link(ring, req, sqe, op);
	case SQE_SPECIAL:
		break;
	}
	return submit_special(ring, req, sqe, head, personality);
}

/* It has ended, was refused, or would wait. Return: as submit_settle() */
static noinline bool submit_settle_rare(struct iou_ring *ring, struct iou_req *req,
					iou_verdict_t verdict)
	__must_hold(&ring->lock)
{
	if (unlikely(verdict == IOU_REFUSED))
		return ring->submit_all;

	iou_issue_settle(req, verdict);
	return verdict != IOU_REJECTED || ring->submit_all;
}

/* It is not complete, or not just a CQE. Return: the batch may go on */
static __always_inline bool submit_settle(struct iou_ring *ring, struct iou_req *req,
					  iou_verdict_t verdict)
	__must_hold(&ring->lock)
{
	if (verdict == IOU_TAKEN)
		return true;

	if ((verdict == IOU_BUSY || verdict == IOU_PARKED || verdict == IOU_POLLED) &&
	    !(req->held & IOU_HELD_INFLIGHT)) {
		iou_req_keep(req);
		if (verdict == IOU_POLLED)
			iou_iopoll_add(req);
		return true;
	}
	return submit_settle_rare(ring, req, verdict);
}

/* The rest of a batch is for later, unless a chain is being built */
static noinline bool batch_yields(struct iou_ring *ring, struct iou_lane *lane)
	__must_hold(&ring->lock)
{
	lane->yielded = !ring->chain.head;
	ring->chain.late = ring->chain.head;
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

static __always_inline struct iou_req *batch_get_req(struct iou_ring *ring,
						     struct iou_lane *lane)
	__must_hold(&ring->lock)
{
	struct iou_req *req = iou_req_alloc(ring);

	if (likely(req))
		req->lane = lane;
	return req;
}

/* @req: one that is left, or NULL; @done: SQEs were consumed. Return: as submit_batch() */
static __always_inline int batch_end(struct iou_ring *ring, struct iou_req *req, u32 done)
	__must_hold(&ring->lock)
{
	if (req)
		iou_req_unget(ring, req);
	else if (unlikely(!done))
		return -EAGAIN;

	if (unlikely(ring->chain.head))
		iou_chain_close(ring);
	iou_sq_publish(&ring->sq);
	return done;
}

/*
 * The loop that every SQE goes through. A request that is complete at once is used for
 * the next SQE without a way over the free list.
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
		iou_verdict_t verdict;

		if (!req)
			req = batch_get_req(ring, lane);
		if (unlikely(!req || !iou_sq_next(&ring->sq, &sqe)))
			break;
		done++;

		verdict = submit_sqe(ring, req, sqe);
		if (likely(verdict == IOU_DONE && iou_req_is_plain(req))) {
			iou_req_post(ring, req);
		} else {
			bool ok = submit_settle(ring, req, verdict);

			req = NULL;
			if (unlikely(!ok))
				break;
			/* A message must not wait for the next SQE, which may sleep */
			if (unlikely(ring->kick || ring->chain.late) && done < nr &&
			    batch_yields(ring, lane))
				break;
		}
	} while (done < nr && likely(!batch_pauses(ring, lane, done)));

	return batch_end(ring, req, done);
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
