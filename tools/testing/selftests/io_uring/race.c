// SPDX-License-Identifier: GPL-2.0
/*
 * Everything that can end a waiting request, at the same time: its event, its
 * own timeout, a link timeout, cancels by the ring's owner and by others, and
 * the end of the ring. Whoever wins, it ends once, with one CQE; and what was
 * written for it was read, or is still there.
 *
 * IOU_TEST_SECONDS in the environment: for how long, in each mode (default: 1).
 * IOU_TEST_SEED: the random numbers of an earlier run, which is printed.
 */
#include "iou_test.h"

#include <pthread.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "../kselftest_harness.h"

#define ENTRIES		64
#define TARGETS		12

/* The upper bits of a user_data are the number of the round. */
enum part {
	TARGET,
	GUARD,		/* its LINK_TIMEOUT */
	CANCEL,
	PARTS,
};

enum kind {
	READ_PIPE,
	RECV,
	POLL,
	POLL_MULTI,
	TIMEOUT,
	READ_WORKER,
	KINDS,
};

struct race {
	struct ring r;
	unsigned int setup;
	unsigned int seed;
	unsigned int stop;
	unsigned int round;
	int pipe[2];
	int sock[2];
	unsigned long written;
	unsigned long consumed;
	unsigned long sent;
	unsigned long received;
	/* of a round */
	enum kind kinds[TARGETS];
	unsigned char seen[PARTS][TARGETS];
	unsigned int expected;
	const char *wrong;
	struct io_uring_cqe wrong_cqe;
	struct __kernel_timespec ts[2 * TARGETS];
	char buf[4096];
};

FIXTURE(race)
{
	struct race *race;
	int seconds;
};

FIXTURE_VARIANT(race)
{
	unsigned int setup;
};

FIXTURE_VARIANT_ADD(race, plain) {
	.setup = 0,
};

FIXTURE_VARIANT_ADD(race, coop) {
	.setup = IORING_SETUP_COOP_TASKRUN | IORING_SETUP_TASKRUN_FLAG,
};

FIXTURE_VARIANT_ADD(race, defer) {
	.setup = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN,
};

FIXTURE_VARIANT_ADD(race, sqpoll) {
	.setup = IORING_SETUP_SQPOLL,
};

FIXTURE_SETUP(race)
{
	const char *missing = setup_missing(variant->setup);
	const char *seed = getenv("IOU_TEST_SEED");

	if (missing)
		SKIP(return, "kernel lacks %s", missing);
	self->seconds = test_seconds(1);
	self->race = calloc(1, sizeof(*self->race));
	ASSERT_NE(NULL, self->race);
	self->race->setup = variant->setup;
	self->race->seed = seed ? (unsigned int)strtoul(seed, NULL, 0) : (unsigned int)now_ns();
	TH_LOG("IOU_TEST_SEED=%u", self->race->seed);
}

FIXTURE_TEARDOWN(race)
{
	free(self->race);
}

static __u64 user_data(struct race *race, enum part part, unsigned int i)
{
	return (__u64)race->round << 16 | part << 8 | i;
}

/* ------------------------------------------------------------------------
 * The others
 */

typedef void *(*thread_fn)(void *arg);

static bool stopped(struct race *race)
{
	return __atomic_load_n(&race->stop, __ATOMIC_RELAXED);
}

/* Some time, in which anything may happen; often none. */
static void pause_some(unsigned int *seed)
{
	unsigned int n = rand_r(seed);
	struct timespec ts = { .tv_nsec = n / 8 % 200000 };

	if (n % 8 == 0)
		nanosleep(&ts, NULL);
	else if (n % 8 < 4)
		sched_yield();
}

static void *waker(void *arg)
{
	struct race *race = arg;
	unsigned int seed = race->seed + 1;

	while (!stopped(race)) {
		char c[4] = { };
		ssize_t n;

		if (rand_r(&seed) % 2) {
			n = write(race->pipe[1], c, 1 + rand_r(&seed) % 4);
			race->written += n > 0 ? n : 0;
		} else {
			n = send(race->sock[1], c, 1 + rand_r(&seed) % 4, MSG_DONTWAIT);
			race->sent += n > 0 ? n : 0;
		}
		pause_some(&seed);
	}
	return NULL;
}

