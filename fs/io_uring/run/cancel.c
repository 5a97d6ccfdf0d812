// SPDX-License-Identifier: GPL-2.0
/*
 * Cancelling requests.
 *
 * What can be cancelled is in the index, by its user_data:
 *
 *   parked             claimed, and completed by the unlock; or, if its event is on
 *                      the way, marked, so that it does not park again
 *   queued             in a worker pool, or behind its inode's turn; taken out, and
 *                      completed by the unlock
 *   run by a worker    interrupted; its own result comes later
 *   given back by one  among its lane's events, to be parked: marked
 *   run by one         its result is on the way
 *
 * What a device is busy with cannot be cancelled and counts as not found.
 *
 * Who looks for more than one user_data goes through the whole index. That may take
 * long, so that others have their turn on the way.
 */
#include <linux/io_uring.h>
#include <linux/slab.h>

#include "../req/complete.h"
#include "../req/drain.h"
#include "../req/park.h"
#include "cancel.h"
#include "lock.h"
#include "worker.h"

/**
 * iou_cancel_init() - prepare a ring for commands that can be stopped
 * @ring: being made
 */
void iou_cancel_init(struct iou_ring *ring)
{
	INIT_LIST_HEAD(&ring->commands);
}

/**
 * iou_cancel_free() - free marks that were left among the commands
 * @ring: nobody can reach it any more, so that there are no commands
 */
void iou_cancel_free(struct iou_ring *ring)
{
	struct iou_req *mark, *next;

	list_for_each_entry_safe(mark, next, &ring->commands, command)
		kfree(mark);
}

/* It was given to a worker pool */
static int cancel_at_pool(struct iou_req *req)
	__must_hold(&iou_req_ring(req)->lock)
{
	struct iou_pool *pool = iou_lane_pool(req->lane);
	enum iou_pool_place place;

	if (req->work.expected) {
		/* If it is its turn it gives that on when it completes */
		list_del(&req->work.node);
		iou_pool_unexpect(pool, &req->work);
		place = IOU_POOL_QUEUED;
	} else {
		place = iou_pool_cancel(pool, &req->work);
	}

	if (place == IOU_POOL_QUEUED) {
		iou_index_leave(req);
		iou_req_end_soon(req, -ECANCELED);
		return 0;
	}
	if (place == IOU_POOL_GONE) {
		/* Without a result it is with a device, or given back to be parked */
		if (READ_ONCE(req->state) == IOU_S_BUSY)
			return -ENOENT;
		req->cancelled = true;
	}
	return -EALREADY;
}

/**
 * iou_cancel_req() - cancel a request
 * @req: any
 *
 * Context: ring lock. May sleep.
 * Return: 0: it completes with -ECANCELED in the unlock; 1: the same for what waits for
 * a futex or a child, where 6.12 counts and programs know that. -EALREADY: it is ending.
 * -ENOENT: it cannot be cancelled.
 */
int iou_cancel_req(struct iou_req *req)
{
	iou_assert_locked(iou_req_ring(req));
	switch (READ_ONCE(req->state)) {
	case IOU_S_QUEUED:
	case IOU_S_WORKING:
		return cancel_at_pool(req);
	case IOU_S_PARKED:
		if (iou_park_claim(req)) {
			iou_req_end_soon(req, -ECANCELED);
			return req->park->of_task ? 1 : 0;
		}
		break;
	case IOU_S_CLAIMED:
	case IOU_S_AGAIN:
	case IOU_S_ENDED:
	case IOU_S_RETURNED:
		break;
	default:
		return -ENOENT;
	}
	req->cancelled = true;
	return -EALREADY;
}

/**
 * struct search - one way through the index of a ring
 * @ring: which
 * @match: which requests
 * @data: for it
 * @all: every match, not only the first
 * @yields: lets the lock go on the way, if others wait for it
 * @died: the task is being killed, and the ring is not locked
 * @nr: matches so far
 * @nr_ending: of these, those that do not complete in the unlock
 * @last: what iou_cancel_req() said of the last one
 */
