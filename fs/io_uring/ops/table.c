// SPDX-License-Identifier: GPL-2.0
/*
 * The table of opcodes: one row each. An opcode that is not here is refused.
 */
#include <linux/cache.h>
#include <linux/init.h>
#include <linux/io_uring.h>

#include "../req/req.h"
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
	.buffer_select	= true,
};

/* Filled up with iou_op_unsupported, so that no opcode has to be range-checked */
const struct iou_op *iou_optab[256] __ro_after_init = {
	[IORING_OP_NOP]			= &iou_op_nop,
	[IORING_OP_READV]		= &iou_op_readv,
	[IORING_OP_WRITEV]		= &iou_op_writev,
	[IORING_OP_FSYNC]		= &iou_op_fsync,
	[IORING_OP_SYNC_FILE_RANGE]	= &iou_op_sync_file_range,
	[IORING_OP_FALLOCATE]		= &iou_op_fallocate,
	[IORING_OP_READ]		= &iou_op_read,
	[IORING_OP_WRITE]		= &iou_op_write,
	[IORING_OP_FADVISE]		= &iou_op_fadvise,
	[IORING_OP_MADVISE]		= &iou_op_madvise,
	[IORING_OP_FTRUNCATE]		= &iou_op_ftruncate,
};

/**
 * iou_optab_init() - complete the table
 */
void __init iou_optab_init(void)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(iou_optab); i++)
		if (!iou_optab[i])
			iou_optab[i] = &iou_op_unsupported;
}

/**
 * iou_op_supported() - is there such an opcode?
 * @opcode: any
 *
 * Return: whether.
 */
bool iou_op_supported(u8 opcode)
{
	return iou_optab[opcode] != &iou_op_unsupported;
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
