// SPDX-License-Identifier: GPL-2.0
/*
 * FSYNC, SYNC_FILE_RANGE, FALLOCATE, FTRUNCATE: always done by a worker.
 */
#include <linux/fs.h>
#include <linux/fsnotify.h>

#include "../../internal.h"
#include "../req/req.h"
#include "ops.h"

struct iou_sync {
	loff_t off;
	loff_t len;
	u32 flags;
};

/* What these opcodes do not use has to be zero */
static int check_unused(struct iou_req *req, const struct io_uring_sqe __shared *sqe)
{
	union iou_sqe_mid mid = iou_sqe_mid(sqe);

	if (mid.buf_index || mid.file_index)
		return iou_reject(req, sqe, -EINVAL,
				  "sync: buf_index and splice_fd_in must be 0");
	return 0;
}

static int prep_range(struct iou_req *req, const struct io_uring_sqe __shared *sqe)
{
	struct iou_sync *sync = iou_req_cmd(req, struct iou_sync);
	int error = check_unused(req, sqe);

	if (error)
		return error;
	if (iou_sqe_get(sqe, addr))
		return iou_reject(req, sqe, -EINVAL, "sync: addr must be 0");
	sync->off = iou_sqe_get(sqe, off);
	sync->len = iou_sqe_get(sqe, len);
	sync->flags = iou_sqe_get(sqe, fsync_flags);
	return 0;
}

static int prep_fsync(struct iou_req *req, const struct io_uring_sqe __shared *sqe)
{
	struct iou_sync *sync = iou_req_cmd(req, struct iou_sync);
	int error = prep_range(req, sqe);

	if (error)
		return error;
	if (sync->flags & ~IORING_FSYNC_DATASYNC)
		return iou_reject(req, sqe, -EINVAL, "fsync: unknown fsync_flags");
	if (sync->off < 0)
		return iou_reject(req, sqe, -EINVAL, "fsync: negative off");
	return 0;
}

static iou_verdict_t work_fsync(struct iou_req *req)
{
	struct iou_sync *sync = iou_req_cmd(req, struct iou_sync);
	loff_t end = sync->off + sync->len;

	return iou_done(req, vfs_fsync_range(req->file, sync->off, end > 0 ? end : LLONG_MAX,
					     sync->flags & IORING_FSYNC_DATASYNC));
}

const struct iou_op iou_op_fsync = {
	.name		= "FSYNC",
	.prep		= prep_fsync,
	.work		= work_fsync,
	.needs_file	= true,
};

static iou_verdict_t work_sync_file_range(struct iou_req *req)
{
	struct iou_sync *sync = iou_req_cmd(req, struct iou_sync);

	return iou_done(req, sync_file_range(req->file, sync->off, sync->len, sync->flags));
}

const struct iou_op iou_op_sync_file_range = {
	.name		= "SYNC_FILE_RANGE",
	.prep		= prep_range,
	.work		= work_sync_file_range,
	.needs_file	= true,
};

static int prep_fallocate(struct iou_req *req, const struct io_uring_sqe __shared *sqe)
{
	struct iou_sync *sync = iou_req_cmd(req, struct iou_sync);
	int error = check_unused(req, sqe);

	if (error)
		return error;
	if (iou_sqe_get(sqe, rw_flags))
		return iou_reject(req, sqe, -EINVAL, "fallocate: rw_flags must be 0");
	sync->off = iou_sqe_get(sqe, off);
	sync->len = iou_sqe_get(sqe, addr);
	sync->flags = iou_sqe_get(sqe, len);
	return 0;
}

static iou_verdict_t work_fallocate(struct iou_req *req)
{
	struct iou_sync *sync = iou_req_cmd(req, struct iou_sync);
	int ret = vfs_fallocate(req->file, sync->flags, sync->off, sync->len);

	if (ret >= 0)
		fsnotify_modify(req->file);
	return iou_done(req, ret);
}

const struct iou_op iou_op_fallocate = {
	.name		= "FALLOCATE",
	.prep		= prep_fallocate,
	.work		= work_fallocate,
	.needs_file	= true,
	.hashed		= true,
	.audit		= true,
};

static int prep_ftruncate(struct iou_req *req, const struct io_uring_sqe __shared *sqe)
{
	struct iou_sync *sync = iou_req_cmd(req, struct iou_sync);
	int error = check_unused(req, sqe);

	if (error)
		return error;
	if (iou_sqe_get(sqe, rw_flags) || iou_sqe_get(sqe, addr) ||
	    iou_sqe_get(sqe, len) || iou_sqe_get(sqe, addr3))
		return iou_reject(req, sqe, -EINVAL,
				  "ftruncate: rw_flags, addr, len and addr3 must be 0");
	sync->off = iou_sqe_get(sqe, off);
	return 0;
}

static iou_verdict_t work_ftruncate(struct iou_req *req)
{
	struct iou_sync *sync = iou_req_cmd(req, struct iou_sync);

	return iou_done(req, do_ftruncate(req->file, sync->off, 1));
}

const struct iou_op iou_op_ftruncate = {
	.name		= "FTRUNCATE",
	.prep		= prep_ftruncate,
	.work		= work_ftruncate,
	.needs_file	= true,
	.hashed		= true,
	.audit		= true,
};
