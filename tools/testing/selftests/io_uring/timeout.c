// SPDX-License-Identifier: GPL-2.0
/*
 * TIMEOUT, TIMEOUT_REMOVE, LINK_TIMEOUT.
 */
#include "wait_test.h"

#include <pthread.h>

#include "../kselftest_harness.h"

#define LINK	IOSQE_IO_LINK
#define HARD	IOSQE_IO_HARDLINK

FIXTURE(timeout)
{
	struct ring ring;
	int pipe[2];
	struct log log;
	char c;
};

FIXTURE_VARIANT(timeout)
{
	unsigned int setup;
};

FIXTURE_VARIANT_ADD(timeout, plain) {
	.setup = 0,
};

FIXTURE_VARIANT_ADD(timeout, coop) {
	.setup = SETUP_COOP,
};

FIXTURE_VARIANT_ADD(timeout, defer) {
	.setup = SETUP_DEFER,
};

FIXTURE_SETUP(timeout)
{
	const char *missing = setup_missing(variant->setup);

	if (missing)
		SKIP(return, "kernel lacks %s", missing);
	self->log.nr = 0;
	ASSERT_EQ(0, ring_open(&self->ring, 64, variant->setup));
	ASSERT_EQ(0, pipe(self->pipe));
}

FIXTURE_TEARDOWN(timeout)
{
	ring_close(&self->ring);
	close(self->pipe[0]);
	close(self->pipe[1]);
}

#define PUT(user_data, sqe_flags, sqe)					\
	ASSERT_TRUE(queue(&self->ring, user_data, sqe_flags, sqe))

#define BLOCKER()	sqe_read(self->pipe[0], &self->c, 1)
#define RELEASE()	ASSERT_EQ(1, write(self->pipe[1], "x", 1))

static long long clock_ns(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return ts.tv_sec * 1000000000LL + ts.tv_nsec;
}

/* A time on a clock, so many milliseconds from now. */
static struct __kernel_timespec ts_at(clockid_t clock, int ms)
{
	long long ns = clock_ns(clock) + ms * 1000000LL;

	return (struct __kernel_timespec){
		.tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000,
	};
}

static long long ts_ns(const struct __kernel_timespec *ts)
{
	return ts->tv_sec * 1000000000LL + ts->tv_nsec;
}

static const struct clock {
	clockid_t id;
	unsigned int flag;
} clocks[] = {
	{ CLOCK_MONOTONIC, 0 },
	{ CLOCK_BOOTTIME, IORING_TIMEOUT_BOOTTIME },
	{ CLOCK_REALTIME, IORING_TIMEOUT_REALTIME },
};

TEST_F(timeout, relative)
{
	struct __kernel_timespec ts = ts_ms(30);
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(clocks); i++) {
		long long start = now_ns();

		EXPECT_EQ(-ETIME, ring_run(&self->ring, 0, sqe_timeout(&ts, clocks[i].flag, 0)));
		EXPECT_LE(30000000LL, now_ns() - start);
	}
}

TEST_F(timeout, absolute)
{
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(clocks); i++) {
		struct __kernel_timespec ts = ts_at(clocks[i].id, 30);

		PUT(1, 0, sqe_timeout(&ts, clocks[i].flag | IORING_TIMEOUT_ABS, 0));
		EXPECT_EQ(-ETIME, ring_result(&self->ring));
		EXPECT_LE(ts_ns(&ts), clock_ns(clocks[i].id));
	}
}

TEST_F(timeout, already_over)
{
	struct __kernel_timespec ts = { };

	EXPECT_EQ(-ETIME, ring_run(&self->ring, 0, sqe_timeout(&ts, 0, 0)));
	ts.tv_nsec = 1;
	EXPECT_EQ(-ETIME, ring_run(&self->ring, 0, sqe_timeout(&ts, IORING_TIMEOUT_ABS, 0)));
}

/* A time that does not fit is for ever, and not over at once. */
TEST_F(timeout, huge)
{
	struct __kernel_timespec ts = { .tv_sec = LLONG_MAX, .tv_nsec = 999999999 };

	PUT(1, 0, sqe_timeout(&ts, 0, 0));
	PUT(2, 0, sqe_timeout(&ts, IORING_TIMEOUT_ABS, 0));
	PUT(3, 0, sqe_timeout(&ts, IORING_TIMEOUT_MULTISHOT, 0));
	SUBMIT(3);
	EXPECT_TRUE(ring_quiet(&self->ring));
	/* The seconds would fit, but not with the rest. */
	ts = (struct __kernel_timespec){ .tv_sec = LLONG_MAX / 1000000000 - 1,
					 .tv_nsec = LLONG_MAX };
	PUT(4, 0, sqe_timeout(&ts, 0, 0));
	PUT(5, 0, sqe_timeout(&ts, IORING_TIMEOUT_ABS, 0));
	SUBMIT(2);
	EXPECT_TRUE(ring_quiet(&self->ring));
}

/* In the order in which they are due. */
TEST_F(timeout, many)
{
	unsigned int i;

	for (i = 1; i <= 16; i++) {
		struct __kernel_timespec ts = ts_ms((17 - i) * 10);

		PUT(i, 0, sqe_timeout(&ts, 0, 0));
	}
	SUBMIT(16);
	GET(16);
	for (i = 1; i <= 16; i++)
		EXPECT_EQ(-ETIME, RES(i));
}

static struct io_uring_sqe sqe_remove(__u64 user_data)
{
	return (struct io_uring_sqe) {
		.opcode = IORING_OP_TIMEOUT_REMOVE,
		.fd = -1,
		.addr = user_data,
	};
}

/* Three timeouts, @ms apart, and the first is removed. Return: were they put in time? */
static bool remove_first(struct log *log, struct ring *r, const struct clock *clock, long ms,
			 struct __kernel_timespec ts[3])
{
	unsigned int flags = clock->flag | IORING_TIMEOUT_ABS;
	unsigned int i;
	bool in_time;

	for (i = 0; i < 3; i++)
		ts[i] = ts_at(clock->id, ms * (i + 1));
	log->nr = 0;
	queue(r, 1, 0, sqe_timeout(&ts[0], flags, 0));
	queue(r, 3, 0, sqe_timeout(&ts[2], flags, 0));
	queue(r, 9, 0, sqe_remove(1));
	queue(r, 2, 0, sqe_timeout(&ts[1], flags, 0));
	in_time = ring_submit(r) == 4 && clock_ns(clock->id) < ts_ns(&ts[0]);
	return log_wait_ms(log, r, 4, WAIT_MS) == 4 && in_time;
}

/* Who was the first to be due is removed: all others have their time nevertheless. */
TEST_F(timeout, first_removed)
{
	struct log *log = &self->log;
	struct __kernel_timespec ts[3];
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(clocks); i++) {
		long ms = 40;

		/* Until the machine has time for us */
		while (!remove_first(log, &self->ring, &clocks[i], ms, ts) && ms < WAIT_MS / 4)
			ms *= 2;
		ASSERT_EQ(4u, log->nr);
		EXPECT_EQ(0, log_res(log, 9));
		EXPECT_EQ(-ECANCELED, log_res(log, 1));
		EXPECT_EQ(-ETIME, log_res(log, 2));
		EXPECT_EQ(-ETIME, log_res(log, 3));
		EXPECT_GT(log_place(log, 3), log_place(log, 2));
		EXPECT_LE(ts_ns(&ts[2]), clock_ns(clocks[i].id));
	}
}

/* All have been removed, and the time of the first has passed: it goes on. */
TEST_F(timeout, all_removed)
{
	struct __kernel_timespec ts = ts_ms(20);

	PUT(1, 0, sqe_timeout(&ts, 0, 0));
	PUT(2, 0, sqe_remove(1));
	SUBMIT(2);
	GET(2);
	EXPECT_EQ(-ECANCELED, log_res(&self->log, 1));
	usleep(20000);
	EXPECT_TRUE(ring_quiet(&self->ring));
	EXPECT_EQ(-ETIME, ring_run(&self->ring, 0, sqe_timeout(&ts, 0, 0)));
}

