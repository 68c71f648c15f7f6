/* SPDX-License-Identifier: GPL-2.0-only */
/* The results of a run that are kept: replay lines, sidecars and their schema. */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <ktstr/payload.h>
#include <ktstr/scheduler.h>

#include "base/environment.h"
#include "base/file.h"
#include "base/json.h"
#include "monitor/view.h"
#include "report/host.h"
#include "report/sidecar.h"
#include "run/replay.h"
#include "run/rundir.h"
#include "made_samples.h"
#include "t.h"

/* --- replay lines ------------------------------------------------------------------------------------------------- */

#define PLAIN  .test = "ktstr/one", .binary = "build/suite", .kernel = "6.12.3-k1", .accel = "tcg", .seed = 0x2a
#define ENDS   " --seed 0x2a build/suite"
#define BEGINS "ktstr test -E 'test(=ktstr/one)' --kernel 6.12.3-k1 --accel tcg"

static const char *const environment[] = { "KTSTR_KIT=/a kit", "KTSTR_SCHEDULER=/x", NULL };

static const struct {
	struct replay_facts facts;
	const char *line;
} replays[] = {
	{ { PLAIN }, BEGINS ENDS },
	{ { PLAIN, .strict = true }, BEGINS " --release" ENDS },
	{ { PLAIN, .perf = PLAN_PERF_ALL }, BEGINS " --perf-mode" ENDS },
	{ { PLAIN, .perf = PLAN_PERF_NONE }, BEGINS " --no-perf-mode" ENDS },
	{ { PLAIN, .skips_fail = true }, BEGINS " --no-skip-mode" ENDS },
	{ { PLAIN, .clone = true }, BEGINS " --start clone" ENDS },
	{ { PLAIN, .clone = true, .start_chosen = true }, BEGINS " --start clone" ENDS },
	{ { PLAIN, .start_chosen = true }, BEGINS " --start boot" ENDS },
	{ { PLAIN, .time_dilation = 1 }, BEGINS ENDS },
	{ { PLAIN, .time_dilation = 4 }, BEGINS " --time-dilation 4" ENDS },
	{ { PLAIN, .tcg_time = "shared" }, BEGINS " --tcg-time shared" ENDS },
	{ { PLAIN, .lag_ns = 1000 }, BEGINS " --tcg-lag 1000ns" ENDS },
	{ { PLAIN, .cpu_cap = 3 }, BEGINS " --cpu-cap 3" ENDS },
	{ { PLAIN, .environment = environment }, "KTSTR_KIT='/a kit' KTSTR_SCHEDULER=/x " BEGINS ENDS },
	{ { .test = "gauntlet/one/4cpu-1llc-nosmt",
	    .binary = "a suite",
	    .kernel = "/my linux",
	    .accel = "kvm",
	    .seed = 1,
	    .gauntlet = true },
	  "ktstr test --gauntlet -E 'test(=gauntlet/one/4cpu-1llc-nosmt)' --kernel '/my linux' --accel kvm --seed 0x1 "
	  "'a suite'" },
};

START_TEST(replay_line_has_what_decides)
{
	_cleanup_buf_ struct buf line = BUF_NULL;
	replay_line(&replays[_i].facts, &line);
	ck_assert_str_eq(buf_str(&line), replays[_i].line);
}
END_TEST

START_TEST(replay_names_the_environment_that_decides)
{
	char *const env[] = { (char *)"PATH=/bin",
			      (char *)"KTSTR_SCHEDULER_BIN_SCX_A=/a",
			      (char *)"KTSTR_SCHEDULER=",
			      (char *)"KTSTR_KIT=/kit",
			      (char *)"KTSTR_KITS=/no",
			      (char *)"KTSTR_SCHEDULER_BIN_=/no",
			      (char *)"KTSTR_NO_SKIP_MODE=1",
			      (char *)"LD_LIBRARY_PATH=/lib",
			      (char *)"KTSTR_SEED",
			      (char *)"KTSTR_ACCEL=tcg",
			      NULL };
	const char *const kept[] = { "KTSTR_KIT=/kit", "KTSTR_SCHEDULER_BIN_SCX_A=/a", "LD_LIBRARY_PATH=/lib" };
	char **list = replay_environment(env);
	for (size_t i = 0; i < ARRAY_SIZE(kept); i++)
		ck_assert_str_eq(list[i], kept[i]);
	ck_assert_ptr_null(list[ARRAY_SIZE(kept)]);
	strings_free(list);
}
END_TEST

