// SPDX-License-Identifier: GPL-2.0
/*
 * io_uring_setup(): a ring is made, mapped, polled and closed.
 */
#include <linux/anon_inodes.h>
#include <linux/compat.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/io_uring.h>
#include <linux/mm.h>
#include <linux/overflow.h>
#include <linux/poll.h>
#include <linux/sched/task.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include <trace/events/io_uring.h>

#include "../ops/table.h"
#include "../req/lane.h"
#include "../req/req.h"
#include "../run/cancel.h"
#include "../run/lock.h"
#include "fdinfo.h"
#include "setup.h"
#include "sysctl.h"

#define IOU_MAX_SQ_ENTRIES	32768
#define IOU_MAX_CQ_ENTRIES	(2 * IOU_MAX_SQ_ENTRIES)

/* What works. Other flags are refused, as they are by an older kernel. */
#define IOU_SETUP_FLAGS							\
	(IORING_SETUP_CQSIZE | IORING_SETUP_CLAMP |			\
	 IORING_SETUP_R_DISABLED | IORING_SETUP_SUBMIT_ALL |		\
	 IORING_SETUP_COOP_TASKRUN | IORING_SETUP_TASKRUN_FLAG |	\
	 IORING_SETUP_SQE128 | IORING_SETUP_CQE32 |			\
	 IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN |	\
	 IORING_SETUP_NO_SQARRAY)

/* Promises that are kept, see Documentation/io_uring/ for what they mean */
#define IOU_FEATURES							\
	(IORING_FEAT_SINGLE_MMAP | IORING_FEAT_NODROP |			\
	 IORING_FEAT_SUBMIT_STABLE | IORING_FEAT_RW_CUR_POS |		\
	 IORING_FEAT_CUR_PERSONALITY | IORING_FEAT_FAST_POLL |		\
	 IORING_FEAT_EXT_ARG | IORING_FEAT_NATIVE_WORKERS |		\
	 IORING_FEAT_CQE_SKIP | IORING_FEAT_MIN_TIMEOUT)

/**
 * struct iou_geometry - the sizes of a ring's parts, in bytes
 * @cqes: offset of the CQEs in the header region
 * @array: offset of the SQ array there
 * @hdr_size: of the header region
 * @sqe_size: of the SQE region
 */
struct iou_geometry {
	size_t cqes;
	size_t array;
	size_t hdr_size;
	size_t sqe_size;
};

static const struct file_operations iou_ring_fops;

/**
 * io_is_uring_fops() - is this a ring?
 * @file: any
 *
 * Return: whether.
 */
bool io_is_uring_fops(const struct file *file)
{
	return file->f_op == &iou_ring_fops;
}

/**
 * iou_ring_of_file() - the ring behind a file
 * @file: any
 *
 * Return: the ring, or NULL if it is none.
 */
struct iou_ring *iou_ring_of_file(struct file *file)
{
	return io_is_uring_fops(file) ? file->private_data : NULL;
}

static u32 sqe_shift(u32 flags)
{
	return flags & IORING_SETUP_SQE128 ? 7 : 6;
}

static u32 cqe_shift(u32 flags)
{
	return flags & IORING_SETUP_CQE32 ? 5 : 4;
}

/* Return: 0 or -EOVERFLOW */
static int setup_geometry(const struct io_uring_params *p, struct iou_geometry *geo)
{
	size_t cqe_size, array_size = 0;

	geo->cqes = sizeof(struct iou_shared);
	if (check_shl_overflow((size_t)p->cq_entries, cqe_shift(p->flags), &cqe_size) ||
	    check_add_overflow(geo->cqes, cqe_size, &geo->array) ||
	    check_shl_overflow((size_t)p->sq_entries, sqe_shift(p->flags), &geo->sqe_size))
		return -EOVERFLOW;
	geo->array = ALIGN(geo->array, SMP_CACHE_BYTES);
	if (!(p->flags & IORING_SETUP_NO_SQARRAY))
		array_size = array_size(p->sq_entries, sizeof(u32));
	if (check_add_overflow(geo->array, array_size, &geo->hdr_size))
		return -EOVERFLOW;
	return 0;
}

