// SPDX-License-Identifier: GPL-2.0
/*
 * Requests: memory, and the less common parts of their beginning.
 */
#include <linux/fs.h>
#include <linux/slab.h>

#include "req.h"

#define IOU_REQ_BATCH	8

static struct kmem_cache *req_cache;

/**
 * iou_req_init_cache() - prepare for making requests
 *
 * Return: 0 or -ENOMEM.
 */
int __init iou_req_init_cache(void)
{
	BUILD_BUG_ON(offsetof(struct iou_req, cmd) != 64);
	BUILD_BUG_ON(sizeof(struct iou_req) > 256);
	req_cache = KMEM_CACHE(iou_req, SLAB_HWCACHE_ALIGN | SLAB_ACCOUNT);
	return req_cache ? 0 : -ENOMEM;
}

/**
 * iou_req_refill() - get a request when none is free
 * @ring: locked
 *
 * Context: ring lock. May sleep.
 * Return: a request, or NULL without memory. A few more are then free.
 */
struct iou_req *iou_req_refill(struct iou_ring *ring)
{
	void *reqs[IOU_REQ_BATCH];
	int i, nr;

	iou_assert_locked(ring);
	nr = kmem_cache_alloc_bulk(req_cache, GFP_KERNEL | __GFP_NOWARN,
				   IOU_REQ_BATCH, reqs);
	if (unlikely(!nr)) {
		reqs[0] = kmem_cache_alloc(req_cache, GFP_KERNEL | __GFP_NOWARN);
		if (!reqs[0])
			return NULL;
		nr = 1;
	}
	for (i = 1; i < nr; i++)
		iou_req_unget(ring, reqs[i]);
	return reqs[0];
}

/**
 * iou_req_free() - free a ring's unused requests
 * @ring: nobody can reach it any more
 */
void iou_req_free(struct iou_ring *ring)
{
	struct iou_req *req;

	while ((req = ring->free_reqs)) {
		ring->free_reqs = req->next;
		kmem_cache_free(req_cache, req);
	}
}

/**
 * iou_req_find_fixed() - iou_req_find_file() with IOSQE_FIXED_FILE
 * @req: has no file
 *
 * Context: as there.
 * Return: the file, or NULL.
 */
struct file *iou_req_find_fixed(struct iou_req *req)
{
	struct iou_node *node = iou_table_get(&iou_req_ring(req)->files, req->fd);

	if (unlikely(!node))
		return NULL;
	trace_io_uring_file_get(iou_req_ring(req), req, req->user_data, req->fd);
	req->file_node = node;
	req->file = node->what;
	return req->file;
}

/**
 * iou_req_find_file() - the slow part of iou_req_get_file()
 * @req: has no file
 *
 * Context: as there.
 * Return: the file, or NULL.
 */
struct file *iou_req_find_file(struct iou_req *req)
{
	return iou_req_find_file_here(req);
}

/* For the tracepoint: a private copy of an SQE that may change meanwhile */
static void trace_reject(struct iou_req *req, const struct io_uring_sqe __shared *sqe,
			 int error, const char *reason)
{
	struct io_uring_sqe copy;

	memcpy(&copy, (const void __force *)sqe, sizeof(copy));
	trace_io_uring_req_failed(&copy, iou_req_ring(req), req, error, reason);
}

/**
 * iou_reject() - refuse an SQE and say why
 * @req: made for it
 * @sqe: the SQE
 * @error: negative errno, the result
 * @reason: what is wrong, a constant string: goes to the tracepoint
 *          io_uring_req_failed and to the ring's fdinfo
 *
 * Context: ring lock, in the lane's task.
 * Return: @error
 */
int iou_reject(struct iou_req *req, const struct io_uring_sqe __shared *sqe,
	       int error, const char *reason)
{
	struct iou_ring *ring = iou_req_ring(req);

	if (trace_io_uring_req_failed_enabled())
		trace_reject(req, sqe, error, reason);
	ring->last_error.reason = reason;
	ring->last_error.error = error;
	ring->last_error.opcode = req->opcode;
	ring->last_error.user_data = req->user_data;
	req->res = error;
	return error;
}
