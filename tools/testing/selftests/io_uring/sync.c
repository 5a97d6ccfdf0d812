// SPDX-License-Identifier: GPL-2.0
/*
 * FSYNC, SYNC_FILE_RANGE, FALLOCATE, FTRUNCATE, FADVISE and MADVISE: what they
 * do, what they report, and the fields each of them requires to be zero.
 */
#include "iou_test.h"

#include <linux/falloc.h>

#include "../kselftest_harness.h"

FIXTURE(sync)
{
	struct ring ring;
	char path[64];
	int file;		/* regular, read-write, 64 KiB of pattern */
	int read_only;		/* the same file */
	int pipe[2];
};

FIXTURE_VARIANT(sync)
{
	unsigned int setup;
	__u8 sqe_flags;
};

FIXTURE_VARIANT_ADD(sync, plain) {
	.setup = 0,
};

FIXTURE_VARIANT_ADD(sync, async) {
	.sqe_flags = IOSQE_ASYNC,
};

FIXTURE_VARIANT_ADD(sync, defer) {
	.setup = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN,
};

#define FILE_SIZE	65536

FIXTURE_SETUP(sync)
{
	const char *missing = setup_missing(variant->setup);
	char buf[4096];
	unsigned int i;

	if (missing)
		SKIP(return, "kernel lacks %s", missing);
	ASSERT_EQ(0, ring_open(&self->ring, 8, variant->setup));
	self->file = tmp_file(self->path, sizeof(self->path));
	ASSERT_LE(0, self->file);
	fill_pattern(buf, sizeof(buf), 1);
	for (i = 0; i < FILE_SIZE / sizeof(buf); i++)
		ASSERT_EQ((ssize_t)sizeof(buf), write(self->file, buf, sizeof(buf)));
	self->read_only = open(self->path, O_RDONLY | O_CLOEXEC);
	ASSERT_LE(0, self->read_only);
	ASSERT_EQ(0, pipe(self->pipe));
}

FIXTURE_TEARDOWN(sync)
{
	close(self->pipe[0]);
	close(self->pipe[1]);
	close(self->read_only);
	close(self->file);
	ring_close(&self->ring);
}

/* Run one SQE, given by value: its result. */
static int run(struct ring *r, __u8 flags, struct io_uring_sqe sqe)
{
	struct io_uring_sqe *slot = ring_sqe(r);

	if (!slot)
		return NO_RESULT;
	sqe.flags |= flags;
	*slot = sqe;
	return ring_result(r);
}

static off_t size_of(int fd)
{
	struct stat st;

	return fstat(fd, &st) ? -1 : st.st_size;
}

/* Fields that an opcode may require to be zero. */
enum field { ADDR, OFF, LEN, RW_FLAGS, BUF_INDEX, SPLICE_FD, ADDR3, IOPRIO };

static void poison(struct io_uring_sqe *sqe, enum field field)
{
	switch (field) {
	case ADDR:
		sqe->addr = 1;
		break;
	case OFF:
		sqe->off = 1;
		break;
	case LEN:
		sqe->len = 1;
		break;
	case RW_FLAGS:
		sqe->rw_flags = 1;
		break;
	case BUF_INDEX:
		sqe->buf_index = 1;
		break;
	case SPLICE_FD:
		sqe->splice_fd_in = 1;
		break;
	case ADDR3:
		sqe->addr3 = 1;
		break;
	case IOPRIO:
		sqe->ioprio = 1;
		break;
	}
}

