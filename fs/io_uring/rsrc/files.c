// SPDX-License-Identifier: GPL-2.0
/*
 * Fixed files.
 *
 * A ring's own file table. A request with IOSQE_FIXED_FILE borrows the file from
 * its slot, and counts itself on the node if it outlives its submission: see
 * iou_req_get_file(). No ring is ever in a table, so no ring keeps itself or
 * another one alive.
 *
 * Slots can be asked for by number, or found by the kernel in the range that the
 * program set (all slots at first), beginning where it looked last.
 */
#include <linux/bitmap.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/io_uring.h>
#include <linux/mm.h>
#include <linux/overflow.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "files.h"
#include "node.h"

#define IOU_MAX_FILES	BIT(20)

static_assert(sizeof(struct io_uring_file_index_range) == 16);

/* What closing the file takes is not done here in any case */
static void file_release(void *what, struct iou_ring *ring)
{
	fput(what);
}

static void slots_hint(struct iou_slots *slots, u32 slot)
{
	if (slot >= slots->start && slot < slots->end)
		slots->hint = slot;
}

static void slots_set_range(struct iou_slots *slots, u32 start, u32 end)
{
	slots->start = start;
	slots->end = end;
	slots->hint = start;
}

/* Return: a free slot or -ENFILE */
static int slots_find(const struct iou_slots *slots)
{
	u32 slot;

	if (!slots->used)
		return -ENFILE;
	slot = find_next_zero_bit(slots->used, slots->end, slots->hint);
	if (slot >= slots->end)
		slot = find_next_zero_bit(slots->used, slots->hint, slots->start);
	return slot < slots->end && !test_bit(slot, slots->used) ? slot : -ENFILE;
}

static void files_clear(struct iou_ring *ring, u32 slot)
	__must_hold(&ring->lock)
{
	if (!ring->files.slots[slot])
		return;
	iou_table_set(&ring->files, slot, NULL, ring);
	__clear_bit(slot, ring->file_slots.used);
	slots_hint(&ring->file_slots, slot);
}

/* Put a file into a slot. Takes over the reference, also when it fails. */
static int files_set(struct iou_ring *ring, u32 slot, struct file *file, u64 tag)
	__must_hold(&ring->lock)
{
	struct iou_node *node = iou_node_create(file, file_release, tag);

	if (!node) {
		fput(file);
		return -ENOMEM;
	}
	iou_table_set(&ring->files, slot, node, ring);
	__set_bit(slot, ring->file_slots.used);
	slots_hint(&ring->file_slots, slot + 1);
	return 0;
}

/* Return: a file with a reference, or -EBADF */
static struct file *files_fget(s32 fd)
{
	struct file *file = fget(fd);

	if (!file)
		return ERR_PTR(-EBADF);
	if (io_is_uring_fops(file)) {
		fput(file);
		return ERR_PTR(-EBADF);
	}
	return file;
}

/* One slot of a range. Return: 0 or an error, then the slot is unchanged */
static int files_update_one(struct iou_ring *ring, const struct iou_rsrc_range *range, u32 i)
	__must_hold(&ring->lock)
{
	const s32 __user *fds = range->data;
	u32 slot = array_index_nospec(range->offset + i, ring->files.nr);
	struct file *file;
	s32 fd = -1;
	bool skip;
	u64 tag;

	if (iou_rsrc_tag(range, i, &tag))
		return -EFAULT;
	if ((fds || range->is_update) && get_user(fd, fds + i))
		return -EFAULT;
	skip = range->is_update && fd == IORING_REGISTER_FILES_SKIP;
	if (tag && (fd == -1 || skip))
		return -EINVAL;
	if (skip)
		return 0;
	if (fd == -1) {
		files_clear(ring, slot);
		return 0;
	}
	file = files_fget(fd);
	if (IS_ERR(file))
		return PTR_ERR(file);
	return files_set(ring, slot, file, tag);
}

