/* SPDX-License-Identifier: GPL-2.0-only */
/* kvm_config.h -- small machines for tests of the VMM: their configuration, memory and console. */
#ifndef KTSTR_TESTS_KVM_CONFIG_H
#define KTSTR_TESTS_KVM_CONFIG_H

#include "vmm/kvm/guest.h"

/* A machine with 192 MiB per node, whose kernel is @code. drop_config() closes its files. */
void make_config(struct kvm_guest_config *c, struct ktstr_topology topology, const void *code, size_t len);
void drop_config(struct kvm_guest_config *c);
/*
 * Creates the guest and starts its vCPUs; returns a negative errno on failure. drop_guest() ends it and drops its
 * configuration.
 */
int start_guest(struct kvm_guest *g, const struct kvm_sys *sys, struct kvm_guest_config *c);
void drop_guest(struct kvm_guest *g, struct kvm_guest_config *c);

#endif
