// SPDX-License-Identifier: GPL-2.0
/*
 * io_uring_enter(): its argument checks in order, how many SQEs it consumes,
 * and what becomes of the rest. Waiting is the subject of wait.c.
 */
#include "iou_test.h"

#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

#include "../kselftest_harness.h"

#define EXT	(IORING_ENTER_GETEVENTS | IORING_ENTER_EXT_ARG)

/* An opcode that no kernel knows. */
#define BAD_OP	0xfe

FIXTURE(enter)
{
	struct ring ring;
};

FIXTURE_VARIANT(enter)
{
	unsigned int setup;
};

FIXTURE_VARIANT_ADD(enter, plain) {
	.setup = 0,
};

FIXTURE_VARIANT_ADD(enter, no_sqarray) {
	.setup = IORING_SETUP_NO_SQARRAY,
};

FIXTURE_VARIANT_ADD(enter, coop) {
	.setup = IORING_SETUP_COOP_TASKRUN,
};

FIXTURE_VARIANT_ADD(enter, defer) {
	.setup = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN,
};

FIXTURE_SETUP(enter)
{
	const char *missing = setup_missing(variant->setup);

	if (missing)
		SKIP(return, "kernel lacks %s", missing);
	ASSERT_EQ(0, ring_open(&self->ring, 8, variant->setup));
}

FIXTURE_TEARDOWN(enter)
{
	ring_close(&self->ring);
}

/* Take the next CQE, which must be visible already: its user_data, or 0. */
static unsigned long long next_user_data(struct ring *r)
{
	struct io_uring_cqe cqe;

	return ring_reap(r, &cqe) ? cqe.user_data : 0;
}

static bool prep_bad(struct ring *r, __u64 user_data)
{
	struct io_uring_sqe *sqe = ring_sqe(r);

	if (!sqe)
		return false;
	sqe->opcode = BAD_OP;
	sqe->user_data = user_data;
	return true;
}

/* Fill the ring with NOPs of ascending user_data, starting at @first. */
static unsigned int fill_sq(struct ring *r, __u64 first)
{
	unsigned int n;

	for (n = 0; prep_nop(r, first + n); n++)
		;
	return n;
}

TEST_F(enter, unknown_flags)
{
	unsigned int bit;

	/* Bits 6 and 7 have a meaning in later kernels. */
	for (bit = 8; bit < 32; bit++) {
		EXPECT_EQ(-EINVAL, sys_enter(self->ring.fd, 0, 0, 1u << bit, NULL, 0)) {
			TH_LOG("bit %u", bit);
		}
		/* Found before the fd is looked at. */
		EXPECT_EQ(-EINVAL, sys_enter(-1, 0, 0, 1u << bit, NULL, 0));
	}
}

TEST_F(enter, unknown_flag_submits_nothing)
{
	ASSERT_TRUE(prep_nop(&self->ring, 1));
	ring_publish(&self->ring);
	EXPECT_EQ(-EINVAL, sys_enter(self->ring.fd, 1, 0, 1u << 31, NULL, 0));
	EXPECT_EQ(0u, load(self->ring.sq_head));
	EXPECT_EQ(1, ring_submit(&self->ring));
}

TEST_F(enter, bad_fd)
{
	int fd = dup(self->ring.fd);

	ASSERT_LE(0, fd);
	close(fd);
	EXPECT_EQ(-EBADF, sys_enter(fd, 0, 0, 0, NULL, 0));
	EXPECT_EQ(-EBADF, sys_enter(-1, 0, 0, 0, NULL, 0));
	EXPECT_EQ(-EBADF, sys_enter(INT_MAX, 1, 1, IORING_ENTER_GETEVENTS, NULL, 0));
}

