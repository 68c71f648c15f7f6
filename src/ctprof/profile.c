/* SPDX-License-Identifier: GPL-2.0-only */
/* profile.c -- profiles to JSON and back. */
#include <inttypes.h>
#include <string.h>

#include "base/file.h"
#include "base/text.h"
#include "ctprof/compress.h"
#include "ctprof/profile.h"

struct thread *profile_add(struct profile *s)
{
	if (s->count == s->room) {
		size_t room = s->room ? s->room * 2 : 512;
		struct thread *grown = reallocarray(s->thread, room, sizeof(*grown));
		if (!grown)
			return NULL;
		s->thread = grown;
		s->room = room;
	}
	struct thread *t = &s->thread[s->count++];
	memset(t, 0, sizeof(*t));
	return t;
}

static void thread_done(struct thread *t)
{
	free(t->pcomm);
	free(t->comm);
	free(t->cgroup);
	free(t->policy);
	free(t->affinity);
	json_decref(t->smaps);
}

void profile_done(struct profile *s)
{
	for (size_t i = 0; i < s->count; i++)
		thread_done(&s->thread[i]);
	free(s->thread);
	json_decref(s->host);
	json_decref(s->cgroups);
	json_decref(s->psi);
	json_decref(s->sched_ext);
	json_decref(s->reads);
	json_decref(s->taskstats);
	json_decref(s->probe);
	json_decref(s->source);
	*s = (struct profile){ 0 };
}

static int compare_threads(const void *a, const void *b)
{
	const struct thread *x = a, *y = b;
	if (x->tgid != y->tgid)
		return x->tgid < y->tgid ? -1 : 1;
	return (x->tid > y->tid) - (x->tid < y->tid);
}

/* Processes have the name of their first thread, also if it has ended. Threads are sorted. */
static int name_processes(struct profile *s)
{
	const char *name = NULL;
	for (size_t i = 0; i < s->count; i++) {
		struct thread *t = &s->thread[i];
		if (!name || t->tgid != s->thread[i - 1].tgid)
			name = t->comm;
		t->pcomm = strdup(name);
		if (!t->pcomm)
			return -ENOMEM;
	}
	return 0;
}

int profile_finish(struct profile *s)
{
	if (s->count)
		qsort(s->thread, s->count, sizeof(*s->thread), compare_threads);
	return name_processes(s);
}

/* --- writing: without a tree of objects, because there are half a million values ---------------------------------- */

static void put_text(struct buf *out, const char *key, const char *text)
{
	buf_appendf(out, "\"%s\":", key);
	if (!text) {
		buf_puts(out, "null,");
		return;
	}
	buf_puts(out, "\"");
	text_append_json(out, text, strlen(text));
	buf_puts(out, "\",");
}

static void put_number(struct buf *out, const char *key, bool known, int64_t value)
{
	char digits[24];
	size_t at = sizeof(digits);
	uint64_t left = value < 0 ? -(uint64_t)value : (uint64_t)value;
	buf_append(out, "\"", 1);
	buf_puts(out, key);
	buf_append(out, "\":", 2);
	if (!known) {
		buf_append(out, "null,", 5);
		return;
	}
	digits[--at] = ',';
	do
		digits[--at] = (char)('0' + left % 10);
	while (left /= 10);
	if (value < 0)
		digits[--at] = '-';
	buf_append(out, digits + at, sizeof(digits) - at);
}

static void put_json(struct buf *out, const char *key, const json_t *value)
{
	_cleanup_buf_ struct buf text = BUF_NULL;
	buf_appendf(out, "\"%s\":", key);
	if (value)
		json_print(value, false, &text);
	else
		buf_puts(&text, "null\n");
	if (text.failed || !text.len)
		out->failed = true;
	else
		buf_append(out, text.data, text.len - 1);
	buf_puts(out, ",");
}

