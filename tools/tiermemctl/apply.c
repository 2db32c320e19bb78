// SPDX-License-Identifier: GPL-2.0
/* tiermemctl apply */
#include <err.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cgroup.h"
#include "conf.h"
#include "root.h"
#include "text.h"
#include "verb.h"

struct apply_options {
	bool no_wait;
	bool list_units;
	char **name;			/* ends with NULL; empty: all */
};

enum { OPT_LIST_UNITS = 0x200 };

static const struct argp_option options[] = {
	/* For the generator of tools/systemd. */
	{ "list-units", OPT_LIST_UNITS, NULL, OPTION_HIDDEN, NULL, 0 },
	{ "no-wait", 'n', NULL, 0, "do not wait until pages have moved", 0 },
	{ 0 }
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	static char *none;
	struct apply_options *o = state->input;

	(void)arg;
	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = NULL;
		o->name = &none;
		return 0;
	case 'n':
		o->no_wait = true;
		return 0;
	case OPT_LIST_UNITS:
		o->list_units = true;
		return 0;
	case ARGP_KEY_ARGS:
		o->name = state->argv + state->next;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* The cgroup that a file is about, to be freed; NULL if it isn't there now. */
static char *cgroup_of(const struct conf *c)
{
	switch (c->target) {
	case TARGET_UNIT:
		return cgroup_of_unit(c->name);
	case TARGET_DOMAIN:
		return cgroup_of_domain(c->name);
	default:
		return cgroup_exists(c->name) ? format_text("%s", c->name) : NULL;
	}
}

/* A domain's XML goes before files: it is tiermem-virt-apply that reads it. */
static bool has_xml(const struct conf *c)
{
	char *path, *text;
	bool has;

	if (c->target != TARGET_DOMAIN)
		return false;
	path = root_path("run/libvirt/qemu/%s.xml", c->name);
	file_read(path, &text);
	has = text && strstr(text, "urn:tiermem:libvirt:1");
	free(text);
	free(path);
	return has;
}

/*
 * In a process of its own: whatever is wrong with this line ends that, with a message, as it ends
 * `tiermemctl set`, and the next line has its turn. Without a cgroup, only the value is looked at.
 */
static bool set_one(const struct conf *c, enum setting s, const char *cgroup, bool no_wait)
{
	char *argv[5] = { "tiermemctl set", no_wait ? "-n" : "--", (char *)cgroup };
	int status = -1;
	pid_t pid;

	/* Paths begin with a slash: none is taken for an option. */
	argv[3] = format_text("%s=%s", setting_key(s), c->setting[s].value);
	fflush(NULL);
	pid = fork();
	if (pid < 0)
		err(EXIT_FAILURE, "cannot start a process");
	if (!pid) {
		program_invocation_short_name = format_text("%s: %s:%u",
							    program_invocation_short_name, c->path,
							    c->setting[s].line);
		if (!cgroup)
			free(setting_argument(s, c->setting[s].value));
		exit(cgroup ? verb_set(4, argv) : EXIT_SUCCESS);
	}
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	free(argv[3]);
	return !status;
}

/* Sets what there is to set. Return: false after a message if some of it could not be. */
static bool set_all(const struct conf *c, const char *cgroup, bool no_wait)
{
	char *done = format_text("%s", ""), *longer;
	bool ok = true;
	enum setting s;

	for (s = 0; s < SETTINGS; s++) {
		if (!c->setting[s].value)
			continue;
		if (!set_one(c, s, cgroup, no_wait)) {
			ok = false;
			continue;
		}
		longer = format_text("%s%s%s %s", done, *done ? ", " : "", setting_key(s),
				     c->setting[s].value);
		free(done);
		done = longer;
	}
	if (*done) {
		char *name = text_printable(c->name), *where = text_printable(cgroup);

		printf("%s: %s (%s)%s%s\n", name, done, c->path,
		       strcmp(cgroup, c->name) ? ", " : "", strcmp(cgroup, c->name) ? where : "");
		free(name);
		free(where);
	}
	free(done);
	return ok;
}

/* Of what isn't there. Return: false after a message. */
static bool check_values(const struct conf *c)
{
	bool ok = true;
	enum setting s;

	for (s = 0; s < SETTINGS; s++)
		if (c->setting[s].value)
			ok &= set_one(c, s, NULL, false);
	return ok;
}

static bool says_nothing(const struct conf *c)
{
	enum setting s;

	for (s = 0; s < SETTINGS; s++)
		if (c->setting[s].value)
			return false;
	return true;
}

/* Return: false after a message. What isn't there is one only if it was asked for. */
static bool apply(const struct conf *c, bool asked_for, bool no_wait)
{
	char *cgroup, *name = text_printable(c->name);
	bool ok = true;

	if (says_nothing(c)) {
		ok = c->bad;		/* that has been said */
		if (!ok)
			warnx("%s: there is nothing to set in it", c->path);
	} else if (has_xml(c)) {
		printf("%s: %s does not count, its XML does: tiermem-virt-apply %s\n", name,
		       c->path, name);
	} else {
		cgroup = cgroup_of(c);
		if (cgroup)
			ok = set_all(c, cgroup, no_wait);
		else if (asked_for)
			warnx("%s of %s is not there", name, c->path);
		else if (check_values(c))
			printf("%s: not there now (%s)\n", name, c->path);
		else
			ok = false;
		ok = ok && (cgroup || !asked_for);
		free(cgroup);
	}
	free(name);
	return ok;
}

/* The first one about something counts, if anything in it does. */
static const struct conf *earlier(const struct confs *cs, const struct conf *c)
{
	const struct conf *e;

	for (e = cs->conf; e < c; e++)
		if (conf_same(e, c) && !says_nothing(e))
			return e;
	return NULL;
}

static bool apply_all(const struct confs *cs, bool no_wait)
{
	const struct conf *c, *e;
	bool ok = !cs->bad;

	for (c = cs->conf; c < cs->conf + cs->n; c++) {
		e = says_nothing(c) ? NULL : earlier(cs, c);
		if (e)
			warnx("%s does not count: %s is about the same", c->path, e->path);
		else
			ok &= apply(c, false, no_wait);
		ok &= !c->bad;
	}
	return ok;
}

/* A name may be a unit's and a domain's. Others' files may be as bad as they like. */
static bool apply_named(const struct confs *cs, const char *name, bool no_wait)
{
	const struct conf *c;
	bool found = false, ok = true;

	for (c = cs->conf; c < cs->conf + cs->n; c++) {
		if (!conf_is_about(c, name) || earlier(cs, c))
			continue;
		found = true;
		ok &= apply(c, true, no_wait) && !c->bad;
	}
	if (!found) {
		char *shown = text_printable(name);

		warnx("no file in " CONF_DIR " is about '%s'", shown);
		free(shown);
	}
	return found && ok;
}

static void list_units(const struct confs *cs)
{
	const struct conf *c;

	for (c = cs->conf; c < cs->conf + cs->n; c++)
		if (c->target == TARGET_UNIT && !earlier(cs, c))
			puts(c->name);
}

int verb_apply(int argc, char **argv)
{
	static const struct argp_child children[] = { { &root_argp, 0, NULL, 0 }, { 0 } };
	static const struct argp argp = {
		options, parse, "[NAME...]",
		"Sets what the files in " CONF_DIR " say: of units, virtual machines and cgroups, "
		"and of the machine. A line that is wrong is told and does not stop the others. "
		"What is not running is left out.\v"
		"NAME is a unit, a virtual machine or a cgroup that a file names, or / for the "
		"machine: only that, and it must be there. tiermem.service does this when the "
		"machine starts.",
		children, NULL, NULL
	};
	struct apply_options o = { 0 };
	struct confs cs;
	bool ok = true;

	argp_parse(&argp, argc, argv, 0, NULL, &o);
	if (!o.list_units)
		module_needed();
	confs_read(&cs);
	if (o.list_units)
		list_units(&cs);
	else if (!*o.name)
		ok = apply_all(&cs, o.no_wait);
	for (; *o.name; o.name++)
		ok &= apply_named(&cs, *o.name, o.no_wait);
	confs_free(&cs);
	return output_end(ok ? EXIT_SUCCESS : EXIT_FAILURE);
}
