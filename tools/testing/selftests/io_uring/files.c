// SPDX-License-Identifier: GPL-2.0
/*
 * Fixed files: the register operations, FILES_UPDATE, FIXED_FD_INSTALL, and
 * requests that use them.
 */
#include "iou_test.h"

#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/time.h>

#include "../kselftest_harness.h"

#define MAX_FIXED_FILES	1048576u

FIXTURE(files)
{
	struct ring ring;
	int pipe[2];
};

FIXTURE_VARIANT(files)
{
	unsigned int setup;
	__u8 sqe_flags;
};

FIXTURE_VARIANT_ADD(files, plain) {
	.setup = 0,
};

FIXTURE_VARIANT_ADD(files, async) {
	.sqe_flags = IOSQE_ASYNC,
};

FIXTURE_VARIANT_ADD(files, defer) {
	.setup = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN,
};

FIXTURE_SETUP(files)
{
	ASSERT_EQ(0, ring_open(&self->ring, 16, variant->setup));
	ASSERT_EQ(0, pipe2(self->pipe, O_CLOEXEC));
}

FIXTURE_TEARDOWN(files)
{
	close(self->pipe[0]);
	close(self->pipe[1]);
	ring_close(&self->ring);
}

static int set_files(struct ring *r, int *fds, unsigned int nr)
{
	return sys_register(r->fd, IORING_REGISTER_FILES, fds, nr);
}

static int unset_files(struct ring *r)
{
	return sys_register(r->fd, IORING_UNREGISTER_FILES, NULL, 0);
}

static int set_files2(struct ring *r, const int *fds, const __u64 *tags, unsigned int nr,
		      unsigned int flags)
{
	struct io_uring_rsrc_register reg = {
		.nr = nr, .flags = flags, .data = (uintptr_t)fds, .tags = (uintptr_t)tags,
	};

	return sys_register(r->fd, IORING_REGISTER_FILES2, &reg, sizeof(reg));
}

static int set_sparse(struct ring *r, unsigned int nr)
{
	return set_files2(r, NULL, NULL, nr, IORING_RSRC_REGISTER_SPARSE);
}

static int update(struct ring *r, unsigned int offset, const int *fds, unsigned int nr)
{
	struct io_uring_rsrc_update up = { .offset = offset, .data = (uintptr_t)fds };

	return sys_register(r->fd, IORING_REGISTER_FILES_UPDATE, &up, nr);
}

static int update2(struct ring *r, unsigned int offset, const int *fds, const __u64 *tags,
		   unsigned int nr)
{
	struct io_uring_rsrc_update2 up = {
		.offset = offset, .data = (uintptr_t)fds, .tags = (uintptr_t)tags, .nr = nr,
	};

	return sys_register(r->fd, IORING_REGISTER_FILES_UPDATE2, &up, sizeof(up));
}

static int set_range(struct ring *r, unsigned int off, unsigned int len, __u64 resv)
{
	struct io_uring_file_index_range range = { .off = off, .len = len, .resv = resv };

	return sys_register(r->fd, IORING_REGISTER_FILE_ALLOC_RANGE, &range, 0);
}

/* One request on a slot: its result. */
static int on_slot(struct ring *r, int opcode, int slot, void *buf, unsigned int len,
		   __u8 sqe_flags)
{
	struct io_uring_sqe *sqe = prep(r, opcode, slot, buf, len, 0);

	sqe->flags = IOSQE_FIXED_FILE | sqe_flags;
	return ring_result(r);
}

/* FILES_UPDATE as a request. */
static int op_update(struct ring *r, unsigned int offset, int *fds, unsigned int nr,
		     __u8 sqe_flags)
{
	prep(r, IORING_OP_FILES_UPDATE, 0, fds, nr, offset)->flags = sqe_flags;
	return ring_result(r);
}

/* Does the pipe end in a slot work? */
static bool slot_writes(struct ring *r, int slot, int read_end)
{
	char c = 'a' + slot % 26, got = 0;

	return on_slot(r, IORING_OP_WRITE, slot, &c, 1, 0) == 1 &&
	       read(read_end, &got, 1) == 1 && got == c;
}

/* Has everybody let go of the other end of this pipe? */
static bool pipe_is_dead(int read_end)
{
	return poll_fd(read_end, POLLIN, WAIT_MS) & POLLHUP;
}

