// SPDX-License-Identifier: GPL-2.0
/*
 * IO_DRAIN: starts when all that was submitted before has completed, and what
 * was submitted after it waits for it.
 */
#include "wait_test.h"

#include <sys/eventfd.h>

#include "../kselftest_harness.h"

#define DRAIN	IOSQE_IO_DRAIN
#define LINK	IOSQE_IO_LINK

FIXTURE(drain)
{
	struct ring ring;
	int pipe[2];
	struct log log;
	char c;
};

FIXTURE_VARIANT(drain)
{
	unsigned int setup;
	__u8 flags;
};

FIXTURE_VARIANT_ADD(drain, plain) {
	.setup = 0,
};

FIXTURE_VARIANT_ADD(drain, async) {
	.flags = IOSQE_ASYNC,
};

FIXTURE_VARIANT_ADD(drain, coop) {
	.setup = SETUP_COOP,
};

FIXTURE_VARIANT_ADD(drain, defer) {
	.setup = SETUP_DEFER,
};

FIXTURE_VARIANT_ADD(drain, defer_async) {
	.setup = SETUP_DEFER,
	.flags = IOSQE_ASYNC,
};

FIXTURE_SETUP(drain)
{
	const char *missing = setup_missing(variant->setup);

	if (missing)
		SKIP(return, "kernel lacks %s", missing);
	self->log.nr = 0;
	ASSERT_EQ(0, ring_open(&self->ring, 64, variant->setup));
	ASSERT_EQ(0, pipe(self->pipe));
}

FIXTURE_TEARDOWN(drain)
{
	ring_close(&self->ring);
	close(self->pipe[0]);
	close(self->pipe[1]);
}

#define PUT(user_data, sqe_flags, sqe)					\
	ASSERT_TRUE(queue(&self->ring, user_data, (sqe_flags) | variant->flags, sqe))

/* A request that ends when the test says so. */
#define BLOCKER()	sqe_read(self->pipe[0], &self->c, 1)
#define RELEASE()	ASSERT_EQ(1, write(self->pipe[1], "x", 1))

TEST_F(drain, nothing_before)
{
	PUT(1, DRAIN, sqe_nop());
	SUBMIT(1);
	GET(1);
	EXPECT_EQ(0, RES(1));
	EXPECT_TRUE(ring_works(&self->ring));
}

TEST_F(drain, waits_for_all_before)
{
	PUT(1, 0, BLOCKER());
	PUT(2, 0, sqe_nop());
	PUT(3, 0, BLOCKER());
	PUT(4, DRAIN, sqe_nop());
	SUBMIT(4);
	ASSERT_EQ(1, log_wait_ms(&self->log, &self->ring, 1, WAIT_MS));
	EXPECT_EQ(0, RES(2));
	RELEASE();
	ASSERT_EQ(2, log_wait_ms(&self->log, &self->ring, 2, WAIT_MS));
	EXPECT_TRUE(ring_quiet(&self->ring));
	RELEASE();
	GET(4);
	EXPECT_EQ(3, log_place(&self->log, 4));
}

/* What comes after it waits for it, in later batches, too. */
TEST_F(drain, holds_all_behind)
{
	PUT(1, 0, BLOCKER());
	PUT(2, DRAIN, sqe_nop());
	PUT(3, 0, sqe_nop());
	SUBMIT(3);
	PUT(4, 0, sqe_nop());
	SUBMIT(1);
	EXPECT_TRUE(ring_quiet(&self->ring));
	RELEASE();
	GET(4);
	EXPECT_EQ(0, log_place(&self->log, 1));
	EXPECT_EQ(1, log_place(&self->log, 2));
	EXPECT_LT(1, log_place(&self->log, 3));
	EXPECT_LT(1, log_place(&self->log, 4));
	EXPECT_TRUE(ring_works(&self->ring));
}

