// SPDX-License-Identifier: GPL-2.0
/*
 * What a ring can be told in advance besides files and buffers: personalities,
 * restrictions, the workers' CPUs, the clock.
 */
#include "iou_test.h"

#include <sched.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "../kselftest_harness.h"

#define NOBODY	65534

FIXTURE(told)
{
	struct ring ring;
};

FIXTURE_VARIANT(told)
{
	unsigned int setup;
	__u8 sqe_flags;
};

FIXTURE_VARIANT_ADD(told, plain) {
	.setup = 0,
};

FIXTURE_VARIANT_ADD(told, async) {
	.sqe_flags = IOSQE_ASYNC,
};

FIXTURE_VARIANT_ADD(told, defer) {
	.setup = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN,
};

FIXTURE_SETUP(told)
{
	ASSERT_EQ(0, ring_open(&self->ring, 8, variant->setup));
}

FIXTURE_TEARDOWN(told)
{
	ring_close(&self->ring);
}

/* ------------------------------------------------------------------------
 * Personalities
 */

static int add_creds(struct ring *r)
{
	return sys_register(r->fd, IORING_REGISTER_PERSONALITY, NULL, 0);
}

static int del_creds(struct ring *r, unsigned int id)
{
	return sys_register(r->fd, IORING_UNREGISTER_PERSONALITY, NULL, id);
}

static int nop_as(struct ring *r, unsigned int id, __u8 flags)
{
	struct io_uring_sqe *sqe = ring_sqe(r);

	sqe->personality = id;
	sqe->flags = flags;
	return ring_result(r);
}

TEST_F(told, personality_ids)
{
	struct ring *r = &self->ring;
	int i, ids[5], zero = 0;

	EXPECT_EQ(-EINVAL, sys_register(r->fd, IORING_REGISTER_PERSONALITY, NULL, 1));
	EXPECT_EQ(-EINVAL, sys_register(r->fd, IORING_REGISTER_PERSONALITY, &zero, 0));
	EXPECT_EQ(-EINVAL, del_creds(r, 0));
	EXPECT_EQ(-EINVAL, del_creds(r, 1));
	for (i = 0; i < 5; i++) {
		ids[i] = add_creds(r);
		EXPECT_EQ(i + 1, ids[i]);
		EXPECT_EQ(0, nop_as(r, ids[i], variant->sqe_flags));
	}
	EXPECT_EQ(-EINVAL, sys_register(r->fd, IORING_UNREGISTER_PERSONALITY, &zero, 1));
	EXPECT_EQ(0, del_creds(r, ids[2]));
	EXPECT_EQ(-EINVAL, del_creds(r, ids[2]));
	EXPECT_EQ(-EINVAL, nop_as(r, ids[2], variant->sqe_flags));
	EXPECT_EQ(0, nop_as(r, ids[3], variant->sqe_flags));
	EXPECT_EQ(-EINVAL, del_creds(r, 65536 + ids[3]));
	/* Not the one that was freed last. */
	EXPECT_EQ(6, add_creds(r));
}

TEST_F(told, all_personalities)
{
	struct ring *r = &self->ring;
	int i, id = 0;

	for (i = 0; i < 65535 && id >= 0; i++)
		id = add_creds(r);
	EXPECT_EQ(65535, id);
	EXPECT_EQ(-EBUSY, add_creds(r));
	EXPECT_EQ(0, nop_as(r, 65535, variant->sqe_flags));
	EXPECT_EQ(0, del_creds(r, 77));
	EXPECT_EQ(77, add_creds(r));
}

/* A file that root can open and the personality cannot, and the other way round. */
static int open_as(struct ring *r, const char *path, unsigned int id, __u8 flags)
{
	struct io_uring_sqe *sqe = prep(r, IORING_OP_OPENAT, AT_FDCWD, path, 0, 0);

	sqe->personality = id;
	sqe->flags = flags;
	return ring_result(r);
}

