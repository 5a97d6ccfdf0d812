// SPDX-License-Identifier: GPL-2.0
/*
 * A program that uses all that has to do with sockets, provided buffers, messages, timers,
 * and waiting for others, from several threads at once, while it writes rubbish into what
 * it shares with the kernel, registers and unregisters, and is killed in the middle. It
 * may harm itself. It must not harm the kernel, nor become unkillable.
 *
 * IOU_TEST_SECONDS in the environment: for how long, in each mode (default: 2).
 */
#include "net_test.h"
#include "pbuf_test.h"

#include <linux/futex.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/uio.h>

#include "../kselftest_harness.h"

#define DEFER		(IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN)
#define ENOUGH		5000		/* requests of one such program, then it is killed */
#define ARENA		(1024 * 1024)
#define FIRST_FD	100
#define NR_FDS		24
#define NR_SLOTS	16
#define NR_GROUPS	4
#define GROUP_SIZE	64

FIXTURE(storm)
{
	long end;
	unsigned long *nr_made;
};

FIXTURE_VARIANT(storm)
{
	unsigned int setup;
};

FIXTURE_VARIANT_ADD(storm, plain) { .setup = 0 };
FIXTURE_VARIANT_ADD(storm, coop) { .setup = IORING_SETUP_COOP_TASKRUN };
FIXTURE_VARIANT_ADD(storm, defer) { .setup = DEFER };
FIXTURE_VARIANT_ADD(storm, sqpoll) { .setup = IORING_SETUP_SQPOLL };
FIXTURE_VARIANT_ADD(storm, big_entries) {
	.setup = IORING_SETUP_SQE128 | IORING_SETUP_CQE32 | IORING_SETUP_SUBMIT_ALL,
};

FIXTURE_SETUP(storm)
{
	self->end = now_ms() + 1000 * test_seconds(2);
	self->nr_made = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, self->nr_made);
}

FIXTURE_TEARDOWN(storm)
{
	munmap(self->nr_made, 4096);
}

/**
 * struct app - the program
 * @ring: what it uses
 * @other: receives messages, and lends buffers
 * @arena: all its memory
 * @groups: rings of provided buffers, as far as they are mapped
 * @single: only its first thread may use @ring
 * @nr_made: counts requests, for who watches
 */
struct app {
	struct ring ring;
	struct ring other;
	char *arena;
	struct io_uring_buf_ring *groups[NR_GROUPS];
	bool single;
	unsigned long *nr_made;
};

static unsigned int rnd(unsigned long long *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed >> 16;
}

#define PICK(seed, ...)							\
({									\
	static const long long picks[] = { __VA_ARGS__ };		\
	picks[rnd(seed) % ARRAY_LEN(picks)];				\
})

static int any_fd(unsigned long long *seed)
{
	return FIRST_FD + rnd(seed) % NR_FDS;
}

static void *place(const struct app *app, unsigned long long *seed)
{
	return app->arena + rnd(seed) % (ARENA / 2) / 64 * 64;
}

static size_t small_len(unsigned long long *seed)
{
	return PICK(seed, 0, 1, 16, 100, 4096, 70000);
}

/* ------------------------------------------------------------------------
 * What SQEs point to
 */

static void *make_iovecs(struct app *app, unsigned long long *seed, int nr)
{
	struct iovec *vec = place(app, seed);
	int i;

	for (i = 0; i < nr; i++)
		vec[i] = (struct iovec){ place(app, seed), small_len(seed) };
	return vec;
}

static void *make_msg(struct app *app, unsigned long long *seed)
{
	struct msghdr *msg = place(app, seed);
	struct cmsghdr *cmsg = place(app, seed);
	int nr = PICK(seed, 0, 1, 1, 2, 9, 200);

	cmsg->cmsg_len = CMSG_LEN(sizeof(int));
	cmsg->cmsg_level = SOL_SOCKET;
	cmsg->cmsg_type = SCM_RIGHTS;
	*(int *)CMSG_DATA(cmsg) = any_fd(seed);

	memset(msg, 0, sizeof(*msg));
	msg->msg_iov = make_iovecs(app, seed, nr);
	msg->msg_iovlen = nr;
	msg->msg_name = rnd(seed) % 4 ? NULL : place(app, seed);
	msg->msg_namelen = PICK(seed, 0, 0, 16, 128, 4096);
	if (rnd(seed) % 3 == 0) {
		msg->msg_control = cmsg;
		msg->msg_controllen = PICK(seed, 0, 24, 64, 100);
	}
	return msg;
}

