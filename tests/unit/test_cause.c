/* SPDX-License-Identifier: GPL-2.0-only */
/* Causes in logs: the long messages of newer kernels' BPF verifiers. */
#include "base/file.h"
#include "t.h"
#include "verdict/cause.h"

/* The form of Linux 7.3's logs: the error, then the path that led to it, then advice. */
static const char explained_log[] =
	"libbpf: prog 'qmap_dispatch': -- BEGIN PROG LOAD LOG --\n"
	"41: (79) r4 = *(u64 *)(r4 +0)\n"
	"R4 invalid mem access 'scalar'\n"
	"\n"
	"Verification failed: Register Type Safety: Invalid dereference\n"
	"\n"
	"Reason:\n"
	"  R4 is an integer scalar here, not a pointer to memory.\n"
	"\n"
	"At:\n"
	"  qmap_dispatch (scx_qmap.bpf.c:512)\n"
	"  Source context:\n"
	"  >>>   512 | 	next = taskc->next;\n"
	"            | 	       ^-- error: invalid dereference of R4 (an integer scalar)\n"
	"  Instruction context:\n"
	"  >>> 41 | (79) r4 = *(u64 *)(r4 +0)\n"
	"\n"
	"Causal path:\n"
	"  R4 became an integer scalar at insn 40\n"
	"\n"
	"Suggestion:\n"
	"  Preserve a pointer-valued register where needed, or reload and revalidate the pointer after scalar\n"
	"  arithmetic.\n"
	"\n"
	"processed 42 insns (limit 1000000) max_states_per_insn 0 total_states 2 peak_states 2 mark_read 0\n"
	"-- END PROG LOAD LOG --\n";

START_TEST(an_explained_rejection_is_its_problem_and_reason)
{
	struct cause c;
	ck_assert(cause_in_scheduler_log(explained_log, &c));
	ck_assert_str_eq(c.what, "the BPF verifier rejected it");
	ck_assert_str_eq(c.line, "Register Type Safety: Invalid dereference: "
				 "R4 is an integer scalar here, not a pointer to memory.");
	/* Without a reason, the cause is only the problem; the advice at the end is never the cause. */
	ck_assert(cause_in_scheduler_log("-- BEGIN PROG LOAD LOG --\n\nVerification failed: Policy: Not allowed\n\n"
					 "Suggestion:\n  Ask for less.\n\nprocessed 1 insns\n-- END PROG LOAD LOG --\n",
					 &c));
	ck_assert_str_eq(c.line, "Policy: Not allowed");
	/* A log that was cut before its statistics. */
	ck_assert(cause_in_scheduler_log("-- BEGIN PROG LOAD LOG --\nR1 bad\n-- END PROG LOAD LOG --\n", &c));
	ck_assert_str_eq(c.what, "the BPF verifier rejected it");
}
END_TEST

START_TEST(the_first_line_that_reads_like_an_error_is_the_cause)
{
	static const char *const cases[][2] = {
		{ "starting\nError: no such map\nusage: x\n", "Error: no such map" },
		{ "starting\nfailed to open\nerror: giving up", "failed to open" },
		{ "starting\nbye\n\n", "bye" },
		{ "", "" },
		{ "\n\n", "" },
	};
	char line[64];
	cause_error_line(cases[_i][0], line, sizeof(line));
	ck_assert_str_eq(line, cases[_i][1]);
}
END_TEST

/* The output of tests/fixtures/scx_misbehave on Linux 7.3.4, which rejected its program. */
START_TEST(a_log_of_linux_7_3_shows_the_error)
{
	_cleanup_buf_ struct buf log = BUF_NULL;
	struct cause c;
	t_ok(file_read(TESTS_DIR "/golden/verifier-7.3.log", 1 << 16, &log, NULL));
	ck_assert(cause_in_scheduler_log(buf_str(&log), &c));
	ck_assert_str_eq(c.what, "the BPF verifier rejected it");
	ck_assert_str_eq(c.line, "Register Type Safety: Invalid dereference: "
				 "R0 may be NULL here (a nullable map value pointer).");
}
END_TEST

START_TEST(a_reason_is_its_first_sentence)
{
	struct cause c;
	/* Lines are joined; a reason that does not end is cut where the section ends. */
	ck_assert(
		cause_in_scheduler_log("-- BEGIN PROG LOAD LOG --\nVerification failed: A: B\n\nReason:\n  One reason\n"
				       "  in two lines. Another.\n\nAt:\n  x\n-- END PROG LOAD LOG --\n",
				       &c));
	ck_assert_str_eq(c.line, "A: B: One reason in two lines.");
	ck_assert(cause_in_scheduler_log("-- BEGIN PROG LOAD LOG --\nVerification failed: A: B\n\nReason:\n  No end\n\n"
					 "At:\n  x.\n-- END PROG LOAD LOG --\n",
					 &c));
	ck_assert_str_eq(c.line, "A: B: No end");
}
END_TEST

/* The kernel's dump comes before the scheduler's own last line, and has the reason on a line of its own. */
START_TEST(how_sched_ext_ended_is_one_line)
{
	struct cause c;
	ck_assert(cause_in_scheduler_log("DEBUG DUMP\n\nscx_ops_enable_[53] triggered exit kind 1025:\n"
					 "  scx_bpf_error (init from non-central CPU)\n\nBacktrace:\n  f+0x1/0x2\n\n"
					 "EXIT: scx_bpf_error (init from non-central CPU)\n",
					 &c));
	ck_assert_str_eq(c.what, "sched_ext ended the scheduler");
	ck_assert_str_eq(c.line, "EXIT: scx_bpf_error (init from non-central CPU)");
}
END_TEST

static void fill(TCase *tc)
{
	tcase_add_loop_test(tc, the_first_line_that_reads_like_an_error_is_the_cause, 0, 5);
	tcase_add_test(tc, a_log_of_linux_7_3_shows_the_error);
	tcase_add_test(tc, a_reason_is_its_first_sentence);
	tcase_add_test(tc, how_sched_ext_ended_is_one_line);
	tcase_add_test(tc, an_explained_rejection_is_its_problem_and_reason);
}

int main(void)
{
	return t_main("cause", fill);
}
