/* SPDX-License-Identifier: GPL-2.0-only */
/* explain.c -- see explain.h. */
#include <string.h>

#include "base/text.h"
#include "stats/explain.h"
#include "stats/runs.h"

#define CAUSES(...) ((const char *const[]){ __VA_ARGS__, NULL })

const struct optional_field optional_fields[] = {
	{ "scheduler_commit", false, CAUSES("no declaration of a scheduler names a commit"), NULL },
	{ "project_commit", true,
	  CAUSES("the working directory could not be resolved", "it is not in a git checkout", "HEAD is not readable"),
	  "run inside a git checkout with at least one commit" },
	{ "payload", false, CAUSES("the test declares no payload"), NULL },
	{ "monitor", true,
	  CAUSES("the test ran on the host only", "the machine failed early", "there was no valid sample"), NULL },
	{ "kvm_stats", true, CAUSES("the test ran on the host only", "the backend is tcg", "KVM offers no statistics"),
	  NULL },
	{ "kernel_version", true,
	  CAUSES("the test ran on the host only",
		 "neither the cache's metadata nor include/config/kernel.release of the kernel had it"),
	  NULL },
	{ "kernel_commit", true,
	  CAUSES("KTSTR_KERNEL is not set", "the kernel was built from a tarball or from a git source that is gone",
		 "the kernel's source is not a git checkout", "its HEAD is not readable",
		 "the checkout could not be examined"),
	  "set KTSTR_KERNEL to a local git checkout of the kernel" },
	{ "host", true, CAUSES("the file was made by a test", "it is of a version that did not describe the host"),
	  "run the test again" },
	{ "cleanup_duration_ms", true,
	  CAUSES("the test ran on the host only", "the machine was ended before its end could be measured"), NULL },
	{ "run_source", true, CAUSES("the file is of a version that called it `source`"),
	  "run the test again, or rename the key" },
	{ "resolve_source", false, CAUSES("the kernel's own scheduler was tested", "no machine could run"), NULL },
	{ NULL },
};

/* --- reading ------------------------------------------------------------------------------------------------------ */

enum file_state { FILE_GOOD, FILE_CORRUPT, FILE_IO_ERROR };

struct opened {
	enum file_state state;
	json_t *sidecar;    /* of FILE_GOOD */
	struct buf error;   /* else */
	const char *advice; /* for files of another version; NULL: none */
};

static void opened_done(struct opened *o)
{
	json_decref(o->sidecar);
	buf_done(&o->error);
}

static void open_sidecar(const struct results *r, size_t row, struct opened *ret)
{
	_cleanup_err_ struct err *err = NULL;
	*ret = (struct opened){ .sidecar = result_read_file(r, row, &err) };
	if (!ret->sidecar) {
		/* What was readable and is no JSON is damaged. */
		ret->state = r->pool.row[row].state == RESULT_CORRUPT ? FILE_CORRUPT : FILE_IO_ERROR;
		if (err)
			err_format(err, &ret->error);
		return;
	}
	if (!result_is_valid(&r->pool.row[row])) {
		uint32_t why = r->pool.row[row].error;
		ret->state = FILE_CORRUPT;
		buf_puts(&ret->error, why ? r->pool.text[why] : "it is not a sidecar");
	} else if (!json_object_get(ret->sidecar, "host")) {
		ret->state = FILE_CORRUPT;
		buf_puts(&ret->error, "missing key 'host'");
		ret->advice = "run the test again, to write the file in its present form";
	}
}

static void put_path(const struct results *r, size_t row, struct buf *out)
{
	const struct scan_file *f = &r->scan.file[row];
	const char *directory = r->scan.directory[f->directory].path;
	buf_appendf(out, "%s/%s%s%s", r->scan.root, directory, *directory ? "/" : "", scan_name(&r->scan, f));
}

static bool is_none(const json_t *sidecar, const char *field)
{
	json_t *value = json_object_get(sidecar, field);
	return !value || json_is_null(value);
}

/* --- text --------------------------------------------------------------------------------------------------------- */

