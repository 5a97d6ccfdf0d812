// SPDX-License-Identifier: GPL-2.0
/*
 * What the operations on sockets share: looking up the socket, copying message
 * headers and addresses, and deciding what an attempt amounts to.
 *
 * An attempt is made with MSG_DONTWAIT. That it would block means: park, and
 * try again when the socket is ready, whatever O_NONBLOCK says; unless the
 * program itself passed MSG_DONTWAIT. A worker blocks only after many wake-ups
 * in vain.
 */
#include <linux/compat.h>
#include <linux/net.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <net/compat.h>

#include "../iovec.h"
#include "common.h"

/**
 * iou_net_poll_first() - wait, without a first attempt
 * @req: wants POLL_FIRST; that is heeded once
 *
 * Context: under the ring lock in the lane's task, or in a worker.
 * Return: for .issue to return.
 */
iou_verdict_t iou_net_poll_first(struct iou_req *req)
{
	struct iou_xfer *xfer = iou_req_cmd(req, struct iou_xfer);
	int error;

	xfer->flags &= ~IORING_RECVSEND_POLL_FIRST;
	if (!iou_net_sock(req, &error))
		return iou_done(req, error);
	return xfer->msg_flags & MSG_DONTWAIT ? iou_done(req, -EAGAIN) : IOU_RETRY;
}

/**
 * iou_net_work() - .work of a send or receive
 * @req: a worker's
 * @attempt: to be made, and whether it may not block
 *
 * Context: in a worker.
 * Return: what @attempt says.
 */
iou_verdict_t iou_net_work(struct iou_req *req,
			   iou_verdict_t (*attempt)(struct iou_req *req, bool nowait))
{
	const struct iou_xfer *xfer = iou_req_cmd(req, struct iou_xfer);

	/* Without an attempt, as iou_net_poll_first() has it */
	if (iou_net_polls_first(req) && (xfer->msg_flags & MSG_DONTWAIT))
		return iou_net_poll_first(req);
	return attempt(req, iou_req_can_park(req));
}

/**
 * iou_net_prep_sign() - the slow part of iou_net_prep()
 * @req: prepared otherwise
 * @sqe: its SQE
 * @known_flags: as there
 *
 * Return: as there.
 */
int iou_net_prep_sign(struct iou_req *req, const struct io_uring_sqe __shared *sqe,
		      u32 known_flags)
{
	struct iou_xfer *xfer = iou_req_cmd(req, struct iou_xfer);

	if (xfer->len > INT_MAX && !(known_flags & IOU_NET_ANY_LEN))
		return iou_reject(req, sqe, -EINVAL, "net: len is more than INT_MAX");
	xfer->len = min_t(u32, xfer->len, INT_MAX);
	return 0;
}

#ifdef CONFIG_COMPAT
static int copy_hdr_compat(struct iou_msg *msg, void __user *addr,
			   struct sockaddr __user **uname, struct iovec *vec)
{
	struct compat_msghdr hdr;

	if (copy_from_user(&hdr, addr, sizeof(hdr)))
		return -EFAULT;
	msg->name_room = hdr.msg_namelen;
	vec->iov_base = compat_ptr(hdr.msg_iov);
	vec->iov_len = hdr.msg_iovlen;
	if (vec->iov_len > UIO_MAXIOV)
		return -EINVAL;
	return __get_compat_msghdr(&msg->hdr, &hdr, uname);
}
#else
static int copy_hdr_compat(struct iou_msg *msg, void __user *addr,
			   struct sockaddr __user **uname, struct iovec *vec)
{
	return -EINVAL;
}
#endif

/* Copy the msghdr itself. @vec: what it says of the array of iovecs */
static int copy_hdr(struct iou_msg *msg, void __user *addr, int dir, bool compat,
		    struct iovec *vec)
{
	/* Where to put the source; a destination is copied instead */
	struct sockaddr __user **uname = dir == ITER_DEST ? &msg->uname : NULL;
	struct user_msghdr hdr;

	msg->uname = NULL;
	msg->hdr.msg_name = &msg->name;
	if (compat)
		return copy_hdr_compat(msg, addr, uname, vec);
	if (copy_from_user(&hdr, addr, sizeof(hdr)))
		return -EFAULT;
	msg->name_room = hdr.msg_namelen;
	vec->iov_base = hdr.msg_iov;
	vec->iov_len = hdr.msg_iovlen;
	if (vec->iov_len > UIO_MAXIOV)
		return -EINVAL;
	return __copy_msghdr(&msg->hdr, &hdr, uname);
}

