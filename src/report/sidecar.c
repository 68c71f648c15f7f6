/* SPDX-License-Identifier: GPL-2.0-only */
/* sidecar.c -- see sidecar.h. */
#include <inttypes.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

#include <ktstr/payload.h>

#include "base/environment.h"
#include "base/file.h"
#include "base/json.h"
#include "report/settings.h"
#include "report/monitor.h"
#include "report/schedule.h"
#include "monitor/series.h"
#include "monitor/translate.h"
#include "report/sidecar.h"
#include "report/timeline.h"

/* --- parts -------------------------------------------------------------------------------------------------------- */

static json_t *details(const struct judgement *j)
{
	json_t *array = json_array();
	for (uint32_t i = 0; i < j->details; i++) {
		json_t *o = json_object();
		json_put_text(&o, "kind", detail_kind_name(j->detail[i].kind));
		json_put_text(&o, "verdict", verdict_name(j->detail[i].verdict));
		json_put_text(&o, "message", j->detail[i].text);
		json_add(&array, o);
	}
	return array;
}

/* Default checks that could not be evaluated, with their reasons. */
static json_t *not_judged(const struct judgement *j)
{
	json_t *array = json_array();
	for (uint32_t i = 0; i < j->unjudged_count; i++) {
		json_t *o = json_object();
		json_put_text(&o, "check", j->unjudged[i].check);
		json_put_text(&o, "reason", j->unjudged[i].why);
		json_add(&array, o);
	}
	return array;
}

static json_t *cgroup_stats(const struct cgroup_stats *c)
{
	json_t *o = json_object();
	json_put_text(&o, "cgroup_name", c->name);
	json_put_text(&o, "work_type", c->work);
	json_put_u64(&o, "num_workers", c->workers);
	json_put_u64(&o, "num_cpus", c->cpus);
	json_put_number(&o, "avg_off_cpu_pct", c->avg_off_cpu_pct);
	json_put_number(&o, "min_off_cpu_pct", c->min_off_cpu_pct);
	json_put_number(&o, "max_off_cpu_pct", c->max_off_cpu_pct);
	json_put_number(&o, "spread", c->spread_pct);
	json_put_u64(&o, "max_gap_ms", c->max_gap_ms);
	json_put_u64(&o, "max_gap_cpu", c->max_gap_cpu);
	json_put_u64(&o, "total_migrations", c->migrations);
	json_put_number(&o, "migration_ratio", c->migration_ratio);
	json_put_number(&o, "p99_wake_latency_us", c->p99_wake_us);
	json_put_number(&o, "median_wake_latency_us", c->median_wake_us);
	json_put_number(&o, "wake_latency_cv", c->wake_cv);
	json_put_u64(&o, "total_iterations", c->iterations);
	json_put_number(&o, "mean_run_delay_us", c->mean_run_delay_us);
	json_put_number(&o, "worst_run_delay_us", c->worst_run_delay_us);
	json_put_number(&o, "max_run_delay_us", c->max_run_delay_us);
	json_put_number(&o, "wake_latency_tail_ratio", c->wake_tail_ratio);
	json_put_number(&o, "iterations_per_worker", c->iterations_per_worker);
	json_put_u64(&o, "wake_samples", c->wake_samples);
	json_put_number(&o, "throughput_cv", c->throughput_cv);
	json_put_number(&o, "page_locality", c->page_locality);
	json_put_number(&o, "cross_node_migration_ratio", c->cross_node_migration_ratio);
	json_put(&o, "ext_metrics", json_object());
	return o;
}

