// SPDX-License-Identifier: GPL-2.0
/*
 * URING_CMD: /dev/null, which does nothing and always succeeds; block devices;
 * NVMe passthrough.
 */
#include "iou_test.h"

#include <sys/ioctl.h>
#include <sys/uio.h>
#include <linux/fs.h>
#include <linux/nvme_ioctl.h>

#include "../kselftest_harness.h"

#ifndef BLOCK_URING_CMD_DISCARD
#define BLOCK_URING_CMD_DISCARD	_IO(0x12, 0)
#endif

#define BLOCK		4096
#define NVME_CMD_WRITE	1
#define NVME_CMD_READ	2

FIXTURE(cmd)
{
	struct ring ring;
	int null;
};

FIXTURE_VARIANT(cmd)
{
	unsigned int setup;
	__u8 flags;
};

FIXTURE_VARIANT_ADD(cmd, plain) {
	.setup = 0,
};

FIXTURE_VARIANT_ADD(cmd, async) {
	.flags = IOSQE_ASYNC,
};

FIXTURE_VARIANT_ADD(cmd, defer) {
	.setup = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN,
};

FIXTURE_VARIANT_ADD(cmd, big) {
	.setup = IORING_SETUP_SQE128 | IORING_SETUP_CQE32,
};

FIXTURE_VARIANT_ADD(cmd, big_async) {
	.setup = IORING_SETUP_SQE128 | IORING_SETUP_CQE32,
	.flags = IOSQE_ASYNC,
};

FIXTURE_VARIANT_ADD(cmd, big_defer) {
	.setup = IORING_SETUP_SQE128 | IORING_SETUP_CQE32 | IORING_SETUP_SINGLE_ISSUER |
		 IORING_SETUP_DEFER_TASKRUN,
};

FIXTURE_VARIANT_ADD(cmd, big_iopoll) {
	.setup = IORING_SETUP_SQE128 | IORING_SETUP_CQE32 | IORING_SETUP_IOPOLL,
};

FIXTURE_SETUP(cmd)
{
	const char *missing = setup_missing(variant->setup);

	if (missing)
		SKIP(return, "kernel lacks %s", missing);
	ASSERT_EQ(0, ring_open(&self->ring, 16, variant->setup));
	self->null = open("/dev/null", O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, self->null);
}

FIXTURE_TEARDOWN(cmd)
{
	close(self->null);
	ring_close(&self->ring);
}

static bool is_big(const struct ring *r)
{
	return r->p.flags & IORING_SETUP_SQE128;
}

/* The next SQE, all of it zeroed, as a command */
static struct io_uring_sqe *cmd_sqe(struct ring *r, __u8 flags, int fd, unsigned int op)
{
	unsigned int i = r->next & r->sq_mask;
	struct io_uring_sqe *sqe;

	if (!is_big(r)) {
		sqe = ring_sqe(r);
	} else {
		sqe = &r->sqes[2 * i];
		memset(sqe, 0, 128);
		r->sq_array[i] = i;
		r->next++;
	}
	sqe->opcode = IORING_OP_URING_CMD;
	sqe->flags = flags;
	sqe->fd = fd;
	sqe->cmd_op = op;
	return sqe;
}

/* Take a CQE, of whatever size: its result */
static int cmd_result(struct ring *r, __u64 *res2)
{
	unsigned int head = *r->cq_head;
	long end = now_ms() + WAIT_MS;
	struct io_uring_cqe *cqe;
	int res;

	while (head == load(r->cq_tail)) {
		if (now_ms() > end)
			return NO_RESULT;
		/* Polling does not take a timeout. */
		if (r->p.flags & IORING_SETUP_IOPOLL)
			sys_enter(r->fd, 0, 1, IORING_ENTER_GETEVENTS, NULL, 0);
		else
			ring_enter_wait(r, 1, 100);
	}
	cqe = (void *)((char *)r->cqes + (size_t)(head & r->cq_mask) *
		       (r->p.flags & IORING_SETUP_CQE32 ? 32 : 16));
	res = cqe->res;
	if (res2)
		*res2 = cqe->big_cqe[0];
	store(r->cq_head, head + 1);
	return res;
}

static int cmd_run(struct ring *r)
{
	return ring_submit(r) == 1 ? cmd_result(r, NULL) : NO_RESULT;
}

