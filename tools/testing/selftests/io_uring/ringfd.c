// SPDX-License-Identifier: GPL-2.0
/*
 * Registered rings: RING_FDS, system calls on a slot, REGISTERED_FD_ONLY; and
 * rings in memory of the program, NO_MMAP.
 */
#include "wait_test.h"

#include <sys/resource.h>

#include "../kselftest_harness.h"

#define MAX_RING_FDS	16
#define PAGE		4096
#define ANY_SLOT	UINT_MAX

static int reg_op(struct ring *r, unsigned int op, struct io_uring_rsrc_update *ups,
		  unsigned int nr)
{
	return sys_register(r->fd, op, ups, nr);
}

/* Register @fd in @slot: the slot or -errno. */
static int add(struct ring *r, unsigned int slot, __u64 fd)
{
	struct io_uring_rsrc_update up = { .offset = slot, .data = fd };
	int ret = reg_op(r, IORING_REGISTER_RING_FDS, &up, 1);

	return ret == 1 ? (int)up.offset : ret;
}

static int del(struct ring *r, unsigned int slot)
{
	struct io_uring_rsrc_update up = { .offset = slot };

	return reg_op(r, IORING_UNREGISTER_RING_FDS, &up, 1);
}

/* Submit what was prepared, by slot. */
static int enter_slot(struct ring *r, unsigned int slot)
{
	return sys_enter(slot, ring_publish(r), 0,
			 IORING_ENTER_GETEVENTS | IORING_ENTER_REGISTERED_RING, NULL, 0);
}

static int register_slot(unsigned int slot, unsigned int op, void *arg, unsigned int nr)
{
	return sys_register(slot, op | IORING_REGISTER_USE_REGISTERED_RING, arg, nr);
}

FIXTURE(ringfd)
{
	struct ring ring;
};

FIXTURE_SETUP(ringfd)
{
	ASSERT_EQ(0, ring_open(&self->ring, 4, 0));
}

FIXTURE_TEARDOWN(ringfd)
{
	ring_close(&self->ring);
}

TEST_F(ringfd, arguments)
{
	struct ring *r = &self->ring;
	struct io_uring_rsrc_update up = { .offset = 0, .data = r->fd };
	int file = tmp_file(NULL, 0);

	EXPECT_EQ(-EINVAL, reg_op(r, IORING_REGISTER_RING_FDS, &up, 0));
	EXPECT_EQ(-EINVAL, reg_op(r, IORING_REGISTER_RING_FDS, &up, MAX_RING_FDS + 1));
	EXPECT_EQ(-EFAULT, reg_op(r, IORING_REGISTER_RING_FDS, NULL, 1));
	EXPECT_EQ(-EFAULT, reg_op(r, IORING_REGISTER_RING_FDS, no_access(PAGE), 1));
	EXPECT_EQ(-EINVAL, add(r, MAX_RING_FDS, r->fd));
	EXPECT_EQ(-EBADF, add(r, 0, 12345));
	EXPECT_EQ(-EBADF, add(r, 0, -1));
	EXPECT_EQ(-EOPNOTSUPP, add(r, 0, file));
	up.resv = 1;
	EXPECT_EQ(-EINVAL, reg_op(r, IORING_REGISTER_RING_FDS, &up, 1));

	EXPECT_EQ(-EINVAL, reg_op(r, IORING_UNREGISTER_RING_FDS, &up, 0));
	EXPECT_EQ(-EINVAL, reg_op(r, IORING_UNREGISTER_RING_FDS, &up, MAX_RING_FDS + 1));
	EXPECT_EQ(-EFAULT, reg_op(r, IORING_UNREGISTER_RING_FDS, NULL, 1));
	EXPECT_EQ(-EINVAL, reg_op(r, IORING_UNREGISTER_RING_FDS, &up, 1));
	up.resv = 0;
	EXPECT_EQ(-EINVAL, reg_op(r, IORING_UNREGISTER_RING_FDS, &up, 1));
	EXPECT_EQ(-EINVAL, del(r, MAX_RING_FDS));
	/* An empty slot may be emptied. */
	EXPECT_EQ(1, del(r, 0));
	close(file);
}

