// SPDX-License-Identifier: GPL-2.0
/*
 * Waiting in io_uring_enter(): for how many, for how long, with which signals,
 * several at a time, and that it can always be ended.
 */
#include "iou_test.h"

#include <pthread.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "../kselftest_harness.h"

#define GETEVENTS	IORING_ENTER_GETEVENTS
#define EXT		(IORING_ENTER_GETEVENTS | IORING_ENTER_EXT_ARG)
#define SIGSET_SIZE	8

/* A wait that is due ends within this on any machine. */
#define SOON_MS		5000

FIXTURE(wait)
{
	struct ring ring;
	int pipe[2];
	char byte[16];
};

FIXTURE_VARIANT(wait)
{
	unsigned int setup;
};

FIXTURE_VARIANT_ADD(wait, plain) {
	.setup = 0,
};

FIXTURE_VARIANT_ADD(wait, coop) {
	.setup = IORING_SETUP_COOP_TASKRUN,
};

FIXTURE_VARIANT_ADD(wait, defer) {
	.setup = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN,
};

FIXTURE_SETUP(wait)
{
	const char *missing = setup_missing(variant->setup);

	if (missing)
		SKIP(return, "kernel lacks %s", missing);
	ASSERT_EQ(0, ring_open(&self->ring, 8, variant->setup));
	ASSERT_EQ(0, pipe(self->pipe));
}

FIXTURE_TEARDOWN(wait)
{
	ring_close(&self->ring);
	close(self->pipe[0]);
	close(self->pipe[1]);
}

/* Everything an extended wait can be told. */
struct how {
	long long timeout_ns;	/* -1: none */
	unsigned int min_wait_us;
	const sigset_t *mask;
	unsigned int flags;
};

static int wait_how(struct ring *r, unsigned int min, const struct how *how)
{
	struct __kernel_timespec ts = {
		.tv_sec = how->timeout_ns / 1000000000,
		.tv_nsec = how->timeout_ns % 1000000000,
	};
	struct io_uring_getevents_arg arg = {
		.sigmask = (uintptr_t)how->mask,
		.sigmask_sz = how->mask ? SIGSET_SIZE : 0,
		.min_wait_usec = how->min_wait_us,
		.ts = how->timeout_ns < 0 ? 0 : (uintptr_t)&ts,
	};

	return sys_enter(r->fd, 0, min, EXT | how->flags, &arg, sizeof(arg));
}

static bool nops(struct ring *r, unsigned int n)
{
	while (n--)
		if (!prep_nop(r, 1) || ring_submit(r) != 1)
			return false;
	return true;
}

/* Park @n one-byte reads on the fixture's pipe. */
static bool park_reads(struct ring *r, int fd, char *buf, unsigned int n)
{
	unsigned int i;

	for (i = 0; i < n; i++)
		if (!prep(r, IORING_OP_READ, fd, buf + i, 1, -1))
			return false;
	return ring_submit(r) == (int)n;
}

/* A process that feeds the pipe: the first byte once @tid waits, then every @ms. */
static pid_t feeder(int fd, pid_t pid, unsigned int bytes, int ms)
{
	struct timespec ts = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 };
	pid_t child = fork();

	if (child)
		return child;
	if (!wait_in_enter(pid, pid))
		_exit(1);
	while (bytes--) {
		if (ms)
			nanosleep(&ts, NULL);
		if (write(fd, "x", 1) != 1)
			_exit(2);
	}
	_exit(0);
}

TEST_F(wait, zero_never_sleeps)
{
	EXPECT_EQ(0, sys_enter(self->ring.fd, 0, 0, GETEVENTS, NULL, 0));
	ASSERT_TRUE(park_reads(&self->ring, self->pipe[0], self->byte, 1));
	EXPECT_EQ(0, sys_enter(self->ring.fd, 0, 0, GETEVENTS, NULL, 0));
	EXPECT_EQ(0u, ring_ready(&self->ring));
}

TEST_F(wait, enough_is_there)
{
	ASSERT_TRUE(nops(&self->ring, 5));
	EXPECT_EQ(0, sys_enter(self->ring.fd, 0, 1, GETEVENTS, NULL, 0));
	EXPECT_EQ(0, sys_enter(self->ring.fd, 0, 5, GETEVENTS, NULL, 0));
	EXPECT_EQ(5u, ring_ready(&self->ring));
}

TEST_F(wait, until_one_comes)
{
	pid_t pid;

	ASSERT_TRUE(park_reads(&self->ring, self->pipe[0], self->byte, 1));
	pid = feeder(self->pipe[1], getpid(), 1, 0);
	EXPECT_EQ(0, sys_enter(self->ring.fd, 0, 1, GETEVENTS, NULL, 0));
	EXPECT_EQ(1u, ring_ready(&self->ring));
	EXPECT_EQ(0, reap(pid, WAIT_MS));
}

