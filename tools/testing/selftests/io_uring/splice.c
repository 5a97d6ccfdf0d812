// SPDX-License-Identifier: GPL-2.0
/*
 * SPLICE, TEE and EPOLL_CTL.
 */
#include "iou_test.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>

#include "../kselftest_harness.h"

#define LEN	4096

FIXTURE(splice)
{
	struct ring ring;
	int file;	/* LEN bytes of pattern 1 */
	int a[2];	/* pipes */
	int b[2];
	char buf[LEN];
};

FIXTURE_VARIANT(splice)
{
	unsigned int setup;
	__u8 flags;
};

FIXTURE_VARIANT_ADD(splice, plain) {
	.setup = 0,
};

FIXTURE_VARIANT_ADD(splice, async) {
	.flags = IOSQE_ASYNC,
};

FIXTURE_VARIANT_ADD(splice, defer) {
	.setup = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN,
};

FIXTURE_SETUP(splice)
{
	const char *missing = setup_missing(variant->setup);

	if (missing)
		SKIP(return, "kernel lacks %s", missing);
	ASSERT_EQ(0, ring_open(&self->ring, 8, variant->setup));
	self->file = tmp_file(NULL, 0);
	ASSERT_LE(0, self->file);
	fill_pattern(self->buf, LEN, 1);
	ASSERT_EQ(LEN, write(self->file, self->buf, LEN));
	ASSERT_EQ(0, pipe(self->a));
	ASSERT_EQ(0, pipe(self->b));
	memset(self->buf, 0, LEN);
}

FIXTURE_TEARDOWN(splice)
{
	close(self->a[0]);
	close(self->a[1]);
	close(self->b[0]);
	close(self->b[1]);
	close(self->file);
	ring_close(&self->ring);
}

#define RUN(sqe)	ring_run(&self->ring, variant->flags, sqe)

static struct io_uring_sqe splice_sqe(int in, long long off_in, int out, long long off_out,
				      unsigned int len)
{
	struct io_uring_sqe sqe = {
		.opcode = IORING_OP_SPLICE,
		.fd = out,
		.off = off_out,
		.splice_fd_in = in,
		.splice_off_in = off_in,
		.len = len,
	};

	return sqe;
}

static struct io_uring_sqe tee_sqe(int in, int out, unsigned int len)
{
	struct io_uring_sqe sqe = splice_sqe(in, 0, out, 0, len);

	sqe.opcode = IORING_OP_TEE;
	return sqe;
}

TEST_F(splice, file_to_pipe_to_file)
{
	/* From the file's start to the pipe, and from there behind the file's end */
	EXPECT_EQ(LEN, RUN(splice_sqe(self->file, 0, self->a[1], -1, LEN)));
	EXPECT_EQ(LEN, RUN(splice_sqe(self->a[0], -1, self->file, LEN, LEN)));
	ASSERT_EQ(LEN, pread(self->file, self->buf, LEN, LEN));
	EXPECT_TRUE(has_pattern(self->buf, LEN, 1));
	/* Offsets given leave the file position alone. */
	EXPECT_EQ(LEN, lseek(self->file, 0, SEEK_CUR));
}

TEST_F(splice, file_position)
{
	ASSERT_EQ(0, lseek(self->file, 0, SEEK_SET));
	EXPECT_EQ(100, RUN(splice_sqe(self->file, -1, self->a[1], -1, 100)));
	EXPECT_EQ(100, lseek(self->file, 0, SEEK_CUR));
	EXPECT_EQ(LEN - 100, RUN(splice_sqe(self->file, -1, self->a[1], -1, LEN)));
	EXPECT_EQ(0, RUN(splice_sqe(self->file, -1, self->a[1], -1, LEN)));
	ASSERT_EQ(LEN, read(self->a[0], self->buf, LEN));
	EXPECT_TRUE(has_pattern(self->buf, LEN, 1));
}

