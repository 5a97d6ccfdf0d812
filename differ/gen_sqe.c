// SPDX-License-Identifier: GPL-2.0
/*
 * Requests: what the fields of an SQE may be, by opcode.
 *
 * Most values make sense, so that requests succeed; each field is wrong now and then.
 */
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/futex.h>
#include <linux/openat2.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>

#include "gen.h"

/* ------------------------------------------------------------------------
 * What several opcodes have in common
 */

/* An object that can be read, written, sent to */
static int pick_readable(void)
{
	return PICK(OBJ_FILE0, OBJ_FILE0, OBJ_FILE1, OBJ_RDONLY, OBJ_APPEND, OBJ_DIR, OBJ_EXT,
		    OBJ_EXT, OBJ_EXT_DIRECT, OBJ_EXT_DIRECT, OBJ_PIPE0_R, OBJ_PIPE0_R,
		    OBJ_PIPE1_R, OBJ_PIPE1_R, OBJ_PIPE2_R, OBJ_PIPE0_W, OBJ_FULL_R, OBJ_UNIX0,
		    OBJ_UNIX0, OBJ_UNIX1, OBJ_DGRAM0, OBJ_DGRAM1, OBJ_TCP0, OBJ_TCP1, OBJ_UDP0,
		    OBJ_EVENTFD, OBJ_EVENTFD3, OBJ_EVENTFD3, OBJ_TIMERFD, OBJ_EPOLL, OBJ_ZERO,
		    OBJ_ZERO, OBJ_NULL, OBJ_NULLB, OBJ_NULLB, OBJ_PATH, OBJ_CLOSED);
}

static int pick_writable(void)
{
	return PICK(OBJ_FILE0, OBJ_FILE0, OBJ_FILE1, OBJ_RDONLY, OBJ_APPEND, OBJ_APPEND,
		    OBJ_DIR, OBJ_EXT, OBJ_EXT, OBJ_EXT_DIRECT, OBJ_EXT_DIRECT, OBJ_PIPE0_W,
		    OBJ_PIPE0_W, OBJ_PIPE1_W, OBJ_PIPE1_W, OBJ_PIPE2_W, OBJ_PIPE0_R, OBJ_FULL_W,
		    OBJ_UNIX0, OBJ_UNIX1, OBJ_DGRAM0, OBJ_TCP0, OBJ_TCP1, OBJ_UDP0, OBJ_EVENTFD,
		    OBJ_EVENTFD, OBJ_EVENTFD3, OBJ_TIMERFD, OBJ_ZERO, OBJ_NULL, OBJ_NULL,
		    OBJ_NULLB, OBJ_NULLB, OBJ_CLOSED);
}

static int pick_socket(void)
{
	return PICK(OBJ_UNIX0, OBJ_UNIX0, OBJ_UNIX1, OBJ_DGRAM0, OBJ_DGRAM1, OBJ_TCP0,
		    OBJ_TCP0, OBJ_TCP1, OBJ_UDP0, OBJ_UDP1, OBJ_TCP_NEW, OBJ_LISTENER, OBJ_UNIX0,
		    OBJ_TCP0, OBJ_PIPE1_R, OBJ_FILE0);
}

static __u64 any_name(void)
{
	if (chance(3))
		return LONG_NAME;
	if (chance(3))
		return ANY64(0, 1, HOLE);
	return gen_name(below(NR_NAMES - 1));
}

static __u32 any_length(void)
{
	return ANY(0, 1, 7, 16, 64, 64, 100, 512, 1000, 1024);
}

static __u64 any_offset(int object)
{
	if (is_direct(object))
		return 512ull * below(17);
	if (is_file(object))
		return ANY64(0, 0, 0, 10, 4096, 8000, 8192, 100000, -1, -1);
	return ANY64(0, 0, 0, -1);
}

static __u32 any_file_index(void)
{
	return gen_tables()->files || chance(5) ? ANY(0, 1, 2, 5, 8, 9, -1, -1) : 0;
}

/* A vector of @nr parts, @total bytes in all */
static __u64 gen_iovecs(__u64 base, __u32 total, int nr)
{
	__u64 address = meta_alloc(nr * sizeof(struct iovec));
	struct iovec *iov = at(address);
	int i;

	for (i = 0; i < nr; i++) {
		__u32 len = i == nr - 1 ? total : total / 2;

		iov[i].iov_base = at(base);
		iov[i].iov_len = len;
		base += len;
		total -= len;
	}
	if (chance(2)) {
		i = below(nr);
		iov[i].iov_base = at(ANY64(0, 1, HOLE));
	}
	if (chance(2)) {
		i = below(nr);
		iov[i].iov_len = ANY64(-1, 1ull << 40, 0x80000000);
	}
	return address;
}

static void gen_message_name(struct msghdr *msg, bool receive, int object)
{
	bool named = receive ? chance(30) :
			       (object == OBJ_UDP0 || object == OBJ_UDP1) && chance(40);

	if (named) {
		msg->msg_name = at(receive ? meta_alloc(64) : ADDR_UDP);
		msg->msg_namelen = receive ? 32 : 16;
	}
	if (receive && chance(20)) {
		msg->msg_control = at(meta_alloc(64));
		msg->msg_controllen = 48;
	}
}

static __u64 gen_message(const struct request *req, bool receive, bool select, int object)
{
	__u64 address = meta_alloc(sizeof(struct msghdr));
	struct msghdr *msg = at(address);
	__u32 len = any_length();
	int nr;

	if (select)
		nr = below(8) ? 1 : 0;
	else
		nr = 1 + below(2);
	if (nr)
		msg->msg_iov = at(gen_iovecs(SLOT(req->slot), len, nr));
	msg->msg_iovlen = nr;
	gen_message_name(msg, receive, object);
	if (chance(2))
		msg->msg_iovlen = ANY64(1025, -1, 7);
	return address;
}

static bool may_select(void)
{
	return chance(gen_tables()->buf_ring ? 45 : 12);
}

/* Let the kernel choose a provided buffer */
static void gen_select(struct request *req)
{
	struct io_uring_sqe *sqe = &req->sqe;

	sqe->flags |= IOSQE_BUFFER_SELECT;
	sqe->buf_group = gen_tables()->buf_ring ? ANY(1, 1, 1, 1, 2, 9) : ANY(2, 2, 2, 1, 9);
	sqe->addr = 0;
	sqe->len = ANY(0, 0, 20, 100, 300);
}

/* ------------------------------------------------------------------------
 * Reads and writes
 */

static int rw_object(bool reads)
{
	if ((gen_params()->flags & IORING_SETUP_IOPOLL) && chance(85))
		return OBJ_NULLB;
	return reads ? pick_readable() : pick_writable();
}