/* With provided buffers an iovec only says how much of one to use */
static int copy_cap(struct iou_req *req, const struct iovec *vec)
{
	u32 cap = 0;
	int error;

	if (vec->iov_len > 1)
		return -EINVAL;
	if (vec->iov_len) {
		error = iou_iovec_cap(vec->iov_base, &cap, iou_req_ring(req)->compat);
		if (error)
			return error;
	}
	req->buf_cap = iou_pbuf_cap(cap);
	return 0;
}

static int copy_msg(struct iou_req *req, struct iou_msg *msg, int dir)
{
	struct iou_xfer *xfer = iou_req_cmd(req, struct iou_xfer);
	bool compat = iou_req_ring(req)->compat;
	struct iovec vec;
	ssize_t len;
	int error;

	if (compat)
		xfer->msg_flags |= MSG_CMSG_COMPAT;
	error = copy_hdr(msg, u64_to_user_ptr(xfer->addr), dir, compat, &vec);
	if (error)
		return error;
	msg->umsg = u64_to_user_ptr(xfer->addr);
	msg->big = NULL;
	if (req->notes & IOU_NOTE_SELECT)
		return copy_cap(req, &vec);

	len = iou_iovec_import(dir, vec.iov_base, vec.iov_len, msg->fast, IOU_MSG_FAST_IOV,
			       &msg->big, &msg->hdr.msg_iter, compat);
	if (len < 0)
		return len;
	xfer->len = len;
	return 0;
}

/**
 * iou_net_copy_msg() - copy a msghdr and the iovecs, not the data
 * @req: prepared by iou_net_prep(); gets a struct iou_msg as ->aux
 * @sqe: its SQE
 * @dir: ITER_SOURCE to send, ITER_DEST to receive
 *
 * Context: ring lock, in the lane's task. May sleep.
 * Return: 0 or what iou_reject() returned.
 */
int iou_net_copy_msg(struct iou_req *req, const struct io_uring_sqe __shared *sqe, int dir)
{
	const struct iou_xfer *xfer = iou_req_cmd(req, struct iou_xfer);
	struct iou_msg *msg;
	int error;

	if ((xfer->msg_flags & MSG_CMSG_COMPAT) && !iou_req_ring(req)->compat)
		return iou_reject(req, sqe, -EINVAL, "net: MSG_CMSG_COMPAT is not for programs");

	msg = kmalloc(sizeof(*msg), GFP_KERNEL_ACCOUNT);
	if (!msg)
		return iou_reject(req, sqe, -ENOMEM, "net: no memory for the msghdr");
	error = copy_msg(req, msg, dir);
	if (error) {
		kfree(msg);
		return iou_reject(req, sqe, error, "net: bad msghdr");
	}
	req->aux = msg;
	req->held |= IOU_HELD_CLEANUP;
	return 0;
}

/**
 * iou_net_cleanup_msg() - free what iou_net_copy_msg() made
 * @req: holds it
 */
void iou_net_cleanup_msg(struct iou_req *req)
{
	struct iou_msg *msg = req->aux;

	kfree(msg->big);
	kfree(msg);
}

/**
 * iou_net_copy_name() - copy the address of a socket
 * @req: gets a struct sockaddr_storage as ->aux
 * @sqe: its SQE
 * @addr: where it is in the program
 * @len: in bytes
 *
 * Context: ring lock, in the lane's task. May sleep.
 * Return: 0 or what iou_reject() returned.
 */
int iou_net_copy_name(struct iou_req *req, const struct io_uring_sqe __shared *sqe,
		      u64 addr, s32 len)
{
	struct sockaddr_storage *name = kmalloc(sizeof(*name), GFP_KERNEL_ACCOUNT);
	int error;

	if (!name)
		return iou_reject(req, sqe, -ENOMEM, "net: no memory for the address");
	error = move_addr_to_kernel(u64_to_user_ptr(addr), len, name);
	if (error) {
		kfree(name);
		return iou_reject(req, sqe, error, "net: bad socket address");
	}
	req->aux = name;
	req->held |= IOU_HELD_CLEANUP;
	return 0;
}

/**
 * iou_net_cleanup_name() - free what iou_net_copy_name() made
 * @req: holds it
 */
void iou_net_cleanup_name(struct iou_req *req)
{
	kfree(req->aux);
}

/**
 * iou_net_look() - look at the next provided buffer, and be about to use it
 * @req: wants one (IOU_NOTE_SELECT)
 * @buf: where to describe it
 *
 * Context: ring lock.
 * Return: 0 or -ENOBUFS; -ENOENT: there is no such group, and the opcode says so.
 */
