// SPDX-License-Identifier: GPL-2.0
/* tiermemctl run */
#include <ctype.h>
#include <err.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "array.h"
#include "cgroup.h"
#include "own.h"
#include "quota.h"
#include "root.h"
#include "setting.h"
#include "verb.h"

struct run_options {
	const char *quota;
	const char *name;
	bool here;
	bool own;
	char **command;
};

enum { OPT_HERE = 0x200, OPT_OWN };

static const struct argp_option options[] = {
	{ "dram", 'd', "SIZE", 0, "the quota: 2G, 1536M, 50% of the machine's DRAM, max", 0 },
	{ "name", 'n', "NAME", 0, "of the cgroup, or of the scope of systemd", 0 },
	{ "own", OPT_OWN, NULL, 0, "a cgroup of its own at the top, also where systemd is", 0 },
	/* What systemd-run runs. */
	{ "here", OPT_HERE, NULL, OPTION_HIDDEN, NULL, 0 },
	{ 0 }
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct run_options *o = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = NULL;
		return 0;
	case 'd':
		o->quota = arg;
		return 0;
	case 'n':
		if (!*arg || *arg == '.' || *arg == '-' || strchr(arg, '/'))
			argp_error(state, "a name does not begin with . or -, and has no /");
		o->name = arg;
		return 0;
	case OPT_OWN:
		o->own = true;
		return 0;
	case OPT_HERE:
		o->here = true;
		return 0;
	case ARGP_KEY_ARG:
		/* This and the rest are the command. */
		o->command = state->argv + state->next - 1;
		state->next = state->argc;
		return 0;
	case ARGP_KEY_END:
		if (!o->quota)
			argp_error(state, "--dram SIZE is missing");
		if (!o->command)
			argp_error(state, "the command is missing");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* In the scope that systemd-run made: the quota, and then the command instead of us. */
static void __attribute__((noreturn)) run_here(uint64_t quota_bytes, char **command)
{
	char *cgroup = cgroup_of_pid("self");
	int ret;

	if (!cgroup)
		errx(RUN_FAILED, "cannot tell in which cgroup this is");
	ret = quota_write(cgroup, quota_bytes, 0);
	if (ret)
		errx(RUN_FAILED, "cannot set the quota of %s: %s", cgroup, setting_error(ret));
	free(cgroup);
	run_command(command);
}

/* The program itself, also where it was found through PATH. */
static const char *own_path(void)
{
	static char path[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);

	if (n < 0)
		err(RUN_FAILED, "cannot read /proc/self/exe");
	path[n] = '\0';
	return path;
}

/*
 * A scope: systemd-run becomes us again, in the new cgroup, and that becomes the command. So its
 * status and signals need nobody in between, and systemd removes the cgroup.
 */
static void run_in_scope(const struct run_options *o, uint64_t quota_bytes)
{
	char *unit = o->name ? format_text("--unit=%s", o->name) :
			       format_text("--description=%s", o->command[0]);
	char *root = format_text("--root=%s", root_get() ?: "/");
	const char * const before[] = {
		"systemd-run", "--scope", "--quiet", "--collect", "--property=MemoryAccounting=yes",
		unit, "--", own_path(), root, "run", "--here", "--dram", quota_text(quota_bytes),
		"--"
	};
	const size_t n = ARRAY_SIZE(before);
	char **arguments;
	size_t m;

	for (m = 0; o->command[m]; m++)
		;
	arguments = calloc(n + m + 1, sizeof(*arguments));
	if (!arguments)
		errx(RUN_FAILED, "out of memory");
	memcpy(arguments, before, sizeof(before));
	memcpy(arguments + n, o->command, m * sizeof(*arguments));
	execvp(arguments[0], arguments);
	err(RUN_FAILED, "cannot execute systemd-run (--own does without it)");
}

int verb_run(int argc, char **argv)
{
	static const struct argp_child children[] = { { &root_argp, 0, NULL, 0 }, { 0 } };
	static const struct argp argp = {
		options, parse, "--dram SIZE [--] COMMAND [ARGUMENT...]",
		"Runs a command in a new cgroup that has a quota from the beginning: a scope, where "
		"systemd runs the machine, else a cgroup of its own, which is removed afterwards. "
		"The status is the command's; 125 if it could not be started for our reasons, 126 if "
		"it can't be executed, 127 if there is no such command.",
		children, NULL, NULL
	};
	struct run_options o = { 0 };
	uint64_t quota_bytes;

	argp_err_exit_status = RUN_FAILED;
	argp_parse(&argp, argc, argv, ARGP_IN_ORDER, NULL, &o);
	if (!module_loaded())
		errx(RUN_FAILED, "tiermem is not loaded: modprobe tiermem");
	quota_bytes = quota_argument("quota", o.quota);
	if (o.here)
		run_here(quota_bytes, o.command);
	quota_judge("quota", quota_bytes);
	if (!o.own && root_exists("run/systemd/system"))
		run_in_scope(&o, quota_bytes);
	return own_run(o.name, quota_bytes, o.command);
}
