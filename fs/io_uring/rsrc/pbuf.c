// SPDX-License-Identifier: GPL-2.0
/*
 * Groups of provided buffers.
 *
 * A group is a ring whose entries and tail the program writes, or a list that
 * it fills by PROVIDE_BUFFERS. Here both are the same: entries from ->head on.
 * Taking a buffer is two steps under one hold of the ring lock: look at the
 * next one, and, when there was data for it, commit: advance the head. So what was
 * not used never has to be given back.
 *
 * Of an incremental buffer a part is used, and the entry is left with the rest. A
 * request that releases the lock before it knows how much it will use keeps a part (READ
 * by a worker or a device: what it asked for), or all of it (a receive, which does not know
 * how much will come, while the program adds up results to find out where data is).
 * When it completes, what it has not used goes back, if nobody has taken anything from the
 * group since; else it is late for that.
 *
 * mmap() must not take the ring lock. It finds the memory of a group under
 * ring->pbufs.mmap_lock, under which groups come and go.
 */
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/xarray.h>

#include "pbuf.h"

#define IOU_PBUF_RING_MAX	32768

static_assert(sizeof(struct io_uring_buf) == 16);
static_assert(sizeof(struct io_uring_buf_reg) == 40);
static_assert(sizeof(struct io_uring_buf_status) == 40);
static_assert(offsetof(struct io_uring_buf_ring, tail) ==
	      offsetof(struct io_uring_buf, resv));

/* In the place of the group used last, if there is none: no group has this number */
static struct iou_pbuf_group no_group = { .bgid = U32_MAX };

/**
 * iou_pbuf_init() - prepare a ring for groups
 * @ring: being made
 */
void iou_pbuf_init(struct iou_ring *ring)
{
	ring->pbufs.last = &no_group;
	xa_init_flags(&ring->pbufs.groups, XA_FLAGS_ACCOUNT);
	mutex_init(&ring->pbufs.mmap_lock);
}

static struct io_uring_buf *own_bufs(const struct iou_pbuf_group *group)
{
	return (struct io_uring_buf __force *)group->bufs;
}

static void group_free(struct iou_pbuf_group *group)
{
	if (group->is_ring)
		iou_region_free(&group->region);
	else
		kvfree(own_bufs(group));
	kfree(group);
}

static int group_add(struct iou_ring *ring, struct iou_pbuf_group *group)
{
	int error;

	mutex_lock(&ring->pbufs.mmap_lock);
	error = xa_err(xa_store(&ring->pbufs.groups, group->bgid, group, GFP_KERNEL));
	mutex_unlock(&ring->pbufs.mmap_lock);
	return error;
}

static void group_remove(struct iou_ring *ring, struct iou_pbuf_group *group)
	__must_hold(&ring->lock)
{
	iou_assert_locked(ring);
	if (ring->pbufs.last == group)
		ring->pbufs.last = &no_group;
	mutex_lock(&ring->pbufs.mmap_lock);
	xa_erase(&ring->pbufs.groups, group->bgid);
	mutex_unlock(&ring->pbufs.mmap_lock);
	group_free(group);
}

/**
 * iou_pbuf_find() - find a group
 * @ring: locked
 * @bgid: its number
 *
 * Context: ring lock.
 * Return: the group, valid while the ring is locked, or NULL.
 */
struct iou_pbuf_group *iou_pbuf_find(struct iou_ring *ring, u16 bgid)
{
	struct iou_pbuf_group *group = ring->pbufs.last;

	if (group->bgid == bgid)
		return group;
	group = xa_load(&ring->pbufs.groups, bgid);
	if (group)
		ring->pbufs.last = group;
	return group;
}

/**
 * iou_pbuf_find_any() - find a group that has a buffer
 * @ring: locked
 * @bgid: its number
 * @error: why there is none: -ENOENT, or -ENOBUFS if the group is empty
 *
 * Context: ring lock.
 * Return: as iou_pbuf_find(); NULL with @error.
 */
