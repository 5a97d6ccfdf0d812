// SPDX-License-Identifier: GPL-2.0
/*
 * Commands of drivers: what a driver may do with one that it has accepted, in which
 * order, and that each ends once.
 */
#include <kunit/test.h>
#include <linux/anon_inodes.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/io_uring/cmd.h>

#include "../req/lane.h"
#include "../rsrc/node.h"
#include "../run/iopoll.h"
#include "../run/lock.h"
#include "fake.h"

/**
 * struct drive - a driver, and two commands that it has accepted
 * @fake: the ring; deferred, so that its events wait until they are asked for
 * @task: current's
 * @file: the driver's; a real one, because a security module looks into its inode
 * @sqe: what the program wrote
 * @reqs: the commands
 */
struct drive {
	struct fake *fake;
	struct iou_task task;
	struct file *file;
	struct io_uring_sqe sqe;
	struct iou_req reqs[2];
};

/* What the callback does beside being counted, to which other command */
static struct {
	u32 calls;
	bool ends;
	struct io_uring_cmd *other;
	bool again;
} callback_does;

static int drive_cmd(struct io_uring_cmd *cmd, unsigned int issue_flags)
{
	return -EIOCBQUEUED;
}

static int drive_iopoll(struct io_uring_cmd *cmd, struct io_comp_batch *iob,
			unsigned int poll_flags)
{
	return 0;
}

static const struct file_operations drive_fops = {
	.uring_cmd		= drive_cmd,
	.uring_cmd_iopoll	= drive_iopoll,
};

static void callback(struct io_uring_cmd *cmd, unsigned int issue_flags)
{
	callback_does.calls++;
	if (callback_does.other)
		io_uring_cmd_done(callback_does.other, 2, 0, issue_flags);
	if (callback_does.again)
		io_uring_cmd_complete_in_task(cmd, callback);
	callback_does.again = false;
	if (callback_does.ends)
		io_uring_cmd_done(cmd, 1, 0, issue_flags);
}

static struct io_uring_cmd *drive_of(struct iou_req *req)
{
	return iou_req_cmd(req, struct io_uring_cmd);
}

static void drive_free_iopoll(void *ring)
{
	iou_iopoll_free(ring);
}

static void drive_free_file(void *file)
{
	fput(file);
}

/* Submit both commands to a ring with these IORING_SETUP_* */
static struct drive *drive_start(struct kunit *test, u32 setup_flags)
{
	struct drive *drive = kunit_kzalloc(test, sizeof(*drive), GFP_KERNEL);
	struct iou_ring *ring;
	u32 i;

	KUNIT_ASSERT_NOT_NULL(test, drive);
	memset(&callback_does, 0, sizeof(callback_does));
	drive->fake = fake_ring_with(test, setup_flags);
	ring = &drive->fake->ring;
	KUNIT_ASSERT_EQ(test, 0, kunit_add_action_or_reset(test, drive_free_iopoll, ring));
	ring->sq.sqe_size = sizeof(drive->sqe);
	drive->task.task = current;
	drive->fake->lane.task = &drive->task;
	drive->fake->lane.deferred = true;

	drive->file = anon_inode_getfile("[driver]", &drive_fops, NULL, O_RDWR);
	KUNIT_ASSERT_FALSE(test, IS_ERR(drive->file));
	KUNIT_ASSERT_EQ(test, 0, kunit_add_action_or_reset(test, drive_free_file, drive->file));

	mutex_lock(&ring->lock);
	for (i = 0; i < 2; i++) {
		struct iou_req *req = &drive->reqs[i];
		iou_verdict_t verdict;

		req->lane = &drive->fake->lane;
		req->file = drive->file;
		req->user_data = i;
		req->opcode = IORING_OP_URING_CMD;
		verdict = iou_optab[IORING_OP_URING_CMD]->start(req,
					(const void __force __shared *)&drive->sqe);
		KUNIT_ASSERT_TRUE(test, verdict == IOU_BUSY || verdict == IOU_POLLED);
		if (verdict == IOU_POLLED)
			iou_iopoll_add(req);
	}
	mutex_unlock(&ring->lock);
	return drive;
}

/* Run the events that there are now. Return: how many */
static u32 drive_run_locked(struct drive *drive)
	__must_hold(&drive->fake->ring.lock)
{
	struct iou_lane *lane = &drive->fake->lane;
	struct llist_node *node, *next;
	u32 nr = 0;

	iou_lane_take(lane);
	while (!iou_batch_order(&lane->batch))
		;
	for (node = lane->batch.next; node; node = next) {
		struct iou_req *req = llist_entry(node, struct iou_req, qnode);

		next = node->next;
		lane->batch.next = next;
		req->event(req, false);
		nr++;
	}
	return nr;
}

static u32 drive_run(struct drive *drive)
{
	u32 nr;

	mutex_lock(&drive->fake->ring.lock);
	nr = drive_run_locked(drive);
	mutex_unlock(&drive->fake->ring.lock);
	return nr;
}