/* Behind it they run concurrently again, up to the next. */
/* The same if there is nothing before it. It is no other request's business to end it. */
TEST_F(drain, holds_all_behind_the_first)
{
	struct io_uring_sync_cancel_reg all = {
		.fd = -1,
		.flags = IORING_ASYNC_CANCEL_ANY | IORING_ASYNC_CANCEL_ALL,
		.timeout = { .tv_sec = -1, .tv_nsec = -1 },
	};

	PUT(1, DRAIN, BLOCKER());
	PUT(2, 0, sqe_nop());
	PUT(3, 0, sqe_cancel(1, 0));
	SUBMIT(3);
	if (!ring_quiet(&self->ring) && untouched())
		SKIP(return, "this kernel starts what is behind it");
	EXPECT_EQ(0u, ring_ready(&self->ring));
	/* A system call does not wait for its turn. */
	EXPECT_LE(0, sys_register(self->ring.fd, IORING_REGISTER_SYNC_CANCEL, &all, 1));
	GET(3);
	EXPECT_EQ(0, log_place(&self->log, 1));
	EXPECT_NE(1, RES(1));
	EXPECT_TRUE(ring_works(&self->ring));
}

TEST_F(drain, several)
{
	PUT(1, DRAIN, BLOCKER());
	PUT(2, DRAIN, sqe_nop());
	PUT(3, 0, BLOCKER());
	PUT(4, 0, sqe_nop());
	PUT(5, DRAIN, sqe_nop());
	PUT(6, DRAIN, sqe_nop());
	PUT(7, 0, sqe_nop());
	SUBMIT(7);
	EXPECT_TRUE(ring_quiet(&self->ring));
	RELEASE();
	ASSERT_EQ(3, log_wait_ms(&self->log, &self->ring, 3, WAIT_MS));
	EXPECT_TRUE(ring_quiet(&self->ring));
	EXPECT_EQ(0, log_place(&self->log, 1));
	EXPECT_EQ(1, log_place(&self->log, 2));
	EXPECT_EQ(2, log_place(&self->log, 4));
	RELEASE();
	GET(7);
	EXPECT_EQ(3, log_place(&self->log, 3));
	EXPECT_EQ(4, log_place(&self->log, 5));
	EXPECT_EQ(5, log_place(&self->log, 6));
	EXPECT_EQ(6, log_place(&self->log, 7));
}

TEST_F(drain, all)
{
	unsigned int round, i;

	for (round = 0; round < 8; round++) {
		self->log.nr = 0;
		for (i = 1; i <= 64; i++)
			PUT(i, DRAIN, i == 1 ? BLOCKER() : sqe_nop());
		SUBMIT(64);
		RELEASE();
		GET(64);
		EXPECT_TRUE(log_in_order(&self->log));
	}
}

/* Before it, a failure is a completion like any other. */
TEST_F(drain, failures_count)
{
	char far[1];

	PUT(1, 0, sqe_nop_res(-EIO));
	PUT(2, 0, sqe_read(-1, far, 1));
	PUT(3, DRAIN, sqe_nop_res(-EIO));
	PUT(4, 0, sqe_nop());
	SUBMIT(4);
	GET(4);
	EXPECT_EQ(2, log_place(&self->log, 3));
	EXPECT_EQ(3, log_place(&self->log, 4));
	EXPECT_EQ(-EIO, RES(3));
	EXPECT_EQ(0, RES(4));
}

/* A refused SQE with the flag leaves the ring in order. */
TEST_F(drain, refused)
{
	PUT(1, 0, BLOCKER());
	PUT(2, DRAIN, sqe_bad());
	SUBMIT(2);
	PUT(3, 0, sqe_nop());
	SUBMIT(1);
	RELEASE();
	GET(3);
	EXPECT_EQ(-EINVAL, RES(2));
	EXPECT_EQ(0, RES(3));
	EXPECT_TRUE(ring_works(&self->ring));
}

/* ------------------------------------------------------------------------
 * Chains
 */

