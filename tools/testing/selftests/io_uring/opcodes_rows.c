// SPDX-License-Identifier: GPL-2.0
/*
 * The table of opcodes.c. A new opcode has to have a row here (vm/check opcodes).
 */
#include "opcodes.h"

#include <linux/ioprio.h>
#include <sys/xattr.h>

#ifndef FUTEX2_SIZE_U32
#define FUTEX2_SIZE_U32		0x02
#endif
#ifndef FUTEX2_PRIVATE
#define FUTEX2_PRIVATE		FUTEX_PRIVATE_FLAG
#endif

/* 32-bit kernels and programs may lack the one with 32-bit times. */
#ifdef __NR_futex_time64
#define NR_FUTEX		__NR_futex_time64
#else
#define NR_FUTEX		__NR_futex
#endif

#define BAD_ADDR	8		/* nothing is mapped there */
#define XATTR		"trusted.iou_test"
#define GROUP		7
#define MASK		0xffffffffu

#define FIELD(f)	.offset = offsetof(struct io_uring_sqe, f)

/* @field is @v */
#define SET(f, v, e)	{ .what = #f " = " #v, FIELD(f), .value = (__u64)(v), .error = (e) }
/* @field points to a string */
#define STR(f, s, e)	{ .what = #f " = " #s, FIELD(f), .str = (s), .error = (e) }
/* @field must be 0 */
#define MBZ(f)		{ .what = #f, FIELD(f), .bytes = true, .error = -EINVAL }
/* Whatever @fn makes */
#define MAKE(fn)	{ .what = #fn, .make = fn }
/* The same, where the untouched 6.12 differs */
#define OUR_SET(f, v, e) { .what = #f " = " #v, FIELD(f), .value = (__u64)(v), .error = (e), \
			   .ours = true }
#define OUR_MAKE(fn)	{ .what = #fn, .make = fn, .ours = true }
#define FAULTS(...)	.faults = (const struct fault[]){ __VA_ARGS__, { .what = NULL } }
#define ROW(op)		.name = #op, .opcode = IORING_OP_##op

/* ------------------------------------------------------------------------
 * Things to work on
 */

static __u64 ptr(const void *p)
{
	return (uintptr_t)p;
}

/* A pipe: the end to be written to. @in: the end to be read from */
static int new_pipe(struct env *e, int *in)
{
	int fds[2] = { -1, -1 };

	if (pipe2(fds, O_CLOEXEC))
		return -1;
	*in = env_keep(e, fds[0]);
	return env_keep(e, fds[1]);
}

/* A pipe with some bytes in it: the end to be read from */
static int full_pipe(struct env *e, size_t nr)
{
	int in = -1;
	int out = new_pipe(e, &in);

	return write(out, e->mem, nr) == (ssize_t)nr ? in : -1;
}

/* A pipe with nothing in it: the end to be read from */
static int idle_pipe(struct env *e)
{
	int in = -1;

	new_pipe(e, &in);
	return in;
}

static int new_pair(struct env *e, enum sock_kind kind, int *other)
{
	int fds[2] = { -1, -1 };

	if (sock_pair(kind, fds))
		return -1;
	*other = env_keep(e, fds[1]);
	return env_keep(e, fds[0]);
}

/* A socket that has bytes to be received */
static int full_socket(struct env *e, size_t nr)
{
	int other = -1;
	int fd = new_pair(e, SOCK_UNIX_STREAM, &other);

	return send(other, e->mem, nr, 0) == (ssize_t)nr ? fd : -1;
}

/* A socket whose other end is closed */
static int lonely_socket(struct env *e)
{
	int fds[2] = { -1, -1 };

	if (sock_pair(SOCK_UNIX_STREAM, fds))
		return -1;
	close(fds[1]);
	return env_keep(e, fds[0]);
}

static int new_socket(struct env *e, int domain, int type)
{
	return env_keep(e, socket(domain, type | SOCK_CLOEXEC, 0));
}

/* Submit something for a request to find. */
static void put_target(struct env *e, int opcode, int fd)
{
	struct io_uring_sqe *sqe = ring_sqe(&e->ring);

	sqe->opcode = opcode;
	sqe->fd = fd;
	if (opcode == IORING_OP_TIMEOUT) {
		e->ts.tv_sec = 1000;
		e->ts.tv_nsec = 0;
		sqe->addr = ptr(&e->ts);
		sqe->len = 1;
	} else {
		sqe->poll32_events = POLLIN;
	}
	sqe->user_data = UD_TARGET;
	ring_submit(&e->ring);
	/* By an SQPOLL thread: which reads what SQEs point to, and arms them */
	while (load(e->ring.sq_head) != e->ring.next)
		nap();
}

/* Submit a request that completes at once, before the one in question. */
static int do_before(struct env *e, struct io_uring_sqe sqe)
{
	struct io_uring_cqe cqe;

	sqe.user_data = UD_BEFORE;
	*ring_sqe(&e->ring) = sqe;
	ring_submit(&e->ring);
	do {
		if (ring_wait(&e->ring, &cqe))
			return NO_RESULT;
	} while (cqe.user_data != UD_BEFORE);
	return cqe.res;
}

static void sparse_table(struct env *e, unsigned int nr)
{
	struct io_uring_rsrc_register reg = { .nr = nr, .flags = IORING_RSRC_REGISTER_SPARSE };

	sys_register(e->ring.fd, IORING_REGISTER_FILES2, &reg, sizeof(reg));
}

/* A table of one file */
static void table_of(struct env *e, int fd)
{
	sys_register(e->ring.fd, IORING_REGISTER_FILES, &fd, 1);
}

/* ------------------------------------------------------------------------
 * The core
 */

static int good_nop(struct env *e, struct io_uring_sqe *sqe)
{
	return 0;
}

static int fail_nop(struct env *e, struct io_uring_sqe *sqe)
{
	sqe->nop_flags = IORING_NOP_INJECT_RESULT;
	sqe->len = -ENOENT;
	return -ENOENT;
}

static int good_timeout(struct env *e, struct io_uring_sqe *sqe)
{
	e->ts.tv_sec = 0;
	e->ts.tv_nsec = 1;
	sqe->addr = ptr(&e->ts);
	sqe->len = 1;
	sqe->timeout_flags = IORING_TIMEOUT_ETIME_SUCCESS;
	return -ETIME;
}

static int fail_timeout(struct env *e, struct io_uring_sqe *sqe)
{
	good_timeout(e, sqe);
	sqe->timeout_flags = 0;
	return -ETIME;
}

static int bad_sec(struct env *e, struct io_uring_sqe *sqe)
{
	good_timeout(e, sqe);
	e->ts.tv_sec = -1;
	return -EINVAL;
}

static int bad_nsec(struct env *e, struct io_uring_sqe *sqe)
{
	good_timeout(e, sqe);
	e->ts.tv_nsec = -1;
	/* Its upper half is ignored for 32-bit programs. */
	return sizeof(long) == 4 ? NOT_HERE : -EINVAL;
}

/* What is guarded completes: the LINK_TIMEOUT is not needed any more. */
static int good_link_timeout(struct env *e, struct io_uring_sqe *sqe)
{
	good_timeout(e, sqe);
	e->ts.tv_sec = 1000;
	sqe->timeout_flags = 0;
	return -ECANCELED;
}

static int fail_link_timeout(struct env *e, struct io_uring_sqe *sqe)
{
	good_timeout(e, sqe);
	sqe->timeout_flags = 0;
	return -ETIME;
}

static int head_nop(struct env *e, struct io_uring_sqe *sqe)
{
	sqe->opcode = IORING_OP_NOP;
	return 0;
}

static int head_poll(struct env *e, struct io_uring_sqe *sqe)
{
	sqe->opcode = IORING_OP_POLL_ADD;
	sqe->fd = idle_pipe(e);
	sqe->poll32_events = POLLIN;
	return -ECANCELED;
}

static int good_timeout_remove(struct env *e, struct io_uring_sqe *sqe)
{
	put_target(e, IORING_OP_TIMEOUT, -1);
	sqe->addr = UD_TARGET;
	return 0;
}

/* Of what does not exist. For POLL_REMOVE and ASYNC_CANCEL, too. */
static int fail_remove(struct env *e, struct io_uring_sqe *sqe)
{
	sqe->addr = 12345;
	return -ENOENT;
}

static int update_bad_time(struct env *e, struct io_uring_sqe *sqe)
{
	good_timeout_remove(e, sqe);
	sqe->timeout_flags = IORING_TIMEOUT_UPDATE;
	sqe->addr2 = BAD_ADDR;
	return -EFAULT;
}

