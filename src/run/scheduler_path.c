/* SPDX-License-Identifier: GPL-2.0-only */
/* scheduler_path.c -- see scheduler_path.h. */
#include "run/scheduler_path.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/environment.h"
#include "base/file.h"
#include "base/tool.h"
#include "run/rundir.h"

static const char *from_environment(const char *binary)
{
	const char *own = environment_get_for(ENV_SCHEDULER_BIN, binary);
	return own ? own : environment_get(ENV_SCHEDULER);
}

bool scheduler_is_named(const char *binary)
{
	return !strchr(binary, '/') && from_environment(binary);
}

static char *in_dir(const char *dir, const char *binary)
{
	char *path = dir ? path_join(dir, binary) : NULL;
	if (path && access(path, X_OK) == 0)
		return path;
	free(path);
	return NULL;
}

/* The absolute form of the path of a file that may not exist; as it is if its directory does not exist either. */
static char *absolute(const char *path)
{
	_cleanup_free_ char *dir = path_dirname(path);
	_cleanup_free_ char *whole = dir ? realpath(dir, NULL) : NULL;
	return whole ? path_join(whole, path_basename(path)) : strdup(path);
}

/* A path, of the declaration or of the environment. */
static int locate_path(const char *path, const char *origin, char **ret, struct err **err)
{
	_cleanup_free_ char *whole = absolute(path);
	*ret = access(path, X_OK) == 0 ? strdup(path) : NULL;
	if (*ret)
		return 0;
	bool there = access(path, F_OK) == 0;
	return FAIL(err, ERR_DATA, -ENOENT, "the scheduler's binary %s %s%s", whole ?: path,
		    there ? "is not an executable file" : "does not exist", origin);
}

bool scheduler_is_kernels_own(const char *binary, const char *kernel_schedulers)
{
	_cleanup_free_ char *path = in_dir(kernel_schedulers, binary);
	return path != NULL;
}

char *scheduler_names(const char *dir)
{
	struct dirent **entry = NULL;
	_cleanup_buf_ struct buf list = BUF_NULL;
	int count = dir ? scandir(dir, &entry, NULL, alphasort) : 0;
	for (int i = 0; i < count; i++) {
		if (!strncmp(entry[i]->d_name, "scx_", 4))
			buf_appendf(&list, "%s%s", list.len ? ", " : "", entry[i]->d_name);
		free(entry[i]);
	}
	free(entry);
	return list.len ? buf_steal(&list) : NULL;
}

static int report_missing(const char *binary, const char *beside, const char *kernel_schedulers, struct err **err)
{
	_cleanup_free_ char *place = realpath(beside, NULL);
	_cleanup_free_ char *known = scheduler_names(kernel_schedulers);
	return FAIL(err, ERR_DATA, -ENOENT,
		    "scheduler '%s' not found in %s, release and debug of the target directory, among the kernel's own "
		    "schedulers (%s), or in PATH. Set "
		    "KTSTR_SCHEDULER to its path, place it next to the test binary, or build the kernel with its own "
		    "('ktstr kernel build --schedulers')",
		    binary, place ?: beside, known ?: "it has none");
}

/* Directories in which programs of the same build are. The caller calls places_done(). */
struct places {
	char *beside, *above, *release, *debug; /* above: NULL if the test's directory is not called "deps" */
};

static void places_done(struct places *p)
{
	free(p->beside);
	free(p->above);
	free(p->release);
	free(p->debug);
}

static void find_places(const char *test_binary, struct places *ret)
{
	const char *target = target_dir();
	char *beside = path_dirname(test_binary);
	*ret = (struct places){
		.beside = beside,
		.above = beside && !strcmp(path_basename(beside), "deps") ? path_dirname(beside) : NULL,
		.release = path_join(target, "release"),
		.debug = path_join(target, "debug"),
	};
}

static char *find_program(const char *binary, const char *test_binary, const char *kernel_schedulers)
{
	_cleanup_(places_done) struct places p;
	find_places(test_binary, &p);
	const char *const dirs[] = { p.beside, p.above, p.release, p.debug, kernel_schedulers };
	char *found = environment_is_on(ENV_CARGO_TEST_MODE) ? tool_find(binary) : NULL;
	for (size_t i = 0; !found && i < ARRAY_SIZE(dirs); i++)
		found = in_dir(dirs[i], binary);
	return found ? found : tool_find(binary);
}

int scheduler_locate(const char *binary, const char *test_binary, const char *kernel_schedulers, char **ret,
		     struct err **err)
{
	const char *said = strchr(binary, '/') ? binary : from_environment(binary);
	if (said)
		return locate_path(said, said == binary ? "" : " (KTSTR_SCHEDULER or KTSTR_SCHEDULER_BIN_*)", ret, err);
	*ret = find_program(binary, test_binary, kernel_schedulers);
	_cleanup_free_ char *beside = path_dirname(test_binary);
	return *ret ? 0 : report_missing(binary, beside, kernel_schedulers, err);
}

static bool is_in(const char *path, const char *dir, const char *binary)
{
	_cleanup_free_ char *expected = dir ? path_join(dir, binary) : NULL;
	return expected && !strcmp(path, expected);
}

const char *scheduler_source(const char *path, const char *binary, const char *test_binary,
			     const char *kernel_schedulers)
{
	_cleanup_(places_done) struct places p;
	find_places(test_binary, &p);
	const struct {
		const char *dir, *source;
	} dirs[] = { { p.beside, "sibling" },
		     { p.above, "sibling" },
		     { p.release, "target_release" },
		     { p.debug, "target_debug" },
		     { kernel_schedulers, "kernel" } };
	if (strchr(binary, '/'))
		return "declared";
	if (from_environment(binary))
		return "environment";
	for (size_t i = 0; i < ARRAY_SIZE(dirs); i++)
		if (is_in(path, dirs[i].dir, binary))
			return dirs[i].source;
	return "path";
}
