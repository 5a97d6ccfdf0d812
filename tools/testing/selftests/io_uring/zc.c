// SPDX-License-Identifier: GPL-2.0
/*
 * Zero-copy sends: SEND_ZC and SENDMSG_ZC. And commands to sockets.
 */
#include "net_test.h"

#include <sys/resource.h>

#include "../kselftest_harness.h"

#define DEFER (IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN)

FIXTURE(zc)
{
	struct ring ring;
	int fd[2];
};

FIXTURE_VARIANT(zc)
{
	unsigned int setup;
	__u8 opcode;
	__u8 sqe_flags;
	__u16 ioprio;
};

FIXTURE_VARIANT_ADD(zc, send) {
	.opcode = IORING_OP_SEND_ZC,
};

FIXTURE_VARIANT_ADD(zc, sendmsg) {
	.opcode = IORING_OP_SENDMSG_ZC,
};

FIXTURE_VARIANT_ADD(zc, async) {
	.opcode = IORING_OP_SEND_ZC,
	.sqe_flags = IOSQE_ASYNC,
};

FIXTURE_VARIANT_ADD(zc, poll_first) {
	.opcode = IORING_OP_SEND_ZC,
	.ioprio = IORING_RECVSEND_POLL_FIRST,
};

FIXTURE_VARIANT_ADD(zc, defer) {
	.setup = DEFER,
	.opcode = IORING_OP_SEND_ZC,
};

FIXTURE_VARIANT_ADD(zc, defer_sendmsg) {
	.setup = DEFER,
	.opcode = IORING_OP_SENDMSG_ZC,
};

FIXTURE_SETUP(zc)
{
	self->fd[0] = -1;
	self->fd[1] = -1;
	ASSERT_EQ(0, ring_open(&self->ring, 64, variant->setup));
}

FIXTURE_TEARDOWN(zc)
{
	ring_close(&self->ring);
	close_pair(self->fd);
}

/* Queue a send of either kind. What it points to must live until it is submitted. */
static struct io_uring_sqe *prep_zc(struct ring *r,
				    const struct _fixture_variant_zc *variant, int fd,
				    void *buf, size_t len)
{
	static struct msghdr msg;
	static struct iovec iov;
	struct io_uring_sqe *sqe;

	if (variant->opcode == IORING_OP_SENDMSG_ZC) {
		iov = (struct iovec){ buf, len };
		memset(&msg, 0, sizeof(msg));
		msg.msg_iov = &iov;
		msg.msg_iovlen = 1;
		sqe = prep(r, variant->opcode, fd, &msg, 1, 0);
	} else {
		sqe = prep(r, variant->opcode, fd, buf, len, 0);
	}
	sqe->flags = variant->sqe_flags;
	sqe->ioprio = variant->ioprio;
	sqe->user_data = 17;
	return sqe;
}

/* The result comes first, once, and then the notification, once. */
TEST_F(zc, two_cqes_in_order)
{
	const size_t size = 100000;
	char *out = pages(size), *in = pages(size);
	struct io_uring_cqe cqe;
	int kind;

	for (kind = 0; kind < SOCK_KINDS; kind++) {
		size_t len = sock_is_dgram(kind) ? 1000 : 30000;

		if (sock_domain(kind) == AF_UNIX)
			continue;
		TH_LOG("%s", sock_names[kind]);
		fill_pattern(out, len, kind);
		ASSERT_EQ(0, sock_pair(kind, self->fd));
		prep_zc(&self->ring, variant, self->fd[0], out, len)->msg_flags = MSG_WAITALL;
		ASSERT_EQ(1, ring_submit(&self->ring));
		ASSERT_EQ(len, sock_read_all(self->fd[1], in, len));
		EXPECT_TRUE(has_pattern(in, len, kind));
		ASSERT_EQ(0, ring_wait(&self->ring, &cqe));
		EXPECT_EQ((int)len, cqe.res);
		EXPECT_EQ(IORING_CQE_F_MORE, cqe.flags);
		ASSERT_EQ(0, ring_wait(&self->ring, &cqe));
		EXPECT_EQ(17ull, (unsigned long long)cqe.user_data);
		EXPECT_EQ(0, cqe.res);
		EXPECT_EQ(IORING_CQE_F_NOTIF, cqe.flags);
		close_pair(self->fd);
		EXPECT_EQ(-ETIME, ring_wait_ms(&self->ring, &cqe, 20));
	}
}