/* A part of a fixed buffer, mostly */
static void rw_fixed(struct io_uring_sqe *sqe, int object, __u64 *address, __u32 *len)
{
	const struct tables *tables = gen_tables();
	int index = below(4);
	__u32 size, skip;

	sqe->buf_index = tables->bufs ? index : ANY(0, 0, 3, 70);
	size = tables->bufs ? tables->buf_len[index] : 0;
	if (!size)
		return;
	skip = is_direct(object) ? 0 : below(size / 2 + 1);
	*address = tables->buf_addr[index] + skip;
	*len = ANY(1, 50, 512, 700);
	if (*len > size - skip && !chance(10))
		*len = size - skip;
	if (is_direct(object))
		*len = 512;
}

static void rw_flags(struct io_uring_sqe *sqe)
{
	if (chance(12))
		sqe->rw_flags = ANY(RWF_NOWAIT, RWF_NOWAIT, RWF_HIPRI, RWF_DSYNC, RWF_SYNC,
				    RWF_APPEND, 0x20, 0x40, 0x80000000);
	if (chance(4))
		sqe->ioprio = ANY(2 << 13 | 4, 3 << 13, 1 << 13 | 2, 7 << 13, 2 << 13 | 9);
}

static void gen_rw(struct request *req, bool reads, bool vector, bool fixed)
{
	struct io_uring_sqe *sqe = &req->sqe;
	__u64 address = SLOT(req->slot);
	int object = rw_object(reads);
	__u32 len;

	gen_fd(req, object);
	sqe->off = any_offset(object);
	len = any_length();
	if (is_direct(object)) {
		program.uses_big = true;
		address = BIG + 4096 * below(4);
		address += chance(10) ? 512 : 0;
		len = 512 * (1 + below(7));
	}
	if (fixed)
		rw_fixed(sqe, object, &address, &len);
	if (vector) {
		sqe->len = 1 + below(3);
		sqe->addr = gen_iovecs(address, len, sqe->len);
	} else {
		sqe->addr = address;
		sqe->len = len;
	}
	rw_flags(sqe);
	if (!reads || fixed || !may_select())
		return;
	address = sqe->addr;
	gen_select(req);
	if (vector) {
		sqe->addr = address;
		sqe->len = ANY(1, 1, 1, 2);
	}
}

static void gen_readv(struct request *req)
{
	gen_rw(req, true, true, false);
}

static void gen_writev(struct request *req)
{
	gen_rw(req, false, true, false);
}

static void gen_read_fixed(struct request *req)
{
	gen_rw(req, true, false, true);
}

static void gen_write_fixed(struct request *req)
{
	gen_rw(req, false, false, true);
}

static void gen_read(struct request *req)
{
	gen_rw(req, true, false, false);
}

static void gen_write(struct request *req)
{
	gen_rw(req, false, false, false);
}

static void gen_read_multishot(struct request *req)
{
	gen_fd(req, PICK(OBJ_PIPE0_R, OBJ_PIPE0_R, OBJ_PIPE1_R, OBJ_PIPE1_R, OBJ_PIPE2_R,
			 OBJ_UNIX0, OBJ_UNIX1, OBJ_TCP0, OBJ_TCP1, OBJ_UDP0, OBJ_EVENTFD,
			 OBJ_EVENTFD3, OBJ_TIMERFD, OBJ_FILE0, OBJ_ZERO));
	req->sqe.off = ANY64(0, 0, -1);
	gen_select(req);
	req->sqe.len = 0;
}

/* ------------------------------------------------------------------------
 * Files as a whole
 */

static void gen_fsync(struct request *req)
{
	struct io_uring_sqe *sqe = &req->sqe;

	gen_fd(req, PICK(OBJ_FILE0, OBJ_FILE1, OBJ_EXT, OBJ_EXT, OBJ_EXT_DIRECT, OBJ_NULLB,
			 OBJ_PIPE0_R, OBJ_DIR, OBJ_CLOSED));
	sqe->fsync_flags = MOSTLY(below(2), 2);
	if (chance(20)) {
		sqe->off = ANY64(0, 4096, -1);
		sqe->len = ANY(0, 4096);
	}
}

static void gen_sync_file_range(struct request *req)
{
	struct io_uring_sqe *sqe = &req->sqe;

	gen_fd(req, PICK(OBJ_FILE0, OBJ_EXT, OBJ_NULLB, OBJ_PIPE0_R));
	sqe->off = ANY64(0, 4096);
	sqe->len = ANY(0, 4096);
	sqe->sync_range_flags = ANY(0, 1, 2, 4, 7, 7, 8);
}

static void gen_fallocate(struct request *req)
{
	struct io_uring_sqe *sqe = &req->sqe;

	gen_fd(req, PICK(OBJ_FILE0, OBJ_FILE1, OBJ_RDONLY, OBJ_APPEND, OBJ_EXT, OBJ_EXT,
			 OBJ_EXT_DIRECT, OBJ_PIPE0_R));
	sqe->off = MOSTLY(below(3) * 4096, 100, -1);
	sqe->addr = MOSTLY(4096 << below(2), 1, 0, 1ull << 40);
	sqe->len = ANY(0, 0, 0, 1, 1, 3, 3, 16, 8, 0x40);
}

static void gen_ftruncate(struct request *req)
{
	gen_fd(req, PICK(OBJ_FILE0, OBJ_FILE1, OBJ_RDONLY, OBJ_APPEND, OBJ_EXT, OBJ_EXT_DIRECT,
			 OBJ_PIPE0_R, OBJ_DIR));
	req->sqe.off = ANY64(0, 10, 5000, 5000, 20000, 20000, -1, 1ull << 40);
}

static void gen_fadvise(struct request *req)
{
	struct io_uring_sqe *sqe = &req->sqe;

	gen_fd(req, PICK(OBJ_FILE0, OBJ_EXT, OBJ_EXT_DIRECT, OBJ_PIPE0_R, OBJ_DIR));
	sqe->off = ANY64(0, 4096);
	sqe->len = ANY(0, 4096);
	sqe->addr = ANY64(0, 0, 8192);
	sqe->fadvise_advice = ANY(0, 1, 2, 3, 4, 5, 9);
}

static void gen_madvise(struct request *req)
{
	struct io_uring_sqe *sqe = &req->sqe;

	sqe->addr = ANY64(ADVISED, ADVISED, ADVISED + 4096, ADVISED + 1, HOLE, 0);
	sqe->len = ANY(4096, 8192, 1, 0);
	sqe->fadvise_advice = ANY(0, 1, 2, 3, 4, 8, 16, 20, 21, 22, 99);
}

static __u32 open_flags(void)
{
	return ANY(O_RDONLY, O_RDONLY, O_RDONLY, O_RDWR | O_CREAT, O_RDWR | O_CREAT, O_RDWR,
		   O_RDWR, O_WRONLY, O_RDWR | O_CREAT, O_RDWR | O_CREAT,
		   O_RDWR | O_CREAT | O_EXCL, O_RDWR | O_TRUNC, O_RDONLY | O_DIRECTORY, O_PATH,
		   O_RDWR | O_APPEND | O_CREAT, O_RDWR | O_TMPFILE, 3, O_RDONLY | O_NOFOLLOW,
		   0x80000000 | 2);
}

