// SPDX-License-Identifier: GPL-2.0
/*
 * Allocations that fail, and accesses to the program's memory.
 *
 * Each operation is run with its first allocation failing, then with its second,
 * and so on until it is through without a failure. Each time it succeeds or says
 * a documented error, the ring goes on to work, and nothing stays behind. Only a
 * kernel with fault injection can do that (/proc/thread-self/fail-nth); it is
 * made by vm/build fault.
 *
 * Every attempt is a process of its own, so that also the first use of a ring by
 * a task is among them, and the end of a task that nothing was left for.
 */
#include "iou_test.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/uio.h>

#include "net_test.h"
#include "pbuf_test.h"

#include "../kselftest_harness.h"

#define MAX_NTH		2000u
#define ENTRIES		32

#ifndef FUTEX2_SIZE_U32
#define FUTEX2_SIZE_U32	2
#endif

/* What an attempt did, in memory shared with its process. */
struct outcome {
	bool injected;
	int ret;
	int line;
	char what[200];
};

/*
 * struct attempt - one operation, with a fault
 * @out: the outcome
 * @nth: which allocation fails, 0: none
 * @ctl: /proc/thread-self/fail-nth
 * @setup: flags for the ring
 */
struct attempt {
	struct outcome *out;
	unsigned int nth;
	int ctl;
	unsigned int setup;
	struct ring r;
	int p[2];
	int file;
	int event;
	int sock[2];
	int dir;
	char *mem;
	struct iovec iov[16];
	struct pbufs pbufs;
	unsigned int futex;
};

static void begin(struct attempt *a)
{
	char text[16];
	int n = snprintf(text, sizeof(text), "%u", a->nth);

	if (pwrite(a->ctl, text, n, 0) != n)
		_exit(9);
}

static int end(struct attempt *a, int ret)
{
	char text[16] = { };
	ssize_t n;

	/* 0: it was reached. Else these two may be what fails. */
	n = pread(a->ctl, text, sizeof(text) - 1, 0);
	a->out->injected = a->nth && n > 0 && !atoi(text);
	while (pwrite(a->ctl, "0", 1, 0) != 1)
		;
	a->out->ret = ret;
	return ret;
}

#define FAULTY(a, call)							\
({									\
	struct attempt *a_ = (a);					\
									\
	begin(a_);							\
	end(a_, call);							\
})

