/* SPDX-License-Identifier: GPL-2.0-only */
/* sidecar.c -- see sidecar.h. */
#include <string.h>
#include <sys/wait.h>
#include <time.h>

#include <ktstr/payload.h>

#include "base/environment.h"
#include "base/hash.h"
#include "base/json.h"
#include "report/sidecar.h"

#define WORK_TYPE_DEFAULT "SpinWait"

/* --- variant ------------------------------------------------------------------------------------------------------ */

static int compare_strings(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void hash_sorted(struct siphash *h, const char *const *list)
{
	size_t count = 0;
	while (list && list[count])
		count++;
	const char **sorted = calloc(count + 1, sizeof(*sorted));
	for (size_t i = 0; sorted && i < count; i++)
		sorted[i] = list[i];
	if (sorted && count)
		qsort(sorted, count, sizeof(*sorted), compare_strings);
	for (size_t i = 0; sorted && i < count; i++)
		siphash_string(h, sorted[i]);
	free(sorted);
}

uint64_t sidecar_variant(const char *topology, const char *scheduler, const char *const *sysctls,
			 const char *const *kargs)
{
	static const uint8_t payload = 0xfc, flags = 0xfe, sysctl_mark = 0xfd, karg_mark = 0xff, end = 0;
	struct siphash h;
	siphash_init(&h);
	siphash_string(&h, topology);
	siphash_string(&h, scheduler ? scheduler : "eevdf");
	siphash_update(&h, &payload, 1);
	siphash_update(&h, &end, 1);
	siphash_string(&h, WORK_TYPE_DEFAULT);
	siphash_update(&h, &flags, 1);
	siphash_update(&h, &sysctl_mark, 1);
	hash_sorted(&h, sysctls);
	siphash_update(&h, &karg_mark, 1);
	hash_sorted(&h, kargs);
	return siphash_final(&h);
}

/* --- parts -------------------------------------------------------------------------------------------------------- */

static json_t *strings(const char *const *list)
{
	json_t *array = json_array();
	for (size_t i = 0; list && list[i]; i++)
		json_array_append_new(array, json_string(list[i]));
	return array;
}

static json_t *details(const struct judgement *j)
{
	json_t *array = json_array();
	for (uint32_t i = 0; i < j->details; i++)
		json_array_append_new(array, json_pack("{s:s, s:s, s:s}", "kind", detail_kind_name(j->detail[i].kind),
						       "verdict", verdict_name(j->detail[i].verdict), "message",
						       j->detail[i].text));
	return array;
}

static json_t *cgroup_stats(const struct cgroup_stats *c)
{
	return json_pack("{s:s, s:s, s:i, s:i, s:f, s:f, s:f, s:f, s:I, s:i, s:I, s:f, s:f, s:f, s:f, s:I, s:f, s:f, "
			 "s:f, s:f, s:I, s:f, s:f, s:f}",
			 "cgroup_name", c->name, "work_type", c->work, "num_workers", (int)c->workers, "num_cpus",
			 (int)c->cpus, "avg_off_cpu_pct", c->avg_off_cpu_pct, "min_off_cpu_pct", c->min_off_cpu_pct,
			 "max_off_cpu_pct", c->max_off_cpu_pct, "spread", c->spread_pct, "max_gap_ms",
			 (json_int_t)c->max_gap_ms, "max_gap_cpu", (int)c->max_gap_cpu, "total_migrations",
			 (json_int_t)c->migrations, "migration_ratio", c->migration_ratio, "p99_wake_latency_us",
			 c->p99_wake_us, "median_wake_latency_us", c->median_wake_us, "wake_latency_cv", c->wake_cv,
			 "total_iterations", (json_int_t)c->iterations, "mean_run_delay_us", c->mean_run_delay_us,
			 "worst_run_delay_us", c->worst_run_delay_us, "wake_latency_tail_ratio", c->wake_tail_ratio,
			 "iterations_per_worker", c->iterations_per_worker, "wake_samples",
			 (json_int_t)c->wake_samples, "throughput_cv", c->throughput_cv, "page_locality",
			 c->page_locality, "cross_node_migration_ratio", c->cross_node_migration_ratio);
}

json_t *stats_json(const struct scenario_stats *s)
{
	json_t *cgroups = json_array();
	for (uint32_t i = 0; i < s->cgroups; i++)
		json_array_append_new(cgroups, cgroup_stats(&s->cgroup[i]));
	return json_pack(
		"{s:o, s:I, s:I, s:I, s:f, s:I, s:i, s:f, s:f, s:f, s:f, s:I, s:f, s:f, s:f, s:f, s:f, s:f}", "cgroups",
		cgroups, "total_workers", (json_int_t)s->workers, "total_cpus", (json_int_t)s->cpus, "total_migrations",
		(json_int_t)s->migrations, "worst_spread", s->worst_spread_pct, "worst_gap_ms",
		(json_int_t)s->worst_gap_ms, "worst_gap_cpu", (int)s->worst_gap_cpu, "worst_migration_ratio",
		s->worst_migration_ratio, "worst_p99_wake_latency_us", s->worst_p99_wake_us,
		"worst_median_wake_latency_us", s->worst_median_wake_us, "worst_wake_latency_cv", s->worst_wake_cv,
		"total_iterations", (json_int_t)s->iterations, "worst_mean_run_delay_us", s->worst_mean_run_delay_us,
		"worst_run_delay_us", s->worst_run_delay_us, "worst_wake_latency_tail_ratio", s->worst_wake_tail_ratio,
		"worst_iterations_per_worker", s->worst_iterations_per_worker, "worst_page_locality",
		s->worst_page_locality, "worst_cross_node_migration_ratio", s->worst_cross_node_migration_ratio);
}

/* What work types measured themselves. */
static json_t *work_metrics(const struct evidence *e)
{
	json_t *array = json_array();
	for (uint32_t i = 0; i < e->metric_count; i++) {
		const struct evidence_metric *m = &e->metric[i];
		const struct wire_cgroup *g = &e->cgroup[e->worker[m->worker].wire.cgroup];
		json_array_append_new(array,
				      json_pack("{s:s, s:s, s:i, s:s, s:f}", "cgroup_name", g->name, "work_type",
						g->work, "worker", (int)m->worker, "name", m->name, "value", m->value));
	}
	return array;
}

static json_t *payload_metrics(const struct evidence *e, uint32_t index)
{
	static const char *const streams[] = { "?", "stdout", "stderr", "synthesized" };
	static const char *const polarities[KTSTR_POLARITY_MAX] = { "unknown", "higher_better", "lower_better",
								    "target_value", "informational" };
	json_t *array = json_array();
	for (uint32_t i = 0; i < e->payload_metric_count; i++) {
		const struct wire_payload_metric *m = &e->payload_metric[i];
		if (m->payload != index)
			continue;
		json_t *o = json_pack("{s:s, s:f, s:s, s:s, s:o}", "name", m->name, "value", m->value, "polarity",
				      polarities[m->polarity], "stream", streams[m->stream], "unit",
				      *m->unit ? json_string(m->unit) : json_null());
		if (o && m->polarity == KTSTR_TARGET_VALUE)
			json_object_set_new(o, "target", json_real(m->target));
		/* A name that is not UTF-8 is none. */
		if (o)
			json_array_append_new(array, o);
	}
	return array;
}

static json_t *payload_run(const struct evidence *e, const struct wire_payload *p)
{
	static const char *const ends[] = { "?", "exited", "not_started", "killed", "timed_out", "flooded" };
	bool exited = p->end != WIRE_PAYLOAD_NOT_STARTED && WIFEXITED(p->status);
	bool signaled = p->end != WIRE_PAYLOAD_NOT_STARTED && WIFSIGNALED(p->status);
	return json_pack("{s:i, s:s, s:s, s:s, s:s, s:o, s:o, s:I, s:b, s:o}", "payload_index", (int)p->index,
			 "payload", p->name, "cgroup_name", p->cgroup, "end", ends[p->end], "verdict",
			 verdict_name((enum ktstr_verdict)p->verdict), "exit_code",
			 exited ? json_integer(WEXITSTATUS(p->status)) : json_null(), "signal",
			 signaled ? json_integer(WTERMSIG(p->status)) : json_null(), "wall_time_ns",
			 (json_int_t)p->wall_ns, "truncated", (int)(p->truncated != 0), "metrics",
			 payload_metrics(e, p->index));
}

/* One a run, in the order in which they began. */
static json_t *payloads(const struct evidence *e)
{
	json_t *array = json_array();
	int64_t last = -1;
	for (uint32_t n = 0; n < e->payload_count; n++) {
		const struct wire_payload *next = NULL;
		for (uint32_t i = 0; i < e->payload_count; i++)
			if (e->payload[i].index > last && (!next || e->payload[i].index < next->index))
				next = &e->payload[i];
		last = next->index;
		json_array_append_new(array, payload_run(e, next));
	}
	return array;
}

static json_t *stimulus(const struct evidence *e)
{
	json_t *array = json_array();
	for (uint32_t i = 0; i < e->stimulus_count; i++) {
		const struct wire_stimulus *s = &e->stimulus[i];
		json_array_append_new(array, json_pack("{s:i, s:i, s:i, s:i, s:i, s:i, s:I}", "elapsed_ms",
						       (int)s->elapsed_ms, "step_index", (int)s->step_index, "op_count",
						       (int)s->op_count, "op_kinds", (int)s->op_kinds, "cgroup_count",
						       (int)s->cgroup_count, "worker_count", (int)s->worker_count,
						       "total_iterations", (json_int_t)s->total_iterations));
	}
	return array;
}

/* What the guest's sysfs showed, as lists of CPUs: proof that it had the topology asked for. */
static json_t *guest_topology(const struct evidence *e)
{
	json_t *cpus = json_array();
	for (uint32_t i = 0; i < e->cpus; i++)
		json_array_append_new(cpus, json_pack("{s:i, s:i, s:i, s:i, s:i}", "cpu", e->cpu[i].cpu, "node",
						      e->cpu[i].node, "package", e->cpu[i].package, "core",
						      e->cpu[i].core, "llc", e->cpu[i].llc));
	return cpus;
}

static json_t *guest(const struct result *r)
{
	const struct evidence *e = r->evidence;
	char digest[16];
	snprintf(digest, sizeof(digest), "%08x", e->digest);
	return json_pack("{s:o?, s:I, s:s, s:I, s:I, s:I, s:o}", "kernel_release",
			 e->has_hello ? json_string(e->hello.release) : json_null(), "time_ns", (json_int_t)e->last_ns,
			 "event_digest", digest, "events", (json_int_t)e->records, "events_dropped",
			 (json_int_t)e->dropped, "memory_mib", (json_int_t)r->memory_mib, "cpus", guest_topology(e));
}

/* Every try of this result, and what was asked of them; the sidecar's evidence is the last one's. */
static json_t *tries(const struct result *r)
{
	json_t *list = json_array();
	char seed[24];
	for (unsigned i = 0; r->history && i < r->history->count; i++) {
		const struct flake_try *t = &r->history->item[i];
		snprintf(seed, sizeof(seed), "0x%lx", t->seed);
		json_array_append_new(list, json_pack("{s:i, s:s, s:s, s:s?}", "attempt", (int)i + 1, "seed", seed,
						      "verdict", verdict_name(t->verdict), "cause", t->cause));
	}
	return json_pack("{s:i, s:i, s:i, s:i, s:b, s:o}", "retries", (int)r->policy.retries, "repeat",
			 (int)r->policy.repeat, "require", (int)r->policy.require, "passed", (int)r->outcome.passed,
			 "final", (int)r->outcome.final, "tries", list);
}

/* KVM's statistics, summed over vCPUs, or its event rings' sums; null where the machine ran on something else. */
static json_t *counters(const char *const *names, const uint64_t *values, unsigned count)
{
	if (!count)
		return json_null();
	json_t *o = json_object();
	for (unsigned i = 0; i < count; i++)
		json_object_set_new(o, names[i], json_u64(values[i]));
	return o;
}

/* What perf mode got of the host, and a warning with a name for what it did not get; null without perf mode. */
static json_t *perf_mode(const struct result *r)
{
	if (!r->perf_mode)
		return json_null();
	json_t *granted = json_array(), *warnings = json_array();
	for (unsigned i = 0; i < r->wishes; i++) {
		const struct result_wish *w = &r->wish[i];
		if (w->asked && w->granted == w->asked)
			json_array_append_new(granted, json_string(w->name));
		else
			json_array_append_new(warnings, json_pack("{s:s, s:i, s:i, s:s}", "name", w->name, "asked",
								  (int)w->asked, "granted", (int)w->granted, "why",
								  w->why));
	}
	return json_pack("{s:o, s:o}", "granted", granted, "warnings", warnings);
}

static json_t *volatile_part(const struct result *r)
{
	char now[TIME_TEXT_MAX];
	json_t *o = json_pack("{s:s, s:I, s:I, s:I, s:I, s:s?, s:o}", "timestamp", time_rfc3339(time(NULL), now),
			      "wall_ns", (json_int_t)r->wall, "boot_ns", (json_int_t)r->boot, "vm_cpu_us",
			      (json_int_t)r->vm_cpu_usec, "vm_rss_kib", (json_int_t)r->vm_rss_kib, "project_commit",
			      r->project_commit, "host", r->host ? json_deep_copy(r->host) : json_null());
	json_object_set_new(o, "kvm_stats", counters(r->counter_names, r->counter, r->counters));
	json_object_set_new(o, "vm_events", counters(r->event_names, r->event, r->events));
	json_object_set_new(o, "perf_mode", perf_mode(r));
	json_object_set_new(o, "run_id", json_string_or_null(r->run_id));
	json_object_set_new(o, "run_source", json_string(environment_is_on(ENV_CI) ? "ci" : "local"));
	return o;
}

json_t *sidecar_json(const struct result *r)
{
	const struct judgement *j = r->judgement;
	char variant[20], seed[24];
	snprintf(variant, sizeof(variant), "%016lx", r->variant);
	snprintf(seed, sizeof(seed), "0x%lx", r->seed);
	json_t *o = json_pack("{s:{s:s, s:i}, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:i, s:s, s:s, s:i}", "schema", "name",
			      "ktstr.result", "version", SIDECAR_SCHEMA_VERSION, "name", r->name, "test_name", r->test,
			      "topology", r->topology, "scheduler", r->scheduler ? r->scheduler : "eevdf", "work_type",
			      WORK_TYPE_DEFAULT, "seed", seed, "variant", variant, "attempt", (int)r->attempt, "accel",
			      r->accel, "verdict", verdict_name(j->verdict), "icount_shift", (int)r->icount_shift);
	json_object_set_new(o, "time_dilation", json_integer(MAX_OF(r->time_dilation, 1)));
	json_object_set_new(o, "start", json_string_or_null(r->start));
	json_object_set_new(o, "passed", json_boolean(j->verdict == KTSTR_PASS));
	json_object_set_new(o, "skipped", json_boolean(j->verdict == KTSTR_SKIP));
	json_object_set_new(o, "inconclusive", json_boolean(j->verdict == KTSTR_INCONCLUSIVE));
	json_object_set_new(o, "flaky", json_boolean(r->outcome.flaky));
	json_object_set_new(o, "flake", tries(r));
	json_object_set_new(o, "details", details(j));
	json_object_set_new(o, "stats", stats_json(&j->stats));
	json_object_set_new(o, "stimulus_events", stimulus(r->evidence));
	json_object_set_new(o, "work_metrics", work_metrics(r->evidence));
	json_object_set_new(o, "payload", json_string_or_null(r->payload));
	json_object_set_new(o, "metrics", payloads(r->evidence));
	json_object_set_new(o, "sysctls", strings(r->sysctls));
	json_object_set_new(o, "kargs", strings(r->kargs));
	json_object_set_new(o, "kernel_version", json_string_or_null(r->kernel_version));
	json_object_set_new(o, "guest", guest(r));
	json_object_set_new(o, "replay", json_string_or_null(r->replay));
	json_object_set_new(o, "volatile", volatile_part(r));
	return o;
}
