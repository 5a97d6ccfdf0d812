// SPDX-License-Identifier: GPL-2.0
/*
 * IOPOLL: completions that are found by asking the device.
 *
 * The devices are those of the project's guest: an NVMe disk and null_blk with
 * poll queues. Their content is overwritten, so a test asks for IOU_TEST_DISKS
 * in the environment before it touches what could be somebody's disk. It names a
 * directory on yet another disk, for files.
 */
#include <linux/falloc.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/mount.h>
#include <sys/uio.h>

#include "wait_test.h"

#include "../kselftest_harness.h"

#define BLOCK	4096
#define BLOCKS	64

/* Where the bytes go */
enum where { NVME, NULLB, FILE_DIRECT };

FIXTURE(iopoll)
{
	struct ring ring;
	char *buf;
	int fd;
	bool keeps;		/* what is written can be read back */
};

FIXTURE_VARIANT(iopoll)
{
	unsigned int setup;
	__u8 sqe_flags;
	enum where where;
};

#define DEFER	SETUP_DEFER

FIXTURE_VARIANT_ADD(iopoll, nvme) {
	.where = NVME,
};

FIXTURE_VARIANT_ADD(iopoll, nvme_async) {
	.where = NVME, .sqe_flags = IOSQE_ASYNC,
};

FIXTURE_VARIANT_ADD(iopoll, nvme_defer) {
	.where = NVME, .setup = DEFER,
};

FIXTURE_VARIANT_ADD(iopoll, nvme_sqpoll) {
	.where = NVME, .setup = IORING_SETUP_SQPOLL,
};

FIXTURE_VARIANT_ADD(iopoll, null) {
	.where = NULLB,
};

FIXTURE_VARIANT_ADD(iopoll, null_defer_async) {
	.where = NULLB, .setup = DEFER, .sqe_flags = IOSQE_ASYNC,
};

FIXTURE_VARIANT_ADD(iopoll, null_sqpoll) {
	.where = NULLB, .setup = IORING_SETUP_SQPOLL,
};

FIXTURE_VARIANT_ADD(iopoll, file) {
	.where = FILE_DIRECT,
};

FIXTURE_VARIANT_ADD(iopoll, file_defer) {
	.where = FILE_DIRECT, .setup = DEFER,
};

static int open_where(enum where where)
{
	const char *dir = getenv("IOU_TEST_DISKS");
	int fd;

	if (!dir)
		return -EPERM;
	if (where == FILE_DIRECT)
		fd = open(dir, O_RDWR | O_DIRECT | O_TMPFILE, 0600);
	else
		fd = open(where == NVME ? "/dev/nvme0n1" : "/dev/nullb0", O_RDWR | O_DIRECT);
	if (fd >= 0 && where == FILE_DIRECT && fallocate(fd, 0, 0, BLOCKS * BLOCK))
		return -errno;
	return fd < 0 ? -errno : fd;
}

FIXTURE_SETUP(iopoll)
{
	const char *missing = setup_missing(variant->setup | IORING_SETUP_IOPOLL);
	int ret;

	if (missing)
		SKIP(return, "kernel lacks %s", missing);
	self->fd = open_where(variant->where);
	if (self->fd < 0)
		SKIP(return, "no disk, or it is not given to the tests (IOU_TEST_DISKS): %s",
		     strerror(-self->fd));
	self->keeps = variant->where != NULLB;
	self->buf = pages(BLOCKS * BLOCK);
	ASSERT_NE(NULL, self->buf);
	ASSERT_EQ(0, ring_open(&self->ring, BLOCKS, variant->setup | IORING_SETUP_IOPOLL));
	/* Can this place poll? A disk need not; then the unwritten blocks only look so */
	if (variant->where == FILE_DIRECT) {
		fill_pattern(self->buf, BLOCKS * BLOCK, 0);
		ASSERT_EQ(BLOCKS * BLOCK, pwrite(self->fd, self->buf, BLOCKS * BLOCK, 0));
	}
	prep(&self->ring, IORING_OP_READ, self->fd, self->buf, BLOCK, 0);
	ret = ring_result(&self->ring);
	if (variant->where == FILE_DIRECT && ret == -EOPNOTSUPP)
		SKIP(return, "the file system in IOU_TEST_DISKS, or its disk, cannot poll");
	ASSERT_EQ(BLOCK, ret);
}

