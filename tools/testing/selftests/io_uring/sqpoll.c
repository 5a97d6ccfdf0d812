// SPDX-License-Identifier: GPL-2.0
/*
 * SQPOLL: a thread of the kernel's making submits.
 */
#include <dirent.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "iou_test.h"

#include "../kselftest_harness.h"

#define IDLE_MS	20

/* A ring whose thread soon sleeps */
static int sq_open(struct ring *r, unsigned int entries, unsigned int flags, unsigned int idle)
{
	memset(r, 0, sizeof(*r));
	r->p.flags = flags | IORING_SETUP_SQPOLL;
	r->p.sq_thread_idle = idle;
	return ring_open_params(r, entries);
}

static int sq_attach(struct ring *r, int wq_fd, unsigned int flags)
{
	memset(r, 0, sizeof(*r));
	r->p.flags = flags | IORING_SETUP_ATTACH_WQ;
	r->p.wq_fd = wq_fd;
	return ring_open_params(r, 8);
}

static bool needs_wakeup(struct ring *r)
{
	return __atomic_load_n(r->sq_flags, __ATOMIC_RELAXED) & IORING_SQ_NEED_WAKEUP;
}

static bool wait_needs_wakeup(struct ring *r)
{
	long end = now_ms() + WAIT_MS;

	while (!needs_wakeup(r) && now_ms() < end)
		nap();
	return needs_wakeup(r);
}

/* Wait for a CQE without entering the kernel for it */
static bool wait_visible(struct ring *r, unsigned int nr)
{
	long end = now_ms() + WAIT_MS;

	while (ring_ready(r) < nr && now_ms() < end)
		nap();
	return ring_ready(r) >= nr;
}

/* The same, and see it in the moment it comes */
static bool spin_visible(struct ring *r)
{
	long end = now_ms() + WAIT_MS;

	while (!ring_ready(r) && now_ms() < end)
		;
	return ring_ready(r);
}

static int sq_tid(struct ring *r)
{
	long long tid = -1;
	int i;

	/* fdinfo is short while the ring is busy; the thread may not have started */
	for (i = 0; i < 1000 && tid <= 0; i++) {
		tid = ring_fdinfo(getpid(), r->fd, "SqThread");
		if (tid <= 0)
			nap();
	}
	return tid;
}

/* Threads of @pid whose name begins with "iou-sqp" */
static int count_sq_threads(pid_t pid)
{
	char path[64], comm[32];
	struct dirent *entry;
	int nr = 0;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	dir = opendir(path);
	while (dir && (entry = readdir(dir))) {
		snprintf(path, sizeof(path), "/proc/%d/task/%.16s/comm", pid, entry->d_name);
		if (read_small_file(path, comm, sizeof(comm)) && !strncmp(comm, "iou-sqp", 7))
			nr++;
	}
	if (dir)
		closedir(dir);
	return nr;
}

static bool wait_sq_threads(pid_t pid, int nr)
{
	long end = now_ms() + WAIT_MS;

	while (count_sq_threads(pid) != nr && now_ms() < end)
		nap();
	return count_sq_threads(pid) == nr;
}

FIXTURE(sqpoll)
{
	struct ring ring;
};

FIXTURE_VARIANT(sqpoll)
{
	unsigned int setup;
};

FIXTURE_VARIANT_ADD(sqpoll, plain) { .setup = 0 };
FIXTURE_VARIANT_ADD(sqpoll, no_sqarray) { .setup = IORING_SETUP_NO_SQARRAY };
FIXTURE_VARIANT_ADD(sqpoll, single_issuer) { .setup = IORING_SETUP_SINGLE_ISSUER };
FIXTURE_VARIANT_ADD(sqpoll, iopoll) { .setup = IORING_SETUP_IOPOLL };

FIXTURE_SETUP(sqpoll)
{
	const char *missing = setup_missing(variant->setup | IORING_SETUP_SQPOLL);

	if (missing)
		SKIP(return, "kernel lacks %s", missing);
	ASSERT_EQ(0, sq_open(&self->ring, 8, variant->setup, IDLE_MS));
}

FIXTURE_TEARDOWN(sqpoll)
{
	ring_close(&self->ring);
}

