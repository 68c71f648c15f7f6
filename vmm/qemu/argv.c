/* SPDX-License-Identifier: GPL-2.0-only */
/* argv.c -- see argv.h. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/session_frame.h"
#include "topo/topology.h"
#include "vmm/cmdline.h"
#include "vmm/qemu/argv.h"

#define APIC_ID_MAX 254

/*
 * Kernels without CONFIG_HOTPLUG_PARALLEL wait in schedule() for each processor while their tick is still periodic.
 * With instruction counting, QEMU gives the next processor in line an empty slice when its timer has stopped the one
 * before, so in this phase the new processor never runs. Once the kernel has precise timers, the slices are normal.
 * cpu_init_udelay=0 removes the delay of 10 ms between INIT and SIPI, a loop with PAUSE (kernel_patch.h) that QEMU's
 * processors do not need.
 */
#define LATE_CPUS "maxcpus=1 ktstr.online cpu_init_udelay=0"

static void add_argument(struct qemu_argv *a, const char *fmt, ...) PRINTF_LIKE(2, 3);
static void add_argument(struct qemu_argv *a, const char *fmt, ...)
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
 * One thread runs all processors: the multi-threaded TCG of QEMU 7.2 has a race in text patching that panics guests
 * which enable a sched_ext scheduler. With instruction counting, no RDRAND and a virtual clock, the guest is a function
 * of this command line.
 */
static void add_processor(struct qemu_argv *a, const struct vm_config *c)
{
	add_argument(a, "-accel");
	add_argument(a, "tcg,thread=single,tb-size=64");
	add_argument(a, "-icount");
	if (c->real_time)
		add_argument(a, "shift=auto,sleep=on");
	else
		add_argument(a, "shift=%u,sleep=off,align=off", c->icount_shift);
	add_argument(a, "-cpu");
	/* Without ERMS and FSRM, kernels do not copy by bytes, which TCG executes and counts one by one. */
	add_argument(a, "max,vendor=GenuineIntel,-rdrand,-rdseed,-erms,-fsrm");
	add_argument(a, "-rtc");
	add_argument(a, c->real_time ? "base=utc,clock=host" : "base=2026-01-01T00:00:00,clock=vm");
	/* preload/handoff.c knows the vCPU thread by its name. */
	add_argument(a, "-name");
	add_argument(a, "ktstr,debug-threads=on");
	add_argument(a, "-seed");
	/* A parked machine serves all seeds: each clone gets its seed in its payload. */
	add_argument(a, "%u", c->park || c->clone ? 0 : (unsigned)(c->seed ^ c->seed >> 32));
}

/* The loader knows the library by its name, so the plugin is the library that was preloaded. */
static void add_plugin(struct qemu_argv *a, const struct vm_config *c)
{
	if (!c->observe && !c->lag_ns)
		return;
	add_argument(a, "-plugin");
	add_argument(a, "%s", c->observe ? QEMU_PLUGIN : QEMU_PLUGIN_BLOCKS);
}

/* Each LLC is a socket, so the guest's sysfs shows one last-level cache and one package for it. */
static void add_topology(struct qemu_argv *a, const struct vm_config *c, const struct guestmem *m)
{
	const struct ktstr_topology *t = &c->topology;
	add_argument(a, "-smp");
	add_argument(a, "%u,sockets=%u,dies=1,cores=%u,threads=%u", topology_cpus(t), t->llcs, t->cores, t->threads);
	add_argument(a, "-m");
	add_argument(a, "%lu", c->memory_mib);
	for (unsigned i = 0; i < m->nodes; i++) {
		add_argument(a, "-object");
		add_argument(a, "memory-backend-file,id=ram%u,mem-path=/proc/self/fd/%u,size=%lu,share=on", i,
			     QEMU_FD_RAM0 + i, m->node[i].size);
	}
	if (m->nodes == 1) {
		add_argument(a, "-machine");
		add_argument(a, "memory-backend=ram0");
		return;
	}
	for (unsigned i = 0; i < m->nodes; i++) {
		add_argument(a, "-numa");
		add_argument(a, "node,nodeid=%u,memdev=ram%u", i, i);
	}
	for (unsigned s = 0; s < t->llcs; s++) {
		add_argument(a, "-numa");
		add_argument(a, "cpu,node-id=%u,socket-id=%u", ktstr_node_of_llc(t, s), s);
	}
	for (unsigned i = 0; i < m->nodes; i++) {
		for (unsigned j = 0; j < m->nodes; j++) {
			add_argument(a, "-numa");
			add_argument(a, "dist,src=%u,dst=%u,val=%u", i, j, topology_distance(t, i, j));
		}
	}
}

