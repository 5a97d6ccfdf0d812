/* SPDX-License-Identifier: GPL-2.0 */
/* A server that sends back what it receives, in several ways, and its clients. */
#ifndef BENCH_SERVER_H
#define BENCH_SERVER_H

#include <stdbool.h>

#define MAX_SIZE	256	/* bytes of a message */

/**
 * struct server - what a way of serving is given, and what it tells
 * @listener: a socket that listens
 * @nr_connections: so many clients come; when all have gone the server ends
 * @size: bytes of a message
 * @nr_messages: out: sent back
 */
struct server {
	int listener;
	unsigned int nr_connections;
	unsigned int size;
	unsigned long long nr_messages;
};

/* Ways to serve. Return: false: the kernel lacks what it takes. */
bool serve_epoll(struct server *s);
bool serve_uring(struct server *s);
bool serve_uring_multishot(struct server *s);

/**
 * struct load - what the clients have seen
 * @nr_messages: echoed within the time that counts
 * @seconds: how long that was
 * @p50_us: half of them came back within that time, ...
 * @p99_us: ...
 * @p999_us: ...
 */
struct load {
	unsigned long long nr_messages;
	double seconds;
	unsigned int p50_us;
	unsigned int p99_us;
	unsigned int p999_us;
};

/**
 * make_load - connect, and send messages for a while
 * @port: of the server, on the loopback device
 * @nr_connections: each has one message under way at a time
 * @size: bytes of a message
 * @seconds: after one more, in which the server warms up
 * @load: result
 */
void make_load(unsigned short port, unsigned int nr_connections, unsigned int size,
	       unsigned int seconds, struct load *load);

#endif