/* End the attempt, unless @cond. */
#define NEED(a, cond)							\
do {									\
	if (!(cond))							\
		end_badly(a, __LINE__, #cond);				\
} while (0)

static void end_badly(struct attempt *a, int line, const char *what)
{
	a->out->line = line;
	snprintf(a->out->what, sizeof(a->out->what), "%s", what);
	_exit(2);
}

/* What may come of memory that cannot be had, or not be reached. */
static bool is_fault(int error)
{
	switch (error) {
	case -ENOMEM:
	case -EFAULT:
	case -EAGAIN:
	case -ENOBUFS:
	/* socket(2) says that for a file that cannot be had */
	case -ENFILE:
		return true;
	default:
		return false;
	}
}

/* Without a fault: @want. With one also an error, or less than was asked for. */
static bool is_result(struct attempt *a, int res, int want)
{
	return res == want || (a->out->injected && (is_fault(res) || (res >= 0 && res < want)));
}

/* ------------------------------------------------------------------------
 * What operations work on
 */

static void open_ring(struct attempt *a)
{
	NEED(a, !ring_open(&a->r, ENTRIES, a->setup));
}

static void open_files(struct attempt *a)
{
	char dir[] = "/tmp/iou_faults.XXXXXX";

	a->file = memfd_create("faults", 0);
	a->event = eventfd(0, 0);
	a->mem = pages(64 * 4096);
	NEED(a, a->file >= 0 && a->event >= 0 && a->mem);
	NEED(a, !ftruncate(a->file, 65536));
	NEED(a, !pipe(a->p));
	NEED(a, !socketpair(AF_UNIX, SOCK_STREAM, 0, a->sock));
	NEED(a, mkdtemp(dir));
	a->dir = open(dir, O_RDONLY | O_DIRECTORY);
	NEED(a, a->dir >= 0 && !rmdir(dir));
	for (unsigned int i = 0; i < ARRAY_LEN(a->iov); i++)
		a->iov[i] = (struct iovec){ a->mem + i * 4096, 64 };
	memset(a->mem, 'x', 64 * 4096);
}

/* ------------------------------------------------------------------------
 * Rings
 */

static void do_setup(struct attempt *a, unsigned int flags, unsigned int entries)
{
	struct ring r = { .p = { .flags = flags, .sq_thread_idle = 10 } };
	int fd = FAULTY(a, sys_setup(entries, &r.p));

	NEED(a, fd >= 0 || (a->out->injected && is_fault(fd)));
	if (fd >= 0) {
		r.fd = fd;
		NEED(a, !ring_map(&r));
		NEED(a, ring_works(&r));
		ring_close(&r);
	}
	NEED(a, fresh_ring_works());
}

static void setup_plain(struct attempt *a)
{
	do_setup(a, 0, 8);
}

static void setup_large(struct attempt *a)
{
	do_setup(a, IORING_SETUP_SQE128 | IORING_SETUP_CQE32, 32768);
}

static void setup_defer(struct attempt *a)
{
	do_setup(a, IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN, 8);
}

static void setup_sqpoll(struct attempt *a)
{
	do_setup(a, IORING_SETUP_SQPOLL, 8);
}

static void setup_no_mmap(struct attempt *a)
{
	struct io_uring_params p = {
		.flags = IORING_SETUP_NO_MMAP | IORING_SETUP_NO_SQARRAY,
		.cq_off.user_addr = (uintptr_t)pages(8192),
		.sq_off.user_addr = (uintptr_t)pages(8192),
	};
	int fd;

	memset((void *)(uintptr_t)p.cq_off.user_addr, 0, 8192);
	memset((void *)(uintptr_t)p.sq_off.user_addr, 0, 8192);
	fd = FAULTY(a, sys_setup(8, &p));
	NEED(a, fd >= 0 || (a->out->injected && is_fault(fd)));
	NEED(a, fresh_ring_works());
}

static void setup_mmap(struct attempt *a)
{
	struct io_uring_params p = { };
	int fd = sys_setup(8, &p);
	void *mem;

	NEED(a, fd >= 0);
	begin(a);
	mem = mmap(NULL, ring_mem_size(&p), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE,
		   fd, IORING_OFF_SQ_RING);
	end(a, mem == MAP_FAILED ? -errno : 0);
	NEED(a, mem != MAP_FAILED || (a->out->injected && is_fault(a->out->ret)));
	NEED(a, fresh_ring_works());
}

/* The first submission of a task, on a ring that another one has made. */
static void setup_fork(struct attempt *a)
{
	int ret;

	open_ring(a);
	NEED(a, prep_nop(&a->r, 1));
	ring_publish(&a->r);
	ret = FAULTY(a, sys_enter(a->r.fd, 1, 0, 0, NULL, 0));
	NEED(a, ret == 1 || (a->out->injected && is_fault(ret)));
	if (ret != 1)
		NEED(a, ring_submit(&a->r) == 1);
	NEED(a, ring_ready(&a->r) == 1);
}

/* ------------------------------------------------------------------------
 * Register operations
 */

/* @want: what it gives if nothing fails. What was done in part is told so. */
static int do_register(struct attempt *a, unsigned int op, void *arg, unsigned int nr, int want)
{
	int ret = FAULTY(a, sys_register(a->r.fd, op, arg, nr));

	NEED(a, is_result(a, ret, want));
	/* It can be had after all. */
	if (ret < 0) {
		ret = sys_register(a->r.fd, op, arg, nr);
		NEED(a, ret == want);
	}
	NEED(a, ring_works(&a->r));
	return ret;
}

static void reg_files(struct attempt *a)
{
	int fds[40];

	for (unsigned int i = 0; i < ARRAY_LEN(fds); i++)
		fds[i] = i % 4 ? a->p[1] : -1;
	do_register(a, IORING_REGISTER_FILES, fds, ARRAY_LEN(fds), 0);
	NEED(a, !sys_register(a->r.fd, IORING_UNREGISTER_FILES, NULL, 0));
}

static void reg_files_update(struct attempt *a)
{
	int fds[8] = { -1, -1, -1, -1, -1, -1, -1, -1 };
	__u64 tags[4] = { 1, 2, 3, 4 };
	struct io_uring_rsrc_update2 up = {
		.offset = 2, .data = (uintptr_t)fds, .tags = (uintptr_t)tags, .nr = 4,
	};

	NEED(a, !sys_register(a->r.fd, IORING_REGISTER_FILES, fds, 8));
	for (unsigned int i = 0; i < 4; i++)
		fds[i] = a->p[1];
	do_register(a, IORING_REGISTER_FILES_UPDATE2, &up, sizeof(up), 4);
}

static void reg_bufs(struct attempt *a)
{
	struct iovec big = { a->mem + 10, 20 * 4096 };

	a->iov[3] = big;
	do_register(a, IORING_REGISTER_BUFFERS, a->iov, 8, 0);
	NEED(a, !sys_register(a->r.fd, IORING_UNREGISTER_BUFFERS, NULL, 0));
}

static void reg_bufs_update(struct attempt *a)
{
	struct io_uring_rsrc_register reg = { .nr = 8, .flags = IORING_RSRC_REGISTER_SPARSE };
	__u64 tags[4] = { 1, 2, 3, 4 };
	struct io_uring_rsrc_update2 up = {
		.offset = 2, .data = (uintptr_t)a->iov, .tags = (uintptr_t)tags, .nr = 4,
	};

	NEED(a, !sys_register(a->r.fd, IORING_REGISTER_BUFFERS2, &reg, sizeof(reg)));
	do_register(a, IORING_REGISTER_BUFFERS_UPDATE, &up, sizeof(up), 4);
}

static void reg_bufs_clone(struct attempt *a)
{
	struct io_uring_clone_buffers clone = { };
	struct ring other;

	NEED(a, !ring_open(&other, 4, 0));
	NEED(a, !sys_register(other.fd, IORING_REGISTER_BUFFERS, a->iov, 8));
	clone.src_fd = other.fd;
	do_register(a, IORING_REGISTER_CLONE_BUFFERS, &clone, 1, 0);
	ring_close(&other);
}

static void reg_eventfd(struct attempt *a)
{
	do_register(a, IORING_REGISTER_EVENTFD, &a->event, 1, 0);
}

static void reg_probe(struct attempt *a)
{
	memset(a->mem, 0, 4096);
	do_register(a, IORING_REGISTER_PROBE, a->mem, 64, 0);
}

static void reg_personality(struct attempt *a)
{
	int id = FAULTY(a, sys_register(a->r.fd, IORING_REGISTER_PERSONALITY, NULL, 0));

	NEED(a, id > 0 || (a->out->injected && is_fault(id)));
	if (id > 0)
		NEED(a, !sys_register(a->r.fd, IORING_UNREGISTER_PERSONALITY, NULL, id));
	NEED(a, ring_works(&a->r));
}

static void reg_restrictions(struct attempt *a)
{
	struct io_uring_restriction res[2] = {
		{ .opcode = IORING_RESTRICTION_SQE_OP, .sqe_op = IORING_OP_NOP },
		{ .opcode = IORING_RESTRICTION_REGISTER_OP,
		  .register_op = IORING_REGISTER_ENABLE_RINGS },
	};
	int ret;

	ring_close(&a->r);
	NEED(a, !ring_open(&a->r, 4, a->setup | IORING_SETUP_R_DISABLED));
	ret = FAULTY(a, sys_register(a->r.fd, IORING_REGISTER_RESTRICTIONS, res, 2));
	NEED(a, is_result(a, ret, 0));
	NEED(a, !ret || !sys_register(a->r.fd, IORING_REGISTER_RESTRICTIONS, res, 2));
	NEED(a, !sys_register(a->r.fd, IORING_REGISTER_ENABLE_RINGS, NULL, 0));
	NEED(a, ring_works(&a->r));
}

static void reg_pbuf_ring(struct attempt *a)
{
	struct io_uring_buf_reg reg = {
		.ring_entries = 512, .bgid = 7, .flags = IOU_PBUF_RING_MMAP,
	};

	do_register(a, IORING_REGISTER_PBUF_RING, &reg, 1, 0);
	NEED(a, !pbufs_unregister(&a->r, 7));
	NEED(a, pbufs_unregister(&a->r, 7));
}

static void reg_pbuf_user(struct attempt *a)
{
	struct io_uring_buf_reg reg = {
		.ring_addr = (uintptr_t)a->mem, .ring_entries = 512, .bgid = 9,
	};

	do_register(a, IORING_REGISTER_PBUF_RING, &reg, 1, 0);
	NEED(a, !pbufs_unregister(&a->r, 9));
}

static void reg_max_workers(struct attempt *a)
{
	unsigned int nr[2] = { 2, 2 };

	do_register(a, IORING_REGISTER_IOWQ_MAX_WORKERS, nr, 2, 0);
}

static void reg_affinity(struct attempt *a)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(0, &set);
	do_register(a, IORING_REGISTER_IOWQ_AFF, &set, sizeof(set), 0);
}

