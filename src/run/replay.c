/* SPDX-License-Identifier: GPL-2.0-only */
/* replay.c -- see replay.h. */
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/environment.h"
#include "base/text.h"
#include "run/cells.h"
#include "run/perturb.h"
#include "run/questions.h"
#include "run/replay.h"

static const char *const perf_options[] = {
	[PLAN_PERF_DECLARED] = "",
	[PLAN_PERF_ALL] = " --perf-mode",
	[PLAN_PERF_NONE] = " --no-perf-mode",
};

const char *plan_perf_name(enum plan_perf perf)
{
	static const char *const names[] = {
		[PLAN_PERF_DECLARED] = "declared",
		[PLAN_PERF_ALL] = "all",
		[PLAN_PERF_NONE] = "none",
	};
	return names[perf];
}

/* A @name that ends with '_' is a prefix and matches all longer names. */
static bool has_name(const char *entry, size_t len, const char *name)
{
	size_t known = strlen(name);
	return (name[known - 1] == '_' ? len > known : len == known) && !strncmp(entry, name, known);
}

static bool decides(const char *entry)
{
	size_t len = strcspn(entry, "=");
	for (size_t i = 0; entry[len] && i < ENV_MAX; i++) {
		const struct environment_variable *v = &environment_variables[i];
		if (v->decides && has_name(entry, len, v->name))
			return entry[len + 1] != '\0';
	}
	return false;
}

static int compare_entries(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

char **replay_environment(char *const *variables)
{
	size_t count = 0, kept = 0;
	while (variables && variables[count])
		count++;
	char **list = calloc(count + 1, sizeof(*list));
	for (size_t i = 0; list && i < count; i++) {
		if (!decides(variables[i]))
			continue;
		list[kept] = strdup(variables[i]);
		if (!list[kept++]) {
			strings_free(list);
			return NULL;
		}
	}
	if (list)
		qsort(list, kept, sizeof(*list), compare_entries);
	return list;
}

/* Writes NAME='VALUE', because a shell accepts an assignment only with an unquoted name. */
static void put_environment(const char *const *list, struct buf *out)
{
	for (; list && *list; list++) {
		int name = (int)strcspn(*list, "=");
		buf_appendf(out, "%.*s=", name, *list);
		text_append_quoted(out, *list + name + 1);
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

/* The test binary that declares the scheduler, or its program; NULL: it is a name that is looked up. */
static const char *cell_operand(const struct replay_facts *f)
{
	if (f->cell->origin)
		return f->cell->origin;
	return strchr(f->scheduler->binary, '/') ? f->scheduler->binary : NULL;
}

static void put_cell(const struct replay_facts *f, struct buf *out)
{
	buf_puts(out, "ktstr verifier");
	if (f->cell->origin || !cell_operand(f)) {
		buf_puts(out, " --scheduler ");
		text_append_quoted(out, f->scheduler->name);
	}
	buf_puts(out, " --preset ");
	text_append_quoted(out, f->preset);
	if (f->constants) {
		buf_puts(out, " --rodata ");
		text_append_quoted(out, f->constants);
	}
	if (f->cell->profile) {
		buf_puts(out, " --profiles ");
		text_append_quoted(out, f->cell->profile);
	}
}

static void put_perturb(const struct replay_facts *f, struct buf *out)
{
	char text[PERTURB_TEXT_MAX];
	if (!f->perturb || !perturb_on(f->perturb))
		return;
	buf_puts(out, " --perturb ");
	if (f->perturb_file)
		text_append_quoted(out, f->perturb_file);
	else
		buf_puts(out, perturb_format(f->perturb, text));
}

/* The program and its arguments stand at the end of the line. */
static void put_question(const struct replay_facts *f, struct buf *out)
{
	buf_appendf(out, "ktstr try --question %s --no-reference", f->question->question->name);
	if (!f->scheduler)
		buf_puts(out, " --eevdf");
	if (f->scheduler && f->scheduler->load_cpu)
		buf_appendf(out, " --load-cpu %u", f->scheduler->load_cpu - 1);
	if (f->scheduler && f->scheduler->lacks)
		buf_puts(out, " --lacks ");
	if (f->scheduler)
		lacks_format(f->scheduler->lacks, out);
}

static void put_tried(const struct sched_decl *s, struct buf *out)
{
	buf_puts(out, " ");
	text_append_quoted(out, s->binary);
	for (size_t i = 0; s->args && s->args[i]; i++) {
		buf_puts(out, i ? " " : " -- ");
		text_append_quoted(out, s->args[i]);
	}
}

void replay_line(const struct replay_facts *f, struct buf *out)
{
	_cleanup_buf_ struct buf filter = BUF_NULL;
	buf_appendf(&filter, "test(=%s)", f->test);
	put_environment(f->environment, out);
	if (f->image) {
		buf_puts(out, "KTSTR_TEST_KERNEL=");
		text_append_quoted(out, f->kernel);
		buf_puts(out, " ");
	}
	if (f->question) {
		put_question(f, out);
	} else if (f->cell) {
		put_cell(f, out);
	} else {
		buf_appendf(out, "ktstr test%s -E ", f->gauntlet ? " --gauntlet" : "");
		text_append_quoted(out, buf_str(&filter));
	}
	if (!f->image && f->kernel) {
		buf_puts(out, " --kernel ");
		text_append_quoted(out, f->kernel);
	}
	buf_appendf(out, " --accel %s", f->accel);
	if (f->tcg_time)
		buf_appendf(out, " --tcg-time %s", f->tcg_time);
	if (f->lag_ns)
		buf_appendf(out, " --tcg-lag %uns", f->lag_ns);
	put_perturb(f, out);
	/* `ktstr try` clones machines unless it is told not to. */
	if (f->question)
		buf_puts(out, f->clone ? "" : " --start boot");
	else
		buf_puts(out, f->clone ? " --start clone" : f->start_chosen ? " --start boot" : "");
	if (f->strict)
		buf_puts(out, " --release");
	buf_puts(out, f->cell || f->question ? "" : perf_options[f->perf]);
	if (f->skips_fail)
		buf_puts(out, " --no-skip-mode");
	if (f->no_monitor)
		buf_puts(out, " --no-monitor");
	if (f->cpu_cap)
		buf_appendf(out, " --cpu-cap %u", f->cpu_cap);
	if (f->time_dilation > 1)
		buf_appendf(out, " --time-dilation %u", f->time_dilation);
	buf_appendf(out, " --seed 0x%lx", f->seed);
	const char *operand = f->cell ? cell_operand(f) : f->question ? NULL : f->binary;
	if (f->question && f->scheduler)
		put_tried(f->scheduler, out);
	if (operand) {
		buf_puts(out, " ");
		text_append_quoted(out, operand);
	}
}
