// SPDX-License-Identifier: GPL-2.0
/* What part of a group's accesses so much DRAM would serve: tiermem.dram_curve. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "array.h"
#include "cgroup.h"
#include "curve.h"
#include "root.h"

static void add(struct curve *curve, double bytes, double percent)
{
	struct curve_point *more;

	more = array_grow(curve->point, curve->n, sizeof(*more));
	curve->point = more;
	more[curve->n].bytes = bytes;
	more[curve->n].percent = percent;
	curve->n++;
}

int curve_read(struct curve *curve, const char *cgroup)
{
	char *path = cgroup_file(cgroup, "tiermem.dram_curve"), *text, *rest, *line;
	double bytes, percent;
	int ret = file_read(path, &text);

	free(path);
	memset(curve, 0, sizeof(*curve));
	if (ret)
		return ret;
	for (rest = text; (line = strsep(&rest, "\n"));) {
		const struct curve_point *last = curve->n ? &curve->point[curve->n - 1] : NULL;

		if (sscanf(line, "%lf %lf", &bytes, &percent) != 2)
			continue;
		/* Rounded down to pages, two points of a small group may be the same. */
		if (isfinite(bytes) && isfinite(percent) && bytes >= 0 && percent >= 0 &&
		    (!last || (bytes > last->bytes && percent >= last->percent)))
			add(curve, bytes, percent);
	}
	free(text);
	return 0;
}

void curve_free(struct curve *curve)
{
	free(curve->point);
	memset(curve, 0, sizeof(*curve));
}

uint64_t curve_bytes(const struct curve *curve, double percent)
{
	size_t i;

	for (i = 0; i < curve->n; i++) {
		const struct curve_point *to = &curve->point[i], *from = to - 1;

		if (to->percent < percent)
			continue;
		if (!i || to->percent <= from->percent)
			return to->bytes;
		return from->bytes + (to->bytes - from->bytes) * (percent - from->percent) /
				     (to->percent - from->percent);
	}
	return curve->n ? curve->point[curve->n - 1].bytes : 0;
}

double curve_percent(const struct curve *curve, uint64_t bytes)
{
	size_t i;

	for (i = 0; i < curve->n; i++) {
		const struct curve_point *to = &curve->point[i], *from = to - 1;

		if (to->bytes < bytes)
			continue;
		if (!i || to->bytes <= from->bytes)
			return to->percent;
		return from->percent + (to->percent - from->percent) * (bytes - from->bytes) /
				       (to->bytes - from->bytes);
	}
	return curve->n ? curve->point[curve->n - 1].percent : 0;
}

bool curve_idle(const struct curve *curve)
{
	return curve->n && curve->point[0].percent >= 100;
}
