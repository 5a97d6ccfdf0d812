/* SPDX-License-Identifier: GPL-2.0 */
/*
 * All opcodes, for the table.
 */
#ifndef IOU_OPS_OPS_H
#define IOU_OPS_OPS_H

#include "../req/op.h"

extern const struct iou_op iou_op_nop;
extern const struct iou_op iou_op_poll_add;
extern const struct iou_op iou_op_poll_remove;
extern const struct iou_op iou_op_timeout;
extern const struct iou_op iou_op_timeout_remove;
extern const struct iou_op iou_op_link_timeout;
extern const struct iou_op iou_op_async_cancel;

extern const struct iou_op iou_op_readv;
extern const struct iou_op iou_op_writev;
extern const struct iou_op iou_op_read;
extern const struct iou_op iou_op_write;
extern const struct iou_op iou_op_read_fixed;
extern const struct iou_op iou_op_write_fixed;
extern const struct iou_op iou_op_read_multishot;

extern const struct iou_op iou_op_fsync;
extern const struct iou_op iou_op_sync_file_range;
extern const struct iou_op iou_op_fallocate;
extern const struct iou_op iou_op_ftruncate;

extern const struct iou_op iou_op_fadvise;
extern const struct iou_op iou_op_madvise;

extern const struct iou_op iou_op_files_update;
extern const struct iou_op iou_op_fixed_fd_install;
extern const struct iou_op iou_op_provide_buffers;
extern const struct iou_op iou_op_remove_buffers;

extern const struct iou_op iou_op_socket;
extern const struct iou_op iou_op_bind;
extern const struct iou_op iou_op_listen;
extern const struct iou_op iou_op_connect;
extern const struct iou_op iou_op_accept;
extern const struct iou_op iou_op_shutdown;
extern const struct iou_op iou_op_send;
extern const struct iou_op iou_op_sendmsg;
extern const struct iou_op iou_op_recv;
extern const struct iou_op iou_op_recvmsg;
extern const struct iou_op iou_op_send_zc;
extern const struct iou_op iou_op_sendmsg_zc;

extern const struct iou_op iou_op_openat;
extern const struct iou_op iou_op_openat2;
extern const struct iou_op iou_op_close;

extern const struct iou_op iou_op_renameat;
extern const struct iou_op iou_op_unlinkat;
extern const struct iou_op iou_op_mkdirat;
extern const struct iou_op iou_op_symlinkat;
extern const struct iou_op iou_op_linkat;
extern const struct iou_op iou_op_statx;

extern const struct iou_op iou_op_fsetxattr;
extern const struct iou_op iou_op_setxattr;
extern const struct iou_op iou_op_fgetxattr;
extern const struct iou_op iou_op_getxattr;

extern const struct iou_op iou_op_splice;
extern const struct iou_op iou_op_tee;

extern const struct iou_op iou_op_epoll_ctl;

extern const struct iou_op iou_op_uring_cmd;

extern const struct iou_op iou_op_msg_ring;

extern const struct iou_op iou_op_futex_wait;
extern const struct iou_op iou_op_futex_wake;
extern const struct iou_op iou_op_futex_waitv;
extern const struct iou_op iou_op_waitid;

#endif
