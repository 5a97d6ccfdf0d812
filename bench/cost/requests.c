// SPDX-License-Identifier: GPL-2.0
/* NOPs, and reads with all kinds of files and buffers. */
#define _GNU_SOURCE
#include <err.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "cost.h"

#define FILE_SIZE	(1U << 20)

char buffers[NR_BUFFERS][BUFFER_SIZE] __attribute__((aligned(4096)));

/* The buffer ring, as the ABI has it: the tail is in the first entry's last field. */
struct buffer_entry {
	uint64_t addr;
	uint32_t len;
	uint16_t id;
	uint16_t tail;
};

struct buffer_reg {
	uint64_t addr;
	uint32_t entries;
	uint16_t group;
	uint16_t flags;
	uint64_t resv[3];
};

static struct buffer_entry buffer_ring[NR_BUFFERS] __attribute__((aligned(4096)));
static uint16_t buffer_tail;

void buffer_ring_add(unsigned int id)
{
	struct buffer_entry *entry = &buffer_ring[buffer_tail++ & (NR_BUFFERS - 1)];

	entry->addr = (uintptr_t)buffers[id];
	entry->len = BUFFER_SIZE;
	entry->id = id;
}

void buffer_ring_publish(void)
{
	__atomic_store_n(&buffer_ring[0].tail, buffer_tail, __ATOMIC_RELEASE);
}

int buffer_ring_open(struct bench *b)
{
	struct buffer_reg reg = {
		.addr = (uintptr_t)buffer_ring,
		.entries = NR_BUFFERS,
		.group = GROUP,
	};
	int i;

	memset(buffer_ring, 0, sizeof(buffer_ring));
	if (!ring_register(&b->r, IORING_REGISTER_PBUF_RING, &reg, 1))
		return NOT_YET;
	for (i = 0; i < NR_BUFFERS; i++)
		buffer_ring_add(i);
	buffer_ring_publish();
	return 0;
}

static void provide(struct bench *b, unsigned int id, unsigned int nr)
{
	struct io_uring_sqe *sqe = ring_sqe(&b->r, IORING_OP_PROVIDE_BUFFERS, nr);

	sqe->addr = (uintptr_t)buffers[id];
	sqe->len = BUFFER_SIZE;
	sqe->off = id;
	sqe->buf_group = GROUP;
}

static int run_nop(struct bench *b)
{
	unsigned int i;

	for (i = 0; i < b->w->batch; i++)
		ring_sqe(&b->r, IORING_OP_NOP, -1)->flags = b->w->sqe_flags;
	ring_enter(&b->r, b->w->batch);
	for (i = 0; i < b->w->batch; i++)
		if (expect(b, 0))
			return NOT_YET;
	return 0;
}

/* One chain */
static int run_link(struct bench *b)
{
	unsigned int i;

	for (i = 1; i <= b->w->batch; i++)
		ring_sqe(&b->r, IORING_OP_NOP, -1)->flags = i < b->w->batch ? IOSQE_IO_LINK : 0;
	ring_enter(&b->r, b->w->batch);
	for (i = 0; i < b->w->batch; i++)
		if (expect(b, 0))
			return NOT_YET;
	return 0;
}

static void open_file(struct bench *b)
{
	const struct workload *w = b->w;
	unsigned int done;

	b->fd = open(w->path, w->create ? O_RDWR | O_CREAT | O_TRUNC : w->open_flags, 0600);
	if (b->fd < 0)
		err(1, "%s", w->path);
	if (!w->create)
		return;
	for (done = 0; done < w->size; done += sizeof(buffers))
		if (write(b->fd, buffers, sizeof(buffers)) != sizeof(buffers))
			err(1, "write to %s", w->path);
	/* No writeback while it is measured */
	if (fsync(b->fd))
		err(1, "fsync of %s", w->path);
}

static int open_read(struct bench *b)
{
	struct iovec iov = { buffers, sizeof(buffers) };

	open_file(b);
	switch (b->w->buffers) {
	case BUFFERS_OWN:
		return 0;
	case BUFFERS_FIXED:
		if (!ring_register(&b->r, IORING_REGISTER_FILES, &b->fd, 1) ||
		    !ring_register(&b->r, IORING_REGISTER_BUFFERS, &iov, 1))
			return NOT_YET;
		b->fd = 0;
		return 0;
	case BUFFERS_RING:
		return buffer_ring_open(b);
	case BUFFERS_LEGACY:
		provide(b, 0, NR_BUFFERS);
		ring_enter(&b->r, 1);
		return expect(b, 0);
	}
	return NOT_YET;
}