static void *make_time(struct app *app, unsigned long long *seed)
{
	struct __kernel_timespec *ts = place(app, seed);

	ts->tv_sec = PICK(seed, 0, 0, 0, 0, 1, 1000, -1);
	ts->tv_nsec = PICK(seed, 0, 1, 1000, 1000000, 5000000, -1);
	return ts;
}

static socklen_t make_name(unsigned long long *seed, void *at)
{
	struct sockaddr_in *in = at;

	in->sin_family = PICK(seed, AF_INET, AF_INET, AF_UNIX, AF_UNSPEC, AF_INET6);
	in->sin_port = htons(20000 + rnd(seed) % 8);
	in->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	return PICK(seed, 16, 16, 2, 28, 128);
}

/* ------------------------------------------------------------------------
 * Requests
 */

static int msg_flags(unsigned long long *seed)
{
	return PICK(seed, 0, 0, 0, MSG_WAITALL, MSG_DONTWAIT, MSG_PEEK, MSG_TRUNC, MSG_OOB,
		    MSG_ERRQUEUE, MSG_WAITALL | MSG_DONTWAIT, MSG_MORE, -1);
}

static void make_transfer(struct app *app, unsigned long long *seed, struct io_uring_sqe *sqe)
{
	bool msg = sqe->opcode == IORING_OP_SENDMSG || sqe->opcode == IORING_OP_RECVMSG ||
		   sqe->opcode == IORING_OP_SENDMSG_ZC;

	sqe->addr = (uintptr_t)(msg ? make_msg(app, seed) : place(app, seed));
	sqe->len = msg ? 1 : small_len(seed);
	sqe->msg_flags = msg_flags(seed);
	sqe->ioprio = PICK(seed, 0, 0, IORING_RECVSEND_POLL_FIRST, IORING_RECV_MULTISHOT,
			   IORING_RECV_MULTISHOT, IORING_RECVSEND_BUNDLE, IORING_RECVSEND_FIXED_BUF,
			   IORING_RECVSEND_BUNDLE | IORING_RECV_MULTISHOT,
			   IORING_SEND_ZC_REPORT_USAGE);
	if (sqe->ioprio & IORING_RECV_MULTISHOT) {
		sqe->flags |= IOSQE_BUFFER_SELECT;
		sqe->len = 0;
	}
	if ((sqe->ioprio & IORING_RECVSEND_BUNDLE) || rnd(seed) % 3 == 0)
		sqe->flags |= IOSQE_BUFFER_SELECT;
	sqe->buf_group = rnd(seed) % NR_GROUPS;
	if (sqe->opcode == IORING_OP_SEND && rnd(seed) % 4 == 0) {
		sqe->addr2 = (uintptr_t)place(app, seed);
		sqe->addr_len = make_name(seed, (void *)(uintptr_t)sqe->addr2);
	}
}

static void make_conn(struct app *app, unsigned long long *seed, struct io_uring_sqe *sqe)
{
	void *name = place(app, seed);

	switch (sqe->opcode) {
	case IORING_OP_ACCEPT:
		sqe->ioprio = PICK(seed, 0, IORING_ACCEPT_MULTISHOT, IORING_ACCEPT_POLL_FIRST);
		sqe->file_index = PICK(seed, IORING_FILE_INDEX_ALLOC, IORING_FILE_INDEX_ALLOC, 3);
		break;
	case IORING_OP_SOCKET:
		sqe->fd = PICK(seed, AF_INET, AF_UNIX, AF_INET6);
		sqe->off = PICK(seed, SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET);
		sqe->file_index = PICK(seed, IORING_FILE_INDEX_ALLOC, 1, 5);
		break;
	case IORING_OP_LISTEN:
		sqe->len = rnd(seed) % 3;
		break;
	case IORING_OP_SHUTDOWN:
		sqe->len = rnd(seed) % 3;
		break;
	default:
		sqe->addr = (uintptr_t)name;
		sqe->addr2 = make_name(seed, name);
		break;
	}
}

