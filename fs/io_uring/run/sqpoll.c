// SPDX-License-Identifier: GPL-2.0
/*
 * SQPOLL: a thread that submits.
 *
 * It is a thread of the program, made by create_io_thread(), so it has the
 * program's memory and files. A ring has a seat at its thread; rings that were
 * made with ATTACH_WQ share one, which then goes round and takes a few SQEs from
 * each. The thread ends when its last ring was closed, or when it is killed with
 * the program; rings that somebody else holds then say -EOWNERDEAD.
 *
 * Only the thread touches its list of seats. A new seat comes over ->joining, a
 * ring that was closed says so (CLOSING), and the thread strikes it off. So
 * nobody waits for a round to end.
 *
 * What it does when there is nothing to do
 *
 *   up to 100 us    spins
 *   up to idle      naps, an eighth of the time since it last had work, at most
 *                   1 ms: an SQE that comes after a pause is late by no more
 *                   than an eighth of that pause
 *   then            sleeps until it is woken, and uses no CPU
 *
 *   thread                               program
 *
 *   set NEED_WAKEUP                      store sq_tail
 *   full barrier                         full barrier
 *   look at sq_tail, sleep               look at NEED_WAKEUP, enter
 *
 * While requests are with a device that has to be polled, it spins.
 */
#include <linux/cpuset.h>
#include <linux/cred.h>
#include <linux/hrtimer.h>
#include <linux/sched/clock.h>
#include <linux/sched/cputime.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/security.h>
#include <linux/slab.h>

#include "async.h"
#include "cancel.h"
#include "exit.h"
#include "iopoll.h"
#include "lock.h"
#include "napi.h"
#include "sqpoll.h"
#include "submit.h"
#include "task.h"
#include "worker.h"

#define IOU_SQPOLL_FAIR		8	/* SQEs per ring and round, if there are several */
#define IOU_SQPOLL_SPIN_NS	(100 * NSEC_PER_USEC)
#define IOU_SQPOLL_NAP_NS	(1 * NSEC_PER_MSEC)
#define IOU_SQPOLL_IDLE_MS	1000	/* if the program does not care */

/**
 * struct iou_sqpoll - a thread and the rings it serves
 * @refs: the thread, and each seat, hold one
 * @thread: pinned; constant
 * @tgid: the process; constant
 * @cpu: where to run, -1: anywhere; constant
 * @lock: guards @joining and @dead
 * @joining: seats the thread has not seen yet
 * @dead: no seats are taken any more
 * @seats: own use
 * @nr_seats: own use
 * @idle_ns: the longest of all seats; own use
 * @last_work: when there was work, in local_clock(); own use
 * @work_ns: time spent in rounds that found work; others read it
 */
struct iou_sqpoll {
	refcount_t refs;
	struct task_struct *thread;
	pid_t tgid;
	int cpu;
	spinlock_t lock;	/* see above; a leaf */
	struct list_head joining;
	bool dead;
	struct list_head seats;
	u32 nr_seats;
	u64 idle_ns;
	u64 last_work;
	u64 work_ns;
};

/**
 * struct iou_seat - a ring's place at its thread; ring->seat
 * @sqp: the thread; constant
 * @ring: constant; the thread holds a reference while it serves it
 * @creds: the creator's; constant
 * @idle_ns: constant
 * @node: in ->joining or ->seats
 * @room: who waits for a free slot in the SQ
 * @cpus: where the thread's workers are to run from now on, or NULL: as before;
 *        ring lock
 * @gone: the thread has died; set once
 */
struct iou_seat {
	struct iou_sqpoll *sqp;
	struct iou_ring *ring;
	const struct cred *creds;
	u64 idle_ns;
	struct list_head node;
	wait_queue_head_t room;
	struct cpumask *cpus;
	bool gone;
};

static void sqpoll_put(struct iou_sqpoll *sqp)
{
	if (!refcount_dec_and_test(&sqp->refs))
		return;

	put_task_struct(sqp->thread);
	kfree(sqp);
}

/*
 * The thread.
 */

static bool seat_has_work(const struct iou_seat *seat)
{
	const struct iou_ring *ring = seat->ring;

	if (iou_ring_is_closing(ring) || !list_empty(&ring->polling))
		return true;
	return !(READ_ONCE(ring->gate) & IOU_GATE_DISABLED) &&
	       (iou_sq_pending(&ring->sq) || READ_ONCE(seat->cpus));
}

