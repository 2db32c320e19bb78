// SPDX-License-Identifier: GPL-2.0
/* tiermemctl heatmap */
#include <err.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "device.h"
#include "bars.h"
#include "colour.h"
#include "group.h"
#include "layout.h"
#include "picture.h"
#include "ranges.h"
#include "root.h"
#include "size.h"
#include "verb.h"
#include "view.h"

/* Where nobody says how much there is room for. */
#define USUAL_LINES		24
#define USUAL_COLUMNS		80
#define USUAL_PICTURE_LINES	40

#define LEAST_LINES		(BARS_OTHER_LINES + LAYOUT_LEAST_LINES)
#define MOST_LINES		1000

/* 256T, all that a process can have. */
#define MOST_STEP_BYTES		((uint64_t)1 << 48)

struct heatmap_options {
	struct common common;
	bool all;
	const char *file;
	size_t lines;			/* 0: as many as there is room for */
	uint64_t step_bytes;		/* 0: as the process suggests */
	bool colour_given;
	bool colour;
	const char *name;
};

static const struct argp_option options[] = {
	{ "all", 'a', NULL, 0, "all processes of a group, not only the largest", 0 },
	{ "color", 'c', "WHEN", 0, "tell DRAM from slow memory by colours: auto, always, never",
	  0 },
	{ "lines", 'l', "N", 0, "of text, at most; of a picture, those of its map", 0 },
	{ "output", 'o', "FILE", 0, "draw a picture: FILE ends with .svg or .png", 0 },
	{ "step", 's', "SIZE", 0, "length of ranges, a power of two and at least a page", 0 },
	{ 0 }
};

static void parse_colour(struct heatmap_options *o, struct argp_state *state, const char *when)
{
	o->colour_given = strcmp(when, "auto");
	o->colour = !strcmp(when, "always");
	if (o->colour_given && !o->colour && strcmp(when, "never"))
		argp_error(state, "--color is auto, always or never, not '%s'", when);
}

static void parse_step(struct heatmap_options *o, struct argp_state *state, const char *text)
{
	const char *wrong = size_parse(text, &o->step_bytes);
	uint64_t page = sysconf(_SC_PAGESIZE);

	if (wrong)
		argp_error(state, "'%s' is no size: %s", text, wrong);
	if (o->step_bytes < page || o->step_bytes > MOST_STEP_BYTES ||
	    o->step_bytes & (o->step_bytes - 1))
		argp_error(state, "a step is a power of two from %" PRIu64 " to 256T, not '%s'",
			   page, text);
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct heatmap_options *o = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &o->common;
		return 0;
	case 'a':
		o->all = true;
		return 0;
	case 'c':
		parse_colour(o, state, arg);
		return 0;
	case 'l':
		o->lines = argument_number(state, "N", arg, LEAST_LINES, MOST_LINES);
		return 0;
	case 'o':
		o->file = arg;
		return 0;
	case 's':
		parse_step(o, state, arg);
		return 0;
	case ARGP_KEY_ARG:
		if (state->arg_num)
			argp_usage(state);
		o->name = arg;
		return 0;
	case ARGP_KEY_NO_ARGS:
		argp_error(state, "a pid or the name of a group is missing");
		return 0;
	case ARGP_KEY_END:
		if (o->file && !picture_can(o->file))
			argp_error(state, "the name of a picture ends with .svg or .png, not '%s'",
				   o->file);
		if (o->file && (o->all || o->common.json))
			argp_error(state, "a picture is of one process: no --all, no --json");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static struct json_object *range_json(const struct tiermem_range *r)
{
	struct json_object *object = json_object_new_object();
	bool known = r->heat != TIERMEM_HEAT_UNKNOWN;

	json_object_object_add(object, "start", json_object_new_uint64(r->start));
	json_object_object_add(object, "dram_bytes", json_object_new_uint64(r->dram_bytes));
	json_object_object_add(object, "slow_bytes", json_object_new_uint64(r->slow_bytes));
	json_object_object_add(object, "heat", known ? json_object_new_int(r->heat) : NULL);
	return object;
}

static void tally_json(struct json_object *object, const struct tally *t)
{
	uint64_t known = t->known_bytes[DRAM] + t->known_bytes[SLOW];

	json_object_object_add(object, "dram_bytes", json_object_new_uint64(t->bytes[DRAM]));
	json_object_object_add(object, "slow_bytes", json_object_new_uint64(t->bytes[SLOW]));
	json_object_object_add(object, "hot_in_slow_bytes",
			       json_object_new_uint64(t->hot_bytes[SLOW]));
	json_object_object_add(object, "cold_in_dram_bytes",
			       json_object_new_uint64(t->cold_bytes[DRAM]));
	json_object_object_add(object, "unknown_bytes",
			       json_object_new_uint64(tally_bytes(t) - known));
}

static struct json_object *mapping_json(const struct heatmap *map, size_t i)
{
	struct json_object *object = json_object_new_object(), *array = json_object_new_array();
	const struct mapping *m = &map->mappings.mapping[i];
	const struct heatmap_part *part = &map->part[i];
	size_t r;

	for (r = part->first; r < part->first + part->ranges; r++)
		json_object_array_add(array, range_json(&map->range[r]));
	json_object_object_add(object, "start", json_object_new_uint64(m->start));
	json_object_object_add(object, "end", json_object_new_uint64(m->end));
	json_object_object_add(object, "name", name_json(m->name));
	tally_json(object, &part->sum);
	json_object_object_add(object, "ranges", array);
	return object;
}

/* Mappings without memory are left out, as such ranges are. */
static struct json_object *heatmap_json(const struct heatmap *map)
{
	struct json_object *object = json_object_new_object(), *array = json_object_new_array();
	const struct process *p = map->process;
	size_t i;

	for (i = 0; i < map->mappings.n; i++)
		if (map->part[i].ranges)
			json_object_array_add(array, mapping_json(map, i));
	json_object_object_add(object, "pid", json_object_new_int(p->pid));
	json_object_object_add(object, "command", name_json(p->command));
	json_object_object_add(object, "cgroup", p->cgroup ? name_json(p->cgroup) : NULL);
	json_object_object_add(object, "step_bytes", json_object_new_uint64(map->step_bytes));
	tally_json(object, &map->sum);
	json_object_object_add(object, "mappings", array);
	return object;
}

static size_t usual_lines(const struct heatmap_options *o)
{
	struct winsize size;

	if (o->file)
		return USUAL_PICTURE_LINES;
	/* The last line is for the prompt. */
	if (!ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) && size.ws_row > LEAST_LINES)
		return size.ws_row - 1;
	return USUAL_LINES - 1;
}