TEST_F(splice, pipe_to_pipe)
{
	fill_pattern(self->buf, LEN, 2);
	ASSERT_EQ(LEN, write(self->a[1], self->buf, LEN));
	EXPECT_EQ(LEN, RUN(splice_sqe(self->a[0], -1, self->b[1], -1, 2 * LEN)));
	memset(self->buf, 0, LEN);
	ASSERT_EQ(LEN, read(self->b[0], self->buf, LEN));
	EXPECT_TRUE(has_pattern(self->buf, LEN, 2));
}

/* It waits for data, and other requests do not wait for it. */
TEST_F(splice, waits)
{
	struct io_uring_sqe *sqe = ring_sqe(&self->ring);
	struct io_uring_cqe cqe;

	*sqe = splice_sqe(self->a[0], -1, self->b[1], -1, LEN);
	sqe->flags = variant->flags;
	sqe->user_data = 7;
	ASSERT_EQ(1, ring_submit(&self->ring));
	EXPECT_TRUE(ring_works(&self->ring));
	ASSERT_EQ(3, write(self->a[1], "abc", 3));
	ASSERT_EQ(0, ring_wait(&self->ring, &cqe));
	EXPECT_EQ(7ull, (unsigned long long)cqe.user_data);
	EXPECT_EQ(3, cqe.res);
}

TEST_F(splice, errors)
{
	struct io_uring_sqe sqe;

	EXPECT_EQ(0, RUN(splice_sqe(self->file, 0, self->a[1], -1, 0)));
	EXPECT_EQ(-EBADF, RUN(splice_sqe(-1, 0, self->a[1], -1, LEN)));
	EXPECT_EQ(-EBADF, RUN(splice_sqe(1000000, 0, self->a[1], -1, LEN)));
	EXPECT_EQ(-EBADF, RUN(splice_sqe(self->file, 0, -1, -1, LEN)));
	/* Wrong ends, no pipe at all, an offset in a pipe */
	EXPECT_EQ(-EBADF, RUN(splice_sqe(self->a[1], -1, self->b[1], -1, LEN)));
	EXPECT_EQ(-EBADF, RUN(splice_sqe(self->a[0], -1, self->b[0], -1, LEN)));
	EXPECT_EQ(-EINVAL, RUN(splice_sqe(self->file, 0, self->file, LEN, LEN)));
	EXPECT_EQ(-ESPIPE, RUN(splice_sqe(self->a[0], 0, self->file, 0, LEN)));
	EXPECT_EQ(-ESPIPE, RUN(splice_sqe(self->file, 0, self->a[1], 0, LEN)));
	sqe = splice_sqe(self->file, 0, self->a[1], -1, LEN);
	sqe.splice_flags = 1u << 4;
	EXPECT_EQ(-EINVAL, RUN(sqe));
	sqe.splice_flags = 1u << 30;
	EXPECT_EQ(-EINVAL, RUN(sqe));
	sqe.splice_flags = 0;
	sqe.ioprio = 1;
	EXPECT_EQ(-EINVAL, RUN(sqe));
	sqe.ioprio = 0;
	sqe.flags = IOSQE_BUFFER_SELECT;
	EXPECT_EQ(-EOPNOTSUPP, RUN(sqe));
	/* Nothing there, and not allowed to wait */
	sqe = splice_sqe(self->a[0], -1, self->b[1], -1, LEN);
	sqe.splice_flags = SPLICE_F_NONBLOCK;
	EXPECT_EQ(-EAGAIN, RUN(sqe));
	/* No table of fixed files */
	sqe = splice_sqe(0, 0, self->a[1], -1, LEN);
	sqe.splice_flags = SPLICE_F_FD_IN_FIXED;
	EXPECT_EQ(-EBADF, RUN(sqe));
	sqe = splice_sqe(self->file, 0, 0, -1, LEN);
	sqe.flags = IOSQE_FIXED_FILE;
	EXPECT_EQ(-EBADF, RUN(sqe));
}

