/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * internals.h -- what parallel_time.c needs of QEMU: its functions by name, and a few of its fields.
 *
 * QEMU's programs export their functions for its own modules. Where fields lie is not exported: each offset is found
 * by calling the function of QEMU that reads or writes the field, and by looking which byte it was. Nothing is known
 * beforehand about a version.
 */
#ifndef KTSTR_VMM_QEMU_PRELOAD_INTERNALS_H
#define KTSTR_VMM_QEMU_PRELOAD_INTERNALS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CLOCKS_MAX 4

/* QEMU's values (include/exec/cpu-common.h), the same since 2.0: why cpu_exec() returned. */
enum { EXCP_INTERRUPT = 0x10000, EXCP_HLT, EXCP_DEBUG, EXCP_HALTED, EXCP_YIELD, EXCP_ATOMIC };

enum { CLOCK_VIRTUAL = 1, ATTRIBUTES_ALL = -1 };

struct cpu; /* CPUState */

struct qemu_functions {
	struct cpu *(*get_cpu)(int index);
	void (*lock)(const char *file, int line); /* the big lock */
	void (*unlock)(void);
	void (*wait)(void *condition); /* with the big lock held */
	bool (*is_running)(void);
	bool (*all_idle)(void);
	/* One vCPU. */
	bool (*is_idle)(struct cpu *cpu); /* halted without work; false when it has a request to serve */
	bool (*can_run)(struct cpu *cpu);
	bool (*is_stopped)(struct cpu *cpu);
	void (*serve)(struct cpu *cpu); /* does what others asked of it: to stop, or to call functions */
	void (*kick)(struct cpu *cpu);
	void (*exit)(struct cpu *cpu); /* ends its turn at the next block of instructions */
	void (*exec_start)(struct cpu *cpu);
	int (*exec)(struct cpu *cpu);
	void (*exec_end)(struct cpu *cpu);
	void (*exec_atomic)(struct cpu *cpu);
	void (*handle_debug)(struct cpu *cpu);
	/* The virtual clock. */
	int64_t (*icount)(void);    /* instructions so far */
	int64_t (*icount_ns)(void); /* the clock */
	int64_t (*to_instructions)(int64_t ns);
	int64_t (*to_ns)(int64_t instructions);
	void (*account)(struct cpu *cpu); /* adds what it executed to the clock */
	void (*skip_idle)(void);	  /* advances the clock to the next timer if all vCPUs are idle */
	int64_t (*deadline)(int clock, int attributes);
	void (*notify_clock)(int clock);
	bool (*run_timers)(int clock);
};

struct qemu_internals {
	struct qemu_functions call;
	void (*handle_interrupt)(struct cpu *cpu, int mask); /* the original of a function that is replaced */
	struct cpu **current;				     /* of this thread */
	void *halt_condition;				     /* on which the vCPU thread sleeps */
	/*
	 * Offsets in CPUState. The instructions that are left of a turn are extra (int64_t) + low (uint16_t); those
	 * that the clock does not know yet are budget (int64_t) less these.
	 */
	size_t budget, extra, low;
	size_t interrupt_request; /* uint32_t */
	size_t exit_request;	  /* uint8_t */
	const volatile int64_t *icount;
	int64_t (**clock[CLOCKS_MAX])(void); /* where the accelerator's table points to icount_get() */
	unsigned clocks;
	void (**kick)(struct cpu *cpu); /* where it points to QEMU's rr_kick_vcpu_thread(); NULL: it does not */
};

#define FIELD(cpu, offset, type) (*(volatile type *)((char *)(cpu) + (offset)))

/*
 * Fills @q. Call it on the vCPU thread with the big lock held, before any vCPU has run. Returns NULL, or what could not
 * be found; static text.
 */
const char *internals_find(struct qemu_internals *q);
/* The same for only the functions, the clock, and the counters of a turn; this leaves no trace in the vCPUs. */
const char *internals_find_clock(struct qemu_internals *q);

/* The functions of QEMU that this library replaces. */
void icount_handle_deadline(void);
void tcg_handle_interrupt(struct cpu *cpu, int mask);
void rr_kick_vcpu_thread(struct cpu *cpu);

/* QEMU's own definition of one of them; looked up once. */
union qemu_original {
	void *address;
	void (*handle_deadline)(void);
	void (*handle_interrupt)(struct cpu *cpu, int mask);
	void (*kick_thread)(struct cpu *cpu);
};
enum qemu_replaced { HANDLE_DEADLINE, HANDLE_INTERRUPT, KICK_THREAD, REPLACED_COUNT };
union qemu_original internals_original(enum qemu_replaced function);

/* Moves the virtual clock to @instructions, with the big lock held or while no vCPU runs. */
void internals_set_icount(const struct qemu_internals *q, int64_t instructions);

#endif
