// SPDX-License-Identifier: GPL-2.0
/*
 * MSG_RING: CQEs and files for another ring.
 */
#include "iou_test.h"

#include <pthread.h>
#include <sys/resource.h>

#include "../kselftest_harness.h"

FIXTURE(msg)
{
	struct ring from;
	struct ring to;
};

FIXTURE_VARIANT(msg)
{
	unsigned int from;
	unsigned int to;
	__u8 flags;
};

#define DEFER	(IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN)

FIXTURE_VARIANT_ADD(msg, plain) {
	.from = 0,
};

FIXTURE_VARIANT_ADD(msg, async) {
	.flags = IOSQE_ASYNC,
};

FIXTURE_VARIANT_ADD(msg, to_defer) {
	.to = DEFER,
};

FIXTURE_VARIANT_ADD(msg, from_defer) {
	.from = DEFER,
};

FIXTURE_VARIANT_ADD(msg, both_defer) {
	.from = DEFER,
	.to = DEFER,
};

FIXTURE_VARIANT_ADD(msg, both_defer_async) {
	.from = DEFER,
	.to = DEFER,
	.flags = IOSQE_ASYNC,
};

FIXTURE_SETUP(msg)
{
	ASSERT_EQ(0, ring_open(&self->from, 16, variant->from));
	ASSERT_EQ(0, ring_open(&self->to, 16, variant->to));
}

FIXTURE_TEARDOWN(msg)
{
	ring_close(&self->from);
	ring_close(&self->to);
}

static struct io_uring_sqe data_sqe(int fd, __u64 user_data, int res)
{
	struct io_uring_sqe sqe = {
		.opcode = IORING_OP_MSG_RING,
		.fd = fd,
		.addr = IORING_MSG_DATA,
		.off = user_data,
		.len = res,
	};

	return sqe;
}

static struct io_uring_sqe fd_sqe(int fd, unsigned int src, unsigned int dst)
{
	struct io_uring_sqe sqe = {
		.opcode = IORING_OP_MSG_RING,
		.fd = fd,
		.addr = IORING_MSG_SEND_FD,
		.addr3 = src,
		.file_index = dst,
		.off = 99,
	};

	return sqe;
}

#define RUN(sqe)	ring_run(&self->from, variant->flags, sqe)

TEST_F(msg, send_data)
{
	struct io_uring_cqe cqe;

	EXPECT_EQ(0, RUN(data_sqe(self->to.fd, 0x1234567890abcdefULL, 77)));
	ASSERT_EQ(0, ring_wait(&self->to, &cqe));
	EXPECT_EQ(0x1234567890abcdefULL, (unsigned long long)cqe.user_data);
	EXPECT_EQ(77, cqe.res);
	EXPECT_EQ(0u, cqe.flags);
	EXPECT_EQ(0, RUN(data_sqe(self->to.fd, 1, -5)));
	ASSERT_EQ(0, ring_wait(&self->to, &cqe));
	EXPECT_EQ(-5, cqe.res);
	EXPECT_EQ(0u, ring_ready(&self->to));
	EXPECT_TRUE(ring_works(&self->to));
}

TEST_F(msg, data_flags)
{
	struct io_uring_sqe sqe = data_sqe(self->to.fd, 5, 6);
	struct io_uring_cqe cqe;

	sqe.msg_ring_flags = IORING_MSG_RING_FLAGS_PASS;
	sqe.file_index = 0x55aa;
	EXPECT_EQ(0, RUN(sqe));
	ASSERT_EQ(0, ring_wait(&self->to, &cqe));
	EXPECT_EQ(6, cqe.res);
	EXPECT_EQ(0x55aau, cqe.flags);
	sqe.msg_ring_flags = 0;
	EXPECT_EQ(-EINVAL, RUN(sqe));
}

/* To itself: both CQEs come, the message and the result. */
TEST_F(msg, self)
{
	struct io_uring_sqe *sqe = ring_sqe(&self->from);
	struct io_uring_cqe cqe;
	unsigned int i, seen = 0;

	*sqe = data_sqe(self->from.fd, 1, 8);
	sqe->flags = variant->flags;
	sqe->user_data = 2;
	ASSERT_EQ(1, ring_submit(&self->from));
	for (i = 0; i < 2; i++) {
		ASSERT_EQ(0, ring_wait(&self->from, &cqe));
		EXPECT_EQ(cqe.user_data == 1 ? 8 : 0, cqe.res);
		seen |= cqe.user_data;
	}
	EXPECT_EQ(3u, seen);
}

