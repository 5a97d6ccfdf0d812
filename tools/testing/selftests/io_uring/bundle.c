// SPDX-License-Identifier: GPL-2.0
/*
 * Bundles: SEND and RECV that use several provided buffers at once.
 */
#include "net_test.h"
#include "pbuf_test.h"

#include <pthread.h>

#include "../kselftest_harness.h"

#define DEFER (IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN)
#define BGID 7
#define NR 16
#define SIZE 256

FIXTURE(bundle)
{
	struct ring ring;
	struct pbufs bufs;
	int fd[2];
};

FIXTURE_VARIANT(bundle)
{
	unsigned int setup;
	unsigned int flags;	/* of the group */
	int kind;		/* of the sockets */
	__u8 sqe_flags;
};

FIXTURE_VARIANT_ADD(bundle, tcp) {
	.kind = SOCK_TCP4,
};

FIXTURE_VARIANT_ADD(bundle, unix_mapped) {
	.flags = IOU_PBUF_RING_MMAP,
	.kind = SOCK_UNIX_STREAM,
};

FIXTURE_VARIANT_ADD(bundle, inc) {
	.flags = IOU_PBUF_RING_INC,
	.kind = SOCK_TCP6,
};

FIXTURE_VARIANT_ADD(bundle, async) {
	.kind = SOCK_TCP4,
	.sqe_flags = IOSQE_ASYNC,
};

FIXTURE_VARIANT_ADD(bundle, coop) {
	.setup = IORING_SETUP_COOP_TASKRUN,
	.kind = SOCK_TCP4,
};

FIXTURE_VARIANT_ADD(bundle, defer) {
	.setup = DEFER,
	.kind = SOCK_TCP4,
};

FIXTURE_VARIANT_ADD(bundle, sqpoll) {
	.setup = IORING_SETUP_SQPOLL,
	.kind = SOCK_TCP4,
};

/* Of all bundles */
static __u8 more_sqe_flags;

FIXTURE_SETUP(bundle)
{
	more_sqe_flags = variant->sqe_flags;
	self->fd[0] = -1;
	self->fd[1] = -1;
	ASSERT_EQ(0, ring_open(&self->ring, 64, variant->setup));
	ASSERT_EQ(0, pbufs_open(&self->bufs, &self->ring, NR, SIZE, BGID, variant->flags));
	ASSERT_EQ(0, sock_pair(variant->kind, self->fd));
}

FIXTURE_TEARDOWN(bundle)
{
	ring_close(&self->ring);
	close_pair(self->fd);
}

static struct io_uring_sqe *prep_bundle(struct ring *r, int opcode, int fd, unsigned int len)
{
	struct io_uring_sqe *sqe = prep(r, opcode, fd, NULL, len, 0);

	sqe->flags = IOSQE_BUFFER_SELECT | more_sqe_flags;
	sqe->ioprio = IORING_RECVSEND_BUNDLE;
	sqe->buf_group = BGID;
	sqe->user_data = opcode;
	return sqe;
}

/* Submit the SQE taken and wait for a CQE */
static int one(struct ring *r, struct io_uring_cqe *cqe)
{
	return ring_submit(r) == 1 ? ring_wait(r, cqe) : -EIO;
}

static bool stays_quiet(struct ring *r)
{
	struct io_uring_cqe cqe;

	return ring_wait_ms(r, &cqe, 30) == -ETIME;
}

/* Send @len bytes of a pattern, to arrive in one piece. */
static bool feed(int fd, size_t len, unsigned int seed)
{
	char text[NR * SIZE];

	fill_pattern(text, len, seed);
	return send(fd, text, len, 0) == (ssize_t)len;
}

TEST_F(bundle, announced)
{
	EXPECT_EQ(IORING_FEAT_RECVSEND_BUNDLE,
		  self->ring.p.features & IORING_FEAT_RECVSEND_BUNDLE);
}

