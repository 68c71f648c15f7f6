/* SPDX-License-Identifier: GPL-2.0-only */
/* repro_fields.h -- which fields of which objects are worth showing of a call, the most telling first. */
#ifndef KTSTR_MONITOR_REPRO_FIELDS_H
#define KTSTR_MONITOR_REPRO_FIELDS_H

#include "monitor/repro.h"

struct repro_row {
	enum repro_object object;
	const char *name;		  /* as it is shown */
	const char *structure, *path;	  /* from the object */
	const char *behind, *behind_path; /* the path is that of a pointer, and the value is in what it leads to */
	enum repro_show show;
	bool hidden; /* read for the object's name only */
};

extern const struct repro_row repro_rows[];
extern const unsigned repro_row_count;
/* Where the value is, last: size and sign count. False: this kernel lacks it. */
bool repro_row_field(const struct types *types, const struct repro_row *row, struct field *first, struct field *last);

#endif
