/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Disks in memory that are as slow as a test wants them: null_blk, by configfs.
 */
#ifndef DISK_TEST_H
#define DISK_TEST_H

#include "iou_test.h"

#include <sys/mount.h>

#define DISK_CONFIG	"/sys/kernel/config"

static inline bool disk_set_text(const char *disk, const char *name, const char *text)
{
	char path[PATH_MAX];
	bool ok;
	int fd;

	snprintf(path, sizeof(path), DISK_CONFIG "/nullb/%s/%s", disk, name);
	fd = open(path, O_WRONLY);
	ok = fd >= 0 && write(fd, text, strlen(text)) > 0;
	close(fd);
	return ok;
}

static inline bool disk_set(const char *disk, const char *name, long value)
{
	char text[32];

	snprintf(text, sizeof(text), "%ld", value);
	return disk_set_text(disk, name, text);
}

static inline void disk_remove(const char *disk)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), DISK_CONFIG "/nullb/%s", disk);
	disk_set(disk, "power", 0);
	rmdir(path);
}

/**
 * disk_make() - make /dev/@disk
 * @disk: its name
 * @size: in MiB
 * @delay: how long each transfer takes, in microseconds
 *
 * Return: false if this kernel cannot.
 */
static inline bool disk_make(const char *disk, long size, long delay)
{
	char path[PATH_MAX];

	mount("none", DISK_CONFIG, "configfs", 0, NULL);
	disk_remove(disk);
	snprintf(path, sizeof(path), DISK_CONFIG "/nullb/%s", disk);
	if (mkdir(path, 0700))
		return false;
	/* By a timer */
	if (delay && (!disk_set(disk, "irqmode", 2) ||
		      !disk_set(disk, "completion_nsec", delay * 1000)))
		return false;
	return disk_set(disk, "memory_backed", 1) && disk_set(disk, "size", size) &&
	       disk_set(disk, "power", 1);
}

/* How many reads, or writes, @disk is busy with; or -1 */
static inline int disk_busy(const char *disk, bool writes)
{
	char path[PATH_MAX], text[64];
	int nr[2];

	snprintf(path, sizeof(path), "/sys/block/%s/inflight", disk);
	if (!read_small_file(path, text, sizeof(text)) ||
	    sscanf(text, "%d %d", &nr[0], &nr[1]) != 2)
		return -1;
	return nr[writes];
}

#define XFS_DISK	"iou_xfs"

static inline void xfs_remove(const char *dir)
{
	umount2(dir, MNT_DETACH);
	rmdir(dir);
	disk_remove(XFS_DISK);
}

/* An XFS in memory, mounted at @dir. Return: what is missing for it, or NULL */
static inline const char *xfs_make(const char *dir)
{
	xfs_remove(dir);
	if (!disk_make(XFS_DISK, 512, 0))
		return "no null_blk that configfs can make";
	if (system("mkfs.xfs -q /dev/" XFS_DISK " >/dev/null 2>&1"))
		return "no mkfs.xfs";
	if (mkdir(dir, 0700) || mount("/dev/" XFS_DISK, dir, "xfs", 0, NULL))
		return "no XFS";
	return NULL;
}

#endif
