// SPDX-License-Identifier: GPL-2.0
/*
 * The tracepoints that tools know: their names, the fields these look at, and
 * that the most used of them fire. Recorded in a trace instance of our own.
 */
#include "iou_test.h"

#include <sys/mount.h>
#include <sys/resource.h>

#include "../kselftest_harness.h"

FIXTURE(trace)
{
	char root[PATH_MAX];		/* of tracefs */
	char instance[PATH_MAX + 32];
	char *text;
};

#define TEXT_SIZE	(1024 * 1024)

static int write_file(const char *dir, const char *file, const char *value)
{
	char path[2 * PATH_MAX];
	int fd, ret;

	snprintf(path, sizeof(path), "%s/%s", dir, file);
	fd = open(path, O_WRONLY | O_CLOEXEC | O_TRUNC);
	if (fd < 0)
		return -errno;
	ret = write(fd, value, strlen(value)) < 0 ? -errno : 0;
	close(fd);
	return ret;
}

static bool read_file(const char *dir, const char *file, char *text, size_t size)
{
	char path[2 * PATH_MAX];
	size_t len = 0;
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "%s/%s", dir, file);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	while (len < size - 1) {
		n = read(fd, text + len, size - 1 - len);
		if (n <= 0)
			break;
		len += n;
	}
	close(fd);
	text[len] = '\0';
	return true;
}

/* Find tracefs; mount it if nobody has. */
static bool find_tracefs(char *root, size_t size)
{
	static const char *const roots[] = { "/sys/kernel/tracing", "/sys/kernel/debug/tracing" };
	char path[PATH_MAX];
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(roots); i++) {
		snprintf(path, sizeof(path), "%s/events", roots[i]);
		if (access(path, R_OK) && !i)
			mount("tracefs", roots[i], "tracefs", 0, NULL);
		if (!access(path, R_OK)) {
			snprintf(root, size, "%s", roots[i]);
			return true;
		}
	}
	return false;
}

/*
 * An instance that does not note the names of processes. For those the scheduler's
 * tracepoints are patched into the code that all processors run just then, and QEMU's
 * emulation does not survive that reliably. The option is inherited from the top level.
 */
static bool make_instance(const char *root, const char *instance)
{
	char old[8] = "1";
	bool made;

	read_file(root, "options/record-cmd", old, sizeof(old));
	write_file(root, "options/record-cmd", "0");
	made = !mkdir(instance, 0700);
	write_file(root, "options/record-cmd", old);
	return made;
}

FIXTURE_SETUP(trace)
{
	if (getuid())
		SKIP(return, "needs root");
	if (!find_tracefs(self->root, sizeof(self->root)))
		SKIP(return, "no tracefs");
	self->text = malloc(TEXT_SIZE);
	ASSERT_NE(NULL, self->text);
	snprintf(self->instance, sizeof(self->instance), "%s/instances/iou_test.%d", self->root,
		 getpid());
	if (!make_instance(self->root, self->instance))
		SKIP(return, "no trace instances (%s)", strerror(errno));
}

FIXTURE_TEARDOWN(trace)
{
	write_file(self->instance, "events/enable", "0");
	rmdir(self->instance);
	free(self->text);
}

/* Does the format of this event have this field? */
static bool has_field(const char *format, const char *field)
{
	size_t len = strlen(field);
	const char *p = format;

	while ((p = strstr(p, field))) {
		/* "field:<type> <name>;" or "field:<type> <name>[n];" */
		if (p > format && (p[-1] == ' ' || p[-1] == '*') &&
		    (p[len] == ';' || p[len] == '['))
			return true;
		p += len;
	}
	return false;
}

