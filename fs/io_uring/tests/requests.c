// SPDX-License-Identifier: GPL-2.0
/*
 * Requests that wait: the index of parked ones, turns on an inode, drain,
 * counting.
 */
#include <kunit/test.h>
#include <linux/fs.h>
#include <linux/delay.h>
#include <linux/hash.h>
#include <linux/prandom.h>

#include "../req/count.h"
#include "../req/drain.h"
#include "../req/hash.h"
#include "../req/lane.h"
#include "../req/op.h"
#include "../req/park.h"
#include "../rsrc/pin.h"
#include "../run/lock.h"
#include "fake.h"

static struct iou_req *fake_reqs(struct kunit *test, struct fake *fake, u32 nr)
{
	struct iou_req *reqs = kvcalloc(nr, sizeof(*reqs), GFP_KERNEL);
	u32 i;

	KUNIT_ASSERT_NOT_NULL(test, reqs);
	for (i = 0; i < nr; i++) {
		reqs[i].lane = &fake->lane;
		reqs[i].user_data = i;
	}
	return reqs;
}

/* ------------------------------------------------------------------------
 * The index of parked requests
 */

static bool claim(struct iou_req *req)
{
	return iou_park_wake(req);
}

static const struct iou_park_ops park_ops = { .claim = claim };

#define NR_PARKED	20000

static bool index_has(struct iou_ring *ring, u64 user_data, const struct iou_req *req)
	__must_hold(&ring->lock)
{
	return iou_park_find(ring, user_data, NULL, NULL) == req;
}

/* How many of these requests are not found? */
static u32 index_lacks(struct iou_ring *ring, const struct iou_req *reqs, u32 from, u32 to)
	__must_hold(&ring->lock)
{
	u32 lacks = 0;

	while (from < to) {
		lacks += !index_has(ring, reqs[from].user_data, &reqs[from]);
		from++;
	}
	return lacks;
}

/* Addresses, small numbers, and numbers that differ in high bits only */
static void set_user_data(struct iou_req *reqs, u32 nr)
{
	u32 i;

	for (i = 0; i < nr; i++)
		reqs[i].user_data = i % 3 == 0 ? (unsigned long)&reqs[i] :
				    i % 3 == 1 ? i : (u64)i << 48 | i >> 16;
}

static u32 longest_bucket(const struct iou_index *index)
{
	u32 i, longest = 0;

	for (i = 0; i < 1u << index->bits; i++) {
		struct hlist_node *node;
		u32 nr = 0;

		hlist_for_each(node, &index->heads[i])
			nr++;
		longest = max(longest, nr);
	}
	return longest;
}

/* It grows while requests are in it; at any time each can be found */
static void index_growth(struct kunit *test)
{
	struct fake *fake = fake_ring(test);
	struct iou_ring *ring = &fake->ring;
	struct iou_index *index = &ring->parked;
	struct iou_req *reqs = fake_reqs(test, fake, NR_PARKED);
	u32 i, growths = 0, missing = 0;

	set_user_data(reqs, NR_PARKED);
	mutex_lock(&ring->lock);
	for (i = 0; i < NR_PARKED; i++) {
		u32 bits = index->bits, next = index->old ? index->old_next : 0;

		KUNIT_ASSERT_EQ(test, 0, iou_park(&reqs[i], &park_ops));
		KUNIT_ASSERT_EQ(test, IOU_S_PARKED, reqs[i].state);
		growths += index->bits != bits;
		/* Nobody has to wait until all have moved */
		if (index->old && index->bits == bits)
			KUNIT_ASSERT_LE(test, index->old_next - next, 8);
		if (i % 501 == 0)
			missing += index_lacks(ring, reqs, 0, i + 1);
	}
	KUNIT_EXPECT_EQ(test, 0, missing);
	KUNIT_EXPECT_EQ(test, NR_PARKED, index->nr);
	KUNIT_EXPECT_NULL(test, index->old);
	KUNIT_EXPECT_GE(test, 4u << index->bits, NR_PARKED);
	KUNIT_EXPECT_EQ(test, index->bits, IOU_INDEX_MIN_BITS + growths);
	KUNIT_EXPECT_EQ(test, 0, index_lacks(ring, reqs, 0, NR_PARKED));
	KUNIT_EXPECT_NULL(test, iou_park_find(ring, U64_MAX, NULL, NULL));
	/* That is why finding one is cheap */
	KUNIT_EXPECT_LE(test, longest_bucket(index), 32);

	for (i = 0; i < NR_PARKED; i++) {
		KUNIT_ASSERT_TRUE(test, iou_park_claim(&reqs[i]));
		missing += !!iou_park_find(ring, reqs[i].user_data, NULL, NULL);
	}
	KUNIT_EXPECT_EQ(test, 0, missing);
	KUNIT_EXPECT_EQ(test, 0, index->nr);
	mutex_unlock(&ring->lock);
	iou_park_free(ring);
	kvfree(reqs);
}

