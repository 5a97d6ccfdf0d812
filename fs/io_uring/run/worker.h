/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The worker pool: threads that may block in a task's stead.
 */
#ifndef IOU_RUN_WORKER_H
#define IOU_RUN_WORKER_H

#include <linux/resume_user_mode.h>

#include "../iou.h"

/* What became of work that a thread has run */
enum iou_work_end {
	IOU_WORK_DONE,
	IOU_WORK_BACK,		/* it is to be given back */
	IOU_WORK_UNBOUND,	/* nothing: it is unbounded from now on, and queued again */
};

/**
 * struct iou_pool_ops - what a pool does with work
 * @run: do it. In a worker, may block; interrupted by a cancel
 * @give_back: pass it on, under the pool's lock, so that a cancel finds it either here
 *             or there. @cancelled: it has found it here while it ran
 * @done: it was run, and the pool has forgotten it: pass it on
 * @fail: no worker could be made for it. Any context that may sleep
 */
struct iou_pool_ops {
	enum iou_work_end (*run)(struct iou_work *work);
	void (*give_back)(struct iou_work *work, bool cancelled);
	void (*done)(struct iou_work *work);
	void (*fail)(struct iou_work *work, int error);
};

/**
 * enum iou_pool_place - where a piece of work was found
 * @IOU_POOL_QUEUED: it had not been started, and is the caller's now
 * @IOU_POOL_RUNNING: it was interrupted, as by a signal, and ends when it notices
 * @IOU_POOL_GONE: it was run
 */
enum iou_pool_place {
	IOU_POOL_QUEUED,
	IOU_POOL_RUNNING,
	IOU_POOL_GONE,
};

struct cpumask;

void iou_worker_begin_nowait(void);
bool iou_worker_refused(void);
void iou_worker_end_nowait(void);
bool iou_worker_restarts(void);
bool iou_workers_are_scarce(void);
u32 iou_pool_cap(u32 max);
struct iou_pool *iou_pool_create(struct iou_task *task, const u32 max[2],
				 const struct iou_pool_ops *ops);
void iou_pool_free(struct iou_pool *pool);
bool iou_pool_queue(struct iou_pool *pool, struct iou_work *work);
void iou_pool_expect(struct iou_pool *pool, const struct iou_work *work);
void iou_pool_unexpect(struct iou_pool *pool, const struct iou_work *work);
enum iou_pool_place iou_pool_cancel(struct iou_pool *pool, struct iou_work *work);
void iou_pool_retire(struct iou_pool *pool);
void iou_pool_exit(struct iou_pool *pool);
void iou_pool_join(struct iou_pool *pool);
int iou_pool_set_cpus(struct iou_pool *pool, const struct cpumask *cpus);
void iou_pool_set_max(struct iou_pool *pool, u32 max[2]);

/**
 * iou_thread_resume() - what other threads do on their way to user space
 *
 * Threads that are made here never go there: reclaim for a cgroup above its memory.high,
 * throttling of block I/O. Others leave it to their way out.
 *
 * Context: no lock held. May sleep.
 */
static inline void iou_thread_resume(void)
{
	if (unlikely((current->flags & PF_IO_WORKER) && test_thread_flag(TIF_NOTIFY_RESUME)))
		resume_user_mode_work(NULL);
}

/* The pool of a task, which may have made it just now, under the lock of another ring */
static inline struct iou_pool *iou_task_pool(const struct iou_task *task)
{
	/* Pairs with the release in make_pool() */
	return smp_load_acquire(&task->pool);
}

/**
 * iou_lane_pool() - the pool of a lane's task, which may be another one
 * @lane: its ring is locked
 *
 * Context: ring lock.
 * Return: it, until the ring is unlocked; or NULL: there is none, or its task may be
 * doing away with it, as it has no requests here.
 */
static inline struct iou_pool *iou_lane_pool(const struct iou_lane *lane)
{
	if (!lane->nr_inflight && lane->task->task != current)
		return NULL;
	return iou_task_pool(lane->task);
}

#endif
