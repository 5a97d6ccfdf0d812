// SPDX-License-Identifier: GPL-2.0
/*
 * A run of a program: its steps, one after the other.
 */
#include <errno.h>
#include <linux/futex.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

#include "arena.h"
#include "random.h"
#include "run.h"

#define STEP_FINAL	99
#define EXT_WAIT	(IORING_ENTER_GETEVENTS | IORING_ENTER_EXT_ARG | IORING_ENTER_SQ_WAKEUP)

struct run run;

/* ------------------------------------------------------------------------
 * Actions
 */

static int is_ready(int fd, short events)
{
	struct pollfd pfd = { .fd = fd, .events = events };

	return poll(&pfd, 1, 0) == 1;
}

static long do_write(const struct action *action)
{
	static const __u64 one = 1;
	int fd = fd_of(action->object);

	if (action->object == OBJ_EVENTFD)
		return write(fd, &one, 8);
	if (action->object > OBJ_FULL_W)
		return send(fd, pattern + 100, action->number, MSG_DONTWAIT | MSG_NOSIGNAL);
	return is_ready(fd, POLLOUT) ? write(fd, pattern + 100, action->number) : -EAGAIN;
}

static long do_read(const struct action *action)
{
	static char data[4096];
	int fd = fd_of(action->object);

	return is_ready(fd, POLLIN) ? read(fd, data, action->number) : -EAGAIN;
}

static long do_connect(int nr)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	long ret = connect(fd, at(ADDR_LISTENER), 16);

	ret = ret && errno != EINPROGRESS ? -errno : 0;
	dup2(fd, 75 + (nr & 3));
	close(fd);
	return ret;
}

static long do_wake(int word)
{
	__u32 *p = at(WORD(word));

	__atomic_add_fetch(p, 1, __ATOMIC_SEQ_CST);
	return syscall(NR_FUTEX, p, FUTEX_PRIVATE_FLAG | FUTEX_WAKE, 1, NULL, NULL, 0);
}

static long do_action(const struct action *action, int ring)
{
	static int nr_connects;
	long ret = 0;

	switch (action->kind) {
	case ACT_WRITE:
		return do_write(action);
	case ACT_READ:
		return do_read(action);
	case ACT_CONNECT:
		return do_connect(nr_connects++);
	case ACT_CLOSE:
		ret = close(fd_of(action->object));
		break;
	case ACT_SHUTDOWN:
		ret = shutdown(fd_of(action->object), SHUT_WR);
		break;
	case ACT_WAKE:
		return do_wake(action->number);
	case ACT_KILL:
		kill(run.child, SIGKILL);
		break;
	case ACT_ADD_BUFFERS:
		ring_add_buffers(ring);
		break;
	}
	return ret < 0 ? -errno : ret;
}

static void do_actions(const struct step *step)
{
	int i;

	if (!step->nr_actions)
		return;
	out("r%d.a=", run.step);
	for (i = 0; i < step->nr_actions; i++)
		out("%ld,", do_action(&step->actions[i], step->ring));
	out("\n");
}

/* ------------------------------------------------------------------------
 * Submission
 */

/**
 * struct batch - SQEs that are being submitted
 * @step: the round
 * @ring: its ring
 * @nr: of SQEs
 * @tail: behind the last one
 * @nr_results, @results: what io_uring_enter() has said
 */
struct batch {
	const struct step *step;
	struct ring *ring;
	__u32 nr;
	__u32 tail;
	int nr_results;
	int results[40];
};

static void result(struct batch *batch, int ret)
{
	if (batch->nr_results < ARRAY_LEN(batch->results))
		batch->results[batch->nr_results++] = ret;
	count_result(ROW_ENTER, ret);
}

static void fill_queue(struct batch *batch)
{
	const struct step *step = batch->step;
	struct ring *ring = batch->ring;
	__u32 room = ring->params.sq_entries - (*ring->sq_tail - *ring->sq_head);
	int i;

	batch->tail = *ring->sq_tail;
	for (i = 0; i < step->nr_sqes && batch->nr < room; i++) {
		const struct request *req = &step->sqes[i];
		struct io_uring_sqe *sqe;

		if (req->dropped)
			continue;
		sqe = ring_put(ring, batch->tail, &req->sqe);
		if (req->child)
			sqe->fd = run.child;
		if (ring->sq_array && step->bad_index == i + 1)
			ring->sq_array[batch->tail & (ring->params.sq_entries - 1)] = 0x7777;
		batch->tail++;
		batch->nr++;
	}
}

