// SPDX-License-Identifier: GPL-2.0
/*
 * WAITID: waits for children of the process that submitted it.
 *
 * Parked on the waitqueue that waitid(2) sleeps on, the request stays there until
 * it ends. A wake-up claims it; the handler makes it PARKED again and then looks
 * at the children, so that none is missed that changes meanwhile.
 */
#include <linux/compat.h>
#include <linux/pid.h>
#include <linux/sched/signal.h>
#include <linux/signal.h>
#include <linux/slab.h>

#include "../../../kernel/exit.h"
#include "../req/audit.h"
#include "../req/complete.h"
#include "../req/lane.h"
#include "../req/park.h"
#include "ops.h"

/**
 * struct iou_waitid - what was asked for
 * @infop: where to put the result, or NULL
 * @which: P_*
 * @upid: the ID
 * @options: W*
 */
struct iou_waitid {
	struct siginfo __user *infop;
	int which;
	pid_t upid;
	int options;
};

/**
 * struct iou_wait_child - for who looks at the children; iou_req.aux
 * @wo: with the entry on the waitqueue
 * @info: the result
 * @req: of which
 * @done: @ret is the final result, but a wake-up was faster and has the request
 * @ret: then
 */
struct iou_wait_child {
	struct wait_opts wo;
	struct waitid_info info;
	struct iou_req *req;
	bool done;
	long ret;
};

static void cleanup_waitid(struct iou_req *req)
{
	struct iou_wait_child *wait = req->aux;

	put_pid(wait->wo.wo_pid);
	kfree(wait);
}

static int prep_waitid(struct iou_req *req, const struct io_uring_sqe __shared *sqe)
{
	struct iou_waitid *waitid = iou_req_cmd(req, struct iou_waitid);
	union iou_sqe_mid mid = iou_sqe_mid(sqe);
	struct iou_wait_child *wait;

	if (mid.buf_index || iou_sqe_get(sqe, addr) || iou_sqe_get(sqe, addr3) ||
	    iou_sqe_get(sqe, waitid_flags))
		return iou_reject(req, sqe, -EINVAL,
				  "waitid: addr, addr3, buf_index, waitid_flags must be 0");
	waitid->which = iou_sqe_get(sqe, len);
	waitid->upid = req->fd;
	waitid->options = mid.file_index;
	waitid->infop = u64_to_user_ptr(iou_sqe_get(sqe, addr2));
	wait = kzalloc(sizeof(*wait), GFP_KERNEL_ACCOUNT);
	if (!wait)
		return iou_reject(req, sqe, -ENOMEM, "waitid: no memory");
	wait->req = req;
	req->aux = wait;
	req->held |= IOU_HELD_CLEANUP;
	return 0;
}

static bool put_native(struct siginfo __user *infop, const struct waitid_info *info, int signo)
{
	if (!user_write_access_begin(infop, sizeof(*infop)))
		return false;
	unsafe_put_user(signo, &infop->si_signo, fault);
	unsafe_put_user(0, &infop->si_errno, fault);
	unsafe_put_user(info->cause, &infop->si_code, fault);
	unsafe_put_user(info->pid, &infop->si_pid, fault);
	unsafe_put_user(info->uid, &infop->si_uid, fault);
	unsafe_put_user(info->status, &infop->si_status, fault);
	user_write_access_end();
	return true;
fault:
	user_write_access_end();
	return false;
}

static bool put_compat(struct compat_siginfo __user *infop, const struct waitid_info *info,
		       int signo)
{
#ifdef CONFIG_COMPAT
	if (!user_write_access_begin(infop, sizeof(*infop)))
		return false;
	unsafe_put_user(signo, &infop->si_signo, fault);
	unsafe_put_user(0, &infop->si_errno, fault);
	unsafe_put_user(info->cause, &infop->si_code, fault);
	unsafe_put_user(info->pid, &infop->si_pid, fault);
	unsafe_put_user(info->uid, &infop->si_uid, fault);
	unsafe_put_user(info->status, &infop->si_status, fault);
	user_write_access_end();
	return true;
fault:
	user_write_access_end();
#endif
	return false;
}

