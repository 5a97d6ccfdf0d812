// SPDX-License-Identifier: GPL-2.0
/*
 * TIMEOUT, TIMEOUT_REMOVE, LINK_TIMEOUT.
 */
#include <linux/time.h>

#include "../req/complete.h"
#include "../req/park.h"
#include "../run/cancel.h"
#include "../run/timeout.h"
#include "ops.h"

#define IOU_TIMEOUT_FLAGS						\
	(IORING_TIMEOUT_ABS | IORING_TIMEOUT_CLOCK_MASK |		\
	 IORING_TIMEOUT_ETIME_SUCCESS | IORING_TIMEOUT_MULTISHOT)

/* Read a time. Return: 0, -EFAULT, -EINVAL: negative */
static int get_time(u64 addr, ktime_t *time)
{
	struct timespec64 ts __uninitialized;

	if (get_timespec64(&ts, u64_to_user_ptr(addr)))
		return -EFAULT;
	if ((ts.tv_sec | ts.tv_nsec) < 0)
		return -EINVAL;
	/* More nanoseconds than a second has are accepted, and may be too many */
	if (likely(ts.tv_nsec < NSEC_PER_SEC))
		*time = ktime_set(ts.tv_sec, ts.tv_nsec);
	else
		*time = ktime_add_safe(ktime_set(ts.tv_sec, 0), ts.tv_nsec);
	return 0;
}

static enum iou_clock_nr get_clock(u32 flags)
{
	if (flags & IORING_TIMEOUT_BOOTTIME)
		return IOU_BOOTTIME;
	return flags & IORING_TIMEOUT_REALTIME ? IOU_REALTIME : IOU_MONOTONIC;
}

static int prep_timeout(struct iou_req *req, const struct io_uring_sqe __shared *sqe)
{
	struct iou_timeout *timeout = iou_req_cmd(req, struct iou_timeout);
	u32 flags = iou_sqe_get(sqe, timeout_flags);
	union iou_sqe_mid mid = iou_sqe_mid(sqe);
	int error;

	if (mid.buf_index || mid.file_index || iou_sqe_get(sqe, addr3) ||
	    iou_sqe_get(sqe, __pad2[0]))
		return iou_reject(req, sqe, -EINVAL,
				  "timeout: buf_index, splice_fd_in, addr3 must be 0");
	if (iou_sqe_get(sqe, len) != 1)
		return iou_reject(req, sqe, -EINVAL, "timeout: len must be 1");
	if (flags & ~IOU_TIMEOUT_FLAGS)
		return iou_reject(req, sqe, -EINVAL, "timeout: unknown timeout_flags");
	if ((flags & IORING_TIMEOUT_CLOCK_MASK) == IORING_TIMEOUT_CLOCK_MASK)
		return iou_reject(req, sqe, -EINVAL, "timeout: two clocks");
	if ((flags & IORING_TIMEOUT_MULTISHOT) && (flags & IORING_TIMEOUT_ABS))
		return iou_reject(req, sqe, -EINVAL, "timeout: MULTISHOT and ABS");
	error = get_time(iou_sqe_get(sqe, addr), &timeout->time);
	if (error)
		return iou_reject(req, sqe, error, "timeout: bad time");
	if (!iou_timeout_prepare(iou_req_ring(req)))
		return iou_reject(req, sqe, -ENOMEM, "timeout: no memory");
	timeout->clock = get_clock(flags);
	timeout->absolute = flags & IORING_TIMEOUT_ABS;
	timeout->first = !iou_req_ring(req)->chain.head;
	timeout->flags = flags;
	timeout->nr = iou_sqe_get(sqe, off);
	INIT_LIST_HEAD(&timeout->count.node);
	return 0;
}

/* One period of several is over. Return: it goes on */
static bool timeout_goes_on(struct iou_req *req)
	__must_hold(&iou_req_ring(req)->lock)
{
	struct iou_timeout *timeout = iou_req_cmd(req, struct iou_timeout);

	if (!(timeout->flags & IORING_TIMEOUT_MULTISHOT) || timeout->nr == 1 ||
	    req->cancelled)
		return false;
	if (!iou_req_post_more(req, -ETIME, 0))
		return false;
	iou_ring_end_waits(iou_req_ring(req));
	iou_cq_uncount(&iou_req_ring(req)->cq);
	if (timeout->nr)
		timeout->nr--;
	iou_timeout_again(req);
	return true;
}