static void *canceller(void *arg)
{
	struct race *race = arg;
	unsigned int seed = race->seed + 2;

	while (!stopped(race)) {
		struct io_uring_sync_cancel_reg reg = {
			.fd = -1, .timeout = { .tv_nsec = rand_r(&seed) % 1000000 },
		};

		switch (rand_r(&seed) % 4) {
		case 0:
			reg.fd = rand_r(&seed) % 2 ? race->pipe[0] : race->sock[0];
			reg.flags = IORING_ASYNC_CANCEL_FD;
			if (rand_r(&seed) % 2)
				reg.flags |= IORING_ASYNC_CANCEL_ALL;
			break;
		default:
			reg.addr = user_data(race, rand_r(&seed) % 2, rand_r(&seed) % TARGETS);
			break;
		}
		sys_register(race->r.fd, IORING_REGISTER_SYNC_CANCEL, &reg, 1);
		pause_some(&seed);
	}
	return NULL;
}

static const thread_fn others[] = { waker, canceller, canceller };

/* ------------------------------------------------------------------------
 * The owner of the ring
 */

static struct io_uring_sqe *next_sqe(struct race *race, int op, int fd, const void *addr,
				     unsigned int len, __u64 off)
{
	struct io_uring_sqe *sqe;

	/* An SQPOLL thread takes its time. */
	while (!(sqe = prep(&race->r, op, fd, addr, len, off)))
		ring_submit(&race->r);
	race->expected++;
	return sqe;
}

static struct __kernel_timespec *some_time(struct race *race, unsigned int i)
{
	unsigned int n = rand_r(&race->seed);

	race->ts[i].tv_nsec = n % 4 ? n / 4 % 400000 : n / 4 % 4000000;
	return &race->ts[i];
}

/* A request that waits, and mostly a LINK_TIMEOUT for it. */
static void prep_target(struct race *race, unsigned int i)
{
	enum kind kind = rand_r(&race->seed) % KINDS;
	struct io_uring_sqe *sqe = NULL;

	race->kinds[i] = kind;
	switch (kind) {
	case READ_PIPE:
	case READ_WORKER:
		sqe = next_sqe(race, IORING_OP_READ, race->pipe[0], race->buf, 1, 0);
		break;
	case RECV:
		sqe = next_sqe(race, IORING_OP_RECV, race->sock[0], race->buf, 2, 0);
		break;
	case POLL:
	case POLL_MULTI:
		sqe = next_sqe(race, IORING_OP_POLL_ADD, race->pipe[0], NULL,
			       kind == POLL_MULTI ? IORING_POLL_ADD_MULTI : 0, 0);
		sqe->poll32_events = POLLIN;
		break;
	default:
		sqe = next_sqe(race, IORING_OP_TIMEOUT, -1, some_time(race, i), 1,
			       rand_r(&race->seed) % 2 * 3);
		break;
	}
	sqe->user_data = user_data(race, TARGET, i);
	if (kind == READ_WORKER)
		sqe->flags = IOSQE_ASYNC;
	if (kind == TIMEOUT || kind == POLL_MULTI)
		return;
	sqe->flags |= IOSQE_IO_LINK;
	sqe = next_sqe(race, IORING_OP_LINK_TIMEOUT, -1, some_time(race, TARGETS + i), 1, 0);
	sqe->user_data = user_data(race, GUARD, i);
}

static void prep_cancel(struct race *race, unsigned int i)
{
	unsigned int which = rand_r(&race->seed) % TARGETS;
	void *target = (void *)(uintptr_t)user_data(race, TARGET, which);
	struct io_uring_sqe *sqe;

	switch (rand_r(&race->seed) % 5) {
	case 0:
		sqe = next_sqe(race, IORING_OP_POLL_REMOVE, -1, target, 0, 0);
		break;
	case 1:
		sqe = next_sqe(race, IORING_OP_TIMEOUT_REMOVE, -1, target, 0, 0);
		break;
	case 2:
		/* Another time for a timeout, or for a link timeout */
		target = (void *)(uintptr_t)user_data(race, which % 2, which);
		sqe = next_sqe(race, IORING_OP_TIMEOUT_REMOVE, -1, target, 0,
			       (uintptr_t)&race->ts[which]);
		sqe->timeout_flags = IORING_TIMEOUT_UPDATE;
		if (which % 2)
			sqe->timeout_flags = IORING_LINK_TIMEOUT_UPDATE;
		break;
	default:
		sqe = next_sqe(race, IORING_OP_ASYNC_CANCEL, -1, target, 0, 0);
		break;
	}
	sqe->user_data = user_data(race, CANCEL, i);
}

