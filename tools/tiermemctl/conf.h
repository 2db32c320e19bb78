/* SPDX-License-Identifier: GPL-2.0 */
/* The files in /etc/tiermem.d: who is to have what. docs/howto/systemd.md has the format. */
#ifndef TIERMEMCTL_CONF_H
#define TIERMEMCTL_CONF_H

#include <stdbool.h>
#include <stddef.h>

#include "setting.h"

#define CONF_DIR "/etc/tiermem.d"

enum target { TARGET_MACHINE, TARGET_UNIT, TARGET_DOMAIN, TARGET_CGROUP };

struct conf {
	char *path;			/* as people know it: not below another root */
	bool bad;			/* some of it was not understood, and a message said so */
	enum target target;
	char *name;			/* of the unit, say; "/" is the machine */
	struct {
		char *value;		/* NULL: not there */
		unsigned int line;
	} setting[SETTINGS];
};

struct confs {
	struct conf *conf;
	size_t n;
	bool bad;			/* there was something that is not in any of them */
};

/* All files, in the order of their names. Messages say what is wrong with them. */
void confs_read(struct confs *cs);

void confs_free(struct confs *cs);

/* Is it about what somebody calls by this name? */
bool conf_is_about(const struct conf *c, const char *name);

/* Are both about the same? */
bool conf_same(const struct conf *a, const struct conf *b);

#endif
