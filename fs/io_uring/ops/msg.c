// SPDX-License-Identifier: GPL-2.0
/*
 * MSG_RING: a CQE, or a file, for another ring.
 *
 * Two ring locks are never held at once. So the sender pushes its own request on
 * the target's queue of finished work, as a worker of the target would, and the
 * target's lock is tried when the sender's was released. Who holds the target's
 * lock delivers. The request then goes back to its own lane with the result.
 *
 * Meanwhile it is BUSY, and its file, which is the target, keeps the target from
 * being closed. The deliverer writes ->res and its part of the request, and
 * nothing else: the sender may be busy with the rest.
 *
 * So the sender does not wait for the target's lock, whose holder may be stuck. A worker
 * could do no better, and IOSQE_ASYNC makes no difference.
 */
#include <linux/file.h>
#include <linux/sched.h>

#include "../req/audit.h"
#include "../req/lane.h"
#include "../req/complete.h"
#include "../req/req.h"
#include "../rsrc/files.h"
#include "../rsrc/fput.h"
#include "../rsrc/ringfile.h"
#include "../run/lock.h"
#include "ops.h"

#define MSG_FLAGS	(IORING_MSG_RING_CQE_SKIP | IORING_MSG_RING_FLAGS_PASS)

/**
 * struct iou_msg - a message
 * @user_data: of the CQE
 * @res: of the CQE
 * @cmd: IORING_MSG_*, or a number that is none of them
 * @flags: IORING_MSG_RING_*
 * @src: the sender's slot
 * @dst: the target's slot, as in an SQE; or with FLAGS_PASS the flags of the CQE
 * @file: what was in @src, until it is in @dst; or NULL
 */
struct iou_msg {
	u64 user_data;
	s32 res;
	u32 cmd;
	u32 flags;
	u32 src;
	u32 dst;
	struct file *file;
};

static void cleanup_msg(struct iou_req *req)
{
	struct iou_msg *msg = iou_req_cmd(req, struct iou_msg);

	if (msg->file)
		iou_fput_for(msg->file, req->lane->task->task);
}

static int prep_msg_ring(struct iou_req *req, const struct io_uring_sqe __shared *sqe)
{
	struct iou_msg *msg = iou_req_cmd(req, struct iou_msg);
	union iou_sqe_mid mid = iou_sqe_mid(sqe);

	if (unlikely(mid.buf_index || iou_req_is_personal(req)))
		return iou_reject(req, sqe, -EINVAL,
				  "msg_ring: buf_index and personality must be 0");
	msg->flags = iou_sqe_get(sqe, msg_ring_flags);
	if (unlikely(msg->flags & ~MSG_FLAGS))
		return iou_reject(req, sqe, -EINVAL, "msg_ring: unknown msg_ring_flags");
	msg->user_data = iou_sqe_get(sqe, off);
	msg->res = iou_sqe_get(sqe, len);
	/* Programs may leave anything in the upper half */
	msg->cmd = iou_sqe_get(sqe, addr);
	msg->src = iou_sqe_get(sqe, addr3);
	msg->dst = mid.file_index;
	msg->file = NULL;
	return 0;
}

/* Return: 0, or -EOVERFLOW: there was no room, and no memory to keep the CQE */
static int msg_post(struct iou_ring *target, const struct iou_msg *msg)
	__must_hold(&target->lock)
{
	u32 nr_lost = target->cq.nr_lost;
	bool pass = msg->cmd == IORING_MSG_DATA && (msg->flags & IORING_MSG_RING_FLAGS_PASS);

	iou_cq_post(&target->cq, msg->user_data, msg->res, pass ? msg->dst : 0);
	return target->cq.nr_lost == nr_lost ? 0 : -EOVERFLOW;
}

/* Return: 0 or the slot */
static int msg_install(struct iou_ring *target, struct iou_msg *msg)
	__must_hold(&target->lock)
{
	struct task_struct *sender = iou_cmd_req(msg)->lane->task->task;
	struct file *old = iou_files_get(target, msg->dst - 1);
	struct file *file = msg->file;

	msg->file = NULL;
	msg->res = iou_files_install(target, file, msg->dst);
	/* It has been replaced, on the sender's behalf */
	if (old)
		iou_fput_for(old, sender);
	if (msg->res < 0 || (msg->flags & IORING_MSG_RING_CQE_SKIP))
		return msg->res;
	return msg_post(target, msg) ?: msg->res;
}