/* Can this be how it ended? */
static bool is_end(const struct race *race, enum part part, unsigned int i, int res)
{
	if (res == -ECANCELED)
		return part != CANCEL;
	switch (part) {
	case GUARD:
		return res == -ETIME || res == -ENOENT || res == -EALREADY;
	case CANCEL:
		return res == 0 || res == -ENOENT || res == -EALREADY;
	default:
		break;
	}
	switch (race->kinds[i]) {
	case TIMEOUT:
		return res == -ETIME || res == 0;
	case POLL:
	case POLL_MULTI:
		return res > 0 && (res & POLLIN);
	default:
		return res > 0 || res == -EINTR || res == -EAGAIN;
	}
}

static void account(struct race *race, const struct io_uring_cqe *cqe)
{
	enum part part = cqe->user_data >> 8 & 0xff;
	unsigned int i = cqe->user_data & 0xff;

	if (cqe->user_data >> 16 != race->round)
		race->wrong = "a CQE of an earlier round";
	else if (part >= PARTS || i >= TARGETS)
		race->wrong = "a CQE of nobody";
	else if (!is_end(race, part, i, cqe->res))
		race->wrong = "a result that cannot be";
	else if (!(cqe->flags & IORING_CQE_F_MORE) && race->seen[part][i]++)
		race->wrong = "a second CQE";
	if (race->wrong) {
		race->wrong_cqe = *cqe;
		return;
	}
	if (!(cqe->flags & IORING_CQE_F_MORE))
		race->expected--;
	if (part != TARGET || cqe->res <= 0)
		return;
	if (race->kinds[i] == READ_PIPE || race->kinds[i] == READ_WORKER)
		race->consumed += cqe->res;
	if (race->kinds[i] == RECV)
		race->received += cqe->res;
}

/* What nobody waits for. */
static void drain_files(struct race *race)
{
	char buf[256];
	ssize_t n;
	int nr = 0;

	while (!ioctl(race->pipe[0], FIONREAD, &nr) && nr > 0) {
		n = read(race->pipe[0], buf, sizeof(buf));
		race->consumed += n > 0 ? n : 0;
	}
	while ((n = recv(race->sock[0], buf, sizeof(buf), MSG_DONTWAIT)) > 0)
		race->received += n;
}

/* 0, or -ETIME: something never ended. */
static int run_round(struct race *race)
{
	long end = now_ms() + 3 * WAIT_MS;
	unsigned int i, nr_cancels = 0;
	struct io_uring_cqe cqe;

	race->round++;
	race->expected = 0;
	memset(race->seen, 0, sizeof(race->seen));
	drain_files(race);
	for (i = 0; i < TARGETS; i++)
		prep_target(race, i);
	ring_submit(&race->r);
	while (race->expected && !race->wrong) {
		if (ring_reap(&race->r, &cqe)) {
			account(race, &cqe);
			continue;
		}
		if (nr_cancels < TARGETS) {
			prep_cancel(race, nr_cancels++);
			ring_submit(&race->r);
			ring_flush(&race->r);
			continue;
		}
		/* These end only if they are cancelled. */
		for (i = 0; i < TARGETS; i++) {
			struct io_uring_sync_cancel_reg reg = {
				.fd = -1, .addr = user_data(race, TARGET, i),
				.timeout = { .tv_nsec = 1000000 },
			};

			if (race->kinds[i] == POLL_MULTI && !race->seen[TARGET][i])
				sys_register(race->r.fd, IORING_REGISTER_SYNC_CANCEL, &reg, 1);
		}
		ring_enter_wait(&race->r, 1, 10);
		if (now_ms() > end)
			return -ETIME;
	}
	return 0;
}

