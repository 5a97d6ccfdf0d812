// SPDX-License-Identifier: GPL-2.0
/*
 * Do what makes a ring hold its lock for long, and print what the kernel has taken
 * down meanwhile (see fs/io_uring/run/holds.c), each line with the scenario, and
 * "alone" or "crowd": whether somebody is said to wait for the lock.
 */
#define _GNU_SOURCE
#include <err.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "cost/ring.h"

#define HOLDS		"/sys/kernel/debug/io_uring_holds"
#define NR_NOPS		4096
#define NR_EVENTS	100000
#define NR_PARKED	100000
#define NR_READS	1000
#define READ_SIZE	4096
#define BATCH		4096
#define MAX_TEXT	4096

static bool crowd;

static void holds_clear(void)
{
	int fd = open(HOLDS, O_WRONLY);

	if (fd < 0 || write(fd, crowd ? "1" : "0", 1) != 1)
		err(1, HOLDS);
	close(fd);
}

static void holds_read(char *text)
{
	int fd = open(HOLDS, O_RDONLY);
	ssize_t size;

	if (fd < 0)
		err(1, HOLDS);
	size = read(fd, text, MAX_TEXT - 1);
	if (size < 0)
		err(1, HOLDS);
	text[size] = '\0';
	close(fd);
}

/* When kernel workers have finished, too: they have all the time there is */
static void holds_print(const char *scenario)
{
	char text[MAX_TEXT] = "", before[MAX_TEXT];
	char *line;

	do {
		strcpy(before, text);
		sleep(1);
		holds_read(text);
	} while (strcmp(before, text));

	for (line = strtok(text, "\n"); line; line = strtok(NULL, "\n"))
		printf("%s %s %s\n", scenario, crowd ? "crowd" : "alone", line);
	fflush(stdout);
}

static void open_ring(struct ring *r, unsigned int entries)
{
	if (!ring_open(r, entries, 0))
		errx(1, "no ring");
}

/* A batch of NOPs */
static void nops(void)
{
	struct ring r;
	int i;

	open_ring(&r, NR_NOPS);
	for (i = 0; i < NR_NOPS; i++)
		ring_sqe(&r, IORING_OP_NOP, -1);
	holds_clear();
	ring_enter(&r, NR_NOPS);
	holds_print("nops");
	ring_close(&r);
}

static void park(struct ring *r, int fd, int nr)
{
	int i;

	for (i = 0; i < nr; i++) {
		struct io_uring_sqe *sqe = ring_sqe(r, IORING_OP_POLL_ADD, fd);

		sqe->poll32_events = POLLIN;
		sqe->user_data = i;
		if ((i + 1) % BATCH == 0 || i + 1 == nr)
			ring_enter(r, 0);
	}
}

/* One wake-up that ends very many requests of a task */
static void events(void)
{
	uint64_t one = 1;
	struct ring r;
	int fd = eventfd(0, 0);

	open_ring(&r, BATCH);
	park(&r, fd, NR_EVENTS);
	holds_clear();
	/* The events run on the way out of it; most CQEs go to the backlog */
	if (write(fd, &one, sizeof(one)) != sizeof(one))
		err(1, "eventfd");
	holds_print("events");
	close(fd);
	ring_close(&r);
}

/* A chain of reads that is started by an event */
static void chain(void)
{
	static char buf[READ_SIZE];
	int zero = open("/dev/zero", O_RDONLY);
	struct __kernel_timespec ts = { .tv_nsec = 1000000 };
	struct io_uring_sqe *sqe;
	struct ring r;
	int i;

	open_ring(&r, 2 * NR_READS);
	sqe = ring_sqe(&r, IORING_OP_TIMEOUT, -1);
	sqe->addr = (uintptr_t)&ts;
	sqe->len = 1;
	sqe->timeout_flags = IORING_TIMEOUT_ETIME_SUCCESS;
	sqe->flags = IOSQE_IO_LINK;
	for (i = 0; i < NR_READS; i++) {
		sqe = ring_sqe(&r, IORING_OP_READ, zero);
		sqe->addr = (uintptr_t)buf;
		sqe->len = READ_SIZE;
		if (i + 1 < NR_READS)
			sqe->flags = IOSQE_IO_LINK;
	}
	holds_clear();
	ring_enter(&r, 0);
	while (__atomic_load_n(r.cq_tail, __ATOMIC_ACQUIRE) - r.head < NR_READS + 1)
		ring_enter(&r, 1);
	holds_print("chain");
	close(zero);
	ring_close(&r);
}

/* A ring is closed that has very many requests which wait for something */
static void close_parked(void)
{
	struct ring r;
	int fd = eventfd(0, 0);

	open_ring(&r, BATCH);
	park(&r, fd, NR_PARKED);
	holds_clear();
	ring_close(&r);
	holds_print("close");
	close(fd);
}

int main(void)
{
	int i;

	for (i = 0; i < 2; i++) {
		crowd = i;
		nops();
		events();
		chain();
		close_parked();
	}
	return 0;
}
