// SPDX-License-Identifier: GPL-2.0
/*
 * CLONE_BUFFERS: let a ring use the buffers of another one.
 *
 * The pinned memory is shared, and paid for once. Two ring locks are never held
 * at once, so the ring's own lock is not held while the other one's table is
 * copied.
 */
#include <linux/file.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include "../rsrc/bufs.h"
#include "../rsrc/node.h"
#include "../rsrc/pin.h"
#include "../rsrc/ringfile.h"
#include "../run/lock.h"
#include "../run/ringfd.h"
#include "clone.h"

static_assert(sizeof(struct io_uring_clone_buffers) == 32);

/* May this ring get buffers? Return: 0; -EBUSY: it has some; -EINTR */
static int clone_check(struct iou_ring *ring)
{
	bool busy;

	if (iou_ring_lock_killable(ring))
		return -EINTR;
	busy = ring->bufs.nr;
	iou_ring_unlock(ring);
	return busy ? -EBUSY : 0;
}

/* Copy the table of @src. Return: 0 or an error */
static int clone_copy(struct iou_ring *src, struct iou_table *copy)
{
	int error = iou_ring_lock_killable(src);

	if (error)
		return error;
	error = iou_bufs_copy(src, copy);
	iou_ring_unlock(src);
	return error;
}

/* Give it to @ring. Return: 0, or an error: then it is still the caller's */
static int clone_install(struct iou_ring *ring, struct iou_table *copy)
{
	bool busy;

	if (iou_ring_lock_killable(ring))
		return -EINTR;
	/* Somebody else may have registered buffers meanwhile */
	busy = ring->bufs.nr;
	if (!busy)
		ring->bufs = *copy;
	iou_ring_unlock(ring);
	return busy ? -EBUSY : 0;
}

static int clone_from(struct iou_ring *ring, struct iou_ring *src)
{
	struct iou_table copy = { };
	int error;

	/* It is the ring itself: which has no buffers, or could not have any */
	if (src == ring)
		return -ENXIO;
	if (src->account->user != ring->account->user || src->account->mm != ring->account->mm)
		return -EINVAL;
	error = clone_copy(src, &copy);
	if (error)
		return error;
	error = clone_install(ring, &copy);
	if (error)
		iou_table_release(&copy);
	return error;
}

/**
 * iou_clone_buffers() - CLONE_BUFFERS
 * @ring: its file is open; gets the buffers
 * @arg: user pointer to struct io_uring_clone_buffers
 * @nr: 1
 *
 * Context: may sleep.
 * Return: 0; -EBUSY: the ring has buffers; -EFAULT, -EINVAL: also, another user
 * pays for the other ring's; -EBADF, -EOPNOTSUPP: no ring; -ENXIO: it has no
 * buffers; -ENOMEM; -EINTR: being killed.
 */
long iou_clone_buffers(struct iou_ring *ring, void __user *arg, u32 nr)
{
	struct io_uring_clone_buffers clone;
	struct iou_ring *src;
	struct fd f;
	int error;

	error = clone_check(ring);
	if (error)
		return error;
	if (copy_from_user(&clone, arg, sizeof(clone)))
		return -EFAULT;
	if ((clone.flags & ~IORING_REGISTER_SRC_REGISTERED) ||
	    memchr_inv(clone.pad, 0, sizeof(clone.pad)))
		return -EINVAL;
	if (clone.flags & IORING_REGISTER_SRC_REGISTERED) {
		src = iou_ringfd_ring(clone.src_fd);
		return IS_ERR(src) ? PTR_ERR(src) : clone_from(ring, src);
	}
	f = fdget(clone.src_fd);
	if (fd_empty(f))
		return -EBADF;
	src = iou_ring_of_file(fd_file(f));
	error = src ? clone_from(ring, src) : -EOPNOTSUPP;
	fdput(f);
	return error;
}
