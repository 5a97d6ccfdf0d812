// SPDX-License-Identifier: GPL-2.0
/*
 * RECV and RECVMSG.
 *
 * A multishot receive posts a CQE for each provided buffer it fills. When the
 * socket says that nothing is left it is not asked again: a wake-up, or going back
 * to waiting, finds out. The end of a stream counts as something left, so that who
 * waits for the data sees the end along with it.
 */
#include <linux/net.h>
#include <linux/overflow.h>
#include <linux/security.h>
#include <linux/uaccess.h>
#include <net/busy_poll.h>
#include <net/sock.h>
#include <net/tcp_states.h>

#include "../../req/audit.h"
#include "../../req/complete.h"
#include "../ops.h"
#include "bundle.h"
#include "common.h"

#define RECVMSG_FLAGS	(IORING_RECVSEND_POLL_FIRST | IORING_RECV_MULTISHOT)
#define RECV_FLAGS	(RECVMSG_FLAGS | IORING_RECVSEND_BUNDLE)

/**
 * struct iou_recv - a receive
 * @xfer: common part
 * @bundle: the same of a bundle
 * @name_room: multishot RECVMSG: bytes for the source address, in each buffer
 * @control_room: the same for ancillary data
 */
struct iou_recv {
	union {
		struct iou_xfer xfer;
		struct iou_bundle bundle;
	};
	u32 name_room;
	u32 control_room;
};

static __always_inline int prep_common(struct iou_req *req,
				       const struct io_uring_sqe __shared *sqe,
				       u16 known_flags)
{
	struct iou_xfer *xfer = iou_req_cmd(req, struct iou_xfer);

	if (iou_sqe_get(sqe, addr2) || iou_sqe_get(sqe, file_index))
		return iou_reject(req, sqe, -EINVAL, "recv: addr2 and file_index must be 0");
	if (iou_net_prep(req, sqe, known_flags))
		return req->res;
	/* Netlink has data of its own for 32-bit programs, too */
	if (unlikely(iou_req_ring(req)->compat))
		xfer->msg_flags |= MSG_CMSG_COMPAT;
	if (likely(!(xfer->flags & IORING_RECV_MULTISHOT)))
		return 0;
	if (!(req->notes & IOU_NOTE_SELECT))
		return iou_reject(req, sqe, -EINVAL, "recv: multishot needs BUFFER_SELECT");
	if (xfer->msg_flags & MSG_WAITALL)
		return iou_reject(req, sqe, -EINVAL, "recv: multishot with MSG_WAITALL");
	req->notes |= IOU_NOTE_MULTISHOT;
	return 0;
}

/* A message in the error queue makes the socket no more readable */
static __poll_t recv_poll_mask(const struct iou_req *req)
{
	const struct iou_xfer *xfer = (const struct iou_xfer *)req->cmd;
	__poll_t mask = xfer->msg_flags & MSG_ERRQUEUE ? EPOLLERR | EPOLLPRI :
							 EPOLLIN | EPOLLPRI;

	/* Who sends the rest may wait for the first part to be taken */
	return xfer->msg_flags & MSG_WAITALL ? mask : mask | IOU_POLL_LAZY;
}

/* What the socket said beside the data */
static void recv_note(struct iou_req *req, const struct msghdr *msg)
{
	struct iou_xfer *xfer = iou_req_cmd(req, struct iou_xfer);

	xfer->inq = msg->msg_inq;
	if (msg->msg_inq > 0)
		req->cflags |= IORING_CQE_F_SOCK_NONEMPTY;
	else
		req->cflags &= ~IORING_CQE_F_SOCK_NONEMPTY;
	if ((xfer->msg_flags & MSG_WAITALL) && (msg->msg_flags & (MSG_TRUNC | MSG_CTRUNC)))
		req->notes |= IOU_NOTE_SHORT;
}

/*
 * Has a connection nothing to be received, neither data nor its end, as far as that
 * can be seen without its lock?
 */
