/* SPDX-License-Identifier: GPL-2.0-only */
/* checkout.h -- which commit of the user's own project a run tests: run directories and sidecars name it. */
#ifndef KTSTR_RUN_CHECKOUT_H
#define KTSTR_RUN_CHECKOUT_H

#include "reactor/reactor.h"

#define COMMIT_TEXT_MAX 48
#define COMMIT_UNKNOWN	"unknown"

/*
 * The first 7 digits of HEAD of the checkout that contains the working directory, and "-dirty" when tracked files
 * differ from it (submodules aside). COMMIT_UNKNOWN outside a checkout, before its first commit,
 * without git, and when git takes longer than 30 s. Runs the reactor; negative only when that was interrupted.
 */
int checkout_commit(struct reactor *r, char ret[COMMIT_TEXT_MAX]);
/* Takes one line of `git status --porcelain=v2 --branch`. */
void checkout_take_line(char commit[COMMIT_TEXT_MAX], const char *line);

#endif