struct iou_pbuf_group *iou_pbuf_find_any(struct iou_ring *ring, u16 bgid, int *error)
{
	struct iou_pbuf_group *group = iou_pbuf_find(ring, bgid);

	*error = group ? -ENOBUFS : -ENOENT;
	return group && iou_pbuf_count(group) ? group : NULL;
}

/*
 * Incremental buffers
 */

/* The head's entry is for the rest of its buffer. Return: false: which is not worth keeping */
static bool group_shrink(struct iou_pbuf_group *group, u64 addr, u32 len)
{
	if (len < max(group->min_left, 1U))
		return false;
	iou_bufring_shrink(group->bufs, group->head & group->mask, addr, len);
	return true;
}

/* @req keeps a part of the head's entry until it completes */
static void group_keep(struct iou_pbuf_group *group, struct iou_req *req, u32 bytes)
	__must_hold(&iou_req_ring(req)->lock)
{
	group->keeper = req;
	req->held |= IOU_HELD_PBUF;
	req->buf_entry = group->head;
	req->buf_len = bytes;
	req->buf_end = bytes;
}

/**
 * iou_pbuf_commit_part() - the part of iou_pbuf_commit() for incremental buffers
 * @req: as there
 * @buf: as there
 * @bytes: as there
 * @rest: as there
 *
 * Context: as there.
 */
void iou_pbuf_commit_part(struct iou_req *req, const struct iou_pbuf *buf, u32 bytes,
			  enum iou_pbuf_rest rest)
{
	struct iou_pbuf_group *group = buf->group;

	iou_assert_locked(iou_req_ring(req));
	group->keeper = NULL;
	if (rest == IOU_PBUF_LEAVE) {
		bytes = min(bytes, buf->len);
	} else {
		bytes = buf->len;
		group_keep(group, req, bytes);
	}
	if (rest != IOU_PBUF_KEEP_ALL &&
	    group_shrink(group, buf->addr + bytes, buf->full - bytes))
		req->cflags |= IORING_CQE_F_BUF_MORE;
	else
		group->head++;
}

/*
 * Give back @unused bytes, the last ones of what @req has kept, and what is behind them:
 * nobody has taken anything since.
 */
static void give_back(struct iou_req *req, struct iou_pbuf_group *group, u32 unused)
	__must_hold(&iou_req_ring(req)->lock)
{
	u32 i = req->buf_entry & group->mask;
	u64 addr = iou_bufring_get(group->bufs, i, addr);
	u32 len = iou_bufring_get(group->bufs, i, len);

	/* Else the entry was passed, and is as it was before */
	if ((u16)group->head == req->buf_entry) {
		addr -= unused;
		len += unused;
	} else {
		addr += req->buf_len - unused;
		len -= req->buf_len - unused;
		group->head--;
	}
	if (group_shrink(group, addr, len))
		req->cflags |= IORING_CQE_F_BUF_MORE;
	else
		group->head++;
}

/**
 * iou_pbuf_settle() - a request that went on with an incremental buffer has ended
 * @req: holds IOU_HELD_PBUF, and not any more; ->res is its result
 *
 * An error that has used nothing names no buffer, if the buffer can be given back.
 *
 * Context: ring lock.
 */
void iou_pbuf_settle(struct iou_req *req)
{
	struct iou_pbuf_group *group = iou_pbuf_find(iou_req_ring(req), req->buf_group);
	u32 done = max(req->res, 0);
	u32 unused = 0;

	iou_assert_locked(iou_req_ring(req));
	req->held &= ~IOU_HELD_PBUF;
	if (!group || group->keeper != req)
		return;

	group->keeper = NULL;
	if (done < req->buf_end)
		unused = min(req->buf_end - done, req->buf_len);
	give_back(req, group, unused);
	if (req->res < 0)
		req->cflags &= BIT(IORING_CQE_BUFFER_SHIFT) - 1 -
			       (IORING_CQE_F_BUFFER | IORING_CQE_F_BUF_MORE);
}

