// SPDX-License-Identifier: GPL-2.0
/* What somebody means by the name of a group. */
#include <ctype.h>
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "array.h"
#include "cgroup.h"
#include "root.h"
#include "text.h"
#include "verb.h"

struct search {
	const char *name;
	bool machines_only;
	bool nested;			/* also in units: containers, managers of users */
	char **found;
	size_t n;
};

static void add(struct search *s, const char *cgroup)
{
	char **more;
	size_t i;

	for (i = 0; i < s->n; i++)
		if (!strcmp(s->found[i], cgroup))
			return;
	more = array_grow(s->found, s->n, sizeof(*more));
	s->found = more;
	more[s->n++] = format_text("%s", cgroup);
}

/* What systemd made of a name to have it in a unit's: \x2d is "-", and "-" was "/". */
static char *unit_unescape(const char *unit)
{
	char *name = format_text("%s", unit), *to = name;
	unsigned int byte;
	int end;

	while (*unit) {
		end = 0;
		if (sscanf(unit, "\\x%2x%n", &byte, &end) == 1 && end == 4) {
			*to++ = byte;
			unit += end;
		} else {
			*to++ = *unit == '-' ? '/' : *unit;
			unit++;
		}
	}
	*to = '\0';
	return name;
}

/* "qemu-1-NAME" or "NAME": what libvirt or others call a machine. */
static bool machine_matches(const char *machine, const char *name)
{
	const char *at = strchr(machine, '-');

	if (!strcmp(machine, name))
		return true;
	if (!at || !isdigit((unsigned char)at[1]))
		return false;
	at++;
	at += strspn(at, "0123456789");
	return *at == '-' && !strcmp(at + 1, name);
}

/* @text without @head before and @tail behind it, to be freed; NULL if they aren't there. */
static char *between(const char *text, const char *head, const char *tail)
{
	size_t n = strlen(text), heads = strlen(head), tails = strlen(tail);

	if (n <= heads + tails || strncmp(text, head, heads) || strcmp(text + n - tails, tail))
		return NULL;
	return format_text("%.*s", (int)(n - heads - tails), text + heads);
}

/* Of libvirt with systemd, and without. */
static bool is_machine(const char *base, const char *name)
{
	char *escaped = between(base, "machine-", ".scope"), *machine;
	bool matches;

	machine = escaped ? unit_unescape(escaped) : between(base, "", ".libvirt-qemu");
	free(escaped);
	matches = machine && machine_matches(machine, name);
	free(machine);
	return matches;
}

static bool is_unit(const char *base, const char *name)
{
	static const char * const suffixes[] = { "", ".service", ".scope", ".slice" };
	size_t n = strlen(name), i;

	if (strncmp(base, name, n))
		return false;
	for (i = 0; i < ARRAY_SIZE(suffixes); i++)
		if (!strcmp(base + n, suffixes[i]))
			return true;
	return false;
}

/* Below a unit that is no slice: not of the machine's systemd. */
static bool is_nested(const char *cgroup)
{
	const char *part = cgroup, *end;

	for (; (end = strchr(part + 1, '/')); part = end)
		if ((end - part > 8 && !strncmp(end - 8, ".service", 8)) ||
		    (end - part > 6 && !strncmp(end - 6, ".scope", 6)))
			return true;
	return false;
}

static void match(const char *cgroup, void *arg)
{
	const char *base = cgroup_basename(cgroup);
	struct search *s = arg;

	if (!s->nested && is_nested(cgroup))
		return;
	if (is_machine(base, s->name) || (!s->machines_only && is_unit(base, s->name)))
		add(s, cgroup);
}

/* Is the part of a path, up to @end, what libvirt made for a machine? */
static bool is_machine_part(const char *part, const char *end)
{
	static const char * const tails[] = { ".scope", ".libvirt-qemu" };
	size_t i, n = end - part;

	for (i = 0; i < ARRAY_SIZE(tails); i++) {
		size_t tail = strlen(tails[i]);

		if (n > tail && !strncmp(end - tail, tails[i], tail))
			return i || !strncmp(part, "machine-", 8);
	}
	return false;
}

/*
 * The quota of a machine belongs on what libvirt made for it: cgroups inside come and go with it.
 * Return: false if the path has no such part.
 */
static bool cut_at_machine(char *cgroup)
{
	char *part, *end;

	for (part = cgroup; *part; part = end) {
		part++;
		end = strchrnul(part, '/');
		if (is_machine_part(part, end)) {
			*end = '\0';
			return true;
		}
	}
	return false;
}

