/* SPDX-License-Identifier: GPL-2.0-only */
/* test_relevant.c -- ktstr test --relevant. */
#include "cli/out.h"
#include "cli/relevant.h"
#include "cli/test_session.h"

int session_find_relevant(struct session *s, const struct test_args *a, struct err **err)
{
	const struct change_question q = {
		.base = a->base, .base_ref = a->base_ref, .default_branch = a->default_branch, .worktree = true
	};
	struct affected affected = { 0 };
	struct changes changes = { 0 };
	if (!a->relevant && (a->base || a->base_ref || a->default_branch))
		return FAIL(err, ERR_USAGE, -EINVAL, "--base, --base-ref and --default-branch need --relevant");
	int r = a->relevant ? changes_find(&q, &changes) : 0;
	if (r == 0 && a->relevant)
		r = relevant_find(s->suite, s->suites, &changes, &affected);
	if (r == 0 && a->relevant)
		r = relevant_filter(&affected, s->suite, s->suites, &s->relevant);
	s->no_relevant = a->relevant && affected.only_docs;
	if (affected.all)
		say_printf("note: all tests are relevant: %s\n", affected.why);
	for (size_t i = 0; !affected.all && i < affected.count; i++)
		if (affected.item[i].affected)
			say_printf("note: tests of %s are relevant: %s\n", affected.item[i].name, affected.item[i].why);
	if (s->no_relevant)
		say_printf("note: no test is relevant: %s\n",
			   changes.count ? "only documentation changed" : "nothing changed");
	relevant_done(&affected);
	changes_done(&changes);
	return r;
}
