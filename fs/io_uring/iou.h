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
 *   pbufs.mmap_lock mutex, inside the ring lock and mm's mmap_lock.
 *   account->lock   mutex, a leaf: the folios that registered buffers pay for.
 *   sqpoll->lock    spinlock, a leaf: the rings that want to join an SQPOLL thread.
 *   waitqueue locks of ring->cq_wait, and of files that requests are parked on;
 *   clock->lock     spinlock, interrupts off: the timeouts of a ring.
 *
 * The reasons for this order are in Documentation/io_uring/locking.rst.
 *
 * Why one mutex: who completes a request holds the lock that guards the CQ, the
 * tables and the links. So a request has one owner and no reference count, and
 * CQEs are written where they are made. The price: a submitter that is stuck in
 * a page fault delays the completions of its own ring.
 *
 *
 * How fields are guarded; the letter stands beside the field
 *
 *   [C]  constant after setup
 *   [R]  the ring lock
 *   [T]  task->lock
 *   [O]  only the task itself touches it
 *   [A]  atomic or lock-free list; see the comment
 *
 *
 * States
 *
 *   of a request    enum iou_state: changed in req/state.h, the steps are in req/state.c
 *   of a lane       enum iou_lane_state: attached, detached, gone. The lane of a deferred
 *                   ring may be an orphan in each of them (->orphan), by iou_lane_orphan()
 *   of a ring       enum iou_ring_state: disabled, enabled, closing, dead. Of both there is
 *                   no way back; they, too, are changed in req/state.h
 *
 *
 * Lifetimes
 *
 *   A task lives until its task_struct is freed, and lanes pin the task_struct.
 *   A lane lives until it is detached (its ring was closed, or its task exits)
 *   and has nothing in flight, then a grace period. If it is on its task's ready
 *   list then (deferred rings only), it outlives its ring.
 *   A ring lives until its file is released and its last lane is gone, then a
 *   grace period. This is decided under the ring lock, by the last unlock
 *   (DEAD), so:
 *
 *     - whoever has the file open, or a request in flight, may lock;
 *     - whoever had a request in flight until just now must be in an RCU read
 *       section since then, may only trylock, and must look whether it is DEAD;
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
#include <linux/timer.h>
#include <linux/types.h>
#include <linux/wait.h>
#include <linux/workqueue.h>
#include <linux/xarray.h>

#include "mem/cq.h"
#include "mem/region.h"
#include "mem/sq.h"

struct cred;
struct file;
struct iou_account;
struct iou_clocks;
struct iou_evfd;
struct iou_iopoll;
struct iou_lane;
struct iou_napi;
struct iou_node;
struct iou_op;
struct iou_park_ops;
struct iou_pbuf_group;
struct iou_pool;
struct iou_req;
struct iou_restrict;
struct iou_ring;
struct iou_seat;
struct iou_worker;

#define IOU_MAX_RING_FDS	16

/**
 * struct iou_task - what a thread owns for all its rings
 * @task: whose; not pinned by this, but by every lane
 * @lock: guards @lanes
 * @lanes: attached lanes
 * @last_ring: the ring of @last_lane; the owner reads it without the lock,
 *             which is safe because a ring it holds open is not detached
 * @last_lane: the lane used last
 * @pool: worker pool, NULL before the first punt; others read it with
 *        acquire. Taken away under @lock
 * @creds: those it had when @pool was made: a reference for all requests that
 *         go there with the same ones
 * @rings: files of registered rings
 * @ready: lanes with events; only @tw takes them, and after @ended @orphan_work
 * @tw: the one task-work callback; runs the events of all ready lanes. It is queued by
 *      whoever finds @ready empty
 * @ended: set once: @tw is not run any more
 * @leaving: the thread exits, or is about to run another program
 * @killed: it exits because it was killed
 * @abandons: when it exits all that waits ends, too: it is an SQPOLL thread
 * @leave_end: until then it waits for ring locks, 0: it was not killed, or has not waited
 * @left: lanes with events for @orphan_work
 * @orphan_work: runs events when the task cannot; holds a reference to the task
 * @leave_pause: between its attempts
 * @leave_mm: kept for it: until then waits for futexes are found by its address
 * @leave_work: leaves rings that were locked when the task exited; holds a reference to it
 */
