/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * attributes.c -- tests whose attributes change what the runner does; tests/vm/attributes.py has the expected results.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <ktstr/ktstr.h>

/* Two nodes with different CPUs, and one node without CPUs. */
#define NODES                                                                                                   \
	.nodes = { { .llcs = 2, .memory_mib = 384 }, { .llcs = 1, .memory_mib = 256 }, { .memory_mib = 128 } }, \
	.distances = { 10, 15, 30, 15, 10, 40, 30, 40, 10 }

/* Reads a sysfs file and removes its last newline. */
static const char *node_file(unsigned node, const char *file)
{
	static char text[4096];
	char path[128];
	snprintf(path, sizeof(path), "/sys/devices/system/node/node%u/%s", node, file);
	FILE *f = fopen(path, "r");
	size_t n = f ? fread(text, 1, sizeof(text) - 1, f) : 0;
	if (f)
		fclose(f);
	text[n && text[n - 1] == '\n' ? n - 1 : n] = '\0';
	return text;
}

static void expect_node(struct ktstr_ctx *t, unsigned node, const char *file, const char *wanted)
{
	const char *found = node_file(node, file);
	ktstr_expect(t, !strcmp(found, wanted), "node %u: %s is '%s', not '%s'", node, file, found, wanted);
}

/* The kernel reserves some of it for itself. */
static void expect_memory(struct ktstr_ctx *t, unsigned node, unsigned long mib)
{
	unsigned long kib = 0;
	const char *found = strstr(node_file(node, "meminfo"), "MemTotal:");
	if (found)
		sscanf(found, "MemTotal: %lu", &kib);
	ktstr_expect(t, kib > (mib - mib / 2) << 10 && kib <= mib << 10, "node %u has %lu KiB, not some %lu MiB", node,
		     kib, mib);
}

KTSTR_TEST(described_nodes, .cores = 1, NODES, .duration_s = 1)
{
	struct ktstr_topology p = ktstr_ctx_topology(t);
	ktstr_expect(t, p.numa_nodes == 3 && p.llcs == 3 && ktstr_ctx_cpus(t) == 3, "its shape follows from its nodes");
	expect_node(t, 0, "cpulist", "0-1");
	expect_node(t, 1, "cpulist", "2");
	expect_node(t, 2, "cpulist", "");
	expect_node(t, 0, "distance", "10 15 30");
	expect_node(t, 1, "distance", "15 10 40");
	expect_node(t, 2, "distance", "30 40 10");
	expect_memory(t, 0, 384);
	expect_memory(t, 1, 256);
	expect_memory(t, 2, 128);
	return ktstr_run_cgroups(t, KTSTR_CGROUPS({ .name = "far",
						    .work = KTSTR_WORK(PAGE_FAULT_CHURN),
						    .workers = 1,
						    .mem_policy = KTSTR_MEM_BIND,
						    .mem_nodes = "2" }));
}

KTSTR_TEST(on_the_host, .host_only = KTSTR_ON)
{
	ktstr_expect(t, getenv("KTSTR_TEST_ON_HOST") != NULL, "it has its caller's environment");
	ktstr_expect(t, getpid() != 1 && ktstr_ctx_seed(t) == 7, "it is a process of the host, with the seed");
	printf("a line from the host\n");
	return KTSTR_PASS;
}
KTSTR_TEST(fails_on_the_host, .host_only = KTSTR_ON)
{
	ktstr_expect(t, 0, "what it finds is kept");
	return KTSTR_PASS;
}
KTSTR_TEST(dies_on_the_host, .host_only = KTSTR_ON)
{
	raise(SIGSEGV);
	return KTSTR_PASS;
}

/* Two schedulers with the same build command: the command is run once. */
#define BUILD "echo \"$KTSTR_SCHEDULER_PROFILE\" >> profile && cp \"$SIMPLE\" ./built_simple"
KTSTR_SCHEDULER(built, .binary = "./built_simple", .build = BUILD);
KTSTR_SCHEDULER(built_again, .binary = "./built_simple", .build = BUILD);
KTSTR_SCHEDULER(not_built, .binary = "./built_simple", .build = "echo no compiler >&2; exit 3");
KTSTR_TEST(build_works, .scheduler = &built, .staged = KTSTR_STAGED(&built_again))
{
	return KTSTR_PASS;
}
KTSTR_TEST(build_fails, .scheduler = &not_built)
{
	return KTSTR_PASS;
}

KTSTR_TEST(known_fails,
	   .known_fail = KTSTR_KNOWN_FAIL({ .kernel = "99.1", .reason = "not here" },
					  { .kernel = "5.0..99", .scheduler = "eevdf", .reason = "broken" }))
{
	ktstr_expect(t, false, "it is broken");
	return KTSTR_PASS;
}

KTSTR_TEST(known_passes, .known_fail = KTSTR_KNOWN_FAIL({ .reason = "it was broken" }))
{
	return KTSTR_PASS;
}

KTSTR_TEST(known_passes_now_and_then, .known_fail = KTSTR_KNOWN_FAIL({ .reason = "it is luck", .flaky = true }))
{
	return KTSTR_PASS;
}
