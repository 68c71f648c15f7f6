/* SPDX-License-Identifier: GPL-2.0-only */
/* proc_text.c -- see proc_text.h. */
#include <string.h>

#include "base/text.h"
#include "ctprof/proc_text.h"

/* A number at the start of @s: "12", "-3", or milliseconds "1.000250", which become nanoseconds. */
static bool read_number(const char *s, int64_t *ret)
{
	char *end;
	errno = 0;
	long long whole = strtoll(s, &end, 10);
	if (end == s || errno)
		return false;
	if (*end != '.') {
		*ret = whole;
		return true;
	}
	int64_t part = 0, digits = 0;
	for (end++; *end >= '0' && *end <= '9' && digits < 6; end++, digits++)
		part = part * 10 + (*end - '0');
	for (; digits < 6; digits++)
		part *= 10;
	int64_t scaled;
	if (__builtin_mul_overflow((int64_t)whole, 1000000, &scaled))
		return false;
	return !__builtin_add_overflow(scaled, *s == '-' ? -part : part, ret);
}

/* Splits off the next line; NULL at the end. */
static char *next_line(char **text)
{
	char *line = *text;
	if (!line || !*line)
		return NULL;
	char *end = strchr(line, '\n');
	*text = end ? end + 1 : NULL;
	if (end)
		*end = '\0';
	return line;
}

/* Splits "name : value" or "name value" at @separators; returns the value, or NULL. */
static char *split_line(char *line, const char *separators)
{
	size_t len = strcspn(line, separators);
	if (!len || !line[len])
		return NULL;
	char *value = line + len + strspn(line + len, separators);
	line[len] = '\0';
	return value;
}

/* Sets the metrics of @source that have the key @name. */
static void set_by_key(struct thread *t, enum source source, const char *name, const char *value)
{
	int64_t number;
	for (unsigned i = 0; metric_rows[i].name; i++) {
		const struct metric_row *m = &metric_rows[i];
		if (m->source != source || !m->key || strcmp(m->key, name) != 0)
			continue;
		if (read_number(value, &number))
			thread_set(t, i, number);
		return;
	}
}

/* --- stat --------------------------------------------------------------------------------------------------------- */

static const char *policy_name(int64_t policy)
{
	static const char *const names[] = { "SCHED_OTHER", "SCHED_FIFO", "SCHED_RR",	    "SCHED_BATCH",
					     NULL,	    "SCHED_IDLE", "SCHED_DEADLINE", "SCHED_EXT" };
	return policy >= 0 && policy < (int64_t)ARRAY_SIZE(names) ? names[policy] : NULL;
}

bool proc_set_policy(struct thread *t, int64_t policy)
{
	const char *name = policy_name(policy);
	char number[24];
	snprintf(number, sizeof(number), "%lld", (long long)policy);
	free(t->policy);
	t->policy = strdup(name ? name : number);
	return t->policy;
}

/* @n: the number of the field, from 1, as in proc(5). */
static bool set_stat_field(struct thread *t, unsigned n, const char *text)
{
	int64_t number;
	if (n == 3)
		t->state = *text;
	/* Some fields are above the range of int64_t; no metric uses them. */
	if (n == 3 || !read_number(text, &number))
		return true;
	if (n == 22)
		t->start_ticks = (uint64_t)number;
	if (n == metric_rows[METRIC_POLICY].field)
		return proc_set_policy(t, number);
	for (unsigned i = METRIC_NAMED_MAX; metric_rows[i].name; i++)
		if (metric_rows[i].source == SOURCE_STAT && metric_rows[i].field == n)
			thread_set(t, i, number);
	return true;
}

bool proc_parse_stat(char *text, struct thread *t)
{
	/* A name can hold anything, also a parenthesis. */
	char *name = strchr(text, '('), *end = strrchr(text, ')');
	unsigned n = 3;
	if (!name || !end || end < name)
		return false;
	*end = '\0';
	free(t->comm);
	t->comm = text_clean_line(name + 1);
	if (!t->comm)
		return false;
	char *rest;
	for (char *word = strtok_r(end + 1, " \n", &rest); word; word = strtok_r(NULL, " \n", &rest))
		if (!set_stat_field(t, n++, word))
			return false;
	return n > 22;
}

/* --- others of a thread ------------------------------------------------------------------------------------------- */