/* All at the same time, in the order in which they came. */
TEST_F(timeout, same_time)
{
	struct __kernel_timespec ts = ts_at(CLOCK_MONOTONIC, 50);
	unsigned int i;

	for (i = 0; i < 32; i++)
		PUT(i, 0, sqe_timeout(&ts, IORING_TIMEOUT_ABS, 0));
	SUBMIT(32);
	GET(32);
	for (i = 0; i < 32; i++) {
		EXPECT_EQ(i, self->log.cqe[i].user_data);
		EXPECT_EQ(-ETIME, self->log.cqe[i].res);
	}
}

/* ------------------------------------------------------------------------
 * What is refused
 */

TEST_F(timeout, bad_fields)
{
	static const struct bad_byte bad[] = {
		BAD(TIMEOUT, buf_index, -EINVAL),
		BAD(TIMEOUT, splice_fd_in, -EINVAL),
		BAD(TIMEOUT, addr3, -EINVAL),
		BAD(TIMEOUT, __pad2, -EINVAL),
		BAD(TIMEOUT, len, -EINVAL),
		BAD(TIMEOUT, ioprio, -EINVAL),
		BAD(LINK_TIMEOUT, buf_index, -EINVAL),
		BAD(LINK_TIMEOUT, splice_fd_in, -EINVAL),
		BAD(LINK_TIMEOUT, len, -EINVAL),
		BAD(LINK_TIMEOUT, off, -EINVAL),
	};
	struct __kernel_timespec ts = TS_NEVER;
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(bad); i++) {
		struct io_uring_sqe sqe = sqe_timeout(&ts, 0, 0);

		self->log.nr = 0;
		sqe.opcode = bad[i].opcode;
		((__u8 *)&sqe)[bad[i].offset] ^= 4;
		PUT(1, LINK, sqe_nop());
		PUT(2, 0, sqe);
		SUBMIT(2);
		GET(2);
		EXPECT_EQ(bad[i].error, RES(2)) {
			TH_LOG("opcode %u, byte %u", bad[i].opcode, bad[i].offset);
		}
		EXPECT_EQ(-ECANCELED, RES(1));
	}
}

TEST_F(timeout, bad_len)
{
	struct __kernel_timespec ts = TS_NEVER;
	struct io_uring_sqe sqe = sqe_timeout(&ts, 0, 0);

	sqe.len = 0;
	EXPECT_EQ(-EINVAL, ring_run(&self->ring, 0, sqe));
	sqe.len = 2;
	EXPECT_EQ(-EINVAL, ring_run(&self->ring, 0, sqe));
}

TEST_F(timeout, bad_flags)
{
	static const unsigned int bad[] = {
		IORING_TIMEOUT_UPDATE,
		IORING_LINK_TIMEOUT_UPDATE,
		IORING_TIMEOUT_BOOTTIME | IORING_TIMEOUT_REALTIME,
		IORING_TIMEOUT_MULTISHOT | IORING_TIMEOUT_ABS,
		/* Bit 7 has a meaning in later kernels. */
		1 << 8, 1 << 16, 1u << 31,
	};
	struct __kernel_timespec ts = TS_NEVER;
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(bad); i++)
		EXPECT_EQ(-EINVAL, ring_run(&self->ring, 0, sqe_timeout(&ts, bad[i], 0))) {
			TH_LOG("flags %#x", bad[i]);
		}
}

TEST_F(timeout, bad_time)
{
	struct __kernel_timespec ts = { .tv_sec = -1 };

	EXPECT_EQ(-EINVAL, ring_run(&self->ring, 0, sqe_timeout(&ts, 0, 0)));
	ts = (struct __kernel_timespec) { .tv_nsec = -1 };
	EXPECT_EQ(-EINVAL, ring_run(&self->ring, 0, sqe_timeout(&ts, 0, 0)));
	EXPECT_EQ(-EFAULT, ring_run(&self->ring, 0, sqe_timeout(no_access(4096), 0, 0)));
	EXPECT_EQ(-EFAULT, ring_run(&self->ring, 0, sqe_timeout(NULL, 0, 0)));
}

/* ------------------------------------------------------------------------
 * Counting
 */

TEST_F(timeout, count)
{
	struct __kernel_timespec ts = TS_NEVER;

	PUT(1, 0, sqe_timeout(&ts, 0, 2));
	PUT(2, 0, sqe_nop());
	SUBMIT(2);
	GET(1);
	EXPECT_EQ(0, RES(2));
	PUT(3, 0, sqe_nop());
	SUBMIT(1);
	GET(3);
	EXPECT_EQ(0, RES(1));
}

/* Those of timeouts are not counted, those of earlier batches neither. */
TEST_F(timeout, count_of_others)
{
	struct __kernel_timespec ts = TS_NEVER;
	struct __kernel_timespec soon = ts_ms(5);

	PUT(1, 0, sqe_nop());
	SUBMIT(1);
	PUT(2, 0, sqe_timeout(&ts, 0, 1));
	PUT(3, 0, sqe_timeout(&soon, 0, 0));
	SUBMIT(2);
	GET(2);
	EXPECT_EQ(-ETIME, RES(3));
	EXPECT_TRUE(ring_quiet(&self->ring));
	PUT(4, 0, sqe_nop());
	SUBMIT(1);
	GET(4);
	EXPECT_EQ(0, RES(2));
}

/* Nor those that are skipped, or do not fit. */
TEST_F(timeout, count_of_hidden)
{
	struct __kernel_timespec ts = TS_NEVER;
	struct __kernel_timespec soon = ts_ms(5);
	struct io_uring_cqe cqe;
	unsigned int i;

	PUT(1, 0, sqe_timeout(&ts, 0, 2));
	PUT(2, IOSQE_CQE_SKIP_SUCCESS, sqe_timeout(&soon, IORING_TIMEOUT_ETIME_SUCCESS, 0));
	SUBMIT(2);
	usleep(20000);
	EXPECT_TRUE(ring_quiet(&self->ring));
	PUT(3, 0, sqe_nop());
	SUBMIT(1);
	GET(1);
	EXPECT_EQ(NO_RESULT, RES(1));
	PUT(4, 0, sqe_nop());
	SUBMIT(1);
	GET(3);
	EXPECT_EQ(0, RES(1));

	/* The CQ is full */
	ring_close(&self->ring);
	ASSERT_EQ(0, ring_open(&self->ring, 1, variant->setup));
	for (i = 0; i < 2; i++) {
		PUT(10 + i, 0, sqe_nop());
		SUBMIT(1);
	}
	PUT(5, 0, sqe_timeout(&ts, 0, 1));
	SUBMIT(1);
	PUT(6, 0, sqe_timeout(&soon, 0, 0));
	SUBMIT(1);
	usleep(20000);
	ring_flush(&self->ring);
	ASSERT_TRUE(ring_reap(&self->ring, &cqe));
	ASSERT_TRUE(ring_reap(&self->ring, &cqe));
	ASSERT_EQ(0, ring_wait(&self->ring, &cqe));
	EXPECT_EQ(6u, cqe.user_data);
	EXPECT_TRUE(ring_quiet(&self->ring));
}