json_t *stats_json(const struct scenario_stats *s)
{
	json_t *cgroups = json_array(), *o = json_object();
	for (uint32_t i = 0; i < s->cgroups; i++)
		json_add(&cgroups, cgroup_stats(&s->cgroup[i]));
	json_put(&o, "cgroups", cgroups);
	json_put_u64(&o, "total_workers", s->workers);
	json_put_u64(&o, "total_cpus", s->cpus);
	json_put_u64(&o, "total_migrations", s->migrations);
	json_put_number(&o, "worst_spread", s->worst_spread_pct);
	json_put_u64(&o, "worst_gap_ms", s->worst_gap_ms);
	json_put_u64(&o, "worst_gap_cpu", s->worst_gap_cpu);
	json_put_number(&o, "worst_migration_ratio", s->worst_migration_ratio);
	json_put_number(&o, "worst_p99_wake_latency_us", s->worst_p99_wake_us);
	json_put_number(&o, "worst_median_wake_latency_us", s->worst_median_wake_us);
	json_put_number(&o, "worst_wake_latency_cv", s->worst_wake_cv);
	json_put_u64(&o, "total_iterations", s->iterations);
	json_put_number(&o, "worst_mean_run_delay_us", s->worst_mean_run_delay_us);
	json_put_number(&o, "worst_run_delay_us", s->worst_run_delay_us);
	json_put_number(&o, "worst_wake_latency_tail_ratio", s->worst_wake_tail_ratio);
	json_put_number(&o, "worst_iterations_per_worker", s->worst_iterations_per_worker);
	json_put_number(&o, "worst_page_locality", s->worst_page_locality);
	json_put_number(&o, "worst_cross_node_migration_ratio", s->worst_cross_node_migration_ratio);
	json_put(&o, "ext_metrics", json_object());
	return o;
}

/* Metrics of the work types. */
static json_t *work_metrics(const struct evidence *e)
{
	json_t *array = json_array();
	for (uint32_t i = 0; i < e->metric_count; i++) {
		const struct evidence_metric *m = &e->metric[i];
		const struct wire_cgroup *g = &e->cgroup[e->worker[m->worker].wire.cgroup];
		json_t *o = json_object();
		json_put_text(&o, "cgroup_name", g->name);
		json_put_text(&o, "work_type", g->work);
		json_put_u64(&o, "worker", m->worker);
		json_put_text(&o, "name", m->name);
		json_put_number(&o, "value", m->value);
		json_add(&array, o);
	}
	return array;
}

static json_t *payload_metric(const struct wire_payload_metric *m)
{
	static const char *const streams[] = { "?", "stdout", "stderr", "synthesized" };
	static const char *const polarities[KTSTR_POLARITY_MAX] = { "unknown", "higher_better", "lower_better",
								    "target_value", "informational" };
	static const char *const sources[WIRE_SOURCES_MAX] = { NULL, "json", "tap", "text", "llm" };
	json_t *o = json_object();
	json_put_text(&o, "name", m->name);
	json_put_number(&o, "value", m->value);
	json_put_text(&o, "polarity", polarities[m->polarity]);
	json_put_text(&o, "stream", streams[m->stream]);
	json_put_text(&o, "source", sources[m->source]);
	json_put_text(&o, "unit", *m->unit ? m->unit : NULL);
	json_put(&o, "target", m->polarity == KTSTR_TARGET_VALUE ? json_number(m->target) : json_null());
	return o;
}

static json_t *payload_metrics(const struct evidence *e, uint32_t index)
{
	json_t *array = json_array();
	for (uint32_t i = 0; i < e->payload_metric_count; i++)
		if (e->payload_metric[i].payload == index)
			json_add(&array, payload_metric(&e->payload_metric[i]));
	return array;
}

/* What the test measured itself. */
static json_t *measured(const struct evidence *e)
{
	json_t *array = json_array();
	for (uint32_t i = 0; i < e->payload_metric_count; i++) {
		const struct wire_payload_metric *m = &e->payload_metric[i];
		if (m->payload != WIRE_TEST_ITSELF)
			continue;
		json_t *o = json_object();
		json_put_text(&o, "name", m->name);
		json_put_number(&o, "value", m->value);
		json_put_text(&o, "unit", *m->unit ? m->unit : NULL);
		json_add(&array, o);
	}
	return array;
}

static json_t *payload_run(const struct evidence *e, const struct wire_payload *p)
{
	static const char *const ends[] = { "?", "exited", "not_started", "killed", "timed_out", "flooded" };
	bool exited = p->end != WIRE_PAYLOAD_NOT_STARTED && WIFEXITED(p->status);
	bool signaled = p->end != WIRE_PAYLOAD_NOT_STARTED && WIFSIGNALED(p->status);
	json_t *o = json_object();
	json_put_u64(&o, "payload_index", p->index);
	json_put_text(&o, "payload", p->name);
	json_put_text(&o, "cgroup_name", p->cgroup);
	json_put_text(&o, "end", ends[p->end]);
	json_put_text(&o, "verdict", verdict_name((enum ktstr_verdict)p->verdict));
	json_put(&o, "exit_code", exited ? json_integer(WEXITSTATUS(p->status)) : json_null());
	json_put(&o, "signal", signaled ? json_integer(WTERMSIG(p->status)) : json_null());
	json_put_u64(&o, "wall_time_ns", p->wall_ns);
	json_put_bool(&o, "truncated", p->truncated != 0);
	json_put(&o, "metrics", payload_metrics(e, p->index));
	return o;
}

