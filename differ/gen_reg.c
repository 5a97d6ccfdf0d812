// SPDX-License-Identifier: GPL-2.0
/*
 * Register operations: what a program registers before its rounds and between them.
 */
#include <string.h>
#include <sys/uio.h>

#include "gen.h"

void gen_register_op(int ring, __u32 op, __u64 arg, __u32 nr, __u32 result_size)
{
	struct step *step;

	if (program.nr_steps >= 13)
		return;
	step = gen_step(STEP_REGISTER, ring);
	step->op = op;
	step->arg = arg;
	step->nr = nr;
	step->result_size = result_size;
}

/* ------------------------------------------------------------------------
 * Tables
 */

static int file_for_table(void)
{
	static const __u8 objects[] = {
		OBJ_FILE0, OBJ_FILE0, OBJ_FILE1, OBJ_RDONLY, OBJ_EXT, OBJ_EXT_DIRECT,
		OBJ_PIPE0_R, OBJ_PIPE0_W, OBJ_PIPE1_R, OBJ_PIPE1_W, OBJ_PIPE2_R, OBJ_UNIX0,
		OBJ_UNIX1, OBJ_DGRAM0, OBJ_TCP0, OBJ_TCP1, OBJ_LISTENER, OBJ_TCP_NEW, OBJ_UDP0,
		OBJ_EVENTFD, OBJ_EVENTFD3, OBJ_TIMERFD, OBJ_EPOLL, OBJ_ZERO, OBJ_NULL,
		OBJ_NULLB, OBJ_DIR,
	};
	int i, object = -1;

	for (i = 0; i < 6 && object < 0; i++) {
		object = objects[below(ARRAY_LEN(objects))];
		if (!(object_themes[object] & (program.themes | THEME_ANY)))
			object = -1;
	}
	return chance(20) ? -1 : object;
}

__u64 gen_file_table(struct tables *tables, int nr, bool keep)
{
	__u64 address = meta_alloc(8 * sizeof(int));
	int *fds = at(address);
	int i, object;

	for (i = 0; i < nr; i++) {
		object = file_for_table();
		fds[i] = object < 0 ? -1 : fd_of(object);
		if (object >= 0)
			need(object);
		if (keep && i < ARRAY_LEN(tables->file))
			tables->file[i] = object;
	}
	if (chance(3)) {
		i = below(nr);
		fds[i] = ANY(fd_of(OBJ_RING0), fd_of(OBJ_CLOSED), -5);
	}
	return address;
}

static __u64 gen_tags(int nr)
{
	__u64 address = meta_alloc(8 * nr);
	__u64 *tags = at(address);
	int i;

	for (i = 0; i < nr; i++)
		tags[i] = chance(70) ? 0xf00 + i : 0;
	return address;
}

static struct iovec bad_buffer(void)
{
	static const struct { __u64 base; __u64 len; } bad[] = {
		{ HOLE, 4096 }, { BIG, 0 }, { 0, 4096 }, { BIG, -1 }, { READ_ONLY, 4096 },
	};
	int i = below(ARRAY_LEN(bad));

	return (struct iovec){ at(bad[i].base), bad[i].len };
}

static __u32 buffer_length(__u64 base)
{
	if (!base)
		return 0;
	return base == SLOT(24) ? SLOT_SIZE : ANY(4096, 4096, 1000, 512);
}

/* @tables: these are the fixed buffers from now on, or NULL */
static __u64 gen_buffer_table(struct tables *tables)
{
	__u64 base, address = meta_alloc(4 * sizeof(struct iovec));
	struct iovec *iov = at(address);
	__u32 len;
	int i;

	program.uses_big = true;
	for (i = 0; i < 4; i++) {
		base = ANY64(BIG, BIG, BIG + 4096, BIG + 8192, SLOT(24), SLOT(24), BIG + 100, 0);
		len = buffer_length(base);
		iov[i] = (struct iovec){ at(base), len };
		if (tables) {
			tables->buf_addr[i] = base;
			tables->buf_len[i] = len;
		}
	}
	if (chance(4)) {
		i = below(4);
		iov[i] = bad_buffer();
	}
	return address;
}

static void register_files2(int ring)
{
	struct tables *tables = &program.tables[ring];
	__u64 arg = meta_alloc(32);
	struct io_uring_rsrc_register *reg = at(arg);

	reg->nr = 8;
	if (chance(40)) {
		reg->flags = IORING_RSRC_REGISTER_SPARSE;
		memset(tables->file, -1, sizeof(tables->file));
	} else {
		reg->data = gen_file_table(tables, 8, true);
		if (chance(60))
			reg->tags = gen_tags(8);
	}
	if (chance(5))
		reg->resv2 = 1;
	gen_register_op(ring, IORING_REGISTER_FILES2, arg, ANY(32, 32, 32, 32, 31), 0);
}