TEST_F(sqpoll, thread)
{
	char path[64], comm[32], expected[32];
	int tid = sq_tid(&self->ring);

	ASSERT_LT(0, tid);
	/* In other kernels it has its name only when it has run for the first time */
	ASSERT_TRUE(wait_sq_threads(getpid(), 1));
	snprintf(path, sizeof(path), "/proc/self/task/%d/comm", tid);
	snprintf(expected, sizeof(expected), "iou-sqp-%d\n", getpid());
	ASSERT_TRUE(read_small_file(path, comm, sizeof(comm)));
	EXPECT_STREQ(expected, comm);
	EXPECT_TRUE(wait_sq_threads(getpid(), 1));
	ring_close(&self->ring);
	EXPECT_TRUE(wait_sq_threads(getpid(), 0));
}

/* While it is awake nobody has to enter */
TEST_F(sqpoll, submits_by_itself)
{
	struct io_uring_cqe cqe;
	unsigned int i;

	for (i = 0; i < 200; i++) {
		ASSERT_TRUE(prep_nop(&self->ring, i));
		ring_publish(&self->ring);
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
		if (needs_wakeup(&self->ring))
			ASSERT_EQ(1, sys_enter(self->ring.fd, 1, 0, IORING_ENTER_SQ_WAKEUP,
					       NULL, 0));
		ASSERT_TRUE(wait_visible(&self->ring, 1));
		ASSERT_TRUE(ring_reap(&self->ring, &cqe));
		ASSERT_EQ(i, cqe.user_data);
	}
}

TEST_F(sqpoll, sleeps_and_wakes)
{
	int i;

	for (i = 0; i < 5; i++) {
		long long before;

		ASSERT_TRUE(wait_needs_wakeup(&self->ring));
		/* It says so a little before it sleeps */
		usleep(20000);
		before = ring_fdinfo(getpid(), self->ring.fd, "SqTotalTime");
		usleep(100000);
		/* Asleep, it uses no CPU: at most what it takes to get there */
		EXPECT_GT(before + 5000, ring_fdinfo(getpid(), self->ring.fd, "SqTotalTime"));
		ASSERT_TRUE(prep_nop(&self->ring, i));
		/* Nobody looks as long as nobody wakes it */
		ring_publish(&self->ring);
		usleep(20000);
		EXPECT_EQ(0u, ring_ready(&self->ring));
		EXPECT_EQ(7, sys_enter(self->ring.fd, 7, 0, IORING_ENTER_SQ_WAKEUP, NULL, 0));
		ASSERT_TRUE(wait_visible(&self->ring, 1));
		store(self->ring.cq_head, load(self->ring.cq_tail));
	}
}

TEST_F(sqpoll, waits_for_completions)
{
	struct io_uring_cqe cqe;
	int i;

	for (i = 0; i < 50; i++) {
		ASSERT_TRUE(prep_nop(&self->ring, i));
		ASSERT_EQ(1, ring_submit_wait(&self->ring, 1));
		ASSERT_TRUE(ring_reap(&self->ring, &cqe));
		EXPECT_EQ(i, (int)cqe.user_data);
	}
}

/* A pipe whose reader sees the end when its other end, @fd, is closed. Return: whether it does */
static bool sees_end(int fd)
{
	char c;

	return read(fd, &c, 1) == 0;
}

/* A program that has seen the CQE of a CLOSE finds the file closed */
TEST_F(sqpoll, close_is_over)
{
	struct ring *r = &self->ring;
	struct io_uring_cqe cqe;
	struct io_uring_sqe *sqe;
	int i, p[2], empty = -1;

	if (variant->setup & IORING_SETUP_IOPOLL)
		SKIP(return, "no CLOSE on such a ring");
	if (untouched())
		SKIP(return, "there it is not");
	ASSERT_EQ(0, sys_register(r->fd, IORING_REGISTER_FILES, &empty, 1));
	for (i = 0; i < 100; i++) {
		struct io_uring_rsrc_update update = { .data = (uintptr_t)&p[1] };
		bool fixed = i % 2;

		ASSERT_EQ(0, pipe2(p, O_NONBLOCK));
		if (fixed) {
			ASSERT_EQ(1, sys_register(r->fd, IORING_REGISTER_FILES_UPDATE, &update, 1));
			close(p[1]);
		}
		sqe = prep(r, IORING_OP_CLOSE, fixed ? 0 : p[1], NULL, 0, 0);
		sqe->file_index = fixed;
		ASSERT_EQ(1, ring_submit(r));
		ASSERT_TRUE(spin_visible(r));
		EXPECT_TRUE(sees_end(p[0]));
		ASSERT_TRUE(ring_reap(r, &cqe));
		EXPECT_EQ(0, cqe.res);
		close(p[0]);
	}
}

