// SPDX-License-Identifier: GPL-2.0
/*
 * SYNC_CANCEL: cancels like ASYNC_CANCEL, and returns when what it found has ended.
 */
#include "wait_test.h"

#include <linux/userfaultfd.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/time.h>

#include "../kselftest_harness.h"

#define ALL	IORING_ASYNC_CANCEL_ALL
#define ANY	IORING_ASYNC_CANCEL_ANY
#define FD	IORING_ASYNC_CANCEL_FD
#define FIXED	IORING_ASYNC_CANCEL_FD_FIXED
#define UDATA	IORING_ASYNC_CANCEL_USERDATA
#define OP	IORING_ASYNC_CANCEL_OP

FIXTURE(sync_cancel)
{
	struct ring ring;
	int pipe[2];
	int other[2];
	struct log log;
	char c;
};

FIXTURE_VARIANT(sync_cancel)
{
	unsigned int setup;
};

FIXTURE_VARIANT_ADD(sync_cancel, plain) {
	.setup = 0,
};

FIXTURE_VARIANT_ADD(sync_cancel, coop) {
	.setup = SETUP_COOP,
};

FIXTURE_VARIANT_ADD(sync_cancel, defer) {
	.setup = SETUP_DEFER,
};

FIXTURE_VARIANT_ADD(sync_cancel, sqpoll) {
	.setup = IORING_SETUP_SQPOLL,
};

FIXTURE_SETUP(sync_cancel)
{
	const char *missing = setup_missing(variant->setup);

	if (missing)
		SKIP(return, "kernel lacks %s", missing);
	self->log.nr = 0;
	ASSERT_EQ(0, ring_open(&self->ring, 64, variant->setup));
	ASSERT_EQ(0, pipe(self->pipe));
	ASSERT_EQ(0, pipe(self->other));
}

FIXTURE_TEARDOWN(sync_cancel)
{
	ring_close(&self->ring);
	close(self->pipe[0]);
	close(self->pipe[1]);
	close(self->other[0]);
	close(self->other[1]);
}

#define PUT(user_data, sqe_flags, sqe)					\
	ASSERT_TRUE(queue(&self->ring, user_data, sqe_flags, sqe))

#define READ(fds)	sqe_read((fds)[0], &self->c, 1)

/* Submit what was put, and have an SQPOLL thread take it. */
#define TAKEN(count)	do {						\
	SUBMIT(count);							\
	while (load(self->ring.sq_head) != self->ring.next)		\
		nap();							\
} while (0)

#define NO_LIMIT	{ .tv_sec = -1, .tv_nsec = -1 }

static struct io_uring_sync_cancel_reg reg(__u64 user_data, unsigned int flags)
{
	return (struct io_uring_sync_cancel_reg) {
		.addr = user_data,
		.flags = flags,
		.fd = -1,
		.timeout = NO_LIMIT,
	};
}

static struct io_uring_sync_cancel_reg reg_fd(int fd, unsigned int flags)
{
	struct io_uring_sync_cancel_reg sc = reg(0, flags | FD);

	sc.fd = fd;
	return sc;
}

static struct io_uring_sync_cancel_reg reg_op(__u8 opcode, unsigned int flags)
{
	struct io_uring_sync_cancel_reg sc = reg(0, flags | OP);

	sc.opcode = opcode;
	return sc;
}

static int sync_cancel(struct ring *r, struct io_uring_sync_cancel_reg sc)
{
	return sys_register(r->fd, IORING_REGISTER_SYNC_CANCEL, &sc, 1);
}