/* No return before the last of them. */
TEST_F(wait, until_all_come)
{
	pid_t pid;

	ASSERT_TRUE(park_reads(&self->ring, self->pipe[0], self->byte, 5));
	pid = feeder(self->pipe[1], getpid(), 5, 10);
	EXPECT_EQ(0, sys_enter(self->ring.fd, 0, 5, GETEVENTS, NULL, 0));
	EXPECT_EQ(5u, ring_ready(&self->ring));
	EXPECT_EQ(0, reap(pid, WAIT_MS));
}

/* Those that are visible already count. */
TEST_F(wait, rest_comes)
{
	pid_t pid;

	ASSERT_TRUE(nops(&self->ring, 3));
	ASSERT_TRUE(park_reads(&self->ring, self->pipe[0], self->byte, 2));
	pid = feeder(self->pipe[1], getpid(), 2, 10);
	EXPECT_EQ(0, sys_enter(self->ring.fd, 0, 5, GETEVENTS, NULL, 0));
	EXPECT_EQ(5u, ring_ready(&self->ring));
	EXPECT_EQ(0, reap(pid, WAIT_MS));
}

TEST_F(wait, submit_and_wait_in_one_call)
{
	pid_t pid;

	ASSERT_NE(NULL, prep(&self->ring, IORING_OP_READ, self->pipe[0], self->byte, 1, -1));
	ASSERT_TRUE(prep_nop(&self->ring, 1));
	pid = feeder(self->pipe[1], getpid(), 1, 0);
	EXPECT_EQ(2, ring_submit_wait(&self->ring, 2));
	EXPECT_EQ(2u, ring_ready(&self->ring));
	EXPECT_EQ(0, reap(pid, WAIT_MS));
}

TEST_F(wait, timeout)
{
	const struct how how = { .timeout_ns = 50 * 1000000LL };
	long long start = now_ns();

	EXPECT_EQ(-ETIME, wait_how(&self->ring, 1, &how));
	EXPECT_LE(how.timeout_ns, now_ns() - start);
	EXPECT_GT(SOON_MS * 1000000LL, now_ns() - start);
}

TEST_F(wait, zero_timeout_polls)
{
	const struct how how = { .timeout_ns = 0 };
	long start = now_ms();

	EXPECT_EQ(-ETIME, wait_how(&self->ring, 1, &how));
	ASSERT_TRUE(nops(&self->ring, 1));
	EXPECT_EQ(0, wait_how(&self->ring, 1, &how));
	EXPECT_GT(SOON_MS, now_ms() - start);
}

TEST_F(wait, absolute_timeout)
{
	struct how how = { .flags = IORING_ENTER_ABS_TIMER };
	long long start = now_ns();

	how.timeout_ns = start + 50 * 1000000LL;
	EXPECT_EQ(-ETIME, wait_how(&self->ring, 1, &how));
	EXPECT_LE(how.timeout_ns, now_ns());
	EXPECT_GT(SOON_MS * 1000000LL, now_ns() - start);

	/* In the past. */
	start = now_ns();
	how.timeout_ns = 1000;
	EXPECT_EQ(-ETIME, wait_how(&self->ring, 1, &how));
	EXPECT_EQ(-ETIME, wait_how(&self->ring, 1, &how));
	EXPECT_GT(SOON_MS * 1000000LL, now_ns() - start);
}

/* Fields out of range are not refused: the sum is what counts. */
TEST_F(wait, odd_timespecs)
{
	static const struct __kernel_timespec odd[] = {
		{ .tv_sec = -1 },
		{ .tv_nsec = -1 },
		{ .tv_sec = -1, .tv_nsec = 1000000000 },
		{ .tv_nsec = 1000000001 },
		{ .tv_sec = LLONG_MIN },
	};
	struct io_uring_getevents_arg arg = { };
	long start = now_ms();
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(odd); i++) {
		arg.ts = (uintptr_t)&odd[i];
		EXPECT_EQ(-ETIME, sys_enter(self->ring.fd, 0, 1, EXT, &arg, sizeof(arg))) {
			TH_LOG("timespec %u", i);
		}
		EXPECT_EQ(-ETIME, sys_enter(self->ring.fd, 0, 1, EXT | IORING_ENTER_ABS_TIMER,
					    &arg, sizeof(arg))) {
			TH_LOG("timespec %u, absolute", i);
		}
	}
	EXPECT_GT(SOON_MS, now_ms() - start);
}

TEST_F(wait, timeout_unreadable)
{
	struct io_uring_getevents_arg arg = { .ts = 8 };

	EXPECT_EQ(-EFAULT, sys_enter(self->ring.fd, 0, 1, EXT, &arg, sizeof(arg)));
	arg.ts = (uintptr_t)no_access(4096);
	EXPECT_EQ(-EFAULT, sys_enter(self->ring.fd, 0, 1, EXT, &arg, sizeof(arg)));
	EXPECT_TRUE(ring_works(&self->ring));
}

