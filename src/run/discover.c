/* SPDX-License-Identifier: GPL-2.0-only */
/* discover.c -- finds test binaries (executable ELF files with our note) and lists their tests. */
#include <dirent.h>
#include <string.h>
#include <sys/stat.h>

#include <ktstr/test.h>

#include "base/file.h"
#include "image/elf.h"
#include "run/scenario_file.h"
#include "run/suite.h"

#define DEPTH_MAX 8

struct found {
	char **path;
	size_t count;
};

/* Puts "./" before a name without a slash, so that it is not searched in PATH when it is run. */
static int keep(struct found *f, const char *path)
{
	if (f->count == SUITE_BINARIES_MAX)
		return -E2BIG;
	f->path[f->count] = strchr(path, '/') ? strdup(path) : path_join(".", path);
	return f->path[f->count] ? (f->count++, 0) : -ENOMEM;
}

static int consider(struct found *f, const char *path)
{
	uint32_t api;
	/* A damaged file may be a test binary. It is kept, so that its tests are not missing without a word. */
	return elf_api_version(path, &api) < 0 && !elf_is_truncated(path) ? 0 : keep(f, path);
}

static int walk(struct found *f, const char *dir, unsigned depth)
{
	DIR *d = opendir(dir);
	int r = 0;
	for (struct dirent *e; d && r == 0 && (e = readdir(d));) {
		struct stat st;
		_cleanup_free_ char *path = e->d_name[0] == '.' ? NULL : path_join(dir, e->d_name);
		if (!path || lstat(path, &st) < 0)
			continue;
		if (S_ISDIR(st.st_mode) && depth < DEPTH_MAX)
			r = walk(f, path, depth + 1);
		else if (S_ISREG(st.st_mode) && (st.st_mode & 0111))
			r = consider(f, path);
	}
	if (d)
		closedir(d);
	return r;
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static int look_at(struct found *f, const char *path, struct err **err)
{
	struct stat st;
	size_t before = f->count;
	if (stat(path, &st) < 0)
		return FAIL(err, ERR_USAGE, -errno,
			    "test path '%s': %s; name the program with the tests, or its directory; -E "
			    "chooses tests by name",
			    path, strerror(errno));
	if (!S_ISDIR(st.st_mode) && !S_ISREG(st.st_mode))
		return FAIL(err, ERR_USAGE, -EINVAL, "test path '%s' is %s; name a file or a directory", path,
			    file_kind(st.st_mode));
	int r = S_ISDIR(st.st_mode) ? walk(f, path, 0) : is_scenario_file(path) ? keep(f, path) : consider(f, path);
	if (r < 0)
		return FAIL_SYS(err, r, "look for tests in '%s'", path);
	if (f->count > before)
		return 0;
	return FAIL(err, ERR_USAGE, -ENOENT,
		    "no tests in '%s'; link a program with libktstr (pkg-config ktstr), or "
		    "name another path",
		    path);
}

int suite_find(const char *const *paths, char ***ret, struct err **err)
{
	struct found f = { .path = calloc(SUITE_BINARIES_MAX + 1, sizeof(char *)) };
	int r = f.path ? 0 : -ENOMEM;
	for (size_t i = 0; r == 0 && paths[i]; i++)
		r = look_at(&f, paths[i], err);
	if (r < 0) {
		strings_free(f.path);
		return r;
	}
	qsort(f.path, f.count, sizeof(*f.path), compare);
	*ret = f.path;
	return 0;
}

/* --- all of them -------------------------------------------------------------------------------------------------- */

static int check_version(const char *path, struct err **err)
{
	uint32_t api;
	int r = elf_api_version(path, &api);
	if (r < 0 && elf_is_truncated(path))
		return FAIL(err, ERR_DATA, -EBADMSG,
			    "'%s' is an ELF file that is cut off: it ends before its section headers; build or copy it "
			    "again",
			    path);
	if (r == 0 && api != KTSTR_API_VERSION)
		return FAIL(err, ERR_DATA, -EPROTO,
			    "'%s' was built for interface version %u, and this ktstr needs %u; rebuild it with this "
			    "ktstr's libktstr",
			    path, api, KTSTR_API_VERSION);
	return r;
}

/* Loads one suite. If that fails, @ret has the problem, and *@first keeps the first error. */
static int load_or_note(struct reactor *r, const char *path, const char *scenario_program, struct suite *ret,
			struct err **first)
{
	_cleanup_err_ struct err *why = NULL;
	_cleanup_buf_ struct buf text = BUF_NULL;
	int result = is_scenario_file(path) ? scenario_file_load(r, path, scenario_program, ret, &why)
					    : check_version(path, &why);
	if (result == 0 && !is_scenario_file(path))
		result = suite_load(r, path, ret, &why);
	if (result == 0 || result == -ENOMEM || result == -ECANCELED)
		return result;
	if (why)
		err_format(why, &text);
	else
		buf_appendf(&text, "list the tests of '%s': %s", path, strerror(-result));
	*ret = (struct suite){ .path = strdup(path), .problem = buf_steal(&text) };
	if (why && !*first)
		*first = TAKE_PTR(why);
	return ret->path && ret->problem ? 0 : -ENOMEM;
}

static int load_all(struct reactor *r, char *const *path, const char *scenario_program, struct suite *suite,
		    size_t *ret_loaded, struct err **err)
{
	_cleanup_err_ struct err *first = NULL;
	size_t good = 0;
	for (; path[*ret_loaded]; ++*ret_loaded) {
		int result = load_or_note(r, path[*ret_loaded], scenario_program, &suite[*ret_loaded], &first);
		if (result < 0)
			return FAIL_SYS(err, result, "list the tests of '%s'", path[*ret_loaded]);
		good += !suite[*ret_loaded].problem;
	}
	if (good || !first)
		return 0;
	int code = first->code;
	if (err)
		*err = TAKE_PTR(first);
	return code;
}

int suites_load(struct reactor *r, const char *const *paths, const char *scenario_program, struct suite **ret,
		size_t *ret_count, struct err **err)
{
	char **path = NULL;
	size_t count = 0, loaded = 0;
	int result = suite_find(paths, &path, err);
	while (result == 0 && path[count])
		count++;
	struct suite *suite = calloc(count + 1, sizeof(*suite));
	if (result == 0)
		result = suite ? load_all(r, path, scenario_program, suite, &loaded, err) : -ENOMEM;
	strings_free(path);
	if (result < 0) {
		suites_free(suite, loaded);
		return result;
	}
	*ret = suite;
	*ret_count = count;
	return 0;
}
