// SPDX-License-Identifier: GPL-2.0
/*
 * Parking a request on the waitqueues of its file.
 *
 * A wake-up, in any context, changes PARKED to CLAIMED and pushes the request on
 * its lane; from there on all is under the ring lock. There are two ways:
 *
 *   once        the wake-up takes the request off the waitqueue, and says so by
 *               ->head. The handler takes it off the other one, if there is, and
 *               then tries the operation again, so that later wake-ups do not
 *               have to be recorded
 *   lasting     the request stays on the waitqueues. A wake-up that finds it
 *               CLAIMED leaves AGAIN, and the handler that wants to go on
 *               waiting finds that and looks at the file once more
 *
 * Which of them it is does not change while it waits.
 *
 * POLLFREE says that a waitqueue goes away while the file lives on. Its last
 * access to the request's entry is the release of ->head; until then unpark
 * takes the waitqueue's lock, which outlives it by a grace period. That it was
 * POLLFREE stays in ->events.
 */
#include <linux/fs.h>
#include <linux/poll.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <net/sock.h>

#include <trace/events/io_uring.h>

#include "../req/lane.h"
#include "../req/op.h"
#include "../req/park.h"
#include "../req/req.h"
#include "napi.h"
#include "poll.h"

/* With @pt in front the compiler would align it, and the stack, to 16 bytes */
struct park_table {
	struct iou_req *req;
	struct poll_table_struct pt;
	__poll_t events;
	u32 nr_queues;
	int error;
};

static bool is_lasting(const struct iou_req *req)
{
	return !(req->poll.events & EPOLLONESHOT);
}

/*
 * Does a wake-up lead to one CQE at most, and to nothing else? Not if it is the only one
 * for several waiters; not if it stands for several.
 */
static bool is_lazy(__poll_t events)
{
	return (events & (EPOLLONESHOT | IOU_POLL_LAZY | EPOLLEXCLUSIVE)) ==
	       (EPOLLONESHOT | IOU_POLL_LAZY);
}

/* A wake-up. Return: the caller pushes the request, and may touch it until then */
static __always_inline bool claim(struct iou_req *req, bool lasting)
{
	u8 old = IOU_S_PARKED;

	if (!lasting)
		return iou_park_wake(req);
	while (!try_cmpxchg(&req->state, &old, old == IOU_S_PARKED ? IOU_S_CLAIMED :
								     IOU_S_AGAIN))
		if (old != IOU_S_PARKED && old != IOU_S_CLAIMED)
			return false;
	return old == IOU_S_PARKED;
}

static void queue_goes_away(struct iou_poll *poll, struct iou_req *req)
{
	bool won;

	/* Before the claim: a handler that went on waiting meanwhile looks at it again */
	WRITE_ONCE(poll->events, poll->events | POLLFREE);
	won = claim(req, !(poll->events & EPOLLONESHOT));
	list_del_init(&poll->wait.entry);
	/* If the claim was lost, the request may be gone after this */
	smp_store_release(&poll->head, NULL);
	if (won)
		iou_lane_push(req);
}

/* Called with the waitqueue's lock held, maybe in a hard interrupt */
static int park_wake(struct wait_queue_entry *wait, unsigned int mode, int sync,
		     void *key)
{
	struct iou_poll *poll = container_of(wait, struct iou_poll, wait);
	__poll_t events = poll->events;
	bool once = events & EPOLLONESHOT;
	struct iou_req *req = wait->private;
	__poll_t mask = key_to_poll(key);

	if (unlikely(mask & POLLFREE)) {
		queue_goes_away(poll, req);
		return 1;
	}
	if (mask && !(mask & events))
		return 0;
	/* An exclusive wake-up that is not for us goes on to the next waiter */
	if (!claim(req, !once))
		return 0;
	req->poll.seen = mask & (events | EPOLL_URING_WAKE);
	if (once) {
		list_del_init(&wait->entry);
		/* Spares the handler the lock of the waitqueue, see unhook() */
		smp_store_release(&poll->head, NULL);
	}
	if (is_lazy(events))
		iou_lane_push_lazy(req);
	else
		iou_lane_push(req);
	return 1;
}

