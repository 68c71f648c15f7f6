/* SPDX-License-Identifier: GPL-2.0-only */
/* checks.c -- the checks of a declaration: validating, inheriting and sending them. */
#include <stdio.h>
#include <string.h>

#include "guest/checks.h"

static bool limit_is_possible(double limit)
{
	return limit == KTSTR_OFF || limit == KTSTR_ZERO || (limit >= 0 && __builtin_isfinite(limit));
}

const char *checks_problem(const struct ktstr_checks *c)
{
#define SWITCH(name)                                   \
	if (c->name < KTSTR_OFF || c->name > KTSTR_ON) \
		return "its check " #name " is neither KTSTR_ON nor KTSTR_OFF";
	KTSTR_SWITCH_CHECKS(SWITCH)
	KTSTR_MONITOR_SWITCH_CHECKS(SWITCH)
#undef SWITCH
#define LIMIT(name)                      \
	if (!limit_is_possible(c->name)) \
		return "its check " #name " is neither a number above 0 nor KTSTR_ZERO nor KTSTR_OFF";
	KTSTR_LIMIT_CHECKS(LIMIT)
	KTSTR_MONITOR_LIMIT_CHECKS(LIMIT)
#undef LIMIT
	return NULL;
}

const char *checks_load_problem(const struct ktstr_checks *c)
{
#define REFUSE(name)      \
	if (c->name != 0) \
		return "its check " #name " is about the whole machine; set it in the test or the scheduler";
	KTSTR_MONITOR_SWITCH_CHECKS(REFUSE)
	KTSTR_MONITOR_LIMIT_CHECKS(REFUSE)
#undef REFUSE
	return checks_problem(c);
}

void checks_inherit(struct ktstr_checks *c, const struct ktstr_checks *from)
{
#define INHERIT(name) c->name = c->name != 0 ? c->name : from->name;
	KTSTR_SWITCH_CHECKS(INHERIT)
	KTSTR_LIMIT_CHECKS(INHERIT)
	KTSTR_MONITOR_SWITCH_CHECKS(INHERIT)
	KTSTR_MONITOR_LIMIT_CHECKS(INHERIT)
#undef INHERIT
}

static void describe_check(const char *who, const char *name, double field, bool is_switch, struct buf *out)
{
	_cleanup_buf_ struct buf line = BUF_NULL;
	if (field == 0)
		return;
	buf_appendf(&line, "%s: %s ", who, name);
	if (field == KTSTR_OFF)
		buf_puts(&line, "off");
	else if (is_switch)
		buf_puts(&line, "true");
	else
		buf_appendf(&line, "%.10g", field > 0 ? field : 0);
	buf_puts(&line, "\n");
	if (!strstr(buf_str(out), buf_str(&line)))
		buf_puts(out, buf_str(&line));
}

void checks_describe(const struct ktstr_checks *c, const char *cgroup, const char *work, struct buf *out)
{
	char who[200];
	snprintf(who, sizeof(who), "cgroup '%s' (%s)", *cgroup ? cgroup : "(host)", work);
#define SWITCH(name) describe_check(who, #name, c->name, true, out);
	KTSTR_SWITCH_CHECKS(SWITCH)
#undef SWITCH
#define LIMIT(name) describe_check(who, #name, c->name, false, out);
	KTSTR_LIMIT_CHECKS(LIMIT)
#undef LIMIT
}

static void send_check(struct channel *channel, uint32_t cgroup, const char *name, double field)
{
	struct wire_check wire = { .cgroup = cgroup, .off = field == KTSTR_OFF, .value = field > 0 ? field : 0 };
	if (field == 0)
		return;
	snprintf(wire.name, sizeof(wire.name), "%s", name);
	channel_send(channel, WIRE_CHECK, &wire, sizeof(wire), NULL, 0);
}

void checks_send(const struct ktstr_checks *c, uint32_t cgroup, struct channel *channel)
{
#define SEND(name) send_check(channel, cgroup, #name, c->name);
	KTSTR_SWITCH_CHECKS(SEND)
	KTSTR_LIMIT_CHECKS(SEND)
#undef SEND
}
