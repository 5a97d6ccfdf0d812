/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a driver needs for its ->uring_cmd() method.
 *
 * ->uring_cmd() returns the result of the command, or
 *
 *   -EIOCBQUEUED  the driver will call io_uring_cmd_done(), exactly once; it may
 *                 do so before it returns. It does not read the SQE any more
 *   -EAGAIN       it would block, and issue_flags had IO_URING_F_NONBLOCK: it is
 *                 called again by a thread that may block
 *
 * issue_flags are handed on to the functions below. Where there are none, in an
 * interrupt for instance, it is IO_URING_F_UNLOCKED.
 */
#ifndef _LINUX_IO_URING_CMD_H
#define _LINUX_IO_URING_CMD_H

#include <linux/build_bug.h>
#include <linux/errno.h>
#include <linux/io_uring_types.h>
#include <linux/types.h>
#include <uapi/linux/io_uring.h>

struct file;
struct iov_iter;
struct task_struct;

/**
 * struct io_uring_cmd - a command on its way through a driver
 * @file: the file it was sent to
 * @sqe: the submission, to be read before ->uring_cmd() returns
 * @task_work_cb: what the driver wants run in the submitting task
 * @cmd_op: which command, defined by the driver
 * @flags: IORING_URING_CMD_* and internal ones
 * @pdu: the driver's own
 */
struct io_uring_cmd {
	struct file *file;
	const struct io_uring_sqe *sqe;
	void (*task_work_cb)(struct io_uring_cmd *cmd, unsigned int issue_flags);
	u32 cmd_op;
	u32 flags;
	u8 pdu[32];
};

static inline const void *io_uring_sqe_cmd(const struct io_uring_sqe *sqe)
{
	return sqe->cmd;
}

#define io_uring_cmd_to_pdu(cmd, pdu_type)				\
({									\
	BUILD_BUG_ON(sizeof(pdu_type) > sizeof((cmd)->pdu));		\
	(typeof(pdu_type) *)(cmd)->pdu;					\
})

#if defined(CONFIG_IO_URING)
int io_uring_cmd_import_fixed(u64 ubuf, unsigned long len, int rw,
			      struct iov_iter *iter, void *ioucmd);
void io_uring_cmd_done(struct io_uring_cmd *cmd, ssize_t ret, u64 res2,
		       unsigned int issue_flags);
void __io_uring_cmd_do_in_task(struct io_uring_cmd *cmd,
			       void (*cb)(struct io_uring_cmd *cmd, unsigned int flags),
			       unsigned int flags);
void io_uring_cmd_mark_cancelable(struct io_uring_cmd *cmd, unsigned int issue_flags);
void io_uring_cmd_issue_blocking(struct io_uring_cmd *cmd);
struct task_struct *io_uring_cmd_get_task(struct io_uring_cmd *cmd);
#else
/* Nobody calls ->uring_cmd() */
static inline int io_uring_cmd_import_fixed(u64 ubuf, unsigned long len, int rw,
					    struct iov_iter *iter, void *ioucmd)
{
	return -EOPNOTSUPP;
}

static inline void io_uring_cmd_done(struct io_uring_cmd *cmd, ssize_t ret,
				     u64 res2, unsigned int issue_flags)
{
}

static inline void
__io_uring_cmd_do_in_task(struct io_uring_cmd *cmd,
			  void (*cb)(struct io_uring_cmd *cmd, unsigned int flags),
			  unsigned int flags)
{
}

static inline void io_uring_cmd_mark_cancelable(struct io_uring_cmd *cmd,
						unsigned int issue_flags)
{
}

static inline void io_uring_cmd_issue_blocking(struct io_uring_cmd *cmd)
{
}

static inline struct task_struct *io_uring_cmd_get_task(struct io_uring_cmd *cmd)
{
	return NULL;
}
#endif

/* Have @cb called in the submitting task, which is woken for that */
static inline void
io_uring_cmd_complete_in_task(struct io_uring_cmd *cmd,
			      void (*cb)(struct io_uring_cmd *cmd, unsigned int flags))
{
	__io_uring_cmd_do_in_task(cmd, cb, 0);
}

/*
 * The same for a callback that ends @cmd and does nothing else that anybody may wait for:
 * a task that waits for several CQEs is woken when there are enough of them.
 */
static inline void
io_uring_cmd_do_in_task_lazy(struct io_uring_cmd *cmd,
			     void (*cb)(struct io_uring_cmd *cmd, unsigned int flags))
{
	__io_uring_cmd_do_in_task(cmd, cb, IOU_F_TWQ_LAZY_WAKE);
}

/* End a command whose device was polled: for drivers of older 6.12.y */
static inline void io_uring_cmd_iopoll_done(struct io_uring_cmd *cmd, ssize_t ret, u64 res2)
{
	io_uring_cmd_done(cmd, ret, res2, IO_URING_F_UNLOCKED);
}

#endif
