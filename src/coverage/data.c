/* SPDX-License-Identifier: GPL-2.0-only */
/* data.c -- see data.h. */
#include <dirent.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <fts.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/text.h"
#include "base/tool.h"
#include "coverage/data.h"
#include "coverage/tool.h"

#define PROFRAW		   "*.profraw"
#define PROGRAMS_MAX	   16384
#define PROGRAMS_BYTES_MAX ((size_t)16 << 20)

/* --- the directory ------------------------------------------------------------------------------------------------ */

/* One write, so that lines of several processes do not mix. */
int coverage_note_program(const char *dir, const char *program, const char *profile, struct err **err)
{
	_cleanup_free_ char *path = path_join(dir, COVERAGE_PROGRAMS), *real = realpath(program, NULL), *line = NULL;
	if (!path || asprintf(&line, "%s\t%s\n", real ?: program, profile) < 0)
		return -ENOMEM;
	_cleanup_close_ int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0644);
	int r = fd < 0 ? -errno : fd_write_full(fd, line, strlen(line));
	return r < 0 ? FAIL_SYS(err, r, "write '%s'", path) : 0;
}

int coverage_clean(const char *dir, enum coverage_clean what, size_t *ret, struct err **err)
{
	DIR *d = opendir(dir);
	int r = 0;
	*ret = 0;
	if (!d)
		return errno == ENOENT ? 0 : FAIL_SYS(err, -errno, "open the directory '%s'", dir);
	for (const struct dirent *e; r == 0 && (e = readdir(d));) {
		bool dots = !strcmp(e->d_name, ".") || !strcmp(e->d_name, "..");
		if (dots || (what == COVERAGE_CLEAN_PROFRAW && fnmatch(PROFRAW, e->d_name, 0) != 0))
			continue;
		_cleanup_free_ char *path = path_join(dir, e->d_name);
		r = path ? remove_tree(path, err) : -ENOMEM;
		*ret += r == 0;
	}
	closedir(d);
	return r;
}

/* A list of strings for argv; the strings are freed with it. */
struct words {
	char **item;
	size_t count;
};

static void words_done(struct words *w)
{
	for (size_t i = 0; i < w->count; i++)
		free(w->item[i]);
	free(w->item);
}

/* Takes @word over. There is always a NULL after the last one. */
static int words_add(struct words *w, char *word)
{
	char **item = word ? reallocarray(w->item, w->count + 2, sizeof(*item)) : NULL;
	if (!item) {
		free(word);
		return -ENOMEM;
	}
	w->item = item;
	w->item[w->count++] = word;
	w->item[w->count] = NULL;
	return 0;
}

static bool words_have(const struct words *w, const char *word)
{
	for (size_t i = 0; i < w->count; i++)
		if (!strcmp(w->item[i], word))
			return true;
	return false;
}

/* Files below @dir whose names match. */
static int find_files(const char *dir, const char *pattern, bool below, struct words *ret)
{
	char *roots[] = { (char *)(uintptr_t)dir, NULL };
	FTS *tree = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
	int r = tree ? 0 : -errno;
	for (FTSENT *e; r == 0 && (e = fts_read(tree));) {
		if (e->fts_info == FTS_D && e->fts_level > 0 && !below)
			fts_set(tree, e, FTS_SKIP);
		else if (e->fts_info == FTS_F && fnmatch(pattern, e->fts_name, 0) == 0)
			r = words_add(ret, strdup(e->fts_path));
	}
	if (tree)
		fts_close(tree);
	return r == -ENOENT ? 0 : r;
}

/* --- gcc ---------------------------------------------------------------------------------------------------------- */

/* The gcov of the compiler's version, which the file names: "B22*" is 12.2. The caller frees. */
static char *gcov_for(const char *gcda)
{
	char head[8], *name = NULL;
	_cleanup_close_ int fd = open(gcda, O_RDONLY | O_CLOEXEC);
	if (fd >= 0 && fd_read_full(fd, head, sizeof(head)) == 0 && head[7] >= 'A' && head[7] <= 'Z' &&
	    asprintf(&name, "gcov-%d", (head[7] - 'A') * 10 + (head[6] - '0')) >= 0) {
		_cleanup_free_ char *path = tool_find(name);
		if (path)
			return name;
		free(name);
	}
	return strdup("gcov");
}

char *coverage_gcov(const char *dir)
{
	_cleanup_(words_done) struct words gcda = { 0 };
	return find_files(dir, "*.gcda", true, &gcda) == 0 && gcda.count ? gcov_for(gcda.item[0]) : NULL;
}

