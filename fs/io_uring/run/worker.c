// SPDX-License-Identifier: GPL-2.0
/*
 * The worker pool.
 *
 * One per task, shared by its rings. Its threads are made by create_io_thread()
 * in the task itself, so they have its identity, credentials, cgroups,
 * namespaces and CPU affinity. The pool knows nothing of requests.
 *
 * Two classes: bounded work (regular files, block devices) ends by itself and
 * gets few threads; unbounded work may wait for another program and gets as
 * many as the user may have.
 *
 * The states of a thread
 *
 *                 +--------------------------------------+
 *                 v                                      |
 *   (made) --> STARTING --> BUSY <--> BLOCKED            |
 *                 |          |                           |
 *                 +----------+----> IDLE --- (woken) ----+
 *                 |          |       |
 *                 +----------+-------+--> ENDING
 *
 *   A thread is BUSY from taking a piece of work until it looks for the next
 *   one: that includes what follows the work, like the last reference to a file.
 *   Whenever it sleeps meanwhile it is BLOCKED; the scheduler tells us through
 *   the two hooks below. Only worker_set_state() changes a state, and counts.
 *
 * How many threads
 *
 *   class_need() says that. Threads that are STARTING or BUSY run, and there
 *   shall be one of them for each piece of work, but not more than CPUs. Idle
 *   threads are woken for that. Others are made if nobody runs at all, and for
 *   work whose program asked for a thread (IOSQE_ASYNC). So work that computes
 *   uses all CPUs, work that sleeps gets another thread as soon as the last one
 *   that runs has gone to sleep, and on one CPU nobody is woken in vain.
 *
 *   The task makes the threads, in task work, for which it is interrupted. Only the
 *   first one of a class it makes at once, when it submits work: a task that is
 *   stopped by a debugger when it leaves the system call runs no task work.
 *
 *   Idle threads sleep without a timer. One timer per pool ends those that were
 *   idle for five seconds, but one, and repeats failed attempts to make one.
 *   When the last ring of the task has gone, all of them end.
 *
 * Work that must not wait
 *
 *   Some files can be polled, but an attempt cannot be told not to block: their
 *   drivers know O_NONBLOCK only, which is the file's, not the attempt's. Between
 *   iou_worker_begin_nowait() and its end a worker does not sleep interruptibly:
 *   the hook makes a signal pending, so that the driver gives up waiting before
 *   it has begun, with -EINTR or with what it has done so far. A thread that then
 *   tries to sleep once more may do so. It may be in a page fault, which does not
 *   end with a signal. Other sleeps are for locks and disks and end by themselves.
 *
 * Locking: pool->lock guards all, see struct iou_pool. It is raw and taken with
 * interrupts off, because schedule() takes it.
 *
 * Lifetime: the pool is freed with its task_struct, and every thread holds a
 * reference to that.
 */
#include <linux/completion.h>
#include <linux/cpumask.h>
#include <linux/cpuset.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/slab.h>
#include <linux/timer.h>

#include <linux/io_uring/worker.h>

#include "worker.h"

#define IOU_IDLE_TIME	(5 * HZ)	/* then an idle thread ends */
#define IOU_RETRY_TIME	(HZ / 20)	/* between attempts to make a thread */
#define IOU_MAX_RETRIES	20

/* The state of a thread, see above */
enum worker_state {
	WORKER_STARTING,	/* new, or woken: about to take work */
	WORKER_BUSY,
	WORKER_BLOCKED,
	WORKER_IDLE,
	WORKER_ENDING,		/* takes no more work */
	NR_WORKER_STATES
};

/* Has the task been told that threads are to be made? */
enum pool_ask {
	POOL_ASK_NOT,		/* none are */
	POOL_ASK_NOW,		/* not yet: whoever unlocks the pool does that */
	POOL_ASK_SENT,		/* yes, or it is making them */
};

/* May a thread sleep until something happens? */
enum worker_nowait {
	WORKER_MAY_WAIT,
	WORKER_NOWAIT,		/* no ... */
	WORKER_REFUSED,		/* ... and it has tried to */
};

/**
 * struct iou_class - one kind of work
 * @queue: work to do, oldest first
 * @idle: threads that wait for work, the latest first
 * @nr: threads, by their state
 * @nr_asked: threads to be made
 * @nr_queued: length of @queue
 * @nr_async: how much of it asked for a thread
 * @nr_expected: work that will be queued later
 * @max: limit of the number of threads
 */
struct iou_class {
	struct list_head queue;
	struct list_head idle;
	u32 nr[NR_WORKER_STATES];
	u32 nr_asked;
	u32 nr_queued;
	u32 nr_async;
	u32 nr_expected;
	u32 max;
};

/**
 * struct iou_pool - the threads of a task
 * @lock: guards all that changes
 * @task: the owner; constant
 * @ops: constant
 * @class: bounded and unbounded
 * @workers: all threads
 * @dying: threads end when there is nothing left to do, and the last one when
 *         nothing is expected, either; new work is accepted only while there is
 *         somebody to do it
 * @unused: the task has no ring left: nobody stays idle
 * @ask: whether @grow_work is on its way
 * @failed: a thread could not be made: none is asked for until @timer has expired
 * @nr_retries: attempts to make a thread that failed in a row; the task's own
 * @grow_work: makes threads, in the task
 * @timer: ends idle threads, and asks again for those that could not be made
 * @cpus: where threads may run, or NULL: as their maker. The task's own
 * @nr_cpus: number of @cpus, 0: as many as the task may use
 * @joined: the last thread has ended, and @dying
 */
