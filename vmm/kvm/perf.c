/* SPDX-License-Identifier: GPL-2.0-only */
/* perf.c -- see perf.h. */
#include <linux/kvm.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

#include "vmm/kvm/perf.h"
#include "vmm/kvm/vcpu.h"
#include "vmm/x86/cpuid.h"

#define VCPU_PRIORITY 1
#define MAIN_PRIORITY PERF_PRIORITY_MAX

const char *const perf_setting_names[PERF_SETTING_MAX] = {
	[PERF_PINNING] = "pinning",
	[PERF_REALTIME] = "real-time",
	[PERF_HUGE_PAGES] = "huge-pages",
	[PERF_MEMORY_NODE] = "memory-node",
	[PERF_POPULATED] = "populated-memory",
	[PERF_PAUSE_EXITS] = "no-pause-exits",
	[PERF_HLT_EXITS] = "no-hlt-exits",
	[PERF_STABLE_CLOCK] = "stable-clock",
	[PERF_REALTIME_HINT] = "realtime-hint",
};

static const char *const why_texts[] = {
	[PERF_WHY_NO_PLAN - PERF_WHY_BASE] = "nothing planned",
	[PERF_WHY_SHARED - PERF_WHY_BASE] = "not every vCPU has a CPU of its own",
	[PERF_WHY_READ_BACK - PERF_WHY_BASE] = "granted, but reading it back gives another value",
	[PERF_WHY_SMALL_PAGES - PERF_WHY_BASE] = "the kernel gave pages of 4 KiB",
	[PERF_WHY_UNSTABLE - PERF_WHY_BASE] = "the host's clock is not the processor's (no KVM_CLOCK_TSC_STABLE)",
};

const char *perf_why(int32_t error, char *out, unsigned size)
{
	if (error >= PERF_WHY_BASE && error < PERF_WHY_MAX)
		return why_texts[error - PERF_WHY_BASE];
	if (error > 0 && error < PERF_WHY_BASE)
		return strerror_r(error, out, size);
	return "unknown";
}

/* @result: 0, a negative errno, or an enum perf_why. */
static void count_result(struct perf_outcome *o, int result)
{
	o->asked++;
	o->granted += result == 0;
	if (result)
		o->error = result < 0 ? -result : result;
}

static void record_result(struct kvm_guest *g, enum perf_setting setting, int result)
{
	pthread_mutex_lock(&g->life.lock);
	count_result(&g->perf[setting], result);
	pthread_mutex_unlock(&g->life.lock);
}

/* --- memory ------------------------------------------------------------------------------------------------------- */

static int bind_node(struct kvm_guest *g, unsigned i)
{
	unsigned node = g->config->pinning.node[i];
	if (node == PIN_ANY)
		return PERF_WHY_NO_PLAN;
	int r = g->sys->bind(g->sys->data, g->map[i], g->config->node[i].size, node);
	return r == 1 ? PERF_WHY_READ_BACK : r;
}

/* If a node of the host has too little memory, take it from any node: a fault later would be worse. */
static int populate(struct kvm_guest *g, unsigned i)
{
	uint64_t size = g->config->node[i].size;
	int r = g->sys->populate(g->sys->data, g->map[i], size);
	if (r == 0 || g->sys->bind(g->sys->data, g->map[i], size, PIN_ANY) < 0)
		return r;
	g->sys->populate(g->sys->data, g->map[i], size);
	return r;
}

void perf_prepare_memory(struct kvm_guest *g)
{
	for (unsigned i = 0; i < g->config->nodes; i++) {
		int fd = g->config->node[i].fd;
		uint64_t size = g->config->node[i].size;
		int bound = bind_node(g, i), huge = g->sys->want_huge(g->sys->data, fd, g->map[i], size);
		int populated = populate(g, i);
		if (huge == 0 && !g->sys->is_huge(g->sys->data, fd, g->map[i], size))
			huge = PERF_WHY_SMALL_PAGES;
		record_result(g, PERF_MEMORY_NODE, bound ? bound : populated);
		record_result(g, PERF_POPULATED, populated);
		record_result(g, PERF_HUGE_PAGES, huge);
	}
}

/* --- the guest ---------------------------------------------------------------------------------------------------- */

/*
 * Whether each vCPU has a CPU of its own, so that one that never sleeps delays no other. The main thread has a higher
 * priority.
 */
static bool has_own_cpus(const struct kvm_guest *g)
{
	uint8_t taken[UINT16_MAX / 8 + 1] = { 0 };
	for (unsigned i = 0; i < g->vcpus; i++) {
		unsigned cpu = g->config->pinning.vcpu[i];
		if (cpu == PIN_ANY || (taken[cpu / 8] & 1u << cpu % 8))
			return false;
		taken[cpu / 8] |= (uint8_t)(1u << cpu % 8);
	}
	return true;
}

