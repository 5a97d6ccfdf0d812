// SPDX-License-Identifier: GPL-2.0
/*
 * READ, WRITE, READV and WRITEV on files that are at once ready (regular files,
 * block devices) and on those where a request may have to wait (pipes, sockets,
 * eventfds), in all the ways a request may be carried out.
 *
 * Where the system calls of the same name have many results, they are the
 * reference.
 */
#include "disk_test.h"

#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <linux/fs.h>
#include <linux/loop.h>

#include "../kselftest_harness.h"

#define NOBODY		65534

/* linux/ioprio.h is not on every machine. */
#define PRIO(class, level)	((class) << 13 | (level))
#define PRIO_RT		1
#define PRIO_BE		2
#define PRIO_IDLE	3

/* How a request is to be carried out. */
struct mode {
	unsigned int setup;
	__u8 sqe_flags;
};

#define DEFER	(IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN)

static int run(struct ring *r, const struct mode *m, int op, int fd, const void *addr,
	       unsigned int len, __u64 off)
{
	struct io_uring_sqe *sqe = prep(r, op, fd, addr, len, off);

	if (!sqe)
		return NO_RESULT;
	sqe->flags = m->sqe_flags;
	return ring_result(r);
}

static int run_flags(struct ring *r, const struct mode *m, int op, int fd, const void *addr,
		     unsigned int len, __u64 off, unsigned int rw_flags)
{
	struct io_uring_sqe *sqe = prep(r, op, fd, addr, len, off);

	if (!sqe)
		return NO_RESULT;
	sqe->flags = m->sqe_flags;
	sqe->rw_flags = rw_flags;
	return ring_result(r);
}

/* ------------------------------------------------------------------------
 * Files that are always ready
 */

#define SIZE	(64 * 1024)

enum file_type { REGULAR, MEMFD, LOOPDEV };

FIXTURE(file)
{
	struct ring ring;
	struct mode m;
	int fd;
	int backing;
	int loop_ctl;
	char path[64];
	char *buf;
	char *other;
};

FIXTURE_VARIANT(file)
{
	enum file_type type;
	struct mode m;
};

FIXTURE_VARIANT_ADD(file, regular) {
	.type = REGULAR,
};

FIXTURE_VARIANT_ADD(file, regular_async) {
	.type = REGULAR,
	.m.sqe_flags = IOSQE_ASYNC,
};

FIXTURE_VARIANT_ADD(file, regular_no_sqarray) {
	.type = REGULAR,
	.m.setup = IORING_SETUP_NO_SQARRAY,
};

FIXTURE_VARIANT_ADD(file, regular_coop) {
	.type = REGULAR,
	.m.setup = IORING_SETUP_COOP_TASKRUN,
};

FIXTURE_VARIANT_ADD(file, regular_defer) {
	.type = REGULAR,
	.m.setup = DEFER,
};

FIXTURE_VARIANT_ADD(file, regular_defer_async) {
	.type = REGULAR,
	.m.setup = DEFER,
	.m.sqe_flags = IOSQE_ASYNC,
};

FIXTURE_VARIANT_ADD(file, memfd) {
	.type = MEMFD,
};

FIXTURE_VARIANT_ADD(file, memfd_async) {
	.type = MEMFD,
	.m.sqe_flags = IOSQE_ASYNC,
};

FIXTURE_VARIANT_ADD(file, memfd_defer) {
	.type = MEMFD,
	.m.setup = DEFER,
};

FIXTURE_VARIANT_ADD(file, blockdev) {
	.type = LOOPDEV,
};

FIXTURE_VARIANT_ADD(file, blockdev_async) {
	.type = LOOPDEV,
	.m.sqe_flags = IOSQE_ASYNC,
};

FIXTURE_VARIANT_ADD(file, blockdev_defer) {
	.type = LOOPDEV,
	.m.setup = DEFER,
};

/* A loop device on @backing: its fd, or -errno. */
static int open_loop(int backing, char *path, size_t size)
{
	int ctl = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
	int nr, fd, tries;

	if (ctl < 0)
		return -errno;
	/* Somebody else may take the free one first. */
	for (tries = 0; tries < 10; tries++) {
		nr = ioctl(ctl, LOOP_CTL_GET_FREE);
		snprintf(path, size, "/dev/loop%d", nr);
		fd = nr < 0 ? -1 : open(path, O_RDWR | O_CLOEXEC);
		if (fd < 0)
			break;
		if (!ioctl(fd, LOOP_SET_FD, backing)) {
			close(ctl);
			return fd;
		}
		close(fd);
	}
	close(ctl);
	return -ENODEV;
}

FIXTURE_SETUP(file)
{
	const char *missing = setup_missing(variant->m.setup);

	if (missing)
		SKIP(return, "kernel lacks %s", missing);
	self->m = variant->m;
	self->backing = -1;
	switch (variant->type) {
	case REGULAR:
		self->fd = tmp_file(self->path, sizeof(self->path));
		break;
	case MEMFD:
		self->fd = memfd_create("iou_test", MFD_CLOEXEC);
		snprintf(self->path, sizeof(self->path), "/proc/self/fd/%d", self->fd);
		break;
	case LOOPDEV:
		self->backing = tmp_file(NULL, 0);
		ASSERT_LE(0, self->backing);
		ASSERT_EQ(0, ftruncate(self->backing, SIZE));
		self->fd = open_loop(self->backing, self->path, sizeof(self->path));
		if (self->fd < 0) {
			close(self->backing);
			SKIP(return, "no loop device (%s)", strerror(-self->fd));
		}
		break;
	}
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, ring_open(&self->ring, 64, variant->m.setup));
	self->buf = pages(SIZE);
	self->other = pages(SIZE);
	ASSERT_NE(NULL, self->buf);
	ASSERT_NE(NULL, self->other);
	fill_pattern(self->buf, SIZE, 1);
	ASSERT_EQ(SIZE, pwrite(self->fd, self->buf, SIZE, 0));
	ASSERT_EQ(0, lseek(self->fd, 0, SEEK_SET));
	memset(self->buf, 0, SIZE);
}

FIXTURE_TEARDOWN(file)
{
	ring_close(&self->ring);
	if (variant->type == LOOPDEV) {
		/* The kernel complains about what could not be written. */
		fsync(self->fd);
		ioctl(self->fd, LOOP_CLR_FD);
	}
	close(self->fd);
	close(self->backing);
}

TEST_F(file, read_what_is_there)
{
	struct ring *r = &self->ring;

	EXPECT_EQ(SIZE, run(r, &self->m, IORING_OP_READ, self->fd, self->buf, SIZE, 0));
	EXPECT_TRUE(has_pattern(self->buf, SIZE, 1));
	EXPECT_EQ(100, run(r, &self->m, IORING_OP_READ, self->fd, self->other, 100, 12345));
	EXPECT_EQ(0, memcmp(self->other, self->buf + 12345, 100));
	EXPECT_EQ(0, self->other[100]);
	EXPECT_EQ(0, lseek(self->fd, 0, SEEK_CUR));
}

TEST_F(file, write_and_read_back)
{
	struct ring *r = &self->ring;

	fill_pattern(self->buf, SIZE, 2);
	EXPECT_EQ(SIZE, run(r, &self->m, IORING_OP_WRITE, self->fd, self->buf, SIZE, 0));
	ASSERT_EQ(SIZE, pread(self->fd, self->other, SIZE, 0));
	EXPECT_TRUE(has_pattern(self->other, SIZE, 2));
	memset(self->buf, 'x', 1000);
	EXPECT_EQ(1000, run(r, &self->m, IORING_OP_WRITE, self->fd, self->buf, 1000, 5000));
	memset(self->other, 0, SIZE);
	EXPECT_EQ(SIZE, run(r, &self->m, IORING_OP_READ, self->fd, self->other, SIZE, 0));
	fill_pattern(self->buf, SIZE, 2);
	memset(self->buf + 5000, 'x', 1000);
	EXPECT_EQ(0, memcmp(self->buf, self->other, SIZE));
	EXPECT_EQ(0, lseek(self->fd, 0, SEEK_CUR));
}

TEST_F(file, vectors)
{
	struct ring *r = &self->ring;
	struct iovec in[5], out[4];
	size_t at = 0;
	unsigned int i;

	fill_pattern(self->buf, 20000, 3);
	static const size_t in_len[] = { 1, 4095, 0, 12904, 3000 };
	static const size_t out_len[] = { 10000, 1, 7, 9992 };

	for (i = 0; i < ARRAY_LEN(in); at += in_len[i++]) {
		in[i].iov_base = self->buf + at;
		in[i].iov_len = in_len[i];
	}
	ASSERT_EQ(20000u, at);
	/* Scattered backwards: the last segment comes first in memory. */
	for (i = 0, at = 40000; i < ARRAY_LEN(out); i++) {
		at -= out_len[i];
		out[i].iov_base = self->other + at;
		out[i].iov_len = out_len[i];
	}
	EXPECT_EQ(20000, run(r, &self->m, IORING_OP_WRITEV, self->fd, in, 5, 777));
	EXPECT_EQ(20000, run(r, &self->m, IORING_OP_READV, self->fd, out, 4, 777));
	for (i = 0, at = 0; i < ARRAY_LEN(out); at += out_len[i++])
		EXPECT_EQ(0, memcmp(out[i].iov_base, self->buf + at, out_len[i]));
	EXPECT_EQ(0, self->other[19999]);
	EXPECT_EQ(0, self->other[40000]);
}