struct iou_task {
	struct task_struct *task;
	spinlock_t lock;	/* @lanes; inside the ring lock */
	struct list_head lanes;		/* [T] */
	struct iou_ring *last_ring;	/* [T] */
	struct iou_lane *last_lane;	/* [T] */
	struct iou_pool *pool;		/* [O] */
	const struct cred *creds;	/* [O] */
	struct file *rings[IOU_MAX_RING_FDS];	/* [O] */
	struct llist_head ready;	/* [A] */
	struct callback_head tw;
	bool ended;			/* [A] */
	bool leaving;			/* [O] */
	bool killed;			/* [O] and then @leave_work */
	bool abandons;			/* [O] */
	unsigned long leave_end;	/* [O] */
	struct llist_head left;		/* [A] */
	struct work_struct orphan_work;
	unsigned long leave_pause;
	struct mm_struct *leave_mm;
	struct delayed_work leave_work;
};

/* The name by which the rest of the kernel knows an iou_task */
struct io_uring_task {
	struct iou_task iou;
};

/**
 * struct iou_batch - what was taken off a lock-free list, to be gone through in pieces
 * @next: the oldest one, or NULL: there are none. While @taken is not empty, the part that
 *        is in order already, and that comes behind it
 * @taken: newest first
 */
struct iou_batch {
	struct llist_node *next;
	struct llist_node *taken;
};

/**
 * enum iou_lane_state - what becomes of a lane, in this order
 * @IOU_LANE_ATTACHED: on its task's list
 * @IOU_LANE_DETACHED: off that; it goes when nothing is in flight
 * @IOU_LANE_GONE: off the ring's list, too: the ring may go
 */
enum iou_lane_state {
	IOU_LANE_ATTACHED,
	IOU_LANE_DETACHED,
	IOU_LANE_GONE,
};

#define IOU_LANE_RETIRED	2

/**
 * struct iou_lane - one (ring, task) pair
 * @refs: its ring, while it is on that's list; of a deferred lane, @queued
 * @ring: one half of the pair
 * @task: the other
 * @nr_inflight: requests that outlived their submission
 * @nr_page_waits: of these, those that go on when a page has been read
 * @state: enum iou_lane_state
 * @deferred: events wait until the task asks for them (DEFER_TASKRUN)
 * @notify: how the task is told of events
 * @taskrun_flag: tell the program by the SQ's TASKRUN flag
 * @orphan: set once, on deferred lanes: the task will not ask for events
 * @stopping: drivers were asked to stop its commands: it is not coming back to them
 * @queued: it is on @task's ready list, or on its way from there; a deferred lane only if
 *          @orphan. Cleared by who has taken it off, before the events are taken.
 *          IOU_LANE_RETIRED: it will not be there any more
 * @events: requests whose event has come
 * @batch: those that were taken off @events and not run yet
 * @elsewhere: requests whose events a kernel worker runs, oldest first; or NULL
 * @elsewhere_last: of these, if there are some
 * @yielded: the last submission ended early, because somebody waited for the lock
 * @coming: on deferred lanes: what they will add to what waiters count, see
 *          req/wake.h
 * @ready_node: in the task's ready list, @left, or the ring's @stranded
 * @ring_node: in the ring's list of lanes
 * @task_node: in the task's list of lanes
 * @rcu: for freeing
 */