TEST_F(msg, errors)
{
	static const struct bad_byte t[] = {
		BAD(MSG_RING, buf_index, -EINVAL), BAD(MSG_RING, personality, -EINVAL),
		BAD(MSG_RING, ioprio, -EINVAL), BAD(MSG_RING, addr3, -EINVAL),
		BAD(MSG_RING, file_index, -EINVAL),
	};
	struct io_uring_sqe sqe;
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(t); i++) {
		sqe = data_sqe(self->to.fd, 1, 2);
		((__u8 *)&sqe)[t[i].offset] = 1;
		EXPECT_EQ(t[i].error, RUN(sqe)) {
			TH_LOG("byte %u", t[i].offset);
		}
	}
	sqe = data_sqe(self->to.fd, 1, 2);
	sqe.msg_ring_flags = 1u << 2;
	EXPECT_EQ(-EINVAL, RUN(sqe));
	/* That is for descriptors */
	sqe.msg_ring_flags = IORING_MSG_RING_CQE_SKIP;
	EXPECT_EQ(-EINVAL, RUN(sqe));
	sqe.msg_ring_flags = 0;
	sqe.addr = 2;
	EXPECT_EQ(-EINVAL, RUN(sqe));
	sqe.addr = 0;
	sqe.flags = IOSQE_BUFFER_SELECT;
	EXPECT_EQ(-EOPNOTSUPP, RUN(sqe));
	EXPECT_EQ(-EBADF, RUN(data_sqe(-1, 1, 2)));
	EXPECT_EQ(-EBADFD, RUN(data_sqe(0, 1, 2)));
	EXPECT_EQ(0u, ring_ready(&self->to));
}

/* The command has 32 bits: what stands above them does not matter. */
TEST_F(msg, command_of_32_bits)
{
	struct io_uring_sqe sqe = data_sqe(self->to.fd, 1, 2);
	struct io_uring_cqe cqe;

	sqe.addr |= 0xffff800000000000ull;
	EXPECT_EQ(0, RUN(sqe));
	ASSERT_EQ(0, ring_wait(&self->to, &cqe));
	EXPECT_EQ(1ull, (unsigned long long)cqe.user_data);
	EXPECT_EQ(2, cqe.res);
	sqe = fd_sqe(self->to.fd, 5, 0);
	sqe.addr |= 1ull << 32;
	EXPECT_EQ(-EBADF, RUN(sqe));
	sqe.addr++;
	EXPECT_EQ(-EINVAL, RUN(sqe));
}

/* The file comes first, and what is wrong with the rest does not end the batch. */
TEST_F(msg, file_is_checked_first)
{
	struct io_uring_sqe bad[4];
	struct io_uring_cqe cqe;
	struct ring off;
	unsigned int i, j;

	bad[0] = data_sqe(-1, 1, 2);
	bad[0].addr3 = 1;
	bad[1] = data_sqe(-1, 1, 2);
	bad[1].addr = 2;
	bad[2] = data_sqe(-1, 1, 2);
	bad[2].msg_ring_flags = IORING_MSG_RING_CQE_SKIP;
	bad[3] = fd_sqe(-1, 0, 0);
	bad[3].len = 1;
	for (i = 0; i < ARRAY_LEN(bad); i++) {
		bad[i].fd = -1;
		EXPECT_EQ(-EBADF, RUN(bad[i]));
		bad[i].fd = 0;
		EXPECT_EQ(-EBADFD, RUN(bad[i]));
		bad[i].fd = self->to.fd;
		*ring_sqe(&self->from) = bad[i];
		prep_nop(&self->from, 77);
		EXPECT_EQ(2, ring_submit(&self->from));
		for (j = 0; j < 2; j++)
			EXPECT_EQ(0, ring_wait(&self->from, &cqe));
	}
	/* A ring that is still disabled, then the slot. */
	ASSERT_EQ(0, ring_open(&off, 4, IORING_SETUP_R_DISABLED));
	bad[0].fd = off.fd;
	EXPECT_EQ(-EINVAL, RUN(bad[0]));
	EXPECT_EQ(-EBADFD, RUN(fd_sqe(off.fd, 5, 0)));
	ring_close(&off);
}

