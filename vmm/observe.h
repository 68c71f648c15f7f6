/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * observe.h -- watching a guest from outside, exactly: it stops at a chosen instruction or guest time, its owner looks
 * at its memory and registers, and lets it go on. No guest time passes meanwhile, so the guest cannot notice.
 *
 * The code in the virtual machine's process shares these types; it is of the same build.
 */
#ifndef KTSTR_VMM_OBSERVE_H
#define KTSTR_VMM_OBSERVE_H

#include <stdbool.h>
#include <stdint.h>

#define OBSERVE_HOOKS_MAX	 256
#define OBSERVE_CPUS_MAX	 256
#define OBSERVE_ARGUMENTS	 6
#define OBSERVE_READS		 11
#define OBSERVE_HOPS		 4
#define OBSERVE_POINTS_MAX	 65536
#define OBSERVE_HOLD_NS_MAX	 100000000u
#define OBSERVE_RING_BYTES	 ((uint32_t)4 << 20)
#define OBSERVE_ADDRESS_MIN	 (UINT64_C(1) << 63) /* kernel addresses only */
#define OBSERVE_SAMPLE_PERIOD_NS UINT64_C(100000000)
#define OBSERVE_FUNCTIONS_MAX	 (1u << 18)
#define OBSERVE_PROGRAMS_MAX	 4096u
#define OBSERVE_CODE_MAX	 (1u << 22) /* bytes of all code whose instructions are counted one by one */
#define OBSERVE_CODE_PIECES_MAX	 64	    /* of the kernel's */
#define OBSERVE_PATHS_MAX	 (1u << 18)
#define OBSERVE_MAPS_MAX	 3
#define OBSERVE_DEPTH_MAX	 64u
#define OBSERVE_BRANCHES_MAX	 4
#define OBSERVE_ORDER_FUNCTIONS	 64 /* see struct observe_orders */
#define OBSERVE_ORDER_WORDS	 (2 * 64 * 64 * 64 / 64)

enum observe_kind {
	OBSERVE_OFF,	/* nothing happens there any more */
	OBSERVE_COUNT,	/* executions are counted; so they are with the kinds below */
	OBSERVE_RECORD, /* and observe_config.record gets one record for each */
	OBSERVE_STOP,	/* and the guest stops before it executes the instruction */
	OBSERVE_HOLD,	/* and the vCPU may be held back there: see struct observe_perturb */
	OBSERVE_ORDER,	/* and only orders are noted, as with OBSERVE_HOLD: see struct observe_orders */
};

/* Where a read begins. */
enum observe_base {
	OBSERVE_NO_READ,
	OBSERVE_ARGUMENT,					/* + index of the argument */
	OBSERVE_PER_CPU = OBSERVE_ARGUMENT + OBSERVE_ARGUMENTS, /* the vCPU's offset of per-CPU variables */
	OBSERVE_BASE_COUNT,
};

/*
 * A number that a record takes from the guest's memory at its instruction. With one hop, it is at base + offset[0].
 * With more, a pointer is there, to which offset[1] is added, and so on. Only memory that the kernel always maps in the
 * same way is read (direct map, image). Otherwise the value is 0 and the record's `missed` has a bit.
 */
struct observe_read {
	uint8_t base; /* enum observe_base; OBSERVE_NO_READ ends a hook's reads */
	uint8_t size; /* 1, 2, 4 or 8 bytes; the value is zero-extended */
	uint8_t hops; /* 1 .. OBSERVE_HOPS */
	uint64_t offset[OBSERVE_HOPS];
};

/* Addresses at which a kernel maps physical memory from @physical on, all the time. */
struct observe_map {
	uint64_t start, size, physical;
};

/* Where a kernel is: all zero for one that is not randomised, whose place is known. */
struct observe_place {
	uint64_t text_slide; /* runtime minus link address of the kernel's image */
	struct observe_map map[OBSERVE_MAPS_MAX];
};

/*
 * An instruction of the guest's kernel, by the address at which it runs. An instruction that faults is executed, and
 * seen, once more. Several hooks may have one address.
 */
struct observe_hook {
	uint64_t address;
	uint32_t id; /* chosen by the owner, unique */
	uint32_t kind;
	struct observe_read read[OBSERVE_READS]; /* for the records of OBSERVE_RECORD */
};

