/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * veristat.h -- what the BPF verifier said of programs, as rows. They have the columns, orders, filters and comparisons
 * of the kernel's veristat, so that its users and their scripts find what they know.
 */
#ifndef KTSTR_STATS_VERISTAT_H
#define KTSTR_STATS_VERISTAT_H

#include <jansson.h>

#include "base/buf.h"
#include "base/err.h"

enum veristat_column {
	VERISTAT_FILE,
	VERISTAT_PROG,
	VERISTAT_VERDICT,
	VERISTAT_DURATION,
	VERISTAT_INSNS,
	VERISTAT_STATES,
	VERISTAT_PEAK_STATES,
	VERISTAT_MAX_STATES,
	VERISTAT_MARK_READ,
	VERISTAT_SIZE,
	VERISTAT_JITED_SIZE,
	VERISTAT_TYPE,
	VERISTAT_ATTACH,
	VERISTAT_STACK,
	VERISTAT_MEMORY,
	VERISTAT_COLUMNS,
};

#define VERISTAT_NAMES_MAX 3

struct veristat_column_row {
	const char *header;
	const char *name[VERISTAT_NAMES_MAX]; /* the first is that of CSV files */
	const char *key;		      /* in a sidecar's verifier_stats; NULL: none */
	bool text, ascending;		      /* ascending: by default, when sorted */
};

extern const struct veristat_column_row veristat_columns[VERISTAT_COLUMNS];

struct veristat_row {
	char *file, *prog, *type, *attach; /* clean; "" if not known */
	bool success;
	int64_t value[VERISTAT_COLUMNS]; /* of numbers; VERDICT: success */
	uint32_t has;
};

struct veristat_rows {
	struct veristat_row *item;
	size_t count;
};

void veristat_done(struct veristat_rows *rows);
/* Appends the programs of "verifier_stats" of a sidecar. @file: what column `file` says. */
int veristat_add(struct veristat_rows *rows, const char *file, const json_t *programs);
/* The column of that name; -1: there is none. */
int veristat_find(const char *name, size_t len);

/* --- columns and orders: "file,prog,insns", "insns^", "|insns_diff|v" -------------------------------------------- */

enum veristat_variant {
	VARIANT_B,
	VARIANT_A,
	VARIANT_DIFF,
	VARIANT_PCT
}; /* the first: of a row that is not compared */

struct veristat_spec {
	enum veristat_column column;
	enum veristat_variant variant;
	bool absolute, ascending;
};

struct veristat_specs {
	struct veristat_spec item[VERISTAT_COLUMNS * 4];
	size_t count;
};

/* Appends the columns of a list that is separated by commas. */
int veristat_specs_parse(const char *text, struct veristat_specs *ret, struct err **err);
/* Parses one, without a direction. */
int veristat_spec_parse(const char *text, size_t len, struct veristat_spec *ret, struct err **err);
extern const struct veristat_specs veristat_default_columns, veristat_all_columns, veristat_default_order,
	veristat_default_compared;

/* --- pairs: a row before and after; both are the same if nothing is compared -------------------------------------- */

struct veristat_pair {
	const struct veristat_row *a, *b; /* NULL: on one side only */
};

struct veristat_pairs {
	struct veristat_pair *item;
	size_t count;
	bool compared;
};

/* The caller frees ret->item. Joins on (file, prog); @b NULL: @a alone. */
int veristat_join(const struct veristat_rows *a, const struct veristat_rows *b, struct veristat_pairs *ret);
void veristat_sort(struct veristat_pairs *pairs, const struct veristat_specs *order);
/* A number of a pair. False: one that it needs is not there. */
bool veristat_number(const struct veristat_pair *p, const struct veristat_spec *s, double *ret);
const char *veristat_text(const struct veristat_row *row, enum veristat_column c);

/* --- filters (veristat_filter.c) --------------------------------------------------------------------------------- */

#define VERISTAT_FILTERS_MAX 64

struct veristat_filter {
	bool deny, is_stat;
	char *file, *prog, *any; /* globs; NULL: all */
	struct veristat_spec stat;
	char op[3]; /* "==", "!=", "<", "<=", ">", ">=" */
	double value;
};

struct veristat_filters {
	struct veristat_filter item[VERISTAT_FILTERS_MAX];
	size_t count;
};

void veristat_filters_done(struct veristat_filters *f);
/* "@FILE" reads one filter a line. */
int veristat_filter_add(const char *text, struct veristat_filters *ret, struct err **err);
bool veristat_matches(const struct veristat_filter *f, const struct veristat_pair *p);
/* A denied pair is left out. Of allowed names, and of allowed statistics, one must match, if there are any. */
bool veristat_admits(const struct veristat_filters *f, const struct veristat_pair *p);

/* --- texts (veristat_text.c) ------------------------------------------------------------------------------------- */

struct veristat_view {
	const struct veristat_pairs *pairs;
	const struct veristat_specs *columns;
	size_t most; /* rows; 0: all */
};

void veristat_table(const struct veristat_view *v, struct buf *out);
void veristat_csv(const struct veristat_view *v, struct buf *out);
json_t *veristat_json(const struct veristat_view *v);
/* Reads what veristat_csv() or veristat wrote of rows that are not compared. Leaves out columns that are not known. */
int veristat_read(const char *text, size_t len, struct veristat_rows *ret, struct err **err);

#endif
