// SPDX-License-Identifier: GPL-2.0
/*
 * io_uring_setup(): every check on its arguments, what it writes back, what
 * the ring looks like at birth, and who may call it.
 */
#include "iou_test.h"

#include <grp.h>
#include <stddef.h>
#include <sys/resource.h>

#include "../kselftest_harness.h"

#define NOBODY		65534
#define SYSCTL_DISABLED	"/proc/sys/kernel/io_uring_disabled"
#define SYSCTL_GROUP	"/proc/sys/kernel/io_uring_group"

/* A caller that leaves nothing behind: 0 or -errno. */
static int try_setup(unsigned int entries, struct io_uring_params *p)
{
	int fd = sys_setup(entries, p);

	if (fd < 0)
		return fd;
	close(fd);
	return 0;
}

static int try_flags(unsigned int flags)
{
	struct io_uring_params p = { .flags = flags };

	return try_setup(4, &p);
}

/* The fd that the next open would return. */
static int lowest_fd(void)
{
	int fd = dup(0);

	close(fd);
	return fd;
}

TEST(params_unreadable)
{
	int fd = lowest_fd();

	EXPECT_EQ(-EFAULT, sys_setup(4, NULL));
	EXPECT_EQ(-EFAULT, sys_setup(4, no_access(4096)));
	/* The pointer is looked at before the number of entries. */
	EXPECT_EQ(-EFAULT, sys_setup(0, NULL));
	EXPECT_EQ(-EFAULT, sys_setup(UINT_MAX, NULL));
	EXPECT_EQ(fd, lowest_fd());
}

TEST(params_cross_into_unmapped_page)
{
	size_t page = sysconf(_SC_PAGESIZE);
	char *mem = pages(2 * page);

	ASSERT_NE(NULL, mem);
	ASSERT_EQ(0, munmap(mem + page, page));
	EXPECT_EQ(-EFAULT, sys_setup(4, (void *)(mem + page - 64)));
	EXPECT_EQ(0, try_setup(4, (void *)(mem + page - sizeof(struct io_uring_params))));
}

/* Reading works, writing back does not: no ring, and no fd is lost. */
TEST(params_read_only)
{
	int fd = lowest_fd();
	void *mem = pages(4096);

	ASSERT_NE(NULL, mem);
	ASSERT_EQ(0, mprotect(mem, 4096, PROT_READ));
	EXPECT_EQ(-EFAULT, sys_setup(4, mem));
	EXPECT_EQ(fd, lowest_fd());
	ASSERT_EQ(0, mprotect(mem, 4096, PROT_READ | PROT_WRITE));
	EXPECT_EQ(0, try_setup(4, mem));
}

TEST(reserved_words)
{
	unsigned int i, bit;

	for (i = 0; i < 3; i++) {
		for (bit = 0; bit < 32; bit++) {
			struct io_uring_params p = { };
			struct io_uring_params before;

			p.resv[i] = 1u << bit;
			before = p;
			EXPECT_EQ(-EINVAL, try_setup(4, &p)) {
				TH_LOG("resv[%u] bit %u", i, bit);
			}
			/* Nothing is written back on failure. */
			EXPECT_EQ(0, memcmp(&p, &before, sizeof(p)));
		}
	}
}

TEST(unknown_flags)
{
	unsigned int bit;

	/* Bits 17 to 20 have a meaning in later kernels. */
	for (bit = 21; bit < 32; bit++) {
		EXPECT_EQ(-EINVAL, try_flags(1u << bit)) {
			TH_LOG("bit %u", bit);
		}
		EXPECT_EQ(-EINVAL, try_flags(1u << bit | IORING_SETUP_CLAMP));
	}
}

