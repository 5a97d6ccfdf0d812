// SPDX-License-Identifier: GPL-2.0
/*
 * FUTEX_WAIT, FUTEX_WAITV, FUTEX_WAKE.
 *
 * A wait is parked on one or more futexes. Who wakes one claims the request, and
 * only then takes the futex off its queue: after that it must not touch a request
 * that it has not claimed, because whoever unqueues the rest may end it.
 *
 * A waker counts the waiters that it has woken, and the number may not lie. So
 * a cancel that finds that one of the futexes was woken meanwhile has lost: the
 * wait was not cancelled.
 */
/* futex.h needs it */
#include <linux/mutex.h>
#include <linux/futex.h>
#include <linux/slab.h>

#include "../../../kernel/futex/futex.h"
#include "../req/audit.h"
#include "../req/complete.h"
#include "../req/lane.h"
#include "../req/park.h"
#include "ops.h"

/**
 * struct iou_futex - what to wake, or to wait for
 * @addr: the futex
 * @val: expected there, or number of waiters to wake
 * @mask: bit set
 * @flags: FLAGS_*, or for WAITV: the array
 * @nr: WAITV: length of the array
 */
struct iou_futex {
	u64 addr;
	u64 val;
	u64 mask;
	u32 flags;
	u32 nr;
};

/**
 * struct iou_futexes - what a request waits for; iou_req.aux
 * @nr: length of @v; 0 when they are on no queue any more
 * @v: the futexes
 */
struct iou_futexes {
	u32 nr;
	struct futex_vector v[] __counted_by(nr);
};

static void cleanup_futex(struct iou_req *req)
{
	kfree(req->aux);
}

static struct iou_futexes *futexes_alloc(struct iou_req *req, u32 nr)
{
	struct iou_futexes *futexes = kmalloc(struct_size(futexes, v, nr), GFP_KERNEL_ACCOUNT);

	if (!futexes)
		return NULL;
	futexes->nr = nr;
	req->aux = futexes;
	req->held |= IOU_HELD_CLEANUP;
	return futexes;
}

/* FUTEX_WAIT and FUTEX_WAKE */
static int prep_futex(struct iou_req *req, const struct io_uring_sqe __shared *sqe)
{
	struct iou_futex *futex = iou_req_cmd(req, struct iou_futex);
	union iou_sqe_mid mid = iou_sqe_mid(sqe);
	u32 flags = req->fd;

	if (iou_sqe_get(sqe, len) || iou_sqe_get(sqe, futex_flags) || mid.buf_index ||
	    mid.file_index)
		return iou_reject(req, sqe, -EINVAL,
				  "futex: len, futex_flags, buf_index, file_index must be 0");
	if (flags & ~FUTEX2_VALID_MASK)
		return iou_reject(req, sqe, -EINVAL, "futex: unknown flags in fd");
	futex->flags = futex2_to_flags(flags);
	if (!futex_flags_valid(futex->flags))
		return iou_reject(req, sqe, -EINVAL, "futex: size in fd");
	futex->addr = iou_sqe_get(sqe, addr);
	futex->val = iou_sqe_get(sqe, addr2);
	futex->mask = iou_sqe_get(sqe, addr3);
	if (!futex_validate_input(futex->flags, futex->val) ||
	    !futex_validate_input(futex->flags, futex->mask))
		return iou_reject(req, sqe, -EINVAL, "futex: value or mask is too large");
	return 0;
}

static void futex_woken(struct wake_q_head *wake_q, struct futex_q *q);

static int prep_futex_wait(struct iou_req *req, const struct io_uring_sqe __shared *sqe)
{
	struct iou_futex *futex = iou_req_cmd(req, struct iou_futex);
	struct iou_futexes *futexes;
	int error = prep_futex(req, sqe);

	if (error)
		return error;
	futexes = futexes_alloc(req, 1);
	if (!futexes)
		return iou_reject(req, sqe, -ENOMEM, "futex: no memory");
	futexes->v[0].w.flags = futex->flags;
	futexes->v[0].w.uaddr = futex->addr;
	futexes->v[0].w.val = futex->val;
	futexes->v[0].q = futex_q_init;
	futexes->v[0].q.bitset = futex->mask;
	futexes->v[0].q.wake = futex_woken;
	futexes->v[0].q.wake_data = req;
	return 0;
}

static int prep_futex_waitv(struct iou_req *req, const struct io_uring_sqe __shared *sqe)
{
	union iou_sqe_mid mid = iou_sqe_mid(sqe);
	struct iou_futexes *futexes;
	u32 nr = iou_sqe_get(sqe, len);
	int error;

	if (req->fd || mid.buf_index || mid.file_index || iou_sqe_get(sqe, addr2) ||
	    iou_sqe_get(sqe, futex_flags) || iou_sqe_get(sqe, addr3))
		return iou_reject(req, sqe, -EINVAL,
				  "futex: all but addr and len must be 0");
	if (!nr || nr > FUTEX_WAITV_MAX)
		return iou_reject(req, sqe, -EINVAL, "futex: number of futexes");
	futexes = futexes_alloc(req, nr);
	if (!futexes)
		return iou_reject(req, sqe, -ENOMEM, "futex: no memory");
	error = futex_parse_waitv(futexes->v, u64_to_user_ptr(iou_sqe_get(sqe, addr)), nr,
				  futex_woken, req);
	if (error)
		return iou_reject(req, sqe, error, "futex: bad array");
	return 0;
}

