/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * observed.c -- ktstr whose machines are observed, for tests and measurements: all machines stop as the environment
 * says, each stop is written down, and the guest goes on.
 *
 *	OBSERVED_SAMPLE_MS	stop each N ms of guest time
 *	OBSERVED_HOOKS		ADDRESS[:count|record|stop|hold],... (hexadecimal; without a kind: stop)
 *	OBSERVED_OUT		the file to which stops, records and hits are appended
 *	OBSERVED_HOLD_MS	how long each stop takes
 *	OBSERVED_KILL_AT	kill the machine at this stop, instead of letting it go on
 *	OBSERVED_ADD_AT		set the hooks at this stop, not at the start
 *	OBSERVED_PERTURB	SEED,ONE_IN,NS: hold vCPUs back at the hooks "hold"
 *	OBSERVED_POINTS		HIT:NS,...: hold them back exactly there
 *	OBSERVED_SCHEDULE	the kernel's vmlinux: feed the schedule model, compare it with the kernel
 *	OBSERVED_TRACE		the file for the events, one a line
 *	OBSERVED_UNCHECKED	do not compare
 *	OBSERVED_REPLAY		measure the model with the same events once more
 *
 * accel_choose() is wrapped by the linker.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/parse.h"
#include "reactor/machine.h"
#include "scheduled.h"
#include "vmm/accel.h"

struct watch {
	struct machine machine;
	struct vm *vm;
	struct observe_hook hook[OBSERVE_HOOKS_MAX];
	unsigned hooks;
	uint64_t hold_ms, kill_at, add_at;
	uint64_t records, late; /* late: whose time is before that of the record before, on one vCPU */
	uint64_t last[OBSERVE_CPUS_MAX];
	bool destroyed;
	struct scheduled *schedule; /* or NULL */
	struct watch *next;
};

/* Of all machines of this process that exist. */
static struct watch *watches;
static const struct vm_backend *real;
static struct vm_backend observed;
static struct observe_point point[OBSERVE_POINTS_MAX];

int __real_accel_choose(enum accel want, unsigned lag_ns, const char *cache_dir, struct accel_choice *ret,
			struct err **err);
int __wrap_accel_choose(enum accel want, unsigned lag_ns, const char *cache_dir, struct accel_choice *ret,
			struct err **err);

static uint64_t number(const char *name)
{
	const char *text = getenv(name);
	return text ? strtoull(text, NULL, 10) : 0;
}

static FILE *output(void)
{
	const char *path = getenv("OBSERVED_OUT");
	FILE *f = fopen(path ? path : "/dev/null", "ae");
	if (!f)
		abort();
	return f;
}

static struct watch *watch_of(const struct vm *vm)
{
	struct watch *w = watches;
	while (w && w->vm != vm)
		w = w->next;
	return w;
}

/* --- stops -------------------------------------------------------------------------------------------------------- */

static void print_stop(const struct observe_stop *s, const struct guestmem *m)
{
	const struct observe_registers *r = &s->registers[s->vcpu];
	const uint8_t *page = guestmem_at(m, r->cr3 & 0xfffffffff000, 4096);
	FILE *f = output();
	fprintf(f, "stop %lu %s hook %u vcpu %u ns %lu rip %lx rsp %lx cr3 %s lstar %lx\n", s->count,
		s->why == OBSERVE_AT_HOOK ? "hook" : "time", s->hook, s->vcpu, s->guest_ns, r->rip, r->general[RSP],
		page ? "mapped" : "outside", r->lstar);
	fclose(f);
}

static void take_record(void *data, const struct observe_record *r)
{
	struct watch *w = data;
	w->records++;
	w->late += r->guest_ns < w->last[r->vcpu];
	w->last[r->vcpu] = r->guest_ns;
	if (w->schedule)
		scheduled_record(w->schedule, r);
	if (w->records > 20)
		return;
	FILE *f = output();
	fprintf(f, "record hook %u vcpu %u ns %lu %lx %lx %lx\n", r->hook, r->vcpu, r->guest_ns, r->argument[0],
		r->argument[1], r->argument[2]);
	fclose(f);
}