struct search {
	struct iou_ring *ring;
	iou_req_match_fn match;
	void *data;
	bool all;
	bool yields;
	bool died;
	u32 nr;
	u32 nr_ending;
	int last;
};

/* Look at a request. Return: look at others, too */
static bool search_at(struct search *search, struct iou_req *req)
	__must_hold(&search->ring->lock)
{
	int ret;

	/* A LINK_TIMEOUT ends with what it guards */
	if (req->opcode == IORING_OP_LINK_TIMEOUT || !search->match(req, search->data))
		return true;
	ret = iou_cancel_req(req);
	if (ret == -ENOENT)
		return true;

	search->last = ret;
	search->nr++;
	search->nr_ending += ret == -EALREADY;
	return search->all;
}

/*
 * Others have their turn. What they complete may be the next request, so a mark keeps the
 * place. Return: go on
 */
static bool search_pause(struct search *search, struct iou_walk *walk)
	__must_hold(&search->ring->lock)
{
	struct iou_ring *ring = search->ring;

	iou_walk_pause(walk);
	/* Killed or not, what is to end ends */
	if (iou_ring_look_around(ring) == IOU_HOLD_YIELD && search->yields)
		search->died = iou_ring_yield(ring);
	if (!search->died)
		iou_walk_resume(walk);
	return !search->died;
}

static void search_with(struct search *search, struct iou_req *mark)
	__must_hold(&search->ring->lock)
{
	struct iou_walk walk;
	struct iou_req *req;
	bool more = true;
	u32 steps = 0;

	iou_walk_begin(&walk, search->ring, mark);
	while (more && iou_walk_next(&walk, &req)) {
		if (req)
			more = search_at(search, req);
		if (more && ++steps % IOU_HOLD_STEPS == 0)
			more = search_pause(search, &walk);
	}
	if (search->died)
		iou_walk_abandon(&walk);
	else
		iou_walk_end(&walk);
}

/* Who may die cannot take the mark off again then, and leaves it to the index */
static void search_yielding(struct search *search)
	__must_hold(&search->ring->lock)
{
	struct iou_req *mark = kmalloc(sizeof(*mark), GFP_NOIO | __GFP_ACCOUNT | __GFP_NOWARN);
	struct iou_req spare;

	search->yields = mark;
	search_with(search, mark ?: &spare);
	if (!search->died)
		kfree(mark);
}

static void search_index(struct search *search)
	__must_hold(&search->ring->lock)
{
	struct iou_req mark;

	if (!search->ring->parked.nr)
		return;
	if (search->yields)
		search_yielding(search);
	else
		search_with(search, &mark);
}

static bool match_keys(const struct iou_req *req, void *data)
{
	const struct iou_cancel *what = data;
	u32 flags = what->flags;

	if (flags & IORING_ASYNC_CANCEL_ANY)
		return true;
	if ((flags & IORING_ASYNC_CANCEL_FD) && req->file != what->file)
		return false;
	if ((flags & IORING_ASYNC_CANCEL_OP) && req->opcode != what->opcode)
		return false;
	if ((flags & IORING_ASYNC_CANCEL_USERDATA) ||
	    !(flags & (IORING_ASYNC_CANCEL_FD | IORING_ASYNC_CANCEL_OP)))
		return req->user_data == what->user_data;
	return true;
}

static bool is_by_user_data(const struct iou_cancel *what)
{
	return !(what->flags & (IORING_ASYNC_CANCEL_ALL | IORING_ASYNC_CANCEL_ANY |
				IORING_ASYNC_CANCEL_FD | IORING_ASYNC_CANCEL_OP));
}

static bool match_cancellable(const struct iou_req *req, void *data)
{
	return req->opcode != IORING_OP_LINK_TIMEOUT && READ_ONCE(req->state) != IOU_S_BUSY;
}

/* The usual case: one request, which the index finds */
static int cancel_one(struct iou_ring *ring, u64 user_data)
	__must_hold(&ring->lock)
{
	struct iou_req *req = iou_park_find(ring, user_data, match_cancellable, NULL);

	return req ? iou_cancel_req(req) : -ENOENT;
}

