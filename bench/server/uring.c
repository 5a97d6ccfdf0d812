// SPDX-License-Identifier: GPL-2.0
/*
 * The server with io_uring: either a request for each thing, with a buffer for
 * each connection; or one request for all connections and one for all that a
 * connection receives, with buffers that the kernel selects.
 */
#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../cost/ring.h"
#include "server.h"

#define ENTRIES		4096
#define NR_BUFFERS	4096	/* a power of two */
#define MAX_FD		65536
#define GROUP		1

/* What a CQE is about: op << 56 | buffer << 32 | descriptor */
enum op { ACCEPTED = 1, RECEIVED, SENT };

struct uring {
	struct ring r;
	struct server *s;
	bool multishot;
	unsigned int left;
	char (*buffers)[MAX_SIZE];	/* by descriptor, or by number */
	struct io_uring_buf *ring;	/* of buffers to select from */
	unsigned short tail;
};

static struct io_uring_sqe *prepare(struct uring *u, int opcode, int fd, enum op op,
				    unsigned int buffer)
{
	struct io_uring_sqe *sqe;

	if (u->r.queued == ENTRIES)
		ring_enter(&u->r, 0);
	sqe = ring_sqe(&u->r, opcode, fd);
	sqe->user_data = (unsigned long long)op << 56 | (unsigned long long)buffer << 32 | fd;
	return sqe;
}

static void prep_accept(struct uring *u)
{
	struct io_uring_sqe *sqe = prepare(u, IORING_OP_ACCEPT, u->s->listener, ACCEPTED, 0);

	sqe->accept_flags = SOCK_CLOEXEC;
	if (u->multishot)
		sqe->ioprio = IORING_ACCEPT_MULTISHOT;
}

static void prep_recv(struct uring *u, int fd)
{
	struct io_uring_sqe *sqe = prepare(u, IORING_OP_RECV, fd, RECEIVED, 0);

	if (u->multishot) {
		sqe->flags = IOSQE_BUFFER_SELECT;
		sqe->buf_group = GROUP;
		sqe->ioprio = IORING_RECV_MULTISHOT;
	} else {
		sqe->addr = (uintptr_t)u->buffers[fd];
		sqe->len = u->s->size;
	}
}

static void prep_send(struct uring *u, int fd, unsigned int buffer, unsigned int len)
{
	struct io_uring_sqe *sqe = prepare(u, IORING_OP_SEND, fd, SENT, buffer);

	sqe->addr = (uintptr_t)u->buffers[buffer];
	sqe->len = len;
}

static void give_back(struct uring *u, unsigned int buffer)
{
	struct io_uring_buf *entry = &u->ring[u->tail++ & (NR_BUFFERS - 1)];

	entry->addr = (uintptr_t)u->buffers[buffer];
	entry->len = MAX_SIZE;
	entry->bid = buffer;
	/* The tail lies in the first entry, where nothing else is */
	__atomic_store_n(&u->ring[0].resv, u->tail, __ATOMIC_RELEASE);
}

static bool open_buffers(struct uring *u)
{
	struct io_uring_buf_reg reg = { .ring_entries = NR_BUFFERS, .bgid = GROUP };
	size_t size = NR_BUFFERS * sizeof(*u->ring);
	unsigned int i;

	u->ring = aligned_alloc(4096, size);
	if (!u->ring)
		err(1, "buffers");
	memset(u->ring, 0, size);
	reg.ring_addr = (uintptr_t)u->ring;
	if (!ring_register(&u->r, IORING_REGISTER_PBUF_RING, &reg, 1))
		return false;
	for (i = 0; i < NR_BUFFERS; i++)
		give_back(u, i);
	return true;
}

static void accepted(struct uring *u, const struct io_uring_cqe *cqe)
{
	int one = 1;

	if (cqe->res < 0)
		errx(1, "accept: %s", strerror(-cqe->res));
	setsockopt(cqe->res, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (cqe->res >= MAX_FD)
		errx(1, "too many descriptors");
	prep_recv(u, cqe->res);
	if (!(cqe->flags & IORING_CQE_F_MORE))
		prep_accept(u);
}

static void received(struct uring *u, const struct io_uring_cqe *cqe, int fd)
{
	bool more = cqe->flags & IORING_CQE_F_MORE;

	if (cqe->res <= 0) {
		if (cqe->res < 0 && cqe->res != -ECONNRESET)
			errx(1, "recv: %s", strerror(-cqe->res));
		close(fd);
		u->left--;
		return;
	}
	if (u->multishot) {
		prep_send(u, fd, cqe->flags >> IORING_CQE_BUFFER_SHIFT, cqe->res);
		if (!more)
			prep_recv(u, fd);
	} else {
		prep_send(u, fd, fd, cqe->res);
	}
}

static void sent(struct uring *u, const struct io_uring_cqe *cqe, int fd)
{
	u->s->nr_messages++;
	if (u->multishot)
		give_back(u, cqe->user_data >> 32 & 0xffffff);
	else
		prep_recv(u, fd);
}

static void handle(struct uring *u, const struct io_uring_cqe *cqe)
{
	int fd = cqe->user_data & 0xffffffff;

	switch (cqe->user_data >> 56) {
	case ACCEPTED:
		accepted(u, cqe);
		break;
	case RECEIVED:
		received(u, cqe, fd);
		break;
	case SENT:
		sent(u, cqe, fd);
		break;
	}
}

static bool serve(struct server *s, bool multishot)
{
	struct uring u = { .s = s, .multishot = multishot, .left = s->nr_connections };
	const struct io_uring_cqe *cqe;
	unsigned int nr = multishot ? NR_BUFFERS : MAX_FD;

	if (!ring_open(&u.r, ENTRIES, IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN))
		return false;
	u.buffers = calloc(nr, MAX_SIZE);
	if (!u.buffers)
		err(1, "buffers");
	if (multishot && !open_buffers(&u))
		return false;
	prep_accept(&u);
	while (u.left) {
		ring_enter(&u.r, 1);
		while ((cqe = ring_peek(&u.r))) {
			handle(&u, cqe);
			ring_seen(&u.r);
		}
	}
	ring_close(&u.r);
	free(u.ring);
	free(u.buffers);
	return true;
}

bool serve_uring(struct server *s)
{
	return serve(s, false);
}

bool serve_uring_multishot(struct server *s)
{
	return serve(s, true);
}
