// SPDX-License-Identifier: GPL-2.0
/*
 * Lets the 1st, 2nd, 3rd, ... allocation or copy from user space that one system call does fail,
 * until there is none left, and checks that each failure is reported or coped with and that
 * nothing stays behind. Needs CONFIG_FAULT_INJECTION (selftests/debug/config).
 *
 *	fail_nth [options] insmod MODULE.ko [PARAM=VALUE...]
 *	fail_nth [options] write FILE TEXT
 *
 * Everything is opened before the fault is armed, and only the one system call is done with it
 * armed: a shell, exec(2) or open(2) would use the fault up in code that is not ours.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "kselftest.h"

#define DEBUGFS		"/sys/kernel/debug"
#define CGROUPFS	"/sys/fs/cgroup"
#define HANG_S		120	/* one system call under KASAN and TCG: a fraction of a second */
#define MAX_GONE	16
#define TEXT_MAX	4096

/* Options. */
static unsigned int first = 1, last = 20000;
static const char *filter;		/* function or module on the stack of every site */
static const char *reset_text;
static const char *target = "thread-self";
static const char *gone[MAX_GONE];
static unsigned int n_gone;
static unsigned int fill_mib;
static unsigned int min_sites = 1;
static bool all_sites, recreate, no_readback, verbose;
static bool allowed[256];		/* errno */

/* What is being done, for the handler of SIGALRM. */
static unsigned int nth;
static int arm_fd = -1;

/* ---- the knobs of fault injection -------------------------------------------------------- */

/*
 * The defaults inject nothing: they leave out GFP_KERNEL, highmem and order 0. probability stays
 * 0, so that nobody but the armed task is hit.
 */
static struct knob {
	const char *file, *value;
	char old[64];
	bool saved;
} knobs[] = {
	{ .file = "failslab/ignore-gfp-wait", .value = "N" },
	{ .file = "failslab/cache-filter", .value = "N" },
	{ .file = "fail_page_alloc/ignore-gfp-wait", .value = "N" },
	{ .file = "fail_page_alloc/ignore-gfp-highmem", .value = "N" },
	{ .file = "fail_page_alloc/min-order", .value = "0" },
};

static const char * const caps[] = { "failslab", "fail_page_alloc", "fail_usercopy" };

static struct {
	char verbose[64], start[64], end[64];
} cap_old[ARRAY_SIZE(caps)];
static bool caps_saved;

static int write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	ssize_t len;
	int err;

	if (fd < 0)
		return -errno;
	len = write(fd, text, strlen(text));
	err = len < 0 ? -errno : 0;
	close(fd);
	return err;
}

static int read_file(const char *path, char *buf, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t len;
	int err;

	if (fd < 0)
		return -errno;
	len = read(fd, buf, size - 1);
	err = len < 0 ? -errno : 0;
	close(fd);
	buf[len < 0 ? 0 : len] = '\0';
	buf[strcspn(buf, "\n")] = '\0';
	return err;
}

static int knob(const char *dir, const char *file, const char *value, char *old)
{
	char path[PATH_MAX];
	int err;

	snprintf(path, sizeof(path), DEBUGFS "/%s/%s", dir, file);
	if (old) {
		err = read_file(path, old, 64);
		if (err)
			return err;
	}
	return write_file(path, value);
}

static void restore_knobs(void)
{
	unsigned int i;

	if (arm_fd >= 0 && write(arm_fd, "0", 1) < 0)
		arm_fd = -1;	/* can't be helped */
	for (i = 0; i < ARRAY_SIZE(knobs); i++)
		if (knobs[i].saved)
			knob("", knobs[i].file, knobs[i].old, NULL);
	for (i = 0; caps_saved && i < ARRAY_SIZE(caps); i++) {
		knob(caps[i], "verbose", cap_old[i].verbose, NULL);
		knob(caps[i], "require-start", cap_old[i].start, NULL);
		knob(caps[i], "require-end", cap_old[i].end, NULL);
	}
}

