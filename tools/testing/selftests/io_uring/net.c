// SPDX-License-Identifier: GPL-2.0
/*
 * Sockets, one operation at a time: SOCKET, BIND, LISTEN, CONNECT, ACCEPT,
 * SHUTDOWN, SEND, RECV, SENDMSG, RECVMSG.
 */
#include "net_test.h"

#include <linux/errqueue.h>
#include <sys/epoll.h>
#include <sys/resource.h>

#include "../kselftest_harness.h"

#define DEFER (IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN)

FIXTURE(net)
{
	struct ring ring;
	int fd[2];
};

FIXTURE_VARIANT(net)
{
	unsigned int setup;
	__u8 sqe_flags;
	__u16 ioprio;	/* of sends and receives */
};

FIXTURE_VARIANT_ADD(net, plain) {
	.setup = 0,
};

FIXTURE_VARIANT_ADD(net, async) {
	.sqe_flags = IOSQE_ASYNC,
};

FIXTURE_VARIANT_ADD(net, poll_first) {
	.ioprio = IORING_RECVSEND_POLL_FIRST,
};

FIXTURE_VARIANT_ADD(net, coop) {
	.setup = IORING_SETUP_COOP_TASKRUN,
};

FIXTURE_VARIANT_ADD(net, defer) {
	.setup = DEFER,
};

FIXTURE_VARIANT_ADD(net, defer_async) {
	.setup = DEFER,
	.sqe_flags = IOSQE_ASYNC,
};

FIXTURE_SETUP(net)
{
	self->fd[0] = -1;
	self->fd[1] = -1;
	ASSERT_EQ(0, ring_open(&self->ring, 16, variant->setup));
}

FIXTURE_TEARDOWN(net)
{
	ring_close(&self->ring);
	close_pair(self->fd);
}

static struct io_uring_sqe *prep_xfer(struct ring *r, const struct _fixture_variant_net *variant,
				      int opcode, int fd, const void *addr, unsigned int len,
				      unsigned int msg_flags)
{
	struct io_uring_sqe *sqe = prep(r, opcode, fd, addr, len, 0);

	sqe->flags = variant->sqe_flags;
	sqe->ioprio = variant->ioprio;
	sqe->msg_flags = msg_flags;
	sqe->user_data = opcode;
	return sqe;
}

/* Wait for the CQE of a request: its res, or NO_RESULT. */
static int result_of(struct ring *r, __u64 user_data)
{
	struct io_uring_cqe cqe;

	if (ring_wait(r, &cqe) || cqe.user_data != user_data)
		return NO_RESULT;
	return cqe.res;
}

/* There is no CQE, and none comes for a while. */
static bool stays_quiet(struct ring *r)
{
	struct io_uring_cqe cqe;

	return ring_wait_ms(r, &cqe, 30) == -ETIME;
}

TEST_F(net, send_and_recv)
{
	char out[256], in[256];
	int kind;

	for (kind = 0; kind < SOCK_KINDS; kind++) {
		TH_LOG("%s", sock_names[kind]);
		ASSERT_EQ(0, sock_pair(kind, self->fd));
		fill_pattern(out, sizeof(out), kind);
		memset(in, 0, sizeof(in));
		prep_xfer(&self->ring, variant, IORING_OP_SEND, self->fd[0], out, sizeof(out), 0);
		EXPECT_EQ((int)sizeof(out), ring_result(&self->ring));
		prep_xfer(&self->ring, variant, IORING_OP_RECV, self->fd[1], in, sizeof(in), 0);
		EXPECT_EQ((int)sizeof(in), ring_result(&self->ring));
		EXPECT_TRUE(has_pattern(in, sizeof(in), kind));
		close_pair(self->fd);
	}
}

/* A receive that waits; also on a socket with O_NONBLOCK. */
TEST_F(net, recv_waits)
{
	char in[64];
	int kind;

	for (kind = 0; kind < SOCK_KINDS; kind++) {
		TH_LOG("%s", sock_names[kind]);
		ASSERT_EQ(0, sock_pair(kind, self->fd));
		if (kind & 1)
			fcntl(self->fd[1], F_SETFL, O_NONBLOCK);
		prep_xfer(&self->ring, variant, IORING_OP_RECV, self->fd[1], in, sizeof(in), 0);
		ASSERT_EQ(1, ring_submit(&self->ring));
		EXPECT_TRUE(stays_quiet(&self->ring));
		ASSERT_EQ(5, send(self->fd[0], "hello", 5, 0));
		EXPECT_EQ(5, result_of(&self->ring, IORING_OP_RECV));
		EXPECT_EQ(0, memcmp(in, "hello", 5));
		close_pair(self->fd);
	}
}

TEST_F(net, send_waits)
{
	static char buf[1 << 20];
	struct io_uring_cqe cqe;
	int kind;

	for (kind = 0; kind <= SOCK_UNIX_STREAM; kind++) {
		TH_LOG("%s", sock_names[kind]);
		ASSERT_EQ(0, sock_pair(kind, self->fd));
		sock_fill(self->fd[0]);
		prep_xfer(&self->ring, variant, IORING_OP_SEND, self->fd[0], "x", 1, 0);
		ASSERT_EQ(1, ring_submit(&self->ring));
		EXPECT_TRUE(stays_quiet(&self->ring));
		do {
			ASSERT_LT(0, recv(self->fd[1], buf, sizeof(buf), 0));
		} while (ring_wait_ms(&self->ring, &cqe, 10));
		EXPECT_EQ(1, cqe.res);
		close_pair(self->fd);
	}
}

TEST_F(net, dontwait)
{
	char in[8];

	if (variant->ioprio)
		SKIP(return, "waits for readiness by itself");
	ASSERT_EQ(0, sock_pair(SOCK_TCP4, self->fd));
	prep_xfer(&self->ring, variant, IORING_OP_RECV, self->fd[1], in, sizeof(in), MSG_DONTWAIT);
	EXPECT_EQ(-EAGAIN, ring_result(&self->ring));
	sock_fill(self->fd[0]);
	prep_xfer(&self->ring, variant, IORING_OP_SEND, self->fd[0], "x", 1, MSG_DONTWAIT);
	EXPECT_EQ(-EAGAIN, ring_result(&self->ring));
}

/* Who does not want to wait does not, even if there was no attempt. */
TEST_F(net, dontwait_poll_first)
{
	static const int ops[] = {
		IORING_OP_RECV, IORING_OP_RECVMSG, IORING_OP_SEND, IORING_OP_SENDMSG,
	};
	struct iovec iov;
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	unsigned int i;
	char buf[8];

	iov = (struct iovec){ buf, sizeof(buf) };
	ASSERT_EQ(0, sock_pair(SOCK_TCP4, self->fd));
	sock_fill(self->fd[0]);
	for (i = 0; i < ARRAY_LEN(ops); i++) {
		bool is_msg = i & 1;

		prep_xfer(&self->ring, variant, ops[i], self->fd[0],
			  is_msg ? (void *)&msg : buf, is_msg ? 1 : sizeof(buf),
			  MSG_DONTWAIT)->ioprio = IORING_RECVSEND_POLL_FIRST;
		EXPECT_EQ(-EAGAIN, ring_result(&self->ring)) {
			TH_LOG("opcode %d", ops[i]);
		}
	}
}

/* Many small parts: a request that gets on does not give up, with O_NONBLOCK neither. */
TEST_F(net, recv_waitall_many_parts)
{
	static const int ops[] = { IORING_OP_RECV, IORING_OP_RECVMSG };
	enum { PARTS = 300 };
	char out[PARTS], in[PARTS];
	struct iovec iov = { in, PARTS };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	unsigned int i;
	int part, left;

	if (untouched())
		SKIP(return, "this kernel gives up after 128 parts");
	fill_pattern(out, PARTS, 3);
	for (i = 0; i < ARRAY_LEN(ops); i++) {
		ASSERT_EQ(0, sock_pair(SOCK_UNIX_STREAM, self->fd));
		ASSERT_EQ(0, fcntl(self->fd[1], F_SETFL, O_RDWR | O_NONBLOCK));
		memset(in, 0, PARTS);
		prep_xfer(&self->ring, variant, ops[i], self->fd[1], i ? (void *)&msg : in,
			  i ? 1 : PARTS, MSG_WAITALL);
		ASSERT_EQ(1, ring_submit(&self->ring));
		for (part = 0; part < PARTS; part++) {
			ASSERT_EQ(1, send(self->fd[0], out + part, 1, 0));
			do {
				ASSERT_LE(0, ring_flush(&self->ring));
				ASSERT_EQ(0, ioctl(self->fd[1], FIONREAD, &left));
			} while (left && !ring_ready(&self->ring));
		}
		EXPECT_EQ(PARTS, result_of(&self->ring, ops[i]));
		EXPECT_TRUE(has_pattern(in, PARTS, 3));
		close_pair(self->fd);
	}
}

