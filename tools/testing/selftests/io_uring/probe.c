// SPDX-License-Identifier: GPL-2.0
/*
 * io_uring_register(): its common argument checks, and PROBE.
 */
#include "iou_test.h"

#include <sys/eventfd.h>

#include "../kselftest_harness.h"

#define MAX_OPS	256

/* A probe with room for all opcodes there can be. */
union probe {
	struct io_uring_probe p;
	unsigned char bytes[sizeof(struct io_uring_probe) +
			    MAX_OPS * sizeof(struct io_uring_probe_op)];
};

FIXTURE(probe)
{
	struct ring ring;
	union probe u;
};

FIXTURE_SETUP(probe)
{
	ASSERT_EQ(0, ring_open(&self->ring, 4, 0));
}

FIXTURE_TEARDOWN(probe)
{
	ring_close(&self->ring);
}

TEST_F(probe, everything)
{
	static const unsigned char must[] = {
		IORING_OP_NOP, IORING_OP_READV, IORING_OP_WRITEV, IORING_OP_FSYNC,
		IORING_OP_SYNC_FILE_RANGE, IORING_OP_FALLOCATE, IORING_OP_READ, IORING_OP_WRITE,
		IORING_OP_FADVISE, IORING_OP_MADVISE, IORING_OP_FTRUNCATE,
		IORING_OP_READ_FIXED, IORING_OP_WRITE_FIXED, IORING_OP_FILES_UPDATE,
		IORING_OP_FIXED_FD_INSTALL,
		IORING_OP_SEND, IORING_OP_RECV, IORING_OP_SENDMSG, IORING_OP_RECVMSG,
		IORING_OP_ACCEPT, IORING_OP_CONNECT, IORING_OP_SOCKET, IORING_OP_SHUTDOWN,
		IORING_OP_BIND, IORING_OP_LISTEN, IORING_OP_SEND_ZC, IORING_OP_SENDMSG_ZC,
		IORING_OP_READ_MULTISHOT, IORING_OP_PROVIDE_BUFFERS, IORING_OP_REMOVE_BUFFERS,
		IORING_OP_OPENAT, IORING_OP_CLOSE, IORING_OP_STATX, IORING_OP_OPENAT2,
		IORING_OP_EPOLL_CTL, IORING_OP_SPLICE, IORING_OP_TEE, IORING_OP_RENAMEAT,
		IORING_OP_UNLINKAT, IORING_OP_MKDIRAT, IORING_OP_SYMLINKAT, IORING_OP_LINKAT,
		IORING_OP_FSETXATTR, IORING_OP_SETXATTR, IORING_OP_FGETXATTR, IORING_OP_GETXATTR,
		IORING_OP_URING_CMD, IORING_OP_MSG_RING,
		IORING_OP_FUTEX_WAIT, IORING_OP_FUTEX_WAKE, IORING_OP_FUTEX_WAITV, IORING_OP_WAITID,
	};
	struct io_uring_probe *p = &self->u.p;
	unsigned int i;

	ASSERT_EQ(0, sys_register(self->ring.fd, IORING_REGISTER_PROBE, p, MAX_OPS));
	EXPECT_LE(IORING_OP_FTRUNCATE, p->last_op);
	EXPECT_EQ(p->last_op + 1, p->ops_len);
	EXPECT_EQ(0u, p->resv | p->resv2[0] | p->resv2[1] | p->resv2[2]);
	for (i = 0; i < MAX_OPS; i++) {
		EXPECT_EQ(i < p->ops_len ? i : 0, p->ops[i].op + 0u);
		EXPECT_EQ(0u, p->ops[i].resv | p->ops[i].resv2);
		EXPECT_EQ(0u, p->ops[i].flags & ~IO_URING_OP_SUPPORTED);
		EXPECT_TRUE(i < p->ops_len || !p->ops[i].flags);
	}
	for (i = 0; i < ARRAY_LEN(must); i++) {
		EXPECT_TRUE(!!(p->ops[must[i]].flags & IO_URING_OP_SUPPORTED)) {
			TH_LOG("opcode %u", must[i]);
		}
	}
}

/* What PROBE calls unsupported is refused; what it supports is not unknown. */
TEST_F(probe, tells_the_truth)
{
	struct io_uring_probe *p = &self->u.p;
	unsigned int i;
	int res;

	ASSERT_EQ(0, sys_register(self->ring.fd, IORING_REGISTER_PROBE, p, MAX_OPS));
	for (i = 0; i < MAX_OPS; i++) {
		if (p->ops[i].flags & IO_URING_OP_SUPPORTED)
			continue;
		ring_sqe(&self->ring)->opcode = i;
		res = ring_result(&self->ring);
		EXPECT_TRUE(res == -EINVAL || (res == -EOPNOTSUPP && i <= p->last_op)) {
			TH_LOG("opcode %u: %d", i, res);
		}
	}
	EXPECT_TRUE(ring_works(&self->ring));
}

TEST_F(probe, clipped)
{
	static const unsigned int lengths[] = { 0, 1, 2, 23, 30 };
	const size_t header = sizeof(struct io_uring_probe);
	struct io_uring_probe *p = &self->u.p;
	unsigned int i, last_op;

	ASSERT_EQ(0, sys_register(self->ring.fd, IORING_REGISTER_PROBE, p, MAX_OPS));
	last_op = p->last_op;
	for (i = 0; i < ARRAY_LEN(lengths); i++) {
		size_t used = header + lengths[i] * sizeof(struct io_uring_probe_op);
		size_t at;

		memset(&self->u, 0, sizeof(self->u));
		ASSERT_EQ(0, sys_register(self->ring.fd, IORING_REGISTER_PROBE, p, lengths[i]));
		EXPECT_EQ(last_op, p->last_op);
		EXPECT_EQ(lengths[i], p->ops_len);
		if (lengths[i])
			EXPECT_EQ(lengths[i] - 1, p->ops[lengths[i] - 1].op);
		/* Nothing is written beyond. */
		for (at = used; at < sizeof(self->u); at++)
			ASSERT_EQ(0, self->u.bytes[at]);
	}
}

