/* SPDX-License-Identifier: GPL-2.0-only */
/* sched_decl.h -- a scheduler's declaration, as the list of a test binary has it. */
#ifndef KTSTR_RUN_SCHED_DECL_H
#define KTSTR_RUN_SCHED_DECL_H

#include <ktstr/scheduler.h>

#include "run/list_json.h"

struct sched_decl {
	char *name;
	char *binary;	     /* NULL: the scheduler is built into the kernel */
	char *problem;	     /* why its tests cannot run, or NULL */
	char *build;	     /* command that builds the binary, or NULL */
	char *build_problem; /* why the command failed, or NULL */
	bool is_built;	     /* the command was run */
	/* The lists are NULL-terminated. */
	char **builtin_enable, **builtin_disable; /* lines that PID 1 executes instead of a binary */
	char **args, **sysctls, **kargs;
	char *config_file;  /* host file that comes along, or NULL */
	char *config_path;  /* guest path of the configuration that a test has, or NULL */
	char **config_args; /* arguments that name the configuration; with config_path only if the test has one */
	char *cgroup_parent;
	char **kernels, **verifier_exclude_topologies; /* where its programs are verified */
	struct ktstr_constraints constraints;	       /* likewise; 0: not set */
	unsigned load_cpu;			       /* CPU number + 1; 0: any CPU */
	unsigned attach_timeout_s;		       /* guest time */
	unsigned lacks;				       /* bits of enum ktstr_lack; 0: its callbacks say it */
	struct ktstr_checks checks;
};

/* Reads an element of "schedulers". A `problem` is not an error of the suite. @ret must be zero. */
int sched_decl_parse(const json_t *o, struct sched_decl *ret, struct err **err);
/* "weight,nice" of the bits of enum ktstr_lack, "nothing", or for 0, no list, nothing at all. */
void lacks_format(unsigned lacks, struct buf *out);
/* Adds what one word of such a list says. -EINVAL: it is not one. */
int lacks_add(const char *word, unsigned *lacks);
void sched_decl_done(struct sched_decl *s);

#endif
