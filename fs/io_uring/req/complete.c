// SPDX-License-Identifier: GPL-2.0
/*
 * The end of a request.
 *
 * Members of a chain are prepared when they are submitted and then held, until
 * the one before has completed. Each points to the next; after completing a member
 * the caller starts the next one, or puts it on ring->ready, where the unlock
 * finds it; or, if the link is severed, all that follow end in order.
 *
 * A LINK_TIMEOUT is a member, too, but it is never started: it belongs to the
 * one before it, runs while that runs, and ends when that ends.
 */
#include <linux/cred.h>
#include <linux/fs.h>

#include "../rsrc/fput.h"
#include "../rsrc/node.h"
#include "../rsrc/pbuf.h"
#include "complete.h"
#include "hash.h"
#include "park.h"

#define HELD_RARELY	(IOU_HELD_CLEANUP | IOU_HELD_SERIAL |			\
			 IOU_HELD_FILE_NODE | IOU_HELD_BUF | IOU_HELD_CREDS)

/* The file in a slot, which has perhaps been changed meanwhile: then this may close it */
static void req_drop_file_node(struct iou_req *req)
	__must_hold(&iou_req_ring(req)->lock)
{
	struct iou_node *node = req->file_node;
	struct file *file = NULL;

	if (node->refs == 1)
		file = get_file(node->what);
	iou_node_put(node, iou_req_ring(req));
	if (file)
		iou_fput_for(file, req->lane->task->task);
}

static noinline void req_drop_rare(struct iou_req *req)
	__must_hold(&iou_req_ring(req)->lock)
{
	struct iou_ring *ring = iou_req_ring(req);

	if (req->held & IOU_HELD_CLEANUP)
		iou_req_op(req)->cleanup(req);
	if (req->held & IOU_HELD_SERIAL)
		iou_hash_leave(req);
	if (req->held & IOU_HELD_FILE_NODE)
		req_drop_file_node(req);
	if (req->held & IOU_HELD_BUF)
		iou_node_put(req->buf_node, ring);
	if (req->held & IOU_HELD_CREDS)
		put_cred(req->creds);
}

/* Release what a request holds */
static __always_inline void req_drop(struct iou_req *req)
	__must_hold(&iou_req_ring(req)->lock)
{
	const u32 rare = iou_traits(.held = HELD_RARELY, .notes = IOU_NOTE_INDEXED);
	struct iou_lane *lane = req->lane;

	iou_assert_locked(lane->ring);
	if (req->traits & rare) {
		iou_index_leave(req);
		if (req->held & HELD_RARELY)
			req_drop_rare(req);
	}
	if (req->held & IOU_HELD_FILE)
		iou_fput_for(req->file, lane->task->task);
	if (req->held & IOU_HELD_INFLIGHT) {
		lane->nr_inflight--;
		lane->ring->cold |= lane->ring->watch;
		if (unlikely(iou_lane_is_detached(lane)))
			lane->ring->cold |= IOU_COLD_REAP;
	}
	req->held = 0;
}

/* Is this a request that CQE_SKIP and links treat as failed? */
static bool req_failed(const struct iou_req *req)
{
	return (req->res < 0 && !(req->notes & IOU_NOTE_FINE)) ||
	       (req->notes & IOU_NOTE_SHORT);
}

/* The CQE of a timeout: others do not count it */
static __always_inline void post_timer(struct iou_ring *ring, struct iou_req *req)
	__must_hold(&ring->lock)
{
	iou_ring_end_waits(ring);
	iou_cq_post_uncounted(&ring->cq, req->user_data, req->res, req->cflags);
}

/* A timeout, which may end without a CQE; or a command, whose CQE has a second half */
static void post_rare(struct iou_ring *ring, struct iou_req *req, bool post)
	__must_hold(&ring->lock)
{
	if (!(req->notes & IOU_NOTE_TIMER)) {
		if (post)
			iou_cq_post_big(&ring->cq, req->user_data, req->res, req->cflags,
					req->extra);
	} else if (post) {
		post_timer(ring, req);
	} else {
		iou_ring_end_waits(ring);
	}
}

