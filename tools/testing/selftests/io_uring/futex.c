// SPDX-License-Identifier: GPL-2.0
/*
 * FUTEX_WAIT, FUTEX_WAITV, FUTEX_WAKE, and WAITID.
 */
#include "iou_test.h"

#include <linux/futex.h>

#include "../kselftest_harness.h"

#ifndef FUTEX2_SIZE_U32
#define FUTEX2_SIZE_U32		0x02
#endif
#ifndef FUTEX2_PRIVATE
#define FUTEX2_PRIVATE		FUTEX_PRIVATE_FLAG
#endif

#define ANY	0xffffffffu
#define PRIVATE	(FUTEX2_SIZE_U32 | FUTEX2_PRIVATE)

FIXTURE(futex)
{
	struct ring ring;
	unsigned int *word;	/* shared memory */
};

FIXTURE_VARIANT(futex)
{
	unsigned int setup;
	__u8 flags;
};

FIXTURE_VARIANT_ADD(futex, plain) {
	.setup = 0,
};

FIXTURE_VARIANT_ADD(futex, async) {
	.flags = IOSQE_ASYNC,
};

FIXTURE_VARIANT_ADD(futex, defer) {
	.setup = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN,
};

FIXTURE_SETUP(futex)
{
	ASSERT_EQ(0, ring_open(&self->ring, 64, variant->setup));
	self->word = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, (void *)self->word);
}

FIXTURE_TEARDOWN(futex)
{
	munmap(self->word, 4096);
	ring_close(&self->ring);
}

#define RUN(sqe)	ring_run(&self->ring, variant->flags, sqe)

static struct io_uring_sqe futex_sqe(int op, const unsigned int *word, __u64 val, __u64 mask)
{
	struct io_uring_sqe sqe = {
		.opcode = op,
		.fd = PRIVATE,
		.addr = (uintptr_t)word,
		.addr2 = val,
		.addr3 = mask,
		.user_data = op,
	};

	return sqe;
}

static struct io_uring_sqe wait_sqe(const unsigned int *word, __u64 val, __u64 mask)
{
	return futex_sqe(IORING_OP_FUTEX_WAIT, word, val, mask);
}

static struct io_uring_sqe wake_sqe(const unsigned int *word, __u64 nr, __u64 mask)
{
	return futex_sqe(IORING_OP_FUTEX_WAKE, word, nr, mask);
}

static bool submit(struct ring *r, __u8 flags, struct io_uring_sqe sqe)
{
	struct io_uring_sqe *slot = ring_sqe(r);

	*slot = sqe;
	slot->flags |= flags;
	return ring_submit(r) == 1;
}

static int sys_wake(unsigned int *word, int nr)
{
	return syscall(__NR_futex, word, FUTEX_WAKE_PRIVATE, nr, NULL, NULL, 0);
}

/* The same for a request that may be on its way there still (ASYNC): at most @nr */
static int wake_soon(unsigned int *word, int nr)
{
	long end = now_ms() + WAIT_MS;
	int ret;

	while (!(ret = sys_wake(word, nr)) && now_ms() < end)
		nap();
	return ret;
}

/* A LINK_TIMEOUT says -ETIME, whatever it has ended. */
TEST_F(futex, link_timeout)
{
	struct __kernel_timespec ts = { .tv_nsec = 10000000 };
	struct io_uring_cqe cqe;
	struct io_uring_sqe *sqe;
	unsigned int i;

	sqe = ring_sqe(&self->ring);
	*sqe = wait_sqe(self->word, 0, ANY);
	sqe->flags = variant->flags | IOSQE_IO_LINK;
	prep(&self->ring, IORING_OP_LINK_TIMEOUT, -1, &ts, 1, 0);
	ASSERT_EQ(2, ring_submit(&self->ring));
	for (i = 0; i < 2; i++) {
		ASSERT_EQ(0, ring_wait(&self->ring, &cqe));
		EXPECT_EQ(cqe.user_data == IORING_OP_FUTEX_WAIT ? -ECANCELED : -ETIME, cqe.res);
	}
}

