/* SPDX-License-Identifier: GPL-2.0-only */
/* dump_maps.h -- the maps of a dump as text. */
#ifndef KTSTR_MONITOR_DUMP_MAPS_H
#define KTSTR_MONITOR_DUMP_MAPS_H

#include <jansson.h>

#include "base/buf.h"

/* All maps, or those of one name; if there is none of that name, the names that there are. */
void dump_maps_text(const json_t *maps, const char *name, struct buf *out);

#endif
