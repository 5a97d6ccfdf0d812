/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Requests: made, given a file, completed.
 */
#ifndef IOU_REQ_REQ_H
#define IOU_REQ_REQ_H

#include <linux/file.h>
#include <linux/poll.h>

#include <trace/events/io_uring.h>

#include "../iou.h"
#include "lane.h"
#include "op.h"

int iou_req_init_cache(void);
struct iou_req *iou_req_refill(struct iou_ring *ring) __must_hold(&ring->lock);
void iou_req_free_all(struct iou_ring *ring);
void iou_req_complete(struct iou_req *req) __must_hold(&iou_req_ring(req)->lock);
void iou_req_keep(struct iou_req *req) __must_hold(&iou_req_ring(req)->lock);
int iou_reject(struct iou_req *req, const struct io_uring_sqe __shared *sqe,
	       int error, const char *reason);

/**
 * iou_req_alloc() - get a request
 * @ring: locked
 *
 * Return: a request of which nothing is initialised, or NULL without memory.
 */
static inline struct iou_req *iou_req_alloc(struct iou_ring *ring)
	__must_hold(&ring->lock)
{
	struct iou_req *req = ring->free_reqs;

	if (unlikely(!req))
		return iou_req_refill(ring);
	ring->free_reqs = req->next;
	return req;
}

/**
 * iou_req_get_file() - look up the file of a request that needs one
 * @req: ->fd is valid unless ->file is set
 *
 * The file is borrowed from the caller's descriptor table where that is
 * possible; iou_req_keep() makes it a real reference.
 *
 * Context: ring lock, in the lane's task.
 * Return: false if there is no such file.
 */
static inline bool iou_req_get_file(struct iou_req *req)
{
	struct fd f;

	if (req->file)
		return true;
	/* No ring has a table of fixed files yet: every slot is empty */
	if (unlikely(req->sqe_flags & IOSQE_FIXED_FILE))
		return false;
	f = fdget(req->fd);
	if (unlikely(fd_empty(f)))
		return false;
	trace_io_uring_file_get(iou_req_ring(req), req, req->user_data, req->fd);
	req->file = fd_file(f);
	if (f.word & FDPUT_FPUT)
		req->held |= IOU_HELD_FILE;
	return true;
}

/* Make a borrowed file the request's own */
static inline void iou_req_own_file(struct iou_req *req)
{
	if (!req->file || (req->held & IOU_HELD_FILE))
		return;
	get_file(req->file);
	req->held |= IOU_HELD_FILE;
}

/* Put a request back that holds nothing any more */
static inline void iou_req_recycle(struct iou_ring *ring, struct iou_req *req)
	__must_hold(&ring->lock)
{
	req->state = IOU_S_DONE;
	req->next = ring->free_reqs;
	ring->free_reqs = req;
}

/**
 * iou_req_complete_fast() - complete a request that was just started
 * @ring: the request's
 * @req: ISSUED; ->res and ->cflags are set
 *
 * Context: ring lock. May sleep.
 */
static __always_inline void iou_req_complete_fast(struct iou_ring *ring, struct iou_req *req)
	__must_hold(&ring->lock)
{
	if (unlikely(req->held | (req->sqe_flags & IOSQE_CQE_SKIP_SUCCESS))) {
		iou_req_complete(req);
		return;
	}
	trace_io_uring_complete(ring, req, req->user_data, req->res, req->cflags, 0, 0);
	iou_cq_post(&ring->cq, req->user_data, req->res, req->cflags);
	iou_req_recycle(ring, req);
}

/* Complete with this result */
static inline void iou_req_end(struct iou_req *req, s32 res)
	__must_hold(&iou_req_ring(req)->lock)
{
	req->res = res;
	iou_req_complete(req);
}

/* Can this file be tried without blocking? */
static inline bool iou_file_nowait(const struct file *file)
{
	return (file->f_mode & FMODE_NOWAIT) || (file->f_flags & O_NONBLOCK);
}

#define IOU_MAX_POLLS	128	/* fruitless ones, then a worker has to block */

/* May this request wait in poll for its file? */
static inline bool iou_req_can_park(const struct iou_req *req)
{
	return iou_req_op(req)->poll_events && req->nr_polls < IOU_MAX_POLLS &&
	       req->file && file_can_poll(req->file);
}

/**
 * iou_req_arrived() - the event of a BUSY request has come
 * @req: the caller is its callee, and does not touch it afterwards
 *
 * If it was a worker that called the callee, and it has not left the request
 * yet, the worker pushes it instead.
 *
 * Context: any.
 */
static inline void iou_req_arrived(struct iou_req *req)
{
	if (cmpxchg(&req->state, IOU_S_WORKING, IOU_S_CLAIMED) == IOU_S_WORKING)
		return;
	req->state = IOU_S_CLAIMED;
	iou_lane_push(req);
}

/* For the end of an opcode's functions: the result is known */
static inline iou_verdict_t iou_done(struct iou_req *req, long res)
{
	/* Restart codes mean nothing to a program */
	if (unlikely(res <= -ERESTARTSYS && res >= -ERESTART_RESTARTBLOCK))
		res = -EINTR;
	req->res = res;
	return IOU_DONE;
}

#endif