FIXTURE_TEARDOWN(iopoll)
{
	ring_close(&self->ring);
	close(self->fd);
}

static void prep_block(struct _test_data_iopoll *self, int opcode, __u8 flags, unsigned int i)
{
	struct io_uring_sqe *sqe = prep(&self->ring, opcode, self->fd, self->buf + i * BLOCK,
					BLOCK, i * BLOCK);

	sqe->flags = flags;
	sqe->user_data = i;
}

/* Submit what was taken, and take @nr CQEs, each user_data once, all full blocks */
static int blocks_done(struct _test_data_iopoll *self, unsigned int nr)
{
	unsigned long long seen = 0;
	struct io_uring_cqe cqe;
	unsigned int i;
	int ret = ring_submit(&self->ring);

	if (ret != (int)nr)
		return -ENOTRECOVERABLE;
	for (i = 0; i < nr; i++) {
		ret = ring_wait(&self->ring, &cqe);
		if (ret)
			return ret;
		if (cqe.res != BLOCK)
			return cqe.res < 0 ? cqe.res : -EIO;
		if (cqe.user_data >= BLOCKS || (seen & (1ULL << cqe.user_data)))
			return -EEXIST;
		seen |= 1ULL << cqe.user_data;
	}
	return ring_ready(&self->ring) ? -E2BIG : 0;
}

TEST_F(iopoll, write_and_read_back)
{
	unsigned int round, i;

	for (round = 1; round <= 3; round++) {
		fill_pattern(self->buf, BLOCKS * BLOCK, round);
		for (i = 0; i < BLOCKS; i++)
			prep_block(self, IORING_OP_WRITE, variant->sqe_flags, i);
		ASSERT_EQ(0, blocks_done(self, BLOCKS));
		memset(self->buf, 0, BLOCKS * BLOCK);
		for (i = 0; i < BLOCKS; i++)
			prep_block(self, IORING_OP_READ, variant->sqe_flags, i);
		ASSERT_EQ(0, blocks_done(self, BLOCKS));
		if (self->keeps)
			EXPECT_TRUE(has_pattern(self->buf, BLOCKS * BLOCK, round));
	}
}

TEST_F(iopoll, vectors)
{
	struct iovec iov[2] = {
		{ self->buf, BLOCK },
		{ self->buf + 8 * BLOCK, BLOCK },
	};
	struct io_uring_sqe *sqe;

	fill_pattern(self->buf, BLOCKS * BLOCK, 7);
	sqe = prep(&self->ring, IORING_OP_WRITEV, self->fd, iov, 2, 0);
	sqe->flags = variant->sqe_flags;
	EXPECT_EQ(2 * BLOCK, ring_result(&self->ring));
	memset(self->buf, 0, BLOCK);
	sqe = prep(&self->ring, IORING_OP_READV, self->fd, iov, 2, 0);
	sqe->flags = variant->sqe_flags;
	EXPECT_EQ(2 * BLOCK, ring_result(&self->ring));
	if (self->keeps)
		EXPECT_TRUE(has_pattern(self->buf, BLOCK, 7));
}

/* More than the device takes at once: what it refuses is tried again */
TEST_F(iopoll, more_than_the_device_takes)
{
	struct io_uring_cqe cqe;
	unsigned int round, i, nr = 0;

	for (round = 0; round < 6; round++) {
		for (i = 0; i < BLOCKS; i++)
			prep_block(self, IORING_OP_READ, variant->sqe_flags, i);
		if (variant->setup & IORING_SETUP_SQPOLL) {
			ASSERT_EQ(0, blocks_done(self, BLOCKS));
			continue;
		}
		/* The CQ has twice as many slots; the rest goes to the backlog */
		ASSERT_EQ(BLOCKS, ring_submit(&self->ring));
		nr += BLOCKS;
	}
	while (nr--) {
		ASSERT_EQ(0, ring_wait(&self->ring, &cqe));
		EXPECT_EQ(BLOCK, cqe.res);
	}
}

