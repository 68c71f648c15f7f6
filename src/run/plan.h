/* SPDX-License-Identifier: GPL-2.0-only */
/* plan.h -- which tests run on which kernels. Finds errors and skips before any machine starts. */
#ifndef KTSTR_RUN_PLAN_H
#define KTSTR_RUN_PLAN_H

#include "kernel/kernel.h"
#include "run/cell_constants.h"
#include "run/filter.h"
#include "run/suite.h"
#include "topo/presets.h"
#include "verdict/judge.h"
#include "vmm/vm.h"

struct plan_case {
	const struct test_decl *test;
	const struct kernel *kernel;
	const struct preset *preset; /* NULL: the test's own topology */
	/* Of a cell that only verifies: of the preset's topology, and the machine is a small one. Else NULL */
	const struct rodata *constants;
	struct ktstr_topology topology;
	/* ktstr/NAME or gauntlet/NAME/PRESET; with /LABEL if there are several kernels, with @SEED if schedules */
	char *name;
	char *short_name;			  /* the same without /LABEL and @SEED */
	char *scheduler_path;			  /* host path of the binary; NULL: the kernel's default scheduler */
	char *skip;				  /* why the case cannot run here, or NULL */
	const struct known_fail_decl *known_fail; /* the known failure that applies here, or NULL */
	char *problem;				  /* why the declaration is wrong, or NULL */
	bool perf;				  /* runs in perf mode */
	bool ignored;				  /* runs only if it is asked for, and the filter does not name it */
	char topology_text[TOPOLOGY_TEXT_MAX];
	uint64_t memory_mib; /* guest memory */
	uint64_t likely_mib; /* part that the guest is expected to touch, 0 .. memory_mib */
	unsigned cpu_budget; /* CPUs of the host that the machine shares with others; 0: not declared */
	unsigned icount_shift;
	unsigned lag_ns;		/* tcg: see vm_config */
	unsigned time_dilation;		/* kvm: see vm_config; 1: none */
	struct observe_perturb perturb; /* see perturb.h; without points */
	uint64_t variant;
	struct thresholds limits;
	nsec_t estimate;     /* expected host time; 0 before plan_estimate(), and for a skip */
	bool estimate_known; /* from an earlier run, not from the model */
};

struct plan {
	struct plan_case *item;
	size_t count;
};

enum plan_perf {
	PLAN_PERF_DECLARED, /* only tests that declare performance_mode */
	PLAN_PERF_ALL,	    /* all tests except those that declare no_perf_mode */
	PLAN_PERF_NONE,	    /* no test; tests that declare performance_mode are a Skip */
};

struct plan_request {
	const struct suite *suites;
	size_t suite_count;
	const struct kernel *kernels; /* empty for a list of tests */
	size_t kernel_count;
	bool labels;		     /* the run has several kernels: names end with the kernel's label */
	const struct filter *filter; /* NULL: all */
	const struct vm_backend *backend;
	unsigned lag_ns; /* of accel_choice */
	bool strict;	 /* release thresholds */
	enum plan_perf perf;
	unsigned time_dilation;	    /* kvm; 0: 1 */
	unsigned host_cpus;	    /* CPUs that this process may use; 0: unknown */
	unsigned cpu_cap;	    /* --cpu-cap, which wins over a test's cpu_budget; 0: none */
	bool first_duplicate;	    /* run the first of several tests with one name; otherwise that is an error */
	bool perf_only;		    /* every test that is not a performance_mode test is a Skip */
	bool perf_if_possible;	    /* without vCPU threads, performance_mode tests run as ordinary ones */
	const char *const *presets; /* of cells: only these, NULL-terminated; NULL: all */
	const struct cell_constants_list
		*constants;		/* cells only verify, with these; NULL: they run. Outlives the plan */
	bool gauntlet;			/* also run every test with every preset that it admits */
	struct observe_perturb perturb; /* of each case; see perturb.h */
	unsigned schedules; /* 2 and more: each case with so many seeds of its perturbation, from its seed on */
};

/*
 * A test with a wrong declaration does not stop other tests: it is an item with a problem, which names file and line.
 * Fails only if out of memory.
 */
int plan_make(const struct plan_request *request, struct plan *ret, struct err **err);
void plan_done(struct plan *p);

/* Keeps the cases that are ignored (true) or the others. Returns how many were dropped. */
size_t plan_keep_ignored(struct plan *p, bool ignored);

/* Guest memory in MiB: the sum of described nodes, else at least @declared, 256, and 64 per CPU; whole NUMA nodes. */
uint64_t guest_memory_mib(const struct ktstr_topology *t, unsigned declared);
/*
 * The memory that a guest needs to unpack files of this size. They are in memory twice for a moment: packed (at worst
 * at full size) and unpacked. The root file system is a tmpfs and takes at most half of the memory. 192 MiB are for the
 * kernel and for the programs and libraries of every test.
 */
uint64_t guest_unpacking_mib(uint64_t files_mib);
/*
 * The part that the guest is expected to touch, in MiB: at least @declared, 256, and 16 per CPU, at most all memory.
 * The defaults are four times what idle guests of 4 to 240 CPUs touched (bench/presets.py).
 */
uint64_t guest_likely_mib(const struct ktstr_topology *t, unsigned declared);

#endif
