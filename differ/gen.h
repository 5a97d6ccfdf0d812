/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The parts of the generator. Internal to gen*.c.
 */
#ifndef DIFFER_GEN_H
#define DIFFER_GEN_H

#include "arena.h"
#include "program.h"
#include "random.h"

/* Longer than any request takes, and shorter than the wait for late CQEs; and never */
#define SOON_NS		3000000
#define NEVER_S		10000000

/* How a request may use an object of its round that another one uses, too */
enum object_use { UNUSED, USED, USED_ASYNC };

/**
 * struct generator - the step that is being made
 * @step: it
 * @used: enum object_use, of each object
 * @async: the next request may be done by a worker, or later
 */
struct generator {
	struct step *step;
	__u8 used[NR_OBJECTS];
	bool async;
};

extern struct generator gen;

static inline struct tables *gen_tables(void)
{
	return &program.tables[gen.step->ring];
}

static inline const struct io_uring_params *gen_params(void)
{
	return &program.params[gen.step->ring];
}

static inline void need(int object)
{
	program.needs |= 1ull << object;
}

/* The user_data of request @i of a step */
static inline __u64 user_data_of(const struct step *step, int i)
{
	return (__u64)(step - program.steps + 1) << 8 | (i + 1);
}

/* The address of a path, whose file the program then needs */
__u64 gen_name(int name);

/* A registered file, or a descriptor */
void gen_fd(struct request *req, int object);

/* One of these objects, if possible of the program's themes and not used yet */
int gen_pick(const __u8 *objects, int nr);

#define PICK(...)							\
({									\
	static const __u8 pick_objects[] = { __VA_ARGS__ };		\
									\
	gen_pick(pick_objects, ARRAY_LEN(pick_objects));		\
})

/* user_data of an earlier request with one of two opcodes, or -1: with any */
__u64 gen_earlier(int opcode, int other);

/* Is there one with this opcode? */
bool gen_have(int opcode);

/* The address of a time, TIME_* */
#define TIME_SOON	1
#define TIME_NEVER	2
#define TIME_NOW	4
__u64 gen_time(int kinds);

/* The address of an array of descriptors; @keep: these are the fixed files from now on */
__u64 gen_file_table(struct tables *tables, int nr, bool keep);

/* May the time of this timeout be over while the batch is being submitted? */
bool time_is_now(const struct io_uring_sqe *sqe);

/* Is it over while the program waits for it? */
bool time_is_soon(const struct io_uring_sqe *sqe);

/* Fill in a request of this opcode, or make one of its fields wrong */
void gen_request(struct request *req, int opcode);
void gen_mutate(struct request *req);

bool opcode_usable(int opcode);
/* Does a worker always do it? */
bool opcode_punts(int opcode);
/* Does 6.12 not take its failure for one? */
bool opcode_never_severs(int opcode);
int opcode_weight(int opcode);

/* Requests that belong together. Return: their number, in gen_idiom_requests */
#define MAX_IDIOM	4
extern struct request gen_idiom_requests[MAX_IDIOM];
int gen_idiom(int first, int room);

void gen_round(int ring);
void gen_register(int ring);
void gen_register_later(int ring);
void gen_restrictions(int ring);

struct step *gen_step(enum step_kind kind, int ring);

/* A register operation, if there is room for one */
void gen_register_op(int ring, __u32 op, __u64 arg, __u32 nr, __u32 result_size);

#endif
