// SPDX-License-Identifier: GPL-2.0
/*
 * ASYNC_CANCEL with every key and flag; and a race of everything that can end a
 * request against each other.
 */
#include "wait_test.h"

#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/socket.h>

#include "../kselftest_harness.h"

#define LINK	IOSQE_IO_LINK
#define ALL	IORING_ASYNC_CANCEL_ALL
#define ANY	IORING_ASYNC_CANCEL_ANY
#define FD	IORING_ASYNC_CANCEL_FD
#define FIXED	IORING_ASYNC_CANCEL_FD_FIXED
#define UDATA	IORING_ASYNC_CANCEL_USERDATA
#define OP	IORING_ASYNC_CANCEL_OP

FIXTURE(cancel)
{
	struct ring ring;
	int pipe[2];
	int other[2];
	struct log log;
	char c;
	char event[1024];
};

FIXTURE_VARIANT(cancel)
{
	unsigned int setup;
};

FIXTURE_VARIANT_ADD(cancel, plain) {
	.setup = 0,
};

FIXTURE_VARIANT_ADD(cancel, coop) {
	.setup = SETUP_COOP,
};

FIXTURE_VARIANT_ADD(cancel, defer) {
	.setup = SETUP_DEFER,
};

FIXTURE_SETUP(cancel)
{
	const char *missing = setup_missing(variant->setup);

	if (missing)
		SKIP(return, "kernel lacks %s", missing);
	self->log.nr = 0;
	ASSERT_EQ(0, ring_open(&self->ring, 64, variant->setup));
	ASSERT_EQ(0, pipe(self->pipe));
	ASSERT_EQ(0, pipe(self->other));
}

FIXTURE_TEARDOWN(cancel)
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

static struct io_uring_sqe sqe_cancel_fd(int fd, unsigned int flags)
{
	struct io_uring_sqe sqe = sqe_cancel(0, flags | FD);

	sqe.fd = fd;
	return sqe;
}

static struct io_uring_sqe sqe_cancel_op(int opcode, unsigned int flags)
{
	struct io_uring_sqe sqe = sqe_cancel(0, flags | OP);

	sqe.len = opcode;
	return sqe;
}

TEST_F(cancel, parked)
{
	struct __kernel_timespec ts = TS_NEVER;
	unsigned int i;

	PUT(1, 0, READ(self->pipe));
	PUT(2, 0, sqe_poll(self->pipe[0], POLLIN));
	PUT(3, 0, sqe_poll_multi(self->pipe[0], POLLIN));
	PUT(4, 0, sqe_timeout(&ts, 0, 0));
	PUT(5, 0, sqe_timeout(&ts, 0, 1000));
	PUT(6, 0, sqe_timeout(&ts, IORING_TIMEOUT_MULTISHOT | IORING_TIMEOUT_ETIME_SUCCESS, 0));
	SUBMIT(6);
	EXPECT_TRUE(ring_quiet(&self->ring));
	for (i = 1; i <= 6; i++)
		PUT(10 + i, 0, sqe_cancel(i, 0));
	SUBMIT(6);
	GET(12);
	for (i = 1; i <= 6; i++) {
		EXPECT_EQ(-ECANCELED, RES(i));
		EXPECT_EQ(0, RES(10 + i));
	}
}

/* Of two cancels one has ended it. */
TEST_F(cancel, cancelled_once)
{
	PUT(1, 0, READ(self->pipe));
	PUT(10, 0, sqe_cancel(1, 0));
	PUT(11, 0, sqe_cancel(1, 0));
	SUBMIT(3);
	GET(3);
	EXPECT_EQ(-ECANCELED, RES(1));
	EXPECT_EQ(0, RES(10));
	if (!RES(11) && untouched())
		SKIP(return, "this kernel finds it twice");
	EXPECT_EQ(-ENOENT, RES(11));
}