TEST_F(ringfd, slots)
{
	struct ring *r = &self->ring;
	struct io_uring_rsrc_update ups[MAX_RING_FDS] = { };
	unsigned int i;

	EXPECT_EQ(5, add(r, 5, r->fd));
	EXPECT_EQ(-EBUSY, add(r, 5, r->fd));
	for (i = 0; i < MAX_RING_FDS - 1; i++)
		EXPECT_EQ((int)(i < 5 ? i : i + 1), add(r, ANY_SLOT, r->fd));
	EXPECT_EQ(-EBUSY, add(r, ANY_SLOT, r->fd));
	EXPECT_EQ(1, del(r, 9));
	EXPECT_EQ(9, add(r, ANY_SLOT, r->fd));
	for (i = 0; i < MAX_RING_FDS; i++)
		ups[i].offset = i;
	EXPECT_EQ(MAX_RING_FDS, reg_op(r, IORING_UNREGISTER_RING_FDS, ups, MAX_RING_FDS));
	/* Up to the first that fails. */
	ups[0] = (struct io_uring_rsrc_update) { .offset = 3, .data = r->fd };
	ups[1] = (struct io_uring_rsrc_update) { .offset = ANY_SLOT, .data = r->fd };
	ups[2] = (struct io_uring_rsrc_update) { .offset = 1, .data = 12345 };
	EXPECT_EQ(2, reg_op(r, IORING_REGISTER_RING_FDS, ups, 3));
	EXPECT_EQ(3u, ups[0].offset);
	EXPECT_EQ(0u, ups[1].offset);
}

TEST_F(ringfd, system_calls)
{
	struct ring *r = &self->ring;
	struct io_uring_cqe cqe;
	int fd = r->fd, slot = 7;

	ASSERT_TRUE(ring_works(r));
	EXPECT_EQ(-EBADF, enter_slot(r, slot));
	EXPECT_EQ(-EINVAL, enter_slot(r, MAX_RING_FDS));
	EXPECT_EQ(-EINVAL, enter_slot(r, -1));
	EXPECT_EQ(-EBADF, register_slot(slot, IORING_REGISTER_IOWQ_MAX_WORKERS, NULL, 0));
	EXPECT_EQ(-EINVAL, register_slot(MAX_RING_FDS, IORING_REGISTER_PROBE, NULL, 0));
	ASSERT_EQ(slot, add(r, slot, fd));
	ASSERT_TRUE(prep_nop(r, 1));
	EXPECT_EQ(1, enter_slot(r, slot));
	EXPECT_TRUE(ring_reap(r, &cqe));
	EXPECT_EQ(-EBADFD, register_slot(slot, IORING_REGISTER_ENABLE_RINGS, NULL, 0));
	/* The table holds the ring. */
	close(fd);
	r->fd = -1;
	ASSERT_TRUE(prep_nop(r, 2));
	EXPECT_EQ(1, enter_slot(r, slot));
	EXPECT_TRUE(ring_reap(r, &cqe));
	EXPECT_EQ(2u, (unsigned int)cqe.user_data);
}

/* A ring that can only be reached by its slot takes itself out of it. */
TEST_F(ringfd, unregister_through_itself)
{
	struct ring *r = &self->ring;
	struct io_uring_rsrc_update up = { .offset = 2 };
	int fd = r->fd;

	ASSERT_EQ(2, add(r, 2, fd));
	close(fd);
	r->fd = -1;
	EXPECT_EQ(1, register_slot(2, IORING_UNREGISTER_RING_FDS, &up, 1));
	EXPECT_EQ(-EBADF, register_slot(2, IORING_UNREGISTER_RING_FDS, &up, 1));
}

/* The table is the thread's: neither a child's nor another thread's. */
TEST_F(ringfd, not_inherited)
{
	struct ring *r = &self->ring;
	pid_t pid;

	ASSERT_EQ(0, add(r, 0, r->fd));
	pid = fork();
	if (!pid) {
		int ret = sys_enter(0, 0, 0, IORING_ENTER_REGISTERED_RING, NULL, 0);

		_exit(ret == -EINVAL || ret == -EBADF ? 0 : 1);
	}
	EXPECT_EQ(0, reap(pid, WAIT_MS));
}

