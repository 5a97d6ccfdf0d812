// SPDX-License-Identifier: GPL-2.0
/*
 * SEND and SENDMSG.
 */
#include <linux/net.h>

#include "../../req/audit.h"
#include "../../req/complete.h"
#include "../ops.h"
#include "bundle.h"
#include "common.h"

#define SENDMSG_FLAGS	IORING_RECVSEND_POLL_FIRST
#define SEND_FLAGS	(SENDMSG_FLAGS | IORING_RECVSEND_BUNDLE)

/* SEND's part of the request */
struct iou_send {
	union {
		struct iou_xfer xfer;
		struct iou_bundle bundle;
	};
	u16 name_len;	/* ->aux is the destination */
};

/* A bundle is sent completely, unless something goes wrong */
static int prep_bundle(struct iou_req *req, const struct io_uring_sqe __shared *sqe)
{
	if (!(req->notes & IOU_NOTE_SELECT))
		return iou_reject(req, sqe, -EINVAL, "send: a bundle needs BUFFER_SELECT");
	iou_req_cmd(req, struct iou_xfer)->msg_flags |= MSG_WAITALL;
	iou_bundle_prep(req);
	return 0;
}

static __always_inline int prep_send(struct iou_req *req, const struct io_uring_sqe __shared *sqe)
{
	struct iou_send *send = iou_req_cmd(req, struct iou_send);
	u64 name = iou_sqe_get(sqe, addr2);

	if (iou_sqe_get(sqe, __pad3))
		return iou_reject(req, sqe, -EINVAL, "send: __pad3 must be 0");
	if (iou_net_prep(req, sqe, SEND_FLAGS))
		return req->res;
	if (iou_net_prep_addr(req, sqe))
		return req->res;
	send->xfer.msg_flags |= MSG_NOSIGNAL;
	send->name_len = iou_sqe_get(sqe, addr_len);
	if (unlikely(iou_bundle_wanted(&send->xfer)) && prep_bundle(req, sqe))
		return req->res;
	if (likely(!name))
		return 0;
	return iou_net_copy_name(req, sqe, name, send->name_len);
}

/* All but the data */
static __always_inline void send_msg(const struct iou_req *req, struct msghdr *msg, bool nowait)
{
	const struct iou_send *send = (const struct iou_send *)req->cmd;

	if (req->held & IOU_HELD_CLEANUP) {
		msg->msg_name = req->aux;
		msg->msg_namelen = send->name_len;
	}
	msg->msg_flags = send->xfer.msg_flags & ~MSG_INTERNAL_SENDMSG_FLAGS;
	if (nowait)
		msg->msg_flags |= MSG_DONTWAIT;
}

static __always_inline iou_verdict_t try_send(struct iou_req *req, bool nowait)
{
	struct msghdr msg __uninitialized;
	struct iou_pbuf buf __uninitialized;
	int ret;
	struct socket *sock = iou_net_sock(req, &ret);

	if (unlikely(!sock))
		return iou_done(req, ret);
	ret = iou_net_iter(req, ITER_SOURCE, &buf, &msg.msg_iter);
	if (unlikely(ret))
		return iou_done(req, ret);
	iou_net_msg_init(&msg);
	send_msg(req, &msg, nowait);
	return iou_net_settle(req, sock, &buf, sock_sendmsg(sock, &msg), nowait);
}

static iou_verdict_t try_bundle(struct iou_req *req)
	__must_hold(&iou_req_ring(req)->lock)
{
	struct msghdr msg = {};
	struct iou_pbuf_run run;
	int ret;
	struct socket *sock = iou_net_sock(req, &ret);

	if (!sock)
		return iou_done(req, ret);
	ret = iou_bundle_begin(req, ITER_SOURCE, &run, &msg.msg_iter);
	if (ret)
		return iou_done(req, ret);
	send_msg(req, &msg, true);
	ret = iov_iter_count(&msg.msg_iter) ? sock_sendmsg(sock, &msg) : 0;
	return iou_bundle_settle(req, sock, &run, ret);
}

