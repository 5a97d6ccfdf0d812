/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What every io_uring selftest needs: the three system calls, a mapped ring,
 * and ways to wait that always end.
 *
 * Nothing here asserts. A helper returns 0 (or a count) or a negative errno and
 * the test decides. Indices that the kernel reads or writes are accessed with
 * the ordering the ABI asks for: SQ tail and CQ head are stored with release,
 * SQ head and CQ tail are loaded with acquire.
 */
#ifndef IOU_TEST_H
#define IOU_TEST_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <linux/io_uring.h>
#include <linux/userfaultfd.h>

#ifndef __NR_io_uring_setup
#define __NR_io_uring_setup	425
#define __NR_io_uring_enter	426
#define __NR_io_uring_register	427
#endif

#ifndef __NR_pidfd_open
#define __NR_pidfd_open		434
#endif

#ifndef __NR_pidfd_getfd
#define __NR_pidfd_getfd	438
#endif

#define ARRAY_LEN(a)		(sizeof(a) / sizeof((a)[0]))

/* Limits of the ABI. */
#define MAX_SQ_ENTRIES		32768
#define MAX_CQ_ENTRIES		65536

/* Long enough for an emulated, loaded machine; only ever used up on failure. */
#define WAIT_MS			10000

/* No request completes with this: ring_result() could not get a CQE. */
#define NO_RESULT		INT_MIN

/*
 * struct ring - an io_uring instance with its mappings
 * @fd: the ring
 * @p: the parameters as the kernel returned them
 * @mem: SQ and CQ ring (one mapping)
 * @sqes: SQE array
 * @next: SQ tail including the SQEs taken with ring_sqe() but not published
 *
 * All other members point into @mem. @sq_array is NULL with NO_SQARRAY.
 * The masks are copies: the ones in @mem are for scribbling.
 */
struct ring {
	int fd;
	struct io_uring_params p;
	void *mem;
	size_t mem_size;
	struct io_uring_sqe *sqes;
	size_t sqes_size;
	unsigned int next;
	unsigned int sq_mask;
	unsigned int cq_mask;
	unsigned int *sq_head;
	unsigned int *sq_tail;
	unsigned int *sq_flags;
	unsigned int *sq_dropped;
	unsigned int *sq_array;
	unsigned int *cq_head;
	unsigned int *cq_tail;
	unsigned int *cq_flags;
	unsigned int *cq_overflow;
	struct io_uring_cqe *cqes;
};

static inline unsigned int load(const unsigned int *p)
{
	return __atomic_load_n(p, __ATOMIC_ACQUIRE);
}

static inline void store(unsigned int *p, unsigned int v)
{
	__atomic_store_n(p, v, __ATOMIC_RELEASE);
}

/* ------------------------------------------------------------------------
 * System calls: the result, or -errno.
 */

static inline int sys_setup(unsigned int entries, struct io_uring_params *p)
{
	int ret = syscall(__NR_io_uring_setup, entries, p);

	return ret < 0 ? -errno : ret;
}

static inline int sys_enter(int fd, unsigned int to_submit, unsigned int min_complete,
			    unsigned int flags, const void *arg, size_t size)
{
	int ret = syscall(__NR_io_uring_enter, fd, to_submit, min_complete, flags, arg, size);

	return ret < 0 ? -errno : ret;
}

static inline int sys_register(int fd, unsigned int opcode, void *arg, unsigned int nr)
{
	int ret = syscall(__NR_io_uring_register, fd, opcode, arg, nr);

	return ret < 0 ? -errno : ret;
}

/* ------------------------------------------------------------------------
 * Time and processes
 */

static inline long long now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000LL + ts.tv_nsec;
}

static inline long now_ms(void)
{
	return now_ns() / 1000000;
}

/* For how long a test looks for what is rare. */
static inline int test_seconds(int by_default)
{
	const char *seconds = getenv("IOU_TEST_SECONDS");

	return seconds ? atoi(seconds) : by_default;
}