/* Of a process, with @others in its group that are not shown. Return: an exit status. */
static int show(const struct heatmap_options *o, const struct heatmap *map, size_t others)
{
	size_t lines = o->lines ?: usual_lines(o);
	int status = EXIT_SUCCESS;

	if (!tally_bytes(&map->sum)) {
		process_without_memory(map->process);
		return EXIT_FAILURE;
	}
	if (o->file)
		status = picture_write(o->file, map, lines);
	else
		bars_print(map, view_columns() ?: USUAL_COLUMNS, lines - !!others,
			   o->colour_given ? o->colour : colour_wanted());
	if (others && !status)
		printf("The largest of %zu processes. All of them: --all\n", others + 1);
	return status;
}

static int show_all(const struct heatmap_options *o, const struct processes *ps, int device)
{
	struct json_object *array = json_object_new_array(), *object;
	size_t n = o->all ? ps->n : 1, shown = 0, i;
	int status = EXIT_SUCCESS;

	for (i = 0; i < n; i++) {
		struct heatmap map;

		/* The others are there all the same. */
		if (!heatmap_read(&map, device, &ps->process[i], o->step_bytes)) {
			status = EXIT_FAILURE;
			continue;
		}
		if (o->common.json) {
			json_object_array_add(array, heatmap_json(&map));
		} else {
			if (shown)
				putchar('\n');
			status |= show(o, &map, ps->n - n);
		}
		shown++;
		heatmap_free(&map);
	}
	if (o->common.json && shown) {
		object = json_object_new_object();
		json_object_object_add(object, "processes", array);
		json_print(object, false);
	} else {
		json_object_put(array);
	}
	return status;
}

int verb_heatmap(int argc, char **argv)
{
	static const struct argp_child children[] = { { &common_argp, 0, NULL, 0 }, { 0 } };
	static const struct argp argp = {
		options, parse, "PID|GROUP",
		"Shows where the memory of a process is, in DRAM or slow, and how hot, by address. "
		"Of a group, the largest process: of a virtual machine that is QEMU, and the mapping "
		"that has most is the guest's memory.\v"
		"GROUP is a cgroup, a systemd unit or a virtual machine. Needs root.",
		children, NULL, NULL
	};
	struct heatmap_options o = { 0 };
	struct processes ps;
	int device, status;

	argp_parse(&argp, argc, argv, 0, NULL, &o);
	module_needed();
	processes_find(&ps, o.name);
	device = device_open();
	status = show_all(&o, &ps, device);
	close(device);
	processes_free(&ps);
	return output_end(status);
}
