// SPDX-License-Identifier: GPL-2.0
/*
 * What a ring holds: regions, tables of nodes, slots, pinned memory,
 * restrictions.
 */
#include <kunit/test.h>
#include <linux/anon_inodes.h>
#include <linux/bitmap.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/uio.h>

#include "../ctl/register.h"
#include "../mem/region.h"
#include "../rsrc/files.h"
#include "../rsrc/node.h"
#include "../rsrc/pin.h"
#include "../rsrc/restrict.h"
#include "fake.h"

/* ------------------------------------------------------------------------
 * Regions
 */

static void region_sizes(struct kunit *test)
{
	/* The last one is more than the page allocator gives in one piece */
	static const size_t sizes[] = {
		1, PAGE_SIZE - 1, PAGE_SIZE, PAGE_SIZE + 1, 3 * PAGE_SIZE, 5 << 20,
		(PAGE_SIZE << MAX_PAGE_ORDER) + 1,
	};
	int i;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		struct iou_region region = { };

		KUNIT_ASSERT_EQ(test, 0, iou_region_alloc(&region, sizes[i]));
		KUNIT_EXPECT_EQ(test, PAGE_ALIGN(sizes[i]), region.size);
		KUNIT_EXPECT_TRUE(test, PAGE_ALIGNED((unsigned long)region.mem));
		KUNIT_EXPECT_NULL(test, memchr_inv(region.mem, 0, region.size));
		memset(region.mem, 0xa5, region.size);
		iou_region_free(&region);
		KUNIT_EXPECT_NULL(test, region.mem);
		/* Freeing what is empty is no error */
		iou_region_free(&region);
	}
}

/* ------------------------------------------------------------------------
 * Tables of nodes
 */

static void count_release(void *what, struct iou_ring *ring)
{
	++*(int *)what;
}

static void node_table(struct kunit *test)
{
	struct fake *fake = fake_ring(test);
	struct iou_ring *ring = &fake->ring;
	struct iou_table table = { };
	struct iou_node *a, *b;
	int ended = 0;

	KUNIT_EXPECT_NULL(test, iou_table_get(&table, 0));
	KUNIT_ASSERT_EQ(test, 0, iou_table_alloc(&table, 3));
	a = iou_node_create(&ended, count_release, 11);
	b = iou_node_create(&ended, count_release, 0);
	KUNIT_ASSERT_NOT_NULL(test, a);
	KUNIT_ASSERT_NOT_NULL(test, b);
	mutex_lock(&ring->lock);
	iou_table_set(&table, 2, a, ring);
	KUNIT_EXPECT_PTR_EQ(test, a, iou_table_get(&table, 2));
	KUNIT_EXPECT_NULL(test, iou_table_get(&table, 0));
	KUNIT_EXPECT_NULL(test, iou_table_get(&table, 3));
	KUNIT_EXPECT_NULL(test, iou_table_get(&table, U32_MAX));

	/* Replaced while a request uses it: it ends, and is told of, with the last use */
	a->refs += 2;
	iou_table_set(&table, 2, b, ring);
	KUNIT_EXPECT_EQ(test, 0, ended);
	iou_node_put(a, ring);
	KUNIT_EXPECT_EQ(test, 0, ended);
	KUNIT_EXPECT_EQ(test, 0, fake_nr_cqes(fake));
	iou_node_put(a, ring);
	KUNIT_EXPECT_EQ(test, 1, ended);
	KUNIT_ASSERT_EQ(test, 1, fake_nr_cqes(fake));
	KUNIT_EXPECT_EQ(test, 11, fake->cqes[0].user_data);
	KUNIT_EXPECT_EQ(test, 0, fake->cqes[0].res);

	/* Without a tag nothing is told */
	iou_table_free(&table, ring);
	KUNIT_EXPECT_EQ(test, 2, ended);
	KUNIT_EXPECT_EQ(test, 1, fake_nr_cqes(fake));
	KUNIT_EXPECT_NULL(test, iou_table_get(&table, 2));
	iou_table_free(&table, ring);
	mutex_unlock(&ring->lock);
}

