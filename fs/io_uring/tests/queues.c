// SPDX-License-Identifier: GPL-2.0
/*
 * The queues: their sizes, and the arithmetic of indices that a program may
 * write anything to.
 */
#include <kunit/test.h>
#include <linux/prandom.h>

#include "../ctl/geometry.h"
#include "../mem/bufring.h"
#include "../mem/cq.h"
#include "../mem/sq.h"
#include "fake.h"

#define ENTRIES		8

/* ------------------------------------------------------------------------
 * Geometry
 */

struct entries_case {
	u32 flags;
	u32 sq, cq;
	int error;
	u32 sq_entries, cq_entries;
};

static const struct entries_case entries_cases[] = {
	{ 0, 1, 0, 0, 1, 2 },
	{ 0, 2, 0, 0, 2, 4 },
	{ 0, 3, 0, 0, 4, 8 },
	{ 0, 32767, 0, 0, 32768, 65536 },
	{ 0, 32768, 0, 0, 32768, 65536 },
	{ 0, 0, 0, -EINVAL },
	{ 0, 32769, 0, -EINVAL },
	{ 0, U32_MAX, 0, -EINVAL },
	{ IORING_SETUP_CLAMP, 0, 0, -EINVAL },
	{ IORING_SETUP_CLAMP, 32769, 0, 0, 32768, 65536 },
	{ IORING_SETUP_CLAMP, U32_MAX, 0, 0, 32768, 65536 },
	{ IORING_SETUP_CQSIZE, 4, 0, -EINVAL },
	{ IORING_SETUP_CQSIZE, 4, 3, 0, 4, 4 },
	{ IORING_SETUP_CQSIZE, 5, 8, 0, 8, 8 },
	{ IORING_SETUP_CQSIZE, 5, 4, -EINVAL },
	{ IORING_SETUP_CQSIZE, 4, 65536, 0, 4, 65536 },
	{ IORING_SETUP_CQSIZE, 4, 65537, -EINVAL },
	{ IORING_SETUP_CQSIZE, 4, U32_MAX, -EINVAL },
	{ IORING_SETUP_CQSIZE | IORING_SETUP_CLAMP, 4, U32_MAX, 0, 4, 65536 },
	{ IORING_SETUP_CQSIZE | IORING_SETUP_CLAMP, U32_MAX, 16384, -EINVAL },
};

static void geometry_entries(struct kunit *test)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(entries_cases); i++) {
		const struct entries_case *c = &entries_cases[i];
		struct io_uring_params p = { .flags = c->flags, .cq_entries = c->cq };

		KUNIT_EXPECT_EQ_MSG(test, c->error, iou_geometry_entries(c->sq, &p), "case %d", i);
		if (c->error)
			continue;
		KUNIT_EXPECT_EQ_MSG(test, c->sq_entries, p.sq_entries, "case %d", i);
		KUNIT_EXPECT_EQ_MSG(test, c->cq_entries, p.cq_entries, "case %d", i);
	}
}

/* Nothing overlaps, and the last part ends where the region does */
static void check_geometry(struct kunit *test, const struct io_uring_params *p)
{
	size_t sqe = p->flags & IORING_SETUP_SQE128 ? 128 : 64;
	size_t cqe = p->flags & IORING_SETUP_CQE32 ? 32 : 16;
	struct iou_geometry geo;
	size_t end;

	KUNIT_ASSERT_EQ(test, 0, iou_geometry_get(p, &geo));
	KUNIT_EXPECT_EQ(test, sizeof(struct iou_shared), geo.cqes);
	KUNIT_EXPECT_EQ(test, 0, geo.cqes % cqe);
	end = geo.cqes + p->cq_entries * cqe;
	KUNIT_EXPECT_GE(test, geo.array, end);
	KUNIT_EXPECT_LT(test, geo.array, end + SMP_CACHE_BYTES);
	KUNIT_EXPECT_EQ(test, 0, geo.array % SMP_CACHE_BYTES);
	end = geo.array;
	if (!(p->flags & IORING_SETUP_NO_SQARRAY))
		end += p->sq_entries * sizeof(u32);
	KUNIT_EXPECT_EQ(test, end, geo.hdr_size);
	KUNIT_EXPECT_EQ(test, p->sq_entries * sqe, geo.sqe_size);
}

