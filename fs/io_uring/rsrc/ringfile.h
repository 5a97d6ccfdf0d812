/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How to recognise a ring's file. See linux/io_uring.h for io_is_uring_fops().
 */
#ifndef IOU_RSRC_RINGFILE_H
#define IOU_RSRC_RINGFILE_H

#include <linux/fs.h>

#include "../iou.h"

extern const struct file_operations *iou_ringfile_fops;

void iou_ringfile_init(const struct file_operations *fops);

/**
 * iou_ring_of_file() - the ring behind a file
 * @file: any
 *
 * Return: the ring, or NULL if it is none.
 */
static inline struct iou_ring *iou_ring_of_file(const struct file *file)
{
	return likely(file->f_op == iou_ringfile_fops) ? file->private_data : NULL;
}

#endif
