/* SPDX-License-Identifier: GPL-2.0 */
/* What workloads are made of. */
#ifndef BENCH_COST_H
#define BENCH_COST_H

#include "ring.h"

#define DEFER	(IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN)

/* How buffers for reads get to the kernel */
enum buffers {
	BUFFERS_OWN,		/* an address in the SQE */
	BUFFERS_FIXED,		/* registered; so is the file */
	BUFFERS_RING,		/* selected by the kernel from a buffer ring */
	BUFFERS_LEGACY,		/* selected, provided by requests */
};

/* What a function of a workload returns if the kernel lacks something */
#define NOT_YET		1

struct bench;

/**
 * struct workload - what to measure
 * @name: on the command line and in the table
 * @setup_flags: of the ring
 * @opcodes: that the kernel must have, up to IORING_OP_NOP (which it has)
 * @batch: operations per call of @run
 * @nr_batches: per round
 * @open: prepare; 0 or NOT_YET
 * @run: one batch; 0 or NOT_YET
 * @measure: instead of all that: measure a round; returns what an operation
 *	costs, in nanoseconds or bytes
 * @nr_measured: operations per call of @measure, 0 if its result is in bytes
 * @sqe_flags: of the requests
 * @path: the file
 * @open_flags: for it
 * @create: it is made first, @size bytes
 * @len: bytes per request
 * @size: reads walk through that much of the file, over and over
 * @buffers: where reads go
 * @replenish: buffers given back at a time
 * @tcp: TCP and not AF_UNIX
 * @multishot: one request for all receiving
 */
struct workload {
	const char *name;
	unsigned int setup_flags;
	uint8_t opcodes[4];
	unsigned int batch;
	unsigned int nr_batches;
	int (*open)(struct bench *b);
	int (*run)(struct bench *b);
	double (*measure)(void);
	unsigned int nr_measured;

	uint8_t sqe_flags;
	const char *path;
	int open_flags;
	bool create;
	unsigned int len;
	unsigned int size;
	enum buffers buffers;
	unsigned int replenish;
	bool tcp;
	bool multishot;
};

/* A workload at work */
struct bench {
	const struct workload *w;
	struct ring r;
	int fd;
	int peer;		/* the other end of a connection */
	unsigned int offset;	/* of the next read */
	double others;		/* nanoseconds of a batch that are not counted */
};

/* Tables of workloads, ended by one without a name; in the order of the output */
extern const struct workload request_workloads[];
extern const struct workload event_workloads[];
extern const struct workload echo_workloads[];
extern const struct workload ring_workloads[];

/**
 * expect - take the next completion, which is there
 * @b: where
 * @res: what it must be
 *
 * Return: 0, or NOT_YET if the request was refused.
 */
int expect(struct bench *b, int res);

/**
 * cost_of - measure what is not to be counted
 * @b: its workload says how often
 * @run: one batch
 *
 * Return: nanoseconds for a batch.
 */
double cost_of(struct bench *b, void (*run)(struct bench *b));

/* Memory that is read into */
#define NR_BUFFERS	32
#define BUFFER_SIZE	4096
extern char buffers[NR_BUFFERS][BUFFER_SIZE];

/* The group that buffers are selected from */
#define GROUP		1

/**
 * buffer_ring_open - give the kernel all the buffers, as a buffer ring
 *
 * Return: 0 or NOT_YET.
 */
int buffer_ring_open(struct bench *b);

/* Give a buffer back; seen by the kernel from buffer_ring_publish() on */
void buffer_ring_add(unsigned int id);
void buffer_ring_publish(void);

#endif
