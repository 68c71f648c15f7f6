/* SPDX-License-Identifier: GPL-2.0-only */
/* replay_source.c -- see replay_source.h. */
#include "run/replay_source.h"

#include <dirent.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/result_name.h"
#include "run/list_json.h"
#include "run/rundir.h"
#include "run/words.h"

void replay_source_done(struct replay_source *s)
{
	strings_free(s->environment);
	strings_free(s->words);
	json_decref(s->result);
	free(s->path);
	free(s->points);
	*s = (struct replay_source){ 0 };
}

/* "NAME=VALUE" in front of a command. */
static bool is_assignment(const char *word)
{
	size_t len = strspn(word, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_");
	return len && word[len] == '=';
}

static char **copy_words(char *const *words, size_t count)
{
	char **copy = calloc(count + 1, sizeof(*copy));
	for (size_t i = 0; copy && i < count; i++) {
		copy[i] = strdup(words[i]);
		if (!copy[i]) {
			strings_free(copy);
			return NULL;
		}
	}
	return copy;
}

static size_t count_words(char *const *words)
{
	size_t count = 0;
	while (words[count])
		count++;
	return count;
}

/* Divides a command line into variables and words. */
static int take_line(char *const *words, struct replay_source *ret, struct err **err)
{
	size_t set = 0, first;
	while (words[set] && is_assignment(words[set]))
		set++;
	first = set + (words[set] && !strcmp(path_basename(words[set]), "ktstr"));
	if (!words[first] || (strcmp(words[first], "test") != 0 && strcmp(words[first], "verifier") != 0))
		return FAIL(err, ERR_USAGE, -EINVAL,
			    "'%s' is not a command that repeats a run; write the words of a replay line, as in "
			    "'-- test -E ... --seed 1 build'",
			    words[first] ? words[first] : "");
	ret->environment = copy_words(words, set);
	ret->words = copy_words(words + first, count_words(words + first));
	return ret->environment && ret->words ? 0 : FAIL_SYS(err, -ENOMEM, "read a replay line");
}

static int take_text(const char *line, struct replay_source *ret, struct err **err)
{
	char **words = NULL;
	int r = words_split(line, &words, err);
	if (r == 0)
		r = take_line(words, ret, err);
	strings_free(words);
	return r;
}

static int take_result(const char *path, struct replay_source *ret, struct err **err)
{
	struct stat st;
	int r = json_read_file(path, &ret->result, err);
	if (r < 0)
		return r;
	const char *line = json_string_value(json_object_get(ret->result, "replay"));
	if (!line)
		return FAIL(err, ERR_DATA, -EBADMSG,
			    "'%s' has no replay line; name the result of one test (*%s) of a run", path,
			    SIDECAR_SUFFIX);
	ret->path = strdup(path);
	if (!ret->path)
		return FAIL_SYS(err, -ENOMEM, "read '%s'", path);
	size_t len = strlen(path), suffix = strlen(SIDECAR_SUFFIX);
	if (len > suffix && !strcmp(path + len - suffix, SIDECAR_SUFFIX))
		ret->points = rundir_beside(path, PERTURB_SUFFIX);
	if (ret->points && stat(ret->points, &st) < 0) {
		free(ret->points);
		ret->points = NULL;
	}
	return err_wrap(err, take_text(line, ret, err), "the replay line of '%s'", path);
}

/*
 * Another run of the test may have left its result under another name: with a seed, for example. NULL: there is none
 * of this test in the directory.
 */
static char *find_other_result(const char *path)
{
	const char *name = path_basename(path);
	_cleanup_free_ char *dir = path_dirname(path);
	size_t prefix = strcspn(name, "-") + 1;
	char *found = NULL;
	DIR *list = is_sidecar_name(name) && dir ? opendir(dir) : NULL;
	for (struct dirent *e; list && !found && (e = readdir(list));)
		if (is_sidecar_name(e->d_name) && !strncmp(e->d_name, name, prefix))
			found = path_join(dir, e->d_name);
	if (list)
		closedir(list);
	return found;
}

static int fail_missing(const char *path, struct err **err)
{
	_cleanup_free_ char *other = find_other_result(path);
	return FAIL(err, ERR_MISSING, -ENOENT, "'%s' is not there; name the result of a test (*%s) of a run%s%s%s",
		    path, SIDECAR_SUFFIX, other ? ", such as '" : "", other ?: "", other ? "'" : "");
}

int replay_source_read(const char *const *operands, struct replay_source *ret, struct err **err)
{
	struct stat st;
	*ret = (struct replay_source){ 0 };
	int r;
	if (!operands || !operands[0])
		r = FAIL(err, ERR_USAGE, -EINVAL,
			 "name the run: the result of a test (*%s), or '--' and the words of its replay line",
			 SIDECAR_SUFFIX);
	else if (operands[1] || !strcmp(operands[0], "test"))
		r = take_line((char *const *)operands, ret, err);
	else if (strchr(operands[0], ' ') && stat(operands[0], &st) < 0)
		r = take_text(operands[0], ret, err);
	else if (stat(operands[0], &st) < 0)
		r = fail_missing(operands[0], err);
	else
		r = take_result(operands[0], ret, err);
	if (r < 0)
		replay_source_done(ret);
	return r;
}
