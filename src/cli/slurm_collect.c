/* SPDX-License-Identifier: GPL-2.0-only */
/* slurm_collect.c -- the end of a run on Slurm: its results are collected, and shown as those of a local run. */
#include <stdlib.h>

#include <ktstr/test.h>

#include "base/environment.h"
#include "base/json.h"
#include "base/text.h"
#include "cli/out.h"
#include "cli/slurm.h"
#include "slurm/collect.h"

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

static void print_end(const struct slurm_following *f, const struct collection *c)
{
	struct result_counts counts = report_results_count(&c->results);
	_cleanup_buf_ struct buf text = BUF_NULL;
	const struct follow *follow = &f->runner.follow;
	if (f->json) {
		for (size_t i = 0; i < f->runner.record->count; i++)
			if (follow->item[i].given_up) {
				json_auto_t *o = json_object();
				struct slurm_case t;
				slurm_record_case(f->runner.record, i, &t);
				json_put_text(&o, "event", "test-lost");
				json_put_text(&o, "name", t.name);
				out_json(o, false);
			}
		ndjson_write(&c->results, &text);
		buf_clear(&text);
	}
	results_print_bad(&c->results, f->json ? &standard_error : &standard_output);
	report_results_summary(&counts, &text);
	buf_puts(&text, "\n");
	output_buf(f->json ? &standard_error : &standard_output, &text);
	if (follow->lost || follow->duplicates)
		say_printf("note: %zu test%s lost and run once more, %zu result%s came twice (the first one counts)\n",
			   follow->lost, follow->lost == 1 ? " was" : "s were", follow->duplicates,
			   plural(follow->duplicates));
	for (size_t i = 0; i < c->kernels; i++)
		say_printf("results: %s\n", c->dir[i].path);
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
	return reports_write(&f->reports, &c.results, err);
}