static void gen_open_how(struct io_uring_sqe *sqe, __u32 flags)
{
	struct open_how *how;

	sqe->addr2 = meta_alloc(64);
	how = at(sqe->addr2);
	how->flags = flags;
	if (flags & (O_CREAT | 020000000) || chance(5))
		how->mode = 0600;
	if (chance(25))
		how->resolve = ANY(RESOLVE_BENEATH, RESOLVE_NO_SYMLINKS, RESOLVE_IN_ROOT,
				   RESOLVE_CACHED, RESOLVE_NO_XDEV, 0x1000);
	sqe->len = MOSTLY(24, 32, 16, 4097);
	if (sqe->len == 32 && chance(30))
		((__u64 *)how)[3] = 1;
}

static void gen_openat(struct request *req)
{
	struct io_uring_sqe *sqe = &req->sqe;
	__u32 flags, index;

	sqe->fd = AT_FDCWD;
	sqe->addr = any_name();
	if (chance(15))
		gen_fd(req, PICK(OBJ_DIR, OBJ_DIR, OBJ_FILE0));
	flags = open_flags();
	index = chance(35) ? any_file_index() : 0;
	if (chance(25) && (!index || chance(20)))
		flags |= O_CLOEXEC;
	if ((flags & O_TMPFILE) == O_TMPFILE)
		sqe->addr = gen_name(NAME_DOT);
	sqe->file_index = index;
	if (sqe->opcode == IORING_OP_OPENAT) {
		sqe->len = ANY(0600, 0644, 0400, 0);
		sqe->open_flags = flags;
	} else {
		gen_open_how(sqe, flags);
	}
}

static void gen_close(struct request *req)
{
	struct io_uring_sqe *sqe = &req->sqe;
	int object;

	if (gen_tables()->files && chance(55)) {
		sqe->fd = 0;
		sqe->file_index = ANY(1, 2, 3, 4, 8, 9, 1000);
		if (chance(5))
			sqe->fd = 5;
		return;
	}
	object = PICK(OBJ_FILE1, OBJ_PIPE0_R, OBJ_PIPE0_W, OBJ_PIPE1_W, OBJ_PIPE1_R, OBJ_UNIX1,
		      OBJ_TCP1, OBJ_EVENTFD, OBJ_ZERO, OBJ_RING0, OBJ_CLOSED);
	need(object);
	sqe->fd = fd_of(object);
	req->object = object;
	if (chance(30)) {
		sqe->fd = ANY(3, 4, 5, -1);
		req->object = -1;
	}
}

static int gen_new_fixed_file(void)
{
	int object = PICK(OBJ_FILE0, OBJ_FILE1, OBJ_PIPE0_R, OBJ_PIPE1_R, OBJ_UNIX0, OBJ_TCP0,
			  OBJ_ZERO, OBJ_NULL, OBJ_EVENTFD, OBJ_RING0, OBJ_CLOSED);
	int fd = fd_of(object);

	if (ANY(0, 0, 0, 1, 2)) {
		/* Empty the slot, or leave it alone, or what means nothing */
		fd = -(int)below(3) - 1;
		fd += chance(90) ? 0 : -9;
	}
	if (fd >= 20)
		need(object);
	return fd;
}

static void gen_files_update(struct request *req)
{
	struct io_uring_sqe *sqe = &req->sqe;
	int i, *fds;

	sqe->len = 1 + below(4);
	sqe->addr = meta_alloc(16);
	fds = at(sqe->addr);
	for (i = 0; i < (int)sqe->len; i++)
		fds[i] = gen_new_fixed_file();
	sqe->off = ANY64(0, 1, 4, 6, 7, 8, 0xffffffff, 0xffffffff);
}

static void gen_fixed_fd_install(struct request *req)
{
	struct io_uring_sqe *sqe = &req->sqe;

	sqe->fd = below(9);
	sqe->flags |= IOSQE_FIXED_FILE;
	sqe->install_fd_flags = MOSTLY(below(2), 2);
	if (chance(8))
		sqe->flags = 0;
}

/* ------------------------------------------------------------------------
 * Names and attributes
 */

static void gen_statx(struct request *req)
{
	struct io_uring_sqe *sqe = &req->sqe;

	sqe->fd = AT_FDCWD;
	sqe->addr = any_name();
	sqe->addr2 = SLOT(req->slot);
	sqe->len = MOSTLY(ANY(0x7ff, 0xfff, 1, 0x200), 0x80000000);
	sqe->statx_flags = MOSTLY(ANY(0, 0, AT_SYMLINK_NOFOLLOW, AT_EMPTY_PATH,
				      0x4000 /* AT_STATX_DONT_SYNC */), 0x8000000);
	if (!chance(20))
		return;
	gen_fd(req, PICK(OBJ_FILE0, OBJ_DIR, OBJ_PIPE0_R));
	sqe->statx_flags |= AT_EMPTY_PATH;
	if (chance(70))
		sqe->addr = gen_name(NAME_EMPTY);
}

static void gen_two_names(struct request *req)
{
	req->sqe.fd = AT_FDCWD;
	req->sqe.addr = any_name();
	req->sqe.addr2 = any_name();
}

static void gen_renameat(struct request *req)
{
	gen_two_names(req);
	req->sqe.len = AT_FDCWD;
	req->sqe.rename_flags = MOSTLY(ANY(0, 0, 0, 1, 2), 3, 8);
}

static void gen_linkat(struct request *req)
{
	gen_two_names(req);
	req->sqe.len = AT_FDCWD;
	req->sqe.hardlink_flags = MOSTLY(ANY(0, 0, AT_SYMLINK_FOLLOW), AT_EMPTY_PATH, 1);
}

static void gen_unlinkat(struct request *req)
{
	req->sqe.fd = AT_FDCWD;
	req->sqe.addr = any_name();
	req->sqe.unlink_flags = MOSTLY(ANY(0, 0, AT_REMOVEDIR), 1);
}

static void gen_mkdirat(struct request *req)
{
	req->sqe.fd = AT_FDCWD;
	req->sqe.addr = any_name();
	req->sqe.len = ANY(0700, 0755, 0);
}

static void gen_xattr(struct request *req)
{
	static const char *const attributes[] = {
		"user.a", "user.a", "user.a", "user.a", "user.b", "trusted.t", "bogus", "",
	};
	struct io_uring_sqe *sqe = &req->sqe;

	program.uses_xattr = true;
	sqe->addr = meta_alloc(32);
	strcpy(at(sqe->addr), attributes[below(ARRAY_LEN(attributes))]);
	sqe->addr2 = SLOT(req->slot);
	sqe->len = MOSTLY(ANY(0, 16, 16, 100), 1, 70000);
	if (sqe->opcode == IORING_OP_FSETXATTR || sqe->opcode == IORING_OP_FGETXATTR)
		gen_fd(req, PICK(OBJ_FILE0, OBJ_FILE0, OBJ_EXT, OBJ_DIR, OBJ_PIPE0_R));
	else
		sqe->addr3 = any_name();
	if (sqe->opcode <= IORING_OP_SETXATTR)
		sqe->xattr_flags = MOSTLY(ANY(0, 0, 1, 2), 4);
}