/* Several buffers, in order, as many as there is data for; and round the corner. */
TEST_F(bundle, recv)
{
	const bool inc = variant->flags & IOU_PBUF_RING_INC;
	struct io_uring_cqe cqe;
	char in[4 * SIZE];
	int i, round;

	for (round = 0; round < 5; round++) {
		__u16 first = round * 4 % NR;

		pbufs_give(&self->bufs, first, first + 4);
		memset(pbufs_at(&self->bufs, first), 0, 4 * SIZE);
		ASSERT_TRUE(feed(self->fd[0], 3 * SIZE + 17, round));
		prep_bundle(&self->ring, IORING_OP_RECV, self->fd[1], 0);
		ASSERT_EQ(0, one(&self->ring, &cqe));
		ASSERT_EQ(3 * SIZE + 17, cqe.res);
		ASSERT_EQ(first, cqe_bid(&cqe));
		EXPECT_EQ(0u, cqe.flags & IORING_CQE_F_MORE);
		EXPECT_EQ(inc, !!(cqe.flags & IORING_CQE_F_BUF_MORE));
		EXPECT_TRUE(has_pattern(pbufs_at(&self->bufs, first), 3 * SIZE + 17, round));
		EXPECT_EQ(round * 4 + 4 - inc, pbufs_head(&self->ring, BGID));
		if (!inc)
			continue;
		/* The rest of the last one */
		ASSERT_TRUE(feed(self->fd[0], SIZE - 17, round));
		prep_bundle(&self->ring, IORING_OP_RECV, self->fd[1], 0);
		ASSERT_EQ(0, one(&self->ring, &cqe));
		ASSERT_EQ(SIZE - 17, cqe.res);
		EXPECT_EQ(first + 3, cqe_bid(&cqe));
		EXPECT_TRUE(has_pattern(pbufs_at(&self->bufs, first + 3) + 17, SIZE - 17, round));
	}
	/* There is none left; the data stays */
	ASSERT_TRUE(feed(self->fd[0], 2 * SIZE, 9));
	prep_bundle(&self->ring, IORING_OP_RECV, self->fd[1], 0);
	ASSERT_EQ(0, one(&self->ring, &cqe));
	EXPECT_EQ(-ENOBUFS, cqe.res);
	EXPECT_EQ(0u, cqe.flags);
	ASSERT_EQ(2ul * SIZE, sock_read_all(self->fd[1], in, 2 * SIZE));
	for (i = 0; i < 2; i++)
		EXPECT_TRUE(has_pattern(in, 2 * SIZE, 9));
}

TEST_F(bundle, recv_is_capped)
{
	const bool inc = variant->flags & IOU_PBUF_RING_INC;
	struct io_uring_cqe cqe;

	pbufs_give(&self->bufs, 0, NR);
	ASSERT_TRUE(feed(self->fd[0], 4 * SIZE, 1));
	prep_bundle(&self->ring, IORING_OP_RECV, self->fd[1], 2 * SIZE + 10);
	ASSERT_EQ(0, one(&self->ring, &cqe));
	EXPECT_EQ(2 * SIZE + 10, cqe.res);
	EXPECT_EQ(0, cqe_bid(&cqe));
	EXPECT_EQ(3 - inc, pbufs_head(&self->ring, BGID));
	prep_bundle(&self->ring, IORING_OP_RECV, self->fd[1], 0);
	ASSERT_EQ(0, one(&self->ring, &cqe));
	EXPECT_EQ(2 * SIZE - 10, cqe.res);
	EXPECT_EQ(3 - inc, cqe_bid(&cqe));
	/* A buffer that was used for less is as long as before */
	EXPECT_EQ((unsigned int)SIZE, self->bufs.br->bufs[5].len);
}

