/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Events of io_uring: one for each step in the life of a ring and of a
 * request.  Tools rely on names, types and order of the fields: these are
 * fixed, even where one is not named well (rw, data). New ones go last.
 *
 * Prototypes take scalars and plain pointers only, so that this file needs
 * none of the private headers.  Pointers serve as names: nothing follows them.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM io_uring

#if !defined(_TRACE_IO_URING_H) || defined(TRACE_HEADER_MULTI_READ)
#define _TRACE_IO_URING_H

#include <linux/io_uring.h>
#include <linux/tracepoint.h>
#include <linux/types.h>
#include <uapi/linux/io_uring.h>

/**
 * io_uring_create - a ring was set up
 * @fd:		its file descriptor
 * @ctx:	the ring
 * @sq_entries:	entries of the submission queue
 * @cq_entries:	entries of the completion queue
 * @flags:	IORING_SETUP_* flags
 */
TRACE_EVENT(io_uring_create,

	TP_PROTO(int fd, void *ctx, u32 sq_entries, u32 cq_entries, u32 flags),

	TP_ARGS(fd, ctx, sq_entries, cq_entries, flags),

	TP_STRUCT__entry(
		__field(int,		fd)
		__field(void *,		ctx)
		__field(u32,		sq_entries)
		__field(u32,		cq_entries)
		__field(u32,		flags)
	),

	TP_fast_assign(
		__entry->fd		= fd;
		__entry->ctx		= ctx;
		__entry->sq_entries	= sq_entries;
		__entry->cq_entries	= cq_entries;
		__entry->flags		= flags;
	),

	TP_printk("ring %p, fd %d sq size %d, cq size %d, flags 0x%x",
		  __entry->ctx, __entry->fd, __entry->sq_entries,
		  __entry->cq_entries, __entry->flags)
);

/**
 * io_uring_register - a call of io_uring_register() is about to return
 * @ctx:	the ring
 * @opcode:	IORING_REGISTER_* operation
 * @nr_files:	registered files the ring now has
 * @nr_bufs:	registered buffers the ring now has
 * @ret:	what the call returns
 */
TRACE_EVENT(io_uring_register,

	TP_PROTO(void *ctx, unsigned int opcode, unsigned int nr_files,
		 unsigned int nr_bufs, long ret),

	TP_ARGS(ctx, opcode, nr_files, nr_bufs, ret),

	TP_STRUCT__entry(
		__field(void *,		ctx)
		__field(unsigned int,	opcode)
		__field(unsigned int,	nr_files)
		__field(unsigned int,	nr_bufs)
		__field(long,		ret)
	),

	TP_fast_assign(
		__entry->ctx		= ctx;
		__entry->opcode		= opcode;
		__entry->nr_files	= nr_files;
		__entry->nr_bufs	= nr_bufs;
		__entry->ret		= ret;
	),

	TP_printk("ring %p, opcode %d, nr_user_files %d, nr_user_bufs %d, ret %ld",
		  __entry->ctx, __entry->opcode, __entry->nr_files,
		  __entry->nr_bufs, __entry->ret)
);

/**
 * io_uring_file_get - a request looks up the file of a descriptor
 * @ctx:	the ring
 * @req:	the request
 * @user_data:	its user data
 * @fd:		the descriptor
 */
TRACE_EVENT(io_uring_file_get,

	TP_PROTO(void *ctx, void *req, u64 user_data, int fd),

	TP_ARGS(ctx, req, user_data, fd),

	TP_STRUCT__entry(
		__field(void *,		ctx)
		__field(void *,		req)
		__field(u64,		user_data)
		__field(int,		fd)
	),

	TP_fast_assign(
		__entry->ctx		= ctx;
		__entry->req		= req;
		__entry->user_data	= user_data;
		__entry->fd		= fd;
	),

	TP_printk("ring %p, req %p, user_data 0x%llx, fd %d",
		  __entry->ctx, __entry->req, __entry->user_data, __entry->fd)
);

/**
 * io_uring_queue_async_work - a request is handed to the worker pool
 * @ctx:	the ring
 * @req:	the request
 * @user_data:	its user data
 * @opcode:	its IORING_OP_*
 * @flags:	its flags
 * @work:	what the pool calls it
 * @hashed:	non-zero if it runs in turn with others on the same inode
 */
