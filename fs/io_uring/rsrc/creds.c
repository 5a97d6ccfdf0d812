// SPDX-License-Identifier: GPL-2.0
/*
 * Personalities.
 */
#include <linux/cred.h>
#include <linux/xarray.h>

#include "creds.h"

/* PERSONALITY: keep the caller's credentials. Return: their id, or an error */
long iou_creds_register(struct iou_ring *ring, void __user *arg, u32 nr)
{
	const struct cred *creds = get_current_cred();
	u32 id;
	int ret;

	ret = xa_alloc_cyclic(&ring->personalities, &id, (void *)creds,
			      XA_LIMIT(1, U16_MAX), &ring->next_personality,
			      GFP_KERNEL_ACCOUNT);
	if (ret < 0) {
		put_cred(creds);
		return ret;
	}
	return id;
}

/* UNREGISTER_PERSONALITY. Requests that run with it keep it. */
long iou_creds_unregister(struct iou_ring *ring, void __user *arg, u32 id)
{
	const struct cred *creds;

	if (arg)
		return -EINVAL;
	creds = xa_erase(&ring->personalities, id);
	if (!creds)
		return -EINVAL;
	put_cred(creds);
	return 0;
}

/**
 * iou_creds_find() - find credentials
 * @ring: locked
 * @id: from the SQE
 *
 * Context: ring lock.
 * Return: the credentials, valid while the ring is locked; or NULL.
 */
const struct cred *iou_creds_find(struct iou_ring *ring, u16 id)
{
	iou_assert_locked(ring);
	return xa_load(&ring->personalities, id);
}

/**
 * iou_creds_init() - prepare a ring for personalities
 * @ring: being made
 */
void iou_creds_init(struct iou_ring *ring)
{
	xa_init_flags(&ring->personalities, XA_FLAGS_ALLOC1 | XA_FLAGS_ACCOUNT);
}

/**
 * iou_creds_drop() - the ring is being closed
 * @ring: locked
 *
 * Context: ring lock.
 */
void iou_creds_drop(struct iou_ring *ring)
{
	const struct cred *creds;
	unsigned long id;

	iou_assert_locked(ring);
	if (likely(xa_empty(&ring->personalities)))
		return;

	xa_for_each(&ring->personalities, id, creds)
		put_cred(creds);
	xa_destroy(&ring->personalities);
}