TEST_F(enter, not_a_ring)
{
	int fds[5] = { };
	unsigned int i;

	ASSERT_EQ(0, pipe(fds));
	fds[2] = open("/dev/null", O_RDWR);
	fds[3] = eventfd(0, 0);
	fds[4] = epoll_create1(0);
	for (i = 0; i < ARRAY_LEN(fds); i++) {
		ASSERT_LE(0, fds[i]);
		EXPECT_EQ(-EOPNOTSUPP, sys_enter(fds[i], 0, 0, 0, NULL, 0));
		EXPECT_EQ(-EOPNOTSUPP, sys_enter(fds[i], 1, 1, EXT, NULL, 0));
		close(fds[i]);
	}
	/* An O_PATH fd is no open file. */
	fds[0] = open("/dev/null", O_PATH);
	EXPECT_EQ(-EBADF, sys_enter(fds[0], 0, 0, 0, NULL, 0));
	close(fds[0]);
}

TEST_F(enter, registered_ring_index)
{
	EXPECT_EQ(-EINVAL, sys_enter(16, 0, 0, IORING_ENTER_REGISTERED_RING, NULL, 0));
	EXPECT_EQ(-EINVAL, sys_enter(-1, 0, 0, IORING_ENTER_REGISTERED_RING, NULL, 0));
}

TEST(registered_ring_without_context)
{
	/* This process never had a ring. */
	EXPECT_EQ(-EINVAL, sys_enter(0, 0, 0, IORING_ENTER_REGISTERED_RING, NULL, 0));
}

TEST_F(enter, ext_arg_size)
{
	static const size_t sizes[] = { 0, 8, 16, 23, 25, 32, 128, SIZE_MAX };
	struct io_uring_getevents_arg arg = { };
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(sizes); i++) {
		EXPECT_EQ(-EINVAL, sys_enter(self->ring.fd, 0, 0, EXT, &arg, sizes[i])) {
			TH_LOG("size %zu", sizes[i]);
		}
	}
	EXPECT_EQ(0, sys_enter(self->ring.fd, 0, 0, EXT, &arg, sizeof(arg)));
}

TEST_F(enter, ext_arg_unreadable)
{
	char *mem = pages(8192);

	ASSERT_NE(NULL, mem);
	ASSERT_EQ(0, munmap(mem + 4096, 4096));
	EXPECT_EQ(-EFAULT, sys_enter(self->ring.fd, 0, 0, EXT, NULL, 24));
	EXPECT_EQ(-EFAULT, sys_enter(self->ring.fd, 0, 0, EXT, no_access(4096), 24));
	EXPECT_EQ(-EFAULT, sys_enter(self->ring.fd, 0, 0, EXT, mem + 4096 - 16, 24));
	EXPECT_EQ(0, sys_enter(self->ring.fd, 0, 0, EXT, mem + 4096 - 24, 24));
	/* The size is looked at first. */
	EXPECT_EQ(-EINVAL, sys_enter(self->ring.fd, 0, 0, EXT, NULL, 8));
}

TEST_F(enter, args_ignored_without_getevents)
{
	EXPECT_EQ(0, sys_enter(self->ring.fd, 0, 5, IORING_ENTER_EXT_ARG, NULL, 3));
	EXPECT_EQ(0, sys_enter(self->ring.fd, 0, 5, 0, (void *)8, 3));
	ASSERT_TRUE(prep_nop(&self->ring, 1));
	ring_publish(&self->ring);
	EXPECT_EQ(1, sys_enter(self->ring.fd, 1, 0, IORING_ENTER_EXT_ARG, (void *)8, 1));
}

/* The SQEs are gone, so the call reports them and not the error. */
TEST_F(enter, ext_arg_error_after_submission)
{
	ASSERT_TRUE(prep_nop(&self->ring, 9));
	ring_publish(&self->ring);
	EXPECT_EQ(1, sys_enter(self->ring.fd, 1, 1, EXT, NULL, 3));
	EXPECT_EQ(1u, load(self->ring.sq_head));
	ASSERT_TRUE(prep_nop(&self->ring, 10));
	ring_publish(&self->ring);
	EXPECT_EQ(1, sys_enter(self->ring.fd, 1, 1, EXT, NULL, 24));
	EXPECT_EQ(9ull, next_user_data(&self->ring));
	EXPECT_EQ(10ull, next_user_data(&self->ring));
}