TEST(incompatible_flags)
{
	static const struct {
		unsigned int flags;
		const char *why;
	} bad[] = {
		{ IORING_SETUP_SQPOLL | IORING_SETUP_COOP_TASKRUN, "SQPOLL with COOP_TASKRUN" },
		{ IORING_SETUP_SQPOLL | IORING_SETUP_COOP_TASKRUN | IORING_SETUP_TASKRUN_FLAG,
		  "SQPOLL with TASKRUN_FLAG" },
		{ IORING_SETUP_SQPOLL | IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN,
		  "SQPOLL with DEFER_TASKRUN" },
		{ IORING_SETUP_SQ_AFF, "SQ_AFF without SQPOLL" },
		{ IORING_SETUP_TASKRUN_FLAG, "TASKRUN_FLAG without COOP or DEFER" },
		{ IORING_SETUP_TASKRUN_FLAG | IORING_SETUP_SINGLE_ISSUER,
		  "TASKRUN_FLAG with SINGLE_ISSUER only" },
		{ IORING_SETUP_DEFER_TASKRUN, "DEFER_TASKRUN without SINGLE_ISSUER" },
		{ IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_COOP_TASKRUN,
		  "DEFER_TASKRUN with COOP_TASKRUN only" },
		{ IORING_SETUP_REGISTERED_FD_ONLY, "REGISTERED_FD_ONLY without NO_MMAP" },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(bad); i++) {
		EXPECT_EQ(-EINVAL, try_flags(bad[i].flags)) {
			TH_LOG("%s", bad[i].why);
		}
	}
}

/* What the pairs above lack makes them valid, where the kernel knows the flags. */
TEST(compatible_flags)
{
	static const unsigned int good[] = {
		IORING_SETUP_COOP_TASKRUN | IORING_SETUP_TASKRUN_FLAG,
		IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN,
		IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_TASKRUN_FLAG,
		IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_COOP_TASKRUN,
		IORING_SETUP_SUBMIT_ALL | IORING_SETUP_NO_SQARRAY | IORING_SETUP_CLAMP,
	};
	unsigned int i, tried = 0;

	for (i = 0; i < ARRAY_LEN(good); i++) {
		if (setup_missing(good[i]))
			continue;
		tried++;
		EXPECT_EQ(0, try_flags(good[i])) {
			TH_LOG("flags %#x", good[i]);
		}
	}
	EXPECT_NE(0u, tried);
}

TEST(number_of_entries)
{
	static const struct {
		unsigned int entries;
		unsigned int flags;
		int err;
		unsigned int sq;
		unsigned int cq;
	} t[] = {
		{ 0, 0, -EINVAL, 0, 0 },
		{ 0, IORING_SETUP_CLAMP, -EINVAL, 0, 0 },
		{ 1, 0, 0, 1, 2 },
		{ 2, 0, 0, 2, 4 },
		{ 3, 0, 0, 4, 8 },
		{ 5, 0, 0, 8, 16 },
		{ 127, 0, 0, 128, 256 },
		{ 128, 0, 0, 128, 256 },
		{ 129, 0, 0, 256, 512 },
		{ 20000, 0, 0, 32768, 65536 },
		{ 32768, 0, 0, 32768, 65536 },
		{ 32769, 0, -EINVAL, 0, 0 },
		{ 65536, 0, -EINVAL, 0, 0 },
		{ UINT_MAX, 0, -EINVAL, 0, 0 },
		{ 0x80000001, 0, -EINVAL, 0, 0 },
		{ 32769, IORING_SETUP_CLAMP, 0, 32768, 65536 },
		{ UINT_MAX, IORING_SETUP_CLAMP, 0, 32768, 65536 },
		{ 9, IORING_SETUP_CLAMP, 0, 16, 32 },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(t); i++) {
		struct io_uring_params p = { .flags = t[i].flags };
		int err = try_setup(t[i].entries, &p);

		EXPECT_EQ(t[i].err, err) {
			TH_LOG("entries %u flags %#x", t[i].entries, t[i].flags);
		}
		if (err || t[i].err)
			continue;
		EXPECT_EQ(t[i].sq, p.sq_entries);
		EXPECT_EQ(t[i].cq, p.cq_entries);
	}
}

