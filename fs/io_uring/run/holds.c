// SPDX-License-Identifier: GPL-2.0
/*
 * A histogram of how long ring locks are held, for bench/holds.
 *
 * /sys/kernel/debug/io_uring_holds has a line for each power of two, "UPPER NUMBER":
 * so many holds took less than UPPER cycles, and not less than half of that. The last
 * line is "max CYCLES". Under the instruction clock of an emulator a cycle is an
 * instruction.
 *
 * Writing to the file clears the histogram. "1" also has all loops behave as if
 * somebody waited for the lock, so that the figures are what others have to wait for;
 * with "0" they behave as usual.
 */
#include <linux/atomic.h>
#include <linux/bitops.h>
#include <linux/debugfs.h>
#include <linux/init.h>
#include <linux/minmax.h>
#include <linux/seq_file.h>

#include "holds.h"

#define NR_SIZES	48

static atomic_long_t nr_holds[NR_SIZES];
static atomic_long_t longest;

bool iou_holds_crowd;

/* See iou_holds_end() */
void __iou_holds_add(u64 cycles)
{
	long max = atomic_long_read(&longest);

	atomic_long_inc(&nr_holds[min(fls64(cycles), NR_SIZES - 1)]);
	while (max < (long)cycles && !atomic_long_try_cmpxchg(&longest, &max, cycles))
		;
}

static int holds_show(struct seq_file *seq, void *unused)
{
	u32 i;

	for (i = 0; i < NR_SIZES; i++) {
		long nr = atomic_long_read(&nr_holds[i]);

		if (nr)
			seq_printf(seq, "%llu %ld\n", 1ULL << i, nr);
	}
	seq_printf(seq, "max %ld\n", atomic_long_read(&longest));
	return 0;
}

static ssize_t holds_write(struct file *file, const char __user *buf, size_t size,
			   loff_t *pos)
{
	bool crowd;
	int error = kstrtobool_from_user(buf, size, &crowd);
	u32 i;

	if (error)
		return error;

	WRITE_ONCE(iou_holds_crowd, crowd);
	for (i = 0; i < NR_SIZES; i++)
		atomic_long_set(&nr_holds[i], 0);
	atomic_long_set(&longest, 0);
	return size;
}
DEFINE_SHOW_STORE_ATTRIBUTE(holds);

static int __init holds_init(void)
{
	debugfs_create_file("io_uring_holds", 0600, NULL, NULL, &holds_fops);
	return 0;
}
late_initcall(holds_init);
