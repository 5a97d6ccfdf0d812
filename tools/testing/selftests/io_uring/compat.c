// SPDX-License-Identifier: GPL-2.0
/*
 * What is different for 32-bit programs: structures with pointers in them, signal
 * sets, CPU masks. Built with -m32; opcodes_32 is opcodes.c built in that way.
 *
 * Arrays end where memory ends, so that a kernel that takes them for those of 64-bit
 * programs fails.
 */
#include "wait_test.h"

#include <assert.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include "../kselftest_harness.h"

static_assert(sizeof(long) == 4 && sizeof(struct iovec) == 8, "a 32-bit program");

#define PAGE	4096

FIXTURE(compat)
{
	struct ring ring;
	struct log log;
	char *end;	/* memory ends here */
	char *data;
	int file;
};

FIXTURE_VARIANT(compat)
{
	unsigned int setup;
	__u8 flags;
};

FIXTURE_VARIANT_ADD(compat, plain) {
	.setup = 0,
};

FIXTURE_VARIANT_ADD(compat, async) {
	.flags = IOSQE_ASYNC,
};

FIXTURE_VARIANT_ADD(compat, defer) {
	.setup = SETUP_DEFER,
};

FIXTURE_VARIANT_ADD(compat, sqpoll) {
	.setup = IORING_SETUP_SQPOLL,
};

FIXTURE_SETUP(compat)
{
	const char *missing = setup_missing(variant->setup);

	if (missing)
		SKIP(return, "kernel lacks %s", missing);
	self->log.nr = 0;
	ASSERT_EQ(0, ring_open(&self->ring, 16, variant->setup));
	self->end = pages(2 * PAGE);
	ASSERT_TRUE(!!self->end);
	self->end += PAGE;
	ASSERT_EQ(0, munmap(self->end, PAGE));
	self->data = pages(2 * PAGE);
	ASSERT_TRUE(!!self->data);
	self->file = tmp_file(NULL, 0);
	ASSERT_LE(0, self->file);
}

FIXTURE_TEARDOWN(compat)
{
	close(self->file);
	ring_close(&self->ring);
}

#define RUN(sqe)	ring_run(&self->ring, variant->flags, sqe)

/* @size bytes of @from, moved to where memory ends */
static void *at_end(char *end, const void *from, size_t size)
{
	return memcpy(end - size, from, size);
}

TEST_F(compat, rings)
{
	unsigned int i;

	for (i = 0; i < 40; i++)
		ASSERT_TRUE(ring_works(&self->ring));
}

TEST_F(compat, vectors)
{
	struct iovec iov[3] = {
		{ self->data, 100 }, { self->data + 1000, 200 }, { self->data + 3000, 50 },
	};
	struct iovec *v = at_end(self->end, iov, sizeof(iov));
	struct io_uring_sqe sqe = sqe_rw(IORING_OP_WRITEV, self->file, v, 3);
	struct iovec many[20];
	unsigned int i;

	sqe.off = 0;
	for (i = 0; i < 3; i++)
		fill_pattern(iov[i].iov_base, iov[i].iov_len, i);
	EXPECT_EQ(350, RUN(sqe));
	memset(self->data, 0, PAGE);
	sqe.opcode = IORING_OP_READV;
	EXPECT_EQ(350, RUN(sqe));
	for (i = 0; i < 3; i++)
		EXPECT_TRUE(has_pattern(iov[i].iov_base, iov[i].iov_len, i));
	/* More than fit into a request */
	for (i = 0; i < 20; i++)
		many[i] = (struct iovec) { self->data + 10 * i, 10 };
	sqe.addr = (uintptr_t)at_end(self->end, many, sizeof(many));
	sqe.len = 20;
	EXPECT_EQ(200, RUN(sqe));
	EXPECT_TRUE(has_pattern(self->data, 100, 0));
	EXPECT_TRUE(has_pattern(self->data + 100, 100, 1));
	/* Beyond the end, and a length that is negative here */
	sqe.addr += sizeof(struct iovec);
	EXPECT_EQ(-EFAULT, RUN(sqe));
	many[0].iov_len = -1;
	sqe.addr = (uintptr_t)many;
	EXPECT_EQ(-EINVAL, RUN(sqe));
}

