/* SPDX-License-Identifier: GPL-2.0-only */
/* stats_commits.c -- see stats_commits.h. */
#include <string.h>

#include "base/environment.h"
#include "cli/stats_commits.h"
#include "kernel/git.h"

void commits_done(struct commits *c)
{
	for (size_t i = 0; i < c->count; i++)
		free(c->item[i]);
	free(c->item);
	*c = (struct commits){ 0 };
}

struct adding {
	struct commits *commits;
	struct filter *filter;
	enum dimension dimension;
	int result;
};

static bool add_commit(void *arg, const char *hash)
{
	struct adding *a = arg;
	char **larger = realloc(a->commits->item, (a->commits->count + 1) * sizeof(*larger));
	char *text = strndup(hash, GIT_SHORT_DIGITS);
	if (larger)
		a->commits->item = larger;
	if (!larger || !text) {
		free(text);
		a->result = -ENOMEM;
		return false;
	}
	a->commits->item[a->commits->count++] = text;
	if (!filter_add(a->filter, a->dimension, text))
		a->result = -E2BIG;
	return a->result == 0;
}

int commits_expand(struct commits *c, enum dimension d, const char *value, struct filter *f, struct err **err)
{
	bool kernel = d == DIMENSION_KERNEL_COMMIT;
	const char *dir = kernel ? environment_get(ENV_KERNEL) : ".";
	struct adding a = { .commits = c, .filter = f, .dimension = d };
	if ((d != DIMENSION_COMMIT && !kernel) || !dir || commit_is_dirty(value))
		return 0;
	git_find_commits(dir, value, add_commit, &a);
	if (a.result == -E2BIG)
		return FAIL(err, ERR_USAGE, -E2BIG, "--%s %s: that are more than %d commits; give a shorter range",
			    dimensions[d].option, value, FILTER_VALUES_MAX);
	return a.result;
}