/* One at a time: a KVM that refuses one of two exits refuses both when they are asked for together. */
static int disable_exit(struct kvm_guest *g, uint64_t which)
{
	struct kvm_enable_cap enable = { .cap = KVM_CAP_X86_DISABLE_EXITS, .args = { which } };
	int can = sys_ioctl_number(g->sys, g->vm, KVM_CHECK_EXTENSION, KVM_CAP_X86_DISABLE_EXITS);
	if (can < 0)
		return can;
	return (uint64_t)can & which ? sys_ioctl(g->sys, g->vm, KVM_ENABLE_CAP, &enable) : -ENOTSUP;
}

void perf_prepare_guest(struct kvm_guest *g)
{
	g->perf_alone = has_own_cpus(g);
	record_result(g, PERF_PAUSE_EXITS,
		      g->perf_alone ? disable_exit(g, KVM_X86_DISABLE_EXITS_PAUSE) : PERF_WHY_SHARED);
	record_result(g, PERF_HLT_EXITS, g->perf_alone ? disable_exit(g, KVM_X86_DISABLE_EXITS_HLT) : PERF_WHY_SHARED);
}

/* --- the clock ---------------------------------------------------------------------------------------------------- */

/* KVM checks the vCPUs' counters when the clock is set: without vCPUs, no clock is stable. */
static int check_clock(struct kvm_guest *g)
{
	struct kvm_clock_data clock = { 0 };
	int r = sys_ioctl(g->sys, g->vm, KVM_GET_CLOCK, &clock);
	if (r == 0) {
		clock.flags = 0;
		r = sys_ioctl(g->sys, g->vm, KVM_SET_CLOCK, &clock);
	}
	if (r == 0)
		r = sys_ioctl(g->sys, g->vm, KVM_GET_CLOCK, &clock);
	if (r < 0)
		return r;
	return clock.flags & KVM_CLOCK_TSC_STABLE ? 0 : PERF_WHY_UNSTABLE;
}

void perf_check_clock(struct kvm_guest *g)
{
	count_result(&g->perf[PERF_STABLE_CLOCK], check_clock(g));
}

/* --- threads ------------------------------------------------------------------------------------------------------ */

static int pin_to(unsigned cpu)
{
	cpu_set_t want, have;
	if (cpu == PIN_ANY)
		return PERF_WHY_NO_PLAN;
	if (cpu >= CPU_SETSIZE)
		return -EINVAL;
	CPU_ZERO(&want);
	CPU_SET(cpu, &want);
	if (sched_setaffinity(0, sizeof(want), &want) < 0 || sched_getaffinity(0, sizeof(have), &have) < 0)
		return -errno;
	return CPU_EQUAL(&want, &have) ? 0 : PERF_WHY_READ_BACK;
}

static int make_realtime(int priority)
{
	struct sched_param param = { .sched_priority = priority };
	if (sched_setscheduler(0, SCHED_FIFO, &param) < 0)
		return -errno;
	int policy = sched_getscheduler(0);
	if (policy < 0 || sched_getparam(0, &param) < 0)
		return -errno;
	return policy == SCHED_FIFO && param.sched_priority == priority ? 0 : PERF_WHY_READ_BACK;
}

static void prepare_thread(struct kvm_guest *g, unsigned cpu, int priority)
{
	record_result(g, PERF_PINNING, pin_to(cpu));
	record_result(g, PERF_REALTIME, g->perf_alone ? make_realtime(priority) : PERF_WHY_SHARED);
}

void perf_prepare_thread(struct kvm_vcpu *v)
{
	prepare_thread(v->guest, v->guest->config->pinning.vcpu[v->index], VCPU_PRIORITY);
}

void perf_prepare_main(struct kvm_guest *g)
{
	prepare_thread(g, g->config->pinning.service, MAIN_PRIORITY);
}

/* KVM may have dropped a leaf that it does not know. */
void perf_check_hint(struct kvm_vcpu *v)
{
	struct kvm_guest *g = v->guest;
	struct kvm_cpuid2 *c = calloc(1, sizeof(*c) + CPUID_ENTRIES_MAX * sizeof(c->entries[0]));
	int r = c ? 0 : -ENOMEM;
	if (r == 0) {
		c->nent = CPUID_ENTRIES_MAX;
		r = sys_ioctl(g->sys, v->fd, KVM_GET_CPUID2, c);
	}
	if (r == 0 && !cpuid_has_realtime(c))
		r = PERF_WHY_READ_BACK;
	record_result(g, PERF_REALTIME_HINT, r);
	free(c);
}