/* For conditions that no event announces (thread states, /proc). */
static inline void nap(void)
{
	struct timespec ts = { .tv_nsec = 2000000 };

	nanosleep(&ts, NULL);
}

/* poll(2) on one fd: its revents, 0 when @ms have passed, or -errno. */
static inline int poll_fd(int fd, short events, int ms)
{
	struct pollfd pfd = { .fd = fd, .events = events };
	int ret;

	do {
		ret = poll(&pfd, 1, ms);
	} while (ret < 0 && errno == EINTR);
	if (ret < 0)
		return -errno;
	return ret ? pfd.revents : 0;
}

/**
 * reap() - wait for a child for a bounded time
 * @pid: the child
 * @ms: how long
 *
 * Return: its wait status, or -ETIMEDOUT (the child is left alone).
 */
static inline int reap(pid_t pid, int ms)
{
	int pidfd = syscall(__NR_pidfd_open, pid, 0);
	int status = 0;
	int ret;

	if (pidfd < 0)
		return -errno;
	ret = poll_fd(pidfd, POLLIN, ms);
	close(pidfd);
	if (ret <= 0)
		return ret ? ret : -ETIMEDOUT;
	if (waitpid(pid, &status, 0) != pid)
		return -errno;
	return status;
}

/* SIGKILL @pid: true if that ended it within @ms. */
static inline bool kill_ends(pid_t pid, int ms)
{
	int status;

	kill(pid, SIGKILL);
	status = reap(pid, ms);
	return status >= 0 && WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
}

/*
 * fork() for a child that may turn out to be unkillable: it must not keep the
 * test runner's pipes open, and goes when its parent goes if it can.
 */
static inline pid_t fork_detached(void)
{
	pid_t pid = fork();
	int null;

	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	null = open("/dev/null", O_RDWR);
	if (null >= 0) {
		dup2(null, 0);
		dup2(null, 1);
		dup2(null, 2);
		if (null > 2)
			close(null);
	}
	return 0;
}

static inline bool read_small_file(const char *path, char *buf, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return false;
	n = read(fd, buf, size - 1);
	close(fd);
	if (n < 0)
		return false;
	buf[n] = '\0';
	return true;
}

/* Is @tid asleep (interruptibly) inside io_uring_enter() right now? */
static inline bool in_enter(pid_t pid, pid_t tid)
{
	char path[64], buf[512];
	char *state;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/syscall", pid, tid);
	if (!read_small_file(path, buf, sizeof(buf)))
		return false;
	if (atoi(buf) != __NR_io_uring_enter)
		return false;
	snprintf(path, sizeof(path), "/proc/%d/task/%d/stat", pid, tid);
	if (!read_small_file(path, buf, sizeof(buf)))
		return false;
	state = strrchr(buf, ')');
	return state && state[1] && state[2] == 'S';
}

/* Wait until @tid of @pid sleeps in io_uring_enter(). */
static inline bool wait_in_enter(pid_t pid, pid_t tid)
{
	long end = now_ms() + WAIT_MS;

	while (now_ms() < end) {
		if (in_enter(pid, tid))
			return true;
		nap();
	}
	return false;
}

/* Some worker of this process, or 0 */
static inline pid_t any_worker(void)
{
	char path[PATH_MAX], comm[32];
	struct dirent *entry;
	pid_t found = 0;
	DIR *dir;

	dir = opendir("/proc/self/task");
	if (!dir)
		return 0;
	while (!found && (entry = readdir(dir))) {
		snprintf(path, sizeof(path), "/proc/self/task/%s/comm", entry->d_name);
		if (read_small_file(path, comm, sizeof(comm)) && !strncmp(comm, "iou-wrk", 7))
			found = atoi(entry->d_name);
	}
	closedir(dir);
	return found;
}

