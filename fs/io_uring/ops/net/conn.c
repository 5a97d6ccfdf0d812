// SPDX-License-Identifier: GPL-2.0
/*
 * The life of a socket: SOCKET, BIND, LISTEN, CONNECT, ACCEPT, SHUTDOWN.
 */
#include <linux/file.h>
#include <linux/net.h>
#include <linux/resource.h>
#include <linux/un.h>

#include "../../req/audit.h"
#include "../../req/complete.h"
#include "../../rsrc/files.h"
#include "../../run/lock.h"
#include "../ops.h"
#include "common.h"

/**
 * struct iou_newfd - where a new socket's file goes
 * @fd_flags: O_CLOEXEC, if so wished
 * @slot: slot + 1 of the table of fixed files, IORING_FILE_INDEX_ALLOC, or 0:
 *        a descriptor
 * @fd: the descriptor, reserved by an attempt
 * @nofile: limit of descriptors when the SQE was read
 */
struct iou_newfd {
	u32 fd_flags;
	u32 slot;
	int fd;
	unsigned long nofile;
};

static void newfd_prep(struct iou_newfd *newfd, u32 slot, u32 fd_flags)
{
	newfd->slot = slot;
	newfd->fd_flags = fd_flags;
	newfd->nofile = rlimit(RLIMIT_NOFILE);
}

/* Reserve a descriptor, if that is what is wanted; a slot is found later. Return: 0 or errno */
static int newfd_reserve(struct iou_newfd *newfd)
{
	if (newfd->slot)
		return 0;
	newfd->fd = __get_unused_fd_flags(newfd->fd_flags, newfd->nofile);
	return newfd->fd < 0 ? newfd->fd : 0;
}

static void newfd_release(const struct iou_newfd *newfd)
{
	if (!newfd->slot)
		put_unused_fd(newfd->fd);
}

/* The attempt has made @file. Return: the descriptor or slot, or an error; @file is gone */
static int newfd_install(struct iou_req *req, const struct iou_newfd *newfd, struct file *file)
	__must_hold(&iou_req_ring(req)->lock)
{
	if (newfd->slot)
		return iou_files_install(iou_req_ring(req), file, newfd->slot);
	fd_install(newfd->fd, file);
	return newfd->fd;
}

/* The same in a worker. Only the table of fixed files needs the lock */
static int newfd_install_by_worker(struct iou_req *req, const struct iou_newfd *newfd,
				   struct file *file)
{
	struct iou_ring *ring = iou_req_ring(req);
	int ret;

	if (!newfd->slot) {
		fd_install(newfd->fd, file);
		return newfd->fd;
	}
	if (iou_ring_lock_killable(ring)) {
		fput(file);
		return -EINTR;
	}
	ret = newfd_install(req, newfd, file);
	iou_ring_unlock(ring);
	return ret;
}

/* SOCK_NONBLOCK of a type or of accept_flags, as a flag of a file */
static u32 file_flags(u32 flags)
{
	/* Where the two differ */
	if (flags & SOCK_NONBLOCK)
		flags = (flags & ~SOCK_NONBLOCK) | O_NONBLOCK;
	return flags;
}

/*
 * SOCKET
 */

struct iou_socket {
	struct iou_newfd newfd;
	int domain;
	int type;
	int protocol;
};

static int prep_socket(struct iou_req *req, const struct io_uring_sqe __shared *sqe)
{
	struct iou_socket *socket = iou_req_cmd(req, struct iou_socket);
	union iou_sqe_mid mid = iou_sqe_mid(sqe);
	u32 flags;

	if (iou_sqe_get(sqe, addr) || iou_sqe_get(sqe, rw_flags) || mid.buf_index)
		return iou_reject(req, sqe, -EINVAL,
				  "socket: addr, rw_flags and buf_index must be 0");
	socket->domain = req->fd;
	socket->type = iou_sqe_get(sqe, off);
	socket->protocol = iou_sqe_get(sqe, len);
	flags = socket->type & ~SOCK_TYPE_MASK;
	newfd_prep(&socket->newfd, mid.file_index, flags & SOCK_CLOEXEC);
	if (mid.file_index && (flags & SOCK_CLOEXEC))
		return iou_reject(req, sqe, -EINVAL, "socket: a slot has no CLOEXEC");
	if (flags & ~(SOCK_CLOEXEC | SOCK_NONBLOCK))
		return iou_reject(req, sqe, -EINVAL, "socket: unknown flags in the type");
	return 0;
}