static void park_queue(struct iou_poll *poll, struct park_table *table,
		       struct wait_queue_head *head)
{
	poll->head = head;
	poll->events = table->events;
	init_waitqueue_func_entry(&poll->wait, park_wake);
	poll->wait.private = table->req;
	if (table->events & EPOLLEXCLUSIVE)
		add_wait_queue_exclusive(head, &poll->wait);
	else
		add_wait_queue(head, &poll->wait);
}

/* The file's poll method names a waitqueue */
static void park_queue_proc(struct file *file, struct wait_queue_head *head,
			    struct poll_table_struct *pt)
{
	struct park_table *table = container_of(pt, struct park_table, pt);
	struct iou_req *req = table->req;

	if (table->error)
		return;
	if (!table->nr_queues) {
		table->nr_queues++;
		park_queue(&req->poll, table, head);
		return;
	}
	if (head == req->poll.head)
		return;
	if (table->nr_queues == 2) {
		table->error = -EINVAL;
		return;
	}
	req->poll2 = kmalloc(sizeof(*req->poll2), GFP_NOIO | __GFP_ACCOUNT);
	if (!req->poll2) {
		table->error = -ENOMEM;
		return;
	}
	table->nr_queues++;
	park_queue(req->poll2, table, head);
}

static void unhook(struct iou_poll *poll)
{
	struct wait_queue_head *head;

	rcu_read_lock();
	/* Pairs with the releases in queue_goes_away() and park_wake() */
	head = smp_load_acquire(&poll->head);
	if (head) {
		spin_lock_irq(&head->lock);
		list_del_init(&poll->wait.entry);
		spin_unlock_irq(&head->lock);
	}
	rcu_read_unlock();
}

static void unhook_all(struct iou_req *req)
{
	unhook(&req->poll);
	if (req->poll2) {
		unhook(req->poll2);
		kfree(req->poll2);
		req->poll2 = NULL;
	}
}

/* If the event of a lasting wait is on its way, its handler looks at the file once more */
static bool poll_claim(struct iou_req *req)
{
	if (!claim(req, is_lasting(req)))
		return false;
	unhook_all(req);
	return true;
}

static const struct iou_park_ops poll_park_ops = {
	.claim	= poll_claim,
};

/**
 * iou_poll_unpark() - stop waiting
 * @req: was parked by iou_poll_park() and then claimed
 *
 * Context: ring lock.
 */
void iou_poll_unpark(struct iou_req *req)
{
	iou_unpark(req);
	unhook_all(req);
}

/* What is ready, of what @req waits for? */
static __poll_t poll_now(const struct iou_req *req)
{
	return vfs_poll(req->file, NULL) & req->poll.events;
}

static void pass_on_proc(struct file *file, struct wait_queue_head *head,
			 struct poll_table_struct *pt)
{
	wake_up_poll(head, pt->_key);
}

/**
 * iou_poll_pass_on() - the file's next waiter has to look instead
 * @req: was parked, is not any more, and ends without having looked
 *
 * With EPOLLEXCLUSIVE its wake-up was perhaps the only one. For sockets: other files may
 * not like to be asked at any time (FUSE's do so in user space), or to be woken by others.
 *
 * Context: ring lock.
 */
void iou_poll_pass_on(const struct iou_req *req)
{
	struct poll_table_struct pt;

	if (likely(!(req->poll.events & EPOLLEXCLUSIVE)) ||
	    !S_ISSOCK(iou_file_mode(req->file)))
		return;
	/* What others are told has to be true for them, too */
	pt._key = poll_now(req);
	if (!pt._key)
		return;
	pt._qproc = pass_on_proc;
	vfs_poll(req->file, &pt);
}

/**
 * iou_poll_rearm() - go on with a lasting wait
 * @req: was parked without EPOLLONESHOT, and has been CLAIMED, and nothing else,
 *       since
 *
 * Context: ring lock.
 * Return: 0: parked. Positive: something happened since, and this is ready now;
 * it is still CLAIMED. -ECANCELED: the wait has to end.
 */
int iou_poll_rearm(struct iou_req *req)
{
	__poll_t mask;

	iou_assert_locked(iou_req_ring(req));
	iou_napi_note(iou_req_ring(req), req->file);
	for (;;) {
		if (iou_poll_ended(req))
			return -ECANCELED;
		if (iou_req_try_step(req, IOU_S_CLAIMED, IOU_S_PARKED))
			return 0;
		/* From here on a wake-up says so again. Full barrier: before looking */
		xchg(&req->state, IOU_S_CLAIMED);
		mask = poll_now(req);
		if (mask)
			return (__force int)mask;
	}
}

