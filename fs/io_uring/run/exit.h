/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The end of a ring, of a task, of a program.
 */
#ifndef IOU_RUN_EXIT_H
#define IOU_RUN_EXIT_H

#include "../iou.h"

void iou_exit_ring(struct iou_ring *ring, struct task_struct *thread);

#endif