TEST_F(sync_cancel, arguments)
{
	struct io_uring_sync_cancel_reg sc = reg(1, 0);
	struct ring *r = &self->ring;
	unsigned int i;

	EXPECT_EQ(-EINVAL, sys_register(r->fd, IORING_REGISTER_SYNC_CANCEL, NULL, 1));
	EXPECT_EQ(-EINVAL, sys_register(r->fd, IORING_REGISTER_SYNC_CANCEL, &sc, 0));
	EXPECT_EQ(-EINVAL, sys_register(r->fd, IORING_REGISTER_SYNC_CANCEL, &sc, 2));
	EXPECT_EQ(-EFAULT, sys_register(r->fd, IORING_REGISTER_SYNC_CANCEL, no_access(4096), 1));
	for (i = 6; i < 32; i++)
		EXPECT_EQ(-EINVAL, sync_cancel(r, reg(1, 1u << i)));
	for (i = 0; i < sizeof(sc.pad); i++) {
		sc = reg(1, 0);
		sc.pad[i] = 1;
		EXPECT_EQ(-EINVAL, sync_cancel(r, sc));
	}
	for (i = 0; i < ARRAY_LEN(sc.pad2); i++) {
		sc = reg(1, 0);
		sc.pad2[i] = 1ull << 63;
		EXPECT_EQ(-EINVAL, sync_cancel(r, sc));
	}
	EXPECT_EQ(-EBADF, sync_cancel(r, reg_fd(-1, 0)));
	EXPECT_EQ(-EBADF, sync_cancel(r, reg_fd(1000, ALL)));
	EXPECT_EQ(-EBADF, sync_cancel(r, reg_fd(0, FIXED)));
	ASSERT_EQ(0, sys_register(r->fd, IORING_REGISTER_FILES, self->pipe, 1));
	EXPECT_EQ(-EBADF, sync_cancel(r, reg_fd(1, FIXED)));
	/* Without FD the fd means nothing; an opcode may be one that is not there. */
	sc = reg(1, 0);
	sc.fd = 1000;
	EXPECT_EQ(-ENOENT, sync_cancel(r, sc));
	EXPECT_EQ(-ENOENT, sync_cancel(r, reg_op(255, 0)));
	EXPECT_TRUE(ring_works(r));
}

TEST_F(sync_cancel, nothing_there)
{
	struct ring *r = &self->ring;

	EXPECT_EQ(-ENOENT, sync_cancel(r, reg(1, 0)));
	EXPECT_EQ(0, sync_cancel(r, reg(1, ALL)));
	EXPECT_EQ(0, sync_cancel(r, reg(1, ANY)));
	EXPECT_EQ(-ENOENT, sync_cancel(r, reg_fd(self->pipe[0], 0)));
	EXPECT_EQ(0, sync_cancel(r, reg_fd(self->pipe[0], ALL)));
	EXPECT_EQ(-ENOENT, sync_cancel(r, reg_op(IORING_OP_READ, 0)));
	PUT(1, 0, READ(self->pipe));
	TAKEN(1);
	EXPECT_EQ(-ENOENT, sync_cancel(r, reg(2, 0)));
	EXPECT_EQ(-ENOENT, sync_cancel(r, reg_fd(self->other[0], 0)));
	EXPECT_EQ(-ENOENT, sync_cancel(r, reg_op(IORING_OP_WRITE, 0)));
	EXPECT_TRUE(ring_quiet(r));
}

/* Everything that waits, one by one. The CQE is there when the call returns. */
TEST_F(sync_cancel, parked)
{
	struct __kernel_timespec ts = TS_NEVER;
	struct ring *r = &self->ring;
	unsigned int i;

	PUT(1, 0, READ(self->pipe));
	PUT(2, 0, sqe_poll(self->pipe[0], POLLIN));
	PUT(3, 0, sqe_poll_multi(self->pipe[0], POLLIN));
	PUT(4, 0, sqe_timeout(&ts, 0, 0));
	PUT(5, 0, sqe_timeout(&ts, IORING_TIMEOUT_MULTISHOT | IORING_TIMEOUT_ETIME_SUCCESS, 0));
	TAKEN(5);
	for (i = 1; i <= 5; i++) {
		EXPECT_EQ(0, sync_cancel(r, reg(i, 0)));
		EXPECT_EQ(i, ring_ready(r));
		EXPECT_EQ(-ENOENT, sync_cancel(r, reg(i, 0)));
	}
	GET(5);
	for (i = 1; i <= 5; i++)
		EXPECT_EQ(-ECANCELED, RES(i));
}

