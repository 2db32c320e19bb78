// SPDX-License-Identifier: GPL-2.0
/*
 * tiersim: a simulated clock for tiered memory, as a plugin of QEMU.
 *
 * This file instruments the guest's code. Everything else is called from here.
 */
#include <string.h>

#include "cache.h"
#include "clock.h"
#include "frames.h"
#include "options.h"
#include "qemu.h"
#include "report.h"
#include "walk.h"

/* What an IN or OUT costs: a device on a fast bus. */
#define PORT_IO_PS	(1000 * PS_PER_NS)

/* The marker instruction, see guest/tiersim.h: a NOP with a kind and a signature in it. */
static const uint8_t marker_code[] = { 0x0f, 0x1f, 0x84, 0x00 };
static const uint8_t marker_sign[] = { 0x53, 0x4d };
enum { MARK = 1, PAGES_CLEAR, PAGES_OFF, PAGES_ON };

EXPORT int qemu_plugin_version = 4;

/* General registers in the order of their numbers in machine code, and CR4. */
static const char *const register_names[] = {
	"rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
	"r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "cr4",
};

#define NR_REGISTERS	ARRAY_SIZE(register_names)
#define RAX		0
#define CR4		(NR_REGISTERS - 1)

static void *registers[NR_REGISTERS];

static void find_registers(void)
{
	GArray *all = qemu_plugin_get_registers();

	for (unsigned int i = 0; i < all->len; i++) {
		struct qemu_plugin_register_desc *d =
			&g_array_index(all, struct qemu_plugin_register_desc, i);

		for (size_t k = 0; k < NR_REGISTERS; k++)
			if (!strcmp(d->name, register_names[k]))
				registers[k] = d->handle;
	}
	g_array_free(all, TRUE);
}

static uint64_t read_register(unsigned int number)
{
	static GByteArray *buf;
	uint64_t value = 0;

	if (!registers[number])
		return 0;
	if (!buf)
		buf = g_byte_array_new();
	g_byte_array_set_size(buf, 0);
	qemu_plugin_read_register(registers[number], buf);
	memcpy(&value, buf->data, buf->len < sizeof(value) ? buf->len : sizeof(value));
	return value;
}

/* ---- callbacks of single instructions ------------------------------------ */

static void on_marker(unsigned int vcpu, void *kind)
{
	(void)vcpu;
	switch ((uintptr_t)kind) {
	case MARK:
		report_mark(read_register(RAX) & 0xffff);
		break;
	case PAGES_CLEAR:
		frames_clear();
		break;
	case PAGES_OFF:
		frames_switch(false);
		break;
	case PAGES_ON:
		frames_switch(true);
		break;
	}
}

/* @source: number of the register that CR3 is loaded from. */
static void on_address_space(unsigned int vcpu, void *source)
{
	if (cache_options.tlb_entries)
		walk_levels(vcpu, read_register(CR4));
	cache_switch(vcpu, read_register((uintptr_t)source));
}

static void on_port_io(unsigned int vcpu, void *data)
{
	(void)data;
	vcpu_charge_other(&vcpus[vcpu], PORT_IO_PS);
	vcpu_expire(&vcpus[vcpu]);
}

/* WRMSR: the local APIC may be behind an MSR. VMRUN: see qemu_no_exception(). */
static void on_change(unsigned int vcpu, void *data)
{
	(void)data;
	vcpu_expire(&vcpus[vcpu]);
}

/* ---- translation --------------------------------------------------------- */

static bool is_prefix(uint8_t byte)
{
	return byte == 0x66 || byte == 0xf2 || byte == 0xf3 || (byte & 0xf0) == 0x40;
}

static bool is_port_io(uint8_t opcode)
{
	return (opcode >= 0xe4 && opcode <= 0xe7) || (opcode >= 0xec && opcode <= 0xef) ||
	       (opcode >= 0x6c && opcode <= 0x6f);
}

