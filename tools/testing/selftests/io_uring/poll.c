// SPDX-License-Identifier: GPL-2.0
/*
 * POLL_ADD and POLL_REMOVE: waiting for files to become ready.
 */
#include "wait_test.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/socket.h>

#include "../kselftest_harness.h"

#define LINK	IOSQE_IO_LINK
#define MORE	IORING_CQE_F_MORE

FIXTURE(poll)
{
	struct ring ring;
	int pipe[2];
	int efd;
	struct log log;
};

FIXTURE_VARIANT(poll)
{
	unsigned int setup;
};

FIXTURE_VARIANT_ADD(poll, plain) {
	.setup = 0,
};

FIXTURE_VARIANT_ADD(poll, coop) {
	.setup = SETUP_COOP,
};

FIXTURE_VARIANT_ADD(poll, defer) {
	.setup = SETUP_DEFER,
};

FIXTURE_SETUP(poll)
{
	const char *missing = setup_missing(variant->setup);

	if (missing)
		SKIP(return, "kernel lacks %s", missing);
	self->log.nr = 0;
	ASSERT_EQ(0, ring_open(&self->ring, 64, variant->setup));
	ASSERT_EQ(0, pipe(self->pipe));
	self->efd = eventfd(0, EFD_NONBLOCK);
	ASSERT_LE(0, self->efd);
}

FIXTURE_TEARDOWN(poll)
{
	ring_close(&self->ring);
	close(self->pipe[0]);
	close(self->pipe[1]);
	close(self->efd);
}

#define PUT(user_data, sqe_flags, sqe)					\
	ASSERT_TRUE(queue(&self->ring, user_data, sqe_flags, sqe))

static const __u64 one = 1;

/* An eventfd's event, and its end. */
#define SIGNAL()	ASSERT_EQ(8, write(self->efd, &one, 8))
#define CONSUME()							\
do {									\
	__u64 value;							\
									\
	ASSERT_EQ(8, read(self->efd, &value, 8));			\
} while (0)

static struct io_uring_sqe sqe_poll_remove(__u64 user_data)
{
	return (struct io_uring_sqe) {
		.opcode = IORING_OP_POLL_REMOVE,
		.fd = -1,
		.addr = user_data,
	};
}

static struct io_uring_sqe sqe_update(__u64 user_data, __u64 to, unsigned int events,
				      unsigned int flags)
{
	struct io_uring_sqe sqe = sqe_poll_remove(user_data);

	sqe.off = to;
	sqe.poll32_events = events;
	sqe.len = flags;
	return sqe;
}

TEST_F(poll, ready)
{
	EXPECT_EQ(POLLOUT, ring_run(&self->ring, 0, sqe_poll(self->pipe[1], POLLOUT)));
	ASSERT_EQ(1, write(self->pipe[1], "x", 1));
	EXPECT_EQ(POLLIN, ring_run(&self->ring, 0, sqe_poll(self->pipe[0], POLLIN)));
	PUT(1, 0, sqe_poll(self->pipe[0], POLLIN | POLLRDNORM | POLLOUT));
	EXPECT_EQ(POLLIN | POLLRDNORM, ring_result(&self->ring));
}

TEST_F(poll, becomes_ready)
{
	PUT(1, 0, sqe_poll(self->pipe[0], POLLIN));
	SUBMIT(1);
	EXPECT_TRUE(ring_quiet(&self->ring));
	ASSERT_EQ(1, write(self->pipe[1], "x", 1));
	GET(1);
	EXPECT_EQ(POLLIN, RES(1));
	EXPECT_EQ(0u, self->log.cqe[0].flags);
}

/* The other end going is an event that nobody has to ask for. */
TEST_F(poll, hangup)
{
	PUT(1, 0, sqe_poll(self->pipe[0], 0));
	PUT(2, 0, sqe_poll(self->pipe[0], POLLIN));
	SUBMIT(2);
	EXPECT_TRUE(ring_quiet(&self->ring));
	close(self->pipe[1]);
	self->pipe[1] = -1;
	GET(2);
	EXPECT_EQ(POLLHUP, RES(1));
	EXPECT_EQ(POLLHUP, RES(2));
}

