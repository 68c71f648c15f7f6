/* SPDX-License-Identifier: GPL-2.0-only */
/* formats.c -- see formats.h. */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

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

/* The first directory on the way to @path that is there. Those below it are made when the report is written. */
static char *nearest_directory(const char *path)
{
	char *dir = path_dirname(path);
	while (dir && strcmp(dir, ".") && strcmp(dir, "/") && !path_exists(dir)) {
		char *above = path_dirname(dir);
		free(dir);
		dir = above;
	}
	return dir;
}

static int check_directory(const char *file, struct err **err)
{
	_cleanup_free_ char *dir = nearest_directory(file);
	if (!dir)
		return -ENOMEM;
	if (!path_is_dir(dir))
		return FAIL(err, ERR_OUTPUT, -ENOTDIR, "write '%s': '%s' is not a directory", file, dir);
	if (access(dir, W_OK | X_OK) < 0)
		return FAIL(err, ERR_OUTPUT, -errno, "write '%s': directory '%s': %s", file, dir, strerror(errno));
	return 0;
}

/* The file alone is written to, so its directory may belong to others. */
static int check_append(const char *file, struct err **err)
{
	if (path_is_dir(file))
		return FAIL(err, ERR_OUTPUT, -EISDIR, "append to '%s': it is a directory; name a file", file);
	return access(file, W_OK) < 0 ? FAIL(err, ERR_OUTPUT, -errno, "append to '%s': %s", file, strerror(errno)) : 0;
}

int report_order_check(const struct report_order *o, struct err **err)
{
	if (!strcmp(o->file, "-"))
		return 0;
	int result = !path_exists(o->file) ? check_directory(o->file, err)
		     : o->format->appends  ? check_append(o->file, err)
					   : file_check_output(o->file, err);
	return result < 0 ? err_wrap(err, result, "write the %s report", o->format->name) : 0;
}

/* Without "./" and needless slashes. */
static void append_plain(struct buf *out, const char *path)
{
	for (size_t len; *path; path += len) {
		len = strcspn(path, "/");
		if (len && (len > 1 || *path != '.'))
			buf_appendf(out, "/%.*s", (int)len, path);
		len += path[len] == '/';
	}
}

/* The file that @path will be, also if it is not there yet. NULL: out of memory, or it cannot be found. */
static char *whole_path(const char *path)
{
	_cleanup_free_ char *dir = nearest_directory(path), *real = dir ? realpath(dir, NULL) : NULL;
	_cleanup_buf_ struct buf whole = BUF_NULL;
	if (!real)
		return NULL;
	append_plain(&whole, real);
	append_plain(&whole, strcmp(dir, ".") ? path + strlen(dir) : path);
	return buf_steal(&whole);
}

/* By another path, too: a link, or the name of a directory above. */
static bool is_same_file(const char *a, const char *b)
{
	struct stat x, y;
	if (stat(a, &x) == 0 && stat(b, &y) == 0)
		return S_ISREG(x.st_mode) && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
	_cleanup_free_ char *left = whole_path(a), *right = whole_path(b);
	return left && right && !strcmp(left, right);
}

int report_orders_differ(const struct report_order *a, const struct report_order *b, struct err **err)
{
	if (!strcmp(a->file, "-") || !is_same_file(a->file, b->file))
		return 0;
	return FAIL(err, ERR_USAGE, -EEXIST, "the %s and the %s report would both be '%s'; name another file for one",
		    a->format->name, b->format->name, b->file);
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
