/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The table of opcodes.
 */
#ifndef IOU_OPS_TABLE_H
#define IOU_OPS_TABLE_H

#include "../req/op.h"

extern const struct iou_op *const iou_optab[256];

bool iou_op_supported(u8 opcode);

#endif
