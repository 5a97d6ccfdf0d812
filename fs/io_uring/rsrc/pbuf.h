/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Provided buffers: a request says from which group it wants one, looks at it, and
 * commits what it has used.
 */
#ifndef IOU_RSRC_PBUF_H
#define IOU_RSRC_PBUF_H

#include <linux/fs.h>
#include <linux/uaccess.h>
#include <linux/uio.h>

#include "../iou.h"
#include "../mem/bufring.h"

#define IOU_PBUF_MAX	65536	/* buffers in a group */

/**
 * struct iou_pbuf_group - buffers of one group
 * @bgid: its number
 * @is_ring: the program writes the entries; else they were provided one by one
 * @is_inc: a buffer is used up piece by piece
 * @is_mmap: the memory of the ring is the kernel's
 * @min_left: with @is_inc: a rest smaller than this is not worth keeping
 * @head: [R] next entry; free running
 * @tail: [R] without @is_ring: end of the entries; free running
 * @keeper: [R] with @is_inc: the last to have taken something, if it may give back a part
 * @low_tail: [R] its lower bits, in the place of the tail of a ring
 * @end: [R] the tail: the ring's or @low_tail
 * @mask: [R] entries - 1
 * @bufs: [R] the entries; without @is_ring nobody else sees them
 * @region: their memory, with @is_ring
 */
struct iou_pbuf_group {
	u32 bgid;
	bool is_ring;
	bool is_inc;
	bool is_mmap;
	u32 min_left;
	u16 low_tail;
	u32 head;
	u32 tail;
	u32 mask;
	u16 __shared *end;
	struct io_uring_buf __shared *bufs;
	struct iou_region region;
	const struct iou_req *keeper;
};

/*
 * How an opcode uses provided buffers: iou_op.pbuf. In any case a buffer is used when bytes
 * were transferred.
 */
enum iou_pbuf_policy {
	IOU_PBUF_USED		= 1 << 0,	/* it uses some */
	IOU_PBUF_AT_END		= 1 << 1,	/* the end of a file uses one, too */
	IOU_PBUF_FULL		= 1 << 2,	/* it wants what the program has put in */
};

/* What becomes of the rest of a buffer of which a request has used a part */
enum iou_pbuf_rest {
	IOU_PBUF_LEAVE,		/* others may have it, if it is incremental */
	IOU_PBUF_KEEP,		/* kept as far as it was looked at; the same for what is behind */
	IOU_PBUF_KEEP_ALL,	/* kept; others use other buffers */
};

/**
 * struct iou_pbuf - a buffer that was looked at, and not taken yet
 * @group: it is the next one of
 * @addr: user address
 * @len: what a request may use of it, in bytes
 * @full: what is left of it
 * @bid: its number
 */
struct iou_pbuf {
	struct iou_pbuf_group *group;
	u64 addr;
	u32 len;
	u32 full;
	u16 bid;
};

#define IOU_PBUF_RUN_MAX	256	/* buffers in a run */

/**
 * struct iou_pbuf_run - buffers that follow each other, looked at and not taken yet
 * @group: of
 * @vec: where they are; room for IOU_PBUF_RUN_MAX, the ring's
 * @nr: how many
 * @bytes: how long they are together
 * @bid: number of the first
 * @full: what is left of the last one, of which a request may use less
 */
struct iou_pbuf_run {
	struct iou_pbuf_group *group;
	struct iovec *vec;
	u32 nr;
	u32 bytes;
	u32 full;
	u16 bid;
};

struct iou_pbuf_group *iou_pbuf_find(struct iou_ring *ring, u16 bgid)
	__must_hold(&ring->lock);
struct iou_pbuf_group *iou_pbuf_find_any(struct iou_ring *ring, u16 bgid, int *error)
	__must_hold(&ring->lock);
int iou_pbuf_provide(struct iou_ring *ring, u16 bgid, const struct io_uring_buf *first,
		     u32 nr) __must_hold(&ring->lock);
int iou_pbuf_remove(struct iou_ring *ring, u16 bgid, u32 nr) __must_hold(&ring->lock);
struct iovec *iou_pbuf_vec(struct iou_ring *ring) __must_hold(&ring->lock);
int iou_pbuf_look_run(const struct iou_req *req, struct iou_pbuf_run *run, u32 bytes, u32 nr)
	__must_hold(&iou_req_ring(req)->lock);
void iou_pbuf_commit_run(struct iou_req *req, const struct iou_pbuf_run *run, u32 bytes,
			 struct iovec *rest)
	__must_hold(&iou_req_ring(req)->lock);
void iou_pbuf_commit_part(struct iou_req *req, const struct iou_pbuf *buf, u32 bytes,
			  enum iou_pbuf_rest rest)
	__must_hold(&iou_req_ring(req)->lock);
