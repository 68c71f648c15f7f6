/* SPDX-License-Identifier: GPL-2.0-only */
/* probe.c -- runs a guest of a few dozen bytes to find out whether /dev/kvm runs or only emulates kernel code. */
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "base/cleanup.h"
#include "base/time.h"
#include "vmm/accel.h"
#include "vmm/kvm/sys.h"

#define PROBE_MEMORY 0x10000u
#define PROBE_CODE   0x4000u
#define PROBE_DATA   0x5000u
#define PROBE_LOOPS  2000u
/* The fastest round counts: on a busy host some are interrupted. There are more where a few do not decide. */
#define PROBE_ROUNDS	 8u
#define PROBE_ROUNDS_MAX 200u
/* Hardware runs thousands of instructions in a microsecond, an emulator one or two, and an emulated processor tens. */
#define SLOW_PER_US	10u
#define EMULATOR_PER_US 3u

/*
 * Runs at privilege level 0 in long mode: a counted loop, then instructions that compilers and kernels take for
 * granted.
 */
static const uint8_t guest_code[] = {
	0xe6,
	0x80, /* out %al,$0x80: the first page is mapped */
	0xbe,
	PROBE_ROUNDS_MAX,
	0,
	0,
	0, /* mov $PROBE_ROUNDS_MAX,%esi */
	0xb9,
	PROBE_LOOPS & 0xff,
	PROBE_LOOPS >> 8,
	0,
	0, /* 2: mov $PROBE_LOOPS,%ecx */
	0xff,
	0xc9, /* 1: dec %ecx */
	0x75,
	0xfc, /* jnz 1b */
	0xe6,
	0x80, /* out %al,$0x80: the loop is over */
	0xff,
	0xce, /* dec %esi */
	0x75,
	0xf1, /* jnz 2b */
	0xf3,
	0x0f,
	0xb8,
	0xc1, /* popcnt %ecx,%eax */
	0xbf,
	0x00,
	0x50,
	0x00,
	0x00, /* mov $PROBE_DATA,%edi */
	0x48,
	0x0f,
	0xc7,
	0x0f, /* cmpxchg16b (%rdi) */
	0x0f,
	0x01,
	0xf9, /* rdtscp */
	0xf4, /* hlt */
};

struct tiny_vm {
	int kvm, vm, vcpu;
	uint8_t *memory;
	struct kvm_run *run;
	size_t run_size;
};

static void tiny_done(struct tiny_vm *t)
{
	if (t->run)
		munmap(t->run, t->run_size);
	if (t->memory)
		munmap(t->memory, PROBE_MEMORY);
	fd_close(t->vcpu);
	fd_close(t->vm);
	fd_close(t->kvm);
}

/* Identity map of the first 2 MiB in one large page; the tables at 0x1000, 0x2000, 0x3000. */
static void write_memory(uint8_t *memory)
{
	uint64_t *pml4 = (void *)(memory + 0x1000), *pdpt = (void *)(memory + 0x2000), *pd = (void *)(memory + 0x3000);
	pml4[0] = 0x2000 | 3;
	pdpt[0] = 0x3000 | 3;
	pd[0] = 0x83;
	memcpy(memory + PROBE_CODE, guest_code, sizeof(guest_code));
}

static int enter_long_mode(int vcpu)
{
	struct kvm_sregs s;
	struct kvm_regs r = { .rip = PROBE_CODE, .rflags = 2, .rsp = 0x8000 };
	if (ioctl(vcpu, KVM_GET_SREGS, &s) < 0)
		return -errno;
	s.cr3 = 0x1000;
	s.cr4 = 0x20 | 0x200; /* PAE, OSFXSR */
	s.cr0 = 0x80000001;   /* PG, PE */
	s.efer = 0x500;	      /* LME, LMA */
	s.cs = (struct kvm_segment){ .limit = ~0u, .selector = 8, .type = 11, .present = 1, .s = 1, .l = 1, .g = 1 };
	struct kvm_segment data = { .limit = ~0u, .selector = 16, .type = 3, .present = 1, .s = 1, .db = 1, .g = 1 };
	s.ds = s.es = s.fs = s.gs = s.ss = data;
	if (ioctl(vcpu, KVM_SET_SREGS, &s) < 0 || ioctl(vcpu, KVM_SET_REGS, &r) < 0)
		return -errno;
	return 0;
}

static void offer_all_cpuid(const struct tiny_vm *t)
{
	enum { ENTRIES = 256 };
	_cleanup_free_ struct kvm_cpuid2 *cpuid = calloc(1, sizeof(*cpuid) + ENTRIES * sizeof(cpuid->entries[0]));
	if (!cpuid)
		return;
	cpuid->nent = ENTRIES;
	if (ioctl(t->kvm, KVM_GET_SUPPORTED_CPUID, cpuid) == 0)
		ioctl(t->vcpu, KVM_SET_CPUID2, cpuid);
}

