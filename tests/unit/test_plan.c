/* SPDX-License-Identifier: GPL-2.0-only */
/* Host topologies from recorded trees, and the planner: examples, properties, brute force. KTSTR_PLAN_CASES=N for more.
 */
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "hosttree.h"
#include "plan_cases.h"
#include "t.h"

#define HOSTS TESTS_DIR "/hosts"

/* --- hosts -------------------------------------------------------------------------------------------------------- */

static const struct {
	const char *name;
	unsigned cpus, llcs, cells, nodes, cores, packages, offline, notes;
} shapes[] = {
	{ "arm-big-little", 8, 1, 1, 1, 8, 1, 0, 0 },
	{ "arm-private-caches", 80, 80, 80, 1, 80, 1, 0, 0 },
	{ "arm-server", 64, 1, 1, 1, 64, 1, 0, 0 },
	{ "bare", 6, 1, 1, 1, 6, 1, 0, 0 },
	{ "ccx-desktop", 32, 2, 2, 1, 16, 1, 0, 0 },
	{ "container", 64, 4, 4, 1, 32, 1, 0, 0 },
	{ "contradictory", 8, 4, 5, 2, 6, 1, 0, 5 },
	{ "cpus-512", 512, 32, 32, 2, 256, 2, 0, 0 },
	{ "cxl", 64, 2, 2, 3, 32, 2, 0, 0 },
	{ "eight-socket", 448, 8, 8, 8, 224, 8, 0, 0 },
	{ "hybrid-desktop", 20, 1, 1, 1, 14, 1, 0, 0 },
	{ "hybrid-laptop", 14, 2, 2, 1, 12, 1, 0, 0 },
	{ "no-cache-directories", 16, 2, 2, 1, 8, 2, 0, 0 },
	{ "node-without-memory", 16, 2, 2, 2, 16, 2, 0, 0 },
	{ "offline-and-holes", 8, 2, 2, 2, 8, 2, 16, 0 },
	{ "one-cpu", 1, 1, 1, 1, 1, 1, 0, 0 },
	{ "sub-numa", 96, 2, 4, 4, 48, 2, 0, 0 },
	{ "two-socket", 96, 2, 2, 2, 48, 2, 0, 0 },
	{ "two-socket-ccx", 256, 32, 32, 8, 128, 2, 0, 0 },
};

/* Every online CPU is in exactly one group of each kind; members and indexes agree. */
static void check_partition(const struct host *h)
{
	struct cpuset_bits seen = { 0 };
	for (unsigned i = 0; i < h->cells; i++) {
		const struct host_cell *c = &h->cell[i];
		ck_assert(!set_meets(&seen, &c->cpus) && !set_empty(&c->cpus));
		set_unite(&seen, &c->cpus);
		set_for_each(cpu, &c->cpus) {
			ck_assert_uint_eq(h->cpu[cpu].llc, c->llc);
			ck_assert_uint_eq(h->cpu[cpu].node, c->node);
			ck_assert_uint_lt(h->cpu[cpu].core, h->cores);
			ck_assert_uint_lt(h->cpu[cpu].package, h->packages);
			ck_assert(cpuset_has(&h->llc[c->llc].cpus, cpu) && cpuset_has(&h->node[c->node].cpus, cpu));
		}
	}
	ck_assert(set_equal(&seen, &h->online));
	for (unsigned a = 0; a < h->nodes; a++)
		for (unsigned b = 0; b < h->nodes; b++)
			ck_assert(h->node[a].distance[b] == h->node[b].distance[a] &&
				  (h->node[a].distance[b] == 10) == (a == b));
}

START_TEST(recorded_hosts_are_understood)
{
	struct host h;
	struct cpuset_bits allowed;
	host_tree_read(HOSTS, shapes[_i].name, &h, &allowed);
	check_partition(&h);
	ck_assert_uint_eq(h.cpus, shapes[_i].cpus);
	ck_assert_uint_eq(h.llcs, shapes[_i].llcs);
	ck_assert_uint_eq(h.cells, shapes[_i].cells);
	ck_assert_uint_eq(h.nodes, shapes[_i].nodes);
	ck_assert_uint_eq(h.cores, shapes[_i].cores);
	ck_assert_uint_eq(h.packages, shapes[_i].packages);
	ck_assert_uint_eq(h.offline, shapes[_i].offline);
	ck_assert_uint_eq(h.notes, shapes[_i].notes);
	host_done(&h);
}
END_TEST

