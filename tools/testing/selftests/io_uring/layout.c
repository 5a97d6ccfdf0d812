// SPDX-License-Identifier: GPL-2.0
/*
 * The layouts and numbers of the ABI, as a program sees them that was compiled
 * against this tree's header. Programs compiled against any other one must see
 * the same.
 */
#include "iou_test.h"

#include <stddef.h>

#include "../kselftest_harness.h"

struct field {
	const char *name;
	size_t offset;
	size_t want;
};

#define FIELD(type, member, want) \
	{ #type "." #member, offsetof(struct type, member), want }

static const struct field fields[] = {
	FIELD(io_uring_sqe, opcode, 0),
	FIELD(io_uring_sqe, flags, 1),
	FIELD(io_uring_sqe, ioprio, 2),
	FIELD(io_uring_sqe, fd, 4),
	FIELD(io_uring_sqe, off, 8),
	FIELD(io_uring_sqe, addr2, 8),
	FIELD(io_uring_sqe, cmd_op, 8),
	FIELD(io_uring_sqe, addr, 16),
	FIELD(io_uring_sqe, splice_off_in, 16),
	FIELD(io_uring_sqe, level, 16),
	FIELD(io_uring_sqe, optname, 20),
	FIELD(io_uring_sqe, len, 24),
	FIELD(io_uring_sqe, rw_flags, 28),
	FIELD(io_uring_sqe, fsync_flags, 28),
	FIELD(io_uring_sqe, poll_events, 28),
	FIELD(io_uring_sqe, poll32_events, 28),
	FIELD(io_uring_sqe, sync_range_flags, 28),
	FIELD(io_uring_sqe, fadvise_advice, 28),
	FIELD(io_uring_sqe, nop_flags, 28),
	FIELD(io_uring_sqe, user_data, 32),
	FIELD(io_uring_sqe, buf_index, 40),
	FIELD(io_uring_sqe, buf_group, 40),
	FIELD(io_uring_sqe, personality, 42),
	FIELD(io_uring_sqe, splice_fd_in, 44),
	FIELD(io_uring_sqe, file_index, 44),
	FIELD(io_uring_sqe, optlen, 44),
	FIELD(io_uring_sqe, addr_len, 44),
	FIELD(io_uring_sqe, addr3, 48),
	FIELD(io_uring_sqe, optval, 48),
	FIELD(io_uring_cqe, user_data, 0),
	FIELD(io_uring_cqe, res, 8),
	FIELD(io_uring_cqe, flags, 12),
	FIELD(io_uring_params, sq_entries, 0),
	FIELD(io_uring_params, cq_entries, 4),
	FIELD(io_uring_params, flags, 8),
	FIELD(io_uring_params, sq_thread_cpu, 12),
	FIELD(io_uring_params, sq_thread_idle, 16),
	FIELD(io_uring_params, features, 20),
	FIELD(io_uring_params, wq_fd, 24),
	FIELD(io_uring_params, resv, 28),
	FIELD(io_uring_params, sq_off, 40),
	FIELD(io_uring_params, cq_off, 80),
	FIELD(io_sqring_offsets, head, 0),
	FIELD(io_sqring_offsets, tail, 4),
	FIELD(io_sqring_offsets, ring_mask, 8),
	FIELD(io_sqring_offsets, ring_entries, 12),
	FIELD(io_sqring_offsets, flags, 16),
	FIELD(io_sqring_offsets, dropped, 20),
	FIELD(io_sqring_offsets, array, 24),
	FIELD(io_sqring_offsets, resv1, 28),
	FIELD(io_sqring_offsets, user_addr, 32),
	FIELD(io_cqring_offsets, head, 0),
	FIELD(io_cqring_offsets, tail, 4),
	FIELD(io_cqring_offsets, ring_mask, 8),
	FIELD(io_cqring_offsets, ring_entries, 12),
	FIELD(io_cqring_offsets, overflow, 16),
	FIELD(io_cqring_offsets, cqes, 20),
	FIELD(io_cqring_offsets, flags, 24),
	FIELD(io_cqring_offsets, resv1, 28),
	FIELD(io_cqring_offsets, user_addr, 32),
	FIELD(io_uring_getevents_arg, sigmask, 0),
	FIELD(io_uring_getevents_arg, sigmask_sz, 8),
	FIELD(io_uring_getevents_arg, min_wait_usec, 12),
	FIELD(io_uring_getevents_arg, ts, 16),
	FIELD(io_uring_probe, last_op, 0),
	FIELD(io_uring_probe, ops_len, 1),
	FIELD(io_uring_probe, resv, 2),
	FIELD(io_uring_probe, resv2, 4),
	FIELD(io_uring_probe_op, op, 0),
	FIELD(io_uring_probe_op, resv, 1),
	FIELD(io_uring_probe_op, flags, 2),
	FIELD(io_uring_probe_op, resv2, 4),
};

TEST(positions)
{
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(fields); i++) {
		EXPECT_EQ(fields[i].want, fields[i].offset) {
			TH_LOG("%s", fields[i].name);
		}
	}
}

