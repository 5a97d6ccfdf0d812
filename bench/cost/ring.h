/* SPDX-License-Identifier: GPL-2.0 */
/* A ring without a library in between. */
#ifndef BENCH_RING_H
#define BENCH_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <linux/io_uring.h>

struct ring {
	int fd;
	unsigned int sq_mask;
	unsigned int cq_mask;
	unsigned int tail;	/* of the SQ, not published yet */
	unsigned int queued;	/* SQEs not submitted yet */
	unsigned int head;	/* of the CQ */
	unsigned int *sq_tail;
	unsigned int *cq_head;
	unsigned int *cq_tail;
	struct io_uring_sqe *sqes;
	struct io_uring_cqe *cqes;
	struct io_uring_params p;
	void *mem;
	size_t mem_size;
};

/* Idle time of a thread that submits */
#define RING_IDLE_MS	100

/**
 * ring_open - create and map a ring
 *
 * Return: false: the kernel does not know one of the flags.
 */
bool ring_open(struct ring *r, unsigned int entries, unsigned int flags);
void ring_close(struct ring *r);

/**
 * ring_knows - does the kernel have an opcode?
 */
bool ring_knows(const struct ring *r, int opcode);

/**
 * ring_register - io_uring_register()
 *
 * Return: false: the kernel does not know the operation.
 */
bool ring_register(const struct ring *r, unsigned int op, const void *arg, unsigned int nr);

/**
 * ring_enter - submit what is queued, wait for so many completions
 */
void ring_enter(struct ring *r, unsigned int wait_nr);

/* The next SQE, zeroed but for these */
static inline struct io_uring_sqe *ring_sqe(struct ring *r, int opcode, int fd)
{
	struct io_uring_sqe *sqe = &r->sqes[r->tail++ & r->sq_mask];

	__builtin_memset(sqe, 0, sizeof(*sqe));
	sqe->opcode = opcode;
	sqe->fd = fd;
	r->queued++;
	return sqe;
}

/* The next CQE, or NULL; it stays in place until ring_seen() */
static inline struct io_uring_cqe *ring_peek(const struct ring *r)
{
	if (r->head == __atomic_load_n(r->cq_tail, __ATOMIC_ACQUIRE))
		return NULL;
	return &r->cqes[r->head & r->cq_mask];
}

static inline void ring_seen(struct ring *r)
{
	__atomic_store_n(r->cq_head, ++r->head, __ATOMIC_RELEASE);
}

#endif
