// SPDX-License-Identifier: GPL-2.0
/*
 * How rings, tasks and processes end: requests that wait or run are cancelled,
 * the files they hold are released, and nobody has to wait for that long.
 *
 * A pipe tells: while a request holds its read end the write end can be polled
 * without an error; when the last reader is gone it reports POLLERR.
 */
#include "disk_test.h"
#include "wait_test.h"

#include <linux/futex.h>
#include <pthread.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include "../kselftest_harness.h"

/*
 * A ring that goes gives up its files within this. Idle workers leave after 5 s:
 * not only then.
 */
#define RELEASE_MS	4500

FIXTURE(exit)
{
	int pipe[2];
	int ready[2];
};

FIXTURE_VARIANT(exit)
{
	unsigned int setup;
	__u8 sqe_flags;
};

FIXTURE_VARIANT_ADD(exit, plain) {
	.setup = 0,
};

FIXTURE_VARIANT_ADD(exit, async) {
	.sqe_flags = IOSQE_ASYNC,
};

FIXTURE_VARIANT_ADD(exit, coop) {
	.setup = IORING_SETUP_COOP_TASKRUN,
};

FIXTURE_VARIANT_ADD(exit, defer) {
	.setup = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN,
};

FIXTURE_VARIANT_ADD(exit, defer_async) {
	.setup = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN,
	.sqe_flags = IOSQE_ASYNC,
};

FIXTURE_SETUP(exit)
{
	const char *missing = setup_missing(variant->setup);

	if (missing)
		SKIP(return, "kernel lacks %s", missing);
	ASSERT_EQ(0, pipe(self->pipe));
	ASSERT_EQ(0, pipe(self->ready));
}

FIXTURE_TEARDOWN(exit)
{
	close(self->pipe[0]);
	close(self->pipe[1]);
	close(self->ready[0]);
	close(self->ready[1]);
}

/* Everything a task may leave behind. */
static char sink[64];
static __u64 five = 5;

/* A write that keeps a worker busy for ever, see worker.c. */
static bool block_worker(struct ring *r)
{
	const __u64 almost = ULLONG_MAX - 2;
	int efd = eventfd(0, EFD_CLOEXEC);
	struct io_uring_sqe *sqe;

	if (efd < 0 || write(efd, &almost, 8) != 8)
		return false;
	sqe = prep(r, IORING_OP_WRITE, efd, &five, 8, -1);
	if (!sqe)
		return false;
	sqe->flags = IOSQE_ASYNC;
	return ring_submit(r) == 1;
}

/*
 * A worker looks up the file of an ASYNC request when it comes to it. Wait
 * until one submitted later is done, and then a little: most have been seen.
 */
static bool let_workers_begin(struct ring *r)
{
	struct io_uring_cqe cqe;
	struct io_uring_sqe *sqe;
	unsigned int i;
	int p[2];
	bool ok;

	if (pipe(p) || write(p[1], "x", 1) != 1)
		return false;
	sqe = prep(r, IORING_OP_READ, p[0], sink, 1, -1);
	if (!sqe)
		return false;
	sqe->flags = IOSQE_ASYNC;
	ok = ring_submit(r) == 1 && !ring_wait(r, &cqe) && cqe.res == 1;
	for (i = 0; i < 10; i++)
		nap();
	close(p[0]);
	close(p[1]);
	return ok;
}

/*
 * Open a ring and put into it: reads that wait on @fd, work that runs, CQEs
 * that nobody reaps and an SQE that nobody submits.
 */
static bool fill(struct ring *r, unsigned int setup, __u8 sqe_flags, int fd)
{
	unsigned int i;

	if (ring_open(r, 16, setup))
		return false;
	for (i = 0; i < 8; i++) {
		struct io_uring_sqe *sqe = prep(r, IORING_OP_READ, fd, sink, 1, -1);

		if (!sqe)
			return false;
		sqe->flags = sqe_flags;
	}
	if (ring_submit(r) != 8 || !block_worker(r))
		return false;
	if ((sqe_flags & IOSQE_ASYNC) && !let_workers_begin(r))
		return false;
	if (!prep_nop(r, 1) || ring_submit(r) != 1 || !prep_nop(r, 2))
		return false;
	ring_publish(r);
	return true;
}

enum ending { RETURN, KILLED, EXEC, EXEC_KILLED, CLOSE, IN_THREAD };

struct thread_arg {
	unsigned int setup;
	__u8 sqe_flags;
	int fd;
	bool ok;
};

static void *fill_in_thread(void *arg)
{
	struct thread_arg *t = arg;
	struct ring r;

	t->ok = fill(&r, t->setup, t->sqe_flags, t->fd);
	return NULL;
}

/*
 * The life of a process that leaves everything behind in one way or another,
 * once @go says so.
 */
static void live(enum ending how, unsigned int setup, __u8 sqe_flags, int fd, int ready, int go)
{
	struct thread_arg t = { setup, sqe_flags, fd, false };
	pthread_t thread;
	struct ring r;
	char c;

	if (how == IN_THREAD) {
		if (pthread_create(&thread, NULL, fill_in_thread, &t) ||
		    pthread_join(thread, NULL) || !t.ok)
			_exit(255);
	} else if (!fill(&r, setup, sqe_flags, fd)) {
		_exit(255);
	}
	/* From here on only requests hold this end of the pipe. */
	close(fd);
	if (write(ready, "r", 1) != 1)
		_exit(254);
	do {
		errno = 0;
	} while (read(go, &c, 1) < 0 && errno == EINTR);

	switch (how) {
	case RETURN:
	case IN_THREAD:
		_exit(0);
	case EXEC:
		execl("/bin/true", "true", NULL);
		break;
	case EXEC_KILLED:
		/* It lives on, as somebody who has no ring. */
		execl("/bin/sleep", "sleep", "1000", NULL);
		break;
	case CLOSE:
		ring_close(&r);
		for (;;)
			pause();
	case KILLED:
		for (;;)
			pause();
	}
	_exit(253);
}

/* Has the other end lost its last reader? */
static int readers_gone(int fd, int ms)
{
	return poll_fd(fd, 0, ms);
}

/* Wait until the process runs this program. */
static void wait_program(pid_t pid, const char *name)
{
	char path[64], comm[32], want[32];
	long end = now_ms() + WAIT_MS;

	snprintf(path, sizeof(path), "/proc/%d/comm", pid);
	snprintf(want, sizeof(want), "%s\n", name);
	while (now_ms() < end) {
		if (read_small_file(path, comm, sizeof(comm)) && !strcmp(comm, want))
			break;
		nap();
	}
}

