// SPDX-License-Identifier: GPL-2.0
/* Processes: whose memory somebody means. */
#include <err.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "array.h"
#include "cgroup.h"
#include "process.h"
#include "root.h"
#include "text.h"

/* Of the flags in /proc/PID/stat: include/linux/sched.h. */
#define PF_KTHREAD 0x00200000

/* Return: false if there is no such process. */
static bool read_process(struct process *p, int pid)
{
	char *statm = root_line("proc/%d/statm", pid), *text;
	uint64_t pages;

	if (!statm)
		return false;
	if (sscanf(statm, "%*u %" SCNu64, &pages) != 1)
		pages = 0;
	free(statm);
	text = format_text("%d", pid);
	p->pid = pid;
	p->resident_bytes = pages * sysconf(_SC_PAGESIZE);
	p->command = root_line("proc/%d/comm", pid) ?: format_text("%s", "?");
	p->cgroup = cgroup_of_pid(text);
	free(text);
	return true;
}

static void process_free(struct process *p)
{
	free(p->command);
	free(p->cgroup);
}

static void add_processes(const char *cgroup, void *arg)
{
	char *path = cgroup_file(cgroup, "cgroup.procs"), *text, *rest, *line;
	struct processes *ps = arg;
	struct process p, *more;

	/* Cgroups of threads have none: their processes are in one above. */
	if (!file_read(path, &text)) {
		for (rest = text; (line = strsep(&rest, "\n"));) {
			if (!*line || !read_process(&p, atoi(line)))
				continue;
			if (!p.resident_bytes) {
				process_free(&p);
				continue;
			}
			more = array_grow(ps->process, ps->n, sizeof(*more));
			ps->process = more;
			more[ps->n++] = p;
		}
		free(text);
	}
	free(path);
}

static int compare(const void *a, const void *b)
{
	const struct process *x = a, *y = b;

	if (x->resident_bytes != y->resident_bytes)
		return x->resident_bytes > y->resident_bytes ? -1 : 1;
	return x->pid - y->pid;
}

/* Is @name a number that a process has? */
static bool find_pid(struct processes *ps, const char *name)
{
	size_t n = strlen(name);
	struct process p;

	if (!n || n > 9 || name[strspn(name, "0123456789")] || !read_process(&p, atoi(name)))
		return false;
	ps->process = array_grow(NULL, 0, sizeof(p));
	ps->process[0] = p;
	ps->n = 1;
	return true;
}

void processes_find(struct processes *ps, const char *name)
{
	char *cgroup;

	memset(ps, 0, sizeof(*ps));
	if (find_pid(ps, name))
		return;
	cgroup = cgroup_find(name);
	cgroup_walk(cgroup, add_processes, ps);
	if (!ps->n)
		errx(EXIT_FAILURE,
		     "%s has no process with memory: is it running? (cgroup.procs, and those below)",
		     text_printable(cgroup));
	free(cgroup);
	qsort(ps->process, ps->n, sizeof(*ps->process), compare);
}

void processes_free(struct processes *ps)
{
	size_t i;

	for (i = 0; i < ps->n; i++)
		process_free(&ps->process[i]);
	free(ps->process);
}

void process_without_memory(const struct process *p)
{
	char *command = text_printable(p->command), *stat = root_line("proc/%d/stat", p->pid);
	/* What comes before the last bracket is the command, and may be anything. */
	const char *rest = stat ? strrchr(stat, ')') : NULL;
	unsigned int flags = 0;
	char state = '?';

	/* Without flags it is a process like any other. */
	if (rest && sscanf(rest + 1, " %c %*d %*d %*d %*d %*d %u", &state, &flags) != 2)
		flags = 0;
	if (!rest)
		warnx("process %d (%s) has ended", p->pid, command);
	else if (flags & PF_KTHREAD)
		warnx("%d (%s) is a thread of the kernel, which has no memory of its own: name a process",
		      p->pid, command);
	else if (state == 'Z' || state == 'X')
		warnx("process %d (%s) has ended, and its memory is gone: its parent has yet to wait for it",
		      p->pid, command);
	else
		warnx("process %d (%s) has no memory that could be in DRAM or slow: hugetlb pages, devices and what is swapped out are not looked at",
		      p->pid, command);
	free(stat);
	free(command);
}
