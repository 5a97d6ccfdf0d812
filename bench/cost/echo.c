// SPDX-License-Identifier: GPL-2.0
/*
 * A server that sends back what it receives, 64 bytes at a time. The client is
 * in the same thread and uses plain system calls. What these cost is not counted:
 * half of what the echo costs if the server, too, uses them. What they cause in
 * the ring, as waking a request, is.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <err.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cost.h"

#define SIZE	64

enum { RECEIVED = 1, SENT };

static void connect_tcp(int fds[2])
{
	struct sockaddr_in addr = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	socklen_t len = sizeof(addr);
	int listener = socket(AF_INET, SOCK_STREAM, 0), one = 1;

	fds[1] = socket(AF_INET, SOCK_STREAM, 0);
	if (bind(listener, (struct sockaddr *)&addr, sizeof(addr)) || listen(listener, 1) ||
	    getsockname(listener, (struct sockaddr *)&addr, &len) ||
	    connect(fds[1], (struct sockaddr *)&addr, sizeof(addr)))
		err(1, "TCP connection");
	fds[0] = accept(listener, NULL, NULL);
	if (fds[0] < 0 || setsockopt(fds[0], IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)) ||
	    setsockopt(fds[1], IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)))
		err(1, "TCP connection");
	close(listener);
}

static void prep_recv(struct bench *b)
{
	struct io_uring_sqe *sqe = ring_sqe(&b->r, IORING_OP_RECV, b->fd);

	sqe->user_data = RECEIVED;
	if (b->w->multishot) {
		sqe->flags = IOSQE_BUFFER_SELECT;
		sqe->buf_group = GROUP;
		sqe->ioprio = IORING_RECV_MULTISHOT;
	} else {
		sqe->addr = (uintptr_t)buffers[0];
		sqe->len = SIZE;
	}
}

static void pass_on(int from, int to)
{
	char message[SIZE] = { 0 };

	if (send(from, message, SIZE, 0) != SIZE)
		err(1, "send");
	if (recv(to, message, SIZE, MSG_WAITALL) != SIZE)
		err(1, "recv");
}

/* One round of the echo by plain system calls */
static void echo_plainly(struct bench *b)
{
	pass_on(b->peer, b->fd);
	pass_on(b->fd, b->peer);
}

static int open_echo(struct bench *b)
{
	int fds[2];

	if (b->w->tcp)
		connect_tcp(fds);
	else if (socketpair(AF_UNIX, SOCK_STREAM, 0, fds))
		err(1, "socketpair");
	b->fd = fds[0];
	b->peer = fds[1];
	b->others = cost_of(b, echo_plainly) / 2;
	if (b->w->multishot && buffer_ring_open(b))
		return NOT_YET;
	prep_recv(b);
	ring_enter(&b->r, 0);
	/* If it is refused, that is seen now */
	return ring_peek(&b->r) ? expect(b, SIZE) : 0;
}

/* What of the server's is due now. Return: 0 or NOT_YET */
static int wait_for(struct bench *b, uint64_t what, unsigned int *flags)
{
	const struct io_uring_cqe *cqe;

	while (!(cqe = ring_peek(&b->r)))
		ring_enter(&b->r, 1);
	if (cqe->user_data != what)
		errx(1, "%s: %llu comes out of turn", b->w->name, cqe->user_data);
	*flags = cqe->flags;
	return expect(b, SIZE);
}

static int run_echo(struct bench *b)
{
	char message[SIZE] = { 0 };
	struct io_uring_sqe *sqe;
	unsigned int flags, unused, id = 0;

	if (send(b->peer, message, SIZE, 0) != SIZE)
		err(1, "send");
	if (wait_for(b, RECEIVED, &flags))
		return NOT_YET;
	if (b->w->multishot)
		id = flags >> IORING_CQE_BUFFER_SHIFT;
	sqe = ring_sqe(&b->r, IORING_OP_SEND, b->fd);
	sqe->user_data = SENT;
	sqe->addr = (uintptr_t)buffers[id];
	sqe->len = SIZE;
	if (!b->w->multishot || !(flags & IORING_CQE_F_MORE))
		prep_recv(b);
	ring_enter(&b->r, 1);
	if (wait_for(b, SENT, &unused))
		return NOT_YET;
	if (b->w->multishot) {
		buffer_ring_add(id);
		buffer_ring_publish();
	}
	if (recv(b->peer, message, SIZE, MSG_WAITALL) != SIZE)
		err(1, "recv");
	return 0;
}

#define ECHO(n)	.opcodes = { IORING_OP_SEND, IORING_OP_RECV }, .batch = 1, \
		.nr_batches = (n), .open = open_echo, .run = run_echo

const struct workload echo_workloads[] = {
	{ .name = "echo-unix", ECHO(3000) },
	{ .name = "echo-unix-defer", ECHO(3000), .setup_flags = DEFER },
	{ .name = "echo-unix-multishot", ECHO(3000), .setup_flags = DEFER, .multishot = true },
	{ .name = "echo-tcp-defer", ECHO(1500), .setup_flags = DEFER, .tcp = true },
	{ .name = "echo-tcp-multishot", ECHO(1500), .setup_flags = DEFER, .tcp = true,
	  .multishot = true },
	{ }
};
