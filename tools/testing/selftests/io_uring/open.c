// SPDX-License-Identifier: GPL-2.0
/*
 * OPENAT, OPENAT2 and CLOSE.
 */
#include "iou_test.h"

#include <sys/resource.h>
#include <linux/openat2.h>

#include "../kselftest_harness.h"

FIXTURE(open)
{
	struct ring ring;
	char dir[PATH_MAX];
	int dfd;	/* @dir, in which there is "file" */
	int file;
};

FIXTURE_VARIANT(open)
{
	unsigned int setup;
	__u8 flags;
};

FIXTURE_VARIANT_ADD(open, plain) {
	.setup = 0,
};

FIXTURE_VARIANT_ADD(open, async) {
	.flags = IOSQE_ASYNC,
};

FIXTURE_VARIANT_ADD(open, defer) {
	.setup = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN,
};

FIXTURE_SETUP(open)
{
	const char *missing = setup_missing(variant->setup);

	if (missing)
		SKIP(return, "kernel lacks %s", missing);
	ASSERT_EQ(0, ring_open(&self->ring, 8, variant->setup));
	snprintf(self->dir, sizeof(self->dir), "%s/iou_open.XXXXXX", tmp_dir());
	ASSERT_NE(NULL, mkdtemp(self->dir));
	self->dfd = open(self->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ASSERT_LE(0, self->dfd);
	self->file = openat(self->dfd, "file", O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	ASSERT_LE(0, self->file);
	ASSERT_EQ(5, write(self->file, "hello", 5));
}

FIXTURE_TEARDOWN(open)
{
	unlinkat(self->dfd, "file", 0);
	unlinkat(self->dfd, "new", 0);
	unlinkat(self->dfd, "fifo", 0);
	close(self->file);
	close(self->dfd);
	rmdir(self->dir);
	ring_close(&self->ring);
}

#define RUN(sqe)	ring_run(&self->ring, variant->flags, sqe)

static struct io_uring_sqe openat_sqe(int dfd, const char *path, int flags, int mode)
{
	struct io_uring_sqe sqe = {
		.opcode = IORING_OP_OPENAT,
		.fd = dfd,
		.addr = (uintptr_t)path,
		.len = mode,
		.open_flags = flags,
	};

	return sqe;
}

static struct io_uring_sqe openat2_sqe(int dfd, const char *path, const struct open_how *how)
{
	struct io_uring_sqe sqe = {
		.opcode = IORING_OP_OPENAT2,
		.fd = dfd,
		.addr = (uintptr_t)path,
		.addr2 = (uintptr_t)how,
		.len = sizeof(*how),
	};

	return sqe;
}

static struct io_uring_sqe close_sqe(int fd)
{
	struct io_uring_sqe sqe = { .opcode = IORING_OP_CLOSE, .fd = fd };

	return sqe;
}

static bool is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

static int sys_openat2(int dfd, const char *path, const struct open_how *how, size_t size)
{
	int fd = syscall(__NR_openat2, dfd, path, how, size);

	return fd < 0 ? -errno : fd;
}

TEST_F(open, openat)
{
	char buf[8] = "";
	int fd = RUN(openat_sqe(self->dfd, "file", O_RDONLY, 0));

	ASSERT_LE(0, fd);
	EXPECT_EQ(5, read(fd, buf, sizeof(buf)));
	EXPECT_STREQ("hello", buf);
	EXPECT_EQ(0, fcntl(fd, F_GETFD));
	EXPECT_EQ(0, fcntl(fd, F_GETFL) & (O_ACCMODE | O_NONBLOCK | O_APPEND));
	/* The lowest free descriptor, as ever */
	EXPECT_EQ(fd + 1, dup(fd));
	close(fd + 1);
	close(fd);
	EXPECT_EQ(fd, RUN(openat_sqe(self->dfd, "file", O_RDONLY | O_CLOEXEC, 0)));
	EXPECT_EQ(FD_CLOEXEC, fcntl(fd, F_GETFD));
	close(fd);
	EXPECT_EQ(fd, RUN(openat_sqe(self->dfd, "file", O_WRONLY | O_NONBLOCK | O_APPEND, 0)));
	EXPECT_EQ(O_WRONLY | O_NONBLOCK | O_APPEND,
		  fcntl(fd, F_GETFL) & (O_ACCMODE | O_NONBLOCK | O_APPEND));
	close(fd);
}

TEST_F(open, openat_creates)
{
	struct stat st;
	int fd = RUN(openat_sqe(self->dfd, "new", O_RDWR | O_CREAT | O_EXCL, 0640));

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, fstat(fd, &st));
	EXPECT_EQ(0640u, st.st_mode & 07777u);
	close(fd);
	EXPECT_EQ(-EEXIST, RUN(openat_sqe(self->dfd, "new", O_RDWR | O_CREAT | O_EXCL, 0640)));
	fd = RUN(openat_sqe(self->dfd, "file", O_RDWR | O_TRUNC, 0));
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, fstat(fd, &st));
	EXPECT_EQ(0, st.st_size);
	close(fd);
}

