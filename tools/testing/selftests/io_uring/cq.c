// SPDX-License-Identifier: GPL-2.0
/*
 * The completion queue: order, the backlog behind a full one, the flag that
 * announces it, and the ring's fd in poll() and epoll.
 */
#include "iou_test.h"

#include <pthread.h>
#include <sys/epoll.h>

#include "../kselftest_harness.h"

/* Room in the CQ of the fixture's ring. */
#define CQ_ROOM	8u

FIXTURE(cq)
{
	struct ring ring;
};

FIXTURE_VARIANT(cq)
{
	unsigned int setup;
};

FIXTURE_VARIANT_ADD(cq, plain) {
	.setup = 0,
};

FIXTURE_VARIANT_ADD(cq, no_sqarray) {
	.setup = IORING_SETUP_NO_SQARRAY,
};

FIXTURE_VARIANT_ADD(cq, coop) {
	.setup = IORING_SETUP_COOP_TASKRUN,
};

FIXTURE_VARIANT_ADD(cq, defer) {
	.setup = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN,
};

FIXTURE_SETUP(cq)
{
	const char *missing = setup_missing(variant->setup);

	if (missing)
		SKIP(return, "kernel lacks %s", missing);
	ASSERT_EQ(0, ring_open_cq(&self->ring, 4, CQ_ROOM, variant->setup));
}

FIXTURE_TEARDOWN(cq)
{
	ring_close(&self->ring);
}

/* Submit @n NOPs numbered from @first: true if all went. */
static bool nops(struct ring *r, unsigned int first, unsigned int n)
{
	while (n--) {
		if (!prep_nop(r, first++) || ring_submit(r) != 1)
			return false;
	}
	return true;
}

static bool overflowed(struct ring *r)
{
	return load(r->sq_flags) & IORING_SQ_CQ_OVERFLOW;
}

/* Reap what is visible: true if that is @n CQEs numbered from @first. */
static bool reap_visible(struct ring *r, unsigned int first, unsigned int n)
{
	struct io_uring_cqe cqe;

	while (n--) {
		if (!ring_reap(r, &cqe) || cqe.user_data != first++ || cqe.res)
			return false;
	}
	return !ring_ready(r);
}

TEST_F(cq, in_order)
{
	struct io_uring_cqe cqe;
	unsigned int i, seen = 0, sent = 0;

	for (i = 0; i < 100; i++) {
		unsigned int n = 1 + i % 4;

		sent += n;
		while (n--)
			ASSERT_TRUE(prep_nop(&self->ring, sent - n));
		ring_submit_wait(&self->ring, 1 + i % 4);
		while (ring_reap(&self->ring, &cqe))
			EXPECT_EQ(++seen, cqe.user_data);
	}
	EXPECT_EQ(sent, seen);
}

TEST_F(cq, exactly_full)
{
	ASSERT_TRUE(nops(&self->ring, 0, CQ_ROOM));
	EXPECT_EQ(CQ_ROOM, ring_ready(&self->ring));
	EXPECT_FALSE(overflowed(&self->ring));
	EXPECT_TRUE(reap_visible(&self->ring, 0, CQ_ROOM));
	EXPECT_TRUE(ring_works(&self->ring));
}

TEST_F(cq, backlog_keeps_all_in_order)
{
	struct ring *r = &self->ring;

	ASSERT_TRUE(nops(r, 0, CQ_ROOM));
	EXPECT_FALSE(overflowed(r));
	/* Submission goes on however long the backlog is. */
	ASSERT_TRUE(nops(r, 8, 12));
	EXPECT_TRUE(overflowed(r));
	EXPECT_EQ(CQ_ROOM, ring_ready(r));

	EXPECT_TRUE(reap_visible(r, 0, 8));
	EXPECT_EQ(0, ring_flush(r));
	EXPECT_TRUE(overflowed(r));
	EXPECT_TRUE(reap_visible(r, 8, 8));
	EXPECT_EQ(0, ring_flush(r));
	EXPECT_FALSE(overflowed(r));
	EXPECT_TRUE(reap_visible(r, 16, 4));

	/* Nothing was lost, and the counter of losses says so. */
	EXPECT_EQ(0u, *r->cq_overflow);
	EXPECT_EQ(0, ring_flush(r));
	EXPECT_EQ(0u, ring_ready(r));
	EXPECT_TRUE(ring_works(r));
}

