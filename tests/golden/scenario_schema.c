/* SPDX-License-Identifier: GPL-2.0-only */
/* Prints docs/scenario.schema.json, made from the tables of fields. */
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "declare/write.h"

static json_t *object_of(const struct shape *s, json_t *defs);

static json_t *typed(const char *type, double least, double most)
{
	json_t *o = json_pack("{s:s}", "type", type);
	json_object_set_new(o, "minimum", json_integer((json_int_t)least));
	if (most > least)
		json_object_set_new(o, "maximum", json_integer((json_int_t)most));
	return o;
}

/* A reference to the definition of @s, which is made at its first use. */
static json_t *reference(const struct shape *s, json_t *defs)
{
	const char *name = strrchr(s->type, ' ') + 1;
	char path[80];
	snprintf(path, sizeof(path), "#/$defs/%s", name);
	if (!json_object_get(defs, name)) {
		json_object_set_new(defs, name, json_null());
		json_object_set_new(defs, name, object_of(s, defs));
	}
	return json_pack("{s:s}", "$ref", path);
}

static json_t *list_of(json_t *items)
{
	return json_pack("{s:s,s:o}", "type", "array", "items", items);
}

static json_t *words_of(const struct field *f)
{
	json_t *list = json_array();
	for (size_t i = 0; f->words[i]; i++) {
		char word[64] = "";
		for (size_t k = 0; f->words[i][k]; k++) {
			char c = f->words[i][k];
			word[k] = c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
		}
		json_array_append_new(list, json_string(word));
	}
	return json_pack("{s:o}", "enum", list);
}

static json_t *value_of(const struct field *f, json_t *defs)
{
	switch (f->kind) {
	case FIELD_UNSIGNED:
		return typed("integer", 0, UINT32_MAX);
	case FIELD_U64:
		return json_pack("{s:[o,o]}", "anyOf", typed("integer", 0, 0), json_pack("{s:s}", "const", "max"));
	case FIELD_REAL:
		return json_pack("{s:s}", "type", "number");
	case FIELD_LIMIT:
		return json_pack("{s:[o,o]}", "anyOf", typed("number", 0, 0), json_pack("{s:b}", "const", 0));
	case FIELD_BOOL:
	case FIELD_SWITCH:
		return json_pack("{s:s}", "type", "boolean");
	case FIELD_TEXT:
	case FIELD_LINES:
	case FIELD_SCHEDULER:
		return json_pack("{s:s}", "type", "string");
	case FIELD_TEXTS:
	case FIELD_SCHEDULERS:
		return list_of(json_pack("{s:s}", "type", "string"));
	case FIELD_CHOICE:
		return words_of(f);
	case FIELD_SET_NUMBER:
		return json_pack("{s:s}", "type", "integer");
	case FIELD_BYTES:
		return list_of(typed("integer", 0, UINT8_MAX));
	case FIELD_STRUCT:
	case FIELD_ONE:
		return reference(f->shape, defs);
	case FIELD_ARRAY:
	case FIELD_LIST:
		return list_of(reference(f->shape, defs));
	default:
		return NULL;
	}
}

static void put_properties(const struct shape *s, json_t *properties, json_t *defs)
{
	for (const struct field *f = s->field; f->name; f++) {
		json_t *value = f->kind == FIELD_INLINE ? NULL : value_of(f, defs);
		if (f->kind == FIELD_INLINE)
			put_properties(f->shape, properties, defs);
		else if (value)
			json_object_set_new(properties, f->name, value);
	}
}

static json_t *object_of(const struct shape *s, json_t *defs)
{
	json_t *properties = json_object(), *o = json_object();
	put_properties(s, properties, defs);
	json_object_set_new(o, "description", json_sprintf("%s, as %s of the headers", s->noun, s->type));
	json_object_set_new(o, "type", json_string("object"));
	json_object_set_new(o, "properties", properties);
	json_object_set_new(o, "additionalProperties", json_false());
	return o;
}

int main(void)
{
	json_t *defs = json_object();
	json_t *properties =
		json_pack("{s:{s:s},s:{s:s,s:i},s:o,s:o,s:o}", "$schema", "type", "string", "ktstr_scenario",
			  "description", "Version of this format.", "const", SCENARIO_FILE_VERSION, "schedulers",
			  list_of(reference(&shape_scheduler, defs)), "test", reference(&shape_test, defs), "scenario",
			  reference(&shape_scenario, defs));
	json_t *root =
		json_pack("{s:s,s:s,s:s,s:s,s:o,s:[s,s,s],s:b,s:o}", "$schema",
			  "https://json-schema.org/draft/2020-12/schema", "title", "ktstr scenario file", "description",
			  "A test as data: 'ktstr test FILE.json' runs it. A field that is not there is not set. "
			  "The fields, words and numbers are those of the C headers, where each is explained.",
			  "type", "object", "properties", properties, "required", "ktstr_scenario", "test", "scenario",
			  "additionalProperties", 0, "$defs", defs);
	char *text = json_dumps(root, JSON_INDENT(1));
	puts(text ? text : "");
	free(text);
	json_decref(root);
	return !text;
}