/* Submit and wait for two CQEs, in one call: has it come to that in time? */
static bool both_come(struct ring *r)
{
	struct __kernel_timespec ts = { .tv_sec = WAIT_MS / 1000 };
	struct io_uring_getevents_arg arg = { .ts = (uintptr_t)&ts };
	long start = now_ms();
	struct io_uring_cqe cqe;

	sys_enter(r->fd, ring_publish(r), 2, IORING_ENTER_GETEVENTS | IORING_ENTER_EXT_ARG, &arg,
		  sizeof(arg));
	return now_ms() - start < WAIT_MS && ring_reap(r, &cqe) && ring_reap(r, &cqe);
}

/* Who waits for both is woken for the first: without that the second does not come. */
TEST_F(zc, wait_for_both)
{
	struct ring *r = &self->ring;
	char out[100], in[100];
	unsigned int i;

	memset(out, 'x', sizeof(out));
	ASSERT_EQ(0, sock_pair(SOCK_TCP4, self->fd));
	for (i = 0; i < 10; i++) {
		prep_zc(r, variant, self->fd[0], out, sizeof(out))->flags |= IOSQE_ASYNC;
		ASSERT_TRUE(both_come(r));
		ASSERT_EQ(sizeof(in), sock_read_all(self->fd[1], in, sizeof(in)));
	}
}

/* The same when it had to wait for room. */
TEST_F(zc, wait_for_both_when_there_is_room)
{
	struct ring *r = &self->ring;
	char out[100], in[4096];
	ssize_t nr;
	pid_t pid;

	memset(out, 'x', sizeof(out));
	ASSERT_EQ(0, sock_pair(SOCK_TCP4, self->fd));
	sock_fill(self->fd[0]);
	pid = fork();
	if (!pid) {
		close(self->fd[0]);
		if (!wait_in_enter(getppid(), getppid()))
			_exit(1);
		/* Until the other side is closed */
		do {
			nr = read(self->fd[1], in, sizeof(in));
		} while (nr > 0);
		_exit(0);
	}
	prep_zc(r, variant, self->fd[0], out, sizeof(out));
	EXPECT_TRUE(both_come(r));
	close_pair(self->fd);
	EXPECT_EQ(0, reap(pid, WAIT_MS));
}

/*
 * Sends that wait for others, with IO_DRAIN and behind it: their notifications
 * are not waited for.
 */
TEST_F(zc, drain)
{
	const __u64 order[] = { 1, 2, 17, 17, 3, 17, 17, 4 };
	struct io_uring_sqe *sqe;
	struct ring *r = &self->ring;
	struct io_uring_cqe cqe;
	char out[2] = "ab", in[2], c = 0;
	unsigned int i;
	int p[2];

	ASSERT_EQ(0, pipe(p));
	ASSERT_EQ(0, sock_pair(SOCK_TCP4, self->fd));
	prep(r, IORING_OP_READ, p[0], &c, 1, 0)->user_data = 1;
	sqe = prep(r, IORING_OP_NOP, -1, NULL, 0, 0);
	sqe->flags = IOSQE_IO_DRAIN;
	sqe->user_data = 2;
	ASSERT_EQ(2, ring_submit(r));
	for (i = 0; i < 2; i++) {
		sqe = prep_zc(r, variant, self->fd[0], out + i, 1);
		sqe->flags |= i ? 0 : IOSQE_IO_DRAIN;
		ASSERT_EQ(1, ring_submit(r));
		sqe = prep(r, IORING_OP_NOP, -1, NULL, 0, 0);
		sqe->flags = IOSQE_IO_DRAIN;
		sqe->user_data = 3 + i;
		ASSERT_EQ(1, ring_submit(r));
	}
	EXPECT_EQ(-ETIME, ring_wait_ms(r, &cqe, 50));
	ASSERT_EQ(1, write(p[1], &c, 1));
	for (i = 0; i < ARRAY_LEN(order); i++) {
		ASSERT_EQ(0, ring_wait(r, &cqe)) {
			TH_LOG("CQE %u did not come", i);
		}
		EXPECT_EQ(order[i], cqe.user_data);
		/* The data is used until it is read */
		if (cqe.flags & IORING_CQE_F_MORE)
			ASSERT_EQ(1ul, sock_read_all(self->fd[1], in, 1));
	}
	close(p[0]);
	close(p[1]);
}