static bool recv_is_empty(const struct socket *sock)
{
	struct sock *sk = sock->sk;

	return sock->type == SOCK_STREAM && READ_ONCE(sk->sk_state) == TCP_ESTABLISHED &&
	       !(READ_ONCE(sk->sk_shutdown) & RCV_SHUTDOWN) &&
	       skb_queue_empty_lockless(&sk->sk_receive_queue) &&
	       /* In a sockmap, data is elsewhere */
	       !sk_is_readable(sk);
}

/* May there be more, after the last attempt? Not all sockets say so */
static bool recv_has_more(const struct iou_req *req)
{
	const struct iou_xfer *xfer = (const struct iou_xfer *)req->cmd;

	return xfer->inq < 0 ? !recv_is_empty(sock_from_file(req->file)) : xfer->inq;
}

/*
 * There seems to be no more: is that so, until a wake-up says something else? Other
 * sockets may keep data where recv_is_empty() does not look, as those with TLS do. An
 * error or an end may have come along with the data; TCP counts only FIN as something
 * left.
 */
static bool recv_is_drained(const struct iou_req *req)
{
	const struct iou_xfer *xfer = (const struct iou_xfer *)req->cmd;
	const struct sock *sk = sock_from_file(req->file)->sk;

	return (!xfer->inq || sk->sk_family == AF_UNIX) && !READ_ONCE(sk->sk_err) &&
	       !(READ_ONCE(sk->sk_shutdown) & RCV_SHUTDOWN);
}

/* Receive again and again with @try, a CQE each time */
static iou_verdict_t recv_shots(struct iou_req *req,
				iou_verdict_t (*try)(struct iou_req *req, bool nowait))
	__must_hold(&iou_req_ring(req)->lock)
{
	struct iou_xfer *xfer = iou_req_cmd(req, struct iou_xfer);
	int i;

	for (i = 0; i < IOU_MAX_SHOTS; i++) {
		iou_verdict_t verdict = try(req, true);

		if (verdict != IOU_DONE || req->res <= 0 || xfer->last)
			return verdict;
		/* A bundle may use the last buffer, and says so */
		if (unlikely(iou_bundle_wanted(xfer)) && !iou_bundle_has_more(req))
			return IOU_DONE;
		if (!iou_req_post_more(req, req->res, req->cflags))
			return IOU_DONE;
		iou_req_next_shot(req);
		xfer->done = 0;
		if (!recv_has_more(req))
			return recv_is_drained(req) ? IOU_RETRY : IOU_TURN;
	}
	return IOU_TURN;
}

/* BUNDLE means nothing to a request that selects no buffer */
static void prep_bundle(struct iou_req *req)
{
	if (req->notes & IOU_NOTE_SELECT)
		iou_bundle_prep(req);
	else
		iou_req_cmd(req, struct iou_xfer)->flags &= ~IORING_RECVSEND_BUNDLE;
}

static __always_inline int prep_recv(struct iou_req *req, const struct io_uring_sqe __shared *sqe)
{
	struct iou_xfer *xfer = iou_req_cmd(req, struct iou_xfer);

	if (prep_common(req, sqe, RECV_FLAGS))
		return req->res;
	if (unlikely((xfer->flags & IORING_RECV_MULTISHOT) && xfer->len))
		return iou_reject(req, sqe, -EINVAL, "recv: len of a multishot must be 0");
	if (unlikely(iou_bundle_wanted(xfer)))
		prep_bundle(req);
	return iou_net_prep_addr(req, sqe);
}