/* gcov looks for the notes of an object beside its counters; the compiler has put them beside the object. */
static int link_notes(const char *dir, const char *gcda)
{
	_cleanup_free_ char *to = NULL;
	int stem = (int)(strlen(gcda) - strlen(".gcda"));
	if (asprintf(&to, "%.*s.gcno", stem, gcda) < 0)
		return -ENOMEM;
	const char *from = to + strlen(dir);
	if (!path_exists(from))
		return -ENOENT;
	return symlink(from, to) < 0 && errno != EEXIST ? -errno : 0;
}

/* One JSON document a line. */
static int read_documents(char *text, struct coverage_lines *ret, struct err **err)
{
	char *save = NULL;
	int r = 0;
	for (char *line = strtok_r(text, "\n", &save); line && r == 0; line = strtok_r(NULL, "\n", &save)) {
		json_auto_t *o = json_loads(line, 0, NULL);
		r = o ? coverage_read_gcov(o, ret, err)
		      : FAIL(err, ERR_DATA, -EBADMSG, "what gcov printed is not JSON; is it older than gcc 9?");
	}
	return r;
}

static int read_gcda(const char *dir, const char *gcda, struct coverage_lines *ret, struct err **err)
{
	_cleanup_buf_ struct buf out = BUF_NULL;
	_cleanup_free_ char *gcov = gcov_for(gcda);
	int r = gcov ? link_notes(dir, gcda) : -ENOMEM;
	if (r == -ENOENT)
		return FAIL(
			err, ERR_MISSING, r,
			"'%s' has no notes: the compiler wrote the .gcno file beside the object, as '%.*s.gcno', and "
			"it is not there; build again",
			gcda, (int)(strlen(gcda) - strlen(dir) - 5), gcda + strlen(dir));
	if (r < 0)
		return r;
	const struct tool tools[] = { { gcov, "gcc" }, { 0 } };
	const struct coverage_tool tool = {
		.argv = (const char *const[]){ gcov, "--json-format", "--stdout", gcda, NULL },
		.out = &out,
	};
	r = tools_require(tools, "lines of code that gcc has counted", err);
	if (r == 0)
		r = coverage_tool_check(&tool, err);
	if (r == 0 && out.len)
		r = read_documents(out.data, ret, err);
	return r;
}

static int read_gcc(const char *dir, struct coverage_lines *ret, size_t *found, struct err **err)
{
	_cleanup_(words_done) struct words gcda = { 0 };
	int r = find_files(dir, "*.gcda", true, &gcda);
	for (size_t i = 0; i < gcda.count && r == 0; i++)
		r = read_gcda(dir, gcda.item[i], ret, err);
	*found += gcda.count;
	return r;
}

/* --- clang -------------------------------------------------------------------------------------------------------- */

char *coverage_llvm_tool(const char *name)
{
	_cleanup_free_ char *clang = tool_clang();
	const char *version = clang ? strchr(clang, '-') : NULL;
	char *versioned = NULL;
	if (version && asprintf(&versioned, "%s%s", name, version) >= 0) {
		_cleanup_free_ char *path = tool_find(versioned);
		if (path)
			return versioned;
		free(versioned);
	}
	return strdup(name);
}

/* Both in the order of the list; a program is in it once for each of its profiles. */
struct noted {
	struct words program, profile;
};

static void noted_done(struct noted *n)
{
	words_done(&n->program);
	words_done(&n->profile);
}

static int read_noted(const char *dir, struct noted *ret)
{
	_cleanup_free_ char *path = path_join(dir, COVERAGE_PROGRAMS);
	_cleanup_buf_ struct buf text = BUF_NULL;
	char *save = NULL;
	int r = path ? file_read(path, PROGRAMS_BYTES_MAX, &text, NULL) : -ENOMEM;
	for (char *line = r == 0 && text.len ? strtok_r(text.data, "\n", &save) : NULL; line && r == 0;
	     line = strtok_r(NULL, "\n", &save)) {
		char *tab = strrchr(line, '\t');
		if (!tab || ret->program.count == PROGRAMS_MAX)
			continue;
		*tab = '\0';
		r = words_add(&ret->program, strdup(line));
		if (r == 0)
			r = words_add(&ret->profile, strdup(tab + 1));
	}
	return r;
}

