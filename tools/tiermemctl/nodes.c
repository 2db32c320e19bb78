// SPDX-License-Identifier: GPL-2.0
/* tiermemctl nodes */
#include <err.h>
#include <stdio.h>
#include <stdlib.h>

#include "node.h"
#include "root.h"
#include "size.h"
#include "verb.h"

static error_t parse(int key, char *arg, struct argp_state *state)
{
	(void)arg;
	if (key != ARGP_KEY_INIT)
		return ARGP_ERR_UNKNOWN;
	state->child_inputs[0] = state->input;
	return 0;
}

static const char *number_or_dash(int number, char text[12])
{
	if (number < 0)
		return "-";
	snprintf(text, 12, "%d", number);
	return text;
}

static void print(const struct nodes *nodes)
{
	char size[SIZE_CHARS], unused[SIZE_CHARS], tier[12], target[12];
	size_t i;

	printf("%-4s  %-4s  %-7s  %6s  %6s  %11s  %10s  %s\n", "NODE", "TIER", "KIND", "SIZE",
	       "FREE", "DEMOTES TO", "MEMORY TIER", "CPUS");
	for (i = 0; i < nodes->n; i++) {
		const struct node *n = &nodes->node[i];

		printf("%-4d  %-4s  %-7s  %6s  %6s  %11s  %11s  %s\n", n->id,
		       n->slow ? "slow" : "fast", n->kind, size_text(n->size_bytes, size),
		       size_text(n->free_bytes, unused), number_or_dash(n->demotes_to, target),
		       number_or_dash(n->memory_tier, tier), *n->cpus ? n->cpus : "-");
	}
}

static struct json_object *number_or_null(int number)
{
	return number < 0 ? NULL : json_object_new_int(number);
}

static struct json_object *to_json(const struct nodes *nodes)
{
	struct json_object *object = json_object_new_object();
	struct json_object *array = json_object_new_array();
	char *state = root_line("sys/kernel/tiermem/state");
	size_t i;

	for (i = 0; i < nodes->n; i++) {
		const struct node *n = &nodes->node[i];
		struct json_object *o = json_object_new_object();

		json_object_object_add(o, "node", json_object_new_int(n->id));
		json_object_object_add(o, "tier",
				       json_object_new_string(n->slow ? "slow" : "fast"));
		json_object_object_add(o, "kind", json_object_new_string(n->kind));
		json_object_object_add(o, "size_bytes", json_object_new_uint64(n->size_bytes));
		json_object_object_add(o, "free_bytes", json_object_new_uint64(n->free_bytes));
		json_object_object_add(o, "demotes_to", number_or_null(n->demotes_to));
		json_object_object_add(o, "memory_tier", number_or_null(n->memory_tier));
		json_object_object_add(o, "cpus", json_object_new_string(n->cpus));
		json_object_array_add(array, o);
	}
	json_object_object_add(object, "state", state ? json_object_new_string(state) : NULL);
	json_object_object_add(object, "nodes", array);
	free(state);
	return object;
}

int verb_nodes(int argc, char **argv)
{
	static const struct argp_child children[] = { { &common_argp, 0, NULL, 0 }, { 0 } };
	static const struct argp argp = {
		NULL, parse, NULL,
		"Lists the nodes with memory: their tier, what kind of memory that is, its size and "
		"what is free, and the slow node that is nearest to a fast one, where its pages go.",
		children, NULL, NULL
	};
	struct common common = { 0 };
	struct nodes nodes;

	argp_parse(&argp, argc, argv, 0, NULL, &common);
	nodes_read(&nodes);
	if (!module_loaded())
		warnx("tiermem is not loaded: nodes without CPUs are called slow");
	if (common.json) {
		json_print(to_json(&nodes), false);
	} else {
		print(&nodes);
		if (!nodes_size(&nodes, true))
			warnx("there is no slow node: 'tiermemctl check' says what to do");
	}
	nodes_free(&nodes);
	return output_end(EXIT_SUCCESS);
}
