// SPDX-License-Identifier: GPL-2.0
/*
 * /proc/<pid>/fdinfo/<ring>: the ring's indices as the kernel and the
 * application see them.
 */
#include "iou_test.h"

#include "../kselftest_harness.h"

FIXTURE(fdinfo)
{
	struct ring ring;
	char text[65536];
};

FIXTURE_VARIANT(fdinfo)
{
	unsigned int setup;
};

FIXTURE_VARIANT_ADD(fdinfo, plain) {
	.setup = 0,
};

FIXTURE_VARIANT_ADD(fdinfo, no_sqarray) {
	.setup = IORING_SETUP_NO_SQARRAY,
};

FIXTURE_VARIANT_ADD(fdinfo, defer) {
	.setup = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN,
};

FIXTURE_SETUP(fdinfo)
{
	const char *missing = setup_missing(variant->setup);

	if (missing)
		SKIP(return, "kernel lacks %s", missing);
	if (access("/proc/self/fdinfo", R_OK))
		SKIP(return, "no /proc");
	ASSERT_EQ(0, ring_open(&self->ring, 8, variant->setup));
}

FIXTURE_TEARDOWN(fdinfo)
{
	ring_close(&self->ring);
}

/* Read all of it; the file is larger than one read returns. */
static bool snapshot(struct ring *r, char *text, size_t size)
{
	char path[64];
	size_t len = 0;
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", r->fd);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	while (len < size - 1) {
		n = read(fd, text + len, size - 1 - len);
		if (n <= 0)
			break;
		len += n;
	}
	close(fd);
	text[len] = '\0';
	return len > 0;
}

/* The number after "key:<tab>" at the start of a line, or -1. */
static long long value(const char *text, const char *key)
{
	size_t len = strlen(key);
	const char *line = text;

	while (line && *line) {
		if (!strncmp(line, key, len) && line[len] == ':' && line[len + 1] == '\t')
			return strtoll(line + len + 2, NULL, 0);
		line = strchr(line, '\n');
		if (line)
			line++;
	}
	return -1;
}

TEST_F(fdinfo, new_ring)
{
	static const char *const zero[] = {
		"SqHead", "SqTail", "CachedSqHead", "CqHead", "CqTail", "CachedCqTail",
	};
	unsigned int i;

	ASSERT_TRUE(snapshot(&self->ring, self->text, sizeof(self->text)));
	EXPECT_EQ(7, value(self->text, "SqMask"));
	EXPECT_EQ(15, value(self->text, "CqMask"));
	for (i = 0; i < ARRAY_LEN(zero); i++) {
		EXPECT_EQ(0, value(self->text, zero[i])) {
			TH_LOG("%s", zero[i]);
		}
	}
	/* Masks are printed in hexadecimal. */
	EXPECT_NE(NULL, strstr(self->text, "SqMask:\t0x7\n"));
	EXPECT_NE(NULL, strstr(self->text, "CqMask:\t0xf\n"));
}

TEST_F(fdinfo, follows_the_ring)
{
	struct ring *r = &self->ring;
	struct io_uring_cqe cqe;
	unsigned int i;

	for (i = 0; i < 5; i++)
		ASSERT_TRUE(prep_nop(r, i));
	ring_publish(r);
	ASSERT_TRUE(snapshot(r, self->text, sizeof(self->text)));
	EXPECT_EQ(0, value(self->text, "SqHead"));
	EXPECT_EQ(5, value(self->text, "SqTail"));
	EXPECT_EQ(0, value(self->text, "CachedSqHead"));
	EXPECT_EQ(0, value(self->text, "CqTail"));

	ASSERT_EQ(3, sys_enter(r->fd, 3, 3, IORING_ENTER_GETEVENTS, NULL, 0));
	ASSERT_TRUE(ring_reap(r, &cqe));
	ASSERT_TRUE(snapshot(r, self->text, sizeof(self->text)));
	EXPECT_EQ(3, value(self->text, "SqHead"));
	EXPECT_EQ(5, value(self->text, "SqTail"));
	EXPECT_EQ(3, value(self->text, "CachedSqHead"));
	EXPECT_EQ(1, value(self->text, "CqHead"));
	EXPECT_EQ(3, value(self->text, "CqTail"));
	EXPECT_EQ(3, value(self->text, "CachedCqTail"));
}

