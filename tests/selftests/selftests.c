/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * selftests.c -- the kernel's own tools/testing/selftests/sched_ext: each test in its own guest, with its own verdict.
 * 'ktstr kernel build --selftests' builds their runner with a kernel. The runner always exits with 0, and -t also
 * selects tests whose names contain its argument: only the line of exactly this test counts.
 */
#include <ktstr/ktstr.h>

#define SELFTEST(id)                                                                                             \
	KTSTR_PAYLOAD(scx_##id, .binary = "runner", .kit = "selftests/sched_ext", .args = KTSTR_ARGS("-t", #id), \
		      .output = KTSTR_OUTPUT_TAP, .tap_test = #id, .timeout_ms = 60000);                         \
	KTSTR_TEST(scx_##id, .payload = &scx_##id, .llcs = 1, .cores = 2, .duration_s = 10)                      \
	{                                                                                                        \
		return KTSTR_RUN_PAYLOAD(t, &scx_##id);                                                          \
	}

SELFTEST(create_dsq)
SELFTEST(enq_last_no_enq_fails)
SELFTEST(enq_select_cpu_fails)
SELFTEST(ddsp_bogus_dsq_fail)
SELFTEST(ddsp_vtimelocal_fail)
SELFTEST(dsp_local_on)
SELFTEST(exit)
SELFTEST(hotplug)
SELFTEST(init_enable_count)
SELFTEST(maximal)
SELFTEST(maybe_null)
SELFTEST(minimal)
SELFTEST(prog_run)
SELFTEST(reload_loop)
SELFTEST(select_cpu_dfl)
SELFTEST(select_cpu_dfl_nodispatch)
SELFTEST(select_cpu_dispatch)
SELFTEST(select_cpu_dispatch_bad_dsq)
SELFTEST(select_cpu_dispatch_dbl_dsp)
SELFTEST(select_cpu_vtime)
SELFTEST(example)
