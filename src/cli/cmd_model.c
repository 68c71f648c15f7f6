/* SPDX-License-Identifier: GPL-2.0-only */
/* cmd_model.c -- ktstr model: the language model that reads programs' output, as a file with a checksum. */
#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <nettle/sha2.h>
#include <string.h>
#include <sys/stat.h>

#include "base/dir.h"
#include "base/environment.h"
#include "base/file.h"
#include "base/json.h"
#include "cli/commands.h"
#include "cli/interrupt.h"
#include "cli/out.h"
#include "cli/shared_options.h"
#include "kernel/cache.h"
#include "net/fetch.h"

#define MODEL_BYTES_MAX ((uint64_t)64 << 30)
#define RECORD_NAME	"model.json"
#define PIECE		((size_t)1 << 20)

/* What was fetched, and the file's identity when its checksum was last computed. */
struct model {
	char *dir, *path, *url, *sha256; /* path, url, sha256: NULL if there is no model */
	char *checked;			 /* identity; NULL: never */
};

static void model_done(struct model *m)
{
	free(m->dir);
	free(m->path);
	free(m->url);
	free(m->sha256);
	free(m->checked);
}

static char *identity_of(const char *path)
{
	_cleanup_buf_ struct buf text = BUF_NULL;
	file_identify(path, &text);
	return text.len ? buf_steal(&text) : NULL;
}

static char *copy_text(const json_t *o, const char *key)
{
	const char *text = json_string_value(json_object_get(o, key));
	return text ? strdup(text) : NULL;
}

static int model_read(struct model *m, struct err **err)
{
	json_auto_t *o = NULL;
	*m = (struct model){ .dir = cache_sibling("models") };
	if (!m->dir)
		return FAIL(err, ERR_USAGE, -ENOENT,
			    "there is no home directory for models; set HOME or XDG_CACHE_HOME");
	_cleanup_free_ char *record = path_join(m->dir, RECORD_NAME);
	if (!record)
		return -ENOMEM;
	if (json_read_file(record, &o, NULL) < 0)
		return 0;
	const char *name = json_string_value(json_object_get(o, "file"));
	if (!name || !*name || strchr(name, '/'))
		return 0;
	m->path = path_join(m->dir, name);
	m->url = copy_text(o, "url");
	m->sha256 = copy_text(o, "sha256");
	m->checked = copy_text(o, "checked");
	return 0;
}

static int model_write(const struct model *m, struct err **err)
{
	_cleanup_free_ char *record = path_join(m->dir, RECORD_NAME);
	json_auto_t *o = json_object();
	json_put_text(&o, "file", path_basename(m->path));
	json_put_text(&o, "url", m->url);
	json_put_text(&o, "sha256", m->sha256);
	json_put_text(&o, "checked", m->checked);
	return record && o ? json_write_file(record, o, err) : -ENOMEM;
}

/* --- model fetch -------------------------------------------------------------------------------------------------- */

struct fetch_args {
	const char *url, *sha256;
};

static const struct option_row fetch_options[] = {
	OPT_ONCE(struct fetch_args, url, "url", 0, "URL", "where the file is (GGUF); required"),
	OPT_ONCE(struct fetch_args, sha256, "sha256", 0, "SUM", "the file's SHA-256, 64 hexadecimal digits; required"),
	OPT_END,
};

static int check_request(const struct fetch_args *a, struct err **err)
{
	const char *name = a->url ? path_basename(a->url) : "";
	if (!a->url || !a->sha256)
		return FAIL(
			err, ERR_USAGE, -EINVAL,
			"model fetch needs --url and --sha256: ktstr comes without a model, and fetches only a file "
			"whose checksum you know");
	if (strlen(a->sha256) != SHA256_HEX_LEN || strspn(a->sha256, "0123456789abcdef") != SHA256_HEX_LEN)
		return FAIL(err, ERR_USAGE, -EINVAL, "--sha256 %s: write 64 hexadecimal digits in lower case",
			    a->sha256);
	if (!*name || *name == '.' || strpbrk(name, "?#") || !strcmp(name, RECORD_NAME) || strlen(name) > 200)
		return FAIL(err, ERR_USAGE, -EINVAL, "--url %s: it does not end in the name of a file", a->url);
	if (environment_is_on(ENV_MODEL_OFFLINE))
		return FAIL(err, ERR_MISSING, -ENETDOWN,
			    "model fetch: KTSTR_MODEL_OFFLINE=1 forbids downloads; unset it");
	return 0;
}