TEST_F(msg, to_disabled)
{
	struct ring off;

	ASSERT_EQ(0, ring_open(&off, 4, IORING_SETUP_R_DISABLED));
	EXPECT_EQ(-EBADFD, RUN(data_sqe(off.fd, 1, 2)));
	ASSERT_EQ(0, sys_register(off.fd, IORING_REGISTER_ENABLE_RINGS, NULL, 0));
	EXPECT_EQ(0, RUN(data_sqe(off.fd, 1, 2)));
	EXPECT_EQ(1u, ring_ready(&off));
	ring_close(&off);
}

TEST_F(msg, fd)
{
	int none[4] = { -1, -1, -1, -1 };
	char c = 0;
	struct io_uring_sqe sqe, read = {
		.opcode = IORING_OP_READ,
		.flags = IOSQE_FIXED_FILE,
		.fd = 2,
		.addr = (uintptr_t)&c,
		.len = 1,
	};
	struct io_uring_cqe cqe;
	int p[2];

	ASSERT_EQ(0, pipe(p));
	ASSERT_EQ(1, write(p[1], "x", 1));
	ASSERT_EQ(0, sys_register(self->from.fd, IORING_REGISTER_FILES, p, 2));
	EXPECT_EQ(-ENXIO, RUN(fd_sqe(self->to.fd, 0, 3)));
	ASSERT_EQ(0, sys_register(self->to.fd, IORING_REGISTER_FILES, none, 4));
	EXPECT_EQ(0, RUN(fd_sqe(self->to.fd, 0, 3)));
	ASSERT_EQ(0, ring_wait(&self->to, &cqe));
	EXPECT_EQ(99ull, (unsigned long long)cqe.user_data);
	EXPECT_EQ(0, cqe.res);
	/* It is there, also when the sender has closed everything. */
	ASSERT_EQ(0, sys_register(self->from.fd, IORING_UNREGISTER_FILES, NULL, 0));
	close(p[0]);
	EXPECT_EQ(1, ring_run(&self->to, 0, read));
	EXPECT_EQ('x', c);
	EXPECT_EQ(-EBADF, RUN(fd_sqe(self->to.fd, 0, 3)));
	/* The target chooses the slot; no CQE there */
	ASSERT_EQ(0, sys_register(self->from.fd, IORING_REGISTER_FILES, &p[1], 1));
	sqe = fd_sqe(self->to.fd, 0, IORING_FILE_INDEX_ALLOC);
	EXPECT_EQ(3, RUN(sqe));
	ASSERT_EQ(0, ring_wait(&self->to, &cqe));
	EXPECT_EQ(3, cqe.res);
	sqe.msg_ring_flags = IORING_MSG_RING_CQE_SKIP;
	EXPECT_EQ(0, RUN(sqe));
	EXPECT_EQ(1, RUN(sqe));
	EXPECT_EQ(-ENFILE, RUN(sqe));
	EXPECT_EQ(0u, ring_ready(&self->to));
	EXPECT_EQ(-EINVAL, RUN(fd_sqe(self->to.fd, 0, 5)));
	EXPECT_EQ(-EBADF, RUN(fd_sqe(self->to.fd, 1, 1)));
	EXPECT_EQ(-EINVAL, RUN(fd_sqe(self->from.fd, 0, 1)));
	sqe = fd_sqe(self->to.fd, 0, 1);
	sqe.len = 1;
	EXPECT_EQ(-EINVAL, RUN(sqe));
	close(p[1]);
}

/* More than the CQ holds: kept, as other CQEs are */
TEST_F(msg, overflow)
{
	struct io_uring_cqe cqe;
	unsigned int i;

	for (i = 0; i < 100; i++)
		ASSERT_EQ(0, RUN(data_sqe(self->to.fd, i, i)));
	for (i = 0; i < 100; i++) {
		ASSERT_EQ(0, ring_wait(&self->to, &cqe));
		EXPECT_EQ((int)i, cqe.res);
	}
}

