/* SPDX-License-Identifier: GPL-2.0-only */
/* git.c -- see git.h. */
#include <errno.h>
#include <git2.h>
#include <string.h>

#include "base/file.h"
#include "base/library.h"
#include "kernel/git.h"

/* clang-format off */
#define GIT_FUNCTIONS(X) \
	X(libgit2_init) X(libgit2_shutdown) X(libgit2_opts) X(repository_open_ext) X(repository_free) \
	X(reference_name_to_id) X(oid_tostr) X(revparse_single) X(object_free) X(diff_tree_to_index) \
	X(diff_index_to_workdir) X(diff_num_deltas) X(diff_free) X(object_peel) X(object_id) \
	X(revwalk_new) X(revwalk_push_range) X(revwalk_next) X(revwalk_free)
/* clang-format on */
#define GIT_SLOT(name) __typeof__(git_##name) *name;
#define GIT_NAME(name) "git_" #name,

struct git_api {
	GIT_FUNCTIONS(GIT_SLOT)
};

/* libgit2 calls this for every file that it compares, which takes seconds in a large tree. */
static int may_go_on(const git_diff *diff, const char *old_path, const char *new_path, void *cancel)
{
	(void)diff;
	(void)old_path;
	(void)new_path;
	return is_cancelled(cancel) ? GIT_EUSER : 0;
}

/* Stops at the first difference. */
static int stop_at_first(const git_diff *diff, const git_diff_delta *delta, const char *spec, void *cancel)
{
	(void)diff;
	(void)delta;
	(void)spec;
	(void)cancel;
	return GIT_EUSER;
}

/* If the state cannot be determined, the tree counts as dirty. */
static bool is_dirty(const struct git_api *git, git_repository *repo, const atomic_bool *cancel)
{
	git_diff_options options = GIT_DIFF_OPTIONS_INIT;
	git_object *head = NULL;
	git_diff *diff = NULL;
	options.flags = GIT_DIFF_IGNORE_SUBMODULES;
	options.notify_cb = stop_at_first;
	options.progress_cb = may_go_on;
	options.payload = (void *)cancel;
	bool dirty = git->revparse_single(&head, repo, "HEAD^{tree}") != 0 ||
		     git->diff_tree_to_index(&diff, repo, (git_tree *)head, NULL, &options) != 0 ||
		     git->diff_num_deltas(diff) > 0;
	git->diff_free(diff);
	diff = NULL;
	dirty = dirty || git->diff_index_to_workdir(&diff, repo, NULL, &options) != 0 || git->diff_num_deltas(diff) > 0;
	git->diff_free(diff);
	git->object_free(head);
	return dirty;
}

static int read_state(const struct git_api *git, const char *dir, const atomic_bool *cancel, struct git_state *ret)
{
	git_repository *repo = NULL;
	git_oid head;
	int r = -ENOENT;
	git->libgit2_init();
	/* The owner of the checkout need not be checked: nothing in it is executed. */
	git->libgit2_opts(GIT_OPT_SET_OWNER_VALIDATION, 0);
	if (git->repository_open_ext(&repo, dir, GIT_REPOSITORY_OPEN_NO_SEARCH, NULL) == 0 &&
	    git->reference_name_to_id(&head, repo, "HEAD") == 0) {
		git->oid_tostr(ret->hash, sizeof(ret->hash), &head);
		ret->dirty = is_dirty(git, repo, cancel);
		r = is_cancelled(cancel) ? -ECANCELED : 0;
	}
	git->repository_free(repo);
	git->libgit2_shutdown();
	return r;
}

static void walk_range(const struct git_api *git, git_repository *repo, const char *range, git_commit_fn *fn, void *arg)
{
	git_revwalk *walk = NULL;
	git_oid id;
	char hash[41];
	if (git->revwalk_new(&walk, repo) == 0 && git->revwalk_push_range(walk, range) == 0)
		while (git->revwalk_next(&id, walk) == 0 && fn(arg, git->oid_tostr(hash, sizeof(hash), &id)))
			;
	git->revwalk_free(walk);
}

static int find_commits(const struct git_api *git, git_repository *repo, const char *revision, git_commit_fn *fn,
			void *arg)
{
	git_object *object = NULL, *commit = NULL;
	char hash[41];
	int r = -ENOENT;
	if (strstr(revision, "..")) {
		walk_range(git, repo, revision, fn, arg);
		return 0;
	}
	if (git->revparse_single(&object, repo, revision) == 0 &&
	    git->object_peel(&commit, object, GIT_OBJECT_COMMIT) == 0) {
		fn(arg, git->oid_tostr(hash, sizeof(hash), git->object_id(commit)));
		r = 0;
	}
	git->object_free(commit);
	git->object_free(object);
	return r;
}

int git_find_commits(const char *dir, const char *revision, git_commit_fn *fn, void *arg)
{
	static const char *const names[] = { GIT_FUNCTIONS(GIT_NAME) NULL };
	struct git_api git;
	git_repository *repo = NULL;
	int r = library_open("libgit2.so." LIBGIT2_SOVERSION, names, &git, NULL);
	if (r < 0)
		return r;
	git.libgit2_init();
	git.libgit2_opts(GIT_OPT_SET_OWNER_VALIDATION, 0);
	r = git.repository_open_ext(&repo, dir, 0, NULL) == 0 ? find_commits(&git, repo, revision, fn, arg) : -ENOENT;
	git.repository_free(repo);
	git.libgit2_shutdown();
	return r;
}

int git_read_state(const char *dir, const atomic_bool *cancel, struct git_state *ret, struct err **err)
{
	static const char *const names[] = { GIT_FUNCTIONS(GIT_NAME) NULL };
	struct git_api api;
	int r = library_open("libgit2.so." LIBGIT2_SOVERSION, names, &api, err);
	return r < 0 ? r : read_state(&api, dir, cancel, ret);
}