/* Not enough in time, but something: that is success. */
TEST_F(wait, timeout_with_some)
{
	const struct how how = { .timeout_ns = 20 * 1000000LL };
	long long start = now_ns();

	ASSERT_TRUE(nops(&self->ring, 1));
	EXPECT_EQ(0, wait_how(&self->ring, 3, &how));
	EXPECT_LE(how.timeout_ns, now_ns() - start);
	EXPECT_EQ(1u, ring_ready(&self->ring));
}

TEST_F(wait, completion_beats_timeout)
{
	const struct how how = { .timeout_ns = WAIT_MS * 1000000LL };
	long start = now_ms();
	pid_t pid;

	ASSERT_TRUE(park_reads(&self->ring, self->pipe[0], self->byte, 1));
	pid = feeder(self->pipe[1], getpid(), 1, 0);
	EXPECT_EQ(0, wait_how(&self->ring, 1, &how));
	EXPECT_GT(SOON_MS, now_ms() - start);
	EXPECT_EQ(1u, ring_ready(&self->ring));
	EXPECT_EQ(0, reap(pid, WAIT_MS));
}

/* ------------------------------------------------------------------------
 * Two-phase waits
 */

/* Nothing comes: the overall timeout ends it. */
TEST_F(wait, min_wait_nothing)
{
	const struct how how = { .timeout_ns = 60 * 1000000LL, .min_wait_us = 10000 };
	long long start = now_ns();

	EXPECT_EQ(-ETIME, wait_how(&self->ring, 4, &how));
	EXPECT_LE(how.timeout_ns, now_ns() - start);
}

/* Without one there is no second phase. */
TEST_F(wait, min_wait_alone)
{
	const struct how how = { .timeout_ns = -1, .min_wait_us = 20000 };
	long long start = now_ns();

	EXPECT_EQ(-ETIME, wait_how(&self->ring, 4, &how));
	EXPECT_LE(20000000LL, now_ns() - start);
	EXPECT_GT(SOON_MS * 1000000LL, now_ns() - start);
}

/* One is there, four are wanted: back when the first phase is over. */
TEST_F(wait, min_wait_returns_with_some)
{
	const struct how how = { .timeout_ns = WAIT_MS * 1000000LL, .min_wait_us = 50000 };
	long long start;
	pid_t pid;

	ASSERT_TRUE(park_reads(&self->ring, self->pipe[0], self->byte, 4));
	start = now_ns();
	pid = feeder(self->pipe[1], getpid(), 1, 0);
	EXPECT_EQ(0, wait_how(&self->ring, 4, &how));
	EXPECT_LE(how.min_wait_us * 1000LL, now_ns() - start);
	EXPECT_GT(SOON_MS * 1000000LL, now_ns() - start);
	EXPECT_EQ(1u, ring_ready(&self->ring));
	EXPECT_EQ(0, reap(pid, WAIT_MS));
}

/* All of them come in the first phase: no reason to stay. */
TEST_F(wait, min_wait_satisfied_early)
{
	const struct how how = {
		.timeout_ns = 2 * WAIT_MS * 1000000LL,
		.min_wait_us = WAIT_MS * 1000,
	};
	long start = now_ms();
	pid_t pid;

	ASSERT_TRUE(park_reads(&self->ring, self->pipe[0], self->byte, 3));
	pid = feeder(self->pipe[1], getpid(), 3, 0);
	EXPECT_EQ(0, wait_how(&self->ring, 3, &how));
	EXPECT_GT(SOON_MS, now_ms() - start);
	EXPECT_EQ(3u, ring_ready(&self->ring));
	EXPECT_EQ(0, reap(pid, WAIT_MS));
}

/* Nothing in the first phase: then the first one is enough. */
TEST_F(wait, min_wait_second_phase)
{
	const struct how how = { .timeout_ns = WAIT_MS * 1000000LL, .min_wait_us = 10000 };
	long start = now_ms();
	pid_t pid;

	ASSERT_TRUE(park_reads(&self->ring, self->pipe[0], self->byte, 4));
	pid = feeder(self->pipe[1], getpid(), 1, 100);
	EXPECT_EQ(0, wait_how(&self->ring, 4, &how));
	EXPECT_GT(SOON_MS, now_ms() - start);
	EXPECT_EQ(1u, ring_ready(&self->ring));
	EXPECT_EQ(0, reap(pid, WAIT_MS));
}

/* ------------------------------------------------------------------------
 * Signals
 */

static unsigned int handled;

static void on_signal(int sig)
{
	__atomic_fetch_add(&handled, 1, __ATOMIC_RELAXED);
}

static void catch_usr1(void)
{
	struct sigaction sa = { .sa_handler = on_signal };

	sigaction(SIGUSR1, &sa, NULL);
}

