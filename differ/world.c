// SPDX-License-Identifier: GPL-2.0
/*
 * The world of a program: its memory and its objects, made anew for each run, and what
 * became of them in the end.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "arena.h"
#include "random.h"
#include "run.h"

char pattern[8192];

/* What buffers and META contain when a run begins, and the hashes of buffers */
static char slots_image[SLOTS_SIZE];
static char meta_image[META_SIZE];
static __u32 fresh_hashes[NR_SLOTS], slot_hashes[NR_SLOTS];

/* ------------------------------------------------------------------------
 * Memory
 */

void arena_map(void)
{
	static const struct {
		__u64 address;
		size_t size;
		int prot;
	} areas[] = {
		{ ARENA, SLOTS_SIZE, PROT_READ | PROT_WRITE },
		{ PBUF, PBUF_SIZE, PROT_READ | PROT_WRITE },
		{ META, META_SIZE, PROT_READ | PROT_WRITE },
		{ BIG, BIG_SIZE, PROT_READ | PROT_WRITE },
		{ ADVISED, ADVISED_SIZE, PROT_READ | PROT_WRITE },
		{ READ_ONLY, 4096, PROT_READ },
		{ OWN_RINGS, NR_RINGS * OWN_RING_SIZE, PROT_READ | PROT_WRITE },
		{ BUF_RINGS, NR_RINGS * BUF_RING_SIZE, PROT_READ | PROT_WRITE },
	};
	int i;

	for (i = 0; i < ARRAY_LEN(areas); i++) {
		if (mmap(at(areas[i].address), areas[i].size, areas[i].prot,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_POPULATE, -1, 0) !=
		    MAP_FAILED)
			continue;
		perror("differ: the memory of programs");
		exit(2);
	}
}

void world_init(void)
{
	__u64 *word = (__u64 *)slots_image;
	int i;

	for (i = 0; i < SLOTS_SIZE / 8; i++)
		word[i] = (i + 1) * 0x9e3779b97f4a7c15ull;
	for (i = 0; i < NR_SLOTS; i++)
		fresh_hashes[i] = hash(slots_image + i * SLOT_SIZE, SLOT_SIZE);
	for (i = 0; i < (int)sizeof(pattern); i++)
		pattern[i] = 'A' + (i * 7 + i / 251) % 53;
}

static void keep_meta(void)
{
	memcpy(meta_image, at(META), META_SIZE);
}

/* An old ring may still post into its pages while it is torn down: take others */
static void renew_own_rings(void)
{
	if (!((program.params[0].flags | program.params[1].flags) & IORING_SETUP_NO_MMAP))
		return;
	mmap(at(OWN_RINGS), NR_RINGS * OWN_RING_SIZE, PROT_READ | PROT_WRITE,
	     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_POPULATE, -1, 0);
}

void world_reset(void)
{
	int i;

	if (!run.number)
		keep_meta();
	memcpy(at(META), meta_image, META_SIZE);
	memcpy(at(ARENA), slots_image, SLOTS_SIZE);
	memcpy(slot_hashes, fresh_hashes, sizeof(slot_hashes));
	memset(at(PBUF), 0x55, PBUF_SIZE);
	if (program.uses_buf_rings)
		memset(at(BUF_RINGS), 0, NR_RINGS * BUF_RING_SIZE);
	if (program.uses_big)
		memset(at(BIG), 0x33, BIG_SIZE);
	else
		*(__u64 *)at(BIG) = 0x3333333333333333ull;
	for (i = 0; i < ADVISED_SIZE; i += 4096)
		*(char *)at(ADVISED + i) = 1;
	renew_own_rings();
}

__u32 slot_changed(int slot)
{
	__u32 now = hash(at(SLOT(slot)), SLOT_SIZE);

	if (now == slot_hashes[slot])
		return 0;
	slot_hashes[slot] = now;
	return now;
}