/* A second reader is always faster: who is woken in vain goes on waiting. */
TEST(woken_in_vain)
{
	static const int ops[] = { IORING_OP_RECV, IORING_OP_RECVMSG };
	char in[4], other[4];
	struct iovec iov = { in, sizeof(in) };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct ring r;
	unsigned int i;
	int round, fd[2];

	if (untouched())
		SKIP(return, "this kernel gives up after 128 rounds");
	for (i = 0; i < ARRAY_LEN(ops); i++) {
		/* It does not look before it is entered. */
		ASSERT_EQ(0, ring_open(&r, 4, DEFER));
		ASSERT_EQ(0, sock_pair(SOCK_UNIX_DGRAM, fd));
		ASSERT_EQ(0, fcntl(fd[1], F_SETFL, O_RDWR | O_NONBLOCK));
		prep(&r, ops[i], fd[1], i ? (void *)&msg : in, i ? 1 : sizeof(in), 0);
		ASSERT_EQ(1, ring_submit(&r));
		for (round = 0; round < 300; round++) {
			ASSERT_EQ(1, send(fd[0], "x", 1, 0));
			ASSERT_EQ(1, recv(fd[1], other, sizeof(other), 0));
			ASSERT_LE(0, ring_flush(&r));
			ASSERT_EQ(0u, ring_ready(&r)) {
				TH_LOG("opcode %d gave up in round %d", ops[i], round);
			}
		}
		ASSERT_EQ(3, send(fd[0], "yes", 3, 0));
		EXPECT_EQ(3, result_of(&r, 0));
		close_pair(fd);
		ring_close(&r);
	}
}

/* MSG_WAITALL collects the data of several arrivals. */
TEST_F(net, recv_waitall)
{
	char out[300], in[300];
	int kind, i;

	fill_pattern(out, sizeof(out), 7);
	for (kind = 0; kind <= SOCK_UNIX_STREAM; kind++) {
		TH_LOG("%s", sock_names[kind]);
		ASSERT_EQ(0, sock_pair(kind, self->fd));
		memset(in, 0, sizeof(in));
		prep_xfer(&self->ring, variant, IORING_OP_RECV, self->fd[1], in, sizeof(in),
			  MSG_WAITALL);
		ASSERT_EQ(1, ring_submit(&self->ring));
		for (i = 0; i < 3; i++) {
			EXPECT_TRUE(stays_quiet(&self->ring));
			ASSERT_EQ(100, send(self->fd[0], out + i * 100, 100, 0));
		}
		EXPECT_EQ(300, result_of(&self->ring, IORING_OP_RECV));
		EXPECT_TRUE(has_pattern(in, sizeof(in), 7));
		close_pair(self->fd);
	}
}

/* The end of the stream ends MSG_WAITALL, too; what came counts. */
TEST_F(net, recv_waitall_eof)
{
	char in[300];

	ASSERT_EQ(0, sock_pair(SOCK_TCP4, self->fd));
	prep_xfer(&self->ring, variant, IORING_OP_RECV, self->fd[1], in, sizeof(in), MSG_WAITALL);
	ASSERT_EQ(1, ring_submit(&self->ring));
	ASSERT_EQ(100, send(self->fd[0], in, 100, 0));
	EXPECT_TRUE(stays_quiet(&self->ring));
	shutdown(self->fd[0], SHUT_WR);
	EXPECT_EQ(100, result_of(&self->ring, IORING_OP_RECV));
	prep_xfer(&self->ring, variant, IORING_OP_RECV, self->fd[1], in, sizeof(in), 0);
	EXPECT_EQ(0, ring_result(&self->ring));
}

/* What came before it was cancelled counts, too. */
TEST_F(net, cancelled_after_a_part)
{
	char in[300];
	int op, i;

	for (i = 0; i < 2; i++) {
		struct iovec iov = { in, sizeof(in) };
		struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };

		op = i ? IORING_OP_RECVMSG : IORING_OP_RECV;
		ASSERT_EQ(0, sock_pair(SOCK_TCP4, self->fd));
		prep_xfer(&self->ring, variant, op, self->fd[1], i ? (void *)&msg : in,
			  i ? 1 : sizeof(in), MSG_WAITALL)->flags |= IOSQE_IO_LINK;
		prep_nop(&self->ring, 99);
		ASSERT_EQ(2, ring_submit(&self->ring));
		ASSERT_EQ(100, send(self->fd[0], in, 100, 0));
		EXPECT_TRUE(stays_quiet(&self->ring));
		EXPECT_EQ(0, recv(self->fd[1], in, 1, MSG_DONTWAIT) > 0);
		prep(&self->ring, IORING_OP_ASYNC_CANCEL, 0, (void *)(long)op, 0, 0)->user_data = 1;
		EXPECT_EQ(0, ring_result(&self->ring));
		EXPECT_EQ(100, result_of(&self->ring, op));
		/* It was too little for the link */
		EXPECT_EQ(-ECANCELED, result_of(&self->ring, 99));
		close_pair(self->fd);
	}
}

/* A receive of a message takes one message, MSG_WAITALL or not. */
TEST_F(net, recv_waitall_dgram)
{
	char in[300];

	ASSERT_EQ(0, sock_pair(SOCK_UDP4, self->fd));
	ASSERT_EQ(100, send(self->fd[0], in, 100, 0));
	prep_xfer(&self->ring, variant, IORING_OP_RECV, self->fd[1], in, sizeof(in), MSG_WAITALL);
	EXPECT_EQ(100, ring_result(&self->ring));
}

TEST_F(net, send_waitall)
{
	const size_t size = 8 << 20;
	char *out = pages(size), *in = pages(size);
	struct io_uring_cqe cqe;
	size_t done = 0;
	ssize_t n;

	fill_pattern(out, size, 3);
	ASSERT_EQ(0, sock_pair(SOCK_TCP4, self->fd));
	prep_xfer(&self->ring, variant, IORING_OP_SEND, self->fd[0], out, size, MSG_WAITALL);
	ASSERT_EQ(1, ring_submit(&self->ring));
	while (done < size) {
		/* Deferred work runs only when the ring is entered */
		ring_flush(&self->ring);
		n = recv(self->fd[1], in + done, size - done, MSG_DONTWAIT);
		if (n < 0 && errno == EAGAIN) {
			poll_fd(self->fd[1], POLLIN, 10);
			continue;
		}
		ASSERT_LT(0, n);
		done += n;
	}
	ASSERT_EQ(0, ring_wait(&self->ring, &cqe));
	EXPECT_EQ((int)size, cqe.res);
	EXPECT_TRUE(has_pattern(in, size, 3));
}

TEST_F(net, send_to_address)
{
	struct sockaddr_storage ss;
	struct io_uring_sqe *sqe;
	socklen_t len;
	char in[16];

	self->fd[0] = socket(AF_INET, SOCK_DGRAM, 0);
	self->fd[1] = sock_bound(SOCK_UDP4, &ss, &len);
	ASSERT_LE(0, self->fd[1]);
	sqe = prep_xfer(&self->ring, variant, IORING_OP_SEND, self->fd[0], "abc", 3, 0);
	sqe->addr2 = (uintptr_t)&ss;
	sqe->addr_len = len;
	ASSERT_EQ(1, ring_submit(&self->ring));
	/* The address is copied while submitting */
	memset(&ss, 0xff, sizeof(ss));
	EXPECT_EQ(3, result_of(&self->ring, IORING_OP_SEND));
	EXPECT_EQ(3, recv(self->fd[1], in, sizeof(in), 0));

	sqe = prep_xfer(&self->ring, variant, IORING_OP_SEND, self->fd[0], "abc", 3, 0);
	sqe->addr2 = (uintptr_t)no_access(4096);
	sqe->addr_len = 16;
	EXPECT_EQ(-EFAULT, ring_result(&self->ring));
	sqe = prep_xfer(&self->ring, variant, IORING_OP_SEND, self->fd[0], "abc", 3, 0);
	sqe->addr2 = (uintptr_t)&ss;
	sqe->addr_len = 129;
	EXPECT_EQ(-EINVAL, ring_result(&self->ring));
}

