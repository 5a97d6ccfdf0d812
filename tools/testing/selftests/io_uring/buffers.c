// SPDX-License-Identifier: GPL-2.0
/*
 * Fixed buffers: the register operations, what they cost, and requests that use
 * them.
 */
#include "iou_test.h"

#include <sys/resource.h>
#include <sys/uio.h>

#include "../kselftest_harness.h"

#define MAX_FIXED_BUFS	16384u
#define PAGE		4096
#define HUGE		(2ul << 20)
#define NOBODY		65534

FIXTURE(buffers)
{
	struct ring ring;
	char *mem;
	int fd;
};

FIXTURE_VARIANT(buffers)
{
	unsigned int setup;
	__u8 sqe_flags;
};

FIXTURE_VARIANT_ADD(buffers, plain) {
	.setup = 0,
};

FIXTURE_VARIANT_ADD(buffers, async) {
	.sqe_flags = IOSQE_ASYNC,
};

FIXTURE_VARIANT_ADD(buffers, defer) {
	.setup = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN,
};

FIXTURE_SETUP(buffers)
{
	ASSERT_EQ(0, ring_open(&self->ring, 16, variant->setup));
	self->mem = pages(16 * PAGE);
	ASSERT_NE(NULL, self->mem);
	self->fd = tmp_file(NULL, 0);
	ASSERT_LE(0, self->fd);
}

FIXTURE_TEARDOWN(buffers)
{
	close(self->fd);
	ring_close(&self->ring);
}

static int set_bufs(struct ring *r, void *iovs, unsigned int nr)
{
	return sys_register(r->fd, IORING_REGISTER_BUFFERS, iovs, nr);
}

static int set_buf(struct ring *r, void *base, size_t len)
{
	struct iovec iov = { base, len };

	return set_bufs(r, &iov, 1);
}

static int unset_bufs(struct ring *r)
{
	return sys_register(r->fd, IORING_UNREGISTER_BUFFERS, NULL, 0);
}

static int set_bufs2(struct ring *r, const void *iovs, const __u64 *tags, unsigned int nr,
		     unsigned int flags)
{
	struct io_uring_rsrc_register reg = {
		.nr = nr, .flags = flags, .data = (uintptr_t)iovs, .tags = (uintptr_t)tags,
	};

	return sys_register(r->fd, IORING_REGISTER_BUFFERS2, &reg, sizeof(reg));
}

static int update(struct ring *r, unsigned int offset, const void *iovs, const __u64 *tags,
		  unsigned int nr)
{
	struct io_uring_rsrc_update2 up = {
		.offset = offset, .data = (uintptr_t)iovs, .tags = (uintptr_t)tags, .nr = nr,
	};

	return sys_register(r->fd, IORING_REGISTER_BUFFERS_UPDATE, &up, sizeof(up));
}

static int clone_bufs(struct ring *to, unsigned int from, unsigned int flags, int pad)
{
	struct io_uring_clone_buffers clone = { .src_fd = from, .flags = flags, .pad[5] = pad };

	return sys_register(to->fd, IORING_REGISTER_CLONE_BUFFERS, &clone, 1);
}

/* READ_FIXED or WRITE_FIXED: its result. */
static int rw(struct ring *r, int opcode, int fd, const void *addr, unsigned int len, __u64 off,
	      unsigned int index, __u8 sqe_flags)
{
	struct io_uring_sqe *sqe = prep(r, opcode, fd, addr, len, off);

	sqe->buf_index = index;
	sqe->flags = sqe_flags;
	return ring_result(r);
}

/* VmPin of this process in pages: what is pinned for it. */
static long pinned(void)
{
	char text[8192], *p;

	if (!read_small_file("/proc/self/status", text, sizeof(text)))
		return -1;
	p = strstr(text, "\nVmPin:");
	return p ? strtol(p + 7, NULL, 10) / (PAGE / 1024) : -1;
}

/* Wait until no more than @nr pages are pinned: rings end by and by. */
static bool pinned_drops_to(long nr)
{
	long end = now_ms() + WAIT_MS;

	while (pinned() > nr && now_ms() < end)
		nap();
	return pinned() == nr;
}