TEST_F(files, register_arguments)
{
	struct ring *r = &self->ring;
	int fds[4] = { self->pipe[0], self->pipe[1], -1, self->pipe[0] };
	struct rlimit old, low;

	EXPECT_EQ(-ENXIO, unset_files(r));
	EXPECT_EQ(-EFAULT, set_files(r, NULL, 1));
	EXPECT_EQ(-EFAULT, set_files(r, no_access(4096), 1));
	EXPECT_EQ(-EINVAL, set_files(r, fds, 0));
	EXPECT_EQ(-EMFILE, set_files(r, fds, MAX_FIXED_FILES + 1));
	fds[2] = -2;
	EXPECT_EQ(-EBADF, set_files(r, fds, 4));
	fds[2] = 12345;
	EXPECT_EQ(-EBADF, set_files(r, fds, 4));
	fds[2] = r->fd;
	EXPECT_EQ(-EBADF, set_files(r, fds, 4));
	/* Nothing remained of the attempts. */
	EXPECT_EQ(-ENXIO, unset_files(r));

	ASSERT_EQ(0, getrlimit(RLIMIT_NOFILE, &old));
	low = old;
	fds[2] = -1;
	low.rlim_cur = 0;
	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &low));
	EXPECT_EQ(-EMFILE, set_files(r, fds, 1));
	low.rlim_cur = 1;
	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &low));
	EXPECT_EQ(-EMFILE, set_files(r, fds, 2));
	EXPECT_EQ(0, set_files(r, fds, 1));
	EXPECT_EQ(0, unset_files(r));
	low.rlim_cur = 4;
	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &low));
	EXPECT_EQ(-EMFILE, set_sparse(r, 5));
	EXPECT_EQ(0, set_files(r, fds, 4));
	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &old));

	EXPECT_EQ(-EBUSY, set_files(r, fds, 4));
	EXPECT_EQ(-EBUSY, set_files(r, fds, 0));
	EXPECT_EQ(-EBUSY, set_sparse(r, 4));
	EXPECT_EQ(-EINVAL, sys_register(r->fd, IORING_UNREGISTER_FILES, fds, 0));
	EXPECT_EQ(-EINVAL, sys_register(r->fd, IORING_UNREGISTER_FILES, NULL, 1));
	EXPECT_EQ(0, unset_files(r));
	EXPECT_EQ(-ENXIO, unset_files(r));
}

TEST_F(files, register2_arguments)
{
	struct ring *r = &self->ring;
	int fds[2] = { self->pipe[0], -1 };
	__u64 tags[2] = { 1, 0 };
	struct io_uring_rsrc_register reg = { .nr = 2, .data = (uintptr_t)fds };
	unsigned int bit;

	EXPECT_EQ(-EINVAL, sys_register(r->fd, IORING_REGISTER_FILES2, &reg, 0));
	EXPECT_EQ(-EINVAL, sys_register(r->fd, IORING_REGISTER_FILES2, &reg, 31));
	EXPECT_EQ(-EINVAL, sys_register(r->fd, IORING_REGISTER_FILES2, &reg, 33));
	EXPECT_EQ(-EFAULT, sys_register(r->fd, IORING_REGISTER_FILES2, NULL, 32));
	reg.resv2 = 1;
	EXPECT_EQ(-EINVAL, sys_register(r->fd, IORING_REGISTER_FILES2, &reg, 32));
	for (bit = 1; bit < 32; bit++)
		EXPECT_EQ(-EINVAL, set_files2(r, fds, NULL, 2, 1u << bit));
	EXPECT_EQ(-EINVAL, set_files2(r, fds, NULL, 0, 0));
	EXPECT_EQ(-EINVAL, set_files2(r, fds, NULL, 2, IORING_RSRC_REGISTER_SPARSE));
	EXPECT_EQ(-EFAULT, set_files2(r, no_access(4096), NULL, 2, 0));
	EXPECT_EQ(-EFAULT, set_files2(r, fds, no_access(4096), 2, 0));
	tags[1] = 2;
	EXPECT_EQ(-EINVAL, set_files2(r, fds, tags, 2, 0));
	EXPECT_EQ(-EINVAL, set_files2(r, NULL, tags, 2, IORING_RSRC_REGISTER_SPARSE));
	EXPECT_EQ(-ENXIO, unset_files(r));
	/* A registration that failed fires no tags. */
	ring_flush(r);
	EXPECT_EQ(0u, ring_ready(r));
	tags[1] = 0;
	EXPECT_EQ(0, set_files2(r, fds, tags, 2, 0));
}

