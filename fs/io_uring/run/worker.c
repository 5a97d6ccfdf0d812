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
 * How many threads
 *
 *   A class aims at one running thread. "Running" counts those that execute
 *   work and do not sleep; the scheduler tells us through the two hooks below.
 *   When the last one sleeps, or ends, while work is queued, an idle thread is
 *   woken; if there is none, the task is asked to make one. A thread that is
 *   being woken or made counts as running, so nobody asks twice, and there are
 *   never more threads than work to do.
 *
 *   Idle threads sleep without a timer. One timer per pool ends those that were
 *   idle for five seconds, but one, and repeats failed attempts to make one.
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

/**
 * struct iou_class - one kind of work
 * @queue: work to do, oldest first
 * @idle: threads that wait for work, the latest first
 * @nr_workers: threads, those being made included
 * @nr_running: of these, neither idle nor asleep
 * @nr_idle: length of @idle
 * @max: limit of @nr_workers
 * @nr_wanted: threads that the task has been asked for
 * @nr_expected: work that will be queued later
 */
struct iou_class {
	struct list_head queue;
	struct list_head idle;
	u32 nr_workers;
	u32 nr_running;
	u32 nr_idle;
	u32 max;
	u32 nr_wanted;
	u32 nr_expected;
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
 * @asked: @grow_work is queued
 * @nr_retries: attempts to make a thread that failed in a row
 * @grow_work: makes threads, in the task
 * @timer: ends idle threads, repeats @grow_work
 * @cpus: where threads may run, or NULL: as their maker. The task's own
 * @joined: the last thread has ended, and @dying
 */
struct iou_pool {
	raw_spinlock_t lock;
	struct task_struct *task;
	const struct iou_pool_ops *ops;
	struct iou_class class[2];
	struct list_head workers;
	bool dying;
	bool asked;
	u32 nr_retries;
	struct callback_head grow_work;
	struct timer_list timer;
	struct cpumask *cpus;
	struct completion joined;
};

/**
 * struct iou_worker - one thread
 * @pool: constant
 * @class: constant
 * @task: the thread
 * @node: in the pool's list
 * @idle_node: in the class's idle list, or empty
 * @idle_since: in jiffies
 * @work: what it runs
 * @cancelled: @work was, while it ran
 * @stop: it was told to end
 * @counting: it runs work, so its sleeping matters; own use
 * @asleep: the scheduler hook took it off nr_running; own use
 */
struct iou_worker {
	struct iou_pool *pool;
	struct iou_class *class;
	struct task_struct *task;
	struct list_head node;
	struct list_head idle_node;
	unsigned long idle_since;
	struct iou_work *work;
	bool cancelled;
	bool stop;
	bool counting;
	bool asleep;
};

static struct iou_class *pool_class(struct iou_pool *pool, const struct iou_work *work)
{
	return &pool->class[work->unbound ? IO_WQ_UNBOUND : IO_WQ_BOUND];
}

static void pool_arm_timer(struct iou_pool *pool, unsigned long delay)
{
	lockdep_assert_held(&pool->lock);
	/* Sooner, if it is pending */
	if (!pool->dying)
		timer_reduce(&pool->timer, jiffies + delay);
}

/* Ask the task to make the threads wanted. It is interrupted for that. */
static void pool_ask(struct iou_pool *pool)
{
	lockdep_assert_held(&pool->lock);
	if (pool->asked || pool->dying)
		return;
	if (!task_work_add(pool->task, &pool->grow_work, TWA_SIGNAL | TWAF_NO_ALLOC))
		pool->asked = true;
}

static void wake_idle(struct iou_class *class, struct iou_worker *worker)
{
	list_del_init(&worker->idle_node);
	class->nr_idle--;
	class->nr_running++;
	wake_up_process(worker->task);
}

static void class_wake_all(struct iou_class *class)
{
	while (class->nr_idle)
		wake_idle(class, list_first_entry(&class->idle, struct iou_worker, idle_node));
}

/* Have another thread made, if there may be one */
static void class_want(struct iou_pool *pool, struct iou_class *class)
{
	lockdep_assert_held(&pool->lock);
	if (class->nr_workers >= class->max || pool->dying)
		return;
	class->nr_workers++;
	class->nr_running++;
	class->nr_wanted++;
	pool_ask(pool);
}

/* There is work and nobody who runs: get somebody */
static void class_activate(struct iou_pool *pool, struct iou_class *class)
{
	lockdep_assert_held(&pool->lock);
	if (class->nr_running || list_empty(&class->queue))
		return;
	if (class->nr_idle) {
		wake_idle(class, list_first_entry(&class->idle, struct iou_worker,
						  idle_node));
		return;
	}
	class_want(pool, class);
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
	unsigned long flags;

	if (!worker || !worker->counting || worker->asleep)
		return;
	worker->asleep = true;
	raw_spin_lock_irqsave(&worker->pool->lock, flags);
	worker->class->nr_running--;
	class_activate(worker->pool, worker->class);
	raw_spin_unlock_irqrestore(&worker->pool->lock, flags);
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

	if (!worker || !worker->asleep)
		return;
	worker->asleep = false;
	raw_spin_lock_irqsave(&worker->pool->lock, flags);
	worker->class->nr_running++;
	raw_spin_unlock_irqrestore(&worker->pool->lock, flags);
}

/* Finish one piece of work and take the next. Kicks are meant for either. */
static struct iou_work *worker_next(struct iou_worker *worker)
{
	struct iou_class *class = worker->class;

