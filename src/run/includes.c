/* SPDX-License-Identifier: GPL-2.0-only */
/* includes.c -- see includes.h. */
#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/tool.h"
#include "run/includes.h"

void includes_done(struct includes *i)
{
	for (size_t k = 0; k < i->count; k++) {
		free((char *)i->item[k].from);
		free((char *)i->item[k].to);
	}
	*i = (struct includes){ 0 };
}

static int add_size(struct includes *i, const char *from, struct err **err)
{
	struct stat st;
	if (stat(from, &st) < 0)
		return FAIL_SYS(err, -errno, "include file '%s'", from);
	i->bytes += (uint64_t)st.st_size;
	if (i->bytes <= (uint64_t)INCLUDES_MIB_MAX << 20)
		return 0;
	FAIL(err, ERR_DATA, -EFBIG,
	     "include file '%s' has %lu MiB: together the files of this test are larger than the %d MiB that a guest's "
	     "initramfs may have",
	     from, (unsigned long)((uint64_t)st.st_size >> 20), INCLUDES_MIB_MAX);
	if (err)
		err_hint(*err, "make it smaller, or create its content in the guest");
	return -EFBIG;
}

/* Takes ownership of @from. */
static int add_file(struct includes *i, char *from, const char *dir, const char *name, struct err **err)
{
	char *to = NULL;
	int r = asprintf(&to, "%s/%s", dir, name) < 0 || !from ? -ENOMEM : 0;
	for (size_t k = 0; r == 0 && k < i->count; k++) {
		if (strcmp(i->item[k].to, to))
			continue;
		r = strcmp(i->item[k].from, from) ? FAIL(err, ERR_DATA, -EEXIST,
							 "include files '%s' and '%s' would both be '/%s' in the guest",
							 i->item[k].from, from, to)
						  : 1;
	}
	if (r == 0 && i->count == INCLUDES_MAX)
		r = FAIL(err, ERR_DATA, -E2BIG, "more than %d include files", INCLUDES_MAX);
	if (r == 0)
		r = add_size(i, from, err);
	if (r == 0) {
		i->item[i->count++] = (struct image_include){ .from = from, .to = to };
		return 0;
	}
	free(from);
	free(to);
	return r < 0 ? r : 0;
}

/* --- directories -------------------------------------------------------------------------------------------------- */

static int no_dots(const struct dirent *e)
{
	return strcmp(e->d_name, ".") && strcmp(e->d_name, "..");
}

static const char *kind_of(mode_t mode)
{
	return S_ISFIFO(mode)			? "FIFO"
	       : S_ISSOCK(mode)			? "socket"
	       : S_ISCHR(mode) || S_ISBLK(mode) ? "device"
						: "special file";
}

/* @path names neither a regular file nor a directory. */
static int refuse_kind(const char *path, mode_t mode, struct err **err)
{
	FAIL(err, ERR_DATA, -EINVAL,
	     "include file '%s' is a %s; only regular files and directories can be brought along", path, kind_of(mode));
	if (err)
		err_hint(*err, "remove it, or name the files one by one");
	return -EINVAL;
}

static int refuse_dangling(const char *path, struct err **err)
{
	return FAIL(err, ERR_DATA, -ENOENT, "include file '%s' is a link to a file that does not exist", path);
}

static int add_tree(struct includes *i, const char *from, const char *to, unsigned depth, struct err **err);

static int add_entry(struct includes *i, const char *from, const char *name, const char *to, unsigned depth,
		     struct err **err)
{
	struct stat st, link;
	_cleanup_free_ char *path = path_join(from, name), *below = path_join(to, name);
	if (!path || !below)
		return -ENOMEM;
	if (stat(path, &st) < 0) {
		int r = -errno;
		bool dangles = r == -ENOENT && lstat(path, &link) == 0 && S_ISLNK(link.st_mode);
		return dangles ? refuse_dangling(path, err) : FAIL_SYS(err, r, "include file '%s'", path);
	}
	if (S_ISREG(st.st_mode))
		return add_file(i, strdup(path), to, name, err);
	return S_ISDIR(st.st_mode) ? add_tree(i, path, below, depth + 1, err) : refuse_kind(path, st.st_mode, err);
}