/* When there are few it becomes small again, while others come and go */
static void index_shrinking(struct kunit *test)
{
	struct fake *fake = fake_ring(test);
	struct iou_ring *ring = &fake->ring;
	struct iou_index *index = &ring->parked;
	struct iou_req *reqs = fake_reqs(test, fake, NR_PARKED);
	u32 i, round, bits, missing = 0;

	set_user_data(reqs, NR_PARKED);
	mutex_lock(&ring->lock);
	for (i = 0; i < NR_PARKED; i++)
		iou_park(&reqs[i], &park_ops);
	bits = index->bits;
	for (i = 100; i < NR_PARKED; i++)
		iou_park_claim(&reqs[i]);
	KUNIT_EXPECT_EQ(test, bits, index->bits);

	for (round = 0; round < NR_PARKED; round++) {
		u32 next = index->old ? index->old_next : 0;

		iou_park(&reqs[100 + round % 50], &park_ops);
		if (index->old && next)
			KUNIT_ASSERT_LE(test, index->old_next - next, 8);
		if (round % 101 == 0)
			missing += index_lacks(ring, reqs, 0, 101 + round % 50);
		if (round % 50 != 49)
			continue;
		for (i = 100; i < 150; i++)
			iou_park_claim(&reqs[i]);
	}
	KUNIT_EXPECT_EQ(test, 0, missing);
	KUNIT_EXPECT_NULL(test, index->old);
	KUNIT_EXPECT_LE(test, index->bits, 8);
	KUNIT_EXPECT_EQ(test, 0, index_lacks(ring, reqs, 0, 100));
	for (i = 0; i < 100; i++)
		KUNIT_ASSERT_TRUE(test, iou_park_claim(&reqs[i]));
	KUNIT_EXPECT_EQ(test, 0, index->nr);
	mutex_unlock(&ring->lock);
	iou_park_free(ring);
	kvfree(reqs);
}

static bool is_req(const struct iou_req *req, void *data)
{
	return req == data;
}

/* Many with the same user_data, which share a bucket for ever: all can be told apart */
static void index_duplicates(struct kunit *test)
{
	const u32 nr = 1000;
	struct fake *fake = fake_ring(test);
	struct iou_ring *ring = &fake->ring;
	struct iou_req *reqs = fake_reqs(test, fake, nr);
	u32 i;

	mutex_lock(&ring->lock);
	for (i = 0; i < nr; i++) {
		reqs[i].user_data = 42;
		iou_park(&reqs[i], &park_ops);
	}
	KUNIT_EXPECT_EQ(test, nr, ring->parked.nr);
	for (i = 0; i < nr; i++)
		KUNIT_EXPECT_PTR_EQ(test, &reqs[i], iou_park_find(ring, 42, is_req, &reqs[i]));
	for (i = 0; i < nr; i++) {
		KUNIT_EXPECT_NOT_NULL(test, iou_park_find(ring, 42, NULL, NULL));
		iou_park_claim(&reqs[i]);
		KUNIT_EXPECT_NULL(test, iou_park_find(ring, 42, is_req, &reqs[i]));
	}
	KUNIT_EXPECT_NULL(test, iou_park_find(ring, 42, NULL, NULL));
	mutex_unlock(&ring->lock);
	iou_park_free(ring);
	kvfree(reqs);
}

/* Requests that are with workers are found, too, until they end, and not twice */
static void index_of_work(struct kunit *test)
{
	struct fake *fake = fake_ring(test);
	struct iou_ring *ring = &fake->ring;
	struct iou_req *reqs = fake_reqs(test, fake, 2);

	mutex_lock(&ring->lock);
	reqs[0].state = IOU_S_QUEUED;
	iou_index_enter(&reqs[0]);
	iou_index_enter(&reqs[0]);
	iou_park(&reqs[1], &park_ops);
	KUNIT_EXPECT_EQ(test, 2, ring->parked.nr);
	KUNIT_EXPECT_TRUE(test, index_has(ring, 0, &reqs[0]));
	iou_index_leave(&reqs[0]);
	iou_index_leave(&reqs[0]);
	KUNIT_EXPECT_EQ(test, 1, ring->parked.nr);
	KUNIT_EXPECT_EQ(test, 0, reqs[0].notes);
	KUNIT_EXPECT_NULL(test, iou_park_find(ring, 0, NULL, NULL));
	/* A place that it was not given for a worker is not taken from it */
	iou_index_leave(&reqs[1]);
	KUNIT_EXPECT_TRUE(test, index_has(ring, 1, &reqs[1]));
	/* One that was cancelled, or any when the ring is being closed, is not parked */
	iou_park_claim(&reqs[1]);
	reqs[1].cancelled = true;
	KUNIT_EXPECT_EQ(test, -ECANCELED, iou_park(&reqs[1], &park_ops));
	ring->state = IOU_RING_CLOSING;
	KUNIT_EXPECT_EQ(test, -ECANCELED, iou_park(&reqs[0], &park_ops));
	KUNIT_EXPECT_EQ(test, 0, ring->parked.nr);
	mutex_unlock(&ring->lock);
	iou_park_free(ring);
	kvfree(reqs);
}

/* ------------------------------------------------------------------------
 * Going through the index
 */

#define NR_WALKED	1000

/*
 * Whenever a walk pauses, some come and some go. Those that were there all the time are seen
 * once, whether the index is being rebuilt or not, and whatever their user_data.
 */