/* Return: the result for the CQE, of what __do_wait() said */
static long waitid_finish(struct iou_req *req, long ret)
{
	struct iou_waitid *waitid = iou_req_cmd(req, struct iou_waitid);
	struct iou_wait_child *wait = req->aux;
	int signo = ret > 0 ? SIGCHLD : 0;
	bool ok = true;

	if (ret > 0)
		ret = 0;
	if (!waitid->infop)
		return ret;
	if (iou_req_ring(req)->compat)
		ok = put_compat((struct compat_siginfo __user *)waitid->infop, &wait->info, signo);
	else
		ok = put_native(waitid->infop, &wait->info, signo);
	return ok ? ret : -EFAULT;
}

static struct wait_queue_head *waitid_queue(struct iou_req *req)
{
	/* Stays as long as the task_struct, which the lane pins */
	return &req->lane->task->task->signal->wait_chldexit;
}

/* Under tasklist_lock and the waitqueue's */
static int waitid_wake(struct wait_queue_entry *entry, unsigned int mode, int sync, void *key)
{
	struct iou_wait_child *wait = container_of(entry, struct iou_wait_child, wo.child_wait);

	if (!pid_child_should_wake(&wait->wo, key))
		return 0;
	if (!iou_park_wake(wait->req))
		return 0;
	iou_lane_push_lazy(wait->req);
	return 1;
}

static void waitid_unhook(struct iou_req *req)
{
	struct iou_wait_child *wait = req->aux;

	remove_wait_queue(waitid_queue(req), &wait->wo.child_wait);
}

static bool waitid_claim(struct iou_req *req)
{
	struct iou_wait_child *wait = req->aux;

	/* Too late: a child was found, and a wake-up is on its way */
	if (wait->done || !iou_park_wake(req))
		return false;
	waitid_unhook(req);
	return true;
}

static const struct iou_park_ops waitid_park_ops = {
	.claim		= waitid_claim,
	.of_task	= true,
};

/*
 * Look at the children of a PARKED request. Return: whether it has ended, with
 * *@ret as the result, and is not parked any more
 */
static bool waitid_look(struct iou_req *req, long *ret)
	__must_hold(&iou_req_ring(req)->lock)
{
	struct iou_wait_child *wait = req->aux;

	*ret = __do_wait(&wait->wo);
	if (*ret == -ERESTARTSYS)
		return false;
	if (!iou_park_wake(req)) {
		/* Its event comes */
		wait->done = true;
		wait->ret = *ret;
		return false;
	}
	waitid_unhook(req);
	iou_unpark(req);
	return true;
}

static void waitid_event(struct iou_req *req, bool cancel)
	__must_hold(&iou_req_ring(req)->lock)
{
	struct iou_wait_child *wait = req->aux;
	long ret = wait->ret;

	if (!wait->done && !cancel && !req->cancelled) {
		/* Who changes after this wakes it again */
		iou_req_step_release(req, IOU_S_PARKED);
		/* Pairs with the compare-and-exchange in waitid_wake() */
		smp_mb();
		if (waitid_look(req, &ret))
			iou_req_end(req, waitid_finish(req, ret));
		return;
	}
	waitid_unhook(req);
	iou_unpark(req);
	iou_req_end(req, wait->done && !cancel ? waitid_finish(req, ret) : -ECANCELED);
}

static iou_verdict_t waitid_start(struct iou_req *req)
	__must_hold(&iou_req_ring(req)->lock)
{
	struct iou_waitid *waitid = iou_req_cmd(req, struct iou_waitid);
	struct iou_wait_child *wait = req->aux;
	long ret;

	ret = kernel_waitid_prepare(&wait->wo, waitid->which, waitid->upid, &wait->info,
				    waitid->options, NULL);
	if (ret)
		return iou_done(req, ret);
	init_waitqueue_func_entry(&wait->wo.child_wait, waitid_wake);
	wait->wo.child_wait.private = current;
	req->event = waitid_event;
	ret = iou_park(req, &waitid_park_ops);
	if (ret)
		return iou_done(req, ret);
	add_wait_queue(waitid_queue(req), &wait->wo.child_wait);
	if (!waitid_look(req, &ret))
		return IOU_PARKED;
	return iou_done(req, waitid_finish(req, ret));
}

static iou_verdict_t issue_waitid(struct iou_req *req)
{
	return iou_audited(req, waitid_start);
}

IOU_FUSE(waitid)

const struct iou_op iou_op_waitid = {
	.name		= "WAITID",
	.start		= start_waitid,
	.prep		= prep_waitid,
	.issue		= issue_waitid,
	.cleanup	= cleanup_waitid,
	.audit		= true,
};