static void print_end(struct watch *w)
{
	FILE *f = output();
	for (unsigned i = 0; i < w->hooks; i++) {
		struct observe_hook_state s;
		if (real->hook_state(w->vm, w->hook[i].id, &s) == 0)
			fprintf(f, "hook %u hits %lu%s\n", w->hook[i].id, s.hits, s.in_force ? "" : " not in force");
	}
	if (w->schedule)
		scheduled_print(w->schedule, f);
	unsigned points = real->points(w->vm, point, OBSERVE_POINTS_MAX);
	fprintf(f, "points %u ", points);
	for (unsigned i = 0; i < points; i++)
		fprintf(f, "%s%lu:%u", i ? "," : "", point[i].hit, point[i].hold_ns);
	fprintf(f, "\nend %d records %lu late %lu held_us %ld%s\n", w->vm->end, w->records, w->late, w->vm->held / 1000,
		w->vm->observer_damaged ? " damaged" : "");
	fclose(f);
}

enum { WATCH_LOOK, WATCH_HOLD, WATCH_LAST, WATCH_COUNT };

static void handle_stop(struct watch *w)
{
	for (unsigned i = 0; i < w->hooks && w->vm->stop->count == w->add_at; i++) {
		if (real->set_hook(w->vm, &w->hook[i], NULL) < 0)
			abort();
	}
	if (w->kill_at && w->vm->stop->count >= w->kill_at)
		real->kill(w->vm, true);
	else
		real->resume(w->vm);
}

static int watch_look(struct machine *m, int result)
{
	struct watch *w = container_of(m, struct watch, machine);
	(void)result;
	if (w->vm->ended)
		return WATCH_LAST;
	if (w->vm->stop) {
		print_stop(w->vm->stop, real->memory(w->vm));
		if (w->hold_ms) {
			machine_sleep(m, (nsec_t)w->hold_ms * NSEC_PER_MSEC);
			return WATCH_HOLD;
		}
		handle_stop(w);
	}
	machine_wait_notice(m, &w->vm->stopped);
	return WATCH_LOOK;
}

static int watch_hold(struct machine *m, int result)
{
	struct watch *w = container_of(m, struct watch, machine);
	(void)result;
	if (w->vm->stop)
		handle_stop(w);
	machine_nop(m);
	return WATCH_LOOK;
}

/* Also entered by a cancel. */
static int watch_last(struct machine *m, int result)
{
	struct watch *w = container_of(m, struct watch, machine);
	(void)result;
	if (w->vm->ended) {
		print_end(w);
		return MACHINE_END;
	}
	machine_wait_notice(m, &w->vm->stopped);
	return WATCH_LAST;
}

static void watch_done(struct machine *m, int result)
{
	struct watch *w = container_of(m, struct watch, machine), **at = &watches;
	(void)result;
	if (w->destroyed)
		real->destroy(w->vm);
	while (*at != w)
		at = &(*at)->next;
	*at = w->next;
	scheduled_free(w->schedule);
	free(w);
}

static const struct machine_state watch_states[WATCH_COUNT] = {
	[WATCH_LOOK] = { "look", watch_look, DEADLINE_NONE, WATCH_LAST, TO(WATCH_HOLD) | TO(WATCH_LAST) },
	[WATCH_HOLD] = { "hold", watch_hold, DEADLINE_NONE, WATCH_LAST, TO(WATCH_LOOK) | TO(WATCH_LAST) },
	[WATCH_LAST] = { "last", watch_last, DEADLINE_NONE, 0, TO_END, true },
};
static const struct machine_type watch_type = { "observed", watch_states, WATCH_COUNT, watch_done };

/* --- the backend -------------------------------------------------------------------------------------------------- */

