/* SPDX-License-Identifier: GPL-2.0-only */
#include "monitor/dump_maps.h"

#include <string.h>

#include "base/text.h"
#include "monitor/render.h"

#define TABLE_COLUMNS_MAX 12
#define TABLE_ROWS_MAX	  256
#define VALUES_SHOWN	  64 /* of an array without a table */

static const char *text_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));
	return text ? text : "";
}

static void put(struct buf *out, const char *text)
{
	text_append_line(out, text, strlen(text));
}

/* --- tables ------------------------------------------------------------------------------------------------------- */

/* Cells of an entry: its key, then its value or the value's members. */
struct row {
	char *cell[TABLE_COLUMNS_MAX];
	unsigned cells;
};

static void row_done(struct row *r)
{
	for (unsigned i = 0; i < r->cells; i++)
		free(r->cell[i]);
	r->cells = 0;
}

static bool add_cell(struct row *r, const json_t *value, const char *name)
{
	_cleanup_buf_ struct buf cell = BUF_NULL;
	if (r->cells == TABLE_COLUMNS_MAX)
		return false;
	if (name)
		put(&cell, name);
	else if (json_is_integer(value))
		buf_appendf(&cell, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
	else if (!render_text_cell(value, &cell))
		return false;
	r->cell[r->cells] = buf_steal(&cell);
	return r->cell[r->cells] ? ++r->cells : false;
}

/* @names: the head of the table instead of the cells. False: the value has members that fit into no cell. */
static bool add_cells(struct row *r, const json_t *value, const char *what, bool names)
{
	const json_t *members = json_object_get(value, "members"), *member;
	size_t i;
	if (!members)
		return add_cell(r, value, names ? what : NULL);
	json_array_foreach((json_t *)members, i, member)
		if (!add_cell(r, json_object_get(member, "value"), names ? text_of(member, "name") : NULL))
			return false;
	return true;
}

static bool make_row(struct row *r, const json_t *entry, bool names)
{
	const json_t *key = json_object_get(entry, "key"), *pid = json_object_get(entry, "pid");
	*r = (struct row){ 0 };
	if (key && !add_cells(r, key, "key", names))
		return false;
	if (!key && pid &&
	    (!add_cell(r, pid, names ? "pid" : NULL) || !add_cell(r, NULL, names ? "comm" : text_of(entry, "comm"))))
		return false;
	if (!key && !pid &&
	    !add_cell(r, NULL,
		      names			  ? "owner"
		      : *text_of(entry, "cgroup") ? text_of(entry, "cgroup")
						  : text_of(entry, "owner_kva")))
		return false;
	return add_cells(r, json_object_get(entry, "value"), "value", names);
}

static void print_row(const struct row *r, const unsigned *width, struct buf *out)
{
	buf_puts(out, "   ");
	for (unsigned i = 0; i < r->cells; i++) {
		unsigned columns = text_columns(r->cell[i]);
		buf_appendf(out, " %*s%s", (int)(width[i] > columns ? width[i] - columns : 0), "", r->cell[i]);
	}
	buf_puts(out, "\n");
}

/* Entries whose values are alike and flat. False: they are not, and nothing was written. */
static bool table(const json_t *entries, struct buf *out)
{
	size_t count = MIN_OF(json_array_size(entries), (size_t)TABLE_ROWS_MAX);
	unsigned width[TABLE_COLUMNS_MAX] = { 0 };
	if (count < 2)
		return false;
	struct row *rows = calloc(count + 1, sizeof(*rows));
	bool fits = rows && make_row(&rows[0], json_array_get(entries, 0), true);
	for (size_t i = 0; fits && i < count; i++)
		fits = make_row(&rows[i + 1], json_array_get(entries, i), false) && rows[i + 1].cells == rows[0].cells;
	for (size_t i = 0; fits && i <= count; i++)
		for (unsigned k = 0; k < rows[i].cells; k++)
			width[k] = MAX_OF(width[k], text_columns(rows[i].cell[k]));
	for (size_t i = 0; fits && i <= count; i++)
		print_row(&rows[i], width, out);
	for (size_t i = 0; rows && i <= count; i++)
		row_done(&rows[i]);
	free(rows);
	if (fits && json_array_size(entries) > count)
		buf_appendf(out, "    and %zu more entries\n", json_array_size(entries) - count);
	return fits;
}

/* --- entries ------------------------------------------------------------------------------------------------------ */

/* A key of several members: on the same line if it fits there. */
static void composed_key(const json_t *key, struct buf *out)
{
	_cleanup_buf_ struct buf text = BUF_NULL;
	render_text(key, 0, &text);
	char *end = text.len ? strchr(buf_str(&text), '\n') : NULL;
	if (render_is_zero(key)) {
		buf_puts(out, "[all zero]");
	} else if (end && !end[1]) {
		*end = '\0';
		buf_appendf(out, "[%s]", buf_str(&text));
	} else {
		buf_puts(out, "key:\n");
		render_text(key, 6, out);
		buf_puts(out, "    value");
	}
}

static void put_key(const json_t *entry, struct buf *out)
{
	const json_t *key = json_object_get(entry, "key");
	buf_puts(out, "    ");
	if (json_is_integer(key))
		buf_appendf(out, "[%" JSON_INTEGER_FORMAT "]", json_integer_value(key));
	else if (key && !render_text_cell(key, out))
		composed_key(key, out);
	else if (!key && json_object_get(entry, "pid"))
		buf_appendf(out, "pid %" JSON_INTEGER_FORMAT, json_integer_value(json_object_get(entry, "pid")));
	else if (!key)
		put(out, *text_of(entry, "cgroup") ? text_of(entry, "cgroup") : text_of(entry, "owner_kva"));
	buf_puts(out, ":");
}

static void put_value(const json_t *value, unsigned indent, struct buf *out)
{
	_cleanup_buf_ struct buf cell = BUF_NULL;
	if (!value) {
		buf_puts(out, " <not readable>\n");
	} else if (render_text_cell(value, &cell)) {
		buf_appendf(out, " %s\n", buf_str(&cell));
	} else if (render_is_zero(value)) {
		buf_puts(out, " all zero\n");
	} else {
		buf_puts(out, "\n");
		render_text(value, indent, out);
	}
}

/* CPUs that have the same value are named together. */
static void per_cpu(const json_t *list, struct buf *out)
{
	size_t count = json_array_size(list);
	_cleanup_free_ uint8_t *done = calloc(count + 1, 1);
	for (size_t i = 0; done && i < count; i++) {
		const json_t *value = json_object_get(json_array_get(list, i), "value");
		uint8_t same[512] = { 0 };
		if (done[i])
			continue;
		for (size_t k = i; k < count; k++) {
			json_int_t cpu = json_integer_value(json_object_get(json_array_get(list, k), "cpu"));
			if (!json_equal(json_object_get(json_array_get(list, k), "value"), value) && k != i)
				continue;
			done[k] = 1;
			if (cpu >= 0 && (size_t)cpu / 8 < sizeof(same))
				same[cpu / 8] |= (uint8_t)(1u << cpu % 8);
		}
		json_t *cpus = render_cpu_list(same, sizeof(same));
		const char *text = json_string_value(cpus);
		buf_appendf(out, "      cpu%s %s:", text && strpbrk(text, ",-") ? "s" : "", text ? text : "?");
		json_decref(cpus);
		put_value(value, 8, out);
	}
}

static void entries(const json_t *list, struct buf *out)
{
	size_t i, zero = 0;
	const json_t *entry;
	json_array_foreach((json_t *)list, i, entry) {
		const json_t *value = json_object_get(entry, "value"), *cpus = json_object_get(entry, "per_cpu");
		if (i == VALUES_SHOWN) {
			buf_appendf(out, "    and %zu more entries\n", json_array_size(list) - i);
			break;
		}
		if (value && render_is_zero(value) && json_is_integer(json_object_get(entry, "key"))) {
			zero++;
			continue;
		}
		put_key(entry, out);
		if (!cpus) {
			put_value(value, 6, out);
			continue;
		}
		buf_puts(out, "\n");
		per_cpu(cpus, out);
	}
	if (zero)
		buf_appendf(out, "    %zu entries are zero\n", zero);
}

/* --- maps --------------------------------------------------------------------------------------------------------- */

static void ringbuf(const json_t *ring, struct buf *out)
{
	json_int_t pending = json_integer_value(json_object_get(ring, "pending_bytes")),
		   capacity = json_integer_value(json_object_get(ring, "capacity"));
	buf_appendf(out, "    pending=%" JSON_INTEGER_FORMAT "B (%.1f%%)\n", pending,
		    capacity > 0 ? 100.0 * (double)pending / (double)capacity : 0.0);
}

static json_int_t number_of(const json_t *object, const char *key)
{
	return json_integer_value(json_object_get(object, key));
}

/* Numbers of slots or pages: " 1 5 6", and that there are more. */
static void numbers(const json_t *list, size_t of, struct buf *out)
{
	size_t i;
	const json_t *number;
	json_array_foreach((json_t *)list, i, number)
		buf_appendf(out, " %" JSON_INTEGER_FORMAT, json_integer_value(number));
	if (json_array_size(list) < of)
		buf_puts(out, " and more");
	buf_puts(out, "\n");
}

static void slots(const json_t *map, struct buf *out)
{
	json_int_t used = number_of(map, "populated"), scanned = number_of(map, "scanned");
	buf_appendf(out, "    %" JSON_INTEGER_FORMAT " of %" JSON_INTEGER_FORMAT " slots are in use%s", used, scanned,
		    used ? ":" : "");
	numbers(json_object_get(map, "indices"), (size_t)used, out);
}

static void stacks(const json_t *map, struct buf *out)
{
	size_t i, k;
	const json_t *stack, *frame;
	json_array_foreach(json_object_get(map, "entries"), i, stack) {
		buf_appendf(out, "    stack %" JSON_INTEGER_FORMAT ":\n", number_of(stack, "bucket_id"));
		json_array_foreach(json_object_get(stack, "pcs"), k, frame) {
			buf_puts(out, "      ");
			put(out, json_string_value(frame) ? json_string_value(frame) : "?");
			buf_puts(out, "\n");
		}
	}
	if (!i)
		buf_puts(out, "    no stacks\n");
}

static void arena(const json_t *map, struct buf *out)
{
	size_t i;
	const json_t *page;
	json_int_t used = number_of(map, "populated_pages");
	buf_appendf(out, "    %" JSON_INTEGER_FORMAT " of %" JSON_INTEGER_FORMAT " pages exist%s", used,
		    number_of(map, "declared_pages"), used ? ":" : "");
	numbers(json_object_get(map, "pages"), (size_t)used, out);
	json_array_foreach(json_object_get(map, "content"), i, page) {
		buf_appendf(out, "    page %" JSON_INTEGER_FORMAT ":", number_of(page, "page"));
		put_value(json_object_get(page, "value"), 6, out);
	}
}

static void content(const json_t *map, struct buf *out)
{
	static const char *const lists[] = { "array_entries", "entries", "percpu_entries", "percpu_hash_entries" };
	static const struct {
		const char *member;
		void (*print)(const json_t *object, struct buf *out);
	} objects[] = { { "stack_trace", stacks }, { "fd_array", slots }, { "arena", arena }, { "ringbuf", ringbuf } };
	const json_t *value = json_object_get(map, "value");
	if (value && render_is_zero(value))
		buf_puts(out, "    all zero\n");
	else if (value)
		render_text(value, 4, out);
	for (size_t i = 0; i < ARRAY_SIZE(lists); i++) {
		const json_t *list = json_object_get(map, lists[i]);
		bool flat = list && !json_object_get(json_array_get(list, 0), "per_cpu") &&
			    strcmp(lists[i], "entries") == 0;
		if (list && !(flat && table(list, out)))
			entries(list, out);
	}
	for (size_t i = 0; i < ARRAY_SIZE(objects); i++)
		if (json_object_get(map, objects[i].member))
			objects[i].print(json_object_get(map, objects[i].member), out);
	if (json_object_get(map, "error")) {
		buf_puts(out, "    (");
		put(out, text_of(map, "error"));
		buf_puts(out, ")\n");
	}
}

static void map_lines(const json_t *map, struct buf *out)
{
	json_int_t more = json_integer_value(json_object_get(map, "entries_truncated"));
	put(out, *text_of(map, "name") ? text_of(map, "name") : "(unnamed)");
	buf_puts(out, " (");
	put(out, text_of(map, "map_type"));
	buf_appendf(out,
		    ", id %" JSON_INTEGER_FORMAT ", values of %" JSON_INTEGER_FORMAT
		    " bytes, at most %" JSON_INTEGER_FORMAT " entries%s)\n",
		    json_integer_value(json_object_get(map, "id")),
		    json_integer_value(json_object_get(map, "value_size")),
		    json_integer_value(json_object_get(map, "max_entries")),
		    json_is_true(json_object_get(map, "active")) ? ", of the scheduler" : "");
	content(map, out);
	if (more)
		buf_appendf(out, "    %" JSON_INTEGER_FORMAT " more entries are not in the dump\n", more);
}

void dump_maps_text(const json_t *maps, const char *name, struct buf *out)
{
	size_t i, found = 0;
	const json_t *map;
	json_array_foreach((json_t *)maps, i, map)
		if (!name || strcmp(text_of(map, "name"), name) == 0) {
			map_lines(map, out);
			found++;
		}
	if (found || !name)
		return;
	buf_puts(out, "there is no map ");
	put(out, name);
	buf_puts(out, "; there are:");
	json_array_foreach((json_t *)maps, i, map) {
		buf_puts(out, " ");
		put(out, text_of(map, "name"));
	}
	buf_puts(out, "\n");
}
