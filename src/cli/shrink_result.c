/* SPDX-License-Identifier: GPL-2.0-only */
/* shrink_result.c -- what `ktstr shrink` writes and prints; see shrink.h. */
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/text.h"
#include "cli/out.h"
#include "cli/shrink.h"
#include "declare/read.h"
#include "declare/write.h"

size_t shrink_count_points(const json_t *file)
{
	return json_array_size(json_object_get(file, "points"));
}

static char *result_path(const struct shrink *s, const char *suffix)
{
	char *path;
	return asprintf(&path, "%s%s", s->args->output ?: "shrunk", suffix) < 0 ? NULL : path;
}

int shrink_check_output(const struct shrink *s, struct err **err)
{
	_cleanup_free_ char *path = result_path(s, ".json");
	return path ? file_check_output(path, err) : -ENOMEM;
}

static int write_beside(const struct shrink *s, const char *suffix, const struct buf *text, struct err **err)
{
	_cleanup_free_ char *path = result_path(s, suffix);
	if (!path)
		return -ENOMEM;
	if (text->failed)
		return FAIL_SYS(err, -ENOMEM, "write '%s'", path);
	return file_write_output(path, text->data, text->len, 0644, err);
}

static int write_scenario(const struct shrink *s, struct err **err)
{
	_cleanup_buf_ struct buf text = BUF_NULL, source = BUF_NULL;
	struct declaration *d = NULL;
	char *json = json_dumps(s->scenario, JSON_INDENT(2));
	buf_appendf(&text, "%s\n", json ? json : "");
	text.failed |= !json;
	free(json);
	int r = write_beside(s, ".json", &text, err);
	if (r == 0)
		r = declaration_read(s->scenario, "scenario", &d, err);
	if (r == 0)
		r = declare_source(&d->test, &d->scenario, &source, err);
	declaration_free(d);
	return r == 0 ? write_beside(s, ".c", &source, err) : r;
}

int shrink_write_results(const struct shrink *s, struct err **err)
{
	_cleanup_buf_ struct buf points = BUF_NULL;
	int r = s->scenario ? write_scenario(s, err) : 0;
	if (r < 0 || !s->points)
		return r;
	json_print(s->points, /* pretty= */ false, &points);
	return write_beside(s, ".perturb.json", &points, err);
}

/* The line that runs the result. */
static void put_line(const struct shrink *s, struct buf *out)
{
	_cleanup_buf_ struct buf file = BUF_NULL;
	for (size_t i = 0; s->base.environment[i]; i++)
		buf_appendf(out, "%s ", s->base.environment[i]);
	buf_puts(out, "ktstr test");
	for (size_t i = 0; s->base.options[i]; i++) {
		buf_puts(out, " ");
		text_append_quoted(out, s->base.options[i]);
	}
	if (s->points) {
		buf_appendf(&file, " --perturb %s.perturb.json", s->args->output ?: "shrunk");
		buf_puts(out, buf_str(&file));
	}
	if (s->scenario) {
		buf_appendf(out, " %s.json", s->args->output ?: "shrunk");
		return;
	}
	buf_puts(out, " -E ");
	text_append_quoted(out, s->base.filter);
	for (size_t i = 0; s->base.paths[i]; i++) {
		buf_puts(out, " ");
		text_append_quoted(out, s->base.paths[i]);
	}
}

static const struct {
	const char *name;
	size_t at;
} sizes[] = {
	{ "steps", offsetof(struct scenario_size, steps) },
	{ "operations", offsetof(struct scenario_size, operations) },
	{ "cgroups", offsetof(struct scenario_size, cgroups) },
	{ "workers", offsetof(struct scenario_size, workers) },
	{ "cpus", offsetof(struct scenario_size, cpus) },
	{ "duration_s", offsetof(struct scenario_size, duration_s) },
	{ "values", offsetof(struct scenario_size, values) },
};

static unsigned size_at(const struct scenario_size *s, size_t i)
{
	unsigned n;
	memcpy(&n, (const char *)s + sizes[i].at, sizeof(n));
	return n;
}

static json_t *sizes_json(const struct shrink *s, const struct scenario_size *of, size_t points)
{
	json_t *o = json_object();
	for (size_t i = 0; s->scenario && i < ARRAY_SIZE(sizes); i++)
		json_put_u64(&o, sizes[i].name, size_at(of, i));
	json_put_u64(&o, "points", points);
	return o;
}

void shrink_print_result(const struct shrink *s, nsec_t wall)
{
	_cleanup_buf_ struct buf line = BUF_NULL;
	char time[TIME_TEXT_MAX];
	put_line(s, &line);
	if (s->args->json) {
		json_auto_t *o = json_object();
		json_put_text(&o, "failure", s->wanted);
		json_put(&o, "before", sizes_json(s, &s->before, s->points_before));
		json_put(&o, "after", sizes_json(s, &s->after, s->points_after));
		json_put_u64(&o, "candidates", s->candidates);
		json_put_u64(&o, "runs", s->runs);
		json_put_int(&o, "wall_ns", wall);
		json_put_bool(&o, "complete", !s->over);
		json_put_text(&o, "replay", buf_str(&line));
		out_json(o, true);
		return;
	}
	out_printf("%-12s %8s %8s\n", "", "before", "after");
	for (size_t i = 0; s->scenario && i < ARRAY_SIZE(sizes); i++)
		out_printf("%-12s %8u %8u\n", sizes[i].name, size_at(&s->before, i), size_at(&s->after, i));
	out_printf("%-12s %8zu %8zu\n", "points", s->points_before, s->points_after);
	out_printf("%u candidate%s, %u run%s, %s\n%s\n", s->candidates, plural(s->candidates), s->runs, plural(s->runs),
		   nsec_format(wall, time), buf_str(&line));
	if (s->over)
		say_printf("the time is over; the same command goes on from here\n");
}
