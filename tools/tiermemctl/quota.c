// SPDX-License-Identifier: GPL-2.0
/* Quotas, from the command line to the module. */
#include <err.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cgroup.h"
#include "group.h"
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

uint64_t quota_argument(const char *text)
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
		errx(argp_err_exit_status, "'%s' is no quota: %s (2G, 1536M, 50%%, max)", shown,
		     wrong);
	}
	return bytes;
}

void quota_judge(uint64_t dram_max_bytes)
{
	uint64_t dram_bytes = dram_size();
	char quota[SIZE_CHARS], dram[SIZE_CHARS];

	if (dram_max_bytes != NO_QUOTA && dram_bytes && dram_max_bytes > dram_bytes)
		warnx("a quota of %s never binds: this machine has %s of DRAM",
		      size_text(dram_max_bytes, quota), size_text(dram_bytes, dram));
}

char *quota_text(uint64_t dram_max_bytes)
{
	return dram_max_bytes == NO_QUOTA ? format_text("max") :
					    format_text("%" PRIu64, dram_max_bytes);
}

int quota_write(const char *cgroup, uint64_t dram_max_bytes, int open_flags)
{
	char *path = cgroup_file(cgroup, "tiermem.dram_max");
	char *number = quota_text(dram_max_bytes), *text = format_text("%s\n", number);
	int ret = file_write(path, text, open_flags);

	free(number);
	free(text);
	free(path);
	return ret;
}

const char *quota_error(int error)
{
	switch (error) {
	case -EACCES:
	case -EPERM:
		return "not permitted: be root, in the host's cgroup namespace";
	case -EBUSY:
		return "the page allocator can't be hooked: sysctl kernel.ftrace_enabled=1";
	case -ENOENT:
	case -ENODEV:
		return "the cgroup or the module is being removed";
	default:
		return strerror(-error);
	}
}
