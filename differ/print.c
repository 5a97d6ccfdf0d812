// SPDX-License-Identifier: GPL-2.0
/*
 * Programs as text, for people and for program.py.
 */
#include <stdio.h>

#include "arena.h"
#include "program.h"
#include "random.h"

/* Names of the bits that are set. Return: how many */
static int print_bits(__u32 bits, const char *const *names, int nr, const char *between)
{
	int i, done = 0;

	for (i = 0; i < 32; i++) {
		if (!(bits >> i & 1))
			continue;
		printf("%s", done++ ? between : "");
		if (i < nr)
			printf("%s", names[i]);
		else
			printf("bit%d", i);
	}
	return done;
}

static void print_sqe_flags(__u32 flags)
{
	static const char *const names[] = {
		"FIXED", "DRAIN", "LINK", "HARDLINK", "ASYNC", "BUFSEL", "SKIP", "BIT7",
	};

	printf(" flags=");
	if (!print_bits(flags, names, ARRAY_LEN(names), "|"))
		printf("0");
}

/* Inside a range: its name and the offset in it. Return: whether it is */
static bool print_offset(__u64 address, __u64 start, __u64 size, const char *name)
{
	if (address < start || address >= start + size)
		return false;
	printf("%s+0x%x", name, (int)(address - start));
	return true;
}

static const char *address_name(__u64 address)
{
	switch (address) {
	case ADDR_LISTENER:
		return "sa:listener";
	case ADDR_NOBODY:
		return "sa:127.0.0.1:1";
	case ADDR_ANY:
		return "sa:127.0.0.1:0";
	case ADDR_UDP:
		return "sa:udp1";
	case LONG_NAME:
		return "\"a*300\"";
	case HOLE:
		return "hole";
	case READ_ONLY:
		return "rdonly-page";
	default:
		return NULL;
	}
}

static void print_address(const char *field, __u64 address)
{
	const char *name = address_name(address);

	printf(" %s=", field);
	if (name)
		printf("%s", name);
	else if (address >= ARENA && address < ARENA + SLOTS_SIZE)
		printf("slot%d+%d", (int)((address - ARENA) / SLOT_SIZE),
		       (int)(address % SLOT_SIZE));
	else if (address >= WORD(0) && address < WORD(NR_WORDS))
		printf("futex%d", (int)(address - WORD(0)) / 4);
	else if (address >= NAMES && address < NAMES + NAME_SIZE * NR_NAMES)
		printf("\"%s\"", (char *)at(address));
	else if (!print_offset(address, META, META_SIZE, "meta") &&
		 !print_offset(address, BIG, BIG_SIZE, "big") &&
		 !print_offset(address, PBUF, PBUF_SIZE, "pbuf"))
		printf("0x%llx", address);
}

/* What an address on the heap points to */
static void print_words(__u64 address, int nr)
{
	const __u64 *word = at(address);
	int i;

	if (address < HEAP || address >= META_END)
		return;
	printf(" {");
	for (i = 0; i < nr; i++)
		printf("%s%llx", i ? " " : "", word[i]);
	printf("}");
}

static int words_of(const struct io_uring_sqe *sqe)
{
	switch (sqe->opcode) {
	case IORING_OP_SENDMSG:
	case IORING_OP_RECVMSG:
	case IORING_OP_SENDMSG_ZC:
		return 7;
	case IORING_OP_READV:
	case IORING_OP_WRITEV:
		return 2 * (sqe->len & 3);
	default:
		return 2;
	}
}

static void print_fd(const struct request *req)
{
	int object;

	if (req->sqe.flags & IOSQE_FIXED_FILE) {
		printf(" slot=%d", req->sqe.fd);
		if (req->in_slot)
			printf("(%s)", object_names[req->object]);
		return;
	}
	if (req->child) {
		printf(" fd=<child>");
		return;
	}
	printf(" fd=%d", req->sqe.fd);
	for (object = 0; object < NR_OBJECTS; object++)
		if (fd_of(object) == req->sqe.fd)
			printf("(%s)", object_names[object]);
}

static void print_fields(const struct io_uring_sqe *sqe)
{
	if (sqe->ioprio)
		printf(" ioprio=0x%x", sqe->ioprio);
	if (sqe->off)
		print_address("off", sqe->off);
	if (sqe->addr)
		print_address("addr", sqe->addr);
	if (sqe->len)
		printf(" len=%d", sqe->len);
	if (sqe->rw_flags)
		printf(" opflags=0x%x", sqe->rw_flags);
	if (sqe->buf_index)
		printf(" buf=%d", sqe->buf_index);
	if (sqe->personality)
		printf(" pers=%d", sqe->personality);
	if (sqe->file_index)
		printf(" file_index=%d", sqe->file_index);
	if (sqe->addr3)
		print_address("addr3", sqe->addr3);
	if (sqe->__pad2[0])
		printf(" pad2=0x%llx", sqe->__pad2[0]);
}

