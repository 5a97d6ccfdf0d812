/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A random program: what the generator makes, and others print or run.
 */
#ifndef DIFFER_PROGRAM_H
#define DIFFER_PROGRAM_H

#include <stdbool.h>
#include <stdint.h>
#include <linux/types.h>
#include <linux/io_uring.h>

#include "objects.h"

#define MAX_STEPS	16
#define MAX_SQES	8	/* of a round */
#define MAX_ACTIONS	6
#define MAX_THREADS	4
#define NR_RINGS	2

/**
 * struct request - an SQE and what the generator knows about it
 * @sqe: as it is submitted, but for the pid of a child
 * @slot: its buffer
 * @child: fd is to be the child's pid
 * @racy: its result is nobody's promise
 * @chain: number of its chain in the round, or 0
 * @dropped: left out, see the drop mask
 * @object: what fd is, or -1
 * @in_slot: that is in the slot of a table
 * @note: how it came about, or NULL
 */
struct request {
	struct io_uring_sqe sqe;
	__u8 slot;
	bool child;
	bool racy;
	__u8 chain;
	bool dropped;
	signed char object;
	bool in_slot;
	const char *note;
};

/* What the program does to its objects behind the back of the ring */
enum action_kind {
	ACT_WRITE, ACT_READ, ACT_CONNECT, ACT_CLOSE, ACT_SHUTDOWN, ACT_WAKE, ACT_KILL,
	ACT_ADD_BUFFERS,
};

struct action {
	enum action_kind kind;
	__u8 object;
	__u16 number;
};

enum step_kind {
	STEP_SETUP, STEP_PROBE_SETUP, STEP_REGISTER, STEP_ROUND, STEP_MMAP, STEP_DROP_ROOT,
};

/* How the SQEs of a round are submitted */
enum how_submitted {
	SUBMIT_ALL, SUBMIT_AND_WAIT, SUBMIT_SPLIT, SUBMIT_MORE, SUBMIT_BAD_FLAGS,
	SUBMIT_MIN_WAIT, SUBMIT_REGISTERED, SUBMIT_SIGMASK, SUBMIT_BAD_ARG, SUBMIT_ABS_TIME,
	NR_SUBMIT,
};

/**
 * struct step - one thing that a program does
 * @kind: what
 * @ring: for which ring
 * @params: setup: the argument
 * @op: register: the operation
 * @arg: register, mmap: the argument; setup: the address of params if @bad_pointer
 * @nr: register: number of arguments; mmap: length; setup: entries
 * @result_size: register: bytes that the kernel fills in
 * @bad_pointer: setup: params are at @arg
 *
 * Of a round:
 * @nr_sqes, @sqes: its requests
 * @nr_actions, @actions: what is done when they are submitted
 * @how: in which way they are submitted
 * @wait_nr: how many CQEs are waited for, and other variations
 * @bad_index: 1 + the SQE whose index in the array is wrong, or 0
 * @cancel: in the end cancel all
 * @probe: see what poll and a wait say about the CQEs
 * @keep_cqes: leave the CQEs in the CQ
 * @by_other: submitted by another task, that exits
 */
struct step {
	enum step_kind kind;
	__u8 ring;
	struct io_uring_params params;
	__u32 op;
	__u64 arg;
	__u32 nr;
	__u32 result_size;
	bool bad_pointer;

	__u8 nr_sqes;
	__u8 nr_actions;
	enum how_submitted how;
	__u8 wait_nr;
	__u8 bad_index;
	bool cancel;
	bool probe;
	bool keep_cqes;
	bool by_other;
	struct request sqes[MAX_SQES];
	struct action actions[MAX_ACTIONS];
};

/**
 * struct tables - what a ring has registered, as far as the generator can know
 * @files: a table of files
 * @bufs: a table of buffers
 * @buf_ring: a ring of provided buffers, group 1
 * @file: object of each slot, or -1
 * @buf_addr, @buf_len: of each fixed buffer
 */
struct tables {
	bool files;
	bool bufs;
	bool buf_ring;
	signed char file[8];
	__u64 buf_addr[4];
	__u32 buf_len[4];
};

/**
 * struct program - all of it
 * @needs: objects, as bits
 * @themes: kinds of objects, THEME_*
 * @rings: how many
 * @params: of each ring, with the number of entries rounded up
 * @tables: of each ring
 * @nr_steps, @steps: what it does
 * @nr_sqes: in all rounds
 * @threads: how many submit
 * @drops_root: it gives up its privileges
 * @severs: opcodes whose failures 6.12 does not take for failures may be in chains
 * @personality: one is registered
 * @child: it has a child
 * @child_exits: at once, or it sleeps
 * @pending: connections that wait to be accepted
 * @unix_bytes, @tcp_bytes, @udp_messages: what waits in sockets
 * @uses_big: BIG is in use
 * @uses_xattr: files have attributes
 * @uses_buf_rings: BUF_RINGS are in use
 * @leaves: ends with requests in flight
 * @drains: IOSQE_IO_DRAIN is in use
 * @strays: wait in the end for CQEs that should not come
 * @races: nobody promises what is left in files and buffers
 */
struct program {
	__u64 needs;
	__u32 themes;
	int rings;
	struct io_uring_params params[NR_RINGS];
	struct tables tables[NR_RINGS];
	int nr_steps;
	struct step steps[MAX_STEPS];
	int nr_sqes;
	int threads;
	bool drops_root;
	bool severs;
	bool personality;
	bool child;
	bool child_exits;
	int pending;
	int unix_bytes;
	int tcp_bytes;
	int udp_messages;
	bool uses_big;
	bool uses_xattr;
	bool uses_buf_rings;
	bool leaves;
	bool drains;
	bool strays;
	bool races;
};

extern struct program program;

static inline bool needs(int object)
{
	return program.needs >> object & 1;
}

/* SQEs and register operations by number, without their prefixes */
#define NR_OPCODES	58
#define NR_REGISTER_OPS	31
extern const char *const opcode_names[NR_OPCODES];
extern const char *const register_names[NR_REGISTER_OPS];

/* Is there another SQE behind this one with the same user_data? */
static inline bool shares_user_data(const struct step *step, int i)
{
	return i + 1 < step->nr_sqes &&
	       step->sqes[i + 1].sqe.user_data == step->sqes[i].sqe.user_data;
}

/* Opcodes that the generator may use, as bits; and how many threads submit */
extern __u64 opcodes_wanted;
extern int threads_wanted;

/**
 * generate() - make a program
 * @seed: which
 * @drops: SQEs to be left out, by number, as bits
 *
 * It is in the variable of this name, what its SQEs point to in the arena.
 */
void generate(__u64 seed, __u32 drops);

/* Print it, readable for people and for program.py */
void print_program(__u64 seed);

/* Run it. Does not return. */
int run_program(void *unused);

#endif