static void set_knobs(void)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(knobs); i++) {
		if (knob("", knobs[i].file, knobs[i].value, knobs[i].old))
			ksft_exit_skip("no " DEBUGFS "/%s: not the debug kernel\n", knobs[i].file);
		knobs[i].saved = true;
	}
	for (i = 0; i < ARRAY_SIZE(caps); i++) {
		/* A stack per site would push everything else out of the kernel's log. */
		if (knob(caps[i], "verbose", verbose ? "2" : "0", cap_old[i].verbose) ||
		    knob(caps[i], "require-start", "0", cap_old[i].start) ||
		    knob(caps[i], "require-end", "0xffffffffffffffff", cap_old[i].end))
			ksft_exit_skip("no " DEBUGFS "/%s: not the debug kernel\n", caps[i]);
	}
	caps_saved = true;
}

/* Only sites with a return address in [start, end) on their stack count. */
static void set_filter(uint64_t start, uint64_t end)
{
	unsigned int i;
	char s[32], e[32];

	snprintf(s, sizeof(s), "%#llx", (unsigned long long)start);
	snprintf(e, sizeof(e), "%#llx", (unsigned long long)end);
	for (i = 0; i < ARRAY_SIZE(caps); i++) {
		/* Between the two writes the range is empty or larger, and nothing is armed. */
		if (knob(caps[i], "require-start", s, NULL) ||
		    knob(caps[i], "require-end", e, NULL))
			ksft_exit_fail_msg("can't set the stack filter of %s\n", caps[i]);
	}
}

static bool function_range(const char *name, uint64_t *start, uint64_t *end)
{
	unsigned long long addr;
	char line[512], sym[256], mod[128];
	FILE *f = fopen("/proc/kallsyms", "r");
	bool found = false;

	if (!f)
		return false;
	while (fgets(line, sizeof(line), f)) {
		mod[0] = '\0';
		if (sscanf(line, "%llx %*c %255s %127s", &addr, sym, mod) < 2)
			continue;
		if (found && addr > *start) {
			*end = addr;
			break;
		}
		if (!found && !mod[0] && !strcmp(sym, name) && addr) {
			*start = addr;
			*end = addr + 4096;
			found = true;
		}
	}
	fclose(f);
	return found;
}

static bool module_range(const char *name, uint64_t *start, uint64_t *end)
{
	unsigned long long addr, size;
	char line[512], mod[128];
	FILE *f = fopen("/proc/modules", "r");
	bool found = false;

	if (!f)
		return false;
	while (!found && fgets(line, sizeof(line), f)) {
		/* The address is the text's, the size everything's: a bit too long. */
		if (sscanf(line, "%127s %llu %*s %*s %*s %llx", mod, &size, &addr) == 3 &&
		    !strcmp(mod, name)) {
			*start = addr;
			*end = addr + size;
			found = true;
		}
	}
	fclose(f);
	return found;
}

static void use_filter(void)
{
	uint64_t start, end;

	if (!filter || all_sites)
		return;
	if (!function_range(filter, &start, &end) && !module_range(filter, &start, &end))
		ksft_exit_fail_msg("no function or module named %s\n", filter);
	set_filter(start, end);
	ksft_print_msg("only sites below %s\n", filter);
}

/* ---- arming ------------------------------------------------------------------------------ */

static void arm(unsigned int n)
{
	char buf[16];
	int len = snprintf(buf, sizeof(buf), "%u", n);

	nth = n;
	alarm(HANG_S);
	if (write(arm_fd, buf, len) != len)
		ksft_exit_fail_perror("write fail-nth");
}

/*
 * How much of the count was not used up: 0 if the fault happened. Reading it is itself a copy to
 * user space, and with a count of 1 left that copy is the one that fails.
 */