/* A flush moves as much as there is room for. */
TEST_F(cq, backlog_flushed_in_part)
{
	struct ring *r = &self->ring;
	struct io_uring_cqe cqe;
	unsigned int i;

	ASSERT_TRUE(nops(r, 0, CQ_ROOM + 6));
	for (i = 0; i < 3; i++) {
		ASSERT_TRUE(ring_reap(r, &cqe));
		EXPECT_EQ(i, cqe.user_data);
	}
	EXPECT_EQ(CQ_ROOM - 3, ring_ready(r));
	EXPECT_EQ(0, ring_flush(r));
	EXPECT_EQ(CQ_ROOM, ring_ready(r));
	EXPECT_TRUE(overflowed(r));
	EXPECT_TRUE(reap_visible(r, 3, 8));
	EXPECT_EQ(0, ring_flush(r));
	EXPECT_FALSE(overflowed(r));
	EXPECT_TRUE(reap_visible(r, 11, 3));
}

/* Room in the CQ does not let a new CQE overtake the backlog. */
TEST_F(cq, nothing_overtakes_the_backlog)
{
	struct ring *r = &self->ring;
	unsigned int next = 0;
	struct io_uring_cqe cqe;
	unsigned int i;

	ASSERT_TRUE(nops(r, 0, CQ_ROOM + 2));
	for (i = 0; i < 4; i++) {
		ASSERT_TRUE(ring_reap(r, &cqe));
		EXPECT_EQ(next++, cqe.user_data);
	}
	ASSERT_TRUE(nops(r, CQ_ROOM + 2, 3));
	while (next < CQ_ROOM + 5) {
		ASSERT_EQ(0, ring_wait(r, &cqe));
		ASSERT_EQ(next++, cqe.user_data);
	}
	EXPECT_FALSE(overflowed(r));
	EXPECT_EQ(0u, ring_ready(r));
}

TEST_F(cq, long_backlog)
{
	const unsigned int n = 5000;
	struct io_uring_cqe cqe;
	unsigned int i;

	ASSERT_TRUE(nops(&self->ring, 0, n));
	for (i = 0; i < n; i++) {
		ASSERT_EQ(0, ring_wait(&self->ring, &cqe));
		ASSERT_EQ(i, cqe.user_data);
	}
	EXPECT_FALSE(overflowed(&self->ring));
	EXPECT_EQ(0u, *self->ring.cq_overflow);
	EXPECT_EQ(-ETIME, ring_wait_ms(&self->ring, &cqe, 0));
}

/* Completions that were not posted by the submitter go the same way. */
TEST_F(cq, backlog_of_parked_reads)
{
	const unsigned int n = 20;
	struct io_uring_cqe cqe;
	unsigned int i;
	char buf[20];
	int p[2];

	ASSERT_EQ(0, pipe(p));
	for (i = 0; i < n; i++) {
		prep(&self->ring, IORING_OP_READ, p[0], buf + i, 1, -1)->user_data = i;
		ASSERT_EQ(1, ring_submit(&self->ring));
	}
	ASSERT_EQ((ssize_t)n, write(p[1], "abcdefghijklmnopqrst", n));
	for (i = 0; i < n; i++) {
		ASSERT_EQ(0, ring_wait(&self->ring, &cqe));
		EXPECT_EQ(1, cqe.res);
	}
	EXPECT_EQ(0u, *self->ring.cq_overflow);
	EXPECT_FALSE(overflowed(&self->ring));
	close(p[0]);
	close(p[1]);
}

/* A wait for more than the CQ holds is one for a full CQ. */
TEST_F(cq, wait_for_more_than_fits)
{
	ASSERT_TRUE(nops(&self->ring, 0, CQ_ROOM));
	EXPECT_EQ(0, sys_enter(self->ring.fd, 0, CQ_ROOM + 1, IORING_ENTER_GETEVENTS, NULL, 0));
	EXPECT_EQ(0, sys_enter(self->ring.fd, 0, INT_MAX, IORING_ENTER_GETEVENTS, NULL, 0));
	EXPECT_TRUE(reap_visible(&self->ring, 0, CQ_ROOM));
}

