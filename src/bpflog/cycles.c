/* SPDX-License-Identifier: GPL-2.0-only */
/* cycles.c -- see cycles.h. */
#include "bpflog/cycles.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

#define ANCHOR_BYTES_MIN 10 /* shorter lines say too little to be found again */
#define ANCHORS_MIN	 3
#define STRIDES		 3
#define GAPS_MIN	 2

int log_lines_split(const char *text, size_t len, struct log_lines *ret)
{
	size_t room = 1;
	for (size_t i = 0; i < len; i++)
		room += text[i] == '\n';
	*ret = (struct log_lines){ .item = calloc(room, sizeof(*ret->item)) };
	if (!ret->item)
		return -ENOMEM;
	for (const char *p = text, *end = text + len; p < end;) {
		const char *newline = memchr(p, '\n', (size_t)(end - p));
		size_t n = newline ? (size_t)(newline - p) : (size_t)(end - p);
		ret->item[ret->count++] = (struct log_line){ p, n };
		p += n + 1;
	}
	return 0;
}

void log_lines_done(struct log_lines *l)
{
	free(l->item);
	*l = (struct log_lines){ 0 };
}

/* --- normal forms ------------------------------------------------------------------------------------------------- */

static struct log_line trim(struct log_line l)
{
	while (l.len && isspace((unsigned char)*l.text))
		l.text++, l.len--;
	while (l.len && isspace((unsigned char)l.text[l.len - 1]))
		l.len--;
	return l;
}

static bool begins(struct log_line l, size_t at, const char *word)
{
	size_t len = strlen(word);
	return at <= l.len && l.len - at >= len && !memcmp(l.text + at, word, len);
}

static bool digit_at(struct log_line l, size_t at)
{
	return at < l.len && isdigit((unsigned char)l.text[at]);
}

/* "R3=..." or "frame1: R3=..." */
static bool is_state(struct log_line l, size_t at)
{
	return begins(l, at, "frame") || (begins(l, at, "R") && digit_at(l, at + 1));
}

/* Bytes of the address "123:"; 0: there is none. */
static size_t address_len(struct log_line l)
{
	size_t n = 0;
	while (digit_at(l, n))
		n++;
	return n && begins(l, n, ":") ? n + 1 : 0;
}

/* Where the part that is left out begins: "; R3=...", "; frame1: ...", and what follows "goto pc+12". */
static size_t stable_len(struct log_line l)
{
	for (size_t i = 0; i < l.len; i++) {
		if (begins(l, i, "; ") && is_state(l, i + 2))
			return i;
		if (!begins(l, i, "goto pc+") && !begins(l, i, "goto pc-"))
			continue;
		for (i += strlen("goto pc+"); digit_at(l, i);)
			i++;
		return i;
	}
	return l.len;
}

struct log_line cycle_normal_form(struct log_line line, bool block)
{
	struct log_line l = trim(line);
	size_t address = address_len(l);
	if (!digit_at(l, 0))
		return l;
	if (address && begins(l, address, " ") && is_state(l, address + 1))
		l.len = address;
	l.len = stable_len(l);
	if (block && address) {
		l.text += address;
		l.len -= address;
	}
	return trim(l);
}

/* --- finding a cycle ---------------------------------------------------------------------------------------------- */

/* The normal forms of all lines as numbers: equal lines have equal numbers, in the order of their texts. */
struct forms {
	struct form {
		struct log_line line;
		size_t at;
	} * sorted;
	size_t *id; /* of each line */
	size_t count;
};

static int compare_lines(struct log_line a, struct log_line b)
{
	int d = memcmp(a.text, b.text, a.len < b.len ? a.len : b.len);
	return d ? d : (a.len > b.len) - (a.len < b.len);
}

static int by_text(const void *a, const void *b)
{
	const struct form *x = a, *y = b;
	int d = compare_lines(x->line, y->line);
	return d ? d : (x->at > y->at) - (x->at < y->at);
}

static int forms_init(struct forms *f, const struct log_lines *l, bool block)
{
	*f = (struct forms){ .sorted = calloc(l->count + 1, sizeof(*f->sorted)),
			     .id = calloc(l->count + 1, sizeof(*f->id)),
			     .count = l->count };
	if (!f->sorted || !f->id)
		return -ENOMEM;
	for (size_t i = 0; i < l->count; i++)
		f->sorted[i] = (struct form){ cycle_normal_form(l->item[i], block), i };
	qsort(f->sorted, l->count, sizeof(*f->sorted), by_text);
	for (size_t i = 0, id = 0; i < l->count; i++) {
		id += i && compare_lines(f->sorted[i - 1].line, f->sorted[i].line) != 0;
		f->id[f->sorted[i].at] = id;
	}
	return 0;
}

static void forms_done(struct forms *f)
{
	free(f->sorted);
	free(f->id);
}

/* The most frequent long line; the first in the order of texts if there are several. Returns how often it occurs. */
static size_t find_anchor(const struct forms *f, const struct form **ret)
{
	size_t best = 0;
	for (size_t i = 0, n; i < f->count; i += n) {
		const struct form *first = &f->sorted[i];
		for (n = 1; i + n < f->count && !compare_lines(first->line, f->sorted[i + n].line);)
			n++;
		if (first->line.len < ANCHOR_BYTES_MIN || n < ANCHORS_MIN || n <= best)
			continue;
		best = n;
		*ret = first;
	}
	return best;
}

static int by_size(const void *a, const void *b)
{
	size_t x = *(const size_t *)a, y = *(const size_t *)b;
	return (x > y) - (x < y);
}

