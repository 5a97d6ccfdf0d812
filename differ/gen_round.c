// SPDX-License-Identifier: GPL-2.0
/*
 * Rounds: batches of requests, with chains, drains and idioms; and which of their
 * results are nobody's promise.
 */
#include <fcntl.h>
#include <string.h>

#include "gen.h"

/* Requests in all rounds of a program */
#define MAX_IN_ALL	24

/**
 * struct round - a round that is being made
 * @id: number of the last chain
 * @left: members of it that are still to come, counting this one
 * @link: its flag
 * @nr_idiom: requests of the current idiom
 * @next_idiom: that of them which comes next
 */
struct round {
	int id;
	int left;
	int link;
	int nr_idiom;
	int next_idiom;
};

static const char idiom_note[] = "(idiom)";

static bool links(const struct request *req)
{
	return req->sqe.flags & (IOSQE_IO_LINK | IOSQE_IO_HARDLINK);
}

/* ------------------------------------------------------------------------
 * Which opcode
 */

static int weighed_opcode(void)
{
	int opcode, total = 0, x;

	for (opcode = 0; opcode < NR_OPCODES; opcode++)
		total += opcode_weight(opcode);
	x = below(total);
	for (opcode = 0; opcode < NR_OPCODES - 1; opcode++) {
		x -= opcode_weight(opcode);
		if (x < 0)
			break;
	}
	return opcode;
}

/* In the place of what would fail because something is missing */
static int opcode_instead(int opcode, bool first)
{
	const struct tables *tables = gen_tables();

	switch (opcode) {
	case IORING_OP_READ_FIXED:
	case IORING_OP_WRITE_FIXED:
		return tables->bufs ? opcode :
				      ANY(IORING_OP_READ, IORING_OP_WRITE, IORING_OP_NOP);
	case IORING_OP_FIXED_FD_INSTALL:
		return tables->files ? opcode : IORING_OP_NOP;
	case IORING_OP_FILES_UPDATE:
		return tables->files ? opcode : IORING_OP_READV;
	case IORING_OP_READ_MULTISHOT:
		return tables->buf_ring ? opcode : ANY(IORING_OP_POLL_ADD, IORING_OP_READ,
						       IORING_OP_PROVIDE_BUFFERS);
	case IORING_OP_POLL_REMOVE:
		return gen_have(IORING_OP_POLL_ADD) ? opcode : IORING_OP_POLL_ADD;
	case IORING_OP_TIMEOUT_REMOVE:
		return gen_have(IORING_OP_TIMEOUT) ? opcode : IORING_OP_TIMEOUT;
	case IORING_OP_REMOVE_BUFFERS:
		return gen_have(IORING_OP_PROVIDE_BUFFERS) ? opcode :
							     IORING_OP_PROVIDE_BUFFERS;
	case IORING_OP_FUTEX_WAKE:
		return gen_have(IORING_OP_FUTEX_WAIT) ? opcode : IORING_OP_FUTEX_WAIT;
	case IORING_OP_ASYNC_CANCEL:
		return first ? ANY(IORING_OP_POLL_ADD, IORING_OP_READ, IORING_OP_TIMEOUT) :
			       opcode;
	default:
		return opcode;
	}
}

static int iopoll_opcode(void)
{
	return ANY(IORING_OP_READ, IORING_OP_WRITE, IORING_OP_READV, IORING_OP_WRITEV,
		   IORING_OP_READ_FIXED, IORING_OP_WRITE_FIXED, IORING_OP_NOP,
		   IORING_OP_FILES_UPDATE, IORING_OP_PROVIDE_BUFFERS, IORING_OP_MSG_RING);
}

static int choose_opcode(const struct round *round, const struct request *req, int i)
{
	int opcode = weighed_opcode();

	if (round->left && i && req[-1].chain == round->id &&
	    req[-1].sqe.opcode != IORING_OP_LINK_TIMEOUT && chance(22))
		opcode = IORING_OP_LINK_TIMEOUT;
	else if (opcode == IORING_OP_LINK_TIMEOUT && chance(85))
		opcode = IORING_OP_NOP;
	if (chance(80))
		opcode = opcode_instead(opcode, !i);
	if ((gen_params()->flags & IORING_SETUP_IOPOLL) && chance(70))
		opcode = iopoll_opcode();
	return opcode_usable(opcode) ? opcode : IORING_OP_NOP;
}

