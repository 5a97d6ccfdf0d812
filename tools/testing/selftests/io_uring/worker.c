// SPDX-License-Identifier: GPL-2.0
/*
 * The worker pool as seen from outside: threads called iou-wrk-<pid> that do
 * what cannot be done at once, as many as needed and no more, and that go.
 *
 * A worker is kept busy by a write to an eventfd whose counter has no room for
 * it: poll() calls that file writable, so that the request is not parked.
 */
#include "disk_test.h"
#include "wait_test.h"

#include <dirent.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>

#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ	22
#endif

#include "../kselftest_harness.h"

#define NOBODY		65534
#define NR_BLOCKED	8

FIXTURE(worker)
{
	struct ring ring;
	int efd[NR_BLOCKED];
	int pipe[2];
	__u64 value;
};

FIXTURE_VARIANT(worker)
{
	unsigned int setup;
};

FIXTURE_VARIANT_ADD(worker, plain) {
	.setup = 0,
};

FIXTURE_VARIANT_ADD(worker, coop) {
	.setup = IORING_SETUP_COOP_TASKRUN,
};

FIXTURE_VARIANT_ADD(worker, defer) {
	.setup = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN,
};

FIXTURE_SETUP(worker)
{
	const char *missing = setup_missing(variant->setup);
	const __u64 almost = ULLONG_MAX - 2;
	unsigned int i;

	if (missing)
		SKIP(return, "kernel lacks %s", missing);
	ASSERT_EQ(0, ring_open(&self->ring, 16, variant->setup));
	ASSERT_EQ(0, pipe(self->pipe));
	for (i = 0; i < NR_BLOCKED; i++) {
		self->efd[i] = eventfd(0, EFD_CLOEXEC);
		ASSERT_LE(0, self->efd[i]);
		ASSERT_EQ(8, write(self->efd[i], &almost, 8));
	}
	self->value = 5;
}

FIXTURE_TEARDOWN(worker)
{
	unsigned int i;

	ring_close(&self->ring);
	for (i = 0; i < NR_BLOCKED; i++)
		close(self->efd[i]);
	close(self->pipe[0]);
	close(self->pipe[1]);
}

static bool block(struct ring *r, int efd, __u64 *value, __u64 user_data)
{
	struct io_uring_sqe *sqe = prep(r, IORING_OP_WRITE, efd, value, 8, -1);

	if (!sqe)
		return false;
	sqe->flags = IOSQE_ASYNC;
	sqe->user_data = user_data;
	return ring_submit(r) == 1;
}

static bool unblock(int efd)
{
	__u64 v;

	return read(efd, &v, 8) == 8;
}

TEST_F(worker, is_a_thread_with_a_name)
{
	struct io_uring_cqe cqe;

	EXPECT_EQ(0u, count_workers(getpid()));
	ASSERT_TRUE(block(&self->ring, self->efd[0], &self->value, 1));
	EXPECT_TRUE(wait_workers(getpid(), 1, true, WAIT_MS));
	EXPECT_EQ(-ETIME, ring_enter_wait(&self->ring, 1, 20));
	ASSERT_TRUE(unblock(self->efd[0]));
	ASSERT_EQ(0, ring_wait(&self->ring, &cqe));
	EXPECT_EQ(8, cqe.res);
	EXPECT_EQ(1u, cqe.user_data);
	/* The write did happen. */
	ASSERT_EQ(8, read(self->efd[0], &self->value, 8));
	EXPECT_EQ(5ull, (unsigned long long)self->value);
}

/* Workers that are blocked do not keep others from being done. */
TEST_F(worker, pool_grows)
{
	struct ring *r = &self->ring;
	struct io_uring_cqe cqe;
	unsigned int i;
	char c = 0;

	for (i = 0; i < NR_BLOCKED; i++)
		ASSERT_TRUE(block(r, self->efd[i], &self->value, 100 + i));
	EXPECT_TRUE(wait_workers(getpid(), NR_BLOCKED, true, WAIT_MS));

	ASSERT_EQ(1, write(self->pipe[1], "x", 1));
	prep(r, IORING_OP_READ, self->pipe[0], &c, 1, -1)->flags = IOSQE_ASYNC;
	EXPECT_EQ(1, ring_result(r));
	EXPECT_EQ('x', c);
	prep(r, IORING_OP_NOP, -1, NULL, 0, 0)->flags = IOSQE_ASYNC;
	EXPECT_EQ(0, ring_result(r));

	/* Each is woken by its own event. */
	for (i = NR_BLOCKED; i--;) {
		ASSERT_TRUE(unblock(self->efd[i]));
		ASSERT_EQ(0, ring_wait(r, &cqe));
		EXPECT_EQ(100 + i, cqe.user_data);
		EXPECT_EQ(8, cqe.res);
	}
}

TEST_F(worker, maximum)
{
	struct ring *r = &self->ring;
	unsigned int max[2] = { 0, 2 }, old[2] = { };
	unsigned int i, most = 0;
	struct io_uring_cqe cqe;
	long end;
	int err;

	err = sys_register(r->fd, IORING_REGISTER_IOWQ_MAX_WORKERS, old, 2);
	if (err == -EINVAL)
		SKIP(return, "kernel lacks IOWQ_MAX_WORKERS");
	ASSERT_EQ(0, err);
	ASSERT_EQ(0, sys_register(r->fd, IORING_REGISTER_IOWQ_MAX_WORKERS, max, 2));
	for (i = 0; i < NR_BLOCKED; i++)
		ASSERT_TRUE(block(r, self->efd[i], &self->value, i));
	EXPECT_TRUE(wait_workers(getpid(), 2, true, WAIT_MS));
	for (end = now_ms() + 200; now_ms() < end; nap()) {
		unsigned int now = count_workers(getpid());

		most = now > most ? now : most;
	}
	EXPECT_EQ(2u, most);
	/* Those that had to queue get their turn. */
	for (i = 0; i < NR_BLOCKED; i++)
		ASSERT_TRUE(unblock(self->efd[i]));
	for (i = 0; i < NR_BLOCKED; i++) {
		ASSERT_EQ(0, ring_wait(r, &cqe));
		EXPECT_EQ(8, cqe.res);
	}
	EXPECT_GE(2u, count_workers(getpid()));

	memset(old, 0, sizeof(old));
	ASSERT_EQ(0, sys_register(r->fd, IORING_REGISTER_IOWQ_MAX_WORKERS, old, 2));
	EXPECT_EQ(2u, old[1]);
	EXPECT_NE(0u, old[0]);
}

/* A ring that has started no worker has no say in the limits of the one that does. */
TEST_F(worker, limits_of_the_first_ring)
{
	unsigned int first[2] = { }, second[2] = { };
	struct ring small;

	ASSERT_EQ(0, ring_open(&small, 1, 0));
	ASSERT_EQ(0, sys_register(self->ring.fd, IORING_REGISTER_IOWQ_MAX_WORKERS, first, 2));
	ASSERT_EQ(0, sys_register(small.fd, IORING_REGISTER_IOWQ_MAX_WORKERS, second, 2));
	if (first[0] == second[0] && untouched())
		SKIP(return, "in this kernel the first ring decides");
	EXPECT_EQ(1u, second[0]);
	EXPECT_LT(1u, first[0]);
	ring_close(&small);
}