/* Several with different numbers: each after its own. */
TEST_F(timeout, counts)
{
	static const unsigned int counts[] = { 5, 3, 1, 4, 2 };
	struct __kernel_timespec ts = TS_NEVER;
	unsigned int i, j;

	for (i = 0; i < 5; i++)
		PUT(counts[i], 0, sqe_timeout(&ts, 0, counts[i]));
	SUBMIT(5);
	EXPECT_TRUE(ring_quiet(&self->ring));
	for (i = 1; i <= 5; i++) {
		PUT(100 + i, 0, sqe_nop());
		SUBMIT(1);
		GET(2 * i);
		for (j = 1; j <= 5; j++)
			EXPECT_EQ(j <= i ? 0 : NO_RESULT, RES(j)) {
				TH_LOG("after %u: %u", i, j);
			}
	}
}

/*
 * What stands before it in its batch counts, as io_uring_wait_cqes() of an old liburing
 * wants it; what was submitted earlier, or stands before it in its chain, does not.
 */
TEST_F(timeout, count_of_batch)
{
	struct __kernel_timespec ts = TS_NEVER;

	PUT(1, 0, sqe_nop());
	PUT(2, 0, sqe_timeout(&ts, 0, 1));
	SUBMIT(2);
	GET(2);
	EXPECT_EQ(0, RES(2));

	PUT(3, 0, sqe_nop());
	PUT(4, 0, sqe_nop());
	PUT(5, 0, sqe_timeout(&ts, 0, 3));
	SUBMIT(3);
	GET(4);
	EXPECT_EQ(NO_RESULT, RES(5));
	PUT(6, 0, sqe_nop());
	SUBMIT(1);
	GET(6);
	EXPECT_EQ(0, RES(5));

	PUT(7, IOSQE_IO_LINK, sqe_nop());
	PUT(8, 0, sqe_timeout(&ts, 0, 1));
	SUBMIT(2);
	GET(7);
	EXPECT_TRUE(ring_quiet(&self->ring));
	PUT(9, 0, sqe_nop());
	SUBMIT(1);
	GET(9);
	EXPECT_EQ(0, RES(8));
}

/* The same, if it runs with other credentials, or if a chain begins with it. */
TEST_F(timeout, count_of_batch_by_others)
{
	struct __kernel_timespec ts = TS_NEVER;
	struct io_uring_sqe sqe = sqe_timeout(&ts, 0, 1);
	int id = sys_register(self->ring.fd, IORING_REGISTER_PERSONALITY, NULL, 0);

	ASSERT_LT(0, id);
	sqe.personality = id;
	PUT(1, 0, sqe_nop());
	PUT(2, 0, sqe);
	SUBMIT(2);
	GET(2);
	EXPECT_EQ(0, RES(2));

	PUT(3, 0, sqe_nop());
	PUT(4, IOSQE_IO_LINK, sqe_timeout(&ts, 0, 1));
	PUT(5, 0, sqe_nop());
	SUBMIT(3);
	GET(5);
	EXPECT_EQ(0, RES(4));
	EXPECT_EQ(0, RES(5));

	PUT(6, 0, sqe_nop());
	PUT(7, IOSQE_IO_LINK, sqe);
	PUT(8, 0, sqe_nop());
	SUBMIT(3);
	GET(8);
	EXPECT_EQ(0, RES(7));
	EXPECT_EQ(0, RES(8));
}

/*
 * Another one is added when the number of the first was passed in the same batch. (The
 * untouched 6.12 lets the first wait for the other.)
 */
TEST_F(timeout, count_passed_in_batch)
{
	static const unsigned int others[] = { 3, 4, 100, INT_MAX, UINT_MAX - 1, UINT_MAX };
	struct __kernel_timespec ts = TS_NEVER;
	unsigned int i, id, nr = 0;

	for (i = 0; i < ARRAY_LEN(others); i++) {
		id = 10 * (i + 1);
		PUT(id, 0, sqe_timeout(&ts, 0, 1));
		PUT(id + 1, 0, sqe_nop());
		PUT(id + 2, 0, sqe_nop());
		PUT(id + 3, 0, sqe_timeout(&ts, 0, others[i]));
		SUBMIT(4);
		nr += 3;
		if (!log_is(&self->log, &self->ring, nr) && untouched())
			SKIP(return, "this kernel waits for %u", others[i]);
		ASSERT_EQ(nr, self->log.nr);
		EXPECT_EQ(0, RES(id)) {
			TH_LOG("another with %u", others[i]);
		}
		EXPECT_EQ(NO_RESULT, RES(id + 3));
		PUT(id + 4, 0, sqe_cancel(id + 3, 0));
		SUBMIT(1);
		nr += 2;
		GET(nr);
	}
}

/* That of one which ends in the same batch does not count, as the others there do. */
TEST_F(timeout, count_behind_a_removed)
{
	struct __kernel_timespec ts = TS_NEVER;

	PUT(1, 0, sqe_timeout(&ts, 0, 0));
	SUBMIT(1);
	PUT(2, 0, sqe_remove(1));
	PUT(3, 0, sqe_timeout(&ts, 0, 2));
	SUBMIT(2);
	GET(2);
	EXPECT_EQ(NO_RESULT, RES(3));
	PUT(4, 0, sqe_nop());
	SUBMIT(1);
	GET(4);
	EXPECT_EQ(0, RES(3));
}

/* The CQE of another timeout does not count, whether there is room for it at once or not. */
TEST_F(timeout, count_and_backlog)
{
	struct __kernel_timespec never = TS_NEVER, soon = ts_ms(1);
	struct ring r;
	int i;

	ASSERT_EQ(0, ring_open_cq(&r, 8, 8, variant->setup));
	for (i = 0; i < 8; i++)
		ASSERT_TRUE(prep_nop(&r, 2));
	ASSERT_EQ(8, ring_submit(&r));
	ASSERT_TRUE(queue(&r, 1, 0, sqe_timeout(&soon, 0, 0)));
	ASSERT_EQ(1, ring_submit(&r));
	while (!(load(r.sq_flags) & IORING_SQ_CQ_OVERFLOW)) {
		nap();
		ring_flush(&r);
	}
	/* Now, while it is in the backlog */
	ASSERT_TRUE(queue(&r, 3, 0, sqe_timeout(&never, 0, 1)));
	ASSERT_EQ(1, ring_submit(&r));
	ASSERT_EQ(9, log_wait_ms(&self->log, &r, 9, WAIT_MS));
	EXPECT_EQ(1ull, (unsigned long long)self->log.cqe[8].user_data);
	EXPECT_TRUE(ring_quiet(&r));
	ASSERT_TRUE(prep_nop(&r, 4));
	ASSERT_EQ(1, ring_submit(&r));
	ASSERT_EQ(11, log_wait_ms(&self->log, &r, 11, WAIT_MS));
	EXPECT_EQ(0, log_res(&self->log, 3));
	ring_close(&r);
}

TEST_F(timeout, count_or_time)
{
	struct __kernel_timespec ts = ts_ms(20);

	PUT(1, 0, sqe_timeout(&ts, 0, 2));
	PUT(2, 0, sqe_nop());
	SUBMIT(2);
	GET(2);
	EXPECT_EQ(-ETIME, RES(1));
	PUT(3, 0, sqe_nop());
	PUT(4, 0, sqe_nop());
	SUBMIT(2);
	GET(4);
}

/*
 * Who waits for two CQEs is woken by the one that makes the second. (The untouched
 * 6.12 waits on, if the ring is DEFER_TASKRUN.)
 */
TEST_F(timeout, count_one_wait)
{
	struct __kernel_timespec ts = TS_NEVER;
	long start;
	pid_t pid;

	PUT(1, 0, sqe_timeout(&ts, 0, 1));
	PUT(2, 0, BLOCKER());
	SUBMIT(2);
	pid = write_later(self->pipe[1], 1);
	ASSERT_LT(0, pid);
	start = now_ms();
	EXPECT_EQ(0, ring_enter_wait(&self->ring, 2, WAIT_MS));
	if (now_ms() - start >= WAIT_MS && untouched())
		SKIP(return, "this kernel waits on");
	EXPECT_GT(WAIT_MS, now_ms() - start);
	EXPECT_EQ(2u, ring_ready(&self->ring));
	ASSERT_EQ(0, reap(pid, WAIT_MS));
}