/* Return: 0, or the number of the check that failed. For a new process. */
static int slots_of_a_new_process(void)
{
	struct io_uring_rsrc_update up = { .offset = 3 };
	struct ring r;

	if (sys_enter(0, 0, 0, IORING_ENTER_REGISTERED_RING, NULL, 0) != -EINVAL ||
	    register_slot(0, IORING_REGISTER_PROBE, NULL, 0) != -EINVAL)
		return 1;
	if (ring_open(&r, 4, 0))
		return 2;
	if (sys_enter(0, 0, 0, IORING_ENTER_REGISTERED_RING, NULL, 0) != -EBADF ||
	    register_slot(0, IORING_REGISTER_PROBE, NULL, 0) != -EBADF)
		return 3;
	if (reg_op(&r, IORING_UNREGISTER_RING_FDS, &up, 1) != 1)
		return 4;
	if (reg_op(&r, IORING_UNREGISTER_RING_FDS, no_access(PAGE), 1) != -EFAULT)
		return 5;
	up.data = 1;
	if (reg_op(&r, IORING_UNREGISTER_RING_FDS, &up, 1) != -EINVAL)
		return 6;
	ring_close(&r);
	return 0;
}

/* Who has made a ring has slots, whether or not it ever registers a ring. */
TEST(slots_come_with_a_ring)
{
	pid_t pid = fork();

	if (!pid)
		_exit(slots_of_a_new_process());
	EXPECT_EQ(0, WEXITSTATUS(reap(pid, WAIT_MS)));
}

/* Exit and exec let go of registered rings, and so of what these hold. */
TEST_F(ringfd, goes_with_the_program)
{
	int i, p[2];

	for (i = 0; i < 2; i++) {
		pid_t pid;

		ASSERT_EQ(0, pipe(p));
		pid = fork();
		if (!pid) {
			struct ring r;

			close(p[0]);
			if (ring_open(&r, 4, 0) || add(&r, ANY_SLOT, r.fd) != 0 ||
			    sys_register(r.fd, IORING_REGISTER_FILES, &p[1], 1))
				_exit(1);
			close(r.fd);
			close(p[1]);
			if (i)
				_exit(0);
			execlp("sleep", "sleep", "1000", NULL);
			_exit(1);
		}
		close(p[1]);
		EXPECT_EQ(POLLHUP, poll_fd(p[0], POLLIN, WAIT_MS)) {
			TH_LOG("%s", i ? "exit" : "exec");
		}
		kill(pid, SIGKILL);
		reap(pid, WAIT_MS);
		close(p[0]);
	}
}

/* ------------------------------------------------------------------------
 * NO_MMAP
 */

/* Where the fixture puts rings. */
static void *mem_to_clear;

FIXTURE(nommap)
{
	char *mem;
};

FIXTURE_SETUP(nommap)
{
	const char *missing = setup_missing(IORING_SETUP_NO_SQARRAY);

	if (missing)
		SKIP(return, "kernel lacks %s", missing);
	self->mem = pages(64 * PAGE);
	ASSERT_NE(NULL, self->mem);
	mem_to_clear = self->mem;
}

FIXTURE_TEARDOWN(nommap)
{
}

static int setup_in(void *hdr, void *sqes, unsigned int entries, unsigned int flags,
		    struct io_uring_params *p)
{
	memset(p, 0, sizeof(*p));
	/* What an earlier ring left there; not every kernel clears it. */
	if (hdr == mem_to_clear)
		memset(hdr, 0, 64);
	p->flags = IORING_SETUP_NO_MMAP | flags;
	p->cq_off.user_addr = (uintptr_t)hdr;
	p->sq_off.user_addr = (uintptr_t)sqes;
	return sys_setup(entries, p);
}