/* The vector is copied when the request is submitted. */
TEST_F(file, vector_overwritten_after_submit)
{
	struct iovec iov[20];
	struct io_uring_cqe cqe;
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(iov); i++) {
		iov[i].iov_base = self->buf + i * 1000;
		iov[i].iov_len = 1000;
	}
	prep(&self->ring, IORING_OP_READV, self->fd, iov, ARRAY_LEN(iov), 0)->flags =
		self->m.sqe_flags;
	ASSERT_EQ(1, ring_submit(&self->ring));
	memset(iov, 0xff, sizeof(iov));
	ASSERT_EQ(0, ring_wait(&self->ring, &cqe));
	EXPECT_EQ(20000, cqe.res);
	EXPECT_TRUE(has_pattern(self->buf, 20000, 1));
}

TEST_F(file, vector_errors)
{
	struct ring *r = &self->ring;
	struct iovec *iov = calloc(1025, sizeof(*iov));
	unsigned int i;

	ASSERT_NE(NULL, iov);
	for (i = 0; i < 1025; i++) {
		iov[i].iov_base = self->buf + i * 16;
		iov[i].iov_len = 16;
	}
	EXPECT_EQ(0, run(r, &self->m, IORING_OP_READV, self->fd, iov, 0, 0));
	EXPECT_EQ(16384, run(r, &self->m, IORING_OP_READV, self->fd, iov, 1024, 0));
	EXPECT_TRUE(has_pattern(self->buf, 16384, 1));
	EXPECT_EQ(-EINVAL, run(r, &self->m, IORING_OP_READV, self->fd, iov, 1025, 0));
	EXPECT_EQ(-EINVAL, run(r, &self->m, IORING_OP_WRITEV, self->fd, iov, 1025, 0));
	EXPECT_EQ(-EINVAL, run(r, &self->m, IORING_OP_READV, self->fd, iov, UINT_MAX, 0));
	EXPECT_EQ(-EFAULT, run(r, &self->m, IORING_OP_READV, self->fd, no_access(4096), 1, 0));
	EXPECT_EQ(-EFAULT, run(r, &self->m, IORING_OP_WRITEV, self->fd, no_access(4096), 9, 0));
	EXPECT_EQ(-EFAULT, run(r, &self->m, IORING_OP_READV, self->fd, NULL, 2, 0));
	iov[1].iov_len = SIZE_MAX;
	EXPECT_EQ(-EINVAL, run(r, &self->m, IORING_OP_READV, self->fd, iov, 2, 0));
	iov[1].iov_len = (size_t)SSIZE_MAX + 1;
	EXPECT_EQ(-EINVAL, run(r, &self->m, IORING_OP_WRITEV, self->fd, iov, 2, 0));
	free(iov);
}

/* Offset -1 means the file's own position, which moves. */
TEST_F(file, current_position)
{
	struct ring *r = &self->ring;
	struct iovec iov = { .iov_base = self->buf + 3000, .iov_len = 500 };

	EXPECT_EQ(1000, run(r, &self->m, IORING_OP_READ, self->fd, self->buf, 1000, -1));
	EXPECT_EQ(1000, lseek(self->fd, 0, SEEK_CUR));
	EXPECT_EQ(2000, run(r, &self->m, IORING_OP_READ, self->fd, self->buf + 1000, 2000, -1));
	EXPECT_EQ(3000, lseek(self->fd, 0, SEEK_CUR));
	EXPECT_EQ(500, run(r, &self->m, IORING_OP_READV, self->fd, &iov, 1, -1));
	EXPECT_TRUE(has_pattern(self->buf, 3500, 1));
	/* One with an offset leaves it alone. */
	EXPECT_EQ(10, run(r, &self->m, IORING_OP_READ, self->fd, self->buf, 10, 0));
	EXPECT_EQ(3500, lseek(self->fd, 0, SEEK_CUR));
	/* Writes move it too. */
	memset(self->other, 'w', 300);
	EXPECT_EQ(300, run(r, &self->m, IORING_OP_WRITE, self->fd, self->other, 300, -1));
	EXPECT_EQ(3800, lseek(self->fd, 0, SEEK_CUR));
	ASSERT_EQ(300, pread(self->fd, self->buf, 300, 3500));
	EXPECT_EQ(0, memcmp(self->buf, self->other, 300));
	/* Failures do not. */
	EXPECT_EQ(-EFAULT, run(r, &self->m, IORING_OP_READ, self->fd, no_access(4096), 10, -1));
	EXPECT_EQ(3800, lseek(self->fd, 0, SEEK_CUR));
}

/* Is each of eight blocks of 1000 bytes full of one letter, and each of another one? */
static bool eight_blocks(const char *buf, char first)
{
	unsigned int i, j, seen = 0;

	for (i = 0; i < 8; i++) {
		for (j = 1; j < 1000; j++)
			if (buf[i * 1000 + j] != buf[i * 1000])
				return false;
		seen |= 1u << (buf[i * 1000] - first);
	}
	return seen == 255;
}

/* Several in flight: each takes what the position is when its turn has come. */
TEST_F(file, current_position_in_turn)
{
	static const int ops[] = { IORING_OP_WRITE, IORING_OP_READ };
	struct ring *r = &self->ring;
	struct io_uring_cqe cqe;
	unsigned int i, j;

	for (i = 0; i < 8; i++)
		memset(self->buf + i * 1000, 'a' + i, 1000);
	for (j = 0; j < 2; j++) {
		ASSERT_EQ(0, lseek(self->fd, 0, SEEK_SET));
		for (i = 0; i < 8; i++)
			prep(r, ops[j], self->fd, self->buf + i * 1000, 1000, -1)->flags =
				self->m.sqe_flags;
		ASSERT_EQ(8, ring_submit(r));
		for (i = 0; i < 8; i++) {
			ASSERT_EQ(0, ring_wait(r, &cqe));
			EXPECT_EQ(1000, cqe.res);
		}
		EXPECT_EQ(8000, lseek(self->fd, 0, SEEK_CUR));
		ASSERT_EQ(8000, pread(self->fd, self->other, 8000, 0));
		EXPECT_TRUE(eight_blocks(self->other, 'a'));
		EXPECT_TRUE(eight_blocks(self->buf, 'a'));
	}
}

static int nr_signals;

static void count_signal(int sig)
{
	__atomic_add_fetch(&nr_signals, 1, __ATOMIC_SEQ_CST);
}

/* In a process of its own: a write across the limit. 0: a short write, and no signal. */
static int write_over_limit(const struct mode *m, const char *path, int flags, char *buf)
{
	struct rlimit limit = { 6144, 6144 };
	int fd = open(path, O_RDWR | O_CLOEXEC | flags), res;
	struct ring r;

	if (fd < 0 || ring_open(&r, 4, m->setup))
		return 1;
	signal(SIGXFSZ, count_signal);
	if (setrlimit(RLIMIT_FSIZE, &limit))
		return 2;
	res = run(&r, m, IORING_OP_WRITE, fd, buf, 8192, 0);
	if (res != 6144)
		return 3;
	return __atomic_load_n(&nr_signals, __ATOMIC_SEQ_CST) ? 4 : 0;
}

TEST_F(file, size_limit)
{
	static const int flags[] = { 0, O_NONBLOCK, O_DIRECT, O_DIRECT | O_NONBLOCK };
	unsigned int i;
	pid_t pid;

	if (variant->type == LOOPDEV)
		SKIP(return, "the limit is for regular files");
	for (i = 0; i < ARRAY_LEN(flags); i++) {
		ASSERT_EQ(0, ftruncate(self->fd, 0));
		ASSERT_EQ(0, ftruncate(self->fd, SIZE));
		pid = fork();
		ASSERT_LE(0, pid);
		if (!pid)
			_exit(write_over_limit(&self->m, self->path, flags[i], self->buf));
		EXPECT_EQ(0, reap(pid, WAIT_MS)) {
			TH_LOG("flags %#x", flags[i]);
		}
	}
}

