// SPDX-License-Identifier: GPL-2.0
/*
 * Idioms: what programs really do. Requests that belong together, mostly with every
 * field as it should be.
 */
#include <fcntl.h>
#include <linux/futex.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "gen.h"

struct request gen_idiom_requests[MAX_IDIOM];

/**
 * struct idiom - what an idiom is made with
 * @first: number of its first request in the round
 * @room: requests that it may have, at least 2
 * @link: the flag for chains
 */
struct idiom {
	int first;
	int room;
	int link;
};

static int nr_requests;

static struct io_uring_sqe *add(int opcode, int object, __u64 addr, __u32 len)
{
	struct request *req = &gen_idiom_requests[nr_requests++];

	memset(req, 0, sizeof(*req));
	req->object = -1;
	req->sqe.opcode = opcode;
	req->sqe.fd = -1;
	req->sqe.addr = addr;
	req->sqe.len = len;
	if (object >= 0)
		gen_fd(req, object);
	return &req->sqe;
}

/* user_data and buffer of a request of the idiom, from 0 */
static __u64 idiom_user_data(const struct idiom *idiom, int i)
{
	return user_data_of(gen.step, idiom->first + i);
}

static __u64 idiom_buffer(int i)
{
	/* The first one is counted already */
	return SLOT((program.nr_sqes - 1 + i) % NR_SLOTS);
}

static __u64 never(void)
{
	__u64 address = meta_alloc(sizeof(struct __kernel_timespec));

	((struct __kernel_timespec *)at(address))->tv_sec = NEVER_S;
	return address;
}

static void poll_and_remove(const struct idiom *idiom)
{
	int object = PICK(OBJ_PIPE1_R, OBJ_PIPE1_R, OBJ_PIPE2_R, OBJ_UNIX0, OBJ_DGRAM0,
			  OBJ_TCP0, OBJ_UDP0, OBJ_EVENTFD, OBJ_TIMERFD, OBJ_LISTENER, OBJ_EPOLL,
			  OBJ_PIPE0_R, OBJ_EVENTFD3);
	bool multi = chance(30);
	struct io_uring_sqe *sqe;

	add(IORING_OP_POLL_ADD, object, 0, multi)->poll32_events = POLLIN;
	sqe = add(IORING_OP_POLL_REMOVE, -1, idiom_user_data(idiom, 0), 0);
	if (!chance(50))
		return;
	sqe->len = ANY(2, 2, 3, 4, 6);
	if (sqe->len & IORING_POLL_UPDATE_EVENTS)
		sqe->poll32_events = ANY(POLLIN, POLLOUT, POLLIN | POLLOUT);
	if (sqe->len & IORING_POLL_UPDATE_USER_DATA)
		sqe->off = 0xabc0000;
}

static void timeout_and_remove(const struct idiom *idiom)
{
	struct io_uring_sqe *sqe = add(IORING_OP_TIMEOUT, -1, never(), 1);

	if (chance(30))
		sqe->off = 1 + below(3);
	if (chance(20))
		sqe->timeout_flags = ANY(4, 8, 32);
	sqe = add(IORING_OP_TIMEOUT_REMOVE, -1, idiom_user_data(idiom, 0), 0);
	if (!chance(55))
		return;
	sqe->timeout_flags = IORING_TIMEOUT_UPDATE;
	sqe->addr2 = gen_time(TIME_SOON | TIME_NEVER | TIME_NOW);
}

/* Return: the object that it waits for, or -1 */
static int wait_for_ever(void)
{
	struct io_uring_sqe *sqe;
	int object;

	switch (below(4)) {
	case 0:
		object = PICK(OBJ_PIPE1_R, OBJ_PIPE1_R, OBJ_PIPE2_R, OBJ_EVENTFD, OBJ_TIMERFD,
			      OBJ_UNIX0, OBJ_TCP0, OBJ_UDP0);
		add(IORING_OP_READ, object, idiom_buffer(0), 64);
		return object;
	case 1:
		object = PICK(OBJ_UNIX0, OBJ_TCP0, OBJ_UDP0, OBJ_DGRAM0, OBJ_UNIX1, OBJ_TCP1);
		add(IORING_OP_RECV, object, idiom_buffer(0), 64);
		return object;
	case 2:
		object = PICK(OBJ_LISTENER, OBJ_LISTENER, OBJ_PIPE1_R, OBJ_EVENTFD);
		if (object == OBJ_LISTENER) {
			sqe = add(IORING_OP_ACCEPT, object, 0, 0);
			sqe->ioprio = below(2);
		} else {
			add(IORING_OP_READ, object, idiom_buffer(0), 8);
		}
		return object;
	default:
		sqe = add(IORING_OP_FUTEX_WAIT, -1, WORD(1), 0);
		sqe->fd = 0x82;
		sqe->addr2 = 1;
		sqe->addr3 = 0xffffffff;
		return -1;
	}
}