bool proc_parse_schedstat(char *text, struct thread *t)
{
	char *rest;
	int64_t number;
	unsigned i = METRIC_RUN_TIME;
	for (char *word = strtok_r(text, " \n", &rest); word && i <= METRIC_TIMESLICES;
	     word = strtok_r(NULL, " \n", &rest), i++)
		if (read_number(word, &number))
			thread_set(t, i, number);
	return i > METRIC_TIMESLICES;
}

/* Old kernels write "se.statistics.wait_sum". */
static const char *sched_key(const char *name)
{
	static const char old[] = "se.statistics.";
	return !strncmp(name, old, sizeof(old) - 1) ? name + sizeof(old) - 1 : name;
}

bool proc_parse_sched(char *text, struct thread *t)
{
	unsigned lines = 0;
	for (char *line; (line = next_line(&text));) {
		char *value = split_line(line, " :\t");
		if (!value)
			continue;
		lines++;
		set_by_key(t, SOURCE_SCHED, sched_key(line), value);
	}
	/* The kernel counts uninterruptible sleep as sleep, too. */
	if (thread_knows(t, METRIC_SLEEP_SUM) && thread_knows(t, METRIC_BLOCK_SUM))
		t->value[METRIC_SLEEP_SUM] =
			MAX_OF(t->value[METRIC_SLEEP_SUM] - t->value[METRIC_BLOCK_SUM], (int64_t)0);
	else
		thread_forget(t, METRIC_SLEEP_SUM);
	return lines > 2;
}

bool proc_parse_status(char *text, struct thread *t)
{
	bool found = false;
	for (char *line; (line = next_line(&text));) {
		char *value = split_line(line, ":\t ");
		if (!value)
			continue;
		found |= !strcmp(line, "Pid");
		if (strcmp(line, metric_rows[METRIC_AFFINITY].key) != 0) {
			set_by_key(t, SOURCE_STATUS, line, value);
			continue;
		}
		free(t->affinity);
		t->affinity = text_clean_line(value);
		if (!t->affinity)
			return false;
	}
	if (t->tid != t->tgid)
		thread_forget(t, METRIC_NR_THREADS);
	return found;
}

bool proc_parse_io(char *text, struct thread *t)
{
	unsigned lines = 0;
	for (char *line; (line = next_line(&text)); lines++) {
		char *value = split_line(line, ": ");
		if (value)
			set_by_key(t, SOURCE_IO, line, value);
	}
	return lines > 0;
}

bool proc_parse_cgroup(char *text, struct thread *t)
{
	for (char *line; (line = next_line(&text));) {
		if (strncmp(line, "0::", 3) != 0)
			continue;
		free(t->cgroup);
		t->cgroup = text_clean_line(line + 3);
		return t->cgroup;
	}
	return false;
}

/* --- tables ------------------------------------------------------------------------------------------------------- */

static json_t *parse_numbers(char *text, const char *separators, bool units)
{
	json_t *o = json_object();
	for (char *line; (line = next_line(&text));) {
		char *value = split_line(line, separators);
		int64_t number;
		if (!value || (units && !strstr(value, "kB")) || !read_number(value, &number))
			continue;
		/* json_put() needs keys that are valid UTF-8. */
		if (text_is_clean(line, strlen(line), true))
			json_put_int(&o, line, number);
	}
	if (!json_object_size(o)) {
		json_decref(o);
		return NULL;
	}
	return o;
}

json_t *proc_parse_smaps(char *text)
{
	return parse_numbers(text, ": \t", true);
}

json_t *text_parse_flat(char *text)
{
	return parse_numbers(text, " ", false);
}

static json_t *pressure_line(char *text)
{
	json_t *o = json_object();
	char *rest;
	for (char *word = strtok_r(text, " ", &rest); word; word = strtok_r(NULL, " ", &rest)) {
		char *value = split_line(word, "=");
		if (!value)
			continue;
		if (!strcmp(word, "total"))
			json_put_int(&o, "total_usec", strtoll(value, NULL, 10));
		else if (text_is_clean(word, strlen(word), true))
			json_put_number(&o, word, strtod(value, NULL));
	}
	return o;
}

json_t *text_parse_pressure(char *text)
{
	json_t *o = json_object();
	for (char *line; (line = next_line(&text));) {
		char *values = split_line(line, " ");
		if (values && (!strcmp(line, "some") || !strcmp(line, "full")))
			json_put(&o, line, pressure_line(values));
	}
	if (!json_object_size(o)) {
		json_decref(o);
		return NULL;
	}
	return o;
}
