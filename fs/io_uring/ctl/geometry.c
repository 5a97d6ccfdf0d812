// SPDX-License-Identifier: GPL-2.0
/*
 * From the numbers that a program asks for to sizes in bytes.
 */
#include <linux/align.h>
#include <linux/cache.h>
#include <linux/errno.h>
#include <linux/log2.h>
#include <linux/overflow.h>

#include "../mem/shared.h"
#include "geometry.h"

#define IOU_MAX_SQ_ENTRIES	32768
#define IOU_MAX_CQ_ENTRIES	(2 * IOU_MAX_SQ_ENTRIES)

static int geometry_clamp(u32 *entries, u32 max, u32 flags)
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

/**
 * iou_geometry_entries() - settle how many entries the queues have
 * @entries: of the SQ, as asked for
 * @p: flags, and with CQSIZE the entries of the CQ; receives both numbers
 *
 * Return: 0 or -EINVAL.
 */
int iou_geometry_entries(u32 entries, struct io_uring_params *p)
{
	int error;

	p->sq_entries = entries;
	error = geometry_clamp(&p->sq_entries, IOU_MAX_SQ_ENTRIES, p->flags);
	if (error)
		return error;
	if (!(p->flags & IORING_SETUP_CQSIZE)) {
		p->cq_entries = 2 * p->sq_entries;
		return 0;
	}
	error = geometry_clamp(&p->cq_entries, IOU_MAX_CQ_ENTRIES, p->flags);
	if (error)
		return error;
	return p->cq_entries < p->sq_entries ? -EINVAL : 0;
}

/**
 * iou_geometry_get() - sizes and offsets
 * @p: flags and numbers of entries
 * @geo: receives them
 *
 * Return: 0 or -EOVERFLOW.
 */
int iou_geometry_get(const struct io_uring_params *p, struct iou_geometry *geo)
{
	size_t cqe_size, array_size = 0;

	geo->cqes = sizeof(struct iou_shared);
	if (check_shl_overflow((size_t)p->cq_entries, iou_geometry_cqe_shift(p->flags),
			       &cqe_size) ||
	    check_add_overflow(geo->cqes, cqe_size, &geo->array) ||
	    check_shl_overflow((size_t)p->sq_entries, iou_geometry_sqe_shift(p->flags),
			       &geo->sqe_size))
		return -EOVERFLOW;
	geo->array = ALIGN(geo->array, SMP_CACHE_BYTES);
	if (!(p->flags & IORING_SETUP_NO_SQARRAY))
		array_size = array_size(p->sq_entries, sizeof(u32));
	if (check_add_overflow(geo->array, array_size, &geo->hdr_size))
		return -EOVERFLOW;
	return 0;
}