TEST_F(cancel, not_found)
{
	struct __kernel_timespec ts = TS_NEVER;

	PUT(1, 0, READ(self->pipe));
	PUT(2, 0, sqe_timeout(&ts, 0, 0));
	PUT(10, 0, sqe_cancel(9, 0));
	PUT(11, 0, sqe_cancel(9, ALL));
	PUT(12, 0, sqe_cancel_fd(self->other[0], 0));
	PUT(13, 0, sqe_cancel_fd(self->other[0], ALL));
	PUT(14, 0, sqe_cancel_op(IORING_OP_ACCEPT, 0));
	PUT(15, 0, sqe_cancel_op(IORING_OP_ACCEPT, ALL));
	/* All keys have to match. */
	PUT(16, 0, ((struct io_uring_sqe) {
		.opcode = IORING_OP_ASYNC_CANCEL, .addr = 9, .fd = self->pipe[0],
		.cancel_flags = FD | UDATA }));
	PUT(17, 0, ((struct io_uring_sqe) {
		.opcode = IORING_OP_ASYNC_CANCEL, .addr = 1, .fd = self->pipe[0],
		.len = IORING_OP_WRITE, .cancel_flags = FD | UDATA | OP }));
	SUBMIT(10);
	GET(8);
	EXPECT_EQ(-ENOENT, RES(10));
	EXPECT_EQ(0, RES(11));
	EXPECT_EQ(-ENOENT, RES(12));
	EXPECT_EQ(0, RES(13));
	EXPECT_EQ(-ENOENT, RES(14));
	EXPECT_EQ(0, RES(15));
	EXPECT_EQ(-ENOENT, RES(16));
	EXPECT_EQ(-ENOENT, RES(17));
}

TEST_F(cancel, bad_fields)
{
	static const struct bad_byte bad[] = {
		BAD(ASYNC_CANCEL, off, -EINVAL),
		BAD(ASYNC_CANCEL, splice_fd_in, -EINVAL),
		BAD(ASYNC_CANCEL, ioprio, -EINVAL),
	};
	struct io_uring_sqe sqe;
	unsigned int bit;

	for (bit = 0; bit < ARRAY_LEN(bad); bit++) {
		sqe = sqe_cancel(1, 0);
		((__u8 *)&sqe)[bad[bit].offset] = 1;
		EXPECT_EQ(bad[bit].error, ring_run(&self->ring, 0, sqe));
	}
	for (bit = 6; bit < 32; bit++)
		EXPECT_EQ(-EINVAL, ring_run(&self->ring, 0, sqe_cancel(1, 1u << bit)));
	EXPECT_EQ(-EOPNOTSUPP, ring_run(&self->ring, IOSQE_BUFFER_SELECT, sqe_cancel(1, 0)));
	EXPECT_EQ(-EINVAL, ring_run(&self->ring, 0, sqe_cancel_fd(self->pipe[0], ANY)));
	EXPECT_EQ(-EINVAL, ring_run(&self->ring, 0, sqe_cancel_op(IORING_OP_READ, ANY)));
	/* What is no opcode is looked for, too. */
	EXPECT_EQ(-ENOENT, ring_run(&self->ring, 0, sqe_cancel_op(200, 0)));
	EXPECT_EQ(0, ring_run(&self->ring, 0, sqe_cancel_op(200, ALL)));
	EXPECT_EQ(-ENOENT, ring_run(&self->ring, 0, sqe_cancel_op(256 + IORING_OP_READ, 0)));
	EXPECT_EQ(-EBADF, ring_run(&self->ring, 0, sqe_cancel_fd(-1, 0)));
	EXPECT_EQ(-EBADF, ring_run(&self->ring, 0, sqe_cancel_fd(-1, ALL)));
	EXPECT_EQ(-EBADF, ring_run(&self->ring, 0, sqe_cancel_fd(0, FIXED)));
	EXPECT_EQ(-EBADF, ring_run(&self->ring, IOSQE_FIXED_FILE, sqe_cancel_fd(0, 0)));
}

/* Of several that match one goes, or all. */
TEST_F(cancel, all_by_user_data)
{
	unsigned int i;

	for (i = 0; i < 8; i++)
		PUT(1, 0, READ(self->pipe));
	PUT(2, 0, READ(self->pipe));
	PUT(10, 0, sqe_cancel(1, 0));
	SUBMIT(10);
	GET(2);
	EXPECT_EQ(0, RES(10));
	EXPECT_EQ(-ECANCELED, RES(1));
	PUT(11, 0, sqe_cancel(1, ALL));
	SUBMIT(1);
	GET(10);
	EXPECT_EQ(7, RES(11));
	PUT(12, 0, sqe_cancel(1, ALL));
	SUBMIT(1);
	GET(11);
	EXPECT_EQ(0, RES(12));
	EXPECT_EQ(NO_RESULT, RES(2));
}

