/* SPDX-License-Identifier: GPL-2.0-only */
/* save.c -- see save.h. Tables list the saved parts in the order in which they must be restored. */
#include <string.h>

#include "vmm/kvm/save.h"
#include "vmm/kvm/vcpu.h"
#include "vmm/x86/msr.h"

struct part {
	const char *name;
	size_t offset; /* in struct save_vcpu */
	unsigned long get, set;
	bool xsave; /* only of processors with XSAVE */
};

#define SAVE_MSRS_AT_ONCE 256u /* MAX_IO_MSRS of KVM */

#define PART(member, get, set, ...)                                                \
	{                                                                          \
#member, offsetof(struct save_vcpu, member), get, set, __VA_ARGS__ \
	}

/*
 * Events come last, because every other part may change them. XSAVE is not in the tables: the ioctl that reads it
 * depends on the host. A vCPU's time is restored after all the rest of the machine.
 */
static const struct part before_msrs[] = {
	PART(mp_state, KVM_GET_MP_STATE, KVM_SET_MP_STATE),
	PART(regs, KVM_GET_REGS, KVM_SET_REGS),
	PART(sregs, KVM_GET_SREGS, KVM_SET_SREGS),
	PART(xcrs, KVM_GET_XCRS, KVM_SET_XCRS, .xsave = true),
	PART(debugregs, KVM_GET_DEBUGREGS, KVM_SET_DEBUGREGS),
	PART(lapic, KVM_GET_LAPIC, KVM_SET_LAPIC),
};
static const struct part after_msrs[] = {
	PART(events, KVM_GET_VCPU_EVENTS, KVM_SET_VCPU_EVENTS),
};

static int run_parts(struct kvm_vcpu *v, struct save_vcpu *s, const struct part *part, size_t count, bool set,
		     struct err **err)
{
	int r = 0;
	for (size_t i = 0; i < count && r >= 0; i++) {
		if (part[i].xsave && !v->guest->xcr0)
			continue;
		r = sys_ioctl(v->guest->sys, v->fd, set ? part[i].set : part[i].get, (uint8_t *)s + part[i].offset);
		if (r < 0)
			FAIL_SYS(err, r, "vCPU %u: %s its %s", v->index, set ? "set" : "read", part[i].name);
	}
	return MIN_OF(r, 0);
}

/* --- registers and time, both ways -------------------------------------------------------------------------------- */

struct one_msr {
	struct kvm_msrs head;
	struct kvm_msr_entry entry;
};

static bool get_msr(struct kvm_vcpu *v, uint32_t index, uint64_t *ret)
{
	struct one_msr one = { .head.nmsrs = 1, .entry.index = index };
	if (sys_ioctl(v->guest->sys, v->fd, KVM_GET_MSRS, &one) != 1)
		return false;
	*ret = one.entry.data;
	return true;
}

static int set_msr(struct kvm_vcpu *v, uint32_t index, uint64_t value, struct err **err)
{
	struct one_msr one = { .head.nmsrs = 1, .entry = { .index = index, .data = value } };
	int r = sys_ioctl(v->guest->sys, v->fd, KVM_SET_MSRS, &one);
	if (r == 1)
		return 0;
	return FAIL_SYS(err, r < 0 ? r : -ENOTSUP, "vCPU %u: set model-specific register 0x%x", v->index, index);
}

static int tsc_offset(struct kvm_vcpu *v, unsigned long request, uint64_t *offset)
{
	struct kvm_device_attr attr = { .group = KVM_VCPU_TSC_CTRL,
					.attr = KVM_VCPU_TSC_OFFSET,
					.addr = (uintptr_t)offset };
	return sys_ioctl(v->guest->sys, v->fd, request, &attr);
}

static void read_time(struct kvm_vcpu *v, struct save_time *t)
{
	get_msr(v, MSR_TSC, &t->tsc);
	get_msr(v, MSR_TSC_DEADLINE, &t->deadline);
	t->offset_known = tsc_offset(v, KVM_GET_DEVICE_ATTR, &t->offset) == 0;
}

/*
 * Restores the first vCPU's counter to its old value, and the others' at their old distance from it. Setting the others
 * by value would make KVM guess whether counters written one after the other were meant to be equal; it guesses wrong
 * when much time passes in between. A deadline is set after its counter, because KVM computes a timer from the
 * difference.
 */
static int restore_time(struct kvm_vcpu *v, const struct save_time *t, const struct save_time *first, struct err **err)
{
	uint64_t offset = 0;
	int r;
	if (t == first || !t->offset_known || !first->offset_known) {
		r = set_msr(v, MSR_TSC, t->tsc, err);
	} else {
		r = tsc_offset(&v->guest->vcpu[0], KVM_GET_DEVICE_ATTR, &offset);
		offset += t->offset - first->offset;
		if (r == 0)
			r = tsc_offset(v, KVM_SET_DEVICE_ATTR, &offset);
		if (r < 0)
			FAIL_SYS(err, r, "vCPU %u: set its time stamp counter", v->index);
	}
	return r == 0 && t->deadline ? set_msr(v, MSR_TSC_DEADLINE, t->deadline, err) : r;
}

