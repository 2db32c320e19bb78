/* SPDX-License-Identifier: GPL-2.0 */
/* A heat map as a picture. */
#ifndef TIERMEMCTL_PICTURE_H
#define TIERMEMCTL_PICTURE_H

#include <stdbool.h>
#include <stddef.h>

#include "ranges.h"

/* Is it the name of a file of a kind that can be drawn: .svg, .png? */
bool picture_can(const char *file);

/**
 * picture_write() - draw a map into a file, which is replaced as a whole
 * @file: where, of a kind that can be drawn
 * @map: with some memory; the same one makes the same picture
 * @lines: the map itself has at most so many
 *
 * Return: an exit status; after a message, if it is a bad one.
 */
int picture_write(const char *file, const struct heatmap *map, size_t lines);

#endif