static struct search search_of(struct iou_ring *ring, const struct iou_cancel *what)
{
	return (struct search) {
		.ring	= ring,
		.match	= match_keys,
		.data	= (void *)what,
		.all	= what->flags & (IORING_ASYNC_CANCEL_ALL | IORING_ASYNC_CANCEL_ANY),
		.last	= -ENOENT,
	};
}

/**
 * iou_cancel() - cancel requests
 * @ring: locked
 * @what: which
 *
 * Context: ring lock. May sleep.
 * Return: with CANCEL_ALL or CANCEL_ANY how many were found. Otherwise 0: the
 * first that was found completes with -ECANCELED in the unlock, or 1, see
 * iou_cancel_req(); -EALREADY: it will, or with its own result, soon; -ENOENT: none was
 * found.
 */
int iou_cancel(struct iou_ring *ring, const struct iou_cancel *what)
{
	struct search search = search_of(ring, what);

	iou_assert_locked(ring);
	if (is_by_user_data(what))
		return cancel_one(ring, what->user_data);

	search_index(&search);
	return search.all ? search.nr : search.last;
}

/**
 * iou_cancel_finally() - cancel requests, for who waits until they have ended
 * @ring: locked; let go and locked again if others wait for it
 * @what: which
 * @nr: with CANCEL_ALL or CANCEL_ANY it is set to how many were found, else to 0
 *
 * Context: ring lock. May sleep.
 * Return: as iou_cancel(); but -EALREADY also if some of many do not complete in the
 * unlock. -EINTR: being killed; then the ring is not locked any more.
 */
int iou_cancel_finally(struct iou_ring *ring, const struct iou_cancel *what, u32 *nr)
{
	struct search search = search_of(ring, what);

	iou_assert_locked(ring);
	*nr = 0;
	if (is_by_user_data(what))
		return cancel_one(ring, what->user_data);

	search.yields = true;
	search_index(&search);
	if (search.died)
		return -EINTR;

	if (search.all)
		*nr = search.nr;
	if (search.nr_ending)
		return -EALREADY;
	return search.all ? search.nr : search.last;
}

static bool match_any(const struct iou_req *req, void *data)
{
	return true;
}

static bool match_lane(const struct iou_req *req, void *data)
{
	return req->lane == data;
}

/* Requests that cannot outlive their task, or would keep rings alive */
static bool match_bound_to_task(const struct iou_req *req, void *data)
{
	if (!match_lane(req, data))
		return false;
	/* A driver that is to stop what it has accepted does not get more of it */
	if (iou_index_is_work(req))
		return READ_ONCE(req->work.unbound) || iou_req_op(req)->ask_cancel;
	return req->park->of_task || (req->file && io_is_uring_fops(req->file));
}

static bool match_killed_task(const struct iou_req *req, void *data)
{
	return match_bound_to_task(req, data) ||
	       (match_lane(req, data) && iou_index_is_work(req));
}

/* All of these that can be cancelled. Return: 0; -EINTR: not all, and not locked any more */
static int cancel_all(struct iou_ring *ring, iou_req_match_fn match, void *data)
{
	struct search search = {
		.ring	= ring,
		.match	= match,
		.data	= data,
		.all	= true,
		.yields	= true,
	};

	search_index(&search);
	return search.died ? -EINTR : 0;
}

#define DRAIN_STEPS	64

/*
 * End what waits for its turn in the queue of IO_DRAIN: a lane's, or if it is NULL all.
 * Return: as cancel_all()
 */
static int cancel_drained(struct iou_ring *ring, struct iou_lane *lane)
{
	while (iou_drain_cancel(ring, lane, DRAIN_STEPS))
		if (iou_ring_hold(ring, DRAIN_STEPS) == IOU_HOLD_YIELD && iou_ring_yield(ring))
			return -EINTR;
	return 0;
}

