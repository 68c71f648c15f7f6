/* SPDX-License-Identifier: GPL-2.0-only */
/* known_signatures.c -- see known_signatures.h. */
#include "report/known_signatures.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "report/signatures.h"

#define FILE_BYTES_MAX ((size_t)1 << 20)

static int add_line(struct known_signatures *k, const char *line)
{
	char **more = reallocarray(k->item, k->count + 1, sizeof(*more));
	if (!more)
		return -ENOMEM;
	k->item = more;
	k->item[k->count] = strdup(line);
	return k->item[k->count] ? (k->count++, 0) : -ENOMEM;
}

/* In the form in which signature_of() says it, so that also a whole cause can be listed. */
static int add_signature(struct known_signatures *k, char *line)
{
	char signature[SIGNATURE_MAX];
	line[strcspn(line, "\r")] = '\0';
	line += strspn(line, " \t");
	return !*line || *line == '#' ? 0 : add_line(k, signature_of(line, signature));
}

int known_signatures_read(const char *path, struct known_signatures *ret, struct err **err)
{
	_cleanup_buf_ struct buf text = BUF_NULL;
	*ret = (struct known_signatures){ 0 };
	int r = file_read(path, FILE_BYTES_MAX, &text, err);
	if (r < 0)
		return err_wrap(err, r, "read the known signatures (--known)");
	char *rest = buf_steal(&text), *whole = rest, *line;
	if (!whole)
		return 0;
	while (r == 0 && (line = strsep(&rest, "\n")))
		r = add_signature(ret, line);
	free(whole);
	if (r < 0)
		known_signatures_done(ret);
	return r < 0 ? FAIL_SYS(err, r, "read '%s'", path) : 0;
}

bool known_signatures_have(const struct known_signatures *k, const char *cause)
{
	char signature[SIGNATURE_MAX];
	signature_of(cause, signature);
	for (size_t i = 0; i < k->count; i++)
		if (!strcmp(k->item[i], signature))
			return true;
	return false;
}

void known_signatures_done(struct known_signatures *k)
{
	for (size_t i = 0; i < k->count; i++)
		free(k->item[i]);
	free(k->item);
	*k = (struct known_signatures){ 0 };
}
