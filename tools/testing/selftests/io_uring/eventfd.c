// SPDX-License-Identifier: GPL-2.0
/*
 * The eventfd that is signalled when CQEs appear: EVENTFD, EVENTFD_ASYNC, and
 * the flag that switches it off.
 */
#include "pbuf_test.h"

#include <sys/eventfd.h>

#include "../kselftest_harness.h"

FIXTURE(eventfd)
{
	struct ring ring;
	int efd;
};

FIXTURE_VARIANT(eventfd)
{
	unsigned int setup;
};

FIXTURE_VARIANT_ADD(eventfd, plain) {
	.setup = 0,
};

FIXTURE_VARIANT_ADD(eventfd, coop) {
	.setup = IORING_SETUP_COOP_TASKRUN,
};

FIXTURE_VARIANT_ADD(eventfd, defer) {
	.setup = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN,
};

FIXTURE_SETUP(eventfd)
{
	ASSERT_EQ(0, ring_open_cq(&self->ring, 8, 16, variant->setup));
	self->efd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	ASSERT_LE(0, self->efd);
}

FIXTURE_TEARDOWN(eventfd)
{
	close(self->efd);
	ring_close(&self->ring);
}

static int set_eventfd(struct ring *r, int op, int fd)
{
	return sys_register(r->fd, op, &fd, 1);
}

static int unset_eventfd(struct ring *r)
{
	return sys_register(r->fd, IORING_UNREGISTER_EVENTFD, NULL, 0);
}

/* How often was it signalled since the last call? */
static long long signals(int efd)
{
	__u64 count;

	return read(efd, &count, sizeof(count)) == sizeof(count) ? (long long)count : 0;
}

/* The same, after waiting for the first one. */
static long long signals_wait(int efd)
{
	return poll_fd(efd, POLLIN, WAIT_MS) == POLLIN ? signals(efd) : 0;
}

TEST_F(eventfd, arguments)
{
	static const int ops[] = { IORING_REGISTER_EVENTFD, IORING_REGISTER_EVENTFD_ASYNC };
	struct ring *r = &self->ring;
	unsigned int i;

	EXPECT_EQ(-ENXIO, unset_eventfd(r));
	for (i = 0; i < ARRAY_LEN(ops); i++) {
		EXPECT_EQ(-EFAULT, sys_register(r->fd, ops[i], NULL, 1));
		EXPECT_EQ(-EFAULT, sys_register(r->fd, ops[i], no_access(4096), 1));
		EXPECT_EQ(-EINVAL, sys_register(r->fd, ops[i], &self->efd, 0));
		EXPECT_EQ(-EINVAL, sys_register(r->fd, ops[i], &self->efd, 2));
		EXPECT_EQ(-EBADF, set_eventfd(r, ops[i], -1));
		EXPECT_EQ(-EBADF, set_eventfd(r, ops[i], 12345));
		EXPECT_EQ(-EINVAL, set_eventfd(r, ops[i], r->fd));
		EXPECT_EQ(-EINVAL, set_eventfd(r, ops[i], open("/dev/null", O_RDWR | O_CLOEXEC)));
		EXPECT_EQ(-ENXIO, unset_eventfd(r));
		EXPECT_EQ(0, set_eventfd(r, ops[i], self->efd));
		EXPECT_EQ(-EBUSY, set_eventfd(r, ops[i], self->efd));
		EXPECT_EQ(-EBUSY, set_eventfd(r, ops[!i], -1));
		EXPECT_EQ(-EINVAL, sys_register(r->fd, IORING_UNREGISTER_EVENTFD, &self->efd, 0));
		EXPECT_EQ(-EINVAL, sys_register(r->fd, IORING_UNREGISTER_EVENTFD, NULL, 1));
		EXPECT_EQ(0, unset_eventfd(r));
	}
	EXPECT_TRUE(ring_works(r));
}