static void prep_read(struct bench *b, unsigned int i)
{
	const struct workload *w = b->w;
	struct io_uring_sqe *sqe = ring_sqe(&b->r, IORING_OP_READ, b->fd);

	sqe->flags = w->sqe_flags;
	sqe->len = w->len;
	sqe->off = b->offset;
	b->offset += w->len;
	if (b->offset == w->size)
		b->offset = 0;
	switch (w->buffers) {
	case BUFFERS_FIXED:
		sqe->opcode = IORING_OP_READ_FIXED;
		sqe->flags |= IOSQE_FIXED_FILE;
		/* fallthrough */
	case BUFFERS_OWN:
		sqe->addr = (uintptr_t)buffers[i];
		break;
	case BUFFERS_RING:
	case BUFFERS_LEGACY:
		sqe->flags |= IOSQE_BUFFER_SELECT;
		sqe->buf_group = GROUP;
		break;
	}
}

static int run_read(struct bench *b)
{
	const struct workload *w = b->w;
	unsigned int i, id, nr = w->batch, used[NR_BUFFERS];

	for (i = 0; i < w->batch; i++)
		prep_read(b, i);
	ring_enter(&b->r, nr);
	for (i = 0; i < w->batch; i++) {
		const struct io_uring_cqe *cqe = ring_peek(&b->r);

		used[i] = cqe ? cqe->flags >> IORING_CQE_BUFFER_SHIFT : 0;
		if (expect(b, w->len))
			return NOT_YET;
		if (w->buffers == BUFFERS_RING) {
			buffer_ring_add(used[i]);
			if ((i + 1) % w->replenish == 0)
				buffer_ring_publish();
		}
	}
	if (w->buffers != BUFFERS_LEGACY)
		return 0;

	/* All are used: they can come back in any order */
	for (id = 0, nr = 0; id < NR_BUFFERS; id += w->replenish, nr++)
		provide(b, w->replenish == 1 ? used[id] : id, w->replenish);
	ring_enter(&b->r, nr);
	while (nr--)
		if (expect(b, 0))
			return NOT_YET;
	return 0;
}

#define READ(n)		.batch = 32, .nr_batches = (n), .open = open_read, .run = run_read
#define ZERO		.path = "/dev/zero", .len = 1, .size = 1 << 30
#define NULL_BLK	.path = "/dev/nullb0", .open_flags = O_RDONLY | O_DIRECT, \
			.len = 4096, .size = FILE_SIZE

const struct workload request_workloads[] = {
	{ .name = "nop-32", .batch = 32, .nr_batches = 2000, .run = run_nop },
	{ .name = "nop-32-defer", .setup_flags = DEFER, .batch = 32, .nr_batches = 2000,
	  .run = run_nop },
	{ .name = "nop-1-defer", .setup_flags = DEFER, .batch = 1, .nr_batches = 20000,
	  .run = run_nop },
	{ .name = "link-32", .batch = 32, .nr_batches = 1000, .run = run_link },
	{ .name = "nop-async-8", .batch = 8, .nr_batches = 3000, .sqe_flags = IOSQE_ASYNC,
	  .run = run_nop },
	{ .name = "read-zero-32", READ(1000), ZERO },
	{ .name = "read-ring-32", READ(1000), ZERO, .buffers = BUFFERS_RING, .replenish = 32 },
	{ .name = "read-ring-1", READ(1000), ZERO, .buffers = BUFFERS_RING, .replenish = 1 },
	{ .name = "read-legacy-32", READ(700), ZERO, .buffers = BUFFERS_LEGACY,
	  .opcodes = { IORING_OP_PROVIDE_BUFFERS }, .replenish = 32 },
	{ .name = "read-legacy-1", READ(700), ZERO, .buffers = BUFFERS_LEGACY,
	  .opcodes = { IORING_OP_PROVIDE_BUFFERS }, .replenish = 1 },
	{ .name = "read-ext4-32", READ(320), .path = "/mnt/scratch/cost", .create = true,
	  .len = 512, .size = FILE_SIZE },
	{ .name = "read-tmpfs-32", READ(480), .path = "/tmp/cost", .create = true,
	  .len = 512, .size = FILE_SIZE },
	{ .name = "read-null-32", READ(320), NULL_BLK },
	{ .name = "read-null-fixed-defer", READ(320), NULL_BLK, .setup_flags = DEFER,
	  .opcodes = { IORING_OP_READ_FIXED }, .buffers = BUFFERS_FIXED },
	{ .name = "read-null-iopoll", READ(320), NULL_BLK, .setup_flags = IORING_SETUP_IOPOLL },
	{ .name = "read-null-iopoll-fixed", READ(320), NULL_BLK,
	  .setup_flags = IORING_SETUP_IOPOLL, .opcodes = { IORING_OP_READ_FIXED },
	  .buffers = BUFFERS_FIXED },
	{ }
};
