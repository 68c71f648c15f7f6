/* SPDX-License-Identifier: GPL-2.0-only */
/* cmd_list.c -- ktstr list: the canned scenarios. */
#include <stdio.h>
#include <string.h>

#include <ktstr/canned.h>

#include "base/json.h"
#include "base/text.h"
#include "cli/commands.h"
#include "cli/out.h"
#include "cli/shared_options.h"

struct list_args {
	const char *filter;
	bool json;
};

static const struct option_row list_options[] = {
	OPT_STRING(struct list_args, filter, "filter", 0, "TEXT", "only those with TEXT in their name"),
	ROW_JSON(struct list_args, "one JSON array on standard output"),
	OPT_END,
};

static json_t *row(const struct ktstr_canned *c)
{
	static const char *const profiles[] = { "default", NULL };
	json_t *o = json_object();
	json_put_text(&o, "name", c->name);
	json_put_text(&o, "category", c->category);
	json_put_text(&o, "description", c->description);
	json_put_texts(&o, "profiles", profiles);
	return o;
}

static int run_list(void *args, struct err **err)
{
	const struct list_args *a = args;
	_cleanup_buf_ struct buf out = BUF_NULL;
	json_auto_t *all = json_array();
	unsigned count = 0;
	(void)err;
	for (const struct ktstr_canned *c = ktstr_canned_list(); c->name; c++) {
		if (a->filter && !strstr(c->name, a->filter))
			continue;
		count++;
		json_add(&all, row(c));
		if (!a->json)
			buf_appendf(&out, "%-38s [%-11s] %s\n", c->name, c->category, c->description);
	}
	if (a->json)
		json_print(all, true, &out);
	else
		buf_appendf(&out, "%u scenario%s\n", count, plural(count));
	if (!count && a->filter)
		say_printf("no scenario has '%s' in its name; 'ktstr list' has all of them\n", a->filter);
	out_buf(&out);
	return 0;
}

const struct command cmd_list = {
	.name = "list",
	.group = GROUP_HOST,
	.summary = "List the canned scenarios",
	.text = "Prints name, category and description of each scenario that 'ktstr run' can run on this machine and "
		"ktstr_run_canned() in a guest.",
	.option = list_options,
	.size = sizeof(struct list_args),
	.run = run_list,
};
