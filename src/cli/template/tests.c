/* Tests of a scheduler. Each boots in a virtual machine of its own; 'make check' runs them. */
#include <ktstr/ktstr.h>

/*
 * The scheduler under test: the kernel tree's own scx_simple. To test yours, put its program beside this test's, or set
 * a path: .binary = "../build/scx_mine". A test without a scheduler tests the kernel's own (EEVDF).
 */
KTSTR_SCHEDULER(simple, .binary = "scx_simple");

/* Two groups that want the CPU at the same time, one all the time and one in bursts. Neither may starve. */
KTSTR_TEST(two_groups, .scheduler = &simple, .cores = 2, .duration_s = 2)
{
	return ktstr_run_cgroups(t, KTSTR_CGROUPS({ .name = "steady", .workers = 2 },
						  { .name = "bursty",
						    .workers = 2,
						    .work = KTSTR_WORK(BURSTY, .burst_ms = 20, .sleep_ms = 30) }));
}