struct iou_lane {
	struct iou_ring *ring;		/* [C] */
	struct iou_task *task;		/* [C] */
	refcount_t refs;
	u32 nr_inflight;		/* [R] */
	u32 nr_page_waits;		/* [R] */
	u8 state;			/* [R] */
	bool deferred;			/* [C] */
	bool taskrun_flag;		/* [C] */
	u8 notify;			/* [C] */
	bool orphan;			/* [A] */
	bool stopping;			/* [R] */
	u32 queued;			/* [A] */
	struct llist_head events;	/* [A] */
	struct iou_batch batch;		/* [R] */
	struct llist_node *elsewhere;	/* [R] */
	struct llist_node *elsewhere_last;	/* [R] */
	bool yielded;			/* [O] */
	atomic_t coming;		/* [A] */
	struct llist_node ready_node;	/* [A] */
	struct list_head ring_node;	/* [R] */
	struct list_head task_node;	/* [T] */
	struct rcu_head rcu;
};

/*
 * Reasons why unlocking has more to do than publish. Under the ring lock, in
 * iou_ring.cold, so that the common case tests one word.
 */
enum iou_cold {
	IOU_COLD_REAP	= 1 << 0,	/* a lane may have become free */
	IOU_COLD_READY	= 1 << 1,	/* a successor can start */
	IOU_COLD_DRAIN	= 1 << 2,	/* drained requests may be able to start */
	IOU_COLD_COUNT	= 1 << 3,	/* timeouts count CQEs; stays while there are */
	IOU_COLD_KICK	= 1 << 4,	/* ->kick is to be looked after */
	IOU_COLD_WAKE	= 1 << 5,	/* whoever waits has waited long enough */
	IOU_COLD_UNPIN	= 1 << 6,	/* ->unpin is not empty */
	IOU_COLD_DONE	= 1 << 7,	/* ->finished is not empty */
};

/* Of these, what may end requests, or make some ready */
#define IOU_COLD_SETTLE	(IOU_COLD_READY | IOU_COLD_DRAIN | IOU_COLD_COUNT)

/*
 * Reasons why an SQE is looked at closely even if it looks harmless. Under the
 * ring lock, in iou_ring.strict.
 */
enum iou_strict {
	IOU_STRICT_CHAIN = 1 << 0,	/* a chain is being built */
	IOU_STRICT_DRAIN = 1 << 1,	/* earlier SQEs wait for others to complete */
	IOU_STRICT_RESTRICT = 1 << 2,	/* restrictions are in force, also for register */
	IOU_STRICT_CREDS = 1 << 3,	/* who submits has other credentials than its task */
};

/* Few, so that a ring needs no more than 1 KB */
#define IOU_INDEX_MIN_BITS	2

/**
 * struct iou_index - requests by their user_data
 * @heads: buckets
 * @bits: log2 of their number
 * @nr: requests
 * @low: while there are so many requests or more ...
 * @span: ... but less than that plus this, the number of buckets is right
 * @nr_walks: [A] who goes through the index: until then nothing in it is moved
 * @old_bits: log2 of the number of @old
 * @abandoned: [A] marks of such who were killed, see iou_walk_abandon()
 * @old: the buckets of before, while requests are being moved from there; or NULL
 * @old_next: the first of them that may not be empty
 * @first: the buckets to begin with
 */
struct iou_index {
	struct hlist_head *heads;
	u32 bits;
	u32 nr;
	u32 low;
	u32 span;
	atomic_t nr_walks;
	u32 old_bits;
	struct llist_head abandoned;
	struct hlist_head *old;
	u32 old_next;
	struct hlist_head first[1 << IOU_INDEX_MIN_BITS];
};

/**
 * struct iou_chain - a chain of links that is being built by a batch
 * @head: first member, NULL: there is none
 * @tail: last member so far
 * @failed: some member was rejected
 * @late: the batch was to end early when this was being built, and does so behind it
 */
struct iou_chain {
	struct iou_req *head;
	struct iou_req *tail;
	bool failed;
	bool late;
};

/**
 * struct iou_drain - requests that wait until others have completed
 * @queue: single requests and heads of chains, in order of submission
 * @nr_reqs: how many, members of chains and their notifications included
 * @barrier: the unit that was started last has to complete before the next
 */
struct iou_drain {
	struct list_head queue;
	u32 nr_reqs;
	bool barrier;
};

/*
 * Reasons why io_uring_enter() has to look closer, so that the common case tests
 * one word.
 */