/* How many threads of this process are called iou-wrk-<@tid>? */
static inline unsigned int count_workers(pid_t tid)
{
	char want[32], comm[32], path[PATH_MAX];
	struct dirent *entry;
	unsigned int n = 0;
	DIR *dir;

	snprintf(want, sizeof(want), "iou-wrk-%d\n", tid);
	dir = opendir("/proc/self/task");
	if (!dir)
		return 0;
	while ((entry = readdir(dir))) {
		snprintf(path, sizeof(path), "/proc/self/task/%s/comm", entry->d_name);
		if (read_small_file(path, comm, sizeof(comm)) && !strcmp(comm, want))
			n++;
	}
	closedir(dir);
	return n;
}

/* Wait until there are @n of them, at least (@n > 0) or at most. */
static inline bool wait_workers(pid_t tid, unsigned int n, bool at_least, int ms)
{
	long end = now_ms() + ms;

	do {
		unsigned int now = count_workers(tid);

		if (at_least ? now >= n : now <= n)
			return true;
		nap();
	} while (now_ms() < end);
	return false;
}

/* The CPUs that a worker of this process may run on. 0 or -errno (-ENOENT). */
static inline int worker_cpus(cpu_set_t *set)
{
	pid_t tid = any_worker();

	if (!tid)
		return -ENOENT;
	return sched_getaffinity(tid, sizeof(*set), set) ? -errno : 0;
}

/* ------------------------------------------------------------------------
 * Rings
 */

/* Flags that a kernel may not know yet, with what else they need. */
static const struct setup_flag {
	unsigned int flag;
	unsigned int needs;
	const char *name;
} setup_flags[] = {
	{ IORING_SETUP_IOPOLL, 0, "IOPOLL" },
	{ IORING_SETUP_SQPOLL, 0, "SQPOLL" },
	{ IORING_SETUP_CQSIZE, 0, "CQSIZE" },
	{ IORING_SETUP_CLAMP, 0, "CLAMP" },
	{ IORING_SETUP_R_DISABLED, 0, "R_DISABLED" },
	{ IORING_SETUP_SUBMIT_ALL, 0, "SUBMIT_ALL" },
	{ IORING_SETUP_COOP_TASKRUN, 0, "COOP_TASKRUN" },
	{ IORING_SETUP_TASKRUN_FLAG, IORING_SETUP_COOP_TASKRUN, "TASKRUN_FLAG" },
	{ IORING_SETUP_SQE128, 0, "SQE128" },
	{ IORING_SETUP_CQE32, 0, "CQE32" },
	{ IORING_SETUP_SINGLE_ISSUER, 0, "SINGLE_ISSUER" },
	{ IORING_SETUP_DEFER_TASKRUN, IORING_SETUP_SINGLE_ISSUER, "DEFER_TASKRUN" },
	{ IORING_SETUP_NO_SQARRAY, 0, "NO_SQARRAY" },
};

/* Can a ring be had with these flags? Asked by a child: nothing of it remains. */
static inline bool setup_known(unsigned int flags)
{
	struct io_uring_params p = { .flags = flags, .cq_entries = 4 };
	int status = 0;
	pid_t pid;

	pid = fork();
	if (!pid)
		_exit(sys_setup(2, &p) == -EINVAL);
	return pid < 0 || waitpid(pid, &status, 0) != pid || status == 0;
}

/**
 * setup_missing() - which of these setup flags does this kernel not know?
 * @flags: IORING_SETUP_*
 *
 * Return: the name of the first unknown one, for SKIP(), or NULL.
 */
static inline const char *setup_missing(unsigned int flags)
{
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(setup_flags); i++) {
		const struct setup_flag *f = &setup_flags[i];

		if ((flags & f->flag) && !setup_known(f->flag | f->needs))
			return f->name;
	}
	return NULL;
}

static inline size_t ring_mem_size(const struct io_uring_params *p)
{
	size_t cqe = p->flags & IORING_SETUP_CQE32 ? 32 : 16;
	size_t cq = p->cq_off.cqes + p->cq_entries * cqe;
	size_t sq = p->sq_off.array + p->sq_entries * sizeof(unsigned int);

	if (p->flags & IORING_SETUP_NO_SQARRAY)
		return cq;
	return sq > cq ? sq : cq;
}

