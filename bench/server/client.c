// SPDX-License-Identifier: GPL-2.0
/* The clients: one process for all, plain epoll. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <err.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "server.h"

#define MAX_US		1000000		/* longer times count as that */
#define NR_EVENTS	64

static unsigned int histogram[MAX_US + 1];

struct client {
	int fd;
	long long sent_ns;
};

static long long now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000LL + ts.tv_nsec;
}

static int connect_to(unsigned short port)
{
	struct sockaddr_in addr = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
		.sin_port = htons(port),
	};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;

	if (fd < 0 || connect(fd, (struct sockaddr *)&addr, sizeof(addr)) ||
	    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)))
		err(1, "connect");
	return fd;
}

static void send_one(struct client *client, unsigned int size)
{
	static const char message[MAX_SIZE];

	client->sent_ns = now_ns();
	if (send(client->fd, message, size, MSG_NOSIGNAL) != (ssize_t)size)
		err(1, "send");
}

static unsigned int percentile(unsigned long long nr, double fraction)
{
	unsigned long long seen = 0;
	unsigned int us;

	for (us = 0; us < MAX_US; us++) {
		seen += histogram[us];
		if (seen >= nr * fraction)
			break;
	}
	return us;
}

/* Answer whatever comes, for so long. Return: the number of messages. */
static unsigned long long exchange(int epoll, unsigned int size, long long ns)
{
	long long start = now_ns();
	unsigned long long nr = 0;

	memset(histogram, 0, sizeof(histogram));
	while (now_ns() - start < ns) {
		struct epoll_event events[NR_EVENTS];
		int i, n = epoll_wait(epoll, events, NR_EVENTS, 100);

		for (i = 0; i < n; i++) {
			struct client *client = events[i].data.ptr;
			char message[MAX_SIZE];
			long long us;

			if (recv(client->fd, message, size, MSG_WAITALL) != (ssize_t)size)
				errx(1, "the server has hung up");
			us = (now_ns() - client->sent_ns) / 1000;
			histogram[us < MAX_US ? us : MAX_US]++;
			nr++;
			send_one(client, size);
		}
	}
	return nr;
}

void make_load(unsigned short port, unsigned int nr_connections, unsigned int size,
	       unsigned int seconds, struct load *load)
{
	struct client *clients = calloc(nr_connections, sizeof(*clients));
	int epoll = epoll_create1(EPOLL_CLOEXEC);
	long long start;
	unsigned int i;

	if (!clients || epoll < 0)
		err(1, "clients");
	for (i = 0; i < nr_connections; i++) {
		struct epoll_event event = { .events = EPOLLIN, .data.ptr = &clients[i] };

		clients[i].fd = connect_to(port);
		if (epoll_ctl(epoll, EPOLL_CTL_ADD, clients[i].fd, &event))
			err(1, "epoll_ctl");
	}
	for (i = 0; i < nr_connections; i++)
		send_one(&clients[i], size);
	exchange(epoll, size, 1000000000LL);
	start = now_ns();
	load->nr_messages = exchange(epoll, size, seconds * 1000000000LL);
	load->seconds = (now_ns() - start) / 1e9;
	load->p50_us = percentile(load->nr_messages, 0.5);
	load->p99_us = percentile(load->nr_messages, 0.99);
	load->p999_us = percentile(load->nr_messages, 0.999);
	for (i = 0; i < nr_connections; i++)
		close(clients[i].fd);
	free(clients);
}
