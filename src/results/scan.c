/* SPDX-License-Identifier: GPL-2.0-only */
/* scan.c -- see scan.h. */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/result_name.h"
#include "base/time.h"
#include "results/scan.h"

#define FILES_A_TURN	256 /* that a thread takes at once */
#define DEPTH_MAX	8   /* of directories below the root, of a tree */
#define DIRECTORIES_MAX ((size_t)1 << 20)
#define FILES_MAX	((size_t)1 << 24)

void scan_done(struct scan *s)
{
	for (size_t i = 0; i < s->directories; i++)
		free(s->directory[i].path);
	free(s->directory);
	free(s->file);
	free(s->root);
	free(s->unreadable);
	buf_done(&s->names);
	memset(s, 0, sizeof(*s));
}

bool is_samples_name(const char *name)
{
	return !strncmp(name, SAMPLES_PREFIX, strlen(SAMPLES_PREFIX));
}

static bool has_history(const struct scan *s)
{
	return s->scope == SCAN_WITH_HISTORY || s->scope == SCAN_ALL;
}

/* A run that is named is read, whatever its name. */
static bool has_samples(const struct scan *s)
{
	return s->scope == SCAN_WITH_SAMPLES || s->scope == SCAN_ALL || s->scope == SCAN_ONE;
}

bool scan_covers(const struct scan *s, const char *directory)
{
	bool history = !strncmp(directory, HISTORY_DIRECTORY "/", strlen(HISTORY_DIRECTORY "/"));
	return (!history || has_history(s)) && (!is_samples_name(directory) || has_samples(s));
}

const char *scan_name(const struct scan *s, const struct scan_file *f)
{
	return s->names.data + f->name;
}

char *scan_path(const struct scan *s, const struct scan_file *f)
{
	const char *directory = s->directory[f->directory].path;
	char *path = NULL;
	int r = asprintf(&path, "%s/%s%s%s", s->root, directory, *directory ? "/" : "", scan_name(s, f));
	return r < 0 ? NULL : path;
}

/* --- listing ------------------------------------------------------------------------------------------------------ */

static void add_file(struct scan *s, size_t directory, const char *name)
{
	if (s->files == s->file_room) {
		size_t room = s->file_room ? 2 * s->file_room : 256;
		struct scan_file *larger = s->files < FILES_MAX ? realloc(s->file, room * sizeof(*larger)) : NULL;
		if (!larger) {
			s->failed = true;
			return;
		}
		s->file = larger;
		s->file_room = room;
	}
	s->file[s->files++] = (struct scan_file){ .directory = (uint32_t)directory, .name = (uint32_t)s->names.len };
	buf_append(&s->names, name, strlen(name) + 1);
}

/* Paths of directories that are to be listed later. */
struct paths {
	char **item;
	size_t count;
};

static void paths_add(struct paths *p, char *path)
{
	char **larger = path && p->count < DIRECTORIES_MAX ? realloc(p->item, (p->count + 1) * sizeof(*larger)) : NULL;
	if (larger) {
		p->item = larger;
		p->item[p->count++] = path;
	} else {
		free(path);
	}
}

