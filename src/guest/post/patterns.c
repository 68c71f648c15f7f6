/* SPDX-License-Identifier: GPL-2.0-only */
/* patterns.c -- claims about numbers and about series of them, and how claims are joined. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "guest/post/post.h"

/* --- claims ------------------------------------------------------------------------------------------------------- */

enum ktstr_verdict ktstr_judge(struct ktstr_post *p, struct ktstr_claim claim)
{
	const char *text = claim.text ? claim.text : claim.label;
	if (claim.verdict == KTSTR_PASS) {
		p->verdict = post_worse(p->verdict, KTSTR_PASS);
		p->judged = true;
		if (claim.text)
			printf("note: %s\n", claim.text);
	} else {
		post_find(p, claim.verdict, text);
	}
	return claim.verdict;
}

struct ktstr_claim ktstr_all_of(struct ktstr_post *p, const struct ktstr_claim *claims)
{
	struct ktstr_claim worst = { .label = "all_of", .verdict = KTSTR_PASS };
	for (const struct ktstr_claim *c = claims; c->label; c++)
		if (c == claims || post_worse(worst.verdict, c->verdict) != worst.verdict)
			worst = *c;
	(void)p;
	return worst;
}

/* For any_of: what no claim passed comes to. */
static int any_rank(enum ktstr_verdict v)
{
	static const int ranks[] = { [KTSTR_SKIP] = 0, [KTSTR_INCONCLUSIVE] = 1, [KTSTR_FAIL] = 2, [KTSTR_PASS] = 3 };
	return ranks[v];
}

struct ktstr_claim ktstr_any_of(struct ktstr_post *p, const struct ktstr_claim *claims)
{
	_cleanup_buf_ struct buf texts = BUF_NULL;
	unsigned of[4] = { 0 }, count = 0;
	enum ktstr_verdict worst = KTSTR_SKIP;
	for (const struct ktstr_claim *c = claims; c->label; c++, count++) {
		if (c->verdict == KTSTR_PASS)
			return *c;
		of[c->verdict]++;
		worst = any_rank(c->verdict) > any_rank(worst) ? c->verdict : worst;
		buf_appendf(&texts, "; any_of[%u]: %s", count, c->text ? c->text : c->label);
	}
	if (!count)
		return (struct ktstr_claim){ .label = "any_of",
					     .verdict = KTSTR_FAIL,
					     .text = "any_of: there are no claims" };
	return (struct ktstr_claim){
		.label = "any_of",
		.verdict = worst,
		.text = post_text(p, "any_of: %u failed, %u inconclusive, %u skipped of %u branches%s", of[KTSTR_FAIL],
				  of[KTSTR_INCONCLUSIVE], of[KTSTR_SKIP], count, buf_str(&texts))
	};
}

/* --- comparisons -------------------------------------------------------------------------------------------------- */

static const struct {
	const char *text;
} comparisons[KTSTR_COMPARISON_MAX] = {
	[KTSTR_AT_LEAST] = { "at least" },    [KTSTR_AT_MOST] = { "at most" }, [KTSTR_LESS] = { "less than" },
	[KTSTR_GREATER] = { "greater than" }, [KTSTR_EQUAL] = { "equal to" },  [KTSTR_NOT_EQUAL] = { "other than" },
};

static bool holds(double value, enum ktstr_comparison how, double bound)
{
	switch (how) {
	case KTSTR_AT_LEAST:
		return value >= bound;
	case KTSTR_AT_MOST:
		return value <= bound;
	case KTSTR_LESS:
		return value < bound;
	case KTSTR_GREATER:
		return value > bound;
	case KTSTR_EQUAL:
		return value == bound;
	case KTSTR_NOT_EQUAL:
		return value != bound;
	default:
		return false;
	}
}

static struct ktstr_claim claim_fail(const char *label, const char *text)
{
	return (struct ktstr_claim){ .label = label, .verdict = KTSTR_FAIL, .text = text };
}

