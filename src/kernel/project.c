/* SPDX-License-Identifier: GPL-2.0-only */
/* project.c -- see project.h. */
#include <git2.h>
#include <string.h>

#include "base/file.h"
#include "base/library.h"
#include "base/text.h"
#include "kernel/project.h"

/* clang-format off */
#define GIT_FUNCTIONS(X) \
	X(libgit2_init) X(libgit2_shutdown) X(libgit2_opts) X(error_last) X(repository_open) X(repository_open_ext) \
	X(repository_free) X(repository_workdir) X(repository_commondir) X(repository_set_head_detached) \
	X(oid_tostr) X(oid_fromstr) X(revparse_single) X(object_peel) X(object_id) X(object_free) X(object_lookup) \
	X(merge_base) X(index_new) X(index_free) X(index_read_tree) X(index_add) X(index_remove_bypath) \
	X(index_write_tree_to) X(diff_tree_to_workdir_with_index) X(diff_num_deltas) X(diff_get_delta) X(diff_free) \
	X(blob_create_from_workdir) X(checkout_tree) X(worktree_add) X(worktree_lookup) X(worktree_prune) \
	X(worktree_free) X(branch_lookup) X(branch_delete) X(reference_free) X(revwalk_new) X(revwalk_push) \
	X(revwalk_hide) X(revwalk_sorting) X(revwalk_simplify_first_parent) X(revwalk_next) X(revwalk_free) \
	X(commit_lookup) X(commit_free) X(commit_parentcount) X(commit_parent_id) X(commit_summary) X(commit_tree) \
	X(graph_descendant_of) X(diff_tree_to_tree) X(tree_free)
/* clang-format on */
#define GIT_SLOT(name) __typeof__(git_##name) *name;
#define GIT_NAME(name) "git_" #name,

struct git_api {
	GIT_FUNCTIONS(GIT_SLOT)
};

struct project {
	struct git_api git;
	git_repository *repo;
};

/* An error with what libgit2 says. */
#define FAIL_GIT(p, err, ...) fail_git(p, err, __VA_ARGS__)
static int PRINTF_LIKE(3, 4) fail_git(const struct project *p, struct err **err, const char *fmt, ...)
{
	const git_error *why = p->git.error_last();
	_cleanup_buf_ struct buf what = BUF_NULL;
	va_list args;
	va_start(args, fmt);
	buf_vappendf(&what, fmt, args);
	va_end(args);
	return FAIL(err, ERR_DATA, -EIO, "%s: %s", buf_str(&what), why && why->message ? why->message : "git failed");
}

int project_open(const char *dir, struct project **ret, struct err **err)
{
	static const char *const names[] = { GIT_FUNCTIONS(GIT_NAME) NULL };
	_cleanup_(project_close_p) struct project *p = calloc(1, sizeof(*p));
	char head[GIT_HASH_SIZE];
	if (!p)
		return -ENOMEM;
	int r = library_open("libgit2.so." LIBGIT2_SOVERSION, names, &p->git, err);
	if (r < 0) {
		free(TAKE_PTR(p));
		return r;
	}
	p->git.libgit2_init();
	/* Who builds a project trusts it, whoever owns the files. */
	p->git.libgit2_opts(GIT_OPT_SET_OWNER_VALIDATION, 0);
	if (p->git.repository_open_ext(&p->repo, dir, 0, NULL) != 0 || !p->git.repository_workdir(p->repo))
		return FAIL(err, ERR_USAGE, -ENOENT, "'%s' is not in a checkout of git; go to that of the project",
			    dir);
	if (project_commit(p, "HEAD", head) < 0)
		return FAIL(err, ERR_USAGE, -ENOENT, "'%s' has no commit yet; commit something first", project_top(p));
	*ret = TAKE_PTR(p);
	return 0;
}

void project_close(struct project *p)
{
	if (!p)
		return;
	p->git.repository_free(p->repo);
	p->git.libgit2_shutdown();
	free(p);
}