/* ------------------------------------------------------------------------
 * One request
 */

/* The next request of an idiom. Return: it stays as it is */
static bool take_idiom(struct round *round, struct request *req, int i)
{
	int slot = req->slot;
	struct io_uring_sqe *sqe = &req->sqe;

	*req = gen_idiom_requests[round->next_idiom++];
	req->slot = slot;
	if (!opcode_usable(sqe->opcode)) {
		struct io_uring_sqe nop = {
			.flags = sqe->flags & (IOSQE_IO_LINK | IOSQE_IO_HARDLINK),
		};

		*sqe = nop;
	}
	if (round->next_idiom > 1 && links(&req[-1]))
		req->chain = round->id;
	else if (links(req))
		req->chain = ++round->id;
	req->note = idiom_note;
	return chance(85);
}

static void add_flags(struct round *round, struct request *req, bool async, bool last)
{
	struct io_uring_sqe *sqe = &req->sqe;

	if (async)
		sqe->flags |= IOSQE_ASYNC;
	if (chance(3))
		sqe->flags |= IOSQE_IO_DRAIN;
	if (chance(7))
		sqe->flags |= IOSQE_CQE_SKIP_SUCCESS;
	if (round->left) {
		req->chain = round->id;
		/* The last SQE of a batch is seldom linked */
		if (round->left > 1 && (!last || chance(10)))
			sqe->flags |= round->link;
		round->left--;
	}
	if (opcode_never_severs(sqe->opcode) && !program.severs) {
		if (sqe->flags & IOSQE_IO_LINK)
			sqe->flags ^= IOSQE_IO_LINK | IOSQE_IO_HARDLINK;
		sqe->flags &= ~IOSQE_CQE_SKIP_SUCCESS;
	}
}

/* Is it known to differ? Of two with the same user_data that could not be told */
static bool has_rules(const struct request *req)
{
	return (req->sqe.flags & (IOSQE_BUFFER_SELECT | IOSQE_CQE_SKIP_SUCCESS)) ||
	       (gen_params()->flags & IORING_SETUP_IOPOLL) || req->object == OBJ_EPOLL ||
	       req->sqe.opcode == IORING_OP_SEND_ZC || req->sqe.opcode == IORING_OP_SENDMSG_ZC;
}

static void finish_request(struct request *req, int i, bool of_idiom)
{
	if (program.personality && chance(25))
		req->sqe.personality = chance(90) ? 1 : 2;
	if (chance(of_idiom ? 3 : 11))
		gen_mutate(req);
	if (chance(1))
		gen_mutate(req);
	if (req->sqe.flags & IOSQE_IO_DRAIN)
		program.drains = true;
	req->sqe.user_data = user_data_of(gen.step, i);
	if (chance(1) && i && !has_rules(req) && !has_rules(&req[-1]))
		req->sqe.user_data = req[-1].sqe.user_data;
}

static void round_request(struct round *round, int i, int nr)
{
	struct request *req = &gen.step->sqes[i];
	bool of_idiom, as_it_is = false, async;
	int opcode;

	memset(req, 0, sizeof(*req));
	gen.step->nr_sqes = i;
	req->slot = program.nr_sqes++ % NR_SLOTS;
	req->object = -1;
	if (round->next_idiom >= round->nr_idiom && !round->left && nr - i > 1 && chance(28)) {
		round->nr_idiom = gen_idiom(i, nr - i);
		round->next_idiom = 0;
	}
	of_idiom = round->next_idiom < round->nr_idiom;
	if (!of_idiom && !round->left && chance(24)) {
		round->left = 2 + below(3);
		round->link = chance(75) ? IOSQE_IO_LINK : IOSQE_IO_HARDLINK;
		round->id++;
	}
	opcode = choose_opcode(round, req, i);
	async = chance(9);
	gen.async = async || round->left || opcode_punts(opcode);
	if (of_idiom)
		as_it_is = take_idiom(round, req, i);
	else
		gen_request(req, opcode);
	if (!as_it_is)
		add_flags(round, req, async, i == nr - 1);
	finish_request(req, i, of_idiom);
}

