/* SPDX-License-Identifier: GPL-2.0 */
/* Files that are replaced as a whole, so that nobody reads half of one. */
#ifndef TIERMEMCTL_REPLACE_H
#define TIERMEMCTL_REPLACE_H

#include <stdbool.h>
#include <stdio.h>

/**
 * file_replace() - write a file, as a whole or not at all
 * @file: where
 * @write: writes it to @out; false, after a message, if it can't
 * @arg: for @write
 *
 * Return: an exit status; after a message, if it is a bad one.
 */
int file_replace(const char *file, bool (*write)(FILE *out, void *arg), void *arg);

#endif
