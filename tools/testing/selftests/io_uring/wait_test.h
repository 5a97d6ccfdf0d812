/* SPDX-License-Identifier: GPL-2.0 */
/*
 * For tests of requests that wait, and of the order in which requests end: SQEs
 * given by value, and the CQEs that came, by user_data.
 */
#ifndef WAIT_TEST_H
#define WAIT_TEST_H

#include "iou_test.h"

/* The three ways in which a program is told of events. */
#define SETUP_COOP	IORING_SETUP_COOP_TASKRUN
#define SETUP_DEFER	(IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN)

/* Long enough to see that nothing happens. */
#define QUIET_MS	20

/*
 * struct log - CQEs in the order in which they came
 * @nr: how many
 */
struct log {
	unsigned int nr;
	struct io_uring_cqe cqe[256];
};

/* Take what there is, until there are @nr or @ms have passed: how many there are. */
static inline int log_wait_ms(struct log *log, struct ring *r, unsigned int nr, long ms)
{
	while (log->nr < nr && log->nr < ARRAY_LEN(log->cqe))
		if (ring_wait_ms(r, &log->cqe[log->nr++], ms)) {
			log->nr--;
			break;
		}
	return log->nr;
}

/* Have @nr CQEs come, and none more that could come now? */
static inline bool log_is(struct log *log, struct ring *r, unsigned int nr)
{
	if (log_wait_ms(log, r, nr, WAIT_MS) != (int)nr)
		return false;
	ring_flush(r);
	return !ring_ready(r);
}

/* The result of the only CQE with this user_data, else NO_RESULT. */
static inline int log_res(const struct log *log, __u64 user_data)
{
	int res = NO_RESULT;
	unsigned int i;

	for (i = 0; i < log->nr; i++) {
		if (log->cqe[i].user_data != user_data)
			continue;
		if (res != NO_RESULT)
			return NO_RESULT;
		res = log->cqe[i].res;
	}
	return res;
}

/* The place of the first CQE with this user_data, -1: there is none. */
static inline int log_place(const struct log *log, __u64 user_data)
{
	unsigned int i;

	for (i = 0; i < log->nr; i++)
		if (log->cqe[i].user_data == user_data)
			return i;
	return -1;
}

/* Are these CQEs in the order of their user_data, from 1 on? */
static inline bool log_in_order(const struct log *log)
{
	unsigned int i;

	for (i = 0; i < log->nr; i++)
		if (log->cqe[i].user_data != i + 1)
			return false;
	return true;
}

/* Does no CQE come? */
static inline bool ring_quiet(struct ring *r)
{
	ring_enter_wait(r, 1, QUIET_MS);
	return !ring_ready(r);
}

/* Queue an SQE given by value: false when the SQ is full. */
static inline bool queue(struct ring *r, __u64 user_data, __u8 flags, struct io_uring_sqe sqe)
{
	struct io_uring_sqe *slot = ring_sqe(r);

	if (!slot)
		return false;
	sqe.flags |= flags;
	sqe.user_data = user_data;
	*slot = sqe;
	return true;
}

static inline struct io_uring_sqe sqe_nop(void)
{
	return (struct io_uring_sqe) { .opcode = IORING_OP_NOP };
}

/* A NOP that ends with @res. */
static inline struct io_uring_sqe sqe_nop_res(int res)
{
	return (struct io_uring_sqe) {
		.opcode = IORING_OP_NOP,
		.nop_flags = IORING_NOP_INJECT_RESULT,
		.len = res,
	};
}

/* One that is refused when it is submitted. */
static inline struct io_uring_sqe sqe_bad(void)
{
	return (struct io_uring_sqe) { .opcode = IORING_OP_NOP, .nop_flags = 1u << 31 };
}

static inline struct io_uring_sqe sqe_rw(int opcode, int fd, const void *buf, unsigned int len)
{
	return (struct io_uring_sqe) {
		.opcode = opcode,
		.fd = fd,
		.addr = (uintptr_t)buf,
		.len = len,
		.off = -1,
	};
}

static inline struct io_uring_sqe sqe_read(int fd, void *buf, unsigned int len)
{
	return sqe_rw(IORING_OP_READ, fd, buf, len);
}

static inline struct io_uring_sqe sqe_write(int fd, const void *buf, unsigned int len)
{
	return sqe_rw(IORING_OP_WRITE, fd, buf, len);
}

static inline struct io_uring_sqe sqe_poll(int fd, unsigned int events)
{
	return (struct io_uring_sqe) {
		.opcode = IORING_OP_POLL_ADD,
		.fd = fd,
		.poll32_events = events,
	};
}

static inline struct io_uring_sqe sqe_poll_multi(int fd, unsigned int events)
{
	struct io_uring_sqe sqe = sqe_poll(fd, events);

	sqe.len = IORING_POLL_ADD_MULTI;
	return sqe;
}

static inline struct io_uring_sqe sqe_timeout(const struct __kernel_timespec *ts,
					      unsigned int flags, __u64 off)
{
	return (struct io_uring_sqe) {
		.opcode = IORING_OP_TIMEOUT,
		.fd = -1,
		.addr = (uintptr_t)ts,
		.len = 1,
		.timeout_flags = flags,
		.off = off,
	};
}

static inline struct io_uring_sqe sqe_link_timeout(const struct __kernel_timespec *ts,
						   unsigned int flags)
{
	struct io_uring_sqe sqe = sqe_timeout(ts, flags, 0);

	sqe.opcode = IORING_OP_LINK_TIMEOUT;
	return sqe;
}

static inline struct io_uring_sqe sqe_cancel(__u64 user_data, unsigned int flags)
{
	return (struct io_uring_sqe) {
		.opcode = IORING_OP_ASYNC_CANCEL,
		.fd = -1,
		.addr = user_data,
		.cancel_flags = flags,
	};
}

/* Between two pipes, the first of which is empty: keeps a worker until it is cancelled. */
static inline struct io_uring_sqe sqe_splice(int in, int out)
{
	return (struct io_uring_sqe) {
		.opcode = IORING_OP_SPLICE,
		.fd = out,
		.off = -1,
		.splice_fd_in = in,
		.splice_off_in = -1,
		.len = 1,
	};
}

/* For costs that are compared: the time that this thread has used, in ns. */
static inline long long used_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return ts.tv_sec * 1000000000LL + ts.tv_nsec;
}

/* A child that writes so many times 8 bytes "1" to a pipe or an eventfd, one by one. */
static inline pid_t write_later(int fd, unsigned int times)
{
	const __u64 one = 1;
	pid_t pid = fork();

	if (pid)
		return pid;
	while (times--) {
		poll(NULL, 0, QUIET_MS);
		if (write(fd, &one, 8) != 8)
			_exit(1);
	}
	_exit(0);
}

static inline struct __kernel_timespec ts_ms(long ms)
{
	return (struct __kernel_timespec) {
		.tv_sec = ms / 1000,
		.tv_nsec = ms % 1000 * 1000000,
	};
}

/* Longer than any test. */
#define TS_NEVER	ts_ms(3600000)

/* For tests whose fixture has a ring and a log. */
#define SUBMIT(count)	ASSERT_EQ(count, ring_submit(&self->ring))

/* Wait until there are that many CQEs in all, and no others. */
#define GET(count)	ASSERT_TRUE(log_is(&self->log, &self->ring, count))

#define RES(user_data)	log_res(&self->log, user_data)

#endif /* WAIT_TEST_H */
