// SPDX-License-Identifier: GPL-2.0
/*
 * An application that writes rubbish into everything it shares with the kernel
 * while requests run. It may harm itself: it gets wrong completions, or none.
 * It must not harm the kernel, nor become unkillable.
 *
 * IOU_TEST_SECONDS in the environment: for how long, in each mode (default: 1).
 * IOU_TEST_DISKS: a disk may be read from, /dev/nullb0.
 */
#include "iou_test.h"

#include <pthread.h>
#include <sys/eventfd.h>

#include "../kselftest_harness.h"

#define ARENA		(1024 * 1024)

/* Shared between the test and the process that misbehaves. */
struct shared {
	unsigned int enters;
	int ring_fd;
	struct io_uring_params p;
};

FIXTURE(hostile)
{
	struct shared *shared;
	int pipe[2];
	int ms;
};

FIXTURE_VARIANT(hostile)
{
	unsigned int setup;
};

FIXTURE_VARIANT_ADD(hostile, plain) {
	.setup = 0,
};

FIXTURE_VARIANT_ADD(hostile, no_sqarray) {
	.setup = IORING_SETUP_NO_SQARRAY | IORING_SETUP_SUBMIT_ALL,
};

FIXTURE_VARIANT_ADD(hostile, coop) {
	.setup = IORING_SETUP_COOP_TASKRUN | IORING_SETUP_SUBMIT_ALL,
};

FIXTURE_VARIANT_ADD(hostile, defer) {
	.setup = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN,
};

FIXTURE_VARIANT_ADD(hostile, sqpoll) {
	.setup = IORING_SETUP_SQPOLL,
};

FIXTURE_VARIANT_ADD(hostile, iopoll) {
	.setup = IORING_SETUP_IOPOLL,
};

FIXTURE_VARIANT_ADD(hostile, iopoll_defer) {
	.setup = IORING_SETUP_IOPOLL | IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN,
};

FIXTURE_VARIANT_ADD(hostile, iopoll_sqpoll) {
	.setup = IORING_SETUP_IOPOLL | IORING_SETUP_SQPOLL | IORING_SETUP_SUBMIT_ALL,
};

FIXTURE_SETUP(hostile)
{
	const char *missing = setup_missing(variant->setup);

	if (missing)
		SKIP(return, "kernel lacks %s", missing);
	self->ms = 1000 * test_seconds(1);
	self->shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, self->shared);
	ASSERT_EQ(0, pipe(self->pipe));
}

FIXTURE_TEARDOWN(hostile)
{
	close(self->pipe[0]);
	close(self->pipe[1]);
}

/* ------------------------------------------------------------------------
 * The hostile application
 */

struct app {
	struct ring ring;
	pthread_t thread;
	unsigned int stop;
	unsigned long long seed;
	unsigned int wakeup;
	int fds[8];
	void *addrs[6];
};

static unsigned int rnd(unsigned long long *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed >> 16;
}

/* Values that come near something, or are far from everything. */
static unsigned int bad_index(unsigned long long *seed, unsigned int now)
{
	switch (rnd(seed) % 4) {
	case 0:
		return now + rnd(seed) % 64 - 32;
	case 1:
		return now + 0x80000000;
	case 2:
		return rnd(seed) % 2 ? 0 : UINT_MAX;
	default:
		return rnd(seed);
	}
}

/*
 * Each field is taken from a set of its own, so that whatever mixture the
 * kernel picks up does nothing worse than fail: the only file that can be
 * written is sealed, and no more than the arena is read into.
 */
