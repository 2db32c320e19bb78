// SPDX-License-Identifier: GPL-2.0
/* Quotas and rates: random cases against what must hold for all of them. */
#include "random.h"
#include "rate.h"

#define MS		1000000ULL
#define SEC		1000000000ULL

static void test_parse_text(void)
{
	static const char letters[] = "01234567890123456789kmgtpeKMGTPE max-+.xX";
	const char *broken = NULL;
	unsigned long i;
	char text[40];
	size_t len, j;

	for (i = 0; i < nr_cases && !broken; i++) {
		len = below(sizeof(text));
		for (j = 0; j < len; j++)
			text[j] = letters[below(sizeof(letters) - 1)];
		/* Pure noise is hardly ever well-formed, so mostly keep digits in front. */
		for (j = 0; !one_in(4) && j + 1 < len; j++)
			text[j] = (char)('0' + below(10));
		text[len] = 0;
		broken = oracle_parse(text);
		if (broken)
			ksft_print_msg("text: %s\n", text);
	}
	report(broken, i, "parse: any text is read as by a reader with 128 bits");
}

static void test_parse_round_trip(void)
{
	static const char suffixes[] = "KMGTPE";
	const char *broken = NULL;
	u64 pages, bytes, again;
	unsigned int suffix;
	unsigned long i;
	char text[40];

	for (i = 0; i < nr_cases && !broken; i++) {
		pages = magnitude(TM_QUOTA_MAX_PAGES);
		bytes = pages << TM_PAGE_SHIFT;
		snprintf(text, sizeof(text), "%llu", (unsigned long long)bytes);
		if (tm_quota_parse(text, &again) != TM_PARSE_OK || again != pages)
			broken = "bytes don't survive";
		for (suffix = 0; suffix < sizeof(suffixes) - 1 && !broken; suffix++) {
			if (bytes & ((1ULL << 10 * (suffix + 1)) - 1))
				break;
			snprintf(text, sizeof(text), "%llu%c",
				 (unsigned long long)(bytes >> 10 * (suffix + 1)),
				 suffixes[suffix] | (one_in(2) ? 0x20 : 0));
			if (tm_quota_parse(text, &again) != TM_PARSE_OK || again != pages)
				broken = "a suffix changes the value";
		}
		if (broken)
			ksft_print_msg("text: %s\n", text);
	}
	report(broken, i, "parse: what is printed is read back, with and without a suffix");
}

static void test_quota_numbers(void)
{
	const char *broken = NULL;
	unsigned long i;

	for (i = 0; i < nr_cases && !broken; i++) {
		u64 quota = magnitude(one_in(2) ? PAGES_16T : TM_QUOTA_MAX_PAGES);
		u64 used = magnitude(PAGES_16T), inflight = magnitude(PAGES_16T);
		u64 room = tm_quota_room(quota, used, inflight);
		u64 margin = tm_quota_margin(quota);

		if (margin > quota || margin > tm_quota_margin(quota + 1))
			broken = "the margin isn't a growing part of the quota";
		else if (room && room + used + inflight != quota)
			broken = "room and usage aren't the quota";
		else if (!room && used + inflight < quota)
			broken = "no room below the quota";
	}
	report(broken, i, "quota: room and margin stay inside the quota up to 16T");
}

/*
 * The estimate must cover whatever was admitted within the last horizon, for
 * any rhythm of estimates: it is what makes a quota hold between two passes.
 */
static void test_inflight(void)
{
	enum { NR_STEPS = 40 };
	const char *broken = NULL;
	unsigned long i;

	for (i = 0; i < nr_cases / 10 && !broken; i++) {
		u64 when[NR_STEPS], taken[NR_STEPS], total = 0, last, pages = 0;
		u64 now = magnitude(1ULL << 50);
		u64 most_ms = 1 + below(30);
		struct tm_inflight f = { 0 };
		unsigned int j, k;

		for (j = 0; j < NR_STEPS && !broken; j++) {
			now += one_in(20) ? magnitude(3600 * SEC) : below(most_ms * MS + 1);
			total += one_in(3) ? magnitude(1000) : 0;
			when[j] = now;
			taken[j] = total;
			pages = tm_inflight_update(&f, total, now, TM_INFLIGHT_NS);

			/* What was admitted before the last step that is a horizon old? */
			last = 0;
			for (k = 0; k < j; k++)
				if (now - when[k] >= TM_INFLIGHT_NS)
					last = taken[k];
			if (pages < total - last)
				broken = "admissions of the last horizon are missing";
			else if (pages > total)
				broken = "more than were ever admitted";
		}
		for (j = 0; j < 2 && !broken; j++) {
			now += TM_INFLIGHT_NS;
			pages = tm_inflight_update(&f, total, now, TM_INFLIGHT_NS);
		}
		if (!broken && pages)
			broken = "an idle group has pages in flight";
	}
	report(broken, i, "inflight: covers the last horizon, and ends with it");
}