static void run_race(struct __test_metadata *_metadata, struct race *race, long end)
{
	/* Only its owner may register something with a deferred ring. */
	bool deferred = race->setup & IORING_SETUP_DEFER_TASKRUN;
	pthread_t threads[ARRAY_LEN(others)];
	unsigned int i, nr = deferred ? 1 : ARRAY_LEN(others);
	struct io_uring_cqe cqe;

	ASSERT_EQ(0, ring_open_cq(&race->r, ENTRIES, 4096, race->setup));
	ASSERT_EQ(0, pipe2(race->pipe, O_NONBLOCK));
	/* A worker that reads it shall block. */
	ASSERT_EQ(0, fcntl(race->pipe[0], F_SETFL, 0));
	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, race->sock));
	race->stop = 0;
	for (i = 0; i < nr; i++)
		ASSERT_EQ(0, pthread_create(&threads[i], NULL, others[i], race));
	do {
		ASSERT_EQ(0, run_round(race)) {
			TH_LOG("round %u: %u CQEs are missing", race->round, race->expected);
			for (i = 0; i < TARGETS; i++)
				TH_LOG("kind %u: seen %u, guard %u, cancel %u", race->kinds[i],
				       race->seen[TARGET][i], race->seen[GUARD][i],
				       race->seen[CANCEL][i]);
		}
		ASSERT_EQ(NULL, race->wrong) {
			TH_LOG("%s: round %u, user_data %llx, res %d, flags %x, kind %u",
			       race->wrong, race->round, race->wrong_cqe.user_data,
			       race->wrong_cqe.res, race->wrong_cqe.flags,
			       race->kinds[(race->wrong_cqe.user_data & 0xff) % TARGETS]);
		}
	} while (now_ms() < end);
	__atomic_store_n(&race->stop, 1, __ATOMIC_RELAXED);
	for (i = 0; i < nr; i++)
		pthread_join(threads[i], NULL);

	EXPECT_NE(0, ring_wait_ms(&race->r, &cqe, 50));
	EXPECT_EQ(0u, load(race->r.cq_overflow));
	drain_files(race);
	EXPECT_EQ(race->written, race->consumed);
	EXPECT_EQ(race->sent, race->received);
	EXPECT_TRUE(ring_works(&race->r));
	ring_close(&race->r);
	close(race->pipe[0]);
	close(race->sock[0]);
	/* No request is left that has them. */
	EXPECT_TRUE(poll_fd(race->pipe[1], 0, WAIT_MS) & POLLERR);
	EXPECT_TRUE(poll_fd(race->sock[1], 0, WAIT_MS) & POLLHUP);
	close(race->pipe[1]);
	close(race->sock[1]);
}

TEST_F_TIMEOUT(race, each_ends_once, 7200)
{
	long end = now_ms() + self->seconds * 1000;

	run_race(_metadata, self->race, end);
	TH_LOG("%u rounds of %u requests", self->race->round, TARGETS);
}

/* The ring is closed under it all. */
static void *closer(void *arg)
{
	struct race *race = arg;
	unsigned int seed = race->seed + 3;

	pause_some(&seed);
	close(race->r.fd);
	return NULL;
}

TEST_F_TIMEOUT(race, closed_meanwhile, 7200)
{
	long end = now_ms() + self->seconds * 1000;
	struct race *race = self->race;
	unsigned int i;

	do {
		pthread_t threads[2];

		ASSERT_EQ(0, ring_open_cq(&race->r, ENTRIES, 256, race->setup));
		ASSERT_EQ(0, pipe2(race->pipe, O_NONBLOCK));
		ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, race->sock));
		race->round++;
		race->stop = 0;
		for (i = 0; i < TARGETS; i++)
			prep_target(race, i);
		race->seed += 17;
		ASSERT_EQ(0, pthread_create(&threads[0], NULL, waker, race));
		ring_submit(&race->r);
		ASSERT_EQ(0, pthread_create(&threads[1], NULL, closer, race));
		for (i = 0; i < 4; i++) {
			prep_cancel(race, i);
			ring_publish(&race->r);
			/* It may be closed already: nothing else has its number. */
			sys_enter(race->r.fd, 1, 0, IORING_ENTER_GETEVENTS, NULL, 0);
		}
		pthread_join(threads[1], NULL);
		__atomic_store_n(&race->stop, 1, __ATOMIC_RELAXED);
		pthread_join(threads[0], NULL);
		ring_unmap(&race->r);
		close(race->pipe[0]);
		close(race->sock[0]);
		ASSERT_TRUE(poll_fd(race->pipe[1], 0, WAIT_MS) & POLLERR) {
			TH_LOG("round %u: a request still has the pipe", race->round);
		}
		ASSERT_TRUE(poll_fd(race->sock[1], 0, WAIT_MS) & POLLHUP) {
			TH_LOG("round %u: a request still has the socket", race->round);
		}
		close(race->pipe[1]);
		close(race->sock[1]);
	} while (now_ms() < end);
	TH_LOG("%u rings", race->round);
}

TEST_HARNESS_MAIN
