// SPDX-License-Identifier: GPL-2.0
/* tiermemctl check */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cgroup.h"
#include "finding.h"
#include "root.h"
#include "verb.h"

static error_t parse(int key, char *arg, struct argp_state *state)
{
	(void)arg;
	if (key != ARGP_KEY_INIT)
		return ARGP_ERR_UNKNOWN;
	state->child_inputs[0] = state->input;
	return 0;
}

void finding(struct findings *f, enum finding_level level, const char *subject, const char *advice,
	     const char *format, ...)
{
	static const struct { const char *shown, *json; } names[] = {
		[FINDING_OK] = { "ok", "ok" },
		[FINDING_WARNING] = { "warning", "warning" },
		[FINDING_PROBLEM] = { "PROBLEM", "problem" },
	};
	struct json_object *object = json_object_new_object();
	va_list args;
	char *text;

	va_start(args, format);
	text = format_list(format, args);
	va_end(args);
	if (level > f->worst)
		f->worst = level;
	json_object_object_add(object, "subject", json_object_new_string(subject));
	json_object_object_add(object, "level", json_object_new_string(names[level].json));
	json_object_object_add(object, "text", json_object_new_string(text));
	json_object_object_add(object, "advice", advice ? json_object_new_string(advice) : NULL);
	json_object_array_add(f->array, object);
	if (!f->quiet) {
		printf("%-8s %-15s %s\n", names[level].shown, subject, text);
		if (advice)
			printf("%24s -> %s\n", "", advice);
	}
	free(text);
}

int verb_check(int argc, char **argv)
{
	static const struct argp_child children[] = { { &common_argp, 0, NULL, 0 }, { 0 } };
	static const struct argp argp = {
		NULL, parse, NULL,
		"Looks at what tiermem needs and at what gets in its way, and says what to do. The "
		"status is 0 if all is well, 1 if there are warnings, 2 if there are problems.",
		children, NULL, NULL
	};
	struct common common = { 0 };
	struct findings f = { .array = json_object_new_array() };
	struct json_object *object;
	struct groups gs;
	int status;

	argp_parse(&argp, argc, argv, 0, NULL, &common);
	f.quiet = common.json;
	check_system(&f);
	check_neighbours(&f);
	if (module_loaded() && cgroup_mounted()) {
		groups_read(&gs, false);
		check_pool(&f, &gs);
		check_groups(&f, &gs);
		groups_free(&gs);
	}
	status = f.worst;
	if (common.json) {
		object = json_object_new_object();
		json_object_object_add(object, "status", json_object_new_int(status));
		json_object_object_add(object, "findings", f.array);
		json_print(object, false);
	} else {
		json_object_put(f.array);
	}
	/* That nobody got the report is a problem, not a warning. */
	return output_end(status) == status ? status : FINDING_PROBLEM;
}