TEST_F(net, sendmsg_and_recvmsg)
{
	char out[100], in[100], control[CMSG_SPACE(sizeof(int))];
	struct sockaddr_storage from;
	struct iovec iov[20];
	struct msghdr msg;
	int kind, i;

	for (kind = 0; kind < SOCK_KINDS; kind++) {
		TH_LOG("%s", sock_names[kind]);
		ASSERT_EQ(0, sock_pair(kind, self->fd));
		fill_pattern(out, sizeof(out), kind);
		for (i = 0; i < 20; i++)
			iov[i] = (struct iovec){ out + i * 5, 5 };
		memset(&msg, 0, sizeof(msg));
		msg.msg_iov = iov;
		msg.msg_iovlen = 20;
		prep_xfer(&self->ring, variant, IORING_OP_SENDMSG, self->fd[0], &msg, 1, 0);
		ASSERT_EQ(1, ring_submit(&self->ring));
		/* Header and array are copied while submitting */
		memset(iov, 0, sizeof(iov));
		memset(&msg, 0, sizeof(msg));
		EXPECT_EQ(100, result_of(&self->ring, IORING_OP_SENDMSG));

		iov[0] = (struct iovec){ in, 30 };
		iov[1] = (struct iovec){ in + 30, 70 };
		msg.msg_iov = iov;
		msg.msg_iovlen = 2;
		msg.msg_name = &from;
		msg.msg_namelen = sizeof(from);
		msg.msg_control = control;
		msg.msg_controllen = sizeof(control);
		msg.msg_flags = ~0;
		prep_xfer(&self->ring, variant, IORING_OP_RECVMSG, self->fd[1], &msg, 1, 0);
		EXPECT_EQ(100, ring_result(&self->ring));
		EXPECT_TRUE(has_pattern(in, sizeof(in), kind));
		EXPECT_EQ(0, (int)msg.msg_controllen);
		EXPECT_EQ(0, msg.msg_flags);
		if (kind == SOCK_UDP4)
			EXPECT_EQ(AF_INET, from.ss_family);
		close_pair(self->fd);
	}
}

/* A descriptor goes along with a message. */
TEST_F(net, scm_rights)
{
	char control[CMSG_SPACE(sizeof(int))] = { 0 };
	struct iovec iov = { "x", 1 };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = control, .msg_controllen = sizeof(control),
	};
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg);
	char in[1];
	int fd, file = tmp_file(NULL, 0);

	cmsg->cmsg_level = SOL_SOCKET;
	cmsg->cmsg_type = SCM_RIGHTS;
	cmsg->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(cmsg), &file, sizeof(file));
	ASSERT_EQ(0, sock_pair(SOCK_UNIX_STREAM, self->fd));
	prep_xfer(&self->ring, variant, IORING_OP_SENDMSG, self->fd[0], &msg, 1, 0);
	ASSERT_EQ(1, ring_result(&self->ring));

	memset(control, 0, sizeof(control));
	iov.iov_base = in;
	prep_xfer(&self->ring, variant, IORING_OP_RECVMSG, self->fd[1], &msg, 1, MSG_CMSG_CLOEXEC);
	ASSERT_EQ(1, ring_result(&self->ring));
	ASSERT_EQ(CMSG_LEN(sizeof(int)), cmsg->cmsg_len);
	memcpy(&fd, CMSG_DATA(cmsg), sizeof(fd));
	EXPECT_EQ(FD_CLOEXEC, fcntl(fd, F_GETFD));
	EXPECT_EQ(MSG_CMSG_CLOEXEC, msg.msg_flags);
	close(fd);

	/* A ring is not passed on */
	memcpy(CMSG_DATA(cmsg), &self->ring.fd, sizeof(int));
	msg.msg_controllen = sizeof(control);
	prep_xfer(&self->ring, variant, IORING_OP_SENDMSG, self->fd[0], &msg, 1, 0);
	EXPECT_EQ(-EINVAL, ring_result(&self->ring));
	close(file);
}

/* What a request does not use of those before it in the same memory does not matter. */
TEST_F(net, waitall_after_others)
{
	struct io_uring_sqe *sqe;
	struct io_uring_cqe cqe;
	char in[100], zero;
	int i, fd = open("/dev/zero", O_RDONLY);

	ASSERT_EQ(0, sock_pair(SOCK_UNIX_STREAM, self->fd));
	ASSERT_EQ(10, send(self->fd[0], in, 10, 0));
	for (i = 0; i < 8; i++)
		prep(&self->ring, IORING_OP_READ, fd, &zero, 1, 0);
	sqe = prep_xfer(&self->ring, variant, IORING_OP_RECV, self->fd[1], in, 100, MSG_WAITALL);
	sqe->user_data = 77;
	ASSERT_EQ(9, ring_submit(&self->ring));
	for (i = 0; i < 8; i++) {
		ASSERT_EQ(0, ring_wait(&self->ring, &cqe));
		ASSERT_EQ(1, cqe.res);
	}
	EXPECT_TRUE(stays_quiet(&self->ring));
	ASSERT_EQ(90, send(self->fd[0], in, 90, 0));
	EXPECT_EQ(100, result_of(&self->ring, 77));
	close(fd);
}

/* Ancillary data comes with a part, and is not lost for the sake of the rest. */
TEST_F(net, recvmsg_waitall_with_control)
{
	char control[CMSG_SPACE(sizeof(int))] = { 0 };
	struct iovec iov = { "0123456789", 10 };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = control, .msg_controllen = sizeof(control),
	};
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg);
	struct io_uring_sqe *sqe;
	struct io_uring_cqe cqe;
	char in[100];

	cmsg->cmsg_level = SOL_SOCKET;
	cmsg->cmsg_type = SCM_RIGHTS;
	cmsg->cmsg_len = CMSG_LEN(sizeof(int));
	memset(CMSG_DATA(cmsg), 0, sizeof(int));	/* standard input */
	ASSERT_EQ(0, sock_pair(SOCK_UNIX_STREAM, self->fd));
	ASSERT_EQ(10, sendmsg(self->fd[0], &msg, 0));
	ASSERT_EQ(90, send(self->fd[0], in, 90, 0));

	memset(control, 0, sizeof(control));
	iov.iov_base = in;
	iov.iov_len = sizeof(in);
	/* Less than all is enough for the link, too */
	sqe = prep_xfer(&self->ring, variant, IORING_OP_RECVMSG, self->fd[1], &msg, 1, MSG_WAITALL);
	sqe->flags |= IOSQE_IO_LINK;
	prep(&self->ring, IORING_OP_NOP, -1, NULL, 0, 0)->user_data = IORING_OP_NOP;
	ASSERT_EQ(2, ring_submit(&self->ring));
	EXPECT_EQ(10, result_of(&self->ring, IORING_OP_RECVMSG));
	EXPECT_EQ(CMSG_LEN(sizeof(int)), cmsg->cmsg_len);
	EXPECT_LE(CMSG_LEN(sizeof(int)), msg.msg_controllen);
	ASSERT_EQ(0, ring_wait(&self->ring, &cqe));
	EXPECT_EQ(0, cqe.res);
	close(*(int *)CMSG_DATA(cmsg));
}

TEST_F(net, truncated_message)
{
	char in[100];
	struct iovec iov = { in, 10 };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };

	ASSERT_EQ(0, sock_pair(SOCK_UDP4, self->fd));
	ASSERT_EQ(50, send(self->fd[0], in, 50, 0));
	prep_xfer(&self->ring, variant, IORING_OP_RECVMSG, self->fd[1], &msg, 1, 0);
	EXPECT_EQ(10, ring_result(&self->ring));
	EXPECT_EQ(MSG_TRUNC, msg.msg_flags);

	ASSERT_EQ(50, send(self->fd[0], in, 50, 0));
	prep_xfer(&self->ring, variant, IORING_OP_RECV, self->fd[1], in, 10, MSG_TRUNC);
	EXPECT_EQ(50, ring_result(&self->ring));
}

/*
 * Waiting for the error queue is not disturbed by data. (The untouched 6.12 does
 * not wait here.)
 */
TEST_F(net, errqueue)
{
	char in[16], control[512];
	struct iovec iov = { in, sizeof(in) };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = control, .msg_controllen = sizeof(control),
	};
	struct sockaddr_storage ss;
	int one = 1, peer;
	socklen_t len;

	self->fd[1] = sock_bound(SOCK_UDP4, &ss, &len);
	ASSERT_LE(0, self->fd[1]);
	peer = sock_connected(SOCK_UDP4, &ss, len);
	ASSERT_EQ(3, send(peer, "abc", 3, 0));
	ASSERT_EQ(0, setsockopt(self->fd[1], SOL_IP, IP_RECVERR, &one, sizeof(one)));
	prep_xfer(&self->ring, variant, IORING_OP_RECVMSG, self->fd[1], &msg, 1, MSG_ERRQUEUE);
	ASSERT_EQ(1, ring_submit(&self->ring));
	EXPECT_TRUE(stays_quiet(&self->ring));
	/* Nobody listens there: an ICMP error comes back */
	((struct sockaddr_in *)&ss)->sin_port = htons(1);
	ASSERT_EQ(3, sendto(self->fd[1], "abc", 3, 0, (struct sockaddr *)&ss, len));
	EXPECT_EQ(3, result_of(&self->ring, IORING_OP_RECVMSG));
	EXPECT_EQ(MSG_ERRQUEUE, msg.msg_flags & MSG_ERRQUEUE);
	close(peer);
}

