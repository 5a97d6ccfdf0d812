/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The submission queue. Letters refer to the diagram in shared.h.
 */
#ifndef IOU_MEM_SQ_H
#define IOU_MEM_SQ_H

#include <linux/minmax.h>

#include "shared.h"

/**
 * struct iou_sq - the kernel's end of the SQ
 * @head: [R] next slot to read; free running
 * @mask: slots - 1
 * @entries: number of slots
 * @sqe_size: in bytes
 * @array: indices of SQEs; NULL: slot i is SQE i
 * @sqes: the SQEs
 * @hdr: the shared words
 *
 * [R]: under the ring lock. The rest is constant.
 */
struct iou_sq {
	u32 head;
	u32 mask;
	u32 entries;
	u32 sqe_size;
	u32 __shared *array;
	void __shared *sqes;
	struct iou_shared __shared *hdr;
};

/* Number of SQEs that can be read now, whatever the program wrote to the tail */
static inline u32 iou_sq_pending(const struct iou_sq *sq)
{
	/* B: the SQEs are read after this */
	u32 tail = iou_load_acquire(&sq->hdr->sq_tail);

	return min(tail - sq->head, sq->entries);
}

/**
 * iou_sq_next() - consume a slot
 * @sq: not empty
 * @sqe: receives the SQE, which stays the kernel's until iou_sq_publish()
 *
 * Return: false: the slot named an SQE that does not exist, and was counted as dropped.
 */
static __always_inline bool iou_sq_next(struct iou_sq *sq,
					const struct io_uring_sqe __shared **sqe)
{
	u32 i = sq->head++ & sq->mask;

	if (sq->array) {
		i = iou_load(&sq->array[i]);
		if (unlikely(i > sq->mask)) {
			iou_store(&sq->hdr->sq_dropped,
				  iou_load(&sq->hdr->sq_dropped) + 1);
			return false;
		}
		/* Also when the test above was guessed wrong */
		i &= sq->mask;
	}
	*sqe = sq->sqes + (size_t)(i * sq->sqe_size);
	return true;
}

/* Give all consumed slots back to the program */
static inline void iou_sq_publish(struct iou_sq *sq)
{
	/* C: the SQEs were read before this */
	iou_store_release(&sq->hdr->sq_head, sq->head);
}

/*
 * Is there no slot that the program knows to be free? Lock-free, for poll(2) and
 * SQ_WAIT.
 */
static inline bool iou_sq_full(const struct iou_sq *sq)
{
	return iou_load(&sq->hdr->sq_tail) - iou_load(&sq->hdr->sq_head) >= sq->entries;
}

static inline void iou_sq_set_flag(struct iou_sq *sq, u32 flag)
{
	atomic_or(flag, iou_raw(&sq->hdr->sq_flags));
}

static inline void iou_sq_clear_flag(struct iou_sq *sq, u32 flag)
{
	atomic_andnot(flag, iou_raw(&sq->hdr->sq_flags));
}

#endif