TEST_F(sqpoll, sq_wait)
{
	struct ring *r = &self->ring;
	struct io_uring_cqe cqe;
	unsigned int i, got = 0;

	for (i = 0; i < 300; i++) {
		while (!prep_nop(r, i)) {
			unsigned int flags = IORING_ENTER_SQ_WAIT | IORING_ENTER_SQ_WAKEUP;

			ring_publish(r);
			ASSERT_EQ(3, sys_enter(r->fd, 3, 0, flags, NULL, 0));
			ASSERT_GT(8u, r->next - load(r->sq_head));
			while (ring_reap(r, &cqe))
				got++;
		}
	}
	ASSERT_LE(0, ring_submit(r));
	while (got < 300) {
		ASSERT_EQ(0, ring_wait(r, &cqe));
		got++;
	}
	EXPECT_EQ(300u, got);
}

/* There is room when entries that name no SQE were thrown away, too. */
TEST_F(sqpoll, sq_wait_for_nothing)
{
	struct ring *r = &self->ring;
	int i;

	if (variant->setup & IORING_SETUP_NO_SQARRAY)
		SKIP(return, "no entries that could be wrong");
	for (i = 0; i < 20; i++) {
		while (prep_nop(r, 0))
			r->sq_array[(r->next - 1) & r->sq_mask] = 1000;
		ring_publish(r);
		ASSERT_EQ(1, sys_enter(r->fd, 1, 0, IORING_ENTER_SQ_WAIT | IORING_ENTER_SQ_WAKEUP,
				       NULL, 0));
		ASSERT_NE(r->next - r->sq_mask - 1, load(r->sq_head));
	}
}

TEST_F(sqpoll, killed_while_busy)
{
	int i;

	for (i = 0; i < 10; i++) {
		pid_t pid = fork();

		ASSERT_LE(0, pid);
		if (!pid) {
			struct ring r;

			if (sq_open(&r, 64, variant->setup, 1000))
				_exit(1);
			for (;;) {
				while (prep_nop(&r, 0))
					;
				ring_submit(&r);
				store(r.cq_head, load(r.cq_tail));
			}
		}
		usleep(10000);
		EXPECT_TRUE(kill_ends(pid, WAIT_MS));
	}
}

TEST_F(sqpoll, disabled_until_enabled)
{
	struct io_uring_cqe cqe;
	struct ring r;

	ASSERT_EQ(0, sq_open(&r, 4, variant->setup | IORING_SETUP_R_DISABLED, IDLE_MS));
	ASSERT_TRUE(prep_nop(&r, 5));
	ring_publish(&r);
	usleep(50000);
	EXPECT_EQ(0u, ring_ready(&r));
	EXPECT_EQ(-EBADFD, sys_enter(r.fd, 1, 0, IORING_ENTER_SQ_WAKEUP, NULL, 0));
	ASSERT_EQ(0, sys_register(r.fd, IORING_REGISTER_ENABLE_RINGS, NULL, 0));
	ASSERT_TRUE(wait_visible(&r, 1));
	ASSERT_TRUE(ring_reap(&r, &cqe));
	EXPECT_EQ(5u, cqe.user_data);
	ring_close(&r);
}

/* A stopped process does nothing; nor does its thread */
TEST_F(sqpoll, stopped)
{
	struct ring r = { 0 };
	int status, pidfd;
	int ready[2];
	pid_t pid;

	ASSERT_EQ(0, pipe(ready));
	pid = fork();
	if (!pid) {
		if (sq_open(&r, 8, variant->setup, 1000))
			_exit(1);
		if (write(ready[1], &r, sizeof(r)) != sizeof(r))
			_exit(2);
		pause();
		_exit(3);
	}
	ASSERT_EQ((ssize_t)sizeof(r), read(ready[0], &r, sizeof(r)));
	pidfd = syscall(__NR_pidfd_open, pid, 0);
	r.fd = syscall(__NR_pidfd_getfd, pidfd, r.fd, 0);
	ASSERT_LE(0, r.fd);
	ASSERT_EQ(0, ring_map(&r));
	kill(pid, SIGSTOP);
	ASSERT_EQ(pid, waitpid(pid, &status, WUNTRACED));
	ASSERT_TRUE(WIFSTOPPED(status));
	ASSERT_TRUE(prep_nop(&r, 1));
	EXPECT_EQ(1, ring_submit(&r));
	usleep(100000);
	EXPECT_EQ(0u, ring_ready(&r));
	kill(pid, SIGCONT);
	EXPECT_TRUE(wait_visible(&r, 1));
	/* And when it dies, who else has the ring is told */
	EXPECT_TRUE(kill_ends(pid, WAIT_MS));
	EXPECT_EQ(-EOWNERDEAD, sys_enter(r.fd, 1, 0, IORING_ENTER_SQ_WAKEUP, NULL, 0));
	EXPECT_TRUE(needs_wakeup(&r));
	ring_close(&r);
	close(pidfd);
}

