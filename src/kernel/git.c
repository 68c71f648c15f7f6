/* SPDX-License-Identifier: GPL-2.0-only */
/* git.c -- see git.h. */
#include <errno.h>
#include <git2.h>

#include "kernel/git.h"

static bool is_dirty(git_repository *repo)
{
	git_status_options options = { .version = GIT_STATUS_OPTIONS_VERSION };
	git_status_list *list = NULL;
	options.show = GIT_STATUS_SHOW_INDEX_AND_WORKDIR;
	options.flags = GIT_STATUS_OPT_EXCLUDE_SUBMODULES;
	bool dirty = git_status_list_new(&list, repo, &options) != 0 || git_status_list_entrycount(list) > 0;
	git_status_list_free(list);
	return dirty;
}

int git_read_state(const char *dir, bool search_parents, struct git_state *ret)
{
	git_repository *repo = NULL;
	git_oid head;
	int r = -ENOENT;
	git_libgit2_init();
	/* Whose checkout it is does not matter here: nothing of it is run. */
	git_libgit2_opts(GIT_OPT_SET_OWNER_VALIDATION, 0);
	unsigned flags = search_parents ? 0 : GIT_REPOSITORY_OPEN_NO_SEARCH;
	if (git_repository_open_ext(&repo, dir, flags, NULL) == 0 &&
	    git_reference_name_to_id(&head, repo, "HEAD") == 0) {
		git_oid_tostr(ret->hash, sizeof(ret->hash), &head);
		ret->dirty = is_dirty(repo);
		r = 0;
	}
	git_repository_free(repo);
	git_libgit2_shutdown();
	return r;
}
