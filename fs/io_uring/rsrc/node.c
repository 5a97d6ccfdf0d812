// SPDX-License-Identifier: GPL-2.0
/*
 * Tables of nodes, and what register operations on files and on buffers have in
 * common.
 */
#include <linux/mm.h>
#include <linux/overflow.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "node.h"

static_assert(sizeof(struct io_uring_rsrc_register) == 32);
static_assert(sizeof(struct io_uring_rsrc_update) == 16);
static_assert(sizeof(struct io_uring_rsrc_update2) == 32);

/**
 * iou_rsrc_get_register() - read the argument of FILES2 or BUFFERS2
 * @range: filled in
 * @arg: struct io_uring_rsrc_register
 * @size: what the program thinks its size is
 *
 * Context: may sleep.
 * Return: 0, -EFAULT or -EINVAL.
 */
int iou_rsrc_get_register(struct iou_rsrc_range *range, const void __user *arg, u32 size)
{
	struct io_uring_rsrc_register reg;

	if (size != sizeof(reg))
		return -EINVAL;
	if (copy_from_user(&reg, arg, sizeof(reg)))
		return -EFAULT;
	if (!reg.nr || reg.resv2 || (reg.flags & ~IORING_RSRC_REGISTER_SPARSE) ||
	    (reg.flags && reg.data))
		return -EINVAL;
	range->offset = 0;
	range->nr = reg.nr;
	range->data = u64_to_user_ptr(reg.data);
	range->tags = u64_to_user_ptr(reg.tags);
	range->is_update = false;
	return 0;
}

/**
 * iou_rsrc_get_update() - read the argument of FILES_UPDATE
 * @range: filled in
 * @arg: struct io_uring_rsrc_update
 * @nr: number of slots
 *
 * Context: may sleep.
 * Return: 0, -EFAULT or -EINVAL.
 */
int iou_rsrc_get_update(struct iou_rsrc_range *range, const void __user *arg, u32 nr)
{
	struct io_uring_rsrc_update update;

	if (!nr)
		return -EINVAL;
	if (copy_from_user(&update, arg, sizeof(update)))
		return -EFAULT;
	if (update.resv)
		return -EINVAL;
	range->offset = update.offset;
	range->nr = nr;
	range->data = u64_to_user_ptr(update.data);
	range->tags = NULL;
	range->is_update = true;
	return 0;
}

/**
 * iou_rsrc_get_update2() - read the argument of FILES_UPDATE2 or BUFFERS_UPDATE
 * @range: filled in
 * @arg: struct io_uring_rsrc_update2
 * @size: what the program thinks its size is
 *
 * Context: may sleep.
 * Return: 0, -EFAULT or -EINVAL.
 */
int iou_rsrc_get_update2(struct iou_rsrc_range *range, const void __user *arg, u32 size)
{
	struct io_uring_rsrc_update2 update;

	if (size != sizeof(update))
		return -EINVAL;
	if (copy_from_user(&update, arg, sizeof(update)))
		return -EFAULT;
	if (!update.nr || update.resv || update.resv2)
		return -EINVAL;
	range->offset = update.offset;
	range->nr = update.nr;
	range->data = u64_to_user_ptr(update.data);
	range->tags = u64_to_user_ptr(update.tags);
	range->is_update = true;
	return 0;
}

/**
 * iou_rsrc_check() - does a range lie in a table?
 * @range: from a program
 * @table: its ring is locked
 *
 * Return: 0; -EOVERFLOW: it has no end; -ENXIO: there is no table; -EINVAL.
 */
int iou_rsrc_check(const struct iou_rsrc_range *range, const struct iou_table *table)
{
	u32 end;

	if (check_add_overflow(range->offset, range->nr, &end))
		return -EOVERFLOW;
	if (!table->nr)
		return -ENXIO;
	return end > table->nr ? -EINVAL : 0;
}

/**
 * iou_rsrc_tag() - read a tag
 * @range: from a program
 * @i: which, from 0
 * @tag: receives it, or 0 if there are none
 *
 * Context: may sleep.
 * Return: 0 or -EFAULT.
 */
int iou_rsrc_tag(const struct iou_rsrc_range *range, u32 i, u64 *tag)
{
	*tag = 0;
	if (!range->tags)
		return 0;
	return copy_from_user(tag, range->tags + i, sizeof(*tag)) ? -EFAULT : 0;
}

/**
 * iou_table_alloc() - make a table of empty slots
 * @table: to be filled in
 * @nr: of slots
 *
 * Context: may sleep.
 * Return: 0 or -ENOMEM.
 */
