// SPDX-License-Identifier: GPL-2.0
/*
 * Those who come by. Whoever reads a ring's fdinfo, sends it a message or happens to
 * unlock it is not concerned with its requests: it starts none of them, closes none of
 * their files, and a ring that is stuck keeps nobody else busy.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "iou_test.h"

#include "../kselftest_harness.h"

#define LINGER_S	8	/* how long a close takes that nobody may have to wait for */

/* Fill the CQ, so that its fdinfo takes long to read */
static int fill_cq(struct ring *r)
{
	unsigned int i, nr = r->p.cq_entries;

	while (nr) {
		for (i = 0; i < r->p.sq_entries && i < nr; i++)
			prep_nop(r, i);
		if (ring_submit(r) != (int)i)
			return -EIO;
		nr -= i;
	}
	return 0;
}

static void fdinfo_path(char *path, size_t size, pid_t pid, int fd)
{
	snprintf(path, size, "/proc/%d/fdinfo/%d", pid, fd);
}

/* ------------------------------------------------------------------------
 * Who reads fdinfo, and has requests of its own that become ready meanwhile
 */

#define NR_CHAINS	12

/**
 * struct reader - rings, each with requests that read the fdinfo of the next one
 * @rings: the rings
 * @infos: their fdinfo
 * @pipes: of each chain
 */
struct reader {
	struct ring rings[6];
	int infos[6];
	int pipes[6][NR_CHAINS][2];
};

static struct reader reader;
static char info_buf[1 << 20];

/* When a byte has come through the pipe, read fdinfo of another ring */
static int prep_chain(struct ring *r, int from, int null, int info)
{
	struct io_uring_sqe *sqe = ring_sqe(r);

	if (!sqe)
		return -ENOSPC;
	sqe->opcode = IORING_OP_SPLICE;
	sqe->flags = IOSQE_IO_LINK;
	sqe->fd = null;
	sqe->splice_fd_in = from;
	sqe->off = -1;
	sqe->splice_off_in = -1;
	sqe->len = 1;
	return prep(r, IORING_OP_READ, info, info_buf, sizeof(info_buf), 0) ? 0 : -ENOSPC;
}

static int reader_open(unsigned int nr)
{
	int null = open("/dev/null", O_WRONLY);
	char path[64];
	unsigned int i, j;

	for (i = 0; i < nr; i++) {
		if (ring_open_cq(&reader.rings[i], 1024, 8192, 0) ||
		    fill_cq(&reader.rings[i]))
			return -errno;
		fdinfo_path(path, sizeof(path), getpid(), reader.rings[i].fd);
		reader.infos[i] = open(path, O_RDONLY | O_NONBLOCK);
		if (reader.infos[i] < 0)
			return -errno;
	}
	for (i = 0; i < nr; i++) {
		for (j = 0; j < NR_CHAINS; j++) {
			if (pipe(reader.pipes[i][j]) ||
			    prep_chain(&reader.rings[i], reader.pipes[i][j][0], null,
				       reader.infos[(i + 1) % nr]))
				return -errno;
		}
		if (ring_submit(&reader.rings[i]) != 2 * NR_CHAINS)
			return -EIO;
	}
	return null < 0 ? -errno : 0;
}

static unsigned int reader_rings;

static void *write_pipes(void *arg)
{
	unsigned int i, j;

	for (j = 0; j < NR_CHAINS; j++) {
		for (i = 0; i < reader_rings; i++)
			if (write(reader.pipes[i][j][1], "", 1) != 1)
				return NULL;
		nap();
		nap();
	}
	return arg;
}

/* The child: read while chains go on. It may never come back */
static int read_fdinfo(unsigned int nr)
{
	static char text[4096];
	pthread_t thread;
	int i;

	reader_rings = nr;
	if (reader_open(nr) || pthread_create(&thread, NULL, write_pipes, NULL))
		return 1;
	for (i = 0; i < 8; i++)
		if (pread(reader.infos[0], text, sizeof(text), 0) <= 0)
			return 2;
	pthread_join(thread, NULL);
	return 0;
}

FIXTURE(reads)
{
};

FIXTURE_VARIANT(reads)
{
	unsigned int nr_rings;
};

/* The reader would wait for itself; or a ring's reader for the next one's, and so on */
FIXTURE_VARIANT_ADD(reads, itself) { .nr_rings = 1 };
FIXTURE_VARIANT_ADD(reads, others) { .nr_rings = 6 };

FIXTURE_SETUP(reads)
{
}

FIXTURE_TEARDOWN(reads)
{
}