static void enter(struct batch *batch, __u32 nr, __u32 flags)
{
	result(batch, ring_enter(batch->step->ring, nr, 0, flags, NULL, 0));
}

static void enter_ext(struct batch *batch, __u32 flags, __u32 min_wait_us, long ns)
{
	const struct __kernel_timespec ts = { .tv_nsec = ns };
	const struct io_uring_getevents_arg arg = {
		.min_wait_usec = min_wait_us,
		.ts = (uintptr_t)&ts,
	};

	result(batch, ring_enter(batch->step->ring, batch->nr, batch->step->wait_nr,
				 EXT_WAIT | flags, &arg, sizeof(arg)));
}

static void enter_bad_arg(struct batch *batch)
{
	const struct io_uring_getevents_arg arg = { };
	int how = batch->step->wait_nr;

	result(batch, ring_enter(batch->step->ring, how & 1 ? batch->nr : 0, 1,
				 IORING_ENTER_GETEVENTS | IORING_ENTER_EXT_ARG,
				 how & 2 ? &arg : at(HOLE), how & 2 ? 16 : 24));
}

/* By the number of a slot, which is mostly empty */
static void enter_slot(struct batch *batch)
{
	struct ring *ring = batch->ring;
	int fd = ring->fd, index = ring->index;

	ring->fd = -1;
	ring->index = batch->step->wait_nr;
	enter(batch, batch->nr, IORING_ENTER_SQ_WAKEUP);
	ring->fd = fd;
	ring->index = index;
}

static void enter_sigmask(struct batch *batch)
{
	static const __u64 mask;

	result(batch, ring_enter(batch->step->ring, batch->nr, 0,
				 IORING_ENTER_GETEVENTS | IORING_ENTER_SQ_WAKEUP, &mask,
				 batch->step->wait_nr & 1 ? 8 : 4));
}

static void submit(struct batch *batch)
{
	const struct step *step = batch->step;
	__u32 nr = batch->nr;

	switch (step->how) {
	case SUBMIT_ALL:
		if (step->by_other)
			result(batch, enter_and_exit(step->ring, nr));
		else
			enter(batch, nr, batch->ring->params.flags & IORING_SETUP_SQPOLL ?
				IORING_ENTER_SQ_WAKEUP : 0);
		break;
	case SUBMIT_AND_WAIT:
		enter_ext(batch, 0, 0, 1000000);
		break;
	case SUBMIT_SPLIT:
		enter(batch, nr / 2, IORING_ENTER_SQ_WAKEUP);
		enter(batch, nr - nr / 2, IORING_ENTER_GETEVENTS);
		break;
	case SUBMIT_MORE:
		enter(batch, nr + 3, IORING_ENTER_SQ_WAKEUP);
		break;
	case SUBMIT_BAD_FLAGS:
		enter(batch, nr, 1u << (8 + step->wait_nr));
		enter(batch, nr, IORING_ENTER_SQ_WAKEUP);
		break;
	case SUBMIT_MIN_WAIT:
		enter_ext(batch, 0, 500, 1000000);
		break;
	case SUBMIT_REGISTERED:
		enter_slot(batch);
		break;
	case SUBMIT_SIGMASK:
		enter_sigmask(batch);
		break;
	case SUBMIT_ABS_TIME:
		enter_ext(batch, IORING_ENTER_ABS_TIMER, 0, 1);
		break;
	default:
		enter_bad_arg(batch);
	}
}

/* How many SQEs from @first on, of about @nr, without cutting a chain? */
static __u32 part_of(const struct batch *batch, __u32 first, __u32 nr)
{
	__u32 mask = batch->ring->params.sq_entries - 1;
	__u32 head = batch->tail - batch->nr;
	size_t size = batch->ring->params.flags & IORING_SETUP_SQE128 ? 128 : 64;

	while (nr && first + nr < batch->nr) {
		const struct io_uring_sqe *last =
			(const void *)(batch->ring->sqes +
				       ((head + first + nr - 1) & mask) * size);

		if (!(last->flags & (IOSQE_IO_LINK | IOSQE_IO_HARDLINK)))
			break;
		nr++;
	}
	return first + nr > batch->nr ? batch->nr - first : nr;
}

