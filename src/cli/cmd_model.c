/* SPDX-License-Identifier: GPL-2.0-only */
/* cmd_model.c -- ktstr model: the language model that reads programs' output, as a file with a checksum. */
#include <string.h>
#include <sys/stat.h>

#include "base/environment.h"
#include "base/file.h"
#include "base/json.h"
#include "cli/commands.h"
#include "reactor/interrupt.h"
#include "cli/out.h"
#include "cli/shared_options.h"
#include "kernel/cache.h"
#include "model/model.h"

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
	if (strlen(a->sha256) != MODEL_SUM_DIGITS || strspn(a->sha256, "0123456789abcdef") != MODEL_SUM_DIGITS)
		return FAIL(err, ERR_USAGE, -EINVAL, "--sha256 %s: write 64 hexadecimal digits in lower case",
			    a->sha256);
	if (!model_is_name(name) || strpbrk(name, "?#") || strlen(name) > 200)
		return FAIL(err, ERR_USAGE, -EINVAL, "--url %s: it does not end in the name of a file", a->url);
	if (environment_is_on(ENV_MODEL_OFFLINE))
		return FAIL(err, ERR_MISSING, -ENETDOWN,
			    "model fetch: KTSTR_MODEL_OFFLINE=1 forbids downloads; unset it");
	return 0;
}

static int open_model(struct model *m, struct err **err)
{
	_cleanup_free_ char *dir = cache_sibling("models");
	if (!dir)
		return FAIL(err, ERR_USAGE, -ENOENT,
			    "there is no home directory for models; set HOME or XDG_CACHE_HOME");
	return model_read(dir, m);
}

static int run_fetch(void *args, struct err **err)
{
	const struct fetch_args *a = args;
	_cleanup_(model_done) struct model m = { 0 };
	int r = check_request(a, err);
	r = r < 0 ? r : open_model(&m, err);
	r = r < 0 ? r : model_fetch(&m, a->url, a->sha256, err);
	if (r == 0)
		say_printf("stored %s\n", m.path);
	return r;
}

const struct command cmd_model_fetch = {
	.name = "model fetch",
	.group = GROUP_HOST,
	.summary = "Download a language model and verify it",
	.text = "Downloads a file into the cache and verifies its SHA-256 while it arrives. A transfer that is cut "
		"continues. A file that does not match is removed. There is one model at a time: a new one replaces "
		"the former.",
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

static int run_status(void *args, struct err **err)
{
	const struct status_args *a = args;
	_cleanup_(model_done) struct model m = { 0 };
	int r = open_model(&m, err);
	if (r < 0)
		return r;
	const char *verdict = model_check(&m);
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
	int r = open_model(&m, err);
	if (r < 0)
		return r;
	uint64_t bytes = model_remove_rest(&m);
	if (bytes) {
		put_size(bytes, size);
		say_printf("removed what interrupted downloads left (%s)\n", size);
	}
	if (m.path && stat(m.path, &st) == 0) {
		r = model_remove(&m, err);
		if (r < 0)
			return r;
		put_size((uint64_t)st.st_size, size);
		say_printf("removed %s (%s)\n", m.path, size);
		bytes += (uint64_t)st.st_size;
	} else if (!bytes) {
		say_printf("no cached model found at %s\n", m.path ?: m.dir);
		return 0;
	}
	put_size(bytes, size);
	say_printf("freed %s total\n", size);
	return 0;
}

const struct command cmd_model_clean = {
	.name = "model clean",
	.group = GROUP_HOST,
	.summary = "Remove the language model from the cache",
	.text = "Removes the model that 'ktstr model fetch' stored, its record, and what downloads left that were "
		"killed.",
	.environment = (const enum environment_id[]){ ENV_XDG_CACHE_HOME, ENV_HOME, ENV_MAX },
	.files = FILES_CACHE,
	.size = sizeof(struct clean_args),
	.run = run_clean,
};
