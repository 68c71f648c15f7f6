/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * completions.c -- completions for five shells, from the tables of options.h. Every writer handles the same things in
 * the same order: the command, its second word if it has one, then options, values of choices, and files.
 */
#include <string.h>

#include "cli/live_values.h"
#include "cli/options.h"

const char *const completion_shells[] = { "bash", "zsh", "fish", "elvish", "powershell", NULL };

typedef void write_fn(const char *program, struct buf *out);

static const char *second_word(const struct command *c)
{
	const char *space = strchr(c->name, ' ');
	return space ? space + 1 : NULL;
}

static bool in_family(const struct command *c, const struct command_family *f)
{
	size_t len = strlen(f->name);
	return second_word(c) && !strncmp(c->name, f->name, len) && c->name[len] == ' ';
}

/* Appends @text for use in a quoted string: @escape precedes every character of @special. */
static void put_escaped(struct buf *out, const char *text, const char *special, const char *escape)
{
	for (const char *p = text; *p; p++) {
		if (strchr(special, *p))
			buf_puts(out, escape);
		buf_append(out, p, 1);
	}
}

/* Calls @each with name and summary of every possible first word: commands of one word, and families. */
static void each_first_word(struct buf *out, void (*each)(struct buf *out, const char *name, const char *summary))
{
	for (const struct command *const *c = commands; *c; c++)
		if (!second_word(*c) && !command_family_find((*c)->name))
			each(out, (*c)->name, (*c)->summary);
	for (const struct command_family *f = command_families; f->name; f++)
		each(out, f->name, f->summary);
}

static void each_member(struct buf *out, const struct command_family *f,
			void (*each)(struct buf *out, const char *name, const char *summary))
{
	for (const struct command *const *c = commands; *c; c++)
		if (in_family(*c, f))
			each(out, second_word(*c), (*c)->summary);
}

/* "stats" is a command and a family of commands. NULL: the family is none. */
static const struct command *command_of_family(const struct command_family *f)
{
	for (const struct command *const *c = commands; *c; c++)
		if (!strcmp((*c)->name, f->name))
			return *c;
	return NULL;
}

static bool is_family(const char *name)
{
	for (const struct command_family *f = command_families; f->name; f++)
		if (!strcmp(f->name, name))
			return true;
	return false;
}

static void put_words(struct buf *out, const char *const *words)
{
	for (; words && *words; words++)
		buf_appendf(out, "%s ", *words);
}

/* --- bash --------------------------------------------------------------------------------------------------------- */

static void bare_word(struct buf *out, const char *name, const char *summary)
{
	(void)summary;
	buf_appendf(out, "%s ", name);
}

static void bash_command(const struct command *c, struct buf *out)
{
	buf_appendf(out, "\t'%s')\n\t\toptions='", c->name);
	for (const struct option_row *o = option_first(c); o; o = option_next(c, o))
		if (!o->hidden)
			buf_appendf(out, "--%s ", o->name);
	buf_puts(out, "--help'\n\t\toperands='");
	put_words(out, c->operand_words);
	buf_appendf(out, "' live=%s", live_kind_of_operands(c) ?: "");
	buf_puts(out, "\n\t\tcase \"$previous\" in\n");
	for (const struct option_row *o = option_first(c); o; o = option_next(c, o)) {
		if (o->hidden || option_may_be_bare(o))
			continue;
		buf_puts(out, "\t\t");
		if (o->letter)
			buf_appendf(out, "-%c|", o->letter);
		buf_appendf(out, "--%s) value=1 live=%s operands='", o->name, live_kind_of_option(o) ?: "");
		put_words(out, o->choices);
		buf_puts(out, "' ;;\n");
	}
	buf_puts(out, "\t\tesac ;;\n");
}

