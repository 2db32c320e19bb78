/* SPDX-License-Identifier: GPL-2.0 */
/* A command in a cgroup of its own. */
#ifndef TIERMEMCTL_OWN_H
#define TIERMEMCTL_OWN_H

#include <stdint.h>

/* As of env(1) and timeout(1). */
enum { RUN_FAILED = 125, RUN_NOT_EXECUTABLE = 126, RUN_NOT_FOUND = 127 };

/* Becomes the command, or ends the program after a message. */
void run_command(char **command) __attribute__((noreturn));

/**
 * own_run() - make a cgroup, run a command in it, and remove it
 * @name: of the cgroup, or NULL
 * @quota_bytes: of the cgroup
 * @command: with its arguments
 *
 * Signals that come from elsewhere are passed on. If the command is killed by a signal, then so
 * is this program.
 *
 * Return: status of the command, or one of the above after a message.
 */
int own_run(const char *name, uint64_t quota_bytes, char **command);

#endif
