// SPDX-License-Identifier: GPL-2.0
/*
 * Random programs for io_uring: print them, or run them and record what they see.
 *
 * Usage: programs print SEED[:DROPS]...
 *        programs run LIST OUT DIR EXT-DIR [OPTION=VALUE]...
 *
 * DROPS is a mask, hexadecimal: the SQEs to be left out. LIST is a file with a seed, or
 * SEED:DROPS, on each line. Programs make their files in DIR and EXT-DIR. Options: reps,
 * idle, workers, flush, jitter (see run.h), threads, opcodes (a mask, hexadecimal).
 *
 * OUT receives for each program
 *
 *	P SEED
 *	KEY=VALUE		if all runs agree
 *	KEY=~VALUE~|~VALUE...	if not; "absent" where a run did not have it
 *	.
 *
 * then "C OPCODE ERRNO PROGRAMS" lines, and "DONE NUMBER".
 *
 * A run is made in a child that shares the memory, but nothing else: a fork would take
 * longer than the rest of it. One that does not end is killed; if that does not help, a
 * new process goes on with the next seed.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "arena.h"
#include "random.h"
#include "run.h"

#define MAX_REPS	12
#define MAX_LINES	1200
#define RUN_LIMIT_S	20
#define EXIT_STUCK	9

struct options options = { .reps = 3, .idle = 1 };

struct work {
	__u64 seed;
	__u32 drops;
};

static struct work *list;
static long nr_list;

/* How far the list was done; shared by the processes that do it */
static long *done;

static FILE *results;
static char records[MAX_REPS][MAX_OUT];
static char *record_ends[MAX_REPS];

/* ------------------------------------------------------------------------
 * Results
 */

struct line {
	const char *key;
	const char *value;
	int key_len;
	int value_len;
};

static struct line lines[MAX_REPS][MAX_LINES];
static int nr_lines[MAX_REPS];

static void split_record(int rep)
{
	const char *p = records[rep], *end = record_ends[rep];
	int nr = 0;

	while (p < end && nr < MAX_LINES) {
		const char *eol = memchr(p, '\n', end - p) ?: end;
		const char *equals = memchr(p, '=', eol - p);

		if (equals)
			lines[rep][nr++] = (struct line){ p, equals + 1, equals - p,
							  eol - equals - 1 };
		p = eol + 1;
	}
	nr_lines[rep] = nr;
}

/* The line with this key; it is probably near @hint */
static const struct line *find_line(int rep, int hint, const struct line *like)
{
	int i;

	for (i = 0; i < nr_lines[rep]; i++) {
		const struct line *line = &lines[rep][(hint + i) % nr_lines[rep]];

		if (line->key_len == like->key_len &&
		    !memcmp(line->key, like->key, like->key_len))
			return line;
	}
	return NULL;
}

/* Either may be missing */
static bool same_value(const struct line *a, const struct line *b)
{
	if (!a || !b)
		return a == b;
	return a->value_len == b->value_len && !memcmp(a->value, b->value, a->value_len);
}

static void write_values(const struct line *const *values, int nr)
{
	int i;

	if (nr == 1) {
		fwrite(values[0]->value, 1, values[0]->value_len, results);
		return;
	}
	for (i = 0; i < nr; i++) {
		fputs(i ? "~|~" : "~", results);
		if (values[i])
			fwrite(values[i]->value, 1, values[i]->value_len, results);
		else
			fputs("absent", results);
	}
}

/* A line of run @rep, with the values of all runs */
static void write_line(int rep, int hint)
{
	const struct line *line = &lines[rep][hint], *values[MAX_REPS];
	int i, j, nr = 0;

	for (i = 0; i < rep; i++)
		if (find_line(i, hint, line))
			return;
	for (i = 0; i < options.reps; i++) {
		const struct line *value = find_line(i, hint, line);

		for (j = 0; j < nr && !same_value(values[j], value); j++)
			;
		if (j == nr)
			values[nr++] = value;
	}
	fwrite(line->key, 1, line->key_len, results);
	fputc('=', results);
	write_values(values, nr);
	fputc('\n', results);
}

static bool all_the_same(void)
{
	size_t len = record_ends[0] - records[0];
	int i;

	for (i = 1; i < options.reps; i++)
		if ((size_t)(record_ends[i] - records[i]) != len ||
		    memcmp(records[i], records[0], len))
			return false;
	return true;
}

