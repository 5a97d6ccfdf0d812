// SPDX-License-Identifier: GPL-2.0
/*
 * Rings of the program: setup, register operations, queues, and how to know that
 * nothing is going to happen any more.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "arena.h"
#include "run.h"

#ifndef __NR_io_uring_setup
#define __NR_io_uring_setup	425
#define __NR_io_uring_enter	426
#define __NR_io_uring_register	427
#endif

/* Time in which an idle kernel would have done what it has to do */
#define IDLE_NS		8000000

struct ring rings[NR_RINGS];

static int sys_setup(__u32 entries, struct io_uring_params *params)
{
	int ret = syscall(__NR_io_uring_setup, entries, params);

	ret = ret < 0 ? -errno : ret;
	count_result(ROW_SETUP, ret);
	return ret;
}

int ring_enter(int ring, __u32 to_submit, __u32 min_complete, __u32 flags,
	       const void *arg, size_t size)
{
	int ret, fd = rings[ring].fd;

	if (fd < 0) {
		fd = rings[ring].index;
		flags |= IORING_ENTER_REGISTERED_RING;
	}
	ret = syscall(__NR_io_uring_enter, fd, to_submit, min_complete, flags, arg, size);
	return ret < 0 ? -errno : ret;
}

int ring_register(int ring, __u32 op, __u64 arg, __u32 nr)
{
	int ret, fd = rings[ring].fd;

	if (fd < 0) {
		fd = rings[ring].index;
		op |= IORING_REGISTER_USE_REGISTERED_RING;
	}
	ret = syscall(__NR_io_uring_register, fd, op, at(arg), nr);
	ret = ret < 0 ? -errno : ret;
	if ((op & 0xffff) < NR_REGISTER_OPS)
		count_result(ROW_REGISTER(op & 0xffff), ret);
	return ret;
}

void rings_init(void)
{
	int i;

	memset(rings, 0, sizeof(rings));
	for (i = 0; i < NR_RINGS; i++) {
		rings[i].fd = -1;
		rings[i].index = -1;
	}
}

void rings_unmap(void)
{
	struct ring *ring;

	for (ring = rings; ring < rings + NR_RINGS; ring++) {
		if (ring->mem_size)
			munmap(ring->mem, ring->mem_size);
		if (ring->sqes_size)
			munmap(ring->sqes, ring->sqes_size);
		if (ring->bufs_size)
			munmap(ring->bufs, ring->bufs_size);
		ring->mem_size = 0;
		ring->sqes_size = 0;
		ring->bufs_size = 0;
	}
}

/* ------------------------------------------------------------------------
 * Setup
 */

static void out_params(const struct io_uring_params *p)
{
	const __u32 *sq = &p->sq_off.head, *cq = &p->cq_off.head;
	int i;

	out("ok sq=%d cq=%d feat=%x fl=%x\no%d=", p->sq_entries, p->cq_entries,
	    p->features & 0xffff, p->flags, run.step);
	for (i = 0; i < 7; i++)
		out("%x,", sq[i]);
	for (i = 0; i < 7; i++)
		out("%x,", cq[i]);
	out("\n");
}

static size_t sqe_size(const struct ring *ring)
{
	return ring->params.flags & IORING_SETUP_SQE128 ? 128 : 64;
}

static size_t cqe_size(const struct ring *ring)
{
	return ring->params.flags & IORING_SETUP_CQE32 ? 32 : 16;
}

static void *map(const struct ring *ring, size_t size, __u64 offset)
{
	void *mem = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, ring->fd,
			 offset);

	if (mem != MAP_FAILED)
		return mem;
	out("m%d=%d\n", run.step, -errno);
	return NULL;
}

static bool map_queues(struct ring *ring)
{
	const struct io_uring_params *p = &ring->params;
	size_t size = p->cq_off.cqes + p->cq_entries * cqe_size(ring);
	size_t sq_size = p->sq_off.array + p->sq_entries * sizeof(__u32);

	if (!(p->flags & IORING_SETUP_NO_SQARRAY) && sq_size > size)
		size = sq_size;
	ring->mem = map(ring, size, IORING_OFF_SQ_RING);
	if (!ring->mem)
		return false;
	ring->mem_size = size;
	size = p->sq_entries * sqe_size(ring);
	ring->sqes = map(ring, size, IORING_OFF_SQES);
	if (!ring->sqes)
		return false;
	ring->sqes_size = size;
	return true;
}

static __u32 *word_of(const struct ring *ring, __u32 offset)
{
	return (__u32 *)(ring->mem + offset);
}

