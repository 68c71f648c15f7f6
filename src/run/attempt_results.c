/* SPDX-License-Identifier: GPL-2.0-only */
/* attempt_results.c -- see attempt_results.h. */
#include "run/attempt_results.h"

#include <string.h>

#include "base/text.h"

/* Without memory for them, they are only counted. */
static void take_points(struct attempt *a)
{
	free(a->perturb_point);
	free(a->orders);
	a->perturb_point = NULL;
	a->orders = NULL;
	a->perturb_points = 0;
	if (!a->env->backend->points || !perturb_on(&a->watch.observe.perturb))
		return;
	unsigned count = a->env->backend->points(a->vm, NULL, 0);
	a->perturb_point = calloc(count + 1, sizeof(*a->perturb_point));
	a->perturb_points = a->env->backend->points(a->vm, a->perturb_point, a->perturb_point ? count : 0);
	a->orders = a->env->backend->orders ? malloc(sizeof(*a->orders)) : NULL;
	if (a->orders && !a->env->backend->orders(a->vm, a->orders)) {
		free(a->orders);
		a->orders = NULL;
	}
}

static void close_card(struct attempt *a)
{
	if (a->card_fd > 0)
		fd_close(a->card_fd);
	a->card_fd = 0;
}

void attempt_take_results(struct attempt *a)
{
	struct vm *vm = a->vm;
	struct evidence *e = &a->evidence;
	text_append(&e->console, buf_str(&vm->console), vm->console.len);
	text_append(&e->diagnosis, buf_str(&vm->diagnosis), vm->diagnosis.len);
	text_append(&e->stderr_text, buf_str(&vm->stderr_text), vm->stderr_text.len);
	e->dropped = (uint32_t)vm->dropped;
	e->digest = vm->digest;
	e->machine_status = vm->status;
	e->machine_died = vm->end == VM_END_DIED;
	e->machine_reset = vm->end == VM_END_RESET;
	a->vm_cpu_usec = vm->cpu_usec;
	a->vm_rss_kib = vm->rss_kib;
	a->confinement = vm->confinement;
	take_points(a);
	watch_end(&a->watch, vm);
	a->counter_names = vm->counter_names;
	a->counters = vm->counters;
	a->counted_vcpus = vm->counted_vcpus;
	free(a->counter);
	a->counter = TAKE_PTR(vm->counter);
	a->event_names = vm->event_names;
	a->events = vm->events;
	memcpy(a->event, vm->event, sizeof(a->event));
	a->perf_settings = vm->perf_settings;
	memcpy(a->perf_setting, vm->perf_setting, sizeof(a->perf_setting));
	a->wall = a->machine.reactor->now - vm->started;
	a->boot = vm->hello ? vm->hello - vm->started : 0;
	const struct reactor *reactor = a->machine.reactor;
	a->cleanup = a->over ? reactor->now - a->over - (reactor->away - a->over_away) : -1;
	e->cleanup = MAX_OF(a->cleanup, 0);
	if (a->keep_memory || a->covers || a->watch.kernel)
		a->memory = a->env->backend->take_memory(vm);
	close_card(a);
	a->env->backend->destroy(vm);
	a->vm = NULL;
	a->initrd_fd = fd_close(a->initrd_fd);
	a->initrd_common_fd = fd_close(a->initrd_common_fd);
}
