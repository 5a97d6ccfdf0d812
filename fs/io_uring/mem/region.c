// SPDX-License-Identifier: GPL-2.0
/*
 * Regions: pages shared with user space.
 */
#include <linux/gfp.h>
#include <linux/mm.h>
#include <linux/vmalloc.h>

#include "region.h"

#define IOU_REGION_GFP	(GFP_KERNEL_ACCOUNT | __GFP_ZERO)

/**
 * iou_region_alloc() - give a region its memory
 * @region: to be filled in
 * @size: bytes wanted, not 0; rounded up to whole pages
 *
 * Pages that are contiguous in the linear map are tried first: reaching them
 * costs no TLB entry and freeing them no TLB flush.
 *
 * Context: may sleep.
 * Return: 0 or -ENOMEM.
 */
int iou_region_alloc(struct iou_region *region, size_t size)
{
	size = PAGE_ALIGN(size);
	region->size = size;
	region->is_vmalloc = false;
	region->mem = NULL;
	if (get_order(size) <= MAX_PAGE_ORDER)
		region->mem = alloc_pages_exact(size, IOU_REGION_GFP | __GFP_NOWARN |
						__GFP_NORETRY);
	if (!region->mem) {
		region->mem = __vmalloc(size, IOU_REGION_GFP | __GFP_NOWARN);
		region->is_vmalloc = true;
	}
	return region->mem ? 0 : -ENOMEM;
}

/**
 * iou_region_free() - let go of a region's memory
 * @region: may be empty
 *
 * Pages that are still mapped somewhere live on until they are unmapped.
 *
 * Context: may sleep.
 */
void iou_region_free(struct iou_region *region)
{
	if (!region->mem)
		return;
	if (region->is_vmalloc)
		vfree(region->mem);
	else
		free_pages_exact(region->mem, region->size);
	region->mem = NULL;
}

static struct page *region_page(const struct iou_region *region, size_t offset)
{
	void *addr = region->mem + offset;

	return region->is_vmalloc ? vmalloc_to_page(addr) : virt_to_page(addr);
}

/**
 * iou_region_mmap() - map a region into the current address space
 * @region: what to map
 * @vma: where, from the region's first byte
 * @allow_short: a mapping smaller than the region is no error
 *
 * A mapping longer than the region has no pages at its end: SIGBUS.
 *
 * Context: mmap_lock held for writing.
 * Return: 0; -EINVAL: there is no such region; -EFAULT: the mapping is too
 * short; -ENOMEM.
 */
int iou_region_mmap(const struct iou_region *region, struct vm_area_struct *vma,
		    bool allow_short)
{
	size_t len = vma->vm_end - vma->vm_start;
	size_t offset;
	int ret = 0;

	if (!region->mem)
		return -EINVAL;
	if (len < region->size && !allow_short)
		return -EFAULT;
	len = min(len, region->size);
	vm_flags_set(vma, VM_DONTEXPAND);
	for (offset = 0; offset < len && !ret; offset += PAGE_SIZE)
		ret = vm_insert_page(vma, vma->vm_start + offset,
				     region_page(region, offset));
	return ret;
}
