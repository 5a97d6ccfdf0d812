// SPDX-License-Identifier: GPL-2.0
/*
 * URING_CMD on sockets: what ioctl(2), getsockopt(2) and setsockopt(2) do.
 */
#include <linux/io_uring/cmd.h>
#include <linux/io_uring/net.h>
#include <linux/net.h>
#include <linux/sockios.h>
#include <linux/sockptr.h>
#include <net/sock.h>

#include <asm/ioctls.h>

/* The SQE is a program's: each word is read once */
#define sqe_get(cmd, field)	READ_ONCE((*(cmd)->sqe).field)

static int cmd_queued(struct socket *sock, int which)
{
	struct sock *sk = sock->sk;
	const struct proto *prot = READ_ONCE(sk->sk_prot);
	int bytes = 0;
	int error;

	if (!prot || !prot->ioctl)
		return -EOPNOTSUPP;
	error = prot->ioctl(sk, which, &bytes);
	return error ?: bytes;
}

static int cmd_getsockopt(struct socket *sock, const struct io_uring_cmd *cmd, bool compat)
{
	int len = sqe_get(cmd, optlen);
	int level = sqe_get(cmd, level);
	int error;

	/* Other levels take a user pointer for the length */
	if (level != SOL_SOCKET)
		return -EOPNOTSUPP;
	error = do_sock_getsockopt(sock, compat, level, sqe_get(cmd, optname),
				   USER_SOCKPTR(u64_to_user_ptr(sqe_get(cmd, optval))),
				   KERNEL_SOCKPTR(&len));
	return error ?: len;
}

static int cmd_setsockopt(struct socket *sock, const struct io_uring_cmd *cmd, bool compat)
{
	return do_sock_setsockopt(sock, compat, sqe_get(cmd, level), sqe_get(cmd, optname),
				  USER_SOCKPTR(u64_to_user_ptr(sqe_get(cmd, optval))),
				  sqe_get(cmd, optlen));
}

/**
 * io_uring_cmd_sock() - ->uring_cmd() of sockets
 * @cmd: SOCKET_URING_OP_*
 * @issue_flags: IO_URING_F_*
 *
 * Context: may sleep, not for long.
 * Return: the command's result; -EOPNOTSUPP: there is no such command, or the
 * protocol does not know it.
 */
int io_uring_cmd_sock(struct io_uring_cmd *cmd, unsigned int issue_flags)
{
	struct socket *sock = cmd->file->private_data;
	bool compat = issue_flags & IO_URING_F_COMPAT;

	switch (cmd->cmd_op) {
	case SOCKET_URING_OP_SIOCINQ:
		return cmd_queued(sock, SIOCINQ);
	case SOCKET_URING_OP_SIOCOUTQ:
		return cmd_queued(sock, SIOCOUTQ);
	case SOCKET_URING_OP_GETSOCKOPT:
		return cmd_getsockopt(sock, cmd, compat);
	case SOCKET_URING_OP_SETSOCKOPT:
		return cmd_setsockopt(sock, cmd, compat);
	default:
		return -EOPNOTSUPP;
	}
}
