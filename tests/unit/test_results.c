/* SPDX-License-Identifier: GPL-2.0-only */
/* What is kept of a run: replay lines, run directories, sidecars and their schema. */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/json.h"
#include "report/sidecar.h"
#include "run/replay.h"
#include "run/rundir.h"
#include "t.h"

/* --- replay lines ------------------------------------------------------------------------------------------------- */

#define PLAIN .test = "ktstr/one", .binary = "build/suite", .kernel = "6.12.3-k1", .accel = "tcg", .seed = 0x2a
#define ENDS  " --seed 0x2a build/suite"
#define BEGINS "ktstr test -E 'test(=ktstr/one)' --kernel 6.12.3-k1 --accel tcg"

static const char *const environment[] = { "KTSTR_KIT=/a kit", "KTSTR_SCHEDULER=/x", NULL };

static const struct {
	struct replay_facts facts;
	const char *line;
} replays[] = {
	{ { PLAIN }, BEGINS ENDS },
	{ { PLAIN, .strict = true }, BEGINS " --release" ENDS },
	{ { PLAIN, .perf = PLAN_PERF_ALL }, BEGINS " --perf-mode" ENDS },
	{ { PLAIN, .perf = PLAN_PERF_NONE }, BEGINS " --no-perf-mode" ENDS },
	{ { PLAIN, .clone = true }, BEGINS " --start clone" ENDS },
	{ { PLAIN, .time_dilation = 1 }, BEGINS ENDS },
	{ { PLAIN, .time_dilation = 4 }, BEGINS " --time-dilation 4" ENDS },
	{ { PLAIN, .cpu_cap = 3 }, BEGINS " --cpu-cap 3" ENDS },
	{ { PLAIN, .environment = environment }, "KTSTR_KIT='/a kit' KTSTR_SCHEDULER=/x " BEGINS ENDS },
	{ { .test = "gauntlet/one/4cpu-1llc-nosmt", .binary = "a suite", .kernel = "/my linux", .accel = "kvm", .seed = 1,
	    .gauntlet = true },
	  "ktstr test --gauntlet -E 'test(=gauntlet/one/4cpu-1llc-nosmt)' --kernel '/my linux' --accel kvm --seed 0x1 "
	  "'a suite'" },
};

START_TEST(replay_line_has_what_decides)
{
	_cleanup_buf_ struct buf line = BUF_NULL;
	replay_line(&replays[_i].facts, &line);
	ck_assert_str_eq(buf_str(&line), replays[_i].line);
}
END_TEST

START_TEST(replay_names_the_environment_that_decides)
{
	char *const env[] = { (char *)"PATH=/bin", (char *)"KTSTR_SCHEDULER_BIN_SCX_A=/a", (char *)"KTSTR_SCHEDULER=",
			      (char *)"KTSTR_KIT=/kit", (char *)"KTSTR_KITS=/no", (char *)"KTSTR_SCHEDULER_BIN_=/no",
			      (char *)"KTSTR_NO_SKIP_MODE=", (char *)"LD_LIBRARY_PATH=/lib", (char *)"KTSTR_SEED", NULL };
	const char *const kept[] = { "KTSTR_KIT=/kit", "KTSTR_NO_SKIP_MODE=", "KTSTR_SCHEDULER_BIN_SCX_A=/a",
				     "LD_LIBRARY_PATH=/lib" };
	char **list = replay_environment(env);
	for (size_t i = 0; i < ARRAY_SIZE(kept); i++)
		ck_assert_str_eq(list[i], kept[i]);
	ck_assert_ptr_null(list[ARRAY_SIZE(kept)]);
	strings_free(list);
}
END_TEST

/* A try with the verdict of the whole, not the last one that happened to pass. */
START_TEST(replay_seed_is_of_a_try_with_that_verdict)
{
	struct flake_try item[] = { { 11, KTSTR_FAIL, NULL }, { 12, KTSTR_FAIL, NULL }, { 13, KTSTR_PASS, NULL } };
	const struct flake_history tries = { item, 3 }, none = { NULL, 0 };
	ck_assert_uint_eq(replay_seed(&tries, 3, 13, KTSTR_PASS), 13);
	ck_assert_uint_eq(replay_seed(&tries, 3, 13, KTSTR_FAIL), 12);
	ck_assert_uint_eq(replay_seed(&tries, 1, 11, KTSTR_FAIL), 11);
	ck_assert_uint_eq(replay_seed(&tries, 3, 13, KTSTR_INCONCLUSIVE), 13);
	ck_assert_uint_eq(replay_seed(&none, 1, 5, KTSTR_SKIP), 5);
	ck_assert_uint_eq(replay_seed(NULL, 1, 5, KTSTR_SKIP), 5);
}
END_TEST

/* --- run directories ---------------------------------------------------------------------------------------------- */

#define VARIANT "-0123456789abcdef"

static void put(const char *dir, const char *name, const char *text)
{
	_cleanup_free_ char *path = path_join(dir, name);
	t_ok(file_write_atomic(path, text, strlen(text), 0644, NULL));
}

static bool there(const char *dir, const char *name)
{
	_cleanup_free_ char *path = path_join(dir, name);
	return path_exists(path);
}

