// SPDX-License-Identifier: GPL-2.0
/* Usage of a group, sampled. See tm_test.h. */
#include "tm_internal.h"

#include <time.h>

/* The files stay open: a sample must not cost more than it has to. */
struct sampler_fds {
	int dram, numa;
};

static uint64_t sample_numa(struct sampler_fds *f, tm_nodes_t fast)
{
	char buf[8192];
	ssize_t n;

	if (f->numa < 0)
		return 0;
	lseek(f->numa, 0, SEEK_SET);
	n = tm_read_fd(f->numa, buf, sizeof(buf));
	return n > 0 ? tm_numa_sum(buf, fast) : 0;
}

static uint64_t sample_dram(struct sampler_fds *f)
{
	char buf[64];

	/* After rmmod read fails with ENODEV; then there is nothing to sample. */
	if (f->dram < 0 || lseek(f->dram, 0, SEEK_SET) ||
	    tm_read_fd(f->dram, buf, sizeof(buf)) <= 0)
		return 0;
	return strtoull(buf, NULL, 10);
}

static void samples_clear(struct tm_samples *s)
{
	memset(s, 0, sizeof(*s));
	s->min_dram = UINT64_MAX;
	s->min_numa = UINT64_MAX;
}

static void *sampler_thread(void *arg)
{
	struct sched_param rt = { .sched_priority = 1 };
	struct tm_sampler *s = arg;
	struct sampler_fds f = {
		.dram = tm_cg_open(&s->cg, "tiermem.dram_current", O_RDONLY),
		.numa = tm_cg_open(&s->cg, "memory.numa_stat", O_RDONLY),
	};
	uint64_t last = 0, next = tm_now_ns();
	bool stop = false;

	/* Busy CPUs must not make the sampler blind; it sleeps nearly all the time. */
	pthread_setschedparam(pthread_self(), SCHED_FIFO, &rt);
	while (!stop) {
		uint64_t dram = sample_dram(&f), numa = sample_numa(&f, s->fast);
		uint64_t now = tm_now_ns(), top = dram > numa ? dram : numa;
		struct tm_samples *m = &s->s;
		struct timespec ts;

		pthread_mutex_lock(&s->lock);
		if (top > m->max_dram && top > m->max_numa)
			m->max_at_ns = now - s->t0;
		if (dram > m->max_dram)
			m->max_dram = dram;
		if (numa > m->max_numa)
			m->max_numa = numa;
		if (dram < m->min_dram)
			m->min_dram = dram;
		if (numa < m->min_numa)
			m->min_numa = numa;
		m->last_dram = dram;
		m->last_numa = numa;
		if (m->n && now - last > m->max_gap_ns)
			m->max_gap_ns = now - last;
		if (s->limit && top > s->limit) {
			m->over++;
			if (m->n)
				m->over_ns += now - last;
		}
		m->n++;
		stop = s->stop;
		pthread_mutex_unlock(&s->lock);

		last = now;
		next += TM_SAMPLE_MS * 1000000ULL;
		if (next < now)		/* fell behind: don't catch up by a burst */
			next = now + 1000000;
		ts = (struct timespec){ next / 1000000000ULL, next % 1000000000ULL };
		while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL) == EINTR)
			;
	}
	if (f.dram >= 0)
		close(f.dram);
	if (f.numa >= 0)
		close(f.numa);
	return NULL;
}

void tm_sampler_start(struct tm_sampler *s, const struct tm_cg *cg, uint64_t limit)
{
	memset(s, 0, sizeof(*s));
	s->cg = *cg;
	s->fast = tm_fast_nodes();
	s->limit = limit;
	s->t0 = tm_now_ns();
	samples_clear(&s->s);
	pthread_mutex_init(&s->lock, NULL);
	if (pthread_create(&s->thread, NULL, sampler_thread, s))
		tm_die("pthread_create: %m");
}

void tm_sampler_reset(struct tm_sampler *s, uint64_t limit)
{
	pthread_mutex_lock(&s->lock);
	samples_clear(&s->s);
	s->limit = limit;
	s->t0 = tm_now_ns();
	pthread_mutex_unlock(&s->lock);
}

void tm_sampler_get(struct tm_sampler *s, struct tm_samples *out)
{
	pthread_mutex_lock(&s->lock);
	*out = s->s;
	pthread_mutex_unlock(&s->lock);
}

void tm_sampler_stop(struct tm_sampler *s, struct tm_samples *out)
{
	pthread_mutex_lock(&s->lock);
	s->stop = true;		/* one more sample is taken after this */
	pthread_mutex_unlock(&s->lock);
	pthread_join(s->thread, NULL);
	if (out)
		*out = s->s;
}

bool tm_samples_ok(const struct tm_samples *s, uint64_t quota, const char *what)
{
	uint64_t limit = quota + TM_OVER;
	bool ok = s->n > 0 && s->max_dram <= limit && s->max_numa <= limit;

	tm_diag("%s: quota %.1fM, peak dram_current %.2fM numa_stat %.2fM (at %.2f s), last %.2fM / %.2fM, %llu samples, longest gap %.0f ms, over in %llu for %.0f ms",
		what, tm_fmib(quota), tm_fmib(s->max_dram), tm_fmib(s->max_numa),
		s->max_at_ns / 1e9, tm_fmib(s->last_dram), tm_fmib(s->last_numa),
		(unsigned long long)s->n, s->max_gap_ns / 1e6,
		(unsigned long long)s->over, s->over_ns / 1e6);
	return ok;
}
