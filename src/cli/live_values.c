/* SPDX-License-Identifier: GPL-2.0-only */
/* live_values.c -- see live_values.h. */
#include <dirent.h>
#include <inttypes.h>
#include <string.h>

#include <ktstr/canned.h>

#include "base/cachefile.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/text.h"
#include "cli/live_values.h"
#include "cli/stats_args.h"
#include "kernel/cache.h"
#include "reactor/reactor.h"
#include "run/list_json.h"
#include "run/suite.h"
#include "topo/presets.h"

/* A suite is listed at most this often per state of its file; lists of other states are removed. */
#define LISTS_KEPT     64
#define LIST_BYTES_MAX ((size_t)16 << 20)
#define LIST_SUFFIX    ".list"

/* --- which values ------------------------------------------------------------------------------------------------- */

static const struct {
	const char *option, *arg, *kind; /* an option without the "a-" or "b-" of one side */
} option_kinds[] = {
	{ "kernel", "KERNEL", "kernels" },
	{ "kernel", "VERSION", "versions" },
	{ "filter", "EXPR", "tests" },
	{ "scheduler", "NAME", "schedulers" },
	{ "topology", "TOPOLOGY", "presets" },
	{ "run", "RUN", "runs" },
	{ "run", "ID", "runs" },
};

static const struct {
	const char *command, *kind;
} operand_kinds[] = {
	{ "show-thresholds", "test-names" },
	{ "kernel build", "kernels" },
	{ "merge", "runs" },
	{ "report", "runs" },
	{ "run", "scenarios" },
};

const char *live_kind_of_option(const struct option_row *o)
{
	const char *name = o->name;
	if (option_may_be_bare(o) || o->choices || !o->arg)
		return NULL;
	if (!strncmp(name, "a-", 2) || !strncmp(name, "b-", 2))
		name += 2;
	for (size_t i = 0; i < ARRAY_SIZE(option_kinds); i++)
		if (!strcmp(option_kinds[i].option, name) && !strcmp(option_kinds[i].arg, o->arg))
			return option_kinds[i].kind;
	return NULL;
}

const char *live_kind_of_operands(const struct command *c)
{
	for (size_t i = 0; i < ARRAY_SIZE(operand_kinds); i++)
		if (!strcmp(operand_kinds[i].command, c->name))
			return operand_kinds[i].kind;
	return NULL;
}

/* --- values ------------------------------------------------------------------------------------------------------- */

struct wanted {
	const char *prefix;
	struct buf *out;
};

static void offer(const struct wanted *w, const char *value, size_t len)
{
	size_t prefix = strlen(w->prefix);
	if (len < prefix || strncmp(value, w->prefix, prefix) != 0 || !text_is_clean(value, len, true))
		return;
	buf_append(w->out, value, len);
	buf_append(w->out, "\n", 1);
}

/* --- of test binaries: the first character of a line says what it is ---------------------------------------------- */

static char *list_name(const char *binary)
{
	_cleanup_buf_ struct buf identity = BUF_NULL;
	struct siphash hash;
	char *name = NULL;
	siphash_init(&hash);
	buf_appendf(&identity, "%s\n", binary);
	file_identify(binary, &identity);
	siphash_string(&hash, buf_str(&identity));
	return asprintf(&name, "%016" PRIx64 LIST_SUFFIX, siphash_final(&hash)) < 0 ? NULL : name;
}

static int make_list(const char *binary, struct buf *out)
{
	struct reactor *reactor = NULL;
	struct suite s = { 0 };
	int r = reactor_new(&reactor, NULL);
	r = r < 0 ? r : suite_load(reactor, binary, &s, NULL);
	if (r == 0) {
		for (size_t i = 0; i < s.tests; i++)
			buf_appendf(out, "t%s\n", s.test[i].name);
		for (size_t i = 0; i < s.schedulers; i++)
			buf_appendf(out, "s%s\n", s.scheduler[i].name);
		suite_done(&s);
	}
	if (reactor)
		reactor_free(reactor);
	return r;
}