static unsigned int disarm(void)
{
	char buf[16] = "";
	ssize_t len = pread(arm_fd, buf, sizeof(buf) - 1, 0);
	unsigned int left = len > 0 ? strtoul(buf, NULL, 10) : 1;

	/* The same goes for the copy from user space here: the second time it's disarmed. */
	if (write(arm_fd, "0", 1) < 0 && write(arm_fd, "0", 1) < 0)
		ksft_exit_fail_perror("write 0 to fail-nth");
	alarm(0);
	return left;
}

static void on_alarm(int sig)
{
	char buf[80];
	int len = snprintf(buf, sizeof(buf), "Bail out! n=%u: no end after %d s\n", nth, HANG_S);

	(void)sig;
	if (write(STDOUT_FILENO, buf, len) < 0)
		_exit(KSFT_FAIL);
	restore_knobs();
	_exit(KSFT_FAIL);
}

static void on_term(int sig)
{
	restore_knobs();
	_exit(128 + sig);
}

/* ---- the tally --------------------------------------------------------------------------- */

static struct {
	unsigned int injected;	/* faults that happened */
	unsigned int failed;	/* ... and made the call fail with an expected errno */
	unsigned int coped;	/* ... and did not */
	unsigned int bad_errno;
	unsigned int leftovers;
	bool exhausted;
} tally;

static __printf(2, 3) void complain(unsigned int *count, const char *fmt, ...)
{
	va_list ap;
	char msg[512];

	if ((*count)++ >= 20)
		return;		/* the first ones tell enough */
	va_start(ap, fmt);
	vsnprintf(msg, sizeof(msg), fmt, ap);
	va_end(ap);
	ksft_print_msg("n=%u: %s\n", nth, msg);
}

static void check_gone(void)
{
	unsigned int i;

	for (i = 0; i < n_gone; i++)
		if (!access(gone[i], F_OK))
			complain(&tally.leftovers, "%s is still there", gone[i]);
}

/* True if the sweep is over. */
static bool count_result(long rc, int err, unsigned int left)
{
	if (left) {
		tally.exhausted = true;
		if (rc < 0)
			complain(&tally.bad_errno, "fails without a fault: %s", strerror(err));
		return true;
	}
	tally.injected++;
	if (rc >= 0)
		tally.coped++;
	else if (err < 256 && allowed[err])
		tally.failed++;
	else
		complain(&tally.bad_errno, "unexpected error: %s", strerror(err));
	return false;
}

/* ---- insmod ------------------------------------------------------------------------------ */

static char mod_name[128];

/*
 * The file in memory, so that no file system allocates anything while it is read. The kernel
 * refuses a module that is open for writing, hence the second open.
 */
