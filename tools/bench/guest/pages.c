// SPDX-License-Identifier: GPL-2.0
#include "pages.h"

#include <dirent.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/kernel-page-flags.h>
#include <numaif.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define PAGE_BYTES	4096U
#define CHUNK		512U

/* Documentation/admin-guide/mm/pagemap.rst */
#define PAGEMAP_PRESENT	(UINT64_C(1) << 63)
#define PAGEMAP_FRAME	((UINT64_C(1) << 55) - 1)
#define KPF(name)	(UINT64_C(1) << KPF_##name)

/* The device of QEMU's ivshmem-plain; its memory is the second BAR. */
#define DEVICES		"/sys/bus/pci/devices"
#define IVSHMEM_VENDOR	0x1af4
#define IVSHMEM_DEVICE	0x1110

static unsigned int read_id(const char *device, const char *file)
{
	char path[512];
	unsigned int id = 0;
	FILE *f;

	snprintf(path, sizeof(path), DEVICES "/%s/%s", device, file);
	f = fopen(path, "r");
	if (!f)
		return 0;
	if (fscanf(f, "%x", &id) != 1)
		id = 0;
	fclose(f);
	return id;
}

/* Its memory as a file, enabled. */
static void find_device(char *path, size_t size)
{
	DIR *dir = opendir(DEVICES);
	struct dirent *d;
	char name[256] = "";
	int fd;

	while (dir && (d = readdir(dir)))
		if (read_id(d->d_name, "vendor") == IVSHMEM_VENDOR &&
		    read_id(d->d_name, "device") == IVSHMEM_DEVICE)
			snprintf(name, sizeof(name), "%s", d->d_name);
	if (dir)
		closedir(dir);
	if (!name[0])
		errx(1, "there is no ivshmem device with counts; --counts reads them from a file");
	snprintf(path, size, DEVICES "/%s/enable", name);
	fd = open(path, O_WRONLY);
	if (fd < 0 || write(fd, "1", 1) != 1)
		err(1, "%s", path);
	close(fd);
	snprintf(path, size, DEVICES "/%s/resource2", name);
}

void counts_open(struct counts *c, const char *path)
{
	char device[512];
	struct stat st;
	void *p;
	int fd;

	if (!path) {
		find_device(device, sizeof(device));
		path = device;
	}
	fd = open(path, O_RDONLY);
	if (fd < 0 || fstat(fd, &st))
		err(1, "%s", path);
	if (!st.st_size || st.st_size % sizeof(*c->of_frame))
		errx(1, "%s: %jd bytes are no array of u32", path, (intmax_t)st.st_size);
	p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED)
		err(1, "%s", path);
	close(fd);
	c->of_frame = p;
	c->nr_frames = (size_t)st.st_size / sizeof(*c->of_frame);
}

static int open_proc(pid_t pid, const char *file)
{
	char path[64];
	int fd;

	if (pid)
		snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, file);
	else
		snprintf(path, sizeof(path), "/proc/%s", file);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		err(1, "%s", path);
	return fd;
}

static struct unit *add_unit(struct units *u)
{
	if (u->nr == u->space) {
		u->space = u->space ? 2 * u->space : 1 << 14;
		u->unit = reallocarray(u->unit, u->space, sizeof(*u->unit));
		if (!u->unit)
			err(1, "pages");
	}
	memset(&u->unit[u->nr], 0, sizeof(*u->unit));
	return &u->unit[u->nr++];
}

/*
 * Files of file systems stay where they are: they belong to everybody, and in the benchmark, with
 * its root file system in memory, they can't be moved. What is left is memory of the process
 * itself: anonymous or shared memory, by its name. [heap] and [stack] are, [vvar] and [vdso]
 * are not.
 */
