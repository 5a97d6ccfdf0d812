// SPDX-License-Identifier: GPL-2.0
/*
 * The table of opcodes: one row each. An opcode that is not here is refused.
 */
#include <linux/cache.h>
#include <linux/init.h>
#include <linux/io_uring.h>

#include "../req/req.h"
#include "../rsrc/pbuf.h"
#include "ops.h"
#include "table.h"

static int prep_unsupported(struct iou_req *req, const struct io_uring_sqe __shared *sqe)
{
	return iou_reject(req, sqe, -EINVAL, "opcode is not supported");
}

static iou_verdict_t start_unsupported(struct iou_req *req,
				       const struct io_uring_sqe __shared *sqe)
{
	prep_unsupported(req, sqe);
	return IOU_REJECTED;
}

/* Checks that depend on the opcode must not hide what is really wrong */
static const struct iou_op iou_op_unsupported = {
	.name		= "INVALID",
	.start		= start_unsupported,
	.prep		= prep_unsupported,
	.has_ioprio	= true,
	.pbuf		= IOU_PBUF_USED,
};

static int prep_left_out(struct iou_req *req, const struct io_uring_sqe __shared *sqe)
{
	return iou_reject(req, sqe, -EOPNOTSUPP, "left out of this kernel's configuration");
}

static iou_verdict_t start_left_out(struct iou_req *req,
				    const struct io_uring_sqe __shared *sqe)
{
	prep_left_out(req, sqe);
	return IOU_REJECTED;
}

static const struct iou_op iou_op_left_out = {
	.name		= "INVALID",
	.start		= start_left_out,
	.prep		= prep_left_out,
	.has_ioprio	= true,
	.pbuf		= IOU_PBUF_USED,
};

#define OP_IF(enabled, op)	((enabled) ? &iou_op_##op : &iou_op_left_out)
#define NET_OP(op)		OP_IF(IS_ENABLED(CONFIG_NET), op)

static int prep_not_polled(struct iou_req *req, const struct io_uring_sqe __shared *sqe)
{
	return iou_reject(req, sqe, -EINVAL, "opcode is not possible on an IOPOLL ring");
}

static iou_verdict_t start_not_polled(struct iou_req *req,
				      const struct io_uring_sqe __shared *sqe)
{
	prep_not_polled(req, sqe);
	return IOU_REJECTED;
}

static const struct iou_op iou_op_not_polled = {
	.name		= "INVALID",
	.start		= start_not_polled,
	.prep		= prep_not_polled,
	.has_ioprio	= true,
};

/* The same for opcodes with which IOSQE_BUFFER_SELECT is not what is wrong */
static const struct iou_op iou_op_not_polled_select = {
	.name		= "INVALID",
	.start		= start_not_polled,
	.prep		= prep_not_polled,
	.has_ioprio	= true,
	.pbuf		= IOU_PBUF_USED,
};

static const struct iou_op *not_polled(const struct iou_op *op)
{
	return op->pbuf ? &iou_op_not_polled_select : &iou_op_not_polled;
}