/* One entry per run of a payload, in the order of their start. */
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
		json_add(&array, payload_run(e, next));
	}
	return array;
}

/* NULL: the step has no name or did not start. */
static const char *step_name(const struct evidence *e, unsigned step)
{
	for (uint32_t i = 0; i < e->phase_count; i++)
		if (e->phase[i].wire.index == step && *e->phase[i].wire.name)
			return e->phase[i].wire.name;
	return NULL;
}

static json_t *stimulus(const struct evidence *e)
{
	json_t *array = json_array();
	for (uint32_t i = 0; i < e->stimulus_count; i++) {
		const struct wire_stimulus *s = &e->stimulus[i].wire;
		json_t *o = json_object();
		json_put_u64(&o, "elapsed_ms", s->elapsed_ms);
		json_put_text(&o, "label", step_name(e, s->step_index));
		json_put_text(&o, "op_kind", NULL);
		json_put_u64(&o, "step_index", s->step_index);
		json_put_u64(&o, "op_count", s->op_count);
		json_put_u64(&o, "op_kinds", s->op_kinds);
		json_put_u64(&o, "cgroup_count", s->cgroup_count);
		json_put_u64(&o, "worker_count", s->worker_count);
		json_put_u64(&o, "total_iterations", s->total_iterations);
		json_add(&array, o);
	}
	return array;
}

/* The topology in the guest's sysfs, one entry per CPU: shows that the guest had the requested topology. */
static json_t *guest_topology(const struct evidence *e)
{
	json_t *cpus = json_array();
	for (uint32_t i = 0; i < e->cpus; i++) {
		json_t *o = json_object();
		json_put_u64(&o, "cpu", e->cpu[i].cpu);
		json_put_u64(&o, "node", e->cpu[i].node);
		json_put_u64(&o, "package", e->cpu[i].package);
		json_put_u64(&o, "core", e->cpu[i].core);
		json_put_u64(&o, "llc", e->cpu[i].llc);
		json_add(&cpus, o);
	}
	return cpus;
}

static void put_address(json_t **o, const char *key, uint64_t address)
{
	char text[24];
	snprintf(text, sizeof(text), "0x%" PRIx64, address);
	json_put_text(o, key, text);
}

/* Where the kernel is that chose its place. */
static json_t *kaslr(const struct view *v)
{
	if (!v)
		return json_null();
	json_t *o = json_object();
	put_address(&o, "text_slide", v->text_slide);
	put_address(&o, "image", v->image_start + v->text_slide - START_KERNEL_MAP + v->phys_base);
	put_address(&o, "direct_map", v->page_offset);
	return o;
}

static json_t *guest(const struct result *r)
{
	const struct evidence *e = r->evidence;
	json_t *o = json_object();
	char digest[16];
	snprintf(digest, sizeof(digest), "%08x", e->digest);
	json_put_text(&o, "kernel_release", e->has_hello ? e->hello.release : NULL);
	json_put_u64(&o, "time_ns", e->last_ns);
	json_put_text(&o, "event_digest", digest);
	json_put(&o, "kaslr", kaslr(r->kaslr));
	/* Samples of a guest that ran meanwhile are different each time. */
	bool exact = e->series && !e->series->running;
	snprintf(digest, sizeof(digest), "%08x", exact ? e->series->digest : 0);
	json_put_text(&o, "observation_digest", exact ? digest : NULL);
	json_put_u64(&o, "events", e->records);
	json_put_u64(&o, "events_dropped", e->dropped);
	json_put_u64(&o, "memory_mib", r->memory_mib);
	json_put(&o, "cpus", guest_topology(e));
	return o;
}

static void put_seed(json_t **object, uint64_t seed)
{
	char text[24];
	snprintf(text, sizeof(text), "0x%lx", seed);
	json_put_text(object, "seed", text);
}