/* ------------------------------------------------------------------------
 * Pipes, epoll, buffers, rings
 */

static void gen_splice(struct request *req)
{
	const struct tables *tables = gen_tables();
	struct io_uring_sqe *sqe = &req->sqe;
	int i, from;

	gen_fd(req, PICK(OBJ_PIPE1_W, OBJ_PIPE1_W, OBJ_PIPE1_W, OBJ_PIPE2_W, OBJ_PIPE0_W,
			 OBJ_FULL_W, OBJ_FILE0, OBJ_UNIX0, OBJ_PIPE0_R));
	if (sqe->opcode == IORING_OP_TEE)
		from = PICK(OBJ_PIPE0_R, OBJ_PIPE0_R, OBJ_PIPE0_R, OBJ_FULL_R, OBJ_PIPE1_R,
			    OBJ_PIPE2_R, OBJ_FILE0);
	else
		from = PICK(OBJ_PIPE0_R, OBJ_PIPE0_R, OBJ_FILE0, OBJ_FILE0, OBJ_FULL_R,
			    OBJ_PIPE1_R, OBJ_UNIX0, OBJ_ZERO);
	need(from);
	sqe->splice_fd_in = fd_of(from);
	sqe->len = ANY(1, 16, 40, 64, 1000, 4096, 0);
	sqe->splice_flags = MOSTLY(ANY(0, 0, 1, 2, 4), 16);
	if (sqe->opcode == IORING_OP_SPLICE) {
		sqe->splice_off_in = from == OBJ_FILE0 ? ANY64(0, 100, -1) : -1ull;
		sqe->off = req->object == OBJ_FILE0 ? ANY64(0, -1) : -1ull;
	}
	if (!tables->files || !chance(30))
		return;
	for (i = 0; i < ARRAY_LEN(tables->file); i++) {
		if (tables->file[i] != from)
			continue;
		sqe->splice_fd_in = i;
		sqe->splice_flags |= SPLICE_F_FD_IN_FIXED;
		break;
	}
}

static void gen_epoll_ctl(struct request *req)
{
	struct io_uring_sqe *sqe = &req->sqe;
	__u64 address = meta_alloc(16);
	struct epoll_event *event = at(address);
	int object;

	event->events = ANY_OF(__u32, EPOLLIN, EPOLLOUT, EPOLLIN | EPOLLET,
			       EPOLLIN | EPOLLONESHOT, EPOLLEXCLUSIVE | EPOLLIN);
	event->data.u64 = 0x77;
	gen_fd(req, PICK(OBJ_EPOLL, OBJ_EPOLL, OBJ_EPOLL, OBJ_EPOLL, OBJ_EPOLL, OBJ_EPOLL,
			 OBJ_EPOLL, OBJ_EVENTFD));
	sqe->flags &= ~IOSQE_FIXED_FILE;
	sqe->fd = fd_of(req->object);
	sqe->len = ANY(1, 1, 1, 1, 1, 2, 3, 4);
	object = PICK(OBJ_EVENTFD, OBJ_EVENTFD, OBJ_EVENTFD3, OBJ_EVENTFD3, OBJ_TIMERFD,
		      OBJ_TIMERFD, OBJ_PIPE0_R, OBJ_PIPE1_R, OBJ_PIPE1_W, OBJ_UNIX0, OBJ_TCP0,
		      OBJ_RING0, OBJ_ZERO, OBJ_EPOLL);
	need(object);
	sqe->off = fd_of(object);
	sqe->addr = chance(4) ? 0 : address;
}

static void gen_provide_buffers(struct request *req)
{
	struct io_uring_sqe *sqe = &req->sqe;

	sqe->fd = MOSTLY(1 + below(4), 0, 70000);
	sqe->addr = PBUF + 256 * (8 + below(4));
	sqe->len = ANY(16, 64, 100, 200);
	sqe->off = MOSTLY(ANY(0, 1, 5, 100), 65535, 65536);
	sqe->buf_group = MOSTLY(2, 3, 1);
}

static void gen_remove_buffers(struct request *req)
{
	req->sqe.fd = MOSTLY(ANY(1, 2, 100), 0, 70000);
	req->sqe.buf_group = MOSTLY(2, 3, 1, 9);
}

static void gen_message_data(struct io_uring_sqe *sqe)
{
	sqe->len = ANY(7, -5, 0x10);
	sqe->off = 0xaa00 + below(3);
	sqe->msg_ring_flags = MOSTLY(ANY(0, 0, 0, 2), 1, 4);
	if (sqe->msg_ring_flags == IORING_MSG_RING_FLAGS_PASS || chance(5))
		sqe->file_index = ANY(0x40, 1, 0x10);
}

static void gen_message_fd(struct io_uring_sqe *sqe)
{
	sqe->addr = IORING_MSG_SEND_FD;
	sqe->addr3 = below(9);
	sqe->file_index = ANY(1, 2, 8, 9, -1, -1, 0);
	sqe->off = 0xab00 + below(3);
	sqe->msg_ring_flags = ANY(0, 0, 1);
}

static void gen_msg_ring(struct request *req)
{
	int object = MOSTLY(OBJ_RING1, OBJ_RING0, OBJ_FILE0, OBJ_CLOSED);

	if (object == OBJ_RING1 && gen.step->ring)
		object = chance(70) ? OBJ_RING0 : OBJ_RING1;
	need(object);
	req->object = object;
	req->sqe.fd = fd_of(object);
	if (chance(55))
		gen_message_data(&req->sqe);
	else
		gen_message_fd(&req->sqe);
}

static void gen_nop(struct request *req)
{
	req->sqe.fd = 0;
	if (!chance(40))
		return;
	req->sqe.nop_flags = IORING_NOP_INJECT_RESULT;
	req->sqe.len = ANY(0, 5, -5, -22, 1000, -125);
}

/* ------------------------------------------------------------------------
 * Sockets
 */

static __u32 send_flags(int more, int other)
{
	return MSG_NOSIGNAL | ANY(0, 0, 0, MSG_DONTWAIT, MSG_WAITALL, more, other);
}

static void gen_sendmsg(struct request *req)
{
	struct io_uring_sqe *sqe = &req->sqe;
	int object = pick_socket();

	gen_fd(req, object);
	sqe->addr = gen_message(req, false, false, object);
	sqe->len = 1;
	sqe->msg_flags = send_flags(MSG_OOB, MSG_MORE);
	if (chance(15))
		sqe->ioprio = ANY(1, 1, 2, 4, 8, 16);
}

