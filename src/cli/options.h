/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * options.h -- the command line as tables: one row an option, one struct a command. Parsing, --help, manual pages and
 * completions of all shells are made from the same rows.
 *
 * A row is written with one of the OPT_ macros, which name the argument struct and its field. A field of the wrong
 * type does not compile. The parser fills in the defaults, checks ranges and refuses empty values, so that commands
 * see only values that make sense.
 */
#ifndef KTSTR_CLI_OPTIONS_H
#define KTSTR_CLI_OPTIONS_H

#include <stddef.h>

#include "base/environment.h"
#include "base/err.h"
#include "base/time.h"

#define STRINGS_MAX 128

/* A repeatable option, or the operands; NULL-terminated. */
struct strings {
	const char *item[STRINGS_MAX + 1];
	size_t count;
};

enum option_kind {
	OPTION_FLAG,	 /* bool */
	OPTION_STRING,	 /* const char *; NULL when absent */
	OPTION_LIST,	 /* struct strings; repeatable, and a value may hold several, separated by commas */
	OPTION_CHOICE,	 /* unsigned: index of the word in `choices`; 0 when absent */
	OPTION_NUMBER,	 /* uint64_t */
	OPTION_DURATION, /* nsec_t */
	OPTION_SIZE,	 /* uint64_t: bytes */
	OPTION_INSTEAD,	 /* not ours: the message in `help` says what to type instead; never shown */
};

struct option_row {
	const char *name;
	char letter; /* 0: none */
	enum option_kind kind;
	bool hidden;	 /* another spelling: understood, not shown */
	bool once;	 /* OPTION_STRING: to give it twice is an error; else the last one counts */
	const char *arg; /* what it takes, in upper case; NULL for a flag */
	const char *help;
	size_t at;			/* offset in the command's argument struct */
	const char *const *choices;	/* NULL-terminated; the first is an OPTION_CHOICE's default */
	uint64_t least, most, fallback; /* OPTION_NUMBER, _DURATION (ns), _SIZE */
	nsec_t bare_unit;		/* OPTION_DURATION: of a number without a unit; 0: it needs one */
};

