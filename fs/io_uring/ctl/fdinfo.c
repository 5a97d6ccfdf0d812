// SPDX-License-Identifier: GPL-2.0
/*
 * What a ring tells in /proc/<pid>/fdinfo.
 *
 * The indices need no lock. The rest is shown if the ring is not busy: reading
 * this file never waits.
 */
#include <linux/cred.h>
#include <linux/fs.h>
#include <linux/io_uring.h>
#include <linux/nospec.h>
#include <linux/seq_file.h>
#include <linux/string_choices.h>
#include <linux/user_namespace.h>

#include "../req/park.h"
#include "../rsrc/node.h"
#include "../rsrc/pin.h"
#include "../run/lock.h"
#include "../run/napi.h"
#include "../run/sqpoll.h"
#include "fdinfo.h"

static void show_indices(struct seq_file *m, const struct iou_ring *ring)
{
	seq_printf(m, "SqMask:\t0x%x\n", ring->sq.mask);
	seq_printf(m, "SqHead:\t%u\n", iou_load(&ring->sq.hdr->sq_head));
	seq_printf(m, "SqTail:\t%u\n", iou_load(&ring->sq.hdr->sq_tail));
	seq_printf(m, "CachedSqHead:\t%u\n", READ_ONCE(ring->sq.head));
	seq_printf(m, "CqMask:\t0x%x\n", ring->cq.mask);
	seq_printf(m, "CqHead:\t%u\n", iou_load(&ring->cq.hdr->cq_head));
	seq_printf(m, "CqTail:\t%u\n", iou_load(&ring->cq.hdr->cq_tail));
	seq_printf(m, "CachedCqTail:\t%u\n", READ_ONCE(ring->cq.tail));
}

/* The SQE in slot @pos of the SQ, or NULL */
static const struct io_uring_sqe __shared *peek_sqe(const struct iou_sq *sq, u32 pos, u32 *index)
{
	u32 i = pos & sq->mask;

	if (sq->array)
		i = iou_load(&sq->array[i]);
	*index = i;
	if (i >= sq->entries)
		return NULL;
	return sq->sqes + (size_t)array_index_nospec(i, sq->entries) * sq->sqe_size;
}

static void show_sqes(struct seq_file *m, const struct iou_sq *sq)
{
	u32 nr = iou_sq_pending(sq);
	u32 pos, i;

	seq_printf(m, "SQEs:\t%u\n", nr);
	for (pos = sq->head; nr--; pos++) {
		const struct io_uring_sqe __shared *sqe = peek_sqe(sq, pos, &i);
		union iou_sqe_head head;

		if (!sqe)
			continue;
		head = iou_sqe_head(sqe);
		seq_printf(m, "%5u: opcode:%s, fd:%d, flags:%x, off:%llu, addr:0x%llx, ",
			   i, io_uring_get_opcode(head.opcode), head.fd, head.flags,
			   iou_sqe_get(sqe, off), iou_sqe_get(sqe, addr));
		seq_printf(m, "rw_flags:0x%x, buf_index:%d user_data:%llu\n",
			   (__force u32)iou_sqe_get(sqe, rw_flags), iou_sqe_get(sqe, buf_index),
			   iou_sqe_get(sqe, user_data));
	}
}

static void show_cqes(struct seq_file *m, const struct iou_cq *cq)
{
	u32 nr = min(cq->tail - iou_cq_head(cq), cq->entries);
	u32 pos;

	seq_printf(m, "CQEs:\t%u\n", nr);
	for (pos = cq->tail - nr; pos != cq->tail; pos++) {
		size_t slot = (size_t)(pos & cq->mask) << cq->cqe_shift;
		const struct io_uring_cqe __shared *cqe = cq->cqes + slot;

		seq_printf(m, "%5u: user_data:%llu, res:%d, flag:%x",
			   pos & cq->mask, iou_load(&cqe->user_data), iou_load(&cqe->res),
			   iou_load(&cqe->flags));
		if (cq->cqe_shift > 4)
			seq_printf(m, ", extra1:%llu, extra2:%llu",
				   iou_load(&cqe->big_cqe[0]), iou_load(&cqe->big_cqe[1]));
		seq_putc(m, '\n');
	}
}

static void show_files(struct seq_file *m, const struct iou_table *files)
{
	u32 i;

	seq_printf(m, "UserFiles:\t%u\n", files->nr);
	for (i = 0; i < files->nr && !seq_has_overflowed(m); i++) {
		const struct iou_node *node = files->slots[i];

		seq_printf(m, "%5u: ", i);
		if (node)
			seq_file_path(m, node->what, " \t\n\\");
		else
			seq_puts(m, "<none>");
		seq_putc(m, '\n');
		cond_resched();
	}
}

