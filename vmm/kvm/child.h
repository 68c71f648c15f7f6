/* SPDX-License-Identifier: GPL-2.0-only */
/* child.h -- the process that is one virtual machine. */
#ifndef KTSTR_VMM_KVM_CHILD_H
#define KTSTR_VMM_KVM_CHILD_H

#include "base/err.h"

/*
 * Runs the guest that VMM_FD_CONFIG describes to its end. SIGTERM ends it earlier and writes the registers of its vCPUs
 * to VMM_FD_DIAG. Returns an exit status (enum vmm_exit), or a negative errno and an error. Threads may still run: the
 * caller ends the process.
 */
int vmm_child_main(struct err **err);

#endif
