// SPDX-License-Identifier: GPL-2.0
/* The server as it is without io_uring. */
#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "server.h"

#define NR_EVENTS	256

static void add(int epoll, int fd)
{
	struct epoll_event event = { .events = EPOLLIN, .data.fd = fd };

	if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event))
		err(1, "epoll_ctl");
}

static void admit(struct server *s, int epoll)
{
	int fd = accept4(s->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK), one = 1;

	if (fd < 0)
		err(1, "accept");
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	add(epoll, fd);
}

/* Return: the client is still there */
static bool answer(struct server *s, int fd)
{
	char message[MAX_SIZE];
	ssize_t len = recv(fd, message, s->size, 0);

	if (len < 0 && errno == EAGAIN)
		return true;
	if (len <= 0 || send(fd, message, len, MSG_NOSIGNAL) != len) {
		close(fd);
		return false;
	}
	s->nr_messages++;
	return true;
}

bool serve_epoll(struct server *s)
{
	unsigned int left = s->nr_connections;
	int epoll = epoll_create1(EPOLL_CLOEXEC);

	if (epoll < 0)
		err(1, "epoll_create1");
	add(epoll, s->listener);
	while (left) {
		struct epoll_event events[NR_EVENTS];
		int i, n = epoll_wait(epoll, events, NR_EVENTS, -1);

		for (i = 0; i < n; i++) {
			if (events[i].data.fd == s->listener)
				admit(s, epoll);
			else if (!answer(s, events[i].data.fd))
				left--;
		}
	}
	close(epoll);
	return true;
}