static int add_tree(struct includes *i, const char *from, const char *to, unsigned depth, struct err **err)
{
	struct dirent **entry = NULL;
	int n = depth < INCLUDES_DEPTH_MAX ? scandir(from, &entry, no_dots, alphasort) : -1, r = 0;
	if (n < 0)
		return depth < INCLUDES_DEPTH_MAX
			       ? FAIL_SYS(err, -errno, "include files '%s'", from)
			       : FAIL(err, ERR_DATA, -ELOOP, "include files '%s': more than %d directories deep", from,
				      INCLUDES_DEPTH_MAX);
	for (int k = 0; k < n; k++) {
		if (r == 0)
			r = add_entry(i, from, entry[k]->d_name, to, depth, err);
		free(entry[k]);
	}
	free(entry);
	return r;
}

/* --- names -------------------------------------------------------------------------------------------------------- */

static char *regular(char *path)
{
	struct stat st;
	if (path && stat(path, &st) == 0 && (S_ISREG(st.st_mode) || S_ISDIR(st.st_mode)))
		return path;
	free(path);
	return NULL;
}

/* Finds a path with a slash as it is; a name without one in the current directory, then in PATH. */
static char *locate(const char *name)
{
	char *found = regular(strdup(name));
	return found || strchr(name, '/') ? found : tool_find(name);
}

static int add_named(struct includes *i, const char *name, struct err **err)
{
	_cleanup_free_ char *plain = strdup(name);
	size_t len = plain ? strlen(plain) : 0;
	while (len > 1 && plain[len - 1] == '/')
		plain[--len] = '\0';
	char *path = plain ? locate(plain) : NULL;
	struct stat st;
	if (!path && plain && stat(plain, &st) == 0)
		return refuse_kind(plain, st.st_mode, err);
	if (!path && plain && lstat(plain, &st) == 0)
		return refuse_dangling(name, err);
	if (!path)
		return FAIL(err, ERR_DATA, -ENOENT,
			    strchr(name, '/') ? "include file '%s': not found"
					      : "include file '%s': not found in the current directory or PATH",
			    name);
	if (!path_is_dir(path))
		return add_file(i, path, "include-files", path_basename(plain), err);
	_cleanup_free_ char *to = NULL, *real = realpath(path, NULL);
	if (real)
		to = path_join("include-files", path_basename(real));
	int r = to ? add_tree(i, path, to, 0, err) : -ENOMEM;
	free(path);
	return r;
}

int includes_add(struct includes *i, const char *name, struct err **err)
{
	return add_named(i, name, err);
}

int includes_add_as(struct includes *i, const char *from, const char *to, struct err **err)
{
	_cleanup_free_ char *dir = path_dirname(to);
	return dir ? add_file(i, strdup(from), dir, path_basename(to), err) : -ENOMEM;
}

/* Whether @path, which separates directories by colons, has the directory @dir. */
static bool has_dir(const struct buf *path, const char *dir)
{
	_cleanup_free_ char *all = NULL, *one = NULL;
	return asprintf(&all, ":%s:", buf_str(path)) > 0 && asprintf(&one, ":/%s:", dir) > 0 && strstr(all, one);
}

char *includes_path(const struct includes *i)
{
	struct buf path = BUF_NULL;
	buf_puts(&path, "/include-files");
	for (size_t k = 0; k < i->count; k++) {
		_cleanup_free_ char *dir = path_dirname(i->item[k].to);
		bool included = dir && !strncmp(dir, "include-files/", 14) && !strchr(dir, ':');
		if (included && access(i->item[k].from, X_OK) == 0 && !has_dir(&path, dir))
			buf_appendf(&path, ":/%s", dir);
	}
	return buf_steal(&path);
}

