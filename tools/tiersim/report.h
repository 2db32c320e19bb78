/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What tiersim tells: a line of JSON for each mark.
 */
#ifndef TIERSIM_REPORT_H
#define TIERSIM_REPORT_H

#include <stdbool.h>

/* @path: NULL for stderr. Return: false after a message. */
bool report_install(const char *path);

/* All counters since the beginning. @label: of the mark, negative for the end. */
void report_mark(int label);

#endif
