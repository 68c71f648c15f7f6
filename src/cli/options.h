/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * options.h -- command lines as tables: one row per option, one struct per command. Parsing, --help, manual pages and
 * completions of all shells are made from the same rows.
 *
 * A row is written with an OPT_ macro, which names the argument struct and its field. A field of the wrong type does
 * not compile. The parser sets defaults, checks ranges and refuses empty values, so that commands see only valid
 * values.
 */
#ifndef KTSTR_CLI_OPTIONS_H
#define KTSTR_CLI_OPTIONS_H

#include <stddef.h>

#include "base/environment.h"
#include "base/err.h"
#include "base/strings.h"
#include "base/time.h"

enum option_kind {
	OPTION_FLAG,	 /* bool */
	OPTION_STRING,	 /* const char *; NULL when absent */
	OPTION_LIST,	 /* struct strings; repeatable; a value may hold several, separated by commas */
	OPTION_CHOICE,	 /* unsigned: index of the word in `choices`; 0 when absent */
	OPTION_NUMBER,	 /* uint64_t */
	OPTION_DURATION, /* nsec_t */
	OPTION_SIZE,	 /* uint64_t, in bytes */
	OPTION_INSTEAD,	 /* not supported: `help` says which option to use instead; never shown */
};

struct option_row {
	const char *name;
	char letter; /* 0: none */
	enum option_kind kind;
	bool hidden;	 /* another spelling of an option; accepted, but not shown */
	bool once;	 /* OPTION_STRING: a second use is an error; otherwise the last one counts */
	bool optional;	 /* OPTION_STRING: the value may be left out, and is "" then; it follows a '=' */
	bool whole;	 /* OPTION_LIST: a value is one word, commas and all */
	const char *arg; /* name of the value, in upper case; NULL for a flag */
	const char *help;
	size_t at;			/* offset in the command's argument struct */
	const char *const *choices;	/* NULL-terminated; the first is an OPTION_CHOICE's default */
	uint64_t least, most, fallback; /* of OPTION_NUMBER, _DURATION (ns), _SIZE */
	nsec_t bare_unit;		/* OPTION_DURATION: unit of a number without one; 0: a unit is required */
};

/* offsetof() that does not compile unless the field has type @want. */
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
#define OPT_OPTIONAL(args, field, word, value, text)                                               \
	{                                                                                          \
		.name = word, .kind = OPTION_STRING, .optional = true, .arg = value, .help = text, \
		.at = OPTION_AT(args, field, const char *)                                         \
	}