/* Something in the error queue, which nobody fetches, keeps no receive from waiting. */
TEST_F(net, errqueue_of_others)
{
	static const int ops[] = { IORING_OP_RECV, IORING_OP_RECVMSG };
	char in[16];
	struct iovec iov = { in, sizeof(in) };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct sockaddr_storage ss;
	int one = 1, peer;
	socklen_t len;
	unsigned int i;

	if (untouched())
		SKIP(return, "this kernel gives up after 128 rounds");
	self->fd[1] = sock_bound(SOCK_UDP4, &ss, &len);
	ASSERT_LE(0, self->fd[1]);
	peer = sock_connected(SOCK_UDP4, &ss, len);
	ASSERT_EQ(0, setsockopt(self->fd[1], SOL_IP, IP_RECVERR, &one, sizeof(one)));
	ASSERT_EQ(0, fcntl(self->fd[1], F_SETFL, O_RDWR | O_NONBLOCK));
	/* Nobody listens there: an ICMP error comes back */
	((struct sockaddr_in *)&ss)->sin_port = htons(1);
	ASSERT_EQ(3, sendto(self->fd[1], "abc", 3, 0, (struct sockaddr *)&ss, len));
	EXPECT_TRUE(poll_fd(self->fd[1], POLLIN, WAIT_MS) & POLLERR);
	/* The error itself is told once */
	EXPECT_EQ(-1, recv(self->fd[1], in, sizeof(in), 0));
	for (i = 0; i < ARRAY_LEN(ops); i++) {
		prep_xfer(&self->ring, variant, ops[i], self->fd[1], i ? (void *)&msg : in,
			  i ? 1 : sizeof(in), 0);
		ASSERT_EQ(1, ring_submit(&self->ring));
		EXPECT_TRUE(stays_quiet(&self->ring));
		EXPECT_TRUE(poll_fd(self->fd[1], POLLIN, 0) & POLLERR);
		ASSERT_EQ(4, send(peer, "data", 4, 0));
		EXPECT_EQ(4, result_of(&self->ring, ops[i]));
	}
	close(peer);
}

TEST_F(net, sock_nonempty)
{
	struct io_uring_cqe cqe;
	char in[10];

	ASSERT_EQ(0, sock_pair(SOCK_TCP4, self->fd));
	ASSERT_EQ(10, send(self->fd[0], in, 10, 0));
	prep_xfer(&self->ring, variant, IORING_OP_RECV, self->fd[1], in, 4, 0);
	ring_submit(&self->ring);
	ASSERT_EQ(0, ring_wait(&self->ring, &cqe));
	EXPECT_EQ(4, cqe.res);
	EXPECT_EQ(IORING_CQE_F_SOCK_NONEMPTY, cqe.flags);
	prep_xfer(&self->ring, variant, IORING_OP_RECV, self->fd[1], in, 6, 0);
	ring_submit(&self->ring);
	ASSERT_EQ(0, ring_wait(&self->ring, &cqe));
	EXPECT_EQ(6, cqe.res);
	EXPECT_EQ(0u, cqe.flags);
}

TEST_F(net, life_of_a_connection)
{
	struct sockaddr_storage ss, peer;
	struct io_uring_sqe *sqe;
	socklen_t len, peer_len;
	int listener, a, kind;
	char in[4];

	for (kind = 0; kind <= SOCK_UNIX_SEQPACKET; kind++) {
		TH_LOG("%s", sock_names[kind]);
		sqe = prep(&self->ring, IORING_OP_SOCKET, sock_domain(kind), NULL, 0,
			   sock_type(kind) | SOCK_CLOEXEC);
		sqe->flags = variant->sqe_flags;
		listener = ring_result(&self->ring);
		ASSERT_LE(0, listener);
		EXPECT_EQ(FD_CLOEXEC, fcntl(listener, F_GETFD));
		len = sock_any_addr(kind, &ss);
		sqe = prep(&self->ring, IORING_OP_BIND, listener, &ss, 0, len);
		sqe->flags = variant->sqe_flags;
		ASSERT_EQ(0, ring_result(&self->ring));
		sqe = prep(&self->ring, IORING_OP_LISTEN, listener, NULL, 8, 0);
		sqe->flags = variant->sqe_flags;
		ASSERT_EQ(0, ring_result(&self->ring));
		len = sizeof(ss);
		ASSERT_EQ(0, getsockname(listener, (struct sockaddr *)&ss, &len));

		sqe = prep(&self->ring, IORING_OP_SOCKET, sock_domain(kind), NULL, 0,
			   sock_type(kind) | SOCK_NONBLOCK);
		a = ring_result(&self->ring);
		ASSERT_LE(0, a);
		EXPECT_EQ(O_NONBLOCK, fcntl(a, F_GETFL) & O_NONBLOCK);
		EXPECT_EQ(0, fcntl(a, F_GETFD));
		self->fd[0] = a;
		peer_len = sizeof(peer);
		sqe = prep(&self->ring, IORING_OP_ACCEPT, listener, &peer, 0, (uintptr_t)&peer_len);
		sqe->flags = variant->sqe_flags;
		sqe->accept_flags = SOCK_CLOEXEC | SOCK_NONBLOCK;
		sqe->user_data = 1;
		ASSERT_EQ(1, ring_submit(&self->ring));
		EXPECT_TRUE(stays_quiet(&self->ring));
		sqe = prep(&self->ring, IORING_OP_CONNECT, a, &ss, 0, len);
		sqe->flags = variant->sqe_flags;
		sqe->user_data = 2;
		ASSERT_EQ(1, ring_submit(&self->ring));
		memset(&ss, 0xff, sizeof(ss));
		for (int i = 0; i < 2; i++) {
			struct io_uring_cqe cqe;

			ASSERT_EQ(0, ring_wait(&self->ring, &cqe));
			if (cqe.user_data == 1)
				self->fd[1] = cqe.res;
			else
				EXPECT_EQ(0, cqe.res);
		}
		ASSERT_LE(0, self->fd[1]);
		EXPECT_EQ(FD_CLOEXEC, fcntl(self->fd[1], F_GETFD));
		EXPECT_EQ(O_NONBLOCK, fcntl(self->fd[1], F_GETFL) & O_NONBLOCK);
		EXPECT_EQ(sock_domain(kind), peer.ss_family);

		sqe = prep(&self->ring, IORING_OP_SHUTDOWN, a, NULL, SHUT_WR, 0);
		sqe->flags = variant->sqe_flags;
		EXPECT_EQ(0, ring_result(&self->ring));
		EXPECT_EQ(0, recv(self->fd[1], in, 4, 0));
		close(listener);
		close_pair(self->fd);
	}
}

TEST_F(net, bind_in_the_file_system)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	struct io_uring_sqe *sqe;
	struct stat st;

	snprintf(sun.sun_path, sizeof(sun.sun_path), "%s/iou_net.%d", tmp_dir(), getpid());
	self->fd[0] = socket(AF_UNIX, SOCK_STREAM, 0);
	sqe = prep(&self->ring, IORING_OP_BIND, self->fd[0], &sun, 0, sizeof(sun));
	sqe->flags = variant->sqe_flags;
	EXPECT_EQ(0, ring_result(&self->ring));
	EXPECT_EQ(0, stat(sun.sun_path, &st));
	sqe = prep(&self->ring, IORING_OP_BIND, self->fd[0], &sun, 0, sizeof(sun));
	sqe->flags = variant->sqe_flags;
	EXPECT_GT(0, ring_result(&self->ring));
	unlink(sun.sun_path);
}

/* An address that does not even have a family. */
TEST_F(net, bind_too_short)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	struct io_uring_sqe *sqe;
	int len;

	self->fd[0] = socket(AF_UNIX, SOCK_STREAM, 0);
	for (len = 0; len < 2; len++) {
		sqe = prep(&self->ring, IORING_OP_BIND, self->fd[0], &sun, 0, len);
		sqe->flags = variant->sqe_flags;
		EXPECT_EQ(-EINVAL, ring_result(&self->ring));
	}
}

TEST_F(net, connect_refused)
{
	struct sockaddr_storage ss;
	struct io_uring_sqe *sqe;
	socklen_t len;
	int kind;

	for (kind = 0; kind <= SOCK_TCP6; kind++) {
		close(sock_bound(kind, &ss, &len));
		self->fd[0] = socket(sock_domain(kind), SOCK_STREAM, 0);
		sqe = prep(&self->ring, IORING_OP_CONNECT, self->fd[0], &ss, 0, len);
		sqe->flags = variant->sqe_flags;
		EXPECT_EQ(-ECONNREFUSED, ring_result(&self->ring));
		close_pair(self->fd);
	}
}

