/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * options.h -- the command line as tables: one row an option, one struct a command. Parsing, --help, manual pages and
 * completions are all made from the same rows.
 */
#ifndef KTSTR_CLI_OPTIONS_H
#define KTSTR_CLI_OPTIONS_H

#include "base/err.h"

#define STRINGS_MAX 128

/* A repeatable option, or the operands; NULL-terminated. */
struct strings {
	const char *item[STRINGS_MAX + 1];
	size_t count;
};

enum option_kind {
	OPTION_FLAG,		/* bool */
	OPTION_STRING,		/* const char * */
	OPTION_STRINGS,		/* struct strings; repeatable */
	OPTION_NUMBER,		/* uint64_t; 0 when absent: pair it with a default */
};

struct option_row {
	const char *name;
	char letter;		/* 0: none */
	enum option_kind kind;
	const char *arg;	/* what it takes, in upper case; NULL for a flag */
	const char *help;
	size_t at;		/* offset in the command's argument struct */
};

struct command {
	const char *name;	/* "test", "kernel build" */
	const char *summary;
	const char *operands;	/* "[PATH...]", or NULL: it takes none */
	const char *text;	/* paragraphs for the manual page */
	const struct option_row *option;	/* ended by a NULL name */
	size_t size;		/* of the argument struct */
	size_t operands_at;	/* offset of a struct strings */
	int (*run)(void *args, struct err **err);	/* exit status, or a negative errno with an error */
};

/* Every command, in the order of the help; ended by NULL. */
extern const struct command *const commands[];

/* Parses what stands behind the command's name into @args (zeroed, command->size bytes). */
int options_parse(const struct command *c, char *const *argv, void *args, struct err **err);

/* manual.c */
void help_overview(struct buf *out);
void help_command(const struct command *c, struct buf *out);
void manual_page(const struct command *c, struct buf *out);	/* roff, section 1; NULL: ktstr(1) */
/* The environment variables that people set: for a terminal, and as docs/ENVIRONMENT.md. */
void help_environment(struct buf *out);
void environment_page(struct buf *out);
void completions(const char *shell, struct buf *out);		/* bash */

#endif