/* A process that sends SIGUSR1 to @pid once that waits in the ring. */
static pid_t signaller(pid_t pid)
{
	pid_t child = fork();

	if (child)
		return child;
	_exit(!wait_in_enter(pid, pid) || kill(pid, SIGUSR1));
}

TEST_F(wait, sigmask_size)
{
	static const size_t sizes[] = { 0, 1, 4, 7, 9, 16, 128, SIZE_MAX };
	struct io_uring_getevents_arg arg = { };
	sigset_t mask;
	unsigned int i;

	sigemptyset(&mask);
	arg.sigmask = (uintptr_t)&mask;
	for (i = 0; i < ARRAY_LEN(sizes); i++) {
		EXPECT_EQ(-EINVAL, sys_enter(self->ring.fd, 0, 1, GETEVENTS, &mask, sizes[i])) {
			TH_LOG("size %zu", sizes[i]);
		}
		arg.sigmask_sz = sizes[i];
		EXPECT_EQ(-EINVAL, sys_enter(self->ring.fd, 0, 1, EXT, &arg, sizeof(arg)));
	}
	ASSERT_TRUE(nops(&self->ring, 1));
	EXPECT_EQ(0, sys_enter(self->ring.fd, 0, 1, GETEVENTS, &mask, SIGSET_SIZE));
	/* Without a mask its size does not matter. */
	EXPECT_EQ(0, sys_enter(self->ring.fd, 0, 1, GETEVENTS, NULL, 77));
}

TEST_F(wait, sigmask_unreadable)
{
	struct io_uring_getevents_arg arg = { .sigmask = 8, .sigmask_sz = SIGSET_SIZE };
	struct __kernel_timespec ts = { };

	EXPECT_EQ(-EFAULT, sys_enter(self->ring.fd, 0, 1, GETEVENTS, (void *)8, SIGSET_SIZE));
	arg.ts = (uintptr_t)&ts;
	EXPECT_EQ(-EFAULT, sys_enter(self->ring.fd, 0, 1, EXT, &arg, sizeof(arg)));
	EXPECT_TRUE(ring_works(&self->ring));
}

TEST_F(wait, interrupted)
{
	pid_t pid;

	catch_usr1();
	pid = signaller(getpid());
	EXPECT_EQ(-EINTR, sys_enter(self->ring.fd, 0, 1, GETEVENTS, NULL, 0));
	EXPECT_EQ(1u, handled);
	EXPECT_EQ(0, reap(pid, WAIT_MS));
	EXPECT_TRUE(ring_works(&self->ring));
}

TEST_F(wait, interrupted_with_timeout)
{
	const struct how how = { .timeout_ns = 2 * WAIT_MS * 1000000LL, .min_wait_us = 1000 };
	long start = now_ms();
	pid_t pid;

	catch_usr1();
	pid = signaller(getpid());
	EXPECT_EQ(-EINTR, wait_how(&self->ring, 1, &how));
	EXPECT_GT(WAIT_MS, now_ms() - start);
	EXPECT_EQ(1u, handled);
	EXPECT_EQ(0, reap(pid, WAIT_MS));
}

/* What is there is reported, signal or not. */
TEST_F(wait, interrupted_with_some)
{
	pid_t pid;

	catch_usr1();
	ASSERT_TRUE(nops(&self->ring, 1));
	pid = signaller(getpid());
	EXPECT_EQ(0, sys_enter(self->ring.fd, 0, 2, GETEVENTS, NULL, 0));
	EXPECT_EQ(1u, handled);
	EXPECT_EQ(1u, ring_ready(&self->ring));
	EXPECT_EQ(0, reap(pid, WAIT_MS));
}

/* Blocked by the mask for the time of the call, delivered after it. */
TEST_F(wait, mask_blocks)
{
	struct how how = { .timeout_ns = WAIT_MS * 1000000LL };
	sigset_t mask, after;
	pid_t pid;

	catch_usr1();
	sigemptyset(&mask);
	sigaddset(&mask, SIGUSR1);
	how.mask = &mask;
	ASSERT_TRUE(park_reads(&self->ring, self->pipe[0], self->byte, 1));
	pid = fork();
	if (!pid) {
		if (!wait_in_enter(getppid(), getppid()) || kill(getppid(), SIGUSR1))
			_exit(1);
		/* Not blocked, it would end the wait before there is anything. */
		poll(NULL, 0, 100);
		_exit(write(self->pipe[1], "x", 1) != 1);
	}
	EXPECT_EQ(0, wait_how(&self->ring, 1, &how));
	EXPECT_EQ(1u, ring_ready(&self->ring));
	EXPECT_EQ(1u, handled);
	EXPECT_EQ(0, reap(pid, WAIT_MS));
	/* The old mask is back. */
	ASSERT_EQ(0, sigprocmask(SIG_BLOCK, NULL, &after));
	EXPECT_EQ(0, sigismember(&after, SIGUSR1));
}