TEST_F(sync, must_be_zero)
{
	static const struct {
		__u8 opcode;
		enum field field;
	} t[] = {
		{ IORING_OP_FSYNC, ADDR },
		{ IORING_OP_FSYNC, BUF_INDEX },
		{ IORING_OP_FSYNC, SPLICE_FD },
		{ IORING_OP_FSYNC, IOPRIO },
		{ IORING_OP_SYNC_FILE_RANGE, ADDR },
		{ IORING_OP_SYNC_FILE_RANGE, BUF_INDEX },
		{ IORING_OP_SYNC_FILE_RANGE, SPLICE_FD },
		{ IORING_OP_SYNC_FILE_RANGE, IOPRIO },
		{ IORING_OP_FALLOCATE, BUF_INDEX },
		{ IORING_OP_FALLOCATE, RW_FLAGS },
		{ IORING_OP_FALLOCATE, SPLICE_FD },
		{ IORING_OP_FALLOCATE, IOPRIO },
		{ IORING_OP_FADVISE, BUF_INDEX },
		{ IORING_OP_FADVISE, SPLICE_FD },
		{ IORING_OP_FADVISE, IOPRIO },
		{ IORING_OP_MADVISE, BUF_INDEX },
		{ IORING_OP_MADVISE, SPLICE_FD },
		{ IORING_OP_MADVISE, IOPRIO },
		{ IORING_OP_FTRUNCATE, RW_FLAGS },
		{ IORING_OP_FTRUNCATE, ADDR },
		{ IORING_OP_FTRUNCATE, LEN },
		{ IORING_OP_FTRUNCATE, BUF_INDEX },
		{ IORING_OP_FTRUNCATE, SPLICE_FD },
		{ IORING_OP_FTRUNCATE, ADDR3 },
		{ IORING_OP_FTRUNCATE, IOPRIO },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(t); i++) {
		struct io_uring_sqe sqe = { .opcode = t[i].opcode, .fd = self->file };

		/* What the operation needs to succeed otherwise. */
		if (sqe.opcode == IORING_OP_FALLOCATE)
			sqe.addr = 4096;
		if (sqe.opcode == IORING_OP_FTRUNCATE)
			sqe.off = FILE_SIZE;
		if (sqe.opcode == IORING_OP_MADVISE)
			sqe.addr = (uintptr_t)self->ring.mem;
		EXPECT_EQ(0, run(&self->ring, variant->sqe_flags, sqe)) {
			TH_LOG("opcode %u", t[i].opcode);
		}
		poison(&sqe, t[i].field);
		EXPECT_EQ(-EINVAL, run(&self->ring, variant->sqe_flags, sqe)) {
			TH_LOG("opcode %u field %d", t[i].opcode, t[i].field);
		}
	}
	EXPECT_EQ(FILE_SIZE, size_of(self->file));
}

TEST_F(sync, no_buffer_select)
{
	static const __u8 ops[] = {
		IORING_OP_FSYNC, IORING_OP_SYNC_FILE_RANGE, IORING_OP_FALLOCATE,
		IORING_OP_FADVISE, IORING_OP_MADVISE, IORING_OP_FTRUNCATE,
	};
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(ops); i++) {
		struct io_uring_sqe sqe = {
			.opcode = ops[i],
			.fd = self->file,
			.flags = IOSQE_BUFFER_SELECT,
		};

		EXPECT_EQ(-EOPNOTSUPP, run(&self->ring, variant->sqe_flags, sqe));
	}
}

TEST_F(sync, bad_fd)
{
	static const __u8 ops[] = {
		IORING_OP_FSYNC, IORING_OP_SYNC_FILE_RANGE, IORING_OP_FALLOCATE,
		IORING_OP_FADVISE, IORING_OP_FTRUNCATE,
	};
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(ops); i++) {
		struct io_uring_sqe sqe = { .opcode = ops[i], .fd = -1 };

		EXPECT_EQ(-EBADF, run(&self->ring, variant->sqe_flags, sqe)) {
			TH_LOG("opcode %u", ops[i]);
		}
		sqe.fd = 1000000;
		EXPECT_EQ(-EBADF, run(&self->ring, variant->sqe_flags, sqe));
	}
}