TEST_F(sync_cancel, by_user_data)
{
	struct ring *r = &self->ring;
	unsigned int i;

	for (i = 0; i < 5; i++)
		PUT(1, 0, READ(self->pipe));
	PUT(2, 0, READ(self->pipe));
	TAKEN(6);
	EXPECT_EQ(0, sync_cancel(r, reg(1, 0)));
	EXPECT_EQ(1u, ring_ready(r));
	EXPECT_EQ(0, sync_cancel(r, reg(1, UDATA)));
	EXPECT_EQ(2u, ring_ready(r));
	EXPECT_EQ(3, sync_cancel(r, reg(1, ALL)));
	EXPECT_EQ(0, sync_cancel(r, reg(1, ALL)));
	GET(5);
	EXPECT_EQ(1, sync_cancel(r, reg(2, ALL | UDATA)));
	GET(6);
}

TEST_F(sync_cancel, by_file)
{
	struct ring *r = &self->ring;
	unsigned int i;
	int fd;

	ASSERT_EQ(0, sys_register(r->fd, IORING_REGISTER_FILES, self->pipe, 1));
	for (i = 1; i <= 4; i++) {
		PUT(i, 0, READ(self->pipe));
		PUT(10 + i, 0, READ(self->other));
	}
	PUT(5, IOSQE_FIXED_FILE, sqe_read(0, &self->c, 1));
	TAKEN(9);
	EXPECT_EQ(0, sync_cancel(r, reg_fd(self->pipe[0], 0)));
	EXPECT_EQ(1u, ring_ready(r));
	/* The same file by other numbers */
	fd = dup(self->pipe[0]);
	EXPECT_EQ(0, sync_cancel(r, reg_fd(fd, 0)));
	close(fd);
	EXPECT_EQ(3, sync_cancel(r, reg_fd(0, FIXED | ALL)));
	GET(5);
	EXPECT_EQ(4, sync_cancel(r, reg_fd(self->other[0], ALL)));
	GET(9);
}

/* A fixed file that it was told to look for is not kept. */
TEST_F(sync_cancel, keeps_no_fixed_file)
{
	struct ring *r = &self->ring;
	char c;

	ASSERT_EQ(0, sys_register(r->fd, IORING_REGISTER_FILES, &self->pipe[1], 1));
	EXPECT_EQ(-ENOENT, sync_cancel(r, reg_fd(0, FIXED)));
	EXPECT_EQ(0, sync_cancel(r, reg_fd(0, FIXED | ALL)));
	close(self->pipe[1]);
	self->pipe[1] = -1;
	ASSERT_EQ(0, sys_register(r->fd, IORING_UNREGISTER_FILES, NULL, 0));
	ASSERT_NE(0, POLLHUP & poll_fd(self->pipe[0], POLLIN, WAIT_MS));
	EXPECT_EQ(0, read(self->pipe[0], &c, 1));
}

/* All keys have to match. */
TEST_F(sync_cancel, keys)
{
	struct io_uring_sync_cancel_reg sc;
	struct ring *r = &self->ring;

	PUT(1, 0, READ(self->pipe));
	PUT(1, 0, READ(self->other));
	PUT(2, 0, READ(self->pipe));
	PUT(1, 0, sqe_poll(self->pipe[0], POLLIN));
	TAKEN(4);
	sc = reg_fd(self->pipe[0], UDATA | OP | ALL);
	sc.addr = 3;
	sc.opcode = IORING_OP_READ;
	EXPECT_EQ(0, sync_cancel(r, sc));
	sc.addr = 1;
	EXPECT_EQ(1, sync_cancel(r, sc));
	GET(1);
	sc.flags = FD | UDATA | ALL;
	EXPECT_EQ(1, sync_cancel(r, sc));
	GET(2);
	EXPECT_EQ(2, sync_cancel(r, reg_op(IORING_OP_READ, ALL)));
	GET(4);
}

TEST_F(sync_cancel, any)
{
	struct __kernel_timespec ts = TS_NEVER;
	struct ring *r = &self->ring;

	PUT(1, 0, READ(self->pipe));
	PUT(2, 0, sqe_poll_multi(self->other[0], POLLIN));
	PUT(3, 0, sqe_timeout(&ts, 0, 0));
	TAKEN(3);
	EXPECT_EQ(3, sync_cancel(r, reg(77, ANY)));
	EXPECT_EQ(3u, ring_ready(r));
	GET(3);
	EXPECT_EQ(0, sync_cancel(r, reg(77, ANY)));
}

