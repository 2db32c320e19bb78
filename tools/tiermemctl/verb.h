/* SPDX-License-Identifier: GPL-2.0 */
/* The verbs of the command line, and the options that all of them have. */
#ifndef TIERMEMCTL_VERB_H
#define TIERMEMCTL_VERB_H

#include <argp.h>
#include <json-c/json.h>
#include <stdbool.h>
#include <stdio.h>

/* Beside EXIT_SUCCESS and EXIT_FAILURE; in tiermemctl(1). */
enum { EXIT_USAGE = 2, EXIT_NO_MODULE = 3 };

struct common {
	bool json;
};

/* A child of each verb's argp; its input is a struct common. */
extern const struct argp common_argp;
/* For verbs whose output is not theirs: --root only. */
extern const struct argp root_argp;

struct verb {
	const char *name;
	int (*run)(int argc, char **argv);	/* argv[0] is for messages; an exit status */
	const char *what;
};

int verb_list(int argc, char **argv);
int verb_get(int argc, char **argv);
int verb_set(int argc, char **argv);
int verb_apply(int argc, char **argv);
int verb_run(int argc, char **argv);
int verb_top(int argc, char **argv);
int verb_nodes(int argc, char **argv);
int verb_heatmap(int argc, char **argv);
int verb_advise(int argc, char **argv);
int verb_export(int argc, char **argv);
int verb_events(int argc, char **argv);
int verb_check(int argc, char **argv);

/* Options of a verb that takes a number: the end of the program if @text isn't one. */
double argument_number(const struct argp_state *state, const char *what, const char *text,
		       double least, double most);

/* Writes @object, in one line or many, and lets go of it. */
void json_write(FILE *out, struct json_object *object, bool one_line);
void json_print(struct json_object *object, bool one_line);

/* Flushes stdout. Return: @status, or EXIT_FAILURE with a message if that failed. */
int output_end(int status);

#endif