/* RWF_HIPRI is implied, so it may as well be there */
TEST_F(iopoll, hipri_flag)
{
	struct io_uring_sqe *sqe = prep(&self->ring, IORING_OP_READ, self->fd, self->buf, BLOCK, 0);

	sqe->rw_flags = RWF_HIPRI;
	sqe->flags = variant->sqe_flags;
	EXPECT_EQ(BLOCK, ring_result(&self->ring));
}

TEST_F(iopoll, unaligned)
{
	struct io_uring_sqe *sqe = prep(&self->ring, IORING_OP_READ, self->fd, self->buf, BLOCK, 1);

	if (variant->where == FILE_DIRECT)
		SKIP(return, "a file system may read it through the page cache");
	sqe->flags = variant->sqe_flags;
	EXPECT_EQ(-EINVAL, ring_result(&self->ring));
}

/* A write that fails is like any other failure. (Not so in the untouched 6.12.) */
TEST_F(iopoll, failure_severs_and_is_told)
{
	struct io_uring_cqe cqe;
	struct io_uring_sqe *sqe;

	if (variant->where == FILE_DIRECT)
		SKIP(return, "a file system may write it through the page cache");
	sqe = prep(&self->ring, IORING_OP_WRITE, self->fd, self->buf, BLOCK, 1);
	sqe->flags = variant->sqe_flags | IOSQE_IO_LINK;
	sqe->user_data = 1;
	ASSERT_TRUE(prep_nop(&self->ring, 2));
	ASSERT_EQ(2, ring_submit(&self->ring));
	ASSERT_EQ(0, ring_wait(&self->ring, &cqe));
	EXPECT_EQ(-EINVAL, cqe.res);
	ASSERT_EQ(0, ring_wait(&self->ring, &cqe));
	if (!cqe.res && untouched())
		SKIP(return, "this kernel goes on");
	EXPECT_EQ(-ECANCELED, cqe.res);

	sqe = prep(&self->ring, IORING_OP_WRITE, self->fd, self->buf, BLOCK, 1);
	sqe->flags = variant->sqe_flags | IOSQE_CQE_SKIP_SUCCESS;
	ASSERT_EQ(1, ring_submit(&self->ring));
	ASSERT_EQ(0, ring_wait(&self->ring, &cqe));
	EXPECT_EQ(-EINVAL, cqe.res);
}

static bool thread_ended(int pid, int tid)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/task/%d", pid, tid);
	return access(path, F_OK);
}

struct submitter {
	struct _test_data_iopoll *self;
	int tid;
	int ret;
};

static void *submit_and_exit(void *arg)
{
	struct submitter *s = arg;

	s->tid = syscall(SYS_gettid);
	s->ret = ring_submit(&s->self->ring);
	return NULL;
}

/* A thread submits and ends; another one finds the completions */
TEST_F(iopoll, submitter_exits)
{
	struct submitter s = { .self = self };
	struct io_uring_cqe cqe;
	pthread_t thread;
	unsigned int i;

	if (variant->setup & IORING_SETUP_SINGLE_ISSUER)
		SKIP(return, "only its owner can submit to this ring");
	for (i = 0; i < 16; i++)
		prep_block(self, IORING_OP_READ, variant->sqe_flags, i);
	ASSERT_EQ(0, pthread_create(&thread, NULL, submit_and_exit, &s));
	pthread_join(thread, NULL);
	ASSERT_EQ(16, s.ret);
	while (!thread_ended(getpid(), s.tid))
		nap();
	for (i = 0; i < 16; i++) {
		ASSERT_EQ(0, ring_wait(&self->ring, &cqe));
		EXPECT_TRUE(cqe.res == BLOCK || (variant->sqe_flags && cqe.res < 0)) {
			TH_LOG("result %d", cqe.res);
		}
	}
}

