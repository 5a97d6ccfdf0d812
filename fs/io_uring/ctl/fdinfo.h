/* SPDX-License-Identifier: GPL-2.0 */
/*
 * /proc/<pid>/fdinfo of a ring.
 */
#ifndef IOU_CTL_FDINFO_H
#define IOU_CTL_FDINFO_H

struct file;
struct seq_file;

void iou_fdinfo_show(struct seq_file *m, struct file *file);

#endif