/* ------------------------------------------------------------------------
 * Objects
 */

static void put(int object, int fd)
{
	if (fd < 0 || fd == fd_of(object))
		return;
	dup2(fd, fd_of(object));
	close(fd);
}

static void put_pair(int object, const int *fds)
{
	put(object, fds[0]);
	put(object + 1, fds[1]);
}

/* Those who make the world can do without a word about failures: the end shows them */
static void fill(int fd, int len)
{
	if (write(fd, pattern, len) != len)
		out("fill=short\n");
}

static int make_file(const char *name, int size, int mode)
{
	int fd = open(name, O_CREAT | O_RDWR | O_TRUNC, mode);

	fill(fd, size);
	lseek(fd, 0, SEEK_SET);
	return fd;
}

static void make_attributes(void)
{
	static const char *const paths[] = { "f0", "f1", "ro", "d" };
	int i;

	for (i = 0; i < ARRAY_LEN(paths); i++)
		setxattr(paths[i], "user.a", pattern, 16, 0);
}

static void make_files(void)
{
	int fd;

	if (!needs(OBJ_DIR))
		return;
	mkdirat(FD_DIR, "p", 0777);
	fchmodat(FD_DIR, "p", 0777, 0);
	fd = openat(FD_DIR, "p", O_RDONLY | O_DIRECTORY);
	if (fchdir(fd))
		out("dir=%d\n", -errno);
	put(OBJ_DIR, fd);
	mkdir("d", 0777);
	if (needs(OBJ_FILE0))
		put(OBJ_FILE0, make_file("f0", 8192, 0666));
	if (needs(OBJ_FILE1))
		put(OBJ_FILE1, make_file("f1", 100, 0666));
	if (needs(OBJ_RDONLY)) {
		close(make_file("ro", 300, 0444));
		put(OBJ_RDONLY, open("ro", O_RDONLY));
	}
	if (needs(OBJ_APPEND)) {
		close(make_file("ap", 10, 0666));
		put(OBJ_APPEND, open("ap", O_WRONLY | O_APPEND));
	}
	if (needs(OBJ_PATH))
		put(OBJ_PATH, open("d", O_PATH));
	if (program.uses_xattr)
		make_attributes();
	if (needs(OBJ_SECRET))
		close(make_file("secret", 5, 0600));
}

static void make_ext_file(void)
{
	int fd;

	if (!needs(OBJ_EXT) && !needs(OBJ_EXT_DIRECT))
		return;
	fd = openat(FD_EXT, "e", O_CREAT | O_RDWR | O_TRUNC, 0666);
	fill(fd, 8192);
	lseek(fd, 0, SEEK_SET);
	if (needs(OBJ_EXT_DIRECT))
		put(OBJ_EXT_DIRECT, openat(FD_EXT, "e", O_RDWR | O_DIRECT));
	put(OBJ_EXT, fd);
}

static void make_pipe(int object, int flags, int bytes)
{
	int fds[2];

	if (!needs(object) || pipe2(fds, flags))
		return;
	if (bytes == 4096)
		fcntl(fds[1], F_SETPIPE_SZ, 4096);
	if (bytes)
		fill(fds[1], bytes);
	put_pair(object, fds);
}

static void make_unix_sockets(void)
{
	int fds[2];

	if (needs(OBJ_UNIX0)) {
		socketpair(AF_UNIX, SOCK_STREAM, 0, fds);
		if (program.unix_bytes)
			fill(fds[1], program.unix_bytes);
		put_pair(OBJ_UNIX0, fds);
	}
	if (needs(OBJ_DGRAM0)) {
		socketpair(AF_UNIX, SOCK_DGRAM, 0, fds);
		if (program.unix_bytes) {
			fill(fds[1], 33);
			fill(fds[1], 44);
		}
		put_pair(OBJ_DGRAM0, fds);
	}
}

