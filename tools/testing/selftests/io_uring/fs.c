// SPDX-License-Identifier: GPL-2.0
/*
 * RENAMEAT, UNLINKAT, MKDIRAT, SYMLINKAT, LINKAT and STATX: what they do, what
 * they report, and when paths are read.
 */
#include "iou_test.h"

#include <linux/stat.h>

#include "../kselftest_harness.h"

FIXTURE(fs)
{
	struct ring ring;
	char dir[PATH_MAX];
	int dfd;	/* @dir, in which there are: */
	int file;	/* "file", 100 bytes */
			/* "sub", an empty directory */
};

FIXTURE_VARIANT(fs)
{
	unsigned int setup;
	__u8 flags;
};

FIXTURE_VARIANT_ADD(fs, plain) {
	.setup = 0,
};

FIXTURE_VARIANT_ADD(fs, async) {
	.flags = IOSQE_ASYNC,
};

FIXTURE_VARIANT_ADD(fs, defer) {
	.setup = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN,
};

FIXTURE_SETUP(fs)
{
	const char *missing = setup_missing(variant->setup);

	if (missing)
		SKIP(return, "kernel lacks %s", missing);
	ASSERT_EQ(0, ring_open(&self->ring, 8, variant->setup));
	snprintf(self->dir, sizeof(self->dir), "%s/iou_fs.XXXXXX", tmp_dir());
	ASSERT_NE(NULL, mkdtemp(self->dir));
	self->dfd = open(self->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ASSERT_LE(0, self->dfd);
	self->file = openat(self->dfd, "file", O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	ASSERT_LE(0, self->file);
	ASSERT_EQ(0, ftruncate(self->file, 100));
	ASSERT_EQ(0, mkdirat(self->dfd, "sub", 0755));
}

FIXTURE_TEARDOWN(fs)
{
	static const char *const names[] = { "file", "new", "link", "target", "sub/new" };
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(names); i++)
		unlinkat(self->dfd, names[i], 0);
	unlinkat(self->dfd, "new", AT_REMOVEDIR);
	unlinkat(self->dfd, "sub", AT_REMOVEDIR);
	close(self->file);
	close(self->dfd);
	rmdir(self->dir);
	ring_close(&self->ring);
}

static bool exists(int dfd, const char *name)
{
	struct stat st;

	return !fstatat(dfd, name, &st, AT_SYMLINK_NOFOLLOW);
}

static struct io_uring_sqe one(int op, int dfd, const char *name)
{
	struct io_uring_sqe sqe = { .opcode = op, .fd = dfd, .addr = (uintptr_t)name };

	return sqe;
}

/* For RENAMEAT and LINKAT */
static struct io_uring_sqe two(int op, int dfd, const char *old, int new_dfd, const char *new)
{
	struct io_uring_sqe sqe = one(op, dfd, old);

	sqe.len = new_dfd;
	sqe.addr2 = (uintptr_t)new;
	return sqe;
}

static struct io_uring_sqe symlink_sqe(int dfd, const char *target, const char *path)
{
	struct io_uring_sqe sqe = one(IORING_OP_SYMLINKAT, dfd, target);

	sqe.addr2 = (uintptr_t)path;
	return sqe;
}

static struct io_uring_sqe statx_sqe(int dfd, const char *name, int flags, struct statx *stx)
{
	struct io_uring_sqe sqe = one(IORING_OP_STATX, dfd, name);

	sqe.len = STATX_BASIC_STATS;
	sqe.statx_flags = flags;
	sqe.addr2 = (uintptr_t)stx;
	return sqe;
}

#define RUN(sqe)	ring_run(&self->ring, variant->flags, sqe)

TEST_F(fs, renameat)
{
	int d = self->dfd;
	struct io_uring_sqe sqe = two(IORING_OP_RENAMEAT, d, "file", d, "new");

	EXPECT_EQ(0, RUN(sqe));
	EXPECT_FALSE(exists(d, "file"));
	EXPECT_TRUE(exists(d, "new"));
	EXPECT_EQ(-ENOENT, RUN(sqe));

	EXPECT_EQ(0, RUN(two(IORING_OP_RENAMEAT, d, "new", d, "sub/new")));
	EXPECT_EQ(-ENOTEMPTY, RUN(two(IORING_OP_RENAMEAT, d, "sub/new", d, "sub")));
	EXPECT_EQ(-EBADF, RUN(two(IORING_OP_RENAMEAT, -7, "sub/new", d, "new")));
	EXPECT_EQ(-EBADF, RUN(two(IORING_OP_RENAMEAT, d, "sub/new", -7, "new")));
	EXPECT_EQ(-ENOTDIR, RUN(two(IORING_OP_RENAMEAT, self->file, "x", d, "new")));
}

TEST_F(fs, renameat_flags)
{
	int d = self->dfd;
	struct io_uring_sqe sqe = two(IORING_OP_RENAMEAT, d, "file", d, "sub");

	sqe.rename_flags = RENAME_NOREPLACE;
	EXPECT_EQ(-EEXIST, RUN(sqe));
	sqe.rename_flags = 1u << 31;
	EXPECT_EQ(-EINVAL, RUN(sqe));
	sqe.rename_flags = RENAME_NOREPLACE | RENAME_EXCHANGE;
	EXPECT_EQ(-EINVAL, RUN(sqe));
	sqe.rename_flags = RENAME_EXCHANGE;
	EXPECT_EQ(0, RUN(sqe));
	EXPECT_EQ(0, unlinkat(d, "file", AT_REMOVEDIR));
	EXPECT_EQ(0, unlinkat(d, "sub", 0));
}

TEST_F(fs, unlinkat)
{
	struct io_uring_sqe sqe = one(IORING_OP_UNLINKAT, self->dfd, "file");

	EXPECT_EQ(0, RUN(sqe));
	EXPECT_FALSE(exists(self->dfd, "file"));
	EXPECT_EQ(-ENOENT, RUN(sqe));
	EXPECT_EQ(-EISDIR, RUN(one(IORING_OP_UNLINKAT, self->dfd, "sub")));
	EXPECT_EQ(-EBADF, RUN(one(IORING_OP_UNLINKAT, -7, "sub")));

	sqe = one(IORING_OP_UNLINKAT, self->dfd, "sub");
	sqe.unlink_flags = AT_REMOVEDIR | AT_SYMLINK_NOFOLLOW;
	EXPECT_EQ(-EINVAL, RUN(sqe));
	sqe.unlink_flags = AT_REMOVEDIR;
	ASSERT_EQ(0, mkdirat(self->dfd, "sub/new", 0700));
	EXPECT_EQ(-ENOTEMPTY, RUN(sqe));
	ASSERT_EQ(0, unlinkat(self->dfd, "sub/new", AT_REMOVEDIR));
	EXPECT_EQ(0, RUN(sqe));
	EXPECT_FALSE(exists(self->dfd, "sub"));
}

TEST_F(fs, mkdirat)
{
	struct io_uring_sqe sqe = one(IORING_OP_MKDIRAT, self->dfd, "new");
	struct stat st;

	sqe.len = 0751;
	EXPECT_EQ(0, RUN(sqe));
	ASSERT_EQ(0, fstatat(self->dfd, "new", &st, 0));
	EXPECT_TRUE(S_ISDIR(st.st_mode));
	EXPECT_EQ(0751u & ~022u, st.st_mode & 07777 & ~022u);
	EXPECT_EQ(-EEXIST, RUN(sqe));
	EXPECT_EQ(-ENOENT, RUN(one(IORING_OP_MKDIRAT, self->dfd, "none/new")));
	EXPECT_EQ(-ENOTDIR, RUN(one(IORING_OP_MKDIRAT, self->dfd, "file/new")));
	EXPECT_EQ(-EBADF, RUN(one(IORING_OP_MKDIRAT, -7, "new2")));
}

TEST_F(fs, symlinkat)
{
	char buf[32] = "";

	EXPECT_EQ(0, RUN(symlink_sqe(self->dfd, "target", "link")));
	EXPECT_EQ(6, readlinkat(self->dfd, "link", buf, sizeof(buf)));
	EXPECT_STREQ("target", buf);
	EXPECT_EQ(-EEXIST, RUN(symlink_sqe(self->dfd, "target", "link")));
	EXPECT_EQ(-ENOENT, RUN(symlink_sqe(self->dfd, "target", "none/link")));
	EXPECT_EQ(-ENOENT, RUN(symlink_sqe(self->dfd, "", "new")));
	EXPECT_EQ(-EBADF, RUN(symlink_sqe(-7, "target", "new")));
}

TEST_F(fs, linkat)
{
	struct io_uring_sqe sqe = two(IORING_OP_LINKAT, self->dfd, "file", self->dfd, "new");
	struct stat a, b;

	EXPECT_EQ(0, RUN(sqe));
	ASSERT_EQ(0, fstatat(self->dfd, "file", &a, 0));
	ASSERT_EQ(0, fstatat(self->dfd, "new", &b, 0));
	EXPECT_EQ(a.st_ino, b.st_ino);
	EXPECT_EQ(-EEXIST, RUN(sqe));
	ASSERT_EQ(0, unlinkat(self->dfd, "new", 0));
	sqe.hardlink_flags = 1u << 31;
	EXPECT_EQ(-EINVAL, RUN(sqe));

	/* The file itself */
	sqe = two(IORING_OP_LINKAT, self->file, "", self->dfd, "new");
	EXPECT_EQ(-ENOENT, RUN(sqe));
	sqe.hardlink_flags = AT_EMPTY_PATH;
	EXPECT_EQ(0, RUN(sqe));
	ASSERT_EQ(0, fstatat(self->dfd, "new", &b, 0));
	EXPECT_EQ(a.st_ino, b.st_ino);
	ASSERT_EQ(0, unlinkat(self->dfd, "new", 0));

	/* What a link points to, or the link */
	ASSERT_EQ(0, symlinkat("file", self->dfd, "link"));
	sqe = two(IORING_OP_LINKAT, self->dfd, "link", self->dfd, "new");
	sqe.hardlink_flags = AT_SYMLINK_FOLLOW;
	EXPECT_EQ(0, RUN(sqe));
	ASSERT_EQ(0, fstatat(self->dfd, "new", &b, AT_SYMLINK_NOFOLLOW));
	EXPECT_EQ(a.st_ino, b.st_ino);
	EXPECT_EQ(-EPERM, RUN(two(IORING_OP_LINKAT, self->dfd, "sub", self->dfd, "target")));
	EXPECT_EQ(-ENOENT, RUN(two(IORING_OP_LINKAT, self->dfd, "none", self->dfd, "target")));
	EXPECT_EQ(-EBADF, RUN(two(IORING_OP_LINKAT, -7, "file", self->dfd, "target")));
}

TEST_F(fs, statx)
{
	struct statx a, b;

	memset(&a, 0xff, sizeof(a));
	memset(&b, 0, sizeof(b));
	EXPECT_EQ(0, RUN(statx_sqe(self->dfd, "file", 0, &a)));
	ASSERT_EQ(0, statx(self->dfd, "file", 0, STATX_BASIC_STATS, &b));
	EXPECT_EQ(0, memcmp(&a, &b, sizeof(a)));
	EXPECT_EQ(100ull, (unsigned long long)a.stx_size);

	memset(&a, 0xff, sizeof(a));
	EXPECT_EQ(0, RUN(statx_sqe(self->file, "", AT_EMPTY_PATH, &a)));
	EXPECT_EQ(0, memcmp(&a, &b, sizeof(a)));
	EXPECT_EQ(-ENOENT, RUN(statx_sqe(self->file, "", 0, &a)));

	ASSERT_EQ(0, symlinkat("file", self->dfd, "link"));
	EXPECT_EQ(0, RUN(statx_sqe(self->dfd, "link", 0, &a)));
	EXPECT_TRUE(S_ISREG(a.stx_mode));
	EXPECT_EQ(0, RUN(statx_sqe(self->dfd, "link", AT_SYMLINK_NOFOLLOW, &a)));
	EXPECT_TRUE(S_ISLNK(a.stx_mode));

	EXPECT_EQ(-ENOENT, RUN(statx_sqe(self->dfd, "none", 0, &a)));
	EXPECT_EQ(-EBADF, RUN(statx_sqe(-7, "file", 0, &a)));
	EXPECT_EQ(-EINVAL, RUN(statx_sqe(self->dfd, "file", 1 << 30, &a)));
	EXPECT_EQ(-EINVAL, RUN(statx_sqe(self->dfd, "file", AT_STATX_SYNC_TYPE, &a)));
	EXPECT_EQ(-EFAULT, RUN(statx_sqe(self->dfd, "file", 0, no_access(4096))));
}

/* An SQE of that opcode that would be carried out */
static struct io_uring_sqe good(int op, int dfd, struct statx *stx)
{
	switch (op) {
	case IORING_OP_RENAMEAT:
		return two(op, dfd, "file", dfd, "file");
	case IORING_OP_LINKAT:
		return two(op, dfd, "file", dfd, "new");
	case IORING_OP_UNLINKAT:
		return one(op, dfd, "file");
	case IORING_OP_SYMLINKAT:
		return symlink_sqe(dfd, "target", "link");
	case IORING_OP_STATX:
		return statx_sqe(dfd, "file", 0, stx);
	default:
		return one(op, dfd, "new");
	}
}

TEST_F(fs, bad_fields)
{
	static const struct bad_byte t[] = {
		BAD(RENAMEAT, buf_index, -EINVAL), BAD(RENAMEAT, splice_fd_in, -EINVAL),
		BAD(RENAMEAT, ioprio, -EINVAL),
		BAD(UNLINKAT, buf_index, -EINVAL), BAD(UNLINKAT, splice_fd_in, -EINVAL),
		BAD(UNLINKAT, off, -EINVAL), BAD(UNLINKAT, len, -EINVAL),
		BAD(UNLINKAT, unlink_flags, -EINVAL), BAD(UNLINKAT, ioprio, -EINVAL),
		BAD(MKDIRAT, buf_index, -EINVAL), BAD(MKDIRAT, splice_fd_in, -EINVAL),
		BAD(MKDIRAT, off, -EINVAL), BAD(MKDIRAT, rw_flags, -EINVAL),
		BAD(MKDIRAT, ioprio, -EINVAL),
		BAD(SYMLINKAT, buf_index, -EINVAL), BAD(SYMLINKAT, splice_fd_in, -EINVAL),
		BAD(SYMLINKAT, len, -EINVAL), BAD(SYMLINKAT, rw_flags, -EINVAL),
		BAD(SYMLINKAT, ioprio, -EINVAL),
		BAD(LINKAT, buf_index, -EINVAL), BAD(LINKAT, splice_fd_in, -EINVAL),
		BAD(LINKAT, ioprio, -EINVAL),
		BAD(STATX, buf_index, -EINVAL), BAD(STATX, splice_fd_in, -EINVAL),
		BAD(STATX, ioprio, -EINVAL),
	};
	struct statx stx;
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(t); i++) {
		struct io_uring_sqe sqe = good(t[i].opcode, self->dfd, &stx);

		((__u8 *)&sqe)[t[i].offset] = 1;
		EXPECT_EQ(t[i].error, RUN(sqe)) {
			TH_LOG("opcode %u, byte %u", t[i].opcode, t[i].offset);
		}
	}
	EXPECT_TRUE(exists(self->dfd, "file"));
	EXPECT_FALSE(exists(self->dfd, "new"));
	EXPECT_FALSE(exists(self->dfd, "link"));
}