struct outcome {
	bool held;	/* the requests held the pipe */
	bool released;	/* and let go of it */
	bool ended;	/* the process ended as it should */
};

static struct outcome run(enum ending how, unsigned int setup, __u8 sqe_flags, int fds[2],
			  int ready[2])
{
	struct outcome o = { };
	pid_t pid;
	int go[2];
	char c;

	if (pipe(go))
		return o;
	pid = fork_detached();
	if (!pid) {
		close(fds[1]);
		close(go[1]);
		live(how, setup, sqe_flags, fds[0], ready[1], go[0]);
	}
	close(go[0]);
	close(fds[0]);
	fds[0] = -1;
	if (read(ready[0], &c, 1) != 1)
		return o;
	o.held = readers_gone(fds[1], 0) == 0;
	if (how == KILLED)
		o.ended = kill_ends(pid, RELEASE_MS);
	close(go[1]);
	/* To load a program may take long. */
	if (how == RETURN || how == EXEC || how == IN_THREAD)
		o.ended = reap(pid, how == EXEC ? WAIT_MS : RELEASE_MS) == 0;
	if (how == EXEC_KILLED)
		wait_program(pid, "sleep");
	o.released = readers_gone(fds[1], RELEASE_MS) == POLLERR;
	if (how == CLOSE || how == EXEC_KILLED)
		o.ended = kill_ends(pid, RELEASE_MS);
	return o;
}

TEST_F(exit, process_returns)
{
	struct outcome o = run(RETURN, variant->setup, variant->sqe_flags, self->pipe,
			       self->ready);

	EXPECT_TRUE(o.held);
	EXPECT_TRUE(o.ended);
	EXPECT_TRUE(o.released);
}

TEST_F(exit, process_killed)
{
	struct outcome o = run(KILLED, variant->setup, variant->sqe_flags, self->pipe,
			       self->ready);

	EXPECT_TRUE(o.held);
	EXPECT_TRUE(o.ended);
	EXPECT_TRUE(o.released);
}

TEST_F(exit, exec_and_end)
{
	struct outcome o = run(EXEC, variant->setup, variant->sqe_flags, self->pipe, self->ready);

	EXPECT_TRUE(o.held);
	EXPECT_TRUE(o.ended);
	EXPECT_TRUE(o.released);
}

/* The ring goes with the old program, not with the process. */
TEST_F(exit, exec_and_live)
{
	struct outcome o = run(EXEC_KILLED, variant->setup, variant->sqe_flags, self->pipe,
			       self->ready);

	EXPECT_TRUE(o.held);
	EXPECT_TRUE(o.released);
	EXPECT_TRUE(o.ended);
}

TEST_F(exit, ring_closed)
{
	struct outcome o = run(CLOSE, variant->setup, variant->sqe_flags, self->pipe, self->ready);

	EXPECT_TRUE(o.held);
	EXPECT_TRUE(o.released);
	EXPECT_TRUE(o.ended);
}

TEST_F(exit, process_whose_thread_left)
{
	struct outcome o = run(IN_THREAD, variant->setup, variant->sqe_flags, self->pipe,
			       self->ready);

	EXPECT_TRUE(o.held);
	EXPECT_TRUE(o.ended);
	EXPECT_TRUE(o.released);
}

/* Requests that hold the pipe while nothing happens: the counter-check. */
TEST_F(exit, requests_hold_files)
{
	struct ring r;

	ASSERT_TRUE(fill(&r, variant->setup, variant->sqe_flags, self->pipe[0]));
	close(self->pipe[0]);
	self->pipe[0] = -1;
	EXPECT_EQ(0, readers_gone(self->pipe[1], 50));
	ring_close(&r);
	EXPECT_EQ(POLLERR, readers_gone(self->pipe[1], RELEASE_MS));
	EXPECT_TRUE(fresh_ring_works());
}

/* A dying ring takes no data with it once its requests are gone. */
TEST_F(exit, closed_ring_reads_nothing)
{
	struct ring r;
	char c = 0;
	int fd;

	fd = dup(self->pipe[0]);
	ASSERT_LE(0, fd);
	ASSERT_TRUE(fill(&r, variant->setup, variant->sqe_flags, self->pipe[0]));
	ring_close(&r);
	/* Let it die: a second one, closed later, on a pipe of its own, is gone too. */
	close(self->pipe[0]);
	ASSERT_TRUE(fill(&r, variant->setup, variant->sqe_flags, self->ready[0]));
	close(self->ready[0]);
	self->ready[0] = -1;
	ring_close(&r);
	ASSERT_EQ(POLLERR, readers_gone(self->ready[1], RELEASE_MS));
	self->pipe[0] = fd;
	ASSERT_EQ(1, write(self->pipe[1], "x", 1));
	EXPECT_EQ(POLLIN, poll_fd(fd, POLLIN, 100));
	EXPECT_EQ(1, read(fd, &c, 1));
	EXPECT_EQ('x', c);
}

/* Killed in the middle of it, again and again. */
TEST_F(exit, killed_while_busy)
{
	unsigned int round;

	for (round = 0; round < 5; round++) {
		pid_t pid = fork_detached();
		char c;

		if (!pid) {
			int fds[2];
			int file = tmp_file(NULL, 0);
			struct io_uring_cqe cqe;
			unsigned int i;
			struct ring r;

			if (pipe(fds) || file < 0)
				_exit(1);
			if (!fill(&r, variant->setup, variant->sqe_flags, self->pipe[0]))
				_exit(1);
			for (i = 0;; i++) {
				struct io_uring_sqe *sqe;
				int fd = i % 3 ? file : fds[i / 3 % 2];

				sqe = prep(&r, i % 2 ? IORING_OP_READ : IORING_OP_WRITE, fd,
					   sink, i % 64, i % 4096);
				if (sqe)
					sqe->flags = i % 5 ? 0 : IOSQE_ASYNC;
				if (i % 4 == 3)
					ring_submit(&r);
				while (ring_reap(&r, &cqe))
					;
				if (i % 64 == 63)
					ring_flush(&r);
				if (i == 256 && write(self->ready[1], "r", 1) != 1)
					_exit(2);
			}
		}
		ASSERT_EQ(1, read(self->ready[0], &c, 1));
		EXPECT_TRUE(kill_ends(pid, RELEASE_MS));
	}
	close(self->pipe[0]);
	self->pipe[0] = -1;
	EXPECT_EQ(POLLERR, readers_gone(self->pipe[1], RELEASE_MS));
	EXPECT_TRUE(fresh_ring_works());
}

