/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Flags that a ->uring_cmd() implementation is called with.
 */
#ifndef _LINUX_IO_URING_TYPES_H
#define _LINUX_IO_URING_TYPES_H

#include <linux/bits.h>
#include <linux/limits.h>

enum io_uring_cmd_flags {
	IO_URING_F_COMPLETE_DEFER	= BIT(0),  /* the ring lock is held */
	IO_URING_F_UNLOCKED		= BIT(1),  /* it is not */
	IO_URING_F_MULTISHOT		= BIT(2),
	IO_URING_F_IOWQ			= BIT(3),  /* in a worker: may sleep */
	IO_URING_F_NONBLOCK		= INT_MIN, /* do not sleep, return -EAGAIN */

	IO_URING_F_SQE128		= BIT(8),  /* the command area has 80 bytes */
	IO_URING_F_CQE32		= BIT(9),  /* a second result can be returned */
	IO_URING_F_IOPOLL		= BIT(10), /* completion is polled for */

	IO_URING_F_CANCEL		= BIT(11), /* stop a cancelable command */
	IO_URING_F_COMPAT		= BIT(12), /* of a 32-bit program */
	IO_URING_F_TASK_DEAD		= BIT(13), /* the submitter is gone */
};

/* For __io_uring_cmd_do_in_task() */
enum {
	IOU_F_TWQ_LAZY_WAKE	= 1,	/* nothing depends on the callback but the one CQE */
};

#endif