enum iou_gate {
	IOU_GATE_DISABLED	= 1 << 0,	/* nobody may enter */
	IOU_GATE_IOPOLL		= 1 << 1,	/* who waits has to poll */
	IOU_GATE_SQPOLL		= 1 << 2,	/* a thread submits, not the caller */
};

#define IOU_HASH_BITS	6
#define IOU_NR_TURNS	BIT(IOU_HASH_BITS)

/**
 * struct iou_turn - work on some inodes, one piece at a time
 * @waiting: whose turn has not come
 * @busy: it is somebody's turn
 */
struct iou_turn {
	struct list_head waiting;
	bool busy;
};

/**
 * struct iou_table - the files or buffers of a ring, in slots
 * @slots: NULL if empty
 * @nr: number of slots, 0: there is no table
 */
struct iou_table {
	struct iou_node **slots;
	u32 nr;
};

/**
 * struct iou_slots - which slots for fixed files are free
 * @used: a bit for each slot, or NULL
 * @start: the kernel chooses slots from here ...
 * @end: ... up to here, exclusive
 * @hint: where to look first
 */
struct iou_slots {
	unsigned long *used;
	u32 start;
	u32 end;
	u32 hint;
};

/**
 * struct iou_pbufs - the groups of provided buffers of a ring
 * @last: [R] the group used last, or one that is not among them
 * @groups: by number; changed under the ring lock and @mmap_lock
 * @vec: [R] scratch for who uses several buffers at once, or NULL
 * @mmap_lock: for mmap(), which must not take the ring lock; inside of that
 */
struct iou_pbufs {
	struct iou_pbuf_group *last;
	struct iovec *vec;
	struct xarray groups;
	struct mutex mmap_lock;	/* taken by mmap(), see above */
};

/**
 * struct iou_wake - when to look at the waiters in enter(); see req/wake.h
 * @extra: [R] what has happened is this and the CQEs published
 * @least: [A] no waiter is satisfied before that comes to this ...
 * @most: [A] ... and all of them are when it has come to this
 * @asleep: [A] of a deferred ring: its owner sleeps
 *
 * @least and @most are changed under the lock of cq_wait, and mean something only while
 * that is not empty.
 */
struct iou_wake {
	u32 extra;
	u32 least;
	u32 most;
	bool asleep;
};

/**
 * enum iou_ring_state - what becomes of a ring, in this order
 * @IOU_RING_DISABLED: it was made with R_DISABLED, and nobody may enter
 * @IOU_RING_ENABLED: it can be used
 * @IOU_RING_CLOSING: its file is gone: nothing new may be parked or queued
 * @IOU_RING_DEAD: its last lane is gone: the unlock that found that has given up the
 *                 reference of file and lanes
 */
enum iou_ring_state {
	IOU_RING_DISABLED,
	IOU_RING_ENABLED,
	IOU_RING_CLOSING,
	IOU_RING_DEAD,
};