static const __u8 ops[] = {
	IORING_OP_RENAMEAT, IORING_OP_UNLINKAT, IORING_OP_MKDIRAT, IORING_OP_SYMLINKAT,
	IORING_OP_LINKAT, IORING_OP_STATX,
};

/* The directory cannot be a fixed file. */
TEST_F(fs, fixed_file)
{
	struct statx stx;
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(ops); i++) {
		struct io_uring_sqe sqe = good(ops[i], self->dfd, &stx);

		sqe.flags = IOSQE_FIXED_FILE;
		EXPECT_EQ(-EBADF, RUN(sqe));
		/* Before the path, but after the fields that must be 0. */
		sqe.addr = (uintptr_t)no_access(4096);
		EXPECT_EQ(-EBADF, RUN(sqe));
		sqe.splice_fd_in = 1;
		EXPECT_EQ(-EINVAL, RUN(sqe));
		sqe = good(ops[i], self->dfd, &stx);
		sqe.flags = IOSQE_BUFFER_SELECT;
		EXPECT_EQ(-EOPNOTSUPP, RUN(sqe));
	}
}

TEST_F(fs, fixed_file_and_bad_field)
{
	struct io_uring_sqe unlinkat = good(IORING_OP_UNLINKAT, self->dfd, NULL);
	struct io_uring_sqe mkdirat = good(IORING_OP_MKDIRAT, self->dfd, NULL);
	struct io_uring_sqe symlinkat = good(IORING_OP_SYMLINKAT, self->dfd, NULL);

	unlinkat.flags = IOSQE_FIXED_FILE;
	unlinkat.unlink_flags = 1u << 20;
	EXPECT_EQ(-EBADF, RUN(unlinkat));
	unlinkat.len = 1;
	EXPECT_EQ(-EINVAL, RUN(unlinkat));
	mkdirat.flags = IOSQE_FIXED_FILE;
	mkdirat.off = 1;
	EXPECT_EQ(-EINVAL, RUN(mkdirat));
	symlinkat.flags = IOSQE_FIXED_FILE;
	symlinkat.rw_flags = 1;
	EXPECT_EQ(-EINVAL, RUN(symlinkat));
}