/* ------------------------------------------------------------------------
 * Threads that end while their ring lives on
 */

struct parked {
	struct ring *ring;
	int fd;
	bool async;
	int submitted;
};

static void *park_and_leave(void *arg)
{
	struct parked *p = arg;
	struct io_uring_sqe *sqe = prep(p->ring, IORING_OP_READ, p->fd, sink, 1, -1);

	sqe->user_data = 7;
	sqe->flags = p->async ? IOSQE_ASYNC : 0;
	p->submitted = ring_submit(p->ring);
	return NULL;
}

/*
 * There is nobody left to run what a thread left waiting: when its event comes
 * it is cancelled, and the data stays where it is.
 */
TEST(thread_leaves_a_parked_read)
{
	struct parked p = { };
	struct io_uring_cqe cqe;
	struct ring r;
	pthread_t thread;
	int fds[2];
	char c = 0;

	ASSERT_EQ(0, ring_open(&r, 8, 0));
	ASSERT_EQ(0, pipe(fds));
	p.ring = &r;
	p.fd = fds[0];
	ASSERT_EQ(0, pthread_create(&thread, NULL, park_and_leave, &p));
	ASSERT_EQ(0, pthread_join(thread, NULL));
	ASSERT_EQ(1, p.submitted);
	ASSERT_EQ(1, write(fds[1], "x", 1));
	ASSERT_EQ(0, ring_wait_ms(&r, &cqe, RELEASE_MS));
	EXPECT_EQ(7u, cqe.user_data);
	EXPECT_TRUE(cqe.res == -ECANCELED || cqe.res == -EFAULT) {
		TH_LOG("res %d", cqe.res);
	}
	EXPECT_EQ(1, read(fds[0], &c, 1));
	EXPECT_EQ('x', c);
	EXPECT_TRUE(ring_works(&r));
	ring_close(&r);
	close(fds[0]);
	close(fds[1]);
}

#ifndef FUTEX2_SIZE_U32
#define FUTEX2_SIZE_U32		0x02
#endif
#ifndef FUTEX2_PRIVATE
#define FUTEX2_PRIVATE		FUTEX_PRIVATE_FLAG
#endif

static unsigned int word;

static void *wait_and_leave(void *arg)
{
	struct parked *p = arg;
	const int flags = FUTEX2_SIZE_U32 | FUTEX2_PRIVATE;
	struct io_uring_sqe *sqe = prep(p->ring, IORING_OP_FUTEX_WAIT, flags, &word, 0, 0);

	sqe->addr3 = UINT_MAX;
	sqe->user_data = 7;
	p->submitted = ring_submit(p->ring);
	return NULL;
}

/* The same for a word of memory, at once. (In the untouched 6.12 it waits on.) */
TEST(thread_leaves_a_futex_wait)
{
	struct parked p = { };
	struct io_uring_cqe cqe;
	pthread_t thread;
	struct ring r;

	ASSERT_EQ(0, ring_open(&r, 8, 0));
	p.ring = &r;
	ASSERT_EQ(0, pthread_create(&thread, NULL, wait_and_leave, &p));
	ASSERT_EQ(0, pthread_join(thread, NULL));
	ASSERT_EQ(1, p.submitted);
	if (untouched() && ring_wait_ms(&r, &cqe, 50))
		SKIP(return, "this kernel's waits on");
	ASSERT_EQ(0, ring_wait_ms(&r, &cqe, RELEASE_MS));
	EXPECT_EQ(7u, cqe.user_data);
	EXPECT_EQ(-ECANCELED, cqe.res);
	EXPECT_EQ(0, syscall(__NR_futex, &word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0));
	ring_close(&r);
}

#define NR_STUCK	560	/* more than a workqueue runs at once */

struct stuck {
	struct ring ring;
	void *missing;
	pthread_t thread;
};

/* Stay in the kernel, with the ring locked, until the page appears */
static void *get_stuck(void *arg)
{
	struct stuck *s = arg;

	prep(&s->ring, IORING_OP_READV, 0, s->missing, 1, -1);
	ring_submit(&s->ring);
	return NULL;
}

static bool all_stuck(struct stuck *stuck, void *missing)
{
	pthread_attr_t attr;
	int i;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 64 * 1024);
	for (i = 0; i < NR_STUCK; i++) {
		stuck[i].missing = missing;
		if (ring_open(&stuck[i].ring, 1, 0) ||
		    pthread_create(&stuck[i].thread, &attr, get_stuck, &stuck[i]))
			return false;
	}
	return true;
}

FIXTURE(stuck)
{
};

FIXTURE_SETUP(stuck)
{
}

FIXTURE_TEARDOWN(stuck)
{
}

/* Kernel workers do not wait for rings whose users are stuck: all others need them. */
TEST_F_TIMEOUT(stuck, rings_stop_nobody_else, 120)
{
	struct rlimit limit = { NR_STUCK + 64, NR_STUCK + 64 };
	struct stuck *stuck = calloc(NR_STUCK, sizeof(*stuck));
	struct parked p = { };
	struct io_uring_cqe cqe;
	void *missing = pages(4096);
	pthread_t thread;
	struct ring r;
	int fds[2], uffd, i, nr_sent = 0;

	ASSERT_NE(NULL, stuck);
	uffd = open_userfault(missing, 4096);
	if (uffd < 0)
		SKIP(return, "no userfaultfd (%s)", strerror(-uffd));
	if (setrlimit(RLIMIT_NOFILE, &limit))
		SKIP(return, "may not open that many files");
	ASSERT_TRUE(all_stuck(stuck, missing));
	ASSERT_EQ(0, ring_open_cq(&r, 1024, 2048, 0));
	for (i = 0; i < NR_STUCK; i++) {
		struct io_uring_sqe *sqe = prep(&r, IORING_OP_MSG_RING, stuck[i].ring.fd,
						NULL, 0, 1);

		sqe->user_data = 1;
	}
	ASSERT_EQ(NR_STUCK, ring_submit(&r));

	/* What a thread leaves behind is ended by a kernel worker */
	ASSERT_EQ(0, pipe(fds));
	p.ring = &r;
	p.fd = fds[0];
	ASSERT_EQ(0, pthread_create(&thread, NULL, park_and_leave, &p));
	ASSERT_EQ(0, pthread_join(thread, NULL));
	ASSERT_EQ(1, write(fds[1], "x", 1));
	/* Some rings may not have been stuck yet */
	do {
		ASSERT_EQ(0, ring_wait(&r, &cqe));
		nr_sent += cqe.user_data == 1;
	} while (cqe.user_data != 7);

	/* All messages arrive when the page does */
	close(uffd);
	for (i = 0; i < NR_STUCK; i++)
		pthread_join(stuck[i].thread, NULL);
	for (; nr_sent < NR_STUCK; nr_sent++) {
		ASSERT_EQ(0, ring_wait(&r, &cqe));
		ASSERT_EQ(1u, cqe.user_data);
		ASSERT_EQ(0, cqe.res);
	}
	for (i = 0; i < NR_STUCK; i++)
		ring_close(&stuck[i].ring);
	ring_close(&r);
	free(stuck);
}

