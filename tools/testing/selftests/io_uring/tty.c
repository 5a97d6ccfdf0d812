// SPDX-License-Identifier: GPL-2.0
/*
 * Files that can be polled, and otherwise only waited for: terminals, inotify and
 * the like. They cannot be told not to block for one request. Whoever waits for them
 * does so in poll and not in a worker, whatever flags it has, so that work that
 * needs one gets it.
 */
#include "iou_test.h"

#include <sys/inotify.h>
#include <termios.h>

#include "../kselftest_harness.h"

#define NR_READS	4

FIXTURE(tty)
{
	struct ring ring;
	int master;
	int fd;
	int pipe[2];
	int out[2];
};

FIXTURE_VARIANT(tty)
{
	unsigned int setup;
	__u8 flags;
};

FIXTURE_VARIANT_ADD(tty, plain) {
	.setup = 0,
};

FIXTURE_VARIANT_ADD(tty, async) {
	.flags = IOSQE_ASYNC,
};

FIXTURE_VARIANT_ADD(tty, defer) {
	.setup = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN,
};

FIXTURE_VARIANT_ADD(tty, defer_async) {
	.setup = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN,
	.flags = IOSQE_ASYNC,
};

static int raw_terminal(int *master)
{
	struct termios t;
	int unlock = 0, slave;

	*master = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (*master < 0 || ioctl(*master, TIOCSPTLCK, &unlock))
		return -1;
	slave = ioctl(*master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (slave < 0 || tcgetattr(slave, &t))
		return -1;
	cfmakeraw(&t);
	return tcsetattr(slave, TCSANOW, &t) ? -1 : slave;
}

FIXTURE_SETUP(tty)
{
	const char *missing = setup_missing(variant->setup);
	unsigned int max[2] = { 0, 1 };

	if (missing)
		SKIP(return, "kernel lacks %s", missing);
	ASSERT_EQ(0, ring_open(&self->ring, 16, variant->setup));
	ASSERT_EQ(0, sys_register(self->ring.fd, IORING_REGISTER_IOWQ_MAX_WORKERS, max, 2));
	self->fd = raw_terminal(&self->master);
	if (self->fd < 0)
		SKIP(return, "no terminals");
	ASSERT_EQ(0, pipe(self->pipe));
	ASSERT_EQ(0, pipe(self->out));
}

FIXTURE_TEARDOWN(tty)
{
	ring_close(&self->ring);
	close(self->fd);
	close(self->master);
	close(self->pipe[0]);
	close(self->pipe[1]);
	close(self->out[0]);
	close(self->out[1]);
}

/* The one worker that there may be is free: it does something that needs one */
static int splice_by_worker(struct ring *r, const int from[2], const int to[2])
{
	struct io_uring_sqe *sqe;
	struct io_uring_cqe cqe;
	char c;

	if (write(from[1], "s", 1) != 1)
		return NO_RESULT;
	sqe = prep(r, IORING_OP_SPLICE, to[1], NULL, 1, -1);
	sqe->splice_fd_in = from[0];
	sqe->splice_off_in = -1;
	sqe->user_data = 1000;
	if (ring_submit(r) != 1 || ring_wait(r, &cqe) || cqe.user_data != 1000)
		return NO_RESULT;
	/* Or there would be no room for the next one */
	return cqe.res == 1 && read(to[0], &c, 1) != 1 ? NO_RESULT : cqe.res;
}

/* Let reads of @fd wait, each for one byte */
static bool start_reads(struct ring *r, int fd, char *buf, unsigned int n, __u8 flags)
{
	unsigned int i;

	for (i = 0; i < n; i++) {
		struct io_uring_sqe *sqe = prep(r, IORING_OP_READ, fd, buf + i, 1, -1);

		sqe->flags = flags;
		sqe->user_data = i;
	}
	return ring_submit(r) == (int)n;
}

TEST_F(tty, idle_reads_keep_no_worker)
{
	struct ring *r = &self->ring;
	char buf[NR_READS] = { };
	struct io_uring_cqe cqe;
	unsigned int i, seen = 0;

	if (untouched() && variant->flags)
		SKIP(return, "this kernel waits in a worker");
	ASSERT_TRUE(start_reads(r, self->fd, buf, NR_READS, variant->flags));
	EXPECT_EQ(-ETIME, ring_enter_wait(r, 1, 20));
	EXPECT_EQ(1, splice_by_worker(r, self->pipe, self->out));

	/* All that comes is read, by one each. */
	for (i = 0; i < NR_READS; i++) {
		ASSERT_EQ(1, write(self->master, "a", 1));
		ASSERT_EQ(0, ring_wait(r, &cqe));
		EXPECT_EQ(1, cqe.res);
		EXPECT_EQ('a', buf[cqe.user_data]);
		seen |= 1u << cqe.user_data;
		EXPECT_EQ(1, splice_by_worker(r, self->pipe, self->out));
	}
	EXPECT_EQ((1u << NR_READS) - 1, seen);
}

/* All of them are woken by one byte, and one gets it */
TEST_F(tty, losers_keep_no_worker)
{
	struct ring *r = &self->ring;
	char buf[NR_READS] = { };
	struct io_uring_cqe cqe;
	unsigned int i, round;

	if (untouched())
		SKIP(return, "this kernel waits in a worker");
	for (round = 0; round < 20; round++) {
		ASSERT_TRUE(start_reads(r, self->fd, buf, NR_READS, variant->flags));
		for (i = 0; i < NR_READS; i++) {
			ASSERT_EQ(1, write(self->master, "b", 1));
			ASSERT_EQ(0, ring_wait(r, &cqe));
			EXPECT_EQ(1, cqe.res);
			if (i == NR_READS - 1)
				break;
			ASSERT_EQ(1, splice_by_worker(r, self->pipe, self->out));
		}
	}
}

/* More often than a request is woken in vain before others would give up polling */
TEST_F_TIMEOUT(tty, losers_of_many_events, 120)
{
	struct ring *r = &self->ring;
	char buf[2 * NR_READS] = { };
	struct io_uring_cqe cqe;
	int i;

	if (untouched())
		SKIP(return, "this kernel waits in a worker");
	/* Those that came first stay, those that come again may win */
	ASSERT_TRUE(start_reads(r, self->fd, buf, NR_READS, variant->flags));
	for (i = 0; i < 300; i++) {
		ASSERT_EQ(1, write(self->master, "c", 1));
		ASSERT_EQ(0, ring_wait(r, &cqe));
		ASSERT_EQ(1, cqe.res);
		ASSERT_TRUE(start_reads(r, self->fd, buf, 1, variant->flags));
	}
	EXPECT_EQ(1, splice_by_worker(r, self->pipe, self->out));
}

/* A terminal that takes no more output, and then does: it gets all of it */
TEST_F(tty, blocked_write_keeps_no_worker)
{
	const int size = 65536;
	struct ring *r = &self->ring;
	char *out = pages(size), *in = pages(size);
	struct io_uring_cqe cqe;
	int got = 0, n;

	if (untouched())
		SKIP(return, "this kernel waits in a worker");
	fill_pattern(out, size, 1);
	prep(r, IORING_OP_WRITE, self->fd, out, size, -1)->flags = variant->flags;
	ASSERT_EQ(1, ring_submit(r));
	EXPECT_EQ(-ETIME, ring_enter_wait(r, 1, 20));
	EXPECT_EQ(1, splice_by_worker(r, self->pipe, self->out));

	while (got < size) {
		/* What was written goes on only in a system call, if it is deferred */
		sys_enter(r->fd, 0, 0, IORING_ENTER_GETEVENTS, NULL, 0);
		if (poll_fd(self->master, POLLIN, 10) != POLLIN)
			continue;
		n = read(self->master, in + got, size - got);
		ASSERT_LT(0, n);
		got += n;
	}
	ASSERT_EQ(0, ring_wait(r, &cqe));
	EXPECT_EQ(size, cqe.res);
	EXPECT_TRUE(has_pattern(in, size, 1));
}

TEST_F(tty, cancelled)
{
	struct ring *r = &self->ring;
	struct io_uring_sqe *sqe;
	struct io_uring_cqe cqe;
	int i, done[2] = { };
	char buf[2];

	ASSERT_TRUE(start_reads(r, self->fd, buf, 1, variant->flags));
	EXPECT_EQ(-ETIME, ring_enter_wait(r, 1, 20));
	sqe = prep(r, IORING_OP_ASYNC_CANCEL, -1, NULL, 0, 0);
	sqe->user_data = 1;
	ASSERT_EQ(1, ring_submit(r));
	for (i = 0; i < 2; i++) {
		ASSERT_EQ(0, ring_wait(r, &cqe));
		ASSERT_GE(1u, cqe.user_data);
		done[cqe.user_data] = cqe.res;
	}
	EXPECT_TRUE(done[0] == -ECANCELED || done[0] == -EINTR);
	EXPECT_TRUE(done[1] == 0 || done[1] == -EALREADY);
}

/* Two that read the same events of a directory */
TEST_F(tty, inotify)
{
	char name[64], buf[2][512];
	struct ring *r = &self->ring;
	struct io_uring_cqe cqe;
	int fd = inotify_init1(IN_CLOEXEC);
	int i;

	if (untouched())
		SKIP(return, "this kernel waits in a worker");
	ASSERT_LE(0, fd);
	snprintf(name, sizeof(name), "/tmp/iou_tty.%d", getpid());
	ASSERT_EQ(0, mkdir(name, 0700));
	ASSERT_LE(0, inotify_add_watch(fd, name, IN_ATTRIB));
	for (i = 0; i < 2; i++)
		prep(r, IORING_OP_READ, fd, buf[i], sizeof(buf[i]), -1)->flags = variant->flags;
	ASSERT_EQ(2, ring_submit(r));
	EXPECT_EQ(-ETIME, ring_enter_wait(r, 1, 20));
	EXPECT_EQ(1, splice_by_worker(r, self->pipe, self->out));
	for (i = 0; i < 2; i++) {
		ASSERT_EQ(0, chmod(name, 0700));
		ASSERT_EQ(0, ring_wait(r, &cqe));
		EXPECT_EQ((int)sizeof(struct inotify_event), cqe.res);
		EXPECT_EQ(1, splice_by_worker(r, self->pipe, self->out));
	}
	rmdir(name);
	close(fd);
}

/* A pipe that was spliced cannot be told not to block, either */
TEST_F(tty, spliced_pipe)
{
	struct ring *r = &self->ring;
	char buf[NR_READS] = { };
	struct io_uring_cqe cqe;
	int i, p[2], out[2];

	if (untouched())
		SKIP(return, "this kernel waits in a worker");
	ASSERT_EQ(0, pipe(p));
	ASSERT_EQ(0, pipe(out));
	ASSERT_EQ(1, splice_by_worker(r, p, out));
	ASSERT_TRUE(start_reads(r, p[0], buf, NR_READS, variant->flags));
	EXPECT_EQ(-ETIME, ring_enter_wait(r, 1, 20));
	for (i = 0; i < NR_READS; i++) {
		EXPECT_EQ(1, splice_by_worker(r, self->pipe, self->out));
		ASSERT_EQ(1, write(p[1], "d", 1));
		ASSERT_EQ(0, ring_wait(r, &cqe));
		EXPECT_EQ(1, cqe.res);
	}
	for (i = 0; i < 2; i++) {
		close(p[i]);
		close(out[i]);
	}
}

/* A terminal that has four bytes or none: nobody who enters waits for the rest of them. */
TEST_F(tty, four_at_once)
{
	struct ring *r = &self->ring;
	struct io_uring_cqe cqe;
	struct termios t;
	char buf[16];

	if (untouched())
		SKIP(return, "this kernel reads what there is, or waits in submission");
	ASSERT_EQ(0, tcgetattr(self->fd, &t));
	t.c_cc[VMIN] = 4;
	t.c_cc[VTIME] = 0;
	ASSERT_EQ(0, tcsetattr(self->fd, TCSANOW, &t));

	prep(r, IORING_OP_READ, self->fd, buf, sizeof(buf), -1)->flags = variant->flags;
	ASSERT_EQ(1, ring_submit(r));
	ASSERT_EQ(2, write(self->master, "ab", 2));
	/* It takes no worker meanwhile, and no CQE but this one comes */
	EXPECT_EQ(1, splice_by_worker(r, self->pipe, self->out));
	ASSERT_EQ(2, write(self->master, "cd", 2));
	ASSERT_EQ(0, ring_wait(r, &cqe));
	EXPECT_EQ(4, cqe.res);
	EXPECT_EQ(0, memcmp(buf, "abcd", 4));
}

TEST_HARNESS_MAIN
