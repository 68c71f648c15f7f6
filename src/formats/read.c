/* SPDX-License-Identifier: GPL-2.0-only */
/* read.c -- reads sidecars into the result model (model.h). */
#include <math.h>
#include <string.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/text.h"
#include "formats/model.h"
#include "results/scan.h"

/* --- members ------------------------------------------------------------------------------------------------------ */

static char *copy_text(const char *text, size_t most)
{
	_cleanup_buf_ struct buf clean = BUF_NULL;
	result_clean_line(text, most, &clean);
	return buf_steal(&clean) ?: strdup("");
}

/* One character more than @most is copied, so that a text is seen to be cut. */
static char *copy_view(const struct json_view *v, size_t most)
{
	char text[RESULTS_TEXT_MAX + 8];
	json_view_copy(v, text, MIN_OF(most + 8, sizeof(text)));
	return copy_text(text, most);
}

static char *get_text(const struct record *o, enum record_member m, size_t most)
{
	struct json_view text = { 0 };
	record_text(o, m, &text);
	return copy_view(&text, most);
}

static char *find_text(const struct record *o, enum record_member m, const char *key, size_t most)
{
	struct json_view text = { 0 };
	struct json_reader value;
	if (record_find(o, m, key, &value))
		json_reader_text(&value, &text);
	return copy_view(&text, most);
}

/* 0 for what is not a finite number above 0. */
static double read_number(struct json_reader *value)
{
	double number;
	return json_reader_number(value, &number) && number > 0 ? number : 0;
}

static double find_number(const struct record *o, enum record_member m, const char *key)
{
	struct json_reader value;
	return record_find(o, m, key, &value) ? read_number(&value) : 0;
}

static unsigned to_count(double value)
{
	return (unsigned)MIN_OF(value, 1e9);
}

static nsec_t to_time(double value)
{
	return (nsec_t)MIN_OF(value, 9e18);
}

static double get_number(const struct record *o, enum record_member m)
{
	struct json_reader value = record_value(o, m);
	return read_number(&value);
}

/* --- outcome ------------------------------------------------------------------------------------------------------ */

static bool is_flaky(const struct record *o)
{
	struct json_reader value = record_value(o, RECORD_FLAKY);
	bool flaky;
	return json_reader_bool(&value, &flaky) && flaky;
}

static enum test_outcome outcome_of(const struct record *o)
{
	enum result_verdict verdict = RESULT_INCONCLUSIVE;
	if (record_is_word(o, RECORD_KNOWN_FAIL, "outcome", "xfail"))
		return OUTCOME_XFAIL;
	if (record_is_word(o, RECORD_KNOWN_FAIL, "outcome", "xpass"))
		return OUTCOME_XPASS;
	record_verdict(o, &verdict);
	switch (verdict) {
	case RESULT_FAIL:
		return OUTCOME_FAIL;
	case RESULT_SKIP:
		return OUTCOME_SKIP;
	case RESULT_INCONCLUSIVE:
		return OUTCOME_INCONCLUSIVE;
	case RESULT_PASS:
		break;
	}
	return is_flaky(o) ? OUTCOME_FLAKY : OUTCOME_PASS;
}

static bool is_bad(enum test_outcome outcome, const struct record *o)
{
	switch (outcome) {
	case OUTCOME_FAIL:
	case OUTCOME_NOT_RUN:
	case OUTCOME_UNREADABLE:
		return true;
	case OUTCOME_XPASS:
		return !record_is_bool(o, RECORD_KNOWN_FAIL, "flaky", true);
	case OUTCOME_INCONCLUSIVE:
		return !record_is_bool(o, RECORD_EXPECTATIONS, "inconclusive_allowed", true);
	default:
		return false;
	}
}

static char *first_finding(const struct record *o)
{
	struct json_reader value = record_value(o, RECORD_DETAILS);
	struct json_view key, text = { 0 };
	if (!json_reader_enter(&value, '[') || !json_reader_item(&value) || !json_reader_enter(&value, '{'))
		return strdup("");
	while (json_reader_key(&value, &key))
		if (json_view_is(&key, "message"))
			json_reader_text(&value, &text);
		else
			json_reader_skip(&value);
	return copy_view(&text, RESULTS_TEXT_MAX);
}

