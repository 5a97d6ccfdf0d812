/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What system call auditing sees of a request: each attempt of an opcode that
 * has iou_op.audit, inline or by a worker, one record.
 */
#ifndef IOU_REQ_AUDIT_H
#define IOU_REQ_AUDIT_H

#include <linux/audit.h>
#include <linux/fs.h>

#include "../iou.h"

/**
 * iou_audit_entry() - an attempt begins
 * @req: issued, or a worker's
 *
 * audit_uring_exit() does not know whether audit was on before: it would end
 * what was not begun, which is a BUG().
 *
 * Context: any task.
 * Return: whether iou_audit_exit() has to follow.
 */
static inline bool iou_audit_entry(const struct iou_req *req)
{
	if (likely(audit_enabled == AUDIT_OFF))
		return false;
	audit_uring_entry(req->opcode);
	return true;
}

/**
 * iou_audit_exit() - an attempt is over
 * @req: not looked at unless it is the caller's still
 * @verdict: of the attempt
 *
 * Context: the task of iou_audit_entry(), which said so.
 */
static inline void iou_audit_exit(const struct iou_req *req, iou_verdict_t verdict)
{
	if (verdict == IOU_DONE || verdict == IOU_REJECTED)
		audit_uring_exit(req->res >= 0, req->res);
	else if (verdict == IOU_RETRY || verdict == IOU_WORK)
		audit_uring_exit(false, -EAGAIN);
	else
		audit_uring_exit(true, 0);
}

/**
 * iou_audited() - make an attempt and leave a record
 * @req: issued, or a worker's
 * @attempt: what .issue or .work does
 *
 * Context: as @attempt.
 * Return: what @attempt says.
 */
static __always_inline iou_verdict_t iou_audited(struct iou_req *req,
						 iou_verdict_t (*attempt)(struct iou_req *req))
{
	bool begun = iou_audit_entry(req);
	iou_verdict_t verdict = attempt(req);

	if (unlikely(begun))
		iou_audit_exit(req, verdict);
	return verdict;
}

/**
 * iou_audit_leave() - a name outlives the system call that it was read in
 * @name: from getname()
 *
 * It points to where that system call collects what it does with its names. Others
 * must not write there: that is freed, or in use by the next system call.
 *
 * Context: ring lock, in the task that read it. @name is nobody else's yet, or was
 * left before.
 */
static inline void iou_audit_leave(struct filename *name)
{
	name->aname = NULL;
}

#endif