/* More than a ring's worth: the indices run freely. */
TEST_F(fdinfo, beyond_the_mask)
{
	struct ring *r = &self->ring;
	struct io_uring_cqe cqe;
	unsigned int i;

	for (i = 0; i < 100; i++) {
		ASSERT_TRUE(prep_nop(r, i));
		ASSERT_EQ(1, ring_submit(r));
		ASSERT_EQ(0, ring_wait(r, &cqe));
	}
	ASSERT_TRUE(snapshot(r, self->text, sizeof(self->text)));
	EXPECT_EQ(100, value(self->text, "SqHead"));
	EXPECT_EQ(100, value(self->text, "SqTail"));
	EXPECT_EQ(100, value(self->text, "CachedSqHead"));
	EXPECT_EQ(100, value(self->text, "CqHead"));
	EXPECT_EQ(100, value(self->text, "CqTail"));
	EXPECT_EQ(100, value(self->text, "CachedCqTail"));
}

/* Indices that make no sense are printed, not followed. */
TEST_F(fdinfo, scribbled_indices)
{
	struct ring *r = &self->ring;

	store(r->sq_tail, 0x80000000);
	store(r->cq_head, 0x7fffffff);
	if (r->sq_array)
		memset(r->sq_array, 0xff, 8 * sizeof(*r->sq_array));
	ASSERT_TRUE(snapshot(r, self->text, sizeof(self->text)));
	EXPECT_EQ(0x80000000LL, value(self->text, "SqTail"));
	EXPECT_EQ(0x7fffffffLL, value(self->text, "CqHead"));
	EXPECT_EQ(0, value(self->text, "CachedSqHead"));
	store(r->sq_tail, 0);
	store(r->cq_head, 0);
	EXPECT_TRUE(ring_works(r));
}

TEST_F(fdinfo, with_backlog_and_parked_requests)
{
	struct ring *r = &self->ring;
	struct io_uring_cqe cqe;
	unsigned int i;
	int p[2];
	char c;

	ASSERT_EQ(0, pipe(p));
	ASSERT_NE(NULL, prep(r, IORING_OP_READ, p[0], &c, 1, -1));
	for (i = 0; i < 20; i++) {
		ASSERT_TRUE(prep_nop(r, i));
		ASSERT_LE(1, ring_submit(r));
	}
	ASSERT_TRUE(snapshot(r, self->text, sizeof(self->text)));
	EXPECT_EQ(21, value(self->text, "SqHead"));
	EXPECT_EQ(16, value(self->text, "CqTail"));
	EXPECT_EQ(0, value(self->text, "CqHead"));
	/* Looking changed nothing. */
	for (i = 0; i < 20; i++) {
		ASSERT_EQ(0, ring_wait(r, &cqe));
		EXPECT_EQ((unsigned long long)i, (unsigned long long)cqe.user_data);
	}
	close(p[0]);
	close(p[1]);
}

/* How often is @line in @text? */
static unsigned int count(const char *text, const char *line)
{
	unsigned int nr = 0;

	while ((text = strstr(text, line))) {
		text += strlen(line);
		nr++;
	}
	return nr;
}

/* Of very many requests that cannot be told apart, or CQEs in the backlog, not all */
TEST_F(fdinfo, shows_a_part)
{
	struct ring *r = &self->ring;
	unsigned int i;
	int p[2];

	if (untouched())
		SKIP(return, "there all are shown");
	ASSERT_EQ(0, pipe(p));
	for (i = 0; i < 1500; i++) {
		struct io_uring_sqe *sqe = ring_sqe(r);

		sqe->opcode = IORING_OP_POLL_ADD;
		sqe->fd = p[0];
		sqe->poll32_events = POLLIN;
		ASSERT_EQ(1, ring_submit(r));
	}
	ASSERT_TRUE(snapshot(r, self->text, sizeof(self->text)));
	EXPECT_GE(1024u, count(self->text, "\n  op="));
	EXPECT_LE(900u, count(self->text, "\n  op="));
	close(p[0]);
	close(p[1]);
}

TEST_HARNESS_MAIN