TEST_F(worker, maximum_arguments)
{
	unsigned int max[2] = { 0, 0 };
	int fd = self->ring.fd;

	if (sys_register(fd, IORING_REGISTER_IOWQ_MAX_WORKERS, max, 2) == -EINVAL)
		SKIP(return, "kernel lacks IOWQ_MAX_WORKERS");
	EXPECT_EQ(-EINVAL, sys_register(fd, IORING_REGISTER_IOWQ_MAX_WORKERS, NULL, 2));
	EXPECT_EQ(-EINVAL, sys_register(fd, IORING_REGISTER_IOWQ_MAX_WORKERS, max, 1));
	EXPECT_EQ(-EINVAL, sys_register(fd, IORING_REGISTER_IOWQ_MAX_WORKERS, max, 3));
	EXPECT_EQ(-EFAULT, sys_register(fd, IORING_REGISTER_IOWQ_MAX_WORKERS,
					no_access(4096), 2));
	max[1] = (unsigned int)INT_MAX + 1;
	EXPECT_EQ(-EINVAL, sys_register(fd, IORING_REGISTER_IOWQ_MAX_WORKERS, max, 2));
}

/* The bound for regular files: the SQ's length, or four per CPU. */
static unsigned int bound(struct ring *r)
{
	unsigned int cpus = 4 * sysconf(_SC_NPROCESSORS_ONLN);

	return r->p.sq_entries < cpus ? r->p.sq_entries : cpus;
}

/* However much there is to do, and however fast it comes. */
TEST_F(worker, bounded)
{
	struct ring *r = &self->ring;
	unsigned int i, now, most = 0;
	struct io_uring_cqe cqe;
	char *mem = pages(4096);

	ASSERT_NE(NULL, mem);
	for (i = 0; i < 800; i++) {
		struct io_uring_sqe *sqe = prep(r, IORING_OP_MADVISE, -1, mem, 4096, 0);

		ASSERT_NE(NULL, sqe);
		sqe->fadvise_advice = MADV_DONTNEED;
		if (i % 16 != 15)
			continue;
		ASSERT_EQ(16, ring_submit(r));
		now = count_workers(getpid());
		most = now > most ? now : most;
		while (load(r->cq_tail) != r->next) {
			if (ring_enter_wait(r, 1, WAIT_MS))
				break;
		}
		while (ring_reap(r, &cqe))
			EXPECT_EQ(0, cqe.res);
	}
	EXPECT_EQ(r->next, load(r->cq_tail));
	EXPECT_LE(1u, most);
	EXPECT_GE(bound(r), most);
}

/* Blocked work that is bounded stays so; what is not is not held up by it. */
TEST_F(worker, bounded_and_blocked)
{
	const size_t size = 16 * 4096;
	char *mem = pages(size);
	struct uffdio_zeropage zero = { .range = { .len = size } };
	unsigned int i, most = 0;
	struct io_uring_cqe cqe;
	long end;
	int uffd;
	char c;

	ASSERT_NE(NULL, mem);
	uffd = open_userfault(mem, size);
	if (uffd < 0)
		SKIP(return, "no userfaultfd (%s)", strerror(-uffd));
	for (i = 0; i < 16; i++)
		prep(&self->ring, IORING_OP_MADVISE, -1, mem + i * 4096, 4096, 0)->fadvise_advice =
			MADV_POPULATE_READ;
	ASSERT_EQ(16, ring_submit(&self->ring));
	EXPECT_EQ(POLLIN, poll_fd(uffd, POLLIN, WAIT_MS));
	EXPECT_TRUE(wait_workers(getpid(), bound(&self->ring), true, WAIT_MS));
	for (end = now_ms() + 200; now_ms() < end; nap()) {
		unsigned int now = count_workers(getpid());

		most = now > most ? now : most;
	}
	EXPECT_EQ(bound(&self->ring), most);

	/* A pipe is served by the other pool. */
	ASSERT_EQ(1, write(self->pipe[1], "p", 1));
	prep(&self->ring, IORING_OP_READ, self->pipe[0], &c, 1, -1)->flags = IOSQE_ASYNC;
	EXPECT_EQ(1, ring_result(&self->ring));
	EXPECT_EQ('p', c);

	zero.range.start = (uintptr_t)mem;
	ASSERT_EQ(0, ioctl(uffd, UFFDIO_ZEROPAGE, &zero));
	for (i = 0; i < 16; i++) {
		ASSERT_EQ(0, ring_wait(&self->ring, &cqe));
		EXPECT_EQ(0, cqe.res);
	}
	close(uffd);
}

/*
 * A buffered write finds its first page, but would have to read the second, and is
 * cancelled before a worker does that: what was written counts. That needs a file
 * system that can write a part without blocking.
 */
TEST_F(worker, cancelled_after_a_part)
{
	const size_t size = 16 * 4096;
	char *mem = pages(size), *buf = pages(2 * 4096), *found = pages(4096);
	struct uffdio_zeropage zero = { .range = { .start = (uintptr_t)mem, .len = size } };
	const char *missing = xfs_make("/tmp/iou_xfs");
	struct io_uring_cqe cqe, second;
	struct ring *r = &self->ring;
	unsigned int i;
	int uffd, fd;
	long end;

	if (missing)
		SKIP(return, "%s", missing);
	uffd = open_userfault(mem, size);
	if (uffd < 0)
		SKIP(return, "no userfaultfd (%s)", strerror(-uffd));
	fd = open("/tmp/iou_xfs/file", O_RDWR | O_CREAT, 0600);
	ASSERT_LE(0, fd);
	ASSERT_EQ(2 * 4096, write(fd, buf, 2 * 4096));
	ASSERT_EQ(0, fsync(fd));
	ASSERT_EQ(0, posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED));
	ASSERT_EQ(0, posix_fadvise(fd, 0, 0, POSIX_FADV_RANDOM));
	ASSERT_EQ(4096, pread(fd, buf, 4096, 0));
	ASSERT_EQ(0, lseek(fd, 0, SEEK_SET));
	for (i = 0; i < 16; i++)
		prep(r, IORING_OP_MADVISE, -1, mem + i * 4096, 4096, 0)->fadvise_advice =
			MADV_POPULATE_READ;
	ASSERT_EQ(16, ring_submit(r));
	ASSERT_TRUE(wait_workers(getpid(), bound(r), true, WAIT_MS));

	fill_pattern(buf, 2 * 4096, 5);
	/* Nothing is written without blocking unless the time of modification is right */
	end = now_ms() + 8000;
	do {
		ASSERT_EQ(1, pwrite(fd, found, 1, 0));
		prep(r, IORING_OP_WRITE, fd, buf, 4096 + 100, -1)->user_data = 100;
		prep(r, IORING_OP_ASYNC_CANCEL, -1, (void *)100, 0, 0)->user_data = 101;
		ASSERT_EQ(2, ring_submit(r));
		ASSERT_EQ(0, ring_wait(r, &cqe));
		ASSERT_EQ(0, ring_wait(r, &second));
		ASSERT_EQ(4096, pread(fd, found, 4096, 0));
	} while (now_ms() < end && memcmp(buf, found, 4096));
	if (second.user_data == 100)
		cqe = second;
	EXPECT_EQ(100u, cqe.user_data);
	EXPECT_EQ(4096, cqe.res);
	EXPECT_EQ(4096, lseek(fd, 0, SEEK_CUR));

	ASSERT_EQ(0, ioctl(uffd, UFFDIO_ZEROPAGE, &zero));
	for (i = 0; i < 16; i++) {
		ASSERT_EQ(0, ring_wait(r, &cqe));
		EXPECT_EQ(0, cqe.res);
	}
	close(uffd);
	close(fd);
	xfs_remove("/tmp/iou_xfs");
}

/* One pool per task, whatever the number of its rings. */
TEST_F(worker, pool_is_shared)
{
	struct io_uring_cqe cqe;
	struct ring second;

	ASSERT_EQ(0, ring_open(&second, 4, variant->setup));
	ASSERT_TRUE(block(&self->ring, self->efd[0], &self->value, 1));
	ASSERT_TRUE(block(&second, self->efd[1], &self->value, 2));
	EXPECT_TRUE(wait_workers(getpid(), 2, true, WAIT_MS));
	ASSERT_TRUE(unblock(self->efd[1]));
	ASSERT_EQ(0, ring_wait(&second, &cqe));
	EXPECT_EQ(2u, cqe.user_data);
	EXPECT_FALSE(ring_reap(&self->ring, &cqe));
	ASSERT_TRUE(unblock(self->efd[0]));
	ASSERT_EQ(0, ring_wait(&self->ring, &cqe));
	EXPECT_EQ(1u, cqe.user_data);
	ring_close(&second);
}