static void gen_recvmsg(struct request *req)
{
	struct io_uring_sqe *sqe = &req->sqe;
	bool select = may_select();
	int object = pick_socket();
	__u64 msg;

	gen_fd(req, object);
	msg = gen_message(req, true, select, object);
	sqe->msg_flags = ANY(0, 0, 0, MSG_DONTWAIT, MSG_WAITALL, MSG_PEEK, MSG_TRUNC,
			     MSG_ERRQUEUE);
	if (select) {
		gen_select(req);
		if (chance(50))
			sqe->ioprio = IORING_RECV_MULTISHOT;
	}
	sqe->addr = msg;
	sqe->len = 1;
	if (chance(12))
		sqe->ioprio |= ANY(1, 1, 2, 4, 16);
}

static void send_fixed(struct io_uring_sqe *sqe)
{
	const struct tables *tables = gen_tables();

	sqe->ioprio |= IORING_RECVSEND_FIXED_BUF;
	sqe->buf_index = below(4);
	if (!tables->buf_len[sqe->buf_index])
		return;
	sqe->addr = tables->buf_addr[sqe->buf_index];
	sqe->len = 100;
}

static void gen_send(struct request *req)
{
	struct io_uring_sqe *sqe = &req->sqe;
	int object = pick_socket();
	__u32 len;

	gen_fd(req, object);
	sqe->addr = SLOT(req->slot);
	sqe->len = any_length();
	sqe->msg_flags = send_flags(MSG_MORE, MSG_OOB);
	if (chance(10) || ((object == OBJ_UDP0 || object == OBJ_UDP1) && chance(30))) {
		sqe->addr2 = ADDR_UDP;
		sqe->addr_len = 16;
	}
	if (chance(15))
		sqe->ioprio = ANY(1, 1, 2, 4, 8, 16);
	if (sqe->opcode == IORING_OP_SEND_ZC) {
		if (gen_tables()->bufs && chance(40))
			send_fixed(sqe);
		return;
	}
	if (!may_select())
		return;
	len = sqe->len;
	gen_select(req);
	sqe->len = chance(50) ? 0 : len;
	if (chance(50))
		sqe->ioprio |= IORING_RECVSEND_BUNDLE;
}

static void gen_recv(struct request *req)
{
	struct io_uring_sqe *sqe = &req->sqe;

	gen_fd(req, pick_socket());
	sqe->addr = SLOT(req->slot);
	sqe->len = any_length();
	sqe->msg_flags = ANY(0, 0, 0, 0, MSG_DONTWAIT, MSG_WAITALL, MSG_PEEK, MSG_TRUNC, MSG_OOB);
	if (may_select()) {
		gen_select(req);
		if (chance(50)) {
			sqe->ioprio = IORING_RECV_MULTISHOT;
			if (!chance(10))
				sqe->len = 0;
		}
		if (chance(25))
			sqe->ioprio |= IORING_RECVSEND_BUNDLE;
	}
	if (chance(10))
		sqe->ioprio |= ANY(1, 1, 2, 4, 16);
}

static void gen_accept(struct request *req)
{
	struct io_uring_sqe *sqe = &req->sqe;

	gen_fd(req, PICK(OBJ_LISTENER, OBJ_LISTENER, OBJ_LISTENER, OBJ_LISTENER, OBJ_LISTENER,
			 OBJ_TCP0, OBJ_TCP_NEW, OBJ_UNIX0));
	if (chance(50)) {
		sqe->addr = SLOT(req->slot);
		sqe->addr2 = meta_alloc(4);
		*(__u32 *)at(sqe->addr2) = MOSTLY(128, 16, 4, 0, -1);
	}
	sqe->accept_flags = MOSTLY(ANY(0, SOCK_CLOEXEC, SOCK_NONBLOCK), 4);
	sqe->ioprio = MOSTLY(ANY(0, 0, 0, 1, 2, 4), 8);
	if (!chance(35))
		return;
	sqe->file_index = any_file_index();
	if (sqe->file_index)
		sqe->accept_flags &= ~SOCK_CLOEXEC;
}

static void gen_connect(struct request *req)
{
	struct io_uring_sqe *sqe = &req->sqe;
	int object = PICK(OBJ_TCP_NEW, OBJ_TCP_NEW, OBJ_TCP_NEW, OBJ_TCP_NEW, OBJ_TCP0,
			  OBJ_UDP0, OBJ_UNIX0);

	gen_fd(req, object);
	if (chance(15)) {
		sqe->addr = ADDR_NOBODY;
	} else if (object == OBJ_UDP0) {
		sqe->addr = ADDR_UDP;
		need(OBJ_UDP0);
	} else {
		sqe->addr = ADDR_LISTENER;
		need(OBJ_LISTENER);
	}
	sqe->addr2 = MOSTLY(16, 2, 0, 200);
}

static void gen_shutdown(struct request *req)
{
	gen_fd(req, pick_socket());
	req->sqe.len = ANY(0, 1, 1, 2, 2, 3);
}

static void gen_socket(struct request *req)
{
	struct io_uring_sqe *sqe = &req->sqe;

	sqe->fd = MOSTLY(ANY(AF_INET, AF_UNIX, AF_UNIX, AF_INET6), 99);
	sqe->off = MOSTLY(ANY(SOCK_STREAM, SOCK_DGRAM, SOCK_STREAM | SOCK_NONBLOCK,
			      SOCK_STREAM | SOCK_CLOEXEC), 77);
	sqe->len = MOSTLY(0, 6, 250);
	if (!chance(40))
		return;
	sqe->file_index = any_file_index();
	if (sqe->file_index && !chance(10))
		sqe->off &= ~(__u64)SOCK_CLOEXEC;
}

static void gen_bind(struct request *req)
{
	gen_fd(req, PICK(OBJ_TCP_NEW, OBJ_TCP_NEW, OBJ_TCP_NEW, OBJ_TCP0, OBJ_LISTENER));
	req->sqe.addr = chance(8) ? ADDR_LISTENER : ADDR_ANY;
	req->sqe.addr2 = MOSTLY(16, 2, 200);
}

static void gen_listen(struct request *req)
{
	gen_fd(req, PICK(OBJ_TCP_NEW, OBJ_TCP_NEW, OBJ_LISTENER, OBJ_TCP0, OBJ_PIPE0_R));
	req->sqe.len = ANY(1, 5, 0);
}

static void gen_discard(struct io_uring_sqe *sqe)
{
	sqe->cmd_op = 0x1200;	/* of block devices, in later kernels */
	sqe->addr = ANY64(0, 4096, 100);
	sqe->addr3 = ANY64(4096, 512, 0, 100);
	sqe->optlen = 0;
	if (chance(80)) {
		sqe->level = 0;
		sqe->optname = 0;
		sqe->addr = 0;
	}
}

