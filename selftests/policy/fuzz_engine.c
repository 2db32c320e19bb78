// SPDX-License-Identifier: GPL-2.0
/* Any life of a group: harvests, limits, moves and restarts. */
#include "fuzz.h"

int fuzz_input(const u8 *data, size_t size)
{
	fuzz_verdict(oracle_engine(data, size));
	return 0;
}
