/* SPDX-License-Identifier: GPL-2.0-only */
/* argv.c -- see argv.h. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/session_frame.h"
#include "topo/topology.h"
#include "vmm/board.h"
#include "vmm/cmdline.h"
#include "vmm/qemu/board.h"

#define NETWORK_DELAY_NS 20000 /* from the first packet to the whole batch */

static const struct qemu_board *board_of(const struct vm_config *c)
{
	return c->arch == ARCH_AARCH64 ? &qemu_board_arm64 : &qemu_board_x86;
}

void qemu_argv_add(struct qemu_argv *a, const char *fmt, ...)
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
	qemu_argv_add(a, "-accel");
	qemu_argv_add(a, "tcg,thread=single,tb-size=64");
	qemu_argv_add(a, "-icount");
	if (c->real_time)
		qemu_argv_add(a, "shift=auto,sleep=on");
	else
		qemu_argv_add(a, "shift=%u,sleep=off,align=off", c->icount_shift);
	qemu_argv_add(a, "-cpu");
	qemu_argv_add(a, "%s", board_of(c)->processor);
	qemu_argv_add(a, "-rtc");
	qemu_argv_add(a, c->real_time ? "base=utc,clock=host" : "base=2026-01-01T00:00:00,clock=vm");
	/* preload/handoff.c knows the vCPU thread by its name. */
	qemu_argv_add(a, "-name");
	qemu_argv_add(a, "ktstr,debug-threads=on");
	qemu_argv_add(a, "-seed");
	/* A parked machine serves all seeds: each clone gets its seed in its payload. */
	qemu_argv_add(a, "%u", c->park || c->clone ? 0 : (unsigned)(c->seed ^ c->seed >> 32));
}

/* The loader knows the library by its name, so the plugin is the library that was preloaded. */
static void add_plugin(struct qemu_argv *a, const struct vm_config *c)
{
	if (!c->observe && !c->lag_ns)
		return;
	qemu_argv_add(a, "-plugin");
	qemu_argv_add(a, "%s", c->observe ? QEMU_PLUGIN : QEMU_PLUGIN_BLOCKS);
}

static void add_topology(struct qemu_argv *a, const struct vm_config *c, const struct guestmem *m)
{
	const struct ktstr_topology *t = &c->topology;
	board_of(c)->add_processors(a, c);
	qemu_argv_add(a, "-m");
	qemu_argv_add(a, "%lu", c->memory_mib);
	for (unsigned i = 0; i < m->nodes; i++) {
		qemu_argv_add(a, "-object");
		qemu_argv_add(a, "memory-backend-file,id=ram%u,mem-path=/proc/self/fd/%u,size=%lu,share=on", i,
			      QEMU_FD_RAM0 + i, m->node[i].size);
	}
	if (m->nodes == 1) {
		qemu_argv_add(a, "-machine");
		qemu_argv_add(a, "memory-backend=ram0");
		return;
	}
	for (unsigned i = 0; i < m->nodes; i++) {
		qemu_argv_add(a, "-numa");
		qemu_argv_add(a, "node,nodeid=%u,memdev=ram%u", i, i);
	}
	for (unsigned s = 0; s < t->llcs && !boards[c->arch].device_tree; s++) {
		qemu_argv_add(a, "-numa");
		qemu_argv_add(a, "cpu,node-id=%u,socket-id=%u", ktstr_node_of_llc(t, s), s);
	}
	for (unsigned i = 0; i < m->nodes; i++) {
		for (unsigned j = 0; j < m->nodes; j++) {
			qemu_argv_add(a, "-numa");
			qemu_argv_add(a, "dist,src=%u,dst=%u,val=%u", i, j, topology_distance(t, i, j));
		}
	}
}

/* A port for a terminal. A snapshot has the port's state, not what is connected to it. */
static void add_terminal(struct qemu_argv *a, const struct vm_config *c)
{
	qemu_argv_add(a, "-chardev");
	if (c->park)
		qemu_argv_add(a, "null,id=terminal");
	else
		qemu_argv_add(a, "socket,id=terminal,fd=%d", QEMU_FD_TERMINAL);
	if (c->terminal_serial) {
		qemu_argv_add(a, "-serial");
		qemu_argv_add(a, "chardev:terminal");
		return;
	}
	qemu_argv_add(a, "-device");
	qemu_argv_add(a, "virtio-serial-pci");
	qemu_argv_add(a, "-device");
	qemu_argv_add(a, "virtserialport,chardev=terminal,name=" SESSION_PORT);
}

/* The disk is lost with the guest, so its cache is never flushed. */
static void add_disk(struct qemu_argv *a, const struct vm_devices *d, bool real_time)
{
	qemu_argv_add(a, "-add-fd");
	qemu_argv_add(a, "set=1,fd=%d", QEMU_FD_DISK);
	/* QEMU opens an image for reading first. */
	qemu_argv_add(a, "-add-fd");
	qemu_argv_add(a, "set=1,fd=%d", QEMU_FD_DISK_READ);
	qemu_argv_add(a, "-drive");
	qemu_argv_add(a, "file=/dev/fdset/1,if=none,id=disk,format=raw,cache=unsafe,file.locking=off,discard=unmap%s",
		      d->disk_read_only ? ",read-only=on" : "");
	qemu_argv_add(a, "-device");
	/* The vCPU's thread serves the queue itself: see preload/devices.c. */
	qemu_argv_add(a, "virtio-blk-pci,drive=disk%s", real_time ? "" : ",ioeventfd=off");
}

