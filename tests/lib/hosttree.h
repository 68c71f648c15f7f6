/* SPDX-License-Identifier: GPL-2.0-only */
/* hosttree.h -- the recorded machines of tests/hosts: unpacks them into a directory, or reads them directly. */
#ifndef KTSTR_TESTS_LIB_HOSTTREE_H
#define KTSTR_TESTS_LIB_HOSTTREE_H

#include "lock/host.h"

#define HOST_TREES_MAX 32

/* Names of the recorded machines in @folder, sorted; returns their number. The caller frees them. */
unsigned host_tree_names(const char *folder, char *ret[HOST_TREES_MAX]);
/* Unpacks "@folder/@name.txt" below the existing directory @root. This creates thousands of files and takes time. */
void host_tree_unpack(const char *folder, const char *name, const char *root);
/* Reads the machine without files. @ret_allowed: the CPUs that the process may use there. Exits on failure. */
void host_tree_read(const char *folder, const char *name, struct host *ret, struct cpuset_bits *ret_allowed);

#endif
