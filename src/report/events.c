/* SPDX-License-Identifier: GPL-2.0-only */
/* events.c -- see events.h. */
#include <string.h>
#include <sys/resource.h>

#include "base/file.h"
#include "base/json.h"
#include "base/text.h"
#include "report/events.h"
#include "report/settings.h"

static const struct {
	const char *word;
	enum term_style style;
} words[] = {
	[KTSTR_PASS] = { "PASS", TERM_GOOD },
	[KTSTR_FAIL] = { "FAIL", TERM_BAD },
	[KTSTR_INCONCLUSIVE] = { "INCONCLUSIVE", TERM_WARN },
	[KTSTR_SKIP] = { "SKIP", TERM_WARN },
};

static const struct {
	const char *word;
	enum term_style style;
} known_words[] = {
	[KNOWN_XFAIL] = { "XFAIL", TERM_WARN },
	[KNOWN_XPASS] = { "XPASS", TERM_BAD },
};

static void put_known(const struct result *r, struct buf *out)
{
	if (r->known_outcome == KNOWN_XFAIL)
		buf_appendf(out, "  known to fail (%s)", r->known.reason);
	else if (r->known_outcome == KNOWN_XPASS && r->known.flaky)
		buf_appendf(out, "  passed this time; known to fail now and then (%s)", r->known.reason);
	else if (r->known_outcome == KNOWN_XPASS)
		buf_appendf(out, "  passed, but is known to fail (%s); remove its known_fail, or set .flaky",
			    r->known.reason);
}

/* The number of the try, or how many tries passed. */
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

struct event_kind event_kind_of(const struct result *r)
{
	return (struct event_kind){ r->judgement->verdict, r->outcome.flaky, r->known_outcome, r->known.flaky };
}

static enum term_style style_of(struct event_kind k)
{
	if (k.known)
		return k.known_is_flaky ? TERM_WARN : known_words[k.known].style;
	return k.flaky ? TERM_WARN : words[k.verdict].style;
}

unsigned event_word(struct event_kind k, const struct term *t, struct buf *out)
{
	const char *word = k.known ? known_words[k.known].word : k.flaky ? "FLAKY" : words[k.verdict].word;
	unsigned len = (unsigned)strlen(word), columns = MAX_OF(len + 1, EVENT_INDENT);
	buf_appendf(out, "%s%s%s%*s", term_style(t, style_of(k)), word, term_plain(t), (int)(columns - len), "");
	return columns;
}

/* Topology and time in columns, then the tries and the known failure. */
static void put_facts(const struct result *r, unsigned topology, struct buf *out)
{
	char wall[TIME_TEXT_MAX];
	buf_appendf(out, "%-*s  %7s", (int)topology, r->topology, r->wall ? nsec_format(r->wall, wall) : "-");
	put_tries(r, out);
	put_known(r, out);
}

void event_line(const struct result *r, const struct event_layout *layout, const struct term *t, struct buf *out)
{
	bool passed = r->judgement->verdict == KTSTR_PASS;
	const struct detail *cause = passed || layout->report_follows ? NULL : judgement_cause(r->judgement);
	_cleanup_buf_ struct buf facts = BUF_NULL;
	put_facts(r, layout->topology, &facts);
	unsigned word = event_word(event_kind_of(r), t, out), others = word + 2 + (unsigned)facts.len;
	unsigned most = t->tty ? t->columns : EVENT_COLUMNS, room = most > others ? most - others : 0;
	if (t->tty && text_columns(r->name) > room) {
		buf_appendf(out, "%s\n%*s%s\n", r->name, (int)EVENT_INDENT, "", buf_str(&facts));
	} else {
		/* If the word is wider than EVENT_INDENT, the name column is narrower. */
		unsigned name = layout->name + EVENT_INDENT > word ? layout->name + EVENT_INDENT - word : 0;
		unsigned pad = MAX_OF(MIN_OF(name, room), text_columns(r->name));
		text_append_columns(out, r->name, pad, /* pad= */ true);
		buf_appendf(out, "  %s\n", buf_str(&facts));
	}
	if (cause)
		text_append_wrapped(out, cause->text, t->tty ? t->columns : 0, EVENT_INDENT);
}

/* The verdict and cause of this try alone; several tries may decide the result. */
static void put_own(json_t **o, const struct result *r)
{
	const struct detail *cause = judgement_cause(r->judgement);
	const struct flake_try *own =
		r->history && r->history->count >= r->attempt ? &r->history->item[r->attempt - 1] : NULL;
	json_put_text(o, "own_verdict", verdict_name(own ? own->verdict : r->judgement->verdict));
	json_put_text(o, "own_cause", own ? own->cause : cause ? cause->text : NULL);
}

