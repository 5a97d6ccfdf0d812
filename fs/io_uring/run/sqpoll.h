/* SPDX-License-Identifier: GPL-2.0 */
/*
 * SQPOLL: a thread that submits.
 */
#ifndef IOU_RUN_SQPOLL_H
#define IOU_RUN_SQPOLL_H

#include "../iou.h"

struct cpumask;

/**
 * struct iou_sqpoll_stats - what fdinfo tells of a ring's thread
 * @pid: -1: there is none
 * @cpu: where it ran last
 * @total_us: CPU time it has used
 * @work_us: time in which it found something to do
 */
struct iou_sqpoll_stats {
	pid_t pid;
	int cpu;
	u64 total_us;
	u64 work_us;
};

int iou_sqpoll_setup(struct iou_ring *ring, const struct io_uring_params *p,
		     struct iou_ring *target);
int iou_sqpoll_enter(struct iou_ring *ring, u32 flags);
void iou_sqpoll_wake(struct iou_ring *ring);
void iou_sqpoll_close(struct iou_ring *ring);
void iou_sqpoll_free(struct iou_ring *ring);
struct task_struct *iou_sqpoll_thread(const struct iou_ring *ring);
int iou_sqpoll_set_cpus(struct iou_ring *ring, const struct cpumask *cpus)
	__must_hold(&ring->lock);
void iou_sqpoll_stats(const struct iou_ring *ring, struct iou_sqpoll_stats *stats);

#endif
