/* SPDX-License-Identifier: GPL-2.0-only */
/* payload_judge.c -- parses a payload's output, applies its checks and sends its records. */
#include <math.h>
#include <regex.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "base/text.h"
#include "guest/payload/payload.h"

#define TAIL_BYTES     2048		  /* of a stream, shown when a run fails */
#define LINE_BYTES_MAX ((size_t)64 << 10) /* longer lines are not searched for metrics */

/* --- declarations ------------------------------------------------------------------------------------------------- */

static const char *check_problem(const struct ktstr_payload *p, const struct ktstr_payload_check *c)
{
	if (c->kind > KTSTR_PAYLOAD_CHECK_MAX)
		return "it has an unknown check";
	if (c->kind == KTSTR_CHECK_EXIT_CODE)
		return c->code > 255 ? "its exit code is checked for more than 255" : NULL;
	if (!c->metric || !*c->metric)
		return "a check names no metric";
	if (p->output == KTSTR_OUTPUT_EXIT_CODE && strcmp(c->metric, KTSTR_WALL_TIME))
		return "checks of metrics need its output to be JSON, TAP or TEXT";
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
	if (h->pattern && strlen(h->name) >= LEAF_PATH_MAX)
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

/* --- metrics ------------------------------------------------------------------------------------------------------ */

static bool add_metric(void *arg, const char *name, double value)
{
	struct payload *p = arg;
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

static const struct ktstr_metric *find_metric(const struct payload *p, const char *name)
{
	for (unsigned i = 0; i < p->metrics; i++)
		if (!strcmp(p->metric[i].name, name))
			return &p->metric[i];
	return NULL;
}

/* Standard error is used only if standard output has no metrics. */
static int read_json(struct payload *p)
{
	const struct buf *out = &p->text[PAYLOAD_STDOUT], *other = &p->text[PAYLOAD_STDERR];
	p->stream = WIRE_METRIC_STDOUT;
	int r = json_numbers(buf_str(out), out->len, add_metric, p, &p->truncated);
	if (r >= 0)
		return 0;
	int s = json_numbers(buf_str(other), other->len, add_metric, p, &p->truncated);
	if (s >= 0)
		p->stream = WIRE_METRIC_STDERR;
	return s >= 0 ? 0 : r == -EBADMSG ? r : s;
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
			found += add_metric(p, h->name, value);
		else if (r < 0 && !*bad)
			*bad = h->name;
	}
	return found;
}

/* Like read_json(): standard error is used only if standard output has no metrics. */
static int read_text(struct payload *p, const char **bad)
{
	p->stream = WIRE_METRIC_STDOUT;
	if (read_patterns(p, PAYLOAD_STDOUT, bad) || *bad)
		return 0;
	p->stream = WIRE_METRIC_STDERR;
	return read_patterns(p, PAYLOAD_STDERR, bad) || *bad ? 0 : -ENOENT;
}

/* --- the verdict -------------------------------------------------------------------------------------------------- */

static int rank(enum ktstr_verdict v)
{
	static const int ranks[] = { [KTSTR_PASS] = 0, [KTSTR_SKIP] = 1, [KTSTR_INCONCLUSIVE] = 2, [KTSTR_FAIL] = 3 };
	return ranks[v];
}

static void find(struct payload *p, enum ktstr_verdict v, struct buf *why, const char *fmt, ...) PRINTF_LIKE(4, 5);
static void find(struct payload *p, enum ktstr_verdict v, struct buf *why, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	buf_appendf(why, "payload '%s' ", p->decl->name);
	buf_vappendf(why, fmt, ap);
	buf_puts(why, "\n");
	va_end(ap);
	p->verdict = rank(v) > rank(p->verdict) ? v : p->verdict;
}

/*
 * Judges the end of the process. False if the process failed to start or ended abnormally; other checks are then
 * skipped.
 */
static bool weigh_end(struct payload *p, struct buf *why)
{
	char text[TIME_TEXT_MAX];
	if (p->start_error)
		find(p, KTSTR_FAIL, why, "could not be started: '/include-files/%s': %s",
		     strrchr(p->decl->binary, '/') ? strrchr(p->decl->binary, '/') + 1 : p->decl->binary,
		     strerror(-p->start_error));
	else if (p->flooded)
		find(p, KTSTR_FAIL, why, "printed more than %zu MiB and was killed", PAYLOAD_OUTPUT_MAX >> 20);
	else if (p->timed_out)
		find(p, KTSTR_FAIL, why, "did not end within %s and was killed",
		     nsec_format(p->ended - p->started, text));
	else if (!p->killed && WIFSIGNALED(p->status))
		find(p, KTSTR_FAIL, why, "was killed by SIG%s", sigabbrev_np(WTERMSIG(p->status)) ?: "?");
	else
		return true;
	return false;
}

static void weigh_exit(struct payload *p, struct buf *why)
{
	const struct ktstr_payload_check *const lists[] = { p->decl->checks, p->more_checks };
	unsigned wanted = 0, status = (unsigned)WEXITSTATUS(p->status);
	for (size_t k = 0; k < ARRAY_SIZE(lists); k++)
		for (const struct ktstr_payload_check *c = lists[k]; c && c->kind != KTSTR_PAYLOAD_CHECK_MAX; c++)
			if (c->kind == KTSTR_CHECK_EXIT_CODE)
				wanted = c->code;
	if (!p->killed && status != wanted)
		find(p, KTSTR_FAIL, why, "exited with status %u, not %u", status, wanted);
	if (p->stragglers && !p->killed)
		find(p, KTSTR_FAIL, why, "left %u process%s behind, which had to be killed", p->stragglers,
		     p->stragglers == 1 ? "" : "es");
}

static void weigh_check(struct payload *p, const struct ktstr_payload_check *c, struct buf *why)
{
	const struct ktstr_metric wall = { KTSTR_WALL_TIME, (double)(p->ended - p->started) };
	const struct ktstr_metric *m = find_metric(p, c->metric);
	if (!m && !strcmp(c->metric, wall.name))
		m = &wall;
	if (!m)
		find(p, p->killed ? KTSTR_INCONCLUSIVE : KTSTR_FAIL, why, "metric '%s' not found%s", c->metric,
		     p->killed ? " in what it printed until it was ended" : "");
	else if (c->kind == KTSTR_CHECK_MIN && m->value < c->low)
		find(p, KTSTR_FAIL, why, "metric '%s' is %g, less than %g", c->metric, m->value, c->low);
	else if (c->kind == KTSTR_CHECK_MAX && m->value > c->high)
		find(p, KTSTR_FAIL, why, "metric '%s' is %g, more than %g", c->metric, m->value, c->high);
	else if (c->kind == KTSTR_CHECK_RANGE && (m->value < c->low || m->value > c->high))
		find(p, KTSTR_FAIL, why, "metric '%s' is %g, not in %g..%g", c->metric, m->value, c->low, c->high);
}

static void weigh_checks(struct payload *p, const struct ktstr_payload_check *list, struct buf *why)
{
	for (const struct ktstr_payload_check *c = list; c && c->kind != KTSTR_PAYLOAD_CHECK_MAX; c++)
		if (c->kind != KTSTR_CHECK_EXIT_CODE)
			weigh_check(p, c, why);
}

static void weigh_tap(struct payload *p, struct buf *why)
{
	const struct buf *out = &p->text[p->text[PAYLOAD_STDOUT].len ? PAYLOAD_STDOUT : PAYLOAD_STDERR];
	const char *wanted = p->decl->tap_test;
	struct tap_count c;
	tap_read(buf_str(out), out->len, wanted, &c);
	p->stream = WIRE_METRIC_SYNTHESIZED;
	add_metric(p, "passed", c.passed);
	add_metric(p, "failed", c.failed);
	add_metric(p, "skipped", c.skipped);
	if (c.failed)
		find(p, KTSTR_FAIL, why, "says 'not ok %s'", c.said);
	else if (!c.passed && !c.skipped)
		find(p, p->killed ? KTSTR_INCONCLUSIVE : KTSTR_FAIL, why, "gave no result%s%s%s",
		     wanted ? " for '" : "", wanted ? wanted : "", wanted ? "'" : "");
	else if (!c.passed)
		find(p, KTSTR_SKIP, why, "was skipped: %s", c.said);
}

enum ktstr_verdict payload_weigh(struct payload *p, struct buf *why)
{
	int r = 0;
	const char *bad = NULL;
	p->verdict = KTSTR_PASS;
	bool ended_well = weigh_end(p, why);
	if (ended_well)
		weigh_exit(p, why);
	if (p->decl->output == KTSTR_OUTPUT_JSON && !p->start_error)
		r = read_json(p);
	else if (p->decl->output == KTSTR_OUTPUT_TEXT && !p->start_error)
		r = read_text(p, &bad);
	if (!ended_well)
		return p->verdict;
	if (p->decl->output == KTSTR_OUTPUT_TAP)
		weigh_tap(p, why);
	if (bad)
		find(p, KTSTR_FAIL, why, "metric '%s': what its pattern matches is not a number", bad);
	if (r < 0 && !p->killed && p->verdict != KTSTR_FAIL)
		find(p, KTSTR_FAIL, why, "%s",
		     p->decl->output == KTSTR_OUTPUT_TEXT ? "printed no line that one of its patterns matches"
		     : r == -EBADMSG			  ? "printed broken JSON"
							  : "printed no JSON");
	else if (r == 0 || p->killed) {
		weigh_checks(p, p->decl->checks, why);
		weigh_checks(p, p->more_checks, why);
	}
	return p->verdict;
}

/* --- records ------------------------------------------------------------------------------------------------------ */

static enum wire_payload_end end_of(const struct payload *p)
{
	return p->start_error ? WIRE_PAYLOAD_NOT_STARTED
	       : p->flooded   ? WIRE_PAYLOAD_FLOODED
	       : p->timed_out ? WIRE_PAYLOAD_TIMED_OUT
	       : p->killed    ? WIRE_PAYLOAD_KILLED
			      : WIRE_PAYLOAD_EXITED;
}

static void send_metric(struct ktstr_ctx *t, const struct payload *p, const struct ktstr_metric *m)
{
	struct wire_payload_metric wire = { .payload = p->index, .stream = (uint16_t)p->stream, .value = m->value };
	const struct ktstr_metric_hint *h = p->decl->metrics;
	while (h && h->name && strcmp(h->name, m->name))
		h++;
	if (h && h->name) {
		wire.polarity = (uint16_t)h->polarity;
		wire.target = h->target;
		snprintf(wire.unit, sizeof(wire.unit), "%s", h->unit ? h->unit : "");
	}
	snprintf(wire.name, sizeof(wire.name), "%s", m->name);
	channel_send(&t->channel, WIRE_PAYLOAD_METRIC, &wire, sizeof(wire), NULL, 0);
}

static void show_tail(const struct payload *p, enum payload_stream stream, const char *name)
{
	const struct buf *text = &p->text[stream];
	size_t len = MIN_OF(text->len, (size_t)TAIL_BYTES);
	if (!len)
		return;
	printf("--- payload '%s', %s%s ---\n", p->decl->name, len < text->len ? "the end of its " : "", name);
	fwrite(text->data + text->len - len, 1, len, stdout);
	if (text->data[text->len - 1] != '\n')
		putchar('\n');
}

enum ktstr_verdict payload_judge(struct ktstr_ctx *t, struct payload *p)
{
	_cleanup_buf_ struct buf why = BUF_NULL;
	char *save = NULL;
	p->judged = true;
	payload_weigh(p, &why);
	struct wire_payload wire = {
		.index = p->index,
		.metrics = p->metrics,
		.end = end_of(p),
		.verdict = (uint32_t)p->verdict,
		.status = p->start_error ? -p->start_error : p->status,
		.truncated = p->truncated,
		.wall_ns = (uint64_t)(p->ended - p->started),
	};
	snprintf(wire.name, sizeof(wire.name), "%s", p->decl->name);
	snprintf(wire.cgroup, sizeof(wire.cgroup), "%s", p->cgroup);
	channel_send(&t->channel, WIRE_PAYLOAD, &wire, sizeof(wire), NULL, 0);
	for (unsigned i = 0; i < p->metrics; i++)
		send_metric(t, p, &p->metric[i]);
	if (p->verdict == KTSTR_PASS)
		return p->verdict;
	for (char *line = strtok_r(why.data, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
		ctx_detail(t, p->verdict, "%s", line);
	show_tail(p, PAYLOAD_STDOUT, "standard output");
	show_tail(p, PAYLOAD_STDERR, "error output");
	fflush(stdout);
	return p->verdict;
}
