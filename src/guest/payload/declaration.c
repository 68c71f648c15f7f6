/* SPDX-License-Identifier: GPL-2.0-only */
/* declaration.c -- see declaration.h. */
#include <math.h>
#include <regex.h>
#include <string.h>

#include <ktstr/test.h>
#include <ktstr/wire.h>

#include "base/json_numbers.h"
#include "base/text.h"
#include "guest/payload/declaration.h"

#define HINT_BYTES_MAX 1000

static bool is_known(const char *name, const char *const *names, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (!strcmp(names[i], name))
			return true;
	return false;
}

static void want_metric(const char *name, const char **names, size_t *count)
{
	if (!name || !strcmp(name, KTSTR_WALL_TIME) || *count > PAYLOAD_WANTED_MAX || is_known(name, names, *count))
		return;
	names[(*count)++] = name;
}

size_t payload_wanted(const struct ktstr_payload *p, const char **ret)
{
	const char *names[PAYLOAD_WANTED_MAX + 1];
	size_t count = 0;
	for (const struct ktstr_metric_hint *h = p->metrics; h && h->name; h++)
		want_metric(h->name, names, &count);
	for (const struct ktstr_payload_check *c = p->checks; c && c->kind != KTSTR_PAYLOAD_CHECK_MAX; c++)
		if (c->kind != KTSTR_CHECK_EXIT_CODE)
			want_metric(c->metric, names, &count);
	if (ret)
		memcpy(ret, names, MIN_OF(count, (size_t)PAYLOAD_WANTED_MAX) * sizeof(*names));
	return count;
}

const char *payload_call_problem(const struct ktstr_payload_run *run)
{
	const struct ktstr_payload_check *c = run->payload->output == KTSTR_OUTPUT_LLM ? run->checks : NULL;
	for (; c && c->kind != KTSTR_PAYLOAD_CHECK_MAX; c++)
		if (c->kind != KTSTR_CHECK_EXIT_CODE && (!c->metric || strcmp(c->metric, KTSTR_WALL_TIME)))
			return "a language model reads its output after the test, so metrics are checked by its "
			       "declaration "
			       "only, not by a call";
	return NULL;
}

static const char *check_problem(const struct ktstr_payload *p, const struct ktstr_payload_check *c)
{
	if (c->kind > KTSTR_PAYLOAD_CHECK_MAX)
		return "it has an unknown check";
	if (c->kind == KTSTR_CHECK_EXIT_CODE)
		return c->code > 255 ? "its exit code is checked for more than 255" : NULL;
	if (!c->metric || !*c->metric)
		return "a check names no metric";
	if (p->output == KTSTR_OUTPUT_LLM && strlen(c->metric) >= LEAF_PATH_MAX)
		return "a metric's name has more than 191 bytes";
	if (p->output == KTSTR_OUTPUT_EXIT_CODE && strcmp(c->metric, KTSTR_WALL_TIME))
		return "checks of metrics need its output to be JSON, TAP, TEXT or LLM";
	if (!isfinite(c->low) || !isfinite(c->high))
		return "a check's limit is not a number";
	return c->kind == KTSTR_CHECK_RANGE && c->low > c->high ? "a check's range ends before it begins" : NULL;
}

static const char *pattern_problem(const struct ktstr_metric_hint *h)
{
	regex_t re;
	if (regcomp(&re, h->pattern, REG_EXTENDED) != 0)
		return "a metric's pattern is not a valid POSIX extended regular expression";
	size_t groups = re.re_nsub;
	regfree(&re);
	return groups == 1 ? NULL : "a metric's pattern must have exactly one group, which is the number";
}

static const char *hint_problem(const struct ktstr_payload *p, const struct ktstr_metric_hint *h)
{
	bool wall = !strcmp(h->name, KTSTR_WALL_TIME), text = p->output == KTSTR_OUTPUT_TEXT;
	if (text && !wall && !h->pattern)
		return "each metric of TEXT output needs a pattern";
	if (h->pattern && (!text || wall))
		return wall ? "the wall time has no pattern" : "a metric's pattern needs its output to be TEXT";
	if ((h->pattern || p->output == KTSTR_OUTPUT_LLM) && strlen(h->name) >= LEAF_PATH_MAX)
		return "a metric's name has more than 191 bytes";
	if (h->pattern && pattern_problem(h))
		return pattern_problem(h);
	if (h->polarity >= KTSTR_POLARITY_MAX || !isfinite(h->target))
		return "a metric's polarity is unknown, or its target is not a number";
	return h->unit && strlen(h->unit) > 15 ? "a metric's unit has more than 15 bytes" : NULL;
}

const char *payload_problem(const struct ktstr_payload *p)
{
	const char *problem = NULL;
	unsigned args = 0;
	if (!p->name || !*p->name || strlen(p->name) >= WIRE_NAME_MAX)
		return "its name is empty, or has more than 63 bytes";
	if (!text_is_clean(p->name, strlen(p->name), /* line= */ true))
		return "its name is not printable UTF-8";
	if (!p->binary || !*p->binary || p->binary[strlen(p->binary) - 1] == '/')
		return "it names no binary";
	if (p->kit && (!*p->kit || *p->kit == '/' || strstr(p->kit, "..")))
		return "its kit is not a relative path";
	if (p->kit && strchr(p->binary, '/'))
		return "a binary of a kit is a name, not a path";
	if (p->output >= KTSTR_OUTPUT_MAX)
		return "its output is of no known kind";
	if (p->tap_test && p->output != KTSTR_OUTPUT_TAP)
		return "tap_test needs its output to be TAP";
	if (p->llm_hint && p->output != KTSTR_OUTPUT_LLM)
		return "llm_hint needs its output to be LLM";
	if (p->llm_hint && strlen(p->llm_hint) > HINT_BYTES_MAX)
		return "its llm_hint has more than 1000 bytes";
	if (p->output == KTSTR_OUTPUT_LLM && payload_wanted(p, NULL) > PAYLOAD_WANTED_MAX)
		return "more than 64 metrics are asked for";
	while (p->args && p->args[args])
		args++;
	if (args > PAYLOAD_ARGS_MAX)
		return "it has more than 126 arguments";
	for (const struct ktstr_payload_check *c = p->checks; !problem && c && c->kind != KTSTR_PAYLOAD_CHECK_MAX; c++)
		problem = check_problem(p, c);
	for (const struct ktstr_metric_hint *h = p->metrics; !problem && h && h->name; h++)
		problem = hint_problem(p, h);
	if (!problem && p->output == KTSTR_OUTPUT_TEXT && !(p->metrics && p->metrics->name))
		return "TEXT output needs metrics with patterns";
	return problem;
}

bool payload_declared(const struct ktstr_test *test, const struct ktstr_payload *p)
{
	if (p == test->payload)
		return true;
	for (size_t i = 0; test->workloads && test->workloads[i]; i++)
		if (test->workloads[i] == p)
			return true;
	return false;
}
