// SPDX-License-Identifier: GPL-2.0
/*
 * What a ring tells in /proc/<pid>/fdinfo.
 *
 * Reading this file waits for nobody, and does nothing for the ring. What the ring
 * shares with the program, and what does not change, is shown without the ring lock.
 * The tables need it. They are shown if the ring is not busy, and in pieces, so that
 * a reader keeps nobody waiting for long.
 *
 * A seq_file that is full is thrown away and filled again with twice the room, so
 * each loop ends when there is none left.
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

#define IOU_FDINFO_PIECE	64	/* entries shown under one hold of the lock ... */
#define IOU_FDINFO_MAX		1024	/* ... and where one cannot stop in between */

static void show_indices(struct seq_file *m, const struct iou_ring *ring)
{
	seq_printf(m, "SqMask:\t0x%x\n", ring->sq.mask);
	seq_printf(m, "SqHead:\t%u\n", iou_load(&ring->sq.hdr->sq_head));
	seq_printf(m, "SqTail:\t%u\n", iou_load(&ring->sq.hdr->sq_tail));
	/* The holder of the lock may be changing it; any value will do. So below */
	seq_printf(m, "CachedSqHead:\t%u\n", data_race(ring->sq.head));
	seq_printf(m, "CqMask:\t0x%x\n", ring->cq.mask);
	seq_printf(m, "CqHead:\t%u\n", iou_load(&ring->cq.hdr->cq_head));
	seq_printf(m, "CqTail:\t%u\n", iou_load(&ring->cq.hdr->cq_tail));
	/* As above */
	seq_printf(m, "CachedCqTail:\t%u\n", data_race(ring->cq.tail));
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
	/* The holder of the lock may be changing it; wherever it begins */
	u32 pos = data_race(sq->head);
	u32 nr = min(iou_load_acquire(&sq->hdr->sq_tail) - pos, sq->entries);
	u32 i;

	seq_printf(m, "SQEs:\t%u\n", nr);
	for (; nr-- && !seq_has_overflowed(m); pos++) {
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
		cond_resched();
	}
}

