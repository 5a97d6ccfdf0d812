// SPDX-License-Identifier: GPL-2.0
/*
 * URING_CMD: what drivers offer through ->uring_cmd().
 *
 * A command that a driver has accepted is BUSY. It is the driver's until the
 * driver calls io_uring_cmd_done(), once. Before that it may ask any number of
 * times, in any context, for a callback in the submitting task, and that
 * callback may end this command, others, or none.
 *
 * Either puts the command on its lane, unless it is there already or its handler
 * is running. The state decides, by compare-and-exchange:
 *
 *   state     a callback is asked for   it is done
 *
 *   BUSY      CLAIMED, and pushed       ENDED, and pushed
 *   WORKING   CLAIMED                   ENDED        the worker pushes it
 *   CLAIMED   AGAIN                     ENDED        the handler will see it
 *   AGAIN     AGAIN                     ENDED        the handler will see it
 *
 * The handler calls the driver back, if it was asked to, and then changes CLAIMED
 * to BUSY again. If that fails it ends the command (ENDED), or pushes it once
 * more (AGAIN). So a command ends in its own handler and nowhere else, whatever
 * the driver does at the same time.
 *
 * A driver that can stop a command marks it as cancelable. It is then in
 * ring->commands, and asked to stop when ring or task come to an end. Asking is
 * all: the driver may have reasons to go on, and then is asked again later.
 *
 * On IOPOLL rings nothing is pushed: the command is CLAIMED, and found by who
 * polls, see run/iopoll.c.
 */
#include <linux/blkdev.h>
#include <linux/export.h>
#include <linux/fs.h>
#include <linux/io_uring/cmd.h>
#include <linux/security.h>
#include <linux/slab.h>

#include "../req/audit.h"
#include "../req/lane.h"
#include "../req/complete.h"
#include "../req/req.h"
#include "../run/cancel.h"
#include "../run/iopoll.h"
#include "../run/issue.h"
#include "../run/lock.h"
#include "ops.h"

static_assert(sizeof(struct io_uring_cmd) <= sizeof_field(struct iou_req, cmd));

static bool cmd_is_polled(struct iou_req *req)
{
	return iou_req_ring(req)->gate & IOU_GATE_IOPOLL;
}

/* Is a command in this state the driver's, who has not ended it yet? */
static bool cmd_is_drivers(u8 state)
{
	return state == IOU_S_BUSY || state == IOU_S_WORKING ||
	       state == IOU_S_CLAIMED || state == IOU_S_AGAIN;
}

static u8 cmd_next_state(u8 state, bool ended)
{
	if (ended)
		return IOU_S_ENDED;
	return state == IOU_S_BUSY || state == IOU_S_WORKING ? IOU_S_CLAIMED : IOU_S_AGAIN;
}

/*
 * The driver has something for the handler: the result, or a callback is wanted. See the
 * table above.
 */
static void cmd_tell(struct iou_req *req, bool ended, bool lazy)
{
	/* Afterwards it may be gone */
	bool polled = cmd_is_polled(req);
	u8 old = READ_ONCE(req->state);

	do {
		/* Rather leave it alone than end it twice */
		if (WARN_ON_ONCE(!cmd_is_drivers(old)))
			return;
	} while (!try_cmpxchg(&req->state, &old, cmd_next_state(old, ended)));

	if (polled || old != IOU_S_BUSY)
		return;
	if (lazy)
		iou_lane_push_lazy(req);
	else
		iou_lane_push(req);
}

/* What the driver needs to know of the ring */
static u32 cmd_issue_flags(const struct iou_ring *ring)
{
	u32 flags = 0;

	if (ring->sq.sqe_size > sizeof(struct io_uring_sqe))
		flags |= IO_URING_F_SQE128;
	if (1u << ring->cq.cqe_shift > sizeof(struct io_uring_cqe))
		flags |= IO_URING_F_CQE32;
	if (ring->gate & IOU_GATE_IOPOLL)
		flags |= IO_URING_F_IOPOLL;
	if (ring->compat)
		flags |= IO_URING_F_COMPAT;
	return flags;
}

/*
 * The driver will read the SQE again, when its slot may have been reused.
 * Without memory ->sqe is NULL.
 */