TEST_F(open, openat_errors)
{
	static char longer[PATH_MAX + 1];
	int next;

	memset(longer, 'x', PATH_MAX);
	next = dup(0);
	close(next);
	EXPECT_EQ(-ENOENT, RUN(openat_sqe(self->dfd, "none", O_RDONLY, 0)));
	EXPECT_EQ(-ENOENT, RUN(openat_sqe(self->dfd, "", O_RDONLY, 0)));
	EXPECT_EQ(-ENOTDIR, RUN(openat_sqe(self->file, "x", O_RDONLY, 0)));
	EXPECT_EQ(-ENOTDIR, RUN(openat_sqe(self->dfd, "file", O_RDONLY | O_DIRECTORY, 0)));
	EXPECT_EQ(-EISDIR, RUN(openat_sqe(self->dfd, ".", O_WRONLY, 0)));
	EXPECT_EQ(-EBADF, RUN(openat_sqe(-7, "file", O_RDONLY, 0)));
	EXPECT_EQ(-EFAULT, RUN(openat_sqe(self->dfd, no_access(4096), O_RDONLY, 0)));
	EXPECT_EQ(-ENAMETOOLONG, RUN(openat_sqe(self->dfd, longer, O_RDONLY, 0)));
	/* None of this used up a descriptor. */
	EXPECT_EQ(next, dup(0));
	close(next);
	/* An absolute path needs no directory. */
	next = RUN(openat_sqe(-7, "/dev/null", O_RDONLY, 0));
	EXPECT_LE(0, next);
	close(next);
}

TEST_F(open, openat2)
{
	struct open_how how = { .flags = O_RDONLY | O_CLOEXEC };
	int fd = RUN(openat2_sqe(self->dfd, "file", &how));

	ASSERT_LE(0, fd);
	EXPECT_EQ(FD_CLOEXEC, fcntl(fd, F_GETFD));
	close(fd);
	how.resolve = RESOLVE_BENEATH;
	EXPECT_EQ(-EXDEV, RUN(openat2_sqe(self->dfd, "/dev/null", &how)));
	EXPECT_EQ(-EXDEV, RUN(openat2_sqe(self->dfd, "..", &how)));
	fd = RUN(openat2_sqe(self->dfd, "file", &how));
	EXPECT_LE(0, fd);
	close(fd);
	how.flags = O_RDWR | O_CREAT;
	how.mode = 0600;
	fd = RUN(openat2_sqe(self->dfd, "new", &how));
	EXPECT_LE(0, fd);
	close(fd);
}

/* The same as the system call, whatever that says. */
TEST_F(open, openat2_errors)
{
	static const struct open_how t[] = {
		{ .flags = 1ULL << 40 },
		{ .flags = 1ULL << 31 },
		{ .flags = O_RDONLY, .mode = 0600 },
		{ .flags = O_RDWR | O_CREAT, .mode = 1 << 20 },
		{ .resolve = 1ULL << 30 },
		{ .resolve = RESOLVE_BENEATH | RESOLVE_IN_ROOT },
		{ .flags = O_PATH | O_RDWR },
		{ .flags = O_TMPFILE & ~O_DIRECTORY },
		{ .flags = O_CREAT | O_DIRECTORY },
		{ .resolve = RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV },
		{ .flags = O_DIRECTORY },
		{ .flags = O_RDWR | O_CREAT | O_TRUNC, .resolve = RESOLVE_CACHED },
		{ .flags = O_TRUNC, .resolve = RESOLVE_CACHED },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(t); i++) {
		int want = sys_openat2(self->dfd, "file", &t[i], sizeof(t[i]));
		int got;

		if (want >= 0)
			close(want);
		got = RUN(openat2_sqe(self->dfd, "file", &t[i]));
		if (got >= 0)
			close(got);
		EXPECT_EQ(want, got) {
			TH_LOG("how %u", i);
		}
	}
}