struct iou_pool {
	raw_spinlock_t lock;
	struct task_struct *task;
	const struct iou_pool_ops *ops;
	struct iou_class class[2];
	struct list_head workers;
	bool dying;
	bool unused;
	enum pool_ask ask;
	bool failed;
	u32 nr_retries;
	struct callback_head grow_work;
	struct timer_list timer;
	struct cpumask *cpus;
	u32 nr_cpus;
	struct completion joined;
};

/**
 * struct iou_worker - one thread
 * @pool: constant
 * @class: constant
 * @task: the thread
 * @node: in the pool's list
 * @idle_node: in the class's idle list, while IDLE
 * @idle_since: in jiffies
 * @state: only while IDLE others than the thread change it
 * @cancelled: its work was, while it ran
 * @nowait: only the thread itself, which may be in a hook, uses it
 */
struct iou_worker {
	struct iou_pool *pool;
	struct iou_class *class;
	struct task_struct *task;
	struct list_head node;
	struct list_head idle_node;
	unsigned long idle_since;
	enum worker_state state;
	bool cancelled;
	enum worker_nowait nowait;
};

static struct iou_class *pool_class(struct iou_pool *pool, const struct iou_work *work)
{
	return &pool->class[work->unbound ? IO_WQ_UNBOUND : IO_WQ_BOUND];
}

/* The one place where the state of a thread changes */
static void worker_set_state(struct iou_worker *worker, enum worker_state state)
{
	static const u8 next[NR_WORKER_STATES] = {
		[WORKER_STARTING] = BIT(WORKER_BUSY) | BIT(WORKER_IDLE) | BIT(WORKER_ENDING),
		[WORKER_BUSY]	  = BIT(WORKER_BUSY) | BIT(WORKER_BLOCKED) |
				    BIT(WORKER_IDLE) | BIT(WORKER_ENDING),
		[WORKER_BLOCKED]  = BIT(WORKER_BUSY),
		[WORKER_IDLE]	  = BIT(WORKER_STARTING) | BIT(WORKER_ENDING),
	};
	struct iou_class *class = worker->class;

	lockdep_assert_held(&worker->pool->lock);
	if (IS_ENABLED(CONFIG_PROVE_LOCKING))
		WARN_ON_ONCE(!(next[worker->state] & BIT(state)));

	class->nr[worker->state]--;
	class->nr[state]++;
	/* The hooks look at it without the lock */
	WRITE_ONCE(worker->state, state);
}

/* How many threads count for the limit? */
static u32 class_nr_workers(const struct iou_class *class)
{
	return class->nr[WORKER_STARTING] + class->nr[WORKER_BUSY] +
	       class->nr[WORKER_BLOCKED] + class->nr[WORKER_IDLE] + class->nr_asked;
}

/* How many threads can run at the same time? */
static u32 pool_nr_cpus(const struct iou_pool *pool)
{
	u32 allowed = pool->nr_cpus ?: READ_ONCE(pool->task->nr_cpus_allowed);

	return min(allowed, num_online_cpus());
}

/*
 * Are as many threads on their way, or running, as there is work, or CPUs? Then none is
 * wanted, and this is all that is looked at for most work.
 */
static bool class_is_served(const struct iou_pool *pool, const struct iou_class *class)
{
	u32 coming = class->nr[WORKER_STARTING] + class->nr_asked;

	if (class->nr_queued <= coming && !class->nr_expected)
		return true;
	return coming + class->nr[WORKER_BUSY] >= pool_nr_cpus(pool);
}

/* What a class needs: threads to be woken, and to be made */
struct class_need {
	u32 wake;
	u32 make;
};

/* How many more threads are wanted, if it is not served? */
static struct class_need class_need(const struct iou_pool *pool,
				    const struct iou_class *class)
{
	u32 coming = class->nr[WORKER_STARTING] + class->nr_asked;
	u32 running = coming + class->nr[WORKER_BUSY];
	u32 workers = class_nr_workers(class);
	u32 queued = class->nr_queued;
	struct class_need need = { };
	u32 nr_cpus, wanted;

	/* Somebody has to be there for what is expected, and be made while there is a task */
	if (class->nr_expected && !workers && !queued)
		queued = 1;
	/* For each thread that is coming there is work already */
	if (queued <= coming)
		return need;
	/* There may be fewer than a moment ago: the task is told at any time where it may run */
	nr_cpus = pool_nr_cpus(pool);
	if (unlikely(running >= nr_cpus))
		return need;

	wanted = min(queued - coming, nr_cpus - running);
	need.wake = min(wanted, class->nr[WORKER_IDLE]);
	running += need.wake;
	wanted -= need.wake;

	/* One in any case, or nothing would be done; others are for work that asked for it */
	need.make = min(wanted, max(class->nr_async, !running));
	need.make = min(need.make, class->max - min(workers, class->max));
	return need;
}