static void geometry_sizes(struct kunit *test)
{
	struct io_uring_params p = { };
	u32 flags;

	for (flags = 0; flags < 8; flags++) {
		p.flags = (flags & 1 ? IORING_SETUP_SQE128 : 0) |
			  (flags & 2 ? IORING_SETUP_CQE32 : 0) |
			  (flags & 4 ? IORING_SETUP_NO_SQARRAY : 0);
		for (p.sq_entries = 1; p.sq_entries <= 32768; p.sq_entries *= 2)
			for (p.cq_entries = p.sq_entries; p.cq_entries <= 65536; p.cq_entries *= 2)
				check_geometry(test, &p);
	}
}

/* ------------------------------------------------------------------------
 * The SQ
 */

/* A program's memory, and the kernel's two ends of it */
struct queues {
	struct iou_shared hdr;
	u32 array[ENTRIES];
	struct io_uring_sqe sqes[ENTRIES];
	struct fake_cqe cqes[2 * ENTRIES];	/* also for ENTRIES of 32 bytes */
	struct iou_sq sq;
	struct iou_cq cq;
};

static int queues_init(struct kunit *test)
{
	struct queues *q = kunit_kzalloc(test, sizeof(*q), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, q);
	test->priv = q;
	q->sq.hdr = (void __force __shared *)&q->hdr;
	q->sq.sqes = (void __force __shared *)q->sqes;
	q->sq.entries = ENTRIES;
	q->sq.mask = ENTRIES - 1;
	q->sq.sqe_size = 64;
	q->cq.hdr = q->sq.hdr;
	q->cq.cqes = (void __force __shared *)q->cqes;
	q->cq.entries = ENTRIES;
	q->cq.mask = ENTRIES - 1;
	q->cq.limit = ENTRIES;
	q->cq.cqe_shift = 4;
	INIT_LIST_HEAD(&q->cq.backlog);
	return 0;
}

static void queues_exit(struct kunit *test)
{
	struct queues *q = test->priv;

	if (q)
		iou_cq_free(&q->cq);
}

/* Begin near the end of what an index can be */
static void queues_start_at(struct queues *q, u32 index)
{
	q->sq.head = index;
	q->hdr.sq_head = index;
	q->hdr.sq_tail = index;
	q->cq.tail = index;
	q->cq.limit = index + ENTRIES;
	q->cq.published = index;
	q->hdr.cq_head = index;
	q->hdr.cq_tail = index;
}

static const u32 starts[] = { 0, 1, ENTRIES - 1, S32_MAX, U32_MAX - ENTRIES, U32_MAX - 1, U32_MAX };

static void sq_pending(struct kunit *test)
{
	struct queues *q = test->priv;
	u32 i, nr;

	for (i = 0; i < ARRAY_SIZE(starts); i++) {
		queues_start_at(q, starts[i]);
		for (nr = 0; nr <= ENTRIES; nr++) {
			q->hdr.sq_tail = starts[i] + nr;
			KUNIT_EXPECT_EQ(test, nr, iou_sq_pending(&q->sq));
			KUNIT_EXPECT_EQ(test, nr == ENTRIES, iou_sq_full(&q->sq));
		}
		/* A tail that cannot be: no more than the queue has slots */
		q->hdr.sq_tail = starts[i] + ENTRIES + 1;
		KUNIT_EXPECT_EQ(test, ENTRIES, iou_sq_pending(&q->sq));
		q->hdr.sq_tail = starts[i] - 1;
		KUNIT_EXPECT_EQ(test, ENTRIES, iou_sq_pending(&q->sq));
		q->hdr.sq_tail = starts[i] + S32_MAX;
		KUNIT_EXPECT_EQ(test, ENTRIES, iou_sq_pending(&q->sq));
	}
}

