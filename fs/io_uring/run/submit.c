// SPDX-License-Identifier: GPL-2.0
/*
 * Submission: from SQEs to started requests.
 */
#include <linux/blkdev.h>
#include <linux/sched/signal.h>

#include "../req/req.h"
#include "issue.h"
#include "lock.h"
#include "submit.h"

#define IOU_SQE_FLAGS							\
	(IOSQE_FIXED_FILE | IOSQE_IO_DRAIN | IOSQE_IO_LINK |		\
	 IOSQE_IO_HARDLINK | IOSQE_ASYNC | IOSQE_BUFFER_SELECT |	\
	 IOSQE_CQE_SKIP_SUCCESS)

/* Not before links and drain are implemented */
#define IOU_SQE_FLAGS_LATER	(IOSQE_IO_DRAIN | IOSQE_IO_LINK | IOSQE_IO_HARDLINK)

/* Requests from which on it pays to collect block I/O */
#define IOU_PLUG_MIN	3

/* The checks that only SQEs with flags, ioprio or personality need. In order. */
static int check_sqe(struct iou_req *req, const struct io_uring_sqe __shared *sqe,
		     union iou_sqe_head head)
{
	const struct iou_op *op = iou_req_op(req);

	if (head.flags & ~IOU_SQE_FLAGS)
		return iou_reject(req, sqe, -EINVAL, "unknown flag");
	if ((head.flags & IOSQE_BUFFER_SELECT) && !op->buffer_select)
		return iou_reject(req, sqe, -EOPNOTSUPP, "opcode selects no buffer");
	if (head.flags & IOU_SQE_FLAGS_LATER)
		return iou_reject(req, sqe, -EINVAL, "links and drain: not implemented");
	if (head.ioprio && !op->has_ioprio)
		return iou_reject(req, sqe, -EINVAL, "opcode has no ioprio");
	if (iou_sqe_get(sqe, personality))
		return iou_reject(req, sqe, -EINVAL, "no such personality");
	return 0;
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

/* Return: false if the SQE was rejected */
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

	if (unlikely(head.flags | head.ioprio | iou_sqe_get(sqe, personality)) &&
	    check_sqe(req, sqe, head)) {
		iou_req_complete(req);
		return false;
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
