/* SPDX-License-Identifier: GPL-2.0-only */
/* veristat_text.c -- rows and comparisons as a table, as CSV and as JSON; and CSV read back. */
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/parse.h"
#include "base/text.h"
#include "stats/veristat.h"

#define FIELDS_MAX 64

/* --- fields ------------------------------------------------------------------------------------------------------- */

/* A column as it is shown: the row alone, or one of three parts of a comparison. */
enum part { PART_ONE, PART_A, PART_B, PART_DIFF };

struct shown {
	enum veristat_column column;
	enum part part;
};

struct shown_list {
	struct shown item[VERISTAT_COLUMNS * 4 * 3];
	size_t count;
};

static bool is_name(enum veristat_column c)
{
	return c == VERISTAT_FILE || c == VERISTAT_PROG;
}

static struct shown_list list_shown(const struct veristat_view *v)
{
	struct shown_list list = { 0 };
	for (size_t i = 0; i < v->columns->count; i++) {
		enum veristat_column c = v->columns->item[i].column;
		bool alone = !v->pairs->compared || is_name(c);
		for (enum part part = alone ? PART_ONE : PART_A; part <= (alone ? PART_ONE : PART_DIFF); part++)
			list.item[list.count++] = (struct shown){ c, part };
	}
	return list;
}

static void put_value(const struct veristat_row *row, enum veristat_column c, const char *missing, struct buf *out)
{
	if (!row)
		buf_puts(out, "N/A");
	else if (veristat_columns[c].text)
		buf_puts(out, veristat_text(row, c));
	else if (row->has >> c & 1)
		buf_appendf(out, "%ld", row->value[c]);
	else
		buf_puts(out, missing);
}

static void put_difference(const struct veristat_pair *p, enum veristat_column c, struct buf *out)
{
	const struct veristat_spec diff = { .column = c, .variant = VARIANT_DIFF },
				   pct = { .column = c, .variant = VARIANT_PCT };
	double d, share;
	if (!p->a || !p->b)
		buf_puts(out, "N/A");
	else if (veristat_columns[c].text)
		buf_puts(out, strcmp(veristat_text(p->a, c), veristat_text(p->b, c)) ? "MISMATCH" : "MATCH");
	else if (veristat_number(p, &diff, &d) && veristat_number(p, &pct, &share))
		buf_appendf(out, "%+ld (%+.2f%%)", (long)d, share);
	else
		buf_puts(out, "N/A");
}

static void put_field(const struct veristat_pair *p, struct shown s, const char *missing, struct buf *out)
{
	const struct veristat_row *any = p->b ? p->b : p->a;
	if (s.part == PART_DIFF)
		put_difference(p, s.column, out);
	else
		put_value(s.part == PART_A ? p->a : s.part == PART_B ? p->b : any, s.column, missing, out);
}

static size_t rows_shown(const struct veristat_view *v)
{
	return v->most && v->most < v->pairs->count ? v->most : v->pairs->count;
}

/* --- a table ------------------------------------------------------------------------------------------------------ */

static const char *const part_marks[] = {
	[PART_ONE] = "", [PART_A] = " (A)", [PART_B] = " (B)", [PART_DIFF] = " (DIFF)"
};

static void put_header(struct shown s, struct buf *out)
{
	buf_appendf(out, "%s%s", veristat_columns[s.column].header, part_marks[s.part]);
}

/* Numbers are on the right. */
static void put_padded(const struct buf *text, unsigned width, bool left, bool last, struct buf *out)
{
	unsigned columns = text_columns(buf_str(text)), pad = width > columns ? width - columns : 0;
	buf_appendf(out, "%*s%s", left ? 0 : (int)pad, "", buf_str(text));
	if (!last)
		buf_appendf(out, "%*s", left ? (int)pad + 2 : 2, "");
}

static unsigned width_of(const struct veristat_view *v, struct shown s)
{
	_cleanup_buf_ struct buf text = BUF_NULL;
	put_header(s, &text);
	unsigned width = text_columns(buf_str(&text));
	for (size_t i = 0; i < rows_shown(v); i++) {
		buf_clear(&text);
		put_field(&v->pairs->item[i], s, "-", &text);
		width = MAX_OF(width, text_columns(buf_str(&text)));
	}
	return width;
}

