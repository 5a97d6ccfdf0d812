// SPDX-License-Identifier: GPL-2.0
/*
 * FSETXATTR, SETXATTR, FGETXATTR, GETXATTR.
 */
#include "iou_test.h"

#include <sys/xattr.h>

#include "../kselftest_harness.h"

#define NAME	"trusted.iou_test"	/* on any file system that has xattrs */

FIXTURE(xattr)
{
	struct ring ring;
	char path[PATH_MAX];
	int file;
	char buf[64];
};

FIXTURE_VARIANT(xattr)
{
	unsigned int setup;
	__u8 flags;
	bool by_path;
};

FIXTURE_VARIANT_ADD(xattr, file) {
	.by_path = false,
};

FIXTURE_VARIANT_ADD(xattr, path) {
	.by_path = true,
};

FIXTURE_VARIANT_ADD(xattr, file_async) {
	.by_path = false,
	.flags = IOSQE_ASYNC,
};

FIXTURE_VARIANT_ADD(xattr, path_defer) {
	.by_path = true,
	.setup = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN,
};

FIXTURE_SETUP(xattr)
{
	const char *missing = setup_missing(variant->setup);

	if (missing)
		SKIP(return, "kernel lacks %s", missing);
	ASSERT_EQ(0, ring_open(&self->ring, 8, variant->setup));
	snprintf(self->path, sizeof(self->path), "%s/iou_xattr.XXXXXX", tmp_dir());
	self->file = mkostemp(self->path, O_CLOEXEC);
	ASSERT_LE(0, self->file);
	if (fsetxattr(self->file, NAME, "old", 3, 0))
		SKIP(return, "no extended attributes here");
}

FIXTURE_TEARDOWN(xattr)
{
	unlink(self->path);
	close(self->file);
	ring_close(&self->ring);
}

#define RUN(sqe)	ring_run(&self->ring, variant->flags, sqe)

static struct io_uring_sqe xattr_sqe(bool set, int fd, const char *path, const char *name,
				     const void *value, unsigned int size)
{
	struct io_uring_sqe sqe = {
		.opcode = set ? IORING_OP_FSETXATTR : IORING_OP_FGETXATTR,
		.fd = fd,
		.addr = (uintptr_t)name,
		.addr2 = (uintptr_t)value,
		.len = size,
	};

	if (!path)
		return sqe;
	sqe.opcode = set ? IORING_OP_SETXATTR : IORING_OP_GETXATTR;
	sqe.fd = 0;
	sqe.addr3 = (uintptr_t)path;
	return sqe;
}

#define SET(name, value, size)	xattr_sqe(true, self->file,		\
	variant->by_path ? self->path : NULL, name, value, size)
#define GET(name, value, size)	xattr_sqe(false, self->file,		\
	variant->by_path ? self->path : NULL, name, value, size)

TEST_F(xattr, set)
{
	struct io_uring_sqe sqe = SET(NAME, "value", 5);

	EXPECT_EQ(0, RUN(sqe));
	EXPECT_EQ(5, fgetxattr(self->file, NAME, self->buf, sizeof(self->buf)));
	EXPECT_EQ(0, memcmp(self->buf, "value", 5));
	sqe.xattr_flags = XATTR_CREATE;
	EXPECT_EQ(-EEXIST, RUN(sqe));
	sqe.xattr_flags = XATTR_REPLACE;
	EXPECT_EQ(0, RUN(sqe));
	sqe = SET(NAME "2", "value", 5);
	sqe.xattr_flags = XATTR_REPLACE;
	EXPECT_EQ(-ENODATA, RUN(sqe));
	/* An empty value */
	EXPECT_EQ(0, RUN(SET(NAME, NULL, 0)));
	EXPECT_EQ(0, fgetxattr(self->file, NAME, self->buf, sizeof(self->buf)));
}

TEST_F(xattr, get)
{
	EXPECT_EQ(3, RUN(GET(NAME, self->buf, sizeof(self->buf))));
	EXPECT_EQ(0, memcmp(self->buf, "old", 3));
	EXPECT_EQ(3, RUN(GET(NAME, NULL, 0)));
	EXPECT_EQ(-ERANGE, RUN(GET(NAME, self->buf, 2)));
	EXPECT_EQ(-ENODATA, RUN(GET(NAME "2", self->buf, sizeof(self->buf))));
}