/* A worker may begin late. Return: whether the connection is being made */
static bool is_connecting(int fd)
{
	struct tcp_info info;
	socklen_t len;
	int i;

	for (i = 0; i < WAIT_MS; i++, usleep(1000)) {
		len = sizeof(info);
		if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len))
			return false;
		if (info.tcpi_state == TCP_SYN_SENT)
			return true;
	}
	return false;
}

/*
 * Nobody answers, and then the program has enough of it: that ends the request, and the
 * socket is not connected a second time.
 */
TEST_F(net, connect_shut_down)
{
	int i, how, state, listener, others[4];
	struct sockaddr_storage ss;
	struct io_uring_sqe *sqe;
	struct tcp_info info;
	socklen_t len;

	listener = sock_silent(&ss, &len, others);
	ASSERT_LE(0, listener);
	for (i = 0; i < 8; i++) {
		how = i & 2 ? SHUT_RDWR : SHUT_WR;
		self->fd[0] = socket(AF_INET, SOCK_STREAM | (i & 1 ? SOCK_NONBLOCK : 0), 0);
		sqe = prep(&self->ring, IORING_OP_CONNECT, self->fd[0], &ss, 0, len);
		sqe->flags = variant->sqe_flags;
		ASSERT_EQ(1, ring_submit(&self->ring));
		EXPECT_TRUE(stays_quiet(&self->ring));
		ASSERT_TRUE(is_connecting(self->fd[0]));
		if (i & 4) {
			prep(&self->ring, IORING_OP_SHUTDOWN, self->fd[0], NULL, how, 0)->flags =
				IOSQE_CQE_SKIP_SUCCESS;
			ASSERT_EQ(1, ring_submit(&self->ring));
		} else {
			ASSERT_EQ(0, shutdown(self->fd[0], how));
		}
		EXPECT_EQ(-ECONNRESET, result_of(&self->ring, 0));
		len = sizeof(info);
		ASSERT_EQ(0, getsockopt(self->fd[0], IPPROTO_TCP, TCP_INFO, &info, &len));
		state = info.tcpi_state;
		EXPECT_EQ(TCP_CLOSE, state);
		len = sizeof(struct sockaddr_in);
		close_pair(self->fd);
	}
	for (i = 0; i < 4; i++)
		close(others[i]);
	close(listener);
}

/* The same, and somebody else has fetched the error: there is one all the same. */
TEST(connect_error_taken)
{
	int error, listener, fd, others[4], i;
	struct sockaddr_storage ss;
	struct tcp_info info;
	struct ring r;
	socklen_t len;

	if (untouched())
		SKIP(return, "this kernel connects once more");
	/* It does not look before it is entered. */
	ASSERT_EQ(0, ring_open(&r, 4, DEFER));
	listener = sock_silent(&ss, &len, others);
	ASSERT_LE(0, listener);
	fd = socket(AF_INET, SOCK_STREAM, 0);
	prep(&r, IORING_OP_CONNECT, fd, &ss, 0, len);
	ASSERT_EQ(1, ring_submit(&r));
	EXPECT_TRUE(stays_quiet(&r));
	ASSERT_EQ(0, shutdown(fd, SHUT_RDWR));
	len = sizeof(error);
	ASSERT_EQ(0, getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len));
	EXPECT_EQ(ECONNRESET, error);
	EXPECT_EQ(-ECONNABORTED, result_of(&r, 0));
	len = sizeof(info);
	ASSERT_EQ(0, getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len));
	EXPECT_EQ(TCP_CLOSE, (int)info.tcpi_state);
	for (i = 0; i < 4; i++)
		close(others[i]);
	close(fd);
	close(listener);
	ring_close(&r);
}

/* An earlier connection has failed, and the socket has not noticed: that is not the result. */
TEST_F(net, connect_after_failure)
{
	struct sockaddr_storage good, bad;
	socklen_t len, bad_len, error_len;
	struct io_uring_sqe *sqe;
	int listener, error, i;

	listener = sock_listening(SOCK_TCP4, &good, &len);
	ASSERT_LE(0, listener);
	for (i = 0; i < 2; i++) {
		close(sock_bound(SOCK_TCP4, &bad, &bad_len));
		self->fd[0] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
		ASSERT_EQ(-1, connect(self->fd[0], (struct sockaddr *)&bad, bad_len));
		ASSERT_EQ(EINPROGRESS, errno);
		EXPECT_TRUE(poll_fd(self->fd[0], POLLOUT, WAIT_MS) > 0);
		error_len = sizeof(error);
		ASSERT_EQ(0, getsockopt(self->fd[0], SOL_SOCKET, SO_ERROR, &error, &error_len));
		EXPECT_EQ(ECONNREFUSED, error);
		ASSERT_EQ(0, fcntl(self->fd[0], F_SETFL, O_RDWR));
		sqe = prep(&self->ring, IORING_OP_CONNECT, self->fd[0], i ? &bad : &good, 0, len);
		sqe->flags = variant->sqe_flags;
		EXPECT_EQ(i ? -ECONNREFUSED : 0, ring_result(&self->ring));
		close_pair(self->fd);
	}
	close(listener);
}

/* What waits learns of shutdown(2). */
TEST_F(net, shut_down_while_waiting)
{
	struct sockaddr_storage ss;
	struct io_uring_sqe *sqe;
	char buf[8];
	socklen_t len;
	int listener;

	ASSERT_EQ(0, sock_pair(SOCK_TCP4, self->fd));
	prep_xfer(&self->ring, variant, IORING_OP_RECV, self->fd[0], buf, sizeof(buf), 0);
	ASSERT_EQ(1, ring_submit(&self->ring));
	EXPECT_TRUE(stays_quiet(&self->ring));
	ASSERT_EQ(0, shutdown(self->fd[0], SHUT_RD));
	EXPECT_EQ(0, result_of(&self->ring, IORING_OP_RECV));

	sock_fill(self->fd[0]);
	prep_xfer(&self->ring, variant, IORING_OP_SEND, self->fd[0], buf, sizeof(buf), 0);
	ASSERT_EQ(1, ring_submit(&self->ring));
	EXPECT_TRUE(stays_quiet(&self->ring));
	ASSERT_EQ(0, shutdown(self->fd[0], SHUT_WR));
	EXPECT_EQ(-EPIPE, result_of(&self->ring, IORING_OP_SEND));

	listener = sock_listening(SOCK_TCP4, &ss, &len);
	ASSERT_LE(0, listener);
	sqe = prep(&self->ring, IORING_OP_ACCEPT, listener, NULL, 0, 0);
	sqe->flags = variant->sqe_flags;
	ASSERT_EQ(1, ring_submit(&self->ring));
	EXPECT_TRUE(stays_quiet(&self->ring));
	ASSERT_EQ(0, shutdown(listener, SHUT_RDWR));
	EXPECT_EQ(-EINVAL, result_of(&self->ring, 0));
	close(listener);
}

/* An AF_UNIX listener without room: connecting waits for it in a worker. */
TEST_F(net, connect_full_backlog)
{
	struct sockaddr_storage ss;
	struct io_uring_sqe *sqe;
	int listener, first;
	socklen_t len;

	listener = sock_bound(SOCK_UNIX_STREAM, &ss, &len);
	ASSERT_LE(0, listener);
	ASSERT_EQ(0, listen(listener, 0));
	first = sock_connected(SOCK_UNIX_STREAM, &ss, len);
	ASSERT_LE(0, first);
	self->fd[0] = socket(AF_UNIX, SOCK_STREAM, 0);
	sqe = prep(&self->ring, IORING_OP_CONNECT, self->fd[0], &ss, 0, len);
	sqe->flags = variant->sqe_flags;
	ASSERT_EQ(1, ring_submit(&self->ring));
	EXPECT_TRUE(stays_quiet(&self->ring));
	close(accept(listener, NULL, NULL));
	EXPECT_EQ(0, result_of(&self->ring, 0));
	close(first);
	close(listener);
}

/* Fill what @fd can take, and submit one more to @ss; then make room for it */
static bool send_behind(struct ring *r, int fd, int from, const struct sockaddr_storage *ss,
			socklen_t len)
{
	char text[8];

	while (sendto(from, "full", 4, MSG_DONTWAIT, (const struct sockaddr *)ss, len) == 4)
		;
	return ring_submit(r) == 1 && stays_quiet(r) &&
	       recv(fd, text, sizeof(text), MSG_DONTWAIT) == 4;
}

/* The last datagram that comes, without waiting for one */
static int last_datagram(int fd, char *text, size_t size)
{
	int ret = -EAGAIN, n;

	while ((n = recv(fd, text, size, MSG_DONTWAIT)) >= 0)
		ret = n;
	return ret;
}