/* Waiting for data, the buffers are there for others. */
TEST_F(bundle, waiting_costs_no_buffer)
{
	struct io_uring_cqe cqe;
	int other[2];

	ASSERT_EQ(0, sock_pair(SOCK_UNIX_STREAM, other));
	pbufs_give(&self->bufs, 0, 2);
	prep_bundle(&self->ring, IORING_OP_RECV, self->fd[1], 0);
	ASSERT_EQ(1, ring_submit(&self->ring));
	EXPECT_TRUE(stays_quiet(&self->ring));
	ASSERT_TRUE(feed(other[0], SIZE, 1));
	prep_bundle(&self->ring, IORING_OP_RECV, other[1], 0)->user_data = 1;
	ASSERT_EQ(0, one(&self->ring, &cqe));
	EXPECT_EQ(1ull, (unsigned long long)cqe.user_data);
	EXPECT_EQ(0, cqe_bid(&cqe));
	ASSERT_TRUE(feed(self->fd[0], SIZE, 1));
	ASSERT_EQ(0, ring_wait(&self->ring, &cqe));
	EXPECT_EQ(SIZE, cqe.res);
	EXPECT_EQ(1, cqe_bid(&cqe));
	close_pair(other);
}

/* Having waited it takes all that came. (The untouched 6.12 takes some whole buffers.) */
TEST_F(bundle, recv_after_waiting)
{
	struct io_uring_cqe cqe;

	pbufs_give(&self->bufs, 0, 4);
	prep_bundle(&self->ring, IORING_OP_RECV, self->fd[1], 0);
	ASSERT_EQ(1, ring_submit(&self->ring));
	EXPECT_TRUE(stays_quiet(&self->ring));
	ASSERT_TRUE(feed(self->fd[0], 3 * SIZE + 17, 1));
	ASSERT_EQ(0, ring_wait(&self->ring, &cqe));
	if (cqe.res > 0 && !(cqe.res % SIZE) && untouched())
		SKIP(return, "this kernel takes %d whole buffers", cqe.res / SIZE);
	EXPECT_EQ(3 * SIZE + 17, cqe.res);
	EXPECT_TRUE(has_pattern(pbufs_at(&self->bufs, 0), 3 * SIZE + 17, 1));
}

/* With MSG_WAITALL it goes on over several buffers, and stays one bundle. */
TEST_F(bundle, recv_waitall)
{
	struct io_uring_cqe cqe;
	char text[4 * SIZE];
	int i;

	pbufs_give(&self->bufs, 0, NR);
	fill_pattern(text, sizeof(text), 5);
	prep_bundle(&self->ring, IORING_OP_RECV, self->fd[1], sizeof(text))->msg_flags =
		MSG_WAITALL;
	ASSERT_EQ(1, ring_submit(&self->ring));
	for (i = 0; i < 4; i++) {
		/* Within a buffer, and at the end of one */
		static const int ends[] = { 0, SIZE / 2, 2 * SIZE, 2 * SIZE + 1, 4 * SIZE };

		EXPECT_TRUE(stays_quiet(&self->ring));
		ASSERT_EQ(ends[i + 1] - ends[i],
			  send(self->fd[0], text + ends[i], ends[i + 1] - ends[i], 0));
	}
	ASSERT_EQ(0, ring_wait(&self->ring, &cqe));
	EXPECT_EQ(4 * SIZE, cqe.res);
	EXPECT_EQ(0, cqe_bid(&cqe));
	EXPECT_TRUE(has_pattern(self->bufs.mem, 4 * SIZE, 5));
	EXPECT_EQ(4, pbufs_head(&self->ring, BGID));
}

