/* SPDX-License-Identifier: GPL-2.0-only */
/* slurm_collect.c -- the end of a run on Slurm: its results are collected, and shown as those of a local run. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <ktstr/test.h>

#include "base/environment.h"
#include "base/json.h"
#include "base/text.h"
#include "cli/commands.h"
#include "cli/last_run.h"
#include "cli/out.h"
#include "cli/slurm.h"
#include "cli/verifier_args.h"
#include "report/signatures.h"
#include "run/list_json.h"
#include "kernel/batch.h"
#include "slurm/collect.h"
#include "slurm/node_kernel.h"

/* The places that the submitting process would have used. */
static int set_places(const struct slurm_record *r)
{
	const char *root = slurm_record_text(r, "runs_root"), *sidecars = slurm_record_text(r, "sidecar_dir");
	int failed = 0;
	if (*sidecars)
		failed = setenv(environment_variables[ENV_SIDECAR_DIR].name, sidecars, true);
	else
		unsetenv(environment_variables[ENV_SIDECAR_DIR].name);
	if (*root)
		failed |= setenv(environment_variables[ENV_RUNS_ROOT].name, root, true);
	return failed ? -ENOMEM : 0;
}

static bool is_of(const struct slurm_record *r, const struct command *c)
{
	return !strcmp(slurm_record_text(r, "command"), c->name);
}

static struct event_kind kind_of(const struct report_result *r)
{
	static const struct event_kind kinds[OUTCOME_MAX] = {
		[OUTCOME_FAIL] = { .verdict = KTSTR_FAIL },
		[OUTCOME_XPASS] = { .verdict = KTSTR_PASS, .known = KNOWN_XPASS },
		[OUTCOME_NOT_RUN] = { .verdict = KTSTR_INCONCLUSIVE },
		[OUTCOME_UNREADABLE] = { .verdict = KTSTR_INCONCLUSIVE },
		[OUTCOME_INCONCLUSIVE] = { .verdict = KTSTR_INCONCLUSIVE },
		[OUTCOME_FLAKY] = { .verdict = KTSTR_PASS, .flaky = true },
		[OUTCOME_XFAIL] = { .verdict = KTSTR_FAIL, .known = KNOWN_XFAIL },
		[OUTCOME_SKIP] = { .verdict = KTSTR_SKIP },
		[OUTCOME_PASS] = { .verdict = KTSTR_PASS },
	};
	return kinds[r->outcome];
}

/* The failures of many schedules, as `ktstr explore` groups them. A schedule that did not run is none. */
static void find_failures(const struct report_results *results, struct closing *ret)
{
	for (size_t i = 0; i < results->count; i++) {
		const struct report_result *t = &results->item[i];
		if (t->outcome != OUTCOME_NOT_RUN)
			closing_add_read(ret, kind_of(t), t->name, *t->cause ? t->cause : NULL, t->replay);
	}
}

static void print_lost(const struct slurm_following *f)
{
	const struct slurm_record *record = f->runner.record;
	for (size_t i = 0; i < record->count; i++) {
		json_auto_t *o = json_object();
		struct slurm_case t;
		if (!f->runner.follow.item[i].given_up)
			continue;
		slurm_record_case(record, i, &t);
		json_put_text(&o, "event", "test-lost");
		json_put_text(&o, "name", t.name);
		out_json(o, false);
	}
}

static void print_sum(const struct slurm_following *f, const struct collection *c)
{
	_cleanup_(closing_done) struct closing closing = { 0 };
	_cleanup_buf_ struct buf text = BUF_NULL;
	struct result_counts counts = report_results_count(&c->results);
	const struct term t = term_probe(STDOUT_FILENO);
	bool explored = is_of(f->runner.record, &cmd_explore);
	if (explored)
		find_failures(&c->results, &closing);
	if (f->json) {
		json_auto_t *sum = results_sum_json(&c->results);
		if (explored)
			json_put(&sum, "signatures", signatures_json(&closing));
		print_lost(f);
		out_json(sum, false);
	}
	if (explored && !f->json)
		signatures_render(&closing, &t, &text);
	if (!explored)
		results_print_bad(&c->results, f->json ? &standard_error : f->lines);
	report_results_summary(&counts, &text);
	buf_puts(&text, "\n");
	output_buf(f->json ? &standard_error : f->lines, &text);
}

static void print_end(const struct slurm_following *f, const struct collection *c)
{
	const struct follow *follow = &f->runner.follow;
	print_sum(f, c);
	if (follow->lost)
		say_printf("note: %zu test%s lost and run once more\n", follow->lost,
			   follow->lost == 1 ? " was" : "s were");
	if (follow->duplicates)
		say_printf("note: %zu result%s came twice; the first one counts\n", follow->duplicates,
			   plural(follow->duplicates));
	for (size_t i = 0; i < c->kernels; i++)
		say_printf("results: %s\n", c->dir[i].path);
}

/* What the command prints beside the tests' results. */
static int show_results(const struct slurm_record *r, const struct report_results *results, struct err **err)
{
	const json_t *options = json_object_get(r->manifest, "options");
	size_t count = json_array_size(options);
	if (!is_of(r, &cmd_verifier))
		return 0;
	char **words = calloc(count + 1, sizeof(*words));
	bool failed = !words;
	for (size_t i = 0; words && i < count; i++)
		failed |= !(words[i] = strdup(json_string_value(json_array_get(options, i)) ?: ""));
	int result = failed ? -ENOMEM : verifier_show_collected(words, results, err);
	strings_free(words);
	return result;
}

static const char *kernel_text(const struct slurm_record *r, size_t i, const char *key)
{
	return json_string_value(json_object_get(json_array_get(json_object_get(r->manifest, "kernels"), i), key));
}

/* Kernels that a job of the run has built come into the cache of this machine, too: failed tests are repeated here. */
static int fetch_built(const struct slurm_following *f, size_t i, struct err **err)
{
	const struct slurm_record *r = f->runner.record;
	const char *key = kernel_text(r, i, "key");
	if (!kernel_text(r, i, "source") || !key)
		return 0;
	return node_kernel_fetch(f->runner.reactor, r, key, kernel_text(r, i, "digest"), err);
}

/* For `ktstr replay`. */
static int note_run(const struct slurm_following *f, const struct collection *c, struct err **err)
{
	const struct slurm_record *record = f->runner.record;
	json_auto_t *last = json_deep_copy(json_object_get(record->manifest, "last_run"));
	const char *names[KERNELS_MAX] = { NULL };
	int r = 0;
	if (!json_is_object(last) || c->kernels > KERNELS_MAX)
		return 0;
	for (size_t i = 0; r == 0 && i < c->kernels; i++) {
		names[i] = kernel_text(record, i, "name");
		r = fetch_built(f, i, err);
	}
	return r == 0 ? last_run_write_described(last, c->dir, names, c->kernels, err) : r;
}

int slurm_collect(const struct slurm_following *f, struct err **err)
{
	_cleanup_(collection_done) struct collection c = { 0 };
	const struct slurm_record *record = f->runner.record;
	int r = set_places(record);
	if (r == 0)
		r = collection_make(&c, &f->runner, err);
	if (r < 0)
		return r;
	reports_say_problems(&c.results);
	print_end(f, &c);
	status_note(results_status(&c.results));
	if (f->flaky && json_is_true(json_object_get(record->manifest, "flaky_fails")))
		status_note(KTSTR_EXIT_FAIL);
	r = note_run(f, &c, err);
	if (r == 0)
		r = show_results(record, &c.results, err);
	return r == 0 ? reports_write(&f->reports, &c.results, err) : r;
}
