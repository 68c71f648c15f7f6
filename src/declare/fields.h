/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * fields.h -- the structs of <ktstr/test.h> as tables of fields. Code that reads, writes or shows a declaration walks
 * the tables, so a new field of a struct is one new row.
 *
 * A field that is zero is not set, and is not written.
 */
#ifndef KTSTR_DECLARE_FIELDS_H
#define KTSTR_DECLARE_FIELDS_H

#include <stddef.h>

#include <ktstr/test.h>

enum field_kind {
	FIELD_UNSIGNED,	  /* unsigned */
	FIELD_U64,	  /* uint64_t; in JSON "max" is UINT64_MAX */
	FIELD_REAL,	  /* double, finite */
	FIELD_LIMIT,	  /* double of struct ktstr_checks: a number from 0, or false: off */
	FIELD_BOOL,	  /* bool */
	FIELD_SWITCH,	  /* enum ktstr_switch: true or false */
	FIELD_TEXT,	  /* const char *, one line */
	FIELD_LINES,	  /* const char *, any text */
	FIELD_TEXTS,	  /* const char *const *, NULL-terminated */
	FIELD_CHOICE,	  /* an enum; `words` */
	FIELD_SET_NUMBER, /* struct { bool set; int value; } */
	FIELD_BYTES,	  /* array of unsigned char; `count` */
	FIELD_STRUCT,	  /* struct; `shape` */
	FIELD_INLINE,	  /* struct whose fields are fields of this object */
	FIELD_ARRAY,	  /* array of structs; `shape`, `count` */
	FIELD_LIST,	  /* pointer to structs; `shape`, whose ends() tells the last one */
	FIELD_ONE,	  /* pointer to one struct; `shape` */
	FIELD_SCHEDULER,  /* const struct ktstr_scheduler *; by its name */
	FIELD_SCHEDULERS, /* a NULL-terminated list of them */
	FIELD_REFUSED,	  /* a pointer that is not data; `what` it is */
};

struct field {
	const char *name;
	enum field_kind kind;
	size_t at; /* offset in its struct */
	const struct shape *shape;
	const char *const *words; /* of an enum, in its order; NULL-terminated */
	const char *prefix;	  /* of the enumerators: "KTSTR_WORK_" */
	unsigned count;
	const char *what; /* of FIELD_REFUSED: "a function" */
	bool always;	  /* it is written also if it is zero, which is then a value like others */
};

struct shape {
	const char *type;	   /* "struct ktstr_cgroup" */
	const char *noun;	   /* "a cgroup", for messages */
	size_t size;		   /* of the struct */
	const struct field *field; /* ended by a NULL name */
	const char *list;	   /* macro of a list: "KTSTR_CGROUPS"; NULL: there are no lists */
	bool (*ends)(const void *item);
	void (*end)(void *item); /* makes an entry that ends a list; NULL: all zero */
};

extern const struct shape shape_test, shape_scheduler, shape_scenario;
extern const struct shape shape_step, shape_op, shape_cgroup, shape_load, shape_work;

/* Is the field unset, so that it is not written? Of FIELD_INLINE: always false. */
bool field_is_unset(const struct field *f, const void *object);
static inline const void *field_at(const struct field *f, const void *object)
{
	return (const char *)object + f->at;
}
/* The pointer that a field is; NULL: it is not one. */
const void *field_pointer(const struct field *f, const void *object);
/* The word of a choice; NULL: not one of the enum. */
const char *field_word(const struct field *f, const void *object);

#endif
