// SPDX-License-Identifier: GPL-2.0
/*
 * Provided buffers: rings in a program's memory and in the kernel's, lists that
 * are filled by PROVIDE_BUFFERS, selection by READ, READV, RECV, RECVMSG, SEND,
 * and multishot operations that use them.
 */
#include "net_test.h"
#include "pbuf_test.h"

#include <alloca.h>
#include <pthread.h>
#include <sys/eventfd.h>

#include "../kselftest_harness.h"

#define DEFER (IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN)
#define BGID 7
#define NR 8
#define SIZE 256

FIXTURE(pbuf)
{
	struct ring ring;
	struct pbufs bufs;
	int fd[2];
};

FIXTURE_VARIANT(pbuf)
{
	unsigned int setup;
	unsigned int flags;	/* of the group */
	bool list;		/* PROVIDE_BUFFERS instead */
};

FIXTURE_VARIANT_ADD(pbuf, user) {
	.setup = 0,
};

FIXTURE_VARIANT_ADD(pbuf, mapped) {
	.flags = IOU_PBUF_RING_MMAP,
};

FIXTURE_VARIANT_ADD(pbuf, list) {
	.list = true,
};

FIXTURE_VARIANT_ADD(pbuf, inc) {
	.flags = IOU_PBUF_RING_INC,
};

FIXTURE_VARIANT_ADD(pbuf, defer) {
	.setup = DEFER,
};

FIXTURE_VARIANT_ADD(pbuf, defer_list) {
	.setup = DEFER,
	.list = true,
};

/* PROVIDE_BUFFERS: its result */
static int provide(struct ring *r, void *addr, unsigned int len, int nr, unsigned int bgid,
		   __u64 bid)
{
	struct io_uring_sqe *sqe = prep(r, IORING_OP_PROVIDE_BUFFERS, nr, addr, len, bid);

	sqe->buf_group = bgid;
	return ring_result(r);
}

static int remove_bufs(struct ring *r, int nr, unsigned int bgid)
{
	struct io_uring_sqe *sqe = prep(r, IORING_OP_REMOVE_BUFFERS, nr, NULL, 0, 0);

	sqe->buf_group = bgid;
	return ring_result(r);
}

/* Give the kernel buffers @from to @to - 1 of either kind. */
static int give(struct _test_data_pbuf *self,
		const struct _fixture_variant_pbuf *variant, int from, int to)
{
	if (!variant->list) {
		pbufs_give(&self->bufs, from, to);
		return 0;
	}
	return provide(&self->ring, pbufs_at(&self->bufs, from), SIZE, to - from, BGID, from);
}

FIXTURE_SETUP(pbuf)
{
	self->fd[0] = -1;
	self->fd[1] = -1;
	ASSERT_EQ(0, ring_open(&self->ring, 64, variant->setup));
	if (variant->list) {
		self->bufs.size = SIZE;
		self->bufs.mem = (char *)pages(NR * SIZE);
	} else {
		ASSERT_EQ(0, pbufs_open(&self->bufs, &self->ring, NR, SIZE, BGID, variant->flags));
	}
}

FIXTURE_TEARDOWN(pbuf)
{
	ring_close(&self->ring);
	close_pair(self->fd);
}

static struct io_uring_sqe *prep_select(struct ring *r, int opcode, int fd, void *addr,
					unsigned int len)
{
	struct io_uring_sqe *sqe = prep(r, opcode, fd, addr, len, 0);

	sqe->flags = IOSQE_BUFFER_SELECT;
	sqe->buf_group = BGID;
	sqe->user_data = opcode;
	return sqe;
}

static bool stays_quiet(struct ring *r)
{
	struct io_uring_cqe cqe;

	return ring_wait_ms(r, &cqe, 30) == -ETIME;
}

/* Submit the SQE taken and wait for a CQE */
static int one(struct ring *r, struct io_uring_cqe *cqe)
{
	return ring_submit(r) == 1 ? ring_wait(r, cqe) : -EIO;
}

/* A buffer is taken in order, once, and only when there is data for it. */
TEST_F(pbuf, recv_takes_in_order)
{
	struct io_uring_cqe cqe;
	int i;

	ASSERT_EQ(0, sock_pair(SOCK_UNIX_DGRAM, self->fd));
	ASSERT_EQ(0, give(self, variant, 0, NR));
	for (i = 0; i < NR; i++) {
		char text[SIZE];

		fill_pattern(text, SIZE, i);
		prep_select(&self->ring, IORING_OP_RECV, self->fd[1], NULL, 0);
		ASSERT_EQ(1, ring_submit(&self->ring));
		ASSERT_EQ(SIZE, send(self->fd[0], text, SIZE, 0));
		ASSERT_EQ(0, ring_wait(&self->ring, &cqe));
		ASSERT_EQ(SIZE, cqe.res);
		ASSERT_EQ(i, cqe_bid(&cqe));
		EXPECT_EQ(0u, cqe.flags & IORING_CQE_F_BUF_MORE);
		ASSERT_TRUE(has_pattern(pbufs_at(&self->bufs, i), SIZE, i));
	}
	/* All are taken, data or not */
	prep_select(&self->ring, IORING_OP_RECV, self->fd[1], NULL, 0);
	ASSERT_EQ(0, one(&self->ring, &cqe));
	EXPECT_EQ(-ENOBUFS, cqe.res);
	EXPECT_EQ(0u, cqe.flags);
	if (!variant->list)
		EXPECT_EQ(NR, pbufs_head(&self->ring, BGID));
	/* ... and come back */
	ASSERT_EQ(0, give(self, variant, 3, 5));
	ASSERT_EQ(3, send(self->fd[0], "abc", 3, 0));
	prep_select(&self->ring, IORING_OP_RECV, self->fd[1], NULL, 0);
	ASSERT_EQ(0, one(&self->ring, &cqe));
	EXPECT_EQ(3, cqe.res);
	EXPECT_EQ(3, cqe_bid(&cqe));
	EXPECT_EQ(variant->flags & IOU_PBUF_RING_INC, !!(cqe.flags & IORING_CQE_F_BUF_MORE) * 2u);
}

/* Who waits has no buffer: one is enough for many. */
TEST_F(pbuf, waiting_costs_no_buffer)
{
	struct io_uring_cqe cqe;
	int i;

	ASSERT_EQ(0, sock_pair(SOCK_UNIX_STREAM, self->fd));
	ASSERT_EQ(0, give(self, variant, 0, 1));
	for (i = 0; i < 8; i++)
		prep_select(&self->ring, IORING_OP_RECV, self->fd[1], NULL, 0);
	ASSERT_EQ(8, ring_submit(&self->ring));
	EXPECT_TRUE(stays_quiet(&self->ring));
	ASSERT_EQ(SIZE, send(self->fd[0], self->bufs.mem, SIZE, 0));
	ASSERT_EQ(0, ring_wait(&self->ring, &cqe));
	EXPECT_EQ(SIZE, cqe.res);
	EXPECT_EQ(0, cqe_bid(&cqe));
}

/* A receive that fails, or finds the end, gives nothing away. */
TEST_F(pbuf, failure_costs_no_buffer)
{
	struct io_uring_cqe cqe;
	int i;

	ASSERT_EQ(0, sock_pair(SOCK_UNIX_STREAM, self->fd));
	ASSERT_EQ(0, give(self, variant, 0, 1));
	for (i = 0; i < 3; i++) {
		prep_select(&self->ring, IORING_OP_RECV, self->fd[1], NULL, 0)->msg_flags =
			MSG_DONTWAIT;
		ASSERT_EQ(0, one(&self->ring, &cqe));
		EXPECT_EQ(-EAGAIN, cqe.res);
		EXPECT_EQ(0u, cqe.flags);
	}
	ASSERT_EQ(2, send(self->fd[0], "hi", 2, 0));
	close(self->fd[0]);
	self->fd[0] = -1;
	prep_select(&self->ring, IORING_OP_RECV, self->fd[1], NULL, 1);
	ASSERT_EQ(0, one(&self->ring, &cqe));
	EXPECT_EQ(1, cqe.res);
	EXPECT_EQ(0, cqe_bid(&cqe));
}

/* A program takes back what it has published, and publishes it again. */
TEST_F(pbuf, tail_moved_back)
{
	struct io_uring_cqe cqe;
	int i, pipes[2];

	if (variant->list)
		SKIP(return, "a list has no tail");
	if (variant->flags & IOU_PBUF_RING_INC)
		SKIP(return, "one buffer would do for all");
	ASSERT_EQ(0, pipe(pipes));
	ASSERT_EQ(3, write(pipes[1], "abc", 3));
	ASSERT_EQ(0, give(self, variant, 0, NR));
	for (i = 0; i < 3; i++) {
		__atomic_store_n(&self->bufs.br->tail, i == 1 ? 1 : self->bufs.tail,
				 __ATOMIC_RELEASE);
		prep_select(&self->ring, IORING_OP_READ, pipes[0], NULL, 1);
		ASSERT_EQ(0, one(&self->ring, &cqe));
		EXPECT_EQ(i == 1 ? -ENOBUFS : 1, cqe.res);
	}
	EXPECT_EQ(1, cqe_bid(&cqe));
	close(pipes[0]);
	close(pipes[1]);
}

TEST_F(pbuf, length_is_capped)
{
	struct io_uring_cqe cqe;

	ASSERT_EQ(0, sock_pair(SOCK_UNIX_STREAM, self->fd));
	ASSERT_EQ(0, give(self, variant, 0, NR));
	ASSERT_EQ(100, send(self->fd[0], self->bufs.mem, 100, 0));
	prep_select(&self->ring, IORING_OP_RECV, self->fd[1], NULL, 10);
	ASSERT_EQ(0, one(&self->ring, &cqe));
	EXPECT_EQ(10, cqe.res);
	prep_select(&self->ring, IORING_OP_RECV, self->fd[1], NULL, 1 << 20);
	ASSERT_EQ(0, one(&self->ring, &cqe));
	EXPECT_EQ(90, cqe.res);
}