/* Over loopback data is copied, and the notification says so. */
TEST_F(zc, report_usage)
{
	struct io_uring_cqe cqe;
	char *buf = pages(4096);

	ASSERT_EQ(0, sock_pair(SOCK_TCP4, self->fd));
	prep_zc(&self->ring, variant, self->fd[0], buf, 4096)->ioprio |=
		IORING_SEND_ZC_REPORT_USAGE;
	ASSERT_EQ(1, ring_submit(&self->ring));
	ASSERT_EQ(4096ul, sock_read_all(self->fd[1], buf, 4096));
	ASSERT_EQ(0, ring_wait(&self->ring, &cqe));
	EXPECT_EQ(4096, cqe.res);
	ASSERT_EQ(0, ring_wait(&self->ring, &cqe));
	EXPECT_EQ(IORING_CQE_F_NOTIF, cqe.flags);
	EXPECT_EQ(IORING_NOTIF_USAGE_ZC_COPIED, (unsigned int)cqe.res);
}

/*
 * What is to be sent cannot be: the batch ends. (On the untouched 6.12 there is a
 * notification, too.) Return: 0 or what is wrong
 */
static int is_refused(struct ring *r)
{
	struct io_uring_cqe cqe;

	if (!prep_nop(r, 99) || ring_submit(r) != 1)
		return 1;
	if (ring_wait(r, &cqe) || cqe.res != -EFAULT)
		return 2;
	if (ring_submit(r) != 1)
		return 3;
	while (!ring_wait(r, &cqe))
		if (cqe.user_data == 99)
			return 0;
	return 4;
}

/* Memory of the kernel, and slots of a table that is not there or too small. */
TEST_F(zc, nothing_to_send)
{
	char *buf = pages(4096), *beyond = (char *)0xffff800000000000;
	struct iovec iov = { buf, 4096 };
	struct io_uring_sqe *sqe;
	int i;

	if (variant->opcode != IORING_OP_SEND_ZC)
		SKIP(return, "SEND_ZC only");
	ASSERT_EQ(0, sock_pair(SOCK_TCP4, self->fd));
	prep_zc(&self->ring, variant, self->fd[0], beyond, 100);
	EXPECT_EQ(0, is_refused(&self->ring));
	for (i = 0; i < 2; i++) {
		/* Before the file is looked at */
		sqe = prep_zc(&self->ring, variant, -1, buf, 100);
		sqe->ioprio |= IORING_RECVSEND_FIXED_BUF;
		sqe->buf_index = i;
		EXPECT_EQ(0, is_refused(&self->ring));
		if (!i)
			ASSERT_EQ(0, sys_register(self->ring.fd, IORING_REGISTER_BUFFERS, &iov, 1));
	}
}

/* From a registered buffer, and only from there. */
TEST_F(zc, fixed_buffer)
{
	struct iovec none = { NULL, 0 };
	char *buf = pages(65536), *in = pages(65536);
	struct iovec iov = { buf, 65536 };
	struct io_uring_sqe *sqe;
	struct io_uring_cqe cqe;
	int i;

	if (variant->opcode != IORING_OP_SEND_ZC)
		SKIP(return, "SEND_ZC only");
	ASSERT_EQ(0, sys_register(self->ring.fd, IORING_REGISTER_BUFFERS, &iov, 1));
	ASSERT_EQ(0, sock_pair(SOCK_TCP4, self->fd));
	fill_pattern(buf, 65536, 9);
	sqe = prep_zc(&self->ring, variant, self->fd[0], buf + 100, 30000);
	sqe->ioprio |= IORING_RECVSEND_FIXED_BUF;
	sqe->msg_flags = MSG_WAITALL;
	ASSERT_EQ(1, ring_submit(&self->ring));
	/* It may be unregistered meanwhile */
	EXPECT_EQ(0, sys_register(self->ring.fd, IORING_UNREGISTER_BUFFERS, NULL, 0));
	ASSERT_EQ(30000ul, sock_read_all(self->fd[1], in, 30000));
	EXPECT_EQ(0, memcmp(in, buf + 100, 30000));
	ASSERT_EQ(0, ring_wait(&self->ring, &cqe));
	EXPECT_EQ(30000, cqe.res);
	ASSERT_EQ(0, ring_wait(&self->ring, &cqe));
	EXPECT_EQ(IORING_CQE_F_NOTIF, cqe.flags);

	/* An empty slot: that is found out by the attempt. And a buffer that is too small */
	ASSERT_EQ(0, sys_register(self->ring.fd, IORING_REGISTER_BUFFERS, &none, 1));
	sqe = prep_zc(&self->ring, variant, self->fd[0], buf, 100);
	sqe->ioprio |= IORING_RECVSEND_FIXED_BUF;
	prep_nop(&self->ring, 99);
	EXPECT_EQ(2, ring_submit(&self->ring));
	for (i = 0; i < 3; i++) {
		ASSERT_EQ(0, ring_wait(&self->ring, &cqe));
		EXPECT_EQ(cqe.user_data == 99 || (cqe.flags & IORING_CQE_F_NOTIF) ? 0 : -EFAULT,
			  cqe.res);
	}
	ASSERT_EQ(0, sys_register(self->ring.fd, IORING_UNREGISTER_BUFFERS, NULL, 0));
	ASSERT_EQ(0, sys_register(self->ring.fd, IORING_REGISTER_BUFFERS, &iov, 1));
	sqe = prep_zc(&self->ring, variant, self->fd[0], buf + 65000, 1000);
	sqe->ioprio |= IORING_RECVSEND_FIXED_BUF;
	EXPECT_EQ(-EFAULT, ring_result(&self->ring));
}

