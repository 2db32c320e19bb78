// SPDX-License-Identifier: GPL-2.0
/* Files of the system, or of a copy of its trees below another directory. */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "root.h"
#include "verb.h"

/* With it, "/" and a relative path make one. */
static const char *root = "";

void root_set(const char *dir)
{
	size_t n = strlen(dir);

	while (n && dir[n - 1] == '/')
		n--;
	root = format_text("%.*s", (int)n, dir);
}

const char *root_get(void)
{
	return *root ? root : NULL;
}

char *format_list(const char *format, va_list args)
{
	char *text;

	if (vasprintf(&text, format, args) < 0)
		errx(EXIT_FAILURE, "out of memory");
	return text;
}

char *format_text(const char *format, ...)
{
	va_list args;
	char *text;

	va_start(args, format);
	text = format_list(format, args);
	va_end(args);
	return text;
}

static char *below_root(const char *format, va_list args)
{
	char *rest = format_list(format, args), *path = format_text("%s/%s", root, rest);

	free(rest);
	return path;
}

char *root_path(const char *format, ...)
{
	va_list args;
	char *path;

	va_start(args, format);
	path = below_root(format, args);
	va_end(args);
	return path;
}

int file_read(const char *path, char **text)
{
	size_t used = 0, size = 4096;
	char *buf = NULL;
	ssize_t n;
	int fd, ret;

	*text = NULL;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	do {
		char *larger = realloc(buf, size + 1);

		if (!larger)
			errx(EXIT_FAILURE, "out of memory");
		buf = larger;
		n = read(fd, buf + used, size - used);
		if (n > 0)
			used += n;
		if (used == size)
			size *= 2;
	} while (n > 0 || (n < 0 && errno == EINTR));
	ret = n < 0 ? -errno : 0;
	close(fd);
	if (ret) {
		free(buf);
		return ret;
	}
	buf[used] = '\0';
	*text = buf;
	return 0;
}

int file_write(const char *path, const char *text, int flags)
{
	int fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC | flags), ret = 0;

	if (fd < 0)
		return -errno;
	/* One piece: files of cgroups take each write for a value. */
	if (write(fd, text, strlen(text)) < 0)
		ret = -errno;
	if (close(fd) && !ret)
		ret = -errno;
	return ret;
}

char *root_line(const char *format, ...)
{
	char *path, *text;
	va_list args;
	int ret;

	va_start(args, format);
	path = below_root(format, args);
	va_end(args);
	ret = file_read(path, &text);
	free(path);
	if (ret)
		return NULL;
	text[strcspn(text, "\n")] = '\0';
	return text;
}

bool root_exists(const char *format, ...)
{
	char *path;
	va_list args;
	bool exists;

	va_start(args, format);
	path = below_root(format, args);
	va_end(args);
	exists = !access(path, F_OK);
	free(path);
	return exists;
}

bool module_loaded(void)
{
	return root_exists("sys/kernel/tiermem/state");
}

void module_needed(void)
{
	if (!module_loaded())
		errx(EXIT_NO_MODULE,
		     "tiermem is not loaded: modprobe tiermem ('tiermemctl check' says more)");
}