/* Once for a batch: neither for each CQE nor not at all. */
TEST_F(eventfd, signals_when_cqes_appear)
{
	struct ring *r = &self->ring;
	struct io_uring_cqe cqe;
	int i;

	ASSERT_EQ(0, set_eventfd(r, IORING_REGISTER_EVENTFD, self->efd));
	EXPECT_EQ(0, signals(self->efd));
	ASSERT_TRUE(prep_nop(r, 1));
	ASSERT_EQ(1, ring_submit(r));
	EXPECT_EQ(1, signals(self->efd));
	EXPECT_EQ(0, ring_flush(r));
	EXPECT_EQ(0, signals(self->efd));
	for (i = 0; i < 8; i++)
		ASSERT_TRUE(prep_nop(r, 1));
	ASSERT_EQ(8, ring_submit(r));
	EXPECT_EQ(1, signals(self->efd));
	for (i = 0; i < 9; i++)
		EXPECT_TRUE(ring_reap(r, &cqe));
	/* Nothing after it was taken away. */
	ASSERT_EQ(0, unset_eventfd(r));
	EXPECT_TRUE(ring_works(r));
	EXPECT_EQ(0, signals(self->efd));
	/* And it can be registered again. */
	ASSERT_EQ(0, set_eventfd(r, IORING_REGISTER_EVENTFD, self->efd));
	EXPECT_TRUE(ring_works(r));
	EXPECT_EQ(1, signals(self->efd));
}

TEST_F(eventfd, can_be_switched_off)
{
	struct ring *r = &self->ring;

	ASSERT_EQ(0, set_eventfd(r, IORING_REGISTER_EVENTFD, self->efd));
	store(r->cq_flags, IORING_CQ_EVENTFD_DISABLED);
	EXPECT_TRUE(ring_works(r));
	EXPECT_EQ(0, signals(self->efd));
	store(r->cq_flags, 0);
	EXPECT_TRUE(ring_works(r));
	EXPECT_EQ(1, signals(self->efd));
	/* Other bits mean nothing. */
	store(r->cq_flags, ~IORING_CQ_EVENTFD_DISABLED);
	EXPECT_TRUE(ring_works(r));
	EXPECT_EQ(1, signals(self->efd));
	store(r->cq_flags, 0);
}

/* Done by a worker: both kinds tell of it, whether or not anybody enters. */
TEST_F(eventfd, tells_of_workers)
{
	static const int ops[] = { IORING_REGISTER_EVENTFD, IORING_REGISTER_EVENTFD_ASYNC };
	struct ring *r = &self->ring;
	struct io_uring_cqe cqe;
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(ops); i++) {
		ASSERT_EQ(0, set_eventfd(r, ops[i], self->efd));
		ASSERT_TRUE(prep_nop(r, 1));
		r->sqes[(r->next - 1) & r->sq_mask].flags = IOSQE_ASYNC;
		ASSERT_EQ(1, ring_submit(r));
		EXPECT_LE(1, signals_wait(self->efd)) {
			TH_LOG("operation %d", ops[i]);
		}
		EXPECT_EQ(0, ring_wait(r, &cqe));
		EXPECT_EQ(0, unset_eventfd(r));
		signals(self->efd);
	}
}

/* Of its failures, too. (The untouched 6.12 only with the first kind.) */
TEST_F(eventfd, tells_of_failures_of_workers)
{
	static const int ops[] = { IORING_REGISTER_EVENTFD, IORING_REGISTER_EVENTFD_ASYNC };
	struct io_uring_sqe sqe = { .opcode = IORING_OP_SHUTDOWN, .fd = self->efd };
	struct ring *r = &self->ring;
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(ops); i++) {
		ASSERT_EQ(0, set_eventfd(r, ops[i], self->efd));
		EXPECT_EQ(-ENOTSOCK, ring_run(r, 0, sqe));
		if (i && untouched())
			SKIP(return, "this kernel does not tell of failures");
		EXPECT_LE(1, signals_wait(self->efd)) {
			TH_LOG("operation %d", ops[i]);
		}
		EXPECT_EQ(0, unset_eventfd(r));
	}
}

