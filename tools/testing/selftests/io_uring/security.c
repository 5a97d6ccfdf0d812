// SPDX-License-Identifier: GPL-2.0
/*
 * What refuses requests, and what records them: the hooks for security modules,
 * as far as Smack has them, and audit.
 *
 * Smack: a process has a label, a file has one; equal labels do what they like,
 * CAP_MAC_OVERRIDE does what it likes, and CAP_MAC_ADMIN may change labels.
 */
#include "iou_test.h"

#include <sys/socket.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/xattr.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/futex.h>
#include <linux/netlink.h>
#include <linux/openat2.h>

#include "../kselftest_harness.h"

#define NOBODY		65534

#define LABEL_FILE	"/proc/self/attr/smack/current"
#define LABEL_XATTR	"security.SMACK64"

/* ------------------------------------------------------------------------
 * Smack
 */

/* Why nothing can be refused here, or NULL. */
static const char *smack_missing(void)
{
	char label[256];

	if (!read_small_file(LABEL_FILE, label, sizeof(label)) || !label[0])
		return "kernel lacks Smack";
	return geteuid() ? "needs root to lose privileges" : NULL;
}

/* Give the test another label. */
static int set_label(const char *label)
{
	int fd = open(LABEL_FILE, O_WRONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = write(fd, label, strlen(label));
	n = n < 0 ? -errno : 0;
	close(fd);
	return n;
}

/* Use a capability, or not: 0 or -errno. */
static int set_cap(int cap, bool on)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2];
	__u32 *word = &data[cap / 32].effective;

	if (syscall(__NR_capget, &head, data))
		return -errno;
	*word = on ? *word | CAP_TO_MASK(cap) : *word & ~CAP_TO_MASK(cap);
	return syscall(__NR_capset, &head, data) ? -errno : 0;
}

static int sqpoll_setup(int attach)
{
	struct io_uring_params p = { .flags = IORING_SETUP_SQPOLL };

	if (attach >= 0) {
		p.flags |= IORING_SETUP_ATTACH_WQ;
		p.wq_fd = attach;
	}
	return sys_setup(4, &p);
}

/* A thread of the kernel that works for a program: that needs CAP_MAC_ADMIN. */
TEST(sqpoll)
{
	struct ring first;
	int fd;

	if (smack_missing())
		SKIP(return, "%s", smack_missing());
	ASSERT_EQ(0, ring_open(&first, 4, IORING_SETUP_SQPOLL));
	ASSERT_EQ(0, set_cap(CAP_MAC_ADMIN, false));
	EXPECT_EQ(-EPERM, sqpoll_setup(-1));
	EXPECT_EQ(-EPERM, sqpoll_setup(first.fd));
	EXPECT_TRUE(fresh_ring_works());
	EXPECT_TRUE(ring_works(&first));
	ASSERT_EQ(0, set_cap(CAP_MAC_ADMIN, true));
	fd = sqpoll_setup(first.fd);
	/* What was refused has kept no descriptor. */
	EXPECT_EQ(first.fd + 1, fd);
	close(fd);
	ring_close(&first);
}

/* A ring is a file that has a label, as others do; not one without an owner. */
TEST(ring_has_a_label)
{
	char label[256];
	struct ring r;

	if (smack_missing())
		SKIP(return, "%s", smack_missing());
	ASSERT_EQ(0, ring_open(&r, 4, 0));
	EXPECT_LT(0, fgetxattr(r.fd, LABEL_XATTR, label, sizeof(label)));
	ring_close(&r);
}

FIXTURE(labels)
{
	struct ring ring;
};

FIXTURE_VARIANT(labels)
{
	unsigned int setup;
	__u8 flags;
};

FIXTURE_VARIANT_ADD(labels, plain) {
	.setup = 0,
};

FIXTURE_VARIANT_ADD(labels, async) {
	.flags = IOSQE_ASYNC,
};

FIXTURE_VARIANT_ADD(labels, drain) {
	.flags = IOSQE_IO_DRAIN,
};

FIXTURE_VARIANT_ADD(labels, defer) {
	.setup = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN,
};

FIXTURE_SETUP(labels)
{
	if (smack_missing())
		SKIP(return, "%s", smack_missing());
	ASSERT_EQ(0, ring_open(&self->ring, 8, variant->setup));
}

FIXTURE_TEARDOWN(labels)
{
	ring_close(&self->ring);
}

static int add_creds(struct ring *r)
{
	return sys_register(r->fd, IORING_REGISTER_PERSONALITY, NULL, 0);
}

static int nop_as(struct ring *r, int id, __u8 flags)
{
	return ring_run(r, flags,
			(struct io_uring_sqe){ .opcode = IORING_OP_NOP, .personality = id });
}

