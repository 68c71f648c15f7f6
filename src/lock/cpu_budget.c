/* SPDX-License-Identifier: GPL-2.0-only */
/* cpu_budget.c -- how many CPUs a build, or a machine without reserved CPUs, may use; see plan.h. */
#include <stdlib.h>

#include "base/environment.h"
#include "lock/plan.h"

#define BUDGET_PERCENT 30

struct cpu_budget_words cpu_budget_environment(const char *flag)
{
	return (struct cpu_budget_words){
		.flag = flag,
		.cap = environment_get(ENV_CPU_CAP),
		.bypass = environment_get(ENV_BYPASS_LLC_LOCKS),
	};
}

static int parse_cap(const char *name, const char *text, unsigned allowed, unsigned *ret, struct err **err)
{
	uint64_t value;
	if (parse_u64(text, &value) < 0)
		return FAIL(err, ERR_USAGE, -EINVAL, "%s: '%s' is not a valid number", name, text);
	if (!value)
		return FAIL(err, ERR_USAGE, -EINVAL, "%s must be at least 1 CPU (got 0)", name);
	if (value > allowed)
		return FAIL(err, ERR_IMPOSSIBLE, -ERANGE, "%s %lu is more than the %u CPUs this process may use", name,
			    value, allowed);
	*ret = (unsigned)value;
	return 0;
}

unsigned cpu_budget_share(unsigned allowed, unsigned vcpus)
{
	unsigned share = MAX_OF((allowed * BUDGET_PERCENT + 99) / 100, 1);
	return MAX_OF(share, MIN_OF(vcpus, allowed));
}

int cpu_budget_resolve(const struct cpu_budget_words *words, unsigned allowed, unsigned vcpus, struct cpu_budget *ret,
		       struct err **err)
{
	const char *name = words->flag ? "--cpu-cap" : "KTSTR_CPU_CAP";
	const char *said = words->flag ? words->flag : words->cap;
	struct cpu_budget budget = { .cpus = cpu_budget_share(allowed, vcpus),
				     .said = said != NULL,
				     .bypass = words->bypass != NULL };
	if (said && budget.bypass)
		return FAIL(err, ERR_USAGE, -EINVAL,
			    "%s is a resource contract that KTSTR_BYPASS_LLC_LOCKS=1 would break; unset one of them",
			    name);
	int r = said ? parse_cap(name, said, allowed, &budget.cpus, err) : 0;
	if (r == 0)
		*ret = budget;
	return r;
}