static void register_files(int ring)
{
	struct io_uring_file_index_range *range;
	__u64 arg;

	if (chance(70))
		gen_register_op(ring, IORING_REGISTER_FILES,
				gen_file_table(&program.tables[ring], 8, true), 8, 0);
	else
		register_files2(ring);
	program.tables[ring].files = true;
	if (!chance(25))
		return;
	arg = meta_alloc(16);
	range = at(arg);
	range->off = below(8);
	range->len = ANY(1, 2, 4, 8, 0);
	gen_register_op(ring, IORING_REGISTER_FILE_ALLOC_RANGE, arg, 0, 0);
}

static void register_buffers(int ring)
{
	struct tables *tables = &program.tables[ring];
	struct io_uring_rsrc_register *reg;
	__u64 arg;

	if (chance(70)) {
		gen_register_op(ring, IORING_REGISTER_BUFFERS, gen_buffer_table(tables), 4, 0);
	} else {
		arg = meta_alloc(32);
		reg = at(arg);
		reg->nr = 4;
		if (chance(20)) {
			reg->flags = IORING_RSRC_REGISTER_SPARSE;
		} else {
			reg->data = gen_buffer_table(tables);
			if (chance(60))
				reg->tags = gen_tags(4);
		}
		gen_register_op(ring, IORING_REGISTER_BUFFERS2, arg, 32, 0);
	}
	tables->bufs = true;
}

static void register_buffer_ring(int ring)
{
	__u64 arg = meta_alloc(40);
	struct io_uring_buf_reg *reg = at(arg);

	reg->ring_entries = ANY(8, 8, 8, 4, 16, 3);
	reg->bgid = 1;
	reg->ring_addr = BUF_RINGS + BUF_RING_SIZE * ring;
	if (chance(30)) {
		reg->flags = IOU_PBUF_RING_MMAP;
		reg->ring_addr = 0;
	}
	if (chance(30))
		reg->flags |= IOU_PBUF_RING_INC;
	if (chance(4))
		reg->ring_addr = ANY64(0, BUF_RINGS + 16, HOLE, READ_ONLY);
	if (chance(3))
		reg->flags |= 4;
	program.tables[ring].buf_ring = true;
	program.uses_buf_rings = true;
	gen_register_op(ring, IORING_REGISTER_PBUF_RING, arg, 1, 0);
}

/* ------------------------------------------------------------------------
 * Other things to register
 */

static void register_eventfd(int ring)
{
	__u64 arg = meta_alloc(4);
	__u32 op;

	*(int *)at(arg) = fd_of(ANY(OBJ_EVENTFD, OBJ_EVENTFD, OBJ_EVENTFD3, OBJ_ZERO,
				    OBJ_CLOSED));
	need(OBJ_EVENTFD);
	need(OBJ_EVENTFD3);
	op = ANY(IORING_REGISTER_EVENTFD, IORING_REGISTER_EVENTFD,
		 IORING_REGISTER_EVENTFD_ASYNC);
	gen_register_op(ring, op, arg, ANY(1, 1, 1, 2), 0);
}

static void register_itself(int ring)
{
	__u64 arg = meta_alloc(16);
	struct io_uring_rsrc_update *up = at(arg);

	up->offset = ANY(-1, -1, 0, 3, 16);
	up->data = fd_of(ring_object(ring));
	gen_register_op(ring, IORING_REGISTER_RING_FDS, arg, 1, 4);
}

static void register_workers(int ring)
{
	__u64 arg = meta_alloc(8);
	__u32 *max = at(arg);

	max[0] = ANY(0, 2, 8);
	max[1] = ANY(0, 5, -1);
	gen_register_op(ring, IORING_REGISTER_IOWQ_MAX_WORKERS, arg, ANY(2, 2, 1), 8);
}

static void register_affinity(int ring)
{
	__u64 arg = meta_alloc(8);

	*(__u64 *)at(arg) = ANY64(1, 1, 0x80, 0);
	gen_register_op(ring, IORING_REGISTER_IOWQ_AFF, arg, 8, 0);
	if (chance(50))
		gen_register_op(ring, IORING_UNREGISTER_IOWQ_AFF, 0, 0, 0);
}