/* It severs its chain, and the members are ended when the call returns. */
TEST_F(sync_cancel, chain)
{
	PUT(1, IOSQE_IO_LINK, READ(self->pipe));
	PUT(2, IOSQE_IO_LINK, sqe_nop());
	PUT(3, 0, sqe_nop());
	TAKEN(3);
	EXPECT_EQ(-ENOENT, sync_cancel(&self->ring, reg(2, 0)));
	EXPECT_EQ(0, sync_cancel(&self->ring, reg(1, 0)));
	EXPECT_EQ(3u, ring_ready(&self->ring));
	GET(3);
	EXPECT_TRUE(log_in_order(&self->log));
	EXPECT_EQ(-ECANCELED, RES(1));
	EXPECT_EQ(-ECANCELED, RES(3));
}

/* What a worker does is interrupted, and has ended when the call returns. */
TEST_F(sync_cancel, running)
{
	static const __u64 almost = ULLONG_MAX - 2, five = 5;
	int efd = eventfd(0, EFD_CLOEXEC);
	struct ring *r = &self->ring;
	unsigned int round;
	int ret;

	ASSERT_EQ(8, write(efd, &almost, 8));
	for (round = 1; round <= 10; round++) {
		PUT(round, IOSQE_ASYNC, sqe_write(efd, &five, 8));
		TAKEN(1);
		if (round % 2)
			nap();
		ret = sync_cancel(r, round % 3 ? reg(round, 0) : reg_fd(efd, 0));
		EXPECT_EQ(0, ret);
		EXPECT_EQ(1u, ring_ready(r));
		GET(round);
		EXPECT_TRUE(RES(round) == -ECANCELED || RES(round) == -EINTR) {
			TH_LOG("res %d", RES(round));
		}
	}
	close(efd);
}

#define SPLICE	sqe_splice(self->pipe[0], self->other[1])

/* 6.12 does not count what workers have begun with. */
static bool found_all(int ret, int nr)
{
	return ret == nr || (untouched() && ret >= 0 && ret < nr);
}

/* The same for all of them: who frees their buffers afterwards does no harm. */
TEST_F(sync_cancel, all_running)
{
	struct ring *r = &self->ring;
	unsigned int round, i;
	int ret;

	for (round = 0; round < 10; round++) {
		self->log.nr = 0;
		for (i = 0; i < 4; i++)
			PUT(i < 2 ? 0 : i, 0, SPLICE);
		TAKEN(4);
		if (round % 2)
			nap();
		EXPECT_TRUE(found_all(sync_cancel(r, reg(0, ALL)), 2));
		EXPECT_EQ(2u, ring_ready(r));
		ret = sync_cancel(r, round % 3 ? reg(0, ANY) : reg_op(IORING_OP_SPLICE, ALL));
		EXPECT_TRUE(found_all(ret, 2)) {
			TH_LOG("%d", ret);
		}
		EXPECT_EQ(4u, ring_ready(r));
		GET(4);
		for (i = 0; i < 4; i++)
			EXPECT_TRUE(self->log.cqe[i].res == -ECANCELED ||
				    self->log.cqe[i].res == -EINTR) {
				TH_LOG("res %d", self->log.cqe[i].res);
			}
	}
}

/* Some end at once, some run, some wait for a worker: when it returns all have ended. */
TEST_F(sync_cancel, all_kinds)
{
	unsigned int max[2] = { 1, 1 }, i;
	struct ring *r = &self->ring;

	ASSERT_EQ(0, sys_register(r->fd, IORING_REGISTER_IOWQ_MAX_WORKERS, max, 2));
	for (i = 1; i <= 3; i++) {
		PUT(i, 0, SPLICE);
		PUT(10 + i, 0, READ(self->other));
	}
	TAKEN(6);
	EXPECT_TRUE(ring_quiet(r));
	EXPECT_TRUE(found_all(sync_cancel(r, reg(0, ANY)), 6));
	EXPECT_EQ(6u, ring_ready(r));
	EXPECT_EQ(0, sync_cancel(r, reg(0, ANY)));
	GET(6);
	EXPECT_TRUE(ring_works(r));
}