/* Return: the SQE of the next slot, or NULL if there is none */
static struct io_uring_sqe *next_sqe(struct queues *q)
{
	const struct io_uring_sqe __shared *sqe;

	return iou_sq_next(&q->sq, &sqe) ? (struct io_uring_sqe __force *)sqe : NULL;
}

static void sq_next(struct kunit *test)
{
	struct queues *q = test->priv;
	u32 i, n;

	for (i = 0; i < ARRAY_SIZE(starts); i++) {
		queues_start_at(q, starts[i]);
		for (n = 0; n < 3 * ENTRIES; n++) {
			u32 slot = (starts[i] + n) % ENTRIES;

			KUNIT_EXPECT_PTR_EQ(test, &q->sqes[slot], next_sqe(q));
		}
		KUNIT_EXPECT_EQ(test, starts[i], q->hdr.sq_head);
		iou_sq_publish(&q->sq);
		KUNIT_EXPECT_EQ(test, starts[i] + 3 * ENTRIES, q->hdr.sq_head);
	}
	/* SQEs of 128 bytes: slots at every other one */
	queues_start_at(q, 0);
	q->sq.sqe_size = 128;
	for (n = 0; n < ENTRIES / 2; n++)
		KUNIT_EXPECT_PTR_EQ(test, &q->sqes[2 * n], next_sqe(q));
}

static void sq_array(struct kunit *test)
{
	static const u32 bad[] = { ENTRIES, ENTRIES + 1, 255, S32_MAX, 0x80000000, U32_MAX };
	struct queues *q = test->priv;
	u32 i;

	q->sq.array = (u32 __force __shared *)q->array;
	for (i = 0; i < ENTRIES; i++)
		q->array[i] = ENTRIES - 1 - i;
	for (i = 0; i < 2 * ENTRIES; i++)
		KUNIT_EXPECT_PTR_EQ(test, &q->sqes[ENTRIES - 1 - i % ENTRIES], next_sqe(q));
	KUNIT_EXPECT_EQ(test, 0, q->hdr.sq_dropped);

	/* An index beyond the SQEs: the slot is used up, and counted */
	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		u32 head = q->sq.head;

		q->array[head % ENTRIES] = bad[i];
		KUNIT_EXPECT_NULL(test, next_sqe(q));
		KUNIT_EXPECT_EQ(test, head + 1, q->sq.head);
		KUNIT_EXPECT_EQ(test, i + 1, q->hdr.sq_dropped);
	}
}

static void sq_flags(struct kunit *test)
{
	struct queues *q = test->priv;

	iou_sq_set_flag(&q->sq, IORING_SQ_NEED_WAKEUP);
	iou_sq_set_flag(&q->sq, IORING_SQ_TASKRUN);
	KUNIT_EXPECT_EQ(test, IORING_SQ_NEED_WAKEUP | IORING_SQ_TASKRUN,
			atomic_read(&q->hdr.sq_flags));
	iou_sq_clear_flag(&q->sq, IORING_SQ_NEED_WAKEUP);
	KUNIT_EXPECT_EQ(test, IORING_SQ_TASKRUN, atomic_read(&q->hdr.sq_flags));
}

/* ------------------------------------------------------------------------
 * The CQ
 */

/* What a program does: the oldest CQE, or false */
static bool take(struct queues *q, struct fake_cqe *cqe)
{
	if (q->hdr.cq_head == q->hdr.cq_tail)
		return false;
	*cqe = q->cqes[q->hdr.cq_head++ % ENTRIES];
	return true;
}

