/* SPDX-License-Identifier: GPL-2.0-only */
/* read.c -- see read.h. */
#include "declare/read.h"

#include <math.h>
#include <string.h>

#include "base/buf.h"
#include "base/text.h"
#include "declare/write.h"

#define LIST_MAX    4096
#define WORDS_NAMED 12 /* in an error */

#define BAD(err, ...) FAIL(err, ERR_DATA, -EBADMSG, __VA_ARGS__)

/* Memory of a declaration. */
struct chunk {
	struct chunk *next;
	max_align_t data[];
};

static void *take_memory(struct declaration *d, size_t count, size_t size)
{
	struct chunk *c = calloc(1, sizeof(*c) + count * size);
	if (!c)
		return NULL;
	c->next = d->chunks;
	d->chunks = c;
	return c->data;
}

void declaration_free(struct declaration *d)
{
	for (struct chunk *c = d ? d->chunks : NULL; c;) {
		struct chunk *next = c->next;
		free(c);
		c = next;
	}
	free(d);
}

static int no_memory(struct err **err)
{
	return FAIL_SYS(err, -ENOMEM, "read a scenario");
}

static void put_pointer(const struct field *f, void *object, const void *value)
{
	memcpy((char *)object + f->at, &value, sizeof(value));
}

/* --- numbers and words -------------------------------------------------------------------------------------------- */

static int read_whole(const struct field *f, const json_t *from, int64_t least, int64_t most, int64_t *ret,
		      struct err **err)
{
	json_int_t n = json_integer_value(from);
	if (!json_is_integer(from) || n < least || n > most)
		return BAD(err, "'%s' is not a whole number from %ld to %ld", f->name, least, most);
	*ret = n;
	return 0;
}

static int read_unsigned(const struct field *f, const json_t *from, void *at, struct err **err)
{
	int64_t n = 0;
	int r = read_whole(f, from, 0, UINT32_MAX, &n, err);
	if (r == 0)
		*(unsigned *)at = (unsigned)n;
	return r;
}

static int read_u64(const struct field *f, const json_t *from, void *at, struct err **err)
{
	const char *word = json_string_value(from);
	int64_t n = 0;
	if (word && !strcmp(word, "max")) {
		*(uint64_t *)at = UINT64_MAX;
		return 0;
	}
	int r = read_whole(f, from, 0, INT64_MAX, &n, err);
	if (r == 0)
		*(uint64_t *)at = (uint64_t)n;
	return r;
}

static int read_real(const struct field *f, const json_t *from, double *ret, struct err **err)
{
	if (!json_is_number(from) || !isfinite(json_number_value(from)))
		return BAD(err, "'%s' is not a number", f->name);
	*ret = json_number_value(from);
	return 0;
}

/* The negative numbers have a meaning of their own, so they are not limits. */
static int read_limit(const struct field *f, const json_t *from, double *ret, struct err **err)
{
	if (json_is_false(from)) {
		*ret = KTSTR_OFF;
		return 0;
	}
	int r = read_real(f, from, ret, err);
	if (r < 0 || *ret < 0)
		return BAD(err, "'%s' is not a limit: write a number from 0, or false", f->name);
	if (*ret == 0)
		*ret = KTSTR_ZERO;
	return 0;
}

static int read_flag(const struct field *f, const json_t *from, bool *ret, struct err **err)
{
	*ret = json_is_true(from);
	return json_is_boolean(from) ? 0 : BAD(err, "'%s' is not true or false", f->name);
}

static int read_switch(const struct field *f, const json_t *from, void *at, struct err **err)
{
	bool on;
	int r = read_flag(f, from, &on, err);
	if (r == 0)
		*(enum ktstr_switch *)at = on ? KTSTR_ON : KTSTR_OFF;
	return r;
}