/* What is done on the spot is no news to the program. */
TEST_F(eventfd, async_is_silent_about_inline)
{
	struct ring *r = &self->ring;
	struct io_uring_cqe cqe;
	int i;

	ASSERT_EQ(0, set_eventfd(r, IORING_REGISTER_EVENTFD_ASYNC, self->efd));
	for (i = 0; i < 8; i++)
		ASSERT_TRUE(prep_nop(r, i));
	ASSERT_EQ(8, ring_submit(r));
	for (i = 0; i < 8; i++)
		EXPECT_EQ(0, ring_wait(r, &cqe));
	EXPECT_EQ(0, signals(self->efd));
}

/* Nor is what the program was waiting for, without a worker. */
/* Nor about what comes from another ring, if no worker has sent it. */
TEST_F(eventfd, async_is_silent_about_messages)
{
	struct io_uring_sqe msg = {
		.opcode = IORING_OP_MSG_RING,
		.fd = self->ring.fd,
		.addr = IORING_MSG_DATA,
	};
	struct io_uring_cqe cqe;
	struct ring from;
	int i;

	ASSERT_EQ(0, ring_open(&from, 4, 0));
	ASSERT_EQ(0, set_eventfd(&self->ring, IORING_REGISTER_EVENTFD_ASYNC, self->efd));
	for (i = 0; i < 4; i++) {
		EXPECT_EQ(0, ring_run(&from, 0, msg));
		EXPECT_EQ(0, ring_wait(&self->ring, &cqe));
	}
	EXPECT_EQ(0, signals(self->efd));
	ring_close(&from);
}

TEST_F(eventfd, async_is_silent_about_parked)
{
	struct ring *r = &self->ring;
	struct io_uring_cqe cqe;
	char c;
	int p[2];

	ASSERT_EQ(0, pipe(p));
	ASSERT_EQ(0, set_eventfd(r, IORING_REGISTER_EVENTFD_ASYNC, self->efd));
	ASSERT_NE(NULL, prep(r, IORING_OP_READ, p[0], &c, 1, 0));
	ASSERT_EQ(1, ring_submit(r));
	ASSERT_EQ(1, write(p[1], "x", 1));
	usleep(20000);
	EXPECT_EQ(0, signals(self->efd));
	ASSERT_EQ(0, ring_wait(r, &cqe));
	EXPECT_EQ(1, cqe.res);
	EXPECT_EQ(0, signals(self->efd));
	close(p[0]);
	close(p[1]);
}

/* On a deferred ring it tells that entering the ring would produce CQEs. */
TEST_F(eventfd, tells_of_parked_requests)
{
	struct ring *r = &self->ring;
	struct io_uring_cqe cqe;
	char c;
	int p[2];

	ASSERT_EQ(0, pipe(p));
	ASSERT_EQ(0, set_eventfd(r, IORING_REGISTER_EVENTFD, self->efd));
	ASSERT_NE(NULL, prep(r, IORING_OP_READ, p[0], &c, 1, 0));
	ASSERT_EQ(1, ring_submit(r));
	EXPECT_EQ(0, signals(self->efd));
	ASSERT_EQ(1, write(p[1], "x", 1));
	EXPECT_LE(1, signals_wait(self->efd));
	ASSERT_EQ(0, ring_wait(r, &cqe));
	EXPECT_EQ(1, cqe.res);
	close(p[0]);
	close(p[1]);
}

/* CQEs that go to the backlog are not visible: no signal, until they are. */
TEST_F(eventfd, backlog)
{
	struct ring *r = &self->ring;
	struct io_uring_cqe cqe;
	int i;

	for (i = 0; i < 16; i++) {
		ASSERT_TRUE(prep_nop(r, i));
		ASSERT_EQ(1, ring_submit(r));
	}
	ASSERT_EQ(0, set_eventfd(r, IORING_REGISTER_EVENTFD, self->efd));
	ASSERT_TRUE(prep_nop(r, i));
	ASSERT_EQ(1, ring_submit(r));
	EXPECT_EQ(0, signals(self->efd));
	for (i = 0; i < 16; i++)
		ASSERT_TRUE(ring_reap(r, &cqe));
	ASSERT_EQ(0, ring_wait(r, &cqe));
	EXPECT_EQ(16u, (unsigned int)cqe.user_data);
}

