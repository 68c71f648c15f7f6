/* SPDX-License-Identifier: GPL-2.0-only */
/* suite.c -- reads the list that a test binary prints. The binary is not trusted: everything is checked. */
#include <fcntl.h>
#include <string.h>
#include <sys/wait.h>

#include <ktstr/test.h>

#include "base/file.h"
#include "base/json.h"
#include "base/test_name.h"
#include "base/text.h"
#include "reactor/child.h"
#include "reactor/machine.h"
#include "run/known_fail.h"
#include "run/suite.h"
#include "topo/topology.h"

static void test_done(struct test_decl *t)
{
	free(t->name);
	free(t->file);
	free(t->problem);
	free(t->load_limits);
	strings_free(t->sched_args);
	strings_free(t->include_files);
	free(t->payload);
	for (size_t i = 0; i < t->payloads; i++) {
		free(t->payload_list[i].name);
		free(t->payload_list[i].binary);
		free(t->payload_list[i].kit);
		strings_free(t->payload_list[i].include_files);
		free(t->payload_list[i].hint);
		strings_free(t->payload_list[i].metrics);
	}
	free(t->payload_list);
	for (size_t i = 0; i < t->known_fails; i++) {
		free(t->known_fail[i].kernel);
		free(t->known_fail[i].scheduler);
		free(t->known_fail[i].reason);
	}
	free(t->known_fail);
	json_decref(t->perf_gates);
	free(t->expect_contains);
	free(t->expect_matches);
	free(t->workload_root);
	free(t->config);
	free(t->staged);
	seen_decl_done(&t->seen);
	device_decl_done(&t->devices);
	if (t->cell) {
		free(t->cell->label);
		free(t->cell->profile);
		free(t->cell->origin);
	}
	free(t->cell);
	free(t->question);
}

const char *test_workload_root(const struct test_decl *t)
{
	return t->workload_root ? t->workload_root : t->scheduler ? t->scheduler->cgroup_parent : NULL;
}

nsec_t test_attach_timeout(const struct test_decl *t)
{
	unsigned longest = t->scheduler ? t->scheduler->attach_timeout_s : 0;
	for (size_t i = 0; t->staged && t->staged[i]; i++)
		longest = MAX_OF(longest, t->staged[i]->attach_timeout_s);
	return longest * NSEC_PER_SEC;
}

void suite_done(struct suite *s)
{
	for (size_t i = 0; i < s->schedulers; i++)
		sched_decl_done(&s->scheduler[i]);
	for (size_t i = 0; i < s->tests; i++)
		test_done(&s->test[i]);
	free(s->scheduler);
	free(s->test);
	free(s->problem);
	free(s->scenario);
	free(s->path);
	*s = (struct suite){ 0 };
}

/* --- JSON to declarations ----------------------------------------------------------------------------------------- */

static int find_scheduler(const struct suite *s, const json_t *o, const struct sched_decl **ret, struct err **err)
{
	const char *name = json_string_value(json_object_get(o, "scheduler"));
	*ret = NULL;
	for (size_t i = 0; name && i < s->schedulers; i++)
		if (!strcmp(s->scheduler[i].name, name))
			*ret = &s->scheduler[i];
	return name && !*ret ? FAIL(err, ERR_DATA, -EBADMSG, "scheduler '%s' is not declared", name) : 0;
}

static int find_staged(const struct suite *s, const json_t *o, const struct sched_decl ***ret, struct err **err)
{
	const json_t *names = json_object_get(o, "staged");
	*ret = calloc(json_array_size(names) + 1, sizeof(**ret));
	for (size_t i = 0; *ret && i < json_array_size(names); i++) {
		const char *name = json_string_value(json_array_get(names, i));
		for (size_t k = 0; name && k < s->schedulers; k++)
			if (!strcmp(s->scheduler[k].name, name))
				(*ret)[i] = &s->scheduler[k];
		if (!(*ret)[i])
			return FAIL(err, ERR_DATA, -EBADMSG, "staged[%zu]: scheduler '%s' is not declared", i,
				    name ? name : "");
	}
	return *ret ? 0 : -ENOMEM;
}

