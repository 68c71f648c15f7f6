/* SPDX-License-Identifier: GPL-2.0-only */
/* argv.c -- see argv.h. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "topo/topology.h"
#include "vmm/cmdline.h"
#include "vmm/qemu/argv.h"

#define APIC_ID_MAX 254

/*
 * Kernels without CONFIG_HOTPLUG_PARALLEL wait in schedule() for each processor while their tick is still periodic.
 * With instruction counting, QEMU gives the processor behind the one that its timer has stopped a slice of no length:
 * in that phase the new one never runs. Once the kernel has precise timers, the slices are as they should be. The 10 ms
 * that each processor of this age is given between INIT and SIPI, in a loop with PAUSE (kernel_patch.h), QEMU's do not
 * need.
 */
#define LATE_CPUS "maxcpus=1 ktstr.online cpu_init_udelay=0"

static void add(struct qemu_argv *a, const char *fmt, ...) PRINTF_LIKE(2, 3);
static void add(struct qemu_argv *a, const char *fmt, ...)
{
	char *text = NULL;
	va_list ap;
	va_start(ap, fmt);
	int n = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (n < 0 || a->count + 1 >= QEMU_ARGS_MAX) {
		a->failed = true;
		if (n >= 0)
			free(text);
		return;
	}
	a->arg[a->count++] = text;
	a->arg[a->count] = NULL;
}

void qemu_argv_done(struct qemu_argv *a)
{
	for (unsigned i = 0; i < a->count; i++)
		free((char *)a->arg[i]);
	*a = (struct qemu_argv){ 0 };
}

/*
 * One thread runs all processors: the multi-threaded TCG of QEMU 7.2 loses the race of text patching and panics guests
 * that enable a sched_ext scheduler. With instruction counting, no RDRAND and a clock of its own, what the guest does
 * is a function of what is on this command line.
 */
static void add_processor(struct qemu_argv *a, const struct vm_config *c)
{
	add(a, "-accel");
	add(a, "tcg,thread=single,tb-size=64");
	add(a, "-icount");
	add(a, "shift=%u,sleep=off,align=off", c->icount_shift);
	add(a, "-cpu");
	/* Without ERMS and FSRM nobody copies by bytes, which TCG executes, and counts, one by one. */
	add(a, "max,vendor=GenuineIntel,-rdrand,-rdseed,-erms,-fsrm");
	add(a, "-rtc");
	add(a, "base=2026-01-01T00:00:00,clock=vm");
	/* icount_handoff.c knows the vCPU thread by its name. */
	add(a, "-name");
	add(a, "ktstr,debug-threads=on");
	add(a, "-seed");
	/* A machine that is parked is one for all seeds: a clone's own comes with what it is told to do. */
	add(a, "%u", c->park || c->clone ? 0 : (unsigned)(c->seed ^ c->seed >> 32));
}

/* An LLC is a socket, so that the guest's sysfs shows one last-level cache and one package for each. */
static void add_topology(struct qemu_argv *a, const struct vm_config *c, const struct guestmem *m)
{
	const struct ktstr_topology *t = &c->topology;
	add(a, "-smp");
	add(a, "%u,sockets=%u,dies=1,cores=%u,threads=%u", topology_cpus(t), t->llcs, t->cores, t->threads);
	add(a, "-m");
	add(a, "%lu", c->memory_mib);
	for (unsigned i = 0; i < m->nodes; i++) {
		add(a, "-object");
		add(a, "memory-backend-file,id=ram%u,mem-path=/proc/self/fd/%u,size=%lu,share=on", i, QEMU_FD_RAM0 + i,
		    m->node[i].size);
	}
	if (m->nodes == 1) {
		add(a, "-machine");
		add(a, "memory-backend=ram0");
		return;
	}
	for (unsigned i = 0; i < m->nodes; i++) {
		add(a, "-numa");
		add(a, "node,nodeid=%u,memdev=ram%u", i, i);
	}
	for (unsigned s = 0; s < t->llcs; s++) {
		add(a, "-numa");
		add(a, "cpu,node-id=%u,socket-id=%u", ktstr_node_of_llc(t, s), s);
	}
	for (unsigned i = 0; i < m->nodes; i++) {
		for (unsigned j = 0; j < m->nodes; j++) {
			add(a, "-numa");
			add(a, "dist,src=%u,dst=%u,val=%u", i, j, topology_distance(t, i, j));
		}
	}
}

