// SPDX-License-Identifier: GPL-2.0
/*
 * All opcodes, in all the ways that do not depend on what they do: each succeeds,
 * refuses what it has to, works in a worker, with a fixed file and in a chain,
 * and severs a chain when it fails. What they are is in opcodes_rows.c.
 */
#include "opcodes.h"

#include "../kselftest_harness.h"

FIXTURE(opcodes)
{
	struct env e;
};

FIXTURE_VARIANT(opcodes)
{
	unsigned int setup;
	__u8 flags;
};

FIXTURE_VARIANT_ADD(opcodes, plain) {
	.setup = 0,
};

FIXTURE_VARIANT_ADD(opcodes, async) {
	.flags = IOSQE_ASYNC,
};

FIXTURE_VARIANT_ADD(opcodes, defer) {
	.setup = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN,
};

FIXTURE_VARIANT_ADD(opcodes, sqpoll) {
	.setup = IORING_SETUP_SQPOLL,
};

/* Close @fd later. */
int env_keep(struct env *e, int fd)
{
	if (fd >= 0 && e->nr_kept < ARRAY_LEN(e->kept))
		e->kept[e->nr_kept++] = fd;
	return fd;
}

static int env_open(struct env *e, unsigned int setup)
{
	int error;

	memset(e, 0, sizeof(*e));
	error = ring_open(&e->ring, 16, setup) ?: ring_open(&e->target, 64, 0);
	if (error)
		return error;
	snprintf(e->dir, sizeof(e->dir), "%s/iou_opcodes.XXXXXX", tmp_dir());
	e->mem = pages(DATA);
	if (!e->mem || !mkdtemp(e->dir))
		return -errno;
	e->dfd = open(e->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	e->file = openat(e->dfd, "file", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	snprintf(e->path, sizeof(e->path), "%s/file", e->dir);
	if (pwrite(e->file, e->mem, DATA, 0) != DATA)
		return -errno;
	return 0;
}

/* Undo what makers have done, except for requests that wait. */
static void env_reset(struct env *e)
{
	struct io_uring_cqe cqe;

	while (e->nr_kept)
		close(e->kept[--e->nr_kept]);
	sys_register(e->ring.fd, IORING_UNREGISTER_FILES, NULL, 0);
	sys_register(e->ring.fd, IORING_UNREGISTER_BUFFERS, NULL, 0);
	if (e->child > 0)
		waitpid(e->child, NULL, 0);
	e->child = 0;
	while (ring_reap(&e->target, &cqe))
		;
}

static void env_close(struct env *e)
{
	static const char *const names[] = { "file", "a", "b" };
	unsigned int i;

	env_reset(e);
	for (i = 0; i < ARRAY_LEN(names); i++)
		unlinkat(e->dfd, names[i], 0);
	unlinkat(e->dfd, "b", AT_REMOVEDIR);
	rmdir(e->dir);
	close(e->file);
	close(e->dfd);
	ring_close(&e->ring);
	ring_close(&e->target);
}

FIXTURE_SETUP(opcodes)
{
	const char *missing = setup_missing(variant->setup);

	if (missing)
		SKIP(return, "kernel lacks %s", missing);
	ASSERT_EQ(0, env_open(&self->e, variant->setup));
}

FIXTURE_TEARDOWN(opcodes)
{
	env_close(&self->e);
}

/* ------------------------------------------------------------------------
 * Submitting one, and what it gives
 */

/**
 * struct shot - a request that is about to be submitted
 * @row: of its opcode
 * @sqe: the SQE
 * @want: what it should give
 * @head: makes what must be in front of it, or NULL
 * @kick: makes it complete, or NULL
 */
struct shot {
	const struct row *row;
	struct io_uring_sqe sqe;
	int want;
	make_fn head;
	void (*kick)(struct env *e);
};

/* What a request gave: its result, and how often there was a last CQE */
struct got {
	int res;
	unsigned int finals;
};

struct all_got {
	struct got by[UD_LAST + 1];
};

static void make(struct shot *shot, struct env *e, const struct row *row, make_fn fn, __u8 flags)
{
	memset(shot, 0, sizeof(*shot));
	shot->row = row;
	shot->head = row->head;
	shot->sqe.opcode = row->opcode;
	shot->want = fn(e, &shot->sqe);
	shot->sqe.flags |= flags;
	shot->sqe.user_data = UD_REQ;
}

static void make_good(struct shot *shot, struct env *e, const struct row *row, __u8 flags)
{
	make(shot, e, row, row->good, flags);
	shot->kick = row->kick;
}

static void make_fail(struct shot *shot, struct env *e, const struct row *row, __u8 flags)
{
	make(shot, e, row, row->fail, flags);
	shot->head = row->fail_head;
}

/* The size of a field of an SQE */
static unsigned int field_size(unsigned int offset)
{
	static const __u8 sizes[64] = {
		[0] = 1, [1] = 1, [2] = 2, [4] = 4, [8] = 8, [12] = 4, [16] = 8, [24] = 4,
		[28] = 4, [32] = 8, [40] = 2, [42] = 2, [44] = 4, [46] = 2, [48] = 8, [56] = 8,
	};

	return sizes[offset];
}

/* @byte: which one of the field is not 0, if it is about bytes */
static void make_fault(struct shot *shot, struct env *e, const struct row *row, __u8 flags,
		       const struct fault *fault, unsigned int byte)
{
	__u64 value = fault->str ? (uintptr_t)fault->str : fault->value;
	__u8 *field;

	make(shot, e, row, fault->make ?: row->good, flags);
	if (fault->make || shot->want == NOT_HERE)
		return;
	shot->want = fault->error;
	field = (__u8 *)&shot->sqe + fault->offset;
	if (fault->bytes)
		field[byte] = 1u << (byte + fault->offset) % 8;
	else
		/* x86, arm64, riscv: little endian */
		memcpy(field, &value, field_size(fault->offset));
}

static void queue(struct ring *r, const struct io_uring_sqe *sqe)
{
	*ring_sqe(r) = *sqe;
}

static void queue_nop(struct ring *r, __u64 user_data)
{
	struct io_uring_sqe sqe = { .opcode = IORING_OP_NOP, .user_data = user_data };

	queue(r, &sqe);
}

/* The head has to be linked, too. In front of all that there is a NOP if @behind_nop. */
static void submit(struct env *e, const struct shot *shot, bool behind_nop)
{
	struct io_uring_sqe head = { .flags = IOSQE_IO_LINK, .user_data = UD_HEAD };

	if (shot->head) {
		shot->head(e, &head);
		queue(&e->ring, &head);
	} else if (behind_nop) {
		head.opcode = IORING_OP_NOP;
		queue(&e->ring, &head);
	}
	queue(&e->ring, &shot->sqe);
	if (shot->sqe.flags & (IOSQE_IO_LINK | IOSQE_IO_HARDLINK))
		queue_nop(&e->ring, UD_NEXT);
	ring_submit(&e->ring);
	if (shot->kick)
		shot->kick(e);
}

/* Note CQEs up to the last one of @user_data. */
static bool collect(struct ring *r, __u64 user_data, struct all_got *got)
{
	long end = now_ms() + WAIT_MS;
	struct io_uring_cqe cqe;
	struct got *g;

	while (!got->by[user_data].finals) {
		if (!ring_reap(r, &cqe)) {
			if (now_ms() > end)
				return false;
			if (r->p.flags & IORING_SETUP_IOPOLL)
				ring_flush(r);
			else
				ring_enter_wait(r, 1, 1000);
			continue;
		}
		/* Targets do not matter. */
		if (cqe.user_data > UD_LAST)
			continue;
		g = &got->by[cqe.user_data];
		if (!(cqe.flags & IORING_CQE_F_NOTIF))
			g->res = cqe.res;
		g->finals += !(cqe.flags & IORING_CQE_F_MORE);
	}
	return true;
}

/* Nothing else comes: CQEs are posted in order, and a NOP has its own at once. */
static bool quiet(struct env *e, struct all_got *got)
{
	got->by[UD_LAST].finals = 0;
	queue_nop(&e->ring, UD_LAST);
	ring_submit(&e->ring);
	return collect(&e->ring, UD_LAST, got) && got->by[UD_REQ].finals <= 1 &&
	       got->by[UD_NEXT].finals <= 1;
}

/* The request and the one behind it, and nothing else */
static bool collect_both(struct env *e, struct all_got *got)
{
	return collect(&e->ring, UD_REQ, got) && collect(&e->ring, UD_NEXT, got) &&
	       quiet(e, got);
}

/* Run one: its result, or NO_RESULT. */
static int run(struct env *e, const struct shot *shot)
{
	struct all_got got = { 0 };

	submit(e, shot, false);
	if (!collect(&e->ring, UD_REQ, &got) || !quiet(e, &got))
		return NO_RESULT;
	return got.by[UD_REQ].res;
}

static bool as_wanted(struct env *e, const struct shot *shot, int res)
{
	if (shot->want != ANY_FD)
		return res == shot->want;
	env_keep(e, res);
	return res >= 0;
}

/* Run @shot, which was just made, and see what it gives. */
static void expect_shot(struct __test_metadata *_metadata, struct env *e,
			const struct shot *shot, const char *text)
{
	int res;

	if (shot->want == NOT_HERE) {
		TH_LOG("%s: cannot be tried here", shot->row->name);
	} else {
		res = run(e, shot);
		EXPECT_TRUE(as_wanted(e, shot, res)) {
			TH_LOG("%s: %s: %d, should be %d", shot->row->name, text, res,
			       shot->want);
		}
	}
	env_reset(e);
}

#define EXPECT_SHOT(...)	expect_shot(_metadata, __VA_ARGS__)

/* ------------------------------------------------------------------------
 * The tests
 */

TEST_F(opcodes, succeeds)
{
	const struct row *row;
	struct shot shot;

	for (row = rows; row->name; row++) {
		make_good(&shot, &self->e, row, variant->flags);
		EXPECT_SHOT(&self->e, &shot, "success");
	}
}

TEST_F(opcodes, fails)
{
	const struct row *row;
	struct shot shot;

	for (row = rows; row->name; row++) {
		make_fail(&shot, &self->e, row, variant->flags);
		EXPECT_SHOT(&self->e, &shot, "failure");
	}
}

/* @faults of @row, of which there may be none */
static void refuse(struct __test_metadata *_metadata, struct env *e, const struct row *row,
		   const struct fault *faults, __u8 flags)
{
	const struct fault *fault;
	bool old = untouched();
	struct shot shot;
	unsigned int i;

	for (fault = faults; fault && fault->what; fault++) {
		if (old && fault->ours)
			continue;
		for (i = 0; i < (fault->bytes ? field_size(fault->offset) : 1); i++) {
			make_fault(&shot, e, row, flags, fault, i);
			EXPECT_SHOT(e, &shot, fault->what);
		}
	}
}

TEST_F(opcodes, refuses)
{
	const struct row *row;
	unsigned int i;

	for (row = rows; row->name; row++) {
		refuse(_metadata, &self->e, row, row->faults, variant->flags);
		for (i = 0; i < ARRAY_LEN(row->more); i++)
			refuse(_metadata, &self->e, row, row->more[i], variant->flags);
	}
}

/* A slot instead of a descriptor, an empty one, and one beyond the table */
TEST_F(opcodes, fixed_file)
{
	const __u8 flags = variant->flags | IOSQE_FIXED_FILE;
	struct env *e = &self->e;
	const struct row *row;
	struct shot shot;
	int fds[2], i;

	for (row = rows; row->name; row++) {
		if (!row->file || row->no_table || row->fixed)
			continue;
		for (i = 0; i < 3; i++) {
			make_good(&shot, e, row, flags);
			fds[0] = shot.sqe.fd;
			fds[1] = -1;
			ASSERT_EQ(0, sys_register(e->ring.fd, IORING_REGISTER_FILES, fds, 2)) {
				TH_LOG("%s", row->name);
			}
			shot.sqe.fd = i;
			if (i) {
				shot.want = -EBADF;
				shot.kick = NULL;
			}
			EXPECT_SHOT(e, &shot, i ? "no file in the slot" : "fixed file");
		}
	}
}

/* Where it would be a directory, or nothing */
TEST_F(opcodes, fixed_file_refused)
{
	const struct row *row;
	struct shot shot;

	for (row = rows; row->name; row++) {
		if (!row->fixed)
			continue;
		make(&shot, &self->e, row, row->good, variant->flags | IOSQE_FIXED_FILE);
		shot.want = row->fixed;
		EXPECT_SHOT(&self->e, &shot, "FIXED_FILE");
	}
}

/* One that succeeds starts after its predecessor, and its successor after it. */
TEST_F(opcodes, in_a_chain)
{
	const __u8 flags = variant->flags | IOSQE_IO_LINK;
	struct env *e = &self->e;
	const struct row *row;
	struct shot shot;

	for (row = rows; row->name; row++) {
		struct all_got got = { 0 };

		make_good(&shot, e, row, flags);
		if (shot.want != NOT_HERE && !row->severs) {
			submit(e, &shot, true);
			EXPECT_TRUE(collect_both(e, &got));
			EXPECT_TRUE(as_wanted(e, &shot, got.by[UD_REQ].res) &&
				    got.by[UD_REQ].finals == 1 && got.by[UD_HEAD].finals == 1 &&
				    got.by[UD_NEXT].res == 0) {
				TH_LOG("%s: %d, should be %d; then %d", row->name,
				       got.by[UD_REQ].res, shot.want, got.by[UD_NEXT].res);
			}
		}
		env_reset(e);
	}
}

/* One that fails ends its chain. */
TEST_F(opcodes, severs)
{
	struct env *e = &self->e;
	const struct row *row;
	struct shot shot;

	if (untouched())
		SKIP(return, "this kernel overlooks some failures");
	for (row = rows; row->name; row++) {
		struct all_got got = { 0 };

		make_fail(&shot, e, row, variant->flags | IOSQE_IO_LINK);
		if (shot.want != NOT_HERE) {
			submit(e, &shot, false);
			EXPECT_TRUE(collect_both(e, &got));
			EXPECT_TRUE(got.by[UD_REQ].res == shot.want &&
				    got.by[UD_REQ].finals == 1 &&
				    got.by[UD_NEXT].res == -ECANCELED) {
				TH_LOG("%s: %d, should be %d; then %d", row->name,
				       got.by[UD_REQ].res, shot.want, got.by[UD_NEXT].res);
			}
		}
		env_reset(e);
	}
}

/* So does one that is refused, with the whole chain. */
TEST_F(opcodes, severs_when_refused)
{
	struct env *e = &self->e;
	const struct row *row;
	struct shot shot;

	for (row = rows; row->name; row++) {
		struct all_got got = { 0 };

		make(&shot, e, row, row->good, variant->flags | IOSQE_IO_LINK);
		shot.sqe.personality = 77;
		submit(e, &shot, true);
		EXPECT_TRUE(collect_both(e, &got));
		EXPECT_TRUE(got.by[UD_REQ].res == -EINVAL && got.by[UD_HEAD].res == -ECANCELED &&
			    got.by[UD_NEXT].res == -ECANCELED) {
			TH_LOG("%s: %d, %d, %d", row->name, got.by[UD_HEAD].res,
			       got.by[UD_REQ].res, got.by[UD_NEXT].res);
		}
		env_reset(e);
	}
}

/* A HARDLINK is not severed by any result. */
TEST_F(opcodes, hardlink)
{
	struct env *e = &self->e;
	const struct row *row;
	struct shot shot;

	for (row = rows; row->name; row++) {
		struct all_got got = { 0 };

		/* What it guards fails, and is not linked so */
		if (row->fail_head)
			continue;
		make_fail(&shot, e, row, variant->flags | IOSQE_IO_HARDLINK);
		if (shot.want != NOT_HERE) {
			submit(e, &shot, false);
			EXPECT_TRUE(collect_both(e, &got));
			EXPECT_TRUE(got.by[UD_REQ].res == shot.want && got.by[UD_NEXT].res == 0) {
				TH_LOG("%s: %d, then %d", row->name, got.by[UD_REQ].res,
				       got.by[UD_NEXT].res);
			}
		}
		env_reset(e);
	}
}

/* CQE_SKIP_SUCCESS: no CQE of one that succeeds ... */
TEST_F(opcodes, skip_success)
{
	const __u8 flags = variant->flags | IOSQE_CQE_SKIP_SUCCESS | IOSQE_IO_LINK;
	struct env *e = &self->e;
	const struct row *row;
	struct shot shot;
	int last;

	for (row = rows; row->name; row++) {
		struct all_got got = { 0 };

		make_good(&shot, e, row, flags);
		last = dup(0);
		close(last);
		if (shot.want != NOT_HERE && !row->no_skip && !row->severs) {
			submit(e, &shot, false);
			EXPECT_TRUE(collect(&e->ring, UD_NEXT, &got) && quiet(e, &got));
			EXPECT_TRUE(got.by[UD_REQ].finals == 0 && got.by[UD_NEXT].res == 0) {
				TH_LOG("%s: %u CQEs (%d), then %d", row->name,
				       got.by[UD_REQ].finals, got.by[UD_REQ].res,
				       got.by[UD_NEXT].res);
			}
		}
		/* The descriptor that nobody was told of */
		if (shot.want == ANY_FD && last >= 0)
			close(last);
		env_reset(e);
	}
}

/*
 * ... but that of one that fails; then those that it takes along have none. A
 * LINK_TIMEOUT that expires has done what it is for: liburing's skip-cqe.
 */
TEST_F(opcodes, skip_failure)
{
	const __u8 flags = variant->flags | IOSQE_CQE_SKIP_SUCCESS;
	struct env *e = &self->e;
	const struct row *row;
	struct shot shot;

	if (untouched())
		SKIP(return, "this kernel overlooks some failures");
	for (row = rows; row->name; row++) {
		struct all_got got = { 0 };

		if (row->fail_head)
			continue;
		make_fail(&shot, e, row, flags);
		if (row->no_skip)
			shot.want = -EINVAL;
		EXPECT_SHOT(e, &shot, "failure with CQE_SKIP_SUCCESS");

		make_fail(&shot, e, row, flags | IOSQE_IO_LINK);
		if (row->no_skip)
			shot.want = -EINVAL;
		if (shot.want != NOT_HERE) {
			submit(e, &shot, false);
			EXPECT_TRUE(collect(&e->ring, UD_REQ, &got) && quiet(e, &got));
			EXPECT_TRUE(got.by[UD_REQ].res == shot.want &&
				    (row->no_skip || !got.by[UD_NEXT].finals)) {
				TH_LOG("%s: %d, should be %d; then %u CQEs (%d)", row->name,
				       got.by[UD_REQ].res, shot.want, got.by[UD_NEXT].finals,
				       got.by[UD_NEXT].res);
			}
		}
		env_reset(e);
	}
}

/* What is checked before the opcode is asked */
TEST_F(opcodes, common_rules)
{
	struct env *e = &self->e;
	const struct row *row;
	struct shot shot;

	for (row = rows; row->name; row++) {
		make(&shot, e, row, row->good, variant->flags | 1 << 7);
		shot.want = -EINVAL;
		EXPECT_SHOT(e, &shot, "unknown flag");
		if (!row->select) {
			make(&shot, e, row, row->good, variant->flags | IOSQE_BUFFER_SELECT);
			shot.want = -EOPNOTSUPP;
			EXPECT_SHOT(e, &shot, "BUFFER_SELECT");
		}
		if (!row->ioprio) {
			make(&shot, e, row, row->good, variant->flags);
			shot.sqe.ioprio = 1 << 13;
			shot.want = -EINVAL;
			EXPECT_SHOT(e, &shot, "ioprio");
		}
		make(&shot, e, row, row->good, variant->flags);
		shot.sqe.personality = 77;
		shot.want = -EINVAL;
		EXPECT_SHOT(e, &shot, "personality");
	}
}

/* Which are possible where devices are polled */
TEST(iopoll)
{
	const struct row *row;
	struct shot shot;
	struct env e;

	if (setup_missing(IORING_SETUP_IOPOLL))
		SKIP(return, "kernel lacks IOPOLL");
	ASSERT_EQ(0, env_open(&e, IORING_SETUP_IOPOLL));
	for (row = rows; row->name; row++) {
		if (!row->iopoll) {
			struct io_uring_sqe nop = { .opcode = row->opcode };

			memset(&shot, 0, sizeof(shot));
			shot.row = row;
			shot.sqe = nop;
			shot.sqe.user_data = UD_REQ;
			shot.want = -EINVAL;
		} else {
			make_good(&shot, &e, row, 0);
			if (row->iopoll != ON_IOPOLL)
				shot.want = row->iopoll;
		}
		EXPECT_SHOT(&e, &shot, "IOPOLL");
	}
	env_close(&e);
}

/* Restrictions know every opcode: all but one are refused. */
TEST(restricted)
{
	struct io_uring_restriction res = { .opcode = IORING_RESTRICTION_SQE_OP };
	const struct row *row, *other;
	struct io_uring_sqe sqe = { 0 };
	struct ring r;

	for (row = rows; row->name; row++) {
		ASSERT_EQ(0, ring_open(&r, 4, IORING_SETUP_R_DISABLED));
		res.sqe_op = row->opcode;
		ASSERT_EQ(0, sys_register(r.fd, IORING_REGISTER_RESTRICTIONS, &res, 1)) {
			TH_LOG("%s", row->name);
		}
		ASSERT_EQ(0, sys_register(r.fd, IORING_REGISTER_ENABLE_RINGS, NULL, 0));
		other = row == rows ? row + 1 : row - 1;
		sqe.opcode = other->opcode;
		EXPECT_EQ(-EACCES, ring_run(&r, 0, sqe)) {
			TH_LOG("%s, only %s is allowed", other->name, row->name);
		}
		/* Refused, too, but by what looks at it later */
		sqe.opcode = row->opcode;
		sqe.personality = 77;
		EXPECT_EQ(-EINVAL, ring_run(&r, 0, sqe)) {
			TH_LOG("%s is allowed", row->name);
		}
		sqe.personality = 0;
		ring_close(&r);
	}
}

TEST(table)
{
	bool there[256] = { false };
	const struct row *row;
	unsigned int i;

	for (row = rows; row->name; row++) {
		EXPECT_FALSE(there[row->opcode]) {
			TH_LOG("%s is there twice", row->name);
		}
		there[row->opcode] = true;
	}
	for (i = 0; i < IORING_OP_LAST; i++)
		EXPECT_TRUE(there[i]) {
			TH_LOG("no row for opcode %u", i);
		}
}

TEST_HARNESS_MAIN