TRACE_EVENT(io_uring_queue_async_work,

	TP_PROTO(void *ctx, void *req, u64 user_data, u8 opcode,
		 unsigned long flags, void *work, int hashed),

	TP_ARGS(ctx, req, user_data, opcode, flags, work, hashed),

	TP_STRUCT__entry(
		__field(void *,			ctx)
		__field(void *,			req)
		__field(u64,			user_data)
		__field(u8,			opcode)
		__field(unsigned long long,	flags)
		__field(void *,			work)
		__field(int,			rw)
		__string(op_str, io_uring_get_opcode(opcode))
	),

	TP_fast_assign(
		__entry->ctx		= ctx;
		__entry->req		= req;
		__entry->user_data	= user_data;
		__entry->opcode		= opcode;
		__entry->flags		= flags;
		__entry->work		= work;
		__entry->rw		= hashed;
		__assign_str(op_str);
	),

	TP_printk("ring %p, request %p, user_data 0x%llx, opcode %s, flags 0x%llx, %s queue, work %p",
		  __entry->ctx, __entry->req, __entry->user_data,
		  __get_str(op_str), __entry->flags,
		  __entry->rw ? "hashed" : "normal", __entry->work)
);

/**
 * io_uring_defer - a request is held back until earlier ones are done
 * @ctx:	the ring
 * @req:	the request
 * @user_data:	its user data
 * @opcode:	its IORING_OP_*
 */
TRACE_EVENT(io_uring_defer,

	TP_PROTO(void *ctx, void *req, u64 user_data, u8 opcode),

	TP_ARGS(ctx, req, user_data, opcode),

	TP_STRUCT__entry(
		__field(void *,			ctx)
		__field(void *,			req)
		__field(unsigned long long,	data)
		__field(u8,			opcode)
		__string(op_str, io_uring_get_opcode(opcode))
	),

	TP_fast_assign(
		__entry->ctx		= ctx;
		__entry->req		= req;
		__entry->data		= user_data;
		__entry->opcode		= opcode;
		__assign_str(op_str);
	),

	TP_printk("ring %p, request %p, user_data 0x%llx, opcode %s",
		  __entry->ctx, __entry->req, __entry->data,
		  __get_str(op_str))
);

/**
 * io_uring_link - a request joins a chain of links
 * @ctx:	the ring
 * @req:	the request
 * @target_req:	the head of the chain
 */
TRACE_EVENT(io_uring_link,

	TP_PROTO(void *ctx, void *req, void *target_req),

	TP_ARGS(ctx, req, target_req),

	TP_STRUCT__entry(
		__field(void *,		ctx)
		__field(void *,		req)
		__field(void *,		target_req)
	),

	TP_fast_assign(
		__entry->ctx		= ctx;
		__entry->req		= req;
		__entry->target_req	= target_req;
	),

	TP_printk("ring %p, request %p linked after %p",
		  __entry->ctx, __entry->req, __entry->target_req)
);

/**
 * io_uring_cqring_wait - a task begins to wait for completions
 * @ctx:	the ring
 * @min_events:	how many it waits for
 */
TRACE_EVENT(io_uring_cqring_wait,

	TP_PROTO(void *ctx, int min_events),

	TP_ARGS(ctx, min_events),

	TP_STRUCT__entry(
		__field(void *,		ctx)
		__field(int,		min_events)
	),

	TP_fast_assign(
		__entry->ctx		= ctx;
		__entry->min_events	= min_events;
	),

	TP_printk("ring %p, min_events %d", __entry->ctx, __entry->min_events)
);

/**
 * io_uring_fail_link - a request is cancelled because its chain was severed
 * @ctx:	the ring
 * @req:	the request that failed
 * @user_data:	its user data
 * @opcode:	its IORING_OP_*
 * @link:	the member of the chain that is cancelled
 */