static void reg_ring_fd(struct attempt *a)
{
	struct io_uring_rsrc_update up = { .offset = -1U, .data = a->r.fd };
	int ret = FAULTY(a, sys_register(a->r.fd, IORING_REGISTER_RING_FDS, &up, 1));

	NEED(a, is_result(a, ret, 1));
	NEED(a, ring_works(&a->r));
}

static void reg_sync_cancel(struct attempt *a)
{
	struct io_uring_sync_cancel_reg reg = {
		.addr = 5, .fd = -1, .timeout = { -1, -1 },
	};
	struct io_uring_cqe cqe;
	int ret;

	NEED(a, prep(&a->r, IORING_OP_POLL_ADD, a->p[0], NULL, 0, 0));
	a->r.sqes[0].poll32_events = POLLIN;
	a->r.sqes[0].user_data = 5;
	NEED(a, ring_submit(&a->r) == 1);
	ret = FAULTY(a, sys_register(a->r.fd, IORING_REGISTER_SYNC_CANCEL, &reg, 1));
	NEED(a, is_result(a, ret, 0));
	NEED(a, !ret || !sys_register(a->r.fd, IORING_REGISTER_SYNC_CANCEL, &reg, 1));
	NEED(a, !ring_wait(&a->r, &cqe) && cqe.res == -ECANCELED);
	NEED(a, ring_works(&a->r));
}

#define NR_CANCELLED	20

