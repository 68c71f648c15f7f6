/* SPDX-License-Identifier: GPL-2.0-only */
/* seen_decl.h -- what a test wants to see of its guest from outside, as the list of a test binary has it. */
#ifndef KTSTR_RUN_SEEN_DECL_H
#define KTSTR_RUN_SEEN_DECL_H

#include <ktstr/snapshot.h>

#include "run/list_json.h"

struct map_write_decl {
	char *variable;
	uint64_t value;
};

struct map_watch_decl {
	char *map; /* NULL: `field` is a global variable */
	char *field, *label;
	enum ktstr_aggregation aggregation;
};

struct seen_decl {
	unsigned snapshots; /* periodic ones */
	bool post_vm;
	struct map_write_decl *write;
	size_t writes;
	struct map_watch_decl *watch;
	size_t watches;
};

/* Reads them from an element of "tests"; absent ones are none. @ret must be zero. */
int seen_decl_parse(const json_t *o, struct seen_decl *ret, struct err **err);
void seen_decl_done(struct seen_decl *s);
/* True if the test asks for anything. */
bool seen_decl_any(const struct seen_decl *s);

#endif
