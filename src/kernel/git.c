/* SPDX-License-Identifier: GPL-2.0-only */
/* git.c -- see git.h. */
#include <errno.h>
#include <git2.h>

#include "base/library.h"
#include "kernel/git.h"

#define GIT_FUNCTIONS(X)                                                                                               \
	X(libgit2_init) X(libgit2_shutdown) X(libgit2_opts) X(repository_open_ext) X(repository_free)                  \
	X(reference_name_to_id) X(oid_tostr) X(status_list_new) X(status_list_entrycount) X(status_list_free)
#define GIT_SLOT(name) __typeof__(git_##name) *name;
#define GIT_NAME(name) "git_" #name,

struct git_api {
	GIT_FUNCTIONS(GIT_SLOT)
};

static bool is_dirty(const struct git_api *git, git_repository *repo)
{
	git_status_options options = { .version = GIT_STATUS_OPTIONS_VERSION };
	git_status_list *list = NULL;
	options.show = GIT_STATUS_SHOW_INDEX_AND_WORKDIR;
	options.flags = GIT_STATUS_OPT_EXCLUDE_SUBMODULES;
	bool dirty = git->status_list_new(&list, repo, &options) != 0 || git->status_list_entrycount(list) > 0;
	git->status_list_free(list);
	return dirty;
}

static int read_state(const struct git_api *git, const char *dir, struct git_state *ret)
{
	git_repository *repo = NULL;
	git_oid head;
	int r = -ENOENT;
	git->libgit2_init();
	/* Whose checkout it is does not matter here: nothing of it is run. */
	git->libgit2_opts(GIT_OPT_SET_OWNER_VALIDATION, 0);
	if (git->repository_open_ext(&repo, dir, GIT_REPOSITORY_OPEN_NO_SEARCH, NULL) == 0 &&
	    git->reference_name_to_id(&head, repo, "HEAD") == 0) {
		git->oid_tostr(ret->hash, sizeof(ret->hash), &head);
		ret->dirty = is_dirty(git, repo);
		r = 0;
	}
	git->repository_free(repo);
	git->libgit2_shutdown();
	return r;
}

int git_read_state(const char *dir, struct git_state *ret, struct err **err)
{
	static const char *const names[] = { GIT_FUNCTIONS(GIT_NAME) NULL };
	struct git_api api;
	int r = library_open("libgit2.so." LIBGIT2_SOVERSION, names, &api, err);
	return r < 0 ? r : read_state(&api, dir, ret);
}