/* Who looks at many requests wants some memory for that, but can do without */
static void reg_sync_cancel_any(struct attempt *a)
{
	struct io_uring_sync_cancel_reg reg = {
		.flags = IORING_ASYNC_CANCEL_ANY, .fd = -1, .timeout = { -1, -1 },
	};
	struct io_uring_cqe cqe;
	int i, ret;

	for (i = 0; i < NR_CANCELLED; i++) {
		struct io_uring_sqe *poll = prep(&a->r, IORING_OP_POLL_ADD, a->p[0], NULL, 0, 0);

		NEED(a, poll);
		poll->poll32_events = POLLIN;
	}
	NEED(a, ring_submit(&a->r) == NR_CANCELLED);
	ret = FAULTY(a, sys_register(a->r.fd, IORING_REGISTER_SYNC_CANCEL, &reg, 1));
	/* The arguments may be what cannot be read */
	NEED(a, ret == NR_CANCELLED || (a->out->injected && ret == -EFAULT));
	if (ret < 0)
		NEED(a, sys_register(a->r.fd, IORING_REGISTER_SYNC_CANCEL, &reg, 1) ==
			NR_CANCELLED);
	for (i = 0; i < NR_CANCELLED; i++)
		NEED(a, !ring_wait(&a->r, &cqe) && cqe.res == -ECANCELED);
	NEED(a, ring_works(&a->r));
}

/* ------------------------------------------------------------------------
 * Requests
 */

/*
 * struct op - a request
 * @prep: queue it; returns the number of CQEs
 * @kick: let it end, if it does not by itself
 * @want: its result
 * @any: as long as no allocation fails, too: chains, and whatever is cancelled
 */
struct op {
	const char *name;
	int (*prep)(struct attempt *a);
	void (*kick)(struct attempt *a);
	int want;
	bool any;
};

static struct io_uring_sqe *sqe(struct attempt *a, int op, int fd, const void *addr,
				unsigned int len, __u64 off)
{
	struct io_uring_sqe *s = prep(&a->r, op, fd, addr, len, off);

	NEED(a, s);
	return s;
}

static int prep_nops(struct attempt *a)
{
	int nr = 0;

	while (nr < ENTRIES) {
		sqe(a, IORING_OP_NOP, -1, NULL, 0, 0);
		nr++;
	}
	return nr;
}

static int prep_chain(struct attempt *a)
{
	sqe(a, IORING_OP_NOP, -1, NULL, 0, 0)->flags = IOSQE_IO_LINK;
	sqe(a, IORING_OP_READ, a->file, a->mem, 64, 0)->flags = IOSQE_IO_LINK;
	sqe(a, IORING_OP_NOP, -1, NULL, 0, 0);
	return 3;
}

static int prep_drain(struct attempt *a)
{
	sqe(a, IORING_OP_READ, a->p[0], a->mem, 1, 0);
	sqe(a, IORING_OP_NOP, -1, NULL, 0, 0)->flags = IOSQE_IO_DRAIN;
	return 2;
}

static int prep_read(struct attempt *a)
{
	sqe(a, IORING_OP_READ, a->file, a->mem, 4096, 4096);
	return 1;
}

static int prep_write(struct attempt *a)
{
	sqe(a, IORING_OP_WRITE, a->file, a->mem, 4096, 1 << 20);
	return 1;
}

static int prep_readv(struct attempt *a)
{
	sqe(a, IORING_OP_READV, a->file, a->iov, 16, 0);
	return 1;
}

static int prep_writev(struct attempt *a)
{
	sqe(a, IORING_OP_WRITEV, a->file, a->iov, 16, 0);
	return 1;
}

static int prep_read_async(struct attempt *a)
{
	sqe(a, IORING_OP_READ, a->file, a->mem, 4096, 0)->flags = IOSQE_ASYNC;
	return 1;
}

/* Waits for the pipe. */
static int prep_read_pipe(struct attempt *a)
{
	sqe(a, IORING_OP_READ, a->p[0], a->mem, 1, 0);
	return 1;
}

static int prep_readv_pipe(struct attempt *a)
{
	sqe(a, IORING_OP_READV, a->p[0], a->iov, 16, 0);
	return 1;
}

/* Cannot be polled for: goes to a worker. */
static int prep_fsync(struct attempt *a)
{
	sqe(a, IORING_OP_FSYNC, a->file, NULL, 0, 0);
	return 1;
}

static int prep_fallocate(struct attempt *a)
{
	for (unsigned int i = 0; i < 3; i++)
		sqe(a, IORING_OP_FALLOCATE, a->file, (void *)4096, 0, i * 4096);
	return 3;
}

static int prep_read_fixed(struct attempt *a)
{
	NEED(a, !sys_register(a->r.fd, IORING_REGISTER_BUFFERS, a->iov, 2));
	NEED(a, !sys_register(a->r.fd, IORING_REGISTER_FILES, &a->p[0], 1));
	sqe(a, IORING_OP_READ_FIXED, 0, a->mem + 4096, 1, 0)->flags = IOSQE_FIXED_FILE;
	a->r.sqes[0].buf_index = 1;
	return 1;
}

static int prep_poll(struct attempt *a)
{
	sqe(a, IORING_OP_POLL_ADD, a->p[0], NULL, 0, 0)->poll32_events = POLLIN;
	return 1;
}

static int prep_poll_update(struct attempt *a)
{
	struct io_uring_sqe *s = sqe(a, IORING_OP_POLL_ADD, a->p[0], NULL, 0, 0);

	s->poll32_events = POLLPRI;
	s->user_data = 77;
	s = sqe(a, IORING_OP_POLL_REMOVE, -1, (void *)77, IORING_POLL_UPDATE_EVENTS, 0);
	s->poll32_events = POLLIN;
	return 2;
}

