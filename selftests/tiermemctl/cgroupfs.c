// SPDX-License-Identifier: GPL-2.0
/*
 * LD_PRELOAD for a program that makes cgroups in a directory: a new one has files at once, and
 * one that is removed need not be empty of them.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

int mkdir(const char *path, mode_t mode);
int rmdir(const char *path);

static const struct { const char *name, *text; } files[] = {
	{ "cgroup.procs", "" }, { "tiermem.dram_max", "max\n" },
};

int mkdir(const char *path, mode_t mode)
{
	int (*real)(const char *path, mode_t mode) = dlsym(RTLD_NEXT, "mkdir");
	int ret = real(path, mode);
	char file[4096];
	size_t i;

	for (i = 0; !ret && i < sizeof(files) / sizeof(files[0]); i++) {
		FILE *f;

		snprintf(file, sizeof(file), "%s/%s", path, files[i].name);
		f = fopen(file, "w");
		if (f) {
			fputs(files[i].text, f);
			fclose(f);
		}
	}
	return ret;
}

int rmdir(const char *path)
{
	int (*real)(const char *path) = dlsym(RTLD_NEXT, "rmdir");
	char file[4096];
	size_t i;

	for (i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		snprintf(file, sizeof(file), "%s/%s", path, files[i].name);
		unlink(file);
	}
	return real(path);
}