TEST_F(xattr, errors)
{
	char *fault = no_access(4096);
	struct io_uring_sqe sqe;
	char name[300];
	unsigned int i;

	memset(name, 'x', sizeof(name));
	memcpy(name, "trusted.", 8);
	name[256] = '\0';
	EXPECT_EQ(-ERANGE, RUN(SET(name, "value", 5)));
	EXPECT_EQ(-ERANGE, RUN(GET(name, self->buf, 5)));
	EXPECT_EQ(-ERANGE, RUN(SET("", "value", 5)));
	EXPECT_EQ(-ERANGE, RUN(GET("", self->buf, 5)));
	EXPECT_EQ(-EFAULT, RUN(SET(fault, "value", 5)));
	EXPECT_EQ(-EFAULT, RUN(GET(fault, self->buf, 5)));
	EXPECT_EQ(-EFAULT, RUN(SET(NAME, fault, 5)));
	EXPECT_EQ(-EFAULT, RUN(GET(NAME, fault, 5)));
	EXPECT_EQ(-E2BIG, RUN(SET(NAME, self->path, 65537)));
	EXPECT_EQ(-EOPNOTSUPP, RUN(SET("nonsense.x", "value", 5)));
	sqe = SET(NAME, "value", 5);
	sqe.xattr_flags = 1u << 7;
	EXPECT_EQ(-EINVAL, RUN(sqe));
	sqe = GET(NAME, self->buf, 5);
	sqe.xattr_flags = XATTR_CREATE;
	EXPECT_EQ(-EINVAL, RUN(sqe));
	for (i = 0; i < 2; i++) {
		sqe = xattr_sqe(i, self->file, variant->by_path ? self->path : NULL, NAME,
				self->buf, 5);
		sqe.flags = IOSQE_FIXED_FILE;
		EXPECT_EQ(-EBADF, RUN(sqe));
		sqe.flags = IOSQE_BUFFER_SELECT;
		EXPECT_EQ(-EOPNOTSUPP, RUN(sqe));
		sqe.flags = 0;
		sqe.ioprio = 1;
		EXPECT_EQ(-EINVAL, RUN(sqe));
	}
	EXPECT_EQ(3, fgetxattr(self->file, NAME, self->buf, sizeof(self->buf)));
}

/* 6.12 refuses it for all four, also for those that take a file. */
TEST_F(xattr, fixed_file)
{
	const char *path = variant->by_path ? self->path : NULL;
	unsigned int set;

	ASSERT_EQ(0, sys_register(self->ring.fd, IORING_REGISTER_FILES, &self->file, 1));
	for (set = 0; set < 2; set++) {
		struct io_uring_sqe sqe = xattr_sqe(set, 0, path, NAME, self->buf, 5);

		sqe.flags = IOSQE_FIXED_FILE;
		EXPECT_EQ(-EBADF, RUN(sqe));
		/* Whatever else is wrong. */
		sqe.xattr_flags = 1u << 7;
		sqe.addr = (uintptr_t)no_access(4096);
		EXPECT_EQ(-EBADF, RUN(sqe));
	}
}

/* No such file */
TEST_F(xattr, where)
{
	static char longer[PATH_MAX + 1];
	unsigned int set;

	memset(longer, 'x', PATH_MAX);
	for (set = 0; set < 2; set++) {
		if (!variant->by_path) {
			EXPECT_EQ(-EBADF, RUN(xattr_sqe(set, -1, NULL, NAME, self->buf, 5)));
			EXPECT_EQ(-EBADF, RUN(xattr_sqe(set, 99999, NULL, NAME, self->buf, 5)));
			continue;
		}
		EXPECT_EQ(-ENOENT, RUN(xattr_sqe(set, 0, "/none/x", NAME, self->buf, 5)));
		EXPECT_EQ(-ENOENT, RUN(xattr_sqe(set, 0, "", NAME, self->buf, 5)));
		EXPECT_EQ(-ENAMETOOLONG, RUN(xattr_sqe(set, 0, longer, NAME, self->buf, 5)));
		EXPECT_EQ(-EFAULT, RUN(xattr_sqe(set, 0, no_access(4096), NAME, self->buf, 5)));
	}
}

/* What the SQE points to may be reused once it was submitted. */
TEST_F(xattr, stable)
{
	char name[] = NAME, value[] = "value";
	struct io_uring_sqe *sqe = ring_sqe(&self->ring);
	struct io_uring_cqe cqe;

	*sqe = SET(name, value, 5);
	sqe->flags = variant->flags;
	ASSERT_EQ(1, ring_submit(&self->ring));
	memset(name, 'z', sizeof(name));
	memset(value, 'z', sizeof(value));
	ASSERT_EQ(0, ring_wait(&self->ring, &cqe));
	EXPECT_EQ(0, cqe.res);
	EXPECT_EQ(5, fgetxattr(self->file, NAME, self->buf, sizeof(self->buf)));
	EXPECT_EQ(0, memcmp(self->buf, "value", 5));
}

TEST_HARNESS_MAIN
