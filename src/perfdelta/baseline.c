/* SPDX-License-Identifier: GPL-2.0-only */
/* baseline.c -- the commits that `ktstr perf-delta` compares; see perf_delta.h. */
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "perfdelta/perf_delta.h"
#include "kernel/git.h"

#define DEFAULT_BRANCH "main"

static int find_commit(const struct project *p, const char *option, const char *revision, char ret[GIT_HASH_SIZE],
		       struct err **err)
{
	if (project_commit(p, revision, ret) == 0)
		return 0;
	return FAIL(err, ERR_USAGE, -ENOENT, "%s %s: there is no such commit in '%s'", option, revision,
		    project_top(p));
}

/* The commit at which HEAD left @ref. */
static int find_fork(const struct project *p, const char *option, const char *ref, char ret[GIT_HASH_SIZE],
		     struct err **err)
{
	int r = find_commit(p, option, ref, ret, err);
	if (r < 0)
		return r;
	if (project_merge_base(p, "HEAD", ref, ret) == 0)
		return 0;
	return FAIL(err, ERR_USAGE, -ENOENT,
		    "%s %s: HEAD and this have no common commit; in a shallow clone, fetch more of the history", option,
		    ref);
}

static int find_base(const struct perf_args *a, const struct project *p, char ret[GIT_HASH_SIZE], struct err **err)
{
	char ref[256];
	if (a->base)
		return find_commit(p, "--base", a->base, ret, err);
	if (a->base_ref)
		return find_fork(p, "--base-ref", a->base_ref, ret, err);
	if (!a->github_base)
		return find_fork(p, "--default-branch", a->default_branch ?: DEFAULT_BRANCH, ret, err);
	snprintf(ref, sizeof(ref), "origin/%s", a->github_base);
	return find_fork(p, "GITHUB_BASE_REF:", ref, ret, err);
}

static int find_head(const struct perf_args *a, const struct project *p, const char *runs, struct worktree_spec *side,
		     struct err **err)
{
	struct project_snapshot now;
	int r = find_commit(p, "HEAD", "HEAD", side->commit, err);
	if (r == 0)
		r = project_snapshot(p, runs, &now, err);
	if (r < 0)
		return r;
	memcpy(side->tree, now.tree, sizeof(side->tree));
	/* As in the sidecars of `ktstr test`: only tracked files make a checkout dirty. */
	worktree_set_label(side, now.tracked);
	if (now.changes)
		a->say("note: HEAD is taken with %zu changed or new file%s that %s not committed\n", now.changes,
		       plural(now.changes), now.changes == 1 ? "is" : "are");
	if (now.left_out)
		a->say("warning: %zu director%s of repositories inside of this one %s left out\n", now.left_out,
		       now.left_out == 1 ? "y" : "ies", now.left_out == 1 ? "is" : "are");
	return 0;
}

int perf_baseline_find(const struct perf_args *a, const struct project *p, const char *runs,
		       struct worktree_spec side[SIDE_MAX], struct err **err)
{
	struct worktree_spec *base = &side[SIDE_A], *head = &side[SIDE_B];
	*base = (struct worktree_spec){ .word = "base", .phrase = "the baseline" };
	*head = (struct worktree_spec){ .word = "head", .phrase = "HEAD" };
	int r = find_base(a, p, base->commit, err);
	if (r == 0)
		r = project_tree(p, base->commit, base->tree, err);
	if (r == 0)
		r = find_head(a, p, runs, head, err);
	if (r < 0)
		return r;
	worktree_set_label(base, false);
	if (strcmp(base->tree, head->tree) != 0 || strcmp(base->commit, head->commit) != 0)
		return 0;
	return FAIL(err, ERR_USAGE, -EINVAL,
		    "perf-delta: the baseline is HEAD itself (%s), so there is nothing to compare; name another commit "
		    "with --base",
		    base->label);
}

int perf_head_find(const struct perf_args *a, const struct project *p, const char *runs,
		   struct worktree_spec side[SIDE_MAX], struct err **err)
{
	side[SIDE_A] = (struct worktree_spec){ .word = "head", .phrase = "HEAD" };
	int r = find_head(a, p, runs, &side[SIDE_A], err);
	side[SIDE_B] = side[SIDE_A];
	return r;
}
