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
#include <linux/poll.h>
#include <linux/sched/task.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include <trace/events/io_uring.h>

#include "../mem/evfd.h"
#include "../ops/table.h"
#include "../req/lane.h"
#include "../req/park.h"
#include "../req/req.h"
#include "../rsrc/fput.h"
#include "../rsrc/pin.h"
#include "../rsrc/ringfile.h"
#include "../rsrc/pbuf.h"
#include "../run/exit.h"
#include "../run/iopoll.h"
#include "../run/lock.h"
#include "../run/ringfd.h"
#include "../run/sqpoll.h"
#include "../run/task.h"
#include "../run/timeout.h"
#include "fdinfo.h"
#include "geometry.h"
#include "setup.h"
#include "sysctl.h"

/* What works. Other flags are refused, as they are by an older kernel. */
#define IOU_SETUP_FLAGS							\
	(IORING_SETUP_IOPOLL | IORING_SETUP_SQPOLL |			\
	 IORING_SETUP_SQ_AFF | IORING_SETUP_ATTACH_WQ |			\
	 IORING_SETUP_CQSIZE | IORING_SETUP_CLAMP |			\
	 IORING_SETUP_R_DISABLED | IORING_SETUP_SUBMIT_ALL |		\
	 IORING_SETUP_COOP_TASKRUN | IORING_SETUP_TASKRUN_FLAG |	\
	 IORING_SETUP_SQE128 | IORING_SETUP_CQE32 |			\
	 IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN |	\
	 IORING_SETUP_NO_MMAP | IORING_SETUP_REGISTERED_FD_ONLY |	\
	 IORING_SETUP_NO_SQARRAY)

/* Promises that are kept, see Documentation/io_uring/ for what they mean */
#define IOU_FEATURES							\
	(IORING_FEAT_SINGLE_MMAP | IORING_FEAT_NODROP |			\
	 IORING_FEAT_SUBMIT_STABLE | IORING_FEAT_RW_CUR_POS |		\
	 IORING_FEAT_CUR_PERSONALITY | IORING_FEAT_FAST_POLL |		\
	 IORING_FEAT_EXT_ARG | IORING_FEAT_NATIVE_WORKERS |		\
	 IORING_FEAT_SQPOLL_NONFIXED | IORING_FEAT_CQE_SKIP |		\
	 IORING_FEAT_POLL_32BITS | IORING_FEAT_RSRC_TAGS |		\
	 IORING_FEAT_LINKED_FILE | IORING_FEAT_REG_REG_RING |		\
	 IORING_FEAT_RECVSEND_BUNDLE | IORING_FEAT_MIN_TIMEOUT)

static const struct file_operations iou_ring_fops;

static int setup_check_flags(u32 flags)
{
	if (flags & ~IOU_SETUP_FLAGS)
		return -EINVAL;
	/* The thread runs its task work when it likes to */
	if ((flags & IORING_SETUP_SQPOLL) &&
	    (flags & (IORING_SETUP_COOP_TASKRUN | IORING_SETUP_TASKRUN_FLAG |
		      IORING_SETUP_DEFER_TASKRUN)))
		return -EINVAL;
	if ((flags & IORING_SETUP_SQ_AFF) && !(flags & IORING_SETUP_SQPOLL))
		return -EINVAL;
	if ((flags & IORING_SETUP_TASKRUN_FLAG) &&
	    !(flags & (IORING_SETUP_COOP_TASKRUN | IORING_SETUP_DEFER_TASKRUN)))
		return -EINVAL;
	if ((flags & IORING_SETUP_DEFER_TASKRUN) && !(flags & IORING_SETUP_SINGLE_ISSUER))
		return -EINVAL;
	if ((flags & IORING_SETUP_REGISTERED_FD_ONLY) && !(flags & IORING_SETUP_NO_MMAP))
		return -EINVAL;
	return 0;
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
	if (!(p->flags & IORING_SETUP_NO_MMAP))
		p->sq_off.user_addr = 0;

	p->cq_off.head = offsetof(struct iou_shared, cq_head);
	p->cq_off.tail = offsetof(struct iou_shared, cq_tail);
	p->cq_off.ring_mask = offsetof(struct iou_shared, cq_mask);
	p->cq_off.ring_entries = offsetof(struct iou_shared, cq_entries);
	p->cq_off.overflow = offsetof(struct iou_shared, cq_overflow);
	p->cq_off.cqes = geo->cqes;
	p->cq_off.flags = offsetof(struct iou_shared, cq_flags);
	p->cq_off.resv1 = 0;
	if (!(p->flags & IORING_SETUP_NO_MMAP))
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
	ring->sq.sqe_size = 1U << iou_geometry_sqe_shift(p->flags);
	if (!(p->flags & IORING_SETUP_NO_SQARRAY))
		ring->sq.array = (void __force __shared *)((void *)hdr + geo->array);

	ring->cq.hdr = ring->sq.hdr;
	ring->cq.cqes = (void __force __shared *)((void *)hdr + geo->cqes);
	ring->cq.mask = p->cq_entries - 1;
	ring->cq.entries = p->cq_entries;
	ring->cq.limit = p->cq_entries;
	ring->cq.cqe_shift = iou_geometry_cqe_shift(p->flags);
}

