/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Iovecs of a program, copied for a request that may outlive its submission.
 */
#ifndef IOU_OPS_IOVEC_H
#define IOU_OPS_IOVEC_H

#include <linux/slab.h>
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

#endif