static void gen_uring_cmd(struct request *req)
{
	struct io_uring_sqe *sqe = &req->sqe;
	int object = PICK(OBJ_TCP0, OBJ_TCP1, OBJ_UDP0, OBJ_DGRAM0, OBJ_NULL, OBJ_NULLB,
			  OBJ_FILE0, OBJ_LISTENER);

	gen_fd(req, object);
	sqe->cmd_op = MOSTLY(ANY(0, 2, 2, 3, 3), 99);
	sqe->level = ANY(SOL_SOCKET, SOL_SOCKET, SOL_SOCKET, 6);
	sqe->optname = ANY(SO_TYPE, SO_REUSEADDR, SO_RCVBUF, SO_KEEPALIVE, SO_ACCEPTCONN,
			   SO_DOMAIN);
	sqe->optval = meta_alloc(8);
	*(int *)at(sqe->optval) = 1;
	sqe->optlen = MOSTLY(4, 2, 0);
	if (object == OBJ_NULLB)
		gen_discard(sqe);
	if (chance(10))
		sqe->uring_cmd_flags = ANY(1, 4);
}

/* ------------------------------------------------------------------------
 * What waits, and what ends it
 */

static void gen_poll_add(struct request *req)
{
	struct io_uring_sqe *sqe = &req->sqe;

	gen_fd(req, PICK(OBJ_PIPE0_R, OBJ_PIPE1_R, OBJ_PIPE1_R, OBJ_PIPE1_W, OBJ_PIPE2_R,
			 OBJ_FULL_W, OBJ_FULL_R, OBJ_UNIX0, OBJ_UNIX1, OBJ_DGRAM0, OBJ_TCP0,
			 OBJ_TCP1, OBJ_LISTENER, OBJ_TCP_NEW, OBJ_UDP0, OBJ_EVENTFD,
			 OBJ_EVENTFD3, OBJ_TIMERFD, OBJ_EPOLL, OBJ_RING0, OBJ_RING1, OBJ_FILE0,
			 OBJ_ZERO, OBJ_NULLB, OBJ_DIR, OBJ_CLOSED));
	sqe->poll32_events = ANY(POLLIN, POLLIN, POLLIN, POLLOUT, POLLIN | POLLOUT, POLLHUP,
				 0x2000, POLLPRI, 0, POLLIN | EPOLLEXCLUSIVE, POLLIN | EPOLLET,
				 POLLIN | EPOLLONESHOT);
	sqe->len = MOSTLY(chance(35), 8, 2);
}

static void gen_poll_remove(struct request *req)
{
	struct io_uring_sqe *sqe = &req->sqe;

	sqe->addr = gen_earlier(IORING_OP_POLL_ADD, IORING_OP_POLL_ADD);
	if (!chance(55))
		return;
	sqe->len = ANY(2, 2, 2, 3, 3, 4, 6, 2, 1, 8);
	if (sqe->len & IORING_POLL_UPDATE_EVENTS)
		sqe->poll32_events = ANY(POLLIN, POLLOUT, POLLOUT, POLLPRI, POLLIN | POLLOUT);
	if (sqe->len & IORING_POLL_UPDATE_USER_DATA)
		sqe->off = 0xabc0000 + below(4);
}

static void gen_timeout(struct request *req)
{
	struct io_uring_sqe *sqe = &req->sqe;

	sqe->addr = gen_time(TIME_SOON | TIME_NEVER | TIME_NOW);
	sqe->len = 1;
	sqe->off = ANY64(0, 0, 0, 1, 1, 2, 3);
	sqe->timeout_flags = MOSTLY(ANY(0, 0, 0, IORING_TIMEOUT_BOOTTIME,
					IORING_TIMEOUT_REALTIME, IORING_TIMEOUT_ETIME_SUCCESS),
				    1, 9, 12);
	if (chance(15)) {
		sqe->addr = gen_time(TIME_SOON);
		sqe->timeout_flags = IORING_TIMEOUT_MULTISHOT;
		sqe->off = 1 + below(2);
	} else if (time_is_now(sqe)) {
		sqe->off = 0;
	}
}

static void gen_timeout_remove(struct request *req)
{
	struct io_uring_sqe *sqe = &req->sqe;

	sqe->addr = gen_earlier(IORING_OP_TIMEOUT, IORING_OP_LINK_TIMEOUT);
	if (!chance(50))
		return;
	sqe->timeout_flags = ANY(2, 2, 2, 2, 2, 18, 3, 16, 6, 10);
	sqe->addr2 = gen_time(TIME_SOON | TIME_NEVER | TIME_NOW);
}

static void gen_link_timeout(struct request *req)
{
	req->sqe.addr = gen_time(TIME_SOON | TIME_NEVER);
	req->sqe.len = 1;
	req->sqe.timeout_flags = MOSTLY(ANY(0, 0, IORING_TIMEOUT_BOOTTIME,
					    IORING_TIMEOUT_ETIME_SUCCESS), 12, 8 | 4);
}

static void cancel_by_fd(struct request *req)
{
	struct io_uring_sqe *sqe = &req->sqe;

	gen_fd(req, PICK(OBJ_PIPE0_R, OBJ_PIPE1_R, OBJ_PIPE2_R, OBJ_UNIX0, OBJ_TCP0,
			 OBJ_LISTENER, OBJ_EVENTFD, OBJ_TIMERFD, OBJ_UDP0));
	if (sqe->flags & IOSQE_FIXED_FILE) {
		sqe->flags = 0;
		sqe->cancel_flags = IORING_ASYNC_CANCEL_FD_FIXED;
	}
	sqe->cancel_flags |= IORING_ASYNC_CANCEL_FD;
	if (chance(60))
		sqe->cancel_flags |= IORING_ASYNC_CANCEL_ALL;
}

static void gen_async_cancel(struct request *req)
{
	struct io_uring_sqe *sqe = &req->sqe;

	switch (below(6)) {
	default:
		sqe->addr = gen_earlier(-1, -1);
		if (chance(20))
			sqe->cancel_flags = ANY(1, 1, 16);
		break;
	case 3:
		cancel_by_fd(req);
		break;
	case 4:
		sqe->cancel_flags = IORING_ASYNC_CANCEL_OP;
		if (chance(60))
			sqe->cancel_flags |= IORING_ASYNC_CANCEL_ALL;
		sqe->len = ANY(IORING_OP_POLL_ADD, IORING_OP_TIMEOUT, IORING_OP_READ,
			       IORING_OP_RECV, IORING_OP_ACCEPT, IORING_OP_FUTEX_WAIT, 77);
		break;
	case 5:
		sqe->cancel_flags = ANY(4, 4, 5, 6, 36);
		break;
	}
}