TEST_F(open, openat2_size)
{
	struct {
		struct open_how how;
		__u64 more[8];
	} big = { .how.flags = O_RDONLY };
	struct io_uring_sqe sqe = openat2_sqe(self->dfd, "file", &big.how);
	int fd;

	sqe.len = sizeof(big.how) - 1;
	EXPECT_EQ(-EINVAL, RUN(sqe));
	sqe.len = 0;
	EXPECT_EQ(-EINVAL, RUN(sqe));
	sqe.len = sizeof(big);
	fd = RUN(sqe);
	EXPECT_LE(0, fd);
	close(fd);
	big.more[7] = 1;
	EXPECT_EQ(-E2BIG, RUN(sqe));
	sqe.len = sizeof(big.how);
	sqe.addr2 = (uintptr_t)no_access(4096);
	EXPECT_EQ(-EFAULT, RUN(sqe));
}

/* What is not cached, is found only by who may wait for it. */
TEST_F(open, resolve_cached)
{
	struct open_how how = { .resolve = RESOLVE_CACHED };
	int fd = sys_openat2(self->dfd, "file", &how, sizeof(how));
	int res;

	if (fd < 0)
		SKIP(return, "this file system caches nothing");
	close(fd);
	res = RUN(openat2_sqe(self->dfd, "file", &how));
	EXPECT_EQ(fd, res);
	close(res);
	/* Never looked up before */
	EXPECT_EQ(-EAGAIN, RUN(openat2_sqe(self->dfd, "unheard-of", &how)));
	/* The same without RESOLVE_CACHED: a worker waits */
	how.resolve = 0;
	EXPECT_EQ(-ENOENT, RUN(openat2_sqe(self->dfd, "never-seen", &how)));
}

/*
 * Who opens a FIFO for writing is told that there is no reader, or waits for one, if it
 * asked for a worker. As many as there are: other work that needs one is done.
 */
TEST_F(open, fifo_without_reader)
{
	const unsigned int nr = 12;	/* more than bounded workers */
	int file = tmp_file(NULL, 0), rd = -1;
	struct io_uring_cqe cqe;
	unsigned int i, opened = 0;

	if (variant->flags && untouched())
		SKIP(return, "this kernel lets them keep all workers");
	ASSERT_EQ(0, mkfifoat(self->dfd, "fifo", 0600));
	/* In the cache of names */
	close(openat(self->dfd, "fifo", O_PATH));
	for (i = 0; i < nr; i++) {
		struct io_uring_sqe *sqe = ring_sqe(&self->ring);

		*sqe = openat_sqe(self->dfd, "fifo", O_WRONLY, 0);
		sqe->flags = variant->flags;
		sqe->user_data = 0;
		ASSERT_EQ(1, ring_submit(&self->ring));
		if (variant->flags)
			continue;
		ASSERT_EQ(0, ring_wait(&self->ring, &cqe));
		EXPECT_EQ(-ENXIO, cqe.res);
	}
	if (!variant->flags)
		return;

	prep(&self->ring, IORING_OP_FSYNC, file, NULL, 0, 0)->user_data = 1;
	ASSERT_EQ(1, ring_submit(&self->ring));
	ASSERT_EQ(0, ring_wait(&self->ring, &cqe));
	EXPECT_EQ(1u, cqe.user_data);
	EXPECT_EQ(0, cqe.res);

	rd = openat(self->dfd, "fifo", O_RDONLY | O_NONBLOCK);
	ASSERT_LE(0, rd);
	for (; opened < nr; opened++) {
		ASSERT_EQ(0, ring_wait(&self->ring, &cqe));
		ASSERT_LE(0, cqe.res);
		EXPECT_EQ(0, fcntl(cqe.res, F_GETFL) & O_NONBLOCK);
		close(cqe.res);
	}
	close(rd);
	close(file);
}

/*
 * The same with a FIFO that is opened for reading, by who asked for a worker, or by name of
 * what may not exist
 */