static void walk_index(struct kunit *test, u32 nr_before, bool same)
{
	struct fake *fake = fake_ring(test);
	struct iou_ring *ring = &fake->ring;
	struct iou_req *reqs = fake_reqs(test, fake, 2 * NR_WALKED);
	u32 i, steps = 0, seen = 0, wrong = 0, come = NR_WALKED, go = 0;
	struct iou_req *mark = kunit_kzalloc(test, sizeof(*mark), GFP_KERNEL);
	struct iou_walk walk_of_test, *walk = &walk_of_test;
	struct iou_req *req;

	KUNIT_ASSERT_NOT_NULL(test, mark);
	set_user_data(reqs, 2 * NR_WALKED);
	for (i = 0; same && i < 2 * NR_WALKED; i++)
		reqs[i].user_data = 42;
	mutex_lock(&ring->lock);
	for (i = 0; i < nr_before; i++)
		iou_park(&reqs[i], &park_ops);
	iou_walk_begin(walk, ring, mark);
	while (iou_walk_next(walk, &req)) {
		/* The odd ones stay, as the even ones that were not taken away meanwhile */
		if (req && req - reqs < nr_before) {
			wrong += req->mark++;
			seen += (req - reqs) % 2;
			/* Who walks may take away what it sees */
			if ((req - reqs) % 4 == 0)
				iou_park_claim(req);
		}
		if (++steps % 7)
			continue;
		iou_walk_pause(walk);
		KUNIT_EXPECT_NULL(test, iou_park_find(ring, mark->user_data, is_req, mark));
		if (come < 2 * NR_WALKED)
			iou_park(&reqs[come++], &park_ops);
		/* Perhaps the one that would be next */
		if (go < nr_before && reqs[go].state == IOU_S_PARKED)
			iou_park_claim(&reqs[go]);
		go += 2;
		iou_walk_resume(walk);
	}
	iou_walk_end(walk);
	KUNIT_EXPECT_EQ(test, 0, wrong);
	KUNIT_EXPECT_EQ(test, nr_before / 2, seen);
	for (i = 0; i < come; i++)
		if (reqs[i].state == IOU_S_PARKED)
			iou_park_claim(&reqs[i]);
	KUNIT_EXPECT_EQ(test, 0, ring->parked.nr);
	mutex_unlock(&ring->lock);
	iou_park_free(ring);
	kvfree(reqs);
}

static void index_walk(struct kunit *test)
{
	u32 nr;

	for (nr = 0; nr < NR_WALKED; nr += 37) {
		walk_index(test, nr, false);
		walk_index(test, nr, true);
	}
}

/* Two who walk do not see the mark of the other one */
static void index_two_walks(struct kunit *test)
{
	struct fake *fake = fake_ring(test);
	struct iou_ring *ring = &fake->ring;
	struct iou_req *reqs = fake_reqs(test, fake, 10);
	struct iou_req *marks = kunit_kcalloc(test, 2, sizeof(*marks), GFP_KERNEL);
	struct iou_walk walks[2];
	struct iou_req *req;
	u32 i, seen = 0, done = 0;

	KUNIT_ASSERT_NOT_NULL(test, marks);
	mutex_lock(&ring->lock);
	for (i = 0; i < 10; i++) {
		reqs[i].user_data = 42;
		iou_park(&reqs[i], &park_ops);
	}
	iou_walk_begin(&walks[0], ring, &marks[0]);
	iou_walk_begin(&walks[1], ring, &marks[1]);
	for (i = 0; done < 2 && i < 1000; i++) {
		struct iou_walk *walk = &walks[i % 2];

		if (i >= 2)
			iou_walk_resume(walk);
		if (!iou_walk_next(walk, &req))
			done++;
		else if (req)
			seen++;
		iou_walk_pause(walk);
	}
	iou_walk_resume(&walks[0]);
	iou_walk_resume(&walks[1]);
	iou_walk_end(&walks[0]);
	iou_walk_end(&walks[1]);
	KUNIT_EXPECT_EQ(test, 20, seen);
	for (i = 0; i < 10; i++)
		iou_park_claim(&reqs[i]);
	mutex_unlock(&ring->lock);
	iou_park_free(ring);
	kvfree(reqs);
}

/*
 * Who is killed on the way leaves its mark behind. Nobody takes that for a request, it
 * moves with the others, and goes with the next one who comes that way, or with the index.
 */