static iou_verdict_t try_bundle(struct iou_req *req, bool nowait)
	__must_hold(&iou_req_ring(req)->lock)
{
	struct iou_xfer *xfer = iou_req_cmd(req, struct iou_xfer);
	struct msghdr msg = { .msg_get_inq = 1, .msg_inq = -1 };
	struct iou_pbuf_run run;
	int ret;
	struct socket *sock = iou_net_sock(req, &ret);

	if (!sock)
		return iou_done(req, ret);
	ret = iou_bundle_begin(req, ITER_DEST, &run, &msg.msg_iter);
	if (ret)
		return iou_done(req, ret);
	ret = 0;
	if (iov_iter_count(&msg.msg_iter) || !xfer->done)
		ret = sock_recvmsg(sock, &msg, xfer->msg_flags | MSG_DONTWAIT);
	recv_note(req, &msg);
	return iou_bundle_settle(req, sock, &run, ret);
}

static __always_inline iou_verdict_t try_recv(struct iou_req *req, bool nowait)
{
	struct iou_xfer *xfer = iou_req_cmd(req, struct iou_xfer);
	u32 flags = xfer->msg_flags | (nowait ? MSG_DONTWAIT : 0);
	struct msghdr msg __uninitialized;
	struct iou_pbuf buf __uninitialized;
	int ret;
	struct socket *sock = iou_net_sock(req, &ret);

	if (unlikely(!sock))
		return iou_done(req, ret);
	ret = iou_net_iter(req, ITER_DEST, &buf, &msg.msg_iter);
	if (unlikely(ret))
		return iou_done(req, ret);
	iou_net_msg_init(&msg);
	ret = sock_recvmsg(sock, &msg, flags);
	recv_note(req, &msg);
	return iou_net_settle(req, sock, &buf, ret, nowait);
}

/* A bundle has to be able to wait as multishots do, even if it is for once */
static iou_verdict_t issue_shots(struct iou_req *req)
	__must_hold(&iou_req_ring(req)->lock)
{
	const struct iou_xfer *xfer = iou_req_cmd(req, struct iou_xfer);

	if (!iou_bundle_wanted(xfer))
		return recv_shots(req, try_recv);
	if (xfer->flags & IORING_RECV_MULTISHOT)
		return recv_shots(req, try_bundle);
	return try_bundle(req, true);
}

/*
 * Is an attempt worth what it costs? Without data these have results of their own, and
 * with SO_BUSY_POLL an attempt looks for data at the device. Parking looks at the socket
 * again, and closely; if there is something after all, the attempt is made.
 */
static __always_inline bool recv_would_block(struct iou_req *req)
{
	const struct iou_xfer *xfer = iou_req_cmd(req, struct iou_xfer);
	struct socket *sock;
	int error;

	if ((req->held & IOU_HELD_INFLIGHT) || (req->notes & IOU_NOTE_SELECT) ||
	    xfer->msg_flags || !xfer->len)
		return false;
	sock = iou_net_sock(req, &error);
	return sock && recv_is_empty(sock) && !sk_can_busy_loop(sock->sk);
}

/* There is no attempt, but a security module may refuse it all the same */
static __always_inline iou_verdict_t recv_is_allowed(struct iou_req *req)
{
	const struct iou_xfer *xfer = iou_req_cmd(req, struct iou_xfer);
	struct msghdr msg __uninitialized;
	int error;

	if (!IS_ENABLED(CONFIG_SECURITY_NETWORK))
		return IOU_RETRY;

	iov_iter_ubuf(&msg.msg_iter, ITER_DEST, u64_to_user_ptr(xfer->addr), xfer->len);
	iou_net_msg_init(&msg);
	error = security_socket_recvmsg(sock_from_file(req->file), &msg, xfer->len, MSG_DONTWAIT);
	return error ? iou_done(req, error) : IOU_RETRY;
}

static noinline iou_verdict_t recv_nowait(struct iou_req *req)
	__must_hold(&iou_req_ring(req)->lock)
{
	if (unlikely(req->notes & IOU_NOTE_MULTISHOT))
		return issue_shots(req);
	return try_recv(req, true);
}

static __always_inline iou_verdict_t issue_recv(struct iou_req *req)
	__must_hold(&iou_req_ring(req)->lock)
{
	if (iou_net_polls_first(req))
		return iou_net_poll_first(req);
	return recv_would_block(req) ? recv_is_allowed(req) : recv_nowait(req);
}