/* ------------------------------------------------------------------------
 * What does not end when it is told to: a worker that waits for memory
 */

/* A page that nobody provides until @uffd is closed. */
static char *absent_page(int *uffd)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register reg = { .mode = UFFDIO_REGISTER_MODE_MISSING };
	char *page = pages(4096);

	*uffd = syscall(__NR_userfaultfd, O_CLOEXEC | O_NONBLOCK);
	if (*uffd < 0)
		return NULL;
	reg.range.start = (uintptr_t)page;
	reg.range.len = 4096;
	if (ioctl(*uffd, UFFDIO_API, &api) || ioctl(*uffd, UFFDIO_REGISTER, &reg))
		return NULL;
	return page;
}

static bool fault_came(int uffd)
{
	return poll_fd(uffd, POLLIN, WAIT_MS) & POLLIN;
}

static void on_alarm(int sig)
{
}

TEST_F(sync_cancel, gives_up)
{
	struct itimerval soon = { .it_value.tv_usec = 20000, .it_interval.tv_usec = 20000 };
	struct itimerval off = { 0 };
	struct sigaction sa = { .sa_handler = on_alarm };
	struct io_uring_sync_cancel_reg sc = reg(1, 0);
	struct ring *r = &self->ring;
	int uffd, file;
	char *page;
	long start;

	page = absent_page(&uffd);
	if (!page)
		SKIP(return, "no userfaultfd (%s)", strerror(errno));
	file = tmp_file(NULL, 0);
	ASSERT_LE(0, file);
	PUT(1, IOSQE_ASYNC, sqe_write(file, page, 1));
	TAKEN(1);
	ASSERT_TRUE(fault_came(uffd));

	/* A time */
	sc.timeout.tv_sec = 0;
	sc.timeout.tv_nsec = 30000000;
	start = now_ms();
	EXPECT_EQ(-ETIME, sync_cancel(r, sc));
	EXPECT_LE(29, now_ms() - start);
	sc.timeout.tv_nsec = 0;
	EXPECT_EQ(-ETIME, sync_cancel(r, sc));
	/* Of only these two together it is said that there is no limit */
	sc.timeout.tv_sec = -1;
	EXPECT_EQ(-ETIME, sync_cancel(r, sc));
	sc.timeout.tv_sec = 0;
	sc.timeout.tv_nsec = -1;
	EXPECT_EQ(-ETIME, sync_cancel(r, sc));
	/* A signal */
	sigaction(SIGALRM, &sa, NULL);
	setitimer(ITIMER_REAL, &soon, NULL);
	EXPECT_EQ(-EINTR, sync_cancel(r, reg(1, 0)));
	setitimer(ITIMER_REAL, &off, NULL);
	/* The same with ALL. */
	sc.flags = ALL;
	EXPECT_EQ(-ETIME, sync_cancel(r, sc));
	sc.flags = 0;
	EXPECT_EQ(0u, ring_ready(r));

	/* It ends by itself, with whatever. */
	close(uffd);
	GET(1);
	EXPECT_EQ(-ENOENT, sync_cancel(r, sc));
	close(file);
}

struct closer {
	int uffd;
};

static void *close_later(void *arg)
{
	struct closer *c = arg;

	poll(NULL, 0, 3 * QUIET_MS);
	close(c->uffd);
	return NULL;
}

/* Without a limit it waits as long as it takes. */
TEST_F(sync_cancel, waits)
{
	struct ring *r = &self->ring;
	pthread_t thread;
	struct closer c;
	char *page;
	int file;

	page = absent_page(&c.uffd);
	if (!page)
		SKIP(return, "no userfaultfd (%s)", strerror(errno));
	file = tmp_file(NULL, 0);
	ASSERT_LE(0, file);
	PUT(1, IOSQE_ASYNC, sqe_write(file, page, 1));
	TAKEN(1);
	ASSERT_TRUE(fault_came(c.uffd));
	ASSERT_EQ(0, pthread_create(&thread, NULL, close_later, &c));
	EXPECT_EQ(0, sync_cancel(r, reg(1, 0)));
	/* In 6.12 it is gone from the pool, and its CQE on its way. */
	GET(1);
	ASSERT_EQ(0, pthread_join(thread, NULL));
	close(file);
}