/* As long as any ring wants */
static void sqpoll_set_idle(struct iou_sqpoll *sqp)
{
	const struct iou_seat *seat;

	sqp->idle_ns = 0;
	list_for_each_entry(seat, &sqp->seats, node)
		sqp->idle_ns = max(sqp->idle_ns, seat->idle_ns);
}

static void seat_leave(struct iou_seat *seat)
{
	struct iou_sqpoll *sqp = seat->sqp;

	list_del(&seat->node);
	sqp->nr_seats--;
	iou_ring_put(seat->ring);
}

/* Only the thread makes its pool, and says where the workers run */
static void seat_move_workers(struct iou_seat *seat, struct iou_lane *lane)
	__must_hold(&seat->ring->lock)
{
	struct iou_pool *pool = iou_async_pool(lane);

	/* The cpuset may have changed meanwhile: then they stay where they are */
	if (pool)
		iou_pool_set_cpus(pool, seat->cpus);
	kfree(seat->cpus);
	WRITE_ONCE(seat->cpus, NULL);
}

/* Take some SQEs */
static void seat_submit(struct iou_seat *seat, struct iou_lane *lane)
	__must_hold(&seat->ring->lock)
{
	struct iou_ring *ring = seat->ring;
	const struct cred *old = NULL;

	if (unlikely(seat->cpus))
		seat_move_workers(seat, lane);

	if (unlikely(seat->creds != current_cred())) {
		/* A thread's credentials do not change: each request has to have its own */
		ring->strict |= IOU_STRICT_CREDS;
		old = override_creds(seat->creds);
	}

	iou_submit(ring, lane, seat->sqp->nr_seats > 1 ? IOU_SQPOLL_FAIR : U32_MAX);
	if (old)
		revert_creds(old);
}

/* Return: there was something to do */
static bool seat_serve(struct iou_seat *seat)
{
	struct iou_sqpoll *sqp = seat->sqp;
	struct iou_ring *ring = seat->ring;
	bool closing, polled, moved;
	struct iou_lane *lane;
	u32 head;

	if (!seat_has_work(seat))
		return false;

	/* Killed: sqpoll_main() sees that */
	if (iou_ring_lock_killable(ring))
		return false;
	head = ring->sq.head;
	closing = iou_ring_is_closing(ring);
	polled = !closing && !list_empty(&ring->polling);
	lane = closing ? NULL : iou_task_lane(ring);

	if (lane && ring->state != IOU_RING_DISABLED)
		seat_submit(seat, lane);
	if (polled)
		iou_iopoll_pass(ring);

	/* Even if nothing was submitted: an entry that names no SQE leaves room, too */
	moved = ring->sq.head != head;
	iou_lane_unlock(ring, lane);

	if (moved && wq_has_sleeper(&seat->room))
		wake_up_all(&seat->room);
	if (closing) {
		seat_leave(seat);
		sqpoll_set_idle(sqp);
	}
	return moved || polled || closing;
}

/* Let those in who want to be served, too */
static void sqpoll_admit(struct iou_sqpoll *sqp)
{
	struct iou_seat *seat, *next;
	LIST_HEAD(joining);

	if (list_empty_careful(&sqp->joining))
		return;

	spin_lock(&sqp->lock);
	list_splice_init(&sqp->joining, &joining);
	spin_unlock(&sqp->lock);

	list_for_each_entry_safe(seat, next, &joining, node) {
		list_move_tail(&seat->node, &sqp->seats);
		sqp->nr_seats++;
	}
	sqpoll_set_idle(sqp);
}

/* Return: no ring is left, and none will come */
static bool sqpoll_is_over(struct iou_sqpoll *sqp)
{
	bool over;

	if (sqp->nr_seats)
		return false;

	spin_lock(&sqp->lock);
	over = list_empty(&sqp->joining);
	sqp->dead |= over;
	spin_unlock(&sqp->lock);
	return over;
}

/* Has anything come since the last round? */
static bool sqpoll_pending(struct iou_sqpoll *sqp)
{
	struct iou_seat *seat;

	if (signal_pending(current) || task_work_pending(current) ||
	    !list_empty_careful(&sqp->joining))
		return true;

	list_for_each_entry(seat, &sqp->seats, node)
		if (seat_has_work(seat))
			return true;
	return false;
}

