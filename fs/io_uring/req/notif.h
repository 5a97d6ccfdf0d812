/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Notifications: the network stack does not use a request's memory any more.
 */
#ifndef IOU_REQ_NOTIF_H
#define IOU_REQ_NOTIF_H

#include <linux/skbuff.h>

#include "../iou.h"

/**
 * struct iou_notif - a notification, the cmd of a request of its own
 * @ubuf: counts who may still use the memory: skbs, and the sending request
 *        until its CQE is written
 * @nr_pages: memory that the ring's account pays for meanwhile
 * @report: tell whether data was copied
 * @used: something went out without being copied
 * @copied: something was copied
 */
struct iou_notif {
	struct ubuf_info ubuf;
	u32 nr_pages;
	bool report;
	bool used;
	bool copied;
};

struct iou_notif *iou_notif_create(struct iou_req *req, bool report)
	__must_hold(&iou_req_ring(req)->lock);
int iou_notif_charge(struct iou_notif *notif, u32 len);
void iou_notif_silence(struct iou_notif *notif)
	__must_hold(&iou_req_ring(iou_cmd_req(notif))->lock);
void iou_notif_put(struct iou_notif *notif);

#endif