/* Somebody else takes a buffer meanwhile: no buffer serves two. */
TEST_F(bundle, recv_waitall_interrupted)
{
	struct io_uring_sqe *sqe;
	struct io_uring_cqe cqe;
	int other[2];

	ASSERT_EQ(0, sock_pair(SOCK_UNIX_STREAM, other));
	pbufs_give(&self->bufs, 0, NR);
	sqe = prep_bundle(&self->ring, IORING_OP_RECV, self->fd[1], 4 * SIZE);
	sqe->msg_flags = MSG_WAITALL;
	sqe->flags |= IOSQE_IO_LINK;
	prep_nop(&self->ring, 99);
	ASSERT_EQ(2, ring_submit(&self->ring));
	ASSERT_TRUE(feed(self->fd[0], SIZE / 2, 1));
	EXPECT_TRUE(stays_quiet(&self->ring));
	ASSERT_TRUE(feed(other[0], SIZE, 2));
	prep_bundle(&self->ring, IORING_OP_RECV, other[1], 0)->user_data = 1;
	ASSERT_EQ(0, one(&self->ring, &cqe));
	EXPECT_EQ(1, cqe_bid(&cqe));
	ASSERT_EQ(SIZE, cqe.res);
	ASSERT_TRUE(feed(self->fd[0], 2 * SIZE, 3));
	ASSERT_EQ(0, ring_wait(&self->ring, &cqe));
	EXPECT_EQ(SIZE, cqe.res);
	EXPECT_EQ(0, cqe_bid(&cqe));
	EXPECT_TRUE(has_pattern(pbufs_at(&self->bufs, 0), SIZE / 2, 1));
	EXPECT_TRUE(has_pattern(pbufs_at(&self->bufs, 0) + SIZE / 2, SIZE / 2, 3));
	EXPECT_TRUE(has_pattern(pbufs_at(&self->bufs, 1), SIZE, 2));
	EXPECT_EQ(2, pbufs_head(&self->ring, BGID));
	/* For its link that was too little */
	ASSERT_EQ(0, ring_wait(&self->ring, &cqe));
	EXPECT_EQ(99ull, (unsigned long long)cqe.user_data);
	EXPECT_EQ(-ECANCELED, cqe.res);
	close_pair(other);
}

/* What came before the end, or before it was cancelled, counts. */
TEST_F(bundle, recv_waitall_ends_early)
{
	const bool inc = variant->flags & IOU_PBUF_RING_INC;
	struct io_uring_cqe cqe;
	int round;

	for (round = 0; round < 2; round++) {
		__u16 first = round * 4;

		pbufs_give(&self->bufs, first, first + 4);
		prep_bundle(&self->ring, IORING_OP_RECV, self->fd[1], 4 * SIZE)->msg_flags =
			MSG_WAITALL;
		ASSERT_EQ(1, ring_submit(&self->ring));
		ASSERT_TRUE(feed(self->fd[0], SIZE + 9, round));
		EXPECT_TRUE(stays_quiet(&self->ring));
		if (round) {
			shutdown(self->fd[0], SHUT_WR);
		} else {
			prep(&self->ring, IORING_OP_ASYNC_CANCEL, 0,
			     (void *)(long)IORING_OP_RECV, 0, 0);
			ASSERT_EQ(0, ring_result(&self->ring));
		}
		ASSERT_EQ(0, ring_wait(&self->ring, &cqe));
		EXPECT_EQ(SIZE + 9, cqe.res);
		EXPECT_EQ(first, cqe_bid(&cqe));
		/* Two are gone, the other two are not; of an incremental one what was used */
		EXPECT_EQ(inc, !!(cqe.flags & IORING_CQE_F_BUF_MORE));
		EXPECT_EQ(first + 2 - inc, pbufs_head(&self->ring, BGID));
		if (round)
			break;
		if (inc) {
			ASSERT_TRUE(feed(self->fd[0], SIZE - 9, 4));
			prep_bundle(&self->ring, IORING_OP_RECV, self->fd[1], 0);
			ASSERT_EQ(0, one(&self->ring, &cqe));
			EXPECT_EQ(SIZE - 9, cqe.res);
			EXPECT_EQ(1, cqe_bid(&cqe));
			EXPECT_TRUE(has_pattern(pbufs_at(&self->bufs, 1) + 9, SIZE - 9, 4));
		}
		ASSERT_TRUE(feed(self->fd[0], 2 * SIZE, 4));
		prep_bundle(&self->ring, IORING_OP_RECV, self->fd[1], 0);
		ASSERT_EQ(0, one(&self->ring, &cqe));
		EXPECT_EQ(2 * SIZE, cqe.res);
		EXPECT_EQ(2, cqe_bid(&cqe));
	}
}

