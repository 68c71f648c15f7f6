/* SPDX-License-Identifier: GPL-2.0-only */
/* cmdline.c -- see cmdline.h. */
#include "vmm/cmdline.h"
#include "vmm/guestmem.h"

/*
 * `memmap=` reserves the event log's memory. Every failure in the kernel becomes a panic, and a panic a reset, which
 * ends the VM: no failure goes unnoticed.
 */
void vm_cmdline(const struct vm_config *c, const char *words, struct buf *out)
{
	buf_appendf(out,
		    "console=ttyS0 %s panic=-1 oops=panic nokaslr norandmaps random.trust_cpu=off tsc=reliable "
		    "no_timer_check rdinit=/init i8042.nokbd i8042.noaux numa_balancing=disable "
		    "sysctl.kernel.hung_task_timeout_secs=10 sysctl.kernel.hung_task_panic=1 "
		    "sysctl.kernel.softlockup_panic=1 sysctl.kernel.sched_schedstats=1 "
		    "sysctl.kernel.unprivileged_bpf_disabled=0 "
		    "memmap=%uM$0x%x ktstr.log=0x%x:0x%x ktstr.exit=0x%x",
		    c->verbose ? "earlycon=uart8250,io,0x3f8,115200n8 loglevel=7" : "quiet loglevel=4",
		    GUEST_LOG_BYTES >> 20, GUEST_LOG_ADDRESS, GUEST_LOG_ADDRESS, GUEST_LOG_BYTES, VM_EXIT_PORT);
	if (c->park)
		buf_appendf(out, " ktstr.park=0x%x", VM_PARK_PORT);
	if (words)
		buf_appendf(out, " %s", words);
	for (size_t i = 0; c->kargs && c->kargs[i]; i++)
		buf_appendf(out, " %s", c->kargs[i]);
}
