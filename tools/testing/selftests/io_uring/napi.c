// SPDX-License-Identifier: GPL-2.0
/*
 * NAPI: busy polling of network devices while waiting. A pair of virtual Ethernet
 * devices, each in a network namespace of its own, has receive queues that can be
 * polled.
 */
#include "net_test.h"

#include <linux/ethtool.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <linux/veth.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/time.h>

#include "../kselftest_harness.h"

#define DEFER (IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN)

static int napi_set(struct ring *r, unsigned int us, int prefer, struct io_uring_napi *was)
{
	struct io_uring_napi reg = { .busy_poll_to = us, .prefer_busy_poll = prefer };
	int ret = sys_register(r->fd, IORING_REGISTER_NAPI, &reg, 1);

	if (was)
		*was = reg;
	return ret;
}

FIXTURE(napi_rules)
{
	struct ring ring;
};

FIXTURE_SETUP(napi_rules)
{
	ASSERT_EQ(0, ring_open(&self->ring, 8, 0));
	if (napi_set(&self->ring, 0, 0, NULL) == -EOPNOTSUPP)
		SKIP(return, "CONFIG_NET_RX_BUSY_POLL is off");
	ASSERT_EQ(0, sys_register(self->ring.fd, IORING_UNREGISTER_NAPI, NULL, 1));
}

FIXTURE_TEARDOWN(napi_rules)
{
	ring_close(&self->ring);
}

/* Each call tells what was set before. */
TEST_F(napi_rules, settings)
{
	struct io_uring_napi was;
	struct ring *r = &self->ring;

	ASSERT_EQ(0, napi_set(r, 100, 1, &was));
	EXPECT_EQ(0u, was.busy_poll_to);
	EXPECT_EQ(0, was.prefer_busy_poll);
	ASSERT_EQ(0, napi_set(r, 5000, 0, &was));
	EXPECT_EQ(100u, was.busy_poll_to);
	EXPECT_EQ(1, was.prefer_busy_poll);
	memset(&was, 0xff, sizeof(was));
	ASSERT_EQ(0, sys_register(r->fd, IORING_UNREGISTER_NAPI, &was, 1));
	EXPECT_EQ(5000u, was.busy_poll_to);
	EXPECT_EQ(0, was.prefer_busy_poll);
	EXPECT_EQ(0, was.pad[0] | was.pad[1] | was.pad[2]);
	EXPECT_EQ(0ull, (unsigned long long)was.resv);
	/* Unregistered: nothing is left of it, and once more does no harm */
	ASSERT_EQ(0, sys_register(r->fd, IORING_UNREGISTER_NAPI, &was, 1));
	EXPECT_EQ(0u, was.busy_poll_to);
	ASSERT_EQ(0, napi_set(r, 7, 0, &was));
	EXPECT_EQ(0u, was.busy_poll_to);
	EXPECT_TRUE(ring_works(r));
}

/* Nobody polls for ever: more than 10 ms are 10 ms. */
TEST_F(napi_rules, limit)
{
	static const unsigned int asked[] = { 9999, 10000, 10001, 1000000, UINT_MAX };
	struct io_uring_napi was;
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(asked); i++) {
		ASSERT_EQ(0, napi_set(&self->ring, asked[i], 0, NULL));
		ASSERT_EQ(0, sys_register(self->ring.fd, IORING_UNREGISTER_NAPI, &was, 1));
		EXPECT_EQ(asked[i] < 10000 ? asked[i] : 10000, was.busy_poll_to);
	}
}

TEST_F(napi_rules, errors)
{
	struct io_uring_napi reg = { .busy_poll_to = 100 };
	struct ring *r = &self->ring;
	unsigned int i;
	struct ring other;

	EXPECT_EQ(-EINVAL, sys_register(r->fd, IORING_REGISTER_NAPI, &reg, 0));
	EXPECT_EQ(-EINVAL, sys_register(r->fd, IORING_REGISTER_NAPI, &reg, 2));
	EXPECT_EQ(-EINVAL, sys_register(r->fd, IORING_REGISTER_NAPI, NULL, 1));
	EXPECT_EQ(-EINVAL, sys_register(r->fd, IORING_UNREGISTER_NAPI, &reg, 0));
	EXPECT_EQ(-EINVAL, sys_register(r->fd, IORING_UNREGISTER_NAPI, NULL, 2));
	EXPECT_EQ(-EFAULT, sys_register(r->fd, IORING_REGISTER_NAPI, no_access(4096), 1));
	EXPECT_EQ(-EFAULT, sys_register(r->fd, IORING_UNREGISTER_NAPI, no_access(4096), 1));
	for (i = 0; i < ARRAY_LEN(reg.pad); i++) {
		reg.pad[i] = 1;
		EXPECT_EQ(-EINVAL, sys_register(r->fd, IORING_REGISTER_NAPI, &reg, 1));
		reg.pad[i] = 0;
	}
	reg.resv = 1ull << 63;
	EXPECT_EQ(-EINVAL, sys_register(r->fd, IORING_REGISTER_NAPI, &reg, 1));

	ASSERT_EQ(0, ring_open(&other, 8, IORING_SETUP_IOPOLL));
	EXPECT_EQ(-EINVAL, napi_set(&other, 100, 0, NULL));
	ring_close(&other);
}

