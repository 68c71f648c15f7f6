/* SPDX-License-Identifier: GPL-2.0-only */
/* build_read.c -- see build_read.h. */
#include <fts.h>
#include <string.h>
#include <sys/stat.h>

#include "affected/build_read.h"
#include "base/file.h"
#include "base/text.h"

#define FILE_MAX    ((size_t)256 << 20)
#define FILES_MAX   1000000 /* that are looked at below a build directory */
#define ROUNDS_MAX  32	    /* of questions to ninja */
#define QUERIES_MAX 512	    /* outputs in one question */

/* --- rules in files ----------------------------------------------------------------------------------------------- */

struct rules_reader {
	struct build *build;
	const char *dir; /* of relative paths */
	bool printed;	 /* by make */
	bool list;	 /* a compiler's list of files, not a makefile */
};

/* make prints names with spaces as they are, so their parts look like files. A needed file that is lost fails make. */
static bool is_part_of_name(const struct rules_reader *r, const char *input)
{
	_cleanup_free_ char *path = r->printed ? path_normal(r->dir, input) : NULL;
	return path && !path_exists(path);
}

static void take_rule(void *data, const char *output, const char *input)
{
	struct rules_reader *r = data;
	struct graph *g = &r->build->graph;
	if (is_part_of_name(r, input))
		return;
	graph_add(g, r->dir, output, input);
	if (r->list)
		graph_note(g, &g->informed, r->dir, output);
	if (is_source(input))
		graph_note(g, &g->compiled, r->dir, output);
}

/* Finds the first output of a list whose path leads to a file. */
static void find_output(void *data, const char *output, const char *input)
{
	struct rules_reader *r = data;
	_cleanup_free_ char *path = r->list ? NULL : path_normal(r->dir, output);
	(void)input;
	r->list |= path && path_exists(path);
}

/*
 * Relative paths in a compiler's list are relative to where it ran, which the list does not say. Tries the directories
 * from the top of the build down to that of the list, for one in which an output is there.
 */
static void read_list(struct build *b, const char *path, const char *text)
{
	_cleanup_free_ char *dir = path_dirname(path);
	size_t top = strlen(b->dir);
	if (!dir || strncmp(dir, b->dir, top) != 0) {
		b->graph.failed |= !dir;
		return;
	}
	for (size_t len = top; dir; len += 1 + strcspn(dir + len + 1, "/")) {
		_cleanup_free_ char *base = strndup(dir, len);
		struct rules_reader r = { .build = b, .dir = base };
		if (!base) {
			b->graph.failed = true;
			return;
		}
		rules_parse(text, find_output, &r);
		if (r.list) {
			rules_parse(text, take_rule, &r);
			return;
		}
		if (!dir[len])
			return;
	}
}

static bool ends_with(const char *name, const char *end)
{
	size_t len = strlen(name), n = strlen(end);
	return len > n && !strcmp(name + len - n, end);
}

static void read_rules_file(struct build *b, const char *path, bool list)
{
	_cleanup_buf_ struct buf text = BUF_NULL;
	if (file_read(path, FILE_MAX, &text, NULL) < 0)
		return;
	struct rules_reader r = { .build = b, .dir = b->dir };
	if (list)
		read_list(b, path, buf_str(&text));
	else
		rules_parse(buf_str(&text), take_rule, &r);
}

/* Reads all lists of compilers below the directory, and the makefiles that CMake made. */
static void read_files(struct build *b)
{
	char *const dirs[] = { b->dir, NULL };
	size_t looked = 0;
	FTS *walk = fts_open(dirs, FTS_PHYSICAL | FTS_NOCHDIR | FTS_NOSTAT, NULL);
	for (FTSENT *e; walk && (e = fts_read(walk));) {
		if (++looked > FILES_MAX) {
			b->graph.failed = true;
			break;
		}
		if (e->fts_info == FTS_D && !strcmp(e->fts_name, ".git"))
			fts_set(walk, e, FTS_SKIP);
		else if (e->fts_info == FTS_DNR || e->fts_info == FTS_ERR)
			b->graph.failed = true;
		if (e->fts_info == FTS_D || e->fts_info == FTS_DP)
			continue;
		if (ends_with(e->fts_name, ".d"))
			read_rules_file(b, e->fts_path, true);
		else if (b->kind == BUILD_CMAKE_MAKE && !strcmp(e->fts_name, "build.make"))
			read_rules_file(b, e->fts_path, false);
	}
	b->graph.failed |= !walk;
	if (walk)
		fts_close(walk);
}

/* --- ninja -------------------------------------------------------------------------------------------------------- */

static void take_dep(void *data, const char *output, const char *input)
{
	struct build *b = data;
	graph_add(&b->graph, b->dir, output, input);
	graph_note(&b->graph, &b->graph.informed, b->dir, output);
}