static void add_devices(struct qemu_argv *a)
{
	add(a, "-nodefaults");
	add(a, "-no-user-config");
	add(a, "-display");
	add(a, "none");
	add(a, "-no-reboot");
	add(a, "-chardev");
	add(a, "file,id=console,path=/proc/self/fd/%d", QEMU_FD_CONSOLE);
	add(a, "-serial");
	add(a, "chardev:console");
	add(a, "-chardev");
	add(a, "socket,id=qmp,fd=%d", QEMU_FD_QMP);
	add(a, "-mon");
	add(a, "chardev=qmp,mode=control");
	add(a, "-device");
	add(a, "isa-debug-exit,iobase=0x%x,iosize=4", VM_EXIT_PORT);
	/* It is confined already (vmm/confine); from here on it starts no programs either. */
	add(a, "-sandbox");
	add(a, "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny");
}

/*
 * pvpanic stops QEMU within the guest's instruction. The announcements that follow a migration are for switches, and
 * come by the host's clock: with them one clone of three was another one.
 */
static void add_parking(struct qemu_argv *a, const struct vm_config *c)
{
	add(a, "-device");
	add(a, "pvpanic,ioport=0x%x", VM_PARK_PORT);
	add(a, "-action");
	add(a, "panic=pause");
	add(a, "-global");
	add(a, "migration.announce-rounds=0");
	if (c->clone) {
		add(a, "-incoming");
		add(a, "defer");
	} else {
		add(a, "-S"); /* its monitor is asked for all it needs before the guest begins */
	}
}

static void add_kernel(struct qemu_argv *a, const struct vm_config *c)
{
	_cleanup_buf_ struct buf cmdline = BUF_NULL;
	vm_cmdline(c, c->late_cpus ? LATE_CPUS : NULL, &cmdline);
	add(a, "-kernel");
	add(a, "/proc/self/fd/%d", QEMU_FD_KERNEL);
	add(a, "-initrd");
	add(a, "/proc/self/fd/%d", QEMU_FD_INITRD);
	add(a, "-append");
	add(a, "%s", buf_str(&cmdline));
	a->failed |= cmdline.failed;
}

int qemu_argv_build(struct qemu_argv *a, const struct vm_config *c, const struct guestmem *m)
{
	*a = (struct qemu_argv){ 0 };
	add(a, "%s", QEMU_PROGRAM);
	add(a, "-M");
	add(a, "q35,hpet=off,usb=off,sata=off,smbus=off,vmport=off");
	add_processor(a, c);
	add_topology(a, c, m);
	add_devices(a);
	if (c->park || c->clone)
		add_parking(a, c);
	if (!c->clone)
		add_kernel(a, c);
	if (a->failed) {
		qemu_argv_done(a);
		return -ENOMEM;
	}
	return 0;
}

const char *qemu_refuses(const struct vm_config *c, char *out, size_t size)
{
	char topo[TOPOLOGY_TEXT_MAX];
	unsigned most = topology_apic_id_max(&c->topology);
	if (most > APIC_ID_MAX)
		snprintf(out, size, "topology %s needs APIC id %u, QEMU's TCG has no x2APIC and ends at %d",
			 topology_format(&c->topology, topo), most, APIC_ID_MAX);
	else if (c->topology.numa_nodes > GUEST_NODES_MAX)
		snprintf(out, size, "%u NUMA nodes, this backend maps at most %d", c->topology.numa_nodes,
			 GUEST_NODES_MAX);
	else
		return NULL;
	return out;
}