static void write_bash(const char *program, struct buf *out)
{
	buf_puts(out, "_ktstr() {\n\tlocal current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]}\n"
		      "\tlocal command=${COMP_WORDS[1]} first=1 options= operands= value= live=\n\tCOMPREPLY=()\n"
		      /* "--option=value" is three words for bash. */
		      "\tif [ \"$current\" = = ]; then current=\n"
		      "\telif [ \"$previous\" = = ]; then previous=${COMP_WORDS[COMP_CWORD-2]}; fi\n"
		      "\tcase \"$command\" in\n");
	for (const struct command_family *f = command_families; f->name; f++) {
		buf_appendf(out, "\t'%s')\n", f->name);
		if (command_of_family(f))
			buf_puts(out, "\t\tif [ \"${COMP_WORDS[2]#-}\" = \"${COMP_WORDS[2]}\" ]; then\n");
		buf_appendf(out,
			    "\t\tfirst=2 command=\"%s ${COMP_WORDS[2]}\"\n"
			    "\t\tif [ \"$COMP_CWORD\" = 2 ]; then\n\t\t\tCOMPREPLY=($(compgen -W '",
			    f->name);
		each_member(out, f, bare_word);
		buf_appendf(out, "--help' -- \"$current\"))\n\t\t\treturn\n\t\tfi%s ;;\n",
			    command_of_family(f) ? "\n\t\tfi" : "");
	}
	buf_puts(out, "\tesac\n\tif [ \"$COMP_CWORD\" = 1 ]; then\n\t\tCOMPREPLY=($(compgen -W '");
	each_first_word(out, bare_word);
	buf_puts(out, "--help --version' -- \"$current\"))\n\t\treturn\n\tfi\n\tcase \"$command\" in\n");
	for (const struct command *const *c = commands; *c; c++)
		bash_command(*c, out);
	buf_appendf(out,
		    "\tesac\n"
		    "\tif [ -z \"$value\" ] && [ \"${current#-}\" != \"$current\" ]; then\n"
		    "\t\tCOMPREPLY=($(compgen -W \"$options\" -- \"$current\"))\n"
		    "\telif [ -n \"$operands\" ] && { [ -n \"$value\" ] || [ \"$COMP_CWORD\" = $((first+1)) ]; "
		    "}; then\n"
		    "\t\tCOMPREPLY=($(compgen -W \"$operands\" -- \"$current\"))\n"
		    "\telif [ -n \"$live\" ]; then\n"
		    "\t\tcompopt +o filenames 2>/dev/null\n"
		    "\t\tlocal IFS=$'\\n'\n"
		    "\t\tCOMPREPLY=($('%s' completions --values \"$live\" -- \"=$current\" 2>/dev/null))\n"
		    "\telse\n\t\tCOMPREPLY=($(compgen -f -- \"$current\"))\n\tfi\n}\n"
		    "complete -o filenames -F _ktstr %s\n",
		    program, program);
}

/* --- zsh ---------------------------------------------------------------------------------------------------------- */

/*
 * For use inside single quotes: a quote is written as '\'', which ends the string, adds a quote, and starts the string
 * again.
 */
static void zsh_text(struct buf *out, const char *text)
{
	for (const char *p = text; *p; p++) {
		if (*p == '\'') {
			buf_puts(out, "'\\''");
			continue;
		}
		if (strchr("[]:\\", *p))
			buf_puts(out, "\\");
		buf_append(out, p, 1);
	}
}

static void zsh_word(struct buf *out, const char *name, const char *summary)
{
	buf_appendf(out, "'%s:", name);
	zsh_text(out, summary);
	buf_puts(out, "' ");
}

static void zsh_option(const struct option_row *o, struct buf *out)
{
	const char *value = option_may_be_bare(o) ? "" : "=";
	if (o->letter)
		buf_appendf(out, "\t\t\t'(-%c --%s)'{-%c,--%s%s}'[", o->letter, o->name, o->letter, o->name, value);
	else
		buf_appendf(out, "\t\t\t'%s--%s%s[", o->kind == OPTION_LIST ? "*" : "", o->name, value);
	zsh_text(out, o->help);
	buf_puts(out, "]");
	if (!option_may_be_bare(o))
		buf_appendf(out, ":%s:", o->arg);
	if (o->choices) {
		buf_puts(out, "(");
		put_words(out, o->choices);
		buf_puts(out, ")");
	} else if (live_kind_of_option(o)) {
		buf_appendf(out, "_ktstr_values %s", live_kind_of_option(o));
	} else if (!option_may_be_bare(o)) {
		buf_puts(out, "_files");
	}
	buf_puts(out, "' \\\n");
}

