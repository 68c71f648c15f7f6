/* SPDX-License-Identifier: GPL-2.0-only */
/* What Slurm's commands print, what jobs of a run write to its directory, and what is made of it. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/file.h"
#include "base/json.h"
#include "kernel/cache.h"
#include "slurm/built.h"
#include "slurm/files.h"
#include "slurm/nodes.h"
#include "slurm/text.h"
#include "t.h"

#define CASE	 "{\"name\": \"ktstr/a\", \"suite\": \"s\", \"kernel\": 0, \"cpus\": 1, \"memory_mib\": 512}"
#define MANIFEST "{\"version\": 1, \"id\": \"x1\", \"cases\": [" CASE "], \"kernels\": ["

static void put(const char *dir, const char *name, const char *text)
{
	_cleanup_free_ char *path = path_join(dir, name);
	t_ok(file_write_atomic(path, text, strlen(text), 0644, NULL));
}

static void open_run(struct slurm_record *r, const char *dir, const char *kernels)
{
	_cleanup_free_ char *text = NULL;
	ck_assert_int_gt(asprintf(&text, MANIFEST "%s]}", kernels), 0);
	t_ok(slurm_record_create(dir, NULL));
	put(dir, "manifest.json", text);
	t_ok(slurm_record_open(r, dir, NULL));
}

static const char *kernel_text(const struct slurm_record *r, size_t i, const char *key)
{
	return json_string_value(json_object_get(json_array_get(json_object_get(r->manifest, "kernels"), i), key));
}

/* --- texts -------------------------------------------------------------------------------------------------------- */

START_TEST(rows_of_nodes_have_names)
{
	struct slurm_node n;
	ck_assert(slurm_named_node_parse("n1|1|8|6000|idle", &n));
	ck_assert_str_eq(n.name, "n1");
	ck_assert_uint_eq(n.cpus, 8);
	ck_assert_uint_eq(n.count, 1);
	ck_assert_uint_eq(n.memory_mib, 6000);
	ck_assert(!slurm_named_node_parse("n1|1|8|6000|down*", &n));
	ck_assert(!slurm_named_node_parse("n1|1|8", &n));
	ck_assert(!slurm_named_node_parse("", &n));
}
END_TEST

START_TEST(jobs_of_a_run_have_names)
{
	struct slurm_record r = { .id = (char *)"x1" };
	char name[SLURM_NAME_MAX];
	slurm_build_job_name(&r, name, sizeof(name));
	ck_assert_str_eq(name, "ktstr-x1-build");
	ck_assert_int_eq(slurm_job_first(&r, name), -ENOENT);
	slurm_probe_job_name(&r, "n1", name, sizeof(name));
	ck_assert_str_eq(name, "ktstr-x1-probe-n1");
	ck_assert_int_eq(slurm_job_first(&r, name), -ENOENT);
	slurm_job_name(&r, 7, name, sizeof(name));
	ck_assert_int_eq(slurm_job_first(&r, name), 7);
}
END_TEST

/* --- kernels that are built --------------------------------------------------------------------------------------- */

#define HAS	"{\"label\": \"a\", \"version\": \"6.12\", \"name\": \"k1\", \"key\": \"k1\"}"
#define MISSING "{\"label\": \"b\", \"version\": \"unknown\", \"source\": \"6.12.3\"}"
#define BUILT	"{\"index\": 1, \"key\": \"k2\", \"version\": \"6.12.3\", \"digest\": \"d2\"}"

START_TEST(a_built_kernel_gets_its_names)
{
	char *dir = t_tmpdir();
	struct slurm_record r;
	struct err *err = NULL;
	open_run(&r, dir, HAS ", " MISSING);
	_cleanup_free_ char *first = slurm_build_source(&r, 0), *source = slurm_build_source(&r, 1);
	ck_assert_ptr_null(first);
	ck_assert_str_eq(source, "6.12.3");
	ck_assert_int_eq(slurm_built_read(&r, &err), 0);
	put(dir, BUILT_FILE, "{\"kernels\": [" BUILT "], \"node\": \"n1\"}");
	ck_assert_int_eq(slurm_built_read(&r, &err), 1);
	ck_assert_str_eq(kernel_text(&r, 1, "key"), "k2");
	ck_assert_str_eq(kernel_text(&r, 1, "name"), "k2");
	ck_assert_str_eq(kernel_text(&r, 1, "version"), "6.12.3");
	ck_assert_str_eq(kernel_text(&r, 1, "digest"), "d2");
	ck_assert_str_eq(kernel_text(&r, 0, "name"), "k1");
	slurm_record_done(&r);
	t_rmdir(dir);
}
END_TEST