const char *project_top(const struct project *p)
{
	return p->git.repository_workdir(p->repo);
}

const char *project_common(const struct project *p)
{
	return p->git.repository_commondir(p->repo);
}

/* --- commits ------------------------------------------------------------------------------------------------------ */

/* The object of a kind that @revision names or leads to; NULL: there is none. */
static git_object *find_object(const struct project *p, const char *revision, git_object_t kind)
{
	git_object *object = NULL, *peeled = NULL;
	if (p->git.revparse_single(&object, p->repo, revision) == 0)
		p->git.object_peel(&peeled, object, kind);
	p->git.object_free(object);
	return peeled;
}

int project_commit(const struct project *p, const char *revision, char ret[GIT_HASH_SIZE])
{
	git_object *commit = find_object(p, revision, GIT_OBJECT_COMMIT);
	if (!commit)
		return -ENOENT;
	p->git.oid_tostr(ret, GIT_HASH_SIZE, p->git.object_id(commit));
	p->git.object_free(commit);
	return 0;
}

int project_merge_base(const struct project *p, const char *a, const char *b, char ret[GIT_HASH_SIZE])
{
	git_oid base;
	git_object *one = find_object(p, a, GIT_OBJECT_COMMIT), *two = find_object(p, b, GIT_OBJECT_COMMIT);
	bool found = one && two && p->git.merge_base(&base, p->repo, p->git.object_id(one), p->git.object_id(two)) == 0;
	p->git.object_free(one);
	p->git.object_free(two);
	if (found)
		p->git.oid_tostr(ret, GIT_HASH_SIZE, &base);
	return found ? 0 : -ENOENT;
}

int project_tree(const struct project *p, const char *commit, char ret[GIT_HASH_SIZE], struct err **err)
{
	git_object *tree = find_object(p, commit, GIT_OBJECT_TREE);
	if (!tree)
		return FAIL_GIT(p, err, "read the commit %s", commit);
	p->git.oid_tostr(ret, GIT_HASH_SIZE, p->git.object_id(tree));
	p->git.object_free(tree);
	return 0;
}

/* --- snapshot ----------------------------------------------------------------------------------------------------- */

static int add_file(const struct project *p, git_index *index, const git_diff_file *file)
{
	git_index_entry entry = { .path = file->path, .mode = file->mode };
	int r = p->git.blob_create_from_workdir(&entry.id, p->repo, file->path);
	return r == 0 ? p->git.index_add(index, &entry) : r;
}

/* @except relative to the top of the working tree; NULL: it is elsewhere, or does not exist. */
static char *path_in_project(const struct project *p, const char *except)
{
	_cleanup_free_ char *path = except ? realpath(except, NULL) : NULL, *top = realpath(project_top(p), NULL);
	size_t len = top ? strlen(top) : 0;
	return path && top && !strncmp(path, top, len) && path[len] == '/' ? strdup(path + len + 1) : NULL;
}

static bool is_below(const char *path, const char *directory)
{
	size_t len = directory ? strlen(directory) : 0;
	return len && !strncmp(path, directory, len) && path[len] == '/';
}

static bool is_directory(const git_diff_file *file)
{
	size_t len = strlen(file->path);
	return file->mode == GIT_FILEMODE_COMMIT || (len && file->path[len - 1] == '/');
}

static int take_delta(const struct project *p, git_index *index, const git_diff_delta *d, const char *except,
		      struct project_snapshot *ret)
{
	bool gone = d->status == GIT_DELTA_DELETED;
	const git_diff_file *file = gone ? &d->old_file : &d->new_file;
	if (d->status == GIT_DELTA_UNTRACKED && is_below(file->path, except))
		return 0;
	if (!gone && is_directory(file)) {
		ret->left_out++;
		return 0;
	}
	ret->changes++;
	ret->tracked += d->status != GIT_DELTA_UNTRACKED;
	return gone ? p->git.index_remove_bypath(index, file->path) : add_file(p, index, file);
}

