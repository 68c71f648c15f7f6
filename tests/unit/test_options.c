/* SPDX-License-Identifier: GPL-2.0-only */
#include <string.h>

#include "cli/commands.h"
#include "t.h"

/* --- one command with an option of each kind ---------------------------------------------------------------------- */

struct all_args {
	bool flag;
	const char *string;
	struct strings list, operands;
	unsigned choice;
	uint64_t number, size;
	nsec_t time, bare;
};

static const char *const words[] = { "red", "green", NULL };

static const struct option_row rows[] = {
	OPT_FLAG(struct all_args, flag, "flag", 'f', ""),
	OPT_STRING(struct all_args, string, "string", 's', "TEXT", ""),
	OPT_ALSO_STRING(struct all_args, string, "text", "TEXT"),
	OPT_LIST(struct all_args, list, "list", 'l', "ITEM", ""),
	OPT_CHOICE(struct all_args, choice, "choice", 0, "WORD", words, ""),
	OPT_NUMBER(struct all_args, number, "number", 'n', "N", 1, 9, 3, ""),
	OPT_DURATION(struct all_args, time, "time", 0, "TIME", NSEC_PER_MSEC, NSEC_PER_MIN, 2 * NSEC_PER_SEC, 0, ""),
	OPT_DURATION(struct all_args, bare, "bare", 0, "TIME", 0, NSEC_PER_MIN, 0, NSEC_PER_SEC, ""),
	OPT_SIZE(struct all_args, size, "size", 0, "BYTES", 1, 1 << 20, 0, ""),
	OPT_INSTEAD("theirs", "write --flag"),
	OPT_END,
};

static const struct command all = {
	.name = "all",
	.operands = "[PATH...]",
	.option = rows,
	.conflict = (const struct option_conflict[]){ { "flag", "number" }, { NULL, NULL } },
	OPERANDS(struct all_args, operands),
};

/* Parses a line of words with single spaces; the result points into @line. */
static int parse_line(const struct command *c, char *line, void *args, struct err **err)
{
	char *argv[32], *save = NULL;
	size_t n = 0;
	for (char *word = strtok_r(line, " ", &save); word && n < 31; word = strtok_r(NULL, " ", &save))
		argv[n++] = strcmp(word, "''") ? word : word + 2;
	argv[n] = NULL;
	return options_parse(c, argv, args, err);
}

START_TEST(values_of_every_kind)
{
	struct all_args a = { 0 };
	char line[] = "-f -s=x --list a,b -lc --choice=green x --time 1m --bare 5 --size 64k -- --flag";
	t_ok(parse_line(&all, line, &a, NULL));
	ck_assert(a.flag);
	ck_assert_str_eq(a.string, "x");
	ck_assert_uint_eq(a.list.count, 3);
	ck_assert_str_eq(a.list.item[1], "b");
	ck_assert_str_eq(a.list.item[2], "c");
	ck_assert_uint_eq(a.choice, 1);
	ck_assert_uint_eq(a.number, 3);
	ck_assert_int_eq(a.time, NSEC_PER_MIN);
	ck_assert_int_eq(a.bare, 5 * NSEC_PER_SEC);
	ck_assert_uint_eq(a.size, 64 << 10);
	ck_assert_uint_eq(a.operands.count, 2);
	ck_assert_str_eq(a.operands.item[1], "--flag");
}
END_TEST

START_TEST(what_is_absent_has_its_default)
{
	struct all_args a = { 0 };
	char line[] = "--text y";
	t_ok(parse_line(&all, line, &a, NULL));
	ck_assert_uint_eq(a.number, 3);
	ck_assert_int_eq(a.time, 2 * NSEC_PER_SEC);
	ck_assert_uint_eq(a.size, 0);
	ck_assert_str_eq(a.string, "y");
}
END_TEST

static const struct {
	const char *line, *says;
} refused[] = {
	{ "--number 0", "--number: '0' is out of range, 1 to 9 are possible" },
	{ "--number 10", "--number: '10' is out of range" },
	{ "--number x", "--number: 'x' is not a valid number" },
	{ "--number 99999999999999999999", "is out of range" },
	{ "-n", "--number needs N" },
	{ "--string ''", "--string needs TEXT, and got an empty value" },
	{ "--string=", "--string needs TEXT, and got an empty value" },
	{ "--list a,,b", "--list: the list has an empty entry; remove a comma" },
	{ "--choice blue", "--choice: 'blue' is not red or green" },
	{ "--time 5", "--time: '5' is not a valid duration; write it like 100ms, 20s or 5m" },
	{ "--time 2m", "--time: '2m' is out of range, 1ms to 1m00s are possible" },
	{ "--bare soon", "--bare: 'soon' is not a valid duration" },
	{ "--size 2G", "--size: '2G' is out of range" },
	{ "--size 3x", "--size: '3x' is not a valid size; write it like 512M or 2G" },
	{ "--flag=yes", "--flag takes no value" },
	{ "--theirs", "all: --theirs is not an option of ktstr; write --flag" },
	{ "--theirs=1", "write --flag" },
	{ "--flga", "unknown option '--flga', did you mean '--flag'" },
	{ "-z", "unknown option '-z'; try 'ktstr all --help'" },
	{ "--flag -n 2", "--flag and --number exclude each other" },
	{ "''", "all: an operand is empty; [PATH...] is wanted" },
};

