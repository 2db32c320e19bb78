// SPDX-License-Identifier: GPL-2.0
/* The one place that looks up kernel symbols; see ksym.h for how they are called. */
#include <linux/kallsyms.h>
#include <linux/kprobes.h>
#include <linux/string.h>

#include "ksym.h"

#define TM_KSYM_DEFINE(f)	DEFINE_STATIC_CALL_RET0(tm_##f, f);
TM_KSYMS(TM_KSYM_DEFINE)
#undef TM_KSYM_DEFINE

DEFINE_STATIC_CALL_RET0(tm_lookup, kallsyms_lookup_name);

unsigned long tm_ksym_alloc_addr;

static unsigned long lookup(const char *name, const char *missing)
{
	unsigned long addr = 0;

	if (!missing || strcmp(name, missing))
		addr = static_call(tm_lookup)(name);
	if (!addr)
		pr_err("kernel lacks the symbol %s that tiermem needs; not loaded\n", name);
	return addr;
}

/*
 * A probe that is registered and removed at once tells the lookup function's
 * address. It is never armed: disarming it allocates, and when that fails the
 * kernel keeps pointers to a probe that we believe removed.
 */
static int bind_lookup(const char *missing)
{
	struct kprobe kp = {
		.symbol_name = "kallsyms_lookup_name",
		.flags = KPROBE_FLAG_DISABLED,
	};
	int ret = -ENOENT;

	if (!missing || strcmp(kp.symbol_name, missing))
		ret = register_kprobe(&kp);
	if (ret) {
		pr_err("kernel lacks the symbol %s that tiermem needs (%d); not loaded\n",
		       kp.symbol_name, ret);
		return ret;
	}
	/* May point past a landing pad; good enough for a direct call. */
	static_call_update(tm_lookup, (typeof(&kallsyms_lookup_name))kp.addr);
	unregister_kprobe(&kp);
	return 0;
}

int tm_ksym_bind(const char *missing)
{
	unsigned long addr;
	int ret;

	ret = bind_lookup(missing);
	if (ret)
		return ret;

#define TM_KSYM_BIND(f) \
	addr = lookup(#f, missing); \
	if (!addr) \
		return -ENOENT; \
	static_call_update(tm_##f, (typeof(&f))addr);
	TM_KSYMS(TM_KSYM_BIND)
#undef TM_KSYM_BIND

	tm_ksym_alloc_addr = lookup(TM_ALLOC_SYMBOL, missing);
	return tm_ksym_alloc_addr ? 0 : -ENOENT;
}