/* Who made the ring pays for the memory, not who submits. Return: 0 or what is wrong */
static int child_sends(const struct _fixture_variant_zc *variant, bool late)
{
	const size_t size = 1 << 18;
	struct rlimit limit = { 65536, 65536 };
	struct io_uring_cqe cqe;
	char *buf = pages(size);
	struct ring r;
	int fd[2];

	if (sock_pair(SOCK_TCP4, fd))
		return 1;
	if (!late && ring_open(&r, 8, variant->setup))
		return 2;
	if (setrlimit(RLIMIT_MEMLOCK, &limit) || setresuid(65534, 65534, 65534))
		return 3;
	if (late && ring_open(&r, 8, variant->setup))
		return 4;
	prep_zc(&r, variant, fd[0], buf, size);
	if (ring_submit(&r) != 1 || ring_wait(&r, &cqe))
		return 5;
	return late ? cqe.res != -ENOMEM : cqe.res <= 0;
}

TEST_F(zc, memlock)
{
	int late;

	if (geteuid())
		SKIP(return, "needs to be root");
	for (late = 0; late < 2; late++) {
		pid_t pid = fork();

		if (!pid)
			_exit(child_sends(variant, late));
		EXPECT_EQ(0, reap(pid, WAIT_MS)) {
			TH_LOG("the ring was made %s privileges were dropped",
			       late ? "after" : "before");
		}
	}
}

/* Many at once: each has its two CQEs. */
TEST_F(zc, many)
{
	enum { NR = 32 };
	int results[NR] = { 0 }, notifs[NR] = { 0 };
	struct io_uring_cqe cqe;
	char *buf = pages(4096);
	int i;

	ASSERT_EQ(0, sock_pair(SOCK_TCP4, self->fd));
	for (i = 0; i < NR; i++) {
		prep_zc(&self->ring, variant, self->fd[0], buf, 1000)->user_data = i;
		ASSERT_EQ(1, ring_submit(&self->ring));
	}
	ASSERT_EQ(NR * 1000ul, sock_read_all(self->fd[1], pages(NR * 1000), NR * 1000));
	for (i = 0; i < 2 * NR; i++) {
		ASSERT_EQ(0, ring_wait(&self->ring, &cqe));
		ASSERT_GT(NR, (int)cqe.user_data);
		if (cqe.flags & IORING_CQE_F_NOTIF) {
			EXPECT_EQ(1, results[cqe.user_data]);
			notifs[cqe.user_data]++;
		} else {
			EXPECT_EQ(1000, cqe.res);
			results[cqe.user_data]++;
		}
	}
	for (i = 0; i < NR; i++) {
		EXPECT_EQ(1, results[i]);
		EXPECT_EQ(1, notifs[i]);
	}
}