/* Wherever in the chain the flag is: all of it waits. */
TEST_F(drain, chain)
{
	unsigned int where, i;

	for (where = 1; where <= 3; where++) {
		self->log.nr = 0;
		PUT(9, 0, BLOCKER());
		for (i = 1; i <= 3; i++)
			PUT(i, (i < 3 ? LINK : 0) | (i == where ? DRAIN : 0), sqe_nop());
		SUBMIT(4);
		EXPECT_TRUE(ring_quiet(&self->ring)) {
			TH_LOG("flag on member %u", where);
		}
		RELEASE();
		GET(4);
		EXPECT_EQ(0, log_place(&self->log, 9));
		for (i = 1; i <= 3; i++)
			EXPECT_EQ((int)i, log_place(&self->log, i));
	}
}

/* It waits for all members of a chain before it. */
TEST_F(drain, after_chain)
{
	PUT(1, LINK, BLOCKER());
	PUT(2, LINK, BLOCKER());
	PUT(3, 0, sqe_nop());
	PUT(4, DRAIN, sqe_nop());
	SUBMIT(4);
	EXPECT_TRUE(ring_quiet(&self->ring));
	RELEASE();
	ASSERT_EQ(1, log_wait_ms(&self->log, &self->ring, 1, WAIT_MS));
	EXPECT_TRUE(ring_quiet(&self->ring));
	RELEASE();
	GET(4);
	EXPECT_TRUE(log_in_order(&self->log));
}

/*
 * What comes behind a drained chain waits for all of it. (Not so on the untouched
 * 6.12, if the chain had nothing to wait for.)
 */
TEST_F(drain, behind_chain)
{
	PUT(1, LINK | DRAIN, sqe_nop());
	PUT(2, LINK, BLOCKER());
	PUT(3, 0, sqe_nop());
	PUT(4, 0, sqe_nop());
	SUBMIT(4);
	ASSERT_LE(1, log_wait_ms(&self->log, &self->ring, 1, WAIT_MS));
	if (!ring_quiet(&self->ring) && untouched())
		SKIP(return, "this kernel does not wait for a chain that starts at once");
	RELEASE();
	GET(4);
	EXPECT_TRUE(log_in_order(&self->log));
}

TEST_F(drain, severed_chain)
{
	PUT(1, LINK | DRAIN, sqe_nop_res(-EIO));
	PUT(2, LINK, sqe_nop());
	PUT(3, 0, sqe_nop());
	PUT(4, DRAIN, sqe_nop());
	PUT(5, 0, sqe_nop());
	SUBMIT(5);
	GET(5);
	EXPECT_TRUE(log_in_order(&self->log));
	EXPECT_EQ(-ECANCELED, RES(3));
	EXPECT_EQ(0, RES(4));
}

/* ------------------------------------------------------------------------
 * Requests that wait
 */

TEST_F(drain, waits_for_poll)
{
	PUT(1, 0, sqe_poll(self->pipe[0], POLLIN));
	PUT(2, DRAIN, sqe_nop());
	SUBMIT(2);
	EXPECT_TRUE(ring_quiet(&self->ring));
	RELEASE();
	GET(2);
	EXPECT_TRUE(log_in_order(&self->log));
}

TEST_F(drain, waits_for_timeout)
{
	struct __kernel_timespec ts = ts_ms(30);

	PUT(1, 0, sqe_timeout(&ts, 0, 0));
	PUT(2, DRAIN, sqe_nop());
	SUBMIT(2);
	GET(2);
	EXPECT_TRUE(log_in_order(&self->log));
	EXPECT_EQ(-ETIME, RES(1));
}