/* One's own label, or CAP_MAC_OVERRIDE: that of now, not that of then. */
TEST_F(labels, personality)
{
	struct ring *r = &self->ring;
	int floor, other;

	floor = add_creds(r);
	ASSERT_LT(0, floor);
	ASSERT_EQ(0, set_label("IouOther"));
	other = add_creds(r);
	ASSERT_LT(0, other);
	EXPECT_EQ(0, nop_as(r, floor, variant->flags));
	EXPECT_EQ(0, nop_as(r, other, variant->flags));
	ASSERT_EQ(0, set_cap(CAP_MAC_OVERRIDE, false));
	EXPECT_EQ(0, nop_as(r, other, variant->flags));
	EXPECT_EQ(-EPERM, nop_as(r, floor, variant->flags));
	EXPECT_EQ(-EPERM, ring_fdinfo(getpid(), r->fd, "LastError"));
	EXPECT_EQ(0, nop_as(r, 0, variant->flags));
	/* One that is not there is still that. */
	EXPECT_EQ(-EINVAL, nop_as(r, 77, variant->flags));
	ASSERT_EQ(0, set_label("_"));
	EXPECT_EQ(0, nop_as(r, floor, variant->flags));
	EXPECT_EQ(-EPERM, nop_as(r, other, variant->flags));
	ASSERT_EQ(0, set_cap(CAP_MAC_OVERRIDE, true));
	EXPECT_EQ(0, nop_as(r, other, variant->flags));
}

/* Refused in a chain: nothing of it is done. */
TEST_F(labels, personality_in_chain)
{
	struct ring *r = &self->ring;
	const int results[3] = { -ECANCELED, -EPERM, -ECANCELED };
	struct io_uring_cqe cqe;
	struct io_uring_sqe *sqe;
	int i, floor = add_creds(r);

	ASSERT_LT(0, floor);
	ASSERT_EQ(0, set_label("IouOther"));
	ASSERT_EQ(0, set_cap(CAP_MAC_OVERRIDE, false));
	for (i = 0; i < 3; i++) {
		sqe = prep(r, IORING_OP_NOP, -1, NULL, 0, 0);
		sqe->flags = variant->flags | (i < 2 ? IOSQE_IO_LINK : 0);
		sqe->personality = i == 1 ? floor : 0;
		sqe->user_data = i;
	}
	ASSERT_EQ(3, ring_submit(r));
	for (i = 0; i < 3; i++) {
		ASSERT_EQ(0, ring_wait(r, &cqe));
		EXPECT_EQ(results[cqe.user_data], cqe.res);
	}
}

/* The thread's are those of who made the ring, whoever submits. */
TEST(personality_sqpoll)
{
	struct ring r;
	int floor, other;

	if (smack_missing())
		SKIP(return, "%s", smack_missing());
	ASSERT_EQ(0, set_cap(CAP_MAC_OVERRIDE, false));
	ASSERT_EQ(0, ring_open(&r, 4, IORING_SETUP_SQPOLL));
	floor = add_creds(&r);
	ASSERT_LT(0, floor);
	ASSERT_EQ(0, set_label("IouOther"));
	other = add_creds(&r);
	ASSERT_LT(0, other);
	EXPECT_EQ(0, nop_as(&r, floor, 0));
	EXPECT_EQ(-EPERM, nop_as(&r, other, 0));
	ring_close(&r);
}

/* A device that does nothing, in a file of one's own. */
static int make_null(char *path, size_t size)
{
	snprintf(path, size, "/tmp/iou_null.%d", getpid());
	if (mknod(path, S_IFCHR | 0666, makedev(1, 3)))
		return -errno;
	return open(path, O_RDWR | O_CLOEXEC);
}

static int label_fd(int fd, const char *label)
{
	return fsetxattr(fd, LABEL_XATTR, label, strlen(label), 0) ? -errno : 0;
}

static int command(struct ring *r, int fd, __u8 flags)
{
	return ring_run(r, flags,
			(struct io_uring_sqe){ .opcode = IORING_OP_URING_CMD, .fd = fd });
}

/* A command needs what reading needs, each time; the opener's label counts. */
TEST_F(labels, command)
{
	const __u8 fixed = variant->flags | IOSQE_FIXED_FILE;
	struct ring *r = &self->ring;
	char path[64];
	int fd;

	fd = make_null(path, sizeof(path));
	ASSERT_LE(0, fd);
	unlink(path);
	ASSERT_EQ(0, sys_register(r->fd, IORING_REGISTER_FILES, &fd, 1));
	EXPECT_EQ(0, command(r, fd, variant->flags));
	ASSERT_EQ(0, label_fd(fd, "IouDevice"));
	EXPECT_EQ(0, command(r, fd, variant->flags));
	ASSERT_EQ(0, set_cap(CAP_MAC_OVERRIDE, false));
	EXPECT_EQ(-EACCES, command(r, fd, variant->flags));
	EXPECT_EQ(-EACCES, command(r, 0, fixed));
	ASSERT_EQ(0, set_label("IouDevice"));
	EXPECT_EQ(-EACCES, command(r, fd, variant->flags));
	ASSERT_EQ(0, set_cap(CAP_MAC_OVERRIDE, true));
	EXPECT_EQ(0, command(r, fd, variant->flags));
	ASSERT_EQ(0, label_fd(fd, "_"));
	ASSERT_EQ(0, set_cap(CAP_MAC_OVERRIDE, false));
	EXPECT_EQ(0, command(r, fd, variant->flags));
	EXPECT_EQ(0, command(r, 0, fixed));
	close(fd);
}