static inline size_t ring_sqes_size(const struct io_uring_params *p)
{
	return p->sq_entries * (p->flags & IORING_SETUP_SQE128 ? 128 : 64);
}

static inline unsigned int *ring_word(struct ring *r, unsigned int offset)
{
	return (unsigned int *)((char *)r->mem + offset);
}

/* Map the ring @r->fd, whose parameters are in @r->p. */
static inline int ring_map(struct ring *r)
{
	const struct io_uring_params *p = &r->p;

	r->mem_size = ring_mem_size(p);
	r->mem = mmap(NULL, r->mem_size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE,
		      r->fd, IORING_OFF_SQ_RING);
	if (r->mem == MAP_FAILED)
		return -errno;
	r->sqes_size = ring_sqes_size(p);
	r->sqes = mmap(NULL, r->sqes_size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE,
		       r->fd, IORING_OFF_SQES);
	if (r->sqes == MAP_FAILED)
		return -errno;

	r->sq_head = ring_word(r, p->sq_off.head);
	r->sq_tail = ring_word(r, p->sq_off.tail);
	r->sq_flags = ring_word(r, p->sq_off.flags);
	r->sq_dropped = ring_word(r, p->sq_off.dropped);
	r->sq_mask = *ring_word(r, p->sq_off.ring_mask);
	if (!(p->flags & IORING_SETUP_NO_SQARRAY))
		r->sq_array = ring_word(r, p->sq_off.array);
	r->cq_head = ring_word(r, p->cq_off.head);
	r->cq_tail = ring_word(r, p->cq_off.tail);
	r->cq_flags = ring_word(r, p->cq_off.flags);
	r->cq_overflow = ring_word(r, p->cq_off.overflow);
	r->cq_mask = *ring_word(r, p->cq_off.ring_mask);
	r->cqes = (struct io_uring_cqe *)ring_word(r, p->cq_off.cqes);
	return 0;
}

/* Open and map a ring with @r->p as filled in by the caller. */
static inline int ring_open_params(struct ring *r, unsigned int entries)
{
	r->fd = sys_setup(entries, &r->p);
	return r->fd < 0 ? r->fd : ring_map(r);
}

static inline int ring_open(struct ring *r, unsigned int entries, unsigned int flags)
{
	memset(r, 0, sizeof(*r));
	r->p.flags = flags;
	return ring_open_params(r, entries);
}

static inline int ring_open_cq(struct ring *r, unsigned int entries, unsigned int cq_entries,
			       unsigned int flags)
{
	memset(r, 0, sizeof(*r));
	r->p.flags = flags | IORING_SETUP_CQSIZE;
	r->p.cq_entries = cq_entries;
	return ring_open_params(r, entries);
}

static inline void ring_unmap(struct ring *r)
{
	if (r->mem && r->mem != MAP_FAILED)
		munmap(r->mem, r->mem_size);
	if (r->sqes && r->sqes != MAP_FAILED)
		munmap(r->sqes, r->sqes_size);
	r->mem = NULL;
	r->sqes = NULL;
}

static inline void ring_close(struct ring *r)
{
	ring_unmap(r);
	if (r->fd > 0)
		close(r->fd);
	r->fd = -1;
}

/* The next free SQE, zeroed, or NULL when the SQ is full. */
static inline struct io_uring_sqe *ring_sqe(struct ring *r)
{
	struct io_uring_sqe *sqe;

	if (r->next - load(r->sq_head) > r->sq_mask)
		return NULL;
	sqe = &r->sqes[r->next & r->sq_mask];
	memset(sqe, 0, sizeof(*sqe));
	if (r->sq_array)
		r->sq_array[r->next & r->sq_mask] = r->next & r->sq_mask;
	r->next++;
	return sqe;
}