/* An AF_UNIX receiver that is full: poll does not know, and the datagram stays whole. */
TEST_F(net, datagram_waits_for_room)
{
	struct iovec vec = { "late!", 5 };
	struct sockaddr_storage ss;
	struct io_uring_sqe *sqe;
	struct msghdr msg = { .msg_name = &ss, .msg_iov = &vec, .msg_iovlen = 1 };
	socklen_t len;
	char text[8];
	int i;

	if (untouched())
		SKIP(return, "there an empty one is sent");
	self->fd[0] = sock_bound(SOCK_UNIX_DGRAM, &ss, &len);
	ASSERT_LE(0, self->fd[0]);
	self->fd[1] = socket(AF_UNIX, SOCK_DGRAM, 0);
	msg.msg_namelen = len;
	for (i = 0; i < 2; i++) {
		if (i) {
			sqe = prep(&self->ring, IORING_OP_SENDMSG, self->fd[1], &msg, 1, 0);
		} else {
			sqe = prep(&self->ring, IORING_OP_SEND, self->fd[1], "late!", 5, 0);
			sqe->addr2 = (uintptr_t)&ss;
			sqe->addr_len = len;
		}
		sqe->flags = variant->sqe_flags;
		sqe->ioprio = variant->ioprio;
		ASSERT_TRUE(send_behind(&self->ring, self->fd[0], self->fd[1], &ss, len));
		EXPECT_EQ(5, result_of(&self->ring, 0));
		EXPECT_EQ(5, last_datagram(self->fd[0], text, sizeof(text)));
		EXPECT_EQ(0, memcmp(text, "late!", 5));
	}
}

TEST_F(net, accept_dontwait_and_poll_first)
{
	struct sockaddr_storage ss;
	struct io_uring_sqe *sqe;
	struct io_uring_cqe cqe;
	socklen_t len;
	int listener;

	listener = sock_listening(SOCK_TCP4, &ss, &len);
	ASSERT_LE(0, listener);
	sqe = prep(&self->ring, IORING_OP_ACCEPT, listener, NULL, 0, 0);
	sqe->flags = variant->sqe_flags;
	sqe->ioprio = IORING_ACCEPT_DONTWAIT;
	EXPECT_EQ(-EAGAIN, ring_result(&self->ring));
	sqe = prep(&self->ring, IORING_OP_ACCEPT, listener, NULL, 0, 0);
	sqe->flags = variant->sqe_flags;
	sqe->ioprio = IORING_ACCEPT_DONTWAIT | IORING_ACCEPT_POLL_FIRST;
	EXPECT_EQ(-EAGAIN, ring_result(&self->ring));
	sqe = prep(&self->ring, IORING_OP_ACCEPT, listener, NULL, 0, 0);
	sqe->flags = variant->sqe_flags;
	sqe->ioprio = IORING_ACCEPT_POLL_FIRST;
	ASSERT_EQ(1, ring_submit(&self->ring));
	EXPECT_TRUE(stays_quiet(&self->ring));
	self->fd[0] = sock_connected(SOCK_TCP4, &ss, len);
	ASSERT_EQ(0, ring_wait(&self->ring, &cqe));
	ASSERT_LE(0, cqe.res);
	EXPECT_EQ(0u, cqe.flags & IORING_CQE_F_SOCK_NONEMPTY);
	close(cqe.res);
	close(self->fd[0]);

	/* Two in the queue */
	self->fd[0] = sock_connected(SOCK_TCP4, &ss, len);
	self->fd[1] = sock_connected(SOCK_TCP4, &ss, len);
	sqe = prep(&self->ring, IORING_OP_ACCEPT, listener, NULL, 0, 0);
	sqe->flags = variant->sqe_flags;
	ASSERT_EQ(1, ring_submit(&self->ring));
	ASSERT_EQ(0, ring_wait(&self->ring, &cqe));
	EXPECT_EQ(IORING_CQE_F_SOCK_NONEMPTY, cqe.flags);
	close(cqe.res);
	close(listener);
}

/* A connection that fails says, too, whether there are others. */
TEST_F(net, accept_failed_and_more)
{
	struct sockaddr_storage ss, name;
	struct io_uring_sqe *sqe;
	struct io_uring_cqe cqe;
	socklen_t len, bad = -1;
	int i, listener, fd[3];

	listener = sock_listening(SOCK_TCP4, &ss, &len);
	ASSERT_LE(0, listener);
	for (i = 0; i < 3; i++) {
		fd[i] = sock_connected(SOCK_TCP4, &ss, len);
		ASSERT_LE(0, fd[i]);
	}
	for (i = 0; i < 3; i++) {
		sqe = prep(&self->ring, IORING_OP_ACCEPT, listener, &name, 0,
			   i ? (uintptr_t)&bad : 0);
		sqe->flags = variant->sqe_flags;
		ASSERT_EQ(1, ring_submit(&self->ring));
		ASSERT_EQ(0, ring_wait(&self->ring, &cqe));
		EXPECT_EQ(i ? -EINVAL : -EFAULT, cqe.res);
		EXPECT_EQ(i < 2 ? IORING_CQE_F_SOCK_NONEMPTY : 0, cqe.flags);
		close(fd[i]);
	}
	close(listener);
}

/* (The untouched 6.12 waits for a file, or says -EAGAIN or -EBADFD.) */
TEST_F(net, not_a_socket)
{
	static const __u16 flags[] = {
		IORING_ACCEPT_POLL_FIRST, IORING_ACCEPT_POLL_FIRST | IORING_ACCEPT_DONTWAIT,
		IORING_ACCEPT_MULTISHOT, 0,
	};
	int i, pipes[2], zero = open("/dev/zero", O_RDWR | O_CLOEXEC);
	struct io_uring_sqe *sqe;
	char text[8];

	if (untouched())
		SKIP(return, "this kernel waits for what is no socket");
	ASSERT_LE(0, zero);
	ASSERT_EQ(0, pipe(pipes));
	for (i = 0; i < 8; i++) {
		sqe = prep(&self->ring, IORING_OP_ACCEPT, i & 1 ? pipes[0] : zero, NULL, 0, 0);
		sqe->flags = variant->sqe_flags;
		sqe->ioprio = flags[i / 2];
		EXPECT_EQ(-ENOTSOCK, ring_result(&self->ring));
		sqe = prep_xfer(&self->ring, variant, IORING_OP_RECV, i & 1 ? pipes[0] : zero,
				text, sizeof(text), i & 2 ? MSG_DONTWAIT : 0);
		sqe->ioprio |= IORING_RECVSEND_POLL_FIRST;
		EXPECT_EQ(-ENOTSOCK, ring_result(&self->ring));
	}
	close_pair(pipes);
	close(zero);
}

/*
 * What polls first, and is ready, is not left for later. (The untouched 6.12 looks at the
 * next SQE first.)
 */
TEST(ready_is_tried)
{
	struct io_uring_sqe *sqe;
	struct io_uring_cqe cqe;
	struct ring r;
	char text[8];
	int fd[2];

	ASSERT_EQ(0, ring_open(&r, 8, 0));
	ASSERT_EQ(0, sock_pair(SOCK_TCP4, fd));
	ASSERT_EQ(1, send(fd[0], "x", 1, 0));
	ASSERT_EQ(1, poll_fd(fd[1], POLLIN, WAIT_MS));
	sqe = prep(&r, IORING_OP_RECV, fd[1], text, sizeof(text), 0);
	sqe->ioprio = IORING_RECVSEND_POLL_FIRST;
	sqe->user_data = 1;
	ASSERT_TRUE(prep_nop(&r, 2));
	ASSERT_EQ(2, ring_submit(&r));
	ASSERT_EQ(0, ring_wait(&r, &cqe));
	if (cqe.user_data == 2 && untouched())
		SKIP(return, "this kernel tries it behind the batch");
	EXPECT_EQ(1u, cqe.user_data);
	EXPECT_EQ(1, cqe.res);
	ring_close(&r);
	close_pair(fd);
}

/* A connection wakes one waiter. */
TEST_F(net, accepts_share)
{
	struct sockaddr_storage ss;
	struct io_uring_sqe *sqe;
	socklen_t len;
	int i, listener;

	listener = sock_listening(SOCK_TCP4, &ss, &len);
	ASSERT_LE(0, listener);
	for (i = 0; i < 4; i++) {
		sqe = prep(&self->ring, IORING_OP_ACCEPT, listener, NULL, 0, 0);
		sqe->flags = variant->sqe_flags;
	}
	ASSERT_EQ(4, ring_submit(&self->ring));
	for (i = 0; i < 4; i++) {
		int fd = sock_connected(SOCK_TCP4, &ss, len);
		int other = result_of(&self->ring, 0);

		ASSERT_LE(0, fd);
		ASSERT_LE(0, other);
		EXPECT_TRUE(stays_quiet(&self->ring));
		close(fd);
		close(other);
	}
	close(listener);
}

/*
 * A connection wakes one waiter. If that ends without having looked, the next has to:
 * a listening socket says no more about this connection.
 */