/* A command that a personality may give, and one that it may not. */
TEST_F(labels, command_as)
{
	struct ring *r = &self->ring;
	struct io_uring_sqe sqe = { .opcode = IORING_OP_URING_CMD };
	int weak, strong;
	char path[64];

	strong = add_creds(r);
	ASSERT_LT(0, strong);
	ASSERT_EQ(0, set_cap(CAP_MAC_OVERRIDE, false));
	weak = add_creds(r);
	ASSERT_LT(0, weak);
	ASSERT_EQ(0, set_cap(CAP_MAC_OVERRIDE, true));
	sqe.fd = make_null(path, sizeof(path));
	ASSERT_LE(0, sqe.fd);
	unlink(path);
	ASSERT_EQ(0, label_fd(sqe.fd, "IouDevice"));
	sqe.personality = weak;
	EXPECT_EQ(-EACCES, ring_run(r, variant->flags, sqe));
	ASSERT_EQ(0, set_cap(CAP_MAC_OVERRIDE, false));
	sqe.personality = strong;
	EXPECT_EQ(0, ring_run(r, variant->flags, sqe));
	close(sqe.fd);
}

/* ------------------------------------------------------------------------
 * Audit: a socket to tell it what to do, and one that hears all records
 */

static int audit_socket(unsigned int groups)
{
	struct sockaddr_nl addr = { .nl_family = AF_NETLINK, .nl_groups = groups };
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_AUDIT);
	int size = 4 << 20;

	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	if (bind(fd, (struct sockaddr *)&addr, sizeof(addr))) {
		close(fd);
		return -errno;
	}
	return fd;
}

/* Send a message and wait for the answer: 0 or -errno. */
static int audit_tell(int fd, int type, const void *data, size_t len)
{
	struct {
		struct nlmsghdr head;
		char data[2048];
	} msg = {
		.head = {
			.nlmsg_len = NLMSG_LENGTH(len),
			.nlmsg_type = type,
			.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK,
		},
	};
	struct {
		struct nlmsghdr head;
		struct nlmsgerr error;
		char more[2048];
	} reply;

	memcpy(msg.data, data, len);
	if (send(fd, &msg, msg.head.nlmsg_len, 0) < 0)
		return -errno;
	do {
		if (poll_fd(fd, POLLIN, WAIT_MS) != POLLIN)
			return -ETIMEDOUT;
		if (recv(fd, &reply, sizeof(reply), 0) < 0)
			return -errno;
	} while (reply.head.nlmsg_type != NLMSG_ERROR);
	return reply.error.error;
}

static int audit_enable(int fd, bool on)
{
	struct audit_status status = { .mask = AUDIT_STATUS_ENABLED, .enabled = on };

	return audit_tell(fd, AUDIT_SET, &status, sizeof(status));
}

/* Add, or remove, the rule: all that this process does with rings is recorded. */
static int audit_rule(int fd, int type)
{
	struct audit_rule_data rule = {
		.flags = AUDIT_FILTER_URING_EXIT,
		.action = AUDIT_ALWAYS,
		.field_count = 1,
		.fields = { AUDIT_PID },
		.values = { getpid() },
		.fieldflags = { AUDIT_EQUAL },
	};

	memset(rule.mask, 0xff, 256 / 8);
	return audit_tell(fd, type, &rule, sizeof(rule));
}

/*
 * The daemon: the kernel sends it what it records, and else prints it. Whoever is
 * the daemon is not audited, so it is another process.
 */
static pid_t audit_daemon(void)
{
	struct audit_status status = { .mask = AUDIT_STATUS_PID };
	char record[8192], ok = 0;
	pid_t pid;
	int p[2], fd;

	if (pipe(p))
		return -errno;
	pid = fork_detached();
	if (!pid) {
		fd = audit_socket(0);
		status.pid = getpid();
		if (fd < 0 || audit_tell(fd, AUDIT_SET, &status, sizeof(status)) ||
		    write(p[1], &ok, 1) != 1)
			_exit(1);
		close(p[1]);
		while (recv(fd, record, sizeof(record), 0) > 0 || errno == ENOBUFS)
			;
		_exit(0);
	}
	close(p[1]);
	if (read(p[0], &ok, 1) != 1) {
		kill_ends(pid, WAIT_MS);
		pid = -ESRCH;
	}
	close(p[0]);
	return pid;
}

/* A task is audited if audit was on at some time before it was made. */
__attribute__((constructor)) static void audit_once(void)
{
	int fd = audit_socket(0);

	if (fd < 0)
		return;
	if (!audit_enable(fd, true))
		audit_enable(fd, false);
	close(fd);
}

#define NR_NAMES	16

FIXTURE(audit)
{
	struct ring ring;
	int control;
	int records;
	pid_t daemon;
	char path[64];
	long ino;
	/* For the opcodes */
	struct ring other;
	int file;
	int null;
	int pair[2];
	int listener;
};

FIXTURE_VARIANT(audit)
{
	unsigned int setup;
	__u8 flags;
};

FIXTURE_VARIANT_ADD(audit, plain) {
	.setup = 0,
};

FIXTURE_VARIANT_ADD(audit, async) {
	.flags = IOSQE_ASYNC,
};

FIXTURE_VARIANT_ADD(audit, drain) {
	.flags = IOSQE_IO_DRAIN,
};

FIXTURE_VARIANT_ADD(audit, defer) {
	.setup = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN,
};

FIXTURE_VARIANT_ADD(audit, sqpoll) {
	.setup = IORING_SETUP_SQPOLL,
};

FIXTURE_VARIANT_ADD(audit, sqpoll_async) {
	.setup = IORING_SETUP_SQPOLL,
	.flags = IOSQE_ASYNC,
};

