/* SPDX-License-Identifier: GPL-2.0-only */
/* collect.c -- see collect.h. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

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

/* Copies a text that names files of the attempt. In the copy, their paths are those in @to. */
static int copy_text(const char *source, const char *target, const char *from, const char *to, struct err **err)
{
	_cleanup_buf_ struct buf text = BUF_NULL, moved = BUF_NULL;
	int r = file_read(source, BUF_BYTES_MAX / 4, &text, err);
	if (r < 0)
		return r;
	const char *at = buf_str(&text);
	for (const char *next; (next = strstr(at, from)); at = next + strlen(from)) {
		buf_append(&moved, at, (size_t)(next - at));
		buf_puts(&moved, to);
	}
	buf_puts(&moved, at);
	return moved.failed ? -ENOMEM : file_write_atomic(target, moved.data, moved.len, 0644, err);
}

static bool is_text(const char *name)
{
	size_t len = strlen(name), end = strlen(REPORT_SUFFIX);
	return len > end && !strcmp(name + len - end, REPORT_SUFFIX);
}

/* No file of a result is larger, except an image of memory. */
#define FILE_BYTES_MAX ((off_t)1 << 30)

/* Only regular files of results are copied, and none that is larger than any result. */
static bool may_copy(const char *path, const char *name)
{
	struct stat st;
	if (!rundir_is_result(name) || lstat(path, &st) < 0 || !S_ISREG(st.st_mode))
		return false;
	return st.st_size <= FILE_BYTES_MAX || strstr(name, MEMORY_SUFFIX);
}

static int copy_file(const char *from, const char *name, const char *to, struct err **err)
{
	_cleanup_free_ char *source = path_join(from, name), *target = path_join(to, name);
	if (!source || !target)
		return -ENOMEM;
	if (!may_copy(source, name))
		return 0;
	return is_text(name) ? copy_text(source, target, from, to, err) : file_copy(source, target, 0644, NULL, err);
}

/* All files of a test: those of its earlier tries, too. */
static int copy_files(const char *sidecar, const char *to, struct err **err)
{
	const char *name = path_basename(sidecar);
	size_t stem = stem_length(name);
	_cleanup_free_ char *from = path_dirname(sidecar);
	DIR *dir = from ? opendir(from) : NULL;
	int r = dir ? 0 : from ? FAIL_SYS(err, -errno, "read the directory '%s'", from) : -ENOMEM;
	for (struct dirent *e; r == 0 && (e = readdir(dir));)
		if (!strncmp(e->d_name, name, stem) && (e->d_name[stem] == '.' || !strncmp(e->d_name + stem, "-s", 2)))
			r = copy_file(from, e->d_name, to, err);
	if (dir)
		closedir(dir);
	return r;
}

static const char *why_missing(const struct collection *c, const struct follow_case *item)
{
	if (item->settled && !item->given_up)
		return "its file cannot be read";
	if (item->losses >= FOLLOW_LOSSES_MAX && item->lost_by == SLURM_TIMEOUT)
		return "its task reached the time limit each time; give tasks more, as --slurm-arg=--time=MINUTES";
	if (item->losses >= FOLLOW_LOSSES_MAX && item->lost_by == SLURM_OUT_OF_MEMORY)
		return "its task ran out of memory each time; give tasks more, as --slurm-arg=--mem=8G";
	if (item->losses >= FOLLOW_LOSSES_MAX)
		return "its task was lost each time that it ran (see the logs of the run)";
	return slurm_is_cancelled(c->runner->record) || item->lost_by == SLURM_CANCELLED
		       ? "its task was cancelled"
		       : "Slurm did not take its task";
}

static int add_missing(struct collection *c, const struct slurm_case *t, const struct follow_case *item,
		       struct err **err)
{
	char why[200];
	snprintf(why, sizeof(why), "it has no result: %s", why_missing(c, item));
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