TEST_F(files, update_arguments)
{
	struct ring *r = &self->ring;
	int fds[4] = { self->pipe[0], self->pipe[1], -1, -2 };
	struct io_uring_rsrc_update2 up = { .nr = 1, .data = (uintptr_t)fds };
	struct io_uring_rsrc_update old = { .resv = 1, .data = (uintptr_t)fds };
	__u64 tags[2] = { 1, 2 };

	EXPECT_EQ(-ENXIO, update(r, 0, fds, 1));
	EXPECT_EQ(-ENXIO, update2(r, 0, fds, NULL, 1));
	EXPECT_EQ(-EOVERFLOW, update(r, UINT_MAX, fds, 1));
	ASSERT_EQ(0, set_sparse(r, 4));
	EXPECT_EQ(-EINVAL, update(r, 0, fds, 0));
	EXPECT_EQ(-EINVAL, sys_register(r->fd, IORING_REGISTER_FILES_UPDATE, &old, 1));
	EXPECT_EQ(-EFAULT, sys_register(r->fd, IORING_REGISTER_FILES_UPDATE, NULL, 1));
	EXPECT_EQ(-EINVAL, update(r, 4, fds, 1));
	EXPECT_EQ(-EINVAL, update(r, 1, fds, 4));
	EXPECT_EQ(-EOVERFLOW, update(r, 1, fds, UINT_MAX));
	EXPECT_EQ(-EFAULT, update(r, 0, no_access(4096), 1));

	EXPECT_EQ(-EINVAL, sys_register(r->fd, IORING_REGISTER_FILES_UPDATE2, &up, 31));
	EXPECT_EQ(-EINVAL, sys_register(r->fd, IORING_REGISTER_FILES_UPDATE2, &up, 1));
	up.resv = 1;
	EXPECT_EQ(-EINVAL, sys_register(r->fd, IORING_REGISTER_FILES_UPDATE2, &up, 32));
	up.resv = 0;
	up.resv2 = 1;
	EXPECT_EQ(-EINVAL, sys_register(r->fd, IORING_REGISTER_FILES_UPDATE2, &up, 32));
	EXPECT_EQ(-EINVAL, update2(r, 0, fds, NULL, 0));
	EXPECT_EQ(-EFAULT, update2(r, 0, fds, no_access(4096), 1));
	EXPECT_EQ(-EINVAL, update2(r, 0, fds + 2, tags, 1));
	EXPECT_EQ(-EINVAL, update2(r, 0, fds + 3, tags, 1));

	/* How many were done, if any. */
	EXPECT_EQ(4, update(r, 0, fds, 4));
	fds[1] = 12345;
	EXPECT_EQ(1, update(r, 0, fds, 4));
	EXPECT_EQ(-EBADF, update(r, 0, fds + 1, 1));
	fds[1] = r->fd;
	EXPECT_EQ(-EBADF, update(r, 2, fds + 1, 1));
}

TEST_F(files, requests_use_them)
{
	struct ring *r = &self->ring;
	int fds[3] = { self->pipe[0], -1, self->pipe[1] };
	char out = 'x', in = 0;

	/* No table at all. */
	EXPECT_EQ(-EBADF, on_slot(r, IORING_OP_READ, 0, &in, 1, variant->sqe_flags));
	ASSERT_EQ(0, set_files(r, fds, 3));
	EXPECT_EQ(-EBADF, on_slot(r, IORING_OP_READ, 1, &in, 1, variant->sqe_flags));
	EXPECT_EQ(-EBADF, on_slot(r, IORING_OP_READ, 3, &in, 1, variant->sqe_flags));
	EXPECT_EQ(-EBADF, on_slot(r, IORING_OP_READ, -1, &in, 1, variant->sqe_flags));
	EXPECT_EQ(-EBADF, on_slot(r, IORING_OP_READ, INT_MIN, &in, 1, variant->sqe_flags));
	EXPECT_EQ(1, on_slot(r, IORING_OP_WRITE, 2, &out, 1, variant->sqe_flags));
	EXPECT_EQ(1, on_slot(r, IORING_OP_READ, 0, &in, 1, variant->sqe_flags));
	EXPECT_EQ('x', in);
	/* The descriptors are not needed any more. */
	close(self->pipe[0]);
	close(self->pipe[1]);
	EXPECT_EQ(1, on_slot(r, IORING_OP_WRITE, 2, &out, 1, variant->sqe_flags));
	EXPECT_EQ(1, on_slot(r, IORING_OP_READ, 0, &in, 1, variant->sqe_flags));
	EXPECT_EQ(0, unset_files(r));
	EXPECT_EQ(-EBADF, on_slot(r, IORING_OP_READ, 0, &in, 1, variant->sqe_flags));
	self->pipe[0] = -1;
	self->pipe[1] = -1;
}

