// SPDX-License-Identifier: GPL-2.0
/*
 * A ublk server: a block device whose requests come to user space as completions
 * of URING_CMD, here served from memory. What is written is read back; and however
 * the server ends, nothing of the device is left.
 */
#include "iou_test.h"

#include <pthread.h>
#include <sys/ioctl.h>
#include <linux/ublk_cmd.h>

#include "../kselftest_harness.h"

#define DEPTH		16
#define IO_SIZE		(64 * 1024)
#define DISK_SIZE	(8 << 20)

/* user_data that is not a tag */
#define UD_CONTROL	1000
#define UD_LEAVE	1001

/* What a server does when it is told to leave */
enum ending {
	END_CLOSE,	/* closes its ring and lives on */
	END_THREAD,	/* the thread that served ends, the process lives on */
	END_PROCESS,	/* exits */
	END_EXEC,	/* reads from the device, and runs another program */
};

/**
 * struct server - a device and who serves it
 * @ring: for all commands
 * @control: /dev/ublk-control
 * @dev: the device's number
 * @cdev: its character device
 * @flags: UBLK_F_*
 * @descs: what the requests are
 * @bufs: IO_SIZE for each tag
 * @disk: the contents
 * @depth: requests at a time, if not DEPTH
 * @nr_fetched: tags that are with the driver
 * @started: the first reads of the device have been served
 * @ready: where to say @dev
 * @leave: read end of a pipe that tells it to leave
 */
struct server {
	struct ring ring;
	int control;
	int dev;
	int cdev;
	__u64 flags;
	const struct ublksrv_io_desc *descs;
	char *bufs;
	char *disk;
	unsigned int depth;
	unsigned int nr_fetched;
	bool started;
	int ready;
	int leave;
};

/* ------------------------------------------------------------------------
 * Commands
 */

static struct io_uring_sqe *big_sqe(struct ring *r)
{
	unsigned int i = r->next & r->sq_mask;
	struct io_uring_sqe *sqe = &r->sqes[2 * i];

	memset(sqe, 0, 128);
	r->sq_array[i] = i;
	r->next++;
	return sqe;
}

static void put_control(struct ring *r, int fd, unsigned int op,
			const struct ublksrv_ctrl_cmd *cmd)
{
	struct io_uring_sqe *sqe = big_sqe(r);

	sqe->opcode = IORING_OP_URING_CMD;
	sqe->fd = fd;
	sqe->cmd_op = op;
	sqe->user_data = UD_CONTROL;
	memcpy(sqe->cmd, cmd, sizeof(*cmd));
}

static struct ublksrv_ctrl_cmd dev_cmd(int dev, void *buf, unsigned int len)
{
	return (struct ublksrv_ctrl_cmd) {
		.dev_id = dev,
		.queue_id = -1,
		.addr = (uintptr_t)buf,
		.len = len,
	};
}

/* A command to the driver, on a ring where nothing else is going on: its result */
static int control(struct ring *r, int fd, unsigned int op, struct ublksrv_ctrl_cmd cmd)
{
	struct io_uring_cqe cqe;

	put_control(r, fd, op, &cmd);
	if (ring_submit(r) != 1 || ring_wait(r, &cqe))
		return NO_RESULT;
	return cqe.res;
}

static void put_io(struct server *s, unsigned int op, unsigned int tag, int result)
{
	struct io_uring_sqe *sqe = big_sqe(&s->ring);
	struct ublksrv_io_cmd *cmd = (void *)sqe->cmd;

	sqe->opcode = IORING_OP_URING_CMD;
	sqe->fd = s->cdev;
	sqe->cmd_op = op;
	sqe->user_data = tag;
	cmd->tag = tag;
	cmd->result = result;
	cmd->addr = s->flags & UBLK_F_USER_COPY ? 0 : (uintptr_t)(s->bufs + tag * IO_SIZE);
	s->nr_fetched++;
}

/* ------------------------------------------------------------------------
 * The server
 */

