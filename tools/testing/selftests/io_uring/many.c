// SPDX-License-Identifier: GPL-2.0
/*
 * Very many requests that wait on one ring: they can be had, they all end, and
 * finding one of them does not take longer than finding one of a few.
 */
#include "iou_test.h"

#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "../kselftest_harness.h"

#define MANY		100000u
#define ENTRIES		4096u
#define CQ_ENTRIES	65536u

FIXTURE(many)
{
	struct ring r;
	int pipe[2];
	unsigned char *seen;
};

FIXTURE_VARIANT(many)
{
	unsigned int setup;
};

FIXTURE_VARIANT_ADD(many, plain) {
	.setup = 0,
};

FIXTURE_VARIANT_ADD(many, defer) {
	.setup = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN,
};

FIXTURE_SETUP(many)
{
	const char *missing = setup_missing(variant->setup);

	if (missing)
		SKIP(return, "kernel lacks %s", missing);
	ASSERT_EQ(0, ring_open_cq(&self->r, ENTRIES, CQ_ENTRIES, variant->setup));
	ASSERT_EQ(0, pipe(self->pipe));
	self->seen = calloc(MANY, 1);
	ASSERT_NE(NULL, self->seen);
}

FIXTURE_TEARDOWN(many)
{
	ring_close(&self->r);
	close(self->pipe[0]);
	close(self->pipe[1]);
	free(self->seen);
}

static struct __kernel_timespec long_time = { .tv_sec = 1000 };

static bool prep_wait(struct ring *r, int op, int fd, __u64 user_data)
{
	struct io_uring_sqe *sqe;

	if (op == IORING_OP_TIMEOUT) {
		sqe = prep(r, op, -1, &long_time, 1, 0);
	} else {
		sqe = prep(r, op, fd, NULL, 0, 0);
		if (sqe)
			sqe->poll32_events = POLLIN;
	}
	if (sqe)
		sqe->user_data = user_data;
	return sqe;
}

/* Let requests [@from, @to) wait. */
static bool park(struct ring *r, int op, int fd, unsigned int from, unsigned int to)
{
	unsigned int i;

	for (i = from; i < to; i++) {
		if (prep_wait(r, op, fd, i))
			continue;
		if (ring_submit(r) <= 0 || !prep_wait(r, op, fd, i))
			return false;
	}
	return ring_submit(r) >= 0 && !ring_ready(r);
}

/* Take @nr CQEs with @res, each of another request. */
static unsigned int collect(struct ring *r, unsigned char *seen, unsigned int nr, int res)
{
	struct io_uring_cqe cqe;
	unsigned int good = 0;

	while (nr-- && !ring_wait(r, &cqe))
		good += cqe.res == res && cqe.user_data < MANY && !seen[cqe.user_data]++;
	return good;
}

/* Kernel memory that is in use, in bytes */
static long kernel_memory(void)
{
	char line[128];
	long sum = 0, value;
	FILE *file = fopen("/proc/meminfo", "r");

	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "SUnreclaim: %ld", &value) == 1 ||
		    sscanf(line, "VmallocUsed: %ld", &value) == 1)
			sum += value * 1024;
	if (file)
		fclose(file);
	return sum;
}

static void note_memory(struct __test_metadata *_metadata, const char *what, long before)
{
	TH_LOG("%s: %ld bytes of kernel memory for each", what,
	       (kernel_memory() - before) / (long)MANY);
}

/* One wake-up is for all. */
TEST_F_TIMEOUT(many, polls, 120)
{
	long before = kernel_memory();

	ASSERT_TRUE(park(&self->r, IORING_OP_POLL_ADD, self->pipe[0], 0, MANY));
	note_memory(_metadata, "POLL_ADD", before);
	ASSERT_EQ(1, write(self->pipe[1], "x", 1));
	EXPECT_EQ(MANY, collect(&self->r, self->seen, MANY, POLLIN));
	EXPECT_EQ(0u, ring_ready(&self->r));
	EXPECT_TRUE(ring_works(&self->r));
}

