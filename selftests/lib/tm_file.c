// SPDX-License-Identifier: GPL-2.0
/* Files and settings. See tm_test.h. */
#include "tm_internal.h"

#include <sys/utsname.h>

int tm_write(const char *path, const char *val)
{
	size_t len = strlen(val);
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	ssize_t n;
	int rc = 0;

	if (fd < 0)
		return -errno;
	n = write(fd, val, len);
	if (n < 0)
		rc = -errno;
	else if ((size_t)n != len)
		rc = -EIO;
	close(fd);
	return rc;
}

int tm_writef(const char *path, const char *fmt, ...)
{
	char val[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(val, sizeof(val), fmt, ap);
	va_end(ap);
	return tm_write(path, val);
}

ssize_t tm_read_fd(int fd, char *buf, size_t size)
{
	size_t len = 0;
	ssize_t n;

	while (len < size - 1) {
		n = read(fd, buf + len, size - 1 - len);
		if (n < 0)
			return -errno;
		if (!n)
			break;
		len += n;
	}
	buf[len] = '\0';
	return len;
}

ssize_t tm_read(const char *path, char *buf, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	buf[0] = '\0';
	if (fd < 0)
		return -errno;
	n = tm_read_fd(fd, buf, size);
	close(fd);
	return n;
}

int tm_read_u64(const char *path, uint64_t *val)
{
	char buf[64], *end;
	ssize_t n = tm_read(path, buf, sizeof(buf));

	if (n < 0)
		return n;
	if (!strncmp(buf, "max", 3)) {
		*val = UINT64_MAX;
		return 0;
	}
	errno = 0;
	*val = strtoull(buf, &end, 0);
	return end == buf || errno ? -EINVAL : 0;
}

int tm_read_key(const char *path, const char *key, uint64_t *val)
{
	size_t klen = strlen(key);
	char buf[16384], *line;
	ssize_t n = tm_read(path, buf, sizeof(buf));

	if (n < 0)
		return n;
	for (line = strtok(buf, "\n"); line; line = strtok(NULL, "\n")) {
		if (!strncmp(line, key, klen) && line[klen] == ' ') {
			*val = strtoull(line + klen + 1, NULL, 0);
			return 0;
		}
	}
	return -ENOENT;
}

struct saved {
	char *path;
	char *val;
};

static void restore(void *arg)
{
	struct saved *s = arg;
	int rc = tm_write(s->path, s->val);

	if (rc)
		tm_diag("restoring %s to '%s': %s", s->path, s->val, strerror(-rc));
	free(s->path);
	free(s->val);
	free(s);
}

int tm_set(const char *path, const char *val)
{
	char buf[512], *old = buf, *open_br, *close_br;
	struct saved *s;
	ssize_t n = tm_read(path, buf, sizeof(buf));
	int rc;

	if (n < 0)
		return n;
	buf[strcspn(buf, "\n")] = '\0';
	/* "always [madvise] never" */
	open_br = strchr(buf, '[');
	close_br = open_br ? strchr(open_br, ']') : NULL;
	if (close_br) {
		old = open_br + 1;
		*close_br = '\0';
	}
	rc = tm_write(path, val);
	if (rc)
		return rc;
	s = malloc(sizeof(*s));
	if (!s)
		tm_die("out of memory");
	s->path = strdup(path);
	s->val = strdup(old);
	tm_at_exit(restore, s);
	return 0;
}

uint64_t tm_vmstat(const char *key)
{
	uint64_t val;

	return tm_read_key("/proc/vmstat", key, &val) ? UINT64_MAX : val;
}

int tm_bool_kconfig(const char *option)
{
	char path[128], cmd[256];
	struct utsname u;
	int rc;

	uname(&u);
	snprintf(path, sizeof(path), "/boot/config-%s", u.release);
	if (access(path, R_OK))
		return -errno;
	snprintf(cmd, sizeof(cmd), "grep -q '^%s=' %s", option, path);
	rc = system(cmd);
	return rc == 0;
}
