/* SPDX-License-Identifier: GPL-2.0-only */
/* test_cli.c -- the outputs of a process: lost output is counted and reported, and decides the exit status. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "cli/out.h"
#include "report/failure.h"
#include "t.h"

/* --- exit statuses ------------------------------------------------------------------------------------------------ */

/* Each status outranks all below it. */
static const int by_rank[] = { EXIT_INTERRUPTED, EXIT_BUG, EXIT_NO_OUTPUT, EXIT_NO_BACKEND, 1, 2, 0 };

START_TEST(exit_statuses_have_an_order)
{
	for (size_t i = 0; i < ARRAY_SIZE(by_rank); i++)
		for (size_t j = 0; j < ARRAY_SIZE(by_rank); j++)
			ck_assert_int_eq(status_first(by_rank[i], by_rank[j]), by_rank[MIN_OF(i, j)]);
	/* Among other errors the first one counts: it is the one that was printed. */
	ck_assert_int_eq(status_first(EXIT_BAD_DATA, EXIT_CONTENTION), EXIT_BAD_DATA);
	ck_assert_int_eq(status_first(EXIT_CONTENTION, EXIT_BAD_DATA), EXIT_CONTENTION);
}
END_TEST

START_TEST(each_kind_of_error_has_one_status)
{
	static const int want[ERR_KIND_MAX] = {
		[ERR_IMPOSSIBLE] = 1, [ERR_USAGE] = 64,	 [ERR_DATA] = 65, [ERR_MISSING] = 69,
		[ERR_BUG] = 70,	      [ERR_OUTPUT] = 74, [ERR_BUSY] = 75, [ERR_INTERRUPTED] = 130,
	};
	for (unsigned kind = ERR_BY_CODE + 1; kind < ERR_KIND_MAX; kind++) {
		unsigned rows = 0;
		for (const struct status_row *s = status_rows; s->meaning; s++)
			rows += s->kind == kind;
		ck_assert_uint_eq(rows, 1);
		ck_assert_int_eq(status_of_kind((enum err_kind)kind), want[kind]);
	}
}
END_TEST

START_TEST(errors_without_a_kind_have_one_by_their_code)
{
	static const struct {
		int code, status;
	} cases[] = { { -ENOSPC, 75 }, { -EBUSY, 75 },	    { -EINVAL, 65 }, { -EBADMSG, 65 },
		      { -EINTR, 130 }, { -ECANCELED, 130 }, { -ENOENT, 69 } };
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_err_ struct err *err = NULL;
		FAIL_SYS(&err, cases[i].code, "open 'x'");
		ck_assert_int_eq(status_of_kind(err_kind_of(err)), cases[i].status);
	}
}
END_TEST

/* --- outputs ------------------------------------------------------------------------------------------------------ */

START_TEST(full_output_is_counted)
{
	struct output o = { .fd = open("/dev/full", O_WRONLY | O_CLOEXEC), .name = "standard output" };
	struct err *err = NULL;
	output_printf(&o, "one\ntwo %d\n", 2);
	output_write(&o, "three", 5);
	ck_assert_int_eq(o.error, -ENOSPC);
	t_errno(output_end(&o, "the results", &err), EIO);
	ck_assert_int_eq(status_of_kind(err_kind_of(err)), EXIT_NO_OUTPUT);
	t_err_contains(&err, "write standard output: No space left on device; 15 bytes (2 lines) of the results are "
			     "lost");
	close(o.fd);
}
END_TEST

START_TEST(output_without_reader_is_lost)
{
	int ends[2];
	struct err *err = NULL;
	signal(SIGPIPE, SIG_IGN);
	ck_assert_int_eq(pipe(ends), 0);
	struct output o = { .fd = ends[1], .name = "standard output" };
	output_write(&o, "a\n", 2);
	ck_assert_int_eq(o.error, 0);
	close(ends[0]);
	output_write(&o, "b\n", 2);
	t_errno(output_end(&o, "the list", &err), EIO);
	t_err_contains(&err, "Broken pipe; 2 bytes (1 line) of the list are lost");
	close(ends[1]);
}
END_TEST

