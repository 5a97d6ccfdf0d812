// SPDX-License-Identifier: GPL-2.0
/*
 * What does an io_uring operation cost?
 *
 * Usage: cost [WORKLOAD]...	(default: all; "cost --list" names them)
 *
 * Meant for "vm/run --icount", where a nanosecond is an executed instruction,
 * on the one processor that there is, whoever executes it: the program, the
 * kernel, its workers and interrupts. Prints a line per workload: its name, then
 *
 *   nanoseconds (or bytes) per operation, the mean of the middle half of the
 *     rounds; the distance between the ends of that half in percent; operations
 *     in one more round, that was marked for bench/count.c, 0: none was;
 *   or "not yet", if the kernel does not support it;
 *   or "failed".
 *
 * Exit codes: 0 measured, 1 a measurement failed, 2 usage error.
 */
#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "cost.h"

#define NR_ROUNDS	7
#define MAX_SPREAD	5.0	/* percent; more is no measurement */
#define TIME_LIMIT	60	/* seconds for a workload, of the guest's clock */

/* How the process that measured a workload ends */
enum { MEASURED, FAILED, LACKING };

/* Instructions that do nothing, which bench/count.c looks for */
#define MARK_START()	__asm__ volatile(".byte 0x0f, 0x1f, 0x84, 0x00, 0x30, 0x55, 0x4f, 0x49")
#define MARK_STOP()	__asm__ volatile(".byte 0x0f, 0x1f, 0x84, 0x00, 0x31, 0x55, 0x4f, 0x49")

static const struct workload *const tables[] = {
	request_workloads, event_workloads, echo_workloads, ring_workloads, NULL
};

int expect(struct bench *b, int res)
{
	const struct io_uring_cqe *cqe = ring_peek(&b->r);
	int got;

	if (!cqe)
		errx(FAILED, "%s: a completion is missing", b->w->name);
	got = cqe->res;
	ring_seen(&b->r);
	if (got == res)
		return 0;
	if (got == -EINVAL || got == -EOPNOTSUPP)
		return NOT_YET;
	errx(FAILED, "%s: a request ended with %d, not %d", b->w->name, got, res);
}

static long long now_ns(void)
{
	struct timespec ts;

	if (clock_gettime(CLOCK_MONOTONIC, &ts))
		err(FAILED, "clock_gettime");
	return ts.tv_sec * 1000000000LL + ts.tv_nsec;
}

double cost_of(struct bench *b, void (*run)(struct bench *b))
{
	long long start = 0;
	unsigned int i;

	/* The first half is for nothing, see measure_requests() */
	for (i = 0; i < 2 * b->w->nr_batches; i++) {
		if (i == b->w->nr_batches)
			start = now_ns();
		run(b);
	}
	return (double)(now_ns() - start) / b->w->nr_batches;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static int report(const struct workload *w, double rounds[NR_ROUNDS], unsigned int marked)
{
	const int first = NR_ROUNDS / 4, last = NR_ROUNDS - 1 - first;
	double mean = 0, spread;
	int i;

	qsort(rounds, NR_ROUNDS, sizeof(rounds[0]), compare);
	for (i = first; i <= last; i++)
		mean += rounds[i] / (last - first + 1);
	spread = 100 * (rounds[last] - rounds[first]) / mean;
	printf("%s\t%.1f\t%.2f\t%u\n", w->name, mean, spread, marked);
	fflush(stdout);
	if (spread > MAX_SPREAD)
		warnx("%s: the rounds differ by %.1f %%", w->name, spread);
	return MEASURED;
}

static int do_round(struct bench *b, double *result)
{
	const struct workload *w = b->w;
	long long start = now_ns();
	unsigned int i;

	for (i = 0; i < w->nr_batches; i++)
		if (w->run(b))
			return NOT_YET;
	*result = ((double)(now_ns() - start) / w->nr_batches - b->others) / w->batch;
	return 0;
}

static int measure_requests(const struct workload *w)
{
	struct bench b = { .w = w, .fd = -1 };
	double rounds[NR_ROUNDS], unused;
	size_t i;
	int n;

	if (!ring_open(&b.r, 128, w->setup_flags))
		return LACKING;
	for (i = 0; i < sizeof(w->opcodes) && w->opcodes[i]; i++)
		if (!ring_knows(&b.r, w->opcodes[i]))
			return LACKING;
	if (w->open && w->open(&b))
		return LACKING;
	/* Twice for nothing: caches, workers and file are then as they stay */
	for (n = -2; n < NR_ROUNDS; n++)
		if (do_round(&b, n < 0 ? &unused : &rounds[n]))
			return LACKING;
	MARK_START();
	do_round(&b, &unused);
	MARK_STOP();
	return report(w, rounds, w->nr_batches * w->batch);
}

static int measure_other(const struct workload *w)
{
	double rounds[NR_ROUNDS];
	int i;

	for (i = -2; i < NR_ROUNDS; i++) {
		double result = w->measure();

		if (i >= 0)
			rounds[i] = result;
	}
	if (w->nr_measured) {
		MARK_START();
		w->measure();
		MARK_STOP();
	}
	return report(w, rounds, w->nr_measured);
}

/*
 * In a process of its own: what a workload leaves behind, workers for instance,
 * is gone before the next one, and if it fails, that goes on.
 * Return: false: failed.
 */
static bool measure(const struct workload *w)
{
	int status;
	pid_t pid;

	pid = fork();
	if (pid < 0)
		err(FAILED, "fork");
	if (!pid) {
		alarm(TIME_LIMIT);
		exit(w->measure ? measure_other(w) : measure_requests(w));
	}
	if (waitpid(pid, &status, 0) != pid)
		err(FAILED, "waitpid");
	if (WIFEXITED(status) && WEXITSTATUS(status) == MEASURED)
		return true;
	if (WIFEXITED(status) && WEXITSTATUS(status) == LACKING) {
		printf("%s\tnot yet\n", w->name);
		fflush(stdout);
		return true;
	}
	if (WIFSIGNALED(status))
		warnx("%s: ended by signal %d", w->name, WTERMSIG(status));
	printf("%s\tfailed\n", w->name);
	fflush(stdout);
	return false;
}

static bool wanted(const char *name, int nr, char **names)
{
	int i;

	for (i = 0; i < nr; i++)
		if (!strcmp(names[i], name))
			return true;
	return !nr;
}

int main(int argc, char **argv)
{
	bool list = argc == 2 && !strcmp(argv[1], "--list");
	const struct workload *const *table, *w;
	struct utsname kernel;
	int found = 0;
	bool ok = true;

	if (!list) {
		uname(&kernel);
		printf("# %s %s\n", kernel.release, kernel.version);
		fflush(stdout);
	}
	for (table = tables; *table; table++) {
		for (w = *table; w->name; w++) {
			if (list) {
				puts(w->name);
			} else if (wanted(w->name, argc - 1, argv + 1)) {
				found++;
				ok &= measure(w);
			}
		}
	}
	if (!list && argc > 1 && found != argc - 1)
		errx(2, "some of these are no workloads (--list names them)");
	return ok ? 0 : FAILED;
}