/**
 * iou_pbuf_free() - free all groups
 * @ring: nobody can reach it any more
 */
void iou_pbuf_free(struct iou_ring *ring)
{
	struct iou_pbuf_group *group;
	unsigned long i;

	kfree(ring->pbufs.vec);
	if (xa_empty(&ring->pbufs.groups))
		return;

	xa_for_each(&ring->pbufs.groups, i, group)
		group_free(group);
	xa_destroy(&ring->pbufs.groups);
}

/*
 * Several buffers at once
 */

/**
 * iou_pbuf_vec() - the ring's array for runs of buffers
 * @ring: locked, as long as the array is used
 *
 * Context: ring lock. May sleep.
 * Return: room for IOU_PBUF_RUN_MAX, or NULL without memory.
 */
struct iovec *iou_pbuf_vec(struct iou_ring *ring)
{
	iou_assert_locked(ring);
	if (!ring->pbufs.vec)
		ring->pbufs.vec = kmalloc_array(IOU_PBUF_RUN_MAX, sizeof(struct iovec),
						GFP_KERNEL_ACCOUNT);
	return ring->pbufs.vec;
}

/* One more for @run. Return: 0: there may be another one; 1: this was the last */
static int run_add(struct iou_pbuf_run *run, u32 bytes)
{
	struct iou_pbuf_group *group = run->group;
	u32 i = (group->head + run->nr) & group->mask;
	u64 addr = iou_bufring_get(group->bufs, i, addr);
	u32 full = iou_bufring_get(group->bufs, i, len);
	u32 len;

	len = min3(full, bytes - run->bytes, (u32)MAX_RW_COUNT - run->bytes);
	if (!access_ok(u64_to_user_ptr(addr), len))
		return -EFAULT;
	if (!run->nr)
		run->bid = iou_bufring_get(group->bufs, i, bid);
	run->vec[run->nr].iov_base = u64_to_user_ptr(addr);
	run->vec[run->nr].iov_len = len;
	run->full = full;
	run->bytes += len;
	run->nr++;
	/* If the first one is empty, so is the run, as is an attempt with one buffer then */
	return run->bytes == bytes || len < full || !run->bytes;
}

/**
 * iou_pbuf_look_run() - look at the next buffers of a request's group
 * @req: wants them
 * @run: where to describe them; ->vec is the caller's
 * @bytes: no more than that
 * @nr: no more buffers than that; buffers that were provided one by one are also
 *      used one by one
 *
 * They stay where they are until iou_pbuf_commit_run(), before which the ring lock
 * must not be released.
 *
 * Context: ring lock.
 * Return: 0: at least one. -ENOENT: there is no such group. -ENOBUFS: it is empty.
 * -EFAULT: the first one is not user memory.
 */
int iou_pbuf_look_run(const struct iou_req *req, struct iou_pbuf_run *run, u32 bytes, u32 nr)
{
	struct iou_ring *ring = iou_req_ring(req);
	int ret = 0;

	iou_assert_locked(ring);
	run->group = iou_pbuf_find(ring, req->buf_group);
	run->nr = 0;
	run->bytes = 0;
	if (!run->group)
		return -ENOENT;
	nr = min(nr, run->group->is_ring ? iou_pbuf_count(run->group) :
					   min(iou_pbuf_count(run->group), 1U));
	if (!nr)
		return -ENOBUFS;
	while (!ret && run->nr < nr)
		ret = run_add(run, bytes);
	return run->nr ? 0 : ret;
}

/**
 * iou_pbuf_commit_run() - take the first of several buffers
 * @req: has them from now on
 * @run: what was looked at
 * @bytes: how much of it was used, not 0
 * @rest: what is left of the last one, which @req will use, too; NULL: it will not
 *
 * With @rest, ->buf_end of an incremental buffer is counted from the beginning of @run.
 *
 * Context: ring lock, since iou_pbuf_look_run().
 */