TEST_F(poll, error)
{
	close(self->pipe[0]);
	self->pipe[0] = -1;
	EXPECT_EQ(POLLERR, ring_run(&self->ring, 0, sqe_poll(self->pipe[1], 0)));
}

/* Events that nobody asked for wake nobody. */
TEST_F(poll, other_events)
{
	int sv[2];
	char c;

	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, sv));
	PUT(1, 0, sqe_poll(sv[0], POLLPRI));
	SUBMIT(1);
	ASSERT_EQ(1, write(sv[1], "x", 1));
	EXPECT_TRUE(ring_quiet(&self->ring));
	ASSERT_EQ(1, read(sv[0], &c, 1));
	ASSERT_EQ(0, shutdown(sv[1], SHUT_WR));
	GET(1);
	EXPECT_EQ(POLLRDHUP, RES(1));
	close(sv[0]);
	close(sv[1]);
}

TEST_F(poll, bad_file)
{
	EXPECT_EQ(-EBADF, ring_run(&self->ring, 0, sqe_poll(-1, POLLIN)));
	EXPECT_EQ(-EBADF, ring_run(&self->ring, IOSQE_FIXED_FILE, sqe_poll(0, POLLIN)));
}

TEST_F(poll, bad_fields)
{
	static const struct bad_byte bad[] = {
		BAD(POLL_ADD, off, -EINVAL),
		BAD(POLL_ADD, addr, -EINVAL),
		BAD(POLL_ADD, buf_index, -EINVAL),
		BAD(POLL_ADD, ioprio, -EINVAL),
		BAD(POLL_REMOVE, buf_index, -EINVAL),
		BAD(POLL_REMOVE, splice_fd_in, -EINVAL),
		BAD(POLL_REMOVE, ioprio, -EINVAL),
		BAD(POLL_REMOVE, off, -EINVAL),
		BAD(POLL_REMOVE, poll32_events, -EINVAL),
	};
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(bad); i++) {
		struct io_uring_sqe sqe = { .opcode = bad[i].opcode, .fd = self->efd };

		((__u8 *)&sqe)[bad[i].offset] = 1;
		EXPECT_EQ(bad[i].error, ring_run(&self->ring, 0, sqe)) {
			TH_LOG("opcode %u, byte %u", bad[i].opcode, bad[i].offset);
		}
	}
}

TEST_F(poll, bad_flags)
{
	struct io_uring_sqe sqe;
	unsigned int bit;

	for (bit = 1; bit < 32; bit++) {
		sqe = sqe_poll(self->efd, POLLIN);
		sqe.len = 1u << bit;
		EXPECT_EQ(-EINVAL, ring_run(&self->ring, 0, sqe));
	}
	for (bit = 3; bit < 32; bit++) {
		sqe = sqe_poll_remove(1);
		sqe.len = 1u << bit;
		EXPECT_EQ(-EINVAL, ring_run(&self->ring, 0, sqe));
	}
	sqe = sqe_poll_remove(1);
	sqe.len = IORING_POLL_ADD_MULTI;
	EXPECT_EQ(-EINVAL, ring_run(&self->ring, 0, sqe));
	EXPECT_EQ(-EINVAL, ring_run(&self->ring, IOSQE_CQE_SKIP_SUCCESS,
				    sqe_poll_multi(self->efd, POLLIN)));
}

/* A file without a waitqueue is ready now, or never. */
TEST_F(poll, regular_file)
{
	int fd = tmp_file(NULL, 0);

	ASSERT_LE(0, fd);
	EXPECT_EQ(POLLIN, ring_run(&self->ring, 0, sqe_poll(fd, POLLIN)));
	EXPECT_EQ(-EINVAL, ring_run(&self->ring, 0, sqe_poll(fd, POLLPRI)));
	PUT(1, 0, sqe_poll_multi(fd, POLLIN));
	SUBMIT(1);
	GET(1);
	EXPECT_EQ(POLLIN, RES(1));
	EXPECT_EQ(0u, self->log.cqe[0].flags & MORE);
	close(fd);
}