/* One is woken by the system call, one by a request. */
TEST_F(futex, wait_and_wake)
{
	struct io_uring_cqe cqe;
	unsigned int i, seen = 0;

	ASSERT_TRUE(submit(&self->ring, variant->flags, wait_sqe(self->word, 0, ANY)));
	ring_flush(&self->ring);
	EXPECT_EQ(0u, ring_ready(&self->ring));
	EXPECT_EQ(1, wake_soon(self->word, 5));
	ASSERT_EQ(0, ring_wait(&self->ring, &cqe));
	EXPECT_EQ(0, cqe.res);
	EXPECT_EQ(0, sys_wake(self->word, 5));

	ASSERT_TRUE(submit(&self->ring, variant->flags, wait_sqe(self->word, 0, ANY)));
	ASSERT_TRUE(submit(&self->ring, variant->flags, wake_sqe(self->word, 1, ANY)));
	for (i = 0; i < 2; i++) {
		ASSERT_EQ(0, ring_wait(&self->ring, &cqe));
		EXPECT_EQ(cqe.user_data == IORING_OP_FUTEX_WAKE, cqe.res);
		seen |= 1u << (cqe.user_data - IORING_OP_FUTEX_WAIT);
	}
	EXPECT_EQ(3u, seen);
}

TEST_F(futex, errors)
{
	static const struct bad_byte t[] = {
		BAD(FUTEX_WAIT, len, -EINVAL), BAD(FUTEX_WAIT, futex_flags, -EINVAL),
		BAD(FUTEX_WAIT, buf_index, -EINVAL), BAD(FUTEX_WAIT, file_index, -EINVAL),
		BAD(FUTEX_WAIT, ioprio, -EINVAL),
		BAD(FUTEX_WAKE, len, -EINVAL), BAD(FUTEX_WAKE, futex_flags, -EINVAL),
		BAD(FUTEX_WAKE, buf_index, -EINVAL), BAD(FUTEX_WAKE, file_index, -EINVAL),
		BAD(FUTEX_WAKE, ioprio, -EINVAL),
	};
	struct io_uring_sqe sqe;
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(t); i++) {
		sqe = futex_sqe(t[i].opcode, self->word, 0, ANY);
		((__u8 *)&sqe)[t[i].offset] = 1;
		EXPECT_EQ(t[i].error, RUN(sqe)) {
			TH_LOG("opcode %u, byte %u", t[i].opcode, t[i].offset);
		}
	}
	EXPECT_EQ(-EAGAIN, RUN(wait_sqe(self->word, 1, ANY)));
	EXPECT_EQ(-EINVAL, RUN(wait_sqe(self->word, 0, 0)));
	EXPECT_EQ(-EINVAL, RUN(wake_sqe(self->word, 1, 0)));
	EXPECT_EQ(-EINVAL, RUN(wait_sqe(self->word, 1ULL << 32, ANY)));
	EXPECT_EQ(-EINVAL, RUN(wait_sqe(self->word, 0, 1ULL << 32)));
	EXPECT_EQ(-EFAULT, RUN(wait_sqe(no_access(4096), 0, ANY)));
	EXPECT_EQ(-EINVAL, RUN(wait_sqe((void *)((char *)self->word + 1), 0, ANY)));
	EXPECT_EQ(0, RUN(wake_sqe(self->word, 1, ANY)));
	EXPECT_EQ(0, RUN(wake_sqe(self->word, 0, ANY)));
	sqe = wait_sqe(self->word, 0, ANY);
	sqe.fd = PRIVATE | 1 << 6;
	EXPECT_EQ(-EINVAL, RUN(sqe));
	sqe.fd = FUTEX2_PRIVATE;
	EXPECT_EQ(-EINVAL, RUN(sqe));
	EXPECT_EQ(0, sys_wake(self->word, 1));
}

