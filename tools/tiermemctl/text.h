/* SPDX-License-Identifier: GPL-2.0 */
/* Names of cgroups, which may hold any byte, where they are printed. */
#ifndef TIERMEMCTL_TEXT_H
#define TIERMEMCTL_TEXT_H

/* For a terminal: what can't be printed becomes \ooo. To be freed. */
char *text_printable(const char *name);

/* For JSON: what is no UTF-8 becomes U+FFFD. To be freed. */
char *text_utf8(const char *name);

/* For a label of Prometheus: UTF-8, its own escapes. To be freed. */
char *text_label(const char *name);

/**
 * text_fit() - make a printable name so wide
 * @name: text_printable() made it
 * @columns: blanks are added, or the beginning makes way for an ellipsis;
 *	0 takes the name as it is
 *
 * Return: to be freed.
 */
char *text_fit(const char *name, int columns);

/* Columns of a printable name. */
int text_width(const char *name);

#endif
