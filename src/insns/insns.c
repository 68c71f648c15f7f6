/* SPDX-License-Identifier: GPL-2.0-only */
/* insns.c -- see insns.h. The file, which others may have written. */
#include "insns/insns.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/text.h"

#define FORMAT	       1
#define TAG_DIGITS     16
#define PROGRAM_PREFIX "bpf_prog_"

const char *const insns_phase_names[INSNS_PHASES + 1] = { "hold", "boot", "all", NULL };

void insns_done(struct insns *p)
{
	for (uint32_t i = 0; p->function && i < p->functions; i++)
		free(p->function[i]);
	free(p->function);
	free(p->path);
	free(p->test);
	free(p->topology);
	free(p->kernel);
	*p = (struct insns){ 0 };
}

void insns_program_name(const char *symbol, char *out, size_t size)
{
	bool is_program = !strncmp(symbol, PROGRAM_PREFIX, strlen(PROGRAM_PREFIX));
	const char *tag = symbol + (is_program ? strlen(PROGRAM_PREFIX) : 0);
	bool has_tag = is_program && strspn(tag, "0123456789abcdef") >= TAG_DIGITS && tag[TAG_DIGITS] == '_';
	snprintf(out, size, "%s%s", is_program ? INSNS_PROGRAM : "", has_tag ? tag + TAG_DIGITS + 1 : tag);
}

/* --- writing ------------------------------------------------------------------------------------------------------ */

/* [caller, function, and for each phase the instructions and the calls], from the end on without zeros. */
static json_t *path_json(const struct insns_path *p)
{
	const uint64_t number[2 + 2 * INSNS_PHASES] = {
		p->caller,
		p->function,
		p->in[INSNS_HOLD].instructions,
		p->in[INSNS_HOLD].calls,
		p->in[INSNS_BOOT].instructions,
		p->in[INSNS_BOOT].calls,
		p->in[INSNS_ALL].instructions,
		p->in[INSNS_ALL].calls,
	};
	json_t *a = json_array();
	for (size_t i = 0; i < ARRAY_SIZE(number); i++)
		json_add(&a, json_u64(number[i]));
	return a;
}

static json_t *phases_json(const struct insns *p)
{
	json_t *o = json_object();
	for (unsigned i = 0; i < INSNS_PHASES; i++)
		json_put(&o, insns_phase_names[i], p->has[i] ? json_u64(p->user[i]) : json_null());
	return o;
}

json_t *insns_json(const struct insns *p)
{
	json_t *o = json_object(), *functions = json_array(), *paths = json_array();
	for (uint32_t i = 0; i < p->functions; i++)
		json_add(&functions, json_text(p->function[i]));
	for (uint32_t i = 0; i < p->paths; i++)
		json_add(&paths, path_json(&p->path[i]));
	json_put_u64(&o, "format", FORMAT);
	json_put_text(&o, "test", p->test);
	json_put_text(&o, "topology", p->topology);
	json_put_text(&o, "kernel", p->kernel);
	json_put_u64(&o, "seed", p->seed);
	json_put(&o, "user", phases_json(p));
	json_put_u64(&o, "lost", p->lost);
	json_put(&o, "functions", functions);
	json_put(&o, "paths", paths);
	return o;
}

/* --- reading ------------------------------------------------------------------------------------------------------ */

static bool take_number(const json_t *array, size_t i, uint64_t *ret)
{
	const json_t *v = json_array_get(array, i);
	*ret = json_is_integer(v) ? (uint64_t)json_integer_value(v) : 0;
	return json_is_integer(v) && json_integer_value(v) >= 0;
}

/* A path is made after that of its caller, so there is no circle. */
static bool parse_path(const json_t *a, uint32_t index, uint32_t functions, struct insns_path *ret)
{
	uint64_t caller, function;
	bool valid = take_number(a, 0, &caller) && take_number(a, 1, &function) && function < functions &&
		     (caller < index || (!index && !caller));
	for (size_t i = 0; valid && i < INSNS_PHASES; i++)
		valid = take_number(a, 2 + 2 * i, &ret->in[i].instructions) &&
			take_number(a, 3 + 2 * i, &ret->in[i].calls);
	if (!valid)
		return false;
	ret->caller = (uint32_t)caller;
	ret->function = (uint32_t)function;
	return true;
}

static bool parse_functions(const json_t *list, struct insns *ret)
{
	size_t count = json_array_size(list);
	if (!count || count > INSNS_FUNCTIONS_MAX)
		return false;
	ret->function = calloc(count, sizeof(*ret->function));
	for (; ret->function && ret->functions < count; ret->functions++) {
		const char *name = json_string_value(json_array_get(list, ret->functions));
		ret->function[ret->functions] = name ? text_clean_line(name) : NULL;
		if (!ret->function[ret->functions])
			return false;
	}
	return ret->function;
}

static bool parse_paths(const json_t *list, struct insns *ret)
{
	size_t count = json_array_size(list);
	if (!count || count > INSNS_PATHS_MAX)
		return false;
	ret->path = calloc(count, sizeof(*ret->path));
	for (uint32_t i = 0; ret->path && i < count; i = ++ret->paths) {
		struct insns_path *p = &ret->path[i];
		if (!parse_path(json_array_get(list, i), i, ret->functions, p))
			return false;
		p->depth = i ? ret->path[p->caller].depth + 1 : 0;
		if (p->depth > INSNS_DEPTH_MAX)
			return false;
	}
	return ret->path;
}

static char *take_text(const json_t *o, const char *key)
{
	const char *text = json_string_value(json_object_get(o, key));
	return text_clean_line(text ?: "?");
}

int insns_parse(const json_t *o, struct insns *ret, struct err **err)
{
	const json_t *user = json_object_get(o, "user");
	*ret = (struct insns){ .test = take_text(o, "test"),
			       .topology = take_text(o, "topology"),
			       .kernel = take_text(o, "kernel"),
			       .seed = (uint64_t)json_integer_value(json_object_get(o, "seed")),
			       .lost = (uint64_t)json_integer_value(json_object_get(o, "lost")) };
	for (unsigned i = 0; i < INSNS_PHASES; i++) {
		const json_t *v = json_object_get(user, insns_phase_names[i]);
		ret->has[i] = json_is_integer(v);
		ret->user[i] = (uint64_t)json_integer_value(v);
	}
	if (json_integer_value(json_object_get(o, "format")) == FORMAT && ret->test && ret->topology && ret->kernel &&
	    parse_functions(json_object_get(o, "functions"), ret) && parse_paths(json_object_get(o, "paths"), ret))
		return 0;
	insns_done(ret);
	return FAIL(err, ERR_DATA, -EBADMSG, "it is not a profile of this version of ktstr");
}

int insns_read(const char *path, struct insns *ret, struct err **err)
{
	json_auto_t *o = NULL;
	int r = json_read_file(path, &o, err);
	if (r < 0)
		return r;
	r = insns_parse(o, ret, err);
	return r < 0 ? err_wrap(err, r, "read %s", path) : 0;
}
