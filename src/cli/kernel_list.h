/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * kernel_list.h -- KTSTR_KERNEL_LIST: kernels and their labels in names of tests, as LABEL=KERNEL;LABEL=KERNEL. A run
 * reads it where no --kernel is given, and sets it for the programs that it starts.
 */
#ifndef KTSTR_CLI_KERNEL_LIST_H
#define KTSTR_CLI_KERNEL_LIST_H

#include "cli/options.h"
#include "kernel/kernel.h"

struct kernel_list {
	struct strings kernel; /* as arguments of --kernel */
	const char *label[STRINGS_MAX];
	char *text; /* what the strings point into */
};

/* Parses the variable. An empty list: it is not set, or KTSTR_TEST_KERNEL is, which wins. */
int kernel_list_read(struct kernel_list *ret, struct err **err);
void kernel_list_done(struct kernel_list *l);
/* Gives kernel @k the label of entry @i. With an empty list, it keeps its own. */
int kernel_list_label(const struct kernel_list *l, size_t i, struct kernel *k);
/* An entry that resolved to none or several kernels has no label of its own. @resolved: their number. */
int kernel_list_check(const struct kernel_list *l, size_t resolved, struct err **err);
/*
 * Sets the variable. Kernels that --kernel cannot name (images) are left out. Call it only while no other thread reads
 * the environment.
 */
int kernel_list_export(const struct kernel *k, size_t count);

#endif