static bool is_memory(const char *name)
{
	static const char * const kinds[] = {
		"[heap]", "[stack", "[anon", "/dev/zero", "/memfd:", "/dev/shm/", "/SYSV",
	};
	size_t i;

	if (!*name)
		return true;
	for (i = 0; i < ARRAY_SIZE(kinds); i++)
		if (!strncmp(name, kinds[i], strlen(kinds[i])))
			return true;
	return false;
}

struct walk {
	struct units *units;
	const struct counts *counts;
	int pagemap, kpageflags;
	uint64_t previous_frame;	/* of the page before this one, if it's part of a folio */
};

static void add_page(struct walk *w, uint64_t address, uint64_t frame)
{
	uint64_t flags = 0;
	struct unit *u;

	if (!frame)
		errx(1, "/proc/PID/pagemap shows no frames: this needs root");
	if (frame >= w->counts->nr_frames)
		errx(1, "frame %#" PRIx64 " is beyond the counts, which end at %#zx", frame,
		     w->counts->nr_frames);
	if (pread(w->kpageflags, &flags, sizeof(flags), (off_t)(frame * sizeof(flags))) !=
	    sizeof(flags))
		err(1, "/proc/kpageflags");
	if (!(flags & KPF(COMPOUND_TAIL)) || w->previous_frame + 1 != frame) {
		u = add_unit(w->units);
		u->address = address;
	}
	u = &w->units->unit[w->units->nr - 1];
	u->nr_pages++;
	u->accesses += w->counts->of_frame[frame];
	w->previous_frame = flags & (KPF(COMPOUND_HEAD) | KPF(COMPOUND_TAIL)) ? frame : 0;
}

static void add_range(struct walk *w, uint64_t begin, uint64_t end)
{
	uint64_t entry[CHUNK];
	size_t n, i;

	w->previous_frame = 0;
	while (begin < end) {
		n = (end - begin) / PAGE_BYTES;
		if (n > CHUNK)
			n = CHUNK;
		if (pread(w->pagemap, entry, n * sizeof(*entry),
			  (off_t)(begin / PAGE_BYTES * sizeof(*entry))) !=
		    (ssize_t)(n * sizeof(*entry)))
			err(1, "/proc/PID/pagemap");
		for (i = 0; i < n; i++)
			if (entry[i] & PAGEMAP_PRESENT)
				add_page(w, begin + i * PAGE_BYTES, entry[i] & PAGEMAP_FRAME);
			else
				w->previous_frame = 0;
		begin += n * PAGE_BYTES;
	}
}

void units_read(struct units *u, pid_t pid, const struct counts *c)
{
	struct walk w = { .units = u, .counts = c };
	uint64_t begin, end;
	char line[1024], *name;
	int at;
	FILE *f;

	f = fdopen(open_proc(pid, "maps"), "r");
	if (!f)
		err(1, "maps");
	w.pagemap = open_proc(pid, "pagemap");
	w.kpageflags = open_proc(0, "kpageflags");
	while (fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\n")] = 0;
		if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %*s %*s %*s %*s%n", &begin, &end,
			   &at) != 2)
			errx(1, "maps: '%s'", line);
		name = line + at;
		name += strspn(name, " ");
		if (is_memory(name))
			add_range(&w, begin, end);
	}
	fclose(f);
	close(w.pagemap);
	close(w.kpageflags);
}

void units_find_nodes(struct units *u, pid_t pid)
{
	void *page[CHUNK];
	int node[CHUNK];
	size_t i, n, at, kept = 0;

	for (at = 0; at < u->nr; at += n) {
		n = u->nr - at < CHUNK ? u->nr - at : CHUNK;
		for (i = 0; i < n; i++)
			page[i] = (void *)(uintptr_t)u->unit[at + i].address;
		if (move_pages(pid, n, page, NULL, node, 0) < 0)
			err(1, "move_pages of %d", (int)pid);
		for (i = 0; i < n; i++) {
			if (node[i] < 0)
				continue;
			u->unit[kept] = u->unit[at + i];
			u->unit[kept++].node = node[i];
		}
	}
	u->nr = kept;
}
