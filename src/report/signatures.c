/* SPDX-License-Identifier: GPL-2.0-only */
/* signatures.c -- see signatures.h. */
#include "report/signatures.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"

#define Z_95 1.959964

struct group {
	const struct closing_item *first;
	size_t test_len; /* of the name without the schedule's seed */
	char signature[SIGNATURE_MAX];
	unsigned count, varied; /* in schedules with a seed of their own; in variations */
};

struct groups {
	struct group *item;
	size_t count;
};

/* --- what a failure is called ------------------------------------------------------------------------------------- */

/* Skips "(...)" with what is nested in it, and the space before; an open one goes to the end. */
static const char *skip_parentheses(const char *at)
{
	unsigned depth = 0;
	for (; *at && *at != '\n'; at++) {
		depth += *at == '(';
		if (*at == ')' && --depth == 0)
			return at + 1;
	}
	return at;
}

static const char *skip_number(const char *at)
{
	bool hex = at[0] == '0' && at[1] == 'x';
	at += hex ? 2 : 0;
	while (hex ? isxdigit((unsigned char)*at) : isdigit((unsigned char)*at) || *at == '.')
		at++;
	return at;
}

/* " ns", " us", " ms": the same failure may take microseconds in one run and milliseconds in another. */
static bool is_part_of_second(const char *at)
{
	return at[0] == ' ' && at[1] && strchr("num", at[1]) && at[2] == 's' && !isalnum((unsigned char)at[3]);
}

const char *signature_of(const char *cause, char out[SIGNATURE_MAX])
{
	char text[4 * SIGNATURE_MAX];
	size_t n = 0;
	for (const char *at = cause; *at && *at != '\n' && n + 1 < sizeof(text);) {
		if (*at == '(') {
			n -= n && text[n - 1] == ' ';
			at = skip_parentheses(at);
		} else if (isdigit((unsigned char)*at)) {
			text[n++] = 'N';
			at = skip_number(at);
			if (is_part_of_second(at)) {
				text[n++] = ' ';
				at += 2;
			}
		} else {
			text[n++] = *at++;
		}
	}
	text_copy_line(out, SIGNATURE_MAX, text, n);
	return out;
}

void rate_interval(unsigned k, unsigned n, double *low, double *high)
{
	double p = (double)k / n, z2 = Z_95 * Z_95, scale = 1 + z2 / n;
	double middle = (p + z2 / (2 * n)) / scale;
	double half = Z_95 / scale * sqrt(p * (1 - p) / n + z2 / (4.0 * n * n));
	*low = k ? fmax(middle - half, 0) : 0;
	*high = k ? fmin(middle + half, 1) : fmin(3.0 / n, 1);
}

/* --- groups ------------------------------------------------------------------------------------------------------- */

static bool belongs(const struct group *g, const struct closing_item *i, size_t test_len, const char *signature)
{
	return g->first->kind.verdict == i->kind.verdict && g->test_len == test_len &&
	       !strncmp(g->first->name, i->name, test_len) && !strcmp(g->signature, signature);
}

static void add(struct groups *g, const struct closing_item *i)
{
	bool varied = closing_is_varied(i->name);
	struct group new = { .first = i, .test_len = closing_test_len(i->name), .count = !varied, .varied = varied };
	signature_of(i->cause ? i->cause : "", new.signature);
	for (size_t k = 0; k < g->count; k++) {
		if (belongs(&g->item[k], i, new.test_len, new.signature)) {
			g->item[k].count += new.count;
			g->item[k].varied += new.varied;
			return;
		}
	}
	g->item[g->count++] = new;
}

static int more_frequent(const void *a, const void *b)
{
	const struct group *x = a, *y = b;
	unsigned of_x = x->count + x->varied, of_y = y->count + y->varied;
	return (of_x < of_y) - (of_x > of_y);
}

/* The caller frees `item`; NULL: out of memory, or there is nothing. */
static struct groups find_groups(const struct closing *c)
{
	struct groups g = { .item = c->count ? calloc(c->count, sizeof(*g.item)) : NULL };
	if (!g.item)
		return g;
	for (size_t i = 0; i < c->count; i++)
		add(&g, &c->item[i]);
	qsort(g.item, g.count, sizeof(*g.item), more_frequent);
	return g;
}