struct in_thread {
	struct ring ring;
	unsigned int setup;
	int efd;
	__u64 value;
	bool named;
	int res;
};

static void *work_in_thread(void *arg)
{
	struct in_thread *t = arg;
	pid_t tid = syscall(SYS_gettid);
	struct io_uring_cqe cqe;

	t->res = NO_RESULT;
	if (ring_open(&t->ring, 4, t->setup) || !block(&t->ring, t->efd, &t->value, 1))
		return NULL;
	t->named = wait_workers(tid, 1, true, WAIT_MS);
	if (unblock(t->efd) && !ring_wait(&t->ring, &cqe))
		t->res = cqe.res;
	ring_close(&t->ring);
	return NULL;
}

/* The name has the id of the task that submits, not that of the process. */
TEST_F(worker, of_a_thread)
{
	struct in_thread t = { .setup = variant->setup, .efd = self->efd[0], .value = 5 };
	pthread_t thread;

	ASSERT_EQ(0, pthread_create(&thread, NULL, work_in_thread, &t));
	ASSERT_EQ(0, pthread_join(thread, NULL));
	EXPECT_TRUE(t.named);
	EXPECT_EQ(8, t.res);
	EXPECT_EQ(0u, count_workers(getpid()));
}

static unsigned int handled;

static void on_signal(int sig)
{
	__atomic_fetch_add(&handled, 1, __ATOMIC_RELAXED);
}

/* Signals to the process are for its own threads. */
TEST_F(worker, takes_no_signals)
{
	struct sigaction sa = { .sa_handler = on_signal };
	struct io_uring_cqe cqe;
	sigset_t set;

	ASSERT_EQ(0, sigaction(SIGUSR1, &sa, NULL));
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	ASSERT_EQ(0, sigprocmask(SIG_BLOCK, &set, NULL));
	ASSERT_TRUE(block(&self->ring, self->efd[0], &self->value, 1));
	EXPECT_TRUE(wait_workers(getpid(), 1, true, WAIT_MS));
	ASSERT_EQ(0, kill(getpid(), SIGUSR1));
	EXPECT_EQ(-ETIME, ring_enter_wait(&self->ring, 1, 20));
	EXPECT_EQ(0u, handled);
	ASSERT_EQ(0, sigprocmask(SIG_UNBLOCK, &set, NULL));
	EXPECT_EQ(1u, handled);
	ASSERT_TRUE(unblock(self->efd[0]));
	ASSERT_EQ(0, ring_wait(&self->ring, &cqe));
	EXPECT_EQ(8, cqe.res);
}

/* Stopped and continued: the work is done, or was interrupted and says so. */
TEST_F(worker, stop_and_continue)
{
	int p[2], status;
	pid_t pid;
	char c;

	ASSERT_EQ(0, pipe(p));
	pid = fork();
	if (!pid) {
		struct io_uring_cqe cqe;
		struct ring r;

		if (ring_open(&r, 4, variant->setup) ||
		    !block(&r, self->efd[0], &self->value, 1) ||
		    !wait_workers(getpid(), 1, true, WAIT_MS) || write(p[1], "r", 1) != 1)
			_exit(255);
		_exit(ring_wait(&r, &cqe) ? 254 : cqe.res);
	}
	ASSERT_EQ(1, read(p[0], &c, 1));
	ASSERT_EQ(0, kill(pid, SIGSTOP));
	ASSERT_EQ(pid, waitpid(pid, &status, WUNTRACED));
	EXPECT_TRUE(WIFSTOPPED(status));
	ASSERT_EQ(0, kill(pid, SIGCONT));
	ASSERT_TRUE(unblock(self->efd[0]));
	status = reap(pid, WAIT_MS);
	EXPECT_TRUE(status == 8 << 8 || status == (-EINTR & 0xff) << 8) {
		TH_LOG("status %#x", status);
	}
	close(p[0]);
	close(p[1]);
}

#define NR_QUEUED	6

/* Six splices for one worker: how many were interrupted? */
static int stopped_child(unsigned int setup, int from, int to, int ready)
{
	unsigned int max[2] = { 0, 1 };
	struct io_uring_cqe cqe;
	int i, interrupted = 0;
	struct ring r;

	if (ring_open(&r, 8, setup) ||
	    sys_register(r.fd, IORING_REGISTER_IOWQ_MAX_WORKERS, max, 2))
		return 255;
	for (i = 0; i < NR_QUEUED; i++) {
		struct io_uring_sqe *sqe = prep(&r, IORING_OP_SPLICE, to, NULL, 1, -1);

		sqe->splice_fd_in = from;
		sqe->splice_off_in = -1;
	}
	if (ring_submit(&r) != NR_QUEUED || !wait_workers(getpid(), 1, true, WAIT_MS) ||
	    write(ready, "r", 1) != 1)
		return 254;

	for (i = 0; i < NR_QUEUED; i++) {
		if (ring_wait(&r, &cqe))
			return 253;
		interrupted += cqe.res == -EINTR;
	}
	return interrupted;
}

/* A worker stops with its program: what waits goes on afterwards, and does not fail. */
TEST_F(worker, stopped_with_a_queue)
{
	int ready[2], to[2], status;
	pid_t pid;
	char c;

	if (untouched())
		SKIP(return, "this kernel interrupts all of it");
	ASSERT_EQ(0, pipe(ready));
	ASSERT_EQ(0, pipe(to));
	pid = fork();
	if (!pid)
		_exit(stopped_child(variant->setup, self->pipe[0], to[1], ready[1]));
	ASSERT_EQ(1, read(ready[0], &c, 1));
	/* Until it has begun to wait, perhaps */
	poll(NULL, 0, 20);
	ASSERT_EQ(0, kill(pid, SIGSTOP));
	ASSERT_EQ(pid, waitpid(pid, &status, WUNTRACED));
	EXPECT_TRUE(WIFSTOPPED(status));

	ASSERT_EQ(0, kill(pid, SIGCONT));
	ASSERT_EQ(NR_QUEUED, write(self->pipe[1], "123456", NR_QUEUED));
	status = reap(pid, WAIT_MS);
	EXPECT_EQ(0, status) {
		TH_LOG("status %#x", status);
	}
	close(ready[0]);
	close(ready[1]);
	close(to[0]);
	close(to[1]);
}

/* ------------------------------------------------------------------------
 * The end, with work running
 */

enum ending { EXIT, KILL, EXEC, CLOSE };

static void end_with_work(const enum ending how, unsigned int setup, const int *efd, __u64 *value,
			  int ready)
{
	struct ring r;
	unsigned int i;

	if (ring_open(&r, 16, setup))
		_exit(255);
	for (i = 0; i < 4; i++)
		if (!block(&r, efd[i], value, i))
			_exit(254);
	if (!wait_workers(getpid(), 4, true, WAIT_MS) || write(ready, "r", 1) != 1)
		_exit(253);
	switch (how) {
	case EXIT:
		_exit(0);
	case EXEC:
		execl("/bin/true", "true", NULL);
		_exit(252);
	case CLOSE:
		ring_close(&r);
		_exit(fresh_ring_works() ? 0 : 251);
	case KILL:
		pause();
	}
	_exit(250);
}

/*
 * Does it end in time, killed if it has to be, by itself if not? Idle workers leave
 * after 5 s: not only then.
 */
static bool ended(pid_t pid, enum ending how)
{
	if (how == KILL)
		return kill_ends(pid, 4500);
	/* To load a program may take long. */
	return reap(pid, how == EXEC ? WAIT_MS : 4500) == 0;
}

