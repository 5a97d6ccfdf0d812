/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How to recognise a ring's file. See linux/io_uring.h for io_is_uring_fops().
 */
#ifndef IOU_RSRC_RINGFILE_H
#define IOU_RSRC_RINGFILE_H

#include <linux/fs.h>

#include "../iou.h"

struct iou_ring *iou_ring_of_file(struct file *file);
void iou_ringfile_init(const struct file_operations *fops);

#endif
