// SPDX-License-Identifier: GPL-2.0
/*
 * Reads and writes: where the data of the next call is, as far as it is not simple.
 */
#include <linux/overflow.h>

#include "iter.h"

/* Over a part of a registered buffer: that it is one was checked when it was prepared */
static int rw_iter_fixed(struct iou_req *req, int dir, struct iov_iter *iter)
{
	struct iou_rw *rw = iou_req_cmd(req, struct iou_rw);
	u64 addr = rw->addr + rw->done;
	u32 len = rw->len - rw->done;

	if (unlikely(!iou_rw_has_iter(req->file, dir)))
		return import_ubuf(dir, u64_to_user_ptr(addr), len, iter);
	iou_buf_address(iou_req_buf(req), dir, addr, len, iter);
	return 0;
}

/**
 * iou_rw_iter_rest() - the rarer cases of iou_rw_iter()
 * @req: has a registered buffer or iovecs, or something was transferred already
 * @dir: READ or WRITE
 * @iter: receives what is left to do
 *
 * Context: any.
 * Return: 0, -EFAULT.
 */
int iou_rw_iter_rest(struct iou_req *req, int dir, struct iov_iter *iter)
{
	struct iou_rw *rw = iou_req_cmd(req, struct iou_rw);
	struct iou_rw_aux *aux = req->aux;

	if (req->held & IOU_HELD_BUF)
		return rw_iter_fixed(req, dir, iter);

	if (req->held & IOU_HELD_CLEANUP)
		*iter = aux->iter;
	else
		iov_iter_ubuf(iter, dir, u64_to_user_ptr(rw->addr), rw->len);

	if (rw->done)
		iov_iter_advance(iter, rw->done);
	return 0;
}

/**
 * iou_rw_check_far_end() - iou_rw_check_end() near the largest offset
 * @rw: to begin at its ki_pos
 * @len: of so many bytes
 *
 * Context: any.
 * Return: 0, -EINVAL, -EOVERFLOW.
 */
int iou_rw_check_far_end(const struct iou_rw *rw, u32 len)
{
	const struct file *file = rw->iocb.ki_filp;
	loff_t pos = rw->iocb.ki_pos;
	loff_t end;

	/* Not begun: rw_verify_area() will know the length */
	if (!file)
		return 0;

	if (check_add_overflow(pos, (loff_t)len, &end))
		return file->f_op->fop_flags & FOP_UNSIGNED_OFFSET ? 0 : -EINVAL;

	/* From the far end of unsigned offsets to their beginning */
	return pos < 0 && end >= 0 ? -EOVERFLOW : 0;
}

/**
 * iou_rw_commit_buf() - take as much of a provided buffer as was used
 * @req: has called its file
 * @buf: with this one
 * @ret: what the file said
 *
 * READ, unlike a multishot and unlike RECV, takes it at the end of the file, too.
 *
 * Context: ring lock, since iou_rw_select().
 */
void iou_rw_commit_buf(struct iou_req *req, const struct iou_pbuf *buf, ssize_t ret)
{
	/* What may go on after a part needs all of the buffer, and so does what is queued */
	bool goes_on = ret == -EIOCBQUEUED || (ret > 0 && iou_file_is_disk(req->file));

	if (goes_on || iou_pbuf_is_used(iou_req_op(req)->pbuf, ret))
		iou_pbuf_commit(req, buf, ret, goes_on ? IOU_PBUF_KEEP : IOU_PBUF_LEAVE);
}