TEST_F(cancel, by_fd)
{
	unsigned int i;

	for (i = 1; i <= 4; i++) {
		PUT(i, 0, READ(self->pipe));
		PUT(20 + i, 0, READ(self->other));
	}
	PUT(10, 0, sqe_cancel_fd(self->pipe[0], 0));
	SUBMIT(9);
	GET(2);
	EXPECT_EQ(0, RES(10));
	PUT(11, 0, sqe_cancel_fd(self->pipe[0], ALL));
	SUBMIT(1);
	GET(6);
	EXPECT_EQ(3, RES(11));
	for (i = 1; i <= 4; i++)
		EXPECT_EQ(-ECANCELED, RES(i));
	/* The same file by another number is the same file. */
	i = dup(self->other[0]);
	PUT(12, 0, sqe_cancel_fd(i, ALL));
	SUBMIT(1);
	GET(11);
	EXPECT_EQ(4, RES(12));
	close(i);
}

TEST_F(cancel, by_fixed_file)
{
	ASSERT_EQ(0, sys_register(self->ring.fd, IORING_REGISTER_FILES, self->pipe, 1));
	PUT(1, IOSQE_FIXED_FILE, sqe_read(0, &self->c, 1));
	PUT(2, 0, READ(self->pipe));
	PUT(3, 0, READ(self->other));
	PUT(10, 0, sqe_cancel_fd(0, FIXED | ALL));
	SUBMIT(4);
	GET(3);
	EXPECT_EQ(2, RES(10));
	EXPECT_EQ(-ECANCELED, RES(1));
	EXPECT_EQ(-ECANCELED, RES(2));
}

TEST_F(cancel, by_opcode)
{
	struct __kernel_timespec ts = TS_NEVER;

	PUT(1, 0, READ(self->pipe));
	PUT(2, 0, sqe_poll(self->pipe[0], POLLIN));
	PUT(3, 0, sqe_poll(self->other[0], POLLIN));
	PUT(4, 0, sqe_timeout(&ts, 0, 0));
	PUT(10, 0, sqe_cancel_op(IORING_OP_POLL_ADD, ALL));
	SUBMIT(5);
	GET(3);
	EXPECT_EQ(2, RES(10));
	PUT(11, 0, sqe_cancel_op(IORING_OP_TIMEOUT, 0));
	SUBMIT(1);
	GET(5);
	EXPECT_EQ(0, RES(11));
	EXPECT_EQ(-ECANCELED, RES(4));
	EXPECT_EQ(NO_RESULT, RES(1));
}

TEST_F(cancel, by_fd_and_opcode)
{
	struct io_uring_sqe sqe = sqe_cancel_fd(self->pipe[0], OP | ALL);

	sqe.len = IORING_OP_READ;
	PUT(1, 0, READ(self->pipe));
	PUT(2, 0, sqe_poll(self->pipe[0], POLLIN));
	PUT(3, 0, READ(self->other));
	PUT(10, 0, sqe);
	SUBMIT(4);
	GET(2);
	EXPECT_EQ(1, RES(10));
	EXPECT_EQ(-ECANCELED, RES(1));
}

TEST_F(cancel, any)
{
	struct __kernel_timespec ts = TS_NEVER;
	unsigned int i;

	PUT(1, 0, READ(self->pipe));
	PUT(2, 0, sqe_poll(self->pipe[0], POLLIN));
	PUT(3, 0, sqe_poll_multi(self->other[0], POLLIN));
	PUT(4, 0, sqe_timeout(&ts, 0, 0));
	PUT(10, 0, sqe_cancel(77, ANY));
	SUBMIT(5);
	GET(5);
	EXPECT_EQ(4, RES(10));
	for (i = 1; i <= 4; i++)
		EXPECT_EQ(-ECANCELED, RES(i));
	PUT(11, 0, sqe_cancel(0, ANY | ALL));
	SUBMIT(1);
	GET(6);
	EXPECT_EQ(0, RES(11));
}

/* The cancel is in a chain, or what it cancels is. */
TEST_F(cancel, chains)
{
	PUT(1, LINK, READ(self->pipe));
	PUT(2, LINK, sqe_nop());
	PUT(3, 0, sqe_nop());
	PUT(4, LINK, sqe_cancel(1, 0));
	PUT(5, LINK, sqe_cancel(99, 0));
	PUT(6, 0, sqe_nop());
	SUBMIT(6);
	GET(6);
	EXPECT_EQ(-ECANCELED, RES(1));
	EXPECT_EQ(-ECANCELED, RES(2));
	EXPECT_EQ(-ECANCELED, RES(3));
	EXPECT_EQ(0, RES(4));
	EXPECT_EQ(-ENOENT, RES(5));
	EXPECT_EQ(-ECANCELED, RES(6));
}

