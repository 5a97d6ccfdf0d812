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
#include "../run/cancel.h"
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

/**
 * struct asked - what is known of commands that are to be stopped
 * @rival: wants the ring meanwhile
 * @nr: how often was the driver asked?
 * @rival_is_there: could the thread be had?
 */
static struct asked {
	struct rival rival;
	u32 nr;
	bool rival_is_there;
} asked;

#define ASKED_FIRST	3	/* before there is a rival */

/* The driver stops nothing */
static void drive_ask_cancel(struct io_uring_cmd *cmd)
{
	/* Its tag: asked once */
	cmd->pdu[0]++;
	WRITE_ONCE(asked.nr, asked.nr + 1);
	if (asked.nr == ASKED_FIRST && asked.rival.ring)
		asked.rival_is_there = rival_start(&asked.rival);
	rival_pace(&asked.rival);
}

static int drive_cmd(struct io_uring_cmd *cmd, unsigned int issue_flags)
{
	if (issue_flags & IO_URING_F_CANCEL)
		drive_ask_cancel(cmd);
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

/* The driver accepts it */
static void drive_submit(struct kunit *test, struct drive *drive, struct iou_req *req,
			 u64 user_data)
{
	iou_verdict_t verdict;

	req->lane = &drive->fake->lane;
	req->file = drive->file;
	req->user_data = user_data;
	req->opcode = IORING_OP_URING_CMD;
	verdict = iou_optab[IORING_OP_URING_CMD]->start(req,
				(const void __force __shared *)&drive->sqe);
	KUNIT_ASSERT_TRUE(test, verdict == IOU_BUSY || verdict == IOU_POLLED);
	if (verdict == IOU_POLLED)
		iou_iopoll_add(req);
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
	for (i = 0; i < 2; i++)
		drive_submit(test, drive, &drive->reqs[i], i);
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

#define NR_STOPPED	300

/* Commands end while others have the ring: the one that would be asked next among them */
static void end_some(struct rival *rival)
{
	struct iou_req *req, *next;
	u32 nr = 0;

	list_for_each_entry_safe(req, next, &rival->ring->commands, command)
		if (req->state != IOU_S_DONE && !drive_of(req)->pdu[0] && nr++ < NR_STOPPED / 2)
			list_del_init(&req->command);
}

/*
 * Drivers are asked to stop many commands. Who waits for the lock does not wait for all of
 * them. Each is asked once, unless it has ended before that.
 */
static void stopped_bit_by_bit(struct kunit *test)
{
	struct drive *drive = drive_start(test, 0);
	struct iou_ring *ring = &drive->fake->ring;
	struct iou_req *reqs = kvcalloc(NR_STOPPED, sizeof(*reqs), GFP_KERNEL);
	u32 i, nr = 0, twice = 0;

	KUNIT_ASSERT_NOT_NULL(test, reqs);
	asked = (struct asked) {
		.rival = { .ring = ring, .counter = &asked.nr, .turn = end_some },
	};
	mutex_lock(&ring->lock);
	for (i = 0; i < NR_STOPPED; i++) {
		drive_submit(test, drive, &reqs[i], i);
		io_uring_cmd_mark_cancelable(drive_of(&reqs[i]), 0);
	}

	KUNIT_EXPECT_EQ(test, 0, iou_cancel_ring(ring));
	KUNIT_EXPECT_TRUE(test, asked.rival_is_there);
	for (i = 0; i < NR_STOPPED; i++) {
		nr += drive_of(&reqs[i])->pdu[0];
		twice += drive_of(&reqs[i])->pdu[0] > 1;
		list_del_init(&reqs[i].command);
	}
	/* No mark is left */
	KUNIT_EXPECT_TRUE(test, list_empty(&ring->commands));
	mutex_unlock(&ring->lock);

	wait_for_completion(&asked.rival.over);
	KUNIT_EXPECT_LE(test, ASKED_FIRST, asked.rival.seen);
	KUNIT_EXPECT_GT(test, NR_STOPPED / 2, asked.rival.seen);
	KUNIT_EXPECT_EQ(test, NR_STOPPED - NR_STOPPED / 2, nr);
	KUNIT_EXPECT_EQ(test, 0, twice);
	kvfree(reqs);
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
	KUNIT_CASE(stopped_bit_by_bit),
	{ }
};

static struct kunit_suite commands_suite = {
	.name = "io_uring_commands",
	.test_cases = commands_cases,
};

kunit_test_suite(commands_suite);
