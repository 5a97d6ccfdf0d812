/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The table of opcodes.
 */
#ifndef IOU_OPS_TABLE_H
#define IOU_OPS_TABLE_H

#include "../req/op.h"

extern const struct iou_op *iou_optab[256];
extern const struct iou_op *iou_optab_iopoll[256];

void iou_optab_init(void);
bool iou_op_supported(u8 opcode);

#endif
