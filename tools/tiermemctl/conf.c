// SPDX-License-Identifier: GPL-2.0
/* The files in /etc/tiermem.d: who is to have what. */
#include <ctype.h>
#include <dirent.h>
#include <err.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "array.h"
#include "conf.h"
#include "root.h"
#include "text.h"

static const char * const target_keys[] = {
	[TARGET_UNIT] = "unit",
	[TARGET_DOMAIN] = "domain",
	[TARGET_CGROUP] = "cgroup",
};

static void complain(struct conf *c, unsigned int line, const char *what, const char *text)
{
	char *shown = text_printable(text);

	warnx("%s:%u: %s: '%.80s'", c->path, line, what, shown);
	free(shown);
	c->bad = true;
}

static char *strip(char *text)
{
	char *end;

	text += strspn(text, " \t\r\f\v");
	end = text + strlen(text);
	while (end > text && isspace((unsigned char)end[-1]))
		end--;
	*end = '\0';
	return text;
}

/* As systemctl does it: "redis" is redis.service. */
static char *unit_name(const char *name)
{
	static const char * const types[] = {
		".service", ".slice", ".scope", ".socket", ".mount", ".swap",
	};
	size_t n = strlen(name), i;

	for (i = 0; i < ARRAY_SIZE(types); i++)
		if (n > strlen(types[i]) && !strcmp(name + n - strlen(types[i]), types[i]))
			return format_text("%s", name);
	return format_text("%s.service", name);
}

/* With one slash before it, and none behind it. */
static char *cgroup_name(const char *name)
{
	size_t n;

	name += strspn(name, "/");
	for (n = strlen(name); n && name[n - 1] == '/'; n--)
		;
	return format_text("/%.*s", (int)n, name);
}

static char *name_of(enum target target, const char *text)
{
	if (target == TARGET_UNIT)
		return unit_name(text);
	if (target == TARGET_CGROUP)
		return cgroup_name(text);
	return format_text("%s", text);
}

static enum target find_target(const char *key)
{
	enum target t;

	for (t = TARGET_UNIT; t < ARRAY_SIZE(target_keys); t++)
		if (!strcmp(target_keys[t], key))
			return t;
	return TARGET_MACHINE;
}

static bool set_target(struct conf *c, const char *key, const char *value)
{
	enum target target = find_target(key);

	if (target == TARGET_MACHINE || c->name || !*value)
		return false;
	c->target = target;
	c->name = name_of(target, value);
	return true;
}

static bool set_setting(struct conf *c, const char *key, const char *value, unsigned int line)
{
	enum setting s = setting_find(key, strlen(key));

	if (s == SETTINGS || c->setting[s].value)
		return false;
	c->setting[s].value = format_text("%s", value);
	c->setting[s].line = line;
	return true;
}

static void parse_line(struct conf *c, char *text, unsigned int line)
{
	char *equals, *key, *value;

	text = strip(text);
	if (!*text || *text == '#')
		return;
	equals = strchr(text, '=');
	if (equals) {
		key = format_text("%.*s", (int)(equals - text), text);
		value = strip(equals + 1);
		if (!set_target(c, strip(key), value) && !set_setting(c, strip(key), value, line))
			complain(c, line, "not understood, or there twice", text);
		free(key);
	} else {
		complain(c, line, "not understood", text);
	}
}

static void forget_setting(struct conf *c, enum setting s)
{
	free(c->setting[s].value);
	c->setting[s].value = NULL;
}

/* Settings of the machine in a group's file, and the other way round. */
static void check_places(struct conf *c)
{
	bool machine = c->target == TARGET_MACHINE;
	enum setting s;

	for (s = 0; s < SETTINGS; s++) {
		if (!c->setting[s].value || setting_is_machine(s) == machine)
			continue;
		complain(c, c->setting[s].line, machine ?
			 "of a group, but the file has no unit=, domain= or cgroup=" :
			 "of the machine: in a file without unit=, domain= and cgroup=",
			 setting_key(s));
		forget_setting(c, s);
	}
}

static void conf_read(struct conf *c, const char *file)
{
	char *path, *text, *rest, *line;
	unsigned int n = 0;
	int ret;

	memset(c, 0, sizeof(*c));
	c->path = format_text(CONF_DIR "/%s", file);
	path = root_path("%s", c->path + 1);
	ret = file_read(path, &text);
	free(path);
	if (ret) {
		warnx("cannot read %s: %s", c->path, strerror(-ret));
		c->bad = true;
	}
	for (rest = text; (line = strsep(&rest, "\n"));)
		parse_line(c, line, ++n);
	free(text);
	if (c->name && !strcmp(c->name, "/"))
		c->target = TARGET_MACHINE;
	if (!c->name)
		c->name = format_text("/");
	check_places(c);
}

static int is_conf(const struct dirent *entry)
{
	size_t n = strlen(entry->d_name);

	return *entry->d_name != '.' && n > 5 && !strcmp(entry->d_name + n - 5, ".conf");
}

/* alphasort() goes by the locale, and machines differ in that. */
static int by_bytes(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

void confs_read(struct confs *cs)
{
	char *path = root_path("%s", CONF_DIR + 1);
	struct dirent **entry;
	int n, i;

	memset(cs, 0, sizeof(*cs));
	n = scandir(path, &entry, is_conf, by_bytes);
	free(path);
	if (n < 0) {
		cs->bad = errno != ENOENT;
		if (cs->bad)
			warn("cannot read " CONF_DIR);
		return;
	}
	for (i = 0; i < n; i++) {
		cs->conf = array_grow(cs->conf, cs->n, sizeof(*cs->conf));
		conf_read(&cs->conf[cs->n++], entry[i]->d_name);
		free(entry[i]);
	}
	free(entry);
}

void confs_free(struct confs *cs)
{
	enum setting s;
	size_t i;

	for (i = 0; i < cs->n; i++) {
		for (s = 0; s < SETTINGS; s++)
			forget_setting(&cs->conf[i], s);
		free(cs->conf[i].name);
		free(cs->conf[i].path);
	}
	free(cs->conf);
}

bool conf_is_about(const struct conf *c, const char *name)
{
	char *theirs = c->target == TARGET_MACHINE ? format_text("%s", name) :
						     name_of(c->target, name);
	bool is = !strcmp(c->name, theirs);

	free(theirs);
	return is;
}

bool conf_same(const struct conf *a, const struct conf *b)
{
	return a->target == b->target && !strcmp(a->name, b->name);
}