/* Paths that cannot be copied */
TEST_F(fs, bad_paths)
{
	char *fault = no_access(4096);
	static char longer[PATH_MAX + 1];
	const struct {
		const char *path;
		int error;
	} t[] = {
		{ fault, -EFAULT },
		{ longer, -ENAMETOOLONG },
		{ "", -ENOENT },
	};
	struct statx stx;
	unsigned int i, j;

	memset(longer, 'x', PATH_MAX);
	for (i = 0; i < ARRAY_LEN(ops); i++) {
		for (j = 0; j < ARRAY_LEN(t); j++) {
			struct io_uring_sqe sqe = good(ops[i], self->dfd, &stx);

			sqe.addr = (uintptr_t)t[j].path;
			EXPECT_EQ(t[j].error, RUN(sqe)) {
				TH_LOG("opcode %u, path %u", ops[i], j);
			}
			sqe = good(ops[i], self->dfd, &stx);
			if (!sqe.addr2 || ops[i] == IORING_OP_STATX)
				continue;
			sqe.addr2 = (uintptr_t)t[j].path;
			EXPECT_EQ(t[j].error, RUN(sqe)) {
				TH_LOG("opcode %u, second path %u", ops[i], j);
			}
		}
	}
	EXPECT_TRUE(exists(self->dfd, "file"));
	EXPECT_FALSE(exists(self->dfd, "new"));
}

