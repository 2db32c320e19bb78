// SPDX-License-Identifier: GPL-2.0
/* A KVM guest. See tm_guest.h. */
#include "tm_internal.h"
#include "tm_guest.h"

#include <assert.h>
#include <sys/ioctl.h>

#define AT(field, name) \
	static_assert(offsetof(struct tm_guest_ctl, field) == TM_CTL_##name, #field)
AT(begin, BEGIN);
AT(end, END);
AT(passes, PASSES);
AT(stop, STOP);
AT(op, OP);
AT(bad, BAD);
AT(units, UNITS);
AT(hot, HOT);
AT(mask, MASK);
AT(think, THINK);

const char *tm_guest_missing(void)
{
	int fd;

	if (access("/dev/kvm", F_OK) && system("modprobe -q kvm-amd || modprobe -q kvm-intel"))
		return "no KVM";
	fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return "/dev/kvm can't be opened";
	close(fd);
	return NULL;
}

static void flat_segment(struct kvm_segment *s, uint8_t type)
{
	*s = (struct kvm_segment){
		.limit = 0xffffffff, .selector = 8, .type = type,
		.present = 1, .s = 1, .db = 1, .g = 1,
	};
}

void tm_guest_create(struct tm_guest *g, size_t len, int advice)
{
	int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC), vm;
	struct kvm_userspace_memory_region region = { 0 };
	struct kvm_regs regs = { .rip = TM_GUEST_CODE, .rflags = 2 };
	struct kvm_sregs sregs;

	vm = kvm < 0 ? -1 : ioctl(kvm, KVM_CREATE_VM, 0);
	if (vm < 0)
		tm_die("KVM_CREATE_VM: %m");
	region.memory_size = TM_GUEST_FIRST + len;
	g->mem = tm_anon(region.memory_size, advice);
	region.userspace_addr = (uintptr_t)g->mem;
	if (ioctl(vm, KVM_SET_USER_MEMORY_REGION, &region))
		tm_die("KVM_SET_USER_MEMORY_REGION: %m");
	g->vcpu = ioctl(vm, KVM_CREATE_VCPU, 0);
	g->run = mmap(NULL, ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0), PROT_READ | PROT_WRITE,
		      MAP_SHARED, g->vcpu, 0);
	if (g->vcpu < 0 || g->run == MAP_FAILED || ioctl(g->vcpu, KVM_GET_SREGS, &sregs))
		tm_die("making a vCPU: %m");
	flat_segment(&sregs.cs, 11);
	flat_segment(&sregs.ds, 3);
	sregs.es = sregs.ds;
	sregs.ss = sregs.ds;
	sregs.cr0 |= 1;		/* PE */
	if (ioctl(g->vcpu, KVM_SET_SREGS, &sregs) || ioctl(g->vcpu, KVM_SET_REGS, &regs))
		tm_die("setting a vCPU up: %m");
	memcpy(g->mem + TM_GUEST_CODE, tm_guest_code, tm_guest_code_end - tm_guest_code);
	g->ctl = (struct tm_guest_ctl *)(g->mem + TM_GUEST_CTL);
}

/* Until the guest halts. */
static void *run(void *arg)
{
	struct tm_guest *g = arg;

	g->rc = 0;
	do {
		if (ioctl(g->vcpu, KVM_RUN, 0) && errno != EINTR && errno != EAGAIN)
			g->rc = -errno;
		else if (g->run->exit_reason != KVM_EXIT_HLT &&
			 g->run->exit_reason != KVM_EXIT_INTR)
			g->rc = -EPROTO;
	} while (!g->rc && g->run->exit_reason != KVM_EXIT_HLT);
	if (g->rc)
		tm_diag("KVM_RUN: %s, exit reason %u", strerror(-g->rc), g->run->exit_reason);
	return NULL;
}

void tm_guest_begin(struct tm_guest *g, uint32_t op, size_t off, size_t len, bool one_pass)
{
	g->ctl->begin = TM_GUEST_FIRST + off;
	g->ctl->end = TM_GUEST_FIRST + off + len;
	g->ctl->op = op;
	g->ctl->passes = 0;
	g->ctl->bad = 0;
	g->ctl->stop = one_pass;
	if (pthread_create(&g->thread, NULL, run, g))
		tm_die("pthread_create: %m");
}

void tm_guest_draw(struct tm_guest *g, const struct tm_draw *d, uint32_t think)
{
	uint32_t *table = (uint32_t *)(g->mem + TM_GUEST_TABLE), i;

	if (TM_GUEST_TABLE + d->units * sizeof(*table) > TM_GUEST_FIRST)
		tm_die("no room for a table of %u units", d->units);
	for (i = 0; i < d->units; i++)
		table[i] = TM_GUEST_FIRST + d->unit[i] * d->unit_pages * tm_page_size();
	g->ctl->units = d->units;
	g->ctl->hot = d->hot;
	g->ctl->mask = d->unit_pages - 1;
	g->ctl->think = think;
	tm_guest_begin(g, TM_GUEST_DRAW, 0, 0, false);
}

int tm_guest_end(struct tm_guest *g)
{
	g->ctl->stop = 1;
	pthread_join(g->thread, NULL);
	return g->rc;
}

uint64_t tm_guest_verify(const struct tm_guest *g, size_t len)
{
	uint64_t bad = 0;
	uint32_t addr;

	for (addr = TM_GUEST_FIRST; addr < TM_GUEST_FIRST + len; addr += tm_page_size())
		bad += *(uint32_t *)(g->mem + addr) != (addr ^ TM_GUEST_SECRET);
	return bad;
}