void iou_pbuf_settle(struct iou_req *req) __must_hold(&iou_req_ring(req)->lock);
long iou_pbuf_register(struct iou_ring *ring, void __user *arg, u32 nr_args)
	__must_hold(&ring->lock);
long iou_pbuf_unregister(struct iou_ring *ring, void __user *arg, u32 nr_args)
	__must_hold(&ring->lock);
long iou_pbuf_status(struct iou_ring *ring, void __user *arg, u32 nr_args)
	__must_hold(&ring->lock);
int iou_pbuf_mmap(struct iou_ring *ring, u16 bgid, struct vm_area_struct *vma);
bool iou_pbuf_can_mmap(struct iou_ring *ring, u16 bgid);
void iou_pbuf_init(struct iou_ring *ring);
void iou_pbuf_free(struct iou_ring *ring);

/* How many buffers are there? */
static inline u32 iou_pbuf_count(const struct iou_pbuf_group *group)
{
	if (likely(group->is_ring))
		return (u16)(iou_bufring_tail(group->end) - group->head);
	return group->tail - group->head;
}

/* Did a request fail because there is no buffer, and is there still none? */
static inline bool iou_pbuf_is_missed(const struct iou_req *req)
	__must_hold(&iou_req_ring(req)->lock)
{
	const struct iou_pbuf_group *group;

	if (likely(req->res != -ENOBUFS) || !(req->notes & IOU_NOTE_SELECT))
		return false;
	group = iou_pbuf_find(iou_req_ring(req), req->buf_group);
	return group && !iou_pbuf_count(group);
}

/*
 * How much of a buffer to use, if the program says @len: 0 means all. More than the
 * largest transfer is no use.
 */
static inline u32 iou_pbuf_cap(u32 len)
{
	return len - 1 < MAX_RW_COUNT ? len : MAX_RW_COUNT;
}

/**
 * iou_pbuf_look() - look at the next buffer of a request's group
 * @req: wants one (IOU_NOTE_SELECT)
 * @buf: where to describe it
 *
 * It stays where it is until iou_pbuf_commit(), before which the ring lock must not
 * be released. If nothing comes of it, nothing has to be undone.
 *
 * Context: ring lock.
 * Return: 0; -ENOENT: there is no such group; -ENOBUFS: there is no buffer in it, or that
 * is not user memory.
 */
static inline int iou_pbuf_look(const struct iou_req *req, struct iou_pbuf *buf)
	__must_hold(&iou_req_ring(req)->lock)
{
	struct iou_ring *ring = iou_req_ring(req);
	struct iou_pbuf_group *group = ring->pbufs.last;
	u32 i;

	iou_assert_locked(ring);
	if (unlikely(group->bgid != req->buf_group ||
		     iou_bufring_tail(group->end) == (u16)group->head)) {
		int error;

		group = iou_pbuf_find_any(ring, req->buf_group, &error);
		if (!group)
			return error;
	}
	i = group->head & group->mask;
	buf->group = group;
	buf->addr = iou_bufring_get(group->bufs, i, addr);
	buf->full = iou_bufring_get(group->bufs, i, len);
	buf->bid = iou_bufring_get(group->bufs, i, bid);
	buf->len = min(buf->full, req->buf_cap);
	if (unlikely(!access_ok(u64_to_user_ptr(buf->addr), buf->len)))
		return -ENOBUFS;
	return 0;
}

/* Has an attempt used the buffer that it was made with? */
static __always_inline bool iou_pbuf_is_used(enum iou_pbuf_policy policy, ssize_t ret)
{
	return ret > 0 || (!ret && (policy & IOU_PBUF_AT_END));
}

/**
 * iou_pbuf_commit() - take a buffer, or a part of it
 * @req: looked at it, and has it from now on
 * @buf: which
 * @bytes: how much of it was used. With MSG_TRUNC that may be more than there is
 * @rest: what becomes of the rest. If @req goes on, what of an incremental buffer is
 *        more than its result is given back when it completes
 *
 * Context: ring lock, since iou_pbuf_look().
 */
static inline void iou_pbuf_commit(struct iou_req *req, const struct iou_pbuf *buf, u32 bytes,
				   enum iou_pbuf_rest rest)
	__must_hold(&iou_req_ring(req)->lock)
{
	struct iou_pbuf_group *group = buf->group;

	req->notes &= ~IOU_NOTE_SELECT;
	req->cflags |= IORING_CQE_F_BUFFER | (u32)buf->bid << IORING_CQE_BUFFER_SHIFT;
	if (unlikely(group->is_inc))
		iou_pbuf_commit_part(req, buf, bytes, rest);
	else
		group->head++;
}

#endif
