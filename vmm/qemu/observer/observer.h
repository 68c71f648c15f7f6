/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * observer.h -- the observer inside QEMU: stops the guest at instructions and at guest times (vmm/observe.h). It is
 * part of the library that is preloaded (vmm/qemu/preload), which QEMU also gets as a plugin of TCG.
 *
 * Nothing here changes what the guest does: no timer, no shorter turn, no request to a vCPU. A guest time is noticed
 * between two turns that it has anyway.
 */
#ifndef KTSTR_VMM_QEMU_OBSERVER_OBSERVER_H
#define KTSTR_VMM_QEMU_OBSERVER_OBSERVER_H

#include "vmm/qemu/observer/channel.h"
#include "vmm/qemu/preload/internals.h"

/* --- for the loops that run the guest (preload/parallel_time.c) --------------------------------------------------- */

/* Whether QEMU has loaded us as a plugin. */
bool observer_wanted(void);

/*
 * Call it once, on the vCPU thread with the big lock held, before any vCPU has run; internals_find_clock() has filled
 * @q, which must stay. @hold ends the turn of the vCPU that runs, and adds time to its clock; NULL: vCPUs have no
 * clocks of their own. Returns NULL, or what could not be found; static text. Does not return from a mere probe.
 */
const char *observer_start(const struct qemu_internals *q, void (*hold)(int64_t ns));

/* Call it between turns, with the big lock held: stops the guest if a sample is due. */
void observer_between_turns(void);

/*
 * For turns that must end at struct observe_until, with the vCPU's time as QEMU's: nanoseconds that are left for a
 * vCPU; INT64_MAX: there is no such end. observer_reached() stops the guest there, with the big lock held.
 */
int64_t observer_time_left(unsigned vcpu);
void observer_reached(unsigned vcpu);
/*
 * How many nanoseconds later a vCPU is to have its turn (observe_perturb: windows), or its interrupt, which comes from
 * another vCPU or from a timer; 0: now. Between turns, or while another vCPU runs.
 */
int64_t observer_hold_turn(unsigned vcpu);
int64_t observer_hold_interrupt(bool by_timer);
/* Instructions of the block at which the vCPU is about to go on; 0: unknown. */
unsigned observer_next_block(const struct cpu *cpu);

/* --- registers.c -------------------------------------------------------------------------------------------------- */

/* Offsets in a vCPU's structure. */
struct register_offsets {
	size_t general, rip, cr3, lstar;
	size_t gs; /* its base: in the kernel, the offset of the vCPU's per-CPU variables */
};

/* Returns NULL, or what could not be found. */
const char *registers_find(struct register_offsets *o);
uint64_t registers_rip(const struct register_offsets *o, const struct cpu *cpu);
void registers_read(const struct register_offsets *o, const struct cpu *cpu, struct observe_registers *out);

/* --- memory.c ----------------------------------------------------------------------------------------------------- */

/* Returns NULL, or what could not be found. */
const char *memory_find(void);
/* Where the kernel maps physical memory. */
void memory_set_maps(const struct observe_map map[OBSERVE_MAPS_MAX]);
/* Reads a number of the guest's kernel by its address; @size: 1, 2, 4 or 8. False: see struct observe_read. */
bool memory_read(uint64_t address, unsigned size, uint64_t *ret);

/* --- stop.c ------------------------------------------------------------------------------------------------------- */

/* Maps the channel and the ring. Ends the process if they are not of this build. */
void stop_open(void);
const char *stop_start(const struct qemu_internals *q);
/* Exact time of the vCPU that runs; @left: instructions of its present block that it has not executed yet. */
uint64_t stop_time(unsigned left);
/* The same as of the last accounting: when the present turn began. */
uint64_t stop_turn_time(void);
/* The first argument of the function at whose first instruction the running vCPU is. */
uint64_t stop_first_argument(void);
/* Blocks until the orchestrator lets the guest go on. @hook: NULL at a time. */
void stop_guest(const struct observe_hook *hook, unsigned vcpu, uint64_t guest_ns);
/* Stops the guest if a sample is due, and returns whether it did. For observer_between_turns(). */
bool stop_if_due(void);
int64_t stop_time_left(unsigned vcpu);
void stop_reached(unsigned vcpu);
uint64_t stop_rip(const struct cpu *cpu);
void stop_record(const struct observe_hook *hook, unsigned vcpu, uint64_t guest_ns);
struct channel *stop_channel(void);

/* --- profile.c ---------------------------------------------------------------------------------------------------- */

/* What a block of instructions is, packed into the argument of a callback. */
union profile_block {
	uintptr_t packed;
	struct {
		uint32_t function; /* see struct observe_path */
		uint16_t instructions;
		uint8_t starts; /* it begins with its function's first instruction */
		uint8_t flags;	/* enum observe_function_flag */
	};
};
_Static_assert(sizeof(union profile_block) == sizeof(void *), "it is the argument");

/* Maps its file. Ends the process if it is not of this build. */
void profile_open(void);
/* @stack_pointer: the offset of RSP in a vCPU's structure. */
void profile_start(const struct qemu_internals *q, size_t stack_pointer);
bool profile_wanted(void);
/* The kernel runs so far above where it was linked for. */
void profile_set_slide(uint64_t text_slide);
/* The block at @address of the kernel. */
union profile_block profile_describe(uint64_t address, size_t instructions);
/* A vCPU is about to execute a block; @data: the packed block. */
void profile_count(unsigned vcpu, void *data);
/* The number to which the instruction at @address adds, if it is counted by itself; NULL: it is not. */
uint64_t *profile_executions(uint64_t address);
/* The number to which blocks of user space add their instructions. */
uint64_t *profile_user(void);

/* --- perturb.c ---------------------------------------------------------------------------------------------------- */

void perturb_start(void (*hold)(int64_t ns));
/* A vCPU executes a hook of the kind OBSERVE_HOLD; @left: as for stop_time(). */
void perturb_hit(const struct observe_hook *h, unsigned left);
/* A vCPU executes a hook of the kind OBSERVE_HOLD or OBSERVE_ORDER. */
void perturb_note_order(const struct observe_hook *h, unsigned vcpu);
/* A vCPU begins a block of code in which perturb_wants_code() has said that there are events. */
void perturb_code(unsigned left);
bool perturb_wants_code(uint64_t address);
/* Returns for how long a vCPU is held back; 0: not at all. */
int64_t perturb_turn(unsigned vcpu);
int64_t perturb_interrupt(enum observe_event kind);

#endif