static void test_inflight_skew(void)
{
	const char *broken = NULL;
	unsigned long i;

	for (i = 0; i < nr_cases && !broken; i++) {
		struct tm_inflight f = { 0 };
		u64 now = SEC + below(SEC), burst = 1 + below(1000), pages;
		unsigned int j;

		tm_inflight_update(&f, 0, now, TM_INFLIGHT_NS);
		/* Less than a horizon, on CPUs whose clocks disagree by a little. */
		for (j = 0; j < 8 && !broken; j++) {
			pages = tm_inflight_update(&f, burst,
						   now + below(TM_INFLIGHT_NS) - MS,
						   TM_INFLIGHT_NS);
			if (pages < burst)
				broken = "a burst disappeared early";
		}
	}
	report(broken, i, "inflight: clocks that disagree by a millisecond hide no burst");
}

/*
 * The bound that the device sees: over any stretch of time no more is spent
 * than the burst and the rate allow. And the bound that the user sees: at
 * least half of the rate arrives, however often the bucket is asked.
 */
static void test_rate(void)
{
	const char *broken = NULL;
	unsigned long i;

	for (i = 0; i < nr_cases / 10 && !broken; i++) {
		u64 rate = magnitude(one_in(8) ? ~0ULL : 1ULL << 44);
		u64 burst = magnitude(one_in(8) ? ~0ULL : 1ULL << 40);
		u64 now = 1 + magnitude(1ULL << 50), start = now, latest = now;
		u64 step = 1 + magnitude(SEC), tokens, spend;
		struct tm_rate r = { 0 };
		u128 spent = 0, earned;
		unsigned int j;

		for (j = 0; j < 64 && !broken; j++) {
			tokens = tm_rate_refill(&r, rate, burst, now);
			if (tokens > burst)
				broken = "more than the burst";
			spend = one_in(2) ? magnitude(~0ULL) : tokens;
			spent += min(spend, tokens);
			tm_rate_spend(&r, spend);
			if (r.tokens_bytes != tokens - min(spend, tokens))
				broken = "spending doesn't subtract";

			earned = (u128)rate * (latest - start) / SEC;
			if (spent > burst + earned)
				broken = "more than burst and rate allow";
			if (one_in(16))
				now -= min(now - 1, below(SEC));
			else
				now += below(2 * step);
			latest = max(latest, now);
		}
	}
	report(broken, i, "rate: never more than burst + rate * time");
}

static void test_rate_arrives(void)
{
	const char *broken = NULL;
	unsigned long i;

	for (i = 0; i < nr_cases / 10 && !broken; i++) {
		u64 rate = magnitude(1ULL << 40), now = 1 + magnitude(1ULL << 50), start = now;
		u64 step = 1 + magnitude(SEC), burst = 1ULL << 60;
		struct tm_rate r = { 0 };
		unsigned int j;
		u128 earned;

		tm_rate_refill(&r, rate, burst, now);
		tm_rate_spend(&r, ~0ULL);
		/* If the uptime was too short for a byte it still counts: begin there. */
		start = r.last_ns;
		for (j = 0; j < 64; j++)
			tm_rate_refill(&r, rate, burst, now += below(2 * step));
		earned = (u128)rate * (now - start) / SEC;
		if (r.tokens_bytes > earned)
			broken = "more than was earned";
		else if (now - start < 10 * SEC && r.tokens_bytes + 1 < earned / 2)
			broken = "less than half of what was earned";
	}
	report(broken, i, "rate: half of it arrives at least, however short the intervals");
}

int main(void)
{
	random_begin(7);
	test_parse_text();
	test_parse_round_trip();
	test_quota_numbers();
	test_inflight();
	test_inflight_skew();
	test_rate();
	test_rate_arrives();
	ksft_finished();
}
