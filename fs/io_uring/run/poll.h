/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Parking on the waitqueues of a file.
 */
#ifndef IOU_RUN_POLL_H
#define IOU_RUN_POLL_H

#include <linux/poll.h>

#include "../iou.h"

int iou_poll_park(struct iou_req *req, __poll_t events)
	__must_hold(&iou_req_ring(req)->lock);
void iou_poll_unpark(struct iou_req *req) __must_hold(&iou_req_ring(req)->lock);
void iou_poll_pass_on(const struct iou_req *req)
	__must_hold(&iou_req_ring(req)->lock);
int iou_poll_rearm(struct iou_req *req) __must_hold(&iou_req_ring(req)->lock);
bool iou_poll_merge(struct iou_req *req) __must_hold(&iou_req_ring(req)->lock);

static inline bool iou_poll_queue_is_gone(const struct iou_poll *poll)
{
	return poll && (READ_ONCE(poll->events) & POLLFREE);
}

/**
 * iou_poll_ended() - must a wait end, whatever the file says?
 * @req: was parked and then claimed
 *
 * Context: ring lock.
 * Return: true: it was cancelled, the ring is being closed, or the waitqueue has
 * gone away.
 */
static inline bool iou_poll_ended(const struct iou_req *req)
	__must_hold(&iou_req_ring(req)->lock)
{
	return iou_ring_is_closing(iou_req_ring(req)) || req->cancelled ||
	       iou_poll_queue_is_gone(&req->poll) || iou_poll_queue_is_gone(req->poll2);
}

#endif