static void read_ninja_deps(struct build *b)
{
	_cleanup_free_ char *path = path_join(b->dir, ".ninja_deps");
	_cleanup_buf_ struct buf data = BUF_NULL;
	if (path && path_exists(path) && file_read(path, FILE_MAX, &data, NULL) == 0)
		ninja_deps_parse(data.data, data.len, take_dep, b);
}

/* Which outputs are compiled from a source: {output, file} of all commands. */
static int read_commands(struct build *b)
{
	static const char *const argv[] = { "ninja", "-t", "compdb", NULL };
	_cleanup_buf_ struct buf out = BUF_NULL;
	int status;
	int r = tool_output(argv, b->dir, &out, &status);
	json_auto_t *list = r == 0 && status == 0 ? json_loadb(out.data, out.len, 0, NULL) : NULL;
	size_t i;
	json_t *one;
	b->graph.failed |= !json_is_array(list);
	json_array_foreach(list, i, one) {
		const char *output = json_string_value(json_object_get(one, "output"));
		const char *file = json_string_value(json_object_get(one, "file"));
		const char *command = json_string_value(json_object_get(one, "command"));
		/* A phony output has no command. */
		if (output && file && command && *command && is_source(file))
			graph_note(&b->graph, &b->graph.compiled, b->dir, output);
	}
	return r == -ENOMEM ? r : 0;
}

/* Everything that has a rule: lines "OUTPUT: RULE". */
static int read_outputs(struct build *b)
{
	static const char *const argv[] = { "ninja", "-t", "targets", "all", NULL };
	_cleanup_buf_ struct buf out = BUF_NULL;
	int status = 0, r = tool_output(argv, b->dir, &out, &status);
	b->graph.failed |= r < 0 || status != 0;
	char *rest = NULL;
	for (char *line = out.len ? strtok_r(out.data, "\n", &rest) : NULL; line; line = strtok_r(NULL, "\n", &rest)) {
		char *colon = strrchr(line, ':');
		if (colon)
			*colon = '\0';
		graph_note(&b->graph, &b->outputs, b->dir, line);
	}
	return r == -ENOMEM ? r : 0;
}

/* A line of ninja's answer. Newer versions quote it for a shell. */
static void take_input(struct build *b, const char *output, char *line)
{
	size_t len = strlen(line);
	if (len >= 2 && line[0] == '\'' && line[len - 1] == '\'') {
		b->graph.failed |= memchr(line + 1, '\'', len - 2) != NULL;
		line[len - 1] = '\0';
		line++;
	}
	if (output)
		graph_add(&b->graph, b->dir, output, line);
	else
		graph_note(&b->graph, &b->files, b->dir, line);
}

/* Adds as inputs of @output all that @argv prints, one in a line. Without an output: to the files of the build. */
static int ask_ninja(struct build *b, const char *const *argv, const char *output)
{
	_cleanup_buf_ struct buf out = BUF_NULL;
	int status = 0, r = tool_output(argv, b->dir, &out, &status);
	if (r == -ENOMEM)
		return r;
	b->graph.failed |= r < 0 || (status != 0 && output);
	char *rest = NULL;
	for (char *line = out.len ? strtok_r(out.data, "\n", &rest) : NULL; line; line = strtok_r(NULL, "\n", &rest))
		take_input(b, output, line);
	return 0;
}

static const char *relative_to(const char *dir, const char *path)
{
	size_t len = strlen(dir);
	return !strncmp(dir, path, len) && path[len] == '/' ? path + len + 1 : path;
}

/*
 * Asks for all inputs of the program by the rules. What a compiler read can be an output itself (a generated header),
 * which no rule of the program names: asks for the inputs of those too, until there are no more.
 */
static int close_ninja(struct build *b, const char *program, json_t **found)
{
	json_auto_t *asked = json_object();
	const char *argv[QUERIES_MAX + 4] = { "ninja", "-t", "inputs", relative_to(b->dir, program), NULL };
	size_t count = 1;
	for (unsigned round = 0; count && round < ROUNDS_MAX; round++) {
		int r = ask_ninja(b, argv, program);
		if (r < 0)
			return r;
		const char *path;
		json_t *unused;
		count = 0;
		graph_closure(&b->graph, program, found);
		json_object_foreach(*found, path, unused) {
			if (!json_object_get(b->outputs, path) || json_object_get(asked, path) || count == QUERIES_MAX)
				continue;
			json_put(&asked, path, json_true());
			argv[3 + count++] = relative_to(b->dir, path);
		}
		argv[3 + count] = NULL;
	}
	b->graph.failed |= count > 0;
	return asked && *found ? 0 : -ENOMEM;
}