static void scribble_sqe(struct app *app, unsigned long long *seed, struct io_uring_sqe *sqe)
{
	static const __u8 ops[] = {
		IORING_OP_NOP, IORING_OP_READ, IORING_OP_WRITE, IORING_OP_READV, IORING_OP_WRITEV,
		IORING_OP_READ, IORING_OP_READV, IORING_OP_READ_FIXED,
		IORING_OP_FSYNC, IORING_OP_FTRUNCATE, IORING_OP_FADVISE,
		IORING_OP_POLL_ADD, IORING_OP_POLL_REMOVE, IORING_OP_TIMEOUT,
		IORING_OP_TIMEOUT_REMOVE, IORING_OP_LINK_TIMEOUT, IORING_OP_ASYNC_CANCEL,
		200, 255,
	};
	static const __u8 flags[] = {
		0, 0, 0, 0, 0, 0, IOSQE_ASYNC, IOSQE_ASYNC, IOSQE_IO_LINK, IOSQE_IO_HARDLINK,
		IOSQE_IO_LINK | IOSQE_ASYNC, IOSQE_IO_DRAIN, IOSQE_FIXED_FILE,
		IOSQE_CQE_SKIP_SUCCESS, 1 << 7,
	};
	static const unsigned int lens[] = { 0, 1, 2, 8, 4096, 1024, 1025, UINT_MAX };
	static const __u64 offs[] = { 0, 1, 4096, 1ULL << 40, LLONG_MAX, -1ULL };
	static const unsigned int rw_flags[] = { 0, 0, 0, 0, 1, 2, 5, 8, 1u << 31 };

	sqe->opcode = ops[rnd(seed) % ARRAY_LEN(ops)];
	sqe->flags = flags[rnd(seed) % ARRAY_LEN(flags)];
	sqe->ioprio = rnd(seed) % 8 ? 0 : rnd(seed);
	sqe->fd = app->fds[rnd(seed) % ARRAY_LEN(app->fds)];
	sqe->off = offs[rnd(seed) % ARRAY_LEN(offs)];
	sqe->addr = (uintptr_t)app->addrs[rnd(seed) % ARRAY_LEN(app->addrs)];
	sqe->len = lens[rnd(seed) % ARRAY_LEN(lens)];
	sqe->rw_flags = rw_flags[rnd(seed) % ARRAY_LEN(rw_flags)];
	sqe->user_data = rnd(seed);
	sqe->personality = rnd(seed) % 8 ? 0 : rnd(seed);
	sqe->buf_index = rnd(seed) % 8 ? 0 : rnd(seed);
}

static void scribble_once(struct app *app, unsigned long long *seed)
{
	struct ring *r = &app->ring;

	switch (rnd(seed) % 12) {
	case 0:
		store(r->sq_head, bad_index(seed, load(r->sq_head)));
		break;
	case 1:
		store(r->sq_tail, bad_index(seed, load(r->sq_tail)));
		break;
	case 2:
		store(r->cq_head, bad_index(seed, load(r->cq_tail)));
		break;
	case 3:
		store(r->cq_tail, bad_index(seed, load(r->cq_head)));
		break;
	case 4:
		store(r->cq_tail, load(r->cq_head));
		break;
	case 5:
		store(r->cq_head, load(r->cq_tail));
		break;
	case 6:
		/* Masks, sizes, counters and flags. */
		*ring_word(r, 16 + rnd(seed) % 8 * 4) = rnd(seed);
		break;
	case 7:
		if (r->sq_array)
			r->sq_array[rnd(seed) & r->sq_mask] = rnd(seed) % 2 ?
				rnd(seed) & r->sq_mask : rnd(seed);
		break;
	case 8:
		r->cqes[rnd(seed) & r->cq_mask].user_data = rnd(seed);
		break;
	default:
		scribble_sqe(app, seed, &r->sqes[rnd(seed) & r->sq_mask]);
		break;
	}
}

static void *scribbler(void *arg)
{
	struct app *app = arg;
	unsigned long long seed = 0x9e3779b97f4a7c15ULL;

	while (!__atomic_load_n(&app->stop, __ATOMIC_RELAXED))
		scribble_once(app, &seed);
	return NULL;
}

