/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The eventfd that is signalled when CQEs appear.
 */
#ifndef IOU_MEM_EVFD_H
#define IOU_MEM_EVFD_H

#include <linux/types.h>

#include "cq.h"

struct eventfd_ctx;

/**
 * struct iou_evfd - a registered eventfd
 * @ctx: holds a reference
 * @workers_only: only CQEs of requests that a worker has done are signalled
 * @rcu: who signals holds no lock
 *
 * Nothing in here changes.
 */
struct iou_evfd {
	struct eventfd_ctx *ctx;
	bool workers_only;
	struct rcu_head rcu;
};

struct iou_evfd *iou_evfd_create(int fd, bool workers_only);
void iou_evfd_free(struct iou_evfd *evfd);
void iou_evfd_signal(const struct iou_evfd *evfd, const struct iou_cq *cq, bool by_worker);

#endif
