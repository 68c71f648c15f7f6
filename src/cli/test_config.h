/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * test_config.h -- .config/ktstr.json: defaults of `ktstr test` that a project keeps with its source, in profiles.
 *
 * The file is looked for in the working directory and the directories above it, up to the top of the checkout. What is
 * given on the command line wins over the profile that --nextest-profile names, and that over the profile "default".
 */
#ifndef KTSTR_CLI_TEST_CONFIG_H
#define KTSTR_CLI_TEST_CONFIG_H

#include "base/json.h"
#include "cli/test_args.h"

#define TEST_CONFIG_FILE ".config/ktstr.json"

/* Sets options that were not given. @ret_kept: owns the strings that @a points to then; NULL: there is no file. */
int test_config_apply(struct test_args *a, json_t **ret_kept, struct err **err);

/* The keys of a profile. */
struct config_key {
	const char *name;
	const char *option; /* of `ktstr test` */
	const char *type;   /* for users */
	const char *meaning;
};
extern const struct config_key config_keys[]; /* ended by a NULL name */

#endif