static void register_probe(int ring)
{
	__u64 arg = meta_alloc(16 + 64 * 8);

	if (chance(5))
		((struct io_uring_probe *)at(arg))->resv = 1;
	gen_register_op(ring, IORING_REGISTER_PROBE, arg, ANY(58, 58, 64, 10, 300), 0);
}

static void register_clock(int ring)
{
	__u64 arg = meta_alloc(16);
	__u32 *clock = at(arg);

	clock[0] = ANY(1, 7, 7, 0, 4, 99);
	clock[1] = chance(5);
	gen_register_op(ring, IORING_REGISTER_CLOCK, arg, ANY(0, 0, 0, 1), 0);
}

static void register_napi(int ring)
{
	__u64 arg = meta_alloc(16);
	struct io_uring_napi *napi = at(arg);

	napi->busy_poll_to = ANY(0, 10, 20);
	napi->prefer_busy_poll = below(2);
	if (chance(10))
		napi->pad[2] = 1;
	gen_register_op(ring, IORING_REGISTER_NAPI, arg, 1, 16);
	if (chance(50))
		gen_register_op(ring, IORING_UNREGISTER_NAPI, meta_alloc(16), 1, 16);
}

static void undo_nothing(int ring)
{
	__u32 op = ANY(IORING_UNREGISTER_BUFFERS, IORING_UNREGISTER_FILES,
			  IORING_UNREGISTER_EVENTFD, IORING_UNREGISTER_PERSONALITY,
			  IORING_REGISTER_ENABLE_RINGS, IORING_UNREGISTER_IOWQ_AFF);

	gen_register_op(ring, op, 0, ANY(0, 0, 1), 0);
}

static void bad_arguments(int ring)
{
	__u32 op = ANY(4, 2, 0, 6, 9, 11, 13, 16, 20, 21, 22, 24, 26, 27);
	__u64 arg = ANY64(0, HOLE, 1);

	gen_register_op(ring, op, arg, ANY(0, 1, 32, -1), 0);
}

static void no_such_operation(int ring)
{
	__u32 op = ANY(40, 255, 0x7fffffff);

	gen_register_op(ring, op, meta_alloc(64), 1, 0);
}

static void through_no_slot(int ring)
{
	__u32 op = ANY(IORING_REGISTER_ENABLE_RINGS, IORING_UNREGISTER_IOWQ_AFF,
			  IORING_UNREGISTER_EVENTFD);

	gen_register_op(ring, IORING_REGISTER_USE_REGISTERED_RING | op, 0, 0, 0);
}

static void buffer_status(int ring)
{
	__u64 arg = meta_alloc(40);
	struct io_uring_buf_status *status = at(arg);

	status->buf_group = ANY(1, 1, 2, 9);
	if (chance(8))
		status->resv[1] = 1;
	gen_register_op(ring, IORING_REGISTER_PBUF_STATUS, arg, 1, 8);
}

static void register_range(int ring)
{
	__u64 arg = meta_alloc(16);
	struct io_uring_file_index_range *range = at(arg);

	range->off = ANY(0, 4, 8, -1);
	range->len = ANY(1, 4, 0, -1);
	range->resv = chance(10);
	gen_register_op(ring, IORING_REGISTER_FILE_ALLOC_RANGE, arg, 0, 0);
}

static void unregister_slots(int ring)
{
	__u64 arg = meta_alloc(16);
	struct io_uring_rsrc_update *up = at(arg);

	up->offset = ANY(0, 1, 16);
	up->data = chance(15);
	gen_register_op(ring, IORING_UNREGISTER_RING_FDS, arg, ANY(1, 1, 17), 0);
}

static void cancel_nothing(int ring)
{
	__u64 arg = meta_alloc(64);
	struct io_uring_sync_cancel_reg *reg = at(arg);

	reg->addr = 0xdead;
	reg->fd = -1;
	reg->flags = ANY(0, 1, 4, 5, 2, 64);
	reg->timeout.tv_sec = -1;
	reg->timeout.tv_nsec = -1;
	if (chance(10))
		reg->pad[2] = 1;
	gen_register_op(ring, IORING_REGISTER_SYNC_CANCEL, arg, 1, 0);
}

static void late_restriction(int ring)
{
	__u64 arg = meta_alloc(32);
	struct io_uring_restriction *restriction = at(arg);

	restriction->opcode = below(4);
	restriction->sqe_op = below(NR_OPCODES);
	gen_register_op(ring, IORING_REGISTER_RESTRICTIONS, arg, 1, 0);
}