static int module_fd(const char *path)
{
	char buf[65536], proc[64];
	int in = open(path, O_RDONLY | O_CLOEXEC), mem, fd;
	ssize_t len;

	if (in < 0)
		ksft_exit_fail_msg("%s: %s\n", path, strerror(errno));
	mem = memfd_create("module", MFD_CLOEXEC);
	if (mem < 0)
		ksft_exit_fail_perror("memfd_create");
	while ((len = read(in, buf, sizeof(buf))) > 0)
		if (write(mem, buf, len) != len)
			ksft_exit_fail_perror("write memfd");
	close(in);
	snprintf(proc, sizeof(proc), "/proc/self/fd/%d", mem);
	fd = open(proc, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		ksft_exit_fail_perror(proc);
	close(mem);
	return fd;
}

static bool module_loaded(void)
{
	uint64_t start, end;

	return module_range(mod_name, &start, &end);
}

static int unload(void)
{
	int i;

	for (i = 0; i < 50; i++) {
		if (!syscall(SYS_delete_module, mod_name, O_NONBLOCK))
			return 0;
		if (errno != EAGAIN && errno != EBUSY)
			break;
		nanosleep(&(struct timespec){ .tv_nsec = 100000000 }, NULL);
	}
	return -errno;
}

static void sweep_insmod(int argc, char **argv)
{
	char params[TEXT_MAX] = "", *base, *dot;
	unsigned int n, left;
	long rc;
	int i, err, fd;

	base = strrchr(argv[0], '/');
	snprintf(mod_name, sizeof(mod_name), "%s", base ? base + 1 : argv[0]);
	dot = strchr(mod_name, '.');
	if (dot)
		*dot = '\0';
	for (base = mod_name; *base; base++)
		if (*base == '-')
			*base = '_';
	for (i = 1; i < argc; i++) {
		if (strlen(params) + strlen(argv[i]) + 2 > sizeof(params))
			ksft_exit_fail_msg("parameters are too long\n");
		strcat(params, argv[i]);
		strcat(params, " ");
	}
	if (module_loaded())
		ksft_exit_fail_msg("%s is loaded already\n", mod_name);

	/*
	 * The module loader allocates a few hundred times before our init runs; -a sweeps
	 * these, too.
	 */
	if (!filter)
		filter = "do_one_initcall";
	use_filter();

	for (n = first; n <= last; n++) {
		/* A new one each time: a file whose load is under way may still be busy. */
		fd = module_fd(argv[0]);
		arm(n);
		rc = syscall(SYS_finit_module, fd, params, 0);
		err = errno;
		left = disarm();
		close(fd);
		if (!rc) {
			err = unload();
			if (err)
				ksft_exit_fail_msg("n=%u: can't unload: %s\n", n, strerror(-err));
			err = 0;
		} else if (module_loaded()) {
			complain(&tally.leftovers, "the module stays");
			unload();
		}
		check_gone();
		if (count_result(rc, err, left))
			break;
	}

	nth = 0;
	fd = module_fd(argv[0]);
	rc = syscall(SYS_finit_module, fd, params, 0);
	close(fd);
	if (rc)
		ksft_print_msg("load without faults: %s\n", strerror(errno));
	else
		rc = unload();
	ksft_test_result(!rc, "%s loads and unloads afterwards\n", mod_name);
}

/* ---- write ------------------------------------------------------------------------------- */

static char group[PATH_MAX];	/* the directory of the file */
static pid_t filler = -1;
static int filler_fd = -1;

/* A process in the group with some fresh memory for every write to find. */
static void start_filler(void)
{
	char path[PATH_MAX + 16], c;
	int sv[2];
	size_t len = (size_t)fill_mib << 20, i;
	volatile char *mem;

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, sv))
		ksft_exit_fail_perror("socketpair");
	filler = fork();
	if (filler < 0)
		ksft_exit_fail_perror("fork");
	if (filler) {
		close(sv[1]);
		filler_fd = sv[0];
		return;
	}
	close(sv[0]);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	snprintf(path, sizeof(path), "%s/cgroup.procs", group);
	if (write_file(path, "0"))
		_exit(1);
	for (;;) {
		if (read(sv[1], &c, 1) != 1)
			_exit(0);
		mem = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			   -1, 0);
		if (mem == MAP_FAILED)
			_exit(1);
		madvise((void *)mem, len, MADV_NOHUGEPAGE);
		for (i = 0; i < len; i += 4096)
			mem[i] = c;
		if (write(sv[1], &c, 1) != 1 || read(sv[1], &c, 1) != 1)
			_exit(0);
		munmap((void *)mem, len);
		if (write(sv[1], &c, 1) != 1)
			_exit(0);
	}
}

/* Tells the filler to take its memory or to give it back, and waits. */
static void filler_step(void)
{
	char c = 'x';

	if (filler_fd >= 0 && (write(filler_fd, &c, 1) != 1 || read(filler_fd, &c, 1) != 1))
		ksft_exit_fail_msg("the process in the group died\n");
}

