/* SPDX-License-Identifier: GPL-2.0-only */
/* checkout.h -- the commit of the user's project, for run directories and sidecars. */
#ifndef KTSTR_RUN_CHECKOUT_H
#define KTSTR_RUN_CHECKOUT_H

#include "reactor/reactor.h"

#define COMMIT_TEXT_MAX 48
#define COMMIT_UNKNOWN	"unknown"

/*
 * The first 7 digits of HEAD of the checkout that contains the working directory, with "-dirty" if tracked files differ
 * from HEAD (ignoring submodules). COMMIT_UNKNOWN outside a checkout, before its first commit, without git, or if git
 * takes longer than 30 s. Runs the reactor. Negative only if the reactor was interrupted.
 */
int checkout_commit(struct reactor *r, char ret[COMMIT_TEXT_MAX]);
/* Evaluates one line of `git status --porcelain=v2 --branch`. */
void checkout_take_line(char commit[COMMIT_TEXT_MAX], const char *line);

#endif