static void node_forget_tags(struct kunit *test)
{
	struct fake *fake = fake_ring(test);
	struct iou_table table = { };
	int i, ended = 0;

	KUNIT_ASSERT_EQ(test, 0, iou_table_alloc(&table, 4));
	mutex_lock(&fake->ring.lock);
	for (i = 0; i < 4; i += 2)
		iou_table_set(&table, i, iou_node_create(&ended, count_release, 1 + i),
			      &fake->ring);
	iou_table_forget_tags(&table);
	iou_table_free(&table, &fake->ring);
	mutex_unlock(&fake->ring.lock);
	KUNIT_EXPECT_EQ(test, 2, ended);
	KUNIT_EXPECT_EQ(test, 0, fake_nr_cqes(fake));
}

#define NR_LEAVING	300
#define RELEASED_FIRST	3	/* before there is a rival */

/**
 * struct leaving - a table that is unregistered
 * @rival: wants the ring meanwhile, and registers another table
 * @nr: slots that were emptied
 * @rival_is_there: could the thread be had?
 * @other: the other table
 */
struct leaving {
	struct rival rival;
	u32 nr;
	bool rival_is_there;
	struct iou_table other;
};

static void leave_slot(void *what, struct iou_ring *ring)
{
	struct leaving *leaving = what;

	WRITE_ONCE(leaving->nr, leaving->nr + 1);
	if (leaving->nr == RELEASED_FIRST && !leaving->rival.task)
		leaving->rival_is_there = rival_start(&leaving->rival);
	rival_pace(&leaving->rival);
}

static void register_other(struct rival *rival)
{
	struct leaving *leaving = container_of(rival, struct leaving, rival);

	if (!rival->ring->bufs.nr)
		swap(rival->ring->bufs, leaving->other);
}

static void fill_table(struct kunit *test, struct iou_table *table, struct leaving *leaving)
{
	u32 i;

	KUNIT_ASSERT_EQ(test, 0, iou_table_alloc(table, NR_LEAVING));
	for (i = 0; i < NR_LEAVING; i++) {
		table->slots[i] = iou_node_create(leaving, leave_slot, 1 + i);
		KUNIT_ASSERT_NOT_NULL(test, table->slots[i]);
	}
}

/*
 * Who waits for the lock does not wait until all of a table is unregistered, and can
 * register another one in the middle of it. Each slot is emptied once.
 */
static void unregistered_bit_by_bit(struct kunit *test)
{
	struct leaving *leaving = kunit_kzalloc(test, sizeof(*leaving), GFP_KERNEL);
	struct fake *fake = fake_ring(test);
	struct iou_ring *ring = &fake->ring;

	KUNIT_ASSERT_NOT_NULL(test, leaving);
	leaving->rival.ring = ring;
	leaving->rival.counter = &leaving->nr;
	leaving->rival.turn = register_other;
	fill_table(test, &ring->bufs, leaving);
	fill_table(test, &leaving->other, leaving);

	KUNIT_EXPECT_EQ(test, 0, iou_register(ring, IORING_UNREGISTER_BUFFERS, NULL, 0));
	KUNIT_EXPECT_TRUE(test, leaving->rival_is_there);
	wait_for_completion(&leaving->rival.over);
	KUNIT_EXPECT_LE(test, RELEASED_FIRST, leaving->rival.seen);
	KUNIT_EXPECT_GT(test, NR_LEAVING, leaving->rival.seen);
	KUNIT_EXPECT_EQ(test, NR_LEAVING, leaving->nr);
	KUNIT_EXPECT_EQ(test, NR_LEAVING, ring->bufs.nr);
	KUNIT_EXPECT_EQ(test, 0, ring->leaving.nr);

	KUNIT_EXPECT_EQ(test, 0, iou_register(ring, IORING_UNREGISTER_BUFFERS, NULL, 0));
	KUNIT_EXPECT_EQ(test, 2 * NR_LEAVING, leaving->nr);
	KUNIT_EXPECT_EQ(test, -ENXIO, iou_register(ring, IORING_UNREGISTER_BUFFERS, NULL, 0));
	iou_cq_free(&ring->cq);
}