static void gen_waitid(struct request *req)
{
	struct io_uring_sqe *sqe = &req->sqe;

	if (chance(85)) {
		req->child = true;
		program.child = true;
		sqe->len = ANY(1, 1, 1, 0);
	} else {
		sqe->len = ANY(0, 1, 2, 9);
	}
	sqe->fd = 0x3fffff;
	sqe->file_index = MOSTLY(ANY(4, 4, 5, 4 | 0x01000000), 0, 2);
	sqe->addr2 = chance(80) ? SLOT(req->slot) : 0;
}

static void gen_futex_wait(struct request *req)
{
	struct io_uring_sqe *sqe = &req->sqe;
	int word = below(3);

	sqe->fd = MOSTLY(ANY(0x82, 0x82, 2), 0, 0x80, 7);
	sqe->addr = chance(4) ? ANY64(0, HOLE, WORD(0) + 1) : WORD(word);
	sqe->addr2 = chance(88) ? word : 99;
	sqe->addr3 = MOSTLY(ANY64(0xffffffff, 0xffffffff, 1), 0, 1ull << 40);
}

static void gen_futex_wake(struct request *req)
{
	struct io_uring_sqe *sqe = &req->sqe;

	sqe->fd = MOSTLY(ANY(0x82, 0x82, 2), 7);
	sqe->addr = chance(4) ? ANY64(0, HOLE) : WORD(below(3));
	sqe->addr2 = ANY64(1, 1, 2, 10, 0);
	sqe->addr3 = MOSTLY(ANY64(0xffffffff, 0xffffffff, 1, 2), 0);
}

static void gen_futex_waitv(struct request *req)
{
	struct futex_waitv *waiters;
	int i, nr = 1 + below(3);

	req->sqe.addr = meta_alloc(nr * sizeof(*waiters));
	waiters = at(req->sqe.addr);
	for (i = 0; i < nr; i++) {
		waiters[i].val = chance(90) ? i : 9;
		waiters[i].uaddr = WORD(i);
		waiters[i].flags = MOSTLY(ANY(0x82, 0x82, 2), 9);
	}
	req->sqe.fd = 0;
	req->sqe.len = MOSTLY(nr, 0, 129);
}

/* ------------------------------------------------------------------------
 * The table
 */

#define FILES	THEME_FILE
#define ANYTHING	THEME_ANY
#define SOCKETS	(THEME_UNIX | THEME_TCP | THEME_UDP)
#define INET	(THEME_TCP | THEME_UDP)

/**
 * struct op - an opcode
 * @weight: how often it is used
 * @themes: with which objects
 * @gen: fills in the SQE
 * @punts: a worker does it, always
 * @never_severs: 6.12 does not take its failures for failures: neither do they sever a
 *                chain, nor have they a CQE with CQE_SKIP_SUCCESS
 */
struct op {
	__u8 weight;
	__u16 themes;
	void (*gen)(struct request *req);
	bool punts;
	bool never_severs;
};

#define PUNTS	.punts = true
#define SEVERS_NOT	.never_severs = true

static const struct op ops[NR_OPCODES] = {
	[IORING_OP_NOP] = { 3, ANYTHING, gen_nop },
	[IORING_OP_READV] = { 4, ANYTHING, gen_readv },
	[IORING_OP_WRITEV] = { 3, ANYTHING, gen_writev },
	[IORING_OP_FSYNC] = { 2, FILES | THEME_EXT | THEME_BLOCK | THEME_PIPE, gen_fsync,
			      PUNTS, SEVERS_NOT },
	[IORING_OP_READ_FIXED] = { 4, ANYTHING, gen_read_fixed },
	[IORING_OP_WRITE_FIXED] = { 3, ANYTHING, gen_write_fixed },
	[IORING_OP_POLL_ADD] = { 6, ANYTHING, gen_poll_add },
	[IORING_OP_POLL_REMOVE] = { 3, ANYTHING, gen_poll_remove },
	[IORING_OP_SYNC_FILE_RANGE] = { 1, FILES | THEME_EXT | THEME_PIPE, gen_sync_file_range,
					PUNTS, SEVERS_NOT },
	[IORING_OP_SENDMSG] = { 3, SOCKETS, gen_sendmsg },
	[IORING_OP_RECVMSG] = { 4, SOCKETS, gen_recvmsg },
	[IORING_OP_TIMEOUT] = { 5, ANYTHING, gen_timeout },
	[IORING_OP_TIMEOUT_REMOVE] = { 3, ANYTHING, gen_timeout_remove },
	[IORING_OP_ACCEPT] = { 6, THEME_TCP, gen_accept },
	[IORING_OP_ASYNC_CANCEL] = { 4, ANYTHING, gen_async_cancel },
	[IORING_OP_LINK_TIMEOUT] = { 1, ANYTHING, gen_link_timeout },
	[IORING_OP_CONNECT] = { 4, INET, gen_connect },
	[IORING_OP_FALLOCATE] = { 3, FILES | THEME_EXT, gen_fallocate, PUNTS, SEVERS_NOT },
	[IORING_OP_OPENAT] = { 5, FILES, gen_openat, PUNTS },
	[IORING_OP_CLOSE] = { 2, ANYTHING, gen_close },
	[IORING_OP_FILES_UPDATE] = { 3, ANYTHING, gen_files_update },
	[IORING_OP_STATX] = { 3, FILES, gen_statx, PUNTS, SEVERS_NOT },
	[IORING_OP_READ] = { 6, ANYTHING, gen_read },
	[IORING_OP_WRITE] = { 5, ANYTHING, gen_write },
	[IORING_OP_FADVISE] = { 2, FILES | THEME_EXT | THEME_PIPE, gen_fadvise, PUNTS,
				SEVERS_NOT },
	[IORING_OP_MADVISE] = { 1, ANYTHING, gen_madvise, PUNTS, SEVERS_NOT },
	[IORING_OP_SEND] = { 5, SOCKETS, gen_send },
	[IORING_OP_RECV] = { 7, SOCKETS, gen_recv },
	[IORING_OP_OPENAT2] = { 4, FILES, gen_openat, PUNTS },
	[IORING_OP_EPOLL_CTL] = { 4, THEME_MISC, gen_epoll_ctl },
	[IORING_OP_SPLICE] = { 4, THEME_PIPE, gen_splice, PUNTS },
	[IORING_OP_PROVIDE_BUFFERS] = { 3, ANYTHING, gen_provide_buffers },
	[IORING_OP_REMOVE_BUFFERS] = { 2, ANYTHING, gen_remove_buffers },
	[IORING_OP_TEE] = { 3, THEME_PIPE, gen_splice, PUNTS },
	[IORING_OP_SHUTDOWN] = { 2, SOCKETS, gen_shutdown, PUNTS, SEVERS_NOT },
	[IORING_OP_RENAMEAT] = { 3, FILES, gen_renameat, PUNTS, SEVERS_NOT },
	[IORING_OP_UNLINKAT] = { 3, FILES, gen_unlinkat, PUNTS, SEVERS_NOT },
	[IORING_OP_MKDIRAT] = { 3, FILES, gen_mkdirat, PUNTS, SEVERS_NOT },
	[IORING_OP_SYMLINKAT] = { 3, FILES, gen_two_names, PUNTS, SEVERS_NOT },
	[IORING_OP_LINKAT] = { 3, FILES, gen_linkat, PUNTS, SEVERS_NOT },
	[IORING_OP_MSG_RING] = { 3, THEME_RING, gen_msg_ring },
	[IORING_OP_FSETXATTR] = { 2, FILES, gen_xattr, PUNTS, SEVERS_NOT },
	[IORING_OP_SETXATTR] = { 2, FILES, gen_xattr, PUNTS, SEVERS_NOT },
	[IORING_OP_FGETXATTR] = { 2, FILES, gen_xattr, PUNTS, SEVERS_NOT },
	[IORING_OP_GETXATTR] = { 2, FILES, gen_xattr, PUNTS, SEVERS_NOT },
	[IORING_OP_SOCKET] = { 3, SOCKETS, gen_socket },
	[IORING_OP_URING_CMD] = { 3, INET | THEME_BLOCK | THEME_MISC, gen_uring_cmd },
	[IORING_OP_SEND_ZC] = { 4, INET, gen_send },
	[IORING_OP_SENDMSG_ZC] = { 4, INET, gen_sendmsg },
	[IORING_OP_READ_MULTISHOT] = { 5, THEME_PIPE | THEME_UNIX | THEME_TCP | THEME_MISC,
				       gen_read_multishot },
	[IORING_OP_WAITID] = { 4, THEME_MISC, gen_waitid },
	[IORING_OP_FUTEX_WAIT] = { 5, THEME_MISC, gen_futex_wait },
	[IORING_OP_FUTEX_WAKE] = { 4, THEME_MISC, gen_futex_wake },
	[IORING_OP_FUTEX_WAITV] = { 3, THEME_MISC, gen_futex_waitv },
	[IORING_OP_FIXED_FD_INSTALL] = { 3, ANYTHING, gen_fixed_fd_install },
	[IORING_OP_FTRUNCATE] = { 3, FILES | THEME_EXT, gen_ftruncate, PUNTS, SEVERS_NOT },
	[IORING_OP_BIND] = { 3, THEME_TCP, gen_bind },
	[IORING_OP_LISTEN] = { 3, THEME_TCP, gen_listen },
};