static void write_results(const struct work *work)
{
	int rep, i;

	fprintf(results, "P %llu", work->seed);
	if (work->drops)
		fprintf(results, ":%x", work->drops);
	fputc('\n', results);
	if (all_the_same()) {
		fwrite(records[0], 1, record_ends[0] - records[0], results);
	} else {
		for (rep = 0; rep < options.reps; rep++)
			split_record(rep);
		for (rep = 0; rep < options.reps; rep++)
			for (i = 0; i < nr_lines[rep]; i++)
				write_line(rep, i);
	}
	fputs(".\n", results);
}

/* ------------------------------------------------------------------------
 * Runs
 */

/* Wait for a child. Return: it ended, with this status */
static bool await(int pid, int *status)
{
	const struct timespec limit = { .tv_sec = RUN_LIMIT_S };
	sigset_t set;
	int ret;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	while (!(ret = waitpid(pid, status, WNOHANG)))
		if (sigtimedwait(&set, NULL, &limit) < 0 && errno == EAGAIN)
			break;
	return ret == pid;
}

static void record_end_of(int status)
{
	if (!status)
		return;
	if (WIFSIGNALED(status))
		out("end=signal %d step %d\n", WTERMSIG(status), run.step);
	else
		out("end=exit %d step %d\n", WEXITSTATUS(status), run.step);
	if (run.child > 0)
		kill(run.child, SIGKILL);
}

/* What the kernel has complained about */
static void record_kernel_log(void)
{
	static const char *const complaints[] = { "WARNING", "BUG", "Oops", "KASAN", "INFO: " };
	char text[2048], *message, *eol;
	ssize_t len;
	int i;

	while ((len = read(FD_KMSG, text, sizeof(text) - 1)) > 0) {
		text[len] = '\0';
		message = strchr(text, ';');
		if (!message)
			continue;
		eol = strchr(message, '\n');
		if (eol)
			*eol = '\0';
		for (i = 0; i < ARRAY_LEN(complaints); i++) {
			if (!strstr(message, complaints[i]))
				continue;
			out("klog=%s\n", message + 1);
			break;
		}
	}
}

/* It cannot be killed, and this process shares its memory: leave it to a new one */
static void give_up(const struct work *work, int pid)
{
	int rep;

	out("end=stuck\n");
	kill(pid, SIGKILL);
	record_ends[run.number] = record_end();
	for (rep = run.number + 1; rep < options.reps; rep++) {
		size_t len = record_ends[run.number] - records[run.number];

		memcpy(records[rep], records[run.number], len);
		record_ends[rep] = records[rep] + len;
	}
	write_results(work);
	fflush(results);
	_exit(EXIT_STUCK);
}

static void run_once(const struct work *work)
{
	static char stack[262144] __attribute__((aligned(64)));
	int pid, status = 0;

	world_reset();
	record_begin(records[run.number]);
	rings_init();
	pid = clone(run_program, stack + sizeof(stack), CLONE_VM | SIGCHLD, NULL);
	if (pid < 0) {
		perror("differ: clone");
		exit(3);
	}
	if (!await(pid, &status))
		give_up(work, pid);
	record_extend();
	record_end_of(status);
	rings_unmap();
	while (waitpid(-1, NULL, WNOHANG) > 0)
		;
	world_clean();
	record_kernel_log();
	record_ends[run.number] = record_end();
}

static void run_seed(const struct work *work)
{
	generate(work->seed, work->drops);
	for (run.number = 0; run.number < options.reps; run.number++) {
		run_once(work);
		if (!run.number)
			count_next_program();
	}
	write_results(work);
	if (options.flush || *done % 64 == 0)
		fflush(results);
}

/* ------------------------------------------------------------------------
 * Processes
 */

static void open_at(const char *path, int flags, int fd)
{
	int opened = open(path, flags, 0644);

	if (opened < 0 || dup2(opened, fd) != fd) {
		perror(path);
		_exit(2);
	}
	close(opened);
}

/* Do the list, or what is left of it. Programs see no descriptors but their own */
static void worker(char **argv)
{
	sigset_t set;
	int fd;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	open_at(argv[2], O_WRONLY | O_CREAT | O_APPEND, FD_OUT);
	open_at(argv[3], O_RDONLY | O_DIRECTORY, FD_DIR);
	open_at(argv[4], O_RDONLY | O_DIRECTORY, FD_EXT);
	open_at("/dev/kmsg", O_RDONLY | O_NONBLOCK, FD_KMSG);
	lseek(FD_KMSG, 0, SEEK_END);
	for (fd = 3; fd < 100; fd++)
		close(fd);
	results = fdopen(FD_OUT, "a");
	setvbuf(results, NULL, _IOFBF, 1 << 20);
	while (*done < nr_list)
		run_seed(&list[(*done)++]);
	fflush(results);
	_exit(0);
}