TEST(cq_size)
{
	static const struct {
		unsigned int entries;
		unsigned int cq_entries;
		unsigned int flags;
		int err;
		unsigned int sq;
		unsigned int cq;
	} t[] = {
		{ 4, 0, IORING_SETUP_CQSIZE, -EINVAL, 0, 0 },
		{ 4, 0, IORING_SETUP_CQSIZE | IORING_SETUP_CLAMP, -EINVAL, 0, 0 },
		{ 4, 65537, IORING_SETUP_CQSIZE, -EINVAL, 0, 0 },
		{ 4, UINT_MAX, IORING_SETUP_CQSIZE, -EINVAL, 0, 0 },
		{ 4, 65537, IORING_SETUP_CQSIZE | IORING_SETUP_CLAMP, 0, 4, 65536 },
		{ 4, UINT_MAX, IORING_SETUP_CQSIZE | IORING_SETUP_CLAMP, 0, 4, 65536 },
		{ 4, 65536, IORING_SETUP_CQSIZE, 0, 4, 65536 },
		/* The CQ may not be smaller than the SQ; both sizes are rounded first. */
		{ 4, 2, IORING_SETUP_CQSIZE, -EINVAL, 0, 0 },
		{ 4, 2, IORING_SETUP_CQSIZE | IORING_SETUP_CLAMP, -EINVAL, 0, 0 },
		{ 4, 3, IORING_SETUP_CQSIZE, 0, 4, 4 },
		{ 4, 4, IORING_SETUP_CQSIZE, 0, 4, 4 },
		{ 5, 4, IORING_SETUP_CQSIZE, -EINVAL, 0, 0 },
		{ 5, 5, IORING_SETUP_CQSIZE, 0, 8, 8 },
		{ 8, 17, IORING_SETUP_CQSIZE, 0, 8, 32 },
		{ 1, 1, IORING_SETUP_CQSIZE, 0, 1, 1 },
		{ UINT_MAX, 32767, IORING_SETUP_CQSIZE | IORING_SETUP_CLAMP, 0, 32768, 32768 },
		{ UINT_MAX, 16384, IORING_SETUP_CQSIZE | IORING_SETUP_CLAMP, -EINVAL, 0, 0 },
		/* Without CQSIZE the input does not matter. */
		{ 4, 77, 0, 0, 4, 8 },
		{ 4, UINT_MAX, 0, 0, 4, 8 },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(t); i++) {
		struct io_uring_params p = {
			.flags = t[i].flags,
			.cq_entries = t[i].cq_entries,
		};
		int err = try_setup(t[i].entries, &p);

		EXPECT_EQ(t[i].err, err) {
			TH_LOG("sq %u cq %u flags %#x", t[i].entries, t[i].cq_entries, t[i].flags);
		}
		if (err || t[i].err)
			continue;
		EXPECT_EQ(t[i].sq, p.sq_entries);
		EXPECT_EQ(t[i].cq, p.cq_entries);
	}
}

TEST(features)
{
	const unsigned int must = IORING_FEAT_SINGLE_MMAP | IORING_FEAT_NODROP |
				  IORING_FEAT_SUBMIT_STABLE | IORING_FEAT_RW_CUR_POS |
				  IORING_FEAT_CUR_PERSONALITY | IORING_FEAT_FAST_POLL |
				  IORING_FEAT_EXT_ARG | IORING_FEAT_NATIVE_WORKERS |
				  IORING_FEAT_POLL_32BITS | IORING_FEAT_RSRC_TAGS |
				  IORING_FEAT_LINKED_FILE | IORING_FEAT_REG_REG_RING |
				  IORING_FEAT_MIN_TIMEOUT;
	struct io_uring_params p = { .features = UINT_MAX };

	ASSERT_EQ(0, try_setup(4, &p));
	EXPECT_EQ(must, p.features & must);
	/* Bits nobody has given a meaning to. */
	EXPECT_EQ(0u, p.features & ~0x3ffffu);
}

TEST(untouched_fields)
{
	struct io_uring_params p = {
		.flags = IORING_SETUP_CLAMP,
		.sq_thread_cpu = 12345,
		.sq_thread_idle = 54321,
		.wq_fd = 4242,
	};

	/* What the kernel has no use for comes back as it was. */
	ASSERT_EQ(0, try_setup(4, &p));
	EXPECT_EQ((unsigned int)IORING_SETUP_CLAMP, p.flags);
	EXPECT_EQ(12345u, p.sq_thread_cpu);
	EXPECT_EQ(54321u, p.sq_thread_idle);
	EXPECT_EQ(4242u, p.wq_fd);
	EXPECT_EQ(0u, p.resv[0] | p.resv[1] | p.resv[2]);
}

