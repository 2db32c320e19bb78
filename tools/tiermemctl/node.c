// SPDX-License-Identifier: GPL-2.0
/* NUMA nodes with memory, as tiermem sees them. */
#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "array.h"
#include "node.h"
#include "root.h"

bool list_has(const char *list, int id)
{
	while (list && *list) {
		int first, last, n = 0;

		if (sscanf(list, "%d%n-%d%n", &first, &n, &last, &n) < 2)
			last = first;
		if (!n)
			return false;
		if (id >= first && id <= last)
			return true;
		list = list[n] == ',' ? list + n + 1 : NULL;
	}
	return false;
}

/* "Node 0 MemTotal:       14510284 kB" */
static uint64_t meminfo(const char *text, const char *key)
{
	const char *at = strstr(text, key);

	return at ? strtoull(at + strlen(key), NULL, 10) * 1024 : 0;
}

static int memory_tier(int id)
{
	char *path = root_path("sys/devices/virtual/memory_tiering");
	DIR *dir = opendir(path);
	struct dirent *entry;
	int tier, found = -1;
	char *list;

	free(path);
	while (dir && found < 0 && (entry = readdir(dir))) {
		if (sscanf(entry->d_name, "memory_tier%d", &tier) != 1)
			continue;
		list = root_line("sys/devices/virtual/memory_tiering/%s/nodelist", entry->d_name);
		if (list_has(list, id))
			found = tier;
		free(list);
	}
	if (dir)
		closedir(dir);
	return found;
}

/* What a device-dax is part of, by where it is in sysfs. */
static const char *dax_kind(const char *device)
{
	static const struct { const char *part, *kind; } kinds[] = {
		{ "/ndbus", "PMEM" }, { "/cxl", "CXL" }, { "/region", "CXL" },
		{ "/hmem", "HMEM" },
	};
	char *path = root_path("sys/bus/dax/devices/%s", device), *real = realpath(path, NULL);
	const char *kind = "DAX";
	size_t i;

	for (i = 0; real && i < ARRAY_SIZE(kinds); i++) {
		if (strstr(real, kinds[i].part)) {
			kind = kinds[i].kind;
			break;
		}
	}
	free(real);
	free(path);
	return kind;
}

/* Memory that is hotplugged comes from a device-dax; the rest firmware said was memory. */
static const char *node_kind(const struct node *node)
{
	char *path = root_path("sys/bus/dax/devices"), *target;
	const char *kind = NULL;
	DIR *dir = opendir(path);
	struct dirent *entry;

	free(path);
	while (dir && !kind && (entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		target = root_line("sys/bus/dax/devices/%s/target_node", entry->d_name);
		if (target && *target && atoi(target) == node->id)
			kind = dax_kind(entry->d_name);
		free(target);
	}
	if (dir)
		closedir(dir);
	/* A node of DRAM may have a device-dax beside it, as pmem without a node of its own. */
	if (*node->cpus)
		return "DRAM";
	return kind ?: node->slow ? "no CPUs" : "DRAM";
}

static int distance(int from, int to)
{
	char *line = root_line("sys/devices/system/node/node%d/distance", from);
	char *online = root_line("sys/devices/system/node/online"), *rest = line, *word;
	int id = 0, found = INT_MAX;

	/* A number for each node that is online. */
	while ((word = strsep(&rest, " "))) {
		while (online && !list_has(online, id) && id <= to)
			id++;
		if (id == to)
			found = atoi(word);
		if (id++ >= to)
			break;
	}
	free(online);
	free(line);
	return found;
}

static void find_targets(struct nodes *nodes)
{
	size_t i, j;

	for (i = 0; i < nodes->n; i++) {
		struct node *node = &nodes->node[i];
		int nearest = INT_MAX;

		for (j = 0; !node->slow && j < nodes->n; j++) {
			int d;

			if (!nodes->node[j].slow)
				continue;
			d = distance(node->id, nodes->node[j].id);
			if (node->demotes_to < 0 || d < nearest) {
				node->demotes_to = nodes->node[j].id;
				nearest = d;
			}
		}
	}
}

static void read_node(struct nodes *nodes, int id, const char *fast, const char *slow)
{
	struct node *more, node = { .id = id, .demotes_to = -1 };
	char *path = root_path("sys/devices/system/node/node%d/meminfo", id), *text;
	int ret = file_read(path, &text);

	free(path);
	if (ret)
		return;
	node.size_bytes = meminfo(text, "MemTotal:");
	node.free_bytes = meminfo(text, "MemFree:");
	free(text);
	if (!node.size_bytes)
		return;
	node.cpus = root_line("sys/devices/system/node/node%d/cpulist", id) ?: format_text("%s", "");
	if (list_has(slow, id))
		node.slow = true;
	else
		node.slow = !list_has(fast, id) && !*node.cpus;
	node.memory_tier = memory_tier(id);
	node.kind = node_kind(&node);
	more = array_grow(nodes->node, nodes->n, sizeof(*more));
	nodes->node = more;
	more[nodes->n++] = node;
}

static int compare(const void *a, const void *b)
{
	const struct node *x = a, *y = b;

	return x->id - y->id;
}

void nodes_read(struct nodes *nodes)
{
	char *path = root_path("sys/devices/system/node");
	char *fast = root_line("sys/kernel/tiermem/fast_nodes");
	char *slow = root_line("sys/kernel/tiermem/slow_nodes");
	DIR *dir = opendir(path);
	struct dirent *entry;
	int id, end;

	memset(nodes, 0, sizeof(*nodes));
	while (dir && (entry = readdir(dir))) {
		end = 0;
		if (sscanf(entry->d_name, "node%d%n", &id, &end) == 1 && !entry->d_name[end])
			read_node(nodes, id, fast, slow);
	}
	if (dir)
		closedir(dir);
	if (nodes->n)
		qsort(nodes->node, nodes->n, sizeof(*nodes->node), compare);
	find_targets(nodes);
	free(fast);
	free(slow);
	free(path);
}

void nodes_free(struct nodes *nodes)
{
	size_t i;

	for (i = 0; i < nodes->n; i++)
		free(nodes->node[i].cpus);
	free(nodes->node);
	memset(nodes, 0, sizeof(*nodes));
}

uint64_t nodes_size(const struct nodes *nodes, bool slow)
{
	uint64_t bytes = 0;
	size_t i;

	for (i = 0; i < nodes->n; i++)
		if (nodes->node[i].slow == slow)
			bytes += nodes->node[i].size_bytes;
	return bytes;
}

uint64_t nodes_free_size(const struct nodes *nodes, bool slow)
{
	uint64_t bytes = 0;
	size_t i;

	for (i = 0; i < nodes->n; i++)
		if (nodes->node[i].slow == slow)
			bytes += nodes->node[i].free_bytes;
	return bytes;
}