TEST_F(splice, fixed_files)
{
	int fds[2] = { self->file, self->a[1] };
	struct io_uring_sqe sqe = splice_sqe(0, 0, 1, -1, LEN);

	ASSERT_EQ(0, sys_register(self->ring.fd, IORING_REGISTER_FILES, fds, 2));
	sqe.flags = IOSQE_FIXED_FILE;
	sqe.splice_flags = SPLICE_F_FD_IN_FIXED;
	EXPECT_EQ(LEN, RUN(sqe));
	ASSERT_EQ(LEN, read(self->a[0], self->buf, LEN));
	EXPECT_TRUE(has_pattern(self->buf, LEN, 1));
	sqe.splice_fd_in = 2;
	EXPECT_EQ(-EBADF, RUN(sqe));
	sqe.splice_fd_in = -1;
	EXPECT_EQ(-EBADF, RUN(sqe));
}

/* Less than asked for counts as failure: there is a CQE. */
TEST_F(splice, short_and_cqe_skip)
{
	struct io_uring_sqe sqe = splice_sqe(self->file, 0, self->a[1], -1, 2 * LEN);
	struct io_uring_sqe *slot = ring_sqe(&self->ring);
	struct io_uring_cqe cqe;

	*slot = sqe;
	slot->flags = variant->flags | IOSQE_CQE_SKIP_SUCCESS;
	ASSERT_EQ(1, ring_submit(&self->ring));
	ASSERT_EQ(0, ring_wait(&self->ring, &cqe));
	EXPECT_EQ(LEN, cqe.res);
}

TEST_F(splice, tee)
{
	fill_pattern(self->buf, LEN, 3);
	ASSERT_EQ(LEN, write(self->a[1], self->buf, LEN));
	EXPECT_EQ(LEN, RUN(tee_sqe(self->a[0], self->b[1], LEN)));
	memset(self->buf, 0, LEN);
	ASSERT_EQ(LEN, read(self->b[0], self->buf, LEN));
	EXPECT_TRUE(has_pattern(self->buf, LEN, 3));
	memset(self->buf, 0, LEN);
	ASSERT_EQ(LEN, read(self->a[0], self->buf, LEN));
	EXPECT_TRUE(has_pattern(self->buf, LEN, 3));
}

TEST_F(splice, tee_errors)
{
	struct io_uring_sqe sqe = tee_sqe(self->a[0], self->b[1], LEN);

	EXPECT_EQ(0, RUN(tee_sqe(self->a[0], self->b[1], 0)));
	EXPECT_EQ(-EBADF, RUN(tee_sqe(-1, self->b[1], LEN)));
	EXPECT_EQ(-EBADF, RUN(tee_sqe(self->a[0], -1, LEN)));
	EXPECT_EQ(-EBADF, RUN(tee_sqe(self->a[0], self->b[0], LEN)));
	EXPECT_EQ(-EINVAL, RUN(tee_sqe(self->file, self->b[1], LEN)));
	EXPECT_EQ(-EINVAL, RUN(tee_sqe(self->a[0], self->a[1], LEN)));
	sqe.splice_flags = SPLICE_F_NONBLOCK;
	EXPECT_EQ(-EAGAIN, RUN(sqe));
	sqe.splice_flags = 1u << 5;
	EXPECT_EQ(-EINVAL, RUN(sqe));
	sqe.splice_flags = 0;
	sqe.off = 1;
	EXPECT_EQ(-EINVAL, RUN(sqe));
	sqe.off = 0;
	sqe.splice_off_in = 1;
	EXPECT_EQ(-EINVAL, RUN(sqe));
	sqe.splice_off_in = 0;
	sqe.ioprio = 1;
	EXPECT_EQ(-EINVAL, RUN(sqe));
	sqe = tee_sqe(0, self->b[1], LEN);
	sqe.splice_flags = SPLICE_F_FD_IN_FIXED;
	EXPECT_EQ(-EBADF, RUN(sqe));
}