/* A new variable that can change a verdict belongs here, and needs its mark in the table of variables. */
START_TEST(the_table_marks_what_a_replay_needs)
{
	static const char *const marked[] = {
		"KTSTR_BACKTRACE",
		"KTSTR_BYPASS_LLC_LOCKS",
		"KTSTR_HOST_DEADLINE_PERCENT",
		"KTSTR_KIT",
		"KTSTR_SCHEDULER",
		"KTSTR_SCHEDULER_ALLOW_STALE_FALLBACK",
		"KTSTR_SCHEDULER_BIN_",
		"KTSTR_VERBOSE",
		"LD_LIBRARY_PATH",
	};
	size_t count = 0;
	for (size_t i = 0; i < ENV_MAX; i++) {
		if (!environment_variables[i].decides)
			continue;
		ck_assert_uint_lt(count, ARRAY_SIZE(marked));
		ck_assert_str_eq(environment_variables[i].name, marked[count++]);
	}
	ck_assert_uint_eq(count, ARRAY_SIZE(marked));
}
END_TEST

/* The seed comes from a try with the overall verdict, not from a last try that happened to pass. */
START_TEST(replay_seed_is_of_a_try_with_that_verdict)
{
	struct flake_try item[] = { { 11, KTSTR_FAIL, NULL }, { 12, KTSTR_FAIL, NULL }, { 13, KTSTR_PASS, NULL } };
	const struct flake_history tries = { item, 3 }, none = { NULL, 0 };
	ck_assert_uint_eq(replay_seed(&tries, 3, 13, KTSTR_PASS), 13);
	ck_assert_uint_eq(replay_seed(&tries, 3, 13, KTSTR_FAIL), 12);
	ck_assert_uint_eq(replay_seed(&tries, 1, 11, KTSTR_FAIL), 11);
	ck_assert_uint_eq(replay_seed(&tries, 3, 13, KTSTR_INCONCLUSIVE), 13);
	ck_assert_uint_eq(replay_seed(&none, 1, 5, KTSTR_SKIP), 5);
	ck_assert_uint_eq(replay_seed(NULL, 1, 5, KTSTR_SKIP), 5);
}
END_TEST

/* --- variants ----------------------------------------------------------------------------------------------------- */

START_TEST(what_differs_has_another_file)
{
	static const char *const a[] = { "a=1", "b=2", NULL }, *const b[] = { "b=2", "a=1", NULL };
	const struct sidecar_variant v[] = {
		{ .topology = "1n1l2c1t" },
		{ .topology = "1n1l4c1t" },
		{ .topology = "1n1l2c1t", .scheduler = "simple" },
		{ .topology = "1n1l2c1t", .payload = "simple" },
		{ .topology = "1n1l2c1t", .kernel = "kernel_6_12_1" },
		{ .topology = "1n1l2c1t", .kernel = "kernel_6_12_2" },
		{ .topology = "1n1l2c1t", .suite = "kernel_6_12_2" },
		{ .topology = "1n1l2c1t", .sysctls = a },
		{ .topology = "1n1l2c1t", .kargs = a },
	};
	for (size_t i = 0; i < ARRAY_SIZE(v); i++)
		for (size_t k = 0; k < i; k++)
			ck_assert_uint_ne(sidecar_variant(&v[i]), sidecar_variant(&v[k]));
	const struct sidecar_variant other = { .topology = "1n1l2c1t", .scheduler = "eevdf", .sysctls = b };
	ck_assert_uint_eq(sidecar_variant(&other), sidecar_variant(&v[7]));
}
END_TEST