/* All tries of this result and the policy. The evidence in the sidecar is that of the last try. */
static json_t *tries(const struct result *r)
{
	json_t *list = json_array(), *o = json_object();
	for (unsigned i = 0; r->history && i < r->history->count; i++) {
		const struct flake_try *t = &r->history->item[i];
		json_t *one = json_object();
		json_put_u64(&one, "attempt", i + 1);
		put_seed(&one, t->seed);
		json_put_text(&one, "verdict", verdict_name(t->verdict));
		json_put_text(&one, "cause", t->cause);
		json_add(&list, one);
	}
	json_put_u64(&o, "retries", r->policy.retries);
	json_put_u64(&o, "repeat", r->policy.repeat);
	json_put_u64(&o, "require", r->policy.require);
	json_put_u64(&o, "passed", r->outcome.passed);
	json_put_bool(&o, "final", r->outcome.final);
	json_put(&o, "tries", list);
	return o;
}

static json_t *counters(const char *const *names, const uint64_t *values, unsigned count)
{
	json_t *o = json_object();
	for (unsigned i = 0; i < count; i++)
		json_put_u64(&o, names[i], values[i]);
	return o;
}

static json_t *refused_setting(const struct result_perf_setting *w)
{
	json_t *o = json_object();
	json_put_text(&o, "name", w->name);
	json_put_u64(&o, "asked", w->asked);
	json_put_u64(&o, "granted", w->granted);
	json_put_text(&o, "why", w->why);
	return o;
}

/* KVM's statistics of each vCPU; null for other backends. */
static json_t *kvm_stats(const struct result *r)
{
	if (!r->counted_vcpus)
		return json_null();
	json_t *rows = json_array(), *o = json_object();
	for (unsigned i = 0; i < r->counted_vcpus; i++)
		json_add(&rows, counters(r->counter_names, r->counter + i * r->counters, r->counters));
	json_put(&o, "per_vcpu", rows);
	return o;
}

/* The settings that the host granted to perf mode, and a named warning for each refused one; null without perf mode. */
static json_t *perf_mode(const struct result *r)
{
	if (!r->perf_mode)
		return json_null();
	json_t *granted = json_array(), *warnings = json_array(), *o = json_object();
	for (unsigned i = 0; i < r->perf_settings; i++) {
		const struct result_perf_setting *w = &r->perf_setting[i];
		if (w->asked && w->granted == w->asked)
			json_add(&granted, json_text(w->name));
		else
			json_add(&warnings, refused_setting(w));
	}
	json_put(&o, "granted", granted);
	json_put(&o, "warnings", warnings);
	return o;
}

/* The parts of the confinement in force, and the refused parts with their reasons. */
static json_t *confinement(const struct result *r)
{
	if (!r->parts)
		return json_null();
	json_t *in_force = json_array(), *refused = json_object(), *o = json_object();
	for (unsigned i = 0; i < r->parts; i++) {
		if (r->part[i].refused)
			json_put_text(&refused, r->part[i].name, r->part[i].refused);
		else
			json_add(&in_force, json_text(r->part[i].name));
	}
	json_put(&o, "in_force", in_force);
	json_put(&o, "refused", refused);
	return o;
}

/* --- the whole ---------------------------------------------------------------------------------------------------- */

static const char *const volatile_keys[] = {
	"boot_ns", "cleanup_duration_ms", "confinement", "host",      "kvm_stats", "perf_mode",	 "project_commit",
	"run_id",  "run_source",	  "timestamp",	 "vm_cpu_us", "vm_events", "vm_rss_kib", "wall_ns",
};

bool sidecar_is_volatile(const char *key)
{
	for (size_t i = 0; i < ARRAY_SIZE(volatile_keys); i++)
		if (!strcmp(key, volatile_keys[i]))
			return true;
	return false;
}

static json_t *schema(void)
{
	json_t *o = json_object();
	json_put_text(&o, "name", "ktstr.result");
	json_put_u64(&o, "version", SIDECAR_SCHEMA_VERSION);
	return o;
}