static int parse_nodes(const json_t *o, struct ktstr_topology *t, struct err **err)
{
	const json_t *list = json_object_get(o, "nodes");
	if (json_array_size(list) > KTSTR_NODES_MAX)
		return FAIL(err, ERR_DATA, -E2BIG, "nodes: more than %d", KTSTR_NODES_MAX);
	for (size_t i = 0; i < json_array_size(list); i++) {
		int r = list_get_unsigned(json_array_get(list, i), "llcs", &t->nodes[i].llcs, err);
		if (r == 0)
			r = list_get_unsigned(json_array_get(list, i), "memory_mib", &t->nodes[i].memory_mib, err);
		if (r < 0)
			return err_wrap(err, r, "nodes[%zu]", i);
	}
	return 0;
}

static int parse_distances(const json_t *o, struct ktstr_topology *t, struct err **err)
{
	const json_t *list = json_object_get(o, "distances");
	if (json_array_size(list) > ARRAY_SIZE(t->distances))
		return FAIL(err, ERR_DATA, -E2BIG, "distances: more than %zu", ARRAY_SIZE(t->distances));
	for (size_t i = 0; i < json_array_size(list); i++) {
		json_int_t d = json_integer_value(json_array_get(list, i));
		if (d < 0 || d > UINT8_MAX)
			return FAIL(err, ERR_DATA, -ERANGE, "distances[%zu]: must be 0 to 255", i);
		t->distances[i] = (unsigned char)d;
	}
	return 0;
}

static int parse_kinds(const json_t *o, struct ktstr_topology *t, struct err **err)
{
	const json_t *list = json_object_get(o, "kinds");
	if (json_array_size(list) > KTSTR_KINDS_MAX)
		return FAIL(err, ERR_DATA, -E2BIG, "kinds: more than %d", KTSTR_KINDS_MAX);
	for (size_t i = 0; i < json_array_size(list); i++) {
		int r = list_get_unsigned(json_array_get(list, i), "cores", &t->kinds[i].cores, err);
		if (r == 0)
			r = list_get_unsigned(json_array_get(list, i), "capacity", &t->kinds[i].capacity, err);
		if (r < 0)
			return err_wrap(err, r, "kinds[%zu]", i);
	}
	return 0;
}

static int parse_topology(const json_t *o, struct ktstr_topology *t, struct err **err)
{
	int r = list_get_unsigned(o, "numa_nodes", &t->numa_nodes, err);
	if (r == 0)
		r = list_get_unsigned(o, "llcs", &t->llcs, err);
	if (r == 0)
		r = list_get_unsigned(o, "cores", &t->cores, err);
	if (r == 0)
		r = list_get_unsigned(o, "threads", &t->threads, err);
	if (r == 0)
		r = parse_nodes(o, t, err);
	if (r == 0)
		r = parse_distances(o, t, err);
	return r == 0 ? parse_kinds(o, t, err) : r;
}

static const struct {
	const char *key;
	size_t at;
	bool optional;
} switches[] = {
	{ "expect_err", offsetof(struct test_decl, expect_err), false },
	{ "allow_inconclusive", offsetof(struct test_decl, allow_inconclusive), false },
	{ "host_only", offsetof(struct test_decl, host_only), false },
	{ "performance_mode", offsetof(struct test_decl, performance_mode), false },
	{ "no_perf_mode", offsetof(struct test_decl, no_perf_mode), false },
	{ "expect_auto_repro", offsetof(struct test_decl, expect_auto_repro), false },
	{ "survives_storm", offsetof(struct test_decl, survives_storm), false },
	{ "kaslr", offsetof(struct test_decl, kaslr), true },
};

static const struct {
	const char *key;
	size_t at;
	bool optional;
} numbers[] = {
	{ "memory_mib", offsetof(struct test_decl, memory_mib), false },
	{ "workers_per_cgroup", offsetof(struct test_decl, workers_per_cgroup), false },
	{ "cpu_budget", offsetof(struct test_decl, cpu_budget), true },
	{ "cleanup_budget_ms", offsetof(struct test_decl, cleanup_budget_ms), true },
	{ "watchdog_timeout_s", offsetof(struct test_decl, watchdog_timeout_s), true },
};

static const struct {
	const char *key;
	size_t at;
} texts[] = {
	{ "expect_scx_error_contains", offsetof(struct test_decl, expect_contains) },
	{ "expect_scx_error_matches", offsetof(struct test_decl, expect_matches) },
	{ "workload_root_cgroup", offsetof(struct test_decl, workload_root) },
	{ "config", offsetof(struct test_decl, config) },
};