TEST_F(sync, fsync)
{
	static const struct {
		unsigned long long off;
		unsigned int len;
		unsigned int flags;
		int res;
	} t[] = {
		{ 0, 0, 0, 0 },
		{ 0, 0, IORING_FSYNC_DATASYNC, 0 },
		{ 0, 4096, 0, 0 },
		{ 4096, 8192, IORING_FSYNC_DATASYNC, 0 },
		{ 1, 1, 0, 0 },
		{ FILE_SIZE * 2, 0, 0, 0 },
		{ -1ULL, 0, 0, -EINVAL },
		{ 1ULL << 63, 0, 0, -EINVAL },
		{ 0, 0, 1u << 1, -EINVAL },
		{ 0, 0, 1u << 31, -EINVAL },
		{ 0, 0, IORING_FSYNC_DATASYNC | 1u << 7, -EINVAL },
	};
	struct io_uring_sqe sqe = { .opcode = IORING_OP_FSYNC };
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(t); i++) {
		sqe.fd = self->file;
		sqe.off = t[i].off;
		sqe.len = t[i].len;
		sqe.fsync_flags = t[i].flags;
		EXPECT_EQ(t[i].res, run(&self->ring, variant->sqe_flags, sqe)) {
			TH_LOG("off %llu len %u flags %#x", t[i].off, t[i].len, t[i].flags);
		}
	}
	memset(&sqe, 0, sizeof(sqe));
	sqe.opcode = IORING_OP_FSYNC;
	sqe.fd = self->read_only;
	EXPECT_EQ(0, run(&self->ring, variant->sqe_flags, sqe));
	sqe.fd = self->pipe[0];
	EXPECT_EQ(-EINVAL, run(&self->ring, variant->sqe_flags, sqe));
}

/* The same as the system call, whatever that says. */
TEST_F(sync, sync_file_range)
{
	static const struct {
		long long off;
		unsigned int len;
		unsigned int flags;
	} t[] = {
		{ 0, 0, 0 },
		{ 0, 0, SYNC_FILE_RANGE_WRITE },
		{ 0, 4096, SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER },
		{ 4096, 100, SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE |
			     SYNC_FILE_RANGE_WAIT_AFTER },
		{ 0, 4096, 1u << 3 },
		{ 0, 4096, 1u << 31 },
		{ -1, 4096, SYNC_FILE_RANGE_WRITE },
		{ LLONG_MAX, 4096, SYNC_FILE_RANGE_WRITE },
	};
	const int fds[] = { self->file, self->read_only, self->pipe[0] };
	unsigned int i, j;

	for (i = 0; i < ARRAY_LEN(t); i++) {
		for (j = 0; j < ARRAY_LEN(fds); j++) {
			struct io_uring_sqe sqe = {
				.opcode = IORING_OP_SYNC_FILE_RANGE,
				.fd = fds[j],
				.off = t[i].off,
				.len = t[i].len,
				.sync_range_flags = t[i].flags,
			};
			int want = sync_file_range(fds[j], t[i].off, t[i].len, t[i].flags);

			want = want < 0 ? -errno : want;
			EXPECT_EQ(want, run(&self->ring, variant->sqe_flags, sqe)) {
				TH_LOG("fd %u off %lld len %u flags %#x", j, t[i].off, t[i].len,
				       t[i].flags);
			}
		}
	}
}

static int falloc(struct ring *r, __u8 flags, int fd, unsigned int mode, __u64 off, __u64 len)
{
	struct io_uring_sqe sqe = {
		.opcode = IORING_OP_FALLOCATE,
		.fd = fd,
		.off = off,
		.addr = len,
		.len = mode,
	};

	return run(r, flags, sqe);
}

TEST_F(sync, fallocate)
{
	struct ring *r = &self->ring;
	__u8 f = variant->sqe_flags;
	char buf[4096], zero[4096] = "";

	EXPECT_EQ(0, falloc(r, f, self->file, 0, FILE_SIZE, 4096));
	EXPECT_EQ(FILE_SIZE + 4096, size_of(self->file));
	EXPECT_EQ(0, falloc(r, f, self->file, FALLOC_FL_KEEP_SIZE, FILE_SIZE + 4096, 8192));
	EXPECT_EQ(FILE_SIZE + 4096, size_of(self->file));

	EXPECT_EQ(0, falloc(r, f, self->file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
			    4096, 4096));
	ASSERT_EQ(4096, pread(self->file, buf, 4096, 4096));
	EXPECT_EQ(0, memcmp(buf, zero, 4096));
	ASSERT_EQ(4096, pread(self->file, buf, 4096, 0));
	EXPECT_TRUE(has_pattern(buf, 4096, 1));
	ASSERT_EQ(4096, pread(self->file, buf, 4096, 8192));
	EXPECT_TRUE(has_pattern(buf, 4096, 1));

	EXPECT_EQ(-EINVAL, falloc(r, f, self->file, 0, 0, 0));
	EXPECT_EQ(-EINVAL, falloc(r, f, self->file, 0, 0, -1ULL));
	EXPECT_EQ(-EINVAL, falloc(r, f, self->file, 0, -1ULL, 4096));
	EXPECT_EQ(-EFBIG, falloc(r, f, self->file, 0, LLONG_MAX, 4096));
	EXPECT_EQ(-EOPNOTSUPP, falloc(r, f, self->file, 1u << 30, 0, 4096));
	EXPECT_EQ(-EOPNOTSUPP, falloc(r, f, self->file, FALLOC_FL_PUNCH_HOLE, 0, 4096));
	EXPECT_EQ(-EBADF, falloc(r, f, self->read_only, 0, 0, 4096));
	EXPECT_EQ(-ESPIPE, falloc(r, f, self->pipe[1], 0, 0, 4096));
	EXPECT_EQ(FILE_SIZE + 4096, size_of(self->file));
}

