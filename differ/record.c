// SPDX-License-Identifier: GPL-2.0
/*
 * The record of a run, and the normaliser: what is the kernel's to choose does not
 * appear in it.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "arena.h"
#include "run.h"

#define NR_ERRNOS	160
#define SEEN_NOW	(1u << 31)

static char *record, *record_limit;

static struct completion completions[512];
static int nr_completions;

/* [row][errno, 0 is success] */
static __u32 (*coverage)[NR_ERRNOS];

void record_begin(char *buffer)
{
	record = buffer;
	record_limit = buffer + MAX_OUT - 200;
}

void record_extend(void)
{
	record_limit += 150;
}

char *record_end(void)
{
	return record;
}

void out(const char *format, ...)
{
	size_t room = record_limit - record;
	va_list args;
	int len;

	va_start(args, format);
	len = vsnprintf(record, room, format, args);
	va_end(args);
	if (len > 0)
		record += (size_t)len < room ? (size_t)len : room;
}

__u32 hash(const void *data, size_t size)
{
	const __u64 *word = data;
	const __u8 *byte = data;
	__u64 h = 0x1234567;
	size_t i;

	for (i = 0; i < size / 8; i++) {
		h = (h ^ word[i]) * 0x9e3779b97f4a7c15ull;
		h ^= h >> 29;
	}
	for (i = size & ~7ul; i < size; i++)
		h = (h ^ byte[i]) * 0x100000001b3ull;
	return h;
}

/* ------------------------------------------------------------------------
 * Coverage
 */

void coverage_init(void)
{
	coverage = mmap(NULL, sizeof(*coverage) * NR_ROWS, PROT_READ | PROT_WRITE,
			MAP_SHARED | MAP_ANONYMOUS, -1, 0);
}

void count_result(int row, int res)
{
	int error = res < 0 && res > -NR_ERRNOS ? -res : 0;

	if (run.number || row >= NR_ROWS || coverage[row][error] & SEEN_NOW)
		return;
	coverage[row][error]++;
	coverage[row][error] |= SEEN_NOW;
}

void count_next_program(void)
{
	int row, error;

	for (row = 0; row < NR_ROWS; row++)
		for (error = 0; error < NR_ERRNOS; error++)
			coverage[row][error] &= ~SEEN_NOW;
}

static const char *row_name(int row)
{
	if (row < NR_OPCODES)
		return opcode_names[row];
	if (row < ROW_SETUP)
		return register_names[row - NR_OPCODES];
	return row == ROW_SETUP ? "setup" : "enter";
}

void coverage_print(int fd)
{
	int row, error;

	for (row = 0; row < NR_ROWS; row++)
		for (error = 0; error < NR_ERRNOS; error++)
			if (coverage[row][error])
				dprintf(fd, "C %s%s %d %u\n",
					row >= NR_OPCODES && row < ROW_SETUP ? "reg:" : "",
					row_name(row), error, coverage[row][error] & ~SEEN_NOW);
}

/* ------------------------------------------------------------------------
 * Completions
 */

void record_completion(const struct completion *completion)
{
	if (nr_completions < (int)(sizeof(completions) / sizeof(completions[0])))
		completions[nr_completions++] = *completion;
}

bool has_ended(const struct completion *notification)
{
	int i;

	for (i = 0; i < nr_completions; i++) {
		const struct completion *c = &completions[i];

		if (c->user_data == notification->user_data && c->ring == notification->ring &&
		    !(c->flags & (IORING_CQE_F_MORE | IORING_CQE_F_NOTIF)))
			return true;
	}
	return false;
}

void forget_completions(void)
{
	nr_completions = 0;
}

static bool makes_descriptor(const struct io_uring_sqe *sqe)
{
	switch (sqe->opcode) {
	case IORING_OP_FIXED_FD_INSTALL:
		return true;
	case IORING_OP_OPENAT:
	case IORING_OP_OPENAT2:
	case IORING_OP_SOCKET:
	case IORING_OP_ACCEPT:
		return !sqe->file_index;
	default:
		return false;
	}
}

/* Not its number, but what it is */
static void out_descriptor(int fd)
{
	struct stat st;

	if (fstat(fd, &st)) {
		out("fd:closed");
		return;
	}
	/* Of 32 bits they have no O_LARGEFILE of their own */
	out("fd:%x%c%x", st.st_mode & S_IFMT, fcntl(fd, F_GETFD) & FD_CLOEXEC ? 'c' : '-',
	    fcntl(fd, F_GETFL) & ~0100000);
}

static void out_completion(struct completion *c, const struct request *req)
{
	/* Either may say that a worker was interrupted */
	int res = c->res == -EINTR ? -ECANCELED : c->res;

	if (req && req->sqe.opcode < NR_OPCODES)
		count_result(req->sqe.opcode, res);
	if (req && res >= 0 && makes_descriptor(&req->sqe))
		out_descriptor(res);
	else
		out("%d", res);
	out("/%x", c->flags);
	if (c->big[0] | c->big[1])
		out("+%llx,%llx", c->big[0], c->big[1]);
	out(" ");
	c->written = true;
}

struct word {
	char *start;
	int len;
};

static bool is_after(const struct word *a, const struct word *b)
{
	int min = a->len < b->len ? a->len : b->len;
	int c = memcmp(a->start, b->start, min);

	return c ? c > 0 : a->len > b->len;
}