TEST_F(poll, severs)
{
	PUT(1, LINK, sqe_poll(self->efd, POLLIN));
	PUT(2, 0, sqe_nop());
	PUT(3, 0, sqe_poll_remove(1));
	SUBMIT(3);
	GET(3);
	EXPECT_EQ(-ECANCELED, RES(1));
	EXPECT_EQ(-ECANCELED, RES(2));
	EXPECT_EQ(0, RES(3));

	self->log.nr = 0;
	PUT(1, LINK, sqe_poll(self->efd, POLLIN));
	PUT(2, 0, sqe_nop());
	SUBMIT(2);
	SIGNAL();
	GET(2);
	EXPECT_EQ(POLLIN, RES(1));
	EXPECT_EQ(0, RES(2));
}

/* ------------------------------------------------------------------------
 * Multishot
 */

TEST_F(poll, multishot)
{
	unsigned int i;

	PUT(1, 0, sqe_poll_multi(self->efd, POLLIN));
	SUBMIT(1);
	for (i = 1; i <= 10; i++) {
		EXPECT_TRUE(ring_quiet(&self->ring));
		SIGNAL();
		GET(i);
		EXPECT_EQ(POLLIN, self->log.cqe[i - 1].res);
		EXPECT_EQ(MORE, self->log.cqe[i - 1].flags);
		if (i & 1)
			CONSUME();
	}
	PUT(2, 0, sqe_poll_remove(1));
	SUBMIT(1);
	GET(12);
	EXPECT_EQ(-ECANCELED, self->log.cqe[log_place(&self->log, 2) == 10 ? 11 : 10].res);
	EXPECT_EQ(0, RES(2));
	SIGNAL();
	EXPECT_TRUE(ring_quiet(&self->ring));
}

/* With EPOLLONESHOT among its events a multishot poll has one shot. */
TEST_F(poll, multishot_once)
{
	PUT(1, 0, sqe_poll_multi(self->efd, POLLIN | EPOLLONESHOT));
	SUBMIT(1);
	EXPECT_TRUE(ring_quiet(&self->ring));
	SIGNAL();
	GET(1);
	EXPECT_EQ(POLLIN, RES(1));
	EXPECT_EQ(0u, self->log.cqe[0].flags);
	CONSUME();
	SIGNAL();
	EXPECT_TRUE(ring_quiet(&self->ring));
	EXPECT_EQ(-ENOENT, ring_run(&self->ring, 0, sqe_poll_remove(1)));
	/* What is ready at once is no other case. */
	PUT(2, 0, sqe_poll_multi(self->efd, POLLIN | EPOLLONESHOT));
	SUBMIT(1);
	GET(2);
	EXPECT_EQ(POLLIN, RES(2));
	EXPECT_EQ(0u, self->log.cqe[1].flags);
}

TEST_F(poll, multishot_already_ready)
{
	SIGNAL();
	PUT(1, 0, sqe_poll_multi(self->efd, POLLIN));
	SUBMIT(1);
	GET(1);
	EXPECT_EQ(POLLIN, RES(1));
	EXPECT_EQ(MORE, self->log.cqe[0].flags);
	EXPECT_TRUE(ring_quiet(&self->ring));
	SIGNAL();
	GET(2);
	EXPECT_EQ(MORE, self->log.cqe[1].flags);
}

/* Wake-ups that come before the first of them is seen are one event, that of then. */
TEST_F(poll, multishot_merges)
{
	struct log *log = &self->log;

	PUT(1, 0, sqe_poll_multi(self->pipe[0], POLLIN));
	PUT(2, 0, sqe_write(self->pipe[1], "x", 1));
	PUT(3, 0, sqe_write(self->pipe[1], "x", 1));
	SUBMIT(3);
	GET(3);
	EXPECT_EQ(POLLIN, RES(1));
	EXPECT_TRUE(ring_quiet(&self->ring));

	/* So are those of a file that was ready before. */
	PUT(4, 0, sqe_poll_multi(self->pipe[0], POLLIN));
	PUT(5, 0, sqe_write(self->pipe[1], "x", 1));
	SUBMIT(2);
	GET(6);
	EXPECT_EQ(POLLIN, RES(4));
	EXPECT_TRUE(ring_quiet(&self->ring));

	ASSERT_EQ(1, write(self->pipe[1], "x", 1));
	GET(8);
	EXPECT_EQ(MORE, log->cqe[6].flags);
	EXPECT_EQ(MORE, log->cqe[7].flags);
}

