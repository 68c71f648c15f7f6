/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * early.h -- large pages for the memory that every kernel touches while it boots.
 *
 * Shared guest memory is populated at the first touch, 4 KiB at a time, and each first touch is an exit from the guest:
 * together a third of the time until a guest's first process. Where a boot touches nearly every page, pages of 2 MiB
 * take no more memory and one exit instead of 512.
 */
#ifndef KTSTR_VMM_KVM_EARLY_H
#define KTSTR_VMM_KVM_EARLY_H

#include <stdbool.h>

struct boot_plan;
struct kvm_guest;

/*
 * Call it before the kernel is loaded as @p says; with @mapped its constants are mapped from its file. Optional: a host
 * without large pages populates small ones later. Not for perf mode, which asks for its own, nor for clones, whose
 * memory is mapped from a snapshot.
 */
void early_prepare_memory(struct kvm_guest *g, const struct boot_plan *p, bool mapped);

#endif