void iou_pbuf_commit_run(struct iou_req *req, const struct iou_pbuf_run *run, u32 bytes,
			 struct iovec *rest)
{
	struct iou_pbuf_group *group = run->group;
	u32 before = 0, i, last = run->nr - 1;
	u32 cflags = req->cflags;
	struct iou_pbuf buf;

	iou_assert_locked(iou_req_ring(req));
	for (i = 0; i < last && bytes - before > run->vec[i].iov_len; i++)
		before += run->vec[i].iov_len;
	group->head += i;
	buf.group = group;
	buf.addr = (uintptr_t)run->vec[i].iov_base;
	buf.len = run->vec[i].iov_len;
	buf.full = i == last ? run->full : buf.len;
	buf.bid = run->bid;
	bytes = min(bytes - before, buf.len);

	/* The CQE names the first one, of this run or of an earlier one */
	if (!(req->notes & IOU_NOTE_SELECT))
		buf.bid = cflags >> IORING_CQE_BUFFER_SHIFT;
	req->cflags = cflags & ~IORING_CQE_F_BUF_MORE;
	iou_pbuf_commit(req, &buf, bytes, rest ? IOU_PBUF_KEEP_ALL : IOU_PBUF_LEAVE);
	if (!rest)
		return;

	*rest = (struct iovec){ u64_to_user_ptr(buf.addr + bytes), buf.len - bytes };
	if (req->held & IOU_HELD_PBUF)
		req->buf_end += before;
}

/*
 * Buffers that are provided one by one
 */

/* There is no room for @nr more entries: make it */
static noinline int list_grow(struct iou_pbuf_group *group, u32 nr)
{
	u32 i, count = group->tail - group->head;
	u32 entries = roundup_pow_of_two(count + nr);
	struct io_uring_buf *bufs;

	bufs = kvmalloc_array(entries, sizeof(*bufs), GFP_KERNEL_ACCOUNT);
	if (!bufs)
		return -ENOMEM;
	for (i = 0; i < count; i++)
		bufs[i] = own_bufs(group)[(group->head + i) & group->mask];
	kvfree(own_bufs(group));
	group->bufs = (struct io_uring_buf __force __shared *)bufs;
	group->mask = entries - 1;
	group->head = 0;
	group->tail = count;
	return 0;
}

/* There is no list with this number: make it. NULL: no memory */
static noinline struct iou_pbuf_group *list_create(struct iou_ring *ring, u16 bgid)
	__must_hold(&ring->lock)
{
	struct iou_pbuf_group *group = kzalloc(sizeof(*group), GFP_KERNEL_ACCOUNT);

	if (!group)
		return NULL;
	group->bgid = bgid;
	group->end = (u16 __force __shared *)&group->low_tail;
	if (!group_add(ring, group))
		return group;
	kfree(group);
	return NULL;
}

/**
 * iou_pbuf_provide() - add buffers to a list
 * @ring: locked
 * @bgid: its number; it is made if need be
 * @first: the first of them; the others follow in memory, with numbers that follow
 * @nr: how many, not 0
 *
 * Context: ring lock. May sleep.
 * Return: 0; -EINVAL: the group is a ring; -EOVERFLOW: too many; -ENOMEM.
 */