TEST(offsets)
{
	struct io_uring_params p;

	memset(&p, 0, sizeof(p));
	memset(&p.sq_off, 0xff, sizeof(p.sq_off));
	memset(&p.cq_off, 0xff, sizeof(p.cq_off));
	ASSERT_EQ(0, try_setup(8, &p));

	EXPECT_EQ(0u, p.sq_off.head);
	EXPECT_EQ(4u, p.sq_off.tail);
	EXPECT_EQ(8u, p.cq_off.head);
	EXPECT_EQ(12u, p.cq_off.tail);
	EXPECT_EQ(16u, p.sq_off.ring_mask);
	EXPECT_EQ(20u, p.cq_off.ring_mask);
	EXPECT_EQ(24u, p.sq_off.ring_entries);
	EXPECT_EQ(28u, p.cq_off.ring_entries);
	EXPECT_EQ(32u, p.sq_off.dropped);
	EXPECT_EQ(36u, p.sq_off.flags);
	EXPECT_EQ(40u, p.cq_off.flags);
	EXPECT_EQ(44u, p.cq_off.overflow);
	EXPECT_EQ(64u, p.cq_off.cqes);

	/* The index array follows the CQEs, on a cache line of its own. */
	EXPECT_LE(p.cq_off.cqes + p.cq_entries * 16, p.sq_off.array);
	EXPECT_EQ(0u, p.sq_off.array % 64);

	EXPECT_EQ(0u, p.sq_off.resv1);
	EXPECT_EQ(0u, p.cq_off.resv1);
	EXPECT_EQ(0ull, (unsigned long long)p.sq_off.user_addr);
	EXPECT_EQ(0ull, (unsigned long long)p.cq_off.user_addr);
}

TEST(no_sqarray)
{
	struct ring r = { .p.flags = IORING_SETUP_NO_SQARRAY };
	const char *missing = setup_missing(IORING_SETUP_NO_SQARRAY);

	if (missing)
		SKIP(return, "kernel lacks %s", missing);
	ASSERT_EQ(0, ring_open_params(&r, 8));
	EXPECT_EQ(64u, r.p.cq_off.cqes);
	EXPECT_TRUE(ring_works(&r));
	ring_close(&r);
}

/* Fresh rings are empty, zeroed, and say the same as the parameters. */
TEST(initial_contents)
{
	const char *p, *end;
	unsigned int other;
	struct ring r;

	ASSERT_EQ(0, ring_open(&r, 64, 0));
	EXPECT_EQ(63u, *ring_word(&r, r.p.sq_off.ring_mask));
	EXPECT_EQ(127u, *ring_word(&r, r.p.cq_off.ring_mask));
	EXPECT_EQ(64u, *ring_word(&r, r.p.sq_off.ring_entries));
	EXPECT_EQ(128u, *ring_word(&r, r.p.cq_off.ring_entries));
	EXPECT_EQ(0u, *r.sq_head | *r.sq_tail | *r.cq_head | *r.cq_tail);
	EXPECT_EQ(0u, *r.sq_flags | *r.cq_flags | *r.sq_dropped | *r.cq_overflow);

	other = 0;
	end = (char *)r.mem + r.mem_size;
	for (p = (char *)r.mem + r.p.cq_off.cqes; p < end; p++)
		other |= *p;
	end = (char *)r.sqes + r.sqes_size;
	for (p = (char *)r.sqes; p < end; p++)
		other |= *p;
	EXPECT_EQ(0u, other);
	ring_close(&r);
}

TEST(the_fd)
{
	char path[64], target[64] = "";
	struct io_uring_params p = { };
	int fd = sys_setup(4, &p);

	ASSERT_LE(0, fd);
	EXPECT_EQ(FD_CLOEXEC, fcntl(fd, F_GETFD));
	EXPECT_EQ(O_RDWR, fcntl(fd, F_GETFL) & O_ACCMODE);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	ASSERT_LT(0, readlink(path, target, sizeof(target) - 1));
	EXPECT_STREQ("anon_inode:[io_uring]", target);

	/* It is neither readable nor writable as a stream, nor seekable to data. */
	EXPECT_EQ(-1, read(fd, path, 1));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(-1, write(fd, path, 1));
	EXPECT_EQ(EINVAL, errno);
	close(fd);
}

TEST(fd_limit)
{
	struct rlimit old, none;
	int fd = lowest_fd();
	struct io_uring_params p = { };
	int i;

	ASSERT_EQ(0, getrlimit(RLIMIT_NOFILE, &old));
	none = old;
	none.rlim_cur = fd;
	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &none));
	for (i = 0; i < 10; i++) {
		memset(&p, 0, sizeof(p));
		EXPECT_EQ(-EMFILE, sys_setup(4, &p));
	}
	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &old));
	EXPECT_EQ(fd, lowest_fd());
	EXPECT_TRUE(fresh_ring_works());
}