struct ktstr_claim ktstr_compare(struct ktstr_post *p, const char *label, double value, enum ktstr_comparison how,
				 double bound)
{
	if (how >= KTSTR_COMPARISON_MAX)
		return claim_fail(label, post_text(p, "%s: the comparison %d is not known", label, (int)how));
	if (isnan(value) || isnan(bound))
		return claim_fail(label, post_text(p, "%s: %.10g and %.10g are incomparable", label, value, bound));
	if (!holds(value, how, bound))
		return claim_fail(
			label, post_text(p, "%s: %.10g is not %s %.10g", label, value, comparisons[how].text, bound));
	return (struct ktstr_claim){ .label = label, .verdict = KTSTR_PASS };
}

/* Why two limits are not limits, or NULL. */
static const char *bad_limits(struct ktstr_post *p, const char *label, double low, double high)
{
	if (low <= high)
		return NULL;
	return post_text(p, "%s: the lower limit %.10g is above the upper limit %.10g", label, low, high);
}

struct ktstr_claim ktstr_between(struct ktstr_post *p, const char *label, double value, double low, double high)
{
	const char *bad = bad_limits(p, label, low, high);
	if (bad)
		return claim_fail(label, bad);
	if (isnan(value))
		return claim_fail(label, post_text(p, "%s: %.10g is incomparable", label, value));
	if (value < low || value > high)
		return claim_fail(label,
				  post_text(p, "%s: %.10g is not between %.10g and %.10g", label, value, low, high));
	return (struct ktstr_claim){ .label = label, .verdict = KTSTR_PASS };
}

/* --- series ------------------------------------------------------------------------------------------------------- */

static const struct ktstr_value *series_value(const struct ktstr_snapshot *s, const char *path,
					      const struct ktstr_value *(*get)(const struct ktstr_snapshot *s))
{
	return get ? get(s) : ktstr_snap_var(s, path);
}

/* A value that is there must be a number. */
static struct sample sample_of(const struct ktstr_snapshot *s, const struct ktstr_value *v)
{
	struct sample sample = { .name = s->name, .ms = s->ms, .gap = ktstr_value_error(v) };
	if (!sample.gap)
		sample.value = ktstr_value_double(v);
	return sample;
}

static const struct ktstr_series *make_series(struct ktstr_post *p, const char *label,
					      const struct ktstr_value *(*get)(const struct ktstr_snapshot *s))
{
	struct ktstr_series *series = post_alloc(p, sizeof(*series));
	struct sample *sample = post_alloc(p, (p->snapshots + 1) * sizeof(*sample));
	*series = (struct ktstr_series){ .label = post_text(p, "%s", label), .sample = sample };
	for (unsigned i = 0; i < p->snapshots; i++)
		if (p->snapshot[i].periodic)
			sample[series->count++] = sample_of(&p->snapshot[i], series_value(&p->snapshot[i], label, get));
	return series;
}

const struct ktstr_series *ktstr_series_var(struct ktstr_post *p, const char *path)
{
	return make_series(p, path, NULL);
}

const struct ktstr_series *ktstr_series_of(struct ktstr_post *p, const char *label,
					   const struct ktstr_value *(*get)(const struct ktstr_snapshot *s))
{
	return make_series(p, label, get);
}

/* --- what all patterns share -------------------------------------------------------------------------------------- */

struct pattern {
	struct ktstr_post *p;
	const struct ktstr_series *s;
	const char *name;
	const struct sample **value; /* without gaps */
	unsigned count;
};

static struct ktstr_claim verdict_of(const struct pattern *pattern, enum ktstr_verdict v, const char *text)
{
	return (struct ktstr_claim){
		.label = pattern->s->label,
		.verdict = v,
		.text = text ? post_text(pattern->p, "%s (%s): %s", pattern->s->label, pattern->name, text) : NULL
	};
}

#define VERDICT(pattern, v, ...) verdict_of(pattern, v, post_text((pattern)->p, __VA_ARGS__))

/* "sample periodic_004 (+850ms)" */
static const char *sample_text(const struct pattern *pattern, const struct sample *s)
{
	return isnan(s->ms) ? post_text(pattern->p, "sample %s", s->name)
			    : post_text(pattern->p, "sample %s (+%.0fms)", s->name, s->ms);
}