static void wait_and_cancel(const struct idiom *idiom)
{
	const struct io_uring_sqe *wait = &gen_idiom_requests[0].sqe;
	int object = wait_for_ever();
	struct io_uring_sqe *sqe;

	sqe = add(IORING_OP_ASYNC_CANCEL, -1, idiom_user_data(idiom, 0), 0);
	if (chance(25)) {
		sqe->cancel_flags = ANY(1, 4, 5, 16);
	} else if (chance(25)) {
		sqe->cancel_flags = IORING_ASYNC_CANCEL_OP | below(2);
		sqe->len = wait->opcode;
	} else if (object >= 0 && chance(30)) {
		sqe->cancel_flags = IORING_ASYNC_CANCEL_FD | below(2);
		sqe->fd = wait->fd;
		if (wait->flags & IOSQE_FIXED_FILE)
			sqe->cancel_flags |= IORING_ASYNC_CANCEL_FD_FIXED;
	}
}

static void futex_and_wake(const struct idiom *idiom)
{
	struct futex_waitv *waiters;
	struct io_uring_sqe *sqe;
	int i, word = below(3);

	if (chance(40) && idiom->room > 2) {
		sqe = add(IORING_OP_FUTEX_WAITV, -1, meta_alloc(48), 2);
		sqe->fd = 0;
		waiters = at(sqe->addr);
		for (i = 0; i < 2; i++) {
			waiters[i].val = (word + i) % 3;
			waiters[i].uaddr = WORD((word + i) % 3);
			waiters[i].flags = 0x82;
		}
		word = (word + below(2)) % 3;
	} else {
		sqe = add(IORING_OP_FUTEX_WAIT, -1, WORD(word), 0);
		sqe->fd = 0x82;
		sqe->addr2 = word;
		sqe->addr3 = ANY64(0xffffffff, 0xffffffff, 1);
	}
	sqe = add(IORING_OP_FUTEX_WAKE, -1, WORD(word), 0);
	sqe->fd = 0x82;
	sqe->addr2 = ANY64(1, 2, 10);
	sqe->addr3 = ANY64(0xffffffff, 0xffffffff, 1, 2);
}

static void provide_and_use(const struct idiom *idiom)
{
	struct io_uring_sqe *sqe = add(IORING_OP_PROVIDE_BUFFERS, -1, PBUF + 2048, 100);
	int object;

	sqe->fd = 1 + below(4);
	sqe->off = below(3);
	sqe->buf_group = 2;
	sqe->flags = chance(50) ? idiom->link : 0;
	if (idiom->room > 2) {
		object = PICK(OBJ_PIPE0_R, OBJ_PIPE0_R, OBJ_UNIX0, OBJ_TCP0, OBJ_FILE0,
			      OBJ_ZERO, OBJ_PIPE1_R);
		sqe = add(object == OBJ_UNIX0 || object == OBJ_TCP0 ? IORING_OP_RECV :
								      IORING_OP_READ,
			  object, 0, ANY(0, 10, 200));
		sqe->flags |= IOSQE_BUFFER_SELECT;
		sqe->buf_group = 2;
		if (object == OBJ_PIPE0_R && chance(40)) {
			sqe->opcode = IORING_OP_READ_MULTISHOT;
			sqe->len = 0;
		}
	}
	sqe = add(IORING_OP_REMOVE_BUFFERS, -1, 0, 0);
	sqe->fd = ANY(1, 2, 100);
	sqe->buf_group = 2;
}

static void open_read_close(const struct idiom *idiom)
{
	struct io_uring_sqe *sqe;
	int slot = below(8);

	sqe = add(IORING_OP_OPENAT, -1, gen_name(ANY(NAME_FILE0, NAME_FILE1, NAME_RDONLY)), 0);
	sqe->fd = AT_FDCWD;
	sqe->file_index = slot + 1;
	sqe->flags = idiom->link;
	sqe->open_flags = O_RDONLY;
	sqe = add(IORING_OP_READ, -1, idiom_buffer(1), 100);
	sqe->fd = slot;
	sqe->flags = IOSQE_FIXED_FILE | (idiom->room > 2 ? idiom->link : 0);
	if (idiom->room <= 2)
		return;
	sqe = add(IORING_OP_CLOSE, -1, 0, 0);
	sqe->fd = 0;
	sqe->file_index = slot + 1;
}

