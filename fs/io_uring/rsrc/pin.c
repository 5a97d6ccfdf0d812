// SPDX-License-Identifier: GPL-2.0
/*
 * Pinning a program's memory.
 *
 * Segments: all have the same size, a power of two, except for the first and the
 * last, and are aligned to that size in the program's address space. The size is
 * the largest one for which no segment leaves its folio: 4 KiB for small pages in
 * any order, 2 MiB for huge pages. Folios that happen to be neighbours are not
 * merged, because who takes references to pages takes those of the first folio.
 *
 * Paying: pages count towards the user's RLIMIT_MEMLOCK, and the pinned_vm of
 * the mm. Small pages count as often as they are registered, a large folio once
 * for a ring and in full, however little of it is used, because all of it stays
 * in memory.
 */
#include <kunit/visibility.h>
#include <linux/capability.h>
#include <linux/mm.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/sched/user.h>
#include <linux/slab.h>

#include "pin.h"

/* Pages to pin in one go; between them a fatal signal is noticed */
#define IOU_PIN_BATCH	BIT(16)

/**
 * iou_account_create() - let the current user and mm pay for a ring's buffers
 *
 * Context: may sleep.
 * Return: the account, with one reference; or NULL without memory.
 */
struct iou_account *iou_account_create(void)
{
	struct iou_account *account = kzalloc(sizeof(*account), GFP_KERNEL_ACCOUNT);

	if (!account)
		return NULL;
	refcount_set(&account->refs, 1);
	if (!capable(CAP_IPC_LOCK))
		account->user = get_uid(current_user());
	account->mm = current->mm;
	mmgrab(account->mm);
	mutex_init(&account->lock);
	xa_init_flags(&account->folios, XA_FLAGS_ACCOUNT);
	return account;
}

/**
 * iou_account_put() - drop a reference
 * @account: any, or NULL
 *
 * Context: may sleep.
 */
void iou_account_put(struct iou_account *account)
{
	unsigned long pfn = 0;

	if (!account || !refcount_dec_and_test(&account->refs))
		return;
	if (unlikely(!xa_empty(&account->folios))) {
		/* A store that failed may have left nodes in which there is nothing */
		WARN_ON_ONCE(xa_find(&account->folios, &pfn, ULONG_MAX, XA_PRESENT));
		xa_destroy(&account->folios);
	}

	if (account->user)
		free_uid(account->user);
	mmdrop(account->mm);
	kfree(account);
}

/**
 * iou_account_charge() - let a ring's user pay for memory that cannot be swapped
 * @account: the ring's
 * @nr_pages: how much
 *
 * Context: any task.
 * Return: 0; -ENOMEM: too much for the limit of the caller.
 */
int iou_account_charge(struct iou_account *account, unsigned long nr_pages)
{
	unsigned long limit = rlimit(RLIMIT_MEMLOCK) >> PAGE_SHIFT;
	unsigned long old;

	if (!account->user)
		return 0;
	old = atomic_long_read(&account->user->locked_vm);
	do {
		if (old + nr_pages > limit)
			return -ENOMEM;
	} while (!atomic_long_try_cmpxchg(&account->user->locked_vm, &old, old + nr_pages));
	return 0;
}

/**
 * iou_account_uncharge() - it need not be paid for any more
 * @account: as iou_account_charge() had it
 * @nr_pages: as it had them
 *
 * Context: any.
 */
void iou_account_uncharge(struct iou_account *account, unsigned long nr_pages)
{
	if (account->user)
		atomic_long_sub(nr_pages, &account->user->locked_vm);
}

/* The same for pages that are pinned, which the mm counts, too */
static int account_pin(struct iou_account *account, unsigned long nr_pages)
{
	int error = iou_account_charge(account, nr_pages);

	if (!error)
		atomic64_add(nr_pages, &account->mm->pinned_vm);
	return error;
}

static void account_unpin(struct iou_account *account, unsigned long nr_pages)
{
	iou_account_uncharge(account, nr_pages);
	atomic64_sub(nr_pages, &account->mm->pinned_vm);
}

/* One more buffer uses a large folio. Return: pages to pay for, or -ENOMEM */
static long account_get_folio(struct iou_account *account, struct folio *folio)
{
	unsigned long pfn = folio_pfn(folio);
	void *old = xa_load(&account->folios, pfn);
	unsigned long users = old ? xa_to_value(old) : 0;

	lockdep_assert_held(&account->lock);
	if (xa_is_err(xa_store(&account->folios, pfn, xa_mk_value(users + 1),
			       GFP_KERNEL_ACCOUNT)))
		return -ENOMEM;
	return users ? 0 : folio_nr_pages(folio);
}

/* One less. Return: pages that need not be paid for any more */
static long account_put_folio(struct iou_account *account, struct folio *folio)
{
	unsigned long pfn = folio_pfn(folio);
	unsigned long users = xa_to_value(xa_load(&account->folios, pfn));

	lockdep_assert_held(&account->lock);
	if (users == 1) {
		xa_erase(&account->folios, pfn);
		return folio_nr_pages(folio);
	}
	/* In place of an entry: needs no memory */
	xa_store(&account->folios, pfn, xa_mk_value(users - 1), GFP_NOWAIT);
	return 0;
}