/**
 * struct iou_ring - one io_uring_setup()
 * @lock: see the banner
 * @held_since: when it was taken, see run/holds.c
 * @cold: IOU_COLD_*
 * @watch: which of them the end of a request sets
 * @strict: IOU_STRICT_*
 * @state: enum iou_ring_state
 * @submit_all: go on after a rejected SQE
 * @compat: made by a 32-bit program
 * @single_issuer: only @owner may submit
 * @deferred: of its lanes
 * @no_drain: IO_DRAIN is refused, because CQE_SKIP_SUCCESS was used
 * @gate: IOU_GATE_*: enter() has to look closer; it reads it unlocked
 * @iocb_flags: IOCB_* of all reads and writes
 * @setup_flags: as given
 * @free_reqs: requests that can be used again
 * @ops: all 256 opcodes
 * @sq: submission queue
 * @cq: completion queue
 * @done: requests that workers have finished, and those of other rings that
 *        want something from this one
 * @finished: what was taken off @done and not looked at yet
 * @stranded: lanes whose task is gone, for whose events nobody got the ring lock; of a
 *            deferred one, with a reference
 * @stranded_mark: on @done, so that one of these is looked after ...
 * @stranded_marked: ... if this is set
 * @elsewhere: there are some on the list of that name of a lane; changed under the lock
 * @knocking: how many try to get the lock without queueing up for it
 * @kick: another ring, on whose @done something was put; a reference
 * @cq_wait: waiters in enter() and poll(2) on the ring's file
 * @wake: from which CQE on they are woken; read after a full barrier
 * @polled: set once: poll(2) was called on the ring's file, or an eventfd
 *          registered
 * @evfd_by_worker: a worker has made an event for which @evfd will be signalled
 * @poll_wake: tells pollers of a deferred ring that entering it would help
 * @evfd: signalled when CQEs were published; read under RCU
 * @evfd_late: signals it for an event that came from an eventfd
 * @lanes: all lanes
 * @owner_lane: the owner's lane of a deferred ring; stored with release, for who reads
 *              it under RCU
 * @seat: SQPOLL: its place at the thread that submits; else NULL
 * @parked: requests that wait for something, or are with workers, and can be
 *          cancelled, see park.c
 * @polling: requests that are with a device that has to be polled
 * @iopoll: polls for these when nobody else will; NULL: this is no IOPOLL ring
 * @commands: commands that their drivers can be asked to stop
 * @hash: per-inode serialisation of work: IOU_NR_TURNS of them, or NULL: it was
 *        not needed yet
 * @ready: work whose turn has come, successors, requests that were
 *         cancelled: the unlock passes them on or ends them
 * @chain: while a batch is being submitted
 * @drain: what IO_DRAIN holds back
 * @counting: requests that end after a number of CQEs, the next first
 * @clocks: those that end at a time, see run/timeout.c; or NULL: it was not needed yet
 * @files: fixed files
 * @file_slots: free slots of @files
 * @bufs: fixed buffers
 * @leaving: a table that was unregistered, and is being emptied ...
 * @leaving_from: ... up to this slot so far
 * @unpin: fixed buffers that nobody uses any more: the unlock lets go of them
 * @account: who pays for them
 * @personalities: credentials, by their id
 * @next_personality: where to look for a free id
 * @restrictions: set once: what may be done when the ring is enabled;
 *                then IOU_STRICT_RESTRICT is set
 * @pbufs: groups of provided buffers
 * @napi: set once: busy polling was registered; read without the lock
 * @owner: of a SINGLE_ISSUER ring, pinned
 * @hdr_region: shared words, CQEs, SQ array
 * @sqe_region: SQEs
 * @last_error: why the last SQE was rejected, for fdinfo
 * @clockid: clock of waits
 * @max_workers: limits for the worker pools of its tasks, 0: default
 * @refs: file and lanes together hold one; see the banner
 * @drain_work: empties @done when there is no end to it, and @elsewhere; holds a
 *              reference
 * @free_work: frees the ring after a grace period
 */
struct iou_ring {
	/* The lock, and what each hold of it looks at */
	struct mutex lock;	/* see the banner */
#ifdef CONFIG_IO_URING_HOLDS
	u64 held_since;			/* [R] */
#endif
	u32 cold;			/* [R] */
	u32 watch;			/* [R] */
	u32 strict;			/* [R] */
	u8 state;			/* [R] */
	bool submit_all;		/* [C] */
	bool compat;			/* [C] */
	bool single_issuer;		/* [C] */
	bool deferred;			/* [C] */
	bool no_drain;			/* [R] */
	u32 gate;			/* [R] */
	u32 iocb_flags;			/* [C] */
	u32 setup_flags;		/* [C] */

	/* Submission */
	struct iou_req *free_reqs;	/* [R] */
	const struct iou_op *const *ops;	/* [C] */
	struct iou_sq sq;

	/* Completion */
	struct iou_cq cq;
	struct iou_evfd __rcu *evfd;	/* [R] */

	/* What is ready, or will be when the chain ends */
	struct iou_chain chain;		/* [R] */
	struct list_head ready;		/* [R] */
	struct iou_batch finished;	/* [R] */
	struct iou_ring *kick;		/* [R] */