static iou_verdict_t issue_socket(struct iou_req *req)
	__must_hold(&iou_req_ring(req)->lock)
{
	struct iou_socket *socket = iou_req_cmd(req, struct iou_socket);
	int error = newfd_reserve(&socket->newfd);
	struct file *file;

	if (error)
		return iou_done(req, error);
	file = __sys_socket_file(socket->domain, socket->type, socket->protocol);
	if (IS_ERR(file)) {
		newfd_release(&socket->newfd);
		return iou_done(req, PTR_ERR(file));
	}
	return iou_done(req, newfd_install(req, &socket->newfd, file));
}

IOU_FUSE(socket)

const struct iou_op iou_op_socket = {
	.name	= "SOCKET",
	.start	= start_socket,
	.prep	= prep_socket,
	.issue	= issue_socket,
};

/*
 * BIND and CONNECT: ->aux is the address
 */

/**
 * struct iou_name - an address of a socket
 * @len: of it
 * @in_progress: CONNECT: an earlier attempt has begun to connect
 * @connecting: ... and the socket says so by its state, which is not so with all protocols
 */
struct iou_name {
	s32 len;
	bool in_progress;
	bool connecting;
};

static int prep_name(struct iou_req *req, const struct io_uring_sqe __shared *sqe)
{
	struct iou_name *name = iou_req_cmd(req, struct iou_name);
	union iou_sqe_mid mid = iou_sqe_mid(sqe);

	if (iou_sqe_get(sqe, len) || iou_sqe_get(sqe, rw_flags) || mid.buf_index ||
	    mid.file_index)
		return iou_reject(req, sqe, -EINVAL,
				  "bind, connect: len, rw_flags, buf_index and splice_fd_in must be 0");
	name->len = iou_sqe_get(sqe, addr2);
	name->in_progress = false;
	name->connecting = false;
	return iou_net_copy_name(req, sqe, iou_sqe_get(sqe, addr), name->len);
}

/* A socket in the file system is made there, which may take time */
static bool bind_is_quick(const struct sockaddr_storage *addr, s32 len)
{
	const struct sockaddr_un *sun = (const struct sockaddr_un *)addr;

	/* What was copied is only as long as @len */
	return len <= (s32)offsetof(struct sockaddr_un, sun_path) ||
	       addr->ss_family != AF_UNIX || !sun->sun_path[0];
}

static iou_verdict_t work_bind(struct iou_req *req)
{
	struct iou_name *name = iou_req_cmd(req, struct iou_name);
	int error;
	struct socket *sock = iou_net_sock(req, &error);

	if (sock)
		error = __sys_bind_socket(sock, req->aux, name->len);
	return iou_done(req, error);
}

static iou_verdict_t issue_bind(struct iou_req *req)
{
	struct iou_name *name = iou_req_cmd(req, struct iou_name);

	return bind_is_quick(req->aux, name->len) ? iou_audited(req, work_bind) : IOU_RETRY;
}

static int prep_bind(struct iou_req *req, const struct io_uring_sqe __shared *sqe)
{
	return prep_name(req, sqe);
}

IOU_FUSE(bind)

const struct iou_op iou_op_bind = {
	.name		= "BIND",
	.start		= start_bind,
	.prep		= prep_bind,
	.issue		= issue_bind,
	.work		= work_bind,
	.cleanup	= iou_net_cleanup_name,
	.needs_file	= true,
	.unbound	= true,
	.audit		= true,
};