static int receive(const struct fetch_args *a, int fd, struct err **err)
{
	const char *const urls[] = { a->url, NULL };
	const struct fetch_request q = {
		.urls = urls, .fd = fd, .max_bytes = MODEL_BYTES_MAX, .sha256_hex = a->sha256, .refuse_html = true
	};
	_cleanup_(reactor_free_p) struct reactor *r = NULL;
	_cleanup_(http_free_p) struct http *http = NULL;
	struct fetch f;
	int result = reactor_new(&r, err);
	result = result < 0 ? result : http_new(r, NULL, &http, err);
	if (result < 0)
		return result;
	fetch_start(&f, http, r, &q, NULL, NULL);
	result = reactor_run(r);
	result = result < 0 ? result : f.machine.result;
	if (f.err && err)
		*err = TAKE_PTR(f.err);
	fetch_done(&f);
	return result;
}

/* The file appears under its name only when it is complete and verified. */
static int fetch_into(const struct fetch_args *a, struct model *m, struct err **err)
{
	const char *name = path_basename(a->url);
	char fresh[256];
	_cleanup_close_ int dir = -1, fd = -1;
	int r = dir_open(m->dir, true, "XDG_CACHE_HOME", &dir, err);
	if (r < 0)
		return r;
	snprintf(fresh, sizeof(fresh), ".%s.%d", name, getpid());
	fd = file_create_at(dir, fresh, 0644);
	if (fd < 0)
		return FAIL_SYS(err, fd, "create a file in %s", m->dir);
	r = receive(a, fd, err);
	if (r == 0) {
		r = rename_durable(fd, dir, fresh, name, 0);
		if (r < 0)
			FAIL_SYS(err, r, "store the model in %s", m->dir);
	}
	if (r < 0)
		unlinkat(dir, fresh, 0);
	return r;
}

static int run_fetch(void *args, struct err **err)
{
	const struct fetch_args *a = args;
	_cleanup_(model_done) struct model m = { 0 };
	int r = check_request(a, err);
	r = r < 0 ? r : model_read(&m, err);
	r = r < 0 ? r : fetch_into(a, &m, err);
	if (r < 0)
		return r;
	free(m.path);
	free(m.url);
	free(m.sha256);
	free(m.checked);
	m.path = path_join(m.dir, path_basename(a->url));
	m.url = strdup(a->url);
	m.sha256 = strdup(a->sha256);
	m.checked = m.path ? identity_of(m.path) : NULL;
	if (!m.path || !m.url || !m.sha256)
		return -ENOMEM;
	r = model_write(&m, err);
	if (r == 0)
		say_printf("stored %s\n", m.path);
	return r;
}

const struct command cmd_model_fetch = {
	.name = "model fetch",
	.group = GROUP_HOST,
	.summary = "Download a language model and verify it",
	.text = "Downloads a file into the cache and verifies its SHA-256 while it arrives. A transfer that is cut "
		"continues. A file that does not match is removed. There is one model at a time.",
	.option = fetch_options,
	.environment = (const enum environment_id[]){ ENV_MODEL_OFFLINE, ENV_XDG_CACHE_HOME, ENV_HOME, ENV_MAX },
	.files = FILES_CACHE,
	.size = sizeof(struct fetch_args),
	.run = run_fetch,
};

/* --- model status ------------------------------------------------------------------------------------------------- */

struct status_args {
	bool json;
};

static const struct option_row status_options[] = {
	ROW_JSON(struct status_args, "print as JSON"),
	OPT_END,
};

static int hash_file(const char *path, char hex[SHA256_HEX_LEN + 1])
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	_cleanup_free_ uint8_t *piece = malloc(PIECE);
	uint8_t digest[SHA256_DIGEST_SIZE];
	struct sha256_ctx sha;
	ssize_t n;
	if (fd < 0 || !piece)
		return fd < 0 ? -errno : -ENOMEM;
	sha256_init(&sha);
	while ((n = read(fd, piece, PIECE)) > 0)
		sha256_update(&sha, (size_t)n, piece);
	if (n < 0)
		return -errno;
	sha256_digest(&sha, sizeof(digest), digest);
	for (size_t i = 0; i < sizeof(digest); i++)
		snprintf(hex + 2 * i, 3, "%02x", digest[i]);
	return 0;
}

