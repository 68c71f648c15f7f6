/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * board_arm64.c -- QEMU's machine "virt", for arm64 guests. The device tree that describes it to the kernel is ours
 * (arm64/devicetree.h), because QEMU's own says nothing of caches, threads and capacities.
 */
#include <stdio.h>

#include "topo/topology.h"
#include "vmm/arm64/devicetree.h"
#include "vmm/qemu/board.h"

/* QEMU needs no topology: the kernel reads it from the device tree. */
static void add_processors(struct qemu_argv *a, const struct vm_config *c)
{
	unsigned cpus = topology_cpus(&c->topology);
	qemu_argv_add(a, "-smp");
	qemu_argv_add(a, "%u,sockets=1,clusters=1,cores=%u,threads=1", cpus, cpus);
	qemu_argv_add(a, "-dtb");
	qemu_argv_add(a, "/proc/self/fd/%d", QEMU_FD_DEVICE_TREE);
}

static const char *refuses(const struct ktstr_topology *t, char *out, size_t size)
{
	char topo[TOPOLOGY_TEXT_MAX];
	unsigned cpus = topology_cpus(t);
	if (cpus <= ARM64_CPUS_MAX)
		return NULL;
	snprintf(out, size, "topology %s has %u CPUs, the interrupt controller of aarch64 guests serves %d",
		 topology_format(t, topo), cpus, ARM64_CPUS_MAX);
	return out;
}

/* Semihosting calls of programs end the machine. With target=gdb they cannot reach files: there is no debugger. */
const struct qemu_board qemu_board_arm64 = {
	.machine = "virt,gic-version=3,its=off,dtb-randomness=off,highmem=on",
	.processor = "max,pauth=off,sve=off,sme=off",
	.exit_option = "-semihosting-config",
	.exit_value = "enable=on,target=gdb,userspace=on",
	.park_device = "pvpanic-pci,addr=0x1e",
	.add_processors = add_processors,
	.refuses = refuses,
};