static void (*const others[])(int ring) = {
	register_workers, register_affinity, register_probe, register_clock, register_napi,
	undo_nothing, bad_arguments, no_such_operation, through_no_slot, buffer_status,
	register_range, unregister_slots, cancel_nothing, late_restriction,
};

/* Before the first round */
void gen_register(int ring)
{
	int nr;

	if (chance(38))
		register_files(ring);
	if (chance(28))
		register_buffers(ring);
	if (chance(38))
		register_buffer_ring(ring);
	if (chance(8))
		register_eventfd(ring);
	if (chance(7)) {
		gen_register_op(ring, IORING_REGISTER_PERSONALITY, 0, 0, 0);
		program.personality = true;
		program.drops_root = chance(60) || program.drops_root;
	}
	if (chance(7))
		register_itself(ring);
	for (nr = chance(35) ? 1 + below(2) : 0; nr; nr--)
		others[below(ARRAY_LEN(others))](ring);
}

static void gen_restriction(struct io_uring_restriction *restriction)
{
	switch (below(8)) {
	default:
		restriction->opcode = IORING_RESTRICTION_SQE_OP;
		restriction->sqe_op = below(NR_OPCODES);
		break;
	case 4:
	case 5:
		restriction->opcode = IORING_RESTRICTION_REGISTER_OP;
		restriction->register_op = ANY(24, 6, 3, 26, 12);
		break;
	case 6:
		restriction->opcode = IORING_RESTRICTION_SQE_FLAGS_ALLOWED;
		restriction->sqe_flags = ANY(4, 16, 0x7f, 0);
		break;
	case 7:
		restriction->opcode = chance(40) ? IORING_RESTRICTION_SQE_FLAGS_REQUIRED :
						   IORING_RESTRICTION_SQE_OP;
		restriction->sqe_flags = ANY(4, 16, 1);
		break;
	}
}

/* For a ring that is still disabled */
void gen_restrictions(int ring)
{
	int i, nr = 2 + below(8);
	__u64 arg = meta_alloc(16 * sizeof(struct io_uring_restriction));
	struct io_uring_restriction *restrictions = at(arg);

	for (i = 0; i < nr; i++)
		gen_restriction(&restrictions[i]);
	if (chance(6))
		restrictions[below(nr)].opcode = 9;
	if (chance(6))
		restrictions[below(nr)].sqe_op = 250;
	gen_register_op(ring, IORING_REGISTER_RESTRICTIONS, arg, nr, 0);
	if (chance(10))
		gen_register_op(ring, IORING_REGISTER_RESTRICTIONS, arg, nr, 0);
}

/* ------------------------------------------------------------------------
 * Between rounds
 */

static void update_files(int ring)
{
	struct tables *tables = &program.tables[ring], unused;
	struct io_uring_rsrc_update *up;
	__u64 arg;
	int nr;

	if (!tables->files)
		return;
	arg = meta_alloc(16);
	up = at(arg);
	nr = 1 + below(3);
	up->offset = below(6);
	up->data = gen_file_table(&unused, nr, false);
	if (chance(5))
		up->resv = 1;
	memset(tables->file, -1, sizeof(tables->file));
	gen_register_op(ring, IORING_REGISTER_FILES_UPDATE, arg, ANY(nr, nr, nr, 0, 9), 0);
}

static void update_files2(int ring)
{
	struct tables *tables = &program.tables[ring], unused;
	struct io_uring_rsrc_update2 *up;
	__u64 arg;
	int nr;

	if (!tables->files)
		return;
	arg = meta_alloc(32);
	up = at(arg);
	nr = 1 + below(3);
	up->offset = below(6);
	up->data = gen_file_table(&unused, nr, false);
	if (chance(20))
		((int *)at(up->data))[0] = IORING_REGISTER_FILES_SKIP;
	if (chance(50))
		up->tags = gen_tags(nr);
	up->nr = nr;
	memset(tables->file, -1, sizeof(tables->file));
	gen_register_op(ring, IORING_REGISTER_FILES_UPDATE2, arg, ANY(32, 32, 32, 16), 0);
}

static void update_buffers(int ring)
{
	struct tables *tables = &program.tables[ring];
	struct io_uring_rsrc_update2 *up;
	__u64 arg;

	if (!tables->bufs)
		return;
	arg = meta_alloc(32);
	up = at(arg);
	up->offset = below(3);
	up->data = gen_buffer_table(NULL);
	if (chance(50))
		up->tags = gen_tags(4);
	up->nr = MOSTLY(1 + below(2), 4, 0);
	memset(tables->buf_len, 0, sizeof(tables->buf_len));
	gen_register_op(ring, IORING_REGISTER_BUFFERS_UPDATE, arg, 32, 0);
}

