// SPDX-License-Identifier: GPL-2.0
/*
 * QEMU plugin: flush every vCPU's TLB about once per millisecond that it runs.
 *
 * A hardware TLB is small, so a page that is in use gets its accessed bit back
 * soon after somebody cleared it, also without a TLB flush (the way in which
 * DAMON, MGLRU and tiermem clear it). TCG's software TLB grows with the working
 * set and evicts nothing: the bit of a hot page, once cleared, stays clear for
 * seconds, and hot pages look cold. With this plugin TCG behaves as hardware.
 *
 * Each translation block adds its instructions to a counter of its vCPU, inline;
 * at CHECK_INSNS of them the vCPU calls us, in its own thread. That is where the
 * TLB of a vCPU may be flushed at once, so nothing here needs a lock.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

/*
 * The part of QEMU's plugin API (version 4, QEMU 9.2 to 10.x) that is used, as
 * documented in its "QEMU TCG Plugins": Debian packages no header. Names and
 * values are the interface; qemu_plugin_version makes QEMU check the version.
 */
#define EXPORT __attribute__((visibility("default")))

typedef uint64_t qemu_plugin_id_t;
struct qemu_plugin_tb;
struct qemu_plugin_scoreboard;
struct qemu_info_t;
typedef struct { struct qemu_plugin_scoreboard *score; size_t offset; } qemu_plugin_u64;
enum { QEMU_PLUGIN_CB_NO_REGS = 0 };
enum { QEMU_PLUGIN_INLINE_ADD_U64 = 0 };
enum { QEMU_PLUGIN_COND_GE = 7 };

struct qemu_plugin_scoreboard *qemu_plugin_scoreboard_new(size_t element_size);
void qemu_plugin_u64_set(qemu_plugin_u64 entry, unsigned int vcpu, uint64_t val);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t id,
		void (*cb)(qemu_plugin_id_t id, struct qemu_plugin_tb *tb));
void qemu_plugin_register_vcpu_tb_exec_inline_per_vcpu(struct qemu_plugin_tb *tb,
		int op, qemu_plugin_u64 entry, uint64_t imm);
void qemu_plugin_register_vcpu_tb_exec_cond_cb(struct qemu_plugin_tb *tb,
		void (*cb)(unsigned int vcpu, void *data), int flags, int cond,
		qemu_plugin_u64 entry, uint64_t imm, void *data);

/*
 * Not of the plugin API. Debian's QEMU is built with modules, so the program
 * exports its symbols, and these two have had the same shape for ten years.
 */
struct CPUState *qemu_get_cpu(int index);
void tlb_flush(struct CPUState *cpu);

#define CHECK_INSNS	20000		/* 0.02 to 0.4 ms under TCG */
#define FLUSH_NS	1000000
#define MAX_VCPUS	64

EXPORT int qemu_plugin_version = 4;

static qemu_plugin_u64 insns;
static uint64_t flushed[MAX_VCPUS];	/* when, each written by its vCPU only */

static void check(unsigned int vcpu, void *data)
{
	struct timespec ts;
	uint64_t now;

	(void)data;
	qemu_plugin_u64_set(insns, vcpu, 0);
	clock_gettime(CLOCK_MONOTONIC, &ts);
	now = ts.tv_sec * 1000000000ull + ts.tv_nsec;
	if (vcpu >= MAX_VCPUS || now - flushed[vcpu] < FLUSH_NS)
		return;
	flushed[vcpu] = now;
	tlb_flush(qemu_get_cpu(vcpu));
}

static void translate(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
	(void)id;
	qemu_plugin_register_vcpu_tb_exec_inline_per_vcpu(tb, QEMU_PLUGIN_INLINE_ADD_U64,
							  insns, qemu_plugin_tb_n_insns(tb));
	qemu_plugin_register_vcpu_tb_exec_cond_cb(tb, check, QEMU_PLUGIN_CB_NO_REGS,
						  QEMU_PLUGIN_COND_GE, insns, CHECK_INSNS, NULL);
}

EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const struct qemu_info_t *info,
			       int argc, char **argv)
{
	(void)info;
	(void)argc;
	(void)argv;
	insns.score = qemu_plugin_scoreboard_new(sizeof(uint64_t));
	qemu_plugin_register_vcpu_tb_trans_cb(id, translate);
	return 0;
}