static void make_poll(struct app *app, unsigned long long *seed, struct io_uring_sqe *sqe)
{
	sqe->poll32_events = PICK(seed, POLLIN, POLLOUT, POLLIN | POLLOUT, POLLPRI, 0,
				  POLLIN | EPOLLEXCLUSIVE, POLLIN | (int)EPOLLONESHOT);
	if (sqe->opcode == IORING_OP_POLL_ADD) {
		sqe->len = PICK(seed, 0, IORING_POLL_ADD_MULTI);
		return;
	}
	sqe->fd = -1;
	sqe->addr = rnd(seed) % 64;
	sqe->len = PICK(seed, 0, IORING_POLL_UPDATE_EVENTS, IORING_POLL_UPDATE_USER_DATA,
			IORING_POLL_UPDATE_EVENTS | IORING_POLL_ADD_MULTI);
	if (!(sqe->len & IORING_POLL_UPDATE_EVENTS))
		sqe->poll32_events = 0;
	if (sqe->len & IORING_POLL_UPDATE_USER_DATA)
		sqe->off = rnd(seed) % 64;
}

static void make_timer(struct app *app, unsigned long long *seed, struct io_uring_sqe *sqe)
{
	sqe->fd = -1;
	switch (sqe->opcode) {
	case IORING_OP_ASYNC_CANCEL:
		sqe->addr = rnd(seed) % 64;
		sqe->cancel_flags = PICK(seed, 0, 0, IORING_ASYNC_CANCEL_ALL,
					 IORING_ASYNC_CANCEL_FD, IORING_ASYNC_CANCEL_ANY,
					 IORING_ASYNC_CANCEL_OP);
		sqe->fd = any_fd(seed);
		sqe->len = rnd(seed) % IORING_OP_LAST;
		break;
	case IORING_OP_TIMEOUT_REMOVE:
		sqe->addr = rnd(seed) % 64;
		sqe->timeout_flags = PICK(seed, 0, IORING_TIMEOUT_UPDATE,
					  IORING_TIMEOUT_UPDATE | IORING_LINK_TIMEOUT_UPDATE,
					  IORING_TIMEOUT_UPDATE | IORING_TIMEOUT_ABS);
		if (sqe->timeout_flags)
			sqe->addr2 = (uintptr_t)make_time(app, seed);
		break;
	default:
		sqe->addr = (uintptr_t)make_time(app, seed);
		sqe->len = 1;
		sqe->timeout_flags = PICK(seed, 0, IORING_TIMEOUT_MULTISHOT, IORING_TIMEOUT_ABS,
					  IORING_TIMEOUT_ETIME_SUCCESS, IORING_TIMEOUT_BOOTTIME);
		sqe->off = sqe->opcode == IORING_OP_TIMEOUT ? rnd(seed) % 4 : 0;
		break;
	}
}

