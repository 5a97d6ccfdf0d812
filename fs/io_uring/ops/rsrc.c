// SPDX-License-Identifier: GPL-2.0
/*
 * FILES_UPDATE, FIXED_FD_INSTALL.
 */
#include <linux/file.h>
#include <linux/fs.h>

#include "../req/audit.h"
#include "../req/req.h"
#include "../rsrc/files.h"
#include "ops.h"

/**
 * struct iou_update - new fixed files
 * @fds: user pointer to descriptors
 * @offset: first slot, or IORING_FILE_INDEX_ALLOC: any
 * @nr: how many
 */
struct iou_update {
	u64 fds;
	u32 offset;
	u32 nr;
};

static int prep_files_update(struct iou_req *req, const struct io_uring_sqe __shared *sqe)
{
	struct iou_update *update = iou_req_cmd(req, struct iou_update);

	if (req->sqe_flags & IOSQE_FIXED_FILE)
		return iou_reject(req, sqe, -EINVAL, "files_update: has no file");
	if ((__force u32)iou_sqe_get(sqe, rw_flags) || iou_sqe_get(sqe, splice_fd_in))
		return iou_reject(req, sqe, -EINVAL,
				  "files_update: rw_flags and splice_fd_in must be 0");
	update->fds = iou_sqe_get(sqe, addr);
	update->offset = iou_sqe_get(sqe, off);
	update->nr = iou_sqe_get(sqe, len);
	if (!update->nr)
		return iou_reject(req, sqe, -EINVAL, "files_update: no files");
	return 0;
}

static iou_verdict_t issue_files_update(struct iou_req *req)
	__must_hold(&iou_req_ring(req)->lock)
{
	struct iou_update *update = iou_req_cmd(req, struct iou_update);
	struct iou_ring *ring = iou_req_ring(req);
	struct iou_rsrc_range range = {
		.offset = update->offset,
		.nr = update->nr,
		.data = u64_to_user_ptr(update->fds),
		.is_update = true,
	};

	if (update->offset == IORING_FILE_INDEX_ALLOC)
		return iou_done(req, iou_files_update_any(ring, u64_to_user_ptr(update->fds),
							  update->nr));
	return iou_done(req, iou_files_update_range(ring, &range));
}

IOU_FUSE(files_update)

const struct iou_op iou_op_files_update = {
	.name	= "FILES_UPDATE",
	.start	= start_files_update,
	.prep	= prep_files_update,
	.issue	= issue_files_update,
	.on_iopoll = true,
};

/**
 * struct iou_install - a descriptor for a fixed file
 * @flags: O_CLOEXEC or 0
 */
struct iou_install {
	u32 flags;
};

static int prep_fixed_fd_install(struct iou_req *req, const struct io_uring_sqe __shared *sqe)
{
	struct iou_install *install = iou_req_cmd(req, struct iou_install);
	union iou_sqe_mid mid = iou_sqe_mid(sqe);
	u32 flags = iou_sqe_get(sqe, install_fd_flags);

	if (iou_sqe_get(sqe, off) || iou_sqe_get(sqe, addr) || iou_sqe_get(sqe, len) ||
	    mid.buf_index || mid.file_index || iou_sqe_get(sqe, addr3))
		return iou_reject(req, sqe, -EINVAL,
				  "fixed_fd_install: only fd and install_fd_flags mean something");
	if (!(req->sqe_flags & IOSQE_FIXED_FILE))
		return iou_reject(req, sqe, -EBADF, "fixed_fd_install: fd is not a slot");
	if (flags & ~IORING_FIXED_FD_NO_CLOEXEC)
		return iou_reject(req, sqe, -EINVAL, "fixed_fd_install: unknown install_fd_flags");
	if (iou_req_is_personal(req))
		return iou_reject(req, sqe, -EPERM,
				  "fixed_fd_install: only with the task's own credentials");
	install->flags = flags & IORING_FIXED_FD_NO_CLOEXEC ? 0 : O_CLOEXEC;
	return 0;
}

static iou_verdict_t do_fixed_fd_install(struct iou_req *req)
{
	struct iou_install *install = iou_req_cmd(req, struct iou_install);

	if (!iou_req_get_file(req))
		return iou_done(req, -EBADF);
	return iou_done(req, receive_fd(req->file, NULL, install->flags));
}

static iou_verdict_t issue_fixed_fd_install(struct iou_req *req)
{
	return iou_audited(req, do_fixed_fd_install);
}

IOU_FUSE(fixed_fd_install)

const struct iou_op iou_op_fixed_fd_install = {
	.name		= "FIXED_FD_INSTALL",
	.start		= start_fixed_fd_install,
	.prep		= prep_fixed_fd_install,
	.issue		= issue_fixed_fd_install,
	.needs_file	= true,
	.audit		= true,
};