static void index_abandoned_walk(struct kunit *test)
{
	struct fake *fake = fake_ring(test);
	struct iou_ring *ring = &fake->ring;
	struct iou_req *reqs = fake_reqs(test, fake, NR_WALKED);
	struct iou_req *mark, *req;
	struct iou_walk walk;
	u32 i, round, seen;

	mutex_lock(&ring->lock);
	for (i = 0; i < 10; i++)
		iou_park(&reqs[i], &park_ops);
	for (round = 0; round < 3; round++) {
		mark = kmalloc(sizeof(*mark), GFP_KERNEL);
		KUNIT_EXPECT_NOT_NULL(test, mark);
		if (!mark)
			break;
		seen = 0;
		iou_walk_begin(&walk, ring, mark);
		KUNIT_EXPECT_TRUE(test, llist_empty(&ring->parked.abandoned));
		while (seen < 5 && iou_walk_next(&walk, &req))
			seen += !!req;
		KUNIT_EXPECT_EQ(test, 5, seen);
		iou_walk_pause(&walk);
		iou_walk_abandon(&walk);
		KUNIT_EXPECT_EQ(test, 0, atomic_read(&ring->parked.nr_walks));
		for (i = 0; i < 10; i++)
			KUNIT_EXPECT_TRUE(test, index_has(ring, i, &reqs[i]));
		for (i = 10; round == 1 && i < NR_WALKED; i++)
			iou_park(&reqs[i], &park_ops);
	}
	for (i = 0; i < NR_WALKED; i++)
		KUNIT_EXPECT_TRUE(test, iou_park_claim(&reqs[i]));
	KUNIT_EXPECT_EQ(test, 0, ring->parked.nr);
	mutex_unlock(&ring->lock);
	iou_park_free(ring);
	kvfree(reqs);
}

/* ------------------------------------------------------------------------
 * Turns on an inode
 */

static bool is_next_ready(struct iou_ring *ring, struct iou_req *req)
{
	if (list_empty(&ring->ready) || ring->ready.next != &req->work.node)
		return false;
	list_del(&req->work.node);
	return true;
}

static void hash_turns(struct kunit *test)
{
	struct inode *inodes = kunit_kcalloc(test, 32, sizeof(*inodes), GFP_KERNEL);
	struct file *files = kunit_kcalloc(test, 2, sizeof(*files), GFP_KERNEL);
	struct fake *fake = fake_ring(test);
	struct iou_ring *ring = &fake->ring;
	struct iou_req *reqs = fake_reqs(test, fake, 6);
	int i, other = 1;

	KUNIT_ASSERT_NOT_NULL(test, inodes);
	KUNIT_ASSERT_NOT_NULL(test, files);
	while (other < 31 && hash_ptr(&inodes[other], IOU_HASH_BITS) ==
			     hash_ptr(&inodes[0], IOU_HASH_BITS))
		other++;
	files[0].f_inode = &inodes[0];
	files[1].f_inode = &inodes[other];
	for (i = 0; i < 6; i++)
		reqs[i].file = &files[i == 5];

	mutex_lock(&ring->lock);
	KUNIT_EXPECT_TRUE(test, iou_hash_enter(&reqs[0]));
	for (i = 1; i < 5; i++)
		KUNIT_EXPECT_FALSE(test, iou_hash_enter(&reqs[i]));
	/* Another inode has turns of its own */
	KUNIT_EXPECT_TRUE(test, iou_hash_enter(&reqs[5]));
	KUNIT_EXPECT_TRUE(test, list_empty(&ring->ready));

	/* One after the other, in order; one has lost patience */
	list_del(&reqs[2].work.node);
	iou_hash_leave(&reqs[0]);
	KUNIT_EXPECT_TRUE(test, ring->cold & IOU_COLD_READY);
	KUNIT_EXPECT_TRUE(test, is_next_ready(ring, &reqs[1]));
	KUNIT_EXPECT_TRUE(test, list_empty(&ring->ready));
	iou_hash_leave(&reqs[5]);
	KUNIT_EXPECT_TRUE(test, list_empty(&ring->ready));
	iou_hash_leave(&reqs[1]);
	KUNIT_EXPECT_TRUE(test, is_next_ready(ring, &reqs[3]));
	iou_hash_leave(&reqs[3]);
	KUNIT_EXPECT_TRUE(test, is_next_ready(ring, &reqs[4]));
	iou_hash_leave(&reqs[4]);
	KUNIT_EXPECT_TRUE(test, list_empty(&ring->ready));
	for (i = 0; i < 6; i++)
		KUNIT_EXPECT_EQ(test, 0, reqs[i].held);
	/* And again */
	KUNIT_EXPECT_TRUE(test, iou_hash_enter(&reqs[2]));
	iou_hash_leave(&reqs[2]);
	mutex_unlock(&ring->lock);
	kfree(ring->hash);
	kvfree(reqs);
}

/* ------------------------------------------------------------------------
 * Drain
 */

static void drain_enter(struct fake *fake, struct iou_req *req)
	__must_hold(&fake->ring.lock)
{
	fake->lane.nr_inflight++;
	iou_drain_enter(req);
}

static void one_done(struct fake *fake)
	__must_hold(&fake->ring.lock)
{
	fake->lane.nr_inflight--;
	iou_drain_advance(&fake->ring);
}