static void localhost(struct sockaddr_in *sa, int port)
{
	memset(sa, 0, sizeof(*sa));
	sa->sin_family = AF_INET;
	sa->sin_port = htons(port);
	sa->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
}

static void name_of(int fd, struct sockaddr_in *sa)
{
	socklen_t len = sizeof(*sa);

	getsockname(fd, (struct sockaddr *)sa, &len);
}

static int tcp_connection(const struct sockaddr_in *to)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	connect(fd, (const struct sockaddr *)to, sizeof(*to));
	return fd;
}

static void make_tcp_sockets(void)
{
	struct sockaddr_in sa;
	int fds[2], i, listener;

	localhost(at(ADDR_ANY), 0);
	localhost(at(ADDR_NOBODY), 1);
	if (needs(OBJ_TCP_NEW))
		put(OBJ_TCP_NEW, socket(AF_INET, SOCK_STREAM, 0));
	if (!needs(OBJ_LISTENER))
		return;
	listener = socket(AF_INET, SOCK_STREAM, 0);
	bind(listener, at(ADDR_ANY), sizeof(sa));
	listen(listener, 16);
	name_of(listener, &sa);
	memcpy(at(ADDR_LISTENER), &sa, sizeof(sa));
	if (needs(OBJ_TCP0)) {
		fds[0] = tcp_connection(&sa);
		fds[1] = accept(listener, NULL, NULL);
		if (program.tcp_bytes)
			fill(fds[1], program.tcp_bytes);
		put_pair(OBJ_TCP0, fds);
	}
	for (i = 0; i < program.pending; i++) {
		int fd = tcp_connection(&sa);

		dup2(fd, 70 + i);
		close(fd);
	}
	put(OBJ_LISTENER, listener);
}

static void make_udp_sockets(void)
{
	struct sockaddr_in sa[2];
	int i, fds[2];

	if (!needs(OBJ_UDP0))
		return;
	for (i = 0; i < 2; i++) {
		fds[i] = socket(AF_INET, SOCK_DGRAM, 0);
		localhost(&sa[i], 0);
		bind(fds[i], (struct sockaddr *)&sa[i], sizeof(sa[i]));
		name_of(fds[i], &sa[i]);
	}
	for (i = 0; i < 2; i++)
		connect(fds[i], (struct sockaddr *)&sa[!i], sizeof(sa[i]));
	memcpy(at(ADDR_UDP), &sa[1], sizeof(sa[1]));
	for (i = 0; i < program.udp_messages; i++)
		send(fds[1], pattern, 30 + i, 0);
	put_pair(OBJ_UDP0, fds);
}

static int make_timer(void)
{
	const struct itimerspec never = { .it_value.tv_sec = 10000000 };
	int fd = timerfd_create(CLOCK_MONOTONIC, 0);

	timerfd_settime(fd, 0, &never, NULL);
	return fd;
}

static void make_others(void)
{
	if (needs(OBJ_EVENTFD))
		put(OBJ_EVENTFD, eventfd(0, 0));
	if (needs(OBJ_EVENTFD3))
		put(OBJ_EVENTFD3, eventfd(3, 0));
	if (needs(OBJ_TIMERFD))
		put(OBJ_TIMERFD, make_timer());
	if (needs(OBJ_EPOLL))
		put(OBJ_EPOLL, epoll_create1(0));
	if (needs(OBJ_ZERO))
		put(OBJ_ZERO, open("/dev/zero", O_RDWR));
	if (needs(OBJ_NULL))
		put(OBJ_NULL, open("/dev/null", O_RDWR));
	if (needs(OBJ_NULLB))
		put(OBJ_NULLB, open("/dev/nullb0", O_RDWR | O_DIRECT));
}

static int child_main(void *unused)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (program.child_exits)
		_exit(7);
	for (;;)
		pause();
}