TEST_F(enter, nothing_to_do)
{
	EXPECT_EQ(0, sys_enter(self->ring.fd, 0, 0, 0, NULL, 0));
	EXPECT_EQ(0, sys_enter(self->ring.fd, 1, 0, 0, NULL, 0));
	EXPECT_EQ(0, sys_enter(self->ring.fd, UINT_MAX, 0, 0, NULL, 0));
	EXPECT_EQ(0, sys_enter(self->ring.fd, 0, 0, IORING_ENTER_SQ_WAKEUP, NULL, 0));
	EXPECT_EQ(0, sys_enter(self->ring.fd, 0, 0, IORING_ENTER_SQ_WAIT, NULL, 0));
	EXPECT_EQ(0u, ring_ready(&self->ring));
}

TEST_F(enter, more_than_queued)
{
	fill_sq(&self->ring, 1);
	ring_publish(&self->ring);
	EXPECT_EQ(8, sys_enter(self->ring.fd, UINT_MAX, 0, 0, NULL, 0));
	EXPECT_EQ(8u, load(self->ring.sq_head));
	EXPECT_EQ(0, sys_enter(self->ring.fd, UINT_MAX, 0, 0, NULL, 0));
}

TEST_F(enter, fewer_than_queued)
{
	struct ring *r = &self->ring;
	unsigned long long i;

	fill_sq(r, 1);
	ring_publish(r);
	EXPECT_EQ(3, sys_enter(r->fd, 3, 3, IORING_ENTER_GETEVENTS, NULL, 0));
	EXPECT_EQ(3u, load(r->sq_head));
	EXPECT_EQ(3u, ring_ready(r));
	EXPECT_EQ(1, sys_enter(r->fd, 1, 1, IORING_ENTER_GETEVENTS, NULL, 0));
	EXPECT_EQ(4u, load(r->sq_head));
	EXPECT_EQ(4, sys_enter(r->fd, 4, 4, IORING_ENTER_GETEVENTS, NULL, 0));
	EXPECT_EQ(8u, load(r->sq_head));
	for (i = 1; i <= 8; i++)
		EXPECT_EQ(i, next_user_data(r));
}

/* SQEs beyond the published tail are not looked at. */
TEST_F(enter, unpublished)
{
	struct ring *r = &self->ring;

	fill_sq(r, 1);
	store(r->sq_tail, 2);
	EXPECT_EQ(2, sys_enter(r->fd, 8, 0, 0, NULL, 0));
	EXPECT_EQ(2u, load(r->sq_head));
	EXPECT_EQ(6, ring_submit(r));
}

/* Fewer than asked for: back at once, however many CQEs are waited for. */
TEST_F(enter, short_count_does_not_wait)
{
	struct ring *r = &self->ring;

	EXPECT_EQ(0, sys_enter(r->fd, 1, 1, IORING_ENTER_GETEVENTS, NULL, 0));
	ASSERT_TRUE(prep_nop(r, 1));
	ring_publish(r);
	EXPECT_EQ(1, sys_enter(r->fd, 2, 8, IORING_ENTER_GETEVENTS, NULL, 0));
	EXPECT_EQ(1u, load(r->sq_head));
}

/* All submitted, the wait fails: the count is returned. */
TEST_F(enter, count_hides_wait_error)
{
	struct ring *r = &self->ring;
	struct __kernel_timespec ts = { .tv_nsec = 1000000 };
	struct io_uring_getevents_arg arg = { .ts = (uintptr_t)&ts };
	int p[2];
	char c;

	ASSERT_EQ(0, pipe(p));
	ASSERT_NE(NULL, prep(r, IORING_OP_READ, p[0], &c, 1, -1));
	ring_publish(r);
	EXPECT_EQ(1, sys_enter(r->fd, 1, 1, EXT, &arg, sizeof(arg)));
	EXPECT_EQ(0u, ring_ready(r));
	EXPECT_EQ(-ETIME, sys_enter(r->fd, 0, 1, EXT, &arg, sizeof(arg)));
	close(p[0]);
	close(p[1]);
}