TEST_F_TIMEOUT(reads, starts_nothing, 180)
{
	int status;
	pid_t pid;

	pid = fork_detached();
	if (!pid)
		_exit(read_fdinfo(variant->nr_rings));
	status = reap(pid, 12 * WAIT_MS);
	ASSERT_LE(0, status) {
		kill(pid, SIGKILL);
		TH_LOG("still reading");
	}
	EXPECT_EQ(0, status);
}

/* ------------------------------------------------------------------------
 * Files that take long to close
 */

/*
 * A TCP socket whose close takes LINGER_S: it has data that its peer does not take, but
 * room for more. @peer is to be kept open.
 */
static int lingering_socket(int *peer)
{
	struct linger linger = { .l_onoff = 1, .l_linger = LINGER_S };
	struct sockaddr_in addr = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	socklen_t len = sizeof(addr);
	int small = 4096, large = 1 << 20;
	static char data[128 << 10];
	int listener, fd;

	listener = socket(AF_INET, SOCK_STREAM, 0);
	fd = socket(AF_INET, SOCK_STREAM, 0);
	setsockopt(listener, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &large, sizeof(large));
	if (bind(listener, (struct sockaddr *)&addr, len) || listen(listener, 1) ||
	    getsockname(listener, (struct sockaddr *)&addr, &len) ||
	    connect(fd, (struct sockaddr *)&addr, len))
		return -errno;
	*peer = accept(listener, NULL, NULL);
	close(listener);
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
	if (*peer < 0 || send(fd, data, sizeof(data), MSG_DONTWAIT) != sizeof(data))
		return -EIO;
	return fd;
}

#define NR_LINGERING	6

static int lingering_pipes[NR_LINGERING][2];

/* Workers that hold lingering sockets, the last references, until a pipe is written to */
static int hold_lingering(struct ring *r)
{
	struct io_uring_sqe *sqe;
	int i, fd, peer;

	for (i = 0; i < NR_LINGERING; i++) {
		fd = lingering_socket(&peer);
		sqe = ring_sqe(r);
		if (fd < 0 || !sqe || pipe(lingering_pipes[i]))
			return -EIO;
		sqe->opcode = IORING_OP_SPLICE;
		sqe->flags = IOSQE_ASYNC;
		sqe->fd = fd;
		sqe->splice_fd_in = lingering_pipes[i][0];
		sqe->off = -1;
		sqe->splice_off_in = -1;
		sqe->len = 1;
		if (ring_submit(r) != 1)
			return -EIO;
		close(fd);
	}
	return 0;
}

/* The child: say which ring, then let one request after the other end */
static int owner_main(int tell, int go)
{
	struct ring r;
	char c;
	int i;

	if (ring_open_cq(&r, 32768, 65536, 0) || fill_cq(&r) || hold_lingering(&r))
		return 1;
	if (write(tell, &r.fd, sizeof(r.fd)) != sizeof(r.fd) || read(go, &c, 1) != 1)
		return 2;
	for (i = 0; i < NR_LINGERING; i++) {
		usleep(150000);
		if (write(lingering_pipes[i][1], "", 1) != 1)
			return 3;
	}
	usleep(300000);
	return 0;
}

/* How long one reading takes, in ms */
static long timed_read(const char *path, char *text, size_t size)
{
	long start = now_ms();
	int fd = open(path, O_RDONLY);

	if (fd < 0)
		return -1;
	while (read(fd, text, size) > 0)
		;
	close(fd);
	return now_ms() - start;
}

FIXTURE(bystander)
{
};

FIXTURE_SETUP(bystander)
{
}

FIXTURE_TEARDOWN(bystander)
{
}

/* Who looks at another process's ring does not close that one's sockets */
TEST_F_TIMEOUT(bystander, monitor, 120)
{
	static char text[65536];
	int tell[2], go[2], fd, status;
	char path[64];
	long longest = 0;
	pid_t pid;

	ASSERT_EQ(0, pipe(tell));
	ASSERT_EQ(0, pipe(go));
	pid = fork_detached();
	if (!pid)
		_exit(owner_main(tell[1], go[0]));
	ASSERT_EQ((ssize_t)sizeof(fd), read(tell[0], &fd, sizeof(fd)));
	fdinfo_path(path, sizeof(path), pid, fd);
	ASSERT_EQ(1, write(go[1], "", 1));

	/* The owner may go, and the file with it */
	do {
		long ms = timed_read(path, text, sizeof(text));

		if (ms > longest)
			longest = ms;
		status = reap(pid, 0);
	} while (status == -ETIMEDOUT);
	EXPECT_EQ(0, status);
	EXPECT_GT(LINGER_S * 1000 / 2, longest);
}

/**
 * struct leaver - a thread that submits a request and exits
 * @ring: where
 * @sqe: what
 * @ret: what submitting returned
 */
struct leaver {
	struct ring *ring;
	struct io_uring_sqe sqe;
	int ret;
};