/* A timeout ends a wait for more. */
TEST_F(timeout, ends_wait)
{
	struct __kernel_timespec ts = ts_ms(20);
	long start = now_ms();

	PUT(1, 0, sqe_timeout(&ts, 0, 0));
	SUBMIT(1);
	EXPECT_EQ(0, ring_enter_wait(&self->ring, 10, WAIT_MS));
	EXPECT_GT(WAIT_MS, now_ms() - start);
	EXPECT_EQ(1u, ring_ready(&self->ring));
}

static void *wait_for_one(void *arg)
{
	return (void *)(long)ring_enter_wait(arg, 1, WAIT_MS);
}

/* Also without a CQE, and that of another thread. */
TEST_F(timeout, hidden_ends_wait)
{
	struct __kernel_timespec ts = ts_ms(200);
	long start = now_ms();
	pthread_t thread;
	void *ret;

	PUT(1, IOSQE_CQE_SKIP_SUCCESS, sqe_timeout(&ts, IORING_TIMEOUT_ETIME_SUCCESS, 0));
	SUBMIT(1);
	if (variant->setup & IORING_SETUP_DEFER_TASKRUN) {
		EXPECT_EQ(0, ring_enter_wait(&self->ring, 1, WAIT_MS));
	} else {
		ASSERT_EQ(0, pthread_create(&thread, NULL, wait_for_one, &self->ring));
		while (now_ms() < start + 400)
			nap();
		ASSERT_EQ(0, pthread_join(thread, &ret));
		EXPECT_EQ(0, (long)ret);
	}
	EXPECT_GT(WAIT_MS, now_ms() - start);
	EXPECT_EQ(0u, ring_ready(&self->ring));
}

/* ------------------------------------------------------------------------
 * Multishot, ETIME_SUCCESS
 */

TEST_F(timeout, multishot)
{
	struct __kernel_timespec ts = ts_ms(10);
	long long start = now_ns();
	unsigned int i;

	PUT(1, 0, sqe_timeout(&ts, IORING_TIMEOUT_MULTISHOT, 5));
	SUBMIT(1);
	GET(5);
	EXPECT_LE(50000000LL, now_ns() - start);
	for (i = 0; i < 5; i++) {
		EXPECT_EQ(-ETIME, self->log.cqe[i].res);
		EXPECT_EQ(i < 4 ? IORING_CQE_F_MORE : 0u, self->log.cqe[i].flags);
	}
	EXPECT_TRUE(ring_quiet(&self->ring));
}

TEST_F(timeout, multishot_without_end)
{
	struct __kernel_timespec ts = ts_ms(2);
	unsigned int i;
	int ret;

	PUT(1, 0, sqe_timeout(&ts, IORING_TIMEOUT_MULTISHOT, 0));
	SUBMIT(1);
	ASSERT_EQ(20, log_wait_ms(&self->log, &self->ring, 20, WAIT_MS));
	for (i = 0; i < 20; i++)
		EXPECT_EQ(IORING_CQE_F_MORE, self->log.cqe[i].flags);
	/* It may be firing right now. */
	do {
		struct log log = { };

		PUT(2, 0, ((struct io_uring_sqe) {
			.opcode = IORING_OP_TIMEOUT_REMOVE, .fd = -1, .addr = 1 }));
		SUBMIT(1);
		while (log_place(&log, 2) < 0 && log.nr < 200)
			ASSERT_EQ((int)log.nr + 1, log_wait_ms(&log, &self->ring, log.nr + 1,
							       WAIT_MS));
		ret = log_res(&log, 2);
		/* The untouched 6.12's may go on. */
		if (ret == -EALREADY && untouched())
			continue;
		if (ret != -ENOENT && !ring_wait_ms(&self->ring, &log.cqe[0], 100)) {
			EXPECT_EQ(-ECANCELED, log.cqe[0].res);
			EXPECT_EQ(0u, log.cqe[0].flags);
		}
	} while (ret == -EALREADY && untouched());
	EXPECT_TRUE(ret == 0 || ret == -EALREADY) {
		TH_LOG("%d", ret);
	}
	EXPECT_TRUE(ring_quiet(&self->ring));
}

/* Stop this process for some time, and let it go on. */
static pid_t stop_for(int ms)
{
	pid_t self = getpid();
	pid_t pid = fork();

	if (pid)
		return pid;
	kill(self, SIGSTOP);
	poll(NULL, 0, ms);
	kill(self, SIGCONT);
	_exit(0);
}

/*
 * Periods that are over when the program can be told are skipped: there is no burst of
 * CQEs after a stop, for which the CQ would be too small.
 */
TEST_F(timeout, multishot_after_a_stop)
{
	const unsigned int stopped = 2000, period = 10;
	struct __kernel_timespec ts = ts_ms(period);
	struct io_uring_cqe cqe;
	unsigned int nr = 0;
	long long start, ms;
	struct ring r;
	pid_t pid;

	ASSERT_EQ(0, ring_open_cq(&r, 4, 64, variant->setup));
	ASSERT_TRUE(queue(&r, 1, 0, sqe_timeout(&ts, IORING_TIMEOUT_MULTISHOT, 0)));
	ASSERT_EQ(1, ring_submit(&r));
	ASSERT_EQ(0, ring_wait(&r, &cqe));
	start = now_ns();
	pid = stop_for(stopped);
	ASSERT_LT(0, pid);
	ASSERT_EQ(0, reap(pid, WAIT_MS));
	do {
		ASSERT_EQ(0, ring_wait(&r, &cqe));
		ASSERT_EQ(IORING_CQE_F_MORE, cqe.flags);
		nr++;
		ms = (now_ns() - start) / 1000000;
	} while (ms < stopped + 10 * period);
	/* While it was stopped at most one came, and one was on its way */
	EXPECT_GE((ms - stopped) / period + 3, nr);
	ring_close(&r);
}

/*
 * Periods of a multishot are counted from its start, however late the program asks for
 * what has happened.
 */
TEST(multishot_keeps_its_beat)
{
	const unsigned int period = 1000;
	long long start, ms, least = period;
	struct __kernel_timespec ts = ts_ms(period);
	struct io_uring_cqe cqe;
	unsigned int i;
	struct ring r;

	if (untouched())
		SKIP(return, "on this kernel a period begins when the one before is told");
	ASSERT_EQ(0, ring_open(&r, 4, SETUP_DEFER));
	ASSERT_TRUE(queue(&r, 1, 0, sqe_timeout(&ts, IORING_TIMEOUT_MULTISHOT, 0)));
	start = now_ns();
	ASSERT_EQ(1, ring_submit(&r));
	poll(NULL, 0, period * 3 / 2);
	for (i = 0; i < 5; i++) {
		ASSERT_EQ(0, ring_wait(&r, &cqe));
		ASSERT_EQ(-ETIME, cqe.res);
		ms = (now_ns() - start) / 1000000;
		if (i && ms % period < least)
			least = ms % period;
	}
	/* Half a period late if it counts from when it was told */
	EXPECT_GT(period * 4 / 10, least);
	ring_close(&r);
}

/* A time of its own, for a period that is shorter than it takes to handle one. */
TEST_F(timeout, multishot_too_short)
{
	struct __kernel_timespec ts = { .tv_nsec = 1 };
	unsigned int i;

	PUT(1, 0, sqe_timeout(&ts, IORING_TIMEOUT_MULTISHOT, 20));
	SUBMIT(1);
	GET(20);
	for (i = 0; i < 20; i++)
		EXPECT_EQ(i < 19 ? IORING_CQE_F_MORE : 0u, self->log.cqe[i].flags);
}

