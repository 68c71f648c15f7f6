/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * turn_end.c -- lets a turn end between two blocks of instructions.
 *
 * QEMU translates instructions in blocks. When a block has more instructions than are left of a turn, QEMU translates
 * the rest of the turn as a block of its own, which in most cases is executed once. With turns of a few hundred
 * instructions, that takes longer than all else. QEMU has no setting for it. But cpu_exec() first calls
 * icount_update(), and ends the turn if nothing is left of it afterwards (accel/tcg/cpu-exec.c, cpu_loop_exec_tb() and
 * cpu_handle_interrupt()). That call is redirected here: its target is replaced in QEMU's code.
 */
#include <dlfcn.h>
#include <link.h>

#include "vmm/qemu/preload/call_site.h"
#include "vmm/qemu/preload/turn_end.h"

const char *turn_end_redirect(const struct qemu_internals *q, void (*ran_out)(struct cpu *cpu))
{
	const ElfW(Sym) *symbol = NULL;
	Dl_info info;
	unsigned char *call = NULL, *code = __extension__(unsigned char *) q->call.exec;
	if (!dladdr1(code, &info, (void **)&symbol, RTLD_DL_SYMENT) || !symbol ||
	    call_site_find(code, symbol->st_size, __extension__(void *) q->call.account, &call) != 1)
		return "the one call of icount_update() by cpu_exec()";
	return call_site_redirect(call, __extension__(void *) ran_out) ? NULL : "code that can be changed";
}
