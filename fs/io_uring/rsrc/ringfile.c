// SPDX-License-Identifier: GPL-2.0
/*
 * How to recognise a ring's file: asked for by those who must not meet one, and
 * by those who want nothing else.
 */
#include <linux/fs.h>
#include <linux/io_uring.h>

#include "ringfile.h"

const struct file_operations *iou_ringfile_fops __ro_after_init;

/**
 * iou_ringfile_init() - say what rings' files look like
 * @fops: of all of them
 */
void __init iou_ringfile_init(const struct file_operations *fops)
{
	iou_ringfile_fops = fops;
}

/**
 * io_is_uring_fops() - is this a ring?
 * @file: any
 *
 * Return: whether.
 */
bool io_is_uring_fops(const struct file *file)
{
	return file->f_op == iou_ringfile_fops;
}