static void write_died(const char *path, int status)
{
	FILE *file = fopen(path, "a");

	fprintf(file, "P %llu\nend=worker died 0x%x\n.\n",
		list[*done - 1].seed, status);
	fclose(file);
}

static void run_list(char **argv)
{
	int fd, status;

	while (*done < nr_list) {
		long before = *done;
		pid_t pid = fork();

		if (!pid)
			worker(argv);
		waitpid(pid, &status, 0);
		if (!status || (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_STUCK))
			continue;
		/* It could not even begin */
		if (*done == before)
			exit(2);
		write_died(argv[2], status);
	}
	fd = open(argv[2], O_WRONLY | O_CREAT | O_APPEND, 0644);
	coverage_print(fd);
	dprintf(fd, "DONE %ld\n", nr_list);
	close(fd);
}

static void set_limit(int resource, rlim_t value)
{
	struct rlimit limit = { value, value };

	setrlimit(resource, &limit);
}

static struct work parse_seed(const char *text)
{
	struct work work = { };
	char *end;

	work.seed = strtoull(text, &end, 0);
	if (*end == ':')
		work.drops = strtoul(end + 1, NULL, 16);
	return work;
}

static void read_list(const char *path)
{
	FILE *file = fopen(path, "r");
	char text[128];

	if (!file) {
		perror(path);
		exit(2);
	}
	while (fgets(text, sizeof(text), file)) {
		if (nr_list % 1024 == 0)
			list = realloc(list, (nr_list + 1024) * sizeof(*list));
		list[nr_list++] = parse_seed(text);
	}
	fclose(file);
}

static bool parse_option(const char *text)
{
	static const struct {
		const char *name;
		int *value;
	} known[] = {
		{ "reps", &options.reps }, { "idle", &options.idle },
		{ "workers", &options.workers }, { "flush", &options.flush },
		{ "jitter", &options.jitter }, { "threads", &threads_wanted },
	};
	const char *equals = strchr(text, '=');
	int i;

	if (!equals)
		return false;
	if (!strncmp(text, "opcodes=", 8)) {
		opcodes_wanted = strtoull(equals + 1, NULL, 16);
		return true;
	}
	for (i = 0; i < ARRAY_LEN(known); i++) {
		if (strncmp(text, known[i].name, equals - text) ||
		    known[i].name[equals - text])
			continue;
		*known[i].value = atoi(equals + 1);
		return true;
	}
	return false;
}

static int usage(void)
{
	fputs("usage: programs print [OPTION=VALUE]... SEED[:DROPS]...\n"
	      "       programs run LIST OUT DIR EXT-DIR [OPTION=VALUE]...\n", stderr);
	return 2;
}

static int print_all(int argc, char **argv)
{
	int i;

	for (i = 2; i < argc; i++) {
		struct work work;

		if (parse_option(argv[i]))
			continue;
		work = parse_seed(argv[i]);
		generate(work.seed, work.drops);
		print_program(work.seed);
	}
	return 0;
}

static void *shared_memory(size_t size)
{
	return mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
}

int main(int argc, char **argv)
{
	int i;

	arena_map();
	if (argc > 2 && !strcmp(argv[1], "print"))
		return print_all(argc, argv);
	if (argc < 6 || strcmp(argv[1], "run"))
		return usage();
	for (i = 6; i < argc; i++)
		if (!parse_option(argv[i]))
			return usage();
	if (options.reps < 1 || options.reps > MAX_REPS || threads_wanted < 1 ||
	    threads_wanted > MAX_THREADS)
		return usage();
	read_list(argv[2]);
	world_init();
	coverage_init();
	done = shared_memory(sizeof(*done));
	set_limit(RLIMIT_MEMLOCK, RLIM_INFINITY);
	set_limit(RLIMIT_CORE, 0);
	set_limit(RLIMIT_NPROC, 512);
	set_limit(RLIMIT_NOFILE, 256);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
	umask(0);
	run_list(argv + 1);
	return 0;
}
