/* SPDX-License-Identifier: GPL-2.0-only */
/* read.c -- reads sidecars into the result model (model.h). */
#include <dirent.h>
#include <math.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/text.h"
#include "formats/model.h"

#define DEPTH_MAX 8 /* of directories below a path */

/* --- members ------------------------------------------------------------------------------------------------------ */

static char *copy_text(const char *text, size_t most)
{
	_cleanup_buf_ struct buf clean = BUF_NULL;
	result_clean_line(text, most, &clean);
	return buf_steal(&clean) ?: strdup("");
}

static char *get_text(const json_t *o, const char *key, size_t most)
{
	return copy_text(json_string_value(json_object_get(o, key)), most);
}

/* 0 for a member that is not a finite number above 0. */
static double get_number(const json_t *o, const char *key)
{
	double value = json_number_value(json_object_get(o, key));
	return isfinite(value) && value > 0 ? value : 0;
}

static unsigned get_count(const json_t *o, const char *key)
{
	return (unsigned)MIN_OF(get_number(o, key), 1e9);
}

static nsec_t get_time(const json_t *o, const char *key)
{
	return (nsec_t)MIN_OF(get_number(o, key), 9e18);
}

static bool is_true(const json_t *o, const char *key)
{
	return json_is_true(json_object_get(o, key));
}

static bool is_word(const json_t *o, const char *key, const char *word)
{
	const char *text = json_string_value(json_object_get(o, key));
	return text && !strcmp(text, word);
}

/* --- outcome ------------------------------------------------------------------------------------------------------ */

static enum result_kind outcome_of(const json_t *o)
{
	const json_t *known = json_object_get(o, "known_fail");
	if (is_word(known, "outcome", "xfail"))
		return RESULT_XFAIL;
	if (is_word(known, "outcome", "xpass"))
		return RESULT_XPASS;
	if (is_word(o, "verdict", "fail"))
		return RESULT_FAIL;
	if (is_word(o, "verdict", "skip"))
		return RESULT_SKIP;
	if (!is_word(o, "verdict", "pass"))
		return RESULT_INCONCLUSIVE;
	return is_true(o, "flaky") ? RESULT_FLAKY : RESULT_PASS;
}

static bool is_bad(enum result_kind outcome, const json_t *o)
{
	switch (outcome) {
	case RESULT_FAIL:
	case RESULT_NOT_RUN:
		return true;
	case RESULT_XPASS:
		return !is_true(json_object_get(o, "known_fail"), "flaky");
	case RESULT_INCONCLUSIVE:
		return !is_true(json_object_get(o, "expectations"), "inconclusive_allowed");
	default:
		return false;
	}
}

/* Of the last try with a cause; of a flaky test of the first one; else the first finding. */
static char *get_cause(enum result_kind outcome, const json_t *o)
{
	const json_t *tries = json_object_get(json_object_get(o, "flake"), "tries"), *found = NULL;
	for (size_t i = 0; i < json_array_size(tries); i++) {
		const json_t *try = json_array_get(tries, i);
		if (!json_is_string(json_object_get(try, "cause")))
			continue;
		if (!found || outcome != RESULT_FLAKY)
			found = try;
	}
	if (found && outcome != RESULT_PASS)
		return get_text(found, "cause", RESULTS_TEXT_MAX);
	return get_text(json_array_get(json_object_get(o, "details"), 0), "message", RESULTS_TEXT_MAX);
}

/* --- one sidecar -------------------------------------------------------------------------------------------------- */

/* Most results of a run have the same host, so each host is kept once. */
static size_t keep_host(struct report_results *r, json_t *o)
{
	_cleanup_buf_ struct buf text = BUF_NULL;
	struct siphash h;
	char digest[24];
	json_t *host = json_object_get(o, "host");
	if (!json_is_object(host))
		return SIZE_MAX;
	json_print(host, false, &text);
	siphash_init(&h);
	siphash_update(&h, text.data, text.len);
	snprintf(digest, sizeof(digest), "%016lx", siphash_final(&h));
	if (!r->hosts)
		r->hosts = json_array();
	if (!r->seen)
		r->seen = json_object();
	const json_t *known = json_object_get(r->seen, digest);
	if (known)
		return (size_t)json_integer_value(known);
	size_t index = json_array_size(r->hosts);
	json_add(&r->hosts, json_incref(host));
	json_put_u64(&r->seen, digest, index);
	return r->hosts && r->seen ? index : SIZE_MAX;
}

static time_t parse_time(const char *text)
{
	struct tm tm = { 0 };
	return strptime(text, "%Y-%m-%dT%H:%M:%SZ", &tm) ? MAX_OF(timegm(&tm), 0) : 0;
}

static void take_texts(struct report_result *t, const json_t *o)
{
	for (const struct result_text *row = result_texts; row->most; row++)
		if (row->key)
			*result_text(t, row) = get_text(o, row->key, row->most);
	t->reason = get_text(json_object_get(o, "known_fail"), "reason", RESULTS_TEXT_MAX);
	t->cause = get_cause(t->outcome, o);
	if (t->outcome == RESULT_XPASS && t->cause && !*t->cause) {
		free(t->cause);
		t->cause = strdup("it passed, but it is known to fail");
	}
}

