/* SPDX-License-Identifier: GPL-2.0-only */
/* devices.h -- from the devices that a test declares to those of its machine and its guest. */
#ifndef KTSTR_RUN_DEVICES_H
#define KTSTR_RUN_DEVICES_H

#include "image/image.h"
#include "run/plan.h"

/* The machine's, without the disk's file. */
struct vm_devices devices_of(const struct device_decl *d);
/* What PID 1 sets up; @names holds the networks' names and must live as long. */
struct image_devices devices_in_guest(const struct device_decl *d, const char *names[KTSTR_NETWORKS_MAX + 1]);
/* Why they cannot be had with kernel @k (NULL: not known yet) on this host, in @out or static; NULL: they can. */
const char *devices_lack(const struct device_decl *d, const struct kernel *k, char *out, size_t size);
/* An empty file of this size that nobody else can see, in TMPDIR; it takes space as it is written to. */
int disk_file_open(uint64_t bytes, struct err **err);
/*
 * Makes the disk's file, of which nothing remains: empty, or with a new file system, which has the same bytes for the
 * same size. Blocks. May be called again.
 */
int devices_open(const struct plan_case *c, struct vm_devices *v, struct err **err);

#endif