static void put_metric(struct buf *out, const struct thread *t, unsigned i)
{
	const struct metric_row *m = &metric_rows[i];
	if (i == METRIC_POLICY) {
		put_text(out, m->name, t->policy);
	} else if (i == METRIC_STATE) {
		put_text(out, m->name, t->state ? (char[]){ t->state, '\0' } : NULL);
	} else if (i == METRIC_AFFINITY) {
		put_text(out, m->name, t->affinity);
	} else if (i == METRIC_EXT_ENABLED) {
		buf_appendf(out, "\"%s\":%s,", m->name, !thread_knows(t, i) ? "null" : t->value[i] ? "true" : "false");
	} else {
		put_number(out, m->name, thread_knows(t, i), t->value[i]);
	}
}

static void end_object(struct buf *out, const char *close)
{
	if (out->len)
		out->len--; /* the last comma */
	buf_puts(out, close);
}

static void put_thread(struct buf *out, const struct thread *t)
{
	buf_puts(out, "{");
	put_number(out, "tid", true, t->tid);
	put_number(out, "tgid", true, t->tgid);
	put_text(out, "pcomm", t->pcomm);
	put_text(out, "comm", t->comm);
	put_text(out, "cgroup", t->cgroup);
	put_number(out, "start_time_clock_ticks", t->start_ticks != 0, (int64_t)t->start_ticks);
	for (unsigned i = 0; metric_rows[i].name; i++)
		put_metric(out, t, i);
	if (t->tid == t->tgid)
		put_json(out, "smaps_rollup_kib", t->smaps);
	end_object(out, "},\n");
}

void profile_print(const struct profile *s, struct buf *out)
{
	buf_puts(out, "{");
	put_number(out, "version", true, PROFILE_VERSION);
	put_number(out, "captured_at_unix_ns", true, (int64_t)s->captured_at_ns);
	put_number(out, "uptime_ns", true, (int64_t)s->uptime_ns);
	put_number(out, "clock_ticks_per_second", true, (int64_t)s->ticks_per_second);
	put_json(out, "source", s->source);
	put_json(out, "host", s->host);
	put_json(out, "cgroup_stats", s->cgroups);
	put_json(out, "psi", s->psi);
	put_json(out, "sched_ext", s->sched_ext);
	put_json(out, "parse_summary", s->reads);
	put_json(out, "taskstats_summary", s->taskstats);
	put_json(out, "probe_summary", s->probe);
	buf_puts(out, "\"threads\":[\n ");
	for (size_t i = 0; i < s->count; i++)
		put_thread(out, &s->thread[i]);
	if (s->count)
		out->len -= 2; /* comma and newline */
	buf_puts(out, "\n]}\n");
}

/* --- reading ------------------------------------------------------------------------------------------------------ */

static int get_text(const json_t *o, const char *key, char **ret)
{
	const char *text = json_string_value(json_object_get(o, key));
	if (text && !(*ret = text_clean_line(text)))
		return -ENOMEM;
	return 0;
}

static int get_texts(const json_t *o, struct thread *t)
{
	const char *state = json_string_value(json_object_get(o, "state"));
	t->state = state && *state > ' ' && *state < 127 ? *state : '\0';
	if (get_text(o, "pcomm", &t->pcomm) < 0 || get_text(o, "comm", &t->comm) < 0 ||
	    get_text(o, "cgroup", &t->cgroup) < 0 || get_text(o, "policy", &t->policy) < 0 ||
	    get_text(o, PROFILE_AFFINITY_TEXT, &t->affinity) < 0)
		return -ENOMEM;
	return 0;
}

static void get_metric(const json_t *o, struct thread *t, unsigned i)
{
	const json_t *value = json_object_get(o, metric_rows[i].name);
	if (i == METRIC_EXT_ENABLED && json_is_boolean(value))
		thread_set(t, i, json_is_true(value));
	else if (json_is_integer(value))
		thread_set(t, i, json_integer_value(value));
}

