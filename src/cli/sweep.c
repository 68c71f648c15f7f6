/* SPDX-License-Identifier: GPL-2.0-only */
/* sweep.c -- see sweep.h. */
#include "cli/sweep.h"

#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "cli/out.h"
#include "cli/test_session.h"
#include "run/scheduler_path.h"

#define FLAGS_OPTION "--ktstr-list-flags"

/* --- profiles ----------------------------------------------------------------------------------------------------- */

struct asking {
	struct session *session;
	const struct sweep_plan *plan;
};

static bool is_wanted(const struct sweep_plan *p, const char *name)
{
	for (size_t i = 0; p->profiles && i < p->profiles->count; i++)
		if (!strcmp(p->profiles->item[i], name))
			return true;
	return p->all_profiles;
}

/* Drops the profiles that are not asked for. */
static void keep_wanted(const struct sweep_plan *p, struct cell_profiles *all)
{
	size_t kept = 0;
	for (size_t i = 0; i < all->count; i++) {
		if (is_wanted(p, all->item[i].name)) {
			all->item[kept++] = all->item[i];
			continue;
		}
		free(all->item[i].name);
		strings_free(all->item[i].args);
	}
	all->count = kept;
}

/* A scheduler that does not know the option has no flags: its only profile is the default. */
static int ask_for_flags(void *arg, const struct sched_decl *s, const char *origin, struct cell_profiles *ret,
			 struct err **err)
{
	struct asking *asking = arg;
	_cleanup_err_ struct err *why = NULL;
	_cleanup_buf_ struct buf text = BUF_NULL;
	_cleanup_free_ char *path = NULL;
	int r = scheduler_locate(s->binary, origin ?: "", NULL, &path, &why);
	if (r == 0)
		r = suite_ask(asking->session->reactor, path, FLAGS_OPTION, &text, &why);
	if (r == -ENOMEM || r == -ECANCELED)
		return r;
	if (r < 0 || !text.len) {
		say_printf("note: scheduler '%s' lists no flags with " FLAGS_OPTION "\n", s->name);
		return cell_profiles_parse("[]", 2, ret, err);
	}
	r = cell_profiles_parse(buf_str(&text), text.len, ret, err);
	if (r < 0)
		return err_wrap(err, r, "the flags of scheduler '%s' (" FLAGS_OPTION ")", s->name);
	keep_wanted(asking->plan, ret);
	if (ret->count)
		return 0;
	return FAIL(err, ERR_USAGE, -ENOENT, "scheduler '%s' has none of the profiles that --profiles names", s->name);
}

/* --- the suite ---------------------------------------------------------------------------------------------------- */

int sweep_suites(const struct test_source *from, struct session *s, struct err **err)
{
	const struct sweep_plan *p = container_of(from, struct sweep_plan, source);
	struct asking asking = { s, p };
	struct suite *suite = calloc(1, sizeof(*suite));
	struct cells_request q = { .names = p->names, .programs = p->programs, .arg = &asking };
	int r = suite ? program_open_cell(&s->built_in, err) : -ENOMEM;
	q.program = s->built_in.path;
	q.profiles = p->profiles || p->all_profiles ? ask_for_flags : NULL;
	if (r == 0)
		r = cells_suite(s->suite, s->suites, &q, suite, err);
	if (r < 0) {
		free(suite);
		return r;
	}
	suites_free(s->suite, s->suites);
	s->suite = suite;
	s->suites = 1;
	return 0;
}
