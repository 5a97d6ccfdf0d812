/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The parts of the runner. Internal to main.c, run.c, ring.c, world.c and record.c.
 *
 * A run records what the program sees, one "key=value" a line. Keys begin with a letter
 * and the number of the step, so that they sort in the order of the program:
 *
 *   s, o, m     setup, offsets, mapping
 *   g, l        a register operation, and more about it
 *   r1.e r1.a   a round: results of io_uring_enter(), of actions
 *   r1.w r1.q   what a wait and poll() say; the queues
 *   r1.2        CQEs of request 2 of the round, "result/flags"
 *   r1.d2       its buffer
 *   r3.p1.2     CQEs of request 2 of round 1 that came in round 3
 *   r1.xAB.0    CQEs with other user_data on ring 0: messages, tags
 *   b1          did not come to rest
 *   f.*         the world in the end
 *   end         the program did not end as it should
 *
 * The value "?" means: nobody's promise.
 */
#ifndef DIFFER_RUN_H
#define DIFFER_RUN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <linux/types.h>
#include <linux/io_uring.h>

#include "program.h"

/* Descriptors that a program does not see */
#define FD_DIR		200	/* where it makes its files */
#define FD_EXT		201	/* the same on a disk */
#define FD_KMSG		202
#define FD_OUT		203

/**
 * struct options - how programs are run
 * @reps: how often each
 * @idle: waits without a CQE before a program counts as quiet
 * @workers: also wait for threads that are not asleep: for a clock that goes by itself
 * @flush: write results at once
 * @jitter: vary the time between steps from run to run
 */
struct options {
	int reps;
	int idle;
	int workers;
	int flush;
	int jitter;
};

extern struct options options;

/**
 * struct run - the current run of a program
 * @number: from 0
 * @step: number of the step
 * @outstanding: CQEs that are still to come
 * @child: pid of the program's child, or -1
 */
struct run {
	int number;
	volatile int step;
	int outstanding;
	int child;
};

extern struct run run;

/* ------------------------------------------------------------------------
 * record.c
 */

#define MAX_OUT		65536

/*
 * With times of 64 bits, also for 32-bit programs: the kernel need not have the others, which
 * the C library prefers
 */
#ifdef SYS_futex_time64
#define NR_FUTEX	SYS_futex_time64
#define NR_NANOSLEEP	SYS_clock_nanosleep_time64
#else
#define NR_FUTEX	SYS_futex
#define NR_NANOSLEEP	SYS_clock_nanosleep
#endif

/**
 * struct completion - a CQE that was consumed
 * @user_data, @res, @flags, @big: from it
 * @ring: where it came
 * @written: it is in the record
 */
struct completion {
	__u64 user_data;
	__s32 res;
	__u32 flags;
	__u64 big[2];
	__u8 ring;
	bool written;
};

void record_begin(char *buffer);
char *record_end(void);
void out(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The record of a program that was killed gets a little more room */
void record_extend(void);

/* Whether a racy request is still there to be cancelled is nobody's promise either */
bool has_racy(const struct step *step);

/* May there be a racy request of this round or an earlier one? */
bool racy_may_remain(void);

/* Does it read how often a ring has signalled? How many CQEs a signal is for is open */
bool reads_signals(const struct request *req);

void record_completion(const struct completion *completion);

/* Was there a CQE that says to be the last of the request that a notification belongs to? */
bool has_ended(const struct completion *notification);

void forget_completions(void);

/* All that came for the steps up to this one, in a round or in the end */
void out_round_completions(const struct step *step);
void out_late_completions(bool in_the_end);
void out_other_completions(bool in_the_end);

/* A row is an opcode, a register operation, or one of these */
#define ROW_REGISTER(op)	(NR_OPCODES + (op))
#define ROW_SETUP		ROW_REGISTER(NR_REGISTER_OPS)
#define ROW_ENTER		(ROW_SETUP + 1)
#define NR_ROWS			(ROW_ENTER + 1)

/* In how many programs was this result seen? */
void count_result(int row, int res);
void count_next_program(void);
void coverage_init(void);
void coverage_print(int fd);

__u32 hash(const void *data, size_t size);

/* ------------------------------------------------------------------------
 * world.c
 */

void world_init(void);
void world_reset(void);
void world_make(void);
void world_clean(void);
void world_final(void);

/* Did a request's buffer change since it was last asked? Return: its hash, or 0 */
__u32 slot_changed(int slot);

/* Bytes of a pattern, as in all files */
extern char pattern[8192];

/* ------------------------------------------------------------------------
 * ring.c
 */

/**
 * struct ring - a ring of the program
 * @fd: or -1
 * @index: if it has no descriptor: its slot
 * @ok: it can be used
 * @params: as the kernel returned them
 * @mem, @mem_size, @sqes, @sqes_size: its mappings
 * @bufs, @bufs_size: the ring of provided buffers, and its mapping
 * @bufs_mask: number of its entries - 1
 * @bufs_tail: next entry
 *
 * All other members point into @mem.
 */
struct ring {
	int fd;
	int index;
	bool ok;
	struct io_uring_params params;
	char *mem;
	size_t mem_size;
	char *sqes;
	size_t sqes_size;
	struct io_uring_buf_ring *bufs;
	size_t bufs_size;
	__u32 bufs_mask;
	__u16 bufs_tail;
	__u32 *sq_head;
	__u32 *sq_tail;
	__u32 *sq_flags;
	__u32 *sq_dropped;
	__u32 *sq_array;
	__u32 *cq_head;
	__u32 *cq_tail;
	__u32 *cq_overflow;
};

extern struct ring rings[NR_RINGS];

static inline __u32 load(const __u32 *p)
{
	return __atomic_load_n(p, __ATOMIC_ACQUIRE);
}

static inline void store(__u32 *p, __u32 value)
{
	__atomic_store_n(p, value, __ATOMIC_RELEASE);
}

/* System calls: the result or -errno */
int ring_enter(int ring, __u32 to_submit, __u32 min_complete, __u32 flags,
	       const void *arg, size_t size);
int ring_register(int ring, __u32 op, __u64 arg, __u32 nr);

void rings_init(void);
void rings_unmap(void);
void ring_setup(const struct step *step);
void ring_probe_setup(const struct step *step);
void ring_register_step(const struct step *step);
void ring_add_buffers(int ring);
int ring_reap(int ring);

/* Put an SQE behind @tail. Return: where */
struct io_uring_sqe *ring_put(struct ring *ring, __u32 tail, const struct io_uring_sqe *sqe);

/* Cancel everything on a ring, by a system call */
int ring_cancel_all(int ring);

void sleep_ns(long ns);

/* Wait until nothing happens any more. @all: also if nothing is expected */
void wait_until_quiet(bool all);

/* The same, but leave the CQEs where they are */
void wait_until_settled(int ring);

/* ------------------------------------------------------------------------
 * threads.c
 */

void threads_start(int nr);
void threads_stop(void);

/* Let thread @i enter a ring; return when it has, or waits in there */
void thread_enter(int i, int ring, __u32 to_submit, __u32 wait_nr);

/* Wait for all. @results: of each, how io_uring_enter() ended */
void threads_join(int nr, int *results);

/* The same by another task, which then exits */
int enter_and_exit(int ring, __u32 to_submit);

#endif