/* A pass, with a note on gaps. */
static struct ktstr_claim pass(const struct pattern *pattern)
{
	unsigned gaps = pattern->s->count - pattern->count;
	if (!gaps)
		return verdict_of(pattern, KTSTR_PASS, NULL);
	for (unsigned i = 0;; i++)
		if (pattern->s->sample[i].gap)
			return VERDICT(pattern, KTSTR_PASS,
				       "%u of %u samples have no value and were passed over; %s: %s", gaps,
				       pattern->s->count, sample_text(pattern, &pattern->s->sample[i]),
				       pattern->s->sample[i].gap);
}

/* False: the claim is decided, and is @ret. */
static bool begin(struct ktstr_post *p, const struct ktstr_series *s, const char *name, unsigned needed,
		  struct pattern *pattern, struct ktstr_claim *ret)
{
	*pattern = (struct pattern){ .p = p, .s = s, .name = name };
	pattern->value = post_alloc(p, (s->count + 1) * sizeof(const struct sample *));
	for (unsigned i = 0; i < s->count; i++)
		if (!s->sample[i].gap)
			pattern->value[pattern->count++] = &s->sample[i];
	for (unsigned i = 0; i < pattern->count; i++)
		if (isnan(pattern->value[i]->value)) {
			*ret = VERDICT(pattern, KTSTR_FAIL, "the value at %s is NaN: incomparable",
				       sample_text(pattern, pattern->value[i]));
			return false;
		}
	if (!pattern->count)
		*ret = VERDICT(pattern, KTSTR_INCONCLUSIVE, "none of %u samples has a value%s%s", s->count,
			       s->count ? ": " : "", s->count ? s->sample[0].gap : "");
	else if (pattern->count < needed)
		*ret = VERDICT(pattern, KTSTR_PASS, "holds for want of samples: it has %u, and needs %u",
			       pattern->count, needed);
	return pattern->count && pattern->count >= needed;
}

/* For patterns that allow no gaps. */
static bool begin_strict(struct ktstr_post *p, const struct ktstr_series *s, const char *name, struct pattern *pattern,
			 struct ktstr_claim *ret)
{
	if (!begin(p, s, name, 1, pattern, ret))
		return false;
	for (unsigned i = 0; i < s->count; i++)
		if (s->sample[i].gap) {
			*ret = VERDICT(pattern, KTSTR_FAIL, "%s has no value: %s", sample_text(pattern, &s->sample[i]),
				       s->sample[i].gap);
			return false;
		}
	return true;
}

static struct ktstr_claim exchanged_limits(struct ktstr_post *p, const struct ktstr_series *s, const char *name,
					   const char *bad)
{
	return claim_fail(s->label, post_text(p, "%s (%s): %s", s->label, name, bad));
}

#define CHECK_LIMITS(p, s, name, low, high)                                                                       \
	do {                                                                                                      \
		if (!((low) <= (high)))                                                                           \
			return exchanged_limits(                                                                  \
				p, s, name,                                                                       \
				post_text(p, "the lower limit %.10g is above the upper limit %.10g", low, high)); \
	} while (0)

/* --- patterns ----------------------------------------------------------------------------------------------------- */

static struct ktstr_claim increasing(struct ktstr_post *p, const struct ktstr_series *s, const char *name,
				     bool strictly)
{
	struct pattern pattern;
	struct ktstr_claim claim;
	if (!begin(p, s, name, 2, &pattern, &claim))
		return claim;
	for (unsigned i = 1; i < pattern.count; i++) {
		const struct sample *before = pattern.value[i - 1], *now = pattern.value[i];
		if (now->value > before->value || (!strictly && now->value == before->value))
			continue;
		return VERDICT(&pattern, KTSTR_FAIL, "%s at %s: value %.10g after prior value %.10g at %s",
			       now->value < before->value ? "regression" : "no increase", sample_text(&pattern, now),
			       now->value, before->value, sample_text(&pattern, before));
	}
	return pass(&pattern);
}

