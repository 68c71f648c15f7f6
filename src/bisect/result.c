/* SPDX-License-Identifier: GPL-2.0-only */
/* result.c -- the answer of a bisection, for people and programs; see bisect.h. */
#include <math.h>
#include <string.h>

#include "base/exit_status.h"
#include "base/json.h"
#include "base/text.h"
#include "bisect/bisect.h"

#define SUBJECT_MAX 120
#define LISTED_MAX  20

static const char *const words[] = {
	[STRATEGY_RUN] = "undecided",
	[STRATEGY_FOUND] = "found",
	[STRATEGY_RANGE] = "range",
	[STRATEGY_BAD_PASSES] = "bad_end_passes",
	[STRATEGY_GOOD_FAILS] = "good_end_fails",
	[STRATEGY_BAD_UNTESTED] = "bad_end_untestable",
	[STRATEGY_GOOD_UNTESTED] = "good_end_untestable",
	[STRATEGY_LIMIT] = "limit",
};

/* What may be the culprit. The caller frees. */
static bool *find_members(const struct bisect_session *s, size_t *ret_count, double *ret_probability)
{
	const struct posterior *p = &s->posterior;
	bool *member = calloc(p->history->count, sizeof(*member));
	bool decided = s->answer == STRATEGY_FOUND || s->answer == STRATEGY_RANGE;
	*ret_count = 0;
	*ret_probability = 0;
	if (!member)
		return NULL;
	if (decided)
		*ret_count = posterior_best(p, member, ret_probability);
	/* No runs are left that could tell the points apart, although none of them is probable enough. */
	if (!decided || *ret_probability < 1 - s->settings->error) {
		*ret_count = posterior_credible(p, 1 - s->settings->error, member);
		*ret_probability = 0;
		for (size_t i = 1; i < p->history->count; i++)
			*ret_probability += member[i] ? p->probability[i] : 0;
	}
	return member;
}

static size_t first_member(const bool *member, size_t count)
{
	size_t i = 1;
	while (i + 1 < count && !member[i])
		i++;
	return i;
}

int bisect_result_status(const struct bisect_session *s)
{
	return s->answer == STRATEGY_FOUND ? EXIT_FAILED : s->answer == STRATEGY_BAD_PASSES ? 0 : 2;
}

/* --- what the culprit is ------------------------------------------------------------------------------------------ */

static bool has_prefix(const char *path, const char *prefix)
{
	return !strncmp(path, prefix, strlen(prefix));
}

static bool has_suffix(const char *path, const char *suffix)
{
	size_t len = strlen(path), end = strlen(suffix);
	return len >= end && !strcmp(path + len - end, suffix);
}

struct changes {
	size_t files, texts;
};

static void note_path(void *arg, const char *path)
{
	static const char *const prefixes[] = { "Documentation/", "docs/", "doc/", "tools/testing/" };
	static const char *const suffixes[] = { ".md", ".rst", ".txt" };
	struct changes *c = arg;
	bool text = false;
	for (size_t i = 0; i < ARRAY_SIZE(prefixes); i++)
		text |= has_prefix(path, prefixes[i]);
	for (size_t i = 0; i < ARRAY_SIZE(suffixes); i++)
		text |= has_suffix(path, suffixes[i]);
	c->files++;
	c->texts += text;
}

/* What makes an answer doubtful, whatever its probability; NULL: nothing. */
static const char *find_doubt(const struct bisect_session *s, size_t culprit)
{
	const struct lineage *h = &s->points.history;
	struct changes c = { 0 };
	char subject[SUBJECT_MAX];
	if (h->first[culprit + 1] - h->first[culprit] > 1)
		return "it is a merge: both sides may be good alone";
	if (s->points.project &&
	    project_describe(s->points.project, s->points.point[culprit].key, subject, sizeof(subject), note_path,
			     &c) == 0 &&
	    c.files == c.texts)
		return "it changes only documentation or tests of the kernel: another cause is likely";
	return NULL;
}

static void put_tally(const struct bisect_session *s, size_t point, const char *what, struct buf *out)
{
	const struct bisect_tally *t = &s->tally[point];
	buf_appendf(out, "  %s%s: %u of %u runs fail", what, s->points.point[point].label, t->failed,
		    t->failed + t->passed);
	if (s->posterior.untestable[point])
		buf_appendf(out, "; it cannot be tested: %s", t->last);
	buf_puts(out, "\n");
}

static void put_culprit(const struct bisect_session *s, size_t culprit, double probability, struct buf *out)
{
	const struct lineage *h = &s->points.history;
	const char *doubt = find_doubt(s, culprit);
	buf_appendf(out, "culprit: %s (probability %.1f %%)\n", s->points.point[culprit].label, 100 * probability);
	put_tally(s, culprit, "", out);
	for (uint32_t i = h->first[culprit]; i < h->first[culprit + 1]; i++)
		put_tally(s, h->parent[i], "before: ", out);
	if (doubt)
		buf_appendf(out, "  doubtful: %s\n", doubt);
	if (s->tally[culprit].failed) {
		buf_puts(out, "  a run that fails: ");
		bisect_command_line(&s->bench, culprit, s->tally[culprit].failing_run, out);
		buf_puts(out, "\n");
	}
}