static int compare_paths(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void paths_done(struct paths *p)
{
	for (size_t i = 0; i < p->count; i++)
		free(p->item[i]);
	free(p->item);
}

/* Links are not followed in a tree: they could lead in a circle. */
static bool is_directory(int dir, const struct dirent *e, bool follow)
{
	struct stat st;
	if (e->d_type == DT_DIR)
		return true;
	if (e->d_type != DT_UNKNOWN && (e->d_type != DT_LNK || !follow))
		return false;
	return fstatat(dir, e->d_name, &st, follow ? 0 : AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode);
}

static char *path_below(const char *parent, const char *name)
{
	return *parent ? path_join(parent, name) : strdup(name);
}

static DIR *open_below(const char *root, const char *path)
{
	_cleanup_free_ char *whole = *path ? path_join(root, path) : strdup(root);
	return whole ? opendir(whole) : NULL;
}

/* Directories that a listing has found. */
struct identities {
	struct identity {
		dev_t device;
		ino_t inode;
	} * item;
	size_t count;
};

/* False: it is known already, or memory is short. */
static bool identities_add(struct identities *known, int dir, const char *name)
{
	struct stat st;
	if (fstatat(dir, name, &st, 0) < 0)
		return false;
	for (size_t i = 0; i < known->count; i++)
		if (known->item[i].device == st.st_dev && known->item[i].inode == st.st_ino)
			return false;
	struct identity *more = reallocarray(known->item, known->count + 1, sizeof(*more));
	if (!more)
		return false;
	known->item = more;
	more[known->count++] = (struct identity){ st.st_dev, st.st_ino };
	return true;
}

/* Either the directories that are none by a link, or the links to others. */
static void add_directories(const struct scan *s, DIR *d, const char *path, bool links, struct identities *known,
			    struct paths *ret)
{
	rewinddir(d);
	for (struct dirent *e; (e = readdir(d));) {
		bool dots = !strcmp(e->d_name, ".") || !strcmp(e->d_name, "..");
		if (dots || *e->d_name == '.' || !scan_covers(s, e->d_name) ||
		    is_directory(dirfd(d), e, false) == links)
			continue;
		if ((!links || is_directory(dirfd(d), e, true)) && identities_add(known, dirfd(d), e->d_name))
			paths_add(ret, path_below(path, e->d_name));
	}
}

/*
 * Directories in @path, sorted, without those that begin with a dot. A link such as "latest" would double the results
 * of the directory to which it leads.
 */
static void list_directories(struct scan *s, const char *path, struct paths *ret)
{
	DIR *d = open_below(s->root, path);
	struct identities known = { 0 };
	size_t first = ret->count;
	for (int links = 0; d && links < 2; links++)
		add_directories(s, d, path, links, &known, ret);
	free(known.item);
	if (d)
		closedir(d);
	if (ret->count > first)
		qsort(ret->item + first, ret->count - first, sizeof(*ret->item), compare_paths);
}

static int compare_names(const void *a, const void *b, void *names)
{
	const struct scan_file *x = a, *y = b;
	return strcmp((char *)names + x->name, (char *)names + y->name);
}

/* Adds the sidecars of one directory, sorted by name, and appends its subdirectories to @deeper unless that is NULL. */
static void list_run(struct scan *s, const char *path, struct paths *deeper)
{
	struct stat st;
	DIR *d = open_below(s->root, path);
	if (!d && !s->unreadable) {
		s->why = -errno;
		s->unreadable = strdup(path);
	}
	struct scan_directory *larger = realloc(s->directory, (s->directories + 1) * sizeof(*larger));
	char *kept = strdup(path);
	if (larger)
		s->directory = larger;
	if (!d || !larger || !kept) {
		s->failed |= !larger || !kept;
		free(kept);
		if (d)
			closedir(d);
		return;
	}
	struct scan_directory *at = &s->directory[s->directories];
	*at = (struct scan_directory){ .path = kept, .first = s->files };
	if (fstat(dirfd(d), &st) == 0)
		at->mtime_ns = st.st_mtim.tv_sec * NSEC_PER_SEC + st.st_mtim.tv_nsec;
	for (struct dirent *e; (e = readdir(d));) {
		if (is_sidecar_name(e->d_name))
			add_file(s, s->directories, e->d_name);
		else if (deeper && *e->d_name != '.' && scan_covers(s, e->d_name) &&
			 is_directory(dirfd(d), e, s->scope != SCAN_TREE))
			paths_add(deeper, path_below(path, e->d_name));
	}
	closedir(d);
	at->count = s->files - at->first;
	if (at->count)
		qsort_r(s->file + at->first, at->count, sizeof(*s->file), compare_names, s->names.data);
	s->directories++;
}

static void list_runs(struct scan *s, const struct paths *runs)
{
	for (size_t i = 0; i < runs->count; i++) {
		_cleanup_(paths_done) struct paths deeper = { 0 };
		list_run(s, runs->item[i], &deeper);
		if (deeper.count)
			qsort(deeper.item, deeper.count, sizeof(*deeper.item), compare_paths);
		for (size_t k = 0; k < deeper.count; k++)
			list_run(s, deeper.item[k], NULL);
	}
}

static void list_tree(struct scan *s, const char *path, unsigned depth)
{
	_cleanup_(paths_done) struct paths deeper = { 0 };
	list_run(s, path, depth < DEPTH_MAX ? &deeper : NULL);
	if (deeper.count)
		qsort(deeper.item, deeper.count, sizeof(*deeper.item), compare_paths);
	for (size_t i = 0; i < deeper.count; i++)
		list_tree(s, deeper.item[i], depth + 1);
}

static void list_history(struct scan *s, struct paths *runs)
{
	_cleanup_(paths_done) struct paths keys = { 0 };
	list_directories(s, HISTORY_DIRECTORY, &keys);
	for (size_t i = 0; i < keys.count; i++)
		list_directories(s, keys.item[i], runs);
}

int scan_list(const char *root, enum scan_scope scope, struct scan *ret, struct err **err)
{
	_cleanup_(paths_done) struct paths runs = { 0 };
	memset(ret, 0, sizeof(*ret));
	ret->scope = scope;
	ret->root = strdup(root);
	if (!ret->root)
		return -ENOMEM;
	if (scope == SCAN_TREE)
		list_tree(ret, "", 0);
	else if (scope == SCAN_ONE)
		paths_add(&runs, strdup(""));
	else
		list_directories(ret, "", &runs);
	if (has_history(ret))
		list_history(ret, &runs);
	list_runs(ret, &runs);
	int r = 0;
	if (ret->failed || ret->names.failed)
		r = FAIL(err, ERR_BY_CODE, -ENOMEM, "list the sidecars in '%s': out of memory", root);
	else if (scope == SCAN_TREE && ret->unreadable)
		r = FAIL_SYS(err, ret->why, "read the directory '%s/%s'", root, ret->unreadable);
	if (r < 0)
		scan_done(ret);
	return r;
}

/* --- looking ------------------------------------------------------------------------------------------------------ */

void scan_file_set(struct scan_file *f, const struct stat *st)
{
	f->known = S_ISREG(st->st_mode);
	f->inode = st->st_ino;
	f->size = (uint64_t)st->st_size;
	f->mtime_ns = st->st_mtim.tv_sec * NSEC_PER_SEC + st->st_mtim.tv_nsec;
}

static void stat_file(struct scan *s, int dir, struct scan_file *f)
{
	struct stat st;
	if (fstatat(dir, scan_name(s, f), &st, 0) == 0)
		scan_file_set(f, &st);
}

int scan_open_directory(const struct scan *s, uint32_t directory)
{
	const char *path = s->directory[directory].path;
	_cleanup_free_ char *whole = *path ? path_join(s->root, path) : strdup(s->root);
	return whole ? open(whole, O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;
}

void scan_stat(struct scan *s)
{
	for (size_t i; (i = atomic_fetch_add(&s->next, FILES_A_TURN)) < s->files;) {
		size_t end = MIN_OF(i + FILES_A_TURN, s->files);
		while (i < end) {
			uint32_t directory = s->file[i].directory;
			_cleanup_close_ int dir = scan_open_directory(s, directory);
			for (; i < end && s->file[i].directory == directory; i++)
				stat_file(s, dir, &s->file[i]);
		}
	}
}
