// SPDX-License-Identifier: GPL-2.0
/*
 * Finds what tiersim uses of QEMU and refuses any QEMU that looks different.
 *
 * Nothing here is an interface that QEMU promises to keep, so each assumption
 * is checked before use: version and machine when the plugin is loaded, the
 * layout of the accelerator's hooks when they have been filled in, by pointers
 * that are known to be among them.
 */
#include <dlfcn.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "qemu.h"

#define QEMU_POINTER(ret, name, args) ret (*qemu_##name) args;
QEMU_SYMBOLS(QEMU_POINTER)
#undef QEMU_POINTER

void *qemu_virtual_timers;
size_t qemu_exception_index;

/* Where timers of the machine are; filled in by QEMU before qemu_tcg_ops(). */
static void **main_loop_tlg;

static const struct {
	const char *name;
	void **where;
} symbols[] = {
#define QEMU_POINTER(ret, name, args) { #name, (void **)&qemu_##name },
	QEMU_SYMBOLS(QEMU_POINTER)
#undef QEMU_POINTER
	{ "main_loop_tlg", (void **)&main_loop_tlg },
};

void qemu_complain(const char *format, ...)
{
	va_list args;

	fputs("tiersim: ", stderr);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
}

/* The first that it does: sub $8,%rsp; movl $-1,exception_index(%rdi). */
static bool find_exception_index(void)
{
	static const uint8_t begin[] = { 0x48, 0x83, 0xec, 0x08, 0xc7, 0x87 };
	static const uint8_t end[] = { 0xff, 0xff, 0xff, 0xff };
	const uint8_t *code = (const uint8_t *)qemu_cpu_loop_exit_noexc;
	uint32_t offset;

	memcpy(&offset, &code[sizeof(begin)], sizeof(offset));
	if (memcmp(code, begin, sizeof(begin)) ||
	    memcmp(&code[sizeof(begin) + sizeof(offset)], end, sizeof(end)) || offset > 4096) {
		qemu_complain("cpu_loop_exit_noexc() does not look as in Debian's QEMU 10.0");
		return false;
	}
	qemu_exception_index = offset;
	return true;
}

bool qemu_resolve(const struct qemu_plugin_info *info)
{
	const struct {
		const int64_t *triple;	/* major, minor, micro */
		const char *package;
	} *version;

	if (!info->system_emulation || strcmp(info->target_name, "x86_64") != 0) {
		qemu_complain("needs qemu-system-x86_64, this emulates %s %s", info->target_name,
			      info->system_emulation ? "machines" : "programs");
		return false;
	}
	for (size_t i = 0; i < ARRAY_SIZE(symbols); i++) {
		*symbols[i].where = dlsym(RTLD_DEFAULT, symbols[i].name);
		if (!*symbols[i].where) {
			qemu_complain("this QEMU does not export %s: use Debian's QEMU 10.0, which is built with loadable modules",
				      symbols[i].name);
			return false;
		}
	}
	version = qemu_qmp_query_version(NULL);
	if (version->triple[0] != 10 || version->triple[1] != 0) {
		qemu_complain("made for QEMU 10.0, this is %d.%d", (int)version->triple[0],
			      (int)version->triple[1]);
		return false;
	}
	return find_exception_index();
}

struct accel_ops *qemu_tcg_ops(void)
{
	struct accel_ops *ops = qemu_object_class_by_name("tcg-accel-ops");

	if (!ops || !ops->ops_init || !ops->kick_vcpu_thread) {
		qemu_complain("needs -accel tcg,thread=single");
		return NULL;
	}
	if (ops->kick_vcpu_thread != (void *)qemu_rr_kick_vcpu_thread ||
	    ops->create_vcpu_thread != (void *)qemu_rr_start_vcpu_thread) {
		qemu_complain("needs -accel tcg,thread=single: vCPUs that run at the same time can't be repeated");
		return NULL;
	}
	if (ops->handle_interrupt != qemu_tcg_handle_interrupt || ops->get_virtual_clock ||
	    ops->get_elapsed_ticks) {
		qemu_complain("the clock is taken: leave -icount out");
		return NULL;
	}
	if (ops->cpu_thread_is_idle || ops->set_virtual_clock) {
		qemu_complain("the accelerator's hooks are not where QEMU 10.0.2 has them");
		return NULL;
	}
	qemu_virtual_timers = main_loop_tlg[QEMU_CLOCK_VIRTUAL];
	return ops;
}
