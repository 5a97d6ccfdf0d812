/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A row for each opcode: how a request of it succeeds, how it fails, and what
 * its SQE may not contain. opcodes.c goes through all rows in the same ways.
 */
#ifndef OPCODES_H
#define OPCODES_H

#include "iou_test.h"

#include <linux/futex.h>
#include <linux/openat2.h>
#include <linux/stat.h>
#include <sys/epoll.h>
#include <sys/uio.h>

#include "net_test.h"

/* Results that are not numbers */
#define ANY_FD		0x7ffffffe	/* a new descriptor */
#define NOT_HERE	0x7fffffff	/* this machine lacks what is needed */

/* user_data */
#define UD_HEAD		1
#define UD_REQ		2
#define UD_NEXT		3
#define UD_LAST		4
#define UD_TARGET	100	/* what a request is to find */
#define UD_BEFORE	101	/* what has to be done before it */

/*
 * struct env - what requests work on
 * @ring: where they are submitted
 * @target: another ring
 * @dir: a directory
 * @dfd: the same
 * @file: the file "file" in it, DATA bytes
 * @mem: DATA bytes of memory
 * @kept, @nr_kept: descriptors to be closed by env_reset()
 *
 * The others are what SQEs point to.
 */
struct env {
	struct ring ring;
	struct ring target;
	char dir[PATH_MAX];
	int dfd;
	int file;
	char *mem;
	int kept[32];
	unsigned int nr_kept;
	pid_t child;

	char path[PATH_MAX + 16];
	struct iovec iov;
	struct msghdr msg;
	struct __kernel_timespec ts;
	struct sockaddr_storage ss;
	socklen_t len;
	struct open_how how[2];
	struct statx stx;
	struct futex_waitv waitv;
	struct epoll_event event;
	siginfo_t info;
	unsigned int word;
	int fds[4];
};

#define DATA		8192

/* Fill in a zeroed SQE. Return: what it will give. */
typedef int (*make_fn)(struct env *e, struct io_uring_sqe *sqe);

/**
 * struct fault - something that is wrong with an SQE, and what that gives
 * @what: for messages
 * @make: makes all of the SQE and returns the error; or NULL: @value is put
 *        where it does not belong
 * @offset: in the SQE that .good made
 * @bytes: not @value, but in turn each byte of the field is not 0
 * @value: what to put there
 * @str: or the address of this
 * @error: what that gives
 * @ours: the untouched 6.12 does not look at it, or says something else
 */
struct fault {
	const char *what;
	make_fn make;
	__u8 offset;
	bool bytes;
	__u64 value;
	const char *str;
	int error;
	bool ours;
};

/**
 * struct row - an opcode
 * @name: without IORING_OP_
 * @opcode: the number
 * @good: makes one that succeeds
 * @fail: makes one that is accepted, and fails
 * @head: what must be linked in front of it, or NULL
 * @fail_head: the same for @fail
 * @kick: makes it succeed, after it was submitted, or NULL
 * @faults: what is refused, up to one without a name
 * @more: the same, shared with other opcodes
 * @file: sqe.fd is a file
 * @no_table: which cannot be put into a table, or is in one already
 * @fixed: without a file: the error with FIXED_FILE, 0: the flag is ignored
 * @select: BUFFER_SELECT is possible
 * @ioprio: has a meaning
 * @iopoll: what it gives on an IOPOLL ring; 0: -EINVAL, ON_IOPOLL: the same
 * @no_skip: refuses CQE_SKIP_SUCCESS
 * @severs: its success is the end of a chain, too
 */
struct row {
	const char *name;
	__u8 opcode;
	make_fn good;
	make_fn fail;
	make_fn head;
	make_fn fail_head;
	void (*kick)(struct env *e);
	const struct fault *faults;
	const struct fault *more[2];
	bool file;
	bool no_table;
	int fixed;
	bool select;
	bool ioprio;
	int iopoll;
	bool no_skip;
	bool severs;
};

#define ON_IOPOLL	1

/* Up to one without a name */
extern const struct row rows[];

int env_keep(struct env *e, int fd);

#endif
