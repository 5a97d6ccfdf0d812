// SPDX-License-Identifier: GPL-2.0
/*
 * Requests that are done by workers: what a worker does with a request, and how
 * a request gets to the pool of its task.
 *
 * A worker holds no ring lock. Whatever it needs of the ring is taken before.
 */
#include <linux/cred.h>
#include <linux/fs.h>

#include <trace/events/io_uring.h>

#include "../req/audit.h"
#include "../req/complete.h"
#include "../req/hash.h"
#include "../req/lane.h"
#include "../req/park.h"
#include "../req/req.h"
#include "async.h"
#include "iopoll.h"
#include "lock.h"
#include "worker.h"

/*
 * Shall it wait in poll and not here, although its file cannot be told not to block?
 * Some file systems let regular files be polled, too: there it says nothing.
 */
static bool work_is_for_poll(const struct iou_req *req)
{
	return req->file && file_can_poll(req->file) && !iou_file_nowait(req->file) &&
	       !iou_file_is_disk(req->file);
}

/* An attempt, which finds iou_worker_refused() where the file has to be waited for */
static iou_verdict_t work_nowait(struct iou_req *req)
{
	iou_verdict_t verdict;

	iou_worker_begin_nowait();
	verdict = iou_req_op(req)->work(req);
	iou_worker_end_nowait();
	return verdict;
}

static __always_inline enum iou_work_end work_attempt(struct iou_req *req)
{
	const struct iou_op *op = iou_req_op(req);

	if (op->lasts && !req->work.unbound && op->lasts(req))
		return IOU_WORK_UNBOUND;

	if (op->audit)
		req->verdict = iou_audited(req, op->work);
	else if (op->poll_events && unlikely(work_is_for_poll(req)))
		req->verdict = work_nowait(req);
	else
		req->verdict = op->work(req);

	if (likely(req->verdict != IOU_WORK && req->verdict != IOU_RETRY))
		return IOU_WORK_DONE;
	return req->verdict == IOU_RETRY ? IOU_WORK_BACK : IOU_WORK_UNBOUND;
}

static noinline enum iou_work_end work_as(struct iou_req *req, const struct cred *creds)
{
	const struct cred *old = override_creds(creds);
	enum iou_work_end end = work_attempt(req);

	revert_creds(old);
	return end;
}

static enum iou_work_end work_run(struct iou_work *work)
{
	struct iou_req *req = container_of(work, struct iou_req, work);
	enum iou_work_end end;

	iou_req_step(req, IOU_S_WORKING);
	if (likely(req->creds == current_cred()))
		end = work_attempt(req);
	else
		end = work_as(req, req->creds);

	/* Where a cancel looks for it */
	if (end == IOU_WORK_UNBOUND)
		iou_req_step(req, IOU_S_QUEUED);
	return end;
}

static void work_cancel_event(struct iou_req *req, bool cancel)
	__must_hold(&iou_req_ring(req)->lock)
{
	iou_req_end(req, -ECANCELED);
}

/* ->event says what to do with it, see iou_async_queue() */
static void work_give_back(struct iou_work *work, bool cancelled)
{
	struct iou_req *req = container_of(work, struct iou_req, work);

	if (cancelled)
		req->event = work_cancel_event;
	iou_req_step(req, IOU_S_RETURNED);
	iou_lane_push(req);
}

static void work_done_event(struct iou_req *req, bool cancel)
	__must_hold(&iou_req_ring(req)->lock)
{
	iou_req_complete(req);
}

static void work_post(struct iou_req *req)
{
	req->event = work_done_event;
	iou_req_step(req, IOU_S_CLAIMED);
	if (iou_req_ring(req)->deferred && !(req->held & IOU_HELD_SERIAL))
		iou_lane_push_lazy(req);
	else
		iou_ring_push_done(req);
}

/*
 * A device has it. Whoever comes next on the inode does not have to wait for that: the turn
 * is given on first, under the lock, and the request only then.
 */
static void work_pass_on(struct iou_req *req)
{
	if (req->verdict == IOU_POLLED)
		iou_iopoll_will_join(req);

	if (unlikely(req->held & IOU_HELD_SERIAL))
		iou_ring_push_done(req);
	else
		iou_req_leave(req);
}

static void work_done(struct iou_work *work)
{
	struct iou_req *req = container_of(work, struct iou_req, work);

	if (req->verdict == IOU_BUSY || req->verdict == IOU_POLLED)
		work_pass_on(req);
	else
		work_post(req);
}

static void work_fail(struct iou_work *work, int error)
{
	struct iou_req *req = container_of(work, struct iou_req, work);

	req->verdict = IOU_DONE;
	iou_req_set_result(req, error);
	work_post(req);
}

static const struct iou_pool_ops work_ops = {
	.run		= work_run,
	.give_back	= work_give_back,
	.done		= work_done,
	.fail		= work_fail,
};

/**
 * iou_async_max_workers() - the limits of a pool that is made for a ring
 * @ring: locked
 * @max: of bounded and unbounded work
 *
 * Context: ring lock.
 */