static void make_other(struct app *app, unsigned long long *seed, struct io_uring_sqe *sqe)
{
	switch (sqe->opcode) {
	case IORING_OP_MSG_RING:
		sqe->fd = PICK(seed, 0, 1) ? app->ring.fd : app->other.fd;
		sqe->addr = PICK(seed, IORING_MSG_DATA, IORING_MSG_SEND_FD);
		sqe->file_index = sqe->addr ? IORING_FILE_INDEX_ALLOC : 0;
		sqe->addr3 = sqe->addr ? rnd(seed) % NR_SLOTS : 0;
		break;
	case IORING_OP_PROVIDE_BUFFERS:
	case IORING_OP_REMOVE_BUFFERS:
		sqe->fd = 1 + rnd(seed) % 16;
		sqe->buf_group = rnd(seed) % (NR_GROUPS + 1);
		if (sqe->opcode == IORING_OP_PROVIDE_BUFFERS) {
			sqe->addr = (uintptr_t)place(app, seed);
			sqe->len = 1 + rnd(seed) % 4096;
		}
		break;
	case IORING_OP_FUTEX_WAIT:
	case IORING_OP_FUTEX_WAKE:
		sqe->fd = FUTEX2_SIZE_U32 | PICK(seed, 0, FUTEX2_PRIVATE);
		sqe->addr = (uintptr_t)app->arena + ARENA - 64;
		sqe->addr2 = sqe->opcode == IORING_OP_FUTEX_WAKE;
		sqe->addr3 = FUTEX_BITSET_MATCH_ANY;
		break;
	case IORING_OP_WAITID:
		sqe->fd = 0;
		sqe->len = P_ALL;
		sqe->file_index = WEXITED;
		sqe->addr2 = (uintptr_t)place(app, seed);
		break;
	case IORING_OP_SPLICE:
		sqe->splice_fd_in = any_fd(seed);
		sqe->splice_off_in = -1;
		sqe->off = -1;
		sqe->len = 4096;
		break;
	case IORING_OP_EPOLL_CTL:
		sqe->off = any_fd(seed);
		sqe->len = PICK(seed, EPOLL_CTL_ADD, EPOLL_CTL_MOD, EPOLL_CTL_DEL);
		sqe->addr = (uintptr_t)place(app, seed);
		break;
	case IORING_OP_URING_CMD:
		sqe->cmd_op = rnd(seed) % 5;
		sqe->level = SOL_SOCKET;
		sqe->optname = PICK(seed, SO_SNDBUF, SO_RCVBUF, SO_ZEROCOPY, SO_ERROR, SO_TYPE);
		sqe->optval = (uintptr_t)place(app, seed);
		sqe->optlen = 4;
		break;
	case IORING_OP_READ:
	case IORING_OP_WRITE:
	case IORING_OP_READ_MULTISHOT:
		sqe->addr = (uintptr_t)place(app, seed);
		sqe->len = small_len(seed);
		sqe->off = -1;
		sqe->buf_group = rnd(seed) % NR_GROUPS;
		if (sqe->opcode != IORING_OP_WRITE && rnd(seed) % 2)
			sqe->flags |= IOSQE_BUFFER_SELECT;
		if (sqe->opcode == IORING_OP_READ_MULTISHOT)
			*sqe = (struct io_uring_sqe){ .opcode = sqe->opcode, .fd = sqe->fd,
				.flags = IOSQE_BUFFER_SELECT, .buf_group = sqe->buf_group };
		break;
	}
}

static void make_request(struct app *app, unsigned long long *seed, struct io_uring_sqe *sqe)
{
	static const struct {
		__u8 opcode;
		void (*make)(struct app *app, unsigned long long *seed, struct io_uring_sqe *sqe);
	} kinds[] = {
		{ IORING_OP_SEND, make_transfer }, { IORING_OP_RECV, make_transfer },
		{ IORING_OP_SEND, make_transfer }, { IORING_OP_RECV, make_transfer },
		{ IORING_OP_SENDMSG, make_transfer }, { IORING_OP_RECVMSG, make_transfer },
		{ IORING_OP_SENDMSG, make_transfer }, { IORING_OP_RECVMSG, make_transfer },
		{ IORING_OP_SEND_ZC, make_transfer }, { IORING_OP_SENDMSG_ZC, make_transfer },
		{ IORING_OP_ACCEPT, make_conn }, { IORING_OP_CONNECT, make_conn },
		{ IORING_OP_BIND, make_conn }, { IORING_OP_LISTEN, make_conn },
		{ IORING_OP_SOCKET, make_conn }, { IORING_OP_SHUTDOWN, make_conn },
		{ IORING_OP_POLL_ADD, make_poll }, { IORING_OP_POLL_REMOVE, make_poll },
		{ IORING_OP_TIMEOUT, make_timer }, { IORING_OP_TIMEOUT_REMOVE, make_timer },
		{ IORING_OP_LINK_TIMEOUT, make_timer }, { IORING_OP_ASYNC_CANCEL, make_timer },
		{ IORING_OP_MSG_RING, make_other }, { IORING_OP_PROVIDE_BUFFERS, make_other },
		{ IORING_OP_REMOVE_BUFFERS, make_other }, { IORING_OP_FUTEX_WAIT, make_other },
		{ IORING_OP_FUTEX_WAKE, make_other }, { IORING_OP_WAITID, make_other },
		{ IORING_OP_SPLICE, make_other }, { IORING_OP_EPOLL_CTL, make_other },
		{ IORING_OP_URING_CMD, make_other }, { IORING_OP_READ, make_other },
		{ IORING_OP_WRITE, make_other }, { IORING_OP_READ_MULTISHOT, make_other },
	};
	unsigned int i = rnd(seed) % ARRAY_LEN(kinds);

	memset(sqe, 0, sizeof(*sqe));
	sqe->opcode = kinds[i].opcode;
	sqe->fd = any_fd(seed);
	kinds[i].make(app, seed, sqe);
	sqe->user_data = rnd(seed) % 64;
	sqe->flags |= PICK(seed, 0, 0, 0, 0, 0, 0, IOSQE_ASYNC, IOSQE_ASYNC, IOSQE_IO_LINK,
			   IOSQE_IO_HARDLINK, IOSQE_CQE_SKIP_SUCCESS);
	if (rnd(seed) % 50 == 0)
		sqe->flags |= IOSQE_IO_DRAIN;
	if (rnd(seed) % 6 == 0 && sqe->opcode != IORING_OP_MSG_RING) {
		sqe->flags |= IOSQE_FIXED_FILE;
		sqe->fd = rnd(seed) % NR_SLOTS;
	}
}