/* A ring with its parts in @hdr and @sqes: 0 or -errno. */
static int open_in(struct ring *r, void *hdr, void *sqes, unsigned int entries,
		   unsigned int flags)
{
	const struct io_uring_params *p = &r->p;

	memset(r, 0, sizeof(*r));
	r->fd = setup_in(hdr, sqes, entries, flags, &r->p);
	if (r->fd < 0)
		return r->fd;
	r->mem = hdr;
	r->sqes = sqes;
	r->sq_head = ring_word(r, p->sq_off.head);
	r->sq_tail = ring_word(r, p->sq_off.tail);
	r->sq_mask = *ring_word(r, p->sq_off.ring_mask);
	if (!(flags & IORING_SETUP_NO_SQARRAY))
		r->sq_array = ring_word(r, p->sq_off.array);
	r->cq_head = ring_word(r, p->cq_off.head);
	r->cq_tail = ring_word(r, p->cq_off.tail);
	r->cq_mask = *ring_word(r, p->cq_off.ring_mask);
	r->cqes = (struct io_uring_cqe *)ring_word(r, p->cq_off.cqes);
	return 0;
}

static bool works(struct ring *r)
{
	unsigned int i;

	for (i = 0; i < 3 * (r->sq_mask + 1); i++)
		if (!ring_works(r))
			return false;
	return true;
}

TEST_F(nommap, arguments)
{
	struct io_uring_params p;
	char *mem = self->mem;

	EXPECT_EQ(-EINVAL, setup_in(mem, mem, 4, IORING_SETUP_REGISTERED_FD_ONLY << 5, &p));
	EXPECT_EQ(-EFAULT, setup_in(NULL, mem, 4, 0, &p));
	EXPECT_EQ(-EFAULT, setup_in(mem, NULL, 4, 0, &p));
	EXPECT_EQ(-EINVAL, setup_in(mem + 1, mem + PAGE, 4, 0, &p));
	EXPECT_EQ(-EINVAL, setup_in(mem, mem + PAGE + 64, 4, 0, &p));
	EXPECT_EQ(-EFAULT, setup_in(no_access(PAGE), mem, 4, 0, &p));
	EXPECT_EQ(-EFAULT, setup_in(mem, no_access(PAGE), 4, 0, &p));
	ASSERT_EQ(0, mprotect(mem + 8 * PAGE, PAGE, PROT_READ));
	EXPECT_EQ(-EFAULT, setup_in(mem + 8 * PAGE, mem, 4, 0, &p));
	/* Its second page is missing. */
	EXPECT_EQ(-EFAULT, setup_in(mem, mem + 7 * PAGE, 128, 0, &p));
	p = (struct io_uring_params) { .flags = IORING_SETUP_REGISTERED_FD_ONLY };
	EXPECT_EQ(-EINVAL, sys_setup(4, &p));
}

TEST_F(nommap, works)
{
	static const unsigned int flags[] = {
		0, IORING_SETUP_NO_SQARRAY,
		IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN,
	};
	char *mem = self->mem;
	unsigned int i;
	struct ring r;

	for (i = 0; i < ARRAY_LEN(flags); i++) {
		ASSERT_EQ(0, open_in(&r, mem, mem + 16 * PAGE, 128, flags[i]));
		EXPECT_EQ((uintptr_t)mem, r.p.cq_off.user_addr);
		EXPECT_EQ((uintptr_t)mem + 16 * PAGE, r.p.sq_off.user_addr);
		EXPECT_TRUE(works(&r));
		close(r.fd);
	}
}

TEST_F(nommap, nothing_to_map)
{
	static const unsigned long long offsets[] = { IORING_OFF_SQ_RING, IORING_OFF_SQES };
	unsigned int i;
	struct ring r;

	ASSERT_EQ(0, open_in(&r, self->mem, self->mem + PAGE, 4, 0));
	for (i = 0; i < ARRAY_LEN(offsets); i++) {
		void *p = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, r.fd, offsets[i]);

		EXPECT_EQ(MAP_FAILED, p);
	}
	close(r.fd);
}

