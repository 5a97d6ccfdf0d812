// SPDX-License-Identifier: GPL-2.0
/*
 * Per-inode serialisation of work.
 *
 * Buffered writers of one inode would only queue up on its lock, each with a
 * worker of its own. Requests enter and leave under the ring lock, so who is
 * next is a plain list; a waiting request occupies no worker. A request has its turn
 * for as long as a worker is with it, and no longer: the lock is not held while a device
 * writes.
 */
#include <linux/fs.h>
#include <linux/hash.h>
#include <linux/slab.h>

#include "hash.h"

static u32 hash_of(const struct iou_req *req)
{
	return hash_ptr(file_inode(req->file), IOU_HASH_BITS);
}

/* Most rings never need it */
static noinline bool hash_create(struct iou_ring *ring)
	__must_hold(&ring->lock)
{
	int i;

	/* Perhaps for a request that a device could not do without blocking */
	ring->hash = kcalloc(IOU_NR_TURNS, sizeof(*ring->hash),
			     GFP_NOIO | __GFP_ACCOUNT | __GFP_NOWARN);
	if (!ring->hash)
		return false;
	for (i = 0; i < IOU_NR_TURNS; i++)
		INIT_LIST_HEAD(&ring->hash[i].waiting);
	return true;
}

/**
 * iou_hash_enter() - ask for a turn on the inode of a request's file
 * @req: about to go to a worker
 *
 * Context: ring lock.
 * Return: true: it is @req's turn, until iou_hash_leave(), or without memory it needs
 * none. false: @req waits and will be found on ring->ready when its turn has come. Who
 * takes it off either list before ends its wait, or passes on its turn by completing it.
 */
bool iou_hash_enter(struct iou_req *req)
{
	struct iou_ring *ring = iou_req_ring(req);
	u32 i = hash_of(req);

	iou_assert_locked(ring);
	/* Without turns they only queue up on the inode's lock */
	if (unlikely(!ring->hash && !hash_create(ring)))
		return true;
	if (ring->hash[i].busy) {
		list_add_tail(&req->work.node, &ring->hash[i].waiting);
		return false;
	}
	ring->hash[i].busy = true;
	req->held |= IOU_HELD_SERIAL;
	return true;
}

/**
 * iou_hash_leave() - give the turn to the next
 * @req: whose turn it was
 *
 * Context: ring lock.
 */
void iou_hash_leave(struct iou_req *req)
{
	struct iou_ring *ring = iou_req_ring(req);
	struct iou_turn *turn = &ring->hash[hash_of(req)];
	struct iou_req *next;

	iou_assert_locked(ring);
	req->held &= ~IOU_HELD_SERIAL;
	next = list_first_entry_or_null(&turn->waiting, struct iou_req, work.node);
	if (!next) {
		turn->busy = false;
		return;
	}
	next->held |= IOU_HELD_SERIAL;
	list_move_tail(&next->work.node, &ring->ready);
	ring->cold |= IOU_COLD_READY;
}

/**
 * iou_hash_free() - free the turns
 * @ring: nobody can reach it any more
 */
void iou_hash_free(struct iou_ring *ring)
{
	kfree(ring->hash);
}