TEST_F(file, short_at_the_end)
{
	struct ring *r = &self->ring;
	struct iovec iov[2] = {
		{ .iov_base = self->buf, .iov_len = 100 },
		{ .iov_base = self->buf + 100, .iov_len = 100 },
	};

	EXPECT_EQ(10, run(r, &self->m, IORING_OP_READ, self->fd, self->buf, 4096, SIZE - 10));
	EXPECT_EQ(150, run(r, &self->m, IORING_OP_READV, self->fd, iov, 2, SIZE - 150));
	EXPECT_EQ(0, run(r, &self->m, IORING_OP_READ, self->fd, self->buf, 4096, SIZE));
	EXPECT_EQ(0, run(r, &self->m, IORING_OP_READ, self->fd, self->buf, 4096, SIZE * 10ULL));
	EXPECT_EQ(0, run(r, &self->m, IORING_OP_READ, self->fd, self->buf, 0, 0));
	EXPECT_EQ(0, run(r, &self->m, IORING_OP_WRITE, self->fd, self->buf, 0, 0));
	/* The length is an upper bound, which may be larger than any buffer. */
	EXPECT_EQ(10, run(r, &self->m, IORING_OP_READ, self->fd, self->buf, UINT_MAX, SIZE - 10));
}

/* Results of the system calls, whatever they are. */
TEST_F(file, same_as_pread)
{
	struct ring *r = &self->ring;
	char *half = pages(8192);
	const struct {
		void *buf;
		size_t len;
		long long off;
	} t[] = {
		{ no_access(4096), 100, 0 },
		{ NULL, 100, 0 },
		{ (void *)-4096L, 100, 0 },
		{ half, 8192, 0 },
		{ half + 4000, 200, 0 },
		{ half + 4096, 1, 0 },
		{ half + 4096, 1, SIZE },
		{ self->other, 4096, -2 },
		{ self->other, 4096, LLONG_MIN },
		{ self->other, 4096, LLONG_MAX },
		{ self->other, 4096, LLONG_MAX - 4096 },
		{ self->other, 4096, LLONG_MAX - 4095 },
	};
	unsigned int i;
	ssize_t want;

	ASSERT_NE(NULL, half);
	ASSERT_EQ(0, munmap(half + 4096, 4096));
	for (i = 0; i < ARRAY_LEN(t); i++) {
		want = pread(self->fd, t[i].buf, t[i].len, t[i].off);
		if (want < 0)
			want = -errno;
		EXPECT_EQ(want, run(r, &self->m, IORING_OP_READ, self->fd, t[i].buf, t[i].len,
				    t[i].off)) {
			TH_LOG("read %u", i);
		}
		want = pwrite(self->fd, t[i].buf, t[i].len, t[i].off);
		if (want < 0)
			want = -errno;
		EXPECT_EQ(want, run(r, &self->m, IORING_OP_WRITE, self->fd, t[i].buf, t[i].len,
				    t[i].off)) {
			TH_LOG("write %u", i);
		}
	}
}

TEST_F(file, wrong_direction)
{
	struct ring *r = &self->ring;
	struct iovec iov = { .iov_base = self->buf, .iov_len = 16 };
	int rd = open(self->path, O_RDONLY | O_CLOEXEC);
	int wr = open(self->path, O_WRONLY | O_CLOEXEC);
	int path = open(self->path, O_PATH | O_CLOEXEC);

	ASSERT_LE(0, rd);
	ASSERT_LE(0, wr);
	ASSERT_LE(0, path);
	EXPECT_EQ(-EBADF, run(r, &self->m, IORING_OP_WRITE, rd, self->buf, 16, 0));
	EXPECT_EQ(-EBADF, run(r, &self->m, IORING_OP_WRITEV, rd, &iov, 1, 0));
	EXPECT_EQ(-EBADF, run(r, &self->m, IORING_OP_READ, wr, self->buf, 16, 0));
	EXPECT_EQ(-EBADF, run(r, &self->m, IORING_OP_READV, wr, &iov, 1, 0));
	EXPECT_EQ(-EBADF, run(r, &self->m, IORING_OP_READ, path, self->buf, 16, 0));
	EXPECT_EQ(-EBADF, run(r, &self->m, IORING_OP_READ, -1, self->buf, 16, 0));
	EXPECT_EQ(-EBADF, run(r, &self->m, IORING_OP_WRITE, 1000000, self->buf, 16, 0));
	EXPECT_EQ(16, run(r, &self->m, IORING_OP_READ, rd, self->buf, 16, 0));
	EXPECT_EQ(16, run(r, &self->m, IORING_OP_WRITE, wr, self->buf, 16, 0));
	close(rd);
	close(wr);
	close(path);
}

TEST_F(file, rw_flags)
{
	struct ring *r = &self->ring;
	struct iovec iov = { .iov_base = self->buf, .iov_len = 16 };
	unsigned int bit;

	EXPECT_EQ(16, run_flags(r, &self->m, IORING_OP_WRITE, self->fd, self->buf, 16, 0,
				RWF_DSYNC));
	EXPECT_EQ(16, run_flags(r, &self->m, IORING_OP_WRITEV, self->fd, &iov, 1, 0,
				RWF_SYNC));
	EXPECT_EQ(16, run_flags(r, &self->m, IORING_OP_READ, self->fd, self->buf, 16, 0,
				RWF_DSYNC));
	/* Polled I/O is for rings that poll. */
	EXPECT_EQ(-EINVAL, run_flags(r, &self->m, IORING_OP_READ, self->fd, self->buf, 16, 0,
				     RWF_HIPRI));
	EXPECT_EQ(-EINVAL, run_flags(r, &self->m, IORING_OP_WRITEV, self->fd, &iov, 1, 0,
				     RWF_HIPRI));
	/* Lower bits may get a meaning. */
	for (bit = 16; bit < 32; bit++) {
		EXPECT_EQ(-EOPNOTSUPP, run_flags(r, &self->m, IORING_OP_READ, self->fd,
						 self->buf, 16, 0, 1u << bit)) {
			TH_LOG("bit %u", bit);
		}
	}
}

TEST_F(file, rw_flags_append)
{
	struct ring *r = &self->ring;
	struct stat st;

	memset(self->other, 'a', 100);
	if (variant->type == LOOPDEV) {
		/* It has no end to append to: the offset counts. */
		EXPECT_EQ(100, run_flags(r, &self->m, IORING_OP_WRITE, self->fd, self->other,
					 100, 200, RWF_APPEND));
		ASSERT_EQ(100, pread(self->fd, self->buf, 100, 200));
		EXPECT_EQ(0, memcmp(self->buf, self->other, 100));
		return;
	}
	EXPECT_EQ(100, run_flags(r, &self->m, IORING_OP_WRITE, self->fd, self->other, 100, 0,
				 RWF_APPEND));
	EXPECT_EQ(50, run_flags(r, &self->m, IORING_OP_WRITE, self->fd, self->other, 50, -1,
				RWF_APPEND));
	ASSERT_EQ(0, fstat(self->fd, &st));
	EXPECT_EQ(SIZE + 150, st.st_size);
	ASSERT_EQ(SIZE, pread(self->fd, self->buf, SIZE, 0));
	EXPECT_TRUE(has_pattern(self->buf, SIZE, 1));
	ASSERT_EQ(150, pread(self->fd, self->buf, SIZE, SIZE));
	EXPECT_EQ(0, memcmp(self->buf, self->other, 100));
}

/* RWF_NOWAIT: what can be had at once, and never anything else. */
TEST_F(file, rw_flags_nowait)
{
	int res = run_flags(&self->ring, &self->m, IORING_OP_READ, self->fd, self->buf, 4096, 0,
			    RWF_NOWAIT);

	EXPECT_TRUE(res == 4096 || res == -EAGAIN || res == -EOPNOTSUPP) {
		TH_LOG("%d", res);
	}
	if (res == 4096)
		EXPECT_TRUE(has_pattern(self->buf, 4096, 1));
}

/*
 * RWF_NOWAIT for a write, also where the file system can only write with blocking: that is
 * to be told as any other wait. A worker, if the program asks for one, blocks.
 */
TEST_F(file, rw_flags_nowait_write)
{
	struct iovec iov = { .iov_base = self->other, .iov_len = 16 };
	bool known = preadv2(self->fd, &iov, 1, 0, RWF_NOWAIT) >= 0 || errno != EOPNOTSUPP;
	int res = run_flags(&self->ring, &self->m, IORING_OP_WRITE, self->fd, self->buf, 16, 0,
			    RWF_NOWAIT);

	if (!known)
		ASSERT_EQ(-EOPNOTSUPP, res);
	if (known && res != -EAGAIN)
		ASSERT_EQ(16, res);
	if (known && (self->m.sqe_flags & IOSQE_ASYNC))
		ASSERT_EQ(16, res);
}