TEST_F(open, fifo_without_writer)
{
	int flags = O_RDONLY | (variant->flags ? 0 : O_CREAT);
	const unsigned int nr = 12;	/* more than bounded workers */
	struct io_uring_cqe cqe;
	unsigned int i;
	int file = tmp_file(NULL, 0), wr;

	if (untouched())
		SKIP(return, "this kernel lets them keep all workers");
	ASSERT_EQ(0, mkfifoat(self->dfd, "fifo", 0600));
	for (i = 0; i < nr; i++) {
		struct io_uring_sqe *sqe = ring_sqe(&self->ring);

		*sqe = openat_sqe(self->dfd, "fifo", flags, flags & O_CREAT ? 0600 : 0);
		sqe->flags = variant->flags;
		sqe->user_data = 0;
		ASSERT_EQ(1, ring_submit(&self->ring));
	}
	prep(&self->ring, IORING_OP_FSYNC, file, NULL, 0, 0)->user_data = 1;
	ASSERT_EQ(1, ring_submit(&self->ring));
	ASSERT_EQ(0, ring_wait(&self->ring, &cqe));
	EXPECT_EQ(1u, cqe.user_data);
	EXPECT_EQ(0, cqe.res);

	wr = openat(self->dfd, "fifo", O_RDWR);
	ASSERT_LE(0, wr);
	for (i = 0; i < nr; i++) {
		ASSERT_EQ(0, ring_wait(&self->ring, &cqe));
		ASSERT_LE(0, cqe.res);
		close(cqe.res);
	}
	close(wr);
	close(file);
}

/* However few workers there may be, a FIFO without a writer does not keep the last one. */
TEST_F(open, fifo_and_few_workers)
{
	unsigned int few, i;

	if (untouched())
		SKIP(return, "this kernel lets them keep all workers");
	ASSERT_EQ(0, mkfifoat(self->dfd, "fifo", 0600));
	for (few = 1; few <= 3; few++) {
		unsigned int max[2] = { few, 0 };
		struct io_uring_cqe cqe;
		int wr;

		ASSERT_EQ(0, sys_register(self->ring.fd, IORING_REGISTER_IOWQ_MAX_WORKERS, max, 2));
		for (i = 0; i < 3; i++) {
			struct io_uring_sqe *sqe = ring_sqe(&self->ring);

			*sqe = openat_sqe(self->dfd, "fifo", O_RDONLY, 0);
			sqe->flags = IOSQE_ASYNC;
		}
		ASSERT_EQ(3, ring_submit(&self->ring));
		prep(&self->ring, IORING_OP_FSYNC, self->dfd, NULL, 0, 0)->user_data = 1;
		ASSERT_EQ(1, ring_submit(&self->ring));
		ASSERT_EQ(0, ring_wait(&self->ring, &cqe)) {
			TH_LOG("with %u", few);
		}
		EXPECT_EQ(1u, cqe.user_data);

		wr = openat(self->dfd, "fifo", O_RDWR);
		ASSERT_LE(0, wr);
		for (i = 0; i < 3; i++) {
			ASSERT_EQ(0, ring_wait(&self->ring, &cqe));
			ASSERT_LE(0, cqe.res);
			close(cqe.res);
		}
		close(wr);
	}
}

/* The limit is that at the time of submission. */
TEST_F(open, rlimit_nofile)
{
	struct io_uring_sqe sqe = openat_sqe(self->dfd, "file", O_RDONLY, 0);
	struct rlimit old, low;
	int fd = dup(0);

	close(fd);
	ASSERT_EQ(0, getrlimit(RLIMIT_NOFILE, &old));
	low = old;
	low.rlim_cur = fd;
	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &low));
	EXPECT_EQ(-EMFILE, RUN(sqe));
	low.rlim_cur = fd + 1;
	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &low));
	EXPECT_EQ(fd, RUN(sqe));
	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &old));
	close(fd);
}

