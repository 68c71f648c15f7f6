/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * list.c -- a test binary describes itself as JSON. The code writes JSON itself because a guest should not need a JSON
 * library.
 */
#include <string.h>

#include "base/text.h"
#include "guest/binary/dry.h"
#include "guest/binary/list.h"
#include "guest/inherit.h"
#include "guest/payload/declaration.h"

static void put_key(struct buf *out, const char *key)
{
	char last = out->len ? out->data[out->len - 1] : '{';
	buf_puts(out, last == '{' || last == '[' ? "\"" : ",\"");
	buf_puts(out, key);
	buf_puts(out, "\":");
}

static void put_text(struct buf *out, const char *key, const char *value)
{
	put_key(out, key);
	if (!value) {
		buf_puts(out, "null");
		return;
	}
	buf_puts(out, "\"");
	text_append_json(out, value, strlen(value));
	buf_puts(out, "\"");
}

/* Writes a name so that it is printable. The entry's problem reports a name that is not. */
static void put_name(struct buf *out, const char *key, const char *value)
{
	_cleanup_free_ char *clean = value ? text_clean_line(value) : NULL;
	put_text(out, key, clean);
	out->failed |= value && !clean;
}

static void put_number(struct buf *out, const char *key, unsigned long value)
{
	put_key(out, key);
	buf_appendf(out, "%lu", value);
}

/* Written as a number: 0 not set, 1 on, 2 off. */
static void put_switch(struct buf *out, const char *key, enum ktstr_switch value)
{
	put_number(out, key, value == KTSTR_OFF ? 2 : value == KTSTR_ON);
}

/* Omits a check that is not set; a disabled check is false. */
static void put_switch_check(struct buf *out, const char *key, enum ktstr_switch value)
{
	if (value == KTSTR_UNSET)
		return;
	put_key(out, key);
	buf_puts(out, value == KTSTR_ON ? "true" : "false");
}

/* Writes enough digits to read back the same number. Omits invalid limits: the test's problem reports them. */
static void put_limit(struct buf *out, const char *key, double value)
{
	bool off = value == KTSTR_OFF, zero = value == KTSTR_ZERO;
	if (!off && !zero && !(value > 0 && __builtin_isfinite(value)))
		return;
	put_key(out, key);
	if (off)
		buf_puts(out, "false");
	else
		buf_appendf(out, "%.17g", zero ? 0 : value);
}

static void put_strings(struct buf *out, const char *key, const char *const *list)
{
	put_key(out, key);
	buf_puts(out, "[");
	for (size_t i = 0; list && list[i]; i++) {
		buf_puts(out, i ? ",\"" : "\"");
		text_append_json(out, list[i], strlen(list[i]));
		buf_puts(out, "\"");
	}
	buf_puts(out, "]");
}

static void put_checks(struct buf *out, const struct ktstr_checks *c)
{
	put_key(out, "checks");
	buf_puts(out, "{");
#define PUT(name) put_switch_check(out, #name, c->name);
	KTSTR_SWITCH_CHECKS(PUT)
	KTSTR_MONITOR_SWITCH_CHECKS(PUT)
#undef PUT
#define PUT(name) put_limit(out, #name, c->name);
	KTSTR_LIMIT_CHECKS(PUT)
	KTSTR_MONITOR_LIMIT_CHECKS(PUT)
#undef PUT
	buf_puts(out, "}");
}

/* Writes the nodes that are described one by one, the declared distances and capacities; empty arrays otherwise. */
static void put_nodes(struct buf *out, const struct ktstr_topology *p)
{
	put_key(out, "nodes");
	buf_puts(out, "[");
	for (unsigned i = 0; i < ktstr_described_nodes(p->nodes); i++) {
		buf_puts(out, i ? ",{" : "{");
		put_number(out, "llcs", p->nodes[i].llcs);
		put_number(out, "memory_mib", p->nodes[i].memory_mib);
		buf_puts(out, "}");
	}
	buf_puts(out, "]");
	size_t count = ARRAY_SIZE(p->distances);
	while (count && !p->distances[count - 1])
		count--;
	put_key(out, "distances");
	buf_puts(out, "[");
	for (size_t i = 0; i < count; i++)
		buf_appendf(out, "%s%u", i ? "," : "", p->distances[i]);
	buf_puts(out, "]");
	put_key(out, "kinds");
	buf_puts(out, "[");
	for (unsigned i = 0; i < KTSTR_KINDS_MAX && p->kinds[i].cores; i++) {
		buf_puts(out, i ? ",{" : "{");
		put_number(out, "cores", p->kinds[i].cores);
		put_number(out, "capacity", p->kinds[i].capacity);
		buf_puts(out, "}");
	}
	buf_puts(out, "]");
}