/* The work types in the order of their start, "SpinWait+PipeIo"; null without a load. */
static json_t *work_type(const struct evidence *e)
{
	_cleanup_buf_ struct buf types = BUF_NULL;
	for (uint32_t i = 0; i < e->cgroup_count; i++) {
		bool seen = false;
		for (uint32_t k = 0; k < i; k++)
			seen |= !strcmp(e->cgroup[i].work, e->cgroup[k].work);
		if (!seen && *e->cgroup[i].work)
			buf_appendf(&types, "%s%s", types.len ? "+" : "", e->cgroup[i].work);
	}
	return types.failed ? NULL : types.len ? json_text(buf_str(&types)) : json_null();
}

static void put_identity(json_t **o, const struct result *r)
{
	char variant[20];
	snprintf(variant, sizeof(variant), "%016lx", r->variant);
	json_put(o, "schema", schema());
	json_put_text(o, "name", r->name);
	json_put_text(o, "test_name", r->test);
	json_put_text(o, "suite", r->suite);
	json_put_text(o, "file", r->file);
	json_put_u64(o, "line", r->line);
	json_put_text(o, "topology", r->topology);
	json_put(o, "numa", numa_json(r->shape));
	json_put_text(o, "scheduler", r->scheduler ? r->scheduler : "eevdf");
	json_put_text(o, "scheduler_commit", NULL);
	json_put_text(o, "resolve_source", r->resolve_source);
	json_put_text(o, "payload", r->payload);
	json_put(o, "work_type", work_type(r->evidence));
	json_put_texts(o, "active_flags", NULL);
	json_put_text(o, "kernel", r->kernel);
	json_put_text(o, "kernel_label", r->kernel_label);
	json_put_text(o, "kernel_version", r->kernel_version);
	json_put_text(o, "kernel_commit", r->kernel_commit);
	json_put_texts(o, "sysctls", r->sysctls);
	json_put_texts(o, "kargs", r->kargs);
	json_put_text(o, "variant", variant);
	json_put_text(o, "replay", r->replay);
}

/* The settings that decide the verdict. */
static void put_settings(json_t **o, const struct result *r)
{
	put_seed(o, r->seed);
	json_put_u64(o, "attempt", r->attempt);
	json_put_text(o, "accel", r->accel);
	json_put_text(o, "start", r->start);
	json_put_u64(o, "icount_shift", r->icount_shift);
	json_put_u64(o, "tcg_lag_ns", r->lag_ns);
	json_put_text(o, "tcg_time", r->tcg_time);
	json_put_text(o, "perturb", *r->perturb ? r->perturb : NULL);
	json_put_u64(o, "perturb_points", r->perturb_points);
	json_put_u64(o, "time_dilation", MAX_OF(r->time_dilation, 1));
	json_put_int(o, "duration_ns", r->facts.duration);
	json_put_text(o, "strictness", r->strict ? "release" : "debug");
	json_put(o, "thresholds", thresholds_json(&r->facts.limits));
	json_put(o, "load_thresholds", load_thresholds_json(r->evidence));
	json_put_bool(o, "skips_fail", r->skips_fail);
	json_put(o, "expectations", expectations_json(&r->facts, r->allow_inconclusive));
	json_put_text(o, "performance", r->performance);
	json_put(o, "cpu_budget", r->cpu_budget ? json_integer(r->cpu_budget) : json_null());
	json_put_text(o, "workload_root_cgroup", r->workload_root);
	json_put_text(o, "scheduler_config", r->config);
	json_put(o, "scheduler_lacks", lacks_json(r->facts.lacks));
	json_put(o, "cpu_cap", r->cpu_cap ? json_integer(r->cpu_cap) : json_null());
	json_put(o, "environment", environment_json(r->environment));
}

static void put_verdict(json_t **o, const struct result *r)
{
	const struct judgement *j = r->judgement;
	json_put_text(o, "verdict", verdict_name(j->verdict));
	json_put_bool(o, "passed", j->verdict == KTSTR_PASS);
	json_put_bool(o, "skipped", j->verdict == KTSTR_SKIP);
	json_put_bool(o, "inconclusive", j->verdict == KTSTR_INCONCLUSIVE);
	json_put_bool(o, "flaky", r->outcome.flaky);
	json_put(o, "flake", tries(r));
	json_put(o, "known_fail", known_fail_json(r));
	json_put(o, "devices", r->devices ? json_deep_copy(r->devices) : json_null());
	json_put(o, "perf_delta_assertions", r->perf_gates ? json_deep_copy(r->perf_gates) : json_array());
	json_put(o, "details", details(j));
	json_put(o, "not_judged", not_judged(j));
}