static void show_bufs(struct seq_file *m, const struct iou_table *bufs)
{
	u32 i;

	seq_printf(m, "UserBufs:\t%u\n", bufs->nr);
	for (i = 0; i < bufs->nr && !seq_has_overflowed(m); i++) {
		const struct iou_node *node = bufs->slots[i];
		const struct iou_buf *buf = node ? node->what : NULL;

		if (buf)
			seq_printf(m, "%5u: 0x%llx/%u\n", i, buf->addr, buf->len);
		else
			seq_printf(m, "%5u: <none>\n", i);
		cond_resched();
	}
}

static void show_thread(struct seq_file *m, const struct iou_ring *ring)
{
	struct iou_sqpoll_stats stats;

	iou_sqpoll_stats(ring, &stats);
	seq_printf(m, "SqThread:\t%d\n", stats.pid);
	seq_printf(m, "SqThreadCpu:\t%d\n", stats.cpu);
	seq_printf(m, "SqTotalTime:\t%llu\n", stats.total_us);
	seq_printf(m, "SqWorkTime:\t%llu\n", stats.work_us);
}

static void show_personalities(struct seq_file *m, struct iou_ring *ring)
{
	struct user_namespace *ns = seq_user_ns(m);
	const struct cred *creds;
	unsigned long id;

	if (xa_empty(&ring->personalities))
		return;
	seq_puts(m, "Personalities:\n");
	xa_for_each(&ring->personalities, id, creds) {
		seq_printf(m, "%5lu\n\tUid:\t%u\t\t%u\t\t%u\t\t%u", id,
			   from_kuid_munged(ns, creds->uid), from_kuid_munged(ns, creds->euid),
			   from_kuid_munged(ns, creds->suid), from_kuid_munged(ns, creds->fsuid));
		seq_printf(m, "\n\tGid:\t%u\t\t%u\t\t%u\t\t%u\n",
			   from_kgid_munged(ns, creds->gid), from_kgid_munged(ns, creds->egid),
			   from_kgid_munged(ns, creds->sgid), from_kgid_munged(ns, creds->fsgid));
		seq_printf(m, "\tCapEff:\t%016llx\n", creds->cap_effective.val);
		if (seq_has_overflowed(m))
			return;
	}
}

static void show_requests(struct seq_file *m, const struct iou_ring *ring)
{
	const struct iou_backlog_cqe *cqe;
	const struct iou_req *req;
	u32 i;

	seq_puts(m, "PollList:\n");
	for (i = 0; i < 1u << ring->parked.bits; i++)
		hlist_for_each_entry(req, &ring->parked.heads[i], index)
			seq_printf(m, "  op=%d, task_works=%d\n", req->opcode,
				   req->state != IOU_S_PARKED);
	seq_puts(m, "CqOverflowList:\n");
	list_for_each_entry(cqe, &ring->cq.backlog, node)
		seq_printf(m, "  user_data=%llu, res=%d, flags=%x\n",
			   cqe->user_data, cqe->res, cqe->flags);
	if (ring->last_error.reason)
		seq_printf(m, "LastError:\t%d opcode=%s user_data=%llu (%s)\n",
			   ring->last_error.error, io_uring_get_opcode(ring->last_error.opcode),
			   ring->last_error.user_data, ring->last_error.reason);
}

static void show_napi(struct seq_file *m, const struct iou_napi *napi)
{
	if (!IS_ENABLED(CONFIG_NET_RX_BUSY_POLL))
		return;
	if (!napi || !napi->enabled) {
		seq_puts(m, "NAPI:\tdisabled\n");
		return;
	}
	seq_puts(m, "NAPI:\tenabled\n");
	seq_printf(m, "napi_busy_poll_dt:\t%llu\n", (u64)napi->busy_us * NSEC_PER_USEC);
	seq_printf(m, "napi_prefer_busy_poll:\t%s\n", str_true_false(napi->prefer));
}

/**
 * iou_fdinfo_show() - describe a ring
 * @m: where to
 * @file: the ring's
 *
 * Context: may sleep, but does not wait for the ring lock.
 */
void iou_fdinfo_show(struct seq_file *m, struct file *file)
{
	struct iou_ring *ring = file->private_data;

	show_indices(m, ring);
	if (!iou_ring_trylock(ring))
		return;
	show_sqes(m, &ring->sq);
	show_cqes(m, &ring->cq);
	show_thread(m, ring);
	show_files(m, &ring->files);
	show_bufs(m, &ring->bufs);
	show_personalities(m, ring);
	show_requests(m, ring);
	show_napi(m, ring->napi);
	iou_ring_unlock(ring);
}
