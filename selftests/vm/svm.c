// SPDX-License-Identifier: GPL-2.0
/*
 * QEMU plugin: KVM in the test VM has a processor that it can rely on. It mends two
 * faults of QEMU 10.0 that only vCPUs with a thread each have.
 *
 * VMRUN leaves the number of an interrupt that it injects behind as a pending
 * exception (helper_vmrun(): exception_index). Nobody looks at it until another
 * thread makes the vCPU leave its loop, with a kick for an interrupt that was taken
 * already, say. If that comes before the first instruction of the guest, the
 * interrupt is delivered again, in its own handler, with interrupts disabled. From
 * user mode that handler hasn't switched GS yet: the guest's kernel faults until its
 * stack is used up, and panics or starts again. With two vCPUs that really run at the
 * same time, a guest of Linux lives for some minutes so. So VMRUN, once the interrupt
 * is delivered, leaves for QEMU's loop in the way that says that there is no
 * exception. It would go there next anyway.
 *
 * A vCPU that loads the state of its FPU, with each switch of tasks, clears IGNNE,
 * which all share and DOS had a use for (cpu_clear_ignne()): it reads flags of the
 * first vCPU, and writes them back, while that one runs. Another of these flags is
 * GIF, which CLGI, VMRUN, its end and STGI write. If the STGI is lost, the first CPU
 * has no interrupt any more, and the machine stands still. If the CLGI is lost, or
 * the end of a VMRUN, an interrupt may come while the guest's GS is loaded: the host
 * faults until its stack is used up. So IGNNE isn't cleared; nothing here sets it.
 */
#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

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

/* Makes a function of QEMU without arguments return at once. */
static int disable(const char *name)
{
	uint8_t *func = dlsym(RTLD_DEFAULT, name);
	size_t page_bytes = (size_t)sysconf(_SC_PAGESIZE);
	void *page;

	if (!func) {
		fprintf(stderr, "svm: QEMU has no %s()\n", name);
		return -1;
	}
	page = func - (uintptr_t)func % page_bytes;
	if (mprotect(page, page_bytes, PROT_READ | PROT_WRITE | PROT_EXEC)) {
		perror("svm: mprotect");
		return -1;
	}
	*func = 0xc3;	/* ret */
	return mprotect(page, page_bytes, PROT_READ | PROT_EXEC);
}

EXPORT int qemu_plugin_install(uint64_t id, const struct qemu_info_t *info, int argc, char **argv)
{
	(void)id;
	(void)info;
	(void)argc;
	(void)argv;
	if (helper_info_vmrun.func != dlsym(RTLD_DEFAULT, "helper_vmrun")) {
		fputs("svm: helper_info_vmrun is not as in QEMU 10\n", stderr);
		return -1;
	}
	helper_info_vmrun.func = vmrun;
	return disable("cpu_clear_ignne");
}
