// SPDX-License-Identifier: GPL-2.0
/*
 * FSETXATTR, SETXATTR, FGETXATTR, GETXATTR: always done by a worker.
 */
#include <linux/audit.h>
#include <linux/fs.h>
#include <linux/mount.h>
#include <linux/namei.h>
#include <linux/slab.h>
#include <linux/xattr.h>

#include "../../internal.h"
#include "../req/audit.h"
#include "../req/req.h"
#include "ops.h"

/**
 * struct iou_xattr - an attribute; iou_req.aux
 * @ctx: its value, where to, how
 * @name: its name
 * @path: whose it is, or NULL: the request's file
 */
struct iou_xattr {
	struct xattr_ctx ctx;
	struct xattr_name name;
	struct filename *path;
};

static void cleanup_xattr(struct iou_req *req)
{
	struct iou_xattr *xattr = req->aux;

	if (xattr->path)
		putname(xattr->path);
	kvfree(xattr->ctx.kvalue);
	kfree(xattr);
}

/* Everything but the value */
static int prep_xattr(struct iou_req *req, const struct io_uring_sqe __shared *sqe)
{
	struct iou_xattr *xattr;

	if (req->sqe_flags & IOSQE_FIXED_FILE)
		return iou_reject(req, sqe, -EBADF, "xattr: not of a fixed file");
	xattr = kmalloc(sizeof(*xattr), GFP_KERNEL_ACCOUNT);
	if (!xattr)
		return iou_reject(req, sqe, -ENOMEM, "xattr: no memory for the name");
	xattr->path = NULL;
	xattr->ctx.kname = &xattr->name;
	xattr->ctx.kvalue = NULL;
	xattr->ctx.value = u64_to_user_ptr(iou_sqe_get(sqe, addr2));
	xattr->ctx.size = iou_sqe_get(sqe, len);
	xattr->ctx.flags = iou_sqe_get(sqe, xattr_flags);
	req->aux = xattr;
	req->held |= IOU_HELD_CLEANUP;
	return 0;
}

/* setxattr_copy() would not charge it, and it stays as long as the request waits */
static int copy_value(struct xattr_ctx *ctx, size_t size)
{
	if (!size)
		return 0;
	if (size > XATTR_SIZE_MAX)
		return -E2BIG;

	ctx->kvalue = kvmalloc(size, GFP_KERNEL_ACCOUNT);
	if (!ctx->kvalue)
		return -ENOMEM;
	ctx->size = size;
	return copy_from_user(ctx->kvalue, ctx->cvalue, size) ? -EFAULT : 0;
}

static int prep_fsetxattr(struct iou_req *req, const struct io_uring_sqe __shared *sqe)
{
	int error = prep_xattr(req, sqe);
	struct iou_xattr *xattr;
	size_t size;

	if (error)
		return error;
	xattr = req->aux;
	size = xattr->ctx.size;
	xattr->ctx.size = 0;
	error = setxattr_copy(u64_to_user_ptr(iou_sqe_get(sqe, addr)), &xattr->ctx) ?:
		copy_value(&xattr->ctx, size);
	if (error)
		return iou_reject(req, sqe, error, "xattr: bad flags, name or value");
	return 0;
}

static int prep_fgetxattr(struct iou_req *req, const struct io_uring_sqe __shared *sqe)
{
	int error = prep_xattr(req, sqe);
	struct iou_xattr *xattr;
	long len;

	if (error)
		return error;
	xattr = req->aux;
	if (xattr->ctx.flags)
		return iou_reject(req, sqe, -EINVAL, "xattr: xattr_flags must be 0");
	len = strncpy_from_user(xattr->name.name, u64_to_user_ptr(iou_sqe_get(sqe, addr)),
				sizeof(xattr->name.name));
	if (len < 0)
		return iou_reject(req, sqe, len, "xattr: the name cannot be read");
	if (!len || len == sizeof(xattr->name.name))
		return iou_reject(req, sqe, -ERANGE, "xattr: length of the name");
	return 0;
}

