// SPDX-License-Identifier: GPL-2.0
/*
 * What does an io_uring operation cost?
 *
 * Usage: cost [WORKLOAD]...	(default: all; "cost --list" names them)
 *
 * Meant for "vm/run --icount", where a nanosecond is an executed instruction,
 * on the one processor that there is, whoever executes it: the program, the
 * kernel, its workers and interrupts. Prints a line per workload: name,
 * nanoseconds per operation (the mean of the middle half of the rounds), the
 * distance between the ends of that half in percent; or "not yet" if the kernel
 * does not support it.
 *
 * Exit codes: 0 measured, 1 a measurement failed, 2 usage error.
 */
#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <linux/io_uring.h>

#define NR_ROUNDS	7
#define MAX_SPREAD	5.0	/* percent; more is no measurement */
#define DEFER		(IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN)
#define FILE_SIZE	(1U << 20)

struct ring {
	int fd;
	unsigned int sq_mask;
	unsigned int cq_mask;
	unsigned int tail;
	unsigned int *sq_tail;
	unsigned int *cq_head;
	unsigned int *cq_tail;
	struct io_uring_sqe *sqes;
	struct io_uring_cqe *cqes;
	struct io_uring_params p;
	void *mem;
	size_t mem_size;
};

/**
 * struct workload - what to measure
 * @name: on the command line and in the table
 * @setup_flags: of the ring
 * @batch: operations per io_uring_enter()
 * @nr_batches: per round
 * @opcode: of the requests
 * @sqe_flags: of the requests
 * @path: file to read, or NULL
 * @open_flags: for it
 * @len: bytes per read
 * @size: the reads walk through that much of the file, over and over
 * @create: the file is made first
 * @measure: how, if not by sending requests; returns nanoseconds per operation
 */
struct workload {
	const char *name;
	unsigned int setup_flags;
	unsigned int batch;
	unsigned int nr_batches;
	int opcode;
	int sqe_flags;
	const char *path;
	int open_flags;
	unsigned int len;
	unsigned int size;
	bool create;
	double (*measure)(void);
};

/* What measuring returns instead of a number */
#define NOT_YET		(-1.0)

static long long clock_ns(clockid_t clock)
{
	struct timespec ts;

	if (clock_gettime(clock, &ts))
		err(1, "clock_gettime");
	return ts.tv_sec * 1000000000LL + ts.tv_nsec;
}

static int ring_enter(const struct ring *r, unsigned int nr)
{
	return syscall(__NR_io_uring_enter, r->fd, nr, nr, IORING_ENTER_GETEVENTS, NULL, 0);
}

static void *ring_map(const struct ring *r, size_t size, off_t offset)
{
	void *mem = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE,
			 r->fd, offset);

	if (mem == MAP_FAILED)
		err(1, "mmap of the ring");
	return mem;
}

/* Return: false: the kernel does not know one of the flags */
static bool ring_open(struct ring *r, unsigned int entries, unsigned int flags)
{
	struct io_uring_params *p = &r->p;
	unsigned int i, *array;

	memset(r, 0, sizeof(*r));
	p->flags = flags;
	r->fd = syscall(__NR_io_uring_setup, entries, p);
	if (r->fd < 0 && (errno == EINVAL || errno == ENOSYS))
		return false;
	if (r->fd < 0)
		err(1, "io_uring_setup");
	r->mem_size = p->sq_off.array + p->sq_entries * sizeof(*array);
	r->mem = ring_map(r, r->mem_size, IORING_OFF_SQ_RING);
	r->sqes = ring_map(r, p->sq_entries * sizeof(*r->sqes), IORING_OFF_SQES);
	r->sq_mask = p->sq_entries - 1;
	r->cq_mask = p->cq_entries - 1;
	r->sq_tail = r->mem + p->sq_off.tail;
	r->cq_head = r->mem + p->cq_off.head;
	r->cq_tail = r->mem + p->cq_off.tail;
	r->cqes = r->mem + p->cq_off.cqes;
	array = r->mem + p->sq_off.array;
	for (i = 0; i < p->sq_entries; i++)
		array[i] = i;
	return true;
}

static void ring_close(struct ring *r)
{
	munmap(r->mem, r->mem_size);
	munmap(r->sqes, r->p.sq_entries * sizeof(*r->sqes));
	close(r->fd);
}

/* The memory that is read into, as often as there are requests in a batch */
static char buffers[32][4096] __attribute__((aligned(4096)));

