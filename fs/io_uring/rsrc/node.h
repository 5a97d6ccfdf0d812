/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Nodes: what a slot of a table of files or buffers holds.
 */
#ifndef IOU_RSRC_NODE_H
#define IOU_RSRC_NODE_H

#include <linux/nospec.h>
#include <linux/types.h>
#include <uapi/linux/io_uring.h>

#include "../iou.h"

/**
 * struct iou_node - a registered file or buffer
 * @refs: [R] the slot and the requests that use it
 * @tag: user_data of the CQE that tells of its end, 0: none
 * @what: the file or buffer
 * @release: lets go of it; of what takes its time when the ring is unlocked. Without a
 *           ring, which is not locked then, at once
 *
 * [R]: under the ring lock. So counting is cheap: requests come and go under
 * that lock anyway. A slot that is changed gets another node; whoever uses the
 * old one keeps it.
 */
struct iou_node {
	u32 refs;
	u64 tag;
	void *what;
	void (*release)(void *what, struct iou_ring *ring);
};

/**
 * struct iou_rsrc_range - what a program wants to be done to some slots
 * @offset: the first slot
 * @nr: how many
 * @data: user pointer to an array: descriptors or iovecs; NULL: empty slots
 * @tags: user pointer to an array of tags, or NULL
 * @is_update: of a table that is there; NULL for @data is an error, and a slot
 *             can be left alone (IORING_REGISTER_FILES_SKIP)
 */
struct iou_rsrc_range {
	u32 offset;
	u32 nr;
	bool is_update;
	const void __user *data;
	const u64 __user *tags;
};

int iou_rsrc_get_register(struct iou_rsrc_range *range, const void __user *arg, u32 size);
int iou_rsrc_get_update(struct iou_rsrc_range *range, const void __user *arg, u32 nr);
int iou_rsrc_get_update2(struct iou_rsrc_range *range, const void __user *arg, u32 size);
int iou_rsrc_check(const struct iou_rsrc_range *range, const struct iou_table *table);
int iou_rsrc_tag(const struct iou_rsrc_range *range, u32 i, u64 *tag);

int iou_table_alloc(struct iou_table *table, u32 nr);
void iou_table_free(struct iou_table *table, struct iou_ring *ring) __must_hold(&ring->lock);
bool iou_table_empty_some(struct iou_table *table, u32 *from, struct iou_ring *ring)
	__must_hold(&ring->lock);
void iou_table_forget_tags(struct iou_table *table);
void iou_table_disown(struct iou_table *table, u32 slot);
void iou_table_release(struct iou_table *table);
void iou_table_set(struct iou_table *table, u32 slot, struct iou_node *node,
		   struct iou_ring *ring) __must_hold(&ring->lock);

struct iou_node *iou_node_create(void *what,
				 void (*release)(void *what, struct iou_ring *ring), u64 tag);
void iou_node_end(struct iou_node *node, struct iou_ring *ring) __must_hold(&ring->lock);

/**
 * iou_table_get() - look into a slot
 * @table: its ring is locked
 * @slot: any number
 *
 * Return: the node, valid while the ring is locked; NULL: there is none.
 */
static inline struct iou_node *iou_table_get(const struct iou_table *table, u32 slot)
{
	if (unlikely(slot >= table->nr))
		return NULL;
	return table->slots[array_index_nospec(slot, table->nr)];
}

/**
 * iou_node_put() - a node is not used any more
 * @node: by the caller
 * @ring: its, locked: gets the CQE with the tag
 */
static inline void iou_node_put(struct iou_node *node, struct iou_ring *ring)
	__must_hold(&ring->lock)
{
	if (!--node->refs)
		iou_node_end(node, ring);
}

#endif
