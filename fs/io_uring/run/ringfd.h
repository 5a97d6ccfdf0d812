/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Registered rings: a task's own short cut to its rings.
 */
#ifndef IOU_RUN_RINGFD_H
#define IOU_RUN_RINGFD_H

#include <linux/err.h>
#include <linux/fs.h>
#include <linux/nospec.h>
#include <linux/sched.h>

#include "../iou.h"

long iou_ringfd_register(struct iou_ring *ring, void __user *arg, u32 nr);
long iou_ringfd_unregister(struct iou_ring *ring, void __user *arg, u32 nr);
int iou_ringfd_find(void);
void iou_ringfd_install(int slot, struct file *file);
void iou_ringfd_drop(struct iou_task *task);

/**
 * iou_ringfd_ring() - a registered ring of the current task
 * @index: its number
 *
 * No reference is taken: only the task itself can take a ring out of its table.
 *
 * Return: the ring; or an error, -EINVAL: no such slot, -EBADF: it is empty.
 */
static inline struct iou_ring *iou_ringfd_ring(u32 index)
{
	struct io_uring_task *task = current->io_uring;
	struct file *file;

	if (unlikely(!task || index >= IOU_MAX_RING_FDS))
		return ERR_PTR(-EINVAL);
	file = task->iou.rings[array_index_nospec(index, IOU_MAX_RING_FDS)];
	return likely(file) ? file->private_data : ERR_PTR(-EBADF);
}

#endif