TEST(largest_ring_full_batch)
{
	struct io_uring_cqe cqe;
	unsigned int i;
	struct ring r;

	ASSERT_EQ(0, ring_open(&r, MAX_SQ_ENTRIES, 0));
	for (i = 0; prep_nop(&r, i); i++)
		;
	ASSERT_EQ((unsigned int)MAX_SQ_ENTRIES, i);
	ASSERT_EQ(MAX_SQ_ENTRIES, ring_submit(&r));
	for (i = 0; i < MAX_SQ_ENTRIES; i++) {
		ASSERT_EQ(0, ring_wait(&r, &cqe));
		ASSERT_EQ((unsigned long long)i, (unsigned long long)cqe.user_data);
	}
	ring_close(&r);
}

TEST(smallest_ring_wraps)
{
	struct io_uring_cqe cqe;
	unsigned int i;
	struct ring r;

	ASSERT_EQ(0, ring_open_cq(&r, 1, 1, 0));
	for (i = 0; i < 1000; i++) {
		ASSERT_TRUE(prep_nop(&r, i));
		ASSERT_FALSE(prep_nop(&r, i));
		ASSERT_EQ(1, ring_submit(&r));
		ASSERT_EQ(0, ring_wait(&r, &cqe));
		ASSERT_EQ((unsigned long long)i, (unsigned long long)cqe.user_data);
	}
	ring_close(&r);
}

/* Rings that come and go leave no fd behind, and do not run out. */
TEST(many_rings)
{
	int fd = lowest_fd();
	struct ring r[16];
	unsigned int i, round;

	for (round = 0; round < 8; round++) {
		for (i = 0; i < ARRAY_LEN(r); i++)
			ASSERT_EQ(0, ring_open(&r[i], 8 << (i % 4), 0));
		for (i = 0; i < ARRAY_LEN(r); i++)
			ASSERT_TRUE(ring_works(&r[i]));
		for (i = 0; i < ARRAY_LEN(r); i++)
			ring_close(&r[i]);
	}
	EXPECT_EQ(fd, lowest_fd());
}

TEST(r_disabled)
{
	struct ring r;
	const char *missing = setup_missing(IORING_SETUP_R_DISABLED);

	if (missing)
		SKIP(return, "kernel lacks %s", missing);
	ASSERT_EQ(0, ring_open(&r, 8, IORING_SETUP_R_DISABLED));
	ASSERT_TRUE(prep_nop(&r, 1));
	EXPECT_EQ(-EBADFD, ring_submit(&r));
	EXPECT_EQ(-EBADFD, sys_enter(r.fd, 0, 0, 0, NULL, 0));
	EXPECT_EQ(-EBADFD, sys_enter(r.fd, 0, 1, IORING_ENTER_GETEVENTS, NULL, 0));
	/* An unknown flag and a bad fd are found first. */
	EXPECT_EQ(-EINVAL, sys_enter(r.fd, 0, 0, 1u << 31, NULL, 0));
	EXPECT_EQ(0u, *r.sq_head);

	EXPECT_EQ(-EINVAL, sys_register(r.fd, IORING_REGISTER_ENABLE_RINGS, NULL, 1));
	EXPECT_EQ(-EINVAL, sys_register(r.fd, IORING_REGISTER_ENABLE_RINGS, &r, 0));
	ASSERT_EQ(0, sys_register(r.fd, IORING_REGISTER_ENABLE_RINGS, NULL, 0));
	EXPECT_EQ(-EBADFD, sys_register(r.fd, IORING_REGISTER_ENABLE_RINGS, NULL, 0));
	EXPECT_EQ(1, ring_submit_wait(&r, 1));
	EXPECT_EQ(1u, ring_ready(&r));
	ring_close(&r);
}

TEST(enable_needs_disabled)
{
	struct ring r;
	const char *missing = setup_missing(IORING_SETUP_R_DISABLED);

	if (missing)
		SKIP(return, "kernel lacks %s", missing);
	ASSERT_EQ(0, ring_open(&r, 8, 0));
	EXPECT_EQ(-EBADFD, sys_register(r.fd, IORING_REGISTER_ENABLE_RINGS, NULL, 0));
	EXPECT_TRUE(ring_works(&r));
	ring_close(&r);
}

/* ------------------------------------------------------------------------
 * kernel.io_uring_disabled and kernel.io_uring_group
 */

FIXTURE(sysctl)
{
	char disabled[16];
	char group[16];
	bool changed;
};