static void timeout_event(struct iou_req *req, bool cancel)
	__must_hold(&iou_req_ring(req)->lock)
{
	if (!cancel && timeout_goes_on(req))
		return;
	iou_timeout_unpark(req);
	if (req->cancelled) {
		iou_req_end(req, -ECANCELED);
		return;
	}
	if (iou_req_cmd(req, struct iou_timeout)->flags & IORING_TIMEOUT_ETIME_SUCCESS)
		req->notes |= IOU_NOTE_FINE;
	iou_req_end(req, -ETIME);
}

/*
 * From where CQEs are counted. Those of what stands before it in its batch count, too:
 * programs put a timeout behind their last SQE in order to wait. What was published belongs
 * to earlier batches. What stands before it in its chain does not count.
 */
static u32 count_from(const struct iou_req *req)
	__must_hold(&iou_req_ring(req)->lock)
{
	const struct iou_timeout *timeout = (const struct iou_timeout *)req->cmd;
	const struct iou_cq *cq = &iou_req_ring(req)->cq;

	return timeout->first ? cq->published : cq->tail;
}

static iou_verdict_t issue_timeout(struct iou_req *req)
	__must_hold(&iou_req_ring(req)->lock)
{
	struct iou_timeout *timeout = iou_req_cmd(req, struct iou_timeout);
	int error;

	req->event = timeout_event;
	req->notes |= IOU_NOTE_TIMER;
	if (timeout->nr && !(timeout->flags & IORING_TIMEOUT_MULTISHOT))
		iou_count_add(req, timeout->nr, count_from(req));

	error = iou_timeout_start(req);
	if (!error)
		return IOU_PARKED;
	iou_count_del(req);
	return iou_done(req, error);
}

IOU_FUSE(timeout)

const struct iou_op iou_op_timeout = {
	.name	= "TIMEOUT",
	.start	= start_timeout,
	.prep	= prep_timeout,
	.issue	= issue_timeout,
};

/*
 * The time of what it guards is up. That may have ended before this was seen, and has
 * then taken itself out of ->aux: there is nothing left to be cancelled.
 */
static void link_timeout_event(struct iou_req *req, bool cancel)
	__must_hold(&iou_req_ring(req)->lock)
{
	struct iou_req *guarded = req->aux;
	int ret = -ENOENT;

	iou_timeout_unpark(req);
	if (guarded) {
		/* From here on the two do not know each other */
		guarded->link = iou_chain_next(req);
		req->link = NULL;
		ret = iou_cancel_req(guarded);
	}
	/* For CQE_SKIP_SUCCESS none of its results is a failure */
	req->notes |= IOU_NOTE_FINE;
	iou_req_end(req, ret < 0 ? ret : -ETIME);
}

static int prep_link_timeout(struct iou_req *req, const struct io_uring_sqe __shared *sqe)
{
	struct iou_req *guarded = iou_req_ring(req)->chain.tail;
	int error;

	/* A count has 32 bits, as that of a TIMEOUT */
	if ((u32)iou_sqe_get(sqe, off))
		return iou_reject(req, sqe, -EINVAL, "link_timeout: off must be 0");
	error = prep_timeout(req, sqe);
	if (error)
		return error;

	if (!guarded || guarded->opcode == IORING_OP_LINK_TIMEOUT)
		return iou_reject(req, sqe, -EINVAL, "link_timeout: guards nothing");
	req->aux = guarded;
	guarded->notes |= IOU_NOTE_GUARDED;
	req->event = link_timeout_event;
	return 0;
}

/* Is never started on its own, see iou_issue_prepared() */
static iou_verdict_t issue_link_timeout(struct iou_req *req)
{
	WARN_ON_ONCE(1);
	return iou_done(req, -EINVAL);
}

const struct iou_op iou_op_link_timeout = {
	.name	= "LINK_TIMEOUT",
	.prep	= prep_link_timeout,
	.issue	= issue_link_timeout,
};

/**
 * struct iou_timeout_remove - the cmd of TIMEOUT_REMOVE
 * @user_data: of the target
 * @time: with UPDATE
 * @flags: IORING_TIMEOUT_*
 */
struct iou_timeout_remove {
	u64 user_data;
	ktime_t time;
	u32 flags;
};

static int prep_update(struct iou_req *req, const struct io_uring_sqe __shared *sqe)
{
	struct iou_timeout_remove *remove = iou_req_cmd(req, struct iou_timeout_remove);
	int error;

	if (remove->flags & ~(IORING_TIMEOUT_UPDATE_MASK | IORING_TIMEOUT_ABS))
		return iou_reject(req, sqe, -EINVAL, "timeout_remove: flags not for an update");
	error = get_time(iou_sqe_get(sqe, addr2), &remove->time);
	if (error)
		return iou_reject(req, sqe, error, "timeout_remove: bad time");
	return 0;
}