/* Blocked outside, let in by the mask: pending ones end the wait at once. */
TEST_F(wait, mask_unblocks)
{
	sigset_t block, empty, after;

	catch_usr1();
	sigemptyset(&empty);
	sigemptyset(&block);
	sigaddset(&block, SIGUSR1);
	ASSERT_EQ(0, sigprocmask(SIG_BLOCK, &block, NULL));
	ASSERT_EQ(0, raise(SIGUSR1));
	EXPECT_EQ(0u, handled);
	EXPECT_EQ(-EINTR, sys_enter(self->ring.fd, 0, 1, GETEVENTS, &empty, SIGSET_SIZE));
	EXPECT_EQ(1u, handled);
	ASSERT_EQ(0, sigprocmask(SIG_BLOCK, NULL, &after));
	EXPECT_EQ(1, sigismember(&after, SIGUSR1));
}

TEST_F(wait, mask_unblocks_while_asleep)
{
	sigset_t block, empty;
	pid_t pid;

	catch_usr1();
	sigemptyset(&empty);
	sigemptyset(&block);
	sigaddset(&block, SIGUSR1);
	ASSERT_EQ(0, sigprocmask(SIG_BLOCK, &block, NULL));
	pid = signaller(getpid());
	EXPECT_EQ(-EINTR, sys_enter(self->ring.fd, 0, 1, GETEVENTS, &empty, SIGSET_SIZE));
	EXPECT_EQ(1u, handled);
	EXPECT_EQ(0, reap(pid, WAIT_MS));
}

/* Work that is done on behalf of the waiter is no signal to it. */
TEST_F(wait, task_work_is_no_signal)
{
	pid_t pid;

	ASSERT_TRUE(park_reads(&self->ring, self->pipe[0], self->byte, 8));
	pid = feeder(self->pipe[1], getpid(), 8, 1);
	EXPECT_EQ(0, sys_enter(self->ring.fd, 0, 8, GETEVENTS, NULL, 0));
	EXPECT_EQ(8u, ring_ready(&self->ring));
	EXPECT_EQ(0, reap(pid, WAIT_MS));
}

/* ------------------------------------------------------------------------
 * DEFER_TASKRUN: completions appear when their owner asks for them
 */

TEST(deferred_until_asked_for)
{
	const char *missing = setup_missing(IORING_SETUP_DEFER_TASKRUN);
	struct ring r;
	int p[2];
	char c;

	if (missing)
		SKIP(return, "kernel lacks %s", missing);
	ASSERT_EQ(0, ring_open(&r, 4, IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN |
			       IORING_SETUP_TASKRUN_FLAG));
	ASSERT_EQ(0, pipe(p));
	ASSERT_TRUE(park_reads(&r, p[0], &c, 1));
	EXPECT_EQ(0u, load(r.sq_flags) & IORING_SQ_TASKRUN);
	ASSERT_EQ(1, write(p[1], "x", 1));
	/* Neither the write nor any other system call posts it. */
	getppid();
	sched_yield();
	EXPECT_EQ(0u, ring_ready(&r));
	EXPECT_EQ((unsigned int)IORING_SQ_TASKRUN, load(r.sq_flags) & IORING_SQ_TASKRUN);
	EXPECT_EQ(POLLIN, poll_fd(r.fd, POLLIN, 0));
	EXPECT_EQ(0, sys_enter(r.fd, 0, 0, 0, NULL, 0));
	EXPECT_EQ(0u, ring_ready(&r));
	EXPECT_EQ(0, ring_flush(&r));
	EXPECT_EQ(1u, ring_ready(&r));
	EXPECT_EQ(0u, load(r.sq_flags) & IORING_SQ_TASKRUN);
	ring_close(&r);
	close(p[0]);
	close(p[1]);
}

/*
 * Who waits for several CQEs is woken for what others may wait for: something happens
 * (@there), while this thread sleeps in enter(), that has to have a consequence (@here)
 * before anything more comes.
 */
FIXTURE(deferred)
{
	struct ring ring;
	int in[2];
	int out[2];
	int sock[2];
	int end[2];	/* the last CQE that is waited for is that of a read here */
	char *buf;
};

#define BUF_SIZE	(4 << 20)

FIXTURE_SETUP(deferred)
{
	const char *missing = setup_missing(IORING_SETUP_DEFER_TASKRUN);

	if (missing)
		SKIP(return, "kernel lacks %s", missing);
	ASSERT_EQ(0, ring_open(&self->ring, 32,
			       IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN));
	ASSERT_EQ(0, pipe(self->in));
	ASSERT_EQ(0, pipe(self->out));
	ASSERT_EQ(0, pipe(self->end));
	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, self->sock));
	self->buf = pages(BUF_SIZE);
	ASSERT_NE(NULL, self->buf);
	prep(&self->ring, IORING_OP_READ, self->end[0], self->buf, 1, -1)->user_data = 99;
}