static u32 seg_pages(const struct bio_vec *seg)
{
	return PAGE_ALIGN(seg->bv_offset + seg->bv_len) >> PAGE_SHIFT;
}

/* The large folio that begins to be used with this segment, or NULL */
static struct folio *seg_new_folio(const struct iou_buf *buf, u32 i)
{
	struct folio *folio = page_folio(buf->segs[i].bv_page);

	if (!folio_test_large(folio))
		return NULL;
	return i && page_folio(buf->segs[i - 1].bv_page) == folio ? NULL : folio;
}

/* Forget the first @nr segments. Return: pages that they were worth */
static unsigned long buf_forget(struct iou_buf *buf, u32 nr)
	__must_hold(&buf->account->lock)
{
	unsigned long pages = 0;
	u32 i;

	for (i = 0; i < nr; i++) {
		struct folio *folio = seg_new_folio(buf, i);

		if (folio)
			pages += account_put_folio(buf->account, folio);
		else if (!folio_test_large(page_folio(buf->segs[i].bv_page)))
			pages += seg_pages(&buf->segs[i]);
	}
	return pages;
}

static u32 buf_nr_pages(const struct iou_buf *buf)
{
	return ((buf->addr + buf->len - 1) >> PAGE_SHIFT) - (buf->addr >> PAGE_SHIFT) + 1;
}

/* Return: 0 or -ENOMEM */
static int buf_charge(struct iou_buf *buf)
{
	struct iou_account *account = buf->account;
	unsigned long pages = 0;
	int error = 0;
	long nr;
	u32 i;

	if (!buf->has_large)
		return account_pin(account, buf_nr_pages(buf));
	mutex_lock(&account->lock);
	for (i = 0; i < buf->nr_segs && !error; i++) {
		struct folio *folio = seg_new_folio(buf, i);

		if (folio) {
			nr = account_get_folio(account, folio);
			if (nr < 0) {
				error = nr;
				break;
			}
			pages += nr;
		} else if (!folio_test_large(page_folio(buf->segs[i].bv_page))) {
			pages += seg_pages(&buf->segs[i]);
		}
	}
	if (!error)
		error = account_pin(account, pages);
	if (error)
		buf_forget(buf, i);
	mutex_unlock(&account->lock);
	return error;
}

static void buf_uncharge(struct iou_buf *buf)
{
	struct iou_account *account = buf->account;

	if (!buf->has_large) {
		account_unpin(account, buf_nr_pages(buf));
		return;
	}
	mutex_lock(&account->lock);
	account_unpin(account, buf_forget(buf, buf->nr_segs));
	mutex_unlock(&account->lock);
}

static void buf_unpin(struct iou_buf *buf)
{
	const struct bio_vec *seg = buf->segs, *end = seg + buf->nr_segs;
	bool one_page = buf->shift == PAGE_SHIFT;
	u32 done = 0;

	for (; seg < end; seg++) {
		if (one_page)
			unpin_user_page(seg->bv_page);
		else
			unpin_user_folio(page_folio(seg->bv_page), seg_pages(seg));
		if (++done % 64 == 0)
			cond_resched();
	}
}

/* Return: 0 or an error, then nothing is pinned */
static int pin_pages(u64 addr, struct page **pages, u32 nr)
{
	u32 done = 0;
	int ret = 0;

	while (done < nr) {
		ret = pin_user_pages_fast(addr + ((u64)done << PAGE_SHIFT),
					  min_t(u32, nr - done, IOU_PIN_BATCH),
					  FOLL_WRITE | FOLL_LONGTERM, pages + done);
		if (ret <= 0)
			break;
		done += ret;
		cond_resched();
		if (fatal_signal_pending(current)) {
			ret = -EINTR;
			break;
		}
	}
	if (ret > 0)
		return 0;
	unpin_user_pages(pages, done);
	return ret ?: -EFAULT;
}

/* The size of segments, see above. Return: as in struct iou_buf */
static u32 pages_shift(u64 addr, struct page **pages, u32 nr, bool *has_large)
{
	struct page **end = pages + nr;
	struct page *page = *pages;
	struct page *adjoins;
	u64 nr_page = addr >> PAGE_SHIFT;
	u64 borders = 0;

	*has_large = PageCompound(page);
	while (++pages < end) {
		adjoins = page + 1;
		page = *pages;
		nr_page++;
		if (PageTail(page)) {
			*has_large = true;
			/* Of a folio, all pages but the first are tails */
			if (page == adjoins)
				continue;
		}
		*has_large |= PageHead(page);
		borders |= nr_page;
	}
	return borders ? PAGE_SHIFT + __ffs64(borders) : 63;
}