static void *submit_and_leave(void *arg)
{
	struct leaver *leaver = arg;
	struct io_uring_sqe *sqe = ring_sqe(leaver->ring);

	*sqe = leaver->sqe;
	leaver->ret = ring_submit(leaver->ring);
	return NULL;
}

static int leave_behind(struct ring *r, struct io_uring_sqe sqe)
{
	struct leaver leaver = { .ring = r, .sqe = sqe };
	pthread_t thread;

	if (pthread_create(&thread, NULL, submit_and_leave, &leaver))
		return -errno;
	pthread_join(thread, NULL);
	return leaver.ret;
}

/*
 * A kernel worker that ends the requests of a thread that is gone drops the last
 * references to their files. One of them takes its time; the other does not wait for it.
 */
TEST_F_TIMEOUT(bystander, kernel_worker, 60)
{
	struct io_uring_sqe poll_in = { .opcode = IORING_OP_POLL_ADD, .poll32_events = POLLIN };
	int sock, peer, p[2], i;
	struct io_uring_cqe cqe;
	struct ring r;

	if (untouched())
		SKIP(return, "there it does");
	ASSERT_EQ(0, ring_open(&r, 8, 0));
	sock = lingering_socket(&peer);
	ASSERT_LE(0, sock);
	ASSERT_EQ(0, pipe(p));

	poll_in.fd = sock;
	ASSERT_EQ(1, leave_behind(&r, poll_in));
	close(sock);
	poll_in.fd = p[0];
	ASSERT_EQ(1, leave_behind(&r, poll_in));
	close(p[0]);

	ASSERT_EQ(1, send(peer, "", 1, 0));
	ASSERT_EQ(0, ring_wait(&r, &cqe));
	/* So that it is being closed when the other one comes */
	usleep(500000);
	ASSERT_EQ(1, write(p[1], "", 1));
	ASSERT_EQ(0, ring_wait(&r, &cqe));
	EXPECT_EQ(POLLERR, poll_fd(p[1], 0, LINGER_S * 1000 / 2));
	for (i = 0; i < 2; i++)
		close(i ? peer : p[1]);
	ring_close(&r);
}

/* ------------------------------------------------------------------------
 * A ring whose lock is held by somebody who is stuck in a page fault
 */

/**
 * struct stuck - a thread that is in a fault, with the ring lock
 * @ring: whose
 * @uffd: closing it ends the fault
 * @page: that one
 * @chain: a request that is linked to a NOP comes before, so that it starts the chain
 * @first: what is submitted before in the same batch; opcode NOP: nothing
 * @thread: the thread
 */
struct stuck {
	struct ring *ring;
	int uffd;
	char *page;
	bool chain;
	struct io_uring_sqe first;
	pthread_t thread;
};

static void *stuck_main(void *arg)
{
	struct stuck *stuck = arg;
	int zero = open("/dev/zero", O_RDONLY);
	struct io_uring_sqe *sqe;

	if (stuck->first.opcode != IORING_OP_NOP) {
		if (stuck->chain) {
			prep_nop(stuck->ring, 0);
			stuck->ring->sqes[(stuck->ring->next - 1) & stuck->ring->sq_mask].flags =
				IOSQE_IO_LINK;
		}
		sqe = ring_sqe(stuck->ring);
		*sqe = stuck->first;
	}
	prep(stuck->ring, IORING_OP_READ, zero, stuck->page, 1, 0);
	ring_submit(stuck->ring);
	close(zero);
	return NULL;
}

/* Return: 0 when the thread is in the fault, or -errno */
static int get_stuck(struct stuck *stuck)
{
	stuck->page = pages(4096);
	stuck->uffd = open_userfault(stuck->page, 4096);
	if (stuck->uffd < 0)
		return stuck->uffd;
	if (pthread_create(&stuck->thread, NULL, stuck_main, stuck))
		return -errno;
	return poll_fd(stuck->uffd, POLLIN, WAIT_MS) & POLLIN ? 0 : -ETIMEDOUT;
}

static void get_loose(struct stuck *stuck)
{
	close(stuck->uffd);
	pthread_join(stuck->thread, NULL);
}

FIXTURE(message)
{
	struct ring from;
	struct ring to;
};

FIXTURE_VARIANT(message)
{
	unsigned int setup;
	bool chain;
};

FIXTURE_VARIANT_ADD(message, plain) { .setup = 0 };
FIXTURE_VARIANT_ADD(message, in_chain) { .setup = 0, .chain = true };
FIXTURE_VARIANT_ADD(message, coop) { .setup = IORING_SETUP_COOP_TASKRUN };

FIXTURE_SETUP(message)
{
	ASSERT_EQ(0, ring_open(&self->from, 8, variant->setup));
	ASSERT_EQ(0, ring_open(&self->to, 8, variant->setup));
}

