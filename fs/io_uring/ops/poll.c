// SPDX-License-Identifier: GPL-2.0
/*
 * POLL_ADD, POLL_REMOVE.
 */
#include <linux/poll.h>

#include "../req/complete.h"
#include "../req/park.h"
#include "../run/poll.h"
#include "ops.h"

/**
 * struct iou_poll_add - the cmd of POLL_ADD
 * @events: with EPOLLONESHOT unless multishot
 */
struct iou_poll_add {
	__poll_t events;
};

/* The events of an SQE, in the kernel's numbering */
static __poll_t poll_events(const struct io_uring_sqe __shared *sqe)
{
	u32 events = iou_sqe_get(sqe, poll32_events);

#ifdef __BIG_ENDIAN
	events = swahw32(events);
#endif
	return demangle_poll(events) | ((__force __poll_t)events & (EPOLLEXCLUSIVE | EPOLLONESHOT));
}

static int prep_poll_add(struct iou_req *req, const struct io_uring_sqe __shared *sqe)
{
	struct iou_poll_add *poll = iou_req_cmd(req, struct iou_poll_add);
	u32 flags = iou_sqe_get(sqe, len);

	if (iou_sqe_mid(sqe).buf_index || iou_sqe_get(sqe, off) || iou_sqe_get(sqe, addr))
		return iou_reject(req, sqe, -EINVAL, "poll: buf_index, off and addr must be 0");
	if (flags & ~IORING_POLL_ADD_MULTI)
		return iou_reject(req, sqe, -EINVAL, "poll: unknown flag in len");
	if ((flags & IORING_POLL_ADD_MULTI) && (req->sqe_flags & IOSQE_CQE_SKIP_SUCCESS))
		return iou_reject(req, sqe, -EINVAL, "poll: MULTI and CQE_SKIP_SUCCESS");
	poll->events = poll_events(sqe) | EPOLLERR | EPOLLHUP | EPOLLNVAL | EPOLLRDHUP;
	if (!(flags & IORING_POLL_ADD_MULTI))
		poll->events |= EPOLLONESHOT | IOU_POLL_LAZY;
	return 0;
}

static s32 poll_result(int mask)
{
	return mangle_poll((__force __poll_t)mask);
}

/* To tell of a CQE by another CQE would wake it again, and again */
static bool poll_add_is_last(const struct iou_req *req)
{
	return (req->poll.events & EPOLLONESHOT) || (req->poll.seen & EPOLL_URING_WAKE);
}

/*
 * Something is ready, or went wrong, while @req was parked. A multishot request
 * posts and waits on; the number of rounds is limited by the room in the CQ.
 * Return: 0: it waits on. Otherwise it is not parked any more, and this is its
 * result.
 */
static s32 poll_add_report(struct iou_req *req, int mask)
	__must_hold(&iou_req_ring(req)->lock)
{
	while (mask > 0) {
		if (poll_add_is_last(req) || !iou_req_post_more(req, poll_result(mask), 0))
			break;
		mask = iou_poll_rearm(req);
		if (!mask)
			return 0;
	}
	iou_poll_unpark(req);
	if (mask > 0)
		return poll_result(mask);
	iou_poll_pass_on(req);
	return mask;
}

/* Start to wait. Return: as poll_add_report() */
static s32 poll_add_arm(struct iou_req *req)
	__must_hold(&iou_req_ring(req)->lock)
{
	int mask = iou_poll_park(req, iou_req_cmd(req, struct iou_poll_add)->events);

	return mask > 0 ? poll_result(mask) : mask;
}

/*
 * What a wake-up says has happened, as far as that can be believed: sockets name
 * these with any data that comes.
 */
#define IOU_POLL_VAGUE	(EPOLLPRI | EPOLLRDBAND)

/* A wake-up has come. Return: what is ready, 0: it was not for us; -ECANCELED */
static int poll_add_mask(struct iou_req *req)
	__must_hold(&iou_req_ring(req)->lock)
{
	__poll_t mask = req->poll.seen & req->poll.events;

	if (iou_poll_ended(req))
		return -ECANCELED;
	/* Several wake-ups are one event, that of now. Of a CQE it is the first, see above */
	if (!poll_add_is_last(req) && iou_poll_merge(req))
		mask = 0;
	if (!mask || (mask & IOU_POLL_VAGUE))
		mask = vfs_poll(req->file, NULL) & req->poll.events;
	return (__force int)mask;
}

static void poll_add_event(struct iou_req *req, bool cancel)
	__must_hold(&iou_req_ring(req)->lock)
{
	int mask = cancel ? -ECANCELED : poll_add_mask(req);
	s32 res;

	if (likely(mask)) {
		res = poll_add_report(req, mask);
	} else {
		iou_poll_unpark(req);
		res = poll_add_arm(req);
	}
	if (!res)
		return;
	req->res = res;
	iou_req_complete(req);
}