/* The same tree, read from files, gives the same host. */
START_TEST(trees_are_read_from_files_too)
{
	struct host a, b;
	struct cpuset_bits allowed;
	char *root = t_tmpdir();
	host_tree_unpack(HOSTS, "hybrid-laptop", root);
	t_ok(host_read(root, &a, NULL));
	host_tree_read(HOSTS, "hybrid-laptop", &b, &allowed);
	ck_assert_mem_eq(a.cpu, b.cpu, HOST_CPUS_MAX * sizeof(*a.cpu));
	ck_assert_mem_eq(a.node, b.node, HOST_NODES_MAX * sizeof(*a.node));
	ck_assert_mem_eq(a.llc, b.llc, a.llcs * sizeof(*a.llc));
	host_done(&a);
	host_done(&b);
	t_rmdir(root);
}
END_TEST

START_TEST(every_recorded_host_has_its_row)
{
	char *name[HOST_TREES_MAX];
	unsigned count = host_tree_names(HOSTS, name);
	ck_assert_uint_eq(count, ARRAY_SIZE(shapes));
	for (unsigned i = 0; i < count; i++) {
		ck_assert_str_eq(name[i], shapes[i].name);
		free(name[i]);
	}
}
END_TEST

/* Arbitrary sysfs content: the result is a partition, and nothing crashes. */
START_TEST(random_opinions_become_a_partition)
{
	struct rng rng = { 20 };
	struct host_raw *raw = malloc(sizeof(*raw));
	for (unsigned round = 0; round < 500; round++) {
		unsigned cpus = 1 + (unsigned)rng_below(&rng, 24);
		struct host h;
		memset(raw, 0, sizeof(*raw));
		for (unsigned c = 0; c < cpus; c++) {
			struct cpuset_bits *sets[] = { &raw->cpu[c].llc, &raw->cpu[c].core, &raw->cpu[c].package };
			cpuset_add(&raw->online, c * 3);
			for (unsigned s = 0; s < ARRAY_SIZE(sets); s++)
				sets[s]->word[0] = rng_next(&rng) & rng_next(&rng);
		}
		raw->nodes = (unsigned)rng_below(&rng, 5);
		for (unsigned n = 0; n < raw->nodes; n++) {
			raw->node[n].id = (uint16_t)n;
			raw->node[n].cpus.word[0] = rng_next(&rng) & rng_next(&rng);
			raw->node[n].distance[rng_below(&rng, 5)] = (uint16_t)rng_next(&rng);
		}
		t_ok(host_build(raw, &h, NULL));
		check_partition(&h);
		host_done(&h);
	}
	free(raw);
}
END_TEST

START_TEST(this_machine_is_understood)
{
	struct host h;
	struct cpuset_bits allowed;
	t_ok(host_read("", &h, NULL));
	t_ok(cpus_allowed(&allowed, NULL));
	check_partition(&h);
	host_done(&h);
}
END_TEST

START_TEST(a_root_without_sysfs_is_an_error)
{
	struct host h;
	struct err *err = NULL;
	t_errno(host_read("/nonexistent", &h, &err), ENOENT);
	t_err_contains(&err, "is sysfs mounted on /sys?");
}
END_TEST

START_TEST(distances_are_numbers)
{
	uint16_t d[4];
	ck_assert_int_eq(distances_parse("10 21\n", d, 4), 2);
	ck_assert_uint_eq(d[1], 21);
	ck_assert_int_eq(distances_parse("", d, 4), 0);
	t_errno(distances_parse("10 0", d, 4), EINVAL);
	t_errno(distances_parse("10 x", d, 4), EINVAL);
	t_errno(distances_parse("1 2 3 4 5", d, 4), EINVAL);
	t_errno(distances_parse("99999999999", d, 4), EINVAL);
}
END_TEST

/* --- plans, by example -------------------------------------------------------------------------------------------- */