/* @index is in memory only, and has the files of HEAD. */
static int take_changes(const struct project *p, git_tree *head, git_index *index, const char *except,
			struct project_snapshot *ret)
{
	git_diff_options options = GIT_DIFF_OPTIONS_INIT;
	git_diff *diff = NULL;
	options.flags = GIT_DIFF_IGNORE_SUBMODULES | GIT_DIFF_INCLUDE_UNTRACKED | GIT_DIFF_RECURSE_UNTRACKED_DIRS |
			GIT_DIFF_INCLUDE_TYPECHANGE;
	int r = p->git.diff_tree_to_workdir_with_index(&diff, p->repo, head, &options);
	for (size_t i = 0; r == 0 && i < p->git.diff_num_deltas(diff); i++)
		r = take_delta(p, index, p->git.diff_get_delta(diff, i), except, ret);
	p->git.diff_free(diff);
	return r;
}

int project_snapshot(const struct project *p, const char *except, struct project_snapshot *ret, struct err **err)
{
	_cleanup_free_ char *skipped = path_in_project(p, except);
	git_index *index = NULL;
	git_oid tree;
	git_object *head = find_object(p, "HEAD", GIT_OBJECT_TREE);
	*ret = (struct project_snapshot){ 0 };
	int r = head ? p->git.index_new(&index) : -1;
	if (r == 0)
		r = p->git.index_read_tree(index, (git_tree *)head);
	if (r == 0)
		r = take_changes(p, (git_tree *)head, index, skipped, ret);
	if (r == 0)
		r = p->git.index_write_tree_to(&tree, index, p->repo);
	if (r == 0)
		p->git.oid_tostr(ret->tree, GIT_HASH_SIZE, &tree);
	p->git.index_free(index);
	p->git.object_free(head);
	return r == 0 ? 0 : FAIL_GIT(p, err, "take a snapshot of '%s'", project_top(p));
}

/* --- worktrees ---------------------------------------------------------------------------------------------------- */

/* libgit2 makes a branch for each worktree. It is not wanted, because the user would see it. */
static void delete_branch(const struct project *p, const char *name)
{
	git_reference *branch = NULL;
	if (p->git.branch_lookup(&branch, p->repo, name, GIT_BRANCH_LOCAL) == 0)
		p->git.branch_delete(branch);
	p->git.reference_free(branch);
}

/* Sets HEAD of the new worktree, and writes the files. */
static int fill_worktree(const struct project *p, const char *path, const char *commit, const char *tree)
{
	git_checkout_options options = GIT_CHECKOUT_OPTIONS_INIT;
	git_repository *work = NULL;
	git_object *files = NULL;
	git_oid commit_id, tree_id;
	options.checkout_strategy = GIT_CHECKOUT_FORCE;
	int r = p->git.oid_fromstr(&commit_id, commit) | p->git.oid_fromstr(&tree_id, tree);
	if (r == 0)
		r = p->git.repository_open(&work, path);
	if (r == 0)
		r = p->git.repository_set_head_detached(work, &commit_id);
	if (r == 0)
		r = p->git.object_lookup(&files, work, &tree_id, GIT_OBJECT_TREE);
	if (r == 0)
		r = p->git.checkout_tree(work, files, &options);
	p->git.object_free(files);
	p->git.repository_free(work);
	return r;
}

int project_add(const struct project *p, const char *name, const char *path, const char *commit, const char *tree,
		struct err **err)
{
	git_worktree_add_options options = GIT_WORKTREE_ADD_OPTIONS_INIT;
	git_worktree *work = NULL;
	options.checkout_options.checkout_strategy = GIT_CHECKOUT_NONE;
	int r = p->git.worktree_add(&work, p->repo, name, path, &options);
	p->git.worktree_free(work);
	if (r == 0)
		r = fill_worktree(p, path, commit, tree);
	delete_branch(p, name);
	return r == 0 ? 0 : FAIL_GIT(p, err, "check %s out in '%s'", commit, path);
}