	/* What waits for others, or for its time */
	struct iou_drain drain;		/* [R] */
	struct list_head counting;	/* [R] */
	struct iou_clocks *clocks;	/* [R] */
	struct iou_turn *hash;		/* [R] */

	/*
	 * What is reached without the lock: workers that have finished, and senders of
	 * messages, on other CPUs; waiters, and those who wake them
	 */
	struct llist_head done ____cacheline_aligned_in_smp;	/* [A] */
	struct llist_head stranded;	/* [A] */
	struct llist_node stranded_mark;	/* [A] */
	wait_queue_head_t cq_wait;
	struct iou_wake wake;
	bool stranded_marked;		/* [A] */
	bool elsewhere;			/* [A] */
	bool polled;			/* [A] */
	bool evfd_by_worker;		/* [A] */
	atomic_t knocking;		/* [A] */
	struct irq_work poll_wake;
	struct timer_list evfd_late;

	/* Who uses it */
	struct list_head lanes;		/* [R] */
	struct iou_lane *owner_lane;	/* [R] */
	struct task_struct *owner;	/* [R] */
	struct iou_seat *seat;		/* [C] */

	/* What waits for somebody outside */
	struct iou_index parked;	/* [R] */
	struct list_head commands;	/* [R] */
	struct list_head polling;	/* [R] */
	struct iou_iopoll *iopoll;	/* [C] */
	struct iou_napi *napi;		/* [R] */
	clockid_t clockid;		/* [C] */
	u32 max_workers[2];		/* [R] */
	refcount_t refs;

	/* What was registered */
	struct iou_table files;		/* [R] */
	struct iou_slots file_slots;	/* [R] */
	struct iou_table bufs;		/* [R] */
	struct iou_table leaving;	/* [R] */
	u32 leaving_from;		/* [R] */
	u32 next_personality;		/* [R] */
	struct list_head unpin;		/* [R] */
	struct iou_account *account;	/* [C] */
	struct iou_pbufs pbufs;
	struct xarray personalities;	/* [R] */
	struct iou_restrict *restrictions;	/* [R] */

