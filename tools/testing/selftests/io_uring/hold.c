// SPDX-License-Identifier: GPL-2.0
/*
 * Whatever somebody does with a ring, others get at it meanwhile, and what has no end does
 * not keep anybody in the kernel.
 */
#include "wait_test.h"

#include "../kselftest_harness.h"

FIXTURE(hold)
{
	struct ring ring;
};

FIXTURE_SETUP(hold)
{
	ASSERT_EQ(0, ring_open(&self->ring, 512, 0));
}

FIXTURE_TEARDOWN(hold)
{
	ring_close(&self->ring);
}

/*
 * struct visitor - a thread that locks a ring again and again
 * @busy: the ring is in use by us
 * @visits: how often it had the lock, and let it go, while that was so
 */
struct visitor {
	struct ring *ring;
	pthread_barrier_t barrier;
	pthread_t thread;
	bool stop;
	bool busy;
	unsigned int visits;
};

static bool is_set(const bool *flag)
{
	return __atomic_load_n(flag, __ATOMIC_SEQ_CST);
}

static void set(bool *flag, bool value)
{
	__atomic_store_n(flag, value, __ATOMIC_SEQ_CST);
}

static void *visit(void *arg)
{
	struct visitor *v = arg;

	pthread_barrier_wait(&v->barrier);
	while (!is_set(&v->stop)) {
		/* There is none, but that is only known when the lock is held */
		sys_register(v->ring->fd, IORING_UNREGISTER_EVENTFD, NULL, 0);
		v->visits += is_set(&v->busy);
	}
	return NULL;
}

/* Return: how often another thread had the lock meanwhile, -1: we failed */
static int visits_while(struct ring *r, bool (*what)(struct ring *r))
{
	struct visitor v = { .ring = r };
	bool ok;

	pthread_barrier_init(&v.barrier, NULL, 2);
	if (pthread_create(&v.thread, NULL, visit, &v))
		return -1;
	pthread_barrier_wait(&v.barrier);

	set(&v.busy, true);
	ok = what(r);
	set(&v.busy, false);

	set(&v.stop, true);
	pthread_join(v.thread, NULL);
	return ok ? (int)v.visits : -1;
}

/* One that began before us and one that ends behind us prove nothing. */
#define ENOUGH_VISITS	4

/* The machine may keep the other thread from running for a while: some rounds. */
static int most_visits(struct ring *r, bool (*before)(struct ring *r),
		       bool (*what)(struct ring *r))
{
	unsigned int round;
	int nr, most = 0;

	for (round = 0; round < 10 && most < ENOUGH_VISITS; round++) {
		if (!before(r))
			return -1;
		nr = visits_while(r, what);
		if (nr < 0)
			return -1;
		most = nr > most ? nr : most;
	}
	return most;
}

/* ------------------------------------------------------------------------
 * Submission
 */

#define NR_READS	512u

static char zeros[128 << 10];
static int zero_fd;

/* Reads that take their time; each 16th SQE is the first of a pair. */
static bool queue_pairs(struct ring *r)
{
	unsigned int i;

	store(r->cq_head, load(r->cq_tail));
	for (i = 0; i < NR_READS; i++)
		if (!queue(r, i, i % 2 ? IOSQE_IO_LINK : 0,
			   sqe_read(zero_fd, zeros, sizeof(zeros))))
			return false;
	return true;
}

static bool submit_all(struct ring *r)
{
	return ring_submit(r) == (int)NR_READS;
}

/* A batch in which there is always a chain in the way comes to an end, too. */
TEST_F_TIMEOUT(hold, chains_in_the_way, 120)
{
	int visits;

	if (untouched())
		SKIP(return, "known to fail");
	zero_fd = open("/dev/zero", O_RDONLY);
	ASSERT_LE(0, zero_fd);
	visits = most_visits(&self->ring, queue_pairs, submit_all);
	TH_LOG("%d visits during the batch", visits);
	EXPECT_LE(ENOUGH_VISITS, visits);
	close(zero_fd);
}

static struct io_uring_sqe sqe_msg(const struct ring *to, __u64 user_data)
{
	return (struct io_uring_sqe) {
		.opcode = IORING_OP_MSG_RING,
		.fd = to->fd,
		.addr = IORING_MSG_DATA,
		.off = user_data,
	};
}

