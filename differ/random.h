/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Random numbers of a program: a function of its seed alone.
 *
 * No two of these may be in one expression without a sequence point: programs of 64
 * and of 32 bits have to be the same.
 */
#ifndef DIFFER_RANDOM_H
#define DIFFER_RANDOM_H

#include <stdbool.h>
#include <stdint.h>
#include <linux/types.h>

#define ARRAY_LEN(a)	((int)(sizeof(a) / sizeof((a)[0])))

extern __u64 random_state;

static inline __u64 random64(void)
{
	__u64 z = random_state += 0x9e3779b97f4a7c15ull;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ z >> 27) * 0x94d049bb133111ebull;
	return z ^ z >> 31;
}

static inline __u32 below(__u32 n)
{
	return (random64() >> 20) % n;
}

/* Is it one of the cases that have so many of a hundred? */
static inline bool chance(__u32 percent)
{
	return below(100) < percent;
}

/* One of these values. They are evaluated first, in order. */
#define ANY_OF(type, ...)						\
({									\
	const type any_of_values[] = { __VA_ARGS__ };			\
									\
	any_of_values[below(ARRAY_LEN(any_of_values))];			\
})

#define ANY(...)	ANY_OF(int, __VA_ARGS__)
#define ANY64(...)	ANY_OF(__u64, __VA_ARGS__)

/* Mostly @good, else one of the others */
#define MOSTLY(good, ...)	(chance(88) ? (__u64)(good) : ANY64(__VA_ARGS__))

#endif
