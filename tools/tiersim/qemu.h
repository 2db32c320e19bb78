/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What tiersim uses of QEMU 10.0.
 *
 * Two parts. The plugin API (version 4) as documented in QEMU's "TCG Plugins":
 * Debian packages no header for it. And QEMU itself: Debian builds it with
 * loadable modules, so the program exports all its symbols. The latter are
 * looked up by name in qemu.c, which checks them before anything is touched.
 */
#ifndef TIERSIM_QEMU_H
#define TIERSIM_QEMU_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <glib.h>

#define EXPORT __attribute__((visibility("default")))
#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

/* ---- plugin API ---------------------------------------------------------- */

struct qemu_plugin_info {
	const char *target_name;
	struct {
		int min;
		int cur;
	} version;
	bool system_emulation;
	struct {
		int smp_vcpus;
		int max_vcpus;
	} system;
};

/* One u64 for each vCPU, which generated code can add to. */
struct qemu_plugin_scoreboard;
struct qemu_plugin_u64 {
	struct qemu_plugin_scoreboard *score;
	size_t offset;
};

struct qemu_plugin_register_desc {
	void *handle;
	const char *name;
	const char *feature;
};

enum { QEMU_PLUGIN_CB_NO_REGS, QEMU_PLUGIN_CB_R_REGS };
enum { QEMU_PLUGIN_MEM_R = 1, QEMU_PLUGIN_MEM_W = 2 };
enum { QEMU_PLUGIN_COND_GE = 7 };
enum { QEMU_PLUGIN_INLINE_ADD_U64 = 0 };

struct qemu_plugin_tb;
struct qemu_plugin_insn;
struct qemu_plugin_hwaddr;

/* What a plugin has to have. */
extern int qemu_plugin_version;
int qemu_plugin_install(uint64_t id, const struct qemu_plugin_info *info, int argc, char **argv);

/* What QEMU has for it. */
void qemu_plugin_register_vcpu_init_cb(uint64_t id, void (*cb)(uint64_t id, unsigned int vcpu));
void qemu_plugin_register_vcpu_tb_trans_cb(uint64_t id,
					   void (*cb)(uint64_t id, struct qemu_plugin_tb *tb));
void qemu_plugin_register_atexit_cb(uint64_t id, void (*cb)(uint64_t id, void *data), void *data);
void qemu_plugin_register_vcpu_tb_exec_inline_per_vcpu(struct qemu_plugin_tb *tb, int op,
						       struct qemu_plugin_u64 entry, uint64_t imm);
void qemu_plugin_register_vcpu_tb_exec_cond_cb(struct qemu_plugin_tb *tb,
					       void (*cb)(unsigned int vcpu, void *data),
					       int flags, int cond, struct qemu_plugin_u64 entry,
					       uint64_t imm, void *data);
void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *insn,
					    void (*cb)(unsigned int vcpu, void *data), int flags,
					    void *data);
void qemu_plugin_register_vcpu_mem_cb(struct qemu_plugin_insn *insn,
				      void (*cb)(unsigned int vcpu, uint32_t info,
						 uint64_t vaddr, void *data),
				      int flags, int rw, void *data);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *tb, size_t index);
size_t qemu_plugin_insn_data(const struct qemu_plugin_insn *insn, void *dest, size_t len);
struct qemu_plugin_hwaddr *qemu_plugin_get_hwaddr(uint32_t info, uint64_t vaddr);
bool qemu_plugin_hwaddr_is_io(const struct qemu_plugin_hwaddr *addr);
uint64_t qemu_plugin_hwaddr_phys_addr(const struct qemu_plugin_hwaddr *addr);
GArray *qemu_plugin_get_registers(void);
int qemu_plugin_read_register(void *handle, GByteArray *buf);
struct qemu_plugin_scoreboard *qemu_plugin_scoreboard_new(size_t element_size);
void *qemu_plugin_scoreboard_find(struct qemu_plugin_scoreboard *score, unsigned int vcpu);

/* ---- QEMU itself --------------------------------------------------------- */

struct CPUState;