/* The most frequent distance of two anchors, the smallest of several; 0: none is frequent. @gap: room for @count. */
static size_t common_gap(const struct form *anchor, size_t count, size_t stride, size_t *gap)
{
	size_t gaps = 0, best = 0, best_n = GAPS_MIN - 1;
	for (size_t i = 0; i + stride < count; i++) {
		size_t d = anchor[i + stride].at - anchor[i].at;
		if (d >= CYCLE_PERIOD_MIN)
			gap[gaps++] = d;
	}
	qsort(gap, gaps, sizeof(*gap), by_size);
	for (size_t i = 0, n; i < gaps; i += n) {
		for (n = 1; i + n < gaps && gap[i + n] == gap[i];)
			n++;
		if (n <= best_n)
			continue;
		best_n = n;
		best = gap[i];
	}
	return best;
}

/* An anchor may occur several times in one iteration, so gaps over several anchors are tried, too. */
static int find_period(const struct form *anchor, size_t count, size_t *ret)
{
	_cleanup_free_ size_t *gap = calloc(count, sizeof(*gap));
	if (!gap)
		return -ENOMEM;
	*ret = 0;
	for (size_t stride = 1; stride <= STRIDES && !*ret; stride++)
		*ret = common_gap(anchor, count, stride, gap);
	return 0;
}

/* run[i]: how many lines from i on are equal to the line that is a period later. */
static size_t *equal_runs(const size_t *id, size_t count, size_t period)
{
	size_t *run = calloc(count + 1, sizeof(*run));
	for (size_t i = count > period ? count - period : 0; run && i-- > 0;)
		run[i] = id[i] == id[i + period] ? run[i + 1] + 1 : 0;
	return run;
}

/* The iterations from @at on; 1: the next block differs. */
static size_t iterations(const size_t *run, size_t at, size_t period)
{
	return run[at] / period + 1;
}

/* Looks for iterations at each anchor, and from there backwards for a start with more of them. */
static int find_start(const struct forms *blocks, const struct form *anchor, size_t anchors, size_t period,
		      struct cycle *ret)
{
	_cleanup_free_ size_t *run = equal_runs(blocks->id, blocks->count, period);
	if (!run)
		return -ENOMEM;
	for (size_t i = 0; i < anchors; i++) {
		size_t at = anchor[i].at, start = at, count;
		if (at + 2 * period > blocks->count || (count = iterations(run, at, period)) < 2)
			continue;
		for (size_t back = 1; back < period && back <= at; back++)
			if (iterations(run, at - back, period) > count) {
				start = at - back;
				count = iterations(run, start, period);
			}
		if (count < CYCLE_COUNT_MIN)
			continue;
		*ret = (struct cycle){ start, period, count };
		return 0;
	}
	return 0;
}

static int find_in_forms(const struct forms *anchors, const struct forms *blocks, struct cycle *ret)
{
	const struct form *anchor = NULL;
	size_t period, count = find_anchor(anchors, &anchor);
	if (!count)
		count = find_anchor(blocks, &anchor);
	if (!count)
		return 0;
	int r = find_period(anchor, count, &period);
	return r == 0 && period ? find_start(blocks, anchor, count, period, ret) : r;
}

int cycle_find(const struct log_lines *l, struct cycle *ret)
{
	struct forms anchors = { 0 }, blocks = { 0 };
	*ret = (struct cycle){ 0 };
	if (l->count < (size_t)CYCLE_PERIOD_MIN * CYCLE_COUNT_MIN)
		return 0;
	int r = forms_init(&anchors, l, false);
	if (r == 0)
		r = forms_init(&blocks, l, true);
	if (r == 0)
		r = find_in_forms(&anchors, &blocks, ret);
	forms_done(&anchors);
	forms_done(&blocks);
	return r;
}

/* --- collapsing --------------------------------------------------------------------------------------------------- */

static void put_lines(const struct log_lines *l, size_t from, size_t count, struct buf *out)
{
	for (size_t i = from; i < from + count; i++) {
		buf_append(out, l->item[i].text, l->item[i].len);
		buf_puts(out, "\n");
	}
}

static void replace(const struct log_lines *l, const struct cycle *c, struct buf *out)
{
	size_t end = c->start + c->count * c->period;
	put_lines(l, 0, c->start, out);
	buf_appendf(out, "--- %zux of the following %zu lines ---\n", c->count, c->period);
	put_lines(l, c->start, c->period, out);
	buf_appendf(out, "--- %zu identical iterations omitted ---\n", c->count - 2);
	put_lines(l, end - c->period, c->period, out);
	buf_puts(out, "--- end repeat ---\n");
	put_lines(l, end, l->count - end, out);
}

/* Replaces one cycle of @text; 1: there was none. */
static int collapse_once(struct buf *text)
{
	struct log_lines lines = { 0 };
	struct cycle cycle = { 0 };
	struct buf out = BUF_NULL;
	int r = log_lines_split(buf_str(text), text->len, &lines);
	if (r == 0)
		r = cycle_find(&lines, &cycle);
	if (r == 0 && cycle.count)
		replace(&lines, &cycle, &out);
	log_lines_done(&lines);
	if (r < 0 || !cycle.count)
		return r < 0 ? r : 1;
	buf_done(text);
	*text = out;
	return text->failed ? -ENOMEM : 0;
}

int cycles_collapse(const char *text, size_t len, struct buf *out)
{
	_cleanup_buf_ struct buf now = BUF_NULL;
	int r = 0;
	buf_append(&now, text, len);
	for (unsigned pass = 0; pass < CYCLE_PASSES && r == 0; pass++)
		r = collapse_once(&now);
	if (r < 0)
		return r;
	buf_append(out, now.data, now.len);
	return out->failed || now.failed ? -ENOMEM : 0;
}