/* What the binary lists, from the cache if the binary is the same as then. */
static int read_list(const char *dir, const char *binary, struct buf *out)
{
	_cleanup_free_ char *name = list_name(binary);
	const struct cachefile_use use = { 0 };
	_cleanup_close_ int fd = -1;
	if (!name || !dir)
		return -ENOMEM;
	if (cachefile_open(dir, name, &use, &fd) == 0) {
		off_t len = lseek(fd, 0, SEEK_END);
		if (len < 0 || (size_t)len > LIST_BYTES_MAX)
			return -EFBIG;
		buf_zeros(out, (size_t)len);
		return out->failed ? -ENOMEM : fd_pread_full(fd, out->data, (size_t)len, 0);
	}
	int r = make_list(binary, out);
	if (r == 0 && !out->failed) {
		cachefile_store(dir, name, buf_str(out), out->len, &use);
		cachefile_trim(dir, LIST_SUFFIX, LISTS_KEPT);
	}
	return r;
}

/* A test in a filter has the name of its test run; elsewhere that of its function. */
static void offer_lines(const struct wanted *w, const struct buf *list, char kind, const char *before)
{
	char value[512];
	for (const char *line = buf_str(list); *line;) {
		const char *end = strchrnul(line, '\n');
		int len = *line == kind
				  ? snprintf(value, sizeof(value), "%s%.*s", before, (int)(end - line - 1), line + 1)
				  : 0;
		if (len > 0 && (size_t)len < sizeof(value))
			offer(w, value, (size_t)len);
		line = *end ? end + 1 : end;
	}
}

static void offer_of_suites(const struct wanted *w, char kind, const char *before)
{
	static const char *const paths[] = { "build", NULL };
	_cleanup_free_ char *dir = cache_sibling("completions");
	char **binary = NULL;
	if (suite_find(paths, &binary, NULL) < 0)
		return;
	for (char **b = binary; b && *b; b++) {
		_cleanup_buf_ struct buf list = BUF_NULL;
		if (read_list(dir, *b, &list) == 0)
			offer_lines(w, &list, kind, before);
	}
	strings_free(binary);
}

/* A filter may leave out the "ktstr/"; so may who begins to type one. */
static void offer_tests(const struct wanted *w)
{
	offer_of_suites(w, 't', "ktstr/");
	if (*w->prefix)
		offer_of_suites(w, 't', "");
}

static void offer_test_names(const struct wanted *w)
{
	offer_of_suites(w, 't', "");
}

static void offer_schedulers(const struct wanted *w)
{
	offer(w, "eevdf", 5);
	offer_of_suites(w, 's', "");
}

/* --- others ------------------------------------------------------------------------------------------------------- */

static void offer_cached_kernels(const struct wanted *w, bool keys)
{
	struct cache cache;
	struct cache_entry *entry = NULL;
	size_t count = 0;
	if (cache_open(&cache, NULL) < 0)
		return;
	if (cache_list(&cache, &entry, &count, NULL) == 0) {
		for (size_t i = 0; i < count; i++) {
			if (entry[i].error_kind)
				continue;
			offer(w, entry[i].version, strlen(entry[i].version));
			if (keys)
				offer(w, entry[i].key, strlen(entry[i].key));
		}
		entries_free(entry, count);
	}
	cache_done(&cache);
}

static void offer_kernels(const struct wanted *w)
{
	offer_cached_kernels(w, true);
}

static void offer_versions(const struct wanted *w)
{
	offer_cached_kernels(w, false);
}

static void offer_presets(const struct wanted *w)
{
	for (const struct preset *p = presets; p->name; p++)
		offer(w, p->name, strlen(p->name));
}

static void offer_runs(const struct wanted *w)
{
	_cleanup_free_ char *root = stats_root(NULL);
	DIR *d = root ? opendir(root) : NULL;
	for (struct dirent *e; d && (e = readdir(d));)
		if (*e->d_name != '.' && e->d_type == DT_DIR)
			offer(w, e->d_name, strlen(e->d_name));
	if (d)
		closedir(d);
}

static void offer_scenarios(const struct wanted *w)
{
	for (const struct ktstr_canned *c = ktstr_canned_list(); c->name; c++)
		offer(w, c->name, strlen(c->name));
}

static const struct {
	const char *kind;
	void (*offer)(const struct wanted *w);
} kinds[] = {
	{ "tests", offer_tests },     { "test-names", offer_test_names }, { "schedulers", offer_schedulers },
	{ "kernels", offer_kernels }, { "versions", offer_versions },	  { "presets", offer_presets },
	{ "runs", offer_runs },	      { "scenarios", offer_scenarios },
};

int live_values(const char *kind, const char *prefix, struct buf *out)
{
	const struct wanted w = { .prefix = prefix, .out = out };
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		if (strcmp(kinds[i].kind, kind) != 0)
			continue;
		kinds[i].offer(&w);
		return 0;
	}
	return -ENOENT;
}