static uint32_t kind_of(const char *text)
{
	if (!strncmp(text, ":count", 6))
		return OBSERVE_COUNT;
	if (!strncmp(text, ":hold", 5))
		return OBSERVE_HOLD;
	return !strncmp(text, ":record", 7) ? OBSERVE_RECORD : OBSERVE_STOP;
}

static void read_hooks(struct watch *w)
{
	const char *at = getenv("OBSERVED_HOOKS");
	while (at && *at && w->hooks < OBSERVE_HOOKS_MAX) {
		char *end;
		uint64_t address = strtoull(at, &end, 16);
		w->hook[w->hooks] = (struct observe_hook){ address, 1 + w->hooks, kind_of(end) };
		w->hooks++;
		at = strchr(end, ',');
		at = at ? at + 1 : NULL;
	}
}

static unsigned read_points(const char *at)
{
	unsigned count = 0;
	while (*at && count < OBSERVE_POINTS_MAX) {
		char *end;
		uint64_t hit = strtoull(at, &end, 10);
		point[count++] = (struct observe_point){ .hit = hit, .hold_ns = (uint32_t)strtoul(end + 1, &end, 10) };
		at = *end ? end + 1 : end;
	}
	return count;
}

static struct observe_perturb read_perturb(void)
{
	const char *chance = getenv("OBSERVED_PERTURB"), *points = getenv("OBSERVED_POINTS");
	struct observe_perturb p = { 0 };
	if (chance && sscanf(chance, "%lu,%u,%u", &p.seed, &p.one_in, &p.hold_ns) != 3)
		abort();
	if (points) {
		p.points = point;
		p.point_count = read_points(points);
	}
	return p;
}

static int start(struct vm *vm, struct reactor *r, const struct vm_config *c, struct machine *parent, struct err **err)
{
	struct vm_config config = *c;
	if (c->park)
		return real->start(vm, r, c, parent, err);
	struct watch *w = calloc(1, sizeof(*w));
	if (!w)
		return -ENOMEM;
	read_hooks(w);
	w->schedule = scheduled_new(c);
	w->hooks += w->schedule ? scheduled_hooks(w->schedule, w->hook + w->hooks) : 0;
	w->hold_ms = number("OBSERVED_HOLD_MS");
	w->kill_at = number("OBSERVED_KILL_AT");
	w->add_at = number("OBSERVED_ADD_AT");
	struct observe_config observe = { .hooks = w->hook,
					  .hook_count = w->add_at ? 0 : w->hooks,
					  .sample_ns = number("OBSERVED_SAMPLE_MS") * 1000000,
					  .perturb = read_perturb(),
					  .record = take_record,
					  .data = w };
	config.observe = &observe;
	int result = real->start(vm, r, &config, parent, err);
	if (result < 0) {
		free(w);
		return result;
	}
	w->vm = vm;
	w->next = watches;
	watches = w;
	machine_start(r, &w->machine, &watch_type, parent, "observed");
	return 0;
}

/* The VM has ended. Its watch is to see that, too, also if it holds a stop. */
static void destroy(struct vm *vm)
{
	struct watch *w = watch_of(vm);
	if (!w) {
		real->destroy(vm);
		return;
	}
	w->destroyed = true;
	machine_cancel(&w->machine);
}

int __wrap_accel_choose(enum accel want, unsigned lag_ns, const char *cache_dir, struct accel_choice *ret,
			struct err **err)
{
	char why[256];
	int r = __real_accel_choose(want, lag_ns, cache_dir, ret, err);
	if (r < 0)
		return r;
	real = ret->backend;
	const char *lack = real->observer_lack(why, sizeof(why));
	if (lack)
		return FAIL(err, ERR_MISSING, -ENOTSUP, "no observer: %s", lack);
	observed = *real;
	observed.start = start;
	observed.destroy = destroy;
	ret->backend = &observed;
	return 0;
}
