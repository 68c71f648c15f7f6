/* SPDX-License-Identifier: GPL-2.0-only */
/* built.c -- see built.h. */
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json.h"
#include "slurm/built.h"
#include "slurm/stage.h"

static const char *text_of(const json_t *o, const char *key)
{
	return json_string_value(json_object_get(o, key));
}

static json_t *kernel_at(const struct slurm_record *r, size_t i)
{
	return json_array_get(json_object_get(r->manifest, "kernels"), i);
}

void slurm_build_job_name(const struct slurm_record *r, char *out, size_t size)
{
	slurm_side_job_name(r, "build", out, size);
}

/* --- what the job wrote ------------------------------------------------------------------------------------------- */

static bool is_complete(const struct slurm_record *r)
{
	size_t i;
	json_t *kernel;
	json_array_foreach(json_object_get(r->manifest, "kernels"), i, kernel)
		if (text_of(kernel, "source") && !text_of(kernel, "key"))
			return false;
	return true;
}

/* Directories are named by it. */
static bool is_file_name(const char *text)
{
	return text && *text && *text != '.' && strlen(text) < NAME_MAX &&
	       text[strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._+~-")] == '\0';
}

static int take_kernel(const struct slurm_record *r, const json_t *built, struct err **err)
{
	static const char *const keys[] = { "key", "version", "digest" }; /* the first two name directories */
	json_t *kernel = kernel_at(r, (size_t)json_integer_value(json_object_get(built, "index")));
	if (!kernel)
		return FAIL(err, ERR_DATA, -EBADMSG, "'%s/" BUILT_FILE "' has a kernel that the run does not have",
			    r->dir);
	for (size_t i = 0; i < ARRAY_SIZE(keys) - 1; i++)
		if (!is_file_name(text_of(built, keys[i])))
			return FAIL(err, ERR_DATA, -EBADMSG,
				    "'%s/" BUILT_FILE "': the %s of a kernel is not the name of a file", r->dir,
				    keys[i]);
	for (size_t i = 0; kernel && i < ARRAY_SIZE(keys); i++)
		json_put_text(&kernel, keys[i], text_of(built, keys[i]));
	/* A key is also a name for --kernel. */
	json_put_text(&kernel, "name", text_of(built, "key"));
	return kernel ? 0 : -ENOMEM;
}

static int fail_build(const struct slurm_record *r, const json_t *built, struct err **err)
{
	const json_t *error = json_object_get(built, "error");
	json_int_t kind = json_integer_value(json_object_get(error, "kind"));
	enum err_kind known = kind > ERR_BY_CODE && kind < ERR_KIND_MAX ? (enum err_kind)kind : ERR_DATA;
	return FAIL(err, known, -EIO, "the job that builds kernels failed on %s: %s; its output is in '%s/%s'",
		    text_of(built, "node") ?: "a node", text_of(error, "text") ?: "it does not say why", r->dir,
		    BUILD_LOG_FILE);
}

int slurm_built_read(struct slurm_record *r, struct err **err)
{
	_cleanup_free_ char *path = path_join(r->dir, BUILT_FILE);
	json_auto_t *built = NULL;
	size_t i;
	json_t *kernel;
	if (is_complete(r))
		return 1;
	if (!path)
		return -ENOMEM;
	if (!path_exists(path))
		return 0;
	int result = json_read_file(path, &built, err);
	if (result == 0 && json_object_get(built, "error"))
		result = fail_build(r, built, err);
	json_array_foreach(json_object_get(built, "kernels"), i, kernel)
		if (result == 0)
			result = take_kernel(r, kernel, err);
	if (result == 0 && !is_complete(r))
		result = FAIL(err, ERR_DATA, -EBADMSG, "'%s' does not have all kernels of the run", path);
	return result < 0 ? result : 1;
}

/* --- in the job --------------------------------------------------------------------------------------------------- */

/* A tarball was copied to the run's directory. */
char *slurm_build_source(const struct slurm_record *r, size_t i)
{
	const char *source = text_of(kernel_at(r, i), "source"), *file = text_of(kernel_at(r, i), "source_file");
	return !source ? NULL : file ? path_join(r->dir, file) : strdup(source);
}

int slurm_built_store(const struct slurm_record *r, const struct cache *cache, size_t i, const char *key, json_t **list,
		      struct err **err)
{
	_cleanup_(entry_done) struct cache_entry entry = { 0 };
	_cleanup_free_ char *kernels = path_join(r->dir, "kernels"), *to = NULL, *temporary = NULL;
	char digest[STAGE_DIGEST_MAX] = "";
	int result = cache_get(cache, key, &entry);
	if (result < 0)
		return FAIL_SYS(err, result, "read kernel '%s' from this node's cache", key);
	to = kernels ? path_join(kernels, key) : NULL;
	if (!to || asprintf(&temporary, "%s/.%s.%d", kernels, key, getpid()) < 0)
		return -ENOMEM;
	result = stage_copy(entry.path, temporary, digest, err);
	/* An earlier attempt of this job may have copied it; equal keys are equal kernels. */
	if (result == 0)
		result = remove_tree(to, err);
	if (result == 0) {
		result = rename_durable(-1, AT_FDCWD, temporary, to, 0);
		result = result < 0 ? FAIL_SYS(err, result, "rename '%s'", temporary) : 0;
	}
	json_t *o = json_object();
	json_put_u64(&o, "index", i);
	json_put_text(&o, "key", key);
	json_put_text(&o, "version", entry.version);
	json_put_text(&o, "digest", digest);
	json_add(list, o);
	return result;
}

int slurm_built_write(const struct slurm_record *r, json_t *list, const struct err *failure, struct err **err)
{
	_cleanup_free_ char *path = path_join(r->dir, BUILT_FILE);
	_cleanup_buf_ struct buf text = BUF_NULL;
	json_auto_t *o = json_object();
	char node[256] = "";
	gethostname(node, sizeof(node) - 1);
	json_put(&o, "kernels", list);
	json_put_text(&o, "node", node);
	if (failure) {
		json_t *error = json_object();
		err_format(failure, &text);
		json_put_int(&error, "kind", err_kind_of(failure));
		json_put_text(&error, "text", buf_str(&text));
		json_put(&o, "error", error);
	}
	return path && o ? json_write_file(path, o, err) : -ENOMEM;
}
