/* SPDX-License-Identifier: GPL-2.0-only */
/* watch_look.c -- see watch_look.h. */
#include "run/watch_look.h"

#define DUMP_TIME	(10 * NSEC_PER_SEC)
#define STALL_TASKS_MAX 4096

struct inspect_config watch_inspect(struct watch *w)
{
	return (struct inspect_config){ .view = &w->view,
					.layout = &w->kernel->layout,
					.registers = w->registers,
					.registers_count = w->registers_count };
}

struct inspect_config watch_inspect_stacks(struct watch *w)
{
	struct inspect_config config = watch_inspect(w);
	config.orc = watched_kernel_orc(w->kernel, &config.no_orc);
	return config;
}

/* The kernel of a guest that is not stopped has no KASLR. */
const char *watch_find_kernel(struct watch *w, const struct guestmem *memory)
{
	const struct observe_stop *s = w->vm ? w->vm->stop : NULL;
	const char *lost = NULL;
	if (!w->found) {
		view_init(&w->view, &w->kernel->image, memory, w->low_memory);
		lost = w->no_stops
			       ? NULL
			       : view_find_slides(&w->view, s ? s->registers[0].cr3 : 0, s ? s->registers[0].lstar : 0);
	}
	w->found = !lost;
	w->view.memory = memory;
	return lost ? lost : view_refresh(&w->view) < 0 ? "the kernel had not set up its CPUs yet" : NULL;
}

json_t *watch_dump(struct watch *w, const char *reason, const struct guestmem *memory)
{
	const char *lost = watch_find_kernel(w, memory);
	if (lost)
		return dump_placeholder(reason, lost);
	struct dump_config config = { .inspect = watch_inspect_stacks(w),
				      .sampler = w->kernel->sampler,
				      .series = &w->series,
				      .reason = reason,
				      .deadline_nsec = nsec_now() + DUMP_TIME };
	return dump_take(&config);
}

int watch_dump_job(void *arg)
{
	struct watch *w = arg;
	json_t *dump =
		watch_dump(w, w->failure_due ? w->reason : "the test asked for it", w->vm->backend->memory(w->vm));
	captures_put(&w->captures, dump);
	if (!w->failure_due) {
		json_decref(dump);
		return 0;
	}
	w->dump = dump;
	if (w->recorder && w->found) {
		const struct inspect_config config = watch_inspect(w);
		return repro_trace_see_tasks(&w->recorder->trace, &config);
	}
	return 0;
}

static uint64_t tick_ns(struct watch *w)
{
	struct inspector in;
	const struct inspect_config config = watch_inspect(w);
	if (!w->tick_ns && inspect_begin(&in, &config) == 0) {
		w->tick_ns = in.hz ? NSEC_PER_SEC / in.hz : 0;
		inspect_end(&in);
	}
	return w->tick_ns;
}

bool watch_is_stalled(struct watch *w, nsec_t held)
{
	struct stall stall;
	if (!*w->sample.scx.name || !w->patience)
		return false;
	stall_scan(&w->kernel->stall, &w->view, STALL_TASKS_MAX, &stall);
	return stall.supported && stall.task && stall.age_jiffies * tick_ns(w) > (uint64_t)(w->patience + held);
}
