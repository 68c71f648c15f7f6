/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * preload.h -- the library that is preloaded into QEMU (vmm/qemu/preload). It is part of ktstr, which passes it to QEMU
 * as a memfd.
 */
#ifndef KTSTR_VMM_QEMU_PRELOAD_H
#define KTSTR_VMM_QEMU_PRELOAD_H

#include <ktstr/topology.h>

#include "base/arch.h"
#include "base/buf.h"
#include "base/err.h"
#include "vmm/confine/constant_file.h"
#include "vmm/vmdevices.h"

#define PRELOAD_VARIABLE_MAX   48
#define PRELOAD_CAPACITIES_MAX 4096

/* A new descriptor of the library, which the caller owns. */
int preload_open(struct constant_files *shared, struct err **err);

/* Appends the library's content, on which guests depend. */
void preload_describe(struct buf *out);

/* The environment variable that asks for parallel time, in @out; NULL for a @lag_ns of 0, as in vm_config. */
char *preload_variable(unsigned lag_ns, char out[PRELOAD_VARIABLE_MAX]);

/* The one with the capacities of all CPUs, in @out; NULL where they are equal. */
char *preload_capacities(const struct ktstr_topology *t, char out[PRELOAD_CAPACITIES_MAX]);

/* The one that says which devices have their place in guest time, in @out; NULL: there are none. */
char *preload_devices(const struct vm_devices *d, char out[PRELOAD_VARIABLE_MAX]);

/*
 * Whether vCPUs of the installed QEMU for guests of @arch can have clocks of their own: starts it for an instant,
 * without a guest. Blocks for about 0.1 s of CPU time, with an unusable QEMU for some seconds. Returns NULL, or why
 * not, in @why.
 */
const char *preload_probe(enum arch arch, char *why, size_t size);
/* The same for the observer of x86-64 guests, with either kind of time. */
const char *preload_probe_observer(char *why, size_t size);

#endif
