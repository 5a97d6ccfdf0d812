// SPDX-License-Identifier: GPL-2.0
/*
 * Sockets in adverse conditions: many short connections, hardly any buffers, peers
 * that reset or close one side. Nothing may be lost, come twice, or stay behind.
 */
#include "net_test.h"
#include "pbuf_test.h"

#include <pthread.h>

#include "../kselftest_harness.h"

#define DEFER (IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN)
#define BGID 3

FIXTURE(net_storm)
{
	struct ring ring;
};

FIXTURE_VARIANT(net_storm)
{
	unsigned int setup;
};

FIXTURE_VARIANT_ADD(net_storm, plain) {
	.setup = 0,
};

FIXTURE_VARIANT_ADD(net_storm, defer) {
	.setup = DEFER,
};

FIXTURE_VARIANT_ADD(net_storm, sqpoll) {
	.setup = IORING_SETUP_SQPOLL,
};

FIXTURE_SETUP(net_storm)
{
	ASSERT_EQ(0, ring_open(&self->ring, 256, variant->setup));
}

FIXTURE_TEARDOWN(net_storm)
{
	ring_close(&self->ring);
}

/* The next SQE, when there is room. */
static struct io_uring_sqe *prep_soon(struct ring *r, int opcode, int fd, __u64 user_data)
{
	struct io_uring_sqe *sqe;

	while (!(sqe = prep(r, opcode, fd, NULL, 0, 0)))
		ring_submit(r);
	sqe->user_data = user_data;
	return sqe;
}

/* How many sockets there are in this network namespace. */
static int nr_sockets(void)
{
	char text[512];
	int nr = -1;

	if (read_small_file("/proc/net/sockstat", text, sizeof(text)))
		sscanf(text, "sockets: used %d", &nr);
	return nr;
}

struct clients {
	struct sockaddr_storage ss;
	socklen_t len;
	int kind;
	int nr;
	int failed;
};

static void *connect_and_go(void *arg)
{
	struct linger linger = { .l_onoff = 1 };
	struct clients *c = arg;
	int i, fd;

	for (i = 0; i < c->nr; i++) {
		fd = sock_connected(c->kind, &c->ss, c->len);
		if (fd < 0) {
			c->failed++;
			continue;
		}
		/* No TIME_WAIT: there are not enough ports for that */
		if (i & 1)
			send(fd, "x", 1, MSG_NOSIGNAL);
		setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
		close(fd);
	}
	return NULL;
}

/*
 * Accept @c->nr connections into slots that the kernel chooses, and close them.
 * Return: how many were accepted, or did not find a free slot.
 */
static int serve(struct ring *r, int listener, const struct clients *c, int *nr_full)
{
	enum { ACCEPT = 1, CLOSE };
	struct io_uring_sqe *sqe;
	struct io_uring_cqe cqe;
	bool armed = false;
	int nr = 0;

	while (nr < c->nr) {
		if (!armed) {
			sqe = prep_soon(r, IORING_OP_ACCEPT, listener, ACCEPT);
			sqe->ioprio = IORING_ACCEPT_MULTISHOT;
			sqe->file_index = IORING_FILE_INDEX_ALLOC;
			armed = true;
		}
		ring_submit(r);
		if (ring_wait(r, &cqe))
			break;
		if (cqe.user_data == CLOSE) {
			if (cqe.res)
				break;
			continue;
		}
		if (!(cqe.flags & IORING_CQE_F_MORE))
			armed = false;
		if (cqe.res < 0 && cqe.res != -ENFILE)
			break;
		if (cqe.res < 0)
			(*nr_full)++;
		else
			prep_soon(r, IORING_OP_CLOSE, 0, CLOSE)->file_index = cqe.res + 1;
		nr++;
	}
	return nr;
}

