/* SPDX-License-Identifier: GPL-2.0-only */
/* randomised.c -- see randomised.h. */
#include "run/randomised.h"

#include "monitor/translate.h"

#define PERIOD_NS UINT64_C(5000000)

void randomised_prepare(struct randomised *r, struct observe_config *config)
{
	*r = (struct randomised){
		.waits = true, .hook = config->hooks, .hooks = config->hook_count, .until = config->until
	};
	config->hooks = NULL;
	config->hook_count = 0;
	config->until = (struct observe_until){ PERIOD_NS, OBSERVE_ANY_CPU };
}

/* The first CPU's entry for system calls is set up by trap_init(), before sched_init() (Linux: init/main.c). */
bool randomised_is_due(const struct randomised *r, struct vm *vm)
{
	const struct observe_stop *s = vm->stop;
	const struct observe_until next = { (s->guest_ns / PERIOD_NS + 1) * PERIOD_NS, OBSERVE_ANY_CPU };
	if (!r->waits || s->registers[0].lstar)
		return r->waits;
	vm->backend->set_until(vm, &next);
	return false;
}

static struct observe_hook slide_hook(const struct observe_hook *from, const struct view *v)
{
	struct observe_hook h = *from;
	if (h.address - v->image_start < v->image_size)
		h.address += v->text_slide;
	/* Per-CPU variables that begin at 0 do not move: see view_per_cpu_template(). */
	for (unsigned i = 0; i < OBSERVE_READS; i++)
		if (h.read[i].base == OBSERVE_PER_CPU && h.read[i].offset[0] >= START_KERNEL_MAP)
			h.read[i].offset[0] += v->text_slide;
	return h;
}

static struct observe_place place_of(const struct view *v)
{
	uint64_t image = v->image_start + v->text_slide;
	return (struct observe_place){
		.text_slide = v->text_slide,
		.map = { { v->page_offset, v->ram_end, 0 },
			 { image, v->image_size, image - START_KERNEL_MAP + v->phys_base } },
	};
}

int randomised_set(struct randomised *r, struct vm *vm, const struct view *v)
{
	const struct observe_place place = place_of(v);
	int result = 0;
	r->waits = false;
	vm->backend->set_place(vm, &place);
	for (unsigned i = 0; i < r->hooks && result == 0; i++) {
		const struct observe_hook h = slide_hook(&r->hook[i], v);
		result = vm->backend->set_hook(vm, &h, NULL);
	}
	vm->backend->set_until(vm, &r->until);
	return result;
}