static void wait_with_limit(const struct idiom *idiom)
{
	__u64 time = meta_alloc(sizeof(struct __kernel_timespec));
	struct __kernel_timespec *ts = at(time);
	struct io_uring_sqe *sqe;
	int object;

	if (chance(70))
		ts->tv_nsec = SOON_NS;
	else
		ts->tv_sec = NEVER_S;
	object = PICK(OBJ_PIPE1_R, OBJ_PIPE1_R, OBJ_PIPE2_R, OBJ_PIPE0_R, OBJ_EVENTFD,
		      OBJ_TIMERFD, OBJ_UNIX0, OBJ_TCP0, OBJ_UDP0);
	if (chance(50)) {
		sqe = add(IORING_OP_READ, object, idiom_buffer(0), 64);
	} else {
		sqe = add(IORING_OP_POLL_ADD, object, 0, 0);
		sqe->poll32_events = POLLIN;
	}
	sqe->flags |= idiom->link;
	sqe = add(IORING_OP_LINK_TIMEOUT, -1, time, 1);
	if (chance(20))
		sqe->timeout_flags = IORING_TIMEOUT_ETIME_SUCCESS;
	if (idiom->room > 2) {
		sqe->flags |= ANY(0, idiom->link);
		add(IORING_OP_NOP, -1, 0, 0);
	}
}

static void socket_bind_listen(const struct idiom *idiom)
{
	struct io_uring_sqe *sqe;
	int slot = below(8);

	sqe = add(IORING_OP_SOCKET, -1, 0, 0);
	sqe->fd = AF_INET;
	sqe->off = SOCK_STREAM;
	sqe->file_index = slot + 1;
	sqe->flags = idiom->link;
	sqe = add(IORING_OP_BIND, -1, ADDR_ANY, 0);
	sqe->addr2 = 16;
	sqe->fd = slot;
	sqe->flags = IOSQE_FIXED_FILE | (idiom->room > 2 ? idiom->link : 0);
	if (idiom->room <= 2)
		return;
	sqe = add(IORING_OP_LISTEN, -1, 0, 4);
	sqe->fd = slot;
	sqe->flags = IOSQE_FIXED_FILE;
}

static void set_and_get_attribute(const struct idiom *unused)
{
	__u64 attribute = meta_alloc(16);
	struct io_uring_sqe *sqe;
	bool by_name;

	strcpy(at(attribute), "user.b");
	by_name = chance(50);
	need(OBJ_FILE0);
	need(OBJ_DIR);
	sqe = add(by_name ? IORING_OP_SETXATTR : IORING_OP_FSETXATTR, by_name ? -1 : OBJ_FILE0,
		  attribute, 20);
	sqe->addr2 = idiom_buffer(0);
	if (by_name)
		sqe->addr3 = gen_name(NAME_FILE0);
	sqe->flags |= IOSQE_IO_HARDLINK;
	sqe = add(by_name ? IORING_OP_GETXATTR : IORING_OP_FGETXATTR, by_name ? -1 : OBJ_FILE0,
		  attribute, 100);
	sqe->addr2 = idiom_buffer(1);
	if (by_name)
		sqe->addr3 = gen_name(NAME_FILE0);
}

static const __u8 connections[][2] = {
	{ OBJ_UNIX1, OBJ_UNIX0 }, { OBJ_TCP1, OBJ_TCP0 }, { OBJ_UDP1, OBJ_UDP0 },
	{ OBJ_PIPE1_W, OBJ_PIPE1_R }, { OBJ_DGRAM1, OBJ_DGRAM0 },
};

#define PIPE	3

static int pick_connection(void)
{
	int i, which = below(5);

	for (i = 0; i < 8 && !(object_themes[connections[which][0]] & program.themes); i++)
		which = below(5);
	return which;
}

static void receive_first(int which, int len)
{
	struct io_uring_sqe *sqe;

	sqe = add(which == PIPE ? IORING_OP_READ : IORING_OP_RECV, connections[which][1],
		  idiom_buffer(0), len);
	if (!chance(30) || !gen_tables()->buf_ring)
		return;
	if (which == PIPE)
		sqe->opcode = IORING_OP_READ_MULTISHOT;
	else
		sqe->ioprio = IORING_RECV_MULTISHOT;
	sqe->flags |= IOSQE_BUFFER_SELECT;
	sqe->buf_group = 1;
	sqe->len = 0;
	sqe->addr = 0;
}

