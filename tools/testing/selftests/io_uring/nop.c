// SPDX-License-Identifier: GPL-2.0
/*
 * NOP, and what is checked of every SQE before its opcode is looked at more
 * closely: the NOP is the carrier.
 */
#include "iou_test.h"

#include "../kselftest_harness.h"

FIXTURE(nop)
{
	struct ring ring;
};

FIXTURE_VARIANT(nop)
{
	unsigned int setup;
	__u8 sqe_flags;
};

FIXTURE_VARIANT_ADD(nop, plain) {
	.setup = 0,
};

FIXTURE_VARIANT_ADD(nop, async) {
	.sqe_flags = IOSQE_ASYNC,
};

FIXTURE_VARIANT_ADD(nop, no_sqarray) {
	.setup = IORING_SETUP_NO_SQARRAY,
};

FIXTURE_VARIANT_ADD(nop, coop) {
	.setup = IORING_SETUP_COOP_TASKRUN,
};

FIXTURE_VARIANT_ADD(nop, defer) {
	.setup = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN,
};

FIXTURE_VARIANT_ADD(nop, defer_async) {
	.setup = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN,
	.sqe_flags = IOSQE_ASYNC,
};

FIXTURE_SETUP(nop)
{
	const char *missing = setup_missing(variant->setup);

	if (missing)
		SKIP(return, "kernel lacks %s", missing);
	ASSERT_EQ(0, ring_open(&self->ring, 64, variant->setup));
}

FIXTURE_TEARDOWN(nop)
{
	ring_close(&self->ring);
}

TEST_F(nop, completes_with_zero)
{
	struct io_uring_cqe cqe;
	struct io_uring_sqe *sqe = ring_sqe(&self->ring);

	sqe->flags = variant->sqe_flags;
	sqe->user_data = 0xfeedfacecafebeefULL;
	ASSERT_EQ(1, ring_submit(&self->ring));
	ASSERT_EQ(0, ring_wait(&self->ring, &cqe));
	EXPECT_EQ(0xfeedfacecafebeefULL, (unsigned long long)cqe.user_data);
	EXPECT_EQ(0, cqe.res);
	EXPECT_EQ(0u, cqe.flags);
}

TEST_F(nop, other_fields_do_not_matter)
{
	struct io_uring_sqe *sqe = ring_sqe(&self->ring);

	sqe->flags = variant->sqe_flags;
	sqe->fd = -7;
	sqe->off = ULLONG_MAX;
	sqe->addr = 0x1234;
	sqe->len = 99;
	sqe->buf_index = 17;
	EXPECT_EQ(0, ring_result(&self->ring));
}

TEST_F(nop, inject_result)
{
	static const int results[] = { 0, 1, 4096, INT_MAX, -1, -EAGAIN, -EIO, -4095 };
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(results); i++) {
		struct io_uring_sqe *sqe = ring_sqe(&self->ring);

		sqe->flags = variant->sqe_flags;
		sqe->nop_flags = IORING_NOP_INJECT_RESULT;
		sqe->len = results[i];
		EXPECT_EQ(results[i], ring_result(&self->ring));
	}
}

TEST_F(nop, unknown_nop_flags)
{
	unsigned int bit;

	/* Bits 1 to 5 have a meaning in later kernels. */
	for (bit = 6; bit < 32; bit++) {
		struct io_uring_sqe *sqe = ring_sqe(&self->ring);

		sqe->flags = variant->sqe_flags;
		sqe->nop_flags = 1u << bit;
		EXPECT_EQ(-EINVAL, ring_result(&self->ring)) {
			TH_LOG("bit %u", bit);
		}
	}
}