/* Hashes the file unless that was done since it changed. */
static const char *check_model(struct model *m)
{
	char hex[SHA256_HEX_LEN + 1];
	_cleanup_free_ char *now = m->path ? identity_of(m->path) : NULL;
	if (!m->path || !m->sha256 || !path_exists(m->path))
		return "NotCached";
	if (now && m->checked && !strcmp(now, m->checked))
		return "Matches";
	if (hash_file(m->path, hex) < 0)
		return "CheckFailed";
	if (strcmp(hex, m->sha256) != 0)
		return "Mismatches";
	free(m->checked);
	m->checked = TAKE_PTR(now);
	model_write(m, NULL); /* without the record, the next call hashes again */
	return "Matches";
}

static int run_status(void *args, struct err **err)
{
	const struct status_args *a = args;
	_cleanup_(model_done) struct model m = { 0 };
	int r = model_read(&m, err);
	if (r < 0)
		return r;
	const char *verdict = check_model(&m);
	bool cached = strcmp(verdict, "NotCached") != 0;
	if (a->json) {
		json_auto_t *o = json_object();
		json_put_text(&o, "model", m.url);
		json_put_text(&o, "sha256", m.sha256);
		json_put_text(&o, "path", m.path);
		json_put_bool(&o, "cached", cached);
		json_put_text(&o, "checked", verdict);
		out_json(o, true);
		return 0;
	}
	out_printf("model:   %s\npath:    %s\ncached:  %s\nchecked: %s\n", m.url ?: "(none)", m.path ?: m.dir,
		   cached ? "yes" : "no", verdict);
	return 0;
}

const struct command cmd_model_status = {
	.name = "model status",
	.group = GROUP_HOST,
	.summary = "Show the language model in the cache, and whether it is intact",
	.text = "'checked' is NotCached, Matches, Mismatches (the file has changed since it was fetched; fetch it "
		"again) or "
		"CheckFailed (it cannot be read). The file is hashed once after each change of its size, its times or "
		"its "
		"inode.",
	.option = status_options,
	.environment = (const enum environment_id[]){ ENV_XDG_CACHE_HOME, ENV_HOME, ENV_MAX },
	.files = FILES_CACHE,
	.size = sizeof(struct status_args),
	.run = run_status,
};

/* --- model clean -------------------------------------------------------------------------------------------------- */

struct clean_args {
	bool unused;
};

static void put_size(uint64_t bytes, char out[32])
{
	static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB" };
	double value = (double)bytes;
	unsigned i = 0;
	for (; value >= 1024 && i + 1 < ARRAY_SIZE(units); i++)
		value /= 1024;
	snprintf(out, 32, i ? "%.2f %s" : "%.0f %s", value, units[i]);
}

static int run_clean(void *args, struct err **err)
{
	_cleanup_(model_done) struct model m = { 0 };
	struct stat st;
	char size[32];
	(void)args;
	int r = model_read(&m, err);
	if (r < 0)
		return r;
	if (!m.path || stat(m.path, &st) < 0) {
		say_printf("no cached model found at %s\n", m.path ?: m.dir);
		return 0;
	}
	_cleanup_free_ char *record = path_join(m.dir, RECORD_NAME);
	if (unlink(m.path) < 0 || !record || (unlink(record) < 0 && errno != ENOENT))
		return FAIL_SYS(err, -errno, "remove %s", m.path);
	put_size((uint64_t)st.st_size, size);
	say_printf("removed %s (%s)\nfreed %s total\n", m.path, size, size);
	return 0;
}

const struct command cmd_model_clean = {
	.name = "model clean",
	.group = GROUP_HOST,
	.summary = "Remove the language model from the cache",
	.text = "Removes the model that 'ktstr model fetch' stored, and its record.",
	.environment = (const enum environment_id[]){ ENV_XDG_CACHE_HOME, ENV_HOME, ENV_MAX },
	.files = FILES_CACHE,
	.size = sizeof(struct clean_args),
	.run = run_clean,
};