static void put_constraints(struct buf *out, const struct ktstr_constraints *c)
{
	put_key(out, "constraints");
	buf_puts(out, "{");
	put_number(out, "min_llcs", c->min_llcs);
	put_number(out, "max_llcs", c->max_llcs);
	put_number(out, "min_cpus", c->min_cpus);
	put_number(out, "max_cpus", c->max_cpus);
	put_number(out, "min_numa_nodes", c->min_numa_nodes);
	put_number(out, "max_numa_nodes", c->max_numa_nodes);
	put_switch(out, "requires_smt", c->requires_smt);
	put_switch(out, "requires_kinds", c->requires_kinds);
	buf_puts(out, "}");
}

static void put_scheduler(struct buf *out, const struct ktstr_scheduler *s)
{
	buf_puts(out, "{");
	put_name(out, "name", s->name);
	put_text(out, "binary", s->binary);
	put_text(out, "build", s->build);
	put_strings(out, "kernel_builtin_enable", s->kernel_builtin_enable);
	put_strings(out, "kernel_builtin_disable", s->kernel_builtin_disable);
	put_strings(out, "args", s->args);
	put_text(out, "config_file", s->config_file);
	put_strings(out, "config_args", s->config_file_def.args);
	put_text(out, "config_path", s->config_file_def.path);
	put_text(out, "cgroup_parent", s->cgroup_parent);
	put_strings(out, "sysctls", s->sysctls);
	put_strings(out, "kargs", s->kargs);
	put_strings(out, "kernels", s->kernels);
	put_strings(out, "verifier_exclude_topologies", s->verifier_exclude_topologies);
	put_constraints(out, &s->constraints);
	put_number(out, "load_cpu", s->load_cpu);
	put_number(out, "attach_timeout_s", ktstr_attach_timeout_s(s));
	put_number(out, "lacks", s->lacks);
	put_checks(out, &s->checks);
	buf_puts(out, "}");
}

static void put_staged(struct buf *out, const struct ktstr_scheduler *const *staged)
{
	put_key(out, "staged");
	buf_puts(out, "[");
	for (size_t i = 0; staged && staged[i]; i++) {
		_cleanup_free_ char *name = text_clean_line(staged[i]->name);
		buf_puts(out, i ? ",\"" : "\"");
		text_append_json(out, name ?: "", name ? strlen(name) : 0);
		buf_puts(out, "\"");
		out->failed |= !name;
	}
	buf_puts(out, "]");
}

/* What a language model is told and asked about the output. */
static void put_question(struct buf *out, const struct ktstr_payload *p)
{
	const char *wanted[PAYLOAD_WANTED_MAX + 1];
	size_t count = MIN_OF(payload_wanted(p, wanted), (size_t)PAYLOAD_WANTED_MAX);
	wanted[count] = NULL;
	put_key(out, "question");
	buf_puts(out, "{");
	put_name(out, "hint", p->llm_hint);
	put_strings(out, "metrics", wanted);
	buf_puts(out, "}");
}

static void put_payload(struct buf *out, const struct ktstr_payload *p)
{
	buf_puts(out, "{");
	put_name(out, "name", p->name);
	put_text(out, "binary", p->binary);
	put_text(out, "kit", p->kit);
	put_strings(out, "include_files", p->include_files);
	if (p->output == KTSTR_OUTPUT_LLM)
		put_question(out, p);
	buf_puts(out, "}");
}

