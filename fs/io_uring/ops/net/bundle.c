// SPDX-License-Identifier: GPL-2.0
/*
 * Bundles: one attempt at the socket for several provided buffers, and one CQE.
 * The CQE names the first buffer. The program finds the others, and how many,
 * because they follow each other in the group and are used up one after the
 * other.
 *
 * Buffers are taken when they have been used. A bundle that has to wait for the
 * rest (MSG_WAITALL, and every send) keeps only the buffer in which it was
 * interrupted. It goes on with the group's next ones, unless somebody else has
 * taken a buffer meanwhile: then it ends with that one, and the program sees a
 * shorter bundle.
 *
 * A bundle waits for its socket and never goes to a worker: it needs the group,
 * and so the ring lock, at every attempt.
 */
#include "bundle.h"

/* How many buffers to offer a socket that has not said how much there is */
#define BUNDLE_GUESS	32

/**
 * iou_bundle_prep() - the part of prep that concerns bundles
 * @req: prepared otherwise; with a struct iou_bundle
 */
void iou_bundle_prep(struct iou_req *req)
{
	struct iou_bundle *bundle = iou_req_cmd(req, struct iou_bundle);

	bundle->cap = req->buf_cap;
	bundle->rest = 0;
	bundle->xfer.inq = -1;
	req->notes |= IOU_NOTE_MULTISHOT;
}

/**
 * iou_bundle_next() - the next bundle begins
 * @req: the CQE of the last one was posted
 */
void iou_bundle_next(struct iou_req *req)
{
	struct iou_bundle *bundle = iou_req_cmd(req, struct iou_bundle);

	bundle->xfer.done = 0;
	bundle->rest = 0;
}

/**
 * iou_bundle_has_more() - is there a buffer for the next bundle?
 * @req: has used at least one
 *
 * Context: ring lock.
 * Return: whether.
 */
bool iou_bundle_has_more(struct iou_req *req)
{
	struct iou_pbuf_group *group = iou_pbuf_find(iou_req_ring(req), req->buf_group);

	return group && iou_pbuf_count(group);
}

/* Buffers for a new bundle */
static int bundle_first(struct iou_req *req, int dir, struct iou_pbuf_run *run)
	__must_hold(&iou_req_ring(req)->lock)
{
	struct iou_bundle *bundle = iou_req_cmd(req, struct iou_bundle);
	u32 nr = IOU_PBUF_RUN_MAX;
	int error;

	if (dir == ITER_DEST && bundle->cap == MAX_RW_COUNT &&
	    !(bundle->xfer.msg_flags & MSG_WAITALL) && bundle->xfer.inq <= 0)
		nr = BUNDLE_GUESS;
	error = iou_pbuf_look_run(req, run, bundle->cap, nr);
	if (error)
		return error;
	if (!run->bytes && (iou_req_op(req)->pbuf & IOU_PBUF_FULL))
		return -ENOBUFS;
	bundle->xfer.len = run->bytes;
	return 0;
}

/* What an interrupted bundle has left, and more if the next ones are still there */
static void bundle_again(struct iou_req *req, int dir, struct iou_pbuf_run *run)
	__must_hold(&iou_req_ring(req)->lock)
{
	struct iou_bundle *bundle = iou_req_cmd(req, struct iou_bundle);
	struct iou_xfer *xfer = &bundle->xfer;
	u32 left = xfer->len - xfer->done - bundle->rest;

	if (!left || iou_pbuf_look_run(req, run, left, IOU_PBUF_RUN_MAX - 1) ||
	    run->group->head != bundle->next) {
		run->nr = 0;
		run->bytes = 0;
	}
	/* Perhaps less than it was meant to be; a send goes on with another bundle */
	if (run->bytes < left && dir == ITER_DEST)
		req->notes |= IOU_NOTE_SHORT;
	xfer->len = xfer->done + bundle->rest + run->bytes;
}

/**
 * iou_bundle_begin() - choose the buffers for an attempt
 * @req: with a struct iou_bundle
 * @dir: ITER_SOURCE to send, ITER_DEST to receive
 * @run: for iou_bundle_settle(): buffers of the group
 * @iter: what @req has left of another one, and then these. Empty: there is nothing to
 *        go on with
 *
 * Context: ring lock.
 * Return: 0; -ENOENT, -ENOBUFS, -EFAULT: there are none, see iou_pbuf_look_run();
 * -ENOMEM.
 */
int iou_bundle_begin(struct iou_req *req, int dir, struct iou_pbuf_run *run,
		     struct iov_iter *iter)
{
	struct iou_bundle *bundle = iou_req_cmd(req, struct iou_bundle);
	struct iovec *vec = iou_pbuf_vec(iou_req_ring(req));
	bool held = bundle->rest;
	int error = 0;

	if (!vec)
		return -ENOMEM;
	run->vec = vec + held;
	run->nr = 0;
	run->bytes = 0;
	if (held)
		*vec = (struct iovec){ u64_to_user_ptr(bundle->xfer.addr), bundle->rest };
	if (bundle->xfer.done)
		bundle_again(req, dir, run);
	else
		error = bundle_first(req, dir, run);
	iov_iter_init(iter, dir, vec, held + run->nr, bundle->rest + run->bytes);
	return error;
}

/* So many bytes were transferred, in the rest of a buffer, and then in those of the run */
static void bundle_use(struct iou_req *req, const struct iou_pbuf_run *run, u32 bytes, bool again)
	__must_hold(&iou_req_ring(req)->lock)
{
	struct iou_bundle *bundle = iou_req_cmd(req, struct iou_bundle);
	u32 of_rest = min(bytes, bundle->rest);
	struct iovec rest = {};

	bundle->xfer.addr += of_rest;
	bundle->rest -= of_rest;
	if (bytes == of_rest || !run->nr)
		return;
	bytes -= of_rest;
	iou_pbuf_commit_run(req, run, bytes, again ? &rest : NULL);
	if (again && (req->held & IOU_HELD_PBUF))
		req->buf_end += bundle->xfer.done - bytes;
	bundle->xfer.addr = (uintptr_t)rest.iov_base;
	bundle->rest = rest.iov_len;
	bundle->next = run->group->head;
}

/**
 * iou_bundle_settle() - what an attempt amounts to
 * @req: tried
 * @sock: its socket
 * @run: what iou_bundle_begin() chose
 * @ret: bytes transferred, or a negative errno
 *
 * Context: ring lock, since iou_bundle_begin().
 * Return: IOU_RETRY, IOU_TURN or IOU_DONE.
 */
iou_verdict_t iou_bundle_settle(struct iou_req *req, const struct socket *sock,
				const struct iou_pbuf_run *run, ssize_t ret)
{
	struct iou_xfer *xfer = iou_req_cmd(req, struct iou_xfer);

	if (ret == -EAGAIN && !(xfer->msg_flags & MSG_DONTWAIT))
		return IOU_RETRY;
	if (ret > 0) {
		bool again;

		xfer->done += ret;
		again = xfer->done < xfer->len && iou_net_goes_on(xfer, sock);
		bundle_use(req, run, ret, again);
		if (again)
			return IOU_TURN;
	}
	iou_done(req, iou_net_result(req, ret));
	/* Another one may follow */
	if (req->held & IOU_HELD_PBUF)
		iou_pbuf_settle(req);
	return IOU_DONE;
}
