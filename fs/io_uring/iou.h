/* SPDX-License-Identifier: GPL-2.0 */
/*
 * io_uring: four nouns and one lock.
 *
 *   task     what a thread owns for all its rings: lanes, worker pool
 *   ring     one io_uring_setup(): SQ, CQ, settings
 *   lane     one (ring, task) pair: events for that task, requests in flight
 *   request  one SQE being carried out
 *
 * A request points at its lane, the lane at ring and task.
 *
 *
 * Locks, outermost first
 *
 *   ring->lock      mutex. Everything that belongs to a ring, see [R] below. Two
 *                   of them are never held at once. Taken by iou_ring_lock*(),
 *                   released by iou_ring_unlock() and nothing else.
 *   task->lock      spinlock. The task's list of lanes.
 *   pool->lock      raw spinlock, interrupts off: the scheduler calls in.
 *   waitqueue locks of ring->cq_wait, and of files that requests are parked on.
 *
 * Why one mutex: who completes a request holds the lock that guards the CQ, the
 * tables and the links. So a request has one owner and no reference count, and
 * CQEs are written where they are made. The price: a submitter that is stuck in
 * a page fault delays the completions of its own ring.
 *
 *
 * How fields are guarded
 *
 *   [C]  constant after setup
 *   [R]  the ring lock
 *   [T]  task->lock
 *   [O]  only the task itself touches it
 *   [A]  atomic or lock-free list; see the comment
 *
 *
 * Lifetimes
 *
 *   A task lives until its task_struct is freed, and lanes pin the task_struct.
 *   A lane lives until it is detached (its ring was closed, or its task exits)
 *   and has nothing in flight, then a grace period.
 *   A ring lives until its file is released and its last lane is gone, then a
 *   grace period. This is decided under the ring lock, by the last unlock
 *   (->dead), so:
 *
 *     - whoever has the file open, or a request in flight, may lock;
 *     - whoever had a request in flight until just now must be in an RCU read
 *       section since then, may only trylock, and must look at ->dead;
 *     - the task's exit finds rings through its lanes and takes a reference
 *       (->refs) under task->lock.
 *
 *   No pin is taken per request or per completion.
 */
#ifndef IOU_H
#define IOU_H

#include <linux/irq_work.h>
#include <linux/llist.h>
#include <linux/mutex.h>
#include <linux/refcount.h>
#include <linux/sched.h>
#include <linux/spinlock.h>
#include <linux/task_work.h>
#include <linux/types.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include "mem/cq.h"
#include "mem/region.h"
#include "mem/sq.h"

struct cred;
struct file;
struct iou_lane;
struct iou_op;
struct iou_pool;
struct iou_req;
struct iou_ring;

/**
 * struct iou_task - what a thread owns for all its rings
 * @task: whose; not pinned by this, but by every lane
 * @lock: guards @lanes
 * @lanes: [T] attached lanes
 * @last_ring: [T] the ring of @last_lane; the owner reads it without the lock,
 *             which is safe because a ring it holds open is not detached
 * @last_lane: [T] the lane used last
 * @pool: [O] worker pool, NULL before the first punt; others read it with
 *        acquire
 * @ready: [A] lanes with events
 * @tw: the one task-work callback; runs the events of all ready lanes
 * @orphan_work: runs them when the task cannot any more
 */
struct iou_task {
	struct task_struct *task;
	spinlock_t lock;	/* @lanes; inside the ring lock */
	struct list_head lanes;
	struct iou_ring *last_ring;
	struct iou_lane *last_lane;
	struct iou_pool *pool;
	struct llist_head ready;
	struct callback_head tw;
	struct work_struct orphan_work;
};

/* The name by which the rest of the kernel knows an iou_task */
struct io_uring_task {
	struct iou_task iou;
};

/**
 * struct iou_lane - one (ring, task) pair
 * @ring: [C]
 * @task: [C]
 * @nr_inflight: [R] requests that outlived their submission
 * @detached: [R] off the task's list; goes when nothing is in flight
 * @deferred: [C] events wait until the task asks for them (DEFER_TASKRUN)
 * @notify: [C] how the task is told of events
 * @taskrun_flag: [C] tell the program by the SQ's TASKRUN flag
 * @orphan: [A] set once, on deferred lanes: the task will not ask for events
 * @queued: [A] a deferred lane is on @task's ready list (only if @orphan)
 * @events: [A] requests whose event has come, newest first
 * @nr_events: [A] how many, on deferred lanes
 * @want: [A] on deferred lanes: wake the sleeping task at that many, 0: awake
 * @ready_node: [A] in the task's ready list
 * @ring_node: [R] in the ring's list of lanes
 * @task_node: [T] in the task's list of lanes
 * @rcu: for freeing
 */
