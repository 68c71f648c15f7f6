/* SPDX-License-Identifier: GPL-2.0-only */
/* card.c -- see card.h. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "cli/card.h"

/* --- filling ------------------------------------------------------------------------------------------------------ */

struct card_row *card_row(struct card *c, const struct question *q)
{
	for (size_t i = 0; i < c->count; i++)
		if (c->row[i].question == q)
			return &c->row[i];
	if (c->count == CARD_ROWS_MAX)
		return NULL;
	c->row[c->count] = (struct card_row){ .question = q,
					      .number = NAN,
					      .reference = NAN,
					      .answer = ANSWER_UNKNOWN,
					      .reference_answer = ANSWER_UNKNOWN };
	return &c->row[c->count++];
}

/* The first detail with the final verdict. */
static const char *cause_of(const json_t *sidecar)
{
	const char *verdict = json_string_value(json_object_get(sidecar, "verdict"));
	const json_t *d;
	size_t i;
	if (verdict && !strcmp(verdict, "pass"))
		return "it is not known whether the scheduler supports this; --lacks says what it does not";
	json_array_foreach(json_object_get(sidecar, "details"), i, d) {
		const char *own = json_string_value(json_object_get(d, "verdict"));
		if (own && verdict && !strcmp(own, verdict))
			return json_string_value(json_object_get(d, "message"));
	}
	return NULL;
}

static int set_text(char **to, const char *text)
{
	free(*to);
	*to = text ? text_clean_line(text) : NULL;
	return text && !*to ? -ENOMEM : 0;
}

int card_take(struct card_row *row, const json_t *sidecar, bool reference)
{
	enum answer answer = question_answer(row->question, sidecar);
	double number = answer == ANSWER_NOT_SUPPORTED ? NAN : row->question->number(sidecar, row->question);
	if (reference) {
		row->reference_answer = answer;
		row->reference = answer == ANSWER_PASS ? number : NAN;
		return 0;
	}
	row->asked = true;
	row->answer = answer;
	row->number = number;
	bool said = answer == ANSWER_FAIL || answer == ANSWER_UNKNOWN;
	int r = set_text(&row->cause, said ? cause_of(sidecar) : NULL);
	return r < 0 ? r : set_text(&row->replay, said ? json_string_value(json_object_get(sidecar, "replay")) : NULL);
}

int card_take_none(struct card_row *row, const char *why, bool reference)
{
	if (reference)
		return 0;
	row->asked = true;
	row->answer = ANSWER_UNKNOWN;
	return set_text(&row->cause, why);
}

void card_done(struct card *c)
{
	for (size_t i = 0; i < c->count; i++) {
		free(c->row[i].cause);
		free(c->row[i].replay);
	}
	c->count = 0;
}

size_t card_count(const struct card *c, enum answer answer)
{
	size_t count = 0;
	for (size_t i = 0; i < c->count; i++)
		count += c->row[i].asked && c->row[i].answer == answer;
	return count;
}

/* --- text --------------------------------------------------------------------------------------------------------- */

#define WIDE_COLUMNS   90
#define NAME_COLUMNS   15
#define ANSWER_COLUMNS 15
#define NUMBER_COLUMNS 10
#define NUMBER_BYTES   32

static const enum term_style answer_styles[ANSWER_MAX] = {
	[ANSWER_PASS] = TERM_GOOD,
	[ANSWER_FAIL] = TERM_BAD,
	[ANSWER_NOT_SUPPORTED] = TERM_DIM,
	[ANSWER_UNKNOWN] = TERM_WARN,
};

/* Three digits, as far as there are three. */
static const char *format_number(double value, const char *unit, char out[NUMBER_BYTES])
{
	if (isnan(value))
		return "-";
	if (!strcmp(unit, "us") && value >= 1000) {
		value /= 1000;
		unit = "ms";
	}
	snprintf(out, NUMBER_BYTES, "%.*f%s%s",
		 value < 10    ? 2
		 : value < 100 ? 1
			       : 0,
		 value, *unit == '/' ? "" : " ", unit);
	return out;
}

static void put_right(struct buf *out, const char *text, unsigned columns)
{
	unsigned have = text_columns(text);
	buf_appendf(out, "%*s%s", have < columns ? (int)(columns - have) : 0, "", text);
}

static void put_answer(const struct card_row *row, const struct term *t, bool pad, struct buf *out)
{
	buf_puts(out, term_style(t, answer_styles[row->answer]));
	text_append_columns(out, answer_names[row->answer], ANSWER_COLUMNS, pad);
	buf_puts(out, term_plain(t));
}

