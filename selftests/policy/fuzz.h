/* SPDX-License-Identifier: GPL-2.0 */
/* What the fuzz targets share: a broken promise is a crash. */
#ifndef TM_FUZZ_H
#define TM_FUZZ_H

#include <stdio.h>
#include <stdlib.h>

#include "oracle.h"

/* The Makefile gives it the name that libFuzzer calls. */
int fuzz_input(const u8 *data, size_t size);

static inline void fuzz_verdict(const char *broken)
{
	if (!broken)
		return;
	fprintf(stderr, "broken: %s\n", broken);
	abort();
}

#endif /* TM_FUZZ_H */