/* Who asks for the backlog may be another than who waits for the signal. */
TEST_F(eventfd, backlog_is_told_of)
{
	struct ring *r = &self->ring;
	struct io_uring_cqe cqe;
	unsigned int i, room = r->p.cq_entries;

	for (i = 0; i < room; i++) {
		ASSERT_TRUE(prep_nop(r, i));
		ASSERT_EQ(1, ring_submit(r));
	}
	ASSERT_EQ(0, set_eventfd(r, IORING_REGISTER_EVENTFD, self->efd));
	for (; i < room + 2; i++) {
		ASSERT_TRUE(prep_nop(r, i));
		ASSERT_EQ(1, ring_submit(r));
	}
	EXPECT_EQ(0, signals(self->efd));
	/* One at a time: what fits in part, and then the rest. */
	for (i = 0; i < 2; i++) {
		ASSERT_TRUE(ring_reap(r, &cqe));
		ASSERT_LE(0, ring_flush(r));
		EXPECT_EQ(room, ring_ready(r));
		EXPECT_EQ(1, signals(self->efd)) {
			TH_LOG("%u", i);
		}
	}
	EXPECT_EQ(0, ring_flush(r));
	EXPECT_EQ(0, signals(self->efd));
}

/* The ring keeps the eventfd, not the descriptor. */
TEST_F(eventfd, survives_close)
{
	struct ring *r = &self->ring;
	int efd = dup(self->efd);

	ASSERT_EQ(0, set_eventfd(r, IORING_REGISTER_EVENTFD, efd));
	close(efd);
	EXPECT_TRUE(ring_works(r));
	EXPECT_EQ(1, signals(self->efd));
}

/* A ring that reads the eventfd it signals: that is no endless loop. */
TEST_F(eventfd, read_by_its_own_ring)
{
	struct ring *r = &self->ring;
	struct io_uring_cqe cqe;
	__u64 count = 0;

	ASSERT_EQ(0, set_eventfd(r, IORING_REGISTER_EVENTFD, self->efd));
	ASSERT_NE(NULL, prep(r, IORING_OP_READ, self->efd, &count, sizeof(count), 0));
	ASSERT_EQ(1, ring_submit(r));
	ASSERT_TRUE(prep_nop(r, 7));
	ASSERT_EQ(1, ring_submit(r));
	ASSERT_EQ(0, ring_wait(r, &cqe));
	EXPECT_EQ(7u, (unsigned int)cqe.user_data);
	ASSERT_EQ(0, ring_wait(r, &cqe));
	EXPECT_EQ(8, cqe.res);
	EXPECT_LE(1ull, (unsigned long long)count);
	EXPECT_TRUE(ring_works(r));
}

/* Closed with an eventfd in it, and registering over and over. */
TEST_F(eventfd, many_times)
{
	struct ring *r = &self->ring;
	struct ring other;
	int i;

	for (i = 0; i < 1000; i++) {
		ASSERT_EQ(0, set_eventfd(r, IORING_REGISTER_EVENTFD, self->efd));
		ASSERT_EQ(0, unset_eventfd(r));
	}
	for (i = 0; i < 20; i++) {
		ASSERT_EQ(0, ring_open(&other, 4, variant->setup));
		ASSERT_EQ(0, set_eventfd(&other, IORING_REGISTER_EVENTFD, self->efd));
		ASSERT_TRUE(ring_works(&other));
		ring_close(&other);
	}
	EXPECT_EQ(20, signals(self->efd));
}

#define NR_BUFS	16