TEST_F(file, io_priority)
{
	static const struct {
		unsigned short prio;
		int res;
	} t[] = {
		{ 0, 16 },
		{ PRIO(PRIO_BE, 0), 16 },
		{ PRIO(PRIO_BE, 7), 16 },
		{ PRIO(PRIO_IDLE, 0), 16 },
		{ PRIO(4, 0), -EINVAL },
		{ PRIO(7, 0), -EINVAL },
		{ PRIO(5, 3), -EINVAL },
	};
	struct io_uring_sqe *sqe;
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(t); i++) {
		sqe = prep(&self->ring, IORING_OP_READ, self->fd, self->buf, 16, 0);
		ASSERT_NE(NULL, sqe);
		sqe->flags = self->m.sqe_flags;
		sqe->ioprio = t[i].prio;
		EXPECT_EQ(t[i].res, ring_result(&self->ring)) {
			TH_LOG("prio %#x", t[i].prio);
		}
	}
}

TEST_F(file, io_priority_needs_privilege)
{
	struct mode m = self->m;
	pid_t pid;

	if (getuid())
		SKIP(return, "needs root");
	pid = fork();
	if (!pid) {
		struct io_uring_sqe *sqe;
		struct ring r;

		if (setresuid(NOBODY, NOBODY, NOBODY) || ring_open(&r, 4, m.setup))
			_exit(255);
		sqe = prep(&r, IORING_OP_READ, self->fd, self->buf, 16, 0);
		sqe->flags = m.sqe_flags;
		sqe->ioprio = PRIO(PRIO_RT, 0);
		_exit(-ring_result(&r));
	}
	EXPECT_EQ(EPERM << 8, reap(pid, WAIT_MS));
}

TEST_F(file, no_buffer_to_select)
{
	struct io_uring_sqe *sqe;

	/* Not for writes. */
	sqe = prep(&self->ring, IORING_OP_WRITE, self->fd, self->buf, 16, 0);
	sqe->flags = self->m.sqe_flags | IOSQE_BUFFER_SELECT;
	EXPECT_EQ(-EOPNOTSUPP, ring_result(&self->ring));
	sqe = prep(&self->ring, IORING_OP_WRITEV, self->fd, self->buf, 1, 0);
	sqe->flags = self->m.sqe_flags | IOSQE_BUFFER_SELECT;
	EXPECT_EQ(-EOPNOTSUPP, ring_result(&self->ring));
}

/* Many at once, completed in any order, each with its own data. */
TEST_F(file, many_in_flight)
{
	const unsigned int n = 64, len = SIZE / n;
	struct io_uring_cqe cqe;
	unsigned int i, round;

	for (round = 0; round < 4; round++) {
		for (i = 0; i < n; i++) {
			struct io_uring_sqe *sqe;

			fill_pattern(self->buf + i * len, len, i + round);
			sqe = prep(&self->ring, IORING_OP_WRITE, self->fd, self->buf + i * len,
				   len, i * len);
			ASSERT_NE(NULL, sqe);
			sqe->flags = self->m.sqe_flags;
			sqe->user_data = i;
		}
		ASSERT_EQ((int)n, ring_submit(&self->ring));
		for (i = 0; i < n; i++) {
			ASSERT_EQ(0, ring_wait(&self->ring, &cqe));
			EXPECT_EQ((int)len, cqe.res);
		}
		memset(self->other, 0, SIZE);
		for (i = 0; i < n; i++) {
			struct io_uring_sqe *sqe = prep(&self->ring, IORING_OP_READ, self->fd,
							self->other + i * len, len, i * len);

			ASSERT_NE(NULL, sqe);
			sqe->flags = self->m.sqe_flags;
			sqe->user_data = i;
		}
		ASSERT_EQ((int)n, ring_submit(&self->ring));
		for (i = 0; i < n; i++) {
			ASSERT_EQ(0, ring_wait(&self->ring, &cqe));
			EXPECT_EQ((int)len, cqe.res);
			EXPECT_TRUE(has_pattern(self->other + cqe.user_data * len, len,
						cqe.user_data + round));
		}
	}
}

/* Appending writes to one file do not run into each other. */
TEST_F(file, concurrent_appends)
{
	const unsigned int n = 64, len = 1000;
	unsigned long long seen = 0;
	struct io_uring_cqe cqe;
	struct stat st;
	unsigned int i;
	int fd;

	if (variant->type == LOOPDEV)
		SKIP(return, "nothing can be appended to a block device");
	ASSERT_EQ(0, ftruncate(self->fd, 0));
	fd = open(self->path, O_WRONLY | O_APPEND | O_CLOEXEC);
	ASSERT_LE(0, fd);
	for (i = 0; i < n; i++) {
		struct io_uring_sqe *sqe;

		memset(self->buf + i * len, i + 1, len);
		sqe = prep(&self->ring, IORING_OP_WRITE, fd, self->buf + i * len, len, -1);
		ASSERT_NE(NULL, sqe);
		sqe->flags = self->m.sqe_flags;
	}
	ASSERT_EQ((int)n, ring_submit(&self->ring));
	for (i = 0; i < n; i++) {
		ASSERT_EQ(0, ring_wait(&self->ring, &cqe));
		EXPECT_EQ((int)len, cqe.res);
	}
	ASSERT_EQ(0, fstat(fd, &st));
	EXPECT_EQ(n * len, (unsigned int)st.st_size);
	ASSERT_EQ((ssize_t)(n * len), pread(self->fd, self->other, SIZE, 0));
	for (i = 0; i < n * len; i++)
		ASSERT_EQ(self->other[i / len * len], self->other[i]);
	for (i = 0; i < n; i++)
		seen |= 1ull << (self->other[i * len] - 1);
	EXPECT_EQ(ULLONG_MAX, seen);
	close(fd);
}

/* Pages that are not in memory have to be waited for. */
TEST_F(file, cold_cache)
{
	struct io_uring_cqe cqe;
	unsigned int i;

	ASSERT_EQ(0, fsync(self->fd));
	ASSERT_EQ(0, posix_fadvise(self->fd, 0, 0, POSIX_FADV_DONTNEED));
	ASSERT_EQ(0, posix_fadvise(self->fd, 0, 0, POSIX_FADV_RANDOM));
	for (i = 0; i < 32; i++) {
		struct io_uring_sqe *sqe = prep(&self->ring, IORING_OP_READ, self->fd,
						self->buf + i * 2048, 2048, i * 2048);

		ASSERT_NE(NULL, sqe);
		sqe->flags = self->m.sqe_flags;
	}
	ASSERT_EQ(32, ring_submit(&self->ring));
	for (i = 0; i < 32; i++) {
		ASSERT_EQ(0, ring_wait(&self->ring, &cqe));
		EXPECT_EQ(2048, cqe.res);
	}
	EXPECT_TRUE(has_pattern(self->buf, SIZE, 1));
}

TEST_F(file, direct)
{
	struct ring *r = &self->ring;
	int fd = open(self->path, O_RDWR | O_DIRECT | O_CLOEXEC);
	struct io_uring_cqe cqe;
	ssize_t want;
	unsigned int i;

	if (fd < 0)
		SKIP(return, "no O_DIRECT (%s)", strerror(errno));
	fill_pattern(self->buf, SIZE, 9);
	for (i = 0; i < 16; i++)
		prep(r, IORING_OP_WRITE, fd, self->buf + i * 4096, 4096, i * 4096)->flags =
			self->m.sqe_flags;
	ASSERT_EQ(16, ring_submit(r));
	for (i = 0; i < 16; i++) {
		ASSERT_EQ(0, ring_wait(r, &cqe));
		EXPECT_EQ(4096, cqe.res);
	}
	EXPECT_EQ(SIZE, run(r, &self->m, IORING_OP_READ, fd, self->other, SIZE, 0));
	EXPECT_TRUE(has_pattern(self->other, SIZE, 9));

	/* At the end, and misaligned in each way. */
	EXPECT_EQ(4096, run(r, &self->m, IORING_OP_READ, fd, self->other, 8192, SIZE - 4096));
	EXPECT_EQ(0, run(r, &self->m, IORING_OP_READ, fd, self->other, 4096, SIZE));
	want = pread(fd, self->other + 1, 4096, 0);
	EXPECT_EQ(want < 0 ? -errno : want,
		  run(r, &self->m, IORING_OP_READ, fd, self->other + 1, 4096, 0));
	want = pread(fd, self->other, 100, 0);
	EXPECT_EQ(want < 0 ? -errno : want,
		  run(r, &self->m, IORING_OP_READ, fd, self->other, 100, 0));
	want = pread(fd, self->other, 4096, 1);
	EXPECT_EQ(want < 0 ? -errno : want,
		  run(r, &self->m, IORING_OP_READ, fd, self->other, 4096, 1));
	close(fd);
}

/* ------------------------------------------------------------------------
 * Files where one has to wait
 */

enum stream_type { PIPE, UNIX_STREAM, UNIX_PACKET, EVENTFD };

FIXTURE(stream)
{
	struct ring ring;
	struct mode m;
	int in;		/* to read from */
	int out;	/* what is written here arrives there */
	unsigned int len;
};