/* --- saving ------------------------------------------------------------------------------------------------------- */

int save_prepare(struct kvm_guest *g, struct err **err)
{
	if (g->split)
		return FAIL(err, ERR_MISSING, -ENOTSUP, "machines with a split interrupt controller cannot be saved");
	int bytes = sys_ioctl_number(g->sys, g->kvm, KVM_CHECK_EXTENSION, KVM_CAP_XSAVE2);
	if (bytes > (int)SAVE_XSAVE_MAX)
		return FAIL(err, ERR_MISSING, -ENOTSUP,
			    "machines with %d bytes of extended processor state cannot be saved", bytes);
	g->xsave2 = bytes > (int)sizeof(struct kvm_xsave);
	g->msr_list = calloc(1, sizeof(*g->msr_list) + SAVE_MSRS_MAX * sizeof(g->msr_list->indices[0]));
	if (!g->msr_list)
		return FAIL_SYS(err, -ENOMEM, "save the machine");
	g->msr_list->nmsrs = SAVE_MSRS_MAX;
	int r = sys_ioctl(g->sys, g->kvm, KVM_GET_MSR_INDEX_LIST, g->msr_list);
	return r < 0 ? FAIL_SYS(err, r, "ask KVM which registers there are") : 0;
}

/* One at a time: KVM stops at the first register that this processor does not have. */
static void read_msrs(struct kvm_vcpu *v, struct save_vcpu *s)
{
	const struct kvm_msr_list *list = v->guest->msr_list;
	for (uint32_t i = 0; i < list->nmsrs && i < SAVE_MSRS_MAX; i++) {
		uint32_t index = list->indices[i];
		uint64_t value;
		if (index != MSR_TSC && index != MSR_TSC_DEADLINE && get_msr(v, index, &value))
			s->msr[s->msrs++] = (struct kvm_msr_entry){ .index = index, .data = value };
	}
}

static int read_vcpu(struct kvm_vcpu *v, struct save_vcpu *s, struct err **err)
{
	const struct kvm_guest *g = v->guest;
	int r = run_parts(v, s, before_msrs, ARRAY_SIZE(before_msrs), false, err);
	if (r < 0)
		return r;
	r = sys_ioctl(g->sys, v->fd, g->xsave2 ? KVM_GET_XSAVE2 : KVM_GET_XSAVE, s->xsave);
	if (r < 0)
		return FAIL_SYS(err, r, "vCPU %u: read its extended state", v->index);
	read_msrs(v, s);
	read_time(v, &s->time);
	return run_parts(v, s, after_msrs, ARRAY_SIZE(after_msrs), false, err);
}

static int read_machine(struct kvm_guest *g, struct save_head *h, struct err **err)
{
	int r = sys_ioctl(g->sys, g->vm, KVM_GET_CLOCK, &h->clock);
	for (uint32_t i = 0; i < SAVE_IRQCHIPS && r >= 0; i++) {
		h->irqchip[i].chip_id = i;
		r = sys_ioctl(g->sys, g->vm, KVM_GET_IRQCHIP, &h->irqchip[i]);
	}
	if (r < 0)
		return FAIL_SYS(err, r, "read the machine's clock and interrupt controllers");
	pthread_mutex_lock(&g->devices.lock);
	h->serial = g->devices.serial;
	h->pm = g->devices.pm;
	h->irq_level = g->devices.irq_level;
	pthread_mutex_unlock(&g->devices.lock);
	h->serial.sent = NULL;
	h->serial.userdata = NULL;
	return 0;
}

int save_take(struct kvm_guest *g, struct buf *ret, struct err **err)
{
	buf_zeros(ret, sizeof(struct save_head) + g->vcpus * sizeof(struct save_vcpu));
	if (ret->failed)
		return FAIL_SYS(err, -ENOMEM, "save the machine");
	struct save_head *h = (void *)ret->data;
	struct save_vcpu *s = (void *)(h + 1);
	h->magic = SAVE_MAGIC;
	h->version = SAVE_VERSION;
	h->vcpus = g->vcpus;
	int r = read_machine(g, h, err);
	for (unsigned i = 0; i < g->vcpus && r == 0; i++)
		r = read_vcpu(&g->vcpu[i], &s[i], err);
	return r;
}

/* --- restoring ---------------------------------------------------------------------------------------------------- */

/* Bools are checked as bytes: only 0 and 1 are valid. */
static bool serial_is_sound(const struct serial *s)
{
	uint8_t emptied, overrun;
	memcpy(&emptied, &s->thr_emptied, 1);
	memcpy(&overrun, &s->overrun, 1);
	return s->first < SERIAL_FIFO && s->waiting <= SERIAL_FIFO && emptied <= 1 && overrun <= 1;
}

