/* SPDX-License-Identifier: GPL-2.0-only */
/* scheduler.h -- a sched_ext scheduler under test: a program that attaches it and then keeps running. */
#ifndef KTSTR_SCHEDULER_H
#define KTSTR_SCHEDULER_H

#pragma GCC system_header /* see language.h */

#include <ktstr/check.h>
#include <ktstr/topology.h>

#define KTSTR_ARGS(...) KTSTR_LIST(const char *, __VA_ARGS__, 0)

struct ktstr_scheduler {
	const char *name; /* set by KTSTR_SCHEDULER */
	const char *file;
	unsigned line;
	const char *binary; /* a name that is looked up, or a path */
	/*
	 * A command of the host's shell that makes `binary`; or NULL. It is run once before the tests, in the current
	 * directory, with KTSTR_SCHEDULER_PROFILE ("release", or --profile). When it
	 * fails, so do the scheduler's tests.
	 */
	const char *build;
	const char *const *args;	      /* KTSTR_ARGS(...), or NULL */
	struct ktstr_topology topology;	      /* default for the tests that use it */
	struct ktstr_constraints constraints; /* likewise, for the gauntlet */
	const char *const *sysctls;	      /* "kernel.sched_...=1", set before it starts */
	const char *const *kargs;	      /* kernel command line words */
	/*
	 * KTSTR_CPU(n): ops.init must run on this CPU. The kernel runs it on the CPU where its helper thread wakes up,
	 * so a real-time task keeps every other CPU busy until the scheduler is attached. 0: any CPU.
	 */
	unsigned load_cpu;
	unsigned attach_timeout_s; /* guest seconds until it must be attached; 0: KTSTR_ATTACH_TIMEOUT_S */
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