/* What has not been started is not found. */
TEST_F(cancel, member_not_started)
{
	PUT(1, LINK, READ(self->pipe));
	PUT(2, 0, sqe_nop());
	PUT(3, 0, sqe_cancel(2, 0));
	SUBMIT(3);
	GET(1);
	EXPECT_EQ(-ENOENT, RES(3));
	ASSERT_EQ(1, write(self->pipe[1], "x", 1));
	GET(3);
	EXPECT_EQ(1, RES(1));
	EXPECT_EQ(0, RES(2));
}

/* The one that is guarded goes, and its LINK_TIMEOUT with it. */
TEST_F(cancel, guarded)
{
	struct __kernel_timespec ts = TS_NEVER;

	PUT(1, LINK, READ(self->pipe));
	PUT(2, LINK, sqe_link_timeout(&ts, 0));
	PUT(3, 0, sqe_nop());
	PUT(4, 0, sqe_cancel(1, 0));
	SUBMIT(4);
	GET(4);
	EXPECT_EQ(-ECANCELED, RES(1));
	EXPECT_EQ(-ECANCELED, RES(2));
	EXPECT_EQ(-ECANCELED, RES(3));
	EXPECT_EQ(0, RES(4));
}

/* What a worker does is interrupted, what waits for one is taken back. */
TEST_F(cancel, in_workers)
{
	const __u64 almost = ULLONG_MAX - 2, five = 5;
	unsigned int max[2] = { 1, 1 };
	int efd = eventfd(0, 0);
	unsigned int i;

	ASSERT_LE(0, efd);
	ASSERT_EQ(8, write(efd, &almost, 8));
	ASSERT_EQ(0, sys_register(self->ring.fd, IORING_REGISTER_IOWQ_MAX_WORKERS, max, 2));
	for (i = 1; i <= 4; i++)
		PUT(i, IOSQE_ASYNC, sqe_write(efd, &five, 8));
	SUBMIT(4);
	EXPECT_TRUE(ring_quiet(&self->ring));
	for (i = 1; i <= 4; i++)
		PUT(10 + i, 0, sqe_cancel(i, 0));
	SUBMIT(4);
	GET(8);
	for (i = 1; i <= 4; i++) {
		EXPECT_TRUE(RES(i) == -ECANCELED || RES(i) == -EINTR) {
			TH_LOG("%u: %d", i, RES(i));
		}
		EXPECT_TRUE(RES(10 + i) == 0 || RES(10 + i) == -EALREADY) {
			TH_LOG("cancel of %u: %d", i, RES(10 + i));
		}
	}
	close(efd);
}

/* One that was woken, and cancelled before it has looked, leaves the data to others. */
TEST_F(cancel, woken)
{
	int sock[2], ret;
	char c;

	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, sock));
	PUT(1, 0, READ(self->pipe));
	PUT(2, 0, READ(sock));
	PUT(3, 0, sqe_write(self->pipe[1], "x", 1));
	PUT(4, 0, sqe_write(sock[1], "x", 1));
	PUT(5, 0, sqe_cancel(1, 0));
	PUT(6, 0, sqe_cancel(2, 0));
	SUBMIT(6);
	GET(6);
	EXPECT_EQ(-ECANCELED, RES(1));
	EXPECT_EQ(-ECANCELED, RES(2));
	ret = RES(5);
	EXPECT_TRUE(ret == 0 || ret == -EALREADY);
	EXPECT_EQ(ret, RES(6));
	EXPECT_EQ(1, read(self->pipe[0], &c, 1));
	EXPECT_EQ(1, read(sock[0], &c, 1));
	close(sock[0]);
	close(sock[1]);
}

/* One that a worker has done, and whose CQE is on its way, is there. */
TEST_F(cancel, on_its_way)
{
	unsigned int i, nr_late = 0;

	for (i = 0; i < 50; i++) {
		self->log.nr = 0;
		PUT(1, 0, sqe_splice(self->pipe[0], self->other[1]));
		SUBMIT(1);
		ASSERT_EQ(1, write(self->pipe[1], "x", 1));
		ASSERT_EQ(POLLIN, poll_fd(self->other[0], POLLIN, WAIT_MS));
		ASSERT_EQ(1, read(self->other[0], &self->c, 1));
		if (i % 2)
			nap();
		PUT(2, 0, sqe_cancel(1, 0));
		SUBMIT(1);
		GET(2);
		EXPECT_EQ(1, RES(1));
		/* If its CQE comes first it is not there any more */
		if (log_place(&self->log, 1) < log_place(&self->log, 2))
			continue;
		nr_late++;
		EXPECT_TRUE(RES(2) == -EALREADY || untouched()) {
			TH_LOG("%d", RES(2));
		}
	}
	TH_LOG("%u of %u cancelled on their way", nr_late, i);
}

