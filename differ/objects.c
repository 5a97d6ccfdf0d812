// SPDX-License-Identifier: GPL-2.0
/*
 * Tables: names of objects, paths, opcodes and register operations.
 */
#include "objects.h"
#include "program.h"

const char *const object_names[NR_OBJECTS] = {
	[OBJ_FILE0] = "f0", [OBJ_FILE1] = "f1", [OBJ_RDONLY] = "ro", [OBJ_APPEND] = "ap",
	[OBJ_DIR] = "dir", [OBJ_EXT] = "ext", [OBJ_EXT_DIRECT] = "extdio",
	[OBJ_PIPE0_R] = "pr0", [OBJ_PIPE0_W] = "pw0", [OBJ_PIPE1_R] = "pr1",
	[OBJ_PIPE1_W] = "pw1", [OBJ_PIPE2_R] = "pr2nb", [OBJ_PIPE2_W] = "pw2nb",
	[OBJ_FULL_R] = "prfull", [OBJ_FULL_W] = "pwfull", [OBJ_UNIX0] = "us0",
	[OBJ_UNIX1] = "us1", [OBJ_DGRAM0] = "ud0", [OBJ_DGRAM1] = "ud1", [OBJ_TCP0] = "tcp0",
	[OBJ_TCP1] = "tcp1", [OBJ_LISTENER] = "listener", [OBJ_TCP_NEW] = "tcpu",
	[OBJ_UDP0] = "udp0", [OBJ_UDP1] = "udp1", [OBJ_EVENTFD] = "efd0",
	[OBJ_EVENTFD3] = "efd3", [OBJ_TIMERFD] = "timerfd", [OBJ_EPOLL] = "epoll",
	[OBJ_ZERO] = "zero", [OBJ_NULL] = "null", [OBJ_NULLB] = "nullb", [OBJ_PATH] = "opath",
	[OBJ_RING0] = "ring0", [OBJ_RING1] = "ring1", [OBJ_CLOSED] = "closed",
};

const __u16 object_themes[NR_OBJECTS] = {
	[OBJ_FILE0 ... OBJ_DIR] = THEME_FILE, [OBJ_EXT ... OBJ_EXT_DIRECT] = THEME_EXT,
	[OBJ_PIPE0_R ... OBJ_FULL_W] = THEME_PIPE, [OBJ_UNIX0 ... OBJ_DGRAM1] = THEME_UNIX,
	[OBJ_TCP0 ... OBJ_TCP_NEW] = THEME_TCP, [OBJ_UDP0 ... OBJ_UDP1] = THEME_UDP,
	[OBJ_EVENTFD ... OBJ_EPOLL] = THEME_MISC, [OBJ_ZERO ... OBJ_NULL] = THEME_ANY,
	[OBJ_NULLB] = THEME_BLOCK, [OBJ_PATH] = THEME_FILE,
	[OBJ_RING0 ... OBJ_RING1] = THEME_RING, [OBJ_CLOSED] = THEME_ANY,
};

const char *const path_names[NR_NAMES] = {
	[NAME_FILE0] = "f0", [NAME_FILE1] = "f1", [NAME_RDONLY] = "ro", [NAME_APPEND] = "ap",
	[NAME_DIR] = "d", [NAME_IN_DIR] = "d/x", [NAME_NONE] = "none", [NAME_NEW0] = "n0",
	[NAME_NEW1] = "n1", [NAME_NEW2] = "n2", [NAME_LINK] = "l0", [NAME_EMPTY] = "",
	[NAME_SECRET] = "secret", [NAME_DOT] = ".", [NAME_OTHER] = "e0",
};

const char *const opcode_names[NR_OPCODES] = {
	"NOP", "READV", "WRITEV", "FSYNC", "READ_FIXED", "WRITE_FIXED", "POLL_ADD",
	"POLL_REMOVE", "SYNC_FILE_RANGE", "SENDMSG", "RECVMSG", "TIMEOUT", "TIMEOUT_REMOVE",
	"ACCEPT", "ASYNC_CANCEL", "LINK_TIMEOUT", "CONNECT", "FALLOCATE", "OPENAT", "CLOSE",
	"FILES_UPDATE", "STATX", "READ", "WRITE", "FADVISE", "MADVISE", "SEND", "RECV",
	"OPENAT2", "EPOLL_CTL", "SPLICE", "PROVIDE_BUFFERS", "REMOVE_BUFFERS", "TEE",
	"SHUTDOWN", "RENAMEAT", "UNLINKAT", "MKDIRAT", "SYMLINKAT", "LINKAT", "MSG_RING",
	"FSETXATTR", "SETXATTR", "FGETXATTR", "GETXATTR", "SOCKET", "URING_CMD", "SEND_ZC",
	"SENDMSG_ZC", "READ_MULTISHOT", "WAITID", "FUTEX_WAIT", "FUTEX_WAKE", "FUTEX_WAITV",
	"FIXED_FD_INSTALL", "FTRUNCATE", "BIND", "LISTEN",
};

const char *const register_names[NR_REGISTER_OPS] = {
	"BUFFERS", "UNREG_BUFFERS", "FILES", "UNREG_FILES", "EVENTFD", "UNREG_EVENTFD",
	"FILES_UPDATE", "EVENTFD_ASYNC", "PROBE", "PERSONALITY", "UNREG_PERSONALITY",
	"RESTRICTIONS", "ENABLE_RINGS", "FILES2", "FILES_UPDATE2", "BUFFERS2",
	"BUFFERS_UPDATE", "IOWQ_AFF", "UNREG_IOWQ_AFF", "IOWQ_MAX_WORKERS", "RING_FDS",
	"UNREG_RING_FDS", "PBUF_RING", "UNREG_PBUF_RING", "SYNC_CANCEL", "FILE_ALLOC_RANGE",
	"PBUF_STATUS", "NAPI", "UNREG_NAPI", "CLOCK", "CLONE_BUFFERS",
};