/* Filled up with iou_op_unsupported, so that no opcode has to be range-checked */
const struct iou_op *iou_optab[256] __ro_after_init = {
	[IORING_OP_NOP]			= &iou_op_nop,
	[IORING_OP_READV]		= &iou_op_readv,
	[IORING_OP_WRITEV]		= &iou_op_writev,
	[IORING_OP_FSYNC]		= &iou_op_fsync,
	[IORING_OP_READ_FIXED]		= &iou_op_read_fixed,
	[IORING_OP_WRITE_FIXED]		= &iou_op_write_fixed,
	[IORING_OP_POLL_ADD]		= &iou_op_poll_add,
	[IORING_OP_POLL_REMOVE]		= &iou_op_poll_remove,
	[IORING_OP_SYNC_FILE_RANGE]	= &iou_op_sync_file_range,
	[IORING_OP_TIMEOUT]		= &iou_op_timeout,
	[IORING_OP_TIMEOUT_REMOVE]	= &iou_op_timeout_remove,
	[IORING_OP_ASYNC_CANCEL]	= &iou_op_async_cancel,
	[IORING_OP_LINK_TIMEOUT]	= &iou_op_link_timeout,
	[IORING_OP_FALLOCATE]		= &iou_op_fallocate,
	[IORING_OP_FILES_UPDATE]	= &iou_op_files_update,
	[IORING_OP_SENDMSG]		= NET_OP(sendmsg),
	[IORING_OP_RECVMSG]		= NET_OP(recvmsg),
	[IORING_OP_ACCEPT]		= NET_OP(accept),
	[IORING_OP_CONNECT]		= NET_OP(connect),
	[IORING_OP_OPENAT]		= &iou_op_openat,
	[IORING_OP_CLOSE]		= &iou_op_close,
	[IORING_OP_STATX]		= &iou_op_statx,
	[IORING_OP_READ]		= &iou_op_read,
	[IORING_OP_WRITE]		= &iou_op_write,
	[IORING_OP_FADVISE]		= &iou_op_fadvise,
	[IORING_OP_MADVISE]		= &iou_op_madvise,
	[IORING_OP_FIXED_FD_INSTALL]	= &iou_op_fixed_fd_install,
	[IORING_OP_SEND]		= NET_OP(send),
	[IORING_OP_RECV]		= NET_OP(recv),
	[IORING_OP_READ_MULTISHOT]	= &iou_op_read_multishot,
	[IORING_OP_PROVIDE_BUFFERS]	= &iou_op_provide_buffers,
	[IORING_OP_REMOVE_BUFFERS]	= &iou_op_remove_buffers,
	[IORING_OP_SEND_ZC]		= NET_OP(send_zc),
	[IORING_OP_SENDMSG_ZC]		= NET_OP(sendmsg_zc),
	[IORING_OP_SHUTDOWN]		= NET_OP(shutdown),
	[IORING_OP_SOCKET]		= NET_OP(socket),
	[IORING_OP_OPENAT2]		= &iou_op_openat2,
	[IORING_OP_EPOLL_CTL]		= OP_IF(IS_ENABLED(CONFIG_EPOLL), epoll_ctl),
	[IORING_OP_SPLICE]		= &iou_op_splice,
	[IORING_OP_TEE]			= &iou_op_tee,
	[IORING_OP_RENAMEAT]		= &iou_op_renameat,
	[IORING_OP_UNLINKAT]		= &iou_op_unlinkat,
	[IORING_OP_MKDIRAT]		= &iou_op_mkdirat,
	[IORING_OP_SYMLINKAT]		= &iou_op_symlinkat,
	[IORING_OP_LINKAT]		= &iou_op_linkat,
	[IORING_OP_FSETXATTR]		= &iou_op_fsetxattr,
	[IORING_OP_SETXATTR]		= &iou_op_setxattr,
	[IORING_OP_FGETXATTR]		= &iou_op_fgetxattr,
	[IORING_OP_GETXATTR]		= &iou_op_getxattr,
	[IORING_OP_WAITID]		= &iou_op_waitid,
	[IORING_OP_FUTEX_WAIT]		= OP_IF(IS_ENABLED(CONFIG_FUTEX), futex_wait),
	[IORING_OP_FUTEX_WAKE]		= OP_IF(IS_ENABLED(CONFIG_FUTEX), futex_wake),
	[IORING_OP_FUTEX_WAITV]		= OP_IF(IS_ENABLED(CONFIG_FUTEX), futex_waitv),
	[IORING_OP_MSG_RING]		= &iou_op_msg_ring,
	[IORING_OP_URING_CMD]		= &iou_op_uring_cmd,
	[IORING_OP_FTRUNCATE]		= &iou_op_ftruncate,
	[IORING_OP_BIND]		= NET_OP(bind),
	[IORING_OP_LISTEN]		= NET_OP(listen),
};

/* The same for IOPOLL rings: made of it, with fewer opcodes */
const struct iou_op *iou_optab_iopoll[256] __ro_after_init;

/**
 * iou_optab_init() - complete the tables
 */
void __init iou_optab_init(void)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(iou_optab); i++) {
		if (!iou_optab[i])
			iou_optab[i] = &iou_op_unsupported;
		iou_optab_iopoll[i] = iou_optab[i];
		if (iou_op_supported(i) && !iou_optab[i]->on_iopoll)
			iou_optab_iopoll[i] = not_polled(iou_optab[i]);
	}
}

/**
 * iou_op_supported() - is there such an opcode?
 * @opcode: any
 *
 * Return: whether.
 */
bool iou_op_supported(u8 opcode)
{
	return iou_optab[opcode] != &iou_op_unsupported &&
	       iou_optab[opcode] != &iou_op_left_out;
}

/**
 * io_uring_get_opcode() - the name of an opcode, for tracing
 * @opcode: any
 *
 * Return: as in IORING_OP_<name>; "INVALID" if there is none.
 */
const char *io_uring_get_opcode(u8 opcode)
{
	return iou_optab[opcode]->name;
}