/* All kinds of opcodes with a file take it from a slot. */
TEST_F(files, other_opcodes)
{
	struct ring *r = &self->ring;
	struct io_uring_sqe *sqe;
	struct stat st;
	int fd = tmp_file(NULL, 0);
	int fds[2] = { -1, fd };

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, set_files(r, fds, 2));
	sqe = prep(r, IORING_OP_FALLOCATE, 1, NULL, 0, 0);
	sqe->flags = IOSQE_FIXED_FILE | variant->sqe_flags;
	sqe->addr = 10000;
	EXPECT_EQ(0, ring_result(r));
	ASSERT_EQ(0, fstat(fd, &st));
	EXPECT_EQ(10000, st.st_size);
	EXPECT_EQ(0, on_slot(r, IORING_OP_FSYNC, 1, NULL, 0, variant->sqe_flags));
	EXPECT_EQ(0, on_slot(r, IORING_OP_FTRUNCATE, 1, NULL, 0, variant->sqe_flags));
	EXPECT_EQ(-EBADF, on_slot(r, IORING_OP_FSYNC, 0, NULL, 0, variant->sqe_flags));
	ASSERT_EQ(0, fstat(fd, &st));
	EXPECT_EQ(0, st.st_size);
	close(fd);
}

TEST_F(files, update_changes_slots)
{
	struct ring *r = &self->ring;
	int other[2], fds[3] = { -2, -2, -2 };

	ASSERT_EQ(0, pipe2(other, O_CLOEXEC));
	ASSERT_EQ(0, set_sparse(r, 3));
	fds[1] = self->pipe[1];
	EXPECT_EQ(3, update(r, 0, fds, 3));
	EXPECT_TRUE(slot_writes(r, 1, self->pipe[0]));
	fds[1] = other[1];
	fds[2] = self->pipe[1];
	EXPECT_EQ(2, update(r, 1, fds + 1, 2));
	EXPECT_TRUE(slot_writes(r, 1, other[0]));
	EXPECT_TRUE(slot_writes(r, 2, self->pipe[0]));
	/* -2: as it was. */
	fds[0] = -2;
	fds[1] = -2;
	fds[2] = -2;
	EXPECT_EQ(3, update(r, 0, fds, 3));
	EXPECT_TRUE(slot_writes(r, 1, other[0]));
	/* The table was the last to have it. */
	close(other[1]);
	fds[1] = -1;
	EXPECT_EQ(3, update(r, 0, fds, 3));
	EXPECT_TRUE(pipe_is_dead(other[0]));
	EXPECT_EQ(-EBADF, on_slot(r, IORING_OP_WRITE, 1, "x", 1, variant->sqe_flags));
	EXPECT_TRUE(slot_writes(r, 2, self->pipe[0]));
	close(other[0]);
}

/* Read a byte of a pipe, of which there is only slot 0 from then on, and wait for it */
static void read_slot(struct __test_metadata *_metadata, struct ring *r, int fd, char *c,
		      __u8 sqe_flags)
{
	ASSERT_EQ(0, set_files(r, &fd, 1));
	close(fd);
	prep(r, IORING_OP_READ, 0, c, 1, 0)->flags = IOSQE_FIXED_FILE | sqe_flags;
	ASSERT_EQ(1, ring_submit(r));
	nap();
}