/* Have a ring read an eventfd again and again, into buffers that are provided to it. */
static int read_on(struct ring *r, struct pbufs *bufs, int efd)
{
	int ret = pbufs_open(bufs, r, NR_BUFS, sizeof(__u64), 0, 0);
	struct io_uring_sqe *sqe;

	if (ret)
		return ret;
	pbufs_give(bufs, 0, NR_BUFS);
	sqe = prep(r, IORING_OP_READ_MULTISHOT, efd, NULL, 0, -1);
	if (!sqe)
		return -EBUSY;
	sqe->flags = IOSQE_BUFFER_SELECT;
	sqe->user_data = 1;
	ret = ring_submit(r);
	return ret == 1 ? 0 : ret;
}

/* Who goes on reading the eventfd of another ring hears of all its CQEs. */
TEST_F(eventfd, read_by_another_ring)
{
	struct ring *r = &self->ring;
	struct io_uring_cqe cqe;
	struct ring other;
	struct pbufs bufs;
	int i;

	ASSERT_EQ(0, ring_open(&other, 4, 0));
	ASSERT_EQ(0, set_eventfd(&other, IORING_REGISTER_EVENTFD, self->efd));
	ASSERT_EQ(0, read_on(r, &bufs, self->efd));
	for (i = 0; i < 5; i++) {
		ASSERT_TRUE(ring_works(&other));
		ASSERT_EQ(0, ring_wait_ms(r, &cqe, 2000)) {
			TH_LOG("nothing for signal %d", i);
		}
		EXPECT_EQ(8, cqe.res);
		EXPECT_EQ(i, cqe_bid(&cqe));
		EXPECT_TRUE(cqe.flags & IORING_CQE_F_MORE);
	}
	ring_close(&other);
	EXPECT_TRUE(ring_works(r));
}

/*
 * Who goes on reading its own one hears of the CQEs that tell of CQEs. That ends when
 * the CQ is full or the buffers are used up, at the latest.
 */
TEST_F(eventfd, read_on_by_its_own_ring)
{
	struct ring *r = &self->ring;
	unsigned int flags = IORING_CQE_F_MORE;
	struct io_uring_cqe cqe;
	struct pbufs bufs;
	int nr = 0;

	ASSERT_EQ(0, set_eventfd(r, IORING_REGISTER_EVENTFD, self->efd));
	ASSERT_EQ(0, read_on(r, &bufs, self->efd));
	ASSERT_TRUE(prep_nop(r, 7));
	ASSERT_EQ(1, ring_submit(r));
	while (flags & IORING_CQE_F_MORE) {
		ASSERT_EQ(0, ring_wait_ms(r, &cqe, 2000)) {
			TH_LOG("nothing after %d of its CQEs", nr);
		}
		if (cqe.user_data == 7)
			continue;
		flags = cqe.flags;
		nr++;
	}
	EXPECT_LE(nr, NR_BUFS + 1);
	EXPECT_TRUE(ring_works(r));
}

/* A poll for an eventfd that a ring signals says so once, and ends. */
TEST_F(eventfd, polled_once)
{
	struct ring *r = &self->ring;
	struct io_uring_sqe *sqe;
	struct io_uring_cqe cqe;
	int i;

	ASSERT_EQ(0, set_eventfd(r, IORING_REGISTER_EVENTFD, self->efd));
	for (i = 0; i < 3; i++) {
		signals(self->efd);
		sqe = prep(r, IORING_OP_POLL_ADD, self->efd, NULL, IORING_POLL_ADD_MULTI, 0);
		ASSERT_NE(NULL, sqe);
		sqe->poll32_events = POLLIN;
		sqe->user_data = 1;
		ASSERT_EQ(1, ring_submit(r));
		ASSERT_TRUE(prep_nop(r, 7));
		ASSERT_EQ(1, ring_submit(r));
		ASSERT_EQ(0, ring_wait(r, &cqe));
		EXPECT_EQ(7u, (unsigned int)cqe.user_data);
		ASSERT_EQ(0, ring_wait(r, &cqe));
		EXPECT_EQ(1u, (unsigned int)cqe.user_data);
		EXPECT_EQ(POLLIN, cqe.res);
		EXPECT_EQ(0u, cqe.flags);
	}
	EXPECT_TRUE(ring_works(r));
}

TEST_HARNESS_MAIN