static int setup_check_flags(u32 flags)
{
	if (flags & ~IOU_SETUP_FLAGS)
		return -EINVAL;
	if ((flags & IORING_SETUP_TASKRUN_FLAG) &&
	    !(flags & (IORING_SETUP_COOP_TASKRUN | IORING_SETUP_DEFER_TASKRUN)))
		return -EINVAL;
	if ((flags & IORING_SETUP_DEFER_TASKRUN) && !(flags & IORING_SETUP_SINGLE_ISSUER))
		return -EINVAL;
	return 0;
}

static int setup_clamp(u32 *entries, u32 max, u32 flags)
{
	if (!*entries)
		return -EINVAL;
	if (*entries > max) {
		if (!(flags & IORING_SETUP_CLAMP))
			return -EINVAL;
		*entries = max;
	}
	*entries = roundup_pow_of_two(*entries);
	return 0;
}

/* Settle the number of entries */
static int setup_entries(u32 entries, struct io_uring_params *p)
{
	int error;

	p->sq_entries = entries;
	error = setup_clamp(&p->sq_entries, IOU_MAX_SQ_ENTRIES, p->flags);
	if (error)
		return error;
	if (!(p->flags & IORING_SETUP_CQSIZE)) {
		p->cq_entries = 2 * p->sq_entries;
		return 0;
	}
	error = setup_clamp(&p->cq_entries, IOU_MAX_CQ_ENTRIES, p->flags);
	if (error)
		return error;
	return p->cq_entries < p->sq_entries ? -EINVAL : 0;
}

static void setup_offsets(struct io_uring_params *p, const struct iou_geometry *geo)
{
	p->sq_off.head = offsetof(struct iou_shared, sq_head);
	p->sq_off.tail = offsetof(struct iou_shared, sq_tail);
	p->sq_off.ring_mask = offsetof(struct iou_shared, sq_mask);
	p->sq_off.ring_entries = offsetof(struct iou_shared, sq_entries);
	p->sq_off.flags = offsetof(struct iou_shared, sq_flags);
	p->sq_off.dropped = offsetof(struct iou_shared, sq_dropped);
	if (!(p->flags & IORING_SETUP_NO_SQARRAY))
		p->sq_off.array = geo->array;
	p->sq_off.resv1 = 0;
	p->sq_off.user_addr = 0;

	p->cq_off.head = offsetof(struct iou_shared, cq_head);
	p->cq_off.tail = offsetof(struct iou_shared, cq_tail);
	p->cq_off.ring_mask = offsetof(struct iou_shared, cq_mask);
	p->cq_off.ring_entries = offsetof(struct iou_shared, cq_entries);
	p->cq_off.overflow = offsetof(struct iou_shared, cq_overflow);
	p->cq_off.cqes = geo->cqes;
	p->cq_off.flags = offsetof(struct iou_shared, cq_flags);
	p->cq_off.resv1 = 0;
	p->cq_off.user_addr = 0;
	p->features = IOU_FEATURES;
}

/* Connect the queues with their memory */
static void setup_queues(struct iou_ring *ring, const struct io_uring_params *p,
			 const struct iou_geometry *geo)
{
	struct iou_shared *hdr = ring->hdr_region.mem;

	hdr->sq_mask = p->sq_entries - 1;
	hdr->cq_mask = p->cq_entries - 1;
	hdr->sq_entries = p->sq_entries;
	hdr->cq_entries = p->cq_entries;

	ring->sq.hdr = (void __force __shared *)hdr;
	ring->sq.sqes = (void __force __shared *)ring->sqe_region.mem;
	ring->sq.mask = p->sq_entries - 1;
	ring->sq.entries = p->sq_entries;
	ring->sq.sqe_shift = sqe_shift(p->flags);
	if (!(p->flags & IORING_SETUP_NO_SQARRAY))
		ring->sq.array = (void __force __shared *)((void *)hdr + geo->array);

	ring->cq.hdr = ring->sq.hdr;
	ring->cq.cqes = (void __force __shared *)((void *)hdr + geo->cqes);
	ring->cq.mask = p->cq_entries - 1;
	ring->cq.entries = p->cq_entries;
	ring->cq.room = p->cq_entries;
	ring->cq.cqe_shift = cqe_shift(p->flags);
}