/*
 * Each network is a hub of QEMU's with two ports: the guest's device, and preload/devices.c, which sends all back. A
 * packet leaves the device by a timer of guest time, not when QEMU's main loop gets to it.
 */
static void add_networks(struct qemu_argv *a, const struct vm_devices *d)
{
	for (unsigned i = 0; i < d->networks; i++) {
		const uint8_t mac[] = VM_NETWORK_ADDRESS(i);
		qemu_argv_add(a, "-netdev");
		qemu_argv_add(a, "hubport,id=net%u,hubid=%u", i, i);
		qemu_argv_add(a, "-device");
		qemu_argv_add(a,
			      "virtio-net-pci,netdev=net%u,mac=%02x:%02x:%02x:%02x:%02x:%02x,romfile=,ioeventfd=off,"
			      "tx=timer,x-txtimer=%d",
			      i, mac[0], mac[1], mac[2], mac[3], mac[4], mac[5], NETWORK_DELAY_NS);
	}
}

static void add_devices(struct qemu_argv *a, const struct vm_config *c)
{
	qemu_argv_add(a, "-nodefaults");
	qemu_argv_add(a, "-no-user-config");
	qemu_argv_add(a, "-display");
	qemu_argv_add(a, "none");
	qemu_argv_add(a, "-no-reboot");
	qemu_argv_add(a, "-chardev");
	qemu_argv_add(a, "file,id=console,path=/proc/self/fd/%d", QEMU_FD_CONSOLE);
	qemu_argv_add(a, "-serial");
	qemu_argv_add(a, "chardev:console");
	if (c->terminal)
		add_terminal(a, c);
	qemu_argv_add(a, "-chardev");
	qemu_argv_add(a, "socket,id=qmp,fd=%d", QEMU_FD_QMP);
	qemu_argv_add(a, "-mon");
	qemu_argv_add(a, "chardev=qmp,mode=control");
	qemu_argv_add(a, "%s", board_of(c)->exit_option);
	qemu_argv_add(a, "%s", board_of(c)->exit_value);
	/* vmm/confine has confined it already; the sandbox also forbids it to start programs. */
	qemu_argv_add(a, "-sandbox");
	qemu_argv_add(a, "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny");
}

/*
 * pvpanic stops QEMU within the guest's instruction. QEMU announces itself to network switches after a migration, timed
 * by the host's clock: with these announcements one of three clones differed.
 */
static void add_parking(struct qemu_argv *a, const struct vm_config *c)
{
	qemu_argv_add(a, "-device");
	qemu_argv_add(a, "%s", board_of(c)->park_device);
	qemu_argv_add(a, "-action");
	qemu_argv_add(a, "panic=pause");
	qemu_argv_add(a, "-global");
	qemu_argv_add(a, "migration.announce-rounds=0");
	if (c->clone) {
		qemu_argv_add(a, "-incoming");
		qemu_argv_add(a, "defer");
	} else {
		qemu_argv_add(a, "-S"); /* the monitor gets all its commands before the guest starts */
	}
}

static void add_kernel(struct qemu_argv *a, const struct vm_config *c)
{
	_cleanup_buf_ struct buf cmdline = BUF_NULL;
	vm_cmdline(c, c->late_cpus ? board_of(c)->late_cpus : NULL, &cmdline);
	qemu_argv_add(a, "-kernel");
	qemu_argv_add(a, "/proc/self/fd/%d", QEMU_FD_KERNEL);
	qemu_argv_add(a, "-initrd");
	qemu_argv_add(a, "/proc/self/fd/%d", QEMU_FD_INITRD);
	qemu_argv_add(a, "-append");
	qemu_argv_add(a, "%s", buf_str(&cmdline));
	a->failed |= cmdline.failed;
}

int qemu_argv_build(struct qemu_argv *a, const struct vm_config *c, const struct guestmem *m)
{
	*a = (struct qemu_argv){ 0 };
	qemu_argv_add(a, "%s", arch_names[c->arch].qemu);
	qemu_argv_add(a, "-M");
	qemu_argv_add(a, "%s", board_of(c)->machine);
	add_processor(a, c);
	add_topology(a, c, m);
	add_devices(a, c);
	if (c->devices && c->devices->disk)
		add_disk(a, c->devices, c->real_time);
	if (c->devices)
		add_networks(a, c->devices);
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
	const char *why = board_of(c)->refuses(&c->topology, out, size);
	if (why)
		return why;
	if (c->real_time && c->devices && c->devices->networks)
		return "a machine in real time has no networks";
	if (topology_has_kinds(&c->topology) && !c->lag_ns)
		return "CPUs that are not equally fast need parallel time (--tcg-time parallel)";
	if (c->kaslr && c->arch != ARCH_X86_64) {
		snprintf(out, size, "kernels of %s guests are always at the same place (kaslr)",
			 arch_names[c->arch].name);
		return out;
	}
	if (c->topology.numa_nodes <= GUEST_NODES_MAX)
		return NULL;
	snprintf(out, size, "%u NUMA nodes, this backend maps at most %d", c->topology.numa_nodes, GUEST_NODES_MAX);
	return out;
}
