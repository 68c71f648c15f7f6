/* SPDX-License-Identifier: GPL-2.0-only */
/* attributes.c -- tests whose attributes change what happens; tests/vm/attributes.py says what must come of each. */
#include <ktstr/ktstr.h>

KTSTR_TEST(known_fails,
	   .known_fail = KTSTR_KNOWN_FAIL({ .kernel = "99.1", .reason = "not here" },
					  { .kernel = "5.0..99", .scheduler = "eevdf", .reason = "broken" }))
{
	ktstr_expect(t, false, "it is broken");
	return KTSTR_PASS;
}

KTSTR_TEST(known_passes, .known_fail = KTSTR_KNOWN_FAIL({ .reason = "it was broken" }))
{
	return KTSTR_PASS;
}

KTSTR_TEST(known_passes_now_and_then, .known_fail = KTSTR_KNOWN_FAIL({ .reason = "it is luck", .flaky = true }))
{
	return KTSTR_PASS;
}