static void short_connections(struct __test_metadata *_metadata, struct ring *r, int kind, int nr)
{
	struct clients c = { .kind = kind, .nr = nr };
	struct io_uring_cqe cqe;
	int listener, full = 0, before;
	pthread_t thread;
	long end;

	listener = sock_listening(kind, &c.ss, &c.len);
	ASSERT_LE(0, listener);
	before = nr_sockets();
	ASSERT_EQ(0, pthread_create(&thread, NULL, connect_and_go, &c));
	EXPECT_EQ(nr, serve(r, listener, &c, &full));
	pthread_join(thread, NULL);
	EXPECT_EQ(0, c.failed);
	TH_LOG("%s: %d of %d connections found no slot", sock_names[kind], full, nr);
	/* The accept goes with its socket; the last CLOSEs may be on their way */
	shutdown(listener, SHUT_RDWR);
	ring_submit(r);
	end = now_ms() + WAIT_MS;
	while (nr_sockets() > before && now_ms() < end)
		ring_wait_ms(r, &cqe, 10);
	EXPECT_GE(before, nr_sockets());
	while (!ring_wait_ms(r, &cqe, 20))
		;
	close(listener);
}

TEST_F_TIMEOUT(net_storm, short_connections, 120)
{
	struct io_uring_rsrc_register reg = { .nr = 32, .flags = IORING_RSRC_REGISTER_SPARSE };
	struct io_uring_sqe *sqe;
	int i, slot;

	ASSERT_EQ(0, sys_register(self->ring.fd, IORING_REGISTER_FILES2, &reg, sizeof(reg)));
	short_connections(_metadata, &self->ring, SOCK_UNIX_STREAM, variant->setup ? 2000 : 10000);
	short_connections(_metadata, &self->ring, SOCK_TCP4, 1000);
	/* All slots are free again */
	for (i = 0; i < 33; i++) {
		sqe = prep_soon(&self->ring, IORING_OP_SOCKET, AF_UNIX, 0);
		sqe->off = SOCK_STREAM;
		sqe->file_index = IORING_FILE_INDEX_ALLOC;
		slot = ring_result(&self->ring);
		EXPECT_TRUE(i < 32 ? slot >= 0 : slot == -ENFILE) {
			TH_LOG("%d: %d", i, slot);
		}
	}
}

/*
 * Many connections, four buffers: most receives end with -ENOBUFS. A buffer is never
 * with two of them, and each connection gets its bytes in order.
 */
#define NR_CONNS 24
#define NR_BUFS 4
#define BUF_SIZE 64
#define NR_BYTES 4000

static void *feed_all(void *arg)
{
	int (*fd)[2] = arg;
	size_t done[NR_CONNS] = { 0 };
	char text[100];
	bool more = true;
	unsigned int i, k;
	ssize_t n;

	while (more) {
		more = false;
		for (i = 0; i < NR_CONNS; i++) {
			size_t len = 1 + (done[i] * 7 + i) % sizeof(text);

			if (done[i] == NR_BYTES)
				continue;
			more = true;
			if (len > NR_BYTES - done[i])
				len = NR_BYTES - done[i];
			for (k = 0; k < len; k++)
				text[k] = (done[i] + k) * 3 + i;
			n = send(fd[i][0], text, len, MSG_DONTWAIT | MSG_NOSIGNAL);
			if (n > 0)
				done[i] += n;
		}
	}
	for (i = 0; i < NR_CONNS; i++)
		shutdown(fd[i][0], SHUT_WR);
	return NULL;
}

