// SPDX-License-Identifier: GPL-2.0
/*
 * io_uring_register(): one function and one row per operation.
 */
#include <linux/compat.h>
#include <linux/cpumask.h>
#include <linux/sched/task.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include <trace/events/io_uring.h>

#include "../mem/evfd.h"
#include "../ops/table.h"
#include "../req/lane.h"
#include "../req/state.h"
#include "../rsrc/bufs.h"
#include "../rsrc/creds.h"
#include "../rsrc/files.h"
#include "../rsrc/pbuf.h"
#include "../rsrc/restrict.h"
#include "../run/async.h"
#include "../run/lock.h"
#include "../run/napi.h"
#include "../run/ringfd.h"
#include "../run/sqpoll.h"
#include "../run/task.h"
#include "../run/worker.h"
#include "clone.h"
#include "register.h"
#include "sync_cancel.h"

/* How the arguments of an operation are checked before it is called */
enum iou_reg_args {
	IOU_REG_CUSTOM,		/* by itself */
	IOU_REG_NONE,		/* both must be zero */
	IOU_REG_NR1,		/* any pointer, and 1 */
	IOU_REG_ONE,		/* a pointer, and 1 */
	IOU_REG_STRUCT,		/* a pointer, and 0 */
};

/**
 * struct iou_reg_op - a register operation
 * @fn: does it, under the ring lock
 * @args: which arguments it takes
 * @unlocked: the lock was let go before: it waits for something, or for another ring's
 */
struct iou_reg_op {
	long (*fn)(struct iou_ring *ring, void __user *arg, u32 nr_args);
	enum iou_reg_args args;
	bool unlocked;
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
	if (ring->state != IOU_RING_DISABLED)
		return -EBADFD;
	if (ring->restrictions)
		ring->strict |= IOU_STRICT_RESTRICT;
	if (ring->single_issuer && !ring->owner) {
		WRITE_ONCE(ring->owner, get_task_struct(current));
		iou_lane_find_owner(ring);
	}
	iou_ring_step(ring, IOU_RING_ENABLED);
	/* Pairs with the acquire in io_uring_enter() */
	smp_store_release(&ring->gate, ring->gate & ~IOU_GATE_DISABLED);
	iou_sqpoll_wake(ring);
	return 0;
}

static long register_evfd(struct iou_ring *ring, const void __user *arg, bool workers_only)
{
	struct iou_evfd *evfd;
	s32 fd;

	if (rcu_access_pointer(ring->evfd))
		return -EBUSY;
	if (copy_from_user(&fd, arg, sizeof(fd)))
		return -EFAULT;
	evfd = iou_evfd_create(fd, workers_only);
	if (IS_ERR(evfd))
		return PTR_ERR(evfd);
	WRITE_ONCE(ring->polled, true);
	WRITE_ONCE(ring->evfd_by_worker, false);
	rcu_assign_pointer(ring->evfd, evfd);
	return 0;
}

/* EVENTFD: signal it when CQEs appear */
static long register_eventfd(struct iou_ring *ring, void __user *arg, u32 nr_args)
{
	return register_evfd(ring, arg, false);
}

/* EVENTFD_ASYNC: only for CQEs of requests that workers have done */
static long register_eventfd_async(struct iou_ring *ring, void __user *arg, u32 nr_args)
{
	return register_evfd(ring, arg, true);
}

static long unregister_eventfd(struct iou_ring *ring, void __user *arg, u32 nr_args)
{
	struct iou_evfd *evfd;

	evfd = rcu_replace_pointer(ring->evfd, NULL, lockdep_is_held(&ring->lock));
	if (!evfd)
		return -ENXIO;
	iou_evfd_free(evfd);
	return 0;
}

static struct iou_pool *current_pool(struct iou_ring *ring)
	__must_hold(&ring->lock)
{
	struct iou_lane *lane = iou_task_lane(ring);

	return lane ? iou_async_pool(lane) : NULL;
}

/* IOWQ_MAX_WORKERS: limits for the worker pools of all tasks of the ring */
static long register_max_workers(struct iou_ring *ring, void __user *arg, u32 nr_args)
{
	const struct task_struct *submitter = iou_sqpoll_thread(ring) ?: current;
	struct iou_lane *lane;
	u32 new[2], old[2];
	int i;

	if (!arg || nr_args != 2)
		return -EINVAL;
	if (copy_from_user(new, arg, sizeof(new)))
		return -EFAULT;
	if (new[0] > INT_MAX || new[1] > INT_MAX)
		return -EINVAL;
	/* What the submitter's pool would have, if there is none */
	iou_async_max_workers(ring, old);
	for (i = 0; i < 2; i++)
		if (new[i])
			ring->max_workers[i] = new[i];
	list_for_each_entry(lane, &ring->lanes, ring_node) {
		u32 max[2] = { new[0], new[1] };
		struct iou_pool *pool = iou_task_pool(lane->task);

		/* Without requests in flight its task may be doing away with it */
		if (lane->task->task != submitter && !lane->nr_inflight)
			continue;
		if (!pool)
			continue;
		iou_pool_set_max(pool, max);
		if (lane->task->task == submitter)
			memcpy(old, max, sizeof(old));
	}
	return copy_to_user(arg, old, sizeof(old)) ? -EFAULT : 0;
}