/* Submit and reap one batch. Return: 0, or an error that is no accident */
static int do_batch(const struct workload *w, struct ring *r, int fd, unsigned int *offset)
{
	unsigned int head = *r->cq_head;
	unsigned int i;
	int ret;

	for (i = 0; i < w->batch; i++) {
		struct io_uring_sqe *sqe = &r->sqes[r->tail++ & r->sq_mask];

		memset(sqe, 0, sizeof(*sqe));
		sqe->opcode = w->opcode;
		sqe->flags = w->sqe_flags;
		sqe->fd = fd;
		sqe->user_data = i;
		if (w->opcode == IORING_OP_READ) {
			sqe->addr = (uintptr_t)buffers[i];
			sqe->len = w->len;
			sqe->off = *offset;
			*offset += w->len;
			if (*offset == w->size)
				*offset = 0;
		}
	}
	__atomic_store_n(r->sq_tail, r->tail, __ATOMIC_RELEASE);

	ret = ring_enter(r, w->batch);
	if (ret < 0)
		err(1, "%s: io_uring_enter", w->name);
	/* An unknown opcode or flag ends a batch early */
	while (head != __atomic_load_n(r->cq_tail, __ATOMIC_ACQUIRE)) {
		int res = r->cqes[head++ & r->cq_mask].res;

		if (res == -EINVAL || res == -EOPNOTSUPP)
			return res;
		if (res != (int)w->len)
			errx(1, "%s: a request ended with %d, not %u", w->name, res, w->len);
	}
	__atomic_store_n(r->cq_head, head, __ATOMIC_RELEASE);
	if (ret != (int)w->batch || head != r->tail)
		errx(1, "%s: %d of %u submitted, %u missing", w->name, ret, w->batch,
		     r->tail - head);
	return 0;
}

static double do_round(const struct workload *w, struct ring *r, int fd)
{
	unsigned int i, offset = 0;
	long long start;

	start = clock_ns(CLOCK_MONOTONIC);
	for (i = 0; i < w->nr_batches; i++)
		if (do_batch(w, r, fd, &offset))
			return NOT_YET;
	return (double)(clock_ns(CLOCK_MONOTONIC) - start) / (w->nr_batches * w->batch);
}

static int open_file(const struct workload *w)
{
	unsigned int done;
	int fd;

	if (!w->path)
		return -1;
	if (!w->create) {
		fd = open(w->path, w->open_flags);
		if (fd < 0)
			err(1, "%s", w->path);
		return fd;
	}
	fd = open(w->path, O_RDWR | O_CREAT | O_TRUNC, 0600);
	if (fd < 0)
		err(1, "%s", w->path);
	for (done = 0; done < w->size; done += sizeof(buffers))
		if (write(fd, buffers, sizeof(buffers)) != sizeof(buffers))
			err(1, "write to %s", w->path);
	/* No writeback while it is measured */
	if (fsync(fd))
		err(1, "fsync of %s", w->path);
	return fd;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* Return: false: the rounds differ too much */
static bool report(const char *name, double rounds[NR_ROUNDS])
{
	const int first = NR_ROUNDS / 4, last = NR_ROUNDS - 1 - first;
	double mean = 0, spread;
	int i;

	qsort(rounds, NR_ROUNDS, sizeof(rounds[0]), compare);
	for (i = first; i <= last; i++)
		mean += rounds[i] / (last - first + 1);
	spread = 100 * (rounds[last] - rounds[first]) / mean;
	printf("%s\t%.1f\t%.2f\n", name, mean, spread);
	if (spread > MAX_SPREAD)
		warnx("%s: the rounds differ by %.1f %%", name, spread);
	return spread <= MAX_SPREAD;
}

static bool measure_requests(const struct workload *w)
{
	double rounds[NR_ROUNDS];
	int fd = open_file(w);
	struct ring r;
	int i;

	if (!ring_open(&r, 128, w->setup_flags)) {
		printf("%s\tnot yet\n", w->name);
		return true;
	}
	/* Twice for nothing: caches, workers and file are then as they stay */
	for (i = -2; i < NR_ROUNDS; i++) {
		double ns = do_round(w, &r, fd);

		if (ns == NOT_YET)
			break;
		if (i >= 0)
			rounds[i] = ns;
	}
	ring_close(&r);
	if (fd >= 0)
		close(fd);
	if (i < NR_ROUNDS) {
		printf("%s\tnot yet\n", w->name);
		return true;
	}
	return report(w->name, rounds);
}

/*
 * A child that takes what processor time is left. Under the instruction clock
 * idle time is not counted but skipped, up to the next timer; with this child
 * there is none, and what others used is the time passed minus the child's.
 */
static pid_t spinner;
static clockid_t spinner_clock;

static void spin_start(void)
{
	struct sched_param param = { 0 };

	fflush(stdout);
	spinner = fork();
	if (spinner < 0)
		err(1, "fork");
	if (!spinner) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (sched_setscheduler(0, SCHED_IDLE, &param))
			_exit(1);
		for (;;)
			__asm__ volatile("" ::: "memory");
	}
	if (clock_getcpuclockid(spinner, &spinner_clock))
		errx(1, "clock_getcpuclockid");
}

