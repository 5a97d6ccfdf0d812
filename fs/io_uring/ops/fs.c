// SPDX-License-Identifier: GPL-2.0
/*
 * RENAMEAT, UNLINKAT, MKDIRAT, SYMLINKAT, LINKAT, STATX: what is done with
 * names, always by a worker.
 *
 * The names are copied when the SQE is read. The functions that do the work
 * consume them, except that of STATX.
 */
#include <linux/fcntl.h>
#include <linux/fs.h>

#include "../../internal.h"
#include "../req/audit.h"
#include "../req/req.h"
#include "ops.h"

/**
 * struct iou_names - one or two names, and what to do
 * @old: of what there is, or the content of a symbolic link
 * @new: of what is to be, or NULL
 * @old_dfd: where @old starts
 * @new_dfd: where @new starts
 * @flags: the opcode's
 * @mode: of a directory, or STATX_*
 * @buffer: for the result of STATX
 */
struct iou_names {
	struct filename *old;
	struct filename *new;
	int old_dfd;
	int new_dfd;
	u32 flags;
	u32 mode;
	struct statx __user *buffer;
};

static void cleanup_names(struct iou_req *req)
{
	struct iou_names *names = iou_req_cmd(req, struct iou_names);

	putname(names->old);
	if (names->new)
		putname(names->new);
}

/* The names now belong to the function that is called next */
static void give_names(struct iou_req *req)
{
	req->held &= ~IOU_HELD_CLEANUP;
}

/* What none of these opcodes has. Fields that must be 0 are looked at before the flag */
static int prep_common(struct iou_req *req, const struct io_uring_sqe __shared *sqe)
{
	struct iou_names *names = iou_req_cmd(req, struct iou_names);
	union iou_sqe_mid mid = iou_sqe_mid(sqe);

	if (mid.buf_index || mid.file_index)
		return iou_reject(req, sqe, -EINVAL,
				  "fs: buf_index and splice_fd_in must be 0");
	if (req->sqe_flags & IOSQE_FIXED_FILE)
		return iou_reject(req, sqe, -EBADF, "fs: a directory cannot be a fixed file");
	names->old_dfd = req->fd;
	return 0;
}

/* @flags: with AT_EMPTY_PATH the name may be empty */
static int prep_one(struct iou_req *req, const struct io_uring_sqe __shared *sqe, u32 flags)
{
	struct iou_names *names = iou_req_cmd(req, struct iou_names);

	names->old = getname_uflags(u64_to_user_ptr(iou_sqe_get(sqe, addr)), flags);
	if (IS_ERR(names->old))
		return iou_reject(req, sqe, PTR_ERR(names->old), "fs: bad path in addr");
	iou_audit_leave(names->old);
	names->new = NULL;
	req->held |= IOU_HELD_CLEANUP;
	return 0;
}

static int prep_two(struct iou_req *req, const struct io_uring_sqe __shared *sqe, u32 flags)
{
	struct iou_names *names = iou_req_cmd(req, struct iou_names);
	int error = prep_one(req, sqe, flags);
	struct filename *new;

	if (error)
		return error;
	new = getname(u64_to_user_ptr(iou_sqe_get(sqe, addr2)));
	if (IS_ERR(new))
		return iou_reject(req, sqe, PTR_ERR(new), "fs: bad path in addr2");
	iou_audit_leave(new);
	names->new = new;
	return 0;
}

static int prep_renameat(struct iou_req *req, const struct io_uring_sqe __shared *sqe)
{
	struct iou_names *names = iou_req_cmd(req, struct iou_names);
	int error = prep_common(req, sqe);

	if (error)
		return error;
	names->new_dfd = iou_sqe_get(sqe, len);
	names->flags = iou_sqe_get(sqe, rename_flags);
	return prep_two(req, sqe, 0);
}

static iou_verdict_t work_renameat(struct iou_req *req)
{
	struct iou_names *names = iou_req_cmd(req, struct iou_names);

	give_names(req);
	return iou_done(req, do_renameat2(names->old_dfd, names->old, names->new_dfd,
					  names->new, names->flags));
}

const struct iou_op iou_op_renameat = {
	.name		= "RENAMEAT",
	.prep		= prep_renameat,
	.work		= work_renameat,
	.cleanup	= cleanup_names,
	.audit		= true,
};

static int prep_unlinkat(struct iou_req *req, const struct io_uring_sqe __shared *sqe)
{
	struct iou_names *names = iou_req_cmd(req, struct iou_names);
	int error;

	if (iou_sqe_get(sqe, off) || iou_sqe_get(sqe, len))
		return iou_reject(req, sqe, -EINVAL, "unlinkat: off and len must be 0");
	error = prep_common(req, sqe);
	if (error)
		return error;
	names->flags = iou_sqe_get(sqe, unlink_flags);
	if (names->flags & ~AT_REMOVEDIR)
		return iou_reject(req, sqe, -EINVAL, "unlinkat: unknown unlink_flags");
	return prep_one(req, sqe, 0);
}

