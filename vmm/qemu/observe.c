/* SPDX-License-Identifier: GPL-2.0-only */
/* observe.c -- see observe.h. */
#include <fcntl.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>

#include "base/bug.h"
#include "base/file.h"
#include "topo/topology.h"
#include "vmm/qemu/observe.h"

#define GO_ON_DEADLINE (3 * NSEC_PER_SEC) /* only a process that we do not control any more lets us wait */

static struct qemu_observer *observer_of(struct machine *m)
{
	return container_of(m, struct qemu_observer, machine);
}

/* --- the channel -------------------------------------------------------------------------------------------------- */

static int make_channel(struct qemu_observer *o, struct err **err)
{
	o->channel_fd = memfd_new("ktstr-observer", sizeof(*o->channel));
	o->stopped_fd = eventfd(0, EFD_CLOEXEC);
	o->go_on_fd = eventfd(0, EFD_CLOEXEC);
	if (o->channel_fd < 0 || o->stopped_fd < 0 || o->go_on_fd < 0 ||
	    fcntl(o->channel_fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0)
		return FAIL_SYS(err, -errno, "make the observer's channel");
	void *map = mmap(NULL, sizeof(*o->channel), PROT_READ | PROT_WRITE, MAP_SHARED, o->channel_fd, 0);
	if (map == MAP_FAILED)
		return FAIL_SYS(err, -errno, "map the observer's channel");
	o->channel = map;
	return shmring_area_new(1, OBSERVE_RING_BYTES, &o->area, err);
}

/* Its file is large, and what is never touched of it takes no memory. */
static int make_profile(struct qemu_observer *o, struct err **err)
{
	const struct observe_config *c = &o->config;
	if (!c->functions)
		return 0;
	if (c->function_count > OBSERVE_FUNCTIONS_MAX)
		return FAIL(err, ERR_DATA, -E2BIG, "the kernel has more than %u functions", OBSERVE_FUNCTIONS_MAX);
	o->profile_fd = memfd_new("ktstr-profile", sizeof(*o->profile));
	if (o->profile_fd < 0 || fcntl(o->profile_fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0)
		return FAIL_SYS(err, -errno, "make the file for the profile");
	void *map = mmap(NULL, sizeof(*o->profile), PROT_READ | PROT_WRITE, MAP_SHARED, o->profile_fd, 0);
	if (map == MAP_FAILED)
		return FAIL_SYS(err, -errno, "map the file for the profile");
	o->profile = map;
	o->profile->magic = CHANNEL_MAGIC;
	o->profile->size = sizeof(*o->profile);
	o->profile->functions = c->function_count;
	o->profile->count_code = c->count_code;
	o->profile->pieces = MIN_OF(c->code_count, (uint32_t)OBSERVE_CODE_PIECES_MAX);
	for (uint32_t i = 0; i < o->profile->pieces; i++)
		o->profile->piece[i] = c->code[i];
	memcpy(o->profile->function, c->functions, c->function_count * sizeof(*c->functions));
	o->channel->profiles = 1;
	o->config.functions = NULL;
	o->config.code = NULL;
	return 0;
}

static int find_hook(const struct qemu_observer *o, uint32_t id)
{
	for (unsigned i = 0; i < o->hooks; i++) {
		if (o->hook[i].id == id)
			return (int)i;
	}
	return -ENOENT;
}

static bool is_valid_read(const struct observe_read *r)
{
	bool has_size = r->size == 1 || r->size == 2 || r->size == 4 || r->size == 8;
	return r->base == OBSERVE_NO_READ ||
	       (r->base < OBSERVE_BASE_COUNT && has_size && r->hops >= 1 && r->hops <= OBSERVE_HOPS);
}

static bool is_valid_hook(const struct observe_hook *h)
{
	bool valid = h->address >= OBSERVE_ADDRESS_MIN && h->kind <= OBSERVE_ORDER;
	for (unsigned i = 0; i < OBSERVE_READS; i++)
		valid &= is_valid_read(&h->read[i]);
	return valid;
}

static int put_hook(struct qemu_observer *o, const struct observe_hook *h, struct err **err)
{
	int i = find_hook(o, h->id);
	bool known = i >= 0 && o->hook[i].address == h->address;
	if (!is_valid_hook(h) || (i >= 0 && !known))
		return FAIL(err, ERR_DATA, -EINVAL, "hook %u at 0x%lx of kind %u is not valid", h->id, h->address,
			    h->kind);
	if (!known && o->hooks == OBSERVE_HOOKS_MAX)
		return FAIL(err, ERR_DATA, -ENOSPC, "more than %d hooks", OBSERVE_HOOKS_MAX);
	i = known ? i : (int)o->hooks++;
	o->hook[i] = *h;
	o->channel->hook[i].hook = *h;
	if (h->kind == OBSERVE_RECORD && !o->config.record)
		o->channel->hook[i].hook.kind = OBSERVE_COUNT;
	o->channel->hooks = o->hooks;
	return 0;
}

/* Documentation/arch/x86/x86_64/mm.rst, for a kernel that is not randomised. */
static const struct observe_place usual_place = {
	.map = { { 0xffff888000000000, UINT64_C(64) << 40, 0 }, /* the direct map, with 4 levels of page tables */
		 { 0xff11000000000000, UINT64_C(32) << 50, 0 }, /* with 5 levels */
		 { 0xffffffff80000000, UINT64_C(1) << 30, 0 } } /* the image */
};

void qemu_observer_set_place(struct qemu_observer *o, const struct observe_place *place)
{
	o->channel->place = *place;
}

static bool perturbs_by_chance(const struct observe_perturb *p)
{
	return p->one_in || p->depth;
}

/* Depth, window and branches. */
static bool is_valid_policy(const struct observe_perturb *p)
{
	bool valid = p->depth <= OBSERVE_DEPTH_MAX && p->branches <= OBSERVE_BRANCHES_MAX;
	valid &= !p->depth || (p->span_ns && !p->branches);
	for (unsigned i = 1; valid && i < p->branches; i++)
		valid = p->branch[i - 1].hit < p->branch[i].hit;
	return valid && (!(p->at & OBSERVE_WINDOW) || p->window_ns);
}

static int check_perturb(const struct observe_perturb *p, unsigned lag_ns, struct err **err)
{
	bool in_order = true;
	if (!perturbs_by_chance(p) && !p->points)
		return 0;
	if (!lag_ns)
		return FAIL(err, ERR_DATA, -EINVAL, "vCPUs that share a clock cannot be held back");
	for (unsigned i = 0; p->points && i < p->point_count; i++)
		in_order &=
			p->points[i].hold_ns <= OBSERVE_HOLD_NS_MAX && (!i || p->points[i - 1].hit < p->points[i].hit);
	if (p->point_count > OBSERVE_POINTS_MAX || !in_order || (perturbs_by_chance(p) && !p->hold_ns) ||
	    !is_valid_policy(p) || p->hold_ns > OBSERVE_HOLD_NS_MAX)
		return FAIL(err, ERR_DATA, -EINVAL, "the perturbation is out of range, or its points are not in order");
	return 0;
}

static void put_perturb(struct channel *c, const struct observe_perturb *p)
{
	c->perturb_seed = p->seed;
	c->perturb_one_in = p->one_in;
	c->perturb_hold_ns = MAX_OF(p->hold_ns, 1u);
	c->perturb_depth = p->depth;
	c->perturb_span_ns = p->span_ns;
	c->perturb_at = perturbs_by_chance(p) || p->points ? p->at & OBSERVE_EVENTS : 0;
	c->perturb_window_ns = p->window_ns;
	c->branches = MIN_OF(p->branches, (uint32_t)OBSERVE_BRANCHES_MAX);
	memcpy(c->branch, p->branch, c->branches * sizeof(*c->branch));
	c->points_given = p->points != NULL;
	c->points = p->points ? p->point_count : 0;
	if (c->points)
		memcpy(c->point, p->points, c->points * sizeof(*c->point));
}

void qemu_observer_set_until(struct qemu_observer *o, const struct observe_until *until)
{
	o->channel->until_ns = until->guest_ns;
	o->channel->until_vcpu = until->vcpu;
}

int qemu_observer_init(struct qemu_observer *o, struct vm *vm, const struct vm_config *c, struct err **err)
{
	if (!c->observe)
		return 0;
	o->vm = vm;
	o->config = *c->observe;
	int r = check_perturb(&o->config.perturb, c->lag_ns, err);
	if (r == 0)
		r = make_channel(o, err);
	if (r < 0)
		return r;
	o->vcpus = topology_cpus(&c->topology);
	/* The file is large, and all of it is zero. */
	o->channel->magic = CHANNEL_MAGIC;
	o->channel->version = CHANNEL_VERSION;
	o->channel->size = sizeof(*o->channel);
	o->channel->vcpus = o->vcpus;
	o->channel->sample_ns = o->config.sample_ns;
	o->channel->at_end = o->config.at_end;
	qemu_observer_set_place(o, &usual_place);
	qemu_observer_set_until(o, &o->config.until);
	put_perturb(o->channel, &o->config.perturb);
	o->config.perturb.points = NULL;
	for (unsigned i = 0; i < o->config.hook_count && r == 0; i++)
		r = put_hook(o, &o->config.hooks[i], err);
	o->config.hooks = NULL;
	return r == 0 ? make_profile(o, err) : r;
}

unsigned qemu_observer_fds(const struct qemu_observer *o, struct child_fd out[OBSERVER_FDS])
{
	const struct child_fd all[OBSERVER_FDS] = {
		{ o->channel_fd, QEMU_FD_OBSERVER },	{ o->stopped_fd, QEMU_FD_STOPPED },
		{ o->go_on_fd, QEMU_FD_GO_ON },		{ o->area.fd, QEMU_FD_RECORDS },
		{ o->area.doorbell, QEMU_FD_DOORBELL }, { o->profile_fd, QEMU_FD_PROFILE },
	};
	if (!o->vm)
		return 0;
	memcpy(out, all, sizeof(all));
	return o->profile ? OBSERVER_FDS : OBSERVER_FDS - 1;
}

/* --- records ------------------------------------------------------------------------------------------------------ */

/* The process is not ours any more: nothing else of its channel is believed. */
static void mark_damaged(struct qemu_observer *o)
{
	o->vm->observer_damaged = true;
	notice_post(&o->vm->stopped);
	machine_cancel(&o->machine);
}

static void take_record(void *data, uint32_t ring, const struct shmring_item *item)
{
	struct qemu_observer *o = data;
	struct observe_record r;
	(void)ring;
	if (o->vm->observer_damaged)
		return;
	if (item->type != CHANNEL_RECORD || item->length != sizeof(r)) {
		mark_damaged(o);
		return;
	}
	memcpy(&r, item->payload, sizeof(r));
	if (r.vcpu >= o->vcpus || find_hook(o, r.hook) < 0)
		mark_damaged(o);
	else
		o->config.record(o->config.data, &r);
}

static void note_damaged_ring(void *data, uint32_t ring, const struct err *err)
{
	(void)ring;
	(void)err;
	mark_damaged(data);
}

/* --- the machine -------------------------------------------------------------------------------------------------- */

enum { WATCH_WAIT, WATCH_STOPPED, WATCH_GO_ON, WATCH_RELEASE, WATCH_RELEASED, WATCH_DRAIN, WATCH_COUNT };

/* io_uring reads and writes the eventfds, since the other process can make any call on them block: see shmpump.c. */
static int watch_wait(struct machine *m, int result)
{
	struct qemu_observer *o = observer_of(m);
	if (result < 0)
		return result;
	machine_read(m, o->stopped_fd, &o->count, sizeof(o->count), OP_STREAM);
	return WATCH_STOPPED;
}

static bool is_valid_stop(const struct qemu_observer *o, const struct channel_stop *s)
{
	bool has_why = s->why >= OBSERVE_AT_TIME && s->why <= (o->config.at_end ? OBSERVE_AT_END : OBSERVE_AT_UNTIL);
	return has_why && s->vcpus == o->vcpus && s->vcpu < s->vcpus &&
	       (s->why != OBSERVE_AT_HOOK || find_hook(o, s->hook) >= 0);
}

/* Copies the stop once, and checks the copy. */
static bool take_stop(struct qemu_observer *o)
{
	const struct channel_stop s = *(volatile struct channel_stop *)&o->channel->stop;
	bool at_hook = s.why == OBSERVE_AT_HOOK;
	if (!is_valid_stop(o, &s))
		return false;
	memcpy(o->registers, o->channel->registers, s.vcpus * sizeof(o->registers[0]));
	o->stop = (struct observe_stop){ .why = (enum observe_why)s.why,
					 .hook = at_hook ? s.hook : 0,
					 .vcpu = s.vcpu,
					 .guest_ns = s.guest_ns,
					 .count = o->stop.count + 1,
					 .vcpus = s.vcpus,
					 .registers = o->registers };
	return true;
}

static int watch_stopped(struct machine *m, int result)
{
	struct qemu_observer *o = observer_of(m);
	if (result != sizeof(o->count) || !take_stop(o)) {
		mark_damaged(o);
		return WATCH_RELEASE;
	}
	if (o->stop.why == OBSERVE_AT_END && o->pumps)
		shmpump_drain(&o->pump);
	if (o->vm->observer_damaged)
		return WATCH_RELEASE;
	o->vm->stop = &o->stop;
	o->vm->held_since = nsec_now();
	notice_post(&o->vm->stopped);
	machine_wait_notice(m, &o->resumed);
	return WATCH_GO_ON;
}

static void end_stop(struct qemu_observer *o)
{
	if (!o->vm->stop)
		return;
	o->vm->held += nsec_now() - o->vm->held_since;
	o->vm->stop = NULL;
}

static int watch_go_on(struct machine *m, int result)
{
	struct qemu_observer *o = observer_of(m);
	(void)result;
	o->count = 1;
	machine_write(m, o->go_on_fd, &o->count, sizeof(o->count), OP_STREAM);
	return WATCH_WAIT;
}

static int watch_release(struct machine *m, int result)
{
	struct qemu_observer *o = observer_of(m);
	(void)result;
	end_stop(o);
	o->channel->free_run = 1;
	o->count = 1;
	machine_write(m, o->go_on_fd, &o->count, sizeof(o->count), OP_STREAM);
	return WATCH_RELEASED;
}

static int watch_released(struct machine *m, int result)
{
	(void)result;
	machine_wait_notice(m, &observer_of(m)->child_ended);
	return WATCH_DRAIN;
}

/* What the process has recorded before its end is read, too. */
static int watch_drain(struct machine *m, int result)
{
	struct qemu_observer *o = observer_of(m);
	(void)result;
	if (!o->pumps || o->pump.machine.ended)
		return MACHINE_END;
	machine_cancel(&o->pump.machine);
	machine_await(m, &o->pump.machine);
	return WATCH_DRAIN;
}

static const struct machine_state watch_states[WATCH_COUNT] = {
	[WATCH_WAIT] = { "wait", watch_wait, DEADLINE_NONE, WATCH_RELEASE, TO(WATCH_STOPPED) | TO(WATCH_RELEASE) },
	[WATCH_STOPPED] = { "stopped", watch_stopped, DEADLINE_NONE, WATCH_RELEASE,
			    TO(WATCH_GO_ON) | TO(WATCH_RELEASE) },
	[WATCH_GO_ON] = { "go on", watch_go_on, GO_ON_DEADLINE, WATCH_RELEASE, TO(WATCH_WAIT) | TO(WATCH_RELEASE) },
	[WATCH_RELEASE] = { "release", watch_release, GO_ON_DEADLINE, WATCH_RELEASED, TO(WATCH_RELEASED) },
	[WATCH_RELEASED] = { "released", watch_released, DEADLINE_NONE, WATCH_DRAIN, TO(WATCH_DRAIN), true },
	[WATCH_DRAIN] = { "drain", watch_drain, DEADLINE_NONE, 0, TO_END, true },
};

static void watch_done(struct machine *m, int result)
{
	struct qemu_observer *o = observer_of(m);
	(void)result;
	o->ended(o->vm);
}

static const struct machine_type watch_type = { "observer", watch_states, WATCH_COUNT, watch_done };

/* --- for the backend ---------------------------------------------------------------------------------------------- */

int qemu_observer_start(struct qemu_observer *o, struct reactor *r, struct machine *parent,
			void (*ended)(struct vm *vm), struct err **err)
{
	const struct shmpump_config config = {
		.area = &o->area, .record = take_record, .damaged = note_damaged_ring, .data = o
	};
	o->ended = ended;
	int result = o->config.record ? shmpump_start(&o->pump, r, parent, &config, err) : 0;
	if (result < 0)
		return result;
	o->pumps = o->config.record;
	machine_start(r, &o->machine, &watch_type, parent, "observer");
	return 0;
}

void qemu_observer_release(struct qemu_observer *o)
{
	if (o->vm && o->machine.started)
		machine_cancel(&o->machine);
}

void qemu_observer_child_ended(struct qemu_observer *o)
{
	machine_cancel(&o->machine);
	notice_post(&o->child_ended);
}

void qemu_observer_resume(struct qemu_observer *o)
{
	REQUIRE(o->vm && o->vm->stop);
	end_stop(o);
	notice_post(&o->resumed);
}

int qemu_observer_set_hook(struct qemu_observer *o, const struct observe_hook *h, struct err **err)
{
	REQUIRE(o->vm && o->vm->stop);
	return put_hook(o, h, err);
}

int qemu_observer_hook_state(const struct qemu_observer *o, uint32_t id, struct observe_hook_state *ret)
{
	int i = o->vm ? find_hook(o, id) : -ENOENT;
	if (i < 0)
		return i;
	const volatile struct channel_hook *h = &o->channel->hook[i];
	*ret = (struct observe_hook_state){ .hits = h->hits, .in_force = h->in_force == 1 };
	return 0;
}

unsigned qemu_observer_points(const struct qemu_observer *o, struct observe_point *out, unsigned max)
{
	const volatile struct channel *c = o->vm ? o->channel : NULL;
	unsigned count = c ? MIN_OF(c->points, (unsigned)OBSERVE_POINTS_MAX) : 0;
	for (unsigned i = 0; i < MIN_OF(count, max); i++) {
		out[i] = c->point[i];
		out[i].hold_ns = MIN_OF(out[i].hold_ns, OBSERVE_HOLD_NS_MAX);
	}
	return count;
}

bool qemu_observer_orders(const struct qemu_observer *o, struct observe_orders *ret)
{
	if (!o->vm)
		return false;
	memcpy(ret, &o->channel->orders, sizeof(*ret));
	return true;
}

int qemu_observer_add_program(struct qemu_observer *o, const struct observe_program *p)
{
	REQUIRE(o->vm && o->vm->stop);
	struct profile_channel *c = o->profile;
	if (!c)
		return -ENODATA;
	if (o->programs == OBSERVE_PROGRAMS_MAX)
		return -ENOSPC;
	c->program[o->programs] = *p;
	c->programs = ++o->programs;
	return 0;
}

bool qemu_observer_profile(const struct qemu_observer *o, struct observe_profile *ret)
{
	const volatile struct profile_channel *c = o->vm ? o->profile : NULL;
	if (!c)
		return false;
	*ret = (struct observe_profile){ .path = o->profile->path,
					 .paths = MIN_OF(c->paths, OBSERVE_PATHS_MAX),
					 .user = c->user,
					 .lost = c->lost,
					 .executions = o->profile->executions };
	return true;
}

void qemu_observer_done(struct qemu_observer *o)
{
	if (o->pumps)
		shmpump_done(&o->pump);
	if (o->channel)
		munmap(o->channel, sizeof(*o->channel));
	if (o->profile)
		munmap(o->profile, sizeof(*o->profile));
	shmring_area_done(&o->area);
	fd_close(o->channel_fd);
	fd_close(o->stopped_fd);
	fd_close(o->go_on_fd);
	fd_close(o->profile_fd);
	*o = QEMU_OBSERVER_NULL;
}