static void zsh_command(const struct command *c, struct buf *out)
{
	buf_appendf(out, "\t'%s')\n\t\t_arguments -s \\\n", c->name);
	for (const struct option_row *o = option_first(c); o; o = option_next(c, o))
		if (!o->hidden)
			zsh_option(o, out);
	buf_puts(out, "\t\t\t'(- *)'{-h,--help}'[display help]'");
	if (c->operand_words) {
		buf_puts(out, " \\\n\t\t\t'1:operand:(");
		put_words(out, c->operand_words);
		buf_puts(out, ")'");
	}
	if (live_kind_of_operands(c))
		buf_appendf(out, " \\\n\t\t\t'*:operand:_ktstr_values %s' ;;\n", live_kind_of_operands(c));
	else
		buf_puts(out, c->operands ? " \\\n\t\t\t'*:operand:_files' ;;\n" : " ;;\n");
}

static void write_zsh(const char *program, struct buf *out)
{
	buf_appendf(out,
		    "#compdef %s\n_ktstr_values() {\n\tlocal -a found\n"
		    "\tfound=(${(f)\"$('%s' completions --values $@[-1] -- \"=$PREFIX\" 2>/dev/null)\"})\n"
		    "\tcompadd \"${@[1,-2]}\" -a found\n}\n_ktstr() {\n\tlocal command=$words[2]\n\tlocal -a names\n"
		    "\tif (( CURRENT == 2 )); then\n\t\tnames=(",
		    program, program);
	each_first_word(out, zsh_word);
	buf_puts(out, ")\n\t\t_describe command names\n\t\treturn\n\tfi\n\tshift words\n\t(( CURRENT-- ))\n"
		      "\tcase $command in\n");
	for (const struct command_family *f = command_families; f->name; f++) {
		buf_appendf(out, "\t'%s')\n", f->name);
		if (command_of_family(f))
			buf_puts(out, "\t\tif [[ $words[2] != -* ]]; then\n");
		buf_puts(out, "\t\tif (( CURRENT == 2 )); then\n\t\t\tnames=(");
		each_member(out, f, zsh_word);
		buf_appendf(out,
			    ")\n\t\t\t_describe command names\n\t\t\treturn\n\t\tfi\n"
			    "\t\tcommand=\"%s $words[2]\"\n\t\tshift words\n\t\t(( CURRENT-- ))%s ;;\n",
			    f->name, command_of_family(f) ? "\n\t\tfi" : "");
	}
	buf_puts(out, "\tesac\n\tcase $command in\n");
	for (const struct command *const *c = commands; *c; c++)
		zsh_command(*c, out);
	buf_appendf(out,
		    "\tesac\n}\nif [ \"$funcstack[1]\" = _ktstr ]; then\n\t_ktstr \"$@\"\n"
		    "elif (( $+functions[compdef] )); then\n\tcompdef _ktstr %s\n"
		    "else\n\tprint -u2 'ktstr: completions need this first: autoload -U compinit; compinit'\nfi\n",
		    program);
}

/* --- fish --------------------------------------------------------------------------------------------------------- */

static void fish_condition(const struct command *c, struct buf *out)
{
	const char *second = second_word(c);
	buf_puts(out, "'__fish_seen_subcommand_from ");
	buf_append(out, c->name, strcspn(c->name, " "));
	if (second)
		buf_appendf(out, "; and __fish_seen_subcommand_from %s", second);
	for (const struct command_family *f = command_families; !second && f->name; f++) {
		buf_puts(out, "; and not __fish_seen_subcommand_from ");
		if (command_of_family(f) == c)
			each_member(out, f, bare_word);
		else
			buf_puts(out, f->name);
	}
	buf_puts(out, "'");
}

