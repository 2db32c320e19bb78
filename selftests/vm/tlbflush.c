// SPDX-License-Identifier: GPL-2.0
/*
 * QEMU plugin: flush every vCPU's TLB about once per millisecond that it runs.
 *
 * A hardware TLB is small, so a page that is in use gets its accessed bit back
 * soon after somebody cleared it, also without a TLB flush (the way in which
 * DAMON, MGLRU and tiermem clear it). TCG's software TLB grows with the working
 * set and evicts nothing: the bit of a hot page, once cleared, stays clear for
 * seconds, and hot pages look cold. With this plugin TCG behaves as hardware
 * (test_abits.c shows it).
 *
 * A thread asks the vCPUs for it, and each flushes in its own thread, between
 * two translation blocks, where that is safe. To count instructions in the
 * generated code instead makes all of the guest a quarter slower. Guest time is
 * host time without -icount; with it vCPUs take turns and never say that they
 * are idle, so that's no place for this plugin.
 */
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

/*
 * The part of QEMU's plugin API (version 4, QEMU 9.2 to 10.x) that is used, as
 * documented in its "QEMU TCG Plugins": Debian packages no header.
 * qemu_plugin_version makes QEMU check that it still understands us.
 */
#define EXPORT __attribute__((visibility("default")))

typedef uint64_t qemu_plugin_id_t;
typedef void (*qemu_plugin_vcpu_simple_cb_t)(qemu_plugin_id_t id, unsigned int vcpu);
struct qemu_info_t;

void qemu_plugin_register_vcpu_init_cb(qemu_plugin_id_t id, qemu_plugin_vcpu_simple_cb_t cb);
void qemu_plugin_register_vcpu_idle_cb(qemu_plugin_id_t id, qemu_plugin_vcpu_simple_cb_t cb);
void qemu_plugin_register_vcpu_resume_cb(qemu_plugin_id_t id, qemu_plugin_vcpu_simple_cb_t cb);

/*
 * Not of the plugin API: QEMU itself. Debian builds it with loadable modules, so
 * the program exports all its symbols. The last argument is a union of an int, a
 * long and pointers in QEMU, which is passed in the same way as a pointer.
 */
struct CPUState;
struct CPUState *qemu_get_cpu(int index);
void tlb_flush(struct CPUState *cpu);
void async_run_on_cpu(struct CPUState *cpu, void (*func)(struct CPUState *cpu, void *data),
		      void *data);

#define PERIOD_NS	1000000
#define MAX_VCPUS	64

EXPORT int qemu_plugin_version = 4;

static struct {
	atomic_bool running;
	atomic_bool asked;	/* a stopped VM must not pile up requests */
} vcpus[MAX_VCPUS];

static unsigned int nr_running;		/* nobody running: no ticks */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t wake = PTHREAD_COND_INITIALIZER;

static void flush(struct CPUState *cpu, void *asked)
{
	tlb_flush(cpu);
	atomic_store((atomic_bool *)asked, false);
}

static void *ticker(void *unused)
{
	const struct timespec period = { .tv_nsec = PERIOD_NS };
	int i;

	for (;;) {
		pthread_mutex_lock(&lock);
		while (!nr_running)
			pthread_cond_wait(&wake, &lock);
		pthread_mutex_unlock(&lock);
		nanosleep(&period, NULL);
		for (i = 0; i < MAX_VCPUS; i++)
			if (atomic_load(&vcpus[i].running) &&
			    !atomic_exchange(&vcpus[i].asked, true))
				async_run_on_cpu(qemu_get_cpu(i), flush, &vcpus[i].asked);
	}
	return unused;
}

static void runs(qemu_plugin_id_t id, unsigned int vcpu)
{
	(void)id;
	if (vcpu >= MAX_VCPUS || atomic_exchange(&vcpus[vcpu].running, true))
		return;
	pthread_mutex_lock(&lock);
	nr_running++;
	pthread_cond_signal(&wake);
	pthread_mutex_unlock(&lock);
}

static void idles(qemu_plugin_id_t id, unsigned int vcpu)
{
	(void)id;
	if (vcpu >= MAX_VCPUS || !atomic_exchange(&vcpus[vcpu].running, false))
		return;
	pthread_mutex_lock(&lock);
	nr_running--;
	pthread_mutex_unlock(&lock);
}

EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const struct qemu_info_t *info,
			       int argc, char **argv)
{
	sigset_t all, old;
	pthread_t t;
	int ret;

	(void)info;
	(void)argc;
	(void)argv;
	qemu_plugin_register_vcpu_init_cb(id, runs);
	qemu_plugin_register_vcpu_resume_cb(id, runs);
	qemu_plugin_register_vcpu_idle_cb(id, idles);

	/* Signals are for QEMU's own threads. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	ret = pthread_create(&t, NULL, ticker, NULL);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return ret;
}