static const struct {
	const char *host;
	struct cpu_request request;
	const char *busy_cpus, *shared_llcs, *exclusive_llcs; /* lists, or NULL */
	int result;
	const char *cpus, *llcs, *mems;
	int service; /* -1: none */
} examples[] = {
	/* Siblings are taken together, in one LLC. */
	{ "ccx-desktop", { PLAN_DEFAULT, { 1, 1, 4, 1 } }, 0, 0, 0, 0, "0-1,16-17", "0", "0", -1 },
	{ "ccx-desktop", { PLAN_DEFAULT, { 1, 2, 2, 2 } }, 0, 0, 0, 0, "0-3,16-19", "0", "0", -1 },
	/* A shared LLC is preferred; its held CPUs are not used. */
	{ "ccx-desktop", { PLAN_DEFAULT, { 1, 1, 4, 1 } }, "8,24", "1", 0, 0, "9-10,25-26", "1", "0", -1 },
	/* There is room for two blocks of four only over both LLCs. */
	{ "ccx-desktop",
	  { PLAN_DEFAULT, { 1, 2, 2, 2 } },
	  "0-4,16-20,8-12,24-28",
	  "0-1",
	  0,
	  0,
	  "5-6,13-14,21-22,29-30",
	  "0-1",
	  "0",
	  -1 },
	{ "ccx-desktop", { PLAN_DEFAULT, { 1, 2, 2, 2 } }, "0-31", "0-1", 0, -EBUSY },
	{ "ccx-desktop", { PLAN_DEFAULT, { 1, 1, 4, 1 }, .service = true }, 0, 0, 0, 0, "0-2,16-17", "0", "0", 2 },
	/* An exclusive LLC, one vCPU per core, the service CPU beside them. */
	{ "ccx-desktop", { PLAN_PERFORMANCE, { 1, 1, 4, 1 } }, 0, 0, 0, 0, "0-4", "0", "0", 4 },
	{ "ccx-desktop", { PLAN_PERFORMANCE, { 1, 1, 8, 2 } }, 0, "0", 0, 0, "0,8-15,24-31", "0-1", "0", 0 },
	{ "ccx-desktop", { PLAN_PERFORMANCE, { 1, 2, 8, 2 } }, 0, 0, 0, -ERANGE },
	{ "ccx-desktop", { PLAN_PERFORMANCE, { 1, 1, 2, 1 } }, 0, "1", "0", -EBUSY },
	/* A plan that does not fit in one node also uses the nearest nodes. */
	{ "eight-socket", { PLAN_BUDGET, .cpus = 60 }, 0, "2", 0, 0, "0-1,56-83,224-225,280-307", "0,2", "0,2", -1 },
	{ "two-socket-ccx", { PLAN_BUDGET, .cpus = 40 }, 0, 0, 0, 0, "0-19,128-147", "0-4", "0-1", -1 },
	{ "two-socket-ccx", { PLAN_BUDGET, .cpus = 9 }, 0, "5", 0, 0, "16,20-23,148-151", "4-5", "1", -1 },
	/* Equal budgets of different processes use different CPUs. */
	{ "ccx-desktop", { PLAN_BUDGET, .cpus = 2 }, 0, 0, 0, 0, "0,16", "0", "0", -1 },
	{ "ccx-desktop", { PLAN_BUDGET, .cpus = 2, .rotate = 19 }, 0, 0, 0, 0, "2,17", "0", "0", -1 },
	/* Sub-NUMA clustering: half of an LLC is a node. */
	{ "sub-numa", { PLAN_BUDGET, .cpus = 24 }, 0, 0, 0, 0, "0-11,48-59", "0", "0", -1 },
	{ "node-without-memory", { PLAN_BUDGET, .cpus = 8 }, 0, "1", 0, 0, "8-15", "1", "0", -1 },
	{ "cxl", { PLAN_BUDGET, .cpus = 64 }, 0, 0, 0, 0, "0-63", "0-1", "0-1", -1 },
	{ "container", { PLAN_BUDGET, .cpus = 6 }, 0, 0, 0, 0, "4-6,36-38", "0", "0", -1 },
	{ "container", { PLAN_BUDGET, .cpus = 9 }, 0, 0, 0, -ERANGE },
	/* More vCPUs than CPUs: the plan uses all CPUs and reserves none. */
	{ "container", { PLAN_DEFAULT, { 1, 3, 3, 1 } }, 0, 0, 0, 0, "4-6,9,36-38,41", "0-1", "0", -1 },
	/* Fast cores first, then small ones. */
	{ "hybrid-desktop", { PLAN_DEFAULT, { 1, 1, 6, 2 } }, 0, 0, 0, 0, "0-11", "0", "0", -1 },
	{ "arm-big-little", { PLAN_BUDGET, .cpus = 3 }, 0, 0, 0, 0, "4-6", "0", "0", -1 },
	{ "offline-and-holes", { PLAN_BUDGET, .cpus = 5 }, 0, 0, 0, 0, "0-3,8", "0-1", "0,2", -1 },
	{ "one-cpu", { PLAN_BUDGET, .cpus = 1 }, "0", "0", 0, 0, "0", "0", "0", -1 },
	{ "one-cpu", { PLAN_PERFORMANCE, { 1, 1, 1, 1 } }, 0, 0, 0, -ERANGE },
};