/* Mostly when nothing is in flight: 6.12 waits for that */
static bool may_unregister(void)
{
	return program.steps[program.nr_steps - 1].cancel || chance(10);
}

static void unregister_files(int ring)
{
	if (!program.tables[ring].files || !may_unregister())
		return;
	program.tables[ring].files = false;
	gen_register_op(ring, IORING_UNREGISTER_FILES, 0, 0, 0);
}

static void unregister_buffers(int ring)
{
	if (!program.tables[ring].bufs || !may_unregister())
		return;
	program.tables[ring].bufs = false;
	gen_register_op(ring, IORING_UNREGISTER_BUFFERS, 0, 0, 0);
}

static void own_buffer_status(int ring)
{
	__u64 arg;

	if (!program.tables[ring].buf_ring)
		return;
	arg = meta_alloc(40);
	((struct io_uring_buf_status *)at(arg))->buf_group = 1;
	gen_register_op(ring, IORING_REGISTER_PBUF_STATUS, arg, 1, 8);
}

static void unregister_buffer_ring(int ring)
{
	__u64 arg;

	if (!program.tables[ring].buf_ring)
		return;
	arg = meta_alloc(40);
	((struct io_uring_buf_reg *)at(arg))->bgid = ANY(1, 1, 1, 2);
	program.tables[ring].buf_ring = false;
	gen_register_op(ring, IORING_UNREGISTER_PBUF_RING, arg, 1, 0);
}

static void clone_buffers(int ring)
{
	struct tables *tables = &program.tables[ring], *from = &program.tables[!ring];
	struct io_uring_clone_buffers *clone;
	__u64 arg;

	if (program.rings < 2)
		return;
	arg = meta_alloc(32);
	clone = at(arg);
	clone->src_fd = fd_of(ring_object(!ring));
	clone->flags = ANY(0, 0, 0, 8);
	if (chance(10))
		clone->pad[1] = 1;
	gen_register_op(ring, IORING_REGISTER_CLONE_BUFFERS, arg, ANY(1, 1, 1, 2), 0);
	if (tables->bufs)
		return;
	tables->bufs = from->bufs;
	memcpy(tables->buf_addr, from->buf_addr, sizeof(tables->buf_addr));
	memcpy(tables->buf_len, from->buf_len, sizeof(tables->buf_len));
}

static void sync_cancel(int ring)
{
	__u64 arg = meta_alloc(64);
	struct io_uring_sync_cancel_reg *reg = at(arg);

	reg->addr = gen_earlier(-1, -1);
	reg->fd = -1;
	reg->flags = ANY(0, 0, 1, 4, 32, 16);
	reg->opcode = ANY(IORING_OP_POLL_ADD, IORING_OP_TIMEOUT, IORING_OP_READ);
	reg->timeout.tv_sec = 1;
	gen_register_op(ring, IORING_REGISTER_SYNC_CANCEL, arg, 1, 0);
}

static void drop_personality(int ring)
{
	gen_register_op(ring, IORING_UNREGISTER_PERSONALITY, 0, ANY(1, 1, 2, 0), 0);
}

static void undo_something(int ring)
{
	__u32 op = ANY(IORING_UNREGISTER_EVENTFD, IORING_REGISTER_ENABLE_RINGS,
			  IORING_UNREGISTER_IOWQ_AFF);

	gen_register_op(ring, op, 0, 0, 0);
}

static void late_eventfd(int ring)
{
	__u64 arg = meta_alloc(4);
	__u32 op;

	*(int *)at(arg) = fd_of(OBJ_EVENTFD);
	need(OBJ_EVENTFD);
	op = ANY(IORING_REGISTER_EVENTFD, IORING_REGISTER_EVENTFD_ASYNC);
	gen_register_op(ring, op, arg, 1, 0);
}

static void (*const changes[])(int ring) = {
	update_files, update_files, update_files2, update_buffers, unregister_files,
	unregister_buffers, own_buffer_status, unregister_buffer_ring, clone_buffers,
	sync_cancel, drop_personality, undo_something, late_eventfd,
};

void gen_register_later(int ring)
{
	int what = below(ARRAY_LEN(changes));

	if (program.rings > 1 && program.tables[!ring].bufs && chance(30))
		clone_buffers(ring);
	else
		changes[what](ring);
}
