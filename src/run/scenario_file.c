/* SPDX-License-Identifier: GPL-2.0-only */
/* scenario_file.c -- see scenario_file.h. */
#include "run/scenario_file.h"

#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "declare/read.h"

#define SUFFIX ".json"

bool is_scenario_file(const char *path)
{
	size_t len = strlen(path), suffix = strlen(SUFFIX);
	return len > suffix && !strcmp(path + len - suffix, SUFFIX);
}

/* The program's own message would go to the terminal, so the form is checked here first. */
static int check_form(const char *path, const struct buf *text, struct err **err)
{
	struct declaration *d = NULL;
	int r = declaration_parse(buf_str(text), text->len, path, &d, err);
	declaration_free(d);
	return r;
}

static int read_file(const char *path, struct buf *text, struct err **err)
{
	int r = file_read(path, SCENARIO_FILE_BYTES_MAX, text, err);
	if (r == 0)
		r = check_form(path, text, err);
	return r < 0 ? err_wrap(err, r, "read the scenario '%s'", path) : 0;
}

int scenario_file_load(struct reactor *r, const char *path, const char *program, struct suite *ret, struct err **err)
{
	_cleanup_buf_ struct buf text = BUF_NULL, list = BUF_NULL;
	_cleanup_free_ char *option = NULL;
	if (!program)
		return FAIL(err, ERR_USAGE, -EINVAL,
			    "'%s' is a scenario file, and this command takes test binaries; run it with 'ktstr test'",
			    path);
	int result = read_file(path, &text, err);
	if (result < 0)
		return result;
	if (asprintf(&option, "--list=%s", path) < 0)
		return -ENOMEM;
	result = suite_ask(r, program, option, &list, err);
	if (result == 0)
		result = suite_parse(path, buf_str(&list), list.len, ret, err);
	if (result < 0)
		return result;
	ret->scenario = buf_steal(&text);
	for (size_t i = 0; i < ret->tests; i++) {
		ret->test[i].scenario = ret->scenario;
		ret->test[i].program = program;
	}
	return ret->scenario ? 0 : -ENOMEM;
}

/* --- what a guest sent -------------------------------------------------------------------------------------------- */

static void put_scheduler(json_t *root, const char *path)
{
	const char *used = json_string_value(json_object_get(json_object_get(root, "test"), "scheduler"));
	json_t *one;
	size_t i;
	json_array_foreach(json_object_get(root, "schedulers"), i, one) {
		const char *name = json_string_value(json_object_get(one, "name"));
		if (used && name && !strcmp(used, name))
			json_put(&one, "binary", json_string(path));
	}
}

int scenario_file_text(const char *text, size_t len, const char *scheduler, struct buf *ret, struct err **err)
{
	json_error_t why;
	json_auto_t *root = json_loadb(text, len, JSON_REJECT_DUPLICATES, &why);
	struct declaration *d = NULL;
	if (!root)
		return FAIL(err, ERR_DATA, -EBADMSG, "the guest's scenario, line %d: %s", why.line, why.text);
	int r = declaration_read(root, "scenario", &d, err);
	declaration_free(d);
	if (r < 0)
		return err_wrap(err, r, "the guest's scenario");
	if (scheduler)
		put_scheduler(root, scheduler);
	char *out = json_dumps(root, JSON_INDENT(2));
	if (!out)
		return FAIL_SYS(err, -ENOMEM, "write the scenario");
	buf_appendf(ret, "%s\n", out);
	free(out);
	return ret->failed ? -ENOMEM : 0;
}