static void set_holders(struct plan_holders *h, const char *cpus, const char *shared, const char *exclusive)
{
	struct cpuset_bits llcs;
	t_ok(cpuset_parse(cpus ? cpus : "", &h->cpus));
	t_ok(cpuset_parse(exclusive ? exclusive : "", &h->llc_exclusive));
	t_ok(cpuset_parse(shared ? shared : "", &llcs));
	set_for_each(llc, &llcs)
		h->llc_shared[llc] = 1;
}

START_TEST(plans_are_as_people_would_make_them)
{
	struct host h;
	struct cpuset_bits allowed;
	struct plan_holders holders = { 0 };
	struct cpu_plan p;
	char text[CPUSET_TEXT_MAX];
	struct err *err = NULL;
	host_tree_read(HOSTS, examples[_i].host, &h, &allowed);
	set_holders(&holders, examples[_i].busy_cpus, examples[_i].shared_llcs, examples[_i].exclusive_llcs);
	ck_assert_int_eq(cpu_plan_make(&h, &allowed, &holders, &examples[_i].request, &p, &err), examples[_i].result);
	if (!examples[_i].result) {
		ck_assert_str_eq(cpuset_format(&p.cpus, text, sizeof(text)), examples[_i].cpus);
		ck_assert_str_eq(cpuset_format(&p.llcs, text, sizeof(text)), examples[_i].llcs);
		ck_assert_str_eq(cpuset_format(&p.mems, text, sizeof(text)), examples[_i].mems);
		ck_assert_int_eq(p.service == HOST_NONE ? -1 : p.service, examples[_i].service);
	}
	err_free(err);
	host_done(&h);
}
END_TEST

START_TEST(crossing_nodes_is_said)
{
	struct host h;
	struct cpuset_bits allowed;
	struct cpu_request request = { PLAN_BUDGET, .cpus = 40 };
	struct cpu_plan p;
	struct buf out = BUF_NULL;
	host_tree_read(HOSTS, "two-socket-ccx", &h, &allowed);
	t_ok(cpu_plan_make(&h, &allowed, NULL, &request, &p, NULL));
	ck_assert(cpu_plan_crosses_nodes(&h, &p, &out));
	ck_assert_ptr_nonnull(
		strstr(out.data, "reserving LLCs [0 (node 0), 1 (node 0), 2 (node 0), 3 (node 0), 4 (node 1)]"));
	buf_done(&out);
	host_done(&h);
}
END_TEST

START_TEST(refusals_name_numbers)
{
	struct host h;
	struct cpuset_bits allowed;
	struct plan_holders holders = { 0 };
	struct cpu_request request = { PLAN_DEFAULT, { 1, 2, 8, 2 } };
	struct cpu_plan p;
	struct err *err = NULL;
	host_tree_read(HOSTS, "ccx-desktop", &h, &allowed);
	set_holders(&holders, "3", "0", NULL);
	t_errno(cpu_plan_make(&h, &allowed, &holders, &request, &p, &err), EBUSY);
	ck_assert_int_eq(err_kind_of(err), ERR_BUSY);
	t_err_contains(&err, "32 CPUs are not available: 1 of 32 allowed CPUs are held");
	request.tier = PLAN_PERFORMANCE;
	request.topology.llcs = 1;
	request.topology.cores = 2;
	holders.llc_shared[1] = 1;
	t_errno(cpu_plan_make(&h, &allowed, &holders, &request, &p, &err), EBUSY);
	t_err_contains(&err, "all 2 LLC slots busy");
	host_done(&h);
}
END_TEST

