// SPDX-License-Identifier: GPL-2.0
/*
 * Restrictions. A program can hand a ring to somebody it does not trust: what is
 * not in the list is refused. The list counts from ENABLE_RINGS on.
 */
#include <linux/nospec.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include "restrict.h"

static_assert(sizeof(struct io_uring_restriction) == 16);

/* More than one entry for each thing there is cannot be needed */
#define IOU_MAX_RESTRICTIONS						\
	(IORING_RESTRICTION_LAST + IORING_REGISTER_LAST + IORING_OP_LAST)

static int restrict_add(struct iou_restrict *restr, const struct io_uring_restriction *entry)
{
	switch (entry->opcode) {
	case IORING_RESTRICTION_REGISTER_OP:
		if (entry->register_op >= IORING_REGISTER_LAST)
			return -EINVAL;
		__set_bit(entry->register_op, restr->register_ops);
		return 0;
	case IORING_RESTRICTION_SQE_OP:
		if (entry->sqe_op >= IORING_OP_LAST)
			return -EINVAL;
		__set_bit(entry->sqe_op, restr->sqe_ops);
		return 0;
	case IORING_RESTRICTION_SQE_FLAGS_ALLOWED:
		restr->flags_allowed = entry->sqe_flags;
		return 0;
	case IORING_RESTRICTION_SQE_FLAGS_REQUIRED:
		restr->flags_required = entry->sqe_flags;
		return 0;
	default:
		return -EINVAL;
	}
}

static int restrict_fill(struct iou_restrict *restr,
			 const struct io_uring_restriction *entries, u32 nr)
{
	int error = 0;
	u32 i;

	for (i = 0; i < nr && !error; i++)
		error = restrict_add(restr, &entries[i]);
	return error;
}

/* RESTRICTIONS */
long iou_restrict_register(struct iou_ring *ring, void __user *arg, u32 nr)
{
	struct io_uring_restriction *entries;
	struct iou_restrict *restr;
	int error;

	if (ring->state != IOU_RING_DISABLED)
		return -EBADFD;
	if (ring->restrictions)
		return -EBUSY;
	if (!arg || nr > IOU_MAX_RESTRICTIONS)
		return -EINVAL;
	entries = memdup_array_user(arg, nr, sizeof(*entries));
	if (IS_ERR(entries))
		return PTR_ERR(entries);
	restr = kzalloc(sizeof(*restr), GFP_KERNEL_ACCOUNT);
	error = restr ? restrict_fill(restr, entries, nr) : -ENOMEM;
	kfree(entries);
	if (error) {
		kfree(restr);
		return error;
	}
	ring->restrictions = restr;
	return 0;
}

/**
 * iou_restrict_sqe_ok() - may this be submitted?
 * @restr: the ring's
 * @opcode: any
 * @flags: IOSQE_*
 *
 * Return: whether.
 */
bool iou_restrict_sqe_ok(const struct iou_restrict *restr, u8 opcode, u8 flags)
{
	if (opcode >= IORING_OP_LAST ||
	    !test_bit(array_index_nospec(opcode, IORING_OP_LAST), restr->sqe_ops))
		return false;
	if (~flags & restr->flags_required)
		return false;
	return !(flags & ~(restr->flags_allowed | restr->flags_required));
}

/**
 * iou_restrict_register_ok() - may this register operation be called?
 * @restr: the ring's
 * @opcode: below IORING_REGISTER_LAST
 *
 * Return: whether.
 */
bool iou_restrict_register_ok(const struct iou_restrict *restr, u32 opcode)
{
	return test_bit(array_index_nospec(opcode, IORING_REGISTER_LAST), restr->register_ops);
}

/**
 * iou_restrict_free() - forget the restrictions
 * @ring: nobody can reach it any more
 */
void iou_restrict_free(struct iou_ring *ring)
{
	kfree(ring->restrictions);
}