TEST_F(compat, fixed_buffers)
{
	struct iovec iov[2] = { { self->data, PAGE }, { self->data + PAGE, 100 } };
	struct io_uring_sqe sqe = sqe_rw(IORING_OP_WRITE_FIXED, self->file, self->data, 100);
	struct io_uring_rsrc_update2 update = { .offset = 1, .nr = 1 };
	struct iovec *v = at_end(self->end, iov, sizeof(iov));
	struct ring *r = &self->ring;

	sqe.off = 0;
	fill_pattern(self->data, 100, 3);
	ASSERT_EQ(0, sys_register(r->fd, IORING_REGISTER_BUFFERS, v, 2));
	EXPECT_EQ(100, RUN(sqe));
	sqe.opcode = IORING_OP_READ_FIXED;
	sqe.addr = (uintptr_t)self->data + PAGE;
	EXPECT_EQ(-EFAULT, RUN(sqe));
	sqe.buf_index = 1;
	EXPECT_EQ(100, RUN(sqe));
	EXPECT_TRUE(has_pattern(self->data + PAGE, 100, 3));
	/* An update of one */
	v = at_end(self->end, iov, sizeof(iov[0]));
	update.data = (uintptr_t)v;
	ASSERT_EQ(1, sys_register(r->fd, IORING_REGISTER_BUFFERS_UPDATE, &update, sizeof(update)));
	EXPECT_EQ(-EFAULT, RUN(sqe));
	sqe.addr = (uintptr_t)self->data;
	EXPECT_EQ(100, RUN(sqe));
	ASSERT_EQ(0, sys_register(r->fd, IORING_UNREGISTER_BUFFERS, NULL, 0));
	EXPECT_EQ(-EFAULT, sys_register(r->fd, IORING_REGISTER_BUFFERS, self->end - 8, 2));
	/* Longer than any ssize_t of such a program */
	v->iov_len = 1ul << 31;
	EXPECT_EQ(-EINVAL, sys_register(r->fd, IORING_REGISTER_BUFFERS, v, 1));
	EXPECT_EQ(-ENXIO, sys_register(r->fd, IORING_UNREGISTER_BUFFERS, NULL, 0));
}

/* With a descriptor in the control message, whose layout differs, too */
TEST_F(compat, messages)
{
	union {
		struct cmsghdr hdr;
		char space[CMSG_SPACE(sizeof(int))];
	} out = { 0 }, in = { 0 };
	struct iovec iov = { self->data, 10 }, iov_in = { self->data + 100, 10 };
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &out,
		.msg_controllen = sizeof(out),
	};
	struct io_uring_sqe sqe = { .opcode = IORING_OP_SENDMSG, .len = 1 };
	struct msghdr *m;
	int pair[2], fd;

	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	out.hdr.cmsg_level = SOL_SOCKET;
	out.hdr.cmsg_type = SCM_RIGHTS;
	out.hdr.cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(&out.hdr), &self->file, sizeof(int));
	fill_pattern(self->data, 10, 1);
	m = at_end(self->end, &msg, sizeof(msg));
	sqe.fd = pair[0];
	sqe.addr = (uintptr_t)m;
	EXPECT_EQ(10, RUN(sqe));
	m->msg_iov = &iov_in;
	m->msg_control = &in;
	sqe.opcode = IORING_OP_RECVMSG;
	sqe.fd = pair[1];
	EXPECT_EQ(10, RUN(sqe));
	EXPECT_TRUE(has_pattern(self->data + 100, 10, 1));
	EXPECT_EQ(CMSG_LEN(sizeof(int)), m->msg_controllen);
	EXPECT_EQ(CMSG_LEN(sizeof(int)), in.hdr.cmsg_len);
	EXPECT_EQ(SCM_RIGHTS, in.hdr.cmsg_type);
	memcpy(&fd, CMSG_DATA(&in.hdr), sizeof(int));
	ASSERT_EQ(1, write(fd, "x", 1));
	ASSERT_EQ(1, pread(self->file, self->data, 1, 0));
	EXPECT_EQ('x', self->data[0]);
	close(fd);
	close(pair[0]);
	close(pair[1]);
}