static void expect_result(struct kunit *test, const struct drive *drive, u32 place,
			  u64 user_data, s32 res)
{
	KUNIT_EXPECT_EQ(test, user_data, drive->fake->cqes[place].user_data);
	KUNIT_EXPECT_EQ(test, res, drive->fake->cqes[place].res);
}

/* The usual way. No memory is allocated for it */
static void ended_by_callback(struct kunit *test)
{
	struct drive *drive = drive_start(test, 0);
	struct io_uring_cmd *cmd = drive_of(&drive->reqs[0]);

	KUNIT_EXPECT_EQ(test, 0, drive->reqs[0].held);
	callback_does.ends = true;
	io_uring_cmd_do_in_task_lazy(cmd, callback);
	KUNIT_EXPECT_EQ(test, 1, drive_run(drive));
	KUNIT_EXPECT_EQ(test, 1, callback_does.calls);
	KUNIT_EXPECT_EQ(test, 1, fake_nr_cqes(drive->fake));
	expect_result(test, drive, 0, 0, 1);
	KUNIT_EXPECT_EQ(test, 0, drive_run(drive));
}

/* Asked for a callback, and ended elsewhere before that has come: it comes first */
static void ended_before_callback(struct kunit *test)
{
	struct drive *drive = drive_start(test, 0);
	struct io_uring_cmd *cmd = drive_of(&drive->reqs[0]);

	io_uring_cmd_complete_in_task(cmd, callback);
	io_uring_cmd_done(cmd, 3, 0, IO_URING_F_UNLOCKED);
	KUNIT_EXPECT_EQ(test, 1, drive_run(drive));
	KUNIT_EXPECT_EQ(test, 1, callback_does.calls);
	KUNIT_EXPECT_EQ(test, 1, fake_nr_cqes(drive->fake));
	expect_result(test, drive, 0, 0, 3);
	KUNIT_EXPECT_EQ(test, 0, drive_run(drive));
}

/* A callback that asks for another one, which comes in its turn */
static void asked_again(struct kunit *test)
{
	struct drive *drive = drive_start(test, 0);
	struct io_uring_cmd *cmd = drive_of(&drive->reqs[0]);

	callback_does.again = true;
	io_uring_cmd_complete_in_task(cmd, callback);
	KUNIT_EXPECT_EQ(test, 1, drive_run(drive));
	KUNIT_EXPECT_EQ(test, 1, callback_does.calls);
	callback_does.ends = true;
	KUNIT_EXPECT_EQ(test, 1, drive_run(drive));
	KUNIT_EXPECT_EQ(test, 2, callback_does.calls);
	KUNIT_EXPECT_EQ(test, 1, fake_nr_cqes(drive->fake));
	KUNIT_EXPECT_EQ(test, 0, drive_run(drive));
}

/* A callback that ends nothing, and then one that does */
static void asked_twice(struct kunit *test)
{
	struct drive *drive = drive_start(test, 0);
	struct io_uring_cmd *cmd = drive_of(&drive->reqs[0]);

	io_uring_cmd_complete_in_task(cmd, callback);
	KUNIT_EXPECT_EQ(test, 1, drive_run(drive));
	KUNIT_EXPECT_EQ(test, IOU_S_BUSY, drive->reqs[0].state);
	KUNIT_EXPECT_EQ(test, 0, fake_nr_cqes(drive->fake));
	callback_does.ends = true;
	io_uring_cmd_complete_in_task(cmd, callback);
	KUNIT_EXPECT_EQ(test, 1, drive_run(drive));
	KUNIT_EXPECT_EQ(test, 1, fake_nr_cqes(drive->fake));
}

/* The callback of one ends the other one, which has its own turn */
static void other_ended(struct kunit *test)
{
	struct drive *drive = drive_start(test, 0);

	callback_does.ends = true;
	callback_does.other = drive_of(&drive->reqs[1]);
	io_uring_cmd_complete_in_task(drive_of(&drive->reqs[0]), callback);
	KUNIT_EXPECT_EQ(test, 1, drive_run(drive));
	KUNIT_EXPECT_EQ(test, 1, fake_nr_cqes(drive->fake));
	KUNIT_EXPECT_EQ(test, 1, drive_run(drive));
	KUNIT_EXPECT_EQ(test, 2, fake_nr_cqes(drive->fake));
	expect_result(test, drive, 0, 0, 1);
	expect_result(test, drive, 1, 1, 2);
}

