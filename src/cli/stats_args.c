/* SPDX-License-Identifier: GPL-2.0-only */
/* stats_args.c -- see stats_args.h. */
#include <dirent.h>
#include <math.h>
#include <string.h>

#include "base/file.h"
#include "base/result_name.h"
#include "base/text.h"
#include "cli/out.h"
#include "cli/stats_args.h"
#include "kernel/cache.h"
#include "run/rundir.h"

const char *const stats_formats[] = { "text", "csv", "json", NULL };
const char *const compare_formats[] = { "text", "csv", "json", "html", NULL };

char *stats_root(const char *dir)
{
	return dir ? strdup(dir) : rundir_root();
}

int stats_check_dir(const char *dir, struct err **err)
{
	if (!dir || path_is_dir(dir))
		return 0;
	return FAIL(err, ERR_USAGE, -ENOTDIR, "--dir '%s' is not a directory; name one that has runs", dir);
}

enum stats_format stats_format_of(unsigned format, bool json)
{
	return json ? FORMAT_JSON : (enum stats_format)format;
}

/* They are counted whenever results are loaded, also from the index. */
static void say_unusable(const struct results *r)
{
	const struct row *row = &r->pool.row[r->unusable_first];
	_cleanup_free_ char *file = scan_path(&r->scan, &r->scan.file[r->unusable_first]);
	uint32_t v = row->first;
	while (!isinf(r->pool.value[v]))
		v++;
	say_printf("warning: %zu number%s in %zu result%s %s too large or too long, and count%s as not measured; the "
		   "first is %s in '%s'\n",
		   r->unusable, plural(r->unusable), r->unusable_files, plural(r->unusable_files),
		   r->unusable == 1 ? "is" : "are", r->unusable == 1 ? "s" : "",
		   pool_metric_name(&r->pool, r->pool.metric[v]), file ?: "?");
}

int stats_load(const char *root, enum scan_scope scope, bool archive, struct results *ret, struct err **err)
{
	_cleanup_free_ char *cache = cache_sibling("results");
	struct results_query q = {
		.root = root,
		.cache = scope == SCAN_ONE ? NULL : cache,
		.scope = scope,
		.archive = archive,
	};
	int r = results_load(&q, ret, err);
	if (r < 0)
		return r;
	if (ret->invalid)
		say_printf(
			"warning: %zu file%s in '%s' could not be read as results; 'ktstr stats explain-sidecar --run "
			"RUN' says why\n",
			ret->invalid, plural(ret->invalid), root);
	if (ret->unusable)
		say_unusable(ret);
	return 0;
}

/* The earlier run whose directory has this name; NULL: none. */
static char *find_earlier(const char *root, const char *name)
{
	_cleanup_free_ char *history = path_join(root, HISTORY_DIRECTORY);
	DIR *d = history ? opendir(history) : NULL;
	char *found = NULL;
	for (struct dirent *e; d && !found && (e = readdir(d));) {
		_cleanup_free_ char *run = *e->d_name != '.' ? path_join(history, e->d_name) : NULL;
		_cleanup_free_ char *path = run ? path_join(run, name) : NULL;
		if (path && path_is_dir(path))
			found = TAKE_PTR(path);
	}
	if (d)
		closedir(d);
	return found;
}

int stats_run_path(const char *root, const char *name, char **ret, struct err **err)
{
	bool outside = !*name || *name == '/' || !strcmp(name, ".") || strstr(name, "..");
	char *path = outside ? NULL : path_join(root, name);
	if (path && !path_is_dir(path)) {
		free(path);
		path = find_earlier(root, name);
	}
	if (!path)
		return FAIL(err, ERR_DATA, -ENOENT, "there is no run '%s' in '%s'; 'ktstr stats list' shows the runs",
			    name, root);
	*ret = path;
	return 0;
}
