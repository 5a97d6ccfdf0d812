/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What an opcode provides.
 */
#ifndef IOU_REQ_OP_H
#define IOU_REQ_OP_H

#include "../iou.h"

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
 *        IOU_RETRY. IOU_RETRY means: would block, park me
 * @cleanup: release ->aux, if IOU_HELD_AUX
 * @needs_file: sqe.fd is a file
 * @poll_events: park in poll for these before trying again, 0: not pollable
 * @has_ioprio: sqe.ioprio means something
 * @buffer_select: IOSQE_BUFFER_SELECT is possible
 * @hashed: work on a regular file is serialised per inode
 * @unbound: work on other than regular files and block devices may take for ever
 * @audit: leaves an audit record
 *
 * prep and issue, or work alone, make one opcode: see nop.c for the shortest,
 * rw.c for the fullest example.
 */
struct iou_op {
	const char *name;
	iou_verdict_t (*start)(struct iou_req *req,
			       const struct io_uring_sqe __shared *sqe);
	int (*prep)(struct iou_req *req, const struct io_uring_sqe __shared *sqe);
	iou_verdict_t (*issue)(struct iou_req *req);
	iou_verdict_t (*work)(struct iou_req *req);
	void (*cleanup)(struct iou_req *req);
	__poll_t poll_events;
	bool needs_file;
	bool has_ioprio;
	bool buffer_select;
	bool hashed;
	bool unbound;
	bool audit;
};

/*
 * Define start_<op>() from prep_<op>() and issue_<op>(), which the compiler
 * makes one function.
 */
#define IOU_FUSE(op)							\
static iou_verdict_t start_##op(struct iou_req *req,			\
				const struct io_uring_sqe __shared *sqe) \
{									\
	if (unlikely(prep_##op(req, sqe)))				\
		return IOU_REJECTED;					\
	return issue_##op(req);						\
}

#endif
