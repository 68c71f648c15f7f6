/* SPDX-License-Identifier: GPL-2.0-only */
/* runs.c -- see runs.h. */
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/parse.h"
#include "base/result_name.h"
#include "stats/runs.h"

#define HOSTS_TRIED_MAX 16

/* Length of the part of a directory that names its run: one component, or three of an earlier run. */
static size_t run_length(const char *directory)
{
	size_t prefix = strlen(HISTORY_DIRECTORY "/"), components = 1, len = 0;
	if (!strncmp(directory, HISTORY_DIRECTORY "/", prefix))
		components = 3;
	for (; directory[len]; len++)
		if (directory[len] == '/' && !--components)
			break;
	return len;
}

bool is_of_run(const char *directory, const char *name)
{
	size_t len = run_length(directory), wanted = strlen(name);
	if (len == wanted && !strncmp(directory, name, len))
		return true;
	return len > wanted && !strncmp(directory, HISTORY_DIRECTORY "/", strlen(HISTORY_DIRECTORY "/")) &&
	       directory[len - wanted - 1] == '/' && !strncmp(directory + len - wanted, name, wanted);
}

static void note_result(const struct results *r, struct run *run, const struct row *row)
{
	const char *date = row->timestamp ? r->pool.text[row->timestamp] : NULL;
	run->tests += result_is_valid(row);
	if (date && (!run->date || strcmp(date, run->date) < 0))
		run->date = date;
	if (row->arch && !run->arch)
		run->arch = r->pool.text[row->arch];
}

static int compare_runs(const void *a, const void *b)
{
	const struct run *x = a, *y = b;
	if (x->mtime_ns != y->mtime_ns)
		return x->mtime_ns < y->mtime_ns ? 1 : -1;
	return strcmp(x->name, y->name);
}

void runs_done(struct runs *runs)
{
	for (size_t i = 0; i < runs->count; i++)
		free(runs->item[i].name);
	free(runs->item);
	*runs = (struct runs){ 0 };
}

/* Directories of one run follow each other. */
int runs_of(const struct results *r, struct runs *ret)
{
	*ret = (struct runs){ .item = calloc(r->scan.directories + 1, sizeof(*ret->item)) };
	if (!ret->item)
		return -ENOMEM;
	for (size_t i = 0; i < r->scan.directories; i++) {
		const struct scan_directory *d = &r->scan.directory[i];
		struct run *last = ret->count ? &ret->item[ret->count - 1] : NULL;
		size_t len = run_length(d->path);
		if (!last || strncmp(last->name, d->path, len) != 0 || last->name[len]) {
			last = &ret->item[ret->count++];
			*last = (struct run){ .name = strndup(d->path, len), .mtime_ns = d->mtime_ns };
			if (!last->name) {
				runs_done(ret);
				return -ENOMEM;
			}
		}
		for (size_t f = d->first; f < d->first + d->count; f++)
			note_result(r, last, &r->pool.row[f]);
	}
	qsort(ret->item, ret->count, sizeof(*ret->item), compare_runs);
	return 0;
}

/* --- values ------------------------------------------------------------------------------------------------------- */

static int compare_words(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int compare_numbers(const void *a, const void *b)
{
	uint64_t x = 0, y = 0;
	parse_u64(*(const char *const *)a, &x);
	parse_u64(*(const char *const *)b, &y);
	return (x > y) - (x < y);
}

int dimension_values(const struct results *r, enum dimension d, const char ***ret, size_t *ret_count)
{
	const struct pool *p = &r->pool;
	_cleanup_free_ bool *seen = calloc(p->texts + 1, sizeof(*seen));
	const char **list = calloc(p->texts + 1, sizeof(*list));
	size_t count = 0;
	if (!seen || !list) {
		free(list);
		return -ENOMEM;
	}
	for (size_t i = 0; i < p->rows; i++)
		if (result_is_valid(&p->row[i]))
			seen[p->row[i].of[d]] = true;
	count += seen[0]; /* list[0] is NULL */
	size_t first = count;
	for (uint32_t text = 1; text < p->texts; text++)
		if (seen[text])
			list[count++] = p->text[text];
	bool numbers = dimensions[d].number || d == DIMENSION_SEED;
	qsort(list + first, count - first, sizeof(*list), numbers ? compare_numbers : compare_words);
	*ret = list;
	*ret_count = count;
	return 0;
}

/* --- whole sidecars ----------------------------------------------------------------------------------------------- */

json_t *result_read_file(const struct results *r, size_t row, struct err **err)
{
	const struct scan_file *f = &r->scan.file[row];
	const char *directory = r->scan.directory[f->directory].path;
	_cleanup_free_ char *path = NULL;
	json_t *o = NULL;
	if (asprintf(&path, "%s/%s%s%s", r->scan.root, directory, *directory ? "/" : "", scan_name(&r->scan, f)) < 0)
		return NULL;
	return json_read_file(path, &o, err) == 0 ? o : NULL;
}

json_t *result_find_host(const struct results *r, const size_t *rows, size_t count)
{
	for (size_t i = 0; i < count && i < HOSTS_TRIED_MAX; i++) {
		json_auto_t *o = result_read_file(r, rows[i], NULL);
		json_t *host = json_object_get(o, "host");
		if (json_is_object(host))
			return json_incref(host);
	}
	return NULL;
}