/*
 * A tail that is behind the head makes a batch of at most as many SQEs as there can be,
 * also if it is carried out in pieces: after each message.
 */
TEST(tail_behind_the_head)
{
	struct ring from, to;
	unsigned int i;
	int status;
	pid_t pid;
	long end;

	ASSERT_EQ(0, ring_open(&from, 4, 0));
	ASSERT_EQ(0, ring_open(&to, 4, 0));
	for (i = 0; i < 4; i++)
		ASSERT_TRUE(queue(&from, 1, 0, sqe_msg(&to, 2)));
	store(from.sq_tail, load(from.sq_head) - 1);

	pid = fork_detached();
	if (!pid)
		_exit(sys_enter(from.fd, UINT_MAX, 0, 0, NULL, 0) != 4);
	/* If it goes on for ever, then not because there is no room */
	end = now_ms() + WAIT_MS;
	do {
		store(from.cq_head, load(from.cq_tail));
		store(to.cq_head, load(to.cq_tail));
		status = reap(pid, 1);
	} while (status == -ETIMEDOUT && now_ms() < end);

	EXPECT_EQ(0, status);
	EXPECT_TRUE(!status || kill_ends(pid, WAIT_MS));
	ring_close(&from);
	ring_close(&to);
}

/* ------------------------------------------------------------------------
 * Waiting
 */

#define NR_SENDERS	500u

/* End all that wait. Return: how many there were */
static int cancel_all(struct ring *r)
{
	struct io_uring_sync_cancel_reg reg = {
		.flags = IORING_ASYNC_CANCEL_ANY | IORING_ASYNC_CANCEL_ALL, .fd = -1,
		.timeout = { -1, -1 },
	};

	return sys_register(r->fd, IORING_REGISTER_SYNC_CANCEL, &reg, 1);
}

/*
 * Who waits for one CQE, which is there, does not stay for all that it could do: after each
 * message it looks.
 */
TEST(back_with_what_there_is)
{
	const char *missing = setup_missing(SETUP_DEFER);
	struct ring from, to;
	unsigned int i, sent;
	int fds[2];
	long end;

	if (missing)
		SKIP(return, "kernel lacks %s", missing);
	ASSERT_EQ(0, pipe(fds));
	ASSERT_EQ(0, ring_open_cq(&from, 2 * NR_SENDERS, 4 * NR_SENDERS, SETUP_DEFER));
	ASSERT_EQ(0, ring_open_cq(&to, 1, NR_SENDERS, 0));
	for (i = 0; i < NR_SENDERS; i++) {
		ASSERT_TRUE(queue(&from, 1, IOSQE_IO_HARDLINK, sqe_poll(fds[0], POLLIN)));
		ASSERT_TRUE(queue(&from, 2, 0, sqe_msg(&to, 3)));
	}
	ASSERT_EQ(2 * (int)NR_SENDERS, ring_submit(&from));

	/* That ends the polls; what comes behind them is for who enters */
	EXPECT_EQ((int)NR_SENDERS, cancel_all(&from));
	EXPECT_LE(NR_SENDERS, ring_ready(&from));
	EXPECT_EQ(0, sys_enter(from.fd, 0, 1, IORING_ENTER_GETEVENTS, NULL, 0));
	sent = ring_ready(&to);
	TH_LOG("%u of %u messages sent before it came back", sent, NR_SENDERS);
	EXPECT_TRUE(sent < NR_SENDERS / 2 || untouched());

	/* Nothing is forgotten */
	end = now_ms() + WAIT_MS;
	while (ring_ready(&to) < NR_SENDERS && now_ms() < end)
		ring_flush(&from);
	EXPECT_EQ(NR_SENDERS, ring_ready(&to));
	ring_close(&from);
	ring_close(&to);
	close(fds[0]);
	close(fds[1]);
}

/* ------------------------------------------------------------------------
 * Buffers
 */

#define NR_BIG	32
#define BIG	(64ul << 20)

static struct iovec big[NR_BIG];

static bool set_big(struct ring *r)
{
	sys_register(r->fd, IORING_UNREGISTER_BUFFERS, NULL, 0);
	return !sys_register(r->fd, IORING_REGISTER_BUFFERS, big, NR_BIG);
}

