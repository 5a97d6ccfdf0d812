/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Disks in memory for the io_uring selftests: null_blk, made by configfs.
 */
#ifndef XFS_TEST_H
#define XFS_TEST_H

#include "iou_test.h"

#include <sys/mount.h>

#define CONFIGFS	"/sys/kernel/config"
#define NULLB		CONFIGFS "/nullb"

static inline bool nullb_set(const char *name, const char *attr, const char *value)
{
	char path[PATH_MAX];
	bool ok;
	int fd;

	snprintf(path, sizeof(path), NULLB "/%s/%s", name, attr);
	fd = open(path, O_WRONLY);
	ok = fd >= 0 && write(fd, value, strlen(value)) > 0;
	close(fd);
	return ok;
}

static inline void nullb_remove(const char *name)
{
	char path[PATH_MAX];

	nullb_set(name, "power", "0");
	snprintf(path, sizeof(path), NULLB "/%s", name);
	rmdir(path);
}

/* Make /dev/@name, of so many MB, that takes @delay_ns for each request. */
static inline bool nullb_make(const char *name, const char *mb, const char *delay_ns)
{
	char path[PATH_MAX];

	mount("none", CONFIGFS, "configfs", 0, NULL);
	nullb_remove(name);
	snprintf(path, sizeof(path), NULLB "/%s", name);
	if (mkdir(path, 0700) || !nullb_set(name, "memory_backed", "1") ||
	    !nullb_set(name, "size", mb))
		return false;
	/* 2: a timer ends them */
	if (delay_ns && (!nullb_set(name, "irqmode", "2") ||
			 !nullb_set(name, "completion_nsec", delay_ns)))
		return false;
	return nullb_set(name, "power", "1");
}

#define XFS_DISK	"iou_xfs"

static inline void xfs_remove(const char *dir)
{
	umount2(dir, MNT_DETACH);
	rmdir(dir);
	nullb_remove(XFS_DISK);
}

/* An XFS in memory, mounted at @dir. Return: what is missing for it, or NULL */
static inline const char *xfs_make(const char *dir)
{
	xfs_remove(dir);
	if (!nullb_make(XFS_DISK, "512", NULL))
		return "no null_blk that configfs can make";
	if (system("mkfs.xfs -q /dev/" XFS_DISK " >/dev/null 2>&1"))
		return "no mkfs.xfs";
	if (mkdir(dir, 0700) || mount("/dev/" XFS_DISK, dir, "xfs", 0, NULL))
		return "no XFS";
	return NULL;
}

#endif /* XFS_TEST_H */
