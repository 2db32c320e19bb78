// SPDX-License-Identifier: GPL-2.0
/*
 * A service in a guest that has one: /redis-server, without a network. What the host sends through
 * the second virtio port goes to its socket, and back.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "service.h"

#define PROGRAM	"/redis-server"
#define SOCKET	"/redis.sock"
#define PORT	"/dev/vport0p2"

bool service_there(void)
{
	return !access(PROGRAM, X_OK);
}

static int reach(void)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX, .sun_path = SOCKET };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0), i;

	for (i = 0; fd >= 0 && i < 600; i++) {
		if (!connect(fd, (struct sockaddr *)&addr, sizeof(addr)))
			return fd;
		usleep(100000);
	}
	return -1;
}

/* Whole, or the streams would be of no use any more. */
static int pass(int from, int to)
{
	char buf[65536], *p = buf;
	ssize_t n = read(from, buf, sizeof(buf)), done;

	/* A port that nobody holds at the host's end reads as its end. */
	if (!n)
		usleep(10000);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	for (; n > 0; n -= done, p += done) {
		done = write(to, p, n);
		if (done < 0) {
			if (errno != EAGAIN && errno != EINTR)
				return -errno;
			usleep(1000);
			done = 0;
		}
	}
	return 0;
}

void *service_run(void *unused)
{
	struct pollfd ends[2] = { { .events = POLLIN }, { .events = POLLIN } };
	int i, rc = 0;

	(void)unused;
	if (!fork()) {
		execl(PROGRAM, PROGRAM, "--port", "0", "--unixsocket", SOCKET, "--save", "",
		      "--enable-debug-command", "yes", "--daemonize", "no", "--timeout", "0", NULL);
		printf("guest: %s: %s\n", PROGRAM, strerror(errno));
		_exit(1);
	}
	ends[0].fd = reach();
	ends[1].fd = open(PORT, O_RDWR | O_CLOEXEC);
	if (ends[0].fd < 0 || ends[1].fd < 0)
		printf("guest: service: no socket or no port: %s\n", strerror(errno));
	while (!rc && ends[0].fd >= 0 && ends[1].fd >= 0) {
		if (poll(ends, 2, -1) < 0)
			continue;
		for (i = 0; i < 2 && !rc; i++)
			if (ends[i].revents & (POLLIN | POLLHUP))
				rc = pass(ends[i].fd, ends[!i].fd);
	}
	printf("guest: service: %s\n", strerror(-rc));
	return NULL;
}
