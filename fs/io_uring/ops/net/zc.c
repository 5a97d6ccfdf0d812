// SPDX-License-Identifier: GPL-2.0
/*
 * SEND_ZC and SENDMSG_ZC: the network stack sends from the program's pages. Two
 * CQEs: the result, and a notification when the pages are not needed any more.
 * Who passed prep gets both, whatever the result; or none of them, behind a failed
 * member of a chain that speaks for all that follow.
 */
#include <linux/net.h>
#include <linux/slab.h>

#include "../../req/audit.h"
#include "../../req/notif.h"
#include "../ops.h"
#include "common.h"

#define ZC_FIXED	(ZC_FLAGS | IORING_RECVSEND_FIXED_BUF)
#define ZC_FLAGS	(IORING_RECVSEND_POLL_FIRST | IORING_SEND_ZC_REPORT_USAGE)

/**
 * struct iou_send_zc - a zero-copy send
 * @xfer: common part
 * @notif: its notification
 * @name_len: SEND_ZC: length of the destination, ->aux if there is one
 */
struct iou_send_zc {
	struct iou_xfer xfer;
	struct iou_notif *notif;
	u16 name_len;
};

static int prep_common(struct iou_req *req, const struct io_uring_sqe __shared *sqe,
		       u16 known_flags)
{
	struct iou_send_zc *zc = iou_req_cmd(req, struct iou_send_zc);

	if (iou_sqe_get(sqe, addr3) || iou_sqe_get(sqe, __pad2[0]))
		return iou_reject(req, sqe, -EINVAL, "send_zc: addr3 and __pad2 must be 0");
	if (req->sqe_flags & IOSQE_CQE_SKIP_SUCCESS)
		return iou_reject(req, sqe, -EINVAL, "send_zc: CQEs cannot be skipped");
	if (iou_net_prep(req, sqe, known_flags | IOU_NET_ANY_LEN))
		return req->res;
	zc->xfer.msg_flags |= MSG_NOSIGNAL | MSG_ZEROCOPY;
	return 0;
}

/* The rest is fine: from here on there will be two CQEs */
static int prep_notif(struct iou_req *req, const struct io_uring_sqe __shared *sqe)
	__must_hold(&iou_req_ring(req)->lock)
{
	struct iou_send_zc *zc = iou_req_cmd(req, struct iou_send_zc);

	zc->notif = iou_notif_create(req, zc->xfer.flags & IORING_SEND_ZC_REPORT_USAGE);
	if (!zc->notif)
		return iou_reject(req, sqe, -ENOMEM, "send_zc: no memory for the notification");
	req->held |= IOU_HELD_CLEANUP;
	req->cflags = IORING_CQE_F_MORE;
	return 0;
}

/* Can there be data where the program says? Whether a slot is empty the attempt finds out */
static int prep_data(struct iou_req *req, const struct io_uring_sqe __shared *sqe, u16 index)
	__must_hold(&iou_req_ring(req)->lock)
{
	if (!(iou_req_cmd(req, struct iou_send_zc)->xfer.flags & IORING_RECVSEND_FIXED_BUF))
		return iou_net_prep_addr(req, sqe);
	if (index >= iou_req_ring(req)->bufs.nr)
		return iou_reject(req, sqe, -EFAULT, "send_zc: there is no slot buf_index");
	return 0;
}

static int prep_send_zc(struct iou_req *req, const struct io_uring_sqe __shared *sqe)
	__must_hold(&iou_req_ring(req)->lock)
{
	struct iou_send_zc *zc = iou_req_cmd(req, struct iou_send_zc);
	u64 name = iou_sqe_get(sqe, addr2);
	u16 index = iou_sqe_get(sqe, buf_index);
	int error;

	if (iou_sqe_get(sqe, __pad3))
		return iou_reject(req, sqe, -EINVAL, "send_zc: __pad3 must be 0");
	if (prep_common(req, sqe, ZC_FIXED) || prep_data(req, sqe, index))
		return req->res;
	zc->name_len = iou_sqe_get(sqe, addr_len);
	req->aux = NULL;
	if (name && iou_net_copy_name(req, sqe, name, zc->name_len))
		return req->res;
	error = prep_notif(req, sqe);
	if (error) {
		kfree(req->aux);
		req->held &= ~IOU_HELD_CLEANUP;
		return error;
	}
	/* The buffer is in use until the notification. If there is none, the attempt fails */
	if (zc->xfer.flags & IORING_RECVSEND_FIXED_BUF)
		iou_req_get_buf(iou_cmd_req(zc->notif), index);
	return 0;
}

