// SPDX-License-Identifier: GPL-2.0
/* A command in a cgroup of its own. */
#include <err.h>
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "array.h"
#include "cgroup.h"
#include "group.h"
#include "own.h"
#include "root.h"
#include "setting.h"

/* How long the command's last threads and children may take to be gone. */
#define REMOVE_TRIES		100
#define REMOVE_PAUSE_S		0.01

void run_command(char **command)
{
	execvp(command[0], command);
	warn("cannot execute %s", command[0]);
	_exit(errno == ENOENT ? RUN_NOT_FOUND : RUN_NOT_EXECUTABLE);
}

/* Children of the root have the memory controller if the root says so. */
static int enable_memory(const char *cgroup)
{
	char *control;
	int ret;

	if (cgroup_has_tiermem(cgroup))
		return 0;
	control = cgroup_file("/", "cgroup.subtree_control");
	ret = file_write(control, "+memory\n", 0);
	free(control);
	if (ret)
		return ret;
	return cgroup_has_tiermem(cgroup) ? 0 : -ENOENT;
}

static bool remove_cgroup(const char *dir)
{
	int tries;

	for (tries = 0; rmdir(dir); tries++) {
		if (errno == ENOENT)
			return true;
		if (errno != EBUSY || tries >= REMOVE_TRIES)
			return false;
		sleep_s(REMOVE_PAUSE_S);
	}
	return true;
}

/* In the child: into the cgroup, and become the command. */
static void start(const char *procs, char **command, const sigset_t *mask)
{
	int ret = file_write(procs, "0\n", 0);

	if (ret) {
		warnx("cannot enter the new cgroup: %s", strerror(-ret));
		_exit(RUN_FAILED);
	}
	sigprocmask(SIG_SETMASK, mask, NULL);
	run_command(command);
}

/* Signals that would end this program, but are the command's. */
static void signals_to_pass(sigset_t *set)
{
	static const int signals[] = {
		SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGALRM, SIGCHLD,
	};
	size_t i;

	sigemptyset(set);
	for (i = 0; i < ARRAY_SIZE(signals); i++)
		sigaddset(set, signals[i]);
}

/* Return: status of wait(2). */
static int pass_signals(pid_t child, const sigset_t *set)
{
	siginfo_t info;
	int status, signal;

	for (;;) {
		signal = sigwaitinfo(set, &info);
		if (signal == SIGCHLD) {
			if (waitpid(child, &status, WNOHANG) == child)
				return status;
		} else if (signal > 0 && info.si_code != SI_KERNEL) {
			/* Those of the terminal have reached the command, too. */
			kill(child, signal);
		}
	}
}

/* As the command ended: whoever waits for us sees the same. */
static int end_as(int status)
{
	struct rlimit none = { 0 };
	sigset_t set;
	int signal_number;

	if (WIFEXITED(status))
		return WEXITSTATUS(status);
	signal_number = WTERMSIG(status);
	/* There is one core already, if any. */
	setrlimit(RLIMIT_CORE, &none);
	signal(signal_number, SIG_DFL);
	sigemptyset(&set);
	sigaddset(&set, signal_number);
	raise(signal_number);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	return 128 + signal_number;
}

static int run_in(const char *cgroup, uint64_t quota_bytes, char **command, const sigset_t *set,
		  const sigset_t *before)
{
	char *procs = cgroup_file(cgroup, "cgroup.procs");
	int ret, status;
	pid_t child;

	ret = enable_memory(cgroup) ?: quota_write(cgroup, quota_bytes, 0);
	if (ret) {
		warnx("cannot set the quota of %s: %s", cgroup, setting_error(ret));
		free(procs);
		return RUN_FAILED << 8;
	}
	child = fork();
	if (!child)
		start(procs, command, before);
	if (child < 0)
		warn("cannot fork");
	free(procs);
	status = child < 0 ? RUN_FAILED << 8 : pass_signals(child, set);
	return status;
}

int own_run(const char *name, uint64_t quota_bytes, char **command)
{
	char *cgroup = name ? format_text("/%s", name) :
			      format_text("/tiermemctl-%d", (int)getpid());
	char *dir = cgroup_file(cgroup, "");
	sigset_t set, before;
	int status;

	dir[strlen(dir) - 1] = '\0';
	/* From now on there is something to clean up. */
	signals_to_pass(&set);
	sigprocmask(SIG_BLOCK, &set, &before);
	if (mkdir(dir, 0755)) {
		warn("cannot make the cgroup %s", dir);
		status = RUN_FAILED << 8;
	} else {
		status = run_in(cgroup, quota_bytes, command, &set, &before);
		if (!remove_cgroup(dir))
			warn("%s is left: rmdir it when its last processes are gone", dir);
	}
	free(dir);
	free(cgroup);
	return end_as(status);
}
