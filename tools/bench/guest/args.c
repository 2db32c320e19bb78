// SPDX-License-Identifier: GPL-2.0
#include "args.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

uint64_t arg_uint(struct argp_state *state, const char *name, const char *arg, uint64_t min,
		  uint64_t max)
{
	uint64_t value;
	char *end;

	errno = 0;
	value = strtoull(arg, &end, 0);
	if (!isdigit((unsigned char)arg[0]) || *end || errno)
		argp_error(state, "%s: '%s' is not a number", name, arg);
	if (value < min || value > max)
		argp_error(state, "%s: %s is not between %" PRIu64 " and %" PRIu64, name, arg,
			   min, max);
	return value;
}

uint64_t arg_bytes(struct argp_state *state, const char *name, const char *arg, uint64_t min)
{
	static const char units[] = "KMG";
	uint64_t value, shift = 0;
	const char *unit;
	char *end;

	errno = 0;
	value = strtoull(arg, &end, 0);
	if (*end) {
		unit = strchr(units, toupper((unsigned char)*end));
		if (unit && !end[1])
			shift = 10 * (uint64_t)(unit - units + 1);
	}
	if (!isdigit((unsigned char)arg[0]) || (*end && !shift) || errno ||
	    value > UINT64_MAX >> shift)
		argp_error(state, "%s: '%s' is not a number of bytes", name, arg);
	value <<= shift;
	if (value < min)
		argp_error(state, "%s: %s is less than %" PRIu64 " bytes", name, arg, min);
	return value;
}

uint64_t arg_duration(struct argp_state *state, const char *name, const char *arg,
		      uint64_t unit_ns)
{
	double value;
	char *end;

	value = strtod(arg, &end);
	if (end != arg && !strcmp(end, "s"))
		unit_ns = 1000000000;
	else if (end != arg && !strcmp(end, "ms"))
		unit_ns = 1000000;
	else if (end == arg || *end)
		argp_error(state, "%s: '%s' is not a duration", name, arg);
	value *= unit_ns;
	/* A thousand hours are enough, and NaN is not. */
	if (!(value >= 0 && value <= 3.6e15))
		argp_error(state, "%s: '%s' is not a sensible duration", name, arg);
	return (uint64_t)llrint(value);
}