TEST(accept_passed_on)
{
	struct sockaddr_storage ss;
	struct io_uring_sqe *sqe;
	struct ring first, second;
	socklen_t len;
	int i;

	for (i = 0; i < 8; i++) {
		int listener = sock_listening(SOCK_TCP4, &ss, &len);
		int fd, res;

		/* It does not see events before it is entered. */
		ASSERT_EQ(0, ring_open(&first, 4, DEFER));
		ASSERT_EQ(0, ring_open(&second, 4, 0));
		if (i & 2) {
			sqe = prep(&first, IORING_OP_POLL_ADD, listener, NULL,
				   i & 1 ? IORING_POLL_ADD_MULTI : 0, 0);
			sqe->poll32_events = EPOLLIN | EPOLLEXCLUSIVE;
		} else {
			sqe = prep(&first, IORING_OP_ACCEPT, listener, NULL, 0, 0);
			sqe->ioprio = i & 1 ? IORING_ACCEPT_MULTISHOT : 0;
		}
		ASSERT_EQ(1, ring_submit(&first));
		if (i & 4) {
			/* It believes what the wake-up says. */
			sqe = prep(&second, IORING_OP_POLL_ADD, listener, NULL, 0, 0);
			sqe->poll32_events = EPOLLIN | EPOLLEXCLUSIVE;
		} else {
			prep(&second, IORING_OP_ACCEPT, listener, NULL, 0, 0);
		}
		ASSERT_EQ(1, ring_submit(&second));
		fd = sock_connected(SOCK_TCP4, &ss, len);
		ASSERT_LE(0, fd);
		EXPECT_TRUE(stays_quiet(&second));
		ring_close(&first);
		res = result_of(&second, 0);
		EXPECT_TRUE(i & 4 ? res == EPOLLIN : res >= 0) {
			TH_LOG("%d: %d", i, res);
		}
		if (!(i & 4))
			close(res);
		ring_close(&second);
		close(fd);
		close(listener);
	}
}

/* The one that was woken has no descriptor left: the next takes the connection. */
TEST(accept_passed_on_by_failure)
{
	struct rlimit none, limit;
	struct sockaddr_storage ss;
	struct io_uring_sqe *sqe;
	struct ring first, second;
	int i, fd, res, listener;
	socklen_t len;

	if (untouched())
		SKIP(return, "this kernel wakes nobody else");
	ASSERT_EQ(0, getrlimit(RLIMIT_NOFILE, &limit));
	none = limit;
	none.rlim_cur = 3;
	for (i = 0; i < 2; i++) {
		listener = sock_listening(SOCK_TCP4, &ss, &len);
		ASSERT_LE(0, listener);
		ASSERT_EQ(0, ring_open(&first, 4, DEFER));
		ASSERT_EQ(0, ring_open(&second, 4, DEFER));
		sqe = prep(&first, IORING_OP_ACCEPT, listener, NULL, 0, 0);
		sqe->ioprio = IORING_ACCEPT_POLL_FIRST | (i ? IORING_ACCEPT_MULTISHOT : 0);
		/* The limit is that of the submission, and found out by the attempt. */
		ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &none));
		ASSERT_EQ(1, ring_submit(&first));
		ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &limit));
		prep(&second, IORING_OP_ACCEPT, listener, NULL, 0, 0);
		ASSERT_EQ(1, ring_submit(&second));
		fd = sock_connected(SOCK_TCP4, &ss, len);
		ASSERT_LE(0, fd);
		/* Both of them run only when their ring is entered. */
		EXPECT_EQ(-EMFILE, result_of(&first, 0));
		res = result_of(&second, 0);
		EXPECT_LE(0, res);
		close(res);
		ring_close(&first);
		ring_close(&second);
		close(fd);
		close(listener);
	}
}

TEST_F(net, peer_resets)
{
	struct linger linger = { .l_onoff = 1 };
	char in[8];

	ASSERT_EQ(0, sock_pair(SOCK_TCP4, self->fd));
	prep_xfer(&self->ring, variant, IORING_OP_RECV, self->fd[1], in, sizeof(in), 0);
	ASSERT_EQ(1, ring_submit(&self->ring));
	EXPECT_TRUE(stays_quiet(&self->ring));
	setsockopt(self->fd[0], SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
	close(self->fd[0]);
	self->fd[0] = -1;
	EXPECT_EQ(-ECONNRESET, result_of(&self->ring, IORING_OP_RECV));
	/* And no SIGPIPE */
	prep_xfer(&self->ring, variant, IORING_OP_SEND, self->fd[1], in, sizeof(in), 0);
	EXPECT_EQ(-EPIPE, ring_result(&self->ring));
}

TEST_F(net, bad_files)
{
	static const int ops[] = {
		IORING_OP_SEND, IORING_OP_RECV, IORING_OP_SENDMSG, IORING_OP_RECVMSG,
		IORING_OP_ACCEPT, IORING_OP_LISTEN, IORING_OP_SHUTDOWN,
	};
	struct msghdr msg = {};
	int file = tmp_file(NULL, 0);
	unsigned int i;
	char buf[8];

	for (i = 0; i < ARRAY_LEN(ops); i++) {
		bool is_msg = ops[i] == IORING_OP_SENDMSG || ops[i] == IORING_OP_RECVMSG;
		unsigned int len = i < 4 ? 1 : 0;
		void *addr = is_msg ? (void *)&msg : i < 2 ? buf : NULL;

		prep(&self->ring, ops[i], file, addr, len, 0)->flags = variant->sqe_flags;
		EXPECT_EQ(-ENOTSOCK, ring_result(&self->ring)) {
			TH_LOG("opcode %d", ops[i]);
		}
		prep(&self->ring, ops[i], 9999, addr, len, 0)->flags = variant->sqe_flags;
		EXPECT_EQ(-EBADF, ring_result(&self->ring)) {
			TH_LOG("opcode %d", ops[i]);
		}
	}
	close(file);
}

TEST_F(net, bad_memory)
{
	char *bad = no_access(4096);
	struct iovec iov = { bad, 10 };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };

	ASSERT_EQ(0, sock_pair(SOCK_UNIX_STREAM, self->fd));
	prep_xfer(&self->ring, variant, IORING_OP_SEND, self->fd[0], bad, 10, 0);
	EXPECT_EQ(-EFAULT, ring_result(&self->ring));
	prep_xfer(&self->ring, variant, IORING_OP_SENDMSG, self->fd[0], &msg, 1, 0);
	EXPECT_EQ(-EFAULT, ring_result(&self->ring));
	prep_xfer(&self->ring, variant, IORING_OP_SENDMSG, self->fd[0], bad, 1, 0);
	EXPECT_EQ(-EFAULT, ring_result(&self->ring));
	ASSERT_EQ(10, send(self->fd[0], "0123456789", 10, 0));
	prep_xfer(&self->ring, variant, IORING_OP_RECV, self->fd[1], bad, 10, 0);
	EXPECT_EQ(-EFAULT, ring_result(&self->ring));
	prep_xfer(&self->ring, variant, IORING_OP_RECVMSG, self->fd[1], &msg, 1, 0);
	EXPECT_EQ(-EFAULT, ring_result(&self->ring));
	msg.msg_iov = (struct iovec *)bad;
	prep_xfer(&self->ring, variant, IORING_OP_RECVMSG, self->fd[1], &msg, 1, 0);
	EXPECT_EQ(-EFAULT, ring_result(&self->ring));
	msg.msg_iov = &iov;
	msg.msg_iovlen = 1025;
	prep_xfer(&self->ring, variant, IORING_OP_RECVMSG, self->fd[1], &msg, 1, 0);
	EXPECT_EQ(-EINVAL, ring_result(&self->ring));
}

/* An address that no program can have is wrong from the start: the batch ends there. */
TEST_F(net, not_user_memory)
{
	static const int ops[] = { IORING_OP_SEND, IORING_OP_RECV };
	void *bad = (void *)0xffff800000001000ul;
	struct io_uring_cqe cqe;
	unsigned int i;

	ASSERT_EQ(0, sock_pair(SOCK_TCP4, self->fd));
	for (i = 0; i < ARRAY_LEN(ops); i++) {
		prep_xfer(&self->ring, variant, ops[i], self->fd[0], bad, 8, 0);
		prep_nop(&self->ring, 99);
		EXPECT_EQ(1, ring_submit(&self->ring));
		EXPECT_EQ(-EFAULT, result_of(&self->ring, ops[i]));
		EXPECT_EQ(-ETIME, ring_wait_ms(&self->ring, &cqe, 0));
		EXPECT_EQ(1, ring_submit(&self->ring));
		EXPECT_EQ(0, result_of(&self->ring, 99));
	}
}

