/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A program's memory, pinned for I/O, and who pays for it.
 */
#ifndef IOU_RSRC_PIN_H
#define IOU_RSRC_PIN_H

#include <linux/bvec.h>
#include <linux/mutex.h>
#include <linux/nospec.h>
#include <linux/overflow.h>
#include <linux/refcount.h>
#include <linux/types.h>
#include <linux/uio.h>
#include <linux/xarray.h>

struct mm_struct;
struct page;
struct user_struct;

/**
 * struct iou_account - who pays for pinned memory: who made the ring
 * @refs: the ring's, and those of all buffers that were made for it
 * @user: pays; NULL: nobody, the ring was made with CAP_IPC_LOCK
 * @mm: whose pinned_vm counts it
 * @lock: guards @folios; inside the ring lock. Buffers that were cloned are
 *        freed under the lock of another ring
 * @folios: large folios that are paid for, by page frame number: how many
 *          buffers use them
 */
struct iou_account {
	refcount_t refs;
	struct user_struct *user;
	struct mm_struct *mm;
	struct mutex lock;	/* @folios; inside the ring lock */
	struct xarray folios;
};

/**
 * struct iou_buf - a registered buffer
 * @refs: nodes, of this and of other rings
 * @account: who pays
 * @addr: address in the program
 * @len: in bytes
 * @nr_segs: length of @segs
 * @shift: memory between two multiples of 1 << @shift is one segment
 * @has_large: some of it is in large folios, which are paid for in another way
 * @unpin: in ring->unpin, when nobody uses it any more
 * @segs: the memory; each segment lies in one folio
 *
 * Nothing in here changes. An address finds its segment by a shift.
 */
struct iou_buf {
	refcount_t refs;
	struct iou_account *account;
	u64 addr;
	u32 len;
	u32 nr_segs;
	u32 shift;
	bool has_large;
	struct list_head unpin;
	struct bio_vec segs[];
};

struct iou_account *iou_account_create(void);
void iou_account_put(struct iou_account *account);
int iou_account_charge(struct iou_account *account, unsigned long nr_pages);
void iou_account_uncharge(struct iou_account *account, unsigned long nr_pages);
struct iou_buf *iou_buf_create(struct iou_account *account, u64 addr, size_t len);
bool iou_buf_drop(struct iou_buf *buf);
void iou_buf_free(struct iou_buf *buf);
void iou_buf_put(struct iou_buf *buf);
#if IS_ENABLED(CONFIG_KUNIT)
struct iou_buf *iou_buf_of_pages(struct iou_account *account, u64 addr, size_t len,
				 struct page **pages, u32 nr);
#endif

/**
 * iou_buf_contains() - is a range inside a registered buffer?
 * @buf: referenced
 * @addr: where, as the program sees it
 * @len: how many bytes
 *
 * Context: any.
 * Return: whether.
 */
static inline bool iou_buf_contains(const struct iou_buf *buf, u64 addr, size_t len)
{
	u64 end;

	if (unlikely(check_add_overflow(addr, (u64)len, &end)))
		return false;
	return likely(addr >= buf->addr && end <= buf->addr + buf->len);
}

/**
 * iou_buf_address() - address a part of a registered buffer
 * @buf: referenced
 * @dir: READ: it will be written to; WRITE
 * @addr: where, as the program sees it: iou_buf_contains() it
 * @len: how many bytes
 * @iter: receives the memory
 *
 * Context: any.
 */
static inline void iou_buf_address(const struct iou_buf *buf, int dir, u64 addr, size_t len,
				   struct iov_iter *iter)
{
	u64 base = buf->addr >> buf->shift;
	u32 seg;

	if (unlikely(!len)) {
		iov_iter_bvec(iter, dir, buf->segs, 1, 0);
		return;
	}
	seg = array_index_nospec((u32)((addr >> buf->shift) - base), buf->nr_segs);
	iov_iter_bvec(iter, dir, buf->segs + seg,
		      ((addr + len - 1) >> buf->shift) - base - seg + 1, len);
	iter->iov_offset = seg ? addr & ((1ULL << buf->shift) - 1) : addr - buf->addr;
}

/**
 * iou_buf_import() - address a part of a registered buffer, if it is one
 * @buf: referenced
 * @dir: READ: it will be written to; WRITE
 * @addr: where, as the program sees it
 * @len: how many bytes
 * @iter: receives the memory
 *
 * Context: any.
 * Return: 0; -EFAULT: that is not inside the buffer.
 */
static inline int iou_buf_import(const struct iou_buf *buf, int dir, u64 addr, size_t len,
				 struct iov_iter *iter)
{
	if (unlikely(!iou_buf_contains(buf, addr, len)))
		return -EFAULT;
	iou_buf_address(buf, dir, addr, len, iter);
	return 0;
}

#endif
