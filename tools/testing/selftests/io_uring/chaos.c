// SPDX-License-Identifier: GPL-2.0
/*
 * Processes that are killed at a random moment, with rings in every mode and all
 * sorts of requests under way: they end in bounded time, with all their threads,
 * and leave nothing behind.
 *
 * IOU_TEST_KILLS: how many for each mode (default 20). IOU_TEST_SEED: the random
 * numbers of an earlier run, which is printed.
 */
#include "iou_test.h"

#include <dirent.h>
#include <glob.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

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
	int sock[2];
	char *buf;
};

static struct io_uring_sqe *prep_timeout(struct ring *r, int op, unsigned int us)
{
	static struct __kernel_timespec ts;

	ts.tv_nsec = us * 1000;
	return prep(r, op, -1, &ts, 1, 0);
}

/* Any request: it need not succeed */
static void prep_any(struct ring *r, const struct files *f, unsigned int *seed)
{
	struct io_uring_sqe *sqe;
	unsigned int n = rand_r(seed);
	char *buf = f->buf + n / 16 % 16 * 4096;

	switch (n % 16) {
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
	case 4:
		sqe = prep(r, IORING_OP_WRITE, f->file, buf, 4096, n % 64 * 4096);
		break;
	case 5:
		sqe = prep(r, IORING_OP_READ, f->file, buf, 4096, n % 64 * 4096);
		break;
	case 6:
	case 7:
	case 8:
		sqe = prep(r, IORING_OP_READ, f->disk, buf, 4096, n % 64 * 4096);
		break;
	case 9:
		sqe = prep(r, IORING_OP_POLL_ADD, f->pipe[0], NULL,
			   n / 16 % 2 ? IORING_POLL_ADD_MULTI : 0, 0);
		if (sqe)
			sqe->poll32_events = POLLIN;
		break;
	case 10:
		sqe = prep_timeout(r, IORING_OP_TIMEOUT, n / 16 % 2000);
		break;
	case 11:
		sqe = prep(r, IORING_OP_RECV, f->sock[0], buf, 100, 0);
		break;
	case 12:
		sqe = prep(r, IORING_OP_SEND, f->sock[1], buf, n / 16 % 4096, 0);
		break;
	case 13:
		sqe = prep(r, IORING_OP_ASYNC_CANCEL, f->pipe[0], NULL, 0, 0);
		if (sqe)
			sqe->cancel_flags = IORING_ASYNC_CANCEL_FD | IORING_ASYNC_CANCEL_ALL;
		break;
	case 14:
		sqe = prep(r, IORING_OP_FSYNC, f->file, NULL, 0, 0);
		break;
	default:
		sqe = prep(r, IORING_OP_NOP, -1, NULL, 0, 0);
		break;
	}
	if (!sqe)
		return;
	if (n / 1024 % 5 == 0)
		sqe->flags |= IOSQE_ASYNC;
	if (n / 1024 % 7 == 0)
		sqe->flags |= IOSQE_IO_LINK;
	if (n / 1024 % 11 == 0)
		sqe->flags |= IOSQE_IO_HARDLINK;
	if (n / 1024 % 31 == 0)
		sqe->flags |= IOSQE_IO_DRAIN;
	/* Guards the one before it */
	if ((sqe->flags & IOSQE_IO_LINK) && n / 16 % 2)
		prep_timeout(r, IORING_OP_LINK_TIMEOUT, n / 16 % 500);
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

	if (pipe(f.pipe) || socketpair(AF_UNIX, SOCK_STREAM, 0, f.sock) ||
	    ring_open(&r[0], ENTRIES, setup) || ring_open(&r[1], 4, setup))
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

/* Have the slab caches give back what is free; with KASAN that is kept in quarantine */
static void shrink_caches(void)
{
	glob_t files;
	size_t i;

	if (glob("/sys/kernel/slab/*/shrink", 0, NULL, &files))
		return;
	for (i = 0; i < files.gl_pathc; i++) {
		FILE *file = fopen(files.gl_pathv[i], "w");

		/* Some caches refuse */
		if (file) {
			fputs("1", file);
			fclose(file);
		}
	}
	globfree(&files);
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

/* Threads that rings have made, of whatever process */
static unsigned int ring_threads(void)
{
	DIR *proc = opendir("/proc");
	struct dirent *d, *t;
	unsigned int nr = 0;

	while (proc && (d = readdir(proc))) {
		char path[300], comm[64];
		DIR *tasks;

		if (d->d_name[0] < '0' || d->d_name[0] > '9')
			continue;
		snprintf(path, sizeof(path), "/proc/%s/task", d->d_name);
		tasks = opendir(path);
		while (tasks && (t = readdir(tasks))) {
			char file[600];

			snprintf(file, sizeof(file), "%s/%s/comm", path, t->d_name);
			nr += read_small_file(file, comm, sizeof(comm)) &&
			      !strncmp(comm, "iou-", 4);
		}
		if (tasks)
			closedir(tasks);
	}
	if (proc)
		closedir(proc);
	return nr;
}

TEST_F_TIMEOUT(chaos, killed_at_random, 7200)
{
	unsigned int seed = self->seed;
	long before, grown = 0, limit;
	unsigned int i, wait, threads = ring_threads();

	TH_LOG("%u times, IOU_TEST_SEED=%u", self->kills, seed);
	shrink_caches();
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
	for (wait = 0; wait < 20 && ring_threads() > threads; wait++)
		usleep(100000);
	EXPECT_GE(threads, ring_threads());
	/* A ring is freed a little later; and some growth is caching */
	limit = 8192 + self->kills / 4;
	for (wait = 0; wait < 50; wait++) {
		shrink_caches();
		grown = kernel_memory() - before;
		if (grown < limit)
			break;
		usleep(100000);
	}
	TH_LOG("kernel memory has grown by %ld kB", grown);
	EXPECT_GT(limit, grown);
	EXPECT_TRUE(fresh_ring_works());
}

TEST_HARNESS_MAIN
