/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The completion queue. Letters refer to the diagram in shared.h.
 */
#ifndef IOU_MEM_CQ_H
#define IOU_MEM_CQ_H

#include <linux/list.h>

#include "shared.h"

/**
 * struct iou_cq - the kernel's end of the CQ
 * @tail: [R] next slot to write; free running
 * @limit: [R] slots before this one are free for sure. Equal to @tail while there
 *         is a backlog, so that one test finds both
 * @mask: slots - 1
 * @entries: number of slots
 * @published: [R] what the shared tail says; waiters read it without a lock
 * @nr_lost: [R] CQEs for which not even the backlog had memory
 * @nr_uncounted: [R] CQEs in the CQ since it was made that are not to be counted
 * @nr_unseen: [R] of these, those since @published was @unseen_from
 * @unseen_from: [R] see there
 * @cqe_shift: log2 of the size of a CQE
 * @lost_unreported: [R] some were lost since the last -EBADR
 * @cqes: the CQEs
 * @hdr: the shared words
 * @backlog: [R] CQEs that found no slot, oldest first
 *
 * [R]: under the ring lock. The rest is constant.
 */
struct iou_cq {
	u32 tail;
	u32 limit;
	u32 mask;
	u32 entries;
	u32 published;
	u32 nr_lost;
	u32 nr_uncounted;
	u32 nr_unseen;
	u32 unseen_from;
	u8 cqe_shift;
	bool lost_unreported;
	void __shared *cqes;
	struct iou_shared __shared *hdr;
	struct list_head backlog;
};

/* A CQE that waits for room; @extra: its second half, if CQEs have one */
struct iou_backlog_cqe {
	struct list_head node;
	u64 user_data;
	s32 res;
	u32 flags;
	u64 extra;
	bool uncounted;
};

void iou_cq_post_slow(struct iou_cq *cq, u64 user_data, s32 res, u32 flags);
void iou_cq_post_uncounted_slow(struct iou_cq *cq, u64 user_data, s32 res, u32 flags);
void iou_cq_post_big(struct iou_cq *cq, u64 user_data, s32 res, u32 flags, u64 extra);
bool iou_cq_try_post(struct iou_cq *cq, u64 user_data, s32 res, u32 flags);
bool iou_cq_flush_backlog(struct iou_cq *cq, u32 max);
void iou_cq_end_overflow(struct iou_cq *cq);
void iou_cq_init(struct iou_cq *cq);
void iou_cq_free(struct iou_cq *cq);

/* Write a CQE into the next slot, which the caller knows to be free */
static inline void iou_cq_fill(struct iou_cq *cq, u64 user_data, s32 res, u32 flags)
{
	u32 slot = cq->tail++ & cq->mask;
	struct io_uring_cqe *cqe = (struct io_uring_cqe __force *)cq->cqes + slot;

	if (unlikely(cq->cqe_shift > 4)) {
		cqe += slot;
		WRITE_ONCE(cqe->big_cqe[0], 0);
		WRITE_ONCE(cqe->big_cqe[1], 0);
	}
	WRITE_ONCE(cqe->user_data, user_data);
	WRITE_ONCE(cqe->res, res);
	WRITE_ONCE(cqe->flags, flags);
}

/**
 * iou_cq_post() - add a CQE
 * @cq: its ring is locked
 * @user_data: of the SQE
 * @res: the result or a negative errno
 * @flags: IORING_CQE_F_*
 *
 * The program sees it when the ring is unlocked. Without room it goes to the
 * backlog.
 */
static inline void iou_cq_post(struct iou_cq *cq, u64 user_data, s32 res, u32 flags)
{
	if (likely(cq->tail != cq->limit))
		iou_cq_fill(cq, user_data, res, flags);
	else
		iou_cq_post_slow(cq, user_data, res, flags);
}

/* A CQE that was just written is not to be counted */
static inline void iou_cq_uncount(struct iou_cq *cq)
{
	if (cq->unseen_from != cq->published) {
		cq->unseen_from = cq->published;
		cq->nr_unseen = 0;
	}
	cq->nr_uncounted++;
	cq->nr_unseen++;
}

/**
 * iou_cq_post_uncounted() - add a CQE that does not count for who counts CQEs
 * @cq: its ring is locked
 * @user_data: of the SQE
 * @res: the result or a negative errno
 * @flags: IORING_CQE_F_*
 *
 * Context: ring lock. May sleep, see iou_cq_post_slow().
 */
static inline void iou_cq_post_uncounted(struct iou_cq *cq, u64 user_data, s32 res, u32 flags)
{
	if (unlikely(cq->tail == cq->limit)) {
		iou_cq_post_uncounted_slow(cq, user_data, res, flags);
		return;
	}
	iou_cq_fill(cq, user_data, res, flags);
	iou_cq_uncount(cq);
}

/* How many CQEs count, up to @tail: that of the CQ, or what is published */
static inline u32 iou_cq_counted(const struct iou_cq *cq, u32 tail)
{
	u32 uncounted = cq->nr_uncounted;

	if (tail != cq->tail && cq->unseen_from == cq->published)
		uncounted -= cq->nr_unseen;
	return tail - uncounted;
}

/* Show the program all CQEs written. For run/lock.c, which also tells who waits. */
static inline void iou_cq_publish(struct iou_cq *cq)
{
	/* E: the CQEs were written before this */
	iou_store_release(&cq->hdr->cq_tail, cq->tail);
	WRITE_ONCE(cq->published, cq->tail);
}

/* The program's head; lock-free */
static inline u32 iou_cq_head(const struct iou_cq *cq)
{
	return iou_load(&cq->hdr->cq_head);
}

/* Number of CQEs that the program has not consumed; lock-free */
static inline u32 iou_cq_ready(const struct iou_cq *cq)
{
	return READ_ONCE(cq->published) - iou_cq_head(cq);
}

#endif