/* Each thread submits a part, and waits in the ring while the others submit theirs */
static void submit_by_threads(struct batch *batch)
{
	int i, nr_threads = program.threads, results[MAX_THREADS];
	__u32 first = 0, share = (batch->nr + nr_threads - 1) / nr_threads;

	for (i = 0; i < nr_threads; i++) {
		__u32 nr = part_of(batch, first, share);

		thread_enter(i, batch->step->ring, nr, batch->step->wait_nr);
		first += nr;
	}
	threads_join(nr_threads, results);
	for (i = 0; i < nr_threads; i++)
		result(batch, results[i]);
}

/* A batch ends at an SQE that is refused: submit what is left */
static void submit_rest(struct batch *batch)
{
	struct ring *ring = batch->ring;
	int i;

	if (ring->params.flags & IORING_SETUP_SQPOLL) {
		for (i = 0; i < 40 && load(ring->sq_head) != batch->tail; i++) {
			ring_enter(batch->step->ring, 0, 0, IORING_ENTER_SQ_WAKEUP, NULL, 0);
			sleep_ns(200000);
		}
		return;
	}
	for (i = 0; i < 10 && load(ring->sq_head) != batch->tail; i++) {
		__u32 head = *ring->sq_head;
		int ret = ring_enter(batch->step->ring, batch->tail - head, 0, 0, NULL, 0);

		result(batch, ret);
		if (ret <= 0 && *ring->sq_head == head)
			break;
	}
}

/* Runs of a program differ in how far workers and timers get before the next step */
static void jitter(void)
{
	volatile int i;

	if (!options.jitter || !run.number)
		return;
	if (run.number & 1)
		sleep_ns(100000 + 130000 * (run.number >> 1));
	else
		for (i = 0; i < 1500 * run.number; i++)
			;
}

static void out_results(const struct batch *batch)
{
	int i;

	out("r%d.e=", run.step);
	for (i = 0; i < batch->nr_results; i++)
		out("%d,", batch->results[i]);
	out("\n");
}

/* ------------------------------------------------------------------------
 * A round
 */

bool has_racy(const struct step *step)
{
	int i;

	for (i = 0; i < step->nr_sqes; i++)
		if (step->sqes[i].racy)
			return true;
	return false;
}

bool racy_may_remain(void)
{
	int i;

	for (i = 0; i <= run.step && i < program.nr_steps; i++) {
		const struct step *step = &program.steps[i];

		if (step->kind == STEP_ROUND && (i == run.step || !step->cancel) &&
		    has_racy(step))
			return true;
	}
	return false;
}

/* Nothing was consumed yet: what a wait and a poll of the ring say is known */
static void probe(const struct step *step)
{
	const struct ring *ring = &rings[step->ring];
	const struct __kernel_timespec ts = { .tv_nsec = 200000 };
	const struct io_uring_getevents_arg arg = {
		.min_wait_usec = step->wait_nr & 1 ? 100 : 0,
		.ts = (uintptr_t)&ts,
	};
	struct pollfd pfd = { .fd = ring->fd, .events = POLLIN | POLLOUT };
	int wait, polled;

	wait_until_settled(step->ring);
	wait = ring_enter(step->ring, 0, step->wait_nr,
			  IORING_ENTER_GETEVENTS | IORING_ENTER_EXT_ARG, &arg, sizeof(arg));
	polled = ring->fd >= 0 ? poll(&pfd, 1, 0) : 0;
	if (racy_may_remain()) {
		out("r%d.w=?\n", run.step);
		return;
	}
	out("r%d.w=%d,%d,%x,%d\n", run.step, wait, polled, pfd.revents,
	    *ring->cq_tail - *ring->cq_head >= step->wait_nr);
}

/* By an SQE. Return: how submitting it ended */
static int cancel_by_sqe(const struct batch *batch)
{
	const struct io_uring_sqe all = {
		.opcode = IORING_OP_ASYNC_CANCEL,
		.cancel_flags = IORING_ASYNC_CANCEL_ANY | IORING_ASYNC_CANCEL_ALL,
		.user_data = 0xca0000 + run.step,
	};
	int ret;

	ring_put(batch->ring, batch->tail, &all);
	store(batch->ring->sq_tail, batch->tail + 1);
	run.outstanding++;
	ret = ring_enter(batch->step->ring, 1, 0, IORING_ENTER_SQ_WAKEUP, NULL, 0);
	if (ret <= 0)
		run.outstanding--;
	return ret;
}

/* What was held back starts when what was before it is gone, and may wait then */
static void cancel_in_turn(int ring)
{
	int i;

	for (i = 0; i < 8; i++) {
		ring_cancel_all(ring);
		wait_until_quiet(false);
		if (run.outstanding <= 0)
			break;
	}
}