TEST_F(cmd, null)
{
	cmd_sqe(&self->ring, variant->flags, self->null, 0);
	/* Nothing there to be polled */
	EXPECT_EQ(variant->setup & IORING_SETUP_IOPOLL ? -EOPNOTSUPP : 0, cmd_run(&self->ring));
}

TEST_F(cmd, null_fixed_file)
{
	ASSERT_EQ(0, sys_register(self->ring.fd, IORING_REGISTER_FILES, &self->null, 1));
	cmd_sqe(&self->ring, variant->flags | IOSQE_FIXED_FILE, 0, 0);
	EXPECT_EQ(variant->setup & IORING_SETUP_IOPOLL ? -EOPNOTSUPP : 0, cmd_run(&self->ring));
	cmd_sqe(&self->ring, variant->flags | IOSQE_FIXED_FILE, 1, 0);
	EXPECT_EQ(-EBADF, cmd_run(&self->ring));
}

TEST_F(cmd, null_many)
{
	unsigned int round, i;

	if (variant->setup & IORING_SETUP_IOPOLL)
		SKIP(return, "nothing there to be polled");
	for (round = 0; round < 50; round++) {
		for (i = 0; i < 16; i++)
			cmd_sqe(&self->ring, variant->flags, self->null, i);
		ASSERT_EQ(16, ring_submit(&self->ring));
		for (i = 0; i < 16; i++)
			ASSERT_EQ(0, cmd_result(&self->ring, NULL));
	}
}

TEST_F(cmd, errors)
{
	struct iovec none = {};
	struct io_uring_sqe *sqe;
	int file = tmp_file(NULL, 0);

	ASSERT_LE(0, file);
	cmd_sqe(&self->ring, variant->flags, file, 0);
	EXPECT_EQ(-EOPNOTSUPP, cmd_run(&self->ring));
	cmd_sqe(&self->ring, variant->flags, -1, 0);
	EXPECT_EQ(-EBADF, cmd_run(&self->ring));
	sqe = cmd_sqe(&self->ring, variant->flags, self->null, 0);
	sqe->__pad1 = 1;
	EXPECT_EQ(-EINVAL, cmd_run(&self->ring));
	sqe = cmd_sqe(&self->ring, variant->flags, self->null, 0);
	sqe->uring_cmd_flags = 1u << 31;
	EXPECT_EQ(-EINVAL, cmd_run(&self->ring));
	sqe = cmd_sqe(&self->ring, variant->flags, self->null, 0);
	sqe->uring_cmd_flags = 1u << 2;
	EXPECT_EQ(-EINVAL, cmd_run(&self->ring));
	/* There are no fixed buffers. */
	sqe = cmd_sqe(&self->ring, variant->flags, self->null, 0);
	sqe->uring_cmd_flags = IORING_URING_CMD_FIXED;
	EXPECT_EQ(-EFAULT, cmd_run(&self->ring));
	/* An empty slot is as good as any, for a command that does not use it. */
	ASSERT_EQ(0, sys_register(self->ring.fd, IORING_REGISTER_BUFFERS, &none, 1));
	sqe = cmd_sqe(&self->ring, variant->flags, self->null, 0);
	sqe->uring_cmd_flags = IORING_URING_CMD_FIXED;
	EXPECT_EQ(variant->setup & IORING_SETUP_IOPOLL ? -EOPNOTSUPP : 0, cmd_run(&self->ring));
	sqe = cmd_sqe(&self->ring, variant->flags, self->null, 0);
	sqe->uring_cmd_flags = IORING_URING_CMD_FIXED;
	sqe->buf_index = 1;
	EXPECT_EQ(-EFAULT, cmd_run(&self->ring));
	cmd_sqe(&self->ring, variant->flags | IOSQE_BUFFER_SELECT, self->null, 0);
	EXPECT_EQ(-EOPNOTSUPP, cmd_run(&self->ring));
	sqe = cmd_sqe(&self->ring, variant->flags, self->null, 0);
	sqe->ioprio = 1;
	EXPECT_EQ(-EINVAL, cmd_run(&self->ring));
	close(file);
}

