// SPDX-License-Identifier: GPL-2.0
/* /dev/tiermem. */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "device.h"
#include "root.h"
#include "text.h"

int device_try(void)
{
	char *path = root_path("dev/tiermem");
	int fd = open(path, O_RDONLY | O_CLOEXEC), error = errno;

	free(path);
	errno = error;
	return fd;
}

int device_open(void)
{
	int fd;

	module_needed();
	fd = device_try();
	if (fd < 0 && (errno == EACCES || errno == EPERM))
		errx(EXIT_FAILURE,
		     "cannot open /dev/tiermem: what it knows of processes is for root only (sudo)");
	if (fd < 0 && errno == ENOENT)
		errx(EXIT_FAILURE,
		     "there is no /dev/tiermem: the module that is loaded is older than this verb, or /dev is a container's");
	if (fd < 0)
		err(EXIT_FAILURE, "cannot open /dev/tiermem");
	return fd;
}

void device_refused(int pid, int error)
{
	char *line = root_line("proc/%d/comm", pid), *command = text_printable(line ?: "?");

	switch (error) {
	case EPERM:
		errx(EXIT_FAILURE,
		     "not permitted: this takes CAP_SYS_ADMIN in the host's own user namespace (sudo, and not in a container)");
	case EACCES:
		warnx("not permitted to look into process %d (%s): this takes CAP_SYS_PTRACE, and that no security module forbids it",
		      pid, command);
		break;
	default:
		warnx("cannot look into process %d (%s): %s", pid, command, strerror(error));
	}
	free(command);
	free(line);
}