static void fill_rundir(const char *dir)
{
	put(dir, "one" VARIANT ".ktstr.json", "{\"suite\": \"mine\"}");
	put(dir, "one" VARIANT ".report.txt", "failed");
	put(dir, "one" VARIANT ".vmcore", "memory");
	put(dir, "two" VARIANT ".ktstr.json", "{\"suite\": \"theirs\"}");
	put(dir, "two" VARIANT ".report.txt", "failed");
	put(dir, "cut" VARIANT ".ktstr.json", "{\"suite\": ");
	put(dir, "one" VARIANT ".vmcore.new", "half");
	put(dir, "notes.report.txt", "a person's");
	put(dir, "core.vmcore", "a person's");
	put(dir, "one-0123.report.txt", "a person's");
}

static char *made_rundir(const char *root, const char *id)
{
	char *path = path_join(root, id);
	setenv("KTSTR_RUNS_ROOT", root, 1);
	t_ok(mkdir_parents(path, 0755, NULL));
	fill_rundir(path);
	return path;
}

static const char *const suites[] = { "mine", NULL };

START_TEST(results_of_the_run_before_are_cleared)
{
	char *root = t_tmpdir();
	_cleanup_free_ char *path = made_rundir(root, "6.12-0123abc");
	struct rundir d;
	t_ok(rundir_open("6.12", "0123abc", suites, &d, NULL));
	ck_assert_str_eq(d.path, path);
	ck_assert(!there(path, "one" VARIANT ".ktstr.json") && !there(path, "one" VARIANT ".report.txt"));
	ck_assert(!there(path, "one" VARIANT ".vmcore") && !there(path, "one" VARIANT ".vmcore.new"));
	ck_assert(!there(path, "two" VARIANT ".ktstr.json") && !there(path, "two" VARIANT ".report.txt"));
	ck_assert(!there(path, "cut" VARIANT ".ktstr.json"));
	ck_assert(there(path, "notes.report.txt") && there(path, "core.vmcore") && there(path, "one-0123.report.txt"));
	rundir_done(&d);
	unsetenv("KTSTR_RUNS_ROOT");
	t_rmdir(root);
}
END_TEST

START_TEST(outside_git_suites_keep_each_others_results)
{
	char *root = t_tmpdir();
	_cleanup_free_ char *path = made_rundir(root, "6.12-unknown");
	struct rundir d;
	ck_assert(rundir_is_shared(COMMIT_UNKNOWN) && !rundir_is_shared("0123abc"));
	t_ok(rundir_open("6.12", COMMIT_UNKNOWN, suites, &d, NULL));
	ck_assert(!there(path, "one" VARIANT ".ktstr.json") && !there(path, "one" VARIANT ".report.txt"));
	ck_assert(!there(path, "one" VARIANT ".vmcore"));
	ck_assert(there(path, "two" VARIANT ".ktstr.json") && there(path, "two" VARIANT ".report.txt"));
	ck_assert(there(path, "cut" VARIANT ".ktstr.json") && there(path, "notes.report.txt"));
	rundir_done(&d);
	unsetenv("KTSTR_RUNS_ROOT");
	t_rmdir(root);
}
END_TEST

START_TEST(a_directory_that_was_named_is_not_cleared)
{
	char *root = t_tmpdir();
	struct rundir d;
	fill_rundir(root);
	setenv("KTSTR_SIDECAR_DIR", root, 1);
	ck_assert(!rundir_is_shared(COMMIT_UNKNOWN));
	t_ok(rundir_open("6.12", COMMIT_UNKNOWN, suites, &d, NULL));
	ck_assert_str_eq(d.path, root);
	ck_assert(d.lock_fd < 0 && there(root, "one" VARIANT ".ktstr.json") && there(root, "one" VARIANT ".report.txt"));
	rundir_done(&d);
	unsetenv("KTSTR_SIDECAR_DIR");
	t_rmdir(root);
}
END_TEST

/* --- variants ----------------------------------------------------------------------------------------------------- */

START_TEST(what_differs_has_another_file)
{
	static const char *const a[] = { "a=1", "b=2", NULL }, *const b[] = { "b=2", "a=1", NULL };
	const struct sidecar_variant v[] = {
		{ .topology = "1n1l2c1t" },
		{ .topology = "1n1l4c1t" },
		{ .topology = "1n1l2c1t", .scheduler = "simple" },
		{ .topology = "1n1l2c1t", .payload = "simple" },
		{ .topology = "1n1l2c1t", .kernel = "kernel_6_12_1" },
		{ .topology = "1n1l2c1t", .kernel = "kernel_6_12_2" },
		{ .topology = "1n1l2c1t", .suite = "kernel_6_12_2" },
		{ .topology = "1n1l2c1t", .sysctls = a },
		{ .topology = "1n1l2c1t", .kargs = a },
	};
	for (size_t i = 0; i < ARRAY_SIZE(v); i++)
		for (size_t k = 0; k < i; k++)
			ck_assert_uint_ne(sidecar_variant(&v[i]), sidecar_variant(&v[k]));
	const struct sidecar_variant other = { .topology = "1n1l2c1t", .scheduler = "eevdf", .sysctls = b };
	ck_assert_uint_eq(sidecar_variant(&other), sidecar_variant(&v[7]));
}
END_TEST

static void fill(TCase *tc)
{
	tcase_add_loop_test(tc, replay_line_has_what_decides, 0, (int)ARRAY_SIZE(replays));
	tcase_add_test(tc, replay_names_the_environment_that_decides);
	tcase_add_test(tc, replay_seed_is_of_a_try_with_that_verdict);
	tcase_add_test(tc, results_of_the_run_before_are_cleared);
	tcase_add_test(tc, outside_git_suites_keep_each_others_results);
	tcase_add_test(tc, a_directory_that_was_named_is_not_cleared);
	tcase_add_test(tc, what_differs_has_another_file);
}

int main(void)
{
	return t_main("results", fill);
}