static char **text_at(struct test_decl *t, size_t i)
{
	return (char **)(void *)((char *)t + texts[i].at);
}

/* A test whose name begins with "demo_" is ignored unless it says otherwise. */
static int parse_ignore(const json_t *o, struct test_decl *t, struct err **err)
{
	enum ktstr_switch ignore = KTSTR_UNSET;
	int r = json_object_get(o, "ignore") ? list_get_switch(o, "ignore", &ignore, err) : 0;
	t->ignored = ignore == KTSTR_UNSET ? !strncmp(t->name, "demo_", 5) : ignore == KTSTR_ON;
	return r;
}

static int parse_auto_repro(const json_t *o, struct test_decl *t, struct err **err)
{
	enum ktstr_switch value = KTSTR_UNSET;
	int r = json_object_get(o, "auto_repro") ? list_get_switch(o, "auto_repro", &value, err) : 0;
	t->auto_repro = value != KTSTR_OFF;
	return r;
}

static int parse_numbers(const json_t *o, struct test_decl *t, struct err **err)
{
	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
		unsigned *to = (unsigned *)(void *)((char *)t + numbers[i].at);
		if (numbers[i].optional && !json_object_get(o, numbers[i].key))
			continue;
		int r = list_get_unsigned(o, numbers[i].key, to, err);
		if (r < 0)
			return r;
	}
	for (size_t i = 0; i < ARRAY_SIZE(switches); i++) {
		if (switches[i].optional && !json_object_get(o, switches[i].key))
			continue;
		int r = list_get_bool(o, switches[i].key, (bool *)((char *)t + switches[i].at), err);
		if (r < 0)
			return r;
	}
	unsigned duration_ms = 0, finding = 0;
	int r = list_get_unsigned(o, "duration_ms", &duration_ms, err);
	if (r == 0 && json_object_get(o, "expect_finding"))
		r = list_get_unsigned(o, "expect_finding", &finding, err);
	if (r == 0 && finding >= KTSTR_FINDING_MAX)
		r = FAIL(err, ERR_DATA, -EBADMSG, "expect_finding: %u is not a known finding", finding);
	t->duration = duration_ms * NSEC_PER_MSEC;
	t->expect_finding = (enum ktstr_finding)finding;
	return r;
}

static int parse_question(const json_t *from, struct payload_decl *p, struct err **err)
{
	if (!from)
		return 0;
	p->asks = true;
	int r = list_get_optional(from, "hint", &p->hint);
	return r < 0 ? r : list_get_strings(from, "metrics", &p->metrics, err);
}

/* Older test binaries do not list payloads. */
static int parse_payloads(const json_t *o, struct test_decl *t, struct err **err)
{
	const json_t *list = json_object_get(o, "payloads");
	int r = list_get_optional(o, "payload", &t->payload);
	t->payload_list = calloc(json_array_size(list) + 1, sizeof(*t->payload_list));
	if (!t->payload_list)
		return -ENOMEM;
	for (size_t i = 0; r == 0 && i < json_array_size(list); i++) {
		const json_t *from = json_array_get(list, i);
		struct payload_decl *p = &t->payload_list[t->payloads++];
		r = list_get_name(from, "name", &p->name, err);
		if (r == 0)
			r = list_get_copy(from, "binary", &p->binary, err);
		if (r == 0)
			r = list_get_optional(from, "kit", &p->kit);
		if (r == 0)
			r = list_get_strings(from, "include_files", &p->include_files, err);
		if (r == 0)
			r = parse_question(json_object_get(from, "question"), p, err);
		if (r < 0)
			err_wrap(err, r, "payloads[%zu]", i);
	}
	return r;
}

/* An invalid list of kernels is a problem of the test, not of the suite. */
static int parse_known_fail(const json_t *from, struct known_fail_decl *k, struct err **err)
{
	int r = list_get_optional(from, "kernel", &k->kernel);
	if (r == 0)
		r = list_get_optional(from, "scheduler", &k->scheduler);
	if (r == 0)
		r = list_get_name(from, "reason", &k->reason, err);
	if (r == 0)
		r = list_get_bool(from, "flaky", &k->flaky, err);
	return r == 0 && k->kernel ? kernels_check(k->kernel, err) : r;
}

