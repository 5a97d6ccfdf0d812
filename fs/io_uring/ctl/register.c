// SPDX-License-Identifier: GPL-2.0
/*
 * io_uring_register(): one function and one row per operation.
 */
#include <linux/sched/task.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include <trace/events/io_uring.h>

#include "../ops/table.h"
#include "../run/lock.h"
#include "../run/task.h"
#include "../run/worker.h"
#include "register.h"

/* How the arguments of an operation are checked before it is called */
enum iou_reg_args {
	IOU_REG_CUSTOM,		/* by itself */
	IOU_REG_NONE,		/* both must be zero */
};

/**
 * struct iou_reg_op - a register operation
 * @fn: does it, under the ring lock
 * @args: which arguments it takes
 */
struct iou_reg_op {
	long (*fn)(struct iou_ring *ring, void __user *arg, u32 nr_args);
	enum iou_reg_args args;
};

/* PROBE: which opcodes are there? */
static long register_probe(struct iou_ring *ring, void __user *arg, u32 nr_args)
{
	struct io_uring_probe *probe;
	size_t size = struct_size(probe, ops, nr_args);
	long ret = 0;
	u32 i;

	if (!arg || nr_args > 256)
		return -EINVAL;
	probe = memdup_user(arg, size);
	if (IS_ERR(probe))
		return PTR_ERR(probe);
	if (memchr_inv(probe, 0, size)) {
		kfree(probe);
		return -EINVAL;
	}
	nr_args = min(nr_args, (u32)IORING_OP_LAST);
	probe->last_op = IORING_OP_LAST - 1;
	probe->ops_len = nr_args;
	for (i = 0; i < nr_args; i++) {
		probe->ops[i].op = i;
		if (iou_op_supported(i))
			probe->ops[i].flags = IO_URING_OP_SUPPORTED;
	}
	if (copy_to_user(arg, probe, size))
		ret = -EFAULT;
	kfree(probe);
	return ret;
}

/* ENABLE_RINGS: the end of R_DISABLED */
static long register_enable(struct iou_ring *ring, void __user *arg, u32 nr_args)
{
	if (!ring->disabled)
		return -EBADFD;
	if (ring->single_issuer && !ring->owner)
		WRITE_ONCE(ring->owner, get_task_struct(current));
	/* Pairs with the acquire in io_uring_enter() */
	smp_store_release(&ring->disabled, false);
	return 0;
}

/* IOWQ_MAX_WORKERS: limits for the worker pools of all tasks of the ring */
static long register_max_workers(struct iou_ring *ring, void __user *arg, u32 nr_args)
{
	u32 new[2], old[2] = { 0, 0 };
	struct iou_lane *lane;
	int i;

	if (!arg || nr_args != 2)
		return -EINVAL;
	if (copy_from_user(new, arg, sizeof(new)))
		return -EFAULT;
	if (new[0] > INT_MAX || new[1] > INT_MAX)
		return -EINVAL;
	for (i = 0; i < 2; i++)
		if (new[i])
			ring->max_workers[i] = new[i];
	list_for_each_entry(lane, &ring->lanes, ring_node) {
		u32 max[2] = { new[0], new[1] };

		/* Without requests in flight its task may be doing away with it */
		if (lane->task->task != current && !lane->nr_inflight)
			continue;
		if (!lane->task->pool)
			continue;
		iou_pool_set_max(lane->task->pool, max);
		if (lane->task->task == current)
			memcpy(old, max, sizeof(old));
	}
	return copy_to_user(arg, old, sizeof(old)) ? -EFAULT : 0;
}

static const struct iou_reg_op iou_reg_ops[IORING_REGISTER_LAST] = {
	[IORING_REGISTER_PROBE]			= { register_probe },
	[IORING_REGISTER_ENABLE_RINGS]		= { register_enable, IOU_REG_NONE },
	[IORING_REGISTER_IOWQ_MAX_WORKERS]	= { register_max_workers },
};

/**
 * iou_register() - carry out a register operation
 * @ring: its file is open
 * @opcode: which, below IORING_REGISTER_LAST
 * @arg: user pointer
 * @nr_args: number of what it points to
 *
 * Context: may sleep.
 * Return: the operation's; -EINVAL: there is none, or its arguments are wrong;
 * -EEXIST: the ring belongs to another task; -EINTR: being killed.
 */
long iou_register(struct iou_ring *ring, u32 opcode, void __user *arg, u32 nr_args)
{
	const struct iou_reg_op *op = &iou_reg_ops[array_index_nospec(opcode,
								      IORING_REGISTER_LAST)];
	long ret;

	if (iou_ring_lock_killable(ring))
		return -EINTR;
	if (ring->owner && ring->owner != current)
		ret = -EEXIST;
	else if (!op->fn || (op->args == IOU_REG_NONE && (arg || nr_args)))
		ret = -EINVAL;
	else
		ret = op->fn(ring, arg, nr_args);
	iou_ring_unlock(ring);
	trace_io_uring_register(ring, opcode, 0, 0, ret);
	return ret;
}
