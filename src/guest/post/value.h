/* SPDX-License-Identifier: GPL-2.0-only */
/* value.h -- what values (value.c) and snapshots (snapshot.c) share: nodes of their JSON, names for messages, paths. */
#ifndef KTSTR_GUEST_POST_VALUE_H
#define KTSTR_GUEST_POST_VALUE_H

#include "base/buf.h"
#include "guest/post/post.h"

#define PART_BYTES  128 /* of a path */
#define NAMES_SHOWN 20

/* @path: how it was reached. Both live until post_done(). */
const struct ktstr_value *value_new(const struct ktstr_snapshot *s, const json_t *json, const char *path);
const struct ktstr_value *value_missing(const struct ktstr_snapshot *s, const char *error);
/* Members of a struct, or NULL; the value of one of them, or NULL. @depth: 0. */
const json_t *value_members(const struct post_json *j, const json_t *node);
const json_t *value_member(const struct post_json *j, const json_t *members, const char *name, unsigned depth);

/* A list of names for a message: "there are: a, b, c (and 4 more)"; @none without names. */
void names_add(struct buf *out, unsigned *count, const char *name);
void names_add_members(const struct post_json *j, const json_t *members, struct buf *out, unsigned *count,
		       unsigned depth);
const char *names_text(struct ktstr_post *p, const struct buf *names, unsigned count, const char *none);

/* The next part of a path: a name, or an index. Returns what follows; NULL: it is not a path. */
const char *path_part(const char *path, char name[PART_BYTES], bool *is_index);

#endif