/* The least that cancelling what is not there costs, with so many for the workers. */
static long long cost_of_cancel(struct ring *r)
{
	long long start, ns, least = LLONG_MAX;
	struct io_uring_cqe cqe;
	unsigned int round, i;

	for (round = 0; round < 20; round++) {
		for (i = 0; i < 16; i++)
			if (!queue(r, 1, 0, sqe_cancel(12345678, 0)))
				return -1;
		start = used_ns();
		if (ring_submit(r) != 16)
			return -1;
		ns = used_ns() - start;
		if (ns < least)
			least = ns;
		for (i = 0; i < 16; i++)
			if (ring_wait(r, &cqe) || cqe.user_data != 1 || cqe.res != -ENOENT)
				return -1;
	}
	return least;
}

/* Who looks for one does not pass by all that wait for a worker. */
TEST_F(cancel, among_many_for_workers)
{
	unsigned int max[2] = { 1, 1 };
	long long few = 0, many;
	unsigned int i;

	ASSERT_EQ(0, sys_register(self->ring.fd, IORING_REGISTER_IOWQ_MAX_WORKERS, max, 2));
	for (i = 0; i < 20000; i++) {
		PUT(2 + i, 0, sqe_splice(self->pipe[0], self->other[1]));
		if (i % 32 == 31)
			SUBMIT(32);
		if (i == 255)
			few = cost_of_cancel(&self->ring);
	}
	many = cost_of_cancel(&self->ring);
	TH_LOG("16 cancels: %lld ns among 256, %lld ns among 20000", few, many);
	EXPECT_LT(0, few);
	EXPECT_TRUE(many < 10 * few || untouched());
}

#define NR_PARKED	(2u << 16)

/* How long it took to park the last of so many, and all of them, in ns. */
static bool times_of_parking(int fd, long long *last, long long *all)
{
	struct io_uring_cqe cqe;
	long long start, from;
	struct ring r;
	unsigned int i;
	bool ok;

	if (ring_open_cq(&r, 1, 2 * NR_PARKED, IORING_SETUP_CLAMP))
		return false;
	start = now_ns();
	for (i = 0, ok = true; ok && i <= NR_PARKED; i++) {
		from = now_ns();
		ok = queue(&r, i, 0, sqe_poll(fd, POLLIN)) && ring_submit(&r) == 1;
		*last = now_ns() - from;
	}
	*all = now_ns() - start;
	/* They are all there: the first, and one in the midst */
	ok &= queue(&r, 0, 0, sqe_cancel(0, 0)) && ring_submit(&r) == 1 &&
	      !ring_wait(&r, &cqe) && !cqe.res && !ring_wait(&r, &cqe);
	ok &= queue(&r, 0, 0, sqe_cancel(i / 2, 0)) && ring_submit(&r) == 1 &&
	      !ring_wait(&r, &cqe) && !cqe.res && !ring_wait(&r, &cqe);
	ring_close(&r);
	return ok;
}

FIXTURE(parking) {
	int fds[2];
};

FIXTURE_SETUP(parking)
{
	ASSERT_EQ(0, pipe(self->fds));
}

FIXTURE_TEARDOWN(parking)
{
	close(self->fds[0]);
	close(self->fds[1]);
}

/* Nobody who parks something has to find other places for all that is parked. */
TEST_F_TIMEOUT(parking, takes_its_time, 300)
{
	long long last, all, least = LLONG_MAX, most = 0;
	unsigned int i;

	for (i = 0; i < 3; i++) {
		ASSERT_TRUE(times_of_parking(self->fds[0], &last, &all));
		least = last < least ? last : least;
		most = all > most ? all : most;
	}
	TH_LOG("%lld us for the one that is one too many, %lld ms for all", least / 1000,
	       most / 1000000);
	EXPECT_LT(25 * least, most);
}

/* A worker has found that a read would block, and gives it back: it is found there, too. */
TEST_F(cancel, given_back)
{
	unsigned int i;

	for (i = 0; i < 20; i++) {
		self->log.nr = 0;
		PUT(1, IOSQE_ASYNC, READ(self->pipe));
		SUBMIT(1);
		/* From being in the worker to waiting for the pipe, in all states */
		if (i)
			poll(NULL, 0, i);
		PUT(2, 0, sqe_cancel(1, 0));
		SUBMIT(1);
		GET(2);
		EXPECT_TRUE(RES(1) == -ECANCELED || RES(1) == -EINTR) {
			TH_LOG("after %u ms: %d", i, RES(1));
		}
		EXPECT_TRUE(RES(2) == 0 || RES(2) == -EALREADY) {
			TH_LOG("cancel after %u ms: %d", i, RES(2));
		}
	}
}

