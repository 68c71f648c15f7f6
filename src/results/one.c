/* SPDX-License-Identifier: GPL-2.0-only */
/* one.c -- see one.h. */
#include "results/one.h"

#include <dirent.h>
#include <string.h>

#include "base/file.h"
#include "base/json.h"

static bool is_result(const struct dirent *e, const char *suffix)
{
	size_t len = strlen(e->d_name), end = strlen(suffix);
	return e->d_name[0] != '.' && len > end && !strcmp(e->d_name + len - end, suffix);
}

unsigned result_count(const char *dir, const char *suffix)
{
	DIR *d = opendir(dir);
	unsigned n = 0;
	for (struct dirent *e; d && (e = readdir(d));)
		n += is_result(e, suffix);
	if (d)
		closedir(d);
	return n;
}

int result_read_one(const char *dir, const char *suffix, json_t **ret)
{
	DIR *d = opendir(dir);
	json_decref(*ret);
	*ret = NULL;
	for (struct dirent *e; d && !*ret && (e = readdir(d));) {
		_cleanup_free_ char *path = is_result(e, suffix) ? path_join(dir, e->d_name) : NULL;
		if (path && json_read_file(path, ret, NULL) < 0)
			*ret = NULL;
	}
	if (d)
		closedir(d);
	return *ret ? 0 : -ENOENT;
}