TEST_F(buffers, register_arguments)
{
	struct ring *r = &self->ring;
	struct iovec iov[2] = { { self->mem, PAGE }, { self->mem, PAGE } };
	long before = pinned();
	int fd;

	EXPECT_EQ(-ENXIO, unset_bufs(r));
	EXPECT_EQ(-EFAULT, set_bufs(r, NULL, 1));
	EXPECT_EQ(-EFAULT, set_bufs(r, no_access(PAGE), 1));
	EXPECT_EQ(-EINVAL, set_bufs(r, iov, 0));
	EXPECT_EQ(-EINVAL, set_bufs(r, iov, MAX_FIXED_BUFS + 1));
	iov[1] = (struct iovec) { NULL, PAGE };
	EXPECT_EQ(-EFAULT, set_bufs(r, iov, 2));
	iov[1] = (struct iovec) { self->mem, 0 };
	EXPECT_EQ(-EFAULT, set_bufs(r, iov, 2));
	iov[1] = (struct iovec) { self->mem, (1ul << 30) + 1 };
	EXPECT_EQ(-EFAULT, set_bufs(r, iov, 2));
	/* Longer than any ssize_t, as readv() sees it. */
	iov[1] = (struct iovec) { self->mem, -1ul };
	EXPECT_EQ(-EINVAL, set_bufs(r, iov, 2));
	iov[1] = (struct iovec) { NULL, 1ul << 63 };
	EXPECT_EQ(-EINVAL, set_bufs(r, iov, 2));
	iov[1] = (struct iovec) { (void *)-PAGE, PAGE };
	EXPECT_EQ(-EOVERFLOW, set_bufs(r, iov, 2));
	iov[1] = (struct iovec) { no_access(PAGE), PAGE };
	EXPECT_EQ(-EFAULT, set_bufs(r, iov, 2));
	/* The last page is missing. */
	ASSERT_EQ(0, munmap(self->mem + 8 * PAGE, PAGE));
	iov[1] = (struct iovec) { self->mem, 9 * PAGE };
	EXPECT_EQ(-EFAULT, set_bufs(r, iov, 2));
	/* Read-only memory cannot be read into. */
	ASSERT_EQ(0, mprotect(self->mem + 4 * PAGE, PAGE, PROT_READ));
	iov[1] = (struct iovec) { self->mem + 4 * PAGE, PAGE };
	EXPECT_EQ(-EFAULT, set_bufs(r, iov, 2));
	/* Pages of a file with its own writeback cannot be pinned for long. */
	fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	iov[1] = (struct iovec) { mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0), PAGE };
	EXPECT_EQ(-EFAULT, set_bufs(r, iov, 2));
	close(fd);
	/* Nothing remained of all that. */
	EXPECT_EQ(-ENXIO, unset_bufs(r));
	EXPECT_EQ(before, pinned());

	iov[1] = (struct iovec) { NULL, 0 };
	EXPECT_EQ(0, set_bufs(r, iov, 2));
	EXPECT_EQ(before + 1, pinned());
	EXPECT_EQ(-EBUSY, set_bufs(r, iov, 2));
	EXPECT_EQ(-EBUSY, set_bufs(r, iov, 0));
	EXPECT_EQ(-EINVAL, sys_register(r->fd, IORING_UNREGISTER_BUFFERS, iov, 0));
	EXPECT_EQ(-EINVAL, sys_register(r->fd, IORING_UNREGISTER_BUFFERS, NULL, 1));
	EXPECT_EQ(0, unset_bufs(r));
	EXPECT_EQ(before, pinned());
}

TEST_F(buffers, register2_arguments)
{
	struct ring *r = &self->ring;
	struct iovec iov[2] = { { self->mem, PAGE }, { NULL, 0 } };
	struct io_uring_rsrc_register reg = { .nr = 2, .data = (uintptr_t)iov };
	__u64 tags[2] = { 1, 2 };
	unsigned int bit;

	EXPECT_EQ(-EINVAL, sys_register(r->fd, IORING_REGISTER_BUFFERS2, &reg, 0));
	EXPECT_EQ(-EINVAL, sys_register(r->fd, IORING_REGISTER_BUFFERS2, &reg, 31));
	EXPECT_EQ(-EINVAL, sys_register(r->fd, IORING_REGISTER_BUFFERS2, &reg, 33));
	EXPECT_EQ(-EFAULT, sys_register(r->fd, IORING_REGISTER_BUFFERS2, NULL, 32));
	reg.resv2 = 1;
	EXPECT_EQ(-EINVAL, sys_register(r->fd, IORING_REGISTER_BUFFERS2, &reg, 32));
	for (bit = 1; bit < 32; bit++)
		EXPECT_EQ(-EINVAL, set_bufs2(r, iov, NULL, 2, 1u << bit));
	EXPECT_EQ(-EINVAL, set_bufs2(r, iov, NULL, 0, 0));
	EXPECT_EQ(-EINVAL, set_bufs2(r, iov, NULL, MAX_FIXED_BUFS + 1, 0));
	EXPECT_EQ(-EINVAL, set_bufs2(r, iov, NULL, 2, IORING_RSRC_REGISTER_SPARSE));
	EXPECT_EQ(-EINVAL, set_bufs2(r, iov, tags, 2, 0));
	EXPECT_EQ(-EFAULT, set_bufs2(r, iov, no_access(PAGE), 2, 0));
	EXPECT_EQ(-ENXIO, unset_bufs(r));
	ring_flush(r);
	EXPECT_EQ(0u, ring_ready(r));
	EXPECT_EQ(0, set_bufs2(r, NULL, NULL, MAX_FIXED_BUFS, IORING_RSRC_REGISTER_SPARSE));
	EXPECT_EQ(0, unset_bufs(r));
}