static iou_verdict_t issue_poll_add(struct iou_req *req)
{
	s32 res;

	if (!iou_req_get_file(req))
		return iou_done(req, -EBADF);
	req->event = poll_add_event;
	res = poll_add_arm(req);
	return res ? iou_done(req, res) : IOU_PARKED;
}

IOU_FUSE(poll_add)

const struct iou_op iou_op_poll_add = {
	.name		= "POLL_ADD",
	.start		= start_poll_add,
	.prep		= prep_poll_add,
	.issue		= issue_poll_add,
	.needs_file	= true,
};

/**
 * struct iou_poll_remove - the cmd of POLL_REMOVE
 * @user_data: of the target
 * @new_user_data: with UPDATE_USER_DATA
 * @events: with UPDATE_EVENTS
 * @flags: IORING_POLL_UPDATE_*
 */
struct iou_poll_remove {
	u64 user_data;
	u64 new_user_data;
	__poll_t events;
	u32 flags;
};

static int prep_poll_remove(struct iou_req *req, const struct io_uring_sqe __shared *sqe)
{
	struct iou_poll_remove *remove = iou_req_cmd(req, struct iou_poll_remove);
	union iou_sqe_mid mid = iou_sqe_mid(sqe);
	u32 flags = iou_sqe_get(sqe, len);

	if (mid.buf_index || mid.file_index)
		return iou_reject(req, sqe, -EINVAL,
				  "poll: buf_index and splice_fd_in must be 0");
	if (flags & ~(IORING_POLL_UPDATE_EVENTS | IORING_POLL_UPDATE_USER_DATA |
		      IORING_POLL_ADD_MULTI))
		return iou_reject(req, sqe, -EINVAL, "poll: unknown flag in len");
	if (flags == IORING_POLL_ADD_MULTI)
		return iou_reject(req, sqe, -EINVAL, "poll: MULTI without an update");
	remove->user_data = iou_sqe_get(sqe, addr);
	remove->new_user_data = iou_sqe_get(sqe, off);
	remove->events = poll_events(sqe);
	remove->flags = flags;
	if (remove->new_user_data && !(flags & IORING_POLL_UPDATE_USER_DATA))
		return iou_reject(req, sqe, -EINVAL, "poll: off without UPDATE_USER_DATA");
	if (iou_sqe_get(sqe, poll32_events) && !(flags & IORING_POLL_UPDATE_EVENTS))
		return iou_reject(req, sqe, -EINVAL, "poll: events without UPDATE_EVENTS");
	return 0;
}

static bool is_poll_add(const struct iou_req *req, void *data)
{
	return req->opcode == IORING_OP_POLL_ADD;
}

/* Change the target, which is not parked, and wait again */
static void poll_update(struct iou_req *target, const struct iou_poll_remove *remove)
	__must_hold(&iou_req_ring(target)->lock)
{
	struct iou_poll_add *poll = iou_req_cmd(target, struct iou_poll_add);
	const __poll_t low = (__force __poll_t)0xffff;
	const __poll_t always = EPOLLERR | EPOLLHUP | EPOLLNVAL | EPOLLRDHUP;
	s32 res;

	if (remove->flags & IORING_POLL_UPDATE_EVENTS)
		poll->events = (poll->events & ~low) | (remove->events & low) | always;
	if (remove->flags & IORING_POLL_UPDATE_USER_DATA)
		target->user_data = remove->new_user_data;
	res = poll_add_arm(target);
	if (res)
		iou_req_end_soon(target, res);
}

static iou_verdict_t issue_poll_remove(struct iou_req *req)
{
	struct iou_poll_remove *remove = iou_req_cmd(req, struct iou_poll_remove);
	struct iou_req *target;
	bool update;

	target = iou_park_find(iou_req_ring(req), remove->user_data, is_poll_add, NULL);
	if (!target)
		return iou_done(req, -ENOENT);
	update = remove->flags & (IORING_POLL_UPDATE_EVENTS | IORING_POLL_UPDATE_USER_DATA);
	if (!iou_park_claim(target)) {
		/* Its event was faster. That of a multishot is to be the last */
		if (!update && !(target->poll.events & EPOLLONESHOT))
			target->cancelled = true;
		return iou_done(req, -EALREADY);
	}
	if (update)
		poll_update(target, remove);
	else
		iou_req_end_soon(target, -ECANCELED);
	return iou_done(req, 0);
}

IOU_FUSE(poll_remove)

const struct iou_op iou_op_poll_remove = {
	.name		= "POLL_REMOVE",
	.start		= start_poll_remove,
	.prep		= prep_poll_remove,
	.issue		= issue_poll_remove,
};
