/* SPDX-License-Identifier: GPL-2.0-only */
/* schedules.c -- see schedules.h. */
#include "run/schedules.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/time.h"
#include "run/perturb.h"

bool schedules_apply(const struct plan_case *c)
{
	return !c->test->host_only && !c->skip && !c->problem;
}

int schedule_set(struct plan_case *c, const struct observe_perturb *p)
{
	_cleanup_buf_ struct buf name = BUF_NULL;
	c->variant ^= perturb_hash(&c->perturb);
	c->perturb = *p;
	if (p->depth && !p->span_ns)
		c->perturb.span_ns = (uint64_t)c->test->duration + NSEC_PER_SEC;
	c->variant ^= perturb_hash(&c->perturb);
	buf_appendf(&name, "%s@%lu", c->name, p->seed);
	for (uint32_t i = 0; i < p->branches; i++)
		buf_appendf(&name, "+%lu:%lu", p->branch[i].hit, p->branch[i].seed);
	if (name.failed)
		return -ENOMEM;
	free(c->name);
	c->name = buf_steal(&name);
	return 0;
}

static char *copy_text(const char *text, bool *failed)
{
	char *copy = text ? strdup(text) : NULL;
	*failed |= text && !copy;
	return copy;
}

/* A copy that owns its strings. False: out of memory; it can be freed. */
static bool copy_case(const struct plan_case *from, struct plan_case *to)
{
	bool failed = false;
	*to = *from;
	to->name = copy_text(from->name, &failed);
	to->short_name = copy_text(from->short_name, &failed);
	to->scheduler_path = copy_text(from->scheduler_path, &failed);
	to->skip = copy_text(from->skip, &failed);
	to->problem = copy_text(from->problem, &failed);
	return !failed;
}

static unsigned schedules_of(const struct schedules_request *q, const struct plan_case *c)
{
	return schedules_apply(c) ? q->count : !q->only_perturbed;
}

static int add_schedule(const struct schedules_request *q, size_t index, struct plan *p, size_t *of)
{
	struct plan_case *c = &p->item[p->count];
	struct observe_perturb how = { 0 };
	of[p->count++] = index;
	if (!copy_case(&q->base->item[index], c))
		return -ENOMEM;
	if (!schedules_apply(c))
		return 0;
	q->choose(q->data, index, &how);
	return schedule_set(c, &how);
}

/* The tests take turns, so that a campaign that ends early has as many schedules of each. */
static int add_all(const struct schedules_request *q, struct plan *p, size_t *of)
{
	int r = 0;
	for (unsigned number = 0; number < MAX_OF(q->count, 1u); number++)
		for (size_t i = 0; i < q->base->count && r == 0; i++)
			if (number < schedules_of(q, &q->base->item[i]))
				r = add_schedule(q, i, p, of);
	return r;
}

int schedules_plan(const struct schedules_request *q, struct plan *ret, size_t **ret_of, struct err **err)
{
	size_t count = 0;
	for (size_t i = 0; i < q->base->count; i++)
		count += schedules_of(q, &q->base->item[i]);
	*ret = (struct plan){ .item = calloc(count + 1, sizeof(*ret->item)) };
	*ret_of = calloc(count + 1, sizeof(**ret_of));
	int r = ret->item && *ret_of ? add_all(q, ret, *ret_of) : -ENOMEM;
	if (r == 0)
		return 0;
	plan_done(ret);
	free(*ret_of);
	*ret_of = NULL;
	return FAIL_SYS(err, r, "plan the schedules");
}