/* Those that the program can see */
static void show_cqes(struct seq_file *m, const struct iou_cq *cq)
{
	u32 tail = READ_ONCE(cq->published);
	u32 nr = min(tail - iou_cq_head(cq), cq->entries);
	u32 pos;

	seq_printf(m, "CQEs:\t%u\n", nr);
	for (pos = tail - nr; pos != tail && !seq_has_overflowed(m); pos++) {
		size_t slot = (size_t)(pos & cq->mask) << cq->cqe_shift;
		const struct io_uring_cqe __shared *cqe = cq->cqes + slot;

		seq_printf(m, "%5u: user_data:%llu, res:%d, flag:%x",
			   pos & cq->mask, iou_load(&cqe->user_data), iou_load(&cqe->res),
			   iou_load(&cqe->flags));
		if (cq->cqe_shift > 4)
			seq_printf(m, ", extra1:%llu, extra2:%llu",
				   iou_load(&cqe->big_cqe[0]), iou_load(&cqe->big_cqe[1]));
		seq_putc(m, '\n');
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

/*
 * The tables. Each function shows a piece that begins at @pos, which is 0 at first, and
 * returns where the next one begins; 0: there is none. Tables may change between pieces.
 */

static u32 show_files(struct seq_file *m, struct iou_ring *ring, u32 pos)
	__must_hold(&ring->lock)
{
	const struct iou_table *files = &ring->files;
	u32 end = min(files->nr, pos + IOU_FDINFO_PIECE);

	if (!pos)
		seq_printf(m, "UserFiles:\t%u\n", files->nr);
	for (; pos < end && !seq_has_overflowed(m); pos++) {
		const struct iou_node *node = files->slots[pos];

		seq_printf(m, "%5u: ", pos);
		if (node)
			seq_file_path(m, node->what, " \t\n\\");
		else
			seq_puts(m, "<none>");
		seq_putc(m, '\n');
	}
	return pos < files->nr ? pos : 0;
}

static u32 show_bufs(struct seq_file *m, struct iou_ring *ring, u32 pos)
	__must_hold(&ring->lock)
{
	const struct iou_table *bufs = &ring->bufs;
	u32 end = min(bufs->nr, pos + IOU_FDINFO_PIECE);

	if (!pos)
		seq_printf(m, "UserBufs:\t%u\n", bufs->nr);
	for (; pos < end && !seq_has_overflowed(m); pos++) {
		const struct iou_node *node = bufs->slots[pos];
		const struct iou_buf *buf = node ? node->what : NULL;

		if (buf)
			seq_printf(m, "%5u: 0x%llx/%u\n", pos, buf->addr, buf->len);
		else
			seq_printf(m, "%5u: <none>\n", pos);
	}
	return pos < bufs->nr ? pos : 0;
}

static void show_creds(struct seq_file *m, unsigned long id, const struct cred *creds)
{
	struct user_namespace *ns = seq_user_ns(m);

	seq_printf(m, "%5lu\n\tUid:\t%u\t\t%u\t\t%u\t\t%u", id,
		   from_kuid_munged(ns, creds->uid), from_kuid_munged(ns, creds->euid),
		   from_kuid_munged(ns, creds->suid), from_kuid_munged(ns, creds->fsuid));
	seq_printf(m, "\n\tGid:\t%u\t\t%u\t\t%u\t\t%u\n",
		   from_kgid_munged(ns, creds->gid), from_kgid_munged(ns, creds->egid),
		   from_kgid_munged(ns, creds->sgid), from_kgid_munged(ns, creds->fsgid));
	seq_printf(m, "\tCapEff:\t%016llx\n", creds->cap_effective.val);
}

static u32 show_personalities(struct seq_file *m, struct iou_ring *ring, u32 pos)
	__must_hold(&ring->lock)
{
	const struct cred *creds;
	unsigned long id;
	u32 nr = 0;

	if (!pos && !xa_empty(&ring->personalities))
		seq_puts(m, "Personalities:\n");
	xa_for_each_start(&ring->personalities, id, creds, pos) {
		if (nr++ == IOU_FDINFO_PIECE)
			return id;
		show_creds(m, id, creds);
	}
	return 0;
}

/* Requests of one user_data are all in one bucket: then not all are shown */
static u32 show_parked(struct seq_file *m, struct iou_ring *ring, u32 pos)
	__must_hold(&ring->lock)
{
	const struct hlist_head *bucket;
	const struct iou_req *req;
	u32 nr = 0;

	if (!pos)
		seq_puts(m, "PollList:\n");
	while ((bucket = iou_index_bucket(&ring->parked, pos)) && nr++ < IOU_FDINFO_PIECE) {
		hlist_for_each_entry(req, bucket, index) {
			if (nr++ >= IOU_FDINFO_MAX || seq_has_overflowed(m))
				break;
			/* Not marks, nor what is with a worker */
			if (READ_ONCE(req->state) == IOU_S_DONE || iou_index_is_work(req))
				continue;
			seq_printf(m, "  op=%d, task_works=%d\n", req->opcode,
				   READ_ONCE(req->state) != IOU_S_PARKED);
		}
		pos++;
	}
	return bucket ? pos : 0;
}

/* The oldest ones */
static u32 show_backlog(struct seq_file *m, struct iou_ring *ring, u32 pos)
	__must_hold(&ring->lock)
{
	const struct iou_backlog_cqe *cqe;

	seq_puts(m, "CqOverflowList:\n");
	list_for_each_entry(cqe, &ring->cq.backlog, node) {
		if (pos++ == IOU_FDINFO_MAX || seq_has_overflowed(m))
			break;
		seq_printf(m, "  user_data=%llu, res=%d, flags=%x\n",
			   cqe->user_data, cqe->res, cqe->flags);
	}
	if (ring->last_error.reason)
		seq_printf(m, "LastError:\t%d opcode=%s user_data=%llu (%s)\n",
			   ring->last_error.error, io_uring_get_opcode(ring->last_error.opcode),
			   ring->last_error.user_data, ring->last_error.reason);
	return 0;
}

typedef u32 (*show_piece_fn)(struct seq_file *m, struct iou_ring *ring, u32 pos);

/* Return: whether all was shown; if not, the ring is busy or there is no room */
static bool show_table(struct seq_file *m, struct iou_ring *ring, show_piece_fn show)
{
	u32 pos = 0;

	do {
		if (!iou_ring_try_peek(ring))
			return false;
		pos = show(m, ring, pos);
		iou_ring_end_peek(ring);
		cond_resched();
	} while (pos && !seq_has_overflowed(m));
	return !pos;
}

static void show_napi(struct seq_file *m, const struct iou_napi *napi)
{
	if (!IS_ENABLED(CONFIG_NET_RX_BUSY_POLL))
		return;
	/* Settings that are just being changed may be shown mixed */
	if (!napi || !data_race(napi->enabled)) {
		seq_puts(m, "NAPI:\tdisabled\n");
		return;
	}
	seq_puts(m, "NAPI:\tenabled\n");
	/* As above */
	seq_printf(m, "napi_busy_poll_dt:\t%llu\n", (u64)data_race(napi->busy_us) * NSEC_PER_USEC);
	/* As above */
	seq_printf(m, "napi_prefer_busy_poll:\t%s\n", str_true_false(data_race(napi->prefer)));
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
	static const show_piece_fn tables[] = {
		show_files, show_bufs, show_personalities, show_parked, show_backlog,
	};
	struct iou_ring *ring = file->private_data;
	int i;

	show_indices(m, ring);
	show_sqes(m, &ring->sq);
	show_cqes(m, &ring->cq);
	show_thread(m, ring);
	for (i = 0; i < ARRAY_SIZE(tables); i++)
		if (!show_table(m, ring, tables[i]))
			break;
	show_napi(m, READ_ONCE(ring->napi));
}