static void buf_fill(struct iou_buf *buf, struct page **pages)
{
	u64 size = 1ULL << buf->shift;
	u64 border = (buf->addr | (size - 1)) + 1;
	u64 end = buf->addr + buf->len;
	u32 i;

	bvec_set_page(&buf->segs[0], pages[0], min(border, end) - buf->addr,
		      offset_in_page(buf->addr));
	pages += (border - (buf->addr & PAGE_MASK)) >> PAGE_SHIFT;
	for (i = 1; i < buf->nr_segs; i++, pages += size >> PAGE_SHIFT)
		bvec_set_page(&buf->segs[i], *pages, size, 0);
	if (i > 1)
		buf->segs[i - 1].bv_len = ((end - 1) & (size - 1)) + 1;
}

/* Walk it all again: do the segments cover exactly the pages that were pinned? */
static void buf_verify(const struct iou_buf *buf, struct page **pages, u32 nr)
{
	u64 len = 0;
	u32 i, j, page = 0;

	for (i = 0; i < buf->nr_segs; i++) {
		const struct bio_vec *seg = &buf->segs[i];

		len += seg->bv_len;
		for (j = 0; j < seg_pages(seg); j++)
			WARN_ON_ONCE(page >= nr || seg->bv_page + j != pages[page++] ||
				     page_folio(seg->bv_page + j) != page_folio(seg->bv_page));
	}
	WARN_ON_ONCE(len != buf->len || page != nr);
}

/**
 * iou_buf_of_pages() - cut pinned pages into segments
 * @account: pays
 * @addr: address of the first byte in the program
 * @len: in bytes
 * @pages: all that are touched
 * @nr: how many
 *
 * Only unit tests call it from other files.
 *
 * Context: may sleep.
 * Return: the buffer, not yet paid for, or NULL without memory.
 */
VISIBLE_IF_KUNIT struct iou_buf *
iou_buf_of_pages(struct iou_account *account, u64 addr, size_t len, struct page **pages, u32 nr)
{
	bool has_large;
	u32 shift = pages_shift(addr, pages, nr, &has_large);
	u32 nr_segs = ((addr + len - 1) >> shift) - (addr >> shift) + 1;
	struct iou_buf *buf;

	buf = kvmalloc(struct_size(buf, segs, nr_segs), GFP_KERNEL_ACCOUNT);
	if (!buf)
		return NULL;
	refcount_set(&buf->refs, 1);
	buf->account = account;
	buf->addr = addr;
	buf->len = len;
	buf->nr_segs = nr_segs;
	buf->shift = shift;
	buf->has_large = has_large;
	buf_fill(buf, pages);
	if (IS_ENABLED(CONFIG_DEBUG_VM))
		buf_verify(buf, pages, nr);
	return buf;
}

static struct iou_buf *buf_pin(struct iou_account *account, u64 addr, size_t len,
			       struct page **pages, u32 nr)
{
	int error = pin_pages(addr & PAGE_MASK, pages, nr);
	struct iou_buf *buf;

	if (error)
		return ERR_PTR(error);
	buf = iou_buf_of_pages(account, addr, len, pages, nr);
	if (!buf) {
		unpin_user_pages(pages, nr);
		return ERR_PTR(-ENOMEM);
	}
	error = buf_charge(buf);
	if (error) {
		buf_unpin(buf);
		kvfree(buf);
		return ERR_PTR(error);
	}
	refcount_inc(&account->refs);
	return buf;
}

/**
 * iou_buf_create() - pin a program's memory
 * @account: pays
 * @addr: where
 * @len: in bytes, at least 1 and less than 4 GiB; @addr + @len does not wrap
 *
 * Context: may sleep.
 * Return: the buffer; or an error: -EFAULT, -EOPNOTSUPP: not all of it can be
 * pinned; -ENOMEM: also, more than RLIMIT_MEMLOCK; -EINTR: being killed.
 */
struct iou_buf *iou_buf_create(struct iou_account *account, u64 addr, size_t len)
{
	u32 nr = ((addr + len - 1) >> PAGE_SHIFT) - (addr >> PAGE_SHIFT) + 1;
	struct page **pages = kvmalloc_array(nr, sizeof(*pages), GFP_KERNEL_ACCOUNT);
	struct iou_buf *buf;

	if (!pages)
		return ERR_PTR(-ENOMEM);
	buf = buf_pin(account, addr, len, pages, nr);
	kvfree(pages);
	return buf;
}

/**
 * iou_buf_drop() - drop a reference, and leave the rest for later
 * @buf: any
 *
 * Nobody pays for the buffer any more when it was the last one.
 *
 * Context: may sleep.
 * Return: it was the last, and the caller calls iou_buf_free().
 */
bool iou_buf_drop(struct iou_buf *buf)
{
	if (!refcount_dec_and_test(&buf->refs))
		return false;
	buf_uncharge(buf);
	return true;
}

/**
 * iou_buf_free() - unpin and free a buffer
 * @buf: after iou_buf_drop()
 *
 * Context: may sleep. Not under a ring lock: it takes its time.
 */
void iou_buf_free(struct iou_buf *buf)
{
	buf_unpin(buf);
	iou_account_put(buf->account);
	kvfree(buf);
}

/**
 * iou_buf_put() - drop a reference
 * @buf: unpinned if it was the last
 *
 * Context: may sleep. As iou_buf_free().
 */
void iou_buf_put(struct iou_buf *buf)
{
	if (iou_buf_drop(buf))
		iou_buf_free(buf);
}
