/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the operations on sockets share.
 */
#ifndef IOU_OPS_NET_COMMON_H
#define IOU_OPS_NET_COMMON_H

#include <linux/socket.h>
#include <linux/uio.h>
#include <net/sock.h>

#include "../../req/req.h"
#include "../../rsrc/pbuf.h"

#define IOU_MSG_FAST_IOV	8

/**
 * struct iou_xfer - data on its way through a socket
 * @addr: the buffer, or the program's msghdr
 * @len: bytes wanted in all
 * @done: bytes transferred by earlier attempts
 * @msg_flags: MSG_*, from the SQE
 * @flags: IORING_RECVSEND_* and the like, from the SQE
 * @partly: ancillary data may come with a part, so the rest is not waited for
 * @last: multishot: what was received is the last
 * @inq: receiving: what the socket said is left after the last attempt, at least 1
 *       if that is the end of the stream; -1: it did not say
 */
struct iou_xfer {
	u64 addr;
	u32 len;
	u32 done;
	u32 msg_flags;
	u16 flags;
	bool partly;
	bool last;
	s32 inq;
};

/**
 * struct iou_msg - the stable copy of what a msghdr points to; iou_req.aux
 * @hdr: template for the msghdr of an attempt; its iterator covers everything
 * @name: destination, if @hdr has one
 * @umsg: the program's msghdr
 * @uname: where to put the source, for the program
 * @name_room: how long it may be, in bytes; may be nonsense
 * @big: allocated array of iovecs, or NULL
 * @fast: used if there are few
 */
struct iou_msg {
	struct msghdr hdr;
	struct sockaddr_storage name;
	struct user_msghdr __user *umsg;
	struct sockaddr __user *uname;
	s32 name_room;
	struct iovec *big;
	struct iovec fast[IOU_MSG_FAST_IOV];
};

/* For iou_net_prep(): a length that no result can say means as much as one can */
#define IOU_NET_ANY_LEN	BIT(31)

iou_verdict_t iou_net_poll_first(struct iou_req *req);
iou_verdict_t iou_net_work(struct iou_req *req,
			   iou_verdict_t (*attempt)(struct iou_req *req, bool nowait));
int iou_net_prep_sign(struct iou_req *req, const struct io_uring_sqe __shared *sqe,
		      u32 known_flags);
int iou_net_copy_msg(struct iou_req *req, const struct io_uring_sqe __shared *sqe,
		     int dir);
void iou_net_cleanup_msg(struct iou_req *req);
int iou_net_copy_name(struct iou_req *req, const struct io_uring_sqe __shared *sqe,
		      u64 addr, s32 len);
void iou_net_cleanup_name(struct iou_req *req);
int iou_net_look(struct iou_req *req, struct iou_pbuf *buf)
	__must_hold(&iou_req_ring(req)->lock);
int iou_net_take(struct iou_req *req) __must_hold(&iou_req_ring(req)->lock);
bool iou_net_goes_on(const struct iou_xfer *xfer, const struct socket *sock);
s32 iou_net_result(struct iou_req *req, s32 ret);
s32 iou_net_partial(struct iou_req *req);
iou_verdict_t iou_net_settle(struct iou_req *req, const struct socket *sock,
			     const struct iou_pbuf *buf, ssize_t ret, bool nowait);

/**
 * iou_net_sock() - the socket of a request
 * @req: its file may not have been looked up yet
 * @error: where to put -EBADF or -ENOTSOCK
 *
 * Context: in a worker, or under the ring lock in the lane's task.
 * Return: the socket, which the file keeps; NULL with @error.
 */
static __always_inline struct socket *iou_net_sock(struct iou_req *req, int *error)
{
	struct socket *sock;

	if (unlikely(!iou_req_get_file(req))) {
		*error = -EBADF;
		return NULL;
	}
	sock = sock_from_file(req->file);
	if (unlikely(!sock))
		*error = -ENOTSOCK;
	return sock;
}

/**
 * iou_net_prep() - the part of prep that sending and receiving have in common
 * @req: to be prepared
 * @sqe: its SQE
 * @known_flags: those that may be in ioprio; and IOU_NET_ANY_LEN
 *
 * Return: 0 or what iou_reject() returned.
 */