TEST_F_TIMEOUT(many, timeouts, 120)
{
	long before = kernel_memory();
	struct io_uring_cqe cqe;
	unsigned int i, nr = 0;

	ASSERT_TRUE(park(&self->r, IORING_OP_TIMEOUT, -1, 0, MANY));
	note_memory(_metadata, "TIMEOUT", before);

	/* Some one by one, all over the place; then the others at once. */
	for (i = 0; i < 1000; i++) {
		unsigned int which = i * 7919 % MANY;
		struct io_uring_sqe *sqe;

		sqe = prep(&self->r, IORING_OP_TIMEOUT_REMOVE, -1, (void *)(uintptr_t)which, 0, 0);
		ASSERT_NE(NULL, sqe);
		sqe->user_data = MANY;
		ASSERT_EQ(1, ring_submit(&self->r));
		while (!ring_wait(&self->r, &cqe) && cqe.user_data != MANY) {
			ASSERT_EQ(which, cqe.user_data);
			ASSERT_EQ(-ECANCELED, cqe.res);
			nr += !self->seen[which]++;
		}
		ASSERT_EQ(0, cqe.res);
		/* The timeout's own CQE may come after the other one. */
		if (!self->seen[which])
			nr += collect(&self->r, self->seen, 1, -ECANCELED);
		ASSERT_EQ(i + 1, nr);
	}
	ASSERT_NE(NULL, prep(&self->r, IORING_OP_ASYNC_CANCEL, -1, NULL, 0, 0));
	self->r.sqes[(self->r.next - 1) & self->r.sq_mask].cancel_flags =
		IORING_ASYNC_CANCEL_ANY | IORING_ASYNC_CANCEL_ALL;
	self->r.sqes[(self->r.next - 1) & self->r.sq_mask].user_data = MANY;
	ASSERT_EQ(1, ring_submit(&self->r));
	for (i = 0; i < MANY - 1000 + 1; i++) {
		ASSERT_EQ(0, ring_wait(&self->r, &cqe));
		if (cqe.user_data == MANY) {
			EXPECT_EQ((int)MANY - 1000, cqe.res);
			continue;
		}
		ASSERT_GT(MANY, cqe.user_data);
		ASSERT_EQ(-ECANCELED, cqe.res);
		nr += !self->seen[cqe.user_data]++;
	}
	EXPECT_EQ(MANY, nr);
	EXPECT_TRUE(ring_works(&self->r));
}

/* Closing ends them all. */
TEST_F_TIMEOUT(many, closed, 120)
{
	ASSERT_TRUE(park(&self->r, IORING_OP_POLL_ADD, self->pipe[0], 0, MANY));
	ring_close(&self->r);
	close(self->pipe[0]);
	EXPECT_TRUE(poll_fd(self->pipe[1], 0, WAIT_MS) & POLLERR);
	EXPECT_TRUE(fresh_ring_works());
}

/* End all that wait. */
static bool cancel_all(struct ring *r, unsigned int nr)
{
	struct io_uring_sync_cancel_reg reg = {
		.flags = IORING_ASYNC_CANCEL_ANY | IORING_ASYNC_CANCEL_ALL, .fd = -1,
		.timeout = { -1, -1 },
	};
	struct io_uring_cqe cqe;

	if (sys_register(r->fd, IORING_REGISTER_SYNC_CANCEL, &reg, 1) < 0)
		return false;
	while (nr && !ring_wait(r, &cqe))
		nr--;
	return !nr;
}

/*
 * The time for cancelling a request, by its user_data, among @among others that
 * were parked before and after it: the best of some batches, since whatever else
 * the machine does makes it longer.
 */
static long long cancel_ns(struct ring *r, int fd, unsigned int among)
{
	const unsigned int batch = 64;
	long long best = LLONG_MAX;
	struct io_uring_cqe cqe;
	unsigned int i, n;

	for (n = 0; n < 10; n++) {
		long long start;

		if (!park(r, IORING_OP_POLL_ADD, fd, 0, among / 2) ||
		    !park(r, IORING_OP_POLL_ADD, fd, MANY, MANY + batch) ||
		    !park(r, IORING_OP_POLL_ADD, fd, among / 2, among))
			return -1;
		for (i = 0; i < batch; i++)
			if (!prep(r, IORING_OP_ASYNC_CANCEL, -1, (void *)(MANY + i + 0ul), 0, 0))
				return -1;
		start = now_ns();
		if (ring_submit(r) != (int)batch)
			return -1;
		start = now_ns() - start;
		best = start < best ? start : best;
		for (i = 0; i < 2 * batch; i++)
			if (ring_wait(r, &cqe))
				return -1;
		if (!cancel_all(r, among))
			return -1;
	}
	return best / batch;
}

