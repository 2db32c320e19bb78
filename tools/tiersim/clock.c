// SPDX-License-Identifier: GPL-2.0
/*
 * Modelled time as the only time that the guest can see.
 *
 * Under TCG without -icount the machine's clocks, timers and the TSC follow the
 * host. The accelerator's hooks for a clock are empty then, and filled here:
 *
 *  - A vCPU's local clock is a counter that generated code advances at each
 *    translation block and the memory model at each stall. It is biased such
 *    that one comparison tells that the next deadline has come.
 *  - Timers run in the vCPU thread, exactly when the slowest vCPU reaches their
 *    time. The main loop always reads time 0, so it never runs one.
 *  - When all vCPUs are halted, time jumps to the next timer: idling is free.
 *  - With several vCPUs one of them, the owner, runs until it is a quantum ahead
 *    of the slowest; then that one is the owner. QEMU can leave a vCPU at any
 *    moment, for reasons that lie in host time. If it then enters another one
 *    than the owner, that one is sent back before its first instruction. So the
 *    order of execution depends on modelled time alone.
 *  - What makes a timer due earlier (a write to a device) or another vCPU
 *    runnable (an interrupt) ends the running vCPU's deadline, so that it is
 *    computed again.
 *
 * Conservative quantum: see Fujimoto, "Parallel discrete event simulation",
 * CACM 33(10), 1990; what -icount does for one vCPU is QEMU's own precedent.
 */
#include <pthread.h>
#include <stdlib.h>
#include <sys/time.h>

#include "clock.h"

#define NEVER	UINT64_MAX

struct vcpu vcpus[MAX_VCPUS];
unsigned int nr_vcpus;
struct clock_options clock_options = {
	.cpi_ps = 300,
	.quantum_ps = 5 * PS_PER_US,
	.flush_ps = 1000 * PS_PER_US,
};

static struct qemu_plugin_scoreboard *board;

/* Set in the vCPU thread only, which is the only one that sees time. */
static __thread bool is_vcpu_thread;

/* The vCPU whose turn it is, and the one whose local time counts as "now". */
static struct vcpu *owner;
static struct vcpu *running;

/* Time of the timers that run at the moment, or NEVER. */
static uint64_t event_ps = NEVER;

/* Set while vcpu_runnable() asks QEMU, which asks idle_hook() in turn. */
static bool asking;

/*
 * Not runnable is what is halted and has neither an interrupt that would wake
 * it nor work queued. Context: vCPU thread, BQL held.
 */
static bool vcpu_runnable(struct vcpu *v)
{
	bool idle;

	asking = true;
	idle = qemu_cpu_thread_is_idle(v->cpu);
	asking = false;
	return !idle;
}

static struct vcpu *vcpu_of(struct CPUState *cpu)
{
	for (unsigned int i = 0; i < nr_vcpus; i++)
		if (vcpus[i].cpu == cpu)
			return &vcpus[i];
	return NULL;
}

static uint64_t now_ps(void)
{
	if (event_ps != NEVER)
		return event_ps;
	return running ? vcpu_now_ps(running) : 0;
}

/* A halted vCPU's clock moves on to the moment at which it is woken. */
static void vcpu_wake(struct vcpu *v, uint64_t ps)
{
	uint64_t now = vcpu_now_ps(v);

	if (now < ps) {
		v->idle_ps += ps - now;
		v->deadline_ps = ps;
	} else {
		v->deadline_ps = now;
	}
	*v->ticks = TICKS_DUE;
}

/* Expiry time of the first timer, or NEVER. Context: vCPU thread. */
static uint64_t next_timer_ps(void)
{
	uint64_t saved = event_ps;
	int64_t ns;

	/* QEMU tells the time that remains: at time 0 that is the time itself. */
	event_ps = 0;
	ns = qemu_timerlist_deadline_ns(qemu_virtual_timers);
	event_ps = saved;
	return ns < 0 ? NEVER : (uint64_t)ns * PS_PER_NS;
}

