/* SPDX-License-Identifier: GPL-2.0-only */
/* hosttree.c -- see hosttree.h. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bug.h"
#include "base/file.h"
#include "hosttree.h"

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

unsigned host_tree_names(const char *folder, char *ret[HOST_TREES_MAX])
{
	unsigned count = 0;
	DIR *dir = opendir(folder);
	REQUIRE(dir);
	for (struct dirent *e; (e = readdir(dir));) {
		size_t len = strlen(e->d_name);
		if (len > 4 && !strcmp(e->d_name + len - 4, ".txt")) {
			REQUIRE(count < HOST_TREES_MAX);
			ret[count++] = strndup(e->d_name, len - 4);
		}
	}
	closedir(dir);
	qsort(ret, count, sizeof(*ret), by_name);
	return count;
}

/* One file of a tree. */
struct leaf {
	char *path, *content;
};

struct tree {
	struct leaf *leaf;
	size_t count;
};

static void add_leaf(struct tree *t, const char *path, const char *content)
{
	if ((t->count & (t->count - 1)) == 0)
		t->leaf = realloc(t->leaf, (t->count ? 2 * t->count : 1) * sizeof(*t->leaf));
	REQUIRE(t->leaf);
	t->leaf[t->count++] = (struct leaf){ strdup(path), strdup(content) };
}

/* "a[0-1]/b" is a0/b and a1/b. */
static void add_line(struct tree *t, char *path, const char *content)
{
	struct cpuset_bits numbers;
	char *open = strchr(path, '['), *close = open ? strchr(open, ']') : NULL;
	if (!close) {
		add_leaf(t, path, content);
		return;
	}
	*open = *close = '\0';
	REQUIRE(cpuset_parse(open + 1, &numbers) == 0);
	set_for_each(n, &numbers) {
		char full[256];
		snprintf(full, sizeof(full), "%s%u%s", path, n, close + 1);
		add_leaf(t, full, content);
	}
}

static char *next_line(char **at)
{
	char *line = *at, *end = line + strcspn(line, "\n");
	if (!*line)
		return NULL;
	*at = *end ? end + 1 : end;
	*end = '\0';
	return line;
}

static void load(const char *folder, const char *name, struct buf *ret)
{
	_cleanup_free_ char *path = NULL;
	REQUIRE(asprintf(&path, "%s/%s.txt", folder, name) > 0);
	REQUIRE(file_read(path, 1 << 22, ret, NULL) == 0);
}

static int by_path(const void *a, const void *b)
{
	return strcmp(((const struct leaf *)a)->path, ((const struct leaf *)b)->path);
}

/* A repeated line replaces the earlier one. */
static void drop_replaced(struct tree *t)
{
	size_t kept = 0;
	for (size_t i = 0; i < t->count; i++) {
		if (kept && !strcmp(t->leaf[kept - 1].path, t->leaf[i].path)) {
			free(t->leaf[kept - 1].path);
			free(t->leaf[--kept].content);
		}
		t->leaf[kept++] = t->leaf[i];
	}
	t->count = kept;
}

static void parse_tree(const char *folder, const char *name, struct tree *ret)
{
	_cleanup_buf_ struct buf text = BUF_NULL;
	load(folder, name, &text);
	char *at = text.data;
	for (char *line; (line = next_line(&at));) {
		char *tab = strchr(line, '\t');
		if (line[0] == '#' || !tab)
			continue;
		*tab = '\0';
		add_line(ret, line, tab + 1);
	}
	/* glibc's qsort is a merge sort, so it keeps the order of equal paths. */
	qsort(ret->leaf, ret->count, sizeof(*ret->leaf), by_path);
	drop_replaced(ret);
}

static void free_tree(struct tree *t)
{
	for (size_t i = 0; i < t->count; i++) {
		free(t->leaf[i].path);
		free(t->leaf[i].content);
	}
	free(t->leaf);
}

void host_tree_unpack(const char *folder, const char *name, const char *root)
{
	struct tree t = { 0 };
	parse_tree(folder, name, &t);
	for (size_t i = 0; i < t.count; i++) {
		_cleanup_free_ char *full = path_join(root, t.leaf[i].path);
		_cleanup_free_ char *dir = path_dirname(full);
		REQUIRE(mkdir_parents(dir, 0755, NULL) == 0);
		FILE *f = fopen(full, "we");
		REQUIRE(f);
		fprintf(f, "%s\n", t.leaf[i].content);
		fclose(f);
	}
	free_tree(&t);
}

static int read_leaf(void *data, const char *path, struct buf *ret)
{
	const struct tree *t = data;
	struct leaf key = { .path = (char *)path };
	const struct leaf *found = bsearch(&key, t->leaf, t->count, sizeof(key), by_path);
	if (!found)
		return -ENOENT;
	buf_clear(ret);
	buf_appendf(ret, "%s\n", found->content);
	return 0;
}

static bool read_allowed(const char *folder, const char *name, struct cpuset_bits *ret)
{
	static const char key[] = "\n# allowed ";
	_cleanup_buf_ struct buf text = BUF_NULL;
	load(folder, name, &text);
	char *at = strstr(text.data, key);
	if (!at)
		return false;
	at += strlen(key);
	at[strcspn(at, "\n")] = '\0';
	return cpuset_parse(at, ret) == 0;
}

void host_tree_read(const char *folder, const char *name, struct host *ret, struct cpuset_bits *ret_allowed)
{
	struct tree t = { 0 };
	struct host_source from = { read_leaf, &t };
	parse_tree(folder, name, &t);
	REQUIRE(host_read_from(&from, ret, NULL) == 0);
	free_tree(&t);
	if (!read_allowed(folder, name, ret_allowed))
		*ret_allowed = ret->online;
}
