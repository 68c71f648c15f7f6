/* SPDX-License-Identifier: GPL-2.0-only */
/* device_decl.h -- the devices that a test wants in its machine, as the list of a test binary has them. */
#ifndef KTSTR_RUN_DEVICE_DECL_H
#define KTSTR_RUN_DEVICE_DECL_H

#include <stdint.h>

#include <ktstr/device.h>

#include "base/buf.h"
#include "run/list_json.h"

struct device_decl {
	uint64_t disk_bytes; /* 0: no disk */
	char *fs, *mount;    /* NULL: none */
	bool disk_ro;
	char *network[KTSTR_NETWORKS_MAX];
	unsigned networks;
	bool pci;
	json_t *json; /* as sidecars have them; NULL: there are none */
};

/* Reads them from an element of "tests"; absent ones are none. @ret must be zero. */
int device_decl_parse(const json_t *o, struct device_decl *ret, struct err **err);
void device_decl_done(struct device_decl *d);
/* True if the test wants any. */
bool device_decl_any(const struct device_decl *d);
/* Appends one line that differs for different devices; nothing if there are none. */
void device_decl_describe(const struct device_decl *d, struct buf *out);
#endif