/* When the CQ is full it ends: the last CQE says so. */
TEST_F(timeout, multishot_overflow)
{
	struct __kernel_timespec ts = ts_ms(2);
	struct ring r;
	int i;

	ASSERT_EQ(0, ring_open_cq(&r, 2, 4, variant->setup));
	ASSERT_TRUE(queue(&r, 1, 0, sqe_timeout(&ts, IORING_TIMEOUT_MULTISHOT, 0)));
	ASSERT_EQ(1, ring_submit(&r));
	for (i = 0; i < 1000 && !(load(r.sq_flags) & IORING_SQ_CQ_OVERFLOW); i++) {
		nap();
		ring_flush(&r);
	}
	ASSERT_EQ(5, log_wait_ms(&self->log, &r, 5, WAIT_MS));
	for (i = 0; i < 5; i++) {
		EXPECT_EQ(-ETIME, self->log.cqe[i].res);
		EXPECT_EQ(i < 4 ? IORING_CQE_F_MORE : 0u, self->log.cqe[i].flags);
	}
	EXPECT_TRUE(ring_quiet(&r));
	ring_close(&r);
}

/* Its time is up: that severs a link, unless ETIME_SUCCESS says it is fine. */
TEST_F(timeout, in_chain)
{
	struct __kernel_timespec ts = ts_ms(10);

	PUT(1, LINK, sqe_timeout(&ts, 0, 0));
	PUT(2, 0, sqe_nop());
	SUBMIT(2);
	GET(2);
	EXPECT_EQ(-ETIME, RES(1));
	EXPECT_EQ(-ECANCELED, RES(2));

	self->log.nr = 0;
	PUT(1, LINK, sqe_timeout(&ts, IORING_TIMEOUT_ETIME_SUCCESS, 0));
	PUT(2, 0, sqe_nop());
	SUBMIT(2);
	GET(2);
	EXPECT_EQ(-ETIME, RES(1));
	EXPECT_EQ(0, RES(2));

	self->log.nr = 0;
	PUT(1, HARD, sqe_timeout(&ts, 0, 0));
	PUT(2, 0, sqe_nop());
	SUBMIT(2);
	GET(2);
	EXPECT_EQ(-ETIME, RES(1));
	EXPECT_EQ(0, RES(2));
}

TEST_F(timeout, skip)
{
	struct __kernel_timespec ts = ts_ms(10);

	PUT(1, IOSQE_CQE_SKIP_SUCCESS, sqe_timeout(&ts, IORING_TIMEOUT_ETIME_SUCCESS, 0));
	PUT(2, IOSQE_CQE_SKIP_SUCCESS, sqe_timeout(&ts, 0, 0));
	SUBMIT(2);
	GET(1);
	EXPECT_EQ(-ETIME, RES(2));
	EXPECT_TRUE(ring_quiet(&self->ring));
}

/* A removal is a failure, even with ETIME_SUCCESS. */
TEST_F(timeout, removed_in_chain)
{
	struct __kernel_timespec ts = TS_NEVER;

	PUT(1, LINK, sqe_timeout(&ts, IORING_TIMEOUT_ETIME_SUCCESS, 0));
	PUT(2, 0, sqe_nop());
	PUT(3, 0, ((struct io_uring_sqe) { .opcode = IORING_OP_TIMEOUT_REMOVE, .addr = 1 }));
	SUBMIT(3);
	GET(3);
	EXPECT_EQ(-ECANCELED, RES(1));
	EXPECT_EQ(-ECANCELED, RES(2));
	EXPECT_EQ(0, RES(3));
}

/* ... and so is ASYNC_CANCEL. It is not skipped either. */
TEST_F(timeout, cancelled_in_chain)
{
	struct __kernel_timespec ts = TS_NEVER;

	PUT(1, LINK, sqe_timeout(&ts, IORING_TIMEOUT_ETIME_SUCCESS, 0));
	PUT(2, 0, sqe_nop());
	PUT(3, 0, sqe_cancel(1, 0));
	SUBMIT(3);
	GET(3);
	EXPECT_EQ(-ECANCELED, RES(1));
	EXPECT_EQ(-ECANCELED, RES(2));
	EXPECT_EQ(0, RES(3));

	self->log.nr = 0;
	PUT(1, IOSQE_CQE_SKIP_SUCCESS, sqe_timeout(&ts, IORING_TIMEOUT_ETIME_SUCCESS, 0));
	PUT(2, 0, sqe_cancel(1, 0));
	SUBMIT(2);
	GET(2);
	EXPECT_EQ(-ECANCELED, RES(1));
	EXPECT_EQ(0, RES(2));
}

/* ------------------------------------------------------------------------
 * TIMEOUT_REMOVE
 */

static struct io_uring_sqe sqe_update(__u64 user_data, const struct __kernel_timespec *ts,
				      unsigned int flags)
{
	struct io_uring_sqe sqe = sqe_remove(user_data);

	sqe.timeout_flags = flags | IORING_TIMEOUT_UPDATE;
	sqe.addr2 = (uintptr_t)ts;
	return sqe;
}

TEST_F(timeout, remove)
{
	struct __kernel_timespec ts = TS_NEVER;

	PUT(1, 0, sqe_timeout(&ts, 0, 0));
	PUT(2, 0, sqe_remove(1));
	PUT(3, 0, sqe_remove(1));
	PUT(4, 0, sqe_remove(99));
	SUBMIT(4);
	GET(4);
	EXPECT_EQ(-ECANCELED, RES(1));
	EXPECT_EQ(0, RES(2));
	EXPECT_EQ(-ENOENT, RES(3));
	EXPECT_EQ(-ENOENT, RES(4));
}

/* Only TIMEOUTs are found. */
/* A timeout needs no worker: with IOSQE_ASYNC it is there at once, too. */
TEST_F(timeout, async_is_found)
{
	struct __kernel_timespec ts = TS_NEVER;

	PUT(1, IOSQE_ASYNC, sqe_timeout(&ts, 0, 0));
	PUT(2, 0, sqe_remove(1));
	SUBMIT(2);
	if (log_wait_ms(&self->log, &self->ring, 2, QUIET_MS) < 2 && untouched())
		SKIP(return, "this kernel gives it to a worker");
	GET(2);
	EXPECT_EQ(-ECANCELED, RES(1));
	EXPECT_EQ(0, RES(2));
}

TEST_F(timeout, remove_others)
{
	struct __kernel_timespec ts = TS_NEVER;

	PUT(1, 0, sqe_poll(self->pipe[0], POLLIN));
	PUT(2, LINK, BLOCKER());
	PUT(3, 0, sqe_link_timeout(&ts, 0));
	PUT(4, 0, sqe_remove(1));
	PUT(5, 0, sqe_remove(2));
	PUT(6, 0, sqe_remove(3));
	SUBMIT(6);
	GET(3);
	EXPECT_EQ(-ENOENT, RES(4));
	EXPECT_EQ(-ENOENT, RES(5));
	EXPECT_EQ(-ENOENT, RES(6));
}

TEST_F(timeout, remove_counted)
{
	struct __kernel_timespec ts = TS_NEVER;

	PUT(1, 0, sqe_timeout(&ts, 0, 100));
	PUT(2, 0, sqe_remove(1));
	SUBMIT(2);
	GET(2);
	EXPECT_EQ(-ECANCELED, RES(1));
	EXPECT_EQ(0, RES(2));
	EXPECT_TRUE(ring_works(&self->ring));
}

/*
 * A multishot that is just firing ends, too, though it is too late for this time. (In the
 * untouched 6.12 a deferred ring's goes on.)
 */
