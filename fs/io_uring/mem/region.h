/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A region: zeroed kernel pages that a program can map.
 */
#ifndef IOU_MEM_REGION_H
#define IOU_MEM_REGION_H

#include <linux/types.h>

struct vm_area_struct;

/**
 * struct iou_region - memory that the kernel and a program share
 * @mem: kernel address, page aligned and contiguous; NULL: no memory
 * @size: in bytes, a multiple of PAGE_SIZE
 * @is_vmalloc: @mem is from the vmalloc area, not from the linear map
 *
 * Nothing in here changes after iou_region_alloc(), so mmap() takes no lock.
 * A mapping holds references to the pages and may outlive the region.
 */
struct iou_region {
	void *mem;
	size_t size;
	bool is_vmalloc;
};

int iou_region_alloc(struct iou_region *region, size_t size);
void iou_region_free(struct iou_region *region);
int iou_region_mmap(const struct iou_region *region, struct vm_area_struct *vma,
		    bool allow_short);

#endif
