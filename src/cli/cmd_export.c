/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * cmd_export.c -- ktstr export: writes a script that carries a test, its scheduler and all that they need. It runs them
 * on a real machine, where ktstr is not installed.
 */
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "base/text.h"
#include "cli/commands.h"
#include "reactor/interrupt.h"
#include "cli/out.h"
#include "cli/shared_options.h"
#include "image/elf.h"
#include "image/package.h"
#include "reactor/reactor.h"
#include "run/checkout.h"
#include "run/includes.h"
#include "run/scheduler_path.h"

extern const char blob_template_export_start[], blob_template_export_end[];

#define SCRIPT_MODE   0755
#define WATCHDOG_MORE 30 /* seconds that a test may take beside three times its duration */

struct export_args {
	struct strings operands;
	const char *output, *package, *scheduler_bin;
	bool release;
};

static const struct option_row export_options[] = {
	OPT_STRING(struct export_args, output, "output", 'o', "FILE", "write to FILE (default: TEST.run)"),
	OPT_STRING(struct export_args, package, "package", 'p', "NAME",
		   "the test of this test binary, by its file name, if several have one of that name"),
	OPT_STRING(struct export_args, scheduler_bin, "scheduler-bin", 0, "PATH",
		   "the scheduler's program, if it is not found where 'ktstr test' looks"),
	ROW_RELEASE(struct export_args),
	OPT_END,
};

/* All state of an export, freed in one place. */
struct export
{
	struct reactor *reactor;
	struct suite *suite;
	size_t suites;
	const struct suite *of; /* of the test */
	const struct test_decl *test;
	char *scheduler; /* path, or NULL */
	char commit[COMMIT_TEXT_MAX];
	struct includes includes;
	struct package *package;
	struct closure closure;
	size_t include_count;
};

static void export_free(struct export *e)
{
	suites_free(e->suite, e->suites);
	reactor_free(e->reactor);
	includes_done(&e->includes);
	package_free(e->package);
	closure_done(&e->closure);
	free(e->scheduler);
	free(e);
}
DEFINE_CLEANUP(struct export *, export_free)

/* --- the test ----------------------------------------------------------------------------------------------------- */

static int load(struct export *e, const struct export_args *a, struct err **err)
{
	static const char *const usual[] = { "build", NULL };
	struct signals signals;
	int r = reactor_new(&e->reactor, err);
	if (r == 0)
		r = interrupt_watch(&signals, e->reactor, err);
	if (r < 0)
		return r;
	r = suites_load(e->reactor, a->operands.count > 1 ? a->operands.item + 1 : usual, /* scenario_program= */ NULL,
			&e->suite, &e->suites, err);
	signals_done(&signals);
	return r == 0 ? checkout_commit(e->reactor, e->commit) : r;
}

static bool is_of_package(const struct suite *s, const char *package)
{
	return !package || !strcmp(path_basename(s->path), package);
}

/* @name: "two_cgroups" or "ktstr/two_cgroups". */
static int find_test(struct export *e, const char *name, const char *package, struct err **err)
{
	const char *bare = !strncmp(name, "ktstr/", 6) ? name + 6 : name;
	for (size_t i = 0; i < e->suites; i++)
		for (size_t k = 0; k < e->suite[i].tests; k++) {
			const struct test_decl *t = &e->suite[i].test[k];
			if (strcmp(t->name, bare) != 0 || !is_of_package(&e->suite[i], package))
				continue;
			if (e->test)
				return FAIL(err, ERR_USAGE, -EEXIST,
					    "export: test '%s' is in '%s' and in '%s'; choose one with --package", bare,
					    e->of->path, e->suite[i].path);
			e->test = t;
			e->of = &e->suite[i];
		}
	return e->test ? 0
		       : FAIL(err, ERR_USAGE, -ENOENT, "export: there is no test '%s'; 'ktstr test --list' lists them",
			      bare);
}