/* One vector says how much a provided buffer may take. */
TEST_F(compat, provided_buffers)
{
	struct iovec iov = { NULL, 7 };
	struct io_uring_sqe sqe = {
		.opcode = IORING_OP_PROVIDE_BUFFERS,
		.fd = 2,
		.addr = (uintptr_t)self->data,
		.len = 64,
		.buf_group = 3,
	};
	struct io_uring_cqe cqe;
	int fds[2];

	ASSERT_EQ(0, RUN(sqe));
	ASSERT_EQ(0, pipe(fds));
	ASSERT_EQ(20, write(fds[1], "01234567890123456789", 20));
	sqe = sqe_rw(IORING_OP_READV, fds[0], at_end(self->end, &iov, sizeof(iov)), 1);
	sqe.flags = IOSQE_BUFFER_SELECT;
	sqe.buf_group = 3;
	ASSERT_TRUE(queue(&self->ring, 1, variant->flags, sqe));
	SUBMIT(1);
	ASSERT_EQ(0, ring_wait(&self->ring, &cqe));
	EXPECT_EQ(7, cqe.res);
	EXPECT_TRUE(!!(cqe.flags & IORING_CQE_F_BUFFER));
	EXPECT_EQ(0, memcmp(self->data + 64 * (cqe.flags >> 16), "0123456", 7));

	/* Programs of 64 bits are not told of this */
	iov.iov_len = -20;
	sqe.addr = (uintptr_t)at_end(self->end, &iov, sizeof(iov));
	EXPECT_EQ(-EINVAL, RUN(sqe));
	close(fds[0]);
	close(fds[1]);
}

TEST_F(compat, timeouts)
{
	struct __kernel_timespec ts = ts_ms(20);
	long start = now_ms();

	EXPECT_EQ(-ETIME, RUN(sqe_timeout(&ts, 0, 0)));
	EXPECT_LE(19, now_ms() - start);
	/* Of a 32-bit time only half counts. */
	ts = (struct __kernel_timespec) { .tv_nsec = 0x7ffffff00000001LL };
	EXPECT_EQ(-ETIME, RUN(sqe_timeout(&ts, 0, 0)));
	ts.tv_sec = -1;
	EXPECT_EQ(-EINVAL, RUN(sqe_timeout(&ts, 0, 0)));
}

/* The siginfo is that of waitid(2). */
TEST_F(compat, children)
{
	siginfo_t *info, want, got;
	struct io_uring_sqe sqe;
	unsigned int i;
	pid_t pid;

	for (i = 0; i < 2; i++) {
		pid = fork();
		ASSERT_LE(0, pid);
		if (!pid) {
			if (i)
				pause();
			_exit(37);
		}
		if (i)
			kill(pid, SIGUSR1);
		memset(&want, 0, sizeof(want));
		ASSERT_EQ(0, waitid(P_PID, pid, &want, WEXITED | WNOWAIT));
		memset(&got, 0, sizeof(got));
		info = at_end(self->end, &got, sizeof(got));
		sqe = (struct io_uring_sqe) {
			.opcode = IORING_OP_WAITID,
			.fd = pid,
			.len = P_PID,
			.file_index = WEXITED,
			.addr2 = (uintptr_t)info,
		};
		EXPECT_EQ(0, RUN(sqe));
		EXPECT_EQ(pid, info->si_pid);
		EXPECT_EQ(want.si_uid, info->si_uid);
		EXPECT_EQ(SIGCHLD, info->si_signo);
		EXPECT_EQ(want.si_code, info->si_code);
		EXPECT_EQ(want.si_status, info->si_status);
		EXPECT_EQ(i ? SIGUSR1 : 37, info->si_status);
		EXPECT_EQ(-ECHILD, RUN(sqe));
	}
}

