/* SPDX-License-Identifier: GPL-2.0-only */
/* read.h -- a test with its scenario from JSON, as declare_write() writes it. The JSON may come from anybody. */
#ifndef KTSTR_DECLARE_READ_H
#define KTSTR_DECLARE_READ_H

#include <jansson.h>

#include "base/err.h"
#include "declare/fields.h"

#define SCENARIO_FILE_BYTES_MAX ((size_t)4 << 20)

/* All memory belongs to it; the structs inside stay where they are. */
struct declaration {
	struct ktstr_test test; /* without body; the first member, so that a body finds the rest */
	struct ktstr_scenario scenario;
	struct ktstr_scheduler *scheduler;
	size_t schedulers;
	struct chunk *chunks;
};

/*
 * Only the form is checked: known keys, types, words and ranges of types. Whether the test makes sense on a machine,
 * test_validate() and scenario_check() say. @file: its name, for messages of the test; kept. -EBADMSG, with the place:
 * "scenario: steps[0]: cgroups[1]: 'workers' is not a number from 0 to 4294967295".
 */
int declaration_read(const json_t *root, const char *file, struct declaration **ret, struct err **err);
int declaration_parse(const char *text, size_t len, const char *file, struct declaration **ret, struct err **err);
void declaration_free(struct declaration *d);

#endif
