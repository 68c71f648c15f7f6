/* SPDX-License-Identifier: GPL-2.0-only */
/* fake_kvm.c -- see fake_kvm.h. */
#include <check.h>
#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <time.h>

#include "fake_kvm.h"
#include "vmm/x86/msr.h"

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

static unsigned id_of(struct fake *f, int fd)
{
	unsigned vcpu = vcpu_of(f, fd);
	return vcpu < FAKE_VCPUS_MAX ? f->vcpu_id[vcpu] : 0;
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
	if (vcpu == FAKE_VCPUS_MAX)
		return kvm_sys_real.map(NULL, fd, size, ret);
	*ret = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ck_assert(*ret != MAP_FAILED);
	f->run[vcpu] = *ret;
	return 0;
}

static void fake_unmap(void *data, void *p, size_t size)
{
	(void)data;
	munmap(p, size);
}

static int fake_bind(void *data, void *p, size_t size, unsigned node)
{
	struct fake *f = data;
	(void)p;
	(void)size;
	f->bound = node + 1;
	return f->refuses_memory ? -EPERM : 0;
}

static int fake_collapse(void *data, void *p, size_t size)
{
	struct fake *f = data;
	ck_assert(size && ((uintptr_t)p | size) % (2u << 20) == 0);
	f->collapsed += size;
	return -ENOMEM;
}

static int fake_want_huge(void *data, int fd, void *p, size_t size)
{
	(void)data;
	(void)fd;
	(void)p;
	(void)size;
	return 0;
}

static int fake_populate(void *data, void *p, size_t size)
{
	struct fake *f = data;
	(void)p;
	f->populated += size;
	return f->refuses_memory ? -ENOMEM : 0;
}

static bool fake_is_huge(void *data, int fd, const void *p, size_t size)
{
	const struct fake *f = data;
	(void)fd;
	(void)p;
	(void)size;
	return !f->refuses_memory;
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
	if (s->reason == KVM_EXIT_MMIO) {
		run->mmio.phys_addr = s->address;
		run->mmio.is_write = 1;
		run->mmio.len = 4;
		memcpy(run->mmio.data, &s->word, sizeof(s->word));
	} else if (s->reason == KVM_EXIT_IOAPIC_EOI) {
		run->eoi.vector = s->value;
	}
	if (s->reason == KVM_EXIT_INTERNAL_ERROR)
		run->internal.suberror = KVM_INTERNAL_ERROR_EMULATION;
	return 0;
}

static int fake_cpuid(struct kvm_cpuid2 *c)
{
	ck_assert_uint_ge(c->nent, 2);
	c->nent = 2;
	c->entries[0] = (struct kvm_cpuid_entry2){
		.function = 0, .eax = 1, .ebx = 0x756e6547, .edx = 0x49656e69, .ecx = 0x6c65746e
	};
	c->entries[1] = (struct kvm_cpuid_entry2){ .function = 1 };
	return 0;
}

static int get_msrs(const struct fake *f, unsigned id, struct kvm_msrs *m)
{
	for (uint32_t i = 0; i < m->nmsrs; i++) {
		struct kvm_msr_entry *e = &m->entries[i];
		if (f->stubborn_msr && e->index == f->stubborn_msr)
			e->data = f->stubborn_value;
		else if (e->index == MSR_TSC)
			e->data = f->host_tsc + f->tsc_offset[id];
		else if (e->index == MSR_TSC_DEADLINE && f->deadline_left[id])
			e->data = f->host_tsc + f->tsc_offset[id] + f->deadline_left[id];
	}
	return (int)m->nmsrs;
}

static void set_msr(struct fake *f, unsigned id, const struct kvm_msr_entry *e)
{
	if (e->index == MSR_TSC)
		f->tsc_offset[id] = e->data ? e->data - (f->host_tsc += FAKE_TSC_STEP) : f->tsc_offset[id];
	else if (e->index == MSR_TSC_DEADLINE)
		f->deadline_left[id] = e->data - f->host_tsc - f->tsc_offset[id];
	else
		f->written_msrs |= 1ull << e->index % 64;
}

static int set_msrs(struct fake *f, unsigned id, const struct kvm_msrs *m)
{
	for (uint32_t i = 0; i < m->nmsrs; i++) {
		if (f->stubborn_msr && m->entries[i].index == f->stubborn_msr)
			return (int)i;
		set_msr(f, id, &m->entries[i]);
	}
	return (int)m->nmsrs;
}

static uint64_t *attribute(struct fake *f, unsigned id, const struct kvm_device_attr *attr, uint64_t **ret_user)
{
	ck_assert(attr->group == KVM_VCPU_TSC_CTRL && attr->attr == KVM_VCPU_TSC_OFFSET);
	*ret_user = (uint64_t *)(uintptr_t)attr->addr;
	return &f->tsc_offset[id];
}