int iou_table_alloc(struct iou_table *table, u32 nr)
{
	table->slots = kvcalloc(nr, sizeof(*table->slots), GFP_KERNEL_ACCOUNT);
	if (!table->slots)
		return -ENOMEM;
	table->nr = nr;
	return 0;
}

static void table_forget(struct iou_table *table)
{
	kvfree(table->slots);
	table->slots = NULL;
	table->nr = 0;
}

/**
 * iou_table_free() - empty all slots and forget the table
 * @table: may be none
 * @ring: its, locked
 *
 * Does not wait for requests that use what was in it.
 *
 * Context: ring lock. May sleep.
 */
void iou_table_free(struct iou_table *table, struct iou_ring *ring)
{
	u32 i;

	for (i = 0; i < table->nr; i++) {
		iou_table_set(table, i, NULL, ring);
		cond_resched();
	}
	table_forget(table);
}

/* Slots that are emptied before others have their turn */
#define IOU_TABLE_STEPS		16

/**
 * iou_table_empty_some() - empty some slots of a table, and forget it when all are
 * @table: taken away from where requests look for it
 * @from: the first slot that is not empty yet; receives the next one
 * @ring: its, locked
 *
 * Does not wait for requests that use what was in it.
 *
 * Context: ring lock. May sleep.
 * Return: whether there are more.
 */
bool iou_table_empty_some(struct iou_table *table, u32 *from, struct iou_ring *ring)
{
	u32 end = min(table->nr, *from + IOU_TABLE_STEPS);

	for (; *from < end; ++*from)
		iou_table_set(table, *from, NULL, ring);
	if (end < table->nr)
		return true;

	table_forget(table);
	*from = 0;
	return false;
}

/**
 * iou_table_disown() - leave a node to the requests that use it, if there are any
 * @table: taken away from its ring, which is locked
 * @slot: smaller than its number of slots
 *
 * What is in the slot afterwards is nobody else's. There will be no CQE with its tag.
 *
 * Context: ring lock.
 */
void iou_table_disown(struct iou_table *table, u32 slot)
{
	struct iou_node *node = table->slots[slot];

	if (!node)
		return;
	node->tag = 0;
	if (--node->refs)
		table->slots[slot] = NULL;
}

/**
 * iou_table_release() - let go of all that is in a table, and of the table
 * @table: nobody else knows it, and what is in its slots is nobody else's
 *
 * Context: may sleep. Not under a ring lock: unpinning takes its time.
 */
void iou_table_release(struct iou_table *table)
{
	u32 i;

	for (i = 0; i < table->nr; i++) {
		struct iou_node *node = table->slots[i];

		if (!node)
			continue;
		node->release(node->what, NULL);
		kfree(node);
		cond_resched();
	}
	table_forget(table);
}

/**
 * iou_table_forget_tags() - registering has failed: tell of nothing
 * @table: nobody has used it yet
 */
void iou_table_forget_tags(struct iou_table *table)
{
	u32 i;

	for (i = 0; i < table->nr; i++)
		if (table->slots[i])
			table->slots[i]->tag = 0;
}

/**
 * iou_table_set() - change a slot
 * @table: one of them
 * @slot: smaller than its number of slots
 * @node: for it, or NULL
 * @ring: locked
 *
 * Context: ring lock. May sleep.
 */
void iou_table_set(struct iou_table *table, u32 slot, struct iou_node *node,
		   struct iou_ring *ring)
{
	struct iou_node *old = table->slots[slot];

	table->slots[slot] = node;
	if (old)
		iou_node_put(old, ring);
}

/**
 * iou_node_create() - make a node
 * @what: the file or buffer; now the node's, unless this fails
 * @release: lets go of it
 * @tag: see struct iou_node
 *
 * Context: may sleep.
 * Return: a node with one reference, or NULL without memory.
 */
struct iou_node *iou_node_create(void *what,
				 void (*release)(void *what, struct iou_ring *ring), u64 tag)
{
	struct iou_node *node = kmalloc(sizeof(*node), GFP_KERNEL_ACCOUNT);

	if (!node)
		return NULL;
	node->refs = 1;
	node->tag = tag;
	node->what = what;
	node->release = release;
	return node;
}

/**
 * iou_node_end() - a node is not used by anybody any more
 * @node: without references
 * @ring: its, locked: gets the CQE with the tag
 *
 * Context: ring lock. May sleep.
 */
void iou_node_end(struct iou_node *node, struct iou_ring *ring)
{
	iou_assert_locked(ring);
	node->release(node->what, ring);
	if (node->tag)
		iou_cq_post(&ring->cq, node->tag, 0, 0);
	kfree(node);
}