/* CQE, if wanted, and release */
static void req_finish(struct iou_req *req, bool post)
	__must_hold(&iou_req_ring(req)->lock)
{
	struct iou_ring *ring = iou_req_ring(req);

	/* Rather leak it than free it twice */
	if (WARN_ON_ONCE(req->state == IOU_S_DONE))
		return;
	if (unlikely(req->held & IOU_HELD_PBUF))
		iou_pbuf_settle(req);
	trace_io_uring_complete(ring, req, req->user_data, req->res, req->cflags, 0, 0);
	if (unlikely(req->notes & (IOU_NOTE_TIMER | IOU_NOTE_EXTRA)))
		post_rare(ring, req, post);
	else if (likely(post))
		iou_cq_post(&ring->cq, req->user_data, req->res, req->cflags);
	if (req->held)
		req_drop(req);
	iou_req_recycle(ring, req);
}

static bool req_skips_cqe(const struct iou_req *req)
{
	return req->sqe_flags & IOSQE_CQE_SKIP_SUCCESS;
}

/* All from @req on end without having been started */
static void chain_sever(struct iou_req *req, bool quiet)
	__must_hold(&iou_req_ring(req)->lock)
{
	while (req) {
		struct iou_req *next = iou_chain_next(req);

		trace_io_uring_fail_link(iou_req_ring(req), req, req->user_data,
					 req->opcode, next);
		/* A rejected member has its own result */
		if (req->state == IOU_S_HELD)
			req->res = -ECANCELED;
		/* For its cleanup: no CQE, so nothing was announced by one */
		if (quiet)
			req->cflags = 0;
		req_finish(req, !quiet);
		req = next;
	}
}

/*
 * What @timeout guarded has ended.
 * Return: the member behind it.
 */
static struct iou_req *chain_end_timeout(struct iou_req *timeout)
	__must_hold(&iou_req_ring(timeout)->lock)
{
	struct iou_req *next = iou_chain_next(timeout);

	/* If it is just firing, its event handler ends it, on its own */
	timeout->aux = NULL;
	timeout->link = NULL;
	if (timeout->state == IOU_S_HELD || iou_park_claim(timeout)) {
		timeout->res = -ECANCELED;
		req_finish(timeout, !req_skips_cqe(timeout));
	}
	return next;
}

/*
 * @next stood behind a member that has completed with these flags.
 * Return: the request whose turn it is, or NULL.
 */
static struct iou_req *chain_go_on(struct iou_req *next, bool failed, u8 flags)
	__must_hold(&iou_req_ring(next)->lock)
{
	if (next->opcode == IORING_OP_LINK_TIMEOUT)
		next = chain_end_timeout(next);
	if (next && failed && !(flags & IOSQE_IO_HARDLINK)) {
		/* Who fails in spite of CQE_SKIP speaks for all that follow */
		chain_sever(next, flags & IOSQE_CQE_SKIP_SUCCESS);
		return NULL;
	}
	return next;
}

static __always_inline struct iou_req *complete_next(struct iou_req *req)
	__must_hold(&iou_req_ring(req)->lock)
{
	struct iou_req *next = iou_chain_next(req);
	bool failed = req_failed(req);
	u8 flags = req->sqe_flags;

	iou_assert_locked(iou_req_ring(req));
	req_finish(req, failed || !req_skips_cqe(req));
	return unlikely(next) ? chain_go_on(next, failed, flags) : NULL;
}

/**
 * iou_req_complete_next() - complete a request whose successor the caller starts
 * @req: ->res and ->cflags are set
 *
 * Context: ring lock. May sleep.
 * Return: the successor, HELD; or NULL.
 */
struct iou_req *iou_req_complete_next(struct iou_req *req)
{
	return complete_next(req);
}

/* Drop what it holds, and recycle it, after its CQE */
static __always_inline void complete_posted(struct iou_ring *ring, struct iou_req *req)
	__must_hold(&ring->lock)
{
	if (req->held)
		req_drop(req);
	iou_req_recycle(ring, req);
}

/* What makes the end of a request more than a CQE, which it has whether it failed or not */
#define MORE_THAN_CQE	iou_traits(.sqe_flags = IOU_LINK_FLAGS | IOSQE_CQE_SKIP_SUCCESS,	\
				   .held = IOU_HELD_PBUF,					\
				   .notes = IOU_NOTE_TIMER | IOU_NOTE_EXTRA)