/* Pages in any order, of a file; and one page for both parts. */
TEST_F(nommap, any_backing)
{
	int i, fd = memfd_create("ring", MFD_CLOEXEC);
	char *mem = self->mem;
	struct ring r;

	ASSERT_EQ(0, ftruncate(fd, 64 * PAGE));
	for (i = 0; i < 64; i++)
		ASSERT_EQ(mem + i * PAGE,
			  mmap(mem + i * PAGE, PAGE, PROT_READ | PROT_WRITE,
			       MAP_SHARED | MAP_FIXED, fd, (63 - i) * PAGE));
	ASSERT_EQ(0, open_in(&r, mem, mem + 32 * PAGE, 256, 0));
	EXPECT_TRUE(works(&r));
	close(r.fd);
	/* Sizes are those of the structures, rounded up: here half a page is free. */
	ASSERT_EQ(0, open_in(&r, mem, mem + 2 * PAGE, 16, IORING_SETUP_NO_SQARRAY));
	EXPECT_TRUE(works(&r));
	close(r.fd);
	close(fd);
}

/* The pages stay the ring's when the program takes them away from itself. */
TEST_F(nommap, unmapped)
{
	struct ring r;
	int ret;

	ASSERT_EQ(0, open_in(&r, self->mem, self->mem + PAGE, 4, 0));
	ASSERT_TRUE(prep_nop(&r, 1));
	ring_publish(&r);
	ASSERT_EQ(0, munmap(self->mem, 64 * PAGE));
	ret = sys_enter(r.fd, 1, 1, IORING_ENTER_GETEVENTS, NULL, 0);
	EXPECT_EQ(1, ret);
	close(r.fd);
	EXPECT_TRUE(fresh_ring_works());
}

TEST_F(nommap, registered_fd_only)
{
	struct io_uring_params p;
	struct io_uring_cqe cqe;
	char *mem = self->mem;
	int fd = dup(0), i;
	struct ring r;

	close(fd);
	for (i = 0; i < MAX_RING_FDS; i++) {
		ASSERT_EQ(0, open_in(&r, mem, mem + PAGE, 4, IORING_SETUP_REGISTERED_FD_ONLY));
		EXPECT_EQ(i, r.fd);
		ASSERT_TRUE(prep_nop(&r, i));
		EXPECT_EQ(1, enter_slot(&r, i));
		EXPECT_TRUE(ring_reap(&r, &cqe));
		EXPECT_EQ(-EBADFD, register_slot(i, IORING_REGISTER_ENABLE_RINGS, NULL, 0));
	}
	EXPECT_EQ(-EBUSY, setup_in(mem, mem + PAGE, 4, IORING_SETUP_REGISTERED_FD_ONLY, &p));
	/* No descriptor was used. */
	EXPECT_EQ(fd, dup(0));
	close(fd);
}

/* The least that a NOP costs, in ns, in so many rings in turn; -1: it failed. */
static long long cost_in_turn(struct ring *rings, unsigned int nr)
{
	long long start, ns, least = LLONG_MAX;
	unsigned int round, i;

	for (round = 0; round < 10; round++) {
		start = used_ns();
		for (i = 0; i < 1000; i++) {
			struct ring *r = &rings[i % nr];

			if (!prep_nop(r, 1) || ring_submit(r) != 1)
				return -1;
			store(r->cq_head, load(r->cq_tail));
		}
		ns = used_ns() - start;
		if (ns < least)
			least = ns;
	}
	return least / 1000;
}

/* How many rings a thread has is nothing that an access to one of them depends on. */
TEST(many_rings_in_turn)
{
	struct rlimit limit = { 1100, 1100 };
	struct ring *rings = calloc(1000, sizeof(*rings));
	long long two, all;
	unsigned int i;

	ASSERT_NE(NULL, rings);
	if (setrlimit(RLIMIT_NOFILE, &limit))
		SKIP(return, "may not open that many files");
	for (i = 0; i < 1000; i++)
		ASSERT_EQ(0, ring_open(&rings[i], 1, 0));
	two = cost_in_turn(rings, 2);
	all = cost_in_turn(rings, 1000);
	TH_LOG("NOP: %lld ns in two rings, %lld ns in 1000", two, all);
	EXPECT_LT(0, two);
	EXPECT_LT(all, 4 * two);
	for (i = 0; i < 1000; i++)
		ring_close(&rings[i]);
	free(rings);
}

TEST_HARNESS_MAIN
