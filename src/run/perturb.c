/* SPDX-License-Identifier: GPL-2.0-only */
/* perturb.c -- see perturb.h. */
#include "run/perturb.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/hash.h"
#include "base/parse.h"
#include "base/rng.h"

/* --- events ------------------------------------------------------------------------------------------------------- */

/* In files, an event is its number here: new ones come at the end. */
static const struct {
	const char *name; /* of a function of the kernel, or of an event without one */
	uint32_t set;
} events[] = {
	{ "try_to_wake_up", PERTURB_TASKS },
	{ "set_task_cpu", PERTURB_TASKS },
	{ "activate_task", PERTURB_TASKS },
	{ "__switch_to", PERTURB_TASKS },
	{ "do_enqueue_task", PERTURB_QUEUES },
	{ "dispatch_enqueue", PERTURB_QUEUES },
	{ "consume_dispatch_q", PERTURB_QUEUES },
	{ "dequeue_task_scx", PERTURB_QUEUES },
	{ "scx_bpf_dispatch", PERTURB_KFUNCS },
	{ "scx_bpf_dispatch_vtime", PERTURB_KFUNCS },
	{ "scx_bpf_dsq_insert", PERTURB_KFUNCS },
	{ "scx_bpf_dsq_insert_vtime", PERTURB_KFUNCS },
	{ "scx_bpf_consume", PERTURB_KFUNCS },
	{ "scx_bpf_dsq_move_to_local", PERTURB_KFUNCS },
	{ "scx_bpf_kick_cpu", PERTURB_KFUNCS },
	{ "scx_bpf_test_and_clear_cpu_idle", PERTURB_KFUNCS },
	{ "bpf_rbtree_add_impl", PERTURB_ATOMICS },
	{ "bpf_rbtree_remove", PERTURB_ATOMICS },
	{ "bpf_spin_lock", PERTURB_LOCKS },
	{ "bpf_spin_unlock", PERTURB_LOCKS },
	{ "bpf_kptr_xchg", PERTURB_ATOMICS },
	{ "bpf_map_lookup_elem", PERTURB_ATOMICS },
	/* Callers of a scheduler's operations. */
	{ "select_task_rq_scx", PERTURB_OPS },
	{ "enqueue_task_scx", PERTURB_OPS },
	{ "balance_scx", PERTURB_OPS },
	{ "balance_one", PERTURB_OPS },
	{ "set_next_task_scx", PERTURB_OPS },
	{ "put_prev_task_scx", PERTURB_OPS },
	{ "task_tick_scx", PERTURB_OPS },
	{ "set_cpus_allowed_scx", PERTURB_OPS },
	{ "reweight_task_scx", PERTURB_OPS },
	{ "switching_to_scx", PERTURB_OPS },
	{ "scx_cgroup_move_task", PERTURB_OPS },
	{ "switch_class_scx", PERTURB_OPS },
	{ "__scx_update_idle", PERTURB_OPS },
	{ "rq_online_scx", PERTURB_OPS },
	{ "rq_offline_scx", PERTURB_OPS },
	/* Locks of the CPUs' queues. */
	{ "raw_spin_rq_lock_nested", PERTURB_RQ_LOCKS },
	{ "raw_spin_rq_unlock", PERTURB_RQ_LOCKS },
	{ "double_rq_lock", PERTURB_RQ_LOCKS },
	{ "window", OBSERVE_WINDOW },
	{ "ipi", OBSERVE_IPI },
	{ "timer", OBSERVE_TIMER },
	{ "code", OBSERVE_CODE },
};

static const struct {
	const char *word;
	uint32_t set;
} sets[] = {
	{ "tasks", PERTURB_TASKS },	  { "queues", PERTURB_QUEUES },	 { "kfuncs", PERTURB_KFUNCS },
	{ "atomics", PERTURB_ATOMICS },	  { "locks", PERTURB_LOCKS },	 { "ops", PERTURB_OPS },
	{ "rq-locks", PERTURB_RQ_LOCKS }, { "windows", OBSERVE_WINDOW }, { "ipis", OBSERVE_IPI },
	{ "timers", OBSERVE_TIMER },	  { "code", OBSERVE_CODE },
};

_Static_assert(ARRAY_SIZE(events) <= PERTURB_HOOKS_MAX, "a hook for each");

static bool is_function(uint32_t i)
{
	return !(events[i].set & OBSERVE_EVENTS);
}