static void put_wide(const struct card_row *row, const struct term *t, struct buf *out)
{
	char number[NUMBER_BYTES], reference[NUMBER_BYTES];
	const struct question *q = row->question;
	buf_puts(out, "  ");
	text_append_columns(out, q->name, NAME_COLUMNS, /* pad= */ true);
	put_answer(row, t, /* pad= */ true, out);
	put_right(out, format_number(row->number, q->unit, number), NUMBER_COLUMNS);
	put_right(out, format_number(row->reference, q->unit, reference), NUMBER_COLUMNS + 2);
	buf_appendf(out, "  %s%s%s\n", term_style(t, TERM_DIM), q->shows, term_plain(t));
}

static void put_narrow(const struct card_row *row, const struct term *t, struct buf *out)
{
	char number[NUMBER_BYTES], reference[NUMBER_BYTES];
	const struct question *q = row->question;
	text_append_columns(out, q->name, NAME_COLUMNS, /* pad= */ true);
	put_answer(row, t, /* pad= */ false, out);
	buf_puts(out, "\n");
	buf_puts(out, term_style(t, TERM_DIM));
	text_append_wrapped(out, q->shows, t->columns, 2);
	buf_puts(out, term_plain(t));
	buf_appendf(out, "  %s", format_number(row->number, q->unit, number));
	buf_appendf(out, " (EEVDF %s)\n", format_number(row->reference, q->unit, reference));
}

static void put_why(const struct card_row *row, const struct term *t, struct buf *out)
{
	if (row->cause)
		text_append_wrapped(out, row->cause, t->columns, 4);
	if (row->replay)
		buf_appendf(out, "    %s\n", row->replay);
}

/* Which of EEVDF's answers are not passes: its numbers are then left out. */
static void put_reference_faults(const struct card *c, struct buf *out)
{
	const char *before = "EEVDF does not pass ";
	for (size_t i = 0; i < c->count; i++)
		if (c->row[i].reference_answer == ANSWER_FAIL) {
			buf_appendf(out, "%s%s", before, c->row[i].question->name);
			before = ", ";
		}
	buf_puts(out, *before == ',' ? "\n" : "");
}

static void put_counts(const struct card *c, const struct term *t, struct buf *out)
{
	const char *before = "";
	bool cached = false;
	for (int a = 0; a < ANSWER_MAX; a++) {
		size_t count = card_count(c, (enum answer)a);
		if (!count)
			continue;
		buf_appendf(out, "%s%s%zu %s%s", before, term_style(t, answer_styles[a]), count, answer_names[a],
			    term_plain(t));
		before = ", ";
	}
	for (size_t i = 0; i < c->count; i++)
		cached |= c->row[i].cached;
	buf_puts(out, cached ? "; EEVDF's numbers are from the cache\n" : "\n");
}

void card_render(const struct card *c, const struct term *t, struct buf *out)
{
	bool wide = !t->columns || t->columns >= WIDE_COLUMNS;
	buf_appendf(out, "%s%s%s on Linux %s (%s, seed 0x%lx)\n\n", term_style(t, TERM_NAME), c->scheduler,
		    term_plain(t), c->kernel, c->backend, c->seed);
	if (wide) {
		buf_appendf(out, "%*s", 2 + NAME_COLUMNS + ANSWER_COLUMNS, "");
		put_right(out, "number", NUMBER_COLUMNS);
		put_right(out, "EEVDF", NUMBER_COLUMNS + 2);
		buf_puts(out, "\n");
	}
	for (size_t i = 0; i < c->count; i++) {
		if (!c->row[i].asked)
			continue;
		(wide ? put_wide : put_narrow)(&c->row[i], t, out);
		put_why(&c->row[i], t, out);
	}
	buf_puts(out, "\n");
	put_counts(c, t, out);
	put_reference_faults(c, out);
}

/* --- JSON --------------------------------------------------------------------------------------------------------- */

static json_t *row_json(const struct card_row *row)
{
	json_t *o = json_object();
	json_put_text(&o, "question", row->question->name);
	json_put_text(&o, "answer", answer_names[row->answer]);
	json_put_text(&o, "shows", row->question->shows);
	json_put_number(&o, "number", row->number);
	json_put_text(&o, "unit", row->question->unit);
	json_put_bool(&o, "higher_is_better", row->question->higher);
	json_put_number(&o, "eevdf", row->reference);
	json_put_bool(&o, "eevdf_cached", row->cached);
	json_put_text(&o, "cause", row->cause);
	json_put_text(&o, "replay", row->replay);
	return o;
}

json_t *card_json(const struct card *c)
{
	json_t *o = json_object(), *rows = json_array();
	for (size_t i = 0; i < c->count; i++)
		if (c->row[i].asked)
			json_add(&rows, row_json(&c->row[i]));
	json_put_text(&o, "scheduler", c->scheduler);
	json_put_text(&o, "kernel", c->kernel);
	json_put_text(&o, "accel", c->backend);
	json_put(&o, "seed", json_sprintf("0x%lx", c->seed));
	json_put(&o, "questions", rows);
	return o;
}