TEST_F(enter, slots_are_reused)
{
	struct ring *r = &self->ring;
	unsigned long long sent = 1, seen = 1;
	unsigned int i;
	int n;

	for (i = 0; i < 500; i++) {
		unsigned int j, batch = 1 + i % 8;

		for (j = 0; j < batch; j++)
			ASSERT_TRUE(prep_nop(r, sent++));
		n = ring_submit_wait(r, batch);
		ASSERT_EQ((int)batch, n);
		ASSERT_EQ(r->next, load(r->sq_head));
		for (j = 0; j < batch; j++)
			ASSERT_EQ(seen++, next_user_data(r));
	}
	EXPECT_EQ(0u, *r->sq_dropped);
	EXPECT_EQ(0u, *r->cq_overflow);
}

/* A bad SQE ends the batch; it counts, and so do those before it. */
TEST_F(enter, parse_error_ends_batch)
{
	struct ring *r = &self->ring;
	struct io_uring_cqe cqe;

	prep_nop(r, 1);
	prep_bad(r, 2);
	prep_nop(r, 3);
	prep_nop(r, 4);
	EXPECT_EQ(2, ring_submit(r));
	EXPECT_EQ(2u, load(r->sq_head));
	ASSERT_EQ(0, ring_wait(r, &cqe));
	EXPECT_EQ(1ull, (unsigned long long)cqe.user_data);
	EXPECT_EQ(0, cqe.res);
	ASSERT_EQ(0, ring_wait(r, &cqe));
	EXPECT_EQ(2ull, (unsigned long long)cqe.user_data);
	EXPECT_EQ(-EINVAL, cqe.res);
	EXPECT_EQ(0u, cqe.flags);
	EXPECT_FALSE(ring_reap(r, &cqe));

	EXPECT_EQ(2, ring_submit_wait(r, 2));
	EXPECT_EQ(3ull, next_user_data(r));
	EXPECT_EQ(4ull, next_user_data(r));
}

TEST_F(enter, parse_error_first_and_last)
{
	struct ring *r = &self->ring;

	prep_bad(r, 1);
	prep_nop(r, 2);
	prep_bad(r, 3);
	EXPECT_EQ(1, ring_submit(r));
	EXPECT_EQ(2, ring_submit(r));
	EXPECT_EQ(0, ring_submit(r));
	ring_flush(r);
	EXPECT_EQ(1ull, next_user_data(r));
	EXPECT_EQ(2ull, next_user_data(r));
	EXPECT_EQ(3ull, next_user_data(r));
}

/* A short count because of a bad SQE does not wait either. */
TEST_F(enter, parse_error_does_not_wait)
{
	struct ring *r = &self->ring;

	prep_bad(r, 1);
	prep_nop(r, 2);
	ring_publish(r);
	EXPECT_EQ(1, sys_enter(r->fd, 2, 8, IORING_ENTER_GETEVENTS, NULL, 0));
}

TEST_F(enter, submit_all_goes_on)
{
	struct io_uring_cqe cqe;
	unsigned int i;
	struct ring r;

	ASSERT_EQ(0, ring_open(&r, 8, variant->setup | IORING_SETUP_SUBMIT_ALL));
	for (i = 0; i < 8; i++)
		ASSERT_TRUE(i % 3 ? prep_nop(&r, i) : prep_bad(&r, i));
	EXPECT_EQ(8, ring_submit_wait(&r, 8));
	EXPECT_EQ(8u, load(r.sq_head));
	for (i = 0; i < 8; i++) {
		ASSERT_EQ(0, ring_wait(&r, &cqe));
		EXPECT_EQ((unsigned long long)i, (unsigned long long)cqe.user_data);
		EXPECT_EQ(i % 3 ? 0 : -EINVAL, cqe.res);
	}
	ring_close(&r);
}