/* Exec is the end of the thread, though another process may have the ring */
TEST_F(sqpoll, exec)
{
	struct ring r = { 0 };
	int pidfd, ret = 0;
	int ready[2], go[2];
	long end;
	pid_t pid;
	char c;

	ASSERT_EQ(0, pipe(ready));
	ASSERT_EQ(0, pipe2(go, O_CLOEXEC));
	pid = fork();
	if (!pid) {
		if (sq_open(&r, 8, variant->setup, 1000))
			_exit(1);
		if (write(ready[1], &r, sizeof(r)) != sizeof(r))
			_exit(2);
		close(go[1]);
		if (read(go[0], &c, 1) != 1)
			_exit(4);
		execl("/bin/sleep", "sleep", "100", NULL);
		_exit(3);
	}
	ASSERT_EQ((ssize_t)sizeof(r), read(ready[0], &r, sizeof(r)));
	pidfd = syscall(__NR_pidfd_open, pid, 0);
	r.fd = syscall(__NR_pidfd_getfd, pidfd, r.fd, 0);
	ASSERT_LE(0, r.fd);
	ASSERT_EQ(1, write(go[1], "x", 1));
	end = now_ms() + WAIT_MS;
	while (now_ms() < end && ret != -EOWNERDEAD) {
		ret = sys_enter(r.fd, 1, 0, IORING_ENTER_SQ_WAKEUP, NULL, 0);
		nap();
	}
	EXPECT_EQ(-EOWNERDEAD, ret);
	EXPECT_EQ(0, poll_fd(pidfd, POLLIN, 0));
	EXPECT_TRUE(kill_ends(pid, WAIT_MS));
	close(r.fd);
	close(pidfd);
	close(go[0]);
	close(go[1]);
}

/* Requests that wait when the last ring goes */
TEST_F(sqpoll, closed_with_a_parked_request)
{
	char buf[8];
	int pipes[2];

	if (variant->setup & IORING_SETUP_IOPOLL)
		SKIP(return, "pipes cannot be polled in this way");
	ASSERT_EQ(0, pipe(pipes));
	prep(&self->ring, IORING_OP_READ, pipes[0], buf, 8, 0);
	ASSERT_EQ(1, ring_submit(&self->ring));
	usleep(10000);
	ring_close(&self->ring);
	EXPECT_TRUE(wait_sq_threads(getpid(), 0));
	close(pipes[0]);
	close(pipes[1]);
}

TEST_F(sqpoll, reads_a_pipe)
{
	struct io_uring_cqe cqe;
	char buf[8] = "";
	int pipes[2];

	if (variant->setup & IORING_SETUP_IOPOLL)
		SKIP(return, "pipes cannot be polled in this way");
	ASSERT_EQ(0, pipe(pipes));
	prep(&self->ring, IORING_OP_READ, pipes[0], buf, 8, 0);
	ASSERT_EQ(1, ring_submit(&self->ring));
	/* Asleep by now, and it wakes for this */
	ASSERT_TRUE(wait_needs_wakeup(&self->ring));
	ASSERT_EQ(5, write(pipes[1], "hello", 5));
	ASSERT_EQ(0, ring_wait(&self->ring, &cqe));
	EXPECT_EQ(5, cqe.res);
	EXPECT_STREQ("hello", buf);
	close(pipes[0]);
	close(pipes[1]);
}

/* Sharing */

