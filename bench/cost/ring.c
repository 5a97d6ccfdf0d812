// SPDX-License-Identifier: GPL-2.0
/* A ring without a library in between. */
#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "ring.h"

static void *map(const struct ring *r, size_t size, off_t offset)
{
	void *mem = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE,
			 r->fd, offset);

	if (mem == MAP_FAILED)
		err(1, "mmap of the ring");
	return mem;
}

bool ring_open(struct ring *r, unsigned int entries, unsigned int flags)
{
	struct io_uring_params *p = &r->p;
	unsigned int i, *array;

	memset(r, 0, sizeof(*r));
	p->flags = flags;
	p->sq_thread_idle = flags & IORING_SETUP_SQPOLL ? RING_IDLE_MS : 0;
	r->fd = syscall(__NR_io_uring_setup, entries, p);
	if (r->fd < 0 && (errno == EINVAL || errno == ENOSYS))
		return false;
	if (r->fd < 0)
		err(1, "io_uring_setup");
	r->mem_size = p->sq_off.array + p->sq_entries * sizeof(*array);
	r->mem = map(r, r->mem_size, IORING_OFF_SQ_RING);
	r->sqes = map(r, p->sq_entries * sizeof(*r->sqes), IORING_OFF_SQES);
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

void ring_close(struct ring *r)
{
	munmap(r->mem, r->mem_size);
	munmap(r->sqes, r->p.sq_entries * sizeof(*r->sqes));
	close(r->fd);
}

bool ring_knows(const struct ring *r, int opcode)
{
	char mem[sizeof(struct io_uring_probe) + 256 * sizeof(struct io_uring_probe_op)] = { 0 };
	struct io_uring_probe *probe = (struct io_uring_probe *)mem;

	if (syscall(__NR_io_uring_register, r->fd, IORING_REGISTER_PROBE, probe, 256))
		err(1, "IORING_REGISTER_PROBE");
	return opcode <= probe->last_op && (probe->ops[opcode].flags & IO_URING_OP_SUPPORTED);
}

bool ring_register(const struct ring *r, unsigned int op, const void *arg, unsigned int nr)
{
	if (!syscall(__NR_io_uring_register, r->fd, op, arg, nr))
		return true;
	if (errno != EINVAL && errno != EOPNOTSUPP)
		err(1, "io_uring_register of %u", op);
	return false;
}

void ring_enter(struct ring *r, unsigned int wait_nr)
{
	unsigned int flags = wait_nr ? IORING_ENTER_GETEVENTS : 0;
	int ret;

	__atomic_store_n(r->sq_tail, r->tail, __ATOMIC_RELEASE);
	ret = syscall(__NR_io_uring_enter, r->fd, r->queued, wait_nr, flags, NULL, 0);
	if (ret < 0)
		err(1, "io_uring_enter");
	/* What an unsupported SQE ends is seen in its CQE */
	r->queued -= ret;
}
