/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The files, pipes, sockets and so on that programs work on.
 */
#ifndef DIFFER_OBJECTS_H
#define DIFFER_OBJECTS_H

#include <stdbool.h>
#include <stdint.h>
#include <linux/types.h>

enum object {
	OBJ_FILE0, OBJ_FILE1, OBJ_RDONLY, OBJ_APPEND, OBJ_DIR, OBJ_EXT, OBJ_EXT_DIRECT,
	OBJ_PIPE0_R, OBJ_PIPE0_W,	/* with data */
	OBJ_PIPE1_R, OBJ_PIPE1_W,	/* empty */
	OBJ_PIPE2_R, OBJ_PIPE2_W,	/* O_NONBLOCK */
	OBJ_FULL_R, OBJ_FULL_W,		/* full */
	OBJ_UNIX0, OBJ_UNIX1, OBJ_DGRAM0, OBJ_DGRAM1,
	OBJ_TCP0, OBJ_TCP1, OBJ_LISTENER, OBJ_TCP_NEW, OBJ_UDP0, OBJ_UDP1,
	OBJ_EVENTFD, OBJ_EVENTFD3, OBJ_TIMERFD, OBJ_EPOLL, OBJ_ZERO, OBJ_NULL, OBJ_NULLB,
	OBJ_PATH, OBJ_RING0, OBJ_RING1, OBJ_CLOSED,
	NR_OBJECTS,
	OBJ_SECRET = 60,	/* a file that only root may read */
};

/* Each program uses objects of one or two themes */
#define THEME_FILE	0x001
#define THEME_PIPE	0x002
#define THEME_UNIX	0x004
#define THEME_TCP	0x008
#define THEME_UDP	0x010
#define THEME_MISC	0x020
#define THEME_EXT	0x040
#define THEME_BLOCK	0x080
#define THEME_RING	0x100
#define THEME_ANY	0x200

extern const char *const object_names[NR_OBJECTS];
extern const __u16 object_themes[NR_OBJECTS];

/* The descriptor of an object */
static inline int fd_of(int object)
{
	if (object == OBJ_RING0)
		return 10;
	if (object == OBJ_RING1)
		return 11;
	return 20 + object;
}

static inline int ring_object(int ring)
{
	return ring ? OBJ_RING1 : OBJ_RING0;
}

/* Needs O_DIRECT's alignment */
static inline bool is_direct(int object)
{
	return object == OBJ_EXT_DIRECT || object == OBJ_NULLB;
}

static inline bool is_file(int object)
{
	return (object >= 0 && object <= OBJ_APPEND) || object == OBJ_EXT || is_direct(object);
}

/* A pipe, a socket or the like: what it holds only one can have */
static inline bool is_stream(int object)
{
	return object >= OBJ_PIPE0_R && object <= OBJ_EPOLL;
}

/* The other end of a pipe or a pair of sockets, or -1 */
static inline int other_end(int object)
{
	if (object < OBJ_PIPE0_R || object > OBJ_UDP1 || object == OBJ_LISTENER ||
	    object == OBJ_TCP_NEW)
		return -1;
	return OBJ_PIPE0_R + ((object - OBJ_PIPE0_R) ^ 1);
}

/* Paths, relative to a directory of the program */
enum name {
	NAME_FILE0, NAME_FILE1, NAME_RDONLY, NAME_APPEND, NAME_DIR, NAME_IN_DIR, NAME_NONE,
	NAME_NEW0, NAME_NEW1, NAME_NEW2, NAME_LINK, NAME_EMPTY, NAME_SECRET, NAME_DOT,
	NAME_OTHER, NR_NAMES,
};

extern const char *const path_names[NR_NAMES];

#endif
