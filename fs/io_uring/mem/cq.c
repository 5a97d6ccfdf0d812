// SPDX-License-Identifier: GPL-2.0
/*
 * The completion queue when it is full.
 */
#include <linux/slab.h>

#include <trace/events/io_uring.h>

#include "cq.h"
#include "sq.h"

static bool cq_has_room(const struct iou_cq *cq)
{
	return cq->tail != cq->limit;
}

/* Learn from the program how much room there is */
static void cq_find_room(struct iou_cq *cq)
{
	/* H: slots are overwritten after this */
	u32 head = iou_load_acquire(&cq->hdr->cq_head);
	u32 used = cq->tail - head;

	/* A head that cannot be is a full queue */
	cq->limit = cq->tail + (used < cq->entries ? cq->entries - used : 0);
}

static void cq_set_overflow(struct iou_cq *cq)
{
	atomic_or(IORING_SQ_CQ_OVERFLOW, iou_raw(&cq->hdr->sq_flags));
}

static void cq_lose(struct iou_cq *cq)
{
	cq->nr_lost++;
	cq->lost_unreported = true;
	iou_store(&cq->hdr->cq_overflow, cq->nr_lost);
}

/**
 * iou_cq_post_slow() - add a CQE when no free slot is known
 * @cq: its ring is locked, @tail is @limit
 * @user_data: of the SQE
 * @res: the result or a negative errno
 * @flags: IORING_CQE_F_*
 *
 * Context: ring lock. May sleep, but not for I/O: this is on the completion
 * path of the very I/O that reclaim might wait for.
 */
void iou_cq_post_slow(struct iou_cq *cq, u64 user_data, s32 res, u32 flags)
{
	struct iou_backlog_cqe *entry;

	if (list_empty(&cq->backlog)) {
		cq_find_room(cq);
		if (cq_has_room(cq)) {
			iou_cq_fill(cq, user_data, res, flags);
			return;
		}
	}

	entry = kmalloc(sizeof(*entry), GFP_NOIO | __GFP_ACCOUNT | __GFP_NOWARN);
	trace_io_uring_cqe_overflow(cq, user_data, res, flags, entry);
	if (!entry) {
		cq_lose(cq);
		return;
	}
	entry->user_data = user_data;
	entry->res = res;
	entry->flags = flags;
	entry->uncounted = false;
	entry->extra = 0;
	if (list_empty(&cq->backlog))
		cq_set_overflow(cq);
	list_add_tail(&entry->node, &cq->backlog);
}

/**
 * iou_cq_post_uncounted_slow() - iou_cq_post_uncounted() when no free slot is known
 * @cq: its ring is locked, @tail is @limit
 * @user_data: of the SQE
 * @res: the result or a negative errno
 * @flags: IORING_CQE_F_*
 *
 * Context: ring lock. May sleep, see iou_cq_post_slow().
 */
void iou_cq_post_uncounted_slow(struct iou_cq *cq, u64 user_data, s32 res, u32 flags)
{
	u32 lost = cq->nr_lost;
	u32 tail = cq->tail;

	iou_cq_post_slow(cq, user_data, res, flags);
	if (likely(cq->tail != tail))
		iou_cq_uncount(cq);
	else if (cq->nr_lost == lost)
		list_last_entry(&cq->backlog, struct iou_backlog_cqe, node)->uncounted = true;
}

/* Give the CQE that was written last its second half */
static void cq_set_extra(struct iou_cq *cq, u64 extra)
{
	u32 slot = (cq->tail - 1) & cq->mask;
	struct io_uring_cqe *cqes = (struct io_uring_cqe __force *)cq->cqes;

	if (cq->cqe_shift > 4)
		WRITE_ONCE(cqes[2 * slot].big_cqe[0], extra);
}

/**
 * iou_cq_post_big() - add a CQE with a second half
 * @cq: its ring is locked
 * @user_data: of the SQE
 * @res: the result or a negative errno
 * @flags: IORING_CQE_F_*
 * @extra: the second half, if CQEs have one
 *
 * Context: ring lock. May sleep, see iou_cq_post_slow().
 */
void iou_cq_post_big(struct iou_cq *cq, u64 user_data, s32 res, u32 flags, u64 extra)
{
	u32 lost = cq->nr_lost;
	u32 tail = cq->tail;

	iou_cq_post(cq, user_data, res, flags);
	if (likely(cq->tail != tail))
		cq_set_extra(cq, extra);
	else if (cq->nr_lost == lost)
		list_last_entry(&cq->backlog, struct iou_backlog_cqe, node)->extra = extra;
}

/**
 * iou_cq_try_post() - add a CQE, unless that needs the backlog
 * @cq: its ring is locked
 * @user_data: of the SQE
 * @res: the result or a negative errno
 * @flags: IORING_CQE_F_*
 *
 * Return: false: there is no room.
 */
bool iou_cq_try_post(struct iou_cq *cq, u64 user_data, s32 res, u32 flags)
{
	if (!cq_has_room(cq) && list_empty(&cq->backlog))
		cq_find_room(cq);
	if (!cq_has_room(cq))
		return false;
	iou_cq_fill(cq, user_data, res, flags);
	return true;
}

/**
 * iou_cq_flush_backlog() - move CQEs from the backlog to the CQ
 * @cq: its ring is locked
 * @max: so many at most
 *
 * As far as they fit, in order. The caller publishes them, which includes telling who
 * waits, and when there are no more calls iou_cq_end_overflow().
 *
 * Return: whether there are more that fit.
 */
bool iou_cq_flush_backlog(struct iou_cq *cq, u32 max)
{
	struct iou_backlog_cqe *entry, *next;

	if (list_empty(&cq->backlog))
		return false;
	cq_find_room(cq);
	list_for_each_entry_safe(entry, next, &cq->backlog, node) {
		if (!cq_has_room(cq))
			return false;
		if (!max--) {
			/* What is posted meanwhile goes behind the others */
			cq->limit = cq->tail;
			return true;
		}
		iou_cq_fill(cq, entry->user_data, entry->res, entry->flags);
		cq_set_extra(cq, entry->extra);
		if (entry->uncounted)
			iou_cq_uncount(cq);
		list_del(&entry->node);
		kfree(entry);
	}
	return false;
}

/**
 * iou_cq_end_overflow() - the program need not ask any more, if the backlog is empty
 * @cq: its ring is locked, what was flushed is published
 */
void iou_cq_end_overflow(struct iou_cq *cq)
{
	if (!list_empty(&cq->backlog))
		return;
	/*
	 * The flushed CQEs must be visible to a program that finds the flag
	 * gone: release, see the litmus test "overflow".
	 */
	atomic_fetch_andnot_release(IORING_SQ_CQ_OVERFLOW, iou_raw(&cq->hdr->sq_flags));
}

/**
 * iou_cq_init() - prepare a CQ, all of whose fields are 0
 * @cq: of a ring that is being made
 */
void iou_cq_init(struct iou_cq *cq)
{
	INIT_LIST_HEAD(&cq->backlog);
}

/**
 * iou_cq_free() - free the backlog
 * @cq: of a ring that nobody can reach any more
 */
void iou_cq_free(struct iou_cq *cq)
{
	struct iou_backlog_cqe *entry, *next;

	list_for_each_entry_safe(entry, next, &cq->backlog, node)
		kfree(entry);
}