IOU_FUSE(recv)

static iou_verdict_t work_recv(struct iou_req *req)
{
	return iou_net_work(req, try_recv);
}

const struct iou_op iou_op_recv = {
	.name		= "RECV",
	.start		= start_recv,
	.prep		= prep_recv,
	.issue		= issue_recv,
	.work		= work_recv,
	.partial	= iou_net_partial,
	.take		= iou_net_take,
	.poll_events	= EPOLLIN | EPOLLPRI,
	.poll_mask	= recv_poll_mask,
	.needs_file	= true,
	.has_ioprio	= true,
	.pbuf		= IOU_PBUF_USED,
	.unbound	= true,
};

/*
 * RECVMSG
 */

/* How a multishot divides its buffers is known from the start */
static int prep_rooms(struct iou_req *req, const struct io_uring_sqe __shared *sqe)
{
	struct iou_recv *recv = iou_req_cmd(req, struct iou_recv);
	const struct iou_msg *copy = req->aux;
	u32 all;

	recv->name_room = copy->name_room;
	recv->control_room = copy->hdr.msg_controllen;
	if (copy->name_room < 0 || copy->hdr.msg_controllen > INT_MAX ||
	    check_add_overflow(recv->name_room, recv->control_room, &all) ||
	    all > INT_MAX - sizeof(struct io_uring_recvmsg_out))
		return iou_reject(req, sqe, -EOVERFLOW,
				  "recvmsg: msg_namelen and msg_controllen are too large");
	return 0;
}

static int prep_recvmsg(struct iou_req *req, const struct io_uring_sqe __shared *sqe)
{
	const struct iou_msg *copy;

	if (prep_common(req, sqe, RECVMSG_FLAGS) || iou_net_copy_msg(req, sqe, ITER_DEST))
		return req->res;
	copy = req->aux;
	iou_req_cmd(req, struct iou_xfer)->partly = copy->hdr.msg_controllen;
	return req->notes & IOU_NOTE_MULTISHOT ? prep_rooms(req, sqe) : 0;
}

static iou_verdict_t try_recvmsg(struct iou_req *req, bool nowait)
{
	struct iou_xfer *xfer = iou_req_cmd(req, struct iou_xfer);
	u32 flags = xfer->msg_flags | (nowait ? MSG_DONTWAIT : 0);
	struct iou_msg *copy = req->aux;
	struct iou_pbuf buf;
	int ret;
	struct socket *sock = iou_net_sock(req, &ret);
	struct msghdr msg;

	if (unlikely(!sock))
		return iou_done(req, ret);
	msg = copy->hdr;
	if (req->notes & IOU_NOTE_SELECT) {
		ret = iou_net_look(req, &buf);
		if (ret)
			return iou_done(req, ret);
	}
	if (req->sqe_flags & IOSQE_BUFFER_SELECT) {
		ret = import_ubuf(ITER_DEST, u64_to_user_ptr(xfer->addr), xfer->len,
				  &msg.msg_iter);
		if (ret)
			return iou_done(req, ret);
	}
	iov_iter_advance(&msg.msg_iter, xfer->done);
	msg.msg_get_inq = 1;
	msg.msg_inq = -1;
	ret = __sys_recvmsg_sock(sock, &msg, copy->umsg, copy->uname, flags);
	recv_note(req, &msg);
	return iou_net_settle(req, sock, &buf, ret, nowait);
}

/* Put header and source address before the data. Return: 0 or -EFAULT */
static int put_message(const struct iou_recv *recv, const struct iou_pbuf *buf,
		       const struct msghdr *msg, u32 payload)
{
	struct io_uring_recvmsg_out out = {
		.namelen = msg->msg_namelen,
		.controllen = recv->control_room - msg->msg_controllen,
		.payloadlen = payload,
		.flags = msg->msg_flags & ~MSG_CMSG_COMPAT,
	};
	void __user *addr = u64_to_user_ptr(buf->addr);

	if (copy_to_user(addr, &out, sizeof(out)) ||
	    copy_to_user(addr + sizeof(out), msg->msg_name,
			 min_t(u32, recv->name_room, msg->msg_namelen)))
		return -EFAULT;
	return 0;
}

