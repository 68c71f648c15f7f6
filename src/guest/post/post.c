/* SPDX-License-Identifier: GPL-2.0-only */
/* post.c -- see post.h. */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/library.h"
#include "guest/post/post.h"

#define JSON_LIBRARY	 "libjansson.so.4"
#define STATUS_NO_MEMORY 71 /* EX_OSERR of sysexits.h */

/* --- memory ------------------------------------------------------------------------------------------------------- */

struct allocation {
	void *before;
	max_align_t data[];
};

void *post_alloc(struct ktstr_post *p, size_t size)
{
	struct allocation *a = calloc(1, sizeof(*a) + size);
	if (!a) {
		fputs("out of memory\n", stderr);
		_exit(STATUS_NO_MEMORY);
	}
	a->before = p->memory;
	p->memory = a;
	return a->data;
}

const char *post_text(struct ktstr_post *p, const char *fmt, ...)
{
	_cleanup_buf_ struct buf text = BUF_NULL;
	va_list ap;
	va_start(ap, fmt);
	buf_vappendf(&text, fmt, ap);
	va_end(ap);
	char *copy = post_alloc(p, text.len + 1);
	memcpy(copy, buf_str(&text), text.len);
	return copy;
}

/* --- the file ----------------------------------------------------------------------------------------------------- */

static int load_library(struct ktstr_post *p, struct err **err)
{
#define POST_JSON_NAME(name) "json_" #name,
	static const char *const names[] = { POST_JSON_FUNCTIONS(POST_JSON_NAME) NULL };
	return library_open(JSON_LIBRARY, names, &p->api, err);
}

static void take_snapshot(struct ktstr_post *p, const json_t *from, struct ktstr_snapshot *s)
{
	const struct post_json *j = &p->api;
	const json_t *step = j->object_get(from, "step"), *dump = j->object_get(from, "dump"),
		     *ms = j->object_get(from, "time_ms");
	const char *name = j->string_value(j->object_get(from, "name"));
	*s = (struct ktstr_snapshot){
		.post = p,
		.name = name ? name : "",
		.ms = json_is_number(ms) ? j->number_value(ms) : NAN,
		.step = json_is_integer(step) ? (int)j->integer_value(step) : -1,
		.periodic = json_is_true(j->object_get(from, "periodic")),
		.dump = json_is_object(dump) ? dump : NULL,
		.lack = j->string_value(j->object_get(from, "lack")),
	};
	if (!s->dump && !s->lack)
		s->lack = "nothing is known of it";
}

int post_open(struct ktstr_post *p, const char *path, struct err **err)
{
	json_error_t why;
	*p = (struct ktstr_post){ .channel = { .fd = -1 }, .verdict = KTSTR_SKIP };
	int r = load_library(p, err);
	if (r < 0)
		return r;
	p->root = p->api.load_file(path, 0, &why);
	const json_t *list = p->root ? p->api.object_get(p->root, "snapshots") : NULL;
	if (!json_is_array(list))
		return FAIL(err, ERR_DATA, -EBADMSG, "read the snapshots in %s: %s", path,
			    p->root ? "it has no list of them" : why.text);
	p->snapshots = (unsigned)p->api.array_size(list);
	p->snapshot = post_alloc(p, p->snapshots * sizeof(*p->snapshot));
	for (unsigned i = 0; i < p->snapshots; i++)
		take_snapshot(p, p->api.array_get(list, i), &p->snapshot[i]);
	return 0;
}

void post_done(struct ktstr_post *p)
{
	for (struct allocation *a = p->memory; a;) {
		struct allocation *before = a->before;
		free(a);
		a = before;
	}
	free(p->said);
	if (p->root && p->root->refcount != (size_t)-1 && --p->root->refcount == 0)
		p->api.delete(p->root);
	*p = (struct ktstr_post){ 0 };
}

/* --- findings ----------------------------------------------------------------------------------------------------- */

enum ktstr_verdict post_worse(enum ktstr_verdict a, enum ktstr_verdict b)
{
	static const int ranks[] = { [KTSTR_SKIP] = 0, [KTSTR_PASS] = 1, [KTSTR_INCONCLUSIVE] = 2, [KTSTR_FAIL] = 3 };
	return ranks[b] > ranks[a] ? b : a;
}

void post_find(struct ktstr_post *p, enum ktstr_verdict verdict, const char *text)
{
	const struct wire_detail head = { .verdict = (uint32_t)verdict, .expectation = verdict == KTSTR_FAIL };
	p->verdict = post_worse(p->verdict, verdict);
	p->judged = true;
	free(p->said);
	p->said = strdup(text);
	if (p->channel.fd >= 0)
		channel_detail(&p->channel, &head, text);
}

/* --- the process -------------------------------------------------------------------------------------------------- */

static enum ktstr_verdict say_unreadable(struct ktstr_post *p, const struct err *err)
{
	_cleanup_buf_ struct buf why = BUF_NULL;
	err_format(err, &why);
	post_find(p, KTSTR_INCONCLUSIVE, buf_str(&why));
	return KTSTR_INCONCLUSIVE;
}

int post_run(const struct ktstr_test *test, const char *path, int channel)
{
	struct ktstr_post p;
	_cleanup_err_ struct err *err = NULL;
	int r = post_open(&p, path, &err);
	p.channel.fd = channel;
	enum ktstr_verdict v = r < 0 ? say_unreadable(&p, err) : test->post_vm(&p);
	if (p.judged)
		v = post_worse(v, p.verdict);
	const struct wire_result result = { .verdict = (uint32_t)v };
	r = channel_send(&p.channel, WIRE_RESULT, &result, sizeof(result), NULL, 0);
	post_done(&p);
	return r;
}