static int wait_open(const char *path, int flags)
{
	long end = now_ms() + WAIT_MS;
	int fd;

	while ((fd = open(path, flags | O_CLOEXEC)) < 0 && now_ms() < end)
		nap();
	return fd;
}

static int add_device(struct server *s)
{
	struct ublksrv_ctrl_dev_info info = {
		.nr_hw_queues = 1,
		.queue_depth = s->depth ?: DEPTH,
		.max_io_buf_bytes = IO_SIZE,
		.dev_id = -1,
		.flags = s->flags,
	};
	struct ublk_params params = {
		.len = sizeof(params),
		.types = UBLK_PARAM_TYPE_BASIC,
		.basic = {
			.logical_bs_shift = 9,
			.physical_bs_shift = 12,
			.io_min_shift = 12,
			.io_opt_shift = 12,
			.max_sectors = IO_SIZE >> 9,
			.dev_sectors = DISK_SIZE >> 9,
		},
	};
	char path[64];
	int ret;

	s->control = open("/dev/ublk-control", O_RDWR | O_CLOEXEC);
	if (s->control < 0)
		return -errno;
	ret = control(&s->ring, s->control, UBLK_U_CMD_ADD_DEV, dev_cmd(-1, &info, sizeof(info)));
	if (ret)
		return ret;
	s->dev = info.dev_id;
	ret = control(&s->ring, s->control, UBLK_U_CMD_SET_PARAMS,
		      dev_cmd(s->dev, &params, sizeof(params)));
	if (ret)
		return ret;
	snprintf(path, sizeof(path), "/dev/ublkc%d", s->dev);
	s->cdev = wait_open(path, O_RDWR);
	if (s->cdev < 0)
		return -ENODEV;
	s->descs = mmap(NULL, 4096, PROT_READ, MAP_SHARED | MAP_POPULATE, s->cdev, 0);
	return s->descs == MAP_FAILED ? -errno : 0;
}

/* With USER_COPY the data goes over the character device. */
static bool copy_data(struct server *s, unsigned int tag, bool to_driver, char *data, size_t len)
{
	off_t off = UBLKSRV_IO_BUF_OFFSET + ((off_t)tag << UBLK_TAG_OFF);
	char *buf = s->bufs + tag * IO_SIZE;

	if (s->flags & UBLK_F_USER_COPY)
		return (to_driver ? pwrite(s->cdev, data, len, off) :
				    pread(s->cdev, data, len, off)) == (ssize_t)len;
	memcpy(to_driver ? buf : data, to_driver ? data : buf, len);
	return true;
}

/* Carry out a request: its result */
static int carry_out(struct server *s, unsigned int tag)
{
	const struct ublksrv_io_desc *desc = &s->descs[tag];
	size_t len = (size_t)desc->nr_sectors << 9;
	char *data = s->disk + (desc->start_sector << 9);

	switch (ublksrv_get_op(desc)) {
	case UBLK_IO_OP_READ:
	case UBLK_IO_OP_WRITE:
		if (len > IO_SIZE || data + len > s->disk + DISK_SIZE)
			return -EIO;
		if (!copy_data(s, tag, ublksrv_get_op(desc) == UBLK_IO_OP_READ, data, len))
			return -EIO;
		return len;
	case UBLK_IO_OP_FLUSH:
		return 0;
	default:
		return -EINVAL;
	}
}

/* Return: whether to go on */
static bool take_event(struct server *s, const struct io_uring_cqe *cqe)
{
	if (cqe->user_data == UD_LEAVE)
		return false;
	if (cqe->user_data == UD_CONTROL) {
		/* The device was started, or not. */
		int said = cqe->res ? cqe->res : s->dev;

		s->started = true;
		return write(s->ready, &said, sizeof(said)) == sizeof(said) && !cqe->res;
	}
	s->nr_fetched--;
	if (cqe->res == UBLK_IO_RES_OK)
		put_io(s, UBLK_U_IO_COMMIT_AND_FETCH_REQ, cqe->user_data,
		       carry_out(s, cqe->user_data));
	else if (cqe->res == UBLK_IO_RES_NEED_GET_DATA)
		put_io(s, UBLK_U_IO_NEED_GET_DATA, cqe->user_data, 0);
	/* Else it was stopped, and all tags come back. */
	return s->nr_fetched;
}

