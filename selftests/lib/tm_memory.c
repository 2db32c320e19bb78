// SPDX-License-Identifier: GPL-2.0
/* Memory with contents that can be verified. See tm_test.h. */
#include "tm_internal.h"
#include "tm_pattern.h"

size_t tm_page_size(void)
{
	static size_t size;

	if (!size)
		size = sysconf(_SC_PAGESIZE);
	return size;
}

void *tm_anon(size_t len, int advice)
{
	const size_t huge = 2 * TM_MIB;
	char *p = mmap(NULL, len + huge, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	char *a;

	if (p == MAP_FAILED)
		tm_die("mmap of %zu bytes: %m", len);
	a = (char *)(((uintptr_t)p + huge - 1) & ~(huge - 1));
	if (a > p)
		munmap(p, a - p);
	munmap(a + len, p + huge - a);
	if (advice && madvise(a, len, advice))
		tm_diag("madvise(%d): %s", advice, strerror(errno));
	return a;
}

uint64_t tm_page_word(uint64_t seed, uint64_t index)
{
	return tm_pattern_mix(tm_pattern_mix(seed + 1) + index);
}

void tm_fill_page(void *page, uint64_t seed, uint64_t index)
{
	tm_pattern_fill(page, tm_page_size() / sizeof(uint64_t), tm_page_word(seed, index));
}

bool tm_verify_page(const void *page, uint64_t seed, uint64_t index)
{
	return tm_pattern_verify(page, tm_page_size() / sizeof(uint64_t),
				 tm_page_word(seed, index));
}

void tm_fill(void *addr, size_t len, uint64_t seed)
{
	size_t page = tm_page_size(), i;

	for (i = 0; i < len / page; i++)
		tm_fill_page((char *)addr + i * page, seed, i);
}

uint64_t tm_verify(const void *addr, size_t len, uint64_t seed)
{
	size_t page = tm_page_size(), i;
	uint64_t bad = 0;

	for (i = 0; i < len / page; i++) {
		if (tm_verify_page((const char *)addr + i * page, seed, i))
			continue;
		if (!bad++)
			tm_diag("content: page %zu of %zu is wrong (first word %#llx)", i,
				len / page, *(unsigned long long *)((const char *)addr + i * page));
	}
	return bad;
}

void tm_touch(volatile void *addr, size_t len)
{
	volatile char *p = addr;
	size_t i;

	for (i = 0; i < len; i += tm_page_size())
		(void)p[i];
}