START_TEST(what_is_wrong_is_named)
{
	struct all_args a = { 0 };
	struct err *err = NULL;
	char line[128];
	snprintf(line, sizeof(line), "%s", refused[_i].line);
	ck_assert_int_lt(parse_line(&all, line, &a, &err), 0);
	ck_assert_int_eq(err_kind_of(err), ERR_USAGE);
	t_err_contains(&err, refused[_i].says);
}
END_TEST

/* --- the real tables ---------------------------------------------------------------------------------------------- */

START_TEST(tables_are_consistent)
{
	for (const struct command *const *c = commands; *c; c++) {
		size_t count = 0;
		ck_assert_msg((*c)->summary && (*c)->text && (*c)->run, "%s", (*c)->name);
		for (const struct option_row *o = option_first(*c); o; o = option_next(*c, o), count++) {
			for (const struct option_row *p = option_first(*c); p != o; p = option_next(*c, p)) {
				ck_assert_msg(strcmp(p->name, o->name), "%s: --%s twice", (*c)->name, o->name);
				ck_assert_msg(!o->letter || p->letter != o->letter, "%s: -%c twice", (*c)->name,
					      o->letter);
			}
			ck_assert_msg(o->hidden || *o->help, "%s: --%s has no help", (*c)->name, o->name);
			ck_assert_msg(!o->arg == (o->kind == OPTION_FLAG || o->kind == OPTION_INSTEAD), "%s: --%s",
				      (*c)->name, o->name);
		}
		ck_assert_msg(count <= 64, "%s has more options than the parser counts", (*c)->name);
		for (const struct option_conflict *x = (*c)->conflict; x && x->one; x++) {
			unsigned known = 0;
			for (const struct option_row *o = (*c)->option; o->name; o++)
				known += !strcmp(o->name, x->one) + !strcmp(o->name, x->other);
			ck_assert_msg(known == 2, "%s: conflict of --%s and --%s", (*c)->name, x->one, x->other);
		}
	}
}
END_TEST

/* Words of a shell example: quotes are removed, and the text after ">" or "|" is ignored. */
static size_t split(char *line, char **argv, size_t most)
{
	size_t n = 0;
	for (char *p = line; *p && n + 1 < most;) {
		p += strspn(p, " ");
		if (!*p || *p == '|' || *p == '>')
			break;
		char quote = *p == '\'' ? *p++ : ' ', *end = strchr(p, quote);
		argv[n++] = p;
		p = end ? end + 1 : p + strlen(p);
		if (end)
			*end = '\0';
	}
	argv[n] = NULL;
	return n;
}

START_TEST(examples_are_understood)
{
	for (const struct command *const *c = commands; *c; c++) {
		for (const struct example *e = (*c)->example; e && e->line; e++) {
			_cleanup_free_ char *line = strdup(e->line), *args = calloc(1, (*c)->size + 1);
			char *argv[32], *start = strncmp(line, "source <(", 9) ? line : line + 9;
			unsigned took = 0;
			start[strcspn(start, ")") < strlen(start) && start != line ? strcspn(start, ")")
										   : strlen(start)] = '\0';
			size_t n = split(start, argv, 32);
			ck_assert_msg(n > 1 && !strcmp(argv[0], "ktstr"), "%s", e->line);
			ck_assert_msg(command_find(argv[1], argv[2], &took) == *c, "%s is not about %s", e->line,
				      (*c)->name);
			ck_assert_msg(options_parse(*c, argv + 1 + took, args, NULL) == 0, "%s", e->line);
		}
	}
}
END_TEST

START_TEST(commands_are_found)
{
	unsigned took;
	ck_assert_ptr_eq(command_find("kernel", "build", &took), &cmd_kernel_build);
	ck_assert_uint_eq(took, 2);
	ck_assert_ptr_eq(command_find("kernel-build", NULL, &took), &cmd_kernel_build);
	ck_assert_uint_eq(took, 1);
	ck_assert_ptr_eq(command_find("nextest", "run", &took), &cmd_test);
	ck_assert_ptr_null(command_find("kernel", "bild", &took));
	ck_assert_ptr_null(command_find("kernel", NULL, &took));
	ck_assert_ptr_null(command_find("tes", NULL, &took));
	ck_assert_ptr_nonnull(command_family_find("kernel"));
}
END_TEST

static void fill(TCase *tc)
{
	tcase_add_test(tc, values_of_every_kind);
	tcase_add_test(tc, what_is_absent_has_its_default);
	tcase_add_loop_test(tc, what_is_wrong_is_named, 0, ARRAY_SIZE(refused));
	tcase_add_test(tc, tables_are_consistent);
	tcase_add_test(tc, examples_are_understood);
	tcase_add_test(tc, commands_are_found);
}

int main(void)
{
	return t_main("options", fill);
}
