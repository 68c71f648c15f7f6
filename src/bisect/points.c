/* SPDX-License-Identifier: GPL-2.0-only */
/* points.c -- the history that is bisected; see bisect.h. */
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "bisect/bisect.h"
#include "kernel/git.h"
#include "kernel/ref.h"

#define SUBJECT_MAX 80

void bisect_points_done(struct bisect_points *p)
{
	for (size_t i = 0; p->point && i < p->history.count; i++) {
		free(p->point[i].key);
		free(p->point[i].label);
	}
	free(p->point);
	lineage_done(&p->history);
	project_close(p->project);
	free(p->tree);
	*p = (struct bisect_points){ 0 };
}

static int make_points(struct bisect_points *p, size_t count)
{
	p->point = calloc(count, sizeof(*p->point));
	return p->point ? 0 : -ENOMEM;
}

static int set_point(struct bisect_points *p, size_t i, const char *key, const char *fmt, ...) PRINTF_LIKE(4, 5);
static int set_point(struct bisect_points *p, size_t i, const char *key, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	int r = vasprintf(&p->point[i].label, fmt, ap);
	va_end(ap);
	p->point[i].label = r < 0 ? NULL : p->point[i].label;
	p->point[i].key = strdup(key);
	return r >= 0 && p->point[i].key ? 0 : -ENOMEM;
}

/* --- commits ------------------------------------------------------------------------------------------------------ */

static int find_end(const struct project *p, const char *option, const char *revision, char ret[GIT_HASH_SIZE],
		    struct err **err)
{
	if (project_commit(p, revision, ret) == 0)
		return 0;
	return FAIL(err, ERR_USAGE, -ENOENT, "%s %s: there is no such commit in '%s'", option, revision,
		    project_top(p));
}

/* A good end on another branch says nothing about what the branches had in common before. */
static int check_ends(const struct project *p, const char *good, const char *bad, struct err **err)
{
	char base[GIT_HASH_SIZE] = "";
	if (!strcmp(good, bad))
		return FAIL(err, ERR_USAGE, -EINVAL, "bisect: both ends are the commit %.*s", GIT_SHORT_DIGITS, good);
	if (project_descends(p, bad, good))
		return 0;
	project_merge_base(p, good, bad, base);
	return FAIL(err, ERR_USAGE, -EINVAL, "bisect: the bad end %.*s does not descend from the good end %.*s; %s%.*s",
		    GIT_SHORT_DIGITS, bad, GIT_SHORT_DIGITS, good,
		    *base ? "name their common ancestor as the good end: " : "they have no common ancestor",
		    GIT_SHORT_DIGITS, base);
}

static int take_history(struct bisect_points *p, struct project_history *from)
{
	char subject[SUBJECT_MAX];
	int r = make_points(p, from->count);
	p->history = (struct lineage){ .count = from->count, .first = from->first, .parent = from->parent };
	from->first = from->parent = NULL;
	for (size_t i = 0; r == 0 && i < p->history.count; i++) {
		if (project_describe(p->project, from->hash[i], subject, sizeof(subject), NULL, NULL) < 0)
			*subject = '\0';
		r = set_point(p, i, from->hash[i], "%.*s %s", GIT_SHORT_DIGITS, from->hash[i], subject);
	}
	return r;
}

static int find_commits(const struct bisect_settings *s, const char *dir, struct bisect_points *p, struct err **err)
{
	char good[GIT_HASH_SIZE], bad[GIT_HASH_SIZE];
	struct project_history h = { 0 };
	int r = project_open(dir, &p->project, err);
	if (r == 0)
		r = find_end(p->project, "--good", s->good, good, err);
	if (r == 0)
		r = find_end(p->project, "--bad", s->bad ?: "HEAD", bad, err);
	if (r == 0)
		r = check_ends(p->project, good, bad, err);
	if (r == 0)
		r = project_history(p->project, good, bad, s->first_parent, LINEAGE_POINTS_MAX, &h, err);
	if (r == 0)
		r = take_history(p, &h);
	project_history_done(&h);
	return r;
}