/* How many requests a server waits for, when the device has been started */
static unsigned int lot = 1;

static void serve(struct server *s)
{
	struct ublksrv_ctrl_cmd start = dev_cmd(s->dev, NULL, 0);
	struct io_uring_sqe *sqe;
	struct io_uring_cqe cqe;
	unsigned int tag;

	start.data[0] = getpid();
	for (tag = 0; tag < DEPTH; tag++)
		put_io(s, UBLK_U_IO_FETCH_REQ, tag, 0);
	/* Ends when the first reads of the device have been served. */
	put_control(&s->ring, s->control, UBLK_U_CMD_START_DEV, &start);
	sqe = big_sqe(&s->ring);
	sqe->opcode = IORING_OP_POLL_ADD;
	sqe->fd = s->leave;
	sqe->poll32_events = POLLIN;
	sqe->user_data = UD_LEAVE;
	do {
		if (ring_submit_wait(&s->ring, s->started ? lot : 1) < 0)
			continue;
		while (ring_reap(&s->ring, &cqe))
			if (!take_event(s, &cqe))
				return;
	} while (true);
}

/*
 * The same with two rings, until killed. Neither is entered without something to
 * submit, so that only wake-ups make completions visible.
 */
static void serve_two(struct server *s, unsigned int setup)
{
	struct ublksrv_ctrl_cmd start = dev_cmd(s->dev, NULL, 0);
	struct server both[2] = { *s, *s };
	struct pollfd fds[2];
	struct io_uring_cqe cqe;
	unsigned int i;

	if (ring_open(&both[1].ring, 64, setup | IORING_SETUP_SQE128))
		return;
	for (i = 0; i < DEPTH; i++)
		put_io(&both[i % 2], UBLK_U_IO_FETCH_REQ, i, 0);
	ring_submit(&both[1].ring);
	start.data[0] = getpid();
	put_control(&both[0].ring, s->control, UBLK_U_CMD_START_DEV, &start);
	ring_submit(&both[0].ring);
	for (i = 0; i < 2; i++)
		fds[i] = (struct pollfd){ .fd = both[i].ring.fd, .events = POLLIN };
	while (poll(fds, 2, -1) > 0) {
		for (i = 0; i < 2; i++) {
			bool any = false;

			while (ring_reap(&both[i].ring, &cqe)) {
				if (!take_event(&both[i], &cqe))
					return;
				any |= cqe.user_data < DEPTH;
			}
			if (any)
				ring_submit(&both[i].ring);
		}
	}
}

static void *serve_in_thread(void *arg)
{
	serve(arg);
	return NULL;
}

/* The read waits for this thread, which has other things to do */
static void read_and_exec(int dev)
{
	struct ring r;
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/dev/ublkb%d", dev);
	fd = wait_open(path, O_RDONLY | O_DIRECT);
	if (ring_open(&r, 4, 0))
		_exit(3);
	prep(&r, IORING_OP_READ, fd, pages(4096), 4096, 0);
	ring_submit(&r);
	execl("/bin/true", "true", NULL);
	_exit(4);
}

static void server_main(unsigned int setup, __u64 flags, enum ending ending, bool two, int ready,
			int leave)
{
	struct server s = { .flags = flags, .ready = ready, .leave = leave };
	pthread_t thread;
	int error;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	s.disk = pages(DISK_SIZE);
	s.bufs = pages(DEPTH * IO_SIZE);
	/* With one issuer, the thread that serves does all of it. */
	error = ring_open(&s.ring, 64, setup | IORING_SETUP_SQE128) ?: add_device(&s);
	if (error) {
		error = error > 0 ? -EIO : error;
		if (write(ready, &error, sizeof(error)) != sizeof(error))
			_exit(2);
		_exit(1);
	}
	if (ending == END_THREAD) {
		pthread_create(&thread, NULL, serve_in_thread, &s);
		pthread_join(thread, NULL);
	} else if (two) {
		serve_two(&s, setup);
	} else {
		serve(&s);
	}
	if (ending == END_EXEC)
		read_and_exec(s.dev);
	if (ending == END_CLOSE) {
		ring_close(&s.ring);
		munmap((void *)s.descs, 4096);
		close(s.cdev);
	}
	if (ending != END_PROCESS)
		pause();
	_exit(0);
}