/* Several targets in one batch, in turns */
TEST_F(msg, many_targets)
{
	struct io_uring_cqe cqe;
	struct ring r[4];
	unsigned int i;

	for (i = 0; i < 4; i++)
		ASSERT_EQ(0, ring_open(&r[i], 16, variant->to));
	for (i = 0; i < 16; i++) {
		struct io_uring_sqe *sqe = ring_sqe(&self->from);

		*sqe = data_sqe(r[i % 4].fd, i, i);
		sqe->flags = variant->flags;
	}
	ASSERT_EQ(16, ring_submit(&self->from));
	for (i = 0; i < 16; i++) {
		ASSERT_EQ(0, ring_wait(&self->from, &cqe));
		EXPECT_EQ(0, cqe.res);
	}
	for (i = 0; i < 16; i++)
		ASSERT_EQ(0, ring_wait(&r[i % 4], &cqe));
	for (i = 0; i < 4; i++)
		ring_close(&r[i]);
}

/* The sender's ring is closed right after submission; so is the target. */
TEST_F(msg, close)
{
	struct ring a, b;
	unsigned int i;

	for (i = 0; i < 50; i++) {
		ASSERT_EQ(0, ring_open(&a, 4, variant->from));
		ASSERT_EQ(0, ring_open(&b, 4, variant->to));
		*ring_sqe(&a) = data_sqe(b.fd, 1, 1);
		*ring_sqe(&a) = data_sqe(b.fd, 2, 2);
		a.sqes[1].flags = variant->flags;
		ASSERT_EQ(2, ring_submit(&a));
		ring_close(i % 2 ? &a : &b);
		ring_close(i % 2 ? &b : &a);
	}
	EXPECT_TRUE(fresh_ring_works());
}

struct pair {
	struct ring *own;
	int other;
	__u8 flags;
	int errors;
};

#define NR_MSGS	2000

static void *storm(void *arg)
{
	struct pair *p = arg;
	struct io_uring_cqe cqe;
	unsigned int sent = 0, done = 0;

	while (sent < NR_MSGS || done < sent) {
		unsigned int i;

		for (i = 0; i < 4 && sent < NR_MSGS; i++, sent++) {
			struct io_uring_sqe *sqe = ring_sqe(p->own);

			*sqe = data_sqe(p->other, 1, 0);
			sqe->flags = p->flags;
			sqe->user_data = 2;
		}
		ring_submit(p->own);
		while (done < sent) {
			if (ring_wait(p->own, &cqe)) {
				p->errors++;
				return NULL;
			}
			p->errors += !!cqe.res;
			done += cqe.user_data == 2;
		}
	}
	return NULL;
}

/* Two threads, each with a ring, send to each other: no deadlock, nothing lost. */
TEST_F(msg, storm)
{
	struct pair a = { &self->from, self->to.fd, variant->flags, 0 };
	struct pair b = { &self->to, self->from.fd, variant->flags, 0 };
	pthread_t t;

	/* A deferred ring belongs to the thread that made it. */
	if (variant->from || variant->to)
		SKIP(return, "the rings have to be made by their threads");
	ASSERT_EQ(0, pthread_create(&t, NULL, storm, &b));
	storm(&a);
	pthread_join(t, NULL);
	EXPECT_EQ(0, a.errors);
	EXPECT_EQ(0, b.errors);
}

struct visitor {
	struct ring *own;
	int target;
	int pipe;
	bool message_first;
};

/* A message for a ring, and an event of its own, in one order or the other */
static void *visit(void *arg)
{
	struct visitor *v = arg;
	int i;

	for (i = 0; i < 2; i++) {
		poll(NULL, 0, 100);
		if (v->message_first == !i) {
			*ring_sqe(v->own) = data_sqe(v->target, 1, 0);
			ring_submit_wait(v->own, 1);
		} else if (write(v->pipe, "x", 1) != 1) {
			break;
		}
	}
	return NULL;
}

