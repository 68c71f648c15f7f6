/* SPDX-License-Identifier: GPL-2.0-only */
/* collect.c -- see collect.h. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "slurm/collect.h"

#define SEED_DIGITS 16

void collection_done(struct collection *c)
{
	for (size_t i = 0; i < c->kernels; i++)
		rundir_done(&c->dir[i]);
	free(c->dir);
	report_results_done(&c->results);
}

/* --- where results go --------------------------------------------------------------------------------------------- */

/* A plan with nothing but the names of the tests of one kernel, and the names of their test binaries. */
static int name_tests(const struct slurm_record *r, size_t kernel, struct plan *plan, const char **suites)
{
	size_t found = 0;
	plan->item = calloc(r->count + 1, sizeof(*plan->item));
	if (!plan->item)
		return -ENOMEM;
	for (size_t i = 0; i < r->count; i++) {
		struct slurm_case c;
		slurm_record_case(r, i, &c);
		if (c.kernel != kernel)
			continue;
		plan->item[plan->count].name = strdup(c.name);
		if (!plan->item[plan->count++].name)
			return -ENOMEM;
		size_t s = 0;
		while (s < found && strcmp(suites[s], c.suite))
			s++;
		if (s == found)
			suites[found++] = c.suite;
	}
	return 0;
}

static const char *kernel_text(const struct slurm_record *r, size_t i, const char *key)
{
	const json_t *kernel = json_array_get(json_object_get(r->manifest, "kernels"), i);
	return json_string_value(json_object_get(kernel, key)) ?: "unknown";
}

/* The directory of its results is named by the version, or by the label if an earlier kernel has that version. */
static const char *results_name(const struct slurm_record *r, size_t kernel)
{
	const char *version = kernel_text(r, kernel, "version");
	for (size_t i = 0; i < kernel; i++)
		if (!strcmp(kernel_text(r, i, "version"), version))
			return kernel_text(r, kernel, "label");
	return version;
}

static int open_directory(struct collection *c, size_t i, struct err **err)
{
	const struct slurm_record *r = c->runner->record;
	_cleanup_(plan_done) struct plan plan = { 0 };
	_cleanup_free_ const char **suites = calloc(r->count + 1, sizeof(*suites));
	struct rundir_scope scope = {
		.suites = suites,
		.plan = &plan,
		.narrowed = json_is_true(json_object_get(r->manifest, "narrowed")),
		.keep = (unsigned)json_integer_value(json_object_get(r->manifest, "keep_runs")),
	};
	int result = suites ? name_tests(r, i, &plan, suites) : -ENOMEM;
	c->dir[i] = RUNDIR_NULL;
	c->kernels++;
	return result == 0 ? rundir_open(results_name(r, i), slurm_record_text(r, "commit"), &scope, &c->dir[i], err)
			   : result;
}

static int open_directories(struct collection *c, struct err **err)
{
	size_t kernels = json_array_size(json_object_get(c->runner->record->manifest, "kernels"));
	int result = 0;
	c->dir = calloc(kernels + 1, sizeof(*c->dir));
	if (!c->dir)
		return -ENOMEM;
	for (size_t i = 0; result == 0 && i < kernels; i++)
		result = open_directory(c, i, err);
	return result;
}

/* --- copies ------------------------------------------------------------------------------------------------------- */

/* The length of NAME-VARIANT in the name of a sidecar: without the ending, and without the seed of a try. */
static size_t stem_length(const char *sidecar)
{
	size_t len = strlen(sidecar), end = strlen(SIDECAR_SUFFIX), seed = 2 + SEED_DIGITS;
	len = len > end ? len - end : len;
	bool has_seed = len > seed && !strncmp(sidecar + len - seed, "-s", 2) &&
			strspn(sidecar + len - SEED_DIGITS, "0123456789abcdef") >= SEED_DIGITS;
	return has_seed ? len - seed : len;
}

/* All files of a test: those of its earlier tries, too. */
static int copy_files(const char *sidecar, const char *to, struct err **err)
{
	const char *name = path_basename(sidecar);
	size_t stem = stem_length(name);
	_cleanup_free_ char *from = path_dirname(sidecar);
	DIR *dir = from ? opendir(from) : NULL;
	int r = dir ? 0 : from ? FAIL_SYS(err, -errno, "read the directory '%s'", from) : -ENOMEM;
	for (struct dirent *e; r == 0 && (e = readdir(dir));) {
		if (strncmp(e->d_name, name, stem) || (e->d_name[stem] != '.' && strncmp(e->d_name + stem, "-s", 2)))
			continue;
		_cleanup_free_ char *source = path_join(from, e->d_name), *target = path_join(to, e->d_name);
		r = source && target ? file_copy(source, target, 0644, NULL, err) : -ENOMEM;
	}
	if (dir)
		closedir(dir);
	return r;
}

static int add_missing(struct collection *c, const struct slurm_case *t, const struct follow_case *item,
		       struct err **err)
{
	char why[200];
	snprintf(why, sizeof(why), "it has no result: %s",
		 item->losses >= FOLLOW_LOSSES_MAX ? "its task was lost each time that it ran (see the logs of the run)"
						   : "its task was cancelled");
	const struct missing_result missing = { .name = t->name,
						.suite = t->suite,
						.topology = t->topology,
						.scheduler = t->scheduler,
						.kernel_label = t->kernel_label,
						.why = why };
	return report_results_add_missing(&c->results, &missing, err);
}

static int take_case(struct collection *c, size_t i, struct err **err)
{
	const char *sidecar = c->runner->files.sidecar[i];
	struct slurm_case t;
	slurm_record_case(c->runner->record, i, &t);
	if (!sidecar || t.kernel >= c->kernels)
		return add_missing(c, &t, &c->runner->follow.item[i], err);
	int r = copy_files(sidecar, c->dir[t.kernel].path, err);
	_cleanup_free_ char *copy = path_join(c->dir[t.kernel].path, path_basename(sidecar));
	if (r == 0)
		r = copy ? report_results_add_file(&c->results, copy, err) : -ENOMEM;
	return r < 0 ? err_wrap(err, r, "collect the result of %s", t.name) : 0;
}

int collection_make(struct collection *c, const struct runner *runner, struct err **err)
{
	*c = (struct collection){ .runner = runner };
	int r = open_directories(c, err);
	for (size_t i = 0; r == 0 && i < runner->record->count; i++)
		r = take_case(c, i, err);
	if (r == 0)
		report_results_sort(&c->results);
	return r;
}