static socklen_t unix_name(struct sockaddr_un *addr, const char *name)
{
	memset(addr, 0, sizeof(*addr));
	addr->sun_family = AF_UNIX;
	/* After a 0 byte: a name in no directory */
	return offsetof(struct sockaddr_un, sun_path) + 1 +
	       snprintf(addr->sun_path + 1, sizeof(addr->sun_path) - 1, "%s.%d", name, getpid());
}

static int unix_listener(const char *name)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_un addr;
	socklen_t len = unix_name(&addr, name);

	if (bind(fd, (struct sockaddr *)&addr, len) || listen(fd, 8))
		return -errno;
	return fd;
}

FIXTURE_SETUP(audit)
{
	struct stat st;

	self->control = audit_socket(0);
	if (self->control == -EPROTONOSUPPORT)
		SKIP(return, "kernel lacks audit");
	if (geteuid())
		SKIP(return, "needs root to tell audit what to do");
	ASSERT_LE(0, self->control);
	ASSERT_EQ(0, audit_enable(self->control, true));
	self->daemon = audit_daemon();
	ASSERT_LT(0, self->daemon);
	ASSERT_EQ(0, audit_rule(self->control, AUDIT_ADD_RULE));
	self->records = audit_socket(1 << (AUDIT_NLGRP_READLOG - 1));
	ASSERT_LE(0, self->records);
	snprintf(self->path, sizeof(self->path), "/tmp/iou_audit.%d", getpid());
	self->file = open(self->path, O_CREAT | O_RDWR | O_CLOEXEC, 0644);
	ASSERT_LE(0, self->file);
	ASSERT_EQ(0, stat(self->path, &st));
	self->ino = st.st_ino;
	ASSERT_EQ(0, ring_open(&self->ring, 64, variant->setup));
}

FIXTURE_TEARDOWN(audit)
{
	ring_close(&self->ring);
	unlink(self->path);
	close(self->file);
	EXPECT_EQ(0, audit_rule(self->control, AUDIT_DEL_RULE));
	EXPECT_EQ(0, audit_enable(self->control, false));
	kill_ends(self->daemon, WAIT_MS);
	close(self->records);
	close(self->control);
}

struct record {
	int type;
	char text[4096];
};

/* The number after " @key=", or @none. */
static long record_long(const struct record *rec, const char *key, long none)
{
	char word[32];
	const char *p;

	snprintf(word, sizeof(word), " %s=", key);
	p = strstr(rec->text, word);
	return p ? strtol(p + strlen(word), NULL, 0) : none;
}

/* Is it one of these? Records that belong together have the same number. */
static bool record_has(const struct record *rec, const char *word)
{
	return strstr(rec->text, word);
}

static long record_serial(const struct record *rec)
{
	const char *p = strchr(rec->text, ':');

	return p ? strtol(p + 1, NULL, 10) : -1;
}

/* The next record of any kind. */
static bool next_record(int fd, struct record *rec)
{
	struct {
		struct nlmsghdr head;
		char data[sizeof(rec->text)];
	} msg;
	ssize_t n;

	if (poll_fd(fd, POLLIN, WAIT_MS) != POLLIN)
		return false;
	n = recv(fd, &msg, sizeof(msg) - 1, 0);
	if (n < (ssize_t)sizeof(msg.head))
		return false;
	/* Its length does not always include the header. */
	n -= sizeof(msg.head);
	rec->type = msg.head.nlmsg_type;
	memcpy(rec->text, msg.data, n);
	rec->text[n] = '\0';
	return true;
}

/*
 * The next record of a request of this process; of attempts that would have blocked
 * only with @attempts. Then those that belong to it are next.
 */
static bool next_uringop(int fd, struct record *rec, bool attempts)
{
	while (next_record(fd, rec)) {
		if (rec->type != AUDIT_URINGOP || record_long(rec, "pid", 0) != getpid())
			continue;
		if (attempts || record_long(rec, "exit", 0) != -EAGAIN)
			return true;
	}
	return false;
}

/* The record of a path that belongs to @op, or what comes at the end of all. */
static bool next_path(int fd, const struct record *op, struct record *rec)
{
	while (next_record(fd, rec)) {
		if (record_serial(rec) != record_serial(op))
			continue;
		if (rec->type == AUDIT_PATH)
			return true;
		if (rec->type == AUDIT_EOE)
			return false;
	}
	return false;
}

static bool says(const struct record *rec, int opcode, int res)
{
	/* The first word */
	const char *p = strstr(rec->text, "uring_op=");

	return p && atoi(p + strlen("uring_op=")) == opcode &&
	       record_long(rec, "exit", 1) == res &&
	       record_has(rec, res < 0 ? " success=no " : " success=yes ");
}

static void expect_says(struct __test_metadata *_metadata, const struct record *rec,
			int opcode, int res)
{
	EXPECT_TRUE(says(rec, opcode, res)) {
		TH_LOG("wanted: op %d, %d; got: %s", opcode, res, rec->text);
	}
}

static struct io_uring_sqe openat_sqe(const char *path)
{
	return (struct io_uring_sqe){
		.opcode = IORING_OP_OPENAT,
		.fd = AT_FDCWD,
		.addr = (uintptr_t)path,
	};
}