static iou_verdict_t work_unlinkat(struct iou_req *req)
{
	struct iou_names *names = iou_req_cmd(req, struct iou_names);

	give_names(req);
	if (names->flags & AT_REMOVEDIR)
		return iou_done(req, do_rmdir(names->old_dfd, names->old));
	return iou_done(req, do_unlinkat(names->old_dfd, names->old));
}

const struct iou_op iou_op_unlinkat = {
	.name		= "UNLINKAT",
	.prep		= prep_unlinkat,
	.work		= work_unlinkat,
	.cleanup	= cleanup_names,
	.audit		= true,
};

static int prep_mkdirat(struct iou_req *req, const struct io_uring_sqe __shared *sqe)
{
	struct iou_names *names = iou_req_cmd(req, struct iou_names);
	int error;

	if (iou_sqe_get(sqe, off) || iou_sqe_get(sqe, rw_flags))
		return iou_reject(req, sqe, -EINVAL, "mkdirat: off and rw_flags must be 0");
	error = prep_common(req, sqe);
	if (error)
		return error;
	names->mode = iou_sqe_get(sqe, len);
	return prep_one(req, sqe, 0);
}

static iou_verdict_t work_mkdirat(struct iou_req *req)
{
	struct iou_names *names = iou_req_cmd(req, struct iou_names);

	give_names(req);
	return iou_done(req, do_mkdirat(names->old_dfd, names->old, names->mode));
}

const struct iou_op iou_op_mkdirat = {
	.name		= "MKDIRAT",
	.prep		= prep_mkdirat,
	.work		= work_mkdirat,
	.cleanup	= cleanup_names,
	.audit		= true,
};

static int prep_symlinkat(struct iou_req *req, const struct io_uring_sqe __shared *sqe)
{
	struct iou_names *names = iou_req_cmd(req, struct iou_names);
	int error;

	if (iou_sqe_get(sqe, len) || iou_sqe_get(sqe, rw_flags))
		return iou_reject(req, sqe, -EINVAL, "symlinkat: len and rw_flags must be 0");
	error = prep_common(req, sqe);
	if (error)
		return error;
	names->new_dfd = names->old_dfd;
	return prep_two(req, sqe, 0);
}

static iou_verdict_t work_symlinkat(struct iou_req *req)
{
	struct iou_names *names = iou_req_cmd(req, struct iou_names);

	give_names(req);
	return iou_done(req, do_symlinkat(names->old, names->new_dfd, names->new));
}

const struct iou_op iou_op_symlinkat = {
	.name		= "SYMLINKAT",
	.prep		= prep_symlinkat,
	.work		= work_symlinkat,
	.cleanup	= cleanup_names,
	.audit		= true,
};

static int prep_linkat(struct iou_req *req, const struct io_uring_sqe __shared *sqe)
{
	struct iou_names *names = iou_req_cmd(req, struct iou_names);
	int error = prep_common(req, sqe);

	if (error)
		return error;
	names->new_dfd = iou_sqe_get(sqe, len);
	names->flags = iou_sqe_get(sqe, hardlink_flags);
	return prep_two(req, sqe, names->flags);
}

static iou_verdict_t work_linkat(struct iou_req *req)
{
	struct iou_names *names = iou_req_cmd(req, struct iou_names);

	give_names(req);
	return iou_done(req, do_linkat(names->old_dfd, names->old, names->new_dfd,
				       names->new, names->flags));
}

const struct iou_op iou_op_linkat = {
	.name		= "LINKAT",
	.prep		= prep_linkat,
	.work		= work_linkat,
	.cleanup	= cleanup_names,
	.audit		= true,
};

static int prep_statx(struct iou_req *req, const struct io_uring_sqe __shared *sqe)
{
	struct iou_names *names = iou_req_cmd(req, struct iou_names);
	int error = prep_common(req, sqe);

	if (error)
		return error;
	names->mode = iou_sqe_get(sqe, len);
	names->flags = iou_sqe_get(sqe, statx_flags);
	names->buffer = u64_to_user_ptr(iou_sqe_get(sqe, addr2));
	return prep_one(req, sqe, names->flags);
}

static iou_verdict_t work_statx(struct iou_req *req)
{
	struct iou_names *names = iou_req_cmd(req, struct iou_names);

	return iou_done(req, do_statx(names->old_dfd, names->old, names->flags, names->mode,
				      names->buffer));
}

const struct iou_op iou_op_statx = {
	.name		= "STATX",
	.prep		= prep_statx,
	.work		= work_statx,
	.cleanup	= cleanup_names,
};