/* All slots of a range. Return: 0, or the error of slot number *@done */
static int files_update_all(struct iou_ring *ring, const struct iou_rsrc_range *range,
			    u32 *done)
	__must_hold(&ring->lock)
{
	int error;

	for (*done = 0; *done < range->nr; ++*done) {
		error = files_update_one(ring, range, *done);
		if (error)
			return error;
		cond_resched();
		if (fatal_signal_pending(current))
			return -EINTR;
	}
	return 0;
}

/**
 * iou_files_update_range() - change some slots
 * @ring: locked
 * @range: which, and the new files: -1 empties a slot, -2 leaves it alone
 *
 * Context: ring lock. May sleep.
 * Return: number of slots done; if the first one failed, an error: -EBADF,
 * -EFAULT, -EINVAL: also, a tag for no file; -ENOMEM, -ENXIO, -EOVERFLOW.
 */
long iou_files_update_range(struct iou_ring *ring, const struct iou_rsrc_range *range)
{
	int error = iou_rsrc_check(range, &ring->files);
	u32 done;

	iou_assert_locked(ring);
	if (error)
		return error;
	error = files_update_all(ring, range, &done);
	return done ?: (long)error;
}

/**
 * iou_files_update_any() - put files into free slots
 * @ring: locked
 * @fds: user pointer to descriptors; receives the slots
 * @nr: how many
 *
 * Context: ring lock. May sleep.
 * Return: number of files done; if the first one failed, an error: -EBADF,
 * -EFAULT, -ENFILE: no slot is free; -ENOMEM, -ENXIO.
 */
long iou_files_update_any(struct iou_ring *ring, s32 __user *fds, u32 nr)
{
	struct file *file;
	int slot;
	long i;
	s32 fd;

	if (!ring->files.nr)
		return -ENXIO;
	for (i = 0; i < nr; i++) {
		if (get_user(fd, fds + i))
			return i ?: -EFAULT;
		file = files_fget(fd);
		if (IS_ERR(file))
			return i ?: PTR_ERR(file);
		slot = iou_files_install(ring, file, IORING_FILE_INDEX_ALLOC);
		if (slot < 0)
			return i ?: slot;
		if (put_user(slot, fds + i)) {
			files_clear(ring, slot);
			return i ?: -EFAULT;
		}
		cond_resched();
	}
	return i;
}

/**
 * iou_files_install() - put a new file into the table of fixed files
 * @ring: locked
 * @file: its reference is taken over, also when this fails
 * @file_index: as in the SQE: slot + 1, or IORING_FILE_INDEX_ALLOC
 *
 * For opcodes that make files. What is in the slot is replaced.
 *
 * Context: ring lock. May sleep.
 * Return: 0, or the slot if the kernel chose it; -EBADF: it is a ring; -ENXIO:
 * there is no table; -EINVAL: no such slot; -ENFILE: none is free; -ENOMEM.
 */
int iou_files_install(struct iou_ring *ring, struct file *file, u32 file_index)
{
	bool any = file_index == IORING_FILE_INDEX_ALLOC;
	int slot = any ? slots_find(&ring->file_slots) : file_index - 1;
	int error = any ? min(slot, 0) : 0;

	iou_assert_locked(ring);
	if (io_is_uring_fops(file))
		error = -EBADF;
	else if (!any && !ring->files.nr)
		error = -ENXIO;
	else if (!any && (u32)slot >= ring->files.nr)
		error = -EINVAL;
	if (error < 0) {
		fput(file);
		return error;
	}
	slot = array_index_nospec(slot, ring->files.nr);
	error = files_set(ring, slot, file, 0);
	return error ?: any ? slot : 0;
}

/**
 * iou_files_remove() - empty a slot
 * @ring: locked
 * @slot: any number
 *
 * Context: ring lock. May sleep.
 * Return: 0; -ENXIO: there is no table; -EINVAL: no such slot; -EBADF: it is
 * empty.
 */
