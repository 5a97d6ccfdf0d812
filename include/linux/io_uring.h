/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the rest of the kernel needs to know of io_uring: the hooks in the life
 * of a task, and how to recognise a ring's file.
 */
#ifndef _LINUX_IO_URING_H
#define _LINUX_IO_URING_H

#include <linux/sched.h>
#include <linux/types.h>

struct file;

#if defined(CONFIG_IO_URING)
void __io_uring_cancel(bool exec);
void __io_uring_free(struct task_struct *tsk);
bool io_is_uring_fops(const struct file *file);
const char *io_uring_get_opcode(u8 opcode);

/**
 * io_uring_files_cancel() - the current thread is about to exit
 *
 * Hands over what the thread still has in flight. Does not wait for I/O.
 *
 * Context: do_exit(), before PF_EXITING is set. May sleep.
 */
static inline void io_uring_files_cancel(void)
{
	if (current->io_uring)
		__io_uring_cancel(false);
}

/**
 * io_uring_task_cancel() - the current task is about to run another program
 *
 * Cancels everything the task has in flight and waits until it is done: after
 * this nothing refers to the old address space any more.
 *
 * Context: begin_new_exec(), still in the old mm. May sleep.
 */
static inline void io_uring_task_cancel(void)
{
	if (current->io_uring)
		__io_uring_cancel(true);
}

/**
 * io_uring_free() - a task_struct is freed
 * @tsk: the task; nothing of it is in flight, or it would be pinned
 *
 * Context: any in which a task_struct may be freed. Does not sleep.
 */
static inline void io_uring_free(struct task_struct *tsk)
{
	if (tsk->io_uring)
		__io_uring_free(tsk);
}
#else
static inline void io_uring_files_cancel(void)
{
}

static inline void io_uring_task_cancel(void)
{
}

static inline void io_uring_free(struct task_struct *tsk)
{
}

static inline bool io_is_uring_fops(const struct file *file)
{
	return false;
}

static inline const char *io_uring_get_opcode(u8 opcode)
{
	return "";
}
#endif

#endif
