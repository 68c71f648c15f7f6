/* SPDX-License-Identifier: GPL-2.0-only */
/* ndjson.c -- one JSON object a line, with the keys of `ktstr test --json`. */
#include "formats/formats.h"

static const char *verdict_of(enum test_outcome o)
{
	switch (o) {
	case OUTCOME_PASS:
	case OUTCOME_FLAKY:
	case OUTCOME_XPASS:
		return "pass";
	case OUTCOME_XFAIL:
		return "fail";
	default:
		return outcome_rows[o].word;
	}
}

static void put_test(struct buf *out, const struct report_result *t)
{
	json_auto_t *o = json_object();
	json_put_text(&o, "event", "test-finished");
	json_put_text(&o, "name", t->name);
	json_put_text(&o, "suite", t->suite);
	json_put_text(&o, "topology", t->topology);
	json_put_text(&o, "scheduler", t->scheduler);
	json_put_text(&o, "kernel", t->kernel);
	json_put_text(&o, "kernel_version", t->kernel_version);
	json_put_text(&o, "verdict", verdict_of(t->outcome));
	json_put_text(&o, "outcome", outcome_rows[t->outcome].word);
	json_put_bool(&o, "fails_run", t->bad);
	json_put_text(&o, "cause", *t->cause ? t->cause : NULL);
	json_put_text(&o, "seed", t->seed);
	json_put_u64(&o, "attempt", t->tries);
	json_put_u64(&o, "passed_tries", t->passed);
	json_put_bool(&o, "final", t->final);
	json_put_bool(&o, "flaky", t->outcome == OUTCOME_FLAKY);
	json_put_int(&o, "wall_ns", t->wall);
	json_put_text(&o, "sidecar", *t->sidecar ? t->sidecar : NULL);
	json_put_text(&o, "replay", t->replay);
	json_print(o, false, out);
}

json_t *results_sum_json(const struct report_results *r)
{
	struct result_counts c = report_results_count(r);
	const size_t *n = c.outcome;
	json_t *o = json_object();
	json_put_text(&o, "event", "run-finished");
	json_put_u64(&o, "total", c.total);
	json_put_u64(&o, "passed", n[OUTCOME_PASS] + n[OUTCOME_FLAKY]);
	json_put_u64(&o, "failed", n[OUTCOME_FAIL]);
	json_put_u64(&o, "inconclusive", n[OUTCOME_INCONCLUSIVE]);
	json_put_u64(&o, "skipped", n[OUTCOME_SKIP]);
	json_put_u64(&o, "flaky", n[OUTCOME_FLAKY]);
	json_put_u64(&o, "xfailed", n[OUTCOME_XFAIL]);
	json_put_u64(&o, "xpassed", n[OUTCOME_XPASS]);
	json_put_u64(&o, "not_run", n[OUTCOME_NOT_RUN]);
	json_put_u64(&o, "unreadable", n[OUTCOME_UNREADABLE]);
	return o;
}

static void put_sum(struct buf *out, const struct report_results *r)
{
	json_auto_t *o = results_sum_json(r);
	json_print(o, false, out);
}

void ndjson_write(const struct report_results *r, struct buf *out)
{
	for (size_t i = 0; i < r->count; i++)
		put_test(out, &r->item[i]);
	put_sum(out, r);
}