FIXTURE_VARIANT(stream)
{
	enum stream_type type;
	struct mode m;
};

FIXTURE_VARIANT_ADD(stream, pipe) {
	.type = PIPE,
};

FIXTURE_VARIANT_ADD(stream, pipe_async) {
	.type = PIPE,
	.m.sqe_flags = IOSQE_ASYNC,
};

FIXTURE_VARIANT_ADD(stream, pipe_no_sqarray) {
	.type = PIPE,
	.m.setup = IORING_SETUP_NO_SQARRAY,
};

FIXTURE_VARIANT_ADD(stream, pipe_coop) {
	.type = PIPE,
	.m.setup = IORING_SETUP_COOP_TASKRUN,
};

FIXTURE_VARIANT_ADD(stream, pipe_defer) {
	.type = PIPE,
	.m.setup = DEFER,
};

FIXTURE_VARIANT_ADD(stream, pipe_defer_async) {
	.type = PIPE,
	.m.setup = DEFER,
	.m.sqe_flags = IOSQE_ASYNC,
};

FIXTURE_VARIANT_ADD(stream, socket) {
	.type = UNIX_STREAM,
};

FIXTURE_VARIANT_ADD(stream, socket_async) {
	.type = UNIX_STREAM,
	.m.sqe_flags = IOSQE_ASYNC,
};

FIXTURE_VARIANT_ADD(stream, socket_defer) {
	.type = UNIX_STREAM,
	.m.setup = DEFER,
};

FIXTURE_VARIANT_ADD(stream, seqpacket) {
	.type = UNIX_PACKET,
};

FIXTURE_VARIANT_ADD(stream, eventfd) {
	.type = EVENTFD,
};

FIXTURE_VARIANT_ADD(stream, eventfd_async) {
	.type = EVENTFD,
	.m.sqe_flags = IOSQE_ASYNC,
};

FIXTURE_VARIANT_ADD(stream, eventfd_coop) {
	.type = EVENTFD,
	.m.setup = IORING_SETUP_COOP_TASKRUN,
};

FIXTURE_VARIANT_ADD(stream, eventfd_defer) {
	.type = EVENTFD,
	.m.setup = DEFER,
};

FIXTURE_SETUP(stream)
{
	const char *missing = setup_missing(variant->m.setup);
	int fds[2];

	if (missing)
		SKIP(return, "kernel lacks %s", missing);
	signal(SIGPIPE, SIG_IGN);
	self->m = variant->m;
	self->len = 8;
	switch (variant->type) {
	case PIPE:
		ASSERT_EQ(0, pipe(fds));
		break;
	case UNIX_STREAM:
		ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, fds));
		break;
	case UNIX_PACKET:
		ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_SEQPACKET, 0, fds));
		break;
	case EVENTFD:
		fds[0] = eventfd(0, EFD_SEMAPHORE);
		fds[1] = dup(fds[0]);
		ASSERT_LE(0, fds[0]);
		ASSERT_LE(0, fds[1]);
		break;
	}
	self->in = fds[0];
	self->out = fds[1];
	ASSERT_EQ(0, ring_open(&self->ring, 64, variant->m.setup));
}

FIXTURE_TEARDOWN(stream)
{
	ring_close(&self->ring);
	close(self->in);
	close(self->out);
}

/* One unit of data; the eventfd counts it and hands it out again. */
static const __u64 unit = 1;

static struct io_uring_sqe *prep_read(struct ring *r, const struct mode *m, int fd, void *buf,
				      unsigned int len)
{
	struct io_uring_sqe *sqe = prep(r, IORING_OP_READ, fd, buf, len, -1);

	if (sqe)
		sqe->flags = m->sqe_flags;
	return sqe;
}

/* Nothing completes for now; a little patience catches what would be wrong. */
static bool still_nothing(struct ring *r)
{
	return ring_enter_wait(r, 1, 20) == -ETIME && !ring_ready(r);
}

TEST_F(stream, ready)
{
	struct ring *r = &self->ring;
	__u64 v = 0;

	ASSERT_EQ(8, write(self->out, &unit, 8));
	EXPECT_EQ(8, run(r, &self->m, IORING_OP_READ, self->in, &v, 8, -1));
	EXPECT_EQ(1ull, (unsigned long long)v);
	EXPECT_EQ(8, run(r, &self->m, IORING_OP_WRITE, self->out, &unit, 8, -1));
	v = 0;
	ASSERT_EQ(8, read(self->in, &v, 8));
	EXPECT_EQ(1ull, (unsigned long long)v);
}

/* There is no position: any offset will do. Only sockets insist on 0. */
TEST_F(stream, offset)
{
	struct ring *r = &self->ring;
	bool socket = variant->type == UNIX_STREAM || variant->type == UNIX_PACKET;
	int want = socket ? -ESPIPE : 8;
	struct iovec iov;
	__u64 v = 0;

	EXPECT_EQ(8, run(r, &self->m, IORING_OP_WRITE, self->out, &unit, 8, 0));
	EXPECT_EQ(want, run(r, &self->m, IORING_OP_WRITE, self->out, &unit, 8, 12345));
	EXPECT_EQ(want, run(r, &self->m, IORING_OP_READ, self->in, &v, 8, 1ULL << 40));
	iov.iov_base = &v;
	iov.iov_len = 8;
	EXPECT_EQ(want, run(r, &self->m, IORING_OP_READV, self->in, &iov, 1, 4096));
	EXPECT_EQ(socket ? 8 : -EAGAIN, run_flags(r, &self->m, IORING_OP_READ, self->in, &v, 8, 0,
						  RWF_NOWAIT));
	EXPECT_EQ(1ull, (unsigned long long)v);
}

TEST_F(stream, read_waits)
{
	struct ring *r = &self->ring;
	struct io_uring_cqe cqe;
	__u64 v = 0;

	prep_read(r, &self->m, self->in, &v, 8)->user_data = 11;
	ASSERT_EQ(1, ring_submit(r));
	EXPECT_TRUE(still_nothing(r));
	ASSERT_EQ(8, write(self->out, &unit, 8));
	ASSERT_EQ(0, ring_wait(r, &cqe));
	EXPECT_EQ(11u, cqe.user_data);
	EXPECT_EQ(8, cqe.res);
	EXPECT_EQ(1ull, (unsigned long long)v);
	EXPECT_TRUE(still_nothing(r));
}

TEST_F(stream, readv_waits)
{
	struct ring *r = &self->ring;
	struct io_uring_cqe cqe;
	char b[8] = "";
	struct iovec iov[3] = {
		{ .iov_base = b, .iov_len = 3 },
		{ .iov_base = b + 3, .iov_len = 1 },
		{ .iov_base = b + 4, .iov_len = 4 },
	};

	prep(r, IORING_OP_READV, self->in, iov, 3, -1)->flags = self->m.sqe_flags;
	ASSERT_EQ(1, ring_submit(r));
	memset(iov, 0xee, sizeof(iov));
	EXPECT_TRUE(still_nothing(r));
	ASSERT_EQ(8, write(self->out, &unit, 8));
	ASSERT_EQ(0, ring_wait(r, &cqe));
	EXPECT_EQ(8, cqe.res);
	EXPECT_EQ(0, memcmp(b, &unit, 8));
}

/* O_NONBLOCK is about the system calls: a request waits all the same. */
TEST_F(stream, nonblocking_file_waits)
{
	struct ring *r = &self->ring;
	struct io_uring_cqe cqe;
	__u64 v = 0;

	ASSERT_EQ(0, fcntl(self->in, F_SETFL, O_NONBLOCK));
	ASSERT_NE(NULL, prep_read(r, &self->m, self->in, &v, 8));
	ASSERT_EQ(1, ring_submit(r));
	EXPECT_TRUE(still_nothing(r));
	ASSERT_EQ(8, write(self->out, &unit, 8));
	ASSERT_EQ(0, ring_wait(r, &cqe));
	EXPECT_EQ(8, cqe.res);
	EXPECT_EQ(1ull, (unsigned long long)v);
}

TEST_F(stream, nowait_does_not_wait)
{
	struct ring *r = &self->ring;
	__u64 v = 0;

	EXPECT_EQ(-EAGAIN, run_flags(r, &self->m, IORING_OP_READ, self->in, &v, 8, -1,
				     RWF_NOWAIT));
	ASSERT_EQ(8, write(self->out, &unit, 8));
	EXPECT_EQ(8, run_flags(r, &self->m, IORING_OP_READ, self->in, &v, 8, -1, RWF_NOWAIT));
	EXPECT_EQ(1ull, (unsigned long long)v);
}

