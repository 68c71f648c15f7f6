/* SPDX-License-Identifier: GPL-2.0-only */
/* cmdline.c -- see cmdline.h. */
#include "vmm/board.h"
#include "vmm/cmdline.h"
#include "vmm/guestmem.h"

/*
 * `memmap=` reserves the event log's memory, where no device tree does. Every failure in the kernel becomes a panic,
 * and a panic a reset, which ends the VM: no failure goes unnoticed.
 */
void vm_cmdline(const struct vm_config *c, const char *words, struct buf *out)
{
	const struct board *b = &boards[c->arch];
	buf_appendf(out,
		    "console=%s %s panic=-1 oops=panic %snorandmaps random.trust_cpu=off %s "
		    "numa_balancing=disable "
		    "sysctl.kernel.hung_task_timeout_secs=10 sysctl.kernel.hung_task_panic=1 "
		    "sysctl.kernel.softlockup_panic=1 sysctl.kernel.sched_schedstats=1 "
		    "sysctl.kernel.unprivileged_bpf_disabled=0 ",
		    b->console, c->verbose ? b->verbose : "quiet loglevel=4", c->kaslr ? "" : "nokaslr ", b->words);
	if (!b->device_tree)
		buf_appendf(out, "memmap=%uM$0x%lx ", GUEST_LOG_BYTES >> 20, b->log);
	buf_appendf(out, "ktstr.log=0x%lx:0x%x ktstr.exit=0x%x", b->log, GUEST_LOG_BYTES, b->exit);
	if (c->park)
		buf_appendf(out, " ktstr.park=0x%x", b->park);
	if (words)
		buf_appendf(out, " %s", words);
	for (size_t i = 0; c->kargs && c->kargs[i]; i++)
		buf_appendf(out, " %s", c->kargs[i]);
}
