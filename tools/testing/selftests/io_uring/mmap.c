// SPDX-License-Identifier: GPL-2.0
/*
 * Mapping a ring: which offsets, which sizes, which addresses, and that the
 * kernel does not depend on what becomes of the mappings.
 */
#include "iou_test.h"

#include <setjmp.h>

#include "../kselftest_harness.h"

#define RW	(PROT_READ | PROT_WRITE)

FIXTURE(mmap)
{
	struct ring ring;
	size_t page;
};

/* Large enough for several pages of everything. */
FIXTURE_SETUP(mmap)
{
	self->page = sysconf(_SC_PAGESIZE);
	ASSERT_EQ(0, ring_open(&self->ring, 1024, 0));
}

FIXTURE_TEARDOWN(mmap)
{
	ring_close(&self->ring);
}

/* mmap() of the ring: 0 or -errno; *@mem is where. */
static int map(struct ring *r, void *hint, size_t size, int flags, off_t offset, void **mem)
{
	void *p = mmap(hint, size, RW, flags, r->fd, offset);

	if (p == MAP_FAILED)
		return -errno;
	if (mem)
		*mem = p;
	else
		munmap(p, size);
	return 0;
}

static size_t page_align(size_t size, size_t page)
{
	return (size + page - 1) & ~(page - 1);
}

static sigjmp_buf fault_jump;

static void on_fault(int sig)
{
	siglongjmp(fault_jump, sig);
}

/* Touch a byte: 0, or the signal that this raised. */
static int touch(void *p, bool write)
{
	struct sigaction sa = { .sa_handler = on_fault };
	struct sigaction old_bus, old_segv;
	char *byte = p;
	int sig;

	sigaction(SIGBUS, &sa, &old_bus);
	sigaction(SIGSEGV, &sa, &old_segv);
	sig = sigsetjmp(fault_jump, 1);
	if (!sig) {
		char c = __atomic_load_n(byte, __ATOMIC_RELAXED);

		if (write)
			__atomic_store_n(byte, c, __ATOMIC_RELAXED);
	}
	sigaction(SIGBUS, &old_bus, NULL);
	sigaction(SIGSEGV, &old_segv, NULL);
	return sig;
}

TEST_F(mmap, sq_and_cq_are_one_region)
{
	struct ring *r = &self->ring;
	void *cq = NULL;

	ASSERT_EQ(0, map(r, NULL, r->mem_size, MAP_SHARED, IORING_OFF_CQ_RING, &cq));
	EXPECT_NE(cq, r->mem);
	ASSERT_TRUE(prep_nop(r, 1));
	ASSERT_EQ(1, ring_submit_wait(r, 1));
	EXPECT_EQ(1u, load((unsigned int *)((char *)cq + r->p.cq_off.tail)));
	EXPECT_EQ(0, memcmp(cq, r->mem, r->mem_size));
	/* What the application writes in one shows in the other. */
	store((unsigned int *)((char *)cq + r->p.cq_off.head), 1);
	EXPECT_EQ(0u, ring_ready(r));
	munmap(cq, r->mem_size);
}

TEST_F(mmap, sqes_mapped_twice)
{
	struct ring *r = &self->ring;
	struct io_uring_cqe cqe;
	void *second = NULL;

	ASSERT_EQ(0, map(r, NULL, r->sqes_size, MAP_SHARED, IORING_OFF_SQES, &second));
	ASSERT_TRUE(prep_nop(r, 1));
	((struct io_uring_sqe *)second)->user_data = 42;
	ASSERT_EQ(1, ring_submit_wait(r, 1));
	ASSERT_TRUE(ring_reap(r, &cqe));
	EXPECT_EQ(42ull, (unsigned long long)cqe.user_data);
	munmap(second, r->sqes_size);
}

TEST_F(mmap, unknown_offset)
{
	static const off_t offsets[] = {
		0x18000000, 0x28000000, 0x38000000, 0x40000000, 0x78000000,
		/* provided-buffer rings that nobody registered */
		IORING_OFF_PBUF_RING, IORING_OFF_PBUF_RING + 0x10000, 0x88000000,
		0xf8000000,
	};
	unsigned int i;
	int err;

	for (i = 0; i < ARRAY_LEN(offsets); i++) {
		err = map(&self->ring, NULL, self->page, MAP_SHARED, offsets[i], NULL);
		/* Where it is found decides which of the two it is. */
		EXPECT_TRUE(err == -EINVAL || err == -ENOMEM) {
			TH_LOG("offset %#lx: %d", (long)offsets[i], err);
		}
	}
}

/* Only the upper bits of the offset select: the rest is ignored. */
TEST_F(mmap, offset_within_object)
{
	struct ring *r = &self->ring;
	void *mem = NULL;

	ASSERT_EQ(0, map(r, NULL, r->mem_size, MAP_SHARED, self->page, &mem));
	EXPECT_EQ(0, memcmp(mem, r->mem, r->mem_size));
	munmap(mem, r->mem_size);
}