static void cq_post(struct kunit *test)
{
	struct fake_cqe cqe;
	struct queues *q = test->priv;
	u32 i, n;

	for (i = 0; i < ARRAY_SIZE(starts); i++) {
		queues_start_at(q, starts[i]);
		for (n = 0; n < 3 * ENTRIES; n++) {
			iou_cq_post(&q->cq, n, -n, n ^ 5);
			/* Not before it is published */
			KUNIT_EXPECT_FALSE(test, take(q, &cqe));
			KUNIT_EXPECT_EQ(test, 0, iou_cq_ready(&q->cq));
			iou_cq_publish(&q->cq);
			KUNIT_EXPECT_EQ(test, 1, iou_cq_ready(&q->cq));
			KUNIT_ASSERT_TRUE(test, take(q, &cqe));
			KUNIT_EXPECT_EQ(test, n, cqe.user_data);
			KUNIT_EXPECT_EQ(test, -(s32)n, cqe.res);
			KUNIT_EXPECT_EQ(test, n ^ 5, cqe.flags);
		}
		KUNIT_EXPECT_TRUE(test, list_empty(&q->cq.backlog));
	}
}

/* As iou_ring_flush_backlog() does it, but one by one */
static void flush(struct queues *q)
{
	while (iou_cq_flush_backlog(&q->cq, 1))
		iou_cq_publish(&q->cq);
	iou_cq_publish(&q->cq);
	iou_cq_end_overflow(&q->cq);
}

/* With CQEs of 32 bytes: the second half of one */
static const u64 *big_half(const struct queues *q, u32 slot)
{
	return (const u64 *)&q->cqes[2 * slot + 1];
}

/* CQEs of 32 bytes: the second half is that of its CQE, and 0 otherwise */
static void cq_big(struct kunit *test)
{
	struct queues *q = test->priv;
	u32 i;

	q->cq.cqe_shift = 5;
	memset(q->cqes, 0xff, sizeof(q->cqes));
	for (i = 0; i < ENTRIES + 2; i++) {
		if (i % 2)
			iou_cq_post_big(&q->cq, i, 0, 0, 1000 + i);
		else
			iou_cq_post(&q->cq, i, 0, 0);
	}
	for (i = 0; i < ENTRIES; i++) {
		KUNIT_EXPECT_EQ(test, i, q->cqes[2 * i].user_data);
		KUNIT_EXPECT_EQ(test, i % 2 ? 1000 + i : 0, big_half(q, i)[0]);
		KUNIT_EXPECT_EQ(test, 0, big_half(q, i)[1]);
	}
	/* Nor is it lost on the way through the backlog */
	q->hdr.cq_head = 2;
	flush(q);
	KUNIT_EXPECT_EQ(test, 0, big_half(q, 0)[0]);
	KUNIT_EXPECT_EQ(test, 1000 + ENTRIES + 1, big_half(q, 1)[0]);
}

/* Bit by bit: what is posted on the way does not overtake */
static void cq_backlog_pieces(struct kunit *test)
{
	struct queues *q = test->priv;
	struct fake_cqe cqe;
	u32 i, seen = 0;

	for (i = 0; i < 2 * ENTRIES; i++)
		iou_cq_post(&q->cq, i, 0, 0);
	iou_cq_publish(&q->cq);
	for (seen = 0; seen < ENTRIES; seen++)
		KUNIT_ASSERT_TRUE(test, take(q, &cqe));
	KUNIT_EXPECT_TRUE(test, iou_cq_flush_backlog(&q->cq, 3));
	KUNIT_EXPECT_FALSE(test, iou_cq_try_post(&q->cq, 9999, 0, 0));
	iou_cq_post(&q->cq, i, 0, 0);
	/* All that there is: more would not fit */
	KUNIT_EXPECT_FALSE(test, iou_cq_flush_backlog(&q->cq, ENTRIES));
	iou_cq_publish(&q->cq);
	KUNIT_EXPECT_EQ(test, ENTRIES, iou_cq_ready(&q->cq));
	KUNIT_EXPECT_FALSE(test, list_empty(&q->cq.backlog));
	while (take(q, &cqe))
		KUNIT_EXPECT_EQ(test, seen++, cqe.user_data);
	flush(q);
	while (take(q, &cqe))
		KUNIT_EXPECT_EQ(test, seen++, cqe.user_data);
	KUNIT_EXPECT_EQ(test, 2 * ENTRIES + 1, seen);
	KUNIT_EXPECT_TRUE(test, iou_cq_try_post(&q->cq, 9999, 0, 0));
}