/* ------------------------------------------------------------------------
 * What else the program does in a round
 */

static void gen_action(struct step *step)
{
	static const __u8 written[] = {
		OBJ_PIPE0_W, OBJ_PIPE1_W, OBJ_PIPE1_W, OBJ_PIPE1_W, OBJ_PIPE2_W, OBJ_UNIX0,
		OBJ_UNIX1, OBJ_UNIX1, OBJ_DGRAM1, OBJ_TCP0, OBJ_TCP1, OBJ_TCP1, OBJ_UDP1,
		OBJ_EVENTFD,
	};
	struct action *action = &step->actions[step->nr_actions];

	action->object = OBJ_ZERO;
	switch (below(10)) {
	default:
		action->kind = ACT_WRITE;
		action->object = written[below(ARRAY_LEN(written))];
		action->number = ANY(1, 8, 20, 64, 200);
		if (action->object == OBJ_EVENTFD)
			action->number = 8;
		break;
	case 5:
		action->kind = ACT_READ;
		action->object = ANY(OBJ_FULL_R, OBJ_FULL_R, OBJ_UNIX1, OBJ_TCP1, OBJ_PIPE1_R);
		action->number = 4096;
		break;
	case 6:
		action->kind = ACT_CONNECT;
		action->object = OBJ_LISTENER;
		break;
	case 7:
		action->kind = ANY(ACT_CLOSE, ACT_SHUTDOWN, ACT_SHUTDOWN);
		action->object = ANY(OBJ_PIPE1_W, OBJ_PIPE0_R, OBJ_UNIX1, OBJ_TCP1, OBJ_TCP0);
		break;
	case 8:
		action->kind = ACT_WAKE;
		action->number = below(3);
		break;
	case 9:
		action->kind = program.child ? ACT_KILL : ACT_ADD_BUFFERS;
		break;
	}
	if (action->object != OBJ_ZERO && !needs(action->object))
		return;
	if (action->kind == ACT_WAKE && !(program.themes & THEME_MISC))
		return;
	step->nr_actions++;
}

static void round_options(struct step *step)
{
	int i, nr;

	step->how = chance(55) ? SUBMIT_ALL : below(NR_SUBMIT);
	step->wait_nr = below(step->nr_sqes + 2);
	step->cancel = chance(88);
	step->bad_index = chance(1) ? 1 + below(step->nr_sqes) : 0;
	step->probe = chance(18);
	step->keep_cqes = !step->cancel && chance(50);
	step->by_other = step->how == SUBMIT_ALL && chance(4);
	nr = below(4);
	for (i = 0; i < nr; i++)
		gen_action(step);
}

/* ------------------------------------------------------------------------
 * What nobody promises
 */

/* Does it only wait, or end what others wait for? */
static bool leaves_nothing(const struct io_uring_sqe *sqe)
{
	switch (sqe->opcode) {
	case IORING_OP_NOP:
	case IORING_OP_POLL_ADD:
	case IORING_OP_POLL_REMOVE:
	case IORING_OP_TIMEOUT:
	case IORING_OP_TIMEOUT_REMOVE:
	case IORING_OP_LINK_TIMEOUT:
	case IORING_OP_ASYNC_CANCEL:
		return true;
	default:
		return false;
	}
}

static void is_racy(struct request *req)
{
	req->racy = true;
	program.races |= !leaves_nothing(&req->sqe);
}

/* The flags may have been made wrong after the chain got its number */
static void chain_is_racy(struct step *step, int i)
{
	int j;

	for (j = i; j && links(&step->sqes[j - 1]); j--)
		is_racy(&step->sqes[j - 1]);
	is_racy(&step->sqes[i]);
	for (j = i; j + 1 < step->nr_sqes && links(&step->sqes[j]); j++)
		is_racy(&step->sqes[j + 1]);
	for (j = 0; step->sqes[i].chain && j < step->nr_sqes; j++)
		if (step->sqes[j].chain == step->sqes[i].chain)
			is_racy(&step->sqes[j]);
}