/* The length is 64 bits wide. */
TEST_F(sync, fallocate_64_bit)
{
	struct ring *r = &self->ring;
	const __u64 huge = 5ULL << 30;

	/* A hole costs nothing. */
	ASSERT_EQ(0, ftruncate(self->file, huge));
	EXPECT_EQ(0, falloc(r, variant->sqe_flags, self->file,
			    FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 4096, huge - 8192));
	EXPECT_EQ((off_t)huge, size_of(self->file));
}

TEST_F(sync, ftruncate)
{
	struct io_uring_sqe sqe = { .opcode = IORING_OP_FTRUNCATE, .fd = self->file };
	static const long long sizes[] = { 0, 1, 4095, FILE_SIZE * 2, 3LL << 30, 10 };
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(sizes); i++) {
		sqe.off = sizes[i];
		EXPECT_EQ(0, run(&self->ring, variant->sqe_flags, sqe));
		EXPECT_EQ((off_t)sizes[i], size_of(self->file));
	}
	sqe.off = -1;
	EXPECT_EQ(-EINVAL, run(&self->ring, variant->sqe_flags, sqe));
	sqe.off = 20;
	sqe.fd = self->read_only;
	EXPECT_EQ(-EINVAL, run(&self->ring, variant->sqe_flags, sqe));
	sqe.fd = self->pipe[1];
	EXPECT_EQ(-EINVAL, run(&self->ring, variant->sqe_flags, sqe));
	EXPECT_EQ(10, size_of(self->file));
}

TEST_F(sync, fadvise)
{
	static const struct {
		long long off;
		unsigned long long addr;
		unsigned int len;
		unsigned int advice;
	} t[] = {
		{ 0, 0, 0, POSIX_FADV_NORMAL },
		{ 0, 0, 0, POSIX_FADV_RANDOM },
		{ 0, 0, 0, POSIX_FADV_SEQUENTIAL },
		{ 0, 0, 4096, POSIX_FADV_WILLNEED },
		{ 0, 4096, 0, POSIX_FADV_WILLNEED },
		{ 0, 0, 0, POSIX_FADV_DONTNEED },
		{ 0, 5ULL << 32, 0, POSIX_FADV_DONTNEED },
		{ 0, 0, 0, POSIX_FADV_NOREUSE },
		{ 0, 0, 0, 6 },
		{ 0, 0, 0, 0x7fffffff },
		{ 4096, 4096, 17, POSIX_FADV_WILLNEED },
		/* A negative length is an error only as 64-bit value in addr. */
		{ 0, -1ULL, 0, POSIX_FADV_WILLNEED },
		{ 0, 0, UINT_MAX, POSIX_FADV_WILLNEED },
	};
	const int fds[] = { self->file, self->read_only, self->pipe[0] };
	unsigned int i, j;

	for (i = 0; i < ARRAY_LEN(t); i++) {
		for (j = 0; j < ARRAY_LEN(fds); j++) {
			struct io_uring_sqe sqe = {
				.opcode = IORING_OP_FADVISE,
				.fd = fds[j],
				.off = t[i].off,
				.addr = t[i].addr,
				.len = t[i].len,
				.fadvise_advice = t[i].advice,
			};
			off_t len = t[i].addr ? t[i].addr : t[i].len;
			int want = -posix_fadvise(fds[j], t[i].off, len, t[i].advice);

			EXPECT_EQ(want, run(&self->ring, variant->sqe_flags, sqe)) {
				TH_LOG("fd %u off %lld addr %llu len %u advice %u", j, t[i].off,
				       t[i].addr, t[i].len, t[i].advice);
			}
		}
	}
}