static void *own_and_leave(void *arg)
{
	struct parked *p = arg;

	/* SINGLE_ISSUER: who enables the ring owns it. */
	if (sys_register(p->ring->fd, IORING_REGISTER_ENABLE_RINGS, NULL, 0))
		return NULL;
	if (p->fd == p->ring->fd) {
		prep(p->ring, IORING_OP_POLL_ADD, p->fd, NULL, 0, 0)->poll32_events = POLLIN;
		/* Its CQE is an event for that, which the thread does not wait for. */
		prep_nop(p->ring, 1);
		p->submitted = ring_submit(p->ring) == 2;
	} else {
		park_and_leave(arg);
	}
	return NULL;
}

/*
 * A deferred ring that a thread owned which is gone, with a request for @fd (-1: for
 * itself). It holds @held. 0, or -errno.
 */
static int open_ownerless(struct ring *r, int fd, int held)
{
	struct parked p = { .ring = r };
	pthread_t thread;
	int error;

	error = ring_open(r, 8, IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN |
				IORING_SETUP_R_DISABLED) ?:
		sys_register(r->fd, IORING_REGISTER_FILES, &held, 1);
	if (error)
		return error;
	p.fd = fd < 0 ? r->fd : fd;
	error = pthread_create(&thread, NULL, own_and_leave, &p);
	if (error)
		return -error;
	pthread_join(thread, NULL);
	return p.submitted == 1 ? 0 : -EIO;
}

/* Nobody may ask it for completions, so it shows none; closing it ends all. */
TEST(owner_leaves_a_parked_read)
{
	struct ring r;
	int fds[2];

	if (setup_missing(IORING_SETUP_DEFER_TASKRUN))
		SKIP(return, "kernel lacks DEFER_TASKRUN");
	ASSERT_EQ(0, pipe(fds));
	ASSERT_EQ(0, open_ownerless(&r, fds[0], -1));
	ASSERT_EQ(1, write(fds[1], "x", 1));
	EXPECT_EQ(-EEXIST, ring_flush(&r));
	poll(NULL, 0, 50);
	EXPECT_EQ(0u, ring_ready(&r));
	EXPECT_EQ(-EEXIST, ring_enter_wait(&r, 1, 10));
	close(fds[0]);
	EXPECT_EQ(0, readers_gone(fds[1], 0));
	ring_close(&r);
	EXPECT_EQ(POLLERR, readers_gone(fds[1], RELEASE_MS));
	close(fds[1]);
}

/* A request that waits for the ring itself does not keep it alive. */
TEST(owner_leaves_a_poll_of_its_ring)
{
	unsigned int i;
	struct ring r;
	int fds[2];

	if (setup_missing(IORING_SETUP_DEFER_TASKRUN))
		SKIP(return, "kernel lacks DEFER_TASKRUN");
	for (i = 0; i < 20; i++) {
		ASSERT_EQ(0, pipe(fds));
		ASSERT_EQ(0, open_ownerless(&r, -1, fds[0]));
		close(fds[0]);
		EXPECT_EQ(0, readers_gone(fds[1], 0));
		ring_close(&r);
		EXPECT_EQ(POLLERR, readers_gone(fds[1], RELEASE_MS));
		close(fds[1]);
	}
	EXPECT_TRUE(fresh_ring_works());
}

/*
 * A chain of requests that wait for their own ring, each started by the end of the
 * one before. They hold the ring, which holds the pipe.
 */
static void live_in_chain(unsigned int setup, int fd, int ready)
{
	struct ring r;
	int i;

	if (ring_open(&r, 8, setup) ||
	    sys_register(r.fd, IORING_REGISTER_FILES, &fd, 1))
		_exit(255);
	for (i = 0; i < 3; i++) {
		struct io_uring_sqe *sqe = prep(&r, IORING_OP_POLL_ADD, r.fd, NULL, 0, 0);

		sqe->poll32_events = POLLPRI;
		sqe->flags = i < 2 ? IOSQE_IO_HARDLINK : 0;
	}
	if (ring_submit(&r) < 0)
		_exit(254);
	close(fd);
	if (write(ready, "r", 1) != 1)
		_exit(253);
}

static void chain_ends(struct __test_metadata *_metadata, unsigned int setup, bool killed)
{
	int fds[2], ready[2];
	pid_t pid;
	char c;

	ASSERT_EQ(0, pipe(fds));
	ASSERT_EQ(0, pipe(ready));
	pid = fork_detached();
	if (!pid) {
		close(fds[1]);
		live_in_chain(setup, fds[0], ready[1]);
		while (killed)
			pause();
		_exit(0);
	}
	close(fds[0]);
	ASSERT_EQ(1, read(ready[0], &c, 1));
	EXPECT_TRUE(killed ? kill_ends(pid, RELEASE_MS) : !reap(pid, RELEASE_MS));
	EXPECT_EQ(POLLERR, readers_gone(fds[1], RELEASE_MS));
	close(fds[1]);
	close(ready[0]);
	close(ready[1]);
}

