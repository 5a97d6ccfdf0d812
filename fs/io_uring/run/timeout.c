// SPDX-License-Identifier: GPL-2.0
/*
 * Parking a request on a timer.
 *
 * The timer lives in the request. It fires in a hard interrupt, and there only
 * claims and pushes; who claims the request otherwise stops the timer before
 * going on.
 */
#include "../req/lane.h"
#include "../req/park.h"
#include "timeout.h"

static_assert(sizeof(struct hrtimer) <= sizeof_field(struct iou_req, opwait));

static struct hrtimer *timer_of(struct iou_req *req)
{
	return (struct hrtimer *)req->opwait;
}

static enum hrtimer_restart timeout_expired(struct hrtimer *timer)
{
	struct iou_req *req = container_of((void *)timer, struct iou_req, opwait);

	if (iou_park_wake(req))
		iou_lane_push(req);
	return HRTIMER_NORESTART;
}

/* Off the timer and the count */
static void timeout_unhook(struct iou_req *req)
{
	hrtimer_cancel(timer_of(req));
	iou_count_del(req);
}

static bool timeout_claim(struct iou_req *req)
{
	if (!iou_park_wake(req))
		return false;
	timeout_unhook(req);
	return true;
}

static const struct iou_park_ops timeout_park_ops = {
	.claim	= timeout_claim,
};

/**
 * iou_timeout_start() - wait for a time
 * @req: with a struct iou_timeout, and with ->event for when it has come
 *
 * Context: ring lock.
 * Return: 0: parked, and perhaps already claimed. -ECANCELED: the ring is being
 * closed, or @req was cancelled.
 */
int iou_timeout_start(struct iou_req *req)
{
	struct iou_timeout *timeout = iou_req_cmd(req, struct iou_timeout);
	enum hrtimer_mode mode = timeout->absolute ? HRTIMER_MODE_ABS : HRTIMER_MODE_REL;
	struct hrtimer *timer = timer_of(req);
	int error;

	hrtimer_init(timer, timeout->clock, mode);
	timer->function = timeout_expired;
	error = iou_park(req, &timeout_park_ops);
	if (!error)
		hrtimer_start(timer, timeout->time, mode);
	return error;
}

/**
 * iou_timeout_unpark() - stop waiting
 * @req: its time has come, it is CLAIMED
 *
 * Context: ring lock.
 */
void iou_timeout_unpark(struct iou_req *req)
{
	iou_unpark(req);
	timeout_unhook(req);
}

/**
 * iou_timeout_again() - wait for the same span again
 * @req: its time has come, it is CLAIMED and not unparked
 *
 * Counts from when the last one was due, so that delays do not add up.
 *
 * Context: ring lock.
 */
void iou_timeout_again(struct iou_req *req)
{
	struct iou_timeout *timeout = iou_req_cmd(req, struct iou_timeout);
	struct hrtimer *timer = timer_of(req);

	/* The callback that claimed it may not have returned yet */
	hrtimer_cancel(timer);
	hrtimer_set_expires(timer, ktime_add_safe(hrtimer_get_expires(timer), timeout->time));
	/* Who sees PARKED may push: all that the handler needs is in place */
	smp_store_release(&req->state, IOU_S_PARKED);
	hrtimer_start_expires(timer, HRTIMER_MODE_ABS);
}
