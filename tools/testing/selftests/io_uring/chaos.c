// SPDX-License-Identifier: GPL-2.0
/*
 * Processes that are killed at a random moment, with rings in every mode and all
 * sorts of requests under way: they end in bounded time, with all their threads,
 * and leave nothing behind.
 *
 * IOU_TEST_KILLS: how many for each mode (default 20). IOU_TEST_SEED: the random
 * numbers of an earlier run, which is printed.
 */
#include <sys/eventfd.h>

#include "iou_test.h"

#include "../kselftest_harness.h"

#define MAX_MS		15	/* a process lives no longer than this */
#define ENTRIES		64

FIXTURE(chaos)
{
	unsigned int kills;
	unsigned int seed;
	int disk;
};

FIXTURE_VARIANT(chaos)
{
	unsigned int setup;
};

#define DEFER	(IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN)

FIXTURE_VARIANT_ADD(chaos, plain) {
	.setup = 0,
};

FIXTURE_VARIANT_ADD(chaos, coop) {
	.setup = IORING_SETUP_COOP_TASKRUN | IORING_SETUP_TASKRUN_FLAG,
};

FIXTURE_VARIANT_ADD(chaos, defer) {
	.setup = DEFER,
};

FIXTURE_VARIANT_ADD(chaos, sqpoll) {
	.setup = IORING_SETUP_SQPOLL,
};

FIXTURE_VARIANT_ADD(chaos, iopoll) {
	.setup = IORING_SETUP_IOPOLL,
};

FIXTURE_VARIANT_ADD(chaos, iopoll_defer) {
	.setup = IORING_SETUP_IOPOLL | DEFER,
};

FIXTURE_VARIANT_ADD(chaos, iopoll_sqpoll) {
	.setup = IORING_SETUP_IOPOLL | IORING_SETUP_SQPOLL,
};

static unsigned int env_number(const char *name, unsigned int otherwise)
{
	const char *text = getenv(name);

	return text ? strtoul(text, NULL, 0) : otherwise;
}

FIXTURE_SETUP(chaos)
{
	const char *missing = setup_missing(variant->setup);

	if (missing)
		SKIP(return, "kernel lacks %s", missing);
	self->kills = env_number("IOU_TEST_KILLS", 20);
	self->seed = env_number("IOU_TEST_SEED", now_ns());
	self->disk = -1;
	if (getenv("IOU_TEST_DISKS"))
		self->disk = open("/dev/nullb0", O_RDWR | O_DIRECT);
	if ((variant->setup & IORING_SETUP_IOPOLL) && self->disk < 0)
		SKIP(return, "no /dev/nullb0, or it is not given to the tests (IOU_TEST_DISKS)");
}

FIXTURE_TEARDOWN(chaos)
{
	close(self->disk);
}

struct files {
	int disk;
	int file;
	int event;
	int pipe[2];
	char *buf;
};

/* Any request: it need not succeed */
static void prep_any(struct ring *r, const struct files *f, unsigned int *seed)
{
	struct io_uring_sqe *sqe;
	unsigned int n = rand_r(seed);
	char *buf = f->buf + n / 16 % 16 * 4096;

	switch (n % 8) {
	case 0:
		sqe = prep(r, IORING_OP_READ, f->pipe[0], buf, 1, -1);
		break;
	case 1:
		sqe = prep(r, IORING_OP_WRITE, f->pipe[1], buf, 1, -1);
		break;
	case 2:
		sqe = prep(r, IORING_OP_READ, f->event, buf, 8, 0);
		break;
	case 3:
		sqe = prep(r, IORING_OP_WRITE, f->file, buf, 4096, n % 64 * 4096);
		break;
	case 4:
		sqe = prep(r, IORING_OP_READ, f->file, buf, 4096, n % 64 * 4096);
		break;
	case 5:
	case 6:
		sqe = prep(r, IORING_OP_READ, f->disk, buf, 4096, n % 64 * 4096);
		break;
	default:
		sqe = prep(r, IORING_OP_NOP, -1, NULL, 0, 0);
		break;
	}
	if (sqe && n % 5 == 0)
		sqe->flags = IOSQE_ASYNC;
}

static void live(unsigned int setup, int disk, unsigned int seed)
{
	struct files f = {
		.disk = disk,
		.file = tmp_file(NULL, 0),
		.event = eventfd(0, 0),
		.buf = pages(16 * 4096),
	};
	struct ring r[2];
	unsigned int i;

	if (pipe(f.pipe) || ring_open(&r[0], ENTRIES, setup) || ring_open(&r[1], 4, setup))
		_exit(1);
	for (;;) {
		unsigned int n = rand_r(&seed);
		struct ring *ring = &r[n % 3 == 0];

		for (i = n / 4 % 32; i; i--)
			prep_any(ring, &f, &seed);
		switch (n / 128 % 8) {
		case 0:
			ring_submit_wait(ring, 1);
			break;
		case 1:
			ring_flush(ring);
			break;
		case 2:
			if (n / 1024 % 8) {
				ring_submit(ring);
				break;
			}
			ring_close(&r[1]);
			if (ring_open(&r[1], 4, setup))
				_exit(1);
			break;
		default:
			ring_submit(ring);
			break;
		}
		store(ring->cq_head, load(ring->cq_tail));
	}
}

/* Kernel memory that is in use, in kB */
static long kernel_memory(void)
{
	char line[128];
	long sum = 0, value;
	FILE *file = fopen("/proc/meminfo", "r");

	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "SUnreclaim: %ld", &value) == 1 ||
		    sscanf(line, "KernelStack: %ld", &value) == 1 ||
		    sscanf(line, "VmallocUsed: %ld", &value) == 1)
			sum += value;
	if (file)
		fclose(file);
	return sum;
}

TEST_F_TIMEOUT(chaos, killed_at_random, 3600)
{
	unsigned int seed = self->seed;
	long before, grown = 0, limit;
	unsigned int i, wait;

	TH_LOG("%u times, IOU_TEST_SEED=%u", self->kills, seed);
	before = kernel_memory();
	for (i = 0; i < self->kills; i++) {
		unsigned int their_seed = rand_r(&seed);
		pid_t pid = fork();

		ASSERT_LE(0, pid);
		if (!pid)
			live(variant->setup, self->disk, their_seed);
		usleep(rand_r(&seed) % (MAX_MS * 1000));
		/* Once it has been waited for, its threads have ended, too */
		ASSERT_TRUE(kill_ends(pid, WAIT_MS)) {
			TH_LOG("round %u", i);
		}
	}
	/* A ring is freed a little later; and some growth is caching */
	limit = 16 * 1024 + 4L * self->kills;
	for (wait = 0; wait < 50; wait++) {
		grown = kernel_memory() - before;
		if (grown < limit)
			break;
		usleep(100000);
	}
	EXPECT_GT(limit, grown) {
		TH_LOG("kernel memory has grown by %ld kB", grown);
	}
	EXPECT_TRUE(fresh_ring_works());
}

TEST_HARNESS_MAIN
