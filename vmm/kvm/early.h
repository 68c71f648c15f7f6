/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * early.h -- large pages for the memory that every kernel touches while it boots.
 *
 * Guest memory is populated as it is touched, a page of 4 KiB at a time in shared memory, and each first touch is an
 * exit from the guest: a third of the time to a guest's first process. Where a boot leaves hardly a page untouched,
 * pages of 2 MiB take no more memory and one exit for 512.
 */
#ifndef KTSTR_VMM_KVM_EARLY_H
#define KTSTR_VMM_KVM_EARLY_H

#include <stdbool.h>

struct boot_plan;
struct kvm_guest;

/*
 * Optional: a host without such pages gives small ones later. Before the kernel is loaded as @p says; with
 * @mapped its constants come from its file. Not for perf mode, which has its own, nor for clones, which are mapped.
 */
void early_prepare_memory(struct kvm_guest *g, const struct boot_plan *p, bool mapped);

#endif