/* Writes the primary payload first; `payload` says whether there is one. */
static void put_payloads(struct buf *out, const struct ktstr_test *t)
{
	put_name(out, "payload", t->payload ? t->payload->name : NULL);
	put_key(out, "payloads");
	buf_puts(out, "[");
	if (t->payload)
		put_payload(out, t->payload);
	for (size_t i = 0; t->workloads && t->workloads[i]; i++) {
		buf_puts(out, i || t->payload ? "," : "");
		put_payload(out, t->workloads[i]);
	}
	buf_puts(out, "]");
}

static void put_known_fail(struct buf *out, const struct ktstr_known_fail *k)
{
	put_key(out, "known_fail");
	buf_puts(out, "[");
	for (bool more = false; k && (k->kernel || k->scheduler || k->reason); k++, more = true) {
		buf_puts(out, more ? ",{" : "{");
		put_name(out, "kernel", k->kernel);
		put_name(out, "scheduler", k->scheduler);
		put_name(out, "reason", k->reason);
		put_number(out, "flaky", k->flaky);
		buf_puts(out, "}");
	}
	buf_puts(out, "]");
}

/* What is to be seen of the guest from outside. */
static void put_seen(struct buf *out, const struct ktstr_test *t)
{
	put_number(out, "num_snapshots", t->num_snapshots);
	put_number(out, "post_vm", t->post_vm != NULL);
	put_key(out, "bpf_map_write");
	buf_puts(out, "[");
	for (const struct ktstr_map_write *w = t->bpf_map_write; w && w->variable; w++) {
		buf_puts(out, w == t->bpf_map_write ? "{" : ",{");
		put_name(out, "variable", w->variable);
		put_key(out, "value");
		buf_appendf(out, "\"%lu\"}", w->value);
	}
	buf_puts(out, "]");
	put_key(out, "watch_bpf_maps");
	buf_puts(out, "[");
	for (const struct ktstr_map_watch *w = t->watch_bpf_maps; w && w->label; w++) {
		buf_puts(out, w == t->watch_bpf_maps ? "{" : ",{");
		put_name(out, "map", w->map);
		put_name(out, "field", w->field ? w->field : "");
		put_number(out, "aggregation", w->aggregation);
		put_name(out, "label", w->label);
		buf_puts(out, "}");
	}
	buf_puts(out, "]");
}

/* Tests without gates do not have the key. */
static void put_perf_gates(struct buf *out, const struct ktstr_perf_gate *g)
{
	if (!g)
		return;
	put_key(out, "perf_gates");
	buf_puts(out, "[");
	for (bool more = false; g->metric; g++, more = true) {
		buf_puts(out, more ? ",{" : "{");
		put_name(out, "metric", g->metric);
		put_limit(out, "max_regression_pct", g->max_regression_pct);
		put_limit(out, "min_abs", g->min_abs);
		put_number(out, "polarity", g->polarity);
		buf_puts(out, "}");
	}
	buf_puts(out, "]");
}

/* Tests without devices do not have the keys. */
static void put_devices(struct buf *out, const struct ktstr_test *t)
{
	if (t->disk) {
		put_key(out, "disk");
		buf_puts(out, "{");
		put_key(out, "bytes");
		buf_appendf(out, "\"%lu\"", t->disk->bytes);
		put_text(out, "fs", t->disk->fs);
		put_text(out, "mount", t->disk->mount);
		put_number(out, "ro", t->disk->ro);
		buf_puts(out, "}");
	}
	if (t->networks) {
		put_key(out, "networks");
		buf_puts(out, "[");
		for (const struct ktstr_net *n = t->networks; n->name; n++) {
			buf_puts(out, n == t->networks ? "{" : ",{");
			put_name(out, "name", n->name);
			buf_puts(out, "}");
		}
		buf_puts(out, "]");
	}
	if (t->pci)
		put_switch(out, "pci", t->pci);
}