TEST_F(buffers, update_arguments)
{
	struct ring *r = &self->ring;
	struct iovec iov[3] = { { self->mem, PAGE }, { NULL, 0 }, { self->mem, 0 } };
	__u64 tags[2] = { 1, 1 };
	long before = pinned();

	EXPECT_EQ(-ENXIO, update(r, 0, iov, NULL, 1));
	ASSERT_EQ(0, set_bufs2(r, NULL, NULL, 3, IORING_RSRC_REGISTER_SPARSE));
	EXPECT_EQ(-EINVAL, update(r, 0, iov, NULL, 0));
	EXPECT_EQ(-EINVAL, update(r, 3, iov, NULL, 1));
	EXPECT_EQ(-EINVAL, update(r, 1, iov, NULL, 3));
	EXPECT_EQ(-EOVERFLOW, update(r, 1, iov, NULL, UINT_MAX));
	EXPECT_EQ(-EFAULT, update(r, 0, NULL, NULL, 1));
	EXPECT_EQ(-EFAULT, update(r, 0, iov, no_access(PAGE), 1));
	EXPECT_EQ(-EINVAL, update(r, 0, iov + 1, tags, 1));
	EXPECT_EQ(-EFAULT, update(r, 0, iov + 2, NULL, 1));
	EXPECT_EQ(-EINVAL, sys_register(r->fd, IORING_REGISTER_BUFFERS_UPDATE, iov, 1));
	EXPECT_EQ(before, pinned());
	EXPECT_EQ(2, update(r, 0, iov, NULL, 3));
	EXPECT_EQ(before + 1, pinned());
	EXPECT_EQ(1, update(r, 0, iov + 1, NULL, 1));
	EXPECT_EQ(before, pinned());
}

TEST_F(buffers, read_and_write)
{
	struct ring *r = &self->ring;
	char *buf = self->mem + 100;
	size_t len = 10 * PAGE + 77;

	ASSERT_EQ(0, set_buf(r, buf, len));
	fill_pattern(buf, len, 1);
	ASSERT_EQ((int)len, rw(r, IORING_OP_WRITE_FIXED, self->fd, buf, len, 0, 0,
			       variant->sqe_flags));
	memset(buf, 0, len);
	ASSERT_EQ((int)len, rw(r, IORING_OP_READ_FIXED, self->fd, buf, len, 0, 0,
			       variant->sqe_flags));
	EXPECT_TRUE(has_pattern(buf, len, 1));
	EXPECT_EQ(0, unset_bufs(r));
}

/* Every beginning and end, at page borders and between them. */
TEST_F(buffers, any_part)
{
	static const unsigned int at[] = { 0, 1, 4095, 4096, 4097, 8191, 8192, 12288, 20000 };
	struct ring *r = &self->ring;
	size_t len = 6 * PAGE;
	char *buf = self->mem + 123, *want = pages(6 * PAGE);
	unsigned int i, j;

	fill_pattern(want, len, 2);
	ASSERT_EQ((ssize_t)len, pwrite(self->fd, want, len, 0));
	ASSERT_EQ(0, set_buf(r, buf, len));
	for (i = 0; i < ARRAY_LEN(at); i++) {
		for (j = i + 1; j < ARRAY_LEN(at); j++) {
			unsigned int n = at[j] - at[i];

			memset(buf, 0, len);
			ASSERT_EQ((int)n, rw(r, IORING_OP_READ_FIXED, self->fd, buf + at[i], n,
					     at[i], 0, variant->sqe_flags));
			EXPECT_EQ(0, memcmp(buf + at[i], want + at[i], n)) {
				TH_LOG("%u to %u", at[i], at[j]);
			}
			EXPECT_TRUE(!at[i] || !buf[at[i] - 1]);
			EXPECT_EQ(0, buf[at[j]]);
		}
	}
}

TEST_F(buffers, outside)
{
	struct ring *r = &self->ring;
	char *buf = self->mem + PAGE + 5;
	size_t len = 3 * PAGE;
	int fd = self->fd;
	struct iovec iov[2] = { { buf, len }, { NULL, 0 } };
	__u8 flags = variant->sqe_flags;

	/* No table, beyond it, an empty slot. */
	EXPECT_EQ(-EFAULT, rw(r, IORING_OP_WRITE_FIXED, fd, buf, 1, 0, 0, flags));
	ASSERT_EQ(0, set_bufs(r, iov, 2));
	EXPECT_EQ(-EFAULT, rw(r, IORING_OP_WRITE_FIXED, fd, buf, 1, 0, 2, flags));
	EXPECT_EQ(-EFAULT, rw(r, IORING_OP_WRITE_FIXED, fd, buf, 1, 0, 65535, flags));
	EXPECT_EQ(-EFAULT, rw(r, IORING_OP_WRITE_FIXED, fd, buf, 1, 0, 1, flags));
	EXPECT_EQ(-EFAULT, rw(r, IORING_OP_READ_FIXED, fd, NULL, 0, 0, 1, flags));
	/* Before, after, across; and around the address space. */
	EXPECT_EQ(-EFAULT, rw(r, IORING_OP_WRITE_FIXED, fd, buf - 1, 1, 0, 0, flags));
	EXPECT_EQ(-EFAULT, rw(r, IORING_OP_WRITE_FIXED, fd, buf - 1, 2, 0, 0, flags));
	EXPECT_EQ(-EFAULT, rw(r, IORING_OP_WRITE_FIXED, fd, buf, len + 1, 0, 0, flags));
	EXPECT_EQ(-EFAULT, rw(r, IORING_OP_WRITE_FIXED, fd, buf + len, 1, 0, 0, flags));
	EXPECT_EQ(-EFAULT, rw(r, IORING_OP_WRITE_FIXED, fd, buf + 1, len, 0, 0, flags));
	EXPECT_EQ(-EFAULT, rw(r, IORING_OP_WRITE_FIXED, fd, buf, UINT_MAX, 0, 0, flags));
	EXPECT_EQ(-EFAULT, rw(r, IORING_OP_WRITE_FIXED, fd, (void *)-1l, 2, 0, 0, flags));
	EXPECT_EQ(-EFAULT, rw(r, IORING_OP_WRITE_FIXED, fd, NULL, 1, 0, 0, flags));
	/* The whole, and the last byte. */
	EXPECT_EQ((int)len, rw(r, IORING_OP_WRITE_FIXED, fd, buf, len, 0, 0, flags));
	EXPECT_EQ(1, rw(r, IORING_OP_WRITE_FIXED, fd, buf + len - 1, 1, 0, 0, flags));
	EXPECT_EQ(0, rw(r, IORING_OP_READ_FIXED, fd, buf, 0, 0, 0, flags));
}