/* One message into one buffer: header, address, ancillary data, payload */
static iou_verdict_t shot_recvmsg(struct iou_req *req, bool nowait)
	__must_hold(&iou_req_ring(req)->lock)
{
	struct iou_recv *recv = iou_req_cmd(req, struct iou_recv);
	u32 skip = sizeof(struct io_uring_recvmsg_out) + recv->name_room;
	u32 before = skip + recv->control_room;
	struct sockaddr_storage name;
	struct msghdr msg = {
		/* Whoever has no room for the source did not ask for it */
		.msg_name = recv->name_room ? &name : NULL,
		.msg_control_is_user = true,
		.msg_controllen = recv->control_room,
		.msg_flags = recv->xfer.msg_flags & (MSG_CMSG_CLOEXEC | MSG_CMSG_COMPAT),
		.msg_get_inq = 1,
		.msg_inq = -1,
	};
	struct iou_pbuf buf;
	int ret;
	struct socket *sock = iou_net_sock(req, &ret);

	if (unlikely(!sock))
		return iou_done(req, ret);
	ret = iou_net_look(req, &buf);
	if (ret)
		return iou_done(req, ret);
	if (buf.len < before)
		return iou_done(req, -EFAULT);
	msg.msg_control_user = u64_to_user_ptr(buf.addr + skip);
	ret = import_ubuf(ITER_DEST, u64_to_user_ptr(buf.addr + before), buf.len - before,
			  &msg.msg_iter);
	if (ret)
		return iou_done(req, ret);
	ret = sock_recvmsg(sock, &msg, recv->xfer.msg_flags | MSG_DONTWAIT);
	recv_note(req, &msg);
	/* A message may be empty, or it is the end */
	if (ret >= 0) {
		u32 payload = ret;

		recv->xfer.last = !payload;
		ret = before + min(payload, buf.len - before);
		if (put_message(recv, &buf, &msg, payload))
			ret = -EFAULT;
	}
	return iou_net_settle(req, sock, &buf, ret, nowait);
}

/* A shot is an attempt of its own */
static iou_verdict_t audited_shot(struct iou_req *req, bool nowait)
	__must_hold(&iou_req_ring(req)->lock)
{
	bool begun = iou_audit_entry(req);
	iou_verdict_t verdict = shot_recvmsg(req, nowait);

	if (unlikely(begun))
		iou_audit_exit(req, verdict);
	return verdict;
}

static iou_verdict_t recvmsg_nowait(struct iou_req *req)
{
	return try_recvmsg(req, true);
}

static iou_verdict_t issue_recvmsg(struct iou_req *req)
	__must_hold(&iou_req_ring(req)->lock)
{
	if (iou_net_polls_first(req))
		return iou_net_poll_first(req);
	if (req->notes & IOU_NOTE_MULTISHOT)
		return recv_shots(req, audited_shot);
	return iou_audited(req, recvmsg_nowait);
}

IOU_FUSE(recvmsg)

static iou_verdict_t work_recvmsg(struct iou_req *req)
{
	return iou_net_work(req, try_recvmsg);
}

const struct iou_op iou_op_recvmsg = {
	.name		= "RECVMSG",
	.start		= start_recvmsg,
	.prep		= prep_recvmsg,
	.issue		= issue_recvmsg,
	.work		= work_recvmsg,
	.partial	= iou_net_partial,
	.take		= iou_net_take,
	.cleanup	= iou_net_cleanup_msg,
	.poll_events	= EPOLLIN | EPOLLPRI,
	.poll_mask	= recv_poll_mask,
	.needs_file	= true,
	.has_ioprio	= true,
	.pbuf		= IOU_PBUF_USED,
	.unbound	= true,
	.audit		= true,
};