static void pool_arm_timer(struct iou_pool *pool, unsigned long delay)
{
	lockdep_assert_held(&pool->lock);
	/* Sooner, if it is pending */
	if (!pool->dying)
		timer_reduce(&pool->timer, jiffies + delay);
}

static void worker_wake(struct iou_worker *worker, enum worker_state state)
{
	list_del_init(&worker->idle_node);
	worker_set_state(worker, state);
	wake_up_process(worker->task);
}

static void class_wake_one(struct iou_class *class)
{
	worker_wake(list_first_entry(&class->idle, struct iou_worker, idle_node),
		    WORKER_STARTING);
}

static void class_wake_all(struct iou_class *class)
{
	while (!list_empty(&class->idle))
		class_wake_one(class);
}

/* Have threads made */
static void class_ask(struct iou_pool *pool, struct iou_class *class, u32 nr)
{
	lockdep_assert_held(&pool->lock);
	if (likely(!nr) || pool->dying || pool->failed)
		return;

	class->nr_asked += nr;
	if (pool->ask == POOL_ASK_NOT)
		pool->ask = POOL_ASK_NOW;
}

static noinline void class_get_threads(struct iou_pool *pool, struct iou_class *class)
{
	struct class_need need = class_need(pool, class);

	while (need.wake--)
		class_wake_one(class);
	class_ask(pool, class, need.make);
}

/* Work came, or a thread went: get as many threads as are needed */
static inline void class_activate(struct iou_pool *pool, struct iou_class *class)
{
	lockdep_assert_held(&pool->lock);
	if (!class_is_served(pool, class))
		class_get_threads(pool, class);
}

/*
 * Interrupt the task, so that it makes threads. Not under the lock. What is asked for by
 * somebody who is no part of the task keeps a request of it in flight, and so the pool.
 */
static void pool_send_ask(struct iou_pool *pool)
{
	/* If the task runs no work any more, the pool is dying */
	task_work_add(pool->task, &pool->grow_work, TWA_SIGNAL | TWAF_NO_ALLOC);
}

/* Return: after unlocking, the caller has to ask the task for threads */
static bool pool_must_ask(struct iou_pool *pool)
{
	lockdep_assert_held(&pool->lock);
	if (likely(pool->ask != POOL_ASK_NOW))
		return false;
	pool->ask = POOL_ASK_SENT;
	return true;
}

static bool is_interruptible(const struct task_struct *tsk)
{
	return READ_ONCE(tsk->__state) & TASK_INTERRUPTIBLE;
}

/* The thread must not wait, and tries to. Return: schedule() will come back at once */
static bool worker_refuses(struct iou_worker *worker, struct task_struct *tsk)
{
	if (worker->nowait != WORKER_NOWAIT || !is_interruptible(tsk))
		return false;
	worker->nowait = WORKER_REFUSED;
	set_tsk_thread_flag(tsk, TIF_NOTIFY_SIGNAL);
	return true;
}

/* It tries again. Let it sleep, unless it has a signal for another reason, too */
static void worker_gives_in(const struct iou_worker *worker, struct task_struct *tsk)
{
	lockdep_assert_held(&worker->pool->lock);
	if (worker->nowait == WORKER_REFUSED && !worker->cancelled && is_interruptible(tsk))
		clear_tsk_thread_flag(tsk, TIF_NOTIFY_SIGNAL);
}

/**
 * io_wq_worker_sleeping() - a worker is about to block
 * @tsk: current
 *
 * Context: schedule(), before any of its locks. Does not sleep.
 */
void io_wq_worker_sleeping(struct task_struct *tsk)
{
	struct iou_worker *worker = tsk->worker_private;
	struct iou_pool *pool;
	unsigned long flags;
	bool ask;

	if (!worker || READ_ONCE(worker->state) != WORKER_BUSY)
		return;
	if (unlikely(worker->nowait) && worker_refuses(worker, tsk))
		return;

	pool = worker->pool;
	raw_spin_lock_irqsave(&pool->lock, flags);
	if (unlikely(worker->nowait))
		worker_gives_in(worker, tsk);
	worker_set_state(worker, WORKER_BLOCKED);
	class_activate(pool, worker->class);
	ask = pool_must_ask(pool);
	raw_spin_unlock_irqrestore(&pool->lock, flags);

	if (ask)
		pool_send_ask(pool);
}

/**
 * io_wq_worker_running() - a worker runs again
 * @tsk: current
 *
 * Context: schedule(), after all of its locks. Does not sleep.
 */
void io_wq_worker_running(struct task_struct *tsk)
{
	struct iou_worker *worker = tsk->worker_private;
	unsigned long flags;

	if (!worker || READ_ONCE(worker->state) != WORKER_BLOCKED)
		return;

	raw_spin_lock_irqsave(&worker->pool->lock, flags);
	worker_set_state(worker, WORKER_BUSY);
	raw_spin_unlock_irqrestore(&worker->pool->lock, flags);
}

/**
 * iou_worker_begin_nowait() - what follows shall not wait until something happens
 *
 * Context: a worker, in its work.
 */
void iou_worker_begin_nowait(void)
{
	struct iou_worker *worker = current->worker_private;

	worker->nowait = WORKER_NOWAIT;
}