/* --- durability --------------------------------------------------------------------------------------------------- */

/* Replaces libc's functions, so that the test sees which files are synced, and when. */
static char synced[8];

int fsync(int fd)
{
	struct stat st;
	size_t len = strlen(synced);
	if (fstat(fd, &st) == 0 && len + 1 < sizeof(synced))
		synced[len] = S_ISDIR(st.st_mode) ? 'd' : 'f';
	return (int)syscall(SYS_fsync, fd);
}

START_TEST(a_result_is_on_disk_when_it_is_written)
{
	char *dir = t_tmpdir();
	_cleanup_free_ char *path = path_join(dir, "one-0123456789abcdef" SIDECAR_SUFFIX);
	json_auto_t *o = json_object();
	memset(synced, 0, sizeof(synced));
	t_ok(json_write_file(path, o, NULL));
	/* The content is synced before the rename, the directory after it. */
	ck_assert_str_eq(synced, "fd");
	t_rmdir(dir);
}
END_TEST

/* --- sidecars ----------------------------------------------------------------------------------------------------- */

static struct evidence e;
static struct judgement j;
static struct result r;
static const struct ktstr_topology shape = {
	2, 1, 2, 1, .nodes = { { 1, 256 }, { 0, 128 } }, .distances = { 10, 20, 20, 10 }
};

static void take(enum wire_type type, const void *payload, size_t len)
{
	t_ok(evidence_take(&e, type, 1000000000, payload, (uint32_t)len, NULL));
}

static void take_load(const char *work)
{
	struct wire_cgroup g = { .index = e.cgroup_count, .workers = 1, .name = "cg_0" };
	struct wire_worker w = { .index = e.worker_count,
				 .cgroup = e.cgroup_count,
				 .end = WIRE_WORKER_COMPLETED,
				 .counts_progress = 1,
				 .work_units = 9,
				 .iterations = 9,
				 .wall_ns = 2,
				 .cpu_ns = 1 };
	snprintf(g.work, sizeof(g.work), "%s", work);
	struct wire_check c = { .cgroup = g.index, .value = 8, .name = "max_gap_ms" };
	take(WIRE_CGROUP, &g, sizeof(g));
	take(WIRE_CHECK, &c, sizeof(c));
	take(WIRE_WORKER, &w, sizeof(w));
}

static void take_payload(void)
{
	struct wire_payload p = {
		.end = WIRE_PAYLOAD_EXITED, .verdict = KTSTR_PASS, .metrics = 1, .name = "sort", .cgroup = "cg_0"
	};
	struct wire_payload_metric m = { .polarity = KTSTR_TARGET_VALUE,
					 .stream = WIRE_METRIC_STDOUT,
					 .value = 1,
					 .target = 2,
					 .unit = "ms",
					 .name = "a.b" };
	struct wire_metric own = { .name = "hits", .value = 3 };
	take(WIRE_PAYLOAD, &p, sizeof(p));
	take(WIRE_PAYLOAD_METRIC, &m, sizeof(m));
	m.payload = WIRE_TEST_ITSELF;
	take(WIRE_PAYLOAD_METRIC, &m, sizeof(m));
	take(WIRE_METRIC, &own, sizeof(own));
}

static void take_steps(void)
{
	struct wire_hello h = { .cpus = 1, .release = "6.12.3" };
	struct wire_cpu cpu = { 0 };
	struct wire_phase p = { .kind = WIRE_PHASE_STEP_START, .index = 4, .name = "grow" };
	struct wire_stimulus s = { .step_index = 4 }, nameless = { .step_index = 5 };
	take(WIRE_HELLO, &h, sizeof(h));
	take(WIRE_TOPOLOGY, &cpu, sizeof(cpu));
	take(WIRE_PHASE, &p, sizeof(p));
	take(WIRE_STIMULUS, &s, sizeof(s));
	take(WIRE_STIMULUS, &nameless, sizeof(nameless));
}