static void cmd_copy_sqe(struct iou_req *req)
{
	struct io_uring_cmd *cmd = iou_req_cmd(req, struct io_uring_cmd);

	if (req->held & IOU_HELD_CLEANUP)
		return;
	req->aux = kmemdup(cmd->sqe, iou_req_ring(req)->sq.sqe_size,
			   GFP_KERNEL_ACCOUNT | __GFP_NOWARN);
	cmd->sqe = req->aux;
	if (cmd->sqe)
		req->held |= IOU_HELD_CLEANUP;
}

static void cleanup_uring_cmd(struct iou_req *req)
{
	kfree(req->aux);
}

/* An empty slot is no fault: not all commands look at their buffer */
static int cmd_get_buf(struct iou_req *req, const struct io_uring_sqe __shared *sqe)
	__must_hold(&iou_req_ring(req)->lock)
{
	u16 index = iou_sqe_mid(sqe).buf_index;

	if (!iou_req_get_buf(req, index) && index >= iou_req_ring(req)->bufs.nr)
		return iou_reject(req, sqe, -EFAULT, "uring_cmd: no such fixed buffer");
	return 0;
}

static int prep_common(struct iou_req *req, const struct io_uring_sqe __shared *sqe)
{
	struct io_uring_cmd *cmd = iou_req_cmd(req, struct io_uring_cmd);

	if (iou_sqe_get(sqe, __pad1))
		return iou_reject(req, sqe, -EINVAL, "uring_cmd: __pad1 must be 0");
	cmd->flags = iou_sqe_get(sqe, uring_cmd_flags);
	if (cmd->flags & ~IORING_URING_CMD_MASK)
		return iou_reject(req, sqe, -EINVAL, "uring_cmd: unknown uring_cmd_flags");
	if ((cmd->flags & IORING_URING_CMD_FIXED) && cmd_get_buf(req, sqe))
		return req->res;
	cmd->cmd_op = iou_sqe_get(sqe, cmd_op);
	cmd->file = NULL;
	cmd->task_work_cb = NULL;
	INIT_LIST_HEAD(&req->command);
	/* Until submission ends, drivers read the SQE where the program wrote it */
	cmd->sqe = (const struct io_uring_sqe __force *)sqe;
	return 0;
}

static int prep_uring_cmd(struct iou_req *req, const struct io_uring_sqe __shared *sqe)
{
	struct io_uring_cmd *cmd = iou_req_cmd(req, struct io_uring_cmd);
	int error = prep_common(req, sqe);

	if (error)
		return error;
	cmd_copy_sqe(req);
	if (!cmd->sqe)
		return iou_reject(req, sqe, -ENOMEM, "uring_cmd: no memory for the SQE");
	return 0;
}

/* Before the first attempt: what depends on the file. Return: 0 or an error */
static int cmd_begin(struct iou_req *req)
{
	struct io_uring_cmd *cmd = iou_req_cmd(req, struct io_uring_cmd);
	const struct file_operations *fops;
	int error;

	if (!iou_req_get_file(req))
		return -EBADF;
	fops = req->file->f_op;
	if (!fops->uring_cmd || (cmd_is_polled(req) && !fops->uring_cmd_iopoll))
		return -EOPNOTSUPP;
	cmd->file = req->file;
	error = security_uring_cmd(cmd);
	if (error)
		cmd->file = NULL;
	return error;
}

static void cmd_event(struct iou_req *req, bool cancel)
	__must_hold(&iou_req_ring(req)->lock);

/* Have the driver do it */
static int cmd_call(struct iou_req *req, u32 flags)
{
	struct io_uring_cmd *cmd = iou_req_cmd(req, struct io_uring_cmd);
	int error = cmd->file ? 0 : cmd_begin(req);

	if (error)
		return error;
	/* It may be done before the call returns */
	req->event = cmd_event;
	return req->file->f_op->uring_cmd(cmd, flags | cmd_issue_flags(iou_req_ring(req)));
}

/*
 * The driver has accepted it. Only the discard of a block device reads the SQE once more,
 * after io_uring_cmd_issue_blocking().
 */