static void cq_backlog(struct kunit *test)
{
	struct queues *q = test->priv;
	struct fake_cqe cqe;
	u32 i, seen = 0;

	queues_start_at(q, U32_MAX - 2);
	for (i = 0; i < 3 * ENTRIES; i++) {
		iou_cq_post(&q->cq, i, 0, 0);
		KUNIT_EXPECT_EQ(test, i >= ENTRIES,
				!!(atomic_read(&q->hdr.sq_flags) & IORING_SQ_CQ_OVERFLOW));
	}
	iou_cq_publish(&q->cq);
	KUNIT_EXPECT_EQ(test, ENTRIES, iou_cq_ready(&q->cq));

	/* Room for one: the oldest gets it, and what is posted now waits its turn */
	KUNIT_ASSERT_TRUE(test, take(q, &cqe));
	KUNIT_EXPECT_EQ(test, seen++, cqe.user_data);
	iou_cq_post(&q->cq, i++, 0, 0);
	KUNIT_EXPECT_FALSE(test, iou_cq_try_post(&q->cq, 9999, 0, 0));
	flush(q);
	KUNIT_EXPECT_EQ(test, ENTRIES, iou_cq_ready(&q->cq));
	KUNIT_EXPECT_TRUE(test, atomic_read(&q->hdr.sq_flags) & IORING_SQ_CQ_OVERFLOW);

	while (take(q, &cqe)) {
		KUNIT_EXPECT_EQ(test, seen++, cqe.user_data);
		if (q->hdr.cq_head == q->hdr.cq_tail)
			flush(q);
	}
	KUNIT_EXPECT_EQ(test, i, seen);
	KUNIT_EXPECT_TRUE(test, list_empty(&q->cq.backlog));
	KUNIT_EXPECT_EQ(test, 0, atomic_read(&q->hdr.sq_flags));
	KUNIT_EXPECT_EQ(test, 0, q->cq.nr_lost);
	KUNIT_EXPECT_TRUE(test, iou_cq_try_post(&q->cq, 1, 0, 0));
}

/* A head that cannot be is a full queue: nothing is overwritten */
static void cq_lying_head(struct kunit *test)
{
	static const u32 lies[] = { 1, ENTRIES, S32_MAX, 0x80000000, U32_MAX - ENTRIES };
	struct queues *q = test->priv;
	u32 i, n;

	for (n = 0; n < ENTRIES; n++)
		iou_cq_post(&q->cq, n, 0, 0);
	for (i = 0; i < ARRAY_SIZE(lies); i++) {
		q->hdr.cq_head = q->cq.tail + lies[i];
		KUNIT_EXPECT_FALSE(test, iou_cq_try_post(&q->cq, 77, 0, 0));
		iou_cq_post(&q->cq, 100 + i, 0, 0);
		flush(q);
		KUNIT_EXPECT_EQ(test, q->cq.tail, q->cq.limit);
		KUNIT_EXPECT_EQ(test, ENTRIES, q->cq.tail);
	}
	for (n = 0; n < ENTRIES; n++)
		KUNIT_EXPECT_EQ(test, n, q->cqes[n].user_data);
	/* It comes to its senses */
	q->hdr.cq_head = q->cq.tail;
	flush(q);
	for (i = 0; i < ARRAY_SIZE(lies); i++)
		KUNIT_EXPECT_EQ(test, 100 + i, q->cqes[i].user_data);
	KUNIT_EXPECT_TRUE(test, list_empty(&q->cq.backlog));
}