/* Who began to read still does, whatever the slot has now; and is the last one */
static void still_reads(struct __test_metadata *_metadata, struct ring *r, int out, const char *c)
{
	struct io_uring_cqe cqe;

	EXPECT_EQ(0, poll_fd(out, POLLERR, 0));
	ASSERT_EQ(1, write(out, "y", 1));
	ASSERT_EQ(0, ring_wait(r, &cqe));
	EXPECT_EQ(1, cqe.res);
	EXPECT_EQ('y', *c);
	/* Now it is gone. */
	EXPECT_EQ(POLLERR, poll_fd(out, 0, WAIT_MS));
}

/* A request keeps the file it was started with. */
TEST_F(files, replaced_while_in_use)
{
	struct ring *r = &self->ring;
	int fds[1] = { -1 };
	char c = 0;

	read_slot(_metadata, r, self->pipe[0], &c, variant->sqe_flags);
	EXPECT_EQ(1, update(r, 0, fds, 1));
	still_reads(_metadata, r, self->pipe[1], &c);
	self->pipe[0] = -1;
}

/* The same when the slot is closed by a request. */
TEST_F(files, closed_while_in_use)
{
	struct ring *r = &self->ring;
	char c = 0;

	read_slot(_metadata, r, self->pipe[0], &c, variant->sqe_flags);
	prep(r, IORING_OP_CLOSE, 0, NULL, 0, 0)->file_index = 1;
	EXPECT_EQ(0, ring_result(r));
	prep(r, IORING_OP_READ, 0, &c, 1, 0)->flags = IOSQE_FIXED_FILE;
	EXPECT_EQ(-EBADF, ring_result(r));

	still_reads(_metadata, r, self->pipe[1], &c);
	self->pipe[0] = -1;
}

static void wake_up(int sig)
{
}

/*
 * The same when the whole table goes. Unregistering need not wait for requests,
 * but some kernels do.
 */
TEST_F(files, unregistered_while_in_use)
{
	struct ring *r = &self->ring;
	struct io_uring_cqe cqe;
	struct sigaction act = { .sa_handler = wake_up };
	struct itimerval timer = { .it_value.tv_usec = 500000, .it_interval.tv_usec = 100000 };
	int fds[1] = { self->pipe[0] };
	char c = 0;
	int ret;

	ASSERT_EQ(0, set_files(r, fds, 1));
	prep(r, IORING_OP_READ, 0, &c, 1, 0)->flags = IOSQE_FIXED_FILE | variant->sqe_flags;
	ASSERT_EQ(1, ring_submit(r));
	nap();
	ASSERT_EQ(0, sigaction(SIGALRM, &act, NULL));
	ASSERT_EQ(0, setitimer(ITIMER_REAL, &timer, NULL));
	ret = unset_files(r);
	timer.it_value.tv_usec = 0;
	ASSERT_EQ(0, setitimer(ITIMER_REAL, &timer, NULL));
	if (ret == -EINTR)
		SKIP(return, "this kernel waits for the requests");
	ASSERT_EQ(0, ret);
	ASSERT_EQ(1, write(self->pipe[1], "z", 1));
	ASSERT_EQ(0, ring_wait(r, &cqe));
	EXPECT_EQ(1, cqe.res);
	EXPECT_EQ('z', c);
}

/* A descriptor that is not open: the slot has the file that it had. */
TEST_F(files, failed_update_changes_nothing)
{
	struct ring *r = &self->ring;
	int fds[2] = { self->pipe[0], self->pipe[1] };
	struct io_uring_sqe write_slot = {
		.opcode = IORING_OP_WRITE,
		.flags = IOSQE_FIXED_FILE,
		.fd = 1,
		.addr = (uintptr_t)"x",
		.len = 1,
		.off = -1,
	};
	int bad = 12345, res;

	ASSERT_EQ(0, set_files(r, fds, 2));
	EXPECT_EQ(-EBADF, update(r, 1, &bad, 1));
	EXPECT_EQ(-EBADF, update(r, 1, &r->fd, 1));
	res = ring_run(r, variant->sqe_flags, write_slot);
	if (res == -EBADF && untouched())
		SKIP(return, "this kernel has emptied the slot");
	EXPECT_EQ(1, res);
}