/* ------------------------------------------------------------------------
 * Its threads
 */

static void submit(struct app *app, unsigned long long *seed)
{
	struct __kernel_timespec ts = { .tv_nsec = 100000 };
	struct io_uring_getevents_arg arg = { .ts = (uintptr_t)&ts };
	struct ring *r = &app->ring;
	unsigned int flags = IORING_ENTER_GETEVENTS | IORING_ENTER_EXT_ARG;
	unsigned int size = r->p.flags & IORING_SETUP_SQE128 ? 2 : 1;
	int i, nr = 1 + rnd(seed) % 16;

	/* Two threads do this at once: what comes of that is rubbish, too */
	for (i = 0; i < nr; i++) {
		unsigned int slot = r->next++ & r->sq_mask;

		make_request(app, seed, &r->sqes[slot * size]);
		r->sq_array[slot] = slot;
	}
	store(r->sq_tail, r->next);
	if (r->p.flags & IORING_SETUP_SQPOLL)
		flags |= IORING_ENTER_SQ_WAKEUP;
	sys_enter(r->fd, nr, rnd(seed) % 3, flags, &arg, sizeof(arg));
	__atomic_fetch_add(app->nr_made, nr, __ATOMIC_RELAXED);
	store(r->cq_head, load(r->cq_tail));
	store(app->other.cq_head, load(app->other.cq_tail));
}

static void change_group(struct app *app, unsigned long long *seed)
{
	unsigned int bgid = rnd(seed) % NR_GROUPS;
	unsigned int flags = PICK(seed, 0, IOU_PBUF_RING_INC, IOU_PBUF_RING_MMAP,
				  IOU_PBUF_RING_MMAP | IOU_PBUF_RING_INC);
	void *mem = flags & IOU_PBUF_RING_MMAP ? NULL :
		    app->arena + ARENA - 65536 + bgid * 4096;

	pbufs_unregister(&app->ring, bgid);
	if (pbufs_register(&app->ring, mem, GROUP_SIZE, bgid, flags))
		return;
	if (!mem)
		mem = pbufs_map(&app->ring, bgid, 4096);
	if (mem != MAP_FAILED)
		app->groups[bgid] = mem;
}