struct ktstr_claim ktstr_nondecreasing(struct ktstr_post *p, const struct ktstr_series *s)
{
	return increasing(p, s, "nondecreasing", false);
}

struct ktstr_claim ktstr_strictly_increasing(struct ktstr_post *p, const struct ktstr_series *s)
{
	return increasing(p, s, "strictly_increasing", true);
}

struct ktstr_claim ktstr_rate_within(struct ktstr_post *p, const struct ktstr_series *s, double low, double high)
{
	struct pattern pattern;
	struct ktstr_claim claim;
	CHECK_LIMITS(p, s, "rate_within", low, high);
	if (!begin(p, s, "rate_within", 2, &pattern, &claim))
		return claim;
	for (unsigned i = 1; i < pattern.count; i++) {
		const struct sample *before = pattern.value[i - 1], *now = pattern.value[i];
		if (now->ms == before->ms)
			return VERDICT(&pattern, KTSTR_INCONCLUSIVE, "no time passed from %s to %s",
				       sample_text(&pattern, before), sample_text(&pattern, now));
		double rate = (now->value - before->value) / (now->ms - before->ms);
		if (rate < low || rate > high)
			return VERDICT(&pattern, KTSTR_FAIL,
				       "%.10g per ms from %s to %s is not between %.10g and %.10g", rate,
				       sample_text(&pattern, before), sample_text(&pattern, now), low, high);
	}
	return pass(&pattern);
}

struct ktstr_claim ktstr_steady_within(struct ktstr_post *p, const struct ktstr_series *s, double warm_up_ms,
				       double tolerance)
{
	struct pattern pattern;
	struct ktstr_claim claim;
	double sum = 0;
	unsigned first = 0;
	if (!(tolerance >= 0))
		return exchanged_limits(p, s, "steady_within",
					post_text(p, "the tolerance %.10g is negative", tolerance));
	if (!begin(p, s, "steady_within", 2, &pattern, &claim))
		return claim;
	while (first < pattern.count && pattern.value[first]->ms < warm_up_ms)
		first++;
	if (pattern.count - first < 2)
		return VERDICT(&pattern, KTSTR_PASS,
			       "holds for want of samples: %u after the warm-up of %.10g ms, and "
			       "it needs 2",
			       pattern.count - first, warm_up_ms);
	for (unsigned i = first; i < pattern.count; i++)
		sum += pattern.value[i]->value;
	double mean = sum / (pattern.count - first);
	for (unsigned i = first; i < pattern.count; i++)
		if (fabs(pattern.value[i]->value - mean) > tolerance * fabs(mean))
			return VERDICT(&pattern, KTSTR_FAIL,
				       "value %.10g at %s is not within %.10g %% of the mean %.10g",
				       pattern.value[i]->value, sample_text(&pattern, pattern.value[i]),
				       tolerance * 100, mean);
	return pass(&pattern);
}

/* The sample of @s with that name, or NULL. */
static const struct sample *sample_named(const struct ktstr_series *s, const char *name)
{
	for (unsigned i = 0; i < s->count; i++)
		if (!strcmp(s->sample[i].name, name) && !s->sample[i].gap)
			return &s->sample[i];
	return NULL;
}

struct ktstr_claim ktstr_ratio_within(struct ktstr_post *p, const struct ktstr_series *a, const struct ktstr_series *b,
				      double low, double high)
{
	struct pattern pattern;
	struct ktstr_claim claim;
	struct sample *both = post_alloc(p, (a->count + 1) * sizeof(*both));
	struct ktstr_series *s = post_alloc(p, sizeof(*s));
	*s = (struct ktstr_series){ .label = post_text(p, "%s / %s", a->label, b->label), .sample = both };
	CHECK_LIMITS(p, s, "ratio_within", low, high);
	for (unsigned i = 0; i < a->count; i++) {
		const struct sample *other = sample_named(b, a->sample[i].name);
		both[i] = a->sample[i];
		both[i].gap = both[i].gap ? both[i].gap : other ? NULL : post_text(p, "%s has none", b->label);
		if (!both[i].gap && isnan(other->value))
			both[i].value = NAN;
	}
	s->count = a->count;
	if (!begin(p, s, "ratio_within", 1, &pattern, &claim))
		return claim;
	for (unsigned i = 0; i < pattern.count; i++) {
		const struct sample *above = pattern.value[i], *below = sample_named(b, above->name);
		if (below->value == 0)
			return VERDICT(&pattern, KTSTR_INCONCLUSIVE, "%s is 0 at %s", b->label,
				       sample_text(&pattern, above));
		double ratio = above->value / below->value;
		if (ratio < low || ratio > high)
			return VERDICT(&pattern, KTSTR_FAIL, "%.10g at %s is not between %.10g and %.10g", ratio,
				       sample_text(&pattern, above), low, high);
	}
	return pass(&pattern);
}

