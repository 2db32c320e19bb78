// SPDX-License-Identifier: GPL-2.0
/* tiermemctl events */
#include <err.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <time.h>
#include <unistd.h>

#include "array.h"
#include "cgroup.h"
#include "group.h"
#include "root.h"
#include "text.h"
#include "verb.h"

/* Cgroups that are new, and files that a module that is new has made, are found so often. */
#define RESCAN_S	2

struct events_options {
	struct common common;
	bool once;
	double timeout_s;
	const char *group;
};

static const struct argp_option options[] = {
	{ "once", '1', NULL, 0, "end after the first event", 0 },
	{ "timeout", 't', "SECONDS", 0, "end then; the status is 1 if there was no event", 0 },
	{ 0 }
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct events_options *o = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &o->common;
		return 0;
	case '1':
		o->once = true;
		return 0;
	case 't':
		o->timeout_s = argument_number(state, "SECONDS", arg, 0, 1e9);
		return 0;
	case ARGP_KEY_ARG:
		if (state->arg_num)
			argp_usage(state);
		o->group = arg;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

struct watch {
	int id;				/* of inotify */
	char *cgroup;
	struct keyed last;		/* what was there when we looked */
	bool seen;			/* by the walk that goes on */
};

struct watches {
	int inotify;
	struct watch *watch;
	size_t n;
	bool first;			/* what there is now has happened before */
	bool full;			/* the kernel has no more watches */
	bool json;
	uint64_t printed;
};

static void print_event(const struct watches *ws, const char *cgroup, const char *event,
			uint64_t more, uint64_t count)
{
	struct json_object *object;
	char stamp[40], *name;
	time_t now = time(NULL);
	struct tm tm;

	strftime(stamp, sizeof(stamp), "%Y-%m-%dT%H:%M:%S%z", localtime_r(&now, &tm));
	if (ws->json) {
		object = json_object_new_object();
		json_object_object_add(object, "time", json_object_new_string(stamp));
		json_object_object_add(object, "cgroup", name_json(cgroup));
		json_object_object_add(object, "event", name_json(event));
		json_object_object_add(object, "new", json_object_new_uint64(more));
		json_object_object_add(object, "count", json_object_new_uint64(count));
		json_print(object, true);
		return;
	}
	name = text_printable(cgroup);
	printf("%s %s %s +%" PRIu64 " (%" PRIu64 ")\n", stamp, name, event, more, count);
	free(name);
}

/* Reads a group's counts again and prints what is new. */
static void look(struct watches *ws, struct watch *w, bool quiet)
{
	char *path = cgroup_file(w->cgroup, "tiermem.events.local");
	struct keyed now;
	size_t i;
	int ret = keyed_read(&now, path);

	free(path);
	/* Gone; the next walk notices, too. */
	if (ret)
		return;
	for (i = 0; i < now.lines && !quiet; i++) {
		uint64_t count = now.line[i].value, before;

		before = keyed_value(&w->last, now.line[i].key);
		/* They begin again with a new quota. */
		if (before > count)
			before = 0;
		if (count == before)
			continue;
		print_event(ws, w->cgroup, now.line[i].key, count - before, count);
		ws->printed++;
	}
	keyed_free(&w->last);
	w->last = now;
}

static struct watch *find_watch(const struct watches *ws, int id)
{
	size_t i;

	for (i = 0; i < ws->n; i++)
		if (ws->watch[i].id == id)
			return &ws->watch[i];
	return NULL;
}

static void visit(const char *cgroup, void *arg)
{
	struct watches *ws = arg;
	struct watch *w, *more;
	char *path;
	int id;

	if (!strcmp(cgroup, "/") || ws->full)
		return;
	path = cgroup_file(cgroup, "tiermem.events.local");
	/* That of a file that is watched already is the same. */
	id = inotify_add_watch(ws->inotify, path, IN_MODIFY);
	if (id < 0 && (errno == ENOSPC || errno == ENOMEM)) {
		warnx("the kernel lets us watch %zu groups only: sysctl fs.inotify.max_user_watches",
		      ws->n);
		ws->full = true;
	} else if (id < 0 && errno != ENOENT && errno != ENODEV) {
		warn("cannot watch %s", path);
	}
	free(path);
	w = id < 0 ? NULL : find_watch(ws, id);
	if (w)
		w->seen = true;
	if (id < 0 || w)
		return;
	more = array_grow(ws->watch, ws->n, sizeof(*more));
	ws->watch = more;
	w = &more[ws->n++];
	*w = (struct watch){ .id = id, .cgroup = format_text("%s", cgroup), .seen = true };
	look(ws, w, ws->first);
}

static void forget(struct watch *w)
{
	keyed_free(&w->last);
	free(w->cgroup);
}

static void rescan(struct watches *ws, const char *start)
{
	size_t i, kept = 0;

	for (i = 0; i < ws->n; i++)
		ws->watch[i].seen = false;
	cgroup_walk(start, visit, ws);
	for (i = 0; i < ws->n; i++) {
		/* Where nothing could be added, nothing that is there may have been seen. */
		if (ws->watch[i].seen || ws->full) {
			ws->watch[kept++] = ws->watch[i];
			continue;
		}
		inotify_rm_watch(ws->inotify, ws->watch[i].id);
		forget(&ws->watch[i]);
	}
	ws->n = kept;
	ws->full = false;
}

static void handle(struct watches *ws)
{
	char buf[16 * (sizeof(struct inotify_event) + NAME_MAX + 1)]
		__attribute__((aligned(__alignof__(struct inotify_event))));
	ssize_t n = read(ws->inotify, buf, sizeof(buf)), at;
	size_t i;

	for (at = 0; at < n;) {
		const struct inotify_event *e = (const struct inotify_event *)(buf + at);
		struct watch *w = find_watch(ws, e->wd);

		if (e->mask & IN_Q_OVERFLOW)
			for (i = 0; i < ws->n; i++)
				look(ws, &ws->watch[i], false);
		else if (w && e->mask & IN_MODIFY)
			look(ws, w, false);
		at += sizeof(*e) + e->len;
	}
}

/* Return: an exit status. */
static int follow(struct watches *ws, const char *start, const struct events_options *o)
{
	double end_s = o->timeout_s < 0 ? 0 : now_s() + o->timeout_s, wait_s;
	struct pollfd fd = { .fd = ws->inotify, .events = POLLIN };
	double scan_s = now_s() + RESCAN_S;

	for (;;) {
		if (o->once && ws->printed)
			return EXIT_SUCCESS;
		if (output_end(EXIT_SUCCESS))
			return EXIT_FAILURE;
		wait_s = scan_s - now_s();
		if (o->timeout_s >= 0 && end_s - now_s() < wait_s)
			wait_s = end_s - now_s();
		if (poll(&fd, 1, wait_s > 0 ? wait_s * 1000 + 1 : 0) > 0)
			handle(ws);
		if (o->timeout_s >= 0 && now_s() >= end_s)
			return ws->printed ? EXIT_SUCCESS : EXIT_FAILURE;
		if (now_s() < scan_s)
			continue;
		module_needed();
		if (!cgroup_exists(start)) {
			warnx("%s is gone", start);
			return EXIT_SUCCESS;
		}
		rescan(ws, start);
		scan_s = now_s() + RESCAN_S;
	}
}

int verb_events(int argc, char **argv)
{
	static const struct argp_child children[] = { { &common_argp, 0, NULL, 0 }, { 0 } };
	static const struct argp argp = {
		options, parse, "[GROUP]",
		"Prints a line for each event of the groups, or of GROUP and those below it: time, "
		"group, event, how many are new and how many there were. over_quota, slow_full, "
		"unreachable and thrash are explained in tiermemctl(1).",
		children, NULL, NULL
	};
	struct events_options o = { .timeout_s = -1 };
	struct watches ws = { .first = true };
	char *start = NULL;
	int status;
	size_t i;

	argp_parse(&argp, argc, argv, 0, NULL, &o);
	module_needed();
	if (o.group) {
		start = cgroup_find(o.group);
		if (strcmp(start, "/"))
			cgroup_needs_tiermem(start);
	} else {
		start = format_text("/");
	}
	ws.json = o.common.json;
	ws.inotify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (ws.inotify < 0)
		err(EXIT_FAILURE, "cannot use inotify");
	rescan(&ws, start);
	ws.first = false;
	status = output_end(follow(&ws, start, &o));
	for (i = 0; i < ws.n; i++)
		forget(&ws.watch[i]);
	free(ws.watch);
	close(ws.inotify);
	free(start);
	return status;
}