static void add_process(struct search *s, const char *pid)
{
	char *cgroup = cgroup_of_pid(pid);

	if (cgroup) {
		cut_at_machine(cgroup);
		add(s, cgroup);
	}
	free(cgroup);
}

/* libvirt keeps the pid of each machine; names of scopes may be cut short. To be freed, or NULL. */
static char *libvirt_pid(const char *machine)
{
	char *pid = strchr(machine, '/') ? NULL : root_line("run/libvirt/qemu/%s.pid", machine);

	if (pid && *pid && !pid[strspn(pid, "0123456789")])
		return pid;
	free(pid);
	return NULL;
}

static void add_libvirt(struct search *s)
{
	char *pid = libvirt_pid(s->name);

	if (pid)
		add_process(s, pid);
	free(pid);
}

/* Has it ".." in it? */
static bool leaves_tree(const char *cgroup)
{
	const char *at;

	for (at = cgroup; (at = strstr(at, "/..")); at += 3)
		if (at[3] == '/' || !at[3])
			return true;
	return false;
}

/* A path as people have it from the shell or from /proc; NULL if there is no such cgroup. */
static char *path_of(const char *name)
{
	const char *mount = cgroup_mount();
	size_t n = strlen(mount);
	char *cgroup;

	/* "/sys/fs/cgroup/a", also where the mount is below another root. */
	if (!strncmp(name, mount, n) && (name[n] == '/' || !name[n]))
		name += n;
	else if (!strncmp(name, "/sys/fs/cgroup/", 15))
		name += 14;
	cgroup = format_text("/%s", name + strspn(name, "/"));
	for (n = strlen(cgroup); n > 1 && cgroup[n - 1] == '/'; n--)
		cgroup[n - 1] = '\0';
	if (!leaves_tree(cgroup) && cgroup_exists(cgroup))
		return cgroup;
	free(cgroup);
	return NULL;
}

static void search(struct search *s)
{
	char *path = path_of(s->name);

	if (path)
		add(s, path);
	if (strchr(s->name, '/')) {
		free(path);
		return;
	}
	if (!s->name[strspn(s->name, "0123456789")])
		add_process(s, s->name);
	add_libvirt(s);
	/* The path is of that unit; but a machine of this name is another thing. */
	s->machines_only = path;
	cgroup_walk("/", match, s);
	if (!s->n) {
		s->nested = true;
		cgroup_walk("/", match, s);
	}
	free(path);
}

char *cgroup_find(const char *name)
{
	struct search s = { .name = name };
	char *shown = text_printable(name), *found;
	size_t i;

	if (!*name)
		errx(EXIT_USAGE, "the name of a group is missing");
	search(&s);
	if (!s.n)
		errx(EXIT_FAILURE,
		     "no cgroup, unit, virtual machine or process '%s': is it running? (tiermemctl list --all)",
		     shown);
	if (s.n > 1) {
		warnx("'%s' could be", shown);
		for (i = 0; i < s.n; i++)
			fprintf(stderr, "  %s\n", text_printable(s.found[i]));
		errx(EXIT_FAILURE, "name one of them by its path");
	}
	found = s.found[0];
	/* A process can be outside of the cgroup namespace, or of the tree that --root has. */
	if (leaves_tree(found) || !cgroup_exists(found))
		errx(EXIT_FAILURE, "'%s' is in cgroup %s, which is not in %s", shown, found,
		     cgroup_mount());
	free(s.found);
	free(shown);
	return found;
}

static void match_unit(const char *cgroup, void *arg)
{
	struct search *s = arg;

	if (!s->n && !strcmp(cgroup_basename(cgroup), s->name) && !is_nested(cgroup))
		add(s, cgroup);
}

char *cgroup_of_unit(const char *unit)
{
	struct search s = { .name = unit };
	char *found = NULL;

	cgroup_walk("/", match_unit, &s);
	if (s.n)
		found = s.found[0];
	free(s.found);
	return found;
}

char *cgroup_of_domain(const char *domain)
{
	char *pid = libvirt_pid(domain), *cgroup = pid ? cgroup_of_pid(pid) : NULL;

	free(pid);
	if (cgroup && cut_at_machine(cgroup) && !leaves_tree(cgroup) && cgroup_exists(cgroup))
		return cgroup;
	free(cgroup);
	return NULL;
}