static void sqpoll_nap(struct iou_sqpoll *sqp, u64 ns)
{
	ktime_t time = min(ns, IOU_SQPOLL_NAP_NS);

	set_current_state(TASK_INTERRUPTIBLE);
	if (!sqpoll_pending(sqp))
		schedule_hrtimeout_range(&time, time / 8, HRTIMER_MODE_REL);
	__set_current_state(TASK_RUNNING);
}

static void sqpoll_sleep(struct iou_sqpoll *sqp)
{
	struct iou_seat *seat;

	list_for_each_entry(seat, &sqp->seats, node)
		iou_sq_set_flag(&seat->ring->sq, IORING_SQ_NEED_WAKEUP);

	/* The full barrier of the table above */
	set_current_state(TASK_INTERRUPTIBLE);
	if (!sqpoll_pending(sqp))
		schedule();
	__set_current_state(TASK_RUNNING);

	list_for_each_entry(seat, &sqp->seats, node)
		iou_sq_clear_flag(&seat->ring->sq, IORING_SQ_NEED_WAKEUP);
	sqp->last_work = local_clock();
}

static bool sqpoll_busy_over(void *data)
{
	return true;
}

/* Ask the network devices that rings wait for, once. Return: there are some */
static bool sqpoll_busy(struct iou_sqpoll *sqp)
{
	struct iou_seat *seat;
	struct iou_napi napi;
	bool busy = false;

	list_for_each_entry(seat, &sqp->seats, node) {
		if (likely(!READ_ONCE(seat->ring->napi)) || !iou_napi_get(seat->ring, &napi))
			continue;
		iou_napi_poll(&napi, sqpoll_busy_over, NULL);
		busy = true;
	}
	return busy;
}

/* There was nothing to do */
static void sqpoll_rest(struct iou_sqpoll *sqp)
{
	u64 pause = local_clock() - sqp->last_work;

	if (pause < sqp->idle_ns && sqpoll_busy(sqp))
		return;
	if (pause < min(IOU_SQPOLL_SPIN_NS, sqp->idle_ns))
		cpu_relax();
	else if (pause < sqp->idle_ns)
		sqpoll_nap(sqp, min(pause / 8, sqp->idle_ns - pause));
	else
		sqpoll_sleep(sqp);
}

static void sqpoll_round(struct iou_sqpoll *sqp)
{
	struct iou_seat *seat, *next;
	bool worked = iou_task_run_work();
	u64 start = local_clock();

	sqpoll_admit(sqp);
	list_for_each_entry_safe(seat, next, &sqp->seats, node)
		worked |= seat_serve(seat);
	if (!worked) {
		sqpoll_rest(sqp);
		return;
	}

	sqp->last_work = local_clock();
	WRITE_ONCE(sqp->work_ns, sqp->work_ns + sqp->last_work - start);
	if (sqp->nr_seats)
		list_rotate_left(&sqp->seats);
}

/* The thread was killed: nobody will serve the ring again. What waits ends when it exits */
static void seat_abandon(struct iou_seat *seat)
{
	struct iou_ring *ring = seat->ring;

	WRITE_ONCE(seat->gone, true);
	/* So that the program enters, and is told */
	iou_sq_set_flag(&ring->sq, IORING_SQ_NEED_WAKEUP);
	wake_up_all(&seat->room);
	if (current->io_uring)
		current->io_uring->iou.abandons = true;
	seat_leave(seat);
}

static void sqpoll_end(struct iou_sqpoll *sqp)
{
	struct iou_seat *seat, *next;

	spin_lock(&sqp->lock);
	sqp->dead = true;
	spin_unlock(&sqp->lock);

	sqpoll_admit(sqp);
	list_for_each_entry_safe(seat, next, &sqp->seats, node)
		seat_abandon(seat);
	sqpoll_put(sqp);
}

static int sqpoll_main(void *arg)
{
	struct iou_sqpoll *sqp = arg;
	struct ksignal ksig;

	if (sqp->cpu >= 0)
		set_cpus_allowed_ptr(current, cpumask_of(sqp->cpu));
	sqp->last_work = local_clock();
	sqpoll_admit(sqp);

	while (!sqpoll_is_over(sqp)) {
		sqpoll_round(sqp);
		cond_resched();
		/* SIGKILL, SIGSTOP, and the freezer's */
		if (signal_pending(current) && get_signal(&ksig))
			break;
	}

	sqpoll_end(sqp);
	do_exit(0);
}

/*
 * The others.
 */