FIXTURE_TEARDOWN(message)
{
	ring_close(&self->from);
	ring_close(&self->to);
}

/* A message is delivered though its sender is stuck with the rest of its batch */
TEST_F_TIMEOUT(message, of_a_stuck_sender, 60)
{
	struct stuck stuck = {
		.ring = &self->from,
		.chain = variant->chain,
		.first = {
			.opcode = IORING_OP_MSG_RING,
			.fd = self->to.fd,
			.len = 17,
			.off = 42,
		},
	};
	struct io_uring_cqe cqe;
	int ret = get_stuck(&stuck);

	if (ret == -EPERM)
		SKIP(return, "no userfaultfd");
	ASSERT_EQ(0, ret);
	EXPECT_EQ(0, ring_wait(&self->to, &cqe));
	EXPECT_EQ(17, cqe.res);
	EXPECT_EQ(42, (int)cqe.user_data);
	get_loose(&stuck);
}

/* Send to @to, in every way; say so, and wait for ever */
static void send_and_wait(int to, int said)
{
	struct ring r;

	if (ring_open(&r, 8, 0))
		_exit(1);
	prep(&r, IORING_OP_MSG_RING, to, NULL, 1, 0);
	prep(&r, IORING_OP_MSG_RING, to, NULL, 1, 0)->flags = IOSQE_ASYNC;
	if (ring_submit(&r) != 2 || write(said, "", 1) != 1)
		_exit(2);
	for (;;)
		pause();
}

/* The ring that a message is for is stuck: its sender can be killed all the same */
TEST_F_TIMEOUT(message, to_a_stuck_ring, 60)
{
	struct stuck stuck = { .ring = &self->to };
	int said[2], ret;
	pid_t pid;
	char c;

	if (untouched())
		SKIP(return, "its sender cannot be killed there");
	ASSERT_EQ(0, pipe(said));
	ret = get_stuck(&stuck);
	if (ret == -EPERM)
		SKIP(return, "no userfaultfd");
	ASSERT_EQ(0, ret);

	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid)
		send_and_wait(self->to.fd, said[1]);
	EXPECT_EQ(1, read(said[0], &c, 1));
	/* Time for a worker to get into trouble */
	usleep(300000);
	EXPECT_TRUE(kill_ends(pid, WAIT_MS));

	get_loose(&stuck);
	close(said[0]);
	close(said[1]);
}

/* CPU time that kernel workers of unbound workqueues have used, in ticks, or -1 */
static long long kworker_ticks(void)
{
	unsigned long utime, stime;
	char path[64], text[512];
	struct dirent *entry;
	long long sum = 0;
	char *p;
	DIR *dir;

	dir = opendir("/proc");
	if (!dir)
		return -1;
	while ((entry = readdir(dir))) {
		snprintf(path, sizeof(path), "/proc/%.16s/stat", entry->d_name);
		if (atoi(entry->d_name) <= 0 || !read_small_file(path, text, sizeof(text)) ||
		    !strstr(text, "(kworker/u"))
			continue;
		p = strrchr(text, ')');
		if (sscanf(p + 2, "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu",
			   &utime, &stime) == 2)
			sum += utime + stime;
	}
	closedir(dir);
	return sum;
}

#define NR_ORPHANS	200

/* Events of tasks that are gone wait for a ring that is stuck, and cost nothing */
TEST_F_TIMEOUT(bystander, orphans, 120)
{
	struct io_uring_sqe poll_in = { .opcode = IORING_OP_POLL_ADD, .poll32_events = POLLIN };
	struct stuck stuck = { };
	struct io_uring_cqe cqe;
	long long used;
	struct ring r;
	int p[2], i, ret;

	ASSERT_EQ(0, ring_open(&r, 256, 0));
	ASSERT_EQ(0, pipe(p));
	poll_in.fd = p[0];
	for (i = 0; i < NR_ORPHANS; i++)
		ASSERT_EQ(1, leave_behind(&r, poll_in));

	stuck.ring = &r;
	ret = get_stuck(&stuck);
	if (ret == -EPERM)
		SKIP(return, "no userfaultfd");
	ASSERT_EQ(0, ret);
	ASSERT_EQ(1, write(p[1], "", 1));
	/* Each looks at least once */
	usleep(500000);
	used = kworker_ticks();
	usleep(2000000);
	used = kworker_ticks() - used;
	/* Of 200 ticks; 200 tasks that look each jiffy use more than 60 */
	EXPECT_GT(20, used);

	get_loose(&stuck);
	for (i = 0; i < NR_ORPHANS + 1; i++)
		ASSERT_EQ(0, ring_wait(&r, &cqe));
	close(p[0]);
	close(p[1]);
	ring_close(&r);
}

TEST_HARNESS_MAIN
