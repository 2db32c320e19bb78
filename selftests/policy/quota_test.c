// SPDX-License-Identifier: GPL-2.0
/* Quotas: what users write, and what a group may take. */
#include <stdio.h>

#include "kselftest.h"
#include "quota.h"

/* No quota that the table holds: stays where it is if the text is refused. */
#define MALFORMED	0xdeadULL

static const struct parse_case {
	const char *text;
	u64 pages;
	const char *why;
} parse_cases[] = {
	{ "max", TM_QUOTA_MAX_PAGES, "no ceiling" },
	{ "0", 0, "everything slow" },
	{ "4095", 0, "a part of a page is none" },
	{ "4096", 1, "the smallest quota that holds a page" },
	{ "8191", 1, "rounded down, never up" },
	{ "007", 0, "leading zeros don't mean octal" },
	{ "00000000000000000000000000004096", 1, "leading zeros aren't size" },
	{ "4K", 1, "binary kilobytes" },
	{ "1m", 256, "lower case suffix" },
	{ "2G", 2ULL << 18, "the example of the manual" },
	{ "2g", 2ULL << 18, "the same in lower case" },
	{ "0T", 0, "zero of anything is zero" },
	{ "16T", 16ULL << 28, "a large machine" },
	{ "1P", 1ULL << 38, "petabytes" },
	{ "7E", 7ULL << 48, "largest round number below the ceiling" },
	{ "8E", TM_QUOTA_MAX_PAGES, "exactly the ceiling" },
	{ "15E", TM_QUOTA_MAX_PAGES, "fits 64 bits, but not the address space" },
	{ "16E", TM_QUOTA_MAX_PAGES, "2^64 by suffix would be 0 if it wrapped" },
	{ "18E", TM_QUOTA_MAX_PAGES, "clamped, as memory.max does it" },
	{ "9223372036854771711", TM_QUOTA_MAX_PAGES - 2, "2^63-4097 lies before the last page" },
	{ "9223372036854771712", TM_QUOTA_MAX_PAGES - 1, "2^63-4096 begins it" },
	{ "9223372036854775807", TM_QUOTA_MAX_PAGES - 1, "2^63-1 ends it" },
	{ "9223372036854775808", TM_QUOTA_MAX_PAGES, "2^63 is the ceiling" },
	{ "18446744073709551615", TM_QUOTA_MAX_PAGES, "2^64-1 is clamped" },
	{ "18446744073709551616", TM_QUOTA_MAX_PAGES, "2^64 is clamped, not 0" },
	{ "18446744073709555712", TM_QUOTA_MAX_PAGES, "2^64+4096 is clamped, not one page" },
	{ "99999999999999999999999", TM_QUOTA_MAX_PAGES, "far beyond 64 bits" },
	{ "99999999999999999999999K", TM_QUOTA_MAX_PAGES, "the same with a suffix" },
	{ "", MALFORMED, "nothing at all" },
	{ " ", MALFORMED, "white space is for the caller to remove" },
	{ " 1", MALFORMED, "white space in front" },
	{ "1 ", MALFORMED, "white space behind" },
	{ "1 G", MALFORMED, "white space inside" },
	{ "1\n", MALFORMED, "a line feed is for the caller to remove" },
	{ "2X", MALFORMED, "no such suffix" },
	{ "-1", MALFORMED, "negative" },
	{ "+1", MALFORMED, "a sign isn't a digit" },
	{ "-0", MALFORMED, "not even for zero" },
	{ "0x10", MALFORMED, "decimal only" },
	{ "2GG", MALFORMED, "two suffixes" },
	{ "2GB", MALFORMED, "bytes are understood, not written" },
	{ "2GiB", MALFORMED, "the same in IEC" },
	{ "G2", MALFORMED, "suffix in front" },
	{ "G", MALFORMED, "suffix alone" },
	{ "m", MALFORMED, "suffix alone that begins like max" },
	{ "ma", MALFORMED, "part of max" },
	{ "maxx", MALFORMED, "more than max" },
	{ "max ", MALFORMED, "max and white space" },
	{ "MAX", MALFORMED, "cgroup files know max in lower case only" },
	{ "1.5G", MALFORMED, "no fractions" },
	{ "1,000", MALFORMED, "no separators" },
	{ "1e9", MALFORMED, "an exponent is not the suffix E" },
	{ "99999999999999999999999X", MALFORMED, "malformed beats too large" },
	{ "\3771", MALFORMED, "a byte that is negative as char" },
	{ "1\xff", MALFORMED, "the same behind the digits" },
};

static void test_parse(void)
{
	enum tm_parse_result result, expected;
	size_t i;
	u64 pages;

	for (i = 0; i < ARRAY_SIZE(parse_cases); i++) {
		const struct parse_case *c = &parse_cases[i];

		expected = c->pages == MALFORMED ? TM_PARSE_MALFORMED : TM_PARSE_OK;
		pages = MALFORMED;
		result = tm_quota_parse(c->text, &pages);
		if (result != expected || pages != c->pages)
			ksft_print_msg("result %d, %llu pages, expected %d, %llu\n", result,
				       (unsigned long long)pages, expected,
				       (unsigned long long)c->pages);
		/* The text itself may hold what breaks a TAP line. */
		ksft_test_result(result == expected && pages == c->pages,
				 "parse %zu: %s\n", i, c->why);
	}
}