static void ring_free(struct iou_ring *ring)
{
	irq_work_sync(&ring->poll_wake);
	iou_cq_drop_backlog(&ring->cq);
	iou_req_free_all(ring);
	if (ring->owner)
		put_task_struct(ring->owner);
	iou_region_free(&ring->hdr_region);
	iou_region_free(&ring->sqe_region);
	kfree(ring);
}

static void ring_free_work(struct work_struct *work)
{
	ring_free(container_of(to_rcu_work(work), struct iou_ring, free_work));
}

static struct iou_ring *ring_alloc(u32 flags)
{
	struct iou_ring *ring = kzalloc(sizeof(*ring), GFP_KERNEL_ACCOUNT);
	int i;

	if (!ring)
		return NULL;
	iou_ring_init_lock(ring);
	INIT_RCU_WORK(&ring->free_work, ring_free_work);
	INIT_LIST_HEAD(&ring->cq.backlog);
	INIT_LIST_HEAD(&ring->lanes);
	INIT_LIST_HEAD(&ring->parked);
	INIT_LIST_HEAD(&ring->ready);
	for (i = 0; i < ARRAY_SIZE(ring->hash); i++)
		INIT_LIST_HEAD(&ring->hash[i].waiting);
	ring->ops = iou_optab;
	ring->clockid = CLOCK_MONOTONIC;
	ring->setup_flags = flags;
	ring->disabled = flags & IORING_SETUP_R_DISABLED;
	ring->submit_all = flags & IORING_SETUP_SUBMIT_ALL;
	ring->single_issuer = flags & IORING_SETUP_SINGLE_ISSUER;
	ring->deferred = flags & IORING_SETUP_DEFER_TASKRUN;
	ring->compat = in_compat_syscall();
	if (ring->single_issuer && !ring->disabled)
		ring->owner = get_task_struct(current);
	return ring;
}

static struct iou_ring *ring_create(struct io_uring_params *p)
{
	struct iou_geometry geo;
	struct iou_ring *ring;
	int error = setup_geometry(p, &geo);

	if (error)
		return ERR_PTR(error);
	ring = ring_alloc(p->flags);
	if (!ring)
		return ERR_PTR(-ENOMEM);
	error = iou_region_alloc(&ring->hdr_region, geo.hdr_size);
	if (!error)
		error = iou_region_alloc(&ring->sqe_region, geo.sqe_size);
	if (error) {
		ring_free(ring);
		return ERR_PTR(error);
	}
	setup_queues(ring, p, &geo);
	setup_offsets(p, &geo);
	return ring;
}

/* Return: the new descriptor or an error. On error the ring is still ours */
static int ring_install(struct iou_ring *ring, const struct io_uring_params *p)
{
	int fd = get_unused_fd_flags(O_RDWR | O_CLOEXEC);
	struct file *file;

	if (fd < 0)
		return fd;
	file = anon_inode_create_getfile("[io_uring]", &iou_ring_fops, ring,
					 O_RDWR | O_CLOEXEC, NULL);
	if (IS_ERR(file)) {
		put_unused_fd(fd);
		return PTR_ERR(file);
	}
	trace_io_uring_create(fd, ring, p->sq_entries, p->cq_entries, p->flags);
	fd_install(fd, file);
	return fd;
}

/**
 * iou_setup() - make a ring
 * @entries: of the SQ
 * @uparams: in and out, see Documentation/io_uring/
 *
 * Context: may sleep.
 * Return: a descriptor; -EPERM: switched off by sysctl; -EFAULT; -EINVAL: flags
 * or sizes; -EOVERFLOW, -ENOMEM, -EMFILE, -ENFILE.
 */
int iou_setup(u32 entries, struct io_uring_params __user *uparams)
{
	struct io_uring_params p;
	struct iou_ring *ring;
	int ret;

	if (!iou_sysctl_allowed())
		return -EPERM;
	if (copy_from_user(&p, uparams, sizeof(p)))
		return -EFAULT;
	if (p.resv[0] || p.resv[1] || p.resv[2])
		return -EINVAL;
	ret = setup_check_flags(p.flags);
	if (!ret)
		ret = setup_entries(entries, &p);
	if (ret)
		return ret;
	ring = ring_create(&p);
	if (IS_ERR(ring))
		return PTR_ERR(ring);
	if (copy_to_user(uparams, &p, sizeof(p)))
		ret = -EFAULT;
	else
		ret = ring_install(ring, &p);
	if (ret < 0)
		ring_free(ring);
	return ret;
}

