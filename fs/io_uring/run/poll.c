// SPDX-License-Identifier: GPL-2.0
/*
 * Parking a request on the waitqueues of its file.
 *
 * A parked request is wanted by two: the wake-up, in any context, and a cancel,
 * under the ring lock. Who changes PARKED to CLAIMED has it; the other walks
 * away. The wake-up pushes it on its lane, and from there on both are under the
 * ring lock.
 *
 * A wake-up that comes later than the first is not recorded: the handler takes
 * the request off all waitqueues and then tries the operation again, so it
 * sees whatever happened.
 *
 * POLLFREE says that a waitqueue goes away while the file lives on. Its last
 * access to the request's entry is the release of ->head; until then unpark
 * takes the waitqueue's lock, which outlives it by a grace period.
 */
#include <linux/poll.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>

#include <trace/events/io_uring.h>

#include "../req/lane.h"
#include "poll.h"

struct park_table {
	struct poll_table_struct pt;
	struct iou_req *req;
	__poll_t events;
	u32 nr_queues;
	int error;
};

static bool claim(struct iou_req *req)
{
	return cmpxchg(&req->state, IOU_S_PARKED, IOU_S_CLAIMED) == IOU_S_PARKED;
}

static void queue_goes_away(struct iou_poll *poll, struct iou_req *req)
{
	bool won = claim(req);

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
	struct iou_req *req = wait->private;
	__poll_t mask = key_to_poll(key);

	if (unlikely(mask & POLLFREE)) {
		queue_goes_away(poll, req);
		return 1;
	}
	if (mask && !(mask & poll->events))
		return 0;
	/* An exclusive wake-up that is not for us goes on to the next waiter */
	if (!claim(req))
		return 0;
	list_del_init(&wait->entry);
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
	/* Pairs with the release in queue_goes_away() */
	head = smp_load_acquire(&poll->head);
	if (head) {
		spin_lock_irq(&head->lock);
		list_del_init(&poll->wait.entry);
		spin_unlock_irq(&head->lock);
	}
	rcu_read_unlock();
}

/**
 * iou_poll_unpark() - take a request off all waitqueues and the cancel index
 * @req: was parked and then claimed
 *
 * Context: ring lock.
 */
void iou_poll_unpark(struct iou_req *req)
{
	iou_assert_locked(iou_req_ring(req));
	list_del(&req->index);
	unhook(&req->poll);
	if (req->poll2) {
		unhook(req->poll2);
		kfree(req->poll2);
	}
}

/**
 * iou_poll_claim() - take a parked request away from its wake-up
 * @req: in ring->parked
 *
 * Context: ring lock.
 * Return: true: it is the caller's, and unparked. false: the wake-up was
 * faster, its event is on the lane.
 */
bool iou_poll_claim(struct iou_req *req)
{
	if (!claim(req))
		return false;
	iou_poll_unpark(req);
	return true;
}

/**
 * iou_poll_park() - wait until a file is ready
 * @req: with a file, and with ->event for when it is
 * @events: EPOLLIN and the like
 *
 * Context: ring lock, in the lane's task. May sleep.
 * Return: 0: parked, and perhaps already claimed by a wake-up. 1: ready now,
 * not parked. -EINVAL: this file cannot be waited for. -ENOMEM. -ECANCELED: the
 * ring is being closed.
 */
int iou_poll_park(struct iou_req *req, __poll_t events)
{
	struct iou_ring *ring = iou_req_ring(req);
	struct park_table table = {
		.req = req,
		.events = events | EPOLLERR | EPOLLHUP,
	};
	__poll_t mask;

	iou_assert_locked(ring);
	if (ring->closing)
		return -ECANCELED;
	req->poll.head = NULL;
	req->poll2 = NULL;
	list_add_tail(&req->index, &ring->parked);
	/* A wake-up may come before vfs_poll() returns */
	smp_store_release(&req->state, IOU_S_PARKED);
	init_poll_funcptr(&table.pt, park_queue_proc);
	table.pt._key = table.events;
	mask = vfs_poll(req->file, &table.pt) & table.events;
	trace_io_uring_poll_arm(ring, req, req->user_data, req->opcode,
				(__force int)mask, (__force int)events);
	if (likely(!mask && !table.error && table.nr_queues))
		return 0;
	if (!iou_poll_claim(req))
		return 0;
	if (mask)
		return 1;
	return table.error ?: -EINVAL;
}