TEST_F(audit, open)
{
	struct record rec;
	int fd;

	fd = ring_run(&self->ring, variant->flags, openat_sqe(self->path));
	ASSERT_LE(0, fd);
	ASSERT_TRUE(next_uringop(self->records, &rec, false));
	expect_says(_metadata, &rec, IORING_OP_OPENAT, fd);
	EXPECT_EQ(0, record_long(&rec, "uid", -1));
	EXPECT_EQ(0, record_long(&rec, "fsuid", -1));
	close(fd);
}

TEST_F(audit, open_fails)
{
	struct record rec;

	EXPECT_EQ(-ENOENT, ring_run(&self->ring, variant->flags, openat_sqe("/tmp/iou_no/such")));
	ASSERT_TRUE(next_uringop(self->records, &rec, false));
	expect_says(_metadata, &rec, IORING_OP_OPENAT, -ENOENT);
}

/* Nothing is recorded while it is off, or when the rule is not there. */
TEST_F(audit, off)
{
	struct ring *r = &self->ring;
	struct record rec;

	ASSERT_EQ(0, audit_enable(self->control, false));
	EXPECT_EQ(-ENOENT, ring_run(r, variant->flags, openat_sqe("/tmp/iou_no/such")));
	ASSERT_EQ(0, audit_enable(self->control, true));
	ASSERT_EQ(0, audit_rule(self->control, AUDIT_DEL_RULE));
	EXPECT_EQ(-ENOENT, ring_run(r, variant->flags, openat_sqe("/tmp/iou_no/such")));
	ASSERT_EQ(0, audit_rule(self->control, AUDIT_ADD_RULE));
	EXPECT_EQ(-ENOTDIR, ring_run(r, variant->flags, openat_sqe("/dev/null/none")));
	ASSERT_TRUE(next_uringop(self->records, &rec, false));
	expect_says(_metadata, &rec, IORING_OP_OPENAT, -ENOTDIR);
}

/*
 * The name and the file are those of this request; only one, and no other. When it
 * has to wait for others, the system call in which its name was read has that, too,
 * and knows nothing else about it.
 */
static void check_path(struct __test_metadata *_metadata, struct _test_data_audit *self,
		       __u8 flags, const char *path, long ino)
{
	struct record rec, item;
	char word[80];
	int fd, nr = 0;

	fd = ring_run(&self->ring, flags, openat_sqe(path));
	ASSERT_LE(0, fd);
	close(fd);
	ASSERT_TRUE(next_uringop(self->records, &rec, false));
	expect_says(_metadata, &rec, IORING_OP_OPENAT, fd);
	if (!(flags & IOSQE_IO_DRAIN))
		EXPECT_EQ(1, record_long(&rec, "items", -1));
	snprintf(word, sizeof(word), " name=\"%s\" ", path);
	while (next_path(self->records, &rec, &item)) {
		EXPECT_TRUE(record_has(&item, word)) {
			TH_LOG("%s", item.text);
		}
		if ((flags & IOSQE_IO_DRAIN) && record_has(&item, " nametype=UNKNOWN "))
			continue;
		EXPECT_TRUE(record_has(&item, " nametype=NORMAL "));
		if (ino)
			EXPECT_EQ(ino, record_long(&item, "inode", -1));
		nr++;
	}
	EXPECT_EQ(1, nr);
}

/* With Smack, a worker walks the path. Where there is nothing to be walked, nobody */
TEST_F(audit, path)
{
	check_path(_metadata, self, variant->flags, self->path, self->ino);
	check_path(_metadata, self, variant->flags, "/", 0);
}

/* It is done at once, and there is no other record of it. */
TEST_F(audit, open_inline)
{
	struct record rec;
	int fd;

	if (variant->flags & IOSQE_ASYNC)
		SKIP(return, "a worker does it");
	fd = ring_run(&self->ring, variant->flags, openat_sqe("/"));
	ASSERT_LE(0, fd);
	ASSERT_TRUE(next_uringop(self->records, &rec, true));
	expect_says(_metadata, &rec, IORING_OP_OPENAT, fd);
	close(fd);
}

struct named {
	char path[80];
	char word[96];	/* in the record */
	long ino;
	bool found;
};

static bool make_named(struct named *file, const char *path, int i)
{
	struct stat st;
	int fd;

	snprintf(file->path, sizeof(file->path), "%s.%d", path, i);
	snprintf(file->word, sizeof(file->word), " name=\"%s.%d\" ", path, i);
	fd = open(file->path, O_CREAT | O_RDWR | O_CLOEXEC, 0644);
	if (fd < 0 || fstat(fd, &st))
		return false;
	close(fd);
	file->ino = st.st_ino;
	file->found = false;
	return true;
}

/* See all of them in records, each with its inode: how many did not come. */
static int find_named(int fd, struct named *files, int nr)
{
	struct record rec;
	int i, left = nr;

	while (left && next_record(fd, &rec)) {
		if (rec.type != AUDIT_PATH || !record_has(&rec, " nametype=NORMAL"))
			continue;
		for (i = 0; i < nr; i++) {
			if (files[i].found || !record_has(&rec, files[i].word) ||
			    record_long(&rec, "inode", -1) != files[i].ino)
				continue;
			files[i].found = true;
			left--;
		}
	}
	return left;
}

/*
 * More names than audit has room for in one system call, and used when that is
 * over: what is learnt about them is in the records all the same.
 */