/* With a full CQ and a backlog, a wait has what it waits for. */
TEST_F(cq, wait_with_backlog)
{
	ASSERT_TRUE(nops(&self->ring, 0, CQ_ROOM + 4));
	EXPECT_EQ(0, ring_enter_wait(&self->ring, CQ_ROOM, WAIT_MS));
	EXPECT_TRUE(reap_visible(&self->ring, 0, CQ_ROOM));
	EXPECT_EQ(0, ring_enter_wait(&self->ring, 4, WAIT_MS));
	EXPECT_TRUE(reap_visible(&self->ring, CQ_ROOM, 4));
}

TEST_F(cq, closed_with_backlog)
{
	ASSERT_TRUE(nops(&self->ring, 0, 100));
	ring_close(&self->ring);
	EXPECT_TRUE(fresh_ring_works());
}

/* The CQ head is the application's: any value may be found there. */
TEST_F(cq, head_ahead_of_tail)
{
	struct ring *r = &self->ring;

	store(r->cq_head, 100);
	ASSERT_TRUE(nops(r, 0, 4));
	ring_flush(r);
	store(r->cq_head, 0x80000000);
	ASSERT_TRUE(nops(r, 4, 4));
	ring_flush(r);
	/* Put right, nothing of it is missing. */
	store(r->cq_head, 0);
	EXPECT_EQ(0, ring_flush(r));
	EXPECT_TRUE(reap_visible(r, 0, 8));
	EXPECT_FALSE(overflowed(r));
	EXPECT_TRUE(ring_works(r));
}

/* The tail is the kernel's: it does not read it back. */
TEST_F(cq, tail_scribbled)
{
	struct ring *r = &self->ring;

	store(r->cq_tail, 12345);
	ASSERT_TRUE(nops(r, 0, 3));
	ring_flush(r);
	EXPECT_EQ(3u, load(r->cq_tail));
	EXPECT_TRUE(reap_visible(r, 0, 3));
	EXPECT_TRUE(ring_works(r));
}

/*
 * The CQ is full, there is a backlog, and the application makes the CQ look
 * empty: there is nothing for it to see, and no room for what it waits for.
 */
TEST_F(cq, killable_when_made_to_look_empty)
{
	struct ring ring;
	pid_t pid;
	int p[2];

	ASSERT_EQ(0, pipe(p));
	pid = fork_detached();
	if (!pid) {
		if (ring_open_cq(&ring, 4, CQ_ROOM, variant->setup) ||
		    !nops(&ring, 0, CQ_ROOM + 4) || !overflowed(&ring))
			_exit(1);
		store(ring.cq_tail, load(ring.cq_head));
		if (write(p[1], &ring, sizeof(ring)) != sizeof(ring))
			_exit(2);
		for (;;)
			sys_enter(ring.fd, 0, 1, IORING_ENTER_GETEVENTS, NULL, 0);
	}
	close(p[1]);
	ASSERT_EQ((ssize_t)sizeof(ring), read(p[0], &ring, sizeof(ring)));
	/* Give it the time to get into the kernel and stay there. */
	EXPECT_EQ(-ETIMEDOUT, reap(pid, 200));
	EXPECT_TRUE(kill_ends(pid, WAIT_MS)) {
		let_go(pid, ring.fd, &ring.p);
	}
	close(p[0]);
	EXPECT_TRUE(fresh_ring_works());
}

/* ------------------------------------------------------------------------
 * poll() on the ring's fd
 */

static int poll_ring(struct ring *r, int ms)
{
	return poll_fd(r->fd, POLLIN | POLLOUT, ms);
}

TEST_F(cq, poll_states)
{
	struct ring *r = &self->ring;
	struct io_uring_cqe cqe;

	/* Empty: the SQ has room. */
	EXPECT_EQ(POLLOUT, poll_ring(r, 0));
	EXPECT_EQ(0, poll_fd(r->fd, POLLIN, 0));
	EXPECT_EQ(POLLOUT | POLLWRNORM, poll_fd(r->fd, POLLOUT | POLLWRNORM, 0));

	/* SQ full. */
	while (prep_nop(r, 1))
		;
	ring_publish(r);
	EXPECT_EQ(0, poll_ring(r, 0));

	/* CQEs to see. */
	EXPECT_EQ(4, ring_submit(r));
	EXPECT_EQ(POLLIN | POLLOUT, poll_ring(r, 0));
	EXPECT_EQ(POLLIN | POLLRDNORM, poll_fd(r->fd, POLLIN | POLLRDNORM, 0));

	while (ring_reap(r, &cqe))
		;
	EXPECT_EQ(POLLOUT, poll_ring(r, 0));
}

