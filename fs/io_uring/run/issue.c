// SPDX-License-Identifier: GPL-2.0
/*
 * What happens after an attempt: completion, parking, a worker.
 *
 *   .issue says RETRY -> the file can be polled: park; its event tries again
 *                     -> else: a worker does it with .work
 *   .issue says WORK  -> a worker does it with .work
 *   .work  says RETRY -> it would block for long on a file that can be polled:
 *                        back to the lane, which parks it
 *   .work  says WORK  -> it waits for another program, or was interrupted for a while:
 *                        it is queued for workers that may
 */
#include <linux/fs.h>
#include <linux/poll.h>

#include "../req/complete.h"
#include "../req/hash.h"
#include "../req/park.h"
#include "../req/req.h"
#include "async.h"
#include "iopoll.h"
#include "issue.h"
#include "lock.h"
#include "poll.h"
#include "shots.h"
#include "timeout.h"

static void issue_retry(struct iou_req *req) __must_hold(&iou_req_ring(req)->lock);
static void issue_work(struct iou_req *req) __must_hold(&iou_req_ring(req)->lock);

/**
 * iou_issue_settle() - act on a verdict of .start or .issue
 * @req: issued
 * @verdict: what it said
 *
 * Context: ring lock, in the lane's task. May sleep.
 */
void iou_issue_settle(struct iou_req *req, iou_verdict_t verdict)
{
	if (likely(verdict == IOU_DONE || verdict == IOU_REJECTED)) {
		iou_req_complete(req);
		return;
	}
	if (!(req->held & IOU_HELD_INFLIGHT))
		iou_req_keep(req);
	else
		iou_req_own_file(req);
	if (verdict == IOU_RETRY || verdict == IOU_TURN)
		issue_retry(req);
	else if (verdict == IOU_WORK)
		issue_work(req);
	else if (verdict == IOU_POLLED)
		iou_iopoll_add(req);
}

/* A wake-up that others did not get. If it has come to nothing, the next one has to look */
static noinline void exclusive_event(struct iou_req *req)
	__must_hold(&iou_req_ring(req)->lock)
{
	iou_verdict_t verdict;

	iou_req_step(req, IOU_S_ISSUED);
	verdict = iou_req_issue(req);
	if (verdict == IOU_DONE && req->res < 0)
		iou_poll_pass_on(req);
	iou_issue_settle(req, verdict);
}

/*
 * Parked, and the file may be ready now. If it was cancelled meanwhile it does not look: what
 * is there is left for others
 */
static void parked_event(struct iou_req *req, bool cancel)
	__must_hold(&iou_req_ring(req)->lock)
{
	iou_poll_unpark(req);
	cancel |= req->cancelled;
	if (unlikely(cancel || iou_ring_is_closing(iou_req_ring(req)))) {
		iou_poll_pass_on(req);
	} else if (unlikely(req->poll.events & EPOLLEXCLUSIVE)) {
		exclusive_event(req);
		return;
	}
	iou_issue_again(req, cancel);
}

static __poll_t park_mask(const struct iou_req *req)
{
	const struct iou_op *op = iou_req_op(req);

	return op->poll_mask ? op->poll_mask(req) : op->poll_events;
}

/* Try to park. Return: as iou_poll_park(); positive: try .issue again */
static int issue_park(struct iou_req *req)
	__must_hold(&iou_req_ring(req)->lock)
{
	__poll_t mask;
	int ret;

	if (!iou_req_can_park(req))
		return -EINVAL;
	mask = park_mask(req);
	req->event = parked_event;
	ret = iou_poll_park(req, mask | EPOLLONESHOT);

	/* It was not ready: those that came before were not in vain */
	if (likely(!ret))
		req->nr_polls = 0;
	else if (ret > 0)
		req->nr_polls++;
	return ret;
}

static void issue_retry(struct iou_req *req)
{
	iou_verdict_t verdict = IOU_RETRY;

	/* It will be found where it waits */
	iou_index_leave(req);
	if (req->notes & IOU_NOTE_MULTISHOT) {
		iou_shots_park(req, park_mask(req));
		return;
	}
	while (verdict == IOU_RETRY) {
		int ret = issue_park(req);

		if (!ret)
			return;
		if (ret == -ECANCELED) {
			iou_req_end(req, ret);
			return;
		}
		if (ret < 0) {
			/* Poll is of no use, or not to be believed */
			req->nr_polls = IOU_MAX_POLLS;
			issue_work(req);
			return;
		}
		iou_req_step(req, IOU_S_ISSUED);
		verdict = iou_req_issue(req);
	}
	iou_issue_settle(req, verdict);
}

