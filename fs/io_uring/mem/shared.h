/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The words that the kernel and a program share, and the only ways to reach
 * them.
 *
 * Whatever is read from here may be a lie and may change at any moment. So
 * every word is read once, into a local, and then masked or compared. The
 * address space below makes sparse refuse any other access.
 *
 *       program                            kernel
 *
 *   (A) fill SQEs                      (B) load sq_tail, acquire
 *       store sq_tail, release             read SQEs
 *   (D) load sq_head, acquire          (C) store sq_head, release
 *
 *   (F) load cq_tail, acquire          (E) write CQEs
 *       read CQEs                          store cq_tail, release
 *   (G) store cq_head, release         (H) load cq_head, acquire
 *
 * A pairs with B, C with D, E with F, G with H: see sq-tail, sq-head, cq-tail and
 * cq-head in Documentation/litmus-tests/io_uring/.
 */
#ifndef IOU_MEM_SHARED_H
#define IOU_MEM_SHARED_H

#include <linux/atomic.h>
#include <linux/build_bug.h>
#include <linux/compiler.h>
#include <linux/types.h>
#include <uapi/linux/io_uring.h>

#ifdef __CHECKER__
#define __shared	__attribute__((noderef, address_space(__iou_shared)))
#else
#define __shared
#endif

/* The first bytes of the ring mapping; the CQEs follow */
struct iou_shared {
	u32 sq_head;		/* kernel writes */
	u32 sq_tail;		/* program writes */
	u32 cq_head;		/* program writes */
	u32 cq_tail;		/* kernel writes */
	u32 sq_mask;
	u32 cq_mask;
	u32 sq_entries;
	u32 cq_entries;
	u32 sq_dropped;		/* kernel writes */
	atomic_t sq_flags;	/* kernel writes, IORING_SQ_* */
	u32 cq_flags;		/* program writes, IORING_CQ_* */
	u32 cq_overflow;	/* kernel writes */
	u8 pad[16];
};

static_assert(sizeof(struct iou_shared) == 64);

/* The plain pointer behind a shared one. For the accessors below only. */
#define iou_raw(ptr)							\
({									\
	typeof(ptr) shared_ = (ptr);					\
									\
	(typeof(*shared_) __force *)shared_;				\
})

#define iou_load(ptr)			READ_ONCE(*iou_raw(ptr))
#define iou_store(ptr, val)		WRITE_ONCE(*iou_raw(ptr), (val))
/* B and H in the diagram */
#define iou_load_acquire(ptr)		smp_load_acquire(iou_raw(ptr))
/* C and E in the diagram */
#define iou_store_release(ptr, val)	smp_store_release(iou_raw(ptr), (val))

/**
 * iou_sqe_get() - read one field of an SQE
 * @sqe: in shared memory
 * @field: its name in struct io_uring_sqe
 *
 * Return: the value. A second call may return another one.
 */
#define iou_sqe_get(sqe, field)		iou_load(&(*(sqe)).field)

/* The first eight bytes of an SQE, in one load */
union iou_sqe_head {
	u64 word;
	struct {
		u8 opcode;
		u8 flags;
		u16 ioprio;
		s32 fd;
	};
};

/* Bytes 40 to 47 of an SQE, in one load */
union iou_sqe_mid {
	u64 word;
	struct {
		u16 buf_index;
		u16 personality;
		u32 file_index;
	};
};

static inline union iou_sqe_head
iou_sqe_head(const struct io_uring_sqe __shared *sqe)
{
	union iou_sqe_head head = {
		.word = READ_ONCE(*(const u64 __force *)sqe),
	};

	return head;
}

static inline union iou_sqe_mid
iou_sqe_mid(const struct io_uring_sqe __shared *sqe)
{
	union iou_sqe_mid mid = {
		.word = READ_ONCE(*((const u64 __force *)sqe + 5)),
	};

	return mid;
}

#endif
