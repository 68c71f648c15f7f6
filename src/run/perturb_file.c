/* SPDX-License-Identifier: GPL-2.0-only */
/* perturb_file.c -- see perturb_file.h. */
#include "run/perturb_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/parse.h"
#include "run/perturb.h"

#define VERSION 1

bool perturb_is_file(const char *text)
{
	size_t len = strlen(text);
	return strchr(text, '/') || (len > 5 && !strcmp(text + len - 5, ".json"));
}

/* --- writing ------------------------------------------------------------------------------------------------------ */

static json_t *sets_json(uint32_t at)
{
	json_t *list = json_array();
	const char *word;
	uint32_t set;
	for (unsigned i = 0; (word = perturb_set_word(i, &set)); i++)
		if (at & set)
			json_add(&list, json_text(word));
	return list;
}

static json_t *points_json(const struct observe_point *point, unsigned count)
{
	json_t *points = json_array();
	for (unsigned i = 0; i < count; i++) {
		json_t *one = json_array();
		int event = perturb_event_index(point[i].hook);
		json_add(&one, json_u64(point[i].hit));
		json_add(&one, json_integer(event));
		json_add(&one, json_u64(point[i].hold_ns));
		json_add(&points, one);
	}
	return points;
}

json_t *perturb_file_json(const struct observe_perturb *p, const struct observe_point *point, unsigned count)
{
	char seed[24], how[PERTURB_TEXT_MAX];
	json_t *root = json_object(), *functions = json_array();
	snprintf(seed, sizeof(seed), "%lu", p->seed);
	for (uint32_t i = 0; perturb_event(i); i++)
		json_add(&functions, json_text(perturb_event(i)));
	json_put_u64(&root, "perturb", VERSION);
	json_put_text(&root, "policy", perturb_policy(p));
	json_put_text(&root, "how", perturb_format(p, how));
	json_put_text(&root, "seed", seed);
	json_put_u64(&root, "one_in", p->one_in);
	json_put_u64(&root, "hold_ns", p->hold_ns);
	json_put(&root, "at", sets_json(p->at ?: PERTURB_AT));
	if (p->at & OBSERVE_WINDOW)
		json_put_u64(&root, "window_ns", p->window_ns);
	json_put(&root, "functions", functions);
	json_put(&root, "points", points_json(point, count));
	return root;
}

/* --- reading ------------------------------------------------------------------------------------------------------ */

static int read_number(const json_t *value, uint64_t most, uint64_t *ret)
{
	json_int_t n = json_is_integer(value) ? json_integer_value(value) : -1;
	if (n < 0 || (uint64_t)n > most)
		return -EBADMSG;
	*ret = (uint64_t)n;
	return 0;
}

/* NULL: the point is valid. */
static const char *read_point(const json_t *from, struct observe_point *ret)
{
	uint64_t hit, function, hold;
	if (!json_is_array(from) || json_array_size(from) != 3)
		return "a point is [event, function, hold_ns], three numbers";
	if (read_number(json_array_get(from, 0), INT64_MAX, &hit) < 0)
		return "its event is to be a number from 0 on";
	if (read_number(json_array_get(from, 1), perturb_event_count() - 1, &function) < 0)
		return "its function is to be an index of \"functions\"";
	if (read_number(json_array_get(from, 2), OBSERVE_HOLD_NS_MAX, &hold) < 0 || !hold)
		return "its hold_ns is to be a number from 1 to 100000000";
	*ret = (struct observe_point){ hit, perturb_event_id((uint32_t)function), (uint32_t)hold };
	return NULL;
}

_Static_assert(OBSERVE_HOLD_NS_MAX == 100000000, "read_point() says it");

static int refuse_point(const json_t *point, size_t number, const char *why, struct err **err)
{
	_cleanup_buf_ struct buf text = BUF_NULL;
	json_print(point, /* pretty= */ false, &text);
	int shown = (int)MIN_OF(strcspn(buf_str(&text), "\n"), (size_t)60);
	return FAIL(err, ERR_DATA, -EBADMSG, "points[%zu], '%.*s', is not valid: %s", number, shown, buf_str(&text),
		    why);
}