static int update_clock(struct env *e, struct io_uring_sqe *sqe)
{
	good_timeout_remove(e, sqe);
	sqe->timeout_flags = IORING_TIMEOUT_UPDATE | IORING_TIMEOUT_BOOTTIME;
	sqe->addr2 = ptr(&e->ts);
	return -EINVAL;
}

static int good_poll_add(struct env *e, struct io_uring_sqe *sqe)
{
	sqe->fd = full_pipe(e, 1);
	sqe->poll32_events = POLLIN;
	return POLLIN;
}

/* A file that nobody can wait for */
static int fail_poll_add(struct env *e, struct io_uring_sqe *sqe)
{
	sqe->fd = e->file;
	sqe->poll32_events = POLLPRI;
	return -EINVAL;
}

static int poll_multi_skip(struct env *e, struct io_uring_sqe *sqe)
{
	good_poll_add(e, sqe);
	sqe->len = IORING_POLL_ADD_MULTI;
	sqe->flags |= IOSQE_CQE_SKIP_SUCCESS;
	return -EINVAL;
}

static int good_poll_remove(struct env *e, struct io_uring_sqe *sqe)
{
	put_target(e, IORING_OP_POLL_ADD, idle_pipe(e));
	sqe->addr = UD_TARGET;
	return 0;
}

static int cancel_any_fd(struct env *e, struct io_uring_sqe *sqe)
{
	sqe->fd = e->file;
	sqe->cancel_flags = IORING_ASYNC_CANCEL_ANY | IORING_ASYNC_CANCEL_FD;
	return -EINVAL;
}

static int cancel_any_op(struct env *e, struct io_uring_sqe *sqe)
{
	sqe->cancel_flags = IORING_ASYNC_CANCEL_ANY | IORING_ASYNC_CANCEL_OP;
	return -EINVAL;
}

/* There is no such opcode, and so no request that has it */
static int cancel_unknown_op(struct env *e, struct io_uring_sqe *sqe)
{
	sqe->cancel_flags = IORING_ASYNC_CANCEL_OP;
	sqe->len = 255;
	return -ENOENT;
}

static int cancel_bad_fd(struct env *e, struct io_uring_sqe *sqe)
{
	sqe->cancel_flags = IORING_ASYNC_CANCEL_FD;
	sqe->fd = -1;
	return -EBADF;
}

static int cancel_bad_slot(struct env *e, struct io_uring_sqe *sqe)
{
	sqe->cancel_flags = IORING_ASYNC_CANCEL_FD | IORING_ASYNC_CANCEL_FD_FIXED;
	return -EBADF;
}

/* ------------------------------------------------------------------------
 * Reading and writing
 */

static int good_rw(struct env *e, struct io_uring_sqe *sqe)
{
	sqe->fd = e->file;
	sqe->addr = ptr(e->mem);
	sqe->len = 100;
	return 100;
}

static int good_vec(struct env *e, struct io_uring_sqe *sqe)
{
	e->iov.iov_base = e->mem;
	e->iov.iov_len = 100;
	sqe->fd = e->file;
	sqe->addr = ptr(&e->iov);
	sqe->len = 1;
	return 100;
}

static int good_fixed(struct env *e, struct io_uring_sqe *sqe)
{
	struct iovec iov = { .iov_base = e->mem, .iov_len = DATA };

	sys_register(e->ring.fd, IORING_REGISTER_BUFFERS, &iov, 1);
	return good_rw(e, sqe);
}

/* The directions that the file was not opened for */
static int read_wronly(struct env *e, struct io_uring_sqe *sqe)
{
	sqe->opcode == IORING_OP_READV ? good_vec(e, sqe) : good_fixed(e, sqe);
	sqe->fd = env_keep(e, openat(e->dfd, "file", O_WRONLY | O_CLOEXEC));
	return -EBADF;
}

static int write_rdonly(struct env *e, struct io_uring_sqe *sqe)
{
	sqe->opcode == IORING_OP_WRITEV ? good_vec(e, sqe) : good_fixed(e, sqe);
	sqe->fd = env_keep(e, openat(e->dfd, "file", O_RDONLY | O_CLOEXEC));
	return -EBADF;
}

static int bad_iovec(struct env *e, struct io_uring_sqe *sqe)
{
	good_vec(e, sqe);
	e->iov.iov_base = (void *)BAD_ADDR;
	return -EFAULT;
}

static int no_buffers(struct env *e, struct io_uring_sqe *sqe)
{
	good_rw(e, sqe);
	return -EFAULT;
}

/* Buffers for those that choose one */
static int provide(struct env *e)
{
	struct io_uring_sqe sqe = {
		.opcode = IORING_OP_PROVIDE_BUFFERS,
		.fd = 4,
		.addr = ptr(e->mem),
		.len = 256,
		.buf_group = GROUP,
	};

	return do_before(e, sqe);
}

/* Everything up to the end of the file. The last CQE says that this is it. */
static int good_read_multishot(struct env *e, struct io_uring_sqe *sqe)
{
	int fds[2] = { -1, -1 };

	provide(e);
	if (pipe2(fds, O_CLOEXEC) || write(fds[1], e->mem, 10) != 10)
		return NOT_HERE;
	close(fds[1]);
	sqe->fd = env_keep(e, fds[0]);
	sqe->off = -1;
	sqe->flags = IOSQE_BUFFER_SELECT;
	sqe->buf_group = GROUP;
	return 0;
}

static int fail_read_multishot(struct env *e, struct io_uring_sqe *sqe)
{
	provide(e);
	sqe->fd = e->file;
	sqe->flags = IOSQE_BUFFER_SELECT;
	sqe->buf_group = GROUP;
	return -EBADFD;
}

static int multishot_no_group(struct env *e, struct io_uring_sqe *sqe)
{
	good_read_multishot(e, sqe);
	sqe->buf_group = GROUP + 1;
	return -ENOBUFS;
}

static int multishot_no_select(struct env *e, struct io_uring_sqe *sqe)
{
	good_read_multishot(e, sqe);
	sqe->flags = 0;
	return -EINVAL;
}

/* ------------------------------------------------------------------------
 * Provided buffers
 */

static int good_provide(struct env *e, struct io_uring_sqe *sqe)
{
	sqe->fd = 4;
	sqe->addr = ptr(e->mem);
	sqe->len = 256;
	sqe->buf_group = GROUP;
	return 0;
}

static int in_buffer_ring(struct env *e, struct io_uring_sqe *sqe)
{
	struct io_uring_buf_reg reg = {
		.ring_addr = ptr(e->mem),
		.ring_entries = 4,
		.bgid = GROUP + 1,
	};

	sys_register(e->ring.fd, IORING_REGISTER_PBUF_RING, &reg, 1);
	sqe->fd = 4;
	if (sqe->opcode == IORING_OP_PROVIDE_BUFFERS) {
		sqe->addr = ptr(e->mem);
		sqe->len = 256;
	}
	sqe->buf_group = GROUP + 1;
	return -EINVAL;
}

static int provide_beyond(struct env *e, struct io_uring_sqe *sqe)
{
	good_provide(e, sqe);
	sqe->off = 65533;
	return -EINVAL;
}

static int provide_wraps(struct env *e, struct io_uring_sqe *sqe)
{
	good_provide(e, sqe);
	sqe->addr = -256ull;
	return -EOVERFLOW;
}

static int good_remove_buffers(struct env *e, struct io_uring_sqe *sqe)
{
	provide(e);
	sqe->fd = 4;
	sqe->buf_group = GROUP;
	return 4;
}

static int fail_remove_buffers(struct env *e, struct io_uring_sqe *sqe)
{
	sqe->fd = 4;
	sqe->buf_group = GROUP + 2;
	return -ENOENT;
}

/* ------------------------------------------------------------------------
 * Files
 */

static int good_fsync(struct env *e, struct io_uring_sqe *sqe)
{
	sqe->fd = e->file;
	return 0;
}

static int on_a_pipe(struct env *e, struct io_uring_sqe *sqe, int error)
{
	sqe->fd = full_pipe(e, 1);
	return error;
}

static int fail_fsync(struct env *e, struct io_uring_sqe *sqe)
{
	return on_a_pipe(e, sqe, -EINVAL);
}

static int good_sync_range(struct env *e, struct io_uring_sqe *sqe)
{
	sqe->fd = e->file;
	sqe->len = 4096;
	return 0;
}

static int fail_sync_range(struct env *e, struct io_uring_sqe *sqe)
{
	return on_a_pipe(e, sqe, -ESPIPE);
}

static int good_fallocate(struct env *e, struct io_uring_sqe *sqe)
{
	sqe->fd = e->file;
	sqe->addr = 4096;
	return 0;
}

