/* SPDX-License-Identifier: GPL-2.0-only */
/* sweep.c -- see sweep.h. */
#include "stats/sweep.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "base/text.h"

#define NAME_PREFIX   "verifier/"
#define SIDECAR_BYTES ((size_t)16 << 20)

void sweep_done(struct sweep *s)
{
	for (size_t i = 0; i < s->cells; i++) {
		struct sweep_cell *c = &s->cell[i];
		char *const texts[] = { c->label, c->scheduler, c->kernel, c->preset, c->cause, c->replay, c->sidecar };
		for (size_t k = 0; k < ARRAY_SIZE(texts); k++)
			free(texts[k]);
	}
	free(s->cell);
	veristat_done(&s->rows);
	*s = (struct sweep){ 0 };
}

char *sweep_file(const struct sweep_cell *c)
{
	char *file = NULL;
	return asprintf(&file, "%s@%s@%s", c->label, c->kernel, c->preset) < 0 ? NULL : file;
}

/* --- reading ------------------------------------------------------------------------------------------------------ */

static char *clean_member(const json_t *o, const char *key)
{
	const char *text = json_string_value(json_object_get(o, key));
	return text_clean_line(text ? text : "");
}

static enum sweep_outcome outcome_of(const json_t *o)
{
	static const char *const words[] = { [SWEEP_PASS] = "pass",
					     [SWEEP_FAIL] = "fail",
					     [SWEEP_INCONCLUSIVE] = "inconclusive",
					     [SWEEP_SKIP] = "skip" };
	const char *verdict = json_string_value(json_object_get(o, "verdict"));
	for (size_t i = 0; verdict && i < ARRAY_SIZE(words); i++)
		if (!strcmp(verdict, words[i]))
			return (enum sweep_outcome)i;
	return SWEEP_FAIL;
}

/* "verifier/LABEL/KERNEL/PRESET" */
static bool split_name(const char *name, struct sweep_cell *c)
{
	size_t prefix = strlen(NAME_PREFIX);
	if (!name || strncmp(name, NAME_PREFIX, prefix) != 0)
		return false;
	const char *label = name + prefix, *kernel = strchr(label, '/'),
		   *preset = kernel ? strchr(kernel + 1, '/') : NULL;
	if (!preset || strchr(preset + 1, '/'))
		return false;
	c->label = strndup(label, (size_t)(kernel - label));
	c->kernel = strndup(kernel + 1, (size_t)(preset - kernel - 1));
	c->preset = strdup(preset + 1);
	return true;
}

static char *cause_of(const json_t *o)
{
	const json_t *details = json_object_get(o, "details");
	return clean_member(json_array_get(details, 0), "message");
}

static int add_cell(struct sweep *s, const char *path, const json_t *o)
{
	struct sweep_cell *more = realloc(s->cell, (s->cells + 1) * sizeof(*more));
	_cleanup_free_ char *name = clean_member(o, "name"), *file = NULL;
	if (!more || !name)
		return -ENOMEM;
	s->cell = more;
	struct sweep_cell c = { .outcome = outcome_of(o), .first = s->rows.count };
	if (!split_name(name, &c))
		return 0;
	const json_t *stats = json_object_get(o, "stats");
	c.scheduler = clean_member(o, "scheduler");
	c.cause = cause_of(o);
	c.replay = clean_member(o, "replay");
	c.sidecar = strdup(path);
	c.dispatched = c.outcome == SWEEP_PASS;
	c.attached = c.dispatched || json_integer_value(json_object_get(stats, "total_workers")) > 0;
	s->cell[s->cells++] = c;
	if (!c.label || !c.kernel || !c.preset || !c.scheduler || !c.cause || !c.replay || !c.sidecar)
		return -ENOMEM;
	file = sweep_file(&c);
	int r = file ? veristat_add(&s->rows, file, json_object_get(o, "verifier_stats")) : -ENOMEM;
	s->cell[s->cells - 1].programs = s->rows.count - c.first;
	return r;
}

