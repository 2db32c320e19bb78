/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Options as words, and what the words mean.
 */
#ifndef TIERSIM_OPTIONS_H
#define TIERSIM_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

/* All of @text is a decimal number. */
bool parse_number(const char *text, uint64_t *value);

/* The same, with K, M or G behind it. */
bool parse_bytes(const char *text, uint64_t *bytes);

/**
 * options_apply() - take over the plugin's arguments and set everything up
 * @argc: number of arguments
 * @argv: "key=value" each
 *
 * Return: false after a message.
 */
bool options_apply(int argc, char **argv);

#endif
