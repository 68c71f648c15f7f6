/* SPDX-License-Identifier: GPL-2.0-only */
/* hosttree.h -- the recorded machines of tests/hosts: unpacked into a directory, and read from there. */
#ifndef KTSTR_TESTS_LIB_HOSTTREE_H
#define KTSTR_TESTS_LIB_HOSTTREE_H

#include "lock/host.h"

#define HOST_TREES_MAX 32

/* Names of the recorded machines in @folder, sorted; returns how many. They are for the caller to free. */
unsigned host_tree_names(const char *folder, char *ret[HOST_TREES_MAX]);
/* Unpacks "@folder/@name.txt" below the existing directory @root. Creating thousands of files takes its time. */
void host_tree_unpack(const char *folder, const char *name, const char *root);
/* Reads it without files. @ret_allowed: what the process may use there. Ends the program when that fails. */
void host_tree_read(const char *folder, const char *name, struct host *ret, struct cpuset_bits *ret_allowed);

#endif