TEST_F_TIMEOUT(many, cancel_does_not_scan, 120)
{
	long long few = cancel_ns(&self->r, self->pipe[0], 10);
	long long lots = cancel_ns(&self->r, self->pipe[0], 10000);

	TH_LOG("cancelling takes %lld ns among 10, %lld ns among 10000", few, lots);
	ASSERT_LT(0, few);
	ASSERT_LT(0, lots);
	/* Looking at all would make it a hundred times slower. */
	EXPECT_LT(lots, 10 * few);
}

/* ------------------------------------------------------------------------
 * What stays in memory with a request is charged to the program's cgroup
 */

#define CGROUP	"/sys/fs/cgroup/iou_many"
#define HEAVY	256

/**
 * struct heavy - a request that waits with much memory
 * @name: for messages
 * @sqe: makes it
 * @held: it does not wait by itself, and is held behind one that does
 * @size: what it has copied from the program, in bytes
 */
struct heavy {
	const char *name;
	struct io_uring_sqe sqe;
	bool held;
	long size;
};

static bool write_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	bool ok = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);

	close(fd);
	return ok;
}

static long charged(void)
{
	char text[32];

	return read_small_file(CGROUP "/memory.current", text, sizeof(text)) ? atol(text) : -1;
}

/* Return: whether HEAVY of these are paid for */
static bool is_charged(const struct heavy *heavy, int pipe_fd)
{
	struct ring r;
	long growth;
	int i;

	if (ring_open(&r, 2 * HEAVY, 0))
		return false;
	for (i = 0; i < HEAVY && heavy->held; i++) {
		prep(&r, IORING_OP_POLL_ADD, pipe_fd, NULL, 0, 0)->poll32_events = POLLIN;
		r.sqes[(r.next - 1) & r.sq_mask].flags = IOSQE_IO_LINK;
		*ring_sqe(&r) = heavy->sqe;
	}
	for (i = 0; i < HEAVY && !heavy->held; i++)
		*ring_sqe(&r) = heavy->sqe;

	growth = -charged();
	if (ring_submit(&r) != HEAVY << heavy->held)
		return false;
	growth += charged();
	ksft_print_msg("%s: %ld bytes each\n", heavy->name, growth / HEAVY);
	ring_close(&r);
	/* Some may have been charged before, in advance */
	return growth >= HEAVY * heavy->size / 4 * 3;
}

/* Return: what is not paid for, or NULL */
static const char *not_charged(void)
{
	static struct iovec vec[1024];
	static char value[32768];
	static char byte;
	struct msghdr msg = { .msg_iov = vec, .msg_iovlen = ARRAY_LEN(vec) };
	struct heavy heavy[] = {
		{ "READV", { .opcode = IORING_OP_READV, .addr = (uintptr_t)vec,
			     .len = ARRAY_LEN(vec) }, false, sizeof(vec) },
		{ "RECVMSG", { .opcode = IORING_OP_RECVMSG, .addr = (uintptr_t)&msg }, false,
			     sizeof(vec) },
		{ "SETXATTR", { .opcode = IORING_OP_SETXATTR, .addr = (uintptr_t)"user.heavy",
				.addr2 = (uintptr_t)value, .len = sizeof(value),
				.addr3 = (uintptr_t)"/tmp" }, true, sizeof(value) },
	};
	int pipe_fds[2], pair[2];
	unsigned int i;

	if (pipe(pipe_fds) || socketpair(AF_UNIX, SOCK_STREAM, 0, pair))
		return "the files";
	for (i = 0; i < ARRAY_LEN(vec); i++)
		vec[i] = (struct iovec){ &byte, 1 };
	memset(value, 1, sizeof(value));
	heavy[0].sqe.fd = pipe_fds[0];
	heavy[1].sqe.fd = pair[0];

	for (i = 0; i < ARRAY_LEN(heavy); i++)
		if (!is_charged(&heavy[i], pipe_fds[0]))
			return heavy[i].name;
	return NULL;
}

TEST(heavy_requests_are_charged)
{
	const char *failed;
	int status;
	pid_t pid;

	if (untouched())
		SKIP(return, "there they are not");
	mount("none", "/sys/fs/cgroup", "cgroup2", 0, NULL);
	rmdir(CGROUP);
	if (!write_text("/sys/fs/cgroup/cgroup.subtree_control", "+memory") ||
	    mkdir(CGROUP, 0700))
		SKIP(return, "no memory cgroups for us");
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		failed = write_text(CGROUP "/cgroup.procs", "0") ? not_charged() : "to join";
		if (failed)
			ksft_print_msg("%s\n", failed);
		_exit(!!failed);
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	/* Dead requests may keep it for a moment */
	rmdir(CGROUP);
}

TEST_HARNESS_MAIN