TEST_F(stream, flags)
{
	struct ring *r = &self->ring;
	__u64 v = 0;

	ASSERT_EQ(8, write(self->out, &unit, 8));
	EXPECT_EQ(-EINVAL, run_flags(r, &self->m, IORING_OP_READ, self->in, &v, 8, -1,
				     RWF_HIPRI));
	EXPECT_EQ(-EOPNOTSUPP, run_flags(r, &self->m, IORING_OP_READ, self->in, &v, 8, -1,
					 1u << 30));
	EXPECT_EQ(8, run(r, &self->m, IORING_OP_READ, self->in, &v, 8, -1));
}

TEST_F(stream, buffer_faults)
{
	struct ring *r = &self->ring;
	struct io_uring_cqe cqe;

	ASSERT_EQ(8, write(self->out, &unit, 8));
	EXPECT_EQ(-EFAULT, run(r, &self->m, IORING_OP_READ, self->in, no_access(4096), 8, -1));
	EXPECT_EQ(-EFAULT, run(r, &self->m, IORING_OP_WRITE, self->out, no_access(4096), 8, -1));
	/* Also one that finds out only when the data comes. */
	while (poll_fd(self->in, POLLIN, 0) == POLLIN) {
		char drain[64];

		ASSERT_LT(0, read(self->in, drain, sizeof(drain)));
	}
	ASSERT_NE(NULL, prep_read(r, &self->m, self->in, no_access(4096), 8));
	ASSERT_EQ(1, ring_submit(r));
	EXPECT_TRUE(still_nothing(r));
	ASSERT_EQ(8, write(self->out, &unit, 8));
	ASSERT_EQ(0, ring_wait(r, &cqe));
	EXPECT_EQ(-EFAULT, cqe.res);
}

/* As many as the ring holds wait on one file; each gets its share. */
TEST_F(stream, many_wait)
{
	struct ring *r = &self->ring;
	unsigned long long seen = 0;
	struct io_uring_cqe cqe;
	unsigned int i;
	__u64 v[64] = { };

	for (i = 0; i < 64; i++)
		prep_read(r, &self->m, self->in, &v[i], 8)->user_data = i;
	ASSERT_EQ(64, ring_submit(r));
	EXPECT_TRUE(still_nothing(r));
	/* One at a time, then all the rest. */
	for (i = 0; i < 8; i++) {
		ASSERT_EQ(8, write(self->out, &unit, 8));
		ASSERT_EQ(0, ring_wait(r, &cqe));
		EXPECT_EQ(8, cqe.res);
		seen |= 1ull << cqe.user_data;
		EXPECT_FALSE(ring_reap(r, &cqe));
	}
	for (; i < 64; i++)
		ASSERT_EQ(8, write(self->out, &unit, 8));
	for (i = 8; i < 64; i++) {
		ASSERT_EQ(0, ring_wait(r, &cqe));
		EXPECT_EQ(8, cqe.res);
		seen |= 1ull << cqe.user_data;
	}
	EXPECT_EQ(ULLONG_MAX, seen);
	for (i = 0; i < 64; i++)
		EXPECT_EQ(1ull, (unsigned long long)v[i]);
}

/* Back and forth with another process, many times. */
TEST_F(stream, ping_pong)
{
	const unsigned int rounds = 300;
	struct ring *r = &self->ring;
	int back[2];
	unsigned int i;
	pid_t pid;
	__u64 v;

	ASSERT_EQ(0, pipe(back));
	pid = fork();
	if (!pid) {
		for (i = 0; i < rounds; i++) {
			if (write(self->out, &unit, 8) != 8 || read(back[0], &v, 8) != 8)
				_exit(1);
			if (v != i)
				_exit(2);
		}
		_exit(0);
	}
	for (i = 0; i < rounds; i++) {
		v = 0;
		ASSERT_EQ(8, run(r, &self->m, IORING_OP_READ, self->in, &v, 8, -1));
		ASSERT_EQ(1ull, (unsigned long long)v);
		v = i;
		ASSERT_EQ(8, run(r, &self->m, IORING_OP_WRITE, back[1], &v, 8, -1));
	}
	EXPECT_EQ(0, reap(pid, WAIT_MS));
	close(back[0]);
	close(back[1]);
}

TEST_F(stream, end_of_file)
{
	struct ring *r = &self->ring;
	struct io_uring_cqe cqe;
	__u64 v;

	ASSERT_NE(NULL, prep_read(r, &self->m, self->in, &v, 8));
	ASSERT_EQ(1, ring_submit(r));
	EXPECT_TRUE(still_nothing(r));
	close(self->out);
	if (variant->type == EVENTFD) {
		/* Its two ends are one and the same. */
		EXPECT_TRUE(still_nothing(r));
		ASSERT_EQ(8, write(self->in, &unit, 8));
		ASSERT_EQ(0, ring_wait(r, &cqe));
		EXPECT_EQ(8, cqe.res);
		return;
	}
	ASSERT_EQ(0, ring_wait(r, &cqe));
	EXPECT_EQ(0, cqe.res);
	/* And again, now without waiting. */
	EXPECT_EQ(0, run(r, &self->m, IORING_OP_READ, self->in, &v, 8, -1));
}

TEST_F(stream, nobody_reads)
{
	int want = variant->type == EVENTFD ? 8 : -EPIPE;

	close(self->in);
	EXPECT_EQ(want, run(&self->ring, &self->m, IORING_OP_WRITE, self->out, &unit, 8, -1));
}

/* No room: the write waits until somebody reads. */
TEST_F(stream, write_waits)
{
	struct ring *r = &self->ring;
	struct io_uring_cqe cqe;
	char block[4096] = "";
	__u64 most = ULLONG_MAX - 1;
	ssize_t filled = 0, n;

	ASSERT_EQ(0, fcntl(self->out, F_SETFL, O_NONBLOCK));
	if (variant->type == EVENTFD) {
		ASSERT_EQ(8, write(self->out, &most, 8));
	} else {
		while ((n = write(self->out, block, sizeof(block))) > 0)
			filled += n;
		while ((n = write(self->out, block, 8)) > 0)
			filled += n;
	}
	ASSERT_EQ(0, fcntl(self->out, F_SETFL, 0));
	prep(r, IORING_OP_WRITE, self->out, &unit, 8, -1)->flags = self->m.sqe_flags;
	ASSERT_EQ(1, ring_submit(r));
	EXPECT_TRUE(still_nothing(r));
	if (variant->type == EVENTFD)
		ASSERT_EQ(8, read(self->in, block, 8));
	while (filled > 0) {
		n = read(self->in, block, sizeof(block));
		ASSERT_LT(0, n);
		filled -= n;
	}
	ASSERT_EQ(0, ring_wait(r, &cqe));
	EXPECT_EQ(8, cqe.res);
	if (variant->type != EVENTFD) {
		ASSERT_EQ(8, read(self->in, block, sizeof(block)));
		EXPECT_EQ(0, memcmp(block, &unit, 8));
	}
}

/* Vectors, in order, in one piece. */
TEST_F(stream, writev)
{
	struct ring *r = &self->ring;
	char text[17] = "";
	struct iovec iov[3] = {
		{ .iov_base = "abcd", .iov_len = 4 },
		{ .iov_base = "efghijk", .iov_len = 7 },
		{ .iov_base = "lmnop", .iov_len = 5 },
	};

	if (variant->type == EVENTFD) {
		/* It takes 8 bytes at a time. */
		EXPECT_EQ(-EINVAL, run(r, &self->m, IORING_OP_WRITEV, self->out, iov, 3, -1));
		return;
	}
	EXPECT_EQ(16, run(r, &self->m, IORING_OP_WRITEV, self->out, iov, 3, -1));
	EXPECT_EQ(16, run(r, &self->m, IORING_OP_READ, self->in, text, 16, -1));
	EXPECT_STREQ("abcdefghijklmnop", text);
}

/* ------------------------------------------------------------------------
 * Files of other kinds
 */

FIXTURE(other)
{
	struct ring ring;
	struct mode m;
	char buf[4096];
};

FIXTURE_VARIANT(other)
{
	struct mode m;
};

FIXTURE_VARIANT_ADD(other, plain) {
	.m.setup = 0,
};

FIXTURE_VARIANT_ADD(other, async) {
	.m.sqe_flags = IOSQE_ASYNC,
};

FIXTURE_VARIANT_ADD(other, defer) {
	.m.setup = DEFER,
};

FIXTURE_SETUP(other)
{
	const char *missing = setup_missing(variant->m.setup);

	if (missing)
		SKIP(return, "kernel lacks %s", missing);
	self->m = variant->m;
	ASSERT_EQ(0, ring_open(&self->ring, 8, variant->m.setup));
}

FIXTURE_TEARDOWN(other)
{
	ring_close(&self->ring);
}