static struct io_uring_sqe *discard_sqe(struct ring *r, __u8 flags, int fd, __u64 start, __u64 len)
{
	struct io_uring_sqe *sqe = cmd_sqe(r, flags, fd, BLOCK_URING_CMD_DISCARD);

	sqe->addr = start;
	sqe->addr3 = len;
	return sqe;
}

TEST_F(cmd, discard)
{
	struct ring *r = &self->ring;
	int fd, ro;

	if (variant->setup & IORING_SETUP_IOPOLL)
		SKIP(return, "block devices do not poll for commands");
	fd = open("/dev/nvme0n1", O_RDWR | O_CLOEXEC);
	ro = open("/dev/nvme0n1", O_RDONLY | O_CLOEXEC);
	if (fd < 0 || ro < 0)
		SKIP(return, "no /dev/nvme0n1");
	discard_sqe(r, variant->flags, fd, 0, 1 << 20);
	EXPECT_EQ(0, cmd_run(r));
	discard_sqe(r, variant->flags, fd, 0, 1);
	EXPECT_EQ(-EINVAL, cmd_run(r));
	discard_sqe(r, variant->flags, fd, 0, 0);
	EXPECT_EQ(-EINVAL, cmd_run(r));
	discard_sqe(r, variant->flags, ro, 0, 1 << 20);
	EXPECT_EQ(-EBADF, cmd_run(r));
	discard_sqe(r, variant->flags, fd, 0, 1 << 20)->len = 1;
	EXPECT_EQ(-EINVAL, cmd_run(r));
	cmd_sqe(r, variant->flags, fd, 77);
	EXPECT_EQ(-EINVAL, cmd_run(r));
	/* More than fits in one request: has to be done by who may wait */
	discard_sqe(r, variant->flags, fd, 0, 3ULL << 30);
	EXPECT_EQ(0, cmd_run(r));
	close(fd);
	close(ro);
}

static void nvme_sqe(struct ring *r, __u8 flags, int fd, int opcode, unsigned int nsid,
		     unsigned int shift, __u64 off, void *buf, unsigned int len)
{
	struct io_uring_sqe *sqe = cmd_sqe(r, flags, fd, NVME_URING_CMD_IO);
	struct nvme_uring_cmd *cmd = (void *)sqe->cmd;

	cmd->opcode = opcode;
	cmd->nsid = nsid;
	cmd->addr = (uintptr_t)buf;
	cmd->data_len = len;
	cmd->cdw10 = off >> shift;
	cmd->cdw12 = (len >> shift) - 1;
}

/* What one way writes, the other way reads. */
TEST_F(cmd, nvme)
{
	struct ring *r = &self->ring;
	unsigned int shift = 0, i;
	int fd, bdev, nsid, size;
	__u64 res2 = -1;
	char *buf = pages(BLOCK);

	if (!is_big(r)) {
		fd = open("/dev/ng0n1", O_RDWR | O_CLOEXEC);
		if (fd < 0)
			SKIP(return, "no /dev/ng0n1");
		cmd_sqe(r, variant->flags, fd, NVME_URING_CMD_IO);
		EXPECT_EQ(-EOPNOTSUPP, cmd_run(r));
		close(fd);
		return;
	}
	fd = open("/dev/ng0n1", O_RDWR | O_CLOEXEC);
	bdev = open("/dev/nvme0n1", O_RDWR | O_DIRECT | O_CLOEXEC);
	if (fd < 0 || bdev < 0)
		SKIP(return, "no /dev/ng0n1");
	ASSERT_EQ(0, ioctl(bdev, BLKSSZGET, &size));
	while (1 << shift < size)
		shift++;
	nsid = ioctl(fd, NVME_IOCTL_ID);
	ASSERT_LT(0, nsid);
	for (i = 0; i < 20; i++) {
		__u64 off = (1 << 20) + i * BLOCK;

		fill_pattern(buf, BLOCK, i);
		nvme_sqe(r, variant->flags, fd, NVME_CMD_WRITE, nsid, shift, off, buf, BLOCK);
		ASSERT_EQ(0, cmd_run(r));
		memset(buf, 0, BLOCK);
		ASSERT_EQ(BLOCK, pread(bdev, buf, BLOCK, off));
		EXPECT_TRUE(has_pattern(buf, BLOCK, i));
		memset(buf, 0, BLOCK);
		nvme_sqe(r, variant->flags, fd, NVME_CMD_READ, nsid, shift, off, buf, BLOCK);
		ASSERT_EQ(1, ring_submit(r));
		ASSERT_EQ(0, cmd_result(r, &res2));
		EXPECT_TRUE(has_pattern(buf, BLOCK, i));
		EXPECT_EQ(0ull, (unsigned long long)res2);
	}
	/* A bad address, a namespace that is not there, an opcode that is not */
	nvme_sqe(r, variant->flags, fd, NVME_CMD_READ, nsid, shift, 0, no_access(BLOCK), BLOCK);
	EXPECT_EQ(-EFAULT, cmd_run(r));
	nvme_sqe(r, variant->flags, fd, NVME_CMD_READ, nsid + 7, shift, 0, buf, BLOCK);
	EXPECT_EQ(-EINVAL, cmd_run(r));
	nvme_sqe(r, variant->flags, fd, 0x7d, nsid, shift, 0, buf, BLOCK);
	EXPECT_LT(0, cmd_run(r));
	cmd_sqe(r, variant->flags, fd, 77);
	EXPECT_EQ(-ENOTTY, cmd_run(r));
	close(fd);
	close(bdev);
}

