// SPDX-License-Identifier: GPL-2.0
/* NUMA nodes and where pages are. See tm_test.h. */
#include "tm_internal.h"

#include <numaif.h>

int tm_parse_nodes(const char *list, tm_nodes_t *nodes)
{
	const char *p = list;

	*nodes = 0;
	while (*p && *p != '\n') {
		char *end;
		long a = strtol(p, &end, 10), b = a;

		if (end == p)
			return -EINVAL;
		p = end;
		if (*p == '-') {
			b = strtol(p + 1, &end, 10);
			if (end == p + 1)
				return -EINVAL;
			p = end;
		}
		if (a < 0 || b < a || b >= TM_NODES)
			return -ERANGE;
		for (; a <= b; a++)
			*nodes |= 1ULL << a;
		if (*p == ',')
			p++;
	}
	return 0;
}

static tm_nodes_t nodes_of(const char *path)
{
	char buf[256];
	tm_nodes_t n = 0;

	if (tm_read(path, buf, sizeof(buf)) < 0 || tm_parse_nodes(buf, &n))
		return 0;
	return n;
}

static tm_nodes_t module_nodes(const char *file, tm_nodes_t otherwise)
{
	char buf[256];
	tm_nodes_t n;

	if (tm_sysfs(file, buf, sizeof(buf)) < 0 || tm_parse_nodes(buf, &n))
		return otherwise;
	return n;
}

tm_nodes_t tm_fast_nodes(void)
{
	return module_nodes("fast_nodes", nodes_of("/sys/devices/system/node/has_cpu") &
					  nodes_of("/sys/devices/system/node/has_memory"));
}

tm_nodes_t tm_slow_nodes(void)
{
	return module_nodes("slow_nodes", nodes_of("/sys/devices/system/node/has_memory") &
					  ~nodes_of("/sys/devices/system/node/has_cpu"));
}

static uint64_t node_meminfo(tm_nodes_t nodes, const char *key)
{
	char path[96], buf[4096], *p;
	uint64_t sum = 0;
	int nid;

	for (nid = 0; nid < TM_NODES; nid++) {
		if (!(nodes >> nid & 1))
			continue;
		snprintf(path, sizeof(path), "/sys/devices/system/node/node%d/meminfo", nid);
		if (tm_read(path, buf, sizeof(buf)) < 0)
			continue;
		p = strstr(buf, key);
		if (p)
			sum += strtoull(p + strlen(key), NULL, 10) * TM_KIB;
	}
	return sum;
}

uint64_t tm_node_free(tm_nodes_t nodes)
{
	return node_meminfo(nodes, "MemFree:");
}

uint64_t tm_node_total(tm_nodes_t nodes)
{
	return node_meminfo(nodes, "MemTotal:");
}

uint64_t tm_node_room(tm_nodes_t nodes)
{
	uint64_t room = 0, nfree = 0, high = 0, page = tm_page_size();
	FILE *f = fopen("/proc/zoneinfo", "re");
	char line[256];
	int nid = -1;

	if (!f)
		return 0;
	while (fgets(line, sizeof(line), f)) {
		unsigned long long v;

		if (sscanf(line, "Node %d, zone", &nid) == 1) {
			nfree = 0;
		} else if (sscanf(line, " pages free %llu", &v) == 1) {
			nfree = v;
		} else if (sscanf(line, " high %llu", &v) == 1 && nid >= 0 && nid < TM_NODES &&
			 (nodes >> nid & 1)) {
			high = v;
			room += nfree > high ? (nfree - high) * page : 0;
		}
	}
	fclose(f);
	return room;
}

int tm_page_nodes(pid_t pid, const void *addr, size_t len, signed char *node)
{
	enum { CHUNK = 4096 };
	size_t page = tm_page_size(), pages = len / page, i, n, k;
	void **addrs = malloc(CHUNK * sizeof(*addrs));
	int *status = malloc(CHUNK * sizeof(*status));
	int rc = 0;

	if (!addrs || !status)
		tm_die("out of memory");
	for (i = 0; i < pages && !rc; i += n) {
		n = pages - i < CHUNK ? pages - i : CHUNK;
		for (k = 0; k < n; k++)
			addrs[k] = (char *)(uintptr_t)addr + (i + k) * page;
		/* move_pages() with nodes == NULL only asks. */
		if (move_pages(pid, n, addrs, NULL, status, 0)) {
			rc = -errno;
			break;
		}
		for (k = 0; k < n; k++) {
			int s = status[k];

			if (s >= 0 && s < TM_NODES)
				node[i + k] = s;
			else
				node[i + k] = s == -ENOENT || s == -EFAULT ? TM_ABSENT : TM_UNKNOWN;
		}
	}
	free(addrs);
	free(status);
	return rc;
}

int tm_count_nodes(tm_nodes_reader read, pid_t pid, const void *addr, size_t len,
		   struct tm_placement *p)
{
	tm_nodes_t fast = tm_fast_nodes(), slow = tm_slow_nodes();
	size_t pages = len / tm_page_size(), i;
	signed char *node = malloc(pages);
	int rc;

	if (!node)
		tm_die("out of memory");
	memset(p, 0, sizeof(*p));
	rc = read(pid, addr, len, node);
	for (i = 0; i < pages && !rc; i++) {
		if (node[i] >= 0) {
			p->node[(int)node[i]]++;
			p->fast += fast >> node[i] & 1;
			p->slow += slow >> node[i] & 1;
		} else if (node[i] == TM_ABSENT) {
			p->absent++;
		} else {
			p->error++;
		}
	}
	free(node);
	return rc;
}

int tm_placement(pid_t pid, const void *addr, size_t len, struct tm_placement *p)
{
	return tm_count_nodes(tm_page_nodes, pid, addr, len, p);
}

double tm_move_seconds(pid_t pid, const void *addr, size_t len, int node)
{
	enum { CHUNK = 512 };
	size_t page = tm_page_size(), i, k;
	int nodes[CHUNK], status[CHUNK];
	uint64_t t0 = tm_now_ns();
	void *addrs[CHUNK];

	for (k = 0; k < CHUNK; k++)
		nodes[k] = node;
	for (i = 0; i < len / page; i += k) {
		for (k = 0; k < CHUNK && i + k < len / page; k++)
			addrs[k] = (char *)(uintptr_t)addr + (i + k) * page;
		if (move_pages(pid, k, addrs, nodes, status, MPOL_MF_MOVE_ALL) < 0)
			tm_diag("move_pages: %s", strerror(errno));
	}
	return tm_since(t0);
}

void tm_fill_bound(char *addr, size_t len, tm_nodes_t nodes)
{
	size_t i;

	if (mbind(addr, len, MPOL_BIND, &nodes, TM_NODES + 1, 0))
		tm_die("mbind: %m");
	for (i = 0; i < len; i += tm_page_size())
		addr[i] = 1;
}
