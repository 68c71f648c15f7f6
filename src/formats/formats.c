/* SPDX-License-Identifier: GPL-2.0-only */
/* formats.c -- see formats.h. */
#include <fcntl.h>
#include <string.h>

#include "base/file.h"
#include "formats/formats.h"

#define FORMATS_TEXT "junit, ktap, tap, ndjson, html, github or github-summary"

const struct report_format report_formats[] = {
	{ "junit", junit_write, false },
	{ "ktap", ktap_write, false },
	{ "tap", tap_write, false },
	{ "ndjson", ndjson_write, false },
	{ "html", html_write, false },
	{ "github", github_write, false },
	{ "github-summary", github_summary_write, true },
	{ NULL, NULL, false },
};

int report_order_parse(const char *text, struct report_order *ret, struct err **err)
{
	size_t len = strcspn(text, "=");
	if (text[len] == '=' && !text[len + 1])
		return FAIL(err, ERR_USAGE, -EINVAL, "'%s': there is no file after '='", text);
	for (const struct report_format *f = report_formats; f->name; f++) {
		if (strlen(f->name) != len || strncmp(f->name, text, len) != 0)
			continue;
		*ret = (struct report_order){ .format = f, .file = text[len] ? text + len + 1 : "-" };
		return 0;
	}
	return FAIL(err, ERR_USAGE, -EINVAL, "'%.*s' is not a format of reports; write FORMAT=FILE, with " FORMATS_TEXT,
		    (int)MIN_OF(len, (size_t)64), text);
}

static int append_file(const char *path, const struct buf *text, struct err **err)
{
	_cleanup_close_ int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0644);
	int r = fd < 0 ? -errno : fd_write_full(fd, text->data, text->len);
	return r < 0 ? FAIL_SYS(err, r, "append to '%s'", path) : 0;
}

int report_write(const struct report_order *o, const struct report_results *r, struct buf *printed, struct err **err)
{
	_cleanup_buf_ struct buf text = BUF_NULL;
	if (!strcmp(o->file, "-")) {
		o->format->write(r, printed);
		return printed->failed ? FAIL_SYS(err, -ENOMEM, "write the %s report", o->format->name) : 0;
	}
	o->format->write(r, &text);
	if (text.failed)
		return FAIL_SYS(err, -ENOMEM, "write the %s report to '%s'", o->format->name, o->file);
	_cleanup_free_ char *dir = path_dirname(o->file);
	int result = dir ? mkdir_parents(dir, 0755, err) : -ENOMEM;
	if (result == 0 && o->format->appends)
		result = append_file(o->file, &text, err);
	else if (result == 0)
		result = file_write_output(o->file, text.data, text.len, 0644, err);
	return result < 0 ? err_wrap(err, result, "write the %s report", o->format->name) : 0;
}