TEST_F(pbuf, read_and_readv)
{
	struct iovec iov = { NULL, 5 };
	struct io_uring_cqe cqe;
	int pipes[2];

	ASSERT_EQ(0, pipe(pipes));
	ASSERT_EQ(0, give(self, variant, 0, NR));
	prep_select(&self->ring, IORING_OP_READ, pipes[0], NULL, 0);
	ASSERT_EQ(1, ring_submit(&self->ring));
	EXPECT_TRUE(stays_quiet(&self->ring));
	ASSERT_EQ(4, write(pipes[1], "abcd", 4));
	ASSERT_EQ(0, ring_wait(&self->ring, &cqe));
	EXPECT_EQ(4, cqe.res);
	EXPECT_EQ(0, cqe_bid(&cqe));
	EXPECT_EQ(0, memcmp(self->bufs.mem, "abcd", 4));

	ASSERT_EQ(8, write(pipes[1], "abcdefgh", 8));
	prep_select(&self->ring, IORING_OP_READV, pipes[0], &iov, 1);
	ASSERT_EQ(0, one(&self->ring, &cqe));
	EXPECT_EQ(5, cqe.res);
	prep_select(&self->ring, IORING_OP_READV, pipes[0], &iov, 2);
	ASSERT_EQ(0, one(&self->ring, &cqe));
	EXPECT_EQ(-EINVAL, cqe.res);
	close(pipes[0]);
	close(pipes[1]);
}

/* The end of a file uses nothing of a buffer, and yet gives it back. */
TEST_F(pbuf, read_end_of_file)
{
	const bool inc = variant->flags & IOU_PBUF_RING_INC;
	int i, pipes[2], file = tmp_file(NULL, 0);
	struct io_uring_cqe cqe;

	ASSERT_EQ(0, pipe(pipes));
	close(pipes[1]);
	ASSERT_EQ(0, give(self, variant, 0, 2));
	for (i = 0; i < 2; i++) {
		prep_select(&self->ring, IORING_OP_READ, i ? file : pipes[0], NULL,
			    SIZE / 4);
		ASSERT_EQ(0, one(&self->ring, &cqe));
		EXPECT_EQ(0, cqe.res);
		EXPECT_EQ(inc ? 0 : i, cqe_bid(&cqe));
		EXPECT_EQ(inc, !!(cqe.flags & IORING_CQE_F_BUF_MORE));
	}
	if (!variant->list)
		EXPECT_EQ(inc ? 0 : 2, pbufs_head(&self->ring, BGID));
	close(pipes[0]);
	close(file);
}

/* Regular files: inline, and in a worker. */
TEST_F(pbuf, read_file)
{
	struct io_uring_cqe cqe;
	struct io_uring_sqe *sqe;
	char text[NR * SIZE];
	int i, file = tmp_file(NULL, 0);

	fill_pattern(text, sizeof(text), 1);
	ASSERT_EQ((ssize_t)sizeof(text), write(file, text, sizeof(text)));
	ASSERT_EQ(0, give(self, variant, 0, NR));
	for (i = 0; i < NR; i++) {
		sqe = prep_select(&self->ring, IORING_OP_READ, file, NULL, 0);
		sqe->off = i * SIZE;
		if (i & 1)
			sqe->flags |= IOSQE_ASYNC;
		ASSERT_EQ(0, one(&self->ring, &cqe));
		ASSERT_EQ(SIZE, cqe.res);
		ASSERT_EQ(i, cqe_bid(&cqe));
		ASSERT_EQ(0, memcmp(pbufs_at(&self->bufs, i), text + i * SIZE, SIZE));
	}
	close(file);
}

/* The end of a transfer is checked with the length of the buffer, as pread(2) does it. */
TEST_F(pbuf, read_file_at_the_end_of_offsets)
{
	static const long long offs[] = {
		LLONG_MAX, LLONG_MAX - 1, LLONG_MAX - SIZE + 1, LLONG_MAX - SIZE, -2, LLONG_MIN,
	};
	int file = memfd_create("pbuf", MFD_CLOEXEC);
	struct io_uring_sqe *sqe;
	struct io_uring_cqe cqe;
	char text[SIZE];
	unsigned int i;
	ssize_t want;

	ASSERT_LE(0, file);
	for (i = 0; i < 2 * ARRAY_LEN(offs); i++) {
		ASSERT_EQ(0, give(self, variant, 0, 1));
		want = pread(file, text, SIZE, offs[i / 2]);
		if (want < 0)
			want = -errno;
		sqe = prep_select(&self->ring, IORING_OP_READ, file, NULL, 0);
		sqe->off = offs[i / 2];
		if (i & 1)
			sqe->flags |= IOSQE_ASYNC;
		ASSERT_EQ(0, one(&self->ring, &cqe));
		EXPECT_EQ(want, cqe.res) {
			TH_LOG("offset %llx%s", offs[i / 2], i & 1 ? ", async" : "");
		}
	}
	close(file);
}

TEST_F(pbuf, send)
{
	struct io_uring_cqe cqe;
	char in[2 * SIZE];
	int i;

	ASSERT_EQ(0, sock_pair(SOCK_UNIX_STREAM, self->fd));
	ASSERT_EQ(0, give(self, variant, 0, 2));
	for (i = 0; i < 2; i++) {
		fill_pattern(pbufs_at(&self->bufs, i), SIZE, i);
		prep_select(&self->ring, IORING_OP_SEND, self->fd[0], NULL, 0);
		ASSERT_EQ(0, one(&self->ring, &cqe));
		EXPECT_EQ(SIZE, cqe.res);
		EXPECT_EQ(i, cqe_bid(&cqe));
	}
	ASSERT_EQ(2ul * SIZE, sock_read_all(self->fd[1], in, sizeof(in)));
	EXPECT_TRUE(has_pattern(in, SIZE, 0));
	EXPECT_TRUE(has_pattern(in + SIZE, SIZE, 1));
}

/*
 * What waits for the rest of it keeps its buffer. (The untouched 6.12 ends such a
 * receive early if the buffer is incremental.)
 */
TEST_F(pbuf, waitall_keeps_its_buffer)
{
	struct io_uring_cqe cqe;
	int other[2];

	ASSERT_EQ(0, sock_pair(SOCK_UNIX_STREAM, self->fd));
	ASSERT_EQ(0, sock_pair(SOCK_UNIX_STREAM, other));
	ASSERT_EQ(0, give(self, variant, 0, 2));
	prep_select(&self->ring, IORING_OP_RECV, self->fd[1], NULL, 0)->msg_flags = MSG_WAITALL;
	ASSERT_EQ(1, ring_submit(&self->ring));
	memset(pbufs_at(&self->bufs, 0), 0, 2 * SIZE);
	ASSERT_EQ(100, send(self->fd[0], memset(alloca(SIZE), 'a', SIZE), 100, 0));
	EXPECT_TRUE(stays_quiet(&self->ring));
	ASSERT_EQ(SIZE, send(other[0], memset(alloca(SIZE), 'b', SIZE), SIZE, 0));
	prep_select(&self->ring, IORING_OP_RECV, other[1], NULL, 0);
	ASSERT_EQ(0, one(&self->ring, &cqe));
	EXPECT_EQ(SIZE, cqe.res);
	EXPECT_EQ(1, cqe_bid(&cqe));
	ASSERT_EQ(SIZE - 100, send(self->fd[0], memset(alloca(SIZE), 'c', SIZE), SIZE - 100, 0));
	ASSERT_EQ(0, ring_wait(&self->ring, &cqe));
	EXPECT_EQ(SIZE, cqe.res);
	EXPECT_EQ(0, cqe_bid(&cqe));
	EXPECT_EQ('a', pbufs_at(&self->bufs, 0)[99]);
	EXPECT_EQ('c', pbufs_at(&self->bufs, 0)[100]);
	EXPECT_EQ('b', pbufs_at(&self->bufs, 1)[0]);
	close_pair(other);
}

TEST_F(pbuf, recvmsg)
{
	struct iovec iov = { NULL, 20 };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct sockaddr_storage from;
	struct io_uring_cqe cqe;

	ASSERT_EQ(0, sock_pair(SOCK_UDP4, self->fd));
	ASSERT_EQ(0, give(self, variant, 0, NR));
	ASSERT_EQ(100, send(self->fd[0], self->bufs.mem, 100, 0));
	msg.msg_name = &from;
	msg.msg_namelen = sizeof(from);
	prep_select(&self->ring, IORING_OP_RECVMSG, self->fd[1], &msg, 1);
	ASSERT_EQ(0, one(&self->ring, &cqe));
	EXPECT_EQ(20, cqe.res);
	EXPECT_EQ(0, cqe_bid(&cqe));
	EXPECT_EQ(MSG_TRUNC, msg.msg_flags);
	EXPECT_EQ(sizeof(struct sockaddr_in), msg.msg_namelen);

	msg.msg_iovlen = 0;
	ASSERT_EQ(100, send(self->fd[0], self->bufs.mem, 100, 0));
	prep_select(&self->ring, IORING_OP_RECVMSG, self->fd[1], &msg, 1);
	ASSERT_EQ(0, one(&self->ring, &cqe));
	EXPECT_EQ(100, cqe.res);
	msg.msg_iovlen = 2;
	prep_select(&self->ring, IORING_OP_RECVMSG, self->fd[1], &msg, 1);
	ASSERT_EQ(0, one(&self->ring, &cqe));
	EXPECT_EQ(-EINVAL, cqe.res);
}

/* How much of a buffer to use has 32 bits: in an iovec, the others say nothing. */
TEST_F(pbuf, iovec_lengths)
{
	static const struct {
		size_t len;
		int res;
	} t[] = {
		{ 20, 20 }, { 0, 100 }, { SIZE_MAX, 100 }, { SIZE_MAX / 2, 100 },
		{ SIZE_MAX - 19, 100 }, { 1UL << 63, 100 }, { 1UL << 63 | 20, 20 },
		{ 1UL << 32, 100 }, { 1UL << 32 | 20, 20 }, { 1UL << 31, 100 },
		{ UINT_MAX, 100 },
	};
	static const int ops[] = { IORING_OP_RECVMSG, IORING_OP_READV };
	struct io_uring_cqe cqe;
	unsigned int i, op;
	char text[100];

	if (variant->flags & IOU_PBUF_RING_INC)
		SKIP(return, "a rest of a buffer would be left");
	ASSERT_EQ(0, sock_pair(SOCK_UDP4, self->fd));
	fill_pattern(text, sizeof(text), 1);
	for (op = 0; op < ARRAY_LEN(ops); op++) {
		for (i = 0; i < ARRAY_LEN(t); i++) {
			struct iovec iov = { NULL, t[i].len };
			struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
			void *addr = ops[op] == IORING_OP_READV ? (void *)&iov : &msg;

			ASSERT_EQ(0, give(self, variant, 0, 1));
			ASSERT_EQ(100, send(self->fd[0], text, 100, 0));
			prep_select(&self->ring, ops[op], self->fd[1], addr, 1);
			ASSERT_EQ(0, one(&self->ring, &cqe));
			EXPECT_EQ(t[i].res, cqe.res) {
				TH_LOG("opcode %d, length %zx", ops[op], t[i].len);
			}
			EXPECT_EQ(0, cqe_bid(&cqe));
		}
	}
}

