// SPDX-License-Identifier: GPL-2.0
/*
 * Reads that wait for files which the kernel cannot try without blocking, but which it can
 * poll: terminals, inotify, pipes that were spliced. They wait in poll, not in a thread,
 * however they were submitted and whoever else reads; and who waits for something else
 * in the ring does not notice.
 */
#include "pbuf_test.h"

#include <pthread.h>
#include <sys/inotify.h>
#include <termios.h>

#include "../kselftest_harness.h"

#define DEFER	(IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN)
#define BGID	3

enum file_type { TERMINAL, INOTIFY, SPLICED_PIPE };

/*
 * struct source - a file to read from
 * @in: the file
 * @out: what is written here arrives there; of inotify, the file that is watched
 */
struct source {
	enum file_type type;
	int in;
	int out;
	char path[64];
};

/* splice() takes from a pipe that it can be tried without blocking. */
static int open_spliced(int fds[2])
{
	int null = open("/dev/null", O_WRONLY | O_CLOEXEC);

	if (null < 0 || pipe(fds) || write(fds[1], "x", 1) != 1 ||
	    splice(fds[0], NULL, null, NULL, 1, 0) != 1)
		return -errno;
	close(null);
	return 0;
}

static int open_terminal(struct source *s)
{
	struct termios t;

	s->out = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (s->out < 0 || grantpt(s->out) || unlockpt(s->out) ||
	    ptsname_r(s->out, s->path, sizeof(s->path)))
		return -errno;
	s->in = open(s->path, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (s->in < 0 || tcgetattr(s->in, &t))
		return -errno;
	/* A byte is there when it has been written, and none comes back. */
	cfmakeraw(&t);
	return tcsetattr(s->in, TCSANOW, &t) ? -errno : 0;
}

static int open_source(struct source *s, enum file_type type)
{
	int fds[2], ret;

	s->type = type;
	switch (type) {
	case TERMINAL:
		return open_terminal(s);
	case INOTIFY:
		s->out = tmp_file(s->path, sizeof(s->path));
		s->in = inotify_init1(IN_CLOEXEC);
		if (s->out < 0 || s->in < 0 ||
		    inotify_add_watch(s->in, s->path, IN_MODIFY) < 0)
			return -errno;
		return 0;
	case SPLICED_PIPE:
		ret = open_spliced(fds);
		s->in = fds[0];
		s->out = fds[1];
		return ret;
	}
	return -EINVAL;
}

static void close_source(struct source *s)
{
	close(s->in);
	close(s->out);
}

/* One piece of data for one reader. */
static bool give(struct source *s)
{
	return write(s->out, "a", 1) == 1;
}

static int size_of_piece(const struct source *s)
{
	return s->type == INOTIFY ? (int)sizeof(struct inotify_event) : 1;
}

static bool is_quiet(struct ring *r)
{
	return ring_enter_wait(r, 1, 20) == -ETIME && !ring_ready(r);
}

FIXTURE(rw_wait)
{
	struct ring ring;
	struct source s;
	char buf[8][64];
};

FIXTURE_VARIANT(rw_wait)
{
	enum file_type type;
	unsigned int setup;
	__u8 sqe_flags;
};

FIXTURE_VARIANT_ADD(rw_wait, terminal) {
	.type = TERMINAL,
};

FIXTURE_VARIANT_ADD(rw_wait, terminal_async) {
	.type = TERMINAL,
	.sqe_flags = IOSQE_ASYNC,
};

FIXTURE_VARIANT_ADD(rw_wait, terminal_coop) {
	.type = TERMINAL,
	.setup = IORING_SETUP_COOP_TASKRUN,
};

FIXTURE_VARIANT_ADD(rw_wait, terminal_defer) {
	.type = TERMINAL,
	.setup = DEFER,
};

FIXTURE_VARIANT_ADD(rw_wait, terminal_defer_async) {
	.type = TERMINAL,
	.setup = DEFER,
	.sqe_flags = IOSQE_ASYNC,
};

FIXTURE_VARIANT_ADD(rw_wait, terminal_sqpoll) {
	.type = TERMINAL,
	.setup = IORING_SETUP_SQPOLL,
};

FIXTURE_VARIANT_ADD(rw_wait, inotify) {
	.type = INOTIFY,
};

FIXTURE_VARIANT_ADD(rw_wait, inotify_async) {
	.type = INOTIFY,
	.sqe_flags = IOSQE_ASYNC,
};

FIXTURE_VARIANT_ADD(rw_wait, inotify_defer) {
	.type = INOTIFY,
	.setup = DEFER,
};

FIXTURE_VARIANT_ADD(rw_wait, pipe) {
	.type = SPLICED_PIPE,
};

FIXTURE_VARIANT_ADD(rw_wait, pipe_async) {
	.type = SPLICED_PIPE,
	.sqe_flags = IOSQE_ASYNC,
};

FIXTURE_VARIANT_ADD(rw_wait, pipe_defer) {
	.type = SPLICED_PIPE,
	.setup = DEFER,
};

FIXTURE_SETUP(rw_wait)
{
	const char *missing = setup_missing(variant->setup);

	if (missing)
		SKIP(return, "kernel lacks %s", missing);
	ASSERT_EQ(0, open_source(&self->s, variant->type));
	ASSERT_EQ(0, ring_open(&self->ring, 64, variant->setup));
}

FIXTURE_TEARDOWN(rw_wait)
{
	ring_close(&self->ring);
	close_source(&self->s);
}

static void prep_reads(struct ring *r, struct source *s, char buf[][64], unsigned int nr,
		       __u8 sqe_flags)
{
	unsigned int i;

	for (i = 0; i < nr; i++) {
		struct io_uring_sqe *sqe = prep(r, IORING_OP_READ, s->in, buf[i], 64, 0);

		sqe->flags = sqe_flags;
		sqe->user_data = i;
	}
}

/* Each piece goes to one of several requests; the others go on waiting, without threads. */
TEST_F(rw_wait, one_gets_it)
{
	struct ring *r = &self->ring;
	struct io_uring_cqe cqe;
	unsigned int i, seen = 0;

	prep_reads(r, &self->s, self->buf, 4, variant->sqe_flags);
	ASSERT_EQ(4, ring_submit(r));
	for (i = 0; i < 4; i++) {
		EXPECT_TRUE(is_quiet(r));
		if (!variant->sqe_flags)
			EXPECT_EQ(0, any_worker());
		ASSERT_TRUE(give(&self->s));
		ASSERT_EQ(0, ring_wait(r, &cqe));
		EXPECT_EQ(size_of_piece(&self->s), cqe.res);
		seen |= 1u << cqe.user_data;
	}
	EXPECT_EQ(15u, seen);
}

/* A request that only a worker can do. */
static int run_splice(struct ring *r)
{
	struct io_uring_cqe cqe;
	int from[2], to[2], ret;

	if (pipe(from) || pipe(to) || write(from[1], "b", 1) != 1)
		return -errno;
	*ring_sqe(r) = (struct io_uring_sqe){
		.opcode = IORING_OP_SPLICE, .fd = to[1], .off = -1, .splice_fd_in = from[0],
		.splice_off_in = -1, .len = 1, .user_data = 77,
	};
	if (ring_submit(r) != 1)
		return NO_RESULT;
	ret = ring_wait(r, &cqe);
	close(from[0]);
	close(from[1]);
	close(to[0]);
	close(to[1]);
	if (ret)
		return ret;
	return cqe.user_data == 77 ? cqe.res : NO_RESULT;
}

/* With one worker allowed, requests that wait do not keep it: others have it. */
TEST_F(rw_wait, worker_is_free)
{
	struct ring *r = &self->ring;
	unsigned int i, max[2] = { 1, 1 };
	struct io_uring_cqe cqe;

	ASSERT_EQ(0, sys_register(r->fd, IORING_REGISTER_IOWQ_MAX_WORKERS, max, 2));
	prep_reads(r, &self->s, self->buf, 3, variant->sqe_flags);
	ASSERT_EQ(3, ring_submit(r));
	for (i = 0; i < 3; i++) {
		EXPECT_TRUE(is_quiet(r));
		ASSERT_EQ(1, run_splice(r));
		ASSERT_TRUE(give(&self->s));
		ASSERT_EQ(0, ring_wait(r, &cqe));
		EXPECT_EQ(size_of_piece(&self->s), cqe.res);
	}
}

/* O_NONBLOCK comes and goes, and means nothing to a request that waits. */
TEST_F(rw_wait, nonblock_changes)
{
	struct ring *r = &self->ring;
	struct io_uring_cqe cqe;
	unsigned int i;

	for (i = 0; i < 4; i++) {
		ASSERT_EQ(0, fcntl(self->s.in, F_SETFL, i & 1 ? O_NONBLOCK : 0));
		prep_reads(r, &self->s, self->buf, 2, variant->sqe_flags);
		ASSERT_EQ(2, ring_submit(r));
		EXPECT_TRUE(is_quiet(r));
		ASSERT_EQ(0, fcntl(self->s.in, F_SETFL, i & 2 ? O_NONBLOCK : 0));
		ASSERT_TRUE(give(&self->s));
		ASSERT_EQ(0, ring_wait(r, &cqe));
		EXPECT_EQ(size_of_piece(&self->s), cqe.res);
		EXPECT_TRUE(is_quiet(r));
		ASSERT_TRUE(give(&self->s));
		ASSERT_EQ(0, ring_wait(r, &cqe));
		EXPECT_EQ(size_of_piece(&self->s), cqe.res);
	}
}

/* Cancelling finds them where they wait. */
TEST_F(rw_wait, cancel)
{
	struct ring *r = &self->ring;
	struct io_uring_cqe cqe;
	unsigned int i;

	prep_reads(r, &self->s, self->buf, 2, variant->sqe_flags);
	ASSERT_EQ(2, ring_submit(r));
	EXPECT_TRUE(is_quiet(r));
	prep(r, IORING_OP_ASYNC_CANCEL, -1, (void *)1, 0, 0)->user_data = 99;
	ASSERT_EQ(1, ring_submit(r));
	for (i = 0; i < 2; i++) {
		ASSERT_EQ(0, ring_wait(r, &cqe));
		EXPECT_EQ(cqe.user_data == 99 ? 0 : -ECANCELED, cqe.res);
	}
	ASSERT_TRUE(give(&self->s));
	ASSERT_EQ(0, ring_wait(r, &cqe));
	EXPECT_EQ(size_of_piece(&self->s), cqe.res);
	EXPECT_EQ(0u, cqe.user_data);
}

/* Start a multishot read of @in, into one of 16 buffers for each shot */
static void start_shots(struct __test_metadata *_metadata, struct ring *r, struct pbufs *bufs,
			int in, __u8 sqe_flags)
{
	ASSERT_EQ(0, pbufs_open(bufs, r, 16, 64, BGID, 0));
	pbufs_give(bufs, 0, 16);
	*ring_sqe(r) = (struct io_uring_sqe){
		.opcode = IORING_OP_READ_MULTISHOT, .fd = in, .buf_group = BGID,
		.flags = sqe_flags | IOSQE_BUFFER_SELECT, .user_data = 5,
	};
	ASSERT_EQ(1, ring_submit(r));
}

/* There is something to read: the shot with number @i comes, and not the last one */
static void expect_shot(struct __test_metadata *_metadata, struct ring *r, struct source *s,
			unsigned int i)
{
	struct io_uring_cqe cqe;

	ASSERT_TRUE(give(s));
	ASSERT_EQ(0, ring_wait(r, &cqe));
	ASSERT_EQ(size_of_piece(s), cqe.res);
	EXPECT_EQ((int)i, cqe_bid(&cqe));
	EXPECT_EQ(IORING_CQE_F_MORE, cqe.flags & IORING_CQE_F_MORE);
}

/* A multishot read: on a blocking file, and when O_NONBLOCK goes away under it. */
TEST_F(rw_wait, multishot)
{
	struct ring *r = &self->ring;
	struct pbufs bufs;
	unsigned int i;
	long start;

	ASSERT_EQ(0, fcntl(self->s.in, F_SETFL, O_NONBLOCK));
	start_shots(_metadata, r, &bufs, self->s.in, variant->sqe_flags);
	start = now_ms();
	for (i = 0; i < 6; i++) {
		EXPECT_TRUE(is_quiet(r));
		if (i == 1)
			ASSERT_EQ(0, fcntl(self->s.in, F_SETFL, 0));
		expect_shot(_metadata, r, &self->s, i);
	}
	EXPECT_TRUE(is_quiet(r));
	/* Had it blocked, all this would not have been seen before a signal. */
	EXPECT_GT(WAIT_MS, now_ms() - start);
}

/* The same of a file that has been blocking from the start. */
TEST_F(rw_wait, multishot_of_a_blocking_file)
{
	struct ring *r = &self->ring;
	struct pbufs bufs;
	unsigned int i;

	start_shots(_metadata, r, &bufs, self->s.in, variant->sqe_flags);
	for (i = 0; i < 3; i++) {
		EXPECT_TRUE(is_quiet(r));
		expect_shot(_metadata, r, &self->s, i);
	}
	EXPECT_TRUE(is_quiet(r));
}

/* Some regular files have to be waited for, too. They are done by workers, when ready. */
TEST(kernel_messages)
{
	int file = tmp_file(NULL, 0), log = open("/dev/kmsg", O_WRONLY | O_CLOEXEC);
	int in = open("/proc/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	unsigned int i, max[2] = { 1, 1 };
	struct io_uring_cqe cqe;
	char buf[2][4096];
	struct ring r;

	if (in < 0 || log < 0)
		SKIP(return, "needs root");
	while (read(in, buf[0], sizeof(buf[0])) > 0)
		;
	ASSERT_EQ(0, fcntl(in, F_SETFL, 0));

	ASSERT_EQ(0, ring_open(&r, 4, 0));
	ASSERT_EQ(0, sys_register(r.fd, IORING_REGISTER_IOWQ_MAX_WORKERS, max, 2));
	for (i = 0; i < 2; i++) {
		struct io_uring_sqe *sqe = prep(&r, IORING_OP_READ, in, buf[i], 4096, -1);

		sqe->flags = i ? IOSQE_ASYNC : 0;
		sqe->user_data = i;
	}
	prep(&r, IORING_OP_FSYNC, file, NULL, 0, 0)->user_data = 2;
	ASSERT_EQ(3, ring_submit(&r));
	ASSERT_EQ(0, ring_wait(&r, &cqe));
	/* Unless the kernel has something to say just now */
	while (cqe.user_data != 2 && cqe.res > 0)
		ASSERT_EQ(0, ring_wait(&r, &cqe));
	EXPECT_EQ(2u, cqe.user_data);
	EXPECT_EQ(0, cqe.res);

	/* Cancelled where they wait, or blocked until there is something to read */
	ring_close(&r);
	EXPECT_EQ(8, write(log, "<7>done\n", 8));
	close(in);
	close(log);
	close(file);
}

/* ------------------------------------------------------------------------
 * Readers that are faster
 */

/*
 * 300 times woken, and the data is gone: that is no reason to give up or to occupy a thread.
 * On a deferred ring the request looks when its thread enters, so the order is certain.
 */
static void lose_often(struct __test_metadata *_metadata, struct source *s, int flags)
{
	struct io_uring_cqe cqe;
	struct ring r;
	char buf[8][64];
	int i;

	ASSERT_EQ(0, ring_open(&r, 8, DEFER));
	ASSERT_EQ(0, fcntl(s->in, F_SETFL, flags));
	prep_reads(&r, s, buf, 1, 0);
	ASSERT_EQ(1, ring_submit(&r));
	for (i = 0; i < 300; i++) {
		ASSERT_TRUE(give(s));
		ASSERT_EQ(size_of_piece(s), read(s->in, buf[1], 64));
		ASSERT_EQ(0, ring_flush(&r));
		ASSERT_EQ(0u, ring_ready(&r));
	}
	EXPECT_EQ(0, any_worker());
	ASSERT_TRUE(give(s));
	ASSERT_EQ(0, ring_wait(&r, &cqe));
	EXPECT_EQ(size_of_piece(s), cqe.res);
	ring_close(&r);
}

TEST(lose_terminal)
{
	struct source s;

	ASSERT_EQ(0, open_source(&s, TERMINAL));
	lose_often(_metadata, &s, 0);
	lose_often(_metadata, &s, O_NONBLOCK);
	close_source(&s);
}

TEST(lose_inotify)
{
	struct source s;

	ASSERT_EQ(0, open_source(&s, INOTIFY));
	lose_often(_metadata, &s, 0);
	lose_often(_metadata, &s, O_NONBLOCK);
	close_source(&s);
}

TEST(lose_pipe)
{
	struct source s = { .type = SPLICED_PIPE };
	int fds[2];

	ASSERT_EQ(0, pipe(fds));
	s.in = fds[0];
	s.out = fds[1];
	lose_often(_metadata, &s, 0);
	lose_often(_metadata, &s, O_NONBLOCK);
	close_source(&s);
}

#define PIECES	2000

struct rival {
	int fd;
	unsigned int got;
};

/* Reads as fast as it can until the writer hangs up. */
static void *be_faster(void *arg)
{
	struct rival *rival = arg;
	char buf[64];
	ssize_t n;

	while ((n = read(rival->fd, buf, sizeof(buf))) > 0)
		__atomic_fetch_add(&rival->got, n, __ATOMIC_RELAXED);
	return NULL;
}

/*
 * A thread that reads the same file may take the data between a request's look and its
 * read. Entering must not block then: the last piece is given only after it has returned.
 */
static void race(struct __test_metadata *_metadata, enum file_type type)
{
	unsigned int i, got = 0;
	struct io_uring_cqe cqe;
	struct rival rival = { };
	struct source s;
	pthread_t thread;
	struct ring r;
	char buf[8][64];

	ASSERT_EQ(0, open_source(&s, type));
	ASSERT_EQ(0, ring_open(&r, 8, DEFER));
	rival.fd = s.in;
	ASSERT_EQ(0, pthread_create(&thread, NULL, be_faster, &rival));
	for (i = 0; i < PIECES; i++) {
		if (!(i % 8)) {
			prep_reads(&r, &s, buf, 1, 0);
			ASSERT_EQ(1, ring_submit(&r));
		}
		ASSERT_TRUE(give(&s));
		ASSERT_EQ(0, ring_flush(&r));
		while (ring_reap(&r, &cqe)) {
			ASSERT_LT(0, cqe.res);
			got += cqe.res;
		}
	}
	/* A terminal that is hung up drops what nobody has read yet. */
	for (i = 0; i < 200 && got + __atomic_load_n(&rival.got, __ATOMIC_RELAXED) < PIECES; i++) {
		if (!ring_wait_ms(&r, &cqe, 100))
			got += cqe.res > 0 ? cqe.res : 0;
	}
	EXPECT_EQ((unsigned int)PIECES, got + __atomic_load_n(&rival.got, __ATOMIC_RELAXED));

	/* The end, for all that wait. */
	close(s.out);
	ASSERT_EQ(0, pthread_join(thread, NULL));
	ring_close(&r);
	close(s.in);
}

FIXTURE(rivals) {
};

FIXTURE_SETUP(rivals)
{
}

FIXTURE_TEARDOWN(rivals)
{
}

TEST_F_TIMEOUT(rivals, terminal, 120)
{
	race(_metadata, TERMINAL);
}

TEST_F_TIMEOUT(rivals, pipe, 120)
{
	race(_metadata, SPLICED_PIPE);
}

TEST_HARNESS_MAIN