/*
 * The files that may have counts of @program: its own ones, and those of programs on the host, which say not whose they
 * are. LLVM tells functions apart by name and shape, so those of another program would be added to this one's.
 */
static int profiles_of(const struct words *raw, const struct noted *noted, const char *program, struct words *ret)
{
	int r = 0;
	for (size_t i = 0; i < raw->count && r == 0; i++) {
		const char *name = path_basename(raw->item[i]), *owner = NULL;
		for (size_t k = 0; k < noted->profile.count && !owner; k++)
			if (!strcmp(noted->profile.item[k], name))
				owner = noted->program.item[k];
		if (!owner || !program || !strcmp(owner, program))
			r = words_add(ret, strdup(raw->item[i]));
	}
	return r;
}

static int merge_profiles(const char *profile, const struct words *raw, struct err **err)
{
	_cleanup_(words_done) struct words argv = { 0 };
	const char *const head[] = { "merge", "-sparse", "-o", profile };
	int r = words_add(&argv, coverage_llvm_tool("llvm-profdata"));
	for (size_t i = 0; i < ARRAY_SIZE(head) && r == 0; i++)
		r = words_add(&argv, strdup(head[i]));
	for (size_t i = 0; i < raw->count && r == 0; i++)
		r = words_add(&argv, strdup(raw->item[i]));
	if (r < 0)
		return r;
	const struct tool tools[] = { { argv.item[0], "llvm" }, { 0 } };
	const struct coverage_tool tool = { .argv = (const char *const *)argv.item };
	r = tools_require(tools, "counters of programs that clang has built", err);
	return r == 0 ? coverage_tool_check(&tool, err) : r;
}

/* Programs that gcc has built, or that are no longer there, are not for llvm-cov. */
static int export_program(const char *profile, const char *program, struct coverage_lines *ret, struct err **err)
{
	_cleanup_free_ char *cov = coverage_llvm_tool("llvm-cov"), *option = NULL;
	_cleanup_buf_ struct buf out = BUF_NULL;
	int status = 0;
	if (!cov || asprintf(&option, "--instr-profile=%s", profile) < 0)
		return -ENOMEM;
	const struct tool tools[] = { { cov, "llvm" }, { 0 } };
	const struct coverage_tool tool = {
		.argv = (const char *const[]){ cov, "export", "--format=lcov", option, program, NULL },
		.out = &out,
	};
	int r = tools_require(tools, "lines of code that clang has counted", err);
	if (r == 0)
		r = coverage_tool_run(&tool, &status, err);
	if (r < 0 || status)
		return r;
	return coverage_read_lcov(buf_str(&out), out.len, ret, err);
}

static int read_program(const char *profile, const struct words *raw, const struct noted *noted, const char *program,
			struct coverage_lines *ret, struct err **err)
{
	_cleanup_(words_done) struct words own = { 0 };
	int r = profiles_of(raw, noted, program, &own);
	if (r == 0 && own.count)
		r = merge_profiles(profile, &own, err);
	return r == 0 && own.count ? export_program(profile, program, ret, err) : r;
}

/* All programs are merged last, as other words of `llvm-cov` use that file. */
static int read_clang(const char *dir, struct coverage_lines *ret, size_t *found, struct err **err)
{
	_cleanup_(words_done) struct words raw = { 0 };
	_cleanup_(noted_done) struct noted noted = { 0 };
	_cleanup_free_ char *profile = path_join(dir, COVERAGE_PROFILE);
	int r = profile ? find_files(dir, PROFRAW, false, &raw) : -ENOMEM;
	*found += raw.count;
	if (r < 0 || !raw.count)
		return r;
	r = read_noted(dir, &noted);
	for (size_t i = 0; i < noted.program.count && r == 0; i++) {
		const struct words before = { noted.program.item, i };
		if (!words_have(&before, noted.program.item[i]))
			r = read_program(profile, &raw, &noted, noted.program.item[i], ret, err);
	}
	return r == 0 ? merge_profiles(profile, &raw, err) : r;
}

int coverage_read(const char *dir, struct coverage_lines *ret, struct err **err)
{
	size_t found = 0;
	int r = read_gcc(dir, ret, &found, err);
	if (r == 0)
		r = read_clang(dir, ret, &found, err);
	if (r == 0 && !found)
		r = FAIL(err, ERR_MISSING, -ENOENT,
			 "'%s' has no counters; build the test binaries with coverage, and run 'ktstr coverage'", dir);
	coverage_settle(ret);
	return r;
}