static void fish_text(struct buf *out, const char *text)
{
	buf_puts(out, " -d '");
	put_escaped(out, text, "'\\", "\\");
	buf_puts(out, "'\n");
}

static void fish_live(const char *program, const char *kind, struct buf *out)
{
	buf_appendf(out,
		    " -x -a '(%s completions --values %s -- =(string replace -r -- \"^--[^=]*=\" \"\" (commandline "
		    "-ct)) 2>/dev/null)'",
		    program, kind);
}

static void fish_option(const char *program, const struct command *c, const struct option_row *o, struct buf *out)
{
	buf_appendf(out, "complete -c %s -n ", program);
	fish_condition(c, out);
	buf_appendf(out, " -l %s", o->name);
	if (o->letter)
		buf_appendf(out, " -s %c", o->letter);
	if (o->choices) {
		buf_puts(out, " -x -a '");
		put_words(out, o->choices);
		buf_puts(out, "'");
	} else if (live_kind_of_option(o)) {
		fish_live(program, live_kind_of_option(o), out);
	} else if (!option_may_be_bare(o)) {
		buf_puts(out, " -r");
	}
	fish_text(out, o->help);
}

static void fish_command(const char *program, const struct command *c, struct buf *out)
{
	const char *second = second_word(c);
	buf_appendf(out, "complete -c %s -n ", program);
	if (second)
		buf_appendf(out, "'__fish_seen_subcommand_from %.*s' -f -a %s", (int)strcspn(c->name, " "), c->name,
			    second);
	else
		buf_appendf(out, "__fish_use_subcommand -f -a %s", c->name);
	fish_text(out, c->summary);
	for (const struct option_row *o = option_first(c); o; o = option_next(c, o))
		if (!o->hidden)
			fish_option(program, c, o, out);
	if (!c->operand_words && !live_kind_of_operands(c))
		return;
	buf_appendf(out, "complete -c %s -n ", program);
	fish_condition(c, out);
	if (c->operand_words) {
		buf_puts(out, " -f -a '");
		put_words(out, c->operand_words);
		buf_puts(out, "'");
	} else {
		fish_live(program, live_kind_of_operands(c), out);
	}
	buf_puts(out, "\n");
}

static void write_fish(const char *program, struct buf *out)
{
	for (const struct command_family *f = command_families; f->name; f++) {
		buf_appendf(out, "complete -c %s -n __fish_use_subcommand -f -a %s", program, f->name);
		fish_text(out, f->summary);
	}
	for (const struct command *const *c = commands; *c; c++)
		fish_command(program, *c, out);
}

/* --- elvish and powershell: a table of candidates per command ----------------------------------------------------- */

static void elvish_word(struct buf *out, const char *name, const char *summary)
{
	buf_appendf(out, "\t\t\tcandidate '%s' '", name);
	put_escaped(out, summary, "'", "'");
	buf_puts(out, "'\n");
}

static void powershell_word(struct buf *out, const char *name, const char *summary)
{
	buf_appendf(out, "\t\t\t@('%s', '", name);
	put_escaped(out, summary, "'", "'");
	buf_puts(out, "')\n");
}

static void command_words(const struct command *c, struct buf *out,
			  void (*each)(struct buf *out, const char *name, const char *summary))
{
	for (const struct option_row *o = option_first(c); o; o = option_next(c, o)) {
		_cleanup_buf_ struct buf name = BUF_NULL;
		if (o->hidden)
			continue;
		buf_appendf(&name, "--%s", o->name);
		each(out, buf_str(&name), o->help);
	}
	for (const char *const *w = c->operand_words; w && *w; w++)
		each(out, *w, *w);
	each(out, "--help", "display help");
}