TRACE_EVENT(io_uring_fail_link,

	TP_PROTO(void *ctx, void *req, u64 user_data, u8 opcode, void *link),

	TP_ARGS(ctx, req, user_data, opcode, link),

	TP_STRUCT__entry(
		__field(void *,			ctx)
		__field(void *,			req)
		__field(unsigned long long,	user_data)
		__field(u8,			opcode)
		__field(void *,			link)
		__string(op_str, io_uring_get_opcode(opcode))
	),

	TP_fast_assign(
		__entry->ctx		= ctx;
		__entry->req		= req;
		__entry->user_data	= user_data;
		__entry->opcode		= opcode;
		__entry->link		= link;
		__assign_str(op_str);
	),

	TP_printk("ring %p, request %p, user_data 0x%llx, opcode %s, link %p",
		  __entry->ctx, __entry->req, __entry->user_data,
		  __get_str(op_str), __entry->link)
);

/**
 * io_uring_complete - a completion is posted
 * @ctx:	the ring
 * @req:	the request, or NULL if none stands behind it
 * @user_data:	user data of the completion
 * @res:	its result
 * @cflags:	its IORING_CQE_F_* flags
 * @extra1:	first additional word of a 32 byte entry
 * @extra2:	second one
 */
TRACE_EVENT(io_uring_complete,

	TP_PROTO(void *ctx, void *req, u64 user_data, int res,
		 unsigned int cflags, u64 extra1, u64 extra2),

	TP_ARGS(ctx, req, user_data, res, cflags, extra1, extra2),

	TP_STRUCT__entry(
		__field(void *,		ctx)
		__field(void *,		req)
		__field(u64,		user_data)
		__field(int,		res)
		__field(unsigned int,	cflags)
		__field(u64,		extra1)
		__field(u64,		extra2)
	),

	TP_fast_assign(
		__entry->ctx		= ctx;
		__entry->req		= req;
		__entry->user_data	= user_data;
		__entry->res		= res;
		__entry->cflags		= cflags;
		__entry->extra1		= extra1;
		__entry->extra2		= extra2;
	),

	TP_printk("ring %p, req %p, user_data 0x%llx, result %d, cflags 0x%x extra1 %llu extra2 %llu ",
		  __entry->ctx, __entry->req, __entry->user_data, __entry->res,
		  __entry->cflags, __entry->extra1, __entry->extra2)
);

/**
 * io_uring_submit_req - a request is about to be issued for the first time
 * @ctx:	the ring
 * @req:	the request
 * @user_data:	its user data
 * @opcode:	its IORING_OP_*
 * @flags:	its flags
 * @sq_thread:	true if the polling thread submits it
 */
TRACE_EVENT(io_uring_submit_req,

	TP_PROTO(void *ctx, void *req, u64 user_data, u8 opcode,
		 unsigned long flags, bool sq_thread),

	TP_ARGS(ctx, req, user_data, opcode, flags, sq_thread),

	TP_STRUCT__entry(
		__field(void *,			ctx)
		__field(void *,			req)
		__field(unsigned long long,	user_data)
		__field(u8,			opcode)
		__field(unsigned long long,	flags)
		__field(bool,			sq_thread)
		__string(op_str, io_uring_get_opcode(opcode))
	),

	TP_fast_assign(
		__entry->ctx		= ctx;
		__entry->req		= req;
		__entry->user_data	= user_data;
		__entry->opcode		= opcode;
		__entry->flags		= flags;
		__entry->sq_thread	= sq_thread;
		__assign_str(op_str);
	),

	TP_printk("ring %p, req %p, user_data 0x%llx, opcode %s, flags 0x%llx, sq_thread %d",
		  __entry->ctx, __entry->req, __entry->user_data,
		  __get_str(op_str), __entry->flags, __entry->sq_thread)
);

/**
 * io_uring_poll_arm - a request waits until its file is ready
 * @ctx:	the ring
 * @req:	the request
 * @user_data:	its user data
 * @opcode:	its IORING_OP_*
 * @mask:	what the file is ready for already
 * @events:	what the request waits for
 */
