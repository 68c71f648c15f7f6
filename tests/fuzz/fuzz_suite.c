/* SPDX-License-Identifier: GPL-2.0-only */
/* The list that a test binary prints of its tests, and the plan made from it. */
#include "fuzz.h"
#include "run/plan.h"
#include "run/suite.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct suite s;
	struct plan plan;
	if (suite_parse("/x", (const char *)data, size, &s, NULL) < 0)
		return 0;
	struct plan_request q = { .suites = &s, .suite_count = 1 };
	if (plan_make(&q, &plan, NULL) == 0)
		plan_done(&plan);
	suite_done(&s);
	return 0;
}