/* It is there when the next SQE of the batch starts: a poll of the other ring finds it. */
TEST_F(msg, delivered_before_the_next)
{
	struct io_uring_cqe cqe, poll = { .res = -1 };
	struct io_uring_sqe *sqe;
	unsigned int i;

	if (variant->flags & IOSQE_ASYNC || variant->to)
		SKIP(return, "somebody else delivers it");
	*ring_sqe(&self->from) = data_sqe(self->to.fd, 1, 2);
	sqe = ring_sqe(&self->from);
	sqe->opcode = IORING_OP_POLL_ADD;
	sqe->fd = self->to.fd;
	sqe->poll32_events = POLLIN;
	sqe->len = IORING_POLL_ADD_MULTI;
	sqe->user_data = 3;
	ASSERT_EQ(2, ring_submit(&self->from));
	EXPECT_EQ(1u, ring_ready(&self->to));
	for (i = 0; i < 2; i++) {
		ASSERT_EQ(0, ring_wait(&self->from, &cqe));
		if (cqe.user_data == 3)
			poll = cqe;
	}
	/* Had it been woken by the message, this would be the last shot */
	EXPECT_EQ(POLLIN, poll.res);
	EXPECT_EQ(IORING_CQE_F_MORE, poll.flags);
}

/* Who waits for two is woken by a message and an event: each makes one. */
TEST_F(msg, counts_with_events)
{
	struct visitor v = { .target = self->to.fd };
	struct io_uring_cqe cqe;
	pthread_t thread;
	struct ring own;
	int i, fds[2];
	long begin;
	char c;

	ASSERT_EQ(0, pipe(fds));
	ASSERT_EQ(0, ring_open(&own, 4, 0));
	v.own = &own;
	v.pipe = fds[1];
	for (i = 0; i < 2; i++) {
		v.message_first = i;
		prep(&self->to, IORING_OP_READ, fds[0], &c, 1, -1);
		ASSERT_EQ(1, ring_submit(&self->to));
		ASSERT_EQ(0, pthread_create(&thread, NULL, visit, &v));
		begin = now_ms();
		EXPECT_EQ(0, ring_enter_wait(&self->to, 2, WAIT_MS));
		EXPECT_GT(begin + WAIT_MS, now_ms());
		EXPECT_EQ(2u, ring_ready(&self->to));
		pthread_join(thread, NULL);
		while (ring_reap(&self->to, &cqe))
			;
	}
	ring_close(&own);
	close(fds[0]);
	close(fds[1]);
}

#define NR_RELAYS	500

/*
 * A message makes the ring it comes to send another one, and so on: however long
 * that goes on, the kernel's stack suffices.
 */
TEST(relays)
{
	struct rlimit limit = { NR_RELAYS + 64, NR_RELAYS + 64 };
	struct __kernel_timespec ts = { .tv_sec = 3600 };
	struct ring *rings = calloc(NR_RELAYS, sizeof(*rings));
	struct io_uring_cqe cqe;
	int i;

	ASSERT_NE(NULL, rings);
	if (setrlimit(RLIMIT_NOFILE, &limit))
		SKIP(return, "may not open that many files");
	for (i = 0; i < NR_RELAYS; i++)
		ASSERT_EQ(0, ring_open(&rings[i], 4, 0));
	for (i = 1; i < NR_RELAYS - 1; i++) {
		struct io_uring_sqe *sqe = prep(&rings[i], IORING_OP_TIMEOUT, -1, &ts, 1, 1);

		sqe->flags = IOSQE_IO_LINK;
		sqe->user_data = 100;
		*ring_sqe(&rings[i]) = data_sqe(rings[i + 1].fd, i, 0);
		ASSERT_EQ(2, ring_submit(&rings[i]));
	}
	*ring_sqe(&rings[0]) = data_sqe(rings[1].fd, 0, 0);
	ASSERT_EQ(1, ring_submit(&rings[0]));
	ASSERT_EQ(0, ring_wait(&rings[NR_RELAYS - 1], &cqe));
	EXPECT_EQ(NR_RELAYS - 2, cqe.user_data);
	for (i = 0; i < NR_RELAYS; i++)
		ring_close(&rings[i]);
	free(rings);
}

TEST_HARNESS_MAIN
