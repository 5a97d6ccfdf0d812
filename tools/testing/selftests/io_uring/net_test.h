/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Sockets for the io_uring selftests: connected pairs of every kind.
 */
#ifndef NET_TEST_H
#define NET_TEST_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "iou_test.h"

/* Kinds of sockets. The first ones are streams. */
enum sock_kind {
	SOCK_TCP4,
	SOCK_TCP6,
	SOCK_UNIX_STREAM,
	SOCK_UNIX_SEQPACKET,
	SOCK_UNIX_DGRAM,
	SOCK_UDP4,
	SOCK_UDP6,
	SOCK_KINDS,
};

static const char * const sock_names[] = {
	"TCP4", "TCP6", "UNIX stream", "UNIX seqpacket", "UNIX dgram", "UDP4", "UDP6",
};

static inline int sock_domain(enum sock_kind kind)
{
	if (kind == SOCK_TCP4 || kind == SOCK_UDP4)
		return AF_INET;
	if (kind == SOCK_TCP6 || kind == SOCK_UDP6)
		return AF_INET6;
	return AF_UNIX;
}

static inline int sock_type(enum sock_kind kind)
{
	switch (kind) {
	case SOCK_UNIX_SEQPACKET:
		return SOCK_SEQPACKET;
	case SOCK_UNIX_DGRAM:
	case SOCK_UDP4:
	case SOCK_UDP6:
		return SOCK_DGRAM;
	default:
		return SOCK_STREAM;
	}
}

static inline bool sock_is_dgram(enum sock_kind kind)
{
	return sock_type(kind) == SOCK_DGRAM;
}

/* An address to bind to, with a port or name that the kernel chooses. */
static inline socklen_t sock_any_addr(enum sock_kind kind, struct sockaddr_storage *ss)
{
	memset(ss, 0, sizeof(*ss));
	ss->ss_family = sock_domain(kind);
	if (ss->ss_family == AF_INET) {
		((struct sockaddr_in *)ss)->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		return sizeof(struct sockaddr_in);
	}
	if (ss->ss_family == AF_INET6) {
		((struct sockaddr_in6 *)ss)->sin6_addr = in6addr_loopback;
		return sizeof(struct sockaddr_in6);
	}
	return offsetof(struct sockaddr_un, sun_path);
}

/* A bound socket: the descriptor or -errno. @ss, @len: its address. */
static inline int sock_bound(enum sock_kind kind, struct sockaddr_storage *ss, socklen_t *len)
{
	int fd = socket(sock_domain(kind), sock_type(kind) | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	if (bind(fd, (struct sockaddr *)ss, sock_any_addr(kind, ss)))
		goto fail;
	*len = sizeof(*ss);
	if (getsockname(fd, (struct sockaddr *)ss, len))
		goto fail;
	return fd;
fail:
	close(fd);
	return -errno;
}

/* A listening socket: the descriptor or -errno. */
static inline int sock_listening(enum sock_kind kind, struct sockaddr_storage *ss, socklen_t *len)
{
	int fd = sock_bound(kind, ss, len);

	if (fd >= 0 && listen(fd, 128)) {
		close(fd);
		return -errno;
	}
	return fd;
}

static inline int sock_connected(enum sock_kind kind, const struct sockaddr_storage *ss,
				 socklen_t len)
{
	int fd = socket(sock_domain(kind), sock_type(kind) | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	if (connect(fd, (const struct sockaddr *)ss, len)) {
		close(fd);
		return -errno;
	}
	return fd;
}

/* Two sockets that are connected with each other. 0 or -errno. */
static inline int sock_pair(enum sock_kind kind, int fd[2])
{
	struct sockaddr_storage ss[2];
	socklen_t len[2];
	int one = 1;
	int listener;

	if (sock_domain(kind) == AF_UNIX)
		return socketpair(AF_UNIX, sock_type(kind) | SOCK_CLOEXEC, 0, fd) ? -errno : 0;
	if (sock_is_dgram(kind)) {
		fd[0] = sock_bound(kind, &ss[0], &len[0]);
		fd[1] = sock_bound(kind, &ss[1], &len[1]);
		if (fd[0] < 0 || fd[1] < 0 ||
		    connect(fd[0], (struct sockaddr *)&ss[1], len[1]) ||
		    connect(fd[1], (struct sockaddr *)&ss[0], len[0]))
			return -EIO;
		return 0;
	}
	listener = sock_listening(kind, &ss[0], &len[0]);
	if (listener < 0)
		return listener;
	fd[0] = sock_connected(kind, &ss[0], len[0]);
	fd[1] = fd[0] < 0 ? fd[0] : accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	close(listener);
	if (fd[0] < 0 || fd[1] < 0)
		return -EIO;
	setsockopt(fd[0], IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	setsockopt(fd[1], IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	return 0;
}

static inline void close_pair(int fd[2])
{
	if (fd[0] >= 0)
		close(fd[0]);
	if (fd[1] >= 0)
		close(fd[1]);
	fd[0] = -1;
	fd[1] = -1;
}

/*
 * A TCP address that does not answer: a listening socket that has all the connections it
 * wants. The descriptor or -errno; @others: connected to it, to be closed.
 */
static inline int sock_silent(struct sockaddr_storage *ss, socklen_t *len, int others[4])
{
	int fd = sock_bound(SOCK_TCP4, ss, len);
	int i;

	if (fd < 0 || listen(fd, 0))
		return -EIO;
	for (i = 0; i < 4; i++) {
		others[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		connect(others[i], (const struct sockaddr *)ss, *len);
		poll_fd(others[i], POLLOUT, 100);
	}
	return fd;
}

/* Fill a stream's buffers until a write would block, and goes on doing so. */
static inline void sock_fill(int fd)
{
	static char junk[65536];
	int quiet = 0;

	/* Longer than an ACK may be delayed, which makes room again */
	while (quiet < 100) {
		quiet++;
		while (send(fd, junk, sizeof(junk), MSG_DONTWAIT | MSG_NOSIGNAL) > 0)
			quiet = 0;
		usleep(5000);
	}
}

/* Read @len bytes from a stream, or what there is until it ends. */
static inline size_t sock_read_all(int fd, void *buf, size_t len)
{
	size_t done = 0;
	ssize_t n;

	while (done < len) {
		n = recv(fd, (char *)buf + done, len - done, 0);
		if (n <= 0)
			break;
		done += n;
	}
	return done;
}

#endif /* NET_TEST_H */