/*
 * Writes the candidates of every command, with @open before its name, @middle after the name, and @close at the end.
 * The name "" stands for the first words. Each name has one entry: "stats" is a command and a family of commands, and
 * PowerShell refuses a table with a key twice.
 */
static void write_table(struct buf *out, const char *open, const char *middle, const char *close,
			void (*each)(struct buf *out, const char *name, const char *summary))
{
	buf_appendf(out, "%s%s", open, middle);
	each_first_word(out, each);
	buf_puts(out, close);
	for (const struct command_family *f = command_families; f->name; f++) {
		buf_appendf(out, "%s%s%s", open, f->name, middle);
		each_member(out, f, each);
		if (command_of_family(f))
			command_words(command_of_family(f), out, each);
		buf_puts(out, close);
	}
	for (const struct command *const *c = commands; *c; c++) {
		if (is_family((*c)->name))
			continue;
		buf_appendf(out, "%s%s%s", open, (*c)->name, middle);
		command_words(*c, out, each);
		buf_puts(out, close);
	}
}

/* Words of a table entry: those of a list, or those that the program prints. */
typedef void values_fn(const char *program, const char *const *words, const char *kind, struct buf *out);

struct value_brackets {
	const char *open, *middle, *close; /* before the key, behind it, and at the end */
	values_fn *values;
};

static void write_option_values(const char *program, const struct command *c, const struct option_row *o,
				const struct value_brackets *b, struct buf *out)
{
	for (int letter = 0; letter <= (o->letter != 0); letter++) {
		buf_appendf(out, "%s%s ", b->open, c->name);
		if (letter)
			buf_appendf(out, "-%c", o->letter);
		else
			buf_appendf(out, "--%s", o->name);
		buf_puts(out, b->middle);
		b->values(program, o->choices, live_kind_of_option(o), out);
		buf_puts(out, b->close);
	}
}

/*
 * Writes the values of every command's options and operands. The keys are "COMMAND --OPTION" and "COMMAND -O", and
 * "COMMAND " for operands.
 */
static void write_values(const char *program, const struct value_brackets *b, struct buf *out)
{
	for (const struct command *const *c = commands; *c; c++) {
		for (const struct option_row *o = option_first(*c); o; o = option_next(*c, o))
			if (!o->hidden && (o->choices || live_kind_of_option(o)))
				write_option_values(program, *c, o, b, out);
		if (!live_kind_of_operands(*c))
			continue;
		buf_appendf(out, "%s%s %s", b->open, (*c)->name, b->middle);
		b->values(program, NULL, live_kind_of_operands(*c), out);
		buf_puts(out, b->close);
	}
}

static void elvish_values(const char *program, const char *const *words, const char *kind, struct buf *out)
{
	if (words) {
		buf_puts(out, " put ");
		put_words(out, words);
	} else {
		buf_appendf(out,
			    " try { (external '%s') completions --values %s -- '='$word 2>/dev/null | from-lines } "
			    "catch e { } ",
			    program, kind);
	}
}

static void powershell_values(const char *program, const char *const *words, const char *kind, struct buf *out)
{
	if (!words)
		buf_appendf(out, " & '%s' completions --values %s -- \"=$word\" 2>$null ", program, kind);
	for (const char *const *w = words; w && *w; w++)
		buf_appendf(out, "%s'%s'", w == words ? "" : ", ", *w);
}