static int prep_timeout_remove(struct iou_req *req, const struct io_uring_sqe __shared *sqe)
{
	struct iou_timeout_remove *remove = iou_req_cmd(req, struct iou_timeout_remove);
	union iou_sqe_mid mid = iou_sqe_mid(sqe);

	if (req->sqe_flags & IOSQE_FIXED_FILE)
		return iou_reject(req, sqe, -EINVAL, "timeout_remove: has no file");
	if (mid.buf_index || mid.file_index || iou_sqe_get(sqe, len) ||
	    iou_sqe_get(sqe, addr3) || iou_sqe_get(sqe, __pad2[0]))
		return iou_reject(req, sqe, -EINVAL,
				  "timeout_remove: buf_index, len, splice_fd_in must be 0");
	remove->user_data = iou_sqe_get(sqe, addr);
	remove->flags = iou_sqe_get(sqe, timeout_flags);
	if (remove->flags & IORING_TIMEOUT_UPDATE_MASK)
		return prep_update(req, sqe);
	if (remove->flags)
		return iou_reject(req, sqe, -EINVAL, "timeout_remove: unknown timeout_flags");
	return 0;
}

static bool is_opcode(const struct iou_req *req, void *data)
{
	return req->opcode == *(u8 *)data;
}

static bool timeout_is_multishot(struct iou_req *req)
{
	return iou_req_cmd(req, struct iou_timeout)->flags & IORING_TIMEOUT_MULTISHOT;
}

static int timeout_update(struct iou_req *target, const struct iou_timeout_remove *remove)
	__must_hold(&iou_req_ring(target)->lock)
{
	struct iou_timeout *timeout = iou_req_cmd(target, struct iou_timeout);

	timeout->time = remove->time;
	timeout->absolute = remove->flags & IORING_TIMEOUT_ABS;
	if (!timeout_is_multishot(target))
		timeout->nr = 0;
	return iou_timeout_start(target);
}

/*
 * Take the target out of its wait, or change that.
 * Return: the target, if it has to end with -ECANCELED; else NULL. The result of @req is set.
 */
static struct iou_req *timeout_remove(struct iou_req *req)
	__must_hold(&iou_req_ring(req)->lock)
{
	struct iou_timeout_remove *remove = iou_req_cmd(req, struct iou_timeout_remove);
	bool update = remove->flags & IORING_TIMEOUT_UPDATE;
	bool link = update && (remove->flags & IORING_LINK_TIMEOUT_UPDATE);
	u8 opcode = link ? IORING_OP_LINK_TIMEOUT : IORING_OP_TIMEOUT;
	struct iou_req *target;

	target = iou_park_find(iou_req_ring(req), remove->user_data, is_opcode, &opcode);
	req->res = target ? 0 : -ENOENT;
	if (!target)
		return NULL;
	/* The periods of a multishot are spans */
	if ((remove->flags & IORING_TIMEOUT_ABS) && timeout_is_multishot(target)) {
		req->res = -EINVAL;
		return NULL;
	}
	if (!iou_park_claim(target)) {
		/* Its time is up. That of a multishot is not to come again */
		if (!update && timeout_is_multishot(target))
			target->cancelled = true;
		req->res = -EALREADY;
		return NULL;
	}
	if (update && !timeout_update(target, remove))
		return NULL;
	return target;
}

static iou_verdict_t issue_timeout_remove(struct iou_req *req)
{
	struct iou_req *target = timeout_remove(req);

	if (target)
		iou_req_end_soon(target, -ECANCELED);
	return IOU_DONE;
}

static __flatten iou_verdict_t start_timeout_remove(struct iou_req *req,
						    const struct io_uring_sqe __shared *sqe)
{
	struct iou_req *target;

	if (unlikely(prep_timeout_remove(req, sqe)))
		return IOU_REJECTED;
	target = timeout_remove(req);
	if (unlikely(!target))
		return IOU_DONE;

	/* In the order of issue_timeout_remove(), by a shorter way */
	iou_req_complete(req);
	target->res = -ECANCELED;
	iou_req_complete(target);
	return IOU_TAKEN;
}

const struct iou_op iou_op_timeout_remove = {
	.name	= "TIMEOUT_REMOVE",
	.start	= start_timeout_remove,
	.prep	= prep_timeout_remove,
	.issue	= issue_timeout_remove,
};