static void drain_order(struct kunit *test)
{
	struct fake *fake = fake_ring(test);
	struct iou_ring *ring = &fake->ring;
	struct iou_req *reqs = fake_reqs(test, fake, 5);

	mutex_lock(&ring->lock);
	/* Two are on their way; 0 waits for them, 1 and 2 for 0, 3 for all, 4 for 3 */
	fake->lane.nr_inflight = 2;
	reqs[0].sqe_flags = IOSQE_IO_DRAIN;
	reqs[3].sqe_flags = IOSQE_IO_DRAIN;
	drain_enter(fake, &reqs[0]);
	KUNIT_EXPECT_TRUE(test, ring->strict & IOU_STRICT_DRAIN);
	drain_enter(fake, &reqs[1]);
	drain_enter(fake, &reqs[2]);
	drain_enter(fake, &reqs[3]);
	drain_enter(fake, &reqs[4]);
	KUNIT_EXPECT_EQ(test, 5, ring->drain.nr_reqs);
	iou_drain_advance(ring);
	KUNIT_EXPECT_TRUE(test, list_empty(&ring->ready));
	one_done(fake);
	KUNIT_EXPECT_TRUE(test, list_empty(&ring->ready));
	one_done(fake);
	KUNIT_EXPECT_TRUE(test, is_next_ready(ring, &reqs[0]));
	KUNIT_EXPECT_TRUE(test, list_empty(&ring->ready));
	one_done(fake);
	KUNIT_EXPECT_TRUE(test, is_next_ready(ring, &reqs[1]));
	KUNIT_EXPECT_TRUE(test, is_next_ready(ring, &reqs[2]));
	KUNIT_EXPECT_TRUE(test, list_empty(&ring->ready));
	one_done(fake);
	KUNIT_EXPECT_TRUE(test, list_empty(&ring->ready));
	one_done(fake);
	KUNIT_EXPECT_TRUE(test, is_next_ready(ring, &reqs[3]));
	KUNIT_EXPECT_TRUE(test, list_empty(&ring->ready));
	KUNIT_EXPECT_EQ(test, 1, ring->drain.nr_reqs);
	one_done(fake);
	KUNIT_EXPECT_TRUE(test, is_next_ready(ring, &reqs[4]));
	/* The last one is no barrier: submission goes the direct way again */
	KUNIT_EXPECT_FALSE(test, ring->strict & IOU_STRICT_DRAIN);
	KUNIT_EXPECT_FALSE(test, ring->watch & IOU_COLD_DRAIN);
	KUNIT_EXPECT_EQ(test, 0, ring->drain.nr_reqs);
	mutex_unlock(&ring->lock);
	kvfree(reqs);
}

/* A chain is one unit */
static void drain_chain(struct kunit *test)
{
	struct fake *fake = fake_ring(test);
	struct iou_ring *ring = &fake->ring;
	struct iou_req *reqs = fake_reqs(test, fake, 4);

	mutex_lock(&ring->lock);
	fake->lane.nr_inflight = 1 + 2;
	reqs[0].sqe_flags = IOSQE_IO_DRAIN | IOSQE_IO_LINK;
	reqs[0].link = &reqs[1];
	reqs[1].sqe_flags = IOSQE_IO_LINK;
	reqs[1].link = &reqs[2];
	drain_enter(fake, &reqs[0]);
	drain_enter(fake, &reqs[3]);
	KUNIT_EXPECT_EQ(test, 4, ring->drain.nr_reqs);
	one_done(fake);
	KUNIT_EXPECT_TRUE(test, is_next_ready(ring, &reqs[0]));
	KUNIT_EXPECT_EQ(test, 1, ring->drain.nr_reqs);
	/* Not before all three members are done */
	one_done(fake);
	one_done(fake);
	KUNIT_EXPECT_TRUE(test, list_empty(&ring->ready));
	one_done(fake);
	KUNIT_EXPECT_TRUE(test, is_next_ready(ring, &reqs[3]));
	mutex_unlock(&ring->lock);
	kvfree(reqs);
}

#define NR_UNITS	200

/* Many units can start: a part of them, then others may have their turn */
static void drain_bit_by_bit(struct kunit *test)
{
	struct fake *fake = fake_ring(test);
	struct iou_ring *ring = &fake->ring;
	struct iou_req *reqs = fake_reqs(test, fake, NR_UNITS);
	u32 i, ready = 0, rounds = 0;

	mutex_lock(&ring->lock);
	fake->lane.nr_inflight = 1;
	reqs[0].sqe_flags = IOSQE_IO_DRAIN;
	for (i = 0; i < NR_UNITS; i++)
		drain_enter(fake, &reqs[i]);
	one_done(fake);
	KUNIT_EXPECT_TRUE(test, is_next_ready(ring, &reqs[ready++]));
	ring->cold &= ~IOU_COLD_DRAIN;

	one_done(fake);
	while (ready < NR_UNITS && rounds++ < NR_UNITS) {
		while (!list_empty(&ring->ready))
			KUNIT_EXPECT_TRUE(test, is_next_ready(ring, &reqs[ready++]));
		KUNIT_EXPECT_EQ(test, ready < NR_UNITS, !!(ring->cold & IOU_COLD_DRAIN));
		ring->cold &= ~IOU_COLD_DRAIN;
		iou_drain_advance(ring);
	}
	KUNIT_EXPECT_EQ(test, NR_UNITS, ready);
	KUNIT_EXPECT_LT(test, 2, rounds);
	KUNIT_EXPECT_FALSE(test, ring->strict & IOU_STRICT_DRAIN);
	mutex_unlock(&ring->lock);
	kvfree(reqs);
}

/* ------------------------------------------------------------------------
 * Counting
 */