/* ------------------------------------------------------------------------
 * Its user
 */

FIXTURE(ublk)
{
	struct ring ring;	/* for commands */
	int control;
	pid_t pid;
	int dev;
	int leave;
	char *buf;
};

FIXTURE_VARIANT(ublk)
{
	unsigned int setup;
	__u64 flags;
};

FIXTURE_VARIANT_ADD(ublk, plain) {
	.setup = 0,
};

FIXTURE_VARIANT_ADD(ublk, coop) {
	.setup = IORING_SETUP_COOP_TASKRUN,
};

FIXTURE_VARIANT_ADD(ublk, defer) {
	.setup = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN,
};

FIXTURE_VARIANT_ADD(ublk, in_task) {
	.flags = UBLK_F_URING_CMD_COMP_IN_TASK,
};

FIXTURE_VARIANT_ADD(ublk, get_data) {
	.flags = UBLK_F_NEED_GET_DATA,
};

FIXTURE_VARIANT_ADD(ublk, user_copy) {
	.setup = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN,
	.flags = UBLK_F_USER_COPY,
};

FIXTURE_SETUP(ublk)
{
	self->pid = -1;
	self->dev = -1;
	self->control = open("/dev/ublk-control", O_RDWR | O_CLOEXEC);
	if (self->control < 0)
		SKIP(return, "no /dev/ublk-control (%s)", strerror(errno));
	ASSERT_EQ(0, ring_open(&self->ring, 4, IORING_SETUP_SQE128));
	self->buf = pages(IO_SIZE);
	ASSERT_NE(NULL, self->buf);
}

FIXTURE_TEARDOWN(ublk)
{
	if (self->pid > 0)
		kill_ends(self->pid, WAIT_MS);
	if (self->dev >= 0)
		control(&self->ring, self->control, UBLK_U_CMD_DEL_DEV,
			dev_cmd(self->dev, NULL, 0));
	ring_close(&self->ring);
	close(self->control);
}

/* Start a server: its device, or -errno */
static int start(pid_t *pid, int *leave, unsigned int setup, __u64 flags, enum ending ending,
		 bool two)
{
	int ready[2], stop[2], dev = -EIO;

	if (pipe(ready) || pipe(stop))
		return -errno;
	*pid = fork();
	if (!*pid) {
		close(stop[1]);
		server_main(setup, flags, ending, two, ready[1], stop[0]);
	}
	close(ready[1]);
	close(stop[0]);
	if (poll_fd(ready[0], POLLIN, WAIT_MS) & POLLIN &&
	    read(ready[0], &dev, sizeof(dev)) != sizeof(dev))
		dev = -EIO;
	close(ready[0]);
	*leave = stop[1];
	return dev;
}

#define START_SOME(ending, two)	do {					\
	self->dev = start(&self->pid, &self->leave, variant->setup, variant->flags, ending, \
			  two);						\
	ASSERT_LE(0, self->dev) {					\
		kill(self->pid, SIGKILL);				\
	}								\
} while (0)
#define START(ending)	START_SOME(ending, false)

static int disk_open(int dev, int flags)
{
	char path[64];

	snprintf(path, sizeof(path), "/dev/ublkb%d", dev);
	return wait_open(path, O_RDWR | flags);
}

static int remove_device(struct ring *r, int fd, int dev)
{
	return control(r, fd, UBLK_U_CMD_DEL_DEV, dev_cmd(dev, NULL, 0));
}