int iou_pbuf_provide(struct iou_ring *ring, u16 bgid, const struct io_uring_buf *first,
		     u32 nr)
{
	struct iou_pbuf_group *group = iou_pbuf_find(ring, bgid);
	u32 count, tail;
	u64 addr;
	u16 bid;

	if (unlikely(!group))
		group = list_create(ring, bgid);
	if (unlikely(!group))
		return -ENOMEM;
	if (group->is_ring)
		return -EINVAL;
	count = group->tail - group->head + nr;
	if (count > IOU_PBUF_MAX)
		return -EOVERFLOW;
	if (unlikely(!group->bufs || count > group->mask + 1) && list_grow(group, nr))
		return -ENOMEM;
	addr = first->addr;
	bid = first->bid;
	tail = group->tail;
	group->tail += nr;
	group->low_tail = group->tail;
	do {
		struct io_uring_buf *buf = &own_bufs(group)[tail++ & group->mask];

		buf->addr = addr;
		buf->len = first->len;
		buf->bid = bid++;
		addr += first->len;
	} while (--nr);
	return 0;
}

/**
 * iou_pbuf_remove() - take buffers out of a list
 * @ring: locked
 * @bgid: its number
 * @nr: at most that many, those that were provided first
 *
 * Context: ring lock.
 * Return: how many; -ENOENT: there is no such group; -EINVAL: it is a ring.
 */
int iou_pbuf_remove(struct iou_ring *ring, u16 bgid, u32 nr)
{
	struct iou_pbuf_group *group = iou_pbuf_find(ring, bgid);

	if (!group)
		return -ENOENT;
	if (group->is_ring)
		return -EINVAL;
	nr = min(nr, group->tail - group->head);
	group->head += nr;
	return nr;
}

/*
 * Rings
 */

/* Return: 0, or what is wrong with it */
static int ring_check(const struct io_uring_buf_reg *reg)
{
	bool is_mmap = reg->flags & IOU_PBUF_RING_MMAP;

	if (memchr_inv(reg->resv, 0, sizeof(reg->resv)))
		return -EINVAL;
	if (reg->flags & ~(IOU_PBUF_RING_MMAP | IOU_PBUF_RING_INC))
		return -EINVAL;
	if (reg->min_left && !(reg->flags & IOU_PBUF_RING_INC))
		return -EINVAL;
	if (is_mmap && reg->ring_addr)
		return -EINVAL;
	if (!is_mmap && !reg->ring_addr)
		return -EFAULT;
	if (!is_mmap && !PAGE_ALIGNED(reg->ring_addr))
		return -EINVAL;
	if (!is_power_of_2(reg->ring_entries) || reg->ring_entries > IOU_PBUF_RING_MAX)
		return -EINVAL;
	return 0;
}

static int ring_memory(struct iou_pbuf_group *group, const struct io_uring_buf_reg *reg)
{
	size_t size = array_size(reg->ring_entries, sizeof(struct io_uring_buf));
	int error;

	if (group->is_mmap)
		error = iou_region_alloc(&group->region, size);
	else
		error = iou_region_pin(&group->region, reg->ring_addr, size);
	if (error)
		return error;
	group->bufs = (struct io_uring_buf __force __shared *)group->region.mem;
	group->end = iou_bufring_end(group->bufs);
	return 0;
}

static int ring_create(struct iou_ring *ring, const struct io_uring_buf_reg *reg)
	__must_hold(&ring->lock)
{
	struct iou_pbuf_group *group = kzalloc(sizeof(*group), GFP_KERNEL_ACCOUNT);
	int error;

	if (!group)
		return -ENOMEM;
	group->bgid = reg->bgid;
	group->is_ring = true;
	group->is_mmap = reg->flags & IOU_PBUF_RING_MMAP;
	group->is_inc = reg->flags & IOU_PBUF_RING_INC;
	group->min_left = reg->min_left;
	group->mask = reg->ring_entries - 1;
	error = ring_memory(group, reg);
	if (!error)
		error = group_add(ring, group);
	if (error)
		group_free(group);
	return error;
}