/**
 * iou_worker_refused() - has the current worker tried to wait where it must not?
 *
 * Context: a worker, in its work.
 * Return: whether, since iou_worker_begin_nowait().
 */
bool iou_worker_refused(void)
{
	const struct iou_worker *worker = current->worker_private;

	return worker->nowait == WORKER_REFUSED;
}

/**
 * iou_worker_end_nowait() - from here on it may wait again
 *
 * Context: a worker, in its work.
 */
void iou_worker_end_nowait(void)
{
	struct iou_worker *worker = current->worker_private;

	worker->nowait = WORKER_MAY_WAIT;
}

/**
 * iou_worker_restarts() - was the current worker interrupted for a while only?
 *
 * Its program is being stopped or frozen. What says -ERESTARTSYS, and so has done nothing
 * yet, goes on afterwards if it says IOU_WORK, as a system call would.
 *
 * Context: a worker, in its work.
 * Return: whether. Not if it is being killed; a cancel shows in the pool.
 */
bool iou_worker_restarts(void)
{
	return task_sigpending(current) && !fatal_signal_pending(current);
}

/**
 * iou_workers_are_scarce() - would blocking now take one of the last workers for such work?
 *
 * Those that are busy count, too: each of them may be asking the same, and block next.
 *
 * Context: a worker, in its work.
 * Return: whether it is among the second half of those that there may be.
 */
bool iou_workers_are_scarce(void)
{
	const struct iou_worker *worker = current->worker_private;
	const struct iou_class *class = worker->class;
	bool scarce;

	raw_spin_lock_irq(&worker->pool->lock);
	scarce = 2 * (class->nr[WORKER_BUSY] + class->nr[WORKER_BLOCKED]) > class->max;
	raw_spin_unlock_irq(&worker->pool->lock);
	return scarce;
}

static void class_add(struct iou_class *class, struct iou_work *work)
{
	WRITE_ONCE(work->worker, NULL);
	list_add_tail(&work->node, &class->queue);
	class->nr_queued++;
	class->nr_async += work->async;
}

static void class_remove(struct iou_class *class, struct iou_work *work)
{
	list_del_init(&work->node);
	class->nr_queued--;
	class->nr_async -= work->async;
}

/* Take a piece of work. Return: it, or NULL: there is none for this thread */
static struct iou_work *worker_take(struct iou_worker *worker)
{
	struct iou_class *class = worker->class;
	struct iou_work *work;

	lockdep_assert_held(&worker->pool->lock);
	if (unlikely(signal_pending(current))) {
		/* It was meant for the work before */
		if (test_thread_flag(TIF_NOTIFY_SIGNAL))
			clear_notify_signal();
		if (fatal_signal_pending(current))
			return NULL;
	}
	if (worker->state == WORKER_ENDING || list_empty(&class->queue))
		return NULL;

	work = list_first_entry(&class->queue, struct iou_work, node);
	class_remove(class, work);
	worker_set_state(worker, WORKER_BUSY);
	worker->cancelled = false;
	WRITE_ONCE(work->worker, worker);
	return work;
}

static void worker_give_back(struct iou_worker *worker, struct iou_work *work)
{
	struct iou_pool *pool = worker->pool;

	raw_spin_lock_irq(&pool->lock);
	WRITE_ONCE(work->worker, NULL);
	pool->ops->give_back(work, worker->cancelled);
	raw_spin_unlock_irq(&pool->lock);
}

/* It is to be done by the other class, or later. A pool that dies takes no such work */
static void worker_move(struct iou_worker *worker, struct iou_work *work)
{
	struct iou_pool *pool = worker->pool;
	struct iou_class *class = &pool->class[IO_WQ_UNBOUND];
	bool ok, ask;

	raw_spin_lock_irq(&pool->lock);
	WRITE_ONCE(work->worker, NULL);
	ok = !worker->cancelled && !pool->dying;
	if (ok) {
		WRITE_ONCE(work->unbound, true);
		class_add(class, work);
		class_activate(pool, class);
	}
	ask = pool_must_ask(pool);
	raw_spin_unlock_irq(&pool->lock);

	if (ask)
		pool_send_ask(pool);
	if (!ok)
		pool->ops->fail(work, -ECANCELED);
}

/* The thread takes no more work. Pool locked */
static void worker_set_ending(struct iou_worker *worker)
{
	if (worker->state != WORKER_ENDING)
		worker_set_state(worker, WORKER_ENDING);
}

static noinline bool worker_get_signal(void)
{
	struct ksignal ksig;

	return get_signal(&ksig);
}

/* Signals here are SIGKILL, SIGSTOP and the freezer's. Return: the thread was killed */
static bool worker_take_signals(void)
{
	return unlikely(task_sigpending(current)) && worker_get_signal();
}

/* Return: the thread was killed */
static noinline bool worker_do_resume(void)
{
	if (task_work_pending(current))
		task_work_run();
	iou_thread_resume();
	cond_resched();
	return worker_take_signals();
}

/*
 * What others do on their way to user space. Also with more to do: a program that has a
 * long queue is stopped and frozen as any other. Return: the thread was killed.
 */