TEST_F(other, null_zero_full)
{
	struct ring *r = &self->ring;
	char zero[4096] = "";
	int fd;

	fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, fd);
	EXPECT_EQ(4096, run(r, &self->m, IORING_OP_WRITE, fd, self->buf, 4096, -1));
	EXPECT_EQ(0, run(r, &self->m, IORING_OP_READ, fd, self->buf, 4096, 0));
	close(fd);
	fd = open("/dev/zero", O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, fd);
	memset(self->buf, 'x', 4096);
	EXPECT_EQ(4096, run(r, &self->m, IORING_OP_READ, fd, self->buf, 4096, 0));
	EXPECT_EQ(0, memcmp(self->buf, zero, 4096));
	close(fd);
	fd = open("/dev/full", O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, fd);
	EXPECT_EQ(-ENOSPC, run(r, &self->m, IORING_OP_WRITE, fd, self->buf, 4096, 0));
	close(fd);
}

TEST_F(other, directory)
{
	int fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	ASSERT_LE(0, fd);
	EXPECT_EQ(-EISDIR, run(&self->ring, &self->m, IORING_OP_READ, fd, self->buf, 16, 0));
	EXPECT_EQ(-EBADF, run(&self->ring, &self->m, IORING_OP_WRITE, fd, self->buf, 16, 0));
	close(fd);
}

TEST_F(other, eventfd_lengths)
{
	struct ring *r = &self->ring;
	int fd = eventfd(3, EFD_CLOEXEC);
	__u64 v = ULLONG_MAX;

	ASSERT_LE(0, fd);
	EXPECT_EQ(-EINVAL, run(r, &self->m, IORING_OP_READ, fd, &v, 4, -1));
	EXPECT_EQ(-EINVAL, run(r, &self->m, IORING_OP_WRITE, fd, &v, 8, -1));
	EXPECT_EQ(-EINVAL, run(r, &self->m, IORING_OP_WRITE, fd, &unit, 7, -1));
	EXPECT_EQ(8, run(r, &self->m, IORING_OP_READ, fd, &v, 8, -1));
	EXPECT_EQ(3ull, (unsigned long long)v);
	close(fd);
}

/* Readable by poll(), but without a method for it. */
TEST_F(other, epoll)
{
	struct epoll_event ev = { .events = EPOLLIN };
	int fd = epoll_create1(EPOLL_CLOEXEC);
	int efd = eventfd(1, EFD_CLOEXEC);

	ASSERT_LE(0, fd);
	ASSERT_LE(0, efd);
	ASSERT_EQ(0, epoll_ctl(fd, EPOLL_CTL_ADD, efd, &ev));
	EXPECT_EQ(-EINVAL, run(&self->ring, &self->m, IORING_OP_READ, fd, self->buf, 16, 0));
	close(efd);
	close(fd);
}

/* What rw_flags ask for in vain comes before the method that there is not. */
TEST_F(other, flags_before_method)
{
	int fd[] = { epoll_create1(EPOLL_CLOEXEC), timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC) };
	int i;

	for (i = 0; i < 2; i++) {
		ASSERT_LE(0, fd[i]);
		EXPECT_EQ(-EOPNOTSUPP, run_flags(&self->ring, &self->m, IORING_OP_WRITE, fd[i],
						 self->buf, 16, 0, 1u << 31));
	}
	EXPECT_EQ(-EOPNOTSUPP, run_flags(&self->ring, &self->m, IORING_OP_WRITE, fd[0],
					 self->buf, 16, 0, RWF_NOWAIT));
	EXPECT_EQ(-EINVAL, run(&self->ring, &self->m, IORING_OP_WRITE, fd[1], self->buf, 16, 0));
	close(fd[0]);
	close(fd[1]);
}

TEST_F(other, a_ring)
{
	struct ring target;

	ASSERT_EQ(0, ring_open(&target, 4, 0));
	ASSERT_TRUE(prep_nop(&target, 1));
	ASSERT_EQ(1, ring_submit(&target));
	EXPECT_EQ(-EINVAL, run(&self->ring, &self->m, IORING_OP_READ, target.fd, self->buf, 16, 0));
	EXPECT_EQ(-EINVAL, run(&self->ring, &self->m, IORING_OP_WRITE, target.fd, self->buf, 16,
			       0));
	EXPECT_EQ(-EINVAL, run(&self->ring, &self->m, IORING_OP_WRITE, self->ring.fd, self->buf,
			       16, 0));
	EXPECT_EQ(1u, ring_ready(&target));
	ring_close(&target);
}

/* Methods for one buffer at a time, at an offset that matters. */
TEST_F(other, proc_mem)
{
	struct ring *r = &self->ring;
	int fd = open("/proc/self/mem", O_RDWR | O_CLOEXEC);
	struct iovec iov[2];
	char text[] = "some text in memory";
	char in[sizeof(text)] = "";
	__u64 at = (uintptr_t)text;

	if (fd < 0)
		SKIP(return, "no /proc/self/mem");
	iov[0].iov_base = in;
	iov[0].iov_len = 5;
	iov[1].iov_base = in + 5;
	iov[1].iov_len = sizeof(in) - 5;
	EXPECT_EQ((int)sizeof(in), run(r, &self->m, IORING_OP_READV, fd, iov, 2, at));
	EXPECT_STREQ(text, in);
	EXPECT_EQ(4, run(r, &self->m, IORING_OP_WRITE, fd, "SOME", 4, at));
	EXPECT_STREQ("SOME text in memory", text);
	EXPECT_EQ(-EIO, run(r, &self->m, IORING_OP_READ, fd, in, 4,
			    (uintptr_t)no_access(4096) + (1ULL << 46)));
	close(fd);
}

TEST_F(other, timerfd)
{
	struct itimerspec spec = { .it_value.tv_nsec = 30000000 };
	int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
	long long start = now_ns();
	__u64 v = 0;

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, timerfd_settime(fd, 0, &spec, NULL));
	EXPECT_EQ(8, run(&self->ring, &self->m, IORING_OP_READ, fd, &v, 8, -1));
	EXPECT_EQ(1ull, (unsigned long long)v);
	EXPECT_LE(30000000LL, now_ns() - start);
	close(fd);
}