TEST_F(worker, ends_with_the_process)
{
	static const enum ending endings[] = { EXIT, KILL, EXEC, CLOSE };
	unsigned int i;
	int p[2];
	char c;

	ASSERT_EQ(0, pipe(p));
	for (i = 0; i < ARRAY_LEN(endings); i++) {
		pid_t pid = fork_detached();

		if (!pid)
			end_with_work(endings[i], variant->setup, self->efd, &self->value, p[1]);
		ASSERT_EQ(1, read(p[0], &c, 1));
		EXPECT_TRUE(ended(pid, endings[i])) {
			TH_LOG("ending %d", endings[i]);
		}
	}
	/* None of the writes happened. */
	for (i = 0; i < 4; i++) {
		__u64 v = 0;

		ASSERT_EQ(8, read(self->efd[i], &v, 8));
		EXPECT_EQ(ULLONG_MAX - 2, (unsigned long long)v);
	}
	close(p[0]);
	close(p[1]);
	EXPECT_TRUE(fresh_ring_works());
}

/* A thousand reads that no worker waits for long in: few workers do them all */
TEST_F(worker, burst)
{
	unsigned int limit = bound(&self->ring);
	unsigned int most = 0, got = 0, sent = 0;
	char *buf = pages(4096);
	struct io_uring_cqe cqe;
	int fd;

	fd = memfd_create("burst", 0);	/* cannot be read without blocking */
	ASSERT_LE(0, fd);
	ASSERT_EQ(4096, write(fd, buf, 4096));
	while (got < 1000) {
		unsigned int now;

		while (sent < 1000 && prep(&self->ring, IORING_OP_READ, fd, buf, 512, 0))
			sent++;
		ASSERT_LE(0, ring_submit(&self->ring));
		now = count_workers(getpid());
		most = now > most ? now : most;
		ASSERT_EQ(0, ring_wait(&self->ring, &cqe));
		do {
			EXPECT_EQ(512, cqe.res);
			got++;
		} while (ring_reap(&self->ring, &cqe));
	}
	EXPECT_GE(limit, most);
	TH_LOG("at most %u workers, the limit is %u", most, limit);
	close(fd);
}

/* Writes to one file take turns; who waits for all of them gets all */
TEST_F(worker, buffered_writes_wait_for_all)
{
	char *buf = pages(16 * 4096), *back = pages(16 * 4096);
	struct io_uring_cqe cqe;
	unsigned int i, round;
	int fd = tmp_file(NULL, 0);

	ASSERT_LE(0, fd);
	for (round = 0; round < 4; round++) {
		fill_pattern(buf, 16 * 4096, round);
		for (i = 0; i < 16; i++)
			prep(&self->ring, IORING_OP_WRITE, fd, buf + i * 4096, 4096,
			     i * 4096)->flags = IOSQE_ASYNC;
		ASSERT_EQ(16, ring_submit_wait(&self->ring, 16));
		ASSERT_EQ(16u, ring_ready(&self->ring));
		while (ring_reap(&self->ring, &cqe))
			EXPECT_EQ(4096, cqe.res);
		ASSERT_EQ(16 * 4096, pread(fd, back, 16 * 4096, 0));
		EXPECT_TRUE(has_pattern(back, 16 * 4096, round));
	}
	close(fd);
}

/* Slow: workers that have nothing to do leave after about five seconds. */
TEST_F_TIMEOUT(worker, idle_ones_leave, 60)
{
	struct io_uring_cqe cqe;
	unsigned int i;
	long start;

	for (i = 0; i < NR_BLOCKED; i++)
		ASSERT_TRUE(block(&self->ring, self->efd[i], &self->value, i));
	ASSERT_TRUE(wait_workers(getpid(), NR_BLOCKED, true, WAIT_MS));
	start = now_ms();
	for (i = 0; i < NR_BLOCKED; i++)
		ASSERT_TRUE(unblock(self->efd[i]));
	for (i = 0; i < NR_BLOCKED; i++) {
		ASSERT_EQ(0, ring_wait(&self->ring, &cqe));
		EXPECT_EQ(8, cqe.res);
	}
	EXPECT_TRUE(wait_workers(getpid(), 1, false, 30000));
	EXPECT_LT(1000, now_ms() - start);
	/* New ones come when they are needed. */
	for (i = 0; i < 2; i++) {
		prep(&self->ring, IORING_OP_NOP, -1, NULL, 0, 0)->flags = IOSQE_ASYNC;
		EXPECT_EQ(0, ring_result(&self->ring));
	}
}

/* Workers of a task without a ring are of no use to anybody: not even the last one stays. */
TEST_F(worker, leave_with_the_last_ring)
{
	struct io_uring_cqe cqe;
	struct ring second;

	if (untouched())
		SKIP(return, "this kernel keeps one until the task ends");
	ASSERT_EQ(0, ring_open(&second, 4, variant->setup));
	ASSERT_TRUE(block(&self->ring, self->efd[0], &self->value, 1));
	ASSERT_TRUE(block(&self->ring, self->efd[1], &self->value, 2));
	ASSERT_TRUE(wait_workers(getpid(), 2, true, WAIT_MS));
	ASSERT_TRUE(unblock(self->efd[0]));
	ASSERT_EQ(0, ring_wait(&self->ring, &cqe));
	EXPECT_EQ(1u, cqe.user_data);

	/* There is another ring: a worker is kept for it. The one that works is interrupted */
	ring_close(&self->ring);
	prep(&second, IORING_OP_NOP, -1, NULL, 0, 0)->flags = IOSQE_ASYNC;
	EXPECT_EQ(0, ring_result(&second));
	EXPECT_LE(1u, count_workers(getpid()));
	ring_close(&second);
	EXPECT_TRUE(wait_workers(getpid(), 0, false, WAIT_MS));

	/* The next ring has workers again. */
	ASSERT_EQ(0, ring_open(&self->ring, 4, variant->setup));
	prep(&self->ring, IORING_OP_NOP, -1, NULL, 0, 0)->flags = IOSQE_ASYNC;
	EXPECT_EQ(0, ring_result(&self->ring));
	EXPECT_LE(1u, count_workers(getpid()));
}