/* What cannot be written back is not changed. */
TEST_F(napi_rules, read_only)
{
	struct io_uring_napi *reg = pages(4096), was;

	reg->busy_poll_to = 55;
	ASSERT_EQ(0, mprotect(reg, 4096, PROT_READ));
	EXPECT_EQ(-EFAULT, sys_register(self->ring.fd, IORING_REGISTER_NAPI, reg, 1));
	ASSERT_EQ(0, napi_set(&self->ring, 1, 0, &was));
	EXPECT_EQ(0u, was.busy_poll_to);
}

TEST_F(napi_rules, fdinfo)
{
	char path[64], text[4096];

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", self->ring.fd);
	ASSERT_TRUE(read_small_file(path, text, sizeof(text)));
	EXPECT_NE(NULL, strstr(text, "\nNAPI:\tdisabled\n"));
	ASSERT_EQ(0, napi_set(&self->ring, 5, 1, NULL));
	ASSERT_TRUE(read_small_file(path, text, sizeof(text)));
	EXPECT_NE(NULL, strstr(text, "\nNAPI:\tenabled\nnapi_busy_poll_dt:\t5000\n"
			       "napi_prefer_busy_poll:\ttrue\n"));
}

/* Waiting without any socket, and for sockets that no device belongs to. */
TEST_F(napi_rules, nothing_to_poll)
{
	struct ring *r = &self->ring;
	char in[8];
	int fd[2];

	ASSERT_EQ(0, napi_set(r, 10000, 1, NULL));
	EXPECT_EQ(-ETIME, ring_enter_wait(r, 1, 20));
	ASSERT_EQ(0, sock_pair(SOCK_TCP4, fd));
	prep(r, IORING_OP_RECV, fd[1], in, sizeof(in), 0);
	ASSERT_EQ(1, ring_submit(r));
	EXPECT_EQ(-ETIME, ring_enter_wait(r, 1, 20));
	ASSERT_EQ(3, send(fd[0], "abc", 3, 0));
	EXPECT_EQ(0, ring_enter_wait(r, 1, WAIT_MS));
	close_pair(fd);
}

/*
 * Two devices
 */

/* A netlink message under construction. */
struct message {
	struct nlmsghdr head;
	struct ifinfomsg info;
	char attrs[512];
};

static struct rtattr *add_attr(struct message *m, int type, const void *data, int len)
{
	struct rtattr *attr = (struct rtattr *)((char *)m + NLMSG_ALIGN(m->head.nlmsg_len));

	attr->rta_type = type;
	attr->rta_len = RTA_LENGTH(len);
	memcpy(RTA_DATA(attr), data, len);
	m->head.nlmsg_len = NLMSG_ALIGN(m->head.nlmsg_len) + RTA_ALIGN(attr->rta_len);
	return attr;
}

/* End a nest that began with @attr. */
static void end_nest(struct message *m, struct rtattr *attr)
{
	attr->rta_len = (char *)m + m->head.nlmsg_len - (char *)attr;
}

/* Make veth0 here, and veth1 in another network namespace. 0 or -errno. */
static int make_veth(int netns)
{
	struct {
		struct nlmsghdr head;
		struct nlmsgerr err;
	} answer;
	struct message m = {
		.head = {
			.nlmsg_len = NLMSG_LENGTH(sizeof(struct ifinfomsg)),
			.nlmsg_type = RTM_NEWLINK,
			.nlmsg_flags = NLM_F_REQUEST | NLM_F_CREATE | NLM_F_EXCL | NLM_F_ACK,
		},
	};
	struct rtattr *link, *data, *peer;
	struct ifinfomsg info = {};
	int fd = socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
	int ret = -EIO;

	add_attr(&m, IFLA_IFNAME, "veth0", 6);
	link = add_attr(&m, IFLA_LINKINFO, "", 0);
	add_attr(&m, IFLA_INFO_KIND, "veth", 5);
	data = add_attr(&m, IFLA_INFO_DATA, "", 0);
	peer = add_attr(&m, VETH_INFO_PEER, &info, sizeof(info));
	add_attr(&m, IFLA_IFNAME, "veth1", 6);
	add_attr(&m, IFLA_NET_NS_FD, &netns, sizeof(netns));
	end_nest(&m, peer);
	end_nest(&m, data);
	end_nest(&m, link);
	if (send(fd, &m, m.head.nlmsg_len, 0) == (ssize_t)m.head.nlmsg_len &&
	    recv(fd, &answer, sizeof(answer), 0) >= (ssize_t)sizeof(answer.head) + 4)
		ret = answer.err.error;
	close(fd);
	return ret;
}