/* offsetof() that is an error unless the field has type @want. */
#define OPTION_AT(args, field, want)                                                                   \
	(offsetof(args, field) +                                                                       \
	 0 * sizeof(struct {                                                                           \
		 _Static_assert(__builtin_types_compatible_p(__typeof__(((args *)NULL)->field), want), \
				"the option's kind wants a field of type " #want);                     \
		 int unused;                                                                           \
	 }))

#define OPT_FLAG(args, field, word, short, text)                                                                     \
	{                                                                                                            \
		.name = word, .letter = short, .kind = OPTION_FLAG, .help = text, .at = OPTION_AT(args, field, bool) \
	}
#define OPT_STRING(args, field, word, short, value, text)                                         \
	{                                                                                         \
		.name = word, .letter = short, .kind = OPTION_STRING, .arg = value, .help = text, \
		.at = OPTION_AT(args, field, const char *)                                        \
	}
#define OPT_ONCE(args, field, word, short, value, text)                                                         \
	{                                                                                                       \
		.name = word, .letter = short, .kind = OPTION_STRING, .once = true, .arg = value, .help = text, \
		.at = OPTION_AT(args, field, const char *)                                                      \
	}
#define OPT_LIST(args, field, word, short, value, text)                                         \
	{                                                                                       \
		.name = word, .letter = short, .kind = OPTION_LIST, .arg = value, .help = text, \
		.at = OPTION_AT(args, field, struct strings)                                    \
	}
#define OPT_CHOICE(args, field, word, short, value, words, text)                                                    \
	{                                                                                                           \
		.name = word, .letter = short, .kind = OPTION_CHOICE, .arg = value, .help = text, .choices = words, \
		.at = OPTION_AT(args, field, unsigned)                                                              \
	}
#define OPT_NUMBER(args, field, word, short, value, from, to, unsaid, text)                                      \
	{                                                                                                        \
		.name = word, .letter = short, .kind = OPTION_NUMBER, .arg = value, .help = text, .least = from, \
		.most = to, .fallback = unsaid, .at = OPTION_AT(args, field, uint64_t)                           \
	}
#define OPT_DURATION(args, field, word, short, value, from, to, unsaid, bare, text)                                \
	{                                                                                                          \
		.name = word, .letter = short, .kind = OPTION_DURATION, .arg = value, .help = text, .least = from, \
		.most = to, .fallback = unsaid, .bare_unit = bare, .at = OPTION_AT(args, field, nsec_t)            \
	}
#define OPT_SIZE(args, field, word, short, value, from, to, unsaid, text)                                      \
	{                                                                                                      \
		.name = word, .letter = short, .kind = OPTION_SIZE, .arg = value, .help = text, .least = from, \
		.most = to, .fallback = unsaid, .at = OPTION_AT(args, field, uint64_t)                         \
	}
/* A string that the command checks; @words are what completions offer. */
#define OPT_WORD(args, field, word, short, value, words, text)                                                      \
	{                                                                                                           \
		.name = word, .letter = short, .kind = OPTION_STRING, .arg = value, .help = text, .choices = words, \
		.at = OPTION_AT(args, field, const char *)                                                          \
	}
/* A spelling that people know from elsewhere, and what to type here. */
#define OPT_INSTEAD(word, advice)                                                    \
	{                                                                            \
		.name = word, .kind = OPTION_INSTEAD, .hidden = true, .help = advice \
	}
/* Another spelling of a row that is written with one of the above. */
#define OPT_ALSO_STRING(args, field, word, value)                                              \
	{                                                                                      \
		.name = word, .kind = OPTION_STRING, .hidden = true, .arg = value, .help = "", \
		.at = OPTION_AT(args, field, const char *)                                     \
	}
#define OPT_END              \
	{                    \
		.name = NULL \
	}

/* Two options that cannot be given together. */
struct option_conflict {
	const char *one, *other;
};

struct example {
	const char *line, *meaning;
};

enum command_group { GROUP_TESTS, GROUP_KERNELS, GROUP_HOST, GROUP_HELP, GROUP_MAX };

/* What a command reads or writes beside its operands; for the manual. */
enum { FILES_CACHE = 1, FILES_RESULTS = 2, FILES_LOCKS = 4 };

struct command {
	const char *name;  /* "test", "kernel build" */
	const char *alias; /* another name, understood and not shown; or NULL */
	enum command_group group;
	const char *summary;
	const char *operands;			  /* "[PATH...]", or NULL: it takes none */
	const char *const *operand_words;	  /* what the first operand may be, for completion; NULL: paths */
	const char *text;			  /* paragraphs for the manual page */
	const struct option_row *option;	  /* ended by OPT_END; NULL: none */
	const struct option_conflict *conflict;	  /* ended by a NULL; NULL: none */
	const struct example *example;		  /* ended by a NULL line; NULL: none */
	const enum environment_id *environment;	  /* the variables that matter to it, ended by ENV_MAX; NULL: none */
	unsigned files;				  /* FILES_ bits */
	bool judges;				  /* its exit status is a verdict */
	size_t size;				  /* of the argument struct */
	size_t operands_at;			  /* offset of a struct strings */
	int (*run)(void *args, struct err **err); /* exit status, or a negative errno with an error */
};

#define OPERANDS(args, field) .size = sizeof(args), .operands_at = OPTION_AT(args, field, struct strings)

/* Every command, in the order of the help; ended by NULL. */
extern const struct command *const commands[];

/* Commands that share their first word. */
struct command_family {
	const char *name, *summary;
};
extern const struct command_family command_families[]; /* ended by a NULL name */

/* The command that @name or "@name @second" names, @second may be NULL; *@ret_words: how many words that took. */
const struct command *command_find(const char *name, const char *second, unsigned *ret_words);
const struct command_family *command_family_find(const char *name);
/* The commands of a family, as "build, list or clean". */
void command_family_members(const struct command_family *family, struct buf *out);

/*
 * Parses what stands behind the command's name into @args (zeroed, command->size bytes), defaults included. Lists are
 * split at their commas in place: @argv's strings are changed.
 */
int options_parse(const struct command *c, char *const *argv, void *args, struct err **err);

/* manual.c: for a terminal, and as roff. */
void help_overview(struct buf *out);
void help_command(const struct command *c, struct buf *out);
/* What an option does, with its choices and its default. */
void option_text(const struct option_row *o, struct buf *out);
void help_family(const struct command_family *family, struct buf *out);
void manual_page(const struct command *c, struct buf *out); /* section 1; NULL: ktstr(1) */

/* topics.c: what is explained beside commands. */
struct topic {
	const char *name, *summary;
	void (*text)(struct buf *out);
	void (*roff)(struct buf *out);	   /* section 7, behind its header */
	void (*markdown)(struct buf *out); /* a page of docs/, or NULL */
};
extern const struct topic topics[]; /* ended by a NULL name */
const struct topic *topic_find(const char *name);
void topic_page(const struct topic *topic, struct buf *out);
/* Exit statuses as "0 ...\n" lines, with those of verdicts where @judges; @roff: as .TP items. */
void exit_status_list(bool judges, bool roff, struct buf *out);

/* roff.c */
void roff_text(struct buf *out, const char *text);
void roff_item(struct buf *out, const char *tag, const char *text);

/* completions.c */
#define COMPLETION_SHELLS "bash, zsh, fish, elvish or powershell"
extern const char *const completion_shells[]; /* NULL-terminated */
/* For the program as it is called: "ktstr". -ENOENT: no such shell. */
int completions_write(const char *shell, const char *program, struct buf *out);

#endif