/* A stream, bundle after bundle: each byte once, each buffer in its turn. */
TEST_F(bundle, recv_multishot)
{
	const bool inc = variant->flags & IOU_PBUF_RING_INC;
	size_t total = 0, seen = 0, used = 0;
	struct io_uring_cqe cqe;
	bool armed = false;
	int i;

	pbufs_give(&self->bufs, 0, NR);
	for (i = 0; i < 60; i++) {
		size_t n = 1 + i * 97 % (3 * SIZE);

		if (!armed) {
			prep_bundle(&self->ring, IORING_OP_RECV, self->fd[1], 0)->ioprio |=
				IORING_RECV_MULTISHOT;
			ASSERT_EQ(1, ring_submit(&self->ring));
			armed = true;
		}
		ASSERT_TRUE(feed(self->fd[0], n, i));
		total += n;
		while (seen < total) {
			__u16 bid = used % NR;
			int left;

			ASSERT_EQ(0, ring_wait(&self->ring, &cqe));
			ASSERT_LT(0, cqe.res);
			if (!inc) {
				ASSERT_EQ(bid, cqe_bid(&cqe));
				for (left = cqe.res; left > 0; left -= SIZE)
					pbufs_put(&self->bufs, used++ % NR);
				pbufs_publish(&self->bufs);
			} else if (pbufs_head(&self->ring, BGID) > (int)used + NR / 2) {
				while ((int)used < pbufs_head(&self->ring, BGID))
					pbufs_put(&self->bufs, used++ % NR);
				pbufs_publish(&self->bufs);
			}
			seen += cqe.res;
			if (!(cqe.flags & IORING_CQE_F_MORE))
				armed = false;
			if (!armed && seen < total) {
				prep_bundle(&self->ring, IORING_OP_RECV, self->fd[1], 0)->ioprio |=
					IORING_RECV_MULTISHOT;
				ASSERT_EQ(1, ring_submit(&self->ring));
				armed = true;
			}
		}
	}
	EXPECT_EQ(total, seen);
}

/* The last buffer ends it, with data rather than with -ENOBUFS. */
TEST_F(bundle, recv_multishot_last_buffer)
{
	struct io_uring_cqe cqe;

	pbufs_give(&self->bufs, 0, 2);
	prep_bundle(&self->ring, IORING_OP_RECV, self->fd[1], 0)->ioprio |= IORING_RECV_MULTISHOT;
	ASSERT_EQ(1, ring_submit(&self->ring));
	ASSERT_TRUE(feed(self->fd[0], SIZE, 1));
	ASSERT_EQ(0, ring_wait(&self->ring, &cqe));
	EXPECT_EQ(SIZE, cqe.res);
	EXPECT_EQ(0, cqe_bid(&cqe));
	EXPECT_EQ(IORING_CQE_F_MORE, cqe.flags & IORING_CQE_F_MORE);
	ASSERT_TRUE(feed(self->fd[0], SIZE, 2));
	ASSERT_EQ(0, ring_wait(&self->ring, &cqe));
	EXPECT_EQ(SIZE, cqe.res);
	EXPECT_EQ(1, cqe_bid(&cqe));
	EXPECT_EQ(0u, cqe.flags & IORING_CQE_F_MORE);
	EXPECT_TRUE(stays_quiet(&self->ring));
}

/* All that there is goes out, in order, as one. */
TEST_F(bundle, send)
{
	struct io_uring_cqe cqe;
	char in[NR * SIZE];

	fill_pattern(self->bufs.mem, NR * SIZE, 3);
	pbufs_give(&self->bufs, 0, NR);
	prep_bundle(&self->ring, IORING_OP_SEND, self->fd[0], 0);
	ASSERT_EQ(0, one(&self->ring, &cqe));
	EXPECT_EQ(NR * SIZE, cqe.res);
	EXPECT_EQ(0, cqe_bid(&cqe));
	EXPECT_EQ(0u, cqe.flags & (IORING_CQE_F_MORE | IORING_CQE_F_BUF_MORE));
	EXPECT_EQ(NR, pbufs_head(&self->ring, BGID));
	ASSERT_EQ(sizeof(in), sock_read_all(self->fd[1], in, sizeof(in)));
	EXPECT_TRUE(has_pattern(in, sizeof(in), 3));
	prep_bundle(&self->ring, IORING_OP_SEND, self->fd[0], 0);
	ASSERT_EQ(0, one(&self->ring, &cqe));
	EXPECT_EQ(-ENOBUFS, cqe.res);
}