/* The same when its time is up. */
TEST_F(cancel, given_back_late)
{
	struct __kernel_timespec ts = { };
	unsigned int i;

	for (i = 0; i < 200; i++) {
		ts.tv_nsec = i * 10000;
		self->log.nr = 0;
		PUT(1, IOSQE_ASYNC | LINK, READ(self->pipe));
		PUT(2, 0, sqe_link_timeout(&ts, 0));
		SUBMIT(2);
		GET(2);
		EXPECT_TRUE(RES(1) == -ECANCELED || RES(1) == -EINTR) {
			TH_LOG("%u: %d", i, RES(1));
		}
		EXPECT_TRUE(RES(2) == -ETIME || RES(2) == -EALREADY) {
			TH_LOG("timeout of %u: %d", i, RES(2));
		}
	}
}

/* The cancel is among the events that the thread runs at once, and before the other. */
TEST_F(cancel, given_back_in_one_batch)
{
	const struct io_uring_sqe sync = {
		.opcode = IORING_OP_FSYNC,
		.fd = tmp_file(NULL, 0),
	};
	unsigned int i;
	long end;

	ASSERT_LE(0, sync.fd);
	for (i = 0; i < 100; i++) {
		self->log.nr = 0;
		PUT(1, LINK, sync);
		PUT(2, 0, sqe_cancel(3, 0));
		PUT(3, IOSQE_ASYNC, READ(self->pipe));
		SUBMIT(3);
		/* Not entering the kernel meanwhile */
		for (end = now_ms() + i % 10; now_ms() < end;)
			;
		GET(3);
		EXPECT_EQ(0, RES(1));
		EXPECT_TRUE(RES(2) == 0 || RES(2) == -EALREADY) {
			TH_LOG("cancel of %u: %d", i, RES(2));
		}
	}
	close(sync.fd);
}

/*
 * A read that was woken and then cancelled does not go to a worker, where it would
 * wait for what somebody else has read meanwhile.
 */
TEST_F(cancel, woken_for_a_worker)
{
	int fd = inotify_init1(0);
	char event[1024];

	if (!(variant->setup & IORING_SETUP_DEFER_TASKRUN))
		SKIP(return, "only there can a cancel come in between");
	ASSERT_LE(0, fd);
	ASSERT_LE(0, inotify_add_watch(fd, "/tmp", IN_CREATE));
	PUT(1, 0, sqe_read(fd, self->event, sizeof(self->event)));
	SUBMIT(1);
	close(tmp_file(NULL, 0));
	close(open("/tmp/iou_cancel", O_CREAT | O_RDWR, 0600));
	unlink("/tmp/iou_cancel");
	PUT(2, 0, sqe_cancel(1, 0));
	SUBMIT(1);
	ASSERT_LT(0, read(fd, event, sizeof(event)));
	GET(2);
	EXPECT_EQ(-ECANCELED, RES(1));
	EXPECT_EQ(-EALREADY, RES(2));
	close(fd);
}

/* One among many, the way an event-driven server does it. */
TEST_F(cancel, one_of_many)
{
	const unsigned int nr = 4096;
	struct io_uring_cqe cqe;
	unsigned int i, j;

	for (i = 0; i < nr; i++) {
		PUT(i, 0, READ(self->pipe));
		if (i % 64 == 63)
			SUBMIT(64);
	}
	for (i = 0; i < nr; i++) {
		unsigned int victim = i * 1025 % nr;

		PUT(nr, 0, sqe_cancel(victim, 0));
		SUBMIT(1);
		for (j = 0; j < 2; j++) {
			ASSERT_EQ(0, ring_wait(&self->ring, &cqe));
			if (cqe.user_data == nr) {
				ASSERT_EQ(0, cqe.res);
			} else {
				ASSERT_EQ(-ECANCELED, cqe.res);
				ASSERT_EQ(victim, cqe.user_data);
			}
		}
	}
	EXPECT_FALSE(ring_reap(&self->ring, &cqe));
}

/* ------------------------------------------------------------------------
 * Task and program end with everything parked
 */