int iou_net_look(struct iou_req *req, struct iou_pbuf *buf)
{
	struct iou_xfer *xfer = iou_req_cmd(req, struct iou_xfer);
	int error = iou_pbuf_look(req, buf);

	if (unlikely(error))
		return iou_req_op(req)->pbuf & IOU_PBUF_FULL ? error : -ENOBUFS;
	if (unlikely(!buf->len) && (iou_req_op(req)->pbuf & IOU_PBUF_FULL))
		return -ENOBUFS;
	xfer->addr = buf->addr;
	xfer->len = buf->len;
	return 0;
}

/**
 * iou_net_take() - take a provided buffer, because a worker will need it
 * @req: wants one (IOU_NOTE_SELECT)
 *
 * Context: ring lock, in the lane's task.
 * Return: as iou_net_look(), or -EBADF or -ENOTSOCK.
 */
int iou_net_take(struct iou_req *req)
{
	struct iou_pbuf buf;
	int error;

	/* What is no socket needs none */
	if (!iou_net_sock(req, &error))
		return error;
	error = iou_net_look(req, &buf);
	if (!error)
		iou_pbuf_commit(req, &buf, 0, IOU_PBUF_KEEP_ALL);
	return error;
}

/* With MSG_WAITALL less than all is too little for a link */
static void note_short(struct iou_req *req, s32 ret)
{
	const struct iou_xfer *xfer = iou_req_cmd(req, struct iou_xfer);

	if ((xfer->msg_flags & MSG_WAITALL) && !xfer->partly && ret < (s32)xfer->len)
		req->notes |= IOU_NOTE_SHORT;
}

/**
 * iou_net_result() - the result of a send or receive
 * @req: with a struct iou_xfer
 * @ret: of the last attempt
 *
 * An error after partial success is not reported.
 *
 * Context: any, the request's owner.
 * Return: for the CQE.
 */
s32 iou_net_result(struct iou_req *req, s32 ret)
{
	const struct iou_xfer *xfer = iou_req_cmd(req, struct iou_xfer);

	if (xfer->done)
		ret = xfer->done;
	note_short(req, ret);
	return ret;
}

/**
 * iou_net_partial() - what a send or receive has done that is not tried again
 * @req: with a struct iou_xfer
 *
 * Context: any, the request's owner.
 * Return: bytes, or 0.
 */
s32 iou_net_partial(struct iou_req *req)
{
	return iou_req_cmd(req, struct iou_xfer)->done ? iou_net_result(req, 0) : 0;
}

/**
 * iou_net_goes_on() - is a request to wait for the rest?
 * @xfer: a part of it was transferred
 * @sock: its socket
 *
 * Return: whether.
 */
bool iou_net_goes_on(const struct iou_xfer *xfer, const struct socket *sock)
{
	if (!(xfer->msg_flags & MSG_WAITALL) || xfer->partly ||
	    (xfer->msg_flags & (MSG_DONTWAIT | MSG_PEEK)))
		return false;
	return sock->type == SOCK_STREAM || sock->type == SOCK_SEQPACKET;
}

/**
 * iou_net_settle() - what an attempt to send or receive amounts to
 * @req: tried
 * @sock: its socket
 * @buf: with IOU_NOTE_SELECT: the provided buffer it was tried with
 * @ret: bytes transferred, or a negative errno
 * @nowait: the attempt was not allowed to block
 *
 * Context: with IOU_NOTE_SELECT the ring lock, since the buffer was selected.
 * Return: IOU_RETRY or IOU_DONE.
 */
iou_verdict_t iou_net_settle(struct iou_req *req, const struct socket *sock,
			     const struct iou_pbuf *buf, ssize_t ret, bool nowait)
{
	struct iou_xfer *xfer = iou_req_cmd(req, struct iou_xfer);
	bool again;

	if (unlikely(ret <= 0)) {
		if (ret == -EAGAIN && nowait && !(xfer->msg_flags & MSG_DONTWAIT))
			return IOU_RETRY;
		return iou_done(req, iou_net_result(req, ret));
	}
	xfer->done += ret;
	again = xfer->done < xfer->len && iou_net_goes_on(xfer, sock);
	if (req->notes & IOU_NOTE_SELECT)
		iou_pbuf_commit(req, buf, ret, again ? IOU_PBUF_KEEP_ALL : IOU_PBUF_LEAVE);
	if (again) {
		/* It does not wait in vain */
		req->nr_polls = 0;
		return IOU_RETRY;
	}
	note_short(req, xfer->done);
	req->res = xfer->done;
	return IOU_DONE;
}