static json_t *snapshots_json(const struct result *r)
{
	if (!r->snapshots || json_is_null(r->snapshots))
		return json_null();
	json_t *o = json_deep_copy(r->snapshots);
	json_put_text(&o, "file", r->snapshots_file ? path_basename(r->snapshots_file) : NULL);
	return o;
}

/* The chain itself is in the file. */
static json_t *repro_json(const struct result *r)
{
	static const char *const keys[] = { "status",  "reason", "same_events", "functions",
					    "dropped", "task",	 "recorded" };
	if (!r->repro)
		return json_null();
	json_t *o = json_object();
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		json_t *value = json_object_get(r->repro, keys[i]);
		json_put(&o, keys[i], value ? json_deep_copy(value) : json_null());
	}
	json_put_text(&o, "dump", r->repro_dump ? path_basename(r->repro_dump) : NULL);
	return o;
}

/* -1: no memory. */
static int update_metrics(json_t *stats, json_t *from)
{
	return from ? json_object_update(json_object_get(stats, "ext_metrics"), from) : 0;
}

static void put_stats(json_t **o, const struct result *r)
{
	json_t *stats = stats_json(&r->judgement->stats);
	json_auto_t *schedule = schedule_metrics(r);
	if (stats &&
	    (!schedule || update_metrics(stats, schedule) < 0 || update_metrics(stats, (json_t *)r->insns) < 0)) {
		json_decref(stats);
		stats = NULL;
	}
	json_put(o, "stats", stats);
}

static void put_measured(json_t **o, const struct result *r)
{
	put_stats(o, r);
	json_put(o, "stimulus_events", stimulus(r->evidence));
	json_put(o, "phases", phases_json(r));
	json_put(o, "work_metrics", work_metrics(r->evidence));
	json_put(o, "metrics", payloads(r->evidence));
	json_put(o, "measured", measured(r->evidence));
	json_put(o, "guest", guest(r));
	json_put(o, "monitor", monitor_json(r));
	json_put(o, "host_contention", host_contention_json(r));
	json_put_text(o, "monitor_lack", r->monitor_lack);
	json_put(o, "schedule", schedule_json(r));
	json_put_text(o, "schedule_lack", r->evidence->exact ? NULL : r->evidence->no_exact);
	json_put_text(o, "schedule_file", r->schedule_file ? path_basename(r->schedule_file) : NULL);
	json_put(o, "verifier_stats", verifier_stats_json(r));
	json_put(o, "snapshots", snapshots_json(r));
	json_put(o, "map_metrics", r->map_metrics ? json_deep_copy(r->map_metrics) : json_object());
	json_put(o, "auto_repro", repro_json(r));
	json_put_text(o, "dump", r->dump ? path_basename(r->dump) : NULL);
}

static void put_volatile(json_t **o, const struct result *r)
{
	char now[TIME_TEXT_MAX];
	json_put_text(o, "timestamp", time_rfc3339(time(NULL), now));
	json_put_int(o, "wall_ns", r->wall);
	json_put_int(o, "boot_ns", r->boot);
	json_put(o, "cleanup_duration_ms", r->cleanup < 0 ? json_null() : json_integer(r->cleanup / NSEC_PER_MSEC));
	json_put_u64(o, "vm_cpu_us", r->vm_cpu_usec);
	json_put_u64(o, "vm_rss_kib", r->vm_rss_kib);
	json_put_text(o, "project_commit", r->project_commit);
	json_put(o, "host", r->host ? json_deep_copy(r->host) : json_null());
	json_put(o, "kvm_stats", kvm_stats(r));
	json_put(o, "vm_events", r->events ? counters(r->event_names, r->event, r->events) : json_null());
	json_put(o, "perf_mode", perf_mode(r));
	json_put(o, "confinement", confinement(r));
	json_put_text(o, "run_id", r->run_id);
	json_put_text(o, "run_source", environment_is_on(ENV_CI) ? "ci" : "local");
}

json_t *sidecar_json(const struct result *r)
{
	json_t *o = json_object();
	put_identity(&o, r);
	put_settings(&o, r);
	put_verdict(&o, r);
	put_measured(&o, r);
	put_volatile(&o, r);
	return o;
}