static void change_buffers(struct app *app, unsigned long long *seed)
{
	struct io_uring_clone_buffers clone = { .src_fd = app->other.fd };
	struct iovec vec[4];
	int i;

	for (i = 0; i < 4; i++)
		vec[i] = (struct iovec){ place(app, seed), 1 + small_len(seed) };
	sys_register(app->ring.fd, IORING_UNREGISTER_BUFFERS, NULL, 0);
	if (rnd(seed) % 2)
		sys_register(app->ring.fd, IORING_REGISTER_CLONE_BUFFERS, &clone, 1);
	else
		sys_register(app->ring.fd, IORING_REGISTER_BUFFERS, vec, 4);
}

static void change_files(struct app *app, unsigned long long *seed)
{
	int fds[NR_SLOTS], i;
	struct io_uring_files_update update = { .fds = (uintptr_t)fds };

	for (i = 0; i < NR_SLOTS; i++)
		fds[i] = rnd(seed) % 4 ? any_fd(seed) : -1;
	if (rnd(seed) % 8 == 0)
		sys_register(app->ring.fd, IORING_UNREGISTER_FILES, NULL, 0);
	sys_register(app->ring.fd, IORING_REGISTER_FILES, fds, NR_SLOTS);
	sys_register(app->ring.fd, IORING_REGISTER_FILES_UPDATE, &update, 1 + rnd(seed) % NR_SLOTS);
}

static void change_ring(struct app *app, unsigned long long *seed)
{
	struct io_uring_sync_cancel_reg cancel = {
		.addr = rnd(seed) % 64, .fd = any_fd(seed), .timeout = { .tv_nsec = 100000 },
		.flags = PICK(seed, 0, IORING_ASYNC_CANCEL_ALL, IORING_ASYNC_CANCEL_FD,
			      IORING_ASYNC_CANCEL_ANY | IORING_ASYNC_CANCEL_ALL),
	};
	char text[4096], path[64];
	int evfd = any_fd(seed);

	switch (rnd(seed) % 6) {
	case 0:
		change_group(app, seed);
		break;
	case 1:
		change_buffers(app, seed);
		break;
	case 2:
		change_files(app, seed);
		break;
	case 3:
		sys_register(app->ring.fd, IORING_REGISTER_SYNC_CANCEL, &cancel, 1);
		break;
	case 4:
		sys_register(app->ring.fd, IORING_UNREGISTER_EVENTFD, NULL, 0);
		sys_register(app->ring.fd, IORING_REGISTER_EVENTFD, &evfd, 1);
		break;
	default:
		snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", app->ring.fd);
		read_small_file(path, text, sizeof(text));
		break;
	}
}

static void put_fd(unsigned long long *seed, int fd)
{
	if (fd < 0)
		return;
	dup2(fd, any_fd(seed));
	close(fd);
}

/* Other files in place of some */
static void change_fds(unsigned long long *seed)
{
	struct sockaddr_storage ss;
	sigset_t signals;
	socklen_t len;
	int fd[2];

	switch (rnd(seed) % 5) {
	case 0:
		put_fd(seed, sock_listening(PICK(seed, SOCK_TCP4, SOCK_UNIX_STREAM), &ss, &len));
		break;
	case 1:
		if (!pipe(fd)) {
			put_fd(seed, fd[0]);
			put_fd(seed, fd[1]);
		}
		break;
	case 2:
		sigemptyset(&signals);
		put_fd(seed, PICK(seed, 0, 1) ? eventfd(0, EFD_NONBLOCK) : epoll_create1(0));
		put_fd(seed, signalfd(-1, &signals, SFD_NONBLOCK));
		break;
	default:
		if (!sock_pair(rnd(seed) % SOCK_KINDS, fd)) {
			setsockopt(fd[0], SOL_SOCKET, SO_ZEROCOPY, &(int){ 1 }, sizeof(int));
			put_fd(seed, fd[0]);
			put_fd(seed, fd[1]);
		}
		break;
	}
}

