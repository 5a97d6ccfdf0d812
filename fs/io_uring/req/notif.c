// SPDX-License-Identifier: GPL-2.0
/*
 * Notifications of zero-copy sends.
 *
 * The second CQE of such a send belongs to a request of its own, which is BUSY
 * until the last skb that refers to the memory is gone. The sending request
 * holds a reference until its own CQE is written, so the notification cannot
 * come first.
 */
#include "../rsrc/pin.h"
#include "complete.h"
#include "lane.h"
#include "notif.h"
#include "req.h"

static void notif_event(struct iou_req *req, bool cancel)
	__must_hold(&iou_req_ring(req)->lock)
{
	struct iou_notif *notif = iou_req_cmd(req, struct iou_notif);

	iou_account_uncharge(iou_req_ring(req)->account, notif->nr_pages);
	req->res = 0;
	if (notif->report && (notif->copied || !notif->used))
		req->res = (s32)IORING_NOTIF_USAGE_ZC_COPIED;
	iou_req_complete(req);
}

/* Somebody does not use the memory any more. Any context */
static void notif_complete(struct sk_buff *skb, struct ubuf_info *ubuf, bool success)
{
	struct iou_notif *notif = container_of(ubuf, struct iou_notif, ubuf);

	/* Read after the last of them */
	if (skb && success)
		WRITE_ONCE(notif->used, true);
	else if (skb)
		WRITE_ONCE(notif->copied, true);
	if (refcount_dec_and_test(&ubuf->refcnt))
		iou_req_arrived(iou_cmd_req(notif));
}

static const struct ubuf_info_ops notif_ops = {
	.complete	= notif_complete,
};

/**
 * iou_notif_create() - make the notification of a send
 * @req: the send, being prepared
 * @report: tell whether data was copied
 *
 * Context: ring lock, in the lane's task. May sleep.
 * Return: it, with a reference for @req; or NULL without memory.
 */
struct iou_notif *iou_notif_create(struct iou_req *req, bool report)
{
	struct iou_req *other = iou_req_alloc(iou_req_ring(req));
	struct iou_notif *notif;

	if (!other)
		return NULL;
	other->lane = req->lane;
	other->file = NULL;
	other->user_data = req->user_data;
	other->cflags = IORING_CQE_F_NOTIF;
	other->opcode = req->opcode;
	other->sqe_flags = 0;
	other->held = 0;
	other->notes = 0;
	other->event = notif_event;
	iou_req_begin(other, IOU_S_BUSY);
	other->cancelled = false;
	iou_req_keep(other);

	notif = iou_req_cmd(other, struct iou_notif);
	notif->ubuf.ops = &notif_ops;
	notif->ubuf.flags = SKBFL_ZEROCOPY_FRAG | SKBFL_DONT_ORPHAN;
	refcount_set(&notif->ubuf.refcnt, 1);
	notif->nr_pages = 0;
	notif->report = report;
	notif->used = false;
	notif->copied = false;
	return notif;
}

/**
 * iou_notif_charge() - let the ring's account pay for the memory, once
 * @notif: of a send that is going to be tried, perhaps again
 * @len: bytes to be sent
 *
 * Context: any, the owner of the send.
 * Return: 0 or -ENOMEM.
 */
int iou_notif_charge(struct iou_notif *notif, u32 len)
{
	struct iou_account *account = iou_req_ring(iou_cmd_req(notif))->account;
	/* At both ends it may be in part of a page */
	u32 nr_pages = (len >> PAGE_SHIFT) + 2;

	if (notif->nr_pages || !account->user)
		return 0;
	if (iou_account_charge(account, nr_pages))
		return -ENOMEM;
	notif->nr_pages = nr_pages;
	return 0;
}

/**
 * iou_notif_silence() - nobody was told that it will come: no CQE
 * @notif: of a send that was never tried
 *
 * Context: ring lock.
 */
void iou_notif_silence(struct iou_notif *notif)
{
	/* What it reports would look like a failure, which is never skipped */
	notif->report = false;
	iou_cmd_req(notif)->sqe_flags = IOSQE_CQE_SKIP_SUCCESS;
}

/**
 * iou_notif_put() - the sending request is done
 * @notif: not to be touched afterwards
 *
 * Context: any.
 */
void iou_notif_put(struct iou_notif *notif)
{
	notif_complete(NULL, &notif->ubuf, true);
}