/* One that is to be changed when its event is on its way looks again what is ready. */
TEST_F(poll, update_of_woken)
{
	char c;

	ASSERT_EQ(1, write(self->pipe[1], "x", 1));
	PUT(1, 0, sqe_poll_multi(self->pipe[0], POLLIN));
	PUT(2, 0, sqe_update(1, 0, POLLIN, IORING_POLL_UPDATE_EVENTS | IORING_POLL_ADD_MULTI));
	PUT(3, 0, sqe_read(self->pipe[0], &c, 1));
	SUBMIT(3);
	GET(2);
	EXPECT_EQ(-EALREADY, RES(2));
	EXPECT_EQ(1, RES(3));
	EXPECT_TRUE(ring_quiet(&self->ring));
	ASSERT_EQ(1, write(self->pipe[1], "x", 1));
	GET(3);
	EXPECT_EQ(POLLIN, RES(1));
}

/* It ends when there is no room. */
TEST_F(poll, multishot_overflow)
{
	struct ring r;
	int i;

	ASSERT_EQ(0, ring_open_cq(&r, 2, 4, variant->setup));
	ASSERT_TRUE(queue(&r, 1, 0, sqe_poll_multi(self->efd, POLLIN)));
	ASSERT_EQ(1, ring_submit(&r));
	for (i = 0; i < 5; i++) {
		SIGNAL();
		ring_flush(&r);
	}
	ASSERT_EQ(5, log_wait_ms(&self->log, &r, 5, WAIT_MS));
	for (i = 0; i < 5; i++) {
		EXPECT_EQ(POLLIN, self->log.cqe[i].res);
		EXPECT_EQ(i < 4 ? MORE : 0u, self->log.cqe[i].flags & MORE);
	}
	SIGNAL();
	EXPECT_TRUE(ring_quiet(&r));
	ring_close(&r);
}

/*
 * Two wake-ups and a waiter for two CQEs: it sleeps no longer than it has to. (The
 * untouched 6.12 does, if the ring is DEFER_TASKRUN.)
 */
TEST_F(poll, multishot_one_wait)
{
	long start;
	pid_t pid;

	PUT(1, 0, sqe_poll_multi(self->efd, POLLIN));
	SUBMIT(1);
	pid = write_later(self->efd, 3);
	ASSERT_LT(0, pid);
	start = now_ms();
	EXPECT_EQ(0, ring_enter_wait(&self->ring, 2, WAIT_MS));
	if (now_ms() - start >= WAIT_MS && untouched())
		SKIP(return, "this kernel waits on");
	EXPECT_GT(WAIT_MS, now_ms() - start);
	EXPECT_LE(2u, ring_ready(&self->ring));
	ASSERT_EQ(0, reap(pid, WAIT_MS));
}

/* Many requests for one file: each is woken each time. */
TEST_F(poll, many_on_one_file)
{
	unsigned int i;

	for (i = 1; i <= 64; i++)
		PUT(i, 0, i & 1 ? sqe_poll(self->efd, POLLIN) :
				  sqe_poll_multi(self->efd, POLLIN));
	SUBMIT(64);
	SIGNAL();
	GET(64);
	for (i = 1; i <= 64; i++)
		EXPECT_EQ(POLLIN, RES(i));
	SIGNAL();
	GET(96);
}

/* One wake-up for one of those who want it for themselves. */
TEST_F(poll, exclusive)
{
	unsigned int i;

	for (i = 1; i <= 4; i++)
		PUT(i, 0, sqe_poll(self->efd, POLLIN | EPOLLEXCLUSIVE));
	SUBMIT(4);
	for (i = 1; i <= 4; i++) {
		SIGNAL();
		GET(i);
		CONSUME();
		EXPECT_TRUE(ring_quiet(&self->ring));
	}
}

/* ------------------------------------------------------------------------
 * POLL_REMOVE
 */

TEST_F(poll, remove)
{
	struct __kernel_timespec ts = TS_NEVER;

	PUT(1, 0, sqe_poll(self->efd, POLLIN));
	PUT(2, 0, sqe_timeout(&ts, 0, 0));
	PUT(3, 0, sqe_poll_remove(1));
	PUT(4, 0, sqe_poll_remove(1));
	PUT(5, 0, sqe_poll_remove(2));
	PUT(6, 0, sqe_poll_remove(99));
	SUBMIT(6);
	GET(5);
	EXPECT_EQ(-ECANCELED, RES(1));
	EXPECT_EQ(0, RES(3));
	EXPECT_EQ(-ENOENT, RES(4));
	EXPECT_EQ(-ENOENT, RES(5));
	EXPECT_EQ(-ENOENT, RES(6));
	SIGNAL();
	EXPECT_TRUE(ring_quiet(&self->ring));
}