/* A mask is made of longs of 32 bits. */
TEST_F(compat, workers_cpus)
{
	unsigned long *mask = (void *)(self->end - sizeof(long));
	struct ring *r = &self->ring;
	cpu_set_t got;

	*mask = 1;
	ASSERT_EQ(0, sys_register(r->fd, IORING_REGISTER_IOWQ_AFF, mask, sizeof(*mask)));
	ASSERT_EQ(0, ring_run(r, IOSQE_ASYNC, sqe_nop()));
	ASSERT_EQ(0, worker_cpus(&got));
	EXPECT_EQ(1, CPU_COUNT(&got));
	EXPECT_TRUE(CPU_ISSET(0, &got));
	*mask = 1ul << sysconf(_SC_NPROCESSORS_CONF) % 32;
	EXPECT_EQ(-EINVAL, sys_register(r->fd, IORING_REGISTER_IOWQ_AFF, mask, sizeof(*mask)));
	EXPECT_EQ(0, sys_register(r->fd, IORING_UNREGISTER_IOWQ_AFF, NULL, 0));
}

static int nr_signals;	/* by the handler; read after system calls */

static void count_signal(int sig)
{
	nr_signals++;
}

/* The signal is blocked, and comes while enter() waits with a mask that lets it in. */
TEST_F(compat, sigmask)
{
	struct io_uring_getevents_arg arg = { .sigmask_sz = 8 };
	struct sigaction sa = { .sa_handler = count_signal };
	struct __kernel_timespec ts = ts_ms(WAIT_MS);
	struct ring *r = &self->ring;
	unsigned int *none = (void *)(self->end - 8);
	sigset_t usr1;

	memset(none, 0, 8);
	sigaction(SIGUSR1, &sa, NULL);
	sigemptyset(&usr1);
	sigaddset(&usr1, SIGUSR1);
	sigprocmask(SIG_BLOCK, &usr1, NULL);
	kill(getpid(), SIGUSR1);
	EXPECT_EQ(-EINTR, sys_enter(r->fd, 0, 1, IORING_ENTER_GETEVENTS, none, 8));
	EXPECT_EQ(1, nr_signals);
	kill(getpid(), SIGUSR1);
	arg.sigmask = (uintptr_t)none;
	arg.ts = (uintptr_t)&ts;
	EXPECT_EQ(-EINTR, sys_enter(r->fd, 0, 1, IORING_ENTER_GETEVENTS | IORING_ENTER_EXT_ARG,
				    &arg, sizeof(arg)));
	EXPECT_EQ(2, nr_signals);
	EXPECT_EQ(-EINVAL, sys_enter(r->fd, 0, 1, IORING_ENTER_GETEVENTS, none, 4));
	/* A mask that blocks it */
	kill(getpid(), SIGUSR1);
	none[0] = 1u << (SIGUSR1 - 1);
	ts = ts_ms(QUIET_MS);
	EXPECT_EQ(-ETIME, sys_enter(r->fd, 0, 1, IORING_ENTER_GETEVENTS | IORING_ENTER_EXT_ARG,
				    &arg, sizeof(arg)));
	EXPECT_EQ(2, nr_signals);
}

/* A time in a socket option has two longs. */
TEST_F(compat, socket_options)
{
	struct { int sec, usec; } tv = { 5, 0 }, got = { 0, 0 };
	struct io_uring_sqe sqe = {
		.opcode = IORING_OP_URING_CMD,
		.cmd_op = SOCKET_URING_OP_SETSOCKOPT,
		.level = SOL_SOCKET,
		.optname = 20,	/* SO_RCVTIMEO_OLD */
		.optlen = sizeof(tv),
		.optval = (uintptr_t)&tv,
	};
	int pair[2];

	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	sqe.fd = pair[0];
	EXPECT_EQ(0, RUN(sqe));
	sqe.cmd_op = SOCKET_URING_OP_GETSOCKOPT;
	sqe.optval = (uintptr_t)at_end(self->end, &got, sizeof(got));
	EXPECT_EQ(8, RUN(sqe));
	memcpy(&got, self->end - sizeof(got), sizeof(got));
	EXPECT_EQ(5, got.sec);
	close(pair[0]);
	close(pair[1]);
}

TEST_HARNESS_MAIN