/* What became of a hook, as of the last time that the guest went on. */
struct observe_hook_state {
	uint64_t hits; /* executions while its kind was not OBSERVE_OFF */
	/*
	 * A new hook is in force at once where no vCPU has been before, as in a BPF program that was just loaded.
	 * Elsewhere it is from the next turn of a vCPU on: in parallel time after at most the lag.
	 */
	bool in_force;
};

struct observe_record {
	uint64_t guest_ns; /* exact, by the vCPU's own clock */
	uint32_t vcpu, hook;
	uint64_t argument[OBSERVE_ARGUMENTS]; /* rdi, rsi, rdx, rcx, r8, r9 */
	uint64_t value[OBSERVE_READS];	      /* of the hook's reads */
	uint64_t missed;		      /* bit i: value[i] could not be read */
};

/*
 * Events without a hook at which a vCPU may be held back, too: bits of observe_perturb.at, whose higher bits
 * mean nothing here.
 */
enum observe_event {
	OBSERVE_WINDOW = 1, /* its first turn in each window of guest time */
	OBSERVE_IPI = 2,    /* another vCPU sends it an interrupt: it gets it later */
	OBSERVE_TIMER = 4,  /* the same of its timers */
	OBSERVE_CODE = 8,   /* it begins a block of instructions that BPF programs were made to (x86-64) */
};
#define OBSERVE_EVENTS	  (OBSERVE_WINDOW | OBSERVE_IPI | OBSERVE_TIMER | OBSERVE_CODE)
#define OBSERVE_EVENT_IDS UINT32_C(0xfffffff0) /* + the bit: `hook` of a point; no hook has such an id */

/* The event number @hit, from 0 and over all hooks of the kind OBSERVE_HOLD, after which the vCPU was held back. */
struct observe_point {
	uint64_t hit;
	uint32_t hook; /* its id */
	uint32_t hold_ns;
};

/* From the event number @hit on, chance begins anew with another seed: a schedule that has the same beginning. */
struct observe_branch {
	uint64_t hit, seed;
};

/*
 * Another schedule of the same guest, which hardware could have too. At events (hooks of the kind OBSERVE_HOLD, and
 * those above) a vCPU's turn ends, and time is added to its clock, as if its hypervisor or its firmware had taken it:
 * other vCPUs go on first. In parallel time only.
 */
struct observe_perturb {
	uint64_t seed;
	uint32_t one_in; /* the vCPU is held at one of so many events, by chance; 0: never, unless there is a depth */
	/*
	 * Or at so many guest times, drawn from the first @span_ns after the first event: at the next event of any
	 * vCPU. At most OBSERVE_DEPTH_MAX; 0: not.
	 */
	uint32_t depth;
	uint64_t span_ns;
	uint32_t hold_ns;   /* for 1 .. so many nanoseconds, by chance; at most OBSERVE_HOLD_NS_MAX */
	uint32_t at;	    /* enum observe_event */
	uint32_t window_ns; /* not 0 with OBSERVE_WINDOW */
	uint32_t branches;
	struct observe_branch branch[OBSERVE_BRANCHES_MAX]; /* in ascending order of hits; not with a depth */
	/* Or at exactly these points, in ascending order of hits, if not NULL. Copied by start(). */
	const struct observe_point *points;
	unsigned point_count; /* at most OBSERVE_POINTS_MAX */
};

/*
 * In which orders vCPUs executed hooks of the kinds OBSERVE_HOLD and OBSERVE_ORDER with the same first argument: a
 * task, a queue, a lock. There is a bit for each three such executions in a row of which the last two were by different
 * vCPUs. Its number is ((first * 64 + second) * 64 + third) * 2, and one more if the first two were by different vCPUs.
 * A hook counts by its id modulo OBSERVE_ORDER_FUNCTIONS.
 */
struct observe_orders {
	uint64_t word[OBSERVE_ORDER_WORDS];
};

/*
 * Stop when a vCPU has reached a time, after exactly as many instructions; in parallel time only (otherwise at its next
 * turn). No other vCPU goes on, so the guest is as it was in the run without the stop, and goes on as it did there.
 */
