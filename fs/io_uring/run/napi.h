/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Busy polling: who waits for sockets asks the network devices.
 */
#ifndef IOU_RUN_NAPI_H
#define IOU_RUN_NAPI_H

#include "../iou.h"

#define IOU_NAPI_MAX	16	/* receive queues that a ring keeps in mind */

/**
 * struct iou_napi - a ring's busy polling; allocated when it is first registered
 * @enabled: registered, and not unregistered since
 * @prefer: keep the interrupts of the device away meanwhile
 * @busy_us: how long a waiter polls before it sleeps
 * @nr: receive queues
 * @ids: their numbers
 * @seen: when a socket that was waited for last belonged to it, in jiffies
 */
struct iou_napi {
	bool enabled;
	bool prefer;
	u32 busy_us;
	u32 nr;
	u32 ids[IOU_NAPI_MAX];
	unsigned long seen[IOU_NAPI_MAX];
};

#ifdef CONFIG_NET_RX_BUSY_POLL
long iou_napi_register(struct iou_ring *ring, void __user *arg, u32 nr_args)
	__must_hold(&ring->lock);
long iou_napi_unregister(struct iou_ring *ring, void __user *arg, u32 nr_args)
	__must_hold(&ring->lock);
void iou_napi_track(struct iou_ring *ring, struct file *file) __must_hold(&ring->lock);
bool iou_napi_get(struct iou_ring *ring, struct iou_napi *napi);
void iou_napi_poll(const struct iou_napi *napi, bool (*over)(void *), void *data);
void iou_napi_free(struct iou_ring *ring);
#else
static inline long iou_napi_register(struct iou_ring *ring, void __user *arg, u32 nr_args)
{
	return -EOPNOTSUPP;
}

static inline long iou_napi_unregister(struct iou_ring *ring, void __user *arg, u32 nr_args)
{
	return -EOPNOTSUPP;
}

static inline void iou_napi_track(struct iou_ring *ring, struct file *file) { }
static inline bool iou_napi_get(struct iou_ring *ring, struct iou_napi *napi)
{
	return false;
}

static inline void iou_napi_poll(const struct iou_napi *napi, bool (*over)(void *), void *data)
{
}

static inline void iou_napi_free(struct iou_ring *ring) { }
#endif

/* A request of @ring waits for @file */
static inline void iou_napi_note(struct iou_ring *ring, struct file *file)
	__must_hold(&ring->lock)
{
	if (unlikely(ring->napi))
		iou_napi_track(ring, file);
}

#endif
