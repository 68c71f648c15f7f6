/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * tree.h -- writes what an archive holds below one directory, and nowhere else.
 *
 * Every file is opened relative to that directory, through no symbolic link (openat2), and is a new one. So the archive
 * cannot be made to write elsewhere, whatever links it has. Links may be in it where they stay inside; that is checked
 * lexically first, and by following them once all are there, for a chain of links can lead out where each one does not.
 */
#ifndef KTSTR_KERNEL_TREE_H
#define KTSTR_KERNEL_TREE_H

#include <limits.h>
#include <stdbool.h>
#include <time.h>

#include "base/err.h"

struct tree {
	int root;
	/* the directory of the last file: the next one is usually beside it */
	int parent;
	char parent_path[PATH_MAX];
	char **link; /* paths of symbolic links */
	size_t links;
};

#define TREE_NULL ((struct tree){ .root = -1, .parent = -1 })

/* @dir exists. */
int tree_open(struct tree *t, const char *dir, struct err **err);
void tree_close(struct tree *t);

/*
 * A path that may be written: relative, printable UTF-8, no empty component, no "." and no "..". A '/' at its end is
 * allowed.
 */
bool tree_path_is_good(const char *path);
/* All take good paths; parents are made where they are missing. A negative errno. */
int tree_make_dir(struct tree *t, const char *path);
/* A new file for writing; of @mode only the permissions of the owner, and reading and executing for others, count. */
int tree_make_file(struct tree *t, const char *path, mode_t mode, int *ret_fd);
/* -EXDEV: it leads out of the tree. */
int tree_make_symlink(struct tree *t, const char *path, const char *target);
int tree_make_hard_link(struct tree *t, const char *path, const char *target);
/* Follows every link. The path of one that leads out, or NULL. Links to what is not there are fine. */
const char *tree_find_escape(const struct tree *t);

#endif
