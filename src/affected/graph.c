/* SPDX-License-Identifier: GPL-2.0-only */
/* graph.c -- see graph.h. */
#include <stdio.h>
#include <string.h>

#include "affected/graph.h"
#include "base/file.h"
#include "base/text.h"

int graph_init(struct graph *g)
{
	*g = (struct graph){ .edge = json_object(), .compiled = json_object(), .informed = json_object() };
	return g->edge && g->compiled && g->informed ? 0 : -ENOMEM;
}

void graph_done(struct graph *g)
{
	json_decref(g->edge);
	json_decref(g->compiled);
	json_decref(g->informed);
	*g = (struct graph){ 0 };
}

/* --- paths -------------------------------------------------------------------------------------------------------- */

static void drop_last(struct buf *out)
{
	while (out->len && out->data[out->len - 1] != '/')
		out->len--;
	out->len -= out->len > 0;
	if (out->data)
		out->data[out->len] = '\0';
}

static void append_parts(struct buf *out, const char *path)
{
	while (*path) {
		size_t len = strcspn(path, "/");
		if (len == 2 && !strncmp(path, "..", 2))
			drop_last(out);
		else if (len && !(len == 1 && *path == '.'))
			buf_appendf(out, "/%.*s", (int)len, path);
		path += len + (path[len] == '/');
	}
}

char *path_normal(const char *dir, const char *path)
{
	struct buf out = BUF_NULL;
	if (*path != '/')
		append_parts(&out, dir);
	append_parts(&out, path);
	if (!out.len)
		buf_puts(&out, "/");
	return buf_steal(&out);
}

bool is_source(const char *path)
{
	static const char *const ends[] = { ".c", ".cc", ".cpp", ".cxx", ".C", ".S", ".rs", ".m", ".h", ".hpp" };
	const char *dot = strrchr(path_basename(path), '.');
	for (size_t i = 0; dot && i < ARRAY_SIZE(ends); i++)
		if (!strcmp(dot, ends[i]))
			return true;
	return false;
}

/* --- edges -------------------------------------------------------------------------------------------------------- */

/* A key of a JSON object must be UTF-8. */
static char *make_key(struct graph *g, const char *dir, const char *path)
{
	char *key = path_normal(dir, path);
	if (key && text_is_clean(key, strlen(key), /* line= */ true))
		return key;
	g->failed = true;
	free(key);
	return NULL;
}

static void put(struct graph *g, json_t **set, const char *key)
{
	if (!json_object_get(*set, key))
		json_put(set, key, json_true());
	g->failed |= !*set;
}

void graph_note(struct graph *g, json_t **set, const char *dir, const char *path)
{
	_cleanup_free_ char *key = make_key(g, dir, path);
	if (key)
		put(g, set, key);
}

void graph_add(struct graph *g, const char *dir, const char *output, const char *input)
{
	_cleanup_free_ char *from = make_key(g, dir, output), *to = make_key(g, dir, input);
	if (!from || !to || !strcmp(from, to))
		return;
	if (!json_object_get(g->edge, from))
		json_put(&g->edge, from, json_object());
	json_auto_t *inputs = json_incref(json_object_get(g->edge, from));
	put(g, &inputs, to);
}

void graph_closure(const struct graph *g, const char *output, json_t **found)
{
	json_auto_t *queue = json_array();
	json_add(&queue, json_string(output));
	for (size_t i = 0; i < json_array_size(queue); i++) {
		const char *input;
		json_t *unused;
		json_object_foreach(json_object_get(g->edge, json_string_value(json_array_get(queue, i))), input,
				    unused) {
			if (json_object_get(*found, input))
				continue;
			json_put(found, input, json_true());
			json_add(&queue, json_string(input));
		}
	}
	if (!queue)
		json_put(found, "", NULL);
}
