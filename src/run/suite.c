/* SPDX-License-Identifier: GPL-2.0-only */
/* suite.c -- reads the list that a test binary prints. The binary is not trusted: everything is checked. */
#include <fcntl.h>
#include <string.h>
#include <sys/wait.h>

#include <ktstr/test.h>

#include "base/file.h"
#include "base/json.h"
#include "base/text.h"
#include "reactor/child.h"
#include "reactor/machine.h"
#include "run/known_fail.h"
#include "run/suite.h"
#include "topo/topology.h"
#include "verdict/thresholds.h"

void strings_free(char **list)
{
	for (size_t i = 0; list && list[i]; i++)
		free(list[i]);
	free(list);
}

static void sched_done(struct sched_decl *s)
{
	free(s->name);
	free(s->binary);
	free(s->build);
	free(s->build_problem);
	strings_free(s->args);
	strings_free(s->sysctls);
	strings_free(s->kargs);
}

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
	}
	free(t->payload_list);
	for (size_t i = 0; i < t->known_fails; i++) {
		free(t->known_fail[i].kernel);
		free(t->known_fail[i].scheduler);
		free(t->known_fail[i].reason);
	}
	free(t->known_fail);
	free(t->expect_contains);
	free(t->expect_matches);
	free(t->staged);
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
		sched_done(&s->scheduler[i]);
	for (size_t i = 0; i < s->tests; i++)
		test_done(&s->test[i]);
	free(s->scheduler);
	free(s->test);
	free(s->problem);
	free(s->path);
	*s = (struct suite){ 0 };
}

/* --- JSON to declarations ----------------------------------------------------------------------------------------- */

static int get_copy(const json_t *o, const char *key, char **ret, struct err **err)
{
	const char *text;
	int r = json_get_string(o, key, &text, err);
	if (r == 0 && !(*ret = strdup(text)))
		return -ENOMEM;
	return r;
}

/* The library lists clean names only, so another name means that the list is not from the library. */
static int get_name(const json_t *o, const char *key, char **ret, struct err **err)
{
	int r = get_copy(o, key, ret, err);
	if (r == 0 && !text_is_clean(*ret, strlen(*ret), /* line= */ true))
		return FAIL(err, ERR_DATA, -EBADMSG, "%s: '%s' has characters that cannot be shown", key, *ret);
	return r;
}

static int get_unsigned(const json_t *o, const char *key, unsigned *ret, struct err **err)
{
	uint64_t value;
	int r = json_get_u64(o, key, &value, err);
	if (r == 0 && value > UINT32_MAX)
		return FAIL(err, ERR_DATA, -EBADMSG, "%s: too large", key);
	if (r == 0)
		*ret = (unsigned)value;
	return r;
}

static int get_strings(const json_t *o, const char *key, char ***ret, struct err **err)
{
	const json_t *array = json_object_get(o, key);
	if (!json_is_array(array))
		return FAIL(err, ERR_DATA, -EBADMSG, "%s: expected an array", key);
	char **list = calloc(json_array_size(array) + 1, sizeof(*list));
	if (!list)
		return -ENOMEM;
	for (size_t i = 0; i < json_array_size(array); i++) {
		const char *text = json_string_value(json_array_get(array, i));
		list[i] = text ? strdup(text) : NULL;
		if (!list[i]) {
			strings_free(list);
			return FAIL(err, ERR_DATA, -EBADMSG, "%s[%zu]: expected a string", key, i);
		}
	}
	*ret = list;
	return 0;
}

static int get_switch(const json_t *o, const char *key, enum ktstr_switch *ret, struct err **err)
{
	unsigned value = 0;
	int r = get_unsigned(o, key, &value, err);
	if (r == 0 && value > 2)
		return FAIL(err, ERR_DATA, -EBADMSG, "%s: not a switch", key);
	*ret = value == 2 ? KTSTR_OFF : (enum ktstr_switch)value;
	return r;
}

/* A limit is a number, or false if it is switched off. */
static int get_limit(const json_t *v, const char *name, double *ret, struct err **err)
{
	double value = json_number_value(v);
	if (json_is_false(v)) {
		*ret = KTSTR_OFF;
		return 0;
	}
	if (!json_is_number(v) || !(value >= 0))
		return FAIL(err, ERR_DATA, -EBADMSG, "%s: expected a number of 0 or more, or false", name);
	*ret = value > 0 ? value : KTSTR_ZERO;
	return 0;
}