TEST(sizes)
{
	struct io_uring_sqe sqe;
	struct io_uring_cqe cqe;

	EXPECT_EQ(64u, sizeof(sqe));
	EXPECT_EQ(4u, sizeof(sqe.fd));
	EXPECT_EQ(8u, sizeof(sqe.addr));
	EXPECT_EQ(4u, sizeof(sqe.rw_flags));
	EXPECT_EQ(2u, sizeof(sqe.poll_events));
	EXPECT_EQ(4u, sizeof(sqe.poll32_events));
	EXPECT_EQ(2u, sizeof(sqe.buf_index));
	EXPECT_EQ(4u, sizeof(sqe.file_index));
	EXPECT_EQ(8u, sizeof(sqe.addr3));
	EXPECT_EQ(48u, offsetof(struct io_uring_sqe, cmd));
	EXPECT_EQ(16u, sizeof(cqe));
	EXPECT_EQ(4u, sizeof(cqe.res));
	EXPECT_EQ(16u, offsetof(struct io_uring_cqe, big_cqe));
	EXPECT_EQ(120u, sizeof(struct io_uring_params));
	EXPECT_EQ(40u, sizeof(struct io_sqring_offsets));
	EXPECT_EQ(40u, sizeof(struct io_cqring_offsets));
	EXPECT_EQ(24u, sizeof(struct io_uring_getevents_arg));
	EXPECT_EQ(16u, sizeof(struct io_uring_probe));
	EXPECT_EQ(16u, offsetof(struct io_uring_probe, ops));
	EXPECT_EQ(8u, sizeof(struct io_uring_probe_op));
	EXPECT_EQ(32u, sizeof(struct io_uring_rsrc_register));
	EXPECT_EQ(16u, sizeof(struct io_uring_rsrc_update));
	EXPECT_EQ(32u, sizeof(struct io_uring_rsrc_update2));
	EXPECT_EQ(16u, sizeof(struct io_uring_files_update));
	EXPECT_EQ(16u, sizeof(struct io_uring_file_index_range));
	EXPECT_EQ(16u, sizeof(struct io_uring_restriction));
	EXPECT_EQ(32u, sizeof(struct io_uring_clone_buffers));

	EXPECT_EQ(64u, sizeof(struct io_uring_sync_cancel_reg));
	EXPECT_EQ(12u, offsetof(struct io_uring_sync_cancel_reg, flags));
	EXPECT_EQ(16u, offsetof(struct io_uring_sync_cancel_reg, timeout));
	EXPECT_EQ(32u, offsetof(struct io_uring_sync_cancel_reg, opcode));
	EXPECT_EQ(16u, sizeof(struct io_uring_clock_register));
	/* Signed where negative numbers are expected. */
	sqe.fd = -1;
	cqe.res = -1;
	EXPECT_TRUE(sqe.fd < 0);
	EXPECT_TRUE(cqe.res < 0);
}

struct number {
	const char *name;
	unsigned long long value;
	unsigned long long want;
};

#define NUMBER(name, want)	{ #name, name, want }