TEST_F(timeout, remove_of_firing)
{
	struct log *log = &self->log;
	unsigned int last, i;
	int ret = -ENOENT;
	long ms;

	/* If we are late it has filled the CQ, and ended by that */
	for (ms = 5; ms < 1000 && ret == -ENOENT; ms *= 2) {
		struct __kernel_timespec ts = ts_ms(ms);

		log->nr = 0;
		PUT(1, 0, sqe_timeout(&ts, IORING_TIMEOUT_MULTISHOT, 0));
		SUBMIT(1);
		/* On a deferred ring it has fired after this, and waits for GETEVENTS. */
		poll(NULL, 0, 4 * ms);
		PUT(2, 0, sqe_remove(1));
		SUBMIT(1);
		log_wait_ms(log, &self->ring, 200, 20 * ms);
		if (log->nr == 200 && untouched())
			SKIP(return, "this kernel's goes on");
		ASSERT_GT(200u, log->nr);
		ret = RES(2);
	}
	EXPECT_TRUE(ret == 0 || ret == -EALREADY) {
		TH_LOG("%d", ret);
	}
	for (i = last = 0; i < log->nr; i++)
		if (log->cqe[i].user_data == 1)
			last = i;
	EXPECT_EQ(-ECANCELED, log->cqe[last].res);
	EXPECT_EQ(0u, log->cqe[last].flags);
}

/* One that fires once has its own result. */
TEST_F(timeout, remove_of_fired)
{
	struct __kernel_timespec ts = ts_ms(1);
	int ret;

	PUT(1, 0, sqe_timeout(&ts, 0, 0));
	SUBMIT(1);
	poll(NULL, 0, QUIET_MS);
	PUT(2, 0, sqe_remove(1));
	SUBMIT(1);
	GET(2);
	EXPECT_EQ(-ETIME, RES(1));
	ret = RES(2);
	EXPECT_TRUE(ret == -ENOENT || ret == -EALREADY) {
		TH_LOG("%d", ret);
	}
}

TEST_F(timeout, remove_bad_fields)
{
	static const struct bad_byte bad[] = {
		BAD(TIMEOUT_REMOVE, buf_index, -EINVAL),
		BAD(TIMEOUT_REMOVE, len, -EINVAL),
		BAD(TIMEOUT_REMOVE, splice_fd_in, -EINVAL),
		BAD(TIMEOUT_REMOVE, ioprio, -EINVAL),
		BAD(TIMEOUT_REMOVE, addr3, -EINVAL),
		BAD(TIMEOUT_REMOVE, __pad2, -EINVAL),
	};
	struct io_uring_sqe sqe;
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(bad); i++) {
		sqe = sqe_remove(1);
		((__u8 *)&sqe)[bad[i].offset] = 4;
		EXPECT_EQ(bad[i].error, ring_run(&self->ring, 0, sqe)) {
			TH_LOG("byte %u", bad[i].offset);
		}
	}
	EXPECT_EQ(-EINVAL, ring_run(&self->ring, IOSQE_FIXED_FILE, sqe_remove(1)));
	EXPECT_EQ(-EOPNOTSUPP,
		  ring_run(&self->ring, IOSQE_BUFFER_SELECT, sqe_remove(1)));
	for (i = 0; i < 32; i++) {
		struct __kernel_timespec ts = ts_ms(1);

		/* UPDATE and LINK_TIMEOUT_UPDATE; bit 7 means something later. */
		if (i == 1 || i == 4 || i == 7)
			continue;
		sqe = sqe_remove(1);
		sqe.timeout_flags = 1u << i;
		sqe.addr2 = (uintptr_t)&ts;
		EXPECT_EQ(-EINVAL, ring_run(&self->ring, 0, sqe)) {
			TH_LOG("flag bit %u", i);
		}
		if (i == 0)
			continue;
		sqe.timeout_flags |= IORING_TIMEOUT_UPDATE;
		EXPECT_EQ(-EINVAL, ring_run(&self->ring, 0, sqe)) {
			TH_LOG("UPDATE and flag bit %u", i);
		}
	}
}

TEST_F(timeout, update_bad_time)
{
	struct __kernel_timespec ts = TS_NEVER;
	struct __kernel_timespec bad = { .tv_sec = -1 };

	PUT(1, 0, sqe_timeout(&ts, 0, 0));
	SUBMIT(1);
	EXPECT_EQ(-EINVAL, ring_run(&self->ring, 0, sqe_update(1, &bad, 0)));
	bad = (struct __kernel_timespec) { .tv_nsec = -1 };
	EXPECT_EQ(-EINVAL, ring_run(&self->ring, 0, sqe_update(1, &bad, 0)));
	EXPECT_EQ(-EFAULT, ring_run(&self->ring, 0, sqe_update(1, no_access(4096), 0)));
	EXPECT_EQ(-ENOENT, ring_run(&self->ring, 0, sqe_update(9, &ts, 0)));
	/* A LINK_TIMEOUT is not meant without its flag, nor the other way round. */
	EXPECT_EQ(-ENOENT, ring_run(&self->ring, 0,
				    sqe_update(1, &ts, IORING_LINK_TIMEOUT_UPDATE)));
	EXPECT_TRUE(ring_quiet(&self->ring));
}

TEST_F(timeout, update)
{
	struct __kernel_timespec ts = TS_NEVER;
	struct __kernel_timespec soon = ts_ms(20);
	long long start = now_ns();

	PUT(1, 0, sqe_timeout(&ts, 0, 0));
	PUT(2, 0, sqe_update(1, &soon, 0));
	SUBMIT(2);
	GET(2);
	EXPECT_EQ(0, RES(2));
	EXPECT_EQ(-ETIME, RES(1));
	EXPECT_LE(20000000LL, now_ns() - start);
}

TEST_F(timeout, update_to_later)
{
	struct __kernel_timespec ts = ts_ms(1000);
	struct __kernel_timespec later = TS_NEVER;

	PUT(1, 0, sqe_timeout(&ts, 0, 0));
	PUT(2, 0, sqe_update(1, &later, 0));
	SUBMIT(2);
	GET(1);
	EXPECT_EQ(0, RES(2));
	EXPECT_EQ(-ETIME, ring_wait_ms(&self->ring, &self->log.cqe[0], 1200));
	EXPECT_EQ(0, ring_run(&self->ring, 0, sqe_remove(1)));
}

/* The new time is one of the target's clock. */
TEST_F(timeout, update_absolute)
{
	struct __kernel_timespec ts = TS_NEVER;
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(clocks); i++) {
		long long end = clock_ns(clocks[i].id) + 30000000;
		struct __kernel_timespec soon = {
			.tv_sec = end / 1000000000, .tv_nsec = end % 1000000000,
		};

		self->log.nr = 0;
		PUT(1, 0, sqe_timeout(&ts, clocks[i].flag, 0));
		PUT(2, 0, sqe_update(1, &soon, IORING_TIMEOUT_ABS));
		SUBMIT(2);
		GET(2);
		EXPECT_EQ(0, RES(2));
		EXPECT_EQ(-ETIME, RES(1));
		EXPECT_LE(end, clock_ns(clocks[i].id));
	}
}

/* What was counting only waits for the time then. */
TEST_F(timeout, update_ends_counting)
{
	struct __kernel_timespec ts = TS_NEVER;
	unsigned int i;

	PUT(1, 0, sqe_timeout(&ts, 0, 4));
	PUT(2, 0, sqe_update(1, &ts, 0));
	SUBMIT(2);
	for (i = 3; i <= 8; i++)
		PUT(i, 0, sqe_nop());
	SUBMIT(6);
	GET(7);
	EXPECT_EQ(0, RES(2));
	EXPECT_EQ(NO_RESULT, RES(1));
}