/* A full ring of them, several times: each completes once. */
TEST_F(nop, all_complete_once)
{
	struct io_uring_cqe cqe;
	unsigned int round, i;

	for (round = 0; round < 16; round++) {
		unsigned long long seen = 0;

		for (i = 0; i < 64; i++) {
			struct io_uring_sqe *sqe = ring_sqe(&self->ring);

			ASSERT_NE(NULL, sqe);
			sqe->flags = variant->sqe_flags;
			sqe->user_data = i;
		}
		ASSERT_EQ(64, ring_submit(&self->ring));
		for (i = 0; i < 64; i++) {
			ASSERT_EQ(0, ring_wait(&self->ring, &cqe));
			ASSERT_EQ(0, cqe.res);
			ASSERT_GT(64ull, (unsigned long long)cqe.user_data);
			seen |= 1ull << cqe.user_data;
		}
		EXPECT_EQ(ULLONG_MAX, seen);
		EXPECT_FALSE(ring_reap(&self->ring, &cqe));
	}
}

TEST_F(nop, unknown_opcode)
{
	unsigned int op;

	for (op = 65; op < 256; op++) {
		struct io_uring_sqe *sqe = ring_sqe(&self->ring);

		sqe->opcode = op;
		sqe->flags = variant->sqe_flags;
		EXPECT_EQ(-EINVAL, ring_result(&self->ring)) {
			TH_LOG("opcode %u", op);
		}
	}
}

TEST_F(nop, unknown_sqe_flag)
{
	struct io_uring_sqe *sqe = ring_sqe(&self->ring);

	sqe->flags = variant->sqe_flags | 1 << 7;
	EXPECT_EQ(-EINVAL, ring_result(&self->ring));
}

TEST_F(nop, ioprio_must_be_zero)
{
	unsigned int bit;

	for (bit = 0; bit < 16; bit++) {
		struct io_uring_sqe *sqe = ring_sqe(&self->ring);

		sqe->flags = variant->sqe_flags;
		sqe->ioprio = 1u << bit;
		EXPECT_EQ(-EINVAL, ring_result(&self->ring));
	}
}

TEST_F(nop, unknown_personality)
{
	static const unsigned int ids[] = { 1, 2, 1000, 65535 };
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(ids); i++) {
		struct io_uring_sqe *sqe = ring_sqe(&self->ring);

		sqe->flags = variant->sqe_flags;
		sqe->personality = ids[i];
		EXPECT_EQ(-EINVAL, ring_result(&self->ring));
	}
}

TEST_F(nop, buffer_select_unsupported)
{
	struct io_uring_sqe *sqe = ring_sqe(&self->ring);

	sqe->flags = variant->sqe_flags | IOSQE_BUFFER_SELECT;
	EXPECT_EQ(-EOPNOTSUPP, ring_result(&self->ring));
}

/* The first check that fails gives the error. */
TEST_F(nop, order_of_checks)
{
	struct io_uring_sqe *sqe = ring_sqe(&self->ring);

	sqe->flags = variant->sqe_flags | 1 << 7 | IOSQE_BUFFER_SELECT;
	EXPECT_EQ(-EINVAL, ring_result(&self->ring));

	sqe = ring_sqe(&self->ring);
	sqe->opcode = 255;
	sqe->flags = variant->sqe_flags | IOSQE_BUFFER_SELECT;
	EXPECT_EQ(-EINVAL, ring_result(&self->ring));

	sqe = ring_sqe(&self->ring);
	sqe->flags = variant->sqe_flags | IOSQE_BUFFER_SELECT;
	sqe->ioprio = 1;
	sqe->personality = 1;
	sqe->nop_flags = 1u << 31;
	EXPECT_EQ(-EOPNOTSUPP, ring_result(&self->ring));
}

/* Requests that fail in parsing leave the ring as good as new. */
TEST_F(nop, errors_leave_nothing_behind)
{
	unsigned int i;

	for (i = 0; i < 200; i++) {
		struct io_uring_sqe *sqe = ring_sqe(&self->ring);

		ASSERT_NE(NULL, sqe);
		sqe->opcode = i % 2 ? 255 : IORING_OP_NOP;
		sqe->flags = variant->sqe_flags | (i % 2 ? 0 : 1 << 7);
		ASSERT_EQ(-EINVAL, ring_result(&self->ring));
	}
	EXPECT_TRUE(ring_works(&self->ring));
	EXPECT_EQ(0u, *self->ring.sq_dropped);
}

TEST_HARNESS_MAIN