/* By who wakes, with the lock of the futex's queue held */
static void futex_woken(struct wake_q_head *wake_q, struct futex_q *q)
{
	struct futex_vector *v = container_of(q, struct futex_vector, q);
	struct iou_req *req = q->wake_data;
	bool won = iou_park_wake(req);

	if (won)
		req->res = v - ((struct iou_futexes *)req->aux)->v;
	/* If it is not ours, it may be gone after this */
	__futex_wake_mark(q);
	if (won)
		iou_lane_push_lazy(req);
}

/*
 * Off all queues; once, because what is off cannot be taken off again.
 * Return: the one that was woken last, or negative
 */
static int futex_unhook(struct iou_req *req)
	__must_hold(&iou_req_ring(req)->lock)
{
	struct iou_futexes *futexes = req->aux;
	u32 nr = futexes->nr;

	futexes->nr = 0;
	return futex_unqueue_multiple(futexes->v, nr);
}

static bool futex_claim(struct iou_req *req)
{
	int woken;

	if (!iou_park_wake(req))
		return false;
	woken = futex_unhook(req);
	if (woken < 0)
		return true;
	/* Somebody has counted it as woken */
	req->res = woken;
	iou_lane_push_lazy(req);
	return false;
}

static const struct iou_park_ops futex_park_ops = {
	.claim		= futex_claim,
	.of_task	= true,
};

static void futex_event(struct iou_req *req, bool cancel)
	__must_hold(&iou_req_ring(req)->lock)
{
	iou_unpark(req);
	futex_unhook(req);
	iou_req_complete(req);
}

static iou_verdict_t futexes_wait(struct iou_req *req)
	__must_hold(&iou_req_ring(req)->lock)
{
	struct iou_futexes *futexes = req->aux;
	int woken = -1;
	int ret;

	req->event = futex_event;
	ret = iou_park(req, &futex_park_ops);
	if (ret)
		return iou_done(req, ret);
	ret = futex_wait_multiple_setup(futexes->v, futexes->nr, &woken);
	/* It was about to sleep */
	__set_current_state(TASK_RUNNING);
	/* Woken while it was being queued, by who claimed it; it is on no queue */
	if (ret > 0)
		futexes->nr = 0;
	if (ret >= 0)
		return IOU_PARKED;
	/* On no queue, and nobody woke it: it is ours */
	iou_park_wake(req);
	iou_unpark(req);
	return iou_done(req, ret);
}

static iou_verdict_t issue_futex_wait(struct iou_req *req)
{
	struct iou_futexes *futexes = req->aux;

	if (!futexes->v[0].q.bitset)
		return iou_done(req, -EINVAL);
	return iou_audited(req, futexes_wait);
}

static iou_verdict_t do_futex_wake(struct iou_req *req)
{
	struct iou_futex *futex = iou_req_cmd(req, struct iou_futex);

	return iou_done(req, futex_wake(u64_to_user_ptr(futex->addr),
					FLAGS_STRICT | futex->flags, futex->val, futex->mask));
}

static iou_verdict_t issue_futex_wake(struct iou_req *req)
{
	return iou_audited(req, do_futex_wake);
}

static int prep_futex_wake(struct iou_req *req, const struct io_uring_sqe __shared *sqe)
{
	return prep_futex(req, sqe);
}

IOU_FUSE(futex_wait)
IOU_FUSE(futex_wake)

static iou_verdict_t start_futex_waitv(struct iou_req *req,
				       const struct io_uring_sqe __shared *sqe)
{
	return prep_futex_waitv(req, sqe) ? IOU_REJECTED : issue_futex_wait(req);
}

const struct iou_op iou_op_futex_wait = {
	.name		= "FUTEX_WAIT",
	.start		= start_futex_wait,
	.prep		= prep_futex_wait,
	.issue		= issue_futex_wait,
	.cleanup	= cleanup_futex,
	.audit		= true,
};

const struct iou_op iou_op_futex_waitv = {
	.name		= "FUTEX_WAITV",
	.start		= start_futex_waitv,
	.prep		= prep_futex_waitv,
	.issue		= issue_futex_wait,
	.cleanup	= cleanup_futex,
	.audit		= true,
};

const struct iou_op iou_op_futex_wake = {
	.name		= "FUTEX_WAKE",
	.start		= start_futex_wake,
	.prep		= prep_futex_wake,
	.issue		= issue_futex_wake,
	.audit		= true,
};
