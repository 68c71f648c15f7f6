/* SPDX-License-Identifier: GPL-2.0-only */
/* about.c -- see about.h. */
#include "schedule/about.h"

#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "schedule/event.h"

#define ENTRIES_MAX ((size_t)1 << 20)

/* Members that may be missing have their default; what is there must have the right type. */
static int get_u64(const json_t *o, const char *key, uint64_t *ret, struct err **err)
{
	const json_t *v = json_object_get(o, key);
	*ret = 0;
	if (!v || json_is_null(v))
		return 0;
	if (!json_is_integer(v) || json_integer_value(v) < 0)
		return FAIL(err, ERR_DATA, -EBADMSG, "its description has a '%s' that is not a number from 0 on", key);
	*ret = (uint64_t)json_integer_value(v);
	return 0;
}

static int get_int(const json_t *o, const char *key, int64_t least, int64_t most, int64_t unsaid, int64_t *ret,
		   struct err **err)
{
	const json_t *v = json_object_get(o, key);
	*ret = unsaid;
	if (!v || json_is_null(v))
		return 0;
	if (!json_is_integer(v) || json_integer_value(v) < least || json_integer_value(v) > most)
		return FAIL(err, ERR_DATA, -EBADMSG, "its description has a '%s' that is not from %ld to %ld", key,
			    (long)least, (long)most);
	*ret = json_integer_value(v);
	return 0;
}

static int get_text(const json_t *o, const char *key, const char **ret, struct err **err)
{
	const json_t *v = json_object_get(o, key);
	*ret = NULL;
	if (!v || json_is_null(v))
		return 0;
	*ret = json_string_value(v);
	if (!*ret || !text_is_clean(*ret, json_string_length(v), true))
		return FAIL(err, ERR_DATA, -EBADMSG, "its description has a '%s' that is not a text of one line", key);
	return 0;
}

/* --- lists -------------------------------------------------------------------------------------------------------- */

typedef int read_entry_fn(const json_t *entry, void *to, struct err **err);

static int read_list(const json_t *o, const char *key, size_t size, read_entry_fn *read, void *array, size_t *count,
		     struct err **err)
{
	const json_t *list = json_object_get(o, key);
	size_t entries = json_array_size(list);
	*count = 0;
	if ((list && !json_is_array(list)) || entries > ENTRIES_MAX)
		return FAIL(err, ERR_DATA, -EBADMSG, "its description has a '%s' that is not a list", key);
	char *room = calloc(MAX_OF(entries, (size_t)1), size);
	memcpy(array, &room, sizeof(room));
	if (!room)
		return -ENOMEM;
	for (; *count < entries; (*count)++) {
		int r = read(json_array_get(list, *count), room + *count * size, err);
		if (r < 0)
			return r;
	}
	return 0;
}

static int read_moment(const json_t *o, struct schedule_moment *m, struct err **err)
{
	int64_t pid = 0, cpu = -1;
	int r = get_u64(o, "from_ns", &m->from_ns, err);
	if (r == 0)
		r = get_u64(o, "to_ns", &m->to_ns, err);
	if (r == 0)
		r = get_int(o, "pid", 0, INT32_MAX, 0, &pid, err);
	if (r == 0)
		r = get_int(o, "cpu", -1, SCHEDULE_CPUS_MAX - 1, -1, &cpu, err);
	if (r == 0)
		r = get_text(o, "text", &m->text, err);
	if (r < 0)
		return r;
	m->pid = (int32_t)pid;
	m->cpu = (int)cpu;
	m->to_ns = MAX_OF(m->from_ns, m->to_ns);
	return 0;
}

static int read_phase(const json_t *o, void *to, struct err **err)
{
	struct schedule_phase *p = to;
	int r = get_u64(o, "from_ns", &p->from_ns, err);
	if (r == 0)
		r = get_u64(o, "to_ns", &p->to_ns, err);
	return r == 0 ? get_text(o, "name", &p->name, err) : r;
}

static int read_task(const json_t *o, void *to, struct err **err)
{
	struct schedule_about_task *t = to;
	int64_t pid;
	int r = get_int(o, "pid", 1, INT32_MAX, 0, &pid, err);
	if (r < 0)
		return r;
	t->pid = (int32_t)pid;
	r = get_text(o, "name", &t->name, err);
	return r == 0 ? get_text(o, "cgroup", &t->group, err) : r;
}