TEST_F(audit, many_paths)
{
	struct named files[NR_NAMES];
	struct ring *r = &self->ring;
	struct io_uring_cqe cqe;
	struct io_uring_sqe sqe;
	char c = 0;
	int i, p[2];

	ASSERT_EQ(0, pipe(p));
	/* What drains waits for this. */
	prep(r, IORING_OP_READ, p[0], &c, 1, 0)->user_data = NR_NAMES;
	for (i = 0; i < NR_NAMES; i++) {
		ASSERT_TRUE(make_named(&files[i], self->path, i));
		sqe = openat_sqe(files[i].path);
		sqe.flags = variant->flags;
		*ring_sqe(r) = sqe;
	}
	ASSERT_EQ(1 + NR_NAMES, ring_submit(r));
	/* System calls with names of their own */
	for (i = 0; i < NR_NAMES; i++)
		access("/", R_OK);
	ASSERT_EQ(1, write(p[1], &c, 1));
	for (i = 0; i <= NR_NAMES; i++) {
		ASSERT_EQ(0, ring_wait(r, &cqe));
		ASSERT_LE(0, cqe.res);
		if (cqe.user_data != NR_NAMES)
			close(cqe.res);
	}
	EXPECT_EQ(0, find_named(self->records, files, NR_NAMES));
	for (i = 0; i < NR_NAMES; i++)
		unlink(files[i].path);
	close(p[0]);
	close(p[1]);
}

/* Who is it? The personality. */
TEST_F(audit, personality)
{
	struct io_uring_sqe sqe = openat_sqe(self->path);
	struct record rec;
	int fd;

	ASSERT_EQ(0, seteuid(NOBODY));
	sqe.personality = add_creds(&self->ring);
	ASSERT_EQ(0, seteuid(0));
	ASSERT_LT(0, sqe.personality);
	fd = ring_run(&self->ring, variant->flags, sqe);
	ASSERT_LE(0, fd);
	ASSERT_TRUE(next_uringop(self->records, &rec, false));
	expect_says(_metadata, &rec, IORING_OP_OPENAT, fd);
	EXPECT_EQ(0, record_long(&rec, "uid", -1));
	EXPECT_EQ(NOBODY, record_long(&rec, "euid", -1));
	EXPECT_EQ(NOBODY, record_long(&rec, "fsuid", -1));
	close(fd);
}

/* A multishot: a record for each, of the personality. */
TEST_F(audit, accept_multishot)
{
	struct io_uring_sqe sqe = {
		.opcode = IORING_OP_ACCEPT,
		.ioprio = IORING_ACCEPT_MULTISHOT,
	};
	struct ring *r = &self->ring;
	struct io_uring_cqe cqe;
	struct sockaddr_un addr;
	struct record rec;
	socklen_t len;
	int i, fd[3];

	sqe.fd = unix_listener("iou_audit");
	ASSERT_LE(0, sqe.fd);
	len = unix_name(&addr, "iou_audit");
	ASSERT_EQ(0, seteuid(NOBODY));
	sqe.personality = add_creds(r);
	ASSERT_EQ(0, seteuid(0));
	ASSERT_LT(0, sqe.personality);
	sqe.flags = variant->flags;
	*ring_sqe(r) = sqe;
	ASSERT_EQ(1, ring_submit(r));
	for (i = 0; i < 3; i++) {
		fd[i] = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
		ASSERT_EQ(0, connect(fd[i], (struct sockaddr *)&addr, len));
		ASSERT_EQ(0, ring_wait(r, &cqe));
		ASSERT_LE(0, cqe.res);
		ASSERT_TRUE(next_uringop(self->records, &rec, false));
		expect_says(_metadata, &rec, IORING_OP_ACCEPT, cqe.res);
		EXPECT_EQ(NOBODY, record_long(&rec, "euid", -1)) {
			TH_LOG("connection %d: %s", i, rec.text);
		}
		close(cqe.res);
	}
	for (i = 0; i < 3; i++)
		close(fd[i]);
	close(sqe.fd);
}

/* ------------------------------------------------------------------------
 * Which opcodes are audited, with which result
 */

/* What requests point to */
static struct sockaddr_un no_one;
static char text[64] = "iou";
static struct iovec iov = { .iov_base = text, .iov_len = 3 };
static struct iovec all_text = { .iov_base = text, .iov_len = sizeof(text) };
static struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
static struct open_how how;
static struct __kernel_timespec soon = { .tv_nsec = 1000 };
static __u32 word;
static int skip = IORING_REGISTER_FILES_SKIP;
static struct futex_waitv waitv = {
	.uaddr = (uintptr_t)&word,
	.val = 1,
	.flags = FUTEX2_SIZE_U32 | FUTEX2_PRIVATE,
};

/* What sqe.fd is */
enum fd_kind { NO_FD, FILE_FD, NULL_FD, PAIR_0, PAIR_1, LISTENER, OTHER_RING, SLOT, CWD, CHILD };

struct op_row {
	const char *name;
	bool audited;
	enum fd_kind fd;
	struct io_uring_sqe sqe;
};