static int fail_fallocate(struct env *e, struct io_uring_sqe *sqe)
{
	good_fallocate(e, sqe);
	sqe->fd = -1;
	new_pipe(e, &sqe->fd);
	sqe->fd = e->kept[e->nr_kept - 1];
	return -ESPIPE;
}

static int good_ftruncate(struct env *e, struct io_uring_sqe *sqe)
{
	sqe->fd = e->file;
	sqe->off = DATA;
	return 0;
}

static int fail_ftruncate(struct env *e, struct io_uring_sqe *sqe)
{
	int in;

	sqe->fd = new_pipe(e, &in);
	return -EINVAL;
}

static int good_fadvise(struct env *e, struct io_uring_sqe *sqe)
{
	sqe->fd = e->file;
	sqe->len = 4096;
	sqe->fadvise_advice = POSIX_FADV_WILLNEED;
	return 0;
}

static int fail_fadvise(struct env *e, struct io_uring_sqe *sqe)
{
	good_fadvise(e, sqe);
	return on_a_pipe(e, sqe, -ESPIPE);
}

static int good_madvise(struct env *e, struct io_uring_sqe *sqe)
{
	sqe->addr = ptr(e->mem);
	sqe->len = 4096;
	sqe->fadvise_advice = MADV_DONTNEED;
	return 0;
}

static int fail_madvise(struct env *e, struct io_uring_sqe *sqe)
{
	good_madvise(e, sqe);
	sqe->addr = 0x10000;
	return -ENOMEM;
}

static int madvise_unaligned(struct env *e, struct io_uring_sqe *sqe)
{
	good_madvise(e, sqe);
	sqe->addr++;
	return -EINVAL;
}

static int good_openat(struct env *e, struct io_uring_sqe *sqe)
{
	sqe->fd = e->dfd;
	sqe->addr = ptr("file");
	sqe->open_flags = O_RDONLY | O_CLOEXEC;
	return ANY_FD;
}

static int fail_openat(struct env *e, struct io_uring_sqe *sqe)
{
	good_openat(e, sqe);
	sqe->addr = ptr("absent");
	return -ENOENT;
}

/* Direct: where there is no table, and what a slot cannot have */
static int open_no_table(struct env *e, struct io_uring_sqe *sqe)
{
	good_openat(e, sqe);
	sqe->open_flags = O_RDONLY;
	sqe->file_index = 1;
	return -ENXIO;
}

static int open_beyond_table(struct env *e, struct io_uring_sqe *sqe)
{
	open_no_table(e, sqe);
	sparse_table(e, 4);
	sqe->file_index = 5;
	return -EINVAL;
}

static int open_full_table(struct env *e, struct io_uring_sqe *sqe)
{
	open_no_table(e, sqe);
	table_of(e, e->file);
	sqe->file_index = IORING_FILE_INDEX_ALLOC;
	return -ENFILE;
}

static int good_openat2(struct env *e, struct io_uring_sqe *sqe)
{
	memset(e->how, 0, sizeof(e->how));
	e->how[0].flags = O_RDONLY | O_CLOEXEC;
	sqe->fd = e->dfd;
	sqe->addr = ptr("file");
	sqe->addr2 = ptr(e->how);
	sqe->len = sizeof(e->how[0]);
	return ANY_FD;
}

static int fail_openat2(struct env *e, struct io_uring_sqe *sqe)
{
	good_openat2(e, sqe);
	sqe->addr = ptr("absent");
	return -ENOENT;
}

static int how_too_big(struct env *e, struct io_uring_sqe *sqe)
{
	good_openat2(e, sqe);
	e->how[1].flags = 1;
	sqe->len = sizeof(e->how);
	return -E2BIG;
}

static int how_flags(struct env *e, struct io_uring_sqe *sqe)
{
	good_openat2(e, sqe);
	e->how[0].flags |= 1ull << 40;
	return -EINVAL;
}

static int how_resolve(struct env *e, struct io_uring_sqe *sqe)
{
	good_openat2(e, sqe);
	e->how[0].resolve = 1ull << 40;
	return -EINVAL;
}

static int how_beneath(struct env *e, struct io_uring_sqe *sqe)
{
	good_openat2(e, sqe);
	e->how[0].resolve = RESOLVE_BENEATH;
	sqe->addr = ptr("../x");
	return -EXDEV;
}

static int good_close(struct env *e, struct io_uring_sqe *sqe)
{
	sqe->fd = fcntl(e->file, F_DUPFD_CLOEXEC, 100);
	return 0;
}

static int fail_close(struct env *e, struct io_uring_sqe *sqe)
{
	sqe->fd = 1000;
	return -EBADF;
}

static int close_ring(struct env *e, struct io_uring_sqe *sqe)
{
	sqe->fd = e->target.fd;
	return -EBADF;
}

static int close_slot(struct env *e, struct io_uring_sqe *sqe)
{
	table_of(e, e->file);
	sqe->file_index = 1;
	return 0;
}

static int close_no_table(struct env *e, struct io_uring_sqe *sqe)
{
	sqe->file_index = 1;
	return -ENXIO;
}

static int close_beyond_table(struct env *e, struct io_uring_sqe *sqe)
{
	close_slot(e, sqe);
	sqe->file_index = 2;
	return -EINVAL;
}

static int close_empty_slot(struct env *e, struct io_uring_sqe *sqe)
{
	sparse_table(e, 1);
	sqe->file_index = 1;
	return -EBADF;
}

static int close_both(struct env *e, struct io_uring_sqe *sqe)
{
	close_slot(e, sqe);
	sqe->fd = e->file;
	return -EINVAL;
}

static int good_files_update(struct env *e, struct io_uring_sqe *sqe)
{
	sparse_table(e, 4);
	e->fds[0] = e->file;
	e->fds[1] = -1;
	sqe->addr = ptr(e->fds);
	sqe->len = 2;
	return 2;
}

static int fail_files_update(struct env *e, struct io_uring_sqe *sqe)
{
	good_files_update(e, sqe);
	e->fds[0] = 1000;
	return -EBADF;
}

static int update_ring(struct env *e, struct io_uring_sqe *sqe)
{
	good_files_update(e, sqe);
	e->fds[0] = e->target.fd;
	return -EBADF;
}

static int update_no_table(struct env *e, struct io_uring_sqe *sqe)
{
	sqe->addr = ptr(e->fds);
	sqe->len = 1;
	return -ENXIO;
}

static int update_full_table(struct env *e, struct io_uring_sqe *sqe)
{
	table_of(e, e->file);
	e->fds[0] = e->file;
	sqe->addr = ptr(e->fds);
	sqe->len = 1;
	sqe->off = 0xffffffffu;
	return -ENFILE;
}

static int good_install(struct env *e, struct io_uring_sqe *sqe)
{
	table_of(e, e->file);
	sqe->fd = 0;
	sqe->flags = IOSQE_FIXED_FILE;
	return ANY_FD;
}

static int fail_install(struct env *e, struct io_uring_sqe *sqe)
{
	sparse_table(e, 1);
	sqe->flags = IOSQE_FIXED_FILE;
	return -EBADF;
}

static int install_no_slot(struct env *e, struct io_uring_sqe *sqe)
{
	sqe->fd = e->file;
	return -EBADF;
}

static int install_personality(struct env *e, struct io_uring_sqe *sqe)
{
	good_install(e, sqe);
	sqe->personality = sys_register(e->ring.fd, IORING_REGISTER_PERSONALITY, NULL, 0);
	return -EPERM;
}

/* ------------------------------------------------------------------------
 * Names
 */

static int good_statx(struct env *e, struct io_uring_sqe *sqe)
{
	sqe->fd = e->dfd;
	sqe->addr = ptr("file");
	sqe->addr2 = ptr(&e->stx);
	sqe->len = STATX_BASIC_STATS;
	return 0;
}

static int fail_statx(struct env *e, struct io_uring_sqe *sqe)
{
	good_statx(e, sqe);
	sqe->addr = ptr("absent");
	return -ENOENT;
}