static void spin_stop(void)
{
	kill(spinner, SIGKILL);
	waitpid(spinner, NULL, 0);
}

/* Time that others than the child have used */
static long long busy_ns(void)
{
	return clock_ns(CLOCK_MONOTONIC) - clock_ns(spinner_clock);
}

/* What others use in five milliseconds in which the program only sleeps */
static long long sleep_busy_ns(void)
{
	struct timespec ts = { .tv_nsec = 5000000 };
	long long start = busy_ns();

	nanosleep(&ts, NULL);
	return busy_ns() - start;
}

/* The same in a system at rest */
static long long rest_busy_ns(void)
{
	long long sum = 0;
	int i;

	for (i = 0; i < 8; i++)
		sum += sleep_busy_ns();
	return sum / 8;
}

#define NR_RINGS	800
#define RING_GROUP	50

static void open_and_close(void)
{
	struct ring r;

	if (!ring_open(&r, 128, 0))
		errx(1, "io_uring_setup");
	ring_close(&r);
}

/*
 * Closing a ring is not over when close() returns. A pause after every few keeps
 * the number of those that are being closed small, and the same each time. At
 * the end, wait until the system has come to rest, and take off what it does at
 * rest.
 */
static double measure_ring(void)
{
	long long rest = rest_busy_ns(), start = busy_ns();
	int i, quiet = 0, sleeps = 0;

	for (i = 1; i <= NR_RINGS; i++) {
		open_and_close();
		if (i % RING_GROUP == 0) {
			sleep_busy_ns();
			sleeps++;
		}
	}
	for (i = 0; i < 100 && quiet < 4; i++) {
		quiet = sleep_busy_ns() < rest + rest / 4 ? quiet + 1 : 0;
		sleeps++;
	}
	return (double)(busy_ns() - start - sleeps * rest) / NR_RINGS;
}

static bool measure_other(const struct workload *w)
{
	double rounds[NR_ROUNDS];
	int i;

	spin_start();
	for (i = -2; i < NR_ROUNDS; i++) {
		double ns = w->measure();

		if (i >= 0)
			rounds[i] = ns;
	}
	spin_stop();
	return report(w->name, rounds);
}

static const struct workload workloads[] = {
	{ .name = "nop-32", .batch = 32, .nr_batches = 2000 },
	{ .name = "nop-32-defer", .setup_flags = DEFER, .batch = 32, .nr_batches = 2000 },
	{ .name = "nop-1-defer", .setup_flags = DEFER, .batch = 1, .nr_batches = 20000 },
	{ .name = "nop-async-8", .batch = 8, .nr_batches = 3000, .sqe_flags = IOSQE_ASYNC },
	{ .name = "read-zero-32", .batch = 32, .nr_batches = 1000, .opcode = IORING_OP_READ,
	  .path = "/dev/zero", .len = 1, .size = 1 << 30 },
	{ .name = "read-ext4-32", .batch = 32, .nr_batches = 320, .opcode = IORING_OP_READ,
	  .path = "/mnt/scratch/cost", .create = true, .len = 512, .size = FILE_SIZE },
	{ .name = "read-tmpfs-32", .batch = 32, .nr_batches = 480, .opcode = IORING_OP_READ,
	  .path = "/tmp/cost", .create = true, .len = 512, .size = FILE_SIZE },
	{ .name = "read-null-32", .batch = 32, .nr_batches = 320, .opcode = IORING_OP_READ,
	  .path = "/dev/nullb0", .open_flags = O_RDONLY | O_DIRECT, .len = 4096,
	  .size = FILE_SIZE },
	{ .name = "ring-128", .measure = measure_ring },
};

#define NR_WORKLOADS	(sizeof(workloads) / sizeof(workloads[0]))

static const struct workload *find(const char *name)
{
	size_t i;

	for (i = 0; i < NR_WORKLOADS; i++)
		if (!strcmp(workloads[i].name, name))
			return &workloads[i];
	return NULL;
}

static bool measure(const struct workload *w)
{
	bool ok = w->measure ? measure_other(w) : measure_requests(w);

	fflush(stdout);
	return ok;
}

int main(int argc, char **argv)
{
	struct utsname kernel;
	bool ok = true;
	size_t i;

	if (argc == 2 && !strcmp(argv[1], "--list")) {
		for (i = 0; i < NR_WORKLOADS; i++)
			puts(workloads[i].name);
		return 0;
	}
	for (i = 1; i < (size_t)argc; i++)
		if (!find(argv[i]))
			errx(2, "no workload '%s' (--list names them)", argv[i]);

	uname(&kernel);
	printf("# %s %s\n", kernel.release, kernel.version);
	for (i = 1; i < (size_t)argc; i++)
		ok &= measure(find(argv[i]));
	for (i = 0; argc == 1 && i < NR_WORKLOADS; i++)
		ok &= measure(&workloads[i]);
	return ok ? 0 : 1;
}
