/* SPDX-License-Identifier: GPL-2.0-only */
/* setup.h -- the parts of a confinement. Each function applies one to the calling process: 0 or a negative errno. */
#ifndef KTSTR_VMM_CONFINE_SETUP_H
#define KTSTR_VMM_CONFINE_SETUP_H

#include "vmm/confine/confinement.h"

/*
 * Replaces the root directory by a file system in memory with the request's paths, each read-only, and a /proc that
 * shows only this process. Needs a mount namespace of the process's own.
 */
int setup_files(const struct confine_request *q);
/* Allows opening files only below the request's paths and through our descriptors; no signals or sockets leave it. */
int setup_landlock(const struct confine_request *q);
int setup_limits(const struct confine_request *q);
int setup_privileges(void);
/* Call it last: it forbids the system calls that the other parts need. */
int setup_system_calls(void);

#endif