#define OP(is_audited, op, fd_kind, ...)				\
	{								\
		.name = #op, .audited = is_audited, .fd = fd_kind,	\
		.sqe = { .opcode = IORING_OP_##op, __VA_ARGS__ },	\
	}
#define ADDR(p)		.addr = (uintptr_t)(p)
#define ADDR2(p)	.addr2 = (uintptr_t)(p)
#define WORD		.fd = FUTEX2_SIZE_U32 | FUTEX2_PRIVATE, ADDR(&word), .addr3 = ~0u

/* Always has a record */
static const struct op_row marker = OP(true, FUTEX_WAKE, NO_FD, WORD, .addr2 = 1);

static const struct op_row op_rows[] = {
	OP(false, NOP, NO_FD),
	OP(false, WRITEV, PAIR_0, ADDR(&iov), .len = 1),
	OP(false, READV, PAIR_1, ADDR(&iov), .len = 1),
	OP(false, WRITE, PAIR_0, ADDR(text), .len = 1),
	OP(false, READ, PAIR_1, ADDR(text), .len = 1),
	OP(false, WRITE_FIXED, PAIR_0, ADDR(text), .len = 1),
	OP(false, READ_FIXED, PAIR_1, ADDR(text), .len = 1),
	OP(false, READ_MULTISHOT, PAIR_1),
	OP(false, FSYNC, FILE_FD),
	OP(false, SYNC_FILE_RANGE, FILE_FD),
	OP(false, POLL_ADD, PAIR_0, .poll32_events = POLLOUT),
	OP(false, POLL_REMOVE, NO_FD, .addr = 77),
	OP(false, TIMEOUT, NO_FD, ADDR(&soon), .len = 1),
	OP(false, TIMEOUT_REMOVE, NO_FD, .addr = 77),
	OP(false, LINK_TIMEOUT, NO_FD, ADDR(&soon), .len = 1),
	OP(false, FILES_UPDATE, NO_FD, ADDR(&skip), .len = 1),
	OP(false, ASYNC_CANCEL, NO_FD, .addr = 77),
	OP(false, STATX, CWD, ADDR("/tmp"), ADDR2(NULL)),
	OP(false, FADVISE, FILE_FD, .len = 1),
	OP(false, MADVISE, NO_FD, ADDR(NULL)),
	OP(false, SEND, PAIR_0, ADDR(text), .len = 1),
	OP(false, RECV, PAIR_1, ADDR(text), .len = 1),
	OP(false, SEND_ZC, PAIR_0, ADDR(text), .len = 1),
	OP(false, EPOLL_CTL, PAIR_0, .len = 1, .off = 0),
	OP(false, SPLICE, PAIR_0, .splice_fd_in = -1, .len = 1),
	OP(false, TEE, PAIR_0, .splice_fd_in = -1, .len = 1),
	OP(false, PROVIDE_BUFFERS, NO_FD, .fd = 1, ADDR(text), .len = 1, .buf_group = 77),
	OP(false, REMOVE_BUFFERS, NO_FD, .fd = 1, .buf_group = 77),
	OP(false, SOCKET, NO_FD, .fd = AF_UNIX, .off = 77),
	OP(true, SENDMSG, PAIR_0, ADDR(&msg)),
	OP(true, RECVMSG, PAIR_1, ADDR(&msg)),
	OP(true, SENDMSG_ZC, PAIR_0, ADDR(&msg)),
	OP(true, ACCEPT, LISTENER, .ioprio = IORING_ACCEPT_DONTWAIT),
	OP(true, ACCEPT, PAIR_0),
	OP(true, CONNECT, PAIR_0, ADDR(&no_one), .addr2 = sizeof(no_one)),
	OP(true, BIND, PAIR_0, ADDR(&no_one), .addr2 = sizeof(sa_family_t)),
	OP(true, LISTEN, LISTENER, .len = 8),
	OP(true, LISTEN, PAIR_0, .len = 8),
	OP(true, FALLOCATE, FILE_FD, .addr = 4096),
	OP(true, FTRUNCATE, FILE_FD, .off = 100),
	OP(true, OPENAT, CWD, ADDR("/tmp"), .open_flags = O_RDWR),
	OP(true, OPENAT2, CWD, ADDR("/tmp/iou_no/such"), ADDR2(&how), .len = sizeof(how)),
	OP(true, CLOSE, NO_FD, .fd = 7777),
	OP(true, RENAMEAT, CWD, ADDR("/tmp/iou_no/such"), ADDR2("/tmp/iou_no"),
	   .len = AT_FDCWD),
	OP(true, UNLINKAT, CWD, ADDR("/tmp/iou_no/such")),
	OP(true, MKDIRAT, CWD, ADDR("/")),
	OP(true, SYMLINKAT, CWD, ADDR("x"), ADDR2("/")),
	OP(true, LINKAT, CWD, ADDR("/tmp/iou_no/such"), ADDR2("/tmp/iou_no"),
	   .len = AT_FDCWD),
	OP(true, MSG_RING, OTHER_RING, .len = 1),
	OP(true, MSG_RING, FILE_FD, .len = 1),
	OP(true, FSETXATTR, FILE_FD, ADDR("user.iou"), ADDR2(text), .len = 3),
	OP(true, FGETXATTR, FILE_FD, ADDR("user.none"), ADDR2(text), .len = 3),
	OP(true, SETXATTR, NO_FD, ADDR("user.iou"), ADDR2(text), .len = 3,
	   .addr3 = (uintptr_t)"/tmp/iou_no"),
	OP(true, GETXATTR, NO_FD, ADDR("user.iou"), ADDR2(text), .len = 3,
	   .addr3 = (uintptr_t)"/tmp/iou_no"),
	OP(true, URING_CMD, NULL_FD),
	OP(true, URING_CMD, FILE_FD),
	OP(true, WAITID, CHILD, .len = P_PID, .file_index = WEXITED | WNOHANG),
	OP(true, FUTEX_WAIT, NO_FD, WORD, .addr2 = 1),
	OP(true, FUTEX_WAKE, NO_FD, WORD, .addr2 = 1),
	OP(true, FUTEX_WAITV, NO_FD, ADDR(&waitv), .len = 1),
	OP(true, FIXED_FD_INSTALL, SLOT, .flags = IOSQE_FIXED_FILE),
	OP(true, SHUTDOWN, PAIR_0, .len = SHUT_RDWR),
};

static int kind_fd(struct _test_data_audit *self, enum fd_kind kind, int none)
{
	switch (kind) {
	case FILE_FD:
		return self->file;
	case NULL_FD:
		return self->null;
	case PAIR_0:
		return self->pair[0];
	case PAIR_1:
		return self->pair[1];
	case LISTENER:
		return self->listener;
	case OTHER_RING:
		return self->other.fd;
	case SLOT:
		return 0;
	case CWD:
		return AT_FDCWD;
	case CHILD:
		return self->daemon;
	default:
		return none;
	}
}

/* Run it: its result. */
static int run_row(struct _test_data_audit *self, const struct op_row *row, __u8 flags)
{
	struct io_uring_sqe *sqe = ring_sqe(&self->ring);
	struct io_uring_cqe cqe, notif;

	*sqe = row->sqe;
	sqe->fd = kind_fd(self, row->fd, sqe->fd);
	sqe->flags |= flags;
	if (ring_submit(&self->ring) != 1 || ring_wait(&self->ring, &cqe))
		return NO_RESULT;
	/* SEND_ZC: the data is used no more */
	if ((cqe.flags & IORING_CQE_F_MORE) && ring_wait(&self->ring, &notif))
		return NO_RESULT;
	return cqe.res;
}

TEST_F(audit, opcodes)
{
	struct record rec;
	unsigned int i;
	int res;

	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, self->pair));
	self->listener = unix_listener("iou_audit");
	ASSERT_LE(0, self->listener);
	self->null = open("/dev/null", O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, self->null);
	ASSERT_EQ(0, ring_open(&self->other, 8, 0));
	ASSERT_EQ(0, sys_register(self->ring.fd, IORING_REGISTER_FILES, &self->null, 1));
	ASSERT_EQ(0, sys_register(self->ring.fd, IORING_REGISTER_BUFFERS, &all_text, 1));
	unix_name(&no_one, "iou_nobody");
	for (i = 0; i < ARRAY_LEN(op_rows); i++) {
		res = run_row(self, &op_rows[i], variant->flags);
		ASSERT_NE(NO_RESULT, res) {
			TH_LOG("row %u, %s: no result", i, op_rows[i].name);
		}
		if (op_rows[i].audited) {
			/* Attempts that the program does not see, then what it does see */
			ASSERT_TRUE(next_uringop(self->records, &rec, res == -EAGAIN)) {
				TH_LOG("row %u, %s: %d, and no record", i, op_rows[i].name, res);
			}
			expect_says(_metadata, &rec, op_rows[i].sqe.opcode, res);
		}
		/* The next record is that of this, so there was no other. */
		ASSERT_EQ(0, run_row(self, &marker, variant->flags));
		ASSERT_TRUE(next_uringop(self->records, &rec, false));
		EXPECT_TRUE(says(&rec, IORING_OP_FUTEX_WAKE, 0)) {
			TH_LOG("row %u, %s: one too many: %s", i, op_rows[i].name, rec.text);
		}
	}
	ring_close(&self->other);
	close(self->null);
	close(self->listener);
	close(self->pair[0]);
	close(self->pair[1]);
}