static int prep_path(struct iou_req *req, const struct io_uring_sqe __shared *sqe)
{
	struct iou_xattr *xattr = req->aux;
	struct filename *path = getname(u64_to_user_ptr(iou_sqe_get(sqe, addr3)));

	if (IS_ERR(path))
		return iou_reject(req, sqe, PTR_ERR(path), "xattr: bad path in addr3");
	iou_audit_leave(path);
	xattr->path = path;
	return 0;
}

static int prep_setxattr(struct iou_req *req, const struct io_uring_sqe __shared *sqe)
{
	return prep_fsetxattr(req, sqe) ?: prep_path(req, sqe);
}

static int prep_getxattr(struct iou_req *req, const struct io_uring_sqe __shared *sqe)
{
	return prep_fgetxattr(req, sqe) ?: prep_path(req, sqe);
}

static ssize_t set_xattr(const struct path *path, struct iou_xattr *xattr)
{
	int error = mnt_want_write(path->mnt);

	if (error)
		return error;
	error = do_setxattr(mnt_idmap(path->mnt), path->dentry, &xattr->ctx);
	mnt_drop_write(path->mnt);
	return error;
}

static ssize_t get_xattr(const struct path *path, struct iou_xattr *xattr)
{
	/* Of an attempt before, on a handle that was stale */
	kvfree(xattr->ctx.kvalue);
	xattr->ctx.kvalue = NULL;
	return do_getxattr(mnt_idmap(path->mnt), path->dentry, &xattr->ctx);
}

static ssize_t on_path(struct iou_xattr *xattr,
		       ssize_t (*fn)(const struct path *path, struct iou_xattr *xattr))
{
	unsigned int lookup = LOOKUP_FOLLOW;
	struct path path;
	ssize_t ret;

	for (;;) {
		ret = filename_lookup(AT_FDCWD, xattr->path, lookup, &path, NULL);
		if (ret)
			return ret;
		ret = fn(&path, xattr);
		path_put(&path);
		if (!retry_estale(ret, lookup))
			return ret;
		lookup |= LOOKUP_REVAL;
	}
}

static iou_verdict_t work_fsetxattr(struct iou_req *req)
{
	audit_file(req->file);
	return iou_done(req, set_xattr(&req->file->f_path, req->aux));
}

static iou_verdict_t work_setxattr(struct iou_req *req)
{
	return iou_done(req, on_path(req->aux, set_xattr));
}

static iou_verdict_t work_fgetxattr(struct iou_req *req)
{
	audit_file(req->file);
	return iou_done(req, get_xattr(&req->file->f_path, req->aux));
}

static iou_verdict_t work_getxattr(struct iou_req *req)
{
	return iou_done(req, on_path(req->aux, get_xattr));
}

const struct iou_op iou_op_fsetxattr = {
	.name		= "FSETXATTR",
	.prep		= prep_fsetxattr,
	.work		= work_fsetxattr,
	.cleanup	= cleanup_xattr,
	.needs_file	= true,
	.audit		= true,
};

const struct iou_op iou_op_setxattr = {
	.name		= "SETXATTR",
	.prep		= prep_setxattr,
	.work		= work_setxattr,
	.cleanup	= cleanup_xattr,
	.audit		= true,
};

const struct iou_op iou_op_fgetxattr = {
	.name		= "FGETXATTR",
	.prep		= prep_fgetxattr,
	.work		= work_fgetxattr,
	.cleanup	= cleanup_xattr,
	.needs_file	= true,
	.audit		= true,
};

const struct iou_op iou_op_getxattr = {
	.name		= "GETXATTR",
	.prep		= prep_getxattr,
	.work		= work_getxattr,
	.cleanup	= cleanup_xattr,
	.audit		= true,
};