static void ring_free(struct iou_ring *ring)
{
	struct iou_evfd *evfd = rcu_dereference_protected(ring->evfd, true);

	timer_shutdown_sync(&ring->evfd_late);
	irq_work_sync(&ring->poll_wake);
	if (evfd)
		iou_evfd_free(evfd);
	iou_sqpoll_free(ring);
	iou_cq_drop_backlog(&ring->cq);
	iou_park_destroy(ring);
	iou_timeout_free(ring);
	iou_req_free_all(ring);
	iou_account_put(ring->account);
	iou_pbuf_free_all(ring);
	kfree(ring->restrictions);
	kfree(ring->napi);
	kfree(ring->hash);
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

	if (!ring)
		return NULL;
	iou_ring_init_lock(ring);
	iou_pbuf_init(ring);
	INIT_RCU_WORK(&ring->free_work, ring_free_work);
	INIT_LIST_HEAD(&ring->cq.backlog);
	INIT_LIST_HEAD(&ring->lanes);
	iou_park_init(ring);
	INIT_LIST_HEAD(&ring->drain.queue);
	INIT_LIST_HEAD(&ring->counting);
	INIT_LIST_HEAD(&ring->commands);
	INIT_LIST_HEAD(&ring->ready);
	xa_init_flags(&ring->personalities, XA_FLAGS_ALLOC1);
	ring->ops = flags & IORING_SETUP_IOPOLL ? iou_optab_iopoll : iou_optab;
	ring->clockid = CLOCK_MONOTONIC;
	ring->setup_flags = flags;
	ring->disabled = flags & IORING_SETUP_R_DISABLED;
	ring->gate = ring->disabled ? IOU_GATE_DISABLED : 0;
	ring->iocb_flags = IOCB_ALLOC_CACHE;
	iou_iopoll_init(ring);
	ring->submit_all = flags & IORING_SETUP_SUBMIT_ALL;
	ring->single_issuer = flags & IORING_SETUP_SINGLE_ISSUER;
	ring->deferred = flags & IORING_SETUP_DEFER_TASKRUN;
	ring->compat = in_compat_syscall();
	if (ring->single_issuer && !ring->disabled)
		ring->owner = get_task_struct(current);
	return ring;
}

/* The kernel's memory, or with NO_MMAP the program's. Return: 0 or an error */
static int ring_memory(struct iou_ring *ring, const struct io_uring_params *p,
		       const struct iou_geometry *geo)
{
	bool user = p->flags & IORING_SETUP_NO_MMAP;
	int error;

	if (user)
		error = iou_region_pin(&ring->hdr_region, p->cq_off.user_addr, geo->hdr_size);
	else
		error = iou_region_alloc(&ring->hdr_region, geo->hdr_size);
	if (error)
		return error;
	/* Programs need not clear what only the kernel writes */
	if (user)
		memset(ring->hdr_region.mem, 0, sizeof(struct iou_shared));
	if (user)
		return iou_region_pin(&ring->sqe_region, p->sq_off.user_addr, geo->sqe_size);
	return iou_region_alloc(&ring->sqe_region, geo->sqe_size);
}

static struct iou_ring *ring_create(struct io_uring_params *p)
{
	struct iou_geometry geo;
	struct iou_ring *ring;
	int error = iou_geometry_get(p, &geo);

	if (error)
		return ERR_PTR(error);
	ring = ring_alloc(p->flags);
	if (!ring)
		return ERR_PTR(-ENOMEM);
	ring->account = iou_account_create();
	error = ring->account ? ring_memory(ring, p, &geo) : -ENOMEM;
	if (error) {
		ring_free(ring);
		return ERR_PTR(error);
	}
	setup_queues(ring, p, &geo);
	setup_offsets(p, &geo);
	return ring;
}

static struct file *ring_file(struct iou_ring *ring)
{
	return anon_inode_create_getfile("[io_uring]", &iou_ring_fops, ring,
					 O_RDWR | O_CLOEXEC, NULL);
}

/* Return: the slot of the new ring or an error. On error the ring is still ours */
static int ring_install_registered(struct iou_ring *ring, const struct io_uring_params *p)
{
	int slot = iou_ringfd_find();
	struct file *file;

	if (slot < 0)
		return slot;
	file = ring_file(ring);
	if (IS_ERR(file))
		return PTR_ERR(file);
	trace_io_uring_create(slot, ring, p->sq_entries, p->cq_entries, p->flags);
	iou_ringfd_install(slot, file);
	return slot;
}

