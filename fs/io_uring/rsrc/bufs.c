// SPDX-License-Identifier: GPL-2.0
/*
 * Fixed buffers: the table, and the register operations.
 */
#include <linux/compat.h>
#include <linux/overflow.h>
#include <linux/sched/signal.h>
#include <linux/sizes.h>
#include <linux/uaccess.h>

#include "bufs.h"
#include "node.h"
#include "pin.h"

#define IOU_MAX_BUFS	BIT(14)
#define IOU_MAX_BUF_LEN	SZ_1G

/* A GiB is unpinned in some ms: not while others wait for the lock */
static void buf_release(void *what, struct iou_ring *ring)
{
	struct iou_buf *buf = what;

	if (!ring) {
		iou_buf_put(buf);
	} else if (iou_buf_drop(buf)) {
		list_add_tail(&buf->unpin, &ring->unpin);
		ring->cold |= IOU_COLD_UNPIN;
	}
}

/* Read iovec number @i of a range. Without an array all are empty. */
static int bufs_read_iovec(const struct iou_ring *ring, const struct iou_rsrc_range *range,
			   u32 i, struct iovec *iov)
{
	const struct compat_iovec __user *compat_iovs = range->data;
	const struct iovec __user *iovs = range->data;
	struct compat_iovec compat;

	*iov = (struct iovec) { };
	if (!range->data && !range->is_update)
		return 0;
	if (!ring->compat)
		return copy_from_user(iov, iovs + i, sizeof(*iov)) ? -EFAULT : 0;
	if (copy_from_user(&compat, compat_iovs + i, sizeof(compat)))
		return -EFAULT;
	iov->iov_base = compat_ptr(compat.iov_base);
	iov->iov_len = (compat_ssize_t)compat.iov_len;
	return 0;
}

/* As readv() reads it: a length with its highest bit set is no length */
static int bufs_get_iovec(const struct iou_ring *ring, const struct iou_rsrc_range *range,
			  u32 i, struct iovec *iov)
{
	int error = bufs_read_iovec(ring, range, i, iov);

	if (error)
		return error;
	return (ssize_t)iov->iov_len < 0 ? -EINVAL : 0;
}

/* Is this something that could be pinned? */
static int bufs_check_iovec(const struct iovec *iov)
{
	unsigned long end;

	if (!iov->iov_base || !iov->iov_len || iov->iov_len > IOU_MAX_BUF_LEN)
		return -EFAULT;
	/* Up to the end of the last page */
	if (check_add_overflow((unsigned long)iov->iov_base,
			       iov->iov_len + PAGE_SIZE - 1, &end))
		return -EOVERFLOW;
	return 0;
}

/* Return: the node for an iovec, NULL for an empty one, or an error */
static struct iou_node *bufs_make(struct iou_ring *ring, const struct iovec *iov, u64 tag)
{
	struct iou_node *node;
	struct iou_buf *buf;
	int error;

	if (!iov->iov_base && !iov->iov_len)
		return tag ? ERR_PTR(-EINVAL) : NULL;
	error = bufs_check_iovec(iov);
	if (error)
		return ERR_PTR(error);
	buf = iou_buf_create(ring->account, (unsigned long)iov->iov_base, iov->iov_len);
	if (IS_ERR(buf))
		return ERR_CAST(buf);
	node = iou_node_create(buf, buf_release, tag);
	if (!node) {
		iou_buf_put(buf);
		return ERR_PTR(-ENOMEM);
	}
	return node;
}

/* One slot of a range. Return: 0 or an error, then the slot is unchanged */
static int bufs_update_one(struct iou_ring *ring, const struct iou_rsrc_range *range, u32 i)
	__must_hold(&ring->lock)
{
	u32 slot = array_index_nospec(range->offset + i, ring->bufs.nr);
	struct iou_node *node;
	struct iovec iov;
	int error;
	u64 tag;

	error = bufs_get_iovec(ring, range, i, &iov) ?: iou_rsrc_tag(range, i, &tag);
	if (error)
		return error;
	node = bufs_make(ring, &iov, tag);
	if (IS_ERR(node))
		return PTR_ERR(node);
	iou_table_set(&ring->bufs, slot, node, ring);
	return 0;
}

/* All slots of a range. Return: 0, or the error of slot number *@done */
static int bufs_update_all(struct iou_ring *ring, const struct iou_rsrc_range *range,
			   u32 *done)
	__must_hold(&ring->lock)
{
	int error;

	for (*done = 0; *done < range->nr; ++*done) {
		error = bufs_update_one(ring, range, *done);
		if (error)
			return error;
		cond_resched();
		if (fatal_signal_pending(current))
			return -EINTR;
	}
	return 0;
}

static long bufs_register(struct iou_ring *ring, const struct iou_rsrc_range *range)
	__must_hold(&ring->lock)
{
	int error;
	u32 done;

	if (ring->bufs.nr)
		return -EBUSY;
	if (!range->nr || range->nr > IOU_MAX_BUFS)
		return -EINVAL;
	error = iou_table_alloc(&ring->bufs, range->nr);
	if (error)
		return error;
	error = bufs_update_all(ring, range, &done);
	if (error) {
		iou_table_forget_tags(&ring->bufs);
		iou_table_free(&ring->bufs, ring);
	}
	return error;
}

/* BUFFERS */
long iou_bufs_register(struct iou_ring *ring, void __user *arg, u32 nr)
{
	struct iou_rsrc_range range = { .nr = nr, .data = arg };

	return arg ? bufs_register(ring, &range) : -EFAULT;
}

/* BUFFERS2 */
long iou_bufs_register2(struct iou_ring *ring, void __user *arg, u32 size)
{
	struct iou_rsrc_range range;
	int error = iou_rsrc_get_register(&range, arg, size);

	return error ?: bufs_register(ring, &range);
}

/* BUFFERS_UPDATE */
long iou_bufs_update(struct iou_ring *ring, void __user *arg, u32 size)
{
	struct iou_rsrc_range range;
	int error = iou_rsrc_get_update2(&range, arg, size);
	u32 done;

	if (!error)
		error = iou_rsrc_check(&range, &ring->bufs);
	if (error)
		return error;
	error = bufs_update_all(ring, &range, &done);
	return done ?: (long)error;
}

/* Return: another node for the same buffer, without a tag; or NULL */
static struct iou_node *bufs_share(struct iou_buf *buf)
{
	struct iou_node *node = iou_node_create(buf, buf_release, 0);

	if (node)
		refcount_inc(&buf->refs);
	return node;
}

/**
 * iou_bufs_copy() - make a table with the buffers of a ring
 * @ring: locked
 * @copy: to be filled in; for another ring, that is accounted to the same user
 *
 * Context: ring lock. May sleep.
 * Return: 0; -ENXIO: @ring has no table; -ENOMEM.
 */
int iou_bufs_copy(struct iou_ring *ring, struct iou_table *copy)
{
	int error;
	u32 i;

	iou_assert_locked(ring);
	if (!ring->bufs.nr)
		return -ENXIO;
	error = iou_table_alloc(copy, ring->bufs.nr);
	for (i = 0; !error && i < ring->bufs.nr; i++) {
		struct iou_node *node = ring->bufs.slots[i];

		if (!node)
			continue;
		copy->slots[i] = bufs_share(node->what);
		if (!copy->slots[i])
			error = -ENOMEM;
	}
	if (error)
		iou_table_free(copy, ring);
	return error;
}