static void put_notif(struct iou_req *req)
	__must_hold(&iou_req_ring(req)->lock)
{
	struct iou_notif *notif = iou_req_cmd(req, struct iou_send_zc)->notif;

	if (unlikely(!(req->cflags & IORING_CQE_F_MORE)))
		iou_notif_silence(notif);
	iou_notif_put(notif);
}

static void cleanup_send_zc(struct iou_req *req)
	__must_hold(&iou_req_ring(req)->lock)
{
	kfree(req->aux);
	put_notif(req);
}

/* The socket, or NULL with @error */
static struct socket *zc_sock(struct iou_req *req, int *error)
{
	struct socket *sock = iou_net_sock(req, error);

	if (!sock || test_bit(SOCK_SUPPORT_ZC, &sock->flags))
		return sock;
	*error = -EOPNOTSUPP;
	return NULL;
}

/* A socket that cannot do it need not become ready first */
static iou_verdict_t zc_poll_first(struct iou_req *req)
{
	int error;

	if (!zc_sock(req, &error))
		return iou_done(req, error);
	return iou_net_poll_first(req);
}

/*
 * The socket, ready for a first or further attempt; or NULL with @error.
 * Memory is charged once, when it is known that it may be pinned.
 */
static struct socket *zc_begin(struct iou_req *req, int *error)
{
	struct iou_send_zc *zc = iou_req_cmd(req, struct iou_send_zc);
	struct socket *sock = zc_sock(req, error);

	if (!sock)
		return NULL;
	if (zc->xfer.flags & IORING_RECVSEND_FIXED_BUF)
		return sock;
	*error = iou_notif_charge(zc->notif, zc->xfer.len);
	return *error ? NULL : sock;
}

/* What a worker does with either kind */
static iou_verdict_t zc_work(struct iou_req *req,
			     iou_verdict_t (*attempt)(struct iou_req *req, bool nowait))
{
	int error;

	if (!zc_sock(req, &error))
		return iou_done(req, error);
	return iou_net_work(req, attempt);
}

/* What is left to do, in the program's memory or in a registered buffer */
static int zc_import(const struct iou_send_zc *zc, struct iov_iter *iter)
{
	u64 addr = zc->xfer.addr + zc->xfer.done;
	const struct iou_req *other = iou_cmd_req(zc->notif);
	u32 len = zc->xfer.len - zc->xfer.done;

	if (zc->xfer.flags & IORING_RECVSEND_FIXED_BUF) {
		if (!(other->held & IOU_HELD_BUF))
			return -EFAULT;
		return iou_buf_import(iou_req_buf(other), WRITE, addr, len, iter);
	}
	return import_ubuf(ITER_SOURCE, u64_to_user_ptr(addr), len, iter);
}

static iou_verdict_t try_send_zc(struct iou_req *req, bool nowait)
{
	struct iou_send_zc *zc = iou_req_cmd(req, struct iou_send_zc);
	struct iou_xfer *xfer = &zc->xfer;
	struct msghdr msg = { .msg_ubuf = &zc->notif->ubuf };
	int ret;
	struct socket *sock = zc_begin(req, &ret);

	if (unlikely(!sock))
		return iou_done(req, ret);
	ret = zc_import(zc, &msg.msg_iter);
	if (unlikely(ret))
		return iou_done(req, ret);
	if (req->aux) {
		msg.msg_name = req->aux;
		msg.msg_namelen = zc->name_len;
	}
	msg.msg_flags = xfer->msg_flags & ~MSG_INTERNAL_SENDMSG_FLAGS;
	if (nowait)
		msg.msg_flags |= MSG_DONTWAIT;
	return iou_net_settle(req, sock, NULL, sock_sendmsg(sock, &msg), nowait);
}

