// SPDX-License-Identifier: GPL-2.0
/* Any bytes as a quota. */
#include <string.h>

#include "fuzz.h"

int fuzz_input(const u8 *data, size_t size)
{
	/* Of exactly this size, so that a read past the NUL is seen. */
	char *text = malloc(size + 1);

	if (!text)
		abort();
	memcpy(text, data, size);
	text[size] = 0;
	fuzz_verdict(oracle_parse(text));
	free(text);
	return 0;
}