static noinline void complete_into_ready(struct iou_ring *ring, struct iou_req *req)
	__must_hold(&ring->lock)
{
	struct iou_req *next = complete_next(req);

	if (next) {
		list_add_tail(&next->work.node, &ring->ready);
		ring->cold |= IOU_COLD_READY;
	}
}

/* Something of MORE_THAN_CQE; the commonest by far is a timeout that stands alone */
static noinline void complete_more(struct iou_ring *ring, struct iou_req *req)
	__must_hold(&ring->lock)
{
	const u32 timer = iou_traits(.notes = IOU_NOTE_TIMER);

	if (unlikely((req->traits & MORE_THAN_CQE) != timer || req->state == IOU_S_DONE)) {
		complete_into_ready(ring, req);
		return;
	}

	trace_io_uring_complete(ring, req, req->user_data, req->res, req->cflags, 0, 0);
	post_timer(ring, req);
	complete_posted(ring, req);
}

/**
 * iou_req_complete() - the only way for a request to end
 * @req: ->res and ->cflags are set
 *
 * Writes the CQE, drops what the request holds and recycles it. Its successor
 * is then ready to start, or has ended, too.
 *
 * Context: ring lock. May sleep.
 */
void iou_req_complete(struct iou_req *req)
{
	struct iou_ring *ring = iou_req_ring(req);

	iou_assert_locked(ring);
	if (unlikely((req->traits & MORE_THAN_CQE) || req->state == IOU_S_DONE)) {
		complete_more(ring, req);
		return;
	}

	iou_req_post(ring, req);
	complete_posted(ring, req);
}

/**
 * iou_req_post_more() - a CQE of a request that goes on
 * @req: multishot
 * @res: result of this shot
 * @cflags: IORING_CQE_F_*; F_MORE is added
 *
 * Context: ring lock. May sleep.
 * Return: false: no room in the CQ, nothing was posted; the request has to
 * complete with this result.
 */
bool iou_req_post_more(struct iou_req *req, s32 res, u32 cflags)
{
	struct iou_ring *ring = iou_req_ring(req);

	cflags |= IORING_CQE_F_MORE;
	if (!iou_cq_try_post(&ring->cq, req->user_data, res, cflags))
		return false;
	trace_io_uring_complete(ring, req, req->user_data, res, cflags, 0, 0);
	return true;
}

/**
 * iou_chain_refuse() - end a chain in which an SQE was rejected
 * @head: its first member; nothing of it was started. Rejected members are
 *        ISSUED and have their result, the others HELD
 *
 * The first member fails, whichever was rejected, and the others follow as they do
 * behind any member that fails: if it has CQE_SKIP, it speaks for all of them.
 *
 * Context: ring lock. May sleep.
 */
void iou_chain_refuse(struct iou_req *head)
{
	struct iou_req *next = iou_chain_next(head);
	bool quiet = req_skips_cqe(head);

	iou_assert_locked(iou_req_ring(head));
	if (head->state == IOU_S_HELD)
		head->res = -ECANCELED;
	req_finish(head, true);

	if (next && next->opcode == IORING_OP_LINK_TIMEOUT && next->state == IOU_S_HELD)
		next = chain_end_timeout(next);
	chain_sever(next, quiet);
}

/**
 * iou_chain_cancel() - end a held request and the chain behind it
 * @head: HELD, and on no list any more
 *
 * Context: ring lock. May sleep.
 */
void iou_chain_cancel(struct iou_req *head)
{
	chain_sever(head, false);
}

/**
 * iou_req_end_soon() - complete a request in the unlock
 * @req: the caller's, and waits for nothing any more
 * @res: its result
 *
 * For who cancels another request: programs expect the CQE of the one that
 * cancels before that of the one that is cancelled.
 *
 * Context: ring lock.
 */
void iou_req_end_soon(struct iou_req *req, s32 res)
{
	struct iou_ring *ring = iou_req_ring(req);

	iou_assert_locked(ring);
	iou_req_set_result(req, res);
	iou_req_step(req, IOU_S_CLAIMED);
	list_add_tail(&req->work.node, &ring->ready);
	ring->cold |= IOU_COLD_READY;
}
