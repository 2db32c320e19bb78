// SPDX-License-Identifier: GPL-2.0
/*
 * interrupts N: gives a virtual machine on CPU 0 N interrupts and says how many it had. Between
 * two of them it counts to 65535, in which an emulator below has other things to do, too; so has
 * CPU 1, if there is one.
 */
#define _GNU_SOURCE
#include <err.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#define MEMORY_BYTES	0x4000
#define CODE		0x1000
#define HANDLER		0x1100
#define COUNT		0x2000
#define STACK		0x3000
#define VECTOR		0x20

static const uint8_t code[] = {
	/* mov $..,%al; out %al,$..: the interrupt controller: one line, no acknowledgment */
	0xb0, 0x11, 0xe6, 0x20, 0xb0, VECTOR, 0xe6, 0x21, 0xb0, 0x04, 0xe6, 0x21,
	0xb0, 0x03, 0xe6, 0x21, 0xb0, 0xfe, 0xe6, 0x21,
	/* sti; then again and again: mov $0xffff,%cx; loop .; out %al,$0x80 */
	0xfb, 0xb9, 0xff, 0xff, 0xe2, 0xfe, 0xe6, 0x80, 0xeb, 0xf7
};

/* incw COUNT; iret */
static const uint8_t handler[] = { 0xff, 0x06, COUNT & 0xff, COUNT >> 8, 0xcf };

static int stay_on(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	return sched_setaffinity(0, sizeof(set), &set);
}

/* A process that loads the state of its FPU as often as it can, as each switch of tasks does. */
static void load_fpu_on(int cpu)
{
	static uint8_t state[512] __attribute__((aligned(16)));
	pid_t parent = getpid(), pid = fork();

	if (pid < 0)
		err(1, "fork");
	if (pid)
		return;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (stay_on(cpu) || getppid() != parent)
		_exit(0);
	__asm__ volatile("fxsave %0" : "=m"(state));
	for (;;)
		__asm__ volatile("fxrstor %0" : : "m"(state));
}

static int request(int fd, unsigned long what, void *arg, const char *name)
{
	int ret = ioctl(fd, what, arg);

	if (ret < 0)
		err(1, "%s", name);
	return ret;
}

static void run_until_out(int vcpu, struct kvm_run *run)
{
	request(vcpu, KVM_RUN, NULL, "KVM_RUN");
	if (run->exit_reason != KVM_EXIT_IO)
		errx(1, "the guest ended with %u", run->exit_reason);
}

int main(int argc, char **argv)
{
	struct kvm_irq_level raise = { .level = 1 }, lower = { .level = 0 };
	struct kvm_userspace_memory_region region = { .memory_size = MEMORY_BYTES };
	struct kvm_regs regs = { .rip = CODE, .rsp = STACK, .rflags = 2 };
	unsigned int n, wanted = argc > 1 ? (unsigned int)atoi(argv[1]) : 0;
	struct kvm_sregs sregs;
	struct kvm_run *run;
	int kvm, vm, vcpu, size;
	uint16_t count;
	uint8_t *mem;

	load_fpu_on(1);
	if (stay_on(0))
		err(1, "CPU 0");
	kvm = open("/dev/kvm", O_RDWR);
	if (kvm < 0)
		err(1, "/dev/kvm");
	mem = mmap(NULL, MEMORY_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (mem == MAP_FAILED)
		err(1, "memory");
	memcpy(&mem[CODE], code, sizeof(code));
	memcpy(&mem[HANDLER], handler, sizeof(handler));
	memcpy(&mem[4 * VECTOR], &(uint16_t){ HANDLER }, sizeof(uint16_t));

	vm = request(kvm, KVM_CREATE_VM, NULL, "KVM_CREATE_VM");
	region.userspace_addr = (uintptr_t)mem;
	request(vm, KVM_SET_USER_MEMORY_REGION, &region, "KVM_SET_USER_MEMORY_REGION");
	request(vm, KVM_CREATE_IRQCHIP, NULL, "KVM_CREATE_IRQCHIP");
	vcpu = request(vm, KVM_CREATE_VCPU, NULL, "KVM_CREATE_VCPU");
	size = request(kvm, KVM_GET_VCPU_MMAP_SIZE, NULL, "KVM_GET_VCPU_MMAP_SIZE");
	run = mmap(NULL, (size_t)size, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu, 0);
	if (run == MAP_FAILED)
		err(1, "the vCPU's state");
	request(vcpu, KVM_GET_SREGS, &sregs, "KVM_GET_SREGS");
	sregs.cs.base = 0;
	sregs.cs.selector = 0;
	request(vcpu, KVM_SET_SREGS, &sregs, "KVM_SET_SREGS");
	request(vcpu, KVM_SET_REGS, &regs, "KVM_SET_REGS");

	run_until_out(vcpu, run);
	for (n = 0; n < wanted; n++) {
		request(vm, KVM_IRQ_LINE, &raise, "KVM_IRQ_LINE");
		request(vm, KVM_IRQ_LINE, &lower, "KVM_IRQ_LINE");
		run_until_out(vcpu, run);
	}
	memcpy(&count, &mem[COUNT], sizeof(count));
	printf("interrupts %u %u\n", wanted, count);
	return 0;
}
