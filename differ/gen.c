// SPDX-License-Identifier: GPL-2.0
/*
 * The generator: a program for each seed.
 *
 * A program makes one or two rings, registers something, and submits a few rounds of
 * requests on objects of one or two themes. It is a function of its seed alone.
 */
#include <string.h>

#include "gen.h"

__u64 random_state;
struct program program;
struct generator gen;
int threads_wanted = 1;

/* The next free byte of META */
static __u64 heap;

__u64 meta_alloc(size_t size)
{
	__u64 address = heap;

	size = (size + 15) & ~15ul;
	if (heap + size > META_END)
		return META_END - 512;
	heap += size;
	memset(at(address), 0, size);
	return address;
}

__u64 gen_name(int name)
{
	if (name <= NAME_APPEND)
		need(OBJ_FILE0 + name);
	need(OBJ_DIR);
	if (name == NAME_SECRET)
		need(OBJ_SECRET);
	return NAMES + NAME_SIZE * name;
}

/* Requests that nothing orders do not share an object, as a rule */
static bool is_taken(int object)
{
	if (object == OBJ_ZERO || object == OBJ_NULL || object == OBJ_CLOSED)
		return false;
	return gen.used[object] == USED_ASYNC || (gen.used[object] && gen.async);
}

int gen_pick(const __u8 *objects, int nr)
{
	int i, object;

	for (i = 0; i < 12; i++) {
		object = objects[below(nr)];
		if (!(object_themes[object] & (program.themes | THEME_ANY)))
			continue;
		if (is_taken(object) && !chance(4))
			continue;
		gen.used[object] = gen.async ? USED_ASYNC : USED;
		return object;
	}
	return ANY(OBJ_ZERO, OBJ_NULL, OBJ_ZERO, OBJ_CLOSED);
}

void gen_fd(struct request *req, int object)
{
	const struct tables *tables = gen_tables();
	int i;

	need(object);
	req->object = object;
	req->sqe.fd = fd_of(object);
	if (tables->files && chance(70)) {
		for (i = 0; i < ARRAY_LEN(tables->file); i++) {
			if (tables->file[i] != object)
				continue;
			req->sqe.fd = i;
			req->sqe.flags |= IOSQE_FIXED_FILE;
			req->in_slot = true;
			return;
		}
	}
	if (chance(1)) {
		req->sqe.fd = below(9);
		req->sqe.flags |= IOSQE_FIXED_FILE;
	}
}

/* Can a request of this step still be there? */
static bool may_remain(const struct step *step)
{
	return step->kind == STEP_ROUND && (step == gen.step || !step->cancel);
}

__u64 gen_earlier(int opcode, int other)
{
	__u64 found[32];
	struct step *step;
	int i, nr = 0;

	for (step = program.steps; step <= gen.step; step++) {
		if (!may_remain(step))
			continue;
		for (i = 0; i < step->nr_sqes && nr < ARRAY_LEN(found); i++) {
			const struct io_uring_sqe *sqe = &step->sqes[i].sqe;

			if (sqe->user_data && (opcode < 0 || sqe->opcode == opcode ||
					       sqe->opcode == other))
				found[nr++] = sqe->user_data;
		}
	}
	return nr && !chance(8) ? found[below(nr)] : 0xdead;
}

bool gen_have(int opcode)
{
	struct step *step;
	int i;

	for (step = program.steps; step <= gen.step; step++) {
		if (!may_remain(step) && (step->kind != STEP_ROUND ||
					  opcode != IORING_OP_PROVIDE_BUFFERS))
			continue;
		for (i = 0; i < step->nr_sqes; i++)
			if (step->sqes[i].sqe.opcode == opcode)
				return true;
	}
	return false;
}

__u64 gen_time(int kinds)
{
	__u64 address = meta_alloc(sizeof(struct __kernel_timespec));
	struct __kernel_timespec *ts = at(address);

	if (chance(5)) {
		if (chance(50))
			ts->tv_sec = -1;
		else
			ts->tv_nsec = -5;
		return address;
	}
	for (;;) {
		switch (below(6)) {
		case 0:
			if (!(kinds & TIME_NOW))
				break;
			ts->tv_nsec = below(2);
			return address;
		case 1:
		case 2:
			if (!(kinds & TIME_NEVER))
				break;
			ts->tv_sec = NEVER_S;
			return address;
		default:
			if (!(kinds & TIME_SOON))
				break;
			ts->tv_nsec = SOON_NS;
			return address;
		}
	}
}