/*
 * AccelOpsClass of include/system/accel-ops.h: how an accelerator plugs into
 * the rest. The hooks that TCG leaves empty without -icount are the ones that
 * make a clock.
 */
struct accel_ops {
	void *parent_class[12];		/* ObjectClass */
	void *ops_init;
	void *cpus_are_resettable;
	void *cpu_reset_hold;
	void *create_vcpu_thread;
	void *kick_vcpu_thread;
	bool (*cpu_thread_is_idle)(struct CPUState *cpu);
	void *synchronize[5];
	void (*handle_interrupt)(struct CPUState *cpu, int mask);
	int64_t (*get_virtual_clock)(void);
	void *set_virtual_clock;
	int64_t (*get_elapsed_ticks)(void);
};

/* Functions and data of QEMU, by the name that they have there. */
#define QEMU_SYMBOLS(X)									\
	X(void *, object_class_by_name, (const char *name))				\
	X(void *, qmp_query_version, (void **errp))					\
	X(void, qemu_add_machine_init_done_notifier, (void *notifier))			\
	X(struct CPUState *, qemu_get_cpu, (int index))					\
	X(void, cpu_exit, (struct CPUState *cpu))					\
	X(void, cpu_loop_exit_noexc, (struct CPUState *cpu))				\
	X(void, cpu_loop_exit_restore, (struct CPUState *cpu, uintptr_t pc))		\
	X(bool, cpu_thread_is_idle, (struct CPUState *cpu))				\
	X(void, tcg_cflags_set, (struct CPUState *cpu, uint32_t flags))			\
	X(void, tcg_handle_interrupt, (struct CPUState *cpu, int mask))			\
	X(void, rr_kick_vcpu_thread, (struct CPUState *cpu))				\
	X(void, rr_start_vcpu_thread, (struct CPUState *cpu))				\
	X(void, tlb_flush, (struct CPUState *cpu))					\
	X(void, bql_lock_impl, (const char *file, int line))				\
	X(void, bql_unlock, (void))							\
	X(int64_t, timerlist_deadline_ns, (void *list))					\
	X(bool, qemu_clock_run_timers, (int clock))					\
	X(void, cpu_physical_memory_rw, (uint64_t addr, void *buf, uint64_t len, bool write))

#define QEMU_POINTER(ret, name, args) extern ret (*qemu_##name) args;
QEMU_SYMBOLS(QEMU_POINTER)
#undef QEMU_POINTER

#define QEMU_CLOCK_VIRTUAL	1
#define QEMU_CF_PARALLEL	0x00008000

/* The machine's timers that run on QEMU_CLOCK_VIRTUAL. */
extern void *qemu_virtual_timers;

/* Where struct CPUState has exception_index. */
extern size_t qemu_exception_index;

/**
 * qemu_no_exception() - a vCPU has no exception that is to be taken
 * @cpu: vCPU
 *
 * VMRUN of QEMU 10.0 leaves the number of an interrupt that it injects behind as a pending
 * exception. Nobody looks, until the vCPU is made to leave its loop: then the guest's guest gets
 * its interrupt once more, be it with interrupts disabled.
 *
 * Context: vCPU thread, @cpu is in the middle of its code: what was pending has been taken.
 */
static inline void qemu_no_exception(struct CPUState *cpu)
{
	*(int32_t *)((char *)cpu + qemu_exception_index) = -1;
}

/**
 * qemu_resolve() - find what tiersim needs of this QEMU
 * @info: what QEMU told the plugin about itself
 *
 * Changes nothing in QEMU.
 *
 * Return: false after a message that says what is wrong.
 */
bool qemu_resolve(const struct qemu_plugin_info *info);

/**
 * qemu_tcg_ops() - the accelerator's hooks, if they look as they should
 *
 * To be called when the accelerator is set up and no vCPU has run yet. Changes
 * nothing in QEMU.
 *
 * Return: NULL after a message that says what is wrong.
 */
struct accel_ops *qemu_tcg_ops(void);

/* To stderr with the plugin's name in front. */
void qemu_complain(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
