/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The memory that SQEs point to. It lies at the same addresses in every run.
 */
#ifndef DIFFER_ARENA_H
#define DIFFER_ARENA_H

#include <stddef.h>
#include <stdint.h>
#include <linux/types.h>

#define ARENA		0x20000000ull

/* A buffer for each request */
#define NR_SLOTS	32
#define SLOT_SIZE	1024
#define SLOTS_SIZE	(NR_SLOTS * SLOT_SIZE)
#define SLOT(i)		(ARENA + (__u64)(i) * SLOT_SIZE)

/* Provided buffers: 16 of 256 bytes */
#define PBUF		(ARENA + 0x10000)
#define PBUF_SIZE	0x1000

/* Vectors, message headers, paths, arguments of register operations */
#define META		(ARENA + 0x20000)
#define META_SIZE	0x8000
#define META_END	(META + META_SIZE)

/* For O_DIRECT and for fixed buffers */
#define BIG		(ARENA + 0x30000)
#define BIG_SIZE	0x4000

/* For MADVISE alone */
#define ADVISED		(ARENA + 0x40000)
#define ADVISED_SIZE	0x4000

#define READ_ONLY	(ARENA + 0x50000)

/* Rings with NO_MMAP, and rings of provided buffers */
#define OWN_RINGS	(ARENA + 0x60000)
#define OWN_RING_SIZE	0x4000
#define BUF_RINGS	(ARENA + 0x70000)
#define BUF_RING_SIZE	0x1000

/* Nothing is mapped there */
#define HOLE		(ARENA + 0x90000)

/* In META: addresses of sockets */
#define ADDR_LISTENER	(META + 0)
#define ADDR_NOBODY	(META + 16)
#define ADDR_ANY	(META + 32)
#define ADDR_UDP	(META + 48)

/* Words for futexes: each holds its own number */
#define NR_WORDS	16
#define WORD(i)		(META + 64 + (i) * 4)

/* Paths */
#define NAMES		(META + 256)
#define NAME_SIZE	32
#define LONG_NAME	(META + 1024)
#define LONG_NAME_LEN	300

/* What the generator allocates */
#define HEAP		(META + 2048)

static inline void *at(__u64 address)
{
	return (void *)(uintptr_t)address;
}

/**
 * meta_alloc() - zeroed memory for what an SQE points to
 * @size: in bytes
 *
 * Return: its address in the arena.
 */
__u64 meta_alloc(size_t size);

void arena_map(void);

#endif