/* Have a thread serve a ring. Return: false: it is dying */
static bool seat_take(struct iou_seat *seat, struct iou_sqpoll *sqp)
{
	bool ok;

	spin_lock(&sqp->lock);
	ok = !sqp->dead;
	if (ok) {
		seat->sqp = sqp;
		refcount_inc(&sqp->refs);
		refcount_inc(&seat->ring->refs);
		list_add_tail(&seat->node, &sqp->joining);
	}
	spin_unlock(&sqp->lock);

	if (ok)
		wake_up_state(sqp->thread, TASK_INTERRUPTIBLE);
	return ok;
}

/* May a thread be bound to this CPU? */
static bool cpu_is_allowed(u32 cpu)
{
	cpumask_var_t mask;
	bool ok;

	if (cpu >= nr_cpu_ids || !cpu_online(cpu))
		return false;
	if (!alloc_cpumask_var(&mask, GFP_KERNEL))
		return false;

	cpuset_cpus_allowed(current, mask);
	ok = cpumask_test_cpu(cpu, mask);
	free_cpumask_var(mask);
	return ok;
}

static int seat_set_cpus(struct iou_seat *seat, const struct cpumask *cpus)
{
	struct cpumask *mask = kmalloc(cpumask_size(), GFP_KERNEL_ACCOUNT);

	if (!mask)
		return -ENOMEM;

	cpumask_copy(mask, cpus);
	kfree(seat->cpus);
	WRITE_ONCE(seat->cpus, mask);
	return 0;
}

static int sqpoll_start(struct iou_seat *seat, int cpu)
{
	struct iou_sqpoll *sqp = kzalloc(sizeof(*sqp), GFP_KERNEL_ACCOUNT);
	struct task_struct *thread;
	char name[TASK_COMM_LEN];

	if (!sqp)
		return -ENOMEM;
	/* Its workers would be in its way there */
	if (cpu >= 0 && seat_set_cpus(seat, current->cpus_ptr)) {
		kfree(sqp);
		return -ENOMEM;
	}

	/* The thread's */
	refcount_set(&sqp->refs, 1);
	sqp->tgid = current->tgid;
	sqp->cpu = cpu;
	spin_lock_init(&sqp->lock);
	INIT_LIST_HEAD(&sqp->joining);
	INIT_LIST_HEAD(&sqp->seats);

	thread = create_io_thread(sqpoll_main, sqp, NUMA_NO_NODE);
	if (IS_ERR(thread)) {
		kfree(sqp);
		return PTR_ERR(thread);
	}

	sqp->thread = get_task_struct(thread);
	snprintf(name, sizeof(name), "iou-sqp-%d", current->pid);
	set_task_comm(thread, name);

	seat_take(seat, sqp);
	wake_up_new_task(thread);
	return 0;
}

static int seat_find_thread(struct iou_seat *seat, const struct io_uring_params *p,
			    struct iou_ring *target)
{
	int cpu = -1;

	if (target && !target->seat)
		return -EINVAL;
	/* The thread of another process is of no use: it has other files */
	if (target && target->seat->sqp->tgid == current->tgid)
		return seat_take(seat, target->seat->sqp) ? 0 : -ENXIO;

	if (p->flags & IORING_SETUP_SQ_AFF) {
		if (!cpu_is_allowed(p->sq_thread_cpu))
			return -EINVAL;
		cpu = p->sq_thread_cpu;
	}
	return sqpoll_start(seat, cpu);
}

/**
 * iou_sqpoll_setup() - give a ring a thread that submits
 * @ring: being made
 * @p: sq_thread_idle is in ms
 * @target: share the thread of that ring; or NULL
 *
 * Context: may sleep.
 * Return: 0; -EINVAL: @target has no thread, or not that CPU; -ENXIO: its thread
 * is ending; -ENOMEM; errors of security modules and of making a thread.
 */
int iou_sqpoll_setup(struct iou_ring *ring, const struct io_uring_params *p,
		     struct iou_ring *target)
{
	int error = security_uring_sqpoll();
	struct iou_seat *seat;

	if (error)
		return error;
	seat = kzalloc(sizeof(*seat), GFP_KERNEL_ACCOUNT);
	if (!seat)
		return -ENOMEM;

	seat->ring = ring;
	seat->creds = get_current_cred();
	seat->idle_ns = (u64)(p->sq_thread_idle ?: IOU_SQPOLL_IDLE_MS) * NSEC_PER_MSEC;
	init_waitqueue_head(&seat->room);