static struct io_uring_sqe epoll_sqe(int epfd, int op, int fd, const struct epoll_event *event)
{
	struct io_uring_sqe sqe = {
		.opcode = IORING_OP_EPOLL_CTL,
		.fd = epfd,
		.len = op,
		.off = fd,
		.addr = (uintptr_t)event,
	};

	return sqe;
}

TEST_F(splice, epoll_ctl)
{
	struct epoll_event event = { .events = EPOLLIN, .data.u64 = 77 }, got;
	int ep = epoll_create1(EPOLL_CLOEXEC);

	ASSERT_LE(0, ep);
	EXPECT_EQ(0, RUN(epoll_sqe(ep, EPOLL_CTL_ADD, self->a[0], &event)));
	EXPECT_EQ(-EEXIST, RUN(epoll_sqe(ep, EPOLL_CTL_ADD, self->a[0], &event)));
	EXPECT_EQ(0, epoll_wait(ep, &got, 1, 0));
	ASSERT_EQ(1, write(self->a[1], "x", 1));
	ASSERT_EQ(1, epoll_wait(ep, &got, 1, WAIT_MS));
	EXPECT_EQ(77ull, (unsigned long long)got.data.u64);
	event.data.u64 = 78;
	EXPECT_EQ(0, RUN(epoll_sqe(ep, EPOLL_CTL_MOD, self->a[0], &event)));
	ASSERT_EQ(1, epoll_wait(ep, &got, 1, WAIT_MS));
	EXPECT_EQ(78ull, (unsigned long long)got.data.u64);
	/* No event is read */
	EXPECT_EQ(0, RUN(epoll_sqe(ep, EPOLL_CTL_DEL, self->a[0], NULL)));
	EXPECT_EQ(-ENOENT, RUN(epoll_sqe(ep, EPOLL_CTL_DEL, self->a[0], NULL)));
	EXPECT_EQ(-ENOENT, RUN(epoll_sqe(ep, EPOLL_CTL_MOD, self->a[0], &event)));
	EXPECT_EQ(0, epoll_wait(ep, &got, 1, 0));
	close(ep);
}

TEST_F(splice, epoll_ctl_errors)
{
	struct epoll_event event = { .events = EPOLLIN };
	int ep = epoll_create1(EPOLL_CLOEXEC);
	struct io_uring_sqe sqe = epoll_sqe(ep, EPOLL_CTL_ADD, self->a[0], &event);

	ASSERT_LE(0, ep);
	EXPECT_EQ(-EBADF, RUN(epoll_sqe(-1, EPOLL_CTL_ADD, self->a[0], &event)));
	EXPECT_EQ(-EBADF, RUN(epoll_sqe(ep, EPOLL_CTL_ADD, -1, &event)));
	EXPECT_EQ(-EINVAL, RUN(epoll_sqe(self->a[0], EPOLL_CTL_ADD, self->b[0], &event)));
	EXPECT_EQ(-EINVAL, RUN(epoll_sqe(ep, EPOLL_CTL_ADD, ep, &event)));
	EXPECT_EQ(-EPERM, RUN(epoll_sqe(ep, EPOLL_CTL_ADD, self->file, &event)));
	EXPECT_EQ(-EINVAL, RUN(epoll_sqe(ep, 77, self->a[0], &event)));
	EXPECT_EQ(-EFAULT, RUN(epoll_sqe(ep, EPOLL_CTL_ADD, self->a[0], no_access(4096))));
	sqe.buf_index = 1;
	EXPECT_EQ(-EINVAL, RUN(sqe));
	sqe.buf_index = 0;
	sqe.splice_fd_in = 1;
	EXPECT_EQ(-EINVAL, RUN(sqe));
	sqe.splice_fd_in = 0;
	sqe.ioprio = 1;
	EXPECT_EQ(-EINVAL, RUN(sqe));
	sqe.ioprio = 0;
	EXPECT_EQ(0, RUN(sqe));
	close(ep);
}

TEST_HARNESS_MAIN