static int get_cpumask(struct cpumask *mask, const void __user *arg, u32 len)
{
	len = min_t(u32, len, cpumask_size());
	cpumask_clear(mask);
#ifdef CONFIG_COMPAT
	if (in_compat_syscall())
		return compat_get_bitmap(cpumask_bits(mask), arg, len * 8) ? -EFAULT : 0;
#endif
	return copy_from_user(mask, arg, len) ? -EFAULT : 0;
}

/* Where the workers of who submits may run; NULL: wherever the program may */
static long set_worker_cpus(struct iou_ring *ring, const struct cpumask *cpus)
	__must_hold(&ring->lock)
{
	struct iou_pool *pool;

	if (iou_sqpoll_thread(ring))
		return iou_sqpoll_set_cpus(ring, cpus);
	pool = current_pool(ring);
	return pool ? iou_pool_set_cpus(pool, cpus) : -ENOMEM;
}

/* IOWQ_AFF: on which CPUs workers may run */
static long register_aff(struct iou_ring *ring, void __user *arg, u32 len)
{
	cpumask_var_t mask;
	int error;

	if (!arg || !len)
		return -EINVAL;
	if (!alloc_cpumask_var(&mask, GFP_KERNEL))
		return -ENOMEM;
	error = get_cpumask(mask, arg, len);
	if (!error)
		error = set_worker_cpus(ring, mask);
	free_cpumask_var(mask);
	return error;
}

static long unregister_aff(struct iou_ring *ring, void __user *arg, u32 nr_args)
{
	return set_worker_cpus(ring, NULL);
}

/* CLOCK: by which waits are timed */
static long register_clock(struct iou_ring *ring, void __user *arg, u32 nr_args)
{
	struct io_uring_clock_register clock;

	if (copy_from_user(&clock, arg, sizeof(clock)))
		return -EFAULT;
	if (memchr_inv(clock.__resv, 0, sizeof(clock.__resv)))
		return -EINVAL;
	if (clock.clockid != CLOCK_MONOTONIC && clock.clockid != CLOCK_BOOTTIME)
		return -EINVAL;
	WRITE_ONCE(ring->clockid, clock.clockid);
	return 0;
}

/*
 * Empty the table that was unregistered last, bit by bit. Return: -EINTR: being killed, and
 * the ring is not locked any more. Then others go on with it, or the end of the ring.
 */
static int empty_leaving(struct iou_ring *ring)
	__must_hold(&ring->lock)
{
	while (iou_table_empty_some(&ring->leaving, &ring->leaving_from, ring)) {
		if (iou_ring_look_around(ring) != IOU_HOLD_YIELD)
			continue;
		iou_ring_unlock(ring);
		if (iou_ring_lock_killable(ring))
			return -EINTR;
	}
	return 0;
}

/* Requests that use what is in it keep that. Return: 0; -ENXIO: it is empty; -EINTR */
static long unregister_table(struct iou_ring *ring, struct iou_table *table)
{
	long ret = 0;

	if (iou_ring_lock_killable(ring))
		return -EINTR;
	/* There is room for one, and others may still be at the last one */
	if (empty_leaving(ring))
		return -EINTR;

	if (table->nr) {
		swap(ring->leaving, *table);
		if (table == &ring->files)
			iou_files_drop_slots(ring);
		if (empty_leaving(ring))
			return -EINTR;
	} else {
		ret = -ENXIO;
	}
	iou_ring_unlock(ring);
	return ret;
}

static long unregister_files(struct iou_ring *ring, void __user *arg, u32 nr_args)
{
	return unregister_table(ring, &ring->files);
}

static long unregister_buffers(struct iou_ring *ring, void __user *arg, u32 nr_args)
{
	return unregister_table(ring, &ring->bufs);
}

