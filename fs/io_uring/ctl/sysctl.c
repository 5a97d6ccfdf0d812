// SPDX-License-Identifier: GPL-2.0
/*
 * kernel.io_uring_disabled and kernel.io_uring_group.
 */
#include <linux/capability.h>
#include <linux/cred.h>
#include <linux/init.h>
#include <linux/sysctl.h>
#include <linux/uidgid.h>
#include <linux/user_namespace.h>

#include "sysctl.h"

/* 0: everybody; 1: the group and CAP_SYS_ADMIN; 2: nobody */
static int sysctl_disabled;
static int sysctl_group = -1;

#ifdef CONFIG_SYSCTL
static struct ctl_table iou_sysctls[] = {
	{
		.procname	= "io_uring_disabled",
		.data		= &sysctl_disabled,
		.maxlen		= sizeof(sysctl_disabled),
		.mode		= 0644,
		.proc_handler	= proc_dointvec_minmax,
		.extra1		= SYSCTL_ZERO,
		.extra2		= SYSCTL_TWO,
	},
	{
		.procname	= "io_uring_group",
		.data		= &sysctl_group,
		.maxlen		= sizeof(gid_t),
		.mode		= 0644,
		.proc_handler	= proc_dointvec,
	},
};

static int __init iou_sysctl_init(void)
{
	register_sysctl_init("kernel", iou_sysctls);
	return 0;
}
device_initcall(iou_sysctl_init);
#endif

/**
 * iou_sysctl_allowed() - may the current task make a ring?
 *
 * Return: whether.
 */
bool iou_sysctl_allowed(void)
{
	int disabled = READ_ONCE(sysctl_disabled);
	kgid_t group;

	if (!disabled)
		return true;
	if (disabled == 2)
		return false;
	if (capable(CAP_SYS_ADMIN))
		return true;
	group = make_kgid(&init_user_ns, READ_ONCE(sysctl_group));
	return gid_valid(group) && in_group_p(group);
}