static iou_verdict_t cmd_accepted(struct iou_req *req)
{
	if (S_ISBLK(iou_file_mode(req->file)))
		cmd_copy_sqe(req);
	return cmd_is_polled(req) ? IOU_POLLED : IOU_BUSY;
}

static iou_verdict_t try_uring_cmd(struct iou_req *req)
{
	int ret;

	iou_req_step(req, IOU_S_BUSY);
	ret = cmd_call(req, IO_URING_F_NONBLOCK);
	if (ret == -EIOCBQUEUED)
		return cmd_accepted(req);
	if (ret != -EAGAIN)
		return iou_done(req, ret);
	cmd_copy_sqe(req);
	if (!(req->held & IOU_HELD_CLEANUP))
		return iou_done(req, -ENOMEM);
	return IOU_RETRY;
}

static iou_verdict_t issue_uring_cmd(struct iou_req *req)
{
	return iou_audited(req, try_uring_cmd);
}

static iou_verdict_t start_uring_cmd(struct iou_req *req,
				     const struct io_uring_sqe __shared *sqe)
{
	return unlikely(prep_common(req, sqe)) ? IOU_REJECTED : issue_uring_cmd(req);
}

/* In iou_req.mark */
#define CMD_TO_BE_STOPPED	1

/* @flags: beside IO_URING_F_CANCEL */
static void cmd_ask_cancel(struct iou_req *req, u32 flags)
{
	struct io_uring_cmd *cmd = iou_req_cmd(req, struct io_uring_cmd);

	if (READ_ONCE(req->state) == IOU_S_ENDED)
		return;
	req->file->f_op->uring_cmd(cmd, IO_URING_F_CANCEL | flags |
				   cmd_issue_flags(iou_req_ring(req)));
}

static iou_verdict_t work_uring_cmd(struct iou_req *req)
{
	int ret;

	/* There is no task any more for a callback */
	if (unlikely(iou_lane_is_detached(req->lane)))
		return iou_done(req, -ECANCELED);
	ret = cmd_call(req, IO_URING_F_UNLOCKED | IO_URING_F_IOWQ);
	if (ret != -EIOCBQUEUED)
		return iou_done(req, ret);
	if (unlikely(req->mark == CMD_TO_BE_STOPPED))
		cmd_ask_cancel(req, IO_URING_F_UNLOCKED);
	return cmd_is_polled(req) ? IOU_POLLED : IOU_BUSY;
}

static void cmd_end(struct iou_req *req)
	__must_hold(&iou_req_ring(req)->lock)
{
	struct io_uring_cmd *cmd = iou_req_cmd(req, struct io_uring_cmd);

	/* From ring->commands, if it is there */
	list_del(&req->command);
	memcpy(&req->extra, cmd->pdu, sizeof(req->extra));
	if (req->extra)
		req->notes |= IOU_NOTE_EXTRA;
	iou_req_complete(req);
}

/* Its handler has called the driver back: the command is the driver's again, or ends */
static void cmd_leave(struct iou_req *req)
	__must_hold(&iou_req_ring(req)->lock)
{
	u8 old = cmpxchg(&req->state, IOU_S_CLAIMED, IOU_S_BUSY);

	if (old == IOU_S_AGAIN)
		old = cmpxchg(&req->state, IOU_S_AGAIN, IOU_S_CLAIMED);

	if (old == IOU_S_ENDED)
		cmd_end(req);
	else if (old == IOU_S_ISSUED)
		iou_issue_async(req);
	else if (cmd_is_polled(req))
		iou_iopoll_add(req);
	else if (old == IOU_S_AGAIN)
		iou_lane_push(req);
}

static void cmd_handle(struct iou_req *req, bool cancel)
	__must_hold(&iou_req_ring(req)->lock)
{
	struct io_uring_cmd *cmd = iou_req_cmd(req, struct io_uring_cmd);
	void (*callback)(struct io_uring_cmd *cmd, unsigned int flags);
	struct iou_lane *lane = req->lane;
	u32 flags = IO_URING_F_COMPLETE_DEFER | cmd_issue_flags(lane->ring);

	if (cancel)
		flags |= IO_URING_F_TASK_DEAD;
	/* It may be asked for again meanwhile */
	callback = xchg(&cmd->task_work_cb, NULL);
	if (callback)
		callback(cmd, flags);
	cmd_leave(req);

	/* What the callback did may be what a command waited for before it stops */
	if (callback && unlikely(cancel || lane->stopping || iou_ring_is_closing(lane->ring)))
		iou_cancel_commands(lane);
}