/* What a machine of the user's cannot do, or must not. NULL: the test can be exported. */
static const char *refused(const struct test_decl *t)
{
	const struct sched_decl *s = t->scheduler;
	const struct {
		bool refused;
		const char *why;
	} rows[] = {
		{ t->problem, "its declaration is wrong" },
		{ t->host_only, "it is a host_only test: it runs on any host already, with 'ktstr test'" },
		{ s && !s->binary, "its scheduler is built into the kernel, and is switched by files that another "
				   "kernel may not have" },
		{ t->expect_err, "it expects its scheduler to fail, which only the monitor of a guest can tell from "
				 "another failure" },
		{ t->staged && *t->staged,
		  "it replaces its scheduler while it runs, which only PID 1 of a guest can do" },
		{ t->config, "its scheduler has a configuration whose path is one of a guest" },
		{ s && s->cgroup_parent, "its scheduler has a control group of its own, at a path of a guest" },
		{ t->workload_root, "its control groups are at a path of a guest" },
	};
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (rows[i].refused)
			return rows[i].why;
	return NULL;
}

static int find_scheduler(struct export *e, const struct export_args *a, struct err **err)
{
	const struct sched_decl *s = e->test->scheduler;
	const char *why = refused(e->test);
	if (why)
		return FAIL(err, ERR_USAGE, -EINVAL, "export: test '%s' cannot be exported: %s%s%s", e->test->name, why,
			    e->test->problem ? ": " : "", e->test->problem ?: "");
	if (!s)
		return 0;
	if (s->sysctls && *s->sysctls)
		say_printf("warning: the script does not set the sysctls of scheduler '%s'; set them yourself\n",
			   s->name);
	return scheduler_locate(a->scheduler_bin ?: s->binary, e->test->binary, NULL, &e->scheduler, err);
}

/* --- the archive -------------------------------------------------------------------------------------------------- */

static bool is_loader(const struct closure_file *f)
{
	return !strncmp(path_basename(f->path), "ld-", 3);
}

static const char *loader_of(const struct closure *c)
{
	for (size_t i = 0; i < c->count; i++)
		if (is_loader(&c->file[i]))
			return path_basename(c->file[i].path);
	return NULL;
}

/* A script that starts a program with the libraries that come along, so that the machine needs none. */
static int add_program(struct export *e, const char *from, const char *name, struct err **err)
{
	_cleanup_buf_ struct buf script = BUF_NULL;
	struct closure own = { 0 };
	char to[64];
	int r = closure_add(&own, from, err);
	const char *loader = loader_of(&own);
	buf_puts(&script, "#!/bin/sh\nhere=$(cd \"$(dirname \"$0\")/..\" && pwd)\nexec ");
	if (loader)
		buf_appendf(&script, "\"$here/lib/%s\" --library-path \"$here/lib\" ", loader);
	buf_appendf(&script, "\"$here/%s\" \"$@\"\n", name);
	closure_done(&own);
	if (r == 0)
		r = closure_add(&e->closure, from, err);
	if (r == 0)
		r = package_add_file(e->package, from, name, err);
	snprintf(to, sizeof(to), "bin/%s", name);
	return r == 0 ? package_add_text(e->package, buf_str(&script), script.len, to, err) : r;
}

/* By which programs look for it. */
static const char *library_name(const struct closure_file *f)
{
	return path_basename(f->name ?: f->path);
}

static int add_libraries(struct export *e, struct err **err)
{
	int r = 0;
	for (size_t i = 0; r == 0 && i < e->closure.count; i++) {
		const struct closure_file *f = &e->closure.file[i];
		char to[300];
		const char *name = library_name(f);
		bool again = false;
		for (size_t k = 0; k < i; k++)
			again |= !strcmp(library_name(&e->closure.file[k]), name);
		if (again)
			continue;
		snprintf(to, sizeof(to), "lib/%s", name);
		r = package_add_file(e->package, f->path, to, err);
	}
	return r;
}