/* Only those with a bit in common */
TEST_F(futex, masks)
{
	struct io_uring_cqe cqe;
	unsigned int i;

	for (i = 0; i < 4; i++) {
		struct io_uring_sqe sqe = wait_sqe(self->word, 0, 1u << i);

		sqe.user_data = i;
		ASSERT_TRUE(submit(&self->ring, variant->flags, sqe));
	}
	ASSERT_TRUE(submit(&self->ring, variant->flags, wake_sqe(self->word, 9, 1u << 2)));
	for (i = 0; i < 2; i++) {
		ASSERT_EQ(0, ring_wait(&self->ring, &cqe));
		EXPECT_TRUE(cqe.user_data == 2 || cqe.user_data == IORING_OP_FUTEX_WAKE);
	}
	EXPECT_EQ(3, sys_wake(self->word, 9));
	for (i = 0; i < 3; i++)
		ASSERT_EQ(0, ring_wait(&self->ring, &cqe));
}

static struct io_uring_sqe waitv_sqe(const struct futex_waitv *v, unsigned int nr)
{
	struct io_uring_sqe sqe = {
		.opcode = IORING_OP_FUTEX_WAITV,
		.addr = (uintptr_t)v,
		.len = nr,
	};

	return sqe;
}

TEST_F(futex, waitv)
{
	struct futex_waitv v[128] = { 0 };
	struct io_uring_cqe cqe;
	struct io_uring_sqe sqe;
	unsigned int i;

	for (i = 0; i < 128; i++) {
		v[i].uaddr = (uintptr_t)&self->word[i];
		v[i].flags = PRIVATE;
	}
	for (i = 0; i < 128; i += 31) {
		ASSERT_TRUE(submit(&self->ring, variant->flags, waitv_sqe(v, 128)));
		EXPECT_EQ(1, wake_soon(&self->word[i], 5));
		ASSERT_EQ(0, ring_wait(&self->ring, &cqe));
		EXPECT_EQ((int)i, cqe.res);
		/* Nobody waits for the others any more. */
		EXPECT_EQ(0, sys_wake(&self->word[(i + 1) % 128], 5));
	}
	v[77].val = 1;
	EXPECT_EQ(-EAGAIN, RUN(waitv_sqe(v, 128)));
	EXPECT_EQ(-EINVAL, RUN(waitv_sqe(v, 0)));
	EXPECT_EQ(-EINVAL, RUN(waitv_sqe(v, 129)));
	EXPECT_EQ(-EFAULT, RUN(waitv_sqe(no_access(4096), 1)));
	v[5].flags = 1 << 6;
	EXPECT_EQ(-EINVAL, RUN(waitv_sqe(v, 128)));
	v[5].flags = PRIVATE;
	v[5].__reserved = 1;
	EXPECT_EQ(-EINVAL, RUN(waitv_sqe(v, 128)));
	v[5].__reserved = 0;
	v[5].uaddr = (uintptr_t)no_access(4096);
	EXPECT_EQ(-EFAULT, RUN(waitv_sqe(v, 128)));
	sqe = waitv_sqe(v, 1);
	sqe.fd = 1;
	EXPECT_EQ(-EINVAL, RUN(sqe));
	sqe.fd = 0;
	sqe.addr2 = 1;
	EXPECT_EQ(-EINVAL, RUN(sqe));
	sqe.addr2 = 0;
	sqe.addr3 = 1;
	EXPECT_EQ(-EINVAL, RUN(sqe));
}

static struct io_uring_sqe cancel_sqe(__u64 user_data)
{
	struct io_uring_sqe sqe = {
		.opcode = IORING_OP_ASYNC_CANCEL,
		.fd = -1,
		.addr = user_data,
		.user_data = 1000,
	};

	return sqe;
}

/*
 * The result of a cancel: for these opcodes their number, not 0. 6.12 may find
 * them still with a worker.
 */
static bool cancel_ok(int res)
{
	return res == 1 || res == 0 || res == -EALREADY;
}

