// SPDX-License-Identifier: GPL-2.0
/*
 * SEND and SENDMSG.
 */
#include <linux/net.h>

#include "net.h"
#include "ops.h"

#define SEND_FLAGS	IORING_RECVSEND_POLL_FIRST

/* SEND's part of the request, after the common one */
struct iou_send {
	struct iou_xfer xfer;
	u16 name_len;	/* ->aux is the destination */
};

static int prep_send(struct iou_req *req, const struct io_uring_sqe __shared *sqe)
{
	struct iou_send *send = iou_req_cmd(req, struct iou_send);
	u64 name = iou_sqe_get(sqe, addr2);

	if (iou_sqe_get(sqe, __pad3))
		return iou_reject(req, sqe, -EINVAL, "send: __pad3 must be 0");
	if (iou_net_prep(req, sqe, SEND_FLAGS))
		return req->res;
	send->xfer.msg_flags |= MSG_NOSIGNAL;
	send->name_len = iou_sqe_get(sqe, addr_len);
	if (likely(!name))
		return 0;
	return iou_net_copy_name(req, sqe, name, send->name_len);
}

static __always_inline iou_verdict_t try_send(struct iou_req *req, bool nowait)
{
	struct iou_send *send = iou_req_cmd(req, struct iou_send);
	struct iou_xfer *xfer = &send->xfer;
	struct msghdr msg = {};
	struct iou_pbuf buf;
	int ret;
	struct socket *sock = iou_net_sock(req, &ret);

	if (unlikely(!sock))
		return iou_done(req, ret);
	if (unlikely(req->held & IOU_SELECT)) {
		ret = iou_net_select(req, &buf);
		if (ret)
			return iou_done(req, ret);
	}
	ret = import_ubuf(ITER_SOURCE, u64_to_user_ptr(xfer->addr + xfer->done),
			  xfer->len - xfer->done, &msg.msg_iter);
	if (unlikely(ret))
		return iou_done(req, ret);
	if (req->held & IOU_HELD_AUX) {
		msg.msg_name = req->aux;
		msg.msg_namelen = send->name_len;
	}
	msg.msg_flags = xfer->msg_flags & ~MSG_INTERNAL_SENDMSG_FLAGS;
	if (nowait)
		msg.msg_flags |= MSG_DONTWAIT;
	return iou_net_settle(req, sock, &buf, sock_sendmsg(sock, &msg), nowait);
}

static iou_verdict_t issue_send(struct iou_req *req)
{
	return iou_net_waits(req) ? IOU_RETRY : try_send(req, true);
}

IOU_FUSE(send)

static iou_verdict_t work_send(struct iou_req *req)
{
	return try_send(req, iou_req_can_park(req));
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
	.buffer_select	= true,
	.unbound	= true,
};

static int prep_sendmsg(struct iou_req *req, const struct io_uring_sqe __shared *sqe)
{
	struct iou_xfer *xfer = iou_req_cmd(req, struct iou_xfer);

	if (iou_sqe_get(sqe, addr2) || iou_sqe_get(sqe, file_index))
		return iou_reject(req, sqe, -EINVAL, "sendmsg: addr2 and file_index must be 0");
	if (iou_net_prep(req, sqe, SEND_FLAGS))
		return req->res;
	xfer->msg_flags |= MSG_NOSIGNAL;
	return iou_net_copy_msg(req, sqe, ITER_SOURCE);
}

static iou_verdict_t try_sendmsg(struct iou_req *req, bool nowait)
{
	struct iou_xfer *xfer = iou_req_cmd(req, struct iou_xfer);
	u32 flags = xfer->msg_flags | (nowait ? MSG_DONTWAIT : 0);
	struct iou_msg *copy = req->aux;
	int ret;
	struct socket *sock = iou_net_sock(req, &ret);
	struct msghdr msg;

	if (unlikely(!sock))
		return iou_done(req, ret);
	msg = copy->hdr;
	if (xfer->done) {
		/* Ancillary data went with the first part */
		msg.msg_control = NULL;
		msg.msg_controllen = 0;
		iov_iter_advance(&msg.msg_iter, xfer->done);
	}
	return iou_net_settle(req, sock, NULL, __sys_sendmsg_sock(sock, &msg, flags), nowait);
}

static iou_verdict_t issue_sendmsg(struct iou_req *req)
{
	return iou_net_waits(req) ? IOU_RETRY : try_sendmsg(req, true);
}

IOU_FUSE(sendmsg)

static iou_verdict_t work_sendmsg(struct iou_req *req)
{
	return try_sendmsg(req, iou_req_can_park(req));
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