/* A check that the list does not contain is not set. */
static int get_check(const json_t *c, const struct threshold_row *row, void *to, struct err **err)
{
	const json_t *v = row->measured ? json_object_get(c, row->name) : NULL;
	if (!v)
		return 0;
	if (row->kind == CHECK_LIMIT)
		return get_limit(v, row->name, to, err);
	if (!json_is_boolean(v))
		return FAIL(err, ERR_DATA, -EBADMSG, "%s: expected true or false", row->name);
	*(enum ktstr_switch *)to = json_is_true(v) ? KTSTR_ON : KTSTR_OFF;
	return 0;
}

static int get_optional(const json_t *o, const char *key, char **ret)
{
	const char *text = json_string_value(json_object_get(o, key));
	*ret = text ? strdup(text) : NULL;
	return text && !*ret ? -ENOMEM : 0;
}

static int get_checks(const json_t *o, struct ktstr_checks *ret, struct err **err)
{
	const json_t *c = json_object_get(o, "checks");
	if (!json_is_object(c))
		return FAIL(err, ERR_DATA, -EBADMSG, "checks: expected an object");
	for (unsigned i = 0; i < LIMIT_MAX; i++) {
		int r = get_check(c, &threshold_rows[i], (char *)ret + threshold_rows[i].at, err);
		if (r < 0)
			return r;
	}
	return 0;
}

static int parse_scheduler(const json_t *o, struct sched_decl *s, struct err **err)
{
	int r = get_name(o, "name", &s->name, err);
	if (r == 0)
		r = get_copy(o, "binary", &s->binary, err);
	if (r == 0)
		r = get_optional(o, "build", &s->build);
	if (r == 0)
		r = get_strings(o, "args", &s->args, err);
	if (r == 0)
		r = get_strings(o, "sysctls", &s->sysctls, err);
	if (r == 0)
		r = get_strings(o, "kargs", &s->kargs, err);
	if (r == 0)
		r = get_unsigned(o, "load_cpu", &s->load_cpu, err);
	if (r == 0)
		r = get_unsigned(o, "attach_timeout_s", &s->attach_timeout_s, err);
	if (r == 0 && (s->attach_timeout_s < 1 || s->attach_timeout_s > KTSTR_ATTACH_TIMEOUT_S_MAX))
		return FAIL(err, ERR_DATA, -ERANGE, "scheduler '%s': attach_timeout_s is %u, must be 1 to %d", s->name,
			    s->attach_timeout_s, KTSTR_ATTACH_TIMEOUT_S_MAX);
	return r == 0 ? get_checks(o, &s->checks, err) : r;
}

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
		int r = get_unsigned(json_array_get(list, i), "llcs", &t->nodes[i].llcs, err);
		if (r == 0)
			r = get_unsigned(json_array_get(list, i), "memory_mib", &t->nodes[i].memory_mib, err);
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

static int parse_topology(const json_t *o, struct ktstr_topology *t, struct err **err)
{
	int r = get_unsigned(o, "numa_nodes", &t->numa_nodes, err);
	if (r == 0)
		r = get_unsigned(o, "llcs", &t->llcs, err);
	if (r == 0)
		r = get_unsigned(o, "cores", &t->cores, err);
	if (r == 0)
		r = get_unsigned(o, "threads", &t->threads, err);
	if (r == 0)
		r = parse_nodes(o, t, err);
	return r == 0 ? parse_distances(o, t, err) : r;
}

static int parse_constraints(const json_t *o, struct ktstr_constraints *ret, struct err **err)
{
	const json_t *c = json_object_get(o, "constraints");
	const struct {
		const char *key;
		unsigned *to;
	} fields[] = {
		{ "min_llcs", &ret->min_llcs },
		{ "max_llcs", &ret->max_llcs },
		{ "min_cpus", &ret->min_cpus },
		{ "max_cpus", &ret->max_cpus },
		{ "min_numa_nodes", &ret->min_numa_nodes },
		{ "max_numa_nodes", &ret->max_numa_nodes },
	};
	for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
		int r = get_unsigned(c, fields[i].key, fields[i].to, err);
		if (r < 0)
			return err_wrap(err, r, "constraints");
	}
	return get_switch(c, "requires_smt", &ret->requires_smt, err);
}

/* Reads a switch; older test binaries do not list it. */
static int get_bool(const json_t *o, const char *key, bool *ret, struct err **err)
{
	enum ktstr_switch value = KTSTR_UNSET;
	int r = json_object_get(o, key) ? get_switch(o, key, &value, err) : 0;
	*ret = value == KTSTR_ON;
	return r;
}