TEST_F(futex, cancel)
{
	struct futex_waitv v[3] = { 0 };
	struct io_uring_cqe cqe;
	unsigned int i, round;

	for (i = 0; i < 3; i++) {
		v[i].uaddr = (uintptr_t)&self->word[i];
		v[i].flags = PRIVATE;
	}
	for (round = 0; round < 20; round++) {
		struct io_uring_sqe sqe = round % 2 ? waitv_sqe(v, 3) :
						      wait_sqe(self->word, 0, ANY);

		sqe.user_data = 7;
		ASSERT_TRUE(submit(&self->ring, variant->flags, sqe));
		ASSERT_TRUE(submit(&self->ring, 0, cancel_sqe(7)));
		for (i = 0; i < 2; i++) {
			ASSERT_EQ(0, ring_wait(&self->ring, &cqe));
			EXPECT_TRUE(cqe.user_data == 7 ? cqe.res == -ECANCELED :
							 cancel_ok(cqe.res));
		}
		EXPECT_EQ(0, sys_wake(self->word, 5));
	}
}

/* A wait for a futex is found by the keys that the flags name, as all requests. */
TEST_F(futex, cancel_keys)
{
	static const struct {
		__u64 user_data;
		unsigned int flags;
		unsigned int opcode;
		bool found;
	} keys[] = {
		{ 7, IORING_ASYNC_CANCEL_OP, IORING_OP_NOP, false },
		{ 7, IORING_ASYNC_CANCEL_OP, IORING_OP_FUTEX_WAKE, false },
		{ 8, IORING_ASYNC_CANCEL_OP | IORING_ASYNC_CANCEL_USERDATA,
		  IORING_OP_FUTEX_WAIT, false },
		{ 7, IORING_ASYNC_CANCEL_OP | IORING_ASYNC_CANCEL_USERDATA,
		  IORING_OP_NOP, false },
		{ 8, IORING_ASYNC_CANCEL_OP, IORING_OP_FUTEX_WAIT, true },
	};
	struct io_uring_sqe sqe = wait_sqe(self->word, 0, ANY);
	struct io_uring_cqe cqe;
	unsigned int i;

	if (untouched())
		SKIP(return, "this kernel looks at the user_data only");
	sqe.user_data = 7;
	ASSERT_TRUE(submit(&self->ring, variant->flags, sqe));
	for (i = 0; i < ARRAY_LEN(keys); i++) {
		sqe = cancel_sqe(keys[i].user_data);
		sqe.cancel_flags = keys[i].flags;
		sqe.len = keys[i].opcode;
		ASSERT_TRUE(submit(&self->ring, 0, sqe));
		ASSERT_EQ(0, ring_wait(&self->ring, &cqe));
		if (keys[i].found && cqe.user_data == 7) {
			EXPECT_EQ(-ECANCELED, cqe.res);
			ASSERT_EQ(0, ring_wait(&self->ring, &cqe));
		}
		EXPECT_EQ(1000, cqe.user_data);
		EXPECT_EQ(keys[i].found ? 1 : -ENOENT, cqe.res);
	}
}

/* Woken, and not complete: it is found, and is not cancelled. */
TEST_F(futex, cancel_of_woken)
{
	struct io_uring_sqe *sqe;
	struct io_uring_cqe cqe;
	unsigned int i;

	sqe = ring_sqe(&self->ring);
	*sqe = wait_sqe(self->word, 0, ANY);
	sqe->user_data = 7;
	sqe = ring_sqe(&self->ring);
	*sqe = wake_sqe(self->word, 1, ANY);
	sqe = ring_sqe(&self->ring);
	*sqe = cancel_sqe(7);
	sqe = ring_sqe(&self->ring);
	*sqe = cancel_sqe(7);
	sqe->user_data = 1001;
	sqe->cancel_flags = IORING_ASYNC_CANCEL_ALL;
	ASSERT_EQ(4, ring_submit(&self->ring));
	for (i = 0; i < 4; i++) {
		ASSERT_EQ(0, ring_wait(&self->ring, &cqe));
		switch (cqe.user_data) {
		case 7:
			EXPECT_EQ(0, cqe.res);
			break;
		case IORING_OP_FUTEX_WAKE:
			EXPECT_EQ(1, cqe.res);
			break;
		case 1000:
			EXPECT_EQ(untouched() ? -ENOENT : -EALREADY, cqe.res);
			break;
		default:
			EXPECT_EQ(untouched() ? 0 : 1, cqe.res);
		}
	}
}