/* Up, with an address, and with packets that come through the device's poll function. */
static int set_up(const char *name, const char *addr)
{
	struct ethtool_value gro = { .cmd = ETHTOOL_SGRO, .data = 1 };
	struct ethtool_value tso = { .cmd = ETHTOOL_STSO, .data = 0 };
	struct ifreq ifr = {};
	struct sockaddr_in *sin = (struct sockaddr_in *)&ifr.ifr_addr;
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	int ret = 0;

	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", name);
	sin->sin_family = AF_INET;
	inet_pton(AF_INET, addr, &sin->sin_addr);
	ret |= ioctl(fd, SIOCSIFADDR, &ifr);
	inet_pton(AF_INET, "255.255.255.0", &sin->sin_addr);
	ret |= ioctl(fd, SIOCSIFNETMASK, &ifr);
	ifr.ifr_data = (void *)&gro;
	ret |= ioctl(fd, SIOCETHTOOL, &ifr);
	/* For what may be in segments the device takes a short cut */
	ifr.ifr_data = (void *)&tso;
	ret |= ioctl(fd, SIOCETHTOOL, &ifr);
	ifr.ifr_flags = IFF_UP | IFF_RUNNING;
	ret |= ioctl(fd, SIOCSIFFLAGS, &ifr);
	close(fd);
	return ret ? -errno : 0;
}

FIXTURE(napi)
{
	struct ring ring;
	int fd[2];	/* [0] is on veth0, [1] on veth1 */
};

FIXTURE_VARIANT(napi)
{
	unsigned int setup;
	int prefer;
};

FIXTURE_VARIANT_ADD(napi, plain) {
	.setup = 0,
};

FIXTURE_VARIANT_ADD(napi, prefer) {
	.prefer = 1,
};

FIXTURE_VARIANT_ADD(napi, coop) {
	.setup = IORING_SETUP_COOP_TASKRUN,
};

FIXTURE_VARIANT_ADD(napi, defer) {
	.setup = DEFER,
};

FIXTURE_VARIANT_ADD(napi, sqpoll) {
	.setup = IORING_SETUP_SQPOLL,
};

FIXTURE_SETUP(napi)
{
	struct sockaddr_in sin = { .sin_family = AF_INET };
	socklen_t len = sizeof(int);
	int here, listener, id = 0;
	char in[4];

	self->fd[0] = -1;
	self->fd[1] = -1;
	ASSERT_EQ(0, ring_open(&self->ring, 8, variant->setup));
	if (napi_set(&self->ring, 0, 0, NULL) == -EOPNOTSUPP)
		SKIP(return, "CONFIG_NET_RX_BUSY_POLL is off");
	if (unshare(CLONE_NEWNET))
		SKIP(return, "no network namespaces for us");
	here = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	ASSERT_LE(0, here);
	ASSERT_EQ(0, unshare(CLONE_NEWNET));
	if (make_veth(here))
		SKIP(return, "no virtual Ethernet devices");
	ASSERT_EQ(0, set_up("veth0", "10.9.8.1"));
	listener = socket(AF_INET, SOCK_STREAM, 0);
	ASSERT_EQ(0, listen(listener, 8));
	len = sizeof(sin);
	ASSERT_EQ(0, getsockname(listener, (struct sockaddr *)&sin, &len));
	ASSERT_EQ(0, setns(here, CLONE_NEWNET));
	ASSERT_EQ(0, set_up("veth1", "10.9.8.2"));
	inet_pton(AF_INET, "10.9.8.1", &sin.sin_addr);
	self->fd[1] = socket(AF_INET, SOCK_STREAM, 0);
	ASSERT_EQ(0, connect(self->fd[1], (struct sockaddr *)&sin, sizeof(sin)));
	self->fd[0] = accept(listener, NULL, NULL);
	ASSERT_LE(0, self->fd[0]);
	close(listener);
	close(here);
	/* The first packet tells which queue it came from */
	ASSERT_EQ(1, send(self->fd[0], "x", 1, 0));
	ASSERT_EQ(1, recv(self->fd[1], in, 1, 0));
	len = sizeof(id);
	ASSERT_EQ(0, getsockopt(self->fd[1], SOL_SOCKET, SO_INCOMING_NAPI_ID, &id, &len));
	ASSERT_LT(0, id);
}