START_TEST(a_failed_build_is_the_error_of_the_run)
{
	char *dir = t_tmpdir();
	struct slurm_record r;
	struct err *why = NULL, *err = NULL;
	open_run(&r, dir, MISSING);
	FAIL(&why, ERR_DATA, -EIO, "make failed");
	t_ok(slurm_built_write(&r, json_array(), why, NULL));
	ck_assert_int_lt(slurm_built_read(&r, &err), 0);
	ck_assert_int_eq(err_kind_of(err), ERR_DATA);
	t_err_contains(&err, "make failed; its output is in '");
	err_free(why);
	slurm_record_done(&r);
	t_rmdir(dir);
}
END_TEST

/* What others write to the directory is checked. */
START_TEST(a_damaged_answer_of_the_build_is_refused)
{
	static const char *const texts[] = { "",
					     "[]",
					     "{}",
					     "{\"kernels\": []}",
					     "{\"kernels\": [{\"index\": -1, \"key\": \"k\"}]}",
					     "{\"kernels\": [{\"index\": 9, \"key\": \"k\"}]}",
					     "{\"kernels\": [{\"index\": 0, \"key\": 5}]}" };
	char *dir = t_tmpdir();
	struct slurm_record r;
	open_run(&r, dir, MISSING);
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		struct err *err = NULL;
		put(dir, BUILT_FILE, texts[i]);
		ck_assert_int_lt(slurm_built_read(&r, &err), 0);
		err_free(err);
	}
	slurm_record_done(&r);
	t_rmdir(dir);
}
END_TEST

START_TEST(a_run_without_missing_kernels_waits_for_nothing)
{
	char *dir = t_tmpdir();
	struct slurm_record r;
	open_run(&r, dir, HAS);
	ck_assert_int_eq(slurm_built_read(&r, NULL), 1);
	slurm_record_done(&r);
	t_rmdir(dir);
}
END_TEST

/* --- nodes -------------------------------------------------------------------------------------------------------- */

START_TEST(nodes_that_cannot_are_left_out)
{
	struct probed_node item[] = { { .is = { "n1", 8, 1, 16000 }, .answer = NODE_CAN },
				      { .is = { "n2", 8, 1, 16000 }, .answer = NODE_CANNOT },
				      { .is = { "n3", 8, 1, 16000 }, .answer = NODE_SILENT },
				      { .is = { "n4", 64, 1, 16000 }, .answer = NODE_CAN } };
	const struct probed_nodes n = { .item = item, .count = ARRAY_SIZE(item) };
	struct cluster *c = calloc(1, sizeof(*c));
	c->nodes = 3;
	nodes_apply(&n, c);
	ck_assert_uint_eq(c->nodes, 2);
	ck_assert_uint_eq(c->node[0].cpus, 8);
	ck_assert_uint_eq(c->node[0].count, 2);
	ck_assert_uint_eq(c->node[1].cpus, 64);
	free(c);
}
END_TEST

START_TEST(answers_of_nodes_are_read_back)
{
	char *dir = t_tmpdir();
	_cleanup_buf_ struct buf list = BUF_NULL;
	struct slurm_record r;
	open_run(&r, dir, HAS);
	ck_assert_uint_eq(nodes_excluded(&r, &list), 0);
	t_ok(node_answer_write(&r, "n1", true, "it works", NULL));
	t_ok(node_answer_write(&r, "n2", false, "there is no /dev/kvm", NULL));
	t_ok(node_answer_write(&r, "n3", false, "it only emulates", NULL));
	put(dir, "nodes/n4.json", "{");
	ck_assert_uint_eq(nodes_excluded(&r, &list), 2);
	ck_assert_str_eq(buf_str(&list), "n2,n3");
	slurm_record_done(&r);
	t_rmdir(dir);
}
END_TEST