/* Context: vCPU thread, BQL held. */
static void run_timers(uint64_t ps)
{
	event_ps = ps;
	qemu_qemu_clock_run_timers(QEMU_CLOCK_VIRTUAL);
	event_ps = NEVER;
}

/* ---- hooks of the accelerator -------------------------------------------- */

static int64_t virtual_clock_hook(void)
{
	return is_vcpu_thread ? (int64_t)(now_ps() / PS_PER_NS) : 0;
}

/*
 * All vCPUs are idle if the last one is: QEMU asks them in turn and stops at the
 * first that is not. Context: vCPU thread, BQL held, @cpu is halted.
 */
static bool idle_hook(struct CPUState *cpu)
{
	uint64_t timer_ps;

	if (asking || !is_vcpu_thread || cpu != vcpus[nr_vcpus - 1].cpu)
		return true;
	timer_ps = next_timer_ps();
	if (timer_ps == NEVER)
		return true;
	for (unsigned int i = 0; i < nr_vcpus; i++)
		vcpu_wake(&vcpus[i], timer_ps);
	run_timers(timer_ps);
	return false;
}

/* Context: BQL held; any thread, but only the vCPU thread knows the time. */
static void interrupt_hook(struct CPUState *cpu, int mask)
{
	struct vcpu *v = is_vcpu_thread ? vcpu_of(cpu) : NULL;
	bool asleep = v && v != running && !vcpu_runnable(v);

	qemu_tcg_handle_interrupt(cpu, mask);
	if (asleep && vcpu_runnable(v)) {
		vcpu_wake(v, now_ps());
		/* It may now be the slowest. */
		if (running)
			vcpu_expire(running);
	}
}

/* When the machine is complete and nothing has run yet. Context: main thread. */
static void machine_ready(void *notifier, void *data)
{
	struct accel_ops *ops = qemu_tcg_ops();

	(void)notifier;
	(void)data;
	if (!ops)
		exit(EXIT_FAILURE);
	ops->handle_interrupt = interrupt_hook;
	ops->get_virtual_clock = virtual_clock_hook;
	ops->get_elapsed_ticks = virtual_clock_hook;	/* TSC: 1 GHz */
	ops->cpu_thread_is_idle = idle_hook;
}

/* ---- scheduling ---------------------------------------------------------- */

static struct vcpu *slowest(struct vcpu *self)
{
	struct vcpu *slow = self;

	for (unsigned int i = 0; i < nr_vcpus; i++) {
		struct vcpu *v = &vcpus[i];

		if (v != self && vcpu_now_ps(v) < vcpu_now_ps(slow) && vcpu_runnable(v))
			slow = v;
	}
	return slow;
}

static void set_deadline(struct vcpu *self, uint64_t timer_ps)
{
	uint64_t now = vcpu_now_ps(self);
	uint64_t deadline = NEVER;

	for (unsigned int i = 0; i < nr_vcpus; i++) {
		struct vcpu *v = &vcpus[i];

		if (v != self && vcpu_runnable(v) &&
		    vcpu_now_ps(v) + clock_options.quantum_ps < deadline)
			deadline = vcpu_now_ps(v) + clock_options.quantum_ps;
	}
	/* A timer that is past waits for a vCPU that lags behind. */
	if (timer_ps > now && timer_ps < deadline)
		deadline = timer_ps;
	if (clock_options.flush_ps && self->next_flush_ps < deadline)
		deadline = self->next_flush_ps;
	if (deadline == NEVER)
		deadline = now + PS_PER_US * 1000000;
	self->deadline_ps = deadline;
	*self->ticks = TICKS_DUE + (now - deadline);
}

/*
 * Runs the timers that are due and says whether it is @self's turn.
 * Context: vCPU thread, BQL held, @self is about to run.
 */
