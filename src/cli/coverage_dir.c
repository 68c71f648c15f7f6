/* SPDX-License-Identifier: GPL-2.0-only */
/* coverage_dir.c -- see coverage_dir.h. */
#include <string.h>

#include "base/environment.h"
#include "base/file.h"
#include "cli/coverage_dir.h"
#include "cli/out.h"
#include "coverage/data.h"
#include "run/rundir.h"

#define TARGET "llvm-cov-target"

static char *named_dir(void)
{
	const char *dir = environment_get(ENV_LLVM_COV_TARGET_DIR), *file = environment_get(ENV_LLVM_PROFILE_FILE);
	return dir ? strdup(dir) : file ? path_dirname(file) : path_join(target_dir(), TARGET);
}

char *coverage_dir(void)
{
	_cleanup_free_ char *dir = named_dir(), *cwd = NULL;
	if (!dir || *dir == '/')
		return TAKE_PTR(dir);
	cwd = getcwd(NULL, 0);
	return cwd ? path_join(cwd, dir) : NULL;
}

const struct option_conflict coverage_output_conflicts[] = {
	{ "lcov", "html" },
	{ "lcov", "json" },
	{ "html", "json" },
	{ NULL, NULL },
};

int coverage_output_check(const struct coverage_output *o, struct err **err)
{
	return o->path ? file_check_output(o->path, err) : 0;
}

static void put_json(const struct coverage_lines *lines, const struct kernel_coverages *kernels, struct buf *out)
{
	json_auto_t *document = coverage_json(lines);
	if (kernels)
		json_put(&document, "kernels", kernel_coverage_json(kernels));
	json_print(document, false, out);
}

static void put_report(const struct coverage_lines *lines, const struct coverage_output *o,
		       const struct kernel_coverages *kernels, struct buf *out)
{
	_cleanup_buf_ struct buf functions = BUF_NULL;
	if (kernels)
		kernel_coverage_put_text(kernels, &functions);
	if (o->lcov) {
		coverage_put_lcov(lines, out);
	} else if (o->html) {
		coverage_put_html(lines, buf_str(&functions), out);
	} else if (o->json) {
		put_json(lines, kernels, out);
	} else {
		coverage_put_table(lines, out);
		buf_puts(out, buf_str(&functions));
	}
}

/* Where guests are looked at, test binaries may be built without coverage. */
static int read_lines(const char *dir, const struct coverage_of_guests *guests, struct coverage_lines *ret,
		      struct err **err)
{
	_cleanup_err_ struct err *why = NULL;
	bool seen = (guests->kernels && guests->kernels->count) || (guests->counted && guests->counted->lines.files);
	int r = coverage_read(dir, ret, &why);
	if (r < 0 && !(r == -ENOENT && seen)) {
		if (err)
			*err = TAKE_PTR(why);
		return r;
	}
	r = guests->counted ? coverage_lines_add(ret, &guests->counted->lines) : 0;
	coverage_settle(ret);
	return r;
}

int coverage_report(const char *dir, const struct coverage_output *o, const struct coverage_of_guests *guests,
		    struct err **err)
{
	_cleanup_(coverage_lines_done) struct coverage_lines lines = { 0 };
	_cleanup_buf_ struct buf out = BUF_NULL;
	int r = read_lines(dir, guests, &lines, err);
	if (r < 0)
		return r;
	put_report(&lines, o, guests->kernels, &out);
	if (out.failed)
		return -ENOMEM;
	if (o->path)
		return file_write_output(o->path, out.data, out.len, 0644, err);
	out_buf(&out);
	return 0;
}