__u64 opcodes_wanted = ~0ull;

bool opcode_usable(int opcode)
{
	if (opcode >= NR_OPCODES)
		return opcodes_wanted == ~0ull;
	return opcodes_wanted >> opcode & 1;
}

bool opcode_punts(int opcode)
{
	return opcode < NR_OPCODES && ops[opcode].punts;
}

bool opcode_never_severs(int opcode)
{
	return opcode < NR_OPCODES && ops[opcode].never_severs;
}

int opcode_weight(int opcode)
{
	const struct op *op = &ops[opcode];

	if (!(op->themes & (program.themes | THEME_ANY)))
		return 0;
	return op->themes & THEME_ANY ? op->weight : 3 * op->weight;
}

void gen_request(struct request *req, int opcode)
{
	req->sqe.opcode = opcode;
	req->sqe.fd = -1;
	ops[opcode].gen(req);
}

/* ------------------------------------------------------------------------
 * One field that is wrong
 */

static void mutate_field(struct io_uring_sqe *sqe)
{
	int opcode;

	switch (below(15)) {
	case 0:
		sqe->ioprio = ANY(1, 2, 4, 8, 32, 0x100, 0x4004, 0x8000, 0xffff);
		break;
	case 1:
		sqe->fd = ANY(-1, -2, 0x7fffffff, 3, 5, 8, -100, fd_of(OBJ_CLOSED));
		break;
	case 2:
		sqe->off = ANY64(0, 1, -1, -2, 4096, 1ull << 31, 1ull << 32, 1ull << 62,
				 1ull << 63, HOLE, READ_ONLY);
		break;
	case 3:
	case 4:
		sqe->addr = ANY64(0, 1, 0xffff800000000000, READ_ONLY, HOLE, HOLE - 8,
				  ARENA + SLOTS_SIZE - 3, SLOT(5) + 1, SLOT(3));
		break;
	case 5:
		sqe->len = ANY(0, 1, 2, 3, 0x7fffffff, -1, 0x80000000, 4096, 1025, 65537);
		break;
	case 6:
		sqe->rw_flags = 1u << below(32);
		break;
	case 7:
		sqe->rw_flags = ANY(0, 1, 3, -1, 0x7fffffff);
		break;
	case 8:
		sqe->buf_index = ANY(1, 2, 4, 100, 0x7fff, 0xffff);
		break;
	case 9:
		sqe->personality = ANY(1, 2, 99, 0xffff);
		break;
	case 10:
		sqe->file_index = ANY(1, 2, 9, 100, 0x7fffffff, -1, -2);
		break;
	case 11:
		sqe->addr3 = ANY64(1, HOLE, -1, READ_ONLY);
		break;
	case 12:
		sqe->__pad2[0] = ANY64(1, -1, 1ull << 40);
		break;
	case 13:
		sqe->flags ^= 1 << below(8);
		break;
	case 14:
		opcode = chance(80) ? below(NR_OPCODES) : 100 + below(156);
		if (opcode_usable(opcode))
			sqe->opcode = opcode;
		break;
	}
}

/* What would not end, or do harm, or have results that depend on the time */
static void tame(struct request *req)
{
	struct io_uring_sqe *sqe = &req->sqe;

	if (sqe->opcode == IORING_OP_MADVISE) {
		sqe->off = 0;
		if (sqe->addr < ADVISED || sqe->addr >= READ_ONLY)
			sqe->addr = ANY64(0, HOLE, 0xffff800000000000);
		sqe->len &= 0x3fff;
	}
	if (sqe->opcode == IORING_OP_TIMEOUT && sqe->timeout_flags & IORING_TIMEOUT_MULTISHOT &&
	    (!sqe->off || sqe->off > 3))
		sqe->off = 2;
	if ((sqe->opcode == IORING_OP_LINK_TIMEOUT || sqe->opcode == IORING_OP_TIMEOUT) &&
	    sqe->addr == READ_ONLY)
		sqe->addr = HOLE;
	if (sqe->opcode == IORING_OP_LINK_TIMEOUT && time_is_now(sqe))
		sqe->addr = 0;
	if (time_is_now(sqe) && !(sqe->timeout_flags & IORING_TIMEOUT_MULTISHOT))
		sqe->off = 0;
	if (sqe->opcode == IORING_OP_WAITID && !req->child && sqe->fd < 100)
		sqe->fd = 0x3fffff;
}

void gen_mutate(struct request *req)
{
	req->note = "mutated";
	req->in_slot = false;
	mutate_field(&req->sqe);
	tame(req);
}
