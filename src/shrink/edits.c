/* SPDX-License-Identifier: GPL-2.0-only */
/* edits.c -- see edits.h. */
#include "shrink/edits.h"

#include <string.h>

#include "base/cleanup.h"
#include "base/json.h"

enum action { LEAVE_OUT_ENTRIES, LEAVE_OUT_FIELDS, SMALLER_NUMBERS, ACTION_MAX };

#define PATH_MAX_BYTES 256
#define DEPTH_MAX      12

/* Fields that a file needs, or that say what the failure is of. */
static const char *const needed[] = { "ktstr_scenario",
				      "$schema",
				      "schedulers",
				      "test",
				      "scenario",
				      "name",
				      "kind",
				      "type",
				      "binary",
				      "scheduler",
				      "steps",
				      "kernel_builtin_enable",
				      "kernel_builtin_disable" };
/* Lists that must not become empty. */
static const char *const not_empty[] = { "steps", "phases", "schedulers" };
/* Numbers whose size is a cost. */
static const char *const costs[] = { "workers", "workers_per_cgroup", "numa_nodes", "llcs",	 "cores",
				     "threads", "duration_s",	      "ms",	    "memory_mib" };

static bool is_one_of(const char *key, const char *const *list, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (!strcmp(key, list[i]))
			return true;
	return false;
}

/* The walk: counts edits until it comes to the one that is wanted, and makes it in the tree. */
struct walk {
	enum action action;
	size_t left; /* edits until the wanted one */
	bool done;
	struct buf *what;
};

static bool is_wanted(struct walk *w)
{
	return w->left-- == 0;
}

static void say(struct walk *w, const char *path, const char *key, const char *fmt, ...) PRINTF_LIKE(4, 5);
static void say(struct walk *w, const char *path, const char *key, const char *fmt, ...)
{
	va_list ap;
	w->done = true;
	if (!w->what)
		return;
	va_start(ap, fmt);
	buf_vappendf(w->what, fmt, ap);
	va_end(ap);
	buf_appendf(w->what, " %s%s%s", path, *path ? "/" : "", key);
}

/* Leaves out entries @first to @end, if that is the wanted edit. */
static void drop_entries(struct walk *w, const char *path, const char *key, json_t *list, size_t first, size_t end)
{
	if (w->done || !is_wanted(w))
		return;
	for (size_t i = end; i > first; i--)
		json_array_remove(list, i - 1);
	say(w, path, key, "leave out %zu of %zu entries from number %zu on of", end - first,
	    json_array_size(list) + end - first, first);
}

/* All, then halves, then each entry. */
static void edit_list(struct walk *w, const char *path, const char *key, json_t *list)
{
	size_t count = json_array_size(list);
	if (count > 1 && !is_one_of(key, not_empty, ARRAY_SIZE(not_empty)))
		drop_entries(w, path, key, list, 0, count);
	if (count > 2) {
		drop_entries(w, path, key, list, count / 2, count);
		drop_entries(w, path, key, list, 0, count / 2);
	}
	for (size_t i = count; i > 0 && !w->done; i--)
		if (count > 1 || !is_one_of(key, not_empty, ARRAY_SIZE(not_empty)))
			drop_entries(w, path, key, list, i - 1, i);
}

static void edit_number(struct walk *w, const char *path, const char *key, json_t *object, json_int_t n)
{
	const json_int_t smaller[] = { 1, n / 2, n - 1 };
	for (size_t i = 0; i < ARRAY_SIZE(smaller) && !w->done; i++) {
		bool again = i && smaller[i] <= smaller[i - 1];
		if (smaller[i] < 1 || smaller[i] >= n || again || !is_wanted(w))
			continue;
		json_put(&object, key, json_integer(smaller[i]));
		say(w, path, key, "%lld instead of %lld for", (long long)smaller[i], (long long)n);
	}
}

static void edit_member(struct walk *w, const char *path, const char *key, json_t *object, json_t *value)
{
	if (w->action == LEAVE_OUT_ENTRIES && json_is_array(value)) {
		edit_list(w, path, key, value);
	} else if (w->action == SMALLER_NUMBERS && json_is_integer(value)) {
		if (is_one_of(key, costs, ARRAY_SIZE(costs)))
			edit_number(w, path, key, object, json_integer_value(value));
	} else if (w->action == LEAVE_OUT_FIELDS && !is_one_of(key, needed, ARRAY_SIZE(needed))) {
		bool cost = is_one_of(key, costs, ARRAY_SIZE(costs)); /* its default may be more */
		if (!cost && is_wanted(w)) {
			say(w, path, key, "leave out");
			json_object_del(object, key);
		}
	}
}