	/* Its memory, and its end */
	struct iou_region hdr_region;
	struct iou_region sqe_region;
	struct {
		const char *reason;
		s32 error;
		u8 opcode;
		u64 user_data;
	} last_error;			/* [R] */
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
#define IOU_POLLED	((__force iou_verdict_t)4)	/* a device has it and will not tell */
#define IOU_RETRY	((__force iou_verdict_t)5)	/* would block */
#define IOU_TURN	((__force iou_verdict_t)6)	/* multishot: there may be more */
#define IOU_TAKEN	((__force iou_verdict_t)7)	/* was dealt with */
#define IOU_REFUSED	((__force iou_verdict_t)8)	/* the same, and was REJECTED */
#define IOU_WORK	((__force iou_verdict_t)9)	/* would block, whatever poll says */

/*
 * The state of a request: exclusive. Changed by its owner; by
 * compare-and-exchange while two parties may want it:
 *
 *   PARKED  -> CLAIMED   a wake-up against cancel; for timers a lock decides
 *   CLAIMED -> AGAIN     a wake-up against the handler of the last one ...
 *   CLAIMED -> PARKED    ... that wants to go on waiting
 *   (for commands of drivers, which are BUSY instead of PARKED, see ops/uring_cmd.c)
 *   WORKING -> CLAIMED   the callee's completion ...
 *   WORKING -> BUSY      ... against the worker that leaves: the second pushes
 *
 * On IOPOLL rings a device's completion makes it CLAIMED, and that is all: who
 * goes through ring->polling will find it.
 */
enum iou_state {
	IOU_S_ISSUED,	/* being started, under the ring lock */
	IOU_S_HELD,	/* prepared; behind a link or a drain */
	IOU_S_PARKED,	/* on a waitqueue, and in ring->parked */
	IOU_S_BUSY,	/* owned by a device */
	IOU_S_CLAIMED,	/* its event has come: owned by who pushes or handles it */
	IOU_S_AGAIN,	/* CLAIMED, and another wake-up came */
	IOU_S_ENDED,	/* CLAIMED, and its driver has said that it is done */
	IOU_S_QUEUED,	/* owned by the worker pool, or waits in ring->hash */
	IOU_S_WORKING,	/* owned by a worker */
	IOU_S_RETURNED,	/* a worker gave it back, to be parked; among its lane's events */
	IOU_S_DONE,	/* on ring->free_reqs */
};

/*
 * What completion must release, in iou_req.held. Written by the request's owner only.
 */
enum iou_held {
	IOU_HELD_FILE		= 1 << 0,	/* a reference to ->file */
	IOU_HELD_INFLIGHT	= 1 << 1,	/* counted in its lane */
	IOU_HELD_CREDS		= 1 << 2,	/* a reference to ->creds */
	IOU_HELD_CLEANUP	= 1 << 3,	/* something that the opcode's cleanup releases */
	IOU_HELD_SERIAL		= 1 << 4,	/* its inode's turn in ring->hash */
	IOU_HELD_FILE_NODE	= 1 << 5,	/* counted in ->file_node */
	IOU_HELD_BUF		= 1 << 6,	/* counted in ->buf_node */
	IOU_HELD_PBUF		= 1 << 7,	/* a part of an incremental buffer, to be settled */
};

/*
 * What is known about a request, in iou_req.notes. Written by its owner only: that is
 * a worker while it is WORKING, and else the holder of the ring lock. Who cancels a
 * request need not be its owner, and has iou_req.cancelled instead.
 */
enum iou_note {
	IOU_NOTE_GUARDED	= 1 << 0,	/* ->link is its LINK_TIMEOUT */
	IOU_NOTE_SELECT		= 1 << 1,	/* wants a provided buffer, has none yet */
	IOU_NOTE_MULTISHOT	= 1 << 2,	/* goes on until it fails */
	IOU_NOTE_TIMER		= 1 << 3,	/* its end ends waits, and its CQE is not counted */
	IOU_NOTE_FINE		= 1 << 4,	/* the error in ->res is no failure */
	IOU_NOTE_SHORT		= 1 << 5,	/* it did less than it was asked to */
	IOU_NOTE_INDEXED	= 1 << 6,	/* in ring->parked, for a worker's sake */
	IOU_NOTE_EXTRA		= 1 << 7,	/* a second half of its CQE is in ->extra */
};

/**
 * struct iou_poll - a place on a waitqueue
 * @wait: the entry; its private pointer is the request
 * @head: the waitqueue; NULL: not on any. Cleared with release by POLLFREE
 * @events: wake-ups that matter, and how to wait, see iou_poll_park()
 * @seen: what the claiming wake-up said had happened, 0: nothing; and
 *        EPOLL_URING_WAKE if it told of a CQE
 */
struct iou_poll {
	struct wait_queue_entry wait;
	struct wait_queue_head *head;
	__poll_t events;
	__poll_t seen;
};

/**
 * struct iou_work - a piece of work for the pool
 * @node: in the pool's queue, or in ring->hash or ring->ready
 * @worker: who runs it, or NULL; under the pool's lock
 * @unbound: may take as long as it likes
 * @async: the program asked for a thread (IOSQE_ASYNC)
 * @expected: [R] the pool does not have it yet: it waits for its turn on an inode
 */
struct iou_work {
	struct list_head node;
	struct iou_worker *worker;
	bool unbound;
	bool async;
	bool expected;
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
 * @head: the first eight bytes of the SQE, as they are; then its parts
 * @traits: the next four
 * @opcode: from the SQE
 * @sqe_flags: from the SQE, constant
 * @held: enum iou_held; in the SQE, this and the next are ioprio
 * @notes: enum iou_note
 * @fd: from the SQE, until @file is looked up or the result is known
 * @res: then the result
 * @cflags: flags of the CQE
 * @state: enum iou_state
 * @cancelled: it was cancelled when its event was on the way: it may not park again.
 *             Written under the ring lock, by others than the owner, too
 * @nr_polls: how often it was parked in vain
 * @mark: the opcode's, which has no room left for it in @cmd; 0 at first
 * @event: what to do, in the lane's task and under the ring lock, when it is
 *         taken from the lane. With @cancel the task cannot do anything any
 *         more and the request has to end
 * @aux: the opcode's, allocated; of a LINK_TIMEOUT, the request it guards
 * @cmd: the opcode's, see iou_req_cmd()
 * @index: in ring->parked, while PARKED or INDEXED
 * @node: in ring->polling
 * @park: while in there: how it waits; NULL: it is with a worker
 * @link: the next member of its chain; valid if ->sqe_flags say it has one
 * @creds: run with these, if held; while QUEUED or WORKING, in any case
 * @buf_node: a registered buffer, if held
 * @buf_len: with IOU_HELD_PBUF: how much it has taken of an incremental buffer ...
 * @buf_end: ... its result when it has used all of that ...
 * @buf_entry: ... and in which entry it is
 * @file_node: where @file is from, with IOSQE_FIXED_FILE; counted if held
 * @buf_group: with IOSQE_BUFFER_SELECT: where to take a buffer from ...
 * @buf_cap: ... and how much of it to use at most; while IOU_NOTE_SELECT
 * @verdict: of the worker
 * @poll: while PARKED
 * @poll2: a second waitqueue of the same file, allocated
 * @work: while QUEUED or WORKING
 * @opwait: while BUSY, the opcode's
 * @extra: with IOU_NOTE_EXTRA, when it ends: the second half of its CQE
 * @of_work: do not touch: what is above may be in use
 * @command: in ring->commands
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
		u64 head;
		struct {
			union {
				u32 traits;
				struct {
					u8 opcode;
					u8 sqe_flags;
					u8 held;
					u8 notes;
				};
			};
			union {
				s32 fd;
				s32 res;
			};
		};
	};
	u32 cflags;
	u8 state;
	bool cancelled;
	u8 nr_polls;
	u8 mark;
	void (*event)(struct iou_req *req, bool cancel);
	void *aux;