/* In a child: seteuid() would leave traces in the test. */
static int personality_child(struct ring *r, const char *path, __u8 flags)
{
	int root = add_creds(r), user, fd;

	if (seteuid(NOBODY))
		return 1;
	user = add_creds(r);
	if (root < 1 || user < 1)
		return 2;
	if (open(path, O_RDONLY) >= 0 || open_as(r, path, 0, flags) != -EACCES)
		return 3;
	fd = open_as(r, path, root, flags);
	if (fd < 0)
		return 4;
	if (seteuid(0))
		return 5;
	if (open_as(r, path, user, flags) != -EACCES)
		return 6;
	if (open_as(r, path, 0, flags) < 0 || open_as(r, path, root, flags) < 0)
		return 7;
	/* The task's own are what they were. */
	return geteuid() ? 8 : 0;
}

TEST_F(told, personality_opens)
{
	struct ring *r = &self->ring;
	char path[64];
	pid_t pid;
	int fd;

	if (getuid())
		SKIP(return, "needs root to become somebody else");
	if (variant->setup & IORING_SETUP_SINGLE_ISSUER)
		SKIP(return, "the child would not own the ring");
	snprintf(path, sizeof(path), "/tmp/iou_told.%d", getpid());
	fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	ASSERT_LE(0, fd);
	pid = fork();
	if (!pid)
		_exit(personality_child(r, path, variant->sqe_flags));
	EXPECT_EQ(0, reap(pid, WAIT_MS) >> 8);
	unlink(path);
	close(fd);
}

/* A socket that listens, with a name that is its own. */
static int listener(struct sockaddr_un *addr, socklen_t *len)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	*len = sizeof(*addr);
	memset(addr, 0, sizeof(*addr));
	addr->sun_family = AF_UNIX;
	if (bind(fd, (struct sockaddr *)addr, sizeof(sa_family_t)) || listen(fd, 4) ||
	    getsockname(fd, (struct sockaddr *)addr, len))
		return -errno;
	return fd;
}

/* A multishot is carried out as its personality each time. */
TEST_F(told, personality_multishot)
{
	struct ring *r = &self->ring;
	struct io_uring_sqe *sqe;
	struct io_uring_cqe cqe;
	struct sockaddr_un addr;
	socklen_t len;
	struct stat st;
	int i, user, fd, conn[3];

	if (getuid())
		SKIP(return, "needs root to become somebody else");
	fd = listener(&addr, &len);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, seteuid(NOBODY));
	user = add_creds(r);
	ASSERT_EQ(0, seteuid(0));
	ASSERT_LT(0, user);
	sqe = prep(r, IORING_OP_ACCEPT, fd, NULL, 0, 0);
	sqe->ioprio = IORING_ACCEPT_MULTISHOT;
	sqe->personality = user;
	sqe->flags = variant->sqe_flags;
	ASSERT_EQ(1, ring_submit(r));
	for (i = 0; i < 3; i++) {
		conn[i] = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
		ASSERT_EQ(0, connect(conn[i], (struct sockaddr *)&addr, len));
		ASSERT_EQ(0, ring_wait(r, &cqe));
		ASSERT_LE(0, cqe.res);
		/* Sockets belong to who makes them. */
		ASSERT_EQ(0, fstat(cqe.res, &st));
		EXPECT_EQ((uid_t)NOBODY, st.st_uid);
		close(cqe.res);
	}
	for (i = 0; i < 3; i++)
		close(conn[i]);
	close(fd);
}

/* ------------------------------------------------------------------------
 * Restrictions
 */

static int restrict_to(struct ring *r, struct io_uring_restriction *list, unsigned int nr)
{
	return sys_register(r->fd, IORING_REGISTER_RESTRICTIONS, list, nr);
}

static int enable(struct ring *r)
{
	return sys_register(r->fd, IORING_REGISTER_ENABLE_RINGS, NULL, 0);
}

/* Opcode @op with @flags: its result. */
static int try_op(struct ring *r, int op, __u8 flags)
{
	ring_sqe(r)->opcode = op;
	r->sqes[(r->next - 1) & r->sq_mask].flags = flags;
	r->sqes[(r->next - 1) & r->sq_mask].fd = -1;
	return ring_result(r);
}

