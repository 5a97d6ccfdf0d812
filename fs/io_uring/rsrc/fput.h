/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Last references to files, where it does not matter to current that they go.
 */
#ifndef IOU_RSRC_FPUT_H
#define IOU_RSRC_FPUT_H

#include <linux/file.h>
#include <linux/sched/signal.h>

int iou_fput_init(void);
void iou_fput_elsewhere(struct file *file);

/**
 * iou_fput_for() - drop a reference to a file
 * @file: which may be closed by this
 * @task: on whose behalf
 *
 * To close a file may take long: a socket lingers, a network file system asks its
 * server. So that is done by a thread of the process which it concerns, when it has
 * dropped its locks, or by a kernel worker that has nothing else to do; not by
 * somebody who was just about to unlock a ring.
 *
 * Context: may sleep, but not for the file.
 */
static inline void iou_fput_for(struct file *file, struct task_struct *task)
{
	if (likely(task == current || same_thread_group(task, current)))
		fput(file);
	else
		iou_fput_elsewhere(file);
}

#endif
