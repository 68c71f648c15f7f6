/* SPDX-License-Identifier: GPL-2.0-only */
/* cmd_kernel_clean.c -- ktstr kernel clean: removes entries from the cache, after a confirmation. */
#include <stdio.h>
#include <string.h>

#include "base/term.h"
#include "cli/commands.h"
#include "cli/out.h"
#include "kernel/cache.h"

struct clean_args {
	uint64_t keep;
	bool corrupt_only, force;
};

static const struct option_row clean_options[] = {
	OPT_NUMBER(struct clean_args, keep, "keep", 0, "N", 0, UINT64_MAX, 0, "keep the N newest valid entries"),
	OPT_FLAG(struct clean_args, corrupt_only, "corrupt-only", 0, "remove only entries that cannot be used"),
	OPT_FLAG(struct clean_args, force, "force", 'f', "do not ask for confirmation"),
	OPT_END,
};

/*
 * The list is newest first, with corrupt entries last. Only valid entries count against --keep. Moves the entries to
 * remove to the front and returns their number.
 */
static size_t choose(struct cache_entry *list, size_t count, uint64_t keep, bool corrupt_only)
{
	size_t chosen = 0;
	uint64_t valid = 0;
	for (size_t i = 0; i < count; i++) {
		bool corrupt = list[i].error_kind != NULL;
		if (!corrupt && (valid++ < keep || corrupt_only))
			continue;
		struct cache_entry e = list[i];
		list[i] = list[chosen];
		list[chosen++] = e;
	}
	return chosen;
}

static int confirm(const struct cache_entry *list, size_t count, bool *ret, struct err **err)
{
	char answer[16] = "";
	*ret = false;
	if (!term_probe(STDIN_FILENO).tty || !term_probe(STDERR_FILENO).tty)
		return FAIL(err, ERR_USAGE, -EPERM, "confirmation requires a terminal. Use --force to skip");
	fputs("the following entries will be removed:\n", stderr);
	for (size_t i = 0; i < count; i++)
		say_printf("  %s%s\n", list[i].key, list[i].error_kind ? " (corrupt)" : "");
	say_printf("remove %zu entr%s? [y/N] ", count, count == 1 ? "y" : "ies");
	fflush(stderr);
	*ret = fgets(answer, sizeof(answer), stdin) && (*answer == 'y' || *answer == 'Y');
	if (!*ret)
		fputs("aborted\n", stderr);
	return 0;
}

static int remove_entries(const struct cache *cache, const struct cache_entry *list, size_t count, struct err **err)
{
	size_t removed = 0;
	int r = 0;
	for (size_t i = 0; i < count && r == 0; i++) {
		r = cache_remove(cache, list[i].key, err);
		removed += r == 0;
	}
	say_printf("removed %zu cached kernel(s).\n", removed);
	return r;
}

static int clean(const struct clean_args *a, const struct cache *cache, struct err **err)
{
	struct cache_entry *list;
	size_t count;
	bool yes = a->force;
	int r = cache_list(cache, &list, &count, err);
	if (r < 0)
		return r;
	size_t chosen = choose(list, count, a->keep, a->corrupt_only);
	if (!chosen)
		fputs("nothing to clean\n", stderr);
	else if (!yes)
		r = confirm(list, chosen, &yes, err);
	if (r == 0 && yes)
		cache_sweep(cache, true);
	if (r == 0 && yes && chosen)
		r = remove_entries(cache, list, chosen, err);
	entries_free(list, count);
	return r;
}

static int run_clean(void *args, struct err **err)
{
	_cleanup_(cache_done) struct cache cache = { 0 };
	int r = cache_open(&cache, err);
	return r == 0 ? clean(args, &cache, err) : r;
}

const struct command cmd_kernel_clean = {
	.name = "kernel clean",
	.group = GROUP_KERNELS,
	.summary = "Remove kernels from the cache",
	.text = "Removes all entries, or those that --keep and --corrupt-only choose, and what killed builds left "
		"behind. It asks "
		"first; without a terminal it needs --force. An entry that is being built is not touched.",
	.option = clean_options,
	.conflict = (const struct option_conflict[]){ { "keep", "corrupt-only" }, { NULL, NULL } },
	.example =
		(const struct example[]){
			{ "ktstr kernel clean --keep 3", "keep the three newest" },
			{ "ktstr kernel clean --corrupt-only --force",
			  "remove what cannot be used, without a question" },
			{ NULL },
		},
	.environment = (const enum environment_id[]){ ENV_CACHE_DIR, ENV_XDG_CACHE_HOME, ENV_MAX },
	.files = FILES_CACHE,
	.size = sizeof(struct clean_args),
	.run = run_clean,
};