static void range_check(struct kunit *test)
{
	static const struct {
		u32 offset, nr, slots;
		int error;
	} cases[] = {
		{ 0, 1, 0, -ENXIO },
		{ 0, 8, 8, 0 },
		{ 7, 1, 8, 0 },
		{ 8, 1, 8, -EINVAL },
		{ 0, 9, 8, -EINVAL },
		{ 1, U32_MAX - 1, 8, -EINVAL },
		{ 1, U32_MAX, 8, -EOVERFLOW },
		{ U32_MAX, 1, 8, -EOVERFLOW },
		{ U32_MAX, U32_MAX, 0, -EOVERFLOW },
	};
	int i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		struct iou_rsrc_range range = { .offset = cases[i].offset, .nr = cases[i].nr };
		struct iou_table table = { .nr = cases[i].slots };

		KUNIT_EXPECT_EQ_MSG(test, cases[i].error, iou_rsrc_check(&range, &table),
				    "case %d", i);
	}
}

/* ------------------------------------------------------------------------
 * Slots for fixed files
 */

#define NR_SLOTS	130	/* more than two words of a bitmap */

static const struct file_operations no_fops;

static struct file *file_ring(struct kunit *test, struct fake *fake)
{
	struct iou_ring *ring = &fake->ring;
	struct file *file = anon_inode_getfile("[kunit]", &no_fops, NULL, O_RDWR);

	KUNIT_ASSERT_FALSE(test, IS_ERR(file));
	KUNIT_ASSERT_EQ(test, 0, iou_table_alloc(&ring->files, NR_SLOTS));
	ring->file_slots.used = kvcalloc(BITS_TO_LONGS(NR_SLOTS), sizeof(long), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, ring->file_slots.used);
	ring->file_slots.end = NR_SLOTS;
	return file;
}

static int install_any(struct iou_ring *ring, struct file *file)
	__must_hold(&ring->lock)
{
	return iou_files_install(ring, get_file(file), IORING_FILE_INDEX_ALLOC);
}

static void slots_any(struct kunit *test)
{
	struct fake *fake = fake_ring(test);
	struct file *file = file_ring(test, fake);
	struct iou_ring *ring = &fake->ring;
	u32 i;

	mutex_lock(&ring->lock);
	for (i = 0; i < NR_SLOTS; i++)
		KUNIT_EXPECT_EQ(test, i, install_any(ring, file));
	KUNIT_EXPECT_EQ(test, -ENFILE, install_any(ring, file));
	/* One that became free is found, wherever it is */
	for (i = 0; i < NR_SLOTS; i++) {
		KUNIT_EXPECT_EQ(test, 0, iou_files_remove(ring, i));
		KUNIT_EXPECT_EQ(test, -EBADF, iou_files_remove(ring, i));
		KUNIT_EXPECT_EQ(test, i, install_any(ring, file));
		KUNIT_EXPECT_EQ(test, -ENFILE, install_any(ring, file));
	}
	KUNIT_EXPECT_EQ(test, -EINVAL, iou_files_remove(ring, NR_SLOTS));
	KUNIT_EXPECT_EQ(test, -EINVAL, iou_files_remove(ring, U32_MAX));
	/* All of them hold a reference, and nothing else does */
	KUNIT_EXPECT_EQ(test, NR_SLOTS + 1, file_count(file));
	iou_table_free(&ring->files, ring);
	iou_files_drop_slots(ring);
	mutex_unlock(&ring->lock);
	KUNIT_EXPECT_EQ(test, 1, file_count(file));
	fput(file);
}