/* Files of the test, all in one directory. */
static int add_includes(struct export *e, struct err **err)
{
	int r = includes_resolve(e->test, NULL, &e->includes, err);
	for (size_t i = 0; r == 0 && i < e->includes.count; i++) {
		const struct image_include *f = &e->includes.item[i];
		const char *name = path_basename(f->from);
		char to[300];
		if (strcmp(path_basename(f->to), name) != 0 || strchr(f->to, '/') != strrchr(f->to, '/'))
			return FAIL(
				err, ERR_USAGE, -EISDIR,
				"export: '%s' is in a directory of include files; a script carries single files only",
				f->from);
		for (size_t k = 0; k < i; k++)
			if (!strcmp(path_basename(e->includes.item[k].from), name))
				return FAIL(err, ERR_USAGE, -EEXIST,
					    "export: include files '%s' and '%s' have one name",
					    e->includes.item[k].from, f->from);
		snprintf(to, sizeof(to), "include/%s", name);
		r = package_add_file(e->package, f->from, to, err);
		if (r == 0)
			r = closure_add(&e->closure, f->from, err);
	}
	e->include_count = e->includes.count;
	return r;
}

/* What the test binary says about itself, so that the script's machine does not ask it again. */
static int add_list(struct export *e, struct err **err)
{
	_cleanup_buf_ struct buf text = BUF_NULL;
	int r = suite_ask(e->reactor, e->test->binary, "--list", &text, err);
	return r == 0 ? package_add_text(e->package, buf_str(&text), text.len, "test.json", err) : r;
}

static int pack(struct export *e, struct buf *ret, struct err **err)
{
	_cleanup_free_ char *self = realpath("/proc/self/exe", NULL);
	int r = self ? package_new(&e->package, err) : -ENOMEM;
	if (r == 0)
		r = add_program(e, self, "ktstr", err);
	if (r == 0)
		r = add_program(e, e->test->binary, "test", err);
	if (r == 0 && e->scheduler)
		r = add_program(e, e->scheduler, "scheduler", err);
	if (r == 0)
		r = add_includes(e, err);
	if (r == 0)
		r = add_libraries(e, err);
	if (r == 0)
		r = add_list(e, err);
	return r == 0 ? package_finish(e->package, ret, err) : r;
}

/* --- the script --------------------------------------------------------------------------------------------------- */

