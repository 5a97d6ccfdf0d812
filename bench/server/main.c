// SPDX-License-Identifier: GPL-2.0
/*
 * What does an echo server achieve?
 *
 * Usage: server WAY CONNECTIONS SECONDS SIZE	(WAY: epoll, uring, uring-multishot)
 *
 * The server is one process, all clients are another. Prints a line: messages
 * per second; 50th, 99th and 99.9th percentile of the time until a message was
 * back, in us; processor time of the server per message, in us. Or "not yet".
 *
 * Exit codes: 0 measured, or not possible yet; 1 failed; 2 usage error.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <err.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "server.h"

static const struct way {
	const char *name;
	bool (*serve)(struct server *s);
} ways[] = {
	{ "epoll", serve_epoll },
	{ "uring", serve_uring },
	{ "uring-multishot", serve_uring_multishot },
	{ }
};

static int listen_on(unsigned short *port)
{
	struct sockaddr_in addr = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	socklen_t len = sizeof(addr);

	if (fd < 0 || bind(fd, (struct sockaddr *)&addr, sizeof(addr)) || listen(fd, 4096) ||
	    getsockname(fd, (struct sockaddr *)&addr, &len))
		err(1, "listen");
	*port = ntohs(addr.sin_port);
	return fd;
}

static double cpu_us(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return usage.ru_utime.tv_sec * 1e6 + usage.ru_utime.tv_usec +
	       usage.ru_stime.tv_sec * 1e6 + usage.ru_stime.tv_usec;
}

static int measure(const struct way *way, struct server *s, unsigned int seconds)
{
	unsigned short port;
	struct load load;
	int result[2], status;
	pid_t pid;

	s->listener = listen_on(&port);
	if (pipe(result))
		err(1, "pipe");
	pid = fork();
	if (pid < 0)
		err(1, "fork");
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(s->listener);
		make_load(port, s->nr_connections, s->size, seconds, &load);
		_exit(write(result[1], &load, sizeof(load)) != sizeof(load));
	}
	if (!way->serve(s)) {
		puts("not yet");
		return 0;
	}
	if (waitpid(pid, &status, 0) != pid || status ||
	    read(result[0], &load, sizeof(load)) != sizeof(load))
		errx(1, "the clients failed");
	printf("%.0f\t%u\t%u\t%u\t%.2f\n", load.nr_messages / load.seconds, load.p50_us,
	       load.p99_us, load.p999_us, cpu_us() / s->nr_messages);
	return 0;
}

int main(int argc, char **argv)
{
	const struct way *way;
	struct rlimit limit;
	struct server s = { 0 };

	if (argc != 5)
		errx(2, "usage: server WAY CONNECTIONS SECONDS SIZE");
	for (way = ways; way->name && strcmp(way->name, argv[1]); way++)
		;
	s.nr_connections = atoi(argv[2]);
	s.size = atoi(argv[4]);
	if (!way->name || !s.nr_connections || !atoi(argv[3]) || !s.size || s.size > MAX_SIZE)
		errx(2, "no such way, or a number out of range");
	limit.rlim_cur = limit.rlim_max = 2 * s.nr_connections + 64;
	if (setrlimit(RLIMIT_NOFILE, &limit))
		err(1, "RLIMIT_NOFILE");
	return measure(way, &s, atoi(argv[3]));
}