static bool worker_resume(void)
{
	const unsigned long reasons = _TIF_NEED_RESCHED | _TIF_SIGPENDING | _TIF_NOTIFY_RESUME;

	/* Mostly there is nothing. If RCU waits for this CPU, the tick sets NEED_RESCHED */
	if (likely(!(read_thread_flags() & reasons) && !task_work_pending(current)))
		return false;
	return worker_do_resume();
}

static void worker_run(struct iou_worker *worker, struct iou_work *work)
{
	const struct iou_pool_ops *ops = worker->pool->ops;
	enum iou_work_end end = ops->run(work);

	if (likely(end == IOU_WORK_DONE)) {
		/* From here on a cancel finds nobody to interrupt */
		WRITE_ONCE(work->worker, NULL);
		/* What interrupted it is not for who closes its file now, and waits for that */
		if (test_thread_flag(TIF_NOTIFY_SIGNAL))
			clear_notify_signal();
		ops->done(work);
	} else if (end == IOU_WORK_BACK) {
		worker_give_back(worker, work);
	} else {
		worker_move(worker, work);
	}
}

/*
 * Do a piece of work. All that sleeps in here counts, so that others do what is queued
 * meanwhile. Pool locked before and after.
 */
static void worker_do(struct iou_worker *worker, struct iou_work *work)
	__must_hold(&worker->pool->lock)
{
	struct iou_pool *pool = worker->pool;
	bool killed;

	raw_spin_unlock_irq(&pool->lock);
	worker_run(worker, work);
	killed = worker_resume();
	raw_spin_lock_irq(&pool->lock);

	if (killed)
		worker_set_ending(worker);
}

/* Sleep until there is work. Pool locked before and after. */
static void worker_idle(struct iou_worker *worker)
	__must_hold(&worker->pool->lock)
{
	struct iou_pool *pool = worker->pool;
	struct iou_class *class = worker->class;
	bool killed;

	worker_set_state(worker, WORKER_IDLE);
	list_add(&worker->idle_node, &class->idle);
	worker->idle_since = jiffies;
	if (class->nr[WORKER_IDLE] > 1)
		pool_arm_timer(pool, IOU_IDLE_TIME);
	set_current_state(TASK_INTERRUPTIBLE);
	raw_spin_unlock_irq(&pool->lock);

	schedule();
	__set_current_state(TASK_RUNNING);
	killed = worker_take_signals();

	raw_spin_lock_irq(&pool->lock);
	if (worker->state == WORKER_IDLE) {
		/* Nobody has woken it: see itself whether there is something to do */
		list_del_init(&worker->idle_node);
		worker_set_state(worker, WORKER_STARTING);
	}
	if (killed)
		worker_set_ending(worker);
}

/* Has this thread no more to do? The last one stays for what is expected. */
static bool worker_ends(const struct iou_worker *worker)
{
	const struct iou_class *class = worker->class;
	const struct iou_pool *pool = worker->pool;

	lockdep_assert_held(&pool->lock);
	if (worker->state == WORKER_ENDING || fatal_signal_pending(current))
		return true;
	if (!pool->dying && !pool->unused)
		return false;
	return !class->nr_expected || class_nr_workers(class) > 1 + class->nr_asked;
}

/* Return: work that nobody can do, or NULL */
static struct iou_work *class_take_failed(struct iou_pool *pool, struct iou_class *class)
{
	struct iou_work *work = NULL;

	raw_spin_lock_irq(&pool->lock);
	if (!class_nr_workers(class))
		work = list_first_entry_or_null(&class->queue, struct iou_work, node);
	if (work)
		class_remove(class, work);
	raw_spin_unlock_irq(&pool->lock);
	return work;
}

/* No thread to be had, and none there is: the work cannot be done */
static void class_fail(struct iou_pool *pool, struct iou_class *class, int error)
{
	struct iou_work *work;

	/* One by one: a cancel may take it, too */
	while ((work = class_take_failed(pool, class)))
		pool->ops->fail(work, error);
}

/* The thread does nothing any more */
static void worker_end(struct iou_worker *worker)
{
	struct iou_pool *pool = worker->pool;
	struct iou_class *class = worker->class;
	bool ask;

	raw_spin_lock_irq(&pool->lock);
	class_activate(pool, class);
	ask = pool_must_ask(pool);
	raw_spin_unlock_irq(&pool->lock);
	if (ask)
		pool_send_ask(pool);

	/* Killed: what is left will never be done */
	if (READ_ONCE(pool->dying))
		class_fail(pool, class, -ECANCELED);

	current->worker_private = NULL;
	raw_spin_lock_irq(&pool->lock);
	class->nr[WORKER_ENDING]--;
	list_del(&worker->node);
	if (pool->dying && list_empty(&pool->workers))
		complete(&pool->joined);
	raw_spin_unlock_irq(&pool->lock);
	kfree(worker);
}

static int worker_main(void *arg)
{
	struct iou_worker *worker = arg;
	struct iou_pool *pool = worker->pool;
	struct task_struct *owner = pool->task;
	char name[TASK_COMM_LEN];
	struct iou_work *work;

	snprintf(name, sizeof(name), "iou-wrk-%d", owner->pid);
	set_task_comm(current, name);

	raw_spin_lock_irq(&pool->lock);
	for (;;) {
		work = worker_take(worker);
		if (work)
			worker_do(worker, work);
		else if (!worker_ends(worker))
			worker_idle(worker);
		else
			break;
	}
	/* Under the same lock: the next one that looks may have to stay for what is expected */
	worker_set_ending(worker);
	raw_spin_unlock_irq(&pool->lock);

	worker_end(worker);
	put_task_struct(owner);
	do_exit(0);
}