static void make_child(void)
{
	static char stack[16384] __attribute__((aligned(64)));
	siginfo_t info;

	if (!program.child)
		return;
	run.child = clone(child_main, stack + sizeof(stack), CLONE_VM | SIGCHLD, NULL);
	if (program.child_exits)
		waitid(P_PID, run.child, &info, WEXITED | WNOWAIT);
}

void world_make(void)
{
	make_files();
	make_ext_file();
	make_pipe(OBJ_PIPE0_R, 0, 48);
	make_pipe(OBJ_PIPE1_R, 0, 0);
	make_pipe(OBJ_PIPE2_R, O_NONBLOCK, 0);
	make_pipe(OBJ_FULL_R, 0, 4096);
	make_unix_sockets();
	make_tcp_sockets();
	make_udp_sockets();
	make_others();
	make_child();
}

/* ------------------------------------------------------------------------
 * Afterwards
 */

static void remove_tree(int dir, const char *name)
{
	struct dirent *entry;
	DIR *stream;
	int fd;

	if (!unlinkat(dir, name, 0))
		return;
	fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
	if (fd < 0)
		return;
	fchmod(fd, 0777);
	stream = fdopendir(fd);
	while (stream && (entry = readdir(stream)))
		if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, ".."))
			remove_tree(fd, entry->d_name);
	if (stream)
		closedir(stream);
	unlinkat(dir, name, AT_REMOVEDIR);
}

void world_clean(void)
{
	if (needs(OBJ_DIR))
		remove_tree(FD_DIR, "p");
	if (needs(OBJ_EXT) || needs(OBJ_EXT_DIRECT))
		unlinkat(FD_EXT, "e", 0);
}

static void final_socket(int object)
{
	int ret, listens = 0, fd = fd_of(object);
	struct sockaddr_in sa = { };
	socklen_t len = sizeof(sa);

	ret = getsockname(fd, (struct sockaddr *)&sa, &len);
	out("f.%s=%d,%d,", object_names[object], ret < 0 ? -errno : sa.sin_family,
	    sa.sin_port != 0);
	len = sizeof(listens);
	getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &len);
	len = sizeof(sa);
	ret = getpeername(fd, (struct sockaddr *)&sa, &len);
	out("%d,%d\n", listens, ret ? -errno : 0);
}

static void final_eventfd(int object)
{
	__u64 value = 0;
	ssize_t n = read(fd_of(object), &value, sizeof(value));

	/* How often it was signalled is the kernel's to choose */
	out("f.%s=%d,%d,%d\n", object_names[object], n < 0 ? 0 : (int)n, n < 0 ? errno : 0,
	    value != 0);
}

/* What is left to be read */
static void final_stream(int object)
{
	static char data[16384];
	int error = 0, total = 0;
	ssize_t n;

	while (total < (int)sizeof(data)) {
		n = read(fd_of(object), data + total, sizeof(data) - total);
		if (n <= 0) {
			error = n ? errno : 0;
			break;
		}
		total += n;
	}
	out("f.%s=%d,%d,%x\n", object_names[object], total, error, hash(data, total));
}

static void final_object(int object)
{
	struct epoll_event events[4];
	int fd = fd_of(object), flags = fcntl(fd, F_GETFL), nr;

	if (flags < 0)
		return;
	if (object == OBJ_EPOLL) {
		nr = epoll_wait(fd, events, 4, 0);
		out("f.ep=%d\n", nr < 0 ? -errno : nr);
		return;
	}
	if (object == OBJ_LISTENER || object == OBJ_TCP_NEW) {
		final_socket(object);
		return;
	}
	fcntl(fd, F_SETFL, flags | O_NONBLOCK);
	if (object == OBJ_EVENTFD || object == OBJ_EVENTFD3)
		final_eventfd(object);
	else
		final_stream(object);
}

