/* SPDX-License-Identifier: GPL-2.0-only */
/* setup.h -- the parts of a confinement, each applied to the calling process: 0 or a negative errno. */
#ifndef KTSTR_VMM_CONFINE_SETUP_H
#define KTSTR_VMM_CONFINE_SETUP_H

#include "vmm/confine/confinement.h"

/*
 * Replaces the root directory by a file system in memory with the request's paths, each read-only, and with a /proc
 * that shows this process alone. Needs a mount namespace of the process's own.
 */
int setup_files(const struct confine_request *q);
/* Files may be opened below the request's paths and by the descriptors that we have; no signals or sockets leave it. */
int setup_landlock(const struct confine_request *q);
int setup_limits(const struct confine_request *q);
int setup_privileges(void);
/* Last: it forbids what the others do. */
int setup_system_calls(void);

#endif