/* Wakes one of @words again and again, until told to stop: how many it woke. */
static int wake_until(unsigned int *word, unsigned int *stop)
{
	int nr = 0;

	while (!__atomic_load_n(stop, __ATOMIC_ACQUIRE))
		nr += syscall(__NR_futex, word, FUTEX_WAKE, 1, NULL, NULL, 0);
	return nr;
}

/*
 * The first futex is woken while the others are still being queued, of which the
 * last has another value: woken, or -EAGAIN, but on no queue any more. Then
 * again, with a cancel that comes when one was woken. As many are woken as the
 * waker says.
 */
TEST_F(futex, waitv_against_wake)
{
	struct futex_waitv v[128] = { 0 };
	unsigned int *stop = self->word + 200;
	unsigned int i, round, woken = 0;
	struct io_uring_cqe cqe;
	struct io_uring_sqe sqe;
	int status;
	pid_t pid;

	for (i = 0; i < 128; i++) {
		v[i].uaddr = (uintptr_t)&self->word[i];
		v[i].flags = FUTEX2_SIZE_U32;
	}
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		stop[1] = wake_until(self->word, stop);
		_exit(0);
	}
	for (round = 0; round < 1000; round++) {
		v[127].val = round % 2;
		sqe = waitv_sqe(v, 128);
		sqe.user_data = 7;
		ASSERT_TRUE(submit(&self->ring, variant->flags, sqe));
		ASSERT_TRUE(submit(&self->ring, 0, cancel_sqe(7)));
		for (i = 0; i < 2; i++) {
			ASSERT_EQ(0, ring_wait(&self->ring, &cqe));
			if (cqe.user_data != 7)
				continue;
			EXPECT_TRUE(cqe.res == 0 || cqe.res == -ECANCELED || cqe.res == -EAGAIN);
			woken += !cqe.res;
		}
	}
	__atomic_store_n(stop, 1, __ATOMIC_RELEASE);
	status = reap(pid, WAIT_MS);
	EXPECT_EQ(0, status);
	EXPECT_EQ(woken, stop[1]);
	TH_LOG("%u of %u woken", woken, round);
}

/*
 * Wakes and cancels at once: each wait ends as one or the other, and there are
 * as many woken as the wakers say.
 */
TEST_F(futex, wake_against_cancel)
{
	unsigned int round, i, woken = 0, canceled = 0;
	int status, nr = 0;
	struct io_uring_cqe cqe;
	pid_t pid;

	self->word[100] = 0;
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		/* Shared futexes, so that another process can wake */
		while (!__atomic_load_n(&self->word[100], __ATOMIC_ACQUIRE))
			nr += syscall(__NR_futex, self->word, FUTEX_WAKE, 1, NULL, NULL, 0);
		self->word[101] = nr;
		_exit(0);
	}
	for (round = 0; round < 300; round++) {
		struct io_uring_sqe sqe = wait_sqe(self->word, 0, ANY);

		sqe.fd = FUTEX2_SIZE_U32;
		sqe.user_data = 7;
		ASSERT_TRUE(submit(&self->ring, variant->flags, sqe));
		ASSERT_TRUE(submit(&self->ring, 0, cancel_sqe(7)));
		for (i = 0; i < 2; i++) {
			ASSERT_EQ(0, ring_wait(&self->ring, &cqe));
			if (cqe.user_data != 7)
				continue;
			EXPECT_TRUE(cqe.res == 0 || cqe.res == -ECANCELED);
			woken += !cqe.res;
			canceled += cqe.res == -ECANCELED;
		}
	}
	__atomic_store_n(&self->word[100], 1, __ATOMIC_RELEASE);
	status = reap(pid, WAIT_MS);
	EXPECT_EQ(0, status);
	EXPECT_EQ(300u, woken + canceled);
	EXPECT_EQ(self->word[101], woken);
}