static void final_file(int dir, const char *name)
{
	static char data[16384];
	ssize_t len = -1;
	struct stat st;

	out("f.%s=", name[0] == 'a' && name[1] == 'a' ? "long" : name);
	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW)) {
		out("%d\n", -errno);
		return;
	}
	out("%x,%lld,%d,%d", st.st_mode, S_ISDIR(st.st_mode) ? 0 : (long long)st.st_size,
	    (int)st.st_nlink, st.st_uid);
	if (S_ISREG(st.st_mode)) {
		int fd = openat(dir, name, O_RDONLY);

		len = pread(fd, data, sizeof(data), 0);
		close(fd);
	} else if (S_ISLNK(st.st_mode)) {
		len = readlinkat(dir, name, data, 400);
	}
	if (!S_ISDIR(st.st_mode))
		out(",%x", len < 0 ? 0 : hash(data, len));
	out("\n");
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(a, b);
}

static void final_directory(void)
{
	static char names[32][12];
	struct dirent *entry;
	struct stat st;
	int i, nr = 0;
	DIR *dir;

	dir = opendir(".");
	while (dir && nr < ARRAY_LEN(names) && (entry = readdir(dir)))
		if (entry->d_name[0] != '.')
			snprintf(names[nr++], sizeof(names[0]), "%.8s", entry->d_name);
	if (dir)
		closedir(dir);
	qsort(names, nr, sizeof(names[0]), compare_names);
	for (i = 0; i < nr; i++)
		final_file(AT_FDCWD, names[i]);
	out("f.dx=%x\n", fstatat(AT_FDCWD, "d/x", &st, AT_SYMLINK_NOFOLLOW) ? 0 : st.st_mode);
}

/* Which descriptors appeared, and which went */
static void final_descriptors(void)
{
	int i;

	out("f.fds=");
	for (i = 3; i < 16; i++)
		if (fcntl(i, F_GETFD) >= 0)
			out("%d,", i);
	for (i = 0; i < OBJ_RING0; i++)
		if (needs(i) && fcntl(fd_of(i), F_GETFD) < 0)
			out("-%s", object_names[i]);
	out("\n");
}

/* Are there, in provided buffers, numbers that say how often a ring has signalled? */
static bool signals_in_buffers(void)
{
	int i, j;

	for (i = 0; i < program.nr_steps; i++) {
		const struct step *step = &program.steps[i];

		for (j = 0; step->kind == STEP_ROUND && j < step->nr_sqes; j++)
			if ((step->sqes[j].sqe.flags & IOSQE_BUFFER_SELECT) &&
			    reads_signals(&step->sqes[j]))
				return true;
	}
	return false;
}

static void final_objects(void)
{
	static const __u8 objects[] = {
		OBJ_PIPE0_R, OBJ_PIPE1_R, OBJ_PIPE2_R, OBJ_FULL_R, OBJ_UNIX0, OBJ_UNIX1,
		OBJ_DGRAM0, OBJ_DGRAM1, OBJ_TCP0, OBJ_TCP1, OBJ_UDP0, OBJ_UDP1, OBJ_EVENTFD,
		OBJ_EVENTFD3, OBJ_EPOLL, OBJ_LISTENER, OBJ_TCP_NEW,
	};
	int i;

	if (!signals_in_buffers())
		out("f.pbuf=%x\n", hash(at(PBUF), PBUF_SIZE));
	if (program.uses_big)
		out("f.big=%x\n", hash(at(BIG), BIG_SIZE));
	final_descriptors();
	for (i = 0; i < ARRAY_LEN(objects); i++)
		if (needs(objects[i]))
			final_object(objects[i]);
	if (needs(OBJ_DIR))
		final_directory();
	if (needs(OBJ_EXT) || needs(OBJ_EXT_DIRECT))
		final_file(FD_EXT, "e");
}

void world_final(void)
{
	if (!program.races)
		final_objects();
	if (run.child > 0 && !kill(run.child, SIGKILL))
		waitpid(run.child, NULL, 0);
}