/* A connection over loopback whose sending side is full: closing @tx waits for @rx */
static bool lingering_pair(int *tx, int *rx)
{
	struct sockaddr_in addr = { .sin_family = AF_INET };
	struct linger linger = { .l_onoff = 1, .l_linger = 60 };
	socklen_t len = sizeof(addr);
	char junk[4096] = { };
	int s = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	*tx = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (bind(s, (void *)&addr, len) || listen(s, 1) ||
	    getsockname(s, (void *)&addr, &len) || connect(*tx, (void *)&addr, len))
		return false;
	*rx = accept(s, NULL, NULL);
	close(s);
	while (send(*tx, junk, sizeof(junk), MSG_DONTWAIT) > 0)
		;
	return !setsockopt(*tx, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
}

/* What a worker does after its work may last, too. Others do the work meanwhile. */
TEST_F(worker, close_that_lingers)
{
	struct ring *r = &self->ring;
	int fd = tmp_file(NULL, 0);
	struct io_uring_cqe cqe;
	unsigned int i, closed = 0;
	char buf[4096] = { };
	int tx, rx;

	if (untouched())
		SKIP(return, "this kernel lets one piece of work wait for that");
	if (!lingering_pair(&tx, &rx))
		SKIP(return, "no loopback device");
	ASSERT_EQ(4096, write(fd, buf, 4096));
	prep(r, IORING_OP_CLOSE, tx, NULL, 0, 0)->flags = IOSQE_ASYNC;
	r->sqes[(r->next - 1) & r->sq_mask].user_data = 100;
	for (i = 0; i < 8; i++)
		prep(r, IORING_OP_READ, fd, buf, sizeof(buf), 0)->flags = IOSQE_ASYNC;
	ASSERT_EQ(9, ring_submit(r));
	/* The CQE of the CLOSE may come before the end of the lingering, or after it */
	for (i = 0; i < 8; i++) {
		ASSERT_EQ(0, ring_wait(r, &cqe)) {
			TH_LOG("%u of the reads were done", i - closed);
			close(rx);
		}
		if (cqe.user_data == 100) {
			closed = 1;
			i--;
			continue;
		}
		EXPECT_EQ(4096, cqe.res);
	}
	close(rx);
	if (!closed) {
		ASSERT_EQ(0, ring_wait(r, &cqe));
		EXPECT_EQ(100u, cqe.user_data);
	}
	close(fd);
}

/* Splices from a pipe, to files, wait for who writes to the pipe: files are served meanwhile */
TEST_F(worker, splices_to_files)
{
	struct ring *r = &self->ring;
	int file = tmp_file(NULL, 0);
	struct io_uring_cqe cqe;
	int i, to[12];

	for (i = 0; i < (int)ARRAY_LEN(to); i++) {
		struct io_uring_sqe *sqe;

		to[i] = tmp_file(NULL, 0);
		ASSERT_LE(0, to[i]);
		sqe = prep(r, IORING_OP_SPLICE, to[i], NULL, 1, -1);
		sqe->splice_fd_in = self->pipe[0];
		sqe->splice_off_in = -1;
	}
	ASSERT_EQ((int)ARRAY_LEN(to), ring_submit(r));
	prep(r, IORING_OP_FSYNC, file, NULL, 0, 0)->user_data = 100;
	ASSERT_EQ(1, ring_submit(r));
	ASSERT_EQ(0, ring_wait(r, &cqe));
	EXPECT_EQ(100u, cqe.user_data);
	EXPECT_EQ(0, cqe.res);

	for (i = 0; i < (int)ARRAY_LEN(to); i++) {
		ASSERT_EQ(1, write(self->pipe[1], "s", 1));
		ASSERT_EQ(0, ring_wait(r, &cqe));
		EXPECT_EQ(1, cqe.res);
	}
	for (i = 0; i < (int)ARRAY_LEN(to); i++)
		close(to[i]);
	close(file);
}

/* One that waits for its pipe does not keep others from writing to the same file */
TEST_F(worker, splice_and_write_to_a_file)
{
	struct ring *r = &self->ring;
	int file = tmp_file(NULL, 0);
	struct io_uring_cqe cqe;
	struct io_uring_sqe *sqe;

	ASSERT_LE(0, file);
	sqe = prep(r, IORING_OP_SPLICE, file, NULL, 1, 8);
	sqe->splice_fd_in = self->pipe[0];
	sqe->splice_off_in = -1;
	sqe->user_data = 1;
	sqe = prep(r, IORING_OP_WRITE, file, "written", 8, 0);
	sqe->flags = IOSQE_ASYNC;
	sqe->user_data = 2;
	ASSERT_EQ(2, ring_submit(r));
	ASSERT_EQ(0, ring_wait(r, &cqe));
	EXPECT_EQ(2u, cqe.user_data);
	EXPECT_EQ(8, cqe.res);

	ASSERT_EQ(1, write(self->pipe[1], "s", 1));
	ASSERT_EQ(0, ring_wait(r, &cqe));
	EXPECT_EQ(1u, cqe.user_data);
	EXPECT_EQ(1, cqe.res);
	EXPECT_EQ(9, lseek(file, 0, SEEK_END));
	close(file);
}

/* The CPU time in ticks that threads called iou-wrk have used, of each; how many */
static unsigned int worker_ticks(unsigned long ticks[], unsigned int max)
{
	char path[PATH_MAX], text[1024];
	struct dirent *entry;
	unsigned int n = 0;
	DIR *dir;

	dir = opendir("/proc/self/task");
	while (dir && n < max && (entry = readdir(dir))) {
		unsigned long user, system;
		char *p;

		snprintf(path, sizeof(path), "/proc/self/task/%s/stat", entry->d_name);
		if (!read_small_file(path, text, sizeof(text)) || !strstr(text, "(iou-wrk"))
			continue;
		p = strrchr(text, ')');
		if (p && sscanf(p, ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu",
				&user, &system) == 2)
			ticks[n++] = user + system;
	}
	if (dir)
		closedir(dir);
	return n;
}

/* Work that asked for a thread and never sleeps uses all CPUs, not one. */
TEST_F_TIMEOUT(worker, computes_in_parallel, 120)
{
	const size_t size = 1 << 20;
	unsigned long ticks[64], total = 0;
	struct ring *r = &self->ring;
	unsigned int i, n, used = 0;
	int fd = tmp_file(NULL, 0);
	struct io_uring_cqe cqe;
	char *buf = pages(size);

	if (sysconf(_SC_NPROCESSORS_ONLN) < 2)
		SKIP(return, "needs two processors");
	ASSERT_EQ((ssize_t)size, write(fd, buf, size));
	while (total < 100) {
		for (i = 0; i < 16; i++)
			prep(r, IORING_OP_READ, fd, buf, size, 0)->flags = IOSQE_ASYNC;
		ASSERT_EQ(16, ring_submit(r));
		for (i = 0; i < 16; i++) {
			ASSERT_EQ(0, ring_wait(r, &cqe));
			EXPECT_EQ((int)size, cqe.res);
		}
		n = worker_ticks(ticks, ARRAY_LEN(ticks));
		for (i = 0, total = 0; i < n; i++)
			total += ticks[i];
	}
	for (i = 0; i < n; i++)
		used += ticks[i] * 20 > total;
	EXPECT_LE(2u, used) {
		TH_LOG("%u of %u workers did %lu ticks", used, n, total);
	}
	close(fd);
}

/* Submit a write that needs a worker, while being traced */
static void be_traced(unsigned int setup, int efd)
{
	__u64 value = 5;
	struct ring r;

	if (ring_open(&r, 4, setup) || ptrace(PTRACE_TRACEME, 0, NULL, NULL))
		_exit(1);
	raise(SIGSTOP);
	prep(&r, IORING_OP_WRITE, efd, &value, 8, -1)->flags = IOSQE_ASYNC;
	_exit(ring_submit(&r) == 1 ? 0 : 2);
}

/* Let a child go on until it stops where its next system call begins or ends */
static bool trace_on(pid_t pid)
{
	int status;

	return !ptrace(PTRACE_SYSCALL, pid, NULL, NULL) && waitpid(pid, &status, 0) == pid &&
	       WIFSTOPPED(status) && WSTOPSIG(status) == (SIGTRAP | 0x80);
}

/*
 * A program is stopped by its debugger when it comes back from submitting: the work
 * is done, although there was no worker before.
 */
TEST_F(worker, first_one_of_a_stopped_task)
{
	int efd = eventfd(0, EFD_CLOEXEC);
	struct __ptrace_syscall_info info;
	pid_t pid = fork();
	int status;

	if (!pid)
		be_traced(variant->setup, efd);
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	ASSERT_TRUE(WIFSTOPPED(status));
	ASSERT_EQ(0, ptrace(PTRACE_SETOPTIONS, pid, NULL,
			    PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL));
	do {
		ASSERT_TRUE(trace_on(pid));
		ASSERT_LE(0, ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof(info), &info));
	} while (info.op != PTRACE_SYSCALL_INFO_ENTRY || info.entry.nr != __NR_io_uring_enter);
	ASSERT_TRUE(trace_on(pid));
	EXPECT_EQ(POLLIN, poll_fd(efd, POLLIN, WAIT_MS));
	ASSERT_EQ(0, ptrace(PTRACE_DETACH, pid, NULL, NULL));
	EXPECT_EQ(0, reap(pid, WAIT_MS));
	close(efd);
}

/* ------------------------------------------------------------------------
 * Turns on an inode
 */