int project_remove(const struct project *p, const char *name, const char *path, struct err **err)
{
	git_worktree_prune_options options = GIT_WORKTREE_PRUNE_OPTIONS_INIT;
	git_worktree *work = NULL;
	int r = remove_tree(path, err);
	options.flags = GIT_WORKTREE_PRUNE_VALID | GIT_WORKTREE_PRUNE_LOCKED;
	if (p->git.worktree_lookup(&work, p->repo, name) == 0 && p->git.worktree_prune(work, &options) != 0 && r == 0)
		r = FAIL_GIT(p, err, "forget the worktree '%s'", name);
	p->git.worktree_free(work);
	delete_branch(p, name);
	return r;
}

/* --- history ------------------------------------------------------------------------------------------------------ */

void project_history_done(struct project_history *h)
{
	free(h->hash);
	free(h->first);
	free(h->parent);
	*h = (struct project_history){ 0 };
}

/* Room for one more commit and @parents more parents. */
static int make_room(struct project_history *h, size_t *room, size_t parents)
{
	size_t want = MAX_OF(h->count + 2, h->parents + parents + 1);
	if (want <= *room)
		return 0;
	*room = 2 * want;
	char(*hash)[GIT_HASH_SIZE] = reallocarray(h->hash, *room, sizeof(*hash));
	h->hash = hash ?: h->hash;
	uint32_t *first = reallocarray(h->first, *room, sizeof(*first));
	h->first = first ?: h->first;
	uint32_t *parent = reallocarray(h->parent, *room, sizeof(*parent));
	h->parent = parent ?: h->parent;
	return hash && first && parent ? 0 : -ENOMEM;
}

/* Numbers of commits by their hashes: open addressing; 0: empty, else number + 1. */
struct numbers {
	uint32_t *slot;
	size_t size;
};

static size_t find_slot(const struct project_history *h, const struct numbers *n, const char *hash)
{
	uint64_t key;
	memcpy(&key, hash, sizeof(key));
	size_t at = (size_t)(key * 0x9e3779b97f4a7c15u >> 32) & (n->size - 1);
	while (n->slot[at] && strcmp(h->hash[n->slot[at] - 1], hash) != 0)
		at = (at + 1) & (n->size - 1);
	return at;
}

/* A parent that is not part of the walk is behind the good end, as the good end is: number 0. */
static void add_parent(struct project_history *h, const struct numbers *n, const char *hash)
{
	uint32_t number = n->slot[find_slot(h, n, hash)];
	h->parent[h->parents++] = number ? number - 1 : 0;
}

static int add_commit(const struct project *p, const git_oid *id, bool first_parent, struct numbers *n, size_t *room,
		      struct project_history *h)
{
	git_commit *commit = NULL;
	char hash[GIT_HASH_SIZE];
	if (p->git.commit_lookup(&commit, p->repo, id) != 0)
		return -EIO;
	unsigned parents = p->git.commit_parentcount(commit);
	int r = make_room(h, room, parents);
	for (unsigned i = 0; r == 0 && i < (first_parent ? MIN_OF(parents, 1u) : parents); i++)
		add_parent(h, n, p->git.oid_tostr(hash, sizeof(hash), p->git.commit_parent_id(commit, i)));
	p->git.commit_free(commit);
	if (r < 0)
		return r;
	p->git.oid_tostr(h->hash[h->count], GIT_HASH_SIZE, id);
	n->slot[find_slot(h, n, h->hash[h->count])] = (uint32_t)h->count + 1;
	h->first[++h->count] = (uint32_t)h->parents;
	return 0;
}