static int sysctl_write(const char *path, const char *value)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	int ret;

	if (fd < 0)
		return -errno;
	ret = write(fd, value, strlen(value)) < 0 ? -errno : 0;
	close(fd);
	return ret;
}

/* What does setup say to a process with these ids? */
static int setup_as(uid_t uid, gid_t gid, gid_t extra, struct io_uring_params *p)
{
	pid_t pid = fork();
	int status;

	if (!pid) {
		if (setgroups(extra ? 1 : 0, &extra) || setresgid(gid, gid, gid) ||
		    setresuid(uid, uid, uid))
			_exit(255);
		_exit(-try_setup(4, p));
	}
	status = reap(pid, WAIT_MS);
	return status >= 0 && WIFEXITED(status) ? -WEXITSTATUS(status) : -1000;
}

FIXTURE_SETUP(sysctl)
{
	if (getuid())
		SKIP(return, "needs root");
	if (!read_small_file(SYSCTL_DISABLED, self->disabled, sizeof(self->disabled)) ||
	    !read_small_file(SYSCTL_GROUP, self->group, sizeof(self->group)))
		SKIP(return, "no kernel.io_uring_disabled");
	if (access(SYSCTL_DISABLED, W_OK))
		SKIP(return, "/proc/sys is read-only");
	self->changed = true;
}

FIXTURE_TEARDOWN(sysctl)
{
	if (!self->changed)
		return;
	sysctl_write(SYSCTL_DISABLED, self->disabled);
	sysctl_write(SYSCTL_GROUP, self->group);
}

TEST_F(sysctl, everybody)
{
	struct io_uring_params p = { };

	ASSERT_EQ(0, sysctl_write(SYSCTL_DISABLED, "0"));
	EXPECT_EQ(0, setup_as(0, 0, 0, &p));
	EXPECT_EQ(0, setup_as(NOBODY, NOBODY, 0, &p));
}

TEST_F(sysctl, group_or_admin)
{
	struct io_uring_params p = { };
	unsigned int group = 7777;

	ASSERT_EQ(0, sysctl_write(SYSCTL_GROUP, "-1"));
	ASSERT_EQ(0, sysctl_write(SYSCTL_DISABLED, "1"));
	EXPECT_EQ(0, setup_as(0, 0, 0, &p));
	EXPECT_EQ(-EPERM, setup_as(NOBODY, NOBODY, 0, &p));

	ASSERT_EQ(0, sysctl_write(SYSCTL_GROUP, "7777"));
	EXPECT_EQ(0, setup_as(NOBODY, group, 0, &p));
	EXPECT_EQ(0, setup_as(NOBODY, NOBODY, group, &p));
	EXPECT_EQ(-EPERM, setup_as(NOBODY, NOBODY, 0, &p));
	EXPECT_EQ(-EPERM, setup_as(NOBODY, NOBODY, group + 1, &p));
	EXPECT_EQ(0, setup_as(0, 0, 0, &p));
}

TEST_F(sysctl, nobody)
{
	struct io_uring_params p = { };
	struct ring r;

	ASSERT_EQ(0, ring_open(&r, 4, 0));
	ASSERT_EQ(0, sysctl_write(SYSCTL_DISABLED, "2"));
	EXPECT_EQ(-EPERM, setup_as(0, 0, 0, &p));
	EXPECT_EQ(-EPERM, setup_as(NOBODY, NOBODY, 0, &p));
	/* This check comes before all others. */
	EXPECT_EQ(-EPERM, sys_setup(4, NULL));
	EXPECT_EQ(-EPERM, sys_setup(0, &p));
	p.flags = 1u << 31;
	EXPECT_EQ(-EPERM, sys_setup(4, &p));
	/* Only setup is checked: rings that exist go on. */
	EXPECT_TRUE(ring_works(&r));
	ring_close(&r);

	ASSERT_EQ(0, sysctl_write(SYSCTL_DISABLED, "0"));
	EXPECT_TRUE(fresh_ring_works());
}

TEST_F(sysctl, range)
{
	EXPECT_EQ(-EINVAL, sysctl_write(SYSCTL_DISABLED, "3"));
	EXPECT_EQ(-EINVAL, sysctl_write(SYSCTL_DISABLED, "-1"));
	EXPECT_TRUE(fresh_ring_works());
}

TEST_HARNESS_MAIN