TEST_F(mmap, short_ring)
{
	struct ring *r = &self->ring;
	void *mem = NULL;

	ASSERT_LT(2 * self->page, r->mem_size);
	ASSERT_EQ(0, map(r, NULL, self->page, MAP_SHARED, IORING_OFF_SQ_RING, &mem));
	EXPECT_EQ(r->sq_mask, *(unsigned int *)((char *)mem + r->p.sq_off.ring_mask));
	munmap(mem, self->page);
	ASSERT_EQ(0, map(r, NULL, self->page, MAP_SHARED, IORING_OFF_CQ_RING, &mem));
	EXPECT_EQ(r->cq_mask, *(unsigned int *)((char *)mem + r->p.cq_off.ring_mask));
	munmap(mem, self->page);
	EXPECT_TRUE(ring_works(r));
}

/* The SQE array, though, is mapped as a whole or not at all. */
TEST_F(mmap, short_sqes)
{
	struct ring *r = &self->ring;

	EXPECT_EQ(-EFAULT, map(r, NULL, self->page, MAP_SHARED, IORING_OFF_SQES, NULL));
	EXPECT_EQ(0, map(r, NULL, r->sqes_size, MAP_SHARED, IORING_OFF_SQES, NULL));
	EXPECT_TRUE(ring_works(r));
}

TEST_F(mmap, longer_has_no_tail)
{
	static const off_t offsets[] = { IORING_OFF_SQ_RING, IORING_OFF_CQ_RING, IORING_OFF_SQES };
	struct ring *r = &self->ring;
	unsigned int i;
	void *mem = NULL;

	for (i = 0; i < ARRAY_LEN(offsets); i++) {
		size_t size = offsets[i] == IORING_OFF_SQES ? r->sqes_size : r->mem_size;

		size = page_align(size, self->page);
		ASSERT_EQ(0, map(r, NULL, size + 2 * self->page, MAP_SHARED, offsets[i], &mem)) {
			TH_LOG("offset %#lx", (long)offsets[i]);
		}
		EXPECT_EQ(0, touch((char *)mem + size - 1, true));
		EXPECT_EQ(SIGBUS, touch((char *)mem + size, false));
		EXPECT_EQ(SIGBUS, touch((char *)mem + size + self->page, true));
		munmap(mem, size + 2 * self->page);
	}
}

TEST_F(mmap, address_hint)
{
	struct ring *r = &self->ring;
	void *hole = no_access(16 * self->page);

	ASSERT_NE(NULL, hole);
	munmap(hole, 16 * self->page);
	EXPECT_EQ(-EINVAL, map(r, hole, self->page, MAP_SHARED, IORING_OFF_SQ_RING, NULL));
	EXPECT_EQ(-EINVAL, map(r, hole, self->page, MAP_SHARED, IORING_OFF_SQES, NULL));
	EXPECT_EQ(-EINVAL, map(r, hole, self->page, MAP_SHARED | MAP_FIXED,
			       IORING_OFF_SQ_RING, NULL));
	EXPECT_EQ(-EINVAL, map(r, hole, self->page, MAP_SHARED | MAP_FIXED_NOREPLACE,
			       IORING_OFF_SQ_RING, NULL));
}

TEST_F(mmap, protection_is_the_callers)
{
	struct ring *r = &self->ring;
	void *mem = mmap(NULL, r->mem_size, PROT_READ, MAP_SHARED, r->fd, IORING_OFF_SQ_RING);

	ASSERT_NE(MAP_FAILED, mem);
	EXPECT_EQ(0, touch(mem, false));
	EXPECT_EQ(SIGSEGV, touch(mem, true));
	EXPECT_EQ(0, mprotect(mem, r->mem_size, RW));
	EXPECT_EQ(0, touch(mem, true));
	munmap(mem, r->mem_size);
}

TEST_F(mmap, cannot_grow)
{
	struct ring *r = &self->ring;
	size_t size = page_align(r->sqes_size, self->page);
	void *mem = NULL;

	ASSERT_EQ(0, map(r, NULL, size, MAP_SHARED, IORING_OFF_SQES, &mem));
	EXPECT_EQ(MAP_FAILED, mremap(mem, size, size + self->page, MREMAP_MAYMOVE));
	EXPECT_EQ(EFAULT, errno);
	EXPECT_EQ(0, touch(mem, true));
	munmap(mem, size);
}