/* --- results of attempts that ended ------------------------------------------------------------------------------- */

#define STORED 100 /* seconds before now */

/* The time of a file, in seconds after the result was stored. */
static void date_file(const char *dir, const char *name, time_t after)
{
	_cleanup_free_ char *path = path_join(dir, name);
	const struct timespec both[] = { { .tv_sec = time(NULL) - STORED + after },
					 { .tv_sec = time(NULL) - STORED + after } };
	ck_assert_int_eq(utimensat(AT_FDCWD, path, both, 0), 0);
}

static const struct use_case {
	const char *verdict, *done; /* done: the last file of the attempt; NULL: it has none */
	time_t event, told;	    /* after the result: the newest event; when it was told to end; 0: it was not */
	enum attempt_life life;
	enum result_use use;
} uses[] = {
	{ "pass", NULL, 0, 0, ATTEMPT_ENDED, RESULT_COUNTS },
	{ "fail", "{\"killed\": false}", 0, 0, ATTEMPT_ENDED, RESULT_COUNTS },
	{ "fail", NULL, 0, 0, ATTEMPT_RUNS, RESULT_COUNTS },
	/* Slurm does not answer. */
	{ "fail", NULL, 0, 0, ATTEMPT_UNKNOWN, RESULT_WAITS },
	/* Slurm killed all processes, that of the test first. */
	{ "fail", NULL, 0, 0, ATTEMPT_ENDED, RESULT_VOID },
	{ "fail", "{\"killed\": true}", 0, 0, ATTEMPT_RUNS, RESULT_VOID },
	/* It was killed long after. */
	{ "fail", NULL, 20, 0, ATTEMPT_ENDED, RESULT_COUNTS },
	{ "fail", "{\"killed\": true}", 20, 0, ATTEMPT_ENDED, RESULT_COUNTS },
	{ "fail", "{\"killed\": false}", 0, 2, ATTEMPT_ENDED, RESULT_VOID },
	{ "fail", "{\"killed\": false}", 0, -2, ATTEMPT_ENDED, RESULT_VOID },
	{ "fail", "{\"killed\": false}", 0, 20, ATTEMPT_ENDED, RESULT_COUNTS },
};

static void check_use(const struct use_case *u)
{
	char *dir = t_tmpdir();
	_cleanup_free_ char *sidecar = path_join(dir, "a.ktstr.json");
	json_auto_t *event = json_pack("{ss}", "verdict", u->verdict);
	ck_assert_int_eq(slurm_result_use(dir, event, sidecar, u->life), RESULT_WAITS);
	put(dir, "a.ktstr.json", "{}");
	date_file(dir, "a.ktstr.json", 0);
	put(dir, EVENTS_FILE, "");
	date_file(dir, EVENTS_FILE, u->event);
	if (u->done)
		put(dir, DONE_FILE, u->done);
	if (u->told) {
		put(dir, ENDING_FILE, "");
		date_file(dir, ENDING_FILE, u->told);
	}
	ck_assert_int_eq(slurm_result_use(dir, event, sidecar, u->life), u->use);
	t_rmdir(dir);
}

START_TEST(a_failure_counts_if_its_attempt_went_on)
{
	for (size_t i = 0; i < ARRAY_SIZE(uses); i++)
		check_use(&uses[i]);
}
END_TEST

static void fill(TCase *tc)
{
	tcase_add_test(tc, a_failure_counts_if_its_attempt_went_on);
	tcase_add_test(tc, rows_of_nodes_have_names);
	tcase_add_test(tc, jobs_of_a_run_have_names);
	tcase_add_test(tc, a_built_kernel_gets_its_names);
	tcase_add_test(tc, a_failed_build_is_the_error_of_the_run);
	tcase_add_test(tc, a_damaged_answer_of_the_build_is_refused);
	tcase_add_test(tc, a_run_without_missing_kernels_waits_for_nothing);
	tcase_add_test(tc, nodes_that_cannot_are_left_out);
	tcase_add_test(tc, answers_of_nodes_are_read_back);
}

int main(void)
{
	return t_main("slurm", fill);
}