static void count_order(struct kunit *test)
{
	const u32 nr = 500;
	struct fake *fake = fake_ring(test);
	struct iou_ring *ring = &fake->ring;
	struct iou_req *reqs = fake_reqs(test, fake, nr);
	struct iou_count *count;
	struct rnd_state rnd;
	u64 last = 0, ends;
	u32 i, seen = 0, base = U32_MAX - 200;

	prandom_seed_state(&rnd, 1);
	mutex_lock(&ring->lock);
	/* While the number of CQEs goes on, past the end of what it can be */
	for (i = 0; i < nr; i++) {
		ring->cq.tail = base + i;
		iou_count_add(&reqs[i], 600 + prandom_u32_state(&rnd) % 200, ring->cq.tail);
	}
	KUNIT_EXPECT_TRUE(test, ring->cold & IOU_COLD_COUNT);
	iou_count_check(ring);
	list_for_each_entry(count, &ring->counting, node) {
		/* Who was first among equals ends first, too */
		ends = (u64)(count->start - base + count->nr) << 32 |
		       ((struct iou_req *)iou_cmd_req(count))->user_data;
		KUNIT_EXPECT_GT(test, ends, last);
		last = ends;
		seen++;
	}
	KUNIT_EXPECT_EQ(test, nr, seen);
	for (i = 0; i < nr; i++) {
		iou_count_del(&reqs[i]);
		iou_count_del(&reqs[i]);
	}
	KUNIT_EXPECT_TRUE(test, list_empty(&ring->counting));
	mutex_unlock(&ring->lock);
	kvfree(reqs);
}

#define NR_COUNTING	200

/* All have counted enough: a part of them ends, then others may have their turn */
static void count_bit_by_bit(struct kunit *test)
{
	struct fake *fake = fake_ring(test);
	struct iou_ring *ring = &fake->ring;
	struct iou_req *reqs = fake_reqs(test, fake, NR_COUNTING);
	u32 i, rounds = 0;

	mutex_lock(&ring->lock);
	for (i = 0; i < NR_COUNTING; i++) {
		KUNIT_EXPECT_EQ(test, 0, iou_park(&reqs[i], &park_ops));
		iou_count_add(&reqs[i], 1, ring->cq.tail);
	}
	ring->cq.tail++;
	while (iou_count_check(ring)) {
		rounds++;
		KUNIT_EXPECT_GT(test, NR_COUNTING, NR_COUNTING - ring->parked.nr);
		KUNIT_EXPECT_TRUE(test, ring->cold & IOU_COLD_COUNT);
	}
	KUNIT_EXPECT_LT(test, 1, rounds);
	KUNIT_EXPECT_EQ(test, 0, ring->parked.nr);
	KUNIT_EXPECT_TRUE(test, list_empty(&ring->counting));
	mutex_unlock(&ring->lock);
	iou_cq_free(&ring->cq);
	iou_park_free(ring);
	kvfree(reqs);
}

/* More CQEs may come than were asked for, before the list is looked at again */
static void count_passed(struct kunit *test)
{
	static const u32 counts[] = { 1, 5, U32_MAX, 1, U32_MAX - 1, 9 };
	static const u32 order[] = { 0, 1, 3, 5, 2, 4 };
	const u32 nr = ARRAY_SIZE(counts);
	struct fake *fake = fake_ring(test);
	struct iou_ring *ring = &fake->ring;
	struct iou_req *reqs = fake_reqs(test, fake, nr);
	struct iou_count *count;
	u32 i = 0;

	mutex_lock(&ring->lock);
	ring->cq.tail = U32_MAX - 3;
	iou_count_add(&reqs[0], counts[0], ring->cq.tail);
	iou_count_add(&reqs[1], counts[1], ring->cq.tail);
	iou_count_add(&reqs[2], counts[2], ring->cq.tail);
	ring->cq.tail += 7;
	for (i = 3; i < nr; i++)
		iou_count_add(&reqs[i], counts[i], ring->cq.tail);
	i = 0;
	list_for_each_entry(count, &ring->counting, node)
		KUNIT_EXPECT_PTR_EQ(test, &reqs[order[i++]], (struct iou_req *)iou_cmd_req(count));
	KUNIT_EXPECT_EQ(test, nr, i);
	for (i = 0; i < nr; i++)
		iou_count_del(&reqs[i]);
	mutex_unlock(&ring->lock);
	kvfree(reqs);
}

/* ------------------------------------------------------------------------
 * States
 */