/* The same with a registered buffer */
TEST_F(cmd, nvme_fixed)
{
	struct ring *r = &self->ring;
	char *buf = pages(2 * BLOCK);
	struct iovec iov = { .iov_base = buf, .iov_len = BLOCK };
	struct io_uring_sqe *sqe;
	unsigned int i;
	int fd;

	fd = open("/dev/ng0n1", O_RDWR | O_CLOEXEC);
	if (!is_big(r) || fd < 0)
		SKIP(return, "no /dev/ng0n1, or a small ring");
	ASSERT_EQ(0, sys_register(r->fd, IORING_REGISTER_BUFFERS, &iov, 1));
	for (i = 0; i < 2; i++) {
		fill_pattern(buf, BLOCK, 5);
		nvme_sqe(r, variant->flags, fd, i ? NVME_CMD_READ : NVME_CMD_WRITE, 1, 9, 1 << 20,
			 buf, BLOCK);
		sqe = &r->sqes[2 * ((r->next - 1) & r->sq_mask)];
		sqe->uring_cmd_flags = IORING_URING_CMD_FIXED;
		if (i)
			memset(buf, 0, BLOCK);
		ASSERT_EQ(0, cmd_run(r));
	}
	EXPECT_TRUE(has_pattern(buf, BLOCK, 5));
	/* Not inside of it, and no such buffer */
	nvme_sqe(r, variant->flags, fd, NVME_CMD_READ, 1, 9, 0, buf + BLOCK, BLOCK);
	sqe = &r->sqes[2 * ((r->next - 1) & r->sq_mask)];
	sqe->uring_cmd_flags = IORING_URING_CMD_FIXED;
	EXPECT_EQ(-EFAULT, cmd_run(r));
	nvme_sqe(r, variant->flags, fd, NVME_CMD_READ, 1, 9, 0, buf, BLOCK);
	sqe = &r->sqes[2 * ((r->next - 1) & r->sq_mask)];
	sqe->uring_cmd_flags = IORING_URING_CMD_FIXED;
	sqe->buf_index = 1;
	EXPECT_EQ(-EFAULT, cmd_run(r));
	close(fd);
}

/* Many at once, and the ring is closed while they are with the device. */
TEST_F(cmd, nvme_close)
{
	char *buf = pages(BLOCK);
	unsigned int round, i;
	struct ring r;
	int fd;

	fd = open("/dev/ng0n1", O_RDWR | O_CLOEXEC);
	if (!is_big(&self->ring) || fd < 0)
		SKIP(return, "no /dev/ng0n1, or a small ring");
	for (round = 0; round < 10; round++) {
		ASSERT_EQ(0, ring_open(&r, 16, variant->setup));
		for (i = 0; i < 16; i++)
			nvme_sqe(&r, variant->flags, fd, NVME_CMD_READ, 1, 9, i * BLOCK, buf,
				 BLOCK);
		ASSERT_EQ(16, ring_submit(&r));
		ring_close(&r);
	}
	EXPECT_TRUE(fresh_ring_works());
	close(fd);
}

TEST_HARNESS_MAIN
