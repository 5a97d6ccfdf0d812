// SPDX-License-Identifier: GPL-2.0
/* Waiting for events, timeouts, opening and closing. */
#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "cost.h"

static int open_eventfd(struct bench *b)
{
	b->fd = eventfd(0, 0);
	if (b->fd < 0)
		err(1, "eventfd");
	return 0;
}

/* Arm, trigger, reap */
static int run_poll(struct bench *b)
{
	struct io_uring_sqe *sqe = ring_sqe(&b->r, IORING_OP_POLL_ADD, b->fd);
	uint64_t value = 1;

	sqe->poll32_events = POLLIN;
	ring_enter(&b->r, 0);
	if (write(b->fd, &value, sizeof(value)) != sizeof(value))
		err(1, "write to the eventfd");
	ring_enter(&b->r, 1);
	if (read(b->fd, &value, sizeof(value)) != sizeof(value))
		err(1, "read from the eventfd");
	return expect(b, POLLIN);
}

/* Arm and remove at once */
static int run_timeout(struct bench *b)
{
	static const struct __kernel_timespec ts = { .tv_sec = 1000 };
	unsigned int i, removed = 0;
	struct io_uring_sqe *sqe;

	for (i = 0; i < b->w->batch; i++) {
		sqe = ring_sqe(&b->r, IORING_OP_TIMEOUT, -1);
		sqe->addr = (uintptr_t)&ts;
		sqe->len = 1;
		sqe->user_data = 1 + i;
		sqe = ring_sqe(&b->r, IORING_OP_TIMEOUT_REMOVE, -1);
		sqe->addr = 1 + i;
	}
	ring_enter(&b->r, 2 * b->w->batch);
	/* In whatever order they come */
	for (i = 0; i < 2 * b->w->batch; i++) {
		const struct io_uring_cqe *cqe = ring_peek(&b->r);

		removed += cqe && !cqe->user_data;
		if (expect(b, cqe && cqe->user_data ? -ECANCELED : 0))
			return NOT_YET;
	}
	if (removed != b->w->batch)
		errx(1, "%s: %u of %u removed", b->w->name, removed, b->w->batch);
	return 0;
}

/* A cached path is relative, and on a local file system. */
static int open_directory(struct bench *b)
{
	(void)b;
	if (chdir("/mnt/scratch"))
		err(1, "/mnt/scratch");
	close(open("file", O_RDWR | O_CREAT, 0600));
	return 0;
}

static int run_open_close(struct bench *b)
{
	unsigned int i, nr = b->w->batch;
	int fds[32];

	for (i = 0; i < nr; i++) {
		struct io_uring_sqe *sqe = ring_sqe(&b->r, IORING_OP_OPENAT, AT_FDCWD);

		sqe->flags = b->w->sqe_flags;
		sqe->addr = (uintptr_t)"file";
		sqe->open_flags = O_RDONLY;
	}
	ring_enter(&b->r, nr);
	for (i = 0; i < nr; i++) {
		const struct io_uring_cqe *cqe = ring_peek(&b->r);

		if (!cqe || cqe->res < 0)
			return expect(b, 0);
		fds[i] = cqe->res;
		ring_seen(&b->r);
	}
	for (i = 0; i < nr; i++)
		ring_sqe(&b->r, IORING_OP_CLOSE, fds[i])->flags = b->w->sqe_flags;
	ring_enter(&b->r, nr);
	for (i = 0; i < nr; i++)
		if (expect(b, 0))
			return NOT_YET;
	return 0;
}

const struct workload event_workloads[] = {
	{ .name = "poll-eventfd", .opcodes = { IORING_OP_POLL_ADD }, .batch = 1,
	  .nr_batches = 6000, .open = open_eventfd, .run = run_poll },
	{ .name = "timeout-remove", .opcodes = { IORING_OP_TIMEOUT, IORING_OP_TIMEOUT_REMOVE },
	  .batch = 1, .nr_batches = 6000, .run = run_timeout },
	{ .name = "open-close", .opcodes = { IORING_OP_OPENAT, IORING_OP_CLOSE }, .batch = 1,
	  .nr_batches = 4000, .open = open_directory, .run = run_open_close },
	{ .name = "open-close-async", .opcodes = { IORING_OP_OPENAT, IORING_OP_CLOSE },
	  .batch = 8, .nr_batches = 400, .sqe_flags = IOSQE_ASYNC, .open = open_directory,
	  .run = run_open_close },
	{ }
};