static const struct margin_case {
	u64 quota;
	u64 margin;
	const char *why;
} margin_cases[] = {
	{ 0, 0, "a quota of nothing keeps nothing free" },
	{ 63, 0, "a tiny quota is used entirely" },
	{ 64, 1, "a 64th" },
	{ 51200, 800, "200M keep 3.1M free" },
	{ (4ULL << 18) - 64, 16383, "just below the limit" },
	{ 4ULL << 18, 16384, "4G keep 64M free" },
	{ 16ULL << 28, 16384, "16T keep no more than that" },
	{ TM_QUOTA_MAX_PAGES, 16384, "nor does no ceiling" },
};

static void test_margin(void)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(margin_cases); i++)
		ksft_test_result(tm_quota_margin(margin_cases[i].quota) == margin_cases[i].margin,
				 "margin: %s\n", margin_cases[i].why);
}

static const struct room_case {
	u64 quota;
	u64 used;
	u64 inflight;
	u64 room;
	const char *why;
} room_cases[] = {
	{ 100, 0, 0, 100, "an empty group may take all" },
	{ 100, 60, 0, 40, "what is used counts" },
	{ 100, 60, 10, 30, "what is on its way counts, too" },
	{ 100, 60, 40, 0, "both together use it up" },
	{ 100, 60, 41, 0, "one more doesn't wrap around" },
	{ 100, 100, 0, 0, "full" },
	{ 100, 101, 0, 0, "over the quota" },
	{ 0, 0, 0, 0, "a quota of nothing" },
	{ 0, 1ULL << 32, 64, 0, "a quota of nothing, cut from 16T" },
	{ TM_QUOTA_MAX_PAGES, 1ULL << 32, 64, TM_QUOTA_MAX_PAGES - (1ULL << 32) - 64,
	  "no ceiling leaves room for everything" },
};

static void test_room(void)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(room_cases); i++) {
		const struct room_case *c = &room_cases[i];

		ksft_test_result(tm_quota_room(c->quota, c->used, c->inflight) == c->room,
				 "room: %s\n", c->why);
	}
}

#define MS	1000000ULL

/* One estimate: at @ms (of an uptime of a day), with @taken pages admitted so far. */
struct inflight_step {
	u64 ms;
	u64 taken;
	u64 expected;
};

static const struct inflight_case {
	const char *why;
	struct inflight_step steps[7];	/* ends at the first one with ms 0 */
} inflight_cases[] = {
	{ "a first burst is in flight", { { 100, 5, 5 }, { 101, 30, 30 } } },
	{ "a burst is forgotten after two horizons, not earlier",
	  { { 100, 0, 0 }, { 101, 10, 10 }, { 119, 10, 10 }, { 120, 10, 10 }, { 139, 10, 10 },
	    { 140, 10, 0 } } },
	{ "steady admissions show at least those of the last horizon",
	  { { 100, 0, 0 }, { 110, 10, 10 }, { 120, 20, 20 }, { 130, 30, 30 }, { 140, 40, 20 },
	    { 150, 50, 30 } } },
	{ "an idle group has nothing in flight",
	  { { 100, 7, 7 }, { 119, 7, 7 }, { 120, 7, 0 }, { 400, 7, 0 } } },
	{ "after a long silence all that was taken may be new",
	  { { 100, 0, 0 }, { 200, 0, 0 }, { 60000, 50, 50 }, { 60001, 50, 50 },
	    { 60020, 50, 0 } } },
	{ "a counter that was reset doesn't wrap around",
	  { { 100, 50, 50 }, { 200, 50, 0 }, { 201, 2, 0 } } },
	{ "time that goes back a little forgets nothing",
	  { { 100, 0, 0 }, { 120, 0, 0 }, { 121, 30, 30 }, { 119, 30, 30 }, { 118, 30, 30 },
	    { 121, 30, 30 } } },
};

static void test_inflight(void)
{
	const u64 day = 86400 * 1000 * MS;
	size_t i, j;

	for (i = 0; i < ARRAY_SIZE(inflight_cases); i++) {
		const struct inflight_case *c = &inflight_cases[i];
		struct tm_inflight f = { 0 };
		bool good = true;

		for (j = 0; j < ARRAY_SIZE(c->steps) && c->steps[j].ms; j++) {
			const struct inflight_step *s = &c->steps[j];
			u64 pages = tm_inflight_update(&f, s->taken, day + s->ms * MS,
						       TM_INFLIGHT_NS);

			if (pages == s->expected)
				continue;
			ksft_print_msg("at %llu ms: %llu pages, expected %llu\n",
				       (unsigned long long)s->ms, (unsigned long long)pages,
				       (unsigned long long)s->expected);
			good = false;
		}
		ksft_test_result(good, "inflight: %s\n", c->why);
	}
}

int main(void)
{
	ksft_print_header();
	ksft_set_plan(ARRAY_SIZE(parse_cases) + ARRAY_SIZE(margin_cases) +
		      ARRAY_SIZE(room_cases) + ARRAY_SIZE(inflight_cases));
	test_parse();
	test_margin();
	test_room();
	test_inflight();
	ksft_finished();
}
