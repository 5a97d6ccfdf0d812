// SPDX-License-Identifier: GPL-2.0
/*
 * io_uring_setup(): a ring is made.
 */
#include <linux/compat.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include <trace/events/io_uring.h>

#include "../ops/table.h"
#include "../req/count.h"
#include "../req/drain.h"
#include "../req/hash.h"
#include "../req/lane.h"
#include "../req/park.h"
#include "../req/req.h"
#include "../rsrc/creds.h"
#include "../rsrc/fput.h"
#include "../rsrc/pbuf.h"
#include "../rsrc/pin.h"
#include "../rsrc/restrict.h"
#include "../rsrc/ringfile.h"
#include "../run/cancel.h"
#include "../run/iopoll.h"
#include "../run/lock.h"
#include "../run/napi.h"
#include "../run/ringfd.h"
#include "../run/sqpoll.h"
#include "../run/task.h"
#include "../run/timeout.h"
#include "geometry.h"
#include "ringfile.h"
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
	iou_lock_free(ring);
	iou_sqpoll_free(ring);
	iou_napi_free(ring);
	iou_iopoll_free(ring);
	iou_timeout_free(ring);
	iou_hash_free(ring);
	iou_park_free(ring);
	iou_cancel_free(ring);
	iou_req_free(ring);
	iou_lanes_free(ring);
	iou_restrict_free(ring);
	iou_pbuf_free(ring);
	iou_account_put(ring->account);
	iou_cq_free(&ring->cq);
	iou_region_free(&ring->hdr_region);
	iou_region_free(&ring->sqe_region);
	kfree(ring);
}

static void ring_free_work(struct work_struct *work)
{
	ring_free(container_of(to_rcu_work(work), struct iou_ring, free_work));
}

/**
 * iou_ring_init() - have each file prepare what it keeps in a ring
 * @ring: being made; what it was asked for is in ->setup_flags, all else 0
 *
 * Context: may sleep.
 * Return: 0 or -ENOMEM.
 */
int iou_ring_init(struct iou_ring *ring)
{
	iou_cq_init(&ring->cq);
	iou_pbuf_init(ring);
	iou_creds_init(ring);
	iou_lanes_init(ring);
	iou_park_init(ring);
	iou_drain_init(ring);
	iou_count_init(ring);
	iou_lock_init(ring);
	iou_cancel_init(ring);
	return iou_iopoll_init(ring);
}

static struct iou_ring *ring_alloc(u32 flags)
{
	struct iou_ring *ring = kzalloc(sizeof(*ring), GFP_KERNEL_ACCOUNT);

	if (!ring)
		return NULL;

	ring->setup_flags = flags;
	ring->ops = flags & IORING_SETUP_IOPOLL ? iou_optab_iopoll : iou_optab;
	ring->clockid = CLOCK_MONOTONIC;
	if (flags & IORING_SETUP_R_DISABLED)
		ring->gate = IOU_GATE_DISABLED;
	else
		iou_ring_step(ring, IOU_RING_ENABLED);
	ring->iocb_flags = IOCB_ALLOC_CACHE;
	ring->submit_all = flags & IORING_SETUP_SUBMIT_ALL;
	ring->compat = in_compat_syscall();
	INIT_RCU_WORK(&ring->free_work, ring_free_work);
	if (iou_ring_init(ring)) {
		ring_free(ring);
		return NULL;
	}
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

/* Return: the slot of the new ring or an error. On error the ring is still ours */
static int ring_install_registered(struct iou_ring *ring, const struct io_uring_params *p)
{
	int slot = iou_ringfd_find();
	struct file *file;

	if (slot < 0)
		return slot;
	file = iou_ringfile_open(ring);
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
	file = iou_ringfile_open(ring);
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
		iou_ringfile_discard(ring);
	return ret;
}

static int __init iou_init(void)
{
	int error = iou_req_init_cache() ?: iou_fput_init();

	iou_optab_init();
	iou_ringfile_setup();
	if (!error)
		pr_info("io_uring: iou, one lock per ring\n");
	return error;
}
device_initcall(iou_init);