/* It is refused when it is submitted, before its file is looked at: its batch ends there. */
TEST_F(buffers, outside_ends_the_batch)
{
	struct ring *r = &self->ring;
	struct io_uring_sqe *sqe;
	struct io_uring_cqe cqe;

	ASSERT_EQ(0, set_buf(r, self->mem, PAGE));
	sqe = prep(r, IORING_OP_WRITE_FIXED, -1, self->mem + PAGE - 1, 2, 0);
	sqe->flags = variant->sqe_flags;
	ASSERT_TRUE(prep_nop(r, 7));
	EXPECT_EQ(1, ring_submit(r));
	ASSERT_EQ(0, ring_wait(r, &cqe));
	EXPECT_EQ(-EFAULT, cqe.res);
	EXPECT_EQ(1, ring_submit(r));
	ASSERT_EQ(0, ring_wait(r, &cqe));
	EXPECT_EQ(7, cqe.user_data);
	EXPECT_EQ(0, cqe.res);
}

/* Pipes, and files that know nothing but ordinary user memory. */
TEST_F(buffers, other_files)
{
	struct ring *r = &self->ring;
	char *buf = self->mem + 3000;
	int ctl = open("/proc/sys/kernel/ostype", O_RDONLY | O_CLOEXEC);
	int old = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
	char secret[16] = "not so secret";
	struct io_uring_cqe cqe;
	int p[2];

	ASSERT_EQ(0, set_buf(r, buf, 2 * PAGE));
	ASSERT_EQ(0, pipe(p));
	prep(r, IORING_OP_READ_FIXED, p[0], buf + 1090, 20, 0)->flags = variant->sqe_flags;
	ASSERT_EQ(1, ring_submit(r));
	ASSERT_EQ(12, write(p[1], "hello, world", 12));
	ASSERT_EQ(0, ring_wait(r, &cqe));
	EXPECT_EQ(12, cqe.res);
	EXPECT_EQ(0, memcmp(buf + 1090, "hello, world", 12));

	EXPECT_EQ(6, rw(r, IORING_OP_READ_FIXED, ctl, buf, 100, 0, 0, variant->sqe_flags));
	EXPECT_EQ(0, memcmp(buf, "Linux\n", 6));
	EXPECT_EQ(16, rw(r, IORING_OP_READ_FIXED, old, buf + 1080, 16, (uintptr_t)secret, 0,
			 variant->sqe_flags));
	EXPECT_EQ(0, memcmp(buf + 1080, secret, 16));
	EXPECT_EQ(-EFAULT, rw(r, IORING_OP_READ_FIXED, old, buf - 1, 16, (uintptr_t)secret, 0,
			      variant->sqe_flags));
	close(ctl);
	close(old);
	close(p[0]);
	close(p[1]);
}

/* Huge pages that begin and end in the middle of the buffer, and small ones. */
TEST_F(buffers, huge_pages)
{
	struct ring *r = &self->ring;
	char *area = pages(4 * HUGE), *huge, *buf;
	size_t len = 2 * HUGE + 3 * PAGE;
	unsigned int at;

	ASSERT_NE(NULL, area);
	huge = (char *)(((uintptr_t)area + HUGE - 1) & ~(HUGE - 1));
	madvise(huge, 2 * HUGE, MADV_HUGEPAGE);
	madvise(huge + 2 * HUGE, HUGE, MADV_NOHUGEPAGE);
	memset(huge, 1, 3 * HUGE);
	buf = huge + PAGE + 17;
	ASSERT_EQ(0, set_buf(r, buf, len));
	fill_pattern(buf, len, 3);
	ASSERT_EQ((int)len, rw(r, IORING_OP_WRITE_FIXED, self->fd, buf, len, 0, 0,
			       variant->sqe_flags));
	for (at = 0; at < len; at += HUGE / 4 + 333) {
		size_t n = len - at;

		memset(buf, 0, len);
		ASSERT_EQ((int)n, rw(r, IORING_OP_READ_FIXED, self->fd, buf, n, at, 0,
				     variant->sqe_flags));
		ASSERT_EQ((ssize_t)n, pread(self->fd, buf + 0, n, at));
		memset(buf, 0, len);
		ASSERT_EQ((int)n, rw(r, IORING_OP_READ_FIXED, self->fd, buf + at, n, at, 0,
				     variant->sqe_flags));
		ASSERT_EQ((int)at, rw(r, IORING_OP_READ_FIXED, self->fd, buf, at, 0, 0,
				      variant->sqe_flags));
		EXPECT_TRUE(has_pattern(buf, len, 3)) {
			TH_LOG("at %u", at);
		}
	}
	EXPECT_EQ(0, unset_bufs(r));
	munmap(area, 4 * HUGE);
}