/* Does it have a time that can be read? */
static bool has_time(const struct io_uring_sqe *sqe)
{
	if (sqe->opcode != IORING_OP_TIMEOUT && sqe->opcode != IORING_OP_LINK_TIMEOUT)
		return false;
	return sqe->addr >= HEAP && sqe->addr < META_END;
}

bool time_is_now(const struct io_uring_sqe *sqe)
{
	const struct __kernel_timespec *ts = at(sqe->addr);

	if (!has_time(sqe))
		return false;
	return (sqe->timeout_flags & IORING_TIMEOUT_ABS) || (!ts->tv_sec && ts->tv_nsec < SOON_NS);
}

bool time_is_soon(const struct io_uring_sqe *sqe)
{
	const struct __kernel_timespec *ts = at(sqe->addr);

	return has_time(sqe) && !ts->tv_sec && ts->tv_nsec == SOON_NS;
}

struct step *gen_step(enum step_kind kind, int ring)
{
	struct step *step = &program.steps[program.nr_steps++];

	memset(step, 0, sizeof(*step));
	step->kind = kind;
	step->ring = ring;
	return step;
}

/* ------------------------------------------------------------------------
 * Setup
 */

/* How completions are run, and who submits */
static __u32 setup_mode(struct io_uring_params *p, __u32 mode)
{
	__u32 flags = 0;

	if (mode < 22) {
		flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN;
		flags |= chance(40) ? IORING_SETUP_TASKRUN_FLAG : 0;
	} else if (mode < 36) {
		flags = IORING_SETUP_COOP_TASKRUN;
		flags |= chance(40) ? IORING_SETUP_TASKRUN_FLAG : 0;
	} else if (mode < 41) {
		flags = IORING_SETUP_SQPOLL;
		p->sq_thread_idle = 1;
		flags |= chance(20) ? IORING_SETUP_SQ_AFF : 0;
	} else if (mode < 45) {
		flags = IORING_SETUP_IOPOLL;
		program.themes |= THEME_BLOCK;
	}
	return flags;
}

static void setup_cq_size(struct io_uring_params *p)
{
	p->flags |= IORING_SETUP_CQSIZE;
	p->cq_entries = ANY(32, 64, 16, 40);
	if (p->cq_entries < p->sq_entries)
		p->cq_entries = 32;
	if (chance(50))
		p->cq_entries = p->sq_entries;
}

static void setup_own_memory(struct io_uring_params *p, int ring)
{
	p->flags |= IORING_SETUP_NO_MMAP;
	if (chance(40))
		p->flags |= IORING_SETUP_REGISTERED_FD_ONLY;
	p->cq_off.user_addr = OWN_RINGS + OWN_RING_SIZE * ring;
	p->sq_off.user_addr = p->cq_off.user_addr + OWN_RING_SIZE / 2;
}

static void setup_other_flags(struct io_uring_params *p, int ring)
{
	if (chance(8))
		p->flags |= IORING_SETUP_SINGLE_ISSUER;
	if (chance(25))
		p->flags |= IORING_SETUP_SUBMIT_ALL;
	if (chance(18))
		setup_cq_size(p);
	if (chance(4))
		p->flags |= IORING_SETUP_CLAMP;
	if (chance(6))
		p->flags |= IORING_SETUP_SQE128;
	if (chance(8))
		p->flags |= IORING_SETUP_CQE32;
	if (chance(10))
		p->flags |= IORING_SETUP_NO_SQARRAY;
	if (chance(6))
		p->flags |= IORING_SETUP_R_DISABLED;
	if (chance(5) && p->sq_entries <= 16)
		setup_own_memory(p, ring);
	if (ring && chance(20)) {
		p->flags |= IORING_SETUP_ATTACH_WQ;
		p->wq_fd = fd_of(OBJ_RING0);
	}
}