TEST_F(told, restriction_arguments)
{
	struct io_uring_restriction list[2] = {
		{ .opcode = IORING_RESTRICTION_SQE_OP, .sqe_op = IORING_OP_NOP },
		{ .opcode = 99 },
	};
	struct ring *r = &self->ring;

	EXPECT_EQ(-EBADFD, restrict_to(r, list, 1));
	ring_close(r);
	ASSERT_EQ(0, ring_open(r, 8, variant->setup | IORING_SETUP_R_DISABLED));
	EXPECT_EQ(-EINVAL, restrict_to(r, NULL, 1));
	EXPECT_EQ(-EINVAL, restrict_to(r, list, 100000));
	EXPECT_EQ(-EFAULT, restrict_to(r, no_access(4096), 1));
	EXPECT_EQ(-EINVAL, restrict_to(r, list, 2));
	list[1].opcode = IORING_RESTRICTION_SQE_OP;
	list[1].sqe_op = 255;
	EXPECT_EQ(-EINVAL, restrict_to(r, list, 2));
	list[1].opcode = IORING_RESTRICTION_REGISTER_OP;
	list[1].register_op = 255;
	EXPECT_EQ(-EINVAL, restrict_to(r, list, 2));
	EXPECT_EQ(0, restrict_to(r, list, 1));
	EXPECT_EQ(-EBUSY, restrict_to(r, list, 1));
}

TEST_F(told, restrictions)
{
	struct io_uring_restriction list[] = {
		{ .opcode = IORING_RESTRICTION_SQE_OP, .sqe_op = IORING_OP_NOP },
		{ .opcode = IORING_RESTRICTION_REGISTER_OP,
		  .register_op = IORING_REGISTER_IOWQ_MAX_WORKERS },
		{ .opcode = IORING_RESTRICTION_SQE_FLAGS_ALLOWED, .sqe_flags = IOSQE_ASYNC },
	};
	struct ring *r = &self->ring;
	unsigned int max[2] = { 0, 0 };
	int efd = eventfd(0, EFD_CLOEXEC);

	ring_close(r);
	ASSERT_EQ(0, ring_open(r, 8, variant->setup | IORING_SETUP_R_DISABLED));
	ASSERT_EQ(0, restrict_to(r, list, ARRAY_LEN(list)));
	/* As long as it is disabled, anything can be registered. */
	EXPECT_EQ(0, sys_register(r->fd, IORING_REGISTER_EVENTFD, &efd, 1));
	EXPECT_EQ(0, enable(r));
	EXPECT_EQ(-EACCES, sys_register(r->fd, IORING_UNREGISTER_EVENTFD, NULL, 0));
	EXPECT_EQ(-EACCES, enable(r));
	EXPECT_EQ(0, sys_register(r->fd, IORING_REGISTER_IOWQ_MAX_WORKERS, max, 2));
	EXPECT_EQ(-EINVAL, sys_register(r->fd, IORING_REGISTER_IOWQ_MAX_WORKERS, max, 3));
	EXPECT_EQ(0, try_op(r, IORING_OP_NOP, 0));
	EXPECT_EQ(0, try_op(r, IORING_OP_NOP, IOSQE_ASYNC));
	EXPECT_EQ(-EACCES, try_op(r, IORING_OP_NOP, IOSQE_FIXED_FILE));
	EXPECT_EQ(-EACCES, try_op(r, IORING_OP_NOP, IOSQE_ASYNC | IOSQE_FIXED_FILE));
	EXPECT_EQ(-EACCES, try_op(r, IORING_OP_READ, 0));
	EXPECT_EQ(-EACCES, try_op(r, IORING_OP_READ, IOSQE_ASYNC));
	EXPECT_EQ(-EINVAL, try_op(r, 250, 0));
	EXPECT_EQ(0, try_op(r, IORING_OP_NOP, 0));
	close(efd);
}