static const struct ktstr_checks none = { 0 }, strict_gap = { .max_gap_ms = 7 };

/* Those of `r`, which full_result() uses again. */
static json_t *gates;

static json_t *empty_result(void)
{
	e = (struct evidence){ 0 };
	j = (struct judgement){ .verdict = KTSTR_SKIP };
	json_decref(gates);
	gates = json_pack("[{s:s, s:n, s:n, s:n}]", "metric", "x", "direction", "max_regression_pct", "min_abs");
	r = (struct result){ .name = "ktstr/one",
			     .test = "one",
			     .suite = "suite",
			     .kernel = "6.12.3-k1",
			     .kernel_label = "kernel_6_12_3",
			     .kernel_version = "6.12.3",
			     .topology = "1n1l2c1t",
			     .accel = "tcg",
			     .performance = "declared",
			     .replay = "ktstr test",
			     .shape = &shape,
			     .perf_gates = gates,
			     .known = { .reason = "known" },
			     .run_id = "6.12.3-unknown",
			     .project_commit = COMMIT_UNKNOWN,
			     .seed = 0x2a,
			     .attempt = 1,
			     .cleanup = -1,
			     .evidence = &e,
			     .judgement = &j };
	return sidecar_json(&r);
}

static const char one_snapshot[] =
	"{\"periodic_target\": 1, \"periodic_fired\": 1, \"taken\": [{\"name\": \"periodic_000\", \"time_ms\": 20.5, "
	"\"step\": 0, \"periodic\": true, \"boundary_offset_ms\": 0.5, \"lack\": null}]}";

/* At least one value of every kind. */
/* Where a kernel with KASLR was. */
static const struct view randomised = { .text_slide = 0x28c00000, .page_offset = 0xffff888000000000 };

static json_t *full_result(void)
{
	static const char *const names[] = { "exits", "hypercalls" };
	static const uint64_t counted[] = { 5, 6, 7, 8 };
	static struct flake_try tries[] = { { 0x2a, KTSTR_FAIL, NULL } };
	static const struct flake_history history = { tries, 1 };
	json_decref(empty_result());
	take_steps();
	take_load("SpinWait");
	take_load("PipeIo");
	take_load("SpinWait");
	take_payload();
	judgement_add(&j, DETAIL_STUCK, KTSTR_FAIL, "stuck");
	judgement_unjudged(&j, "max_gap_ms", "nothing was measured");
	j.verdict = KTSTR_FAIL;
	t_ok(stats_compute(&e, &j.stats));
	r.history = &history;
	r.strict = true;
	r.cpu_cap = 2;
	r.environment = environment;
	r.facts.limits = thresholds_merge(true, &none, &strict_gap);
	r.facts.expect_contains = "words";
	r.facts.lacks = KTSTR_LACKS(WEIGHT, HOTPLUG);
	r.facts.expect_finding = KTSTR_FINDING_STUCK;
	r.counter_names = r.event_names = names;
	r.counter = r.event = counted;
	r.counters = r.counted_vcpus = r.events = 2;
	r.perf_mode = true;
	r.perf_setting[0] = (struct result_perf_setting){ "pinning", 2, 2, "" };
	r.perf_setting[1] = (struct result_perf_setting){ "huge-pages", 1, 0, "none free" };
	r.perf_settings = 2;
	r.part[0] = (struct result_part){ "seccomp", NULL };
	r.part[1] = (struct result_part){ "namespaces", "Operation not permitted" };
	r.parts = 2;
	r.cleanup = 3 * NSEC_PER_MSEC;
	made_samples(&e, &j, 4);
	r.dump = "/runs/one.failure-dump.json";
	json_auto_t *snapshots = json_loads(one_snapshot, 0, NULL), *metrics = json_loads("{\"x_hits\": 3}", 0, NULL);
	r.snapshots = snapshots;
	r.map_metrics = metrics;
	json_auto_t *host = host_context(), *repro = json_pack("{ss}", "status", "skipped");
	json_auto_t *devices = json_pack("{s{sisssssb}s[s]sb}", "disk", "bytes", 4096, "fs", "ext4", "mount", "/mnt",
					 "ro", true, "networks", "eth0", "pci", true);
	r.host = host, r.repro = repro, r.devices = devices, r.kaslr = &randomised;
	json_t *sidecar = sidecar_json(&r);
	r.host = r.repro = r.devices = NULL, r.kaslr = NULL;
	r.snapshots = r.map_metrics = NULL;
	return sidecar;
}