/* ENOENT right after the removal of a group is its last reference going away. */
static void new_group(void)
{
	if (rmdir(group) && errno != ENOENT)
		ksft_exit_fail_msg("rmdir %s: %s\n", group, strerror(errno));
	if (mkdir(group, 0755))
		ksft_exit_fail_msg("mkdir %s: %s\n", group, strerror(errno));
}

static void value(const char *file, char *buf)
{
	int err;

	buf[0] = '\0';
	if (no_readback)
		return;
	err = read_file(file, buf, TEXT_MAX);
	if (err)
		ksft_exit_fail_msg("read %s: %s\n", file, strerror(-err));
}

static void reset_value(const char *file, const char *text)
{
	int err = write_file(file, text);

	if (err)
		ksft_exit_fail_msg("n=%u: writing '%s' back to %s: %s\n", nth, text, file,
				   strerror(-err));
}

static void sweep_write(int argc, char **argv)
{
	char before[TEXT_MAX], after[TEXT_MAX], now[TEXT_MAX];
	const char *file = argv[0], *text = argv[1];
	unsigned int n, left, wrong = 0;
	size_t len;
	ssize_t rc;
	int err, fd;
	char *slash;

	if (argc != 2)
		ksft_exit_fail_msg("write FILE TEXT\n");
	len = strlen(text);
	snprintf(group, sizeof(group), "%s", file);
	slash = strrchr(group, '/');
	if (slash)
		*slash = '\0';
	if ((recreate || fill_mib) && strncmp(group, CGROUPFS "/", strlen(CGROUPFS) + 1))
		ksft_exit_fail_msg("-d and -m want a FILE of a cgroup below " CGROUPFS "\n");
	if (recreate)
		new_group();
	use_filter();

	/* What it looks like when all is well. */
	value(file, before);
	if (!reset_text)
		reset_text = before;
	if (fill_mib)
		start_filler();
	reset_value(file, text);
	value(file, after);
	if (!recreate) {
		reset_value(file, reset_text);
		value(file, before);
	}

	for (n = first; n <= last; n++) {
		if (recreate)
			new_group();
		filler_step();
		fd = open(file, O_WRONLY | O_CLOEXEC);
		if (fd < 0)
			ksft_exit_fail_msg("%s: %s\n", file, strerror(errno));
		arm(n);
		rc = write(fd, text, len);
		err = errno;
		left = disarm();
		close(fd);
		value(file, now);
		if (strcmp(now, rc < 0 ? before : after))
			complain(&wrong, "write says %s, the value is '%s'",
				 rc < 0 ? strerror(err) : "success", now);
		if (!recreate)
			reset_value(file, reset_text);
		filler_step();
		if (count_result(rc, err, left))
			break;
	}
	if (recreate)
		rmdir(group);
	if (filler > 0) {
		close(filler_fd);
		waitpid(filler, NULL, 0);
	}
	ksft_test_result(!wrong, "a failed write leaves the old value, any other the new one\n");
}

/* ---- -------------------------------------------------------------------- */

static const struct {
	const char *name;
	int err;
} errnos[] = {
	{ "ENOMEM", ENOMEM }, { "EFAULT", EFAULT }, { "EAGAIN", EAGAIN }, { "EINTR", EINTR },
	{ "ENOSPC", ENOSPC }, { "EIO", EIO }, { "EINVAL", EINVAL }, { "ENOEXEC", ENOEXEC },
	{ "ENOENT", ENOENT }, { "EBUSY", EBUSY }, { "E2BIG", E2BIG },
};

static void allow(char *list)
{
	unsigned int i;
	char *w;

	for (w = strtok(list, ","); w; w = strtok(NULL, ",")) {
		for (i = 0; i < ARRAY_SIZE(errnos); i++)
			if (!strcmp(w, errnos[i].name))
				break;
		if (i == ARRAY_SIZE(errnos)) {
			fprintf(stderr, "unknown errno %s\n", w);
			exit(KSFT_FAIL);
		}
		allowed[errnos[i].err] = true;
	}
}