/* @row: SIZE_MAX - 1: the header; SIZE_MAX: the line below. */
static void put_row(const struct veristat_view *v, const struct shown_list *list, const unsigned *width, size_t row,
		    struct buf *out)
{
	for (size_t c = 0; c < list->count; c++) {
		_cleanup_buf_ struct buf text = BUF_NULL;
		if (row == SIZE_MAX)
			for (unsigned i = 0; i < width[c]; i++)
				buf_puts(&text, "-");
		else if (row == SIZE_MAX - 1)
			put_header(list->item[c], &text);
		else
			put_field(&v->pairs->item[row], list->item[c], "-", &text);
		put_padded(&text, width[c], veristat_columns[list->item[c].column].text, c + 1 == list->count, out);
	}
	buf_puts(out, "\n");
}

void veristat_table(const struct veristat_view *v, struct buf *out)
{
	struct shown_list list = list_shown(v);
	unsigned width[ARRAY_SIZE(list.item)];
	for (size_t c = 0; c < list.count; c++)
		width[c] = width_of(v, list.item[c]);
	put_row(v, &list, width, SIZE_MAX - 1, out);
	put_row(v, &list, width, SIZE_MAX, out);
	for (size_t i = 0; i < rows_shown(v); i++)
		put_row(v, &list, width, i, out);
}

/* --- CSV ---------------------------------------------------------------------------------------------------------- */

static void put_csv(const struct buf *text, struct buf *out)
{
	const char *s = buf_str(text);
	if (!strpbrk(s, ",\"\n\r")) {
		buf_puts(out, s);
		return;
	}
	buf_puts(out, "\"");
	for (; *s; s++)
		buf_appendf(out, *s == '"' ? "\"%c" : "%c", *s);
	buf_puts(out, "\"");
}

void veristat_csv(const struct veristat_view *v, struct buf *out)
{
	static const char *const suffix[] = {
		[PART_ONE] = "", [PART_A] = "_base", [PART_B] = "_comp", [PART_DIFF] = "_diff"
	};
	struct shown_list list = list_shown(v);
	for (size_t c = 0; c < list.count; c++)
		buf_appendf(out, "%s%s%s", c ? "," : "", veristat_columns[list.item[c].column].name[0],
			    suffix[list.item[c].part]);
	buf_puts(out, "\n");
	for (size_t i = 0; i < rows_shown(v); i++) {
		for (size_t c = 0; c < list.count; c++) {
			_cleanup_buf_ struct buf text = BUF_NULL;
			put_field(&v->pairs->item[i], list.item[c], "", &text);
			buf_puts(out, c ? "," : "");
			put_csv(&text, out);
		}
		buf_puts(out, "\n");
	}
}

json_t *veristat_json(const struct veristat_view *v)
{
	static const char *const suffix[] = {
		[PART_ONE] = "", [PART_A] = "_a", [PART_B] = "_b", [PART_DIFF] = "_diff"
	};
	struct shown_list list = list_shown(v);
	json_t *all = json_array();
	for (size_t i = 0; i < rows_shown(v); i++) {
		const struct veristat_pair *p = &v->pairs->item[i];
		json_t *o = json_object();
		for (size_t c = 0; c < list.count; c++) {
			_cleanup_buf_ struct buf text = BUF_NULL;
			char key[64];
			struct shown s = list.item[c];
			const struct veristat_row *row = s.part == PART_A ? p->a : p->b ? p->b : p->a;
			bool number = !veristat_columns[s.column].text && s.part != PART_DIFF;
			snprintf(key, sizeof(key), "%s%s", veristat_columns[s.column].name[0], suffix[s.part]);
			put_field(p, s, "", &text);
			if (!number)
				json_put_text(&o, key, text.len ? buf_str(&text) : NULL);
			else
				json_put(&o, key,
					 row && row->has >> s.column & 1 ? json_integer(row->value[s.column])
									 : json_null());
		}
		json_add(&all, o);
	}
	return all;
}

/* --- CSV read back ------------------------------------------------------------------------------------------------ */