static void states(struct kunit *test)
{
	enum iou_state state;

	/* Whoever waits has to be claimed first, and nobody takes it from a worker */
	for (state = IOU_S_ISSUED; state <= IOU_S_DONE; state++) {
		KUNIT_EXPECT_EQ(test, state == IOU_S_CLAIMED,
				iou_state_may_follow(IOU_S_PARKED, state));
		KUNIT_EXPECT_FALSE(test, iou_state_may_follow(IOU_S_DONE, state));
	}
	KUNIT_EXPECT_FALSE(test, iou_state_may_follow(IOU_S_WORKING, IOU_S_DONE));
	KUNIT_EXPECT_FALSE(test, iou_state_may_follow(IOU_S_QUEUED, IOU_S_PARKED));
	KUNIT_EXPECT_FALSE(test, iou_state_may_follow(IOU_S_HELD, IOU_S_QUEUED));
	KUNIT_EXPECT_FALSE(test, iou_state_may_follow(IOU_S_DONE + 1, IOU_S_ISSUED));

	/* Two ways through a life */
	KUNIT_EXPECT_TRUE(test, iou_state_may_follow(IOU_S_HELD, IOU_S_ISSUED));
	KUNIT_EXPECT_TRUE(test, iou_state_may_follow(IOU_S_ISSUED, IOU_S_PARKED));
	KUNIT_EXPECT_TRUE(test, iou_state_may_follow(IOU_S_CLAIMED, IOU_S_ISSUED));
	KUNIT_EXPECT_TRUE(test, iou_state_may_follow(IOU_S_ISSUED, IOU_S_DONE));
	KUNIT_EXPECT_TRUE(test, iou_state_may_follow(IOU_S_ISSUED, IOU_S_QUEUED));
	KUNIT_EXPECT_TRUE(test, iou_state_may_follow(IOU_S_QUEUED, IOU_S_WORKING));
	KUNIT_EXPECT_TRUE(test, iou_state_may_follow(IOU_S_WORKING, IOU_S_CLAIMED));
	KUNIT_EXPECT_TRUE(test, iou_state_may_follow(IOU_S_CLAIMED, IOU_S_DONE));
}

/* Rings and lanes go on, and never back; a ring need not be enabled before it is closed */
static void states_of_rings(struct kunit *test)
{
	int from, to;

	for (from = 0; from <= IOU_RING_DEAD; from++)
		for (to = 0; to <= IOU_RING_DEAD; to++) {
			bool may = to == from + 1 ||
				   (from == IOU_RING_DISABLED && to == IOU_RING_CLOSING);

			KUNIT_EXPECT_EQ(test, may, iou_ring_state_may_follow(from, to));
		}
	for (from = 0; from <= IOU_LANE_GONE; from++)
		for (to = 0; to <= IOU_LANE_GONE; to++)
			KUNIT_EXPECT_EQ(test, to == from + 1, iou_lane_state_may_follow(from, to));
}

/* ------------------------------------------------------------------------
 * The unlock
 */

#define NR_DELIVERIES	1000

/* The message that comes again and again: how often, and how often by the test's thread */
struct again {
	struct task_struct *tester;
	u32 nr;
	u32 nr_by_tester;
};

/* Requests of this ring are messages, which @op delivers. Its opcode is 0 */
static void fake_sends(struct kunit *test, struct fake *from, const struct iou_op *op)
{
	const struct iou_op **ops = kunit_kcalloc(test, 256, sizeof(*ops), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, ops);
	ops[0] = op;
	from->ring.ops = ops;
}

static void deliver_again(struct iou_req *req, struct iou_ring *target)
{
	struct again *again = req->aux;

	again->nr_by_tester += current == again->tester;
	WRITE_ONCE(again->nr, again->nr + 1);
	if (again->nr < NR_DELIVERIES)
		llist_add(&req->qnode, &target->done);
}

/**
 * struct once - messages for a ring
 * @nr: so many were delivered
 * @rival: wants the ring meanwhile
 */
struct once {
	u32 nr;
	struct rival rival;
};

static void deliver_once(struct iou_req *req, struct iou_ring *target)
{
	struct once *once = req->aux;

	WRITE_ONCE(once->nr, once->nr + 1);
	rival_pace(&once->rival);
}

/* Many messages have come in. Who waits for the lock does not wait for all of them */
static void unlock_lets_others_in(struct kunit *test)
{
	static const struct iou_op op = { .name = "ONCE", .deliver = deliver_once };
	struct fake *from = fake_ring(test), *to = fake_ring(test);
	struct iou_req *reqs = fake_reqs(test, from, NR_DELIVERIES);
	struct once *once = kunit_kzalloc(test, sizeof(*once), GFP_KERNEL);
	u32 i, tries = 0;

	KUNIT_ASSERT_NOT_NULL(test, once);
	fake_sends(test, from, &op);
	once->rival.ring = &to->ring;
	once->rival.counter = &once->nr;
	mutex_lock(&to->ring.lock);
	for (i = 0; i < NR_DELIVERIES; i++) {
		reqs[i].aux = once;
		llist_add(&reqs[i].qnode, &to->ring.done);
	}
	KUNIT_EXPECT_TRUE(test, rival_start(&once->rival));
	iou_ring_unlock(&to->ring);
	wait_for_completion(&once->rival.over);
	KUNIT_EXPECT_GT(test, NR_DELIVERIES, once->rival.seen);

	/* Nor are any forgotten */
	while (READ_ONCE(once->nr) < NR_DELIVERIES && tries++ < 1000)
		msleep(20);
	KUNIT_EXPECT_EQ(test, NR_DELIVERIES, once->nr);
	flush_work(&to->ring.drain_work);
	kvfree(reqs);
}

static void deliver_last_use(struct iou_req *req, struct iou_ring *target)
{
	struct iou_buf *buf = req->aux;

	list_add_tail(&buf->unpin, &target->unpin);
	target->cold |= IOU_COLD_UNPIN;
}