TEST_F(files, tags)
{
	struct ring *r = &self->ring;
	int fds[3] = { self->pipe[0], self->pipe[1], self->pipe[0] };
	__u64 tags[3] = { 11, 0, 13 };
	struct io_uring_cqe cqe;
	unsigned int i;

	ASSERT_EQ(0, set_files2(r, fds, tags, 3, 0));
	EXPECT_EQ(0u, ring_ready(r));
	/* Replaced: the old tag; by one with another tag: nothing yet. */
	tags[0] = 21;
	EXPECT_EQ(1, update2(r, 0, fds + 1, tags, 1));
	ASSERT_EQ(0, ring_wait(r, &cqe));
	EXPECT_EQ(11u, (unsigned int)cqe.user_data);
	EXPECT_EQ(0, cqe.res);
	EXPECT_EQ(0u, cqe.flags);
	/* No tag, no CQE. */
	EXPECT_EQ(1, update(r, 1, fds, 1));
	ring_flush(r);
	EXPECT_EQ(0u, ring_ready(r));
	/* Cleared. */
	fds[0] = -1;
	EXPECT_EQ(1, update(r, 2, fds, 1));
	ASSERT_EQ(0, ring_wait(r, &cqe));
	EXPECT_EQ(13u, (unsigned int)cqe.user_data);
	/* Unregistered. */
	EXPECT_EQ(0, unset_files(r));
	if (ring_wait_ms(r, &cqe, 500))
		SKIP(return, "this kernel does not tell of files that were unregistered");
	EXPECT_EQ(21u, (unsigned int)cqe.user_data);
	for (i = 0; i < 3; i++) {
		ring_flush(r);
		EXPECT_EQ(0u, ring_ready(r));
	}
}

/* A tag tells of the last use, not of the update. */
TEST_F(files, tag_of_a_file_in_use)
{
	struct ring *r = &self->ring;
	int fds[1] = { self->pipe[0] };
	__u64 tags[1] = { 99 };
	struct io_uring_cqe cqe;
	char c;

	ASSERT_EQ(0, set_files2(r, fds, tags, 1, 0));
	prep(r, IORING_OP_READ, 0, &c, 1, 0)->flags = IOSQE_FIXED_FILE | variant->sqe_flags;
	ASSERT_EQ(1, ring_submit(r));
	nap();
	fds[0] = -1;
	EXPECT_EQ(1, update(r, 0, fds, 1));
	ring_flush(r);
	EXPECT_EQ(0u, ring_ready(r));
	ASSERT_EQ(1, write(self->pipe[1], "y", 1));
	ASSERT_EQ(0, ring_wait(r, &cqe));
	EXPECT_EQ(0u, (unsigned int)cqe.user_data);
	EXPECT_EQ(1, cqe.res);
	ASSERT_EQ(0, ring_wait(r, &cqe));
	EXPECT_EQ(99u, (unsigned int)cqe.user_data);
	EXPECT_EQ(0, cqe.res);
}

TEST_F(files, update_request)
{
	struct ring *r = &self->ring;
	int fds[3] = { self->pipe[1], -1, self->pipe[1] };
	struct io_uring_sqe *sqe;

	EXPECT_EQ(-ENXIO, op_update(r, 0, fds, 1, variant->sqe_flags));
	EXPECT_EQ(-ENXIO, op_update(r, IORING_FILE_INDEX_ALLOC, fds, 1, variant->sqe_flags));
	ASSERT_EQ(0, set_sparse(r, 4));
	EXPECT_EQ(-EINVAL, op_update(r, 0, fds, 0, variant->sqe_flags));
	EXPECT_EQ(-EINVAL, op_update(r, 4, fds, 1, variant->sqe_flags));
	EXPECT_EQ(-EINVAL, op_update(r, 0, fds, 1, IOSQE_FIXED_FILE));
	EXPECT_EQ(-EFAULT, op_update(r, 0, no_access(4096), 1, variant->sqe_flags));
	sqe = prep(r, IORING_OP_FILES_UPDATE, 0, fds, 1, 0);
	sqe->rw_flags = 1;
	EXPECT_EQ(-EINVAL, ring_result(r));
	sqe = prep(r, IORING_OP_FILES_UPDATE, 0, fds, 1, 0);
	sqe->splice_fd_in = 1;
	EXPECT_EQ(-EINVAL, ring_result(r));

	EXPECT_EQ(3, op_update(r, 1, fds, 3, variant->sqe_flags));
	EXPECT_TRUE(slot_writes(r, 1, self->pipe[0]));
	EXPECT_TRUE(slot_writes(r, 3, self->pipe[0]));
	fds[0] = -1;
	fds[1] = 12345;
	EXPECT_EQ(1, op_update(r, 1, fds, 3, variant->sqe_flags));
	EXPECT_EQ(-EBADF, on_slot(r, IORING_OP_WRITE, 1, fds, 1, variant->sqe_flags));
	EXPECT_EQ(-EBADF, op_update(r, 1, fds + 1, 1, variant->sqe_flags));
	EXPECT_TRUE(slot_writes(r, 3, self->pipe[0]));
}