TEST_F(open, rlimit_nofile_at_submission)
{
	struct io_uring_sqe *sqe;
	struct rlimit old, low;
	struct io_uring_cqe cqe;
	int fds[2], next;
	char c;

	ASSERT_EQ(0, pipe(fds));
	next = dup(0);
	close(next);
	ASSERT_EQ(0, getrlimit(RLIMIT_NOFILE, &old));
	sqe = prep(&self->ring, IORING_OP_READ, fds[0], &c, 1, -1);
	sqe->flags = variant->flags | IOSQE_IO_LINK;
	sqe = ring_sqe(&self->ring);
	*sqe = openat_sqe(self->dfd, "file", O_RDONLY, 0);
	sqe->flags = variant->flags;
	sqe->user_data = 2;
	ASSERT_EQ(2, ring_submit(&self->ring));
	low = old;
	low.rlim_cur = next;
	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &low));
	ASSERT_EQ(1, write(fds[1], "x", 1));
	ASSERT_EQ(0, ring_wait(&self->ring, &cqe));
	EXPECT_EQ(1, cqe.res);
	ASSERT_EQ(0, ring_wait(&self->ring, &cqe));
	EXPECT_EQ(2u, cqe.user_data);
	EXPECT_EQ(next, cqe.res);
	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &old));
	close(next);
	close(fds[0]);
	close(fds[1]);
}

/* What the cache of names knows is opened at once; there is nothing for a worker. */
TEST_F(open, cached_without_worker)
{
	struct open_how how = { .resolve = RESOLVE_CACHED };
	int fd = sys_openat2(self->dfd, "file", &how, sizeof(how));
	cpu_set_t set;

	if (fd < 0)
		SKIP(return, "this file system caches nothing");
	close(fd);
	if (variant->flags & IOSQE_ASYNC)
		SKIP(return, "here a worker does it anyway");
	fd = RUN(openat_sqe(self->dfd, "file", O_RDWR, 0));
	ASSERT_LE(0, fd);
	close(fd);
	EXPECT_EQ(-ENOENT, worker_cpus(&set));
	/* Creating may take longer. */
	fd = RUN(openat_sqe(self->dfd, "new", O_RDWR | O_CREAT, 0600));
	ASSERT_LE(0, fd);
	close(fd);
	EXPECT_EQ(0, worker_cpus(&set));
}

/* A path that cannot be read ends the batch; one that leads nowhere does not. */
TEST_F(open, path_errors_at_submission)
{
	static const __u8 ops[] = {
		IORING_OP_OPENAT, IORING_OP_STATX, IORING_OP_UNLINKAT, IORING_OP_MKDIRAT,
		IORING_OP_RENAMEAT, IORING_OP_LINKAT,
	};
	const char *nowhere = "absent/path";
	struct io_uring_cqe cqe;
	struct io_uring_sqe *sqe;
	struct statx stx;
	unsigned int i, bad, nr;

	for (i = 0; i < ARRAY_LEN(ops); i++) {
		for (bad = 0; bad < 2; bad++) {
			sqe = prep(&self->ring, ops[i], self->dfd, bad ? (void *)8 : nowhere, 0, 0);
			sqe->flags = variant->flags;
			sqe->user_data = 1;
			if (ops[i] == IORING_OP_STATX)
				sqe->addr2 = (uintptr_t)&stx;
			else if (ops[i] == IORING_OP_RENAMEAT || ops[i] == IORING_OP_LINKAT)
				sqe->addr2 = (uintptr_t)"x";
			ASSERT_TRUE(prep_nop(&self->ring, 2));
			EXPECT_EQ(bad ? 1 : 2, ring_submit(&self->ring)) {
				TH_LOG("opcode %u", ops[i]);
			}
			/* What was not taken the first time */
			if (bad)
				ASSERT_EQ(1, ring_submit(&self->ring));
			for (nr = 0; nr < 2; nr++) {
				ASSERT_EQ(0, ring_wait(&self->ring, &cqe));
				if (cqe.user_data == 1)
					EXPECT_EQ(bad ? -EFAULT : -ENOENT, cqe.res);
			}
		}
	}
}

/* Without a table of fixed files */
TEST_F(open, no_table)
{
	struct io_uring_sqe sqe = openat_sqe(self->dfd, "file", O_RDONLY, 0);
	int next = dup(0);

	close(next);
	sqe.file_index = 1;
	EXPECT_EQ(-ENXIO, RUN(sqe));
	sqe.file_index = IORING_FILE_INDEX_ALLOC;
	EXPECT_EQ(-ENFILE, RUN(sqe));
	sqe.file_index = 1;
	sqe.open_flags = O_RDONLY | O_CLOEXEC;
	EXPECT_EQ(-EINVAL, RUN(sqe));
	sqe = close_sqe(0);
	sqe.file_index = 1;
	EXPECT_EQ(-ENXIO, RUN(sqe));
	EXPECT_EQ(next, dup(0));
	close(next);
}

