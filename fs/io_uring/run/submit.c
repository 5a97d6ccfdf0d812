// SPDX-License-Identifier: GPL-2.0
/*
 * Submission: from SQEs to started requests.
 */
#include <linux/blkdev.h>
#include <linux/cred.h>
#include <linux/sched/signal.h>
#include <linux/security.h>

#include "../req/complete.h"
#include "../req/drain.h"
#include "../req/req.h"
#include "../rsrc/creds.h"
#include "../rsrc/restrict.h"
#include "issue.h"
#include "lock.h"
#include "submit.h"

#define IOU_SQE_FLAGS							\
	(IOSQE_FIXED_FILE | IOSQE_IO_DRAIN | IOSQE_IO_LINK |		\
	 IOSQE_IO_HARDLINK | IOSQE_ASYNC | IOSQE_BUFFER_SELECT |	\
	 IOSQE_CQE_SKIP_SUCCESS)

/* Requests from which on it pays to collect block I/O */
#define IOU_PLUG_MIN	3

/* Run with other credentials than the task's */
static int take_creds(struct iou_req *req, const struct io_uring_sqe __shared *sqe)
	__must_hold(&iou_req_ring(req)->lock)
{
	u16 id = iou_sqe_get(sqe, personality);
	const struct cred *creds;
	int error;

	if (!id)
		return 0;
	creds = iou_creds_find(iou_req_ring(req), id);
	if (!creds)
		return iou_reject(req, sqe, -EINVAL, "no such personality");
	error = security_uring_override_creds(creds);
	if (error)
		return iou_reject(req, sqe, error, "personality: refused by a security module");
	req->creds = get_cred(creds);
	req->held |= IOU_HELD_CREDS;
	return 0;
}

/* The checks that only SQEs with flags, ioprio or personality need. In order. */
static int check_sqe(struct iou_req *req, const struct io_uring_sqe __shared *sqe,
		     union iou_sqe_head head)
	__must_hold(&iou_req_ring(req)->lock)
{
	struct iou_ring *ring = iou_req_ring(req);
	const struct iou_op *op = iou_req_op(req);

	if (head.flags & ~IOU_SQE_FLAGS)
		return iou_reject(req, sqe, -EINVAL, "unknown flag");
	if ((head.flags & IOSQE_BUFFER_SELECT) && !op->buffer_select)
		return iou_reject(req, sqe, -EOPNOTSUPP, "opcode selects no buffer");
	if (head.flags & IOSQE_CQE_SKIP_SUCCESS)
		ring->no_drain = true;
	if ((head.flags & IOSQE_IO_DRAIN) && ring->no_drain)
		return iou_reject(req, sqe, -EOPNOTSUPP, "IO_DRAIN after CQE_SKIP_SUCCESS");
	if ((ring->strict & IOU_STRICT_RESTRICT) &&
	    !iou_restrict_sqe_ok(ring->restrictions, head.opcode, head.flags))
		return iou_reject(req, sqe, -EACCES, "restricted");
	if (head.flags & IOSQE_BUFFER_SELECT) {
		req->held |= IOU_SELECT;
		req->buf_group = iou_sqe_get(sqe, buf_group);
		req->buf_cap = iou_sqe_get(sqe, len);
	}
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
	return IOU_BUSY;
}

/* A single request or a whole chain is complete: start it or let it wait */
static void submit_unit(struct iou_req *head)
	__must_hold(&iou_req_ring(head)->lock)
{
	if ((head->sqe_flags & IOSQE_IO_DRAIN) ||
	    (iou_req_ring(head)->strict & IOU_STRICT_DRAIN))
		iou_drain_enter(head);
	else
		iou_issue_prepared(head);
}

/* No other member follows */
static void chain_close(struct iou_ring *ring)
	__must_hold(&ring->lock)
{
	struct iou_chain chain = ring->chain;

	ring->chain.head = NULL;
	ring->chain.tail = NULL;
	ring->strict &= ~IOU_STRICT_CHAIN;
	if (chain.failed)
		iou_chain_refuse(chain.head);
	else
		submit_unit(chain.head);
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
		/* Its end leads to more CQEs than its own */
		chain->tail->held |= IOU_URGENT;
		chain->head->sqe_flags |= req->sqe_flags & IOSQE_IO_DRAIN;
	}
	chain->tail = req;
}

/*
 * An SQE that may not start before others: prepared, kept, and held.
 * Return: false if it was rejected and the batch has to end.
 */
static bool submit_held(struct iou_req *req, const struct io_uring_sqe __shared *sqe,
			bool rejected)
	__must_hold(&iou_req_ring(req)->lock)
{
	struct iou_ring *ring = iou_req_ring(req);
	bool linked = req->sqe_flags & IOU_LINK_FLAGS;

	req->link = NULL;
	req->event = iou_issue_held;
	iou_req_keep(req);
	if (!rejected)
		rejected = iou_req_op(req)->prep(req, sqe);
	if (!rejected)
		req->state = IOU_S_HELD;
	if (!linked && !ring->chain.head) {
		if (rejected)
			iou_req_complete(req);
		else
			submit_unit(req);
		return !rejected;
	}
	chain_add(ring, req);
	ring->chain.failed |= rejected;
	if (!linked)
		chain_close(ring);
	/* In the middle of a chain a rejected SQE does not end the batch */
	return linked || !rejected;
}

