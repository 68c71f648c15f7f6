/* SPDX-License-Identifier: GPL-2.0-only */
/* perturb.c -- see perturb.h. */
#include "run/perturb.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/hash.h"
#include "base/parse.h"

/* --- functions ---------------------------------------------------------------------------------------------------- */

static const char *const functions[] = {
	/* Tasks: wake-up, start on a CPU, move between CPUs and queues of the core. */
	"try_to_wake_up",
	"set_task_cpu",
	"activate_task",
	"__switch_to",
	/* sched_ext: into and out of queues. */
	"do_enqueue_task",
	"dispatch_enqueue",
	"consume_dispatch_q",
	"dequeue_task_scx",
	/* What schedulers call: queues, CPUs, and data that CPUs share. */
	"scx_bpf_dispatch",
	"scx_bpf_dispatch_vtime",
	"scx_bpf_dsq_insert",
	"scx_bpf_dsq_insert_vtime",
	"scx_bpf_consume",
	"scx_bpf_dsq_move_to_local",
	"scx_bpf_kick_cpu",
	"scx_bpf_test_and_clear_cpu_idle",
	"bpf_rbtree_add_impl",
	"bpf_rbtree_remove",
	"bpf_spin_lock",
	"bpf_spin_unlock",
	"bpf_kptr_xchg",
	"bpf_map_lookup_elem",
};

_Static_assert(ARRAY_SIZE(functions) <= PERTURB_HOOKS_MAX, "a hook for each");

unsigned perturb_hooks(const struct symbols *symbols, struct observe_hook out[PERTURB_HOOKS_MAX])
{
	unsigned count = 0;
	for (uint32_t i = 0; i < ARRAY_SIZE(functions); i++) {
		uint64_t address = symbols_find(symbols, functions[i]);
		if (address)
			out[count++] = (struct observe_hook){ .address = address,
							      .id = PERTURB_FIRST_HOOK + i,
							      .kind = OBSERVE_HOLD };
	}
	return count;
}

const char *perturb_function(uint32_t hook)
{
	uint32_t i = hook - PERTURB_FIRST_HOOK;
	return i < ARRAY_SIZE(functions) ? functions[i] : NULL;
}

/* --- as text ------------------------------------------------------------------------------------------------------ */

static bool read_hold(const char *value, struct observe_perturb *p)
{
	nsec_t ns;
	if (parse_duration(value, &ns) < 0 || ns < 1 || ns > OBSERVE_HOLD_NS_MAX)
		return false;
	p->hold_ns = (uint32_t)ns;
	return true;
}

static bool read_part(const char *part, struct observe_perturb *p)
{
	const char *value = strchr(part, '=');
	if (!value)
		return parse_u64(part, &p->seed) == 0;
	size_t len = (size_t)(value++ - part);
	if (len == 4 && !strncmp(part, "seed", len))
		return parse_u64(value, &p->seed) == 0;
	if (len == 6 && !strncmp(part, "one-in", len))
		return parse_u32_range(value, 1, UINT32_MAX, &p->one_in) == 0;
	return len == 4 && !strncmp(part, "hold", len) && read_hold(value, p);
}

int perturb_parse(const char *text, struct observe_perturb *ret, struct err **err)
{
	struct observe_perturb p = { .one_in = PERTURB_ONE_IN, .hold_ns = PERTURB_HOLD_NS };
	_cleanup_free_ char *copy = strdup(text);
	char *rest = copy, *part;
	if (!copy)
		return FAIL_SYS(err, -ENOMEM, "read '%s'", text);
	while ((part = strsep(&rest, ","))) {
		if (!read_part(part, &p))
			return FAIL(err, ERR_USAGE, -EINVAL,
				    "'%s' is not valid in a perturbation, which has the form "
				    "seed=7,one-in=3,hold=500us (a hold is 1ns to %ums)",
				    part, OBSERVE_HOLD_NS_MAX / 1000000);
	}
	*ret = p;
	return 0;
}

/* Not of the structs, which have padding. */
static uint32_t sum_points(const struct observe_perturb *p)
{
	uint32_t sum = 0;
	for (unsigned i = 0; i < p->point_count; i++) {
		const uint64_t one[] = { p->points[i].hit, p->points[i].hold_ns };
		sum = crc32_update(sum, one, sizeof(one));
	}
	return sum;
}

const char *perturb_format(const struct observe_perturb *p, char out[PERTURB_TEXT_MAX])
{
	if (p->points)
		snprintf(out, PERTURB_TEXT_MAX, "points=%u,sum=%08x", p->point_count, sum_points(p));
	else
		snprintf(out, PERTURB_TEXT_MAX, "seed=%lu,one-in=%u,hold=%uns", p->seed, p->one_in, p->hold_ns);
	return out;
}

bool perturb_on(const struct observe_perturb *p)
{
	return p->one_in || p->points;
}