/* What a request's end starts while its thread exits does not begin to wait. */
TEST(process_leaves_a_chain)
{
	chain_ends(_metadata, 0, false);
	chain_ends(_metadata, 0, true);
	chain_ends(_metadata, IORING_SETUP_SQPOLL, false);
	chain_ends(_metadata, IORING_SETUP_SQPOLL, true);
	if (!setup_missing(IORING_SETUP_DEFER_TASKRUN))
		chain_ends(_metadata, IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN,
			   false);
}

struct closer {
	int fd;
	int delay_us;
};

static void *close_late(void *arg)
{
	const struct closer *c = arg;

	usleep(c->delay_us);
	close(c->fd);
	return NULL;
}

/*
 * The ring of a thread that runs another program, with an event nobody has collected,
 * is closed by another thread meanwhile.
 */
static void exec_and_close(int delay_us)
{
	static char *argv[2002] = { "true" };
	struct closer c = { .delay_us = delay_us };
	pthread_t thread;
	struct ring r;
	int i, fds[2];

	for (i = 1; i < 2000; i++)
		argv[i] = "an argument that has to be copied";
	if (pipe(fds) ||
	    ring_open(&r, 8, IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN) ||
	    !prep(&r, IORING_OP_READ, fds[0], sink, 1, -1) || ring_submit(&r) != 1 ||
	    write(fds[1], "x", 1) != 1)
		_exit(255);
	c.fd = r.fd;
	ring_unmap(&r);
	if (pthread_create(&thread, NULL, close_late, &c))
		_exit(254);
	execv("/bin/true", argv);
	_exit(253);
}

TEST(exec_while_a_ring_is_closed)
{
	long end = now_ms() + 15000;
	unsigned int i;
	pid_t pid;

	if (setup_missing(IORING_SETUP_DEFER_TASKRUN))
		SKIP(return, "kernel lacks DEFER_TASKRUN");
	/* All delays up to 4 ms, in an order in which the first ones differ a lot */
	for (i = 0; i < 100 && now_ms() < end; i++) {
		pid = fork_detached();
		if (!pid)
			exec_and_close(i * 37 % 100 * 40);
		ASSERT_EQ(0, reap(pid, WAIT_MS));
	}
	EXPECT_LT(10u, i);
	EXPECT_TRUE(fresh_ring_works());
}

static void *block_and_leave(void *arg)
{
	struct parked *p = arg;

	p->submitted = block_worker(p->ring);
	return NULL;
}

/* What its workers do is cancelled at once: they go with it. */
TEST(thread_leaves_a_running_worker)
{
	struct parked p = { };
	struct io_uring_cqe cqe;
	pthread_t thread;
	struct ring r;

	ASSERT_EQ(0, ring_open(&r, 8, 0));
	p.ring = &r;
	ASSERT_EQ(0, pthread_create(&thread, NULL, block_and_leave, &p));
	ASSERT_EQ(0, pthread_join(thread, NULL));
	ASSERT_EQ(1, p.submitted);
	ASSERT_EQ(0, ring_wait_ms(&r, &cqe, RELEASE_MS));
	EXPECT_TRUE(cqe.res == -ECANCELED || cqe.res == -EINTR) {
		TH_LOG("res %d", cqe.res);
	}
	EXPECT_TRUE(ring_works(&r));
	ring_close(&r);
}

#define EXIT_DISK	"iou_exit"
#define NR_COLD		16

struct cold_reads {
	struct ring *ring;
	int fd;
	char *buf;
	__u8 flags;
	int submitted;
};

/* Submit reads of pages that are far apart, and be gone */
static void *read_and_leave(void *arg)
{
	struct cold_reads *c = arg;
	int i;

	for (i = 0; i < NR_COLD; i++) {
		struct io_uring_sqe *sqe = prep(c->ring, IORING_OP_READ, c->fd,
						c->buf + i * 4096, 4096, i << 20);

		sqe->flags = c->flags;
		sqe->user_data = i;
	}
	c->submitted = ring_submit(c->ring);
	return NULL;
}

static void expect_cold_reads(struct __test_metadata *_metadata, struct cold_reads *c)
{
	struct io_uring_cqe cqe;
	pthread_t thread;
	int i;

	ASSERT_EQ(0, posix_fadvise(c->fd, 0, 0, POSIX_FADV_DONTNEED));
	memset(c->buf, 0, NR_COLD * 4096);
	ASSERT_EQ(0, pthread_create(&thread, NULL, read_and_leave, c));
	ASSERT_EQ(0, pthread_join(thread, NULL));
	ASSERT_EQ(NR_COLD, c->submitted);
	for (i = 0; i < NR_COLD; i++) {
		ASSERT_EQ(0, ring_wait(c->ring, &cqe));
		EXPECT_EQ(4096, cqe.res);
		EXPECT_TRUE(has_pattern(c->buf + cqe.user_data * 4096, 4096, cqe.user_data));
	}
}

/*
 * The disk is still busy with what a thread reads when that exits. The process and its
 * ring live on, and get the data.
 */
TEST_F_TIMEOUT(exit, buffered_reads_of_a_thread, 60)
{
	struct cold_reads c = { .flags = variant->sqe_flags };
	char page[4096];
	struct ring r;
	int i;

	if (variant->setup & IORING_SETUP_DEFER_TASKRUN)
		SKIP(return, "nobody can ask for its results any more");
	if (untouched())
		SKIP(return, "this kernel says -EFAULT or -ECANCELED");
	if (!disk_make(EXIT_DISK, 32, 200000))
		SKIP(return, "no null_blk that configfs can make");
	c.fd = open("/dev/" EXIT_DISK, O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, c.fd);
	for (i = 0; i < NR_COLD; i++) {
		fill_pattern(page, 4096, i);
		ASSERT_EQ(4096, pwrite(c.fd, page, 4096, i << 20));
	}
	ASSERT_EQ(0, fsync(c.fd));

	c.buf = pages(NR_COLD * 4096);
	c.ring = &r;
	ASSERT_EQ(0, ring_open(&r, NR_COLD, variant->setup));
	for (i = 0; i < 3; i++)
		expect_cold_reads(_metadata, &c);
	ring_close(&r);
	close(c.fd);
	disk_remove(EXIT_DISK);
}