static bool unregister_big(struct ring *r)
{
	return !sys_register(r->fd, IORING_UNREGISTER_BUFFERS, NULL, 0);
}

static bool replace_big(struct ring *r)
{
	struct iovec none[NR_BIG] = { };
	struct io_uring_rsrc_update2 up = { .data = (uintptr_t)none, .nr = NR_BIG };

	return sys_register(r->fd, IORING_REGISTER_BUFFERS_UPDATE, &up, sizeof(up)) == NR_BIG;
}

/* It takes time to let go of much memory, in which others can use the ring. */
TEST_F_TIMEOUT(hold, unpin, 180)
{
	static bool (*const ways[])(struct ring *r) = { unregister_big, replace_big };
	char *mem = mmap(NULL, BIG, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	unsigned int i;
	int visits;

	if (untouched())
		SKIP(return, "known to fail");
	ASSERT_NE(MAP_FAILED, mem);
	/* Small pages take longest. Perhaps there are no others */
	madvise(mem, BIG, MADV_NOHUGEPAGE);
	memset(mem, 1, BIG);
	for (i = 0; i < NR_BIG; i++)
		big[i] = (struct iovec) { mem, BIG };

	for (i = 0; i < ARRAY_LEN(ways); i++) {
		visits = most_visits(&self->ring, set_big, ways[i]);
		TH_LOG("%d visits while memory was let go", visits);
		EXPECT_LE(ENOUGH_VISITS, visits);
	}
	munmap(mem, BIG);
}

/* ------------------------------------------------------------------------
 * Many things at once
 */

#define NR_POLLS	8192

static int polled[2];

/* Park as many as there is room for, all with the same user_data. */
static bool park_polls(struct ring *r)
{
	unsigned int i;

	store(r->cq_head, load(r->cq_tail));
	for (i = 0; i < NR_POLLS; i++) {
		if (!queue(r, 42, 0, sqe_poll(polled[0], POLLIN)))
			return false;
		if (i % 512 == 511 && ring_submit(r) != 512)
			return false;
	}
	return true;
}

static void *park_and_leave(void *arg)
{
	return park_polls(arg) ? arg : NULL;
}

/* How many NOPs have ended among the requests of a thread that is gone? */
static unsigned int nops_among(struct ring *r)
{
	unsigned int nops = 0, polls = 0;
	struct io_uring_cqe cqe;
	long end = now_ms() + 6 * WAIT_MS;

	while (polls < NR_POLLS && now_ms() < end) {
		if (!queue(r, 0, 0, sqe_nop()) || ring_submit(r) != 1)
			return 0;
		while (polls < NR_POLLS && ring_reap(r, &cqe)) {
			nops += cqe.user_data != 42 && polls;
			polls += cqe.user_data == 42;
		}
	}
	return polls < NR_POLLS ? 0 : nops;
}

/*
 * A kernel worker ends the requests of a thread that is gone, and lets others use the ring
 * meanwhile. They come in some batches, as their events do: between these anybody has a
 * turn.
 */
TEST_F_TIMEOUT(hold, events_of_a_thread_that_is_gone, 300)
{
	unsigned int round, nops, most = 0;
	pthread_t thread;
	struct ring r;
	void *ok;
	char c;

	if (untouched())
		SKIP(return, "known to fail");
	ASSERT_EQ(0, pipe(polled));
	ASSERT_EQ(0, ring_open_cq(&r, 512, 4 * NR_POLLS, 0));
	for (round = 0; round < 10 && most < 16; round++) {
		ASSERT_EQ(0, pthread_create(&thread, NULL, park_and_leave, &r));
		ASSERT_EQ(0, pthread_join(thread, &ok));
		ASSERT_NE(NULL, ok);
		ASSERT_EQ(1, write(polled[1], "", 1));
		nops = nops_among(&r);
		most = nops > most ? nops : most;
		ASSERT_EQ(1, read(polled[0], &c, 1));
	}
	TH_LOG("%u NOPs among the events", most);
	EXPECT_LE(16, most);
	ring_close(&r);
	close(polled[0]);
	close(polled[1]);
}

TEST_HARNESS_MAIN