/* Make the SQEs taken so far visible to the kernel: how many it has not read. */
static inline unsigned int ring_publish(struct ring *r)
{
	store(r->sq_tail, r->next);
	return r->next - load(r->sq_head);
}

/*
 * Publish and enter. On SQPOLL rings the result of enter says nothing: there it
 * is the number of SQEs taken since the last time.
 */
static inline int ring_submit_flags(struct ring *r, unsigned int min, unsigned int flags)
{
	unsigned int published = *r->sq_tail;
	unsigned int nr = ring_publish(r);
	int ret;

	if (!(r->p.flags & IORING_SETUP_SQPOLL))
		return sys_enter(r->fd, nr, min, flags, NULL, 0);
	ret = sys_enter(r->fd, nr, min, flags | IORING_ENTER_SQ_WAKEUP, NULL, 0);
	return ret < 0 ? ret : (int)(r->next - published);
}

static inline int ring_submit(struct ring *r)
{
	return ring_submit_flags(r, 0, 0);
}

static inline int ring_submit_wait(struct ring *r, unsigned int min)
{
	return ring_submit_flags(r, min, IORING_ENTER_GETEVENTS);
}

/* Let the kernel post what it has (deferred work, backlog) without waiting. */
static inline int ring_flush(struct ring *r)
{
	return sys_enter(r->fd, 0, 0, IORING_ENTER_GETEVENTS, NULL, 0);
}

/* Wait for @min CQEs for at most @ms. */
static inline int ring_enter_wait(struct ring *r, unsigned int min, long ms)
{
	struct __kernel_timespec ts = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 };
	struct io_uring_getevents_arg arg = { .ts = (uintptr_t)&ts };

	return sys_enter(r->fd, 0, min, IORING_ENTER_GETEVENTS | IORING_ENTER_EXT_ARG,
			 &arg, sizeof(arg));
}

/* How many CQEs are visible? */
static inline unsigned int ring_ready(struct ring *r)
{
	return load(r->cq_tail) - *r->cq_head;
}

/* Take the oldest visible CQE. */
static inline bool ring_reap(struct ring *r, struct io_uring_cqe *cqe)
{
	unsigned int head = *r->cq_head;

	if (head == load(r->cq_tail))
		return false;
	*cqe = r->cqes[head & r->cq_mask];
	store(r->cq_head, head + 1);
	return true;
}

/* Take the oldest CQE; wait for it for at most @ms. 0 or -errno (-ETIME). */
static inline int ring_wait_ms(struct ring *r, struct io_uring_cqe *cqe, long ms)
{
	long end = now_ms() + ms;
	long left;
	int ret;

	/* Ask once when the time is over, too: we may have been late. */
	do {
		if (ring_reap(r, cqe))
			return 0;
		left = end - now_ms();
		ret = ring_enter_wait(r, 1, left < 0 ? 0 : left);
		if (ret < 0 && ret != -EINTR && ret != -ETIME)
			return ret;
	} while (left >= 0);
	return ring_reap(r, cqe) ? 0 : -ETIME;
}

static inline int ring_wait(struct ring *r, struct io_uring_cqe *cqe)
{
	return ring_wait_ms(r, cqe, WAIT_MS);
}

/* Submit the one SQE taken and take its CQE: cqe.res, or NO_RESULT. */
static inline int ring_result(struct ring *r)
{
	struct io_uring_cqe cqe;

	if (ring_submit(r) != 1 || ring_wait(r, &cqe))
		return NO_RESULT;
	return cqe.res;
}

/* Run one SQE, given by value, with more flags: its result. */
static inline int ring_run(struct ring *r, __u8 flags, struct io_uring_sqe sqe)
{
	struct io_uring_sqe *slot = ring_sqe(r);

	if (!slot)
		return NO_RESULT;
	sqe.flags |= flags;
	*slot = sqe;
	return ring_result(r);
}