/* A cpuset may have become smaller since the program said where workers may run */
static void worker_place(const struct iou_pool *pool, struct task_struct *task)
{
	cpumask_var_t cpus;

	if (!pool->cpus || !alloc_cpumask_var(&cpus, GFP_KERNEL))
		return;
	cpuset_cpus_allowed(pool->task, cpus);
	if (cpumask_and(cpus, cpus, pool->cpus))
		set_cpus_allowed_ptr(task, cpus);
	free_cpumask_var(cpus);
}

/* A pending signal would make fork fail; it has time until the thread is made */
static struct task_struct *worker_fork(struct iou_worker *worker)
{
	sigset_t old = current->blocked, all;
	struct task_struct *task;

	sigfillset(&all);
	set_current_blocked(&all);
	task = create_io_thread(worker_main, worker, NUMA_NO_NODE);
	set_current_blocked(&old);
	return task;
}

/* Make one of the threads that were asked for. In the task. Return: 0 or an error */
static int worker_create(struct iou_pool *pool, struct iou_class *class)
{
	struct iou_worker *worker = kzalloc(sizeof(*worker), GFP_KERNEL_ACCOUNT);
	struct task_struct *task;

	if (!worker)
		return -ENOMEM;
	worker->pool = pool;
	worker->class = class;
	worker->state = WORKER_STARTING;
	INIT_LIST_HEAD(&worker->idle_node);
	task = worker_fork(worker);
	if (IS_ERR(task)) {
		kfree(worker);
		return PTR_ERR(task);
	}

	worker->task = task;
	task->worker_private = worker;
	worker_place(pool, task);
	get_task_struct(pool->task);

	raw_spin_lock_irq(&pool->lock);
	list_add(&worker->node, &pool->workers);
	class->nr_asked--;
	class->nr[WORKER_STARTING]++;
	raw_spin_unlock_irq(&pool->lock);
	wake_up_new_task(task);
	return 0;
}

static void class_grow(struct iou_pool *pool, struct iou_class *class)
{
	if (!worker_create(pool, class)) {
		pool->nr_retries = 0;
		return;
	}

	/* It may pass. Try again when there is still work and still nobody to do it */
	raw_spin_lock_irq(&pool->lock);
	pool->nr_retries++;
	class->nr_asked = 0;
	pool->failed = true;
	pool_arm_timer(pool, IOU_RETRY_TIME);
	raw_spin_unlock_irq(&pool->lock);
}

/* Some class that has asked for threads; or NULL, and that ends the asking */
static struct iou_class *pool_next_asked(struct iou_pool *pool)
{
	struct iou_class *found = NULL;
	int i;

	raw_spin_lock_irq(&pool->lock);
	for (i = 0; i < 2 && !found; i++)
		if (pool->class[i].nr_asked)
			found = &pool->class[i];
	if (!found)
		pool->ask = POOL_ASK_NOT;
	raw_spin_unlock_irq(&pool->lock);
	return found;
}

/* Make the threads that were asked for. In the task; may sleep */
static void pool_make(struct iou_pool *pool)
{
	struct iou_class *class;

	while ((class = pool_next_asked(pool)))
		class_grow(pool, class);
}

/* Task work. Work fails only here, as that takes ring locks: the caller has none */
static void pool_grow(struct callback_head *cb)
{
	struct iou_pool *pool = container_of(cb, struct iou_pool, grow_work);
	int i;

	pool_make(pool);
	if (pool->nr_retries <= IOU_MAX_RETRIES)
		return;

	pool->nr_retries = 0;
	for (i = 0; i < 2; i++)
		class_fail(pool, &pool->class[i], -EAGAIN);
}

/*
 * After pool_must_ask(). @first: nobody is there who could do the work, so the task does
 * not wait for its task work. Who is not about to submit work is never the first.
 */
static void pool_get_threads(struct iou_pool *pool, bool first)
{
	if (first && current == pool->task)
		pool_make(pool);
	else
		pool_send_ask(pool);
}

/* End threads that were idle for long, but one */
static void class_reap(struct iou_class *class)
{
	while (class->nr[WORKER_IDLE] > 1) {
		struct iou_worker *worker =
			list_last_entry(&class->idle, struct iou_worker, idle_node);

		if (time_before(jiffies, worker->idle_since + IOU_IDLE_TIME))
			break;
		worker_wake(worker, WORKER_ENDING);
	}
}

static void pool_tick(struct timer_list *timer)
{
	struct iou_pool *pool = container_of(timer, struct iou_pool, timer);
	bool again = false, ask;
	unsigned long flags;
	int i;

	raw_spin_lock_irqsave(&pool->lock, flags);
	pool->failed = false;
	for (i = 0; i < 2; i++) {
		class_activate(pool, &pool->class[i]);
		class_reap(&pool->class[i]);
		again |= pool->class[i].nr[WORKER_IDLE] > 1;
	}
	if (again)
		pool_arm_timer(pool, IOU_IDLE_TIME);
	ask = pool_must_ask(pool);
	raw_spin_unlock_irqrestore(&pool->lock, flags);

	if (ask)
		pool_send_ask(pool);
}