/* A program that consumes when it likes sees each CQE once, and in order */
static void cq_any_order(struct kunit *test)
{
	struct queues *q = test->priv;
	u64 posted = 0, seen = 0;
	struct rnd_state rnd;
	struct fake_cqe cqe;
	u32 i, n;

	prandom_seed_state(&rnd, 4711);
	queues_start_at(q, U32_MAX - 1000);
	for (i = 0; i < 20000; i++) {
		switch (prandom_u32_state(&rnd) % 4) {
		case 0:
			for (n = prandom_u32_state(&rnd) % ENTRIES; n; n--)
				iou_cq_post(&q->cq, posted++, 0, 0);
			break;
		case 1:
			if (iou_cq_try_post(&q->cq, posted, 0, 0))
				posted++;
			break;
		case 2:
			for (n = prandom_u32_state(&rnd) % ENTRIES; n && take(q, &cqe); n--)
				KUNIT_ASSERT_EQ(test, seen++, cqe.user_data);
			break;
		default:
			flush(q);
			break;
		}
		iou_cq_publish(&q->cq);
		KUNIT_ASSERT_LE(test, iou_cq_ready(&q->cq), ENTRIES);
	}
	do {
		flush(q);
		while (take(q, &cqe))
			KUNIT_ASSERT_EQ(test, seen++, cqe.user_data);
	} while (!list_empty(&q->cq.backlog));
	KUNIT_EXPECT_EQ(test, posted, seen);
	KUNIT_EXPECT_GT(test, posted, 10000);
}

/* ------------------------------------------------------------------------
 * Rings of provided buffers
 */

static void bufring(struct kunit *test)
{
	struct io_uring_buf *bufs = kunit_kcalloc(test, 4, sizeof(*bufs), GFP_KERNEL);
	struct io_uring_buf __shared *shared = (void __force __shared *)bufs;
	struct io_uring_buf_ring *ring = (void *)bufs;

	KUNIT_ASSERT_NOT_NULL(test, bufs);
	bufs[0] = (struct io_uring_buf) { .addr = 1, .len = 2, .bid = 3 };
	bufs[3] = (struct io_uring_buf) { .addr = U64_MAX, .len = U32_MAX, .bid = U16_MAX };
	ring->tail = 0xfffe;
	KUNIT_EXPECT_EQ(test, 0xfffe, iou_bufring_tail(iou_bufring_end(shared)));
	KUNIT_EXPECT_EQ(test, 1, iou_bufring_get(shared, 0, addr));
	KUNIT_EXPECT_EQ(test, 2, iou_bufring_get(shared, 0, len));
	KUNIT_EXPECT_EQ(test, 3, iou_bufring_get(shared, 0, bid));
	KUNIT_EXPECT_EQ(test, U64_MAX, iou_bufring_get(shared, 3, addr));
	KUNIT_EXPECT_EQ(test, U32_MAX, iou_bufring_get(shared, 3, len));
	KUNIT_EXPECT_EQ(test, U16_MAX, iou_bufring_get(shared, 3, bid));
	/* What is left of the first one; the tail is not touched */
	iou_bufring_shrink(shared, 0, 101, 1);
	KUNIT_EXPECT_EQ(test, 101, iou_bufring_get(shared, 0, addr));
	KUNIT_EXPECT_EQ(test, 1, iou_bufring_get(shared, 0, len));
	KUNIT_EXPECT_EQ(test, 3, iou_bufring_get(shared, 0, bid));
	KUNIT_EXPECT_EQ(test, 0xfffe, iou_bufring_tail(iou_bufring_end(shared)));
}

static struct kunit_case queues_cases[] = {
	KUNIT_CASE(geometry_entries),
	KUNIT_CASE(geometry_sizes),
	KUNIT_CASE(sq_pending),
	KUNIT_CASE(sq_next),
	KUNIT_CASE(sq_array),
	KUNIT_CASE(sq_flags),
	KUNIT_CASE(cq_post),
	KUNIT_CASE(cq_big),
	KUNIT_CASE(cq_backlog),
	KUNIT_CASE(cq_backlog_pieces),
	KUNIT_CASE(cq_lying_head),
	KUNIT_CASE(cq_any_order),
	KUNIT_CASE(bufring),
	{ }
};

static struct kunit_suite queues_suite = {
	.name = "io_uring_queues",
	.init = queues_init,
	.exit = queues_exit,
	.test_cases = queues_cases,
};

kunit_test_suite(queues_suite);
