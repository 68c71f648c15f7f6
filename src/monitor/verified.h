/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * verified.h -- what the guest kernel's BPF verifier found out about each program that was loaded. Its statistics exist
 * only while a program is verified, so the guest is stopped at VERIFIED_SYMBOL, which the kernel calls at the end of
 * that, also for a program that it rejects.
 */
#ifndef KTSTR_MONITOR_VERIFIED_H
#define KTSTR_MONITOR_VERIFIED_H

#include "monitor/layout.h"
#include "monitor/program_code.h"
#include "monitor/view.h"

#define VERIFIED_SYMBOL	      "bpf_vlog_finalize" /* its first argument is the log in struct bpf_verifier_env */
#define VERIFIED_PROGRAMS_MAX 256

/* Statistic, key in JSON, member of struct bpf_verifier_env. "": it is found in another way. */
#define VERIFIED_STATS(X)                                                \
	X(DURATION, "duration_us", "verification_time")                  \
	X(INSNS, "verified_insns", "insn_processed")                     \
	X(STATES, "total_states", "total_states")                        \
	X(PEAK_STATES, "peak_states", "peak_states")                     \
	X(STATES_PER_INSN, "max_states_per_insn", "max_states_per_insn") \
	X(MARK_READ, "mark_read", "longest_mark_read_walk")              \
	X(SIZE, "size", "")                                              \
	X(JITED_SIZE, "jited_size", "")                                  \
	X(STACK, "stack_depth", "")                                      \
	X(MEMORY, "mem_peak", "")

enum verified_stat {
#define X(name, key, member) VERIFIED_##name,
	VERIFIED_STATS(X)
#undef X
		VERIFIED_STAT_COUNT,
};

extern const char *const verified_keys[VERIFIED_STAT_COUNT];

/* One program. A statistic that is not known has no bit in `has`. */
struct verified_program {
	char name[64];			/* the kernel keeps 15 bytes of it; logs have more */
	char type[32], attach_type[40]; /* "struct_ops"; "": unknown */
	bool loaded;			/* false: the verifier rejected it */
	uint64_t value[VERIFIED_STAT_COUNT];
	uint32_t has;
	uint64_t at; /* address of its struct bpf_prog; 0: it is gone */
};

struct verified {
	struct verified_program *program; /* VERIFIED_PROGRAMS_MAX, allocated with the first one */
	unsigned programs, lost;
};

/* Where the members are in this kernel. */
struct verified_fields {
	struct field env[VERIFIED_STAT_COUNT];
	struct field log, prog, subprogs, subprog_count, subprog_stack;
	struct field aux, back, len, type, attach, id, name;
	struct program_code_fields code;
	uint32_t subprog_size;
};

void verified_find_fields(const struct types *t, struct verified_fields *ret);
/*
 * The guest stands at VERIFIED_SYMBOL, and @log is the first argument there. Programs that libbpf loads to find out
 * what the kernel can do are left out. A program that is loaded again replaces its earlier record.
 */
void verified_note(struct verified *v, const struct verified_fields *f, const struct layout *l, struct view *view,
		   uint64_t log);
/* Finds out which of the programs are loaded by now, and their final sizes. For any later stop. */
void verified_settle(struct verified *v, const struct verified_fields *f, struct view *view);
void verified_done(struct verified *v);

static inline void verified_set(struct verified_program *p, enum verified_stat stat, uint64_t value)
{
	p->value[stat] = value;
	p->has |= 1u << stat;
}

static inline bool verified_has(const struct verified_program *p, enum verified_stat stat)
{
	return p->has >> stat & 1;
}

#endif