/* Is nothing to be seen of it? */
static bool is_gone(int dev)
{
	long end = now_ms() + WAIT_MS;
	char path[64];
	bool there;

	do {
		snprintf(path, sizeof(path), "/dev/ublkb%d", dev);
		there = !access(path, F_OK);
		snprintf(path, sizeof(path), "/dev/ublkc%d", dev);
		there |= !access(path, F_OK);
		if (there)
			nap();
	} while (there && now_ms() < end);
	return !there;
}

#define EXPECT_REMOVED()	do {					\
	EXPECT_EQ(0, remove_device(&self->ring, self->control, self->dev)); \
	EXPECT_TRUE(is_gone(self->dev));				\
	self->dev = -1;							\
} while (0)

/* The driver has given all commands back, and their server has ended. */
TEST_F(ublk, reads_what_was_written)
{
	static const size_t sizes[] = { 512, 4096, IO_SIZE };
	unsigned int i, round;
	int fd, status;

	START(END_PROCESS);
	fd = disk_open(self->dev, O_DIRECT);
	ASSERT_LE(0, fd);
	for (round = 0; round < 2; round++) {
		for (i = 0; i < 24; i++) {
			size_t len = sizes[i % 3];
			off_t off = (off_t)i * IO_SIZE;

			fill_pattern(self->buf, len, i);
			if (!round) {
				ASSERT_EQ((ssize_t)len, pwrite(fd, self->buf, len, off));
				continue;
			}
			memset(self->buf, 0, len);
			ASSERT_EQ((ssize_t)len, pread(fd, self->buf, len, off));
			EXPECT_TRUE(has_pattern(self->buf, len, i));
		}
	}
	close(fd);
	/* Over the page cache, many at once */
	fd = disk_open(self->dev, 0);
	ASSERT_LE(0, fd);
	for (i = 0; i < DISK_SIZE / IO_SIZE; i++) {
		fill_pattern(self->buf, IO_SIZE, 100 + i);
		ASSERT_EQ(IO_SIZE, pwrite(fd, self->buf, IO_SIZE, (off_t)i * IO_SIZE));
	}
	ASSERT_EQ(0, fsync(fd));
	ASSERT_EQ(0, ioctl(fd, BLKFLSBUF));
	for (i = 0; i < DISK_SIZE / IO_SIZE; i++) {
		ASSERT_EQ(IO_SIZE, pread(fd, self->buf, IO_SIZE, (off_t)i * IO_SIZE));
		EXPECT_TRUE(has_pattern(self->buf, IO_SIZE, 100 + i));
	}
	close(fd);
	EXPECT_EQ(0, control(&self->ring, self->control, UBLK_U_CMD_STOP_DEV,
			     dev_cmd(self->dev, NULL, 0)));
	status = reap(self->pid, WAIT_MS);
	EXPECT_EQ(0, status);
	self->pid = -1;
	EXPECT_REMOVED();
}

/* The same through a ring, on both sides */
TEST_F(ublk, served_ring_to_ring)
{
	struct io_uring_cqe cqe;
	struct ring r;
	unsigned int i;
	char *mem;
	int fd;

	START(END_PROCESS);
	fd = disk_open(self->dev, O_DIRECT);
	ASSERT_LE(0, fd);
	mem = pages(32 * 4096);
	ASSERT_EQ(0, ring_open(&r, 32, 0));
	for (i = 0; i < 32; i++) {
		fill_pattern(mem + i * 4096, 4096, i);
		prep(&r, IORING_OP_WRITE, fd, mem + i * 4096, 4096, i * 12288);
	}
	ASSERT_EQ(32, ring_submit(&r));
	for (i = 0; i < 32; i++) {
		ASSERT_EQ(0, ring_wait(&r, &cqe));
		EXPECT_EQ(4096, cqe.res);
	}
	memset(mem, 0, 32 * 4096);
	for (i = 0; i < 32; i++)
		prep(&r, IORING_OP_READ, fd, mem + i * 4096, 4096, i * 12288);
	ASSERT_EQ(32, ring_submit(&r));
	for (i = 0; i < 32; i++) {
		ASSERT_EQ(0, ring_wait(&r, &cqe));
		EXPECT_EQ(4096, cqe.res);
	}
	for (i = 0; i < 32; i++)
		EXPECT_TRUE(has_pattern(mem + i * 4096, 4096, i));
	ring_close(&r);
	close(fd);
	EXPECT_TRUE(kill_ends(self->pid, WAIT_MS));
	self->pid = -1;
	EXPECT_REMOVED();
}

