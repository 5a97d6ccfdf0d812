// SPDX-License-Identifier: GPL-2.0
/*
 * FADVISE and MADVISE.
 */
#include <linux/fadvise.h>
#include <linux/fs.h>
#include <linux/mm.h>

#include "../req/req.h"
#include "ops.h"

struct iou_advise {
	u64 start;	/* offset in the file, or address */
	u64 len;	/* bytes */
	u32 advice;
};

/* Lengths were 32 bits wide first; a long one takes the place of @wide */
static int prep_advise(struct iou_req *req, const struct io_uring_sqe __shared *sqe,
		       u64 start, u64 wide)
{
	struct iou_advise *advise = iou_req_cmd(req, struct iou_advise);
	union iou_sqe_mid mid = iou_sqe_mid(sqe);

	if (!IS_ENABLED(CONFIG_ADVISE_SYSCALLS))
		return iou_reject(req, sqe, -EOPNOTSUPP,
				  "advise: kernel without CONFIG_ADVISE_SYSCALLS");
	if (mid.buf_index || mid.file_index)
		return iou_reject(req, sqe, -EINVAL,
				  "advise: buf_index and splice_fd_in must be 0");
	advise->start = start;
	advise->len = wide ?: iou_sqe_get(sqe, len);
	advise->advice = iou_sqe_get(sqe, fadvise_advice);
	return 0;
}

static int prep_fadvise(struct iou_req *req, const struct io_uring_sqe __shared *sqe)
{
	return prep_advise(req, sqe, iou_sqe_get(sqe, off), iou_sqe_get(sqe, addr));
}

static int do_fadvise(struct iou_req *req)
{
#ifdef CONFIG_ADVISE_SYSCALLS
	struct iou_advise *advise = iou_req_cmd(req, struct iou_advise);

	return vfs_fadvise(req->file, advise->start, advise->len, advise->advice);
#else
	return -EOPNOTSUPP;
#endif
}

/* Advice that only sets a mode of the file never blocks */
static bool fadvise_is_quick(u32 advice)
{
	return advice == POSIX_FADV_NORMAL || advice == POSIX_FADV_RANDOM ||
	       advice == POSIX_FADV_SEQUENTIAL;
}

static iou_verdict_t issue_fadvise(struct iou_req *req)
{
	struct iou_advise *advise = iou_req_cmd(req, struct iou_advise);

	if (!fadvise_is_quick(advise->advice))
		return IOU_RETRY;
	if (!iou_req_get_file(req))
		return iou_done(req, -EBADF);
	return iou_done(req, do_fadvise(req));
}

IOU_FUSE(fadvise)

static iou_verdict_t work_fadvise(struct iou_req *req)
{
	return iou_done(req, do_fadvise(req));
}

const struct iou_op iou_op_fadvise = {
	.name		= "FADVISE",
	.start		= start_fadvise,
	.prep		= prep_fadvise,
	.issue		= issue_fadvise,
	.work		= work_fadvise,
	.needs_file	= true,
};

static int prep_madvise(struct iou_req *req, const struct io_uring_sqe __shared *sqe)
{
	return prep_advise(req, sqe, iou_sqe_get(sqe, addr), iou_sqe_get(sqe, off));
}

static iou_verdict_t work_madvise(struct iou_req *req)
{
#ifdef CONFIG_ADVISE_SYSCALLS
	struct iou_advise *advise = iou_req_cmd(req, struct iou_advise);

	return iou_done(req, do_madvise(current->mm, advise->start, advise->len,
					advise->advice));
#else
	return iou_done(req, -EOPNOTSUPP);
#endif
}

const struct iou_op iou_op_madvise = {
	.name	= "MADVISE",
	.prep	= prep_madvise,
	.work	= work_madvise,
};
