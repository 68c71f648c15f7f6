/* SPDX-License-Identifier: GPL-2.0-only */
/* live_machine.c -- see live_machine.h. */
#include "cli/live_machine.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/parse.h"

#define PROC "/proc"

/* --- which machine ------------------------------------------------------------------------------------------------ */

struct cards {
	struct machine_card *item;
	size_t count;
};

static void cards_done(struct cards *c)
{
	free(c->item);
}

static bool is_meant(const struct machine_card *c, const char *word)
{
	uint64_t number;
	if (!word || strstr(c->name, word) || !strcmp(c->run, word))
		return true;
	return parse_u64(word, &number) == 0 && (number == (uint64_t)c->pid || number == (uint64_t)c->machine_pid);
}

static int find_cards(struct cards *c, struct err **err)
{
	return machine_cards_find(PROC, &c->item, &c->count, err);
}

int live_machine_choose(const char *word, struct machine_card *ret, struct err **err)
{
	_cleanup_(cards_done) struct cards all = { 0 };
	const struct machine_card *found = NULL;
	int r = find_cards(&all, err);
	for (size_t i = 0; r == 0 && i < all.count; i++)
		if (is_meant(&all.item[i], word))
			found = &all.item[i];
	if (r == 0 && !all.count)
		return FAIL(err, ERR_MISSING, -ENOENT,
			    "no machine of yours runs now; start one with 'ktstr shell' or 'ktstr test'");
	if (r == 0 && !found)
		return FAIL(err, ERR_USAGE, -ENOENT,
			    "no running machine has '%s' in its name, as its run, or as its process; 'ktstr top "
			    "--list' lists them",
			    word);
	if (r == 0)
		*ret = *found;
	return r;
}

bool live_machine_next(const struct machine_card *last, const char *word, struct machine_card *ret)
{
	_cleanup_(cards_done) struct cards all = { 0 };
	if (find_cards(&all, NULL) < 0)
		return false;
	for (size_t i = 0; i < all.count; i++) {
		if (all.item[i].pid != last->pid || all.item[i].started <= last->started ||
		    !is_meant(&all.item[i], word))
			continue;
		*ret = all.item[i];
		return true;
	}
	return false;
}

int live_machines_visit(const char *word, void (*visit)(const struct machine_card *card, void *arg), void *arg,
			struct err **err)
{
	_cleanup_(cards_done) struct cards all = { 0 };
	int r = find_cards(&all, err);
	for (size_t i = 0; r == 0 && i < all.count; i++)
		if (is_meant(&all.item[i], word))
			visit(&all.item[i], arg);
	return r;
}

/* --- its kernel --------------------------------------------------------------------------------------------------- */

int live_machine_open(struct live_machine *m, struct err **err)
{
	watched_kernel_init(&m->kernel, NULL);
	const char *lack = watched_kernel_open_file(&m->kernel, m->card.kernel, m->card.image, m->card.arch);
	if (lack)
		return FAIL(err, ERR_IMPOSSIBLE, -EOPNOTSUPP, "the machine '%s' cannot be looked at: %s", m->card.name,
			    lack);
	int r = machine_card_map(PROC, &m->card, &m->memory, err);
	if (r == 0)
		view_init(&m->view, &m->kernel.image, &m->memory,
			  machine_low_memory(m->card.arch, m->card.backend, m->card.memory_mib));
	return r;
}

void live_machine_close(struct live_machine *m)
{
	guestmem_done(&m->memory);
	watched_kernel_done(&m->kernel);
	m->found = false;
}

bool live_machine_runs(const struct live_machine *m)
{
	return machine_card_lives(PROC, &m->card);
}

int live_machine_inspect(struct live_machine *m, struct inspector *in, const char **why)
{
	const struct inspect_config config = { .view = &m->view, .layout = &m->kernel.layout };
	*why = m->found ? NULL : view_find_slides(&m->view, 0, 0);
	m->found = !*why;
	if (m->found && view_refresh(&m->view) < 0)
		*why = "the kernel has not set up its CPUs yet";
	return *why ? 1 : inspect_begin(in, &config);
}