/* Nobody asks any more: the ring is closed, and the process goes */
TEST_F(iopoll, closed_with_requests_in_flight)
{
	unsigned int i, round;

	for (round = 0; round < 20; round++) {
		int status;
		pid_t pid = fork();

		ASSERT_LE(0, pid);
		if (!pid) {
			FIXTURE_DATA(iopoll) mine = *self;

			if (ring_open(&mine.ring, BLOCKS, variant->setup | IORING_SETUP_IOPOLL))
				_exit(1);
			for (i = 0; i < BLOCKS; i++)
				prep_block(&mine, IORING_OP_READ, variant->sqe_flags, i);
			if (ring_submit(&mine.ring) != BLOCKS)
				_exit(2);
			if (round % 3 == 0)
				close(mine.ring.fd);
			if (round % 3 == 1)
				kill(getpid(), SIGKILL);
			_exit(0);
		}
		status = reap(pid, WAIT_MS);
		EXPECT_EQ(round % 3 == 1 ? SIGKILL : 0, status);
	}
	/* The device is still there for others */
	for (i = 0; i < BLOCKS; i++)
		prep_block(self, IORING_OP_READ, variant->sqe_flags, i);
	EXPECT_EQ(0, blocks_done(self, BLOCKS));
}

/* Exec waits for what is in flight, and has to ask for it itself */
TEST_F(iopoll, exec_with_requests_in_flight)
{
	unsigned int i;
	pid_t pid = fork();

	ASSERT_LE(0, pid);
	if (!pid) {
		FIXTURE_DATA(iopoll) mine = *self;

		if (ring_open(&mine.ring, BLOCKS, variant->setup | IORING_SETUP_IOPOLL))
			_exit(1);
		for (i = 0; i < BLOCKS; i++)
			prep_block(&mine, IORING_OP_READ, variant->sqe_flags, i);
		if (ring_submit(&mine.ring) != BLOCKS)
			_exit(2);
		execl("/bin/true", "true", NULL);
		_exit(3);
	}
	EXPECT_EQ(0, reap(pid, WAIT_MS));
}

/* What needs no disk */

FIXTURE(iopoll_rules)
{
	struct ring ring;
};

FIXTURE_VARIANT(iopoll_rules)
{
	unsigned int setup;
};

FIXTURE_VARIANT_ADD(iopoll_rules, plain) {
	.setup = 0,
};

FIXTURE_VARIANT_ADD(iopoll_rules, defer) {
	.setup = DEFER,
};

FIXTURE_SETUP(iopoll_rules)
{
	const char *missing = setup_missing(variant->setup | IORING_SETUP_IOPOLL);

	if (missing)
		SKIP(return, "kernel lacks %s", missing);
	ASSERT_EQ(0, ring_open(&self->ring, 16, variant->setup | IORING_SETUP_IOPOLL));
}

FIXTURE_TEARDOWN(iopoll_rules)
{
	ring_close(&self->ring);
}

TEST_F(iopoll_rules, opcodes)
{
	static const __u8 refused[] = {
		IORING_OP_FSYNC, IORING_OP_POLL_ADD, IORING_OP_POLL_REMOVE,
		IORING_OP_SYNC_FILE_RANGE, IORING_OP_SENDMSG, IORING_OP_TIMEOUT,
		IORING_OP_ACCEPT, IORING_OP_ASYNC_CANCEL, IORING_OP_CONNECT,
		IORING_OP_FALLOCATE, IORING_OP_OPENAT, IORING_OP_CLOSE, IORING_OP_STATX,
		IORING_OP_FADVISE, IORING_OP_MADVISE, IORING_OP_SEND, IORING_OP_RECV,
		IORING_OP_EPOLL_CTL, IORING_OP_SPLICE, IORING_OP_SOCKET,
		IORING_OP_READ_MULTISHOT, IORING_OP_WAITID, IORING_OP_FUTEX_WAKE,
		IORING_OP_FTRUNCATE,
	};
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(refused); i++) {
		prep(&self->ring, refused[i], -1, NULL, 0, 0);
		EXPECT_EQ(-EINVAL, ring_result(&self->ring)) {
			TH_LOG("opcode %d", refused[i]);
		}
	}
	EXPECT_TRUE(ring_works(&self->ring));
}