TEST_F(sync, madvise)
{
	size_t page = sysconf(_SC_PAGESIZE);
	char *mem = pages(4 * page);
	struct io_uring_sqe sqe = {
		.opcode = IORING_OP_MADVISE,
		.fd = -1,
		.fadvise_advice = MADV_DONTNEED,
	};
	__u8 f = variant->sqe_flags;
	unsigned int i;

	ASSERT_NE(NULL, mem);
	for (i = 0; i < 4; i++)
		mem[i * page] = 'x';

	/* The length is in len, or, if that is not 0, in off. */
	sqe.addr = (uintptr_t)mem;
	sqe.len = page;
	EXPECT_EQ(0, run(&self->ring, f, sqe));
	EXPECT_EQ(0, mem[0]);
	EXPECT_EQ('x', mem[page]);
	sqe.addr = (uintptr_t)mem + page;
	sqe.len = 3 * page;
	sqe.off = page;
	EXPECT_EQ(0, run(&self->ring, f, sqe));
	EXPECT_EQ(0, mem[page]);
	EXPECT_EQ('x', mem[2 * page]);
	sqe.addr = (uintptr_t)mem + 2 * page;
	sqe.len = 0;
	sqe.off = 2 * page;
	EXPECT_EQ(0, run(&self->ring, f, sqe));
	EXPECT_EQ(0, mem[2 * page]);
	EXPECT_EQ(0, mem[3 * page]);
	/* Nothing to do. */
	sqe.off = 0;
	EXPECT_EQ(0, run(&self->ring, f, sqe));

	sqe.len = page;
	sqe.addr = (uintptr_t)mem + 1;
	EXPECT_EQ(-EINVAL, run(&self->ring, f, sqe));
	sqe.addr = (uintptr_t)mem;
	sqe.fadvise_advice = 0x7fff;
	EXPECT_EQ(-EINVAL, run(&self->ring, f, sqe));
	sqe.fadvise_advice = MADV_DONTNEED;
	ASSERT_EQ(0, munmap(mem + page, page));
	sqe.len = 3 * page;
	EXPECT_EQ(-ENOMEM, run(&self->ring, f, sqe));
}

/* Each batch does a bit of everything; all of it happens. */
TEST_F(sync, mixed_batches)
{
	struct io_uring_cqe cqe;
	unsigned int round, i;

	for (round = 0; round < 20; round++) {
		for (i = 0; i < 8; i++) {
			struct io_uring_sqe *sqe = ring_sqe(&self->ring);

			ASSERT_NE(NULL, sqe);
			sqe->flags = variant->sqe_flags;
			sqe->fd = self->file;
			switch (i % 4) {
			case 0:
				sqe->opcode = IORING_OP_FSYNC;
				break;
			case 1:
				sqe->opcode = IORING_OP_FALLOCATE;
				sqe->addr = FILE_SIZE;
				sqe->len = FALLOC_FL_KEEP_SIZE;
				break;
			case 2:
				sqe->opcode = IORING_OP_FADVISE;
				sqe->fadvise_advice = POSIX_FADV_DONTNEED;
				break;
			case 3:
				sqe->opcode = IORING_OP_FTRUNCATE;
				sqe->off = FILE_SIZE;
				break;
			}
		}
		ASSERT_EQ(8, ring_submit(&self->ring));
		for (i = 0; i < 8; i++) {
			ASSERT_EQ(0, ring_wait(&self->ring, &cqe));
			EXPECT_EQ(0, cqe.res);
		}
	}
	EXPECT_EQ(FILE_SIZE, size_of(self->file));
}

TEST_HARNESS_MAIN
