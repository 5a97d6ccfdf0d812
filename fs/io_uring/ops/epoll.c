// SPDX-License-Identifier: GPL-2.0
/*
 * EPOLL_CTL.
 */
#include <linux/fs.h>
#include <linux/eventpoll.h>
#include <linux/uaccess.h>

#include "../req/req.h"
#include "ops.h"

struct iou_epoll_ctl {
	int epfd;
	int fd;
	int op;
	struct epoll_event event;
};

static int prep_epoll_ctl(struct iou_req *req, const struct io_uring_sqe __shared *sqe)
{
	struct iou_epoll_ctl *ctl = iou_req_cmd(req, struct iou_epoll_ctl);
	union iou_sqe_mid mid = iou_sqe_mid(sqe);

	if (mid.buf_index || mid.file_index)
		return iou_reject(req, sqe, -EINVAL,
				  "epoll_ctl: buf_index and splice_fd_in must be 0");
	ctl->epfd = req->fd;
	ctl->fd = iou_sqe_get(sqe, off);
	ctl->op = iou_sqe_get(sqe, len);
	if (ep_op_has_event(ctl->op) &&
	    copy_from_user(&ctl->event, u64_to_user_ptr(iou_sqe_get(sqe, addr)),
			   sizeof(ctl->event)))
		return iou_reject(req, sqe, -EFAULT, "epoll_ctl: bad event in addr");
	return 0;
}

static int do_ctl(struct iou_req *req, bool nowait)
{
	struct iou_epoll_ctl *ctl = iou_req_cmd(req, struct iou_epoll_ctl);

	return do_epoll_ctl(ctl->epfd, ctl->op, ctl->fd, &ctl->event, nowait);
}

static iou_verdict_t issue_epoll_ctl(struct iou_req *req)
{
	int ret = do_ctl(req, true);

	return ret == -EAGAIN ? IOU_RETRY : iou_done(req, ret);
}

IOU_FUSE(epoll_ctl)

static iou_verdict_t work_epoll_ctl(struct iou_req *req)
{
	return iou_done(req, do_ctl(req, false));
}

const struct iou_op iou_op_epoll_ctl = {
	.name		= "EPOLL_CTL",
	.start		= start_epoll_ctl,
	.prep		= prep_epoll_ctl,
	.issue		= issue_epoll_ctl,
	.work		= work_epoll_ctl,
	.unbound	= true,
};
