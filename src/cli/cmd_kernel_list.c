/* SPDX-License-Identifier: GPL-2.0-only */
/* cmd_kernel_list.c -- ktstr kernel list: lists the cache, or previews the versions of a range. */
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "cli/commands.h"
#include "cli/kernels.h"
#include "cli/out.h"
#include "cli/shared_options.h"
#include "kernel/config.h"

struct list_args {
	bool json, include_eol, offline;
	const char *kernel;
};

static const struct option_row list_options[] = {
	OPT_STRING(struct list_args, kernel, "kernel", 'k', "RANGE", "only print the versions in the range A..B"),
	OPT_ALSO_STRING(struct list_args, kernel, "range", "RANGE"),
	OPT_FLAG(struct list_args, include_eol, "include-eol", 0,
		 "with --kernel: include series that are no longer maintained"),
	OPT_FLAG(struct list_args, offline, "offline", 0,
		 "do not download the list of series that are still maintained"),
	ROW_JSON(struct list_args, "print as JSON"),
	OPT_END,
};

/* The versions of a range are in the list of releases. */
static const struct option_conflict list_conflicts[] = { { "kernel", "offline" },
							 { "range", "offline" },
							 { NULL, NULL } };

/* --- maintained series -------------------------------------------------------------------------------------------- */

struct active {
	struct releases releases;
	bool known;
	char *why; /* why the list of releases could not be fetched, or NULL */
};

static void active_done(struct active *a)
{
	if (a->known)
		releases_done(&a->releases);
	free(a->why);
}

static bool is_eol(const struct active *a, const struct cache_entry *e)
{
	struct kversion v;
	if (!a->known || !e->version || strcmp(e->source, "tarball") || kversion_parse(e->version, &v) < 0)
		return false;
	struct kversion series = { .major = v.major, .minor = v.minor, .rc = KVERSION_FINAL, .numbers = 2 };
	const struct release *r = releases_of_series(&a->releases, &series);
	return v.rc == KVERSION_FINAL && (!r || r->eol);
}

/* Fetches the list of releases only if an entry may need the (EOL) mark. */
static void find_active(const struct list_args *a, const struct cache_entry *list, size_t count, struct active *ret)
{
	_cleanup_err_ struct err *err = NULL;
	bool any = false;
	for (size_t i = 0; i < count; i++)
		any |= !list[i].error_kind && !strcmp(list[i].source, "tarball");
	if (a->offline || !any)
		return;
	ret->known = kernels_releases(&ret->releases, &err) == 0;
	if (ret->known)
		return;
	_cleanup_buf_ struct buf text = BUF_NULL;
	err_format(err, &text);
	ret->why = buf_steal(&text);
	say_printf("warning: failed to fetch active kernel series (%s); EOL annotation disabled for this run. "
		   "--offline "
		   "does not ask\n",
		   ret->why);
}

/* --- printing ----------------------------------------------------------------------------------------------------- */

static json_t *hash_or_null(bool has, uint32_t hash)
{
	char text[16];
	snprintf(text, sizeof(text), "%08x", hash);
	return has ? json_string(text) : json_null();
}

static json_t *entry_json(const struct cache_entry *e, const struct active *active)
{
	static const char *const statuses[] = { "matches", "stale", "untracked" };
	json_t *o = json_object();
	json_put_text(&o, "key", e->key);
	json_put_text(&o, "path", e->path);
	if (e->error_kind) {
		json_put_text(&o, "error", e->error ?: "");
		json_put_text(&o, "error_kind", e->error_kind);
		return o;
	}
	json_put_text(&o, "version", e->version);
	json_put_text(&o, "source", e->source);
	json_put_text(&o, "arch", e->arch);
	json_put_text(&o, "built_at", e->built_at);
	json_put_text(&o, "kconfig_status", statuses[e->status]);
	json_put_bool(&o, "stale_ktstr", e->other_ktstr);
	json_put_bool(&o, "has_vmlinux", e->has_vmlinux);
	json_put_bool(&o, "vmlinux_stripped", e->vmlinux_stripped);
	json_put_bool(&o, "has_schedulers", e->has_schedulers);
	json_put_bool(&o, "has_selftests", e->has_selftests);
	_cleanup_free_ char *image = NULL;
	if (asprintf(&image, "%s/%s", e->path, e->image_name) < 0)
		image = NULL;
	json_put(&o, "ktstr_kconfig_hash", hash_or_null(e->has_kconfig_hash, e->kconfig_hash));
	json_put(&o, "config_hash", hash_or_null(e->config_hash != 0, e->config_hash));
	json_put(&o, "eol", active->known ? json_boolean(is_eol(active, e)) : json_null());
	json_put_text(&o, "image_name", e->image_name);
	json_put_text(&o, "image_path", image);
	return o;
}