FIXTURE_TEARDOWN(deferred)
{
	unsigned int i;

	ring_close(&self->ring);
	for (i = 0; i < 2; i++) {
		close(self->in[i]);
		close(self->out[i]);
		close(self->sock[i]);
		close(self->end[i]);
	}
	munmap(self->buf, BUF_SIZE);
}

/* What another process does, and looks for: whether it was there in time */
typedef bool (*deferred_fn)(struct _test_data_deferred *self);

/* Submit and wait for @min, while another process does @there: its exit status */
static int wait_while(struct _test_data_deferred *self, unsigned int min, deferred_fn there)
{
	pid_t pid = fork();
	bool here;

	if (!pid) {
		close(self->out[1]);
		close(self->sock[1]);
		if (!wait_in_enter(getppid(), getppid()))
			_exit(2);
		here = there(self);
		if (write(self->end[1], "xx", 2) != 2)
			_exit(3);
		_exit(!here);
	}
	ring_submit(&self->ring);
	ring_enter_wait(&self->ring, min, 2 * WAIT_MS);
	return reap(pid, WAIT_MS);
}

static bool write_in(struct _test_data_deferred *self)
{
	return write(self->in[1], "x", 1) == 1;
}

static int bytes_in(int fd)
{
	int nr;

	return ioctl(fd, FIONREAD, &nr) ? -1 : nr;
}

/* Does this come, by and by? */
#define COMES(what) ({							\
	long end = now_ms() + SOON_MS;					\
	bool comes;							\
									\
	while (!(comes = (what)) && now_ms() < end)			\
		nap();							\
	comes;								\
})

static bool read_is_carried_out(struct _test_data_deferred *self)
{
	return write_in(self) && COMES(!bytes_in(self->in[0]));
}

/* It has no CQE, so it is not one of two. */
TEST_F(deferred, hidden)
{
	int status;

	prep(&self->ring, IORING_OP_READ, self->in[0], self->buf, 1, -1)->flags =
		IOSQE_CQE_SKIP_SUCCESS;
	prep(&self->ring, IORING_OP_READ, self->end[0], self->buf, 1, -1);
	status = wait_while(self, 2, read_is_carried_out);
	if (status == 1 << 8 && untouched())
		SKIP(return, "this kernel reads it later");
	EXPECT_EQ(0, status);
	EXPECT_EQ(2u, ring_ready(&self->ring));
}

static bool close_is_seen(struct _test_data_deferred *self)
{
	return write_in(self) && poll_fd(self->out[0], POLLIN, SOON_MS) == POLLHUP;
}

/* The last reference to a file goes when it is closed, not when the wait is over. */
TEST_F(deferred, close)
{
	int status;

	prep(&self->ring, IORING_OP_READ, self->in[0], self->buf, 1, -1)->flags = IOSQE_IO_LINK;
	prep(&self->ring, IORING_OP_CLOSE, self->out[1], NULL, 0, 0);
	status = wait_while(self, 3, close_is_seen);
	if (status == 1 << 8 && untouched())
		SKIP(return, "this kernel closes it later");
	EXPECT_EQ(0, status);
	EXPECT_EQ(3u, ring_ready(&self->ring));
	self->out[1] = dup(self->in[1]);
}

static bool write_is_carried_out(struct _test_data_deferred *self)
{
	long size = fcntl(self->out[0], F_GETPIPE_SZ);
	ssize_t nr;

	/* What it is full of, and then what was to be written */
	while (size > 0) {
		nr = read(self->out[0], self->buf, size);
		if (nr <= 0)
			return false;
		size -= nr;
	}
	return poll_fd(self->out[0], POLLIN, SOON_MS) & POLLIN;
}

/* What a request gives somebody may be waiting for. */
TEST_F(deferred, write)
{
	long size = fcntl(self->out[0], F_GETPIPE_SZ);
	int status;

	ASSERT_LT(0, size);
	ASSERT_EQ(size, write(self->out[1], self->buf, size));
	prep(&self->ring, IORING_OP_WRITE, self->out[1], self->buf, 1, -1);
	status = wait_while(self, 2, write_is_carried_out);
	if (status == 1 << 8 && untouched())
		SKIP(return, "this kernel writes it later");
	EXPECT_EQ(0, status);
}