/**
 * iou_issue_again() - an event handler: what was in the way has gone
 * @req: claimed
 * @cancel: do not try, end
 *
 * Context: ring lock, in the lane's task or with @cancel.
 */
void iou_issue_again(struct iou_req *req, bool cancel)
{
	if (unlikely(cancel || iou_ring_is_closing(iou_req_ring(req)))) {
		iou_req_end(req, -ECANCELED);
		return;
	}
	iou_req_step(req, IOU_S_ISSUED);
	iou_issue_settle(req, iou_req_issue(req));
}

/**
 * iou_issue_prepared() - start a request that was prepared and then held
 * @req: HELD, and on no list
 *
 * Context: ring lock, in the lane's task. May sleep.
 */
void iou_issue_prepared(struct iou_req *req)
{
	const struct iou_op *op = iou_req_op(req);
	struct iou_req *next = req->notes & IOU_NOTE_GUARDED ? req->link : NULL;

	iou_req_step(req, IOU_S_ISSUED);
	if (!op->issue || ((req->sqe_flags & IOSQE_ASYNC) && op->work))
		iou_issue_async(req);
	else
		iou_issue_settle(req, iou_req_issue(req));
	/*
	 * Under the lock a request that is complete is not used for another. What it waits for
	 * may come at any time, but completes it only when the lock is released.
	 */
	if (next && READ_ONCE(req->state) != IOU_S_DONE)
		iou_timeout_start(next);
}

/* A worker would block for long: park instead. Others on the inode do not wait for that */
static void returned_event(struct iou_req *req, bool cancel)
	__must_hold(&iou_req_ring(req)->lock)
{
	if (unlikely(req->held & IOU_HELD_SERIAL))
		iou_hash_leave(req);
	if (cancel || iou_ring_is_closing(iou_req_ring(req)) || req->cancelled) {
		iou_req_end(req, -ECANCELED);
		return;
	}

	iou_req_step(req, IOU_S_ISSUED);
	issue_retry(req);
}

/*
 * A worker could not take a provided buffer: what wants one takes it along. A multishot can
 * only wait.
 */
static noinline int issue_work_rare(struct iou_req *req)
	__must_hold(&iou_req_ring(req)->lock)
{
	int error = req->cancelled ? -ECANCELED : iou_async_begin(req);

	if (!error && (req->notes & IOU_NOTE_MULTISHOT))
		error = -EBADFD;
	if (!error && (req->notes & IOU_NOTE_SELECT))
		error = iou_req_op(req)->take(req);
	if (!error)
		iou_async_queue(req);
	return error;
}

/* A worker has to do it */
static void issue_work(struct iou_req *req)
{
	bool rare = (req->notes & (IOU_NOTE_SELECT | IOU_NOTE_MULTISHOT)) || req->cancelled;
	int error;

	req->event = returned_event;
	error = unlikely(rare) ? issue_work_rare(req) : iou_async_start(req);
	if (unlikely(error))
		iou_req_end(req, error);
}

/* What wants a provided buffer, or is a multishot: see iou_issue_async() */
static noinline void issue_async_rare(struct iou_req *req)
	__must_hold(&iou_req_ring(req)->lock)
{
	if (!req->cancelled && !iou_async_begin(req) &&
	    ((req->notes & IOU_NOTE_MULTISHOT) || iou_req_can_park(req)))
		iou_issue_settle(req, iou_req_issue(req));
	else
		issue_work(req);
}

/**
 * iou_issue_async() - let a worker do it
 * @req: prepared, perhaps issued before. If it wants a provided buffer, and can wait for
 *       its file, it is tried instead: in a worker it would occupy the buffer. So is a
 *       multishot, which no worker can do
 *
 * Context: ring lock, in the lane's task. May sleep.
 */
void iou_issue_async(struct iou_req *req)
{
	if (unlikely(req->notes & (IOU_NOTE_SELECT | IOU_NOTE_MULTISHOT)))
		issue_async_rare(req);
	else
		issue_work(req);
}
