// SPDX-License-Identifier: GPL-2.0
/* Creating and closing rings, the memory they take, and registering memory. */
#define _GNU_SOURCE
#include <err.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/uio.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "cost.h"

static long long clock_ns(clockid_t clock)
{
	struct timespec ts;

	if (clock_gettime(clock, &ts))
		err(1, "clock_gettime");
	return ts.tv_sec * 1000000000LL + ts.tv_nsec;
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

#define NR_CLOSED	800
#define CLOSE_GROUP	50

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
static double measure_close(void)
{
	int i, quiet = 0, sleeps = 0;
	long long rest, start, used;

	spin_start();
	rest = rest_busy_ns();
	start = busy_ns();
	for (i = 1; i <= NR_CLOSED; i++) {
		open_and_close();
		if (i % CLOSE_GROUP == 0) {
			sleep_busy_ns();
			sleeps++;
		}
	}
	for (i = 0; i < 100 && quiet < 4; i++) {
		quiet = sleep_busy_ns() < rest + rest / 4 ? quiet + 1 : 0;
		sleeps++;
	}
	used = busy_ns() - start - sleeps * rest;
	spin_stop();
	return (double)used / NR_CLOSED;
}

/*
 * Free memory in bytes, after what can be had at once was given back. Pages that
 * a processor keeps at hand are not in MemFree: look at the zones.
 */
static double free_memory(void)
{
	/* Rings that were closed are being taken apart for a while */
	struct timespec ts = { .tv_sec = 1 };
	long long n, pages = 0;
	char line[128];
	FILE *file;
	int fd, i;

	for (i = 0; i < 3; i++) {
		fd = open("/proc/sys/vm/drop_caches", O_WRONLY);
		if (fd < 0 || write(fd, "3", 1) != 1)
			err(1, "drop_caches");
		close(fd);
		nanosleep(&ts, NULL);
	}
	file = fopen("/proc/zoneinfo", "r");
	if (!file)
		err(1, "/proc/zoneinfo");
	while (fgets(line, sizeof(line), file))
		if (sscanf(line, " nr_free_pages %lld", &n) == 1 || sscanf(line, " count: %lld", &n) == 1)
			pages += n;
	fclose(file);
	return pages * 4096.0;
}

#define NR_IDLE		800

static double measure_idle_memory(void)
{
	static struct ring rings[NR_IDLE];
	double before = free_memory(), used;
	int i;

	for (i = 0; i < NR_IDLE; i++)
		if (!ring_open(&rings[i], 128, 0))
			errx(1, "io_uring_setup");
	used = before - free_memory();
	for (i = 0; i < NR_IDLE; i++)
		ring_close(&rings[i]);
	return used / NR_IDLE;
}

#define SQ_SIZE		4096
#define NR_IN_FLIGHT	(4 * SQ_SIZE)

/* Reads that wait for an eventfd */
static double measure_request_memory(void)
{
	int i, j, fd = eventfd(0, 0);
	double before, used;
	struct ring r;

	if (fd < 0)
		err(1, "eventfd");
	if (!ring_open(&r, SQ_SIZE, 0))
		errx(1, "io_uring_setup");
	before = free_memory();
	for (i = 0; i < NR_IN_FLIGHT / SQ_SIZE; i++) {
		for (j = 0; j < SQ_SIZE; j++) {
			struct io_uring_sqe *sqe = ring_sqe(&r, IORING_OP_READ, fd);

			sqe->addr = (uintptr_t)buffers[0];
			sqe->len = 8;
		}
		ring_enter(&r, 0);
	}
	used = before - free_memory();
	if (r.queued || ring_peek(&r))
		errx(1, "a read of the eventfd did not wait");
	ring_close(&r);
	close(fd);
	return used / NR_IN_FLIGHT;
}

#define AREA_SIZE	(256UL << 20)
#define SMALL_PAGE	4096
#define HUGE_PAGE	(2UL << 20)

/* Registering and unregistering memory. Return: for each of @nr pages */
static double register_area(void *area, unsigned int nr)
{
	struct iovec iov = { area, AREA_SIZE };
	long long start, used;
	struct ring r;

	if (!ring_open(&r, 8, 0))
		errx(1, "io_uring_setup");
	start = clock_ns(CLOCK_MONOTONIC);
	if (!ring_register(&r, IORING_REGISTER_BUFFERS, &iov, 1) ||
	    !ring_register(&r, IORING_UNREGISTER_BUFFERS, NULL, 0))
		errx(1, "buffers cannot be registered");
	used = clock_ns(CLOCK_MONOTONIC) - start;
	ring_close(&r);
	return (double)used / nr;
}

static void *map_area(int flags)
{
	void *area = mmap(NULL, AREA_SIZE, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);

	if (area == MAP_FAILED)
		err(1, "mmap");
	if (!(flags & MAP_HUGETLB) && madvise(area, AREA_SIZE, MADV_NOHUGEPAGE))
		err(1, "madvise");
	memset(area, 1, AREA_SIZE);
	return area;
}

static double measure_register_small(void)
{
	static void *area;

	if (!area)
		area = map_area(0);
	return register_area(area, AREA_SIZE / SMALL_PAGE);
}

static double measure_register_huge(void)
{
	static void *area;

	if (!area) {
		FILE *file = fopen("/proc/sys/vm/nr_hugepages", "w");

		if (!file || fprintf(file, "%lu", AREA_SIZE / HUGE_PAGE) < 0 || fclose(file))
			err(1, "nr_hugepages");
		area = map_area(MAP_HUGETLB);
	}
	return register_area(area, AREA_SIZE / HUGE_PAGE);
}

/* What a thread that submits does in its idle time after a NOP, and half of that more */
static double measure_sqpoll_idle(void)
{
	const struct timespec pause = { .tv_nsec = RING_IDLE_MS * 3 / 2 * 1000000L };
	long long begin, spun, used;
	struct ring r;

	spin_start();
	if (!ring_open(&r, 8, IORING_SETUP_SQPOLL))
		errx(1, "SQPOLL");
	ring_sqe(&r, IORING_OP_NOP, -1);
	__atomic_store_n(r.sq_tail, r.tail, __ATOMIC_RELEASE);
	syscall(__NR_io_uring_enter, r.fd, 1, 0, IORING_ENTER_SQ_WAKEUP, NULL, 0);
	spun = clock_ns(spinner_clock);
	begin = clock_ns(CLOCK_MONOTONIC);
	nanosleep(&pause, NULL);
	used = clock_ns(CLOCK_MONOTONIC) - begin - (clock_ns(spinner_clock) - spun);
	spin_stop();
	ring_close(&r);
	return used;
}

const struct workload ring_workloads[] = {
	{ .name = "ring-128", .measure = measure_close, .nr_measured = NR_CLOSED },
	{ .name = "register-small", .measure = measure_register_small,
	  .nr_measured = AREA_SIZE / SMALL_PAGE },
	{ .name = "register-huge", .measure = measure_register_huge,
	  .nr_measured = AREA_SIZE / HUGE_PAGE },
	{ .name = "sqpoll-idle", .measure = measure_sqpoll_idle, .nr_measured = 1 },
	{ .name = "memory-ring-128", .measure = measure_idle_memory },
	{ .name = "memory-request", .measure = measure_request_memory },
	{ }
};