/* A port for a terminal. A snapshot has the port's state, not what is connected to it. */
static void add_terminal(struct qemu_argv *a, const struct vm_config *c)
{
	add_argument(a, "-chardev");
	if (c->park)
		add_argument(a, "null,id=terminal");
	else
		add_argument(a, "socket,id=terminal,fd=%d", QEMU_FD_TERMINAL);
	if (c->terminal_serial) {
		add_argument(a, "-serial");
		add_argument(a, "chardev:terminal");
		return;
	}
	add_argument(a, "-device");
	add_argument(a, "virtio-serial-pci");
	add_argument(a, "-device");
	add_argument(a, "virtserialport,chardev=terminal,name=" SESSION_PORT);
}

/* The disk is lost with the guest, so its cache is never flushed. */
static void add_disk(struct qemu_argv *a, const struct vm_devices *d)
{
	add_argument(a, "-add-fd");
	add_argument(a, "set=1,fd=%d", QEMU_FD_DISK);
	/* QEMU opens an image for reading first. */
	add_argument(a, "-add-fd");
	add_argument(a, "set=1,fd=%d", QEMU_FD_DISK_READ);
	add_argument(a, "-drive");
	add_argument(a, "file=/dev/fdset/1,if=none,id=disk,format=raw,cache=unsafe,file.locking=off,discard=unmap%s",
		     d->disk_read_only ? ",read-only=on" : "");
	add_argument(a, "-device");
	add_argument(a, "virtio-blk-pci,drive=disk");
}

static void add_devices(struct qemu_argv *a, const struct vm_config *c)
{
	add_argument(a, "-nodefaults");
	add_argument(a, "-no-user-config");
	add_argument(a, "-display");
	add_argument(a, "none");
	add_argument(a, "-no-reboot");
	add_argument(a, "-chardev");
	add_argument(a, "file,id=console,path=/proc/self/fd/%d", QEMU_FD_CONSOLE);
	add_argument(a, "-serial");
	add_argument(a, "chardev:console");
	if (c->terminal)
		add_terminal(a, c);
	add_argument(a, "-chardev");
	add_argument(a, "socket,id=qmp,fd=%d", QEMU_FD_QMP);
	add_argument(a, "-mon");
	add_argument(a, "chardev=qmp,mode=control");
	add_argument(a, "-device");
	add_argument(a, "isa-debug-exit,iobase=0x%x,iosize=4", VM_EXIT_PORT);
	/* vmm/confine has confined it already; the sandbox also forbids it to start programs. */
	add_argument(a, "-sandbox");
	add_argument(a, "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny");
}

/*
 * pvpanic stops QEMU within the guest's instruction. QEMU announces itself to network switches after a migration, timed
 * by the host's clock: with these announcements one of three clones differed.
 */
static void add_parking(struct qemu_argv *a, const struct vm_config *c)
{
	add_argument(a, "-device");
	add_argument(a, "pvpanic,ioport=0x%x", VM_PARK_PORT);
	add_argument(a, "-action");
	add_argument(a, "panic=pause");
	add_argument(a, "-global");
	add_argument(a, "migration.announce-rounds=0");
	if (c->clone) {
		add_argument(a, "-incoming");
		add_argument(a, "defer");
	} else {
		add_argument(a, "-S"); /* the monitor gets all its commands before the guest starts */
	}
}

static void add_kernel(struct qemu_argv *a, const struct vm_config *c)
{
	_cleanup_buf_ struct buf cmdline = BUF_NULL;
	vm_cmdline(c, c->late_cpus ? LATE_CPUS : NULL, &cmdline);
	add_argument(a, "-kernel");
	add_argument(a, "/proc/self/fd/%d", QEMU_FD_KERNEL);
	add_argument(a, "-initrd");
	add_argument(a, "/proc/self/fd/%d", QEMU_FD_INITRD);
	add_argument(a, "-append");
	add_argument(a, "%s", buf_str(&cmdline));
	a->failed |= cmdline.failed;
}

int qemu_argv_build(struct qemu_argv *a, const struct vm_config *c, const struct guestmem *m)
{
	*a = (struct qemu_argv){ 0 };
	add_argument(a, "%s", QEMU_PROGRAM);
	add_argument(a, "-M");
	add_argument(a, "q35,hpet=off,usb=off,sata=off,smbus=off,vmport=off");
	add_processor(a, c);
	add_topology(a, c, m);
	add_devices(a, c);
	if (c->devices && c->devices->disk)
		add_disk(a, c->devices);
	add_plugin(a, c);
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