/* A file with two waitqueues. */
static int prep_poll_two(struct attempt *a)
{
	int tty = open("/dev/ptmx", O_RDWR | O_NOCTTY);

	NEED(a, tty >= 0);
	sqe(a, IORING_OP_POLL_ADD, tty, NULL, 0, 0)->poll32_events = POLLPRI;
	a->r.sqes[0].user_data = 78;
	sqe(a, IORING_OP_ASYNC_CANCEL, -1, (void *)78, 0, 0);
	return 2;
}

static int prep_timeout(struct attempt *a)
{
	static struct __kernel_timespec ts = { .tv_nsec = 1000000 };

	sqe(a, IORING_OP_TIMEOUT, -1, &ts, 1, 0);
	return 1;
}

static int prep_link_timeout(struct attempt *a)
{
	static struct __kernel_timespec ts = { .tv_nsec = 1000000 };

	sqe(a, IORING_OP_READ, a->p[0], a->mem, 1, 0)->flags = IOSQE_IO_LINK;
	sqe(a, IORING_OP_LINK_TIMEOUT, -1, &ts, 1, 0);
	return 2;
}

static int prep_timeout_remove(struct attempt *a)
{
	static struct __kernel_timespec ts = { .tv_sec = 100 };

	sqe(a, IORING_OP_TIMEOUT, -1, &ts, 1, 0)->user_data = 79;
	sqe(a, IORING_OP_TIMEOUT_REMOVE, -1, (void *)79, 0, 0);
	return 2;
}

static int prep_cancel(struct attempt *a)
{
	sqe(a, IORING_OP_READ, a->p[0], a->mem, 1, 0)->user_data = 80;
	sqe(a, IORING_OP_ASYNC_CANCEL, -1, (void *)80, 0, 0);
	return 2;
}

static int prep_openat(struct attempt *a)
{
	sqe(a, IORING_OP_OPENAT, AT_FDCWD, "/proc/self/stat", 0, 0)->open_flags = O_RDONLY;
	return 1;
}

static int prep_open_direct(struct attempt *a)
{
	int none = -1;

	NEED(a, !sys_register(a->r.fd, IORING_REGISTER_FILES, &none, 1));
	sqe(a, IORING_OP_OPENAT, AT_FDCWD, "/proc/self/stat", 0, 0)->file_index = 1;
	return 1;
}

static int prep_close(struct attempt *a)
{
	sqe(a, IORING_OP_CLOSE, a->event, NULL, 0, 0);
	return 1;
}

static int prep_statx(struct attempt *a)
{
	sqe(a, IORING_OP_STATX, AT_FDCWD, "/proc/self", 0, (uintptr_t)a->mem);
	return 1;
}

static int prep_mkdir_rename(struct attempt *a)
{
	char *from = a->mem, *to = a->mem + 4096;

	snprintf(from, 64, "/tmp/iou_faults_a.%d", getpid());
	snprintf(to, 64, "/tmp/iou_faults_b.%d", getpid());
	sqe(a, IORING_OP_MKDIRAT, AT_FDCWD, from, 0700, 0)->flags = IOSQE_IO_LINK;
	sqe(a, IORING_OP_RENAMEAT, AT_FDCWD, from, AT_FDCWD, (uintptr_t)to)->flags = IOSQE_IO_LINK;
	sqe(a, IORING_OP_UNLINKAT, AT_FDCWD, to, 0, 0)->unlink_flags = AT_REMOVEDIR;
	return 3;
}

static void kick_rmdir(struct attempt *a)
{
	struct timespec ts = { .tv_nsec = 50000000 };

	nanosleep(&ts, NULL);
	rmdir(a->mem);
	rmdir(a->mem + 4096);
}

static int prep_xattr(struct attempt *a)
{
	struct io_uring_sqe *s = sqe(a, IORING_OP_FSETXATTR, a->file, "user.a", 1,
				     (uintptr_t)"v");

	s->flags = IOSQE_IO_LINK;
	s = sqe(a, IORING_OP_FGETXATTR, a->file, "user.a", 16, (uintptr_t)a->mem);
	return 2;
}

static int prep_splice(struct attempt *a)
{
	struct io_uring_sqe *s = sqe(a, IORING_OP_SPLICE, a->p[1], NULL, 4096, -1ULL);

	s->splice_fd_in = a->file;
	s->splice_off_in = 0;
	return 1;
}

static int prep_epoll(struct attempt *a)
{
	int ep = epoll_create1(0);
	static struct epoll_event ev = { .events = EPOLLIN };

	NEED(a, ep >= 0);
	sqe(a, IORING_OP_EPOLL_CTL, ep, &ev, EPOLL_CTL_ADD, a->p[0]);
	return 1;
}

static int prep_socket(struct attempt *a)
{
	sqe(a, IORING_OP_SOCKET, AF_UNIX, NULL, 0, SOCK_STREAM);
	return 1;
}

static int prep_send(struct attempt *a)
{
	sqe(a, IORING_OP_SEND, a->sock[0], a->mem, 100, 0);
	return 1;
}

static struct msghdr *msghdr(struct attempt *a)
{
	static struct msghdr msg;