static void send_and_receive(const struct idiom *idiom)
{
	int which = pick_connection();
	bool before = chance(40);
	int opcode = IORING_OP_WRITE, len = ANY(1, 50, 512);
	struct io_uring_sqe *sqe;

	if (before)
		receive_first(which, len);
	if (which != PIPE)
		opcode = ANY(IORING_OP_SEND, IORING_OP_SEND, IORING_OP_WRITE,
			     which == 1 || which == 2 ? IORING_OP_SEND_ZC : IORING_OP_SEND);
	sqe = add(opcode, connections[which][0], idiom_buffer(before), len);
	if (before)
		return;
	sqe->flags |= idiom->link;
	add(which == PIPE ? IORING_OP_READ : IORING_OP_RECV, connections[which][1],
	    idiom_buffer(1), len);
}

static void fixed_buffers(const struct idiom *idiom)
{
	const struct tables *tables = gen_tables();
	struct io_uring_sqe *sqe;
	int i, object;

	for (i = 0; i < 2; i++) {
		if (!i)
			object = PICK(OBJ_FILE0, OBJ_FILE0, OBJ_FILE1, OBJ_EXT, OBJ_PIPE0_R,
				      OBJ_UNIX0, OBJ_ZERO);
		else
			object = PICK(OBJ_FILE0, OBJ_FILE1, OBJ_EXT, OBJ_PIPE0_W, OBJ_UNIX1,
				      OBJ_NULL);
		sqe = add(i ? IORING_OP_WRITE_FIXED : IORING_OP_READ_FIXED, object, BIG, 100);
		sqe->buf_index = i;
		if (tables->bufs && tables->buf_len[i])
			sqe->addr = tables->buf_addr[i];
		if (!i)
			sqe->flags |= idiom->link;
	}
}

static void make_rename_remove(const struct idiom *idiom)
{
	struct io_uring_sqe *sqe;

	sqe = add(IORING_OP_MKDIRAT, -1, gen_name(NAME_NEW0), 0755);
	sqe->fd = AT_FDCWD;
	sqe->flags = IOSQE_IO_HARDLINK;
	sqe = add(IORING_OP_RENAMEAT, -1, gen_name(NAME_NEW0), AT_FDCWD);
	sqe->fd = AT_FDCWD;
	sqe->addr2 = gen_name(NAME_NEW1);
	if (idiom->room <= 2)
		return;
	sqe->flags = IOSQE_IO_HARDLINK;
	sqe = add(IORING_OP_UNLINKAT, -1, gen_name(NAME_NEW1), 0);
	sqe->fd = AT_FDCWD;
	sqe->unlink_flags = AT_REMOVEDIR;
}

static void both_rings(const struct idiom *unused)
{
	struct io_uring_sqe *sqe;
	int ring = gen.step->ring, object;

	sqe = add(IORING_OP_MSG_RING, -1, 0, 5 + below(3));
	object = ring_object(program.rings > 1 && chance(85) ? !ring : ring);
	gen_idiom_requests[0].object = object;
	sqe->fd = fd_of(object);
	sqe->off = 0xaa10;
	if (program.rings < 2)
		return;
	sqe = add(IORING_OP_POLL_ADD, object, 0, chance(30));
	sqe->flags &= ~IOSQE_FIXED_FILE;
	sqe->fd = fd_of(object);
	sqe->poll32_events = POLLIN;
}

static void (*const idioms[])(const struct idiom *idiom) = {
	poll_and_remove, poll_and_remove, timeout_and_remove, wait_and_cancel,
	wait_and_cancel, futex_and_wake, provide_and_use, open_read_close, wait_with_limit,
	socket_bind_listen, set_and_get_attribute, send_and_receive, send_and_receive,
	fixed_buffers, make_rename_remove, both_rings,
};

/* Would it fail for want of a table? */
static bool lacks_table(int which)
{
	if (idioms[which] == open_read_close || idioms[which] == socket_bind_listen)
		return !gen_tables()->files;
	return idioms[which] == fixed_buffers && !gen_tables()->bufs;
}

int gen_idiom(int first, int room)
{
	struct idiom idiom = { .first = first, .room = room };
	int which;

	nr_requests = 0;
	gen.async = true;
	idiom.link = chance(80) ? IOSQE_IO_LINK : IOSQE_IO_HARDLINK;
	which = below(ARRAY_LEN(idioms));
	if (lacks_table(which) && chance(85))
		which = below(7);
	idioms[which](&idiom);
	gen.async = false;
	return nr_requests;
}
