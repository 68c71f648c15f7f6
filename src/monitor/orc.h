/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * orc.h -- kernel stacks from outside, by the ORC tables of an x86-64 vmlinux: for each address of its code, how to
 * find the caller's frame. The tables are data from disk and the stack is data of the guest: both are checked, and the
 * number of frames is limited.
 */
#ifndef KTSTR_MONITOR_ORC_H
#define KTSTR_MONITOR_ORC_H

#include "monitor/view.h"

#define ORC_FRAMES_MAX 64

struct orc;

/* -ENODATA: the kernel has no ORC tables. Blocks. Immutable once open, so machines that run one kernel share it. */
int orc_open(const char *vmlinux, struct orc **ret, struct err **err);
void orc_close(struct orc *o);

/* Where an unwinding begins: the registers of a CPU, or what a sleeping task has saved on its stack. */
struct orc_start {
	uint64_t ip, sp, bp;
	bool interrupted; /* at `ip` itself; false: `ip` is a return address */
};

enum orc_end {
	ORC_END_WHOLE,	     /* at the first frame of the kernel, or at user space */
	ORC_END_MANY_FRAMES, /* more than fit */
	ORC_END_NO_ENTRY,    /* the tables do not say how to go on */
	ORC_END_BAD_STACK,   /* the stack was not readable, or did not make sense */
};

struct orc_stack {
	uint64_t frame[ORC_FRAMES_MAX];	  /* addresses of code at run time, innermost first; all but the first return */
	bool interrupted[ORC_FRAMES_MAX]; /* at the address itself, by an interrupt or an exception */
	unsigned frames;
	enum orc_end end;
};

void orc_unwind(const struct orc *o, struct view *v, struct orc_start start, struct orc_stack *ret);

#endif