TEST_F(pbuf, no_such_group)
{
	struct io_uring_cqe cqe;

	ASSERT_EQ(0, sock_pair(SOCK_UNIX_STREAM, self->fd));
	ASSERT_EQ(2, send(self->fd[0], "hi", 2, 0));
	prep_select(&self->ring, IORING_OP_RECV, self->fd[1], NULL, 0)->buf_group = BGID + 1;
	ASSERT_EQ(0, one(&self->ring, &cqe));
	EXPECT_EQ(-ENOBUFS, cqe.res);
	prep_select(&self->ring, IORING_OP_WRITE, self->fd[1], NULL, 0);
	ASSERT_EQ(0, one(&self->ring, &cqe));
	EXPECT_EQ(-EOPNOTSUPP, cqe.res);
}

/* SEND says which of the two it is. */
TEST_F(pbuf, send_without_buffer)
{
	struct io_uring_cqe cqe;
	int async;

	ASSERT_EQ(0, sock_pair(SOCK_UNIX_STREAM, self->fd));
	for (async = 0; async < 2; async++) {
		__u8 flags = async ? IOSQE_ASYNC : 0;

		prep_select(&self->ring, IORING_OP_SEND, self->fd[0], NULL, 0)->buf_group = 99;
		self->ring.sqes[(self->ring.next - 1) & self->ring.sq_mask].flags |= flags;
		ASSERT_EQ(0, one(&self->ring, &cqe));
		EXPECT_EQ(-ENOENT, cqe.res);
		ASSERT_EQ(0, give(self, variant, 0, 1));
		prep_select(&self->ring, IORING_OP_SEND, self->fd[0], NULL, 0)->flags |= flags;
		ASSERT_EQ(0, one(&self->ring, &cqe));
		EXPECT_EQ(SIZE, cqe.res);
		prep_select(&self->ring, IORING_OP_SEND, self->fd[0], NULL, 0)->flags |= flags;
		ASSERT_EQ(0, one(&self->ring, &cqe));
		EXPECT_EQ(-ENOBUFS, cqe.res);
	}
}

/* An entry without room: nothing is sent from it, or received; READ uses it up. */
TEST_F(pbuf, empty_buffer)
{
	static const int ops[] = { IORING_OP_SEND, IORING_OP_RECV, IORING_OP_READ };
	struct io_uring_cqe cqe;
	int i, pipes[2];
	char in[8];

	if (variant->list)
		SKIP(return, "PROVIDE_BUFFERS refuses them");
	if (variant->flags & IOU_PBUF_RING_INC)
		SKIP(return, "nothing is used of it, and so it stays for ever");
	ASSERT_EQ(0, pipe(pipes));
	ASSERT_EQ(1, write(pipes[1], "x", 1));
	ASSERT_EQ(0, sock_pair(SOCK_UNIX_DGRAM, self->fd));
	pbufs_put_raw(&self->bufs, self->bufs.mem, 0, 5);
	pbufs_put(&self->bufs, 1);
	pbufs_publish(&self->bufs);
	ASSERT_EQ(1, send(self->fd[0], "x", 1, 0));
	for (i = 0; i < 3; i++) {
		const bool used = i == 2;

		prep_select(&self->ring, ops[i], used ? pipes[0] : self->fd[1], NULL, 0);
		ASSERT_EQ(0, one(&self->ring, &cqe));
		EXPECT_EQ(i ? 0 : -ENOBUFS, cqe.res);
		EXPECT_EQ(used ? 5 : -1, cqe_bid(&cqe));
		EXPECT_EQ(used, pbufs_head(&self->ring, BGID));
	}
	/* No empty datagram went out */
	EXPECT_EQ(-1, recv(self->fd[0], in, sizeof(in), MSG_DONTWAIT));
	EXPECT_EQ(EAGAIN, errno);
	prep_select(&self->ring, IORING_OP_READ, pipes[0], NULL, 0);
	ASSERT_EQ(0, one(&self->ring, &cqe));
	EXPECT_EQ(1, cqe.res);
	EXPECT_EQ(1, cqe_bid(&cqe));
	close(pipes[0]);
	close(pipes[1]);
}

/* Addresses that are not the program's: as if there were no buffer. */
TEST_F(pbuf, not_user_memory)
{
	struct io_uring_cqe cqe;

	if (variant->list)
		SKIP(return, "PROVIDE_BUFFERS refuses them");
	ASSERT_EQ(0, sock_pair(SOCK_UNIX_STREAM, self->fd));
	pbufs_put_raw(&self->bufs, (void *)0xffffffff81000000ul, 64, 1);
	pbufs_publish(&self->bufs);
	ASSERT_EQ(2, send(self->fd[0], "hi", 2, 0));
	prep_select(&self->ring, IORING_OP_RECV, self->fd[1], NULL, 0);
	ASSERT_EQ(0, one(&self->ring, &cqe));
	EXPECT_TRUE(cqe.res == -ENOBUFS || cqe.res == -EFAULT) {
		TH_LOG("res %d", cqe.res);
	}
	EXPECT_EQ(2, recv(self->fd[1], self->bufs.mem, 10, MSG_DONTWAIT));
}

/* The group goes away while somebody waits for data. */
TEST_F(pbuf, unregister_while_waiting)
{
	struct io_uring_cqe cqe;

	ASSERT_EQ(0, sock_pair(SOCK_UNIX_STREAM, self->fd));
	ASSERT_EQ(0, give(self, variant, 0, NR));
	prep_select(&self->ring, IORING_OP_RECV, self->fd[1], NULL, 0);
	ASSERT_EQ(1, ring_submit(&self->ring));
	EXPECT_TRUE(stays_quiet(&self->ring));
	EXPECT_EQ(variant->list ? NR : 0,
		  variant->list ? remove_bufs(&self->ring, 100, BGID) :
				  pbufs_unregister(&self->ring, BGID));
	ASSERT_EQ(2, send(self->fd[0], "hi", 2, 0));
	ASSERT_EQ(0, ring_wait(&self->ring, &cqe));
	EXPECT_EQ(-ENOBUFS, cqe.res);
	if (!variant->list) {
		EXPECT_EQ(-ENOENT, pbufs_unregister(&self->ring, BGID));
		/* The memory is still there */
		pbufs_give(&self->bufs, 0, NR);
	}
}

TEST_F(pbuf, recv_multishot)
{
	struct io_uring_cqe cqe;
	int i;

	ASSERT_EQ(0, sock_pair(SOCK_UNIX_DGRAM, self->fd));
	ASSERT_EQ(0, give(self, variant, 0, NR));
	ASSERT_EQ(SIZE, send(self->fd[0], self->bufs.mem, SIZE, 0));
	prep_select(&self->ring, IORING_OP_RECV, self->fd[1], NULL, 0)->ioprio =
		IORING_RECV_MULTISHOT;
	ASSERT_EQ(1, ring_submit(&self->ring));
	for (i = 0; i < NR; i++) {
		if (i)
			ASSERT_EQ(SIZE, send(self->fd[0], self->bufs.mem, SIZE, 0));
		ASSERT_EQ(0, ring_wait(&self->ring, &cqe));
		ASSERT_EQ(SIZE, cqe.res);
		ASSERT_EQ(i, cqe_bid(&cqe));
		ASSERT_EQ(IORING_CQE_F_MORE, cqe.flags & IORING_CQE_F_MORE);
	}
	/* No buffer: the end, at the latest when there is data again */
	ASSERT_EQ(3, send(self->fd[0], "end", 3, 0));
	ASSERT_EQ(0, ring_wait(&self->ring, &cqe));
	EXPECT_EQ(-ENOBUFS, cqe.res);
	EXPECT_EQ(0u, cqe.flags);
	EXPECT_TRUE(stays_quiet(&self->ring));
}

/* More data than a turn, in small pieces; then the end of the stream. */
TEST_F(pbuf, recv_multishot_stream)
{
	struct io_uring_cqe cqe;
	size_t total = 0, seen = 0;
	char text[SIZE];
	int i, kind;

	for (kind = 0; kind <= SOCK_UNIX_STREAM; kind++) {
		TH_LOG("%s", sock_names[kind]);
		total = 0;
		seen = 0;
		ASSERT_EQ(0, sock_pair(kind, self->fd));
		if (!kind)
			ASSERT_EQ(0, give(self, variant, 0, NR));
		prep_select(&self->ring, IORING_OP_RECV, self->fd[1], NULL, 0)->ioprio =
			IORING_RECV_MULTISHOT;
		ASSERT_EQ(1, ring_submit(&self->ring));
		for (i = 0; i < 100; i++) {
			size_t n = 1 + (i * 37) % SIZE;

			memset(text, i, n);
			ASSERT_EQ((ssize_t)n, send(self->fd[0], text, n, 0));
			total += n;
			while (seen < total) {
				ASSERT_EQ(0, ring_wait(&self->ring, &cqe));
				ASSERT_LT(0, cqe.res);
				ASSERT_EQ(IORING_CQE_F_MORE, cqe.flags & IORING_CQE_F_MORE);
				seen += cqe.res;
				if (cqe.flags & IORING_CQE_F_BUF_MORE)
					continue;
				ASSERT_EQ(0, give(self, variant, cqe_bid(&cqe), cqe_bid(&cqe) + 1));
			}
		}
		shutdown(self->fd[0], SHUT_WR);
		ASSERT_EQ(0, ring_wait(&self->ring, &cqe));
		EXPECT_EQ(0, cqe.res);
		EXPECT_EQ(0u, cqe.flags & (IORING_CQE_F_MORE | IORING_CQE_F_BUFFER));
		close_pair(self->fd);
	}
}

/* Who waits for the last data sees the end of the stream along with it. */
TEST_F(pbuf, recv_multishot_end_with_data)
{
	struct io_uring_cqe cqe;
	int i;

	ASSERT_EQ(0, sock_pair(SOCK_TCP4, self->fd));
	ASSERT_EQ(0, give(self, variant, 0, NR));
	prep_select(&self->ring, IORING_OP_RECV, self->fd[1], NULL, 0)->ioprio =
		IORING_RECV_MULTISHOT;
	ASSERT_EQ(1, ring_submit(&self->ring));
	for (i = 0; i < 2; i++)
		ASSERT_EQ(SIZE, send(self->fd[0], self->bufs.mem, SIZE, 0));
	close(self->fd[0]);
	self->fd[0] = -1;
	ASSERT_EQ(0, ring_enter_wait(&self->ring, 2, WAIT_MS));
	for (i = 0; ring_reap(&self->ring, &cqe) && cqe.res; i++)
		EXPECT_EQ(IORING_CQE_F_MORE, cqe.flags & IORING_CQE_F_MORE);
	EXPECT_EQ(2, i);
	EXPECT_EQ(0, cqe.res);
	EXPECT_EQ(0u, cqe.flags & IORING_CQE_F_MORE);
}