/* ------------------------------------------------------------------------
 * Others
 */

struct canceller {
	struct ring *ring;
	int result;
};

static void *cancel_it(void *arg)
{
	struct canceller *c = arg;

	c->result = sync_cancel(c->ring, reg(1, 0));
	return NULL;
}

/* Another thread cancels; that of a ring with one issuer may not. */
TEST_F(sync_cancel, from_a_thread)
{
	struct canceller c = { .ring = &self->ring };
	pthread_t thread;

	PUT(1, 0, READ(self->pipe));
	TAKEN(1);
	ASSERT_EQ(0, pthread_create(&thread, NULL, cancel_it, &c));
	ASSERT_EQ(0, pthread_join(thread, NULL));
	if (variant->setup & IORING_SETUP_SINGLE_ISSUER) {
		EXPECT_EQ(-EEXIST, c.result);
		EXPECT_TRUE(ring_quiet(&self->ring));
	} else {
		EXPECT_EQ(0, c.result);
		GET(1);
		EXPECT_EQ(-ECANCELED, RES(1));
	}
}

/* Who waits can be killed, also while somebody else is stuck with the ring. */
TEST(killed_while_locked)
{
	struct stuck_lock stuck;
	struct ring r;
	int uffd, file;
	char *page;
	pid_t pid;

	page = absent_page(&uffd);
	if (!page)
		SKIP(return, "no userfaultfd (%s)", strerror(errno));
	file = tmp_file(NULL, 0);
	ASSERT_LE(0, file);
	ASSERT_EQ(0, ring_open(&r, 8, 0));
	ASSERT_TRUE(queue(&r, 1, IOSQE_ASYNC, sqe_write(file, page, 1)));
	ASSERT_EQ(1, ring_submit(&r));
	ASSERT_TRUE(fault_came(uffd));
	pid = fork_detached();
	if (!pid)
		_exit(sync_cancel(&r, reg(1, 0)) != 0);
	poll(NULL, 0, 3 * QUIET_MS);
	ASSERT_EQ(0, stuck_lock_begin(&stuck, &r));
	/* It looks again every now and then */
	poll(NULL, 0, 5 * QUIET_MS);
	EXPECT_TRUE(kill_ends(pid, WAIT_MS) || untouched());
	stuck_lock_end(&stuck);
	close(uffd);
	ring_close(&r);
	close(file);
}

/* Against events that come meanwhile: each ends once, as one or the other. */
TEST_F(sync_cancel, against_events)
{
	unsigned int round, i, nr, cancelled = 0;
	struct ring *r = &self->ring;
	struct io_uring_cqe cqe;
	__u64 values[8];
	pid_t pid;
	int efd;

	efd = eventfd(0, EFD_CLOEXEC | EFD_SEMAPHORE);
	ASSERT_LE(0, efd);
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		const __u64 one = 1;

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		while (write(efd, &one, 8) == 8)
			sched_yield();
		_exit(0);
	}
	for (round = 0; round < 100; round++) {
		int ret;

		for (i = 0; i < 8; i++)
			PUT(i, 0, sqe_read(efd, &values[i], 8));
		TAKEN(8);
		ret = sync_cancel(r, reg_fd(efd, ALL));
		EXPECT_LE(0, ret);
		for (nr = 0; nr < 8; nr++) {
			ASSERT_EQ(0, ring_wait(r, &cqe));
			EXPECT_TRUE(cqe.res == 8 || cqe.res == -ECANCELED) {
				TH_LOG("res %d", cqe.res);
			}
			cancelled += cqe.res == -ECANCELED;
		}
		ring_flush(r);
		ASSERT_EQ(0u, ring_ready(r));
	}
	TH_LOG("%u of %u cancelled", cancelled, 8 * round);
	EXPECT_TRUE(kill_ends(pid, WAIT_MS));
	close(efd);
}

TEST_HARNESS_MAIN
