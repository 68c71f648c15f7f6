/* SPDX-License-Identifier: GPL-2.0-only */
/* fake_kvm.c -- see fake_kvm.h. */
#include <check.h>
#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <time.h>

#include "fake_kvm.h"

static int fake_open(void *data, const char *path)
{
	struct fake *f = data;
	(void)path;
	if (++f->calls == f->fail_at)
		return -EACCES;
	return eventfd(0, EFD_CLOEXEC);
}

static unsigned vcpu_of(struct fake *f, int fd)
{
	for (unsigned i = 0; i < f->vcpus; i++)
		if (f->vcpu_fd[i] == fd)
			return i;
	return FAKE_VCPUS_MAX;
}

static int fake_map(void *data, int fd, size_t size, void **ret)
{
	struct fake *f = data;
	pthread_mutex_lock(&f->lock);
	bool fails = ++f->calls == f->fail_at;
	unsigned vcpu = vcpu_of(f, fd);
	pthread_mutex_unlock(&f->lock);
	if (fails)
		return -ENOMEM;
	bool shared = vcpu == FAKE_VCPUS_MAX;
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE,
		       shared ? MAP_SHARED | MAP_NORESERVE : MAP_PRIVATE | MAP_ANONYMOUS, shared ? fd : -1, 0);
	ck_assert(p != MAP_FAILED);
	if (!shared)
		f->run[vcpu] = p;
	*ret = p;
	return 0;
}

static void fake_unmap(void *data, void *p, size_t size)
{
	(void)data;
	munmap(p, size);
}

static int blocked(struct kvm_run *run)
{
	const struct timespec moment = { .tv_nsec = 200000 };
	while (!__atomic_load_n(&run->immediate_exit, __ATOMIC_SEQ_CST))
		nanosleep(&moment, NULL);
	return -EINTR;
}

static int fake_run(struct fake *f, int fd)
{
	pthread_mutex_lock(&f->lock);
	unsigned vcpu = vcpu_of(f, fd);
	const struct step *s = &f->script[f->at];
	if (vcpu == 0 && f->at + 1 < f->steps)
		f->at++;
	pthread_mutex_unlock(&f->lock);
	struct kvm_run *run = f->run[vcpu];
	if (vcpu || s->blocks)
		return blocked(run);
	if (run->immediate_exit)
		return -EINTR;
	run->exit_reason = s->reason;
	run->io.direction = KVM_EXIT_IO_OUT;
	run->io.port = s->port;
	run->io.size = 1;
	run->io.count = 1;
	run->io.data_offset = 4096;
	((uint8_t *)run)[4096] = s->value;
	if (s->reason == KVM_EXIT_INTERNAL_ERROR)
		run->internal.suberror = KVM_INTERNAL_ERROR_EMULATION;
	return 0;
}

static int fake_cpuid(struct kvm_cpuid2 *c)
{
	ck_assert_uint_ge(c->nent, 2);
	c->nent = 2;
	c->entries[0] = (struct kvm_cpuid_entry2){ .function = 0, .eax = 1, .ebx = 0x756e6547, .edx = 0x49656e69,
						   .ecx = 0x6c65746e };
	c->entries[1] = (struct kvm_cpuid_entry2){ .function = 1 };
	return 0;
}

static int fake_answer(struct fake *f, int fd, unsigned long request, void *arg)
{
	switch (request) {
	case KVM_GET_API_VERSION:
		return KVM_API_VERSION;
	case KVM_CHECK_EXTENSION:
		return (uintptr_t)arg + 1 == f->missing_cap ? 0 : 4096;
	case KVM_CREATE_VM:
		return eventfd(0, EFD_CLOEXEC);
	case KVM_CREATE_VCPU:
		ck_assert_uint_lt(f->vcpus, FAKE_VCPUS_MAX);
		return f->vcpu_fd[f->vcpus++] = eventfd(0, EFD_CLOEXEC);
	case KVM_GET_VCPU_MMAP_SIZE:
		return FAKE_RUN_BYTES;
	case KVM_GET_SUPPORTED_CPUID:
		return fake_cpuid(arg);
	case KVM_GET_MSR_INDEX_LIST:
		((struct kvm_msr_list *)arg)->nmsrs = 3;
		return 0;
	case KVM_GET_MSRS:
	case KVM_SET_MSRS:
		return (int)((struct kvm_msrs *)arg)->nmsrs;
	case KVM_GET_STATS_FD:
		return -ENOTTY;
	case KVM_GET_SREGS:
		memset(arg, 0, sizeof(struct kvm_sregs));
		return 0;
	case KVM_GET_REGS:
		*(struct kvm_regs *)arg = (struct kvm_regs){ .rip = 0x1234 };
		return 0;
	case KVM_IRQ_LINE:
		f->irqs++;
		return 0;
	default:
		(void)fd;
		return 0;
	}
}

static int fake_ioctl(void *data, int fd, unsigned long request, void *arg)
{
	struct fake *f = data;
	int r = -EIO;
	pthread_mutex_lock(&f->lock);
	if (++f->calls == f->fail_at)
		f->failed = request;
	else if (request == f->refused)
		r = -EINVAL;
	else if (request != KVM_RUN)
		r = fake_answer(f, fd, request, arg);
	bool failed = f->calls == f->fail_at;
	pthread_mutex_unlock(&f->lock);
	return request == KVM_RUN && !failed ? fake_run(f, fd) : r;
}

struct kvm_sys fake_sys(struct fake *f, const struct step *script, unsigned steps)
{
	*f = (struct fake){ .script = script, .steps = steps };
	pthread_mutex_init(&f->lock, NULL);
	return (struct kvm_sys){ fake_open, fake_ioctl, fake_map, fake_unmap, f };
}