json_t *event_json(const struct result *r)
{
	const struct detail *cause = judgement_cause(r->judgement);
	json_t *o = json_object();
	char seed[24];
	snprintf(seed, sizeof(seed), "0x%lx", r->seed);
	json_put_text(&o, "event", "test-finished");
	json_put_text(&o, "name", r->name);
	json_put_text(&o, "topology", r->topology);
	json_put_text(&o, "scheduler", r->scheduler ? r->scheduler : "eevdf");
	json_put_text(&o, "verdict", verdict_name(r->judgement->verdict));
	json_put_text(&o, "cause", cause ? cause->text : NULL);
	json_put_u64(&o, "attempt", r->attempt);
	json_put_text(&o, "seed", seed);
	json_put_int(&o, "wall_ns", r->wall);
	json_put_text(&o, "sidecar", r->sidecar);
	json_put_text(&o, "replay", r->replay);
	json_put_bool(&o, "final", r->outcome.final);
	json_put_bool(&o, "flaky", r->outcome.flaky);
	json_put_u64(&o, "passed_tries", r->outcome.passed);
	json_put(&o, "known_fail", known_fail_json(r));
	put_own(&o, r);
	json_put_int(&o, "estimate_ns", r->estimate);
	json_put_u64(&o, "vm_rss_kib", r->vm_rss_kib);
	return o;
}

json_t *started_json(const char *name, const char *topology, unsigned attempt, uint64_t seed)
{
	json_t *o = json_object();
	char text[24];
	snprintf(text, sizeof(text), "0x%lx", seed);
	json_put_text(&o, "event", "test-started");
	json_put_text(&o, "name", name);
	json_put_text(&o, "topology", topology);
	json_put_u64(&o, "attempt", attempt);
	json_put_text(&o, "seed", text);
	return o;
}

/* Peak resident set (VmHWM). ru_maxrss includes the peak of the parent before exec. */
static int64_t peak_rss_kib(void)
{
	_cleanup_buf_ struct buf status = BUF_NULL;
	if (file_read("/proc/self/status", 65536, &status, NULL) < 0)
		return 0;
	const char *peak = strstr(buf_str(&status), "VmHWM:");
	return peak ? strtoll(peak + 6, NULL, 10) : 0;
}

static int64_t cpu_us(int who)
{
	struct rusage ru = { 0 };
	getrusage(who, &ru);
	return (int64_t)(ru.ru_utime.tv_sec + ru.ru_stime.tv_sec) * 1000000 + ru.ru_utime.tv_usec + ru.ru_stime.tv_usec;
}

/* The cost of the orchestrator itself is separate from the CPU time of its children, which run the machines. */
json_t *summary_json(const struct run_counts *c, nsec_t wall)
{
	json_t *o = json_object();
	json_put_text(&o, "event", "run-finished");
	json_put_u64(&o, "total", c->total);
	json_put_u64(&o, "passed", c->passed);
	json_put_u64(&o, "failed", c->failed);
	json_put_u64(&o, "inconclusive", c->inconclusive);
	json_put_u64(&o, "skipped", c->skipped);
	json_put_u64(&o, "flaky", c->flaky);
	json_put_u64(&o, "xfailed", c->xfailed);
	json_put_u64(&o, "xpassed", c->xpassed);
	json_put_u64(&o, "not_run", c->not_run);
	json_put_int(&o, "wall_ns", wall);
	json_put_int(&o, "self_cpu_us", cpu_us(RUSAGE_SELF));
	json_put_int(&o, "children_cpu_us", cpu_us(RUSAGE_CHILDREN));
	json_put_int(&o, "self_rss_kib", peak_rss_kib());
	return o;
}

void run_counts_add(struct run_counts *sum, const struct run_counts *part)
{
	sum->total += part->total;
	sum->passed += part->passed;
	sum->failed += part->failed;
	sum->inconclusive += part->inconclusive;
	sum->skipped += part->skipped;
	sum->flaky += part->flaky;
	sum->xfailed += part->xfailed;
	sum->xpassed += part->xpassed;
	sum->xallowed += part->xallowed;
	sum->allowed += part->allowed;
	sum->not_run += part->not_run;
	sum->interrupted |= part->interrupted;
}

static void put_count(struct buf *out, const struct term *t, enum term_style style, unsigned count, const char *word)
{
	bool styled = count > 0;
	buf_appendf(out, "%s%u %s%s", styled ? term_style(t, style) : "", count, word, styled ? term_plain(t) : "");
}

void summary_line(const struct run_counts *c, nsec_t wall, const struct term *t, struct buf *out)
{
	char text[TIME_TEXT_MAX];
	buf_appendf(out, "%u test%s: ", c->total, plural(c->total));
	put_count(out, t, TERM_GOOD, c->passed, "passed");
	buf_puts(out, ", ");
	put_count(out, t, TERM_BAD, c->failed, "failed");
	buf_puts(out, ", ");
	put_count(out, t, TERM_WARN, c->skipped, "skipped");
	const struct {
		unsigned count;
		const char *word;
	} rare[] = { { c->inconclusive, "inconclusive" },
		     { c->xfailed, "failed as known" },
		     { c->xpassed, "passed but known to fail" },
		     { c->flaky, "of the passed flaky" },
		     { c->not_run, "not run" } };
	for (size_t i = 0; i < ARRAY_SIZE(rare); i++) {
		if (!rare[i].count)
			continue;
		buf_puts(out, ", ");
		put_count(out, t, TERM_WARN, rare[i].count, rare[i].word);
	}
	buf_appendf(out, " (%s)\n", nsec_format(wall, text));
}
