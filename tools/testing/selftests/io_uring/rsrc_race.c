// SPDX-License-Identifier: GPL-2.0
/*
 * Files and buffers that are replaced and unregistered while requests use them,
 * by several threads at once. Nothing may be lost: each request ends once, each
 * tag is told once, and nothing stays pinned or open.
 *
 * IOU_RACE_SECONDS in the environment: how long (default: 3).
 */
#include "iou_test.h"

#include <pthread.h>
#include <sys/uio.h>

#include "../kselftest_harness.h"

#define PAGE		4096
#define NR_SLOTS	8
#define NR_TAGS		1048576u

struct race {
	struct ring ring;
	unsigned int setup;
	int p[2];
	char *mem;
	long end;
	unsigned int next_tag;
	unsigned int bad;
	unsigned int nr_requests;
	unsigned int nr_results;
	unsigned char told[NR_TAGS];
};

static long seconds(void)
{
	const char *s = getenv("IOU_RACE_SECONDS");

	return s ? atol(s) : 3;
}

static bool goes_on(struct race *race)
{
	return now_ms() < race->end && race->next_tag < NR_TAGS - 64;
}

static unsigned int new_tag(struct race *race)
{
	return 1 + __atomic_fetch_add(&race->next_tag, 1, __ATOMIC_RELAXED);
}

static int rsrc_update(struct race *race, int op, unsigned int slot, const void *data, __u64 tag)
{
	struct io_uring_rsrc_update2 up = {
		.offset = slot, .data = (uintptr_t)data, .tags = (uintptr_t)&tag, .nr = 1,
	};

	return sys_register(race->ring.fd, op, &up, sizeof(up));
}

/* A tag whose update failed will not be told. */
static void *update_files(void *arg)
{
	struct race *race = arg;
	unsigned int seed = 1;

	while (goes_on(race)) {
		unsigned int tag = new_tag(race), slot = rand_r(&seed) % NR_SLOTS;
		int fd = race->p[rand_r(&seed) % 2];

		if (rsrc_update(race, IORING_REGISTER_FILES_UPDATE2, slot, &fd, tag) != 1)
			race->told[tag] = 1;
	}
	return NULL;
}

static void *update_bufs(void *arg)
{
	struct race *race = arg;
	unsigned int seed = 2;

	while (goes_on(race)) {
		unsigned int tag = new_tag(race), slot = rand_r(&seed) % NR_SLOTS;
		struct iovec iov = { race->mem, PAGE * (1 + rand_r(&seed) % 4) };

		if (rsrc_update(race, IORING_REGISTER_BUFFERS_UPDATE, slot, &iov, tag) != 1)
			race->told[tag] = 1;
	}
	return NULL;
}

static int sparse(struct ring *r, int op)
{
	struct io_uring_rsrc_register reg = {
		.nr = NR_SLOTS, .flags = IORING_RSRC_REGISTER_SPARSE,
	};

	return sys_register(r->fd, op, &reg, sizeof(reg));
}

static void *replace_tables(void *arg)
{
	struct race *race = arg;

	while (goes_on(race)) {
		nap();
		sys_register(race->ring.fd, IORING_UNREGISTER_FILES, NULL, 0);
		sparse(&race->ring, IORING_REGISTER_FILES2);
		sys_register(race->ring.fd, IORING_UNREGISTER_BUFFERS, NULL, 0);
		sparse(&race->ring, IORING_REGISTER_BUFFERS2);
	}
	return NULL;
}

static void *clone_table(void *arg)
{
	struct race *race = arg;
	struct io_uring_clone_buffers clone = { .src_fd = race->ring.fd };
	struct ring other;

	while (goes_on(race)) {
		if (ring_open(&other, 4, 0))
			continue;
		sys_register(other.fd, IORING_REGISTER_CLONE_BUFFERS, &clone, 1);
		ring_close(&other);
	}
	return NULL;
}

static void reap_all(struct race *race)
{
	struct io_uring_cqe cqe;

	while (ring_reap(&race->ring, &cqe)) {
		if (!cqe.user_data) {
			race->nr_results++;
			/* EAGAIN: a worker tried after many wake-ups for others */
			if (cqe.res < 0 && cqe.res != -EBADF && cqe.res != -EFAULT &&
			    cqe.res != -EAGAIN)
				race->bad++;
		} else if (cqe.user_data >= NR_TAGS || cqe.res || race->told[cqe.user_data]++) {
			race->bad++;
		}
	}
}

/* Requests that end at once, in a worker, or when the pipe is written to. */
static void use(struct race *race)
{
	static const __u8 flags[] = { 0, IOSQE_ASYNC };
	struct ring *r = &race->ring;
	unsigned int seed = 3, i;
	char c = 0;

	while (goes_on(race)) {
		for (i = 0; i < 4; i++) {
			struct io_uring_sqe *sqe;

			sqe = prep(r, i % 2 ? IORING_OP_READ_FIXED : IORING_OP_WRITE_FIXED,
				   rand_r(&seed) % NR_SLOTS, race->mem + rand_r(&seed) % PAGE,
				   1, 0);
			if (!sqe)
				break;
			sqe->flags = IOSQE_FIXED_FILE | flags[rand_r(&seed) % 2];
			sqe->buf_index = rand_r(&seed) % NR_SLOTS;
		}
		i = ring_publish(r);
		if (sys_enter(r->fd, i, 0, IORING_ENTER_GETEVENTS, NULL, 0) > 0)
			reap_all(race);
		if (write(race->p[1], &c, 1) != 1 && errno != EAGAIN)
			race->bad++;
		race->nr_requests = load(r->sq_head);
		if (race->nr_requests - race->nr_results > 64)
			while (read(race->p[0], &c, 1) == 1)
				;
	}
}

