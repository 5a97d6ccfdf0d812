/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What an opcode provides.
 */
#ifndef IOU_REQ_OP_H
#define IOU_REQ_OP_H

#include <uapi/linux/eventpoll.h>

#include "../iou.h"

struct io_comp_batch;

/*
 * Among the events to wait for: to try again takes something for the program, and gives
 * nothing to anybody else who might wait for it. So a wake-up leads to one CQE, or to none.
 */
#define IOU_POLL_LAZY	EPOLLWAKEUP

/**
 * struct iou_op - one opcode
 * @name: as in IORING_OP_<name>
 * @start: prep and issue in one, for requests that start at once. NULL: there
 *         is no inline attempt
 * @prep: check the SQE and copy what is needed of it, and of what it points to.
 *        Writes every field that the others read. Returns 0 or what
 *        iou_reject() returned
 * @issue: try without blocking. Ring lock held, current is the lane's task.
 *         May be called again after IOU_RETRY
 * @work: do it in a worker: may block, no lock held. NULL: @issue never says
 *        IOU_RETRY or IOU_WORK. IOU_RETRY means: would block, park me; IOU_WORK:
 *        may take as long as another program likes, or was interrupted for a
 *        while, and has done nothing yet
 * @lasts: may @work take as long as another program likes? Asked in a worker, before
 *         @work, unless @unbound says that already
 * @take: with IOU_NOTE_SELECT: take a provided buffer, because a worker will do it.
 *        Ring lock held. Returns 0 or -ENOBUFS
 * @partial: how much of it was done by earlier attempts, if it is not tried again: that
 *           is its result then, unless it is 0. NULL: each attempt does all or nothing
 * @cleanup: release ->aux, if IOU_HELD_CLEANUP
 * @iopoll: after IOU_POLLED: ask the device, put what it completes on the batch.
 *          Ring lock held. Returns an error of the driver, or anything >= 0
 * @iopoll_done: after iou_req_arrived_polled(): go on or complete. Ring lock held;
 *               in the lane's task only if the result is -EAGAIN
 * @on_iopoll: may be submitted to an IOPOLL ring
 * @ask_cancel: ask who is busy with it to stop; for those in ring->commands. Ring
 *              lock held
 * @deliver: after iou_ring_send(): do what is to be done to another ring, which is
 *           locked, not the request's own; then iou_req_arrived()
 * @needs_file: sqe.fd is a file
 * @poll_events: park in poll for these before trying again, 0: not pollable. With
 *               IOU_POLL_LAZY
 * @poll_mask: what to wait for instead of @poll_events, which must not be 0. NULL:
 *             the same for all requests
 * @has_ioprio: sqe.ioprio means something
 * @pbuf: enum iou_pbuf_policy: how it uses provided buffers; 0: IOSQE_BUFFER_SELECT is
 *        not possible
 * @hashed: work on a regular file is serialised per inode
 * @unbound: work on other than regular files and block devices may take for ever
 * @notifies: it makes a notification, which is in flight as long as the request, or longer
 * @audit: leaves a record for each attempt. That of a worker is made for it; @issue
 *         makes its own with iou_audited()
 *
 * prep and issue, or work alone, make one opcode: see nop.c for the shortest,
 * rw/ for the fullest example.
 */
struct iou_op {
	const char *name;
	iou_verdict_t (*start)(struct iou_req *req,
			       const struct io_uring_sqe __shared *sqe);
	int (*prep)(struct iou_req *req, const struct io_uring_sqe __shared *sqe);
	iou_verdict_t (*issue)(struct iou_req *req);
	iou_verdict_t (*work)(struct iou_req *req);
	bool (*lasts)(struct iou_req *req);
	int (*take)(struct iou_req *req);
	s32 (*partial)(struct iou_req *req);
	void (*cleanup)(struct iou_req *req);
	void (*ask_cancel)(struct iou_req *req);
	void (*deliver)(struct iou_req *req, struct iou_ring *target);
	int (*iopoll)(struct iou_req *req, struct io_comp_batch *iob);
	void (*iopoll_done)(struct iou_req *req);
	bool on_iopoll;
	__poll_t poll_events;
	__poll_t (*poll_mask)(const struct iou_req *req);
	bool needs_file;
	bool has_ioprio;
	u8 pbuf;
	bool hashed;
	bool unbound;
	bool notifies;
	bool audit;
};

/*
 * Define start_<op>() from prep_<op>() and issue_<op>(), which the compiler
 * makes one function, with all of this file that they call.
 */
#define IOU_FUSE(op)							\
static __flatten iou_verdict_t start_##op(struct iou_req *req,			\
				const struct io_uring_sqe __shared *sqe) \
{									\
	if (unlikely(prep_##op(req, sqe)))				\
		return IOU_REJECTED;					\
	return issue_##op(req);						\
}

#endif
