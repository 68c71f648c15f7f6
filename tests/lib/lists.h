/* SPDX-License-Identifier: GPL-2.0-only */
/* lists.h -- lists of tests, as test binaries print them. */
#ifndef KTSTR_TESTS_LISTS_H
#define KTSTR_TESTS_LISTS_H

#include <string.h>

#include "run/suite.h"

#define CHECKS "\"checks\":{\"not_stuck\":false,\"isolation\":true,\"max_gap_ms\":0,\"max_spread_pct\":false}"
#define SCHED(n)                                                                                  \
	"{\"name\":\"" n "\",\"binary\":\"" n "\",\"args\":[\"-x\"],\"sysctls\":[],\"kargs\":[]," \
	"\"load_cpu\":0,\"attach_timeout_s\":20," CHECKS "}"
#define TEST(n, sched, llcs) "{" TEST_MEMBERS(n, sched, llcs) "}"
#define TEST_MEMBERS(n, sched, llcs)                                                                           \
	"\"name\":\"" n "\",\"file\":\"a.c\",\"line\":3,\"problem\":null,\"scheduler\":" sched                 \
	",\"numa_nodes\":1,\"llcs\":" llcs ",\"cores\":2,\"threads\":1,\"memory_mib\":0,\"duration_ms\":2000," \
	"\"constraints\":{\"min_llcs\":1,\"max_llcs\":12,\"min_cpus\":1,\"max_cpus\":192,"                     \
	"\"min_numa_nodes\":1,\"max_numa_nodes\":1,\"requires_smt\":2,\"requires_kinds\":2},"                  \
	"\"workers_per_cgroup\":2,\"sched_args\":[],\"include_files\":[],\"expect_err\":0," CHECKS
#define LIST(scheds, tests) "{\"api\":2,\"schedulers\":[" scheds "],\"tests\":[" tests "]}"

/* A test as TEST(), with @more attributes. */
#define TEST_WITH(n, more) "{" more "," TEST_MEMBERS(n, "null", "1") "}"

static inline int list_parse(const char *text, struct suite *s, struct err **err)
{
	return suite_parse("/x/suite", text, strlen(text), s, err);
}

#endif