/* @threads change the tables, this one uses them. Then everything has to add up. */
static void run_race(struct __test_metadata *_metadata, void *(**threads)(void *), int nr)
{
	struct race *race = calloc(1, sizeof(*race));
	pthread_t tids[8];
	struct io_uring_cqe cqe;
	unsigned int i, lost = 0;
	long end;

	ASSERT_NE(NULL, race);
	race->mem = pages(8 * PAGE);
	ASSERT_EQ(0, ring_open_cq(&race->ring, 64, 4096, IORING_SETUP_SUBMIT_ALL));
	ASSERT_EQ(0, pipe2(race->p, O_CLOEXEC | O_NONBLOCK));
	ASSERT_EQ(0, sparse(&race->ring, IORING_REGISTER_FILES2));
	ASSERT_EQ(0, sparse(&race->ring, IORING_REGISTER_BUFFERS2));
	race->end = now_ms() + seconds() * 1000;
	for (i = 0; (int)i < nr; i++)
		ASSERT_EQ(0, pthread_create(&tids[i], NULL, threads[i], race));
	use(race);
	for (i = 0; (int)i < nr; i++)
		pthread_join(tids[i], NULL);

	/* Let all requests end: what is parked gets a byte, or room for one. */
	end = now_ms() + WAIT_MS;
	while (race->nr_results < load(race->ring.sq_head) && now_ms() < end) {
		char buf[4096] = { };

		if (now_ms() / 16 % 2) {
			while (read(race->p[0], buf, sizeof(buf)) > 0)
				;
		} else if (write(race->p[1], buf, 100) < 0 && errno != EAGAIN) {
			race->bad++;
		}
		ring_enter_wait(&race->ring, 1, 10);
		reap_all(race);
	}
	EXPECT_EQ(load(race->ring.sq_head), race->nr_results);
	EXPECT_EQ(0, sys_register(race->ring.fd, IORING_UNREGISTER_FILES, NULL, 0));
	EXPECT_EQ(0, sys_register(race->ring.fd, IORING_UNREGISTER_BUFFERS, NULL, 0));
	ring_flush(&race->ring);
	while (!ring_wait_ms(&race->ring, &cqe, 100)) {
		if (cqe.user_data >= NR_TAGS || race->told[cqe.user_data]++)
			race->bad++;
	}
	for (i = 1; i <= race->next_tag; i++)
		lost += !race->told[i];
	EXPECT_EQ(0u, race->bad);
	EXPECT_EQ(0u, lost);
	EXPECT_LT(0u, race->nr_results);
	TH_LOG("%u requests, %u tags", race->nr_results, race->next_tag);
	ring_close(&race->ring);
	/* The table was the last to have the other end of the pipe. */
	close(race->p[1]);
	EXPECT_TRUE(poll_fd(race->p[0], POLLIN, WAIT_MS) & POLLHUP);
	close(race->p[0]);
	free(race);
}

/* Does unregistering tell of tags, and not wait? Else the tests below make no sense. */
static bool can_race(void)
{
	__u64 tag = 5;
	struct io_uring_rsrc_register reg = { .nr = 1, .tags = (uintptr_t)&tag };
	struct io_uring_cqe cqe;
	struct ring r;
	int fd = 0;
	bool ok;

	reg.data = (uintptr_t)&fd;
	if (ring_open(&r, 4, 0))
		return false;
	ok = !sys_register(r.fd, IORING_REGISTER_FILES2, &reg, sizeof(reg)) &&
	     !sys_register(r.fd, IORING_UNREGISTER_FILES, NULL, 0) &&
	     !ring_wait_ms(&r, &cqe, 500);
	ring_close(&r);
	return ok;
}

/* The default limit of the harness is shorter than a long run. */
FIXTURE(rsrc_race)
{
};

FIXTURE_SETUP(rsrc_race)
{
}

FIXTURE_TEARDOWN(rsrc_race)
{
}

TEST_F_TIMEOUT(rsrc_race, updates, 7200)
{
	void *(*threads[])(void *) = { update_files, update_bufs, update_files };

	if (!can_race())
		SKIP(return, "this kernel does not tell of files that were unregistered");
	run_race(_metadata, threads, 3);
}

TEST_F_TIMEOUT(rsrc_race, unregistering_and_cloning, 7200)
{
	void *(*threads[])(void *) = {
		update_files, update_bufs, replace_tables, clone_table,
	};

	if (!can_race())
		SKIP(return, "this kernel does not tell of files that were unregistered");
	run_race(_metadata, threads, 4);
}

TEST_HARNESS_MAIN