/* The same between processes that share a ring. */
TEST(process_leaves_a_parked_read)
{
	struct io_uring_cqe cqe;
	struct ring r;
	int fds[2];
	char c = 0;
	pid_t pid;

	ASSERT_EQ(0, ring_open(&r, 8, 0));
	ASSERT_EQ(0, pipe(fds));
	pid = fork();
	if (!pid) {
		struct parked p = { .ring = &r, .fd = fds[0] };

		park_and_leave(&p);
		_exit(p.submitted != 1);
	}
	ASSERT_EQ(0, reap(pid, WAIT_MS));
	ASSERT_EQ(1, write(fds[1], "x", 1));
	ASSERT_EQ(0, ring_wait_ms(&r, &cqe, RELEASE_MS));
	EXPECT_EQ(7u, cqe.user_data);
	EXPECT_TRUE(cqe.res == -ECANCELED || cqe.res == -EFAULT) {
		TH_LOG("res %d", cqe.res);
	}
	EXPECT_EQ(1, read(fds[0], &c, 1));
	r.next = load(r.sq_tail);
	EXPECT_TRUE(ring_works(&r));
	ring_close(&r);
	close(fds[0]);
	close(fds[1]);
}

/* A child that uses its parent's ring, while the parent does too. */
TEST(shared_with_a_child)
{
	struct io_uring_cqe cqe;
	unsigned int i, seen = 0;
	struct ring r;
	pid_t pid;

	ASSERT_EQ(0, ring_open_cq(&r, 8, 1024, 0));
	for (i = 0; i < 50; i++) {
		pid = fork();
		if (!pid)
			_exit(!(prep_nop(&r, i) && ring_submit(&r) == 1));
		ASSERT_EQ(0, reap(pid, WAIT_MS));
		r.next = load(r.sq_tail);
		ASSERT_TRUE(prep_nop(&r, 1000 + i));
		ASSERT_EQ(1, ring_submit(&r));
	}
	while (ring_reap(&r, &cqe)) {
		EXPECT_EQ(seen / 2 + (seen % 2 ? 1000 : 0), cqe.user_data);
		seen++;
	}
	EXPECT_EQ(100u, seen);
	ring_close(&r);
}

/* The parent goes; the child has the ring and may go on. */
TEST(inherited_by_the_survivor)
{
	int done[2], alive[2];
	pid_t parent;
	char c = 0;

	ASSERT_EQ(0, pipe(done));
	ASSERT_EQ(0, pipe(alive));
	parent = fork_detached();
	if (!parent) {
		struct ring r;

		if (ring_open(&r, 8, 0) || !ring_works(&r))
			_exit(1);
		if (fork())
			_exit(0);
		close(alive[1]);
		if (read(alive[0], &c, 1) != 0)
			_exit(1);
		c = ring_works(&r) ? 'y' : 'n';
		_exit(write(done[1], &c, 1) != 1);
	}
	EXPECT_EQ(0, reap(parent, RELEASE_MS));
	close(done[1]);
	close(alive[1]);
	ASSERT_EQ(1, read(done[0], &c, 1));
	EXPECT_EQ('y', c);
	close(done[0]);
	close(alive[0]);
}

/* A ring's fd may not be sent to others. */
TEST(not_over_a_socket)
{
	union {
		struct cmsghdr hdr;
		char space[CMSG_SPACE(sizeof(int))];
	} control = { };
	struct iovec iov = { .iov_base = sink, .iov_len = 1 };
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	struct ring r;
	int sk[2];

	ASSERT_EQ(0, ring_open(&r, 8, 0));
	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, sk));
	control.hdr.cmsg_level = SOL_SOCKET;
	control.hdr.cmsg_type = SCM_RIGHTS;
	control.hdr.cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(&control.hdr), &r.fd, sizeof(int));
	EXPECT_EQ(-1, sendmsg(sk[0], &msg, 0));
	EXPECT_EQ(EINVAL, errno);
	/* Any other fd may. */
	memcpy(CMSG_DATA(&control.hdr), &sk[1], sizeof(int));
	EXPECT_EQ(1, sendmsg(sk[0], &msg, 0));
	EXPECT_TRUE(ring_works(&r));
	close(sk[0]);
	close(sk[1]);
	ring_close(&r);
}

/* ------------------------------------------------------------------------
 * What it costs
 */

struct parker {
	struct ring *ring;
	pthread_mutex_t *lock;
	pthread_barrier_t *parked;
	pthread_barrier_t *go;
	int fd;
	bool ok;
};

#define NR_POLLS	50

static void *park_and_stay(void *arg)
{
	struct parker *p = arg;
	unsigned int i;

	pthread_mutex_lock(p->lock);
	p->ok = true;
	for (i = 0; i < NR_POLLS; i++)
		p->ok &= queue(p->ring, i, 0, sqe_poll(p->fd, POLLIN));
	p->ok &= ring_submit(p->ring) == NR_POLLS;
	pthread_mutex_unlock(p->lock);
	pthread_barrier_wait(p->parked);
	pthread_barrier_wait(p->go);
	return NULL;
}

/* In how many ns is a ring closed in which so many threads have parked something? */
static long long cost_of_close(unsigned int nr_threads, int fd)
{
	pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	struct parker *parkers = calloc(nr_threads, sizeof(*parkers));
	pthread_t *threads = calloc(nr_threads, sizeof(*threads));
	pthread_barrier_t parked, go;
	long long ns = -1;
	pthread_attr_t attr;
	unsigned int i;
	struct ring r;
	bool ok;

	ok = parkers && threads && !ring_open(&r, 64, 0);
	pthread_barrier_init(&parked, NULL, nr_threads + 1);
	pthread_barrier_init(&go, NULL, nr_threads + 1);
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 64 * 1024);
	for (i = 0; ok && i < nr_threads; i++) {
		parkers[i] = (struct parker) { &r, &lock, &parked, &go, fd, false };
		ok = !pthread_create(&threads[i], &attr, park_and_stay, &parkers[i]);
	}
	if (!ok)
		return -1;
	pthread_barrier_wait(&parked);
	for (i = 0; i < nr_threads; i++)
		ok &= parkers[i].ok;
	ring_unmap(&r);
	if (ok) {
		ns = used_ns();
		close(r.fd);
		ns = used_ns() - ns;
	}
	pthread_barrier_wait(&go);
	for (i = 0; i < nr_threads; i++)
		pthread_join(threads[i], NULL);
	free(parkers);
	free(threads);
	return ns;
}

FIXTURE(crowd) {
	int fds[2];
};

FIXTURE_SETUP(crowd)
{
	ASSERT_EQ(0, pipe(self->fds));
}