TEST_F(told, required_flags)
{
	struct io_uring_restriction list[] = {
		{ .opcode = IORING_RESTRICTION_SQE_OP, .sqe_op = IORING_OP_NOP },
		{ .opcode = IORING_RESTRICTION_SQE_OP, .sqe_op = IORING_OP_READ },
		{ .opcode = IORING_RESTRICTION_SQE_FLAGS_REQUIRED, .sqe_flags = IOSQE_FIXED_FILE },
	};
	struct ring *r = &self->ring;

	ring_close(r);
	ASSERT_EQ(0, ring_open(r, 8, variant->setup | IORING_SETUP_R_DISABLED));
	ASSERT_EQ(0, restrict_to(r, list, ARRAY_LEN(list)));
	EXPECT_EQ(0, enable(r));
	EXPECT_EQ(-EACCES, try_op(r, IORING_OP_NOP, 0));
	EXPECT_EQ(-EACCES, try_op(r, IORING_OP_READ, 0));
	EXPECT_EQ(-EACCES, try_op(r, IORING_OP_READ, IOSQE_ASYNC));
	EXPECT_EQ(0, try_op(r, IORING_OP_NOP, IOSQE_FIXED_FILE));
	EXPECT_EQ(-EBADF, try_op(r, IORING_OP_READ, IOSQE_FIXED_FILE));
	EXPECT_EQ(-EACCES, try_op(r, IORING_OP_NOP, IOSQE_FIXED_FILE | IOSQE_ASYNC));
}

/* ------------------------------------------------------------------------
 * CPUs and the clock
 */

TEST_F(told, workers_cpus)
{
	struct ring *r = &self->ring;
	cpu_set_t one, all, got;

	ASSERT_EQ(0, sched_getaffinity(0, sizeof(all), &all));
	CPU_ZERO(&one);
	CPU_SET(0, &one);
	EXPECT_EQ(-EINVAL, sys_register(r->fd, IORING_REGISTER_IOWQ_AFF, NULL, 8));
	EXPECT_EQ(-EINVAL, sys_register(r->fd, IORING_REGISTER_IOWQ_AFF, &one, 0));
	EXPECT_EQ(-EFAULT, sys_register(r->fd, IORING_REGISTER_IOWQ_AFF, no_access(4096), 8));
	EXPECT_EQ(-EINVAL, sys_register(r->fd, IORING_UNREGISTER_IOWQ_AFF, &one, 0));
	EXPECT_EQ(0, sys_register(r->fd, IORING_REGISTER_IOWQ_AFF, &one, sizeof(one)));
	/* A worker that is made now. */
	EXPECT_EQ(0, try_op(r, IORING_OP_NOP, IOSQE_ASYNC));
	ASSERT_EQ(0, worker_cpus(&got));
	EXPECT_TRUE(CPU_EQUAL(&got, &one));
	/* One that is there. */
	EXPECT_EQ(0, sys_register(r->fd, IORING_UNREGISTER_IOWQ_AFF, NULL, 0));
	EXPECT_EQ(0, try_op(r, IORING_OP_NOP, IOSQE_ASYNC));
	ASSERT_EQ(0, worker_cpus(&got));
	if (!CPU_EQUAL(&got, &all))
		SKIP(return, "this kernel does not move workers that are there");
}

TEST_F(told, clock)
{
	struct io_uring_clock_register clock = { .clockid = CLOCK_BOOTTIME };
	struct ring *r = &self->ring;
	long start;
	int i;

	EXPECT_EQ(-EINVAL, sys_register(r->fd, IORING_REGISTER_CLOCK, NULL, 0));
	EXPECT_EQ(-EINVAL, sys_register(r->fd, IORING_REGISTER_CLOCK, &clock, 1));
	EXPECT_EQ(-EFAULT, sys_register(r->fd, IORING_REGISTER_CLOCK, no_access(4096), 0));
	EXPECT_EQ(0, sys_register(r->fd, IORING_REGISTER_CLOCK, &clock, 0));
	start = now_ms();
	EXPECT_EQ(-ETIME, ring_enter_wait(r, 1, 50));
	EXPECT_LE(49, now_ms() - start);
	for (i = 0; i < 3; i++) {
		clock = (struct io_uring_clock_register) { .clockid = CLOCK_MONOTONIC };
		clock.__resv[i] = 1;
		EXPECT_EQ(-EINVAL, sys_register(r->fd, IORING_REGISTER_CLOCK, &clock, 0));
	}
	clock = (struct io_uring_clock_register) { .clockid = CLOCK_REALTIME };
	EXPECT_EQ(-EINVAL, sys_register(r->fd, IORING_REGISTER_CLOCK, &clock, 0));
	clock.clockid = CLOCK_MONOTONIC;
	EXPECT_EQ(0, sys_register(r->fd, IORING_REGISTER_CLOCK, &clock, 0));
	EXPECT_EQ(-ETIME, ring_enter_wait(r, 1, 10));
}

TEST_HARNESS_MAIN