static iou_verdict_t issue_send_zc(struct iou_req *req)
{
	if (iou_net_polls_first(req))
		return zc_poll_first(req);
	return try_send_zc(req, true);
}

IOU_FUSE(send_zc)

static iou_verdict_t work_send_zc(struct iou_req *req)
{
	return zc_work(req, try_send_zc);
}

const struct iou_op iou_op_send_zc = {
	.name		= "SEND_ZC",
	.start		= start_send_zc,
	.prep		= prep_send_zc,
	.issue		= issue_send_zc,
	.work		= work_send_zc,
	.partial	= iou_net_partial,
	.cleanup	= cleanup_send_zc,
	.poll_events	= EPOLLOUT,
	.needs_file	= true,
	.has_ioprio	= true,
	.unbound	= true,
	.notifies	= true,
};

static int prep_sendmsg_zc(struct iou_req *req, const struct io_uring_sqe __shared *sqe)
	__must_hold(&iou_req_ring(req)->lock)
{
	int error;

	if (iou_sqe_get(sqe, addr2) || iou_sqe_get(sqe, file_index))
		return iou_reject(req, sqe, -EINVAL,
				  "sendmsg_zc: addr2 and file_index must be 0");
	if (prep_common(req, sqe, ZC_FLAGS) || iou_net_copy_msg(req, sqe, ITER_SOURCE))
		return req->res;
	error = prep_notif(req, sqe);
	if (error) {
		iou_net_cleanup_msg(req);
		req->held &= ~IOU_HELD_CLEANUP;
	}
	return error;
}

static void cleanup_sendmsg_zc(struct iou_req *req)
	__must_hold(&iou_req_ring(req)->lock)
{
	iou_net_cleanup_msg(req);
	put_notif(req);
}

static iou_verdict_t try_sendmsg_zc(struct iou_req *req, bool nowait)
{
	struct iou_send_zc *zc = iou_req_cmd(req, struct iou_send_zc);
	u32 flags = zc->xfer.msg_flags | (nowait ? MSG_DONTWAIT : 0);
	int ret;
	struct socket *sock = zc_begin(req, &ret);
	struct msghdr msg;

	if (unlikely(!sock))
		return iou_done(req, ret);
	iou_net_send_msg(req, &msg);
	msg.msg_ubuf = &zc->notif->ubuf;
	msg.sg_from_iter = NULL;
	return iou_net_settle(req, sock, NULL, __sys_sendmsg_sock(sock, &msg, flags), nowait);
}

static iou_verdict_t sendmsg_zc_nowait(struct iou_req *req)
{
	return try_sendmsg_zc(req, true);
}

static iou_verdict_t issue_sendmsg_zc(struct iou_req *req)
{
	if (iou_net_polls_first(req))
		return zc_poll_first(req);
	return iou_audited(req, sendmsg_zc_nowait);
}

IOU_FUSE(sendmsg_zc)

static iou_verdict_t work_sendmsg_zc(struct iou_req *req)
{
	return zc_work(req, try_sendmsg_zc);
}

const struct iou_op iou_op_sendmsg_zc = {
	.name		= "SENDMSG_ZC",
	.start		= start_sendmsg_zc,
	.prep		= prep_sendmsg_zc,
	.issue		= issue_sendmsg_zc,
	.work		= work_sendmsg_zc,
	.partial	= iou_net_partial,
	.cleanup	= cleanup_sendmsg_zc,
	.poll_events	= EPOLLOUT,
	.needs_file	= true,
	.has_ioprio	= true,
	.unbound	= true,
	.notifies	= true,
	.audit		= true,
};