static int ring_release(struct inode *inode, struct file *file)
{
	iou_cancel_ring(file->private_data);
	return 0;
}

static const struct iou_region *ring_region(const struct iou_ring *ring, loff_t offset)
{
	switch (offset & IORING_OFF_MMAP_MASK) {
	case IORING_OFF_SQ_RING:
	case IORING_OFF_CQ_RING:
		return &ring->hdr_region;
	case IORING_OFF_SQES:
		return &ring->sqe_region;
	default:
		return NULL;
	}
}

static int ring_mmap(struct file *file, struct vm_area_struct *vma)
{
	struct iou_ring *ring = file->private_data;
	const struct iou_region *region;

	region = ring_region(ring, (loff_t)vma->vm_pgoff << PAGE_SHIFT);
	if (!region)
		return -EINVAL;
	return iou_region_mmap(region, vma, region == &ring->hdr_region);
}

static unsigned long ring_get_unmapped_area(struct file *file, unsigned long addr,
					    unsigned long len, unsigned long pgoff,
					    unsigned long flags)
{
	/* The kernel chooses, so that it can avoid cache aliases */
	if (addr)
		return -EINVAL;
	if (!ring_region(file->private_data, (loff_t)pgoff << PAGE_SHIFT))
		return -ENOMEM;
	return mm_get_unmapped_area(current->mm, file, 0, len, 0, flags);
}

/* Are there events that only entering the ring would turn into CQEs? */
static bool ring_has_events(struct iou_ring *ring)
{
	struct iou_lane *lane;
	bool pending;

	rcu_read_lock();
	lane = READ_ONCE(ring->owner_lane);
	pending = lane && iou_lane_pending(lane);
	rcu_read_unlock();
	return pending;
}

static __poll_t ring_poll(struct file *file, poll_table *wait)
{
	struct iou_ring *ring = file->private_data;
	__poll_t mask = 0;

	WRITE_ONCE(ring->polled, true);
	poll_wait(file, &ring->cq_wait, wait);
	/* Pairs with the barrier in iou_ring_unlock(): queued before looking */
	smp_mb();
	if (!iou_sq_full(&ring->sq))
		mask |= EPOLLOUT | EPOLLWRNORM;
	if (iou_cq_ready(&ring->cq) || !list_empty_careful(&ring->cq.backlog) ||
	    ring_has_events(ring))
		mask |= EPOLLIN | EPOLLRDNORM;
	return mask;
}

static const struct file_operations iou_ring_fops = {
	.release		= ring_release,
	.mmap			= ring_mmap,
	.get_unmapped_area	= ring_get_unmapped_area,
	.poll			= ring_poll,
#ifdef CONFIG_PROC_FS
	.show_fdinfo		= iou_fdinfo_show,
#endif
};

/* The layout of what programs see */
static_assert(sizeof(struct io_uring_sqe) == 64);
static_assert(offsetof(struct io_uring_sqe, user_data) == 32);
static_assert(offsetof(struct io_uring_sqe, buf_index) == 40);
static_assert(offsetof(struct io_uring_sqe, personality) == 42);
static_assert(offsetof(struct io_uring_sqe, file_index) == 44);
static_assert(offsetof(struct io_uring_sqe, addr3) == 48);
static_assert(sizeof(struct io_uring_cqe) == 16);
static_assert(sizeof(struct io_sqring_offsets) == 40);
static_assert(sizeof(struct io_cqring_offsets) == 40);
static_assert(sizeof(struct io_uring_params) == 120);
static_assert(offsetof(struct io_uring_params, sq_off) == 40);
static_assert(offsetof(struct io_uring_params, cq_off) == 80);
static_assert(sizeof(struct io_uring_getevents_arg) == 24);
static_assert(sizeof(struct io_uring_probe) == 16);
static_assert(sizeof(struct io_uring_probe_op) == 8);
static_assert(offsetof(struct iou_shared, sq_flags) == 36);
static_assert(offsetof(struct iou_shared, cq_overflow) == 44);

static int __init iou_init(void)
{
	int error = iou_req_init_cache();

	iou_optab_init();
	if (!error)
		pr_info("io_uring: iou, one lock per ring\n");
	return error;
}
device_initcall(iou_init);