/* At least as many as failed: counting them may lack memory. */
static unsigned schedules_of(const struct closing *c, const struct group *g)
{
	const struct closing_test *t = closing_test(c, g->first->name);
	return MAX_OF(t ? t->ended : 0, g->count);
}

static unsigned variations_of(const struct closing *c, const struct group *g)
{
	const struct closing_test *t = closing_test(c, g->first->name);
	return MAX_OF(t ? t->varied : 0, g->varied);
}

/* Variations are not independent of each other, so they have no part in a rate. */
static void put_group(const struct closing *c, const struct group *g, const struct term *t, struct buf *out)
{
	double low, high;
	unsigned schedules = schedules_of(c, g), variations = variations_of(c, g);
	event_word(g->first->kind, t, out);
	buf_appendf(out, "%.*s: %u of %u schedule%s", (int)g->test_len, g->first->name, g->count, schedules,
		    plural(schedules));
	if (schedules) {
		rate_interval(g->count, schedules, &low, &high);
		buf_appendf(out, " (95 %% interval: %.1f to %.1f %%)", 100 * low, 100 * high);
	}
	if (variations)
		buf_appendf(out, ", %u of %u variation%s", g->varied, variations, plural(variations));
	buf_puts(out, "\n");
	if (g->first->cause)
		text_append_wrapped(out, g->first->cause, t->tty ? t->columns : 0, EVENT_INDENT);
	buf_appendf(out, "%*s%ssignature:%s %s\n", (int)EVENT_INDENT, "", term_style(t, TERM_DIM), term_plain(t),
		    g->signature);
	buf_appendf(out, "%*s%sfirst replay:%s %s\n", (int)EVENT_INDENT, "", term_style(t, TERM_DIM), term_plain(t),
		    g->first->replay);
}

/* Of the test of which the fewest have run; 0: none of any has. */
static unsigned fewest_schedules(const struct closing *c)
{
	unsigned fewest = c->tests ? c->test[0].ended : 0;
	for (size_t i = 1; i < c->tests; i++)
		fewest = MIN_OF(fewest, c->test[i].ended);
	return fewest;
}

void signatures_render(const struct closing *c, const struct term *t, struct buf *out)
{
	struct groups g = find_groups(c);
	double low, high;
	if (c->count)
		buf_appendf(out, "\n%sfailures, by signature:%s\n", term_style(t, TERM_NAME), term_plain(t));
	for (size_t i = 0; i < g.count; i++)
		put_group(c, &g.item[i], t, out);
	if (c->lost)
		buf_appendf(out, "  ... and %zu more; see the results\n", c->lost);
	unsigned schedules = fewest_schedules(c);
	if (schedules)
		rate_interval(0, schedules, &low, &high);
	if (!c->count && schedules)
		buf_appendf(out,
			    "no failure in %u schedules of each test: at 95 %% confidence, the rate is below %.3g %%\n",
			    schedules, 100 * high);
	free(g.item);
}

json_t *signatures_json(const struct closing *c)
{
	struct groups g = find_groups(c);
	json_t *list = json_array();
	for (size_t i = 0; i < g.count; i++) {
		double low = 0, high = 1;
		unsigned schedules = schedules_of(c, &g.item[i]);
		json_t *o = json_object();
		_cleanup_buf_ struct buf test = BUF_NULL;
		if (schedules)
			rate_interval(g.item[i].count, schedules, &low, &high);
		buf_append(&test, g.item[i].first->name, g.item[i].test_len);
		json_put_text(&o, "test", buf_str(&test));
		json_put_text(&o, "signature", g.item[i].signature);
		json_put_text(&o, "cause", g.item[i].first->cause);
		json_put_text(&o, "replay", g.item[i].first->replay);
		json_put_u64(&o, "failed", g.item[i].count);
		json_put_u64(&o, "schedules", schedules);
		json_put_u64(&o, "failed_variations", g.item[i].varied);
		json_put_u64(&o, "variations", variations_of(c, &g.item[i]));
		json_put(&o, "rate_low", json_real(low));
		json_put(&o, "rate_high", json_real(high));
		json_add(&list, o);
	}
	free(g.item);
	return list;
}