/* Has its chain no end in what is submitted together? 6.12 leaves that to a worker */
static bool in_open_chain(const struct step *step, int i)
{
	int end = step->nr_sqes;

	/* The batch may end at an SQE that is not there */
	if (step->bad_index && links(&step->sqes[i]))
		return true;
	if (step->how == SUBMIT_SPLIT && i < end / 2)
		end /= 2;
	while (i < end && links(&step->sqes[i]))
		i++;
	return i == end;
}

/* May a worker do it whatever its file is, at a time of its own? */
static bool leaves_submitter(const struct step *step, int i)
{
	const struct io_uring_sqe *sqe = &step->sqes[i].sqe;

	return opcode_punts(sqe->opcode) || (sqe->flags & IOSQE_ASYNC) ||
	       in_open_chain(step, i);
}

/* May a worker do it, at a time of its own? */
static bool by_worker(const struct step *step, int i)
{
	return leaves_submitter(step, i) || is_file(step->sqes[i].object);
}

/* What a task has given to its workers, or has not begun, may be cancelled when it exits */
static void task_exits(struct step *step)
{
	bool drained = program.drains;
	int i;

	for (i = 0; i < step->nr_sqes; i++) {
		if (drained || by_worker(step, i) ||
		    step->sqes[i].sqe.opcode == IORING_OP_LINK_TIMEOUT)
			chain_is_racy(step, i);
	}
}

/*
 * Polls of the ring itself: what wakes them comes of their own work. How often another ring
 * wakes a multishot is open, too
 */
static bool poll_is_racy(const struct step *step, const struct request *req)
{
	if (req->sqe.opcode != IORING_OP_POLL_ADD)
		return false;
	if (req->object == OBJ_RING0 || req->object == OBJ_RING1)
		return req->object == ring_object(step->ring) || req->sqe.len;
	return !(req->sqe.flags & IOSQE_FIXED_FILE) &&
	       req->sqe.fd == fd_of(ring_object(step->ring));
}

static void ring_polls_are_racy(struct step *step)
{
	int i;

	for (i = 0; i < step->nr_sqes; i++)
		if (poll_is_racy(step, &step->sqes[i]))
			chain_is_racy(step, i);
}

/* Whether there is a racy waiter for a futex, its wake-up tells */
static void wakes_are_racy(struct step *step)
{
	bool waits = false;
	int i;

	for (i = 0; i < step->nr_sqes; i++) {
		const struct request *req = &step->sqes[i];

		waits |= req->racy && (req->sqe.opcode == IORING_OP_FUTEX_WAIT ||
				       req->sqe.opcode == IORING_OP_FUTEX_WAITV);
	}
	for (i = 0; waits && i < step->nr_sqes; i++)
		if (step->sqes[i].sqe.opcode == IORING_OP_FUTEX_WAKE)
			chain_is_racy(step, i);
}

/* Does it complete at another time than its place in the batch says, or have two CQEs? */
static bool is_out_of_turn(const struct step *step, int i)
{
	const struct request *req = &step->sqes[i];

	return by_worker(step, i) || req->object == OBJ_ZERO || links(req) ||
	       req->sqe.opcode == IORING_OP_SEND_ZC || req->sqe.opcode == IORING_OP_SENDMSG_ZC;
}

/* Timeouts that count completions, some of them out of turn */
static void counts_are_racy(struct step *step)
{
	int i;

	for (i = 0; i < step->nr_sqes; i++) {
		const struct io_uring_sqe *sqe = &step->sqes[i].sqe;

		if (sqe->opcode == IORING_OP_TIMEOUT && sqe->off &&
		    !(sqe->timeout_flags & IORING_TIMEOUT_MULTISHOT))
			chain_is_racy(step, i);
	}
}

static bool removes_timeout(const struct io_uring_sqe *sqe)
{
	return sqe->opcode == IORING_OP_TIMEOUT_REMOVE;
}

/* The kernel looks for a module with that protocol, for longer than SOON_NS */
static bool asks_for_module(const struct io_uring_sqe *sqe)
{
	return sqe->opcode == IORING_OP_SOCKET && sqe->len;
}

/*
 * A LINK_TIMEOUT may be due when what it guards is just ending. Of two times on different
 * clocks either may be the first
 */