/* Each use adds one word. */
#define OPT_WORDS(args, field, word, value, text)                                             \
	{                                                                                     \
		.name = word, .kind = OPTION_LIST, .whole = true, .arg = value, .help = text, \
		.at = OPTION_AT(args, field, struct strings)                                  \
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
/* Whether the option can stand without a value. */
static inline bool option_may_be_bare(const struct option_row *o)
{
	return o->kind == OPTION_FLAG || o->optional;
}

/* A string that the command checks. Completions offer @words. */
#define OPT_WORD(args, field, word, short, value, words, text)                                                      \
	{                                                                                                           \
		.name = word, .letter = short, .kind = OPTION_STRING, .arg = value, .help = text, .choices = words, \
		.at = OPTION_AT(args, field, const char *)                                                          \
	}
/* An option that users know from other tools, with advice on what to type here. */
#define OPT_INSTEAD(word, advice)                                                    \
	{                                                                            \
		.name = word, .kind = OPTION_INSTEAD, .hidden = true, .help = advice \
	}
/* Another spelling for a row of one of the macros above. */
#define OPT_ALSO_STRING(args, field, word, value)                                              \
	{                                                                                      \
		.name = word, .kind = OPTION_STRING, .hidden = true, .arg = value, .help = "", \
		.at = OPTION_AT(args, field, const char *)                                     \
	}
#define OPT_END              \
	{                    \
		.name = NULL \
	}

/* Two options that exclude each other. */
struct option_conflict {
	const char *one, *other;
};

/*
 * A spelling of another runner. Commands that have such a table take options also after "--", where users of a wrapper
 * around that runner write them; other commands read operands there.
 */
struct passed_word {
	const char *word;   /* with its dashes */
	const char *option; /* what it means here, with dashes; NULL: it has no effect here */
	bool value;	    /* without effect, and followed by a value */
};

struct example {
	const char *line, *meaning;
};

enum command_group { GROUP_TESTS, GROUP_RESULTS, GROUP_KERNELS, GROUP_HOST, GROUP_HELP, GROUP_MAX };

/* What a command reads or writes beside its operands. Shown in the manual page. */
enum { FILES_CACHE = 1, FILES_RESULTS = 2, FILES_LOCKS = 4 };

struct command {
	const char *name;   /* "test", "kernel build" */
	const char *alias;  /* another name, accepted but not shown; or NULL */
	const char *former; /* a name that is accepted with a note; or NULL */
	enum command_group group;
	const char *summary;
	const char *operands;			/* "[PATH...]"; NULL: takes no operands */
	const char *const *operand_words;	/* possible first operands, for completion; NULL: paths */
	const char *text;			/* paragraphs for the manual page */
	const struct option_row *option;	/* ended by OPT_END; NULL: none */
	const struct option_conflict *conflict; /* ended by a NULL; NULL: none */
	const struct passed_word *passed;	/* ended by a NULL word; NULL: none */
	const struct example *example;		/* ended by a NULL line; NULL: none */
	const enum environment_id *environment; /* variables that affect it, ended by ENV_MAX; NULL: none */
	unsigned files;				/* FILES_ bits */
	bool judges;				/* its exit status is a verdict */
	size_t size;				/* size of the argument struct */
	size_t operands_at;			/* offset of its struct strings for operands */
	size_t given_at; /* offset of a uint64_t with a bit for each row that was given; 0: not wanted */
	int (*run)(void *args, struct err **err); /* returns an exit status, or a negative errno with an error */
};

#define OPERANDS(args, field) .size = sizeof(args), .operands_at = OPTION_AT(args, field, struct strings)

#define GIVEN(args, field) .given_at = OPTION_AT(args, field, uint64_t)

/* All commands, in the order of the help; ended by NULL. */
extern const struct command *const commands[];

/* Commands with the same first word. */
struct command_family {
	const char *name, *summary;
	const char *alias; /* another first word, accepted but not shown; or NULL */
};
extern const struct command_family command_families[]; /* ended by a NULL name */

/*
 * Finds the command that @name or "@name @second" names. @second may be NULL. *@ret_words: the number of words of its
 * name.
 */
const struct command *command_find(const char *name, const char *second, unsigned *ret_words);
const struct command_family *command_family_find(const char *name);
/* Appends the commands of a family, as "build, list or clean". */
void command_family_members(const struct command_family *family, struct buf *out);

/*
 * The rows of a command in the order of its help: its own ones, then those of common_options, which every command has.
 * NULL after the last one. options_parse() gives effect to common options itself.
 */
extern const struct option_row common_options[]; /* ended by OPT_END */
const struct option_row *option_first(const struct command *c);
const struct option_row *option_next(const struct command *c, const struct option_row *o);

/*
 * Parses the words after the command's name into @args (zeroed, command->size bytes), including defaults. Splits lists
 * at their commas in place, so it changes @argv's strings.
 */
int options_parse(const struct command *c, char *const *argv, void *args, struct err **err);

/* Parses @value, and stores it in the field @to. A list is split in place; strings stay the caller's. */
int option_store(const struct option_row *o, char *value, void *to, struct err **err);

/* option_values.c. Was the option given on the command line? For commands with `given_at`. */
const char *option_time_text(uint64_t ns, char out[static TIME_TEXT_MAX]);
bool option_was_given(const struct command *c, const void *args, const char *name);
/*
 * Stores a value from elsewhere, as if it had been given, unless this option or one that it conflicts with was given.
 * @value: NULL for a flag; of a list, one more of its values,
 * commas and all. Keeps @value.
 */
int option_set_default(const struct command *c, void *args, const char *name, char *value, struct err **err);
/*
 * The words that would set the options in @args: "--jobs=4", "--list". Leaves out those in @without (NULL-terminated)
 * and those that have their default. The caller calls strings_free(). -ENOMEM.
 */
int options_to_words(const struct command *c, const void *args, const char *const *without, char ***ret);

/* manual.c: help for a terminal. */
void help_overview(struct buf *out);
void help_command(const struct command *c, struct buf *out);
/* Appends an option's description, with its choices and its default. */
void option_text(const struct option_row *o, struct buf *out);
void help_family(const struct command_family *family, struct buf *out);

/* topics.c: help on topics other than commands. */
struct topic {
	const char *name, *summary;
	void (*text)(struct buf *out);
	void (*roff)(struct buf *out);	   /* page of section 7, after its header */
	void (*markdown)(struct buf *out); /* page for docs/, or NULL */
};
extern const struct topic topics[]; /* ended by a NULL name */
const struct topic *topic_find(const char *name);
/* Appends exit statuses as "0 ...\n" lines, including those of verdicts if @judges. @roff: as .TP items. */
void exit_status_list(bool judges, bool roff, struct buf *out);

/* man_page.c: manual pages as roff. */
void manual_page(const struct command *c, struct buf *out); /* section 1; NULL: ktstr(1) */
void topic_page(const struct topic *topic, struct buf *out);

/* roff.c: the inside of a manual page. roff_item() writes a tagged paragraph. */
void roff_text(struct buf *out, const char *text);
void roff_item(struct buf *out, const char *tag, const char *text);

/* completions.c */
#define COMPLETION_SHELLS "bash, zsh, fish, elvish or powershell"
extern const char *const completion_shells[]; /* NULL-terminated */
/* @program: the program's name on the command line, "ktstr". -ENOENT: unknown shell. */
int completions_write(const char *shell, const char *program, struct buf *out);

#endif
