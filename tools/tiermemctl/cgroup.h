/* SPDX-License-Identifier: GPL-2.0 */
/* The tree of cgroups (v2). */
#ifndef TIERMEMCTL_CGROUP_H
#define TIERMEMCTL_CGROUP_H

#include <stdbool.h>

/*
 * A cgroup is named by its path from the mount point, as in /proc/PID/cgroup: "/" is the root,
 * "/system.slice/redis.service" one of the others.
 */

/* Where cgroup v2 is mounted, below the root of root.h. Ends the program if it is nowhere. */
const char *cgroup_mount(void);
bool cgroup_mounted(void);

/* The path of a file of a cgroup, to be freed. */
char *cgroup_file(const char *cgroup, const char *name);

/* Is there such a cgroup? */
bool cgroup_exists(const char *cgroup);

/* Can there be tiermem's files in it, that is, has it the memory controller? */
bool cgroup_has_tiermem(const char *cgroup);

/**
 * cgroup_walk() - call a function for a cgroup and all below it, parents first
 * @cgroup: where to begin
 * @visit: gets the cgroup and @arg
 * @arg: for @visit
 *
 * What vanishes meanwhile is not visited. What can't be read is told to stderr.
 *
 * Return: false if something could not be read.
 */
bool cgroup_walk(const char *cgroup, void (*visit)(const char *cgroup, void *arg), void *arg);

/* Like strcmp(), but what is below a cgroup comes right after it. */
int cgroup_compare(const char *a, const char *b);

/* The cgroup of a process, to be freed; NULL if there is no such process. */
char *cgroup_of_pid(const char *pid);

/* The last part of the path: a pointer into it. */
const char *cgroup_basename(const char *cgroup);

/**
 * cgroup_find() - what somebody means by a name
 * @name: path, unit, virtual machine or pid
 *
 * Ends the program, with a message, if that is nothing or several things.
 *
 * Return: the cgroup, to be freed.
 */
char *cgroup_find(const char *name);

/* Of a unit of the machine's systemd, to be freed; NULL if it has none now. */
char *cgroup_of_unit(const char *unit);

/* Of a domain of libvirt, by its very name, to be freed; NULL if it has none of its own now. */
char *cgroup_of_domain(const char *domain);

/* Ends the program, with a message, if a cgroup can't have a quota now. */
void cgroup_needs_tiermem(const char *cgroup);

#endif