static void slots_range(struct kunit *test)
{
	struct fake *fake = fake_ring(test);
	struct file *file = file_ring(test, fake);
	struct iou_ring *ring = &fake->ring;
	struct iou_slots *slots = &ring->file_slots;
	DECLARE_BITMAP(seen, NR_SLOTS) = { };
	u32 i;

	mutex_lock(&ring->lock);
	slots->start = 60;
	slots->end = 70;
	slots->hint = 60;
	/* A slot that is asked for by number may be outside; those inside are skipped */
	KUNIT_EXPECT_EQ(test, 0, iou_files_install(ring, get_file(file), 1 + 5));
	KUNIT_EXPECT_EQ(test, 0, iou_files_install(ring, get_file(file), 1 + 63));
	for (i = 0; i < 9; i++) {
		int slot = install_any(ring, file);

		KUNIT_EXPECT_TRUE(test, slot >= 60 && slot < 70);
		KUNIT_EXPECT_FALSE(test, slot == 63 || test_and_set_bit(slot, seen));
	}
	KUNIT_EXPECT_EQ(test, -ENFILE, install_any(ring, file));
	KUNIT_EXPECT_EQ(test, 0, iou_files_remove(ring, 5));
	KUNIT_EXPECT_EQ(test, -ENFILE, install_any(ring, file));
	KUNIT_EXPECT_EQ(test, 0, iou_files_remove(ring, 69));
	KUNIT_EXPECT_EQ(test, 0, iou_files_remove(ring, 61));
	KUNIT_EXPECT_EQ(test, 61, install_any(ring, file));
	KUNIT_EXPECT_EQ(test, 69, install_any(ring, file));

	/* An empty range, also at the very end */
	slots->start = NR_SLOTS;
	slots->end = NR_SLOTS;
	slots->hint = NR_SLOTS;
	KUNIT_EXPECT_EQ(test, -ENFILE, install_any(ring, file));
	KUNIT_EXPECT_EQ(test, -EINVAL, iou_files_install(ring, get_file(file), 1 + NR_SLOTS));
	KUNIT_EXPECT_EQ(test, -EINVAL, iou_files_install(ring, get_file(file), 0));
	iou_table_free(&ring->files, ring);
	iou_files_drop_slots(ring);
	KUNIT_EXPECT_EQ(test, -ENXIO, iou_files_install(ring, get_file(file), 1));
	KUNIT_EXPECT_EQ(test, -ENFILE, install_any(ring, file));
	mutex_unlock(&ring->lock);
	KUNIT_EXPECT_EQ(test, 1, file_count(file));
	fput(file);
}

/* ------------------------------------------------------------------------
 * Pinned memory
 */

#define PIN_PAGES	64

/* A piece of a program's memory: folios of these orders, one after the other */
struct pin_case {
	u64 page;	/* address of the first, in pages */
	u32 skip;	/* pages of the first folio that come before */
	u32 shift;	/* segments have at most that size ... */
	int orders[8];	/* ... ends with -1 */
};

static const struct pin_case pin_cases[] = {
	{ 100, 0, 63, { 0, -1 } },
	{ 100, 0, 12, { 0, 0, 0, -1 } },
	{ 96, 0, 63, { 4, -1 } },
	{ 96, 0, 16, { 4, 4, -1 } },
	{ 99, 3, 16, { 4, 4, 4, -1 } },
	/* Not aligned: the program mapped it at another offset */
	{ 97, 0, 12, { 4, 4, -1 } },
	{ 98, 0, 13, { 4, 4, -1 } },
	{ 96, 0, 12, { 3, 0, 0, 2, -1 } },
	{ 96, 0, 14, { 3, 2, 2, 4, -1 } },
	/* A border at a multiple of everything */
	{ (1 << 20) - 1, 0, 32, { 0, 0, -1 } },
};

struct pinned {
	struct page *pages[PIN_PAGES];
	u32 nr;
	struct page *folios[8];
};

static u8 byte_at(u64 addr)
{
	return addr * 7 + (addr >> 8) * 13 + (addr >> 16) * 31;
}

static void pinned_make(struct kunit *test, const struct pin_case *c, struct pinned *p)
{
	u32 i, j, skip = c->skip;

	p->nr = 0;
	memset(p->folios, 0, sizeof(p->folios));
	for (i = 0; c->orders[i] >= 0; i++) {
		p->folios[i] = alloc_pages(GFP_KERNEL | __GFP_COMP, c->orders[i]);
		KUNIT_ASSERT_NOT_NULL(test, p->folios[i]);
		for (j = skip; j < 1u << c->orders[i]; j++)
			p->pages[p->nr++] = p->folios[i] + j;
		skip = 0;
	}
	for (i = 0; i < p->nr; i++) {
		u8 *mem = page_address(p->pages[i]);

		for (j = 0; j < PAGE_SIZE; j++)
			mem[j] = byte_at(((c->page + i) << PAGE_SHIFT) + j);
	}
}

static void pinned_free(struct pinned *p)
{
	u32 i;

	for (i = 0; i < ARRAY_SIZE(p->folios); i++)
		if (p->folios[i])
			__free_pages(p->folios[i], compound_order(p->folios[i]));
}