TEST_F(sqpoll, attached_rings_share_the_thread)
{
	struct ring r[3];
	unsigned int i, k;

	for (i = 0; i < ARRAY_LEN(r); i++) {
		ASSERT_EQ(0, sq_attach(&r[i], self->ring.fd, variant->setup | IORING_SETUP_SQPOLL));
		EXPECT_EQ(sq_tid(&self->ring), sq_tid(&r[i]));
	}
	EXPECT_TRUE(wait_sq_threads(getpid(), 1));
	for (k = 0; k < 20; k++) {
		for (i = 0; i < ARRAY_LEN(r); i++)
			EXPECT_TRUE(ring_works(&r[i]));
		EXPECT_TRUE(ring_works(&self->ring));
	}
	/* It stays for the others when the first one goes */
	ring_close(&self->ring);
	for (i = 0; i < ARRAY_LEN(r); i++)
		EXPECT_TRUE(ring_works(&r[i]));
	for (i = 0; i < ARRAY_LEN(r); i++)
		ring_close(&r[i]);
	EXPECT_TRUE(wait_sq_threads(getpid(), 0));
}

/* A ring that wanted a thread which hardly ever sleeps has gone, and so has its wish. */
TEST_F(sqpoll, idle_of_those_that_stay)
{
	struct ring restless, r;

	ASSERT_EQ(0, sq_open(&restless, 8, variant->setup, 10 * WAIT_MS));
	memset(&r, 0, sizeof(r));
	r.p.flags = variant->setup | IORING_SETUP_SQPOLL | IORING_SETUP_ATTACH_WQ;
	r.p.sq_thread_idle = IDLE_MS;
	r.p.wq_fd = restless.fd;
	ASSERT_EQ(0, ring_open_params(&r, 8));
	EXPECT_TRUE(ring_works(&restless));
	EXPECT_TRUE(ring_works(&r));

	ring_close(&restless);
	EXPECT_TRUE(wait_needs_wakeup(&r));
	EXPECT_TRUE(ring_works(&r));
	ring_close(&r);
}

TEST_F(sqpoll, attach_errors)
{
	int event = eventfd(0, 0);
	struct ring r, plain;

	ASSERT_EQ(0, ring_open(&plain, 4, 0));
	EXPECT_EQ(-ENXIO, sq_attach(&r, 9999, IORING_SETUP_SQPOLL));
	EXPECT_EQ(-EINVAL, sq_attach(&r, event, IORING_SETUP_SQPOLL));
	EXPECT_EQ(-EINVAL, sq_attach(&r, plain.fd, IORING_SETUP_SQPOLL));
	EXPECT_EQ(-ENXIO, sq_attach(&r, 9999, 0));
	EXPECT_EQ(-EINVAL, sq_attach(&r, event, 0));
	ASSERT_EQ(0, sq_attach(&r, plain.fd, 0));
	EXPECT_TRUE(ring_works(&r));
	ring_close(&r);
	ring_close(&plain);
	close(event);
}

/* The thread of another process has other files: it is not shared */
TEST_F(sqpoll, attach_from_another_process)
{
	int theirs = sq_tid(&self->ring);
	pid_t pid = fork();
	struct ring r;

	if (!pid) {
		if (sq_attach(&r, self->ring.fd, IORING_SETUP_SQPOLL))
			_exit(1);
		if (!wait_sq_threads(getpid(), 1) || sq_tid(&r) == theirs)
			_exit(2);
		_exit(ring_works(&r) ? 0 : 3);
	}
	EXPECT_EQ(0, reap(pid, WAIT_MS));
}

/* Credentials: of who made the ring, not of who made the thread */

#define NOBODY	65534

static void wait_consumed(struct ring *r)
{
	long end = now_ms() + WAIT_MS;

	while (load(r->sq_head) != *r->sq_tail && now_ms() < end)
		nap();
}

/* The result of the request with user_data 2, which is one of the next two */
static int second_of_two(struct ring *r)
{
	struct io_uring_cqe cqe;
	int i, res = NO_RESULT;

	for (i = 0; i < 2; i++) {
		if (ring_wait(r, &cqe))
			return NO_RESULT;
		if (cqe.user_data == 2)
			res = cqe.res;
	}
	return res;
}

/* Open a file when a READ, which has to wait, has ended */
static int open_behind_read(struct ring *r, const char *path, __u8 read_flags, __u8 open_flags)
{
	struct io_uring_sqe *sqe;
	int p[2];
	char c;

	if (pipe(p))
		return NO_RESULT;
	prep(r, IORING_OP_READ, p[0], &c, 1, 0)->flags = read_flags;
	sqe = prep(r, IORING_OP_OPENAT, AT_FDCWD, path, 0, 0);
	sqe->flags = open_flags;
	sqe->user_data = 2;
	ring_submit(r);
	wait_consumed(r);
	if (write(p[1], "x", 1) != 1)
		return NO_RESULT;
	close(p[1]);
	return second_of_two(r);
}