/* @own: wait for the ring itself, too */
static bool arm_everything(struct ring *r, unsigned int setup, int fd, bool own)
{
	static struct __kernel_timespec never = { .tv_sec = 3600 };
	static struct __kernel_timespec soon = { .tv_nsec = 2000000 };
	static char c;

	if (ring_open(r, 64, setup))
		return false;
	return queue(r, 1, 0, sqe_read(fd, &c, 1)) &&
	       queue(r, 2, 0, sqe_poll(fd, POLLIN)) &&
	       queue(r, 3, 0, sqe_poll_multi(fd, POLLIN)) &&
	       queue(r, 4, 0, sqe_timeout(&never, 0, 0)) &&
	       queue(r, 5, 0, sqe_timeout(&never, 0, 500)) &&
	       queue(r, 6, 0, sqe_timeout(&soon, IORING_TIMEOUT_MULTISHOT, 0)) &&
	       queue(r, 7, LINK, sqe_read(fd, &c, 1)) &&
	       queue(r, 8, LINK, sqe_link_timeout(&never, 0)) &&
	       queue(r, 9, 0, sqe_nop()) &&
	       queue(r, 10, LINK, sqe_poll(own ? r->fd : fd, POLLPRI)) &&
	       queue(r, 11, 0, sqe_link_timeout(&soon, 0)) &&
	       queue(r, 12, IOSQE_ASYNC, sqe_read(fd, &c, 1)) &&
	       queue(r, 13, IOSQE_IO_DRAIN, sqe_nop()) &&
	       queue(r, 14, LINK, sqe_nop()) &&
	       queue(r, 15, 0, sqe_read(fd, &c, 1)) &&
	       ring_submit(r) == 15;
}

enum ending { EXIT, EXEC, KILL };

static void end_with_everything(struct __test_metadata *_metadata, unsigned int setup,
				int fds[2], enum ending how)
{
	int ready[2];
	pid_t pid;
	char c;

	ASSERT_EQ(0, pipe2(ready, O_CLOEXEC));
	pid = fork_detached();
	ASSERT_LE(0, pid);
	if (!pid) {
		struct ring r;

		close(fds[1]);
		if (!arm_everything(&r, setup, fds[0], true))
			_exit(1);
		if (write(ready[1], "x", 1) != 1)
			_exit(2);
		if (how == EXEC)
			execl("/bin/true", "true", NULL);
		if (how == KILL)
			for (;;)
				pause();
		_exit(0);
	}
	close(ready[1]);
	close(fds[0]);
	fds[0] = -1;
	EXPECT_EQ(1, read(ready[0], &c, 1));
	/* Less than the 5 s after which idle workers leave; to load a program may take long. */
	EXPECT_TRUE(how == KILL ? kill_ends(pid, 4500) :
				  reap(pid, how == EXEC ? WAIT_MS : 4500) == 0);
	EXPECT_EQ(POLLERR, poll_fd(fds[1], 0, 5000));
	close(ready[0]);
	EXPECT_TRUE(fresh_ring_works());
}

TEST_F(cancel, exit)
{
	end_with_everything(_metadata, variant->setup, self->pipe, EXIT);
}

TEST_F(cancel, exec)
{
	end_with_everything(_metadata, variant->setup, self->pipe, EXEC);
}

TEST_F(cancel, kill)
{
	end_with_everything(_metadata, variant->setup, self->pipe, KILL);
}

/*
 * A request that waits for its own ring keeps that open. Where events wait to be
 * asked for nobody would then do so.
 */
TEST_F(cancel, close)
{
	bool own = !(variant->setup & IORING_SETUP_DEFER_TASKRUN);
	struct ring r;
	int i;

	for (i = 0; i < 20; i++) {
		ASSERT_TRUE(arm_everything(&r, variant->setup, self->pipe[0], own));
		ring_close(&r);
	}
	close(self->pipe[0]);
	self->pipe[0] = -1;
	EXPECT_EQ(POLLERR, poll_fd(self->pipe[1], 0, 5000));
	EXPECT_TRUE(fresh_ring_works());
}

/* ------------------------------------------------------------------------
 * The race: wake-up, timeout, link timeout, removal and cancel want the same
 * request at the same time. Each request completes exactly once.
 *
 * IOU_TEST_RACE_MS: how long, instead of 2 s.
 */

struct racer {
	int fd;
	bool stop;
};

/* Wakes what waits for an eventfd, all the time. */
static void *race_wake(void *arg)
{
	struct racer *racer = arg;
	__u64 value = 1;

	while (!__atomic_load_n(&racer->stop, __ATOMIC_RELAXED)) {
		if (write(racer->fd, &value, 8) != 8)
			break;
		if (read(racer->fd, &value, 8) != 8)
			value = 1;
		value = 1;
		sched_yield();
	}
	return NULL;
}

#define RACE_REQS	32

