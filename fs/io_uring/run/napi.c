// SPDX-License-Identifier: GPL-2.0
/*
 * Busy polling.
 *
 * A ring for which that was registered keeps in mind from which receive queues the
 * sockets get their packets that its requests wait for. Who waits in
 * io_uring_enter() polls these queues for a while before it sleeps; on SQPOLL rings
 * the thread does it as long as it does not sleep.
 *
 * The settings are copied for that under the ring lock: polling holds no lock, and
 * the ring may be told otherwise meanwhile.
 */
#include <linux/jiffies.h>
#include <linux/net.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <net/busy_poll.h>
#include <net/sock.h>

#include "lock.h"
#include "napi.h"

/* So long a queue is polled after it was last seen */
#define NAPI_KEEP	(60 * HZ)

/* A waiter polls for so long at most, in microseconds, whatever the program says */
#define NAPI_MAX_BUSY	10000

static_assert(sizeof(struct io_uring_napi) == 16);

static bool napi_is_stale(const struct iou_napi *napi, u32 i)
{
	return time_after(jiffies, napi->seen[i] + NAPI_KEEP);
}

/* The slot for @id: its own, or a new one, or that which was not seen for longest */
static u32 napi_slot(struct iou_napi *napi, u32 id)
{
	u32 i, oldest = 0;

	for (i = 0; i < napi->nr; i++) {
		if (napi->ids[i] == id)
			return i;
		if (time_before(napi->seen[i], napi->seen[oldest]))
			oldest = i;
	}
	return napi->nr < IOU_NAPI_MAX ? napi->nr++ : oldest;
}

/**
 * iou_napi_track() - note where a socket gets its packets from
 * @ring: has been told to poll, at least once
 * @file: somebody waits for it; may be anything
 *
 * Context: ring lock.
 */
void iou_napi_track(struct iou_ring *ring, struct file *file)
{
	struct iou_napi *napi = ring->napi;
	struct socket *sock = sock_from_file(file);
	u32 slot, id;

	iou_assert_locked(ring);
	if (!napi->enabled || !sock || !sock->sk)
		return;
	id = READ_ONCE(sock->sk->sk_napi_id);
	/* Lower ones are processors: no packet has come yet */
	if (id < MIN_NAPI_ID)
		return;
	slot = napi_slot(napi, id);
	napi->ids[slot] = id;
	napi->seen[slot] = jiffies;
}

/**
 * iou_napi_get() - is there something to poll?
 * @ring: not locked
 * @napi: where to copy the settings
 *
 * Context: may sleep.
 * Return: whether.
 */
bool iou_napi_get(struct iou_ring *ring, struct iou_napi *napi)
{
	struct iou_napi *from = READ_ONCE(ring->napi);
	u32 i, nr = 0;

	/* Once there it stays */
	if (!from || iou_ring_lock_killable(ring))
		return false;
	for (i = 0; i < from->nr; i++) {
		if (napi_is_stale(from, i))
			continue;
		from->ids[nr] = from->ids[i];
		from->seen[nr++] = from->seen[i];
	}
	from->nr = nr;
	*napi = *from;
	iou_ring_unlock(ring);
	return napi->enabled && napi->busy_us && napi->nr;
}

/**
 * struct napi_end - when to stop
 * @over: asked again and again
 * @data: for it
 */
struct napi_end {
	bool (*over)(void *data);
	void *data;
};

static bool napi_is_over(void *arg, unsigned long start)
{
	struct napi_end *end = arg;

	return end->over(end->data);
}

/**
 * iou_napi_poll() - ask the devices
 * @napi: from iou_napi_get()
 * @over: says when to stop
 * @data: for it
 *
 * Context: may sleep. Packets are processed, and wake whoever waits for them.
 */
void iou_napi_poll(const struct iou_napi *napi, bool (*over)(void *), void *data)
{
	struct napi_end end = { .over = over, .data = data };
	/* With several queues each is asked in turn */
	bool alone = napi->nr == 1;
	u32 i;

	do {
		rcu_read_lock();
		for (i = 0; i < napi->nr; i++)
			napi_busy_loop_rcu(napi->ids[i], alone ? napi_is_over : NULL, &end,
					   napi->prefer, BUSY_POLL_BUDGET);
		rcu_read_unlock();
		cond_resched();
	} while (!over(data));
}

/* Tell the program what was set so far */
static int napi_report(const struct iou_ring *ring, void __user *arg)
{
	const struct iou_napi *napi = ring->napi;
	struct io_uring_napi was = {};

	if (napi && napi->enabled) {
		was.busy_poll_to = napi->busy_us;
		was.prefer_busy_poll = napi->prefer;
	}
	return copy_to_user(arg, &was, sizeof(was)) ? -EFAULT : 0;
}

/* NAPI */
long iou_napi_register(struct iou_ring *ring, void __user *arg, u32 nr_args)
{
	struct io_uring_napi reg;

	iou_assert_locked(ring);
	if (ring->gate & IOU_GATE_IOPOLL)
		return -EINVAL;
	if (copy_from_user(&reg, arg, sizeof(reg)))
		return -EFAULT;
	if (memchr_inv(reg.pad, 0, sizeof(reg.pad)) || reg.resv)
		return -EINVAL;
	if (napi_report(ring, arg))
		return -EFAULT;
	if (!ring->napi) {
		struct iou_napi *napi = kzalloc(sizeof(*napi), GFP_KERNEL_ACCOUNT);

		if (!napi)
			return -ENOMEM;
		WRITE_ONCE(ring->napi, napi);
	}
	ring->napi->busy_us = min(reg.busy_poll_to, NAPI_MAX_BUSY);
	ring->napi->prefer = reg.prefer_busy_poll;
	ring->napi->enabled = true;
	return 0;
}

/* UNREGISTER_NAPI */
long iou_napi_unregister(struct iou_ring *ring, void __user *arg, u32 nr_args)
{
	iou_assert_locked(ring);
	if (arg && napi_report(ring, arg))
		return -EFAULT;
	if (ring->napi) {
		ring->napi->enabled = false;
		ring->napi->nr = 0;
	}
	return 0;
}

/**
 * iou_napi_free() - forget the settings
 * @ring: nobody can reach it any more
 */
void iou_napi_free(struct iou_ring *ring)
{
	kfree(ring->napi);
}
