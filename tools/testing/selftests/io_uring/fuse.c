// SPDX-License-Identifier: GPL-2.0
/*
 * Reads and writes of a regular file that another program serves, and takes its time for.
 * Here that is a thread: a file system that is a single file, by FUSE.
 */
#include "iou_test.h"

#include <linux/fuse.h>
#include <pthread.h>
#include <semaphore.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "../kselftest_harness.h"

#define SIZE	4096

/*
 * struct server - who serves the file
 * @dev: the connection to the kernel
 * @error: that reads and writes end with, 0: none
 * @answer: posted for each read and write that is to be answered
 * @nr_late: how many were answered although nobody had said so
 */
struct server {
	int dev;
	int error;
	sem_t answer;
	int nr_late;
};

static void reply(int dev, const struct fuse_in_header *in, int error, void *data, size_t len)
{
	char buf[sizeof(struct fuse_out_header) + SIZE] = "";
	struct fuse_out_header out = {
		.len = sizeof(out) + len, .error = error, .unique = in->unique,
	};

	memcpy(buf, &out, sizeof(out));
	if (len)
		memcpy(buf + sizeof(out), data, len);
	if (write(dev, buf, out.len) < 0)
		perror("fuse");
}

static void reply_init(int dev, const struct fuse_in_header *in, const struct fuse_init_in *init)
{
	struct fuse_init_out out = {
		.major = FUSE_KERNEL_VERSION,
		.minor = init->minor < FUSE_KERNEL_MINOR_VERSION ? init->minor :
								   FUSE_KERNEL_MINOR_VERSION,
		.max_readahead = init->max_readahead,
		.max_write = SIZE,
	};

	reply(dev, in, 0, &out, sizeof(out));
}

static void reply_attr(int dev, const struct fuse_in_header *in)
{
	struct fuse_attr_out out = {
		.attr = { .ino = 1, .size = SIZE, .mode = S_IFREG | 0600, .nlink = 1 },
	};

	reply(dev, in, 0, &out, sizeof(out));
}

/* Answer when somebody says so, or after three seconds */
static void wait_to_answer(struct server *s)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	ts.tv_sec += 3;
	if (sem_timedwait(&s->answer, &ts))
		s->nr_late++;
}

/* It is ready. What is read or written then waits for an answer of its own */
static void serve_poll(struct server *s, const struct fuse_in_header *in)
{
	struct fuse_poll_out out = { .revents = POLLIN | POLLOUT };

	wait_to_answer(s);
	sem_post(&s->answer);
	reply(s->dev, in, 0, &out, sizeof(out));
}

static void serve_transfer(struct server *s, const struct fuse_in_header *in, const void *arg)
{
	struct fuse_write_out written = { .size = ((const struct fuse_write_in *)arg)->size };
	char data[SIZE] = "";

	wait_to_answer(s);
	if (s->error)
		reply(s->dev, in, s->error, NULL, 0);
	else if (in->opcode == FUSE_WRITE)
		reply(s->dev, in, 0, &written, sizeof(written));
	else
		reply(s->dev, in, 0, data, ((const struct fuse_read_in *)arg)->size);
}

static void *serve(void *arg)
{
	struct fuse_open_out opened = { .open_flags = FOPEN_DIRECT_IO };
	char buf[FUSE_MIN_READ_BUFFER + SIZE];
	struct fuse_in_header *in = (void *)buf;
	struct server *s = arg;

	while (read(s->dev, buf, sizeof(buf)) > 0) {
		switch (in->opcode) {
		case FUSE_INIT:
			reply_init(s->dev, in, (void *)(in + 1));
			break;
		case FUSE_GETATTR:
			reply_attr(s->dev, in);
			break;
		case FUSE_OPEN:
			reply(s->dev, in, 0, &opened, sizeof(opened));
			break;
		case FUSE_POLL:
			serve_poll(s, in);
			break;
		case FUSE_READ:
		case FUSE_WRITE:
			serve_transfer(s, in, in + 1);
			break;
		case FUSE_FLUSH:
		case FUSE_RELEASE:
			reply(s->dev, in, 0, NULL, 0);
			break;
		case FUSE_FORGET:
		case FUSE_INTERRUPT:
			break;
		default:
			reply(s->dev, in, -EOPNOTSUPP, NULL, 0);
		}
	}
	return NULL;
}

FIXTURE(fuse)
{
	struct ring ring;
	struct server server;
	pthread_t thread;
	char path[64];
	char buf[SIZE];
};

FIXTURE_VARIANT(fuse)
{
	unsigned int setup;
	__u8 sqe_flags;
};

FIXTURE_VARIANT_ADD(fuse, plain) {
};

FIXTURE_VARIANT_ADD(fuse, async) {
	.sqe_flags = IOSQE_ASYNC,
};

FIXTURE_VARIANT_ADD(fuse, defer) {
	.setup = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN,
};