/* No segment leaves its folio, all have the same size but for the ends, none is missing */
static void check_segments(struct kunit *test, const struct iou_buf *buf, u32 shift)
{
	u64 len = 0, addr = buf->addr;
	u32 i;

	KUNIT_EXPECT_EQ(test, shift, buf->shift);
	for (i = 0; i < buf->nr_segs; i++) {
		const struct bio_vec *seg = &buf->segs[i];
		u32 last = (seg->bv_offset + seg->bv_len - 1) >> PAGE_SHIFT;

		KUNIT_EXPECT_GT(test, seg->bv_len, 0);
		KUNIT_EXPECT_LT(test, seg->bv_offset, PAGE_SIZE);
		KUNIT_EXPECT_PTR_EQ(test, page_folio(seg->bv_page),
				    page_folio(seg->bv_page + last));
		KUNIT_EXPECT_EQ(test, addr >> buf->shift,
				(addr + seg->bv_len - 1) >> buf->shift);
		len += seg->bv_len;
		addr += seg->bv_len;
	}
	KUNIT_EXPECT_EQ(test, buf->len, len);
}

/* Is what is read from there what a program would see there? */
static bool import_ok(const struct iou_buf *buf, u64 addr, size_t len, u8 *bounce)
{
	struct iov_iter iter;
	size_t i;

	if (iou_buf_import(buf, WRITE, addr, len, &iter) || iov_iter_count(&iter) != len)
		return false;
	if (copy_from_iter(bounce, len, &iter) != len || iov_iter_count(&iter))
		return false;
	/* All bytes at the ends, some in between */
	for (i = 0; i < len; i += i < 16 || i + 80 > len ? 1 : 61)
		if (bounce[i] != byte_at(addr + i))
			return false;
	return true;
}

static void check_import(struct kunit *test, const struct iou_buf *buf)
{
	static const s32 around[] = { -4096, -513, -1, 0, 1, 512, 4095, 4096 };
	u8 *bounce = kunit_kmalloc(test, buf->len, GFP_KERNEL);
	u64 end = buf->addr + buf->len;
	u64 from, to;
	u32 page, i, j;

	KUNIT_ASSERT_NOT_NULL(test, bounce);
	KUNIT_EXPECT_TRUE(test, import_ok(buf, buf->addr, buf->len, bounce));
	for (page = 0; page <= buf->len >> PAGE_SHIFT; page++) {
		for (i = 0; i < ARRAY_SIZE(around); i++) {
			from = (buf->addr & PAGE_MASK) + page * PAGE_SIZE + around[i];
			if (from < buf->addr || from >= end)
				continue;
			KUNIT_EXPECT_TRUE(test, import_ok(buf, from, 1, bounce));
			if (!around[i])
				KUNIT_EXPECT_TRUE(test, import_ok(buf, from, end - from, bounce));
			for (j = 0; j < ARRAY_SIZE(around); j++) {
				to = from + 2 * PAGE_SIZE + around[j];
				if (to <= end)
					KUNIT_EXPECT_TRUE(test, import_ok(buf, from, to - from,
									  bounce));
			}
		}
	}
	kunit_kfree(test, bounce);
}

static void check_import_bounds(struct kunit *test, const struct iou_buf *buf)
{
	u64 end = buf->addr + buf->len;
	struct iov_iter iter;

	KUNIT_EXPECT_EQ(test, -EFAULT, iou_buf_import(buf, READ, buf->addr - 1, 1, &iter));
	KUNIT_EXPECT_EQ(test, -EFAULT, iou_buf_import(buf, READ, buf->addr - 1, 2, &iter));
	KUNIT_EXPECT_EQ(test, -EFAULT, iou_buf_import(buf, READ, end, 1, &iter));
	KUNIT_EXPECT_EQ(test, -EFAULT, iou_buf_import(buf, READ, end - 1, 2, &iter));
	KUNIT_EXPECT_EQ(test, -EFAULT, iou_buf_import(buf, READ, end + 1, 0, &iter));
	KUNIT_EXPECT_EQ(test, -EFAULT, iou_buf_import(buf, READ, 0, 1, &iter));
	KUNIT_EXPECT_EQ(test, -EFAULT, iou_buf_import(buf, READ, U64_MAX, 1, &iter));
	KUNIT_EXPECT_EQ(test, -EFAULT, iou_buf_import(buf, READ, buf->addr, SIZE_MAX, &iter));
	KUNIT_EXPECT_EQ(test, -EFAULT, iou_buf_import(buf, READ, buf->addr + 1, buf->len, &iter));
	/* Nothing at all, from any place in it */
	KUNIT_EXPECT_EQ(test, 0, iou_buf_import(buf, READ, buf->addr, 0, &iter));
	KUNIT_EXPECT_EQ(test, 0, iov_iter_count(&iter));
	KUNIT_EXPECT_EQ(test, 0, iou_buf_import(buf, READ, end, 0, &iter));
	KUNIT_EXPECT_EQ(test, 0, iov_iter_count(&iter));
}

