/* SPDX-License-Identifier: GPL-2.0-only */
/* cmd_new.c -- ktstr new: creates a project that builds and whose tests pass unchanged. */
#include <dirent.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "cli/commands.h"
#include "cli/out.h"

/* The files of src/cli/template/, linked into this program. */
#define TEMPLATE(name) extern const char blob_##name##_start[], blob_##name##_end[]
TEMPLATE(template_tests);
TEMPLATE(template_makefile);
TEMPLATE(template_ci);
TEMPLATE(template_gitignore);
TEMPLATE(template_readme);

static const struct {
	const char *path, *start, *end;
} files[] = {
	{ "tests.c", blob_template_tests_start, blob_template_tests_end },
	{ "Makefile", blob_template_makefile_start, blob_template_makefile_end },
	{ ".github/workflows/ktstr.yml", blob_template_ci_start, blob_template_ci_end },
	{ ".gitignore", blob_template_gitignore_start, blob_template_gitignore_end },
	{ "README.md", blob_template_readme_start, blob_template_readme_end },
};

struct new_args {
	struct strings operands;
};

/* Whether a directory is empty, or holds only a fresh git repository. */
static bool is_free(const char *path)
{
	DIR *d = opendir(path);
	bool free = !d ? errno == ENOENT : true;
	for (struct dirent *e; d && (e = readdir(d));)
		free &= !strcmp(e->d_name, ".") || !strcmp(e->d_name, "..") || !strcmp(e->d_name, ".git");
	if (d)
		closedir(d);
	return free;
}

static int write_file(const char *dir, size_t i, struct err **err)
{
	_cleanup_free_ char *path = path_join(dir, files[i].path);
	_cleanup_free_ char *parent = path ? path_dirname(path) : NULL;
	if (!parent)
		return -ENOMEM;
	int r = mkdir_parents(parent, 0755, err);
	if (r < 0)
		return r;
	return file_write_atomic(path, files[i].start, (size_t)(files[i].end - files[i].start), 0644, err);
}

static int run_new(void *args, struct err **err)
{
	const struct new_args *a = args;
	const char *dir = a->operands.item[0];
	if (a->operands.count != 1)
		return FAIL(err, ERR_USAGE, -EINVAL, "new needs the directory to make; try 'ktstr new mytests'");
	if (!is_free(dir))
		return FAIL(err, ERR_USAGE, -EEXIST, "new: '%s' is not an empty directory; name another one", dir);
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		int r = write_file(dir, i, err);
		if (r < 0)
			return err_wrap(err, r, "make a project in '%s'", dir);
	}
	say_printf("made a project in %s; now:\n  cd %s\n  make kernel    # once: builds a kernel\n  make "
		   "check\n",
		   dir, dir);
	return 0;
}

const struct command cmd_new = {
	.name = "new",
	.group = GROUP_TESTS,
	.summary = "Make a project with a scheduler, a test, a Makefile and a CI file",
	.operands = "DIR",
	.text = "Writes tests.c, a Makefile, a workflow for continuous integration, a README and a .gitignore into "
		"DIR, "
		"which must be empty. It is created if it does not exist. 'make check' there runs the test; it finds "
		"libktstr by pkg-config.",
	.example =
		(const struct example[]){
			{ "ktstr new mytests", "then: cd mytests, make kernel, make check" },
			{ NULL },
		},
	OPERANDS(struct new_args, operands),
	.run = run_new,
};