TEST_F(cq, poll_sees_backlog)
{
	struct ring *r = &self->ring;

	ASSERT_TRUE(nops(r, 0, CQ_ROOM + 3));
	EXPECT_TRUE(reap_visible(r, 0, CQ_ROOM));
	/* Nothing to see, but an enter would make it so. */
	EXPECT_EQ(POLLIN | POLLOUT, poll_ring(r, 0));
	EXPECT_EQ(0, ring_flush(r));
	EXPECT_EQ(POLLIN | POLLOUT, poll_ring(r, 0));
	EXPECT_TRUE(reap_visible(r, CQ_ROOM, 3));
	EXPECT_EQ(POLLOUT, poll_ring(r, 0));
}

/* Another process makes a parked read complete after a while. */
static pid_t write_later(int fd, pid_t sleeper)
{
	char path[64], buf[256];
	pid_t pid = fork();
	long end;

	if (pid)
		return pid;
	/* Once the sleeper sleeps in poll() or epoll_wait(). */
	snprintf(path, sizeof(path), "/proc/%d/syscall", sleeper);
	for (end = now_ms() + WAIT_MS; now_ms() < end; nap()) {
		if (!read_small_file(path, buf, sizeof(buf)))
			break;
		if (atoi(buf) == __NR_poll || atoi(buf) == __NR_epoll_wait)
			break;
	}
	_exit(write(fd, "x", 1) != 1);
}

TEST_F(cq, poll_wakes)
{
	struct ring *r = &self->ring;
	struct io_uring_cqe cqe;
	pid_t pid;
	int p[2];
	char c;

	ASSERT_EQ(0, pipe(p));
	prep(r, IORING_OP_READ, p[0], &c, 1, -1)->user_data = 3;
	ASSERT_EQ(1, ring_submit(r));
	EXPECT_EQ(0, poll_fd(r->fd, POLLIN, 0));
	pid = write_later(p[1], getpid());
	EXPECT_EQ(POLLIN, poll_fd(r->fd, POLLIN, WAIT_MS));
	EXPECT_EQ(0, reap(pid, WAIT_MS));
	ASSERT_EQ(0, ring_wait(r, &cqe));
	EXPECT_EQ(3u, cqe.user_data);
	EXPECT_EQ(1, cqe.res);
	EXPECT_EQ(0, poll_fd(r->fd, POLLIN, 0));
	close(p[0]);
	close(p[1]);
}

TEST_F(cq, epoll_level)
{
	struct ring *r = &self->ring;
	struct epoll_event ev = { .events = EPOLLIN, .data.u32 = 7 };
	int ep = epoll_create1(EPOLL_CLOEXEC);
	struct io_uring_cqe cqe;
	pid_t pid;
	int p[2];
	char c;

	ASSERT_LE(0, ep);
	ASSERT_EQ(0, pipe(p));
	ASSERT_EQ(0, epoll_ctl(ep, EPOLL_CTL_ADD, r->fd, &ev));
	EXPECT_EQ(0, epoll_wait(ep, &ev, 1, 0));
	ASSERT_NE(NULL, prep(r, IORING_OP_READ, p[0], &c, 1, -1));
	ASSERT_EQ(1, ring_submit(r));
	EXPECT_EQ(0, epoll_wait(ep, &ev, 1, 0));
	pid = write_later(p[1], getpid());
	do {
		ev.events = 0;
	} while (epoll_wait(ep, &ev, 1, WAIT_MS) < 0 && errno == EINTR);
	EXPECT_EQ((unsigned int)EPOLLIN, ev.events);
	EXPECT_EQ(7u, ev.data.u32);
	EXPECT_EQ(0, reap(pid, WAIT_MS));
	ASSERT_EQ(0, ring_wait(r, &cqe));
	EXPECT_EQ(0, epoll_wait(ep, &ev, 1, 0));
	close(ep);
	close(p[0]);
	close(p[1]);
}