/**
 * iou_poll_merge() - have all wake-ups up to now stand for one event
 * @req: was parked and then claimed; the caller looks at its file after this
 *
 * Context: ring lock.
 * Return: there was more than one.
 */
bool iou_poll_merge(struct iou_req *req)
{
	iou_assert_locked(iou_req_ring(req));
	if (likely(READ_ONCE(req->state) != IOU_S_AGAIN))
		return false;
	/* From here on a wake-up says so again. Full barrier: before looking */
	xchg(&req->state, IOU_S_CLAIMED);
	return true;
}

/* The file was ready, or could not be waited for, before the wait had begun */
static int park_undo(struct iou_req *req, const struct park_table *table, __poll_t mask)
	__must_hold(&iou_req_ring(req)->lock)
{
	if (!claim(req, false))
		return 0;
	if (mask && is_lasting(req) && table->nr_queues && !table->error) {
		/* As a wake-up would have done */
		req->poll.seen = mask;
		iou_lane_push(req);
		return 0;
	}
	iou_poll_unpark(req);
	if (mask)
		return (__force int)mask;
	return table->error ?: -EINVAL;
}

#ifdef CONFIG_NET
/*
 * A socket's error queue is for those who ask for it: time stamps of what was sent, for
 * instance. It does not keep others from waiting, who would be ready for ever and never
 * get anything. An error of the socket itself is another matter.
 */
static __poll_t without_error_queue(const struct file *file, __poll_t mask)
{
	const struct socket *sock = sock_from_file((struct file *)file);

	if (sock && !READ_ONCE(sock->sk->sk_err) &&
	    !skb_queue_empty_lockless(&sock->sk->sk_error_queue))
		mask &= ~EPOLLERR;
	return mask;
}
#else
static __poll_t without_error_queue(const struct file *file, __poll_t mask)
{
	return mask;
}
#endif

/**
 * iou_poll_park() - wait until a file is ready
 * @req: with a file, and with ->event for when it is
 * @events: EPOLLIN and the like; EPOLLERR if the error queue of a socket counts, too.
 *          With EPOLLEXCLUSIVE a wake-up of one waiter reaches this request or another
 *          one, not both. Without EPOLLONESHOT the wait is a lasting one: the handler
 *          calls iou_poll_rearm()
 *
 * Context: ring lock, in the lane's task. May sleep.
 * Return: 0: parked, and perhaps already claimed by a wake-up. Positive: what
 * is ready now, and @req is not parked; of a lasting wait only if the file never
 * wakes anybody. -EINVAL: this file cannot be waited for. -ENOMEM. -ECANCELED:
 * the ring is being closed, or @req was cancelled.
 */
int iou_poll_park(struct iou_req *req, __poll_t events)
{
	struct iou_ring *ring = iou_req_ring(req);
	struct park_table table __uninitialized;
	__poll_t mask;
	int error;

	iou_assert_locked(ring);
	table.req = req;
	table.events = events | EPOLLERR | EPOLLHUP;
	table.nr_queues = 0;
	table.error = 0;
	req->poll.head = NULL;
	req->poll.events = table.events;
	req->poll.seen = 0;
	req->poll2 = NULL;
	iou_napi_note(ring, req->file);
	error = iou_park(req, &poll_park_ops);
	if (error)
		return error;
	/* A wake-up may come before vfs_poll() returns */
	init_poll_funcptr(&table.pt, park_queue_proc);
	table.pt._key = table.events & ~(EPOLLEXCLUSIVE | EPOLLONESHOT | IOU_POLL_LAZY);
	mask = vfs_poll(req->file, &table.pt) & table.pt._key;
	if (unlikely(mask & ~events & EPOLLERR))
		mask = without_error_queue(req->file, mask);
	trace_io_uring_poll_arm(ring, req, req->user_data, req->opcode,
				(__force int)mask, (__force int)events);
	if (likely(!mask && !table.error && table.nr_queues))
		return 0;
	return park_undo(req, &table, mask);
}