/* Ask a driver to stop a command, if it is this lane's; NULL: any */
static void stop_command(struct iou_req *req, const struct iou_lane *lane)
	__must_hold(&iou_req_ring(req)->lock)
{
	/* A mark of who goes through the list, too */
	if (READ_ONCE(req->state) == IOU_S_DONE)
		return;
	if (lane && req->lane != lane)
		return;
	req->lane->stopping = true;
	iou_req_op(req)->ask_cancel(req);
}

static struct iou_req *command_mark(void)
{
	struct iou_req *mark = kmalloc(sizeof(*mark), GFP_NOIO | __GFP_ACCOUNT | __GFP_NOWARN);

	if (mark)
		iou_req_begin(mark, IOU_S_DONE);
	return mark;
}

/*
 * Ask drivers to stop the commands of a lane, which may be gone; or, if it is NULL, of the
 * whole ring. Nothing is submitted there any more. Others have their turn on the way, and
 * a mark keeps the place; who does not come back leaves that there. Without memory for
 * one the lock is held all the time. Return: as cancel_all()
 */
static int stop_commands(struct iou_ring *ring, const struct iou_lane *lane)
{
	struct list_head *next = ring->commands.next;
	struct iou_req *mark = NULL;
	u32 nr = 0;

	while (next != &ring->commands) {
		stop_command(list_entry(next, struct iou_req, command), lane);
		next = next->next;
		if (++nr % IOU_HOLD_STEPS)
			continue;

		mark = mark ?: command_mark();
		if (!mark)
			continue;
		list_add_tail(&mark->command, next);
		if (iou_ring_look_around(ring) == IOU_HOLD_YIELD && iou_ring_yield(ring))
			return -EINTR;
		next = mark->command.next;
		list_del(&mark->command);
	}
	kfree(mark);
	return 0;
}

/**
 * iou_cancel_commands() - ask drivers to stop commands
 * @lane: whose commands, as far as they can be stopped. It will not be used any more
 *
 * They end when the drivers say so. A driver may have reasons to go on for now;
 * then it has to be asked again.
 *
 * Context: ring lock.
 */
void iou_cancel_commands(struct iou_lane *lane)
{
	struct iou_req *req;

	iou_assert_locked(lane->ring);
	list_for_each_entry(req, &lane->ring->commands, command)
		stop_command(req, lane);
}

/**
 * iou_cancel_lane() - end all of a lane's requests that can be ended
 * @lane: its ring is locked, and kept by the caller. May be gone afterwards
 *
 * Context: ring lock, let go and taken again. May sleep.
 * Return: 0; -EINTR: not all, the task is being killed, and the ring is not locked any more.
 */
int iou_cancel_lane(struct iou_lane *lane)
{
	struct iou_ring *ring = lane->ring;

	if (!lane->nr_inflight)
		return 0;
	return cancel_drained(ring, lane) ?: cancel_all(ring, match_lane, lane) ?:
	       stop_commands(ring, lane);
}

/**
 * iou_cancel_ring() - end all of a ring's requests that can be ended
 * @ring: locked, and kept by the caller
 *
 * Context: ring lock, let go and taken again. May sleep.
 * Return: as iou_cancel_lane().
 */
int iou_cancel_ring(struct iou_ring *ring)
{
	iou_assert_locked(ring);
	return cancel_drained(ring, NULL) ?: cancel_all(ring, match_any, NULL) ?:
	       stop_commands(ring, NULL);
}

/**
 * iou_cancel_for_exit() - end what must not outlive a task
 * @lane: its ring is locked, and kept by the caller; its task exits. May be gone
 *        afterwards
 * @killed: so do the workers
 *
 * That is what workers might be busy with for ever, what waits for something of the task's
 * own, and what waits for a ring: it holds the file of that, which may be this one, and
 * which would never be closed.
 *
 * Context: ring lock, let go and taken again. May sleep.
 * Return: as iou_cancel_lane().
 */
int iou_cancel_for_exit(struct iou_lane *lane, bool killed)
{
	struct iou_ring *ring = lane->ring;

	if (!lane->nr_inflight)
		return 0;
	return cancel_all(ring, killed ? match_killed_task : match_bound_to_task, lane) ?:
	       stop_commands(ring, lane);
}