/* Edge triggered: one event for each batch of news. */
TEST_F(cq, epoll_edge)
{
	struct ring *r = &self->ring;
	struct epoll_event ev = { .events = EPOLLIN | EPOLLET };
	int ep = epoll_create1(EPOLL_CLOEXEC);

	ASSERT_LE(0, ep);
	ASSERT_EQ(0, epoll_ctl(ep, EPOLL_CTL_ADD, r->fd, &ev));
	EXPECT_EQ(0, epoll_wait(ep, &ev, 1, 0));
	ASSERT_TRUE(nops(r, 0, 1));
	EXPECT_EQ(1, epoll_wait(ep, &ev, 1, WAIT_MS));
	EXPECT_EQ(0, epoll_wait(ep, &ev, 1, 0));
	/* The first is still there; there is a new one. */
	ASSERT_TRUE(nops(r, 1, 1));
	EXPECT_EQ(1, epoll_wait(ep, &ev, 1, WAIT_MS));
	EXPECT_EQ(0, epoll_wait(ep, &ev, 1, 0));
	EXPECT_TRUE(reap_visible(r, 0, 2));
	close(ep);
}

/* What comes from the backlog is news, too. */
TEST_F(cq, epoll_edge_backlog)
{
	struct ring *r = &self->ring;
	struct epoll_event ev = { .events = EPOLLIN | EPOLLET };
	int ep = epoll_create1(EPOLL_CLOEXEC);
	unsigned int room = r->p.cq_entries;

	ASSERT_LE(0, ep);
	ASSERT_TRUE(nops(r, 0, room));
	ASSERT_TRUE(nops(r, room, 2));
	ASSERT_EQ(0, epoll_ctl(ep, EPOLL_CTL_ADD, r->fd, &ev));
	EXPECT_EQ(1, epoll_wait(ep, &ev, 1, 0));
	EXPECT_TRUE(reap_visible(r, 0, room));
	EXPECT_EQ(0, epoll_wait(ep, &ev, 1, 0));
	EXPECT_LE(0, ring_flush(r));
	EXPECT_EQ(1, epoll_wait(ep, &ev, 1, 0));
	EXPECT_TRUE(reap_visible(r, room, 2));
	EXPECT_EQ(0, epoll_wait(ep, &ev, 1, 0));
	close(ep);
}

TEST_F(cq, epoll_nested)
{
	struct epoll_event ev = { .events = EPOLLIN };
	int inner = epoll_create1(EPOLL_CLOEXEC);
	int outer = epoll_create1(EPOLL_CLOEXEC);

	ASSERT_LE(0, inner);
	ASSERT_LE(0, outer);
	ASSERT_EQ(0, epoll_ctl(inner, EPOLL_CTL_ADD, self->ring.fd, &ev));
	ASSERT_EQ(0, epoll_ctl(outer, EPOLL_CTL_ADD, inner, &ev));
	EXPECT_EQ(0, epoll_wait(outer, &ev, 1, 0));
	ASSERT_TRUE(nops(&self->ring, 0, 1));
	EXPECT_EQ(1, epoll_wait(outer, &ev, 1, WAIT_MS));
	EXPECT_TRUE(reap_visible(&self->ring, 0, 1));
	EXPECT_EQ(0, epoll_wait(outer, &ev, 1, 0));
	close(inner);
	close(outer);
}

/* A ring whose fd is closed while an epoll instance watches it. */
TEST_F(cq, epoll_outlives_the_ring)
{
	struct epoll_event ev = { .events = EPOLLIN };
	int ep = epoll_create1(EPOLL_CLOEXEC);

	ASSERT_LE(0, ep);
	ASSERT_EQ(0, epoll_ctl(ep, EPOLL_CTL_ADD, self->ring.fd, &ev));
	ASSERT_TRUE(nops(&self->ring, 0, 1));
	ring_close(&self->ring);
	EXPECT_EQ(0, epoll_wait(ep, &ev, 1, 0));
	close(ep);
	EXPECT_TRUE(fresh_ring_works());
}

TEST_HARNESS_MAIN
