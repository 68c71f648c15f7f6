/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * repro.h -- how a failure came about: a run that failed is made again with its seed, so it is the same run, and calls
 * of some functions are recorded. Which functions: those of the backtrace with which the kernel ended the scheduler, or
 * all operations of the scheduler if a task waited for too long. The calls that concern the task at fault are kept, and
 * shown with their arguments by name and with the fields that changed between them.
 *
 *	repro_plan_make(dump of the first run) > repro_hook() > repro_trace_add() of each record >
 *	repro_trace_see_tasks() when the failure is there again > repro_chain() > repro_text()
 */
#ifndef KTSTR_MONITOR_REPRO_H
#define KTSTR_MONITOR_REPRO_H

#include <jansson.h>

#include "monitor/inspect.h"
#include "vmm/observe.h"

#define REPRO_FUNCTIONS_MAX 48
#define REPRO_DROPPED_MAX   64
#define REPRO_FIELDS_MAX    (OBSERVE_READS - 1) /* of one call; the current task is read, too */
#define REPRO_EVENTS_MAX    8192u
#define REPRO_SHOWN_MAX	    32u
#define REPRO_NAME_MAX	    96

/* --- which functions ---------------------------------------------------------------------------------------------- */

enum repro_kind {
	REPRO_KERNEL,  /* a function of the kernel: `name` is a symbol */
	REPRO_OP,      /* an operation of the scheduler: `name` is a member of struct sched_ext_ops */
	REPRO_PROGRAM, /* another BPF function: `name` is its symbol in the kernel, bpf_prog_TAG_NAME */
};

enum repro_object { REPRO_NO_OBJECT, REPRO_TASK, REPRO_RQ, REPRO_QUEUE, REPRO_MASK };

enum repro_show {
	SHOW_NUMBER,
	SHOW_BOOL,
	SHOW_ADDRESS,
	SHOW_ENUM,
	SHOW_ENQUEUE_FLAGS,
	SHOW_WAKE_FLAGS,
	SHOW_TASK_FLAGS,
	SHOW_RQ_FLAGS,
	SHOW_QUEUE_ID,
	SHOW_CPUS,
};

struct repro_param {
	char name[32];
	enum repro_object object; /* of a pointer */
	enum repro_show show;	  /* of another value */
	uint32_t type;		  /* BTF id, for SHOW_ENUM */
	struct field value;	  /* size and sign in its register */
};

/* A field of an object that an argument points to. */
struct repro_field {
	uint8_t param;
	uint8_t row; /* in the table of fields */
};

struct repro_function {
	enum repro_kind kind;
	char name[REPRO_NAME_MAX];
	uint64_t address; /* link address; 0: known only in the running guest */
	struct repro_param param[OBSERVE_ARGUMENTS];
	unsigned params;
	struct repro_field field[REPRO_FIELDS_MAX];
	unsigned fields;
};

struct repro_plan {
	const struct kernel_image *image;
	const struct layout *layout;
	struct repro_function function[REPRO_FUNCTIONS_MAX]; /* the innermost first */
	unsigned functions;
	char dropped[REPRO_DROPPED_MAX][REPRO_NAME_MAX]; /* of the backtrace: generic, or not found */
	unsigned drops;
	uint64_t task;	  /* of a stall: the address of the task that waits; 0: the task that made the first call */
	uint64_t current; /* offset of the pointer to the current task from a CPU's variables; 0: unknown */
};

/* @dump: of the first run. Returns NULL, or why nothing can be recorded (static text). */
const char *repro_plan_make(struct repro_plan *p, const struct kernel_image *image, const struct layout *layout,
			    const json_t *dump);
/* The hook of a function that runs at @address. */
struct observe_hook repro_hook(const struct repro_plan *p, unsigned function, uint64_t address, uint32_t id);
/*
 * The address at which a function of the scheduler begins that is about to be enabled; 0: the scheduler lacks it. @ops:
 * address of its struct sched_ext_ops, whose members lead to code that gets its arguments in registers.
 */
uint64_t repro_find(struct inspector *in, const struct repro_function *f, uint64_t ops);

/* --- what happened ------------------------------------------------------------------------------------------------ */

struct repro_event {
	uint64_t guest_ns, order;
	uint32_t vcpu;
	uint16_t function;
	uint16_t missed;  /* bit i: field[i] could not be read */
	uint64_t current; /* address of the task that ran; 0: unknown */
	uint64_t argument[OBSERVE_ARGUMENTS];
	uint64_t field[REPRO_FIELDS_MAX];
};

struct repro_task {
	uint64_t task;
	int64_t pid;
	char comm[64];
};

struct repro_trace {
	struct repro_event *event; /* the latest REPRO_EVENTS_MAX, in a ring */
	uint64_t count;		   /* of calls so far */
	uint64_t until_ns;	   /* later calls are not kept */
	struct repro_task *task;
	unsigned tasks;
};

int repro_trace_init(struct repro_trace *t);
void repro_trace_done(struct repro_trace *t);
/* @r: made by the function's hook. */
void repro_trace_add(struct repro_trace *t, const struct repro_plan *p, unsigned function,
		     const struct observe_record *r);
/* Notes the names of all tasks. The guest stands still. */
int repro_trace_see_tasks(struct repro_trace *t, const struct inspect_config *config);

/* The calls that concern the task at fault as members of @json: docs/dump.schema.json, "auto_repro". */
void repro_chain(const struct repro_plan *p, const struct repro_trace *t, json_t **json);
/* That JSON as text, each line indented by two columns. */
void repro_text(const json_t *json, struct buf *out);

#endif