/* That an opcode selects no buffer comes first */
TEST_F(iopoll_rules, buffer_select)
{
	static const struct {
		__u8 opcode;
		int error;
	} refused[] = {
		{ IORING_OP_FTRUNCATE, -EOPNOTSUPP }, { IORING_OP_TIMEOUT, -EOPNOTSUPP },
		{ IORING_OP_SENDMSG, -EOPNOTSUPP }, { IORING_OP_NOP, -EOPNOTSUPP },
		{ IORING_OP_RECV, -EINVAL }, { IORING_OP_RECVMSG, -EINVAL },
		{ IORING_OP_SEND, -EINVAL }, { IORING_OP_READ_MULTISHOT, -EINVAL },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(refused); i++) {
		prep(&self->ring, refused[i].opcode, -1, NULL, 0, 0)->flags = IOSQE_BUFFER_SELECT;
		EXPECT_EQ(refused[i].error, ring_result(&self->ring)) {
			TH_LOG("opcode %d", refused[i].opcode);
		}
	}
	EXPECT_TRUE(ring_works(&self->ring));
}

/* Reads want O_DIRECT and a file that can be polled */
TEST_F(iopoll_rules, files)
{
	int file = tmp_file(NULL, 0);
	int event = eventfd(1, 0);
	char buf[8];
	int pipes[2];

	ASSERT_EQ(0, pipe(pipes));
	ASSERT_EQ(8, write(pipes[1], "12345678", 8));
	prep(&self->ring, IORING_OP_READ, file, buf, 8, 0);
	EXPECT_EQ(-EOPNOTSUPP, ring_result(&self->ring));
	prep(&self->ring, IORING_OP_WRITE, file, buf, 8, 0);
	EXPECT_EQ(-EOPNOTSUPP, ring_result(&self->ring));
	prep(&self->ring, IORING_OP_READ, pipes[0], buf, 8, 0);
	EXPECT_EQ(-EOPNOTSUPP, ring_result(&self->ring));
	prep(&self->ring, IORING_OP_READ, event, buf, 8, 0);
	EXPECT_EQ(-EOPNOTSUPP, ring_result(&self->ring));
	prep(&self->ring, IORING_OP_READ, 9999, buf, 8, 0);
	EXPECT_EQ(-EBADF, ring_result(&self->ring));
	close(pipes[0]);
	close(pipes[1]);
	close(event);
	close(file);
}

/* Waiting for more than is in flight ends */
TEST_F(iopoll_rules, nothing_in_flight)
{
	struct io_uring_cqe cqe;

	EXPECT_EQ(0, sys_enter(self->ring.fd, 0, 0, IORING_ENTER_GETEVENTS, NULL, 0));
	EXPECT_EQ(0, sys_enter(self->ring.fd, 0, 5, IORING_ENTER_GETEVENTS, NULL, 0));
	ASSERT_TRUE(prep_nop(&self->ring, 1));
	EXPECT_EQ(1, ring_submit_wait(&self->ring, 1));
	EXPECT_EQ(0, sys_enter(self->ring.fd, 0, 5, IORING_ENTER_GETEVENTS, NULL, 0));
	EXPECT_TRUE(ring_reap(&self->ring, &cqe));
}

/* The wait's arguments are looked at, though not obeyed */
TEST_F(iopoll_rules, wait_arguments)
{
	struct __kernel_timespec ts = { .tv_sec = 1000 };
	struct io_uring_getevents_arg arg = { .ts = (uintptr_t)&ts };
	unsigned int flags = IORING_ENTER_GETEVENTS | IORING_ENTER_EXT_ARG;

	EXPECT_EQ(-EINVAL, sys_enter(self->ring.fd, 0, 1, flags, &arg, 8));
	EXPECT_EQ(-EFAULT, sys_enter(self->ring.fd, 0, 1, flags, no_access(4096), sizeof(arg)));
	EXPECT_EQ(0, sys_enter(self->ring.fd, 0, 1, flags, &arg, sizeof(arg)));
}

