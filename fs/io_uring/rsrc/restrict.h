/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Restrictions: what may be done with a ring once it is enabled.
 */
#ifndef IOU_RSRC_RESTRICT_H
#define IOU_RSRC_RESTRICT_H

#include <linux/bitmap.h>

#include "../iou.h"

/**
 * struct iou_restrict - a ring's restrictions
 * @register_ops: register operations that are allowed
 * @sqe_ops: opcodes that are allowed
 * @flags_allowed: IOSQE_* that an SQE may have
 * @flags_required: IOSQE_* that it must have
 */
struct iou_restrict {
	DECLARE_BITMAP(register_ops, IORING_REGISTER_LAST);
	DECLARE_BITMAP(sqe_ops, IORING_OP_LAST);
	u8 flags_allowed;
	u8 flags_required;
};

long iou_restrict_register(struct iou_ring *ring, void __user *arg, u32 nr)
	__must_hold(&ring->lock);
void iou_restrict_free(struct iou_ring *ring);
bool iou_restrict_sqe_ok(const struct iou_restrict *restr, u8 opcode, u8 flags);
bool iou_restrict_register_ok(const struct iou_restrict *restr, u32 opcode);

#endif