static int parse_known_fails(const json_t *o, struct test_decl *t, struct err **err)
{
	const json_t *list = json_object_get(o, "known_fail");
	t->known_fail = calloc(json_array_size(list) + 1, sizeof(*t->known_fail));
	if (!t->known_fail)
		return -ENOMEM;
	for (size_t i = 0; i < json_array_size(list); i++) {
		int r = parse_known_fail(json_array_get(list, i), &t->known_fail[t->known_fails++], err);
		if (r < 0)
			return err_wrap(err, r, "known_fail[%zu]", i);
	}
	return 0;
}

static int parse_perf_gate(const json_t *from, json_t **list, struct err **err)
{
	static const char *const directions[] = { NULL, "higher", "lower" };
	static const char *const amounts[] = { "max_regression_pct", "min_abs" };
	const char *metric;
	int r = json_get_string(from, "metric", &metric, err);
	if (r < 0)
		return r;
	json_int_t polarity = json_integer_value(json_object_get(from, "polarity"));
	json_t *o = json_object();
	json_put_text(&o, "metric", metric);
	json_put_text(&o, "direction",
		      polarity > 0 && polarity < (int)ARRAY_SIZE(directions) ? directions[polarity] : NULL);
	for (size_t i = 0; i < ARRAY_SIZE(amounts); i++) {
		const json_t *value = json_object_get(from, amounts[i]);
		json_put(&o, amounts[i], json_is_number(value) ? json_real(json_number_value(value)) : json_null());
	}
	json_add(list, o);
	return *list ? 0 : -ENOMEM;
}

static int parse_perf_gates(const json_t *o, struct test_decl *t, struct err **err)
{
	const json_t *list = json_object_get(o, "perf_gates");
	t->perf_gates = json_is_array(list) ? json_array() : NULL;
	for (size_t i = 0; i < json_array_size(list); i++) {
		int r = parse_perf_gate(json_array_get(list, i), &t->perf_gates, err);
		if (r < 0)
			return err_wrap(err, r, "perf_gates[%zu]", i);
	}
	return 0;
}

/* If nodes are described, the guest has exactly their memory. */
static int check_memory(const struct test_decl *t, struct err **err)
{
	uint64_t described = topology_described_mib(&t->topology), least = 64ull * topology_cpus(&t->topology);
	if (!described || (described >= least && (!t->memory_mib || t->memory_mib == described)))
		return 0;
	if (described < least)
		return FAIL(err, ERR_DATA, -ERANGE, "its nodes have %lu MiB together, must have %lu (64 a CPU)",
			    described, least);
	return FAIL(err, ERR_DATA, -EINVAL, "memory_mib is %u, its nodes have %lu MiB together; leave it out",
		    t->memory_mib, described);
}

/* The problem of one of its schedulers, or NULL. */
static const char *scheduler_problem(const struct test_decl *t)
{
	const char *problem = t->scheduler ? t->scheduler->problem : NULL;
	for (size_t i = 0; !problem && t->staged && t->staged[i]; i++)
		problem = t->staged[i]->problem;
	return problem;
}

/* Notes why a declaration cannot run. The rest of the suite still runs. */
static int note_problem(struct test_decl *t)
{
	const char *problem = scheduler_problem(t);
	if (!t->problem && problem && !(t->problem = strdup(problem)))
		return -ENOMEM;
	_cleanup_err_ struct err *why = NULL;
	_cleanup_buf_ struct buf text = BUF_NULL;
	const char *bad_name = test_name_problem(t->name);
	if (!t->problem && bad_name)
		return (t->problem = strdup(bad_name)) ? 0 : -ENOMEM;
	if (t->problem || (topology_check(&t->topology, &why) == 0 && check_memory(t, &why) == 0))
		return 0;
	err_format(why, &text);
	t->problem = buf_steal(&text);
	return t->problem ? 0 : -ENOMEM;
}