/* --- properties --------------------------------------------------------------------------------------------------- */

static unsigned long cases(void)
{
	const char *said = getenv("KTSTR_PLAN_CASES");
	uint64_t n;
	return said && parse_u64(said, &n) == 0 ? (unsigned long)n : 5000;
}

START_TEST(no_plan_breaks_an_invariant)
{
	struct host host[HOST_TREES_MAX];
	struct cpuset_bits allowed[HOST_TREES_MAX];
	struct rng rng = { 1 };
	struct plan_case c;
	struct cpu_plan p;
	unsigned made = 0;
	for (unsigned i = 0; i < ARRAY_SIZE(shapes); i++)
		host_tree_read(HOSTS, shapes[i].name, &host[i], &allowed[i]);
	for (unsigned long n = 0; n < cases(); n++) {
		unsigned i = (unsigned)(n % ARRAY_SIZE(shapes));
		plan_case_draw(&c, &host[i], &allowed[i], &rng);
		int r = cpu_plan_make(c.host, &c.allowed, &c.holders, &c.request, &p, NULL);
		const char *wrong = plan_case_check(&c, r, &p);
		ck_assert_msg(!wrong, "case %lu on %s, tier %d: %s", n, shapes[i].name, c.request.tier, wrong);
		made += r == 0;
	}
	/* The random cases are useful only if enough of them have a plan. */
	ck_assert_uint_gt(made, cases() / 4);
	for (unsigned i = 0; i < ARRAY_SIZE(shapes); i++)
		host_done(&host[i]);
}
END_TEST

START_TEST(plans_are_the_best_of_all)
{
	struct rng rng = { 2 };
	unsigned made = 0;
	for (unsigned long n = 0; n < cases() / 5; n++) {
		struct host h;
		struct plan_case c;
		struct cpu_plan p;
		plan_host_draw(&h, 4, 7, 8, &rng);
		plan_case_draw(&c, &h, &h.online, &rng);
		c.request.topology = (struct ktstr_topology){ 1, 1 + (unsigned)rng_below(&rng, 4),
							      1 + (unsigned)rng_below(&rng, 3), 1 };
		c.request.service = false;
		int r = cpu_plan_make(&h, &c.allowed, &c.holders, &c.request, &p, NULL);
		const char *wrong = plan_case_check(&c, r, &p);
		wrong = wrong ? wrong : plan_case_brute(&c, r, &p);
		ck_assert_msg(!wrong, "case %lu, tier %d, %u LLCs: %s", n, c.request.tier, h.llcs, wrong);
		made += r == 0;
		host_done(&h);
	}
	ck_assert_uint_gt(made, cases() / 5 / 4);
}
END_TEST