static int read_word(const struct field *f, const json_t *from, void *at, struct err **err)
{
	const char *word = json_string_value(from);
	for (unsigned i = 0; word && f->words[i]; i++)
		if (!strcasecmp(word, f->words[i])) {
			memcpy(at, &i, sizeof(i));
			return 0;
		}
	if (!word)
		return BAD(err, "'%s' is not a word", f->name);
	_cleanup_buf_ struct buf known = BUF_NULL;
	unsigned i = 0;
	for (; f->words[i] && i < WORDS_NAMED; i++)
		buf_appendf(&known, "%s%s", i ? ", " : "", f->words[i]);
	buf_puts(&known, f->words[i] ? " ...; scenario.schema.json has all" : "");
	return BAD(err, "'%s' is '%s', which is not one of its words (%s)", f->name, word, buf_str(&known));
}

static int read_set(const struct field *f, const json_t *from, void *at, struct err **err)
{
	struct {
		bool set;
		int value;
	} *to = at;
	int64_t n = 0;
	int r = read_whole(f, from, INT32_MIN, INT32_MAX, &n, err);
	if (r == 0) {
		to->set = true;
		to->value = (int)n;
	}
	return r;
}

static int read_bytes(const struct field *f, const json_t *from, unsigned char *at, struct err **err)
{
	int r = 0;
	if (!json_is_array(from) || json_array_size(from) > f->count)
		return BAD(err, "'%s' is not a list of at most %u numbers", f->name, f->count);
	for (size_t i = 0; r == 0 && i < json_array_size(from); i++) {
		int64_t n = 0;
		r = read_whole(f, json_array_get(from, i), 0, UINT8_MAX, &n, err);
		at[i] = (unsigned char)n;
	}
	return r;
}

/* --- texts -------------------------------------------------------------------------------------------------------- */

static int read_text(struct declaration *d, const struct field *f, const json_t *from, bool line, const char **ret,
		     struct err **err)
{
	const char *text = json_string_value(from);
	size_t len = json_string_length(from);
	if (!text || strlen(text) != len || !text_is_clean(text, len, line))
		return BAD(err, "'%s' is not a printable text", f->name);
	char *copy = take_memory(d, len + 1, 1);
	if (!copy)
		return no_memory(err);
	memcpy(copy, text, len);
	*ret = copy;
	return 0;
}

static int check_list(const struct field *f, const json_t *from, size_t most, struct err **err)
{
	if (!json_is_array(from) || json_array_size(from) > most)
		return BAD(err, "'%s' is not a list of at most %zu entries", f->name, most);
	return 0;
}

static int read_texts(struct declaration *d, const struct field *f, const json_t *from, void *object, struct err **err)
{
	int r = check_list(f, from, LIST_MAX, err);
	size_t count = json_array_size(from);
	const char **list = r == 0 ? take_memory(d, count + 1, sizeof(*list)) : NULL;
	if (r == 0 && !list)
		r = no_memory(err);
	for (size_t i = 0; r == 0 && i < count; i++)
		r = read_text(d, f, json_array_get(from, i), true, &list[i], err);
	if (r == 0)
		put_pointer(f, object, list);
	return r;
}

static int read_scheduler(const struct declaration *d, const struct field *f, const json_t *from,
			  const struct ktstr_scheduler **ret, struct err **err)
{
	const char *name = json_string_value(from);
	for (size_t i = 0; name && i < d->schedulers; i++)
		if (!strcmp(d->scheduler[i].name, name)) {
			*ret = &d->scheduler[i];
			return 0;
		}
	return BAD(err, "'%s' is not the name of one of \"schedulers\"", f->name);
}

static int read_schedulers(struct declaration *d, const struct field *f, const json_t *from, void *object,
			   struct err **err)
{
	int r = check_list(f, from, LIST_MAX, err);
	size_t count = json_array_size(from);
	const struct ktstr_scheduler **list = r == 0 ? take_memory(d, count + 1, sizeof(*list)) : NULL;
	if (r == 0 && !list)
		r = no_memory(err);
	for (size_t i = 0; r == 0 && i < count; i++)
		r = read_scheduler(d, f, json_array_get(from, i), &list[i], err);
	if (r == 0)
		put_pointer(f, object, list);
	return r;
}

/* --- objects ------------------------------------------------------------------------------------------------------ */

static int read_object(struct declaration *d, const struct shape *s, const json_t *from, void *object,
		       struct err **err);