static void find_words(struct ring *ring)
{
	const struct io_uring_params *p = &ring->params;

	ring->sq_head = word_of(ring, p->sq_off.head);
	ring->sq_tail = word_of(ring, p->sq_off.tail);
	ring->sq_flags = word_of(ring, p->sq_off.flags);
	ring->sq_dropped = word_of(ring, p->sq_off.dropped);
	if (!(p->flags & IORING_SETUP_NO_SQARRAY))
		ring->sq_array = word_of(ring, p->sq_off.array);
	ring->cq_head = word_of(ring, p->cq_off.head);
	ring->cq_tail = word_of(ring, p->cq_off.tail);
	ring->cq_overflow = word_of(ring, p->cq_off.overflow);
	if (*word_of(ring, p->sq_off.ring_mask) != p->sq_entries - 1 ||
	    *word_of(ring, p->cq_off.ring_mask) != p->cq_entries - 1 ||
	    *word_of(ring, p->sq_off.ring_entries) != p->sq_entries ||
	    *word_of(ring, p->cq_off.ring_entries) != p->cq_entries)
		out("m%d=masks\n", run.step);
}

void ring_setup(const struct step *step)
{
	struct ring *ring = &rings[step->ring];
	int fd;

	memset(ring, 0, sizeof(*ring));
	ring->fd = -1;
	ring->index = -1;
	ring->params = step->params;
	ring->params.sq_entries = 0;
	fd = sys_setup(step->params.sq_entries, &ring->params);
	out("s%d=", run.step);
	if (fd < 0) {
		out("%d\n", fd);
		return;
	}
	out_params(&ring->params);
	if (step->params.flags & IORING_SETUP_REGISTERED_FD_ONLY) {
		ring->index = fd;
	} else {
		ring->fd = fd_of(ring_object(step->ring));
		dup2(fd, ring->fd);
		close(fd);
	}
	if (step->params.flags & IORING_SETUP_NO_MMAP) {
		ring->mem = at(step->params.cq_off.user_addr);
		ring->sqes = at(step->params.sq_off.user_addr);
	} else if (!map_queues(ring)) {
		return;
	}
	find_words(ring);
	ring->ok = true;
}

void ring_probe_setup(const struct step *step)
{
	struct io_uring_params params = step->params;
	int fd = sys_setup(step->nr, step->bad_pointer ? at(step->arg) : &params);

	out("s%d=", run.step);
	if (fd < 0)
		out("%d\n", fd);
	else if (step->bad_pointer)
		out("ok\n");
	else
		out_params(&params);
	if (fd >= 0 && !(step->params.flags & IORING_SETUP_REGISTERED_FD_ONLY))
		close(fd);
}

/* ------------------------------------------------------------------------
 * Register operations
 */

void ring_add_buffers(int number)
{
	struct ring *ring = &rings[number];
	int i;

	if (!ring->bufs)
		return;
	for (i = 0; i < 4; i++) {
		struct io_uring_buf *buf = &ring->bufs->bufs[ring->bufs_tail & ring->bufs_mask];

		buf->addr = PBUF + 256 * (ring->bufs_tail & 7);
		buf->len = (ring->bufs_tail & 3) == 3 ? 200 : 64;
		buf->bid = ring->bufs_tail & 7;
		ring->bufs_tail++;
	}
	__atomic_store_n(&ring->bufs->tail, ring->bufs_tail, __ATOMIC_RELEASE);
}

static void buffers_registered(int number, const struct io_uring_buf_reg *reg)
{
	struct ring *ring = &rings[number];
	size_t size = reg->ring_entries * sizeof(struct io_uring_buf);

	if (ring->bufs_size)
		munmap(ring->bufs, ring->bufs_size);
	ring->bufs_size = 0;
	ring->bufs_mask = reg->ring_entries - 1;
	ring->bufs_tail = 0;
	ring->bufs = at(reg->ring_addr);
	if (reg->flags & IOU_PBUF_RING_MMAP) {
		ring->bufs = map(ring, size, IORING_OFF_PBUF_RING |
				 (__u64)reg->bgid << IORING_OFF_PBUF_SHIFT);
		if (!ring->bufs)
			return;
		ring->bufs_size = 4096;
	}
	if (ring->bufs_mask >= 3)
		ring_add_buffers(number);
	else
		ring->bufs = NULL;
}

static void out_register_result(const struct step *step)
{
	const __u32 *word = at(step->arg);
	__u32 i;

	if (!step->result_size)
		return;
	out(" %x", hash(word, step->result_size));
	for (i = 0; i < step->result_size / 4; i++)
		out(",%x", word[i]);
}

static void out_probe(const struct io_uring_probe *probe)
{
	__u64 supported = 0;
	int i;

	for (i = 0; i < NR_OPCODES && i < probe->ops_len; i++)
		if (probe->ops[i].flags & IO_URING_OP_SUPPORTED)
			supported |= 1ull << i;
	out(" ops=%llx\nl%d=%d,%d", supported, run.step, probe->last_op,
	    probe->ops_len);
}

void ring_register_step(const struct step *step)
{
	int ret = ring_register(step->ring, step->op, step->arg, step->nr);

	if (step->op == IORING_REGISTER_SYNC_CANCEL && racy_may_remain()) {
		out("g%d=?\n", run.step);
		return;
	}
	out("g%d=%d", run.step, ret);
	if (ret >= 0) {
		out_register_result(step);
		if (step->op == IORING_REGISTER_PROBE)
			out_probe(at(step->arg));
	}
	out("\n");
	if (ret)
		return;
	if (step->op == IORING_REGISTER_PBUF_RING)
		buffers_registered(step->ring, at(step->arg));
	if (step->op == IORING_UNREGISTER_PBUF_RING &&
	    ((const struct io_uring_buf_reg *)at(step->arg))->bgid == 1)
		rings[step->ring].bufs = NULL;
}