static void usage(void)
{
	fputs("usage: fail_nth [options] insmod MODULE.ko [PARAM=VALUE...]\n"
	      "       fail_nth [options] write FILE TEXT\n"
	      "  -s N, -e N   first and last n (default: 1 to exhaustion)\n"
	      "  -f NAME      only sites below this function or module (insmod: do_one_initcall)\n"
	      "  -a           all sites, those of the module loader, too\n"
	      "  -t PID       arm another task, e.g. 2 (kthreadd)\n"
	      "  -E LIST      errnos that count as a clean failure, added to ENOMEM,EFAULT\n"
	      "  -M N         fail if fewer faults than this were injected (default 1)\n"
	      "  -g PATH      must not exist after each unload or failed load (repeatable)\n"
	      "  -r TEXT      write: put this back in between (default: what was there)\n"
	      "  -d           write: a new cgroup each time (removes and makes FILE's directory)\n"
	      "  -m MIB       write: a process with this much fresh memory in the cgroup\n"
	      "  -n           write: don't compare what the file reads as\n"
	      "  -v           the stack of each site in the kernel's log\n", stderr);
	exit(KSFT_FAIL);
}

int main(int argc, char **argv)
{
	char path[64];
	bool insmod;
	int opt;

	allowed[ENOMEM] = true;
	allowed[EFAULT] = true;
	while ((opt = getopt(argc, argv, "+s:e:f:at:E:M:g:r:dm:nvh")) != -1) {
		switch (opt) {
		case 's':
			first = strtoul(optarg, NULL, 0);
			break;
		case 'e':
			last = strtoul(optarg, NULL, 0);
			break;
		case 'f':
			filter = optarg;
			break;
		case 'a':
			all_sites = true;
			break;
		case 't':
			target = optarg; all_sites = true;
			break;
		case 'E':
			allow(optarg);
			break;
		case 'M':
			min_sites = strtoul(optarg, NULL, 0);
			break;
		case 'g':
			if (n_gone < MAX_GONE)
				gone[n_gone++] = optarg;
			break;
		case 'r':
			reset_text = optarg;
			break;
		case 'd':
			recreate = true;
			break;
		case 'm':
			fill_mib = strtoul(optarg, NULL, 0);
			break;
		case 'n':
			no_readback = true;
			break;
		case 'v':
			verbose = true;
			break;
		default:
			usage();
		}
	}
	argc -= optind;
	argv += optind;
	if (argc < 2 || (strcmp(argv[0], "insmod") && strcmp(argv[0], "write")) || !first ||
	    (recreate && fill_mib))
		usage();
	insmod = !strcmp(argv[0], "insmod");

	setvbuf(stdout, NULL, _IOLBF, 0);
	ksft_print_header();
	snprintf(path, sizeof(path), "/proc/%s/fail-nth", target);
	arm_fd = open(path, O_RDWR | O_CLOEXEC);
	if (arm_fd < 0)
		ksft_exit_skip("%s: %s\n", path, strerror(errno));
	ksft_set_plan(insmod ? 5 : 4);
	atexit(restore_knobs);
	signal(SIGALRM, on_alarm);
	signal(SIGINT, on_term);
	signal(SIGTERM, on_term);
	set_knobs();

	if (insmod)
		sweep_insmod(argc - 1, argv + 1);
	else
		sweep_write(argc - 1, argv + 1);

	ksft_print_msg("%u faults: %u reported, %u coped with, %u wrong\n", tally.injected,
		       tally.failed, tally.coped, tally.bad_errno);
	ksft_test_result(tally.injected >= min_sites, "at least %u faults were injected\n",
			 min_sites);
	ksft_test_result(tally.exhausted || (last < 20000 && tally.injected),
			 "swept to the last site\n");
	ksft_test_result(!tally.bad_errno, "every failure has an expected errno\n");
	if (insmod)
		ksft_test_result(!tally.leftovers, "nothing stays behind\n");
	ksft_finished();
}
