/* SPDX-License-Identifier: GPL-2.0-only */
/* counted.c -- see counted.h. */
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/text.h"
#include "coverage/collect.h"
#include "coverage/library.h"
#include "coverage/places.h"
#include "run/attempt.h"
#include "run/counted.h"
#include "run/includes.h"
#include "run/plan.h"
#include "run/scheduler_path.h"

#define SCHEDULER "/scheduler"
#define STAGED	  "/staged."

/* @number: of a staged scheduler, as text. */
static char *staged_program(const struct plan_case *c, const char *number)
{
	const struct sched_decl *const *staged = (const struct sched_decl *const *)c->test->staged;
	char *path = NULL;
	for (unsigned i = 0; staged && staged[i]; i++) {
		char text[12];
		snprintf(text, sizeof(text), "%u", i);
		if (!strcmp(text, number) &&
		    scheduler_locate(staged[i]->binary, c->test->binary, c->kernel->schedulers, &path, NULL) == 0)
			return path;
	}
	return NULL;
}

/* @path: without its '/'. */
static char *included_program(const struct plan_case *c, const char *path)
{
	struct includes *includes = calloc(1, sizeof(*includes));
	char *found = NULL;
	if (!includes || includes_resolve(c->test, c->kernel->kit, includes, NULL) < 0) {
		free(includes);
		return NULL;
	}
	for (size_t i = 0; i < includes->count && !found; i++)
		if (!strcmp(includes->item[i].to, path))
			found = strdup(includes->item[i].from);
	includes_done(includes);
	free(includes);
	return found;
}

void counted_files(const struct plan_case *c, char *const *staged, const struct includes *includes, struct buf *places,
		   struct image_made ret[COUNTED_FILES + 1])
{
	const struct buf library = coverage_library();
	coverage_put_place(c->test->program ?: c->test->binary, COVERAGE_TEST, places);
	if (c->scheduler_path)
		coverage_put_place(c->scheduler_path, SCHEDULER, places);
	for (unsigned i = 0; staged[i]; i++) {
		char path[24];
		snprintf(path, sizeof(path), STAGED "%u", i);
		coverage_put_place(staged[i], path, places);
	}
	for (size_t i = 0; i < includes->count; i++) {
		_cleanup_free_ char *path = path_join("/", includes->item[i].to);
		if (path)
			coverage_put_place(includes->item[i].from, path, places);
	}
	*ret++ = (struct image_made){ WIRE_COVERAGE_PLACES + 1, 0644, *places };
	if (c->kernel->arch == arch_host())
		*ret++ = (struct image_made){ WIRE_COVERAGE_LIBRARY + 1, 0755, library };
	*ret = (struct image_made){ 0 };
}

char *counted_program(const void *attempt, const char *guest_path)
{
	const struct attempt *a = attempt;
	const struct plan_case *c = a->item;
	if (!strcmp(guest_path, COVERAGE_TEST))
		return strdup(c->test->program ?: c->test->binary);
	if (!strcmp(guest_path, SCHEDULER))
		return c->scheduler_path ? strdup(c->scheduler_path) : NULL;
	if (!strncmp(guest_path, STAGED, strlen(STAGED)))
		return staged_program(c, guest_path + strlen(STAGED));
	return *guest_path == '/' ? included_program(c, guest_path + 1) : NULL;
}