/* A path that cannot be read is the first thing to be wrong. */
TEST_F(open, path_before_cloexec)
{
	static char longer[PATH_MAX + 1];
	const struct {
		const char *path;
		int error;
	} t[] = {
		{ "", -ENOENT },
		{ no_access(4096), -EFAULT },
		{ longer, -ENAMETOOLONG },
		{ "file", -EINVAL },
		{ "none", -EINVAL },
	};
	const struct open_how how = { .flags = O_CLOEXEC };
	unsigned int i, two;

	memset(longer, 'x', PATH_MAX);
	for (i = 0; i < ARRAY_LEN(t); i++) {
		for (two = 0; two < 2; two++) {
			struct io_uring_sqe sqe;

			sqe = two ? openat2_sqe(self->dfd, t[i].path, &how) :
				    openat_sqe(self->dfd, t[i].path, O_CLOEXEC, 0);
			sqe.file_index = 1;
			EXPECT_EQ(t[i].error, RUN(sqe)) {
				TH_LOG("path %u, openat%s", i, two ? "2" : "");
			}
		}
	}
}

/* Files that are opened into the table, used, and closed there */
TEST_F(open, direct)
{
	int fds[4] = { -1, -1, -1, -1 };
	struct io_uring_sqe sqe = openat_sqe(self->dfd, "file", O_RDONLY, 0);
	struct io_uring_sqe read_sqe = {
		.opcode = IORING_OP_READ,
		.flags = IOSQE_FIXED_FILE,
		.fd = 2,
		.len = 8,
	};
	struct io_uring_sqe slot = close_sqe(0);
	struct open_how how = { .flags = O_RDWR | O_CREAT, .mode = 0600 };
	char buf[8] = "";
	int next = dup(0);

	close(next);
	ASSERT_EQ(0, sys_register(self->ring.fd, IORING_REGISTER_FILES, fds, 4));
	sqe.file_index = 3;
	EXPECT_EQ(0, RUN(sqe));
	read_sqe.addr = (uintptr_t)buf;
	EXPECT_EQ(5, RUN(read_sqe));
	EXPECT_STREQ("hello", buf);
	/* Replaces it */
	EXPECT_EQ(0, RUN(sqe));
	sqe.file_index = 5;
	EXPECT_EQ(-EINVAL, RUN(sqe));
	/* The kernel chooses. Made by a worker */
	sqe = openat2_sqe(self->dfd, "new", &how);
	sqe.file_index = IORING_FILE_INDEX_ALLOC;
	EXPECT_EQ(3, RUN(sqe));
	EXPECT_EQ(0, RUN(sqe));
	EXPECT_EQ(1, RUN(sqe));
	EXPECT_EQ(-ENFILE, RUN(sqe));

	slot.file_index = 3;
	EXPECT_EQ(0, RUN(slot));
	EXPECT_EQ(-EBADF, RUN(slot));
	EXPECT_EQ(-EBADF, RUN(read_sqe));
	slot.file_index = 5;
	EXPECT_EQ(-EINVAL, RUN(slot));
	slot.file_index = UINT_MAX;
	EXPECT_EQ(-EINVAL, RUN(slot));
	/* No descriptor was used up. */
	EXPECT_EQ(next, dup(0));
	close(next);
}

TEST_F(open, close)
{
	int fd = dup(self->file);

	ASSERT_LE(0, fd);
	EXPECT_EQ(0, RUN(close_sqe(fd)));
	EXPECT_FALSE(is_open(fd));
	EXPECT_EQ(-EBADF, RUN(close_sqe(fd)));
	EXPECT_EQ(-EBADF, RUN(close_sqe(-1)));
	EXPECT_EQ(-EBADF, RUN(close_sqe(INT_MAX)));
	/* Opened with O_PATH */
	fd = openat(self->dfd, "file", O_PATH);
	EXPECT_EQ(0, RUN(close_sqe(fd)));
	EXPECT_FALSE(is_open(fd));
}