struct iou_lane {
	struct iou_ring *ring;
	struct iou_task *task;
	u32 nr_inflight;
	bool detached;
	bool deferred;
	bool taskrun_flag;
	u8 notify;
	bool orphan;
	u32 queued;
	struct llist_head events;
	atomic_t nr_events;
	u32 want;
	struct llist_node ready_node;
	struct list_head ring_node;
	struct list_head task_node;
	struct rcu_head rcu;
};

/*
 * Reasons why unlocking has more to do than publish. Under the ring lock, in
 * iou_ring.cold, so that the common case tests one word.
 */
enum iou_cold {
	IOU_COLD_REAP	= 1 << 0,	/* a lane may have become free */
	IOU_COLD_READY	= 1 << 1,	/* a successor can start */
};

#define IOU_HASH_BITS	6

/**
 * struct iou_ring - one io_uring_setup()
 * @lock: see the banner
 * @cold: [R] IOU_COLD_*
 * @closing: [R] the file is gone: nothing new may be parked or queued
 * @dead: [R] set once, by the unlock that found the last lane gone
 * @disabled: [R] R_DISABLED and not yet enabled; enter() reads it unlocked
 * @submit_all: [C] go on after a rejected SQE
 * @compat: [C] made by a 32-bit program
 * @single_issuer: [C] only @owner may submit
 * @deferred: [C] of its lanes
 * @setup_flags: [C] as given
 * @free_reqs: [R] requests that can be used again
 * @ops: [C] all 256 opcodes
 * @sq: submission queue
 * @cq: completion queue
 * @done: [A] requests that workers have finished
 * @cq_wait: waiters in enter() and poll(2) on the ring's file
 * @polled: [A] set once: poll(2) was called on the ring's file
 * @poll_wake: tells pollers of a deferred ring that entering it would help
 * @lanes: [R] all lanes
 * @owner_lane: [R] the owner's lane of a deferred ring; poll(2) reads it under RCU
 * @parked: [R] requests that wait for something and can be cancelled
 * @hash: [R] per-inode serialisation of work: who waits for its turn
 * @ready: [R] work whose turn has come, queued by the unlock
 * @owner: [R] of a SINGLE_ISSUER ring, pinned
 * @hdr_region: shared words, CQEs, SQ array
 * @sqe_region: SQEs
 * @last_error: [R] why the last SQE was rejected, for fdinfo
 * @clockid: [C] clock of waits
 * @max_workers: [R] limits for the worker pools of its tasks, 0: default
 * @refs: file and lanes together hold one; see the banner
 * @drain_work: empties @done when there is no end to it; holds a reference
 * @free_work: frees the ring after a grace period
 */
struct iou_ring {
	struct mutex lock;	/* everything marked [R] */
	u32 cold;
	bool closing;
	bool dead;
	bool disabled;
	bool submit_all;
	bool compat;
	bool single_issuer;
	bool deferred;
	u32 setup_flags;
	struct iou_req *free_reqs;
	const struct iou_op *const *ops;
	struct iou_sq sq;
	struct iou_cq cq;
	struct llist_head done;
	wait_queue_head_t cq_wait;
	bool polled;
	struct irq_work poll_wake;

	struct list_head lanes;
	struct iou_lane *owner_lane;
	struct list_head parked;
	struct {
		struct list_head waiting;
		bool busy;
	} hash[1 << IOU_HASH_BITS];
	struct list_head ready;

	struct task_struct *owner;
	struct iou_region hdr_region;
	struct iou_region sqe_region;
	struct {
		const char *reason;
		s32 error;
		u8 opcode;
		u64 user_data;
	} last_error;
	clockid_t clockid;
	u32 max_workers[2];
	refcount_t refs;
	struct work_struct drain_work;
	struct rcu_work free_work;
};

/*
 * What became of a request when it was started. Sparse keeps verdicts apart
 * from errnos and results.
 */
typedef unsigned int __bitwise iou_verdict_t;
#define IOU_DONE	((__force iou_verdict_t)0)	/* res is set */
#define IOU_REJECTED	((__force iou_verdict_t)1)	/* res is set; was never started */
#define IOU_PARKED	((__force iou_verdict_t)2)	/* waits in iou_req.poll */
#define IOU_BUSY	((__force iou_verdict_t)3)	/* somebody else will push it */
#define IOU_RETRY	((__force iou_verdict_t)4)	/* would block */