/* One byte of an SQE that is not as the opcode wants it, and what that gives. */
struct bad_byte {
	__u8 opcode;
	__u8 offset;
	int error;
};

#define BAD(op, field, error)						\
	{ IORING_OP_##op, offsetof(struct io_uring_sqe, field), error }

/* A region whose pages appear when we say so: its fd, or -errno. */
static inline int open_userfault(void *mem, size_t size)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register reg = {
		.range = { .start = (uintptr_t)mem, .len = size },
		.mode = UFFDIO_REGISTER_MODE_MISSING,
	};
	int fd = syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);

	if (fd < 0)
		return -errno;
	if (ioctl(fd, UFFDIO_API, &api) || ioctl(fd, UFFDIO_REGISTER, &reg)) {
		close(fd);
		return -EOPNOTSUPP;
	}
	return fd;
}

/*
 * struct stuck_lock - for a thread that keeps a ring locked until we let it go
 * @ring: whose lock
 * @page: where it waits
 * @uffd: who says when that appears
 */
struct stuck_lock {
	struct ring *ring;
	void *page;
	int uffd;
	pthread_t thread;
};

static inline void *stuck_lock_main(void *arg)
{
	struct stuck_lock *s = arg;

	/* Reads the iovec from there while it submits */
	sys_enter(s->ring->fd, 1, 0, 0, NULL, 0);
	return NULL;
}

static inline void stuck_lock_end(struct stuck_lock *s)
{
	close(s->uffd);
	pthread_join(s->thread, NULL);
}

/* The number after "@key:<tab>" in the fdinfo of a process's ring, or -1. */
static inline long long ring_fdinfo(pid_t pid, int fd, const char *key)
{
	char path[64], text[4096], line[64];
	char *p;

	snprintf(path, sizeof(path), "/proc/%d/fdinfo/%d", pid, fd);
	if (!read_small_file(path, text, sizeof(text)))
		return -1;
	snprintf(line, sizeof(line), "\n%s:\t", key);
	p = strstr(text, line);
	return p ? strtoll(p + strlen(line), NULL, 0) : -1;
}

/*
 * Is this the untouched 6.12? Where that is known to do worse, tests let it pass.
 * It is told by its fdinfo: there it does not say why it has refused an SQE.
 */
static inline bool untouched(void)
{
	struct io_uring_sqe bad = { .opcode = IORING_OP_NOP, .nop_flags = 1u << 31 };
	struct ring r;
	bool is;

	is = ring_open(&r, 4, 0) || ring_run(&r, 0, bad) != -EINVAL ||
	     ring_fdinfo(getpid(), r.fd, "LastError") != -EINVAL;
	ring_close(&r);
	return is;
}

/**
 * let_go() - make a process leave the kernel that SIGKILL could not end
 * @pid: the process, which waits for CQEs that do not fit
 * @fd: its ring
 * @p: the ring's parameters
 *
 * For kernels that fail the test: the process would burn a CPU for ever. Make
 * room in the CQ where the kernel thinks it is, until the backlog is empty.
 */
static inline void let_go(pid_t pid, int fd, const struct io_uring_params *p)
{
	int pidfd = syscall(__NR_pidfd_open, pid, 0);
	long end = now_ms() + WAIT_MS;
	struct ring r = { .p = *p };
	long long tail;
	unsigned int i;

	r.fd = syscall(__NR_pidfd_getfd, pidfd, fd, 0);
	if (r.fd < 0 || ring_map(&r))
		end = 0;
	while (now_ms() < end && !poll_fd(pidfd, POLLIN, 0)) {
		/* It says nothing while the ring is busy. */
		for (i = 0, tail = -1; i < 1000 && tail < 0; i++)
			tail = ring_fdinfo(pid, fd, "CachedCqTail");
		if (tail < 0)
			continue;
		store(r.cq_head, tail);
		nap();
		for (i = 0; i < 100000; i++)
			store(r.cq_head, load(r.cq_tail));
	}
	ring_close(&r);
	close(pidfd);
}

