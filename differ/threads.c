// SPDX-License-Identifier: GPL-2.0
/*
 * Threads that submit on a ring together, and wait for CQEs in it at the same time.
 *
 * A run is made in a task that shares its memory with the one that started it, see
 * main.c; so these are made with clone(), not by the C library.
 */
#include <errno.h>
#include <linux/futex.h>
#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "run.h"

#define STACK_SIZE	16384

enum { IDLE, ENTER, STOP };

/**
 * struct thread - one that submits
 * @command: what it is to do next
 * @ring, @to_submit, @wait_nr: for io_uring_enter()
 * @result: how that ended
 * @alive: cleared by the kernel when it is gone
 */
struct thread {
	__u32 command;
	int ring;
	__u32 to_submit;
	__u32 wait_nr;
	int result;
	__u32 alive;
	char stack[STACK_SIZE] __attribute__((aligned(64)));
};

static struct thread threads[MAX_THREADS];
static int nr_threads;

static void futex_wait(__u32 *word, __u32 value)
{
	while (load(word) == value)
		syscall(NR_FUTEX, word, FUTEX_WAIT, value, NULL, NULL, 0);
}

static void futex_set(__u32 *word, __u32 value)
{
	store(word, value);
	syscall(NR_FUTEX, word, FUTEX_WAKE, 1, NULL, NULL, 0);
}

static int wait_a_little(const struct thread *t)
{
	const struct __kernel_timespec ts = { .tv_nsec = 1000000 };
	const struct io_uring_getevents_arg arg = { .ts = (uintptr_t)&ts };

	return ring_enter(t->ring, t->to_submit, t->wait_nr,
			  IORING_ENTER_GETEVENTS | IORING_ENTER_EXT_ARG | IORING_ENTER_SQ_WAKEUP,
			  &arg, sizeof(arg));
}

static int thread_main(void *arg)
{
	struct thread *t = arg;

	for (;;) {
		futex_wait(&t->command, IDLE);
		if (load(&t->command) == STOP)
			syscall(SYS_exit, 0);
		t->result = wait_a_little(t);
		futex_set(&t->command, IDLE);
	}
	return 0;
}

void threads_start(int nr)
{
	const int flags = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD |
			  CLONE_SYSVSEM | CLONE_CHILD_CLEARTID;
	int i;

	for (i = 0; i < nr; i++) {
		struct thread *t = &threads[i];

		t->command = IDLE;
		t->alive = 1;
		if (clone(thread_main, t->stack + STACK_SIZE, flags, t, NULL, NULL,
			  &t->alive) < 0)
			break;
	}
	nr_threads = i;
}

void threads_stop(void)
{
	int i;

	for (i = 0; i < nr_threads; i++) {
		futex_set(&threads[i].command, STOP);
		futex_wait(&threads[i].alive, 1);
	}
	nr_threads = 0;
}

void thread_enter(int i, int ring, __u32 to_submit, __u32 wait_nr)
{
	struct thread *t = &threads[i];
	__u32 goal = *rings[ring].sq_head + to_submit;
	int tries;

	t->ring = ring;
	t->to_submit = to_submit;
	t->wait_nr = wait_nr;
	futex_set(&t->command, ENTER);
	/* The SQEs behind these are for the next thread */
	for (tries = 0; tries < 100 && load(&t->command) == ENTER &&
	     load(rings[ring].sq_head) != goal; tries++)
		sleep_ns(20000);
}

void threads_join(int nr, int *results)
{
	int i;

	for (i = 0; i < nr; i++) {
		futex_wait(&threads[i].command, ENTER);
		results[i] = threads[i].result;
	}
}

/* ------------------------------------------------------------------------
 * A task that exits
 */

static struct {
	int ring;
	__u32 to_submit;
	int result;
} other;

static int other_main(void *unused)
{
	other.result = ring_enter(other.ring, other.to_submit, 0, IORING_ENTER_SQ_WAKEUP, NULL, 0);
	_exit(0);
}

int enter_and_exit(int ring, __u32 to_submit)
{
	static char stack[STACK_SIZE] __attribute__((aligned(64)));
	int pid;

	other.ring = ring;
	other.to_submit = to_submit;
	pid = clone(other_main, stack + STACK_SIZE,
		    CLONE_VM | CLONE_FILES | CLONE_VFORK | SIGCHLD, NULL);
	waitpid(pid, NULL, 0);
	return other.result;
}
