// SPDX-License-Identifier: GPL-2.0
/*
 * Others have their turn while a task does much for a ring at once: CQEs are shown
 * before it is through, others get the ring, and it can be killed.
 */
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include "iou_test.h"

#include "../kselftest_harness.h"

/* ------------------------------------------------------------------------
 * CQEs are shown in the midst of it. The last of many is stuck in a page fault.
 */

/**
 * struct lot - a thread with a ring whose requests all become ready at once
 * @ring: the ring
 * @uffd: closing it ends the fault of the last one
 * @page: that one
 * @fds: what they wait for
 * @ready: tells that they wait
 * @chain: they are one chain, behind a timeout
 * @go: the thread is to enter the kernel
 */
struct lot {
	struct ring ring;
	int uffd;
	char *page;
	int fds[2];
	int ready[2];
	bool chain;
	unsigned int go;
};

#define NR_LOT	256

static bool lot_prep_chain(struct lot *lot, int zero)
{
	static struct __kernel_timespec ts = { .tv_nsec = 20 * 1000000 };
	struct io_uring_sqe *sqe;
	int i;

	sqe = prep(&lot->ring, IORING_OP_TIMEOUT, -1, &ts, 1, 0);
	if (!sqe)
		return false;
	sqe->timeout_flags = IORING_TIMEOUT_ETIME_SUCCESS;
	sqe->flags = IOSQE_IO_LINK;
	for (i = 0; i < NR_LOT; i++) {
		sqe = ring_sqe(&lot->ring);
		if (!sqe)
			return false;
		sqe->flags = IOSQE_IO_LINK;
	}
	return prep(&lot->ring, IORING_OP_READ, zero, lot->page, 1, 0);
}

static bool lot_prep_events(struct lot *lot)
{
	struct io_uring_sqe *sqe;
	int i;

	/* Who waits first is woken last */
	if (!prep(&lot->ring, IORING_OP_READ, lot->fds[0], lot->page, 1, -1))
		return false;
	for (i = 0; i < NR_LOT; i++) {
		sqe = ring_sqe(&lot->ring);
		if (!sqe)
			return false;
		sqe->opcode = IORING_OP_POLL_ADD;
		sqe->fd = lot->fds[0];
		sqe->poll32_events = POLLIN;
	}
	return true;
}

static void *lot_main(void *arg)
{
	struct lot *lot = arg;
	int zero = open("/dev/zero", O_RDONLY);
	unsigned int flags = lot->chain ? 0 : IORING_SETUP_COOP_TASKRUN;
	bool ok;

	ok = !ring_open_cq(&lot->ring, 512, 512, flags);
	ok = ok && (lot->chain ? lot_prep_chain(lot, zero) : lot_prep_events(lot));
	ok = ok && ring_submit(&lot->ring) > NR_LOT;
	if (write(lot->ready[1], &ok, 1) != 1 || !ok)
		return NULL;
	/* What has come until then is done before this call returns */
	while (!load(&lot->go))
		;
	syscall(SYS_getppid);
	/* The timeout ends later: the thread has to be there, and is interrupted */
	while (lot->chain && !ring_ready(&lot->ring))
		;
	return NULL;
}

FIXTURE(lot)
{
	struct lot lot;
};

FIXTURE_VARIANT(lot)
{
	bool chain;
};

FIXTURE_VARIANT_ADD(lot, events) { .chain = false };
FIXTURE_VARIANT_ADD(lot, chain) { .chain = true };

FIXTURE_SETUP(lot)
{
	self->lot.chain = variant->chain;
	ASSERT_EQ(0, pipe(self->lot.fds));
	ASSERT_EQ(0, pipe(self->lot.ready));
	self->lot.page = pages(4096);
	self->lot.uffd = open_userfault(self->lot.page, 4096);
	if (self->lot.uffd < 0)
		SKIP(return, "no userfaultfd");
}

FIXTURE_TEARDOWN(lot)
{
	ring_close(&self->lot.ring);
}

TEST_F_TIMEOUT(lot, is_shown_before_its_end, 60)
{
	struct lot *lot = &self->lot;
	pthread_t thread;
	bool ok;

	if (untouched())
		SKIP(return, "there it is not");
	ASSERT_EQ(0, pthread_create(&thread, NULL, lot_main, lot));
	ASSERT_EQ(1, read(lot->ready[0], &ok, 1));
	ASSERT_TRUE(ok);
	ASSERT_EQ(1, write(lot->fds[1], "", 1));
	store(&lot->go, 1);

	ASSERT_TRUE(poll_fd(lot->uffd, POLLIN, WAIT_MS) & POLLIN);
	EXPECT_LE(NR_LOT / 2, (int)ring_ready(&lot->ring));
	close(lot->uffd);
	pthread_join(thread, NULL);
}

/* ------------------------------------------------------------------------
 * Many events and one who consumes
 */

#define NR_SHOTS	20480u

static unsigned int consumer_ends, nr_ended, nr_seen;

static void *consume(void *arg)
{
	struct ring *r = arg;
	struct io_uring_cqe cqe;

	while (!load(&consumer_ends) || ring_ready(r)) {
		if (!ring_reap(r, &cqe))
			continue;
		nr_seen++;
		nr_ended += !(cqe.flags & IORING_CQE_F_MORE);
	}
	return NULL;
}

FIXTURE(many)
{
};

FIXTURE_SETUP(many)
{
}

FIXTURE_TEARDOWN(many)
{
}