	msg = (struct msghdr){ .msg_iov = a->iov, .msg_iovlen = 16 };
	return &msg;
}

static int prep_sendmsg(struct attempt *a)
{
	sqe(a, IORING_OP_SENDMSG, a->sock[0], msghdr(a), 1, 0);
	return 1;
}

static int prep_recv(struct attempt *a)
{
	sqe(a, IORING_OP_RECV, a->sock[1], a->mem, 10, 0);
	return 1;
}

static int prep_recvmsg(struct attempt *a)
{
	sqe(a, IORING_OP_RECVMSG, a->sock[1], msghdr(a), 1, 0);
	return 1;
}

static void kick_sock(struct attempt *a)
{
	NEED(a, send(a->sock[0], a->mem, 10, 0) == 10);
}

static int prep_accept(struct attempt *a)
{
	struct sockaddr_storage ss;
	socklen_t len;
	int fd = sock_listening(SOCK_TCP4, &ss, &len);

	NEED(a, fd >= 0);
	NEED(a, sock_connected(SOCK_TCP4, &ss, len) >= 0);
	sqe(a, IORING_OP_ACCEPT, fd, NULL, 0, 0);
	return 1;
}

static int prep_connect(struct attempt *a)
{
	static struct sockaddr_storage ss;
	socklen_t len;
	int fd = sock_listening(SOCK_TCP4, &ss, &len);

	NEED(a, fd >= 0);
	fd = socket(AF_INET, SOCK_STREAM, 0);
	NEED(a, fd >= 0);
	sqe(a, IORING_OP_CONNECT, fd, &ss, 0, len);
	return 1;
}

/* Two CQEs if it is sent, with F_MORE on the first. */
static int prep_send_zc(struct attempt *a)
{
	struct sockaddr_storage ss;
	socklen_t len;
	int fd = sock_listening(SOCK_TCP4, &ss, &len);

	NEED(a, fd >= 0);
	fd = sock_connected(SOCK_TCP4, &ss, len);
	NEED(a, fd >= 0);
	sqe(a, IORING_OP_SEND_ZC, fd, a->mem, 5000, 0);
	return 1;
}

static int prep_provide(struct attempt *a)
{
	sqe(a, IORING_OP_PROVIDE_BUFFERS, 20, a->mem, 64, 0);
	return 1;
}

/* A buffer out of a ring, when there is something for it. */
static int prep_recv_select(struct attempt *a)
{
	NEED(a, !pbufs_open(&a->pbufs, &a->r, 8, 64, 1, 0));
	pbufs_give(&a->pbufs, 0, 8);
	sqe(a, IORING_OP_RECV, a->sock[1], NULL, 0, 0)->flags = IOSQE_BUFFER_SELECT;
	a->r.sqes[0].buf_group = 1;
	return 1;
}

static int prep_futex_wait(struct attempt *a)
{
	struct io_uring_sqe *s = sqe(a, IORING_OP_FUTEX_WAIT, FUTEX2_SIZE_U32, &a->futex, 0, 0);

	s->addr3 = ~0u;
	s->user_data = 81;
	sqe(a, IORING_OP_ASYNC_CANCEL, -1, (void *)81, 0, 0);
	return 2;
}

static int prep_waitid(struct attempt *a)
{
	pid_t pid = fork();
	struct io_uring_sqe *s;

	NEED(a, pid >= 0);
	if (!pid)
		_exit(0);
	s = sqe(a, IORING_OP_WAITID, pid, NULL, P_PID, 0);
	s->file_index = WEXITED;
	return 1;
}

static int prep_msg_ring(struct attempt *a)
{
	static struct ring other;

	NEED(a, !ring_open(&other, 4, 0));
	sqe(a, IORING_OP_MSG_RING, other.fd, (void *)IORING_MSG_DATA, 5, 6);
	return 1;
}

static int prep_files_update(struct attempt *a)
{
	int fds[2] = { -1, -1 };

	NEED(a, !sys_register(a->r.fd, IORING_REGISTER_FILES, fds, 2));
	sqe(a, IORING_OP_FILES_UPDATE, -1, a->p, 2, 0);
	return 1;
}

static int prep_install(struct attempt *a)
{
	NEED(a, !sys_register(a->r.fd, IORING_REGISTER_FILES, a->p, 2));
	sqe(a, IORING_OP_FIXED_FD_INSTALL, 1, NULL, 0, 0)->flags = IOSQE_FIXED_FILE;
	return 1;
}

static int prep_personality(struct attempt *a)
{
	int id = sys_register(a->r.fd, IORING_REGISTER_PERSONALITY, NULL, 0);

	NEED(a, id > 0);
	sqe(a, IORING_OP_READ, a->p[0], a->mem, 1, 0)->personality = id;
	return 1;
}

static void kick_pipe(struct attempt *a)
{
	NEED(a, write(a->p[1], a->mem, 1) == 1);
}

#define POSITIVE	INT_MAX	/* a descriptor */