/* Who owns the second socket that is accepted? Both have to be waited for. */
static int accepted_by(struct ring *r, __u16 ioprio)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int listener = socket(AF_UNIX, SOCK_STREAM, 0);
	socklen_t len = sizeof(addr);
	struct io_uring_cqe cqe;
	struct stat st;
	int i;

	if (bind(listener, (struct sockaddr *)&addr, sizeof(sa_family_t)) ||
	    getsockname(listener, (struct sockaddr *)&addr, &len) || listen(listener, 8))
		return NO_RESULT;
	for (i = 0; i < 2; i++) {
		if (!i || !ioprio)
			prep(r, IORING_OP_ACCEPT, listener, NULL, 0, 0)->ioprio = ioprio;
		ring_submit(r);
		wait_consumed(r);
		if (connect(socket(AF_UNIX, SOCK_STREAM, 0), (struct sockaddr *)&addr, len) ||
		    ring_wait(r, &cqe) || cqe.res < 0 || fstat(cqe.res, &st))
			return NO_RESULT;
	}
	return st.st_uid;
}

struct seen_as {
	int open;
	int linked;
	int hardlinked;
	int drained;
	int async;
	int async_linked;
	int accepted;
	int accepted_next;
};

/* A child: what can nobody do on a ring that shares the thread of root's? */
static int nobody_child(struct seen_as *seen, const char *path, unsigned int setup)
{
	struct ring first, r;

	if (sq_open(&first, 8, setup, IDLE_MS) || !ring_works(&first))
		return 1;
	if (setresuid(NOBODY, NOBODY, NOBODY))
		return 2;
	if (sq_attach(&r, first.fd, setup | IORING_SETUP_SQPOLL) || !ring_works(&r))
		return 3;
	prep(&r, IORING_OP_OPENAT, AT_FDCWD, path, 0, 0);
	seen->open = ring_result(&r);
	seen->linked = open_behind_read(&r, path, IOSQE_IO_LINK, 0);
	seen->hardlinked = open_behind_read(&r, path, IOSQE_IO_HARDLINK, 0);
	seen->drained = open_behind_read(&r, path, 0, IOSQE_IO_DRAIN);
	prep(&r, IORING_OP_OPENAT, AT_FDCWD, path, 0, 0)->flags = IOSQE_ASYNC;
	seen->async = ring_result(&r);
	seen->async_linked = open_behind_read(&r, path, IOSQE_IO_LINK, IOSQE_ASYNC);
	seen->accepted = accepted_by(&r, 0);
	seen->accepted_next = accepted_by(&r, IORING_ACCEPT_MULTISHOT);
	/* Whose the other ring is has not changed */
	prep(&first, IORING_OP_OPENAT, AT_FDCWD, path, 0, 0);
	return ring_result(&first) < 0 ? 4 : 0;
}

