/* SPDX-License-Identifier: GPL-2.0-only */
/* test_config.c -- see test_config.h. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "cli/commands.h"
#include "cli/test_config.h"

#define PROFILE_DEFAULT "default"

const struct config_key config_keys[] = {
	{ "retries", "retries", "number", "as --retries" },
	{ "slow_timeout", "slow-timeout", "duration", "as --slow-timeout: \"60s\"" },
	{ "fail_fast", "fail-fast", "true, false or number", "as --fail-fast; a number as --max-fail" },
	{ "jobs", "jobs", "number", "as --jobs" },
	{ "show_output", "show-output", "word", "as --show-output: failed, all or never" },
	{ "reports", "report", "list of FORMAT=FILE", "as --report: [\"junit=out/junit.xml\"]" },
	{ NULL },
};

static const struct config_key *find_key(const char *name)
{
	for (const struct config_key *k = config_keys; k->name; k++)
		if (!strcmp(k->name, name))
			return k;
	return NULL;
}

/* --- values ------------------------------------------------------------------------------------------------------- */

/* Arguments point to copies of the values, which @kept owns. NULL: out of memory. */
static char *keep_text(json_t **kept, const char *text)
{
	json_t *value = json_string(text);
	json_add(kept, json_incref(value));
	/* The array has it now. */
	json_decref(value);
	return *kept ? (char *)json_string_value(value) : NULL;
}

static int set_text(struct test_args *a, json_t **kept, const char *option, const char *text, struct err **err)
{
	char *value = keep_text(kept, text);
	return value ? option_set_default(&cmd_test, a, option, value, err) : -ENOMEM;
}

static int set_number(struct test_args *a, json_t **kept, const char *option, const json_t *value, struct err **err)
{
	char text[32];
	snprintf(text, sizeof(text), "%" JSON_INTEGER_FORMAT, json_integer_value(value));
	return set_text(a, kept, option, text, err);
}

static int set_list(struct test_args *a, json_t **kept, const char *option, const json_t *list, struct err **err)
{
	size_t i;
	json_t *value;
	int r = 0;
	json_array_foreach(list, i, value) {
		if (r == 0 && !json_is_string(value))
			return FAIL(err, ERR_DATA, -EBADMSG, "a value is not a text");
		if (r == 0)
			r = set_text(a, kept, option, json_string_value(value), err);
	}
	return r;
}

static int set_fail_fast(struct test_args *a, json_t **kept, const json_t *value, struct err **err)
{
	if (option_was_given(&cmd_test, a, "max-fail") || json_is_false(value))
		return 0;
	return json_is_true(value) ? option_set_default(&cmd_test, a, "fail-fast", NULL, err)
				   : set_number(a, kept, "max-fail", value, err);
}

static int set_key(struct test_args *a, json_t **kept, const struct config_key *k, const json_t *value,
		   struct err **err)
{
	bool number = json_is_integer(value);
	if (!strcmp(k->name, "fail_fast") && (json_is_boolean(value) || number))
		return set_fail_fast(a, kept, value, err);
	if (!strcmp(k->name, "reports") && json_is_array(value))
		return set_list(a, kept, k->option, value, err);
	if ((!strcmp(k->name, "retries") || !strcmp(k->name, "jobs")) && number)
		return set_number(a, kept, k->option, value, err);
	if ((!strcmp(k->name, "slow_timeout") || !strcmp(k->name, "show_output")) && json_is_string(value))
		return set_text(a, kept, k->option, json_string_value(value), err);
	return FAIL(err, ERR_DATA, -EBADMSG, "it is not a value of the right type (%s), %s", k->type, k->meaning);
}

/* --- profiles ----------------------------------------------------------------------------------------------------- */

static int unknown_key(const char *name, struct err **err)
{
	_cleanup_buf_ struct buf known = BUF_NULL;
	for (const struct config_key *k = config_keys; k->name; k++)
		buf_appendf(&known, "%s%s", k == config_keys ? "" : ", ", k->name);
	return FAIL(err, ERR_DATA, -EBADMSG, "there is an unknown key '%s'; the keys of a profile are %s", name,
		    buf_str(&known));
}

