/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Who may make rings.
 */
#ifndef IOU_CTL_SYSCTL_H
#define IOU_CTL_SYSCTL_H

#include <linux/types.h>

bool iou_sysctl_allowed(void);

#endif
