// SPDX-License-Identifier: GPL-2.0
/* Files that are replaced as a whole, so that nobody reads half of one. */
#include <err.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "replace.h"
#include "root.h"

/* The new file has the permissions of any file that a program makes, not those of mkstemp(). */
static mode_t usual_mode(void)
{
	mode_t mask = umask(0);

	umask(mask);
	return 0666 & ~mask;
}

/* Beside the file, as only then it can take its place at once; and not called *.prom. */
static int replace(const char *file, bool (*write)(FILE *out, void *arg), void *arg)
{
	const char *slash = strrchr(file, '/');
	char *temporary = format_text("%.*s.tiermemctl-XXXXXX",
				      slash ? (int)(slash - file + 1) : 0, file);
	int fd = mkstemp(temporary), status = EXIT_FAILURE;
	FILE *out = fd < 0 ? NULL : fdopen(fd, "w");
	bool written, ok;

	if (!out) {
		warn("cannot make a file beside %s", file);
		free(temporary);
		return EXIT_FAILURE;
	}
	written = write(out, arg);
	/* Else a crash might leave an empty file of that name. */
	ok = written && !ferror(out) && !fflush(out) && !fchmod(fd, usual_mode()) && !fsync(fd);
	ok = !fclose(out) && ok;
	if (ok && !rename(temporary, file)) {
		status = EXIT_SUCCESS;
	} else {
		if (written)
			warn("cannot write %s", file);
		unlink(temporary);
	}
	free(temporary);
	return status;
}

int file_replace(const char *file, bool (*write)(FILE *out, void *arg), void *arg)
{
	/* Where a link leads to; the link itself stays. */
	char *real = realpath(file, NULL);
	struct stat st;
	int status;

	if (!stat(real ?: file, &st) && !S_ISREG(st.st_mode)) {
		warnx("%s is no file that could be replaced", file);
		status = EXIT_FAILURE;
	} else {
		status = replace(real ?: file, write, arg);
	}
	free(real);
	return status;
}
