// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cache.h"
#include "clock.h"
#include "frames.h"
#include "node.h"
#include "options.h"
#include "report.h"

bool parse_number(const char *text, uint64_t *value)
{
	char *end;

	errno = 0;
	*value = strtoull(text, &end, 10);
	return *text >= '0' && *text <= '9' && !*end && !errno;
}

bool parse_bytes(const char *text, uint64_t *bytes)
{
	static const char units[] = "KMG";
	size_t len = strlen(text);
	const char *unit = len ? strchr(units, text[len - 1]) : NULL;
	unsigned int shift = 0;
	char digits[24];

	if (unit && *unit) {
		shift = 10 * (unit - units + 1);
		len--;
	}
	if (!len || len >= sizeof(digits))
		return false;
	memcpy(digits, text, len);
	digits[len] = 0;
	if (!parse_number(digits, bytes) || *bytes > UINT64_MAX >> shift)
		return false;
	*bytes <<= shift;
	return true;
}

/* @scale: of the unit in the option's name to the one that is kept. */
static const struct {
	const char *key;
	uint64_t *value;
	uint64_t scale;
	uint64_t min;
} numbers[] = {
	{ "cpi_ps",	&clock_options.cpi_ps,		1,		1 },
	{ "quantum_ns",	&clock_options.quantum_ps,	PS_PER_NS,	1 },
	{ "tlbflush_us", &clock_options.flush_ps,	PS_PER_US,	0 },
	{ "llc_kb",	&cache_options.llc_kb,		1,		1 },
	{ "llc_ways",	&cache_options.llc_ways,	1,		1 },
	{ "llc_ns",	&cache_options.llc_ps,		PS_PER_NS,	0 },
	{ "mmio_ns",	&cache_options.mmio_ps,		PS_PER_NS,	0 },
	{ "tlb",	&cache_options.tlb_entries,	1,		0 },
};

static bool set_number(const char *key, const char *text)
{
	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
		uint64_t value;

		if (strcmp(key, numbers[i].key))
			continue;
		if (!parse_number(text, &value) || value < numbers[i].min ||
		    value > UINT32_MAX) {
			qemu_complain("%s=%s: a number from %u on is wanted", key, text,
				      (unsigned int)numbers[i].min);
			return false;
		}
		*numbers[i].value = value * numbers[i].scale;
		return true;
	}
	qemu_complain("no option \"%s\": see tools/tiersim/README.md", key);
	return false;
}

static bool set_bool(const char *key, const char *text, bool *value)
{
	*value = !strcmp(text, "on");
	if (*value || !strcmp(text, "off"))
		return true;
	qemu_complain("%s=%s: on or off", key, text);
	return false;
}

bool options_apply(int argc, char **argv)
{
	const char *out = NULL, *pages = NULL;
	bool clock = true, model = true, every = false;

	for (int i = 0; i < argc; i++) {
		char *key = argv[i], *value = strchr(argv[i], '=');
		bool ok;

		if (!value) {
			qemu_complain("\"%s\": key=value is wanted", key);
			return false;
		}
		*value++ = 0;
		if (!strcmp(key, "node"))
			ok = node_add(value);
		else if (!strcmp(key, "out"))
			ok = (out = value);
		else if (!strcmp(key, "pages"))
			ok = (pages = value);
		else if (!strcmp(key, "pages_all"))
			ok = set_bool(key, value, &every);
		else if (!strcmp(key, "clock"))
			ok = set_bool(key, value, &clock);
		else if (!strcmp(key, "model"))
			ok = set_bool(key, value, &model);
		else
			ok = set_number(key, value);
		if (!ok)
			return false;
	}
	clock_options.off = !clock;
	cache_options.off = !model;
	if (model && !nr_nodes) {
		qemu_complain("no node: say what the machine's memory is, such as node=1G:dram,node=1G:optane");
		return false;
	}
	if (pages && !model) {
		qemu_complain("pages= needs the model");
		return false;
	}
	if (!node_map() || !cache_install() || !report_install(out))
		return false;
	return !pages || frames_install(pages, node_end(), every ? FRAMES_ACCESS : FRAMES_MISS);
}