/* Return: the sender's result */
static int msg_deliver(struct iou_ring *target, struct iou_msg *msg)
	__must_hold(&target->lock)
{
	if (target->state == IOU_RING_DISABLED)
		return -EBADFD;
	/* Nobody is left who would look at it */
	if (target->deferred && (target->owner->flags & PF_EXITING))
		return -EOWNERDEAD;
	if (msg->cmd == IORING_MSG_SEND_FD)
		return msg_install(target, msg);
	return msg_post(target, msg);
}

/* Back from the target */
static void msg_returned(struct iou_req *req, bool cancel)
	__must_hold(&iou_req_ring(req)->lock)
{
	iou_req_complete(req);
}

static void deliver_msg_ring(struct iou_req *req, struct iou_ring *target)
	__must_hold(&target->lock)
{
	req->res = msg_deliver(target, iou_req_cmd(req, struct iou_msg));
	iou_req_arrived(req);
}

/* Return: 0, or -EINVAL: fields that do not go together */
static int msg_check_data(const struct iou_msg *msg)
{
	if (msg->src || (msg->flags & ~IORING_MSG_RING_FLAGS_PASS))
		return -EINVAL;
	if (msg->dst && !(msg->flags & IORING_MSG_RING_FLAGS_PASS))
		return -EINVAL;
	return 0;
}

/* Take what is in the sender's slot. Return: 0 or an error */
static int msg_take_file(struct iou_req *req, const struct iou_ring *target)
	__must_hold(&iou_req_ring(req)->lock)
{
	struct iou_msg *msg = iou_req_cmd(req, struct iou_msg);

	if (msg->res || target == iou_req_ring(req))
		return -EINVAL;
	/* Pairs with the release in register_enable() */
	if (smp_load_acquire(&target->gate) & IOU_GATE_DISABLED)
		return -EBADFD;
	msg->file = iou_files_get(iou_req_ring(req), msg->src);
	if (!msg->file)
		return -EBADF;
	req->held |= IOU_HELD_CLEANUP;
	return 0;
}

/*
 * Before the target is locked: what is the sender's. The fields are checked here, not
 * when the SQE is read: a wrong file is reported first. Return: 0 or an error
 */
static int msg_begin(struct iou_req *req, const struct iou_ring *target)
	__must_hold(&iou_req_ring(req)->lock)
{
	const struct iou_msg *msg = iou_req_cmd(req, struct iou_msg);

	if (!target)
		return -EBADFD;
	switch (msg->cmd) {
	case IORING_MSG_DATA:
		return msg_check_data(msg);
	case IORING_MSG_SEND_FD:
		return msg_take_file(req, target);
	default:
		return -EINVAL;
	}
}

static iou_verdict_t try_msg_ring(struct iou_req *req)
	__must_hold(&iou_req_ring(req)->lock)
{
	struct iou_msg *msg = iou_req_cmd(req, struct iou_msg);
	struct iou_ring *ring = iou_req_ring(req);
	struct iou_ring *target;
	int error;

	if (!iou_req_get_file(req))
		return iou_done(req, -EBADF);
	target = iou_ring_of_file(req->file);
	error = msg_begin(req, target);
	if (error)
		return iou_done(req, error);
	if (target == ring)
		return iou_done(req, msg_deliver(target, msg));
	req->event = msg_returned;
	iou_req_step(req, IOU_S_BUSY);
	iou_ring_send(ring, target, req);
	return IOU_BUSY;
}

static iou_verdict_t issue_msg_ring(struct iou_req *req)
{
	return iou_audited(req, try_msg_ring);
}

IOU_FUSE(msg_ring)

const struct iou_op iou_op_msg_ring = {
	.name		= "MSG_RING",
	.start		= start_msg_ring,
	.prep		= prep_msg_ring,
	.issue		= issue_msg_ring,
	.cleanup	= cleanup_msg,
	.deliver	= deliver_msg_ring,
	.on_iopoll	= true,
	.needs_file	= true,
	.audit		= true,
};