static int get_attribute(struct fake *f, unsigned id, const struct kvm_device_attr *attr)
{
	uint64_t *user, *ours = attribute(f, id, attr, &user);
	*user = *ours;
	return 0;
}

static int set_attribute(struct fake *f, unsigned id, const struct kvm_device_attr *attr)
{
	uint64_t *user, *ours = attribute(f, id, attr, &user);
	*ours = *user;
	return 0;
}

/* Answers the requests for a vCPU. */
static int vcpu_answer(struct fake *f, unsigned id, unsigned long request, void *arg)
{
	switch (request) {
	case KVM_GET_MSRS:
		return get_msrs(f, id, arg);
	case KVM_SET_MSRS:
		return set_msrs(f, id, arg);
	case KVM_GET_DEVICE_ATTR:
		return get_attribute(f, id, arg);
	case KVM_SET_DEVICE_ATTR:
		return set_attribute(f, id, arg);
	case KVM_GET_STATS_FD:
		return -ENOTTY;
	case KVM_GET_SREGS:
		memset(arg, 0, sizeof(struct kvm_sregs));
		return 0;
	case KVM_GET_REGS:
		*(struct kvm_regs *)arg = (struct kvm_regs){ .rip = 0x1234 };
		return 0;
	case KVM_SET_SREGS:
		f->x2apic = ((struct kvm_sregs *)arg)->apic_base >> 10 & 1;
		return 0;
	case KVM_GET_CPUID2:
		((struct kvm_cpuid2 *)arg)->nent = 1;
		((struct kvm_cpuid2 *)arg)->entries[0] =
			(struct kvm_cpuid_entry2){ .function = 0x40000001, .edx = !f->forgets_hint };
		return 0;
	default:
		return 0;
	}
}

static int fake_answer(struct fake *f, int fd, unsigned long request, void *arg)
{
	switch (request) {
	case KVM_GET_API_VERSION:
		return KVM_API_VERSION;
	case KVM_CHECK_EXTENSION:
		if ((uintptr_t)arg == KVM_CAP_X86_DISABLE_EXITS)
			return 0xf;
		return (uintptr_t)arg + 1 == f->missing_cap ? 0 : 4096;
	case KVM_CREATE_VM:
		if (f->interruptions && f->interruptions--)
			return -EINTR;
		return eventfd(0, EFD_CLOEXEC);
	case KVM_GET_TSC_KHZ:
		return FAKE_TSC_KHZ;
	case KVM_CREATE_VCPU:
		ck_assert_uint_lt(f->vcpus, FAKE_VCPUS_MAX);
		f->vcpu_id[f->vcpus] = (uint8_t)((uintptr_t)arg % FAKE_CLOCKS);
		return f->vcpu_fd[f->vcpus++] = eventfd(0, EFD_CLOEXEC);
	case KVM_GET_VCPU_MMAP_SIZE:
		return FAKE_RUN_BYTES;
	case KVM_GET_SUPPORTED_CPUID:
		return fake_cpuid(arg);
	case KVM_GET_MSR_INDEX_LIST:
		for (uint32_t i = 0; i < 3; i++)
			((struct kvm_msr_list *)arg)->indices[i] = 10 * (i + 1);
		((struct kvm_msr_list *)arg)->nmsrs = 3;
		return 0;
	case KVM_IOEVENTFD:
		f->doorbells++;
		return 0;
	case KVM_IRQFD:
		f->lines |= 1u << ((struct kvm_irqfd *)arg)->gsi;
		return 0;
	case KVM_SIGNAL_MSI:
		f->msi = *(struct kvm_msi *)arg;
		f->msis++;
		return 1;
	case KVM_SET_GSI_ROUTING:
		f->routes = ((struct kvm_irq_routing *)arg)->nr;
		f->routings++;
		return 0;
	case KVM_GET_CLOCK:
		memset(arg, 0, sizeof(struct kvm_clock_data));
		((struct kvm_clock_data *)arg)->flags = f->refused || !f->vcpus ? 0 : KVM_CLOCK_TSC_STABLE;
		return 0;
	case KVM_IRQ_LINE:
		f->irqs++;
		return 0;
	default:
		return vcpu_answer(f, id_of(f, fd), request, arg);
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
	return (struct kvm_sys){
		.open = fake_open,
		.ioctl = fake_ioctl,
		.map = fake_map,
		.unmap = fake_unmap,
		.collapse = fake_collapse,
		.bind = fake_bind,
		.want_huge = fake_want_huge,
		.populate = fake_populate,
		.is_huge = fake_is_huge,
		.data = f,
	};
}