TEST_F_TIMEOUT(net_storm, few_buffers, 120)
{
	size_t got[NR_CONNS] = { 0 };
	int fd[NR_CONNS][2], i, open = NR_CONNS, storms = 0;
	bool taken[NR_BUFS] = { false };
	struct ring *r = &self->ring;
	struct io_uring_cqe cqe;
	struct pbufs b;
	pthread_t thread;

	ASSERT_EQ(0, pbufs_open(&b, r, NR_BUFS, BUF_SIZE, BGID, 0));
	pbufs_give(&b, 0, NR_BUFS);
	for (i = 0; i < NR_CONNS; i++)
		ASSERT_EQ(0, sock_pair(i & 1 ? SOCK_TCP4 : SOCK_UNIX_STREAM, fd[i]));
	ASSERT_EQ(0, pthread_create(&thread, NULL, feed_all, fd));
	for (i = -NR_CONNS; open; i++) {
		/* Arm all at first, and then who has ended */
		int conn = i + NR_CONNS;
		struct io_uring_sqe *sqe;
		int bid, k;

		if (i >= 0) {
			if (ring_reap(r, &cqe))
				;
			else if (ring_submit(r) < 0 || ring_wait(r, &cqe))
				break;
			conn = cqe.user_data;
			bid = cqe_bid(&cqe);
			if (cqe.res > 0) {
				ASSERT_TRUE(bid >= 0 && bid < NR_BUFS && !taken[bid]);
				for (k = 0; k < cqe.res; k++)
					ASSERT_EQ((char)((got[conn] + k) * 3 + conn),
						  pbufs_at(&b, bid)[k]);
				got[conn] += cqe.res;
				taken[bid] = true;
				/* Keep it for a while */
				for (k = 0; k < NR_BUFS && (i & 3) == 3; k++) {
					if (taken[k])
						pbufs_put(&b, k);
					taken[k] = false;
				}
				pbufs_publish(&b);
			} else {
				ASSERT_EQ(-1, bid);
				ASSERT_TRUE(!cqe.res || cqe.res == -ENOBUFS);
				storms += cqe.res == -ENOBUFS;
				open -= !cqe.res;
				for (k = 0; k < NR_BUFS; k++) {
					if (taken[k])
						pbufs_put(&b, k);
					taken[k] = false;
				}
				pbufs_publish(&b);
			}
			if ((cqe.flags & IORING_CQE_F_MORE) || !cqe.res)
				continue;
		}
		sqe = prep_soon(r, IORING_OP_RECV, fd[conn][1], conn);
		sqe->flags = IOSQE_BUFFER_SELECT;
		sqe->buf_group = BGID;
		sqe->ioprio = IORING_RECV_MULTISHOT;
	}
	EXPECT_EQ(0, open);
	EXPECT_LT(0, storms);
	pthread_join(thread, NULL);
	for (i = 0; i < NR_CONNS; i++) {
		EXPECT_EQ((size_t)NR_BYTES, got[i]);
		close_pair(fd[i]);
	}
}

/*
 * One receive for a whole connection, whose bytes come in bursts. After each burst the
 * sender waits until all of it was received: a wake-up that is lost is missed.
 */
#define NR_BURSTS 2000

struct bursts {
	int fd;
	unsigned int seed;
	unsigned int sent;
	unsigned int received;
	bool stop;
};

static void *send_bursts(void *arg)
{
	struct bursts *s = arg;
	char text[64] = { 0 };
	unsigned int i, k;

	for (i = 0; i < NR_BURSTS; i++) {
		unsigned int sent = 0;

		for (k = 0; k < 2; k++) {
			unsigned int len = 1 + rand_r(&s->seed) % sizeof(text);
			unsigned int spin = rand_r(&s->seed) % 3000;

			/* Some meet the receiver at work */
			while (spin--)
				__asm__ volatile("" ::: "memory");
			send(s->fd, text, len, MSG_NOSIGNAL);
			sent += len;
		}
		/* The end comes along with the data, or a little later */
		if (i == NR_BURSTS - 1)
			shutdown(s->fd, SHUT_WR);
		__atomic_add_fetch(&s->sent, sent, __ATOMIC_RELEASE);
		while (load(&s->received) != s->sent &&
		       !__atomic_load_n(&s->stop, __ATOMIC_RELAXED))
			sched_yield();
	}
	return NULL;
}

