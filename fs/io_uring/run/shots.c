// SPDX-License-Identifier: GPL-2.0
/*
 * Multishot requests.
 *
 * One is tried until it would block (IOU_RETRY), or its turn is over
 * (IOU_TURN). Then it waits, and stays on the waitqueue between turns: a wake-up
 * that comes while it runs is remembered. After a turn it asks the file, too, whether
 * there is more. If there is, it queues up behind the other events of its lane,
 * so that one busy file does not keep others waiting.
 *
 * It ends when .issue says IOU_DONE. It never goes to a worker.
 */
#include <linux/poll.h>

#include "../req/complete.h"
#include "../req/lane.h"
#include "../req/req.h"
#include "../rsrc/pbuf.h"
#include "poll.h"
#include "shots.h"

/* It waits no more; there may be more for others */
static void shots_unpark(struct iou_req *req)
	__must_hold(&iou_req_ring(req)->lock)
{
	iou_poll_unpark(req);
	iou_poll_pass_on(req);
}

static void shots_end(struct iou_req *req, int error)
	__must_hold(&iou_req_ring(req)->lock)
{
	shots_unpark(req);
	iou_req_end(req, error);
}

/* Wait again, or queue up again if there is more */
static void shots_wait(struct iou_req *req, iou_verdict_t verdict)
	__must_hold(&iou_req_ring(req)->lock)
{
	int ready = 0;

	if (verdict == IOU_TURN)
		ready = (__force int)(vfs_poll(req->file, NULL) & req->poll.events);
	if (!ready)
		ready = iou_poll_rearm(req);
	if (ready > 0)
		iou_lane_push(req);
	else if (ready < 0)
		shots_end(req, ready);
}

/* There is no buffer, but nothing for one either: it was woken in vain */
static bool shots_need_no_buffer(struct iou_req *req)
	__must_hold(&iou_req_ring(req)->lock)
{
	return iou_pbuf_is_missed(req) && !(vfs_poll(req->file, NULL) & req->poll.events);
}

/* The file may be ready */
static void shots_event(struct iou_req *req, bool cancel)
	__must_hold(&iou_req_ring(req)->lock)
{
	iou_verdict_t verdict;

	if (cancel || iou_poll_ended(req)) {
		shots_end(req, -ECANCELED);
		return;
	}
	verdict = iou_req_issue(req);
	if (verdict == IOU_DONE && unlikely(shots_need_no_buffer(req)))
		verdict = IOU_RETRY;
	if (verdict != IOU_DONE) {
		shots_wait(req, verdict);
		return;
	}
	shots_unpark(req);
	iou_req_complete(req);
}

/**
 * iou_shots_park() - the first turn of a multishot request is over
 * @req: kept; its .issue said IOU_RETRY or IOU_TURN
 * @events: to wait for
 *
 * It ends with -EBADFD if its file cannot be waited for.
 *
 * Context: ring lock, in the lane's task. May sleep.
 */
void iou_shots_park(struct iou_req *req, __poll_t events)
{
	int ret;

	req->event = shots_event;
	ret = iou_poll_park(req, events);
	if (ret)
		iou_req_end(req, ret == -ECANCELED ? ret : -EBADFD);
}