/* A FIFO, opened by name. */
TEST_F(other, fifo)
{
	struct ring *r = &self->ring;
	struct io_uring_cqe cqe;
	char dir[PATH_MAX], path[PATH_MAX + 8];
	int fd;

	snprintf(dir, sizeof(dir), "%s/iou_test.XXXXXX", tmp_dir());
	ASSERT_NE(NULL, mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/fifo", dir);
	ASSERT_EQ(0, mkfifo(path, 0600));
	fd = open(path, O_RDWR | O_CLOEXEC);
	unlink(path);
	rmdir(dir);
	ASSERT_LE(0, fd);
	ASSERT_NE(NULL, prep_read(r, &self->m, fd, self->buf, 16));
	ASSERT_EQ(1, ring_submit(r));
	EXPECT_TRUE(still_nothing(r));
	ASSERT_EQ(5, write(fd, "hello", 5));
	ASSERT_EQ(0, ring_wait(r, &cqe));
	EXPECT_EQ(5, cqe.res);
	EXPECT_EQ(0, memcmp(self->buf, "hello", 5));
	close(fd);
}

/* Devices that are there are only read; null_blk stores nothing anyhow. */
TEST_F(other, block_devices)
{
	static const char *const devices[] = { "/dev/nullb0", "/dev/nvme0n1" };
	static const int flags[] = { 0, O_DIRECT };
	char *buf = pages(65536), *ref = pages(65536);
	unsigned int i, j, tried = 0;
	ssize_t want;
	int fd;

	ASSERT_NE(NULL, buf);
	ASSERT_NE(NULL, ref);
	for (i = 0; i < ARRAY_LEN(devices); i++) {
		for (j = 0; j < ARRAY_LEN(flags); j++) {
			fd = open(devices[i], O_RDONLY | O_CLOEXEC | flags[j]);
			if (fd < 0)
				continue;
			tried++;
			want = pread(fd, ref, 65536, 8192);
			ASSERT_LT(0, want);
			memset(buf, 'x', 65536);
			EXPECT_EQ(want, run(&self->ring, &self->m, IORING_OP_READ, fd, buf, 65536,
					    8192));
			/* null_blk without memory hands out what it finds. */
			EXPECT_TRUE(!i || !memcmp(buf, ref, want));
			close(fd);
		}
	}
	if (!tried)
		SKIP(return, "no NVMe and no null_blk device");
}

TEST_F(other, null_block_write)
{
	char *buf = pages(65536);
	int fd = open("/dev/nullb0", O_WRONLY | O_DIRECT | O_CLOEXEC);
	struct io_uring_cqe cqe;
	unsigned int i;

	if (fd < 0)
		SKIP(return, "no null_blk device");
	ASSERT_NE(NULL, buf);
	for (i = 0; i < 8; i++)
		prep(&self->ring, IORING_OP_WRITE, fd, buf, 65536, i * 65536)->flags =
			self->m.sqe_flags;
	ASSERT_EQ(8, ring_submit(&self->ring));
	for (i = 0; i < 8; i++) {
		ASSERT_EQ(0, ring_wait(&self->ring, &cqe));
		EXPECT_EQ(65536, cqe.res);
	}
	close(fd);
}

/*
 * What is refused when the SQE is read ends the batch: addresses that no program can have,
 * and slots without a buffer.
 */
TEST_F(other, refused_at_once)
{
	struct iovec iov[2] = { { .iov_base = pages(4096), .iov_len = 4096 } };
	char *beyond = (char *)(1ul << 63);
	struct ring *r = &self->ring;
	const struct {
		int op;
		void *addr;
		int res;
		int taken;
	} rows[] = {
		{ IORING_OP_READ, beyond, -EFAULT, 1 },
		{ IORING_OP_WRITE, beyond, -EFAULT, 1 },
		{ IORING_OP_READ, (void *)-1l, -EFAULT, 1 },
		{ IORING_OP_READV, beyond, -EFAULT, 1 },
		{ IORING_OP_READ_FIXED, iov[0].iov_base, -EFAULT, 1 },
		{ IORING_OP_WRITE_FIXED, iov[0].iov_base, -EFAULT, 1 },
		/* Memory that is not there: only the attempt finds that out */
		{ IORING_OP_READ, no_access(4096), -EFAULT, 2 },
	};
	struct io_uring_cqe cqe;
	unsigned int i;
	int zero = open("/dev/zero", O_RDWR | O_CLOEXEC);

	ASSERT_EQ(0, sys_register(r->fd, IORING_REGISTER_BUFFERS, iov, 2));
	for (i = 0; i < ARRAY_LEN(rows); i++) {
		struct io_uring_sqe *sqe = prep(r, rows[i].op, zero, rows[i].addr, 8, 0);

		sqe->flags = self->m.sqe_flags;
		sqe->buf_index = rows[i].op >= IORING_OP_READ_FIXED &&
				 rows[i].op <= IORING_OP_WRITE_FIXED;
		sqe->user_data = 1;
		ASSERT_TRUE(prep_nop(r, 2));
		EXPECT_EQ(rows[i].taken, ring_submit(r)) {
			TH_LOG("row %u", i);
		}
		ASSERT_EQ(0, ring_wait(r, &cqe));
		if (cqe.user_data == 2)
			ASSERT_EQ(0, ring_wait(r, &cqe));
		EXPECT_EQ(rows[i].res, cqe.res);
		ring_submit(r);
		while (!ring_wait_ms(r, &cqe, 10))
			;
	}
	close(zero);
}

/* ------------------------------------------------------------------------
 * Disks made for the test
 */

/*
 * XFS writes without blocking, if the time stamps are right already: then the write is
 * tried in the task itself, which the signal would reach.
 */
TEST(size_limit_xfs)
{
	const char *missing = xfs_make("/tmp/iou_rw_xfs");
	const struct mode plain = { };
	char *buf = pages(SIZE);
	int fd, i, ret = 0;
	pid_t pid;

	if (missing)
		SKIP(return, "%s", missing);
	fd = open("/tmp/iou_rw_xfs/file", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	ASSERT_LE(0, fd);
	for (i = 0; i < 50 && !ret; i++) {
		ASSERT_EQ(SIZE, pwrite(fd, buf, SIZE, 0));
		pid = fork();
		ASSERT_LE(0, pid);
		if (!pid)
			_exit(write_over_limit(&plain, "/tmp/iou_rw_xfs/file", 0, buf));
		ret = reap(pid, WAIT_MS);
	}
	EXPECT_EQ(0, ret);
	close(fd);
	xfs_remove("/tmp/iou_rw_xfs");
}

#define COLD	(2 * 1024 * 1024)

static void *read_all(void *arg)
{
	char *buf = pages(COLD);
	int fd = open("/dev/iou_cold", O_RDONLY | O_CLOEXEC);
	off_t at;

	posix_fadvise(fd, 0, 0, POSIX_FADV_RANDOM);
	for (at = 0; at < COLD; at += 4096)
		if (pread(fd, buf, 4096, at) != 4096)
			break;
	close(fd);
	munmap(buf, COLD);
	return NULL;
}

/*
 * A read of pages that are not there, while somebody else reads them, too: they come one
 * by one, some between two looks of the request. It waits for the next one, each time.
 */
TEST(cold_read_keeps_waiting)
{
	struct ring r;
	char *buf = pages(COLD);
	struct io_uring_cqe cqe;
	pthread_t thread;
	int i, fd;

	if (!disk_make("iou_cold", 16, 30))
		SKIP(return, "no null_blk that configfs can make");
	fd = open("/dev/iou_cold", O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, fd);
	fill_pattern(buf, COLD, 3);
	ASSERT_EQ(COLD, pwrite(fd, buf, COLD, 0));
	ASSERT_EQ(0, posix_fadvise(fd, 0, 0, POSIX_FADV_RANDOM));
	ASSERT_EQ(0, ring_open(&r, 4, 0));
	for (i = 0; i < 20; i++) {
		ASSERT_EQ(0, fsync(fd));
		ASSERT_EQ(0, posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED));
		memset(buf, 0, COLD);
		ASSERT_EQ(0, pthread_create(&thread, NULL, read_all, NULL));
		ASSERT_NE(NULL, prep(&r, IORING_OP_READ, fd, buf, COLD, 0));
		ASSERT_EQ(1, ring_submit(&r));
		ASSERT_EQ(0, ring_wait_ms(&r, &cqe, 6 * WAIT_MS));
		ASSERT_EQ(COLD, cqe.res);
		ASSERT_TRUE(has_pattern(buf, COLD, 3));
		ASSERT_EQ(0, pthread_join(thread, NULL));
		ASSERT_EQ(0, any_worker());
	}
	ring_close(&r);
	close(fd);
	disk_remove("iou_cold");
}

static bool queue_set(const char *disk, const char *attr, const char *value)
{
	char path[PATH_MAX];
	bool ok;
	int fd;

	snprintf(path, sizeof(path), "/sys/block/%s/queue/%s", disk, attr);
	fd = open(path, O_WRONLY);
	ok = fd >= 0 && write(fd, value, strlen(value)) > 0;
	close(fd);
	return ok;
}

/*
 * On a deferred ring a read goes on while its thread waits for more than that, though it
 * waits for one page after the other: the next is not asked for before.
 */
TEST(cold_read_goes_on)
{
	char *buf = pages(4 * 4096);
	struct ring r;
	int fd;

	if (!disk_make("iou_slow", 4, 20000) || !queue_set("iou_slow", "max_sectors_kb", "4") ||
	    !queue_set("iou_slow", "read_ahead_kb", "4"))
		SKIP(return, "no null_blk that configfs can make");
	fd = open("/dev/iou_slow", O_RDONLY | O_CLOEXEC);
	ASSERT_LE(0, fd);
	posix_fadvise(fd, 0, 0, POSIX_FADV_RANDOM);

	ASSERT_EQ(0, ring_open(&r, 4, DEFER));
	prep(&r, IORING_OP_READ, fd, buf, 4 * 4096, 0);
	ASSERT_EQ(1, ring_submit(&r));
	ring_enter_wait(&r, 2, 3000);
	EXPECT_EQ(1u, ring_ready(&r));
	ring_close(&r);
	close(fd);
	disk_remove("iou_slow");
}

/* What was read before a bad block counts: for the result, and for the file position. */
TEST(position_before_a_bad_block)
{
	static const unsigned int setups[] = { 0, DEFER };
	char *buf = pages(2 * 4096);
	unsigned int i;
	int fd;

	if (untouched())
		SKIP(return, "this kernel forgets to move the position");
	if (!disk_make("iou_bad", 4, 10000) || !disk_set_text("iou_bad", "badblocks", "+8-15"))
		SKIP(return, "no null_blk that configfs can make");
	fd = open("/dev/iou_bad", O_RDONLY | O_CLOEXEC);
	ASSERT_LE(0, fd);
	posix_fadvise(fd, 0, 0, POSIX_FADV_RANDOM);
	ASSERT_EQ(4096, pread(fd, buf, 4096, 0));

	for (i = 0; i < ARRAY_LEN(setups); i++) {
		struct io_uring_cqe cqe;
		struct ring r;

		ASSERT_EQ(0, lseek(fd, 0, SEEK_SET));
		ASSERT_EQ(0, ring_open(&r, 4, setups[i]));
		prep(&r, IORING_OP_READ, fd, buf, 2 * 4096, -1);
		ASSERT_EQ(1, ring_submit(&r));
		ASSERT_EQ(0, ring_wait(&r, &cqe));
		EXPECT_EQ(4096, cqe.res);
		EXPECT_EQ(4096, lseek(fd, 0, SEEK_CUR));
		ring_close(&r);
	}
	close(fd);
	disk_remove("iou_bad");
}

TEST_HARNESS_MAIN