TRACE_EVENT(io_uring_poll_arm,

	TP_PROTO(void *ctx, void *req, u64 user_data, u8 opcode, int mask,
		 int events),

	TP_ARGS(ctx, req, user_data, opcode, mask, events),

	TP_STRUCT__entry(
		__field(void *,			ctx)
		__field(void *,			req)
		__field(unsigned long long,	user_data)
		__field(u8,			opcode)
		__field(int,			mask)
		__field(int,			events)
		__string(op_str, io_uring_get_opcode(opcode))
	),

	TP_fast_assign(
		__entry->ctx		= ctx;
		__entry->req		= req;
		__entry->user_data	= user_data;
		__entry->opcode		= opcode;
		__entry->mask		= mask;
		__entry->events		= events;
		__assign_str(op_str);
	),

	TP_printk("ring %p, req %p, user_data 0x%llx, opcode %s, mask 0x%x, events 0x%x",
		  __entry->ctx, __entry->req, __entry->user_data,
		  __get_str(op_str), __entry->mask, __entry->events)
);

/**
 * io_uring_task_add - a wake-up sends a request back to its task
 * @ctx:	the ring
 * @req:	the request
 * @user_data:	its user data
 * @opcode:	its IORING_OP_*
 * @mask:	what the file is ready for
 */
TRACE_EVENT(io_uring_task_add,

	TP_PROTO(void *ctx, void *req, u64 user_data, u8 opcode, int mask),

	TP_ARGS(ctx, req, user_data, opcode, mask),

	TP_STRUCT__entry(
		__field(void *,			ctx)
		__field(void *,			req)
		__field(unsigned long long,	user_data)
		__field(u8,			opcode)
		__field(int,			mask)
		__string(op_str, io_uring_get_opcode(opcode))
	),

	TP_fast_assign(
		__entry->ctx		= ctx;
		__entry->req		= req;
		__entry->user_data	= user_data;
		__entry->opcode		= opcode;
		__entry->mask		= mask;
		__assign_str(op_str);
	),

	TP_printk("ring %p, req %p, user_data 0x%llx, opcode %s, mask %x",
		  __entry->ctx, __entry->req, __entry->user_data,
		  __get_str(op_str), __entry->mask)
);

/**
 * io_uring_req_failed - a submission queue entry was rejected
 * @sqe:	a private copy of the entry, not the one user space can write
 * @ctx:	the ring
 * @req:	the request made from it
 * @error:	the negative error
 * @reason:	what was wrong with it, or NULL
 */
TRACE_EVENT(io_uring_req_failed,

	TP_PROTO(const struct io_uring_sqe *sqe, void *ctx, void *req,
		 int error, const char *reason),

	TP_ARGS(sqe, ctx, req, error, reason),

	TP_STRUCT__entry(
		__field(void *,			ctx)
		__field(void *,			req)
		__field(unsigned long long,	user_data)
		__field(u8,			opcode)
		__field(u8,			flags)
		__field(u8,			ioprio)
		__field(u64,			off)
		__field(u64,			addr)
		__field(u32,			len)
		__field(u32,			op_flags)
		__field(u16,			buf_index)
		__field(u16,			personality)
		__field(u32,			file_index)
		__field(u64,			pad1)
		__field(u64,			addr3)
		__field(int,			error)
		__string(op_str, io_uring_get_opcode(sqe->opcode))
		__string(reason, reason)
	),

	TP_fast_assign(
		__entry->ctx		= ctx;
		__entry->req		= req;
		__entry->user_data	= sqe->user_data;
		__entry->opcode		= sqe->opcode;
		__entry->flags		= sqe->flags;
		__entry->ioprio		= sqe->ioprio;
		__entry->off		= sqe->off;
		__entry->addr		= sqe->addr;
		__entry->len		= sqe->len;
		__entry->op_flags	= sqe->fsync_flags;	/* any of the union */
		__entry->buf_index	= sqe->buf_index;
		__entry->personality	= sqe->personality;
		__entry->file_index	= sqe->file_index;
		__entry->pad1		= sqe->__pad2[0];
		__entry->addr3		= sqe->addr3;
		__entry->error		= error;
		__assign_str(op_str);
		__assign_str(reason);
	),

	TP_printk("ring %p, req %p, user_data 0x%llx, opcode %s, flags 0x%x, prio=%d, off=%llu, addr=%llu, len=%u, rw_flags=0x%x, buf_index=%d, personality=%d, file_index=%d, pad=0x%llx, addr3=%llx, error=%d, reason=%s",
		  __entry->ctx, __entry->req, __entry->user_data,
		  __get_str(op_str), __entry->flags, __entry->ioprio,
		  __entry->off, __entry->addr, __entry->len, __entry->op_flags,
		  __entry->buf_index, __entry->personality,
		  __entry->file_index, __entry->pad1, __entry->addr3,
		  __entry->error, __get_str(reason))
);