/* A path may be reused once the SQE was submitted. */
TEST_F(fs, path_is_copied)
{
	char old[8] = "file", new[8] = "new";
	struct io_uring_sqe *sqe = ring_sqe(&self->ring);
	struct io_uring_cqe cqe;

	*sqe = two(IORING_OP_RENAMEAT, self->dfd, old, self->dfd, new);
	sqe->flags = variant->flags;
	ASSERT_EQ(1, ring_submit(&self->ring));
	memset(old, 'x', 4);
	memset(new, 'x', 3);
	ASSERT_EQ(0, ring_wait(&self->ring, &cqe));
	EXPECT_EQ(0, cqe.res);
	EXPECT_TRUE(exists(self->dfd, "new"));
}

/* Without CQE, unless it fails */
TEST_F(fs, cqe_skip)
{
	struct io_uring_sqe *sqe = ring_sqe(&self->ring);
	long end = now_ms() + WAIT_MS;

	*sqe = one(IORING_OP_UNLINKAT, self->dfd, "file");
	sqe->flags = variant->flags | IOSQE_CQE_SKIP_SUCCESS;
	ASSERT_EQ(1, ring_submit(&self->ring));
	while (exists(self->dfd, "file") && now_ms() < end)
		nap();
	EXPECT_TRUE(ring_works(&self->ring));
	EXPECT_EQ(0u, ring_ready(&self->ring));
}

TEST_HARNESS_MAIN
