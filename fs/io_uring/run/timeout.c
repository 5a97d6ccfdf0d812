// SPDX-License-Identifier: GPL-2.0
/*
 * Parking a request on a timer.
 *
 * A ring has a queue of requests for each clock, by the time at which they are due,
 * and one timer for each queue. Nearly all timeouts are removed before they are due,
 * and others follow that are due later. So the timer is set when somebody is to be
 * first, but it is left alone when the first is removed: it fires once for nobody,
 * and is set for who is the first then. To start and to cancel it each time would
 * cost more than all else about a timeout.
 *
 * The lock of the queue decides between the timer, which claims and pushes in a hard
 * interrupt, and who claims a request otherwise: whoever takes it off has it.
 */
#include <linux/hrtimer.h>
#include <linux/math64.h>
#include <linux/slab.h>
#include <linux/timerqueue.h>

#include "../req/lane.h"
#include "../req/park.h"
#include "timeout.h"

/**
 * struct iou_clock - the requests of a ring that wait for times on a clock
 * @lock: taken with interrupts off
 * @fires: when @timer will, KTIME_MAX: it will not. Never later than the first of @queue
 *         is due
 * @queue: struct iou_due
 * @timer: set under @lock
 */
struct iou_clock {
	spinlock_t lock;	/* guards the rest; inside the ring lock */
	ktime_t fires;
	struct timerqueue_head queue;
	struct hrtimer timer;
};

/**
 * struct iou_clocks - the timeouts of a ring
 * @clock: by the number of the clock
 */
struct iou_clocks {
	struct iou_clock clock[IOU_NR_CLOCKS];
};

/**
 * struct iou_due - a place in the queue, in iou_req.opwait
 * @node: says when
 * @clock: whose queue
 */
struct iou_due {
	struct timerqueue_node node;
	struct iou_clock *clock;
};

static_assert(sizeof(struct iou_due) <= sizeof_field(struct iou_req, opwait));

static struct iou_due *due_of(struct iou_req *req)
{
	return (struct iou_due *)req->opwait;
}

static void clock_set(struct iou_clock *clock, ktime_t fires)
	__must_hold(&clock->lock)
{
	clock->fires = fires;
	hrtimer_start(&clock->timer, fires, HRTIMER_MODE_ABS);
}

static enum hrtimer_restart clock_fired(struct hrtimer *timer)
{
	struct iou_clock *clock = container_of(timer, struct iou_clock, timer);
	struct timerqueue_node *node;
	unsigned long flags;
	ktime_t now;

	spin_lock_irqsave(&clock->lock, flags);
	clock->fires = KTIME_MAX;
	now = hrtimer_cb_get_time(timer);
	while ((node = timerqueue_getnext(&clock->queue)) && node->expires <= now) {
		struct iou_req *req = container_of((void *)node, struct iou_req, opwait);

		timerqueue_del(&clock->queue, node);
		WRITE_ONCE(req->state, IOU_S_CLAIMED);
		iou_lane_push(req);
	}
	if (node)
		clock_set(clock, node->expires);
	spin_unlock_irqrestore(&clock->lock, flags);
	return HRTIMER_NORESTART;
}

/* From here on it may fire */
static __always_inline void due_add(struct iou_due *due)
{
	struct iou_clock *clock = due->clock;

	spin_lock_irq(&clock->lock);
	timerqueue_add(&clock->queue, &due->node);
	if (unlikely(due->node.expires < clock->fires))
		clock_set(clock, due->node.expires);
	spin_unlock_irq(&clock->lock);
}

/* Return: false: it has fired */
static bool due_del(struct iou_due *due)
{
	struct iou_clock *clock = due->clock;
	bool queued;

	spin_lock_irq(&clock->lock);
	queued = timerqueue_node_queued(&due->node);
	if (likely(queued))
		timerqueue_del(&clock->queue, &due->node);
	spin_unlock_irq(&clock->lock);
	return queued;
}

static bool timeout_claim(struct iou_req *req)
{
	if (!due_del(due_of(req)))
		return false;
	iou_req_step(req, IOU_S_CLAIMED);
	iou_count_del(req);
	return true;
}

static const struct iou_park_ops timeout_park_ops = {
	.claim	= timeout_claim,
};

/* When a span is over that begins now. Not too early where clocks are coarse */
static ktime_t span_end(ktime_t now, ktime_t span)
{
	if (IS_ENABLED(CONFIG_TIME_LOW_RES))
		span = ktime_add_safe(span, hrtimer_resolution);
	/* Both are not negative */
	return min_t(u64, ktime_add_unsafe(now, span), KTIME_MAX);
}