/* The backlog is flushed by waiting here, too */
TEST_F(iopoll_rules, backlog)
{
	unsigned int i, seen = 0;
	struct io_uring_cqe cqe;

	for (i = 0; i < 48; i++) {
		ASSERT_TRUE(prep_nop(&self->ring, i));
		ASSERT_EQ(1, ring_submit(&self->ring));
	}
	EXPECT_NE(0u, load(self->ring.sq_flags) & IORING_SQ_CQ_OVERFLOW);
	while (seen < 48) {
		if (!ring_reap(&self->ring, &cqe)) {
			ASSERT_EQ(0, ring_flush(&self->ring));
			ASSERT_TRUE(ring_reap(&self->ring, &cqe));
		}
		EXPECT_EQ(seen, (unsigned int)cqe.user_data);
		seen++;
	}
	EXPECT_EQ(0u, load(self->ring.sq_flags) & IORING_SQ_CQ_OVERFLOW);
}

TEST(other_owner)
{
	struct ring r;
	int status;
	pid_t pid;

	if (setup_missing(IORING_SETUP_IOPOLL | DEFER))
		SKIP(return, "kernel lacks IOPOLL or DEFER_TASKRUN");
	ASSERT_EQ(0, ring_open(&r, 4, IORING_SETUP_IOPOLL | DEFER));
	pid = fork();
	if (!pid)
		_exit(sys_enter(r.fd, 0, 0, IORING_ENTER_GETEVENTS, NULL, 0) != -EEXIST);
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	ring_close(&r);
}

/* Without IOPOLL nobody would ask */
TEST(hipri_without_iopoll)
{
	char path[64], buf[8];
	struct io_uring_sqe *sqe;
	int fd = tmp_file(path, sizeof(path));
	struct ring r;

	ASSERT_EQ(0, ring_open(&r, 4, 0));
	sqe = prep(&r, IORING_OP_READ, fd, buf, 8, 0);
	sqe->rw_flags = RWF_HIPRI;
	EXPECT_EQ(-EINVAL, ring_result(&r));
	sqe = prep(&r, IORING_OP_WRITE, fd, buf, 8, 0);
	sqe->rw_flags = RWF_HIPRI;
	sqe->flags = IOSQE_ASYNC;
	EXPECT_EQ(-EINVAL, ring_result(&r));
	close(fd);
	ring_close(&r);
}

/* Two devices behind one ring: neither waits for the other */
TEST(two_devices)
{
	int fd[2] = { open_where(NVME), open_where(NULLB) };
	char *buf = pages(32 * BLOCK);
	struct io_uring_cqe cqe;
	struct ring r;
	unsigned int i;

	if (setup_missing(IORING_SETUP_IOPOLL))
		SKIP(return, "kernel lacks IOPOLL");
	if (fd[0] < 0 || fd[1] < 0)
		SKIP(return, "no disks, or they are not given to the tests (IOU_TEST_DISKS)");
	ASSERT_EQ(0, ring_open(&r, 32, IORING_SETUP_IOPOLL));
	for (i = 0; i < 32; i++)
		prep(&r, IORING_OP_READ, fd[i % 2], buf + i * BLOCK, BLOCK, i * BLOCK);
	ASSERT_EQ(32, ring_submit(&r));
	for (i = 0; i < 32; i++) {
		ASSERT_EQ(0, ring_wait(&r, &cqe));
		EXPECT_EQ(BLOCK, cqe.res);
	}
	ring_close(&r);
	close(fd[0]);
	close(fd[1]);
}

/* ------------------------------------------------------------------------
 * A disk that does 1 MB in a second: its requests stay in flight
 */

#define CONFIGFS	"/sys/kernel/config"
#define SLOW		CONFIGFS "/nullb/iou_slow"

static bool slow_set(const char *name, const char *value)
{
	char path[128];
	ssize_t len;
	int fd;

	snprintf(path, sizeof(path), SLOW "/%s", name);
	fd = open(path, O_WRONLY);
	len = write(fd, value, strlen(value));
	close(fd);
	return len == (ssize_t)strlen(value);
}

static void slow_remove(void)
{
	slow_set("power", "0");
	rmdir(SLOW);
}