/*
 * Does a driver take the current task for one that will do what the callback asks of
 * it? If it was asked to stop commands, or will be as this one can be stopped, there is
 * none. A driver learns of that by being called in another task, or in one that exits:
 * else ublk would hand over a request when it has given up on those it handed over before.
 *
 * Before that, a callback may be to accept a command, in its task. Then the driver is
 * asked.
 */
static bool cmd_callback_misleads(struct iou_req *req, bool cancel)
{
	struct io_uring_cmd *cmd = iou_req_cmd(req, struct io_uring_cmd);
	struct iou_lane *lane = req->lane;

	if (likely(!cancel && !lane->stopping) || !READ_ONCE(cmd->task_work_cb) ||
	    cmd_is_polled(req))
		return false;
	return (lane->stopping || !list_empty(&req->command)) && lane->task->task == current &&
	       !(current->flags & PF_EXITING);
}

/* It was pushed: call the driver back, or end, or both */
static void cmd_event(struct iou_req *req, bool cancel)
{
	if (unlikely(cmd_callback_misleads(req, cancel)))
		iou_ring_run_elsewhere(req);
	else
		cmd_handle(req, cancel);
}

static int iopoll_uring_cmd(struct iou_req *req, struct io_comp_batch *iob)
{
	struct io_uring_cmd *cmd = iou_req_cmd(req, struct io_uring_cmd);

	return req->file->f_op->uring_cmd_iopoll(cmd, iob, BLK_POLL_ONESHOT);
}

/* Callbacks are for the submitting task */
static void iopoll_done_uring_cmd(struct iou_req *req)
	__must_hold(&iou_req_ring(req)->lock)
{
	/* It is off ring->polling */
	INIT_LIST_HEAD(&req->command);
	req->event = cmd_event;
	if (req->lane->task->task == current)
		cmd_event(req, false);
	else
		iou_lane_push(req);
}

static void ask_cancel_uring_cmd(struct iou_req *req)
	__must_hold(&iou_req_ring(req)->lock)
{
	cmd_ask_cancel(req, 0);
}

const struct iou_op iou_op_uring_cmd = {
	.name		= "URING_CMD",
	.start		= start_uring_cmd,
	.prep		= prep_uring_cmd,
	.issue		= issue_uring_cmd,
	.work		= work_uring_cmd,
	.cleanup	= cleanup_uring_cmd,
	.ask_cancel	= ask_cancel_uring_cmd,
	.iopoll		= iopoll_uring_cmd,
	.iopoll_done	= iopoll_done_uring_cmd,
	.on_iopoll	= true,
	.needs_file	= true,
	.audit		= true,
};

/*
 * For drivers. See include/linux/io_uring/cmd.h for how to use it.
 */

/**
 * io_uring_cmd_done() - end a command
 * @cmd: accepted with -EIOCBQUEUED, or about to be; not to be touched afterwards
 * @ret: the result
 * @res2: a second one, for rings with IORING_SETUP_CQE32
 * @issue_flags: as the caller got them, or IO_URING_F_UNLOCKED
 *
 * Context: any; see @issue_flags.
 */
void io_uring_cmd_done(struct io_uring_cmd *cmd, ssize_t ret, u64 res2,
		       unsigned int issue_flags)
{
	struct iou_req *req = iou_cmd_req(cmd);

	if (WARN_ON_ONCE(!cmd_is_drivers(READ_ONCE(req->state))))
		return;
	req->res = ret;
	/* The driver has no use for its part any more */
	memcpy(cmd->pdu, &res2, sizeof(res2));
	cmd_tell(req, true, false);
}
EXPORT_SYMBOL_GPL(io_uring_cmd_done);

/**
 * __io_uring_cmd_do_in_task() - have a function called in the submitting task
 * @cmd: accepted, and not done
 * @cb: called with the ring locked. If the task is gone, it is called with
 *      IO_URING_F_TASK_DEAD in a kernel worker
 * @flags: IOU_F_TWQ_LAZY_WAKE: @cb will end @cmd, and that is all that anybody may wait
 *         for; or 0
 *
 * Context: any.
 */
