/* SPDX-License-Identifier: GPL-2.0-only */
/* changes.c -- see changes.h. Runs git, with the settings off that would start other programs. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "affected/build.h"
#include "affected/changes.h"
#include "base/environment.h"

#define DEFAULT_BRANCH "main"
#define GIT                                                                                                 \
	"git", "--no-optional-locks", "-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", "-c", \
		"protocol.allow=never", "-c", "core.quotePath=false"

void changes_done(struct changes *c)
{
	for (size_t i = 0; i < c->count; i++)
		free(c->path[i]);
	free(c->path);
	free(c->top);
	free(c->why);
	*c = (struct changes){ 0 };
}

/* The output of git in @dir. With @lines false, without its last newline. 1: git failed. */
static int git_in(const char *dir, const char *const *argv, struct buf *out, bool lines)
{
	int status = 0;
	buf_clear(out);
	int r = tool_output(argv, dir, out, &status);
	if (r == -ENOMEM || (r == 0 && status == 0 && out->failed))
		return -ENOMEM;
	if (r < 0 || status != 0)
		return 1;
	if (!lines && out->len && out->data[out->len - 1] == '\n')
		out->data[--out->len] = '\0';
	return 0;
}

static int git(const char *const *argv, struct buf *out)
{
	return git_in(".", argv, out, false);
}

PRINTF_LIKE(2, 3) static int set_why(struct changes *c, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	int n = vasprintf(&c->why, fmt, ap);
	va_end(ap);
	return n < 0 ? -ENOMEM : 1;
}

/* --- the base ----------------------------------------------------------------------------------------------------- */

static int merge_base(const char *ref, struct changes *c, struct buf *out)
{
	const char *const argv[] = { GIT, "merge-base", "HEAD", ref, NULL };
	/* A word that begins with a dash would be an option of git. */
	int r = *ref == '-' ? 1 : git(argv, out);
	return r == 1 ? set_why(c, "git knows no common ancestor of HEAD and '%s'", ref) : r;
}

/* 0: the commit is in @out. 1: it is not known, and `why` says so. */
static int find_base(const struct change_question *q, struct changes *c, struct buf *out)
{
	const char *pull = environment_get(ENV_GITHUB_BASE_REF);
	_cleanup_buf_ struct buf name = BUF_NULL;
	if (q->base) {
		buf_appendf(&name, "%s^{commit}", q->base);
		const char *const argv[] = { GIT,	"rev-parse",	    "--verify",
					     "--quiet", "--end-of-options", buf_str(&name),
					     NULL };
		int r = git(argv, out);
		return r == 1 ? set_why(c, "git knows no commit '%s'", q->base) : r;
	}
	if (q->base_ref)
		return merge_base(q->base_ref, c, out);
	if (!pull)
		return merge_base(q->default_branch ?: DEFAULT_BRANCH, c, out);
	buf_appendf(&name, "origin/%s", pull);
	return merge_base(buf_str(&name), c, out);
}

/* --- paths -------------------------------------------------------------------------------------------------------- */

static int add_path(struct changes *c, const char *dir, const char *path)
{
	char **more = reallocarray(c->path, c->count + 2, sizeof(*more));
	if (!more)
		return -ENOMEM;
	c->path = more;
	c->path[c->count] = path_normal(dir, path);
	if (!c->path[c->count])
		return -ENOMEM;
	c->path[++c->count] = NULL;
	return 0;
}

/*
 * @argv prints paths, each ended by a NUL. It runs at the top: with "diff.relative" in its configuration, git names
 * only what is below the directory in which it runs.
 */
static int add_paths(const char *const *argv, struct changes *c)
{
	_cleanup_buf_ struct buf out = BUF_NULL;
	int r = git_in(c->top, argv, &out, true);
	if (r == 1)
		return set_why(c, "git could not say what changed");
	for (size_t at = 0; r == 0 && at < out.len; at += strlen(out.data + at) + 1)
		r = add_path(c, c->top, out.data + at);
	return r;
}

static int find(const struct change_question *q, struct changes *c)
{
	static const char *const top[] = { GIT, "rev-parse", "--show-toplevel", NULL };
	static const char *const untracked[] = { GIT, "ls-files", "-z", "--others", "--exclude-standard", NULL };
	_cleanup_buf_ struct buf out = BUF_NULL, base = BUF_NULL;
	int r = git(top, &out);
	if (r == 1)
		return set_why(c, "there is no git checkout here");
	c->top = r == 0 ? strdup(buf_str(&out)) : NULL;
	if (!c->top)
		return -ENOMEM;
	r = find_base(q, c, &base);
	if (r != 0)
		return r;
	/* Without the name of a second commit, it is compared with the working tree. */
	const char *const diff[] = { GIT,
				     "diff",
				     "-z",
				     "--name-only",
				     "--no-renames",
				     "--no-ext-diff",
				     "--no-textconv",
				     "--ignore-submodules=none",
				     buf_str(&base),
				     q->worktree ? "--" : "HEAD",
				     q->worktree ? NULL : "--",
				     NULL };
	r = add_paths(diff, c);
	return r == 0 && q->worktree ? add_paths(untracked, c) : r;
}

int changes_find(const struct change_question *q, struct changes *ret)
{
	*ret = (struct changes){ 0 };
	int r = find(q, ret);
	if (r < 0)
		changes_done(ret);
	return r < 0 ? r : 0;
}

int changes_take(const char *const *paths, size_t count, struct changes *ret)
{
	_cleanup_free_ char *here = getcwd(NULL, 0);
	static const char *const top[] = { GIT, "rev-parse", "--show-toplevel", NULL };
	_cleanup_buf_ struct buf out = BUF_NULL;
	*ret = (struct changes){ 0 };
	int r = here ? git(top, &out) : -ENOMEM;
	if (r == 0 || r == 1)
		ret->top = strdup(r == 0 ? buf_str(&out) : here);
	r = ret->top ? 0 : -ENOMEM;
	for (size_t i = 0; r == 0 && i < count; i++)
		r = add_path(ret, here, paths[i]);
	if (r < 0)
		changes_done(ret);
	return r;
}
