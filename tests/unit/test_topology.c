/* SPDX-License-Identifier: GPL-2.0-only */
/* Topologies whose nodes are described one by one: the rejected ones, and the machines that are made of them. */
#include <string.h>

#include "t.h"
#include "topo/presets.h"
#include "topo/topology.h"
#include "vmm/qemu/argv.h"
#include "vmm/x86/ram.h"

#define THREE                                                                                                          \
	{                                                                                                              \
		.numa_nodes = 3, .llcs = 3, .cores = 2, .threads = 1, .nodes = { { 2, 384 }, { 1, 256 }, { 0, 128 } }, \
		.distances = { 10, 15, 30, 15, 10, 40, 30, 40, 10 },                                                   \
	}

static const struct ktstr_topology three = THREE;

START_TEST(nodes_have_what_is_said_of_them)
{
	unsigned cpu = 99;
	t_ok(topology_check(&three, NULL));
	ck_assert_uint_eq(topology_described_mib(&three), 768);
	ck_assert_uint_eq(topology_node_mib(&three, 1, 768), 256);
	ck_assert_uint_eq(topology_distance(&three, 2, 1), 40);
	for (unsigned llc = 0; llc < 3; llc++)
		ck_assert_uint_eq(ktstr_node_of_llc(&three, llc), llc / 2);
	ck_assert(topology_first_cpu(&three, 1, &cpu) && cpu == 4);
	ck_assert(!topology_first_cpu(&three, 2, &cpu));
}
END_TEST

START_TEST(nodes_that_are_alike_share)
{
	const struct ktstr_topology t = { 2, 4, 2, 1, .distances = { 10, 31, 31, 10 } };
	t_ok(topology_check(&t, NULL));
	ck_assert_uint_eq(topology_described_mib(&t), 0);
	ck_assert_uint_eq(topology_node_mib(&t, 0, 513) + topology_node_mib(&t, 1, 513), 513);
	ck_assert_uint_eq(ktstr_node_of_llc(&t, 1), 0);
	ck_assert_uint_eq(ktstr_node_of_llc(&t, 2), 1);
	ck_assert_uint_eq(topology_distance(&t, 0, 1), 31);
	ck_assert_uint_eq(topology_distance(&(struct ktstr_topology){ 2, 2, 1, 1 }, 0, 1), 20);
}
END_TEST

static const struct {
	struct ktstr_topology t;
	const char *why;
} bad[] = {
	{ { 1, 1, 2, 1, .nodes = { { 1, 200 } } }, "node 0 has 200 MiB" },
	{ { 1, 1, 2, 1, .nodes = { { 1, 128 } } }, "must have 256" },
	{ { 2, 1, 2, 1, .nodes = { { 0, 256 }, { 1, 256 } } }, "the first node has no CPUs" },
	{ { 1, 2, 2, 1, .nodes = { { 1, 256 } } }, "1 NUMA nodes and 2 LLCs, but its nodes are 1 with 1" },
	{ { 1, 1, 2, 1, .nodes = { { 1, 256 }, { 1, 0 } } }, "node 1 has LLCs and no memory" },
	{ { 2, 2, 1, 1, .distances = { 10, 20, 20 } }, "3 distances, must be 4" },
	{ { 1, 1, 1, 1, .distances = { 10, 20, 20, 10 } }, "4 distances, must be 1" },
	{ { 2, 2, 1, 1, .distances = { 11, 20, 20, 10 } }, "from node 0 to node 0 is 11, must be 10" },
	{ { 2, 2, 1, 1, .distances = { 10, 10, 10, 10 } }, "from node 0 to node 1 is 10, must be 11 to 254" },
	{ { 2, 2, 1, 1, .distances = { 10, 255, 255, 10 } }, "is 255, must be 11 to 254" },
	{ { 2, 2, 1, 1, .distances = { 10, 20, 21, 10 } }, "it is 20, and 21 back" },
	{ { 9, 9, 1, 1, .distances = { 10 } }, "of at most 8" },
};

/* Texts that are read and written back. */
static const char *const kinds[] = { "1n1l8c1t:4x446+4x1024", "1n2l4c2t:7x10+1x1024", "1n1l2c1t:2x1024",
				     "1n1l8c1t:2x1+2x2+2x3+2x1024" };

START_TEST(cores_of_several_kinds_have_a_text)
{
	char text[TOPOLOGY_TEXT_MAX];
	struct ktstr_topology t;
	t_ok(topology_parse(kinds[_i], &t, NULL));
	ck_assert_str_eq(topology_format(&t, text), kinds[_i]);
	ck_assert(topology_has_kinds(&t));
}
END_TEST

START_TEST(a_core_has_the_capacity_of_its_kind)
{
	struct ktstr_topology t, equal;
	t_ok(topology_parse("1n1l8c1t:4x446+4x1024", &t, NULL));
	ck_assert_uint_eq(ktstr_core_capacity(&t, 3), 446);
	ck_assert_uint_eq(ktstr_core_capacity(&t, 4), 1024);
	t_ok(topology_parse("1,1,8,1", &equal, NULL));
	ck_assert(!topology_has_kinds(&equal));
	ck_assert_uint_eq(ktstr_core_capacity(&equal, 3), 1024);
	ck_assert(preset_find("4big-4little") && !memcmp(&preset_find("4big-4little")->topology, &t, sizeof(t)));
}
END_TEST

