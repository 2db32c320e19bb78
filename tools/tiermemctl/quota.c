// SPDX-License-Identifier: GPL-2.0
/* Quotas, and other sizes that may be max: as people and the module write them. */
#include <err.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "node.h"
#include "quota.h"
#include "root.h"
#include "size.h"
#include "text.h"
#include "verb.h"

static uint64_t dram_size(void)
{
	struct nodes nodes;
	uint64_t bytes;

	nodes_read(&nodes);
	bytes = nodes_size(&nodes, false);
	nodes_free(&nodes);
	return bytes;
}

int quota_parse(const char *text, uint64_t *bytes)
{
	if (!strcmp(text, "max"))
		*bytes = NO_QUOTA;
	else if (size_parse(text, bytes))
		return -EBADMSG;
	return 0;
}

/* A part of the machine's DRAM. */
static const char *parse_percent(const char *text, uint64_t dram_bytes, uint64_t *bytes)
{
	char *end;
	double percent = strtod(text, &end);

	/* strtod() also knows "-5", "inf" and "0x10". */
	if (strspn(text, "0123456789.") != strlen(text) - 1 || end == text || strcmp(end, "%") ||
	    percent > 100)
		return "a percentage is a number from 0 to 100";
	if (!dram_bytes)
		return "how much DRAM this machine has can't be read";
	*bytes = dram_bytes * (percent / 100);
	return NULL;
}

uint64_t quota_argument(const char *noun, const char *text)
{
	const char *wrong;
	uint64_t bytes = 0;

	if (!strcmp(text, "max"))
		return NO_QUOTA;
	if (*text && text[strlen(text) - 1] == '%')
		wrong = parse_percent(text, dram_size(), &bytes);
	else
		wrong = size_parse(text, &bytes);
	if (wrong) {
		char *shown = text_printable(text);

		/* As after other wrong usage of the verb. */
		errx(argp_err_exit_status, "'%s' is no %s: %s (2G, 1536M, 50%%, max)", shown,
		     noun, wrong);
	}
	return bytes;
}

void quota_judge(const char *noun, uint64_t bytes)
{
	uint64_t dram_bytes = dram_size();
	char quota[SIZE_CHARS], dram[SIZE_CHARS];

	if (bytes != NO_QUOTA && dram_bytes && bytes > dram_bytes)
		warnx("a %s of %s is more than this machine has: %s of DRAM", noun,
		      size_text(bytes, quota), size_text(dram_bytes, dram));
}

char *quota_text(uint64_t bytes)
{
	return bytes == NO_QUOTA ? format_text("max") : format_text("%" PRIu64, bytes);
}
