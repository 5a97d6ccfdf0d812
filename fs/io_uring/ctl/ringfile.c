// SPDX-License-Identifier: GPL-2.0
/*
 * The file of a ring: it is mapped, polled and closed.
 */
#include <linux/anon_inodes.h>
#include <linux/fs.h>
#include <linux/io_uring.h>
#include <linux/mm.h>
#include <linux/poll.h>

#include "../req/lane.h"
#include "../rsrc/pbuf.h"
#include "../rsrc/ringfile.h"
#include "../run/exit.h"
#include "../run/sqpoll.h"
#include "fdinfo.h"
#include "ringfile.h"

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

/**
 * iou_ringfile_discard() - nobody has a ring's file any more
 * @ring: will be freed when nothing is in flight any more; not to be touched afterwards
 *
 * Context: may sleep.
 */
void iou_ringfile_discard(struct iou_ring *ring)
{
	if (ring->seat)
		iou_sqpoll_close(ring);
	else
		iou_exit_ring(ring, NULL);
}

static int ring_release(struct inode *inode, struct file *file)
{
	iou_ringfile_discard(file->private_data);
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

/**
 * iou_ringfile_open() - make the file of a ring
 * @ring: belongs to the file afterwards
 *
 * Context: may sleep.
 * Return: the file, or an error pointer; then @ring is still the caller's.
 */
struct file *iou_ringfile_open(struct iou_ring *ring)
{
	return anon_inode_create_getfile("[io_uring]", &iou_ring_fops, ring,
					 O_RDWR | O_CLOEXEC, NULL);
}

/**
 * iou_ringfile_setup() - make rings' files known
 */
void __init iou_ringfile_setup(void)
{
	iou_ringfile_init(&iou_ring_fops);
}