struct observe_until {
	uint64_t guest_ns; /* 0: never */
	uint32_t vcpu;	   /* OBSERVE_ANY_CPU: the first that is there */
};
#define OBSERVE_ANY_CPU UINT32_MAX

/* How the counting of instructions treats a function. */
enum observe_function_flag {
	OBSERVE_INTERRUPTS = 1, /* it begins a call path: what it interrupts is not its caller */
	OBSERVE_SWITCHES = 2,	/* it leaves the stack of one task for that of another */
};

struct observe_function {
	uint64_t address;
	uint64_t flags; /* enum observe_function_flag */
};

/*
 * Code that the kernel makes while it runs, programs of BPF and their trampolines; or a piece of the kernel itself,
 * with the addresses that it was linked for.
 */
struct observe_program {
	uint64_t start, end;
	/* Where its bytes are in observe_profile.executions; OBSERVE_CODE_MAX: nowhere. */
	uint64_t counters;
};

/*
 * A call path of the kernel: its last function, and the path of its caller. Path 0 is empty; all others come after that
 * of their caller. A function that leaves by a jump is replaced in the path by the one that it jumps to.
 *
 * Instructions are counted where QEMU begins a block of them; a block that faults counts as a whole. So the numbers are
 * a function of what the guest executes, whatever the host does.
 */
struct observe_path {
	uint32_t caller;
	/*
	 * Below the number of functions: that function. From there on: a program. OBSERVE_UNKNOWN_CODE above both: code
	 * that is neither.
	 */
	uint32_t function;
	uint64_t instructions; /* without those of functions that it called */
	uint64_t calls;
};

#define OBSERVE_UNKNOWN_CODE UINT32_MAX

/* What was counted so far. */
struct observe_profile {
	const struct observe_path *path; /* may change at any time: copy it, and check the copy */
	uint32_t paths;
	uint64_t user; /* instructions in user space */
	uint64_t lost; /* instructions for whose path there was no room: they count for their caller's */
	/* How often the instruction at each byte of counted code was executed: OBSERVE_CODE_MAX numbers, as `path`. */
	const uint64_t *executions;
};

/* What a machine starts with. */
struct observe_config {
	const struct observe_hook *hooks;
	unsigned hook_count;
	/*
	 * Stop at the first turn of a vCPU at or after each multiple of it; 0: never. A guest whose vCPUs all sleep
	 * over several of them stops once.
	 */
	uint64_t sample_ns;
	bool at_end; /* stop when the machine is about to end by itself, too */
	struct observe_until until;
	struct observe_perturb perturb;
	/*
	 * Gets all records, in the order of execution. In parallel time, times of different vCPUs may be out of order
	 * by the lag. It is called some time after the execution; those before a stop may come during the stop. NULL:
	 * hooks that record only count.
	 */
	void (*record)(void *data, const struct observe_record *r);
	void *data;
	/* Count the kernel's instructions by call path; ascending addresses. NULL: do not. Copied by start(). */
	const struct observe_function *functions;
	uint32_t function_count; /* at most OBSERVE_FUNCTIONS_MAX */
	bool count_code;	 /* with functions: count each instruction of programs, too */
	/* With functions: code of the kernel whose instructions are counted one by one. Copied by start(). */
	const struct observe_program *code;
	uint32_t code_count; /* at most OBSERVE_CODE_PIECES_MAX */
};

/* The order of processors' manuals, and of instructions' register numbers. */
enum observe_general { RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI, R8, R9, R10, R11, R12, R13, R14, R15, GENERAL_COUNT };

struct observe_registers {
	uint64_t general[GENERAL_COUNT];
	uint64_t rip, cr3, lstar;
};

/* At the end, no instruction follows; all records came before; registers are those of an earlier stop. */
enum observe_why { OBSERVE_AT_TIME = 1, OBSERVE_AT_HOOK, OBSERVE_AT_UNTIL, OBSERVE_AT_END };

struct observe_stop {
	enum observe_why why;
	uint32_t hook;	   /* its id; at a time: 0 */
	uint32_t vcpu;	   /* that executes the hook; at a time: that is furthest behind */
	uint64_t guest_ns; /* at a hook: exact; at a time: at or after the multiple of sample_ns */
	uint64_t count;	   /* of stops so far, with this one */
	unsigned vcpus;
	const struct observe_registers *registers; /* of all vCPUs */
};

#endif