/* One word for a shell: as it is, or in single quotes. */
static void put_word(struct buf *out, const char *word)
{
	if (*word &&
	    word[strspn(word, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._+=/:-")] == '\0') {
		buf_puts(out, word);
		return;
	}
	buf_puts(out, "'");
	for (; *word; word++)
		buf_appendf(out, *word == '\'' ? "'\\'%c" : "%c", *word);
	buf_puts(out, "'");
}

static void put_variable(struct buf *out, const char *name, const char *value)
{
	buf_appendf(out, "%s=", name);
	put_word(out, value);
	buf_puts(out, "\n");
}

static void put_args(struct buf *out, char *const *args)
{
	for (; args && *args; args++) {
		buf_puts(out, " ");
		put_word(out, *args);
	}
}

static void put_scheduler(const struct test_decl *t, struct buf *out)
{
	const struct sched_decl *s = t->scheduler;
	if (!s)
		return;
	buf_puts(out, "\nrun_scheduler() {\n\texec \"$DIR/bin/scheduler\"");
	put_args(out, s->config_file ? s->config_args : NULL);
	put_args(out, s->args);
	put_args(out, t->sched_args);
	buf_puts(out, "\n}\n");
}

static void put_preamble(const struct export *e, struct buf *out)
{
	const struct test_decl *t = e->test;
	unsigned duration = (unsigned)MAX_OF(t->duration / NSEC_PER_SEC, 1);
	buf_puts(out, "#!/bin/bash\n# Made by 'ktstr export'. Runs one scheduler test on this machine, as root.\n"
		      "# shellcheck disable=SC2317 # functions are called by traps\n\n");
	put_variable(out, "KTSTR_TEST_NAME", t->name);
	put_variable(out, "KTSTR_SCHED_NAME", t->scheduler ? t->scheduler->name : "eevdf");
	buf_appendf(out, "KTSTR_GIT_HASH=%.7s\n", *e->commit ? e->commit : "unknown");
	buf_appendf(out, "NEED_LLCS=%u\nNEED_CORES_PER_LLC=%u\nNEED_THREADS_PER_CORE=%u\nNEED_NUMA_NODES=%u\n",
		    t->topology.llcs, t->topology.cores, t->topology.threads, t->topology.numa_nodes);
	buf_appendf(out, "TEST_DURATION_SECS=%u\nTEST_WATCHDOG_SECS=%u\n", duration, 3 * duration + WATCHDOG_MORE);
	put_scheduler(t, out);
	buf_puts(out, "\n");
	buf_append(out, blob_template_export_start, (size_t)(blob_template_export_end - blob_template_export_start));
	buf_puts(out, "__ARCHIVE__\n");
}

static int write_script(const struct export *e, const struct buf *archive, const char *path, struct err **err)
{
	_cleanup_buf_ struct buf text = BUF_NULL;
	_cleanup_free_ char *usual = NULL;
	if (!path && asprintf(&usual, "%s.run", e->test->name) < 0)
		return -ENOMEM;
	path = path ?: usual;
	put_preamble(e, &text);
	base64_lines(archive, &text);
	if (text.failed)
		return -ENOMEM;
	int r = file_write_output(path, text.data, text.len, SCRIPT_MODE, err);
	if (r == 0)
		say_printf("wrote %s (%zu bytes archive, %zu include files)\n", path, archive->len, e->include_count);
	return r;
}

static int run_export(void *args, struct err **err)
{
	const struct export_args *a = args;
	_cleanup_(export_free_p) struct export *e = calloc(1, sizeof(*e));
	_cleanup_buf_ struct buf archive = BUF_NULL;
	if (!a->operands.count)
		return FAIL(err, ERR_USAGE, -EINVAL, "export: which test? For example: ktstr export two_cgroups build");
	int r = e ? load(e, a, err) : -ENOMEM;
	if (r == 0)
		r = find_test(e, a->operands.item[0], a->package, err);
	if (r == 0)
		r = find_scheduler(e, a, err);
	if (r == 0)
		r = pack(e, &archive, err);
	return r == 0 ? write_script(e, &archive, a->output, err) : r;
}

const struct command cmd_export = {
	.name = "export",
	.group = GROUP_TESTS,
	.summary = "Write a test as one script that runs on a real machine",
	.operands = "TEST [PATH...]",
	.text = "Writes a script that carries the test, its scheduler, their files and all libraries. It runs on a "
		"machine "
		"where ktstr is not installed, as root, under a kernel with sched_ext. It checks the machine first: no "
		"other sched_ext scheduler, and at least the LLCs, cores, threads and NUMA nodes that the test asks "
		"for. "
		"Then it starts the scheduler, runs the test for --duration, and removes all that it made, also when "
		"it is "
		"interrupted. It exits with 0 if the test passed, else with 1.\n\n"
		"The test is looked for in the test binaries below the paths (default: build). Tests that need a guest "
		"are "
		"refused, each with the reason.",
	.option = export_options,
	.example =
		(const struct example[]){
			{ "ktstr export two_cgroups a.out", "makes two_cgroups.run" },
			{ "ktstr export two_cgroups --package smoke -o repro.run", "the test of the binary 'smoke'" },
			{ NULL },
		},
	.environment = (const enum environment_id[]){ ENV_SCHEDULER, ENV_SCHEDULER_BIN, ENV_MAX },
	OPERANDS(struct export_args, operands),
	.run = run_export,
};