static int print_json_list(const struct cache *cache, const struct cache_entry *list, size_t count,
			   const struct active *active)
{
	json_t *entries = json_array();
	for (size_t i = 0; i < count; i++)
		json_add(&entries, entry_json(&list[i], active));
	json_auto_t *root = json_object();
	json_put(&root, "current_ktstr_kconfig_hash", hash_or_null(true, kconfig_lean_hash(cache->arch)));
	json_put_text(&root, "active_prefixes_fetch_error", active->why);
	json_put(&root, "entries", entries);
	out_json(root, true);
	return 0;
}

/* An entry's metadata is untrusted, so the row is made printable. */
static void print_row(const struct cache_entry *e, bool eol)
{
	_cleanup_buf_ struct buf raw = BUF_NULL, row = BUF_NULL;
	static const char *const tags[] = { "", " (stale kconfig)", " (untracked kconfig)" };
	if (e->error_kind)
		buf_appendf(&raw, "  %-48s (corrupt: %s)", e->key, e->error ?: e->error_kind);
	else
		buf_appendf(&raw, "  %-48s %-12s %-8s %-7s %s%s%s%s%s", e->key, e->version ?: "-", e->source, e->arch,
			    e->built_at ?: "-", tags[e->status], eol ? " (EOL)" : "",
			    e->other_ktstr ? " (stale ktstr)" : "", e->variant ? " (extra kconfig)" : "");
	text_append_line(&row, buf_str(&raw), raw.len);
	buf_puts(&row, "\n");
	row.failed |= raw.failed;
	out_buf(&row);
}

/* Explains the marks on standard error, in a fixed order. */
static void print_footers(bool eol, bool untracked, bool stale, bool other, bool corrupt)
{
	if (eol)
		fputs("(EOL) marks entries of a series that kernel.org does not maintain any more\n", stderr);
	if (untracked)
		fputs("(untracked kconfig) marks entries without a record of their configuration; rebuild them with "
		      "`ktstr kernel build --force VERSION`\n",
		      stderr);
	if (stale)
		fputs("warning: entries marked (stale kconfig) were built against another lean configuration; rebuild "
		      "them with `ktstr kernel build --force VERSION`\n",
		      stderr);
	if (other)
		fputs("(stale ktstr) marks entries that another version of ktstr built; they are used all the same\n",
		      stderr);
	if (corrupt)
		fputs("warning: entries marked (corrupt) cannot be used: metadata or image are missing or damaged; "
		      "remove them with `ktstr kernel clean --corrupt-only --force`\n",
		      stderr);
}

static int print_list(const struct cache_entry *list, size_t count, const struct active *active)
{
	bool stale = false, corrupt = false, untracked = false, any_eol = false, other = false;
	if (!count) {
		out_printf("no cached kernels. Run `ktstr kernel build` to download and build a kernel, or `ktstr "
			   "kernel build distro` to build the distribution's.\n");
		return 0;
	}
	out_printf("  %-48s %-12s %-8s %-7s %s\n", "KEY", "VERSION", "SOURCE", "ARCH", "BUILT");
	for (size_t i = 0; i < count; i++) {
		bool valid = !list[i].error_kind, eol = valid && is_eol(active, &list[i]);
		print_row(&list[i], eol);
		corrupt |= !valid;
		any_eol |= eol;
		other |= valid && list[i].other_ktstr;
		stale |= valid && list[i].status == KCONFIG_STALE;
		untracked |= valid && list[i].status == KCONFIG_UNTRACKED;
	}
	print_footers(any_eol, untracked, stale, other, corrupt);
	return 0;
}