static void translate_insn(struct qemu_plugin_insn *insn)
{
	uint8_t code[15];
	size_t len = qemu_plugin_insn_data(insn, code, sizeof(code));
	bool clock = !clock_options.off;
	uint8_t rex = 0;
	size_t i = 0;

	if (len == 8 && !memcmp(code, marker_code, sizeof(marker_code)) &&
	    !memcmp(&code[6], marker_sign, sizeof(marker_sign))) {
		qemu_plugin_register_vcpu_insn_exec_cb(insn, on_marker, QEMU_PLUGIN_CB_R_REGS,
						       (void *)(uintptr_t)(code[4] | code[5] << 8));
		return;
	}
	/* 0x40 to 0x4f are prefixes in 64-bit code only; in early boot nothing is at stake. */
	while (i + 1 < len && is_prefix(code[i]))
		rex = code[i++];
	if (clock && is_port_io(code[i]))
		qemu_plugin_register_vcpu_insn_exec_cb(insn, on_port_io, QEMU_PLUGIN_CB_NO_REGS,
						       NULL);
	if (code[i] != 0x0f || i + 1 == len)
		return;
	if (clock && (code[i + 1] == 0x30 ||
		      (code[i + 1] == 0x01 && i + 2 < len && code[i + 2] == 0xd8)))
		qemu_plugin_register_vcpu_insn_exec_cb(insn, on_change, QEMU_PLUGIN_CB_NO_REGS,
						       NULL);
	/* mov %reg,%cr3 */
	if (code[i + 1] == 0x22 && i + 2 < len && (code[i + 2] & 0xf8) == 0xd8) {
		unsigned int source = (code[i + 2] & 7) + (rex & 0x40 && rex & 1 ? 8 : 0);

		qemu_plugin_register_vcpu_insn_exec_cb(insn, on_address_space,
						       QEMU_PLUGIN_CB_R_REGS,
						       (void *)(uintptr_t)source);
	}
}

static void translate(uint64_t id, struct qemu_plugin_tb *tb)
{
	size_t n = qemu_plugin_tb_n_insns(tb);
	uint64_t tb_ps = n * clock_options.cpi_ps;

	(void)id;
	/* In this order: the callback knows that its block has been charged. */
	qemu_plugin_register_vcpu_tb_exec_inline_per_vcpu(tb, QEMU_PLUGIN_INLINE_ADD_U64,
							  clock_ticks(), tb_ps);
	if (!clock_options.off)
		qemu_plugin_register_vcpu_tb_exec_cond_cb(tb, clock_deadline,
							  QEMU_PLUGIN_CB_NO_REGS,
							  QEMU_PLUGIN_COND_GE, clock_ticks(),
							  TICKS_DUE, (void *)(uintptr_t)tb_ps);
	for (size_t i = 0; i < n; i++) {
		struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);

		translate_insn(insn);
		if (cache_options.off)
			continue;
		qemu_plugin_register_vcpu_mem_cb(insn, cache_load, QEMU_PLUGIN_CB_NO_REGS,
						 QEMU_PLUGIN_MEM_R, NULL);
		qemu_plugin_register_vcpu_mem_cb(insn, cache_store, QEMU_PLUGIN_CB_NO_REGS,
						 QEMU_PLUGIN_MEM_W, NULL);
	}
}

static void on_vcpu_init(uint64_t id, unsigned int vcpu)
{
	(void)id;
	clock_vcpu_init(vcpu);
	if (vcpu == 0)
		find_registers();
}

static void at_exit(uint64_t id, void *data)
{
	(void)id;
	(void)data;
	report_mark(-1);
}

EXPORT int qemu_plugin_install(uint64_t id, const struct qemu_plugin_info *info, int argc,
			       char **argv)
{
	if (!qemu_resolve(info) || !options_apply(argc, argv))
		return -1;
	if (info->system.max_vcpus != info->system.smp_vcpus ||
	    info->system.max_vcpus > MAX_VCPUS) {
		qemu_complain("%d of %d vCPUs: all from the beginning, and at most %d",
			      info->system.smp_vcpus, info->system.max_vcpus, MAX_VCPUS);
		return -1;
	}
	clock_install(info->system.smp_vcpus);
	qemu_plugin_register_vcpu_init_cb(id, on_vcpu_init);
	qemu_plugin_register_vcpu_tb_trans_cb(id, translate);
	qemu_plugin_register_atexit_cb(id, at_exit, NULL);
	return 0;
}