#define CONVERGED 3 /* values one after the other */

struct ktstr_claim ktstr_converges_to(struct ktstr_post *p, const struct ktstr_series *s, double target,
				      double tolerance, double deadline_ms)
{
	struct pattern pattern;
	struct ktstr_claim claim;
	if (!(tolerance >= 0))
		return exchanged_limits(p, s, "converges_to",
					post_text(p, "the tolerance %.10g is negative", tolerance));
	if (!begin(p, s, "converges_to", CONVERGED, &pattern, &claim))
		return claim;
	const struct sample *last = NULL;
	for (unsigned i = 0, run = 0; i < pattern.count && pattern.value[i]->ms <= deadline_ms; i++) {
		last = pattern.value[i];
		run = fabs(last->value - target) <= tolerance ? run + 1 : 0;
		if (run == CONVERGED)
			return pass(&pattern);
	}
	return last ? VERDICT(&pattern, KTSTR_FAIL,
			      "no %d values one after the other are within %.10g of %.10g by +%.10gms; the last one, "
			      "at %s, is %.10g",
			      CONVERGED, tolerance, target, deadline_ms, sample_text(&pattern, last), last->value)
		    : VERDICT(&pattern, KTSTR_FAIL, "the first sample is after the deadline of +%.10gms", deadline_ms);
}

struct ktstr_claim ktstr_always_true(struct ktstr_post *p, const struct ktstr_series *s)
{
	struct pattern pattern;
	struct ktstr_claim claim;
	if (!begin_strict(p, s, "always_true", &pattern, &claim))
		return claim;
	for (unsigned i = 0; i < pattern.count; i++)
		if (pattern.value[i]->value == 0)
			return VERDICT(&pattern, KTSTR_FAIL, "false at %s", sample_text(&pattern, pattern.value[i]));
	return pass(&pattern);
}

struct ktstr_claim ktstr_each(struct ktstr_post *p, const struct ktstr_series *s, enum ktstr_comparison how,
			      double bound)
{
	struct pattern pattern;
	struct ktstr_claim claim;
	if (how >= KTSTR_COMPARISON_MAX)
		return exchanged_limits(p, s, "each", "its comparison is not known");
	if (!begin_strict(p, s, "each", &pattern, &claim))
		return claim;
	for (unsigned i = 0; i < pattern.count; i++)
		if (!holds(pattern.value[i]->value, how, bound))
			return VERDICT(&pattern, KTSTR_FAIL, "value %.10g at %s is not %s %.10g",
				       pattern.value[i]->value, sample_text(&pattern, pattern.value[i]),
				       comparisons[how].text, bound);
	return pass(&pattern);
}

struct ktstr_claim ktstr_each_between(struct ktstr_post *p, const struct ktstr_series *s, double low, double high)
{
	struct pattern pattern;
	struct ktstr_claim claim;
	CHECK_LIMITS(p, s, "each_between", low, high);
	if (!begin_strict(p, s, "each_between", &pattern, &claim))
		return claim;
	for (unsigned i = 0; i < pattern.count; i++)
		if (pattern.value[i]->value < low || pattern.value[i]->value > high)
			return VERDICT(&pattern, KTSTR_FAIL, "value %.10g at %s is not between %.10g and %.10g",
				       pattern.value[i]->value, sample_text(&pattern, pattern.value[i]), low, high);
	return pass(&pattern);
}