static int check_profile(const char *profile, const json_t *o, struct err **err)
{
	const char *name;
	json_t *value;
	if (!json_is_object(o))
		return FAIL(err, ERR_DATA, -EBADMSG, "the profile '%s' is not an object", profile);
	json_object_foreach((json_t *)(uintptr_t)o, name, value)
		if (!find_key(name))
			return unknown_key(name, err);
	return 0;
}

/* All profiles are checked, also those that are not used. */
static int check_file(const json_t *config, struct err **err)
{
	const char *name;
	json_t *value, *profiles = json_object_get(config, "profile");
	if (!json_is_object(config))
		return FAIL(err, ERR_DATA, -EBADMSG, "it is not an object");
	json_object_foreach((json_t *)(uintptr_t)config, name, value)
		if (strcmp(name, "profile") != 0)
			return FAIL(err, ERR_DATA, -EBADMSG, "there is an unknown key '%s'; the only key is profile",
				    name);
	if (!json_is_object(profiles))
		return FAIL(err, ERR_DATA, -EBADMSG, "the key 'profile' is missing or not an object");
	json_object_foreach(profiles, name, value) {
		int r = check_profile(name, value, err);
		if (r < 0)
			return r;
	}
	return 0;
}

/* Keys that @wins has are skipped. */
static int apply_profile(struct test_args *a, json_t **kept, const json_t *profile, const json_t *wins,
			 struct err **err)
{
	for (const struct config_key *k = config_keys; k->name; k++) {
		const json_t *value = json_object_get(profile, k->name);
		if (!value || json_object_get(wins, k->name))
			continue;
		int r = set_key(a, kept, k, value, err);
		if (r < 0)
			return err_wrap(err, r, "read the key '%s'", k->name);
	}
	return 0;
}

static int apply(struct test_args *a, const json_t *config, json_t **kept, struct err **err)
{
	int r = check_file(config, err);
	if (r < 0)
		return r;
	const json_t *profiles = json_object_get(config, "profile");
	const json_t *chosen = a->nextest_profile ? json_object_get(profiles, a->nextest_profile) : NULL;
	if (a->nextest_profile && !chosen && strcmp(a->nextest_profile, PROFILE_DEFAULT) != 0)
		return FAIL(err, ERR_USAGE, -ENOENT, "there is no profile '%s'; add it, or leave --nextest-profile out",
			    a->nextest_profile);
	r = chosen ? apply_profile(a, kept, chosen, NULL, err) : 0;
	return r == 0 ? apply_profile(a, kept, json_object_get(profiles, PROFILE_DEFAULT), chosen, err) : r;
}

/* --- the file ----------------------------------------------------------------------------------------------------- */

static bool is_top(const char *dir)
{
	_cleanup_free_ char *git = path_join(dir, ".git");
	return !git || path_exists(git) || !strcmp(dir, "/");
}

/* Also true of a link that leads nowhere, so that a profile is not left out silently. */
static bool is_named(const char *path)
{
	struct stat st;
	return lstat(path, &st) == 0;
}

/* NULL: there is none. */
static char *find_file(void)
{
	_cleanup_free_ char *dir = getcwd(NULL, 0);
	while (dir) {
		char *file = path_join(dir, TEST_CONFIG_FILE);
		if (!file || is_named(file))
			return file;
		free(file);
		if (is_top(dir))
			return NULL;
		char *up = path_dirname(dir);
		free(dir);
		dir = up;
	}
	return NULL;
}

int test_config_apply(struct test_args *a, json_t **ret_kept, struct err **err)
{
	_cleanup_free_ char *path = find_file();
	json_auto_t *config = NULL, *kept = json_array();
	if (!path && a->nextest_profile && strcmp(a->nextest_profile, PROFILE_DEFAULT) != 0)
		return FAIL(err, ERR_USAGE, -ENOENT,
			    "--nextest-profile: there is no file '" TEST_CONFIG_FILE "' here or above; see 'ktstr help "
			    "profiles'");
	if (!path)
		return 0;
	int r = json_read_file(path, &config, err);
	/* Its message names the file. */
	if (r < 0)
		return r;
	r = apply(a, config, &kept, err);
	if (r < 0)
		return err_wrap(err, r, "use '%s'", path);
	*ret_kept = TAKE_PTR(kept);
	return 0;
}
