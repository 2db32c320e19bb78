// SPDX-License-Identifier: GPL-2.0
/* Child processes. See tm_test.h. */
#include "tm_internal.h"

#include <numaif.h>
#include <sys/prctl.h>

void tm_spawn(struct tm_child *c, const struct tm_cg *cg, tm_child_fn fn, void *arg)
{
	int down[2], up[2], rc;
	sigset_t set;

	if (pipe2(down, O_CLOEXEC) || pipe2(up, O_CLOEXEC))
		tm_die("pipe: %m");
	fflush(stdout);
	memset(c, 0, sizeof(*c));
	c->pid = fork();
	if (c->pid < 0)
		tm_die("fork: %m");
	if (c->pid) {
		close(down[0]);
		close(up[1]);
		c->in = up[0];
		c->out = down[1];
		/*
		 * The child waits for this line, and so nothing that it does is charged elsewhere,
		 * and a failure is ours to report.
		 */
		rc = cg ? tm_cg_move(cg, c->pid) : 0;
		if (rc) {
			kill(c->pid, SIGKILL);
			tm_die("moving a child to %s: %s", cg->path, strerror(-rc));
		}
		tm_tell(c, "go");
		return;
	}

	close(down[1]);
	close(up[0]);
	c->pid = getpid();
	c->in = down[0];
	c->out = up[1];
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	sigemptyset(&set);
	sigprocmask(SIG_SETMASK, &set, NULL);
	signal(SIGPIPE, SIG_DFL);
	if (tm_expect(c, "go", INT_MAX))
		_exit(KSFT_FAIL);
	rc = fn(c, arg);
	fflush(stdout);
	_exit(rc);
}

void tm_tell(struct tm_child *c, const char *fmt, ...)
{
	char line[512];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(line, sizeof(line) - 1, fmt, ap);
	va_end(ap);
	if (n > (int)sizeof(line) - 2)
		n = sizeof(line) - 2;
	line[n++] = '\n';
	if (write(c->out, line, n) != n && errno != EPIPE)
		tm_diag("pipe to %d: %s", c->pid, strerror(errno));
}

int tm_hear(struct tm_child *c, char *line, size_t size, int timeout_ms)
{
	uint64_t end = tm_now_ns() + timeout_ms * 1000000ULL;

	for (;;) {
		char *nl = memchr(c->buf, '\n', c->fill);
		struct pollfd p = { .fd = c->in, .events = POLLIN };
		int64_t left;
		ssize_t n;

		if (nl) {
			size_t len = nl - c->buf, keep = len < size - 1 ? len : size - 1;

			memcpy(line, c->buf, keep);
			line[keep] = '\0';
			c->fill -= len + 1;
			memmove(c->buf, nl + 1, c->fill);
			return keep;
		}
		if (c->fill == sizeof(c->buf))
			return -EMSGSIZE;
		left = ((int64_t)end - (int64_t)tm_now_ns()) / 1000000;
		if (left < 0)
			left = 0;
		n = poll(&p, 1, left > INT_MAX ? INT_MAX : left);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (!n)
			return -ETIMEDOUT;
		n = read(c->in, c->buf + c->fill, sizeof(c->buf) - c->fill);
		if (n < 0)
			return -errno;
		if (!n)
			return -EPIPE;
		c->fill += n;
	}
}

int tm_expect(struct tm_child *c, const char *word, int timeout_ms)
{
	char line[512];
	int n = tm_hear(c, line, sizeof(line), timeout_ms);

	if (n < 0) {
		tm_diag("waiting for %s from %d: %s", word, c->pid, strerror(-n));
		return n;
	}
	if (!strncmp(line, word, strlen(word)))
		return 0;
	tm_diag("waiting for %s from %d, got: %s", word, c->pid, line);
	return -EPROTO;
}

int64_t tm_ask(struct tm_child *c, const char *cmd, int timeout_ms)
{
	char line[512], *num;
	int n;

	tm_tell(c, "%s", cmd);
	n = tm_hear(c, line, sizeof(line), timeout_ms);
	if (n < 0) {
		tm_diag("asked %d to %s: %s", c->pid, cmd, strerror(-n));
		return n;
	}
	num = strchr(line, ' ');
	return num ? strtoll(num, NULL, 0) : -EPROTO;
}

bool tm_alive(const struct tm_child *c)
{
	siginfo_t si = { 0 };

	/* WNOWAIT: the status stays for tm_reap(). */
	return !waitid(P_PID, c->pid, &si, WEXITED | WNOHANG | WNOWAIT) && !si.si_pid;
}

static bool child_gone(void *arg)
{
	return !tm_alive(arg);
}

int tm_reap(struct tm_child *c, int timeout_ms)
{
	bool late = !tm_until(child_gone, c, 2, timeout_ms);
	int status;

	if (late) {
		tm_diag("%d doesn't end: killed", c->pid);
		kill(c->pid, SIGKILL);
	}
	while (waitpid(c->pid, &status, 0) < 0) {
		if (errno != EINTR)
			return -errno;
	}
	close(c->in);
	close(c->out);
	if (late)
		return -ETIMEDOUT;
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

int tm_kill(struct tm_child *c, int sig)
{
	kill(c->pid, sig);
	return tm_reap(c, tm_ms(TM_HANG_MS));
}

struct hog {
	tm_nodes_t nodes;
	uint64_t leave;
};

static int hog_child(struct tm_child *self, void *arg)
{
	const size_t step = 2 * TM_MIB;
	struct hog *h = arg;
	size_t size = tm_node_total(h->nodes), used = 0;
	char *p = tm_anon(size, MADV_NOHUGEPAGE), line[64];
	unsigned long mask = h->nodes;

	/* It must be the last one to be chosen if something goes wrong, not the first. */
	tm_write("/proc/self/oom_score_adj", "-1000");
	/* Bound, but never below the watermarks: that would be an OOM of these nodes. */
	if (mbind(p, size, MPOL_BIND, &mask, TM_NODES + 1, 0))
		tm_die("mbind: %m");
	while (used < size && tm_node_room(h->nodes) > h->leave + step) {
		size_t i, n = tm_node_room(h->nodes) - h->leave;

		n = n > 16 * step ? 8 * step : step;
		if (n > size - used)
			n = size - used;
		for (i = 0; i < n; i += tm_page_size())
			p[used + i] = 1;
		used += n;
	}
	tm_tell(self, "FULL %zu", used);
	while (tm_hear(self, line, sizeof(line), INT_MAX) >= 0) {
		uint64_t n = strtoull(line, NULL, 10);

		if (n > used)
			n = used;
		used -= n;
		madvise(p + used, n, MADV_DONTNEED);
		tm_tell(self, "FREED %llu", (unsigned long long)n);
	}
	return 0;
}

void tm_hog(struct tm_child *c, tm_nodes_t nodes, uint64_t leave)
{
	struct hog h = { nodes, leave };
	char line[64];

	tm_spawn(c, NULL, hog_child, &h);
	if (tm_hear(c, line, sizeof(line), tm_ms(TM_HANG_MS)) < 0)
		tm_die("the hog doesn't answer");
	tm_diag("hog: %s bytes, room left %.1fM", line, tm_fmib(tm_node_room(nodes)));
}

int tm_hog_free(struct tm_child *c, uint64_t bytes)
{
	char cmd[32];
	int64_t n;

	snprintf(cmd, sizeof(cmd), "%llu", (unsigned long long)bytes);
	n = tm_ask(c, cmd, tm_ms(TM_HANG_MS));
	return n < 0 ? n : 0;
}