static void write_elvish(const char *program, struct buf *out)
{
	buf_appendf(
		out,
		"use str\nset edit:completion:arg-completer[%s] = {|@words|\n"
		"\tfn candidate {|name text| edit:complex-candidate $name &display=$name'  '$text }\n"
		"\tvar word = $words[-1]\n\tvar command = ''\n\tif (> (count $words) 2) { set command = $words[1] }\n",
		program);
	for (const struct command_family *f = command_families; f->name; f++)
		buf_appendf(out,
			    "\tif (and (eq $command '%s') (> (count $words) 3)) { set command = '%s '$words[2] "
			    "}\n",
			    f->name, f->name);
	buf_puts(out, "\tvar table = [\n");
	write_table(out, "\t\t&'", "'={\n", "\t\t}\n", elvish_word);
	buf_puts(out, "\t]\n\tvar values = [\n");
	const struct value_brackets brackets = { "\t\t&'", "'={", "}\n", elvish_values };
	write_values(program, &brackets, out);
	buf_puts(out, "\t]\n\tvar option = $command' '$words[-2]\n\tvar before = ''\n"
		      "\tif (and (str:has-prefix $word '--') (str:contains $word '=')) {\n"
		      "\t\tvar name @rest = (str:split &max=2 '=' $word)\n"
		      "\t\tset option before word = $command' '$name $name'=' $rest[0]\n\t}\n"
		      "\tif (has-key $values $option) {\n\t\t$values[$option] | each {|v| put $before$v }\n"
		      "\t} else {\n\t\tif (has-key $table $command) { $table[$command] }\n"
		      "\t\tif (has-key $values $command' ') {\n\t\t\t$values[$command' ']\n"
		      "\t\t} elif (not-eq $command '') {\n\t\t\tedit:complete-filename $words[-1]\n\t\t}\n"
		      "\t}\n}\n");
}

static void write_powershell(const char *program, struct buf *out)
{
	buf_appendf(out,
		    "Register-ArgumentCompleter -Native -CommandName '%s' -ScriptBlock {\n"
		    "\tparam($word, $ast, $position)\n"
		    "\t$words = @($ast.CommandElements | ForEach-Object { $_.ToString() })\n"
		    "\tif ($word -ne '') { $words = @($words | Select-Object -SkipLast 1) }\n"
		    "\t$command = if ($words.Count -gt 1) { $words[1] } else { '' }\n",
		    program);
	for (const struct command_family *f = command_families; f->name; f++)
		buf_appendf(out, "\tif ($command -eq '%s' -and $words.Count -gt 2) { $command = '%s ' + $words[2] }\n",
			    f->name, f->name);
	buf_puts(out, "\t$table = @{\n");
	write_table(out, "\t\t'", "' = @(\n", "\t\t)\n", powershell_word);
	buf_puts(out, "\t}\n\t$values = @{\n");
	const struct value_brackets brackets = { "\t\t'", "' = {", "}\n", powershell_values };
	write_values(program, &brackets, out);
	buf_puts(out,
		 "\t}\n\t$option = \"$command \" + $words[-1]\n\t$before = ''\n"
		 "\tif ($word -like '--*=*') {\n\t\t$name, $word = $word -split '=', 2\n"
		 "\t\t$option = \"$command $name\"\n\t\t$before = \"$name=\"\n\t}\n"
		 "\tif (-not $values.ContainsKey($option) -and -not $before -and $word -notlike '-*') { $option = "
		 "\"$command \" }\n"
		 "\tif ($values.ContainsKey($option)) {\n"
		 "\t\t& $values[$option] | Where-Object { $_ -like \"$word*\" } | ForEach-Object {\n"
		 "\t\t\t[System.Management.Automation.CompletionResult]::new($before + $_, $_, 'ParameterValue', $_)\n"
		 "\t\t}\n\t\treturn\n\t}\n\tif ($before) { return }\n"
		 "\t$table[$command] | Where-Object { $_ -and $_[0] -like \"$word*\" } | ForEach-Object {\n"
		 "\t\t[System.Management.Automation.CompletionResult]::new($_[0], $_[0], 'ParameterValue', "
		 "$_[1])\n"
		 "\t}\n}\n");
}

/* ------------------------------------------------------------------------------------------------------------------ */

int completions_write(const char *shell, const char *program, struct buf *out)
{
	static write_fn *const writers[] = { write_bash, write_zsh, write_fish, write_elvish, write_powershell };
	for (size_t i = 0; completion_shells[i]; i++) {
		if (!strcmp(completion_shells[i], shell)) {
			writers[i](program, out);
			return 0;
		}
	}
	return -ENOENT;
}