FIXTURE_TEARDOWN(crowd)
{
	close(self->fds[0]);
	close(self->fds[1]);
}

/* Four times as many threads, with four times as many requests, take not much longer than that. */
TEST_F_TIMEOUT(crowd, close_with_many_threads, 300)
{
	long long few = LLONG_MAX, many = LLONG_MAX, ns;
	unsigned int i;

	for (i = 0; i < 3; i++) {
		ns = cost_of_close(100, self->fds[0]);
		ASSERT_LT(0, ns);
		few = ns < few ? ns : few;
		ns = cost_of_close(400, self->fds[0]);
		ASSERT_LT(0, ns);
		many = ns < many ? ns : many;
	}
	TH_LOG("close: %lld us with 100 threads, %lld us with 400", few / 1000, many / 1000);
	EXPECT_LT(many, 9 * few);
}

#define NR_HARD	8192

static void exec_with_a_long_chain(unsigned int setup)
{
	struct __kernel_timespec ts = TS_NEVER;
	struct ring r;
	unsigned int i;

	if (ring_open(&r, NR_HARD, setup))
		_exit(255);
	for (i = 0; i < NR_HARD; i++)
		queue(&r, i, i < NR_HARD - 1 ? IOSQE_IO_HARDLINK : 0, sqe_timeout(&ts, 0, 0));
	if (ring_submit(&r) != NR_HARD)
		_exit(254);
	execl("/bin/true", "true", NULL);
	_exit(253);
}

/* A member of a chain that has not been started does not have to be, and waits for no tick. */
TEST(exec_with_hard_links)
{
	static const unsigned int setups[] = { 0, SETUP_COOP, SETUP_DEFER };
	unsigned int i;
	long start;
	pid_t pid;

	for (i = 0; i < ARRAY_LEN(setups); i++) {
		if (setup_missing(setups[i]))
			continue;
		start = now_ms();
		pid = fork_detached();
		if (!pid)
			exec_with_a_long_chain(setups[i]);
		EXPECT_EQ(0, reap(pid, 4 * WAIT_MS));
		TH_LOG("setup %#x: %ld ms", setups[i], now_ms() - start);
		/* With a tick for each there are 8 seconds more, or 32 */
		EXPECT_GT(6000, now_ms() - start);
	}
}

/*
 * A lock on a file that only a ring refers to is free when its process has been reaped, if
 * nothing is being done with the file.
 */
TEST(locks_of_a_dead_process)
{
	int file = tmp_file(NULL, 0), ready[2], i;
	char path[64], c;

	if (untouched())
		SKIP(return, "this kernel frees it a little later");
	ASSERT_EQ(0, pipe(ready));
	snprintf(path, sizeof(path), "/proc/self/fd/%d", file);
	for (i = 0; i < 10; i++) {
		pid_t pid = fork();

		if (!pid) {
			int mine = open(path, O_RDWR | O_CLOEXEC);
			struct ring r;

			if (ring_open(&r, 4, 0) || flock(mine, LOCK_EX) ||
			    sys_register(r.fd, IORING_REGISTER_FILES, &mine, 1) || close(mine))
				_exit(1);
			if (write(ready[1], "r", 1) != 1)
				_exit(1);
			pause();
			_exit(2);
		}
		ASSERT_EQ(1, read(ready[0], &c, 1));
		EXPECT_EQ(-1, flock(file, LOCK_EX | LOCK_NB));
		kill(pid, SIGKILL);
		EXPECT_EQ(SIGKILL, reap(pid, WAIT_MS));
		ASSERT_EQ(0, flock(file, LOCK_EX | LOCK_NB)) {
			TH_LOG("the %dth is still locked", i + 1);
		}
		ASSERT_EQ(0, flock(file, LOCK_UN));
	}
	close(ready[0]);
	close(ready[1]);
	close(file);
}

/* ------------------------------------------------------------------------
 * A process can be killed while another one that uses the same ring is stuck in a page
 * fault, with the ring locked.
 */

/**
 * struct victim - what the process that is killed, and its parent, have in common
 * @ring: a ring of both
 * @file: what is registered with it
 * @pair: a socket for the parent
 * @ready: the victim says a descriptor of its own, or -1
 * @go: it is told to go on
 * @fifo: a path
 * @page: absent
 * @uffd: closing it ends the fault
 * @thread: who is in it, with the ring locked
 */
struct victim {
	struct ring ring;
	int file[2];
	int pair[2];
	int ready[2];
	int go[2];
	char fifo[PATH_MAX];
	void *page;
	int uffd;
	pthread_t thread;
};

static void victim_says(struct victim *v, int fd)
{
	char c;

	if (write(v->ready[1], &fd, sizeof(fd)) != sizeof(fd) || read(v->go[0], &c, 1) != 1)
		_exit(1);
}

static int never_woken;

static bool wait_for_futex(struct ring *r)
{
	struct io_uring_sqe *sqe = prep(r, IORING_OP_FUTEX_WAIT, FUTEX2_SIZE_U32 | FUTEX2_PRIVATE,
					&never_woken, 0, 0);

	sqe->addr3 = FUTEX_BITSET_MATCH_ANY;
	sqe->user_data = 3;
	return ring_submit(r) == 1;
}

static void victim_waits(struct victim *v)
{
	if (!wait_for_futex(&v->ring))
		_exit(1);
	victim_says(v, -1);
	pause();
}

static void victim_execs(struct victim *v)
{
	char *const argv[] = { "true", NULL };

	if (!wait_for_futex(&v->ring))
		_exit(1);
	victim_says(v, -1);
	execv("/bin/true", argv);
}

static void victim_opens(struct victim *v)
{
	struct io_uring_sqe *sqe = prep(&v->ring, IORING_OP_OPENAT, AT_FDCWD, v->fifo, 0, 0);

	sqe->open_flags = O_RDONLY;
	sqe->file_index = 1;
	sqe->flags = IOSQE_ASYNC;
	if (ring_submit(&v->ring) != 1)
		_exit(1);
	victim_says(v, -1);
	pause();
}

static void victim_has_a_thread(struct victim *v)
{
	struct ring r;

	if (ring_open(&r, 8, IORING_SETUP_SQPOLL))
		_exit(1);
	victim_says(v, r.fd);
	/* The thread tries to take it */
	prep_nop(&r, 1);
	ring_publish(&r);
	sys_enter(r.fd, 0, 0, IORING_ENTER_SQ_WAKEUP, NULL, 0);
	pause();
}