unsigned perturb_hooks(const struct symbols *symbols, uint32_t at, struct observe_hook out[PERTURB_HOOKS_MAX])
{
	unsigned count = 0;
	for (uint32_t i = 0; i < ARRAY_SIZE(events); i++) {
		bool held = events[i].set & (at ?: PERTURB_AT), noted = events[i].set & PERTURB_AT;
		uint64_t address = is_function(i) && (held || noted) ? symbols_find(symbols, events[i].name) : 0;
		if (address)
			out[count++] = (struct observe_hook){ .address = address,
							      .id = PERTURB_FIRST_HOOK + i,
							      .kind = held ? OBSERVE_HOLD : OBSERVE_ORDER };
	}
	return count;
}

unsigned perturb_event_count(void)
{
	return ARRAY_SIZE(events);
}

const char *perturb_event(uint32_t index)
{
	return index < ARRAY_SIZE(events) ? events[index].name : NULL;
}

uint32_t perturb_event_id(uint32_t index)
{
	return is_function(index) ? PERTURB_FIRST_HOOK + index : OBSERVE_EVENT_IDS + events[index].set;
}

int perturb_event_index(uint32_t id)
{
	for (uint32_t i = 0; i < ARRAY_SIZE(events); i++)
		if (perturb_event_id(i) == id)
			return (int)i;
	return -ENOENT;
}

/* --- where: sets of events ---------------------------------------------------------------------------------------- */

uint32_t perturb_set(const char *word)
{
	for (size_t i = 0; i < ARRAY_SIZE(sets); i++)
		if (!strcmp(word, sets[i].word))
			return sets[i].set;
	return 0;
}

const char *perturb_set_word(unsigned index, uint32_t *ret)
{
	*ret = index < ARRAY_SIZE(sets) ? sets[index].set : 0;
	return index < ARRAY_SIZE(sets) ? sets[index].word : NULL;
}

/* "tasks+locks" */
static bool read_at(const char *value, struct observe_perturb *p)
{
	_cleanup_free_ char *copy = strdup(value);
	char *rest = copy, *word;
	p->at = 0;
	while (rest && (word = strsep(&rest, "+"))) {
		uint32_t set = perturb_set(word);
		if (!set || p->at & set)
			return false;
		p->at |= set;
	}
	return p->at;
}

/* Windows of time have interrupts beside them; otherwise functions are meant. */
static uint32_t usual_at(bool windows)
{
	return windows ? OBSERVE_WINDOW | OBSERVE_IPI | OBSERVE_TIMER : PERTURB_AT;
}

static void put_at(const struct observe_perturb *p, struct buf *out)
{
	const char *separator = ",at=";
	if (!p->at || p->at == usual_at(p->at & OBSERVE_WINDOW))
		return;
	for (size_t i = 0; i < ARRAY_SIZE(sets); i++) {
		if (!(p->at & sets[i].set))
			continue;
		buf_appendf(out, "%s%s", separator, sets[i].word);
		separator = "+";
	}
}

/* --- as text ------------------------------------------------------------------------------------------------------ */

static bool read_time(const char *value, uint64_t most, uint64_t *ret)
{
	nsec_t ns;
	if (parse_duration(value, &ns) < 0 || ns < 1 || (uint64_t)ns > most)
		return false;
	*ret = (uint64_t)ns;
	return true;
}

static bool read_time32(const char *value, uint32_t most, uint32_t *ret)
{
	uint64_t ns;
	if (!read_time(value, most, &ns))
		return false;
	*ret = (uint32_t)ns;
	return true;
}

static bool read_seed(const char *value, struct observe_perturb *p)
{
	return parse_u64(value, &p->seed) == 0;
}

static bool read_one_in(const char *value, struct observe_perturb *p)
{
	return parse_u32_range(value, 1, UINT32_MAX, &p->one_in) == 0;
}

static bool read_hold(const char *value, struct observe_perturb *p)
{
	return read_time32(value, OBSERVE_HOLD_NS_MAX, &p->hold_ns);
}

static bool read_span(const char *value, struct observe_perturb *p)
{
	return read_time(value, PERTURB_SPAN_NS_MAX, &p->span_ns);
}

static bool read_depth(const char *value, struct observe_perturb *p)
{
	return parse_u32_range(value, 1, OBSERVE_DEPTH_MAX, &p->depth) == 0;
}

static bool read_window(const char *value, struct observe_perturb *p)
{
	return read_time32(value, PERTURB_WINDOW_NS_MAX, &p->window_ns);
}