#define TURN_DISK	"iou_turn"
#define TURN_DIR	"/tmp/iou_turn"
#define TURN_DELAY	200		/* of the disk, in ms */
#define NR_TURNS	6

static void overlay_remove(void)
{
	umount2(TURN_DIR "/over", MNT_DETACH);
	umount2(TURN_DIR "/ext4", MNT_DETACH);
	rmdir(TURN_DIR "/over");
	rmdir(TURN_DIR "/ext4");
	rmdir(TURN_DIR);
	disk_remove(TURN_DISK);
}

static bool overlay_mount(void)
{
	return !mkdir(TURN_DIR "/ext4/upper", 0700) && !mkdir(TURN_DIR "/ext4/work", 0700) &&
	       !mkdir(TURN_DIR "/ext4/lower", 0700) &&
	       !mount("overlay", TURN_DIR "/over", "overlay", 0,
		      "lowerdir=" TURN_DIR "/ext4/lower,upperdir=" TURN_DIR
		      "/ext4/upper,workdir=" TURN_DIR "/ext4/work");
}

/*
 * An overlay, which does not write in parallel, over an ext4, which does, on a disk that
 * is slow. Return: what is missing for it, or NULL
 */
static const char *overlay_make(void)
{
	overlay_remove();
	if (mkdir(TURN_DIR, 0700) || mkdir(TURN_DIR "/over", 0700) ||
	    mkdir(TURN_DIR "/ext4", 0700) || !disk_make(TURN_DISK, 16, TURN_DELAY * 1000))
		return "no null_blk that configfs can make";
	if (system("mkfs.ext4 -q -F -O ^has_journal /dev/" TURN_DISK " >/dev/null 2>&1"))
		return "no mkfs.ext4";
	if (mount("/dev/" TURN_DISK, TURN_DIR "/ext4", "ext4", 0, NULL))
		return "no ext4";
	return overlay_mount() ? NULL : "no overlayfs";
}

/* With how many writes is the disk busy at the same time, at most, for a while? */
static int most_inflight(void)
{
	long end = now_ms() + 3 * TURN_DELAY;
	int now, most = 0;

	while (now_ms() < end) {
		now = disk_busy(TURN_DISK, true);
		most = now > most ? now : most;
		nap();
	}
	return most;
}

/*
 * The turn lasts for as long as a worker is with the file system. Not until the disk has
 * written, and not until the program asks for the result.
 */
TEST_F_TIMEOUT(worker, direct_writes_do_not_wait_for_the_disk, 120)
{
	const char *missing = overlay_make();
	char *buf = pages(NR_TURNS * 4096);
	struct ring *r = &self->ring;
	struct io_uring_cqe cqe;
	int i, fd, round, most = 0;

	if (missing) {
		overlay_remove();
		SKIP(return, "%s", missing);
	}
	fd = open(TURN_DIR "/over/file", O_RDWR | O_CREAT | O_DIRECT, 0600);
	ASSERT_LE(0, fd);
	/* So that there is nothing to be allocated */
	ASSERT_EQ(NR_TURNS * 4096, pwrite(fd, buf, NR_TURNS * 4096, 0));
	ASSERT_EQ(0, fsync(fd));

	/* On a machine that is slower than its disk nothing is to be seen */
	for (round = 0; round < 5 && most < 2; round++) {
		for (i = 0; i < NR_TURNS; i++)
			prep(r, IORING_OP_WRITE, fd, buf + i * 4096, 4096, i * 4096);
		ASSERT_EQ(NR_TURNS, ring_submit(r));
		most = most_inflight();
		for (i = 0; i < NR_TURNS; i++) {
			ASSERT_EQ(0, ring_wait(r, &cqe));
			EXPECT_EQ(4096, cqe.res);
		}
	}
	EXPECT_LE(2, most);
	close(fd);
	overlay_remove();
}

/* ------------------------------------------------------------------------
 * Writes of a thread that exits
 */

#define NR_WRITES	8

struct leaver {
	struct ring *r;
	int fd;
	const char *mem;
	int nr;
	pid_t tid;
};

/* Submit writes to be done by workers, one page each, and be gone. */
static void *write_and_leave(void *arg)
{
	struct leaver *l = arg;
	struct io_uring_sqe *sqe;
	int i;

	l->tid = gettid();
	for (i = 0; i < l->nr; i++) {
		sqe = prep(l->r, IORING_OP_WRITE, l->fd, l->mem + i * 4096, 4096, (i + 1) * 4096);
		if (!sqe)
			return NULL;
		sqe->flags = IOSQE_ASYNC;
		sqe->user_data = i + 1;
	}
	return (void *)(uintptr_t)(ring_submit(l->r) == l->nr);
}

static void expect_writes(struct __test_metadata *_metadata, struct leaver *l)
{
	char page[4096];
	struct io_uring_cqe cqe;
	int i;

	for (i = 0; i < l->nr; i++) {
		ASSERT_EQ(0, ring_wait(l->r, &cqe));
		EXPECT_EQ(4096, cqe.res) {
			TH_LOG("write %llu", cqe.user_data);
		}
	}
	for (i = 0; i < l->nr; i++) {
		EXPECT_EQ(4096, pread(l->fd, page, 4096, (i + 1) * 4096));
		EXPECT_EQ(0, memcmp(page, l->mem + i * 4096, 4096));
	}
}

TEST(writes_of_a_thread_that_exits)
{
	struct leaver l = { .fd = tmp_file(NULL, 0), .nr = NR_WRITES };
	char *mem = pages(NR_WRITES * 4096);
	pthread_t thread;
	struct ring r;
	void *ok;
	int i;

	ASSERT_LE(0, l.fd);
	ASSERT_EQ(0, ring_open(&r, 16, 0));
	l.r = &r;
	l.mem = mem;
	for (i = 0; i < 50; i++) {
		fill_pattern(mem, NR_WRITES * 4096, i);
		ASSERT_EQ(0, pthread_create(&thread, NULL, write_and_leave, &l));
		pthread_join(thread, &ok);
		ASSERT_NE(NULL, ok);
		expect_writes(_metadata, &l);
	}
	ring_close(&r);
	close(l.fd);
}

/*
 * They have to wait for a write to the same file by another thread, and their own
 * thread has no worker, nor can make one later.
 */
TEST(writes_behind_a_write_that_blocks)
{
	struct leaver l = { .fd = tmp_file(NULL, 0), .nr = NR_WRITES };
	struct uffdio_zeropage zero = { .range = { .len = 4096 } };
	char *mem = pages(NR_WRITES * 4096), *missing = pages(4096);
	struct io_uring_sqe *sqe;
	struct io_uring_cqe cqe;
	pthread_t thread;
	struct ring r;
	void *ok;
	int uffd;

	ASSERT_LE(0, l.fd);
	uffd = open_userfault(missing, 4096);
	if (uffd < 0)
		SKIP(return, "no userfaultfd (%s)", strerror(-uffd));
	zero.range.start = (uintptr_t)missing;
	ASSERT_EQ(0, ring_open(&r, 16, 0));
	sqe = prep(&r, IORING_OP_WRITE, l.fd, missing, 4096, 0);
	sqe->flags = IOSQE_ASYNC;
	sqe->user_data = 99;
	ASSERT_EQ(1, ring_submit(&r));
	ASSERT_EQ(POLLIN, poll_fd(uffd, POLLIN, WAIT_MS));

	fill_pattern(mem, NR_WRITES * 4096, 3);
	l.r = &r;
	l.mem = mem;
	ASSERT_EQ(0, pthread_create(&thread, NULL, write_and_leave, &l));
	pthread_join(thread, &ok);
	ASSERT_NE(NULL, ok);
	EXPECT_EQ(0u, ring_ready(&r));
	ASSERT_EQ(0, ioctl(uffd, UFFDIO_ZEROPAGE, &zero));
	ASSERT_EQ(0, ring_wait(&r, &cqe));
	EXPECT_EQ(99u, cqe.user_data);
	EXPECT_EQ(4096, cqe.res);
	expect_writes(_metadata, &l);
	/* Nobody stays for nothing. */
	EXPECT_TRUE(wait_workers(l.tid, 0, false, WAIT_MS));
	ring_close(&r);
	close(uffd);
	close(l.fd);
}