	/* The thread may look at it at once */
	ring->seat = seat;
	ring->gate |= IOU_GATE_SQPOLL;
	error = seat_find_thread(seat, p, target);

	if (error) {
		ring->seat = NULL;
		put_cred(seat->creds);
		kfree(seat->cpus);
		kfree(seat);
	}
	return error;
}

/**
 * iou_sqpoll_free() - free a ring's seat
 * @ring: nobody can reach it any more
 */
void iou_sqpoll_free(struct iou_ring *ring)
{
	struct iou_seat *seat = ring->seat;

	if (!seat)
		return;

	sqpoll_put(seat->sqp);
	put_cred(seat->creds);
	kfree(seat->cpus);
	kfree(seat);
}

/**
 * iou_sqpoll_wake() - there is something to see
 * @ring: with a thread or without
 *
 * Context: any.
 */
void iou_sqpoll_wake(struct iou_ring *ring)
{
	if (ring->seat)
		wake_up_state(ring->seat->sqp->thread, TASK_INTERRUPTIBLE);
}

/**
 * iou_sqpoll_close() - iou_exit_ring() for a ring with a thread
 * @ring: not to be touched afterwards
 *
 * Context: may sleep.
 */
void iou_sqpoll_close(struct iou_ring *ring)
{
	/* It sees that, and lets go */
	iou_exit_ring(ring, ring->seat->sqp->thread);
}

/**
 * iou_sqpoll_enter() - io_uring_enter()'s part of submission
 * @ring: has a seat
 * @flags: IORING_ENTER_*
 *
 * Context: sleeps with IORING_ENTER_SQ_WAIT, until the SQ has a free slot or a
 * signal comes.
 * Return: 0 or -EOWNERDEAD: the thread has ended.
 */
int iou_sqpoll_enter(struct iou_ring *ring, u32 flags)
{
	struct iou_seat *seat = ring->seat;

	if (READ_ONCE(seat->gone))
		return -EOWNERDEAD;

	if (flags & IORING_ENTER_SQ_WAKEUP)
		iou_sqpoll_wake(ring);
	if (flags & IORING_ENTER_SQ_WAIT)
		wait_event_interruptible(seat->room, !iou_sq_full(&ring->sq) ||
					 READ_ONCE(seat->gone));
	return 0;
}

/**
 * iou_sqpoll_thread() - who submits for a ring
 * @ring: any
 *
 * Return: its thread, as long as @ring stays; NULL: it has none, or had.
 */
struct task_struct *iou_sqpoll_thread(const struct iou_ring *ring)
{
	return ring->seat && !READ_ONCE(ring->seat->gone) ? ring->seat->sqp->thread : NULL;
}

/**
 * iou_sqpoll_set_cpus() - say where the workers of a ring's thread may run
 * @ring: locked; has a thread
 * @cpus: there; NULL: wherever the program may
 *
 * The thread moves them before it takes another SQE of this ring.
 *
 * Context: ring lock. May sleep.
 * Return: 0; -EINVAL: the program may not run on all of them; -ENOMEM.
 */
int iou_sqpoll_set_cpus(struct iou_ring *ring, const struct cpumask *cpus)
{
	cpumask_var_t allowed;
	int error = -EINVAL;

	iou_assert_locked(ring);
	if (!alloc_cpumask_var(&allowed, GFP_KERNEL))
		return -ENOMEM;

	cpuset_cpus_allowed(current, allowed);
	if (!cpus || cpumask_subset(cpus, allowed))
		error = seat_set_cpus(ring->seat, cpus ?: allowed);
	free_cpumask_var(allowed);

	if (!error)
		iou_sqpoll_wake(ring);
	return error;
}

/**
 * iou_sqpoll_stats() - describe a ring's thread
 * @ring: any
 * @stats: to be filled in
 */
void iou_sqpoll_stats(const struct iou_ring *ring, struct iou_sqpoll_stats *stats)
{
	struct task_struct *thread = iou_sqpoll_thread(ring);

	stats->pid = -1;
	stats->cpu = -1;
	stats->total_us = 0;
	stats->work_us = 0;
	if (!thread)
		return;

	stats->pid = task_pid_nr(thread);
	stats->cpu = task_cpu(thread);
	stats->total_us = task_sched_runtime(thread) / NSEC_PER_USEC;
	stats->work_us = READ_ONCE(ring->seat->sqp->work_ns) / NSEC_PER_USEC;
}
