// SPDX-License-Identifier: GPL-2.0
/*
 * QEMU plugin: a virtual machine in the test VM gets each interrupt once.
 *
 * VMRUN of QEMU 10.0 leaves the number of an interrupt that it injects behind as
 * a pending exception (helper_vmrun(): exception_index). Nobody looks at it until
 * another thread makes the vCPU leave its loop, with a kick for an interrupt that
 * was taken already, say. If that comes before the first instruction of the guest,
 * the interrupt is delivered again, in its own handler, with interrupts disabled.
 * From user mode that handler hasn't switched GS yet: the guest's kernel faults
 * until its stack is used up, and panics or starts again. With two vCPUs that
 * really run at the same time, a guest of Linux lives for some minutes so.
 *
 * So VMRUN, once the interrupt is delivered, leaves for QEMU's loop in the way
 * that says that there is no exception. It would go there next anyway.
 */
#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>

/* See tlbflush.c for the plugin API, and for why QEMU's own symbols are there. */
#define EXPORT __attribute__((visibility("default")))

struct qemu_info_t;
struct CPUState;
typedef void vmrun_fn(void *env, int aflag, int next_eip_addend);

extern __thread struct CPUState *current_cpu;
void helper_vmrun(void *env, int aflag, int next_eip_addend);
void cpu_loop_exit_noexc(struct CPUState *cpu) __attribute__((noreturn));

/* The beginning of what translated code is told of the helper: where it is. */
extern struct {
	vmrun_fn *func;
} helper_info_vmrun;

EXPORT int qemu_plugin_version = 4;

/* It returns only with nothing left to inject: other events end in the loop, too. */
static void vmrun(void *env, int aflag, int next_eip_addend)
{
	helper_vmrun(env, aflag, next_eip_addend);
	cpu_loop_exit_noexc(current_cpu);
}

EXPORT int qemu_plugin_install(uint64_t id, const struct qemu_info_t *info, int argc, char **argv)
{
	(void)id;
	(void)info;
	(void)argc;
	(void)argv;
	if (helper_info_vmrun.func != dlsym(RTLD_DEFAULT, "helper_vmrun")) {
		fputs("vmrun: helper_info_vmrun is not as in QEMU 10\n", stderr);
		return -1;
	}
	helper_info_vmrun.func = vmrun;
	return 0;
}
