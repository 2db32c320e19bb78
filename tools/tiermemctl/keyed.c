// SPDX-License-Identifier: GPL-2.0
/* Flat keyed files: a key and a number in each line. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "array.h"
#include "keyed.h"
#include "root.h"

static void add(struct keyed *keyed, const char *key, uint64_t value)
{
	struct keyed_line *more;

	more = array_grow(keyed->line, keyed->lines, sizeof(*more));
	keyed->line = more;
	more[keyed->lines].key = key;
	more[keyed->lines].value = value;
	keyed->lines++;
}

int keyed_read(struct keyed *keyed, const char *path)
{
	char *line, *rest, *end, *space;
	uint64_t value;
	int ret;

	memset(keyed, 0, sizeof(*keyed));
	ret = file_read(path, &keyed->text);
	if (ret)
		return ret;
	for (rest = keyed->text; (line = strsep(&rest, "\n"));) {
		space = strchr(line, ' ');
		if (!space || space == line || !isdigit((unsigned char)space[1]))
			continue;
		/* Too large becomes the largest there is. */
		value = strtoull(space + 1, &end, 10);
		if (*end)
			continue;
		*space = '\0';
		add(keyed, line, value);
	}
	return 0;
}

void keyed_free(struct keyed *keyed)
{
	free(keyed->line);
	free(keyed->text);
	memset(keyed, 0, sizeof(*keyed));
}

const struct keyed_line *keyed_find(const struct keyed *keyed, const char *key)
{
	size_t i;

	for (i = 0; i < keyed->lines; i++)
		if (!strcmp(keyed->line[i].key, key))
			return &keyed->line[i];
	return NULL;
}

uint64_t keyed_value(const struct keyed *keyed, const char *key)
{
	const struct keyed_line *line = keyed_find(keyed, key);

	return line ? line->value : 0;
}