static void result_done(void)
{
	evidence_done(&e);
	judgement_done(&j);
}

static json_t *read_schema(void)
{
	json_t *schema = NULL;
	t_ok(json_read_file(TESTS_DIR "/../docs/sidecar.schema.json", &schema, NULL));
	return schema;
}

/* Each object has exactly the keys of the schema; @seen collects the paths of the keys that were present. */
static void check_keys(const json_t *value, const json_t *schema, const char *path, json_t *seen)
{
	const json_t *known = json_object_get(schema, "properties");
	const json_t *others = json_object_get(schema, "additionalProperties");
	const json_t *items = json_object_get(schema, "items");
	_cleanup_buf_ struct buf below = BUF_NULL;
	const char *key;
	json_t *part;
	if (known && json_is_object(value)) {
		json_object_set_new(seen, path, json_true());
		ck_assert_msg(json_object_size(known) == json_array_size(json_object_get(schema, "required")),
			      "%s: not every key is required", path);
		json_object_foreach((json_t *)known, key, part)
			ck_assert_msg(json_object_get(value, key), "%s: %s is not written", path, key);
	}
	json_object_foreach((json_t *)value, key, part) {
		const json_t *its = known ? json_object_get(known, key) : others;
		ck_assert_msg(!known || its, "%s: %s is not in the schema", path, key);
		buf_clear(&below);
		buf_appendf(&below, "%s.%s", path, known ? key : "NAME");
		check_keys(part, its, buf_str(&below), seen);
	}
	buf_clear(&below);
	buf_appendf(&below, "%s[]", path);
	for (size_t i = 0; i < json_array_size(value); i++)
		check_keys(json_array_get(value, i), items, buf_str(&below), seen);
}

/* Detects empty lists, whose items would stay unchecked. */
static void check_seen(const json_t *schema, const char *path, const json_t *seen)
{
	const json_t *others = json_object_get(schema, "additionalProperties");
	const char *key;
	json_t *part;
	_cleanup_buf_ struct buf below = BUF_NULL;
	ck_assert_msg(!json_object_get(schema, "properties") || json_object_get(seen, path), "%s was never there",
		      path);
	json_object_foreach(json_object_get(schema, "properties"), key, part) {
		buf_clear(&below);
		buf_appendf(&below, "%s.%s", path, key);
		check_seen(part, buf_str(&below), seen);
	}
	buf_clear(&below);
	buf_appendf(&below, "%s%s", path, json_object_get(schema, "items") ? "[]" : ".NAME");
	if (json_object_get(schema, "items") || json_is_object(others))
		check_seen(json_object_get(schema, "items") ?: others, buf_str(&below), seen);
}

START_TEST(schema_and_sidecar_have_the_same_keys)
{
	json_auto_t *schema = read_schema(), *full = full_result(), *seen = json_object();
	ck_assert_ptr_nonnull(full);
	check_keys(full, schema, "", seen);
	check_seen(schema, "", seen);
	result_done();
	json_auto_t *empty = empty_result();
	ck_assert_ptr_nonnull(empty);
	check_keys(empty, schema, "", seen);
	result_done();
}
END_TEST

