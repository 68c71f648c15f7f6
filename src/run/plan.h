/* SPDX-License-Identifier: GPL-2.0-only */
/* plan.h -- which tests run, on which kernels: everything that can be known, and refused, before a machine starts. */
#ifndef KTSTR_RUN_PLAN_H
#define KTSTR_RUN_PLAN_H

#include "kernel/kernel.h"
#include "run/filter.h"
#include "run/suite.h"
#include "topo/presets.h"
#include "verdict/judge.h"
#include "vmm/vm.h"

struct plan_case {
	const struct test_decl *test;
	const struct kernel *kernel;
	const struct preset *preset; /* NULL: the topology that the test declares */
	struct ktstr_topology topology;
	char *name;	      /* ktstr/NAME or gauntlet/NAME/PRESET, with /LABEL where there are several kernels */
	char *short_name;     /* the same without /LABEL: its name where there is one kernel */
	char *scheduler_path; /* host path of the binary; NULL: the kernel's own */
	char *skip;	      /* why it cannot run here, or NULL */
	const struct known_fail_decl *known_fail; /* the failure that is known here, or NULL */
	char *problem;				  /* why it can run nowhere as it is declared: an error; or NULL */
	bool perf;				  /* in perf mode */
	char topology_text[TOPOLOGY_TEXT_MAX];
	uint64_t memory_mib; /* the guest's */
	uint64_t likely_mib; /* what of it the guest is expected to touch, 0 .. memory_mib */
	unsigned icount_shift;
	unsigned time_dilation; /* kvm: see vm_config; 1: none */
	uint64_t variant;
	struct thresholds limits;
	nsec_t estimate;     /* host time that it will take; 0 before plan_estimate(), and for a skip */
	bool estimate_known; /* by a run before, not by the model */
};

struct plan {
	struct plan_case *item;
	size_t count;
};

enum plan_perf {
	PLAN_PERF_DECLARED, /* for tests that are declared so */
	PLAN_PERF_ALL,	    /* for all but those that are declared otherwise */
	PLAN_PERF_NONE,	    /* tests that are declared so are a Skip */
};

struct plan_request {
	const struct suite *suites;
	size_t suite_count;
	const struct kernel *kernels; /* none for a list */
	size_t kernel_count;
	bool labels;		     /* the run has several kernels: names carry theirs */
	const struct filter *filter; /* NULL: all */
	const struct vm_backend *backend;
	bool strict; /* release thresholds */
	enum plan_perf perf;
	unsigned time_dilation; /* kvm; 0: 1 */
	bool first_duplicate;	/* of tests with one name take the first; otherwise none runs */
	bool perf_only;		/* every test that is not a performance_mode test is a Skip */
	bool gauntlet;		/* every test also over every preset that it admits */
};

/*
 * A test that cannot run as it is declared stops no other: it is an item with a problem, which names file and line.
 * Fails only for want of memory.
 */
int plan_make(const struct plan_request *request, struct plan *ret, struct err **err);
void plan_done(struct plan *p);

/*
 * The host path of a scheduler's binary: a path as it is; a name by KTSTR_SCHEDULER_BIN_<NAME>, KTSTR_SCHEDULER, the
 * test binary's directory, the kernel's own schedulers (KERNEL_SCHEDULERS, may be NULL), PATH. -ENOENT with the way
 * out.
 */
int scheduler_locate(const char *binary, const char *test_binary, const char *kernel_schedulers, char **ret,
		     struct err **err);
/* Does an environment variable say which program @binary is? */
bool scheduler_is_named(const char *binary);
/* How @path was found: "declared", "environment", "sibling", "kernel" or "path". The other arguments as above. */
const char *scheduler_source(const char *path, const char *binary, const char *test_binary,
			     const char *kernel_schedulers);
/* Guest memory in MiB: what described nodes have, else at least @declared, 256, and 64 a CPU; whole NUMA nodes. */
uint64_t guest_memory_mib(const struct ktstr_topology *t, unsigned declared);
/*
 * What of that is touched, in MiB: all that was declared, and of what was not four times what idle guests of 4 to 240
 * CPUs were seen to touch (bench/presets.py).
 */
uint64_t guest_likely_mib(const struct ktstr_topology *t, unsigned declared);

#endif