static int walk(const struct project *p, const git_oid *good, const git_oid *bad, bool first_parent, size_t max,
		struct project_history *h, struct err **err)
{
	struct numbers n = { .size = 64 };
	git_revwalk *w = NULL;
	git_oid id;
	size_t room = 0;
	while (n.size < 4 * max)
		n.size *= 2;
	n.slot = calloc(n.size, sizeof(*n.slot));
	int r = n.slot ? make_room(h, &room, 0) : -ENOMEM;
	if (r == 0) {
		p->git.oid_tostr(h->hash[0], GIT_HASH_SIZE, good);
		h->first[0] = h->first[1] = 0;
		h->count = 1;
		n.slot[find_slot(h, &n, h->hash[0])] = 1;
	}
	if (r == 0 && (p->git.revwalk_new(&w, p->repo) != 0 || p->git.revwalk_push(w, bad) != 0 ||
		       p->git.revwalk_hide(w, good) != 0))
		r = FAIL_GIT(p, err, "list commits");
	if (r == 0)
		p->git.revwalk_sorting(w, GIT_SORT_TOPOLOGICAL | GIT_SORT_REVERSE);
	if (r == 0 && first_parent)
		p->git.revwalk_simplify_first_parent(w);
	while (r == 0 && p->git.revwalk_next(&id, w) == 0)
		r = h->count < max ? add_commit(p, &id, first_parent, &n, &room, h)
				   : FAIL(err, ERR_USAGE, -E2BIG,
					  "there are more than %zu commits between these ends; choose nearer ones, or "
					  "--first-parent",
					  max - 1);
	p->git.revwalk_free(w);
	free(n.slot);
	return r;
}

int project_history(const struct project *p, const char *good, const char *bad, bool first_parent, size_t max,
		    struct project_history *ret, struct err **err)
{
	git_oid from, to;
	*ret = (struct project_history){ 0 };
	if (p->git.oid_fromstr(&from, good) != 0 || p->git.oid_fromstr(&to, bad) != 0)
		return FAIL_GIT(p, err, "read the commits %s and %s", good, bad);
	int r = walk(p, &from, &to, first_parent, max, ret, err);
	if (r < 0)
		project_history_done(ret);
	return r;
}

bool project_descends(const struct project *p, const char *commit, const char *ancestor)
{
	git_oid one, two;
	return p->git.oid_fromstr(&one, commit) == 0 && p->git.oid_fromstr(&two, ancestor) == 0 &&
	       p->git.graph_descendant_of(p->repo, &one, &two) == 1;
}

/* The files that differ from the first parent. */
static int list_paths(const struct project *p, git_commit *commit, project_path_fn *fn, void *arg)
{
	git_tree *tree = NULL, *before = NULL;
	git_commit *parent = NULL;
	git_diff *diff = NULL;
	if (p->git.commit_parentcount(commit) &&
	    (p->git.commit_lookup(&parent, p->repo, p->git.commit_parent_id(commit, 0)) != 0 ||
	     p->git.commit_tree(&before, parent) != 0))
		before = NULL;
	bool listed = p->git.commit_tree(&tree, commit) == 0 &&
		      p->git.diff_tree_to_tree(&diff, p->repo, before, tree, NULL) == 0;
	for (size_t i = 0; listed && i < p->git.diff_num_deltas(diff); i++)
		fn(arg, p->git.diff_get_delta(diff, i)->new_file.path);
	p->git.diff_free(diff);
	p->git.tree_free(tree);
	p->git.tree_free(before);
	p->git.commit_free(parent);
	return listed ? 0 : -EIO;
}

int project_describe(const struct project *p, const char *hash, char *subject, size_t size, project_path_fn *fn,
		     void *arg)
{
	git_commit *commit = NULL;
	git_oid id;
	if (p->git.oid_fromstr(&id, hash) != 0 || p->git.commit_lookup(&commit, p->repo, &id) != 0)
		return -ENOENT;
	const char *summary = p->git.commit_summary(commit);
	text_copy_line(subject, size, summary ?: "", strlen(summary ?: ""));
	int r = fn ? list_paths(p, commit, fn, arg) : 0;
	p->git.commit_free(commit);
	return r;
}