/*
 * A multishot whose event is on the way ends, too, though it is too late for this event.
 * (In the untouched 6.12 a deferred ring's goes on.)
 */
TEST_F(poll, remove_of_woken)
{
	struct log *log = &self->log;
	int ret;

	PUT(1, 0, sqe_poll_multi(self->efd, POLLIN));
	SUBMIT(1);
	/* On a deferred ring this waits for GETEVENTS. */
	SIGNAL();
	PUT(2, 0, sqe_poll_remove(1));
	SUBMIT(1);
	log_wait_ms(log, &self->ring, 4, 5 * QUIET_MS);
	ret = RES(2);
	EXPECT_TRUE(ret == 0 || ret == -EALREADY) {
		TH_LOG("%d", ret);
	}
	SIGNAL();
	if (!ring_quiet(&self->ring) && untouched())
		SKIP(return, "this kernel's goes on");
	EXPECT_EQ(0u, ring_ready(&self->ring));
	ASSERT_LE(2u, log->nr);
	EXPECT_EQ(1u, log->cqe[log->nr - 1].user_data);
	EXPECT_EQ(-ECANCELED, log->cqe[log->nr - 1].res);
	EXPECT_EQ(0u, log->cqe[log->nr - 1].flags);
}

/* One that waits once has its own result. */
TEST_F(poll, remove_of_woken_once)
{
	int ret;

	PUT(1, 0, sqe_poll(self->efd, POLLIN));
	SUBMIT(1);
	SIGNAL();
	PUT(2, 0, sqe_poll_remove(1));
	SUBMIT(1);
	GET(2);
	EXPECT_EQ(POLLIN, RES(1));
	ret = RES(2);
	EXPECT_TRUE(ret == -ENOENT || ret == -EALREADY) {
		TH_LOG("%d", ret);
	}
}

TEST_F(poll, update_user_data)
{
	PUT(1, 0, sqe_poll(self->efd, POLLIN));
	PUT(2, 0, sqe_update(1, 7, 0, IORING_POLL_UPDATE_USER_DATA));
	PUT(3, 0, sqe_update(1, 8, 0, IORING_POLL_UPDATE_USER_DATA));
	SUBMIT(3);
	GET(2);
	EXPECT_EQ(0, RES(2));
	EXPECT_EQ(-ENOENT, RES(3));
	SIGNAL();
	GET(3);
	EXPECT_EQ(POLLIN, RES(7));
}

/* It is found by its new user_data only. */
TEST_F(poll, update_and_find)
{
	PUT(1, 0, sqe_poll(self->efd, POLLIN));
	PUT(2, 0, sqe_update(1, 1000, 0, IORING_POLL_UPDATE_USER_DATA));
	PUT(3, 0, sqe_poll_remove(1));
	PUT(4, 0, sqe_poll_remove(1000));
	SUBMIT(4);
	GET(4);
	EXPECT_EQ(0, RES(2));
	EXPECT_EQ(-ENOENT, RES(3));
	EXPECT_EQ(0, RES(4));
	EXPECT_EQ(-ECANCELED, RES(1000));
}

TEST_F(poll, update_events)
{
	PUT(1, 0, sqe_poll(self->pipe[0], POLLPRI));
	PUT(2, 0, sqe_update(1, 0, POLLIN, IORING_POLL_UPDATE_EVENTS));
	SUBMIT(2);
	GET(1);
	EXPECT_EQ(0, RES(2));
	ASSERT_EQ(1, write(self->pipe[1], "x", 1));
	GET(2);
	EXPECT_EQ(POLLIN, RES(1));
}