static void put_range(const struct bisect_session *s, const bool *member, size_t count, double probability,
		      struct buf *out)
{
	size_t listed = 0;
	buf_appendf(out, "one of these %zu (probability %.1f %%):\n", count, 100 * probability);
	for (size_t i = 1; i < s->points.history.count && listed < LISTED_MAX; i++)
		if (member[i]) {
			put_tally(s, i, "", out);
			listed++;
		}
	if (listed < count)
		buf_appendf(out, "  ... and %zu more\n", count - listed);
}

static void put_answer(const struct bisect_session *s, struct buf *out)
{
	size_t count, last = s->points.history.count - 1;
	double probability;
	_cleanup_free_ bool *member = find_members(s, &count, &probability);
	if (!member)
		return;
	switch (s->answer) {
	case STRATEGY_FOUND:
		put_culprit(s, first_member(member, s->points.history.count), probability, out);
		break;
	case STRATEGY_BAD_PASSES:
		buf_appendf(
			out,
			"the bad end does not fail: none of %u runs; at 95 %% confidence, the rate is below %.2g %%\n",
			s->tally[last].passed, 300.0 / MAX_OF(s->tally[last].passed, 3u));
		break;
	case STRATEGY_GOOD_FAILS:
		buf_puts(out, "the good end fails in the same way; choose an earlier one\n");
		put_tally(s, 0, "", out);
		break;
	case STRATEGY_BAD_UNTESTED:
	case STRATEGY_GOOD_UNTESTED:
		buf_puts(out, "an end cannot be tested; choose another one\n");
		put_tally(s, s->answer == STRATEGY_BAD_UNTESTED ? last : 0, "", out);
		break;
	case STRATEGY_RANGE:
	case STRATEGY_LIMIT:
	case STRATEGY_RUN:
		put_range(s, member, count, probability, out);
		break;
	}
}

static size_t count_untestable(const struct bisect_session *s)
{
	size_t n = 0;
	for (size_t i = 0; i < s->points.history.count; i++)
		n += s->posterior.untestable[i];
	return n;
}

void bisect_result_text(const struct bisect_session *s, struct buf *out)
{
	char time[TIME_TEXT_MAX];
	size_t untestable = count_untestable(s);
	if (*s->wanted)
		buf_appendf(out, "failure: %s\n", s->wanted);
	put_answer(s, out);
	buf_appendf(out, "%u run%s", s->known + s->runs, plural(s->known + s->runs));
	if (s->known)
		buf_appendf(out, " (%u of them before)", s->known);
	if (s->bench.builds)
		buf_appendf(out, ", %u build%s", s->bench.builds, plural(s->bench.builds));
	if (untestable)
		buf_appendf(out, ", %zu point%s that cannot be tested", untestable, plural(untestable));
	buf_appendf(out, ", %s\n", nsec_format(s->wall, time));
	if (s->answer == STRATEGY_LIMIT)
		buf_puts(out,
			 "the time or the number of runs is over; with a higher limit, the same command goes on\n");
}

/* --- JSON --------------------------------------------------------------------------------------------------------- */

static json_t *point_json(const struct bisect_session *s, size_t point)
{
	const struct bisect_tally *t = &s->tally[point];
	json_t *o = json_object();
	json_put_text(&o, "point", s->points.point[point].key);
	json_put_text(&o, "label", s->points.point[point].label);
	json_put_number(&o, "probability", s->posterior.probability[point]);
	json_put_u64(&o, "failed", t->failed);
	json_put_u64(&o, "passed", t->passed);
	json_put_u64(&o, "unusable", t->unusable);
	json_put_text(&o, "untestable", s->posterior.untestable[point] ? t->last : NULL);
	return o;
}

static json_t *points_json(const struct bisect_session *s)
{
	json_t *list = json_array();
	for (size_t i = 0; i < s->points.history.count; i++)
		if (s->tally[i].failed + s->tally[i].passed + s->tally[i].unusable || s->posterior.untestable[i])
			json_add(&list, point_json(s, i));
	return list;
}

json_t *bisect_result_json(const struct bisect_session *s)
{
	size_t count;
	double probability;
	_cleanup_free_ bool *member = find_members(s, &count, &probability);
	json_t *o = json_object(), *left = json_array();
	bool names = s->answer == STRATEGY_FOUND || s->answer == STRATEGY_RANGE || s->answer == STRATEGY_LIMIT;
	for (size_t i = 1; member && names && i < s->points.history.count; i++)
		if (member[i])
			json_add(&left, point_json(s, i));
	json_put_text(&o, "answer", words[s->answer]);
	json_put_text(&o, "failure", *s->wanted ? s->wanted : NULL);
	json_put_number(&o, "probability", names ? probability : NAN);
	json_put(&o, "candidates", left);
	if (s->answer == STRATEGY_FOUND && member)
		json_put_text(&o, "doubt", find_doubt(s, first_member(member, s->points.history.count)));
	json_put(&o, "tested", points_json(s));
	json_put_u64(&o, "points", s->points.history.count);
	json_put_u64(&o, "runs", s->known + s->runs);
	json_put_u64(&o, "runs_known", s->known);
	json_put_u64(&o, "builds", s->bench.builds);
	json_put_int(&o, "wall_ns", s->wall);
	return o;
}