/* An error: with F_MORE there is a notification, without there is none. */
TEST_F(zc, errors)
{
	struct io_uring_cqe cqe;
	char buf[64];
	int i, file = tmp_file(NULL, 0), fds[4];

	ASSERT_EQ(0, sock_pair(SOCK_UNIX_STREAM, self->fd));
	fds[0] = file;
	fds[1] = 9999;
	fds[2] = self->fd[0];
	fds[3] = socket(AF_INET, SOCK_STREAM, 0);
	for (i = 0; i < 4; i++) {
		static const int errors[] = { -ENOTSOCK, -EBADF, -EOPNOTSUPP, -EPIPE };

		prep_zc(&self->ring, variant, fds[i], buf, sizeof(buf));
		ASSERT_EQ(1, ring_submit(&self->ring));
		ASSERT_EQ(0, ring_wait(&self->ring, &cqe));
		EXPECT_EQ(errors[i], cqe.res);
		if (!(cqe.flags & IORING_CQE_F_MORE))
			continue;
		ASSERT_EQ(0, ring_wait(&self->ring, &cqe));
		EXPECT_EQ(IORING_CQE_F_NOTIF, cqe.flags);
	}
	EXPECT_EQ(-ETIME, ring_wait_ms(&self->ring, &cqe, 20));
	close(file);
	close(fds[3]);
}

/* Whether the socket can do it is asked before it is waited for. */
TEST_F(zc, support_before_readiness)
{
	static const int msg_flags[] = { 0, MSG_DONTWAIT };
	struct io_uring_cqe cqe;
	char buf[64];
	int i;

	ASSERT_EQ(0, sock_pair(SOCK_UNIX_STREAM, self->fd));
	while (send(self->fd[0], buf, sizeof(buf), MSG_DONTWAIT) > 0)
		;
	for (i = 0; i < 2; i++) {
		struct io_uring_sqe *sqe = prep_zc(&self->ring, variant, self->fd[0], buf,
						   sizeof(buf));

		sqe->ioprio |= IORING_RECVSEND_POLL_FIRST;
		sqe->msg_flags = msg_flags[i];
		ASSERT_EQ(1, ring_submit(&self->ring));
		ASSERT_EQ(0, ring_wait(&self->ring, &cqe));
		EXPECT_EQ(-EOPNOTSUPP, cqe.res);
		if (cqe.flags & IORING_CQE_F_MORE)
			ASSERT_EQ(0, ring_wait(&self->ring, &cqe));
	}
}

/* A notification that no CQE has announced does not come. */
TEST_F(zc, behind_a_failure)
{
	struct ring *r = &self->ring;
	struct io_uring_cqe cqe;
	char buf[64];
	int skip, report;

	if (untouched())
		SKIP(return, "this kernel announces some notifications and posts all of them");
	ASSERT_EQ(0, sock_pair(SOCK_TCP4, self->fd));
	for (skip = 0; skip < 2; skip++) {
		for (report = 0; report < 2; report++) {
			prep(r, IORING_OP_READ, -1, buf, 1, 0)->flags = IOSQE_IO_LINK |
				(skip ? IOSQE_CQE_SKIP_SUCCESS : 0);
			prep_zc(r, variant, self->fd[0], buf, sizeof(buf))->ioprio |=
				report ? IORING_SEND_ZC_REPORT_USAGE : 0;
			ASSERT_EQ(2, ring_submit(r));
			ASSERT_EQ(0, ring_wait(r, &cqe));
			EXPECT_EQ(-EBADF, cqe.res);
			if (!skip) {
				ASSERT_EQ(0, ring_wait(r, &cqe));
				EXPECT_EQ(-ECANCELED, cqe.res);
				EXPECT_EQ(IORING_CQE_F_MORE, cqe.flags);
				ASSERT_EQ(0, ring_wait(r, &cqe));
				EXPECT_EQ(IORING_CQE_F_NOTIF, cqe.flags);
			}
			EXPECT_EQ(-ETIME, ring_wait_ms(r, &cqe, 20)) {
				TH_LOG("skip %d report %d: flags %x", skip, report, cqe.flags);
			}
		}
	}
	EXPECT_TRUE(ring_works(r));
}

/* Submit what is refused. Return: its result; if it has a notification, that is taken, too */
static int refused(struct ring *r)
{
	struct io_uring_cqe cqe, notif;

	if (ring_submit(r) != 1 || ring_wait(r, &cqe))
		return -EPROTO;
	if ((cqe.flags & IORING_CQE_F_MORE) && ring_wait(r, &notif))
		return -EPROTO;
	return cqe.res;
}