/* Of the last try with a cause; of a flaky test of the first one; else the first finding. */
static char *get_cause(enum test_outcome outcome, const struct record *o)
{
	struct json_reader tries = record_tries(o);
	struct json_view found = { 0 };
	struct record_try t;
	while (record_next_try(&tries, &t))
		if (t.cause.text && (!found.text || outcome != OUTCOME_FLAKY))
			found = t.cause;
	if (found.text && outcome != OUTCOME_PASS)
		return copy_view(&found, RESULTS_TEXT_MAX);
	return first_finding(o);
}

/* --- one sidecar -------------------------------------------------------------------------------------------------- */

/* Most results of a run have the same host, so each host is kept once. */
static size_t keep_host(struct report_results *r, const struct record *o)
{
	struct json_reader value = record_value(o, RECORD_HOST);
	const char *begin = value.at;
	struct siphash h;
	char digest[24];
	if (json_reader_peek(&value) != '{')
		return SIZE_MAX;
	json_reader_skip(&value);
	size_t len = (size_t)(value.at - begin);
	siphash_init(&h);
	siphash_update(&h, begin, len);
	snprintf(digest, sizeof(digest), "%016lx", siphash_final(&h));
	if (!r->hosts)
		r->hosts = json_array();
	if (!r->seen)
		r->seen = json_object();
	const json_t *known = json_object_get(r->seen, digest);
	if (known)
		return (size_t)json_integer_value(known);
	size_t index = json_array_size(r->hosts);
	json_t *host = json_loadb(begin, len, JSON_REJECT_DUPLICATES, NULL);
	if (!host)
		return SIZE_MAX;
	json_add(&r->hosts, host);
	json_put_u64(&r->seen, digest, index);
	return r->hosts && r->seen ? index : SIZE_MAX;
}

static time_t parse_time(const char *text)
{
	struct tm tm = { 0 };
	return strptime(text, "%Y-%m-%dT%H:%M:%SZ", &tm) ? MAX_OF(timegm(&tm), 0) : 0;
}

static void take_texts(struct report_result *t, const struct record *o)
{
	for (const struct result_text *row = result_texts; row->most; row++)
		if (row->member != RECORD_MEMBER_MAX)
			*result_text(t, row) = get_text(o, row->member, row->most);
	t->reason = find_text(o, RECORD_KNOWN_FAIL, "reason", RESULTS_TEXT_MAX);
	t->cause = get_cause(t->outcome, o);
	if (t->outcome == OUTCOME_XPASS && t->cause && !*t->cause) {
		free(t->cause);
		t->cause = strdup("it passed, but it is known to fail");
	}
}

static void take_measures(struct report_result *t, const struct record *o)
{
	struct json_reader value = record_value(o, RECORD_STATS);
	struct json_view key;
	if (!json_reader_enter(&value, '{'))
		return;
	while (json_reader_key(&value, &key)) {
		size_t i = 0;
		while (i < MEASURE_MAX && !json_view_is(&key, measure_rows[i].key))
			i++;
		if (i < MEASURE_MAX)
			t->measure[i] = read_number(&value);
		else
			json_reader_skip(&value);
	}
}

static unsigned count_tries(const struct record *o)
{
	struct json_reader tries = record_tries(o);
	struct record_try t;
	unsigned count = 0;
	while (record_next_try(&tries, &t))
		count++;
	return count;
}

