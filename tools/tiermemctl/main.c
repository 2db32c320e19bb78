// SPDX-License-Identifier: GPL-2.0
/* tiermemctl: quotas of DRAM, from the command line. */
#include <err.h>
#include <errno.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "root.h"
#include "verb.h"

const char *argp_program_version = "tiermemctl " VERSION;

static const struct verb verbs[] = {
	{ "list", verb_list, "groups with a quota or slow memory" },
	{ "get", verb_get, "what is known about a group" },
	{ "set", verb_set, "set a group's quota, or the pool that groups share" },
	{ "apply", verb_apply, "set what the files in /etc/tiermem.d say" },
	{ "run", verb_run, "run a command with a quota" },
	{ "top", verb_top, "groups, live" },
	{ "nodes", verb_nodes, "fast and slow memory nodes" },
	{ "heatmap", verb_heatmap, "where a process's memory is, and how hot" },
	{ "advise", verb_advise, "how much DRAM would do" },
	{ "export", verb_export, "metrics for Prometheus" },
	{ "events", verb_events, "wait for events and print them" },
	{ "check", verb_check, "is this machine in order?" },
	{ 0 }
};

enum { OPT_ROOT = 0x100, OPT_LIST_VERBS };

static const struct argp_option common_options[] = {
	{ "json", 'j', NULL, 0, "print JSON; sizes are numbers of bytes", -2 },
	{ "root", OPT_ROOT, "DIR", 0,
	  "look at the trees sys, proc, run, lib and etc below DIR", -2 },
	{ 0 }
};

static error_t parse_common(int key, char *arg, struct argp_state *state)
{
	struct common *common = state->input;

	switch (key) {
	case 'j':
		common->json = true;
		return 0;
	case OPT_ROOT:
		root_set(arg);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

const struct argp common_argp = { common_options, parse_common, NULL, NULL, NULL, NULL, NULL };
const struct argp root_argp = { common_options + 1, parse_common, NULL, NULL, NULL, NULL, NULL };

double argument_number(const struct argp_state *state, const char *what, const char *text,
		       double least, double most)
{
	char *end;
	double number = strtod(text, &end);

	if (end == text || *end || !isfinite(number) || number < least || number > most)
		argp_error(state, "%s is a number from %g to %g, not '%s'", what, least, most,
			   text);
	return number;
}

void json_print(struct json_object *object, bool one_line)
{
	json_write(stdout, object, one_line);
}

void json_write(FILE *out, struct json_object *object, bool one_line)
{
	int flags = JSON_C_TO_STRING_NOSLASHESCAPE |
		    (one_line ? JSON_C_TO_STRING_PLAIN :
				JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED);

	fprintf(out, "%s\n", json_object_to_json_string_ext(object, flags));
	json_object_put(object);
}

int output_end(int status)
{
	if (fflush(stdout) || ferror(stdout)) {
		warn("cannot write output");
		return EXIT_FAILURE;
	}
	return status;
}

static const struct verb *find_verb(const char *name)
{
	const struct verb *v;

	for (v = verbs; v->name && strcmp(v->name, name); v++)
		;
	return v->name ? v : NULL;
}

/* What --help of the program says after its options. */
static char *help_filter(int key, const char *text, void *input)
{
	const struct verb *v;
	char *help, *longer;

	(void)input;
	if (key != ARGP_KEY_HELP_POST_DOC)
		return (char *)text;
	help = format_text("Verbs:\n");
	for (v = verbs; v->name; v++) {
		longer = format_text("%s  %-8s %s\n", help, v->name, v->what);
		free(help);
		help = longer;
	}
	longer = format_text("%s\n'tiermemctl VERB --help' says more, tiermemctl(1) most.", help);
	free(help);
	return longer;
}

static const struct argp_option main_options[] = {
	{ "list-verbs", OPT_LIST_VERBS, NULL, OPTION_HIDDEN, NULL, 0 },
	{ 0 }
};

static error_t parse_main(int key, char *arg, struct argp_state *state)
{
	int *first = state->input;
	const struct verb *v;

	(void)arg;
	switch (key) {
	case OPT_LIST_VERBS:
		for (v = verbs; v->name; v++)
			puts(v->name);
		exit(output_end(EXIT_SUCCESS));
	case ARGP_KEY_INIT:
		state->child_inputs[0] = NULL;
		return 0;
	case ARGP_KEY_ARG:
		/* The rest is the verb's. */
		*first = state->next - 1;
		state->next = state->argc;
		return 0;
	case ARGP_KEY_NO_ARGS:
		argp_usage(state);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

int main(int argc, char **argv)
{
	static const struct argp_child children[] = { { &root_argp, 0, NULL, 0 }, { 0 } };
	static const struct argp argp = {
		main_options, parse_main, "VERB [ARGUMENT...]",
		"Quotas of DRAM for cgroups, on machines that also have slower memory.\v-",
		children, help_filter, NULL
	};
	const char *root = getenv("TIERMEM_ROOT");
	const struct verb *v;
	int first = argc;
	char *name;

	setlocale(LC_ALL, "");
	/* Numbers are read and written with a point. */
	setlocale(LC_NUMERIC, "C");
	argp_err_exit_status = EXIT_USAGE;
	/* Not 93.320000000000007. */
	json_c_set_serialization_double_format("%.12g", JSON_C_OPTION_GLOBAL);
	if (root)
		root_set(root);
	argp_parse(&argp, argc, argv, ARGP_IN_ORDER, NULL, &first);
	v = find_verb(argv[first]);
	if (!v)
		errx(EXIT_USAGE, "there is no verb '%s': see tiermemctl --help", argv[first]);
	name = format_text("tiermemctl %s", v->name);
	argv[first] = name;
	first = v->run(argc - first, argv + first);
	free(name);
	return first;
}