/* --- payloads ----------------------------------------------------------------------------------------------------- */

static char *in_kit(const struct payload_decl *p, const char *kit)
{
	char *path = NULL;
	if (!kit || asprintf(&path, "%s/%s/%s", kit, p->kit, p->binary) < 0)
		return NULL;
	return path;
}

static char *executable(char *path)
{
	if (path && !path_is_dir(path) && access(path, X_OK) == 0)
		return path;
	free(path);
	return NULL;
}

bool includes_kit_complete(const struct test_decl *t, const char *kit, char *why, size_t size)
{
	for (size_t i = 0; i < t->payloads; i++) {
		const struct payload_decl *p = &t->payload_list[i];
		_cleanup_free_ char *path = p->kit ? executable(in_kit(p, kit)) : NULL;
		if (!p->kit || path)
			continue;
		snprintf(why, size,
			 "the kernel was built without '%s/%s', the program of payload '%s'; build it with 'ktstr "
			 "kernel build "
			 "--selftests', or set KTSTR_KIT",
			 p->kit, p->binary, p->name);
		return false;
	}
	return true;
}

static int add_payload(struct includes *i, const struct test_decl *t, const struct payload_decl *p, const char *kit,
		       struct err **err)
{
	_cleanup_free_ char *beside = path_dirname(t->binary);
	char *path = NULL;
	if (p->kit)
		path = executable(in_kit(p, kit));
	else if (!strchr(p->binary, '/'))
		path = executable(beside ? path_join(beside, p->binary) : NULL);
	if (!path && !p->kit)
		path = executable(locate(p->binary));
	if (!path)
		return FAIL(err, ERR_DATA, -ENOENT,
			    "payload '%s': no executable file '%s'%s; build it, or name its path", p->name, p->binary,
			    strchr(p->binary, '/') ? "" : " beside the test binary, in the current directory or PATH");
	int r = add_file(i, path, "include-files", path_basename(p->binary), err);
	for (size_t k = 0; r == 0 && p->include_files[k]; k++)
		r = add_named(i, p->include_files[k], err);
	return r;
}

static int add_config_file(struct includes *i, const struct sched_decl *s, struct err **err)
{
	if (!s || !s->config_file)
		return 0;
	int r = add_named(i, s->config_file, err);
	return r < 0 ? err_wrap(err, r, "config_file of scheduler '%s'", s->name) : 0;
}

int includes_resolve(const struct test_decl *t, const char *kit, struct includes *ret, struct err **err)
{
	int r = 0;
	ret->count = 0;
	ret->bytes = 0;
	for (size_t k = 0; r == 0 && t->include_files && t->include_files[k]; k++)
		r = add_named(ret, t->include_files[k], err);
	if (r == 0)
		r = add_config_file(ret, t->scheduler, err);
	for (size_t k = 0; r == 0 && t->staged && t->staged[k]; k++)
		r = add_config_file(ret, t->staged[k], err);
	for (size_t k = 0; r == 0 && k < t->payloads; k++)
		r = add_payload(ret, t, &t->payload_list[k], kit, err);
	if (r < 0)
		includes_done(ret);
	return r;
}

static bool has_files(const struct test_decl *t)
{
	bool any = t->payloads || (t->include_files && t->include_files[0]);
	any |= t->scheduler && t->scheduler->config_file;
	for (size_t i = 0; t->staged && t->staged[i]; i++)
		any |= t->staged[i]->config_file != NULL;
	return any;
}

uint64_t includes_mib(const struct test_decl *t, const char *kit)
{
	if (!has_files(t))
		return 0;
	struct includes *i = calloc(1, sizeof(*i));
	if (!i || includes_resolve(t, kit, i, NULL) < 0) {
		free(i);
		return 0;
	}
	uint64_t mib = (i->bytes + (1 << 20) - 1) >> 20;
	includes_done(i);
	free(i);
	return mib;
}
