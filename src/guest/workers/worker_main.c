/* SPDX-License-Identifier: GPL-2.0-only */
/* worker_main.c -- see worker_main.h. */
#include <unistd.h>

#include "guest/load.h"
#include "guest/work/work.h"
#include "guest/workers/worker_main.h"

size_t first_of_load(const struct worker_set *c, size_t i)
{
	while (i > 0 && c->member[i - 1].record == c->member[i].record)
		i--;
	return i;
}

void worker_main(struct worker_set *c, size_t i)
{
	struct worker_process *m = &c->member[i];
	const struct worker_record *record = c->record[m->record];
	size_t worker_set_first = first_of_load(c, i);
	if (!load_threaded(&record->load))
		setpgid(0, 0);
	struct ktstr_worker w = {
		.thread = load_threaded(&record->load),
		.slot = &c->slot[i],
		.member_slot = &c->slot[m->group_first],
		.group = &c->group[m->group_first],
		.peer = &c->member[m->group_first],
		.shared = c->shared,
		.work = &record->load.work,
		.type = work_type(&record->load.work),
		.clock = *c->clock,
		.topology = c->topology,
		.cgroup = m->cgroup,
		.rng.state = c->rng.state ^ i * 0x9e3779b97f4a7c15u,
		.fd_in = m->fd_in,
		.fd_shared = c->member[m->group_first].fd_shared,
		.member = m->member,
		.members = work_group_size(&record->load.work),
		.worker_set_size = record->workers,
		.worker_slot = &c->slot[worker_set_first],
	};
	worker_run_load(&w, &record->load, c->batch, m->start_offset);
}