TEST_F(zc, prep_rules)
{
	struct io_uring_sqe *sqe;
	char buf[8];

	sqe = prep_zc(&self->ring, variant, 0, buf, 8);
	sqe->ioprio |= 1 << 7;
	EXPECT_EQ(-EINVAL, refused(&self->ring));
	sqe = prep_zc(&self->ring, variant, 0, buf, 8);
	sqe->__pad2[0] = 1;
	EXPECT_EQ(-EINVAL, refused(&self->ring));
	sqe = prep_zc(&self->ring, variant, 0, buf, 8);
	sqe->addr3 = 1;
	EXPECT_EQ(-EINVAL, refused(&self->ring));
	sqe = prep_zc(&self->ring, variant, 0, buf, 8);
	sqe->flags |= IOSQE_CQE_SKIP_SUCCESS;
	EXPECT_EQ(-EINVAL, refused(&self->ring));
	sqe = prep_zc(&self->ring, variant, 0, buf, 8);
	if (variant->opcode == IORING_OP_SEND_ZC)
		sqe->__pad3 = 1;
	else
		sqe->addr2 = 1;
	EXPECT_EQ(-EINVAL, refused(&self->ring));
}

/* The ring is closed while skbs still refer to memory. */
TEST_F(zc, ring_closed)
{
	char *buf = pages(1 << 20);
	int i;

	ASSERT_EQ(0, sock_pair(SOCK_TCP4, self->fd));
	for (i = 0; i < 8; i++)
		prep_zc(&self->ring, variant, self->fd[0], buf, 1 << 20)->msg_flags = MSG_WAITALL;
	ring_submit(&self->ring);
	ring_close(&self->ring);
	close_pair(self->fd);
	EXPECT_TRUE(fresh_ring_works());
}

static int sock_cmd(struct ring *r, int fd, int op, int level, int name, void *val, int len)
{
	struct io_uring_sqe *sqe = prep(r, IORING_OP_URING_CMD, fd, NULL, 0, 0);

	sqe->cmd_op = op;
	sqe->level = level;
	sqe->optname = name;
	sqe->optval = (uintptr_t)val;
	sqe->optlen = len;
	return ring_result(r);
}

TEST(socket_commands)
{
	int fd[2], val, one = 1;
	socklen_t len = sizeof(val);
	struct ring r;

	ASSERT_EQ(0, ring_open(&r, 8, 0));
	ASSERT_EQ(0, sock_pair(SOCK_TCP4, fd));
	EXPECT_EQ(0, sock_cmd(&r, fd[1], SOCKET_URING_OP_SIOCINQ, 0, 0, NULL, 0));
	ASSERT_EQ(5, send(fd[0], "hello", 5, 0));
	EXPECT_EQ(POLLIN, poll_fd(fd[1], POLLIN, WAIT_MS));
	EXPECT_EQ(5, sock_cmd(&r, fd[1], SOCKET_URING_OP_SIOCINQ, 0, 0, NULL, 0));
	EXPECT_LE(0, sock_cmd(&r, fd[0], SOCKET_URING_OP_SIOCOUTQ, 0, 0, NULL, 0));

	EXPECT_EQ(0, sock_cmd(&r, fd[0], SOCKET_URING_OP_SETSOCKOPT, SOL_SOCKET, SO_KEEPALIVE,
			      &one, sizeof(one)));
	val = 0;
	EXPECT_EQ(4, sock_cmd(&r, fd[0], SOCKET_URING_OP_GETSOCKOPT, SOL_SOCKET, SO_KEEPALIVE,
			      &val, sizeof(val)));
	EXPECT_EQ(1, val);
	one = 0;
	EXPECT_EQ(0, sock_cmd(&r, fd[0], SOCKET_URING_OP_SETSOCKOPT, IPPROTO_TCP, TCP_NODELAY,
			      &one, sizeof(one)));
	ASSERT_EQ(0, getsockopt(fd[0], IPPROTO_TCP, TCP_NODELAY, &val, &len));
	EXPECT_EQ(0, val);
	EXPECT_EQ(-EOPNOTSUPP, sock_cmd(&r, fd[0], SOCKET_URING_OP_GETSOCKOPT, IPPROTO_TCP,
					TCP_NODELAY, &val, sizeof(val)));
	EXPECT_EQ(-EFAULT, sock_cmd(&r, fd[0], SOCKET_URING_OP_SETSOCKOPT, SOL_SOCKET,
				    SO_KEEPALIVE, no_access(4096), 4));
	EXPECT_EQ(-EOPNOTSUPP, sock_cmd(&r, fd[0], 99, 0, 0, NULL, 0));
	close_pair(fd);
	ring_close(&r);
}

TEST_HARNESS_MAIN