static const struct op ops[] = {
	{ "nops", prep_nops, NULL, 0, false },
	{ "chain", prep_chain, NULL, 0, true },
	{ "drain", prep_drain, kick_pipe, 0, true },
	{ "read", prep_read, NULL, 4096, false },
	{ "write", prep_write, NULL, 4096, false },
	{ "readv", prep_readv, NULL, 16 * 64, false },
	{ "writev", prep_writev, NULL, 16 * 64, false },
	{ "read async", prep_read_async, NULL, 4096, false },
	{ "read pipe", prep_read_pipe, kick_pipe, 1, false },
	{ "readv pipe", prep_readv_pipe, kick_pipe, 1, false },
	{ "fsync", prep_fsync, NULL, 0, false },
	{ "fallocate", prep_fallocate, NULL, 0, false },
	{ "read fixed", prep_read_fixed, kick_pipe, 1, false },
	{ "poll", prep_poll, kick_pipe, POLLIN, false },
	{ "poll update", prep_poll_update, kick_pipe, 0, true },
	{ "poll two queues", prep_poll_two, NULL, 0, true },
	{ "timeout", prep_timeout, NULL, -ETIME, false },
	{ "link timeout", prep_link_timeout, kick_pipe, 0, true },
	{ "timeout remove", prep_timeout_remove, NULL, 0, true },
	{ "cancel", prep_cancel, kick_pipe, 0, true },
	{ "openat", prep_openat, NULL, POSITIVE, false },
	{ "openat direct", prep_open_direct, NULL, 0, false },
	{ "close", prep_close, NULL, 0, false },
	{ "statx", prep_statx, NULL, 0, false },
	{ "mkdir rename rmdir", prep_mkdir_rename, kick_rmdir, 0, true },
	{ "xattr", prep_xattr, NULL, 0, true },
	{ "splice", prep_splice, NULL, 4096, false },
	{ "epoll_ctl", prep_epoll, NULL, 0, false },
	{ "socket", prep_socket, NULL, POSITIVE, false },
	{ "send", prep_send, NULL, 100, false },
	{ "sendmsg", prep_sendmsg, NULL, 16 * 64, false },
	{ "recv", prep_recv, kick_sock, 10, false },
	{ "recvmsg", prep_recvmsg, kick_sock, 10, false },
	{ "accept", prep_accept, NULL, POSITIVE, false },
	{ "connect", prep_connect, NULL, 0, false },
	{ "send_zc", prep_send_zc, NULL, 5000, false },
	{ "provide buffers", prep_provide, NULL, 0, false },
	{ "recv select", prep_recv_select, kick_sock, 10, false },
	{ "futex wait", prep_futex_wait, NULL, 0, true },
	{ "waitid", prep_waitid, NULL, 0, false },
	{ "msg_ring", prep_msg_ring, NULL, 0, false },
	{ "files update", prep_files_update, NULL, 2, false },
	{ "fd install", prep_install, NULL, POSITIVE, false },
	{ "personality", prep_personality, kick_pipe, 1, false },
};

/* Submit under the fault, and what could not be submitted once more without. */
static void submit(struct attempt *a)
{
	unsigned int nr = ring_publish(&a->r), left;
	int ret = FAULTY(a, sys_enter(a->r.fd, nr, 0, IORING_ENTER_GETEVENTS, NULL, 0));

	NEED(a, ret == (int)nr || a->out->injected);
	NEED(a, ret >= 0 || is_fault(ret));
	/* A rejected SQE ends the batch. */
	while ((left = ring_publish(&a->r)))
		NEED(a, ring_submit(&a->r) > 0);
}

/* Every request ends once; notifications of zero-copy sends are extra. */
static void collect(struct attempt *a, const struct op *op, int nr)
{
	struct io_uring_cqe cqe;
	int res;

	for (; nr; nr--) {
		NEED(a, !ring_wait(&a->r, &cqe));
		res = cqe.res;
		a->out->ret = res;
		if (cqe.flags & IORING_CQE_F_NOTIF)
			continue;
		if (op->want == POSITIVE)
			NEED(a, res > 0 || (a->out->injected && is_fault(res)));
		else if (!op->any)
			NEED(a, is_result(a, res, op->want));
		else
			NEED(a, res >= 0 || res == -ETIME || res == -ECANCELED || res == -ENOENT ||
			     res == -EALREADY || (a->out->injected && is_fault(res)));
		if (cqe.flags & IORING_CQE_F_MORE)
			nr++;
	}
	NEED(a, !ring_ready(&a->r));
}

static void run_op(struct attempt *a, const struct op *op)
{
	int nr;

	open_files(a);
	open_ring(a);
	nr = op->prep(a);
	submit(a);
	if (op->kick)
		op->kick(a);
	collect(a, op, nr);
	NEED(a, ring_works(&a->r));
}

/* ------------------------------------------------------------------------
 * The tests
 */

typedef void (*scenario_fn)(struct attempt *a);

