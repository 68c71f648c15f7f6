/* SPDX-License-Identifier: GPL-2.0-only */
/* replay.c -- see replay.h. */
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "run/replay.h"

/* A name that ends in '_' stands for all names that begin with it. */
static const char *const deciding[] = {
	"KTSTR_BYPASS_LLC_LOCKS",	/* machines share CPUs with others */
	"KTSTR_KIT",			/* which build of the kernel's own programs */
	"KTSTR_NO_SKIP_MODE",		/* a skip is a failure; set is enough, also to nothing */
	"KTSTR_SCHEDULER",		/* which binary */
	"KTSTR_SCHEDULER_BIN_",
	"KTSTR_VERBOSE",		/* the guest's kernel command line */
	"LD_LIBRARY_PATH",		/* which libraries the guest gets */
};

static const char *const perf_options[] = {
	[PLAN_PERF_DECLARED] = "", [PLAN_PERF_ALL] = " --perf-mode", [PLAN_PERF_NONE] = " --no-perf-mode",
};

const char *plan_perf_name(enum plan_perf perf)
{
	static const char *const names[] = {
		[PLAN_PERF_DECLARED] = "declared", [PLAN_PERF_ALL] = "all", [PLAN_PERF_NONE] = "none",
	};
	return names[perf];
}

static bool decides(const char *entry)
{
	const char *equals = strchr(entry, '=');
	size_t len = equals ? (size_t)(equals - entry) : 0;
	for (size_t i = 0; i < ARRAY_SIZE(deciding); i++) {
		size_t known = strlen(deciding[i]);
		bool same = deciding[i][known - 1] == '_' ? len > known : len == known;
		if (same && !strncmp(entry, deciding[i], known))
			return equals[1] || !strcmp(deciding[i], "KTSTR_NO_SKIP_MODE");
	}
	return false;
}

static int compare_entries(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

char **replay_environment(char *const *environ)
{
	size_t count = 0, kept = 0;
	while (environ && environ[count])
		count++;
	char **list = calloc(count + 1, sizeof(*list));
	for (size_t i = 0; list && i < count; i++) {
		if (!decides(environ[i]))
			continue;
		list[kept] = strdup(environ[i]);
		if (!list[kept++]) {
			strings_free(list);
			return NULL;
		}
	}
	if (list)
		qsort(list, kept, sizeof(*list), compare_entries);
	return list;
}

/* NAME='VALUE': a shell takes the name only when it stands outside the quotes. */
static void put_environment(const char *const *list, struct buf *out)
{
	for (; list && *list; list++) {
		int name = (int)strcspn(*list, "=");
		buf_appendf(out, "%.*s=", name, *list);
		buf_put_quoted(out, *list + name + 1);
		buf_puts(out, " ");
	}
}

uint64_t replay_seed(const struct flake_history *tries, unsigned number, uint64_t seed, enum ktstr_verdict wanted)
{
	if (!tries || number > tries->count || tries->item[number - 1].verdict == wanted)
		return seed;
	for (unsigned i = tries->count; i > 0; i--)
		if (tries->item[i - 1].verdict == wanted)
			return tries->item[i - 1].seed;
	return seed;
}

void replay_line(const struct replay_facts *f, struct buf *out)
{
	_cleanup_buf_ struct buf filter = BUF_NULL;
	buf_appendf(&filter, "test(=%s)", f->test);
	put_environment(f->environment, out);
	buf_appendf(out, "ktstr test%s -E ", f->gauntlet ? " --gauntlet" : "");
	buf_put_quoted(out, buf_str(&filter));
	buf_puts(out, " --kernel ");
	buf_put_quoted(out, f->kernel);
	buf_appendf(out, " --accel %s%s", f->accel, f->clone ? " --start clone" : "");
	if (f->strict)
		buf_puts(out, " --release");
	buf_puts(out, perf_options[f->perf]);
	if (f->cpu_cap)
		buf_appendf(out, " --cpu-cap %u", f->cpu_cap);
	if (f->time_dilation > 1)
		buf_appendf(out, " --time-dilation %u", f->time_dilation);
	buf_appendf(out, " --seed 0x%lx ", f->seed);
	buf_put_quoted(out, f->binary);
}