static const struct {
	const char *text, *why;
} bad_kinds[] = {
	{ "1n1l8c1t:4x446", "its kinds have 4 cores, and the machine has 8" },
	{ "1n1l8c1t:4x446+4x512", "the largest capacity is 512, must be 1024" },
	{ "1n1l8c1t:4x446+4x1025", "kind 1 has capacity 1025" },
	{ "1n1l8c1t:", "is not a valid topology" },
	{ "1n1l8c1t:8x1024+", "is not a valid topology" },
	{ "1n1l8c1t:8x", "is not a valid topology" },
	{ "1n1l8c1t:8x1024,", "is not a valid topology" },
	{ "1n1l5c1t:1x1+1x1+1x1+1x1+1x1024", "is not a valid topology" },
};

START_TEST(kinds_that_cannot_be_are_refused)
{
	struct ktstr_topology t;
	struct err *err = NULL;
	ck_assert_int_lt(topology_parse(bad_kinds[_i].text, &t, &err), 0);
	t_err_contains(&err, bad_kinds[_i].why);
}
END_TEST

START_TEST(cores_of_several_kinds_need_parallel_time)
{
	char why[200];
	struct vm_config c = { .memory_mib = 512 };
	t_ok(topology_parse(kinds[0], &c.topology, NULL));
	for (unsigned arch = 0; arch < ARCH_COUNT; arch++) {
		c.arch = (enum arch)arch;
		c.lag_ns = 0;
		ck_assert(strstr(qemu_refuses(&c, why, sizeof(why)), "parallel time"));
		c.lag_ns = 5000;
		ck_assert_ptr_null(qemu_refuses(&c, why, sizeof(why)));
	}
}
END_TEST

START_TEST(what_cannot_be_is_refused)
{
	struct err *err = NULL;
	ck_assert_int_lt(topology_check(&bad[_i].t, &err), 0);
	t_err_contains(&err, bad[_i].why);
}
END_TEST

START_TEST(qemu_is_told)
{
	static const char *const wanted[] = { "size=402653184,",	   "size=268435456,",
					      "size=134217728,",	   "cpu,node-id=0,socket-id=1",
					      "cpu,node-id=1,socket-id=2", "dist,src=1,dst=2,val=40",
					      "dist,src=2,dst=2,val=10" };
	struct vm_config c = { .topology = THREE, .memory_mib = 768, .kernel = "/k" };
	struct guestmem m;
	struct qemu_argv a;
	_cleanup_buf_ struct buf line = BUF_NULL;
	guestmem_plan_for(&m, &c.topology, c.memory_mib);
	t_ok(qemu_argv_build(&a, &c, &m));
	for (unsigned i = 0; i < a.count; i++)
		buf_appendf(&line, "%s ", a.arg[i]);
	qemu_argv_done(&a);
	for (size_t i = 0; i < ARRAY_SIZE(wanted); i++)
		ck_assert_msg(strstr(buf_str(&line), wanted[i]), "%s is not in %s", wanted[i], buf_str(&line));
	ck_assert_ptr_null(strstr(buf_str(&line), "node-id=2"));
}
END_TEST

START_TEST(two_descriptions_are_two_machines)
{
	_cleanup_buf_ struct buf a = BUF_NULL, b = BUF_NULL, c = BUF_NULL;
	struct ktstr_topology other = THREE, far = THREE;
	other.nodes[2].memory_mib = 256;
	far.distances[1] = far.distances[3] = 16;
	topology_describe(&three, &a);
	topology_describe(&other, &b);
	topology_describe(&far, &c);
	ck_assert(strcmp(buf_str(&a), buf_str(&b)) && strcmp(buf_str(&a), buf_str(&c)));
}
END_TEST

START_TEST(a_node_of_its_own_size_lies_around_the_gap)
{
	const uint64_t mib[] = { 256, 4096, 128 };
	struct x86_ram ram;
	t_ok(x86_ram_plan_nodes(3, mib, &ram, NULL));
	uint64_t bytes[3] = { 0 };
	for (unsigned i = 0; i < ram.count; i++)
		bytes[ram.region[i].node] += ram.region[i].size;
	for (unsigned i = 0; i < 3; i++)
		ck_assert_uint_eq(bytes[i], mib[i] << 20);
	ck_assert_uint_gt(ram.count, 3);
	t_errno(x86_ram_plan_nodes(2, (const uint64_t[]){ UINT64_MAX, 1 }, &ram, NULL), ERANGE);
}
END_TEST

static void fill(TCase *tc)
{
	tcase_add_test(tc, nodes_have_what_is_said_of_them);
	tcase_add_test(tc, nodes_that_are_alike_share);
	tcase_add_loop_test(tc, what_cannot_be_is_refused, 0, ARRAY_SIZE(bad));
	tcase_add_loop_test(tc, cores_of_several_kinds_have_a_text, 0, ARRAY_SIZE(kinds));
	tcase_add_test(tc, a_core_has_the_capacity_of_its_kind);
	tcase_add_loop_test(tc, kinds_that_cannot_be_are_refused, 0, ARRAY_SIZE(bad_kinds));
	tcase_add_test(tc, cores_of_several_kinds_need_parallel_time);
	tcase_add_test(tc, qemu_is_told);
	tcase_add_test(tc, two_descriptions_are_two_machines);
	tcase_add_test(tc, a_node_of_its_own_size_lies_around_the_gap);
}

int main(void)
{
	return t_main("topology", fill);
}