/*
 * The last data, and a reset or an end that was there before it was received: both are
 * seen.
 */
TEST_F(pbuf, recv_multishot_reset_with_data)
{
	struct linger linger = { .l_onoff = 1 };
	struct io_uring_sqe *sqe;
	struct io_uring_cqe cqe;
	int i;

	for (i = 0; i < 4; i++) {
		ASSERT_EQ(0, sock_pair(SOCK_TCP4, self->fd));
		ASSERT_EQ(0, give(self, variant, 0, NR));
		ASSERT_EQ(SIZE / 2, send(self->fd[0], self->bufs.mem, SIZE / 2, 0));
		if (i & 1) {
			shutdown(self->fd[1], SHUT_RD);
		} else {
			setsockopt(self->fd[0], SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
			close(self->fd[0]);
			self->fd[0] = -1;
		}
		sqe = prep_select(&self->ring, IORING_OP_RECV, self->fd[1], NULL, 0);
		sqe->ioprio = IORING_RECV_MULTISHOT;
		if (i < 2)
			sqe->ioprio |= IORING_RECVSEND_POLL_FIRST;
		else
			sqe->flags |= IOSQE_ASYNC;
		ASSERT_EQ(0, one(&self->ring, &cqe));
		EXPECT_EQ(SIZE / 2, cqe.res);
		EXPECT_EQ(IORING_CQE_F_MORE, cqe.flags & IORING_CQE_F_MORE);
		ASSERT_EQ(0, ring_wait(&self->ring, &cqe));
		EXPECT_EQ(i & 1 ? 0 : -ECONNRESET, cqe.res);
		EXPECT_EQ(0u, cqe.flags & IORING_CQE_F_MORE);
		close_pair(self->fd);
	}
}

/* With MSG_TRUNC the result is longer than the buffer, of which nothing is left. */
TEST_F(pbuf, recv_trunc)
{
	struct io_uring_cqe cqe;
	int i;

	ASSERT_EQ(0, sock_pair(SOCK_UDP4, self->fd));
	ASSERT_EQ(0, give(self, variant, 0, NR));
	for (i = 0; i < 2; i++) {
		ASSERT_EQ(2 * SIZE, send(self->fd[0], self->bufs.mem, 2 * SIZE, 0));
		prep_select(&self->ring, IORING_OP_RECV, self->fd[1], NULL, 0)->msg_flags =
			MSG_TRUNC;
		ASSERT_EQ(0, one(&self->ring, &cqe));
		EXPECT_EQ(2 * SIZE, cqe.res);
		EXPECT_EQ(i, cqe_bid(&cqe));
		EXPECT_EQ(0u, cqe.flags & IORING_CQE_F_BUF_MORE);
	}
}

/* When the CQ is full it ends, and nothing is lost. */
TEST_F(pbuf, recv_multishot_full_cq)
{
	unsigned int size = self->ring.p.cq_entries;
	struct io_uring_cqe cqe;
	unsigned int i;
	int nr = 0;

	ASSERT_EQ(0, sock_pair(SOCK_UNIX_STREAM, self->fd));
	ASSERT_EQ(0, give(self, variant, 0, NR));
	prep_select(&self->ring, IORING_OP_RECV, self->fd[1], NULL, 0)->ioprio =
		IORING_RECV_MULTISHOT;
	ASSERT_EQ(1, ring_submit(&self->ring));
	for (i = 0; i < size - NR / 2; i++) {
		if (!prep_nop(&self->ring, 99)) {
			ring_submit(&self->ring);
			prep_nop(&self->ring, 99);
		}
	}
	ring_submit(&self->ring);
	for (i = 0; i < NR; i++) {
		ASSERT_EQ(SIZE, send(self->fd[0], self->bufs.mem, SIZE, 0));
		ring_flush(&self->ring);
	}
	for (;;) {
		ASSERT_EQ(0, ring_wait(&self->ring, &cqe));
		if (cqe.user_data == 99)
			continue;
		ASSERT_LT(0, cqe.res);
		nr += cqe.res;
		EXPECT_LE(0, cqe_bid(&cqe));
		if (!(cqe.flags & IORING_CQE_F_MORE))
			break;
	}
	while (recv(self->fd[1], self->bufs.mem, SIZE, MSG_DONTWAIT) > 0)
		nr += SIZE;
	EXPECT_EQ(NR * SIZE, nr);
}

/* Both ends of a turn: more than 32 messages wait, and other sockets, too. */
TEST_F(pbuf, recv_multishot_is_fair)
{
	struct ring *r = &self->ring;
	struct io_uring_cqe cqe;
	struct pbufs bufs;
	int other[2], i, at = -1;

	ASSERT_EQ(0, pbufs_open(&bufs, r, 128, 16, 50, 0));
	pbufs_give(&bufs, 0, 128);
	ASSERT_EQ(0, sock_pair(SOCK_UDP4, self->fd));
	ASSERT_EQ(0, sock_pair(SOCK_UDP4, other));
	for (i = 0; i < 100; i++)
		ASSERT_EQ(1, send(self->fd[0], "x", 1, 0));
	ASSERT_EQ(1, send(other[0], "y", 1, 0));
	for (i = 0; i < 2; i++) {
		struct io_uring_sqe *sqe = prep_select(r, IORING_OP_RECV,
						       i ? other[1] : self->fd[1], NULL, 0);

		sqe->ioprio = IORING_RECV_MULTISHOT;
		sqe->buf_group = 50;
		sqe->user_data = i;
	}
	ASSERT_EQ(2, ring_submit(r));
	for (i = 0; i < 101; i++) {
		ASSERT_EQ(0, ring_wait(r, &cqe));
		ASSERT_EQ(1, cqe.res);
		ASSERT_EQ(IORING_CQE_F_MORE, cqe.flags & IORING_CQE_F_MORE);
		if (cqe.user_data == 1)
			at = i;
	}
	EXPECT_GT(80, at);
	close_pair(other);
}

TEST_F(pbuf, recvmsg_multishot)
{
	struct io_uring_recvmsg_out *out;
	struct sockaddr_in *name;
	struct io_uring_cqe cqe;
	struct msghdr msg = { .msg_namelen = 32 };
	const int before = sizeof(*out) + 32;
	char text[SIZE];
	int i;

	ASSERT_EQ(0, sock_pair(SOCK_UDP4, self->fd));
	ASSERT_EQ(0, give(self, variant, 0, NR));
	prep_select(&self->ring, IORING_OP_RECVMSG, self->fd[1], &msg, 1)->ioprio =
		IORING_RECV_MULTISHOT;
	ASSERT_EQ(1, ring_submit(&self->ring));
	for (i = 0; i < 4; i++) {
		int n = i == 3 ? SIZE : SIZE - before - i, stored = i == 3 ? SIZE - before : n;

		fill_pattern(text, n, i);
		ASSERT_EQ(n, send(self->fd[0], text, n, 0));
		ASSERT_EQ(0, ring_wait(&self->ring, &cqe));
		ASSERT_EQ(before + stored, cqe.res);
		if (!(variant->flags & IOU_PBUF_RING_INC))
			ASSERT_EQ(i, cqe_bid(&cqe));
		ASSERT_EQ(IORING_CQE_F_MORE, cqe.flags & IORING_CQE_F_MORE);
		if (variant->flags & IOU_PBUF_RING_INC && i > 1)
			break;
		out = (struct io_uring_recvmsg_out *)pbufs_at(&self->bufs, cqe_bid(&cqe));
		name = (struct sockaddr_in *)(out + 1);
		EXPECT_EQ(sizeof(*name), out->namelen);
		EXPECT_EQ(0u, out->controllen);
		EXPECT_EQ(i == 3 ? (unsigned int)MSG_TRUNC : 0, out->flags & MSG_TRUNC);
		EXPECT_EQ(AF_INET, name->sin_family);
		EXPECT_TRUE(has_pattern((char *)out + before, stored, i));
		if (variant->flags & IOU_PBUF_RING_INC)
			break;
	}
}

/* Whoever has no room for the source is not told how long it is. */
TEST_F(pbuf, recvmsg_multishot_no_name)
{
	struct io_uring_recvmsg_out *out;
	struct io_uring_cqe cqe;
	struct msghdr msg = {};

	ASSERT_EQ(0, sock_pair(SOCK_UDP4, self->fd));
	ASSERT_EQ(0, give(self, variant, 0, 1));
	ASSERT_EQ(3, send(self->fd[0], "abc", 3, 0));
	prep_select(&self->ring, IORING_OP_RECVMSG, self->fd[1], &msg, 1)->ioprio =
		IORING_RECV_MULTISHOT;
	ASSERT_EQ(0, one(&self->ring, &cqe));
	EXPECT_EQ((int)sizeof(*out) + 3, cqe.res);
	out = (struct io_uring_recvmsg_out *)self->bufs.mem;
	EXPECT_EQ(0u, out->namelen);
	EXPECT_EQ(3u, out->payloadlen);
	EXPECT_EQ(0, memcmp(out + 1, "abc", 3));
}

TEST_F(pbuf, recvmsg_multishot_lengths)
{
	struct msghdr msg = { .msg_namelen = SIZE };
	struct io_uring_cqe cqe;

	ASSERT_EQ(0, sock_pair(SOCK_UDP4, self->fd));
	ASSERT_EQ(0, give(self, variant, 0, NR));
	ASSERT_EQ(1, send(self->fd[0], "x", 1, 0));
	prep_select(&self->ring, IORING_OP_RECVMSG, self->fd[1], &msg, 1)->ioprio =
		IORING_RECV_MULTISHOT;
	ASSERT_EQ(0, one(&self->ring, &cqe));
	EXPECT_EQ(-EFAULT, cqe.res);
	msg.msg_namelen = -1;
	prep_select(&self->ring, IORING_OP_RECVMSG, self->fd[1], &msg, 1)->ioprio =
		IORING_RECV_MULTISHOT;
	ASSERT_EQ(0, one(&self->ring, &cqe));
	EXPECT_GT(0, cqe.res);
	msg.msg_namelen = INT_MAX;
	msg.msg_controllen = INT_MAX;
	prep_select(&self->ring, IORING_OP_RECVMSG, self->fd[1], &msg, 1)->ioprio =
		IORING_RECV_MULTISHOT;
	ASSERT_EQ(0, one(&self->ring, &cqe));
	EXPECT_EQ(-EOVERFLOW, cqe.res);
}

/*
 * A message without a byte has a source, and ancillary data, so it comes in a buffer, as
 * does the end of a stream. It is the last.
 */
TEST_F(pbuf, recvmsg_multishot_empty)
{
	static const int kinds[] = { SOCK_UDP4, SOCK_TCP4, SOCK_UNIX_STREAM };
	struct io_uring_recvmsg_out *out;
	struct io_uring_cqe cqe;
	struct msghdr msg = { .msg_namelen = 32 };
	const int before = sizeof(*out) + 32;
	int i;

	for (i = 0; i < 3; i++) {
		ASSERT_EQ(0, sock_pair(kinds[i], self->fd));
		ASSERT_EQ(0, give(self, variant, i, i + 1));
		prep_select(&self->ring, IORING_OP_RECVMSG, self->fd[1], &msg, 1)->ioprio =
			IORING_RECV_MULTISHOT;
		ASSERT_EQ(1, ring_submit(&self->ring));
		ASSERT_EQ(0, sock_is_dgram(kinds[i]) ? send(self->fd[0], "", 0, 0) :
						       shutdown(self->fd[0], SHUT_WR));
		ASSERT_EQ(0, ring_wait(&self->ring, &cqe));
		ASSERT_EQ(before, cqe.res) {
			TH_LOG("%s", sock_names[kinds[i]]);
		}
		EXPECT_EQ(IORING_CQE_F_BUFFER,
			  cqe.flags & (IORING_CQE_F_BUFFER | IORING_CQE_F_MORE));
		out = (struct io_uring_recvmsg_out *)pbufs_at(&self->bufs, cqe_bid(&cqe));
		if (variant->flags & IOU_PBUF_RING_INC)
			out = (struct io_uring_recvmsg_out *)((char *)out + i * before);
		EXPECT_EQ(i ? 0 : sizeof(struct sockaddr_in), out->namelen);
		EXPECT_EQ(0u, out->payloadlen);
		close_pair(self->fd);
	}
}

/* Each of several members of a chain selects a buffer: nothing of it is simple. */
TEST_F(pbuf, chain)
{
	struct io_uring_cqe cqe;
	int pipes[2];

	ASSERT_EQ(0, pipe(pipes));
	ASSERT_EQ(0, give(self, variant, 0, NR));
	ASSERT_EQ(7, write(pipes[1], "message", 7));
	prep_select(&self->ring, IORING_OP_READ, pipes[0], NULL, 3)->flags |= IOSQE_IO_LINK;
	prep_select(&self->ring, IORING_OP_READ_MULTISHOT, pipes[0], NULL, 0);
	ASSERT_EQ(2, ring_submit(&self->ring));
	ASSERT_EQ(0, ring_wait(&self->ring, &cqe));
	EXPECT_EQ(3, cqe.res);
	EXPECT_EQ(0, cqe_bid(&cqe));
	ASSERT_EQ(0, ring_wait(&self->ring, &cqe));
	EXPECT_EQ(4, cqe.res);
	EXPECT_EQ(variant->flags & IOU_PBUF_RING_INC ? 0 : 1, cqe_bid(&cqe));
	close(pipes[1]);
	ASSERT_EQ(0, ring_wait(&self->ring, &cqe));
	EXPECT_EQ(0, cqe.res);
	close(pipes[0]);
}

TEST_F(pbuf, read_multishot)
{
	struct io_uring_cqe cqe;
	int i, pipes[2];
	char text[SIZE] = { 0 };

	ASSERT_EQ(0, pipe(pipes));
	ASSERT_EQ(0, give(self, variant, 0, NR));
	prep_select(&self->ring, IORING_OP_READ_MULTISHOT, pipes[0], NULL, 0);
	ASSERT_EQ(1, ring_submit(&self->ring));
	for (i = 0; i < 4; i++) {
		ASSERT_EQ(SIZE, write(pipes[1], text, SIZE));
		ASSERT_EQ(0, ring_wait(&self->ring, &cqe));
		ASSERT_EQ(SIZE, cqe.res);
		ASSERT_EQ(i, cqe_bid(&cqe));
		ASSERT_EQ(IORING_CQE_F_MORE, cqe.flags & IORING_CQE_F_MORE);
	}
	close(pipes[1]);
	ASSERT_EQ(0, ring_wait(&self->ring, &cqe));
	EXPECT_EQ(0, cqe.res);
	EXPECT_EQ(0u, cqe.flags);
	close(pipes[0]);
}

/* The end is a success: CQE_SKIP_SUCCESS hides it, and a link goes on. */
TEST_F(pbuf, read_multishot_ends_well)
{
	static const __u8 flags[] = {
		IOSQE_CQE_SKIP_SUCCESS, IOSQE_IO_LINK, IOSQE_IO_LINK | IOSQE_CQE_SKIP_SUCCESS,
	};
	struct io_uring_sqe *sqe;
	struct io_uring_cqe cqe;
	unsigned int i, parked;
	int pipes[2];

	ASSERT_EQ(0, give(self, variant, 0, NR));
	for (i = 0; i < ARRAY_LEN(flags); i++) {
		for (parked = 0; parked < 2; parked++) {
			ASSERT_EQ(0, pipe(pipes));
			ASSERT_EQ(5, write(pipes[1], "hello", 5));
			if (!parked)
				close(pipes[1]);
			sqe = prep_select(&self->ring, IORING_OP_READ_MULTISHOT, pipes[0], NULL, 0);
			sqe->flags |= flags[i];
			if (flags[i] & IOSQE_IO_LINK)
				ASSERT_TRUE(prep_nop(&self->ring, 1));
			ASSERT_LE(1, ring_submit(&self->ring));
			ASSERT_EQ(0, ring_wait(&self->ring, &cqe));
			EXPECT_EQ(5, cqe.res);
			EXPECT_TRUE(!!(cqe.flags & IORING_CQE_F_MORE));
			if (parked)
				close(pipes[1]);

			if (!(flags[i] & IOSQE_CQE_SKIP_SUCCESS)) {
				ASSERT_EQ(0, ring_wait(&self->ring, &cqe));
				EXPECT_EQ(IORING_OP_READ_MULTISHOT, (int)cqe.user_data);
				EXPECT_EQ(0, cqe.res);
				EXPECT_EQ(0u, cqe.flags);
			}
			if (flags[i] & IOSQE_IO_LINK) {
				ASSERT_EQ(0, ring_wait(&self->ring, &cqe));
				EXPECT_EQ(1, (int)cqe.user_data);
				EXPECT_EQ(0, cqe.res);
			}
			EXPECT_TRUE(stays_quiet(&self->ring));
			close(pipes[0]);
		}
	}
}

/*
 * A file that gives less than was asked for at a time, and more if it is asked again: the
 * result is all that is in the buffer, and the next one begins behind it.
 */
TEST_F(pbuf, read_in_parts)
{
	const char *path = "/sys/firmware/acpi/tables/DSDT";
	int fd = open(path, O_RDONLY | O_NONBLOCK), i;
	const unsigned int big = 16384;
	struct io_uring_cqe cqe;
	char *mem = pages(3 * big), *text = pages(big);
	ssize_t all = 0, n;

	if (fd < 0)
		SKIP(return, "no %s", path);
	while ((n = pread(fd, text + all, big - all, all)) > 0)
		all += n;
	if (all <= 4096)
		SKIP(return, "%s is too small", path);
	for (i = 0; i < 3; i++) {
		if (!variant->list) {
			/* Of an incremental one a rest would be left */
			pbufs_put_raw(&self->bufs, mem + i * big,
				      variant->flags & IOU_PBUF_RING_INC ? all : big, i);
			pbufs_publish(&self->bufs);
		} else {
			ASSERT_EQ(0, provide(&self->ring, mem + i * big, big, 1, BGID, i));
		}
	}
	for (i = 0; i < 3; i++) {
		bool once = i < 2;

		prep_select(&self->ring, once ? IORING_OP_READ : IORING_OP_READ_MULTISHOT, fd,
			    NULL, once ? big : 0);
		ASSERT_EQ(0, one(&self->ring, &cqe));
		ASSERT_EQ(all, cqe.res);
		EXPECT_EQ(i, cqe_bid(&cqe));
		EXPECT_EQ(0, memcmp(mem + cqe_bid(&cqe) * big, text, all));
	}
	close(fd);
}

/* Files that look regular and can make one wait: no buffer is taken for that. */
TEST_F(pbuf, waiting_for_a_regular_file)
{
	const char *path = "/sys/kernel/tracing/trace_pipe";
	int fd = open(path, O_RDONLY | O_NONBLOCK), i;
	struct io_uring_sqe *sqe;
	struct io_uring_cqe cqe;

	if (fd < 0)
		SKIP(return, "no %s (%s)", path, strerror(errno));
	if (variant->list)
		SKIP(return, "the head of a list is not shown");
	pbufs_give(&self->bufs, 0, 1);
	prep_select(&self->ring, IORING_OP_READ, fd, NULL, 0)->len = SIZE;
	prep_select(&self->ring, IORING_OP_READ_MULTISHOT, fd, NULL, 0);
	ASSERT_EQ(2, ring_submit(&self->ring));
	EXPECT_EQ(-ETIME, ring_wait_ms(&self->ring, &cqe, 50)) {
		TH_LOG("%d", cqe.res);
	}
	EXPECT_EQ(0, pbufs_head(&self->ring, BGID));
	sqe = prep(&self->ring, IORING_OP_ASYNC_CANCEL, -1, NULL, 0, 0);
	sqe->cancel_flags = IORING_ASYNC_CANCEL_ANY;
	sqe->user_data = 99;
	ASSERT_EQ(1, ring_submit(&self->ring));
	for (i = 0; i < 3; i++) {
		ASSERT_EQ(0, ring_wait(&self->ring, &cqe));
		EXPECT_EQ(cqe.user_data == 99 ? 2 : -ECANCELED, cqe.res);
		EXPECT_EQ(0u, cqe.flags);
	}
	close(fd);
}

TEST_F(pbuf, read_multishot_rules)
{
	struct io_uring_cqe cqe;
	int file = tmp_file(NULL, 0), pipes[2];

	ASSERT_EQ(0, pipe(pipes));
	ASSERT_EQ(0, give(self, variant, 0, NR));
	prep_select(&self->ring, IORING_OP_READ_MULTISHOT, file, NULL, 0);
	ASSERT_EQ(0, one(&self->ring, &cqe));
	EXPECT_EQ(-EBADFD, cqe.res);
	prep_select(&self->ring, IORING_OP_READ_MULTISHOT, pipes[0], NULL, 1);
	ASSERT_EQ(0, one(&self->ring, &cqe));
	EXPECT_EQ(-EINVAL, cqe.res);
	prep_select(&self->ring, IORING_OP_READ_MULTISHOT, pipes[0], (void *)4096, 0);
	ASSERT_EQ(0, one(&self->ring, &cqe));
	EXPECT_EQ(-EINVAL, cqe.res);
	prep_select(&self->ring, IORING_OP_READ_MULTISHOT, pipes[0], NULL, 0)->flags = 0;
	ASSERT_EQ(0, one(&self->ring, &cqe));
	EXPECT_EQ(-EINVAL, cqe.res);
	close(file);
	close(pipes[0]);
	close(pipes[1]);
}

/* With IOSQE_ASYNC, too, a multishot waits instead of occupying a worker. */
TEST_F(pbuf, multishot_async)
{
	struct io_uring_sqe *sqe;
	struct io_uring_cqe cqe;
	int i;

	ASSERT_EQ(0, sock_pair(SOCK_UNIX_STREAM, self->fd));
	ASSERT_EQ(0, give(self, variant, 0, NR));
	sqe = prep_select(&self->ring, IORING_OP_RECV, self->fd[1], NULL, 0);
	sqe->ioprio = IORING_RECV_MULTISHOT;
	sqe->flags |= IOSQE_ASYNC;
	ASSERT_EQ(1, ring_submit(&self->ring));
	for (i = 0; i < 2; i++) {
		ASSERT_EQ(SIZE, send(self->fd[0], self->bufs.mem, SIZE, 0));
		ASSERT_EQ(0, ring_wait(&self->ring, &cqe));
		EXPECT_EQ(SIZE, cqe.res);
		EXPECT_EQ(i, cqe_bid(&cqe));
	}
}

/* Without data, IOSQE_ASYNC does not keep from saying what is missing ... */
TEST_F(pbuf, async_without_buffers)
{
	static const __u16 ioprio[] = { 0, IORING_RECV_MULTISHOT, 0 };
	struct io_uring_sqe *sqe;
	int i;

	ASSERT_EQ(0, sock_pair(SOCK_UNIX_STREAM, self->fd));
	for (i = 0; i < 3; i++) {
		int opcode = i < 2 ? IORING_OP_RECV : IORING_OP_READ;

		/* The untouched 6.12 lets it wait. */
		if (ioprio[i] && untouched())
			continue;
		sqe = prep_select(&self->ring, opcode, self->fd[1], NULL, ioprio[i] ? 0 : SIZE);
		sqe->ioprio = ioprio[i];
		sqe->flags |= IOSQE_ASYNC;
		EXPECT_EQ(-ENOBUFS, ring_result(&self->ring));
	}
}

/* ... takes no buffer along for what is no socket. */
TEST_F(pbuf, async_of_no_socket)
{
	static const int ops[] = { IORING_OP_RECV, IORING_OP_SEND };
	int i, zero = open("/dev/zero", O_RDWR | O_CLOEXEC);

	ASSERT_LE(0, zero);
	for (i = 0; i < 4; i++) {
		struct io_uring_cqe cqe;

		/* Without buffers, and with some */
		if (i == 2)
			ASSERT_EQ(0, give(self, variant, 0, NR));
		prep_select(&self->ring, ops[i & 1], zero, NULL, SIZE)->flags |= IOSQE_ASYNC;
		ASSERT_EQ(1, ring_submit(&self->ring));
		ASSERT_EQ(0, ring_wait(&self->ring, &cqe));
		EXPECT_EQ(-ENOTSOCK, cqe.res);
		EXPECT_EQ(0u, cqe.flags);
	}
	close(zero);
}

/* ... and does not make it wait against its will. */
TEST_F(pbuf, async_does_not_wait)
{
	struct io_uring_sqe *sqe;

	ASSERT_EQ(0, sock_pair(SOCK_UNIX_STREAM, self->fd));
	ASSERT_EQ(0, give(self, variant, 0, NR));
	sqe = prep_select(&self->ring, IORING_OP_RECV, self->fd[1], NULL, SIZE);
	sqe->flags |= IOSQE_ASYNC;
	sqe->msg_flags = MSG_DONTWAIT;
	EXPECT_EQ(-EAGAIN, ring_result(&self->ring));
	sqe = prep_select(&self->ring, IORING_OP_READ, self->fd[1], NULL, SIZE);
	sqe->flags |= IOSQE_ASYNC;
	sqe->rw_flags = RWF_NOWAIT;
	EXPECT_EQ(-EAGAIN, ring_result(&self->ring));
}

/* A multishot read that has used the last buffer waits for data, and then misses one. */
TEST_F(pbuf, multishot_read_waits_without_buffers)
{
	struct io_uring_cqe cqe;
	int i, round;

	for (round = 0; round < 2; round++) {
		ASSERT_EQ(0, pipe(self->fd));
		ASSERT_EQ(0, give(self, variant, 2 * round, 2 * round + 2));
		if (!round)
			ASSERT_EQ(2 * SIZE, write(self->fd[1], self->bufs.mem, 2 * SIZE));
		prep_select(&self->ring, IORING_OP_READ_MULTISHOT, self->fd[0], NULL, 0);
		ASSERT_EQ(1, ring_submit(&self->ring));
		for (i = 0; i < 2; i++) {
			if (round)
				ASSERT_EQ(SIZE, write(self->fd[1], self->bufs.mem, SIZE));
			ASSERT_EQ(0, ring_wait(&self->ring, &cqe));
			EXPECT_EQ(SIZE, cqe.res);
			EXPECT_TRUE(cqe.flags & IORING_CQE_F_MORE);
		}
		EXPECT_TRUE(stays_quiet(&self->ring));

		ASSERT_EQ(1, write(self->fd[1], "x", 1));
		ASSERT_EQ(0, ring_wait(&self->ring, &cqe));
		EXPECT_EQ(-ENOBUFS, cqe.res);
		EXPECT_EQ(0u, cqe.flags);
		close_pair(self->fd);
	}
}

/* Cancelled while it waits, and in the midst of a stream of data. */
TEST_F(pbuf, multishot_cancel)
{
	struct io_uring_cqe cqe;
	bool gone = false, cancelled = false;
	int i, round;

	ASSERT_EQ(0, give(self, variant, 0, NR));
	for (round = 0; round < 2; round++) {
		gone = false;
		cancelled = false;
		ASSERT_EQ(0, sock_pair(SOCK_UNIX_STREAM, self->fd));
		prep_select(&self->ring, IORING_OP_RECV, self->fd[1], NULL, 0)->ioprio =
			IORING_RECV_MULTISHOT;
		ASSERT_EQ(1, ring_submit(&self->ring));
		if (round)
			ASSERT_EQ(SIZE, send(self->fd[0], self->bufs.mem, SIZE, 0));
		prep(&self->ring, IORING_OP_ASYNC_CANCEL, 0, (void *)(long)IORING_OP_RECV, 0, 0)
			->user_data = 1;
		ASSERT_EQ(1, ring_submit(&self->ring));
		for (i = 0; !gone || !cancelled; i++) {
			ASSERT_EQ(0, ring_wait(&self->ring, &cqe));
			if (cqe.user_data == 1) {
				cancelled = true;
				EXPECT_TRUE(!cqe.res || cqe.res == -EALREADY);
			} else if (!(cqe.flags & IORING_CQE_F_MORE)) {
				gone = true;
				EXPECT_EQ(-ECANCELED, cqe.res);
			}
			ASSERT_GT(10, i);
		}
		close_pair(self->fd);
	}
}

/* The ring is closed under a multishot. */
TEST_F(pbuf, multishot_ring_closed)
{
	ASSERT_EQ(0, sock_pair(SOCK_UNIX_STREAM, self->fd));
	ASSERT_EQ(0, give(self, variant, 0, NR));
	prep_select(&self->ring, IORING_OP_RECV, self->fd[1], NULL, 0)->ioprio =
		IORING_RECV_MULTISHOT;
	ASSERT_EQ(1, ring_submit(&self->ring));
	ring_close(&self->ring);
	ASSERT_EQ(2, send(self->fd[0], "hi", 2, 0));
	EXPECT_TRUE(fresh_ring_works());
}

TEST_F(pbuf, multishot_rules)
{
	struct io_uring_sqe *sqe;

	sqe = prep_select(&self->ring, IORING_OP_RECV, 0, NULL, 0);
	sqe->ioprio = IORING_RECV_MULTISHOT;
	sqe->msg_flags = MSG_WAITALL;
	EXPECT_EQ(-EINVAL, ring_result(&self->ring));
	sqe = prep_select(&self->ring, IORING_OP_RECV, 0, NULL, 10);
	sqe->ioprio = IORING_RECV_MULTISHOT;
	EXPECT_EQ(-EINVAL, ring_result(&self->ring));
}

TEST_F(pbuf, accept_multishot)
{
	struct sockaddr_storage ss;
	struct io_uring_sqe *sqe;
	struct io_uring_cqe cqe;
	int i, listener, fd[40];
	socklen_t len;

	listener = sock_listening(SOCK_TCP4, &ss, &len);
	ASSERT_LE(0, listener);
	sqe = prep(&self->ring, IORING_OP_ACCEPT, listener, NULL, 0, 0);
	sqe->ioprio = IORING_ACCEPT_MULTISHOT;
	ASSERT_EQ(1, ring_submit(&self->ring));
	/* One by one, then more than a turn at once */
	for (i = 0; i < 40; i++) {
		fd[i] = sock_connected(SOCK_TCP4, &ss, len);
		ASSERT_LE(0, fd[i]);
		if (i < 3) {
			ASSERT_EQ(0, ring_wait(&self->ring, &cqe));
			ASSERT_LE(0, cqe.res);
			ASSERT_EQ(IORING_CQE_F_MORE, cqe.flags & IORING_CQE_F_MORE);
			close(cqe.res);
		}
	}
	for (i = 3; i < 40; i++) {
		ASSERT_EQ(0, ring_wait(&self->ring, &cqe));
		ASSERT_LE(0, cqe.res);
		ASSERT_EQ(IORING_CQE_F_MORE, cqe.flags & IORING_CQE_F_MORE);
		close(cqe.res);
		close(fd[i]);
	}
	EXPECT_TRUE(stays_quiet(&self->ring));
	shutdown(listener, SHUT_RDWR);
	ASSERT_EQ(0, ring_wait(&self->ring, &cqe));
	EXPECT_GT(0, cqe.res);
	EXPECT_EQ(0u, cqe.flags);
	close(listener);
}

/* Straight into fixed files; the table is full at last. */
TEST_F(pbuf, accept_multishot_direct)
{
	struct io_uring_rsrc_register reg = { .nr = 4, .flags = IORING_RSRC_REGISTER_SPARSE };
	struct sockaddr_storage ss;
	struct io_uring_sqe *sqe;
	struct io_uring_cqe cqe;
	int i, listener, fd[5];
	socklen_t len;
	char in[4];

	ASSERT_EQ(0, sys_register(self->ring.fd, IORING_REGISTER_FILES2, &reg, sizeof(reg)));
	listener = sock_listening(SOCK_TCP4, &ss, &len);
	sqe = prep(&self->ring, IORING_OP_ACCEPT, listener, NULL, 0, 0);
	sqe->ioprio = IORING_ACCEPT_MULTISHOT;
	sqe->file_index = 1;
	EXPECT_EQ(-EINVAL, ring_result(&self->ring));
	sqe = prep(&self->ring, IORING_OP_ACCEPT, listener, NULL, 0, 0);
	sqe->ioprio = IORING_ACCEPT_MULTISHOT;
	sqe->file_index = IORING_FILE_INDEX_ALLOC;
	ASSERT_EQ(1, ring_submit(&self->ring));
	for (i = 0; i < 5; i++) {
		fd[i] = sock_connected(SOCK_TCP4, &ss, len);
		ASSERT_LE(0, fd[i]);
		ASSERT_EQ(0, ring_wait(&self->ring, &cqe));
		if (i == 4) {
			EXPECT_EQ(-ENFILE, cqe.res);
			EXPECT_EQ(0u, cqe.flags & IORING_CQE_F_MORE);
			break;
		}
		ASSERT_EQ(i, cqe.res);
		sqe = prep(&self->ring, IORING_OP_SEND, i, "hey", 3, 0);
		sqe->flags = IOSQE_FIXED_FILE;
		ASSERT_EQ(3, ring_result(&self->ring));
		ASSERT_EQ(3, recv(fd[i], in, 4, 0));
	}
	for (i = 0; i < 5; i++)
		close(fd[i]);
	close(listener);

	/* SOCKET into a slot */
	sqe = prep(&self->ring, IORING_OP_SOCKET, AF_UNIX, NULL, 0, SOCK_STREAM);
	sqe->file_index = 2;
	EXPECT_EQ(0, ring_result(&self->ring));
	sqe = prep(&self->ring, IORING_OP_SOCKET, AF_UNIX, NULL, 0, SOCK_STREAM);
	sqe->file_index = 5;
	EXPECT_EQ(-EINVAL, ring_result(&self->ring));
}

/*
 * Registration
 */

TEST(registration)
{
	static const struct {
		struct io_uring_buf_reg reg;
		int error;
	} cases[] = {
		{ { .ring_entries = 8, .flags = 4 }, -EINVAL },
		{ { .ring_entries = 8, .flags = IOU_PBUF_RING_MMAP, .resv = { 0, 1 } }, -EINVAL },
		{ { .ring_entries = 7, .flags = IOU_PBUF_RING_MMAP }, -EINVAL },
		{ { .ring_entries = 0, .flags = IOU_PBUF_RING_MMAP }, -EINVAL },
		{ { .ring_entries = 65536, .flags = IOU_PBUF_RING_MMAP }, -EINVAL },
		{ { .ring_entries = 8, .min_left = 1, .flags = IOU_PBUF_RING_MMAP }, -EINVAL },
		{ { .ring_entries = 8 }, -EFAULT },
		{ { .ring_entries = 8, .ring_addr = 0x1010 }, -EINVAL },
		{ { .ring_entries = 8, .ring_addr = 4096, .flags = IOU_PBUF_RING_MMAP }, -EINVAL },
	};
	struct io_uring_buf_status status = { .buf_group = 3 };
	struct io_uring_buf_reg reg;
	unsigned int i;
	struct ring r;
	void *mem;

	ASSERT_EQ(0, ring_open(&r, 8, 0));
	for (i = 0; i < ARRAY_LEN(cases); i++) {
		reg = cases[i].reg;
		EXPECT_EQ(cases[i].error, sys_register(r.fd, IORING_REGISTER_PBUF_RING, &reg, 1)) {
			TH_LOG("case %u", i);
		}
	}
	EXPECT_EQ(-EFAULT, pbufs_register(&r, no_access(4096), 8, 3, 0));
	EXPECT_EQ(-EINVAL, sys_register(r.fd, IORING_REGISTER_PBUF_RING, &reg, 2));
	EXPECT_EQ(-EINVAL, sys_register(r.fd, IORING_REGISTER_PBUF_RING, NULL, 1));

	/* The greatest there is, in both kinds of memory */
	mem = pages(32768 * 16);
	EXPECT_EQ(0, pbufs_register(&r, mem, 32768, 3, 0));
	EXPECT_EQ(-EEXIST, pbufs_register(&r, mem, 8, 3, 0));
	EXPECT_EQ(MAP_FAILED, pbufs_map(&r, 3, 4096));
	EXPECT_EQ(0, pbufs_register(&r, NULL, 32768, 2047, IOU_PBUF_RING_MMAP));
	mem = pbufs_map(&r, 2047, 32768 * 16);
	ASSERT_NE(MAP_FAILED, mem);
	EXPECT_EQ(0, pbufs_head(&r, 3));
	EXPECT_EQ(-ENOENT, pbufs_head(&r, 4));
	status.resv[7] = 1;
	EXPECT_EQ(-EINVAL, sys_register(r.fd, IORING_REGISTER_PBUF_STATUS, &status, 1));
	EXPECT_EQ(0, pbufs_unregister(&r, 3));
	EXPECT_EQ(0, pbufs_unregister(&r, 2047));
	/* A mapping outlives its group */
	memset(mem, 0xff, 32768 * 16);
	EXPECT_EQ(MAP_FAILED, pbufs_map(&r, 2047, 4096));

	/* Lists and rings do not mix */
	EXPECT_EQ(0, provide(&r, mem, 16, 4, 9, 0));
	EXPECT_EQ(-EEXIST, pbufs_register(&r, NULL, 8, 9, IOU_PBUF_RING_MMAP));
	EXPECT_EQ(-EINVAL, pbufs_unregister(&r, 9));
	EXPECT_EQ(-EINVAL, pbufs_head(&r, 9));
	EXPECT_EQ(4, remove_bufs(&r, 4, 9));
	EXPECT_EQ(0, pbufs_register(&r, NULL, 8, 9, IOU_PBUF_RING_MMAP));
	EXPECT_EQ(-EINVAL, provide(&r, mem, 16, 4, 9, 0));
	EXPECT_EQ(-EINVAL, remove_bufs(&r, 4, 9));
	ring_close(&r);
}

TEST(provide_rules)
{
	struct io_uring_sqe *sqe;
	struct ring r;
	char *mem = pages(4096);

	ASSERT_EQ(0, ring_open(&r, 8, 0));
	EXPECT_EQ(-E2BIG, provide(&r, mem, 1, 0, 1, 0));
	EXPECT_EQ(-E2BIG, provide(&r, mem, 1, 65537, 1, 0));
	EXPECT_EQ(-E2BIG, provide(&r, mem, 1, 1, 1, 65536));
	EXPECT_EQ(-EINVAL, provide(&r, mem, 1, 2, 1, 65535));
	EXPECT_EQ(-EINVAL, provide(&r, mem, 0, 1, 1, 0));
	EXPECT_EQ(-EFAULT, provide(&r, (void *)-4096ul, 16, 1, 1, 0));
	EXPECT_EQ(-EOVERFLOW, provide(&r, (void *)-4096ul, 8192, 1, 1, 0));
	EXPECT_EQ(-ENOENT, remove_bufs(&r, 1, 1));
	EXPECT_EQ(-EINVAL, remove_bufs(&r, 0, 1));
	EXPECT_EQ(-EINVAL, remove_bufs(&r, 65537, 1));
	sqe = prep(&r, IORING_OP_PROVIDE_BUFFERS, 1, mem, 1, 0);
	sqe->rw_flags = 1;
	EXPECT_EQ(-EINVAL, ring_result(&r));
	sqe = prep(&r, IORING_OP_REMOVE_BUFFERS, 1, mem, 0, 0);
	EXPECT_EQ(-EINVAL, ring_result(&r));
	EXPECT_EQ(0, provide(&r, mem, 1, 65536, 1, 0));
	EXPECT_EQ(65536, remove_bufs(&r, 65536, 1));
	EXPECT_EQ(0, remove_bufs(&r, 1, 1));
	ring_close(&r);
}

/* A buffer that is used up piece by piece. */
TEST(incremental)
{
	struct io_uring_buf_reg reg = {
		.ring_entries = 4, .bgid = 1, .flags = IOU_PBUF_RING_INC, .min_left = 8,
	};
	struct io_uring_cqe cqe;
	struct ring r;
	struct pbufs b;
	int fd[2];

	ASSERT_EQ(0, ring_open(&r, 8, 0));
	ASSERT_EQ(0, pbufs_open(&b, &r, 4, 100, BGID, IOU_PBUF_RING_INC));
	pbufs_give(&b, 0, 2);
	ASSERT_EQ(0, sock_pair(SOCK_UNIX_STREAM, fd));
	ASSERT_EQ(70, send(fd[0], memset(alloca(70), 'a', 70), 70, 0));
	prep_select(&r, IORING_OP_RECV, fd[1], NULL, 40);
	ASSERT_EQ(0, one(&r, &cqe));
	EXPECT_EQ(40, cqe.res);
	EXPECT_EQ(IORING_CQE_F_BUFFER | IORING_CQE_F_BUF_MORE, cqe.flags);
	prep_select(&r, IORING_OP_RECV, fd[1], NULL, 0);
	ASSERT_EQ(0, one(&r, &cqe));
	EXPECT_EQ(30, cqe.res);
	EXPECT_EQ(IORING_CQE_F_BUFFER | IORING_CQE_F_BUF_MORE, cqe.flags);
	EXPECT_EQ(0, pbufs_head(&r, BGID));
	EXPECT_EQ('a', b.mem[69]);
	EXPECT_EQ(0, b.mem[70]);
	ASSERT_EQ(50, send(fd[0], b.mem, 50, 0));
	prep_select(&r, IORING_OP_RECV, fd[1], NULL, 0);
	ASSERT_EQ(0, one(&r, &cqe));
	EXPECT_EQ(30, cqe.res);
	EXPECT_EQ(IORING_CQE_F_BUFFER, cqe.flags);
	EXPECT_EQ(1, pbufs_head(&r, BGID));
	prep_select(&r, IORING_OP_RECV, fd[1], NULL, 0);
	ASSERT_EQ(0, one(&r, &cqe));
	EXPECT_EQ(20, cqe.res);
	EXPECT_EQ(1, cqe_bid(&cqe));

	/* Less than min_left is not kept */
	b.br = pages(4096);
	reg.ring_addr = (uintptr_t)b.br;
	reg.bgid = BGID + 1;
	ASSERT_EQ(0, sys_register(r.fd, IORING_REGISTER_PBUF_RING, &reg, 1));
	b.tail = 0;
	pbufs_give(&b, 0, 2);
	ASSERT_EQ(95, send(fd[0], b.mem, 95, 0));
	prep_select(&r, IORING_OP_RECV, fd[1], NULL, 0)->buf_group = BGID + 1;
	ASSERT_EQ(0, one(&r, &cqe));
	EXPECT_EQ(95, cqe.res);
	EXPECT_EQ(IORING_CQE_F_BUFFER, cqe.flags);
	close_pair(fd);
	ring_close(&r);
}

/*
 * A multishot read goes on while there is data, before the next SQE is looked at. (The
 * untouched 6.12 reads once, and goes on behind the batch.)
 */
TEST(shots_at_once)
{
	struct io_uring_cqe cqe;
	char text[40], in[8];
	int i, pipes[2];
	struct pbufs b;
	struct ring r;

	ASSERT_EQ(0, ring_open(&r, 8, 0));
	ASSERT_EQ(0, pbufs_open(&b, &r, 4, 16, BGID, 0));
	pbufs_give(&b, 0, 4);
	ASSERT_EQ(0, pipe(pipes));
	memset(text, 'x', sizeof(text));
	ASSERT_EQ(40, write(pipes[1], text, 40));

	prep_select(&r, IORING_OP_READ_MULTISHOT, pipes[0], NULL, 0);
	prep(&r, IORING_OP_READ, pipes[0], in, sizeof(in), 0)->user_data = IORING_OP_READ;
	ASSERT_EQ(2, ring_submit(&r));
	for (i = 0; i < 3; i++) {
		ASSERT_EQ(0, ring_wait(&r, &cqe));
		if (i && cqe.user_data == IORING_OP_READ && untouched())
			SKIP(return, "this kernel reads once at first");
		EXPECT_EQ(IORING_OP_READ_MULTISHOT, cqe.user_data);
		EXPECT_EQ(i < 2 ? 16 : 8, cqe.res);
		EXPECT_EQ(i, cqe_bid(&cqe));
		EXPECT_EQ(IORING_CQE_F_MORE, cqe.flags & IORING_CQE_F_MORE);
	}
	close_pair(pipes);
	ring_close(&r);
}

/* READ of @file with @len at @off, of a buffer of an incremental group */
static int inc_read(struct ring *r, int file, unsigned int len, __u64 off, bool async,
		    struct io_uring_cqe *cqe)
{
	struct io_uring_sqe *sqe = prep_select(r, IORING_OP_READ, file, NULL, len);

	sqe->off = off;
	if (async)
		sqe->flags |= IOSQE_ASYNC;
	return one(r, cqe);
}

/*
 * It is charged with what was used, not with what was asked for: the next data is
 * right behind it. Inline, and in a worker.
 */
TEST(incremental_short)
{
	struct io_uring_cqe cqe;
	int i, file, mem;
	struct pbufs b;
	struct ring r;

	if (untouched())
		SKIP(return, "this kernel charges what was asked for");
	mem = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
	ASSERT_LE(0, mem);
	for (i = 0; i < 4; i++) {
		const bool async = i & 1;
		/* What is asked for may be all that there is */
		const unsigned int len = i & 2 ? 0 : 64;

		ASSERT_EQ(0, ring_open(&r, 8, 0));
		ASSERT_EQ(0, pbufs_open(&b, &r, 4, 100, BGID, IOU_PBUF_RING_INC));
		pbufs_give(&b, 0, 2);
		file = tmp_file(NULL, 0);
		ASSERT_EQ(12, write(file, "abcdefghijkl", 12));

		ASSERT_EQ(0, inc_read(&r, file, len, 0, async, &cqe));
		EXPECT_EQ(12, cqe.res);
		EXPECT_EQ(IORING_CQE_F_BUFFER | IORING_CQE_F_BUF_MORE, cqe.flags);
		ASSERT_EQ(0, inc_read(&r, file, 5, 0, async, &cqe));
		EXPECT_EQ(5, cqe.res);
		EXPECT_EQ(IORING_CQE_F_BUFFER | IORING_CQE_F_BUF_MORE, cqe.flags);
		EXPECT_EQ(0, memcmp(b.mem, "abcdefghijklabcde", 17));

		/* The end of the file, and an error, use nothing; an error names nothing */
		ASSERT_EQ(0, inc_read(&r, file, len, 12, async, &cqe));
		EXPECT_EQ(0, cqe.res);
		EXPECT_EQ(IORING_CQE_F_BUFFER | IORING_CQE_F_BUF_MORE, cqe.flags);
		ASSERT_EQ(0, inc_read(&r, mem, len, 0, async, &cqe));
		EXPECT_GT(0, cqe.res);
		EXPECT_EQ(0u, cqe.flags);
		ASSERT_EQ(0, inc_read(&r, file, 12, 0, async, &cqe));
		EXPECT_EQ(12, cqe.res);
		EXPECT_EQ(0, memcmp(b.mem + 17, "abcdefghijkl", 12));
		EXPECT_EQ(0, pbufs_head(&r, BGID));

		/* All of the rest, and the next buffer */
		ASSERT_EQ(200, pwrite(file, b.mem, 200, 12));
		ASSERT_EQ(0, inc_read(&r, file, 0, 0, async, &cqe));
		EXPECT_EQ(100 - 29, cqe.res);
		EXPECT_EQ(IORING_CQE_F_BUFFER, cqe.flags);
		EXPECT_EQ(1, pbufs_head(&r, BGID));
		ASSERT_EQ(0, inc_read(&r, file, 10, 0, async, &cqe));
		EXPECT_EQ(1, cqe_bid(&cqe));
		EXPECT_EQ(IORING_CQE_F_BUF_MORE, cqe.flags & IORING_CQE_F_BUF_MORE);
		close(file);
		ring_close(&r);
	}
	close(mem);
}

/* The same for a receive that waits for all, and does not get it. */
TEST(incremental_waitall)
{
	struct io_uring_cqe cqe;
	int i, fd[2], other[2];
	struct pbufs b;
	struct ring r;

	if (untouched())
		SKIP(return, "this kernel does not wait for the rest");
	for (i = 0; i < 2; i++) {
		ASSERT_EQ(0, ring_open(&r, 8, 0));
		ASSERT_EQ(0, pbufs_open(&b, &r, 4, 100, BGID, IOU_PBUF_RING_INC));
		pbufs_give(&b, 0, 2);
		ASSERT_EQ(0, sock_pair(SOCK_UNIX_STREAM, fd));
		ASSERT_EQ(0, sock_pair(SOCK_UNIX_STREAM, other));
		ASSERT_EQ(7, send(other[0], "0123456", 7, 0));

		prep_select(&r, IORING_OP_RECV, fd[1], NULL, 40)->msg_flags = MSG_WAITALL;
		ASSERT_EQ(1, ring_submit(&r));
		ASSERT_EQ(5, send(fd[0], "abcde", 5, 0));
		EXPECT_TRUE(stays_quiet(&r));
		if (i) {
			/* Somebody else has another buffer: then its rest is nobody's */
			prep_select(&r, IORING_OP_RECV, other[1], NULL, 3);
			ASSERT_EQ(0, one(&r, &cqe));
			EXPECT_EQ(3, cqe.res);
			EXPECT_EQ(1, cqe_bid(&cqe));
			EXPECT_EQ(0, memcmp(b.mem + 100, "012", 3));
		}
		ASSERT_EQ(0, shutdown(fd[0], SHUT_WR));
		ASSERT_EQ(0, ring_wait(&r, &cqe));
		EXPECT_EQ(5, cqe.res);
		EXPECT_EQ(IORING_CQE_F_BUFFER | (i ? 0 : IORING_CQE_F_BUF_MORE), cqe.flags);
		prep_select(&r, IORING_OP_RECV, other[1], NULL, 4);
		ASSERT_EQ(0, one(&r, &cqe));
		EXPECT_EQ(4, cqe.res);
		EXPECT_EQ(0, memcmp(b.mem + (i ? 103 : 5), i ? "3456" : "0123", 4));
		EXPECT_EQ(i, pbufs_head(&r, BGID));
		close_pair(fd);
		close_pair(other);
		ring_close(&r);
	}
}

/*
 * Another thread scribbles over entries and tail while data comes in: only
 * memory of this process may be touched, the ring goes on.
 */
struct scribbler {
	struct pbufs *b;
	bool stop;
};

static void *scribble(void *arg)
{
	struct scribbler *s = arg;
	unsigned int seed = 1;

	while (!__atomic_load_n(&s->stop, __ATOMIC_RELAXED)) {
		struct io_uring_buf *buf = &s->b->br->bufs[seed & s->b->mask];

		seed = seed * 1103515245 + 12345;
		buf->addr = (seed & 0x100) ? (__u64)seed << 33 : (uintptr_t)s->b->mem;
		buf->len = seed & 0x200 ? seed : s->b->size;
		__atomic_store_n(&s->b->br->tail, seed >> 8, __ATOMIC_RELEASE);
	}
	return NULL;
}

TEST(scribbled_ring)
{
	static const unsigned int flags[] = {
		0, IOU_PBUF_RING_MMAP, IOU_PBUF_RING_INC, IOU_PBUF_RING_MMAP | IOU_PBUF_RING_INC,
	};
	struct io_uring_cqe cqe;
	struct scribbler s;
	pthread_t thread;
	struct pbufs b;
	struct ring r;
	int fd[2], i;
	unsigned int f;

	for (f = 0; f < ARRAY_LEN(flags); f++) {
		ASSERT_EQ(0, ring_open(&r, 8, 0));
		ASSERT_EQ(0, pbufs_open(&b, &r, 8, 4096, BGID, flags[f]));
		ASSERT_EQ(0, sock_pair(SOCK_UNIX_DGRAM, fd));
		s.b = &b;
		s.stop = false;
		ASSERT_EQ(0, pthread_create(&thread, NULL, scribble, &s));
		for (i = 0; i < 2000; i++) {
			ASSERT_EQ(64, send(fd[0], b.mem, 64, 0));
			prep_select(&r, IORING_OP_RECV, fd[1], NULL, 0)->msg_flags = MSG_DONTWAIT;
			ASSERT_EQ(0, one(&r, &cqe));
			if (cqe.res < 0) {
				EXPECT_TRUE(cqe.res == -ENOBUFS || cqe.res == -EFAULT) {
					TH_LOG("res %d", cqe.res);
				}
				recv(fd[1], alloca(64), 64, MSG_DONTWAIT);
			}
		}
		__atomic_store_n(&s.stop, true, __ATOMIC_RELAXED);
		pthread_join(thread, NULL);
		EXPECT_TRUE(ring_works(&r));
		close_pair(fd);
		ring_close(&r);
	}
}

TEST_HARNESS_MAIN