/* Return: the new descriptor or an error. On error the ring is still ours */
static int ring_install(struct iou_ring *ring, const struct io_uring_params *p)
{
	int fd = get_unused_fd_flags(O_RDWR | O_CLOEXEC);
	struct file *file;

	if (fd < 0)
		return fd;
	file = ring_file(ring);
	if (IS_ERR(file)) {
		put_unused_fd(fd);
		return PTR_ERR(file);
	}
	trace_io_uring_create(fd, ring, p->sq_entries, p->cq_entries, p->flags);
	fd_install(fd, file);
	return fd;
}

/* Find the ring to share with, and a thread if one is wanted */
static int setup_attach(struct iou_ring *ring, const struct io_uring_params *p)
{
	struct iou_ring *target = NULL;
	struct fd f = EMPTY_FD;
	int error = 0;

	if (p->flags & IORING_SETUP_ATTACH_WQ) {
		f = fdget(p->wq_fd);
		if (fd_empty(f))
			return -ENXIO;
		target = iou_ring_of_file(fd_file(f));
		if (!target)
			error = -EINVAL;
	}
	if (!error && (p->flags & IORING_SETUP_SQPOLL))
		error = iou_sqpoll_setup(ring, p, target);
	fdput(f);
	return error;
}

/* Nobody has its file any more */
static void ring_discard(struct iou_ring *ring)
{
	if (ring->seat)
		iou_sqpoll_close(ring);
	else
		iou_exit_ring(ring);
}

/**
 * iou_setup() - make a ring
 * @entries: of the SQ
 * @uparams: in and out, see Documentation/io_uring/
 *
 * Context: may sleep.
 * Return: a descriptor, or with REGISTERED_FD_ONLY a slot; -EPERM: switched off
 * by sysctl; -EFAULT; -EINVAL: flags or sizes; -EOVERFLOW, -ENOMEM, -EMFILE,
 * -ENFILE, -EBUSY.
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
		ret = iou_geometry_entries(entries, &p);
	if (ret)
		return ret;
	ring = ring_create(&p);
	if (IS_ERR(ring))
		return PTR_ERR(ring);
	ret = setup_attach(ring, &p);
	if (ret) {
		ring_free(ring);
		return ret;
	}
	/* From now on the thread has slots for registered rings */
	if (!iou_task_current())
		ret = -ENOMEM;
	else if (copy_to_user(uparams, &p, sizeof(p)))
		ret = -EFAULT;
	else if (p.flags & IORING_SETUP_REGISTERED_FD_ONLY)
		ret = ring_install_registered(ring, &p);
	else
		ret = ring_install(ring, &p);
	if (ret < 0)
		ring_discard(ring);
	return ret;
}

static int ring_release(struct inode *inode, struct file *file)
{
	ring_discard(file->private_data);
	return 0;
}

static const struct iou_region *ring_region(const struct iou_ring *ring, loff_t offset)
{
	/* Rings in the program's own memory are mapped already */
	if (ring->setup_flags & IORING_SETUP_NO_MMAP)
		return NULL;
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

/* From there on up, one after the other, are the rings of provided buffers */
static bool is_pbuf_offset(u64 offset)
{
	return offset >= IORING_OFF_PBUF_RING &&
	       (offset - IORING_OFF_PBUF_RING) >> IORING_OFF_PBUF_SHIFT <= U16_MAX;
}

static u16 pbuf_of_offset(u64 offset)
{
	return (offset - IORING_OFF_PBUF_RING) >> IORING_OFF_PBUF_SHIFT;
}

static int ring_mmap(struct file *file, struct vm_area_struct *vma)
{
	struct iou_ring *ring = file->private_data;
	loff_t offset = (loff_t)vma->vm_pgoff << PAGE_SHIFT;
	const struct iou_region *region;

	if (is_pbuf_offset(offset))
		return iou_pbuf_mmap(ring, pbuf_of_offset(offset), vma);
	region = ring_region(ring, offset);
	if (!region)
		return -EINVAL;
	return iou_region_mmap(region, vma, region == &ring->hdr_region);
}

static unsigned long ring_get_unmapped_area(struct file *file, unsigned long addr,
					    unsigned long len, unsigned long pgoff,
					    unsigned long flags)
{
	loff_t offset = (loff_t)pgoff << PAGE_SHIFT;

	/* The kernel chooses, so that it can avoid cache aliases */
	if (addr)
		return -EINVAL;
	if (is_pbuf_offset(offset)) {
		if (!iou_pbuf_can_mmap(file->private_data, pbuf_of_offset(offset)))
			return -ENOMEM;
	} else if (!ring_region(file->private_data, offset)) {
		return -ENOMEM;
	}
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
	int error = iou_req_init_cache() ?: iou_fput_init();

	iou_optab_init();
	iou_ringfile_init(&iou_ring_fops);
	if (!error)
		pr_info("io_uring: iou, one lock per ring\n");
	return error;
}
device_initcall(iou_init);