static const struct number numbers[] = {
	NUMBER(__NR_io_uring_setup, 425),
	NUMBER(__NR_io_uring_enter, 426),
	NUMBER(__NR_io_uring_register, 427),
	NUMBER(IORING_OFF_SQ_RING, 0),
	NUMBER(IORING_OFF_CQ_RING, 0x8000000),
	NUMBER(IORING_OFF_SQES, 0x10000000),
	NUMBER(IORING_SETUP_IOPOLL, 1 << 0),
	NUMBER(IORING_SETUP_SQPOLL, 1 << 1),
	NUMBER(IORING_SETUP_SQ_AFF, 1 << 2),
	NUMBER(IORING_SETUP_CQSIZE, 1 << 3),
	NUMBER(IORING_SETUP_CLAMP, 1 << 4),
	NUMBER(IORING_SETUP_ATTACH_WQ, 1 << 5),
	NUMBER(IORING_SETUP_R_DISABLED, 1 << 6),
	NUMBER(IORING_SETUP_SUBMIT_ALL, 1 << 7),
	NUMBER(IORING_SETUP_COOP_TASKRUN, 1 << 8),
	NUMBER(IORING_SETUP_TASKRUN_FLAG, 1 << 9),
	NUMBER(IORING_SETUP_SQE128, 1 << 10),
	NUMBER(IORING_SETUP_CQE32, 1 << 11),
	NUMBER(IORING_SETUP_SINGLE_ISSUER, 1 << 12),
	NUMBER(IORING_SETUP_DEFER_TASKRUN, 1 << 13),
	NUMBER(IORING_SETUP_NO_MMAP, 1 << 14),
	NUMBER(IORING_SETUP_REGISTERED_FD_ONLY, 1 << 15),
	NUMBER(IORING_SETUP_NO_SQARRAY, 1 << 16),
	NUMBER(IORING_ENTER_GETEVENTS, 1 << 0),
	NUMBER(IORING_ENTER_SQ_WAKEUP, 1 << 1),
	NUMBER(IORING_ENTER_SQ_WAIT, 1 << 2),
	NUMBER(IORING_ENTER_EXT_ARG, 1 << 3),
	NUMBER(IORING_ENTER_REGISTERED_RING, 1 << 4),
	NUMBER(IORING_ENTER_ABS_TIMER, 1 << 5),
	NUMBER(IORING_SQ_NEED_WAKEUP, 1 << 0),
	NUMBER(IORING_SQ_CQ_OVERFLOW, 1 << 1),
	NUMBER(IORING_SQ_TASKRUN, 1 << 2),
	NUMBER(IORING_CQ_EVENTFD_DISABLED, 1 << 0),
	NUMBER(IOSQE_FIXED_FILE, 1 << 0),
	NUMBER(IOSQE_IO_DRAIN, 1 << 1),
	NUMBER(IOSQE_IO_LINK, 1 << 2),
	NUMBER(IOSQE_IO_HARDLINK, 1 << 3),
	NUMBER(IOSQE_ASYNC, 1 << 4),
	NUMBER(IOSQE_BUFFER_SELECT, 1 << 5),
	NUMBER(IOSQE_CQE_SKIP_SUCCESS, 1 << 6),
	NUMBER(IORING_CQE_F_BUFFER, 1 << 0),
	NUMBER(IORING_CQE_F_MORE, 1 << 1),
	NUMBER(IORING_CQE_F_SOCK_NONEMPTY, 1 << 2),
	NUMBER(IORING_CQE_F_NOTIF, 1 << 3),
	NUMBER(IORING_CQE_BUFFER_SHIFT, 16),
	NUMBER(IORING_FEAT_SINGLE_MMAP, 1 << 0),
	NUMBER(IORING_FEAT_NODROP, 1 << 1),
	NUMBER(IORING_FEAT_SUBMIT_STABLE, 1 << 2),
	NUMBER(IORING_FEAT_RW_CUR_POS, 1 << 3),
	NUMBER(IORING_FEAT_CUR_PERSONALITY, 1 << 4),
	NUMBER(IORING_FEAT_FAST_POLL, 1 << 5),
	NUMBER(IORING_FEAT_POLL_32BITS, 1 << 6),
	NUMBER(IORING_FEAT_SQPOLL_NONFIXED, 1 << 7),
	NUMBER(IORING_FEAT_EXT_ARG, 1 << 8),
	NUMBER(IORING_FEAT_NATIVE_WORKERS, 1 << 9),
	NUMBER(IORING_FEAT_RSRC_TAGS, 1 << 10),
	NUMBER(IORING_FEAT_CQE_SKIP, 1 << 11),
	NUMBER(IORING_FEAT_LINKED_FILE, 1 << 12),
	NUMBER(IORING_FEAT_REG_REG_RING, 1 << 13),
	NUMBER(IORING_FEAT_RECVSEND_BUNDLE, 1 << 14),
	NUMBER(IORING_FEAT_MIN_TIMEOUT, 1 << 15),
	NUMBER(IORING_OP_NOP, 0),
	NUMBER(IORING_OP_READV, 1),
	NUMBER(IORING_OP_WRITEV, 2),
	NUMBER(IORING_OP_FSYNC, 3),
	NUMBER(IORING_OP_SYNC_FILE_RANGE, 8),
	NUMBER(IORING_OP_FALLOCATE, 17),
	NUMBER(IORING_OP_READ, 22),
	NUMBER(IORING_OP_WRITE, 23),
	NUMBER(IORING_OP_FADVISE, 24),
	NUMBER(IORING_OP_MADVISE, 25),
	NUMBER(IORING_OP_FTRUNCATE, 55),
	NUMBER(IORING_OP_READ_FIXED, 4),
	NUMBER(IORING_OP_WRITE_FIXED, 5),
	NUMBER(IORING_OP_FILES_UPDATE, 20),
	NUMBER(IORING_OP_FIXED_FD_INSTALL, 54),
	NUMBER(IORING_OP_LISTEN, 57),
	NUMBER(IORING_REGISTER_BUFFERS, 0),
	NUMBER(IORING_UNREGISTER_BUFFERS, 1),
	NUMBER(IORING_REGISTER_FILES, 2),
	NUMBER(IORING_UNREGISTER_FILES, 3),
	NUMBER(IORING_REGISTER_EVENTFD, 4),
	NUMBER(IORING_UNREGISTER_EVENTFD, 5),
	NUMBER(IORING_REGISTER_FILES_UPDATE, 6),
	NUMBER(IORING_REGISTER_EVENTFD_ASYNC, 7),
	NUMBER(IORING_REGISTER_PROBE, 8),
	NUMBER(IORING_REGISTER_PERSONALITY, 9),
	NUMBER(IORING_UNREGISTER_PERSONALITY, 10),
	NUMBER(IORING_REGISTER_RESTRICTIONS, 11),
	NUMBER(IORING_REGISTER_ENABLE_RINGS, 12),
	NUMBER(IORING_REGISTER_FILES2, 13),
	NUMBER(IORING_REGISTER_FILES_UPDATE2, 14),
	NUMBER(IORING_REGISTER_BUFFERS2, 15),
	NUMBER(IORING_REGISTER_BUFFERS_UPDATE, 16),
	NUMBER(IORING_REGISTER_IOWQ_AFF, 17),
	NUMBER(IORING_UNREGISTER_IOWQ_AFF, 18),
	NUMBER(IORING_REGISTER_IOWQ_MAX_WORKERS, 19),
	NUMBER(IORING_REGISTER_RING_FDS, 20),
	NUMBER(IORING_UNREGISTER_RING_FDS, 21),
	NUMBER(IORING_REGISTER_FILE_ALLOC_RANGE, 25),
	NUMBER(IORING_REGISTER_CLOCK, 29),
	NUMBER(IORING_REGISTER_CLONE_BUFFERS, 30),
	NUMBER(IORING_RSRC_REGISTER_SPARSE, 1 << 0),
	NUMBER(IORING_REGISTER_FILES_SKIP, -2),
	NUMBER(IORING_REGISTER_SRC_REGISTERED, 1 << 0),
	NUMBER(IORING_RESTRICTION_REGISTER_OP, 0),
	NUMBER(IORING_RESTRICTION_SQE_OP, 1),
	NUMBER(IORING_RESTRICTION_SQE_FLAGS_ALLOWED, 2),
	NUMBER(IORING_RESTRICTION_SQE_FLAGS_REQUIRED, 3),
	NUMBER(IORING_FILE_INDEX_ALLOC, 0xffffffff),
	NUMBER(IORING_FSYNC_DATASYNC, 1 << 0),
	NUMBER(IORING_NOP_INJECT_RESULT, 1 << 0),
	NUMBER(IO_URING_OP_SUPPORTED, 1 << 0),
};

TEST(values)
{
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(numbers); i++) {
		EXPECT_EQ(numbers[i].want, numbers[i].value) {
			TH_LOG("%s", numbers[i].name);
		}
	}
}

TEST_HARNESS_MAIN