/* Takes the next field of a line, which ends at a comma or line feed. Returns what follows it. */
static const char *take_field(const char *p, const char *end, struct buf *ret, bool *ret_last)
{
	bool quoted = p < end && *p == '"';
	buf_clear(ret);
	for (p += quoted; p < end; p++) {
		if (quoted && *p == '"' && p + 1 < end && p[1] == '"')
			p++;
		else if (quoted && *p == '"') {
			quoted = false;
			continue;
		} else if (!quoted && (*p == ',' || *p == '\n'))
			break;
		if (quoted || *p != '\r')
			buf_append(ret, p, 1);
	}
	*ret_last = p == end || *p == '\n';
	return p < end ? p + 1 : end;
}

struct csv {
	int column[FIELDS_MAX]; /* -1: not known */
	size_t columns;
};

static const char *read_header(const char *p, const char *end, struct csv *ret, struct err **err)
{
	_cleanup_buf_ struct buf field = BUF_NULL;
	bool has_file = false, has_prog = false;
	for (bool last = false; !last;) {
		p = take_field(p, end, &field, &last);
		if (ret->columns == FIELDS_MAX) {
			FAIL(err, ERR_DATA, -E2BIG, "more than %d columns", FIELDS_MAX);
			return NULL;
		}
		int c = veristat_find(buf_str(&field), field.len);
		ret->column[ret->columns++] = c;
		has_file |= c == VERISTAT_FILE;
		has_prog |= c == VERISTAT_PROG;
	}
	if (has_file && has_prog)
		return p;
	FAIL(err, ERR_DATA, -EBADMSG,
	     "its first line does not name the columns file_name and prog_name; write it with --save, or with "
	     "'veristat -o "
	     "csv'");
	return NULL;
}

static int set_field(struct veristat_row *row, int c, const struct buf *field, struct err **err)
{
	char **text = c == VERISTAT_FILE     ? &row->file
		      : c == VERISTAT_PROG   ? &row->prog
		      : c == VERISTAT_TYPE   ? &row->type
		      : c == VERISTAT_ATTACH ? &row->attach
					     : NULL;
	const char *s = buf_str(field);
	uint64_t value;
	if (text) {
		free(*text);
		*text = text_clean_line(strcmp(s, "-") ? s : "");
		return *text ? 0 : -ENOMEM;
	}
	if (c == VERISTAT_VERDICT) {
		row->success = !strcmp(s, "success");
		value = row->success;
	} else if (!*s || !strcmp(s, "N/A") || !strcmp(s, "-")) {
		return 0;
	} else if (parse_u64(s, &value) < 0 || value > INT64_MAX) {
		_cleanup_free_ char *clean = text_clean_line(s);
		return FAIL(err, ERR_DATA, -EBADMSG, "%s: '%s' is not a number", veristat_columns[c].name[0],
			    clean ?: "");
	}
	row->value[c] = (int64_t)value;
	row->has |= 1u << c;
	return 0;
}

static int read_row(const char **p, const char *end, const struct csv *csv, struct veristat_rows *ret, struct err **err)
{
	_cleanup_buf_ struct buf field = BUF_NULL;
	struct veristat_row *more = realloc(ret->item, (ret->count + 1) * sizeof(*more));
	if (!more)
		return -ENOMEM;
	ret->item = more;
	struct veristat_row *row = &more[ret->count++];
	*row = (struct veristat_row){
		.file = strdup(""), .prog = strdup(""), .type = strdup(""), .attach = strdup("")
	};
	int r = row->file && row->prog && row->type && row->attach ? 0 : -ENOMEM;
	bool last = false;
	for (size_t i = 0; !last; i++) {
		*p = take_field(*p, end, &field, &last);
		if (r == 0 && i < csv->columns && csv->column[i] >= 0)
			r = set_field(row, csv->column[i], &field, err);
	}
	return r;
}

int veristat_read(const char *text, size_t len, struct veristat_rows *ret, struct err **err)
{
	const char *end = text + len;
	struct csv csv = { 0 };
	*ret = (struct veristat_rows){ 0 };
	const char *p = read_header(text, end, &csv, err);
	int r = p ? 0 : -EBADMSG;
	for (size_t line = 2; r == 0 && p < end; line++) {
		if (*p == '\n') {
			p++;
			continue;
		}
		r = read_row(&p, end, &csv, ret, err);
		if (r < 0)
			r = err_wrap(err, r, "line %zu", line);
	}
	if (r < 0)
		veristat_done(ret);
	return r;
}