/* MSG_CMSG_COMPAT means nothing without a msghdr, and is refused with one, as by send(2). */
TEST_F(net, cmsg_compat)
{
	struct msghdr msg = {};
	char buf[8];

	ASSERT_EQ(0, sock_pair(SOCK_UNIX_STREAM, self->fd));
	prep_xfer(&self->ring, variant, IORING_OP_SEND, self->fd[0], "abc", 3, 1u << 31);
	EXPECT_EQ(3, ring_result(&self->ring));
	prep_xfer(&self->ring, variant, IORING_OP_RECV, self->fd[1], buf, 8, 1u << 31);
	EXPECT_EQ(3, ring_result(&self->ring));
	prep_xfer(&self->ring, variant, IORING_OP_SENDMSG, self->fd[0], &msg, 1, 1u << 31);
	EXPECT_EQ(-EINVAL, ring_result(&self->ring));
	prep_xfer(&self->ring, variant, IORING_OP_RECVMSG, self->fd[1], &msg, 1, 1u << 31);
	EXPECT_EQ(-EINVAL, ring_result(&self->ring));
}

/*
 * What has to be zero, and flags that do not exist. One case each: a field of
 * the SQE is changed in an otherwise good one.
 */
static const struct rule {
	const char *what;
	__u8 opcode;
	__u8 offset;	/* of a byte in the SQE */
	__u8 value;
} rules[] = {
	{ "socket: addr", IORING_OP_SOCKET, 16, 1 },
	{ "socket: rw_flags", IORING_OP_SOCKET, 28, 1 },
	{ "socket: buf_index", IORING_OP_SOCKET, 40, 1 },
	{ "socket: type flags", IORING_OP_SOCKET, 10, 0x80 },
	{ "socket: ioprio", IORING_OP_SOCKET, 2, 1 },
	{ "bind: len", IORING_OP_BIND, 24, 1 },
	{ "bind: rw_flags", IORING_OP_BIND, 28, 1 },
	{ "bind: buf_index", IORING_OP_BIND, 40, 1 },
	{ "bind: splice_fd_in", IORING_OP_BIND, 44, 1 },
	{ "connect: len", IORING_OP_CONNECT, 24, 1 },
	{ "connect: rw_flags", IORING_OP_CONNECT, 28, 1 },
	{ "connect: buf_index", IORING_OP_CONNECT, 40, 1 },
	{ "connect: splice_fd_in", IORING_OP_CONNECT, 44, 1 },
	{ "listen: addr", IORING_OP_LISTEN, 16, 1 },
	{ "listen: addr2", IORING_OP_LISTEN, 8, 1 },
	{ "listen: rw_flags", IORING_OP_LISTEN, 28, 1 },
	{ "listen: buf_index", IORING_OP_LISTEN, 40, 1 },
	{ "listen: splice_fd_in", IORING_OP_LISTEN, 44, 1 },
	{ "shutdown: addr", IORING_OP_SHUTDOWN, 16, 1 },
	{ "shutdown: off", IORING_OP_SHUTDOWN, 8, 1 },
	{ "shutdown: rw_flags", IORING_OP_SHUTDOWN, 28, 1 },
	{ "shutdown: buf_index", IORING_OP_SHUTDOWN, 40, 1 },
	{ "shutdown: splice_fd_in", IORING_OP_SHUTDOWN, 44, 1 },
	{ "accept: len", IORING_OP_ACCEPT, 24, 1 },
	{ "accept: buf_index", IORING_OP_ACCEPT, 40, 1 },
	{ "accept: accept_flags", IORING_OP_ACCEPT, 28, 1 },
	{ "accept: ioprio", IORING_OP_ACCEPT, 2, 8 },
	{ "send: pad3", IORING_OP_SEND, 46, 1 },
	{ "send: ioprio", IORING_OP_SEND, 2, 0x80 },
	{ "send: zero copy flag", IORING_OP_SEND, 2, IORING_SEND_ZC_REPORT_USAGE },
	{ "send: len", IORING_OP_SEND, 27, 0x80 },
	{ "sendmsg: len", IORING_OP_SENDMSG, 27, 0x80 },
	{ "recv: len", IORING_OP_RECV, 27, 0x80 },
	{ "recvmsg: len", IORING_OP_RECVMSG, 27, 0x80 },
	{ "sendmsg: addr2", IORING_OP_SENDMSG, 8, 1 },
	{ "sendmsg: file_index", IORING_OP_SENDMSG, 44, 1 },
	{ "sendmsg: ioprio", IORING_OP_SENDMSG, 2, 0x80 },
	{ "sendmsg: bundle", IORING_OP_SENDMSG, 2, IORING_RECVSEND_BUNDLE },
	{ "recv: addr2", IORING_OP_RECV, 8, 1 },
	{ "recv: file_index", IORING_OP_RECV, 44, 1 },
	{ "recv: ioprio", IORING_OP_RECV, 2, 0x80 },
	{ "recv: multishot without buffers", IORING_OP_RECV, 2, IORING_RECV_MULTISHOT },
	{ "recvmsg: addr2", IORING_OP_RECVMSG, 8, 1 },
	{ "recvmsg: file_index", IORING_OP_RECVMSG, 44, 1 },
	{ "recvmsg: ioprio", IORING_OP_RECVMSG, 2, 0x80 },
	{ "recvmsg: bundle", IORING_OP_RECVMSG, 2, IORING_RECVSEND_BUNDLE },
};

TEST_F(net, prep_rules)
{
	struct sockaddr_storage ss;
	struct msghdr msg = {};
	struct io_uring_sqe *sqe;
	unsigned int i;

	memset(&ss, 0, sizeof(ss));
	for (i = 0; i < ARRAY_LEN(rules); i++) {
		const struct rule *rule = &rules[i];

		sqe = prep(&self->ring, rule->opcode, AF_UNIX, NULL, 0, 0);
		sqe->flags = variant->sqe_flags;
		if (rule->opcode == IORING_OP_SENDMSG || rule->opcode == IORING_OP_RECVMSG)
			sqe->addr = (uintptr_t)&msg;
		if (rule->opcode == IORING_OP_SOCKET)
			sqe->off = SOCK_STREAM;
		((__u8 *)sqe)[rule->offset] |= rule->value;
		EXPECT_EQ(-EINVAL, ring_result(&self->ring)) {
			TH_LOG("%s", rule->what);
		}
	}
}

/* Direct descriptors without a table of fixed files. */
TEST_F(net, direct_without_a_table)
{
	struct sockaddr_storage ss;
	struct io_uring_sqe *sqe;
	int listener, peer;
	socklen_t len;

	sqe = prep(&self->ring, IORING_OP_SOCKET, AF_UNIX, NULL, 0, SOCK_STREAM);
	sqe->flags = variant->sqe_flags;
	sqe->file_index = IORING_FILE_INDEX_ALLOC;
	EXPECT_EQ(-ENFILE, ring_result(&self->ring));
	sqe = prep(&self->ring, IORING_OP_SOCKET, AF_UNIX, NULL, 0, SOCK_STREAM);
	sqe->flags = variant->sqe_flags;
	sqe->file_index = 1;
	EXPECT_EQ(-ENXIO, ring_result(&self->ring));
	sqe = prep(&self->ring, IORING_OP_SOCKET, AF_UNIX, NULL, 0, SOCK_STREAM | SOCK_CLOEXEC);
	sqe->flags = variant->sqe_flags;
	sqe->file_index = 1;
	EXPECT_EQ(-EINVAL, ring_result(&self->ring));

	listener = sock_listening(SOCK_TCP4, &ss, &len);
	peer = sock_connected(SOCK_TCP4, &ss, len);
	sqe = prep(&self->ring, IORING_OP_ACCEPT, listener, NULL, 0, 0);
	sqe->flags = variant->sqe_flags;
	sqe->file_index = 1;
	EXPECT_EQ(-ENXIO, ring_result(&self->ring));
	close(peer);
	close(listener);
}

/* The ring is closed, or the process ends, while all of them wait. */
TEST_F(net, closed_while_waiting)
{
	struct sockaddr_storage ss;
	struct io_uring_sqe *sqe;
	socklen_t len;
	int listener;
	char in[8];

	listener = sock_listening(SOCK_TCP4, &ss, &len);
	ASSERT_EQ(0, sock_pair(SOCK_TCP4, self->fd));
	sock_fill(self->fd[0]);
	sqe = prep(&self->ring, IORING_OP_ACCEPT, listener, NULL, 0, 0);
	sqe->flags = variant->sqe_flags;
	prep_xfer(&self->ring, variant, IORING_OP_SEND, self->fd[0], in, 1, 0);
	prep_xfer(&self->ring, variant, IORING_OP_RECV, self->fd[0], in, 1, 0);
	ASSERT_EQ(3, ring_submit(&self->ring));
	EXPECT_TRUE(stays_quiet(&self->ring));
	ring_close(&self->ring);
	close_pair(self->fd);
	close(listener);
	EXPECT_TRUE(fresh_ring_works());
}

TEST_HARNESS_MAIN
