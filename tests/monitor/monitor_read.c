/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * monitor_read.c -- prints what the monitor finds in a guest's memory, as JSON, for tests/vm/monitor.py to compare with
 * what the guest said itself.
 *
 *   monitor_read VMLINUX CORE
 */
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "monitor/core_file.h"
#include "monitor/sample.h"

#define TASKS_MAX   100000
#define CGROUPS_MAX 1024

static json_t *top;

static int fail(struct err *err)
{
	_cleanup_buf_ struct buf text = BUF_NULL;
	err_format(err, &text);
	fprintf(stderr, "monitor_read: %s\n", buf_str(&text));
	err_free(err);
	return 1;
}

static int add_task(struct view *v, uint64_t task, void *arg)
{
	const struct types *t = v->image->types;
	uint64_t pid, tgid;
	char comm[17] = "";
	json_t *row = json_object();
	view_read_field(v, task, types_field(t, "task_struct", "pid"), &pid);
	view_read_field(v, task, types_field(t, "task_struct", "tgid"), &tgid);
	view_read(v, task + types_field(t, "task_struct", "comm").offset, comm, 16);
	json_put_u64(&row, "pid", pid);
	json_put_u64(&row, "tgid", tgid);
	json_put_text(&row, "comm", comm);
	json_add(arg, row);
	return 0;
}

static int add_cgroup(struct view *v, const struct walk_cgroup *c, void *arg)
{
	(void)v;
	json_add(arg, json_text(c->path));
	return 0;
}

static void read_all(struct view *v)
{
	enum walk_end end;
	char banner[SYMBOLS_BANNER_MAX];
	json_t *tasks = json_array(), *groups = json_array();
	view_read_text(v, view_symbol(v, "linux_banner"), banner, sizeof(banner));
	json_put_text(&top, "banner", banner);
	json_put_u64(&top, "cpus", v->cpus);
	json_put_u64(&top, "tasks_end", walk_tasks(v, TASKS_MAX, add_task, &tasks));
	json_put(&top, "tasks", tasks);
	walk_cgroups(v, "/", CGROUPS_MAX, add_cgroup, &groups, &end);
	json_put_u64(&top, "cgroups_end", end);
	json_put(&top, "cgroups", groups);
	struct sample sample = { 0 };
	struct sampler *sampler = sampler_new(v->image);
	if (sampler && sample_take(sampler, v, SAMPLE_ALL, 0, "/", &sample) == 0)
		json_put(&top, "sample", sample_to_json(sampler, &sample));
	sample_done(&sample);
	sampler_free(sampler);
	json_put_u64(&top, "bad_reads", v->bad_reads);
}

int main(int argc, char **argv)
{
	static struct view v;
	struct kernel_image image;
	struct guestmem memory;
	struct err *err = NULL;
	_cleanup_buf_ struct buf text = BUF_NULL;
	if (argc != 3)
		return 64;
	if (symbols_open(argv[1], &image.symbols, &err) < 0 || types_open(argv[1], &image.types, &err) < 0 ||
	    core_open(argv[2], &memory, &err) < 0)
		return fail(err);
	view_init(&v, &image, &memory, 0);
	const char *why = view_find_slides(&v, 0, 0);
	int r = why ? -ESTALE : view_refresh(&v);
	top = json_object();
	json_put_text(&top, "why", why);
	json_put_int(&top, "refresh", r);
	json_put_u64(&top, "text_slide", v.text_slide);
	json_put_u64(&top, "phys_base", v.phys_base);
	if (r == 0)
		read_all(&v);
	json_print(top, true, &text);
	fputs(buf_str(&text), stdout);
	json_decref(top);
	guestmem_done(&memory);
	types_close(image.types);
	symbols_close(image.symbols);
	return 0;
}