TEST_F(probe, must_be_zero)
{
	struct io_uring_probe *p = &self->u.p;
	size_t at;

	for (at = 0; at < sizeof(struct io_uring_probe) + 32 * sizeof(p->ops[0]); at++) {
		memset(&self->u, 0, sizeof(self->u));
		self->u.bytes[at] = 1;
		EXPECT_EQ(-EINVAL, sys_register(self->ring.fd, IORING_REGISTER_PROBE, p, 32)) {
			TH_LOG("byte %zu", at);
		}
		EXPECT_EQ(1, self->u.bytes[at]);
	}
	/* Bytes beyond the given length are not looked at. */
	memset(&self->u, 0, sizeof(self->u));
	self->u.bytes[sizeof(struct io_uring_probe) + sizeof(p->ops[0])] = 1;
	EXPECT_EQ(0, sys_register(self->ring.fd, IORING_REGISTER_PROBE, p, 1));
}

TEST_F(probe, arguments)
{
	struct io_uring_probe *p = &self->u.p;
	int fd = self->ring.fd;
	void *ro = pages(4096);

	EXPECT_EQ(-EINVAL, sys_register(fd, IORING_REGISTER_PROBE, NULL, 0));
	EXPECT_EQ(-EINVAL, sys_register(fd, IORING_REGISTER_PROBE, NULL, 64));
	EXPECT_EQ(-EINVAL, sys_register(fd, IORING_REGISTER_PROBE, p, MAX_OPS + 1));
	EXPECT_EQ(-EINVAL, sys_register(fd, IORING_REGISTER_PROBE, p, UINT_MAX));
	EXPECT_EQ(-EFAULT, sys_register(fd, IORING_REGISTER_PROBE, no_access(4096), 64));
	ASSERT_NE(NULL, ro);
	ASSERT_EQ(0, mprotect(ro, 4096, PROT_READ));
	EXPECT_EQ(-EFAULT, sys_register(fd, IORING_REGISTER_PROBE, ro, 64));
}

TEST_F(probe, of_a_disabled_ring)
{
	const char *missing = setup_missing(IORING_SETUP_R_DISABLED);
	struct ring r;

	if (missing)
		SKIP(return, "kernel lacks %s", missing);
	ASSERT_EQ(0, ring_open(&r, 4, IORING_SETUP_R_DISABLED));
	EXPECT_EQ(0, sys_register(r.fd, IORING_REGISTER_PROBE, &self->u, MAX_OPS));
	EXPECT_LE(IORING_OP_FTRUNCATE, self->u.p.last_op);
	ring_close(&r);
}

TEST_F(probe, unknown_register_opcode)
{
	static const unsigned int ops[] = { 38, 64, 100, 255, 256, 0x10000, 0x7fffffff };
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(ops); i++) {
		EXPECT_EQ(-EINVAL, sys_register(self->ring.fd, ops[i], NULL, 0)) {
			TH_LOG("opcode %u", ops[i]);
		}
		/* Found before the fd is looked at. */
		EXPECT_EQ(-EINVAL, sys_register(-2, ops[i], NULL, 0));
		EXPECT_EQ(-EINVAL, sys_register(0, ops[i], NULL, 0));
	}
	EXPECT_EQ(-EINVAL, sys_register(self->ring.fd, UINT_MAX, NULL, 0));
}

TEST_F(probe, bad_fds)
{
	struct io_uring_probe *p = &self->u.p;
	int fd = dup(self->ring.fd);
	int efd = eventfd(0, 0);
	int path = open("/dev/null", O_PATH);

	ASSERT_LE(0, fd);
	ASSERT_LE(0, efd);
	ASSERT_LE(0, path);
	close(fd);
	EXPECT_EQ(-EBADF, sys_register(fd, IORING_REGISTER_PROBE, p, MAX_OPS));
	EXPECT_EQ(-EBADF, sys_register(INT_MAX, IORING_REGISTER_PROBE, p, MAX_OPS));
	EXPECT_EQ(-EBADF, sys_register(-2, IORING_REGISTER_PROBE, p, MAX_OPS));
	EXPECT_EQ(-EBADF, sys_register(path, IORING_REGISTER_PROBE, p, MAX_OPS));
	EXPECT_EQ(-EOPNOTSUPP, sys_register(efd, IORING_REGISTER_PROBE, p, MAX_OPS));
	/* Found before the arguments are looked at. */
	EXPECT_EQ(-EOPNOTSUPP, sys_register(efd, IORING_REGISTER_PROBE, NULL, 1000));
	close(efd);
	close(path);
}

/* fd -1 is for operations without a ring; PROBE is none of them. */
TEST_F(probe, without_ring)
{
	int ret = sys_register(-1, IORING_REGISTER_PROBE, &self->u, MAX_OPS);

	EXPECT_TRUE(ret == -EBADF || ret == -EINVAL);
}

TEST_F(probe, registered_ring_index)
{
	const unsigned int op = IORING_REGISTER_PROBE | 1u << 31;

	EXPECT_EQ(-EINVAL, sys_register(16, op, &self->u, MAX_OPS));
	EXPECT_EQ(-EINVAL, sys_register(-1, op, &self->u, MAX_OPS));
	EXPECT_EQ(-EINVAL, sys_register(self->ring.fd, 0x7fffffffu | 1u << 31, NULL, 0));
}

TEST_HARNESS_MAIN
