// SPDX-License-Identifier: GPL-2.0
/* What a process has mapped: /proc/PID/maps. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "array.h"
#include "mapping.h"
#include "root.h"

#define DELETED " (deleted)"

/* What people call it. */
static char *name_of(const char *path)
{
	const char *slash = strrchr(path, '/');
	size_t n;

	if (!*path)
		return format_text("anon");
	/* "[anon:NAME]", which prctl(2) sets; a name may have slashes. */
	if (*path == '[' || !slash)
		return format_text("%s", path);
	path = slash[1] ? slash + 1 : path;
	n = strlen(path);
	if (n > strlen(DELETED) && !strcmp(path + n - strlen(DELETED), DELETED))
		n -= strlen(DELETED);
	/* Shared memory without a file. */
	if (n == 4 && !strncmp(slash, "/zero", 5))
		return format_text("anon (shared)");
	return format_text("%.*s", (int)n, path);
}

static void add(struct mappings *ms, uint64_t start, uint64_t end, const char *path)
{
	struct mapping *last = ms->n ? &ms->mapping[ms->n - 1] : NULL, *more;
	char *name = name_of(path);

	if (last && last->end == start && !strcmp(last->name, name)) {
		last->end = end;
		free(name);
		return;
	}
	more = array_grow(ms->mapping, ms->n, sizeof(*more));
	ms->mapping = more;
	more[ms->n++] = (struct mapping){ .start = start, .end = end, .name = name };
}

int mappings_read(struct mappings *ms, int pid)
{
	char *path = root_path("proc/%d/maps", pid), *text, *rest, *line;
	uint64_t start, end;
	int ret = file_read(path, &text), name;

	memset(ms, 0, sizeof(*ms));
	free(path);
	if (ret)
		return ret;
	for (rest = text; (line = strsep(&rest, "\n"));) {
		name = 0;
		if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %*s %*s %*s %*s %n", &start, &end,
			   &name) < 2 || !name || end <= start)
			continue;
		/* The kernel's half, which is nobody's: [vsyscall]. */
		if (start > INT64_MAX)
			continue;
		add(ms, start, end, line + name);
	}
	free(text);
	return 0;
}

void mappings_free(struct mappings *ms)
{
	size_t i;

	for (i = 0; i < ms->n; i++)
		free(ms->mapping[i].name);
	free(ms->mapping);
	memset(ms, 0, sizeof(*ms));
}