/* The ring is closed, or its process killed, while requests wait. */
TEST_F(futex, close)
{
	struct ring r;
	unsigned int i;
	pid_t pid;

	ASSERT_EQ(0, ring_open(&r, 8, variant->setup));
	for (i = 0; i < 4; i++)
		ASSERT_TRUE(submit(&r, variant->flags, wait_sqe(self->word, 0, ANY)));
	ring_close(&r);
	pid = fork_detached();
	ASSERT_LE(0, pid);
	if (!pid) {
		ring_open(&r, 8, variant->setup);
		submit(&r, variant->flags, wait_sqe(self->word, 0, ANY));
		ring_wait(&r, &(struct io_uring_cqe){ 0 });
		_exit(1);
	}
	EXPECT_TRUE(wait_in_enter(pid, pid));
	EXPECT_TRUE(kill_ends(pid, WAIT_MS));
	EXPECT_TRUE(fresh_ring_works());
}

static struct io_uring_sqe waitid_sqe(int which, int id, int options, siginfo_t *info)
{
	struct io_uring_sqe sqe = {
		.opcode = IORING_OP_WAITID,
		.fd = id,
		.len = which,
		.file_index = options,
		.addr2 = (uintptr_t)info,
		.user_data = 9,
	};

	return sqe;
}

/* A child that ends, when something is written to *@fd, with status 42 */
static pid_t child(int *fd)
{
	int p[2];
	pid_t pid;
	char c;

	if (pipe(p))
		return -1;
	pid = fork();
	if (!pid) {
		close(p[1]);
		_exit(read(p[0], &c, 1) == 1 ? 42 : 43);
	}
	close(p[0]);
	*fd = p[1];
	return pid;
}

TEST_F(futex, waitid)
{
	struct io_uring_cqe cqe;
	siginfo_t info, want;
	pid_t pid;
	int fd;

	memset(&info, 0xff, sizeof(info));
	pid = child(&fd);
	ASSERT_LT(0, pid);
	ASSERT_TRUE(submit(&self->ring, variant->flags,
			   waitid_sqe(P_PID, pid, WEXITED | WNOWAIT, &info)));
	EXPECT_TRUE(ring_works(&self->ring));
	ASSERT_EQ(1, write(fd, "x", 1));
	ASSERT_EQ(0, ring_wait(&self->ring, &cqe));
	EXPECT_EQ(0, cqe.res);
	memset(&want, 0, sizeof(want));
	ASSERT_EQ(0, waitid(P_PID, pid, &want, WEXITED | WNOWAIT));
	EXPECT_EQ(want.si_signo, info.si_signo);
	EXPECT_EQ(want.si_code, info.si_code);
	EXPECT_EQ(pid, info.si_pid);
	EXPECT_EQ(42, info.si_status);
	EXPECT_EQ(want.si_uid, info.si_uid);
	/* It is there already */
	EXPECT_EQ(0, RUN(waitid_sqe(P_ALL, 0, WEXITED, NULL)));
	EXPECT_EQ(-ECHILD, RUN(waitid_sqe(P_PID, pid, WEXITED, &info)));
	close(fd);
}