static void put_test(struct buf *out, const struct ktstr_test *t, const char *problem, const char *limits)
{
	struct ktstr_topology p = test_topology(t);
	struct ktstr_constraints constraints = test_constraints(t);
	buf_puts(out, "{");
	put_name(out, "name", t->name);
	put_name(out, "file", t->file);
	put_number(out, "line", t->line);
	put_text(out, "problem", problem);
	put_text(out, "load_limits", limits);
	put_name(out, "scheduler", t->scheduler ? t->scheduler->name : NULL);
	put_number(out, "numa_nodes", p.numa_nodes);
	put_number(out, "llcs", p.llcs);
	put_number(out, "cores", p.cores);
	put_number(out, "threads", p.threads);
	put_nodes(out, &p);
	put_number(out, "memory_mib", t->memory_mib);
	put_number(out, "duration_ms", (t->duration_s ? t->duration_s : 2) * 1000ul);
	put_number(out, "workers_per_cgroup", t->workers_per_cgroup ? t->workers_per_cgroup : 2);
	put_strings(out, "sched_args", t->sched_args);
	put_strings(out, "include_files", t->include_files);
	put_payloads(out, t);
	put_switch(out, "expect_err", t->expect_err);
	put_number(out, "expect_finding", t->expect_finding);
	put_switch(out, "allow_inconclusive", t->allow_inconclusive);
	put_switch(out, "host_only", t->host_only);
	put_switch(out, "performance_mode", t->performance_mode);
	put_switch(out, "no_perf_mode", t->no_perf_mode);
	put_switch(out, "ignore", t->ignore);
	put_switch(out, "auto_repro", t->auto_repro);
	put_switch(out, "expect_auto_repro", t->expect_auto_repro);
	put_switch(out, "survives_storm", t->survives_storm);
	put_switch(out, "kaslr", t->kaslr);
	put_number(out, "cpu_budget", t->cpu_budget);
	put_number(out, "cleanup_budget_ms", t->cleanup_budget_ms);
	put_number(out, "watchdog_timeout_s", t->watchdog_timeout_s);
	put_text(out, "workload_root_cgroup", t->workload_root_cgroup);
	put_text(out, "config", t->config);
	put_constraints(out, &constraints);
	put_text(out, "expect_scx_error_contains", t->expect_scx_error_contains);
	put_text(out, "expect_scx_error_matches", t->expect_scx_error_matches);
	put_known_fail(out, t->known_fail);
	put_perf_gates(out, t->perf_gates);
	put_staged(out, t->staged);
	put_seen(out, t);
	put_devices(out, t);
	put_checks(out, &t->checks);
	buf_puts(out, "}");
}

static void free_strings(char **list, size_t count)
{
	for (size_t i = 0; list && i < count; i++)
		free(list[i]);
	free(list);
}

/*
 * The problem of each test, or NULL if it has none. @limits: see dry_run(). The caller frees them. Returns NULL if
 * memory is short.
 */
static char **find_problems(const struct registry *r, char **limits)
{
	char **problem = calloc(r->test_count + 1, sizeof(*problem));
	for (size_t i = 0; problem && i < r->test_count; i++) {
		const char *text = test_validate(r->tests[i]);
		if (!text)
			continue;
		problem[i] = strdup(text);
		if (!problem[i]) {
			free_strings(problem, i);
			return NULL;
		}
	}
	if (problem)
		dry_run(r->tests, problem, limits, r->test_count);
	return problem;
}

static void put_tests(struct buf *out, const struct registry *r, char *const *problem, char *const *limits)
{
	put_key(out, "tests");
	buf_puts(out, "[");
	for (size_t i = 0; i < r->test_count; i++) {
		buf_puts(out, i ? "," : "");
		put_test(out, r->tests[i], problem[i], limits[i]);
	}
	buf_puts(out, "]");
}

void registry_list(const struct registry *r, struct buf *out)
{
	char **limits = calloc(r->test_count + 1, sizeof(*limits));
	char **problem = limits ? find_problems(r, limits) : NULL;
	if (!problem) {
		free(limits);
		out->failed = true;
		return;
	}
	buf_puts(out, "{");
	put_number(out, "api", KTSTR_API_VERSION);
	put_key(out, "schedulers");
	buf_puts(out, "[");
	for (size_t i = 0; i < r->scheduler_count; i++) {
		buf_puts(out, i ? "," : "");
		put_scheduler(out, r->schedulers[i]);
	}
	buf_puts(out, "]");
	put_tests(out, r, problem, limits);
	buf_puts(out, "}\n");
	free_strings(problem, r->test_count);
	free_strings(limits, r->test_count);
}
