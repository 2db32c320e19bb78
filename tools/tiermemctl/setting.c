// SPDX-License-Identifier: GPL-2.0
/* What can be set, of a group and of the machine: keys, values, files. */
#include <err.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cgroup.h"
#include "pool.h"
#include "quota.h"
#include "root.h"
#include "setting.h"
#include "text.h"
#include "verb.h"

#define LEAST_WEIGHT	1
#define MOST_WEIGHT	10000

static const struct setting_kind {
	const char *key;
	const char *json;
	const char *noun;		/* of a size; all others have words and numbers */
	bool machine;			/* of the machine: the root cgroup stands for it */
	bool pooled;			/* works through the pool only */
} kinds[SETTINGS] = {
	[SETTING_DRAM_MIN] = { "dram_min", "dram_min_bytes", "reservation", false, true },
	[SETTING_DRAM_WEIGHT] = { "dram_weight", "dram_weight", NULL, false, true },
	[SETTING_DRAM_MAX] = { "dram_max", "dram_max_bytes", "quota", false, false },
	[SETTING_POOL_POLICY] = { "pool_policy", "pool_policy", NULL, true, false },
	[SETTING_DRAM_POOL] = { "dram_pool", "dram_pool_bytes", "pool", true, false },
};

enum setting setting_find(const char *key, size_t length)
{
	enum setting s;

	for (s = 0; s < SETTINGS; s++)
		if (strlen(kinds[s].key) == length && !strncmp(kinds[s].key, key, length))
			break;
	return s;
}

const char *setting_key(enum setting s)
{
	return kinds[s].key;
}

const char *setting_json_key(enum setting s)
{
	return kinds[s].json;
}

static char *path_of(enum setting s, const char *cgroup)
{
	char *file, *path;

	if (kinds[s].machine)
		return root_path("sys/kernel/tiermem/%s", kinds[s].key);
	file = format_text("tiermem.%s", kinds[s].key);
	path = cgroup_file(cgroup, file);
	free(file);
	return path;
}

void setting_needs(enum setting s, const char *cgroup)
{
	const char *key = kinds[s].key;
	bool known;
	char *path;

	if (!kinds[s].machine)
		cgroup_needs_tiermem(cgroup);
	else if (strcmp(cgroup, "/"))
		errx(EXIT_FAILURE, "%s is of all groups together, not of one: tiermemctl set / %s=%s",
		     key, key, kinds[s].noun ? "SIZE" : "fair");
	path = path_of(s, cgroup);
	known = !access(path, F_OK);
	free(path);
	if (!known)
		errx(EXIT_FAILURE,
		     "the module that is loaded knows no %s: load one that is as new as tiermemctl",
		     key);
}

static bool is_weight(const char *text)
{
	unsigned long weight = strtoul(text, NULL, 10);

	if (!strcmp(text, "default"))
		return true;
	return *text && !text[strspn(text, "0123456789")] && weight >= LEAST_WEIGHT &&
	       weight <= MOST_WEIGHT;
}

static void refuse(const char *text, const char *message)
{
	char *shown = text_printable(text);

	errx(EXIT_USAGE, "'%s' is no %s", shown, message);
}

char *setting_argument(enum setting s, const char *text)
{
	if (kinds[s].noun)
		return quota_text(quota_argument(kinds[s].noun, text));
	if (s == SETTING_DRAM_WEIGHT && !is_weight(text))
		refuse(text, "weight: that is a number from 1 to 10000, or default");
	if (s == SETTING_POOL_POLICY && strcmp(text, "fair") && strcmp(text, "throughput"))
		refuse(text, "policy: that is fair or throughput");
	return format_text("%s", text);
}

void setting_judge(enum setting s, const char *value)
{
	struct pool pool;
	uint64_t bytes;

	if (kinds[s].noun && !quota_parse(value, &bytes))
		quota_judge(kinds[s].noun, bytes);
	if (!kinds[s].pooled || !strcmp(value, "0") || !strcmp(value, "default"))
		return;
	pool_read(&pool);
	if (pool.bytes == NO_QUOTA)
		warnx("%s has no effect without a pool: tiermemctl set / dram_pool=SIZE",
		      kinds[s].key);
	pool_free(&pool);
}

char *setting_read(enum setting s, const char *cgroup)
{
	char *path = path_of(s, cgroup), *text;
	int ret = file_read(path, &text);

	free(path);
	errno = -ret;
	return text;
}

int setting_write(enum setting s, const char *cgroup, const char *value, int open_flags)
{
	char *path = path_of(s, cgroup), *line = format_text("%s\n", value);
	int ret = file_write(path, line, open_flags);

	free(line);
	free(path);
	return ret;
}

int quota_write(const char *cgroup, uint64_t dram_max_bytes, int open_flags)
{
	char *text = quota_text(dram_max_bytes);
	int ret = setting_write(SETTING_DRAM_MAX, cgroup, text, open_flags);

	free(text);
	return ret;
}

const char *setting_error(int error)
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