/* The disk, or -1 */
static int slow_open(void)
{
	static const char *const settings[][2] = {
		{ "size", "64" }, { "submit_queues", "1" }, { "poll_queues", "1" },
		{ "hw_queue_depth", "1024" }, { "irqmode", "0" }, { "mbps", "1" },
		{ "power", "1" },
	};
	unsigned int i;

	mount("none", CONFIGFS, "configfs", 0, NULL);
	slow_remove();
	if (!getenv("IOU_TEST_DISKS") || mkdir(SLOW, 0700))
		return -1;
	for (i = 0; i < ARRAY_LEN(settings); i++)
		if (!slow_set(settings[i][0], settings[i][1]))
			return -1;
	return open("/dev/iou_slow", O_RDWR | O_DIRECT);
}

static bool read_slow(struct ring *r, int fd, char *buf, unsigned int nr)
{
	while (nr--)
		if (!prep(r, IORING_OP_READ, fd, buf, BLOCK, 0))
			return false;
	return ring_submit(r) >= 0;
}

/* Who polls can be killed, also while somebody else is stuck with the ring. */
TEST(killed_while_locked)
{
	struct stuck_lock stuck;
	char *buf = pages(BLOCK);
	struct ring r;
	int fd, ret;
	pid_t pid;

	if (setup_missing(IORING_SETUP_IOPOLL))
		SKIP(return, "kernel lacks IOPOLL");
	fd = slow_open();
	if (fd < 0)
		SKIP(return, "no null_blk that configfs can make");
	ASSERT_EQ(0, ring_open(&r, 1024, IORING_SETUP_IOPOLL));
	ASSERT_TRUE(read_slow(&r, fd, buf, 1000));
	pid = fork_detached();
	if (!pid)
		_exit(sys_enter(r.fd, 0, 1000, IORING_ENTER_GETEVENTS, NULL, 0) != 0);
	nap();
	ret = stuck_lock_begin(&stuck, &r);
	if (!ret) {
		poll(NULL, 0, 100);
		EXPECT_TRUE(kill_ends(pid, WAIT_MS) || untouched());
		stuck_lock_end(&stuck);
	}
	ring_close(&r);
	close(fd);
	slow_remove();
}

/* The least that a read of the other disk costs, in ns; -1: it failed */
static long long cost_of_read(struct ring *r, int fd, char *buf)
{
	struct io_uring_sqe sqe = {
		.opcode = IORING_OP_READ,
		.fd	= fd,
		.addr	= (uintptr_t)buf,
		.len	= BLOCK,
	};
	long long start, ns, least = LLONG_MAX;
	struct io_uring_cqe cqe;
	unsigned int round, i;

	for (round = 0; round < 10; round++) {
		start = used_ns();
		for (i = 0; i < 4; i++) {
			if (!queue(r, 1, 0, sqe) || ring_submit(r) != 1)
				return -1;
			do {
				if (ring_wait(r, &cqe))
					return -1;
			} while (cqe.user_data != 1);
		}
		ns = used_ns() - start;
		if (ns < least)
			least = ns;
	}
	return least;
}

/* How many others are in flight matters for how often they are asked, not for each time. */
TEST(among_many_in_flight)
{
	int slow, fd = open_where(NULLB);
	char *buf = pages(BLOCK);
	long long few, many;
	struct ring r;

	if (setup_missing(IORING_SETUP_IOPOLL))
		SKIP(return, "kernel lacks IOPOLL");
	slow = slow_open();
	if (slow < 0 || fd < 0)
		SKIP(return, "no null_blk that configfs can make");
	ASSERT_EQ(0, ring_open(&r, 1024, IORING_SETUP_IOPOLL));
	ASSERT_TRUE(read_slow(&r, slow, buf, 100));
	few = cost_of_read(&r, fd, buf);
	ASSERT_TRUE(read_slow(&r, slow, buf, 900));
	many = cost_of_read(&r, fd, buf);
	TH_LOG("%lld us with 100 in flight, %lld us with 1000", few / 1000, many / 1000);
	EXPECT_LT(0, few);
	EXPECT_LT(many, 25 * few);
	ring_close(&r);
	close(slow);
	close(fd);
	slow_remove();
}

TEST_HARNESS_MAIN