static void take_numbers(struct report_result *t, const struct record *o)
{
	t->line = to_count(get_number(o, RECORD_LINE));
	t->ended = parse_time(t->timestamp);
	t->wall = to_time(get_number(o, RECORD_WALL_NS));
	t->duration = to_time(get_number(o, RECORD_DURATION_NS));
	t->guest_time = to_time(find_number(o, RECORD_GUEST, "time_ns"));
	take_measures(t, o);
	t->final = !record_is_bool(o, RECORD_FLAKE, "final", false);
	t->tries = count_tries(o);
	t->passed = to_count(find_number(o, RECORD_FLAKE, "passed"));
	t->required = to_count(find_number(o, RECORD_FLAKE, "require"));
	t->repeat = to_count(find_number(o, RECORD_FLAKE, "repeat"));
}

static bool make_room(struct report_results *r)
{
	if (r->count < r->room)
		return true;
	size_t room = r->room ? 2 * r->room : 64;
	struct report_result *item = room <= RESULTS_COUNT_MAX ? reallocarray(r->item, room, sizeof(*item)) : NULL;
	if (!item)
		return false;
	r->item = item;
	r->room = room;
	return true;
}

/* True if no text of the result is missing because memory was short. */
static bool is_complete(struct report_result *t)
{
	for (const struct result_text *row = result_texts; row->most; row++)
		if (!*result_text(t, row))
			return false;
	return true;
}

/* Appends the result of @o, without its tree. */
static int take_record(struct report_results *r, const struct record *o, const char *path, struct err **err)
{
	if (!make_room(r))
		return FAIL_SYS(err, -ENOMEM, "keep %zu results", r->count + 1);
	struct report_result *t = &r->item[r->count++];
	*t = (struct report_result){ .outcome = outcome_of(o), .host = keep_host(r, o) };
	t->bad = is_bad(t->outcome, o);
	take_texts(t, o);
	take_numbers(t, o);
	t->sidecar = strdup(path);
	r->interrupted |= result_is_cut(t);
	return is_complete(t) ? 0 : FAIL_SYS(err, -ENOMEM, "keep the result '%s'", path);
}

/* What did not just pass has a page, for which the whole sidecar is needed. */
static bool needs_tree(const struct record *o)
{
	return outcome_of(o) != OUTCOME_PASS || count_tries(o) > 1;
}

static void note_problem(struct report_results *r, const struct err *why)
{
	if (r->damaged++ >= RESULTS_PROBLEMS)
		return;
	err_format(why, &r->problems);
	buf_puts(&r->problems, "\n");
}

static int open_sidecar(const char *path, const struct buf *text, struct record *ret, struct err **err)
{
	struct record_names names;
	char what[160];
	record_names_init(&names);
	if (!record_open(ret, &names, buf_str(text), text->len)) {
		record_error(ret, "it is not a JSON object", what, sizeof(what));
		return FAIL(err, ERR_DATA, -EBADMSG, "'%s' %s", path, what);
	}
	if (!record_is_word(ret, RECORD_SCHEMA, "name", "ktstr.result"))
		return FAIL(err, ERR_DATA, -EBADMSG,
			    "'%s' is not a result of ktstr: its schema.name is not ktstr.result", path);
	return 0;
}

/* A result whose details cannot be read still counts. NULL: they are not needed, or a problem was noted. */
static json_t *read_tree(struct report_results *r, const char *path, const struct buf *text, const struct record *o)
{
	_cleanup_err_ struct err *why = NULL;
	json_error_t at;
	if (!needs_tree(o))
		return NULL;
	json_t *tree = json_loadb(buf_str(text), text->len, JSON_REJECT_DUPLICATES, &at);
	if (tree)
		return tree;
	FAIL(&why, ERR_DATA, -EBADMSG, "'%s' line %d: %s; its details are left out", path, at.line, at.text);
	note_problem(r, why);
	return NULL;
}

static int take_tree(struct report_results *r, const json_t *tree, struct err **err)
{
	_cleanup_buf_ struct buf text = BUF_NULL;
	struct record_names names;
	struct record o;
	record_names_init(&names);
	json_print(tree, false, &text);
	if (text.failed || !record_open(&o, &names, buf_str(&text), text.len))
		return FAIL_SYS(err, -ENOMEM, "keep a result");
	return take_record(r, &o, "", err);
}