static const struct scenario {
	const char *name;
	scenario_fn run;
	bool needs_ring;
} scenarios[] = {
	{ "setup", setup_plain, false },
	{ "setup, large", setup_large, false },
	{ "setup, DEFER_TASKRUN", setup_defer, false },
	{ "setup, SQPOLL", setup_sqpoll, false },
	{ "setup, NO_MMAP", setup_no_mmap, false },
	{ "mmap", setup_mmap, false },
	{ "first enter", setup_fork, false },
	{ "FILES", reg_files, true },
	{ "FILES_UPDATE2", reg_files_update, true },
	{ "BUFFERS", reg_bufs, true },
	{ "BUFFERS_UPDATE", reg_bufs_update, true },
	{ "CLONE_BUFFERS", reg_bufs_clone, true },
	{ "EVENTFD", reg_eventfd, true },
	{ "PROBE", reg_probe, true },
	{ "PERSONALITY", reg_personality, true },
	{ "RESTRICTIONS", reg_restrictions, true },
	{ "PBUF_RING, MMAP", reg_pbuf_ring, true },
	{ "PBUF_RING", reg_pbuf_user, true },
	{ "IOWQ_MAX_WORKERS", reg_max_workers, true },
	{ "IOWQ_AFF", reg_affinity, true },
	{ "RING_FDS", reg_ring_fd, true },
	{ "SYNC_CANCEL", reg_sync_cancel, true },
	{ "SYNC_CANCEL, ANY", reg_sync_cancel_any, true },
};

static bool set_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY);
	bool ok = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);

	close(fd);
	return ok;
}

#define DEBUGFS	"/sys/kernel/debug/"

/* Allocations that may sleep fail, too, and do not fill the log. */
static const char *prepare_injection(void)
{
	if (access("/proc/thread-self/fail-nth", W_OK))
		return "this kernel cannot inject faults, or we are not root";
	if (!set_file(DEBUGFS "failslab/ignore-gfp-wait", "N") ||
	    !set_file(DEBUGFS "failslab/verbose", "0") ||
	    !set_file(DEBUGFS "fail_page_alloc/ignore-gfp-wait", "N") ||
	    !set_file(DEBUGFS "fail_page_alloc/min-order", "0") ||
	    !set_file(DEBUGFS "fail_page_alloc/verbose", "0"))
		return "no failslab or fail_page_alloc in " DEBUGFS;
	set_file(DEBUGFS "fail_usercopy/verbose", "0");
	return NULL;
}

FIXTURE(faults)
{
	struct outcome *out;
	unsigned int faults;
};

FIXTURE_VARIANT(faults)
{
	unsigned int setup;
};

FIXTURE_VARIANT_ADD(faults, plain) {
	.setup = 0,
};

FIXTURE_VARIANT_ADD(faults, defer) {
	.setup = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN,
};

FIXTURE_SETUP(faults)
{
	const char *why = prepare_injection();

	if (why)
		SKIP(return, "%s", why);
	self->out = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, self->out);
}

FIXTURE_TEARDOWN(faults)
{
}

/* One attempt in a child. */
static int attempt(struct outcome *out, unsigned int setup, unsigned int nth,
		   const struct scenario *s, const struct op *op)
{
	int watch[2], status;
	char c;
	pid_t pid;

	memset(out, 0, sizeof(*out));
	if (pipe(watch))
		return -errno;
	pid = fork();
	if (!pid) {
		struct attempt a = { .out = out, .nth = nth, .setup = setup };

		close(watch[0]);
		a.ctl = open("/proc/thread-self/fail-nth", O_RDWR);
		if (a.ctl < 0)
			_exit(9);
		if (op) {
			run_op(&a, op);
		} else {
			if (s->needs_ring) {
				open_files(&a);
				open_ring(&a);
			}
			s->run(&a);
		}
		_exit(0);
	}
	close(watch[1]);
	status = pid < 0 ? -errno : reap(pid, 2 * WAIT_MS);
	/* No request has kept its files. */
	if (!status && read(watch[0], &c, 1) != 0)
		status = -EBUSY;
	close(watch[0]);
	return status;
}

static void sweep(struct __test_metadata *_metadata, struct outcome *out, unsigned int setup,
		  const struct scenario *s, const struct op *op, unsigned int *faults)
{
	const char *name = op ? op->name : s->name;
	unsigned int nth = 0, clean = 0;
	int status = 0;

	/* A few more after the first that was not reached: workers come and go. */
	while (!status && clean < 3 && nth < MAX_NTH) {
		status = attempt(out, setup, nth, s, op);

		EXPECT_EQ(0, status) {
			TH_LOG("%s, fault %u%s: line %d: %s (%d)", name, nth,
			       out->injected ? "" : " (not reached)", out->line, out->what,
			       out->ret);
		}
		*faults += out->injected;
		clean = out->injected || !nth ? 0 : clean + 1;
		nth++;
	}
	EXPECT_LT(nth, MAX_NTH) {
		TH_LOG("%s: there is no end to its allocations", name);
	}
}

TEST_F_TIMEOUT(faults, setup_and_register, 300)
{
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(scenarios); i++)
		sweep(_metadata, self->out, variant->setup, &scenarios[i], NULL, &self->faults);
	TH_LOG("%u faults", self->faults);
	EXPECT_LT(50u, self->faults);
}

TEST_F_TIMEOUT(faults, requests, 300)
{
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(ops); i++)
		sweep(_metadata, self->out, variant->setup, NULL, &ops[i], &self->faults);
	TH_LOG("%u faults", self->faults);
	EXPECT_LT(100u, self->faults);
}

TEST_HARNESS_MAIN