/* With the new events it may be ready at once. */
TEST_F(poll, update_to_ready)
{
	ASSERT_EQ(1, write(self->pipe[1], "x", 1));
	PUT(1, 0, sqe_poll(self->pipe[0], POLLPRI));
	SUBMIT(1);
	EXPECT_TRUE(ring_quiet(&self->ring));
	PUT(2, 0, sqe_update(1, 5, POLLIN, IORING_POLL_UPDATE_EVENTS |
					   IORING_POLL_UPDATE_USER_DATA));
	SUBMIT(1);
	GET(2);
	EXPECT_EQ(0, RES(2));
	EXPECT_EQ(POLLIN, RES(5));
}

TEST_F(poll, update_multishot)
{
	PUT(1, 0, sqe_poll_multi(self->efd, POLLIN));
	PUT(2, 0, sqe_update(1, 3, 0, IORING_POLL_UPDATE_USER_DATA | IORING_POLL_ADD_MULTI));
	SUBMIT(2);
	SIGNAL();
	GET(2);
	EXPECT_EQ(0, RES(2));
	EXPECT_EQ(POLLIN, RES(3));
	SIGNAL();
	GET(3);
	EXPECT_EQ(3ull, (unsigned long long)self->log.cqe[2].user_data);
	EXPECT_EQ(MORE, self->log.cqe[2].flags);
}

/* ------------------------------------------------------------------------
 * Rings as files
 */

/* Its own CQE must not wake it for ever. */
TEST_F(poll, own_ring)
{
	PUT(1, 0, sqe_poll(self->ring.fd, POLLIN));
	SUBMIT(1);
	PUT(2, 0, sqe_nop());
	SUBMIT(1);
	GET(2);
	EXPECT_EQ(POLLIN, RES(1));
	EXPECT_EQ(0, RES(2));
}

TEST_F(poll, own_ring_multishot)
{
	PUT(1, 0, sqe_poll_multi(self->ring.fd, POLLIN));
	SUBMIT(1);
	PUT(2, 0, sqe_nop());
	SUBMIT(1);
	log_wait_ms(&self->log, &self->ring, 16, 200);
	EXPECT_LE(2u, self->log.nr);
	EXPECT_GT(5u, self->log.nr);
	EXPECT_EQ(0, RES(2));
	EXPECT_EQ(1ull, (unsigned long long)self->log.cqe[self->log.nr - 1].user_data);
	EXPECT_EQ(0u, self->log.cqe[self->log.nr - 1].flags & MORE);
}

TEST_F(poll, other_ring)
{
	struct ring other;
	int i;

	ASSERT_EQ(0, ring_open(&other, 8, variant->setup));
	PUT(1, 0, sqe_poll_multi(other.fd, POLLIN));
	PUT(2, 0, sqe_poll(other.fd, POLLIN));
	SUBMIT(2);
	EXPECT_TRUE(ring_quiet(&self->ring));
	for (i = 0; i < 3; i++)
		EXPECT_TRUE(ring_works(&other));
	ASSERT_LE(2, log_wait_ms(&self->log, &self->ring, 2, WAIT_MS));
	EXPECT_EQ(POLLIN, RES(2));
	EXPECT_EQ(POLLIN, self->log.cqe[0].res);
	ring_close(&other);
	EXPECT_TRUE(ring_works(&self->ring));
}

/* Two rings that wait for each other, and are closed like this. */
TEST_F(poll, rings_in_a_circle)
{
	struct ring a, b;

	ASSERT_EQ(0, ring_open(&a, 8, variant->setup));
	ASSERT_EQ(0, ring_open(&b, 8, variant->setup));
	ASSERT_TRUE(queue(&a, 1, 0, sqe_poll(b.fd, POLLIN)));
	ASSERT_TRUE(queue(&b, 1, 0, sqe_poll(a.fd, POLLIN)));
	ASSERT_EQ(1, ring_submit(&a));
	ASSERT_EQ(1, ring_submit(&b));
	ring_close(&a);
	ring_close(&b);
	EXPECT_TRUE(fresh_ring_works());
}

/* ------------------------------------------------------------------------
 * Files that go
 */

/* The request keeps the file, whatever the program does with its descriptor. */
TEST_F(poll, closed_fd)
{
	int fd = dup(self->pipe[0]);

	PUT(1, 0, sqe_poll(fd, POLLIN));
	SUBMIT(1);
	close(fd);
	EXPECT_TRUE(ring_quiet(&self->ring));
	ASSERT_EQ(1, write(self->pipe[1], "x", 1));
	GET(1);
	EXPECT_EQ(POLLIN, RES(1));
}

