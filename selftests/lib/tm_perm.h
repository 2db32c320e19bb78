/* SPDX-License-Identifier: GPL-2.0 */
/* Processes with other users and namespaces, and what they are answered. */
#ifndef TM_PERM_H
#define TM_PERM_H

#include "tm_test.h"

#define TM_USER	1000

/* Of this process, for good: another user, without any capability. 0 if it worked. */
int tm_become_user(void);

/* After unshare(CLONE_NEWUSER) of that user: root of the namespace. 0 if it worked. */
int tm_map_root(void);

/* 0, or 1 after a message about an answer that was another one than expected. */
int tm_judge(const char *who, const char *what, const char *whom, int found, int expected);

/* Runs a function in a child; its status: how many answers were wrong, or 100 for a bad set-up. */
bool tm_in_child(const char *who, const struct tm_cg *cg, tm_child_fn fn, void *arg);

#endif /* TM_PERM_H */