/* struct leaver, and the pages that it reads to, which are missing */
struct busy_leaver {
	struct leaver l;
	char *missing;
	int uffd;
};

/* Two workers are busy, then idle; and then there are writes to be waited for. */
static void *read_write_and_leave(void *arg)
{
	struct uffdio_zeropage zero = { .range = { .len = 2 * 4096 } };
	struct busy_leaver *b = arg;
	struct io_uring_cqe cqe;
	struct uffd_msg msg;
	int i;

	zero.range.start = (uintptr_t)b->missing;
	for (i = 0; i < 2; i++)
		prep(b->l.r, IORING_OP_READ, b->l.fd, b->missing + i * 4096, 1, 0)->flags =
			IOSQE_ASYNC;
	if (ring_submit(b->l.r) != 2)
		return NULL;
	for (i = 0; i < 2; i++)
		if (poll_fd(b->uffd, POLLIN, WAIT_MS) != POLLIN ||
		    read(b->uffd, &msg, sizeof(msg)) != sizeof(msg))
			return NULL;
	if (ioctl(b->uffd, UFFDIO_ZEROPAGE, &zero))
		return NULL;
	for (i = 0; i < 2; i++)
		if (ring_wait(b->l.r, &cqe) || cqe.res != 1)
			return NULL;
	return write_and_leave(&b->l);
}

/* Of several workers that are idle when their thread exits one stays for what is to come. */
TEST(writes_for_one_of_the_idle)
{
	struct busy_leaver b = { .l = { .fd = tmp_file(NULL, 0), .nr = 2 } };
	struct uffdio_zeropage zero = { .range = { .len = 4096 } };
	char *mem = pages(2 * 4096), *missing = pages(4096);
	struct io_uring_cqe cqe;
	pthread_t thread;
	struct ring r;
	int uffd, i;
	void *ok;

	b.missing = pages(2 * 4096);
	b.l.r = &r;
	b.l.mem = mem;
	zero.range.start = (uintptr_t)missing;
	ASSERT_EQ(1, write(b.l.fd, "x", 1));
	uffd = open_userfault(missing, 4096);
	b.uffd = open_userfault(b.missing, 2 * 4096);
	if (uffd < 0 || b.uffd < 0)
		SKIP(return, "no userfaultfd");

	ASSERT_EQ(0, ring_open(&r, 16, 0));
	for (i = 0; i < 50; i++) {
		struct io_uring_sqe *sqe;

		sqe = prep(&r, IORING_OP_WRITE, b.l.fd, missing, 4096, 0);
		sqe->flags = IOSQE_ASYNC;
		sqe->user_data = 99;
		ASSERT_EQ(1, ring_submit(&r));
		ASSERT_EQ(POLLIN, poll_fd(uffd, POLLIN, WAIT_MS));

		fill_pattern(mem, 2 * 4096, i);
		ASSERT_EQ(0, pthread_create(&thread, NULL, read_write_and_leave, &b));
		pthread_join(thread, &ok);
		ASSERT_NE(NULL, ok);
		ASSERT_EQ(0, ioctl(uffd, UFFDIO_ZEROPAGE, &zero));
		ASSERT_EQ(0, ring_wait(&r, &cqe));
		EXPECT_EQ(99u, cqe.user_data);
		expect_writes(_metadata, &b.l);

		ASSERT_EQ(0, madvise(missing, 4096, MADV_DONTNEED));
		ASSERT_EQ(0, madvise(b.missing, 2 * 4096, MADV_DONTNEED));
	}
	ring_close(&r);
	close(uffd);
	close(b.uffd);
	close(b.l.fd);
}

/* struct leaver, and a page with an iovec that its READV has to wait for */
struct signalled_leaver {
	struct leaver l;
	int zero;
	const struct iovec *missing;
};

/* A read, during whose submission a signal comes; and behind it writes that have to wait. */
static void *submit_and_leave(void *arg)
{
	struct signalled_leaver *s = arg;

	prep(s->l.r, IORING_OP_READV, s->zero, s->missing, 1, 0);
	write_and_leave(&s->l);
	return NULL;
}

/* That a signal is pending keeps nobody from making the worker that stays for them. */
TEST(writes_of_a_thread_with_a_signal)
{
	char *mem = pages(2 * 4096), *missing = pages(2 * 4096), *page = pages(4096);
	struct uffdio_zeropage zero = { .range = { .len = 4096 } };
	struct signalled_leaver s = { .l = { .fd = tmp_file(NULL, 0), .nr = 2 } };
	struct sigaction sa = { .sa_handler = on_signal };
	struct uffdio_copy copy = { .len = 4096 };
	struct io_uring_sqe *sqe;
	struct io_uring_cqe cqe;
	struct uffd_msg msg;
	pthread_t thread;
	struct ring r;
	int uffd, i;

	uffd = open_userfault(missing, 2 * 4096);
	if (uffd < 0)
		SKIP(return, "no userfaultfd (%s)", strerror(-uffd));
	ASSERT_EQ(0, sigaction(SIGUSR1, &sa, NULL));
	ASSERT_EQ(0, ring_open(&r, 16, 0));
	sqe = prep(&r, IORING_OP_WRITE, s.l.fd, missing, 4096, 0);
	sqe->flags = IOSQE_ASYNC;
	sqe->user_data = 99;
	ASSERT_EQ(1, ring_submit(&r));
	ASSERT_EQ(POLLIN, poll_fd(uffd, POLLIN, WAIT_MS));
	ASSERT_EQ((ssize_t)sizeof(msg), read(uffd, &msg, sizeof(msg)));

	fill_pattern(mem, 2 * 4096, 1);
	s.l.r = &r;
	s.l.mem = mem;
	s.zero = open("/dev/zero", O_RDONLY | O_CLOEXEC);
	s.missing = (void *)(missing + 4096);
	ASSERT_EQ(0, pthread_create(&thread, NULL, submit_and_leave, &s));
	ASSERT_EQ(POLLIN, poll_fd(uffd, POLLIN, WAIT_MS));
	ASSERT_EQ(0, pthread_kill(thread, SIGUSR1));
	*(struct iovec *)page = (struct iovec){ .iov_base = page + 64, .iov_len = 8 };
	copy.dst = (uintptr_t)s.missing;
	copy.src = (uintptr_t)page;
	ASSERT_EQ(0, ioctl(uffd, UFFDIO_COPY, &copy));
	pthread_join(thread, NULL);

	zero.range.start = (uintptr_t)missing;
	ASSERT_EQ(0, ioctl(uffd, UFFDIO_ZEROPAGE, &zero));
	for (i = 0; i < 4; i++) {
		ASSERT_EQ(0, ring_wait(&r, &cqe));
		EXPECT_EQ(cqe.user_data ? 4096 : 8, cqe.res) {
			TH_LOG("request %llu", cqe.user_data);
		}
	}
	ring_close(&r);
	close(uffd);
	close(s.zero);
	close(s.l.fd);
}

#define CGROUP	"/sys/fs/cgroup/iou_worker"

static bool write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY);
	bool ok = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);

	close(fd);
	return ok;
}

static bool runs_on(pid_t tid, int cpu)
{
	cpu_set_t set;

	return !sched_getaffinity(tid, sizeof(set), &set) && CPU_COUNT(&set) == 1 &&
	       CPU_ISSET(cpu, &set);
}