/* Who has waited for nobody has nothing to say about a child. */
TEST_F(futex, waitid_cancel)
{
	struct io_uring_cqe cqe;
	siginfo_t info, same;
	unsigned int i;
	pid_t pid;
	int fd;

	memset(&info, 0xff, sizeof(info));
	memset(&same, 0xff, sizeof(same));
	pid = child(&fd);
	ASSERT_LT(0, pid);
	ASSERT_TRUE(submit(&self->ring, variant->flags,
			   waitid_sqe(P_PID, pid, WEXITED, &info)));
	ASSERT_TRUE(submit(&self->ring, 0, cancel_sqe(9)));
	for (i = 0; i < 2; i++) {
		ASSERT_EQ(0, ring_wait(&self->ring, &cqe));
		EXPECT_TRUE(cqe.user_data == 9 ? cqe.res == -ECANCELED : cancel_ok(cqe.res));
	}
	if (memcmp(&info, &same, sizeof(info)) && untouched())
		SKIP(return, "this kernel writes zeroes");
	EXPECT_EQ(0, memcmp(&info, &same, sizeof(info)));
	close(fd);
	reap(pid, WAIT_MS);
}

TEST_F(futex, waitid_others)
{
	struct io_uring_cqe cqe;
	siginfo_t info;
	pid_t pid[2];
	int fd[2];

	pid[0] = child(&fd[0]);
	pid[1] = child(&fd[1]);
	/* Another child's end is none of its business. */
	ASSERT_TRUE(submit(&self->ring, variant->flags,
			   waitid_sqe(P_PID, pid[1], WEXITED, &info)));
	ASSERT_EQ(1, write(fd[0], "x", 1));
	ASSERT_LE(0, reap(pid[0], WAIT_MS));
	ring_flush(&self->ring);
	EXPECT_EQ(0u, ring_ready(&self->ring));
	ASSERT_EQ(1, write(fd[1], "x", 1));
	ASSERT_EQ(0, ring_wait(&self->ring, &cqe));
	EXPECT_EQ(0, cqe.res);
	EXPECT_EQ(pid[1], info.si_pid);
	close(fd[0]);
	close(fd[1]);
}

TEST_F(futex, waitid_errors)
{
	struct io_uring_sqe sqe;
	struct io_uring_cqe cqe;
	siginfo_t info;
	unsigned int i;
	pid_t pid;
	int fd;

	EXPECT_EQ(-ECHILD, RUN(waitid_sqe(P_ALL, 0, WEXITED, &info)));
	EXPECT_EQ(-EINVAL, RUN(waitid_sqe(P_ALL, 0, 0, &info)));
	EXPECT_EQ(-EINVAL, RUN(waitid_sqe(P_ALL, 0, WEXITED | 1 << 20, &info)));
	EXPECT_EQ(-EINVAL, RUN(waitid_sqe(77, 0, WEXITED, &info)));
	EXPECT_EQ(-EINVAL, RUN(waitid_sqe(P_PID, 0, WEXITED, &info)));
	for (i = 0; i < 5; i++) {
		sqe = waitid_sqe(P_ALL, 0, WEXITED, &info);
		sqe.addr = i == 0;
		sqe.addr3 = i == 1;
		sqe.buf_index = i == 2;
		sqe.waitid_flags = i == 3;
		sqe.ioprio = i == 4;
		EXPECT_EQ(-EINVAL, RUN(sqe));
	}
	pid = child(&fd);
	memset(&info, 0xff, sizeof(info));
	EXPECT_EQ(0, RUN(waitid_sqe(P_PID, pid, WEXITED | WNOHANG, &info)));
	EXPECT_EQ(0, info.si_pid);
	EXPECT_EQ(0, info.si_signo);
	/* Cancelled */
	ASSERT_TRUE(submit(&self->ring, variant->flags, waitid_sqe(P_PID, pid, WEXITED, &info)));
	ASSERT_TRUE(submit(&self->ring, 0, cancel_sqe(9)));
	for (i = 0; i < 2; i++) {
		ASSERT_EQ(0, ring_wait(&self->ring, &cqe));
		EXPECT_TRUE(cqe.user_data == 9 ? cqe.res == -ECANCELED :
						 cancel_ok(cqe.res));
	}
	ASSERT_EQ(1, write(fd, "x", 1));
	EXPECT_EQ(-EFAULT, RUN(waitid_sqe(P_PID, pid, WEXITED, no_access(4096))));
	close(fd);
}

TEST_HARNESS_MAIN