FIXTURE_TEARDOWN(napi)
{
	ring_close(&self->ring);
	close_pair(self->fd);
}

static long cpu_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* Wait in vain, 40 times for 10 ms: for how many ms the processor was busy with that. */
static long busy_while_waiting(struct ring *r)
{
	long start = cpu_ms();
	int i;

	for (i = 0; i < 40; i++)
		if (ring_enter_wait(r, 1, 10) != -ETIME)
			return -1;
	return cpu_ms() - start;
}

/* The same, again when that was @limit or more: other things may have come between. */
static long busy_at_best(struct ring *r, long limit)
{
	int tries = 3;
	long busy;

	do {
		busy = busy_while_waiting(r);
	} while (busy >= limit && --tries);
	return busy;
}

/* It polls instead of sleeping, until the time of either is over, if it was registered. */
TEST_F(napi, polls)
{
	struct ring *r = &self->ring;
	char in[8];

	ASSERT_EQ(0, napi_set(r, 10000, variant->prefer, NULL));
	prep(r, IORING_OP_RECV, self->fd[1], in, sizeof(in), 0);
	ASSERT_EQ(1, ring_submit(r));
	if (variant->setup & IORING_SETUP_SQPOLL) {
		/* The thread does that */
		EXPECT_GT(100, busy_at_best(r, 100));
	} else {
		EXPECT_LE(200, busy_while_waiting(r));
		ASSERT_EQ(0, napi_set(r, 1000, variant->prefer, NULL));
		EXPECT_GT(200, busy_at_best(r, 200));
	}
	ASSERT_EQ(0, sys_register(r->fd, IORING_UNREGISTER_NAPI, NULL, 1));
	EXPECT_GT(200, busy_at_best(r, 200));
	ASSERT_EQ(5, send(self->fd[0], "hello", 5, 0));
	EXPECT_EQ(0, ring_enter_wait(r, 1, WAIT_MS));
}

/* What comes in meanwhile ends the wait, long before the time is over. */
TEST_F(napi, receives)
{
	struct ring *r = &self->ring;
	struct io_uring_cqe cqe;
	long start = now_ms();
	char in[8];
	int i, status;
	pid_t pid;

	ASSERT_EQ(0, napi_set(r, 10000, variant->prefer, NULL));
	pid = fork();
	if (!pid) {
		/* An echo: the next message is sent when the last one was answered */
		for (i = 0; i < 50; i++) {
			usleep(2000);
			if (send(self->fd[0], "ping", 4, 0) != 4 ||
			    recv(self->fd[0], in, 4, MSG_WAITALL) != 4)
				_exit(1);
		}
		_exit(0);
	}
	for (i = 0; i < 50; i++) {
		prep(r, IORING_OP_RECV, self->fd[1], in, sizeof(in), 0);
		ASSERT_EQ(1, ring_submit(r));
		ASSERT_EQ(0, ring_wait_ms(r, &cqe, 60000));
		ASSERT_EQ(4, cqe.res);
		ASSERT_EQ(4, send(self->fd[1], "pong", 4, 0));
	}
	status = reap(pid, WAIT_MS);
	EXPECT_EQ(0, status);
	EXPECT_GT(50000, now_ms() - start);
}

static void on_alarm(int sig)
{
}

/* A signal ends it. */
TEST_F(napi, signal)
{
	struct itimerval soon = { .it_value.tv_usec = 100000, .it_interval.tv_usec = 100000 };
	struct itimerval off = { 0 };
	struct sigaction sa = { .sa_handler = on_alarm };
	struct ring *r = &self->ring;
	long start = now_ms();
	char in[8];

	ASSERT_EQ(0, napi_set(r, 10000, variant->prefer, NULL));
	prep(r, IORING_OP_RECV, self->fd[1], in, sizeof(in), 0);
	ASSERT_EQ(1, ring_submit(r));
	sigaction(SIGALRM, &sa, NULL);
	/* Again and again: the first one may come before the wait begins */
	setitimer(ITIMER_REAL, &soon, NULL);
	EXPECT_EQ(-EINTR, ring_enter_wait(r, 1, 25000));
	setitimer(ITIMER_REAL, &off, NULL);
	EXPECT_GT(20000, now_ms() - start);
}

TEST_HARNESS_MAIN
