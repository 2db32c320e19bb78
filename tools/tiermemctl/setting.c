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

static const struct setting_kind {
	const char *key;
	const char *json;
	const char *noun;		/* of a size or a number */
	const char *example;		/* for a message */
	unsigned long most;		/* a number from 1 to that; 0: a size, or words */
	bool machine;			/* of the machine: the root cgroup stands for it */
	bool pooled;			/* works through the pool only */
} kinds[SETTINGS] = {
	[SETTING_DRAM_MIN] = {
		.key = "dram_min", .json = "dram_min_bytes", .noun = "reservation", .pooled = true,
	},
	[SETTING_DRAM_WEIGHT] = {
		.key = "dram_weight", .json = "dram_weight", .noun = "weight", .most = 10000,
		.pooled = true,
	},
	[SETTING_DRAM_MAX] = { .key = "dram_max", .json = "dram_max_bytes", .noun = "quota" },
	[SETTING_CPU_BUDGET_PERCENT] = {
		.key = "cpu_budget_percent", .json = "cpu_budget_percent", .noun = "budget",
		.example = "1", .most = 100, .machine = true,
	},
	[SETTING_MIGRATE_MBPS] = {
		.key = "migrate_mbps", .json = "migrate_mbps", .noun = "rate", .example = "1024",
		.most = 1000000, .machine = true,
	},
	[SETTING_POOL_POLICY] = {
		.key = "pool_policy", .json = "pool_policy", .example = "fair", .machine = true,
	},
	[SETTING_DRAM_POOL] = {
		.key = "dram_pool", .json = "dram_pool_bytes", .noun = "pool", .example = "SIZE",
		.machine = true,
	},
};

static bool is_size(enum setting s)
{
	return kinds[s].noun && !kinds[s].most;
}

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

bool setting_is_machine(enum setting s)
{
	return kinds[s].machine;
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
		     key, key, kinds[s].example);
	path = path_of(s, cgroup);
	known = !access(path, F_OK);
	free(path);
	if (!known)
		errx(EXIT_FAILURE,
		     "the module that is loaded knows no %s: load one that is as new as tiermemctl",
		     key);
}

static void refuse(const char *text, const char *message)
{
	char *shown = text_printable(text);

	/* As after other wrong usage of the verb. */
	errx(argp_err_exit_status, "'%s' is no %s", shown, message);
}

static void check_number(enum setting s, const char *text)
{
	unsigned long number = strtoul(text, NULL, 10);
	bool has_default = s == SETTING_DRAM_WEIGHT;

	if (has_default && !strcmp(text, "default"))
		return;
	if (!*text || text[strspn(text, "0123456789")] || !number || number > kinds[s].most)
		refuse(text, format_text("%s: that is a number from 1 to %lu%s", kinds[s].noun,
					 kinds[s].most, has_default ? ", or default" : ""));
}

char *setting_argument(enum setting s, const char *text)
{
	if (is_size(s))
		return quota_text(quota_argument(kinds[s].noun, text));
	if (kinds[s].most)
		check_number(s, text);
	if (s == SETTING_POOL_POLICY && strcmp(text, "fair") && strcmp(text, "throughput"))
		refuse(text, "policy: that is fair or throughput");
	return format_text("%s", text);
}

void setting_judge(enum setting s, const char *value)
{
	struct pool pool;
	uint64_t bytes;

	if (is_size(s) && !quota_parse(value, &bytes))
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
		return "not permitted: be root, in the host's cgroup namespace";
	case -EPERM:
		return "not permitted: be root, in the host's cgroup namespace, or below a group";
	case -EBUSY:
		return "the page allocator can't be hooked: sysctl kernel.ftrace_enabled=1";
	case -ENOENT:
	case -ENODEV:
		return "the cgroup or the module is being removed";
	default:
		return strerror(-error);
	}
}