TEST_F(poll, shutdown)
{
	int sv[2];

	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, sv));
	PUT(1, 0, sqe_poll(sv[0], POLLIN));
	SUBMIT(1);
	close(sv[1]);
	GET(1);
	EXPECT_EQ(POLLIN | POLLHUP | POLLRDHUP, RES(1) | POLLIN);
	close(sv[0]);
}

/*
 * A waitqueue that goes away while its file stays: a signalfd's, which is that of
 * the signals of the process that polls it. Here it is polled by a child, whose
 * ring the parent keeps open.
 */
TEST_F(poll, waitqueue_goes_away)
{
	int sv[2], ring_fd = -1;
	pid_t pid;
	char c;

	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, sv));
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		struct ring r;
		sigset_t set;
		int fd;

		sigemptyset(&set);
		sigaddset(&set, SIGUSR1);
		fd = signalfd(-1, &set, 0);
		if (fd < 0 || ring_open(&r, 4, variant->setup))
			_exit(1);
		if (!queue(&r, 1, 0, sqe_poll(fd, POLLIN)) ||
		    !queue(&r, 2, 0, sqe_poll_multi(fd, POLLIN)) || ring_submit(&r) != 2)
			_exit(2);
		if (write(sv[1], &r.fd, sizeof(r.fd)) != sizeof(r.fd) || read(sv[1], &c, 1) != 1)
			_exit(3);
		_exit(0);
	}
	ASSERT_EQ((int)sizeof(ring_fd), read(sv[0], &ring_fd, sizeof(ring_fd)));
	ring_fd = syscall(__NR_pidfd_getfd, syscall(__NR_pidfd_open, pid, 0), ring_fd, 0);
	ASSERT_LE(0, ring_fd);
	ASSERT_EQ(1, write(sv[0], "x", 1));
	EXPECT_EQ(0, reap(pid, WAIT_MS));
	/* The poll requests have ended with the process's signals, or will now */
	close(ring_fd);
	close(sv[0]);
	close(sv[1]);
	EXPECT_TRUE(fresh_ring_works());
}

/* With everything armed: the ring goes, and lets go of the files. */
TEST_F(poll, close_ring)
{
	unsigned int i;

	for (i = 0; i < 32; i++) {
		PUT(1, 0, sqe_poll(self->pipe[0], POLLIN));
		PUT(2, 0, sqe_poll_multi(self->pipe[0], POLLIN));
	}
	SUBMIT(64);
	EXPECT_TRUE(ring_quiet(&self->ring));
	ring_close(&self->ring);
	close(self->pipe[0]);
	self->pipe[0] = -1;
	EXPECT_EQ(POLLERR, poll_fd(self->pipe[1], 0, 2000));
	EXPECT_TRUE(fresh_ring_works());
}

/* Many armed at once, each found by its user_data. */
TEST_F(poll, ten_thousand)
{
	const unsigned int nr = 10000;
	struct io_uring_cqe cqe;
	unsigned int i, taken;
	unsigned char *seen;

	seen = calloc(nr, 1);
	ASSERT_NE(NULL, seen);
	for (i = 0; i < nr; i++) {
		ASSERT_TRUE(queue(&self->ring, i, 0, sqe_poll(self->efd, POLLIN)));
		if (i % 64 == 63 || i == nr - 1)
			ASSERT_LT(0, ring_submit(&self->ring));
	}
	for (i = 0; i < nr; i++) {
		struct io_uring_sqe sqe = sqe_poll_remove(nr - 1 - i);

		ASSERT_TRUE(queue(&self->ring, nr, 0, sqe));
		ASSERT_EQ(1, ring_submit(&self->ring));
		for (taken = 0; taken < 2; taken++) {
			ASSERT_EQ(0, ring_wait(&self->ring, &cqe));
			if (cqe.user_data == nr) {
				ASSERT_EQ(0, cqe.res);
			} else {
				ASSERT_EQ(-ECANCELED, cqe.res);
				ASSERT_EQ(0, seen[cqe.user_data]++);
			}
		}
	}
	EXPECT_FALSE(ring_reap(&self->ring, &cqe));
	free(seen);
}

TEST_HARNESS_MAIN
