/* SPDX-License-Identifier: GPL-2.0-only */
/* events.c -- see events.h. */
#include <string.h>
#include <sys/resource.h>

#include "base/file.h"
#include "report/events.h"

static const struct {
	const char *word;
	enum term_style style;
} words[] = {
	[KTSTR_PASS] = { "PASS", TERM_GOOD },
	[KTSTR_FAIL] = { "FAIL", TERM_BAD },
	[KTSTR_INCONCLUSIVE] = { "INCONCLUSIVE", TERM_WARN },
	[KTSTR_SKIP] = { "SKIP", TERM_WARN },
};

/* Which of how many, and what became of them. */
static void put_tries(const struct result *r, struct buf *out)
{
	const struct flake_outcome *o = &r->outcome;
	if (r->policy.repeat > 1 && o->final)
		buf_appendf(out, "  (%u of %u tries passed, %u required)", o->passed, o->tries, r->policy.require);
	else if (r->policy.repeat > 1)
		buf_appendf(out, "  (try %u of %u)", r->attempt, r->policy.repeat);
	else if (r->attempt > 1)
		buf_appendf(out, "  (attempt %u)", r->attempt);
}

void event_line(const struct result *r, const struct term *t, struct buf *out)
{
	enum ktstr_verdict v = r->judgement->verdict;
	bool flaky = r->outcome.flaky;
	const struct detail *cause = v == KTSTR_PASS ? NULL : judgement_cause(r->judgement);
	char wall[TIME_TEXT_MAX];
	buf_appendf(out, "%s%-4s%s  %s  %s  %s", term_style(t, flaky ? TERM_WARN : words[v].style),
		    flaky ? "FLAKY" : words[v].word, term_plain(t), r->name, r->topology, nsec_format(r->wall, wall));
	put_tries(r, out);
	if (cause)
		buf_appendf(out, "  %s", cause->text);
	buf_puts(out, "\n");
}

/* What this try came to by itself, where several of them decide. */
static void add_own(json_t *o, const struct result *r)
{
	const struct detail *cause = judgement_cause(r->judgement);
	const struct flake_try *own = r->history && r->history->count >= r->attempt
					      ? &r->history->item[r->attempt - 1] : NULL;
	const char *why = own ? own->cause : cause ? cause->text : NULL;
	json_object_set_new(o, "own_verdict", json_string(verdict_name(own ? own->verdict : r->judgement->verdict)));
	json_object_set_new(o, "own_cause", why ? json_string(why) : json_null());
}

json_t *event_json(const struct result *r)
{
	const struct detail *cause = judgement_cause(r->judgement);
	char seed[24];
	snprintf(seed, sizeof(seed), "0x%lx", r->seed);
	json_t *o = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s?, s:i, s:s, s:I, s:s?, s:s}", "event", "test-finished",
			      "name", r->name, "topology", r->topology, "scheduler",
			      r->scheduler ? r->scheduler : "eevdf", "verdict", verdict_name(r->judgement->verdict),
			      "cause", cause ? cause->text : NULL, "attempt", (int)r->attempt, "seed", seed, "wall_ns",
			      (json_int_t)r->wall, "sidecar", r->sidecar, "replay", r->replay);
	json_object_set_new(o, "final", json_boolean(r->outcome.final));
	json_object_set_new(o, "flaky", json_boolean(r->outcome.flaky));
	json_object_set_new(o, "passed_tries", json_integer(r->outcome.passed));
	add_own(o, r);
	json_object_set_new(o, "estimate_ns", json_integer(r->estimate));
	json_object_set_new(o, "vm_rss_kib", json_integer((json_int_t)r->vm_rss_kib));
	return o;
}

/* Peak of the resident set. Not ru_maxrss, which starts from whoever forked us. */
static json_int_t peak_rss_kib(void)
{
	_cleanup_buf_ struct buf status = BUF_NULL;
	if (file_read("/proc/self/status", 65536, &status, NULL) < 0)
		return 0;
	const char *peak = strstr(buf_str(&status), "VmHWM:");
	return peak ? strtoll(peak + 6, NULL, 10) : 0;
}

static json_int_t cpu_us(int who)
{
	struct rusage ru = { 0 };
	getrusage(who, &ru);
	return (json_int_t)(ru.ru_utime.tv_sec + ru.ru_stime.tv_sec) * 1000000 + ru.ru_utime.tv_usec +
	       ru.ru_stime.tv_usec;
}

/*
 * What the orchestrator itself used so far is part of the summary: a harness should know its own cost. What its
 * children used, machines among them, stands beside it, so that nothing can hide in one.
 */
json_t *summary_json(const struct run_counts *c, nsec_t wall)
{
	return json_pack("{s:s, s:i, s:i, s:i, s:i, s:i, s:i, s:i, s:I, s:I, s:I, s:I}",
			 "event", "run-finished",
			 "total", (int)c->total,
			 "passed", (int)c->passed,
			 "failed", (int)c->failed,
			 "inconclusive", (int)c->inconclusive,
			 "skipped", (int)c->skipped,
			 "flaky", (int)c->flaky,
			 "not_run", (int)c->not_run,
			 "wall_ns", (json_int_t)wall,
			 "self_cpu_us", cpu_us(RUSAGE_SELF),
			 "children_cpu_us", cpu_us(RUSAGE_CHILDREN),
			 "self_rss_kib", peak_rss_kib());
}

void run_counts_add(struct run_counts *sum, const struct run_counts *part)
{
	sum->total += part->total;
	sum->passed += part->passed;
	sum->failed += part->failed;
	sum->inconclusive += part->inconclusive;
	sum->skipped += part->skipped;
	sum->flaky += part->flaky;
	sum->not_run += part->not_run;
	sum->interrupted |= part->interrupted;
}

void summary_line(const struct run_counts *c, nsec_t wall, struct buf *out)
{
	char text[TIME_TEXT_MAX];
	buf_appendf(out, "%u passed, %u failed, %u skipped", c->passed, c->failed, c->skipped);
	if (c->inconclusive)
		buf_appendf(out, ", %u inconclusive", c->inconclusive);
	if (c->flaky)
		buf_appendf(out, ", %u of the passed flaky", c->flaky);
	if (c->not_run)
		buf_appendf(out, ", %u not run", c->not_run);
	buf_appendf(out, " (%s)\n", nsec_format(wall, text));
}