TEST_F(trace, names_and_fields)
{
	static const struct {
		const char *event;
		const char *fields[6];
	} t[] = {
		{ "io_uring_create", { "fd", "ctx", "sq_entries", "cq_entries", "flags" } },
		{ "io_uring_register", { "ctx", "opcode", "nr_files", "nr_bufs", "ret" } },
		{ "io_uring_file_get", { "ctx", "req", "user_data", "fd" } },
		{ "io_uring_queue_async_work", { "ctx", "req", "user_data", "opcode" } },
		{ "io_uring_defer", { "ctx", "req", "opcode" } },
		{ "io_uring_link", { "ctx", "req", "target_req" } },
		{ "io_uring_cqring_wait", { "ctx", "min_events" } },
		{ "io_uring_fail_link", { "ctx", "req", "opcode", "link" } },
		{ "io_uring_complete", { "ctx", "req", "user_data", "res", "cflags" } },
		{ "io_uring_submit_req", { "ctx", "req", "user_data", "opcode", "flags" } },
		{ "io_uring_poll_arm", { "ctx", "req", "user_data", "opcode", "mask", "events" } },
		{ "io_uring_task_add", { "ctx", "req", "user_data", "opcode", "mask" } },
		{ "io_uring_req_failed", { "user_data", "opcode", "flags", "error" } },
		{ "io_uring_cqe_overflow", { "ctx", "user_data", "res", "cflags", "ocqe" } },
		{ "io_uring_task_work_run", { "tctx", "count" } },
		{ "io_uring_short_write", { "ctx", "fpos", "wanted", "got" } },
		{ "io_uring_local_work_run", { "ctx", "count", "loops" } },
	};
	char file[64];
	unsigned int i, j;

	for (i = 0; i < ARRAY_LEN(t); i++) {
		snprintf(file, sizeof(file), "events/io_uring/%s/format", t[i].event);
		self->text[0] = '\0';
		EXPECT_TRUE(read_file(self->root, file, self->text, TEXT_SIZE)) {
			TH_LOG("no event %s", t[i].event);
		}
		for (j = 0; j < ARRAY_LEN(t[i].fields) && t[i].fields[j]; j++) {
			EXPECT_TRUE(has_field(self->text, t[i].fields[j])) {
				TH_LOG("%s has no field %s", t[i].event, t[i].fields[j]);
			}
		}
	}
}

/* Programs read the text, too: it is that of 6.12, to which one event adds a reason. */
TEST_F(trace, text)
{
	static const struct {
		const char *event;
		const char *text;
	} t[] = {
		{ "io_uring_create", "ring %p, fd %d sq size %d, cq size %d, flags 0x%x" },
		{ "io_uring_register",
		  "ring %p, opcode %d, nr_user_files %d, nr_user_bufs %d, ret %ld" },
		{ "io_uring_file_get", "ring %p, req %p, user_data 0x%llx, fd %d" },
		{ "io_uring_queue_async_work",
		  "ring %p, request %p, user_data 0x%llx, opcode %s, flags 0x%llx, "
		  "%s queue, work %p" },
		{ "io_uring_defer", "ring %p, request %p, user_data 0x%llx, opcode %s" },
		{ "io_uring_link", "ring %p, request %p linked after %p" },
		{ "io_uring_cqring_wait", "ring %p, min_events %d" },
		{ "io_uring_fail_link",
		  "ring %p, request %p, user_data 0x%llx, opcode %s, link %p" },
		{ "io_uring_complete",
		  "ring %p, req %p, user_data 0x%llx, result %d, "
		  "cflags 0x%x extra1 %llu extra2 %llu " },
		{ "io_uring_submit_req",
		  "ring %p, req %p, user_data 0x%llx, opcode %s, flags 0x%llx, sq_thread %d" },
		{ "io_uring_poll_arm",
		  "ring %p, req %p, user_data 0x%llx, opcode %s, mask 0x%x, events 0x%x" },
		{ "io_uring_task_add",
		  "ring %p, req %p, user_data 0x%llx, opcode %s, mask %x" },
		{ "io_uring_req_failed",
		  "ring %p, req %p, user_data 0x%llx, opcode %s, flags 0x%x, prio=%d, "
		  "off=%llu, addr=%llu, len=%u, rw_flags=0x%x, buf_index=%d, "
		  "personality=%d, file_index=%d, pad=0x%llx, addr3=%llx, error=%d" },
		{ "io_uring_cqe_overflow",
		  "ring %p, user_data 0x%llx, res %d, cflags 0x%x, overflow_cqe %p" },
		{ "io_uring_task_work_run", "tctx %p, count %u" },
		{ "io_uring_short_write", "ring %p, fpos %lld, wanted %lld, got %lld" },
		{ "io_uring_local_work_run", "ring %p, count %d, loops %u" },
	};
	char file[64], text[512];
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(t); i++) {
		snprintf(file, sizeof(file), "events/io_uring/%s/format", t[i].event);
		snprintf(text, sizeof(text), "print fmt: \"%s", t[i].text);
		ASSERT_TRUE(read_file(self->root, file, self->text, TEXT_SIZE));
		EXPECT_NE(NULL, strstr(self->text, text)) {
			TH_LOG("%s", t[i].event);
		}
	}
}

