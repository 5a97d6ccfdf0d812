/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Requests: made, given a file, kept, put back.
 */
#ifndef IOU_REQ_REQ_H
#define IOU_REQ_REQ_H

#include <linux/cred.h>
#include <linux/file.h>
#include <linux/poll.h>

#include <trace/events/io_uring.h>

#include "../iou.h"
#include "../rsrc/node.h"
#include "../rsrc/pin.h"
#include "lane.h"
#include "op.h"
#include "state.h"

int iou_req_init_cache(void);
struct iou_req *iou_req_refill(struct iou_ring *ring) __must_hold(&ring->lock);
void iou_req_free(struct iou_ring *ring);
struct file *iou_req_find_fixed(struct iou_req *req)
	__must_hold(&iou_req_ring(req)->lock);
struct file *iou_req_find_file(struct iou_req *req);
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

/* iou_req_find_file() for reads and writes, where the call would be a part of the cost */
static __always_inline struct file *iou_req_find_file_here(struct iou_req *req)
{
	struct fd f;

	if (req->sqe_flags & IOSQE_FIXED_FILE)
		return iou_req_find_fixed(req);
	f = fdget(req->fd);
	if (unlikely(fd_empty(f)))
		return NULL;
	/* Its arguments would be read in any case */
	if (trace_io_uring_file_get_enabled())
		trace_io_uring_file_get(iou_req_ring(req), req, req->user_data, req->fd);
	req->file = fd_file(f);
	if (f.word & FDPUT_FPUT)
		req->held |= IOU_HELD_FILE;
	return req->file;
}

/**
 * iou_req_get_file() - look up the file of a request that needs one
 * @req: ->fd is valid unless ->file is set
 *
 * The file is borrowed from the caller's descriptor table where that is
 * possible, or from the ring's table; iou_req_keep() makes it a real reference.
 *
 * Context: ring lock, in the lane's task.
 * Return: false if there is no such file.
 */
static inline bool iou_req_get_file(struct iou_req *req)
{
	return req->file || iou_req_find_file(req);
}

/**
 * iou_req_get_buf() - have a request use a registered buffer
 * @req: uses none yet
 * @index: the slot
 *
 * What it then does with the buffer (iou_buf_import()) needs no lock.
 *
 * Context: ring lock.
 * Return: false if the slot is empty.
 */
static inline bool iou_req_get_buf(struct iou_req *req, u32 index)
	__must_hold(&iou_req_ring(req)->lock)
{
	struct iou_node *node = iou_table_get(&iou_req_ring(req)->bufs, index);

	if (unlikely(!node))
		return false;
	node->refs++;
	req->buf_node = node;
	req->held |= IOU_HELD_BUF;
	return true;
}

/* The buffer of a request that holds one */
static inline const struct iou_buf *iou_req_buf(const struct iou_req *req)
{
	return req->buf_node->what;
}

/* Make a borrowed file the request's own */
static inline void iou_req_own_file(struct iou_req *req)
{
	if (!req->file || (req->held & (IOU_HELD_FILE | IOU_HELD_FILE_NODE)))
		return;
	if (req->sqe_flags & IOSQE_FIXED_FILE) {
		req->file_node->refs++;
		req->held |= IOU_HELD_FILE_NODE;
		return;
	}
	get_file(req->file);
	req->held |= IOU_HELD_FILE;
}

/**
 * iou_req_keep() - a request outlives its submission
 * @req: not kept yet
 *
 * Counts it in its lane, and makes a borrowed file its own. The handler of its
 * event needs the ring lock, so it is early enough to do this before that is
 * released; a worker needs no lock, so there it has to be done before.
 *
 * Context: ring lock, in the lane's task.
 */
static inline void iou_req_keep(struct iou_req *req)
	__must_hold(&iou_req_ring(req)->lock)
{
	iou_assert_locked(iou_req_ring(req));
	iou_req_own_file(req);
	req->held |= IOU_HELD_INFLIGHT;
	req->lane->nr_inflight++;
}

/* Put a request back that was not used, or is new */
static inline void iou_req_unget(struct iou_ring *ring, struct iou_req *req)
	__must_hold(&ring->lock)
{
	iou_req_begin(req, IOU_S_DONE);
	req->next = ring->free_reqs;
	ring->free_reqs = req;
}

/* Put a request back that holds nothing any more */
static inline void iou_req_recycle(struct iou_ring *ring, struct iou_req *req)
	__must_hold(&ring->lock)
{
	iou_req_step(req, IOU_S_DONE);
	req->next = ring->free_reqs;
	ring->free_reqs = req;
}

/* What kind of file is it? */
static inline umode_t iou_file_mode(const struct file *file)
{
	/* The type never changes, but chmod() or overlayfs may write the bits beside it */
	return data_race(file_inode(file)->i_mode);
}