TEST_F(files, update_request_chooses_slots)
{
	struct ring *r = &self->ring;
	int fds[4] = { self->pipe[1], self->pipe[1], self->pipe[1], self->pipe[1] };
	int more[1] = { self->pipe[1] };
	int none[1] = { -1 };
	int i;

	ASSERT_EQ(0, set_sparse(r, 4));
	EXPECT_EQ(4, op_update(r, IORING_FILE_INDEX_ALLOC, fds, 4, variant->sqe_flags));
	for (i = 0; i < 4; i++) {
		EXPECT_EQ(i, fds[i]);
		EXPECT_TRUE(slot_writes(r, i, self->pipe[0]));
	}
	EXPECT_EQ(-ENFILE, op_update(r, IORING_FILE_INDEX_ALLOC, more, 1, variant->sqe_flags));
	EXPECT_EQ(self->pipe[1], more[0]);
	/* The one that was freed is found. */
	EXPECT_EQ(1, update(r, 2, none, 1));
	EXPECT_EQ(1, op_update(r, IORING_FILE_INDEX_ALLOC, more, 1, variant->sqe_flags));
	EXPECT_EQ(2, more[0]);
	EXPECT_EQ(-EBADF, op_update(r, IORING_FILE_INDEX_ALLOC, none, 1, variant->sqe_flags));
}

TEST_F(files, alloc_range)
{
	struct ring *r = &self->ring;
	int fds[3] = { self->pipe[1], self->pipe[1], self->pipe[1] };

	EXPECT_EQ(-EINVAL, set_range(r, 0, 1, 0));
	EXPECT_EQ(0, set_range(r, 0, 0, 0));
	ASSERT_EQ(0, set_sparse(r, 10));
	EXPECT_EQ(-EINVAL, set_range(r, 0, 11, 0));
	EXPECT_EQ(-EINVAL, set_range(r, 11, 0, 0));
	EXPECT_EQ(-EINVAL, set_range(r, 0, 1, 1));
	EXPECT_EQ(-EOVERFLOW, set_range(r, UINT_MAX, 1, 0));
	EXPECT_EQ(-EINVAL, sys_register(r->fd, IORING_REGISTER_FILE_ALLOC_RANGE, NULL, 0));
	EXPECT_EQ(-EINVAL, sys_register(r->fd, IORING_REGISTER_FILE_ALLOC_RANGE, fds, 1));
	EXPECT_EQ(-EFAULT, sys_register(r->fd, IORING_REGISTER_FILE_ALLOC_RANGE,
					no_access(4096), 0));

	EXPECT_EQ(0, set_range(r, 7, 2, 0));
	EXPECT_EQ(2, op_update(r, IORING_FILE_INDEX_ALLOC, fds, 3, variant->sqe_flags));
	EXPECT_EQ(7, fds[0]);
	EXPECT_EQ(8, fds[1]);
	EXPECT_EQ(self->pipe[1], fds[2]);
	/* An explicit slot outside of it is fine. */
	EXPECT_EQ(1, update(r, 0, fds + 2, 1));
	EXPECT_TRUE(slot_writes(r, 0, self->pipe[0]));
	/* An empty range. */
	EXPECT_EQ(0, set_range(r, 3, 0, 0));
	EXPECT_EQ(-ENFILE, op_update(r, IORING_FILE_INDEX_ALLOC, fds + 2, 1, variant->sqe_flags));
}