/*
 * A connection that is being made may have failed, and the socket knows why. To call
 * connect() in order to learn that would begin another connection with some protocols, and
 * say EALREADY for ever with others.
 *
 * shutdown(2) and disconnecting end it, too. If somebody else has fetched the error of that,
 * the state of the socket still tells that it is not being connected any more, and nobody
 * wants it to be connected again.
 */
static int connect_error(const struct iou_name *name, struct socket *sock)
{
	int error = sock_error(sock->sk);

	if (!error && name->connecting && READ_ONCE(sock->state) == SS_UNCONNECTED)
		error = -ECONNABORTED;
	return error;
}

/* The first call begins to connect. When the socket is writable, the next one says how it went */
static int connect_call(struct iou_req *req, struct socket *sock, bool nowait)
{
	struct iou_name *name = iou_req_cmd(req, struct iou_name);
	int flags = nowait ? O_NONBLOCK : 0;
	int ret = __sys_connect_file(req->file, req->aux, name->len, flags);

	if (name->in_progress) {
		/* Some protocols say in their own way that it is connected */
		if (ret == -EISCONN || ret == -EBADFD)
			ret = sock_error(sock->sk);
		return ret;
	}
	/* An earlier connection, of somebody else, has failed unnoticed. Now it is noticed */
	if (ret == -ECONNABORTED)
		ret = __sys_connect_file(req->file, req->aux, name->len, flags);
	return ret;
}

static iou_verdict_t try_connect(struct iou_req *req, bool nowait)
{
	struct iou_name *name = iou_req_cmd(req, struct iou_name);
	int ret;
	struct socket *sock = iou_net_sock(req, &ret);

	if (!sock)
		return iou_done(req, ret);

	if (name->in_progress) {
		ret = connect_error(name, sock);
		if (ret)
			return iou_done(req, ret);
	}

	ret = connect_call(req, sock, nowait);
	if (!nowait)
		return iou_done(req, ret);
	if (ret == -EINPROGRESS || (ret == -EALREADY && name->in_progress)) {
		name->in_progress = true;
		name->connecting = READ_ONCE(sock->state) == SS_CONNECTING;
		return IOU_RETRY;
	}
	/* If it has not even begun, poll does not know when it could */
	if (ret == -EAGAIN)
		return name->in_progress ? IOU_RETRY : IOU_WORK;
	return iou_done(req, ret);
}

static iou_verdict_t connect_nowait(struct iou_req *req)
{
	return try_connect(req, true);
}

static iou_verdict_t issue_connect(struct iou_req *req)
{
	return iou_audited(req, connect_nowait);
}

static iou_verdict_t work_connect(struct iou_req *req)
{
	iou_verdict_t verdict = try_connect(req, iou_req_can_park(req));

	return verdict == IOU_WORK ? try_connect(req, false) : verdict;
}

static int prep_connect(struct iou_req *req, const struct io_uring_sqe __shared *sqe)
{
	return prep_name(req, sqe);
}

IOU_FUSE(connect)

const struct iou_op iou_op_connect = {
	.name		= "CONNECT",
	.start		= start_connect,
	.prep		= prep_connect,
	.issue		= issue_connect,
	.work		= work_connect,
	.cleanup	= iou_net_cleanup_name,
	.poll_events	= EPOLLOUT,
	.needs_file	= true,
	.unbound	= true,
	.audit		= true,
};

/*
 * LISTEN and SHUTDOWN
 */

struct iou_sockarg {
	int arg;	/* backlog, or how */
};

static int prep_sockarg(struct iou_req *req, const struct io_uring_sqe __shared *sqe)
{
	struct iou_sockarg *arg = iou_req_cmd(req, struct iou_sockarg);
	union iou_sqe_mid mid = iou_sqe_mid(sqe);

	if (iou_sqe_get(sqe, addr) || iou_sqe_get(sqe, addr2) || iou_sqe_get(sqe, rw_flags) ||
	    mid.buf_index || mid.file_index)
		return iou_reject(req, sqe, -EINVAL,
				  "listen, shutdown: addr, off, rw_flags, buf_index and splice_fd_in must be 0");
	arg->arg = iou_sqe_get(sqe, len);
	return 0;
}