/* A reader slower than the writer, and a descriptor that another process has made non-blocking. */
START_TEST(slow_reader_gets_everything)
{
	enum { BYTES = 1 << 20 };
	int ends[2];
	size_t got = 0;
	char chunk[4096];
	_cleanup_buf_ struct buf all = BUF_NULL;
	ck_assert_int_eq(pipe2(ends, O_NONBLOCK), 0);
	buf_zeros(&all, BYTES);
	pid_t writer = fork();
	if (writer == 0) {
		struct output o = { .fd = ends[1], .name = "pipe" };
		output_buf(&o, &all);
		_exit(output_end(&o, "zeros", NULL) < 0);
	}
	close(ends[1]);
	fcntl(ends[0], F_SETFL, 0);
	for (ssize_t n; (n = read(ends[0], chunk, sizeof(chunk))) > 0;)
		got += (size_t)n;
	int status = -1;
	ck_assert_int_eq(waitpid(writer, &status, 0), writer);
	ck_assert_int_eq(status, 0);
	ck_assert_uint_eq(got, BYTES);
	close(ends[0]);
}
END_TEST

/* Output that could not be allocated is also lost. */
START_TEST(text_that_failed_is_lost)
{
	struct output o = { .fd = open("/dev/null", O_WRONLY | O_CLOEXEC), .name = "standard output" };
	struct buf text = { .failed = true };
	struct err *err = NULL;
	output_buf(&o, &text);
	t_errno(output_end(&o, "the event", &err), EIO);
	t_err_contains(&err, "write standard output: Cannot allocate memory; some of the event is lost");
	close(o.fd);
}
END_TEST

/* Logs without a line break, and too many findings and cgroups to read: the report stays readable. */
START_TEST(failure_reports_are_bounded)
{
	struct evidence e = { .has_hello = true };
	struct judgement j = { .verdict = KTSTR_FAIL };
	struct cgroup_stats *groups = calloc(4096, sizeof(*groups));
	struct result r = {
		.test = "t", .topology = "1n1l1c1t", .replay = "ktstr test", .evidence = &e, .judgement = &j
	};
	struct term plain = { .columns = 80 };
	struct buf report = BUF_NULL;
	char *log = malloc(1 << 20);
	memset(log, 'x', 1 << 20);
	for (unsigned i = 1; i < WIRE_STREAM_MAX; i++)
		buf_append(&e.text[i], log, 1 << 20);
	buf_append(&e.console, log, 1 << 20);
	for (unsigned i = 0; i < 300; i++)
		judgement_add(&j, DETAIL_EXPECTATION, KTSTR_FAIL, "%.*s", 5000, log);
	j.stats = (struct scenario_stats){ .cgroup = groups, .cgroups = 4096, .workers = 1 };
	failure_report(&r, &plain, &report);
	ck_assert_uint_gt(report.len, 8192);
	ck_assert_uint_lt(report.len, 200000);
	ck_assert(strstr(buf_str(&report), "  ... (1040384 bytes before)\n  xxx"));
	ck_assert(strstr(buf_str(&report), "  ... and 260 more\n"));
	ck_assert(strstr(buf_str(&report), "  ... and 4056 cgroups more\n"));
	ck_assert(strstr(buf_str(&report), "  replay  ktstr test\n"));
	j.stats = (struct scenario_stats){ 0 };
	free(groups);
	free(log);
	judgement_done(&j);
	evidence_done(&e);
	buf_done(&report);
}
END_TEST

static void fill(TCase *tc)
{
	tcase_add_test(tc, failure_reports_are_bounded);
	tcase_add_test(tc, exit_statuses_have_an_order);
	tcase_add_test(tc, each_kind_of_error_has_one_status);
	tcase_add_test(tc, errors_without_a_kind_have_one_by_their_code);
	tcase_add_test(tc, full_output_is_counted);
	tcase_add_test(tc, output_without_reader_is_lost);
	tcase_add_test(tc, slow_reader_gets_everything);
	tcase_add_test(tc, text_that_failed_is_lost);
}

int main(void)
{
	return t_main("cli", fill);
}