void __io_uring_cmd_do_in_task(struct io_uring_cmd *cmd,
			       void (*cb)(struct io_uring_cmd *cmd, unsigned int flags),
			       unsigned int flags)
{
	WRITE_ONCE(cmd->task_work_cb, cb);
	cmd_tell(iou_cmd_req(cmd), false, flags & IOU_F_TWQ_LAZY_WAKE);
}
EXPORT_SYMBOL_GPL(__io_uring_cmd_do_in_task);

/**
 * io_uring_cmd_issue_blocking() - try again, where it may block
 * @cmd: accepted, and not done
 *
 * Context: in a callback of io_uring_cmd_complete_in_task().
 */
void io_uring_cmd_issue_blocking(struct io_uring_cmd *cmd)
{
	struct iou_req *req = iou_cmd_req(cmd);

	/* For who has a file that cmd_accepted() does not know */
	cmd_copy_sqe(req);
	if (!cmd->sqe)
		io_uring_cmd_done(cmd, -ENOMEM, 0, IO_URING_F_COMPLETE_DEFER);
	else if (req->lane->task->task != current || (current->flags & PF_EXITING))
		io_uring_cmd_done(cmd, -ECANCELED, 0, IO_URING_F_COMPLETE_DEFER);
	else
		/* The handler that has called the callback goes on with it */
		WRITE_ONCE(req->state, IOU_S_ISSUED);
}
EXPORT_SYMBOL_GPL(io_uring_cmd_issue_blocking);

/**
 * io_uring_cmd_mark_cancelable() - the driver can stop this command
 * @cmd: about to be accepted
 * @issue_flags: as the caller got them
 *
 * ->uring_cmd() will be called with IO_URING_F_CANCEL when ring or task come to
 * an end. It should then call io_uring_cmd_done().
 *
 * Context: in ->uring_cmd(), or in a callback. May sleep.
 */
void io_uring_cmd_mark_cancelable(struct io_uring_cmd *cmd, unsigned int issue_flags)
{
	struct iou_req *req = iou_cmd_req(cmd);
	struct iou_ring *ring = iou_req_ring(req);

	/* Polled commands end by themselves, and are in another list */
	if (cmd_is_polled(req))
		return;
	/* A worker that is killed asks for the end itself, see work_uring_cmd() */
	if ((issue_flags & IO_URING_F_UNLOCKED) && iou_ring_lock_killable(ring)) {
		req->mark = CMD_TO_BE_STOPPED;
		return;
	}
	if (list_empty(&req->command))
		list_add_tail(&req->command, &ring->commands);
	if (issue_flags & IO_URING_F_UNLOCKED)
		iou_ring_unlock(ring);
}
EXPORT_SYMBOL_GPL(io_uring_cmd_mark_cancelable);

/**
 * io_uring_cmd_import_fixed() - an iterator over a registered buffer
 * @ubuf: address in it
 * @len: bytes
 * @rw: ITER_SOURCE or ITER_DEST
 * @iter: made
 * @ioucmd: the command, with IORING_URING_CMD_FIXED
 *
 * Return: 0, or -EFAULT: not inside of the buffer.
 */
int io_uring_cmd_import_fixed(u64 ubuf, unsigned long len, int rw,
			      struct iov_iter *iter, void *ioucmd)
{
	struct iou_req *req = iou_cmd_req(ioucmd);

	if (!(req->held & IOU_HELD_BUF))
		return -EFAULT;
	return iou_buf_import(iou_req_buf(req), rw, ubuf, len, iter);
}
EXPORT_SYMBOL_GPL(io_uring_cmd_import_fixed);

/**
 * io_uring_cmd_get_task() - who submitted it
 * @cmd: accepted, and not done
 *
 * Return: the task, valid as long as the command is not done.
 */
struct task_struct *io_uring_cmd_get_task(struct io_uring_cmd *cmd)
{
	return iou_cmd_req(cmd)->lane->task->task;
}
EXPORT_SYMBOL_GPL(io_uring_cmd_get_task);