static int read_group(const json_t *o, void *to, struct err **err)
{
	struct schedule_about_group *g = to;
	int r = get_u64(o, "id", &g->id, err);
	return r == 0 ? get_text(o, "name", &g->name, err) : r;
}

static int compare_tasks(const void *a, const void *b)
{
	const struct schedule_about_task *x = a, *y = b;
	return (x->pid > y->pid) - (x->pid < y->pid);
}

/* --- all of it ---------------------------------------------------------------------------------------------------- */

static int check_schema(const json_t *o, struct err **err)
{
	const json_t *schema = json_object_get(o, "schema");
	const char *name = json_string_value(json_object_get(schema, "name"));
	json_int_t version = json_integer_value(json_object_get(schema, "version"));
	if (!name || strcmp(name, SCHEDULE_ABOUT_NAME) != 0)
		return FAIL(err, ERR_DATA, -EBADMSG, "its description is not that of a schedule");
	if (version != 1)
		return FAIL(err, ERR_DATA, -EBADMSG, "its description has version %ld, and this ktstr reads version 1",
			    (long)version);
	return 0;
}

static int read_facts(struct schedule_about *a, struct err **err)
{
	const struct {
		const char *key;
		const char **to;
	} texts[] = { { "test", &a->test },
		      { "scheduler", &a->scheduler },
		      { "kernel", &a->kernel },
		      { "topology", &a->topology },
		      { "seed", &a->seed } };
	int64_t cpus;
	int r = get_int(a->json, "cpus", 1, SCHEDULE_CPUS_MAX, 0, &cpus, err);
	for (size_t i = 0; i < ARRAY_SIZE(texts) && r == 0; i++)
		r = get_text(a->json, texts[i].key, texts[i].to, err);
	if (r == 0)
		r = get_u64(a->json, "events", &a->events, err);
	if (r == 0)
		r = get_u64(a->json, "dropped", &a->dropped, err);
	if (r == 0)
		r = get_u64(a->json, "began_ns", &a->began_ns, err);
	if (r == 0 && (!cpus || !a->test))
		return FAIL(err, ERR_DATA, -EBADMSG, "its description lacks '%s'", cpus ? "test" : "cpus");
	a->cpus = (unsigned)cpus;
	return r;
}

static int read_all(struct schedule_about *a, struct err **err)
{
	const json_t *failure = json_object_get(a->json, "failure");
	int r = check_schema(a->json, err);
	if (r == 0)
		r = read_facts(a, err);
	if (r == 0)
		r = read_moment(failure, &a->failure, err);
	if (r == 0)
		r = read_list(a->json, "phases", sizeof(*a->phase), read_phase, &a->phase, &a->phases, err);
	if (r == 0)
		r = read_list(a->json, "tasks", sizeof(*a->task), read_task, &a->task, &a->tasks, err);
	if (r == 0)
		r = read_list(a->json, "cgroups", sizeof(*a->group), read_group, &a->group, &a->groups, err);
	if (r < 0)
		return r;
	a->has_failure = json_is_object(failure);
	qsort(a->task, a->tasks, sizeof(*a->task), compare_tasks);
	return 0;
}

int schedule_about_read(json_t *json, struct schedule_about *ret, struct err **err)
{
	*ret = (struct schedule_about){ .json = json_incref(json) };
	int r = read_all(ret, err);
	if (r < 0)
		schedule_about_done(ret);
	return r;
}

void schedule_about_done(struct schedule_about *a)
{
	free(a->phase);
	free(a->task);
	free(a->group);
	json_decref(a->json);
	*a = (struct schedule_about){ 0 };
}

const struct schedule_about_task *schedule_about_task(const struct schedule_about *a, int32_t pid)
{
	const struct schedule_about_task key = { .pid = pid };
	return a->tasks ? bsearch(&key, a->task, a->tasks, sizeof(*a->task), compare_tasks) : NULL;
}

const char *schedule_about_group(const struct schedule_about *a, uint64_t id)
{
	for (size_t i = 0; i < a->groups; i++)
		if (a->group[i].id == id)
			return a->group[i].name;
	return NULL;
}