/* "1200:77": from event 1200 on, as with seed 77. */
static bool read_branch(const char *value, struct observe_perturb *p)
{
	const char *colon = strchr(value, ':');
	_cleanup_free_ char *hit = colon ? strndup(value, (size_t)(colon - value)) : NULL;
	struct observe_branch *b = &p->branch[MIN_OF(p->branches, (uint32_t)OBSERVE_BRANCHES_MAX - 1)];
	if (!hit || p->branches == OBSERVE_BRANCHES_MAX || parse_u64(hit, &b->hit) < 0 ||
	    parse_u64(colon + 1, &b->seed) < 0)
		return false;
	return p->branches++ == 0 || b[-1].hit < b->hit;
}

enum part { PART_SEED, PART_ONE_IN, PART_HOLD, PART_SPAN, PART_AT, PART_THEN, PART_PCT, PART_WINDOW, PART_RANDOM };

static const struct {
	const char *name;
	char mark;
	bool (*read)(const char *value, struct observe_perturb *p);
	const char *valid;
} parts[] = {
	[PART_SEED] = { "seed", '=', read_seed, "seed=N, a number" },
	[PART_ONE_IN] = { "one-in", '=', read_one_in, "one-in=N, a number from 1 on" },
	[PART_HOLD] = { "hold", '=', read_hold, "hold=TIME, from 1ns to 100ms" },
	[PART_SPAN] = { "span", '=', read_span, "span=TIME, from 1ns to 24h" },
	[PART_AT] = { "at", '=', read_at,
		      "at=SET+SET, each set once: tasks, queues, kfuncs, atomics, locks, ops, rq-locks, windows, ipis, "
		      "timers, code" },
	[PART_THEN] = { "then", '=', read_branch, "then=EVENT:SEED, at most 4, each with a later event" },
	[PART_PCT] = { "pct", ':', read_depth, "pct:D, from 1 to 64" },
	[PART_WINDOW] = { "window", ':', read_window, "window:TIME, from 1ns to 1s" },
	[PART_RANDOM] = { "random", 0, NULL, "random, which is without a value" },
};

_Static_assert(OBSERVE_HOLD_NS_MAX == 100000000 && OBSERVE_DEPTH_MAX == 64 && OBSERVE_BRANCHES_MAX == 4 &&
		       PERTURB_WINDOW_NS_MAX == 1000000000 && PERTURB_SPAN_NS_MAX / 1000000000 == 86400,
	       "the table says these limits");

/* The row that a part is of: by the name before its mark. A number alone is a seed. -ENOENT: there is none. */
static int find_part(const char *text)
{
	uint64_t number;
	size_t len = strcspn(text, "=:");
	for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
		if (strlen(parts[i].name) == len && !strncmp(text, parts[i].name, len))
			return (int)i;
	return parse_u64(text, &number) == 0 ? PART_SEED : -ENOENT;
}

static bool read_part(const char *text, enum part part, struct observe_perturb *p)
{
	const char *mark = text + strcspn(text, "=:");
	if (*mark)
		return parts[part].mark == *mark && parts[part].read(mark + 1, p);
	if (part == PART_WINDOW)
		p->window_ns = PERTURB_WINDOW_NS;
	return part == PART_WINDOW || part == PART_RANDOM || (part == PART_SEED && read_seed(text, p));
}

/* What was not said depends on the policy. */
static void fill_in(struct observe_perturb *p)
{
	bool windows = p->window_ns || p->at & OBSERVE_WINDOW;
	p->at = p->at ?: usual_at(windows);
	if (p->window_ns)
		p->at |= OBSERVE_WINDOW;
	else if (windows)
		p->window_ns = PERTURB_WINDOW_NS;
	if (!p->depth)
		p->one_in = p->one_in ?: windows ? PERTURB_WINDOW_ONE_IN : PERTURB_ONE_IN;
	p->hold_ns = p->hold_ns ?: p->depth ? PERTURB_PCT_HOLD_NS : PERTURB_HOLD_NS;
}

/* Parts that contradict each other; NULL: none do. @given: bits of enum part. */
static const char *contradiction(const struct observe_perturb *p, unsigned given)
{
	if (given & 1u << PART_RANDOM && given & (1u << PART_PCT | 1u << PART_WINDOW))
		return "random, pct:D and window are policies; leave random out";
	if (p->depth && p->one_in)
		return "pct:D chooses times, and one-in=N chooses by chance; leave one of them out";
	if (p->depth && p->branches)
		return "then=EVENT:SEED goes on by chance, and pct:D chooses times; leave one of them out";
	if (p->span_ns && !p->depth)
		return "span=TIME needs pct:D";
	return NULL;
}

