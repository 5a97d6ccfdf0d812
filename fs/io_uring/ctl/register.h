/* SPDX-License-Identifier: GPL-2.0 */
/*
 * io_uring_register().
 */
#ifndef IOU_CTL_REGISTER_H
#define IOU_CTL_REGISTER_H

#include "../iou.h"

long iou_register(struct iou_ring *ring, u32 opcode, void __user *arg, u32 nr_args);

#endif