/*
 * The state of a request: exclusive. Changed by its owner; by
 * compare-and-exchange while two parties may want it:
 *
 *   PARKED  -> CLAIMED   a wake-up against cancel
 *   WORKING -> CLAIMED   the callee's completion ...
 *   WORKING -> BUSY      ... against the worker that leaves: the second pushes
 */
enum iou_state {
	IOU_S_ISSUED,	/* being started, under the ring lock */
	IOU_S_PARKED,	/* on a waitqueue, and in ring->parked */
	IOU_S_BUSY,	/* owned by a device */
	IOU_S_CLAIMED,	/* its event has come: owned by who pushes or handles it */
	IOU_S_QUEUED,	/* owned by the worker pool, or waits in ring->hash */
	IOU_S_WORKING,	/* owned by a worker */
	IOU_S_DONE,	/* on ring->free_reqs */
};

/*
 * What completion must release. Written by the request's owner only.
 */
enum iou_held {
	IOU_HELD_FILE		= 1 << 0,	/* a reference to ->file */
	IOU_HELD_INFLIGHT	= 1 << 1,	/* counted in its lane */
	IOU_HELD_CREDS		= 1 << 2,	/* a reference to ->creds */
	IOU_HELD_AUX		= 1 << 3,	/* ->aux, by the opcode's cleanup */
	IOU_HELD_HASH		= 1 << 4,	/* its inode's turn in ring->hash */
	/* Not held, but noted here: it did less than it was asked to */
	IOU_SHORT		= 1 << 15,
};

/**
 * struct iou_poll - a place on a waitqueue
 * @wait: the entry; its private pointer is the request
 * @head: the waitqueue; NULL: not on any. Cleared with release by POLLFREE
 * @events: wake-ups that matter
 */
struct iou_poll {
	struct wait_queue_entry wait;
	struct wait_queue_head *head;
	__poll_t events;
};

/**
 * struct iou_work - a piece of work for the pool
 * @node: in the pool's queue, or in ring->hash
 * @unbound: may take as long as it likes
 */
struct iou_work {
	struct list_head node;
	bool unbound;
};

/**
 * struct iou_req - one SQE being carried out
 *
 * The first cache line is what every request uses, the second one is the
 * opcode's, the rest is for requests that do not complete on the spot.
 *
 * @next: free list, while DONE
 * @qnode: lane or done queue, while CLAIMED
 * @lane: ring and task
 * @file: NULL until looked up
 * @user_data: from the SQE
 * @fd: from the SQE, until @file is looked up or the result is known
 * @res: then the result
 * @cflags: flags of the CQE
 * @state: enum iou_state
 * @opcode: from the SQE
 * @sqe_flags: from the SQE, constant
 * @held: enum iou_held
 * @event: what to do, in the lane's task and under the ring lock, when it is
 *         taken from the lane. With @cancel the task cannot do anything any
 *         more and the request has to end
 * @aux: the opcode's, allocated
 * @cmd: the opcode's, see iou_req_cmd()
 * @index: in ring->parked
 * @creds: run with these, if held
 * @nr_polls: how often it was parked in vain
 * @verdict: of the worker
 * @poll: while PARKED
 * @poll2: a second waitqueue of the same file, allocated
 * @work: while QUEUED or WORKING
 * @opwait: while BUSY, the opcode's
 */
struct iou_req {
	union {
		struct iou_req *next;
		struct llist_node qnode;
	};
	struct iou_lane *lane;
	struct file *file;
	u64 user_data;
	union {
		s32 fd;
		s32 res;
	};
	u32 cflags;
	u32 state;
	u8 opcode;
	u8 sqe_flags;
	u16 held;
	void (*event)(struct iou_req *req, bool cancel);
	void *aux;

	u64 cmd[8];

	struct list_head index;
	const struct cred *creds;
	u8 nr_polls;
	iou_verdict_t verdict;
	union {
		struct {
			struct iou_poll poll;
			struct iou_poll *poll2;
		};
		struct iou_work work;
		u64 opwait[8];
	};
};

/* The opcode's part of a request, as @type */
#define iou_req_cmd(req, type)						\
({									\
	BUILD_BUG_ON(sizeof(type) > sizeof((req)->cmd));		\
	(type *)(req)->cmd;						\
})

/* And back */
static inline struct iou_req *iou_cmd_req(void *cmd)
{
	return container_of(cmd, struct iou_req, cmd);
}

static inline struct iou_ring *iou_req_ring(const struct iou_req *req)
{
	return req->lane->ring;
}

static inline const struct iou_op *iou_req_op(const struct iou_req *req)
{
	return req->lane->ring->ops[req->opcode];
}

/* For functions that want the ring lock held, beside __must_hold() */
#define iou_assert_locked(ring)	lockdep_assert_held(&(ring)->lock)

#endif
