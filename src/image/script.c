/* SPDX-License-Identifier: GPL-2.0-only */
/* script.c -- see script.h. */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/text.h"
#include "base/tool.h"
#include "image/script.h"

#define LINE_MAX_BYTES 256 /* Linux reads so much of the first line: BINPRM_BUF_SIZE */

void script_done(struct script *s)
{
	free(s->interpreter);
	free(s->program);
	free(s->program_name);
	*s = (struct script){ 0 };
}

/* Returns the line after "#!" without spaces at either end; the caller frees it. NULL: it is not a script. */
static char *first_line(const char *path)
{
	char line[LINE_MAX_BYTES] = "";
	struct stat st;
	_cleanup_close_ int fd = file_open(path, NULL);
	ssize_t n = fd < 0 || fstat(fd, &st) < 0 || !(st.st_mode & 0111) ? -1 : read(fd, line, sizeof(line) - 1);
	if (n < 3 || strncmp(line, "#!", 2))
		return NULL;
	char *start = line + 2 + strspn(line + 2, " \t");
	size_t len = strcspn(start, "\n");
	while (len && strchr(" \t", start[len - 1]))
		len--;
	return len ? strndup(start, len) : NULL;
}

static char *next_word(char **rest)
{
	char *word = *rest + strspn(*rest, " \t");
	size_t len = strcspn(word, " \t");
	*rest = word + len + (word[len] != '\0');
	word[len] = '\0';
	return word;
}

static int missing(const char *path, const char *program, struct err **err)
{
	_cleanup_free_ char *shown = text_clean_line(program);
	FAIL(err, ERR_DATA, -ENOENT, "script '%s': its interpreter '%s' is not on this machine", path, shown ?: "");
	if (err)
		err_hint(*err, "install it, or change the script's first line");
	return -ENOENT;
}

/* The program that `env` runs: the first word that is neither an option nor a variable. */
static int find_program(const char *path, char *rest, struct script *s, struct err **err)
{
	const char *word;
	do
		word = next_word(&rest);
	while (*word == '-' || strchr(word, '='));
	if (!*word)
		return 0;
	s->program_name = strdup(word);
	s->program = tool_find(word);
	if (s->program)
		return 0;
	return missing(path, word, err);
}

int script_read(const char *path, struct script *ret, struct err **err)
{
	_cleanup_free_ char *line = first_line(path);
	*ret = (struct script){ 0 };
	if (!line)
		return 0;
	size_t len = strlen(line);
	if (line[len - 1] == '\r') {
		line[len - 1] = '\0';
		_cleanup_free_ char *shown = text_clean_line(line);
		FAIL(err, ERR_DATA, -EINVAL,
		     "script '%s': its first line ends in a carriage return, so that Linux would look for '%s\\r'",
		     path, shown ?: "");
		if (err)
			err_hint(*err, "give its lines the ends that Unix has: sed -i 's/\\r$//' FILE");
		return -EINVAL;
	}
	char *rest = line;
	const char *interpreter = next_word(&rest);
	if (*interpreter != '/')
		return FAIL(err, ERR_DATA, -EINVAL,
			    "script '%s': its interpreter is a relative path; begin its first line with '#!/'", path);
	if (!path_exists(interpreter))
		return missing(path, interpreter, err);
	ret->interpreter = strdup(interpreter);
	if (!ret->interpreter)
		return -ENOMEM;
	int r = strcmp(path_basename(interpreter), "env") ? 0 : find_program(path, rest, ret, err);
	if (r < 0)
		script_done(ret);
	return r;
}