/* --- preview of a range ------------------------------------------------------------------------------------------- */

static int print_preview(const struct list_args *a, const struct kernel_ref *ref, const struct kernels_result *k)
{
	char from[KVERSION_TEXT_MAX], to[KVERSION_TEXT_MAX];
	json_t *versions = json_array();
	for (size_t i = 0; i < k->count; i++) {
		json_add(&versions, json_text(k->ids[i].version));
		if (!a->json)
			out_printf("%s\n", k->ids[i].version);
	}
	json_auto_t *root = json_object();
	json_put_text(&root, "range", ref->text);
	json_put_text(&root, "start", kversion_format(&ref->from, from));
	json_put_text(&root, "end", kversion_format(&ref->to, to));
	json_put(&root, "versions", versions);
	if (a->json)
		out_json(root, true);
	return 0;
}

static int preview(const struct list_args *a, const struct cache *cache, struct err **err)
{
	/* .force: lists all versions, regardless of the cache. */
	struct kernels_request q = { .texts = &a->kernel,
				     .count = 1,
				     .build = true,
				     .force = true,
				     .include_eol = a->include_eol,
				     .skip_sha256 = true,
				     .quiet = true };
	_cleanup_(kernels_result_done) struct kernels_result k = { 0 };
	_cleanup_(reactor_free_p) struct reactor *r = NULL;
	struct kernel_ref ref;
	int result = kernel_ref_parse(a->kernel, &ref, err);
	if (result == 0 && ref.kind != REF_RANGE)
		result = FAIL(err, ERR_USAGE, -EINVAL,
			      "--kernel: '%s' is not a range; kernel list previews "
			      "ranges like 6.6..6.12",
			      a->kernel);
	if (result == 0)
		result = reactor_new(&r, err);
	if (result == 0)
		result = kernels_resolve(r, cache, &q, &k, err);
	if (result == 0)
		result = print_preview(a, &ref, &k);
	kernel_ref_done(&ref);
	return result;
}

static int run_list(void *args, struct err **err)
{
	const struct list_args *a = args;
	_cleanup_(cache_done) struct cache cache = { 0 };
	struct cache_entry *list;
	size_t count;
	int r = cache_open(&cache, err);
	if (r == 0 && a->kernel)
		return preview(a, &cache, err);
	if (r == 0)
		r = cache_list(&cache, &list, &count, err);
	if (r < 0)
		return r;
	if (!a->json)
		say_printf("cache: %s\n", cache.root);
	_cleanup_(active_done) struct active active = { 0 };
	find_active(a, list, count, &active);
	r = a->json ? print_json_list(&cache, list, count, &active) : print_list(list, count, &active);
	entries_free(list, count);
	return r;
}

const struct command cmd_kernel_list = {
	.name = "kernel list",
	.group = GROUP_KERNELS,
	.summary = "List the kernels in the cache",
	.text = "The newest is first. Entries that cannot be used are marked with the reason, and entries of series "
		"that "
		"are not maintained any more are marked too. --kernel A..B prints the versions that a range means.",
	.example =
		(const struct example[]){
			{ "ktstr kernel list --kernel 6.6..6.12",
			  "the versions that 'ktstr test --kernel 6.6..6.12' would "
			  "take" },
			{ NULL },
		},
	.environment = (const enum environment_id[]){ ENV_CACHE_DIR, ENV_KERNEL_MIRROR, ENV_MAX },
	.files = FILES_CACHE,
	.option = list_options,
	.conflict = list_conflicts,
	.size = sizeof(struct list_args),
	.run = run_list,
};