/* Transfers on these go on until all is done, and always end by themselves */
static inline bool iou_file_is_disk(const struct file *file)
{
	umode_t mode = iou_file_mode(file);

	return S_ISREG(mode) || S_ISBLK(mode);
}

/* Can this file be tried without blocking? */
static inline bool iou_file_nowait(const struct file *file)
{
	return (file->f_mode & FMODE_NOWAIT) || (file->f_flags & O_NONBLOCK);
}

#define IOU_MAX_SHOTS	32	/* before others have their turn */

/* After a CQE with F_MORE: as if it had just been submitted */
static inline void iou_req_next_shot(struct iou_req *req)
{
	if (req->sqe_flags & IOSQE_BUFFER_SELECT)
		req->notes |= IOU_NOTE_SELECT;
	req->cflags = 0;
	req->nr_polls = 0;
}

#define IOU_MAX_POLLS	128	/* fruitless ones, then a worker has to block */

/* May this request wait in poll for its file? */
static inline bool iou_req_can_park(const struct iou_req *req)
{
	return iou_req_op(req)->poll_events && req->nr_polls < IOU_MAX_POLLS &&
	       req->file && file_can_poll(req->file);
}

/*
 * A callee has finished a request. Return: the worker that called it has not left it yet, and
 * pushes it. Mostly there is no worker: that takes a look, and no locked instruction.
 */
static inline bool iou_req_worker_pushes(struct iou_req *req)
{
	return unlikely(READ_ONCE(req->state) == IOU_S_WORKING) &&
	       iou_req_try_step(req, IOU_S_WORKING, IOU_S_CLAIMED);
}

/**
 * iou_req_arrived() - the event of a BUSY request has come
 * @req: the caller is its callee, and does not touch it afterwards. Its event leads to
 *       its CQE and to nothing else
 *
 * If it was a worker that called the callee, and it has not left the request
 * yet, the worker pushes it instead.
 *
 * Context: any.
 */
static inline void iou_req_arrived(struct iou_req *req)
{
	if (iou_req_worker_pushes(req))
		return;
	iou_req_step(req, IOU_S_CLAIMED);
	iou_lane_push_lazy(req);
}

/**
 * iou_req_goes_on() - iou_req_arrived() for an event that may not be the last
 * @req: as there. Its event may have to wait again; on a deferred ring that must not wait
 *       until whoever waits there has got other CQEs
 *
 * Context: any.
 */
static inline void iou_req_goes_on(struct iou_req *req)
{
	if (iou_req_worker_pushes(req))
		return;
	iou_req_step(req, IOU_S_CLAIMED);
	iou_lane_push(req);
}

/**
 * iou_req_leave() - a worker has passed a request on to a callee
 * @req: WORKING, or the callee is done with it; not to be touched afterwards
 *
 * The second of callee and worker pushes it. What is polled for is pushed in any case.
 *
 * Context: any.
 */
static inline void iou_req_leave(struct iou_req *req)
{
	if (req->verdict == IOU_POLLED ||
	    !iou_req_try_step(req, IOU_S_WORKING, IOU_S_BUSY))
		iou_lane_push(req);
}

/**
 * iou_req_arrived_polled() - the device of a polled request has finished
 * @req: ->res is set; not to be touched afterwards
 *
 * Context: any.
 */
static inline void iou_req_arrived_polled(struct iou_req *req)
{
	/* Pairs with the acquire in run/iopoll.c */
	iou_req_step_release(req, IOU_S_CLAIMED);
}

/**
 * iou_req_is_personal() - does a request run with credentials that its SQE asked for?
 * @req: being prepared
 *
 * Where all requests hold their credentials, one that asked for the same ones as it
 * would have anyway is not told apart.
 *
 * Context: ring lock, in the submitter.
 * Return: whether.
 */
static inline bool iou_req_is_personal(const struct iou_req *req)
{
	return (req->held & IOU_HELD_CREDS) &&
	       (!(iou_req_ring(req)->strict & IOU_STRICT_CREDS) ||
		req->creds != current_cred());
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

/**
 * iou_req_issue() - make an attempt
 * @req: prepared; one with a personality runs as that
 *
 * Context: ring lock, in the lane's task.
 * Return: what .issue says.
 */
static inline iou_verdict_t iou_req_issue(struct iou_req *req)
	__must_hold(&iou_req_ring(req)->lock)
{
	const struct cred *old;
	iou_verdict_t verdict;

	if (likely(!(req->held & IOU_HELD_CREDS) || req->creds == current_cred()))
		return iou_req_op(req)->issue(req);
	old = override_creds(req->creds);
	verdict = iou_req_op(req)->issue(req);
	revert_creds(old);
	return verdict;
}

#endif
