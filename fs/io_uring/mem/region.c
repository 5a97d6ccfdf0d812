// SPDX-License-Identifier: GPL-2.0
/*
 * Regions: memory shared with user space.
 */
#include <linux/gfp.h>
#include <linux/mm.h>
#include <linux/overflow.h>
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

/* Are all these pages neighbours in the linear map? */
static bool region_is_linear(const struct iou_region *region)
{
	u32 i;

	for (i = 0; i < region->nr_pages; i++)
		if (PageHighMem(region->pages[i]) ||
		    page_to_pfn(region->pages[i]) != page_to_pfn(region->pages[0]) + i)
			return false;
	return true;
}

/* Pin and address it. Return: 0 or an error; what was done is in @region */
static int region_pin(struct iou_region *region, unsigned long addr, u32 nr)
{
	int pinned;

	region->pages = kvcalloc(nr, sizeof(*region->pages), GFP_KERNEL_ACCOUNT);
	if (!region->pages)
		return -ENOMEM;
	pinned = pin_user_pages_fast(addr, nr, FOLL_WRITE | FOLL_LONGTERM, region->pages);
	if (pinned < 0)
		return pinned;
	region->nr_pages = pinned;
	if (pinned != nr)
		return -EFAULT;
	if (region_is_linear(region)) {
		region->mem = page_address(region->pages[0]);
		return 0;
	}
	region->mem = vmap(region->pages, nr, VM_MAP, PAGE_KERNEL);
	region->is_vmalloc = true;
	return region->mem ? 0 : -ENOMEM;
}

static void region_unpin(struct iou_region *region)
{
	if (region->mem && region->is_vmalloc)
		vunmap(region->mem);
	/* The kernel has written to it */
	unpin_user_pages_dirty_lock(region->pages, region->nr_pages, true);
	kvfree(region->pages);
	region->pages = NULL;
	region->mem = NULL;
}

/**
 * iou_region_pin() - let a region be a piece of the program's memory
 * @region: to be filled in
 * @addr: in the current address space
 * @size: bytes wanted, not 0; rounded up to whole pages
 *
 * The program may unmap it or fork: the pages stay the ring's.
 *
 * Context: may sleep.
 * Return: 0; -EFAULT: there is no memory, or it may not be written to; -EINVAL:
 * not at the beginning of a page; -EOVERFLOW, -ENOMEM.
 */
int iou_region_pin(struct iou_region *region, u64 addr, size_t size)
{
	u64 end;
	int error;

	size = PAGE_ALIGN(size);
	*region = (struct iou_region) { .size = size };
	if (!addr)
		return -EFAULT;
	if (!PAGE_ALIGNED(addr))
		return -EINVAL;
	if (check_add_overflow(addr, (u64)size, &end) || end > ULONG_MAX)
		return -EOVERFLOW;
	error = region_pin(region, addr, size >> PAGE_SHIFT);
	if (error && region->pages)
		region_unpin(region);
	return error;
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
	if (region->pages)
		region_unpin(region);
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

	if (!region->mem || region->pages)
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