/* What has to wait is recorded twice: that it would have blocked, and its result. */
TEST_F(audit, waits)
{
	struct io_uring_sqe sqe = { .opcode = IORING_OP_ACCEPT, .flags = variant->flags };
	struct ring *r = &self->ring;
	struct io_uring_cqe cqe;
	struct sockaddr_un addr;
	struct record rec;
	socklen_t len;
	int fd;

	sqe.fd = unix_listener("iou_audit");
	ASSERT_LE(0, sqe.fd);
	len = unix_name(&addr, "iou_audit");
	*ring_sqe(r) = sqe;
	ASSERT_EQ(1, ring_submit(r));
	ASSERT_TRUE(next_uringop(self->records, &rec, true));
	expect_says(_metadata, &rec, IORING_OP_ACCEPT, -EAGAIN);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ASSERT_EQ(0, connect(fd, (struct sockaddr *)&addr, len));
	ASSERT_EQ(0, ring_wait(r, &cqe));
	ASSERT_LE(0, cqe.res);
	ASSERT_TRUE(next_uringop(self->records, &rec, false));
	expect_says(_metadata, &rec, IORING_OP_ACCEPT, cqe.res);
	close(cqe.res);
	close(fd);
	close(sqe.fd);
}

TEST_HARNESS_MAIN