/**
 * iou_timeout_start() - wait for a time
 * @req: with a struct iou_timeout, and with ->event for when it has come
 *
 * Context: ring lock.
 * Return: 0: parked, and perhaps already claimed. -ECANCELED: the ring is being
 * closed, or @req was cancelled.
 */
int iou_timeout_start(struct iou_req *req)
{
	struct iou_timeout *timeout = iou_req_cmd(req, struct iou_timeout);
	struct iou_clock *clock = iou_req_ring(req)->clocks->clock;
	struct iou_due *due = due_of(req);
	int error = iou_park(req, &timeout_park_ops);

	if (error)
		return error;
	timerqueue_init(&due->node);
	if (timeout->absolute) {
		due->node.expires = timeout->time;
		due->clock = &clock[timeout->clock];
	} else if (unlikely(timeout->clock == IOU_BOOTTIME)) {
		due->node.expires = span_end(ktime_get_boottime(), timeout->time);
		due->clock = &clock[IOU_BOOTTIME];
	} else {
		/* Setting the time of day changes no span */
		due->node.expires = span_end(ktime_get(), timeout->time);
		due->clock = &clock[IOU_MONOTONIC];
	}
	due_add(due);
	return 0;
}

/**
 * iou_timeout_unpark() - stop waiting
 * @req: its time has come, it is CLAIMED
 *
 * Context: ring lock.
 */
void iou_timeout_unpark(struct iou_req *req)
{
	iou_unpark(req);
	iou_count_del(req);
}

/*
 * When does the next period end? Counted from when the last one ended, so that delays do
 * not add up. But periods that are over already are skipped: after the program was stopped
 * for a while all of them would come at once, and fill the CQ.
 */
static ktime_t next_period(ktime_t last, ktime_t period, ktime_t now)
{
	u64 late;

	if (likely(ktime_sub(now, last) < period))
		return ktime_add_safe(last, period);
	if (!period)
		return now;
	div64_u64_rem(ktime_sub(now, last), period, &late);
	return ktime_add_safe(now, period - late);
}

/**
 * iou_timeout_again() - wait for the same span again
 * @req: its time has come, it is CLAIMED and not unparked
 *
 * Context: ring lock.
 */
void iou_timeout_again(struct iou_req *req)
{
	struct iou_timeout *timeout = iou_req_cmd(req, struct iou_timeout);
	struct iou_due *due = due_of(req);
	ktime_t now = timeout->clock == IOU_BOOTTIME ? ktime_get_boottime() : ktime_get();

	due->node.expires = next_period(due->node.expires, timeout->time, now);
	iou_req_step(req, IOU_S_PARKED);
	due_add(due);
}

/**
 * iou_timeout_make_clocks() - iou_timeout_prepare(), before the first timeout
 * @ring: locked
 *
 * Context: ring lock. May sleep.
 * Return: false without memory.
 */
bool iou_timeout_make_clocks(struct iou_ring *ring)
{
	static const clockid_t ids[IOU_NR_CLOCKS] = {
		[IOU_MONOTONIC]	= CLOCK_MONOTONIC,
		[IOU_BOOTTIME]	= CLOCK_BOOTTIME,
		[IOU_REALTIME]	= CLOCK_REALTIME,
	};
	struct iou_clocks *clocks;
	u32 i;

	iou_assert_locked(ring);
	clocks = kmalloc(sizeof(*clocks), GFP_KERNEL_ACCOUNT);
	if (!clocks)
		return false;
	for (i = 0; i < IOU_NR_CLOCKS; i++) {
		struct iou_clock *clock = &clocks->clock[i];

		spin_lock_init(&clock->lock);
		clock->fires = KTIME_MAX;
		timerqueue_init_head(&clock->queue);
		hrtimer_init(&clock->timer, ids[i], HRTIMER_MODE_ABS);
		clock->timer.function = clock_fired;
	}
	ring->clocks = clocks;
	return true;
}

/**
 * iou_timeout_free() - free what iou_timeout_make_clocks() has made
 * @ring: has no requests, and gets none
 *
 * Context: may sleep.
 */
void iou_timeout_free(struct iou_ring *ring)
{
	u32 i;

	if (!ring->clocks)
		return;
	for (i = 0; i < IOU_NR_CLOCKS; i++)
		hrtimer_cancel(&ring->clocks->clock[i].timer);
	kfree(ring->clocks);
}