/* The same page again and again, in a mapping whose pages are in no order. */
TEST_F(buffers, shuffled_pages)
{
	struct ring *r = &self->ring;
	int i, fd = memfd_create("shuffled", MFD_CLOEXEC);
	char *buf = mmap(NULL, 16 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, ftruncate(fd, 16 * PAGE));
	for (i = 0; i < 16; i++)
		ASSERT_NE(MAP_FAILED, mmap(buf + i * PAGE, PAGE, PROT_READ | PROT_WRITE,
					   MAP_SHARED | MAP_FIXED, fd,
					   i < 8 ? (7 - i) * PAGE : (i * 5 % 8 + 8) * PAGE));
	ASSERT_EQ(0, set_buf(r, buf, 16 * PAGE));
	fill_pattern(buf, 16 * PAGE, 4);
	ASSERT_EQ(16 * PAGE, rw(r, IORING_OP_WRITE_FIXED, self->fd, buf, 16 * PAGE, 0, 0,
				variant->sqe_flags));
	memset(buf, 0, 16 * PAGE);
	for (i = 0; i < 16; i++)
		ASSERT_EQ(PAGE, rw(r, IORING_OP_READ_FIXED, self->fd, buf + i * PAGE, PAGE,
				   i * PAGE, 0, variant->sqe_flags));
	EXPECT_TRUE(has_pattern(buf, 16 * PAGE, 4));
	close(fd);
}

TEST_F(buffers, tags)
{
	struct ring *r = &self->ring;
	struct iovec iov[2] = { { self->mem, PAGE }, { self->mem + PAGE, PAGE } };
	struct iovec none = { NULL, 0 };
	__u64 tags[2] = { 5, 6 };
	struct io_uring_cqe cqe;
	char *buf = self->mem;
	int p[2];

	ASSERT_EQ(0, pipe(p));
	ASSERT_EQ(0, set_bufs2(r, iov, tags, 2, 0));
	/* In use: it is told when the request has ended, not before. */
	prep(r, IORING_OP_READ_FIXED, p[0], buf, 4, 0)->flags = variant->sqe_flags;
	ASSERT_EQ(1, ring_submit(r));
	nap();
	EXPECT_EQ(1, update(r, 0, &none, NULL, 1));
	ring_flush(r);
	EXPECT_EQ(0u, ring_ready(r));
	ASSERT_EQ(4, write(p[1], "data", 4));
	ASSERT_EQ(0, ring_wait(r, &cqe));
	EXPECT_EQ(4, cqe.res);
	EXPECT_EQ(0, memcmp(buf, "data", 4));
	ASSERT_EQ(0, ring_wait(r, &cqe));
	EXPECT_EQ(5u, (unsigned int)cqe.user_data);
	EXPECT_EQ(0, cqe.res);
	/* Not in use: at once. */
	EXPECT_EQ(1, update(r, 1, iov, NULL, 1));
	ASSERT_EQ(0, ring_wait(r, &cqe));
	EXPECT_EQ(6u, (unsigned int)cqe.user_data);
	EXPECT_EQ(0, unset_bufs(r));
	ring_flush(r);
	EXPECT_EQ(0u, ring_ready(r));
	close(p[0]);
	close(p[1]);
}

