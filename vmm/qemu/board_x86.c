/* SPDX-License-Identifier: GPL-2.0-only */
/* board_x86.c -- QEMU's machine q35, for x86-64 guests. */
#include <stdio.h>

#include "base/bug.h"
#include "topo/topology.h"
#include "vmm/cmdline.h"
#include "vmm/qemu/board.h"

#define APIC_ID_MAX 254
#define STRING_(x)  #x
#define STRING(x)   STRING_(x)

/* Each LLC is a socket, so the guest's sysfs shows one last-level cache and one package for it. */
static void add_processors(struct qemu_argv *a, const struct vm_config *c)
{
	const struct ktstr_topology *t = &c->topology;
	qemu_argv_add(a, "-smp");
	qemu_argv_add(a, "%u,sockets=%u,dies=1,cores=%u,threads=%u", topology_cpus(t), t->llcs, t->cores, t->threads);
}

static const char *refuses(const struct ktstr_topology *t, char *out, size_t size)
{
	char topo[TOPOLOGY_TEXT_MAX];
	unsigned most = topology_apic_id_max(t);
	if (most <= APIC_ID_MAX)
		return NULL;
	snprintf(out, size, "topology %s needs APIC id %u, QEMU's TCG has no x2APIC and ends at %d",
		 topology_format(t, topo), most, APIC_ID_MAX);
	return out;
}

const struct qemu_board qemu_board_x86 = {
	.machine = "q35,hpet=off,usb=off,sata=off,smbus=off,vmport=off",
	/* Without ERMS and FSRM, kernels do not copy by bytes, which TCG executes and counts one by one. */
	.processor = "max,vendor=GenuineIntel,-rdrand,-rdseed,-erms,-fsrm",
	.exit_option = "-device",
	.exit_value = "isa-debug-exit,iobase=" STRING(VM_EXIT_PORT) ",iosize=4",
	.park_device = "pvpanic,ioport=" STRING(VM_PARK_PORT),
	/*
	 * Kernels without CONFIG_HOTPLUG_PARALLEL wait in schedule() for each processor while their tick is still
	 * periodic. With instruction counting, QEMU gives the next processor in line an empty slice when its timer has
	 * stopped the one before, so in this phase the new processor never runs. Once the kernel has precise timers,
	 * the slices are normal. cpu_init_udelay=0 removes the delay of 10 ms between INIT and SIPI, a loop with PAUSE
	 * (kernel_patch.h) that QEMU's processors do not need.
	 */
	.late_cpus = "maxcpus=1 ktstr.online cpu_init_udelay=0",
	.add_processors = add_processors,
	.refuses = refuses,
};