/* An error in execution, unlike one in parsing, does not end the batch. */
TEST_F(enter, issue_error_goes_on)
{
	struct ring *r = &self->ring;
	struct io_uring_cqe cqe;
	char c;

	prep(r, IORING_OP_READ, -1, &c, 1, 0)->user_data = 1;
	prep_nop(r, 2);
	EXPECT_EQ(2, ring_submit_wait(r, 2));
	ASSERT_TRUE(ring_reap(r, &cqe));
	EXPECT_EQ(1ull, (unsigned long long)cqe.user_data);
	EXPECT_EQ(-EBADF, cqe.res);
	EXPECT_EQ(2ull, next_user_data(r));
}

TEST_F(enter, user_data_is_opaque)
{
	static const unsigned long long values[] = {
		0, 1, UINT_MAX, 1ull << 32, LLONG_MAX, 1ull << 63, ULLONG_MAX, ULLONG_MAX - 1,
	};
	struct io_uring_cqe cqe;
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(values); i++)
		ASSERT_TRUE(prep_nop(&self->ring, values[i]));
	ASSERT_EQ(8, ring_submit_wait(&self->ring, 8));
	for (i = 0; i < ARRAY_LEN(values); i++) {
		ASSERT_TRUE(ring_reap(&self->ring, &cqe));
		EXPECT_EQ(values[i], (unsigned long long)cqe.user_data);
	}
}

/* Everything but the data is consumed when enter() returns. */
TEST_F(enter, sqe_may_be_overwritten)
{
	struct ring *r = &self->ring;
	struct io_uring_cqe cqe;
	char buf[8] = "";
	int p[2];

	ASSERT_EQ(0, pipe(p));
	prep(r, IORING_OP_READ, p[0], buf, 4, -1)->user_data = 1;
	ASSERT_EQ(1, ring_submit(r));
	memset(r->sqes, 0xff, r->sqes_size);
	ASSERT_EQ(4, write(p[1], "good", 4));
	ASSERT_EQ(0, ring_wait(r, &cqe));
	EXPECT_EQ(1ull, (unsigned long long)cqe.user_data);
	EXPECT_EQ(4, cqe.res);
	EXPECT_STREQ("good", buf);
	close(p[0]);
	close(p[1]);
}

TEST_F(enter, sq_indices_scribbled)
{
	struct ring *r = &self->ring;

	/* The kernel only ever writes the head: it does not believe it. */
	ASSERT_TRUE(prep_nop(r, 1));
	ring_publish(r);
	store(r->sq_head, 777);
	EXPECT_EQ(1, sys_enter(r->fd, 1, 1, IORING_ENTER_GETEVENTS, NULL, 0));
	EXPECT_EQ(1u, load(r->sq_head));

	/* Nor the masks and sizes. */
	*ring_word(r, r->p.sq_off.ring_mask) = UINT_MAX;
	*ring_word(r, r->p.cq_off.ring_mask) = UINT_MAX;
	*ring_word(r, r->p.sq_off.ring_entries) = 0;
	*ring_word(r, r->p.cq_off.ring_entries) = 0;
	fill_sq(r, 2);
	EXPECT_EQ(8, ring_submit_wait(r, 9));
	EXPECT_EQ(9u, ring_ready(r));
	EXPECT_EQ(1ull, next_user_data(r));
	EXPECT_EQ(2ull, next_user_data(r));
}

/* A tail further ahead than the ring is long. */
TEST_F(enter, sq_tail_too_far)
{
	struct ring *r = &self->ring;
	unsigned int i;
	int n;

	ASSERT_EQ(8u, fill_sq(r, 1));
	store(r->sq_tail, 1000);
	n = sys_enter(r->fd, 1000, 0, 0, NULL, 0);
	EXPECT_EQ(8, n);
	EXPECT_EQ(8u, load(r->sq_head));
	/* Put right, the ring goes on where it was. */
	r->next = load(r->sq_head);
	store(r->sq_tail, r->next);
	for (i = 0; i < 8; i++)
		EXPECT_EQ(i + 1ull, next_user_data(r));
	EXPECT_TRUE(ring_works(r));
}

