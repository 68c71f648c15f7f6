/* SPDX-License-Identifier: GPL-2.0-only */
/* metrics.c -- see metrics.h. */
#include <errno.h>
#include <math.h>
#include <regex.h>
#include <stdlib.h>
#include <string.h>

#include "base/json_numbers.h"
#include "guest/payload/metrics.h"

#define LINE_BYTES_MAX ((size_t)64 << 10) /* longer lines are not searched for metrics */

bool payload_add_metric(struct payload *p, const char *name, double value)
{
	if (p->metrics == PAYLOAD_METRICS_MAX)
		return false;
	if ((p->metrics & (p->metrics - 1)) == 0) {
		struct ktstr_metric *more = realloc(p->metric, MAX_OF(p->metrics * 2, 1u) * sizeof(*more));
		if (!more)
			return false;
		p->metric = more;
	}
	char *copy = strdup(name);
	if (!copy)
		return false;
	p->metric[p->metrics++] = (struct ktstr_metric){ .name = copy, .value = value };
	return true;
}

static bool add_number(void *arg, const char *name, double value)
{
	return payload_add_metric(arg, name, value);
}

const struct ktstr_metric *payload_find_metric(const struct payload *p, const char *name)
{
	for (unsigned i = 0; i < p->metrics; i++)
		if (!strcmp(p->metric[i].name, name))
			return &p->metric[i];
	return NULL;
}

bool payload_metric_is_unique(const struct payload *p, const struct ktstr_metric *m)
{
	unsigned same = 0;
	for (unsigned i = 0; i < p->metrics; i++)
		same += !strcmp(p->metric[i].name, m->name);
	return same <= 1;
}

int payload_read_json(struct payload *p)
{
	const struct buf *out = &p->text[PAYLOAD_STDOUT], *other = &p->text[PAYLOAD_STDERR];
	p->stream = WIRE_METRIC_STDOUT;
	int r = json_numbers(buf_str(out), out->len, add_number, p, &p->truncated);
	if (r >= 0 || r == -ENOTUNIQ)
		return MIN_OF(r, 0);
	int s = json_numbers(buf_str(other), other->len, add_number, p, &p->truncated);
	if (s >= 0)
		p->stream = WIRE_METRIC_STDERR;
	return s >= 0 ? 0 : r == -EBADMSG && s != -ENOTUNIQ ? r : s;
}

/* Returns 1 with the number, 0 if the line does not match, -EINVAL if it matches but not with a number. */
static int match_line(const regex_t *re, const char *line, size_t len, double *ret)
{
	regmatch_t m[2] = { { .rm_so = 0, .rm_eo = (regoff_t)len } };
	char number[64], *end;
	if (regexec(re, line, ARRAY_SIZE(m), m, REG_STARTEND) != 0)
		return 0;
	size_t digits = m[1].rm_so < 0 ? 0 : (size_t)(m[1].rm_eo - m[1].rm_so);
	if (!digits || digits >= sizeof(number))
		return -EINVAL;
	memcpy(number, line + m[1].rm_so, digits);
	number[digits] = '\0';
	*ret = strtod(number, &end);
	return end[strspn(end, " \t")] == '\0' && isfinite(*ret) ? 1 : -EINVAL;
}

/* Like match_line(), for the first line that matches. Matching line by line bounds the cost of a pattern. */
static int match_text(const regex_t *re, const struct buf *text, double *ret)
{
	int r = 0;
	for (size_t at = 0; r == 0 && at < text->len;) {
		const char *line = text->data + at, *newline = memchr(line, '\n', text->len - at);
		size_t len = newline ? (size_t)(newline - line) : text->len - at;
		size_t shown = len && line[len - 1] == '\r' ? len - 1 : len;
		r = shown > LINE_BYTES_MAX ? 0 : match_line(re, line, shown, ret);
		at += len + 1;
	}
	return r;
}

/* Returns the number of metrics found in a stream. @bad: the name of a metric whose match is not a number. */
static unsigned read_patterns(struct payload *p, enum payload_stream stream, const char **bad)
{
	unsigned found = 0;
	for (const struct ktstr_metric_hint *h = p->decl->metrics; h && h->name; h++) {
		regex_t re;
		double value;
		if (!h->pattern || regcomp(&re, h->pattern, REG_EXTENDED) != 0)
			continue;
		int r = match_text(&re, &p->text[stream], &value);
		regfree(&re);
		if (r > 0)
			found += payload_add_metric(p, h->name, value);
		else if (r < 0 && !*bad)
			*bad = h->name;
	}
	return found;
}

int payload_read_text(struct payload *p, const char **bad)
{
	p->stream = WIRE_METRIC_STDOUT;
	if (read_patterns(p, PAYLOAD_STDOUT, bad) || *bad)
		return 0;
	p->stream = WIRE_METRIC_STDERR;
	return read_patterns(p, PAYLOAD_STDERR, bad) || *bad ? 0 : -ENOENT;
}

void payload_free_metrics(struct payload *p)
{
	for (unsigned k = 0; k < p->metrics; k++)
		free((char *)p->metric[k].name);
	free(p->metric);
}