/* Unmapped, replaced in the program: the pages stay those that were registered. */
TEST_F(buffers, unmapped)
{
	struct ring *r = &self->ring;
	char *buf = self->mem;

	fill_pattern(buf, 2 * PAGE, 5);
	ASSERT_EQ(0, set_buf(r, buf, 2 * PAGE));
	ASSERT_EQ(0, munmap(buf, 2 * PAGE));
	ASSERT_EQ(2 * PAGE, rw(r, IORING_OP_WRITE_FIXED, self->fd, buf, 2 * PAGE, 0, 0,
			       variant->sqe_flags));
	ASSERT_EQ(buf, mmap(buf, 2 * PAGE, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
	ASSERT_EQ(2 * PAGE, pread(self->fd, buf, 2 * PAGE, 0));
	EXPECT_TRUE(has_pattern(buf, 2 * PAGE, 5));
	memset(buf, 0, 2 * PAGE);
	EXPECT_EQ(PAGE, rw(r, IORING_OP_READ_FIXED, self->fd, buf, PAGE, 0, 0,
			   variant->sqe_flags));
	EXPECT_EQ(0, buf[100]);
}

/* A child that writes gets the copies; the parent's requests see the parent's. */
TEST_F(buffers, fork)
{
	struct ring *r = &self->ring;
	char *buf = self->mem;
	pid_t pid;

	fill_pattern(buf, 2 * PAGE, 6);
	ASSERT_EQ(0, set_buf(r, buf, 2 * PAGE));
	pid = fork();
	if (!pid) {
		memset(buf, 'c', 2 * PAGE);
		_exit(0);
	}
	ASSERT_EQ(0, reap(pid, WAIT_MS));
	fill_pattern(buf, 2 * PAGE, 7);
	ASSERT_EQ(2 * PAGE, rw(r, IORING_OP_WRITE_FIXED, self->fd, buf, 2 * PAGE, 0, 0,
			       variant->sqe_flags));
	memset(buf, 0, 2 * PAGE);
	ASSERT_EQ(2 * PAGE, rw(r, IORING_OP_READ_FIXED, self->fd, buf, 2 * PAGE, 0, 0,
			       variant->sqe_flags));
	EXPECT_TRUE(has_pattern(buf, 2 * PAGE, 7));
}

/* The file behind a shared mapping shrinks. */
TEST_F(buffers, truncated)
{
	struct ring *r = &self->ring;
	int fd = memfd_create("shrinks", MFD_CLOEXEC);
	char *buf;

	ASSERT_EQ(0, ftruncate(fd, 4 * PAGE));
	buf = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	ASSERT_NE(MAP_FAILED, buf);
	fill_pattern(buf, 4 * PAGE, 8);
	ASSERT_EQ(0, set_buf(r, buf, 4 * PAGE));
	ASSERT_EQ(0, ftruncate(fd, 0));
	ASSERT_EQ(4 * PAGE, rw(r, IORING_OP_WRITE_FIXED, self->fd, buf, 4 * PAGE, 0, 0,
			       variant->sqe_flags));
	ASSERT_EQ(4 * PAGE, pread(self->fd, self->mem, 4 * PAGE, 0));
	EXPECT_TRUE(has_pattern(self->mem, 4 * PAGE, 8));
	close(fd);
}

TEST_F(buffers, pins_are_counted)
{
	struct ring *r = &self->ring;
	struct iovec iov[3] = {
		{ self->mem, PAGE }, { self->mem + PAGE - 1, 2 }, { self->mem + PAGE, 10 },
	};
	struct iovec none = { NULL, 0 };
	long before = pinned();

	ASSERT_LE(0, before);
	madvise(self->mem, 16 * PAGE, MADV_NOHUGEPAGE);
	ASSERT_EQ(0, set_bufs(r, iov, 3));
	EXPECT_EQ(before + 4, pinned());
	EXPECT_EQ(1, update(r, 1, &none, NULL, 1));
	EXPECT_EQ(before + 2, pinned());
	EXPECT_EQ(1, update(r, 0, iov + 1, NULL, 1));
	EXPECT_EQ(before + 3, pinned());
	EXPECT_EQ(0, unset_bufs(r));
	EXPECT_EQ(before, pinned());
	ASSERT_EQ(0, set_bufs(r, iov, 3));
	ring_close(r);
	EXPECT_TRUE(pinned_drops_to(before));
}

/* A huge page is paid for in full, and once, however often it is registered. */
TEST_F(buffers, huge_pages_are_counted)
{
	struct ring *r = &self->ring;
	char *area = pages(2 * HUGE), *huge;
	struct iovec iov[3], none = { NULL, 0 };
	long before = pinned();

	ASSERT_NE(NULL, area);
	huge = (char *)(((uintptr_t)area + HUGE - 1) & ~(HUGE - 1));
	madvise(huge, HUGE, MADV_HUGEPAGE);
	memset(huge, 1, HUGE);
	iov[0] = (struct iovec) { huge + 10 * PAGE, PAGE };
	iov[1] = (struct iovec) { huge + 5 * PAGE, 3 * PAGE };
	iov[2] = (struct iovec) { huge, HUGE };
	ASSERT_EQ(0, set_bufs(r, iov, 3));
	if (pinned() == before + 516)
		SKIP(return, "no huge page to be had");
	EXPECT_EQ(before + 512, pinned());
	EXPECT_EQ(1, update(r, 1, &none, NULL, 1));
	EXPECT_EQ(1, update(r, 2, &none, NULL, 1));
	EXPECT_EQ(0, unset_bufs(r));
	EXPECT_EQ(before, pinned());
	munmap(area, 2 * HUGE);
}

/* As somebody who may not lock memory beyond the limit. */
static int limited(unsigned int setup, size_t limit, size_t len, int again)
{
	struct rlimit lim = { limit, limit };
	char *mem = pages(64 * PAGE);
	struct ring r;
	int ret;

	madvise(mem, 64 * PAGE, MADV_NOHUGEPAGE);
	if (setrlimit(RLIMIT_MEMLOCK, &lim) || setresuid(NOBODY, NOBODY, NOBODY))
		return -EPERM;
	ret = ring_open(&r, 4, setup);
	if (ret)
		return ret;
	ret = set_buf(&r, mem, len);
	while (!ret && again--) {
		ret = unset_bufs(&r);
		if (!ret)
			ret = set_buf(&r, mem, len);
	}
	return ret;
}

TEST_F(buffers, memlock_limit)
{
	static const struct {
		size_t limit;
		size_t len;
		int want;
	} cases[] = {
		{ 0, 1, -ENOMEM },
		{ 1, 1, -ENOMEM },
		{ PAGE - 1, 1, -ENOMEM },
		{ PAGE, 1, 0 },
		{ PAGE, PAGE, 0 },
		{ PAGE, PAGE + 1, -ENOMEM },
		{ 8 * PAGE, 8 * PAGE, 0 },
		{ 8 * PAGE, 9 * PAGE, -ENOMEM },
	};
	unsigned int i;
	pid_t pid;

	if (getuid())
		SKIP(return, "needs root to become somebody else");
	for (i = 0; i < ARRAY_LEN(cases); i++) {
		long end = now_ms() + WAIT_MS;
		int ret = 0;

		/* The ring of the last one may still be going. */
		do {
			pid = fork();
			if (!pid)
				_exit(-limited(variant->setup, cases[i].limit, cases[i].len, 20));
			ret = reap(pid, WAIT_MS);
			ret = WIFEXITED(ret) ? -WEXITSTATUS(ret) : -EINTR;
		} while (ret != cases[i].want && now_ms() < end);
		EXPECT_EQ(cases[i].want, ret) {
			TH_LOG("limit %zu, %zu bytes", cases[i].limit, cases[i].len);
		}
	}
}

/*
 * With a limit of 8 pages: whatever fails, and wherever, all 8 can be had after it.
 * As another user than above, whose rings may still be going. Returns 0, or the
 * number of the step that went wrong.
 */
static int after_failures(unsigned int setup)
{
	struct rlimit lim = { 8 * PAGE, 8 * PAGE };
	char *mem = pages(64 * PAGE);
	char *hole = no_access(PAGE);
	struct iovec all = { mem, 8 * PAGE };
	struct iovec too_much[3] = {
		{ mem, 4 * PAGE }, { mem + 4 * PAGE, 4 * PAGE }, { mem + 8 * PAGE, 1 },
	};
	struct iovec unreadable[3] = { { mem, 3 * PAGE }, { mem, 3 * PAGE }, { hole, 1 } };
	struct iovec empty[2] = { { mem, 8 * PAGE }, { NULL, 5 } };
	struct iovec one = { mem, PAGE };
	struct iovec *bad[] = { too_much, unreadable, empty };
	const int nrs[] = { 3, 3, 2 }, errors[] = { -ENOMEM, -EFAULT, -EFAULT };
	__u64 tags[3] = { 1, 2, 3 };
	struct ring r, other;
	unsigned int i;

	madvise(mem, 64 * PAGE, MADV_NOHUGEPAGE);
	if (setrlimit(RLIMIT_MEMLOCK, &lim) || setresuid(NOBODY - 1, NOBODY - 1, NOBODY - 1))
		return 1;
	if (ring_open(&r, 4, setup) || ring_open(&other, 4, setup))
		return 2;
	for (i = 0; i < ARRAY_LEN(bad); i++) {
		if (set_bufs(&r, bad[i], nrs[i]) != errors[i] || pinned())
			return 10 + i;
		/* It counts for the user, not for the ring. */
		if (set_bufs(&other, &all, 1) || set_bufs(&r, &one, 1) != -ENOMEM)
			return 20 + i;
		if (unset_bufs(&other) || pinned())
			return 30 + i;
	}
	/* An update that does not get far: what it has replaced is paid back. */
	if (set_bufs(&r, too_much, 2) || pinned() != 8)
		return 40;
	if (update(&r, 0, &one, tags, 1) != -ENOMEM || pinned() != 8)
		return 41;
	all.iov_base = NULL;
	all.iov_len = 0;
	if (update(&r, 0, &all, NULL, 1) != 1 || pinned() != 4)
		return 42;
	if (update(&r, 0, too_much + 1, tags, 2) != 1 || pinned() != 8)
		return 43;
	if (unset_bufs(&r) || pinned())
		return 44;
	return 0;
}

TEST_F(buffers, failures_cost_nothing)
{
	pid_t pid;

	if (getuid())
		SKIP(return, "needs root to become somebody else");
	pid = fork();
	if (!pid)
		_exit(after_failures(variant->setup));
	ASSERT_EQ(0, reap(pid, WAIT_MS));
}

TEST_F(buffers, clone)
{
	struct ring *r = &self->ring;
	struct ring other, third;
	struct iovec iov[3] = {
		{ self->mem, 2 * PAGE }, { NULL, 0 }, { self->mem + 5 * PAGE, 10 },
	};
	struct iovec none = { NULL, 0 };
	long before = pinned();
	char *buf = self->mem;

	ASSERT_EQ(0, ring_open(&other, 4, 0));
	ASSERT_EQ(0, ring_open(&third, 4, 0));
	EXPECT_EQ(-ENXIO, clone_bufs(&other, r->fd, 0, 0));
	ASSERT_EQ(0, set_bufs(r, iov, 3));
	EXPECT_EQ(-EBADF, clone_bufs(&other, -1, 0, 0));
	EXPECT_EQ(-EBADF, clone_bufs(&other, 12345, 0, 0));
	EXPECT_EQ(-EOPNOTSUPP, clone_bufs(&other, self->fd, 0, 0));
	EXPECT_EQ(-EINVAL, clone_bufs(&other, r->fd, 1u << 2, 0));
	EXPECT_EQ(-EINVAL, clone_bufs(&other, r->fd, 1u << 31, 0));
	EXPECT_EQ(-EINVAL, clone_bufs(&other, r->fd, 0, 1));
	EXPECT_EQ(-EINVAL, clone_bufs(&other, 16, IORING_REGISTER_SRC_REGISTERED, 0));
	EXPECT_EQ(-EINVAL, sys_register(other.fd, IORING_REGISTER_CLONE_BUFFERS, NULL, 1));
	EXPECT_EQ(-EINVAL, sys_register(other.fd, IORING_REGISTER_CLONE_BUFFERS, iov, 2));

	ASSERT_EQ(0, clone_bufs(&other, r->fd, 0, 0));
	EXPECT_EQ(-EBUSY, clone_bufs(&other, r->fd, 0, 0));
	EXPECT_EQ(-EBUSY, clone_bufs(r, other.fd, 0, 0));
	/* Paid for once. */
	EXPECT_EQ(before + 3, pinned());
	fill_pattern(buf, 2 * PAGE, 9);
	EXPECT_EQ(2 * PAGE, rw(&other, IORING_OP_WRITE_FIXED, self->fd, buf, 2 * PAGE, 0, 0, 0));
	EXPECT_EQ(-EFAULT, rw(&other, IORING_OP_WRITE_FIXED, self->fd, buf, 1, 0, 1, 0));
	EXPECT_EQ(10, rw(&other, IORING_OP_WRITE_FIXED, self->fd, iov[2].iov_base, 10, 0, 2, 0));
	/* They outlive the ring they come from, one by one. */
	EXPECT_EQ(1, update(r, 2, &none, NULL, 1));
	EXPECT_EQ(10, rw(&other, IORING_OP_WRITE_FIXED, self->fd, iov[2].iov_base, 10, 0, 2, 0));
	ASSERT_EQ(0, clone_bufs(&third, other.fd, 0, 0));
	ring_close(r);
	memset(buf, 0, 2 * PAGE);
	EXPECT_EQ(2 * PAGE, rw(&other, IORING_OP_READ_FIXED, self->fd, buf, 2 * PAGE, 0, 0, 0));
	EXPECT_EQ(0, unset_bufs(&other));
	EXPECT_EQ(-EFAULT, rw(&other, IORING_OP_READ_FIXED, self->fd, buf, 1, 0, 0, 0));
	EXPECT_EQ(2 * PAGE, rw(&third, IORING_OP_READ_FIXED, self->fd, buf, 2 * PAGE, 0, 0, 0));
	ring_close(&other);
	ring_close(&third);
	EXPECT_TRUE(pinned_drops_to(before));
}

/* Somebody else's pages are not ours to use up. */
TEST_F(buffers, clone_across_processes)
{
	struct ring *r = &self->ring;
	struct ring other;
	pid_t pid;

	if (variant->setup & IORING_SETUP_SINGLE_ISSUER)
		SKIP(return, "the child would not own the ring");
	ASSERT_EQ(0, set_buf(r, self->mem, PAGE));
	pid = fork();
	if (!pid) {
		if (ring_open(&other, 4, 0))
			_exit(1);
		_exit(clone_bufs(&other, r->fd, 0, 0) == -EINVAL ? 0 : 2);
	}
	EXPECT_EQ(0, reap(pid, WAIT_MS));
}

/* Who clones can be killed, whichever of the rings somebody else is stuck with. */
TEST(clone_killed)
{
	char *mem = pages(4096);
	struct iovec iov = { mem, 4096 };
	struct stuck_lock from, to;
	struct ring src, dst;
	pid_t pid;
	int ret;

	ASSERT_EQ(0, ring_open(&src, 8, 0));
	ASSERT_EQ(0, ring_open(&dst, 8, 0));
	ASSERT_EQ(0, set_bufs(&src, &iov, 1));
	ret = stuck_lock_begin(&from, &src);
	if (ret)
		SKIP(return, "no userfaultfd (%s)", strerror(-ret));
	pid = fork_detached();
	if (!pid) {
		/* Or it would keep the page away */
		close(from.uffd);
		_exit(clone_bufs(&dst, src.fd, 0, 0) != 0);
	}
	poll(NULL, 0, 100);
	/* It has looked at its own ring, waits for the other, and comes back to its own */
	ASSERT_EQ(0, stuck_lock_begin(&to, &dst));
	stuck_lock_end(&from);
	poll(NULL, 0, 100);
	EXPECT_TRUE(kill_ends(pid, WAIT_MS) || untouched());
	stuck_lock_end(&to);
	/* Nothing of it is left */
	EXPECT_EQ(0, clone_bufs(&dst, src.fd, 0, 0));
	EXPECT_EQ(0, unset_bufs(&src));
	EXPECT_EQ(0, unset_bufs(&dst));
	ring_close(&src);
	ring_close(&dst);
}

TEST_HARNESS_MAIN