START_TEST(schema_says_what_is_volatile)
{
	json_auto_t *schema = read_schema();
	unsigned count = 0;
	const char *key;
	json_t *part;
	json_object_foreach(json_object_get(schema, "properties"), key, part) {
		ck_assert_msg(sidecar_is_volatile(key) == json_is_true(json_object_get(part, "volatile")), "%s", key);
		count += sidecar_is_volatile(key);
	}
	ck_assert_uint_eq(count, 14);
	ck_assert(!sidecar_is_volatile("verdict") && !sidecar_is_volatile(""));
}
END_TEST

static const char *string_at(const json_t *o, const char *key)
{
	return json_string_value(json_object_get(o, key)) ?: "null";
}

START_TEST(sidecar_says_what_decided)
{
	json_auto_t *o = full_result();
	const json_t *gap = json_object_get(json_object_get(o, "thresholds"), "max_gap_ms");
	const json_t *spread = json_object_get(json_object_get(o, "thresholds"), "max_spread_pct");
	ck_assert_str_eq(string_at(o, "strictness"), "release");
	ck_assert_str_eq(string_at(gap, "origin"), "test");
	ck_assert(json_number_value(json_object_get(gap, "value")) == 7);
	ck_assert_str_eq(string_at(spread, "origin"), "default");
	ck_assert_str_eq(string_at(json_object_get(o, "expectations"), "error_contains"), "words");
	ck_assert_str_eq(string_at(json_object_get(o, "expectations"), "finding"), "Stuck");
	const json_t *load = json_array_get(json_object_get(o, "load_thresholds"), 0);
	ck_assert_str_eq(string_at(load, "name"), "max_gap_ms");
	ck_assert(json_number_value(json_object_get(load, "value")) == 8);
	ck_assert_str_eq(string_at(json_object_get(o, "environment"), "KTSTR_KIT"), "/a kit");
	ck_assert_int_eq(json_integer_value(json_object_get(o, "cpu_cap")), 2);
	result_done();
}
END_TEST

START_TEST(sidecar_says_what_ran)
{
	json_auto_t *o = full_result();
	const json_t *stats = json_object_get(json_object_get(o, "kvm_stats"), "per_vcpu");
	const json_t *steps = json_object_get(o, "stimulus_events");
	ck_assert_str_eq(string_at(o, "work_type"), "SpinWait+PipeIo");
	ck_assert_uint_eq(json_array_size(stats), 2);
	ck_assert_int_eq(json_integer_value(json_object_get(json_array_get(stats, 1), "exits")), 7);
	ck_assert_str_eq(string_at(json_array_get(steps, 0), "label"), "grow");
	ck_assert_str_eq(string_at(json_array_get(steps, 1), "label"), "null");
	ck_assert_int_eq(json_integer_value(json_object_get(o, "cleanup_duration_ms")), 3);
	result_done();
	json_auto_t *empty = empty_result();
	ck_assert_str_eq(string_at(empty, "work_type"), "null");
	ck_assert(json_is_null(json_object_get(empty, "kvm_stats")) && json_is_null(json_object_get(empty, "monitor")));
	result_done();
}
END_TEST

static void fill(TCase *tc)
{
	tcase_add_loop_test(tc, replay_line_has_what_decides, 0, (int)ARRAY_SIZE(replays));
	tcase_add_test(tc, replay_names_the_environment_that_decides);
	tcase_add_test(tc, the_table_marks_what_a_replay_needs);
	tcase_add_test(tc, replay_seed_is_of_a_try_with_that_verdict);
	tcase_add_test(tc, what_differs_has_another_file);
	tcase_add_test(tc, a_result_is_on_disk_when_it_is_written);
	tcase_add_test(tc, schema_and_sidecar_have_the_same_keys);
	tcase_add_test(tc, schema_says_what_is_volatile);
	tcase_add_test(tc, sidecar_says_what_decided);
	tcase_add_test(tc, sidecar_says_what_ran);
}

int main(void)
{
	return t_main("results", fill);
}