static void print_request(const struct request *req)
{
	const struct io_uring_sqe *sqe = &req->sqe;

	if (sqe->opcode < NR_OPCODES)
		printf("%s", opcode_names[sqe->opcode]);
	else
		printf("op%d", sqe->opcode);
	print_sqe_flags(sqe->flags);
	print_fd(req);
	if (req->chain)
		printf(" chain=%d", req->chain);
	print_fields(sqe);
	print_words(sqe->addr, words_of(sqe));
	print_words(sqe->off, 3);
	printf(" ud=0x%llx%s%s%s%s\n", sqe->user_data,
	       req->racy ? " RACY" : "", req->note ? " " : "", req->note ?: "",
	       req->dropped ? " DROPPED" : "");
}

static void print_params(const struct io_uring_params *p, __u32 entries)
{
	static const char *const names[] = {
		"IOPOLL", "SQPOLL", "SQ_AFF", "CQSIZE", "CLAMP", "ATTACH_WQ", "R_DISABLED",
		"SUBMIT_ALL", "COOP", "TASKRUN_FLAG", "SQE128", "CQE32", "SINGLE", "DEFER",
		"NO_MMAP", "REGFD_ONLY", "NO_SQARRAY",
	};

	printf("entries=%u cq=%u flags=", entries, p->cq_entries);
	print_bits(p->flags, names, ARRAY_LEN(names), " ");
	printf(" idle=%d cpu=%d wq=%d resv=%d,%d,%d\n", p->sq_thread_idle, p->sq_thread_cpu,
	       p->wq_fd, p->resv[0], p->resv[1], p->resv[2]);
}

static void print_register(const struct step *step)
{
	__u32 op = step->op & ~IORING_REGISTER_USE_REGISTERED_RING;

	printf("register ring%d %s%s(%u)", step->ring,
	       op != step->op ? "REGRING|" : "", op < NR_REGISTER_OPS ? register_names[op] : "?",
	       op);
	print_address("arg", step->arg);
	printf(" nr=%d", step->nr);
	print_words(step->arg, 4);
	printf("\n");
}

static void print_round(const struct step *step, int number)
{
	static const char *const how[] = {
		"all", "and wait", "split", "more than queued", "bad flags first", "min wait",
		"registered ring", "sigmask", "bad ext arg first", "absolute time",
	};
	static const char *const acts[] = {
		"write", "read", "connect to", "close", "shutdown", "futex wake", "kill child",
		"add buffers",
	};
	int i;

	printf("round ring%d submit %s%s, wait %d%s%s%s%s\n", step->ring, how[step->how],
	       step->by_other ? " by another task" : "", step->wait_nr,
	       step->probe ? ", probe" : "", step->keep_cqes ? ", reap nothing" : "",
	       step->cancel ? ", then cancel all" : "",
	       step->bad_index ? ", one bad SQ index" : "");
	for (i = 0; i < step->nr_sqes; i++) {
		printf("r%d.%d ", number, i);
		print_request(&step->sqes[i]);
	}
	for (i = 0; i < step->nr_actions; i++) {
		const struct action *action = &step->actions[i];

		printf("   then %s %s %d\n", acts[action->kind],
		       action->object == OBJ_ZERO ? "" : object_names[action->object],
		       action->number);
	}
}

static void print_step(const struct step *step, int number)
{
	static const char letters[] = "ssgrss";

	printf("%c%d ", letters[step->kind], number);
	switch (step->kind) {
	case STEP_SETUP:
		printf("setup ring%d ", step->ring);
		print_params(&step->params, step->params.sq_entries);
		break;
	case STEP_PROBE_SETUP:
		printf("setup probe%s ", step->bad_pointer ? " bad pointer" : "");
		print_params(&step->params, step->nr);
		break;
	case STEP_REGISTER:
		print_register(step);
		break;
	case STEP_ROUND:
		print_round(step, number);
		break;
	case STEP_MMAP:
		printf("mmap off=0x%llx len=%u\n", step->arg, step->nr);
		break;
	case STEP_DROP_ROOT:
		printf("setresuid 1000\n");
		break;
	}
}

void print_program(__u64 seed)
{
	int i;

	printf("program %llu: objects", seed);
	for (i = 0; i < NR_OBJECTS; i++)
		if (needs(i))
			printf(" %s", object_names[i]);
	printf("; pending connects %d, prefilled unix %d tcp %d udp %d", program.pending,
	       program.unix_bytes, program.tcp_bytes, program.udp_messages);
	if (program.threads > 1)
		printf(", %d threads", program.threads);
	if (program.child)
		printf(", child (%s)", program.child_exits ? "exits 7" : "sleeps");
	printf("%s%s\n", program.severs ? ", sever" : "",
	       program.leaves ? ", exits with requests in flight" : "");
	for (i = 0; i < program.nr_steps; i++)
		print_step(&program.steps[i], i);
}