int sweep_add(struct sweep *s, const char *path, struct err **err)
{
	_cleanup_buf_ struct buf text = BUF_NULL;
	json_error_t why;
	int r = file_read(path, SIDECAR_BYTES, &text, err);
	if (r < 0)
		return r;
	json_auto_t *o = json_loadb(buf_str(&text), text.len, JSON_REJECT_DUPLICATES, &why);
	if (!o)
		return FAIL(err, ERR_DATA, -EBADMSG, "'%s': line %d: %s", path, why.line, why.text);
	r = add_cell(s, path, o);
	return r < 0 ? FAIL_SYS(err, r, "read the results of the sweep") : 0;
}

/* --- words that occur, in their order ----------------------------------------------------------------------------- */

struct words {
	const char **item;
	size_t count;
};

/* The number of the word in the list; it is appended if it is new. SIZE_MAX: out of memory. */
static size_t word_of(struct words *w, const char *word)
{
	for (size_t i = 0; i < w->count; i++)
		if (!strcmp(w->item[i], word))
			return i;
	const char **more = realloc(w->item, (w->count + 1) * sizeof(*more));
	if (!more)
		return SIZE_MAX;
	w->item = more;
	w->item[w->count] = word;
	return w->count++;
}

static void words_done(struct words *w)
{
	free(w->item);
}

static struct words labels_of(const struct sweep *s)
{
	struct words w = { 0 };
	for (size_t i = 0; i < s->cells; i++)
		word_of(&w, s->cell[i].label);
	return w;
}

static bool is_of(const struct sweep_cell *c, const char *label)
{
	return !strcmp(c->label, label);
}

/* --- a table of texts --------------------------------------------------------------------------------------------- */

/* Writes @rows x @columns texts (NULL: "-"), below their headings. */
static void put_table(const struct words *rows, const struct words *columns, char *const *text, const char *corner,
		      struct buf *out)
{
	unsigned first = text_columns(corner);
	for (size_t r = 0; r < rows->count; r++)
		first = MAX_OF(first, text_columns(rows->item[r]));
	for (size_t r = 0; r <= rows->count; r++) {
		const char *head = r ? rows->item[r - 1] : corner;
		buf_appendf(out, "  %s%*s", head, (int)(first - text_columns(head)), "");
		for (size_t c = 0; c < columns->count; c++) {
			unsigned width = text_columns(columns->item[c]);
			for (size_t k = 0; k < rows->count; k++)
				width = MAX_OF(width, text_columns(text[k * columns->count + c] ?: "-"));
			const char *value = r ? text[(r - 1) * columns->count + c] ?: "-" : columns->item[c];
			buf_appendf(out, "  %*s%s", (int)(width - text_columns(value)), "", value);
		}
		buf_puts(out, "\n");
	}
}

static void texts_done(char **text, size_t count)
{
	for (size_t i = 0; text && i < count; i++)
		free(text[i]);
	free(text);
}

/* --- grids -------------------------------------------------------------------------------------------------------- */

static bool insns_of(const struct veristat_row *row, int64_t *ret)
{
	*ret = row->value[VERISTAT_INSNS];
	return row->has >> VERISTAT_INSNS & 1;
}

/* "1159", or "1159..2130" if topologies differ. NULL: no cell has the program. */
static char *range_text(const struct sweep *s, const char *label, const char *kernel, const char *prog)
{
	int64_t low = INT64_MAX, high = -1, n;
	char *text = NULL;
	for (size_t i = 0; i < s->cells; i++) {
		const struct sweep_cell *c = &s->cell[i];
		if (!is_of(c, label) || strcmp(c->kernel, kernel) != 0)
			continue;
		for (size_t p = c->first; p < c->first + c->programs; p++)
			if (!strcmp(s->rows.item[p].prog, prog) && insns_of(&s->rows.item[p], &n)) {
				low = MIN_OF(low, n);
				high = MAX_OF(high, n);
			}
	}
	if (high < 0 || asprintf(&text, low == high ? "%ld" : "%ld..%ld", low, high) < 0)
		return NULL;
	return text;
}