static int tiny_init(struct tiny_vm *t)
{
	t->vm = sys_create_vm(&kvm_sys_real, t->kvm);
	if (t->vm < 0)
		return t->vm;
	t->memory = mmap(NULL, PROBE_MEMORY, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (t->memory == MAP_FAILED) {
		t->memory = NULL;
		return -errno;
	}
	write_memory(t->memory);
	struct kvm_userspace_memory_region region = { .memory_size = PROBE_MEMORY,
						      .userspace_addr = (uint64_t)(uintptr_t)t->memory };
	if (ioctl(t->vm, KVM_SET_USER_MEMORY_REGION, &region) < 0)
		return -errno;
	t->vcpu = ioctl(t->vm, KVM_CREATE_VCPU, 0);
	int size = t->vcpu < 0 ? -1 : ioctl(t->kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
	if (size < 0)
		return -errno;
	t->run_size = (size_t)size;
	t->run = mmap(NULL, t->run_size, PROT_READ | PROT_WRITE, MAP_SHARED, t->vcpu, 0);
	if (t->run == MAP_FAILED) {
		t->run = NULL;
		return -errno;
	}
	offer_all_cpuid(t);
	return enter_long_mode(t->vcpu);
}

static uint32_t run_until_exit(struct tiny_vm *t)
{
	int r;
	do
		r = ioctl(t->vcpu, KVM_RUN, 0);
	while (r < 0 && errno == EINTR);
	return r < 0 ? KVM_EXIT_UNKNOWN : t->run->exit_reason;
}

/* The round that now ends is the last one. */
static void end_loop(struct tiny_vm *t)
{
	struct kvm_regs r;
	if (ioctl(t->vcpu, KVM_GET_REGS, &r) < 0)
		return;
	r.rsi = 1;
	ioctl(t->vcpu, KVM_SET_REGS, &r);
}

/* Returns the reason of the last exit. */
static uint32_t measure(struct tiny_vm *t, uint32_t *ret_per_us)
{
	/* The first entry is not timed: it includes switching the processor on and mapping the page. */
	uint32_t reason = run_until_exit(t);
	for (unsigned i = 0; i < PROBE_ROUNDS_MAX && reason == KVM_EXIT_IO; i++) {
		nsec_t before = nsec_now();
		reason = run_until_exit(t);
		nsec_t spent = MAX_OF(nsec_now() - before, 1);
		*ret_per_us = MAX_OF(*ret_per_us, (uint32_t)((nsec_t)PROBE_LOOPS * 2 * NSEC_PER_USEC / spent));
		bool decided = *ret_per_us >= SLOW_PER_US || *ret_per_us < EMULATOR_PER_US;
		if (i + 1 < PROBE_ROUNDS || !decided || reason != KVM_EXIT_IO)
			continue;
		end_loop(t);
		break;
	}
	return reason;
}

static void classify(struct tiny_vm *t, struct kvm_probe *ret)
{
	uint32_t reason = measure(t, &ret->instructions_per_us);
	ret->state = KVM_EMULATED;
	if (reason != KVM_EXIT_IO) {
		snprintf(ret->why, sizeof(ret->why), "/dev/kvm does not run kernel code (exit reason %u)", reason);
		return;
	}
	if (run_until_exit(t) != KVM_EXIT_HLT) {
		snprintf(ret->why, sizeof(ret->why),
			 "/dev/kvm only emulates kernel code, and lacks instructions that Linux needs");
	} else if (ret->instructions_per_us < SLOW_PER_US) {
		snprintf(ret->why, sizeof(ret->why), "/dev/kvm only emulates kernel code (at most %u instructions/us)",
			 ret->instructions_per_us + 1);
	} else {
		ret->state = KVM_HARDWARE;
		snprintf(ret->why, sizeof(ret->why), "/dev/kvm runs kernel code on the processor (%u instructions/us)",
			 ret->instructions_per_us);
	}
}

void kvm_probe(const char *device, struct kvm_probe *ret)
{
	struct tiny_vm t = { .vm = -1, .vcpu = -1, .kvm = open(device, O_RDWR | O_CLOEXEC) };
	*ret = (struct kvm_probe){ .state = KVM_ABSENT };
	if (t.kvm < 0) {
		ret->state = errno == EACCES || errno == EPERM ? KVM_FORBIDDEN : KVM_ABSENT;
		snprintf(ret->why, sizeof(ret->why),
			 ret->state == KVM_FORBIDDEN ? "%s: permission denied; add yourself to the 'kvm' group: 'sudo "
						       "usermod -aG kvm $USER', then "
						       "log in again"
						     : "%s does not exist",
			 device);
		return;
	}
	int r = tiny_init(&t);
	if (r == 0)
		classify(&t, ret);
	else
		snprintf(ret->why, sizeof(ret->why), "%s cannot create a virtual machine: %s", device, strerror(-r));
	tiny_done(&t);
}