static int read_items(struct declaration *d, const struct field *f, const json_t *from, char *to, struct err **err)
{
	int r = 0;
	size_t i = 0;
	for (; r == 0 && i < json_array_size(from); i++) {
		char *item = to + i * f->shape->size;
		r = read_object(d, f->shape, json_array_get(from, i), item, err);
		if (r == 0 && f->shape->ends(item))
			r = BAD(err, "%s lacks what every entry must have, as its name or its number", f->shape->noun);
	}
	return r < 0 ? err_wrap(err, r, "%s[%zu]", f->name, i - 1) : 0;
}

static int read_list(struct declaration *d, const struct field *f, const json_t *from, void *object, struct err **err)
{
	int r = check_list(f, from, LIST_MAX, err);
	if (r < 0)
		return r;
	size_t count = json_array_size(from);
	char *list = take_memory(d, count + 1, f->shape->size);
	if (!list)
		return no_memory(err);
	r = read_items(d, f, from, list, err);
	if (f->shape->end)
		f->shape->end(list + count * f->shape->size);
	put_pointer(f, object, list);
	return r;
}

static int read_one(struct declaration *d, const struct field *f, const json_t *from, void *object, struct err **err)
{
	void *one = take_memory(d, 1, f->shape->size);
	if (!one)
		return no_memory(err);
	int r = read_object(d, f->shape, from, one, err);
	put_pointer(f, object, one);
	return r < 0 ? err_wrap(err, r, "%s", f->name) : 0;
}

static int read_array(struct declaration *d, const struct field *f, const json_t *from, void *at, struct err **err)
{
	int r = check_list(f, from, f->count, err);
	return r == 0 ? read_items(d, f, from, at, err) : r;
}

static int read_field(struct declaration *d, const struct field *f, const json_t *from, void *object, struct err **err)
{
	void *at = (char *)object + f->at;
	int r;
	switch (f->kind) {
	case FIELD_UNSIGNED:
		return read_unsigned(f, from, at, err);
	case FIELD_U64:
		return read_u64(f, from, at, err);
	case FIELD_REAL:
		return read_real(f, from, at, err);
	case FIELD_LIMIT:
		return read_limit(f, from, at, err);
	case FIELD_BOOL:
		return read_flag(f, from, at, err);
	case FIELD_SWITCH:
		return read_switch(f, from, at, err);
	case FIELD_TEXT:
	case FIELD_LINES:
		return read_text(d, f, from, f->kind == FIELD_TEXT, at, err);
	case FIELD_TEXTS:
		return read_texts(d, f, from, object, err);
	case FIELD_CHOICE:
		return read_word(f, from, at, err);
	case FIELD_SET_NUMBER:
		return read_set(f, from, at, err);
	case FIELD_BYTES:
		return read_bytes(f, from, at, err);
	case FIELD_STRUCT:
		r = read_object(d, f->shape, from, at, err);
		return r < 0 ? err_wrap(err, r, "%s", f->name) : 0;
	case FIELD_ARRAY:
		return read_array(d, f, from, at, err);
	case FIELD_LIST:
		return read_list(d, f, from, object, err);
	case FIELD_ONE:
		return read_one(d, f, from, object, err);
	case FIELD_SCHEDULER:
		return read_scheduler(d, f, from, at, err);
	case FIELD_SCHEDULERS:
		return read_schedulers(d, f, from, object, err);
	case FIELD_INLINE:
	case FIELD_REFUSED:
		break;
	}
	return BAD(err, "'%s' is %s, which a file cannot have", f->name, f->what ? f->what : "not a field");
}

/* The field of that name, also of an inline struct; *@at: the struct that it is in. */
static const struct field *find_field(const struct shape *s, const char *name, void **at)
{
	for (const struct field *f = s->field; f->name; f++) {
		if (f->kind != FIELD_INLINE) {
			if (!strcmp(f->name, name))
				return f;
			continue;
		}
		void *inside = (char *)*at + f->at;
		const struct field *found = find_field(f->shape, name, &inside);
		if (!found)
			continue;
		*at = inside;
		return found;
	}
	return NULL;
}