int iou_files_remove(struct iou_ring *ring, u32 slot)
{
	iou_assert_locked(ring);
	if (!ring->files.nr)
		return -ENXIO;
	if (slot >= ring->files.nr)
		return -EINVAL;
	slot = array_index_nospec(slot, ring->files.nr);
	if (!ring->files.slots[slot])
		return -EBADF;
	files_clear(ring, slot);
	return 0;
}

/**
 * iou_files_get() - the file in a slot, for more than the request's own file
 * @ring: locked
 * @slot: any number
 *
 * Context: ring lock.
 * Return: the file with a reference, or NULL.
 */
struct file *iou_files_get(struct iou_ring *ring, u32 slot)
{
	struct iou_node *node = iou_table_get(&ring->files, slot);

	iou_assert_locked(ring);
	return node ? get_file(node->what) : NULL;
}

/**
 * iou_files_drop_slots() - there is no table any more
 * @ring: locked
 *
 * Context: ring lock.
 */
void iou_files_drop_slots(struct iou_ring *ring)
{
	iou_assert_locked(ring);
	kvfree(ring->file_slots.used);
	ring->file_slots.used = NULL;
	slots_set_range(&ring->file_slots, 0, 0);
}

static void files_free(struct iou_ring *ring)
	__must_hold(&ring->lock)
{
	iou_table_free(&ring->files, ring);
	iou_files_drop_slots(ring);
}

static long files_register(struct iou_ring *ring, const struct iou_rsrc_range *range)
	__must_hold(&ring->lock)
{
	int error;
	u32 done;

	if (ring->files.nr)
		return -EBUSY;
	if (!range->nr)
		return -EINVAL;
	if (range->nr > IOU_MAX_FILES || range->nr > rlimit(RLIMIT_NOFILE))
		return -EMFILE;
	ring->file_slots.used = kvcalloc(BITS_TO_LONGS(range->nr), sizeof(long),
					 GFP_KERNEL_ACCOUNT);
	if (!ring->file_slots.used)
		return -ENOMEM;
	error = iou_table_alloc(&ring->files, range->nr);
	if (!error)
		error = files_update_all(ring, range, &done);
	if (error) {
		iou_table_forget_tags(&ring->files);
		files_free(ring);
		return error;
	}
	slots_set_range(&ring->file_slots, 0, range->nr);
	return 0;
}

/* FILES */
long iou_files_register(struct iou_ring *ring, void __user *arg, u32 nr)
{
	struct iou_rsrc_range range = { .nr = nr, .data = arg };

	return arg ? files_register(ring, &range) : -EFAULT;
}

/* FILES2 */
long iou_files_register2(struct iou_ring *ring, void __user *arg, u32 size)
{
	struct iou_rsrc_range range;
	int error = iou_rsrc_get_register(&range, arg, size);

	return error ?: files_register(ring, &range);
}

/* FILES_UPDATE */
long iou_files_update(struct iou_ring *ring, void __user *arg, u32 nr)
{
	struct iou_rsrc_range range;
	int error = iou_rsrc_get_update(&range, arg, nr);

	return error ?: iou_files_update_range(ring, &range);
}

/* FILES_UPDATE2 */
long iou_files_update2(struct iou_ring *ring, void __user *arg, u32 size)
{
	struct iou_rsrc_range range;
	int error = iou_rsrc_get_update2(&range, arg, size);

	return error ?: iou_files_update_range(ring, &range);
}

/* FILE_ALLOC_RANGE: where the kernel may choose slots */
long iou_files_set_range(struct iou_ring *ring, void __user *arg, u32 nr)
{
	struct io_uring_file_index_range range;
	u32 end;

	if (copy_from_user(&range, arg, sizeof(range)))
		return -EFAULT;
	if (check_add_overflow(range.off, range.len, &end))
		return -EOVERFLOW;
	if (range.resv || end > ring->files.nr)
		return -EINVAL;
	slots_set_range(&ring->file_slots, range.off, end);
	return 0;
}