/**
 * iou_pool_cap() - what RLIMIT_NPROC leaves of a limit
 * @max: of threads; 0: nothing was asked for
 *
 * Return: the limit, or 0: there is to be no other one than before. A pool that
 * might have no thread would never do its work, nor fail to. Whether one can be
 * made shows when that is tried.
 */
u32 iou_pool_cap(u32 max)
{
	return min_t(unsigned long, max, rlimit(RLIMIT_NPROC));
}

/**
 * iou_pool_create() - make a pool without threads
 * @task: the owner, current's
 * @max: limits of threads for bounded and unbounded work, not 0
 * @ops: what to do with work
 *
 * Context: may sleep.
 * Return: the pool, or NULL without memory.
 */
struct iou_pool *iou_pool_create(struct iou_task *task, const u32 max[2],
				 const struct iou_pool_ops *ops)
{
	struct iou_pool *pool = kzalloc(sizeof(*pool), GFP_KERNEL_ACCOUNT);
	int i;

	if (!pool)
		return NULL;
	raw_spin_lock_init(&pool->lock);
	pool->task = task->task;
	pool->ops = ops;
	INIT_LIST_HEAD(&pool->workers);
	init_completion(&pool->joined);
	init_task_work(&pool->grow_work, pool_grow);
	timer_setup(&pool->timer, pool_tick, 0);
	for (i = 0; i < 2; i++) {
		INIT_LIST_HEAD(&pool->class[i].queue);
		INIT_LIST_HEAD(&pool->class[i].idle);
		pool->class[i].max = max[i];
	}
	return pool;
}

/**
 * iou_pool_free() - free a pool whose threads are gone
 * @pool: after iou_pool_exit()
 *
 * Context: any.
 */
void iou_pool_free(struct iou_pool *pool)
{
	kfree(pool->cpus);
	kfree(pool);
}

/**
 * iou_pool_queue() - have work done
 * @pool: the pool
 * @work: owned by the pool from here on
 *
 * Context: may sleep.
 * Return: false if the pool has died: the work is still the caller's.
 */
bool iou_pool_queue(struct iou_pool *pool, struct iou_work *work)
{
	struct iou_class *class = pool_class(pool, work);
	bool ask, first;

	raw_spin_lock_irq(&pool->lock);
	if (unlikely(pool->dying && !class_nr_workers(class))) {
		raw_spin_unlock_irq(&pool->lock);
		return false;
	}

	pool->unused = false;
	class_add(class, work);
	class_activate(pool, class);
	ask = pool_must_ask(pool);
	first = ask && class_nr_workers(class) == class->nr_asked;
	raw_spin_unlock_irq(&pool->lock);

	if (unlikely(ask))
		pool_get_threads(pool, first);
	return true;
}

/**
 * iou_pool_expect() - work will be queued later
 * @pool: of the current task
 * @work: waits for something else first; @unbound is set
 *
 * So that there is somebody to do it even if the task has exited by then, and can
 * make no threads any more: if it has none it gets one now.
 *
 * Context: the task. May sleep.
 */
void iou_pool_expect(struct iou_pool *pool, const struct iou_work *work)
{
	struct iou_class *class = pool_class(pool, work);
	bool ask;

	raw_spin_lock_irq(&pool->lock);
	pool->unused = false;
	class->nr_expected++;
	class_activate(pool, class);
	ask = pool_must_ask(pool);
	raw_spin_unlock_irq(&pool->lock);

	if (unlikely(ask))
		pool_get_threads(pool, true);
}

/**
 * iou_pool_unexpect() - it was queued, or will not be
 * @pool: the pool
 * @work: given to iou_pool_expect(); only @unbound is looked at
 *
 * Context: any that may not be in an interrupt. Does not sleep.
 */
void iou_pool_unexpect(struct iou_pool *pool, const struct iou_work *work)
{
	struct iou_class *class = pool_class(pool, work);

	raw_spin_lock_irq(&pool->lock);
	if (!--class->nr_expected && (pool->dying || pool->unused))
		class_wake_all(class);
	raw_spin_unlock_irq(&pool->lock);
}

/**
 * iou_pool_cancel() - take back or interrupt work
 * @pool: the pool
 * @work: was given to iou_pool_queue(), by a request whose ring is locked
 *
 * A thread forgets its work, without a lock, before it passes that on. So it may be just
 * ending, and is interrupted too late.
 *
 * Context: any that may not be in an interrupt. Does not sleep.
 * Return: where it was.
 */
enum iou_pool_place iou_pool_cancel(struct iou_pool *pool, struct iou_work *work)
{
	enum iou_pool_place place = IOU_POOL_GONE;
	struct iou_worker *worker;

	raw_spin_lock_irq(&pool->lock);
	worker = READ_ONCE(work->worker);
	if (worker) {
		place = IOU_POOL_RUNNING;
		worker->cancelled = true;
		set_notify_signal(worker->task);
	} else if (!list_empty(&work->node)) {
		place = IOU_POOL_QUEUED;
		class_remove(pool_class(pool, work), work);
	}
	raw_spin_unlock_irq(&pool->lock);
	return place;
}