/* The same with polled commands: each is taken off the list of those in flight */
static void other_ended_polled(struct kunit *test)
{
	struct drive *drive = drive_start(test, IORING_SETUP_IOPOLL);
	struct iou_ring *ring = &drive->fake->ring;

	callback_does.ends = true;
	callback_does.other = drive_of(&drive->reqs[1]);
	io_uring_cmd_do_in_task_lazy(drive_of(&drive->reqs[0]), callback);
	mutex_lock(&ring->lock);
	iou_iopoll_pass(ring);
	iou_iopoll_pass(ring);
	KUNIT_EXPECT_TRUE(test, list_empty(&ring->polling));
	mutex_unlock(&ring->lock);
	KUNIT_EXPECT_EQ(test, 2, fake_nr_cqes(drive->fake));
	expect_result(test, drive, 0, 0, 1);
	expect_result(test, drive, 1, 1, 2);
	KUNIT_EXPECT_EQ(test, 0, drive_run(drive));
}

/* The device was polled, and the driver says so without a callback, as older ones do */
static void ended_polled(struct kunit *test)
{
	struct drive *drive = drive_start(test, IORING_SETUP_IOPOLL);
	struct iou_ring *ring = &drive->fake->ring;

	io_uring_cmd_iopoll_done(drive_of(&drive->reqs[1]), 4, 0);
	mutex_lock(&ring->lock);
	iou_iopoll_pass(ring);
	KUNIT_EXPECT_TRUE(test, list_is_singular(&ring->polling));
	mutex_unlock(&ring->lock);
	KUNIT_EXPECT_EQ(test, 1, fake_nr_cqes(drive->fake));
	expect_result(test, drive, 0, 1, 4);
}

/*
 * Drivers were asked to stop: a kernel worker calls them back, when it gets the lock, in
 * the order in which they had asked for it
 */
static void called_by_a_kernel_worker(struct kunit *test)
{
	struct drive *drive = drive_start(test, 0);
	struct iou_ring *ring = &drive->fake->ring;

	drive->fake->lane.stopping = true;
	callback_does.ends = true;
	io_uring_cmd_complete_in_task(drive_of(&drive->reqs[0]), callback);
	io_uring_cmd_complete_in_task(drive_of(&drive->reqs[1]), callback);

	mutex_lock(&ring->lock);
	KUNIT_EXPECT_EQ(test, 2, drive_run_locked(drive));
	flush_work(&ring->drain_work);
	KUNIT_EXPECT_EQ(test, 0, callback_does.calls);
	iou_ring_unlock(ring);

	flush_work(&ring->drain_work);
	KUNIT_EXPECT_EQ(test, 2, callback_does.calls);
	KUNIT_EXPECT_EQ(test, 2, fake_nr_cqes(drive->fake));
	expect_result(test, drive, 0, 0, 1);
	expect_result(test, drive, 1, 1, 1);
}

/* The second half of a CQE of 32 bytes */
static u64 second_half(const struct drive *drive, u32 place)
{
	return drive->fake->cqes[2 * place + 1].user_data;
}

static void free_file(void *file, struct iou_ring *ring)
{
	fput(file);
}

/*
 * A command without a CQE was the last to use a fixed file, whose tag has one: that has no
 * second half. Nor has any that comes later. The command behind it has its own.
 */
static void second_half_is_its_own(struct kunit *test)
{
	struct drive *drive = drive_start(test, 0);
	struct iou_ring *ring = &drive->fake->ring;
	struct iou_req *req = &drive->reqs[0];

	ring->cq.cqe_shift = 5;
	ring->cq.entries = FAKE_CQ_ENTRIES / 2;
	ring->cq.mask = ring->cq.entries - 1;
	ring->cq.limit = ring->cq.entries;
	req->sqe_flags = IOSQE_CQE_SKIP_SUCCESS;
	req->file_node = iou_node_create(get_file(drive->file), free_file, 77);
	KUNIT_ASSERT_NOT_NULL(test, req->file_node);
	req->held |= IOU_HELD_FILE_NODE;

	io_uring_cmd_done(drive_of(req), 1, 1234, IO_URING_F_UNLOCKED);
	io_uring_cmd_done(drive_of(&drive->reqs[1]), 2, 5678, IO_URING_F_UNLOCKED);
	KUNIT_EXPECT_EQ(test, 2, drive_run(drive));
	KUNIT_EXPECT_EQ(test, 2, fake_nr_cqes(drive->fake));
	expect_result(test, drive, 0, 77, 0);
	KUNIT_EXPECT_EQ(test, 0, second_half(drive, 0));
	expect_result(test, drive, 2, 1, 2);
	KUNIT_EXPECT_EQ(test, 5678, second_half(drive, 1));
}

static struct kunit_case commands_cases[] = {
	KUNIT_CASE(ended_by_callback),
	KUNIT_CASE(ended_before_callback),
	KUNIT_CASE(asked_again),
	KUNIT_CASE(asked_twice),
	KUNIT_CASE(other_ended),
	KUNIT_CASE(other_ended_polled),
	KUNIT_CASE(ended_polled),
	KUNIT_CASE(called_by_a_kernel_worker),
	KUNIT_CASE(second_half_is_its_own),
	{ }
};

static struct kunit_suite commands_suite = {
	.name = "io_uring_commands",
	.test_cases = commands_cases,
};

kunit_test_suite(commands_suite);