TEST_F(sqpoll, attached_rings_have_their_creators_credentials)
{
	struct seen_as *seen = mmap(NULL, sizeof(*seen), PROT_READ | PROT_WRITE,
				    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	char path[64];
	pid_t pid;
	int fd;

	if (variant->setup & IORING_SETUP_IOPOLL)
		SKIP(return, "such a ring opens no files");
	if (getuid())
		SKIP(return, "needs root to become somebody else");
	ASSERT_NE(MAP_FAILED, seen);
	snprintf(path, sizeof(path), "/tmp/iou_sqpoll.%d", getpid());
	fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	ASSERT_LE(0, fd);
	pid = fork();
	if (!pid)
		_exit(nobody_child(seen, path, variant->setup));
	EXPECT_EQ(0, reap(pid, WAIT_MS) >> 8);
	unlink(path);
	close(fd);
	EXPECT_EQ(-EACCES, seen->open);
	if (untouched())
		SKIP(return, "this kernel knows better only while it submits");
	EXPECT_EQ(-EACCES, seen->linked);
	EXPECT_EQ(-EACCES, seen->hardlinked);
	EXPECT_EQ(-EACCES, seen->drained);
	EXPECT_EQ(-EACCES, seen->async);
	EXPECT_EQ(-EACCES, seen->async_linked);
	EXPECT_EQ(NOBODY, seen->accepted);
	EXPECT_EQ(NOBODY, seen->accepted_next);
}

/* A ring with a lot to do does not keep the other one waiting */
TEST_F(sqpoll, fair)
{
	struct io_uring_cqe cqe;
	struct ring busy;
	unsigned int round;

	memset(&busy, 0, sizeof(busy));
	busy.p.flags = IORING_SETUP_SQPOLL | IORING_SETUP_ATTACH_WQ;
	busy.p.wq_fd = self->ring.fd;
	ASSERT_EQ(0, ring_open_params(&busy, 4096));
	for (round = 0; round < 5; round++) {
		unsigned int left;

		while (prep_nop(&busy, 1))
			;
		ASSERT_LT(0, ring_submit(&busy));
		ASSERT_TRUE(prep_nop(&self->ring, 2));
		ASSERT_EQ(1, ring_submit(&self->ring));
		while (!ring_ready(&self->ring))
			;
		left = *busy.sq_tail - load(busy.sq_head);
		if (left)
			TH_LOG("the other ring still had %u", left);
		ASSERT_TRUE(ring_reap(&self->ring, &cqe));
		while (load(busy.sq_head) != *busy.sq_tail)
			nap();
		store(busy.cq_head, load(busy.cq_tail));
	}
	ring_close(&busy);
}

TEST(flags)
{
	static const unsigned int bad[] = {
		IORING_SETUP_SQPOLL | IORING_SETUP_COOP_TASKRUN,
		IORING_SETUP_SQPOLL | IORING_SETUP_COOP_TASKRUN | IORING_SETUP_TASKRUN_FLAG,
		IORING_SETUP_SQPOLL | IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN,
		IORING_SETUP_SQ_AFF,
	};
	struct io_uring_params p;
	unsigned int i;
	int fd;

	if (setup_missing(IORING_SETUP_SQPOLL))
		SKIP(return, "kernel lacks SQPOLL");
	for (i = 0; i < ARRAY_LEN(bad); i++) {
		memset(&p, 0, sizeof(p));
		p.flags = bad[i];
		EXPECT_EQ(-EINVAL, sys_setup(4, &p)) {
			TH_LOG("flags %x", bad[i]);
		}
	}
	memset(&p, 0, sizeof(p));
	p.flags = IORING_SETUP_SQPOLL | IORING_SETUP_SQ_AFF;
	p.sq_thread_cpu = 100000;
	EXPECT_EQ(-EINVAL, sys_setup(4, &p));
	p.sq_thread_cpu = 0;
	fd = sys_setup(4, &p);
	EXPECT_LE(0, fd);
	close(fd);
}

TEST(affinity)
{
	cpu_set_t set;
	struct ring r;
	int tid;

	if (setup_missing(IORING_SETUP_SQPOLL))
		SKIP(return, "kernel lacks SQPOLL");
	memset(&r, 0, sizeof(r));
	r.p.flags = IORING_SETUP_SQPOLL | IORING_SETUP_SQ_AFF;
	r.p.sq_thread_cpu = 0;
	ASSERT_EQ(0, ring_open_params(&r, 4));
	ASSERT_TRUE(ring_works(&r));
	tid = sq_tid(&r);
	ASSERT_EQ(0, sched_getaffinity(tid, sizeof(set), &set));
	EXPECT_EQ(1, CPU_COUNT(&set));
	EXPECT_TRUE(CPU_ISSET(0, &set));
	EXPECT_EQ(0, ring_fdinfo(getpid(), r.fd, "SqThreadCpu"));
	ring_close(&r);
}

/* A ring whose thread is bound to CPU 0 */
static int sq_open_bound(struct ring *r)
{
	memset(r, 0, sizeof(*r));
	r->p.flags = IORING_SETUP_SQPOLL | IORING_SETUP_SQ_AFF;
	return ring_open_params(r, 4);
}

static int async_nop(struct ring *r)
{
	return ring_run(r, IOSQE_ASYNC, (struct io_uring_sqe){ .opcode = IORING_OP_NOP });
}

/*
 * The thread's workers are elsewhere, if it is bound to a CPU: they would wait
 * for it. And where they are told to be.
 */
TEST(workers_cpus)
{
	cpu_set_t one, all, got;
	struct ring r;

	if (setup_missing(IORING_SETUP_SQPOLL))
		SKIP(return, "kernel lacks SQPOLL");
	ASSERT_EQ(0, sched_getaffinity(0, sizeof(all), &all));
	if (CPU_COUNT(&all) < 2 || !CPU_ISSET(0, &all) || !CPU_ISSET(1, &all))
		SKIP(return, "needs CPUs 0 and 1");
	ASSERT_EQ(0, sq_open_bound(&r));
	ASSERT_EQ(0, async_nop(&r));
	ASSERT_EQ(0, worker_cpus(&got));
	EXPECT_TRUE(CPU_EQUAL(&got, &all));
	/* One that is there */
	CPU_ZERO(&one);
	CPU_SET(1, &one);
	ASSERT_EQ(0, sys_register(r.fd, IORING_REGISTER_IOWQ_AFF, &one, sizeof(one)));
	ASSERT_EQ(0, async_nop(&r));
	ASSERT_EQ(0, worker_cpus(&got));
	if (!CPU_EQUAL(&got, &one))
		SKIP(return, "this kernel does not move workers that are there");
	EXPECT_EQ(0, sys_register(r.fd, IORING_UNREGISTER_IOWQ_AFF, NULL, 0));
	ASSERT_EQ(0, async_nop(&r));
	ASSERT_EQ(0, worker_cpus(&got));
	EXPECT_TRUE(CPU_EQUAL(&got, &all));
	ring_close(&r);
}

/* One that is made afterwards; and before there is any, limits are told. */
TEST(workers_cpus_before)
{
	unsigned int max[2] = { 0, 0 };
	cpu_set_t one, got;
	struct ring r;

	if (setup_missing(IORING_SETUP_SQPOLL))
		SKIP(return, "kernel lacks SQPOLL");
	ASSERT_EQ(0, sq_open_bound(&r));
	EXPECT_EQ(0, sys_register(r.fd, IORING_REGISTER_IOWQ_MAX_WORKERS, max, 2));
	EXPECT_LT(0u, max[0]);
	EXPECT_LT(0u, max[1]);
	CPU_ZERO(&one);
	CPU_SET(0, &one);
	ASSERT_EQ(0, sys_register(r.fd, IORING_REGISTER_IOWQ_AFF, &one, sizeof(one)));
	ASSERT_EQ(0, async_nop(&r));
	ASSERT_EQ(0, worker_cpus(&got));
	EXPECT_TRUE(CPU_EQUAL(&got, &one));
	max[0] = 1;
	max[1] = 3;
	EXPECT_EQ(0, sys_register(r.fd, IORING_REGISTER_IOWQ_MAX_WORKERS, max, 2));
	memset(max, 0, sizeof(max));
	EXPECT_EQ(0, sys_register(r.fd, IORING_REGISTER_IOWQ_MAX_WORKERS, max, 2));
	EXPECT_EQ(1u, max[0]);
	EXPECT_EQ(3u, max[1]);
	CPU_ZERO(&one);
	CPU_SET(sysconf(_SC_NPROCESSORS_CONF), &one);
	EXPECT_EQ(-EINVAL, sys_register(r.fd, IORING_REGISTER_IOWQ_AFF, &one, sizeof(one)));
	ring_close(&r);
}

/*
 * Before its idle time is over the thread naps. That is this implementation's;
 * the untouched 6.12 spins all the time, so there nothing is expected.
 */
TEST(backs_off)
{
	long long before, used, least = LLONG_MAX;
	char line[256] = "";
	struct ring r;
	FILE *log;
	bool ours = false;
	int i;

	if (setup_missing(IORING_SETUP_SQPOLL))
		SKIP(return, "kernel lacks SQPOLL");
	log = popen("dmesg", "r");
	while (log && fgets(line, sizeof(line), log))
		ours |= !!strstr(line, "io_uring: iou");
	if (log)
		pclose(log);
	ASSERT_EQ(0, sq_open(&r, 4, 0, 10000));
	ASSERT_TRUE(ring_works(&r));
	usleep(20000);
	/* On a loaded machine a nap may cost a lot; spinning always does. */
	for (i = 0; i < 3; i++) {
		before = ring_fdinfo(getpid(), r.fd, "SqTotalTime");
		usleep(1000000);
		used = ring_fdinfo(getpid(), r.fd, "SqTotalTime") - before;
		least = used < least ? used : least;
	}
	TH_LOG("CPU time of the thread in a second in which nothing came: %lld us", least);
	EXPECT_FALSE(needs_wakeup(&r));
	if (ours)
		EXPECT_GT(300000, least);
	/* And it still looks */
	ASSERT_TRUE(prep_nop(&r, 1));
	ring_publish(&r);
	EXPECT_TRUE(wait_visible(&r, 1));
	ring_close(&r);
}

TEST_HARNESS_MAIN