static int read_points(const json_t *list, struct observe_point *ret, struct err **err)
{
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *point = json_array_get(list, i);
		const char *wrong = read_point(point, &ret[i]);
		if (!wrong && i && ret[i].hit <= ret[i - 1].hit)
			wrong = "its event is to come after that of the point before it";
		if (wrong)
			return refuse_point(point, i, wrong, err);
	}
	return 0;
}

/* Which events have numbers. A file of an earlier version does not say it. */
static int read_events(const json_t *root, struct observe_perturb *ret, struct err **err)
{
	const json_t *list = json_object_get(root, "at");
	uint64_t window = 0;
	ret->at = list ? 0 : PERTURB_AT;
	for (size_t i = 0; i < json_array_size(list); i++) {
		const char *word = json_string_value(json_array_get(list, i));
		uint32_t set = word ? perturb_set(word) : 0;
		if (!set)
			return FAIL(err, ERR_DATA, -EBADMSG, "at[%zu] is not the name of a set of events", i);
		ret->at |= set;
	}
	if (!ret->at)
		return FAIL(err, ERR_DATA, -EBADMSG, "\"at\" names no events");
	if (ret->at & OBSERVE_WINDOW &&
	    (read_number(json_object_get(root, "window_ns"), PERTURB_WINDOW_NS_MAX, &window) < 0 || !window))
		return FAIL(err, ERR_DATA, -EBADMSG, "\"window_ns\" is not a number from 1 to %u",
			    PERTURB_WINDOW_NS_MAX);
	ret->window_ns = (uint32_t)window;
	return 0;
}

/* How the points were chosen: only for the reader, so what is not there or not understood is left out. */
static void read_origin(const json_t *root, struct observe_perturb *ret)
{
	const char *seed = json_string_value(json_object_get(root, "seed"));
	if (seed)
		parse_u64(seed, &ret->seed);
}

int perturb_file_parse(const json_t *root, struct observe_perturb *ret, struct observe_point **ret_points,
		       struct err **err)
{
	const json_t *list = json_object_get(root, "points");
	uint64_t version = 0;
	if (read_number(json_object_get(root, "perturb"), INT64_MAX, &version) < 0)
		return FAIL(err, ERR_DATA, -EBADMSG,
			    "it is not a perturbation: it has no \"perturb\" with a version; name a *.perturb.json");
	if (version != VERSION)
		return FAIL(err, ERR_DATA, -EBADMSG, "it has version %lu, and this ktstr reads version %d", version,
			    VERSION);
	if (!json_is_array(list))
		return FAIL(err, ERR_DATA, -EBADMSG,
			    "its \"points\" is to be a list of points, each [event, function, hold_ns]");
	if (json_array_size(list) > OBSERVE_POINTS_MAX)
		return FAIL(err, ERR_DATA, -EBADMSG, "it has more than %d points", OBSERVE_POINTS_MAX);
	struct observe_point *points = calloc(json_array_size(list) + 1, sizeof(*points));
	if (!points)
		return FAIL_SYS(err, -ENOMEM, "read the points");
	struct observe_perturb p = { .points = points, .point_count = (unsigned)json_array_size(list) };
	int r = read_points(list, points, err);
	if (r == 0)
		r = read_events(root, &p, err);
	if (r < 0) {
		free(points);
		return r;
	}
	*ret = p;
	read_origin(root, ret);
	*ret_points = points;
	return 0;
}

int perturb_file_read(const char *path, struct observe_perturb *ret, struct observe_point **ret_points,
		      struct err **err)
{
	json_t *root = NULL;
	int r = json_read_file(path, &root, err);
	if (r < 0)
		return r;
	r = perturb_file_parse(root, ret, ret_points, err);
	json_decref(root);
	return r < 0 ? err_wrap(err, r, "read the perturbation '%s'", path) : 0;
}