/*
 * A server that waits for several requests gets them, though the driver hands over all of
 * them at once.
 */
TEST_F(ublk, waits_for_several)
{
	struct io_uring_cqe cqe;
	unsigned int i, round;
	struct ring r;
	char *mem;
	int fd;

	/* The server inherits it. */
	lot = 4;
	START(END_PROCESS);
	fd = disk_open(self->dev, O_DIRECT);
	ASSERT_LE(0, fd);
	mem = pages(lot * 4096);
	ASSERT_EQ(0, ring_open(&r, 8, 0));
	for (round = 0; round < 5; round++) {
		/* Apart, so that they are not merged into one */
		for (i = 0; i < lot; i++)
			prep(&r, IORING_OP_READ, fd, mem + i * 4096, 4096, i * 12288);
		ASSERT_EQ((int)lot, ring_submit(&r));
		for (i = 0; i < lot; i++) {
			ASSERT_EQ(0, ring_wait(&r, &cqe));
			EXPECT_EQ(4096, cqe.res);
		}
	}
	ring_close(&r);
	close(fd);
	EXPECT_TRUE(kill_ends(self->pid, WAIT_MS));
	self->pid = -1;
	EXPECT_REMOVED();
}

/* A process that reads from the device, or writes to it, until it gets an error */
static pid_t keep_busy(int dev, bool writes)
{
	/* Here: when the child comes to it the device may be gone. */
	int fd = disk_open(dev, O_DIRECT);
	ssize_t size = writes ? IO_SIZE : 4096;
	pid_t pid = fork_detached();
	char *buf;

	if (pid) {
		close(fd);
		return pid;
	}
	buf = pages(size);
	while ((writes ? pwrite(fd, buf, size, 0) : pread(fd, buf, size, 0)) == size)
		;
	_exit(0);
}

/* Killed at work: requests fail, nothing is left, and the next one works. */
TEST_F(ublk, killed)
{
	unsigned int round, i;
	pid_t readers[2];

	for (round = 0; round < 3; round++) {
		START(END_PROCESS);
		for (i = 0; i < 2; i++)
			readers[i] = keep_busy(self->dev, false);
		poll(NULL, 0, 30 * (round + 1));
		EXPECT_TRUE(kill_ends(self->pid, WAIT_MS));
		self->pid = -1;
		for (i = 0; i < 2; i++)
			EXPECT_EQ(0, reap(readers[i], WAIT_MS));
		EXPECT_REMOVED();
		close(self->leave);
	}
}

/*
 * Killed while it is flooded: a request that comes when others have been given up
 * is not handed over to the dead.
 */
TEST_F(ublk, killed_under_load)
{
	unsigned int round, i;
	pid_t writers[8];

	for (round = 0; round < 3; round++) {
		START(END_PROCESS);
		for (i = 0; i < ARRAY_SIZE(writers); i++)
			writers[i] = keep_busy(self->dev, true);
		poll(NULL, 0, 50);
		EXPECT_TRUE(kill_ends(self->pid, WAIT_MS));
		self->pid = -1;
		for (i = 0; i < ARRAY_SIZE(writers); i++)
			EXPECT_EQ(0, reap(writers[i], WAIT_MS));
		EXPECT_REMOVED();
		close(self->leave);
	}
}

/* The commands are with the driver when their ring is closed, or their thread ends. */
static bool leaves(int leave, pid_t reader)
{
	return write(leave, "x", 1) == 1 && reap(reader, WAIT_MS) == 0;
}

