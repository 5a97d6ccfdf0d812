/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Iovecs of a program, copied for a request that may outlive its submission.
 */
#ifndef IOU_OPS_IOVEC_H
#define IOU_OPS_IOVEC_H

#include <linux/compat.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/uio.h>

/**
 * iou_iovec_import() - copy iovecs
 * @dir: ITER_SOURCE or ITER_DEST
 * @uvec: the program's array
 * @nr: its length
 * @fast: room for a few of them
 * @nr_fast: how many
 * @big: receives an array that is not @fast, for kfree(); or NULL
 * @iter: receives the memory that they describe, and refers to @fast or @big
 * @compat: they are those of a 32-bit program
 *
 * The array is charged, which __import_iovec() does not do: a program may have any number
 * of requests that wait, with 16 KiB each.
 *
 * Context: in the program's task. May sleep.
 * Return: bytes in all; -EFAULT, -EINVAL, -ENOMEM.
 */
static __always_inline ssize_t iou_iovec_import(int dir, const struct iovec __user *uvec,
						size_t nr, struct iovec *fast, u32 nr_fast,
						struct iovec **big, struct iov_iter *iter,
						bool compat)
{
	struct iovec *vec = fast;
	ssize_t len;

	*big = NULL;
	if (unlikely(nr > nr_fast)) {
		if (nr > UIO_MAXIOV)
			return -EINVAL;
		vec = kmalloc_array(nr, sizeof(*vec), GFP_KERNEL_ACCOUNT);
		if (!vec)
			return -ENOMEM;
		*big = vec;
	}

	/* There is room for all of them: nothing else is allocated */
	len = __import_iovec(dir, uvec, nr, max_t(size_t, nr, nr_fast), &vec, iter, compat);
	if (unlikely(len < 0))
		kfree(*big);
	return len;
}

/**
 * iou_iovec_cap() - copy the one iovec that says how much of a provided buffer to use
 * @uvec: the program's
 * @cap: receives that, for iou_pbuf_cap()
 * @compat: it is that of a 32-bit program
 *
 * As in 6.12, the lowest 32 bits of a length count, whatever the others say; only 32-bit
 * programs are told that a length is negative.
 *
 * Context: in the program's task. May sleep.
 * Return: 0, -EFAULT, -EINVAL.
 */
static inline int iou_iovec_cap(const void __user *uvec, u32 *cap, bool compat)
{
	struct compat_iovec narrow;
	struct iovec vec;

	if (!compat) {
		if (copy_from_user(&vec, uvec, sizeof(vec)))
			return -EFAULT;
		*cap = vec.iov_len;
		return 0;
	}

	if (copy_from_user(&narrow, uvec, sizeof(narrow)))
		return -EFAULT;
	if ((compat_ssize_t)narrow.iov_len < 0)
		return -EINVAL;
	*cap = narrow.iov_len;
	return 0;
}

#endif