	lockdep_assert_held(&worker->pool->lock);
	if (test_thread_flag(TIF_NOTIFY_SIGNAL))
		clear_notify_signal();
	worker->work = NULL;
	worker->cancelled = false;
	if (worker->stop || fatal_signal_pending(current))
		return NULL;
	worker->work = list_first_entry_or_null(&class->queue, struct iou_work, node);
	if (worker->work)
		list_del_init(&worker->work->node);
	return worker->work;
}

/* Run one piece of work. Return: the next one, or NULL */
static struct iou_work *worker_do(struct iou_worker *worker, struct iou_work *work)
{
	struct iou_pool *pool = worker->pool;
	struct iou_work *next;
	bool back;

	worker->counting = true;
	back = pool->ops->run(work);
	worker->counting = false;

	raw_spin_lock_irq(&pool->lock);
	if (unlikely(back))
		pool->ops->give_back(work, worker->cancelled);
	next = worker_next(worker);
	raw_spin_unlock_irq(&pool->lock);

	if (likely(!back))
		pool->ops->done(work);
	if (task_work_pending(current))
		task_work_run();
	if (need_resched())
		cond_resched();
	return next;
}

/* Do all there is to do. Pool locked before and after. */
static void worker_run(struct iou_worker *worker)
	__must_hold(&worker->pool->lock)
{
	struct iou_pool *pool = worker->pool;
	struct iou_work *work;

	while ((work = worker_next(worker))) {
		raw_spin_unlock_irq(&pool->lock);
		while (work)
			work = worker_do(worker, work);
		/* This thread counts as running: nobody was woken for newer work */
		raw_spin_lock_irq(&pool->lock);
	}
}

/* Sleep until there is work. Pool locked before and after. */
static void worker_idle(struct iou_worker *worker)
	__must_hold(&worker->pool->lock)
{
	struct iou_pool *pool = worker->pool;
	struct iou_class *class = worker->class;
	struct ksignal ksig;

	class->nr_running--;
	class->nr_idle++;
	list_add(&worker->idle_node, &class->idle);
	worker->idle_since = jiffies;
	if (class->nr_idle > 1)
		pool_arm_timer(pool, IOU_IDLE_TIME);
	set_current_state(TASK_INTERRUPTIBLE);
	raw_spin_unlock_irq(&pool->lock);
	schedule();
	__set_current_state(TASK_RUNNING);
	/* Signals here are SIGKILL, SIGSTOP and the freezer's */
	if (signal_pending(current) && get_signal(&ksig))
		worker->stop = true;
	raw_spin_lock_irq(&pool->lock);
	if (!list_empty(&worker->idle_node)) {
		/* Not woken by wake_idle() */
		list_del_init(&worker->idle_node);
		class->nr_idle--;
		class->nr_running++;
	}
}

/* Has this thread no more to do? The last one stays for what is expected. */
static bool worker_ends(const struct iou_worker *worker)
{
	const struct iou_class *class = worker->class;

	lockdep_assert_held(&worker->pool->lock);
	if (worker->stop || fatal_signal_pending(current))
		return true;
	return worker->pool->dying &&
	       (!class->nr_expected || class->nr_workers - class->nr_wanted > 1);
}

/* No thread to be had, and none there is: the work cannot be done */
static void class_fail(struct iou_pool *pool, struct iou_class *class, int error)
{
	struct iou_work *work, *next;
	LIST_HEAD(failed);

	raw_spin_lock_irq(&pool->lock);
	if (!class->nr_workers)
		list_splice_init(&class->queue, &failed);
	raw_spin_unlock_irq(&pool->lock);
	list_for_each_entry_safe(work, next, &failed, node)
		pool->ops->fail(work, error);
}

static int worker_main(void *arg)
{
	struct iou_worker *worker = arg;
	struct iou_pool *pool = worker->pool;
	struct iou_class *class = worker->class;
	struct task_struct *owner = pool->task;
	char name[TASK_COMM_LEN];

	snprintf(name, sizeof(name), "iou-wrk-%d", owner->pid);
	set_task_comm(current, name);

	raw_spin_lock_irq(&pool->lock);
	for (;;) {
		worker_run(worker);
		if (worker_ends(worker))
			break;
		worker_idle(worker);
	}
	current->worker_private = NULL;
	worker->work = NULL;
	class->nr_running--;
	class->nr_workers--;
	class_activate(pool, class);
	raw_spin_unlock_irq(&pool->lock);
	/* Killed: what is left will never be done */
	if (READ_ONCE(pool->dying))
		class_fail(pool, class, -ECANCELED);
	raw_spin_lock_irq(&pool->lock);
	list_del(&worker->node);
	if (pool->dying && list_empty(&pool->workers))
		complete(&pool->joined);
	raw_spin_unlock_irq(&pool->lock);

	kfree(worker);
	put_task_struct(owner);
	do_exit(0);
}

static int worker_create(struct iou_pool *pool, struct iou_class *class)
{
	struct iou_worker *worker = kzalloc(sizeof(*worker), GFP_KERNEL_ACCOUNT);
	struct task_struct *task;

	if (!worker)
		return -ENOMEM;
	worker->pool = pool;
	worker->class = class;
	INIT_LIST_HEAD(&worker->idle_node);
	task = create_io_thread(worker_main, worker, NUMA_NO_NODE);
	if (IS_ERR(task)) {
		kfree(worker);
		return PTR_ERR(task);
	}
	worker->task = task;
	task->worker_private = worker;
	if (pool->cpus)
		set_cpus_allowed_ptr(task, pool->cpus);
	get_task_struct(pool->task);
	raw_spin_lock_irq(&pool->lock);
	list_add(&worker->node, &pool->workers);
	raw_spin_unlock_irq(&pool->lock);
	wake_up_new_task(task);
	return 0;
}

static void class_grow(struct iou_pool *pool, struct iou_class *class)
{
	bool give_up;
	int error;

	error = worker_create(pool, class);
	if (!error) {
		pool->nr_retries = 0;
		return;
	}
	/*
	 * A pending signal makes fork fail; others may pass, too. Try again
	 * when there is still work and still nobody to do it.
	 */
	raw_spin_lock_irq(&pool->lock);
	class->nr_workers--;
	class->nr_running--;
	give_up = ++pool->nr_retries > IOU_MAX_RETRIES;
	if (give_up)
		pool->nr_retries = 0;
	else
		pool_arm_timer(pool, IOU_RETRY_TIME);
	raw_spin_unlock_irq(&pool->lock);
	if (give_up)
		class_fail(pool, class, -EAGAIN);
}

/* Task work: make the threads that were asked for */
static void pool_grow(struct callback_head *cb)
{
	struct iou_pool *pool = container_of(cb, struct iou_pool, grow_work);
	u32 wanted[2];
	int i;

	raw_spin_lock_irq(&pool->lock);
	pool->asked = false;
	for (i = 0; i < 2; i++) {
		wanted[i] = pool->class[i].nr_wanted;
		pool->class[i].nr_wanted = 0;
		if (pool->dying) {
			pool->class[i].nr_workers -= wanted[i];
			pool->class[i].nr_running -= wanted[i];
			wanted[i] = 0;
		}
	}
	raw_spin_unlock_irq(&pool->lock);
	for (i = 0; i < 2; i++) {
		while (wanted[i]--)
			class_grow(pool, &pool->class[i]);
		if (READ_ONCE(pool->dying))
			class_fail(pool, &pool->class[i], -ECANCELED);
	}
}

/* End threads that were idle for long, but one */
static void class_reap(struct iou_class *class)
{
	while (class->nr_idle > 1) {
		struct iou_worker *worker =
			list_last_entry(&class->idle, struct iou_worker, idle_node);

		if (time_before(jiffies, worker->idle_since + IOU_IDLE_TIME))
			break;
		worker->stop = true;
		wake_idle(class, worker);
	}
}

static void pool_tick(struct timer_list *timer)
{
	struct iou_pool *pool = container_of(timer, struct iou_pool, timer);
	unsigned long flags;
	bool again = false;
	int i;

	raw_spin_lock_irqsave(&pool->lock, flags);
	for (i = 0; i < 2; i++) {
		class_activate(pool, &pool->class[i]);
		class_reap(&pool->class[i]);
		again |= pool->class[i].nr_idle > 1;
	}
	if (again)
		pool_arm_timer(pool, IOU_IDLE_TIME);
	raw_spin_unlock_irqrestore(&pool->lock, flags);
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
 * Context: any that may not be in an interrupt. Does not sleep.
 * Return: false if the pool has died: the work is still the caller's.
 */
bool iou_pool_queue(struct iou_pool *pool, struct iou_work *work)
{
	struct iou_class *class = pool_class(pool, work);
	unsigned long flags;
	bool ok;

	raw_spin_lock_irqsave(&pool->lock, flags);
	ok = !pool->dying || class->nr_workers;
	if (ok) {
		list_add_tail(&work->node, &class->queue);
		class_activate(pool, class);
	}
	raw_spin_unlock_irqrestore(&pool->lock, flags);
	return ok;
}

/**
 * iou_pool_expect() - work will be queued later
 * @pool: of the current task
 * @work: waits for something else first; @unbound is set
 *
 * So that there is somebody to do it even if the task has exited by then. An
 * exiting task cannot make threads: one that has none gets one now.
 *
 * Context: any that may not be in an interrupt. Does not sleep.
 */
void iou_pool_expect(struct iou_pool *pool, const struct iou_work *work)
{
	struct iou_class *class = pool_class(pool, work);

	raw_spin_lock_irq(&pool->lock);
	class->nr_expected++;
	if (!class->nr_workers)
		class_want(pool, class);
	raw_spin_unlock_irq(&pool->lock);
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
	if (!--class->nr_expected && pool->dying)
		class_wake_all(class);
	raw_spin_unlock_irq(&pool->lock);
}

/**
 * iou_pool_cancel() - take back or interrupt work
 * @pool: the pool
 * @match: which; called under a raw lock
 * @data: for @match
 * @removed: work that had not been started is moved there
 *
 * Work that is running is interrupted as by a signal, but goes on until it
 * notices.
 *
 * Context: any that may not be in an interrupt. Does not sleep.
 * Return: how much was running.
 */
u32 iou_pool_cancel(struct iou_pool *pool, iou_work_match_fn match, void *data,
		    struct list_head *removed)
{
	struct iou_work *work, *next;
	struct iou_worker *worker;
	unsigned long flags;
	u32 nr = 0;
	int i;

	raw_spin_lock_irqsave(&pool->lock, flags);
	for (i = 0; i < 2; i++)
		list_for_each_entry_safe(work, next, &pool->class[i].queue, node)
			if (match(work, data))
				list_move_tail(&work->node, removed);
	list_for_each_entry(worker, &pool->workers, node) {
		if (!worker->work || !match(worker->work, data))
			continue;
		worker->cancelled = true;
		set_notify_signal(worker->task);
		nr++;
	}
	raw_spin_unlock_irqrestore(&pool->lock, flags);
	return nr;
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
	for (i = 0; i < 2; i++)
		class_wake_all(&pool->class[i]);
	raw_spin_unlock_irq(&pool->lock);
	timer_delete_sync(&pool->timer);
	for (i = 0; i < 2; i++)
		class_fail(pool, &pool->class[i], -ECANCELED);
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
	/* Drop a request for threads that was not carried out */
	task_work_run();
	while (!pool_empty(pool))
		wait_for_completion(&pool->joined);
}

/* Let all threads there are run on these CPUs. Only the task makes new ones. */
static int pool_move_workers(struct iou_pool *pool, const struct cpumask *cpus)
{
	u32 max = READ_ONCE(pool->class[0].nr_workers) + READ_ONCE(pool->class[1].nr_workers);
	struct iou_worker *worker;
	struct task_struct **tasks;
	u32 nr = 0;

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
	if (error) {
		kfree(mask);
		return error;
	}
	swap(pool->cpus, mask);
	kfree(mask);
	return 0;
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
	raw_spin_unlock_irq(&pool->lock);
}