/* The periods of a multishot are spans. */
TEST_F(timeout, update_multishot_to_a_time)
{
	struct __kernel_timespec ts = TS_NEVER;
	struct __kernel_timespec at = ts_at(CLOCK_MONOTONIC, 10);

	PUT(1, 0, sqe_timeout(&ts, IORING_TIMEOUT_MULTISHOT, 0));
	PUT(2, 0, sqe_update(1, &at, IORING_TIMEOUT_ABS));
	SUBMIT(2);
	GET(1);
	EXPECT_EQ(-EINVAL, RES(2));
	EXPECT_TRUE(ring_quiet(&self->ring));
	EXPECT_EQ(0, ring_run(&self->ring, 0, sqe_remove(1)));
}

TEST_F(timeout, update_multishot)
{
	struct __kernel_timespec ts = TS_NEVER;
	struct __kernel_timespec soon = ts_ms(10);

	PUT(1, 0, sqe_timeout(&ts, IORING_TIMEOUT_MULTISHOT, 3));
	PUT(2, 0, sqe_update(1, &soon, 0));
	SUBMIT(2);
	GET(4);
	EXPECT_EQ(0, RES(2));
	EXPECT_EQ(0u, self->log.cqe[3].flags);
}

/* ------------------------------------------------------------------------
 * LINK_TIMEOUT
 */

TEST_F(timeout, link_expires)
{
	struct __kernel_timespec ts = ts_ms(20);

	PUT(1, LINK, BLOCKER());
	PUT(2, 0, sqe_link_timeout(&ts, 0));
	SUBMIT(2);
	GET(2);
	EXPECT_EQ(-ECANCELED, RES(1));
	EXPECT_EQ(-ETIME, RES(2));
}

TEST_F(timeout, link_absolute)
{
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(clocks); i++) {
		long long end = clock_ns(clocks[i].id) + 30000000;
		struct __kernel_timespec ts = {
			.tv_sec = end / 1000000000, .tv_nsec = end % 1000000000,
		};

		self->log.nr = 0;
		PUT(1, LINK, BLOCKER());
		PUT(2, 0, sqe_link_timeout(&ts, clocks[i].flag | IORING_TIMEOUT_ABS));
		SUBMIT(2);
		GET(2);
		EXPECT_EQ(-ECANCELED, RES(1));
		EXPECT_EQ(-ETIME, RES(2));
		EXPECT_LE(end, clock_ns(clocks[i].id));
	}
}

/* What it guards ends in time: it goes, too. */
TEST_F(timeout, link_in_time)
{
	struct __kernel_timespec ts = TS_NEVER;

	PUT(1, LINK, BLOCKER());
	PUT(2, LINK, sqe_link_timeout(&ts, 0));
	PUT(3, 0, sqe_nop());
	SUBMIT(3);
	EXPECT_TRUE(ring_quiet(&self->ring));
	RELEASE();
	GET(3);
	EXPECT_EQ(1, RES(1));
	EXPECT_EQ(-ECANCELED, RES(2));
	EXPECT_EQ(0, RES(3));
}

/* Its time comes when what it guards has ended, but before that is seen. */
TEST_F(timeout, link_in_time_seen_late)
{
	struct __kernel_timespec ts = ts_ms(1000);
	long start = now_ms();

	/* Other rings see it at once */
	if (!(variant->setup & IORING_SETUP_DEFER_TASKRUN))
		return;
	PUT(1, LINK, BLOCKER());
	PUT(2, LINK, sqe_link_timeout(&ts, 0));
	PUT(3, 0, sqe_nop());
	PUT(4, LINK, BLOCKER());
	PUT(5, LINK | IOSQE_CQE_SKIP_SUCCESS, sqe_link_timeout(&ts, 0));
	PUT(6, 0, sqe_nop());
	SUBMIT(6);
	RELEASE();
	RELEASE();
	while (now_ms() - start < 1500)
		nap();
	GET(5);
	EXPECT_EQ(1, RES(1));
	EXPECT_EQ(-ENOENT, RES(2));
	EXPECT_EQ(0, RES(3));
	EXPECT_EQ(1, RES(4));
	EXPECT_EQ(0, RES(6));
}

TEST_F(timeout, link_at_once)
{
	struct __kernel_timespec ts = TS_NEVER;

	PUT(1, LINK, sqe_nop());
	PUT(2, LINK, sqe_link_timeout(&ts, 0));
	PUT(3, LINK, sqe_nop());
	PUT(4, 0, sqe_link_timeout(&ts, 0));
	SUBMIT(4);
	GET(4);
	EXPECT_EQ(0, RES(1));
	EXPECT_EQ(-ECANCELED, RES(2));
	EXPECT_EQ(0, RES(3));
	EXPECT_EQ(-ECANCELED, RES(4));
}

/* The link behind it belongs to what it guards: it is severed by the expiry. */
TEST_F(timeout, link_severs)
{
	struct __kernel_timespec ts = ts_ms(20);

	PUT(1, LINK, BLOCKER());
	PUT(2, LINK, sqe_link_timeout(&ts, 0));
	PUT(3, LINK, sqe_nop());
	PUT(4, 0, sqe_nop());
	SUBMIT(4);
	GET(4);
	EXPECT_EQ(-ECANCELED, RES(1));
	EXPECT_EQ(-ETIME, RES(2));
	EXPECT_EQ(-ECANCELED, RES(3));
	EXPECT_EQ(-ECANCELED, RES(4));
}

TEST_F(timeout, link_hard)
{
	struct __kernel_timespec ts = ts_ms(20);

	PUT(1, HARD, BLOCKER());
	PUT(2, HARD, sqe_link_timeout(&ts, 0));
	PUT(3, 0, sqe_nop());
	SUBMIT(3);
	GET(3);
	EXPECT_EQ(-ECANCELED, RES(1));
	EXPECT_EQ(-ETIME, RES(2));
	EXPECT_EQ(0, RES(3));
}

/* It starts when what it guards starts. */
TEST_F(timeout, link_starts_late)
{
	struct __kernel_timespec ts = ts_ms(20);
	struct __kernel_timespec first = ts_ms(60);

	PUT(1, LINK, sqe_timeout(&first, IORING_TIMEOUT_ETIME_SUCCESS, 0));
	PUT(2, LINK, BLOCKER());
	PUT(3, 0, sqe_link_timeout(&ts, 0));
	SUBMIT(3);
	GET(3);
	EXPECT_EQ(0, log_place(&self->log, 1));
	EXPECT_EQ(-ETIME, RES(1));
	EXPECT_EQ(-ECANCELED, RES(2));
	EXPECT_EQ(-ETIME, RES(3));
}

TEST_F(timeout, link_never_started)
{
	struct __kernel_timespec ts = ts_ms(1);

	PUT(1, LINK, sqe_nop_res(-EIO));
	PUT(2, LINK, BLOCKER());
	PUT(3, 0, sqe_link_timeout(&ts, 0));
	SUBMIT(3);
	GET(3);
	EXPECT_EQ(-EIO, RES(1));
	EXPECT_EQ(-ECANCELED, RES(2));
	EXPECT_EQ(-ECANCELED, RES(3));
}

/* A count has 32 bits: of off the others say nothing. */
TEST_F(timeout, link_counts_nothing)
{
	struct __kernel_timespec ts = ts_ms(5);
	struct io_uring_sqe sqe = sqe_link_timeout(&ts, 0);

	sqe.off = 1ULL << 62;
	PUT(1, LINK, BLOCKER());
	PUT(2, 0, sqe);
	SUBMIT(2);
	GET(2);
	EXPECT_EQ(-ECANCELED, RES(1));
	EXPECT_EQ(-ETIME, RES(2));

	sqe.off = 1ULL << 32 | 1;
	PUT(3, LINK, BLOCKER());
	PUT(4, 0, sqe);
	SUBMIT(2);
	GET(4);
	EXPECT_EQ(-ECANCELED, RES(3));
	EXPECT_EQ(-EINVAL, RES(4));
}

