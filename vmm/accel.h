/* SPDX-License-Identifier: GPL-2.0-only */
/* accel.h -- chooses the backend that runs the machines, with the reason. */
#ifndef KTSTR_VMM_ACCEL_H
#define KTSTR_VMM_ACCEL_H

#include "base/err.h"
#include "vmm/vm.h"

enum accel { ACCEL_AUTO, ACCEL_KVM, ACCEL_TCG, ACCEL_MAX };

enum kvm_state { KVM_ABSENT, KVM_FORBIDDEN, KVM_EMULATED, KVM_HARDWARE, KVM_STATE_MAX };

struct kvm_probe {
	enum kvm_state state;
	uint32_t instructions_per_us; /* speed of a loop in the probe's guest; 0: none ran */
	char why[160];		      /* a sentence for the user */
};

/*
 * Runs a guest of a few dozen bytes in 64-bit kernel mode, with instructions that a kernel needs, and times a loop.
 * Some hosts have a /dev/kvm that only emulates, which neither opening it nor its capabilities show. Takes under 50 ms;
 * blocks.
 */
void kvm_probe(const char *device, struct kvm_probe *ret);
/* The same; the result is kept in @cache_dir until the host reboots. */
void kvm_probe_cached(const char *cache_dir, struct kvm_probe *ret);

struct accel_choice {
	const struct vm_backend *backend;
	char reason[256];
	unsigned lag_ns;      /* tcg: see vm_config; 0: one shared clock */
	char shared_why[160]; /* tcg: why parallel time is not to be had; "": it was not asked for */
};

/* How the CPUs of a guest on tcg share time. */
enum tcg_time { TCG_PARALLEL, TCG_SHARED };
/* "parallel" or "shared", by vm_config's lag. */
const char *tcg_time_name(unsigned lag_ns);

int accel_parse(const char *text, enum accel *ret, struct err **err);
/* @lag_ns: of parallel time, if this QEMU can do it; 0: one shared clock. */
int accel_choose(enum accel want, unsigned lag_ns, const char *cache_dir, struct accel_choice *ret, struct err **err);
/* For machines that run on other hosts, whose KVM is theirs to judge. */
void accel_choose_remote_kvm(struct accel_choice *ret);
/* The same for guests of another architecture than this machine's, which only tcg can run. */
int accel_choose_foreign(enum accel want, enum arch arch, unsigned lag_ns, struct accel_choice *ret, struct err **err);

#endif