/*
 * Start to record. Whoever uses io_uring meanwhile is recorded, too: what the tests
 * look for is theirs alone. (set_event_pid would use the scheduler's tracepoints, see
 * above.)
 */
static bool record(const char *instance)
{
	return !write_file(instance, "events/io_uring/enable", "1");
}

/*
 * Does this line mention it? Either a word, or a number by the beginning of its
 * name ("res 0"), however the two are set apart: the text is for people.
 */
static bool mentions(const char *line, const char *what)
{
	char name[32];
	long long number;
	const char *p = line;

	if (!what)
		return true;
	if (sscanf(what, "%31s %lld", name, &number) != 2)
		return strstr(line, what);
	while ((p = strstr(p, name))) {
		bool starts = p > line && (p[-1] == ' ' || p[-1] == ',');

		p += strlen(name);
		p += strspn(p, "abcdefghijklmnopqrstuvwxyz_ =:");
		if (starts && strchr("-0123456789", *p) && strtoll(p, NULL, 0) == number)
			return true;
	}
	return false;
}

/* The first line of an event that mentions both, or NULL. */
static const char *find(char *text, const char *event, const char *a, const char *b)
{
	char *line, *save, *copy = strdup(text);
	const char *found = NULL;

	for (line = strtok_r(copy, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		const char *rest = strstr(line, event);

		if (!rest)
			continue;
		rest += strlen(event) - 1;
		if (mentions(rest, a) && mentions(rest, b)) {
			found = text + (line - copy);
			break;
		}
	}
	free(copy);
	return found;
}

TEST_F(trace, life_of_a_request)
{
	struct io_uring_cqe cqe;
	struct ring r;

	ASSERT_TRUE(record(self->instance));
	ASSERT_EQ(0, ring_open_cq(&r, 8, 64, 0));
	ASSERT_TRUE(prep_nop(&r, 0xabc1));
	ASSERT_EQ(1, ring_submit_wait(&r, 1));
	ASSERT_TRUE(ring_reap(&r, &cqe));
	EXPECT_EQ(-ETIME, ring_enter_wait(&r, 5, 1));
	ring_close(&r);
	ASSERT_TRUE(read_file(self->instance, "trace", self->text, TEXT_SIZE));
	EXPECT_NE(NULL, find(self->text, "io_uring_create: ", "sq 8", "cq 64"));
	EXPECT_NE(NULL, find(self->text, "io_uring_submit_req: ", "0xabc1", "NOP"));
	EXPECT_NE(NULL, find(self->text, "io_uring_complete: ", "0xabc1", "res 0"));
	EXPECT_NE(NULL, find(self->text, "io_uring_cqring_wait: ", "min_events 5", NULL));
	/* In that order. */
	EXPECT_LT(find(self->text, "io_uring_create: ", NULL, NULL),
		  find(self->text, "io_uring_submit_req: ", NULL, NULL));
	EXPECT_LT(find(self->text, "io_uring_submit_req: ", NULL, NULL),
		  find(self->text, "io_uring_complete: ", NULL, NULL));
}

/* Who has submitted it is told apart. */
TEST_F(trace, submitted_by_thread)
{
	struct io_uring_cqe cqe;
	struct ring r;
	int i;

	ASSERT_TRUE(record(self->instance));
	for (i = 0; i < 2; i++) {
		ASSERT_EQ(0, ring_open(&r, 8, i ? IORING_SETUP_SQPOLL : 0));
		ASSERT_TRUE(prep_nop(&r, 0xabd0 + i));
		ASSERT_EQ(1, ring_submit(&r));
		ASSERT_EQ(0, ring_wait(&r, &cqe));
		ring_close(&r);
	}
	ASSERT_TRUE(read_file(self->instance, "trace", self->text, TEXT_SIZE));
	EXPECT_NE(NULL, find(self->text, "io_uring_submit_req: ", "0xabd0", "sq_thread 0"));
	EXPECT_NE(NULL, find(self->text, "io_uring_submit_req: ", "0xabd1", "sq_thread 1"));
}

TEST_F(trace, bad_request)
{
	struct io_uring_sqe *sqe;
	struct ring r;

	ASSERT_TRUE(record(self->instance));
	ASSERT_EQ(0, ring_open(&r, 8, 0));
	sqe = ring_sqe(&r);
	sqe->user_data = 0xabc2;
	sqe->nop_flags = 1u << 31;
	EXPECT_EQ(-EINVAL, ring_result(&r));
	ring_close(&r);
	ASSERT_TRUE(read_file(self->instance, "trace", self->text, TEXT_SIZE));
	EXPECT_NE(NULL, find(self->text, "io_uring_req_failed: ", "0xabc2", "error -22"));
	EXPECT_NE(NULL, find(self->text, "io_uring_complete: ", "0xabc2", "res -22"));
}

TEST_F(trace, parked_request)
{
	struct io_uring_cqe cqe;
	struct ring r;
	int p[2];
	char c;

	ASSERT_TRUE(record(self->instance));
	ASSERT_EQ(0, ring_open(&r, 8, 0));
	ASSERT_EQ(0, pipe(p));
	prep(&r, IORING_OP_READ, p[0], &c, 1, -1)->user_data = 0xabc3;
	ASSERT_EQ(1, ring_submit(&r));
	ASSERT_EQ(1, write(p[1], "x", 1));
	ASSERT_EQ(0, ring_wait(&r, &cqe));
	ring_close(&r);
	ASSERT_TRUE(read_file(self->instance, "trace", self->text, TEXT_SIZE));
	EXPECT_NE(NULL, find(self->text, "io_uring_file_get: ", "0xabc3", NULL));
	EXPECT_NE(NULL, find(self->text, "io_uring_poll_arm: ", "0xabc3", "READ"));
	EXPECT_NE(NULL, find(self->text, "io_uring_task_add: ", "0xabc3", NULL));
	EXPECT_NE(NULL, find(self->text, "io_uring_task_work_run: ", NULL, NULL));
	EXPECT_NE(NULL, find(self->text, "io_uring_complete: ", "0xabc3", "res 1"));
	close(p[0]);
	close(p[1]);
}

TEST_F(trace, async_request_and_overflow)
{
	struct io_uring_cqe cqe;
	struct io_uring_sqe *sqe;
	unsigned int i;
	struct ring r;

	ASSERT_TRUE(record(self->instance));
	ASSERT_EQ(0, ring_open_cq(&r, 4, 4, 0));
	sqe = ring_sqe(&r);
	sqe->flags = IOSQE_ASYNC;
	sqe->user_data = 0xabc4;
	ASSERT_EQ(0, ring_result(&r));
	for (i = 0; i < 5; i++) {
		ASSERT_TRUE(prep_nop(&r, 0xabd0 + i));
		ASSERT_EQ(1, ring_submit(&r));
	}
	for (i = 0; i < 5; i++)
		ASSERT_EQ(0, ring_wait(&r, &cqe));
	ring_close(&r);
	ASSERT_TRUE(read_file(self->instance, "trace", self->text, TEXT_SIZE));
	EXPECT_NE(NULL, find(self->text, "io_uring_queue_async_work: ", "0xabc4", "NOP"));
	EXPECT_NE(NULL, find(self->text, "io_uring_cqe_overflow: ", "0xabd4", NULL));
	EXPECT_EQ(NULL, find(self->text, "io_uring_cqe_overflow: ", "0xabd3", NULL));
}

TEST_F(trace, chains)
{
	struct io_uring_cqe cqe;
	struct io_uring_sqe *sqe;
	unsigned int i;
	struct ring r;

	ASSERT_TRUE(record(self->instance));
	ASSERT_EQ(0, ring_open(&r, 8, 0));
	sqe = ring_sqe(&r);
	sqe->user_data = 0xabe1;
	sqe->flags = IOSQE_IO_LINK;
	sqe->nop_flags = IORING_NOP_INJECT_RESULT;
	sqe->len = -EIO;
	ASSERT_TRUE(prep_nop(&r, 0xabe2));
	ASSERT_EQ(2, ring_submit(&r));
	for (i = 0; i < 2; i++)
		ASSERT_EQ(0, ring_wait(&r, &cqe));
	ASSERT_EQ(-ECANCELED, cqe.res);
	sqe = ring_sqe(&r);
	sqe->user_data = 0xabe3;
	sqe->flags = IOSQE_IO_DRAIN;
	ASSERT_EQ(0, ring_result(&r));
	ring_close(&r);
	ASSERT_TRUE(read_file(self->instance, "trace", self->text, TEXT_SIZE));
	EXPECT_NE(NULL, find(self->text, "io_uring_link: ", NULL, NULL));
	EXPECT_NE(NULL, find(self->text, "io_uring_fail_link: ", "NOP", NULL));
	EXPECT_NE(NULL, find(self->text, "io_uring_complete: ", "0xabe2", "res -125"));
}

TEST_F(trace, drain)
{
	struct io_uring_cqe cqe;
	struct io_uring_sqe *sqe;
	struct ring r;
	int p[2];
	char c;

	ASSERT_TRUE(record(self->instance));
	ASSERT_EQ(0, ring_open(&r, 8, 0));
	ASSERT_EQ(0, pipe(p));
	prep(&r, IORING_OP_READ, p[0], &c, 1, -1)->user_data = 0xabe4;
	sqe = ring_sqe(&r);
	sqe->user_data = 0xabe5;
	sqe->flags = IOSQE_IO_DRAIN;
	ASSERT_EQ(2, ring_submit(&r));
	ASSERT_EQ(1, write(p[1], "x", 1));
	ASSERT_EQ(0, ring_wait(&r, &cqe));
	ASSERT_EQ(0, ring_wait(&r, &cqe));
	EXPECT_EQ(0xabe5u, cqe.user_data);
	ring_close(&r);
	ASSERT_TRUE(read_file(self->instance, "trace", self->text, TEXT_SIZE));
	EXPECT_NE(NULL, find(self->text, "io_uring_defer: ", "0xabe5", "NOP"));
	close(p[0]);
	close(p[1]);
}

TEST_F(trace, short_write)
{
	const struct rlimit limit = { 4096, RLIM_INFINITY };
	int fd = memfd_create("iou_test", MFD_CLOEXEC);
	char buf[8192] = "";
	struct ring r;

	ASSERT_LE(0, fd);
	ASSERT_NE(SIG_ERR, signal(SIGXFSZ, SIG_IGN));
	ASSERT_EQ(0, setrlimit(RLIMIT_FSIZE, &limit));
	ASSERT_TRUE(record(self->instance));
	ASSERT_EQ(0, ring_open(&r, 8, 0));
	prep(&r, IORING_OP_WRITE, fd, buf, sizeof(buf), 0);
	EXPECT_EQ(4096, ring_result(&r));
	ring_close(&r);
	ASSERT_TRUE(read_file(self->instance, "trace", self->text, TEXT_SIZE));
	EXPECT_NE(NULL, find(self->text, "io_uring_short_write: ", "wanted 8192", "got 4096"));
	close(fd);
}

TEST_F(trace, deferred_work)
{
	struct io_uring_cqe cqe;
	struct ring r;
	int p[2];
	char c;

	ASSERT_TRUE(record(self->instance));
	ASSERT_EQ(0, ring_open(&r, 8, IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN));
	ASSERT_EQ(0, pipe(p));
	prep(&r, IORING_OP_READ, p[0], &c, 1, -1)->user_data = 0xabe6;
	ASSERT_EQ(1, ring_submit(&r));
	ASSERT_EQ(1, write(p[1], "x", 1));
	ASSERT_EQ(0, ring_wait(&r, &cqe));
	ring_close(&r);
	ASSERT_TRUE(read_file(self->instance, "trace", self->text, TEXT_SIZE));
	EXPECT_NE(NULL, find(self->text, "io_uring_local_work_run: ", "count 1", NULL));
	close(p[0]);
	close(p[1]);
}

TEST_F(trace, registration)
{
	char zero[16] = "";
	struct ring r;

	ASSERT_TRUE(record(self->instance));
	ASSERT_EQ(0, ring_open(&r, 4, 0));
	ASSERT_EQ(0, sys_register(r.fd, IORING_REGISTER_PROBE, zero, 0));
	ring_close(&r);
	ASSERT_TRUE(read_file(self->instance, "trace", self->text, TEXT_SIZE));
	EXPECT_NE(NULL, find(self->text, "io_uring_register: ", "opcode 8", "ret 0"));
}

TEST_HARNESS_MAIN