static int find_tree(const struct bisect_settings *s, struct bisect_points *p, struct err **err)
{
	p->tree = realpath(s->tree, NULL);
	if (!p->tree)
		return FAIL(err, ERR_USAGE, -errno, "--tree '%s': %s", s->tree, strerror(errno));
	return find_commits(s, p->tree, p, err);
}

/* --- kernels ------------------------------------------------------------------------------------------------------ */

static bool is_patch_level(const struct kversion *v)
{
	return v->numbers == 3 && v->rc == KVERSION_FINAL;
}

bool bisect_expand_range(const char *text, size_t max, char ***ret, size_t *ret_count)
{
	struct kernel_ref ref;
	*ret = NULL;
	*ret_count = 0;
	if (kernel_ref_parse(text, &ref, NULL) < 0)
		return false;
	bool one_series = ref.kind == REF_RANGE && is_patch_level(&ref.from) && is_patch_level(&ref.to) &&
			  ref.from.major == ref.to.major && ref.from.minor == ref.to.minor;
	size_t count = one_series ? (size_t)(ref.to.patch - ref.from.patch) + 1 : 0;
	char **names = count && count <= max ? calloc(count + 1, sizeof(*names)) : NULL;
	for (size_t i = 0; names && i < count; i++) {
		struct kversion v = ref.from;
		char version[KVERSION_TEXT_MAX];
		v.patch = ref.from.patch + (uint32_t)i;
		names[i] = strdup(kversion_format(&v, version));
	}
	kernel_ref_done(&ref);
	*ret = names;
	*ret_count = names ? count : 0;
	return names;
}

static int find_kernels(const struct bisect_settings *s, struct bisect_points *p, struct err **err)
{
	size_t count = s->kernels.count;
	if (count < 2)
		return FAIL(
			err, ERR_USAGE, -EINVAL,
			"bisect: name at least two kernels, the good one first: --kernel 6.12.1 --kernel 6.12.9, or "
			"a range --kernel 6.12.1..6.12.9");
	int r = lineage_line(&p->history, count);
	if (r == 0)
		r = make_points(p, count);
	for (size_t i = 0; r == 0 && i < count; i++)
		r = set_point(p, i, s->kernels.item[i], "%s", s->kernels.item[i]);
	return r;
}

/* --- arguments ---------------------------------------------------------------------------------------------------- */

static const json_t *arguments_of(const json_t *scenario)
{
	return json_object_get(json_array_get(json_object_get(scenario, "schedulers"), 0), "args");
}

static int find_arguments(const struct bisect_settings *s, struct bisect_points *p, struct err **err)
{
	const json_t *args = arguments_of(s->scenario), *word;
	size_t count = json_array_size(args), i;
	char key[32];
	if (!count)
		return FAIL(err, ERR_USAGE, -EINVAL,
			    "bisect: the scheduler of this scenario file has no arguments ('args'); name a file whose "
			    "first scheduler has some, as 'ktstr test --write-scenario FILE' writes it");
	int r = lineage_line(&p->history, count + 1);
	if (r == 0)
		r = make_points(p, count + 1);
	if (r == 0)
		r = set_point(p, 0, "0", "no arguments");
	json_array_foreach(args, i, word) {
		snprintf(key, sizeof(key), "%zu", i + 1);
		if (r == 0)
			r = set_point(p, i + 1, key, "%s", json_string_value(word) ?: "?");
	}
	return r;
}

int bisect_points_find(const struct bisect_settings *s, struct bisect_points *ret, struct err **err)
{
	int r = 0;
	*ret = (struct bisect_points){ 0 };
	switch (s->kind) {
	case BISECT_COMMITS:
		r = find_commits(s, ".", ret, err);
		break;
	case BISECT_TREE:
		r = find_tree(s, ret, err);
		break;
	case BISECT_KERNELS:
		r = find_kernels(s, ret, err);
		break;
	case BISECT_ARGUMENTS:
		r = find_arguments(s, ret, err);
		break;
	}
	return r;
}