/* An SQE with a personality. The attempt is made with that, see iou_issue_prepared() */
static bool submit_personality(struct iou_req *req, const struct io_uring_sqe __shared *sqe)
	__must_hold(&iou_req_ring(req)->lock)
{
	if (iou_req_op(req)->prep(req, sqe)) {
		iou_req_complete(req);
		return false;
	}
	iou_issue_prepared(req);
	return true;
}

/*
 * An SQE with flags, or at a time when all need care.
 * Return: false if it was rejected; true: it was dealt with, unless *@start
 */
static bool submit_special(struct iou_req *req, const struct io_uring_sqe __shared *sqe,
			   union iou_sqe_head head, bool *start)
	__must_hold(&iou_req_ring(req)->lock)
{
	bool rejected = check_sqe(req, sqe, head);

	if ((head.flags & (IOU_LINK_FLAGS | IOSQE_IO_DRAIN)) ||
	    (iou_req_ring(req)->strict & (IOU_STRICT_CHAIN | IOU_STRICT_DRAIN)))
		return submit_held(req, sqe, rejected);
	if (!rejected && (req->held & IOU_HELD_CREDS))
		return submit_personality(req, sqe);
	if (rejected)
		iou_req_complete(req);
	else
		*start = true;
	return !rejected;
}

/* Return: false if the SQE was rejected and the batch has to end */
static bool submit_sqe(struct iou_lane *lane, struct iou_req *req,
		       const struct io_uring_sqe __shared *sqe)
	__must_hold(&lane->ring->lock)
{
	struct iou_ring *ring = lane->ring;
	union iou_sqe_head head = iou_sqe_head(sqe);
	const struct iou_op *op = ring->ops[head.opcode];
	iou_verdict_t verdict;

	req->lane = lane;
	req->file = NULL;
	req->user_data = iou_sqe_get(sqe, user_data);
	req->fd = head.fd;
	req->cflags = 0;
	req->state = IOU_S_ISSUED;
	req->opcode = head.opcode;
	req->sqe_flags = head.flags;
	req->held = 0;
	trace_io_uring_submit_req(ring, req, req->user_data, head.opcode, head.flags, false);

	if (unlikely(head.flags | head.ioprio | iou_sqe_get(sqe, personality) |
		     ring->strict)) {
		bool start = false;
		bool ok = submit_special(req, sqe, head, &start);

		if (!start)
			return ok;
	}
	if (likely(op->start && !(head.flags & IOSQE_ASYNC))) {
		verdict = op->start(req, sqe);
	} else {
		verdict = start_async(req, sqe);
		if (verdict == IOU_BUSY)
			return true;
	}
	if (likely(verdict == IOU_DONE)) {
		iou_req_complete_fast(ring, req);
		return true;
	}
	iou_issue_settle(req, verdict);
	return verdict != IOU_REJECTED;
}

/* In the middle of a batch. Return: it is to end here */
static bool submit_breathe(struct iou_ring *ring)
	__must_hold(&ring->lock)
{
	iou_ring_publish(ring);
	cond_resched();
	return fatal_signal_pending(current);
}

static u32 submit_batch(struct iou_ring *ring, struct iou_lane *lane, u32 nr)
	__must_hold(&ring->lock)
{
	u32 done = 0;

	while (done < nr) {
		struct iou_req *req = iou_req_alloc(ring);
		const struct io_uring_sqe __shared *sqe;

		if (unlikely(!req))
			break;
		sqe = iou_sq_next(&ring->sq);
		if (unlikely(!sqe)) {
			iou_req_recycle(ring, req);
			break;
		}
		done++;
		if (unlikely(!submit_sqe(lane, req, sqe)) && !ring->submit_all)
			break;
		if (unlikely(!llist_empty(&ring->done) || need_resched()) &&
		    submit_breathe(ring))
			break;
	}
	if (unlikely(ring->chain.head))
		chain_close(ring);
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
	u32 nr = min(to_submit, iou_sq_pending(&ring->sq));
	u32 head = ring->sq.head;
	struct blk_plug plug;
	u32 done;

	iou_assert_locked(ring);
	if (!nr)
		return 0;
	if (nr < IOU_PLUG_MIN) {
		done = submit_batch(ring, lane, nr);
	} else {
		blk_start_plug_nr_ios(&plug, nr);
		done = submit_batch(ring, lane, nr);
		blk_finish_plug(&plug);
	}
	iou_sq_publish(&ring->sq);
	/* Nothing was looked at, not even a slot to be dropped */
	if (unlikely(!done && ring->sq.head == head))
		return -EAGAIN;
	return done;
}