static __always_inline int iou_net_prep(struct iou_req *req,
					const struct io_uring_sqe __shared *sqe,
					u32 known_flags)
{
	struct iou_xfer *xfer = iou_req_cmd(req, struct iou_xfer);

	xfer->flags = iou_sqe_get(sqe, ioprio);
	if (unlikely(xfer->flags & ~known_flags))
		return iou_reject(req, sqe, -EINVAL, "net: unknown flags in ioprio");
	xfer->addr = iou_sqe_get(sqe, addr);
	xfer->len = iou_sqe_get(sqe, len);
	xfer->msg_flags = iou_sqe_get(sqe, msg_flags);
	xfer->done = 0;
	xfer->partly = false;
	xfer->last = false;
	/* The uppermost bit is set in the flags, or in the length */
	if (unlikely((s32)(xfer->msg_flags | xfer->len) < 0))
		return iou_net_prep_sign(req, sqe, known_flags);
	return 0;
}

/**
 * iou_net_prep_addr() - the part of prep for those with one buffer
 * @req: prepared by iou_net_prep()
 * @sqe: its SQE
 *
 * Return: 0 or what iou_reject() returned.
 */
static __always_inline int iou_net_prep_addr(struct iou_req *req,
					     const struct io_uring_sqe __shared *sqe)
{
	const struct iou_xfer *xfer = iou_req_cmd(req, struct iou_xfer);

	if (likely((req->notes & IOU_NOTE_SELECT) ||
		   access_ok(u64_to_user_ptr(xfer->addr), xfer->len)))
		return 0;
	return iou_reject(req, sqe, -EFAULT, "net: addr is not user memory");
}

/**
 * iou_net_iter() - an iterator over what is left to do
 * @req: with a struct iou_xfer, and with one buffer
 * @dir: ITER_SOURCE to send, ITER_DEST to receive
 * @buf: with IOU_NOTE_SELECT: where to describe the provided buffer
 * @iter: to be set
 *
 * Context: with IOU_NOTE_SELECT the ring lock, and the buffer stays where it is as long as
 * that is held; else any.
 * Return: 0; or as iou_net_look().
 */
static __always_inline int iou_net_iter(struct iou_req *req, int dir, struct iou_pbuf *buf,
					struct iov_iter *iter)
{
	const struct iou_xfer *xfer = iou_req_cmd(req, struct iou_xfer);
	u32 len = min_t(u32, xfer->len - xfer->done, MAX_RW_COUNT);

	if (req->notes & IOU_NOTE_SELECT) {
		int error = iou_net_look(req, buf);

		if (likely(!error))
			iov_iter_ubuf(iter, dir, u64_to_user_ptr(buf->addr), buf->len);
		return error;
	}
	iov_iter_ubuf(iter, dir, u64_to_user_ptr(xfer->addr + xfer->done), len);
	return 0;
}

/**
 * iou_net_polls_first() - is the first attempt to be made only when the socket is ready?
 * @req: with a struct iou_xfer
 *
 * Context: under the ring lock in the lane's task.
 * Return: true: iou_net_poll_first() says what becomes of it.
 */
static inline bool iou_net_polls_first(const struct iou_req *req)
{
	const struct iou_xfer *xfer = (const struct iou_xfer *)req->cmd;

	return unlikely(xfer->flags & IORING_RECVSEND_POLL_FIRST);
}

/**
 * iou_net_msg_init() - a message without address and ancillary data
 * @msg: all of it is set, but for ->msg_iter, which the caller has to set
 *
 * Cheaper than to clear the whole of it first. It asks for ->msg_inq.
 */
static __always_inline void iou_net_msg_init(struct msghdr *msg)
{
	static_assert(offsetofend(struct msghdr, sg_from_iter) == sizeof(*msg));
	msg->msg_name = NULL;
	msg->msg_namelen = 0;
	msg->msg_inq = -1;
	msg->msg_control = NULL;
	msg->msg_control_is_user = false;
	msg->msg_get_inq = true;
	msg->msg_flags = 0;
	msg->msg_controllen = 0;
	msg->msg_iocb = NULL;
	msg->msg_ubuf = NULL;
	msg->sg_from_iter = NULL;
}

/**
 * iou_net_send_msg() - the message of an attempt to send what a msghdr says
 * @req: with a struct iou_xfer, and a struct iou_msg
 * @msg: all of it is set
 */
static inline void iou_net_send_msg(const struct iou_req *req, struct msghdr *msg)
{
	const struct iou_xfer *xfer = (const struct iou_xfer *)req->cmd;
	const struct iou_msg *copy = req->aux;

	*msg = copy->hdr;
	if (!xfer->done)
		return;

	/* Ancillary data went with the first part */
	msg->msg_control = NULL;
	msg->msg_controllen = 0;
	iov_iter_advance(&msg->msg_iter, xfer->done);
}

#endif
