// SPDX-License-Identifier: GPL-2.0
/*
 * Registered rings.
 *
 * A task has a few slots for rings that it uses often. The file in a slot is
 * referenced once, not at each system call: nobody else looks into the table.
 */
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/io_uring.h>
#include <linux/uaccess.h>

#include "../rsrc/node.h"
#include "ringfd.h"
#include "task.h"

/* Return: a free slot from @start on, before @end; or -EBUSY */
static int ringfd_find(const struct iou_task *task, u32 start, u32 end)
{
	u32 slot;

	for (slot = start; slot < end; slot++)
		if (!task->rings[slot])
			return slot;
	return -EBUSY;
}

static void ringfd_clear(struct iou_task *task, u32 slot)
{
	if (task->rings[slot])
		fput(task->rings[slot]);
	task->rings[slot] = NULL;
}

static int ringfd_add(struct iou_task *task, const struct io_uring_rsrc_update *up)
{
	bool any = up->offset == U32_MAX;
	struct file *file;
	int slot;

	if (up->resv || (!any && up->offset >= IOU_MAX_RING_FDS))
		return -EINVAL;
	file = fget(up->data);
	if (!file)
		return -EBADF;
	slot = array_index_nospec(up->offset, IOU_MAX_RING_FDS);
	if (!io_is_uring_fops(file))
		slot = -EOPNOTSUPP;
	else
		slot = any ? ringfd_find(task, 0, IOU_MAX_RING_FDS) :
			     ringfd_find(task, slot, slot + 1);
	if (slot < 0)
		fput(file);
	else
		task->rings[slot] = file;
	return slot;
}

/**
 * iou_ringfd_register() - RING_FDS
 * @ring: any
 * @arg: user pointer to struct io_uring_rsrc_update; each offset is the slot
 *       wanted, or -1, and receives the slot
 * @nr: of these
 *
 * Context: may sleep.
 * Return: number of rings registered; if the first one failed, an error:
 * -EINVAL, -EFAULT, -EBADF, -EOPNOTSUPP: not a ring, -EBUSY: no slot is free,
 * -ENOMEM.
 */
long iou_ringfd_register(struct iou_ring *ring, void __user *arg, u32 nr)
{
	struct io_uring_rsrc_update __user *ups = arg;
	struct io_uring_rsrc_update up;
	struct iou_task *task;
	long i;
	int slot;

	if (!nr || nr > IOU_MAX_RING_FDS)
		return -EINVAL;
	task = iou_task_current();
	if (!task)
		return -ENOMEM;
	for (i = 0; i < nr; i++) {
		if (copy_from_user(&up, ups + i, sizeof(up)))
			return i ?: -EFAULT;
		slot = ringfd_add(task, &up);
		if (slot < 0)
			return i ?: slot;
		if (put_user(slot, &ups[i].offset)) {
			ringfd_clear(task, slot);
			return i ?: -EFAULT;
		}
	}
	return i;
}

/**
 * iou_ringfd_unregister() - UNREGISTER_RING_FDS
 * @ring: any
 * @arg: user pointer to struct io_uring_rsrc_update; offsets are slots
 * @nr: of these
 *
 * The system call may itself have come through one of these slots. The file is
 * released when it returns, not before.
 *
 * Context: may sleep.
 * Return: number of slots emptied; if the first one failed, -EINVAL or -EFAULT.
 */
long iou_ringfd_unregister(struct iou_ring *ring, void __user *arg, u32 nr)
{
	struct io_uring_rsrc_update __user *ups = arg;
	struct io_uring_task *task = current->io_uring;
	struct io_uring_rsrc_update up;
	long i;

	if (!nr || nr > IOU_MAX_RING_FDS)
		return -EINVAL;
	if (!task)
		return 0;
	for (i = 0; i < nr; i++) {
		if (copy_from_user(&up, ups + i, sizeof(up)))
			return i ?: -EFAULT;
		if (up.resv || up.data || up.offset >= IOU_MAX_RING_FDS)
			return i ?: -EINVAL;
		ringfd_clear(&task->iou, array_index_nospec(up.offset, IOU_MAX_RING_FDS));
	}
	return i;
}

/**
 * iou_ringfd_find() - find a slot for a new ring of the current task
 *
 * Context: may sleep.
 * Return: the slot, -EBUSY: none is free, -ENOMEM.
 */
int iou_ringfd_find(void)
{
	struct iou_task *task = iou_task_current();

	return task ? ringfd_find(task, 0, IOU_MAX_RING_FDS) : -ENOMEM;
}

/**
 * iou_ringfd_install() - fill the slot that was found
 * @slot: from iou_ringfd_find()
 * @file: the ring's; its reference is taken over
 */
void iou_ringfd_install(int slot, struct file *file)
{
	current->io_uring->iou.rings[slot] = file;
}

/**
 * iou_ringfd_drop() - empty all slots
 * @task: current's, which exits or runs another program
 *
 * Context: may sleep.
 */
void iou_ringfd_drop(struct iou_task *task)
{
	u32 slot;

	for (slot = 0; slot < IOU_MAX_RING_FDS; slot++)
		ringfd_clear(task, slot);
}