TEST_F(enter, sq_tail_behind)
{
	struct ring *r = &self->ring;

	ASSERT_TRUE(prep_nop(r, 1));
	ASSERT_EQ(1, ring_submit_wait(r, 1));
	ASSERT_EQ(1ull, next_user_data(r));
	ASSERT_EQ(7u, fill_sq(r, 2) - 1);
	/* One less than the head: 2^32 - 1 entries, at most 8 of which exist. */
	store(r->sq_tail, 0);
	EXPECT_EQ(8, sys_enter(r->fd, UINT_MAX, 0, 0, NULL, 0));
	EXPECT_EQ(9u, load(r->sq_head));
	EXPECT_EQ(2ull, next_user_data(r));
}

/* ------------------------------------------------------------------------
 * The SQ index array
 */

TEST(array_order)
{
	static const unsigned int order[] = { 5, 0, 7, 3, 3, 1, 6, 2 };
	struct ring r;
	unsigned int i;

	ASSERT_EQ(0, ring_open(&r, 8, 0));
	ASSERT_EQ(8u, fill_sq(&r, 100));
	for (i = 0; i < 8; i++)
		r.sq_array[i] = order[i];
	ASSERT_EQ(8, ring_submit_wait(&r, 8));
	for (i = 0; i < 8; i++)
		EXPECT_EQ(100ull + order[i], next_user_data(&r));
	EXPECT_EQ(0u, *r.sq_dropped);
	ring_close(&r);
}

/* An index out of range: the slot is consumed but not counted; the batch ends. */
TEST(array_index_out_of_range)
{
	static const unsigned int bad[] = { 8, 9, 0xff, 0x10000, 0x80000000, UINT_MAX };
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(bad); i++) {
		struct ring r;

		ASSERT_EQ(0, ring_open(&r, 8, 0));
		ASSERT_EQ(8u, fill_sq(&r, 100));
		r.sq_array[1] = bad[i];
		r.sq_array[3] = bad[i];
		r.sq_array[4] = bad[i];

		EXPECT_EQ(1, ring_submit(&r)) {
			TH_LOG("index %#x", bad[i]);
		}
		EXPECT_EQ(1u, *r.sq_dropped);
		EXPECT_EQ(2u, load(r.sq_head));

		EXPECT_EQ(1, ring_submit(&r));
		EXPECT_EQ(2u, *r.sq_dropped);
		EXPECT_EQ(4u, load(r.sq_head));

		/* Nothing but a bad one. */
		EXPECT_EQ(0, ring_submit(&r));
		EXPECT_EQ(3u, *r.sq_dropped);
		EXPECT_EQ(5u, load(r.sq_head));

		EXPECT_EQ(3, ring_submit_wait(&r, 5));
		EXPECT_EQ(3u, *r.sq_dropped);
		EXPECT_EQ(100ull, next_user_data(&r));
		EXPECT_EQ(102ull, next_user_data(&r));
		EXPECT_EQ(105ull, next_user_data(&r));
		EXPECT_EQ(106ull, next_user_data(&r));
		EXPECT_EQ(107ull, next_user_data(&r));
		EXPECT_EQ(0ull, next_user_data(&r));
		ring_close(&r);
	}
}

/* Also with SUBMIT_ALL, which is about SQEs that do not parse. */
TEST(array_index_out_of_range_submit_all)
{
	struct ring r;

	ASSERT_EQ(0, ring_open(&r, 8, IORING_SETUP_SUBMIT_ALL));
	ASSERT_EQ(8u, fill_sq(&r, 100));
	r.sq_array[2] = 8;
	EXPECT_EQ(2, ring_submit(&r));
	EXPECT_EQ(1u, *r.sq_dropped);
	EXPECT_EQ(5, ring_submit_wait(&r, 7));
	EXPECT_EQ(7u, ring_ready(&r));
	ring_close(&r);
}