static int get_thread(const json_t *o, struct profile *s, struct err **err)
{
	uint64_t tid, tgid;
	int r = json_get_u64(o, "tid", &tid, err);
	r = r < 0 ? r : json_get_u64(o, "tgid", &tgid, err);
	if (r < 0)
		return r;
	struct thread *t = profile_add(s);
	if (!t || get_texts(o, t) < 0)
		return -ENOMEM;
	t->tid = (int32_t)MIN_OF(tid, (uint64_t)INT32_MAX);
	t->tgid = (int32_t)MIN_OF(tgid, (uint64_t)INT32_MAX);
	json_int_t start = json_integer_value(json_object_get(o, "start_time_clock_ticks"));
	t->start_ticks = start > 0 ? (uint64_t)start : 0;
	for (unsigned i = 0; metric_rows[i].name; i++)
		get_metric(o, t, i);
	json_t *smaps = json_object_get(o, "smaps_rollup_kib");
	t->smaps = json_is_object(smaps) ? json_incref(smaps) : NULL;
	return 0;
}

static json_t *get_object(const json_t *o, const char *key)
{
	json_t *value = json_object_get(o, key);
	return json_is_object(value) ? json_incref(value) : NULL;
}

static int get_profile(const json_t *root, struct profile *s, struct err **err)
{
	const json_t *threads = json_object_get(root, "threads"), *o;
	uint64_t version;
	size_t i;
	int r = json_get_u64(root, "version", &version, err);
	if (r == 0 && version != PROFILE_VERSION)
		r = FAIL(err, ERR_DATA, -EBADMSG, "it has version %" PRIu64 "; this ktstr reads version %d", version,
			 PROFILE_VERSION);
	r = r < 0 ? r : json_get_u64(root, "captured_at_unix_ns", &s->captured_at_ns, err);
	r = r < 0 ? r : json_get_u64(root, "uptime_ns", &s->uptime_ns, err);
	r = r < 0 ? r : json_get_u64(root, "clock_ticks_per_second", &s->ticks_per_second, err);
	if (r < 0)
		return r;
	if (!json_is_array(threads))
		return FAIL(err, ERR_DATA, -EBADMSG, "'threads' is not an array");
	s->host = get_object(root, "host");
	s->cgroups = get_object(root, "cgroup_stats");
	s->psi = get_object(root, "psi");
	s->sched_ext = get_object(root, "sched_ext");
	json_array_foreach(threads, i, o) {
		r = get_thread(o, s, err);
		if (r < 0)
			return r;
	}
	return 0;
}

int profile_parse(const char *data, size_t len, const char *name, struct profile *ret, struct err **err)
{
	_cleanup_buf_ struct buf plain = BUF_NULL;
	json_error_t where;
	int r = 0;
	*ret = (struct profile){ 0 };
	if (zstd_is_frame(data, len)) {
		r = zstd_decompress(data, len, PROFILE_BYTES_MAX, &plain, err);
		if (r < 0)
			return err_wrap(err, r, "read %s", name);
		data = buf_str(&plain);
		len = plain.len;
	}
	json_auto_t *root = json_loadb(data, len, JSON_REJECT_DUPLICATES, &where);
	if (!root)
		return FAIL(err, ERR_DATA, -EBADMSG, "read %s: line %d: %s; is it a file of 'ktstr ctprof capture'?",
			    name, where.line, where.text);
	r = get_profile(root, ret, err);
	if (r == 0)
		return 0;
	profile_done(ret);
	return err_wrap(err, r, "read %s", name);
}

int profile_read(const char *path, struct profile *ret, struct err **err)
{
	_cleanup_buf_ struct buf data = BUF_NULL;
	int r = file_read(path, PROFILE_BYTES_MAX, &data, err);
	return r < 0 ? r : profile_parse(buf_str(&data), data.len, path, ret, err);
}