/* How many end depends on how fast the consumer is; but each has one CQE */
TEST_F_TIMEOUT(many, multishots, 120)
{
	pthread_t thread;
	struct ring r;
	unsigned int i;
	int efd;

	efd = eventfd(0, 0);
	ASSERT_EQ(0, ring_open_cq(&r, 1024, 8192, 0));
	for (i = 0; i < NR_SHOTS; i++) {
		struct io_uring_sqe *sqe = ring_sqe(&r);

		ASSERT_NE(NULL, sqe);
		sqe->opcode = IORING_OP_POLL_ADD;
		sqe->len = IORING_POLL_ADD_MULTI;
		sqe->fd = efd;
		sqe->poll32_events = POLLIN;
		if (i % 1024 == 1023)
			ASSERT_EQ(1024, ring_submit(&r));
	}
	ASSERT_EQ(0, pthread_create(&thread, NULL, consume, &r));
	ASSERT_EQ(0, eventfd_write(efd, 1));
	while (ring_flush(&r) >= 0 && (*r.sq_flags & IORING_SQ_CQ_OVERFLOW))
		;
	store(&consumer_ends, 1);
	pthread_join(thread, NULL);
	EXPECT_EQ(NR_SHOTS, nr_seen);
	TH_LOG("%u of %u have ended for lack of room", nr_ended, NR_SHOTS);
	close(efd);
	ring_close(&r);
}

/* ------------------------------------------------------------------------
 * A long batch
 */

#define NR_PARKED	20000

/* The child: a batch of minutes */
static int submit_long_batch(int ready)
{
	int p[2], q[2], i;
	struct ring r;

	if (ring_open_cq(&r, 32768, 65536, 0) || pipe(p) || pipe(q))
		return 1;
	for (i = 0; i < NR_PARKED; i++) {
		struct io_uring_sqe *sqe = ring_sqe(&r);

		sqe->opcode = IORING_OP_POLL_ADD;
		sqe->fd = p[0];
		sqe->poll32_events = POLLIN;
	}
	if (ring_submit(&r) != NR_PARKED)
		return 2;
	for (i = 0; i < 32768; i++) {
		struct io_uring_sqe *sqe = ring_sqe(&r);

		sqe->opcode = IORING_OP_ASYNC_CANCEL;
		sqe->fd = q[0];
		sqe->cancel_flags = IORING_ASYNC_CANCEL_FD | IORING_ASYNC_CANCEL_ALL;
	}
	if (write(ready, "", 1) != 1)
		return 3;
	ring_submit(&r);
	return 0;
}

TEST_F_TIMEOUT(many, killed_in_a_long_batch, 300)
{
	int ready[2];
	pid_t pid;
	char c;

	if (untouched())
		SKIP(return, "there it is not noticed");
	ASSERT_EQ(0, pipe(ready));
	pid = fork_detached();
	if (!pid)
		_exit(submit_long_batch(ready[1]));
	ASSERT_EQ(1, read(ready[0], &c, 1));
	usleep(300000);
	EXPECT_TRUE(kill_ends(pid, WAIT_MS));
}

/* ------------------------------------------------------------------------
 * A chain that ends with CLOSE, while its task waits for something else
 */

FIXTURE(chain)
{
	struct ring ring;
	int sv[2];
};

FIXTURE_VARIANT(chain)
{
	unsigned int setup;
};

FIXTURE_VARIANT_ADD(chain, plain) { .setup = 0 };
FIXTURE_VARIANT_ADD(chain, coop) { .setup = IORING_SETUP_COOP_TASKRUN };
FIXTURE_VARIANT_ADD(chain, defer) {
	.setup = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN,
};

FIXTURE_SETUP(chain)
{
	ASSERT_EQ(0, ring_open(&self->ring, 16, variant->setup));
	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, self->sv));
}

FIXTURE_TEARDOWN(chain)
{
	ring_close(&self->ring);
}

#define NR_SENDS	10
#define SEND_SIZE	(32ul << 10)

static size_t peer_got;
static unsigned int peer_saw_end;

static void *slow_peer(void *arg)
{
	static char buf[8192];
	int fd = *(int *)arg;
	ssize_t n;

	for (;;) {
		usleep(2000);
		n = read(fd, buf, sizeof(buf));
		if (n <= 0)
			break;
		peer_got += n;
	}
	store(&peer_saw_end, !n);
	return NULL;
}

TEST_F_TIMEOUT(chain, ends_while_its_task_waits, 60)
{
	static char data[SEND_SIZE];
	struct io_uring_sqe *sqe;
	pthread_t thread;
	long end;
	int i;

	peer_got = 0;
	peer_saw_end = 0;
	for (i = 0; i < NR_SENDS; i++) {
		sqe = prep(&self->ring, IORING_OP_SEND, self->sv[0], data, sizeof(data), 0);
		sqe->msg_flags = MSG_WAITALL;
		sqe->flags = IOSQE_IO_LINK;
	}
	sqe = prep(&self->ring, IORING_OP_CLOSE, self->sv[0], NULL, 0, 0);
	ASSERT_EQ(NR_SENDS + 1, ring_submit(&self->ring));
	ASSERT_EQ(0, pthread_create(&thread, NULL, slow_peer, &self->sv[1]));

	/* For more than will come. The peer sees the end meanwhile, not when this is over */
	end = now_ms() + WAIT_MS;
	EXPECT_EQ(0, ring_enter_wait(&self->ring, NR_SENDS + 2, WAIT_MS));
	EXPECT_LE(end, now_ms());
	EXPECT_TRUE(load(&peer_saw_end));
	EXPECT_EQ(NR_SENDS * SEND_SIZE, peer_got);
	pthread_join(thread, NULL);
}

TEST_HARNESS_MAIN