/* A sender that completes something for another ring leaves the cleaning up to that */
static void visit_cleans_nothing_up(struct kunit *test)
{
	static const struct iou_op op = { .name = "LAST", .deliver = deliver_last_use };
	struct iou_account *account = kunit_kzalloc(test, sizeof(*account), GFP_KERNEL);
	struct fake *from = fake_ring(test), *to = fake_ring(test);
	struct iou_req *req = fake_reqs(test, from, 1);
	struct iou_buf *buf = kvzalloc(sizeof(*buf), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, account);
	KUNIT_ASSERT_NOT_NULL(test, buf);
	refcount_set(&account->refs, 2);
	buf->account = account;
	fake_sends(test, from, &op);
	req->aux = buf;
	/* The worker that would do it has not come yet */
	disable_work_sync(&to->ring.drain_work);

	mutex_lock(&from->ring.lock);
	iou_ring_send(&from->ring, &to->ring, req);
	iou_ring_unlock(&from->ring);
	KUNIT_EXPECT_EQ(test, 2, refcount_read(&account->refs));
	KUNIT_EXPECT_FALSE(test, list_empty(&to->ring.unpin));

	enable_work(&to->ring.drain_work);
	mutex_lock(&to->ring.lock);
	iou_ring_unlock(&to->ring);
	KUNIT_EXPECT_EQ(test, 1, refcount_read(&account->refs));
	KUNIT_EXPECT_TRUE(test, list_empty(&to->ring.unpin));
	flush_work(&to->ring.drain_work);
	kvfree(req);
}

#define NR_EVENTS	5000

/* What was taken off a list is put in order bit by bit, and is there all the time */
static void batch_order(struct kunit *test)
{
	struct llist_node *nodes = kvcalloc(NR_EVENTS, sizeof(*nodes), GFP_KERNEL);
	LLIST_HEAD(list);
	struct iou_batch batch = { };
	u32 nr, i, steps;

	KUNIT_ASSERT_NOT_NULL(test, nodes);
	for (nr = 0; nr <= NR_EVENTS; nr = 3 * nr + 1) {
		for (i = 0; i < nr; i++)
			llist_add(&nodes[i], &list);
		iou_batch_take(&batch, &list);
		KUNIT_EXPECT_TRUE(test, llist_empty(&list));
		for (steps = 0; !iou_batch_order(&batch); steps++)
			KUNIT_EXPECT_NOT_NULL(test, batch.next);
		KUNIT_EXPECT_LE(test, nr / 2048, steps);
		for (i = 0; i < nr; i++) {
			KUNIT_EXPECT_PTR_EQ(test, &nodes[i], batch.next);
			batch.next = batch.next ? batch.next->next : NULL;
		}
		KUNIT_EXPECT_NULL(test, batch.next);
	}
	kvfree(nodes);
}

/* Who unlocks leaves messages that do not end to a kernel worker */
static void unlock_has_an_end(struct kunit *test)
{
	static const struct iou_op op = { .name = "AGAIN", .deliver = deliver_again };
	struct again *again = kunit_kzalloc(test, sizeof(*again), GFP_KERNEL);
	struct fake *from = fake_ring(test), *to = fake_ring(test);
	struct iou_req *req = fake_reqs(test, from, 1);
	u32 tries = 0;

	KUNIT_ASSERT_NOT_NULL(test, again);
	again->tester = current;
	fake_sends(test, from, &op);
	req->aux = again;

	mutex_lock(&to->ring.lock);
	llist_add(&req->qnode, &to->ring.done);
	iou_lane_unlock(&to->ring, &to->lane);
	KUNIT_EXPECT_LT(test, 0, again->nr_by_tester);
	KUNIT_EXPECT_LT(test, again->nr_by_tester, 100);

	/* That gives up, too, and asks for another one */
	while (READ_ONCE(again->nr) < NR_DELIVERIES && tries++ < NR_DELIVERIES)
		flush_work(&to->ring.drain_work);
	flush_work(&to->ring.drain_work);
	KUNIT_EXPECT_EQ(test, NR_DELIVERIES, again->nr);
	KUNIT_EXPECT_EQ(test, 1, refcount_read(&to->ring.refs));
	kvfree(req);
}

static struct kunit_case requests_cases[] = {
	KUNIT_CASE(index_growth),
	KUNIT_CASE(index_shrinking),
	KUNIT_CASE(index_duplicates),
	KUNIT_CASE(index_of_work),
	KUNIT_CASE(index_walk),
	KUNIT_CASE(index_two_walks),
	KUNIT_CASE(index_abandoned_walk),
	KUNIT_CASE(hash_turns),
	KUNIT_CASE(unlock_has_an_end),
	KUNIT_CASE(unlock_lets_others_in),
	KUNIT_CASE(visit_cleans_nothing_up),
	KUNIT_CASE(batch_order),
	KUNIT_CASE(drain_order),
	KUNIT_CASE(drain_chain),
	KUNIT_CASE(drain_bit_by_bit),
	KUNIT_CASE(count_order),
	KUNIT_CASE(count_bit_by_bit),
	KUNIT_CASE(count_passed),
	KUNIT_CASE(states),
	KUNIT_CASE(states_of_rings),
	{ }
};

static struct kunit_suite requests_suite = {
	.name = "io_uring_requests",
	.test_cases = requests_cases,
};

kunit_test_suite(requests_suite);
