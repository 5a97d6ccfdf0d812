// SPDX-License-Identifier: GPL-2.0
/*
 * The tracepoints of include/trace/events/io_uring.h. Here, because they print
 * the names of opcodes.
 */
#define CREATE_TRACE_POINTS
#include <trace/events/io_uring.h>
