/* SPDX-License-Identifier: GPL-2.0-only */
/* cmd_list.c -- ktstr list: the canned scenarios, and the types of work. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <ktstr/canned.h>

#include "base/json.h"
#include "base/text.h"
#include "cli/commands.h"
#include "cli/out.h"
#include "cli/shared_options.h"
#include "guest/work/work.h"

struct list_args {
	const char *filter;
	bool work, json;
};

static const struct option_row list_options[] = {
	OPT_STRING(struct list_args, filter, "filter", 0, "TEXT", "only those with TEXT in their name"),
	OPT_FLAG(struct list_args, work, "work", 0,
		 "the types of work for KTSTR_WORK() instead, with their parameters and defaults"),
	ROW_JSON(struct list_args, "one JSON array on standard output"),
	OPT_END,
};

static json_t *scenario_json(const struct ktstr_canned *c)
{
	static const char *const profiles[] = { "default", NULL };
	json_t *o = json_object();
	json_put_text(&o, "name", c->name);
	json_put_text(&o, "category", c->category);
	json_put_text(&o, "description", c->description);
	json_put_texts(&o, "profiles", profiles);
	return o;
}

static unsigned list_scenarios(const struct list_args *a, json_t **all, struct buf *out)
{
	unsigned count = 0;
	for (const struct ktstr_canned *c = ktstr_canned_list(); c->name; c++) {
		if (a->filter && !strstr(c->name, a->filter))
			continue;
		count++;
		json_add(all, scenario_json(c));
		buf_appendf(out, "%-38s [%-11s] %s\n", c->name, c->category, c->description);
	}
	return count;
}

/* "burst_ms 50", "futex off", or a name alone: the type has no number by default. */
static json_t *default_of(const char *after_name, size_t len)
{
	if (!len)
		return json_null();
	return after_name[1] == 'o' ? json_false() : json_integer(atoll(after_name));
}

/* [{"name": "burst_ms", "default": 50}, {"name": "futex", "default": false}, ...] */
static json_t *parameters_json(const char *text)
{
	json_t *list = json_array();
	while (text && *text) {
		size_t len = strcspn(text, ","), name = strcspn(text, ", ");
		json_t *o = json_object();
		json_put(&o, "name", json_text_n(text, name));
		json_put(&o, "default", default_of(text + name, len - name));
		json_add(&list, o);
		text += len;
		text += strspn(text, ", ");
	}
	return list;
}

static json_t *work_json(const struct work_type *t, unsigned group)
{
	json_t *o = json_object();
	json_put_text(&o, "name", t->name);
	json_put_text(&o, "code", t->code);
	json_put_text(&o, "description", t->does);
	json_put_u64(&o, "group_size", group);
	json_put_bool(&o, "wake_latency", t->wakes);
	json_put(&o, "parameters", parameters_json(t->parameters));
	return o;
}

static void work_line(const struct work_type *t, unsigned group, struct buf *out)
{
	buf_appendf(out, "%-28s %-4s %s", t->code, t->wakes ? "lat" : "", t->does);
	if (group > 1)
		buf_appendf(out, "; groups of %u", group);
	if (t->parameters)
		buf_appendf(out, " (%s)", t->parameters);
	buf_puts(out, "\n");
}

static unsigned list_work(const struct list_args *a, json_t **all, struct buf *out)
{
	unsigned count = 0;
	for (unsigned i = 0; i < KTSTR_WORK_TYPE_MAX; i++) {
		const struct work_type *t = work_type_at(i);
		unsigned group = work_group_size(&(struct ktstr_work){ .type = (enum ktstr_work_type)i });
		if (a->filter && !strcasestr(t->code, a->filter) && !strcasestr(t->name, a->filter))
			continue;
		count++;
		json_add(all, work_json(t, group));
		work_line(t, group, out);
	}
	return count;
}

static int run_list(void *args, struct err **err)
{
	const struct list_args *a = args;
	_cleanup_buf_ struct buf out = BUF_NULL;
	json_auto_t *all = json_array();
	const char *what = a->work ? "work type" : "scenario";
	unsigned count = a->work ? list_work(a, &all, &out) : list_scenarios(a, &all, &out);
	(void)err;
	if (a->json) {
		buf_clear(&out);
		json_print(all, true, &out);
	} else {
		buf_appendf(&out, "%u %s%s%s\n", count, what, plural(count),
			    a->work ? "; 'lat': all workers measure wake-up latencies" : "");
	}
	if (!count && a->filter)
		say_printf("no %s has '%s' in its name; 'ktstr list%s' has all of them\n", what, a->filter,
			   a->work ? " --work" : "");
	out_buf(&out);
	return 0;
}

const struct command cmd_list = {
	.name = "list",
	.group = GROUP_HOST,
	.summary = "List the canned scenarios, or the types of work",
	.text = "Prints name, category and description of each scenario that 'ktstr run' can run on this machine and "
		"ktstr_run_canned() in a guest. A canned scenario is one that comes with ktstr.\n\n"
		"With --work: the types of work that workers can do. Each line has the word for KTSTR_WORK(), what a "
		"worker does, and in parentheses the parameters with their defaults. The number of workers must be a "
		"multiple of the size of a group. 'lat' marks the types whose workers all measure wake-up latencies.",
	.example =
		(const struct example[]){
			{ "ktstr list --filter cpuset", "scenarios with cpusets" },
			{ "ktstr list --work --filter futex", "types of work that use futexes" },
			{ NULL },
		},
	.option = list_options,
	.size = sizeof(struct list_args),
	.run = run_list,
};