static const struct iou_reg_op iou_reg_ops[IORING_REGISTER_LAST] = {
	[IORING_REGISTER_BUFFERS]		= { iou_bufs_register },
	[IORING_UNREGISTER_BUFFERS]		= { unregister_buffers, IOU_REG_NONE, true },
	[IORING_REGISTER_FILES]			= { iou_files_register },
	[IORING_UNREGISTER_FILES]		= { unregister_files, IOU_REG_NONE, true },
	[IORING_REGISTER_EVENTFD]		= { register_eventfd, IOU_REG_NR1 },
	[IORING_UNREGISTER_EVENTFD]		= { unregister_eventfd, IOU_REG_NONE },
	[IORING_REGISTER_FILES_UPDATE]		= { iou_files_update },
	[IORING_REGISTER_EVENTFD_ASYNC]		= { register_eventfd_async, IOU_REG_NR1 },
	[IORING_REGISTER_PROBE]			= { register_probe },
	[IORING_REGISTER_PERSONALITY]		= { iou_creds_register, IOU_REG_NONE },
	[IORING_UNREGISTER_PERSONALITY]		= { iou_creds_unregister },
	[IORING_REGISTER_RESTRICTIONS]		= { iou_restrict_register },
	[IORING_REGISTER_ENABLE_RINGS]		= { register_enable, IOU_REG_NONE },
	[IORING_REGISTER_FILES2]		= { iou_files_register2 },
	[IORING_REGISTER_FILES_UPDATE2]		= { iou_files_update2 },
	[IORING_REGISTER_BUFFERS2]		= { iou_bufs_register2 },
	[IORING_REGISTER_BUFFERS_UPDATE]	= { iou_bufs_update },
	[IORING_REGISTER_PBUF_RING]		= { iou_pbuf_register },
	[IORING_UNREGISTER_PBUF_RING]		= { iou_pbuf_unregister },
	[IORING_REGISTER_PBUF_STATUS]		= { iou_pbuf_status },
	[IORING_REGISTER_IOWQ_AFF]		= { register_aff },
	[IORING_UNREGISTER_IOWQ_AFF]		= { unregister_aff, IOU_REG_NONE },
	[IORING_REGISTER_IOWQ_MAX_WORKERS]	= { register_max_workers },
	[IORING_REGISTER_RING_FDS]		= { iou_ringfd_register },
	[IORING_UNREGISTER_RING_FDS]		= { iou_ringfd_unregister },
	[IORING_REGISTER_SYNC_CANCEL]		= { iou_sync_cancel, IOU_REG_ONE, true },
	[IORING_REGISTER_FILE_ALLOC_RANGE]	= { iou_files_set_range, IOU_REG_STRUCT },
	[IORING_REGISTER_NAPI]			= { iou_napi_register, IOU_REG_ONE },
	[IORING_UNREGISTER_NAPI]		= { iou_napi_unregister, IOU_REG_NR1 },
	[IORING_REGISTER_CLOCK]			= { register_clock, IOU_REG_STRUCT },
	[IORING_REGISTER_CLONE_BUFFERS]		= { iou_clone_buffers, IOU_REG_ONE, true },
};

static bool args_ok(enum iou_reg_args args, const void __user *arg, u32 nr_args)
{
	switch (args) {
	case IOU_REG_NONE:
		return !arg && !nr_args;
	case IOU_REG_NR1:
		return nr_args == 1;
	case IOU_REG_ONE:
		return arg && nr_args == 1;
	case IOU_REG_STRUCT:
		return arg && !nr_args;
	default:
		return true;
	}
}

/**
 * iou_register() - carry out a register operation
 * @ring: its file is open
 * @opcode: which, below IORING_REGISTER_LAST
 * @arg: user pointer
 * @nr_args: number of what it points to
 *
 * Context: may sleep.
 * Return: the operation's; -EINVAL: there is none, or its arguments are wrong;
 * -EEXIST: the ring belongs to another task; -EACCES: restricted; -EINTR: being killed.
 */
long iou_register(struct iou_ring *ring, u32 opcode, void __user *arg, u32 nr_args)
{
	const struct iou_reg_op *op = &iou_reg_ops[array_index_nospec(opcode,
								      IORING_REGISTER_LAST)];
	long ret = 0;

	if (iou_ring_lock_killable(ring))
		return -EINTR;
	if (ring->owner && ring->owner != current)
		ret = -EEXIST;
	else if ((ring->strict & IOU_STRICT_RESTRICT) &&
		 !iou_restrict_register_ok(ring->restrictions, opcode))
		ret = -EACCES;
	else if (!op->fn || !args_ok(op->args, arg, nr_args))
		ret = -EINVAL;
	else if (!op->unlocked)
		ret = op->fn(ring, arg, nr_args);
	iou_ring_unlock(ring);

	if (!ret && op->unlocked)
		ret = op->fn(ring, arg, nr_args);
	trace_io_uring_register(ring, opcode, 0, 0, ret);
	return ret;
}