/* A poll that goes on is not complete, whatever it has posted. */
TEST_F(drain, waits_for_multishot)
{
	int fd = eventfd(0, EFD_NONBLOCK);
	__u64 one = 1;

	ASSERT_LE(0, fd);
	PUT(1, 0, sqe_poll_multi(fd, POLLIN));
	SUBMIT(1);
	if (variant->flags & IOSQE_ASYNC)
		ring_quiet(&self->ring);
	PUT(2, DRAIN, sqe_nop());
	SUBMIT(1);
	EXPECT_TRUE(ring_quiet(&self->ring));
	ASSERT_EQ(8, write(fd, &one, 8));
	ASSERT_LE(1, log_wait_ms(&self->log, &self->ring, 1, WAIT_MS));
	EXPECT_EQ(1ull, (unsigned long long)self->log.cqe[0].user_data);
	EXPECT_EQ(POLLIN, self->log.cqe[0].res);
	EXPECT_EQ(IORING_CQE_F_MORE, self->log.cqe[0].flags);
	close(fd);
}

/* What waits in the queue when the ring is closed is not started. */
TEST_F(drain, close)
{
	char d = 0;

	PUT(1, 0, BLOCKER());
	PUT(2, DRAIN, sqe_write(self->pipe[1], "2", 1));
	PUT(3, 0, sqe_write(self->pipe[1], "3", 1));
	PUT(4, LINK, sqe_write(self->pipe[1], "4", 1));
	PUT(5, 0, sqe_write(self->pipe[1], "5", 1));
	SUBMIT(5);
	EXPECT_TRUE(ring_quiet(&self->ring));
	ring_close(&self->ring);
	EXPECT_EQ(0, poll_fd(self->pipe[0], POLLIN, 100));
	ASSERT_EQ(1, write(self->pipe[1], "y", 1));
	ASSERT_EQ(POLLIN, poll_fd(self->pipe[0], POLLIN, WAIT_MS));
	ASSERT_EQ(1, read(self->pipe[0], &d, 1));
	EXPECT_EQ('y', d);
	EXPECT_TRUE(fresh_ring_works());
}

/*
 * Who waits for all of them is not woken too late: one event leads to many CQEs.
 * (The untouched 6.12 waits on, if the ring is DEFER_TASKRUN.)
 */
TEST_F(drain, one_wait)
{
	unsigned int i;
	long start;
	pid_t pid;
	int ret;

	PUT(1, 0, BLOCKER());
	for (i = 2; i <= 8; i++)
		PUT(i, DRAIN, sqe_nop());
	SUBMIT(8);
	pid = write_later(self->pipe[1], 1);
	ASSERT_LT(0, pid);
	start = now_ms();
	ret = ring_enter_wait(&self->ring, 8, WAIT_MS);
	if (now_ms() - start >= WAIT_MS && untouched())
		SKIP(return, "this kernel waits on");
	EXPECT_EQ(0, ret);
	EXPECT_GT(WAIT_MS, now_ms() - start);
	EXPECT_EQ(8u, ring_ready(&self->ring));
	ASSERT_EQ(0, reap(pid, WAIT_MS));
}

/* ------------------------------------------------------------------------
 * CQE_SKIP_SUCCESS
 */

TEST_F(drain, never_after_skip)
{
	PUT(1, IOSQE_CQE_SKIP_SUCCESS, sqe_nop());
	SUBMIT(1);
	PUT(2, DRAIN, sqe_nop());
	SUBMIT(1);
	PUT(3, DRAIN | LINK, sqe_nop());
	PUT(4, 0, sqe_nop());
	SUBMIT(2);
	GET(3);
	EXPECT_EQ(-EOPNOTSUPP, RES(2));
	EXPECT_EQ(-EOPNOTSUPP, RES(3));
	EXPECT_EQ(-ECANCELED, RES(4));
	EXPECT_TRUE(ring_works(&self->ring));
}

TEST_F(drain, both_flags)
{
	PUT(1, DRAIN | IOSQE_CQE_SKIP_SUCCESS, sqe_nop());
	SUBMIT(1);
	GET(1);
	EXPECT_EQ(-EOPNOTSUPP, RES(1));
}

TEST_HARNESS_MAIN