/* In a cpuset with one processor, which then becomes another one. Return: what failed */
static const char *live_in_cpuset(void)
{
	struct io_uring_params p = { .flags = IORING_SETUP_SQPOLL | IORING_SETUP_SQ_AFF };
	const __u64 almost = ULLONG_MAX - 2;
	int efd = eventfd(0, EFD_CLOEXEC);
	__u64 value = 5;
	cpu_set_t set;
	struct ring r;
	pid_t worker;

	if (sys_setup(4, &p) != -EINVAL)
		return "a thread that submits from elsewhere";
	if (write(efd, &almost, 8) != 8 || ring_open(&r, 4, 0) || !block(&r, efd, &value, 1) ||
	    !wait_workers(getpid(), 1, true, WAIT_MS))
		return "a worker";
	worker = any_worker();
	if (!runs_on(worker, 1))
		return "the cpuset when it begins";
	CPU_ZERO(&set);
	CPU_SET(0, &set);
	if (sys_register(r.fd, IORING_REGISTER_IOWQ_AFF, &set, sizeof(set)) != -EINVAL)
		return "a mask outside the cpuset";
	CPU_ZERO(&set);
	CPU_SET(1, &set);
	if (sys_register(r.fd, IORING_REGISTER_IOWQ_AFF, &set, sizeof(set)) ||
	    sys_register(r.fd, IORING_UNREGISTER_IOWQ_AFF, NULL, 0) || !runs_on(worker, 1))
		return "a mask inside the cpuset";
	if (!write_file(CGROUP "/cpuset.cpus", "0") || !runs_on(worker, 0))
		return "the cpuset when it changes";
	if (!unblock(efd))
		return "to end";
	return NULL;
}

/* Do all workers run on this processor only? */
static bool all_run_on(int cpu)
{
	char path[PATH_MAX], comm[32];
	struct dirent *entry;
	bool ok = true;
	DIR *dir;

	dir = opendir("/proc/self/task");
	while (dir && (entry = readdir(dir))) {
		snprintf(path, sizeof(path), "/proc/self/task/%s/comm", entry->d_name);
		if (read_small_file(path, comm, sizeof(comm)) && !strncmp(comm, "iou-wrk", 7))
			ok &= runs_on(atoi(entry->d_name), cpu);
	}
	closedir(dir);
	return ok;
}

/* One more worker than there were, which stays. */
static bool another_worker(struct ring *r, int fds[2], unsigned int nr_before)
{
	return queue(r, 1, 0, sqe_splice(fds[0], fds[1])) && ring_submit(r) == 1 &&
	       wait_workers(getpid(), nr_before + 1, true, WAIT_MS);
}

/* In a cpuset with two processors, which then has one. Return: what failed */
static const char *live_in_smaller_cpuset(void)
{
	int in[2], out[2], fds[2];
	cpu_set_t set;
	struct ring r;

	if (ring_open(&r, 4, 0) || pipe(in) || pipe(out))
		return "a ring";
	fds[0] = in[0];
	fds[1] = out[1];
	CPU_ZERO(&set);
	CPU_SET(0, &set);
	CPU_SET(1, &set);
	if (!write_file(CGROUP "/cpuset.cpus", "0-1") ||
	    sys_register(r.fd, IORING_REGISTER_IOWQ_AFF, &set, sizeof(set)) ||
	    !another_worker(&r, fds, 0))
		return "a worker";
	if (!write_file(CGROUP "/cpuset.cpus", "0") || !all_run_on(0))
		return "the cpuset when it becomes smaller";
	if (!another_worker(&r, fds, 1) || !all_run_on(0))
		return "a worker made after that";
	/* Nothing of the mask is left behind */
	CPU_CLR(0, &set);
	if (sys_register(r.fd, IORING_UNREGISTER_IOWQ_AFF, NULL, 0) ||
	    !write_file(CGROUP "/cpuset.cpus", "0-1") ||
	    sched_setaffinity(0, sizeof(set), &set))
		return "to go elsewhere";
	if (!another_worker(&r, fds, 2) || all_run_on(0))
		return "a worker made without a mask";
	return NULL;
}

/* Workers stay where their process may run. */
static void in_cpuset(struct __test_metadata *_metadata, const char *(*live)(void))
{
	const char *failed;
	int status;
	pid_t pid;

	mount("none", "/sys/fs/cgroup", "cgroup2", 0, NULL);
	rmdir(CGROUP);
	if (sysconf(_SC_NPROCESSORS_ONLN) < 2 ||
	    !write_file("/sys/fs/cgroup/cgroup.subtree_control", "+cpuset") ||
	    mkdir(CGROUP, 0700))
		SKIP(return, "no two processors, or no cpusets for us");
	ASSERT_TRUE(write_file(CGROUP "/cpuset.cpus", "1"));
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		failed = write_file(CGROUP "/cgroup.procs", "0") ? live() : "to join";
		if (failed)
			ksft_print_msg("%s\n", failed);
		_exit(!!failed);
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	EXPECT_EQ(0, rmdir(CGROUP));
}

TEST(in_a_cpuset)
{
	in_cpuset(_metadata, live_in_cpuset);
}

TEST(in_a_smaller_cpuset)
{
	if (untouched())
		SKIP(return, "known to fail");
	in_cpuset(_metadata, live_in_smaller_cpuset);
}

/* A worker does something bounded, or unbounded: its result. */
static int by_worker(struct ring *r, int file, bool unbound)
{
	struct io_uring_sqe *sqe = prep(r, IORING_OP_FSYNC, file, NULL, 0, 0);
	__u64 value = 1;

	if (unbound) {
		sqe->opcode = IORING_OP_WRITE;
		sqe->fd = eventfd(0, EFD_CLOEXEC);
		sqe->addr = (uintptr_t)&value;
		sqe->len = sizeof(value);
	}
	sqe->flags = IOSQE_ASYNC;
	return ring_result(r);
}

/*
 * A child whose user may have no processes at all. When does it hear of that?
 * @when: 0: before it makes the ring, 1: after that, 2: when it has had a worker. Then,
 * except for 0, it asks for five of each kind. What root may have is not limited.
 */
static int limited_child(int when, bool root, unsigned int setup)
{
	struct rlimit none = { .rlim_cur = 0, .rlim_max = 1000 };
	unsigned int max[2] = { 5, 5 };
	int file = tmp_file(NULL, 0);
	struct ring r;

	if (!root && setresuid(NOBODY, NOBODY, NOBODY))
		return 1;
	if (!when && setrlimit(RLIMIT_NPROC, &none))
		return 2;
	if (ring_open(&r, 4, setup) || (when == 2 && by_worker(&r, file, false)))
		return 3;
	if (when && (setrlimit(RLIMIT_NPROC, &none) ||
		     sys_register(r.fd, IORING_REGISTER_IOWQ_MAX_WORKERS, max, 2)))
		return 4;
	if (by_worker(&r, file, false) != (root || when == 2 ? 0 : -EAGAIN))
		return 5;
	if (by_worker(&r, file, true) != (root ? 8 : -EAGAIN))
		return 6;
	return 0;
}

/* RLIMIT_NPROC is a limit for what may be asked for; fork() decides what can be had. */
TEST_F_TIMEOUT(worker, limit_of_processes, 60)
{
	int root, when;
	pid_t pid;

	if (getuid())
		SKIP(return, "needs root, which is not limited, and to become nobody");
	if (untouched())
		SKIP(return, "this kernel has another error, and no limit of 0");
	for (root = 0; root < 2; root++) {
		for (when = 0; when < 3; when++) {
			pid = fork();
			if (!pid)
				_exit(limited_child(when, root, variant->setup));
			EXPECT_EQ(0, reap(pid, 3 * WAIT_MS) >> 8) {
				TH_LOG("root %d, when %d", root, when);
				kill(pid, SIGKILL);
			}
		}
	}
}

TEST_HARNESS_MAIN