TEST_F(ublk, ring_closed)
{
	pid_t reader;

	START(END_CLOSE);
	reader = keep_busy(self->dev, false);
	EXPECT_TRUE(leaves(self->leave, reader));
	EXPECT_REMOVED();
	EXPECT_TRUE(kill_ends(self->pid, WAIT_MS));
	self->pid = -1;
}

TEST_F(ublk, thread_ends)
{
	pid_t reader;

	if (variant->setup & IORING_SETUP_SINGLE_ISSUER)
		SKIP(return, "the ring belongs to another thread");
	START(END_THREAD);
	reader = keep_busy(self->dev, false);
	EXPECT_TRUE(leaves(self->leave, reader));
	EXPECT_TRUE(kill_ends(self->pid, WAIT_MS));
	self->pid = -1;
	EXPECT_REMOVED();
}

/* What exec waits for in one ring ends when another ring's commands are stopped. */
TEST_F(ublk, exec)
{
	START(END_EXEC);
	EXPECT_EQ(1, write(self->leave, "x", 1));
	ASSERT_EQ(0, reap(self->pid, WAIT_MS));
	self->pid = -1;
	EXPECT_REMOVED();
}

/* In the handler of one ring's command the driver ends another ring's. */
TEST_F(ublk, two_rings)
{
	pid_t readers[4];
	unsigned int i, k;

	if (variant->setup & IORING_SETUP_DEFER_TASKRUN)
		SKIP(return, "completions wait until the ring is entered");
	START_SOME(END_PROCESS, true);
	for (i = 0; i < ARRAY_SIZE(readers); i++) {
		int fd = disk_open(self->dev, O_DIRECT);

		readers[i] = fork_detached();
		for (k = 0; !readers[i] && k < 300; k++)
			if (pread(fd, pages(4096), 4096, 0) != 4096)
				_exit(1);
		if (!readers[i])
			_exit(0);
		close(fd);
	}
	for (i = 0; i < ARRAY_SIZE(readers); i++)
		EXPECT_EQ(0, reap(readers[i], WAIT_MS));
	EXPECT_TRUE(kill_ends(self->pid, WAIT_MS));
	self->pid = -1;
	EXPECT_REMOVED();
}

/*
 * A command that a worker has handed to its task to be started there, when the ring is
 * closed: it is, and then stopped.
 */
TEST(closed_before_it_is_accepted)
{
	struct server s = { .ready = -1, .depth = 1 };
	struct ring r;

	if (access("/dev/ublk-control", R_OK | W_OK))
		SKIP(return, "no /dev/ublk-control");
	s.bufs = pages(IO_SIZE);
	ASSERT_EQ(0, ring_open(&s.ring, 4, IORING_SETUP_SQE128 | IORING_SETUP_SINGLE_ISSUER |
			       IORING_SETUP_DEFER_TASKRUN));
	ASSERT_EQ(0, add_device(&s));
	put_io(&s, UBLK_U_IO_FETCH_REQ, 0, 0);
	s.ring.sqes[2 * ((s.ring.next - 1) & s.ring.sq_mask)].flags = IOSQE_ASYNC;
	ASSERT_EQ(1, ring_submit(&s.ring));
	/* The worker hands it over, and this thread does not ask for it. */
	usleep(100000);
	ring_close(&s.ring);
	munmap((void *)s.descs, 4096);
	close(s.cdev);
	ASSERT_EQ(0, ring_open(&r, 4, IORING_SETUP_SQE128));
	EXPECT_EQ(0, remove_device(&r, s.control, s.dev));
	EXPECT_TRUE(is_gone(s.dev));
	ring_close(&r);
	close(s.control);
}

