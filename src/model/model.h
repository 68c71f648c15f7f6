/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * model.h -- the language model in the cache: a file that was fetched with its checksum, and a record of it.
 *
 * The record says where the file came from, and has the identity that it had when it was last hashed, so that a file of
 * gigabytes is hashed again only after it has changed.
 */
#ifndef KTSTR_MODEL_MODEL_H
#define KTSTR_MODEL_MODEL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

#define MODEL_RECORD	 "model.json"
#define MODEL_SUM_DIGITS 64

/* What was fetched, and the file's identity when its checksum was last computed. */
struct model {
	char *dir, *path, *url, *sha256; /* path, url, sha256: NULL if there is no model */
	char *checked;			 /* identity; NULL: never */
};

/* Reads the record in @dir. Not an error if there is none: then `path` is NULL. */
int model_read(const char *dir, struct model *m);
void model_done(struct model *m);
/* May a model's file have this name? */
bool model_is_name(const char *name);
/*
 * Downloads the file. It appears under its name only when it is complete and has the checksum. Then the model that was
 * there is removed, and before, what interrupted downloads left.
 */
int model_fetch(struct model *m, const char *url, const char *sha256, struct err **err);
/* "NotCached", "Matches", "Mismatches" or "CheckFailed". Blocks while a changed file is hashed. */
const char *model_check(struct model *m);
int model_remove(struct model *m, struct err **err);
/* Removes what downloads left that were killed. Returns its size in bytes. */
uint64_t model_remove_rest(const struct model *m);

#endif