static void pin_segments(struct kunit *test)
{
	/* Cut off in front and behind */
	static const u32 cuts[][2] = {
		{ 0, 0 }, { 1, 0 }, { 0, 1 }, { 517, 4000 }, { 4095, 1000 },
	};
	struct pinned *p = kunit_kzalloc(test, sizeof(*p), GFP_KERNEL);
	int i, j;

	KUNIT_ASSERT_NOT_NULL(test, p);
	for (i = 0; i < ARRAY_SIZE(pin_cases); i++) {
		const struct pin_case *c = &pin_cases[i];

		pinned_make(test, c, p);
		for (j = 0; j < ARRAY_SIZE(cuts); j++) {
			size_t len = p->nr * PAGE_SIZE;
			struct iou_buf *buf;

			if (cuts[j][0] + cuts[j][1] >= PAGE_SIZE && p->nr == 1)
				continue;
			len -= cuts[j][0] + cuts[j][1];
			buf = iou_buf_of_pages(NULL, (c->page << PAGE_SHIFT) + cuts[j][0], len,
					       p->pages, p->nr);
			KUNIT_ASSERT_NOT_NULL(test, buf);
			check_segments(test, buf, c->shift);
			check_import(test, buf);
			check_import_bounds(test, buf);
			kvfree(buf);
		}
		pinned_free(p);
	}
}

/* ------------------------------------------------------------------------
 * Restrictions
 */

static void restrictions(struct kunit *test)
{
	struct iou_restrict restr = {
		.flags_allowed = IOSQE_ASYNC | IOSQE_IO_LINK,
		.flags_required = IOSQE_FIXED_FILE,
	};
	u32 i;

	__set_bit(IORING_OP_READ, restr.sqe_ops);
	__set_bit(IORING_OP_LAST - 1, restr.sqe_ops);
	__set_bit(IORING_REGISTER_PROBE, restr.register_ops);
	for (i = 0; i <= U8_MAX; i++)
		KUNIT_EXPECT_EQ(test, i == IORING_OP_READ || i == IORING_OP_LAST - 1,
				iou_restrict_sqe_ok(&restr, i, IOSQE_FIXED_FILE));
	for (i = 0; i < IORING_REGISTER_LAST; i++)
		KUNIT_EXPECT_EQ(test, i == IORING_REGISTER_PROBE,
				iou_restrict_register_ok(&restr, i));
	for (i = 0; i <= U8_MAX; i++) {
		bool ok = (i & IOSQE_FIXED_FILE) &&
			  !(i & ~(IOSQE_FIXED_FILE | IOSQE_ASYNC | IOSQE_IO_LINK));

		KUNIT_EXPECT_EQ(test, ok, iou_restrict_sqe_ok(&restr, IORING_OP_READ, i));
	}
	/* Nothing is allowed unless it is said */
	memset(&restr, 0, sizeof(restr));
	KUNIT_EXPECT_FALSE(test, iou_restrict_sqe_ok(&restr, IORING_OP_NOP, 0));
	KUNIT_EXPECT_FALSE(test, iou_restrict_register_ok(&restr, 0));
}

static struct kunit_case rsrc_cases[] = {
	KUNIT_CASE(region_sizes),
	KUNIT_CASE(node_table),
	KUNIT_CASE(node_forget_tags),
	KUNIT_CASE(unregistered_bit_by_bit),
	KUNIT_CASE(range_check),
	KUNIT_CASE(slots_any),
	KUNIT_CASE(slots_range),
	KUNIT_CASE(pin_segments),
	KUNIT_CASE(restrictions),
	{ }
};

static struct kunit_suite rsrc_suite = {
	.name = "io_uring_rsrc",
	.test_cases = rsrc_cases,
};

kunit_test_suite(rsrc_suite);