static bool race_result_ok(unsigned int kind, int res)
{
	switch (kind) {
	case 0:	/* a poll */
		return res == POLLIN || res == -ECANCELED;
	case 1:	/* its LINK_TIMEOUT */
	case 3:
		return res == -ETIME || res == -ECANCELED || res == -ENOENT || res == -EALREADY;
	case 2:	/* a read */
		return res == 8 || res == -ECANCELED;
	case 4:	/* a timeout */
		return res == -ETIME || res == -ECANCELED || res == 0;
	case 5:	/* those who cancel */
	case 6:
	case 7:
		return res == 0 || res == -ENOENT || res == -EALREADY;
	}
	return false;
}

TEST_F_TIMEOUT(cancel, race, 3600)
{
	const char *ms = getenv("IOU_TEST_RACE_MS");
	long end = now_ms() + (ms ? atol(ms) : 2000);
	struct racer racer = { };
	__u64 values[RACE_REQS];
	unsigned int round, i;
	pthread_t thread;

	racer.fd = eventfd(0, EFD_NONBLOCK);
	ASSERT_LE(0, racer.fd);
	ASSERT_EQ(0, pthread_create(&thread, NULL, race_wake, &racer));
	for (round = 0; now_ms() < end; round++) {
		struct __kernel_timespec ts = { .tv_nsec = round * 997 % 100000 };
		unsigned char seen[8 * RACE_REQS] = { };
		unsigned int nr = 0;
		struct io_uring_cqe cqe;
		struct ring extra;

		for (i = 0; i < 8; i++) {
			unsigned int id = 8 * i;
			struct io_uring_sqe sqe;

			PUT(id, LINK, sqe_poll(racer.fd, POLLIN));
			PUT(id + 1, 0, sqe_link_timeout(&ts, 0));
			sqe = sqe_read(racer.fd, &values[i], 8);
			PUT(id + 2, i & 1 ? LINK | IOSQE_ASYNC : LINK, sqe);
			PUT(id + 3, 0, sqe_link_timeout(&ts, 0));
			PUT(id + 4, 0, sqe_timeout(&ts, 0, i & 2 ? 3 : 0));
		}
		SUBMIT(40);
		for (i = 0; i < 8; i++) {
			unsigned int id = 8 * i;
			struct io_uring_sqe sqe = sqe_cancel(id, 0);

			PUT(id + 5, 0, sqe);
			sqe = sqe_cancel(id + 2, 0);
			PUT(id + 6, 0, sqe);
			sqe = (struct io_uring_sqe) {
				.opcode = i & 4 ? IORING_OP_TIMEOUT_REMOVE :
						  IORING_OP_ASYNC_CANCEL,
				.addr = id + 4,
			};
			PUT(id + 7, 0, sqe);
			if (round & 1)
				SUBMIT(3);
		}
		if (!(round & 1))
			SUBMIT(24);
		for (nr = 0; nr < 64; nr++) {
			ASSERT_EQ(0, ring_wait(&self->ring, &cqe)) {
				TH_LOG("round %u: %u of 64 CQEs", round, nr);
			}
			ASSERT_GT(64u, cqe.user_data);
			ASSERT_EQ(0, seen[cqe.user_data]++) {
				TH_LOG("%llu completes twice", cqe.user_data);
			}
			ASSERT_TRUE(race_result_ok(cqe.user_data % 8, cqe.res) ||
				    (cqe.user_data % 16 == 10 && cqe.res == -EINTR) ||
				    (cqe.user_data % 8 == 2 && cqe.res == -EAGAIN)) {
				TH_LOG("kind %llu: %d", cqe.user_data % 8, cqe.res);
			}
		}
		ASSERT_FALSE(ring_reap(&self->ring, &cqe));
		if (round % 16)
			continue;
		/* And a ring that is closed in the middle of it. */
		ASSERT_EQ(0, ring_open(&extra, 16, variant->setup));
		for (i = 0; i < 4; i++) {
			queue(&extra, 1, LINK, sqe_poll(racer.fd, POLLIN));
			queue(&extra, 2, 0, sqe_link_timeout(&ts, 0));
			queue(&extra, 3, 0, sqe_poll_multi(racer.fd, POLLIN));
			queue(&extra, 4, 0, sqe_timeout(&ts, IORING_TIMEOUT_MULTISHOT, 0));
		}
		ring_submit(&extra);
		ring_close(&extra);
	}
	__atomic_store_n(&racer.stop, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	close(racer.fd);
	EXPECT_LT(0u, round);
	EXPECT_TRUE(ring_works(&self->ring));
}

TEST_HARNESS_MAIN