static void put_insns(const struct sweep *s, const char *label, struct buf *out)
{
	struct words kernels = { 0 }, programs = { 0 };
	for (size_t i = 0; i < s->cells; i++) {
		const struct sweep_cell *c = &s->cell[i];
		if (!is_of(c, label) || c->outcome == SWEEP_SKIP)
			continue;
		word_of(&kernels, c->kernel);
		for (size_t p = c->first; p < c->first + c->programs; p++)
			word_of(&programs, s->rows.item[p].prog);
	}
	size_t count = kernels.count * programs.count;
	char **text = calloc(count + 1, sizeof(*text));
	for (size_t i = 0; text && i < count; i++)
		text[i] = range_text(s, label, kernels.item[i / programs.count], programs.item[i % programs.count]);
	if (text && count) {
		buf_appendf(out, "%s:\n", label);
		put_table(&kernels, &programs, text, "kernel", out);
	}
	texts_done(text, count);
	words_done(&kernels);
	words_done(&programs);
}

static const char *const outcome_marks[] = {
	[SWEEP_PASS] = "✓", [SWEEP_FAIL] = "✗", [SWEEP_INCONCLUSIVE] = "?", [SWEEP_SKIP] = "-"
};

static void put_counts(const struct sweep *s, const char *label, struct buf *out)
{
	unsigned count[4] = { 0 };
	for (size_t i = 0; i < s->cells; i++)
		if (is_of(&s->cell[i], label))
			count[s->cell[i].outcome]++;
	buf_appendf(out, "%s: %u ✓  %u ✗", label, count[SWEEP_PASS], count[SWEEP_FAIL]);
	if (count[SWEEP_INCONCLUSIVE])
		buf_appendf(out, "  %u inconclusive", count[SWEEP_INCONCLUSIVE]);
	if (count[SWEEP_SKIP])
		buf_appendf(out, "  %u skipped", count[SWEEP_SKIP]);
	buf_puts(out, "\n");
}

static void put_outcomes(const struct sweep *s, const char *label, struct buf *out)
{
	struct words kernels = { 0 }, presets = { 0 };
	for (size_t i = 0; i < s->cells; i++)
		if (is_of(&s->cell[i], label)) {
			word_of(&kernels, s->cell[i].kernel);
			word_of(&presets, s->cell[i].preset);
		}
	size_t count = kernels.count * presets.count;
	char **text = calloc(count + 1, sizeof(*text));
	for (size_t i = 0; text && i < s->cells; i++) {
		const struct sweep_cell *c = &s->cell[i];
		if (!is_of(c, label))
			continue;
		char **at = &text[word_of(&presets, c->preset) * kernels.count + word_of(&kernels, c->kernel)];
		free(*at);
		*at = strdup(outcome_marks[c->outcome]);
	}
	put_counts(s, label, out);
	if (text && count)
		put_table(&presets, &kernels, text, "topology", out);
	texts_done(text, count);
	words_done(&kernels);
	words_done(&presets);
}

void sweep_grids(const struct sweep *s, struct buf *out)
{
	struct words labels = labels_of(s);
	if (s->rows.count)
		buf_puts(out,
			 "verifier verified_insns (per scheduler; rows: kernel, cols: BPF program, cell: range across "
			 "topologies):\n");
	for (size_t i = 0; s->rows.count && i < labels.count; i++)
		put_insns(s, labels.item[i], out);
	buf_puts(out, s->verified_only
			      ? "verifier results, attach: -, dispatch: - (per scheduler; rows: topology, cols: "
				"kernel):\n"
			      : "verifier results (per scheduler; rows: topology, cols: kernel):\n");
	for (size_t i = 0; i < labels.count; i++)
		put_outcomes(s, labels.item[i], out);
	words_done(&labels);
}

/* --- warnings and differences ------------------------------------------------------------------------------------- */

void sweep_warnings(const struct sweep *s, struct buf *out)
{
	int64_t n;
	for (size_t i = 0; i < s->rows.count; i++) {
		const struct veristat_row *row = &s->rows.item[i];
		if (insns_of(row, &n) && n >= SWEEP_LIMIT / 100 * SWEEP_WARN_PCT)
			buf_appendf(out, "WARNING: %s of %s: %ld instructions are %ld %% of the verifier's limit\n",
				    row->prog, row->file, n, n * 100 / SWEEP_LIMIT);
	}
}

