// SPDX-License-Identifier: GPL-2.0
/* Sizes as people write and read them. */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "root.h"
#include "size.h"

static const char units[] = "KMGTPE";

char *size_text(uint64_t bytes, char text[SIZE_CHARS])
{
	double size = bytes;
	int unit = -1;

	if (bytes < 1024) {
		snprintf(text, SIZE_CHARS, "%u", (unsigned int)bytes);
		return text;
	}
	/* Not 1024.0K nor 100.0M: as it would be printed. */
	while (unit < 0 || (size >= 1023.5 && units[unit + 1])) {
		size /= 1024;
		unit++;
	}
	snprintf(text, SIZE_CHARS, size < 99.95 ? "%.1f%c" : "%.0f%c", size, units[unit]);
	return text;
}

/* Part of a unit: ".75". Digits that make no byte are read over. */
static const char *parse_fraction(const char *at, unsigned int shift, uint64_t *bytes)
{
	long double value = 0, scale = 1;

	for (; isdigit((unsigned char)*at); at++) {
		scale /= 10;
		value += (*at - '0') * scale;
	}
	*bytes = (uint64_t)(value * ((uint64_t)1 << shift));
	return at;
}

const char *size_parse(const char *text, uint64_t *bytes)
{
	const char *fraction = NULL, *at = text, *unit;
	unsigned int shift = 0;
	uint64_t whole, part = 0;
	char *end;

	if (!*text)
		return "a size is missing";
	if (!isdigit((unsigned char)*text))
		return "a size begins with a digit";
	errno = 0;
	whole = strtoull(text, &end, 10);
	if (errno)
		return "that is more than any address space";
	at = end;
	if (*at == '.') {
		fraction = ++at;
		if (!isdigit((unsigned char)*at))
			return "digits are missing after the point";
		while (isdigit((unsigned char)*at))
			at++;
	}
	if (*at) {
		unit = strchr(units, toupper((unsigned char)*at));
		if (!unit)
			return "units are K, M, G, T, P and E, powers of 1024";
		shift = 10 * (unit - units + 1);
		at++;
		if (!strcmp(at, "i") || !strcmp(at, "iB"))
			at += strlen(at);
		else if (!strcmp(at, "B") || !strcmp(at, "b"))
			return "write G or GiB: GB could mean powers of 1000";
		if (*at)
			return "there is something behind the unit";
	} else if (fraction) {
		return "a size with a point needs a unit: 1.5G";
	}
	if (fraction)
		parse_fraction(fraction, shift, &part);
	if (whole > UINT64_MAX >> shift || part > UINT64_MAX - (whole << shift))
		return "that is more than any address space";
	*bytes = (whole << shift) + part;
	return NULL;
}

char *size_write(uint64_t bytes)
{
	uint64_t size = bytes;
	int unit = -1;

	/* Rounding adds a hundredth at most. */
	while (size > 9999 && units[unit + 1] && (!(size % 1024) || size / 1024 >= 100)) {
		size = size / 1024 + !!(size % 1024);
		unit++;
	}
	return unit < 0 ? format_text("%" PRIu64, size) :
			  format_text("%" PRIu64 "%c", size, units[unit]);
}