/* ------------------------------------------------------------------------
 * Requests
 */

static inline struct io_uring_sqe *prep(struct ring *r, int opcode, int fd, const void *addr,
					unsigned int len, __u64 off)
{
	struct io_uring_sqe *sqe = ring_sqe(r);

	if (!sqe)
		return NULL;
	sqe->opcode = opcode;
	sqe->fd = fd;
	sqe->addr = (uintptr_t)addr;
	sqe->len = len;
	sqe->off = off;
	return sqe;
}

/* 0; -errno: there is no userfaultfd for us. */
static inline int stuck_lock_begin(struct stuck_lock *s, struct ring *r)
{
	s->ring = r;
	s->page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	s->uffd = open_userfault(s->page, 4096);
	if (s->uffd < 0)
		return s->uffd;
	if (!prep(r, IORING_OP_READV, 0, s->page, 1, -1) || ring_publish(r) != 1 ||
	    pthread_create(&s->thread, NULL, stuck_lock_main, s))
		return -EBUSY;
	return poll_fd(s->uffd, POLLIN, WAIT_MS) == POLLIN ? 0 : -ETIMEDOUT;
}

/* Queue a NOP: false when the SQ is full. */
static inline bool prep_nop(struct ring *r, __u64 user_data)
{
	struct io_uring_sqe *sqe = ring_sqe(r);

	if (!sqe)
		return false;
	sqe->opcode = IORING_OP_NOP;
	sqe->user_data = user_data;
	return true;
}

/* Does the ring still do its job? One NOP and its CQE, in that order. */
static inline bool ring_works(struct ring *r)
{
	const __u64 token = 0x0123456789abcdefULL;
	struct io_uring_cqe cqe;

	return prep_nop(r, token) && ring_submit(r) == 1 && !ring_wait(r, &cqe) &&
	       cqe.user_data == token && cqe.res == 0 && cqe.flags == 0;
}

/* Does a new ring do its job? For the end of tests that abused one. */
static inline bool fresh_ring_works(void)
{
	struct ring r;
	bool ok;

	ok = !ring_open(&r, 4, 0) && ring_works(&r);
	ring_close(&r);
	return ok;
}

/* ------------------------------------------------------------------------
 * Files and memory
 */

/* Where files may be created: $TMPDIR, else the current directory, else /tmp. */
static inline const char *tmp_dir(void)
{
	const char *dir = getenv("TMPDIR");

	if (dir && !access(dir, W_OK))
		return dir;
	return access(".", W_OK) ? "/tmp" : ".";
}

/* A new regular file that is in no directory. @path receives a way to reopen it. */
static inline int tmp_file(char *path, size_t size)
{
	char name[PATH_MAX];
	int fd;

	snprintf(name, sizeof(name), "%s/iou_test.XXXXXX", tmp_dir());
	fd = mkostemp(name, O_CLOEXEC);
	if (fd < 0)
		return -errno;
	unlink(name);
	if (path)
		snprintf(path, size, "/proc/self/fd/%d", fd);
	return fd;
}

/* Inaccessible memory: any access by the kernel is a fault. */
static inline void *no_access(size_t size)
{
	void *p = mmap(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

/* Page-aligned memory. */
static inline void *pages(size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

/* Bytes that differ from place to place and from @seed to @seed. */
static inline void fill_pattern(void *buf, size_t len, unsigned int seed)
{
	unsigned char *p = buf;
	size_t i;

	for (i = 0; i < len; i++)
		p[i] = (i * 7 + (i >> 8) * 13 + seed * 31) & 0xff;
}

static inline bool has_pattern(const void *buf, size_t len, unsigned int seed)
{
	const unsigned char *p = buf;
	size_t i;

	for (i = 0; i < len; i++)
		if (p[i] != ((i * 7 + (i >> 8) * 13 + seed * 31) & 0xff))
			return false;
	return true;
}

#endif /* IOU_TEST_H */