/* The most instructions of the program in any cell of the label; -1: none. */
static int64_t most_insns(const struct sweep *s, const char *label, const char *prog)
{
	int64_t most = -1, n;
	for (size_t i = 0; i < s->cells; i++)
		for (size_t p = s->cell[i].first;
		     is_of(&s->cell[i], label) && p < s->cell[i].first + s->cell[i].programs; p++)
			if (!strcmp(s->rows.item[p].prog, prog) && insns_of(&s->rows.item[p], &n))
				most = MAX_OF(most, n);
	return most;
}

static void put_difference(const struct sweep *s, const char *a, const char *b, struct buf *out)
{
	static const char *const heads[] = { "A", "B", "delta" };
	struct words programs = { 0 }, columns = { (const char **)heads, ARRAY_SIZE(heads) };
	for (size_t i = 0; i < s->cells; i++)
		for (size_t p = s->cell[i].first; p < s->cell[i].first + s->cell[i].programs; p++)
			if (is_of(&s->cell[i], a) || is_of(&s->cell[i], b))
				word_of(&programs, s->rows.item[p].prog);
	char **text = calloc(programs.count * 3 + 1, sizeof(*text));
	for (size_t i = 0; text && i < programs.count; i++) {
		int64_t x = most_insns(s, a, programs.item[i]), y = most_insns(s, b, programs.item[i]);
		if (x >= 0 && asprintf(&text[i * 3], "%ld", x) < 0)
			text[i * 3] = NULL;
		if (y >= 0 && asprintf(&text[i * 3 + 1], "%ld", y) < 0)
			text[i * 3 + 1] = NULL;
		if (x >= 0 && y >= 0 && asprintf(&text[i * 3 + 2], "%+ld", y - x) < 0)
			text[i * 3 + 2] = NULL;
	}
	buf_appendf(out, "delta A/B diff: %s vs %s\n", a, b);
	if (text)
		put_table(&programs, &columns, text, "program", out);
	texts_done(text, programs.count * 3);
	words_done(&programs);
}

/* The scheduler of a label. */
static const char *scheduler_of(const struct sweep *s, const char *label)
{
	for (size_t i = 0; i < s->cells; i++)
		if (is_of(&s->cell[i], label))
			return s->cell[i].scheduler;
	return "";
}

void sweep_profiles(const struct sweep *s, struct buf *out)
{
	struct words labels = labels_of(s);
	for (size_t b = 0; b < labels.count; b++)
		for (size_t a = 0; a < b; a++)
			if (!strcmp(scheduler_of(s, labels.item[a]), scheduler_of(s, labels.item[b]))) {
				put_difference(s, labels.item[a], labels.item[b], out);
				break; /* each profile beside the first one */
			}
	words_done(&labels);
}

void sweep_failures(const struct sweep *s, struct buf *out)
{
	bool any = false;
	for (size_t i = 0; i < s->cells; i++) {
		const struct sweep_cell *c = &s->cell[i];
		if (c->outcome != SWEEP_FAIL && c->outcome != SWEEP_INCONCLUSIVE)
			continue;
		if (!any)
			buf_puts(out, "failing combinations (scheduler / kernel / topology):\n");
		any = true;
		buf_appendf(out, "  %s / %s / %s: %s\n    %s\n", c->label, c->kernel, c->preset,
			    *c->cause ? c->cause : "see its report", c->replay);
	}
}

json_t *sweep_json(const struct sweep *s)
{
	static const char *const words[] = { "pass", "fail", "inconclusive", "skip" };
	json_t *cells = json_array();
	for (size_t i = 0; i < s->cells; i++) {
		const struct sweep_cell *c = &s->cell[i];
		json_t *o = json_object();
		json_put_text(&o, "scheduler", c->label);
		json_put_text(&o, "kernel", c->kernel);
		json_put_text(&o, "topology", c->preset);
		json_put_text(&o, "verdict", words[c->outcome]);
		json_put(&o, "attached", s->verified_only ? json_null() : json_boolean(c->attached));
		json_put(&o, "dispatched", s->verified_only ? json_null() : json_boolean(c->dispatched));
		json_put_text(&o, "cause", *c->cause ? c->cause : NULL);
		json_put_text(&o, "replay", c->replay);
		json_put_text(&o, "sidecar", c->sidecar);
		json_add(&cells, o);
	}
	return cells;
}
