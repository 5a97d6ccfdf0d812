// SPDX-License-Identifier: GPL-2.0
/*
 * The eventfd that is signalled when CQEs appear.
 */
#include <linux/err.h>
#include <linux/eventfd.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <uapi/linux/eventpoll.h>

#include "evfd.h"

/**
 * iou_evfd_create() - prepare to signal an eventfd
 * @fd: a descriptor of the current task
 * @workers_only: see struct iou_evfd
 *
 * Context: may sleep.
 * Return: it; or an error: -ENOMEM, -EBADF: not open, -EINVAL: not an eventfd.
 */
struct iou_evfd *iou_evfd_create(int fd, bool workers_only)
{
	struct iou_evfd *evfd = kmalloc(sizeof(*evfd), GFP_KERNEL_ACCOUNT);
	struct eventfd_ctx *ctx;

	if (!evfd)
		return ERR_PTR(-ENOMEM);
	ctx = eventfd_ctx_fdget(fd);
	if (IS_ERR(ctx)) {
		kfree(evfd);
		return ERR_CAST(ctx);
	}
	evfd->ctx = ctx;
	evfd->workers_only = workers_only;
	return evfd;
}

static void evfd_free_rcu(struct rcu_head *rcu)
{
	struct iou_evfd *evfd = container_of(rcu, struct iou_evfd, rcu);

	eventfd_ctx_put(evfd->ctx);
	kfree(evfd);
}

/**
 * iou_evfd_free() - after a grace period nobody signals it any more
 * @evfd: not reachable from now on
 *
 * Context: any.
 */
void iou_evfd_free(struct iou_evfd *evfd)
{
	call_rcu(&evfd->rcu, evfd_free_rcu);
}

/**
 * iou_evfd_signal() - tell of new CQEs, if the program wants to know
 * @evfd: under RCU
 * @cq: whose CQEs
 * @by_worker: a worker has made them
 *
 * The wake-up has EPOLL_URING_WAKE in its key, so that a ring that polls its
 * own eventfd does not wake itself for ever.
 *
 * Context: any but a waitqueue's wake-up function.
 */
void iou_evfd_signal(const struct iou_evfd *evfd, const struct iou_cq *cq, bool by_worker)
{
	if (evfd->workers_only && !by_worker)
		return;
	if (iou_load(&cq->hdr->cq_flags) & IORING_CQ_EVENTFD_DISABLED)
		return;
	eventfd_signal_mask(evfd->ctx, EPOLL_URING_WAKE);
}