/* "a" is there, "b" not. */
static void only_a(struct env *e)
{
	unlinkat(e->dfd, "b", 0);
	unlinkat(e->dfd, "b", AT_REMOVEDIR);
	close(openat(e->dfd, "a", O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
}

/* For RENAMEAT and LINKAT */
static int good_two(struct env *e, struct io_uring_sqe *sqe)
{
	only_a(e);
	sqe->fd = e->dfd;
	sqe->addr = ptr("a");
	sqe->len = e->dfd;
	sqe->addr2 = ptr("b");
	return 0;
}

static int fail_two(struct env *e, struct io_uring_sqe *sqe)
{
	good_two(e, sqe);
	sqe->addr = ptr("absent");
	return -ENOENT;
}

static int good_unlinkat(struct env *e, struct io_uring_sqe *sqe)
{
	only_a(e);
	sqe->fd = e->dfd;
	sqe->addr = ptr("a");
	return 0;
}

static int fail_unlinkat(struct env *e, struct io_uring_sqe *sqe)
{
	good_unlinkat(e, sqe);
	sqe->addr = ptr("absent");
	return -ENOENT;
}

static int good_mkdirat(struct env *e, struct io_uring_sqe *sqe)
{
	only_a(e);
	sqe->fd = e->dfd;
	sqe->addr = ptr("b");
	sqe->len = 0700;
	return 0;
}

static int fail_mkdirat(struct env *e, struct io_uring_sqe *sqe)
{
	good_mkdirat(e, sqe);
	sqe->addr = ptr("a");
	return -EEXIST;
}

static int good_symlinkat(struct env *e, struct io_uring_sqe *sqe)
{
	only_a(e);
	sqe->fd = e->dfd;
	sqe->addr = ptr("a");
	sqe->addr2 = ptr("b");
	return 0;
}

static int fail_symlinkat(struct env *e, struct io_uring_sqe *sqe)
{
	good_symlinkat(e, sqe);
	sqe->addr2 = ptr("a");
	return -EEXIST;
}

static const char too_long[PATH_MAX + 2] = { [0 ... PATH_MAX] = 'x' };

static int set_value(struct env *e, struct io_uring_sqe *sqe)
{
	sqe->addr = ptr(XATTR);
	sqe->addr2 = ptr("new");
	sqe->len = 3;
	if (fsetxattr(e->file, XATTR, "old", 3, 0))
		return NOT_HERE;
	return 0;
}

static int good_fsetxattr(struct env *e, struct io_uring_sqe *sqe)
{
	sqe->fd = e->file;
	return set_value(e, sqe);
}

static int good_setxattr(struct env *e, struct io_uring_sqe *sqe)
{
	sqe->addr3 = ptr(e->path);
	return set_value(e, sqe);
}

static int get_value(struct env *e, struct io_uring_sqe *sqe)
{
	if (set_value(e, sqe) == NOT_HERE)
		return NOT_HERE;
	sqe->addr2 = ptr(e->mem);
	sqe->len = 64;
	return 3;
}

static int good_fgetxattr(struct env *e, struct io_uring_sqe *sqe)
{
	sqe->fd = e->file;
	return get_value(e, sqe);
}

static int good_getxattr(struct env *e, struct io_uring_sqe *sqe)
{
	sqe->addr3 = ptr(e->path);
	return get_value(e, sqe);
}

/* Set what exists already; get what does not. */
static int fail_xattr(struct env *e, struct io_uring_sqe *sqe)
{
	bool set = sqe->opcode == IORING_OP_FSETXATTR || sqe->opcode == IORING_OP_SETXATTR;

	if ((set ? set_value(e, sqe) : get_value(e, sqe)) == NOT_HERE)
		return NOT_HERE;
	if (sqe->opcode == IORING_OP_FSETXATTR || sqe->opcode == IORING_OP_FGETXATTR)
		sqe->fd = e->file;
	else
		sqe->addr3 = ptr(e->path);
	if (set)
		sqe->xattr_flags = XATTR_CREATE;
	else
		sqe->addr = ptr("trusted.iou_absent");
	return set ? -EEXIST : -ENODATA;
}

/* ------------------------------------------------------------------------
 * Pipes, epoll
 */

static int good_splice(struct env *e, struct io_uring_sqe *sqe)
{
	int in;

	sqe->fd = new_pipe(e, &in);
	sqe->splice_fd_in = full_pipe(e, 10);
	sqe->off = -1;
	sqe->splice_off_in = -1;
	sqe->len = 10;
	return 10;
}

static int fail_splice(struct env *e, struct io_uring_sqe *sqe)
{
	good_splice(e, sqe);
	sqe->off = 0;
	return -ESPIPE;
}

static int good_tee(struct env *e, struct io_uring_sqe *sqe)
{
	good_splice(e, sqe);
	sqe->off = 0;
	sqe->splice_off_in = 0;
	return 10;
}

static int fail_tee(struct env *e, struct io_uring_sqe *sqe)
{
	good_tee(e, sqe);
	sqe->fd = e->file;
	return -EINVAL;
}

static int splice_bad_slot(struct env *e, struct io_uring_sqe *sqe)
{
	sqe->opcode == IORING_OP_TEE ? good_tee(e, sqe) : good_splice(e, sqe);
	sqe->splice_flags = SPLICE_F_FD_IN_FIXED;
	sqe->splice_fd_in = 0;
	return -EBADF;
}

static int good_epoll_ctl(struct env *e, struct io_uring_sqe *sqe)
{
	e->event.events = EPOLLIN;
	sqe->fd = env_keep(e, epoll_create1(EPOLL_CLOEXEC));
	sqe->len = EPOLL_CTL_ADD;
	sqe->off = idle_pipe(e);
	sqe->addr = ptr(&e->event);
	return 0;
}

static int fail_epoll_ctl(struct env *e, struct io_uring_sqe *sqe)
{
	good_epoll_ctl(e, sqe);
	sqe->len = EPOLL_CTL_DEL;
	return -ENOENT;
}

static int epoll_not_pollable(struct env *e, struct io_uring_sqe *sqe)
{
	good_epoll_ctl(e, sqe);
	sqe->off = e->file;
	return -EPERM;
}

static int not_an_epoll(struct env *e, struct io_uring_sqe *sqe)
{
	good_epoll_ctl(e, sqe);
	sqe->fd = e->file;
	return -EINVAL;
}

/* ------------------------------------------------------------------------
 * Sockets
 */

static int good_send(struct env *e, struct io_uring_sqe *sqe)
{
	int other;

	sqe->fd = new_pair(e, SOCK_UNIX_STREAM, &other);
	sqe->addr = ptr(e->mem);
	sqe->len = 10;
	return 10;
}

static int fail_send(struct env *e, struct io_uring_sqe *sqe)
{
	good_send(e, sqe);
	sqe->fd = lonely_socket(e);
	return -EPIPE;
}

static int good_recv(struct env *e, struct io_uring_sqe *sqe)
{
	sqe->fd = full_socket(e, 10);
	sqe->addr = ptr(e->mem);
	sqe->len = 10;
	return 10;
}

static int good_msg(struct env *e, struct io_uring_sqe *sqe)
{
	e->iov.iov_base = e->mem;
	e->iov.iov_len = 10;
	memset(&e->msg, 0, sizeof(e->msg));
	e->msg.msg_iov = &e->iov;
	e->msg.msg_iovlen = 1;
	sqe->addr = ptr(&e->msg);
	sqe->len = 1;
	return 10;
}

static int good_sendmsg(struct env *e, struct io_uring_sqe *sqe)
{
	int other;

	sqe->fd = new_pair(e, SOCK_UNIX_STREAM, &other);
	return good_msg(e, sqe);
}

static int fail_sendmsg(struct env *e, struct io_uring_sqe *sqe)
{
	good_msg(e, sqe);
	sqe->fd = lonely_socket(e);
	return -EPIPE;
}

static int good_recvmsg(struct env *e, struct io_uring_sqe *sqe)
{
	sqe->fd = full_socket(e, 10);
	return good_msg(e, sqe);
}

static int fail_recvmsg(struct env *e, struct io_uring_sqe *sqe)
{
	good_msg(e, sqe);
	sqe->fd = new_socket(e, AF_INET, SOCK_STREAM);
	return -ENOTCONN;
}

static int fail_recv(struct env *e, struct io_uring_sqe *sqe)
{
	good_recv(e, sqe);
	sqe->fd = new_socket(e, AF_INET, SOCK_STREAM);
	return -ENOTCONN;
}

static int msg_bad_iov(struct env *e, struct io_uring_sqe *sqe)
{
	good_sendmsg(e, sqe);
	e->msg.msg_iov = (void *)BAD_ADDR;
	return -EFAULT;
}

static int msg_many_iovs(struct env *e, struct io_uring_sqe *sqe)
{
	good_sendmsg(e, sqe);
	e->msg.msg_iovlen = UIO_MAXIOV + 1;
	return -EINVAL;
}

/* Any opcode for sockets on what is none */
static int not_a_socket(struct env *e, struct io_uring_sqe *sqe)
{
	const struct row *row;

	for (row = rows; row->name && row->opcode != sqe->opcode; row++)
		;
	row->good(e, sqe);
	sqe->fd = e->file;
	return -ENOTSOCK;
}

static int good_zc(struct env *e, struct io_uring_sqe *sqe)
{
	int other;

	good_send(e, sqe);
	sqe->fd = new_pair(e, SOCK_TCP4, &other);
	return 10;
}

static int fail_zc(struct env *e, struct io_uring_sqe *sqe)
{
	good_zc(e, sqe);
	shutdown(sqe->fd, SHUT_WR);
	return -EPIPE;
}

static int good_sendmsg_zc(struct env *e, struct io_uring_sqe *sqe)
{
	int other;

	good_msg(e, sqe);
	sqe->fd = new_pair(e, SOCK_TCP4, &other);
	return 10;
}

static int fail_sendmsg_zc(struct env *e, struct io_uring_sqe *sqe)
{
	good_sendmsg_zc(e, sqe);
	shutdown(sqe->fd, SHUT_WR);
	return -EPIPE;
}

static int zc_unsupported(struct env *e, struct io_uring_sqe *sqe)
{
	bool msg = sqe->opcode == IORING_OP_SENDMSG_ZC;
	int other;

	msg ? good_sendmsg_zc(e, sqe) : good_zc(e, sqe);
	sqe->fd = new_pair(e, SOCK_UNIX_STREAM, &other);
	return -EOPNOTSUPP;
}

static int good_accept(struct env *e, struct io_uring_sqe *sqe)
{
	sqe->fd = env_keep(e, sock_listening(SOCK_UNIX_STREAM, &e->ss, &e->len));
	env_keep(e, sock_connected(SOCK_UNIX_STREAM, &e->ss, e->len));
	return ANY_FD;
}

static int fail_accept(struct env *e, struct io_uring_sqe *sqe)
{
	sqe->fd = new_socket(e, AF_INET, SOCK_STREAM);
	return -EINVAL;
}

static int accept_slot_cloexec(struct env *e, struct io_uring_sqe *sqe)
{
	good_accept(e, sqe);
	sqe->accept_flags = SOCK_CLOEXEC;
	sqe->file_index = 1;
	return -EINVAL;
}

static int accept_multi_slot(struct env *e, struct io_uring_sqe *sqe)
{
	good_accept(e, sqe);
	sqe->ioprio = IORING_ACCEPT_MULTISHOT;
	sqe->file_index = 1;
	return -EINVAL;
}

static int good_connect(struct env *e, struct io_uring_sqe *sqe)
{
	env_keep(e, sock_listening(SOCK_UNIX_STREAM, &e->ss, &e->len));
	sqe->fd = new_socket(e, AF_UNIX, SOCK_STREAM);
	sqe->addr = ptr(&e->ss);
	sqe->off = e->len;
	return 0;
}

static int fail_connect(struct env *e, struct io_uring_sqe *sqe)
{
	good_connect(e, sqe);
	env_keep(e, sock_bound(SOCK_UNIX_STREAM, &e->ss, &e->len));
	sqe->off = e->len;
	return -ECONNREFUSED;
}

static int good_bind(struct env *e, struct io_uring_sqe *sqe)
{
	sqe->fd = new_socket(e, AF_INET, SOCK_STREAM);
	sqe->addr = ptr(&e->ss);
	sqe->addr2 = sock_any_addr(SOCK_TCP4, &e->ss);
	return 0;
}

static int fail_bind(struct env *e, struct io_uring_sqe *sqe)
{
	good_bind(e, sqe);
	env_keep(e, sock_bound(SOCK_TCP4, &e->ss, &e->len));
	return -EADDRINUSE;
}

static int good_listen(struct env *e, struct io_uring_sqe *sqe)
{
	sqe->fd = env_keep(e, sock_bound(SOCK_TCP4, &e->ss, &e->len));
	sqe->len = 5;
	return 0;
}

static int fail_listen(struct env *e, struct io_uring_sqe *sqe)
{
	sqe->fd = new_socket(e, AF_INET, SOCK_DGRAM);
	return -EOPNOTSUPP;
}

static int good_shutdown(struct env *e, struct io_uring_sqe *sqe)
{
	int other;

	sqe->fd = new_pair(e, SOCK_UNIX_STREAM, &other);
	sqe->len = SHUT_WR;
	return 0;
}

static int fail_shutdown(struct env *e, struct io_uring_sqe *sqe)
{
	sqe->fd = new_socket(e, AF_INET, SOCK_STREAM);
	sqe->len = SHUT_WR;
	return -ENOTCONN;
}

static int good_socket(struct env *e, struct io_uring_sqe *sqe)
{
	sqe->fd = AF_UNIX;
	sqe->off = SOCK_STREAM | SOCK_CLOEXEC;
	return ANY_FD;
}

static int fail_socket(struct env *e, struct io_uring_sqe *sqe)
{
	good_socket(e, sqe);
	sqe->fd = 99;
	return -EAFNOSUPPORT;
}

static int socket_no_table(struct env *e, struct io_uring_sqe *sqe)
{
	sqe->fd = AF_UNIX;
	sqe->off = SOCK_STREAM;
	sqe->file_index = 1;
	return -ENXIO;
}

/* ------------------------------------------------------------------------
 * Rings, commands
 */

static int good_msg_ring(struct env *e, struct io_uring_sqe *sqe)
{
	sqe->fd = e->target.fd;
	sqe->len = 17;
	return 0;
}

static int fail_msg_ring(struct env *e, struct io_uring_sqe *sqe)
{
	struct io_uring_params p = { .flags = IORING_SETUP_R_DISABLED };

	sqe->fd = env_keep(e, sys_setup(1, &p));
	return -EBADFD;
}

static int msg_not_a_ring(struct env *e, struct io_uring_sqe *sqe)
{
	sqe->fd = e->file;
	return -EBADFD;
}

static int msg_own_fd(struct env *e, struct io_uring_sqe *sqe)
{
	table_of(e, e->file);
	sqe->fd = e->ring.fd;
	sqe->addr = IORING_MSG_SEND_FD;
	sqe->file_index = 1;
	return -EINVAL;
}

static int msg_empty_slot(struct env *e, struct io_uring_sqe *sqe)
{
	sparse_table(e, 1);
	sqe->fd = e->target.fd;
	sqe->addr = IORING_MSG_SEND_FD;
	sqe->file_index = 1;
	return -EBADF;
}

static int msg_no_table(struct env *e, struct io_uring_sqe *sqe)
{
	table_of(e, e->file);
	sqe->fd = e->target.fd;
	sqe->addr = IORING_MSG_SEND_FD;
	sqe->file_index = 1;
	return -ENXIO;
}

static int msg_fd_len(struct env *e, struct io_uring_sqe *sqe)
{
	msg_no_table(e, sqe);
	sqe->len = 1;
	return -EINVAL;
}

static int good_cmd(struct env *e, struct io_uring_sqe *sqe)
{
	sqe->fd = env_keep(e, open("/dev/null", O_RDWR | O_CLOEXEC));
	return 0;
}

static int fail_cmd(struct env *e, struct io_uring_sqe *sqe)
{
	sqe->fd = e->file;
	return -EOPNOTSUPP;
}

static int cmd_no_buffer(struct env *e, struct io_uring_sqe *sqe)
{
	good_cmd(e, sqe);
	sqe->uring_cmd_flags = IORING_URING_CMD_FIXED;
	return -EFAULT;
}

/* ------------------------------------------------------------------------
 * Children and futexes
 */

static int good_waitid(struct env *e, struct io_uring_sqe *sqe)
{
	e->child = fork();
	if (!e->child)
		_exit(0);
	sqe->fd = e->child;
	sqe->len = P_PID;
	sqe->file_index = WEXITED;
	sqe->addr2 = ptr(&e->info);
	return 0;
}

static int fail_waitid(struct env *e, struct io_uring_sqe *sqe)
{
	sqe->fd = getpid();
	sqe->len = P_PID;
	sqe->file_index = WEXITED;
	return -ECHILD;
}

static int good_futex_wait(struct env *e, struct io_uring_sqe *sqe)
{
	e->word = 1;
	sqe->fd = FUTEX2_SIZE_U32 | FUTEX2_PRIVATE;
	sqe->addr = ptr(&e->word);
	sqe->addr2 = 1;
	sqe->addr3 = MASK;
	return 0;
}

static int fail_futex_wait(struct env *e, struct io_uring_sqe *sqe)
{
	good_futex_wait(e, sqe);
	sqe->addr2 = 2;
	return -EAGAIN;
}

/* It may not have come to waiting yet. */
static void kick_futex(struct env *e)
{
	long end = now_ms() + WAIT_MS;

	while (syscall(NR_FUTEX, &e->word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0) != 1 &&
	       now_ms() < end)
		nap();
}

/* Nobody waits. */
static int good_futex_wake(struct env *e, struct io_uring_sqe *sqe)
{
	return good_futex_wait(e, sqe);
}

static int fail_futex_wake(struct env *e, struct io_uring_sqe *sqe)
{
	good_futex_wait(e, sqe);
	sqe->addr3 = 0;
	return -EINVAL;
}

static int good_futex_waitv(struct env *e, struct io_uring_sqe *sqe)
{
	e->word = 1;
	e->waitv = (struct futex_waitv){
		.val = 1,
		.uaddr = ptr(&e->word),
		.flags = FUTEX2_SIZE_U32 | FUTEX2_PRIVATE,
	};
	sqe->addr = ptr(&e->waitv);
	sqe->len = 1;
	return 0;
}

static int fail_futex_waitv(struct env *e, struct io_uring_sqe *sqe)
{
	good_futex_waitv(e, sqe);
	e->waitv.val = 2;
	return -EAGAIN;
}

static int waitv_flags(struct env *e, struct io_uring_sqe *sqe)
{
	good_futex_waitv(e, sqe);
	e->waitv.flags = 1 << 20;
	return -EINVAL;
}

/* ------------------------------------------------------------------------
 * The table
 */

/* What several opcodes refuse */

static const struct fault timeout_faults[] = {
	MBZ(buf_index), MBZ(splice_fd_in), MBZ(addr3), MBZ(__pad2[0]), SET(len, 0, -EINVAL),
	SET(len, 2, -EINVAL), SET(addr, BAD_ADDR, -EFAULT), MAKE(bad_sec), MAKE(bad_nsec),
	SET(timeout_flags, 1u << 10, -EINVAL),
	SET(timeout_flags, IORING_TIMEOUT_UPDATE, -EINVAL),
	SET(timeout_flags, IORING_LINK_TIMEOUT_UPDATE, -EINVAL),
	SET(timeout_flags, IORING_TIMEOUT_CLOCK_MASK, -EINVAL), { .what = NULL }
};

static const struct fault rw_faults[] = {
	SET(fd, -1, -EBADF), SET(addr, BAD_ADDR, -EFAULT), SET(rw_flags, 1 << 30, -EOPNOTSUPP),
	SET(rw_flags, RWF_HIPRI, -EINVAL), SET(ioprio, 7 << IOPRIO_CLASS_SHIFT, -EINVAL),
	{ .what = NULL }
};

static const struct fault vec_faults[] = {
	MAKE(bad_iovec), SET(len, UIO_MAXIOV + 1, -EINVAL), { .what = NULL }
};

static const struct fault fixed_faults[] = {
	SET(buf_index, 1, -EFAULT), SET(len, DATA + 1, -EFAULT), MAKE(no_buffers),
	{ .what = NULL }
};

static const struct fault path_faults[] = {
	SET(addr, BAD_ADDR, -EFAULT), STR(addr, "", -ENOENT), STR(addr, too_long, -ENAMETOOLONG),
	{ .what = NULL }
};

static const struct fault path2_faults[] = {
	SET(addr2, BAD_ADDR, -EFAULT), STR(addr2, "", -ENOENT),
	STR(addr2, too_long, -ENAMETOOLONG), { .what = NULL }
};

static const struct fault path3_faults[] = {
	SET(addr3, BAD_ADDR, -EFAULT), STR(addr3, "", -ENOENT),
	STR(addr3, too_long, -ENAMETOOLONG), { .what = NULL }
};

static const struct fault dir_faults[] = {
	MBZ(buf_index), MBZ(splice_fd_in), SET(fd, 1000, -EBADF), SET(addr, BAD_ADDR, -EFAULT),
	STR(addr, "", -ENOENT), STR(addr, too_long, -ENAMETOOLONG), { .what = NULL }
};

static const struct fault socket_faults[] = {
	SET(fd, -1, -EBADF), MAKE(not_a_socket), { .what = NULL }
};

static const struct fault futex_faults[] = {
	MBZ(len), MBZ(futex_flags), MBZ(buf_index), MBZ(file_index),
	SET(fd, FUTEX2_SIZE_U32 | 1 << 20, -EINVAL), SET(addr3, 0, -EINVAL),
	SET(addr3, 1ull << 32, -EINVAL), { .what = NULL }
};

const struct row rows[] = {
	{
		ROW(NOP), .good = good_nop, .fail = fail_nop, .iopoll = ON_IOPOLL,
		FAULTS(SET(nop_flags, 1 << 1, -EINVAL), SET(nop_flags, 1u << 31, -EINVAL)),
	}, {
		ROW(READV), .good = good_vec, .fail = read_wronly, .file = true, .select = true,
		.ioprio = true, .iopoll = -EOPNOTSUPP,
		.more = { rw_faults, vec_faults },
	}, {
		ROW(WRITEV), .good = good_vec, .fail = write_rdonly, .file = true,
		.ioprio = true, .iopoll = -EOPNOTSUPP,
		.more = { rw_faults, vec_faults },
	}, {
		ROW(FSYNC), .good = good_fsync, .fail = fail_fsync, .file = true,
		FAULTS(MBZ(addr), MBZ(buf_index), MBZ(splice_fd_in), SET(fd, -1, -EBADF),
		       SET(fsync_flags, 2, -EINVAL), SET(off, -1, -EINVAL)),
	}, {
		ROW(READ_FIXED), .good = good_fixed, .fail = read_wronly, .file = true,
		.ioprio = true, .iopoll = -EOPNOTSUPP,
		.more = { rw_faults, fixed_faults },
	}, {
		ROW(WRITE_FIXED), .good = good_fixed, .fail = write_rdonly, .file = true,
		.ioprio = true, .iopoll = -EOPNOTSUPP,
		.more = { rw_faults, fixed_faults },
	}, {
		ROW(POLL_ADD), .good = good_poll_add, .fail = fail_poll_add, .file = true,
		FAULTS(MBZ(off), MBZ(addr), MBZ(buf_index), SET(fd, -1, -EBADF),
		       SET(len, 2, -EINVAL), SET(len, IORING_POLL_ADD_LEVEL, -EINVAL),
		       SET(len, 1u << 31, -EINVAL), MAKE(poll_multi_skip)),
	}, {
		ROW(POLL_REMOVE), .good = good_poll_remove, .fail = fail_remove,
		FAULTS(MBZ(buf_index), MBZ(splice_fd_in), MBZ(off), MBZ(poll32_events),
		       SET(len, 8, -EINVAL), SET(len, IORING_POLL_ADD_MULTI, -EINVAL)),
	}, {
		ROW(SYNC_FILE_RANGE), .good = good_sync_range, .fail = fail_sync_range,
		.file = true,
		FAULTS(MBZ(addr), MBZ(buf_index), MBZ(splice_fd_in), SET(fd, -1, -EBADF),
		       SET(sync_range_flags, 8, -EINVAL), SET(off, -1, -EINVAL)),
	}, {
		ROW(SENDMSG), .good = good_sendmsg, .fail = fail_sendmsg, .file = true,
		.ioprio = true,
		.more = { socket_faults },
		FAULTS(MBZ(addr2), MBZ(file_index), SET(addr, BAD_ADDR, -EFAULT),
		       MAKE(msg_bad_iov), MAKE(msg_many_iovs), SET(ioprio, 1 << 15, -EINVAL),
		       SET(ioprio, IORING_RECVSEND_BUNDLE, -EINVAL),
		       SET(ioprio, IORING_RECVSEND_FIXED_BUF, -EINVAL)),
	}, {
		ROW(RECVMSG), .good = good_recvmsg, .fail = fail_recvmsg, .file = true,
		.ioprio = true, .select = true,
		.more = { socket_faults },
		FAULTS(MBZ(addr2), MBZ(file_index), SET(addr, BAD_ADDR, -EFAULT),
		       MAKE(msg_bad_iov), MAKE(msg_many_iovs), SET(ioprio, 1 << 15, -EINVAL),
		       SET(ioprio, IORING_RECVSEND_BUNDLE, -EINVAL),
		       SET(ioprio, IORING_RECV_MULTISHOT, -EINVAL)),
	}, {
		ROW(TIMEOUT), .good = good_timeout, .fail = fail_timeout,
		.more = { timeout_faults },
		FAULTS(SET(timeout_flags, IORING_TIMEOUT_MULTISHOT | IORING_TIMEOUT_ABS, -EINVAL)),
	}, {
		ROW(TIMEOUT_REMOVE), .good = good_timeout_remove, .fail = fail_remove,
		.fixed = -EINVAL,
		FAULTS(MBZ(buf_index), MBZ(len), MBZ(splice_fd_in), MBZ(addr3), MBZ(__pad2[0]),
		       SET(timeout_flags, 1u << 10, -EINVAL), MAKE(update_bad_time),
		       MAKE(update_clock)),
	}, {
		ROW(ACCEPT), .good = good_accept, .fail = fail_accept, .file = true,
		.ioprio = true,
		.more = { socket_faults },
		FAULTS(MBZ(len), MBZ(buf_index), SET(accept_flags, 1, -EINVAL),
		       SET(ioprio, 1 << 15, -EINVAL), MAKE(accept_slot_cloexec),
		       MAKE(accept_multi_slot), SET(file_index, 1, -ENXIO)),
	}, {
		ROW(ASYNC_CANCEL), .good = good_poll_remove, .fail = fail_remove,
		FAULTS(MBZ(off), MBZ(splice_fd_in), SET(cancel_flags, 1 << 6, -EINVAL),
		       SET(cancel_flags, 1u << 31, -EINVAL), MAKE(cancel_any_fd),
		       MAKE(cancel_any_op), MAKE(cancel_unknown_op), MAKE(cancel_bad_fd),
		       MAKE(cancel_bad_slot)),
	}, {
		ROW(LINK_TIMEOUT), .good = good_link_timeout, .fail = fail_link_timeout,
		.head = head_nop, .fail_head = head_poll,
		.more = { timeout_faults },
		FAULTS(SET(off, 1, -EINVAL)),
	}, {
		ROW(CONNECT), .good = good_connect, .fail = fail_connect, .file = true,
		.more = { socket_faults },
		FAULTS(MBZ(len), MBZ(buf_index), MBZ(rw_flags), MBZ(splice_fd_in),
		       SET(addr, BAD_ADDR, -EFAULT), SET(off, 1000, -EINVAL)),
	}, {
		ROW(FALLOCATE), .good = good_fallocate, .fail = fail_fallocate, .file = true,
		FAULTS(MBZ(buf_index), MBZ(rw_flags), MBZ(splice_fd_in), SET(fd, -1, -EBADF),
		       SET(addr, 0, -EINVAL), SET(off, -1, -EINVAL),
		       SET(len, 1 << 30, -EOPNOTSUPP)),
	}, {
		ROW(OPENAT), .good = good_openat, .fail = fail_openat, .fixed = -EBADF,
		.more = { path_faults },
		FAULTS(MBZ(buf_index), SET(fd, 1000, -EBADF), SET(file_index, 1, -EINVAL),
		       MAKE(open_no_table), MAKE(open_beyond_table), MAKE(open_full_table)),
	}, {
		ROW(CLOSE), .good = good_close, .fail = fail_close, .fixed = -EBADF,
		FAULTS(MBZ(off), MBZ(addr), MBZ(len), MBZ(rw_flags), MBZ(buf_index),
		       MAKE(close_ring), MAKE(close_both), MAKE(close_no_table),
		       MAKE(close_beyond_table), MAKE(close_empty_slot), MAKE(close_slot)),
	}, {
		ROW(FILES_UPDATE), .good = good_files_update, .fail = fail_files_update,
		.fixed = -EINVAL, .iopoll = ON_IOPOLL,
		FAULTS(MBZ(rw_flags), MBZ(splice_fd_in), SET(len, 0, -EINVAL),
		       SET(len, 5, -EINVAL), SET(off, 4, -EINVAL), SET(addr, BAD_ADDR, -EFAULT),
		       MAKE(update_ring), MAKE(update_no_table), MAKE(update_full_table)),
	}, {
		ROW(STATX), .good = good_statx, .fail = fail_statx, .fixed = -EBADF,
		.more = { dir_faults },
		FAULTS(SET(addr2, BAD_ADDR, -EFAULT), SET(statx_flags, 1 << 30, -EINVAL),
		       SET(len, 1u << 31, -EINVAL)),
	}, {
		ROW(READ), .good = good_rw, .fail = read_wronly, .file = true, .select = true,
		.ioprio = true, .iopoll = -EOPNOTSUPP,
		.more = { rw_faults },
	}, {
		ROW(WRITE), .good = good_rw, .fail = write_rdonly, .file = true,
		.ioprio = true, .iopoll = -EOPNOTSUPP,
		.more = { rw_faults },
	}, {
		ROW(FADVISE), .good = good_fadvise, .fail = fail_fadvise, .file = true,
		FAULTS(MBZ(buf_index), MBZ(splice_fd_in), SET(fd, -1, -EBADF),
		       SET(fadvise_advice, 99, -EINVAL)),
	}, {
		ROW(MADVISE), .good = good_madvise, .fail = fail_madvise,
		FAULTS(MBZ(buf_index), MBZ(splice_fd_in), MAKE(madvise_unaligned),
		       SET(fadvise_advice, 9999, -EINVAL)),
	}, {
		ROW(SEND), .good = good_send, .fail = fail_send, .file = true, .select = true,
		.ioprio = true,
		.more = { socket_faults },
		FAULTS(MBZ(__pad3), SET(addr, BAD_ADDR, -EFAULT), SET(ioprio, 1 << 15, -EINVAL),
		       SET(ioprio, IORING_RECVSEND_BUNDLE, -EINVAL),
		       SET(ioprio, IORING_RECVSEND_FIXED_BUF, -EINVAL)),
	}, {
		ROW(RECV), .good = good_recv, .fail = fail_recv, .file = true, .select = true,
		.ioprio = true,
		.more = { socket_faults },
		FAULTS(MBZ(file_index), MBZ(addr2), SET(addr, BAD_ADDR, -EFAULT),
		       SET(ioprio, 1 << 15, -EINVAL),
		       SET(ioprio, IORING_RECV_MULTISHOT, -EINVAL)),
	}, {
		ROW(OPENAT2), .good = good_openat2, .fail = fail_openat2, .fixed = -EBADF,
		.more = { path_faults },
		FAULTS(MBZ(buf_index), SET(fd, 1000, -EBADF), SET(addr2, BAD_ADDR, -EFAULT),
		       SET(len, 23, -EINVAL), MAKE(how_too_big), MAKE(how_flags),
		       MAKE(how_resolve), MAKE(how_beneath), SET(file_index, 1, -EINVAL)),
	}, {
		ROW(EPOLL_CTL), .good = good_epoll_ctl, .fail = fail_epoll_ctl,
		FAULTS(MBZ(buf_index), MBZ(splice_fd_in), SET(addr, BAD_ADDR, -EFAULT),
		       SET(fd, -1, -EBADF), SET(off, 1000, -EBADF), SET(len, 99, -EINVAL),
		       MAKE(epoll_not_pollable), MAKE(not_an_epoll)),
	}, {
		ROW(SPLICE), .good = good_splice, .fail = fail_splice, .file = true,
		FAULTS(SET(splice_flags, 1 << 30, -EINVAL), SET(splice_fd_in, -1, -EBADF),
		       SET(fd, -1, -EBADF), SET(splice_off_in, 0, -ESPIPE),
		       MAKE(splice_bad_slot)),
	}, {
		ROW(PROVIDE_BUFFERS), .good = good_provide, .fail = in_buffer_ring,
		.iopoll = ON_IOPOLL,
		FAULTS(MBZ(rw_flags), MBZ(splice_fd_in), SET(fd, 0, -E2BIG),
		       SET(fd, 65537, -E2BIG), SET(len, 0, -EINVAL), SET(off, 65536, -E2BIG),
		       MAKE(provide_beyond), MAKE(provide_wraps), SET(addr, 1ull << 63, -EFAULT)),
	}, {
		ROW(REMOVE_BUFFERS), .good = good_remove_buffers, .fail = fail_remove_buffers,
		.iopoll = ON_IOPOLL,
		FAULTS(MBZ(addr), MBZ(len), MBZ(off), MBZ(rw_flags), MBZ(splice_fd_in),
		       SET(fd, 0, -EINVAL), SET(fd, 65537, -EINVAL), MAKE(in_buffer_ring)),
	}, {
		ROW(TEE), .good = good_tee, .fail = fail_tee, .file = true,
		FAULTS(MBZ(off), MBZ(splice_off_in), SET(splice_flags, 1 << 30, -EINVAL),
		       SET(splice_fd_in, -1, -EBADF), SET(fd, -1, -EBADF), MAKE(splice_bad_slot)),
	}, {
		ROW(SHUTDOWN), .good = good_shutdown, .fail = fail_shutdown, .file = true,
		.more = { socket_faults },
		FAULTS(MBZ(off), MBZ(addr), MBZ(rw_flags), MBZ(buf_index), MBZ(splice_fd_in),
		       SET(len, 9, -EINVAL)),
	}, {
		ROW(RENAMEAT), .good = good_two, .fail = fail_two, .fixed = -EBADF,
		.more = { dir_faults, path2_faults },
		FAULTS(SET(len, 1000, -EBADF), SET(rename_flags, 1 << 30, -EINVAL)),
	}, {
		ROW(UNLINKAT), .good = good_unlinkat, .fail = fail_unlinkat, .fixed = -EBADF,
		.more = { dir_faults },
		FAULTS(MBZ(off), MBZ(len), SET(unlink_flags, 1 << 30, -EINVAL),
		       SET(unlink_flags, AT_REMOVEDIR, -ENOTDIR)),
	}, {
		ROW(MKDIRAT), .good = good_mkdirat, .fail = fail_mkdirat, .fixed = -EBADF,
		.more = { dir_faults },
		FAULTS(MBZ(off), MBZ(rw_flags)),
	}, {
		ROW(SYMLINKAT), .good = good_symlinkat, .fail = fail_symlinkat, .fixed = -EBADF,
		.more = { dir_faults, path2_faults },
		FAULTS(MBZ(len), MBZ(rw_flags)),
	}, {
		ROW(LINKAT), .good = good_two, .fail = fail_two, .fixed = -EBADF,
		.more = { dir_faults, path2_faults },
		FAULTS(SET(len, 1000, -EBADF), SET(hardlink_flags, 1 << 30, -EINVAL)),
	}, {
		ROW(MSG_RING), .good = good_msg_ring, .fail = fail_msg_ring, .file = true,
		.no_table = true, .iopoll = ON_IOPOLL,
		FAULTS(MBZ(buf_index), SET(addr3, 1, -EINVAL), SET(fd, -1, -EBADF),
		       SET(addr, 2, -EINVAL), SET(msg_ring_flags, 4, -EINVAL),
		       SET(file_index, 1, -EINVAL), MAKE(msg_not_a_ring), MAKE(msg_own_fd),
		       MAKE(msg_empty_slot), MAKE(msg_no_table), MAKE(msg_fd_len)),
	}, {
		ROW(FSETXATTR), .good = good_fsetxattr, .fail = fail_xattr, .file = true,
		.fixed = -EBADF,
		FAULTS(SET(fd, -1, -EBADF), SET(addr, BAD_ADDR, -EFAULT),
		       STR(addr, "", -ERANGE), SET(addr2, BAD_ADDR, -EFAULT),
		       SET(len, XATTR_SIZE_MAX + 1, -E2BIG), SET(xattr_flags, 4, -EINVAL)),
	}, {
		ROW(SETXATTR), .good = good_setxattr, .fail = fail_xattr, .fixed = -EBADF,
		.more = { path3_faults },
		FAULTS(SET(addr, BAD_ADDR, -EFAULT), SET(addr2, BAD_ADDR, -EFAULT),
		       SET(xattr_flags, 4, -EINVAL)),
	}, {
		ROW(FGETXATTR), .good = good_fgetxattr, .fail = fail_xattr, .file = true,
		.fixed = -EBADF,
		FAULTS(SET(fd, -1, -EBADF), MBZ(xattr_flags), SET(addr, BAD_ADDR, -EFAULT),
		       STR(addr, "", -ERANGE), SET(addr2, BAD_ADDR, -EFAULT),
		       SET(len, 2, -ERANGE)),
	}, {
		ROW(GETXATTR), .good = good_getxattr, .fail = fail_xattr, .fixed = -EBADF,
		.more = { path3_faults },
		FAULTS(MBZ(xattr_flags), SET(addr, BAD_ADDR, -EFAULT),
		       SET(addr2, BAD_ADDR, -EFAULT), SET(len, 2, -ERANGE)),
	}, {
		ROW(SOCKET), .good = good_socket, .fail = fail_socket,
		FAULTS(MBZ(addr), MBZ(rw_flags), MBZ(buf_index), SET(off, 99, -EINVAL),
		       SET(off, SOCK_STREAM | 1 << 12, -EINVAL), SET(file_index, 1, -EINVAL),
		       MAKE(socket_no_table)),
	}, {
		ROW(URING_CMD), .good = good_cmd, .fail = fail_cmd, .file = true,
		.iopoll = -EOPNOTSUPP,
		FAULTS(MBZ(__pad1), SET(fd, -1, -EBADF),
		       SET(uring_cmd_flags, 1u << 31, -EINVAL),
		       SET(uring_cmd_flags, 4, -EINVAL), MAKE(cmd_no_buffer)),
	}, {
		ROW(SEND_ZC), .good = good_zc, .fail = fail_zc, .file = true, .ioprio = true,
		.no_skip = true,
		.more = { socket_faults },
		FAULTS(MBZ(addr3), MBZ(__pad2[0]), MBZ(__pad3), SET(ioprio, 1 << 15, -EINVAL),
		       SET(ioprio, IORING_RECVSEND_FIXED_BUF, -EFAULT), MAKE(zc_unsupported)),
	}, {
		ROW(SENDMSG_ZC), .good = good_sendmsg_zc, .fail = fail_sendmsg_zc, .file = true,
		.ioprio = true, .no_skip = true,
		.more = { socket_faults },
		FAULTS(MBZ(addr3), MBZ(__pad2[0]), MBZ(addr2), MBZ(file_index),
		       SET(addr, BAD_ADDR, -EFAULT), SET(ioprio, 1 << 15, -EINVAL),
		       OUR_SET(ioprio, IORING_RECVSEND_FIXED_BUF, -EINVAL), MAKE(zc_unsupported)),
	}, {
		ROW(READ_MULTISHOT), .good = good_read_multishot, .fail = fail_read_multishot,
		.file = true, .select = true, .ioprio = true, .severs = true,
		FAULTS(MBZ(addr), MBZ(len), SET(fd, -1, -EBADF), MAKE(multishot_no_group),
		       MAKE(multishot_no_select)),
	}, {
		ROW(WAITID), .good = good_waitid, .fail = fail_waitid,
		FAULTS(MBZ(addr), MBZ(addr3), MBZ(buf_index), MBZ(waitid_flags),
		       SET(len, 99, -EINVAL), SET(file_index, 0, -EINVAL),
		       SET(file_index, 1 << 12, -EINVAL), SET(addr2, BAD_ADDR, -EFAULT)),
	}, {
		ROW(FUTEX_WAIT), .good = good_futex_wait, .fail = fail_futex_wait,
		.kick = kick_futex,
		.more = { futex_faults },
		FAULTS(SET(addr, BAD_ADDR, -EFAULT), SET(addr, 1, -EINVAL),
		       SET(addr2, 1ull << 32, -EINVAL)),
	}, {
		ROW(FUTEX_WAKE), .good = good_futex_wake, .fail = fail_futex_wake,
		.more = { futex_faults },
		FAULTS(SET(addr, 1, -EINVAL)),
	}, {
		ROW(FUTEX_WAITV), .good = good_futex_waitv, .fail = fail_futex_waitv,
		.kick = kick_futex,
		FAULTS(MBZ(fd), MBZ(buf_index), MBZ(file_index), MBZ(addr2), MBZ(futex_flags),
		       MBZ(addr3), SET(len, 0, -EINVAL), SET(len, 129, -EINVAL),
		       SET(addr, BAD_ADDR, -EFAULT), MAKE(waitv_flags)),
	}, {
		ROW(FIXED_FD_INSTALL), .good = good_install, .fail = fail_install, .file = true,
		.no_table = true,
		FAULTS(MBZ(off), MBZ(addr), MBZ(len), MBZ(buf_index), MBZ(splice_fd_in),
		       MBZ(addr3), SET(install_fd_flags, 2, -EINVAL), SET(fd, 1, -EBADF),
		       MAKE(install_no_slot), MAKE(install_personality)),
	}, {
		ROW(FTRUNCATE), .good = good_ftruncate, .fail = fail_ftruncate, .file = true,
		FAULTS(MBZ(rw_flags), MBZ(addr), MBZ(len), MBZ(buf_index), MBZ(splice_fd_in),
		       MBZ(addr3), SET(fd, -1, -EBADF), SET(off, -1, -EINVAL)),
	}, {
		ROW(BIND), .good = good_bind, .fail = fail_bind, .file = true,
		.more = { socket_faults },
		FAULTS(MBZ(len), MBZ(buf_index), MBZ(rw_flags), MBZ(splice_fd_in),
		       SET(addr, BAD_ADDR, -EFAULT), SET(addr2, 1000, -EINVAL)),
	}, {
		ROW(LISTEN), .good = good_listen, .fail = fail_listen, .file = true,
		.more = { socket_faults },
		FAULTS(MBZ(addr), MBZ(addr2), MBZ(buf_index), MBZ(rw_flags), MBZ(splice_fd_in)),
	},
	{ .name = NULL }
};