static void gen_setup(int ring)
{
	struct io_uring_params *p = &program.params[ring];
	__u32 entries, mode = below(100);

	memset(p, 0, sizeof(*p));
	p->sq_entries = ANY(8, 8, 8, 8, 16, 16, 32, 4, 2, 1, 5, 20);
	p->flags = setup_mode(p, mode);
	setup_other_flags(p, ring);
	gen_step(STEP_SETUP, ring)->params = *p;
	need(ring_object(ring));
	/* As the kernel rounds it up */
	for (entries = 1; entries < p->sq_entries;)
		entries *= 2;
	p->sq_entries = entries;
}

/* Parameters of a ring that is not used, and mostly refused */
static void probe_params(struct io_uring_params *p)
{
	switch (below(8)) {
	default:
		p->flags = random64() & 0x1ffff & ~(IORING_SETUP_SQPOLL | IORING_SETUP_NO_MMAP);
		if (chance(50))
			p->flags &= random64();
		p->cq_entries = ANY(0, 16, 1);
		break;
	case 0:
		p->flags = 1u << (21 + below(11));
		break;
	case 1:
		p->resv[below(3)] = 1;
		break;
	case 2:
		p->flags = IORING_SETUP_CQSIZE;
		p->flags |= chance(40) ? IORING_SETUP_CLAMP : 0;
		p->cq_entries = ANY(0, 4, 65536, 65537, -1, 9);
		break;
	case 3:
		p->flags = IORING_SETUP_ATTACH_WQ;
		p->wq_fd = ANY(fd_of(OBJ_CLOSED), fd_of(OBJ_ZERO), -1);
		need(OBJ_ZERO);
		break;
	case 4:
		p->flags = IORING_SETUP_SQPOLL |
			   ANY(IORING_SETUP_SQ_AFF, IORING_SETUP_COOP_TASKRUN,
			       IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_SINGLE_ISSUER,
			       IORING_SETUP_TASKRUN_FLAG);
		p->sq_thread_cpu = ANY(0, 99, -1);
		p->sq_thread_idle = 1;
		break;
	case 5:
		p->flags = ANY(IORING_SETUP_NO_MMAP, IORING_SETUP_REGISTERED_FD_ONLY,
			       IORING_SETUP_REGISTERED_FD_ONLY | IORING_SETUP_NO_MMAP);
		p->cq_off.user_addr = ANY64(0, OWN_RINGS + 8, HOLE, READ_ONLY);
		p->sq_off.user_addr = OWN_RINGS + OWN_RING_SIZE / 2;
		break;
	}
}

static void gen_probe_setup(void)
{
	__u32 entries = ANY(8, 8, 8, 8, 8, 0, 3, 32768, 32769, -1);
	struct io_uring_params p = { };
	struct step *step;

	probe_params(&p);
	step = gen_step(STEP_PROBE_SETUP, 0);
	step->params = p;
	step->nr = entries;
	step->arg = chance(4) ? ANY64(0, HOLE, READ_ONLY) : 0;
	step->bad_pointer = step->arg || chance(2);
}

/* ------------------------------------------------------------------------
 * The whole
 */

/* What does not change while the program is made */
static void fill_meta(void)
{
	int i;

	memset(at(META), 0, META_SIZE);
	for (i = 0; i < NR_NAMES; i++)
		strcpy(at(NAMES + NAME_SIZE * i), path_names[i]);
	memset(at(LONG_NAME), 'a', LONG_NAME_LEN);
	for (i = 0; i < NR_WORDS; i++)
		*(__u32 *)at(WORD(i)) = i;
}

static void gen_world(void)
{
	int i, nr;

	program.severs = chance(20);
	program.leaves = chance(15);
	program.strays = chance(40);
	nr = 1 + below(2);
	for (i = 0; i < nr; i++)
		program.themes |= ANY(THEME_FILE, THEME_FILE, THEME_FILE, THEME_PIPE, THEME_PIPE,
				      THEME_PIPE, THEME_UNIX, THEME_UNIX, THEME_TCP, THEME_TCP,
				      THEME_UDP, THEME_MISC, THEME_MISC, THEME_MISC);
	if (chance(10))
		program.themes |= THEME_EXT;
	if (chance(10))
		program.themes |= THEME_BLOCK;
	program.rings = chance(18) ? 2 : 1;
	if (program.rings > 1 || chance(10))
		program.themes |= THEME_RING;
	program.child_exits = chance(40);
	program.pending = below(3);
	program.unix_bytes = ANY(0, 0, 40, 300);
	program.tcp_bytes = ANY(0, 0, 40, 300);
	program.udp_messages = below(3);
}