/* Give buffers, of which some are rubbish; and move some data */
static void scribble(struct app *app, unsigned long long *seed)
{
	struct io_uring_buf_ring *group = app->groups[rnd(seed) % NR_GROUPS];
	struct io_uring_buf *buf;
	int i;

	for (i = 0; group && i < 16; i++) {
		buf = &group->bufs[rnd(seed) % GROUP_SIZE];
		buf->addr = rnd(seed) % 32 ? (uintptr_t)place(app, seed) : (__u64)rnd(seed) << 33;
		buf->len = rnd(seed) % 32 ? small_len(seed) : rnd(seed);
		buf->bid = rnd(seed);
	}
	if (group)
		__atomic_store_n(&group->tail, group->tail + rnd(seed) % 16, __ATOMIC_RELEASE);
	*(__u64 *)place(app, seed) = rnd(seed);
	send(any_fd(seed), place(app, seed), small_len(seed), MSG_DONTWAIT | MSG_NOSIGNAL);
	recv(any_fd(seed), place(app, seed), small_len(seed), MSG_DONTWAIT);
}

struct storm_thread {
	struct app *app;
	unsigned long long seed;
	bool owner;
};

static void *storm_main(void *arg)
{
	struct storm_thread *t = arg;
	bool may_use = t->owner || !t->app->single;

	for (;;) {
		unsigned int what = rnd(&t->seed) % 16;

		if (what < 10 && may_use)
			submit(t->app, &t->seed);
		else if (what < 12 && may_use)
			change_ring(t->app, &t->seed);
		else if (what < 13)
			change_fds(&t->seed);
		else
			scribble(t->app, &t->seed);
	}
	return NULL;
}

/* Never returns */
static void app_main(unsigned int setup, unsigned long long seed, unsigned long *nr_made)
{
	static struct app app;
	static struct storm_thread threads[3];
	struct rlimit no_core = { };
	struct iovec vec;
	unsigned int i;
	pthread_t thread;

	setrlimit(RLIMIT_CORE, &no_core);
	signal(SIGPIPE, SIG_IGN);
	app.nr_made = nr_made;
	app.arena = pages(ARENA);
	app.single = setup & IORING_SETUP_SINGLE_ISSUER;
	if (!app.arena || ring_open_cq(&app.ring, 64, 128, setup) || ring_open(&app.other, 8, 0))
		_exit(1);
	vec = (struct iovec){ app.arena, 65536 };
	sys_register(app.other.fd, IORING_REGISTER_BUFFERS, &vec, 1);
	for (i = 0; i < 4 * NR_FDS; i++)
		change_fds(&seed);

	for (i = 0; i < ARRAY_LEN(threads); i++) {
		threads[i] = (struct storm_thread){ &app, seed + i + 1, !i };
		if (i)
			pthread_create(&thread, NULL, storm_main, &threads[i]);
	}
	storm_main(&threads[0]);
}

/*
 * Until it has made enough requests, killed itself by what it has received, or waits for
 * itself: a SPLICE that waits for a socket has the lock of its pipe, and whoever reads that
 * pipe waits, too.
 */
static void let_run(pid_t pid, const unsigned long *nr_made)
{
	long end = now_ms() + WAIT_MS;
	siginfo_t info = { };

	while (__atomic_load_n(nr_made, __ATOMIC_RELAXED) < ENOUGH && now_ms() < end) {
		usleep(1000);
		if (!waitid(P_PID, pid, &info, WEXITED | WNOHANG | WNOWAIT) && info.si_pid)
			return;
	}
}

TEST_F_TIMEOUT(storm, survives, 3600)
{
	unsigned long long seed = 88172645463325252ULL ^ (unsigned long long)now_ms() << 20;
	unsigned long all = 0;
	int rounds = 0;
	pid_t pid;

	ksft_print_msg("seed %llu\n", seed);
	do {
		*self->nr_made = 0;
		pid = fork_detached();
		ASSERT_LE(0, pid);
		if (!pid)
			app_main(variant->setup, seed, self->nr_made);

		let_run(pid, self->nr_made);
		kill(pid, SIGKILL);
		ASSERT_LE(0, reap(pid, 3 * WAIT_MS));
		ASSERT_TRUE(fresh_ring_works());
		all += *self->nr_made;
		seed += 1000;
		rounds++;
	} while (now_ms() < self->end || (all < ENOUGH && rounds < 20));
	EXPECT_LE((unsigned long)ENOUGH, all);
	ksft_print_msg("%lu requests of %d programs\n", all, rounds);
}

TEST_HARNESS_MAIN
