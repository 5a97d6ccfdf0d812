/* SPDX-License-Identifier: GPL-2.0 */
/*
 * All opcodes, for the table.
 */
#ifndef IOU_OPS_OPS_H
#define IOU_OPS_OPS_H

#include "../req/op.h"

extern const struct iou_op iou_op_nop;

extern const struct iou_op iou_op_readv;
extern const struct iou_op iou_op_writev;
extern const struct iou_op iou_op_read;
extern const struct iou_op iou_op_write;

extern const struct iou_op iou_op_fsync;
extern const struct iou_op iou_op_sync_file_range;
extern const struct iou_op iou_op_fallocate;
extern const struct iou_op iou_op_ftruncate;

extern const struct iou_op iou_op_fadvise;
extern const struct iou_op iou_op_madvise;

#endif