/* Return: how that ended, or 0 */
static int cancel_all(const struct batch *batch, __u32 left)
{
	const struct step *step = batch->step;
	int ret;

	if (!step->cancel)
		return 0;
	/* How much of it has started is not the same everywhere */
	if (program.drains) {
		cancel_in_turn(step->ring);
		return 0;
	}
	if (left || step->wait_nr & 1 || batch->ring->params.flags & IORING_SETUP_IOPOLL)
		ret = ring_cancel_all(step->ring);
	else
		ret = cancel_by_sqe(batch);
	wait_until_quiet(false);
	return ret;
}

static void submit_round(struct batch *batch)
{
	fill_queue(batch);
	store(batch->ring->sq_tail, batch->tail);
	run.outstanding += batch->nr;
	if (program.threads > 1 && !batch->step->by_other)
		submit_by_threads(batch);
	else
		submit(batch);
	submit_rest(batch);
	jitter();
}

static void do_round(const struct step *step)
{
	struct batch batch = { .step = step, .ring = &rings[step->ring] };
	struct ring *ring = batch.ring;
	__u32 left;
	int cancelled;

	if (!ring->ok)
		return;
	submit_round(&batch);
	left = batch.tail - *ring->sq_head;
	run.outstanding -= left;
	out_results(&batch);
	do_actions(step);
	if (step->probe && !(ring->params.flags & IORING_SETUP_IOPOLL))
		probe(step);
	if (step->keep_cqes)
		wait_until_settled(step->ring);
	else
		wait_until_quiet(false);
	cancelled = cancel_all(&batch, left);
	out_round_completions(step);
	out_late_completions(false);
	out_other_completions(false);
	forget_completions();
	out("r%d.q=%d,%d,%d,%x,%d\n", run.step, left, *ring->sq_dropped, *ring->cq_overflow,
	    *ring->sq_flags & IORING_SQ_CQ_OVERFLOW, has_racy(step) ? 0 : cancelled);
}

/* ------------------------------------------------------------------------
 * The whole
 */

static void do_mmap(const struct step *step)
{
	void *mem = MAP_FAILED;

	errno = EBADF;
	if (rings[0].fd >= 0)
		mem = mmap(NULL, step->nr, PROT_READ | PROT_WRITE, MAP_SHARED, rings[0].fd,
			   step->arg);
	out("s%d=%d\n", run.step, mem == MAP_FAILED ? -errno : 0);
	if (mem != MAP_FAILED)
		munmap(mem, step->nr);
}

static void drop_root(void)
{
	int group = syscall(SYS_setresgid, 1000, 1000, 1000);
	int user = syscall(SYS_setresuid, 1000, 1000, 1000);

	out("s%d=%d\n", run.step, group | user);
}

static void do_step(const struct step *step)
{
	switch (step->kind) {
	case STEP_SETUP:
		ring_setup(step);
		break;
	case STEP_PROBE_SETUP:
		ring_probe_setup(step);
		break;
	case STEP_REGISTER:
		ring_register_step(step);
		break;
	case STEP_ROUND:
		do_round(step);
		break;
	case STEP_MMAP:
		do_mmap(step);
		break;
	case STEP_DROP_ROOT:
		drop_root();
		break;
	}
}

static void finish(void)
{
	int ring;

	run.step = STEP_FINAL;
	for (ring = 0; ring < NR_RINGS && !program.leaves; ring++)
		if (rings[ring].ok)
			ring_cancel_all(ring);
	wait_until_quiet(program.strays);
	out_late_completions(true);
	out_other_completions(true);
	world_final();
}

int run_program(void *unused)
{
	const struct rlimit file_size = { 1 << 20, 1 << 20 };
	const struct itimerval limit = { .it_value.tv_sec = 4 };

	setrlimit(RLIMIT_FSIZE, &file_size);
	setitimer(ITIMER_REAL, &limit, NULL);
	if (fchdir(FD_DIR))
		_exit(3);
	forget_completions();
	run.outstanding = 0;
	run.child = -1;
	run.step = -1;
	world_make();
	if (program.threads > 1)
		threads_start(program.threads);
	for (run.step = 0; run.step < program.nr_steps; run.step++)
		do_step(&program.steps[run.step]);
	finish();
	if (program.threads > 1)
		threads_stop();
	rings_unmap();
	_exit(0);
}