static bool all_is_sent(struct _test_data_deferred *self)
{
	struct timeval limit = { .tv_sec = SOON_MS / 1000 };

	setsockopt(self->sock[0], SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	return send(self->sock[0], self->buf, BUF_SIZE, MSG_NOSIGNAL) == BUF_SIZE;
}

/* Who sends the rest waits for the first part to be taken. */
TEST_F(deferred, recv_all)
{
	int status;

	prep(&self->ring, IORING_OP_RECV, self->sock[1], self->buf, BUF_SIZE, 0)->msg_flags =
		MSG_WAITALL;
	status = wait_while(self, 2, all_is_sent);
	if (status == 1 << 8 && untouched())
		SKIP(return, "this kernel takes it later");
	EXPECT_EQ(0, status);
}

/* Register a buffer or a file with a tag */
static int set_tagged(struct ring *r, unsigned int opcode, const void *data)
{
	__u64 tag = 5;
	struct io_uring_rsrc_register reg = {
		.nr = 1, .data = (uintptr_t)data, .tags = (uintptr_t)&tag,
	};

	return sys_register(r->fd, opcode, &reg, sizeof(reg));
}

/* Empty its slot, while a request uses it: the tag comes with that one's end */
static int unset_tagged(struct ring *r, unsigned int opcode, const void *data)
{
	struct io_uring_rsrc_update2 up = { .data = (uintptr_t)data, .nr = 1 };

	return sys_register(r->fd, opcode, &up, sizeof(up));
}

static bool wait_is_over(struct _test_data_deferred *self)
{
	return write_in(self) && COMES(!in_enter(getppid(), getppid()));
}

/* The end of a request leads to two CQEs, if it was the last to use a buffer. */
TEST_F(deferred, tag_of_buffer)
{
	struct iovec iov = { self->buf, 4096 }, none = { NULL, 0 };
	struct ring *r = &self->ring;
	int status;

	ASSERT_EQ(0, set_tagged(r, IORING_REGISTER_BUFFERS2, &iov));
	prep(r, IORING_OP_READ_FIXED, self->in[0], self->buf, 1, -1);
	ASSERT_EQ(2, ring_submit(r));
	ASSERT_EQ(1, unset_tagged(r, IORING_REGISTER_BUFFERS_UPDATE, &none));
	status = wait_while(self, 2, wait_is_over);
	if (status == 1 << 8 && untouched())
		SKIP(return, "this kernel waits on");
	EXPECT_EQ(0, status);
}

TEST_F(deferred, tag_of_file)
{
	struct ring *r = &self->ring;
	struct io_uring_sqe *sqe;
	int status, none = -1;

	ASSERT_EQ(0, set_tagged(r, IORING_REGISTER_FILES2, &self->in[0]));
	sqe = prep(r, IORING_OP_READ, 0, self->buf, 1, -1);
	sqe->flags = IOSQE_FIXED_FILE;
	ASSERT_EQ(2, ring_submit(r));
	ASSERT_EQ(1, unset_tagged(r, IORING_REGISTER_FILES_UPDATE2, &none));
	status = wait_while(self, 2, wait_is_over);
	if (status == 1 << 8 && untouched())
		SKIP(return, "this kernel waits on");
	EXPECT_EQ(0, status);
}

/* But for what is worth one CQE and nothing else it sleeps on, until there are enough. */
TEST_F(deferred, sleeps_until_all_are_there)
{
	struct rusage before, after;
	int p[16][2];
	unsigned int i;
	pid_t pid;

	for (i = 0; i < ARRAY_LEN(p); i++) {
		ASSERT_EQ(0, pipe(p[i]));
		prep(&self->ring, IORING_OP_READ, p[i][0], self->buf + i, 1, -1);
	}
	ASSERT_EQ(17, ring_submit(&self->ring));
	pid = fork();
	if (!pid) {
		if (!wait_in_enter(getppid(), getppid()))
			_exit(1);
		for (i = 0; i < ARRAY_LEN(p); i++) {
			nap();
			if (write(p[i][1], "x", 1) != 1)
				_exit(2);
		}
		_exit(0);
	}
	getrusage(RUSAGE_THREAD, &before);
	EXPECT_EQ(0, ring_enter_wait(&self->ring, ARRAY_LEN(p), WAIT_MS));
	getrusage(RUSAGE_THREAD, &after);
	EXPECT_GT(5, after.ru_nvcsw - before.ru_nvcsw);
	EXPECT_EQ(16u, ring_ready(&self->ring));
	EXPECT_EQ(0, reap(pid, WAIT_MS));
	for (i = 0; i < ARRAY_LEN(p); i++) {
		close(p[i][0]);
		close(p[i][1]);
	}
}

/* ------------------------------------------------------------------------
 * Several waiters
 */

struct waiter {
	pthread_t thread;
	struct ring *ring;
	unsigned int min;
	pid_t tid;
	int ret;
	int done[2];	/* a byte comes when the wait is over */
};

static void *waiter_thread(void *arg)
{
	struct waiter *w = arg;

	__atomic_store_n(&w->tid, syscall(SYS_gettid), __ATOMIC_RELEASE);
	w->ret = sys_enter(w->ring->fd, 0, w->min, GETEVENTS, NULL, 0);
	if (write(w->done[1], "d", 1) != 1)
		w->ret = -EPIPE;
	return NULL;
}

/* Start a waiter for @min and see it asleep. */
static bool start_waiter(struct waiter *w, struct ring *r, unsigned int min)
{
	pid_t tid;

	memset(w, 0, sizeof(*w));
	w->ring = r;
	w->min = min;
	if (pipe(w->done) || pthread_create(&w->thread, NULL, waiter_thread, w))
		return false;
	while (!(tid = __atomic_load_n(&w->tid, __ATOMIC_ACQUIRE)))
		sched_yield();
	return wait_in_enter(getpid(), tid);
}

static bool is_done(struct waiter *w, int ms)
{
	return poll_fd(w->done[0], POLLIN, ms) == POLLIN;
}

/* One CQE is enough for the one that wants one, though the other came first. */
TEST(two_waiters)
{
	struct waiter two, one;
	struct ring r;

	ASSERT_EQ(0, ring_open(&r, 8, 0));
	ASSERT_TRUE(start_waiter(&two, &r, 2));
	ASSERT_TRUE(start_waiter(&one, &r, 1));

	ASSERT_TRUE(nops(&r, 1));
	EXPECT_TRUE(is_done(&one, WAIT_MS));
	EXPECT_FALSE(is_done(&two, 100));

	ASSERT_TRUE(nops(&r, 1));
	EXPECT_TRUE(is_done(&two, WAIT_MS));
	EXPECT_TRUE(is_done(&one, WAIT_MS));
	ASSERT_EQ(0, pthread_join(one.thread, NULL));
	ASSERT_EQ(0, pthread_join(two.thread, NULL));
	EXPECT_EQ(0, one.ret);
	EXPECT_EQ(0, two.ret);
	ring_close(&r);
}

/* Whatever the order they came in, each is woken when its own count is met. */
TEST(waiters_with_rising_counts)
{
	static const unsigned int min[] = { 3, 1, 4, 2 };
	struct waiter w[ARRAY_LEN(min)];
	unsigned int i, posted;
	struct ring r;

	ASSERT_EQ(0, ring_open(&r, 8, 0));
	for (i = 0; i < ARRAY_LEN(min); i++)
		ASSERT_TRUE(start_waiter(&w[i], &r, min[i]));
	for (posted = 1; posted <= ARRAY_LEN(min); posted++) {
		ASSERT_TRUE(nops(&r, 1));
		for (i = 0; i < ARRAY_LEN(min); i++) {
			EXPECT_EQ(min[i] <= posted, is_done(&w[i], min[i] <= posted ? 2000 : 20)) {
				TH_LOG("%u posted, waiter for %u", posted, min[i]);
			}
		}
	}
	for (i = 0; i < ARRAY_LEN(min); i++) {
		ASSERT_EQ(0, pthread_join(w[i].thread, NULL));
		EXPECT_EQ(0, w[i].ret);
	}
	ring_close(&r);
}

/* The head is taken when the wait begins: reaping by others does not prolong it. */
TEST(count_is_relative_to_entry)
{
	struct io_uring_cqe cqe;
	struct waiter w;
	struct ring r;

	ASSERT_EQ(0, ring_open(&r, 8, 0));
	ASSERT_TRUE(start_waiter(&w, &r, 2));
	ASSERT_TRUE(nops(&r, 1));
	ASSERT_TRUE(ring_reap(&r, &cqe));
	EXPECT_FALSE(is_done(&w, 50));
	ASSERT_TRUE(nops(&r, 1));
	EXPECT_TRUE(is_done(&w, 2000));
	ASSERT_EQ(0, pthread_join(w.thread, NULL));
	EXPECT_EQ(0, w.ret);
	ring_close(&r);
}

/* ------------------------------------------------------------------------
 * SIGKILL ends any wait
 */

TEST_F(wait, killable)
{
	static const struct {
		unsigned int min;
		bool parked;
		struct how how;
	} t[] = {
		{ 1, false, { .timeout_ns = -1 } },
		{ INT_MAX, true, { .timeout_ns = -1 } },
		{ 1, true, { .timeout_ns = 3600 * 1000000000LL } },
		{ 2, true, { .timeout_ns = 3600 * 1000000000LL, .min_wait_us = 1000 } },
		{ 2, false, { .timeout_ns = -1, .min_wait_us = UINT_MAX } },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(t); i++) {
		pid_t pid = fork_detached();

		if (!pid) {
			struct how how = t[i].how;
			sigset_t all;
			struct ring r;

			sigfillset(&all);
			how.mask = &all;
			if (ring_open(&r, 4, variant->setup))
				_exit(1);
			if (t[i].parked && !park_reads(&r, self->pipe[0], self->byte, 1))
				_exit(2);
			_exit(100 - wait_how(&r, t[i].min, &how));
		}
		EXPECT_TRUE(wait_in_enter(pid, pid)) {
			TH_LOG("wait %u", i);
		}
		EXPECT_TRUE(kill_ends(pid, WAIT_MS)) {
			TH_LOG("wait %u", i);
		}
	}
	EXPECT_TRUE(fresh_ring_works());
}

TEST_HARNESS_MAIN