static int read_object(struct declaration *d, const struct shape *s, const json_t *from, void *object, struct err **err)
{
	const char *key;
	json_t *value;
	if (!json_is_object(from))
		return BAD(err, "%s is not an object", s->noun);
	json_object_foreach((json_t *)from, key, value) {
		void *at = object;
		const struct field *f = find_field(s, key, &at);
		int r = f ? read_field(d, f, value, at, err) : BAD(err, "'%s' is not a field of %s", key, s->noun);
		if (r < 0)
			return r;
	}
	return 0;
}

/* --- documents ---------------------------------------------------------------------------------------------------- */

static int read_declared(struct declaration *d, const json_t *list, const char *file, struct err **err)
{
	size_t count = json_array_size(list);
	if (!json_is_array(list) || count >= DECLARE_SCHEDULERS_MAX)
		return BAD(err, "\"schedulers\" is not a list of fewer than %d entries", DECLARE_SCHEDULERS_MAX);
	d->scheduler = take_memory(d, count + 1, sizeof(*d->scheduler));
	if (!d->scheduler)
		return no_memory(err);
	for (size_t i = 0; i < count; i++) {
		struct ktstr_scheduler *s = &d->scheduler[i];
		int r = read_object(d, &shape_scheduler, json_array_get(list, i), s, err);
		s->file = file;
		s->line = 1;
		if (r == 0 && !s->name)
			r = BAD(err, "it has no name");
		for (size_t k = 0; r == 0 && k < i; k++)
			if (!strcmp(d->scheduler[k].name, s->name))
				r = BAD(err, "'%s' is declared twice", s->name);
		if (r < 0)
			return err_wrap(err, r, "schedulers[%zu]", i);
		d->schedulers++;
	}
	return 0;
}

static int check_version(const json_t *root, struct err **err)
{
	const json_t *version = json_object_get(root, "ktstr_scenario");
	const char *key;
	json_t *value;
	if (!json_is_integer(version))
		return BAD(err, "it is not a scenario file: it has no \"ktstr_scenario\"");
	if (json_integer_value(version) != SCENARIO_FILE_VERSION)
		return BAD(err, "it has version %lld, and this ktstr reads version %d",
			   (long long)json_integer_value(version), SCENARIO_FILE_VERSION);
	json_object_foreach((json_t *)root, key, value)
		if (strcmp(key, "ktstr_scenario") && strcmp(key, "$schema") && strcmp(key, "schedulers") &&
		    strcmp(key, "test") && strcmp(key, "scenario"))
			return BAD(err, "'%s' is not a key of a scenario file", key);
	return 0;
}

static int read_document(struct declaration *d, const json_t *root, const char *file, struct err **err)
{
	const json_t *schedulers = json_object_get(root, "schedulers");
	int r = check_version(root, err);
	if (r == 0 && schedulers)
		r = read_declared(d, schedulers, file, err);
	if (r == 0)
		r = err_wrap(err, read_object(d, &shape_test, json_object_get(root, "test"), &d->test, err), "test");
	if (r == 0 && !d->test.name)
		r = BAD(err, "test: it has no name");
	if (r == 0)
		r = err_wrap(err, read_object(d, &shape_scenario, json_object_get(root, "scenario"), &d->scenario, err),
			     "scenario");
	if (r == 0 && (!d->scenario.steps || !d->scenario.steps->name))
		r = BAD(err, "scenario: it has no steps");
	d->test.file = file;
	d->test.line = 1;
	return r;
}

int declaration_read(const json_t *root, const char *file, struct declaration **ret, struct err **err)
{
	struct declaration *d = calloc(1, sizeof(*d));
	if (!d)
		return no_memory(err);
	int r = read_document(d, root, file, err);
	if (r < 0) {
		declaration_free(d);
		return r;
	}
	*ret = d;
	return 0;
}

int declaration_parse(const char *text, size_t len, const char *file, struct declaration **ret, struct err **err)
{
	json_error_t why;
	json_t *root = json_loadb(text, len, JSON_REJECT_DUPLICATES, &why);
	if (!root)
		return BAD(err, "line %d: %s", why.line, why.text);
	int r = declaration_read(root, file, ret, err);
	json_decref(root);
	return r;
}
