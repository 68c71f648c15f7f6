/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * tree.h -- writes an archive's content below one directory, and nowhere else.
 *
 * Every file is opened relative to that directory, without following symbolic links (openat2), and is created anew. So
 * links in the archive cannot redirect a write. Links that stay inside are allowed. This is checked lexically first.
 * After all links exist they are followed, because a chain of links can lead out although each single link does not.
 */
#ifndef KTSTR_KERNEL_TREE_H
#define KTSTR_KERNEL_TREE_H

#include <limits.h>
#include <stdbool.h>
#include <time.h>

#include "base/err.h"

struct tree {
	int root;
	/* directory of the last file, which is usually that of the next file */
	int parent;
	char parent_path[PATH_MAX];
	char **link; /* paths of symbolic links */
	size_t links;
};

#define TREE_NULL ((struct tree){ .root = -1, .parent = -1 })

/* @dir must exist. */
int tree_open(struct tree *t, const char *dir, struct err **err);
void tree_close(struct tree *t);

/*
 * Whether @path may be written: relative, printable UTF-8, without empty, "." or ".." components. A trailing '/' is
 * allowed.
 */
bool tree_path_is_good(const char *path);
/* All these require good paths, create missing parents, and return a negative errno on failure. */
int tree_make_dir(struct tree *t, const char *path);
/* Creates a file for writing. Uses from @mode the owner's bits, and read and execute for others. */
int tree_make_file(struct tree *t, const char *path, mode_t mode, int *ret_fd);
/* -EXDEV: @target would be outside of the source tree. */
int tree_make_symlink(struct tree *t, const char *path, const char *target);
int tree_make_hard_link(struct tree *t, const char *path, const char *target);
/* Follows every link. Returns the path of a link that leads out, or NULL. Dangling links are allowed. */
const char *tree_find_escape(const struct tree *t);

#endif