/* Nobody but the driver ends its commands: they are not found by a cancel. */
TEST(commands_are_not_cancelled)
{
	struct server s = { .ready = -1 };
	struct io_uring_sqe *sqe;
	struct io_uring_cqe cqe;
	int i, error;

	if (access("/dev/ublk-control", R_OK | W_OK))
		SKIP(return, "no /dev/ublk-control");
	s.bufs = pages(DEPTH * IO_SIZE);
	ASSERT_EQ(0, ring_open(&s.ring, 64, IORING_SETUP_SQE128));
	error = add_device(&s);
	ASSERT_EQ(0, error);
	/* All of them: when some are missing 6.12's driver warns of who cancels them. */
	for (i = 0; i < DEPTH; i++)
		put_io(&s, UBLK_U_IO_FETCH_REQ, i, 0);
	ASSERT_EQ(DEPTH, ring_submit(&s.ring));
	for (i = 0; i < 2; i++) {
		sqe = big_sqe(&s.ring);
		sqe->opcode = IORING_OP_ASYNC_CANCEL;
		sqe->user_data = 2000;
		sqe->cancel_flags = i ? IORING_ASYNC_CANCEL_ANY : 0;
		ASSERT_EQ(1, ring_submit(&s.ring));
		ASSERT_EQ(0, ring_wait(&s.ring, &cqe));
		EXPECT_EQ(2000u, cqe.user_data);
		EXPECT_EQ(i ? 0 : -ENOENT, cqe.res);
	}
	/* Fetched twice, a tag that is not there, no such command */
	put_io(&s, UBLK_U_IO_FETCH_REQ, 0, 0);
	put_io(&s, UBLK_U_IO_FETCH_REQ, DEPTH, 0);
	put_io(&s, 0x1234, 1, 0);
	ASSERT_EQ(3, ring_submit(&s.ring));
	for (i = 0; i < 3; i++) {
		ASSERT_EQ(0, ring_wait(&s.ring, &cqe));
		EXPECT_GT(0, cqe.res);
	}
	/* The ring is closed with the rest, which a new one can then see the end of. */
	ring_close(&s.ring);
	munmap((void *)s.descs, 4096);
	close(s.cdev);
	ASSERT_EQ(0, ring_open(&s.ring, 4, IORING_SETUP_SQE128));
	EXPECT_EQ(0, remove_device(&s.ring, s.control, s.dev));
	EXPECT_TRUE(is_gone(s.dev));
	EXPECT_EQ(-ENODEV, remove_device(&s.ring, s.control, s.dev));
	ring_close(&s.ring);
	close(s.control);
	/* Its commands need all of a big SQE. */
	ASSERT_EQ(0, ring_open(&s.ring, 4, 0));
	s.control = open("/dev/ublk-control", O_RDWR | O_CLOEXEC);
	sqe = ring_sqe(&s.ring);
	sqe->opcode = IORING_OP_URING_CMD;
	sqe->fd = s.control;
	sqe->cmd_op = UBLK_U_CMD_GET_FEATURES;
	EXPECT_EQ(-EINVAL, ring_result(&s.ring));
	ring_close(&s.ring);
	close(s.control);
}

/* Somebody else's check of the data */
TEST_F(ublk, fio)
{
	char file[64];
	int status, null;
	pid_t pid;

	START(END_PROCESS);
	close(disk_open(self->dev, 0));
	snprintf(file, sizeof(file), "--filename=/dev/ublkb%d", self->dev);
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		null = open("/dev/null", O_RDWR);
		dup2(null, 1);
		dup2(null, 2);
		execlp("fio", "fio", "--name=ublk", file, "--ioengine=io_uring", "--direct=1",
		       "--rw=randwrite", "--bs=4k", "--size=512k", "--iodepth=8", "--thread",
		       "--verify=crc32c", "--verify_fatal=1", NULL);
		_exit(127);
	}
	status = reap(pid, 25000);
	if (status == 127 << 8)
		SKIP(return, "no fio");
	EXPECT_EQ(0, status);
	/* Or it would write to the next device of this number. */
	if (status == -ETIMEDOUT)
		EXPECT_TRUE(kill_ends(pid, WAIT_MS));
	EXPECT_TRUE(kill_ends(self->pid, WAIT_MS));
	self->pid = -1;
	EXPECT_REMOVED();
}

TEST_HARNESS_MAIN