/**
 * io_uring_cqe_overflow - the completion queue is full
 * @ctx:	the ring
 * @user_data:	user data of the completion that found no room
 * @res:	its result
 * @cflags:	its IORING_CQE_F_* flags
 * @ocqe:	its place in the backlog, NULL if there was no memory for one
 */
TRACE_EVENT(io_uring_cqe_overflow,

	TP_PROTO(void *ctx, unsigned long long user_data, s32 res, u32 cflags,
		 void *ocqe),

	TP_ARGS(ctx, user_data, res, cflags, ocqe),

	TP_STRUCT__entry(
		__field(void *,			ctx)
		__field(unsigned long long,	user_data)
		__field(s32,			res)
		__field(u32,			cflags)
		__field(void *,			ocqe)
	),

	TP_fast_assign(
		__entry->ctx		= ctx;
		__entry->user_data	= user_data;
		__entry->res		= res;
		__entry->cflags		= cflags;
		__entry->ocqe		= ocqe;
	),

	TP_printk("ring %p, user_data 0x%llx, res %d, cflags 0x%x, overflow_cqe %p",
		  __entry->ctx, __entry->user_data, __entry->res,
		  __entry->cflags, __entry->ocqe)
);

/**
 * io_uring_task_work_run - a task has run the work that waited for it
 * @tctx:	the task
 * @count:	how many items
 */
TRACE_EVENT(io_uring_task_work_run,

	TP_PROTO(void *tctx, unsigned int count),

	TP_ARGS(tctx, count),

	TP_STRUCT__entry(
		__field(void *,		tctx)
		__field(unsigned int,	count)
	),

	TP_fast_assign(
		__entry->tctx		= tctx;
		__entry->count		= count;
	),

	TP_printk("tctx %p, count %u", __entry->tctx, __entry->count)
);

/**
 * io_uring_short_write - a buffered write wrote less than it was asked to
 * @ctx:	the ring
 * @fpos:	position in the file
 * @wanted:	bytes asked for
 * @got:	bytes written
 */
TRACE_EVENT(io_uring_short_write,

	TP_PROTO(void *ctx, u64 fpos, u64 wanted, u64 got),

	TP_ARGS(ctx, fpos, wanted, got),

	TP_STRUCT__entry(
		__field(void *,		ctx)
		__field(u64,		fpos)
		__field(u64,		wanted)
		__field(u64,		got)
	),

	TP_fast_assign(
		__entry->ctx		= ctx;
		__entry->fpos		= fpos;
		__entry->wanted		= wanted;
		__entry->got		= got;
	),

	TP_printk("ring %p, fpos %lld, wanted %lld, got %lld",
		  __entry->ctx, __entry->fpos, __entry->wanted, __entry->got)
);

/**
 * io_uring_local_work_run - a ring has run the work deferred to its task
 * @ctx:	the ring
 * @count:	how many items
 * @loops:	in how many passes
 */
TRACE_EVENT(io_uring_local_work_run,

	TP_PROTO(void *ctx, int count, unsigned int loops),

	TP_ARGS(ctx, count, loops),

	TP_STRUCT__entry(
		__field(void *,		ctx)
		__field(int,		count)
		__field(unsigned int,	loops)
	),

	TP_fast_assign(
		__entry->ctx		= ctx;
		__entry->count		= count;
		__entry->loops		= loops;
	),

	TP_printk("ring %p, count %d, loops %u",
		  __entry->ctx, __entry->count, __entry->loops)
);

#endif /* _TRACE_IO_URING_H */

/* This part must be outside protection */
#include <trace/define_trace.h>