static void take_numbers(struct report_result *t, const json_t *o)
{
	const json_t *stats = json_object_get(o, "stats"), *flake = json_object_get(o, "flake");
	t->line = get_count(o, "line");
	t->ended = parse_time(t->timestamp);
	t->wall = get_time(o, "wall_ns");
	t->duration = get_time(o, "duration_ns");
	t->guest_time = get_time(json_object_get(o, "guest"), "time_ns");
	for (size_t i = 0; i < MEASURE_MAX; i++)
		t->measure[i] = get_number(stats, measure_rows[i].key);
	t->final = !json_is_false(json_object_get(flake, "final"));
	t->tries = (unsigned)json_array_size(json_object_get(flake, "tries"));
	t->passed = get_count(flake, "passed");
	t->required = get_count(flake, "require");
	t->repeat = get_count(flake, "repeat");
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

static int take_sidecar(struct report_results *r, json_t *o, const char *path, struct err **err)
{
	if (!make_room(r))
		return FAIL_SYS(err, -ENOMEM, "keep %zu results", r->count + 1);
	struct report_result *t = &r->item[r->count++];
	*t = (struct report_result){ .outcome = outcome_of(o), .host = keep_host(r, o) };
	t->bad = is_bad(t->outcome, o);
	take_texts(t, o);
	take_numbers(t, o);
	t->sidecar = strdup(path);
	if (!is_complete(t))
		return FAIL_SYS(err, -ENOMEM, "keep the result '%s'", path);
	if (t->outcome == RESULT_PASS && t->tries <= 1)
		return 0;
	json_object_del(o, "host");
	t->json = json_incref(o);
	return 0;
}

static void note_problem(struct report_results *r, const struct err *why)
{
	if (r->damaged++ >= RESULTS_PROBLEMS)
		return;
	err_format(why, &r->problems);
	buf_puts(&r->problems, "\n");
}

static int check_schema(const json_t *o, const char *path, struct err **err)
{
	if (!is_word(json_object_get(o, "schema"), "name", "ktstr.result"))
		return FAIL(err, ERR_DATA, -EBADMSG,
			    "'%s' is not a result of ktstr: its schema.name is not ktstr.result", path);
	return 0;
}

int report_results_add_file(struct report_results *r, const char *path, struct err **err)
{
	_cleanup_err_ struct err *why = NULL;
	json_auto_t *o = NULL;
	int result = json_read_file(path, &o, &why);
	if (result == 0)
		result = check_schema(o, path, &why);
	if (result == 0)
		return take_sidecar(r, o, path, err);
	note_problem(r, why);
	return 0;
}

int report_results_add_missing(struct report_results *r, const struct missing_result *m, struct err **err)
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
	int result = o ? take_sidecar(r, o, "", err) : FAIL_SYS(err, -ENOMEM, "keep the name '%s'", m->name);
	if (result < 0)
		return result;
	struct report_result *t = &r->item[r->count - 1];
	t->outcome = RESULT_NOT_RUN;
	t->bad = true;
	free(t->cause);
	t->cause = copy_text(m->why, RESULTS_TEXT_MAX);
	return t->cause ? 0 : -ENOMEM;
}

/* --- directories -------------------------------------------------------------------------------------------------- */

static bool ends_with(const char *name, const char *end)
{
	size_t len = strlen(name), n = strlen(end);
	return len > n && !strcmp(name + len - n, end);
}

static int visible(const struct dirent *e)
{
	return e->d_name[0] != '.';
}

static int add_directory(struct report_results *r, const char *path, unsigned depth, struct err **err);

static int add_entry(struct report_results *r, const char *path, unsigned depth, struct err **err)
{
	struct stat st;
	if (ends_with(path, SIDECAR_FILE_END))
		return report_results_add_file(r, path, err);
	/* Links to directories are not followed: they could lead in a circle. */
	if (depth >= DEPTH_MAX || lstat(path, &st) < 0 || !S_ISDIR(st.st_mode))
		return 0;
	return add_directory(r, path, depth + 1, err);
}

static int add_directory(struct report_results *r, const char *path, unsigned depth, struct err **err)
{
	struct dirent **entry;
	int count = scandir(path, &entry, visible, versionsort), result = 0;
	if (count < 0)
		return FAIL_SYS(err, -errno, "read the directory '%s'", path);
	for (int i = 0; i < count; i++) {
		_cleanup_free_ char *below = path_join(path, entry[i]->d_name);
		if (result == 0)
			result = below ? add_entry(r, below, depth, err) : -ENOMEM;
		free(entry[i]);
	}
	free(entry);
	return result;
}

int report_results_add_path(struct report_results *r, const char *path, struct err **err)
{
	size_t before = r->count + r->damaged;
	if (!path_exists(path))
		return FAIL(err, ERR_DATA, -ENOENT, "there is no run and no file '%s'", path);
	int result = path_is_dir(path) ? add_directory(r, path, 0, err) : report_results_add_file(r, path, err);
	if (result == 0 && r->count + r->damaged == before)
		return FAIL(err, ERR_DATA, -ENOENT, "there are no results (*" SIDECAR_FILE_END ") in '%s'", path);
	return result;
}