/* Without the array, what would be its memory has no meaning. */
TEST(no_array)
{
	struct ring r;
	unsigned int i;
	const char *missing = setup_missing(IORING_SETUP_NO_SQARRAY);

	if (missing)
		SKIP(return, "kernel lacks %s", missing);
	ASSERT_EQ(0, ring_open(&r, 8, IORING_SETUP_NO_SQARRAY));
	ASSERT_EQ(NULL, r.sq_array);
	memset(&r.cqes[16], 0xff, 4096 - r.p.cq_off.cqes - 16 * sizeof(*r.cqes));
	for (i = 0; i < 3; i++) {
		ASSERT_EQ(8u, fill_sq(&r, 100));
		ASSERT_EQ(8, ring_submit_wait(&r, 8));
		EXPECT_EQ(100ull, next_user_data(&r));
		while (next_user_data(&r))
			;
	}
	EXPECT_EQ(0u, *r.sq_dropped);
	ring_close(&r);
}

/* ------------------------------------------------------------------------
 * Who may enter
 */

struct other {
	struct ring *ring;
	int submit;
	int wait;
	int reg;
};

static void *enter_from_thread(void *arg)
{
	struct other *o = arg;

	o->submit = ring_submit(o->ring);
	o->wait = ring_enter_wait(o->ring, 1, 0);
	o->reg = sys_register(o->ring->fd, IORING_REGISTER_PROBE, NULL, 0);
	return NULL;
}

TEST_F(enter, from_another_thread)
{
	struct other o = { .ring = &self->ring };
	bool owned = variant->setup & IORING_SETUP_SINGLE_ISSUER;
	pthread_t t;

	ASSERT_TRUE(prep_nop(&self->ring, 1));
	ASSERT_EQ(0, pthread_create(&t, NULL, enter_from_thread, &o));
	ASSERT_EQ(0, pthread_join(t, NULL));
	EXPECT_EQ(owned ? -EEXIST : 1, o.submit);
	EXPECT_EQ(owned ? -EEXIST : 0, o.wait);
	EXPECT_EQ(owned ? -EEXIST : -EINVAL, o.reg);
	EXPECT_EQ(owned ? 1 : 0, ring_submit_wait(&self->ring, 1));
	EXPECT_EQ(1ull, next_user_data(&self->ring));
}

/* SINGLE_ISSUER alone: anybody may wait, only the owner may submit. */
TEST(single_issuer)
{
	struct other o;
	struct ring r;
	pthread_t t;
	const char *missing = setup_missing(IORING_SETUP_SINGLE_ISSUER);

	if (missing)
		SKIP(return, "kernel lacks %s", missing);
	ASSERT_EQ(0, ring_open(&r, 8, IORING_SETUP_SINGLE_ISSUER));
	o.ring = &r;
	ASSERT_TRUE(prep_nop(&r, 1));
	ASSERT_EQ(0, pthread_create(&t, NULL, enter_from_thread, &o));
	ASSERT_EQ(0, pthread_join(t, NULL));
	EXPECT_EQ(-EEXIST, o.submit);
	EXPECT_EQ(-ETIME, o.wait);
	EXPECT_EQ(-EEXIST, o.reg);
	EXPECT_EQ(0u, load(r.sq_head));
	EXPECT_EQ(1, ring_submit_wait(&r, 1));
	ring_close(&r);
}

TEST_F(enter, through_a_dup)
{
	int fd = dup(self->ring.fd);

	ASSERT_LE(0, fd);
	ASSERT_TRUE(prep_nop(&self->ring, 1));
	ring_publish(&self->ring);
	EXPECT_EQ(1, sys_enter(fd, 1, 1, IORING_ENTER_GETEVENTS, NULL, 0));
	EXPECT_EQ(1ull, next_user_data(&self->ring));
	close(self->ring.fd);
	self->ring.fd = fd;
	EXPECT_TRUE(ring_works(&self->ring));
}

TEST_HARNESS_MAIN