static void print_sidecar(const json_t *o, struct buf *out)
{
	_cleanup_buf_ struct buf some = BUF_NULL;
	unsigned populated = 0, none = 0;
	for (const struct optional_field *f = optional_fields; f->name; f++) {
		none += is_none(o, f->name);
		populated += !is_none(o, f->name);
		if (!is_none(o, f->name))
			buf_appendf(&some, "%s%s", some.len ? ", " : "", f->name);
	}
	buf_appendf(out, "\ntest: %s\ntopology: %s\nscheduler: %s\n",
		    json_string_value(json_object_get(o, "test_name")),
		    json_string_value(json_object_get(o, "topology")) ?: "-",
		    json_string_value(json_object_get(o, "scheduler")) ?: "-");
	buf_appendf(out, "populated optional fields (%u): %s\n", populated, buf_str(&some));
	buf_appendf(out, "none fields (%u):\n", none);
	for (const struct optional_field *f = optional_fields; f->name; f++) {
		if (!is_none(o, f->name))
			continue;
		buf_appendf(out, "  %s [%s]\n", f->name, f->actionable ? "actionable" : "expected");
		for (const char *const *c = f->cause; *c; c++)
			buf_appendf(out, "    - %s\n", *c);
		if (f->fix)
			buf_appendf(out, "    fix: %s\n", f->fix);
	}
}

struct trouble {
	struct buf text;
	size_t count;
};

static void note_trouble(const struct results *r, size_t row, const struct opened *o, struct trouble *t)
{
	t->count++;
	buf_puts(&t->text, "  ");
	put_path(r, row, &t->text);
	buf_appendf(&t->text, "\n    error: %s\n", buf_str(&o->error));
	if (o->advice)
		buf_appendf(&t->text, "    enriched: %s\n", o->advice);
}

void explain_print(const struct results *r, struct buf *out)
{
	struct trouble corrupt = { BUF_NULL, 0 }, io = { BUF_NULL, 0 };
	_cleanup_buf_ struct buf blocks = BUF_NULL;
	size_t valid = 0;
	for (size_t i = 0; i < r->pool.rows; i++) {
		struct opened o;
		open_sidecar(r, i, &o);
		if (o.state == FILE_GOOD) {
			print_sidecar(o.sidecar, &blocks);
			valid++;
		} else {
			note_trouble(r, i, &o, o.state == FILE_CORRUPT ? &corrupt : &io);
		}
		opened_done(&o);
	}
	buf_appendf(out, "walked %zu sidecar file(s), parsed %zu valid\n", r->pool.rows, valid);
	buf_append(out, buf_str(&blocks), blocks.len);
	if (corrupt.count)
		buf_appendf(out, "\ncorrupt sidecars (%zu):\n%s", corrupt.count, buf_str(&corrupt.text));
	if (io.count)
		buf_appendf(out, "\nio errors (%zu):\n%s", io.count, buf_str(&io.text));
	out->failed |= blocks.failed || corrupt.text.failed || io.text.failed;
	buf_done(&corrupt.text);
	buf_done(&io.text);
}

/* --- JSON --------------------------------------------------------------------------------------------------------- */

static json_t *trouble_json(const struct results *r, size_t row, const struct opened *o)
{
	json_t *j = json_object();
	_cleanup_buf_ struct buf path = BUF_NULL;
	put_path(r, row, &path);
	json_put_text(&j, "path", buf_str(&path));
	json_put_text(&j, "error", buf_str(&o->error));
	if (o->state == FILE_CORRUPT)
		json_put_text(&j, "enriched_message", o->advice);
	return j;
}

static json_t *field_json(const struct optional_field *f, size_t none, size_t some)
{
	json_t *j = json_object();
	json_put_u64(&j, "none_count", none);
	json_put_u64(&j, "some_count", some);
	json_put_text(&j, "classification", f->actionable ? "actionable" : "expected");
	json_put_texts(&j, "causes", f->cause);
	json_put_text(&j, "fix", f->fix);
	return j;
}

json_t *explain_json(const struct results *r)
{
	json_t *errors = json_array(), *io = json_array(), *walk = json_object(), *fields = json_object();
	json_t *all = json_object();
	size_t none[32] = { 0 }, valid = 0;
	for (size_t i = 0; i < r->pool.rows; i++) {
		struct opened o;
		open_sidecar(r, i, &o);
		valid += o.state == FILE_GOOD;
		if (o.state != FILE_GOOD)
			json_add(o.state == FILE_CORRUPT ? &errors : &io, trouble_json(r, i, &o));
		for (size_t f = 0; optional_fields[f].name && o.state == FILE_GOOD; f++)
			none[f] += is_none(o.sidecar, optional_fields[f].name);
		opened_done(&o);
	}
	for (size_t f = 0; optional_fields[f].name; f++)
		json_put(&fields, optional_fields[f].name, field_json(&optional_fields[f], none[f], valid - none[f]));
	json_put_u64(&walk, "walked", r->pool.rows);
	json_put_u64(&walk, "valid", valid);
	json_put(&walk, "errors", errors);
	json_put(&walk, "io_errors", io);
	json_put_text(&all, "_schema_version", EXPLAIN_VERSION);
	json_put(&all, "_walk", walk);
	json_put(&all, "fields", fields);
	return all;
}