/* Through a socket that is full most of the time, to a slow reader. */
TEST_F_TIMEOUT(bundle, send_waits, 120)
{
	const unsigned int nr = 512, size = 16384;
	size_t done = 0, said = 0;
	struct io_uring_cqe cqe;
	bool more = true;
	struct pbufs b;
	char *in = pages(nr * size);
	ssize_t n;

	ASSERT_EQ(0, pbufs_open(&b, &self->ring, nr, size, BGID + 1, variant->flags));
	fill_pattern(b.mem, nr * size, 8);
	pbufs_give(&b, 0, nr);
	prep_bundle(&self->ring, IORING_OP_SEND, self->fd[0], 0)->buf_group = BGID + 1;
	ASSERT_EQ(1, ring_submit(&self->ring));
	while (done < nr * size || more) {
		ring_flush(&self->ring);
		while (ring_reap(&self->ring, &cqe)) {
			ASSERT_TRUE(more);
			ASSERT_LT(0, cqe.res);
			/* Whole buffers, one after the other */
			ASSERT_EQ(0ul, cqe.res % size);
			ASSERT_EQ((int)(said / size), cqe_bid(&cqe));
			said += cqe.res;
			more = cqe.flags & IORING_CQE_F_MORE;
		}
		n = recv(self->fd[1], in + done, size * 3, MSG_DONTWAIT);
		if (n > 0)
			done += n;
		else
			poll_fd(self->fd[1], POLLIN, 10);
	}
	EXPECT_EQ((size_t)nr * size, said);
	EXPECT_EQ((size_t)nr * size, done);
	EXPECT_TRUE(has_pattern(in, nr * size, 8));
	EXPECT_EQ((int)nr, pbufs_head(&self->ring, BGID + 1));
}