/* Reads one part, which @given does not have yet. */
static int take_part(const char *text, unsigned *given, struct observe_perturb *p, struct err **err)
{
	int part = find_part(text);
	if (part < 0)
		return FAIL(err, ERR_USAGE, -EINVAL,
			    "'%s' is not a part of a perturbation, which has the form [random|pct:D|window:TIME,]"
			    "seed=7,one-in=3,hold=500us,at=SET+SET; see 'ktstr explore --help'",
			    text);
	if (*given & 1u << part && part != PART_THEN)
		return FAIL(err, ERR_USAGE, -EINVAL,
			    "a perturbation has '%s' twice, the second time as '%s'; leave one out", parts[part].name,
			    text);
	*given |= 1u << part;
	if (!read_part(text, (enum part)part, p))
		return FAIL(err, ERR_USAGE, -EINVAL, "'%s' is not valid in a perturbation; valid is %s", text,
			    parts[part].valid);
	return 0;
}

int perturb_parse(const char *text, struct observe_perturb *ret, struct err **err)
{
	struct observe_perturb p = { 0 };
	_cleanup_free_ char *copy = strdup(text);
	char *rest = copy, *part;
	unsigned given = 0;
	int r = copy ? 0 : FAIL_SYS(err, -ENOMEM, "read '%s'", text);
	while (r == 0 && (part = strsep(&rest, ",")))
		r = take_part(part, &given, &p, err);
	if (r < 0)
		return r;
	const char *wrong = contradiction(&p, given);
	if (wrong)
		return FAIL(err, ERR_USAGE, -EINVAL, "the perturbation '%s' contradicts itself: %s", text, wrong);
	fill_in(&p);
	*ret = p;
	return 0;
}

/* Not of the structs, which have padding. */
static uint32_t sum_points(const struct observe_perturb *p)
{
	uint32_t sum = 0;
	for (unsigned i = 0; i < p->point_count; i++) {
		const uint64_t one[] = { p->points[i].hit, p->points[i].hold_ns };
		sum = crc32_update(sum, one, sizeof(one));
	}
	return sum;
}

static void put_branches(const struct observe_perturb *p, struct buf *out)
{
	for (uint32_t i = 0; i < p->branches; i++)
		buf_appendf(out, ",then=%lu:%lu", p->branch[i].hit, p->branch[i].seed);
}

/* All parts, so that the text means the same where defaults are others. */
static void put_policy(const struct observe_perturb *p, struct buf *out)
{
	if (p->depth)
		buf_appendf(out, "pct:%u,", p->depth);
	if (p->at & OBSERVE_WINDOW)
		buf_appendf(out, "window:%uns,", p->window_ns);
	buf_appendf(out, "seed=%lu", p->seed);
	if (!p->depth)
		buf_appendf(out, ",one-in=%u", p->one_in);
	buf_appendf(out, ",hold=%uns", p->hold_ns);
	if (p->span_ns)
		buf_appendf(out, ",span=%luns", p->span_ns);
	put_at(p, out);
	put_branches(p, out);
}

const char *perturb_format(const struct observe_perturb *p, char out[PERTURB_TEXT_MAX])
{
	_cleanup_buf_ struct buf text = BUF_NULL;
	if (p->points)
		buf_appendf(&text, "points=%u,sum=%08x", p->point_count, sum_points(p));
	else
		put_policy(p, &text);
	snprintf(out, PERTURB_TEXT_MAX, "%s", buf_str(&text));
	return out;
}

uint64_t perturb_hash(const struct observe_perturb *p)
{
	char text[PERTURB_TEXT_MAX];
	struct rng mix = { 0 };
	if (!perturb_on(p))
		return 0;
	for (const char *at = perturb_format(p, text); *at; at++)
		mix.state = rng_next(&mix) ^ (uint8_t)*at;
	return rng_next(&mix);
}

const char *perturb_policy(const struct observe_perturb *p)
{
	return p->depth ? "pct" : p->at & OBSERVE_WINDOW ? "window" : "random";
}

bool perturb_on(const struct observe_perturb *p)
{
	return p->one_in || p->depth || p->points;
}