static int app_files(struct app *app, int pipe_in)
{
	int fd = memfd_create("iou_test", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	int p[2];

	if (fd < 0 || ftruncate(fd, 65536) ||
	    fcntl(fd, F_ADD_SEALS, F_SEAL_GROW | F_SEAL_SHRINK) || pipe2(p, O_NONBLOCK))
		return -errno;
	/* Requests wait all the same; the application itself must not. */
	app->fds[0] = fd;
	app->fds[1] = p[0];
	app->fds[2] = p[1];
	app->fds[3] = eventfd(1, EFD_NONBLOCK);
	app->fds[4] = pipe_in;
	app->fds[5] = -1;
	app->fds[6] = 9999;
	/* What a ring with IOPOLL can read */
	app->fds[7] = getenv("IOU_TEST_DISKS") ? open("/dev/nullb0", O_RDONLY | O_DIRECT) : -1;
	return 0;
}

static int app_memory(struct app *app)
{
	char *arena = pages(ARENA);
	struct iovec {
		void *base;
		size_t len;
	} *iov = pages(4096);
	unsigned int i;

	if (!arena || !iov)
		return -ENOMEM;
	for (i = 0; i < 256; i++) {
		iov[i].base = arena + i;
		iov[i].len = i % 16 ? i : 0;
	}
	/* Reads must not turn it into vectors that lead elsewhere. */
	mprotect(iov, 4096, PROT_READ);
	app->addrs[0] = arena;
	app->addrs[1] = arena + 100;
	app->addrs[2] = iov;
	app->addrs[3] = NULL;
	app->addrs[4] = no_access(4096);
	app->addrs[5] = (void *)-4096L;
	return 0;
}

static int app_start(struct app *app, unsigned int setup, int pipe_in)
{
	int err;

	memset(app, 0, sizeof(*app));
	app->seed = 88172645463325252ULL;
	app->wakeup = setup & IORING_SETUP_SQPOLL ? IORING_ENTER_SQ_WAKEUP : 0;
	err = app_files(app, pipe_in);
	if (!err)
		err = app_memory(app);
	if (!err)
		err = ring_open_cq(&app->ring, 16, 32, setup);
	if (!err)
		err = -pthread_create(&app->thread, NULL, scribbler, app);
	return err;
}

/* So that not all of the memory is taken by requests that wait. */
static void app_cancel(struct app *app)
{
	struct io_uring_sync_cancel_reg reg = {
		.flags = IORING_ASYNC_CANCEL_ANY | IORING_ASYNC_CANCEL_ALL, .fd = -1,
		.timeout = { .tv_nsec = 1000000 },
	};

	sys_register(app->ring.fd, IORING_REGISTER_SYNC_CANCEL, &reg, 1);
}

/* Submit and wait with whatever is in the ring. */
static void app_enter(struct app *app)
{
	static const unsigned int mins[] = { 0, 1, 1, 4, UINT_MAX };
	struct __kernel_timespec ts = { .tv_nsec = 100000 };
	struct io_uring_getevents_arg arg = { .ts = (uintptr_t)&ts };
	unsigned int submit = rnd(&app->seed) % 4 ? rnd(&app->seed) % 20 : UINT_MAX;
	unsigned int min = mins[rnd(&app->seed) % ARRAY_LEN(mins)];
	/* What is written may be read back as a vector: no address may leak in. */
	char sink[4096] = { };
	__u64 one = 1;
	ssize_t n;

	sys_enter(app->ring.fd, submit, min,
		  IORING_ENTER_GETEVENTS | IORING_ENTER_EXT_ARG | app->wakeup, &arg, sizeof(arg));
	switch (rnd(&app->seed) % 16) {
	case 0:
		/* Let some of what waits go on. */
		n = write(app->fds[2], sink, 16);
		break;
	case 1:
		n = read(app->fds[1], sink, sizeof(sink));
		break;
	case 2:
		n = write(app->fds[3], &one, 8);
		break;
	case 3:
		n = 0;
		if (rnd(&app->seed) % 4 == 0)
			app_cancel(app);
		break;
	default:
		n = 0;
		break;
	}
	(void)n;
}

static void app_stop(struct app *app)
{
	unsigned int i;

	__atomic_store_n(&app->stop, 1, __ATOMIC_RELAXED);
	pthread_join(app->thread, NULL);
	ring_close(&app->ring);
	for (i = 0; i < 4; i++)
		close(app->fds[i]);
	close(app->fds[7]);
}

/* ------------------------------------------------------------------------
 * Tests
 */

TEST_F_TIMEOUT(hostile, scribbled_and_killed, 7200)
{
	unsigned int before, after;
	int status;
	pid_t pid;
	long end;

	pid = fork_detached();
	if (!pid) {
		struct app app;

		close(self->pipe[1]);
		if (app_start(&app, variant->setup, self->pipe[0]))
			_exit(1);
		self->shared->ring_fd = app.ring.fd;
		self->shared->p = app.ring.p;
		for (;;) {
			app_enter(&app);
			__atomic_fetch_add(&self->shared->enters, 1, __ATOMIC_RELAXED);
		}
	}
	close(self->pipe[0]);
	self->pipe[0] = -1;

	/* It lives, and it goes on to the end. */
	EXPECT_EQ(-ETIMEDOUT, reap(pid, self->ms));
	before = __atomic_load_n(&self->shared->enters, __ATOMIC_RELAXED);
	end = now_ms() + WAIT_MS;
	do {
		status = reap(pid, 500);
		after = __atomic_load_n(&self->shared->enters, __ATOMIC_RELAXED);
	} while (status == -ETIMEDOUT && before == after && now_ms() < end);
	EXPECT_EQ(-ETIMEDOUT, status);
	EXPECT_LT(10u, before);
	EXPECT_LT(before, after);
	TH_LOG("%u enters", after);

	EXPECT_TRUE(kill_ends(pid, 2000)) {
		let_go(pid, self->shared->ring_fd, &self->shared->p);
	}
	/* Everything it had in flight is gone: nobody holds the pipe any more. */
	EXPECT_EQ(POLLERR, poll_fd(self->pipe[1], 0, WAIT_MS));
	EXPECT_TRUE(fresh_ring_works());
}

/* The same, ended by closing the ring. */
TEST_F_TIMEOUT(hostile, scribbled_and_closed, 7200)
{
	pid_t pid;
	int status;

	pid = fork_detached();
	if (!pid) {
		long end = now_ms() + self->ms / 2;
		struct app app;

		close(self->pipe[1]);
		if (app_start(&app, variant->setup, self->pipe[0]))
			_exit(1);
		self->shared->ring_fd = app.ring.fd;
		self->shared->p = app.ring.p;
		close(self->pipe[0]);
		while (now_ms() < end)
			app_enter(&app);
		app_stop(&app);
		/* The process itself is none the worse for it. */
		_exit(fresh_ring_works() ? 0 : 2);
	}
	close(self->pipe[0]);
	self->pipe[0] = -1;
	status = reap(pid, self->ms / 2 + WAIT_MS);
	EXPECT_EQ(0, status);
	if (status == -ETIMEDOUT)
		let_go(pid, self->shared->ring_fd, &self->shared->p);
	EXPECT_EQ(POLLERR, poll_fd(self->pipe[1], 0, WAIT_MS));
}

/* ------------------------------------------------------------------------
 * Mappings that come and go
 */

static void *mapper(void *arg)
{
	struct app *app = arg;
	struct ring other = app->ring;

	while (!__atomic_load_n(&app->stop, __ATOMIC_RELAXED)) {
		if (ring_map(&other))
			return (void *)1;
		*other.cq_flags = 0;
		other.sqes[other.sq_mask].user_data++;
		ring_unmap(&other);
	}
	return NULL;
}

TEST_F_TIMEOUT(hostile, remapped_meanwhile, 7200)
{
	long end = now_ms() + self->ms / 3;
	unsigned int next = 0;
	struct io_uring_cqe cqe;
	struct app app = { };
	void *failed;

	ASSERT_EQ(0, ring_open(&app.ring, 16, variant->setup));
	ASSERT_EQ(0, pthread_create(&app.thread, NULL, mapper, &app));
	do {
		unsigned int i;

		for (i = 0; i < 8; i++)
			ASSERT_TRUE(prep_nop(&app.ring, next + i));
		ASSERT_EQ(8, ring_submit(&app.ring));
		for (i = 0; i < 8; i++) {
			ASSERT_EQ(0, ring_wait(&app.ring, &cqe));
			ASSERT_EQ(0, cqe.res);
		}
		next += 8;
	} while (now_ms() < end);
	__atomic_store_n(&app.stop, 1, __ATOMIC_RELAXED);
	ASSERT_EQ(0, pthread_join(app.thread, &failed));
	EXPECT_EQ(NULL, failed);
	EXPECT_TRUE(ring_works(&app.ring));
	ring_close(&app.ring);
}

/* ------------------------------------------------------------------------
 * Two threads submit the same entries at the same time
 */

static void *racing_submitter(void *arg)
{
	struct app *app = arg;

	while (!__atomic_load_n(&app->stop, __ATOMIC_RELAXED))
		sys_enter(app->ring.fd, 16, 0, 0, NULL, 0);
	return NULL;
}

TEST(submitted_once)
{
	const unsigned int rounds = 2000;
	struct io_uring_cqe cqe;
	struct app app = { };
	unsigned int i, seen = 0;

	ASSERT_EQ(0, ring_open_cq(&app.ring, 16, 8192, 0));
	ASSERT_EQ(0, pthread_create(&app.thread, NULL, racing_submitter, &app));
	for (i = 0; i < rounds; i++) {
		while (!prep_nop(&app.ring, i))
			sched_yield();
		ring_publish(&app.ring);
		if (i % 3)
			sys_enter(app.ring.fd, 1, 0, 0, NULL, 0);
	}
	__atomic_store_n(&app.stop, 1, __ATOMIC_RELAXED);
	ASSERT_EQ(0, pthread_join(app.thread, NULL));
	ring_submit(&app.ring);
	EXPECT_EQ(rounds, load(app.ring.sq_head));
	/* Each once, and in order. */
	while (ring_reap(&app.ring, &cqe)) {
		ASSERT_EQ(seen, cqe.user_data);
		seen++;
	}
	EXPECT_EQ(rounds, seen);
	ring_close(&app.ring);
}

TEST_HARNESS_MAIN
