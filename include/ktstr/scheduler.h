/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * scheduler.h -- a scheduler under test: a program that attaches a sched_ext scheduler and then keeps running, or a
 * scheduler that is part of the kernel and is switched on and off by writes to its files.
 */
#ifndef KTSTR_SCHEDULER_H
#define KTSTR_SCHEDULER_H

#pragma GCC system_header /* see language.h */

#include <ktstr/check.h>
#include <ktstr/topology.h>

#define KTSTR_ARGS(...) KTSTR_LIST(const char *, __VA_ARGS__, 0)

/* How a program is told where its configuration is. */
#define KTSTR_CONFIG_PLACE "{file}"
struct ktstr_config_file {
	const char *const *args; /* KTSTR_ARGS("--config", "{file}"): "{file}" stands for `path` */
	const char *path;	 /* absolute path in the guest */
};

/*
 * Names what a scheduler does not support: KTSTR_LACKS(WEIGHT, QUOTA). It is not judged by that. The names are WEIGHT
 * (cpu.weight), NICE (nice values), QUOTA (cpu.max) and HOTPLUG (CPUs that go offline and online). KTSTR_LACKS(NOTHING)
 * means that it supports all of them. Without a list, the scheduler's callbacks say what it supports.
 */
enum ktstr_lack {
	KTSTR_LACK_NOTHING = 1, /* part of each list; 0: there is none */
	KTSTR_LACK_WEIGHT = 2,
	KTSTR_LACK_NICE = 4,
	KTSTR_LACK_QUOTA = 8,
	KTSTR_LACK_HOTPLUG = 16,
	KTSTR_LACK_ALL = 31,
};

#define KTSTR_LACKS_1(a)			 KTSTR_LACK_##a
#define KTSTR_LACKS_2(a, b)			 KTSTR_LACK_##a | KTSTR_LACK_##b
#define KTSTR_LACKS_3(a, b, c)			 KTSTR_LACK_##a | KTSTR_LACK_##b | KTSTR_LACK_##c
#define KTSTR_LACKS_4(a, b, c, d)		 KTSTR_LACK_##a | KTSTR_LACK_##b | KTSTR_LACK_##c | KTSTR_LACK_##d
#define KTSTR_LACKS_PICK(a, b, c, d, macro, ...) macro
#define KTSTR_LACKS(...)                                                                                            \
	((unsigned)(KTSTR_LACK_NOTHING | KTSTR_LACKS_PICK(__VA_ARGS__, KTSTR_LACKS_4, KTSTR_LACKS_3, KTSTR_LACKS_2, \
							  KTSTR_LACKS_1, 0)(__VA_ARGS__)))

struct ktstr_scheduler {
	const char *name; /* set by KTSTR_SCHEDULER */
	const char *file;
	unsigned line;
	const char *binary; /* a name that is looked up, or a path; NULL with kernel_builtin_* */
	/*
	 * Instead of `binary`: lines of the form "echo TEXT > /PATH". PID 1 writes TEXT to each file, in this order:
	 * `enable` before the test, `disable` after it, and both for operations such as KTSTR_OP_RESTART_SCHEDULER.
	 */
	const char *const *kernel_builtin_enable;
	const char *const *kernel_builtin_disable;
	/*
	 * A command of the host's shell that makes `binary`; or NULL. It is run once before the tests, in the current
	 * directory, with KTSTR_SCHEDULER_PROFILE ("release", or --profile). When it
	 * fails, so do the scheduler's tests.
	 */
	const char *build;
	const char *const *args; /* KTSTR_ARGS(...), or NULL */
	/*
	 * A file of the host with its configuration, looked up like the include files of a test. The program is started
	 * with "--config /include-files/NAME" before `args`.
	 */
	const char *config_file;
	/* Instead of `config_file`: each test has its own configuration (`config` of the test), or none. */
	struct ktstr_config_file config_file_def;
	/*
	 * "/workload.slice": control group that is made before the scheduler starts. The cgroups of the tests are made
	 * below it, unless a test has a workload_root_cgroup. NULL: below "/ktstr".
	 */
	const char *cgroup_parent;
	struct ktstr_topology topology;	      /* default for the tests that use it */
	struct ktstr_constraints constraints; /* likewise, for the gauntlet */
	const char *const *sysctls;	      /* "kernel.sched_...=1", set before it starts */
	const char *const *kargs;	      /* kernel command line words */
	const char *const *kernels; /* kernels to verify its programs on, in the grammar of --kernel; NULL: all */
	const char *const *verifier_exclude_topologies; /* presets not to verify them on: 'ktstr topo --presets' */
	/*
	 * KTSTR_CPU(n): ops.init must run on this CPU. The kernel runs it on the CPU where its helper thread wakes up,
	 * so a real-time task keeps every other CPU busy until the scheduler is attached. 0: any CPU.
	 */
	unsigned load_cpu;
	unsigned attach_timeout_s; /* guest seconds until it must be attached; 0: KTSTR_ATTACH_TIMEOUT_S */
	unsigned lacks;		   /* KTSTR_LACKS(...); 0: its callbacks say it */
	struct ktstr_checks checks;
};

#define KTSTR_CPU(n)		   ((n) + 1)
#define KTSTR_ATTACH_TIMEOUT_S	   20
#define KTSTR_ATTACH_TIMEOUT_S_MAX 3600

static inline unsigned ktstr_attach_timeout_s(const struct ktstr_scheduler *s)
{
	return s->attach_timeout_s ? s->attach_timeout_s : KTSTR_ATTACH_TIMEOUT_S;
}

/* Defines `static const struct ktstr_scheduler id`. */
#define KTSTR_SCHEDULER(id, ...)                                                                                     \
	static const struct ktstr_scheduler id = { .name = #id, .file = __FILE__, .line = __LINE__, ##__VA_ARGS__ }; \
	static const struct ktstr_scheduler *const ktstr_scheduler_entry_##id                                        \
		__attribute__((used, retain, section("ktstr_schedulers"))) = &id

#endif
