/* SPDX-License-Identifier: GPL-2.0-only */
/* record.c -- see record.h. */
#include <stdio.h>

#include "results/record.h"

#define RECORD_KEY(id, key) [RECORD_##id] = key,
static const char *const record_keys[RECORD_MEMBER_MAX] = { RECORD_KEYS(RECORD_KEY) };
#undef RECORD_KEY

_Static_assert(RECORD_MEMBER_MAX < NAMES_BUCKETS / 2, "room for all members");

void record_names_init(struct record_names *names)
{
	memset(names, 0, sizeof(*names));
	for (uint32_t i = 0; i < RECORD_MEMBER_MAX; i++)
		names_add(&names->member, record_keys[i], i);
}

const char *result_verdict_name(enum result_verdict verdict)
{
	static const char *const names[] = { "skip", "pass", "inconclusive", "fail" };
	return names[verdict];
}

bool result_verdict_of(const struct json_view *word, enum result_verdict *ret)
{
	for (unsigned v = RESULT_SKIP; v <= RESULT_FAIL; v++)
		if (json_view_is(word, result_verdict_name((enum result_verdict)v))) {
			*ret = (enum result_verdict)v;
			return true;
		}
	return false;
}

bool record_open(struct record *r, const struct record_names *names, const char *text, size_t len)
{
	struct json_view key;
	memset(r->at, 0, sizeof(r->at));
	json_reader_init(&r->json, text, len);
	if (!json_reader_enter(&r->json, '{'))
		return false;
	while (json_reader_key(&r->json, &key)) {
		uint32_t member = names_find(&names->member, key.text, key.len);
		if (member != UINT32_MAX && json_reader_peek(&r->json))
			r->at[member] = r->json.at;
		json_reader_pass(&r->json);
	}
	return json_reader_end(&r->json);
}

void record_error(const struct record *r, const char *otherwise, char *out, size_t size)
{
	unsigned line, column;
	json_reader_where(&r->json, &line, &column);
	if (r->json.error)
		snprintf(out, size, "line %u, column %u: %s", line, column, r->json.error);
	else
		snprintf(out, size, "%s", otherwise);
}

struct json_reader record_value(const struct record *r, enum record_member m)
{
	struct json_reader value;
	const char *at = r->at[m];
	json_reader_init(&value, at ?: r->json.end, at ? (size_t)(r->json.end - at) : 0);
	value.begin = r->json.begin; /* for the line of an error */
	return value;
}

/* Goes to the member @key of the object that is next. False: it is not an object, or does not have it. */
static bool go_to(struct json_reader *at, const char *key)
{
	struct json_view name;
	if (!json_reader_enter(at, '{'))
		return false;
	while (json_reader_key(at, &name)) {
		if (json_view_is(&name, key))
			return true;
		json_reader_pass(at);
	}
	return false;
}

bool record_find(const struct record *r, enum record_member m, const char *key, struct json_reader *ret)
{
	*ret = record_value(r, m);
	return go_to(ret, key);
}

bool record_text(const struct record *r, enum record_member m, struct json_view *ret)
{
	struct json_reader value = record_value(r, m);
	return json_reader_text(&value, ret);
}

bool record_is_word(const struct record *r, enum record_member m, const char *key, const char *word)
{
	struct json_reader value;
	struct json_view text;
	return record_find(r, m, key, &value) && json_reader_text(&value, &text) && json_view_is(&text, word);
}

bool record_is_bool(const struct record *r, enum record_member m, const char *key, bool wanted)
{
	struct json_reader value;
	bool is;
	return record_find(r, m, key, &value) && json_reader_bool(&value, &is) && is == wanted;
}

bool record_verdict(const struct record *r, enum result_verdict *ret)
{
	struct json_view word;
	return record_text(r, RECORD_VERDICT, &word) && result_verdict_of(&word, ret);
}

/* --- tries -------------------------------------------------------------------------------------------------------- */

struct json_reader record_tries(const struct record *r)
{
	struct json_reader tries;
	if (!record_find(r, RECORD_FLAKE, "tries", &tries) || !json_reader_enter(&tries, '['))
		json_reader_init(&tries, "", 0);
	return tries;
}

bool record_next_try(struct json_reader *tries, struct record_try *ret)
{
	struct json_view key;
	*ret = (struct record_try){ 0 };
	if (!json_reader_item(tries))
		return false;
	if (!json_reader_enter(tries, '{'))
		return !tries->error;
	while (json_reader_key(tries, &key)) {
		struct json_view *text = json_view_is(&key, "seed")	 ? &ret->seed
					 : json_view_is(&key, "verdict") ? &ret->verdict
					 : json_view_is(&key, "cause")	 ? &ret->cause
									 : NULL;
		if (text)
			json_reader_text(tries, text);
		else
			json_reader_pass(tries);
	}
	return !tries->error;
}