/* PBUF_RING: make a group that is a ring */
long iou_pbuf_register(struct iou_ring *ring, void __user *arg, u32 nr_args)
{
	struct io_uring_buf_reg reg;
	struct iou_pbuf_group *group;
	int error;

	iou_assert_locked(ring);
	if (!arg || nr_args != 1)
		return -EINVAL;
	if (copy_from_user(&reg, arg, sizeof(reg)))
		return -EFAULT;
	error = ring_check(&reg);
	if (error)
		return error;
	group = iou_pbuf_find(ring, reg.bgid);
	if (group) {
		if (group->is_ring || group->head != group->tail)
			return -EEXIST;
		group_remove(ring, group);
	}
	return ring_create(ring, &reg);
}

/* UNREGISTER_PBUF_RING */
long iou_pbuf_unregister(struct iou_ring *ring, void __user *arg, u32 nr_args)
{
	struct io_uring_buf_reg reg;
	struct iou_pbuf_group *group;

	iou_assert_locked(ring);
	if (!arg || nr_args != 1)
		return -EINVAL;
	if (copy_from_user(&reg, arg, sizeof(reg)))
		return -EFAULT;
	if (memchr_inv(reg.resv, 0, sizeof(reg.resv)) || reg.flags)
		return -EINVAL;
	group = iou_pbuf_find(ring, reg.bgid);
	if (!group)
		return -ENOENT;
	if (!group->is_ring)
		return -EINVAL;
	group_remove(ring, group);
	return 0;
}

/* PBUF_STATUS: how far has the kernel come? */
long iou_pbuf_status(struct iou_ring *ring, void __user *arg, u32 nr_args)
{
	struct io_uring_buf_status status;
	struct iou_pbuf_group *group;

	iou_assert_locked(ring);
	if (!arg || nr_args != 1)
		return -EINVAL;
	if (copy_from_user(&status, arg, sizeof(status)))
		return -EFAULT;
	if (memchr_inv(status.resv, 0, sizeof(status.resv)))
		return -EINVAL;
	group = status.buf_group > U16_MAX ? NULL : iou_pbuf_find(ring, status.buf_group);
	if (!group)
		return -ENOENT;
	if (!group->is_ring)
		return -EINVAL;
	status.head = (u16)group->head;
	return copy_to_user(arg, &status, sizeof(status)) ? -EFAULT : 0;
}

/* A group whose ring can be mapped, or NULL */
static struct iou_pbuf_group *mmap_group(struct iou_ring *ring, u16 bgid)
	__must_hold(&ring->pbufs.mmap_lock)
{
	struct iou_pbuf_group *group = xa_load(&ring->pbufs.groups, bgid);

	return group && group->is_ring && group->is_mmap ? group : NULL;
}

/**
 * iou_pbuf_mmap() - map a ring that the kernel has allocated
 * @ring: its file is being mapped
 * @bgid: number of the group
 * @vma: where
 *
 * The mapping may outlive the group.
 *
 * Context: mm's mmap_lock held for writing; not the ring lock.
 * Return: 0; -EINVAL: there is no such ring, or it is in user memory; -EFAULT:
 * the mapping is too short; -ENOMEM.
 */
int iou_pbuf_mmap(struct iou_ring *ring, u16 bgid, struct vm_area_struct *vma)
{
	struct iou_pbuf_group *group;
	int error = -EINVAL;

	mutex_lock(&ring->pbufs.mmap_lock);
	group = mmap_group(ring, bgid);
	if (group)
		error = iou_region_mmap(&group->region, vma, false);
	mutex_unlock(&ring->pbufs.mmap_lock);
	return error;
}

/**
 * iou_pbuf_can_mmap() - is there a ring to be mapped?
 * @ring: its file is being mapped
 * @bgid: number of the group
 *
 * Context: may sleep.
 * Return: whether, now.
 */
bool iou_pbuf_can_mmap(struct iou_ring *ring, u16 bgid)
{
	bool can;

	mutex_lock(&ring->pbufs.mmap_lock);
	can = mmap_group(ring, bgid);
	mutex_unlock(&ring->pbufs.mmap_lock);
	return can;
}