/* No ring can be closed that way, neither this one nor another. */
TEST_F(open, close_ring)
{
	struct ring other;

	ASSERT_EQ(0, ring_open(&other, 2, 0));
	EXPECT_EQ(-EBADF, RUN(close_sqe(self->ring.fd)));
	EXPECT_EQ(-EBADF, RUN(close_sqe(other.fd)));
	EXPECT_TRUE(is_open(other.fd));
	ring_close(&other);
}

/* The end of a pipe is closed for good when the CQE is there. */
TEST_F(open, close_takes_effect)
{
	unsigned int i;
	char c;

	for (i = 0; i < 50; i++) {
		int p[2];

		ASSERT_EQ(0, pipe(p));
		ASSERT_EQ(0, RUN(close_sqe(p[1])));
		/* At the latest when the task returns to user space */
		EXPECT_EQ(0, read(p[0], &c, 1));
		close(p[0]);
	}
}

TEST_F(open, bad_fields)
{
	static const struct bad_byte t[] = {
		BAD(OPENAT, buf_index, -EINVAL), BAD(OPENAT, ioprio, -EINVAL),
		BAD(OPENAT2, buf_index, -EINVAL), BAD(OPENAT2, ioprio, -EINVAL),
		BAD(CLOSE, buf_index, -EINVAL), BAD(CLOSE, off, -EINVAL),
		BAD(CLOSE, addr, -EINVAL), BAD(CLOSE, len, -EINVAL),
		BAD(CLOSE, rw_flags, -EINVAL), BAD(CLOSE, ioprio, -EINVAL),
		BAD(CLOSE, file_index, -EINVAL),
	};
	struct open_how how = { .flags = O_RDONLY };
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(t); i++) {
		struct io_uring_sqe sqe;

		if (t[i].opcode == IORING_OP_OPENAT)
			sqe = openat_sqe(self->dfd, "file", O_RDONLY, 0);
		else if (t[i].opcode == IORING_OP_OPENAT2)
			sqe = openat2_sqe(self->dfd, "file", &how);
		else
			sqe = close_sqe(self->file);
		((__u8 *)&sqe)[t[i].offset] = 1;
		EXPECT_EQ(t[i].error, RUN(sqe)) {
			TH_LOG("opcode %u, byte %u", t[i].opcode, t[i].offset);
		}
	}
	EXPECT_TRUE(is_open(self->file));
}

TEST_F(open, fixed_file_flag)
{
	struct open_how how = { .flags = O_RDONLY };
	struct io_uring_sqe sqes[] = {
		openat_sqe(self->dfd, "file", O_RDONLY, 0),
		openat2_sqe(self->dfd, "file", &how),
		close_sqe(self->file),
	};
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(sqes); i++) {
		sqes[i].flags = IOSQE_FIXED_FILE;
		EXPECT_EQ(-EBADF, RUN(sqes[i]));
		sqes[i].flags = IOSQE_BUFFER_SELECT;
		EXPECT_EQ(-EOPNOTSUPP, RUN(sqes[i]));
	}
	EXPECT_TRUE(is_open(self->file));
}

/* Many at once, opened and closed */
TEST_F(open, batches)
{
	struct io_uring_cqe cqe;
	unsigned int round, i;

	for (round = 0; round < 20; round++) {
		int fds[8];

		for (i = 0; i < 8; i++) {
			struct io_uring_sqe *sqe = ring_sqe(&self->ring);

			*sqe = openat_sqe(self->dfd, "file", O_RDONLY, 0);
			sqe->flags = variant->flags;
		}
		ASSERT_EQ(8, ring_submit(&self->ring));
		for (i = 0; i < 8; i++) {
			ASSERT_EQ(0, ring_wait(&self->ring, &cqe));
			ASSERT_LE(0, cqe.res);
			fds[i] = cqe.res;
		}
		for (i = 0; i < 8; i++) {
			struct io_uring_sqe *sqe = ring_sqe(&self->ring);

			*sqe = close_sqe(fds[i]);
			sqe->flags = variant->flags;
		}
		ASSERT_EQ(8, ring_submit(&self->ring));
		for (i = 0; i < 8; i++) {
			ASSERT_EQ(0, ring_wait(&self->ring, &cqe));
			EXPECT_EQ(0, cqe.res);
		}
		for (i = 0; i < 8; i++)
			EXPECT_FALSE(is_open(fds[i]));
	}
}

TEST_HARNESS_MAIN