static int prep_listen(struct iou_req *req, const struct io_uring_sqe __shared *sqe)
{
	return prep_sockarg(req, sqe);
}

static iou_verdict_t do_listen(struct iou_req *req)
{
	struct iou_sockarg *arg = iou_req_cmd(req, struct iou_sockarg);
	int error;
	struct socket *sock = iou_net_sock(req, &error);

	if (sock)
		error = __sys_listen_socket(sock, arg->arg);
	return iou_done(req, error);
}

static iou_verdict_t issue_listen(struct iou_req *req)
{
	return iou_audited(req, do_listen);
}

IOU_FUSE(listen)

const struct iou_op iou_op_listen = {
	.name		= "LISTEN",
	.start		= start_listen,
	.prep		= prep_listen,
	.issue		= issue_listen,
	.needs_file	= true,
	.audit		= true,
};

static iou_verdict_t work_shutdown(struct iou_req *req)
{
	struct iou_sockarg *arg = iou_req_cmd(req, struct iou_sockarg);
	int error;
	struct socket *sock = iou_net_sock(req, &error);

	if (sock)
		error = __sys_shutdown_sock(sock, arg->arg);
	return iou_done(req, error);
}

const struct iou_op iou_op_shutdown = {
	.name		= "SHUTDOWN",
	.prep		= prep_sockarg,
	.work		= work_shutdown,
	.needs_file	= true,
	.audit		= true,
};

/*
 * ACCEPT
 */

struct iou_accept {
	u64 addr;
	u64 addr_len;
	struct iou_newfd newfd;
	u32 flags;	/* of the new file */
	u16 how;	/* IORING_ACCEPT_* */
	bool poll_first;
};

static int prep_accept(struct iou_req *req, const struct io_uring_sqe __shared *sqe)
{
	struct iou_accept *accept = iou_req_cmd(req, struct iou_accept);
	union iou_sqe_mid mid = iou_sqe_mid(sqe);
	u32 flags = iou_sqe_get(sqe, accept_flags);

	if (iou_sqe_get(sqe, len) || mid.buf_index)
		return iou_reject(req, sqe, -EINVAL, "accept: len and buf_index must be 0");
	if (flags & ~(SOCK_CLOEXEC | SOCK_NONBLOCK))
		return iou_reject(req, sqe, -EINVAL, "accept: unknown accept_flags");
	if (mid.file_index && (flags & SOCK_CLOEXEC))
		return iou_reject(req, sqe, -EINVAL, "accept: a slot has no CLOEXEC");
	accept->how = iou_sqe_get(sqe, ioprio);
	if (accept->how & ~(IORING_ACCEPT_MULTISHOT | IORING_ACCEPT_DONTWAIT |
			    IORING_ACCEPT_POLL_FIRST))
		return iou_reject(req, sqe, -EINVAL, "accept: unknown flags in ioprio");
	if (accept->how & IORING_ACCEPT_MULTISHOT) {
		if (mid.file_index && mid.file_index != IORING_FILE_INDEX_ALLOC)
			return iou_reject(req, sqe, -EINVAL,
					  "accept: multishot into a single slot");
		req->notes |= IOU_NOTE_MULTISHOT;
	}
	accept->addr = iou_sqe_get(sqe, addr);
	accept->addr_len = iou_sqe_get(sqe, addr2);
	newfd_prep(&accept->newfd, mid.file_index, flags & SOCK_CLOEXEC);
	accept->flags = file_flags(flags);
	accept->poll_first = accept->how & IORING_ACCEPT_POLL_FIRST;
	return 0;
}

/* Accept a connection. Return: its file, for which there is a place; or an error */
static struct file *accept_file(struct iou_req *req, bool nowait)
{
	struct iou_accept *accept = iou_req_cmd(req, struct iou_accept);
	struct proto_accept_arg arg = {
		.flags = nowait ? O_NONBLOCK : 0,
		.is_empty = -1,
	};
	struct file *file;
	int error;

