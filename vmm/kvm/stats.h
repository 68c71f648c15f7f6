/* SPDX-License-Identifier: GPL-2.0-only */
/* stats.h -- KVM's binary statistics of a vCPU (Documentation/virt/kvm/api.rst, KVM_GET_STATS_FD), by name. */
#ifndef KTSTR_VMM_KVM_STATS_H
#define KTSTR_VMM_KVM_STATS_H

#include <stdint.h>

enum kvm_stat {
	KVM_STAT_EXITS,
	KVM_STAT_HALT_EXITS,
	KVM_STAT_HALT_SUCCESSFUL_POLL,
	KVM_STAT_HALT_ATTEMPTED_POLL,
	KVM_STAT_HALT_WAIT_NS,
	KVM_STAT_PREEMPTION_REPORTED,
	KVM_STAT_SIGNAL_EXITS,
	KVM_STAT_HYPERCALLS,
	KVM_STAT_MAX,
};

extern const char *const kvm_stat_names[KVM_STAT_MAX];

/* Offsets of the values in a statistics file; the same for all vCPUs of a VM. */
struct kvm_stats_map {
	uint64_t offset[KVM_STAT_MAX]; /* 0: this kernel has no such value */
};

/* -EPROTO: the file does not have the layout of KVM's statistics. */
int kvm_stats_open(int fd, struct kvm_stats_map *ret);
/* Adds the current values of @fd to @sum. */
int kvm_stats_add(int fd, const struct kvm_stats_map *map, uint64_t sum[KVM_STAT_MAX]);

#endif
