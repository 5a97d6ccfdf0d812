// SPDX-License-Identifier: GPL-2.0
/*
 * Last references to files, where it does not matter to current that they go.
 *
 * fput() leaves the last reference to the current task, when that returns to the
 * program, and that of a kernel thread to a work item that the whole system shares. A
 * file that takes its time would keep the one from its work, and all files that kernel
 * threads drop from being closed. Here each such file has a work item of its own.
 */
#include <linux/fs.h>
#include <linux/slab.h>
#include <linux/workqueue.h>

#include "fput.h"

static struct workqueue_struct *fput_wq;

/**
 * struct late_fput - a file to be closed
 * @work: does that
 * @file: with the last reference, unless somebody has found it meanwhile
 */
struct late_fput {
	struct work_struct work;
	struct file *file;
};

static void late_fput_work(struct work_struct *work)
{
	struct late_fput *late = container_of(work, struct late_fput, work);

	__fput_sync(late->file);
	kfree(late);
}

/**
 * iou_fput_elsewhere() - drop a reference to a file that is not current's
 * @file: a kernel worker closes it, if it was the last
 *
 * Context: may sleep, but not for the file.
 */
void iou_fput_elsewhere(struct file *file)
{
	struct late_fput *late;

	/* Usually there is nothing to it, as a program has it open */
	if (atomic_long_add_unless(&file->f_count, -1, 1))
		return;

	late = kmalloc(sizeof(*late), GFP_NOIO | __GFP_NOWARN);
	if (!late) {
		fput(file);
		return;
	}
	INIT_WORK(&late->work, late_fput_work);
	late->file = file;
	queue_work(fput_wq, &late->work);
}

/**
 * iou_fput_init() - prepare for dropping references
 *
 * Return: 0 or -ENOMEM.
 */
int __init iou_fput_init(void)
{
	fput_wq = alloc_workqueue("iou_fput", WQ_UNBOUND, WQ_MAX_ACTIVE);
	return fput_wq ? 0 : -ENOMEM;
}