TEST_F(files, fd_install)
{
	struct ring *r = &self->ring;
	int fds[2] = { -1, self->pipe[1] };
	struct io_uring_sqe *sqe;
	unsigned int bit;
	char c = 0;
	int fd;

	ASSERT_EQ(0, set_files(r, fds, 2));
	EXPECT_EQ(-EBADF, on_slot(r, IORING_OP_FIXED_FD_INSTALL, 0, NULL, 0, variant->sqe_flags));
	EXPECT_EQ(-EBADF, on_slot(r, IORING_OP_FIXED_FD_INSTALL, 2, NULL, 0, variant->sqe_flags));
	fd = on_slot(r, IORING_OP_FIXED_FD_INSTALL, 1, NULL, 0, variant->sqe_flags);
	ASSERT_LE(0, fd);
	EXPECT_EQ(FD_CLOEXEC, fcntl(fd, F_GETFD));
	EXPECT_EQ(1, write(fd, "i", 1));
	EXPECT_EQ(1, read(self->pipe[0], &c, 1));
	close(fd);

	sqe = prep(r, IORING_OP_FIXED_FD_INSTALL, 1, NULL, 0, 0);
	sqe->flags = IOSQE_FIXED_FILE | variant->sqe_flags;
	sqe->install_fd_flags = IORING_FIXED_FD_NO_CLOEXEC;
	fd = ring_result(r);
	ASSERT_LE(0, fd);
	EXPECT_EQ(0, fcntl(fd, F_GETFD));
	close(fd);

	for (bit = 1; bit < 32; bit++) {
		sqe = prep(r, IORING_OP_FIXED_FD_INSTALL, 1, NULL, 0, 0);
		sqe->flags = IOSQE_FIXED_FILE;
		sqe->install_fd_flags = 1u << bit;
		EXPECT_EQ(-EINVAL, ring_result(r));
	}
	/* An ordinary descriptor. */
	prep(r, IORING_OP_FIXED_FD_INSTALL, self->pipe[1], NULL, 0, 0);
	EXPECT_EQ(-EBADF, ring_result(r));
	EXPECT_EQ(-EINVAL, on_slot(r, IORING_OP_FIXED_FD_INSTALL, 1, &c, 0, 0));
	EXPECT_EQ(-EINVAL, on_slot(r, IORING_OP_FIXED_FD_INSTALL, 1, NULL, 1, 0));
	sqe = prep(r, IORING_OP_FIXED_FD_INSTALL, 1, NULL, 0, 1);
	sqe->flags = IOSQE_FIXED_FILE;
	EXPECT_EQ(-EINVAL, ring_result(r));
	sqe = prep(r, IORING_OP_FIXED_FD_INSTALL, 1, NULL, 0, 0);
	sqe->flags = IOSQE_FIXED_FILE;
	sqe->buf_index = 1;
	EXPECT_EQ(-EINVAL, ring_result(r));
	sqe = prep(r, IORING_OP_FIXED_FD_INSTALL, 1, NULL, 0, 0);
	sqe->flags = IOSQE_FIXED_FILE;
	sqe->file_index = 1;
	EXPECT_EQ(-EINVAL, ring_result(r));
	sqe = prep(r, IORING_OP_FIXED_FD_INSTALL, 1, NULL, 0, 0);
	sqe->flags = IOSQE_FIXED_FILE;
	sqe->addr3 = 1;
	EXPECT_EQ(-EINVAL, ring_result(r));
}

/* Closing the ring lets go of its files, soon. */
TEST_F(files, closed_with_the_ring)
{
	int fds[2] = { self->pipe[1], -1 };

	ASSERT_EQ(0, set_files(&self->ring, fds, 2));
	close(self->pipe[1]);
	EXPECT_EQ(0, poll_fd(self->pipe[0], POLLIN, 0));
	ring_close(&self->ring);
	EXPECT_TRUE(pipe_is_dead(self->pipe[0]));
	self->pipe[1] = -1;
}

/* As many as there can be, sparse. */
TEST_F(files, a_million)
{
	struct ring *r = &self->ring;
	struct rlimit old, high = { MAX_FIXED_FILES, MAX_FIXED_FILES };
	int fds[1] = { self->pipe[1] };

	ASSERT_EQ(0, getrlimit(RLIMIT_NOFILE, &old));
	if (setrlimit(RLIMIT_NOFILE, &high))
		SKIP(return, "may not raise RLIMIT_NOFILE");
	EXPECT_EQ(0, set_sparse(r, MAX_FIXED_FILES));
	EXPECT_EQ(1, update(r, MAX_FIXED_FILES - 1, fds, 1));
	EXPECT_TRUE(slot_writes(r, MAX_FIXED_FILES - 1, self->pipe[0]));
	EXPECT_EQ(0, unset_files(r));
	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &old));
}

TEST_HARNESS_MAIN