/* Makes a result, because there is no sidecar to read it from. */
static int add_made(struct report_results *r, const struct missing_result *m, enum test_outcome outcome,
		    struct err **err)
{
	json_auto_t *o = json_object();
	json_put_text(&o, "name", m->name);
	json_put_text(&o, "suite", m->suite);
	json_put_text(&o, "topology", m->topology);
	json_put_text(&o, "scheduler", m->scheduler);
	json_put_text(&o, "kernel_label", m->kernel_label);
	json_put_text(&o, "replay", m->replay);
	const char *slash = strchr(m->name, '/'), *test = slash ? slash + 1 : m->name;
	json_put(&o, "test_name", json_text_n(test, strcspn(test, "/")));
	int result = take_tree(r, o, err);
	if (result < 0)
		return err_wrap(err, result, "keep the name '%s'", m->name);
	struct report_result *t = &r->item[r->count - 1];
	t->outcome = outcome;
	t->bad = true;
	free(t->cause);
	t->cause = copy_text(m->why, RESULTS_TEXT_MAX);
	return t->cause ? 0 : -ENOMEM;
}

int report_results_add_missing(struct report_results *r, const struct missing_result *m, struct err **err)
{
	return add_made(r, m, OUTCOME_NOT_RUN, err);
}

/* Whether its test passed is not known, so it must not be missing among the results. It has the name of the file. */
static int add_unreadable(struct report_results *r, const char *path, const struct err *why, struct err **err)
{
	_cleanup_buf_ struct buf text = BUF_NULL;
	_cleanup_free_ char *name = text_clean_line(path_basename(path)), *sidecar = strdup(path);
	if (!name || !sidecar)
		return -ENOMEM;
	if (is_sidecar_name(name))
		name[strlen(name) - strlen(SIDECAR_SUFFIX)] = '\0';
	err_format(why, &text);
	const struct missing_result made = { .name = name, .why = buf_str(&text) };
	int result = add_made(r, &made, OUTCOME_UNREADABLE, err);
	if (result < 0)
		return result;
	free(r->item[r->count - 1].sidecar);
	r->item[r->count - 1].sidecar = TAKE_PTR(sidecar);
	return 0;
}

int report_results_add_file(struct report_results *r, const char *path, struct err **err)
{
	_cleanup_err_ struct err *why = NULL;
	_cleanup_buf_ struct buf text = BUF_NULL;
	json_auto_t *tree = NULL;
	struct record o;
	int result = file_read(path, RECORD_BYTES_MAX, &text, &why);
	if (result == 0)
		result = open_sidecar(path, &text, &o, &why);
	if (result < 0) {
		note_problem(r, why);
		return add_unreadable(r, path, why, err);
	}
	tree = read_tree(r, path, &text, &o);
	result = take_record(r, &o, path, err);
	if (result < 0 || !tree)
		return result;
	json_object_del(tree, "host");
	r->item[r->count - 1].json = TAKE_PTR(tree);
	return 0;
}

/* --- directories -------------------------------------------------------------------------------------------------- */

static int add_directory(struct report_results *r, const char *path, struct err **err)
{
	_cleanup_(scan_done) struct scan s = { 0 };
	int result = scan_list(path, SCAN_TREE, &s, err);
	for (size_t i = 0; i < s.files && result == 0; i++) {
		_cleanup_free_ char *file = scan_path(&s, &s.file[i]);
		result = file ? report_results_add_file(r, file, err) : -ENOMEM;
	}
	return result;
}

int report_results_add_path(struct report_results *r, const char *path, struct err **err)
{
	size_t before = r->count;
	if (!path_exists(path))
		return FAIL(err, ERR_DATA, -ENOENT, "there is no run and no file '%s'", path);
	int result = path_is_dir(path) ? add_directory(r, path, err) : report_results_add_file(r, path, err);
	if (result == 0 && r->count == before)
		return FAIL(err, ERR_DATA, -ENODATA, "there are no results (*" SIDECAR_SUFFIX ") in '%s'", path);
	return result;
}