int ring_cancel_all(int ring)
{
	struct io_uring_sync_cancel_reg all = {
		.fd = -1,
		.flags = IORING_ASYNC_CANCEL_ANY | IORING_ASYNC_CANCEL_ALL,
		.timeout = { .tv_sec = 1 },
	};

	return ring_register(ring, IORING_REGISTER_SYNC_CANCEL, (uintptr_t)&all, 1);
}

/* ------------------------------------------------------------------------
 * Queues
 */

struct io_uring_sqe *ring_put(struct ring *ring, __u32 tail, const struct io_uring_sqe *sqe)
{
	__u32 index = tail & (ring->params.sq_entries - 1);
	char *slot = ring->sqes + index * sqe_size(ring);

	memset(slot, 0, sqe_size(ring));
	memcpy(slot, sqe, sizeof(*sqe));
	if (ring->sq_array)
		ring->sq_array[index] = index;
	return (struct io_uring_sqe *)slot;
}

/* A message, which is no request's CQE */
static bool is_message(const struct completion *c)
{
	return c->user_data >> 8 == 0xaa || c->user_data >> 8 == 0xab;
}

/* Is it the last CQE of a request? 6.12 may post a notification that it has not announced */
static bool is_last(const struct completion *c)
{
	if ((c->flags & IORING_CQE_F_MORE) || is_message(c))
		return false;
	return !(c->flags & IORING_CQE_F_NOTIF) || !has_ended(c);
}

int ring_reap(int number)
{
	struct ring *ring = &rings[number];
	__u32 head, tail;
	int nr = 0;

	if (!ring->ok)
		return 0;
	head = *ring->cq_head;
	tail = load(ring->cq_tail);
	for (; head != tail && nr < 4096; head++, nr++) {
		__u32 index = head & (ring->params.cq_entries - 1);
		const struct io_uring_cqe *cqe = (const void *)(ring->mem +
			ring->params.cq_off.cqes + index * cqe_size(ring));
		struct completion c = {
			.user_data = cqe->user_data,
			.res = cqe->res,
			.flags = cqe->flags,
			.ring = number,
		};

		if (cqe_size(ring) == 32)
			memcpy(c.big, cqe->big_cqe, sizeof(c.big));
		if (is_last(&c))
			run.outstanding--;
		record_completion(&c);
	}
	store(ring->cq_head, head);
	return nr;
}

/* ------------------------------------------------------------------------
 * Waiting
 */

void sleep_ns(long ns)
{
	struct timespec ts = { ns / 1000000000, ns % 1000000000 };

	syscall(NR_NANOSLEEP, CLOCK_MONOTONIC, 0, &ts, NULL);
}

static bool thread_is_busy(const char *tid)
{
	char path[64], text[256], *state;
	ssize_t len;
	int fd;

	snprintf(path, sizeof(path), "/proc/self/task/%.16s/stat", tid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	len = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (len <= 0)
		return false;
	text[len] = '\0';
	state = strrchr(text, ')');
	return state && (state[2] == 'R' || state[2] == 'D');
}

/* Is another thread of this process not asleep? */
static bool threads_are_busy(void)
{
	int self = syscall(SYS_gettid);
	struct dirent *entry;
	bool busy = false;
	DIR *dir;

	dir = opendir("/proc/self/task");
	if (!dir)
		return false;
	while (!busy && (entry = readdir(dir)))
		if (entry->d_name[0] != '.' && atoi(entry->d_name) != self)
			busy = thread_is_busy(entry->d_name);
	closedir(dir);
	return busy;
}

static int flush_and_reap(void)
{
	int i, nr = 0;

	for (i = 0; i < NR_RINGS; i++) {
		if (!rings[i].ok)
			continue;
		ring_enter(i, 0, 0, IORING_ENTER_GETEVENTS, NULL, 0);
		nr += ring_reap(i);
	}
	return nr;
}

void wait_until_quiet(bool all)
{
	int idle = 0, rounds;

	for (rounds = 0; rounds <= 100; rounds++) {
		if (flush_and_reap()) {
			idle = 0;
			continue;
		}
		if (!all && run.outstanding <= 0)
			return;
		if (idle >= options.idle && !(options.workers && threads_are_busy()))
			return;
		sleep_ns(IDLE_NS);
		idle++;
	}
	out("b%d=busy\n", run.step);
}

/* On a deferred ring a chain needs an enter for each member */
void wait_until_settled(int ring)
{
	__u32 tail;
	int i = 0;

	do {
		tail = *rings[ring].cq_tail;
		sleep_ns(IDLE_NS * options.idle);
		ring_enter(ring, 0, 0, IORING_ENTER_GETEVENTS, NULL, 0);
	} while (*rings[ring].cq_tail != tail && i++ < 12);
}