static bool schedule(struct vcpu *self)
{
	struct vcpu *slow;
	uint64_t timer_ps;

	if (owner && owner != self && vcpu_runnable(owner))
		return false;
	for (;;) {
		slow = slowest(self);
		timer_ps = next_timer_ps();
		if (timer_ps > vcpu_now_ps(slow))
			break;
		run_timers(timer_ps);
	}
	/* The owner stays for its quantum, a halted one gives way to the slowest. */
	if (owner == self && vcpu_now_ps(self) < vcpu_now_ps(slow) + clock_options.quantum_ps)
		slow = self;
	if (owner && owner != slow)
		vcpu_expire(owner);
	owner = slow;
	if (slow != self)
		return false;
	set_deadline(self, timer_ps);
	return true;
}

void clock_deadline(unsigned int index, void *tb_ps)
{
	struct vcpu *self = &vcpus[index];
	bool turn;

	qemu_no_exception(self->cpu);
	/* Decide as of the begin of this block, which may not run now. */
	*self->ticks -= (uintptr_t)tb_ps;
	running = self;
	vcpu_expire(self);

	qemu_bql_lock_impl("tiersim", 0);
	turn = schedule(self);
	qemu_bql_unlock();

	if (!turn) {
		running = owner;
		qemu_cpu_exit(self->cpu);
		qemu_cpu_loop_exit_restore(self->cpu, (uintptr_t)__builtin_return_address(0));
	}
	if (clock_options.flush_ps && vcpu_now_ps(self) >= self->next_flush_ps) {
		/* TCG's TLB never evicts: without this no accessed bit would ever come back. */
		qemu_tlb_flush(self->cpu);
		self->next_flush_ps = vcpu_now_ps(self) + clock_options.flush_ps;
		vcpu_expire(self);
	}
	*self->ticks += (uintptr_t)tb_ps;
}

/* ---- set-up -------------------------------------------------------------- */

void clock_install(unsigned int smp_vcpus)
{
	/* struct Notifier of QEMU: a function and two list pointers. */
	static struct {
		void (*notify)(void *notifier, void *data);
		void *node[2];
	} ready = { .notify = machine_ready };

	nr_vcpus = smp_vcpus;
	board = qemu_plugin_scoreboard_new(sizeof(uint64_t));
	if (!clock_options.off)
		qemu_qemu_add_machine_init_done_notifier(&ready);
}

void clock_vcpu_init(unsigned int index)
{
	is_vcpu_thread = true;
	vcpus[index].cpu = qemu_qemu_get_cpu(index);
	/* The scoreboard moves when it grows. */
	for (unsigned int i = 0; i <= index; i++)
		vcpus[i].ticks = qemu_plugin_scoreboard_find(board, i);
	*vcpus[index].ticks = TICKS_DUE;
	/*
	 * In code for one vCPU at a time QEMU 10.0 takes the vCPU that a block is
	 * translated on for the one that runs it.
	 */
	if (nr_vcpus > 1)
		qemu_tcg_cflags_set(vcpus[index].cpu, QEMU_CF_PARALLEL);
}

struct qemu_plugin_u64 clock_ticks(void)
{
	return (struct qemu_plugin_u64) { .score = board };
}

uint64_t vcpu_insns(const struct vcpu *v)
{
	return (vcpu_now_ps(v) - v->idle_ps - v->stall_ps - v->other_ps) / clock_options.cpi_ps;
}

/*
 * QEMU resizes its TLBs by the host's time. With the plugin in LD_PRELOAD, too,
 * the vCPU thread asks here and does it by modelled time.
 */
EXPORT int gettimeofday(struct timeval *restrict tv, void *restrict tz)
{
	struct timespec ts;

	(void)tz;
	if (is_vcpu_thread && !clock_options.off) {
		tv->tv_sec = now_ps() / PS_PER_NS / 1000000000;
		tv->tv_usec = now_ps() / PS_PER_US % 1000000;
		return 0;
	}
	clock_gettime(CLOCK_REALTIME, &ts);
	tv->tv_sec = ts.tv_sec;
	tv->tv_usec = ts.tv_nsec / 1000;
	return 0;
}