static void walk_node(struct walk *w, const char *path, json_t *node, unsigned depth);

static void walk_inside(struct walk *w, const char *path, const char *key, json_t *value, unsigned depth)
{
	char inside[PATH_MAX_BYTES];
	json_t *entry;
	size_t i;
	snprintf(inside, sizeof(inside), "%s%s%s", path, *path ? "/" : "", key);
	if (json_is_object(value))
		walk_node(w, inside, value, depth + 1);
	json_array_foreach(value, i, entry) {
		char at[PATH_MAX_BYTES];
		if (w->done)
			return;
		snprintf(at, sizeof(at), "%.200s[%zu]", inside, i);
		if (json_is_object(entry))
			walk_node(w, at, entry, depth + 1);
	}
}

/* The edits of all members first, then what is inside of them: it is less. */
static void walk_node(struct walk *w, const char *path, json_t *node, unsigned depth)
{
	const char *key;
	void *next;
	json_t *value;
	if (depth > DEPTH_MAX)
		return;
	json_object_foreach_safe(node, next, key, value)
	{
		if (!w->done)
			edit_member(w, path, key, node, value);
	}
	json_object_foreach(node, key, value) {
		if (w->done)
			return;
		walk_inside(w, path, key, value, depth);
	}
}

json_t *edits_apply(const json_t *root, size_t index, struct buf *what)
{
	json_t *copy = json_deep_copy(root);
	struct walk w = { .left = index, .what = what };
	for (int action = 0; copy && action < ACTION_MAX && !w.done; action++) {
		w.action = (enum action)action;
		walk_node(&w, "", copy, 0);
	}
	if (w.done)
		return copy;
	json_decref(copy);
	return NULL;
}

/* --- sizes -------------------------------------------------------------------------------------------------------- */

static unsigned number_at(const json_t *o, const char *key, unsigned unset)
{
	const json_t *n = json_object_get(o, key);
	return json_is_integer(n) ? (unsigned)json_integer_value(n) : unset;
}

static void count_cgroup(const json_t *g, unsigned usual, struct scenario_size *s)
{
	size_t i;
	json_t *load;
	s->cgroups++;
	if (!json_is_true(json_object_get(g, "no_workers")))
		s->workers += number_at(g, "workers", usual);
	json_array_foreach(json_object_get(g, "loads"), i, load)
		s->workers += number_at(load, "workers", usual);
}

static void count_part(const json_t *part, unsigned usual, struct scenario_size *s)
{
	size_t i;
	json_t *one;
	s->operations += (unsigned)json_array_size(json_object_get(part, "ops"));
	json_array_foreach(json_object_get(part, "cgroups"), i, one)
		count_cgroup(one, usual, s);
	json_array_foreach(json_object_get(part, "ops"), i, one) {
		if (json_object_get(one, "def"))
			count_cgroup(json_object_get(one, "def"), usual, s);
		if (json_object_get(one, "load"))
			s->workers += number_at(json_object_get(one, "load"), "workers", usual);
	}
}

static unsigned count_values(const json_t *node)
{
	const char *key;
	json_t *value;
	unsigned sum = 0;
	size_t i;
	if (!json_is_object(node) && !json_is_array(node))
		return 1;
	json_object_foreach((json_t *)node, key, value)
		sum += count_values(value);
	json_array_foreach(node, i, value)
		sum += count_values(value);
	return sum;
}

struct scenario_size scenario_size(const json_t *root)
{
	const json_t *test = json_object_get(root, "test"), *scenario = json_object_get(root, "scenario");
	unsigned usual = number_at(test, "workers_per_cgroup", 2);
	struct scenario_size s = {
		.steps = (unsigned)json_array_size(json_object_get(scenario, "steps")),
		.cpus = number_at(test, "llcs", 1) * number_at(test, "cores", 2) * number_at(test, "threads", 1),
		.duration_s = number_at(test, "duration_s", 2),
		.values = count_values(root),
	};
	size_t i;
	json_t *step;
	count_part(json_object_get(scenario, "backdrop"), usual, &s);
	json_array_foreach(json_object_get(scenario, "steps"), i, step)
		count_part(step, usual, &s);
	return s;
}
