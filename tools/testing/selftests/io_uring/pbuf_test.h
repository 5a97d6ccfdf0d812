/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Provided buffers for the io_uring selftests.
 */
#ifndef PBUF_TEST_H
#define PBUF_TEST_H

#include "iou_test.h"

/*
 * struct pbufs - a buffer ring and its buffers
 * @mask: entries - 1
 * @bgid: its group
 * @tail: next entry to fill
 * @size: of a buffer
 * @mem: the buffers; number i is at i * @size
 */
struct pbufs {
	struct io_uring_buf_ring *br;
	size_t br_size;
	unsigned int mask;
	unsigned int bgid;
	__u16 tail;
	unsigned int size;
	char *mem;
};

static inline int pbufs_register(struct ring *r, void *addr, unsigned int entries,
				 unsigned int bgid, unsigned int flags)
{
	struct io_uring_buf_reg reg = {
		.ring_addr = (uintptr_t)addr, .ring_entries = entries, .bgid = bgid,
		.flags = flags,
	};

	return sys_register(r->fd, IORING_REGISTER_PBUF_RING, &reg, 1);
}

static inline int pbufs_unregister(struct ring *r, unsigned int bgid)
{
	struct io_uring_buf_reg reg = { .bgid = bgid };

	return sys_register(r->fd, IORING_UNREGISTER_PBUF_RING, &reg, 1);
}

static inline void *pbufs_map(struct ring *r, unsigned int bgid, size_t size)
{
	return mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, r->fd,
		    IORING_OFF_PBUF_RING | ((__u64)bgid << IORING_OFF_PBUF_SHIFT));
}

static inline size_t pbufs_ring_size(unsigned int entries)
{
	size_t size = entries * sizeof(struct io_uring_buf);

	return (size + 4095) & ~4095ul;
}

/* Make a group. @flags: IOU_PBUF_RING_*. 0 or -errno. */
static inline int pbufs_open(struct pbufs *b, struct ring *r, unsigned int entries,
			     unsigned int size, unsigned int bgid, unsigned int flags)
{
	int ret;

	memset(b, 0, sizeof(*b));
	b->mask = entries - 1;
	b->bgid = bgid;
	b->size = size;
	b->br_size = pbufs_ring_size(entries);
	b->mem = (char *)pages((size_t)entries * size);
	if (flags & IOU_PBUF_RING_MMAP) {
		ret = pbufs_register(r, NULL, entries, bgid, flags);
		if (ret)
			return ret;
		b->br = (struct io_uring_buf_ring *)pbufs_map(r, bgid, b->br_size);
		return b->br == MAP_FAILED ? -errno : 0;
	}
	b->br = (struct io_uring_buf_ring *)pages(b->br_size);
	return pbufs_register(r, b->br, entries, bgid, flags);
}

/* Fill the next entry; not visible before pbufs_publish(). */
static inline void pbufs_put_raw(struct pbufs *b, void *addr, unsigned int len, __u16 bid)
{
	struct io_uring_buf *buf = &b->br->bufs[b->tail++ & b->mask];

	buf->addr = (uintptr_t)addr;
	buf->len = len;
	buf->bid = bid;
}

static inline char *pbufs_at(struct pbufs *b, __u16 bid)
{
	return b->mem + (size_t)bid * b->size;
}

static inline void pbufs_put(struct pbufs *b, __u16 bid)
{
	pbufs_put_raw(b, pbufs_at(b, bid), b->size, bid);
}

static inline void pbufs_publish(struct pbufs *b)
{
	__atomic_store_n(&b->br->tail, b->tail, __ATOMIC_RELEASE);
}

/* Provide buffers @from to @to - 1. */
static inline void pbufs_give(struct pbufs *b, __u16 from, __u16 to)
{
	while (from < to)
		pbufs_put(b, from++);
	pbufs_publish(b);
}

/* How far has the kernel come? Or -errno. */
static inline int pbufs_head(struct ring *r, unsigned int bgid)
{
	struct io_uring_buf_status status = { .buf_group = bgid };
	int ret = sys_register(r->fd, IORING_REGISTER_PBUF_STATUS, &status, 1);

	return ret ? ret : (int)status.head;
}

static inline int cqe_bid(const struct io_uring_cqe *cqe)
{
	return cqe->flags & IORING_CQE_F_BUFFER ? (int)(cqe->flags >> IORING_CQE_BUFFER_SHIFT) : -1;
}

#endif /* PBUF_TEST_H */
