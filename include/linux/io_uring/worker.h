/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The scheduler tells the worker pool when one of its threads (PF_IO_WORKER)
 * blocks, so that queued work finds another one.
 */
#ifndef _LINUX_IO_URING_WORKER_H
#define _LINUX_IO_URING_WORKER_H

struct task_struct;

#if defined(CONFIG_IO_URING)
void io_wq_worker_sleeping(struct task_struct *tsk);
void io_wq_worker_running(struct task_struct *tsk);
#else
static inline void io_wq_worker_sleeping(struct task_struct *tsk)
{
}

static inline void io_wq_worker_running(struct task_struct *tsk)
{
}
#endif

#endif
