/* SPDX-License-Identifier: GPL-2.0-only */
/* fleet_machine.c -- what the machine of an attempt is copied from, and what others see of it. */
#include <stdio.h>

#include "run/fleet.h"
#include "run/machine_card.h"
#include "run/start.h"

struct clone_template *fleet_clone_template(struct fleet *f, const struct attempt *a)
{
	struct clone_template *m = NULL;
	bool wanted = !f->config.start_auto || start_can_be_shared(f->config.plan, a->item, f->config.flake.repeat);
	if (wanted && f->config.snapshot_cache && f->env.backend->save && !a->config.kaslr)
		m = calloc(1, sizeof(*m));
	if (m)
		*m = (struct clone_template){ .backend = f->env.backend,
					      .kernel = a->item->kernel->boot,
					      .test = a->item->test->program ?: a->item->test->binary,
					      .cache_dir = f->config.snapshot_cache,
					      .image_cache = f->config.image_cache,
					      .damaged = &f->damaged };
	return m;
}

void fleet_show_machine(struct attempt *a)
{
	const struct kernel *k = a->item->kernel;
	struct machine_card card = { .image = k->image };
	snprintf(card.name, sizeof(card.name), "%s", a->item->name);
	snprintf(card.run, sizeof(card.run), "%s", attempt_rundir(a)->id ?: "");
	snprintf(card.kernel, sizeof(card.kernel), "%s", k->boot ?: "");
	snprintf(card.version, sizeof(card.version), "%s", k->version ?: "");
	a->card_fd = MAX_OF(machine_card_show(a->vm, &a->config, &card), 0);
}