/* --- make --------------------------------------------------------------------------------------------------------- */

/* The files that make read: "MAKEFILE_LIST := Makefile rules.mk". */
static void add_makefiles(struct build *b, const char *text)
{
	static const char head[] = "\nMAKEFILE_LIST := ";
	const char *at = strstr(text, head);
	_cleanup_free_ char *list = at ? strndup(at + sizeof(head) - 1, strcspn(at + sizeof(head) - 1, "\n")) : NULL;
	char *rest = NULL;
	for (char *word = list ? strtok_r(list, " ", &rest) : NULL; word; word = strtok_r(NULL, " ", &rest))
		if (!ends_with(word, ".d"))
			graph_note(&b->graph, &b->files, b->dir, word);
}

/* make's own list of all rules that it needed for the program, with those that it implied. Runs no recipes. */
static int close_make(struct build *b, const char *program, json_t **found)
{
	const char *argv[] = { "make", "-npq", "--no-print-directory", relative_to(b->dir, program), NULL };
	_cleanup_buf_ struct buf out = BUF_NULL;
	int status, r = tool_output(argv, b->dir, &out, &status);
	if (r == -ENOMEM)
		return r;
	struct rules_reader reader = { .build = b, .dir = b->dir, .printed = true };
	/* 1: it is not up to date, which the times of the files tell too. */
	b->graph.failed |= r < 0 || status > 1;
	if (r == 0)
		rules_parse(buf_str(&out), take_rule, &reader);
	add_makefiles(b, buf_str(&out));
	graph_closure(&b->graph, program, found);
	return *found ? 0 : -ENOMEM;
}

/* --- what describes a build --------------------------------------------------------------------------------------- */

static void add_meson_files(struct build *b)
{
	_cleanup_free_ char *path = path_join(b->dir, "meson-info/intro-buildsystem_files.json");
	json_auto_t *list = NULL;
	size_t i;
	json_t *file;
	if (!path || !path_exists(path) || json_read_file(path, &list, NULL) < 0)
		return;
	json_array_foreach(list, i, file)
		if (json_is_string(file))
			graph_note(&b->graph, &b->files, b->dir, json_string_value(file));
}

/* CMakeFiles/Makefile.cmake has them as quoted words. */
static void add_cmake_files(struct build *b)
{
	_cleanup_free_ char *path = path_join(b->dir, "CMakeFiles/Makefile.cmake");
	_cleanup_buf_ struct buf text = BUF_NULL;
	if (!path || !path_exists(path) || file_read(path, FILE_MAX, &text, NULL) < 0)
		return;
	char *rest = NULL;
	bool inside = false;
	for (char *part = strtok_r(text.data, "\"", &rest); part; part = strtok_r(NULL, "\"", &rest)) {
		if (inside && *part == '/')
			graph_note(&b->graph, &b->files, b->dir, part);
		inside = !inside;
	}
}

/* Sources that Meson knows of a target, also those that no compiler reads. */
static void add_meson_sources(struct build *b)
{
	_cleanup_free_ char *path = path_join(b->dir, "meson-info/intro-targets.json");
	json_auto_t *targets = NULL;
	size_t i, k, n, m;
	json_t *target, *file, *group, *source;
	if (!path || !path_exists(path) || json_read_file(path, &targets, NULL) < 0)
		return;
	json_array_foreach(targets, i, target)
		json_array_foreach(json_object_get(target, "filename"), k, file)
			json_array_foreach(json_object_get(target, "target_sources"), n, group)
				json_array_foreach(json_object_get(group, "sources"), m, source)
					if (json_is_string(file) && json_is_string(source))
						graph_add(&b->graph, b->dir, json_string_value(file),
							  json_string_value(source));
}

static int read_ninja(struct build *b)
{
	static const char *const argv[] = { "ninja", "-t", "inputs", "build.ninja", NULL };
	read_ninja_deps(b);
	int r = read_commands(b);
	if (r == 0)
		r = read_outputs(b);
	if (r == 0)
		r = ask_ninja(b, argv, NULL);
	add_meson_files(b);
	add_meson_sources(b);
	return r;
}

int build_read(struct build *b)
{
	int r = b->kind == BUILD_NINJA ? read_ninja(b) : 0;
	if (b->kind == BUILD_CMAKE_MAKE)
		add_cmake_files(b);
	read_files(b);
	return r;
}

int build_close(struct build *b, const char *program, json_t **found)
{
	if (b->kind == BUILD_NINJA)
		return close_ninja(b, program, found);
	if (b->kind == BUILD_MAKE)
		return close_make(b, program, found);
	graph_closure(&b->graph, program, found);
	return *found ? 0 : -ENOMEM;
}
