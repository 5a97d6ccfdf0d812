/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A region: memory that the kernel shares with a program. Either zeroed kernel
 * pages that the program can map, or pages of the program.
 */
#ifndef IOU_MEM_REGION_H
#define IOU_MEM_REGION_H

#include <linux/types.h>

struct page;
struct vm_area_struct;

/**
 * struct iou_region - memory that the kernel and a program share
 * @mem: kernel address, page aligned and contiguous; NULL: no memory
 * @size: in bytes, a multiple of PAGE_SIZE
 * @is_vmalloc: @mem is from the vmalloc area, not from the linear map
 * @pages: pinned pages of the program, or NULL
 * @nr_pages: how many
 *
 * Nothing in here changes after iou_region_alloc(), so mmap() takes no lock.
 * A mapping holds references to the pages and may outlive the region.
 */
struct iou_region {
	void *mem;
	size_t size;
	struct page **pages;
	u32 nr_pages;
	bool is_vmalloc;
};

int iou_region_alloc(struct iou_region *region, size_t size);
int iou_region_pin(struct iou_region *region, u64 addr, size_t size);
void iou_region_free(struct iou_region *region);
int iou_region_mmap(const struct iou_region *region, struct vm_area_struct *vma,
		    bool allow_short);

#endif
