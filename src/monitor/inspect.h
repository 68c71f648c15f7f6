/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * inspect.h -- what all parts of a dump share: the kernel's memory, where its members are, names of code addresses,
 * clocks, and writers of members as JSON. A member that this kernel does not have, or that could not be read, is left
 * out of the JSON.
 */
#ifndef KTSTR_MONITOR_INSPECT_H
#define KTSTR_MONITOR_INSPECT_H

#include <jansson.h>

#include "base/json.h"
#include "monitor/layout.h"
#include "monitor/orc.h"
#include "monitor/view.h"
#include "monitor/walk.h"

/* Registers of a CPU while its guest stands still. */
struct cpu_registers {
	uint64_t ip, sp, bp, page_root;
	bool user; /* it ran a program */
};

struct inspect_config {
	struct view *view;
	const struct layout *layout;
	const struct orc *orc;		       /* NULL: stacks cannot be unwound */
	const char *no_orc;		       /* why not */
	const struct cpu_registers *registers; /* of each CPU; NULL: unknown */
	unsigned registers_count;
};

/* Code that a BPF program or a trampoline was compiled to. */
struct code_range {
	uint64_t start, end;
	char name[128];
};

struct inspector {
	struct inspect_config config;
	struct view *view;
	const struct layout *layout;
	struct code_range *code; /* sorted */
	unsigned code_count;
	uint64_t jiffies;
	unsigned hz;	   /* 0: unknown */
	uint64_t clock_ns; /* of the CPU whose clock is newest */
};

int inspect_begin(struct inspector *in, const struct inspect_config *config);
void inspect_end(struct inspector *in);

/* --- reading ------------------------------------------------------------------------------------------------------ */

/* False: absent or not readable, and @ret is 0. */
bool inspect_read(struct inspector *in, enum layout_field f, uint64_t object, uint64_t *ret);
/* The same where 0 is what an absent member means, too. */
uint64_t inspect_get(struct inspector *in, enum layout_field f, uint64_t object);
/* Address of the member; 0: absent. */
uint64_t inspect_member(struct inspector *in, enum layout_field f, uint64_t object);
/* The object that has @node as its member @f. */
uint64_t inspect_object(struct inspector *in, enum layout_field f, uint64_t node);
/* Text of the guest, made printable: what a pointer leads to; a member that is an array. */
void inspect_text(struct inspector *in, uint64_t address, char *out, size_t size);
void inspect_member_text(struct inspector *in, enum layout_field f, uint64_t object, char *out, size_t size);
/* "name+0xoff/0xsize" of kernel code and BPF programs; false: none, @out is "0x..." then. */
bool inspect_code(struct inspector *in, uint64_t address, bool returns, char out[SYMBOL_TEXT_MAX]);
/* True if the kernel has that symbol, and it is at the address. */
bool inspect_is(struct inspector *in, uint64_t address, const char *symbol);
/* Milliseconds since @jiffies of the guest; -1: HZ is unknown. */
int64_t inspect_age_ms(struct inspector *in, uint64_t jiffies);

/* --- writing JSON ------------------------------------------------------------------------------------------------- */

void inspect_put(struct inspector *in, json_t **json, const char *key, enum layout_field f, uint64_t object);
void inspect_put_text(struct inspector *in, json_t **json, const char *key, enum layout_field f, uint64_t object);
/* By name, "ENABLED"; a number if it has none. Flags: "ONLINE|BAL_KEEP". */
void inspect_put_variant(struct inspector *in, json_t **json, const char *key, enum layout_enum e, uint64_t value);
void inspect_put_flags(struct inspector *in, json_t **json, const char *key, enum layout_enum e, uint64_t value);
/* The CPU mask at the address as a list, unless it is empty. */
void inspect_put_cpus(struct inspector *in, json_t **json, const char *key, uint64_t mask);
/* "0x..." */
void inspect_put_address(json_t **json, const char *key, uint64_t address);
/* Names of code addresses, innermost first. */
json_t *inspect_stack(struct inspector *in, const struct orc_stack *stack);
/* Puts @list unless it is empty. Takes it over. */
void inspect_put_list(json_t **json, const char *key, json_t *list);

#endif
