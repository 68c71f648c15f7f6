/* SPDX-License-Identifier: GPL-2.0-only */
/* cmd_ci.c -- ktstr ci: prints a workflow for continuous integration. */
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/text.h"
#include "cli/commands.h"
#include "cli/out.h"
#include "cli/shared_options.h"
#include "kernel/ref.h"

/* The files of src/cli/template/, linked into this program. */
#define TEMPLATE(name) extern const char blob_##name##_start[], blob_##name##_end[]
TEMPLATE(template_github);
TEMPLATE(template_gitlab);

#define SHARDS_MAX 256

static const char *const services[] = { "github", "gitlab", NULL };

struct ci_args {
	struct strings operands, kernel;
	const char *build, *output;
	uint64_t shards;
};

static const struct option_row ci_options[] = {
	ROW_KERNELS(struct ci_args),
	OPT_NUMBER(struct ci_args, shards, "shards", 0, "N", 1, SHARDS_MAX, 2, "jobs that share the tests"),
	OPT_STRING(struct ci_args, build, "build", 0, "COMMAND", "builds the tests (default: make)"),
	OPT_STRING(struct ci_args, output, "output", 'o', "FILE", "write to FILE, which must not be there"),
	OPT_END,
};

/* --- what the placeholders stand for ------------------------------------------------------------------------------ */

static void put_paths(const struct ci_args *a, struct buf *out)
{
	for (size_t i = 1; i < a->operands.count; i++) {
		buf_puts(out, i > 1 ? " " : "");
		text_append_quoted(out, a->operands.item[i]);
	}
	if (a->operands.count < 2)
		buf_puts(out, "build");
}

static void put_kernels(const struct ci_args *a, struct buf *out)
{
	for (size_t i = 0; i < a->kernel.count; i++) {
		buf_puts(out, "--kernel ");
		text_append_quoted(out, a->kernel.item[i]);
		buf_puts(out, " ");
	}
}

/* The cache is another one for other kernels. */
static void put_key(const struct ci_args *a, struct buf *out)
{
	uint32_t crc = 0;
	for (size_t i = 0; i < a->kernel.count; i++)
		crc = crc32_update(crc, a->kernel.item[i], strlen(a->kernel.item[i]) + 1);
	buf_appendf(out, "%08x", crc);
}

static void put_shards(const struct ci_args *a, struct buf *out)
{
	for (uint64_t i = 1; i <= a->shards; i++)
		buf_appendf(out, "%s%lu", i > 1 ? ", " : "", i);
}

static void put_count(const struct ci_args *a, struct buf *out)
{
	buf_appendf(out, "%lu", a->shards);
}

/* In single quotes of YAML, in which only the quote is special. */
static void put_build(const struct ci_args *a, struct buf *out)
{
	buf_puts(out, "'");
	for (const char *p = a->build ?: "make"; *p; p++)
		buf_appendf(out, "%s%c", *p == '\'' ? "'" : "", *p);
	buf_puts(out, "'");
}

static const struct {
	const char *name;
	void (*put)(const struct ci_args *a, struct buf *out);
} placeholders[] = {
	{ "@PATHS@", put_paths },   { "@KERNELS@", put_kernels }, { "@KEY@", put_key },
	{ "@SHARDS@", put_shards }, { "@COUNT@", put_count },	  { "@BUILD@", put_build },
};

static void fill(const char *at, const char *end, const struct ci_args *a, struct buf *out)
{
	while (at < end) {
		size_t i = 0, left = (size_t)(end - at);
		while (i < ARRAY_SIZE(placeholders) &&
		       (strlen(placeholders[i].name) > left ||
			strncmp(at, placeholders[i].name, strlen(placeholders[i].name)) != 0))
			i++;
		if (i < ARRAY_SIZE(placeholders)) {
			placeholders[i].put(a, out);
			at += strlen(placeholders[i].name);
		} else {
			buf_append(out, at++, 1);
		}
	}
}

/* --- the command -------------------------------------------------------------------------------------------------- */

/* Control characters would end a line of the file. */
static int check_words(const struct ci_args *a, struct err **err)
{
	bool clean = !a->build || text_is_clean(a->build, strlen(a->build), true);
	for (size_t i = 0; i < a->operands.count; i++)
		clean &= text_is_clean(a->operands.item[i], strlen(a->operands.item[i]), true);
	if (!clean)
		return FAIL(err, ERR_USAGE, -EINVAL, "ci: an argument has control characters; leave them out");
	for (size_t i = 0; i < a->kernel.count; i++) {
		struct kernel_ref ref;
		int r = kernel_ref_parse(a->kernel.item[i], &ref, err);
		if (r < 0)
			return r;
		kernel_ref_done(&ref);
	}
	return 0;
}

/* A machine of the service has only the checkout: says what the workflow would not find there. */
static void note_defaults(const struct ci_args *a)
{
	if (!a->kernel.count)
		say_printf("note: no kernel is named: the jobs test the one that they find; --kernel distro, for "
			   "example, builds one\n");
	if (a->operands.count < 2 && !path_exists("build"))
		say_printf("note: the workflow takes the tests from 'build', which is not here; name their program: "
			   "ktstr ci %s PATH\n",
			   a->operands.item[0]);
}

static int run_ci(void *args, struct err **err)
{
	const struct ci_args *a = args;
	const char *service = a->operands.count ? a->operands.item[0] : "";
	_cleanup_buf_ struct buf out = BUF_NULL;
	int r = check_words(a, err);
	if (r < 0)
		return r;
	if (!strcmp(service, services[0]))
		fill(blob_template_github_start, blob_template_github_end, a, &out);
	else if (!strcmp(service, services[1]))
		fill(blob_template_gitlab_start, blob_template_gitlab_end, a, &out);
	else
		return FAIL(err, ERR_USAGE, -EINVAL, "ci: for which service? Name github or gitlab%s%s%s",
			    *service ? ", not '" : "", service, *service ? "'" : "");
	note_defaults(a);
	if (!a->output) {
		out_buf(&out);
		return out.failed ? -ENOMEM : 0;
	}
	if (path_exists(a->output))
		return FAIL(err, ERR_USAGE, -EEXIST, "ci: '%s' is there already; remove it, or name another file",
			    a->output);
	_cleanup_free_ char *dir = path_dirname(a->output);
	r = dir && !out.failed ? mkdir_parents(dir, 0755, err) : -ENOMEM;
	return r == 0 ? file_write_output(a->output, out.data, out.len, 0644, err) : r;
}

const struct command cmd_ci = {
	.name = "ci",
	.group = GROUP_TESTS,
	.summary = "Print a workflow for continuous integration",
	.operands = "github|gitlab [PATH...]",
	.operand_words = services,
	.text = "The workflow builds the tests, asks 'ktstr affected' which schedulers the change concerns, runs their "
		"tests in several jobs that share a cache of kernels, keeps the results, and joins them with 'ktstr "
		"merge' to one verdict and one report. PATH are the test binaries (default: build). How ktstr is "
		"installed is left to fill in.",
	.option = ci_options,
	.example =
		(const struct example[]){
			{ "ktstr ci github --kernel 6.12,6.14 --shards 4 -o .github/workflows/ktstr.yml",
			  "for GitHub" },
			{ "ktstr ci gitlab >.gitlab-ci.yml", "for GitLab" },
			{ NULL },
		},
	OPERANDS(struct ci_args, operands),
	.run = run_ci,
};
