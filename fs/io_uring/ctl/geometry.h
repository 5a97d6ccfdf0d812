/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How large the parts of a ring are.
 */
#ifndef IOU_CTL_GEOMETRY_H
#define IOU_CTL_GEOMETRY_H

#include <linux/types.h>
#include <uapi/linux/io_uring.h>

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

/* log2 of the size of an SQE */
static inline u32 iou_geometry_sqe_shift(u32 flags)
{
	return flags & IORING_SETUP_SQE128 ? 7 : 6;
}

/* log2 of the size of a CQE */
static inline u32 iou_geometry_cqe_shift(u32 flags)
{
	return flags & IORING_SETUP_CQE32 ? 5 : 4;
}

int iou_geometry_entries(u32 entries, struct io_uring_params *p);
int iou_geometry_get(const struct io_uring_params *p, struct iou_geometry *geo);

#endif