static void victim_closes(struct victim *v)
{
	victim_says(v, -1);
	pause();
}

/* Reads an iovec from there, under the lock */
static void *register_absent(void *arg)
{
	struct victim *v = arg;

	sys_register(v->ring.fd, IORING_REGISTER_BUFFERS, v->page, 1);
	return NULL;
}

/* Its event writes there, under the lock. It has nothing else to do with the ring */
static void *receive_absent(void *arg)
{
	struct victim *v = arg;

	prep(&v->ring, IORING_OP_RECV, v->pair[0], v->page, 1, 0);
	ring_submit(&v->ring);
	ring_close(&v->ring);
	if (write(v->ready[1], &v->uffd, sizeof(v->uffd)) > 0)
		poll_fd(v->pair[0], POLLHUP, 2 * WAIT_MS);
	return NULL;
}

FIXTURE(victim)
{
	struct victim v;
};

FIXTURE_VARIANT(victim)
{
	void (*does)(struct victim *v);
	void *(*stuck)(void *v);
	bool blocks;	/* also without being killed */
};

FIXTURE_VARIANT_ADD(victim, waits) {
	.does = victim_waits, .stuck = register_absent,
};

FIXTURE_VARIANT_ADD(victim, execs) {
	.does = victim_execs, .stuck = register_absent, .blocks = true,
};

FIXTURE_VARIANT_ADD(victim, opens) {
	.does = victim_opens, .stuck = register_absent,
};

FIXTURE_VARIANT_ADD(victim, has_a_thread) {
	.does = victim_has_a_thread, .stuck = register_absent,
};

FIXTURE_VARIANT_ADD(victim, closes) {
	.does = victim_closes, .stuck = receive_absent,
};

FIXTURE_SETUP(victim)
{
	struct victim *v = &self->v;

	ASSERT_EQ(0, ring_open(&v->ring, 8, 0));
	ASSERT_EQ(0, pipe2(v->file, O_CLOEXEC));
	ASSERT_EQ(0, sys_register(v->ring.fd, IORING_REGISTER_FILES, &v->file[0], 1));
	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, v->pair));
	ASSERT_EQ(0, pipe(v->ready));
	ASSERT_EQ(0, pipe(v->go));
	snprintf(v->fifo, sizeof(v->fifo), "%s/iou_victim.%d", tmp_dir(), getpid());
	ASSERT_EQ(0, mkfifo(v->fifo, 0600));
	v->page = pages(4096);
	v->uffd = -1;
}

FIXTURE_TEARDOWN(victim)
{
	unlink(self->v.fifo);
}

/* Is any thread of the process in a sleep that is no wait for an event? */
static bool any_blocked(pid_t pid)
{
	char path[PATH_MAX], buf[512];
	struct dirent *entry;
	bool blocked = false;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	dir = opendir(path);
	while (dir && (entry = readdir(dir))) {
		char *state;

		snprintf(path, sizeof(path), "/proc/%d/task/%s/stat", pid, entry->d_name);
		if (!read_small_file(path, buf, sizeof(buf)))
			continue;
		state = strrchr(buf, ')');
		blocked |= state && state[1] && state[2] == 'D';
	}
	if (dir)
		closedir(dir);
	return blocked;
}

static void wait_until_blocked(pid_t pid, long ms)
{
	long end = now_ms() + ms;

	while (!any_blocked(pid) && now_ms() < end)
		nap();
}

/* Whoever uses a ring that somebody else is stuck with can be killed, and it ends later */
TEST_F_TIMEOUT(victim, is_killed, 120)
{
	struct victim *v = &self->v;
	bool killed, old = untouched();
	struct io_uring_cqe cqe;
	int fd, pidfd, fifo, ret;
	pid_t pid;

	v->uffd = open_userfault(v->page, 4096);
	if (v->uffd < 0)
		SKIP(return, "no userfaultfd (%s)", strerror(-v->uffd));
	pid = fork_detached();
	if (!pid) {
		close(v->uffd);
		variant->does(v);
		_exit(2);
	}
	ASSERT_EQ((int)sizeof(fd), read(v->ready[0], &fd, sizeof(fd)));
	close(v->file[0]);
	if (fd >= 0) {
		ring_close(&v->ring);
		pidfd = syscall(__NR_pidfd_open, pid, 0);
		v->ring.fd = syscall(__NR_pidfd_getfd, pidfd, fd, 0);
		close(pidfd);
		ASSERT_LE(0, v->ring.fd);
	}

	ASSERT_EQ(0, pthread_create(&v->thread, NULL, variant->stuck, v));
	if (variant->stuck == receive_absent) {
		ASSERT_EQ((int)sizeof(fd), read(v->ready[0], &fd, sizeof(fd)));
		ASSERT_EQ(1, write(v->pair[1], "x", 1));
	}
	ASSERT_EQ(POLLIN, poll_fd(v->uffd, POLLIN, WAIT_MS));
	fifo = variant->does == victim_opens ? open(v->fifo, O_WRONLY) : -1;
	if (variant->stuck != receive_absent)
		ASSERT_EQ(1, write(v->go[1], "x", 1));
	wait_until_blocked(pid, variant->blocks ? WAIT_MS : 200);

	killed = kill_ends(pid, old ? 10 : WAIT_MS);
	EXPECT_TRUE(killed || old);

	close(v->uffd);
	if (variant->stuck == receive_absent)
		close(v->pair[1]);
	pthread_join(v->thread, NULL);
	if (!killed)
		EXPECT_LE(0, reap(pid, WAIT_MS));

	/* What could not be done meanwhile is done now */
	if (variant->does == victim_waits || variant->does == victim_execs) {
		/* Where the task has stayed there may be none */
		ret = ring_wait_ms(&v->ring, &cqe, old ? 50 : WAIT_MS);
		ASSERT_TRUE(!ret || old);
		EXPECT_TRUE(ret || (cqe.user_data == 3 && cqe.res == -ECANCELED));
	}
	if (variant->stuck == register_absent && fd < 0)
		ring_close(&v->ring);
	EXPECT_EQ(POLLERR, poll_fd(v->file[1], POLLERR, WAIT_MS) & POLLERR);
	close(fifo);
	EXPECT_TRUE(fresh_ring_works());
}

TEST_HARNESS_MAIN