	u64 cmd[8];

	union {
		struct hlist_node index;
		struct list_head node;
	};
	const struct iou_park_ops *park;
	struct iou_req *link;
	const struct cred *creds;
	struct iou_node *file_node;
	union {
		struct iou_node *buf_node;
		struct {
			u32 buf_len;
			u32 buf_end;
		};
	};
	u16 buf_group;
	u16 buf_entry;
	union {
		iou_verdict_t verdict;
		u32 buf_cap;
	};
	union {
		struct {
			struct iou_poll poll;
			struct iou_poll *poll2;
		};
		struct iou_work work;
		u64 opwait[8];
		u64 extra;
		struct {
			u64 of_work[6];
			struct list_head command;
		};
	};
};

/* A mask for iou_req.traits, from its parts: .sqe_flags, .held, .notes */
#define iou_traits(...)		(((const struct iou_req){ __VA_ARGS__ }).traits)

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

/* Is the ring's file gone? Then what waits has to end, and nothing may begin to */
static inline bool iou_ring_is_closing(const struct iou_ring *ring)
{
	return READ_ONCE(ring->state) >= IOU_RING_CLOSING;
}

/* Is its last lane gone, too? */
static inline bool iou_ring_is_dead(const struct iou_ring *ring)
{
	return READ_ONCE(ring->state) == IOU_RING_DEAD;
}

/* Does its task not know the lane any more? */
static inline bool iou_lane_is_detached(const struct iou_lane *lane)
{
	return READ_ONCE(lane->state) >= IOU_LANE_DETACHED;
}

/* Does its ring not know it either? Then the ring may be gone, too */
static inline bool iou_lane_is_gone(const struct iou_lane *lane)
{
	return READ_ONCE(lane->state) == IOU_LANE_GONE;
}

/* For functions that want the ring lock held, beside __must_hold() */
#define iou_assert_locked(ring)	lockdep_assert_held(&(ring)->lock)

#endif