void iou_async_max_workers(const struct iou_ring *ring, u32 max[2])
{
	int i;

	iou_assert_locked(ring);
	max[IO_WQ_BOUND] = min(ring->sq.entries, 4 * num_online_cpus());
	max[IO_WQ_UNBOUND] = iou_pool_cap(U32_MAX) ?: 1;

	for (i = 0; i < 2; i++)
		max[i] = iou_pool_cap(ring->max_workers[i]) ?: max[i];
}

static noinline struct iou_pool *make_pool(struct iou_lane *lane)
	__must_hold(&lane->ring->lock)
{
	struct iou_task *task = lane->task;
	struct iou_pool *pool;
	u32 max[2];

	iou_async_max_workers(lane->ring, max);
	pool = iou_pool_create(task, max, &work_ops);
	if (!pool)
		return NULL;

	put_cred(task->creds);
	task->creds = get_current_cred();
	/* See iou_task_pool() */
	smp_store_release(&task->pool, pool);
	return pool;
}

/**
 * iou_async_pool() - the worker pool of a lane's task
 * @lane: current's
 *
 * Context: ring lock. May sleep.
 * Return: the pool, made if need be; or NULL without memory.
 */
struct iou_pool *iou_async_pool(struct iou_lane *lane)
{
	return lane->task->pool ?: make_pool(lane);
}

static bool work_is_hashed(const struct iou_req *req)
{
	const struct file *file = req->file;

	if (!S_ISREG(iou_file_mode(file)))
		return false;
	return !((file->f_flags & O_DIRECT) &&
		 (file->f_op->fop_flags & FOP_DIO_PARALLEL_WRITE));
}

/* A worker has to run with the credentials of now. The usual ones are held already */
static __always_inline void work_set_creds(struct iou_req *req)
{
	req->creds = current_cred();
	if (unlikely(req->creds != req->lane->task->creds)) {
		get_cred(req->creds);
		req->held |= IOU_HELD_CREDS;
	}
}

static __always_inline int async_begin(struct iou_req *req, const struct iou_op *op)
	__must_hold(&iou_req_ring(req)->lock)
{
	iou_assert_locked(iou_req_ring(req));
	if (unlikely(!iou_async_pool(req->lane)))
		return -ENOMEM;
	if (op->needs_file && !iou_req_get_file(req))
		return -EBADF;

	if (!(req->held & IOU_HELD_INFLIGHT))
		iou_req_keep(req);
	else
		iou_req_own_file(req);
	return 0;
}

static __always_inline void async_queue(struct iou_req *req, const struct iou_op *op)
	__must_hold(&iou_req_ring(req)->lock)
{
	struct iou_pool *pool = req->lane->task->pool;
	bool hashed = op->hashed && work_is_hashed(req);

	iou_assert_locked(iou_req_ring(req));
	if (!(req->held & IOU_HELD_CREDS))
		work_set_creds(req);
	req->work.unbound = op->unbound && !(req->file && iou_file_is_disk(req->file));
	req->work.async = req->sqe_flags & IOSQE_ASYNC;
	iou_req_step(req, IOU_S_QUEUED);
	/* Its arguments would be read in any case */
	if (trace_io_uring_queue_async_work_enabled())
		trace_io_uring_queue_async_work(iou_req_ring(req), req, req->user_data,
						req->opcode, req->sqe_flags, &req->work, hashed);

	iou_index_enter(req);
	req->work.expected = hashed && !(req->held & IOU_HELD_SERIAL) && !iou_hash_enter(req);
	if (unlikely(req->work.expected))
		iou_pool_expect(pool, &req->work);
	else if (unlikely(!iou_pool_queue(pool, &req->work)))
		iou_req_end(req, -ECANCELED);
}

/**
 * iou_async_begin() - prepare a request for outliving its submission, in a worker
 * @req: prepared, perhaps issued before
 *
 * Context: ring lock, in the lane's task. May sleep.
 * Return: 0; -ENOMEM: no pool; -EBADF: no file.
 */
int iou_async_begin(struct iou_req *req)
{
	return async_begin(req, iou_req_op(req));
}

/**
 * iou_async_queue() - let a worker do it
 * @req: after iou_async_begin(). If the worker gives it back, ->event is called
 *
 * Context: ring lock, in the lane's task. May sleep.
 */
void iou_async_queue(struct iou_req *req)
{
	async_queue(req, iou_req_op(req));
}

/**
 * iou_async_start() - iou_async_begin() and iou_async_queue() in one
 * @req: prepared, perhaps issued before. If the worker gives it back, ->event is called
 *
 * Context: ring lock, in the lane's task. May sleep.
 * Return: as iou_async_begin().
 */
int iou_async_start(struct iou_req *req)
{
	const struct iou_op *op = iou_req_op(req);
	int error = async_begin(req, op);

	if (likely(!error))
		async_queue(req, op);
	return error;
}