static int parse_test(const struct suite *s, const json_t *o, struct test_decl *t, struct err **err)
{
	const char *problem = json_string_value(json_object_get(o, "problem"));
	t->binary = s->path;
	int r = list_get_name(o, "name", &t->name, err);
	if (r == 0)
		r = list_get_name(o, "file", &t->file, err);
	if (r == 0)
		r = list_get_unsigned(o, "line", &t->line, err);
	if (r == 0)
		r = find_scheduler(s, o, &t->scheduler, err);
	if (r == 0)
		r = parse_topology(o, &t->topology, err);
	if (r == 0)
		r = list_get_constraints(o, &t->constraints, err);
	if (r == 0)
		r = parse_numbers(o, t, err);
	if (r == 0)
		r = list_get_strings(o, "sched_args", &t->sched_args, err);
	if (r == 0)
		r = list_get_strings(o, "include_files", &t->include_files, err);
	if (r == 0)
		r = parse_payloads(o, t, err);
	if (r == 0)
		r = list_get_checks(o, &t->checks, err);
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(texts); i++)
		r = list_get_optional(o, texts[i].key, text_at(t, i));
	if (r == 0)
		r = parse_ignore(o, t, err);
	if (r == 0)
		r = parse_auto_repro(o, t, err);
	if (r == 0)
		r = list_get_optional(o, "load_limits", &t->load_limits);
	if (r == 0)
		r = find_staged(s, o, &t->staged, err);
	if (r == 0 && !problem)
		r = seen_decl_parse(o, &t->seen, err);
	if (r == 0 && !problem)
		r = device_decl_parse(o, &t->devices, err);
	if (r == 0 && !problem)
		r = parse_known_fails(o, t, err);
	if (r == 0 && !problem)
		r = parse_perf_gates(o, t, err);
	if (r == 0 && problem && !(t->problem = text_clean_line(problem)))
		r = -ENOMEM;
	return r == 0 ? note_problem(t) : r;
}

/* Keeps a test that could not be parsed as a test with a problem, if its name and file are known. */
static int keep_broken(struct test_decl *t, int r, const struct err *why)
{
	_cleanup_buf_ struct buf text = BUF_NULL;
	if (r == -ENOMEM || !why || !t->name || !t->file)
		return r;
	err_format(why, &text);
	free(t->problem);
	t->problem = buf_steal(&text);
	/* Set valid values for the members that were not parsed. */
	t->topology = (struct ktstr_topology){ 1, 1, 1, 1 };
	t->constraints = (struct ktstr_constraints){ 0 };
	return t->problem ? 0 : -ENOMEM;
}

static int parse_all(struct suite *s, const json_t *root, struct err **err)
{
	const json_t *schedulers = json_object_get(root, "schedulers"), *tests = json_object_get(root, "tests");
	s->scheduler = calloc(json_array_size(schedulers) + 1, sizeof(*s->scheduler));
	s->test = calloc(json_array_size(tests) + 1, sizeof(*s->test));
	if (!s->scheduler || !s->test)
		return FAIL_SYS(err, -ENOMEM, "read the list");
	for (size_t i = 0; i < json_array_size(schedulers); i++) {
		int r = sched_decl_parse(json_array_get(schedulers, i), &s->scheduler[s->schedulers++], err);
		if (r < 0)
			return err_wrap(err, r, "schedulers[%zu]", i);
	}
	for (size_t i = 0; i < json_array_size(tests); i++) {
		_cleanup_err_ struct err *why = NULL;
		struct test_decl *t = &s->test[s->tests++];
		int r = parse_test(s, json_array_get(tests, i), t, &why);
		if (r < 0 && keep_broken(t, r, why) < 0) {
			if (err)
				*err = TAKE_PTR(why);
			return err_wrap(err, r, "tests[%zu]", i);
		}
	}
	return 0;
}

int suite_parse(const char *path, const char *text, size_t len, struct suite *ret, struct err **err)
{
	json_error_t why;
	json_auto_t *root = json_loadb(text, len, JSON_REJECT_DUPLICATES, &why);
	struct suite s = { .path = strdup(path) };
	int r = s.path ? 0 : -ENOMEM;
	if (r == 0 && !root)
		r = FAIL(err, ERR_DATA, -EBADMSG, "line %d: %s", why.line, why.text);
	if (r == 0)
		r = parse_all(&s, root, err);
	if (r < 0) {
		suite_done(&s);
		return err_wrap(err, r, "list the tests of '%s'", path);
	}
	*ret = s;
	return 0;
}
