// SPDX-License-Identifier: GPL-2.0
/* Any sequence of visits, moves and reuse of a frame. */
#include "fuzz.h"

int fuzz_input(const u8 *data, size_t size)
{
	fuzz_verdict(oracle_heat(data, size));
	return 0;
}