/**
 * iou_pool_exit() - end the threads
 * @pool: of the current task
 *
 * Threads that exist do what is queued, as far as iou_pool_cancel() left it, and
 * end; one stays until what is expected was queued. No others are made, and if
 * there is none, work that is queued fails. Does not wait for them.
 *
 * Context: may sleep.
 */
void iou_pool_exit(struct iou_pool *pool)
{
	int i;

	raw_spin_lock_irq(&pool->lock);
	pool->dying = true;
	for (i = 0; i < 2; i++) {
		pool->class[i].nr_asked = 0;
		class_wake_all(&pool->class[i]);
	}
	raw_spin_unlock_irq(&pool->lock);

	timer_delete_sync(&pool->timer);
	for (i = 0; i < 2; i++)
		class_fail(pool, &pool->class[i], -ECANCELED);
}

/**
 * iou_pool_retire() - the task has no rings any more
 * @pool: nothing is in flight that could come here
 *
 * Its threads end as soon as they have nothing to do. Work that comes all the same, from
 * a new ring, is done by new ones.
 *
 * Context: does not sleep.
 */
void iou_pool_retire(struct iou_pool *pool)
{
	int i;

	raw_spin_lock_irq(&pool->lock);
	pool->unused = true;
	for (i = 0; i < 2; i++)
		class_wake_all(&pool->class[i]);
	raw_spin_unlock_irq(&pool->lock);
}

static bool pool_empty(struct iou_pool *pool)
{
	bool empty;

	raw_spin_lock_irq(&pool->lock);
	empty = list_empty(&pool->workers);
	raw_spin_unlock_irq(&pool->lock);
	return empty;
}

/**
 * iou_pool_join() - wait for the threads to end
 * @pool: after iou_pool_exit(), with no work left
 *
 * Takes @grow_work back, too: nothing refers to the pool any more.
 *
 * Context: the owner. Sleeps.
 */
void iou_pool_join(struct iou_pool *pool)
{
	while (!pool_empty(pool))
		wait_for_completion(&pool->joined);
	/* A thread may have asked for another one at the last moment */
	task_work_run();
}

/* Let all threads there are run on these CPUs. Only the task makes new ones. */
static int pool_move_workers(struct iou_pool *pool, const struct cpumask *cpus)
{
	struct iou_worker *worker;
	struct task_struct **tasks;
	u32 max = 0, nr = 0;

	raw_spin_lock_irq(&pool->lock);
	list_for_each_entry(worker, &pool->workers, node)
		max++;
	raw_spin_unlock_irq(&pool->lock);
	tasks = kcalloc(max, sizeof(*tasks), GFP_KERNEL);
	if (!tasks)
		return -ENOMEM;
	raw_spin_lock_irq(&pool->lock);
	list_for_each_entry(worker, &pool->workers, node)
		if (nr < max)
			tasks[nr++] = get_task_struct(worker->task);
	raw_spin_unlock_irq(&pool->lock);
	while (nr--) {
		set_cpus_allowed_ptr(tasks[nr], cpus);
		put_task_struct(tasks[nr]);
	}
	kfree(tasks);
	return 0;
}

/**
 * iou_pool_set_cpus() - say where the threads may run
 * @pool: current's
 * @cpus: there; NULL: wherever the task may
 *
 * Context: may sleep.
 * Return: 0; -EINVAL: the task may not run on all of them; -ENOMEM.
 */
int iou_pool_set_cpus(struct iou_pool *pool, const struct cpumask *cpus)
{
	struct cpumask *mask = kmalloc(cpumask_size(), GFP_KERNEL_ACCOUNT);
	int error = 0;

	if (!mask)
		return -ENOMEM;
	cpuset_cpus_allowed(current, mask);
	if (cpus && !cpumask_subset(cpus, mask))
		error = -EINVAL;
	else if (cpus)
		cpumask_copy(mask, cpus);
	if (!error)
		error = pool_move_workers(pool, mask);
	if (!error) {
		WRITE_ONCE(pool->nr_cpus, cpus ? cpumask_weight(mask) : 0);
		swap(pool->cpus, mask);
	}
	/* Without a wish new ones run where their maker may then */
	if (!error && !cpus) {
		kfree(pool->cpus);
		pool->cpus = NULL;
	}
	kfree(mask);
	return error;
}

/**
 * iou_pool_set_max() - limit the number of threads
 * @pool: the pool
 * @max: in: new limits of bounded and unbounded work, 0: as it is; capped, see
 *       iou_pool_cap(). out: the old
 *
 * Context: may sleep.
 */
void iou_pool_set_max(struct iou_pool *pool, u32 max[2])
{
	bool ask;
	int i;

	raw_spin_lock_irq(&pool->lock);
	for (i = 0; i < 2; i++) {
		u32 old = pool->class[i].max;
		u32 new = iou_pool_cap(max[i]);

		if (new)
			pool->class[i].max = new;
		max[i] = old;
		class_activate(pool, &pool->class[i]);
	}
	ask = pool_must_ask(pool);
	raw_spin_unlock_irq(&pool->lock);

	if (ask)
		pool_send_ask(pool);
}