	if (unlikely(!iou_net_sock(req, &error)))
		return ERR_PTR(error);
	error = newfd_reserve(&accept->newfd);
	if (unlikely(error))
		return ERR_PTR(error);

	file = do_accept(req->file, &arg, u64_to_user_ptr(accept->addr),
			 u64_to_user_ptr(accept->addr_len), accept->flags);
	/* -1: the protocol does not tell. A connection that fails leaves the others, too */
	if (!arg.is_empty)
		req->cflags |= IORING_CQE_F_SOCK_NONEMPTY;
	if (IS_ERR(file))
		newfd_release(&accept->newfd);
	return file;
}

/* There was no connection. Return: IOU_RETRY: one is to be waited for */
static iou_verdict_t accept_failed(struct iou_req *req, int error, bool nowait)
{
	const struct iou_accept *accept = iou_req_cmd(req, struct iou_accept);

	if (error == -EAGAIN && nowait && !(accept->how & IORING_ACCEPT_DONTWAIT))
		return IOU_RETRY;
	return iou_done(req, error);
}

static iou_verdict_t accept_nowait(struct iou_req *req)
	__must_hold(&iou_req_ring(req)->lock)
{
	struct iou_accept *accept = iou_req_cmd(req, struct iou_accept);
	struct file *file = accept_file(req, true);

	if (IS_ERR(file))
		return accept_failed(req, PTR_ERR(file), true);
	return iou_done(req, newfd_install(req, &accept->newfd, file));
}

/* Accept what there is, a CQE each */
static iou_verdict_t accept_shots(struct iou_req *req)
	__must_hold(&iou_req_ring(req)->lock)
{
	int i;

	for (i = 0; i < IOU_MAX_SHOTS; i++) {
		iou_verdict_t verdict = iou_audited(req, accept_nowait);

		if (verdict != IOU_DONE || req->res < 0 ||
		    !iou_req_post_more(req, req->res, req->cflags))
			return verdict;
		iou_req_next_shot(req);
	}
	return IOU_TURN;
}

/* Wait, without a first attempt */
static iou_verdict_t accept_poll_first(struct iou_req *req)
{
	int error;

	iou_req_cmd(req, struct iou_accept)->poll_first = false;
	if (!iou_net_sock(req, &error))
		return iou_done(req, error);
	return accept_failed(req, -EAGAIN, true);
}

static iou_verdict_t issue_accept(struct iou_req *req)
	__must_hold(&iou_req_ring(req)->lock)
{
	struct iou_accept *accept = iou_req_cmd(req, struct iou_accept);

	if (accept->poll_first)
		return accept_poll_first(req);
	if (req->notes & IOU_NOTE_MULTISHOT)
		return accept_shots(req);
	return iou_audited(req, accept_nowait);
}

IOU_FUSE(accept)

static iou_verdict_t work_accept(struct iou_req *req)
{
	struct iou_accept *accept = iou_req_cmd(req, struct iou_accept);
	bool nowait = iou_req_can_park(req) || (accept->how & IORING_ACCEPT_DONTWAIT);
	struct file *file;

	/* Without an attempt, as issue_accept() has it */
	if (accept->poll_first && (accept->how & IORING_ACCEPT_DONTWAIT))
		return accept_poll_first(req);

	file = accept_file(req, nowait);
	if (IS_ERR(file))
		return accept_failed(req, PTR_ERR(file), nowait);
	return iou_done(req, newfd_install_by_worker(req, &accept->newfd, file));
}

const struct iou_op iou_op_accept = {
	.name		= "ACCEPT",
	.start		= start_accept,
	.prep		= prep_accept,
	.issue		= issue_accept,
	.work		= work_accept,
	.poll_events	= EPOLLIN | EPOLLEXCLUSIVE,
	.needs_file	= true,
	.has_ioprio	= true,
	.unbound	= true,
	.audit		= true,
};