/* The peer goes away, or it is cancelled, in the midst of it: what was sent counts. */
TEST_F_TIMEOUT(bundle, send_ends_early, 120)
{
	const bool inc = variant->flags & IOU_PBUF_RING_INC;
	const unsigned int nr = 256, size = 65536;
	struct io_uring_cqe cqe;
	struct pbufs b;
	int round;

	ASSERT_EQ(0, pbufs_open(&b, &self->ring, nr, size, BGID + 1, variant->flags));
	for (round = 0; round < 2; round++) {
		int head;

		pbufs_give(&b, 0, nr);
		head = pbufs_head(&self->ring, BGID + 1);
		prep_bundle(&self->ring, IORING_OP_SEND, self->fd[0], 0)->buf_group = BGID + 1;
		ASSERT_EQ(1, ring_submit(&self->ring));
		EXPECT_TRUE(stays_quiet(&self->ring));
		if (round) {
			struct linger linger = { .l_onoff = 1 };

			setsockopt(self->fd[1], SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
			close(self->fd[1]);
			self->fd[1] = -1;
		} else {
			prep(&self->ring, IORING_OP_ASYNC_CANCEL, 0,
			     (void *)(long)IORING_OP_SEND, 0, 0);
			ASSERT_EQ(0, ring_result(&self->ring));
		}
		ASSERT_EQ(0, ring_wait(&self->ring, &cqe));
		EXPECT_EQ(0u, cqe.flags & IORING_CQE_F_MORE);
		head = (__u16)(pbufs_head(&self->ring, BGID + 1) - head);
		if (cqe.res > 0) {
			EXPECT_LE(0, cqe_bid(&cqe));
			/* An incremental one that was used for a part is still there */
			EXPECT_EQ((int)((cqe.res + (inc ? 0 : size - 1)) / size), head);
		} else {
			/* The socket had been full */
			EXPECT_EQ(0, head);
		}
		pbufs_unregister(&self->ring, BGID + 1);
		ASSERT_EQ(0, pbufs_open(&b, &self->ring, nr, size, BGID + 1, variant->flags));
		close_pair(self->fd);
		ASSERT_EQ(0, sock_pair(variant->kind, self->fd));
	}
}

TEST_F(bundle, rules)
{
	struct io_uring_sqe *sqe;
	struct io_uring_cqe cqe;
	char in[8];

	/* SEND has to select, RECV need not */
	sqe = prep_bundle(&self->ring, IORING_OP_SEND, self->fd[0], 0);
	sqe->flags = 0;
	EXPECT_EQ(-EINVAL, ring_result(&self->ring));
	ASSERT_TRUE(feed(self->fd[0], 4, 1));
	sqe = prep_bundle(&self->ring, IORING_OP_RECV, self->fd[1], sizeof(in));
	sqe->flags = 0;
	sqe->addr = (uintptr_t)in;
	EXPECT_EQ(4, ring_result(&self->ring));
	/* No buffer, no group */
	ASSERT_TRUE(feed(self->fd[0], 4, 1));
	prep_bundle(&self->ring, IORING_OP_RECV, self->fd[1], 0);
	EXPECT_EQ(-ENOBUFS, ring_result(&self->ring));
	prep_bundle(&self->ring, IORING_OP_RECV, self->fd[1], 0)->buf_group = 99;
	EXPECT_EQ(-ENOENT, ring_result(&self->ring));
	prep_bundle(&self->ring, IORING_OP_SEND, self->fd[0], 0)->buf_group = 99;
	EXPECT_EQ(-ENOENT, ring_result(&self->ring));
	/* Not the program's memory: the first, and a later one */
	pbufs_put_raw(&self->bufs, (void *)0xffffffff81000000ul, 64, 1);
	pbufs_publish(&self->bufs);
	prep_bundle(&self->ring, IORING_OP_RECV, self->fd[1], 0);
	EXPECT_EQ(-EFAULT, ring_result(&self->ring));
	self->bufs.tail--;
	pbufs_put(&self->bufs, 2);
	pbufs_put_raw(&self->bufs, (void *)0xffffffff81000000ul, 64, 3);
	pbufs_publish(&self->bufs);
	ASSERT_TRUE(feed(self->fd[0], SIZE, 1));
	prep_bundle(&self->ring, IORING_OP_RECV, self->fd[1], 0);
	ASSERT_EQ(0, one(&self->ring, &cqe));
	EXPECT_EQ(SIZE, cqe.res);
	EXPECT_EQ(2, cqe_bid(&cqe));
	prep_bundle(&self->ring, IORING_OP_RECV, self->fd[1], 0);
	EXPECT_EQ(-EFAULT, ring_result(&self->ring));
	/* Not a socket */
	prep_bundle(&self->ring, IORING_OP_SEND, self->ring.fd, 0);
	EXPECT_EQ(-ENOTSOCK, ring_result(&self->ring));
}

/* Buffers that were provided one by one are used one by one. */
TEST_F(bundle, list)
{
	struct io_uring_sqe *sqe;
	struct io_uring_cqe cqe;
	int i;

	sqe = prep(&self->ring, IORING_OP_PROVIDE_BUFFERS, NR, self->bufs.mem, SIZE, 0);
	sqe->buf_group = BGID + 1;
	ASSERT_EQ(0, ring_result(&self->ring));
	ASSERT_TRUE(feed(self->fd[0], 3 * SIZE, 1));
	for (i = 0; i < 3; i++) {
		prep_bundle(&self->ring, IORING_OP_RECV, self->fd[1], 0)->buf_group = BGID + 1;
		ASSERT_EQ(0, one(&self->ring, &cqe));
		EXPECT_EQ(SIZE, cqe.res);
		EXPECT_EQ(i, cqe_bid(&cqe));
	}
	EXPECT_TRUE(has_pattern(self->bufs.mem, 3 * SIZE, 1));
}

/* The group goes away while a bundle holds a part of it. */
TEST_F(bundle, unregister_while_waiting)
{
	struct io_uring_cqe cqe;

	pbufs_give(&self->bufs, 0, NR);
	prep_bundle(&self->ring, IORING_OP_RECV, self->fd[1], 4 * SIZE)->msg_flags = MSG_WAITALL;
	ASSERT_EQ(1, ring_submit(&self->ring));
	ASSERT_TRUE(feed(self->fd[0], SIZE / 2, 1));
	EXPECT_TRUE(stays_quiet(&self->ring));
	ASSERT_EQ(0, pbufs_unregister(&self->ring, BGID));
	ASSERT_TRUE(feed(self->fd[0], SIZE, 2));
	ASSERT_EQ(0, ring_wait(&self->ring, &cqe));
	/* The buffer that it had is its own */
	EXPECT_EQ(SIZE, cqe.res);
	EXPECT_EQ(0, cqe_bid(&cqe));
	EXPECT_TRUE(has_pattern(self->bufs.mem + SIZE / 2, SIZE / 2, 2));
}

/* The ring is closed under bundles that hold buffers. */
TEST_F(bundle, ring_closed)
{
	pbufs_give(&self->bufs, 0, NR);
	prep_bundle(&self->ring, IORING_OP_RECV, self->fd[1], 0)->msg_flags = MSG_WAITALL;
	ASSERT_EQ(1, ring_submit(&self->ring));
	ASSERT_TRUE(feed(self->fd[0], SIZE / 2, 1));
	EXPECT_TRUE(stays_quiet(&self->ring));
	ring_close(&self->ring);
	EXPECT_TRUE(fresh_ring_works());
}

/*
 * Another thread scribbles over entries and tail: only memory of this process may
 * be touched, the ring goes on.
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
		buf->addr = (seed & 0x700) ? (uintptr_t)s->b->mem : (__u64)seed << 33;
		buf->len = seed & 0x3000 ? s->b->size : seed;
		__atomic_store_n(&s->b->br->tail, seed >> 8, __ATOMIC_RELEASE);
	}
	return NULL;
}

/* A thread that submits may be late. */
static void wait_for_room(struct ring *r)
{
	while (r->next - load(r->sq_head) > r->sq_mask / 2)
		sched_yield();
}

TEST_F_TIMEOUT(bundle, scribbled_ring, 120)
{
	struct scribbler s = { .b = &self->bufs };
	static char text[NR * SIZE];
	long end = now_ms() + 5000;
	struct io_uring_cqe cqe;
	pthread_t thread;
	int i, nr = 0;

	/* Lengths are made up: there has to be something behind it */
	self->bufs.mem = (char *)pages(16 << 20);
	ASSERT_EQ(0, pthread_create(&thread, NULL, scribble, &s));
	for (i = 0; i < 1000 && now_ms() < end; i++) {
		struct io_uring_sqe *sqe;

		wait_for_room(&self->ring);
		send(self->fd[0], text, 2 * SIZE, MSG_DONTWAIT);
		sqe = prep_bundle(&self->ring, IORING_OP_RECV, self->fd[1], i & 1 ? 0 : 500);
		sqe->msg_flags = i & 2 ? MSG_DONTWAIT : MSG_WAITALL;
		sqe = prep_bundle(&self->ring, IORING_OP_SEND, self->fd[1], i & 4 ? 0 : 5000);
		sqe->msg_flags = MSG_DONTWAIT;
		ASSERT_EQ(2, ring_submit(&self->ring));
		nr += 2;
		recv(self->fd[0], text, sizeof(text), MSG_DONTWAIT);
		recv(self->fd[1], text, sizeof(text), MSG_DONTWAIT);
		while (nr > 16) {
			ASSERT_EQ(0, ring_flush(&self->ring));
			while (ring_reap(&self->ring, &cqe))
				nr -= !(cqe.flags & IORING_CQE_F_MORE);
			wait_for_room(&self->ring);
			prep(&self->ring, IORING_OP_ASYNC_CANCEL, 0, NULL, 0, 0)->cancel_flags =
				IORING_ASYNC_CANCEL_ANY;
			ASSERT_EQ(1, ring_submit(&self->ring));
			nr++;
		}
	}
	__atomic_store_n(&s.stop, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	EXPECT_TRUE(fresh_ring_works());
}

TEST_HARNESS_MAIN