TEST_F(timeout, link_misplaced)
{
	struct __kernel_timespec ts = TS_NEVER;

	EXPECT_EQ(-EINVAL, ring_run(&self->ring, 0, sqe_link_timeout(&ts, 0)));
	EXPECT_EQ(-EINVAL, ring_run(&self->ring, LINK, sqe_link_timeout(&ts, 0)));
	/* A wrong time is seen first */
	EXPECT_EQ(-EFAULT, ring_run(&self->ring, 0, sqe_link_timeout(NULL, 0)));
	PUT(1, LINK, BLOCKER());
	PUT(2, LINK, sqe_link_timeout(&ts, 0));
	PUT(3, 0, sqe_link_timeout(&ts, 0));
	SUBMIT(3);
	GET(3);
	EXPECT_EQ(-ECANCELED, RES(1));
	EXPECT_EQ(-ECANCELED, RES(2));
	EXPECT_EQ(-EINVAL, RES(3));
}

/* A poll, a timeout, a wait in a worker: all can be guarded. */
TEST_F(timeout, link_guards_any)
{
	struct __kernel_timespec ts = ts_ms(20);
	struct __kernel_timespec never = TS_NEVER;

	PUT(1, LINK, sqe_poll(self->pipe[0], POLLIN));
	PUT(2, 0, sqe_link_timeout(&ts, 0));
	PUT(3, LINK, sqe_timeout(&never, 0, 0));
	PUT(4, 0, sqe_link_timeout(&ts, 0));
	PUT(5, LINK | IOSQE_ASYNC, BLOCKER());
	PUT(6, 0, sqe_link_timeout(&ts, 0));
	SUBMIT(6);
	GET(6);
	EXPECT_EQ(-ECANCELED, RES(1));
	EXPECT_EQ(-ETIME, RES(2));
	EXPECT_EQ(-ECANCELED, RES(3));
	EXPECT_EQ(-ETIME, RES(4));
	EXPECT_TRUE(RES(5) == -ECANCELED || RES(5) == -EINTR);
	EXPECT_TRUE(RES(6) == -ETIME || RES(6) == -EALREADY);
}

TEST_F(timeout, link_update)
{
	struct __kernel_timespec ts = TS_NEVER;
	struct __kernel_timespec soon = ts_ms(20);

	PUT(1, LINK, BLOCKER());
	PUT(2, 0, sqe_link_timeout(&ts, 0));
	PUT(3, 0, sqe_update(2, &soon, 0));
	PUT(4, 0, sqe_update(2, &soon, IORING_LINK_TIMEOUT_UPDATE));
	SUBMIT(4);
	GET(4);
	EXPECT_EQ(-ECANCELED, RES(1));
	EXPECT_EQ(-ETIME, RES(2));
	EXPECT_EQ(-ENOENT, RES(3));
	EXPECT_EQ(0, RES(4));
}

TEST_F(timeout, link_update_of_held)
{
	struct __kernel_timespec ts = TS_NEVER;

	PUT(1, LINK, BLOCKER());
	PUT(2, LINK, sqe_nop());
	PUT(3, 0, sqe_link_timeout(&ts, 0));
	PUT(4, 0, sqe_update(3, &ts, IORING_LINK_TIMEOUT_UPDATE));
	SUBMIT(4);
	GET(1);
	EXPECT_EQ(-ENOENT, RES(4));
	RELEASE();
	GET(4);
}

/* Each has its own CQE_SKIP_SUCCESS. */
TEST_F(timeout, link_skip)
{
	struct __kernel_timespec ts = ts_ms(20);
	struct __kernel_timespec never = TS_NEVER;

	PUT(1, LINK, sqe_nop());
	PUT(2, IOSQE_CQE_SKIP_SUCCESS, sqe_link_timeout(&never, 0));
	SUBMIT(2);
	GET(1);
	EXPECT_EQ(0, RES(1));

	self->log.nr = 0;
	PUT(1, LINK | IOSQE_CQE_SKIP_SUCCESS, sqe_nop());
	PUT(2, 0, sqe_link_timeout(&never, 0));
	SUBMIT(2);
	GET(1);
	EXPECT_EQ(-ECANCELED, RES(2));

	self->log.nr = 0;
	PUT(1, LINK | IOSQE_CQE_SKIP_SUCCESS, BLOCKER());
	PUT(2, 0, sqe_link_timeout(&ts, 0));
	SUBMIT(2);
	GET(2);
	EXPECT_EQ(-ECANCELED, RES(1));
	EXPECT_EQ(-ETIME, RES(2));
}

/*
 * Many short links, one after the other and reusing the same memory: a timeout
 * never hits what came later, and everything completes once.
 */
TEST_F_TIMEOUT(timeout, link_many, 7200)
{
	struct __kernel_timespec short_time = { .tv_nsec = 1000 };
	long end = now_ms() + 1000 * test_seconds(2);
	unsigned long links = 0, expired = 0;
	struct io_uring_cqe cqe;
	unsigned int i;

	while (now_ms() < end) {
		unsigned char seen[64] = { };

		for (i = 0; i < 64; i += 4) {
			short_time.tv_nsec = 1000 * (i % 16);
			PUT(i, LINK, sqe_nop());
			PUT(i + 1, 0, sqe_link_timeout(&short_time, 0));
			PUT(i + 2, LINK, sqe_poll(self->pipe[0], POLLIN));
			PUT(i + 3, 0, sqe_link_timeout(&short_time, 0));
		}
		SUBMIT(64);
		for (i = 0; i < 64; i++) {
			ASSERT_EQ(0, ring_wait(&self->ring, &cqe));
			ASSERT_GT(64u, cqe.user_data);
			ASSERT_EQ(0, seen[cqe.user_data]++);
			switch (cqe.user_data % 4) {
			case 0:
				ASSERT_EQ(0, cqe.res);
				break;
			case 1:
				ASSERT_TRUE(cqe.res == -ECANCELED || cqe.res == -ETIME ||
					    cqe.res == -ENOENT || cqe.res == -EALREADY) {
					TH_LOG("%d", cqe.res);
				}
				break;
			case 2:
				ASSERT_EQ(-ECANCELED, cqe.res);
				break;
			case 3:
				ASSERT_EQ(-ETIME, cqe.res);
				expired++;
				break;
			}
		}
		links += 32;
	}
	TH_LOG("%lu links, %lu expired", links, expired);
	ASSERT_FALSE(ring_reap(&self->ring, &cqe));
	EXPECT_LT(0u, expired);
}

/* ------------------------------------------------------------------------
 * The end
 */

TEST_F(timeout, close)
{
	struct __kernel_timespec ts = TS_NEVER;
	struct __kernel_timespec soon = ts_ms(1);
	unsigned int i;

	for (i = 0; i < 15; i++) {
		PUT(1, 0, sqe_timeout(&ts, 0, i));
		PUT(2, 0, sqe_timeout(&soon, IORING_TIMEOUT_MULTISHOT, 0));
		PUT(3, LINK, BLOCKER());
		PUT(4, 0, sqe_link_timeout(&ts, 0));
	}
	SUBMIT(60);
	ring_close(&self->ring);
	close(self->pipe[0]);
	self->pipe[0] = -1;
	EXPECT_EQ(POLLERR, poll_fd(self->pipe[1], 0, 2000));
	EXPECT_TRUE(fresh_ring_works());
}

/* The time of what was removed comes when the ring is gone. */
TEST_F(timeout, close_after_remove)
{
	struct __kernel_timespec ts = ts_ms(20);

	PUT(1, 0, sqe_timeout(&ts, 0, 0));
	PUT(2, 0, sqe_remove(1));
	SUBMIT(2);
	ring_close(&self->ring);
	usleep(60000);
	EXPECT_TRUE(fresh_ring_works());
}

TEST_HARNESS_MAIN