static void guards_are_racy(struct step *step)
{
	int i;

	for (i = 1; i < step->nr_sqes; i++) {
		const struct io_uring_sqe *sqe = &step->sqes[i].sqe;
		const struct io_uring_sqe *guarded = &step->sqes[i - 1].sqe;

		if (sqe->opcode != IORING_OP_LINK_TIMEOUT || !time_is_soon(sqe))
			continue;
		if (time_is_soon(guarded) || asks_for_module(guarded))
			chain_is_racy(step, i);
	}
}

#define NOT_BY_USER_DATA	(IORING_ASYNC_CANCEL_FD | IORING_ASYNC_CANCEL_ANY |	\
				 IORING_ASYNC_CANCEL_OP)

/* May a cancel, or the removal of a timeout, meet its target half-way? */
static bool cancel_is_racy(const struct step *step, int cancel, int target)
{
	const struct io_uring_sqe *sqe = &step->sqes[cancel].sqe;
	const struct request *req = &step->sqes[target];
	bool by_time = time_is_now(&req->sqe) || req->racy;

	if (removes_timeout(sqe) && !by_time)
		return false;
	if (!by_time && !by_worker(step, target) && !(sqe->flags & IOSQE_ASYNC))
		return false;
	if (!removes_timeout(sqe) && (sqe->cancel_flags & NOT_BY_USER_DATA))
		return true;
	return sqe->addr == req->sqe.user_data;
}

/* Does it end one of several, any of them? Whether a racy one is there, decides about all */
static bool picks_any(const struct io_uring_sqe *sqe)
{
	return !removes_timeout(sqe) && (sqe->cancel_flags & NOT_BY_USER_DATA) &&
	       !(sqe->cancel_flags & IORING_ASYNC_CANCEL_ALL);
}

static bool may_wait(const struct request *req)
{
	switch (req->sqe.opcode) {
	case IORING_OP_POLL_ADD:
	case IORING_OP_TIMEOUT:
	case IORING_OP_FUTEX_WAIT:
	case IORING_OP_FUTEX_WAITV:
	case IORING_OP_WAITID:
		return true;
	default:
		return is_stream(req->object);
	}
}

static void targets_are_racy(struct step *step, const struct io_uring_sqe *cancel)
{
	bool any = cancel->cancel_flags & IORING_ASYNC_CANCEL_ANY;
	bool by_fd = cancel->cancel_flags & IORING_ASYNC_CANCEL_FD;
	bool by_op = cancel->cancel_flags & IORING_ASYNC_CANCEL_OP;
	int i;

	for (i = 0; i < step->nr_sqes; i++) {
		const struct io_uring_sqe *sqe = &step->sqes[i].sqe;

		if (!may_wait(&step->sqes[i]) || (!any && by_fd && sqe->fd != cancel->fd) ||
		    (!any && by_op && sqe->opcode != cancel->len))
			continue;
		chain_is_racy(step, i);
	}
}

static void cancels_are_racy(struct step *step)
{
	int i, j;

	for (i = 0; i < step->nr_sqes; i++) {
		const struct io_uring_sqe *sqe = &step->sqes[i].sqe;

		if (sqe->opcode != IORING_OP_ASYNC_CANCEL && !removes_timeout(sqe))
			continue;
		for (j = 0; j < step->nr_sqes; j++) {
			if (j == i || !cancel_is_racy(step, i, j))
				continue;
			chain_is_racy(step, i);
			chain_is_racy(step, j);
			if (picks_any(sqe))
				targets_are_racy(step, sqe);
		}
	}
}

static bool changes_names(const struct io_uring_sqe *sqe)
{
	switch (sqe->opcode) {
	case IORING_OP_OPENAT:
		return sqe->open_flags & O_CREAT;
	case IORING_OP_RENAMEAT:
	case IORING_OP_UNLINKAT:
	case IORING_OP_MKDIRAT:
	case IORING_OP_SYMLINKAT:
	case IORING_OP_LINKAT:
		return true;
	default:
		return false;
	}
}

static bool is_name(__u64 address)
{
	return address >= NAMES && address < NAMES + NAME_SIZE * NR_NAMES;
}

static bool has_name(const struct io_uring_sqe *sqe, __u64 name)
{
	return is_name(name) && (sqe->addr == name || sqe->addr2 == name || sqe->addr3 == name);
}

