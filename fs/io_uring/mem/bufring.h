/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Rings of provided buffers: the entries, which a program writes.
 *
 *       program                            kernel
 *
 *   (P) fill entries                   (Q) load tail, acquire
 *       store tail, release                read entries
 *
 * There is no shared head: an entry is the program's again when a CQE names its
 * buffer, see E and F in shared.h.
 */
#ifndef IOU_MEM_BUFRING_H
#define IOU_MEM_BUFRING_H

#include "shared.h"

/* Where the tail is: over the unused last bytes of the first entry */
static inline u16 __shared *iou_bufring_end(struct io_uring_buf __shared *bufs)
{
	return &bufs[0].resv;
}

static inline u16 iou_bufring_tail(const u16 __shared *end)
{
	/* Q: entries are read after this */
	return iou_load_acquire(end);
}

/* Read one field of an entry, see iou_sqe_get(); the caller masks @i */
#define iou_bufring_get(bufs, i, field)	iou_load(&(bufs)[i].field)

/* A part of the buffer was used: the entry is for the rest */
static inline void iou_bufring_shrink(struct io_uring_buf __shared *bufs, u32 i,
				      u64 addr, u32 len)
{
	iou_store(&bufs[i].addr, addr);
	iou_store(&bufs[i].len, len);
}

#endif