int save_check(const struct buf *data, unsigned vcpus)
{
	const struct save_head *h = (const void *)data->data;
	if (data->len < sizeof(*h) || h->magic != SAVE_MAGIC || h->version != SAVE_VERSION || h->vcpus != vcpus ||
	    data->len != sizeof(*h) + vcpus * sizeof(struct save_vcpu))
		return -EBADMSG;
	const struct save_vcpu *s = (const void *)(h + 1);
	for (unsigned i = 0; i < vcpus; i++)
		if (s[i].msrs > SAVE_MSRS_MAX)
			return -EBADMSG;
	for (uint32_t i = 0; i < SAVE_IRQCHIPS; i++)
		if (h->irqchip[i].chip_id != i)
			return -EBADMSG;
	return serial_is_sound(&h->serial) ? 0 : -EBADMSG;
}

/* A register that KVM lists and reads but refuses to write is fine if it already has its value. */
static bool has_value(struct kvm_vcpu *v, const struct kvm_msr_entry *wanted)
{
	uint64_t now;
	return get_msr(v, wanted->index, &now) && now == wanted->data;
}

/* Writes as many registers at once as KVM takes; KVM stops at the first that it refuses. */
static int restore_msrs(struct kvm_vcpu *v, const struct save_vcpu *s, struct err **err)
{
	union {
		struct kvm_msrs head;
		uint8_t room[sizeof(struct kvm_msrs) + SAVE_MSRS_AT_ONCE * sizeof(struct kvm_msr_entry)];
	} msrs;
	for (uint32_t at = 0; at < s->msrs;) {
		uint32_t count = MIN_OF(s->msrs - at, SAVE_MSRS_AT_ONCE);
		msrs.head = (struct kvm_msrs){ .nmsrs = count };
		memcpy(msrs.head.entries, &s->msr[at], count * sizeof(s->msr[at]));
		int written = MAX_OF(sys_ioctl(v->guest->sys, v->fd, KVM_SET_MSRS, &msrs), 0);
		at += MIN_OF((uint32_t)written, count);
		if ((uint32_t)written >= count)
			continue;
		if (!has_value(v, &s->msr[at]))
			return FAIL(err, ERR_MISSING, -ENOTSUP,
				    "vCPU %u: KVM refuses to restore model-specific register 0x%x", v->index,
				    s->msr[at].index);
		at++;
	}
	return 0;
}

/*
 * AMD's processors do not keep the busy flag in the task register's type, and KVM adds the flag when it reports the
 * register. With the flag, the register has a value that the processor never has, and an emulator of SVM that checks it
 * denies I/O ports to user space. Intel's processors require the flag.
 */
static void fix_task_register(const struct kvm_guest *g, struct kvm_sregs *sregs)
{
	const uint8_t busy = 2;
	const uint32_t authentic_amd = 0x68747541, hygon_genuine = 0x6f677948; /* EBX of CPUID's leaf 0 */
	for (uint32_t i = 0; i < g->cpuid->nent; i++) {
		const struct kvm_cpuid_entry2 *e = &g->cpuid->entries[i];
		if (!e->function && (e->ebx == authentic_amd || e->ebx == hygon_genuine))
			sregs->tr.type &= (uint8_t)~busy;
	}
}

int save_give_vcpu(struct kvm_vcpu *v, const struct buf *saved, struct err **err)
{
	struct save_vcpu *s = (struct save_vcpu *)(void *)(saved->data + sizeof(struct save_head)) + v->index;
	fix_task_register(v->guest, &s->sregs);
	int r = run_parts(v, s, before_msrs, ARRAY_SIZE(before_msrs), true, err);
	if (r < 0)
		return r;
	r = sys_ioctl(v->guest->sys, v->fd, KVM_SET_XSAVE, s->xsave);
	if (r < 0)
		return FAIL_SYS(err, r, "vCPU %u: set its extended state", v->index);
	r = restore_msrs(v, s, err);
	return r == 0 ? run_parts(v, s, after_msrs, ARRAY_SIZE(after_msrs), true, err) : r;
}

/*
 * The clock and the time stamp counters continue from their saved values, so no time passes for the guest. The flags of
 * the saved clock would make KVM add the time since then.
 */
int save_give_machine(struct kvm_guest *g, const struct buf *saved, struct err **err)
{
	struct save_head *h = (void *)saved->data;
	const struct save_vcpu *s = (const void *)(h + 1);
	struct devices *d = &g->devices;
	struct kvm_clock_data clock = { .clock = h->clock.clock };
	int r = 0;
	for (unsigned i = 0; i < g->vcpus && r == 0; i++)
		r = restore_time(&g->vcpu[i], &s[i].time, &s[0].time, err);
	if (r < 0)
		return r;
	for (uint32_t i = 0; i < SAVE_IRQCHIPS && r >= 0; i++)
		r = sys_ioctl(g->sys, g->vm, KVM_SET_IRQCHIP, &h->irqchip[i]);
	if (r >= 0)
		r = sys_ioctl(g->sys, g->vm, KVM_SET_CLOCK, &clock);
	if (r < 0)
		return FAIL_SYS(err, r, "set the machine's clock and interrupt controllers");
	pthread_mutex_lock(&d->lock);
	const struct serial fresh = d->serial;
	d->serial = h->serial;
	d->serial.sent = fresh.sent;
	d->serial.userdata = fresh.userdata;
	d->pm = h->pm;
	d->irq_level = h->irq_level;
	pthread_mutex_unlock(&d->lock);
	return 0;
}
