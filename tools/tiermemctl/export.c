// SPDX-License-Identifier: GPL-2.0
/* tiermemctl export: for the textfile collector of Prometheus' node exporter. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "metric.h"
#include "replace.h"
#include "text.h"
#include "verb.h"

struct export_options {
	struct common common;
	bool all;
	const char *file;
};

static const struct argp_option options[] = {
	{ "all", 'a', NULL, 0, "also groups without a quota and without slow memory", 0 },
	{ "output", 'o', "FILE", 0, "write FILE, as a whole or not at all", 0 },
	{ 0 }
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct export_options *o = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &o->common;
		return 0;
	case 'a':
		o->all = true;
		return 0;
	case 'o':
		o->file = arg;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static void print_labels(FILE *out, struct json_object *labels)
{
	const char *separator = "{";

	json_object_object_foreach(labels, key, value) {
		char *text = text_label(json_object_get_string(value));

		fprintf(out, "%s%s=\"%s\"", separator, key, text);
		separator = ",";
		free(text);
	}
	if (json_object_object_length(labels))
		fputc('}', out);
}

static const char *string_of(struct json_object *sample, const char *key)
{
	return json_object_get_string(json_object_object_get(sample, key));
}

static void print_sample(FILE *out, struct json_object *sample)
{
	struct json_object *value = json_object_object_get(sample, "value");

	fputs(string_of(sample, "name"), out);
	print_labels(out, json_object_object_get(sample, "labels"));
	if (json_object_is_type(value, json_type_double))
		fprintf(out, " %.6f\n", json_object_get_double(value));
	else
		fprintf(out, " %" PRIu64 "\n", json_object_get_uint64(value));
}

static void print_text(FILE *out, struct json_object *samples)
{
	const char *last = "";
	size_t i, n = json_object_array_length(samples);

	for (i = 0; i < n; i++) {
		struct json_object *sample = json_object_array_get_idx(samples, i);
		const char *name = string_of(sample, "name");

		/* Samples of a name follow each other. */
		if (strcmp(name, last)) {
			fprintf(out, "# HELP %s %s\n# TYPE %s %s\n", name,
				string_of(sample, "help"), name, string_of(sample, "type"));
			last = name;
		}
		print_sample(out, sample);
	}
}

static void print_json(FILE *out, struct json_object *samples)
{
	struct json_object *object = json_object_new_object();

	json_object_object_add(object, "metrics", json_object_get(samples));
	json_write(out, object, false);
}

struct export {
	bool json;
	struct json_object *samples;
};

static bool write_samples(FILE *out, void *arg)
{
	const struct export *e = arg;

	if (e->json)
		print_json(out, e->samples);
	else
		print_text(out, e->samples);
	return true;
}

int verb_export(int argc, char **argv)
{
	static const struct argp_child children[] = { { &common_argp, 0, NULL, 0 }, { 0 } };
	static const struct argp argp = {
		options, parse, NULL,
		"Prints the state of the module, nodes and groups as metrics for Prometheus; with -o "
		"for the directory that node_exporter's textfile collector reads. Without the module "
		"there is one metric, tiermem_loaded 0.",
		children, NULL, NULL
	};
	struct export_options o = { 0 };
	struct export e;
	bool complete;
	int status;

	argp_parse(&argp, argc, argv, 0, NULL, &o);
	e.json = o.common.json;
	e.samples = metrics_read(o.all, &complete);
	if (o.file) {
		status = file_replace(o.file, write_samples, &e);
	} else {
		write_samples(stdout, &e);
		status = output_end(EXIT_SUCCESS);
	}
	json_object_put(e.samples);
	return complete ? status : EXIT_FAILURE;
}