TEST_F_TIMEOUT(net_storm, bursts_of_data, 120)
{
	static const int kinds[] = { SOCK_TCP4, SOCK_TCP6, SOCK_UNIX_STREAM };
	struct ring *r = &self->ring;
	struct io_uring_sqe *sqe;
	struct io_uring_cqe cqe;
	struct pbufs b;
	unsigned int i;

	ASSERT_EQ(0, pbufs_open(&b, r, 16, BUF_SIZE, BGID, 0));
	pbufs_give(&b, 0, 16);
	for (i = 0; i < ARRAY_SIZE(kinds); i++) {
		struct bursts s = { .seed = i + 1 };
		pthread_t thread;
		int fd[2], ret;

		ASSERT_EQ(0, sock_pair(kinds[i], fd));
		s.fd = fd[0];
		sqe = prep_soon(r, IORING_OP_RECV, fd[1], 1);
		sqe->flags = IOSQE_BUFFER_SELECT;
		sqe->buf_group = BGID;
		sqe->ioprio = IORING_RECV_MULTISHOT;
		ASSERT_EQ(1, ring_submit(r));
		ASSERT_EQ(0, pthread_create(&thread, NULL, send_bursts, &s));
		while (!(ret = ring_wait(r, &cqe)) && cqe.res > 0 &&
		       (cqe.flags & IORING_CQE_F_MORE)) {
			pbufs_put(&b, cqe_bid(&cqe));
			pbufs_publish(&b);
			__atomic_add_fetch(&s.received, cqe.res, __ATOMIC_RELEASE);
		}
		__atomic_store_n(&s.stop, true, __ATOMIC_RELAXED);
		pthread_join(thread, NULL);
		ASSERT_EQ(0, ret) {
			TH_LOG("%s: %u bytes of %u", sock_names[kinds[i]], s.received, s.sent);
		}
		EXPECT_EQ(0, cqe.res);
		EXPECT_EQ(s.sent, s.received);
		close_pair(fd);
	}
}

/* Peers that go away in every manner, while data is to be sent and received. */
TEST_F(net_storm, peers_go_away)
{
	static char big[1 << 20];
	struct linger linger = { .l_onoff = 1 };
	struct ring *r = &self->ring;
	struct io_uring_sqe *sqe;
	struct io_uring_cqe cqe;
	int how, kind, i, fd[2];
	struct pbufs b;

	ASSERT_EQ(0, pbufs_open(&b, r, 8, 4096, BGID, 0));
	pbufs_give(&b, 0, 8);
	for (how = 0; how < 6; how++) {
		int ended = 0, before = pbufs_head(r, BGID), used = 0;

		kind = how & 1 ? SOCK_TCP6 : SOCK_UNIX_STREAM;
		ASSERT_EQ(0, sock_pair(kind, fd));
		sqe = prep_soon(r, IORING_OP_RECV, fd[1], 1);
		sqe->flags = IOSQE_BUFFER_SELECT;
		sqe->buf_group = BGID;
		sqe->ioprio = IORING_RECV_MULTISHOT;
		for (i = 0; i < 8; i++) {
			sqe = prep_soon(r, IORING_OP_SEND, fd[1], 2);
			sqe->addr = (uintptr_t)big;
			sqe->len = sizeof(big);
			sqe->msg_flags = MSG_WAITALL;
		}
		ring_submit(r);
		ASSERT_EQ(10, send(fd[0], big, 10, 0));
		ASSERT_EQ(0, ring_wait(r, &cqe));
		if (how / 2 == 0) {
			/* Reset */
			setsockopt(fd[0], SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
			close(fd[0]);
			fd[0] = -1;
		} else if (how / 2 == 1) {
			/* Half-closed: what is on its way the other way still arrives */
			shutdown(fd[0], SHUT_WR);
		} else {
			shutdown(fd[0], SHUT_RDWR);
		}
		for (;;) {
			if (cqe.user_data == 1 && cqe.res > 0) {
				used++;
				ASSERT_EQ(10, cqe.res);
				pbufs_put(&b, cqe_bid(&cqe));
				pbufs_publish(&b);
			}
			ended += !(cqe.flags & IORING_CQE_F_MORE);
			if (ended == 9)
				break;
			/* A slow reader, if there is one */
			while (ring_wait_ms(r, &cqe, 5)) {
				ASSERT_TRUE(fd[0] >= 0);
				recv(fd[0], big, 100000, MSG_DONTWAIT);
			}
		}
		EXPECT_EQ(used, (__u16)(pbufs_head(r, BGID) - before));
		EXPECT_EQ(1, used);
		EXPECT_EQ(-ETIME, ring_wait_ms(r, &cqe, 10));
		close_pair(fd);
	}
}

TEST_HARNESS_MAIN