/* Bundle after bundle, until there are no buffers */
static iou_verdict_t send_bundles(struct iou_req *req)
	__must_hold(&iou_req_ring(req)->lock)
{
	int i;

	for (i = 0; i < IOU_MAX_SHOTS; i++) {
		iou_verdict_t verdict = try_bundle(req);

		if (verdict != IOU_DONE || req->res <= 0 || (req->notes & IOU_NOTE_SHORT) ||
		    !iou_bundle_has_more(req) ||
		    !iou_req_post_more(req, req->res, req->cflags))
			return verdict;
		iou_req_next_shot(req);
		iou_bundle_next(req);
	}
	return IOU_TURN;
}

static __always_inline iou_verdict_t issue_send(struct iou_req *req)
	__must_hold(&iou_req_ring(req)->lock)
{
	if (iou_net_polls_first(req))
		return iou_net_poll_first(req);
	if (unlikely(iou_bundle_wanted(iou_req_cmd(req, struct iou_xfer))))
		return send_bundles(req);
	return try_send(req, true);
}

IOU_FUSE(send)

static iou_verdict_t work_send(struct iou_req *req)
{
	return iou_net_work(req, try_send);
}

const struct iou_op iou_op_send = {
	.name		= "SEND",
	.start		= start_send,
	.prep		= prep_send,
	.issue		= issue_send,
	.work		= work_send,
	.partial	= iou_net_partial,
	.take		= iou_net_take,
	.cleanup	= iou_net_cleanup_name,
	.poll_events	= EPOLLOUT,
	.needs_file	= true,
	.has_ioprio	= true,
	.pbuf		= IOU_PBUF_USED | IOU_PBUF_FULL,
	.unbound	= true,
};

static int prep_sendmsg(struct iou_req *req, const struct io_uring_sqe __shared *sqe)
{
	struct iou_xfer *xfer = iou_req_cmd(req, struct iou_xfer);

	if (iou_sqe_get(sqe, addr2) || iou_sqe_get(sqe, file_index))
		return iou_reject(req, sqe, -EINVAL, "sendmsg: addr2 and file_index must be 0");
	if (iou_net_prep(req, sqe, SENDMSG_FLAGS))
		return req->res;
	xfer->msg_flags |= MSG_NOSIGNAL;
	return iou_net_copy_msg(req, sqe, ITER_SOURCE);
}

static iou_verdict_t try_sendmsg(struct iou_req *req, bool nowait)
{
	struct iou_xfer *xfer = iou_req_cmd(req, struct iou_xfer);
	u32 flags = xfer->msg_flags | (nowait ? MSG_DONTWAIT : 0);
	int ret;
	struct socket *sock = iou_net_sock(req, &ret);
	struct msghdr msg;

	if (unlikely(!sock))
		return iou_done(req, ret);
	iou_net_send_msg(req, &msg);
	return iou_net_settle(req, sock, NULL, __sys_sendmsg_sock(sock, &msg, flags), nowait);
}

static iou_verdict_t sendmsg_nowait(struct iou_req *req)
{
	return try_sendmsg(req, true);
}

static iou_verdict_t issue_sendmsg(struct iou_req *req)
{
	if (iou_net_polls_first(req))
		return iou_net_poll_first(req);
	return iou_audited(req, sendmsg_nowait);
}

IOU_FUSE(sendmsg)

static iou_verdict_t work_sendmsg(struct iou_req *req)
{
	return iou_net_work(req, try_sendmsg);
}

const struct iou_op iou_op_sendmsg = {
	.name		= "SENDMSG",
	.start		= start_sendmsg,
	.prep		= prep_sendmsg,
	.issue		= issue_sendmsg,
	.work		= work_sendmsg,
	.partial	= iou_net_partial,
	.cleanup	= iou_net_cleanup_msg,
	.poll_events	= EPOLLOUT,
	.needs_file	= true,
	.has_ioprio	= true,
	.unbound	= true,
	.audit		= true,
};