/* Numbers of CPUs, LLCs and nodes are only names: renumbering does not make the plan worse. */
START_TEST(plans_do_not_depend_on_numbers)
{
	struct rng rng = { 3 };
	uint16_t map[HOST_CPUS_MAX];
	for (unsigned long n = 0; n < cases() / 10; n++) {
		struct host h, other;
		struct plan_case c, d;
		struct cpu_plan p, q;
		plan_host_draw(&h, 4, 12, 12, &rng);
		plan_case_draw(&c, &h, &h.online, &rng);
		plan_host_relabel(&h, &other, map, &rng);
		d = (struct plan_case){ .host = &other, .request = c.request };
		set_for_each(cpu, &c.allowed)
			cpuset_add(&d.allowed, map[cpu]);
		set_for_each(cpu, &c.holders.cpus)
			cpuset_add(&d.holders.cpus, map[cpu]);
		for (unsigned l = 0; l < h.llcs; l++) {
			unsigned to = other.cpu[map[set_next(&h.llc[l].cpus, 0)]].llc;
			d.holders.llc_shared[to] = c.holders.llc_shared[l];
			if (cpuset_has(&c.holders.llc_exclusive, l))
				cpuset_add(&d.holders.llc_exclusive, to);
		}
		int r = cpu_plan_make(&h, &c.allowed, &c.holders, &c.request, &p, NULL);
		int s = cpu_plan_make(&other, &d.allowed, &d.holders, &d.request, &q, NULL);
		ck_assert_int_eq(r, s);
		if (r < 0 || c.request.service || c.request.tier == PLAN_PERFORMANCE) {
			host_done(&h);
			host_done(&other);
			continue;
		}
		ck_assert_uint_eq(p.nodes, q.nodes);
		ck_assert_uint_eq(p.aligned, q.aligned);
		ck_assert_uint_eq(cpuset_count(&p.cpus), cpuset_count(&q.cpus));
		if (p.nodes == 1)
			ck_assert_uint_eq(cpuset_count(&p.llcs), cpuset_count(&q.llcs));
		host_done(&h);
		host_done(&other);
	}
}
END_TEST

/* --- budgets ------------------------------------------------------------------------------------------------------ */

static const struct {
	struct cpu_budget_words words;
	unsigned allowed, vcpus;
	int result;
	unsigned cpus;
	const char *text;
} budgets[] = {
	{ { 0 }, 10, 0, 0, 3, 0 },
	{ { 0 }, 1, 0, 0, 1, 0 },
	{ { 0 }, 11, 0, 0, 4, 0 },
	{ { 0 }, 10, 8, 0, 8, 0 },
	{ { 0 }, 10, 80, 0, 10, 0 },
	{ { .flag = "2", .cap = "9" }, 10, 8, 0, 2, 0 },
	{ { .cap = "9" }, 10, 0, 0, 9, 0 },
	{ { .flag = "0" }, 10, 0, -EINVAL, 0, "--cpu-cap must be at least 1 CPU (got 0)" },
	{ { .cap = "x" }, 10, 0, -EINVAL, 0, "KTSTR_CPU_CAP: 'x' is not a valid number" },
	{ { .flag = "11" }, 10, 0, -ERANGE, 0, "--cpu-cap 11 is more than the 10 CPUs this process may use" },
	{ { .flag = "2", .bypass = "1" }, 10, 0, -EINVAL, 0, "resource contract" },
	{ { .bypass = "1" }, 10, 0, 0, 3, 0 },
};

START_TEST(budgets_are_resolved)
{
	struct cpu_budget b = { 0 };
	struct err *err = NULL;
	int r = cpu_budget_resolve(&budgets[_i].words, budgets[_i].allowed, budgets[_i].vcpus, &b, &err);
	ck_assert_int_eq(r, budgets[_i].result);
	ck_assert_uint_eq(b.cpus, budgets[_i].cpus);
	if (r < 0)
		t_err_contains(&err, budgets[_i].text);
}
END_TEST

static void fill(TCase *tc)
{
	tcase_add_loop_test(tc, recorded_hosts_are_understood, 0, ARRAY_SIZE(shapes));
	tcase_add_test(tc, trees_are_read_from_files_too);
	tcase_add_test(tc, every_recorded_host_has_its_row);
	tcase_add_test(tc, random_opinions_become_a_partition);
	tcase_add_test(tc, this_machine_is_understood);
	tcase_add_test(tc, a_root_without_sysfs_is_an_error);
	tcase_add_test(tc, distances_are_numbers);
	tcase_add_loop_test(tc, plans_are_as_people_would_make_them, 0, ARRAY_SIZE(examples));
	tcase_add_test(tc, crossing_nodes_is_said);
	tcase_add_test(tc, refusals_name_numbers);
	tcase_add_test(tc, no_plan_breaks_an_invariant);
	tcase_add_test(tc, plans_are_the_best_of_all);
	tcase_add_test(tc, plans_do_not_depend_on_numbers);
	tcase_add_loop_test(tc, budgets_are_resolved, 0, ARRAY_SIZE(budgets));
}

int main(void)
{
	return t_main("plan", fill);
}
