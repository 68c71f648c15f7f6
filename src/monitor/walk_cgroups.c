/* SPDX-License-Identifier: GPL-2.0-only */
/* walk_cgroups.c -- walk_cgroups() of walk.h: the tree of the default hierarchy, by names of kernfs nodes. */
#include <string.h>

#include "base/text.h"
#include "monitor/walk.h"

#define DEPTH_MAX      32
#define NAME_BYTES_MAX 256
#define PATH_BYTES_MAX 1024

struct tree {
	struct field children, sibling, node, name; /* children and sibling: within struct cgroup */
	unsigned cap;				    /* groups left that it reads */
	int (*visit)(struct view *v, const struct walk_cgroup *c, void *arg);
	void *arg;
	char path[PATH_BYTES_MAX];
	unsigned depth;
	enum walk_end end;
};

static bool find_fields(struct tree *w, const struct types *t)
{
	w->children = types_field(t, "cgroup", "self.children");
	w->sibling = types_field(t, "cgroup", "self.sibling");
	w->node = types_field(t, "cgroup", "kn");
	w->name = types_field(t, "kernfs_node", "name");
	return field_present(w->children) && field_present(w->sibling) && field_present(w->node) &&
	       field_present(w->name);
}

static bool read_name(struct view *v, const struct tree *w, uint64_t cgroup, char out[NAME_BYTES_MAX])
{
	uint64_t node, name;
	return view_read_field(v, cgroup, w->node, &node) && view_read_field(v, node, w->name, &name) &&
	       view_read_text(v, name, out, NAME_BYTES_MAX);
}

static bool is_leaf(struct view *v, const struct tree *w, uint64_t cgroup)
{
	uint64_t first, head = cgroup + w->children.offset;
	return view_read_u64(v, head, sizeof(first), &first) && first == head;
}

/* Appends "/name" to the path; returns the former length. */
static size_t enter(struct tree *w, const char *raw)
{
	size_t len = strlen(w->path), at = len;
	if (at == 1)
		at = 0; /* "/" itself */
	if (at + 2 < sizeof(w->path)) {
		w->path[at++] = '/';
		text_copy_line(w->path + at, sizeof(w->path) - at, raw, strnlen(raw, NAME_BYTES_MAX));
	}
	return len;
}

static int visit_child(struct view *v, uint64_t node, void *arg);

static enum walk_end walk_group(struct view *v, struct tree *w, uint64_t cgroup)
{
	struct walk_cgroup c = { .cgroup = cgroup, .path = w->path, .depth = w->depth, .leaf = is_leaf(v, w, cgroup) };
	if (!w->cap)
		return WALK_CAPPED;
	w->cap--;
	if (w->visit(v, &c, w->arg))
		return WALK_STOPPED;
	if (w->depth == DEPTH_MAX)
		return WALK_TORN;
	w->depth++;
	enum walk_end end = walk_list(v, cgroup + w->children.offset, w->cap, visit_child, w);
	w->depth--;
	/* A child says in w->end why it stopped this list. */
	return end == WALK_STOPPED ? w->end : end;
}

static int visit_child(struct view *v, uint64_t node, void *arg)
{
	struct tree *w = arg;
	char name[NAME_BYTES_MAX];
	uint64_t cgroup = node - w->sibling.offset;
	if (!w->cap)
		w->end = WALK_CAPPED;
	else if (!read_name(v, w, cgroup, name))
		w->end = WALK_TORN;
	else {
		size_t len = enter(w, name);
		w->end = walk_group(v, w, cgroup);
		if (len == 1)
			w->path[0] = '/';
		w->path[len] = '\0';
	}
	return w->end != WALK_WHOLE;
}

/* --- the group at a path ------------------------------------------------------------------------------------------ */

struct search {
	struct tree *tree;
	const char *name;
	size_t len;
	uint64_t found;
};

static int compare_child(struct view *v, uint64_t node, void *arg)
{
	struct search *s = arg;
	char name[NAME_BYTES_MAX];
	uint64_t cgroup = node - s->tree->sibling.offset;
	if (!s->tree->cap)
		return 1;
	s->tree->cap--;
	if (!read_name(v, s->tree, cgroup, name) || strncmp(name, s->name, s->len) || name[s->len])
		return 0;
	s->found = cgroup;
	return 1;
}

/* Descends from @cgroup along @path; 0: there is no such group. */
static uint64_t descend(struct view *v, struct tree *w, uint64_t cgroup, const char *path)
{
	while (cgroup && *(path += strspn(path, "/"))) {
		struct search s = { .tree = w, .name = path, .len = strcspn(path, "/") };
		if (s.len >= NAME_BYTES_MAX || w->depth == DEPTH_MAX)
			return 0;
		walk_list(v, cgroup + w->children.offset, w->cap, compare_child, &s);
		char name[NAME_BYTES_MAX] = "";
		memcpy(name, path, s.len);
		enter(w, name);
		w->depth++;
		path += s.len;
		cgroup = s.found;
	}
	return cgroup;
}

int walk_cgroups(struct view *v, const char *path, unsigned cap,
		 int (*visit)(struct view *v, const struct walk_cgroup *c, void *arg), void *arg, enum walk_end *ret)
{
	struct tree w = { .cap = cap, .visit = visit, .arg = arg, .path = "/" };
	struct field first = types_field(v->image->types, "cgroup_root", "cgrp");
	uint64_t root = view_symbol(v, "cgrp_dfl_root");
	*ret = WALK_TORN;
	if (!root || !field_present(first) || !find_fields(&w, v->image->types))
		return -ENODATA;
	uint64_t at = descend(v, &w, root + first.offset, path);
	if (!at)
		return -ENOENT;
	*ret = walk_group(v, &w, at);
	return 0;
}