static int parse_numbers(const json_t *o, struct test_decl *t, struct err **err)
{
	unsigned duration_ms = 0, finding = 0;
	int r = get_unsigned(o, "memory_mib", &t->memory_mib, err);
	if (r == 0)
		r = get_unsigned(o, "duration_ms", &duration_ms, err);
	if (r == 0)
		r = get_unsigned(o, "workers_per_cgroup", &t->workers_per_cgroup, err);
	if (r == 0)
		r = get_bool(o, "expect_err", &t->expect_err, err);
	if (r == 0 && json_object_get(o, "expect_finding"))
		r = get_unsigned(o, "expect_finding", &finding, err);
	if (r == 0 && finding >= KTSTR_FINDING_MAX)
		r = FAIL(err, ERR_DATA, -EBADMSG, "expect_finding: %u is not a known finding", finding);
	if (r == 0)
		r = get_bool(o, "allow_inconclusive", &t->allow_inconclusive, err);
	if (r == 0)
		r = get_bool(o, "host_only", &t->host_only, err);
	if (r == 0)
		r = get_bool(o, "performance_mode", &t->performance_mode, err);
	if (r == 0)
		r = get_bool(o, "no_perf_mode", &t->no_perf_mode, err);
	t->duration = duration_ms * NSEC_PER_MSEC;
	t->expect_finding = (enum ktstr_finding)finding;
	return r;
}

/* Older test binaries do not list payloads. */
static int parse_payloads(const json_t *o, struct test_decl *t, struct err **err)
{
	const json_t *list = json_object_get(o, "payloads");
	int r = get_optional(o, "payload", &t->payload);
	t->payload_list = calloc(json_array_size(list) + 1, sizeof(*t->payload_list));
	if (!t->payload_list)
		return -ENOMEM;
	for (size_t i = 0; r == 0 && i < json_array_size(list); i++) {
		const json_t *from = json_array_get(list, i);
		struct payload_decl *p = &t->payload_list[t->payloads++];
		r = get_name(from, "name", &p->name, err);
		if (r == 0)
			r = get_copy(from, "binary", &p->binary, err);
		if (r == 0)
			r = get_optional(from, "kit", &p->kit);
		if (r == 0)
			r = get_strings(from, "include_files", &p->include_files, err);
		if (r < 0)
			err_wrap(err, r, "payloads[%zu]", i);
	}
	return r;
}

/* An invalid list of kernels is a problem of the test, not of the suite. */
static int parse_known_fail(const json_t *from, struct known_fail_decl *k, struct err **err)
{
	int r = get_optional(from, "kernel", &k->kernel);
	if (r == 0)
		r = get_optional(from, "scheduler", &k->scheduler);
	if (r == 0)
		r = get_name(from, "reason", &k->reason, err);
	if (r == 0)
		r = get_bool(from, "flaky", &k->flaky, err);
	return r == 0 && k->kernel ? known_fail_check(k->kernel, err) : r;
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

/* Notes why a declaration cannot run. The rest of the suite still runs. */
static int note_problem(struct test_decl *t)
{
	_cleanup_err_ struct err *why = NULL;
	_cleanup_buf_ struct buf text = BUF_NULL;
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
	int r = get_name(o, "name", &t->name, err);
	if (r == 0)
		r = get_name(o, "file", &t->file, err);
	if (r == 0)
		r = get_unsigned(o, "line", &t->line, err);
	if (r == 0)
		r = find_scheduler(s, o, &t->scheduler, err);
	if (r == 0)
		r = parse_topology(o, &t->topology, err);
	if (r == 0)
		r = parse_constraints(o, &t->constraints, err);
	if (r == 0)
		r = parse_numbers(o, t, err);
	if (r == 0)
		r = get_strings(o, "sched_args", &t->sched_args, err);
	if (r == 0)
		r = get_strings(o, "include_files", &t->include_files, err);
	if (r == 0)
		r = parse_payloads(o, t, err);
	if (r == 0)
		r = get_checks(o, &t->checks, err);
	if (r == 0)
		r = get_optional(o, "expect_scx_error_contains", &t->expect_contains);
	if (r == 0)
		r = get_optional(o, "expect_scx_error_matches", &t->expect_matches);
	if (r == 0)
		r = get_optional(o, "load_limits", &t->load_limits);
	if (r == 0)
		r = find_staged(s, o, &t->staged, err);
	if (r == 0 && !problem)
		r = parse_known_fails(o, t, err);
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
		int r = parse_scheduler(json_array_get(schedulers, i), &s->scheduler[s->schedulers++], err);
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
	json_auto_t *root = json_loadb(text, len, 0, &why);
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