/* The words from @start on have no order: sort them */
static void sort_words(char *start, struct word *words, int nr)
{
	static char sorted[MAX_OUT];
	char *p = sorted;
	int i, j;

	for (i = 0; i < nr; i++) {
		for (j = i + 1; j < nr; j++) {
			if (is_after(&words[i], &words[j])) {
				struct word word = words[i];

				words[i] = words[j];
				words[j] = word;
			}
		}
	}
	for (i = 0; i < nr; i++) {
		memcpy(p, words[i].start, words[i].len);
		p += words[i].len;
	}
	memcpy(start, sorted, p - sorted);
}

/*
 * All completions with this user_data. @ring: only of this one, or -1. @sorted: several
 * requests share it, so that their order means nothing.
 */
static void out_completions(__u64 user_data, int ring, const struct request *req,
			    bool sorted)
{
	struct word words[64];
	char *start = record;
	int i, nr = 0;

	for (i = 0; i < nr_completions; i++) {
		struct completion *c = &completions[i];

		if (c->written || c->user_data != user_data || (ring >= 0 && c->ring != ring))
			continue;
		words[nr].start = record;
		out_completion(c, req);
		words[nr].len = record - words[nr].start;
		if (nr < 63)
			nr++;
	}
	if (sorted && nr > 1)
		sort_words(start, words, nr);
}

static bool came(__u64 user_data)
{
	int i;

	for (i = 0; i < nr_completions; i++)
		if (!completions[i].written && completions[i].user_data == user_data)
			return true;
	return false;
}

/* Its completions came, but say nothing */
static void skip_completions(__u64 user_data)
{
	int i;

	for (i = 0; i < nr_completions; i++)
		if (completions[i].user_data == user_data)
			completions[i].written = true;
	out("?");
}

bool reads_signals(const struct request *req)
{
	int i;

	if (req->object != OBJ_EVENTFD && req->object != OBJ_EVENTFD3)
		return false;
	for (i = 0; i < program.nr_steps; i++) {
		const struct step *step = &program.steps[i];

		if (step->kind == STEP_REGISTER && (step->op == IORING_REGISTER_EVENTFD ||
						    step->op == IORING_REGISTER_EVENTFD_ASYNC))
			return true;
	}
	return false;
}

static void out_data(const struct request *req, int i)
{
	__u32 changed = slot_changed(req->slot);
	const void *data = at(SLOT(req->slot));

	if (!changed || req->racy || reads_signals(req))
		return;
	out("r%d.d%d=", run.step, i);
	if (req->sqe.opcode == IORING_OP_STATX) {
		const struct statx *stx = data;

		out("%x,%x,%d,%lld,%d\n", stx->stx_mask & 0x173f, stx->stx_mode, stx->stx_nlink,
		    (long long)stx->stx_size, stx->stx_uid);
	} else if (req->sqe.opcode == IORING_OP_ACCEPT) {
		out("%x\n", *(const __u16 *)data);
	} else if (req->sqe.opcode == IORING_OP_WAITID) {
		const siginfo_t *info = data;

		out("%d,%d,%d,%d\n", info->si_signo, info->si_code, info->si_status,
		    info->si_pid == run.child);
	} else {
		out("%x\n", changed);
	}
}

void out_round_completions(const struct step *step)
{
	int i;

	for (i = 0; i < step->nr_sqes; i++) {
		const struct request *req = &step->sqes[i];

		if (req->dropped || (i && shares_user_data(step, i - 1)))
			continue;
		if (came(req->sqe.user_data)) {
			out("r%d.%d=", run.step, i);
			if (req->racy)
				skip_completions(req->sqe.user_data);
			else
				out_completions(req->sqe.user_data, -1, req,
						shares_user_data(step, i));
			out("\n");
		}
		out_data(req, i);
	}
}

static void out_where(bool in_the_end)
{
	if (in_the_end)
		out("f");
	else
		out("r%d", run.step);
}

/* Of earlier rounds. What a drain has held back may have come at any time */
void out_late_completions(bool in_the_end)
{
	int number, i;

	for (number = 0; number < program.nr_steps && number <= run.step; number++) {
		const struct step *step = &program.steps[number];

		if (step->kind != STEP_ROUND)
			continue;
		for (i = 0; i < step->nr_sqes; i++) {
			const struct request *req = &step->sqes[i];

			if (!came(req->sqe.user_data))
				continue;
			out_where(in_the_end);
			out(".p%d.%d=", number, i);
			if (req->racy || program.drains)
				skip_completions(req->sqe.user_data);
			else
				out_completions(req->sqe.user_data, -1, req,
						shares_user_data(step, i));
			out("\n");
		}
	}
}

/* Is it the result of a cancel that may have come at any time, or met a racy request? */
static bool is_open(const struct completion *c, bool in_the_end)
{
	if (c->user_data >> 16 != 0xca)
		return false;
	return program.drains || in_the_end || has_racy(&program.steps[c->user_data & 0xff]);
}

void out_other_completions(bool in_the_end)
{
	int i;

	for (i = 0; i < nr_completions; i++) {
		struct completion *c = &completions[i];

		if (c->written)
			continue;
		out_where(in_the_end);
		out(".x%llx.%d=", c->user_data, c->ring);
		if (is_open(c, in_the_end)) {
			out("?");
			c->written = true;
		} else {
			out_completions(c->user_data, c->ring, NULL, true);
		}
		out("\n");
	}
}
