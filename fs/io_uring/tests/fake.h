/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A ring that no program has: as much of one as a unit test needs.
 */
#ifndef IOU_TESTS_FAKE_H
#define IOU_TESTS_FAKE_H

#include <kunit/test.h>
#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/kthread.h>

#include "../iou.h"
#include "../ctl/setup.h"
#include "../ops/table.h"
#include "../req/park.h"
#include "../run/lock.h"

#define FAKE_CQ_ENTRIES	64

/* A CQE without the second half that big ones have, so that there can be an array */
struct fake_cqe {
	u64 user_data;
	s32 res;
	u32 flags;
};

static_assert(sizeof(struct fake_cqe) == sizeof(struct io_uring_cqe));

/**
 * struct fake - a ring with one lane, and a CQ in ordinary memory
 * @ring: nobody else knows it: a test takes and releases @ring.lock by itself
 * @lane: [R] its lane; of no task
 * @hdr: what the program would share
 * @cqes: the CQEs
 */
struct fake {
	struct iou_ring ring;
	struct iou_lane lane;
	struct iou_shared hdr;
	struct fake_cqe cqes[FAKE_CQ_ENTRIES];
};

static inline struct fake *fake_ring_with(struct kunit *test, u32 setup_flags)
{
	struct fake *fake = kunit_kzalloc(test, sizeof(*fake), GFP_KERNEL);
	struct iou_ring *ring;

	KUNIT_ASSERT_NOT_NULL(test, fake);
	ring = &fake->ring;
	ring->ops = iou_optab;
	ring->setup_flags = setup_flags;
	ring->cq.hdr = (void __force __shared *)&fake->hdr;
	ring->cq.cqes = (void __force __shared *)fake->cqes;
	ring->cq.entries = FAKE_CQ_ENTRIES;
	ring->cq.mask = FAKE_CQ_ENTRIES - 1;
	ring->cq.limit = FAKE_CQ_ENTRIES;
	ring->cq.cqe_shift = 4;
	KUNIT_ASSERT_EQ(test, 0, iou_ring_init(ring));
	iou_ring_step(ring, IOU_RING_ENABLED);
	fake->lane.ring = ring;
	list_add(&fake->lane.ring_node, &ring->lanes);
	return fake;
}

/* The same without setup flags */
static inline struct fake *fake_ring(struct kunit *test)
{
	return fake_ring_with(test, 0);
}

/**
 * struct rival - a thread that wants a ring
 * @ring: that
 * @counter: something that changes while others have the lock
 * @seen: what that was when the thread got it
 * @turn: what else it does then, or NULL
 * @task: the thread
 * @over: it has had its turn
 */
struct rival {
	struct iou_ring *ring;
	const u32 *counter;
	u32 seen;
	void (*turn)(struct rival *rival);
	struct task_struct *task;
	struct completion over;
};

static inline int rival_main(void *arg)
{
	struct rival *rival = arg;

	mutex_lock(&rival->ring->lock);
	rival->seen = READ_ONCE(*rival->counter);
	if (rival->turn)
		rival->turn(rival);
	iou_ring_unlock(rival->ring);
	complete_all(&rival->over);
	return 0;
}

/* Return: it sleeps for the lock, which the caller has */
static inline bool rival_start(struct rival *rival)
{
	u32 tries = 0;

	init_completion(&rival->over);
	rival->task = kthread_run(rival_main, rival, "rival");
	if (IS_ERR(rival->task))
		return false;
	/* Who spins for it stops that when the holder sleeps */
	while (READ_ONCE(rival->task->__state) != TASK_UNINTERRUPTIBLE && tries++ < 1000)
		msleep(20);
	return tries < 1000;
}

/*
 * At each step under the lock: a CPU that comes late, as those of a loaded emulator do,
 * must not have the rival miss all of them
 */
static inline void rival_pace(struct rival *rival)
{
	if (rival->task && !completion_done(&rival->over))
		msleep(20);
}

/* CQEs that were posted */
static inline u32 fake_nr_cqes(const struct fake *fake)
{
	return fake->ring.cq.tail;
}

#endif