static void gen_ring_tables(int ring)
{
	gen.step = &program.steps[program.nr_steps];
	gen.step->ring = ring;
	gen_register(ring);
	if (!(program.params[ring].flags & IORING_SETUP_R_DISABLED))
		return;
	if (chance(60))
		gen_restrictions(ring);
	if (chance(93))
		gen_register_op(ring, IORING_REGISTER_ENABLE_RINGS, 0, 0, 0);
}

static void gen_mmap(void)
{
	struct step *step = gen_step(STEP_MMAP, 0);

	step->arg = ANY64(0, 0x8000000, 0x10000000, 0x18000000, 0x80000000, 0x80010000,
			  0x80090000, 0x40000000);
	step->nr = ANY(4096, 65536);
}

static void gen_rounds(void)
{
	int i, ring, nr = 1 + below(3);

	for (i = 0; i < nr && program.nr_steps < 15 && program.nr_sqes < 23; i++) {
		ring = program.rings > 1 && chance(25);
		if ((i ? chance(60) : program.rings > 1 && chance(30)) &&
		    program.nr_steps < 14) {
			gen.step = &program.steps[program.nr_steps];
			gen_register_later(ring);
		}
		gen_round(ring);
	}
}

/* What comes in pairs, or lies in a directory */
static void complete_needs(void)
{
	static const __u8 pairs[][2] = {
		{ OBJ_PIPE0_R, OBJ_PIPE0_W }, { OBJ_PIPE1_R, OBJ_PIPE1_W },
		{ OBJ_PIPE2_R, OBJ_PIPE2_W }, { OBJ_FULL_R, OBJ_FULL_W },
		{ OBJ_UNIX0, OBJ_UNIX1 }, { OBJ_DGRAM0, OBJ_DGRAM1 },
		{ OBJ_TCP0, OBJ_TCP1 }, { OBJ_UDP0, OBJ_UDP1 },
	};
	int i;

	for (i = 0; i < ARRAY_LEN(pairs); i++) {
		if (!needs(pairs[i][0]) && !needs(pairs[i][1]))
			continue;
		need(pairs[i][0]);
		need(pairs[i][1]);
	}
	if (needs(OBJ_TCP0))
		need(OBJ_LISTENER);
	if (needs(OBJ_FILE0) || needs(OBJ_FILE1) || needs(OBJ_RDONLY) || needs(OBJ_APPEND) ||
	    needs(OBJ_PATH))
		need(OBJ_DIR);
}

static void mark_dropped(__u32 drops)
{
	struct step *step;
	int i, nr = 0;

	for (step = program.steps; step < program.steps + program.nr_steps; step++)
		for (i = 0; step->kind == STEP_ROUND && i < step->nr_sqes; i++, nr++)
			step->sqes[i].dropped = nr < 32 && drops >> nr & 1;
}

void generate(__u64 seed, __u32 drops)
{
	int ring;

	random_state = seed * 0x2545f4914f6cdd1dull + 77;
	random64();
	random64();
	memset(&program, 0, sizeof(program));
	memset(&gen, 0, sizeof(gen));
	heap = HEAP;
	fill_meta();
	program.threads = threads_wanted;
	gen_world();
	if (chance(9))
		gen_probe_setup();
	for (ring = 0; ring < program.rings; ring++)
		gen_setup(ring);
	for (ring = 0; ring < program.rings; ring++)
		if (!ring || chance(50))
			gen_ring_tables(ring);
	if (chance(2))
		gen_mmap();
	if (program.drops_root || chance(3)) {
		program.drops_root = true;
		gen_step(STEP_DROP_ROOT, 0);
	}
	gen_rounds();
	mark_dropped(drops);
	complete_needs();
}
