/* SPDX-License-Identifier: GPL-2.0-only */
/* seen_decl.c -- see seen_decl.h. */
#include "run/seen_decl.h"

#include <stdlib.h>
#include <string.h>

#include "base/parse.h"

static int parse_writes(const json_t *list, struct seen_decl *s, struct err **err)
{
	s->write = calloc(json_array_size(list) + 1, sizeof(*s->write));
	if (!s->write)
		return -ENOMEM;
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *from = json_array_get(list, i);
		struct map_write_decl *w = &s->write[s->writes++];
		const char *value = json_string_value(json_object_get(from, "value"));
		int r = list_get_name(from, "variable", &w->variable, err);
		if (r == 0 && (!value || parse_u64(value, &w->value) < 0))
			r = FAIL(err, ERR_DATA, -EBADMSG, "value: must be a number of 64 bits as text");
		if (r < 0)
			return err_wrap(err, r, "bpf_map_write[%zu]", i);
	}
	return 0;
}

static int parse_watch(const json_t *from, struct map_watch_decl *w, struct err **err)
{
	unsigned aggregation = 0;
	int r = list_get_optional(from, "map", &w->map);
	if (r == 0)
		r = list_get_copy(from, "field", &w->field, err);
	if (r == 0)
		r = list_get_name(from, "label", &w->label, err);
	if (r == 0)
		r = list_get_unsigned(from, "aggregation", &aggregation, err);
	if (r == 0 && aggregation >= KTSTR_AGGREGATION_MAX)
		r = FAIL(err, ERR_DATA, -EBADMSG, "aggregation: %u is not known", aggregation);
	w->aggregation = (enum ktstr_aggregation)aggregation;
	return r;
}

static int parse_watches(const json_t *list, struct seen_decl *s, struct err **err)
{
	s->watch = calloc(json_array_size(list) + 1, sizeof(*s->watch));
	if (!s->watch)
		return -ENOMEM;
	for (size_t i = 0; i < json_array_size(list); i++) {
		int r = parse_watch(json_array_get(list, i), &s->watch[s->watches++], err);
		if (r < 0)
			return err_wrap(err, r, "watch_bpf_maps[%zu]", i);
	}
	return 0;
}

int seen_decl_parse(const json_t *o, struct seen_decl *ret, struct err **err)
{
	int r = json_object_get(o, "num_snapshots") ? list_get_unsigned(o, "num_snapshots", &ret->snapshots, err) : 0;
	if (r == 0 && ret->snapshots > KTSTR_SNAPSHOTS_MAX)
		r = FAIL(err, ERR_DATA, -ERANGE, "num_snapshots: %u is above %d", ret->snapshots, KTSTR_SNAPSHOTS_MAX);
	if (r == 0)
		r = list_get_bool(o, "post_vm", &ret->post_vm, err);
	if (r == 0)
		r = parse_writes(json_object_get(o, "bpf_map_write"), ret, err);
	return r == 0 ? parse_watches(json_object_get(o, "watch_bpf_maps"), ret, err) : r;
}

void seen_decl_done(struct seen_decl *s)
{
	for (size_t i = 0; i < s->writes; i++)
		free(s->write[i].variable);
	for (size_t i = 0; i < s->watches; i++) {
		free(s->watch[i].map);
		free(s->watch[i].field);
		free(s->watch[i].label);
	}
	free(s->write);
	free(s->watch);
	*s = (struct seen_decl){ 0 };
}

bool seen_decl_any(const struct seen_decl *s)
{
	return s->snapshots || s->post_vm || s->writes || s->watches;
}