/* One changes what a path is, and another one, which nothing orders, has the same path */
static void names_are_racy(struct step *step)
{
	int i, j;

	for (i = 0; i < step->nr_sqes; i++) {
		const struct request *req = &step->sqes[i];

		for (j = 0; changes_names(&req->sqe) && j < step->nr_sqes; j++) {
			const struct request *other = &step->sqes[j];

			if (j == i || (req->chain && req->chain == other->chain))
				continue;
			if (!has_name(&other->sqe, req->sqe.addr) &&
			    !has_name(&other->sqe, req->sqe.addr2))
				continue;
			chain_is_racy(step, i);
			chain_is_racy(step, j);
		}
	}
}

/* What SPLICE and TEE read */
static int input_object(const struct io_uring_sqe *sqe)
{
	int object = sqe->splice_fd_in - fd_of(0);

	if (sqe->opcode != IORING_OP_SPLICE && sqe->opcode != IORING_OP_TEE)
		return -1;
	return object >= 0 && object < NR_OBJECTS ? object : -1;
}

static bool use_the_same(const struct request *a, const struct request *b)
{
	int in_a = input_object(&a->sqe), in_b = input_object(&b->sqe);

	if (is_stream(a->object) && (a->object == b->object || a->object == in_b))
		return true;
	return is_stream(in_a) && (in_a == b->object || in_a == in_b);
}

/* Does it end what goes on between two sockets? */
static bool ends_connection(const struct request *req, const struct request *other)
{
	return req->sqe.opcode == IORING_OP_SHUTDOWN && is_stream(req->object) &&
	       other_end(req->object) == other->object;
}

/* Does it wait for its socket first? 6.12 does that when the batch was submitted */
static bool polls_first(const struct io_uring_sqe *sqe)
{
	switch (sqe->opcode) {
	case IORING_OP_SEND:
	case IORING_OP_SENDMSG:
	case IORING_OP_SEND_ZC:
	case IORING_OP_SENDMSG_ZC:
	case IORING_OP_RECV:
	case IORING_OP_RECVMSG:
		return sqe->ioprio & IORING_RECVSEND_POLL_FIRST;
	case IORING_OP_ACCEPT:
		return sqe->ioprio & IORING_ACCEPT_POLL_FIRST;
	default:
		return false;
	}
}

/* One is done later, and another one, which nothing orders, uses the same stream */
static void streams_are_racy(struct step *step)
{
	int i, j;

	for (i = 0; i < step->nr_sqes; i++) {
		const struct request *req = &step->sqes[i];
		bool late = leaves_submitter(step, i) || polls_first(&req->sqe);

		for (j = 0; late && j < step->nr_sqes; j++) {
			const struct request *other = &step->sqes[j];

			if (j == i || (req->chain && req->chain == other->chain))
				continue;
			if (!use_the_same(req, other) && !ends_connection(req, other))
				continue;
			chain_is_racy(step, i);
			chain_is_racy(step, j);
		}
	}
}

static void mark_racy(struct step *step)
{
	bool out_of_turn = step->by_other || program.drains;
	int i;

	if (step->by_other)
		task_exits(step);
	for (i = 0; i < step->nr_sqes; i++)
		out_of_turn |= is_out_of_turn(step, i);
	if (out_of_turn)
		counts_are_racy(step);
	guards_are_racy(step);
	names_are_racy(step);
	streams_are_racy(step);
	ring_polls_are_racy(step);
	cancels_are_racy(step);
	wakes_are_racy(step);
}

void gen_round(int ring)
{
	struct step *step = gen_step(STEP_ROUND, ring);
	struct round round = { };
	int i, nr;

	gen.step = step;
	memset(gen.used, 0, sizeof(gen.used));
	nr = 1 + below(MAX_SQES - 1);
	if (program.nr_sqes + nr > MAX_IN_ALL)
		nr = MAX_IN_ALL - program.nr_sqes;
	if (nr > (int)gen_params()->sq_entries)
		nr = gen_params()->sq_entries;
	for (i = 0; i < nr; i++)
		round_request(&round, i, nr);
	step->nr_sqes = nr;
	round_options(step);
	mark_racy(step);
}