FIXTURE_SETUP(fuse)
{
	const char *missing = setup_missing(variant->setup);
	char options[128];
	int fd;

	if (missing)
		SKIP(return, "kernel lacks %s", missing);
	self->server.dev = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	if (self->server.dev < 0)
		SKIP(return, "no FUSE");
	snprintf(self->path, sizeof(self->path), "/tmp/iou_fuse.XXXXXX");
	fd = mkstemp(self->path);
	ASSERT_LE(0, fd);
	close(fd);
	snprintf(options, sizeof(options), "fd=%d,rootmode=100000,user_id=0,group_id=0",
		 self->server.dev);
	if (mount("iou_test", self->path, "fuse", MS_NOSUID | MS_NODEV, options)) {
		unlink(self->path);
		SKIP(return, "may not mount");
	}
	ASSERT_EQ(0, sem_init(&self->server.answer, 0, 0));
	ASSERT_EQ(0, pthread_create(&self->thread, NULL, serve, &self->server));
	ASSERT_EQ(0, ring_open(&self->ring, 8, variant->setup));
}

FIXTURE_TEARDOWN(fuse)
{
	if (!self->thread)
		return;
	ring_close(&self->ring);
	/* Whoever still waits for the server is told that it has gone */
	umount2(self->path, MNT_FORCE | MNT_DETACH);
	pthread_cancel(self->thread);
	pthread_join(self->thread, NULL);
	close(self->server.dev);
	unlink(self->path);
}

/* Whoever submits does not wait for the server, O_NONBLOCK or not; a worker does. */
TEST_F(fuse, submission_waits_for_nobody)
{
	static const int ops[] = { IORING_OP_READ, IORING_OP_WRITE };
	static const int flags[] = { 0, O_NONBLOCK };
	struct ring *r = &self->ring;
	unsigned int i;

	if (untouched())
		SKIP(return, "this kernel asks the server whether it is ready");
	for (i = 0; i < 4; i++) {
		int fd = open(self->path, O_RDWR | O_CLOEXEC | flags[i & 1]);
		struct io_uring_cqe cqe;

		ASSERT_LE(0, fd);
		prep(r, ops[i >> 1], fd, self->buf, SIZE, 0)->flags = variant->sqe_flags;
		ASSERT_EQ(1, ring_submit(r));
		ASSERT_EQ(0, sem_post(&self->server.answer));
		ASSERT_EQ(0, ring_wait(r, &cqe));
		EXPECT_EQ(SIZE, cqe.res);
		EXPECT_EQ(0, self->server.nr_late) {
			TH_LOG("op %d, flags %#x", ops[i >> 1], flags[i & 1]);
		}
		close(fd);
	}
}

/* A server that says EAGAIN has the last word, as in read(2) and write(2). */
TEST_F(fuse, server_would_block)
{
	static const int ops[] = { IORING_OP_READ, IORING_OP_WRITE };
	struct ring *r = &self->ring;
	unsigned int i;
	int fd;

	if (untouched())
		SKIP(return, "this kernel asks again and again");
	fd = open(self->path, O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, fd);
	self->server.error = -EAGAIN;
	for (i = 0; i < 2; i++) {
		struct io_uring_cqe cqe;

		prep(r, ops[i], fd, self->buf, SIZE, 0)->flags = variant->sqe_flags;
		ASSERT_EQ(1, ring_submit(r));
		/* It is asked whether it is ready before and after */
		ASSERT_EQ(0, sem_post(&self->server.answer));
		ASSERT_EQ(0, sem_post(&self->server.answer));
		ASSERT_EQ(0, ring_wait(r, &cqe));
		EXPECT_EQ(-EAGAIN, cqe.res);
		EXPECT_EQ(0, self->server.nr_late);
	}
	close(fd);
}

/* Two reads at the position, the second of which waits for the first. Return: 0, or where */
static int two_at_the_position(const char *path, unsigned int setup, int ready)
{
	char buf[2][SIZE];
	struct ring r;
	int i, fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || ring_open(&r, 4, setup))
		return 1;
	for (i = 0; i < 2; i++)
		prep(&r, IORING_OP_READ, fd, buf[i], SIZE / 2, -1)->flags = IOSQE_ASYNC;
	if (ring_submit(&r) != 2 || !wait_workers(getpid(), 2, true, WAIT_MS) ||
	    write(ready, "r", 1) != 1)
		return 2;

	for (i = 0; i < 2; i++) {
		struct io_uring_cqe cqe;

		if (ring_wait(&r, &cqe))
			return 3;
		if (cqe.res != SIZE / 2)
			return 4;
	}
	return 0;
}

/* Its program is stopped while a worker waits for the file position: it goes on afterwards. */
TEST_F(fuse, stopped_before_the_position)
{
	int ready[2], status;
	pid_t pid;
	char c;

	if (untouched())
		SKIP(return, "this kernel reads where the first one does");
	ASSERT_EQ(0, pipe(ready));
	pid = fork();
	if (!pid)
		_exit(two_at_the_position(self->path, variant->setup, ready[1]));
	ASSERT_EQ(1, read(ready[0], &c, 1));
	ASSERT_EQ(0, kill(pid, SIGSTOP));
	/* Whoever waits for a server stops when that has answered */
	poll(NULL, 0, 50);
	ASSERT_EQ(0, sem_post(&self->server.answer));
	ASSERT_EQ(pid, waitpid(pid, &status, WUNTRACED));
	EXPECT_TRUE(WIFSTOPPED(status));

	ASSERT_EQ(0, kill(pid, SIGCONT));
	ASSERT_EQ(0, sem_post(&self->server.answer));
	status = reap(pid, WAIT_MS);
	EXPECT_EQ(0, status) {
		TH_LOG("status %#x", status);
	}
	EXPECT_EQ(0, self->server.nr_late);
	close(ready[0]);
	close(ready[1]);
}

TEST_HARNESS_MAIN