/* The kernel has its own view: the application may drop its one at any time. */
TEST_F(mmap, unmapped_under_the_kernel)
{
	struct ring *r = &self->ring;
	struct io_uring_cqe cqe;
	unsigned int i;

	for (i = 0; i < 100; i++)
		ASSERT_TRUE(prep_nop(r, 1000 + i));
	ring_publish(r);
	ring_unmap(r);

	EXPECT_EQ(100, sys_enter(r->fd, 100, 100, IORING_ENTER_GETEVENTS, NULL, 0));
	EXPECT_EQ(0, ring_flush(r));

	ASSERT_EQ(0, ring_map(r));
	for (i = 0; i < 100; i++) {
		ASSERT_TRUE(ring_reap(r, &cqe));
		EXPECT_EQ(1000ull + i, (unsigned long long)cqe.user_data);
	}
}

TEST_F(mmap, inaccessible_under_the_kernel)
{
	struct ring *r = &self->ring;
	struct io_uring_cqe cqe;

	ASSERT_TRUE(prep_nop(r, 77));
	ring_publish(r);
	ASSERT_EQ(0, mprotect(r->mem, r->mem_size, PROT_NONE));
	ASSERT_EQ(0, mprotect(r->sqes, r->sqes_size, PROT_NONE));
	EXPECT_EQ(1, sys_enter(r->fd, 1, 1, IORING_ENTER_GETEVENTS, NULL, 0));
	ASSERT_EQ(0, mprotect(r->mem, r->mem_size, RW));
	ASSERT_EQ(0, mprotect(r->sqes, r->sqes_size, RW));
	ASSERT_TRUE(ring_reap(r, &cqe));
	EXPECT_EQ(77ull, (unsigned long long)cqe.user_data);
	EXPECT_TRUE(ring_works(r));
}

/* Memory that went away while requests wait; then they complete. */
TEST_F(mmap, unmapped_with_requests_parked)
{
	struct ring *r = &self->ring;
	struct io_uring_cqe cqe;
	char buf[4];
	int p[2];

	ASSERT_EQ(0, pipe(p));
	prep(r, IORING_OP_READ, p[0], buf, sizeof(buf), -1)->user_data = 5;
	ASSERT_EQ(1, ring_submit(r));
	ring_unmap(r);
	ASSERT_EQ(4, write(p[1], "abcd", 4));
	EXPECT_EQ(0, sys_enter(r->fd, 0, 1, IORING_ENTER_GETEVENTS, NULL, 0));
	ASSERT_EQ(0, ring_map(r));
	ASSERT_EQ(0, ring_wait(r, &cqe));
	EXPECT_EQ(5ull, (unsigned long long)cqe.user_data);
	EXPECT_EQ(4, cqe.res);
	EXPECT_EQ(0, memcmp(buf, "abcd", 4));
	close(p[0]);
	close(p[1]);
}

TEST_F(mmap, outlives_the_fd)
{
	struct ring *r = &self->ring;
	struct io_uring_cqe cqe;

	ASSERT_TRUE(prep_nop(r, 0xabcdef));
	ASSERT_EQ(1, ring_submit_wait(r, 1));
	ASSERT_EQ(0, close(r->fd));
	r->fd = -1;
	/* Still ours to read and to write, and what was posted is there. */
	ASSERT_TRUE(ring_reap(r, &cqe));
	EXPECT_EQ(0xabcdefull, (unsigned long long)cqe.user_data);
	memset(r->mem, 0xa5, r->mem_size);
	memset(r->sqes, 0x5a, r->sqes_size);
	EXPECT_TRUE(fresh_ring_works());
	EXPECT_EQ(0xa5, ((unsigned char *)r->mem)[r->mem_size - 1]);
	EXPECT_EQ(0x5a, ((unsigned char *)r->sqes)[r->sqes_size - 1]);
}

/* A child has the mappings and the fd: what it submits, the parent reaps. */
TEST_F(mmap, inherited_by_fork)
{
	struct ring *r = &self->ring;
	struct io_uring_cqe cqe;
	pid_t pid;

	ASSERT_TRUE(prep_nop(r, 1));
	pid = fork();
	if (!pid)
		_exit(!(prep_nop(r, 2) && ring_submit(r) == 2));
	ASSERT_EQ(0, reap(pid, WAIT_MS));
	ASSERT_EQ(0, ring_wait(r, &cqe));
	EXPECT_EQ(1ull, (unsigned long long)cqe.user_data);
	ASSERT_EQ(0, ring_wait(r, &cqe));
	EXPECT_EQ(2ull, (unsigned long long)cqe.user_data);
	/* The parent's next SQE follows the child's. */
	r->next = load(r->sq_tail);
	EXPECT_TRUE(ring_works(r));
}

TEST_F(mmap, partly_unmapped)
{
	struct ring *r = &self->ring;

	ASSERT_LT(2 * self->page, r->sqes_size);
	ASSERT_EQ(0, munmap((char *)r->sqes + self->page, self->page));
	EXPECT_TRUE(ring_works(r));
}

TEST_HARNESS_MAIN
